/* legacy/affine.c - blocks of 32 with a scale and a minimum: q4_1, q5_1. Layouts in docs/formats/tensor-types.md. */
#include "../common/search.h"
#include "blocks.h"
#include "legacy.h"
#include <float.h>

/* Scale and minimum that spread the block over the levels 0 … nmax. */
static float pick_levels(const float *x, int nmax, uint8_t *levels, float *min)
{
    float low = FLT_MAX, high = -FLT_MAX;
    for (int i = 0; i < BLOCK; i++) {
        if (x[i] < low) low = x[i];
        if (x[i] > high) high = x[i];
    }
    float d = (high - low) / (float)nmax;
    float inverse = d != 0 ? 1.0f / d : 0.0f;
    for (int i = 0; i < BLOCK; i++)
        levels[i] = (uint8_t)ggx_i32_clamp(ggx_i32_truncate((x[i] - low) * inverse + 0.5f), 0, nmax);
    *min = low;
    return d;
}

/* Scale, minimum and levels of one block in a row with the mean square `power`. */
static float quantize_block(const float *x, int nmax, const float *imatrix, float power, uint8_t *levels, float *min)
{
    const ggx_affine how = {nmax, 36, -0.9f, 0.05f, 0};
    float copy[BLOCK], weights[BLOCK];
    x = ggx_block_clean(x, copy, BLOCK);
    if (!imatrix) return pick_levels(x, nmax, levels, min);
    for (int i = 0; i < BLOCK; i++) weights[i] = imatrix[i] * sqrtf(power + x[i] * x[i]);
    float d = ggx_search_affine(&how, BLOCK, x, weights, levels, min);
    *min = -*min;
    return d;
}

void ggx_quantize_q4_1(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix,
                       void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    block_q4_1 *to = out;
    for (uint64_t r = 0; r < rows; r++, in += cols) {
        float power = imatrix ? ggx_row_power(in, cols) / (float)cols : 0;
        for (uint64_t c = 0; c < cols; c += BLOCK, to++) {
            uint8_t levels[BLOCK];
            float min, d = quantize_block(in + c, 15, imatrix ? imatrix + c : NULL, power, levels, &min);
            ggx_scale_put(to->d, d);
            ggx_scale_put(to->m, min);
            pack_nibbles(to->qs, levels);
        }
    }
}

void ggx_dequantize_q4_1(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const block_q4_1 *from = in;
    for (uint64_t b = 0; b < elems / BLOCK; b++, out += BLOCK) {
        float d = ggx_scale_get(from[b].d), m = ggx_scale_get(from[b].m);
        for (int i = 0; i < BLOCK / 2; i++) {
            out[i] = (float)(from[b].qs[i] & 15) * d + m;
            out[i + BLOCK / 2] = (float)(from[b].qs[i] >> 4) * d + m;
        }
    }
}

void ggx_quantize_q5_1(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix,
                       void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    block_q5_1 *to = out;
    for (uint64_t r = 0; r < rows; r++, in += cols) {
        float power = imatrix ? ggx_row_power(in, cols) / (float)cols : 0;
        for (uint64_t c = 0; c < cols; c += BLOCK, to++) {
            uint8_t levels[BLOCK];
            float min, d = quantize_block(in + c, 31, imatrix ? imatrix + c : NULL, power, levels, &min);
            ggx_scale_put(to->d, d);
            ggx_scale_put(to->m, min);
            pack_fifth_bits(to->qh, levels);
            pack_nibbles(to->qs, levels);
        }
    }
}

void ggx_dequantize_q5_1(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const block_q5_1 *from = in;
    for (uint64_t b = 0; b < elems / BLOCK; b++, out += BLOCK) {
        float d = ggx_scale_get(from[b].d), m = ggx_scale_get(from[b].m);
        uint32_t high = ggx_u32_get(from[b].qh);
        for (int i = 0; i < BLOCK / 2; i++) {
            int32_t first = (from[b].qs[i] & 15) | (int32_t)(high >> i & 1) << 4;
            int32_t second = from[b].qs[i] >> 4 | (int32_t)(high >> (i + BLOCK / 2) & 1) << 4;
            out[i] = (float)first * d + m;
            out[i + BLOCK / 2] = (float)second * d + m;
        }
    }
}
