/* core/hash/manifest.h - lists of files with their digests: what a conversion was made from and what came out, as JSON
 * (docs/verify.md), and the lists of sha256sum. */
#ifndef GGX_CORE_HASH_MANIFEST_H
#define GGX_CORE_HASH_MANIFEST_H

#include "base/arena.h"
#include "base/text.h"

#define GGX_MANIFEST_BYTES (64u << 20) /* of a manifest */

typedef struct ggx_manifest_file {
    ggx_str name;       /* NUL-terminated */
    uint64_t bytes;     /* UINT64_MAX: the list does not say */
    uint8_t digest[32]; /* SHA-256 */
} ggx_manifest_file;

typedef struct ggx_manifest {
    ggx_manifest_file *inputs, *outputs; /* of a list of sha256sum all are inputs */
    uint64_t input_count, output_count;
    int32_t list; /* 1: it is such a list */
} ggx_manifest;

/* Parses either form. `name` is for messages. Errors: GGX_E_MALFORMED, GGX_E_NOMEM. */
ggx_status ggx_manifest_parse(ggx_arena *arena, ggx_str text, const char *name, ggx_manifest *out, ggx_error *error);

/* The file of that name among `files`, or NULL. */
const ggx_manifest_file *ggx_manifest_find(const ggx_manifest_file *files, uint64_t count, ggx_str name);

/* GGX_E_INTEGRITY, with both digests, when the file is not the one that the manifest has. */
ggx_status ggx_manifest_compare(const ggx_manifest_file *known, uint64_t bytes, const uint8_t digest[32],
                                ggx_error *error);

/* Appends the files as a JSON list. */
void ggx_manifest_json(const ggx_manifest_file *files, uint64_t count, ggx_text *out);

#endif
