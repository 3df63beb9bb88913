/* low/blocks.h - layouts of q1_0 and q2_0: what portable and faster kernels share. */
#ifndef GGX_QUANT_LOW_BLOCKS_H
#define GGX_QUANT_LOW_BLOCKS_H

#include "../common/block.h"

#define BLOCK_Q1 128
#define BLOCK_Q2 64

typedef struct block_q1_0 {
    uint8_t d[2];             /* f16 scale */
    uint8_t qs[BLOCK_Q1 / 8]; /* bit set: d, clear: -d */
} block_q1_0;
GGX_STATIC_ASSERT(sizeof(block_q1_0) == 18, "q1_0: 18 bytes for 128 elements");

typedef struct block_q2_0 {
    uint8_t d[2];             /* f16 scale */
    uint8_t qs[BLOCK_Q2 / 4]; /* two bits: -1, 0, 1, 2 */
} block_q2_0;
GGX_STATIC_ASSERT(sizeof(block_q2_0) == 18, "q2_0: 18 bytes for 64 elements");

#endif
