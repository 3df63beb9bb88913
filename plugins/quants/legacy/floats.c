/* legacy/floats.c - the plain floating-point types: f64, f16, bf16. */
#include "../common/half.h"
#include "legacy.h"

GGX_STATIC_ASSERT(sizeof(float) == 4 && sizeof(double) == 8, "IEEE 754 floats");

void ggx_quantize_f16(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix GGX_UNUSED,
                      void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    uint8_t *restrict to = out;
    for (uint64_t i = 0; i < rows * cols; i++) ggx_u16_put(to + 2 * i, ggx_f16_encode(in[i]));
}

void ggx_dequantize_f16(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const uint8_t *restrict from = in;
    for (uint64_t i = 0; i < elems; i++) out[i] = ggx_f16_decode(ggx_u16_get(from + 2 * i));
}

void ggx_quantize_bf16(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix GGX_UNUSED,
                       void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    uint8_t *restrict to = out;
    for (uint64_t i = 0; i < rows * cols; i++) ggx_u16_put(to + 2 * i, ggx_bf16_encode(in[i]));
}

void ggx_dequantize_bf16(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const uint8_t *restrict from = in;
    for (uint64_t i = 0; i < elems; i++) out[i] = ggx_bf16_decode(ggx_u16_get(from + 2 * i));
}

/* Widening is exact; a signalling NaN becomes quiet. */
void ggx_quantize_f64(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix GGX_UNUSED,
                      void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    uint8_t *restrict to = out;
    for (uint64_t i = 0; i < rows * cols; i++) {
        double wide = (double)in[i];
        uint64_t bits;
        memcpy(&bits, &wide, sizeof bits);
        ggx_u32_put(to + 8 * i, (uint32_t)bits);
        ggx_u32_put(to + 8 * i + 4, (uint32_t)(bits >> 32));
    }
}

/* Round to nearest even; too large becomes infinity. */
void ggx_dequantize_f64(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const uint8_t *restrict from = in;
    for (uint64_t i = 0; i < elems; i++) {
        uint64_t bits = ggx_u32_get(from + 8 * i) | (uint64_t)ggx_u32_get(from + 8 * i + 4) << 32;
        double wide;
        memcpy(&wide, &bits, sizeof wide);
        out[i] = (float)wide;
    }
}
