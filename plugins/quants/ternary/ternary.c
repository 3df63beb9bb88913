/* ternary/ternary.c - blocks of 256 with one scale, elements -1, 0 or 1: tq1_0, tq2_0. Layouts in docs/formats/tensor-types.md.
 *
 * The importance matrix is ignored: the scale is the largest magnitude, whatever counts how much. */
#include "ternary.h"
#include "blocks.h"

/* Scale of a block, and each element as its nearest multiple of it (halves away from zero), plus one, modulo 256. */
static float pick_levels(const float *x, uint8_t *levels)
{
    float copy[BLOCK], magnitude = 0;
    x = ggx_block_clean(x, copy, BLOCK);
    for (int i = 0; i < BLOCK; i++) magnitude = magnitude > fabsf(x[i]) ? magnitude : fabsf(x[i]);
    float inverse = magnitude != 0 ? 1.0f / magnitude : 0.0f;
    for (int i = 0; i < BLOCK; i++) levels[i] = (uint8_t)((uint32_t)ggx_i32_truncate(roundf(x[i] * inverse)) + 1u);
    return magnitude;
}

/* tq1_0 keeps its elements in three runs: where the elements and the bytes of each begin, how many bytes it has, how many elements
 * share one. Element n of byte b in a run is first + n * bytes + b. */
static const struct run {
    int first, at, bytes, share;
} runs[] = {{0, 0, 32, 5}, {160, 32, 16, 5}, {240, 48, 4, 4}};

void ggx_quantize_tq1_0(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix GGX_UNUSED,
                        void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    block_tq1_0 *to = out;
    for (uint64_t b = 0; b < rows * (cols / BLOCK); b++, to++) {
        uint8_t levels[BLOCK], *digits = (uint8_t *)to;
        ggx_scale_put(to->d, pick_levels(in + b * BLOCK, levels));
        for (int r = 0; r < 3; r++)
            for (int i = 0; i < runs[r].bytes; i++)
                digits[runs[r].at + i] = pack_digits(levels + runs[r].first + i, runs[r].bytes, runs[r].share);
    }
}

void ggx_dequantize_tq1_0(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    static const uint8_t powers[] = {1, 3, 9, 27, 81};
    const block_tq1_0 *from = in;
    for (uint64_t b = 0; b < elems / BLOCK; b++, from++, out += BLOCK) {
        const uint8_t *digits = (const uint8_t *)from;
        float d = ggx_scale_get(from->d);
        for (int r = 0; r < 3; r++)
            for (int n = 0; n < runs[r].share; n++)
                for (int i = 0; i < runs[r].bytes; i++) {
                    uint8_t rest = (uint8_t)(digits[runs[r].at + i] * powers[n]);
                    out[runs[r].first + n * runs[r].bytes + i] = (float)((rest * 3 >> 8) - 1) * d;
                }
    }
}

void ggx_quantize_tq2_0(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix GGX_UNUSED,
                        void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    block_tq2_0 *to = out;
    for (uint64_t b = 0; b < rows * (cols / BLOCK); b++, to++) {
        uint8_t levels[BLOCK];
        ggx_scale_put(to->d, pick_levels(in + b * BLOCK, levels));
        for (int i = 0; i < 64; i++) {
            const uint8_t *l = levels + i / 32 * 128 + i % 32;
            to->qs[i] = (uint8_t)((l[0] & 3) | (l[32] & 3) << 2 | (l[64] & 3) << 4 | (l[96] & 3) << 6);
        }
    }
}

void ggx_dequantize_tq2_0(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const block_tq2_0 *from = in;
    for (uint64_t b = 0; b < elems / BLOCK; b++, from++, out += BLOCK) {
        float d = ggx_scale_get(from->d);
        for (int i = 0; i < BLOCK; i++) {
            int32_t q = from->qs[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
            out[i] = (float)(q - 1) * d;
        }
    }
}
