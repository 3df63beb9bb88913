/* writer-ggml - lays out the legacy GGML .bin: magic, header values, tensor records to the end of the file.
 *
 * The file does not say what its header holds: the values are the key/values, in their order and without their keys, so a recipe
 * decides the header (docs/formats/ggml.md). Nothing is padded. */
#include <ggx/ggx.h>
#include <ggx_sdk/bytes.h>
#include <ggx_sdk/kv.h>
#include <ggx_sdk/names.h>
#include <ggx_sdk/options.h>
#include <ggx_sdk/out_tensor.h>

#define MAGIC 0x67676d6c /* "ggml" as an int32; GGML_FILE_MAGIC of ggml.h */
#define MAX_DIMS 4u      /* GGML_MAX_DIMS; the loaders keep ne[4] on the stack */
#define MAX_NAME 65535u  /* the loaders take any length; the ABI's own limit */

/* One tensor record; `head_size` encoded bytes (n_dims to name) lie behind it. */
typedef struct ggml_record {
    struct ggml_record *next;
    uint64_t head_size;
    uint64_t offset; /* of the head in the file; set by layout */
    uint64_t nbytes; /* of the payload, which follows the head */
} ggml_record;

typedef struct ggml_writer {
    const ggx_host *host;
    ggx_bytes header;
    ggx_names names;
    ggml_record *first, *last;
    const ggml_record **list; /* for `place`; made by layout */
    uint64_t total_size;
    uint32_t laid_out;
} ggml_writer;

static const ggx_option options_table[] = {
    {sizeof(ggx_option), GGX_OPTION_INT, "ggml.magic",
     "the file's first four bytes, as a number (default: 0x67676d6c)"},
};

static ggx_status open_writer(void *self, const ggx_host *host, const ggx_options *options,
                              ggx_error *error) GGX_NOEXCEPT
{
    ggml_writer *w = self;
    w->host = host;
    ggx_bytes_init(&w->header, host);
    ggx_names_init(&w->names, host);
    const ggx_option_value *magic = ggx_option_find(options, "ggml.magic");
    if (magic && (magic->number < 0 || magic->number > UINT32_MAX))
        return ggx_fail(error, GGX_E_USAGE, "ggml.magic is %lld; it is a 32-bit number", (long long)magic->number);
    ggx_bytes_uint(&w->header, magic ? (uint64_t)magic->number : MAGIC, 4);
    return ggx_bytes_check(&w->header, error);
}

static ggx_status take_kv(void *self, const ggx_kv *kv, ggx_error *error) GGX_NOEXCEPT
{
    ggml_writer *w = self;
    if (w->laid_out) return ggx_fail(error, GGX_E_USAGE, "a key/value came after the layout");
    ggx_status status = ggx_kv_check(kv, error);
    if (status != GGX_OK) return status;
    uint32_t elem = kv->type == GGX_KV_ARRAY ? kv->elem_type : kv->type;
    const ggx_str *strings = kv->data;
    for (uint64_t i = 0; elem == GGX_KV_STRING && i < kv->count; i++)
        if (strings[i].size > INT32_MAX)
            return ggx_fail(error, GGX_E_UNSUPPORTED,
                            "header value '%.*s': a string of %llu bytes, its length is an int32",
                            GGX_STR_ARGS(kv->key), (unsigned long long)strings[i].size);
    if (elem == GGX_KV_BOOL) /* the loaders read flags as int32 */
        for (uint64_t i = 0; i < kv->count; i++) ggx_bytes_uint(&w->header, ggx_kv_bits(kv, i), 4);
    else
        ggx_kv_put(&w->header, kv, 4);
    return ggx_bytes_check(&w->header, error);
}

static uint8_t *put_u32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++) *to++ = (uint8_t)(value >> (8 * i));
    return to;
}

static ggx_status keep_record(ggml_writer *w, const ggx_out_tensor *t, int32_t code, ggx_error *error)
{
    uint64_t head_size = 12 + 4 * (uint64_t)t->rank + t->name.size;
    ggml_record *r = w->host->alloc(w->host, sizeof *r + head_size);
    if (!r) return ggx_fail(error, GGX_E_NOMEM, "the list of tensors does not fit into this writer's memory");
    uint8_t *to = (uint8_t *)(r + 1);
    to = put_u32(to, t->rank);
    to = put_u32(to, (uint32_t)t->name.size);
    to = put_u32(to, (uint32_t)code);
    for (uint32_t i = t->rank; i-- > 0;) to = put_u32(to, (uint32_t)t->shape[i]);
    memcpy(to, t->name.data, (size_t)t->name.size);
    r->head_size = head_size;
    r->nbytes = t->nbytes;
    if (w->last)
        w->last->next = r;
    else
        w->first = r;
    w->last = r;
    return GGX_OK;
}

static ggx_status take_tensor(void *self, const ggx_out_tensor *t, ggx_error *error) GGX_NOEXCEPT
{
    ggml_writer *w = self;
    int32_t code = 0;
    if (w->laid_out) return ggx_fail(error, GGX_E_USAGE, "a tensor came after the layout");
    ggx_status status = ggx_out_tensor_check(t, "a .bin", MAX_DIMS, MAX_NAME, error);
    if (status == GGX_OK) status = ggx_out_tensor_ggml_code(t, "a .bin", &code, error);
    for (uint32_t i = 0; status == GGX_OK && i < t->rank; i++)
        if (t->shape[i] > INT32_MAX)
            status =
                ggx_fail(error, GGX_E_UNSUPPORTED, "tensor '%.*s': axis %u has %llu elements, a .bin holds 2^31 - 1",
                         GGX_STR_ARGS(t->name), i, (unsigned long long)t->shape[i]);
    if (status == GGX_OK) status = ggx_names_add(&w->names, t->name, "tensor", NULL, error);
    if (t->label) code = (int32_t)(t->label - 1); /* some scripts write other bytes than their records say */
    return status == GGX_OK ? keep_record(w, t, code, error) : status;
}

static ggx_status layout(void *self, ggx_layout *out, ggx_error *error) GGX_NOEXCEPT
{
    ggml_writer *w = self;
    if (!w->laid_out) {
        uint64_t at = w->header.size, i = 0;
        w->list = w->host->alloc(w->host, w->names.count * sizeof *w->list);
        if (!w->list) return ggx_fail(error, GGX_E_NOMEM, "the list of tensors does not fit into this writer's memory");
        for (ggml_record *r = w->first; r; r = r->next) {
            w->list[i++] = r;
            r->offset = at;
            if (!ggx_add_u64(at, r->head_size, &at) || !ggx_add_u64(at, r->nbytes, &at))
                return ggx_fail(error, GGX_E_UNSUPPORTED, "the file would be longer than 2^64 bytes");
        }
        w->total_size = at;
        w->laid_out = 1;
    }
    out->output_count = 1;
    out->total_size = w->total_size;
    return GGX_OK;
}

static ggx_status place(void *self, uint64_t i, ggx_place *out, ggx_error *error) GGX_NOEXCEPT
{
    const ggml_writer *w = self;
    if (!w->laid_out || i >= w->names.count)
        return ggx_fail(error, GGX_E_USAGE, "there is no place for tensor %llu of %llu", (unsigned long long)i,
                        (unsigned long long)(w->laid_out ? w->names.count : 0));
    out->output = 0;
    out->offset = w->list[i]->offset + w->list[i]->head_size;
    out->nbytes = w->list[i]->nbytes;
    return GGX_OK;
}

static ggx_status render(void *self, const ggx_emit *emit, ggx_error *error) GGX_NOEXCEPT
{
    ggml_writer *w = self;
    if (!w->laid_out) return ggx_fail(error, GGX_E_USAGE, "render was called before layout");
    ggx_status status = ggx_bytes_emit(&w->header, emit, 0, 0, error);
    for (const ggml_record *r = w->first; r && status == GGX_OK; r = r->next)
        status = emit->bytes(emit, 0, r->offset, r + 1, r->head_size, error);
    return status;
}

static const ggx_writer writer = {
    .struct_size = sizeof(ggx_writer),
    .flags = GGX_WRITER_FIELDS,
    .instance_size = sizeof(ggml_writer),
    .options = options_table,
    .option_count = sizeof options_table / sizeof options_table[0],
    .open = open_writer,
    .kv = take_kv,
    .tensor = take_tensor,
    .layout = layout,
    .place = place,
    .render = render,
};

static const ggx_provide provides[] = {{GGX_WRITER_ID, &writer}};
GGX_PLUGIN("writer-ggml", "0.1.0", "MIT", provides);
