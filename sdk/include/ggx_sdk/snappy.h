/* ggx_sdk/snappy.h - unpacks Snappy's raw format (google/snappy, format_description.txt), from memory to memory. */
#ifndef GGX_SDK_SNAPPY_H
#define GGX_SDK_SNAPPY_H

#include <ggx/base.h>

/* No element of three bytes gives more than 64, so a length beyond this many times the packed size is a lie. */
#define GGX_SNAPPY_RATIO 22u

/* The length that the first bytes claim for the unpacked data, and how many bytes the claim takes. Errors (place: the byte in the packed
 * data, no member): GGX_E_MALFORMED when it has more than 32 bits, or more than `packed` bytes can unpack to. */
ggx_status ggx_snappy_length(const void *data, uint64_t packed, uint64_t *length, uint64_t *head, ggx_error *error);

/* Unpacks `packed` bytes, claim included, to `out`, which must have exactly the claimed `size`. Errors as above. */
ggx_status ggx_snappy_unpack(const void *data, uint64_t packed, void *out, uint64_t size, ggx_error *error);

#endif
