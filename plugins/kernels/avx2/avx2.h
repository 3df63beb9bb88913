/* kernels/avx2/avx2.h - the kernels that are written for AVX2 alone. */
#ifndef GGX_KERNELS_AVX2_H
#define GGX_KERNELS_AVX2_H

#include "../common/kernels.h"

ggx_quantize_fn ggx_quantize_f16_avx2, ggx_quantize_bf16_avx2, ggx_quantize_q4_0_avx2, ggx_quantize_q4_1_avx2,
    ggx_quantize_q5_0_avx2, ggx_quantize_q5_1_avx2, ggx_quantize_q8_0_avx2, ggx_quantize_mxfp4_avx2,
    ggx_quantize_nvfp4_avx2, ggx_quantize_tq1_0_avx2, ggx_quantize_tq2_0_avx2, ggx_quantize_q1_0_avx2,
    ggx_quantize_q2_0_avx2;
ggx_dequantize_fn ggx_dequantize_f16_avx2, ggx_dequantize_bf16_avx2, ggx_dequantize_q4_0_avx2, ggx_dequantize_q4_1_avx2,
    ggx_dequantize_q5_0_avx2, ggx_dequantize_q5_1_avx2, ggx_dequantize_q8_0_avx2, ggx_dequantize_mxfp4_avx2,
    ggx_dequantize_nvfp4_avx2, ggx_dequantize_tq2_0_avx2, ggx_dequantize_q1_0_avx2, ggx_dequantize_q2_0_avx2,
    ggx_dequantize_f8_e4m3_avx2, ggx_dequantize_f8_e5m2_avx2, ggx_dequantize_f8_e8m0_avx2;

#endif
