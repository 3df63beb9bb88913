/* ggx/draft/quant.h - a tensor type: how rows of f32 become blocks, and back.
 *
 * A plugin provides one ggx_quant for each tensor type. Its own kernels, in portable C, are the definition of the type's bytes.
 * Other plugins may provide ggx_kernels for the same type, faster on some CPUs and identical to the byte; the host picks by CPU
 * features and rank. Since 0.1 (draft: the id changes with the layout). */
#ifndef GGX_DRAFT_QUANT_H
#define GGX_DRAFT_QUANT_H

#include "../plugin.h"
#include "../tensor.h"

GGX_EXTERN_C_BEGIN

#define GGX_QUANT_ID "ggx.quant.draft/1"
#define GGX_KERNELS_ID "ggx.kernels.draft/1"

/* What an importance matrix (one weight >= 0 for each column) does to the type. */
#define GGX_IMATRIX_NONE 0  /* ignored */
#define GGX_IMATRIX_USES 1  /* changes the bytes when given */
#define GGX_IMATRIX_NEEDS 2 /* refused without one */

#define GGX_QUANT_LOSSY 1u     /* dequantize(quantize(x)) differs from x by more than rounding to a float type */
#define GGX_QUANT_WHOLE_ROW 2u /* the bytes of a block depend on its whole row (always, or with an importance matrix) */
#define GGX_QUANT_FLOAT 4u     /* a plain floating-point type: --type of a float keeps its meaning for every tensor */

#define GGX_SCRATCH_HEAD 64u /* bytes of scratch that tell a kernel whether it left something there */

/* Kernels for one type. Constant. */
typedef struct ggx_kernels {
    uint32_t struct_size; /* bytes */
    int32_t rank;         /* the highest eligible rank wins; portable C has 0 */
    const char *type;     /* NUL-terminated name of the tensor type */
    /* NUL-terminated names of the CPU features it needs, ended by NULL: "avx2" "f16c" "fma" "avx512f" "avx512bw" "avx512vl"
     * "avx512dq" "neon". A name the host does not know means not eligible. NULL: none needed. */
    const char *const *cpu;

    /* [pure] Quantizes `rows` rows of `cols` floats (packed, `cols` a multiple of block_elems) to packed rows of blocks.
     * `imatrix` has `cols` floats or is NULL. `scratch` has the bytes that ggx_quant.scratch(cols) asked for, aligned to 64; NULL
     * when that is 0. The first GGX_SCRATCH_HEAD bytes of it are zero; or all of it is as the last call of this same kernel left it, so that
     * tables need not be made anew for each call. The result is the same either way. Any float value may occur, NaN and infinities too: the result is then deterministic, never a crash or a
     * write outside `out`. NULL when the type can only be read. */
    void (*quantize)(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix,
                     void *scratch) GGX_NOEXCEPT;

    /* [pure] `elems` elements (a multiple of block_elems) of packed blocks to floats. Any bit pattern may occur. `in` need not be
     * aligned. NULL when the type can only be written. */
    void (*dequantize)(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT;
} ggx_kernels;

/* One tensor type. Constant. */
typedef struct ggx_quant {
    uint32_t struct_size; /* bytes */
    uint32_t flags;       /* GGX_QUANT_* */
    ggx_type type;
    int32_t type_code;        /* ggml_type, the number of the type in GGUF and .bin tensor records; GGX_NO_CODE: none */
    int32_t file_type;        /* llama_ftype of a file mostly of this type (general.file_type); GGX_NO_CODE: none */
    int32_t legacy_file_type; /* ggml_ftype, the same for the legacy .bin header; GGX_NO_CODE: none */
    uint32_t imatrix;         /* GGX_IMATRIX_* */
    /* NUL-terminated type names, ended by NULL: tried in order for rows that no block divides, and behind them f32. NULL: such rows are
     * refused. */
    const char *const *fallback;
    const ggx_kernels *kernels; /* portable C */
    /* [pure] Bytes of scratch that quantize needs for rows of `cols` columns. NULL: none. */
    uint64_t (*scratch)(uint64_t cols) GGX_NOEXCEPT;
} ggx_quant;

GGX_EXTERN_C_END
#endif
