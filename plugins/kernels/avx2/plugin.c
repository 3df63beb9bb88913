/* kernels/avx2/plugin.c - kernels-avx2: tensor types made fast for CPUs with AVX2 and F16C, to the bytes of portable C. */
#include "../../quants/iq/iq.h"
#include "../../quants/k/k.h"
#include "../../quants/low/low.h"
#include "../../quants/ternary/ternary.h"
#include "../common/kernels.h"
#include "avx2.h"

static const char *const cpu[] = {"avx2", "f16c", NULL};

#define RANK 20
#define OWN(type) GGX_KERNELS(type, RANK, ggx_quantize_##type##_avx2, ggx_dequantize_##type##_avx2)
#define LANED(type) GGX_KERNELS(type, RANK, ggx_quantize_##type##_lanes, ggx_dequantize_##type)
#define MIXED(type) GGX_KERNELS(type, RANK, ggx_quantize_##type##_lanes, ggx_dequantize_##type##_avx2)
#define READS(type) GGX_KERNELS(type, RANK, NULL, ggx_dequantize_##type##_avx2)
#define WRITES(type) GGX_KERNELS(type, RANK, ggx_quantize_##type##_avx2, ggx_dequantize_##type)
/* Portable C around the searches that place.c, trials.c and iq1.c have. */
#define PLACED(type) GGX_KERNELS(type, RANK, ggx_quantize_##type, ggx_dequantize_##type)
static const ggx_kernels kernels[] = {
    OWN(f16),      OWN(bf16),     OWN(q4_0),       OWN(q4_1),      OWN(q5_0),      OWN(q5_1),
    OWN(q8_0),     LANED(q2_k),   LANED(q3_k),     LANED(q4_k),    LANED(q5_k),    LANED(q6_k),
    MIXED(iq4_nl), MIXED(iq4_xs), OWN(mxfp4),      OWN(nvfp4),     WRITES(tq1_0),  OWN(tq2_0),
    OWN(q1_0),     OWN(q2_0),     PLACED(iq2_xxs), PLACED(iq2_xs), PLACED(iq2_s),  PLACED(iq3_xxs),
    PLACED(iq3_s), PLACED(iq1_s), PLACED(iq1_m),   READS(f8_e4m3), READS(f8_e5m2), READS(f8_e8m0),
};

#define AT(n)                       \
    {                               \
        GGX_KERNELS_ID, &kernels[n] \
    }
static const ggx_provide provides[] = {
    AT(0),  AT(1),  AT(2),  AT(3),  AT(4),  AT(5),  AT(6),  AT(7),  AT(8),  AT(9),
    AT(10), AT(11), AT(12), AT(13), AT(14), AT(15), AT(16), AT(17), AT(18), AT(19),
    AT(20), AT(21), AT(22), AT(23), AT(24), AT(25), AT(26), AT(27), AT(28), AT(29),
};

GGX_PLUGIN("kernels-avx2", "0.1.0", "MIT", provides);
