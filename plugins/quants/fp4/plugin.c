/* fp4/plugin.c - quant-fp4: four-bit floats under small floating-point scales. Layouts in docs/formats/tensor-types.md; bytes as ggml
 * 0.25.1's reference quantizer gives them. */
#include "fp4.h"

static const ggx_kernels kernels_mxfp4 = GGX_PORTABLE(mxfp4), kernels_nvfp4 = GGX_PORTABLE(nvfp4);

/* llama-quantize's choice for a row that 32 does not divide; for nvfp4 it has none and gives up */
static const char *const to_f16[] = {"f16", NULL};

/* file_type of mxfp4 is MXFP4_MOE, the only mixture that has it. */
static const ggx_quant quants[] = {
    GGX_QUANT(mxfp4, GGX_QUANT_LOSSY, GGX_IMATRIX_NONE, 32, 17, 39, 38, 25, to_f16),
    GGX_QUANT(nvfp4, GGX_QUANT_LOSSY, GGX_IMATRIX_NONE, 64, 36, 40, 39, 26, to_f16),
};

static const ggx_provide provides[] = {{GGX_QUANT_ID, &quants[0]}, {GGX_QUANT_ID, &quants[1]}};

GGX_PLUGIN("quant-fp4", "0.1.0", "MIT", provides);
