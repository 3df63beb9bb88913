/* kernels/common/kernels.h - the kernels in lanes, which each plugin compiles for its instruction set and offers.
 *
 * Portable C is compiled into the plugin as well: it takes the blocks whose values (NaN, infinities, floats near the ends of the range)
 * lead a search to where lanes and portable C would part. */
#ifndef GGX_KERNELS_KERNELS_H
#define GGX_KERNELS_KERNELS_H

#include <ggx/draft/quant.h>

typedef void ggx_quantize_fn(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix,
                             void *scratch) GGX_NOEXCEPT;

typedef void ggx_dequantize_fn(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT;

ggx_quantize_fn ggx_quantize_q2_k_lanes, ggx_quantize_q3_k_lanes, ggx_quantize_q4_k_lanes, ggx_quantize_q5_k_lanes,
    ggx_quantize_q6_k_lanes, ggx_quantize_iq4_nl_lanes, ggx_quantize_iq4_xs_lanes;

/* Those of AVX2 that serve AVX-512 too. */
ggx_dequantize_fn ggx_dequantize_iq4_nl_avx2, ggx_dequantize_iq4_xs_avx2;

/* With an importance matrix, which must be there. */
ggx_quantize_fn ggx_quantize_q4_0_weighted, ggx_quantize_q4_1_weighted, ggx_quantize_q5_0_weighted,
    ggx_quantize_q5_1_weighted;

/* A ggx_kernels of rank `rank` for the features listed in `cpu`. */
#define GGX_KERNELS(type, rank, quantize, dequantize)               \
    {                                                               \
        sizeof(ggx_kernels), rank, #type, cpu, quantize, dequantize \
    }

#endif
