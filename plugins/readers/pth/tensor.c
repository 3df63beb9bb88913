/* tensor.c - from the record of a rebuild call to the bytes of a tensor. Sources: torch/_utils.py (the _rebuild functions),
 * torch/serialization.py (persistent_load). */
#include "pth.h"

#include <ggx_sdk/checked.h>
#include <ggx_sdk/error.h>

#define UNWRAP_MAX 8u /* a Parameter of a Tensor of … */

static GGX_PRINTF(5, 6) ggx_status
    refuse(const ggx_pickle_value *at, ggx_str path, ggx_error *error, ggx_status status, const char *format, ...)
{
    char text[160];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return ggx_fail_at(error, status, GGX_NO_MEMBER, GGX_NO_OFFSET, "tensor '%.*s' (byte %llu of its pickle): %s",
                       GGX_STR_ARGS(path), (unsigned long long)at->offset, text);
}

static const ggx_pickle_value *item(const ggx_pickle_value *tuple, uint64_t i, uint32_t kind)
{
    return tuple->kind == GGX_PICKLE_TUPLE && i < tuple->count && tuple->items[i]->kind == kind ? tuple->items[i]
                                                                                                : NULL;
}

/* A whole number >= 0. */
static int size_of(const ggx_pickle_value *v, uint64_t *out)
{
    if (!v || v->kind != GGX_PICKLE_INT || v->integer < 0) return 0;
    *out = (uint64_t)v->integer;
    return 1;
}

/* A shape or strides: a tuple, or torch.Size of one. */
static const ggx_pickle_value *sizes_of(const ggx_pickle_value *args, uint64_t i)
{
    const ggx_pickle_value *v = args->count > i ? args->items[i] : NULL;
    if (v && v->kind == GGX_PICKLE_CALL && v->items[0]->role == PTH_ROLE_SIZE && v->items[1]->count)
        v = v->items[1]->items[0];
    return v && (v->kind == GGX_PICKLE_TUPLE || v->kind == GGX_PICKLE_LIST) ? v : NULL;
}

/* ---- storages -------------------------------------------------------------------------------------------------------------- */

/* ('storage', class, key, location, count[, view]). */
typedef struct storage_id {
    const pth_dtype *dtype; /* NULL: bytes without a type */
    ggx_str key;
    uint64_t count, bytes, view; /* elements; all bytes; elements in front of the view */
} storage_id;

static ggx_status parse_id(const pth_file *r, const ggx_pickle_value *v, ggx_str path, storage_id *out,
                           ggx_error *error)
{
    const ggx_pickle_value *id = v->kind == GGX_PICKLE_PERSID ? v->items[0] : v;
    const ggx_pickle_value *cls = item(id, 1, GGX_PICKLE_GLOBAL), *key = item(id, 2, GGX_PICKLE_TEXT);
    memset(out, 0, sizeof *out);
    if ((v->kind != GGX_PICKLE_PERSID && !r->is_tar) || id->kind != GGX_PICKLE_TUPLE || id->count < 5 ||
        !ggx_pickle_is(id->items[0], "storage") || !cls || !key || !size_of(id->items[4], &out->count))
        return refuse(v, path, error, GGX_E_MALFORMED, "what should be its storage is none");
    out->key = key->text;
    out->dtype = pth_dtype_of_storage(cls->text);
    if (!out->dtype && !pth_storage_is_untyped(cls->text))
        return refuse(v, path, error, GGX_E_UNSUPPORTED, "its storage class %.*s is not known",
                      GGX_STR_ARGS(cls->text));
    if (!ggx_mul_u64(out->count, out->dtype ? out->dtype->bytes : 1, &out->bytes))
        return refuse(v, path, error, GGX_E_MALFORMED, "the size of its storage overflows");
    if (id->count > 5 && id->items[5]->kind == GGX_PICKLE_TUPLE &&
        !size_of(item(id->items[5], 1, GGX_PICKLE_INT), &out->view))
        return refuse(v, path, error, GGX_E_MALFORMED, "its view of a storage is none");
    return GGX_OK;
}

static ggx_status find_bytes(const pth_file *r, const pth_part *part, const ggx_pickle_value *v, const storage_id *id,
                             ggx_str path, pth_tensor *out, ggx_error *error)
{
    char name[1024];
    if (!r->is_zip) {
        const pth_storage *s = pth_storage_find(r, id->key);
        if (!s)
            return refuse(v, path, error, GGX_E_MALFORMED, "its storage '%.*s' is not in the file",
                          GGX_STR_ARGS(id->key));
        if (s->count != id->count || s->dtype != id->dtype)
            return refuse(v, path, error, GGX_E_MALFORMED, "its storage should have %llu elements, and has %llu",
                          (unsigned long long)id->count, (unsigned long long)s->count);
        out->base = s->offset;
        out->storage = (uint64_t)(s - r->storages) + 1;
        return GGX_OK;
    }
    uint64_t size = part->storages.size + id->key.size;
    if (size > sizeof name) return refuse(v, path, error, GGX_E_MALFORMED, "its storage's name is too long");
    memcpy(name, part->storages.data, (size_t)part->storages.size);
    if (id->key.size) memcpy(name + part->storages.size, id->key.data, (size_t)id->key.size);
    out->entry = ggx_zip_find(&r->zip, (ggx_str){name, size});
    if (!out->entry)
        return refuse(v, path, error, GGX_E_MALFORMED, "its storage %.*s is not in the zip",
                      (int)(size < 100 ? size : 100), name);
    if (out->entry->size != id->bytes)
        return refuse(v, path, error, GGX_E_MALFORMED, "its storage %.*s should have %llu bytes, and has %llu",
                      (int)(size < 100 ? size : 100), name, (unsigned long long)id->bytes,
                      (unsigned long long)out->entry->size);
    out->base = out->entry->data;
    out->storage = (uint64_t)(out->entry - r->zip.entries) + 1;
    return GGX_OK;
}

/* ---- shape and strides ----------------------------------------------------------------------------------------------------- */

/* Strides of axes of one element say nothing and become 0; those of C order all. */
const char *pth_tensor_lay(pth_tensor *out, const uint64_t *strides, uint64_t first, uint64_t storage_bytes)
{
    uint64_t step = 1, elems = 0, reach = 1, end = 0, bytes = 0;
    int c_order = 1, wide = 0;
    for (uint32_t i = out->rank; i-- > 0;) {
        uint64_t far = 0;
        if (out->shape[i] < 2) continue;
        c_order &= strides[i] == step;
        wide |= strides[i] != 0;
        if (strides[i] > INT64_MAX || !ggx_mul_u64(step, out->shape[i], &step) ||
            !ggx_mul_u64(out->shape[i] - 1, strides[i], &far) || !ggx_add_u64(reach, far, &reach))
            return "its shape overflows";
        out->stride[i] = (int64_t)strides[i];
    }
    if (!ggx_product_u64(out->shape, out->rank, &elems)) return "its shape overflows";
    if (!elems) reach = 0;
    out->broadcast = elems > 1 && !wide;
    if (c_order || !elems) memset(out->stride, 0, sizeof out->stride);
    if (!ggx_add_u64(first, reach, &end) || !ggx_mul_u64(end, out->dtype->bytes, &bytes) || bytes > storage_bytes)
        return "it reaches beyond its storage";
    if (out->dtype->elems > 1 && (!c_order || !out->rank))
        return "two of its elements share a byte, and it does not lie in one piece; save a contiguous copy";
    out->first = first * out->dtype->bytes;
    out->reach = reach * out->dtype->bytes;
    return NULL;
}

static ggx_status rebuild(const pth_file *r, const pth_part *part, const ggx_pickle_value *v,
                          const ggx_pickle_value *args, int64_t role, ggx_str path, pth_tensor *out, ggx_error *error)
{
    const ggx_pickle_value *sizes = sizes_of(args, 2), *strides = sizes_of(args, 3),
                           *dtype = item(args, 6, GGX_PICKLE_GLOBAL);
    storage_id id;
    uint64_t first = 0, stride[GGX_MAX_RANK];
    if (args->kind != GGX_PICKLE_TUPLE || !sizes || !strides || sizes->count != strides->count ||
        !size_of(args->items[1], &first))
        return refuse(v, path, error, GGX_E_MALFORMED, "the record of its shape is broken");
    if (sizes->count > GGX_MAX_RANK)
        return refuse(v, path, error, GGX_E_UNSUPPORTED, "it has more than %d axes", GGX_MAX_RANK);
    ggx_status status = parse_id(r, args->items[0], path, &id, error);
    if (status == GGX_OK) status = find_bytes(r, part, v, &id, path, out, error);
    if (status != GGX_OK) return status;
    out->rank = (uint32_t)sizes->count;
    for (uint32_t i = 0; i < out->rank; i++)
        if (!size_of(sizes->items[i], &out->shape[i]) || !size_of(strides->items[i], &stride[i]))
            return refuse(v, path, error, GGX_E_MALFORMED, "its shape or strides are no whole numbers from 0 on");
    out->dtype = role == PTH_ROLE_TENSOR_V3 && dtype ? pth_dtype_of_global(dtype->text) : id.dtype;
    if (!out->dtype)
        return refuse(v, path, error, GGX_E_UNSUPPORTED, "its element type %.*s is not read",
                      GGX_STR_ARGS(dtype ? dtype->text : ((ggx_str){"", 0})));
    out->big = r->is_zip && r->big;
    const char *why = ggx_add_u64(first, id.view, &first) ? pth_tensor_lay(out, stride, first, id.bytes)
                                                          : "it reaches beyond its storage";
    if (!why) return GGX_OK;
    return refuse(v, path, error, out->dtype->elems > 1 ? GGX_E_UNSUPPORTED : GGX_E_MALFORMED, "%s", why);
}

ggx_status pth_tensor_resolve(pth_file *r, const pth_part *part, const ggx_pickle_value *v, ggx_str path,
                              pth_tensor *out, int *found, ggx_error *error)
{
    *found = 0;
    for (uint32_t i = 0; i < UNWRAP_MAX && v && v->kind == GGX_PICKLE_CALL; i++) {
        const ggx_pickle_value *args = v->items[1];
        int64_t role = v->items[0]->role;
        if (role == PTH_ROLE_FIRST) {
            v = args->count ? args->items[0] : NULL;
            continue;
        }
        if (role == PTH_ROLE_FROM_TYPE) {
            const ggx_pickle_value *function = item(args, 0, GGX_PICKLE_GLOBAL);
            args = item(args, 2, GGX_PICKLE_TUPLE);
            if (!function || !args) return refuse(v, path, error, GGX_E_MALFORMED, "the record of its type is broken");
            role = function->role;
            if (role == PTH_ROLE_FIRST) {
                v = args->count ? args->items[0] : NULL;
                continue;
            }
        }
        if (role == PTH_ROLE_UNREAD)
            return refuse(v, path, error, GGX_E_UNSUPPORTED,
                          "it is quantized, sparse or without data of its own; save it as a plain tensor");
        if (role != PTH_ROLE_TENSOR && role != PTH_ROLE_TENSOR_V3) return GGX_OK;
        *found = 1;
        return rebuild(r, part, v, args, role, path, out, error);
    }
    if (!r->is_tar || !v || v->kind != GGX_PICKLE_PERSID || v->items[0]->kind != GGX_PICKLE_TEXT) return GGX_OK;
    if (!pth_tar_find(r, v->items[0]->text, out))
        return refuse(v, path, error, GGX_E_MALFORMED, "what it refers to is not in the file");
    *found = out->dtype != NULL;
    return GGX_OK;
}
