/* k/symmetric.c - super-blocks whose sub-blocks of 16 have a scale only: q3_k, q6_k. Layouts in docs/formats/tensor-types.md. */
#include "symmetric.h"

/* Levels over again, for the scale as it was stored. A scale of 0 leaves them. */
static void round_levels(const float *x, float d, int nmax, uint8_t *levels)
{
    if (d == 0) return;
    for (int i = 0; i < SUB; i++) levels[i] = (uint8_t)(ggx_i32_clamp(ggx_i32_round(x[i] / d), -nmax, nmax - 1) + nmax);
}

/* Moves single levels to where they fit the others' scale better, up to five rounds, an element weighing its square. */
static float improve_levels(const float *x, int nmax, int32_t *levels, float sum_xl, float sum_l2)
{
    for (int round = 0, changed = 1; round < 5 && changed; round++) {
        changed = 0;
        for (int i = 0; i < SUB; i++) {
            float w = x[i] * x[i], lf = (float)levels[i];
            float xl = sum_xl - w * x[i] * lf;
            if (!(xl > 0)) continue;
            float l2 = sum_l2 - w * lf * lf;
            int32_t l = ggx_i32_clamp(ggx_i32_round(x[i] * l2 / xl), -nmax, nmax - 1);
            if (l == levels[i]) continue;
            lf = (float)l;
            xl += w * x[i] * lf;
            l2 += w * lf * lf;
            if (l2 > 0 && xl * xl * sum_l2 > sum_xl * sum_xl * l2) {
                levels[i] = l;
                sum_xl = xl;
                sum_l2 = l2;
                changed = 1;
            }
        }
    }
    return sum_l2 > 0 ? sum_xl / sum_l2 : 0;
}

/* Scale and levels 0 … 2*nmax-1 of a sub-block without an importance matrix. */
static float search_plain(const float *x, int nmax, uint8_t *levels)
{
    float largest = 0, magnitude = 0, sum_xl = 0, sum_l2 = 0;
    int32_t moved[SUB];
    for (int i = 0; i < SUB; i++) {
        if (fabsf(x[i]) > magnitude) {
            magnitude = fabsf(x[i]);
            largest = x[i];
        }
    }
    if (magnitude < GGX_GROUP_EPSILON) {
        memset(levels, 0, SUB);
        return 0;
    }
    float inverse = (float)-nmax / largest;
    for (int i = 0; i < SUB; i++) {
        moved[i] = ggx_i32_clamp(ggx_i32_round(inverse * x[i]), -nmax, nmax - 1);
        float w = x[i] * x[i], lf = (float)moved[i];
        sum_xl += w * x[i] * lf;
        sum_l2 += w * lf * lf;
    }
    float scale = improve_levels(x, nmax, moved, sum_xl, sum_l2);
    for (int i = 0; i < SUB; i++) levels[i] = (uint8_t)(moved[i] + nmax);
    return scale;
}

/* q3_k's scales and levels without an importance matrix; returns the scale of the codes. */
static float search_q3_plain(const float *x, uint8_t *codes, uint8_t *levels)
{
    float scales[SUPER / SUB];
    for (int s = 0; s < SUPER / SUB; s++) scales[s] = search_plain(x + SUB * s, 4, levels + SUB * s);
    int at = find_largest(scales);
    memset(codes, 0, SUPER / SUB);
    if (at < 0) return 0;
    float inverse = -32.0f / scales[at];
    for (int s = 0; s < SUPER / SUB; s++) {
        int32_t code = (int8_t)ggx_i32_round(inverse * scales[s]); /* the reference keeps the low byte */
        codes[s] = (uint8_t)(ggx_i32_clamp(code, -32, 31) + 32);
    }
    return 1 / inverse;
}

static float search_q3_weighted(const float *x, const float *imatrix, uint8_t *codes, uint8_t *levels)
{
    float scales[SUPER / SUB], sums[SUPER / SUB], weights[SUB];
    float power = 2 * ggx_row_power(x, SUPER) / SUPER;
    for (int s = 0; s < SUPER / SUB; s++) {
        sums[s] = 0;
        for (int i = 0; i < SUB; i++) {
            float v = x[SUB * s + i];
            weights[i] = imatrix[SUB * s + i] * sqrtf(power + v * v);
            sums[s] += weights[i];
        }
        scales[s] = ggx_search_symmetric(SUB, 4, x + SUB * s, weights, levels + SUB * s);
    }
    return ggx_search_symmetric(SUPER / SUB, 32, scales, sums, codes);
}

void ggx_quantize_q3_k(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix,
                       void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    block_q3_k *to = out;
    for (uint64_t b = 0; b < rows * (cols / SUPER); b++, to++) {
        uint8_t codes[SUPER / SUB], levels[SUPER];
        float copy[SUPER];
        const float *x = ggx_block_clean(in + b * SUPER, copy, SUPER);
        ggx_scale_put(to->d, imatrix ? search_q3_weighted(x, imatrix + b % (cols / SUPER) * SUPER, codes, levels)
                                     : search_q3_plain(x, codes, levels));
        pack_q3_scales(to->scales, codes);
        float d = ggx_scale_get(to->d);
        for (int s = 0; s < SUPER / SUB; s++)
            round_levels(x + SUB * s, d * (float)unpack_q3_scale(to->scales, s), 4, levels + SUB * s);
        pack_q3_levels(to, levels);
    }
}

void ggx_dequantize_q3_k(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const block_q3_k *from = in;
    for (uint64_t b = 0; b < elems / SUPER; b++, from++, out += SUPER) {
        float d = ggx_scale_get(from->d);
        for (int s = 0; s < SUPER / SUB; s++) {
            float scale = d * (float)unpack_q3_scale(from->scales, s);
            const uint8_t *qs = from->qs + s / 8 * 32 + s % 2 * 16, *high = from->hmask + s % 2 * 16;
            int shift = s % 8 / 2 * 2, bit = s / 2;
            for (int i = 0; i < SUB; i++)
                out[SUB * s + i] = scale * (float)((qs[i] >> shift & 3) - (high[i] >> bit & 1 ? 0 : 4));
        }
    }
}

void ggx_quantize_q6_k(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix,
                       void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    block_q6_k *to = out;
    for (uint64_t b = 0; b < rows * (cols / SUPER); b++, to++) {
        float copy[SUPER], scales[SUPER / SUB];
        uint8_t levels[SUPER];
        const float *x = ggx_block_clean(in + b * SUPER, copy, SUPER);
        for (int s = 0; s < SUPER / SUB; s++) {
            const float *weights = imatrix ? imatrix + b % (cols / SUPER) * SUPER + SUB * s : NULL;
            scales[s] = ggx_search_symmetric(SUB, 32, x + SUB * s, weights, levels + SUB * s);
        }
        int at = find_largest(scales);
        if (at < 0 || fabsf(scales[at]) < GGX_GROUP_EPSILON) {
            memset(to, 0, sizeof *to);
            continue;
        }
        float inverse = -128.0f / scales[at];
        ggx_scale_put(to->d, 1 / inverse);
        float d = ggx_scale_get(to->d);
        for (int s = 0; s < SUPER / SUB; s++) {
            to->scales[s] = (uint8_t)ggx_i32_min(ggx_i32_round(inverse * scales[s]), 127);
            round_levels(x + SUB * s, d * (float)(int8_t)to->scales[s], 32, levels + SUB * s);
        }
        pack_q6_levels(to, levels);
    }
}

void ggx_dequantize_q6_k(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const block_q6_k *from = in;
    for (uint64_t b = 0; b < elems / SUPER; b++, from++, out += SUPER) {
        float d = ggx_scale_get(from->d);
        for (int s = 0; s < SUPER / SUB; s++) {
            float scale = d * (float)(int8_t)from->scales[s];
            const uint8_t *ql = from->ql + s / 8 * 64 + s % 4 * 16, *qh = from->qh + s / 8 * 32 + s % 2 * 16;
            int low = s % 8 / 4 * 4, high = s % 8 / 2 * 2;
            for (int i = 0; i < SUB; i++)
                out[SUB * s + i] = scale * (float)(((ql[i] >> low & 15) | (qh[i] >> high & 3) << 4) - 32);
        }
    }
}
