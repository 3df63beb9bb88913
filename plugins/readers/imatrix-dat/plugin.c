/* plugin.c - reader-imatrix-dat: llama.cpp's older importance matrices (.dat), shown as the tensors that its GGUF form has. The format:
 * docs/formats/imatrix-dat.md. */
#include <ggx/plugin.h>
#include <ggx/reader.h>
#include <ggx_sdk/checked.h>
#include <ggx_sdk/cursor.h>
#include <ggx_sdk/names.h>
#include <string.h>

#define MAX_NAME 4096u /* llama.cpp's own names have at most 63 bytes */
#define MAX_ENTRIES 1000000u
#define HEAD 1024u
#define ROOM (MAX_NAME + 16u) /* a name with its ending */

static const char sums_end[] = ".in_sum2", counts_end[] = ".counts";

typedef struct imatrix_reader {
    const ggx_host *host;
    const ggx_source *source;
    uint64_t size;
    uint32_t entry_count;
    ggx_names names;
    char *name; /* ROOM bytes */
} imatrix_reader;

typedef struct entry {
    uint64_t name_size, offset, nbytes;
    uint32_t calls, values;
} entry;

static uint32_t little(const char *p)
{
    const uint8_t *b = (const uint8_t *)p;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

/* There is no magic: the first entry must make sense, name and all. A file that is cut off, or says that it has no entries, is taken as
 * well, so that the error can say what is wrong with it. */
static int32_t probe_imatrix(const ggx_probe *p) GGX_NOEXCEPT
{
    if (p->kind != GGX_SOURCE_FILE || p->head.size < 20) return GGX_PROBE_NO;
    uint32_t entries = little(p->head.data), length = little(p->head.data + 4);
    if ((entries > MAX_ENTRIES && entries <= INT32_MAX) || !length || length > HEAD - 16 ||
        p->head.size < 16ull + length)
        return GGX_PROBE_NO;
    const char *name = p->head.data + 8;
    int dots = 0;
    for (uint32_t i = 0; i < length; i++) {
        if (name[i] < '!' || name[i] > '~') return GGX_PROBE_NO;
        dots += name[i] == '.';
    }
    uint32_t values = little(name + length + 4);
    return dots && values && values <= INT32_MAX ? GGX_PROBE_STRUCTURE : GGX_PROBE_NO;
}

/* The entry at the cursor; its name goes to r->name. Leaves the cursor behind it. */
static ggx_status read_entry(imatrix_reader *r, ggx_cursor *c, entry *e, ggx_error *error)
{
    const uint64_t at = c->at;
    e->name_size = ggx_cursor_u32(c, "the length of a tensor's name");
    if (c->status != GGX_OK) return c->status;
    if (!e->name_size || e->name_size > MAX_NAME)
        return ggx_fail_at(error, GGX_E_MALFORMED, 0, at,
                           "a tensor's name of %llu bytes; this is no importance matrix, or a damaged one",
                           (unsigned long long)e->name_size);
    ggx_cursor_bytes(c, r->name, e->name_size, "a tensor's name");
    e->calls = ggx_cursor_u32(c, "the number of calls");
    e->values = ggx_cursor_u32(c, "the number of values");
    if (c->status != GGX_OK) return c->status;
    if (memchr(r->name, 0, (size_t)e->name_size))
        return ggx_fail_at(error, GGX_E_MALFORMED, 0, at, "a tensor's name holds a NUL byte; the file is damaged");
    if (!e->values || e->values > INT32_MAX)
        return ggx_fail_at(error, GGX_E_MALFORMED, 0, c->at - 4, "%d values for a tensor; the file is damaged",
                           (int)e->values);
    e->offset = c->at;
    e->nbytes = 4ull * e->values;
    return ggx_cursor_skip(c, e->nbytes, "the values of a tensor");
}

static ggx_status push_entry(imatrix_reader *r, const ggx_sink *sink, const entry *e, ggx_error *error)
{
    ggx_tensor t = {.struct_size = sizeof t,
                    .rank = 1,
                    .name = {r->name, e->name_size + sizeof sums_end - 1},
                    .type = {"f32", 1, 4},
                    .access = GGX_ACCESS_RAW,
                    .offset = e->offset,
                    .nbytes = e->nbytes,
                    .shape = {e->values}};
    memcpy(r->name + e->name_size, sums_end, sizeof sums_end - 1);
    ggx_status status = sink->tensor(sink, &t, error);
    if (status != GGX_OK) return status;
    memcpy(r->name + e->name_size, counts_end, sizeof counts_end - 1);
    t.name.size = e->name_size + sizeof counts_end - 1;
    t.access = GGX_ACCESS_READER;
    t.offset = t.nbytes = 0;
    t.shape[0] = 1;
    t.cookie = e->calls && e->calls <= INT32_MAX ? e->calls : 1; /* without calls the values are means already */
    return sink->tensor(sink, &t, error);
}

/* The three keys of the GGUF form: how much of which text; the oldest files say nothing, and none says the size. */
static ggx_status push_keys(const ggx_sink *sink, uint32_t chunks, ggx_str text, ggx_error *error)
{
    const uint32_t size = 0;
    const ggx_kv keys[] = {{.struct_size = sizeof(ggx_kv),
                            .type = GGX_KV_U32,
                            .elem_type = GGX_KV_U32,
                            .key = {"imatrix.chunk_count", 19},
                            .count = 1,
                            .data = &chunks},
                           {.struct_size = sizeof(ggx_kv),
                            .type = GGX_KV_U32,
                            .elem_type = GGX_KV_U32,
                            .key = {"imatrix.chunk_size", 18},
                            .count = 1,
                            .data = &size},
                           {.struct_size = sizeof(ggx_kv),
                            .type = GGX_KV_ARRAY,
                            .elem_type = GGX_KV_STRING,
                            .key = {"imatrix.datasets", 16},
                            .count = text.size != 0,
                            .data = &text}};
    ggx_status status = GGX_OK;
    for (size_t i = 0; i < sizeof keys / sizeof *keys && status == GGX_OK; i++)
        status = sink->kv(sink, &keys[i], error);
    return status;
}

static ggx_status push_origin(imatrix_reader *r, const ggx_sink *sink, ggx_cursor *c, ggx_error *error)
{
    uint32_t chunks = ggx_cursor_left(c) ? ggx_cursor_u32(c, "the number of chunks") : 0;
    uint32_t length =
        c->status == GGX_OK && ggx_cursor_left(c) ? ggx_cursor_u32(c, "the length of the text's name") : 0;
    if (c->status != GGX_OK) return c->status;
    if (length > MAX_NAME)
        return ggx_fail_at(error, GGX_E_MALFORMED, 0, c->at - 4, "the text's name has %u bytes; the file is damaged",
                           length);
    if (ggx_cursor_bytes(c, r->name, length, "the text's name") != GGX_OK) return c->status;
    const char *end = memchr(r->name, 0, length);
    return push_keys(sink, chunks, (ggx_str){r->name, end ? (uint64_t)(end - r->name) : length}, error);
}

static ggx_status walk(imatrix_reader *r, const ggx_sink *sink, ggx_error *error)
{
    ggx_cursor c;
    ggx_cursor_init(&c, r->source, 0, 4, r->size, error);
    for (uint32_t i = 0; i < r->entry_count; i++) {
        entry e = {0};
        if (r->host->canceled(r->host)) return ggx_fail(error, GGX_E_CANCELED, "stopped while reading the entries");
        ggx_status status = read_entry(r, &c, &e, error);
        if (status == GGX_OK && sink) status = push_entry(r, sink, &e, error);
        if (status == GGX_OK && !sink)
            status = ggx_names_add(&r->names, (ggx_str){r->name, e.name_size}, "entry", NULL, error);
        if (status != GGX_OK) return status;
    }
    return sink ? push_origin(r, sink, &c, error) : GGX_OK;
}

static ggx_status open_imatrix(void *self, const ggx_host *host, const ggx_source *source, const ggx_options *options,
                               ggx_error *error) GGX_NOEXCEPT
{
    imatrix_reader *r = self;
    ggx_member member = {.struct_size = sizeof member};
    ggx_cursor c;
    (void)options;
    r->host = host;
    r->source = source;
    ggx_names_init(&r->names, host);
    if (source->kind != GGX_SOURCE_FILE)
        return ggx_fail(error, GGX_E_UNSUPPORTED, "a folder is no importance matrix; name the file in it");
    ggx_status status = source->member(source, 0, &member, error);
    if (status != GGX_OK) return status;
    r->size = member.size;
    ggx_cursor_init(&c, source, 0, 0, r->size, error);
    r->entry_count = ggx_cursor_u32(&c, "the number of entries");
    if (c.status != GGX_OK) return c.status;
    if (!r->entry_count || r->entry_count > MAX_ENTRIES)
        return ggx_fail_at(error, GGX_E_MALFORMED, 0, 0,
                           "an importance matrix of %lld entries; it is damaged, or none: measure it anew",
                           (long long)r->entry_count - (r->entry_count > INT32_MAX ? (long long)1 << 32 : 0));
    r->name = host->alloc(host, ROOM);
    return r->name ? walk(r, NULL, error) : ggx_fail(error, GGX_E_NOMEM, "no memory for the names of tensors");
}

static ggx_status index_imatrix(void *self, const ggx_sink *sink, ggx_error *error) GGX_NOEXCEPT
{
    return walk(self, sink, error);
}

/* Only counts are read here; their number is the cookie. */
static ggx_status read_imatrix(void *self, uint64_t cookie, const ggx_box *box, void *out, uint64_t out_size,
                               ggx_error *error) GGX_NOEXCEPT
{
    const float count = (float)cookie;
    (void)self;
    (void)box;
    if (out_size != sizeof count && out_size)
        return ggx_fail(error, GGX_E_PLUGIN, "%llu bytes are asked of a count", (unsigned long long)out_size);
    memcpy(out, &count, (size_t)out_size);
    return GGX_OK;
}

static const ggx_reader reader = {
    .struct_size = sizeof(ggx_reader),
    .instance_size = sizeof(imatrix_reader),
    .head_want = HEAD,
    .probe = probe_imatrix,
    .open = open_imatrix,
    .index = index_imatrix,
    .read = read_imatrix,
};

static const ggx_provide provides[] = {{GGX_READER_ID, &reader}};

GGX_PLUGIN("reader-imatrix-dat", "0.1.0", "MIT", provides);
