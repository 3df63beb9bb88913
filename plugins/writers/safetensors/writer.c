/* writer-safetensors - lays out a safetensors file: header length, JSON header, payloads without gaps.
 *
 * The bytes are those of the format's own serializer (huggingface/safetensors, Rust crate 0.8): tensors in falling order of its
 * dtype list, which is an order by size, and then by name; the header padded with spaces to 8 (docs/formats/safetensors.md). */
#include <ggx/ggx.h>
#include <ggx_sdk/bytes.h>
#include <ggx_sdk/kv.h>
#include <ggx_sdk/names.h>
#include <ggx_sdk/out_tensor.h>
#include <stdlib.h>

#define MAX_NAME 65535u       /* the ABI's own limit */
#define MAX_HEADER 100000000u /* MAX_HEADER_SIZE of the crate: longer files do not load */

/* In the order of the crate's Dtype enum, which is the order of files turned round. */
typedef struct dtype {
    const char *type; /* ggx's name */
    const char *name; /* the format's */
} dtype;

static const dtype dtypes[] = {
    {"bool", "BOOL"},       {"u8", "U8"},   {"i8", "I8"},   {"f8_e5m2", "F8_E5M2"}, {"f8_e4m3", "F8_E4M3"},
    {"f8_e8m0", "F8_E8M0"}, {"i16", "I16"}, {"u16", "U16"}, {"f16", "F16"},         {"bf16", "BF16"},
    {"i32", "I32"},         {"u32", "U32"}, {"f32", "F32"}, {"c64", "C64"},         {"f64", "F64"},
    {"i64", "I64"},         {"u64", "U64"},
};
#define DTYPE_COUNT (sizeof dtypes / sizeof dtypes[0])

typedef struct st_tensor {
    struct st_tensor *next;
    ggx_str name;
    uint32_t dtype, rank;
    uint64_t shape[GGX_MAX_RANK];
    uint64_t nbytes, offset; /* offset from the end of the header; set by layout */
} st_tensor;

typedef struct st_writer {
    const ggx_host *host;
    ggx_bytes metadata; /* "key":"value" pairs, with commas between them */
    ggx_bytes json;     /* the header, padded; made by layout */
    ggx_names keys, names;
    st_tensor *first, *last;
    const st_tensor **list; /* for `place`; made by layout */
    uint64_t total_size;
    uint32_t laid_out;
} st_writer;

static ggx_status open_writer(void *self, const ggx_host *host, const ggx_options *options,
                              ggx_error *error) GGX_NOEXCEPT
{
    st_writer *w = self;
    (void)options;
    (void)error;
    w->host = host;
    ggx_bytes_init(&w->metadata, host);
    ggx_bytes_init(&w->json, host);
    ggx_names_init(&w->keys, host);
    ggx_names_init(&w->names, host);
    return GGX_OK;
}

/* Bytes of the well-formed UTF-8 sequence at the beginning of `s`, or 0 (RFC 3629: no overlong forms, no surrogates). */
static uint64_t utf8_length(const uint8_t *s, uint64_t left)
{
    if (s[0] < 0x80) return 1;
    uint64_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || left < n) return 0;
    for (uint64_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f)) return 0;
    if ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f)) return 0;
    return n;
}

static ggx_status check_utf8(ggx_str s, const char *what, ggx_error *error)
{
    for (uint64_t i = 0, n; i < s.size; i += n) {
        n = utf8_length((const uint8_t *)s.data + i, s.size - i);
        if (!n)
            return ggx_fail(error, GGX_E_UNSUPPORTED,
                            "the %s '%.*s' is not UTF-8 (byte %llu); safetensors keeps it in JSON", what,
                            GGX_STR_ARGS(s), (unsigned long long)i);
    }
    return GGX_OK;
}

static void put_text(ggx_bytes *out, const char *text)
{
    ggx_bytes_add(out, text, strlen(text));
}

/* The inside of a JSON string with the escapes that serde_json uses: only what must be, \u00xx in lower case. */
static void put_escaped(ggx_bytes *out, const char *data, uint64_t size)
{
    static const char escapes[] = "\b\t\n\f\r\"\\", letters[] = "btnfr\"\\", hex[] = "0123456789abcdef";
    for (uint64_t i = 0; i < size; i++) {
        const char *found = data[i] ? strchr(escapes, data[i]) : NULL;
        uint8_t c = (uint8_t)data[i];
        if (found)
            ggx_bytes_add(out, (const char[]){'\\', letters[found - escapes]}, 2);
        else if (c < 0x20)
            ggx_bytes_add(out, (const char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
        else
            ggx_bytes_add(out, &c, 1);
    }
}

static void put_string(ggx_bytes *out, ggx_str s)
{
    put_text(out, "\"");
    put_escaped(out, s.data, s.size);
    put_text(out, "\"");
}

static void put_number(ggx_bytes *out, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    put_text(out, text);
}

/* Element `i` as JSON; numbers that JSON cannot say (NaN, infinities) as C prints them. */
static ggx_status put_element(ggx_bytes *out, const ggx_kv *kv, uint64_t i, ggx_error *error)
{
    char text[40] = "";
    const void *d = kv->data;
    const ggx_str *s = (const ggx_str *)d + i;
    const uint32_t elem = kv->type == GGX_KV_ARRAY ? kv->elem_type : kv->type;
    switch (elem) {
    case GGX_KV_STRING: put_string(out, *s); return check_utf8(*s, "value", error);
    case GGX_KV_BOOL: snprintf(text, sizeof text, "%s", ((const uint8_t *)d)[i] ? "true" : "false"); break;
    case GGX_KV_F32: snprintf(text, sizeof text, "%.9g", (double)((const float *)d)[i]); break;
    case GGX_KV_F64: snprintf(text, sizeof text, "%.17g", ((const double *)d)[i]); break;
    case GGX_KV_I8: snprintf(text, sizeof text, "%d", ((const int8_t *)d)[i]); break;
    case GGX_KV_I16: snprintf(text, sizeof text, "%d", ((const int16_t *)d)[i]); break;
    case GGX_KV_I32: snprintf(text, sizeof text, "%d", ((const int32_t *)d)[i]); break;
    case GGX_KV_I64: snprintf(text, sizeof text, "%lld", (long long)((const int64_t *)d)[i]); break;
    default: snprintf(text, sizeof text, "%llu", (unsigned long long)ggx_kv_bits(kv, i));
    }
    put_text(out, text);
    return GGX_OK;
}

/* The format's metadata are strings: a string stands as it is, anything else as its JSON text. */
static ggx_status put_value(st_writer *w, const ggx_kv *kv, ggx_error *error)
{
    if (kv->type == GGX_KV_STRING) return put_element(&w->metadata, kv, 0, error);
    ggx_status status = GGX_OK;
    ggx_bytes plain;
    ggx_bytes_init(&plain, w->host);
    if (kv->type == GGX_KV_ARRAY) put_text(&plain, "[");
    for (uint64_t i = 0; i < kv->count && status == GGX_OK; i++) {
        if (i) put_text(&plain, ",");
        status = put_element(&plain, kv, i, error);
    }
    if (kv->type == GGX_KV_ARRAY) put_text(&plain, "]");
    if (status == GGX_OK) status = ggx_bytes_check(&plain, error);
    put_text(&w->metadata, "\"");
    for (const ggx_bytes_part *part = plain.first; part; part = part->next)
        put_escaped(&w->metadata, (const char *)(part + 1), part->used);
    put_text(&w->metadata, "\"");
    return status;
}

static ggx_status take_kv(void *self, const ggx_kv *kv, ggx_error *error) GGX_NOEXCEPT
{
    st_writer *w = self;
    if (w->laid_out) return ggx_fail(error, GGX_E_USAGE, "a key/value came after the layout");
    ggx_status status = ggx_kv_check(kv, error);
    if (status == GGX_OK) status = check_utf8(kv->key, "key", error);
    if (status == GGX_OK) status = ggx_names_add(&w->keys, kv->key, "key", NULL, error);
    if (status != GGX_OK) return status;
    if (w->metadata.size) put_text(&w->metadata, ",");
    put_string(&w->metadata, kv->key);
    put_text(&w->metadata, ":");
    status = put_value(w, kv, error);
    return status == GGX_OK ? ggx_bytes_check(&w->metadata, error) : status;
}

static uint32_t find_dtype(const ggx_out_tensor *t)
{
    uint32_t i = 0;
    while (i < DTYPE_COUNT && strcmp(dtypes[i].type, t->type.name)) i++;
    return i;
}

static ggx_status take_tensor(void *self, const ggx_out_tensor *t, ggx_error *error) GGX_NOEXCEPT
{
    static const char reserved[] = "__metadata__";
    st_writer *w = self;
    ggx_str name = {NULL, 0};
    if (w->laid_out) return ggx_fail(error, GGX_E_USAGE, "a tensor came after the layout");
    ggx_status status = ggx_out_tensor_check(t, "safetensors", GGX_MAX_RANK, MAX_NAME, error);
    if (status == GGX_OK) status = check_utf8(t->name, "tensor", error);
    if (status != GGX_OK) return status;
    uint32_t found = find_dtype(t);
    if (found == DTYPE_COUNT || t->type.block_elems != 1)
        return ggx_fail(error, GGX_E_UNSUPPORTED,
                        "tensor '%.*s' has type %.15s, which safetensors does not hold; choose "
                        "another with --type",
                        GGX_STR_ARGS(t->name), t->type.name);
    if (t->name.size == sizeof reserved - 1 && !memcmp(t->name.data, reserved, sizeof reserved - 1))
        return ggx_fail(error, GGX_E_UNSUPPORTED, "a tensor may not be called %s; rename it in the recipe", reserved);
    status = ggx_names_add(&w->names, t->name, "tensor", &name, error);
    if (status != GGX_OK) return status;
    st_tensor *kept = w->host->alloc(w->host, sizeof *kept);
    if (!kept) return ggx_fail(error, GGX_E_NOMEM, "the list of tensors does not fit into this writer's memory");
    kept->name = name;
    kept->dtype = found;
    kept->rank = t->rank;
    kept->nbytes = t->nbytes;
    memcpy(kept->shape, t->shape, sizeof kept->shape);
    if (w->last)
        w->last->next = kept;
    else
        w->first = kept;
    w->last = kept;
    return GGX_OK;
}

/* The crate's order: dtype falling, name rising by bytes. Names differ, so that the order is total. */
static int compare(const void *left, const void *right)
{
    const st_tensor *a = *(st_tensor *const *)left, *b = *(st_tensor *const *)right;
    if (a->dtype != b->dtype) return a->dtype > b->dtype ? -1 : 1;
    int c = memcmp(a->name.data, b->name.data, (size_t)(a->name.size < b->name.size ? a->name.size : b->name.size));
    return c ? c : a->name.size < b->name.size ? -1 : 1;
}

static void put_tensor(ggx_bytes *out, const st_tensor *t)
{
    put_string(out, t->name);
    put_text(out, ":{\"dtype\":\"");
    put_text(out, dtypes[t->dtype].name);
    put_text(out, "\",\"shape\":[");
    for (uint32_t i = 0; i < t->rank; i++) {
        if (i) put_text(out, ",");
        put_number(out, t->shape[i]);
    }
    put_text(out, "],\"data_offsets\":[");
    put_number(out, t->offset);
    put_text(out, ",");
    put_number(out, t->offset + t->nbytes);
    put_text(out, "]}");
}

/* Gives every tensor its offset and encodes the JSON, in the file's order. */
static ggx_status put_json(st_writer *w, st_tensor **order, uint64_t *data_size, ggx_error *error)
{
    uint64_t end = 0;
    put_text(&w->json, "{");
    if (w->metadata.size) {
        put_text(&w->json, "\"__metadata__\":{");
        for (const ggx_bytes_part *part = w->metadata.first; part; part = part->next)
            ggx_bytes_add(&w->json, part + 1, part->used);
        put_text(&w->json, w->names.count ? "}," : "}");
    }
    for (uint64_t i = 0; i < w->names.count; i++) {
        order[i]->offset = end;
        if (!ggx_add_u64(end, order[i]->nbytes, &end))
            return ggx_fail(error, GGX_E_UNSUPPORTED, "tensor '%.*s' makes the file longer than 2^64 bytes",
                            GGX_STR_ARGS(order[i]->name));
        if (i) put_text(&w->json, ",");
        put_tensor(&w->json, order[i]);
    }
    put_text(&w->json, "}");
    while (w->json.size % 8 && w->json.status == GGX_OK) put_text(&w->json, " ");
    *data_size = end;
    return ggx_bytes_check(&w->json, error);
}

static ggx_status layout(void *self, ggx_layout *out, ggx_error *error) GGX_NOEXCEPT
{
    st_writer *w = self;
    if (!w->laid_out) {
        uint64_t i = 0, data_size = 0;
        st_tensor **order = w->host->alloc(w->host, w->names.count * sizeof *order);
        w->list = w->host->alloc(w->host, w->names.count * sizeof *w->list);
        if (!order || !w->list)
            return ggx_fail(error, GGX_E_NOMEM, "the list of tensors does not fit into this writer's memory");
        for (st_tensor *t = w->first; t; t = t->next, i++) w->list[i] = order[i] = t;
        if (i > 1) qsort(order, (size_t)i, sizeof *order, compare);
        ggx_status status = put_json(w, order, &data_size, error);
        if (status != GGX_OK) return status;
        if (w->json.size > MAX_HEADER)
            return ggx_fail(error, GGX_E_UNSUPPORTED,
                            "the header would have %llu bytes and safetensors ends at %u; drop metadata in the recipe",
                            (unsigned long long)w->json.size, MAX_HEADER);
        if (!ggx_add_u64(8 + w->json.size, data_size, &w->total_size))
            return ggx_fail(error, GGX_E_UNSUPPORTED, "the file would be longer than 2^64 bytes");
        w->laid_out = 1;
    }
    out->output_count = 1;
    out->total_size = w->total_size;
    return GGX_OK;
}

static ggx_status place(void *self, uint64_t i, ggx_place *out, ggx_error *error) GGX_NOEXCEPT
{
    const st_writer *w = self;
    if (!w->laid_out || i >= w->names.count)
        return ggx_fail(error, GGX_E_USAGE, "there is no place for tensor %llu of %llu", (unsigned long long)i,
                        (unsigned long long)(w->laid_out ? w->names.count : 0));
    out->output = 0;
    out->offset = 8 + w->json.size + w->list[i]->offset;
    out->nbytes = w->list[i]->nbytes;
    return GGX_OK;
}

static ggx_status render(void *self, const ggx_emit *emit, ggx_error *error) GGX_NOEXCEPT
{
    st_writer *w = self;
    uint8_t length[8];
    if (!w->laid_out) return ggx_fail(error, GGX_E_USAGE, "render was called before layout");
    for (size_t i = 0; i < 8; i++) length[i] = (uint8_t)(w->json.size >> (8 * i));
    ggx_status status = emit->bytes(emit, 0, 0, length, sizeof length, error);
    return status == GGX_OK ? ggx_bytes_emit(&w->json, emit, 0, sizeof length, error) : status;
}

static const ggx_writer writer = {
    .struct_size = sizeof(ggx_writer),
    .instance_size = sizeof(st_writer),
    .open = open_writer,
    .kv = take_kv,
    .tensor = take_tensor,
    .layout = layout,
    .place = place,
    .render = render,
};

static const ggx_provide provides[] = {{GGX_WRITER_ID, &writer}};
GGX_PLUGIN("writer-safetensors", "0.1.0", "MIT", provides);
