/* kernels/avx512/plugin.c - kernels-avx512: tensor types made fast for CPUs with AVX-512, to the bytes of portable C. */
#include "../../quants/k/k.h"
#include "../common/kernels.h"

static const char *const cpu[] = {"avx512f", "avx512bw", "avx512vl", "avx512dq", NULL};

#define RANK 30
#define LANED(type) GGX_KERNELS(type, RANK, ggx_quantize_##type##_lanes, ggx_dequantize_##type)
static const ggx_kernels kernels[] = {
    LANED(q2_k), LANED(q3_k), LANED(q4_k), LANED(q5_k), LANED(q6_k),
};

static const ggx_provide provides[] = {
    {GGX_KERNELS_ID, &kernels[0]}, {GGX_KERNELS_ID, &kernels[1]}, {GGX_KERNELS_ID, &kernels[2]},
    {GGX_KERNELS_ID, &kernels[3]}, {GGX_KERNELS_ID, &kernels[4]},
};

GGX_PLUGIN("kernels-avx512", "0.1.0", "MIT", provides);
