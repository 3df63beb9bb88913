/* k/affine.h - layouts of q2_k, q4_k and q5_k, how they search, and a found super-block to its bytes: what portable and faster kernels
 * share. Header-only. */
#ifndef GGX_QUANT_K_AFFINE_H
#define GGX_QUANT_K_AFFINE_H

#include "../common/block.h"
#include "../common/search.h"
#include "k.h"

typedef struct block_q2_k {
    uint8_t scales[16]; /* of each sub-block of 16: scale in the low nibble, minimum in the high one */
    uint8_t qs[64];
    uint8_t d[2];    /* f16, of the scales */
    uint8_t dmin[2]; /* f16, of the minimums */
} block_q2_k;
GGX_STATIC_ASSERT(sizeof(block_q2_k) == 84, "q2_k: 84 bytes for 256 elements");

typedef struct block_q4_k {
    uint8_t d[2];       /* f16, of the scales */
    uint8_t dmin[2];    /* f16, of the minimums */
    uint8_t scales[12]; /* of each sub-block of 32: six bits scale, six bits minimum; see pack_scales */
    uint8_t qs[128];
} block_q4_k;
GGX_STATIC_ASSERT(sizeof(block_q4_k) == 144, "q4_k: 144 bytes for 256 elements");

typedef struct block_q5_k {
    uint8_t d[2], dmin[2], scales[12]; /* as q4_k */
    uint8_t qh[32];                    /* fifth bits */
    uint8_t qs[128];
} block_q5_k;
GGX_STATIC_ASSERT(sizeof(block_q5_k) == 176, "q5_k: 176 bytes for 256 elements");

/* What tells the three types apart. */
typedef struct affine_type {
    int32_t sub;         /* elements of a sub-block */
    int32_t scale_max;   /* highest code of a scale or minimum */
    float power_factor;  /* of the mean square, in the weights */
    ggx_affine plain;    /* search without an importance matrix */
    ggx_affine weighted; /* and with one */
} affine_type;

static const affine_type q2_k = {16, 15, 1, {3, 15, -0.5f, 0.1f, 1}, {3, 36, -0.9f, 0.05f, 0}};
static const affine_type q4_k = {32, 63, 2, {15, 20, -1.0f, 0.1f, 0}, {15, 36, -0.9f, 0.05f, 0}};
static const affine_type q5_k = {32, 63, 2, {31, 15, -0.5f, 0.1f, 0}, {31, 36, -0.9f, 0.05f, 0}};

/* A super-block on its way: codes of scales and minimums, levels, and the two scales of the codes. */
typedef struct affine_block {
    uint8_t levels[SUPER];
    uint8_t scales[16], mins[16];
    float d, dmin;
} affine_block;

/* Twelve bytes for eight scales and eight minimums of six bits: the first four of each have a byte of their own, whose two upper bits
 * hold the upper bits of the last four; these share the last four bytes with their lower nibbles. */
static inline void pack_scales(uint8_t *packed, const uint8_t *scales, const uint8_t *mins)
{
    for (int s = 0; s < 4; s++) {
        packed[s] = (uint8_t)(scales[s] | scales[s + 4] >> 4 << 6);
        packed[s + 4] = (uint8_t)(mins[s] | mins[s + 4] >> 4 << 6);
        packed[s + 8] = (uint8_t)((scales[s + 4] & 15) | mins[s + 4] << 4);
    }
}

static inline void unpack_scales(const uint8_t *packed, uint8_t *scales, uint8_t *mins)
{
    for (int s = 0; s < 4; s++) {
        scales[s] = packed[s] & 63;
        mins[s] = packed[s + 4] & 63;
        scales[s + 4] = (uint8_t)((packed[s + 8] & 15) | packed[s] >> 6 << 4);
        mins[s + 4] = (uint8_t)(packed[s + 8] >> 4 | packed[s + 4] >> 6 << 4);
    }
}

/* The store_scales functions store what was found of the scales, and put in its place what a reader will find. */
static inline void store_d(uint8_t *d, uint8_t *dmin, affine_block *block)
{
    ggx_scale_put(d, block->d);
    ggx_scale_put(dmin, block->dmin);
    block->d = ggx_scale_get(d);
    block->dmin = ggx_scale_get(dmin);
}

static inline void store_scales_q2_k(block_q2_k *to, affine_block *block)
{
    store_d(to->d, to->dmin, block);
    for (int s = 0; s < 16; s++) {
        to->scales[s] = (uint8_t)(block->scales[s] | block->mins[s] << 4);
        block->scales[s] = to->scales[s] & 15;
        block->mins[s] = to->scales[s] >> 4;
    }
}

static inline void store_scales_q4_k(block_q4_k *to, affine_block *block)
{
    store_d(to->d, to->dmin, block);
    pack_scales(to->scales, block->scales, block->mins);
    unpack_scales(to->scales, block->scales, block->mins);
}

static inline void store_scales_q5_k(block_q5_k *to, affine_block *block)
{
    store_d(to->d, to->dmin, block);
    for (int s = 0; s < 8; s++) { /* q4_k stores codes beyond 63 as they are, q5_k does not */
        block->scales[s] = block->scales[s] < 63 ? block->scales[s] : 63;
        block->mins[s] = block->mins[s] < 63 ? block->mins[s] : 63;
    }
    pack_scales(to->scales, block->scales, block->mins);
    unpack_scales(to->scales, block->scales, block->mins);
}

static inline void store_levels_q2_k(block_q2_k *to, const uint8_t *levels)
{
    for (int half = 0; half < 2; half++)
        for (int i = 0; i < 32; i++) {
            const uint8_t *l = levels + 128 * half + i;
            to->qs[32 * half + i] = (uint8_t)(l[0] | l[32] << 2 | l[64] << 4 | l[96] << 6);
        }
}

static inline void store_levels_q4_k(block_q4_k *to, const uint8_t *levels)
{
    for (int pair = 0; pair < 4; pair++)
        for (int i = 0; i < 32; i++)
            to->qs[32 * pair + i] = (uint8_t)(levels[64 * pair + i] | levels[64 * pair + 32 + i] << 4);
}

static inline void store_levels_q5_k(block_q5_k *to, const uint8_t *levels)
{
    for (int i = 0; i < 32; i++) {
        uint32_t high = 0;
        for (int s = 0; s < 8; s++) high |= (uint32_t)(levels[32 * s + i] >> 4) << s;
        to->qh[i] = (uint8_t)high;
    }
    for (int pair = 0; pair < 4; pair++)
        for (int i = 0; i < 32; i++)
            to->qs[32 * pair + i] = (uint8_t)((levels[64 * pair + i] & 15) | levels[64 * pair + 32 + i] << 4);
}

#endif
