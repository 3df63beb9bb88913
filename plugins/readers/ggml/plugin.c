/* plugin.c - reader-ggml: legacy GGML .bin files, whose header the user describes. All tensors are RAW.
 * The format: docs/formats/ggml.md. */
#include "ggml.h"

#include <ggx/plugin.h>
#include <ggx_sdk/checked.h>
#include <ggx_sdk/ggml_types.h>
#include <ggx_sdk/names.h>
#include <ggx_sdk/options.h>

#define MAGIC 0x67676d6cu /* GGML_FILE_MAGIC of ggml.h */
#define MAX_DIMS 4u       /* GGML_MAX_DIMS */
#define MAX_NAME 65535u   /* the ABI's limit; the format has none */
#define QNT_VERSION 2     /* GGML_QNT_VERSION: earlier blocks had other layouts under the same numbers */
#define QNT_FACTOR 1000   /* GGML_QNT_VERSION_FACTOR */

typedef struct ggml_reader {
    const ggx_host *host;
    const ggx_source *source;
    ggml_header header;
    ggx_names names;
    uint64_t records, size; /* byte offsets of the first record, and of the end */
    int64_t quant_version;  /* from the field ftype; -1: not known */
    char *name;             /* MAX_NAME bytes */
} ggml_reader;

static const ggx_option options_table[] = {
    {sizeof(ggx_option), GGX_OPTION_STRING, "ggml.header",
     "what lies between magic and tensors: a number of bytes, or fields as in n_vocab,n_ctx,ftype,n,vocab:str*n"},
};

static int32_t probe_ggml(const ggx_probe *p) GGX_NOEXCEPT
{
    static const char magic[] = {'l', 'm', 'g', 'g'};
    int found = p->kind == GGX_SOURCE_FILE && p->head.size >= 4 && !memcmp(p->head.data, magic, sizeof magic);
    return found ? GGX_PROBE_MAGIC : GGX_PROBE_NO; /* .bin is everybody's ending */
}

/* n_dims, lengths and type of the record at the cursor, into `t` and `row`. */
static ggx_status read_head(ggml_reader *r, ggx_cursor *c, ggx_tensor *t, const ggx_ggml_type **row, ggx_error *error)
{
    uint64_t at = c->at;
    const char *hint = at == r->records ? "; ggml.header does not fit this file" : "; the file is damaged";
    t->rank = ggx_cursor_u32(c, "a record's number of dimensions");
    t->name.size = ggx_cursor_u32(c, "the length of a tensor's name");
    uint32_t code = ggx_cursor_u32(c, "a tensor's type");
    if (c->status != GGX_OK) return c->status;
    if (t->rank > MAX_DIMS)
        return ggx_fail_at(error, GGX_E_MALFORMED, c->member, at, "a record of %u dimensions where 0 to 4 may be%s",
                           t->rank, hint);
    if (!t->name.size || t->name.size > MAX_NAME)
        return ggx_fail_at(error, GGX_E_MALFORMED, c->member, at + 4, "a tensor's name of %llu bytes%s",
                           (unsigned long long)t->name.size, hint);
    *row = ggx_ggml_type_by_code(code);
    if (!*row)
        return ggx_fail_at(error, at == r->records ? GGX_E_MALFORMED : GGX_E_UNSUPPORTED, c->member, at + 8,
                           "a tensor has ggml type %u, which this reader does not know (or ggml has withdrawn)%s", code,
                           at == r->records ? hint : "");
    t->type = ggx_ggml_type_make(*row);
    for (uint32_t i = 0; i < t->rank; i++) {
        t->shape[t->rank - 1 - i] = ggx_cursor_u32(c, "a tensor's shape");
        if (c->status == GGX_OK && t->shape[t->rank - 1 - i] > INT32_MAX)
            return ggx_fail_at(error, GGX_E_MALFORMED, c->member, c->at - 4, "an axis has a negative length%s", hint);
    }
    return c->status;
}

static ggx_status read_record(ggml_reader *r, ggx_cursor *c, ggx_tensor *t, ggx_error *error)
{
    const ggx_ggml_type *row = NULL;
    uint64_t at = c->at, elems = 0, fast;
    ggx_status status = read_head(r, c, t, &row, error);
    if (status != GGX_OK) return status;
    t->name.data = r->name;
    if (ggx_cursor_bytes(c, r->name, t->name.size, "a tensor's name") != GGX_OK) return c->status;
    fast = t->rank ? t->shape[t->rank - 1] : 1;
    if (memchr(r->name, 0, (size_t)t->name.size))
        return ggx_fail_at(error, GGX_E_MALFORMED, c->member, at,
                           "a tensor's name holds a NUL byte; the file is damaged");
    if (row->block_elems > 1 && r->quant_version >= 0 && r->quant_version != QNT_VERSION)
        return ggx_fail_at(error, GGX_E_UNSUPPORTED, c->member, at,
                           "tensor '%.*s' is quantized by version %lld of ggml's blocks; only version 2 can be read, "
                           "quantize the model again",
                           GGX_STR_ARGS(t->name), (long long)r->quant_version);
    if (fast % row->block_elems)
        return ggx_fail_at(error, GGX_E_MALFORMED, c->member, at,
                           "tensor '%.*s' has rows of %llu elements, and %s comes in blocks of %u",
                           GGX_STR_ARGS(t->name), (unsigned long long)fast, row->name, row->block_elems);
    if (!ggx_product_u64(t->shape, t->rank, &elems) || !ggx_type_bytes(&t->type, elems, &t->nbytes) ||
        t->nbytes > ggx_cursor_left(c))
        return ggx_fail_at(error, GGX_E_MALFORMED, c->member, c->at,
                           "the data of tensor '%.*s' go beyond the end of the file; it is cut short or damaged",
                           GGX_STR_ARGS(t->name));
    t->offset = c->at;
    return ggx_cursor_skip(c, t->nbytes, "a tensor");
}

/* Reads all records; pushes them when there is a sink, else checks that their names differ. */
static ggx_status walk(ggml_reader *r, const ggx_sink *sink, ggx_error *error)
{
    ggx_cursor c;
    ggx_cursor_init(&c, r->source, 0, r->records, r->size, error);
    while (ggx_cursor_left(&c)) {
        ggx_tensor t;
        memset(&t, 0, sizeof t);
        t.struct_size = sizeof t;
        if (r->host->canceled(r->host)) return ggx_fail(error, GGX_E_CANCELED, "stopped while reading the tensors");
        ggx_status status = read_record(r, &c, &t, error);
        if (status != GGX_OK) return status;
        status = sink ? sink->tensor(sink, &t, error) : ggx_names_add(&r->names, t.name, "tensor", NULL, error);
        if (status != GGX_OK) return status;
    }
    return GGX_OK;
}

static ggx_status open_ggml(void *self, const ggx_host *host, const ggx_source *source, const ggx_options *options,
                            ggx_error *error) GGX_NOEXCEPT
{
    ggml_reader *r = self;
    ggx_member member;
    ggx_cursor c;
    int64_t ftype = 0;
    memset(&member, 0, sizeof member);
    member.struct_size = sizeof member;
    r->host = host;
    r->source = source;
    ggx_names_init(&r->names, host);
    if (source->kind != GGX_SOURCE_FILE)
        return ggx_fail(error, GGX_E_UNSUPPORTED, "a folder cannot be read as GGML; name the .bin file in it");
    ggx_status status = source->member(source, 0, &member, error);
    if (status != GGX_OK) return status;
    r->size = member.size;
    ggx_cursor_init(&c, source, 0, 0, r->size, error);
    uint32_t magic = ggx_cursor_u32(&c, "the magic");
    if (c.status != GGX_OK) return c.status;
    if (magic != MAGIC)
        return ggx_fail_at(error, GGX_E_MALFORMED, 0, 0, "the magic is 0x%08x, a GGML .bin has 0x%08x", magic, MAGIC);
    const ggx_option_value *fields = ggx_option_find(options, "ggml.header");
    if (!fields)
        return ggx_fail(error, GGX_E_USAGE,
                        "a .bin does not say what its header holds; name a recipe that knows, or give -O "
                        "ggml.header=FIELDS (docs/formats/ggml.md lists those of known programs)");
    status = ggml_header_read(&r->header, host, fields->text, &c, error);
    if (status != GGX_OK) return status;
    r->records = c.at;
    r->quant_version = ggml_header_integer(&r->header, (ggx_str){"ftype", 5}, &ftype) ? ftype / QNT_FACTOR : -1;
    r->name = host->alloc(host, MAX_NAME);
    if (!r->name) return ggx_fail(error, GGX_E_NOMEM, "no memory for the names of tensors");
    return walk(r, NULL, error);
}

static ggx_status index_ggml(void *self, const ggx_sink *sink, ggx_error *error) GGX_NOEXCEPT
{
    ggml_reader *r = self;
    for (const ggml_value *v = r->header.first; v; v = v->next) {
        ggx_status status = sink->kv(sink, &v->kv, error);
        if (status != GGX_OK) return status;
    }
    return walk(r, sink, error);
}

static const ggx_reader reader = {
    .struct_size = sizeof(ggx_reader),
    .instance_size = sizeof(ggml_reader),
    .head_want = 4,
    .options = options_table,
    .option_count = sizeof options_table / sizeof options_table[0],
    .probe = probe_ggml,
    .open = open_ggml,
    .index = index_ggml,
};

static const ggx_provide provides[] = {{GGX_READER_ID, &reader}};
GGX_PLUGIN("reader-ggml", "0.1.0", "MIT", provides);
