/* Away with what nobody needs any more. */
#include "fetch/cache.h"

#include "base/text.h"
#include "commit/files.h"
#include "fetch/lock.h"
#include <errno.h>
#include <fcntl.h>
#include <ggx_sdk/error.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define COMMIT 40
#define LINK_LONGEST 512

/* Names, sorted once they are all there. */
typedef struct names {
    const char **list;
    uint32_t count, capacity;
} names;

typedef struct pruning {
    const ggx_prune *prune;
    ggx_arena *arena;
    time_t now;
    names commits; /* that a ref is at */
    names blobs;   /* base names that a revision which stays links to */
    uint64_t bytes;
} pruning;

static ggx_status no_memory(ggx_error *error)
{
    return ggx_fail(error, GGX_E_NOMEM, "out of memory");
}

static ggx_status add_name(pruning *p, names *n, ggx_str name, ggx_error *error)
{
    if (n->count == n->capacity) {
        const uint32_t capacity = n->capacity ? 2 * n->capacity : 64;
        const char **grown = ggx_arena_array(p->arena, capacity, sizeof *grown);
        if (!grown) return no_memory(error);
        if (n->count) memcpy(grown, n->list, n->count * sizeof *grown);
        n->list = grown;
        n->capacity = capacity;
    }
    n->list[n->count] = ggx_arena_str(p->arena, name).data;
    return n->list[n->count++] ? GGX_OK : no_memory(error);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort(names *n)
{
    if (n->count) qsort(n->list, n->count, sizeof *n->list, by_name);
}

static int has(const names *n, const char *name)
{
    return n->count && bsearch(&name, n->list, n->count, sizeof *n->list, by_name) != NULL;
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int is_old(const pruning *p, const struct stat *st)
{
    return !p->prune->age || (st->st_mtime <= p->now && (uint64_t)(p->now - st->st_mtime) >= p->prune->age);
}

static ggx_status take_away(pruning *p, const char *path, const struct stat *st, const char *why, ggx_error *error)
{
    p->prune->report(p->prune->context, path, why, S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0);
    return p->prune->dry ? GGX_OK : ggx_cache_remove_one(NULL, path, st, error);
}

/* --- what broke off ------------------------------------------------------------------------------------------------------------------- */

/* "DIR/.NAME" of DIR/.NAME.ggx-part and what else lies beside an unfinished file; 0: the path is no such thing. */
static size_t stem_of(const char *path)
{
    const char *name = base_of(path), *at = name[0] == '.' ? strstr(name, ".ggx-") : NULL;
    if (!strcmp(name, GGX_CACHE_SOURCE)) return 0;
    if (at && at > name) return (size_t)(at - path);
    return ggx_str_ends(ggx_str_of(name), GGX_LIT(".incomplete")) ? strlen(path) : 0;
}

/* A lock counts while its owner is there; of an owner on another machine only its beats tell, which touch the file. */
static int is_locked(const pruning *p, const char *path, size_t stem)
{
    struct stat st;
    const char *lock = ggx_arena_format(p->arena, "%.*s.ggx-lock", (int)stem, path).data;
    if (!lock || lstat(lock, &st) != 0) return 0;
    return ggx_lock_is_live(lock) && !(is_old(p, &st) && p->prune->age);
}

static int is_debris(const char *name)
{
    return strstr(name, ".ggx-link") != NULL; /* a link that was to be renamed */
}

static ggx_status prune_unfinished(void *context, const char *path, const struct stat *st, ggx_error *error)
{
    pruning *p = context;
    const size_t stem = stem_of(path);
    if (S_ISDIR(st->st_mode) || !is_old(p, st)) return GGX_OK;
    if (is_debris(base_of(path))) return take_away(p, path, st, "left behind", error);
    if (!stem || is_locked(p, path, stem)) return GGX_OK;
    return take_away(p, path, st, "unfinished", error);
}

/* --- revisions and blobs -------------------------------------------------------------------------------------------------------------- */

static ggx_status read_ref(void *context, const char *path, const struct stat *st, ggx_error *error)
{
    pruning *p = context;
    char commit[COMMIT + 1];
    if (!S_ISREG(st->st_mode)) return GGX_OK;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    const int64_t n = fd >= 0 ? ggx_read_some(fd, 0, commit, COMMIT) : 0;
    if (fd >= 0) close(fd);
    return n > 0 ? add_name(p, &p->commits, (ggx_str){commit, (uint64_t)n}, error) : GGX_OK;
}

static ggx_status note_link(void *context, const char *path, const struct stat *st, ggx_error *error)
{
    char target[LINK_LONGEST];
    const ssize_t n = S_ISLNK(st->st_mode) ? readlink(path, target, sizeof target - 1) : 0;
    if (n <= 0) return GGX_OK;
    target[n] = 0;
    return add_name(context, &((pruning *)context)->blobs, ggx_str_of(base_of(target)), error);
}

static ggx_status weigh_file(void *context, const char *path, const struct stat *st, ggx_error *error)
{
    pruning *p = context;
    (void)path, (void)error;
    if (S_ISREG(st->st_mode)) p->bytes += (uint64_t)st->st_size;
    return GGX_OK;
}

static ggx_status remove_folder(pruning *p, const char *path, const char *why, ggx_error *error)
{
    p->bytes = 0;
    ggx_status status = ggx_cache_walk(p->arena, path, GGX_CACHE_LEVELS, weigh_file, p, error);
    if (status == GGX_OK) p->prune->report(p->prune->context, path, why, p->bytes);
    if (status != GGX_OK || p->prune->dry) return status;
    status = ggx_cache_walk(p->arena, path, GGX_CACHE_LEVELS, ggx_cache_remove_one, NULL, error);
    if (status == GGX_OK && rmdir(path) != 0 && errno != ENOENT) status = ggx_fail_errno(error, errno, "remove", path);
    return status;
}

/* Called for what lies in snapshots/: the folders of revisions. */
static ggx_status prune_revision(void *context, const char *path, const struct stat *st, ggx_error *error)
{
    pruning *p = context;
    if (!S_ISDIR(st->st_mode)) return GGX_OK;
    if (!has(&p->commits, base_of(path)) && is_old(p, st))
        return remove_folder(p, path, "a revision that nothing is at", error);
    return ggx_cache_walk(p->arena, path, GGX_CACHE_LEVELS, note_link, p, error);
}

static ggx_status prune_blob(void *context, const char *path, const struct stat *st, ggx_error *error)
{
    pruning *p = context;
    if (!S_ISREG(st->st_mode) || base_of(path)[0] == '.' || stem_of(path)) return GGX_OK;
    if (has(&p->blobs, base_of(path)) || !is_old(p, st)) return GGX_OK;
    return take_away(p, path, st, "no revision has it", error);
}

/* The lists of files of revisions that are gone. */
static ggx_status prune_list(void *context, const char *path, const struct stat *st, ggx_error *error)
{
    pruning *p = context;
    const char *at = strstr(base_of(path), ".files-");
    if (at != base_of(path) || !S_ISREG(st->st_mode) || p->prune->dry || !is_old(p, st)) return GGX_OK;
    const char *snapshot =
        ggx_arena_format(p->arena, "%.*s/snapshots/%s", (int)(at - path - 1), path, at + strlen(".files-")).data;
    if (!snapshot) return no_memory(error);
    return access(snapshot, F_OK) == 0 ? GGX_OK : ggx_cache_remove_one(NULL, path, st, error);
}

static ggx_status prune_repository(pruning *p, const char *folder, ggx_error *error)
{
    const char *refs = ggx_arena_format(p->arena, "%s/refs", folder).data,
               *snapshots = ggx_arena_format(p->arena, "%s/snapshots", folder).data,
               *blobs = ggx_arena_format(p->arena, "%s/blobs", folder).data;
    if (!refs || !snapshots || !blobs) return no_memory(error);
    p->commits.count = p->blobs.count = 0;
    ggx_status status = ggx_cache_walk(p->arena, refs, GGX_CACHE_LEVELS, read_ref, p, error);
    sort(&p->commits);
    if (status == GGX_OK) status = ggx_cache_walk(p->arena, snapshots, 0, prune_revision, p, error);
    sort(&p->blobs);
    if (status == GGX_OK) status = ggx_cache_walk(p->arena, folder, 0, prune_list, p, error);
    return status == GGX_OK ? ggx_cache_walk(p->arena, blobs, 0, prune_blob, p, error) : status;
}

/* --- addresses ------------------------------------------------------------------------------------------------------------------------- */

/* What the folder's files were fetched from, and when; NULL: unknown. */
static const char *source_of(const pruning *p, const char *folder, time_t *when)
{
    char text[4096];
    struct stat st;
    const char *path = ggx_arena_format(p->arena, "%s/" GGX_CACHE_SOURCE, folder).data;
    const int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
    const int64_t n = fd >= 0 ? ggx_read_some(fd, 0, text, sizeof text) : -1;
    const int known = n > 0 && fstat(fd, &st) == 0;
    if (fd >= 0) close(fd);
    if (!known) return NULL;
    *when = st.st_mtime;
    return ggx_arena_str(p->arena, (ggx_str){text, (uint64_t)n}).data;
}

static int is_of_hub(const ggx_cached *entry)
{
    return !strncmp(entry->name, "hf://", 5);
}

/* Is there another folder of the same address that was fetched later? */
static int is_outdated(const pruning *p, const ggx_cache *cache, const ggx_cached *entry)
{
    time_t when, other;
    struct stat st;
    const char *source = is_of_hub(entry) ? NULL : source_of(p, entry->folder, &when);
    if (!source || stat(entry->folder, &st) != 0 || !is_old(p, &st)) return 0;
    for (uint32_t i = 0; i < cache->count; i++) {
        const ggx_cached *e = &cache->entries[i];
        const char *theirs = e == entry || is_of_hub(e) ? NULL : source_of(p, e->folder, &other);
        if (theirs && !strcmp(source, theirs) && (other > when || (other == when && e > entry))) return 1;
    }
    return 0;
}

ggx_status ggx_cache_prune(const ggx_cache *cache, const ggx_prune *prune, ggx_arena *arena, ggx_error *error)
{
    pruning p = {.prune = prune, .arena = arena, .now = time(NULL)};
    ggx_status status = GGX_OK;
    for (uint32_t i = 0; i < cache->count && status == GGX_OK; i++) {
        const ggx_cached *e = &cache->entries[i];
        if (is_outdated(&p, cache, e)) {
            status = remove_folder(&p, e->folder, "there is a newer version", error);
            continue;
        }
        const int held = is_of_hub(e) ? ggx_lock_folder(e->folder, 0) : -1;
        if (held == -2) {
            prune->busy(prune->context, e->folder);
            continue;
        }
        status = ggx_cache_walk(arena, e->folder, GGX_CACHE_LEVELS, prune_unfinished, &p, error);
        if (status == GGX_OK && is_of_hub(e)) status = prune_repository(&p, e->folder, error);
        if (held >= 0) close(held);
    }
    return status;
}
