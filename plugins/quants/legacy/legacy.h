/* legacy/legacy.h - the kernels of this plugin, one quantize/dequantize pair a type; the table of them is in plugin.c. */
#ifndef GGX_QUANT_LEGACY_H
#define GGX_QUANT_LEGACY_H

#include <ggx/draft/quant.h>

#define GGX_LEGACY_KERNELS(type)                                                                             \
    void ggx_quantize_##type(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix, \
                             void *scratch) GGX_NOEXCEPT;                                                    \
    void ggx_dequantize_##type(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT;

GGX_LEGACY_KERNELS(f64)
GGX_LEGACY_KERNELS(f16)
GGX_LEGACY_KERNELS(bf16)
GGX_LEGACY_KERNELS(q4_0)
GGX_LEGACY_KERNELS(q4_1)
GGX_LEGACY_KERNELS(q5_0)
GGX_LEGACY_KERNELS(q5_1)
GGX_LEGACY_KERNELS(q8_0)

#endif
