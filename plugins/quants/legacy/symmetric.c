/* legacy/symmetric.c - blocks of 32 with one scale: q4_0, q5_0, q8_0. Layouts in docs/formats/tensor-types.md. */
#include "../common/search.h"
#include "blocks.h"
#include "legacy.h"

/* Scale that puts the element of largest magnitude (the first such) at level 0, and the levels 0 … 2*nmax-1. */
static float pick_levels(const float *x, int nmax, uint8_t *levels)
{
    float largest = 0, magnitude = 0;
    for (int i = 0; i < BLOCK; i++) {
        if (magnitude < fabsf(x[i])) {
            magnitude = fabsf(x[i]);
            largest = x[i];
        }
    }
    float d = largest / (float)-nmax;
    float inverse = d != 0 ? 1.0f / d : 0.0f;
    float half = (float)nmax + 0.5f;
    for (int i = 0; i < BLOCK; i++)
        levels[i] = (uint8_t)ggx_i32_clamp(ggx_i32_truncate(x[i] * inverse + half), 0, 2 * nmax - 1);
    return d;
}

/* Scale and levels of one block, `at` elements into a row with the mean square `power`. */
static float quantize_block(const float *x, int nmax, const float *imatrix, float power, uint8_t *levels)
{
    float copy[BLOCK], weights[BLOCK];
    x = ggx_block_clean(x, copy, BLOCK);
    if (!imatrix) return pick_levels(x, nmax, levels);
    for (int i = 0; i < BLOCK; i++) weights[i] = imatrix[i] * sqrtf(power + x[i] * x[i]);
    return ggx_search_symmetric(BLOCK, nmax, x, weights, levels);
}

void ggx_quantize_q4_0(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix,
                       void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    block_q4_0 *to = out;
    for (uint64_t r = 0; r < rows; r++, in += cols) {
        float power = imatrix ? ggx_row_power(in, cols) / (float)cols : 0;
        for (uint64_t c = 0; c < cols; c += BLOCK, to++) {
            uint8_t levels[BLOCK];
            ggx_scale_put(to->d, quantize_block(in + c, 8, imatrix ? imatrix + c : NULL, power, levels));
            pack_nibbles(to->qs, levels);
        }
    }
}

void ggx_dequantize_q4_0(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const block_q4_0 *from = in;
    for (uint64_t b = 0; b < elems / BLOCK; b++, out += BLOCK) {
        float d = ggx_scale_get(from[b].d);
        for (int i = 0; i < BLOCK / 2; i++) {
            out[i] = (float)((from[b].qs[i] & 15) - 8) * d;
            out[i + BLOCK / 2] = (float)((from[b].qs[i] >> 4) - 8) * d;
        }
    }
}

void ggx_quantize_q5_0(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix,
                       void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    block_q5_0 *to = out;
    for (uint64_t r = 0; r < rows; r++, in += cols) {
        float power = imatrix ? ggx_row_power(in, cols) / (float)cols : 0;
        for (uint64_t c = 0; c < cols; c += BLOCK, to++) {
            uint8_t levels[BLOCK];
            ggx_scale_put(to->d, quantize_block(in + c, 16, imatrix ? imatrix + c : NULL, power, levels));
            pack_fifth_bits(to->qh, levels);
            pack_nibbles(to->qs, levels);
        }
    }
}

void ggx_dequantize_q5_0(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const block_q5_0 *from = in;
    for (uint64_t b = 0; b < elems / BLOCK; b++, out += BLOCK) {
        float d = ggx_scale_get(from[b].d);
        uint32_t high = ggx_u32_get(from[b].qh);
        for (int i = 0; i < BLOCK / 2; i++) {
            int32_t first = (from[b].qs[i] & 15) | (int32_t)(high >> i & 1) << 4;
            int32_t second = from[b].qs[i] >> 4 | (int32_t)(high >> (i + BLOCK / 2) & 1) << 4;
            out[i] = (float)(first - 16) * d;
            out[i + BLOCK / 2] = (float)(second - 16) * d;
        }
    }
}

void ggx_quantize_q8_0(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix GGX_UNUSED,
                       void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    block_q8_0 *to = out;
    for (uint64_t b = 0; b < rows * (cols / BLOCK); b++, in += BLOCK, to++) {
        float copy[BLOCK], magnitude = 0;
        const float *x = ggx_block_clean(in, copy, BLOCK);
        for (int i = 0; i < BLOCK; i++) magnitude = magnitude > fabsf(x[i]) ? magnitude : fabsf(x[i]);
        float d = magnitude / 127;
        float inverse = d != 0 ? 1.0f / d : 0.0f;
        ggx_scale_put(to->d, d);
        /* roundf: halves go away from zero */
        for (int i = 0; i < BLOCK; i++) to->qs[i] = (uint8_t)ggx_i32_truncate(roundf(x[i] * inverse));
    }
}

void ggx_dequantize_q8_0(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const block_q8_0 *from = in;
    for (uint64_t b = 0; b < elems / BLOCK; b++, out += BLOCK) {
        float d = ggx_scale_get(from[b].d);
        for (int i = 0; i < BLOCK; i++) out[i] = (float)(int8_t)from[b].qs[i] * d;
    }
}
