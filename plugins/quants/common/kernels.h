/* common/kernels.h - the names that every type's pair of kernels has, and the records that offer them. */
#ifndef GGX_QUANTS_KERNELS_H
#define GGX_QUANTS_KERNELS_H

#include <ggx/draft/quant.h>

/* Declares ggx_quantize_TYPE and ggx_dequantize_TYPE. */
#define GGX_DECLARE_KERNELS(type)                                                                            \
    void ggx_quantize_##type(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix, \
                             void *scratch) GGX_NOEXCEPT;                                                    \
    void ggx_dequantize_##type(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT;

/* A ggx_kernels of portable C, and one that can only read. */
#define GGX_PORTABLE(type)                                                              \
    {                                                                                   \
        sizeof(ggx_kernels), 0, #type, NULL, ggx_quantize_##type, ggx_dequantize_##type \
    }
#define GGX_PORTABLE_READ(type)                                          \
    {                                                                    \
        sizeof(ggx_kernels), 0, #type, NULL, NULL, ggx_dequantize_##type \
    }

/* A ggx_quant whose kernels are kernels_TYPE: flags, imatrix, block_elems, block_bytes, ggml_type, llama_ftype, ggml_ftype, fallback. */
#define GGX_QUANT(type, flags, imatrix, elems, bytes, code, gguf_file, ggml_file, fallback)             \
    {                                                                                                   \
        sizeof(ggx_quant), flags, {#type, elems, bytes}, code, gguf_file, ggml_file, imatrix, fallback, \
            &kernels_##type, NULL                                                                       \
    }

#endif
