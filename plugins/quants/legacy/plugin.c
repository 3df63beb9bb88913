/* legacy/plugin.c - quant-legacy: the plain floats and ggml's first block types. Layouts in docs/formats/tensor-types.md; bytes as
 * ggml 0.25.1's reference quantizer gives them. */
#include "legacy.h"

static const ggx_kernels kernels_f64 = GGX_PORTABLE(f64), kernels_f16 = GGX_PORTABLE(f16),
                         kernels_bf16 = GGX_PORTABLE(bf16), kernels_q4_0 = GGX_PORTABLE(q4_0),
                         kernels_q4_1 = GGX_PORTABLE(q4_1), kernels_q5_0 = GGX_PORTABLE(q5_0),
                         kernels_q5_1 = GGX_PORTABLE(q5_1), kernels_q8_0 = GGX_PORTABLE(q8_0);

static const char *const none[] = {NULL};
static const char *const to_f16[] = {"f16", NULL}; /* llama-quantize's choice for a row that 32 does not divide */

/* With an importance matrix these four weigh an element by its row's mean square. */
#define WEIGHED GGX_QUANT_LOSSY | GGX_QUANT_WHOLE_ROW, GGX_IMATRIX_USES

#define QUANT(...) GGX_QUANT(__VA_ARGS__) /* WEIGHED is two arguments */
static const ggx_quant quants[] = {
    QUANT(f64, GGX_QUANT_FLOAT, GGX_IMATRIX_NONE, 1, 8, 28, GGX_NO_CODE, GGX_NO_CODE, none),
    QUANT(f16, GGX_QUANT_FLOAT, GGX_IMATRIX_NONE, 1, 2, 1, 1, 1, none),
    QUANT(bf16, GGX_QUANT_FLOAT, GGX_IMATRIX_NONE, 1, 2, 30, 32, 24, none),
    QUANT(q4_0, WEIGHED, 32, 18, 2, 2, 2, to_f16),
    QUANT(q4_1, WEIGHED, 32, 20, 3, 3, 3, to_f16),
    QUANT(q5_0, WEIGHED, 32, 22, 6, 8, 8, to_f16),
    QUANT(q5_1, WEIGHED, 32, 24, 7, 9, 9, to_f16),
    QUANT(q8_0, GGX_QUANT_LOSSY, GGX_IMATRIX_NONE, 32, 34, 8, 7, 7, to_f16),
};

static const ggx_provide provides[] = {
    {GGX_QUANT_ID, &quants[0]}, {GGX_QUANT_ID, &quants[1]}, {GGX_QUANT_ID, &quants[2]}, {GGX_QUANT_ID, &quants[3]},
    {GGX_QUANT_ID, &quants[4]}, {GGX_QUANT_ID, &quants[5]}, {GGX_QUANT_ID, &quants[6]}, {GGX_QUANT_ID, &quants[7]},
};

GGX_PLUGIN("quant-legacy", "0.1.0", "MIT", provides);
