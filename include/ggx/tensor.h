/* ggx/tensor.h - element types, tensors, boxes, key/values, and the sink that takes them.
 *
 * Shapes are listed slowest axis first, as numpy, PyTorch and safetensors do; ggml and GGUF list them the other way round.
 * Since 0.1. */
#ifndef GGX_TENSOR_H
#define GGX_TENSOR_H

#include "base.h"

GGX_EXTERN_C_BEGIN

#define GGX_MAX_RANK 8
#define GGX_NO_CODE (-1)

/* An element type is its name and its block: `block_elems` consecutive elements of a row take `block_bytes` bytes. Plain types
 * have block_elems 1. It is a name, not a number from a list, so that a reader can hand over what no host has heard of.
 * Names in use: f64 f32 f16 bf16, i8…i64, u8…u64, bool, c64 c128, f8_e4m3 f8_e5m2 f8_e8m0, and ggml's, in lower case
 * (q4_0, q4_k, iq2_xxs …). */
typedef struct ggx_type {
    char name[16];        /* lower case, [a-z0-9_], NUL-padded to the end */
    uint32_t block_elems; /* elements, >= 1 */
    uint32_t block_bytes; /* bytes, >= 1 */
} ggx_type;

/* A range of every axis of a tensor, in elements. Axes from `rank` on are 0. */
typedef struct ggx_box {
    uint32_t struct_size; /* bytes */
    uint32_t rank;        /* 0..GGX_MAX_RANK */
    uint64_t start[GGX_MAX_RANK];
    uint64_t count[GGX_MAX_RANK];
} ggx_box;

#define GGX_LITTLE_ENDIAN 0
#define GGX_BIG_ENDIAN 1
#define GGX_BIG_ENDIAN_PAIRS 2 /* an element is two numbers (complex), each big-endian by itself */

/* How the elements are had.
 *  RAW         they lie in a member as they are: the host reads the extent itself, `read` is never called.
 *  READER      only the reader's `read` gives them (compressed, scattered); boxes may be asked from several threads.
 *  SEQUENTIAL  as READER, but one thread at a time asks, and boxes rise in row-major order. A box that begins before the end of
 *              the one before it begins a new pass: the reader starts over. */
#define GGX_ACCESS_RAW 0
#define GGX_ACCESS_READER 1
#define GGX_ACCESS_SEQUENTIAL 2

/* Flag of a tensor that is no weight: an optimizer slot, a step counter. Converted only when a recipe asks for it. */
#define GGX_TENSOR_AUXILIARY 1u

/* Flag of a READER tensor whose elements all the same lie in `member` as they are, in C order from `offset` on: `read` is there to check
 * them. It reads of the source what a box needs, and once all of it was asked for, at most the extent again. So the host knows what
 * the tensor needs of a source that passes once. A host that does not know the flag only calls `read`. */
#define GGX_TENSOR_IN_PLACE 2u

/* One tensor, as a reader pushes it into the sink. The host checks every field against the member's size; what does not fit is
 * refused with the tensor's name. */
typedef struct ggx_tensor {
    uint32_t struct_size; /* bytes */
    uint32_t rank;        /* 0..GGX_MAX_RANK; 0 is a scalar */
    ggx_str name;         /* 1..65535 bytes, unique in the checkpoint, no NUL */
    ggx_type type;
    uint32_t byte_order; /* GGX_LITTLE_ENDIAN, GGX_BIG_ENDIAN; of the plain type's elements */
    uint32_t access;     /* GGX_ACCESS_* */
    uint32_t flags;      /* GGX_TENSOR_* */
    /* RAW, IN_PLACE: the member that holds the extent; otherwise the one to name in messages, or GGX_NO_MEMBER */
    uint32_t member;
    uint64_t offset;     /* RAW, IN_PLACE: byte offset in the member of the element with index 0 on every axis */
    uint64_t nbytes;     /* RAW, IN_PLACE: length of the extent in bytes, counted from `offset` */
    uint64_t storage_id; /* tensors with the same id other than 0 share bytes (tied weights) */
    uint64_t cookie;     /* the reader's own; comes back in `read` */
    uint64_t shape[GGX_MAX_RANK]; /* elements; slowest axis first; 0 from `rank` on. Empty axes (0) are allowed */
    /* RAW: elements, >= 0; all 0 means C order. Types with block_elems > 1 must be in C order */
    int64_t stride[GGX_MAX_RANK];
    uint64_t chunk[GGX_MAX_RANK]; /* READER: elements of the natural chunk on each axis; all 0 means none */
} ggx_tensor;

/* Types of key/values. The numbers of the first thirteen are GGUF's. */
#define GGX_KV_U8 0
#define GGX_KV_I8 1
#define GGX_KV_U16 2
#define GGX_KV_I16 3
#define GGX_KV_U32 4
#define GGX_KV_I32 5
#define GGX_KV_F32 6
#define GGX_KV_BOOL 7
#define GGX_KV_STRING 8
#define GGX_KV_ARRAY 9
#define GGX_KV_U64 10
#define GGX_KV_I64 11
#define GGX_KV_F64 12

/* One key/value. A scalar has count 1. An array has type ARRAY and its elements' type in elem_type; arrays do not nest. */
typedef struct ggx_kv {
    uint32_t struct_size; /* bytes */
    uint32_t type;        /* GGX_KV_* */
    uint32_t elem_type;   /* ARRAY: GGX_KV_* of the elements, else equal to `type` */
    uint32_t reserved;    /* 0 */
    ggx_str key;          /* unique in the checkpoint */
    uint64_t count;       /* number of elements */
    const void *
        data; /* `count` elements in host byte order, aligned; BOOL: one uint8_t each, 0 or 1; STRING: one ggx_str each */
} ggx_kv;

/* Where a reader pushes what it found. The host copies what it keeps: all pointers are borrowed for the call. */
typedef struct ggx_sink {
    uint32_t struct_size; /* bytes */
    uint32_t reserved;    /* 0 */
    void *context;        /* the host's own */
    /* [instance] One tensor, in the file's order. When it fails, return its status from `index` at once. */
    ggx_status (*tensor)(const struct ggx_sink *sink, const ggx_tensor *tensor, ggx_error *error) GGX_NOEXCEPT;
    /* [instance] One key/value, in the file's order. When it fails, return its status from `index` at once. */
    ggx_status (*kv)(const struct ggx_sink *sink, const ggx_kv *kv, ggx_error *error) GGX_NOEXCEPT;
} ggx_sink;

GGX_EXTERN_C_END
#endif
