/* plugin.c - reader-safetensors: one file, shards with their index, or a folder of them. All tensors are RAW.
 * The format: docs/formats/safetensors.md. */
#include "safetensors.h"

#include <ggx/plugin.h>
#include <ggx_sdk/checked.h>
#include <ggx_sdk/error.h>

#define HEAD_WANT 4096u

static int contains(ggx_str text, const char *word)
{
    size_t n = strlen(word);
    for (uint64_t i = 0; text.size >= n && i <= text.size - n; i++)
        if (!memcmp(text.data + i, word, n)) return 1;
    return 0;
}

static int is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* How far the beginning of a file is that of a safetensors file: a length below the limit, then '{' and a key, or '{}'. */
static int32_t judge_head(ggx_str head)
{
    uint64_t length = 0, at = ST_LENGTH_BYTES + 1;
    for (uint64_t i = 0; i < 8 && i < head.size; i++) length |= (uint64_t)(uint8_t)head.data[i] << (8 * i);
    if (head.size < ST_LENGTH_BYTES + 2 || length < 2 || length > ST_MAX_HEADER || head.data[ST_LENGTH_BYTES] != '{')
        return GGX_PROBE_NO;
    while (at < head.size && is_space(head.data[at])) at++;
    if (at == head.size || (head.data[at] != '"' && head.data[at] != '}')) return GGX_PROBE_NO;
    return contains(head, "\"data_offsets\"") || contains(head, "\"__metadata__\"") ? GGX_PROBE_PROVEN
                                                                                    : GGX_PROBE_MAGIC;
}

static int32_t judge_index(ggx_str head)
{
    uint64_t at = 0;
    while (at < head.size && is_space(head.data[at])) at++;
    if (at == head.size || head.data[at] != '{') return GGX_PROBE_NO;
    if (!contains(head, "\"weight_map\"")) return GGX_PROBE_NO;
    return contains(head, ".safetensors\"") ? GGX_PROBE_PROVEN : GGX_PROBE_STRUCTURE;
}

static int32_t judge_file(ggx_str name, ggx_str head)
{
    int index = st_name_ends(name, ".safetensors.index.json");
    int32_t score = index ? judge_index(head) : judge_head(head);
    if (score == GGX_PROBE_NO && (index || st_name_ends(name, ".safetensors"))) return GGX_PROBE_NAME;
    return score;
}

static int32_t probe_safetensors(const ggx_probe *p) GGX_NOEXCEPT
{
    int32_t best = GGX_PROBE_NO;
    if (p->kind == GGX_SOURCE_FILE) return judge_file(p->name, p->head);
    for (uint32_t i = 0; i < p->sibling_count; i++) {
        ggx_str name = p->siblings[i].name;
        int ours = st_name_ends(name, ".safetensors") || st_name_ends(name, ".safetensors.index.json");
        int32_t score = ours && !memchr(name.data, '/', (size_t)name.size) ? judge_file(name, p->siblings[i].head) : 0;
        if (score > best) best = score;
    }
    return best;
}

static ggx_status open_safetensors(void *self, const ggx_host *host, const ggx_source *source,
                                   const ggx_options *options, ggx_error *error) GGX_NOEXCEPT
{
    st_reader *r = self;
    (void)options;
    r->host = host;
    r->source = source;
    ggx_status status = st_shards_find(r, error);
    for (uint32_t i = 0; status == GGX_OK && i < r->file_count; i++) {
        status = st_header_read(r, &r->files[i], error);
        host->progress(host, i + 1u, r->file_count);
    }
    return status == GGX_OK ? st_shards_check(r, error) : status;
}

static ggx_status push_tensor(const st_file *file, const st_tensor *from, const ggx_sink *sink, ggx_error *error)
{
    ggx_tensor t;
    memset(&t, 0, sizeof t);
    t.struct_size = sizeof t;
    t.rank = from->rank;
    t.name = from->name;
    t.type = ggx_type_make(from->dtype->type, from->dtype->block_elems, from->dtype->block_bytes);
    t.byte_order = GGX_LITTLE_ENDIAN;
    t.access = GGX_ACCESS_RAW;
    t.member = file->member;
    t.offset = file->data + from->begin;
    t.nbytes = from->end - from->begin;
    for (uint32_t i = 0; i < from->rank; i++) t.shape[i] = from->shape[i];
    return sink->tensor(sink, &t, error);
}

/* The strings of __metadata__. Shards repeat them (usually {"format": "pt"}): each key counts once, the first shard's value wins. */
static ggx_status push_notes(st_reader *r, const ggx_sink *sink, ggx_error *error)
{
    ggx_names seen;
    ggx_names_init(&seen, r->host);
    for (uint32_t i = 0; i < r->file_count; i++) {
        for (uint64_t k = 0; k < r->files[i].note_count; k++) {
            const st_note *note = &r->files[i].notes[k];
            ggx_kv kv;
            if (!note->key.size || note->key.size > ST_MAX_NAME || memchr(note->key.data, 0, (size_t)note->key.size)) {
                r->host->log(r->host, GGX_LOG_WARNING, "a key of __metadata__ that cannot be a name is left out");
                continue;
            }
            ggx_status status = ggx_names_add(&seen, note->key, "key", NULL, NULL);
            if (status == GGX_E_MALFORMED) continue;
            if (status != GGX_OK) return ggx_fail(error, status, "no memory for the keys of __metadata__");
            memset(&kv, 0, sizeof kv);
            kv.struct_size = sizeof kv;
            kv.type = kv.elem_type = GGX_KV_STRING;
            kv.key = note->key;
            kv.count = 1;
            kv.data = &note->value;
            status = sink->kv(sink, &kv, error);
            if (status != GGX_OK) return status;
        }
    }
    return GGX_OK;
}

static ggx_status index_safetensors(void *self, const ggx_sink *sink, ggx_error *error) GGX_NOEXCEPT
{
    st_reader *r = self;
    ggx_status status = push_notes(r, sink, error);
    for (uint32_t i = 0; status == GGX_OK && i < r->file_count; i++) {
        const st_file *file = &r->files[i];
        for (uint64_t k = 0; status == GGX_OK && k < file->tensor_count; k++)
            if (!file->tensors[k].dropped) status = push_tensor(file, &file->tensors[k], sink, error);
    }
    return status;
}

static const ggx_reader reader = {
    .struct_size = sizeof(ggx_reader),
    .instance_size = sizeof(st_reader),
    .head_want = HEAD_WANT,
    .probe = probe_safetensors,
    .open = open_safetensors,
    .index = index_safetensors,
};

static const ggx_provide provides[] = {{GGX_READER_ID, &reader}};
GGX_PLUGIN("reader-safetensors", "0.1.0", "MIT", provides);
