/* fp4/fp4.c - E2M1 elements under small floating-point scales: mxfp4 (OCP microscaling, E8M0), nvfp4 (E4M3 without a sign). Layouts in
 * docs/formats/tensor-types.md. The importance matrix is ignored. */
#include "fp4.h"
#include "scales.h"

/* Of each element the value nearest to it, the first of equally near ones. */
static void pick_values(const float *x, float scale, uint8_t *picked)
{
    float errors[RUN];
    int32_t best[RUN] = {0}; /* as wide as the errors, for the same reason */
    for (int i = 0; i < RUN; i++) errors[i] = fabsf((float)e2m1_values[0] * scale - x[i]);
    for (int32_t v = 1; v < 16; v++) {
        float value = (float)e2m1_values[v] * scale;
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

void ggx_quantize_mxfp4(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix GGX_UNUSED,
                        void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    block_mxfp4 *to = out;
    for (uint64_t b = 0; b < rows * (cols / BLOCK_MX); b++, in += BLOCK_MX, to++) {
        uint8_t picked[BLOCK_MX];
        float magnitude = find_magnitude(in, BLOCK_MX);
        to->e = encode_e8m0(magnitude);
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
            out[i] = (float)e2m1_values[from->qs[i] & 15] * d;
            out[i + BLOCK_MX / 2] = (float)e2m1_values[from->qs[i] >> 4] * d;
        }
    }
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
                out[i] = (float)e2m1_values[qs[i] & 15] * d;
                out[i + SUB_NV / 2] = (float)e2m1_values[qs[i] >> 4] * d;
            }
        }
}
