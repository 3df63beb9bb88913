/* writer-gguf - lays out GGUF version 3: header, key/values, tensor infos, aligned payloads.
 *
 * The bytes are those that gguf-py's GGUFWriter gives for the same key/values and tensors in the same order (docs/formats/gguf.md). */
#include <ggx/ggx.h>
#include <ggx_sdk/bytes.h>
#include <ggx_sdk/kv.h>
#include <ggx_sdk/names.h>
#include <ggx_sdk/options.h>
#include <ggx_sdk/out_tensor.h>

#define HEADER_BYTES 24u      /* magic, version, tensor count, key/value count */
#define MAX_DIMS 4u           /* GGML_MAX_DIMS */
#define MAX_NAME 63u          /* GGML_MAX_NAME is 64 with its NUL */
#define DEFAULT_ALIGNMENT 32u /* GGUF_DEFAULT_ALIGNMENT */
#define MAX_ALIGNMENT 0x80000000u

static const char alignment_key[] = "general.alignment";

typedef struct gguf_tensor {
    struct gguf_tensor *next;
    ggx_str name;
    uint64_t ne[MAX_DIMS]; /* fastest axis first, as on disk */
    uint32_t n_dims;
    int32_t code;
    uint64_t nbytes;
    uint64_t offset; /* from the beginning of the data section; set by layout */
} gguf_tensor;

typedef struct gguf_writer {
    const ggx_host *host;
    ggx_bytes kvs, infos; /* encoded */
    ggx_names keys, names;
    gguf_tensor *first, *last;
    const gguf_tensor **list; /* for `place`; made by layout */
    uint64_t alignment, data_start, total_size;
    uint32_t alignment_by_option; /* 1: a key/value does not change it */
    uint32_t alignment_said;      /* 1: the key is among the key/values */
    uint32_t trim;                /* 1: drop trailing dimensions of 1, as ggml's own writer does */
    uint32_t laid_out;
} gguf_writer;

static const ggx_option options_table[] = {
    {sizeof(ggx_option), GGX_OPTION_INT, "gguf.alignment",
     "alignment of tensor data in bytes: a power of two from 8 on (default: key general.alignment, else 32)"},
    {sizeof(ggx_option), GGX_OPTION_STRING, "gguf.layout",
     "gguf-py (default) keeps trailing dimensions of 1, ggml drops them"},
};

static ggx_status set_alignment(gguf_writer *w, int64_t value, const char *from, ggx_error *error)
{
    /* the specification wants a multiple of 8, ggml's reader a power of two */
    if (value < 8 || value > (int64_t)MAX_ALIGNMENT || (value & (value - 1)))
        return ggx_fail(error, GGX_E_USAGE, "%s is %lld; give a power of two from 8 to %u", from, (long long)value,
                        MAX_ALIGNMENT);
    w->alignment = (uint64_t)value;
    return GGX_OK;
}

static ggx_status open_writer(void *self, const ggx_host *host, const ggx_options *options,
                              ggx_error *error) GGX_NOEXCEPT
{
    gguf_writer *w = self;
    w->host = host;
    w->alignment = DEFAULT_ALIGNMENT;
    ggx_bytes_init(&w->kvs, host);
    ggx_bytes_init(&w->infos, host);
    ggx_names_init(&w->keys, host);
    ggx_names_init(&w->names, host);
    const ggx_option_value *layout = ggx_option_find(options, "gguf.layout");
    if (layout && layout->text.size == 4 && !memcmp(layout->text.data, "ggml", 4))
        w->trim = 1;
    else if (layout && (layout->text.size != 7 || memcmp(layout->text.data, "gguf-py", 7)))
        return ggx_fail(error, GGX_E_USAGE, "gguf.layout is '%.*s'; give gguf-py or ggml", GGX_STR_ARGS(layout->text));
    const ggx_option_value *alignment = ggx_option_find(options, "gguf.alignment");
    w->alignment_by_option = alignment != NULL;
    return alignment ? set_alignment(w, alignment->number, "gguf.alignment", error) : GGX_OK;
}

/* Encodes one key/value; its key is new. */
static ggx_status put_kv(gguf_writer *w, const ggx_kv *kv, ggx_error *error)
{
    ggx_status status = ggx_names_add(&w->keys, kv->key, "key", NULL, error);
    if (status != GGX_OK) return status;
    ggx_bytes_uint(&w->kvs, kv->key.size, 8);
    ggx_bytes_add(&w->kvs, kv->key.data, kv->key.size);
    ggx_bytes_uint(&w->kvs, kv->type, 4);
    if (kv->type == GGX_KV_ARRAY) {
        ggx_bytes_uint(&w->kvs, kv->elem_type, 4);
        ggx_bytes_uint(&w->kvs, kv->count, 8);
    }
    ggx_kv_put(&w->kvs, kv, 8);
    return ggx_bytes_check(&w->kvs, error);
}

static ggx_status put_alignment(gguf_writer *w, ggx_error *error)
{
    uint32_t value = (uint32_t)w->alignment;
    w->alignment_said = 1;
    ggx_kv kv = {sizeof kv, GGX_KV_U32, GGX_KV_U32, 0, {alignment_key, sizeof alignment_key - 1}, 1, &value};
    return put_kv(w, &kv, error);
}

static ggx_status take_kv(void *self, const ggx_kv *kv, ggx_error *error) GGX_NOEXCEPT
{
    gguf_writer *w = self;
    if (w->laid_out) return ggx_fail(error, GGX_E_USAGE, "a key/value came after the layout");
    ggx_status status = ggx_kv_check(kv, error);
    if (status != GGX_OK) return status;
    if (kv->key.size != sizeof alignment_key - 1 || memcmp(kv->key.data, alignment_key, sizeof alignment_key - 1))
        return put_kv(w, kv, error);
    if (kv->type != GGX_KV_U32) /* ggml's reader refuses any other */
        return ggx_fail(error, GGX_E_UNSUPPORTED, "key %s has type %u; GGUF wants u32", alignment_key, kv->type);
    if (!w->alignment_by_option) status = set_alignment(w, (int64_t)ggx_kv_bits(kv, 0), alignment_key, error);
    return status == GGX_OK ? put_alignment(w, error) : status;
}

static ggx_status take_tensor(void *self, const ggx_out_tensor *t, ggx_error *error) GGX_NOEXCEPT
{
    gguf_writer *w = self;
    int32_t code = 0;
    ggx_str name = {NULL, 0};
    if (w->laid_out) return ggx_fail(error, GGX_E_USAGE, "a tensor came after the layout");
    ggx_status status = ggx_out_tensor_check(t, "GGUF", MAX_DIMS, MAX_NAME, error);
    if (status == GGX_OK) status = ggx_out_tensor_ggml_code(t, "GGUF", &code, error);
    if (status == GGX_OK) status = ggx_names_add(&w->names, t->name, "tensor", &name, error);
    if (status != GGX_OK) return status;
    gguf_tensor *kept = w->host->alloc(w->host, sizeof *kept);
    if (!kept) return ggx_fail(error, GGX_E_NOMEM, "the list of tensors does not fit into this writer's memory");
    kept->name = name;
    kept->code = code;
    kept->nbytes = t->nbytes;
    kept->n_dims = t->rank;
    for (uint32_t i = 0; i < MAX_DIMS; i++) kept->ne[i] = i < t->rank ? t->shape[t->rank - 1 - i] : 1;
    if (w->trim) { /* ggml_n_dims: at least one */
        kept->n_dims = MAX_DIMS;
        while (kept->n_dims > 1 && kept->ne[kept->n_dims - 1] == 1) kept->n_dims--;
    }
    if (w->last)
        w->last->next = kept;
    else
        w->first = kept;
    w->last = kept;
    return GGX_OK;
}

/* `size` rounded up to the alignment; 0 when that does not fit. */
static int pad(const gguf_writer *w, uint64_t size, uint64_t *out)
{
    if (!ggx_add_u64(size, w->alignment - 1, out)) return 0;
    *out &= ~(w->alignment - 1);
    return 1;
}

/* Encodes the tensor infos with their offsets. */
static ggx_status put_infos(gguf_writer *w, uint64_t *data_size, ggx_error *error)
{
    uint64_t end = 0, i = 0, padded = 0;
    w->list = w->host->alloc(w->host, w->names.count * sizeof *w->list);
    if (!w->list) return ggx_fail(error, GGX_E_NOMEM, "the list of tensors does not fit into this writer's memory");
    for (gguf_tensor *t = w->first; t; t = t->next) {
        w->list[i++] = t;
        t->offset = end;
        if (!pad(w, t->nbytes, &padded) || !ggx_add_u64(end, padded, &end))
            return ggx_fail(error, GGX_E_UNSUPPORTED, "tensor '%.*s' makes the file longer than 2^64 bytes",
                            GGX_STR_ARGS(t->name));
        ggx_bytes_uint(&w->infos, t->name.size, 8);
        ggx_bytes_add(&w->infos, t->name.data, t->name.size);
        ggx_bytes_uint(&w->infos, t->n_dims, 4);
        for (uint32_t d = 0; d < t->n_dims; d++) ggx_bytes_uint(&w->infos, t->ne[d], 8);
        ggx_bytes_uint(&w->infos, (uint32_t)t->code, 4);
        ggx_bytes_uint(&w->infos, t->offset, 8);
    }
    *data_size = end;
    return ggx_bytes_check(&w->infos, error);
}

static ggx_status layout(void *self, ggx_layout *out, ggx_error *error) GGX_NOEXCEPT
{
    gguf_writer *w = self;
    uint64_t data_size = 0;
    if (!w->laid_out) {
        /* a reader finds the data only by the key: an alignment from the option is said in the file, too */
        ggx_status status = w->alignment_by_option && !w->alignment_said ? put_alignment(w, error) : GGX_OK;
        if (status == GGX_OK) status = put_infos(w, &data_size, error);
        if (status != GGX_OK) return status;
        if (!pad(w, HEADER_BYTES + w->kvs.size + w->infos.size, &w->data_start) ||
            !ggx_add_u64(w->data_start, data_size, &w->total_size))
            return ggx_fail(error, GGX_E_UNSUPPORTED, "the file would be longer than 2^64 bytes");
        w->laid_out = 1;
    }
    out->output_count = 1;
    out->total_size = w->total_size;
    return GGX_OK;
}

static ggx_status place(void *self, uint64_t i, ggx_place *out, ggx_error *error) GGX_NOEXCEPT
{
    const gguf_writer *w = self;
    if (!w->laid_out || i >= w->names.count)
        return ggx_fail(error, GGX_E_USAGE, "there is no place for tensor %llu of %llu", (unsigned long long)i,
                        (unsigned long long)(w->laid_out ? w->names.count : 0));
    out->output = 0;
    out->offset = w->data_start + w->list[i]->offset;
    out->nbytes = w->list[i]->nbytes;
    return GGX_OK;
}

static ggx_status render(void *self, const ggx_emit *emit, ggx_error *error) GGX_NOEXCEPT
{
    gguf_writer *w = self;
    uint8_t header[HEADER_BYTES] = {'G', 'G', 'U', 'F', 3};
    uint64_t counts[2] = {w->names.count, w->keys.count};
    if (!w->laid_out) return ggx_fail(error, GGX_E_USAGE, "render was called before layout");
    for (size_t i = 0; i < 16; i++) header[8 + i] = (uint8_t)(counts[i / 8] >> (8 * (i % 8)));
    ggx_status status = emit->bytes(emit, 0, 0, header, HEADER_BYTES, error);
    if (status == GGX_OK) status = ggx_bytes_emit(&w->kvs, emit, 0, HEADER_BYTES, error);
    if (status == GGX_OK) status = ggx_bytes_emit(&w->infos, emit, 0, HEADER_BYTES + w->kvs.size, error);
    return status;
}

static const ggx_writer writer = {
    .struct_size = sizeof(ggx_writer),
    .instance_size = sizeof(gguf_writer),
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
GGX_PLUGIN("writer-gguf", "0.1.0", "MIT", provides);
