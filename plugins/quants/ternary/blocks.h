/* ternary/blocks.h - layouts of tq1_0 and tq2_0, and digits to a byte: what portable and faster kernels share. Header-only. */
#ifndef GGX_QUANT_TERNARY_BLOCKS_H
#define GGX_QUANT_TERNARY_BLOCKS_H

#include "../common/block.h"

#define BLOCK 256

typedef struct block_tq1_0 {
    uint8_t qs[48]; /* five elements a byte, as a fraction of 3^5 in 256ths */
    uint8_t qh[4];  /* four elements a byte, in the same way */
    uint8_t d[2];   /* f16 scale */
} block_tq1_0;
GGX_STATIC_ASSERT(sizeof(block_tq1_0) == 54, "tq1_0: 54 bytes for 256 elements");

typedef struct block_tq2_0 {
    uint8_t qs[64]; /* two bits an element */
    uint8_t d[2];   /* f16 scale */
} block_tq2_0;
GGX_STATIC_ASSERT(sizeof(block_tq2_0) == 66, "tq2_0: 66 bytes for 256 elements");

/* The digits' value over 3^5, as 256ths rounded up: multiplying by 3 brings the next digit above 256. */
static inline uint8_t pack_digits(const uint8_t *levels, int stride, int count)
{
    uint8_t value = 0;
    for (int n = 0; n < 5; n++) value = (uint8_t)(value * 3 + (n < count ? levels[n * stride] : 0));
    return (uint8_t)((value * 256 + 242) / 243);
}

#endif
