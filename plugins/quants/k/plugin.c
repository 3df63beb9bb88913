/* k/plugin.c - quant-k: super-blocks of 256 with quantized scales. Layouts in docs/formats/tensor-types.md; bytes as ggml 0.25.1's
 * reference quantizer gives them. */
#include "k.h"

static const ggx_kernels kernels_q2_k = GGX_PORTABLE(q2_k), kernels_q3_k = GGX_PORTABLE(q3_k),
                         kernels_q4_k = GGX_PORTABLE(q4_k), kernels_q5_k = GGX_PORTABLE(q5_k),
                         kernels_q6_k = GGX_PORTABLE(q6_k);

/* llama-quantize's choices for a row that 256 does not divide */
static const char *const to_q4_0[] = {"q4_0", "f16", NULL}, *const to_q5_0[] = {"q5_0", "f16", NULL},
                         *const to_q5_1[] = {"q5_1", "f16", NULL}, *const to_q8_0[] = {"q8_0", "f16", NULL};

/* file_type is that of the mixture which llama-quantize means by the type's bare name. */
static const ggx_quant quants[] = {
    GGX_QUANT(q2_k, GGX_QUANT_LOSSY, GGX_IMATRIX_USES, SUPER, 84, 10, 10, 10, to_q4_0),
    GGX_QUANT(q3_k, GGX_QUANT_LOSSY, GGX_IMATRIX_USES, SUPER, 110, 11, 12, 11, to_q4_0),
    GGX_QUANT(q4_k, GGX_QUANT_LOSSY, GGX_IMATRIX_USES, SUPER, 144, 12, 15, 12, to_q5_0),
    GGX_QUANT(q5_k, GGX_QUANT_LOSSY, GGX_IMATRIX_USES, SUPER, 176, 13, 17, 13, to_q5_1),
    GGX_QUANT(q6_k, GGX_QUANT_LOSSY, GGX_IMATRIX_USES, SUPER, 210, 14, 18, 14, to_q8_0),
};

static const ggx_provide provides[] = {
    {GGX_QUANT_ID, &quants[0]}, {GGX_QUANT_ID, &quants[1]}, {GGX_QUANT_ID, &quants[2]},
    {GGX_QUANT_ID, &quants[3]}, {GGX_QUANT_ID, &quants[4]},
};

GGX_PLUGIN("quant-k", "0.1.0", "MIT", provides);
