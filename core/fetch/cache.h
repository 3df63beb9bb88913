/* core/fetch/cache.h - what lies in the caches: lists it, checks it, removes it. */
#ifndef GGX_CORE_CACHE_H
#define GGX_CORE_CACHE_H

#include "fetch/fetch.h"

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

/* Removes the entry's folder and all in it; symbolic links are removed, not followed. */
ggx_status ggx_cache_remove(const ggx_cached *entry, ggx_arena *arena, ggx_error *error);

#endif
