/* core/fetch/cache.h - what lies in the caches: lists it, checks it, removes it. */
#ifndef GGX_CORE_CACHE_H
#define GGX_CORE_CACHE_H

#include "fetch/fetch.h"
#include <sys/stat.h>

typedef struct ggx_cached {
    const char *name;   /* "hf://ORG/REPO", or the name of a file that came from another address */
    const char *folder; /* its directory */
    uint64_t files, bytes;
    uint64_t unfinished; /* bytes of downloads that broke off */
} ggx_cached;

typedef struct ggx_cache {
    ggx_cached *entries; /* by name */
    uint32_t count;
} ggx_cache;

ggx_status ggx_cache_list(ggx_cache *cache, ggx_arena *arena, ggx_error *error);

/* Hashes each blob of a repository and calls `report` for it; 1 for `good` when the bytes have the digest that is their name. Files from
 * other addresses have none, and are not reported. */
ggx_status ggx_cache_check(const ggx_cached *entry, ggx_arena *arena, const ggx_run *run,
                           void (*report)(void *context, const char *path, int good), void *context, ggx_error *error);

/* Removes the entry's folder and all in it; symbolic links are removed, not followed. GGX_E_DENIED while a run fetches into it. */
ggx_status ggx_cache_remove(const ggx_cached *entry, ggx_arena *arena, ggx_error *error);

/* What nobody needs any more, and nobody touched for `age` seconds: downloads that broke off and what runs that were killed left
 * behind, but for those that a process is at work on; revisions that no branch or tag of the cache is at; blobs that no revision has; files of
 * addresses of which there is a newer version. `report` is called for each, with why it goes and its bytes; with `dry` nothing is removed.
 * Times are this machine's: a file from the future counts as new. */
typedef struct ggx_prune {
    uint64_t age;
    int32_t dry;
    void (*report)(void *context, const char *path, const char *why, uint64_t bytes);
    void *context;
    void (*busy)(void *context, const char *folder); /* for each repository that is left out: a run fetches into it */
} ggx_prune;

ggx_status ggx_cache_prune(const ggx_cache *cache, const ggx_prune *prune, ggx_arena *arena, ggx_error *error);

/* --- for the files of this room ---------------------------------------------------------------------------------------------------- */

#define GGX_CACHE_LEVELS 16
typedef ggx_status ggx_cache_visit(void *context, const char *path, const struct stat *st, ggx_error *error);

/* Everything below the directory, the deepest first; links are seen, not followed. A directory that is not there is empty. */
ggx_status ggx_cache_walk(ggx_arena *arena, const char *path, int levels, ggx_cache_visit *each, void *context,
                          ggx_error *error);

/* Removes the file, link or empty directory. */
ggx_cache_visit ggx_cache_remove_one;

/* In each folder of ggx's own cache: the address of what lies there, without its query. */
#define GGX_CACHE_SOURCE ".ggx-from"

#endif
