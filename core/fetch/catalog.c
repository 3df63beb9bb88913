/* Reading catalogues. */
#include "fetch/catalog.h"

#include "base/json.h"
#include "fetch/hub.h"
#include "hash/files.h"
#include "hash/hash.h"
#include <dirent.h>
#include <ggx_sdk/error.h>
#include <stdlib.h>

#define CATALOG_BYTES (1u << 20)

static int is_catalog(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && ggx_str_ends(ggx_str_of(entry->d_name), GGX_LIT(".json"));
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* A name may hold one '*'; what it stands for replaces the one in `from`. */
static const char *fill_in(ggx_arena *arena, const char *pattern, const char *name, const char *from)
{
    const char *star = strchr(pattern, '*'), *hole = strchr(from, '*');
    if (!star || !hole) return from;
    const size_t before = (size_t)(star - pattern), after = strlen(star + 1);
    const int size = (int)(strlen(name) - before - after);
    return ggx_arena_format(arena, "%.*s%.*s%s", (int)(hole - from), from, size, name + before, hole + 1).data;
}

static ggx_status refuse(const char *file, const ggx_json *at, const char *expected, ggx_error *error)
{
    return ggx_fail(error, GGX_E_MALFORMED, "%.120s:%u:%u: expected %s", file, at->line, at->column, expected);
}

static ggx_status read_files(const char *file, const ggx_json *list, ggx_arena *arena, ggx_catalog_entry *out,
                             ggx_error *error)
{
    if (list->kind != GGX_JSON_ARRAY || !list->count || list->count > GGX_CATALOG_FILES)
        return refuse(file, list, "a list of names of files", error);
    out->files = ggx_arena_array(arena, list->count, sizeof *out->files);
    if (!out->files) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    for (const ggx_json *e = list->first; e; e = e->next) {
        if (e->kind != GGX_JSON_STRING || !ggx_hub_is_plain_path(e->text))
            return refuse(file, e, "the name of a file", error);
        out->files[out->file_count++] = e->text.data;
    }
    return GGX_OK;
}

static ggx_status read_digest(const char *file, const ggx_json *entry, ggx_catalog_entry *out, ggx_error *error)
{
    static const uint32_t kinds[] = {GGX_HASH_SHA256, GGX_HASH_SHA1};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const ggx_json *digest = ggx_json_get(entry, ggx_hash_name(kinds[i]));
        if (!digest || out->known) continue;
        if (digest->kind != GGX_JSON_STRING || !ggx_hash_parse(digest->text, out->digest, ggx_hash_size(kinds[i])))
            return refuse(file, digest, "a digest in hexadecimal", error);
        out->hash = kinds[i];
        out->known = 1;
    }
    return GGX_OK;
}

static ggx_status read_entry(const char *file, const ggx_json *entry, const char *name, ggx_arena *arena,
                             ggx_catalog_entry *out, ggx_error *error)
{
    const ggx_json *files = ggx_json_get(entry, "files");
    const char *from = ggx_json_string(entry, "from", "");
    memset(out, 0, sizeof *out);
    if (!ggx_hub_is_name(from)) return refuse(file, entry, "\"from\" with hf://… or https://…", error);
    if (files && (!strncmp(from, "hf://", 5) || from[strlen(from) - 1] != '/'))
        return refuse(file, files, "\"from\" to be an address that ends in '/', since there are files", error);
    out->from = fill_in(arena, entry->key.data, name, from);
    if (!out->from) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    ggx_status status = files ? read_files(file, files, arena, out, error) : GGX_OK;
    return status == GGX_OK && !files ? read_digest(file, entry, out, error) : status;
}

static ggx_status search(const char *file, const char *name, ggx_arena *arena, ggx_catalog_entry *out, ggx_error *error)
{
    ggx_str text;
    ggx_json *catalog;
    ggx_status status = ggx_read_whole(arena, file, CATALOG_BYTES, &text, error);
    if (status == GGX_OK) status = ggx_json_parse(arena, text, file, &catalog, error);
    if (status != GGX_OK) return status;
    const ggx_json *models = ggx_json_get(catalog, "models");
    if (!models || models->kind != GGX_JSON_OBJECT) return refuse(file, catalog, "an object \"models\"", error);
    for (const ggx_json *e = models->first; e; e = e->next)
        if (ggx_str_glob(ggx_str_of(name), e->key)) return read_entry(file, e, name, arena, out, error);
    return GGX_E_NOTFOUND;
}

ggx_status ggx_catalog_find(const char *directory, const char *name, ggx_arena *arena, ggx_catalog_entry *out,
                            ggx_error *error)
{
    struct dirent **entries = NULL;
    ggx_status status = GGX_E_NOTFOUND;
    const int n = ggx_hub_is_plain(ggx_str_of(name)) ? scandir(directory, &entries, is_catalog, by_name) : 0;
    for (int i = 0; i < n; i++) {
        const char *file =
            status == GGX_E_NOTFOUND ? ggx_arena_format(arena, "%s/%s", directory, entries[i]->d_name).data : NULL;
        if (file) status = search(file, name, arena, out, error);
        free(entries[i]);
    }
    free(entries);
    if (status != GGX_E_NOTFOUND) return status;
    return ggx_fail(error, status, "%.120s: no file, no hf:// or https:// name, and not in the catalogue %.200s", name,
                    directory);
}
