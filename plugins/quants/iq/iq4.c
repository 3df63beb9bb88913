/* iq/iq4.c - four bits on a curve: sixteen values closer together around zero: iq4_nl, iq4_xs. Layouts in docs/formats/tensor-types.md. */
#include "../common/block.h"
#include "../common/search.h"
#include "iq.h"

#define SUB 32
#define REACH 7 /* scales tried on either side of the first */

typedef struct block_iq4_nl {
    uint8_t d[2]; /* f16 scale */
    uint8_t qs[SUB / 2];
} block_iq4_nl;
GGX_STATIC_ASSERT(sizeof(block_iq4_nl) == 18, "iq4_nl: 18 bytes for 32 elements");

typedef struct block_iq4_xs {
    uint8_t d[2];        /* f16 scale */
    uint8_t scales_h[2]; /* u16: upper two bits of each sub-block's scale */
    uint8_t scales_l[4]; /* lower four */
    uint8_t qs[SUPER / 2];
} block_iq4_xs;
GGX_STATIC_ASSERT(sizeof(block_iq4_xs) == 136, "iq4_xs: 136 bytes for 256 elements");

/* from ggml's ggml-common.h (MIT) */
static const int8_t values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

/* Index of the value nearest to x, the upper one of two equally near. NaN gives the last. */
static uint8_t find_value(float x)
{
    if (x <= (float)values[0]) return 0;
    if (x >= (float)values[15]) return 15;
    int low = 0, high = 15;
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (x < (float)values[middle])
            high = middle;
        else
            low = middle;
    }
    return (uint8_t)(x - (float)values[low] < (float)values[high] - x ? low : high);
}

/* The two sums of which the best scale for the levels at this inverse scale is the quotient. */
static void fit(const float *x, const float *weights, float inverse, float *sum_xq, float *sum_q2)
{
    float xq = 0, q2 = 0;
    for (int i = 0; i < SUB; i++) {
        float q = (float)values[find_value(inverse * x[i])], w = weights[i];
        xq += w * q * x[i];
        q2 += w * q * q;
    }
    *sum_xq = xq;
    *sum_q2 = q2;
}

static float search_scale(const float *x, const float *weights)
{
    float largest = 0, magnitude = 0, sum_xq, sum_q2;
    for (int i = 0; i < SUB; i++)
        if (fabsf(x[i]) > magnitude) {
            magnitude = fabsf(x[i]);
            largest = x[i];
        }
    if (magnitude < GGX_GROUP_EPSILON) return 0;
    float d = -largest / (float)values[0];
    fit(x, weights, 1 / d, &sum_xq, &sum_q2);
    d = sum_q2 > 0 ? sum_xq / sum_q2 : 0;
    float best = d * sum_xq;
    for (int step = -REACH; step <= REACH; step++) {
        fit(x, weights, (float)(step + values[0]) / largest, &sum_xq, &sum_q2);
        if (sum_q2 > 0 && sum_xq * sum_xq > best * sum_q2) {
            d = sum_xq / sum_q2;
            best = d * sum_xq;
        }
    }
    return d;
}

static void weigh(const float *x, const float *imatrix, float power, float *weights)
{
    for (int i = 0; i < SUB; i++) weights[i] = imatrix ? imatrix[i] * sqrtf(power + x[i] * x[i]) : x[i] * x[i];
}

static void pack_levels(uint8_t *qs, const float *x, float inverse)
{
    for (int i = 0; i < SUB / 2; i++)
        qs[i] = (uint8_t)(find_value(inverse * x[i]) | find_value(inverse * x[i + SUB / 2]) << 4);
}

void ggx_quantize_iq4_nl(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix,
                         void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    block_iq4_nl *to = out;
    for (uint64_t b = 0; b < rows * (cols / SUB); b++, to++) {
        float copy[SUB], weights[SUB];
        const float *x = ggx_block_clean(in + b * SUB, copy, SUB);
        weigh(x, imatrix ? imatrix + b % (cols / SUB) * SUB : NULL, ggx_row_power(x, SUB) * (2.0f / SUB), weights);
        float d = search_scale(x, weights);
        ggx_scale_put(to->d, d);
        pack_levels(to->qs, x, d != 0 ? 1 / d : 0);
    }
}

void ggx_dequantize_iq4_nl(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const block_iq4_nl *from = in;
    for (uint64_t b = 0; b < elems / SUB; b++, from++, out += SUB) {
        float d = ggx_scale_get(from->d);
        for (int i = 0; i < SUB / 2; i++) {
            out[i] = d * (float)values[from->qs[i] & 15];
            out[i + SUB / 2] = d * (float)values[from->qs[i] >> 4];
        }
    }
}

/* Codes of the scales, -32 … 31: the one of largest magnitude becomes -32. Levels are rounded for the scales as they were before the
 * f16 of d. */
static void pack_super(block_iq4_xs *to, const float *x, const float *scales)
{
    float largest = 0, magnitude = 0;
    for (int s = 0; s < SUPER / SUB; s++)
        if (fabsf(scales[s]) > magnitude) {
            magnitude = fabsf(scales[s]);
            largest = scales[s];
        }
    float d = -largest / 32;
    float inverse = d != 0 ? 1 / d : 0;
    uint32_t high = 0, low = 0;
    ggx_scale_put(to->d, d);
    for (int s = 0; s < SUPER / SUB; s++) {
        int32_t code = ggx_i32_clamp(ggx_i32_round(inverse * scales[s]), -32, 31);
        float scale = d * (float)code;
        pack_levels(to->qs + s * SUB / 2, x + s * SUB, scale != 0 ? 1 / scale : 0);
        low |= (uint32_t)((code + 32) & 15) << (4 * s);
        high |= (uint32_t)((code + 32) >> 4) << (2 * s);
    }
    ggx_u16_put(to->scales_h, (uint16_t)high);
    ggx_u32_put(to->scales_l, low);
}

void ggx_quantize_iq4_xs(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix,
                         void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    block_iq4_xs *to = out;
    for (uint64_t b = 0; b < rows * (cols / SUPER); b++, to++) {
        float copy[SUPER], weights[SUB], scales[SUPER / SUB];
        const float *x = ggx_block_clean(in + b * SUPER, copy, SUPER);
        float power = ggx_row_power(x, SUPER) * (2.0f / SUPER);
        for (int s = 0; s < SUPER / SUB; s++) {
            weigh(x + s * SUB, imatrix ? imatrix + b % (cols / SUPER) * SUPER + s * SUB : NULL, power, weights);
            scales[s] = search_scale(x + s * SUB, weights);
        }
        pack_super(to, x, scales);
    }
}

void ggx_dequantize_iq4_xs(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const block_iq4_xs *from = in;
    for (uint64_t b = 0; b < elems / SUPER; b++, from++) {
        float d = ggx_scale_get(from->d);
        uint32_t high = ggx_u16_get(from->scales_h), low = ggx_u32_get(from->scales_l);
        for (int s = 0; s < SUPER / SUB; s++, out += SUB) {
            int32_t code = (int32_t)((low >> (4 * s) & 15) | (high >> (2 * s) & 3) << 4) - 32;
            float scale = d * (float)code;
            const uint8_t *qs = from->qs + s * SUB / 2;
            for (int i = 0; i < SUB / 2; i++) {
                out[i] = scale * (float)values[qs[i] & 15];
                out[i + SUB / 2] = scale * (float)values[qs[i] >> 4];
            }
        }
    }
}
