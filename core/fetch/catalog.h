/* core/fetch/catalog.h - names of models, as data: JSON files that say where each is published (docs/fetch.md). */
#ifndef GGX_CORE_CATALOG_H
#define GGX_CORE_CATALOG_H

#include "base/text.h"
#include "fetch/range.h"

#define GGX_CATALOG_FILES 64u

typedef struct ggx_catalog_entry {
    const char *from;   /* hf://… or https://…; with `files`, the address that they are below, ending in '/' */
    const char **files; /* names; NULL when `from` is the model itself */
    uint32_t file_count;
    int32_t known; /* 1: a digest is published, of the one file */
    uint32_t hash; /* GGX_HASH_SHA256 or GGX_HASH_SHA1 */
    uint8_t digest[32];
} ggx_catalog_entry;

/* The entry of that name in the JSON files of the directory, the first by file name. GGX_E_NOTFOUND when there is none, GGX_E_MALFORMED for a
 * file that is no catalogue. */
ggx_status ggx_catalog_find(const char *directory, const char *name, ggx_arena *arena, ggx_catalog_entry *out,
                            ggx_error *error);

#endif
