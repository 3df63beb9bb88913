/* kv.c - the key/values of a GGUF file: key, type, value; arrays with their element type and count. */
#include "gguf.h"

#include <ggx_sdk/checked.h>

/* Bytes of one element on disk; 0 for strings, arrays and what is no type. */
static uint32_t elem_width(uint32_t type)
{
    static const uint8_t widths[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    return type < sizeof widths ? widths[type] : 0;
}

/* Keys that say how this very file is laid out. llama.cpp writes split.tensors.count as i32, the other two as u16. */
static const struct {
    const char *key;
    uint32_t type, flag;
    size_t field;
} layout_keys[] = {
    {"general.alignment", GGX_KV_U32, GGUF_HAS_ALIGNMENT, offsetof(gguf_file, alignment)},
    {"split.no", GGX_KV_U16, GGUF_HAS_SPLIT_NO, offsetof(gguf_file, split_no)},
    {"split.count", GGX_KV_U16, GGUF_HAS_SPLIT_COUNT, offsetof(gguf_file, split_count)},
    {"split.tensors.count", GGX_KV_I32, GGUF_HAS_SPLIT_TENSORS, offsetof(gguf_file, split_tensors)},
};
#define LAYOUT_KEYS (sizeof layout_keys / sizeof layout_keys[0])

static size_t find_layout_key(const ggx_kv *kv)
{
    size_t i = 0;
    while (i < LAYOUT_KEYS && (strlen(layout_keys[i].key) != kv->key.size ||
                               memcmp(layout_keys[i].key, kv->key.data, (size_t)kv->key.size) != 0))
        i++;
    return i;
}

static ggx_status read_key(gguf_reader *r, ggx_cursor *c, ggx_kv *kv, ggx_error *error)
{
    uint64_t at = c->at, size = ggx_cursor_u64(c, "the length of a key");
    if (c->status != GGX_OK) return c->status;
    if (!size || size > GGUF_MAX_KEY)
        return ggx_fail_at(error, GGX_E_MALFORMED, c->member, at,
                           "a key has %llu bytes; keys have 1 to 65535, so the file is damaged",
                           (unsigned long long)size);
    kv->key.data = r->key;
    kv->key.size = size;
    if (ggx_cursor_bytes(c, r->key, size, "a key") == GGX_OK && memchr(r->key, 0, (size_t)size))
        return ggx_fail_at(error, GGX_E_MALFORMED, c->member, at, "a key has a NUL in it; the file is damaged");
    return c->status;
}

/* Type and element count; leaves the cursor at the first element. */
static ggx_status read_type(ggx_cursor *c, ggx_kv *kv, ggx_error *error)
{
    uint64_t at = c->at;
    kv->type = kv->elem_type = ggx_cursor_u32(c, "the type of a value");
    kv->count = 1;
    if (kv->type == GGX_KV_ARRAY) {
        kv->elem_type = ggx_cursor_u32(c, "the element type of an array");
        kv->count = ggx_cursor_u64(c, "the length of an array");
    }
    if (c->status != GGX_OK) return c->status;
    uint64_t least = kv->elem_type == GGX_KV_STRING ? 8 : elem_width(kv->elem_type);
    if (kv->type == GGX_KV_ARRAY && kv->elem_type == GGX_KV_ARRAY)
        return ggx_fail_at(error, GGX_E_UNSUPPORTED, c->member, at,
                           "key '%.*s' holds arrays inside an array, which ggml itself does not read",
                           GGX_STR_ARGS(kv->key));
    if (!least)
        return ggx_fail_at(error, GGX_E_MALFORMED, c->member, at, "key '%.*s' has type %u, and GGUF has types 0 to 12",
                           GGX_STR_ARGS(kv->key), kv->elem_type);
    if (kv->count > GGUF_MAX_RUN || kv->count > ggx_cursor_left(c) / least)
        return ggx_fail_at(error, GGX_E_MALFORMED, c->member, at,
                           "key '%.*s' claims %llu elements, more than the file holds; it is cut short or damaged",
                           GGX_STR_ARGS(kv->key), (unsigned long long)kv->count);
    return GGX_OK;
}

static ggx_status read_string_size(ggx_cursor *c, const ggx_kv *kv, uint64_t *size, ggx_error *error)
{
    uint64_t at = c->at;
    *size = ggx_cursor_u64(c, "the length of a string");
    if (c->status == GGX_OK && (*size > GGUF_MAX_RUN || *size > ggx_cursor_left(c)))
        return ggx_fail_at(
            error, GGX_E_MALFORMED, c->member, at,
            "a string of key '%.*s' claims %llu bytes, more than the file holds; it is cut short or damaged",
            GGX_STR_ARGS(kv->key), (unsigned long long)*size);
    return c->status;
}

/* Steps over the value and sums up the room that it takes in memory. */
static ggx_status measure_value(gguf_reader *r, ggx_cursor *c, const ggx_kv *kv, uint64_t *room, ggx_error *error)
{
    uint32_t width = elem_width(kv->elem_type);
    *room = kv->count * (width ? width : sizeof(ggx_str)); /* count <= 2^30 */
    if (width) return ggx_cursor_skip(c, kv->count * width, "a value");
    for (uint64_t i = 0; i < kv->count; i++) {
        uint64_t size = 0;
        ggx_status status = read_string_size(c, kv, &size, error);
        if (status == GGX_OK) status = ggx_cursor_skip(c, size, "a string");
        if (status != GGX_OK) return status;
        *room += size; /* sums of sizes inside one file do not overflow */
        if (i % 65536 == 65535 && r->host->canceled(r->host))
            return ggx_fail(error, GGX_E_CANCELED, "stopped while reading key/values");
    }
    return GGX_OK;
}

static void store_elem(void *at, uint64_t bits, uint32_t type, uint32_t width)
{
    uint8_t b8 = (uint8_t)(type == GGX_KV_BOOL ? bits != 0 : bits); /* ggml takes any byte but 0 for true */
    uint16_t b16 = (uint16_t)bits;
    uint32_t b32 = (uint32_t)bits;
    memcpy(at, width == 1 ? (void *)&b8 : width == 2 ? (void *)&b16 : width == 4 ? (void *)&b32 : (void *)&bits, width);
}

static ggx_status file_changed(const ggx_cursor *c, ggx_error *error)
{
    return ggx_fail_at(error, GGX_E_INTEGRITY, c->member, c->at, "the file changed while it was read; start again");
}

/* Reads the value into r->value, which measure_value made wide enough. */
static ggx_status load_value(gguf_reader *r, ggx_cursor *c, ggx_kv *kv, ggx_error *error)
{
    uint32_t width = elem_width(kv->elem_type);
    char *bytes = (char *)r->value + kv->count * sizeof(ggx_str);
    ggx_str *strings = (ggx_str *)r->value;
    uint64_t room = kv->count * (width ? width : sizeof(ggx_str));
    kv->data = r->value;
    if (room > r->value_room) return file_changed(c, error);
    for (uint64_t i = 0; width && i < kv->count; i++)
        store_elem((char *)r->value + i * width, ggx_cursor_uint(c, width, "a value"), kv->elem_type, width);
    for (uint64_t i = 0; !width && i < kv->count; i++) {
        ggx_status status = read_string_size(c, kv, &strings[i].size, error);
        if (status != GGX_OK) return status;
        room += strings[i].size;
        if (room > r->value_room) return file_changed(c, error);
        if (ggx_cursor_bytes(c, bytes, strings[i].size, "a string") != GGX_OK) return c->status;
        strings[i].data = bytes;
        bytes += strings[i].size;
    }
    return c->status;
}

static ggx_status take_layout_key(gguf_file *file, ggx_cursor *c, const ggx_kv *kv, size_t which, ggx_error *error)
{
    uint64_t at = c->at, value;
    if (kv->type != layout_keys[which].type)
        return ggx_fail_at(error, GGX_E_MALFORMED, c->member, at, "key '%s' has type %u where it must have type %u",
                           layout_keys[which].key, kv->type, layout_keys[which].type);
    value = ggx_cursor_uint(c, elem_width(kv->type), "a value");
    file->has |= layout_keys[which].flag;
    memcpy((char *)file + layout_keys[which].field, &value, sizeof value);
    if (c->status == GGX_OK && layout_keys[which].flag == GGUF_HAS_ALIGNMENT && (!value || (value & (value - 1))))
        return ggx_fail_at(error, GGX_E_MALFORMED, c->member, at, "general.alignment is %llu, which is no power of two",
                           (unsigned long long)value);
    return c->status;
}

static ggx_status check_kv(gguf_reader *r, gguf_file *file, ggx_cursor *c, ggx_kv *kv, ggx_names *keys,
                           ggx_error *error)
{
    uint64_t room = sizeof(uint64_t), at = c->at;
    size_t which = find_layout_key(kv);
    ggx_status status = ggx_names_add(keys, kv->key, "key", NULL, error);
    if (status == GGX_E_MALFORMED && error) {
        error->member = c->member;
        error->offset = at;
    }
    if (status != GGX_OK) return status;
    status = which < LAYOUT_KEYS ? take_layout_key(file, c, kv, which, error) : measure_value(r, c, kv, &room, error);
    if (room > file->value_room) file->value_room = room;
    return status;
}

ggx_status gguf_kvs_walk(gguf_reader *r, gguf_file *file, ggx_cursor *c, const ggx_sink *sink, ggx_error *error)
{
    ggx_names keys;
    ggx_names_init(&keys, r->host);
    for (uint64_t i = 0; i < file->kv_count; i++) {
        ggx_kv kv;
        if (i % 4096 == 4095 && r->host->canceled(r->host))
            return ggx_fail(error, GGX_E_CANCELED, "stopped while reading key/values");
        memset(&kv, 0, sizeof kv);
        kv.struct_size = sizeof kv;
        ggx_status status = read_key(r, c, &kv, error);
        if (status == GGX_OK) status = read_type(c, &kv, error);
        if (status == GGX_OK) status = sink ? load_value(r, c, &kv, error) : check_kv(r, file, c, &kv, &keys, error);
        if (status != GGX_OK) return status;
        int split = sink && r->merged && kv.key.size > 6 && !memcmp(kv.key.data, "split.", 6) &&
                    find_layout_key(&kv) < LAYOUT_KEYS;
        if (sink && !split) status = sink->kv(sink, &kv, error);
        if (status != GGX_OK) return status;
    }
    return GGX_OK;
}
