/* k/affine.c - super-blocks whose sub-blocks have a scale and a minimum: q2_k, q4_k, q5_k. Layouts in docs/formats/tensor-types.md. */
#include "affine.h"

/* How much each element of a sub-block counts without an importance matrix. */
static void weigh_plain(const affine_type *type, const float *x, float *weights)
{
    float level = 0;
    if (!type->plain.absolute) level = sqrtf(ggx_row_power(x, (uint64_t)type->sub) / (float)type->sub);
    for (int i = 0; i < type->sub; i++) weights[i] = level + fabsf(x[i]);
}

/* Codes as the largest value's share of `max`. Returns the scale of the codes. */
static float code_plain(const float *values, int n, int max, uint8_t *codes)
{
    float largest = 0;
    for (int i = 0; i < n; i++)
        if (values[i] > largest) largest = values[i];
    float inverse = largest > 0 ? (float)max / largest : 0;
    for (int i = 0; i < n; i++) {
        uint8_t code = (uint8_t)ggx_i32_round(inverse * values[i]);
        codes[i] = code < max ? code : (uint8_t)max;
    }
    return largest / (float)max;
}

static void search_plain(const affine_type *type, const float *x, affine_block *block)
{
    float scales[16], mins[16], weights[32];
    int count = SUPER / type->sub;
    for (int s = 0; s < count; s++) {
        int at = s * type->sub;
        weigh_plain(type, x + at, weights);
        scales[s] = ggx_search_affine(&type->plain, type->sub, x + at, weights, block->levels + at, &mins[s]);
    }
    block->d = code_plain(scales, count, type->scale_max, block->scales);
    block->dmin = code_plain(mins, count, type->scale_max, block->mins);
}

static void search_weighted(const affine_type *type, const float *x, const float *imatrix, affine_block *block)
{
    float scales[16], mins[16], sums[16], weights[32];
    float power = type->power_factor * ggx_row_power(x, SUPER) / SUPER;
    int count = SUPER / type->sub;
    for (int s = 0; s < count; s++) {
        int at = s * type->sub;
        sums[s] = 0;
        for (int i = 0; i < type->sub; i++) {
            weights[i] = imatrix[at + i] * sqrtf(power + x[at + i] * x[at + i]);
            sums[s] += weights[i];
        }
        scales[s] = ggx_search_affine(&type->weighted, type->sub, x + at, weights, block->levels + at, &mins[s]);
    }
    block->d = ggx_search_positive(count, type->scale_max, scales, sums, block->scales);
    block->dmin = ggx_search_positive(count, type->scale_max, mins, sums, block->mins);
}

/* Levels over again, for the scales and minimums as they were stored. A sub-block whose scale came to 0 keeps its levels. */
static void round_levels(const affine_type *type, const float *x, affine_block *block)
{
    for (int s = 0; s < SUPER / type->sub; s++) {
        float d = block->d * (float)block->scales[s], m = block->dmin * (float)block->mins[s];
        if (d == 0) continue;
        for (int i = s * type->sub; i < (s + 1) * type->sub; i++)
            block->levels[i] = (uint8_t)ggx_i32_clamp(ggx_i32_round((x[i] + m) / d), 0, type->plain.nmax);
    }
}

static const float *search_block(const affine_type *type, const float *x, float *copy, const float *imatrix,
                                 affine_block *block)
{
    x = ggx_block_clean(x, copy, SUPER);
    if (imatrix)
        search_weighted(type, x, imatrix, block);
    else
        search_plain(type, x, block);
    return x;
}

void ggx_quantize_q2_k(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix,
                       void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    block_q2_k *to = out;
    for (uint64_t b = 0; b < rows * (cols / SUPER); b++, to++) {
        affine_block block;
        float copy[SUPER];
        const float *weights = imatrix ? imatrix + b % (cols / SUPER) * SUPER : NULL;
        const float *x = search_block(&q2_k, in + b * SUPER, copy, weights, &block);
        store_scales_q2_k(to, &block);
        round_levels(&q2_k, x, &block);
        store_levels_q2_k(to, block.levels);
    }
}

void ggx_dequantize_q2_k(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const block_q2_k *from = in;
    for (uint64_t b = 0; b < elems / SUPER; b++, from++, out += SUPER) {
        float d = ggx_scale_get(from->d), dmin = ggx_scale_get(from->dmin);
        for (int s = 0; s < 16; s++) {
            float scale = d * (float)(from->scales[s] & 15), min = dmin * (float)(from->scales[s] >> 4);
            const uint8_t *qs = from->qs + s / 8 * 32 + s % 2 * 16;
            int shift = s % 8 / 2 * 2;
            for (int i = 0; i < 16; i++) out[16 * s + i] = scale * (float)(qs[i] >> shift & 3) - min;
        }
    }
}

void ggx_quantize_q4_k(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix,
                       void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    block_q4_k *to = out;
    for (uint64_t b = 0; b < rows * (cols / SUPER); b++, to++) {
        affine_block block;
        float copy[SUPER];
        const float *weights = imatrix ? imatrix + b % (cols / SUPER) * SUPER : NULL;
        const float *x = search_block(&q4_k, in + b * SUPER, copy, weights, &block);
        store_scales_q4_k(to, &block);
        round_levels(&q4_k, x, &block);
        store_levels_q4_k(to, block.levels);
    }
}

void ggx_dequantize_q4_k(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const block_q4_k *from = in;
    for (uint64_t b = 0; b < elems / SUPER; b++, from++, out += SUPER) {
        float d = ggx_scale_get(from->d), dmin = ggx_scale_get(from->dmin);
        uint8_t scales[8], mins[8];
        unpack_scales(from->scales, scales, mins);
        for (int s = 0; s < 8; s++) {
            float scale = d * (float)scales[s], min = dmin * (float)mins[s];
            const uint8_t *qs = from->qs + s / 2 * 32;
            int shift = s % 2 * 4;
            for (int i = 0; i < 32; i++) out[32 * s + i] = scale * (float)(qs[i] >> shift & 15) - min;
        }
    }
}

void ggx_quantize_q5_k(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix,
                       void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    block_q5_k *to = out;
    for (uint64_t b = 0; b < rows * (cols / SUPER); b++, to++) {
        affine_block block;
        float copy[SUPER];
        const float *weights = imatrix ? imatrix + b % (cols / SUPER) * SUPER : NULL;
        const float *x = search_block(&q5_k, in + b * SUPER, copy, weights, &block);
        store_scales_q5_k(to, &block);
        round_levels(&q5_k, x, &block);
        store_levels_q5_k(to, block.levels);
    }
}

void ggx_dequantize_q5_k(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const block_q5_k *from = in;
    for (uint64_t b = 0; b < elems / SUPER; b++, from++, out += SUPER) {
        float d = ggx_scale_get(from->d), dmin = ggx_scale_get(from->dmin);
        uint8_t scales[8], mins[8];
        unpack_scales(from->scales, scales, mins);
        for (int s = 0; s < 8; s++) {
            float scale = d * (float)scales[s], min = dmin * (float)mins[s];
            const uint8_t *qs = from->qs + s / 2 * 32;
            int shift = s % 2 * 4;
            for (int i = 0; i < 32; i++) {
                int32_t level = (qs[i] >> shift & 15) | (from->qh[i] >> s & 1) << 4;
                out[32 * s + i] = scale * (float)level - min;
            }
        }
    }
}
