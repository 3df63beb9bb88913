/* Looking for what is no finite number. */
#include "execute/finite.h"

#include <string.h>

#define CHUNK 2048 /* floats on the stack */

int ggx_has_magnitude(const float *values, uint64_t n, uint32_t limit)
{
    /* The carry takes what reaches the limit into the sign; OR waits for nothing, unlike a maximum. */
    const uint32_t carry = 0x80000000u - limit;
    uint32_t seen = 0;
    for (uint64_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        seen |= (bits & 0x7fffffffu) + carry;
    }
    return seen >> 31 != 0;
}

uint64_t ggx_find_odd(const ggx_type *type, const ggx_kernels *decode, const void *bytes, uint64_t n)
{
    float values[CHUNK];
    const uint8_t *from = bytes;
    const uint64_t step = CHUNK / type->block_elems * type->block_elems;
    for (uint64_t at = 0, count; step && at < n; at += count) {
        count = n - at < step ? n - at : step;
        const uint64_t size = count / type->block_elems * type->block_bytes;
        if (decode)
            decode->dequantize(from, values, count);
        else
            memcpy(values, from, (size_t)size);
        from += size;
        if (!ggx_has_magnitude(values, count, GGX_BITS_INFINITE)) continue;
        for (uint64_t i = 0; i < count; i++)
            if (ggx_has_magnitude(&values[i], 1, GGX_BITS_INFINITE)) return at + i;
    }
    return n;
}
