/* fp4/fp4.c - E2M1 elements under small floating-point scales: mxfp4 (OCP microscaling, E8M0), nvfp4 (E4M3 without a sign). Layouts in
 * docs/formats/tensor-types.md. The importance matrix is ignored. */
#include "fp4.h"
#include "../common/block.h"

#define BLOCK_MX 32
#define BLOCK_NV 64
#define SUB_NV 16

typedef struct block_mxfp4 {
    uint8_t e; /* E8M0: 2^(e-127) */
    uint8_t qs[BLOCK_MX / 2];
} block_mxfp4;
GGX_STATIC_ASSERT(sizeof(block_mxfp4) == 17, "mxfp4: 17 bytes for 32 elements");

typedef struct block_nvfp4 {
    uint8_t d[BLOCK_NV / SUB_NV]; /* E4M3, of each sub-block of 16 */
    uint8_t qs[BLOCK_NV / 2];
} block_nvfp4;
GGX_STATIC_ASSERT(sizeof(block_nvfp4) == 36, "nvfp4: 36 bytes for 64 elements");

/* The sixteen E2M1 values, doubled: integers. The scales are halved to match. */
static const int8_t values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

#define RUN 16 /* elements taken at a time: a constant, so that compilers make vectors of them */

/* Of each element the value nearest to it, the first of equally near ones. */
static void pick_values(const float *x, float scale, uint8_t *picked)
{
    float errors[RUN];
    int32_t best[RUN] = {0}; /* as wide as the errors, for the same reason */
    for (int i = 0; i < RUN; i++) errors[i] = fabsf((float)values[0] * scale - x[i]);
    for (int32_t v = 1; v < 16; v++) {
        float value = (float)values[v] * scale;
        for (int i = 0; i < RUN; i++) {
            float error = fabsf(value - x[i]);
            best[i] = error < errors[i] ? v : best[i];
            errors[i] = error < errors[i] ? error : errors[i];
        }
    }
    for (int i = 0; i < RUN; i++) picked[i] = (uint8_t)best[i];
}

static void pack_nibbles(uint8_t *qs, const uint8_t *picked, int n)
{
    for (int i = 0; i < n / 2; i++) qs[i] = (uint8_t)(picked[i] | picked[i + n / 2] << 4);
}

static float find_magnitude(const float *x, int n)
{
    float magnitude = 0;
    for (int i = 0; i < n; i++) magnitude = magnitude < fabsf(x[i]) ? fabsf(x[i]) : magnitude;
    return magnitude;
}

/* floorf(log2f(x)) for finite x > 0, with log2f correctly rounded: just below a power of two 2^k the logarithm rounds up to k, as far
 * down as half of the spacing of floats below k reaches. That is n <= below[m] steps of 2^(k-24), where 2^m is the power of two
 * that spacing belongs to. */
static int32_t floor_log2(float x)
{
    static const uint8_t below[8] = {0, 1, 2, 5, 11, 22, 44, 88}; /* 2^m ln 2, truncated */
    uint32_t bits = ggx_f32_bits(x);
    int32_t k = -126; /* of the power above x */
    if (bits < 0x00800000u) {
        bits = ggx_f32_bits(x * 0x1.0p+32f);
        k -= 32;
    }
    k += (int32_t)(bits >> 23);
    uint32_t steps = 0x00800000u - (bits & 0x007fffffu), m = 0;
    for (int32_t span = k > 0 ? k - 1 : -k; span > 1; span >>= 1) m++;
    return steps <= below[m] ? k : k - 1;
}

static float decode_e8m0_half(uint8_t e)
{
    return ggx_f32_make(e < 2 ? 0x00200000u << e : (uint32_t)(e - 1) << 23);
}

void ggx_quantize_mxfp4(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix GGX_UNUSED,
                        void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    block_mxfp4 *to = out;
    for (uint64_t b = 0; b < rows * (cols / BLOCK_MX); b++, in += BLOCK_MX, to++) {
        uint8_t picked[BLOCK_MX];
        float magnitude = find_magnitude(in, BLOCK_MX);
        /* the exponent that brings the magnitude to E2M1's last binade, 4 to 6; too small wraps, infinite gives 0 */
        to->e = 0;
        if (magnitude > 0 && magnitude < INFINITY) to->e = (uint8_t)(floor_log2(magnitude) - 2 + 127);
        for (int i = 0; i < BLOCK_MX; i += RUN) pick_values(in + i, decode_e8m0_half(to->e), picked + i);
        pack_nibbles(to->qs, picked, BLOCK_MX);
    }
}

void ggx_dequantize_mxfp4(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const block_mxfp4 *from = in;
    for (uint64_t b = 0; b < elems / BLOCK_MX; b++, from++, out += BLOCK_MX) {
        float d = decode_e8m0_half(from->e);
        for (int i = 0; i < BLOCK_MX / 2; i++) {
            out[i] = (float)values[from->qs[i] & 15] * d;
            out[i + BLOCK_MX / 2] = (float)values[from->qs[i] >> 4] * d;
        }
    }
}

/* Rounded to nearest, halves up in the mantissa, at most 448. */
static uint8_t encode_e4m3(float x)
{
    if (!(x > 0)) return 0;
    if (x > 448) x = 448;
    uint32_t bits = ggx_f32_bits(x);
    int32_t exponent = (int32_t)(bits >> 23) - 127 + 7;
    if (exponent <= 0) return (uint8_t)ggx_i32_min((int32_t)(x * 512 + 0.5f), 7);
    int32_t code = (exponent << 3) + (int32_t)(bits >> 20 & 7) + (int32_t)(bits >> 19 & 1);
    return (uint8_t)(code < 15 << 3 ? code : 0x7e);
}

/* Half of the value. The sign bit is ignored; 0x7f, elsewhere NaN, is 0. */
static float decode_e4m3_half(uint8_t e)
{
    uint32_t exponent = e >> 3 & 15, mantissa = e & 7;
    if (e == 0x7f) return 0;
    if (!exponent) return (float)mantissa * 0x1.0p-10f;
    return ggx_f32_make((exponent + 119) << 23 | mantissa << 20);
}

void ggx_quantize_nvfp4(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix GGX_UNUSED,
                        void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    block_nvfp4 *to = out;
    for (uint64_t b = 0; b < rows * (cols / BLOCK_NV); b++, to++)
        for (int s = 0; s < BLOCK_NV / SUB_NV; s++, in += SUB_NV) {
            uint8_t picked[SUB_NV];
            to->d[s] = encode_e4m3(find_magnitude(in, SUB_NV) / 6);
            pick_values(in, decode_e4m3_half(to->d[s]), picked);
            pack_nibbles(to->qs + s * SUB_NV / 2, picked, SUB_NV);
        }
}

void ggx_dequantize_nvfp4(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const block_nvfp4 *from = in;
    for (uint64_t b = 0; b < elems / BLOCK_NV; b++, from++)
        for (int s = 0; s < BLOCK_NV / SUB_NV; s++, out += SUB_NV) {
            const uint8_t *qs = from->qs + s * SUB_NV / 2;
            float d = decode_e4m3_half(from->d[s]);
            for (int i = 0; i < SUB_NV / 2; i++) {
                out[i] = (float)values[qs[i] & 15] * d;
                out[i + SUB_NV / 2] = (float)values[qs[i] >> 4] * d;
            }
        }
}
