/* low/low.c - one and two bits with one scale: q1_0, q2_0. Layouts in docs/formats/tensor-types.md. The importance matrix is ignored. */
#include "low.h"
#include "blocks.h"

/* The scale is the mean magnitude, the bit is the sign; -0 counts as positive. */
void ggx_quantize_q1_0(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix GGX_UNUSED,
                       void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    block_q1_0 *to = out;
    for (uint64_t b = 0; b < rows * (cols / BLOCK_Q1); b++, in += BLOCK_Q1, to++) {
        float sum = 0;
        for (int i = 0; i < BLOCK_Q1; i++) sum += fabsf(in[i]);
        ggx_scale_put(to->d, sum / BLOCK_Q1);
        memset(to->qs, 0, sizeof to->qs);
        for (int i = 0; i < BLOCK_Q1; i++) to->qs[i / 8] = (uint8_t)(to->qs[i / 8] | (in[i] >= 0) << i % 8);
    }
}

void ggx_dequantize_q1_0(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const block_q1_0 *from = in;
    for (uint64_t b = 0; b < elems / BLOCK_Q1; b++, from++, out += BLOCK_Q1) {
        float d = ggx_scale_get(from->d);
        for (int i = 0; i < BLOCK_Q1; i++) out[i] = from->qs[i / 8] >> i % 8 & 1 ? d : -d;
    }
}

/* The scale is the largest magnitude, so that level 2 is never chosen. */
void ggx_quantize_q2_0(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix GGX_UNUSED,
                       void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    block_q2_0 *to = out;
    for (uint64_t b = 0; b < rows * (cols / BLOCK_Q2); b++, in += BLOCK_Q2, to++) {
        float magnitude = 0;
        for (int i = 0; i < BLOCK_Q2; i++) magnitude = fabsf(in[i]) > magnitude ? fabsf(in[i]) : magnitude;
        float inverse = magnitude > 0 ? 1.0f / magnitude : 0.0f;
        ggx_scale_put(to->d, magnitude);
        memset(to->qs, 0, sizeof to->qs);
        for (int i = 0; i < BLOCK_Q2; i++) {
            int32_t q = ggx_i32_clamp(ggx_i32_truncate(roundf(in[i] * inverse)), -1, 2) + 1;
            to->qs[i / 4] = (uint8_t)(to->qs[i / 4] | q << i % 4 * 2);
        }
    }
}

void ggx_dequantize_q2_0(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const block_q2_0 *from = in;
    for (uint64_t b = 0; b < elems / BLOCK_Q2; b++, from++, out += BLOCK_Q2) {
        float d = ggx_scale_get(from->d);
        for (int i = 0; i < BLOCK_Q2; i++) out[i] = (float)((from->qs[i / 4] >> i % 4 * 2 & 3) - 1) * d;
    }
}
