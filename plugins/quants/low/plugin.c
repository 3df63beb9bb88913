/* low/plugin.c - quant-low: one and two bits an element. Layouts in docs/formats/tensor-types.md; bytes as ggml 0.25.1's reference
 * quantizer gives them. */
#include "low.h"

static const ggx_kernels kernels_q1_0 = GGX_PORTABLE(q1_0), kernels_q2_0 = GGX_PORTABLE(q2_0);

/* llama-quantize's choice for a row that 64 does not divide; for q1_0 it has none and refuses */
static const char *const to_q4_0[] = {"q4_0", "f16", NULL};

static const ggx_quant quants[] = {
    GGX_QUANT(q1_0, GGX_QUANT_LOSSY, GGX_IMATRIX_NONE, 128, 18, 41, 40, 27, NULL),
    GGX_QUANT(q2_0, GGX_QUANT_LOSSY, GGX_IMATRIX_NONE, 64, 18, 42, 41, 28, to_q4_0),
};

static const ggx_provide provides[] = {{GGX_QUANT_ID, &quants[0]}, {GGX_QUANT_ID, &quants[1]}};

GGX_PLUGIN("quant-low", "0.1.0", "MIT", provides);
