/* float8/float8.h - the eight-bit floats, one at a time: what portable and faster kernels share. Header-only. */
#ifndef GGX_QUANT_FLOAT8_H
#define GGX_QUANT_FLOAT8_H

#include "../common/half.h"

/* bias 7, no infinities, NaN is all ones below the sign (the "FN" kind) */
static inline float ggx_f8_e4m3_decode(uint8_t code)
{
    uint32_t sign = (uint32_t)(code & 0x80) << 24, exponent = code >> 3 & 15, mantissa = code & 7;
    uint32_t bits = (exponent + 120) << 23 | mantissa << 20;
    if (!exponent) bits = ggx_f32_bits((float)mantissa * 0x1.0p-9f);
    if ((code & 0x7f) == 0x7f) bits = 0x7fc00000u;
    return ggx_f32_make(sign | bits);
}

/* the upper byte of an f16 */
static inline float ggx_f8_e5m2_decode(uint8_t code)
{
    return ggx_f16_decode((uint16_t)(code << 8));
}

/* 2^(e-127); 255 is NaN */
static inline float ggx_f8_e8m0_decode(uint8_t code)
{
    uint32_t bits = code ? (uint32_t)code << 23 : 0x00400000u;
    return ggx_f32_make(code == 255 ? 0x7fc00000u : bits);
}

#endif
