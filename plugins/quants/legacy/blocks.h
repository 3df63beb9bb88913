/* legacy/blocks.h - layouts of the blocks of 32, and levels to their bytes: what portable and faster kernels share. Header-only. */
#ifndef GGX_QUANT_LEGACY_BLOCKS_H
#define GGX_QUANT_LEGACY_BLOCKS_H

#include "../common/block.h"

#define BLOCK 32

/* Element i of 0…15 is in the low nibble of qs[i], element i+16 in the high one. */
typedef struct block_q4_0 {
    uint8_t d[2]; /* f16 scale */
    uint8_t qs[BLOCK / 2];
} block_q4_0;
GGX_STATIC_ASSERT(sizeof(block_q4_0) == 18, "q4_0: 18 bytes for 32 elements");

typedef struct block_q5_0 {
    uint8_t d[2];  /* f16 scale */
    uint8_t qh[4]; /* u32: bit i is element i's fifth bit */
    uint8_t qs[BLOCK / 2];
} block_q5_0;
GGX_STATIC_ASSERT(sizeof(block_q5_0) == 22, "q5_0: 22 bytes for 32 elements");

typedef struct block_q8_0 {
    uint8_t d[2];      /* f16 scale */
    uint8_t qs[BLOCK]; /* two's complement */
} block_q8_0;
GGX_STATIC_ASSERT(sizeof(block_q8_0) == 34, "q8_0: 34 bytes for 32 elements");

typedef struct block_q4_1 {
    uint8_t d[2]; /* f16 scale */
    uint8_t m[2]; /* f16 minimum, added */
    uint8_t qs[BLOCK / 2];
} block_q4_1;
GGX_STATIC_ASSERT(sizeof(block_q4_1) == 20, "q4_1: 20 bytes for 32 elements");

typedef struct block_q5_1 {
    uint8_t d[2];  /* f16 scale */
    uint8_t m[2];  /* f16 minimum, added */
    uint8_t qh[4]; /* u32: bit i is element i's fifth bit */
    uint8_t qs[BLOCK / 2];
} block_q5_1;
GGX_STATIC_ASSERT(sizeof(block_q5_1) == 24, "q5_1: 24 bytes for 32 elements");

static inline void pack_nibbles(uint8_t *qs, const uint8_t *levels)
{
    for (int i = 0; i < BLOCK / 2; i++) qs[i] = (uint8_t)((levels[i] & 15) | levels[i + BLOCK / 2] << 4);
}

static inline void pack_fifth_bits(uint8_t *qh, const uint8_t *levels)
{
    uint32_t high = 0;
    for (int i = 0; i < BLOCK; i++) high |= (uint32_t)(levels[i] >> 4 & 1) << i;
    ggx_u32_put(qh, high);
}

#endif
