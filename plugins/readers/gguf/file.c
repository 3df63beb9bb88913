/* file.c - one GGUF file: header, tensor descriptions, and the rules that tie them to the data (ggml: src/gguf.cpp). */
#include "gguf.h"

#include <ggx_sdk/checked.h>
#include <ggx_sdk/ggml_types.h>

/* The least that one key/value and one tensor description take, so that a count beyond the file is refused at once. */
#define KV_LEAST 14u
#define INFO_LEAST 24u

static uint32_t swap32(uint32_t v)
{
    return v >> 24 | (v >> 8 & 0xff00u) | (v << 8 & 0xff0000u) | v << 24;
}

static ggx_status check_version(gguf_file *file, uint32_t version, ggx_error *error)
{
    /* Only the byte order of the version tells a big-endian file: the magic is the same four bytes in both. */
    file->big = version && !(version & 0xffffu);
    file->version = file->big ? swap32(version) : version;
    if (file->version == 1)
        return ggx_fail_at(error, GGX_E_UNSUPPORTED, file->member, 4,
                           "this is GGUF version 1, which ggml no longer reads either; make it again as version 3");
    if (file->version < 1 || file->version > 3)
        return ggx_fail_at(error, file->version ? GGX_E_UNSUPPORTED : GGX_E_MALFORMED, file->member, 4,
                           "GGUF version %u is unknown; this reader knows 2 and 3", file->version);
    return GGX_OK;
}

ggx_status gguf_file_start(gguf_reader *r, gguf_file *file, ggx_error *error)
{
    ggx_member member;
    ggx_cursor c;
    uint8_t magic[4];
    memset(&member, 0, sizeof member);
    member.struct_size = sizeof member;
    ggx_status status = r->source->member(r->source, file->member, &member, error);
    if (status != GGX_OK) return status;
    file->size = member.size;
    file->alignment = GGUF_DEFAULT_ALIGNMENT;
    ggx_cursor_init(&c, r->source, file->member, 0, file->size, error);
    if (ggx_cursor_bytes(&c, magic, sizeof magic, "the magic") != GGX_OK) return c.status;
    if (memcmp(magic, "GGUF", 4) != 0)
        return ggx_fail_at(error, GGX_E_MALFORMED, file->member, 0,
                           "the file does not begin with GGUF; it is no GGUF file");
    uint32_t version = ggx_cursor_u32(&c, "the version");
    if (c.status != GGX_OK) return c.status;
    status = check_version(file, version, error);
    if (status != GGX_OK) return status;
    c.big = file->big;
    file->tensor_count = ggx_cursor_u64(&c, "the number of tensors");
    file->kv_count = ggx_cursor_u64(&c, "the number of key/values");
    if (c.status != GGX_OK) return c.status;
    uint64_t left = ggx_cursor_left(&c);
    if (file->kv_count > left / KV_LEAST || file->tensor_count > (left - file->kv_count * KV_LEAST) / INFO_LEAST)
        return ggx_fail_at(
            error, GGX_E_MALFORMED, file->member, 8,
            "%llu tensors and %llu key/values are more than %llu bytes hold; the file is cut short or damaged",
            (unsigned long long)file->tensor_count, (unsigned long long)file->kv_count, (unsigned long long)left);
    return GGX_OK;
}

/* Name and axes; ggml counts axes from the fastest, so they are turned round. */
static ggx_status read_name_and_shape(ggx_cursor *c, char *name, ggx_tensor *t, ggx_error *error)
{
    uint64_t at = c->at, elems = 0;
    t->name.data = name;
    t->name.size = ggx_cursor_u64(c, "the length of a tensor's name");
    if (c->status != GGX_OK) return c->status;
    if (!t->name.size || t->name.size > GGUF_MAX_NAME)
        return ggx_fail_at(error, GGX_E_MALFORMED, c->member, at,
                           "a tensor's name has %llu bytes; it must have 1 to 63, so the file is damaged",
                           (unsigned long long)t->name.size);
    if (ggx_cursor_bytes(c, name, t->name.size, "a tensor's name") != GGX_OK) return c->status;
    if (memchr(name, 0, (size_t)t->name.size))
        return ggx_fail_at(error, GGX_E_MALFORMED, c->member, at,
                           "a tensor's name has a NUL in it; the file is damaged");
    at = c->at;
    t->rank = ggx_cursor_u32(c, "a tensor's number of axes");
    if (c->status == GGX_OK && t->rank > GGUF_MAX_DIMS)
        return ggx_fail_at(error, GGX_E_MALFORMED, c->member, at,
                           "tensor '%.*s' has %u axes; GGUF allows 4, so the file is damaged", GGX_STR_ARGS(t->name),
                           t->rank);
    for (uint32_t i = 0; c->status == GGX_OK && i < t->rank; i++)
        t->shape[t->rank - 1 - i] = ggx_cursor_u64(c, "a tensor's shape");
    if (c->status != GGX_OK) return c->status;
    if (!ggx_product_u64(t->shape, t->rank, &elems) || elems > INT64_MAX)
        return ggx_fail_at(error, GGX_E_MALFORMED, c->member, at, "the shape of tensor '%.*s' overflows",
                           GGX_STR_ARGS(t->name));
    return GGX_OK;
}

static ggx_status read_type(const gguf_file *file, ggx_cursor *c, ggx_tensor *t, ggx_error *error)
{
    uint64_t at = c->at, elems = 0, fast = t->rank ? t->shape[t->rank - 1] : 1;
    uint32_t code = ggx_cursor_u32(c, "a tensor's type");
    if (c->status != GGX_OK) return c->status;
    const ggx_ggml_type *row = ggx_ggml_type_by_code(code);
    if (!row)
        return ggx_fail_at(error, GGX_E_UNSUPPORTED, c->member, at,
                           "tensor '%.*s' has ggml type %u, which this reader does not know (or ggml has withdrawn)",
                           GGX_STR_ARGS(t->name), code);
    t->type = ggx_ggml_type_make(row);
    if (fast % row->block_elems)
        return ggx_fail_at(error, GGX_E_MALFORMED, c->member, at,
                           "tensor '%.*s' has rows of %llu elements, and %s comes in blocks of %u",
                           GGX_STR_ARGS(t->name), (unsigned long long)fast, row->name, row->block_elems);
    if (file->big && row->block_elems > 1)
        return ggx_fail_at(
            error, GGX_E_UNSUPPORTED, c->member, at,
            "tensor '%.*s' has blocks of %s in a big-endian file; convert the file to little-endian first",
            GGX_STR_ARGS(t->name), row->name);
    if (!ggx_product_u64(t->shape, t->rank, &elems) || !ggx_type_bytes(&t->type, elems, &t->nbytes))
        return ggx_fail_at(error, GGX_E_MALFORMED, c->member, at, "the size of tensor '%.*s' overflows",
                           GGX_STR_ARGS(t->name));
    t->byte_order = file->big ? GGX_BIG_ENDIAN : GGX_LITTLE_ENDIAN;
    return GGX_OK;
}

/* `next` is where the tensor must begin, counted from the data's beginning: ggml demands that tensors follow each other in
 * listed order, each padded to the alignment. */
static ggx_status read_offset(const gguf_file *file, ggx_cursor *c, ggx_tensor *t, uint64_t *next, ggx_error *error)
{
    uint64_t at = c->at, end = 0;
    t->offset = ggx_cursor_u64(c, "a tensor's offset");
    if (c->status != GGX_OK) return c->status;
    if (t->offset != *next)
        return ggx_fail_at(
            error, GGX_E_MALFORMED, c->member, at,
            "tensor '%.*s' lies at offset %llu, but the one before it ends at %llu; GGUF allows no gaps and "
            "no overlaps",
            GGX_STR_ARGS(t->name), (unsigned long long)t->offset, (unsigned long long)*next);
    if (!ggx_add_u64(t->offset, t->nbytes, &end) || !ggx_add_u64(end, file->alignment - 1, next))
        return ggx_fail_at(error, GGX_E_MALFORMED, c->member, at, "the extent of tensor '%.*s' overflows",
                           GGX_STR_ARGS(t->name));
    *next &= ~(file->alignment - 1);
    return GGX_OK;
}

/* After the first walk: where the data begin, and whether they are all there. `end` is the last tensor's end among the data. */
static ggx_status place_data(gguf_file *file, uint64_t infos_end, uint64_t end, ggx_error *error)
{
    uint64_t need = 0;
    if (!file->tensor_count) {
        file->data = file->size;
        return GGX_OK;
    }
    /* the alignment has 32 bits, so only the sum with `end` can overflow */
    file->data = (infos_end + file->alignment - 1) & ~(file->alignment - 1);
    if (!ggx_add_u64(file->data, end, &need) || need > file->size)
        return ggx_fail_at(error, GGX_E_MALFORMED, file->member, file->size,
                           "the tensors end at byte %llu, but the file at %llu; it is cut short, fetch it again",
                           (unsigned long long)need, (unsigned long long)file->size);
    return GGX_OK;
}

static ggx_status walk_tensors(gguf_reader *r, gguf_file *file, ggx_cursor *c, const ggx_sink *sink, ggx_error *error)
{
    uint64_t next = 0, end = 0;
    for (uint64_t i = 0; i < file->tensor_count; i++) {
        char name[GGUF_MAX_NAME + 1];
        ggx_tensor t;
        memset(&t, 0, sizeof t);
        t.struct_size = sizeof t;
        t.access = GGX_ACCESS_RAW;
        t.member = file->member;
        uint64_t at = c->at;
        ggx_status status = read_name_and_shape(c, name, &t, error);
        if (status == GGX_OK) status = read_type(file, c, &t, error);
        if (status == GGX_OK) status = read_offset(file, c, &t, &next, error);
        if (status != GGX_OK) return status;
        if (i % 4096 == 4095 && r->host->canceled(r->host))
            return ggx_fail(error, GGX_E_CANCELED, "stopped while reading tensor descriptions");
        end = t.offset + t.nbytes;
        if (sink) {
            t.offset += file->data;
            status = sink->tensor(sink, &t, error);
        } else {
            status = ggx_names_add(&r->tensors, t.name, "tensor", NULL, error);
            if (status == GGX_E_MALFORMED && error) {
                error->member = c->member;
                error->offset = at;
            }
        }
        if (status != GGX_OK) return status;
    }
    return sink ? GGX_OK : place_data(file, c->at, end, error);
}

ggx_status gguf_file_walk(gguf_reader *r, gguf_file *file, const ggx_sink *sink, int push_kvs, ggx_error *error)
{
    ggx_cursor c;
    ggx_cursor_init(&c, r->source, file->member, sink && !push_kvs ? file->infos : GGUF_HEADER_BYTES, file->size,
                    error);
    c.big = file->big;
    if (!sink || push_kvs) {
        ggx_status status = gguf_kvs_walk(r, file, &c, sink, error);
        if (status != GGX_OK) return status;
    }
    if (!sink) file->infos = c.at;
    return walk_tensors(r, file, &c, sink, error);
}
