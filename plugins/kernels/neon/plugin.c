/* kernels/neon/plugin.c - kernels-neon: tensor types made fast for AArch64 CPUs, to the bytes of portable C. What a compiler makes of
 * portable C there is left to it: dequantizing, and blocks of 32 without an importance matrix. */
#include "../../quants/iq/iq.h"
#include "../../quants/k/k.h"
#include "../../quants/legacy/legacy.h"
#include "../common/kernels.h"

static const char *const cpu[] = {"neon", NULL};

/* With an importance matrix in lanes, without one in portable C. */
#define EITHER(type)                                                                                             \
    static void quantize_##type(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix,  \
                                void *scratch) GGX_NOEXCEPT                                                      \
    {                                                                                                            \
        (imatrix ? ggx_quantize_##type##_weighted : ggx_quantize_##type)(in, out, rows, cols, imatrix, scratch); \
    }
EITHER(q4_0)
EITHER(q4_1)
EITHER(q5_0)
EITHER(q5_1)

#define RANK 20
#define WEIGHED(type) GGX_KERNELS(type, RANK, quantize_##type, ggx_dequantize_##type)
#define LANED(type) GGX_KERNELS(type, RANK, ggx_quantize_##type##_lanes, ggx_dequantize_##type)
static const ggx_kernels kernels[] = {
    WEIGHED(q4_0), WEIGHED(q4_1), WEIGHED(q5_0), WEIGHED(q5_1), LANED(q2_k),   LANED(q3_k),
    LANED(q4_k),   LANED(q5_k),   LANED(q6_k),   LANED(iq4_nl), LANED(iq4_xs),
};

#define AT(n)                       \
    {                               \
        GGX_KERNELS_ID, &kernels[n] \
    }
static const ggx_provide provides[] = {
    AT(0), AT(1), AT(2), AT(3), AT(4), AT(5), AT(6), AT(7), AT(8), AT(9), AT(10),
};

GGX_PLUGIN("kernels-neon", "0.1.0", "MIT", provides);
