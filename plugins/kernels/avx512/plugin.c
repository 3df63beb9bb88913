/* kernels/avx512/plugin.c - kernels-avx512: tensor types made fast for CPUs with AVX-512, to the bytes of portable C. */
#include "../../quants/k/k.h"
#include "../common/kernels.h"

static const char *const cpu[] = {"avx512f", "avx512bw", "avx512vl", "avx512dq", NULL};

/* Those of AVX2 rank between them: on Zen 4, which does 512 bits in two halves, they are 5 to 12 % faster for the K types and slower for
 * iq4 (docs/performance.md). No other CPU was at hand. */
#define RANK 30
#define RANK_K 15
#define LANED(type) GGX_KERNELS(type, RANK_K, ggx_quantize_##type##_lanes, ggx_dequantize_##type)
#define MIXED(type) GGX_KERNELS(type, RANK, ggx_quantize_##type##_lanes, ggx_dequantize_##type##_avx2)
static const ggx_kernels kernels[] = {
    LANED(q2_k), LANED(q3_k), LANED(q4_k), LANED(q5_k), LANED(q6_k), MIXED(iq4_nl), MIXED(iq4_xs),
};

#define AT(n)                       \
    {                               \
        GGX_KERNELS_ID, &kernels[n] \
    }
static const ggx_provide provides[] = {AT(0), AT(1), AT(2), AT(3), AT(4), AT(5), AT(6)};

GGX_PLUGIN("kernels-avx512", "0.1.0", "MIT", provides);
