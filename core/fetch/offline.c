/* The cache without a network. */
#include "fetch/offline.h"

#include "base/text.h"
#include "commit/files.h"
#include "fetch/cache.h"
#include "fetch/choose.h"
#include "fetch/partial.h"
#include "hash/files.h"
#include "hash/hash.h"
#include <ggx_sdk/error.h>
#include <unistd.h>

#define LIST_BYTES (32u << 20)
#define FILES_MAX 65536u
#define LINK_LONGEST 512
#define SIBLING_MOST (32u << 20) /* as fetch.c takes them */

typedef struct listing {
    const ggx_offline *offline;
    ggx_arena *arena;
    ggx_hub hub;
    uint32_t capacity;
} listing;

static ggx_status no_memory(ggx_error *error)
{
    return ggx_fail(error, GGX_E_NOMEM, "out of memory");
}

/* --- the list ------------------------------------------------------------------------------------------------------------------------ */

const char *ggx_offline_list(const char *folder, const char *commit, ggx_arena *arena)
{
    return ggx_arena_format(arena, "%s/.files-%s", folder, commit).data;
}

ggx_status ggx_offline_note(const char *folder, const char *commit, const ggx_hub *hub, ggx_arena *arena,
                            ggx_error *error)
{
    ggx_text text = {0};
    ggx_error ignored;
    const char *path = ggx_offline_list(folder, commit, arena);
    for (uint32_t i = 0; i < hub->count; i++) ggx_text_format(&text, "%s\n", hub->files[i].name.data);
    const int failed = !path || text.failed;
    if (!failed && access(path, F_OK) != 0) (void)ggx_write_file(path, (ggx_str){text.data, text.size}, &ignored);
    ggx_text_free(&text);
    return failed ? no_memory(error) : GGX_OK;
}

static ggx_status add(listing *l, ggx_str name, ggx_error *error)
{
    const ggx_str kept = ggx_arena_str(l->arena, name);
    if (!kept.data) return no_memory(error);
    if (l->hub.count == FILES_MAX)
        return ggx_fail(error, GGX_E_MALFORMED, "%.150s has more than %u files", l->offline->snapshot, FILES_MAX);
    if (l->hub.count == l->capacity) {
        const uint32_t capacity = l->capacity ? 2 * l->capacity : 64;
        ggx_hub_file *grown = ggx_arena_array(l->arena, capacity, sizeof *grown);
        if (!grown) return no_memory(error);
        if (l->capacity) memcpy(grown, l->hub.files, l->hub.count * sizeof *grown);
        l->hub.files = grown;
        l->capacity = capacity;
    }
    l->hub.files[l->hub.count++] = (ggx_hub_file){.name = kept};
    return GGX_OK;
}

static ggx_status add_seen(void *context, const char *path, const struct stat *st, ggx_error *error)
{
    listing *l = context;
    if (S_ISDIR(st->st_mode)) return GGX_OK;
    return add(l, ggx_str_of(path + strlen(l->offline->snapshot) + 1), error);
}

/* As it was noted; else what is there. */
static ggx_status list_files(listing *l, ggx_error *error)
{
    ggx_str text;
    ggx_status status = GGX_OK;
    const ggx_offline *o = l->offline;
    const char *path = ggx_offline_list(o->folder, o->commit, l->arena);
    if (!path) return no_memory(error);
    if (o->path.size || access(path, R_OK) != 0)
        return ggx_cache_walk(l->arena, o->snapshot, GGX_CACHE_LEVELS, add_seen, l, error);
    status = ggx_read_whole(l->arena, path, LIST_BYTES, &text, error);
    for (uint64_t at = 0; status == GGX_OK && at < text.size;) {
        const char *end = memchr(text.data + at, '\n', text.size - at);
        const uint64_t size = end ? (uint64_t)(end - text.data) - at : text.size - at;
        if (!ggx_hub_is_plain_path((ggx_str){text.data + at, size}))
            return ggx_fail(error, GGX_E_MALFORMED, "%.150s is damaged; remove it", path);
        status = add(l, (ggx_str){text.data + at, size}, error);
        at += size + 1;
    }
    return status;
}

/* --- the files ------------------------------------------------------------------------------------------------------------------------ */

static ggx_status check_file(const listing *l, const char *path, const struct stat *st, ggx_error *error)
{
    char target[LINK_LONGEST];
    ggx_hub_file file = {.remote.size = (uint64_t)st->st_size, .known = 1};
    const ssize_t n = readlink(path, target, sizeof target - 1);
    if (n <= 0) return GGX_OK;
    target[n] = 0;
    const char *slash = strrchr(target, '/');
    file.name = ggx_str_of(slash ? slash + 1 : target);
    file.hash = file.name.size == 64 ? GGX_HASH_SHA256 : GGX_HASH_GIT;
    if (!ggx_hash_parse(file.name, file.digest, ggx_hash_size(file.hash))) return GGX_OK;
    ggx_status status = ggx_partial_check(&file, path, l->offline->options->run, NULL, error);
    if (status != GGX_E_INTEGRITY) return status;
    return ggx_fail(error, status, "%.250s is damaged: it is not what its digest says; fetch it again with a network",
                    path);
}

/* The file that was named, what lies below it, and the small ones beside it. */
static int is_below(const listing *l, ggx_str name, uint64_t size)
{
    const ggx_str path = l->offline->path;
    uint64_t n = path.size;
    if (!n) return 1;
    if (name.size >= n && !memcmp(name.data, path.data, n) && (name.size == n || name.data[n] == '/')) return 1;
    while (n && path.data[n - 1] != '/') n--;
    return l->offline->options->siblings && size <= SIBLING_MOST && name.size > n && !memcmp(name.data, path.data, n) &&
           !memchr(name.data + n, '/', name.size - n);
}

static ggx_status check_needed(listing *l, const uint8_t *needed, ggx_error *error)
{
    ggx_status status = GGX_OK;
    for (uint32_t i = 0; i < l->hub.count && status == GGX_OK; i++) {
        struct stat st;
        const ggx_str name = l->hub.files[i].name;
        const char *path = ggx_arena_format(l->arena, "%s/%s", l->offline->snapshot, name.data).data;
        if (!path) return no_memory(error);
        if (!needed[i]) continue;
        const int there = stat(path, &st) == 0;
        if (!is_below(l, name, there ? (uint64_t)st.st_size : 0)) continue;
        if (!there)
            return ggx_fail(error, GGX_E_NOTFOUND,
                            "%.120s is not whole in the cache, %.150s is missing, and HF_HUB_OFFLINE is set",
                            l->offline->name, name.data);
        if (!l->offline->options->headers) status = check_file(l, path, &st, error);
    }
    return status;
}

/* Against --sha256. */
static ggx_status check_given(const ggx_offline *o, ggx_arena *arena, ggx_error *error)
{
    struct stat st;
    ggx_hub_file file = {.name = o->path, .known = 1, .hash = GGX_HASH_SHA256};
    const char *path = ggx_arena_format(arena, "%s/%s", o->snapshot, o->path.data).data;
    if (!path) return no_memory(error);
    if (!o->path.size) return ggx_fail(error, GGX_E_USAGE, "--sha256 is of one file; name it");
    if (!ggx_hash_parse(ggx_str_of(o->options->sha256), file.digest, 32))
        return ggx_fail(error, GGX_E_USAGE, "--sha256 takes 64 hexadecimal digits");
    if (stat(path, &st) != 0) return ggx_fail(error, GGX_E_NOTFOUND, "%.150s is not in the cache", o->name);
    file.remote.size = (uint64_t)st.st_size;
    return ggx_partial_check(&file, path, o->options->run, NULL, error);
}

ggx_status ggx_offline_check(const ggx_offline *offline, ggx_arena *arena, ggx_error *error)
{
    listing l = {.offline = offline, .arena = arena};
    const ggx_fetch_options *o = offline->options;
    const char *form = NULL;
    ggx_status status = list_files(&l, error);
    uint8_t *needed = status == GGX_OK ? ggx_arena_array(arena, l.hub.count + 1u, 1) : NULL;
    if (status != GGX_OK) return status;
    if (!needed) return no_memory(error);
    memset(needed, 1, l.hub.count);
    if (o->choice && !offline->path.size) {
        status = ggx_choose_files(o->choice, o->form, &l.hub, arena, needed, &form, error);
        if (status == GGX_OK && !form)
            status =
                ggx_fail(error, GGX_E_NOTFOUND, "%.120s has no weights in the cache, and HF_HUB_OFFLINE is set; %s",
                         offline->name, "fetch it with a network first");
    }
    if (status == GGX_OK) status = check_needed(&l, needed, error);
    return status == GGX_OK && o->sha256 ? check_given(offline, arena, error) : status;
}
