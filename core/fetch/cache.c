/* The caches as lists. */
#include "fetch/cache.h"

#include "base/text.h"
#include "commit/files.h"
#include "fetch/lock.h"
#include "fetch/partial.h"
#include "hash/hash.h"
#include <dirent.h>
#include <errno.h>
#include <ggx_sdk/error.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENTRIES_MAX 65536u
#define PREFIX "models--"
#define SHA256_TEXT 64
#define GIT_TEXT 40

static ggx_status no_memory(ggx_error *error)
{
    return ggx_fail(error, GGX_E_NOMEM, "out of memory");
}

ggx_status ggx_cache_walk(ggx_arena *arena, const char *path, int levels, ggx_cache_visit *each, void *context,
                          ggx_error *error)
{
    ggx_status status = GGX_OK;
    struct dirent *entry;
    DIR *directory = opendir(path);
    if (!directory) return errno == ENOENT ? GGX_OK : ggx_fail_errno(error, errno, "open", path);
    while (status == GGX_OK && (entry = readdir(directory))) {
        struct stat st;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        const char *below = ggx_arena_format(arena, "%s/%s", path, entry->d_name).data;
        if (!below) status = no_memory(error);
        if (!below || lstat(below, &st) != 0) continue;
        if (S_ISDIR(st.st_mode) && levels > 0) status = ggx_cache_walk(arena, below, levels - 1, each, context, error);
        if (status == GGX_OK) status = each(context, below, &st, error);
    }
    closedir(directory);
    return status;
}

/* --- listing ------------------------------------------------------------------------------------------------------------------------ */

static ggx_status weigh(void *context, const char *path, const struct stat *st, ggx_error *error)
{
    ggx_cached *entry = context;
    (void)error;
    if (!S_ISREG(st->st_mode) || strstr(path, "/refs/")) return GGX_OK;
    if (ggx_str_ends(ggx_str_of(path), GGX_LIT(".ggx-part")) ||
        ggx_str_ends(ggx_str_of(path), GGX_LIT(".incomplete"))) {
        entry->unfinished += (uint64_t)st->st_size;
        return GGX_OK;
    }
    if (strrchr(path, '/')[1] == '.') return GGX_OK; /* journals, locks */
    entry->files++;
    entry->bytes += (uint64_t)st->st_size;
    if (!entry->name) entry->name = strrchr(path, '/') + 1;
    return GGX_OK;
}

/* models--ORG--REPO → hf://ORG/REPO */
static const char *name_of(ggx_arena *arena, const char *folder)
{
    ggx_text text = {0};
    ggx_text_format(&text, "hf://");
    int slashes = 0;
    for (const char *c = folder + strlen(PREFIX); *c; c++) {
        const int slash = !slashes && c[0] == '-' && c[1] == '-';
        ggx_text_bytes(&text, slash ? "/" : c, 1);
        slashes += slash;
        c += slash;
    }
    const char *out = text.failed ? NULL : ggx_arena_str(arena, (ggx_str){text.data, text.size}).data;
    ggx_text_free(&text);
    return out;
}

static int is_ours(const char *name)
{
    return strlen(name) == 32 && strspn(name, "0123456789abcdef") == 32;
}

static ggx_status add_entry(ggx_cache *cache, ggx_arena *arena, const char *top, const char *name, int hub,
                            ggx_error *error)
{
    ggx_cached *entry = &cache->entries[cache->count];
    *entry = (ggx_cached){.folder = ggx_arena_format(arena, "%s/%s", top, name).data};
    if (hub) entry->name = name_of(arena, name);
    if (!entry->folder || (hub && !entry->name)) return no_memory(error);
    ggx_status status = ggx_cache_walk(arena, entry->folder, GGX_CACHE_LEVELS, weigh, entry, error);
    if (!entry->name) entry->name = name;
    cache->count++;
    return status;
}

static ggx_status list_top(ggx_cache *cache, ggx_arena *arena, const char *top, int hub, ggx_error *error)
{
    ggx_status status = GGX_OK;
    struct dirent *entry;
    DIR *directory = opendir(top);
    if (!directory) return errno == ENOENT ? GGX_OK : ggx_fail_errno(error, errno, "open", top);
    while (status == GGX_OK && cache->count < ENTRIES_MAX && (entry = readdir(directory)))
        if (hub ? !strncmp(entry->d_name, PREFIX, strlen(PREFIX)) : is_ours(entry->d_name))
            status = add_entry(cache, arena, top, entry->d_name, hub, error);
    closedir(directory);
    return status;
}

static int by_name(const void *a, const void *b)
{
    const ggx_cached *x = a, *y = b;
    const int order = strcmp(x->name, y->name);
    return order ? order : strcmp(x->folder, y->folder);
}

ggx_status ggx_cache_list(ggx_cache *cache, ggx_arena *arena, ggx_error *error)
{
    const char *hub = ggx_cache_hub(arena, error), *files = hub ? ggx_cache_files(arena, error) : NULL;
    cache->count = 0;
    if (!files) return error->status;
    cache->entries = ggx_arena_array(arena, ENTRIES_MAX, sizeof *cache->entries);
    if (!cache->entries) return no_memory(error);
    ggx_status status = list_top(cache, arena, hub, 1, error);
    if (status == GGX_OK) status = list_top(cache, arena, files, 0, error);
    if (cache->count) qsort(cache->entries, cache->count, sizeof *cache->entries, by_name);
    return status;
}

/* --- checking ----------------------------------------------------------------------------------------------------------------------- */

typedef struct checking {
    const ggx_run *run;
    void (*report)(void *context, const char *path, int good);
    void *context;
} checking;

static ggx_status check_blob(void *context, const char *path, const struct stat *st, ggx_error *error)
{
    const checking *c = context;
    const char *name = strrchr(path, '/') + 1;
    const size_t size = strlen(name);
    ggx_hub_file file = {.name = ggx_str_of(name), .remote.size = (uint64_t)st->st_size, .known = 1};
    file.hash = size == SHA256_TEXT ? GGX_HASH_SHA256 : GGX_HASH_GIT;
    if (!S_ISREG(st->st_mode) || (size != SHA256_TEXT && size != GIT_TEXT)) return GGX_OK;
    if (!ggx_hash_parse(file.name, file.digest, ggx_hash_size(file.hash))) return GGX_OK;
    ggx_status status = ggx_partial_check(&file, path, c->run, NULL, error);
    if (status != GGX_OK && status != GGX_E_INTEGRITY) return status;
    c->report(c->context, path, status == GGX_OK);
    return GGX_OK;
}

ggx_status ggx_cache_check(const ggx_cached *entry, ggx_arena *arena, const ggx_run *run,
                           void (*report)(void *context, const char *path, int good), void *context, ggx_error *error)
{
    checking c = {run, report, context};
    const char *blobs = ggx_arena_format(arena, "%s/blobs", entry->folder).data;
    return blobs ? ggx_cache_walk(arena, blobs, 0, check_blob, &c, error) : no_memory(error);
}

/* --- removing ----------------------------------------------------------------------------------------------------------------------- */

ggx_status ggx_cache_remove_one(void *context, const char *path, const struct stat *st, ggx_error *error)
{
    (void)context;
    if ((S_ISDIR(st->st_mode) ? rmdir(path) : unlink(path)) == 0 || errno == ENOENT) return GGX_OK;
    return ggx_fail_errno(error, errno, "remove", path);
}

ggx_status ggx_cache_remove(const ggx_cached *entry, ggx_arena *arena, ggx_error *error)
{
    const int held = ggx_lock_folder(entry->folder, 0);
    if (held == -2)
        return ggx_fail(error, GGX_E_DENIED, "%.150s is left out: a download is at work on it; remove it afterwards",
                        entry->name);
    ggx_status status = ggx_cache_walk(arena, entry->folder, GGX_CACHE_LEVELS, ggx_cache_remove_one, NULL, error);
    if (status == GGX_OK && rmdir(entry->folder) != 0 && errno != ENOENT)
        status = ggx_fail_errno(error, errno, "remove", entry->folder);
    if (held >= 0) close(held);
    return status;
}
