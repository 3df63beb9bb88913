/* iq/iq3.c - three bits: magnitudes of four elements as a grid point: iq3_xxs, iq3_s. Layouts in docs/formats/tensor-types.md. */
#include "../common/block.h"
#include "iq.h"
#include "signed.h"

#define SUB 32

typedef struct block_iq3_xxs {
    uint8_t d[2];      /* f16 scale */
    uint8_t qs[64];    /* grid index of each four elements */
    uint8_t signs[32]; /* of each 32 elements: u32 of four times seven signs and four bits of scale */
} block_iq3_xxs;
GGX_STATIC_ASSERT(sizeof(block_iq3_xxs) == 98, "iq3_xxs: 98 bytes for 256 elements");

typedef struct block_iq3_s {
    uint8_t d[2];      /* f16 scale */
    uint8_t qs[64];    /* lower eight bits of the grid index of each four elements */
    uint8_t qh[8];     /* the ninth */
    uint8_t signs[32]; /* of each eight elements */
    uint8_t scales[4]; /* four bits of each 32 elements */
} block_iq3_s;
GGX_STATIC_ASSERT(sizeof(block_iq3_s) == 110, "iq3_s: 110 bytes for 256 elements");

static const ggx_signed iq3_xxs = {&ggx_grid_iq3_xxs, SUB, 1, 15, 0.2f, 1e-8f, GGX_REFIT_OFF, 0};
static const ggx_signed iq3_s = {&ggx_grid_iq3_s, SUB, 0, 9, 0.2f, 0x1.0p-149f, GGX_REFIT_ANY, 0};

/* Magnitudes of the levels: iq3_xxs in eighths of a scale step, iq3_s in steps. */
static const uint8_t magnitudes_xxs[8] = {4, 12, 20, 28, 36, 44, 52, 62};
static const uint8_t magnitudes_s[8] = {1, 3, 5, 7, 9, 11, 13, 15};

static uint32_t complete_signs(uint32_t signs)
{
    uint32_t odd = signs ^ signs >> 4;
    odd ^= odd >> 2;
    odd ^= odd >> 1;
    return signs | (odd & 1) << 7;
}

static void decode_group(const ggx_grid *grid, const uint8_t *magnitudes, uint32_t index, uint32_t signs, float scale,
                         float *out)
{
    for (uint32_t i = 0; i < 4; i++) {
        float v = scale * (float)magnitudes[ggx_grid_level(grid, index, i)];
        out[i] = signs >> i & 1 ? -v : v;
    }
}

/* All sub-blocks of a super-block. Returns the largest scale. */
static float search_super(const ggx_signed *type, ggx_lattice *lattice, const float *x, const float *imatrix,
                          ggx_signed_sub *subs)
{
    float max = 0, weights[SUB], power = 2 * ggx_row_power(x, SUPER) / SUPER;
    for (int s = 0; s < SUPER / SUB; s++) {
        const float *part = x + s * SUB;
        for (int i = 0; i < SUB; i++)
            weights[i] = imatrix ? imatrix[s * SUB + i] * sqrtf(power + part[i] * part[i]) : part[i] * part[i];
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

uint64_t ggx_scratch_iq3_xxs(uint64_t cols GGX_UNUSED) GGX_NOEXCEPT
{
    return ggx_lattice_size(&ggx_grid_iq3_xxs);
}

uint64_t ggx_scratch_iq3_s(uint64_t cols GGX_UNUSED) GGX_NOEXCEPT
{
    return ggx_lattice_size(&ggx_grid_iq3_s);
}

void ggx_quantize_iq3_xxs(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix,
                          void *scratch) GGX_NOEXCEPT
{
    ggx_lattice *lattice = ggx_lattice_open(&ggx_grid_iq3_xxs, scratch);
    block_iq3_xxs *to = out;
    for (uint64_t b = 0; b < rows * (cols / SUPER); b++, to++) {
        ggx_signed_sub subs[SUPER / SUB];
        float copy[SUPER];
        const float *x = ggx_block_clean(in + b * SUPER, copy, SUPER);
        float max = search_super(&iq3_xxs, lattice, x, imatrix ? imatrix + b % (cols / SUPER) * SUPER : NULL, subs);
        memset(to, 0, sizeof *to);
        if (max == 0) continue;
        float d = max / 31;
        ggx_scale_put(to->d, d * 1.0125f); /* the reference's correction, found by trial */
        for (int s = 0; s < SUPER / SUB; s++) {
            uint32_t signs = code_scale(1 / d, subs[s].scale) << 28;
            for (int k = 0; k < 8; k++) to->qs[8 * s + k] = (uint8_t)subs[s].index[k];
            for (int k = 0; k < 4; k++) signs |= (uint32_t)subs[s].signs[k] << (7 * k);
            ggx_u32_put(to->signs + 4 * s, signs);
        }
    }
}

void ggx_dequantize_iq3_xxs(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const block_iq3_xxs *from = in;
    for (uint64_t b = 0; b < elems / SUPER; b++, from++) {
        float d = ggx_scale_get(from->d);
        for (int g = 0; g < 64; g++, out += 4) {
            uint32_t word = ggx_u32_get(from->signs + g / 8 * 4);
            uint32_t signs = complete_signs(word >> (g % 8 / 2 * 7) & 127) >> (g % 2 * 4);
            float scale = d * (0.5f + (float)(word >> 28)) * 0.5f;
            decode_group(&ggx_grid_iq3_xxs, magnitudes_xxs, from->qs[g], signs, scale, out);
        }
    }
}

void ggx_quantize_iq3_s(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix,
                        void *scratch) GGX_NOEXCEPT
{
    ggx_lattice *lattice = ggx_lattice_open(&ggx_grid_iq3_s, scratch);
    block_iq3_s *to = out;
    for (uint64_t b = 0; b < rows * (cols / SUPER); b++, to++) {
        ggx_signed_sub subs[SUPER / SUB];
        float copy[SUPER];
        const float *x = ggx_block_clean(in + b * SUPER, copy, SUPER);
        float max = search_super(&iq3_s, lattice, x, imatrix ? imatrix + b % (cols / SUPER) * SUPER : NULL, subs);
        memset(to, 0, sizeof *to);
        /* The reference does not advance in qs and signs over a sub-block of zeros, but does in qh: what follows it in the super-block
         * decodes displaced. Its bytes are the definition. */
        for (int s = 0, at = 0; s < SUPER / SUB; s++) {
            if (subs[s].zero) continue;
            for (int k = 0; k < 8; k++) {
                to->qs[8 * at + k] = (uint8_t)subs[s].index[k];
                to->qh[s] = (uint8_t)(to->qh[s] | subs[s].index[k] >> 8 << k);
            }
            memcpy(to->signs + 4 * at, subs[s].signs, 4);
            at++;
        }
        if (max == 0) continue;
        float d = max / 31;
        ggx_scale_put(to->d, d * 1.033f); /* the reference's correction, found by trial */
        for (int s = 0; s < SUPER / SUB; s++) {
            uint32_t code = code_scale(1 / d, subs[s].scale) << (s % 2 * 4);
            to->scales[s / 2] = (uint8_t)(to->scales[s / 2] | code);
        }
    }
}

void ggx_dequantize_iq3_s(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const block_iq3_s *from = in;
    for (uint64_t b = 0; b < elems / SUPER; b++, from++) {
        float d = ggx_scale_get(from->d);
        for (int g = 0; g < 64; g++, out += 4) {
            uint32_t index = from->qs[g] | (uint32_t)(from->qh[g / 8] >> (g % 8) & 1) << 8;
            float scale = d * (float)(1 + 2 * (from->scales[g / 16] >> (g % 16 / 8 * 4) & 15));
            decode_group(&ggx_grid_iq3_s, magnitudes_s, index, (uint32_t)from->signs[g / 2] >> (g % 2 * 4), scale, out);
        }
    }
}
