/* ternary/plugin.c - quant-ternary: the types of BitNet b1.58 and TriLMs. Layouts in docs/formats/tensor-types.md; bytes as ggml
 * 0.25.1's reference quantizer gives them. */
#include "ternary.h"

static const ggx_kernels kernels_tq1_0 = GGX_PORTABLE(tq1_0), kernels_tq2_0 = GGX_PORTABLE(tq2_0);

/* llama-quantize's choice for a row that 256 does not divide */
static const char *const to_q4_0[] = {"q4_0", "f16", NULL};

static const ggx_quant quants[] = {
    GGX_QUANT(tq1_0, GGX_QUANT_LOSSY, GGX_IMATRIX_NONE, 256, 54, 34, 36, GGX_NO_CODE, to_q4_0),
    GGX_QUANT(tq2_0, GGX_QUANT_LOSSY, GGX_IMATRIX_NONE, 256, 66, 35, 37, GGX_NO_CODE, to_q4_0),
};

static const ggx_provide provides[] = {{GGX_QUANT_ID, &quants[0]}, {GGX_QUANT_ID, &quants[1]}};

GGX_PLUGIN("quant-ternary", "0.1.0", "MIT", provides);
