/* iq/iq1.c - less than two bits: eight elements of -1, 0, 1, shifted by an eighth, as a grid point: iq1_s, iq1_m. Layouts in
 * docs/formats/tensor-types.md; the algorithm is that of ggml's ggml-quants.c (MIT). */
#include "iq1.h"
#include "../common/block.h"
#include "iq.h"

typedef struct block_iq1_s {
    uint8_t d[2];   /* f16 scale */
    uint8_t qs[32]; /* lower eight bits of the grid index of each eight elements */
    uint8_t
        qh[16]; /* u16 of each 32 elements: upper three bits of four indices, three bits of scale, the shift's sign */
} block_iq1_s;
GGX_STATIC_ASSERT(sizeof(block_iq1_s) == 50, "iq1_s: 50 bytes for 256 elements");

typedef struct block_iq1_m {
    uint8_t qs[32];    /* lower eight bits of the grid index of each eight elements */
    uint8_t qh[16];    /* of each 16 elements: upper three bits of two indices, each with its shift's sign above */
    uint8_t scales[8]; /* four u16: three bits of each 16 elements, and four bits of the f16 scale on top */
} block_iq1_m;
GGX_STATIC_ASSERT(sizeof(block_iq1_m) == 56, "iq1_m: 56 bytes for 256 elements");

/* Levels of a split; a negative scale is turned, with levels and shifts (`turn` is their mask). */
static void apply_split(ggx_iq1_split *best, const uint8_t *order, int n, int turn, uint8_t *levels)
{
    for (int i = 0; i < n; i++) levels[order[i]] = i < best->first ? 0 : i < best->second ? 1 : 2;
    if (!(best->scale < 0)) return;
    best->scale = -best->scale;
    best->shift ^= turn;
    for (int i = 0; i < n; i++) levels[i] = (uint8_t)(2 - levels[i]);
}

/* Which values group k of a sub-block has. */
static const float *values_of(int shift, int groups, int k)
{
    if (groups == 4) return ggx_iq1_values[shift];
    return ggx_iq1_values[k == 0 ? shift >> 1 : shift & 1];
}

/* One sub-block of n elements: indices, shift and scale; 0 when it counts as zero. */
static float search_sub(ggx_lattice *lattice, int n, float epsilon, const float *x, const float *weights,
                        uint16_t *index, int *shift)
{
    uint8_t order[SUB_S], levels[SUB_S];
    float max = fabsf(x[0]);
    int off = 0, groups = n / 8;
    for (int i = 1; i < n; i++) max = max > fabsf(x[i]) ? max : fabsf(x[i]);
    memset(index, 0, (size_t)groups * sizeof *index);
    *shift = 0;
    if (max < epsilon) return 0;
    ggx_iq1_sort(x, n, order);
    ggx_iq1_split best = n == SUB_S ? ggx_iq1_split_s(x, weights, order) : ggx_iq1_split_m(x, weights, order);
    if (best.first < 0) return 0;
    apply_split(&best, order, n, n == SUB_S ? 1 : 3, levels);
    for (int k = 0; k < groups; k++)
        index[k] = ggx_iq1_place(lattice, x + 8 * k, weights + 8 * k, best.scale, values_of(best.shift, groups, k),
                                 levels + 8 * k, &off);
    float xq = 0, q2 = 0;
    for (int i = 0; off && i < n; i++) {
        float w = weights[i], q = values_of(best.shift, groups, i / 8)[levels[i]];
        xq += w * q * x[i];
        q2 += w * q * q;
    }
    *shift = best.shift;
    return xq > 0 && q2 > 0 ? xq / q2 : best.scale;
}

static void weigh(const float *x, const float *imatrix, float *weights)
{
    float power = 2 * ggx_row_power(x, SUPER) / SUPER;
    for (int i = 0; i < SUPER; i++) weights[i] = imatrix ? imatrix[i] * sqrtf(power + x[i] * x[i]) : x[i] * x[i];
}

/* Code of a sub-block's scale: odd multiples of d, 1 … 15. */
static int32_t code_scale(float inverse, float scale)
{
    return ggx_i32_clamp(ggx_i32_round(0.5f * (inverse * scale - 1)), 0, 7);
}

uint64_t ggx_scratch_iq1(uint64_t cols GGX_UNUSED) GGX_NOEXCEPT
{
    return ggx_lattice_size(&ggx_grid_iq1);
}

void ggx_quantize_iq1_s(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix,
                        void *scratch) GGX_NOEXCEPT
{
    ggx_lattice *lattice = ggx_lattice_open(&ggx_grid_iq1, scratch);
    block_iq1_s *to = out;
    for (uint64_t b = 0; b < rows * (cols / SUPER); b++, to++) {
        float copy[SUPER], weights[SUPER], scales[8], max = 0;
        int shifts[8];
        const float *x = ggx_block_clean(in + b * SUPER, copy, SUPER);
        weigh(x, imatrix ? imatrix + b % (cols / SUPER) * SUPER : NULL, weights);
        memset(to, 0, sizeof *to);
        for (int s = 0; s < 8; s++) {
            uint16_t index[4], high = 0;
            scales[s] = search_sub(lattice, SUB_S, 1e-12f, x + s * SUB_S, weights + s * SUB_S, index, &shifts[s]);
            for (int k = 0; k < 4; k++) {
                to->qs[4 * s + k] = (uint8_t)index[k];
                high = (uint16_t)(high | index[k] >> 8 << (3 * k));
            }
            ggx_u16_put(to->qh + 2 * s, high);
            max = max > scales[s] ? max : scales[s];
        }
        if (max == 0) continue;
        float d = max / 15;
        ggx_scale_put(to->d, d * 1.125f); /* the reference's correction, found by trial */
        for (int s = 0; s < 8; s++) {
            uint32_t high =
                ggx_u16_get(to->qh + 2 * s) | (uint32_t)code_scale(1 / d, scales[s]) << 12 | (uint32_t)shifts[s] << 15;
            ggx_u16_put(to->qh + 2 * s, (uint16_t)high);
        }
    }
}

static void decode_group(uint32_t index, float scale, int down, float *out)
{
    for (uint32_t i = 0; i < 8; i++)
        out[i] = scale * ((float)(ggx_grid_level(&ggx_grid_iq1, index, i) - 1) + (down ? -0.125f : 0.125f));
}

void ggx_dequantize_iq1_s(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const block_iq1_s *from = in;
    for (uint64_t b = 0; b < elems / SUPER; b++, from++) {
        float d = ggx_scale_get(from->d);
        for (int g = 0; g < 32; g++, out += 8) {
            uint32_t high = ggx_u16_get(from->qh + g / 4 * 2);
            decode_group(from->qs[g] | (high >> (g % 4 * 3) & 7) << 8, d * (float)(2 * (high >> 12 & 7) + 1),
                         (int)(high >> 15), out);
        }
    }
}

/* The scale that fits best, all else being decided. */
static float refit_m(const float *x, const float *weights, uint16_t index[][2], const int *shifts, const int32_t *codes,
                     float d)
{
    float xq = 0, q2 = 0;
    for (int i = 0; i < SUPER; i++) {
        int s = i / SUB_M, k = i / 8 % 2;
        float w = weights[i];
        int32_t level = ggx_grid_level(&ggx_grid_iq1, index[s][k], (uint32_t)i % 8);
        float q = values_of(shifts[s], 2, k)[level] * (float)(2 * codes[s] + 1);
        xq += w * q * x[i];
        q2 += w * q * q;
    }
    return q2 > 0 ? xq / q2 : d;
}

/* Twelve bits of codes in each of four words, four bits of the scale on top of each. */
static void pack_m(block_iq1_m *to, float d, const int32_t *codes)
{
    uint8_t half[2];
    ggx_scale_put(half, d);
    for (int word = 0; word < 4; word++) {
        uint32_t v = (uint32_t)(ggx_u16_get(half) >> (4 * word) & 15) << 12;
        for (int s = 0; s < 4; s++) v |= (uint32_t)codes[4 * word + s] << (3 * s);
        ggx_u16_put(to->scales + 2 * word, (uint16_t)v);
    }
}

void ggx_quantize_iq1_m(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix,
                        void *scratch) GGX_NOEXCEPT
{
    ggx_lattice *lattice = ggx_lattice_open(&ggx_grid_iq1, scratch);
    block_iq1_m *to = out;
    for (uint64_t b = 0; b < rows * (cols / SUPER); b++, to++) {
        float copy[SUPER], weights[SUPER], scales[16], max = 0;
        uint16_t index[16][2];
        int32_t codes[16];
        int shifts[16];
        const float *x = ggx_block_clean(in + b * SUPER, copy, SUPER);
        weigh(x, imatrix ? imatrix + b % (cols / SUPER) * SUPER : NULL, weights);
        memset(to, 0, sizeof *to);
        for (int s = 0; s < 16; s++) {
            scales[s] = search_sub(lattice, SUB_M, 1e-7f, x + s * SUB_M, weights + s * SUB_M, index[s], &shifts[s]);
            to->qs[2 * s] = (uint8_t)index[s][0];
            to->qs[2 * s + 1] = (uint8_t)index[s][1];
            to->qh[s] = (uint8_t)(index[s][0] >> 8 | index[s][1] >> 8 << 4);
            max = max > scales[s] ? max : scales[s];
        }
        if (max == 0) continue;
        float d = max / 15;
        for (int s = 0; s < 16; s++) {
            codes[s] = code_scale(1 / d, scales[s]);
            to->qh[s] = (uint8_t)(to->qh[s] | (shifts[s] & 2) << 2 | (shifts[s] & 1) << 7);
        }
        d = refit_m(x, weights, index, shifts, codes, d);
        pack_m(to, d * 1.1125f, codes); /* the reference's correction, found by trial */
    }
}

void ggx_dequantize_iq1_m(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const block_iq1_m *from = in;
    for (uint64_t b = 0; b < elems / SUPER; b++, from++) {
        uint32_t words[4], half = 0;
        for (int i = 0; i < 4; i++) {
            words[i] = ggx_u16_get(from->scales + 2 * i);
            half |= words[i] >> 12 << (4 * i);
        }
        float d = ggx_f16_decode((uint16_t)half);
        for (int g = 0; g < 32; g++, out += 8) {
            uint32_t high = (uint32_t)from->qh[g / 2] >> (g % 2 * 4);
            float scale = d * (float)(2 * (words[g / 8] >> (g % 8 / 2 * 3) & 7) + 1);
            decode_group(from->qs[g] | (high & 7) << 8, scale, high >> 3 & 1, out);
        }
    }
}
