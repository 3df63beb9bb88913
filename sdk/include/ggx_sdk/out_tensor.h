/* ggx_sdk/out_tensor.h - what every writer checks of a tensor before it takes it. Header-only. */
#ifndef GGX_SDK_OUT_TENSOR_H
#define GGX_SDK_OUT_TENSOR_H

#include "checked.h"
#include "error.h"
#include "ggml_types.h"
#include <ggx/writer.h>

/* GGX_E_UNSUPPORTED or GGX_E_MALFORMED when the name, rank or size is not what `format` holds. */
static inline ggx_status ggx_out_tensor_check(const ggx_out_tensor *t, const char *format, uint32_t max_rank,
                                              uint64_t max_name, ggx_error *error)
{
    uint64_t elems, nbytes;
    if (!t->name.size || t->name.size > max_name || memchr(t->name.data, 0, (size_t)t->name.size))
        return ggx_fail(error, GGX_E_UNSUPPORTED,
                        "tensor '%.*s': a name of %llu bytes, %s takes 1 to %llu without NUL; rename it in the recipe",
                        GGX_STR_ARGS(t->name), (unsigned long long)t->name.size, format, (unsigned long long)max_name);
    if (t->rank > max_rank)
        return ggx_fail(error, GGX_E_UNSUPPORTED,
                        "tensor '%.*s' has %u dimensions, %s takes at most %u; reshape it in the recipe",
                        GGX_STR_ARGS(t->name), t->rank, format, max_rank);
    uint64_t row = t->rank ? t->shape[t->rank - 1] : 1;
    if (t->type.name[15] || !t->type.block_elems || row % t->type.block_elems ||
        !ggx_product_u64(t->shape, t->rank, &elems) || !ggx_type_bytes(&t->type, elems, &nbytes) ||
        nbytes != t->nbytes || elems > INT64_MAX)
        return ggx_fail(error, GGX_E_MALFORMED, "tensor '%.*s': %llu bytes do not fit its shape and type %.15s",
                        GGX_STR_ARGS(t->name), (unsigned long long)t->nbytes, t->type.name);
    return GGX_OK;
}

/* ggml's number for the tensor's type: as its plugin says, else by its name. */
static inline ggx_status ggx_out_tensor_ggml_code(const ggx_out_tensor *t, const char *format, int32_t *code,
                                                  ggx_error *error)
{
    const ggx_ggml_type *known =
        t->type_code == GGX_NO_CODE ? ggx_ggml_type_by_name(t->type.name) : ggx_ggml_type_by_code(t->type_code);
    if (t->type_code < 0 && !known)
        return ggx_fail(error, GGX_E_UNSUPPORTED,
                        "tensor '%.*s' has type %.15s, for which %s has no number; choose another type where it is a "
                        "weight, leave it out with a recipe, or write another format",
                        GGX_STR_ARGS(t->name), t->type.name, format);
    if (known && (known->block_elems != t->type.block_elems || known->block_bytes != t->type.block_bytes))
        return ggx_fail(error, GGX_E_UNSUPPORTED,
                        "tensor '%.*s': type %.15s has blocks of %u elements in %u bytes, ggml's type %d has %u in %u",
                        GGX_STR_ARGS(t->name), t->type.name, t->type.block_elems, t->type.block_bytes, (int)known->code,
                        known->block_elems, known->block_bytes);
    *code = t->type_code == GGX_NO_CODE ? known->code : t->type_code;
    return GGX_OK;
}

#endif
