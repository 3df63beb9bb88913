/* k/symmetric.h - layouts of q3_k and q6_k, and found levels to their bytes: what portable and faster kernels share. Header-only. */
#ifndef GGX_QUANT_K_SYMMETRIC_H
#define GGX_QUANT_K_SYMMETRIC_H

#include "../common/block.h"
#include "../common/search.h"
#include "k.h"

#define SUB 16

typedef struct block_q3_k {
    uint8_t hmask[32];  /* third bits */
    uint8_t qs[64];     /* the lower two */
    uint8_t scales[12]; /* six bits each, see pack_q3_scales */
    uint8_t d[2];       /* f16 */
} block_q3_k;
GGX_STATIC_ASSERT(sizeof(block_q3_k) == 110, "q3_k: 110 bytes for 256 elements");

typedef struct block_q6_k {
    uint8_t ql[128];    /* the lower four bits */
    uint8_t qh[64];     /* the upper two */
    uint8_t scales[16]; /* two's complement */
    uint8_t d[2];       /* f16 */
} block_q6_k;
GGX_STATIC_ASSERT(sizeof(block_q6_k) == 210, "q6_k: 210 bytes for 256 elements");

/* Sixteen codes of six bits in twelve bytes: the lower nibbles of s and s+8 share byte s, the upper two bits of s, s+4, s+8, s+12
 * share byte 8+s. */
static inline void pack_q3_scales(uint8_t *packed, const uint8_t *codes)
{
    for (int s = 0; s < 8; s++) packed[s] = (uint8_t)((codes[s] & 15) | codes[s + 8] << 4);
    for (int s = 0; s < 4; s++)
        packed[8 + s] =
            (uint8_t)(codes[s] >> 4 | codes[s + 4] >> 4 << 2 | codes[s + 8] >> 4 << 4 | codes[s + 12] >> 4 << 6);
}

static inline int32_t unpack_q3_scale(const uint8_t *packed, int s)
{
    int32_t low = s < 8 ? packed[s] & 15 : packed[s - 8] >> 4;
    return (low | (packed[8 + s % 4] >> (s / 4 * 2) & 3) << 4) - 32;
}

static inline void pack_q3_levels(block_q3_k *to, const uint8_t *levels)
{
    for (int i = 0; i < 32; i++) {
        uint32_t high = 0;
        for (int s = 0; s < 8; s++) high |= (uint32_t)(levels[32 * s + i] >> 2) << s;
        to->hmask[i] = (uint8_t)high;
    }
    for (int half = 0; half < 2; half++)
        for (int i = 0; i < 32; i++) {
            const uint8_t *l = levels + 128 * half + i;
            to->qs[32 * half + i] = (uint8_t)((l[0] & 3) | (l[32] & 3) << 2 | (l[64] & 3) << 4 | (l[96] & 3) << 6);
        }
}

static inline void pack_q6_levels(block_q6_k *to, const uint8_t *levels)
{
    for (int half = 0; half < 2; half++)
        for (int i = 0; i < 32; i++) {
            const uint8_t *l = levels + 128 * half + i;
            to->ql[64 * half + i] = (uint8_t)((l[0] & 15) | l[64] << 4);
            to->ql[64 * half + i + 32] = (uint8_t)((l[32] & 15) | l[96] << 4);
            to->qh[32 * half + i] = (uint8_t)(l[0] >> 4 | l[32] >> 4 << 2 | l[64] >> 4 << 4 | l[96] >> 4 << 6);
        }
}

/* Index of the value of largest magnitude, or -1 when there is none above 0. */
static inline int find_largest(const float *values)
{
    float magnitude = 0;
    int at = -1;
    for (int i = 0; i < SUPER / SUB; i++)
        if (fabsf(values[i]) > magnitude) {
            magnitude = fabsf(values[i]);
            at = i;
        }
    return at;
}

#endif
