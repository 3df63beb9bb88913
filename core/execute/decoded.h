/* core/execute/decoded.h - reads boxes of decoded tensors: asks the decoder what it needs, reads that, lets it decode. */
#ifndef GGX_CORE_EXECUTE_DECODED_H
#define GGX_CORE_EXECUTE_DECODED_H

#include "checkpoint/decoded.h"
#include "execute/gather.h"

#define GGX_DECODED_ROOM (2u << 20) /* bytes that reading a decoded tensor takes, for each worker */

/* [any] The box as the decoder makes it, packed in C order. A box whose inputs do not fit the room is made in parts. Errors: what
 * reading and the decoder returned; GGX_E_PLUGIN when it asked for what is not there. */
ggx_status ggx_decoded_read(const ggx_gather *gather, uint64_t tensor, const ggx_box *box, void *out, uint64_t bytes,
                            ggx_error *error);

#endif
