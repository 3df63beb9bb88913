/* header.c - the header of a .bin, read as the user describes it: the file itself says neither what its values are nor how many.
 *
 *     fields = field { "," field }
 *     field  = BYTES                                that many bytes, skipped
 *            | NAME [ ":" KIND { "*" COUNT } ]      KIND is i32 when left out; an array when a COUNT is there
 *     KIND   = u8 i8 u16 i16 u32 i32 f32 u64 i64 f64 str
 *     COUNT  = a number, or the NAME of an integer before it */
#include "ggml.h"

#include <ggx_sdk/checked.h>
#include <ggx_sdk/kv.h>

static const struct {
    char name[4];
    uint32_t type;
} kinds[] = {
    {"u8", GGX_KV_U8},   {"i8", GGX_KV_I8},   {"u16", GGX_KV_U16},    {"i16", GGX_KV_I16},
    {"u32", GGX_KV_U32}, {"i32", GGX_KV_I32}, {"f32", GGX_KV_F32},    {"u64", GGX_KV_U64},
    {"i64", GGX_KV_I64}, {"f64", GGX_KV_F64}, {"str", GGX_KV_STRING},
};
#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

/* Takes the bytes of `s` before the first `mark` and the mark itself off its front. */
static ggx_str cut(ggx_str *s, char mark)
{
    const char *found = s->size ? memchr(s->data, mark, (size_t)s->size) : NULL;
    ggx_str part = {s->data, found ? (uint64_t)(found - s->data) : s->size};
    uint64_t gone = part.size + (found != NULL);
    if (s->size) s->data += gone;
    s->size -= gone;
    return part;
}

static int is_number(ggx_str s)
{
    return s.size && s.data[0] >= '0' && s.data[0] <= '9';
}

static int read_number(ggx_str s, uint64_t *out)
{
    *out = 0;
    for (uint64_t i = 0; i < s.size; i++)
        if (s.data[i] < '0' || s.data[i] > '9' || !ggx_mul_u64(*out, 10, out) ||
            !ggx_add_u64(*out, (uint64_t)(s.data[i] - '0'), out))
            return 0;
    return s.size > 0;
}

static int is_name(ggx_str s)
{
    for (uint64_t i = 0; i < s.size; i++) {
        char c = s.data[i];
        int letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' || c == '-';
        if (!letter && (c < '0' || c > '9')) return 0;
    }
    return s.size && !is_number(s) && s.data[0] != '-' && s.data[0] != '.';
}

int ggml_header_integer(const ggml_header *header, ggx_str name, int64_t *out)
{
    for (const ggml_value *v = header->first; v; v = v->next) {
        uint32_t width = ggx_kv_width(v->kv.type);
        if (v->kv.key.size != name.size || memcmp(v->kv.key.data, name.data, (size_t)name.size)) continue;
        if (!width || v->kv.type == GGX_KV_F32 || v->kv.type == GGX_KV_F64) return 0;
        uint64_t bits = ggx_kv_bits(&v->kv, 0), sign = (uint64_t)1 << (8 * width - 1);
        int is_signed = v->kv.type == GGX_KV_I8 || v->kv.type == GGX_KV_I16 || v->kv.type == GGX_KV_I32;
        *out = (int64_t)(is_signed && width < 8 ? (bits ^ sign) - sign : bits);
        return 1;
    }
    return 0;
}

/* The product of the counts in `text`, "a*3". */
static ggx_status read_count(const ggml_header *header, ggx_str text, ggx_cursor *c, uint64_t *out, ggx_error *error)
{
    *out = 1;
    do {
        ggx_str part = cut(&text, '*');
        uint64_t factor = 0;
        int64_t value = 0;
        if (!read_number(part, &factor)) {
            if (!is_name(part) || !ggml_header_integer(header, part, &value))
                return ggx_fail(error, GGX_E_USAGE,
                                "ggml.header: the count '%.*s' is neither a number nor an integer field before it",
                                GGX_STR_ARGS(part));
            if (value < 0)
                return ggx_fail_at(error, GGX_E_MALFORMED, c->member, c->at,
                                   "'%.*s' is %lld and counts what follows; ggml.header does not fit this file",
                                   GGX_STR_ARGS(part), (long long)value);
            factor = (uint64_t)value;
        }
        if (!ggx_mul_u64(*out, factor, out)) *out = UINT64_MAX; /* more than any file holds */
    } while (text.size);
    return GGX_OK;
}

static void *read_strings(const ggx_host *host, uint64_t count, ggx_cursor *c, ggx_error *error)
{
    ggx_str *strings = host->alloc(host, count * sizeof *strings);
    for (uint64_t i = 0; strings && i < count && c->status == GGX_OK; i++) {
        uint64_t at = c->at;
        strings[i].size = ggx_cursor_u32(c, "the length of a string");
        if (c->status == GGX_OK && strings[i].size > ggx_cursor_left(c)) {
            c->status = ggx_fail_at(error, GGX_E_MALFORMED, c->member, at,
                                    "a string of %llu bytes does not fit; ggml.header does not describe this file",
                                    (unsigned long long)strings[i].size);
            break;
        }
        char *bytes = host->alloc(host, strings[i].size);
        if (!bytes) return NULL;
        ggx_cursor_bytes(c, bytes, strings[i].size, "a string");
        strings[i].data = bytes;
    }
    return strings;
}

static void *read_numbers(const ggx_host *host, uint32_t width, uint64_t count, ggx_cursor *c)
{
    uint8_t *numbers = host->alloc(host, count * width);
    for (uint64_t i = 0; numbers && i < count && c->status == GGX_OK; i++) {
        uint64_t bits = ggx_cursor_uint(c, width, "the header");
        uint8_t v8 = (uint8_t)bits;
        uint16_t v16 = (uint16_t)bits;
        uint32_t v32 = (uint32_t)bits;
        const void *from = width == 1 ? (const void *)&v8 : width == 2 ? (const void *)&v16 : &v32;
        memcpy(numbers + i * width, width == 8 ? (const void *)&bits : from, width);
    }
    return numbers;
}

static ggx_status read_value(ggml_header *header, const ggx_host *host, const ggx_kv *field, ggx_cursor *c,
                             ggx_error *error)
{
    uint32_t width = ggx_kv_width(field->elem_type);
    uint64_t least = width ? width : 4; /* a string has at least its length */
    if (field->count > ggx_cursor_left(c) / least)
        return ggx_fail_at(error, GGX_E_MALFORMED, c->member, c->at,
                           "the field '%.*s' would have %llu elements, more than the file holds; ggml.header does not "
                           "describe this file",
                           GGX_STR_ARGS(field->key), (unsigned long long)field->count);
    ggml_value *value = host->alloc(host, sizeof *value);
    if (!value) return ggx_fail(error, GGX_E_NOMEM, "the header does not fit into this reader's memory");
    value->kv = *field;
    value->kv.data = width ? read_numbers(host, width, field->count, c) : read_strings(host, field->count, c, error);
    if (!value->kv.data) return ggx_fail(error, GGX_E_NOMEM, "the header does not fit into this reader's memory");
    if (header->last)
        header->last->next = value;
    else
        header->first = value;
    header->last = value;
    return c->status;
}

static ggx_status read_field(ggml_header *header, const ggx_host *host, ggx_str text, ggx_cursor *c, ggx_error *error)
{
    ggx_str whole = text, name = cut(&text, ':');
    int plain = name.size == whole.size; /* no ':' */
    ggx_str kind = cut(&text, '*');
    uint64_t bytes = 0;
    size_t i = 0;
    if (plain && read_number(name, &bytes)) return ggx_cursor_skip(c, bytes, "the header");
    while (i < KIND_COUNT &&
           (kind.size != strlen(kinds[i].name) || memcmp(kind.data, kinds[i].name, (size_t)kind.size)))
        i++;
    if (!is_name(name) || (!plain && i == KIND_COUNT) || whole.data[whole.size - 1] == '*')
        return ggx_fail(error, GGX_E_USAGE,
                        "ggml.header: '%.*s' is no field; write NAME, NAME:KIND, NAME:KIND*COUNT or a number of bytes",
                        GGX_STR_ARGS(whole));
    for (const ggml_value *v = header->first; v; v = v->next)
        if (v->kv.key.size == name.size && !memcmp(v->kv.key.data, name.data, (size_t)name.size))
            return ggx_fail(error, GGX_E_USAGE, "ggml.header: the field '%.*s' occurs twice", GGX_STR_ARGS(name));
    ggx_kv field = {sizeof field, plain ? GGX_KV_I32 : kinds[i].type, 0, 0, name, 1, NULL};
    field.elem_type = field.type;
    if (text.size) {
        field.type = GGX_KV_ARRAY;
        ggx_status status = read_count(header, text, c, &field.count, error);
        if (status != GGX_OK) return status;
    }
    return read_value(header, host, &field, c, error);
}

ggx_status ggml_header_read(ggml_header *header, const ggx_host *host, ggx_str fields, ggx_cursor *c, ggx_error *error)
{
    uint64_t left = 0;
    do {
        left = fields.size;
        ggx_str field = cut(&fields, ',');
        ggx_status status = read_field(header, host, field, c, error);
        if (status != GGX_OK) return status;
        if (field.size + 1 == left && !fields.size) /* a comma with nothing behind it */
            return ggx_fail(error, GGX_E_USAGE, "ggml.header ends with a comma");
    } while (fields.size);
    return GGX_OK;
}
