/* k/affine.c - super-blocks whose sub-blocks have a scale and a minimum: q2_k, q4_k, q5_k. Layouts in docs/formats/tensor-types.md. */
#include "../common/block.h"
#include "../common/search.h"
#include "k.h"

typedef struct block_q2_k {
    uint8_t scales[16]; /* of each sub-block of 16: scale in the low nibble, minimum in the high one */
    uint8_t qs[64];
    uint8_t d[2];    /* f16, of the scales */
    uint8_t dmin[2]; /* f16, of the minimums */
} block_q2_k;
GGX_STATIC_ASSERT(sizeof(block_q2_k) == 84, "q2_k: 84 bytes for 256 elements");

typedef struct block_q4_k {
    uint8_t d[2];       /* f16, of the scales */
    uint8_t dmin[2];    /* f16, of the minimums */
    uint8_t scales[12]; /* of each sub-block of 32: six bits scale, six bits minimum; see pack_scales */
    uint8_t qs[128];
} block_q4_k;
GGX_STATIC_ASSERT(sizeof(block_q4_k) == 144, "q4_k: 144 bytes for 256 elements");

typedef struct block_q5_k {
    uint8_t d[2], dmin[2], scales[12]; /* as q4_k */
    uint8_t qh[32];                    /* fifth bits */
    uint8_t qs[128];
} block_q5_k;
GGX_STATIC_ASSERT(sizeof(block_q5_k) == 176, "q5_k: 176 bytes for 256 elements");

/* What tells the three types apart. */
typedef struct affine_type {
    int32_t sub;         /* elements of a sub-block */
    int32_t scale_max;   /* highest code of a scale or minimum */
    float power_factor;  /* of the mean square, in the weights */
    ggx_affine plain;    /* search without an importance matrix */
    ggx_affine weighted; /* and with one */
} affine_type;

static const affine_type q2_k = {16, 15, 1, {3, 15, -0.5f, 0.1f, 1}, {3, 36, -0.9f, 0.05f, 0}};
static const affine_type q4_k = {32, 63, 2, {15, 20, -1.0f, 0.1f, 0}, {15, 36, -0.9f, 0.05f, 0}};
static const affine_type q5_k = {32, 63, 2, {31, 15, -0.5f, 0.1f, 0}, {31, 36, -0.9f, 0.05f, 0}};

/* A super-block on its way: codes of scales and minimums, levels, and the two scales of the codes. */
typedef struct affine_block {
    uint8_t levels[SUPER];
    uint8_t scales[16], mins[16];
    float d, dmin;
} affine_block;

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

/* Searches, and stores what of the scales all three types store alike; d and dmin are as stored afterwards. */
static const float *search_block(const affine_type *type, const float *x, float *copy, const float *imatrix,
                                 affine_block *block, uint8_t *d, uint8_t *dmin)
{
    x = ggx_block_clean(x, copy, SUPER);
    if (imatrix)
        search_weighted(type, x, imatrix, block);
    else
        search_plain(type, x, block);
    ggx_scale_put(d, block->d);
    ggx_scale_put(dmin, block->dmin);
    block->d = ggx_scale_get(d);
    block->dmin = ggx_scale_get(dmin);
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
        const float *x = search_block(&q2_k, in + b * SUPER, copy, weights, &block, to->d, to->dmin);
        for (int s = 0; s < 16; s++) {
            to->scales[s] = (uint8_t)(block.scales[s] | block.mins[s] << 4);
            block.scales[s] = to->scales[s] & 15;
            block.mins[s] = to->scales[s] >> 4;
        }
        round_levels(&q2_k, x, &block);
        for (int i = 0; i < 64; i++) {
            const uint8_t *l = block.levels + i / 32 * 128 + i % 32;
            to->qs[i] = (uint8_t)(l[0] | l[32] << 2 | l[64] << 4 | l[96] << 6);
        }
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

/* Twelve bytes for eight scales and eight minimums of six bits: the first four of each have a byte of their own, whose two upper bits
 * hold the upper bits of the last four; these share the last four bytes with their lower nibbles. */
static void pack_scales(uint8_t *packed, const uint8_t *scales, const uint8_t *mins)
{
    for (int s = 0; s < 4; s++) {
        packed[s] = (uint8_t)(scales[s] | scales[s + 4] >> 4 << 6);
        packed[s + 4] = (uint8_t)(mins[s] | mins[s + 4] >> 4 << 6);
        packed[s + 8] = (uint8_t)((scales[s + 4] & 15) | mins[s + 4] << 4);
    }
}

static void unpack_scales(const uint8_t *packed, uint8_t *scales, uint8_t *mins)
{
    for (int s = 0; s < 4; s++) {
        scales[s] = packed[s] & 63;
        mins[s] = packed[s + 4] & 63;
        scales[s + 4] = (uint8_t)((packed[s + 8] & 15) | packed[s] >> 6 << 4);
        mins[s + 4] = (uint8_t)(packed[s + 8] >> 4 | packed[s + 4] >> 6 << 4);
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
        const float *x = search_block(&q4_k, in + b * SUPER, copy, weights, &block, to->d, to->dmin);
        pack_scales(to->scales, block.scales, block.mins);
        unpack_scales(to->scales, block.scales, block.mins);
        round_levels(&q4_k, x, &block);
        for (int i = 0; i < 128; i++) {
            const uint8_t *l = block.levels + i / 32 * 64 + i % 32;
            to->qs[i] = (uint8_t)(l[0] | l[32] << 4);
        }
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
        const float *x = search_block(&q5_k, in + b * SUPER, copy, weights, &block, to->d, to->dmin);
        for (int s = 0; s < 8; s++) { /* q4_k stores codes beyond 63 as they are, q5_k does not */
            block.scales[s] = block.scales[s] < 63 ? block.scales[s] : 63;
            block.mins[s] = block.mins[s] < 63 ? block.mins[s] : 63;
        }
        pack_scales(to->scales, block.scales, block.mins);
        unpack_scales(to->scales, block.scales, block.mins);
        round_levels(&q5_k, x, &block);
        for (int i = 0; i < 32; i++) {
            uint32_t high = 0;
            for (int s = 0; s < 8; s++) high |= (uint32_t)(block.levels[32 * s + i] >> 4) << s;
            to->qh[i] = (uint8_t)high;
        }
        for (int i = 0; i < 128; i++) {
            const uint8_t *l = block.levels + i / 32 * 64 + i % 32;
            to->qs[i] = (uint8_t)((l[0] & 15) | l[32] << 4);
        }
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
