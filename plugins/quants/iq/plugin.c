/* iq/plugin.c - quant-iq: types whose elements are points of a grid or of a curve. Layouts in docs/formats/tensor-types.md; bytes as
 * ggml 0.25.1's reference quantizer gives them. */
#include "iq.h"

static const ggx_kernels kernels_iq1_s = GGX_PORTABLE(iq1_s), kernels_iq1_m = GGX_PORTABLE(iq1_m),
                         kernels_iq2_xxs = GGX_PORTABLE(iq2_xxs), kernels_iq2_xs = GGX_PORTABLE(iq2_xs),
                         kernels_iq2_s = GGX_PORTABLE(iq2_s), kernels_iq3_xxs = GGX_PORTABLE(iq3_xxs),
                         kernels_iq3_s = GGX_PORTABLE(iq3_s), kernels_iq4_nl = GGX_PORTABLE(iq4_nl),
                         kernels_iq4_xs = GGX_PORTABLE(iq4_xs);

/* llama-quantize's choices for a row that the block does not divide */
static const char *const to_iq4_nl[] = {"iq4_nl", "f16", NULL}, *const to_f16[] = {"f16", NULL};

/* One type, with the search memory that its grid needs. */
#define IQ(type, imatrix, elems, bytes, code, gguf_file, ggml_file, fallback, scratch)                            \
    {                                                                                                             \
        sizeof(ggx_quant), GGX_QUANT_LOSSY, {#type, elems, bytes}, code, gguf_file, ggml_file, imatrix, fallback, \
            &kernels_##type, scratch                                                                              \
    }

static const ggx_quant quants[] = {
    IQ(iq1_s, GGX_IMATRIX_NEEDS, SUPER, 50, 19, 24, 18, to_iq4_nl, ggx_scratch_iq1),
    IQ(iq1_m, GGX_IMATRIX_USES, SUPER, 56, 29, 31, 23, to_iq4_nl, ggx_scratch_iq1),
    IQ(iq2_xxs, GGX_IMATRIX_NEEDS, SUPER, 66, 16, 19, 15, to_iq4_nl, ggx_scratch_iq2_xxs),
    IQ(iq2_xs, GGX_IMATRIX_NEEDS, SUPER, 74, 17, 20, 16, to_iq4_nl, ggx_scratch_iq2_xs),
    IQ(iq2_s, GGX_IMATRIX_USES, SUPER, 82, 22, 28, 21, to_iq4_nl, ggx_scratch_iq2_s),
    IQ(iq3_xxs, GGX_IMATRIX_USES, SUPER, 98, 18, 23, 17, to_iq4_nl, ggx_scratch_iq3_xxs),
    IQ(iq3_s, GGX_IMATRIX_USES, SUPER, 110, 21, 26, 20, to_iq4_nl, ggx_scratch_iq3_s),
    IQ(iq4_nl, GGX_IMATRIX_USES, 32, 18, 20, 25, 19, to_f16, NULL),
    IQ(iq4_xs, GGX_IMATRIX_USES, SUPER, 136, 23, 30, 22, to_iq4_nl, NULL),
};

static const ggx_provide provides[] = {
    {GGX_QUANT_ID, &quants[0]}, {GGX_QUANT_ID, &quants[1]}, {GGX_QUANT_ID, &quants[2]},
    {GGX_QUANT_ID, &quants[3]}, {GGX_QUANT_ID, &quants[4]}, {GGX_QUANT_ID, &quants[5]},
    {GGX_QUANT_ID, &quants[6]}, {GGX_QUANT_ID, &quants[7]}, {GGX_QUANT_ID, &quants[8]},
};

GGX_PLUGIN("quant-iq", "0.1.0", "MIT", provides);
