/* float8/plugin.c - quant-float8: the eight-bit floats that checkpoints hold (OCP OFP8 and microscaling scales). ggml has no type for
 * them, so they are read only. */
#include "../common/kernels.h"
#include "float8.h"

#define READ(type)                                                                             \
    static void ggx_dequantize_##type(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT \
    {                                                                                          \
        const uint8_t *from = in;                                                              \
        for (uint64_t i = 0; i < elems; i++) out[i] = ggx_##type##_decode(from[i]);            \
    }
READ(f8_e4m3)
READ(f8_e5m2)
READ(f8_e8m0)

static const ggx_kernels kernels_f8_e4m3 = GGX_PORTABLE_READ(f8_e4m3), kernels_f8_e5m2 = GGX_PORTABLE_READ(f8_e5m2),
                         kernels_f8_e8m0 = GGX_PORTABLE_READ(f8_e8m0);

static const char *const none[] = {NULL};

#define READ_ONLY(type) \
    GGX_QUANT(type, GGX_QUANT_FLOAT, GGX_IMATRIX_NONE, 1, 1, GGX_NO_CODE, GGX_NO_CODE, GGX_NO_CODE, none)
static const ggx_quant quants[] = {READ_ONLY(f8_e4m3), READ_ONLY(f8_e5m2), READ_ONLY(f8_e8m0)};

static const ggx_provide provides[] = {
    {GGX_QUANT_ID, &quants[0]}, {GGX_QUANT_ID, &quants[1]}, {GGX_QUANT_ID, &quants[2]}};

GGX_PLUGIN("quant-float8", "0.1.0", "MIT", provides);
