/* shards.c - which files make up the checkpoint: one, the shards that an index names, or all of a folder.
 *
 * An index is `NAME.safetensors.index.json` as transformers writes it: {"metadata": {...}, "weight_map": {TENSOR: FILE, ...}}. As for
 * transformers the map decides: a tensor that a shard holds beyond it is left out, with a warning. */
#include "safetensors.h"

#include <ggx_sdk/error.h>
#include <stdlib.h>

#define MAIN_INDEX "model.safetensors.index.json"
#define MAIN_FILE "model.safetensors"

int st_name_ends(ggx_str name, const char *end)
{
    size_t n = strlen(end);
    return name.size > n && !memcmp(name.data + (name.size - n), end, n);
}

static int name_is(ggx_str name, const char *text)
{
    return name.size == strlen(text) && !memcmp(name.data, text, strlen(text));
}

static int compare_strings(ggx_str a, ggx_str b)
{
    uint64_t n = a.size < b.size ? a.size : b.size;
    int order = n ? memcmp(a.data, b.data, (size_t)n) : 0;
    return order ? order : a.size < b.size ? -1 : a.size > b.size;
}

static int by_name(const void *left, const void *right)
{
    const st_entry *a = left, *b = right;
    return compare_strings(a->name, b->name);
}

static int by_file(const void *left, const void *right)
{
    const st_entry *a = left, *b = right;
    int order = compare_strings(a->file_name, b->file_name);
    return order ? order : compare_strings(a->name, b->name);
}

static ggx_status alloc_files(st_reader *r, uint32_t count, ggx_error *error)
{
    r->files = r->host->alloc(r->host, count * sizeof *r->files);
    r->file_count = count;
    return r->files ? GGX_OK : ggx_fail(error, GGX_E_NOMEM, "no memory for %u files", count);
}

/* ---- the index ------------------------------------------------------------------------------------------------------------- */

static ggx_status refuse(const st_reader *r, const ggx_json_token *token, ggx_error *error, const char *what)
{
    return ggx_fail_at(error, GGX_E_MALFORMED, r->index_member, token->offset, "in the index, line %u: %s", token->line,
                       what);
}

/* Walks weight_map after its '{'. With r->map NULL it only counts. */
static ggx_status read_map(st_reader *r, ggx_json_parser *json, ggx_json_token *token, ggx_error *error)
{
    uint64_t count = 0;
    for (;;) {
        st_entry *entry = r->map ? &r->map[count] : NULL;
        ggx_status status = st_json_next(json, token, r->index_member, 0, error);
        if (status != GGX_OK) return status;
        if (token->kind == GGX_JSON_OBJECT_END) break;
        if (entry) {
            entry->place = token->offset;
            status = st_string_keep(r, token, &entry->name, error);
        }
        if (status == GGX_OK) status = st_json_next(json, token, r->index_member, 0, error);
        if (status == GGX_OK && token->kind != GGX_JSON_STRING)
            return refuse(r, token, error, "weight_map must hold a file name for every tensor");
        if (status == GGX_OK && entry) status = st_string_keep(r, token, &entry->file_name, error);
        if (status != GGX_OK) return status;
        if (++count % 4096 == 0 && r->host->canceled(r->host))
            return ggx_fail(error, GGX_E_CANCELED, "stopped while reading the index");
    }
    r->map_count = count;
    return GGX_OK;
}

static ggx_status walk_index(st_reader *r, ggx_str text, ggx_error *error)
{
    ggx_json_parser json;
    ggx_json_token token;
    int seen = 0;
    ggx_json_init(&json, text);
    ggx_status status = st_json_next(&json, &token, r->index_member, 0, error);
    if (status == GGX_OK && token.kind != GGX_JSON_OBJECT) return refuse(r, &token, error, "it must be an object");
    for (;;) {
        if (status == GGX_OK) status = st_json_next(&json, &token, r->index_member, 0, error);
        if (status != GGX_OK || token.kind != GGX_JSON_KEY) break;
        int map = name_is(token.text, "weight_map");
        if (map && seen++) return refuse(r, &token, error, "weight_map is given twice");
        status = st_json_next(&json, &token, r->index_member, 0, error);
        if (status == GGX_OK && map && token.kind != GGX_JSON_OBJECT)
            return refuse(r, &token, error, "weight_map must be an object");
        if (status == GGX_OK)
            status = map ? read_map(r, &json, &token, error) : st_json_skip(&json, &token, r->index_member, 0, error);
    }
    if (status == GGX_OK) status = st_json_next(&json, &token, r->index_member, 0, error);
    if (status == GGX_OK && (!seen || !r->map_count))
        return refuse(r, &token, error, "there is no weight_map with tensors in it");
    return status;
}

/* Gives every distinct file name of the map, in sorted order, its member. */
static ggx_status open_shards(st_reader *r, ggx_error *error)
{
    uint32_t count = 0;
    qsort(r->map, (size_t)r->map_count, sizeof *r->map, by_file);
    for (uint64_t i = 0; i < r->map_count; i++) {
        count += !i || compare_strings(r->map[i - 1].file_name, r->map[i].file_name) != 0;
        r->map[i].file = count - 1;
    }
    ggx_status status = alloc_files(r, count, error);
    for (uint64_t i = 0; status == GGX_OK && i < r->map_count; i++) {
        if (i && r->map[i].file == r->map[i - 1].file) continue;
        status = r->source->find(r->source, r->map[i].file_name, &r->files[r->map[i].file].member, error);
        if (status == GGX_E_NOTFOUND)
            return ggx_fail_at(error, status, r->index_member, r->map[i].place,
                               "the index names %.*s, which is not beside it; all shards are needed",
                               GGX_STR_ARGS(r->map[i].file_name));
    }
    return status;
}

static ggx_status read_index(st_reader *r, uint32_t member, ggx_error *error)
{
    ggx_member m;
    ggx_str text;
    memset(&m, 0, sizeof m);
    m.struct_size = sizeof m;
    r->index_member = member;
    ggx_status status = r->source->member(r->source, member, &m, error);
    if (status == GGX_OK && m.size > ST_MAX_HEADER)
        return ggx_fail_at(error, GGX_E_MALFORMED, member, 0, "the index has %llu bytes; this reader allows 100000000",
                           (unsigned long long)m.size);
    if (status == GGX_OK) status = st_text_load(r, member, 0, m.size, &text, error);
    if (status == GGX_OK) status = walk_index(r, text, error);
    if (status != GGX_OK) return status;
    r->map = r->host->alloc(r->host, r->map_count * sizeof *r->map);
    if (!r->map)
        return ggx_fail_at(error, GGX_E_NOMEM, member, 0,
                           "an index of %llu tensors does not fit into this reader's memory",
                           (unsigned long long)r->map_count);
    status = walk_index(r, text, error);
    if (status == GGX_OK) status = open_shards(r, error);
    if (status != GGX_OK) return status;
    qsort(r->map, (size_t)r->map_count, sizeof *r->map, by_name);
    for (uint64_t i = 1; i < r->map_count; i++)
        if (!compare_strings(r->map[i - 1].name, r->map[i].name))
            return ggx_fail_at(error, GGX_E_MALFORMED, member, r->map[i].place, "the index names tensor '%.*s' twice",
                               GGX_STR_ARGS(r->map[i].name));
    return GGX_OK;
}

/* ---- a folder -------------------------------------------------------------------------------------------------------------- */

/* What the top level of a folder holds. */
typedef struct folder {
    uint32_t index_count, file_count;
    uint32_t index, file;           /* the members to take: those with the main name, else the first */
    uint32_t main_index, main_file; /* 1: `index`, `file` have the main name */
} folder;

static int is_shard(ggx_str name)
{
    return st_name_ends(name, ".safetensors") && !memchr(name.data, '/', (size_t)name.size);
}

static ggx_status look_around(st_reader *r, folder *f, ggx_error *error)
{
    memset(f, 0, sizeof *f);
    for (uint32_t i = 0; i < r->source->count(r->source); i++) {
        ggx_member m;
        memset(&m, 0, sizeof m);
        m.struct_size = sizeof m;
        ggx_status status = r->source->member(r->source, i, &m, error);
        if (status != GGX_OK) return status;
        if (memchr(m.name.data, '/', (size_t)m.name.size)) continue;
        if (st_name_ends(m.name, ".safetensors.index.json")) {
            if (name_is(m.name, MAIN_INDEX)) f->main_index = 1;
            if (!f->index_count++ || name_is(m.name, MAIN_INDEX)) f->index = i;
        } else if (is_shard(m.name)) {
            if (name_is(m.name, MAIN_FILE)) f->main_file = 1;
            if (!f->file_count++ || name_is(m.name, MAIN_FILE)) f->file = i;
        }
    }
    return GGX_OK;
}

static ggx_status take_all(st_reader *r, uint32_t count, ggx_error *error)
{
    ggx_status status = alloc_files(r, count, error);
    uint32_t n = 0;
    for (uint32_t i = 0; status == GGX_OK && n < count && i < r->source->count(r->source); i++) {
        ggx_member m;
        memset(&m, 0, sizeof m);
        m.struct_size = sizeof m;
        status = r->source->member(r->source, i, &m, error);
        if (status == GGX_OK && is_shard(m.name)) r->files[n++].member = i;
    }
    return status;
}

static ggx_status take_one(st_reader *r, uint32_t member, ggx_error *error)
{
    ggx_status status = alloc_files(r, 1, error);
    if (status == GGX_OK) r->files[0].member = member;
    return status;
}

static ggx_status find_in_folder(st_reader *r, ggx_error *error)
{
    folder f;
    ggx_status status = look_around(r, &f, error);
    if (status != GGX_OK) return status;
    if (f.main_index || (f.index_count == 1 && !f.main_file)) return read_index(r, f.index, error);
    if (f.main_file || f.file_count == 1) return take_one(r, f.file, error);
    if (f.index_count > 1)
        return ggx_fail(error, GGX_E_USAGE,
                        "the folder holds %u indexes and none is " MAIN_INDEX "; name the one to read", f.index_count);
    if (!f.file_count) return ggx_fail(error, GGX_E_NOTFOUND, "the folder holds no .safetensors file at its top");
    return take_all(r, f.file_count, error);
}

ggx_status st_shards_find(st_reader *r, ggx_error *error)
{
    ggx_member m;
    memset(&m, 0, sizeof m);
    m.struct_size = sizeof m;
    r->index_member = GGX_NO_MEMBER;
    if (r->source->kind != GGX_SOURCE_FILE) return find_in_folder(r, error);
    ggx_status status = r->source->member(r->source, 0, &m, error);
    if (status != GGX_OK) return status;
    return st_name_ends(m.name, ".json") ? read_index(r, 0, error) : take_one(r, 0, error);
}

/* ---- all together ---------------------------------------------------------------------------------------------------------- */

static ggx_status check_tensor(st_reader *r, uint32_t file, st_tensor *t, ggx_error *error)
{
    if (r->map) {
        st_entry key = {.name = t->name};
        st_entry *entry = bsearch(&key, r->map, (size_t)r->map_count, sizeof *r->map, by_name);
        t->dropped = !entry || entry->file != file;
        if (t->dropped) return GGX_OK;
        entry->found = 1;
    }
    ggx_status status = ggx_names_add(&r->tensors, t->name, "tensor", NULL, error);
    if (status == GGX_E_MALFORMED && error) {
        error->member = r->files[file].member;
        error->offset = t->place;
    }
    return status;
}

ggx_status st_shards_check(st_reader *r, ggx_error *error)
{
    uint64_t dropped = 0;
    ggx_names_init(&r->tensors, r->host);
    for (uint32_t i = 0; i < r->file_count; i++) {
        for (uint64_t k = 0; k < r->files[i].tensor_count; k++) {
            ggx_status status = check_tensor(r, i, &r->files[i].tensors[k], error);
            if (status != GGX_OK) return status;
            dropped += r->files[i].tensors[k].dropped;
        }
    }
    for (uint64_t i = 0; i < r->map_count; i++)
        if (!r->map[i].found)
            return ggx_fail_at(
                error, GGX_E_MALFORMED, r->index_member, r->map[i].place,
                "the index says that %.*s holds tensor '%.*s', but it does not; the files belong to different models",
                GGX_STR_ARGS(r->map[i].file_name), GGX_STR_ARGS(r->map[i].name));
    if (dropped) {
        char text[128];
        snprintf(text, sizeof text, "%llu tensors of the shards are not where the index says, and left out",
                 (unsigned long long)dropped);
        r->host->log(r->host, GGX_LOG_WARNING, text);
    }
    return GGX_OK;
}
