/* attribute.c - attributes (IV.A.2.m), in the object header or in a heap, as key/values. */
#include "h5.h"

#include <ggx_sdk/kv.h>

#define MAX_NAME 65535u

typedef struct walk {
    h5_file *f;
    ggx_str only;
    h5_attribute_fn fn;
    void *context;
    uint64_t heap, names; /* of dense attributes */
    h5_fractal fractal;
} walk;

static const struct {
    char type[8];
    uint32_t kv;
} numbers[] = {{"u8", GGX_KV_U8},   {"i8", GGX_KV_I8},   {"u16", GGX_KV_U16},  {"i16", GGX_KV_I16},
               {"u32", GGX_KV_U32}, {"i32", GGX_KV_I32}, {"f32", GGX_KV_F32},  {"u64", GGX_KV_U64},
               {"i64", GGX_KV_I64}, {"f64", GGX_KV_F64}, {"bool", GGX_KV_BOOL}};
#define NUMBER_COUNT (sizeof numbers / sizeof numbers[0])

static ggx_status no_memory(ggx_error *error)
{
    return ggx_fail(error, GGX_E_NOMEM, "the attributes do not fit into this reader's memory");
}

/* `count` numbers to host byte order. */
static ggx_status read_numbers(walk *w, ggx_cursor *c, const h5_type *type, uint64_t count, ggx_kv *kv,
                               ggx_error *error)
{
    uint8_t *out = w->f->host->alloc(w->f->host, count * type->size);
    if (!out) return no_memory(error);
    c->big = (int32_t)type->big;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t bits = ggx_cursor_uint(c, type->size, "an attribute");
        uint8_t v8 = (uint8_t)bits;
        uint16_t v16 = (uint16_t)bits;
        uint32_t v32 = (uint32_t)bits;
        const void *from = type->size == 1 ? (const void *)&v8 : type->size == 2 ? (const void *)&v16 : &v32;
        if (kv->elem_type == GGX_KV_BOOL && v8 > 1) return h5_bad(c, error, "a bool is neither 0 nor 1");
        memcpy(out + i * type->size, type->size == 8 ? (const void *)&bits : from, type->size);
    }
    c->big = 0;
    kv->data = out;
    return c->status;
}

static void trim(ggx_str *s, uint32_t pad)
{
    const char *nul = pad == 0 && s->size ? memchr(s->data, 0, (size_t)s->size) : NULL;
    if (nul) s->size = (uint64_t)(nul - s->data);
    char last = pad == 2 ? ' ' : 0;
    while (pad && s->size && s->data[s->size - 1] == last) s->size--;
}

static ggx_status read_bytes(walk *w, ggx_cursor *c, uint64_t size, ggx_str *out, ggx_error *error)
{
    char *bytes = w->f->host->alloc(w->f->host, size);
    if (!bytes) return no_memory(error);
    out->data = bytes;
    out->size = size;
    return ggx_cursor_bytes(c, bytes, size, "a string");
}

static ggx_status read_strings(walk *w, ggx_cursor *c, const h5_type *type, uint64_t count, ggx_kv *kv,
                               ggx_error *error)
{
    ggx_str *strings = w->f->host->alloc(w->f->host, count * sizeof *strings);
    if (!strings) return no_memory(error);
    kv->data = strings;
    for (uint64_t i = 0; i < count && c->status == GGX_OK; i++) {
        ggx_status status = GGX_OK;
        if (type->kind == H5_STRING) {
            status = read_bytes(w, c, type->size, &strings[i], error);
        } else {
            ggx_cursor value;
            uint64_t address = 0, size = 0, length = ggx_cursor_u32(c, "a string");
            uint64_t collection = h5_address(w->f, c, "a string");
            uint32_t index = ggx_cursor_u32(c, "a string");
            if (c->status != GGX_OK) return c->status;
            if (!length) continue;
            status = h5_global_find(w->f, collection, index, &address, &size, error);
            if (status == GGX_OK && length > size)
                return h5_bad(c, error, "a string is longer than its place in the heap");
            if (status == GGX_OK) status = h5_file_at(w->f, &value, address, length, "a string", error);
            if (status == GGX_OK) status = read_bytes(w, &value, length, &strings[i], error);
        }
        if (status != GGX_OK) return status;
        trim(&strings[i], type->kind == H5_STRING ? type->pad : 0);
    }
    return c->status;
}

static ggx_status read_values(walk *w, ggx_cursor *c, ggx_str name, const h5_type *type, const h5_space *space,
                              ggx_error *error)
{
    ggx_kv kv = {sizeof kv, GGX_KV_ARRAY, GGX_KV_STRING, 0, name, 0, NULL};
    size_t i = 0;
    uint64_t in_file = type->kind == H5_VLEN_STRING ? 8 + (uint64_t)w->f->offset_bytes : type->size;
    while (i < NUMBER_COUNT && (type->kind != H5_NUMBER || strcmp(numbers[i].type, type->type.name))) i++;
    if (type->kind == H5_OTHER || type->kind == H5_ODD_NUMBER || space->null || space->rank > 1 ||
        (type->kind == H5_NUMBER && i == NUMBER_COUNT))
        return GGX_OK;
    if (!ggx_product_u64(space->dims, space->rank, &kv.count) || kv.count > ggx_cursor_left(c) / in_file)
        return h5_bad(c, error, "an attribute is longer than its message");
    if (type->kind == H5_NUMBER) kv.elem_type = numbers[i].kv;
    if (!space->rank) kv.type = kv.elem_type;
    ggx_status status = type->kind == H5_NUMBER ? read_numbers(w, c, type, kv.count, &kv, error)
                                                : read_strings(w, c, type, kv.count, &kv, error);
    return status == GGX_OK ? w->fn(w->context, &kv, error) : status;
}

static ggx_status read_name(walk *w, ggx_cursor *c, uint64_t size, ggx_str *name, ggx_error *error)
{
    ggx_status status = read_bytes(w, c, size, name, error);
    if (status != GGX_OK) return status;
    const char *nul = size ? memchr(name->data, 0, (size_t)size) : NULL;
    if (nul) name->size = (uint64_t)(nul - name->data);
    return GGX_OK;
}

static ggx_status read_attribute(walk *w, ggx_cursor *c, ggx_error *error)
{
    uint32_t version = ggx_cursor_u8(c, "an attribute"), flags = ggx_cursor_u8(c, "an attribute");
    uint64_t name_size = ggx_cursor_u16(c, "an attribute"), type_size = ggx_cursor_u16(c, "an attribute");
    uint64_t space_size = ggx_cursor_u16(c, "an attribute"), end = c->end;
    h5_type type;
    h5_space space;
    ggx_str name = {NULL, 0};
    if (c->status != GGX_OK) return c->status;
    if (version < 1 || version > 3)
        return h5_cannot(c, error, "an attribute has a version that this reader does not know");
    if (version == 3) ggx_cursor_skip(c, 1, "an attribute"); /* character set: names are bytes here */
    uint64_t round = version == 1 ? 7 : 0, type_at = c->at + ((name_size + round) & ~round);
    uint64_t space_at = type_at + ((type_size + round) & ~round), data_at = space_at + ((space_size + round) & ~round);
    if (c->status == GGX_OK && data_at > end) return h5_bad(c, error, "an attribute is longer than its message");
    ggx_status status = read_name(w, c, name_size, &name, error);
    if (status != GGX_OK) return status;
    if (w->only.size && (w->only.size != name.size || memcmp(w->only.data, name.data, (size_t)name.size)))
        return GGX_OK;
    c->at = type_at;
    c->end = space_at;
    status = h5_type_read(w->f, c, version > 1 && flags & 1 ? H5_SHARED : 0, &type, error);
    c->at = space_at;
    c->end = data_at;
    if (status == GGX_OK && version > 1 && flags & 2) return GGX_OK; /* a data space elsewhere: nobody writes that */
    if (status == GGX_OK) status = h5_space_read(w->f, c, &space, error);
    if (status != GGX_OK) return status;
    c->at = data_at;
    c->end = end;
    return name.size ? read_values(w, c, name, &type, &space, error) : GGX_OK;
}

static ggx_status take_message(void *context, uint32_t type, uint32_t flags, ggx_cursor *c, ggx_error *error)
{
    walk *w = context;
    if (type == H5_MSG_ATTRIBUTE && !(flags & H5_SHARED)) return read_attribute(w, c, error);
    if (type == H5_MSG_ATTRIBUTE_INFO) {
        ggx_cursor_skip(c, 1, "attribute information");
        uint32_t order = ggx_cursor_u8(c, "attribute information") & 1;
        ggx_cursor_skip(c, order ? 2 : 0, "attribute information");
        w->heap = h5_address(w->f, c, "attribute information");
        w->names = h5_address(w->f, c, "attribute information");
    }
    return c->status;
}

static ggx_status read_dense(void *context, const uint8_t *record, uint32_t size, uint32_t type, ggx_error *error)
{
    walk *w = context;
    ggx_cursor c;
    uint64_t address = 0, length = 0;
    if (type != 8 || size < 9) return ggx_fail(error, GGX_E_MALFORMED, "attributes lie in a B-tree of another kind");
    if (record[8] & H5_SHARED) return GGX_OK; /* flags, behind the 8 bytes of the heap's id */
    ggx_status status = h5_fractal_find(w->f, &w->fractal, record, 8, &address, &length, error);
    if (status == GGX_OK) status = h5_file_at(w->f, &c, address, length, "an attribute", error);
    return status == GGX_OK ? read_attribute(w, &c, error) : status;
}

ggx_status h5_attributes_walk(h5_file *f, uint64_t address, ggx_str only, h5_attribute_fn fn, void *context,
                              ggx_error *error)
{
    walk w = {.f = f, .only = only, .fn = fn, .context = context, .heap = H5_NONE, .names = H5_NONE};
    ggx_status status = h5_object_walk(f, address, take_message, &w, error);
    if (status == GGX_OK && w.heap != H5_NONE && w.names != H5_NONE) {
        status = h5_fractal_open(f, w.heap, &w.fractal, error);
        if (status == GGX_OK) status = h5_btree2_walk(f, w.names, read_dense, &w, error);
    }
    return status;
}
