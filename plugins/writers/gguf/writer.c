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
#define SET_KEYS 3
#define MAX_PARTS 65535u /* split.count is a u16 */

static const struct {
    const char *key;
    uint32_t type;
} set_keys[SET_KEYS] = {{"split.no", GGX_KV_U16}, {"split.count", GGX_KV_U16}, {"split.tensors.count", GGX_KV_I32}};
static const char alignment_key[] = "general.alignment";

typedef struct gguf_tensor {
    struct gguf_tensor *next;
    ggx_str name;
    uint64_t ne[MAX_DIMS]; /* fastest axis first, as on disk */
    uint32_t n_dims;
    int32_t code;
    uint32_t output; /* index of its file */
    uint64_t nbytes;
    uint64_t offset; /* from the beginning of the file's data section; set by layout */
} gguf_tensor;

/* One file. */
typedef struct gguf_part {
    ggx_bytes keys; /* of a set: encoded, behind those of the model in the first file */
    ggx_bytes infos;
    uint64_t tensor_count, data_start;
} gguf_part;

typedef struct gguf_writer {
    const ggx_host *host;
    ggx_bytes kvs; /* encoded */
    ggx_names keys, names;
    gguf_tensor *first, *last;
    const gguf_tensor **list; /* for `place`; made by layout */
    gguf_part *parts;         /* made by layout, as `sizes` */
    uint64_t *sizes;
    uint32_t part_count;
    uint32_t count_last; /* 1: the keys of a set in llama-gguf-split's order */
    uint64_t alignment, total_size;
    uint32_t alignment_by_option; /* 1: a key/value does not change it */
    uint32_t alignment_said;      /* 1: the key is among the key/values */
    uint32_t trim;                /* 1: drop trailing dimensions of 1, as ggml's own writer does */
    uint32_t header_only;         /* 1: no padding behind the keys of a file without tensors */
    uint32_t laid_out;
} gguf_writer;

static const ggx_option options_table[] = {
    {sizeof(ggx_option), GGX_OPTION_INT, "gguf.alignment",
     "alignment of tensor data in bytes: a power of two from 8 on (default: key general.alignment, else 32)"},
    {sizeof(ggx_option), GGX_OPTION_STRING, "gguf.layout",
     "gguf-py (default) keeps trailing dimensions of 1, ggml drops them"},
    {sizeof(ggx_option), GGX_OPTION_STRING, "gguf.split-keys",
     "order of the keys of a set of files: llama-quantize's (default) or llama-gguf-split's"},
    {sizeof(ggx_option), GGX_OPTION_BOOL, "gguf.header-only",
     "a file without tensors ends behind its keys, without zeros up to the alignment"},
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
    ggx_names_init(&w->keys, host);
    ggx_names_init(&w->names, host);
    const ggx_option_value *layout = ggx_option_find(options, "gguf.layout");
    if (layout && layout->text.size == 4 && !memcmp(layout->text.data, "ggml", 4))
        w->trim = 1;
    else if (layout && (layout->text.size != 7 || memcmp(layout->text.data, "gguf-py", 7)))
        return ggx_fail(error, GGX_E_USAGE, "gguf.layout is '%.*s'; give gguf-py or ggml", GGX_STR_ARGS(layout->text));
    const ggx_option_value *keys = ggx_option_find(options, "gguf.split-keys");
    if (keys && keys->text.size == 16 && !memcmp(keys->text.data, "llama-gguf-split", 16))
        w->count_last = 1;
    else if (keys && (keys->text.size != 14 || memcmp(keys->text.data, "llama-quantize", 14)))
        return ggx_fail(error, GGX_E_USAGE, "gguf.split-keys is '%.*s'; give llama-quantize or llama-gguf-split",
                        GGX_STR_ARGS(keys->text));
    const ggx_option_value *header_only = ggx_option_find(options, "gguf.header-only");
    w->header_only = header_only && header_only->number;
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

/* Readers go by the keys of a set: one that says nonsense makes a file that nobody opens. */
static ggx_status check_set_key(const ggx_kv *kv, ggx_error *error)
{
    for (int i = 0; i < SET_KEYS; i++) {
        const ggx_str key = kv->key;
        if (strlen(set_keys[i].key) != key.size || memcmp(set_keys[i].key, key.data, (size_t)key.size)) continue;
        if (kv->type == set_keys[i].type) return GGX_OK;
        return ggx_fail(error, GGX_E_USAGE,
                        "key %s is the layout's own and has another type; options say how many files there are, see "
                        "--split-max-size",
                        set_keys[i].key);
    }
    return GGX_OK;
}

static ggx_status take_kv(void *self, const ggx_kv *kv, ggx_error *error) GGX_NOEXCEPT
{
    gguf_writer *w = self;
    if (w->laid_out) return ggx_fail(error, GGX_E_USAGE, "a key/value came after the layout");
    ggx_status status = ggx_kv_check(kv, error);
    if (status != GGX_OK) return status;
    if ((status = check_set_key(kv, error)) != GGX_OK) return status;
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
    const uint32_t output = GGX_HAS(t, output) ? t->output : 0;
    if (output > w->part_count || output + 1 < w->part_count || (!w->part_count && output))
        return ggx_fail(error, GGX_E_USAGE, "tensor '%.*s' is for file %u, after one for file %u",
                        GGX_STR_ARGS(t->name), t->output, w->part_count ? w->part_count - 1 : 0);
    if (output >= MAX_PARTS)
        return ggx_fail(error, GGX_E_UNSUPPORTED, "a set of more than %u GGUF files has no names; allow larger files",
                        MAX_PARTS);
    ggx_status status = ggx_out_tensor_check(t, "GGUF", MAX_DIMS, MAX_NAME, error);
    if (status == GGX_OK) status = ggx_out_tensor_ggml_code(t, "GGUF", &code, error);
    if (status == GGX_OK) status = ggx_names_add(&w->names, t->name, "tensor", &name, error);
    if (status != GGX_OK) return status;
    gguf_tensor *kept = w->host->alloc(w->host, sizeof *kept);
    if (!kept) return ggx_fail(error, GGX_E_NOMEM, "the list of tensors does not fit into this writer's memory");
    kept->name = name;
    kept->code = code;
    kept->output = output;
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
    w->part_count = output + 1;
    return GGX_OK;
}

/* The alignment of a file's data: readers find it by a key, which only the first file of a set has. */
static uint64_t alignment_of(const gguf_writer *w, uint64_t part)
{
    return part ? DEFAULT_ALIGNMENT : w->alignment;
}

/* `size` rounded up to the alignment; 0 when that does not fit. */
static int pad(uint64_t alignment, uint64_t size, uint64_t *out)
{
    if (!ggx_add_u64(size, alignment - 1, out)) return 0;
    *out &= ~(alignment - 1);
    return 1;
}

static void put_number(ggx_bytes *out, const char *key, uint32_t type, uint32_t width, uint64_t value)
{
    ggx_bytes_uint(out, strlen(key), 8);
    ggx_bytes_add(out, key, strlen(key));
    ggx_bytes_uint(out, type, 4);
    ggx_bytes_uint(out, value, width);
}

/* Each file of a set says which one it is. llama-gguf-split knows the count last; ggml moves a key that is set again to the end. */
static ggx_status put_set_keys(gguf_writer *w, ggx_error *error)
{
    ggx_status status = GGX_OK;
    for (int i = 0; i < SET_KEYS && status == GGX_OK; i++)
        status = ggx_names_add(&w->keys, (ggx_str){set_keys[i].key, strlen(set_keys[i].key)}, "key", NULL, error);
    for (uint64_t i = 0; i < w->part_count && status == GGX_OK; i++) {
        ggx_bytes *out = &w->parts[i].keys;
        put_number(out, set_keys[0].key, GGX_KV_U16, 2, i);
        if (!w->count_last) put_number(out, set_keys[1].key, GGX_KV_U16, 2, w->part_count);
        put_number(out, set_keys[2].key, GGX_KV_I32, 4, w->names.count);
        if (w->count_last) put_number(out, set_keys[1].key, GGX_KV_U16, 2, w->part_count);
        status = ggx_bytes_check(out, error);
    }
    return status;
}

/* Encodes a tensor's info; *end is where the file's payloads end so far. */
static ggx_status put_info(gguf_writer *w, gguf_tensor *t, uint64_t *end, ggx_error *error)
{
    ggx_bytes *out = &w->parts[t->output].infos;
    uint64_t padded = 0;
    t->offset = *end;
    if (!pad(alignment_of(w, t->output), t->nbytes, &padded) || !ggx_add_u64(*end, padded, end))
        return ggx_fail(error, GGX_E_UNSUPPORTED, "tensor '%.*s' makes the file longer than 2^64 bytes",
                        GGX_STR_ARGS(t->name));
    w->parts[t->output].tensor_count++;
    ggx_bytes_uint(out, t->name.size, 8);
    ggx_bytes_add(out, t->name.data, t->name.size);
    ggx_bytes_uint(out, t->n_dims, 4);
    for (uint32_t d = 0; d < t->n_dims; d++) ggx_bytes_uint(out, t->ne[d], 8);
    ggx_bytes_uint(out, (uint32_t)t->code, 4);
    ggx_bytes_uint(out, t->offset, 8);
    return ggx_bytes_check(out, error);
}

/* Bytes of a file before its payloads, without padding. */
static uint64_t head_size(const gguf_writer *w, uint64_t part)
{
    return HEADER_BYTES + (part ? 0 : w->kvs.size) + w->parts[part].keys.size + w->parts[part].infos.size;
}

static ggx_status lay_out(gguf_writer *w, ggx_error *error)
{
    if (!w->part_count) w->part_count = 1; /* no tensors */
    w->list = w->host->alloc(w->host, w->names.count * sizeof *w->list);
    w->parts = w->host->alloc(w->host, w->part_count * sizeof *w->parts);
    w->sizes = w->host->alloc(w->host, w->part_count * sizeof *w->sizes);
    if (!w->list || !w->parts || !w->sizes)
        return ggx_fail(error, GGX_E_NOMEM, "the list of tensors does not fit into this writer's memory");
    for (uint64_t i = 0; i < w->part_count; i++) {
        w->sizes[i] = 0; /* of the payloads, at first */
        w->parts[i] = (gguf_part){.tensor_count = 0};
        ggx_bytes_init(&w->parts[i].keys, w->host);
        ggx_bytes_init(&w->parts[i].infos, w->host);
    }
    ggx_status status = w->part_count > 1 ? put_set_keys(w, error) : GGX_OK;
    uint64_t n = 0;
    for (gguf_tensor *t = w->first; t && status == GGX_OK; t = t->next) {
        w->list[n++] = t;
        status = put_info(w, t, &w->sizes[t->output], error);
    }
    for (uint64_t i = 0; i < w->part_count && status == GGX_OK; i++) {
        gguf_part *p = &w->parts[i];
        uint64_t alignment = w->header_only && !w->first ? 1 : alignment_of(w, i);
        if (!pad(alignment, head_size(w, i), &p->data_start) ||
            !ggx_add_u64(p->data_start, w->sizes[i], &w->sizes[i]) ||
            !ggx_add_u64(w->total_size, w->sizes[i], &w->total_size))
            status = ggx_fail(error, GGX_E_UNSUPPORTED, "the file would be longer than 2^64 bytes");
    }
    return status;
}

static ggx_status layout(void *self, ggx_layout *out, ggx_error *error) GGX_NOEXCEPT
{
    gguf_writer *w = self;
    if (!w->laid_out) {
        /* a reader finds the data only by the key: an alignment from the option is said in the file, too */
        ggx_status status = w->alignment_by_option && !w->alignment_said ? put_alignment(w, error) : GGX_OK;
        if (status == GGX_OK) status = lay_out(w, error);
        if (status != GGX_OK) return status;
        w->laid_out = 1;
    }
    out->output_count = w->part_count;
    out->total_size = w->total_size;
    if (GGX_HAS(out, sizes)) out->sizes = w->sizes;
    return GGX_OK;
}

static ggx_status place(void *self, uint64_t i, ggx_place *out, ggx_error *error) GGX_NOEXCEPT
{
    const gguf_writer *w = self;
    if (!w->laid_out || i >= w->names.count)
        return ggx_fail(error, GGX_E_USAGE, "there is no place for tensor %llu of %llu", (unsigned long long)i,
                        (unsigned long long)(w->laid_out ? w->names.count : 0));
    out->output = w->list[i]->output;
    out->offset = w->parts[out->output].data_start + w->list[i]->offset;
    out->nbytes = w->list[i]->nbytes;
    return GGX_OK;
}

static ggx_status render_part(gguf_writer *w, const ggx_emit *emit, uint32_t part, ggx_error *error)
{
    const gguf_part *p = &w->parts[part];
    uint8_t header[HEADER_BYTES] = {'G', 'G', 'U', 'F', 3};
    uint64_t counts[2] = {p->tensor_count, part ? SET_KEYS : w->keys.count}, at = HEADER_BYTES;
    for (size_t i = 0; i < 16; i++) header[8 + i] = (uint8_t)(counts[i / 8] >> (8 * (i % 8)));
    ggx_status status = emit->bytes(emit, part, 0, header, HEADER_BYTES, error);
    if (status == GGX_OK && !part) {
        status = ggx_bytes_emit(&w->kvs, emit, part, at, error);
        at += w->kvs.size;
    }
    if (status == GGX_OK) status = ggx_bytes_emit(&p->keys, emit, part, at, error);
    if (status == GGX_OK) status = ggx_bytes_emit(&p->infos, emit, part, at + p->keys.size, error);
    return status;
}

static ggx_status render(void *self, const ggx_emit *emit, ggx_error *error) GGX_NOEXCEPT
{
    gguf_writer *w = self;
    if (!w->laid_out) return ggx_fail(error, GGX_E_USAGE, "render was called before layout");
    ggx_status status = GGX_OK;
    for (uint32_t i = 0; i < w->part_count && status == GGX_OK; i++) status = render_part(w, emit, i, error);
    return status;
}

static const ggx_writer writer = {
    .struct_size = sizeof(ggx_writer),
    .flags = GGX_WRITER_SPLITS,
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
