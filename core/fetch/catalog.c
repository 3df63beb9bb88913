/* Reading catalogues. */
#include "fetch/catalog.h"

#include "base/json.h"
#include "base/text.h"
#include "hash/files.h"
#include "hash/hash.h"
#include <dirent.h>
#include <ggx_sdk/error.h>
#include <stdlib.h>
#include <sys/stat.h>

#define CATALOG_BYTES (1u << 20)
#define ALIASES_MAX 8

typedef struct reading {
    ggx_arena *arena;
    const char *file;         /* the catalogue */
    const ggx_json *models;   /* its entries */
    const char *name;         /* wanted, or NULL: all */
    ggx_catalog_entry *out;   /* the one, or a list … */
    uint32_t count, capacity; /* … of so many */
    ggx_error *error;
} reading;

static ggx_status no_memory(ggx_error *error)
{
    return ggx_fail(error, GGX_E_NOMEM, "out of memory");
}

/* --- places ------------------------------------------------------------------------------------------------------------------------- */

ggx_status ggx_catalog_add(ggx_catalog *catalog, const char *list, ggx_arena *arena, ggx_error *error)
{
    for (const char *at = list; at && *at;) {
        const size_t size = strcspn(at, ":");
        if (size && catalog->count == GGX_CATALOG_PLACES)
            return ggx_fail(error, GGX_E_USAGE, "more than %u catalogues", GGX_CATALOG_PLACES);
        if (size && !(catalog->places[catalog->count++] = ggx_arena_str(arena, (ggx_str){at, size}).data))
            return no_memory(error);
        at += size + (at[size] == ':');
    }
    return GGX_OK;
}

static int is_catalog(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && ggx_str_ends(ggx_str_of(entry->d_name), GGX_LIT(".json"));
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* --- one entry ---------------------------------------------------------------------------------------------------------------------- */

/* A name may hold one '*'; what it stands for replaces the one in `from`. */
static const char *fill_in(ggx_arena *arena, const char *pattern, const char *name, const char *from)
{
    const char *star = strchr(pattern, '*'), *hole = strchr(from, '*');
    if (!star || !hole) return from;
    const size_t before = (size_t)(star - pattern), after = strlen(star + 1);
    const int size = (int)(strlen(name) - before - after);
    return ggx_arena_format(arena, "%.*s%.*s%s", (int)(hole - from), from, size, name + before, hole + 1).data;
}

static ggx_status refuse(const reading *r, const ggx_json *at, const char *expected)
{
    return ggx_fail(r->error, GGX_E_MALFORMED, "%.120s:%u:%u: expected %s", r->file, at->line, at->column, expected);
}

/* A slip in a word would drop a digest in silence. */
static ggx_status check_words(const reading *r, const ggx_json *object, const char *words)
{
    for (const ggx_json *e = object->first; e; e = e->next) {
        const char *at = strstr(words, e->key.data);
        if (!at || !e->key.size || (at != words && at[-1] != ' ') || (at[e->key.size] && at[e->key.size] != ' '))
            return ggx_fail(r->error, GGX_E_MALFORMED, "%.120s:%u:%u: '%.40s' is no word of a catalogue; there are %s",
                            r->file, e->key_line, e->key_column, e->key.data, words);
    }
    return GGX_OK;
}

static ggx_status read_number(const reading *r, const ggx_json *object, const char *key, uint64_t *out)
{
    const ggx_json *number = ggx_json_get(object, key);
    if (!number) return GGX_OK;
    if (number->kind != GGX_JSON_INT || number->integer < 1) return refuse(r, number, "a number of bytes");
    *out = (uint64_t)number->integer;
    return GGX_OK;
}

static ggx_status read_text(const reading *r, const ggx_json *object, const char *key, const char **out)
{
    const ggx_json *text = ggx_json_get(object, key);
    if (!text) return GGX_OK;
    if (text->kind != GGX_JSON_STRING) return refuse(r, text, "a text");
    *out = text->text.data;
    return GGX_OK;
}

/* Size and digest of one file. */
static ggx_status read_facts(const reading *r, const ggx_json *object, ggx_catalog_file *out)
{
    static const uint32_t kinds[] = {GGX_HASH_SHA256, GGX_HASH_SHA1};
    ggx_status status = read_number(r, object, "bytes", &out->bytes);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && status == GGX_OK; i++) {
        const ggx_json *digest = ggx_json_get(object, ggx_hash_name(kinds[i]));
        if (!digest || out->known) continue;
        if (digest->kind != GGX_JSON_STRING || !ggx_hash_parse(digest->text, out->digest, ggx_hash_size(kinds[i])))
            return refuse(r, digest, "a digest in hexadecimal");
        out->hash = kinds[i];
        out->known = 1;
    }
    return status;
}

static ggx_status read_file(const reading *r, const ggx_json *value, const char *from, ggx_catalog_file *out)
{
    const int object = value->kind == GGX_JSON_OBJECT;
    const ggx_json *name = object ? ggx_json_get(value, "name") : value;
    ggx_status status = object ? check_words(r, value, "name from bytes sha256 sha1") : GGX_OK;
    if (status != GGX_OK) return status;
    if (!name || name->kind != GGX_JSON_STRING || !ggx_hub_is_plain_path(name->text))
        return refuse(r, value, "the name of a file");
    out->name = name->text.data;
    if (object) status = read_text(r, value, "from", &out->url);
    if (status == GGX_OK && out->url && (!ggx_hub_is_name(out->url) || !strncmp(out->url, "hf://", 5)))
        return refuse(r, value, "\"from\" of a file with https://…");
    if (!out->url) out->url = ggx_arena_format(r->arena, "%s%s", from, out->name).data;
    if (!out->url) return no_memory(r->error);
    return status == GGX_OK && object ? read_facts(r, value, out) : status;
}

static ggx_status read_files(const reading *r, const ggx_json *list, ggx_catalog_entry *out)
{
    ggx_status status = GGX_OK;
    if (list->kind != GGX_JSON_ARRAY || !list->count || list->count > GGX_CATALOG_FILES)
        return refuse(r, list, "a list of files");
    if (!strncmp(out->from, "hf://", 5) || out->from[strlen(out->from) - 1] != '/')
        return refuse(r, list, "\"from\" to be an address that ends in '/', since there are files");
    out->folder = 1;
    out->files = ggx_arena_array(r->arena, list->count, sizeof *out->files);
    if (!out->files) return no_memory(r->error);
    for (const ggx_json *e = list->first; e && status == GGX_OK; e = e->next)
        status = read_file(r, e, out->from, &out->files[out->file_count++]);
    for (uint32_t i = 0; status == GGX_OK && out->model; i++) {
        if (i == out->file_count) return refuse(r, list, "\"model\" to be one of the files");
        if (!strcmp(out->files[i].name, out->model)) break;
    }
    return status;
}

/* The entry itself, or the one that it is another name of. */
static ggx_status follow(const reading *r, const ggx_json **entry)
{
    for (int i = 0; i < ALIASES_MAX; i++) {
        const ggx_json *same = ggx_json_get(*entry, "same");
        if (!same) return GGX_OK;
        ggx_status status = check_words(r, *entry, "same about");
        if (status != GGX_OK) return status;
        const ggx_json *other = same->kind == GGX_JSON_STRING ? ggx_json_get_str(r->models, same->text) : NULL;
        if (!other) return refuse(r, same, "another name in this file");
        *entry = other;
    }
    return refuse(r, *entry, "an entry that is not another name of itself");
}

static ggx_status read_entry(const reading *r, const ggx_json *entry, const char *name, ggx_catalog_entry *out)
{
    const char *about = NULL, *pattern = entry->key.data;
    memset(out, 0, sizeof *out);
    out->name = name;
    ggx_status status = entry->kind == GGX_JSON_OBJECT ? GGX_OK : refuse(r, entry, "an object");
    if (status == GGX_OK) status = read_text(r, entry, "about", &about);
    if (status == GGX_OK) status = follow(r, &entry);
    if (status == GGX_OK) status = check_words(r, entry, "about from files model bytes sha256 sha1 recipe memory");
    if (status != GGX_OK) return status;
    out->about = about ? about : ggx_json_string(entry, "about", "");
    out->from = ggx_json_string(entry, "from", "");
    if (!ggx_hub_is_name(out->from)) return refuse(r, entry, "\"from\" with hf://… or https://…");
    out->from = fill_in(r->arena, pattern, name, out->from);
    if (!out->from) return no_memory(r->error);
    status = read_text(r, entry, "recipe", &out->recipe);
    if (status == GGX_OK) status = read_text(r, entry, "model", &out->model);
    if (status == GGX_OK) status = read_number(r, entry, "memory", &out->memory);
    if (status != GGX_OK) return status;
    const ggx_json *files = ggx_json_get(entry, "files");
    if (files) return read_files(r, files, out);
    out->files = ggx_arena_array(r->arena, 1, sizeof *out->files);
    if (!out->files) return no_memory(r->error);
    out->file_count = 1;
    out->files->name = out->files->url = out->from;
    return read_facts(r, entry, out->files);
}

/* --- all of them -------------------------------------------------------------------------------------------------------------------- */

static ggx_status add_entry(reading *r, const ggx_json *entry)
{
    if (r->count == r->capacity) {
        const uint32_t capacity = r->capacity ? 2 * r->capacity : 64;
        ggx_catalog_entry *grown = ggx_arena_array(r->arena, capacity, sizeof *grown);
        if (!grown) return no_memory(r->error);
        if (r->count) memcpy(grown, r->out, r->count * sizeof *grown);
        r->out = grown;
        r->capacity = capacity;
    }
    return read_entry(r, entry, entry->key.data, &r->out[r->count++]);
}

/* GGX_E_NOTFOUND without a text: go on with the next file. */
static ggx_status search(reading *r)
{
    ggx_str text;
    ggx_json *catalog;
    ggx_status status = ggx_read_whole(r->arena, r->file, CATALOG_BYTES, &text, r->error);
    if (status == GGX_OK) status = ggx_json_parse(r->arena, text, r->file, &catalog, r->error);
    if (status != GGX_OK) return status == GGX_E_NOTFOUND ? GGX_E_IO : status;
    r->models = ggx_json_get(catalog, "models");
    if (!r->models || r->models->kind != GGX_JSON_OBJECT) return refuse(r, catalog, "an object \"models\"");
    for (const ggx_json *e = r->models->first; e && status == GGX_OK; e = e->next)
        if (!r->name)
            status = add_entry(r, e);
        else if (ggx_str_glob(ggx_str_of(r->name), e->key))
            return read_entry(r, e, r->name, r->out);
    return status == GGX_OK ? GGX_E_NOTFOUND : status;
}

static ggx_status search_place(reading *r, const char *place)
{
    struct dirent **entries = NULL;
    struct stat st;
    ggx_status status = GGX_E_NOTFOUND;
    r->file = place;
    if (stat(place, &st) == 0 && S_ISREG(st.st_mode)) return search(r);
    const int n = scandir(place, &entries, is_catalog, by_name);
    for (int i = 0; i < n; i++) {
        r->file = status == GGX_E_NOTFOUND ? ggx_arena_format(r->arena, "%s/%s", place, entries[i]->d_name).data : NULL;
        if (r->file) status = search(r);
        free(entries[i]);
    }
    free(entries);
    return status;
}

ggx_status ggx_catalog_find(const ggx_catalog *catalog, const char *name, ggx_arena *arena, ggx_catalog_entry *out,
                            ggx_error *error)
{
    reading r = {.arena = arena, .name = name, .out = out, .error = error};
    ggx_status status = GGX_E_NOTFOUND;
    const uint32_t count = ggx_hub_is_plain(ggx_str_of(name)) ? catalog->count : 0;
    for (uint32_t i = 0; i < count && status == GGX_E_NOTFOUND; i++) status = search_place(&r, catalog->places[i]);
    if (status != GGX_E_NOTFOUND) return status;
    return ggx_fail(error, status, "%.120s: no file, no hf:// or https:// name, and not in the catalogue %.200s", name,
                    catalog->count ? catalog->places[catalog->count - 1] : "");
}

ggx_status ggx_catalog_list(const ggx_catalog *catalog, ggx_arena *arena, ggx_catalog_entry **out, uint32_t *count,
                            ggx_error *error)
{
    reading r = {.arena = arena, .error = error};
    ggx_status status = GGX_E_NOTFOUND;
    for (uint32_t i = 0; i < catalog->count && status == GGX_E_NOTFOUND; i++)
        status = search_place(&r, catalog->places[i]);
    *out = r.out;
    *count = r.count;
    return status == GGX_E_NOTFOUND ? GGX_OK : status;
}

/* --- what it stands for --------------------------------------------------------------------------------------------------------------- */

static ggx_status expect(const ggx_catalog_file *said, ggx_hub_file *file, ggx_error *error)
{
    const ggx_str name = file->name;
    if (said->bytes && said->bytes != file->remote.size)
        return ggx_fail(error, GGX_E_INTEGRITY, "%.*s has %llu bytes on the server, and %llu in the catalogue",
                        GGX_STR_ARGS(name), (unsigned long long)file->remote.size, (unsigned long long)said->bytes);
    if (!said->known) return GGX_OK;
    if (file->known && file->hash == said->hash && memcmp(file->digest, said->digest, ggx_hash_size(said->hash)) != 0)
        return ggx_fail(error, GGX_E_INTEGRITY, "%.*s: the hub publishes another %s than the catalogue has",
                        GGX_STR_ARGS(name), ggx_hash_name(said->hash));
    if (file->known && file->hash == said->hash) return GGX_OK;
    if (file->known) {
        file->also = 1;
        file->also_hash = said->hash;
        memcpy(file->also_digest, said->digest, sizeof file->also_digest);
        return GGX_OK;
    }
    file->known = file->remote.digested = 1;
    file->hash = said->hash;
    memcpy(file->digest, said->digest, sizeof file->digest);
    return GGX_OK;
}

ggx_status ggx_catalog_resolve(const ggx_catalog_entry *entry, ggx_hub *hub, ggx_range_client *client, ggx_arena *arena,
                               ggx_error *error)
{
    ggx_status status = GGX_OK;
    if (!entry->folder) {
        status = ggx_hub_resolve(hub, client, entry->from, arena, error);
        return status == GGX_OK ? expect(entry->files, hub->files, error) : status;
    }
    *hub = (ggx_hub){
        .directory = !entry->model, .together = 1, .name = entry->model ? entry->model : entry->name, .pin = ""};
    hub->files = ggx_arena_array(arena, entry->file_count, sizeof *hub->files);
    if (!hub->files) return no_memory(error);
    for (uint32_t i = 0; i < entry->file_count && status == GGX_OK; i++) {
        ggx_hub one;
        status = ggx_hub_resolve(&one, client, entry->files[i].url, arena, error);
        if (status != GGX_OK) break;
        hub->files[i] = one.files[0];
        hub->files[i].name = ggx_str_of(entry->files[i].name);
        hub->count++;
        status = expect(&entry->files[i], &hub->files[i], error);
    }
    ggx_hub_sort(hub);
    for (uint32_t i = 0; i < hub->count && entry->model; i++) { /* to the front, the others stay sorted */
        const ggx_hub_file first = hub->files[i];
        if (!ggx_str_same(first.name, ggx_str_of(entry->model))) continue;
        memmove(hub->files + 1, hub->files, i * sizeof first);
        hub->files[0] = first;
        break;
    }
    return status;
}
