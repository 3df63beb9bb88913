/* common/block.h - the small operations that every block format is made of.
 *
 * The definition of each type's bytes is ggml's reference quantizer as compiled for plain x86-64. Where that code leaves the C
 * standard (a float that does not fit the integer it is converted to), these helpers do what that machine does, in defined
 * operations: so the bytes agree there too, on every CPU. NaNs are made one and the same on the way in and on the way out, because
 * their signs and payloads are not the same on every CPU. Header-only. */
#ifndef GGX_QUANTS_BLOCK_H
#define GGX_QUANTS_BLOCK_H

#include "half.h"
#include <math.h>

/* The NaN that x86 makes of infinity minus infinity. It is the one to settle on: the reference stores it as the scale of finite rows
 * whose squares overflow. */
#define GGX_F32_NAN_BITS 0xffc00000u
#define GGX_F16_NAN_BITS 0xfe00u
#define GGX_BLOCK_MAX 256 /* elements of the longest block */

static inline int32_t ggx_i32_min(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static inline int32_t ggx_i32_max(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static inline int32_t ggx_i32_clamp(int32_t v, int32_t low, int32_t high)
{
    return v < low ? low : v > high ? high : v;
}

/* Toward zero. NaN and what does not fit become INT32_MIN, as x86's conversion has it. */
static inline int32_t ggx_i32_truncate(float x)
{
    return x >= -2147483648.0f && x < 2147483648.0f ? (int32_t)x : INT32_MIN;
}

/* To nearest even, for |x| < 2^22, by adding 1.5 * 2^23. Beyond that: the low bits of the sum, as ggml's nearest_int has it. */
static inline int32_t ggx_i32_round(float x)
{
    return (int32_t)(ggx_f32_bits(x + 12582912.0f) & 0x007fffffu) - 0x00400000;
}

/* Stores a block's scale or minimum. */
static inline void ggx_scale_put(uint8_t *to, float scale)
{
    ggx_u16_put(to, scale != scale ? GGX_F16_NAN_BITS : ggx_f16_encode(scale));
}

static inline float ggx_scale_get(const uint8_t *from)
{
    return ggx_f16_decode(ggx_u16_get(from));
}

/* The block's elements with every NaN made the same: `x` itself when there is none, else `copy` (n <= GGX_BLOCK_MAX floats). */
static inline const float *ggx_block_clean(const float *x, float *copy, int n)
{
    uint32_t found = 0;
    for (int i = 0; i < n; i++) found |= (ggx_f32_bits(x[i]) & 0x7fffffffu) > 0x7f800000u;
    if (!found) return x;
    for (int i = 0; i < n; i++) copy[i] = x[i] != x[i] ? ggx_f32_make(GGX_F32_NAN_BITS) : x[i];
    return copy;
}

/* Sum of the squares of a run, in the reference's order: one accumulator, front to back. */
static inline float ggx_row_power(const float *x, uint64_t n)
{
    float sum = 0;
    for (uint64_t i = 0; i < n; i++) sum += x[i] * x[i];
    return sum != sum ? ggx_f32_make(GGX_F32_NAN_BITS) : sum;
}

#endif
