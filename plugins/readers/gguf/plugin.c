/* plugin.c - reader-gguf: GGUF versions 2 and 3, little- and big-endian, alone or split into several files. All tensors are RAW.
 * The format: docs/formats/gguf.md. */
#include "gguf.h"

#include <ggx/plugin.h>
#include <ggx_sdk/checked.h>
#include <ggx_sdk/options.h>

static uint64_t read_uint(const uint8_t *bytes, int big)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++) v |= (uint64_t)bytes[big ? 7 - i : i] << (8 * i);
    return v;
}

static int ends_with(ggx_str name, const char *end)
{
    size_t n = strlen(end);
    return name.size > n && !memcmp(name.data + (name.size - n), end, n);
}

static int32_t probe_gguf(const ggx_probe *p) GGX_NOEXCEPT
{
    const uint8_t *head = (const uint8_t *)p->head.data;
    if (p->kind != GGX_SOURCE_FILE) return GGX_PROBE_NO;
    if (p->head.size < 4 || memcmp(head, "GGUF", 4) != 0)
        return ends_with(p->name, ".gguf") ? GGX_PROBE_NAME : GGX_PROBE_NO;
    if (p->head.size < GGUF_HEADER_BYTES) return GGX_PROBE_MAGIC;
    int big = !head[4] && !head[5] && !head[6];
    uint64_t tensors = read_uint(head + 8, big), kvs = read_uint(head + 16, big);
    uint8_t version = head[big ? 7 : 4];
    return version >= 2 && version <= 3 && tensors < p->size && kvs < p->size ? GGX_PROBE_PROVEN : GGX_PROBE_MAGIC;
}

static const ggx_option options_table[] = {
    {sizeof(ggx_option), GGX_OPTION_BOOL, "gguf.alone",
     "of a set of files read the first as it stands, with its split.* keys"},
};

static ggx_status open_gguf(void *self, const ggx_host *host, const ggx_source *source, const ggx_options *options,
                            ggx_error *error) GGX_NOEXCEPT
{
    gguf_reader *r = self;
    const ggx_option_value *alone = ggx_option_find(options, "gguf.alone");
    r->host = host;
    r->source = source;
    ggx_names_init(&r->tensors, host);
    if (source->kind != GGX_SOURCE_FILE)
        return ggx_fail(error, GGX_E_UNSUPPORTED,
                        "a folder cannot be read as GGUF; name the .gguf file in it (of a split set, any part)");
    r->file_count = 1;
    r->files = host->alloc(host, sizeof *r->files);
    r->key = host->alloc(host, GGUF_MAX_KEY);
    if (!r->files || !r->key) return ggx_fail(error, GGX_E_NOMEM, "no memory to begin with");
    ggx_status status = gguf_file_start(r, &r->files[0], error);
    if (status == GGX_OK) status = gguf_file_walk(r, &r->files[0], NULL, 0, error);
    if (status == GGX_OK && r->files[0].split_count > 1)
        status = alone && alone->number ? gguf_splits_first(r, error) : gguf_splits_open(r, error);
    if (status != GGX_OK) return status;
    r->value_room = r->files[0].value_room;
    r->value = host->alloc(host, r->value_room);
    if (!r->value)
        return ggx_fail_at(error, GGX_E_NOMEM, r->files[0].member, GGX_NO_OFFSET,
                           "the largest key/value takes %llu bytes, more than this reader may have",
                           (unsigned long long)r->value_room);
    return GGX_OK;
}

static ggx_status index_gguf(void *self, const ggx_sink *sink, ggx_error *error) GGX_NOEXCEPT
{
    gguf_reader *r = self;
    for (uint32_t i = 0; i < r->file_count; i++) {
        ggx_status status = gguf_file_walk(r, &r->files[i], sink, i == 0, error);
        if (status != GGX_OK) return status;
    }
    return GGX_OK;
}

static const ggx_reader reader = {
    .struct_size = sizeof(ggx_reader),
    .instance_size = sizeof(gguf_reader),
    .head_want = GGUF_HEADER_BYTES,
    .probe = probe_gguf,
    .open = open_gguf,
    .index = index_gguf,
    .options = options_table,
    .option_count = 1,
};

static const ggx_provide provides[] = {{GGX_READER_ID, &reader}};
GGX_PLUGIN("reader-gguf", "0.1.0", "MIT", provides);
