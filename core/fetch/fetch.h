/* core/fetch/fetch.h - remote models as files on this machine: in a folder, or in a cache.
 *
 * Repositories of the hub share the cache of huggingface_hub: DIR/models--ORG--REPO/{blobs/DIGEST, snapshots/COMMIT/PATH → blob,
 * refs/REVISION}, so what either fetched serves the other. Other addresses lie in ggx's own: DIR/URL-DIGEST/NAME. */
#ifndef GGX_CORE_FETCH_H
#define GGX_CORE_FETCH_H

#include "fetch/catalog.h"

typedef struct ggx_fetch_options {
    const char *directory;      /* where the files go, or NULL: the cache */
    const char *sha256;         /* of a single file, in hexadecimal, or NULL */
    const ggx_catalog *catalog; /* where names without :// are looked up; or NULL */
    int32_t siblings;           /* 1: with a named file the small ones beside it, that tell how to read it */
    const char *choice;         /* rules by which files of a repository are chosen (choose.h), or NULL: all of them */
    const char *form;           /* of the weights, or NULL: the first in the rules' order */
    int32_t headers;      /* 1: only headers are read: what the cache has is not hashed for it without a network */
    uint32_t timeout;     /* seconds; 0: 30 */
    uint32_t connections; /* these three as in download.h */
    uint64_t segment, rate;
    uint64_t (*more)(void *context); /* and these three, too */
    void *more_context;
    const char *more_path;
    const ggx_run *run;
} ggx_fetch_options;

typedef struct ggx_fetched_file {
    const char *path;
    uint64_t bytes;
    int32_t known; /* 1: compared with a published digest */
    uint32_t hash; /* GGX_HASH_SHA256 or GGX_HASH_GIT */
    uint8_t digest[32];
} ggx_fetched_file;

typedef struct ggx_fetched {
    const char *path; /* of the file that was named, or of the folder that holds the repository's files */
    const char *pin;  /* the commit, or "" */
    ggx_fetched_file *files;
    uint32_t count, passed_over;
    uint32_t left_out; /* files that are not needed */
    const char *form;  /* of the weights that were chosen; NULL: all forms */
} ggx_fetched;

/* Fetches what `name` stands for; all memory is the arena's. With $HF_HUB_OFFLINE only the cache is asked. */
ggx_status ggx_fetch(const char *name, const ggx_fetch_options *options, ggx_arena *arena, ggx_fetched *out,
                     ggx_error *error);

/* Where ggx_fetch puts the bytes of file `index` of what `name` stands for in the cache; its directory exists then. */
ggx_status ggx_fetch_find_place(const char *name, const ggx_hub *hub, uint32_t index, ggx_arena *arena,
                                const char **bytes, ggx_error *error);

/* When they are there, verified: gives them the name by which the cache knows them. */
ggx_status ggx_fetch_settle(const char *name, const ggx_hub *hub, uint32_t index, ggx_arena *arena, ggx_error *error);

/* 1 when $HF_HUB_OFFLINE says so. */
int ggx_fetch_is_offline(void);

/* $HF_HUB_CACHE, $HUGGINGFACE_HUB_CACHE, $HF_HOME/hub, $XDG_CACHE_HOME/huggingface/hub or ~/.cache/huggingface/hub. */
const char *ggx_cache_hub(ggx_arena *arena, ggx_error *error);

/* $XDG_CACHE_HOME/ggx or ~/.cache/ggx. */
const char *ggx_cache_files(ggx_arena *arena, ggx_error *error);

/* DIR/models--ORG--REPO. */
const char *ggx_cache_folder(ggx_arena *arena, const char *hub, ggx_str repository, ggx_error *error);

/* The directory and those above it. */
ggx_status ggx_make_directories(const char *path, ggx_error *error);

#endif
