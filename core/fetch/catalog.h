/* core/fetch/catalog.h - names of models, as data: JSON files that say where each is published (docs/fetch.md). */
#ifndef GGX_CORE_CATALOG_H
#define GGX_CORE_CATALOG_H

#include "fetch/hub.h"

#define GGX_CATALOG_FILES 64u  /* of one entry */
#define GGX_CATALOG_PLACES 64u /* that are searched */

typedef struct ggx_catalog_file {
    const char *name, *url;
    uint64_t bytes; /* 0: not said */
    int32_t known;  /* 1: a digest is published */
    uint32_t hash;  /* GGX_HASH_SHA256 or GGX_HASH_SHA1 */
    uint8_t digest[32];
} ggx_catalog_file;

typedef struct ggx_catalog_entry {
    const char *name, *about;
    const char *from;        /* hf://… or https://…: the model itself, or with `folder` what its files are below */
    const char *recipe;      /* that converts it, or NULL */
    uint64_t memory;         /* bytes that running it as it is takes, as its publisher says; 0: not said */
    ggx_catalog_file *files; /* without `folder`, one: of the model itself */
    uint32_t file_count;
    const char
        *model;     /* with `folder`: the file that is meant, the others being beside it; NULL: all of them together */
    int32_t folder; /* 1: several files, like a directory */
} ggx_catalog_entry;

typedef struct ggx_catalog {
    const char
        *places[GGX_CATALOG_PLACES]; /* directories of JSON files, or such files; the first that has a name counts */
    uint32_t count;
} ggx_catalog;

/* Adds each of the places in the list, which ':' separates. GGX_E_USAGE when there are too many. */
ggx_status ggx_catalog_add(ggx_catalog *catalog, const char *list, ggx_arena *arena, ggx_error *error);

/* The entry of that name. GGX_E_NOTFOUND when there is none, GGX_E_MALFORMED for a file that is no catalogue. */
ggx_status ggx_catalog_find(const ggx_catalog *catalog, const char *name, ggx_arena *arena, ggx_catalog_entry *out,
                            ggx_error *error);

/* All entries, those with a '*' in the name too, in the order in which they are searched. */
ggx_status ggx_catalog_list(const ggx_catalog *catalog, ggx_arena *arena, ggx_catalog_entry **out, uint32_t *count,
                            ggx_error *error);

/* What ggx_hub_resolve is for other names: the files with their sizes as the servers say them. A size or digest that the hub publishes
 * and that is not the catalogue's is GGX_E_INTEGRITY; one of another kind is compared beside it. */
ggx_status ggx_catalog_resolve(const ggx_catalog_entry *entry, ggx_hub *hub, ggx_range_client *client, ggx_arena *arena,
                               ggx_error *error);

#endif
