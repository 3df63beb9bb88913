/* fp4/scales.h - layouts of mxfp4 and nvfp4, and their scales: what portable and faster kernels share. Header-only. */
#ifndef GGX_QUANT_FP4_SCALES_H
#define GGX_QUANT_FP4_SCALES_H

#include "../common/block.h"

#define BLOCK_MX 32
#define BLOCK_NV 64
#define SUB_NV 16

typedef struct block_mxfp4 {
    uint8_t e; /* E8M0: 2^(e-127) */
    uint8_t qs[BLOCK_MX / 2];
} block_mxfp4;
GGX_STATIC_ASSERT(sizeof(block_mxfp4) == 17, "mxfp4: 17 bytes for 32 elements");

typedef struct block_nvfp4 {
    uint8_t d[BLOCK_NV / SUB_NV]; /* E4M3, of each sub-block of 16 */
    uint8_t qs[BLOCK_NV / 2];
} block_nvfp4;
GGX_STATIC_ASSERT(sizeof(block_nvfp4) == 36, "nvfp4: 36 bytes for 64 elements");

/* The sixteen E2M1 values, doubled: integers. The scales are halved to match. */
static const int8_t e2m1_values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

#define RUN 16 /* elements taken at a time: a constant, so that compilers make vectors of them */

/* floorf(log2f(x)) for finite x > 0, with log2f correctly rounded: just below a power of two 2^k the logarithm rounds up to k, as far
 * down as half of the spacing of floats below k reaches. That is n <= below[m] steps of 2^(k-24), where 2^m is the power of two
 * that spacing belongs to. */
static inline int32_t floor_log2(float x)
{
    static const uint8_t below[8] = {0, 1, 2, 5, 11, 22, 44, 88}; /* 2^m ln 2, truncated */
    uint32_t bits = ggx_f32_bits(x);
    int32_t k = -126; /* of the power above x */
    if (bits < 0x00800000u) {
        bits = ggx_f32_bits(x * 0x1.0p+32f);
        k -= 32;
    }
    k += (int32_t)(bits >> 23);
    uint32_t steps = 0x00800000u - (bits & 0x007fffffu), m = 0;
    for (int32_t span = k > 0 ? k - 1 : -k; span > 1; span >>= 1) m++;
    return steps <= below[m] ? k : k - 1;
}

static inline float decode_e8m0_half(uint8_t e)
{
    return ggx_f32_make(e < 2 ? 0x00200000u << e : (uint32_t)(e - 1) << 23);
}

/* The exponent that brings the magnitude to E2M1's last binade, 4 to 6; too small wraps, infinite gives 0. */
static inline uint8_t encode_e8m0(float magnitude)
{
    return magnitude > 0 && magnitude < INFINITY ? (uint8_t)(floor_log2(magnitude) - 2 + 127) : 0;
}

/* Rounded to nearest, halves up in the mantissa, at most 448. */
static inline uint8_t encode_e4m3(float x)
{
    if (!(x > 0)) return 0;
    if (x > 448) x = 448;
    uint32_t bits = ggx_f32_bits(x);
    int32_t exponent = (int32_t)(bits >> 23) - 127 + 7;
    if (exponent <= 0) return (uint8_t)ggx_i32_min((int32_t)(x * 512 + 0.5f), 7);
    int32_t code = (exponent << 3) + (int32_t)(bits >> 20 & 7) + (int32_t)(bits >> 19 & 1);
    return (uint8_t)(code < 15 << 3 ? code : 0x7e);
}

/* Half of the value. The sign bit is ignored; 0x7f, elsewhere NaN, is 0. */
static inline float decode_e4m3_half(uint8_t e)
{
    uint32_t exponent = e >> 3 & 15, mantissa = e & 7;
    if (e == 0x7f) return 0;
    if (!exponent) return (float)mantissa * 0x1.0p-10f;
    return ggx_f32_make((exponent + 119) << 23 | mantissa << 20);
}

#endif
