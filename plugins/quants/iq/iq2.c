/* iq/iq2.c - two bits: magnitudes of eight elements as a grid point: iq2_xxs, iq2_xs, iq2_s. Layouts in docs/formats/tensor-types.md. */
#include "../common/block.h"
#include "../common/search.h"
#include "iq.h"
#include "signed.h"

typedef struct block_iq2_xxs {
    uint8_t d[2]; /* f16 scale */
    uint8_t qs
        [64]; /* of each 32 elements: u32 of four grid indices, u32 of four times seven signs and four bits of scale */
} block_iq2_xxs;
GGX_STATIC_ASSERT(sizeof(block_iq2_xxs) == 66, "iq2_xxs: 66 bytes for 256 elements");

typedef struct block_iq2_xs {
    uint8_t d[2];      /* f16 scale */
    uint8_t qs[64];    /* u16 of each eight elements: nine bits of grid index, seven signs */
    uint8_t scales[8]; /* four bits of each 16 elements */
} block_iq2_xs;
GGX_STATIC_ASSERT(sizeof(block_iq2_xs) == 74, "iq2_xs: 74 bytes for 256 elements");

typedef struct block_iq2_s {
    uint8_t d[2];      /* f16 scale */
    uint8_t qs[32];    /* lower eight bits of the grid index of each eight elements */
    uint8_t signs[32]; /* of each eight elements */
    uint8_t qh[8];     /* upper two bits of four grid indices */
    uint8_t scales[8]; /* four bits of each 16 elements */
} block_iq2_s;
GGX_STATIC_ASSERT(sizeof(block_iq2_s) == 82, "iq2_s: 82 bytes for 256 elements");

static const ggx_signed iq2_xxs = {&ggx_grid_iq2_xxs, 32, 1, 6, 0.1f, GGX_GROUP_EPSILON, GGX_REFIT_ALL, 1};
static const ggx_signed iq2_xs = {&ggx_grid_iq2_xs, 16, 1, 9, 0.1f, GGX_GROUP_EPSILON, GGX_REFIT_OFF, 0};
static const ggx_signed iq2_s = {&ggx_grid_iq2_s, 16, 0, 9, 0.1f, 1e-8f, GGX_REFIT_OFF, 0};

/* Magnitudes of the levels in eighths of a scale step. */
static const uint8_t magnitudes[3] = {8, 25, 43};

/* Eight signs from seven: the eighth makes the number of minuses even. */
static uint32_t complete_signs(uint32_t signs)
{
    uint32_t odd = signs ^ signs >> 4;
    odd ^= odd >> 2;
    odd ^= odd >> 1;
    return signs | (odd & 1) << 7;
}

static void decode_group(const ggx_grid *grid, uint32_t index, uint32_t signs, float scale, float *out)
{
    for (uint32_t i = 0; i < 8; i++) {
        float v = scale * (float)magnitudes[ggx_grid_level(grid, index, i)];
        out[i] = signs >> i & 1 ? -v : v;
    }
}

/* All sub-blocks of a super-block. Returns the largest scale. */
static float search_super(const ggx_signed *type, ggx_lattice *lattice, const float *x, const float *imatrix,
                          float power, float floor, ggx_signed_sub *subs)
{
    float max = 0, weights[32];
    for (int s = 0; s < SUPER / type->sub; s++) {
        const float *part = x + s * type->sub;
        for (int i = 0; i < type->sub; i++)
            weights[i] =
                imatrix ? imatrix[s * type->sub + i] * sqrtf(power + part[i] * part[i]) : floor + part[i] * part[i];
        ggx_signed_search(type, lattice, part, weights, &subs[s]);
        max = max > subs[s].scale ? max : subs[s].scale;
    }
    return max;
}

/* Code of a sub-block's scale: odd multiples of d, 1 … 31. */
static uint32_t code_scale(float inverse, float scale)
{
    return (uint32_t)ggx_i32_clamp(ggx_i32_round(0.5f * (inverse * scale - 1)), 0, 15);
}

uint64_t ggx_scratch_iq2_xxs(uint64_t cols GGX_UNUSED) GGX_NOEXCEPT
{
    return ggx_lattice_size(&ggx_grid_iq2_xxs);
}

uint64_t ggx_scratch_iq2_xs(uint64_t cols GGX_UNUSED) GGX_NOEXCEPT
{
    return ggx_lattice_size(&ggx_grid_iq2_xs);
}

uint64_t ggx_scratch_iq2_s(uint64_t cols GGX_UNUSED) GGX_NOEXCEPT
{
    return ggx_lattice_size(&ggx_grid_iq2_s);
}

void ggx_quantize_iq2_xxs(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix,
                          void *scratch) GGX_NOEXCEPT
{
    ggx_lattice *lattice = ggx_lattice_open(&ggx_grid_iq2_xxs, scratch);
    block_iq2_xxs *to = out;
    for (uint64_t b = 0; b < rows * (cols / SUPER); b++, to++) {
        ggx_signed_sub subs[8];
        float copy[SUPER];
        const float *x = ggx_block_clean(in + b * SUPER, copy, SUPER);
        const float *weights = imatrix ? imatrix + b % (cols / SUPER) * SUPER : NULL;
        float max = search_super(&iq2_xxs, lattice, x, weights, ggx_row_power(x, SUPER) / SUPER, 0, subs);
        memset(to, 0, sizeof *to);
        if (max == 0) continue;
        float d = max / 31;
        ggx_scale_put(to->d, d);
        for (int s = 0; s < 8; s++) {
            uint32_t indices = 0, signs = code_scale(1 / d, subs[s].scale) << 28;
            for (int k = 0; k < 4; k++) {
                indices |= (uint32_t)subs[s].index[k] << (8 * k);
                signs |= (uint32_t)subs[s].signs[k] << (7 * k);
            }
            ggx_u32_put(to->qs + 8 * s, indices);
            ggx_u32_put(to->qs + 8 * s + 4, signs);
        }
    }
}

void ggx_dequantize_iq2_xxs(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const block_iq2_xxs *from = in;
    for (uint64_t b = 0; b < elems / SUPER; b++, from++) {
        float d = ggx_scale_get(from->d);
        for (int s = 0; s < 8; s++) {
            uint32_t signs = ggx_u32_get(from->qs + 8 * s + 4);
            float scale = d * (0.5f + (float)(signs >> 28)) * 0.25f;
            for (int k = 0; k < 4; k++, out += 8)
                decode_group(&ggx_grid_iq2_xxs, from->qs[8 * s + k], complete_signs(signs >> (7 * k) & 127), scale,
                             out);
        }
    }
}

void ggx_quantize_iq2_xs(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix,
                         void *scratch) GGX_NOEXCEPT
{
    ggx_lattice *lattice = ggx_lattice_open(&ggx_grid_iq2_xs, scratch);
    block_iq2_xs *to = out;
    for (uint64_t b = 0; b < rows * (cols / SUPER); b++, to++) {
        ggx_signed_sub subs[16];
        float copy[SUPER];
        const float *x = ggx_block_clean(in + b * SUPER, copy, SUPER);
        const float *weights = imatrix ? imatrix + b % (cols / SUPER) * SUPER : NULL;
        float max = search_super(&iq2_xs, lattice, x, weights, ggx_row_power(x, SUPER) / SUPER, 0, subs);
        memset(to, 0, sizeof *to);
        if (max == 0) continue;
        float d = max / 31;
        ggx_scale_put(to->d, d);
        for (int s = 0; s < 16; s++) {
            uint32_t code = code_scale(1 / d, subs[s].scale) << (s % 2 * 4);
            to->scales[s / 2] = (uint8_t)(to->scales[s / 2] | code);
            for (int k = 0; k < 2; k++)
                ggx_u16_put(to->qs + 4 * s + 2 * k, (uint16_t)(subs[s].index[k] | subs[s].signs[k] << 9));
        }
    }
}

void ggx_dequantize_iq2_xs(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const block_iq2_xs *from = in;
    for (uint64_t b = 0; b < elems / SUPER; b++, from++) {
        float d = ggx_scale_get(from->d);
        for (int g = 0; g < 32; g++, out += 8) {
            uint32_t q = ggx_u16_get(from->qs + 2 * g);
            float scale = d * (0.5f + (float)(from->scales[g / 4] >> (g % 4 / 2 * 4) & 15)) * 0.25f;
            decode_group(&ggx_grid_iq2_xs, q & 511, complete_signs(q >> 9), scale, out);
        }
    }
}

void ggx_quantize_iq2_s(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix,
                        void *scratch) GGX_NOEXCEPT
{
    ggx_lattice *lattice = ggx_lattice_open(&ggx_grid_iq2_s, scratch);
    block_iq2_s *to = out;
    for (uint64_t b = 0; b < rows * (cols / SUPER); b++, to++) {
        ggx_signed_sub subs[16];
        float copy[SUPER];
        const float *x = ggx_block_clean(in + b * SUPER, copy, SUPER);
        const float *weights = imatrix ? imatrix + b % (cols / SUPER) * SUPER : NULL;
        float power = 2 * ggx_row_power(x, SUPER) / SUPER;
        float max = search_super(&iq2_s, lattice, x, weights, power, 0.25f * power, subs);
        memset(to, 0, sizeof *to);
        for (int g = 0; g < 32; g++) { /* stored even when all scales are 0 */
            uint32_t index = subs[g / 2].index[g % 2];
            to->qs[g] = (uint8_t)index;
            to->qh[g / 4] = (uint8_t)(to->qh[g / 4] | index >> 8 << (g % 4 * 2));
            to->signs[g] = subs[g / 2].signs[g % 2];
        }
        if (max == 0) continue;
        float d = max / 31;
        ggx_scale_put(to->d, d * 0.9875f); /* the reference's correction, found by trial */
        for (int s = 0; s < 16; s++) {
            uint32_t code = code_scale(1 / d, subs[s].scale) << (s % 2 * 4);
            to->scales[s / 2] = (uint8_t)(to->scales[s / 2] | code);
        }
    }
}

void ggx_dequantize_iq2_s(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const block_iq2_s *from = in;
    for (uint64_t b = 0; b < elems / SUPER; b++, from++) {
        float d = ggx_scale_get(from->d);
        for (int g = 0; g < 32; g++, out += 8) {
            uint32_t index = from->qs[g] | (uint32_t)(from->qh[g / 4] >> (g % 4 * 2) & 3) << 8;
            float scale = d * (0.5f + (float)(from->scales[g / 4] >> (g % 4 / 2 * 4) & 15)) * 0.25f;
            decode_group(&ggx_grid_iq2_s, index, from->signs[g], scale, out);
        }
    }
}
