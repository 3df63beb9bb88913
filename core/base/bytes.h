/* core/base/bytes.h - little-endian numbers in the records that ggx keeps beside files. */
#ifndef GGX_CORE_BYTES_H
#define GGX_CORE_BYTES_H

#include <stdint.h>

/* The lowest `count` (at most 8) bytes of the value. */
static inline void ggx_le_put(uint8_t *out, uint64_t value, int count)
{
    for (int i = 0; i < count; i++) out[i] = (uint8_t)(value >> (8 * i));
}

static inline uint64_t ggx_le_get(const uint8_t *in, int count)
{
    uint64_t value = 0;
    for (int i = 0; i < count; i++) value |= (uint64_t)in[i] << (8 * i);
    return value;
}

#endif
