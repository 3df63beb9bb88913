/* float8/plugin.c - quant-float8: the eight-bit floats that checkpoints hold (OCP OFP8 and microscaling scales). ggml has no type for
 * them, so they are read only. */
#include "../common/half.h"
#include "../common/kernels.h"

/* bias 7, no infinities, NaN is all ones below the sign (the "FN" kind) */
static void ggx_dequantize_f8_e4m3(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const uint8_t *from = in;
    for (uint64_t i = 0; i < elems; i++) {
        uint32_t sign = (uint32_t)(from[i] & 0x80) << 24, exponent = from[i] >> 3 & 15, mantissa = from[i] & 7;
        uint32_t bits = (exponent + 120) << 23 | mantissa << 20;
        if (!exponent) bits = ggx_f32_bits((float)mantissa * 0x1.0p-9f);
        if ((from[i] & 0x7f) == 0x7f) bits = 0x7fc00000u;
        out[i] = ggx_f32_make(sign | bits);
    }
}

/* the upper byte of an f16 */
static void ggx_dequantize_f8_e5m2(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const uint8_t *from = in;
    for (uint64_t i = 0; i < elems; i++) out[i] = ggx_f16_decode((uint16_t)(from[i] << 8));
}

/* 2^(e-127); 255 is NaN */
static void ggx_dequantize_f8_e8m0(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const uint8_t *from = in;
    for (uint64_t i = 0; i < elems; i++) {
        uint32_t bits = from[i] ? (uint32_t)from[i] << 23 : 0x00400000u;
        out[i] = ggx_f32_make(from[i] == 255 ? 0x7fc00000u : bits);
    }
}

static const ggx_kernels kernels_f8_e4m3 = GGX_PORTABLE_READ(f8_e4m3), kernels_f8_e5m2 = GGX_PORTABLE_READ(f8_e5m2),
                         kernels_f8_e8m0 = GGX_PORTABLE_READ(f8_e8m0);

static const char *const none[] = {NULL};

#define READ_ONLY(type) \
    GGX_QUANT(type, GGX_QUANT_FLOAT, GGX_IMATRIX_NONE, 1, 1, GGX_NO_CODE, GGX_NO_CODE, GGX_NO_CODE, none)
static const ggx_quant quants[] = {READ_ONLY(f8_e4m3), READ_ONLY(f8_e5m2), READ_ONLY(f8_e8m0)};

static const ggx_provide provides[] = {
    {GGX_QUANT_ID, &quants[0]}, {GGX_QUANT_ID, &quants[1]}, {GGX_QUANT_ID, &quants[2]}};

GGX_PLUGIN("quant-float8", "0.1.0", "MIT", provides);
