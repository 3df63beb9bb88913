/* weight_map.c - the index of a checkpoint in several files: read twice, once to count, so that its list is allocated once. */
#include <ggx_sdk/error.h>
#include <ggx_sdk/json.h>
#include <ggx_sdk/weight_map.h>
#include <stdlib.h>

typedef struct walk {
    ggx_weight_map *map;
    ggx_json_parser json;
    ggx_json_token token;
    ggx_error *error;
} walk;

static int name_is(ggx_str name, const char *text)
{
    return name.size == strlen(text) && !memcmp(name.data, text, strlen(text));
}

static int name_ends(ggx_str name, const char *end)
{
    size_t n = strlen(end);
    return name.size > n && !memcmp(name.data + (name.size - n), end, n);
}

static int compare_strings(ggx_str a, ggx_str b)
{
    uint64_t n = a.size < b.size ? a.size : b.size;
    int order = n ? memcmp(a.data, b.data, (size_t)n) : 0;
    return order ? order : a.size < b.size ? -1 : a.size > b.size;
}

static int by_name(const void *left, const void *right)
{
    const ggx_weight *a = left, *b = right;
    return compare_strings(a->name, b->name);
}

static int by_file(const void *left, const void *right)
{
    const ggx_weight *a = left, *b = right;
    int order = compare_strings(a->file_name, b->file_name);
    return order ? order : compare_strings(a->name, b->name);
}

/* ---- JSON ------------------------------------------------------------------------------------------------------------------ */

static ggx_status refuse(const walk *w, const char *what)
{
    return ggx_fail_at(w->error, GGX_E_MALFORMED, w->map->member, w->token.offset, "in the index, line %u: %s",
                       w->token.line, what);
}

static ggx_status next(walk *w)
{
    ggx_status status = ggx_json_next(&w->json, &w->token, w->error);
    if (status != GGX_OK && w->error) w->error->member = w->map->member;
    return status;
}

static ggx_status skip(walk *w)
{
    ggx_status status = GGX_OK;
    if (w->token.kind != GGX_JSON_OBJECT && w->token.kind != GGX_JSON_ARRAY) return GGX_OK;
    for (uint32_t depth = w->json.depth; status == GGX_OK && w->json.depth >= depth;) status = next(w);
    return status;
}

/* The token's string, escapes resolved. */
static ggx_status keep(walk *w, ggx_str *out)
{
    *out = w->token.text;
    if (!w->token.escaped) return GGX_OK;
    char *copy = w->map->host->alloc(w->map->host, w->token.text.size);
    if (!copy)
        return ggx_fail(w->error, GGX_E_NOMEM, "no memory for a name of %llu bytes", (unsigned long long)out->size);
    out->size = ggx_json_unescape(&w->token, copy);
    out->data = copy;
    return GGX_OK;
}

/* weight_map after its '{'. While map->weights is NULL it is only counted. */
static ggx_status walk_map(walk *w)
{
    ggx_weight_map *map = w->map;
    uint64_t count = 0;
    for (;;) {
        ggx_weight *entry = map->weights ? &map->weights[count] : NULL;
        ggx_status status = next(w);
        if (status != GGX_OK) return status;
        if (w->token.kind == GGX_JSON_OBJECT_END) break;
        if (entry) {
            entry->place = w->token.offset;
            status = keep(w, &entry->name);
        }
        if (status == GGX_OK) status = next(w);
        if (status == GGX_OK && w->token.kind != GGX_JSON_STRING)
            return refuse(w, "weight_map must hold a file name for every tensor");
        if (status == GGX_OK && entry) status = keep(w, &entry->file_name);
        if (status != GGX_OK) return status;
        if (++count % 4096 == 0 && map->host->canceled(map->host))
            return ggx_fail(w->error, GGX_E_CANCELED, "stopped while reading the index");
    }
    map->count = count;
    return GGX_OK;
}

static ggx_status walk_index(ggx_weight_map *map, ggx_str text, ggx_error *error)
{
    walk w = {.map = map, .error = error};
    int seen = 0;
    ggx_json_init(&w.json, text);
    ggx_status status = next(&w);
    if (status == GGX_OK && w.token.kind != GGX_JSON_OBJECT) return refuse(&w, "it must be an object");
    for (;;) {
        if (status == GGX_OK) status = next(&w);
        if (status != GGX_OK || w.token.kind != GGX_JSON_KEY) break;
        int is_map = name_is(w.token.text, "weight_map");
        if (is_map && seen++) return refuse(&w, "weight_map is given twice");
        status = next(&w);
        if (status == GGX_OK && is_map && w.token.kind != GGX_JSON_OBJECT)
            return refuse(&w, "weight_map must be an object");
        if (status == GGX_OK) status = is_map ? walk_map(&w) : skip(&w);
    }
    if (status == GGX_OK) status = next(&w);
    if (status == GGX_OK && (!seen || !map->count)) return refuse(&w, "there is no weight_map with tensors in it");
    return status;
}

/* ---- the map --------------------------------------------------------------------------------------------------------------- */

/* Gives every distinct file name, in sorted order, its member. */
static ggx_status find_files(ggx_weight_map *map, ggx_error *error)
{
    uint32_t count = 0;
    qsort(map->weights, (size_t)map->count, sizeof *map->weights, by_file);
    for (uint64_t i = 0; i < map->count; i++) {
        count += !i || compare_strings(map->weights[i - 1].file_name, map->weights[i].file_name) != 0;
        map->weights[i].file = count - 1;
    }
    map->files = map->host->alloc(map->host, count * sizeof *map->files);
    if (!map->files) return ggx_fail(error, GGX_E_NOMEM, "no memory for %u files", count);
    map->file_count = count;
    for (uint64_t i = 0; i < map->count; i++) {
        ggx_weight *first = &map->weights[i];
        if (i && first->file == first[-1].file) continue;
        ggx_status status = map->source->find(map->source, first->file_name, &map->files[first->file], error);
        if (status == GGX_E_NOTFOUND)
            return ggx_fail_at(error, status, map->member, first->place,
                               "the index names %.*s, which is not beside it; all shards are needed",
                               GGX_STR_ARGS(first->file_name));
        if (status != GGX_OK) return status;
    }
    return GGX_OK;
}

/* Copied, so that it stays the same in both passes whatever happens to the file. */
static ggx_status load_text(const ggx_weight_map *map, ggx_str *out, ggx_error *error)
{
    ggx_member m;
    memset(&m, 0, sizeof m);
    m.struct_size = sizeof m;
    ggx_status status = map->source->member(map->source, map->member, &m, error);
    if (status != GGX_OK) return status;
    if (m.size > GGX_WEIGHT_MAP_BYTES)
        return ggx_fail_at(error, GGX_E_MALFORMED, map->member, 0,
                           "the index has %llu bytes; this reader allows 100000000", (unsigned long long)m.size);
    char *copy = map->host->alloc(map->host, m.size);
    if (!copy)
        return ggx_fail_at(error, GGX_E_NOMEM, map->member, 0,
                           "an index of %llu bytes does not fit into this reader's memory", (unsigned long long)m.size);
    out->data = copy;
    out->size = m.size;
    return m.size ? map->source->read_at(map->source, map->member, 0, copy, m.size, error) : GGX_OK;
}

ggx_status ggx_weight_map_read(ggx_weight_map *map, const ggx_host *host, const ggx_source *source, uint32_t member,
                               ggx_error *error)
{
    ggx_str text = {NULL, 0};
    memset(map, 0, sizeof *map);
    map->host = host;
    map->source = source;
    map->member = member;
    ggx_status status = load_text(map, &text, error);
    if (status == GGX_OK) status = walk_index(map, text, error);
    if (status != GGX_OK) return status;
    map->weights = host->alloc(host, map->count * sizeof *map->weights);
    if (!map->weights)
        return ggx_fail_at(error, GGX_E_NOMEM, member, 0,
                           "an index of %llu tensors does not fit into this reader's memory",
                           (unsigned long long)map->count);
    status = walk_index(map, text, error);
    if (status == GGX_OK) status = find_files(map, error);
    if (status != GGX_OK) return status;
    qsort(map->weights, (size_t)map->count, sizeof *map->weights, by_name);
    for (uint64_t i = 1; i < map->count; i++)
        if (!compare_strings(map->weights[i - 1].name, map->weights[i].name))
            return ggx_fail_at(error, GGX_E_MALFORMED, member, map->weights[i].place,
                               "the index names tensor '%.*s' twice", GGX_STR_ARGS(map->weights[i].name));
    return GGX_OK;
}

int ggx_weight_map_take(ggx_weight_map *map, ggx_str name, uint32_t file)
{
    ggx_weight key = {.name = name};
    ggx_weight *entry = bsearch(&key, map->weights, (size_t)map->count, sizeof *map->weights, by_name);
    if (!entry || entry->file != file) return 0;
    entry->found = 1;
    return 1;
}

ggx_status ggx_weight_map_check(const ggx_weight_map *map, ggx_error *error)
{
    for (uint64_t i = 0; i < map->count; i++)
        if (!map->weights[i].found)
            return ggx_fail_at(
                error, GGX_E_MALFORMED, map->member, map->weights[i].place,
                "the index says that %.*s holds tensor '%.*s', but it does not; the files belong to different models",
                GGX_STR_ARGS(map->weights[i].file_name), GGX_STR_ARGS(map->weights[i].name));
    return GGX_OK;
}

/* ---- a folder -------------------------------------------------------------------------------------------------------------- */

int ggx_folder_is_file(const ggx_folder_names *names, ggx_str name)
{
    if (!name.size || memchr(name.data, '/', (size_t)name.size)) return 0;
    if (name_is(name, names->main_file)) return 1;
    for (uint32_t i = 0; i < names->file_end_count; i++)
        if (name_ends(name, names->file_ends[i])) return 1;
    return 0;
}

ggx_status ggx_folder_look(const ggx_source *source, const ggx_folder_names *names, ggx_folder *out, ggx_error *error)
{
    memset(out, 0, sizeof *out);
    for (uint32_t i = 0; i < source->count(source); i++) {
        ggx_member m;
        memset(&m, 0, sizeof m);
        m.struct_size = sizeof m;
        ggx_status status = source->member(source, i, &m, error);
        if (status != GGX_OK) return status;
        if (!m.name.size || memchr(m.name.data, '/', (size_t)m.name.size)) continue;
        if (name_ends(m.name, names->index_end)) {
            int is_main = name_is(m.name, names->main_index);
            if (!out->index_count++ || is_main) out->index = i;
            if (is_main) out->has_main_index = 1;
        } else if (ggx_folder_is_file(names, m.name)) {
            int is_main = name_is(m.name, names->main_file);
            if (!out->file_count++ || is_main) out->file = i;
            if (is_main) out->has_main_file = 1;
        }
    }
    return GGX_OK;
}
