/* core/hash/digest.h - a 128-bit digest that tells one plan from another. It guards against mistakes, not against an enemy: two
 * 64-bit FNV-1a streams, the second over the rotated bytes of the first. */
#ifndef GGX_CORE_DIGEST_H
#define GGX_CORE_DIGEST_H

#include <ggx/base.h>

typedef struct ggx_digest {
    uint64_t a, b;
} ggx_digest;

#define GGX_DIGEST_START                               \
    {                                                  \
        14695981039346656037ull, 0x9e3779b97f4a7c15ull \
    }

static inline void ggx_digest_bytes(ggx_digest *d, const void *data, uint64_t size)
{
    const unsigned char *p = (const unsigned char *)data;
    for (uint64_t i = 0; i < size; i++) {
        d->a = (d->a ^ p[i]) * 1099511628211ull;
        d->b = ((d->b << 23 | d->b >> 41) ^ d->a ^ p[i]) * 0xff51afd7ed558ccdull;
    }
}

static inline void ggx_digest_u64(ggx_digest *d, uint64_t value)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)(value >> (8 * i));
    ggx_digest_bytes(d, bytes, sizeof bytes);
}

#endif
