/* ggx_sdk/checked.h - arithmetic on sizes that came from a file. Each returns 0 when the true result does not fit 64 bits. Header-only. */
#ifndef GGX_SDK_CHECKED_H
#define GGX_SDK_CHECKED_H

#include <ggx/tensor.h>
#include <string.h>

static inline int ggx_add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    *out = a + b;
    return *out >= a;
}

static inline int ggx_mul_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    if (a && b > UINT64_MAX / a) return 0;
    *out = a * b;
    return 1;
}

/* Product of `rank` axes; 1 for a scalar. */
static inline int ggx_product_u64(const uint64_t *shape, uint32_t rank, uint64_t *out)
{
    *out = 1;
    int zero =
        0; /* an empty axis makes the product 0, but must not hide an overflow of the others from strides built on them */
    for (uint32_t i = 0; i < rank; i++) {
        if (!shape[i]) {
            zero = 1;
            continue;
        }
        if (!ggx_mul_u64(*out, shape[i], out)) return 0;
    }
    if (zero) *out = 0;
    return 1;
}

/* Bytes that `elems` elements of a type take; 0 also when they are not whole blocks. */
static inline int ggx_type_bytes(const ggx_type *type, uint64_t elems, uint64_t *out)
{
    if (!type->block_elems || !type->block_bytes || elems % type->block_elems) return 0;
    return ggx_mul_u64(elems / type->block_elems, type->block_bytes, out);
}

/* A type from its parts; names longer than 15 bytes are cut. */
static inline ggx_type ggx_type_make(const char *name, uint32_t block_elems, uint32_t block_bytes)
{
    ggx_type type;
    memset(&type, 0, sizeof type);
    for (size_t i = 0; i + 1 < sizeof type.name && name[i]; i++) type.name[i] = name[i];
    type.block_elems = block_elems;
    type.block_bytes = block_bytes;
    return type;
}

static inline int ggx_type_same(const ggx_type *a, const ggx_type *b)
{
    return !memcmp(a->name, b->name, sizeof a->name) && a->block_elems == b->block_elems &&
           a->block_bytes == b->block_bytes;
}

#endif
