/* kernels/avx2/plugin.c - kernels-avx2: tensor types made fast for CPUs with AVX2 and F16C, to the bytes of portable C. */
#include "../../quants/k/k.h"
#include "../common/kernels.h"
#include "avx2.h"

static const char *const cpu[] = {"avx2", "f16c", NULL};

#define RANK 20
#define LANED(type) GGX_KERNELS(type, RANK, ggx_quantize_##type##_lanes, ggx_dequantize_##type)
#define OWN(type) GGX_KERNELS(type, RANK, ggx_quantize_##type##_avx2, ggx_dequantize_##type##_avx2)
static const ggx_kernels kernels[] = {
    OWN(f16),  OWN(bf16),   OWN(q4_0),   OWN(q4_1),   OWN(q5_0),   OWN(q5_1),
    OWN(q8_0), LANED(q2_k), LANED(q3_k), LANED(q4_k), LANED(q5_k), LANED(q6_k),
};

static const ggx_provide provides[] = {
    {GGX_KERNELS_ID, &kernels[0]}, {GGX_KERNELS_ID, &kernels[1]},  {GGX_KERNELS_ID, &kernels[2]},
    {GGX_KERNELS_ID, &kernels[3]}, {GGX_KERNELS_ID, &kernels[4]},  {GGX_KERNELS_ID, &kernels[5]},
    {GGX_KERNELS_ID, &kernels[6]}, {GGX_KERNELS_ID, &kernels[7]},  {GGX_KERNELS_ID, &kernels[8]},
    {GGX_KERNELS_ID, &kernels[9]}, {GGX_KERNELS_ID, &kernels[10]}, {GGX_KERNELS_ID, &kernels[11]},
};

GGX_PLUGIN("kernels-avx2", "0.1.0", "MIT", provides);
