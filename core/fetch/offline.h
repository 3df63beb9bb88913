/* core/fetch/offline.h - what the cache has of a revision, without a network: is it whole, and is it what its names say? */
#ifndef GGX_CORE_OFFLINE_H
#define GGX_CORE_OFFLINE_H

#include "fetch/fetch.h"

typedef struct ggx_offline {
    const char *name;     /* what was asked for */
    const char *folder;   /* of the repository */
    const char *snapshot; /* snapshots/COMMIT */
    const char *commit;
    ggx_str path; /* in the repository, or "" for all of it */
    const ggx_fetch_options *options;
} ggx_offline;

/* GGX_E_NOTFOUND when a file that is needed is not there; GGX_E_INTEGRITY when the bytes of one have not the digest that is their blob's
 * name. */
ggx_status ggx_offline_check(const ggx_offline *offline, ggx_arena *arena, ggx_error *error);

/* Keeps the list of the revision's files beside it, for ggx_offline_check. Where nothing can be written there is no list. */
ggx_status ggx_offline_note(const char *folder, const char *commit, const ggx_hub *hub, ggx_arena *arena,
                            ggx_error *error);

/* Where that list lies. */
const char *ggx_offline_list(const char *folder, const char *commit, ggx_arena *arena);

#endif
