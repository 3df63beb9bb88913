/* strings.c - string tensors of a V2 checkpoint: varint lengths, a CRC of these, the bytes (tensor_bundle.cc, ReadStringTensor). A tensor of
 * ggx holds numbers, so each becomes a key/value: one string, or for a tensor with axes a list of them in C order. */
#include "tf.h"

#include <ggx_sdk/crc32c.h>

#define KEY "tf.string."

static ggx_status damaged(const tf_tensor *t, const ggx_cursor *c, ggx_error *error, const char *what)
{
    return ggx_fail_at(error, GGX_E_INTEGRITY, c->member, t->pieces->offset,
                       "string tensor '%.*s': %s; the file is damaged, fetch it again", GGX_STR_ARGS(t->name), what);
}

static void add_number(uint32_t *crc, uint64_t value, uint32_t bytes)
{
    uint8_t b[8];
    for (uint32_t i = 0; i < bytes; i++) b[i] = (uint8_t)(value >> (8 * i));
    *crc = ggx_crc32c(*crc, b, bytes);
}

/* The lengths, each at least a byte, so that their number is bounded by the entry's size. */
static ggx_status read_lengths(const tf_reader *r, const tf_tensor *t, ggx_cursor *c, ggx_str *list, uint32_t *crc,
                               ggx_error *error)
{
    for (uint64_t i = 0; c->status == GGX_OK && i < t->elems; i++) {
        list[i].size = ggx_pb_varint(c, c->end, "a string's length");
        add_number(crc, list[i].size, list[i].size > UINT32_MAX ? 8 : 4);
    }
    c->big = r->big;
    uint32_t stored = ggx_cursor_u32(c, "the CRC of the strings' lengths");
    if (c->status != GGX_OK) return c->status;
    if (ggx_crc32c_unmask(stored) != *crc) return damaged(t, c, error, "the CRC of its lengths is wrong");
    add_number(crc, stored, 4);
    return GGX_OK;
}

static ggx_status read_strings(const tf_reader *r, const tf_tensor *t, ggx_cursor *c, ggx_str *list, ggx_error *error)
{
    uint32_t crc = 0;
    ggx_status status = read_lengths(r, t, c, list, &crc, error);
    for (uint64_t i = 0; status == GGX_OK && i < t->elems; i++) {
        char *bytes = list[i].size <= ggx_cursor_left(c) ? r->host->alloc(r->host, list[i].size) : NULL;
        if (list[i].size > ggx_cursor_left(c)) return damaged(t, c, error, "a length is beyond its end");
        if (!bytes) return tf_no_memory(r->tensor_count, error);
        status = ggx_cursor_bytes(c, bytes, list[i].size, "a string");
        list[i].data = bytes;
        crc = ggx_crc32c(crc, bytes, list[i].size);
    }
    if (status != GGX_OK) return status;
    if (ggx_cursor_left(c)) return damaged(t, c, error, "bytes are left behind its last string");
    if (r->verify && ggx_crc32c_mask(crc) != t->pieces->crc) return damaged(t, c, error, "its CRC is wrong");
    return GGX_OK;
}

ggx_status tf_strings_push(tf_reader *r, const tf_tensor *t, const ggx_sink *sink, ggx_error *error)
{
    ggx_cursor c;
    ggx_kv kv;
    const tf_piece *piece = t->pieces;
    if (!t->name.size || memchr(t->name.data, 0, (size_t)t->name.size)) return GGX_OK;
    if (t->elems > piece->size)
        return ggx_fail_at(error, GGX_E_MALFORMED, r->main, GGX_NO_OFFSET,
                           "string tensor '%.*s' has more strings than bytes; the index is damaged",
                           GGX_STR_ARGS(t->name));
    ggx_str *list = r->host->alloc(r->host, t->elems * sizeof *list);
    char *key = r->host->alloc(r->host, sizeof KEY - 1 + t->name.size);
    if (!list || !key) return tf_no_memory(r->tensor_count, error);
    memcpy(key, KEY, sizeof KEY - 1);
    memcpy(key + sizeof KEY - 1, t->name.data, (size_t)t->name.size);
    ggx_cursor_init(&c, r->source, piece->member, piece->offset, piece->offset + piece->size, error);
    ggx_status status = piece->size ? read_strings(r, t, &c, list, error) : GGX_OK;
    if (status != GGX_OK) return status;
    memset(&kv, 0, sizeof kv);
    kv.struct_size = sizeof kv;
    kv.type = t->rank ? GGX_KV_ARRAY : GGX_KV_STRING;
    kv.elem_type = GGX_KV_STRING;
    kv.key = (ggx_str){key, sizeof KEY - 1 + t->name.size};
    kv.count = t->rank ? t->elems : 1;
    kv.data = list;
    return sink->kv(sink, &kv, error);
}
