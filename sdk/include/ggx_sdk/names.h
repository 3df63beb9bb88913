/* ggx_sdk/names.h - a set of names: finds the duplicate among many in time that does not grow with their number. Header-only.
 *
 * A tree of four branches a node, walked by the bits of a hash that begins with the set's address, so that a file cannot be made
 * whose names all meet in one branch. */
#ifndef GGX_SDK_NAMES_H
#define GGX_SDK_NAMES_H

#include "error.h"
#include <ggx/host.h>

typedef struct ggx_name {
    struct ggx_name *branch[4];
    ggx_str text;
} ggx_name;

typedef struct ggx_names {
    const ggx_host *host;
    ggx_name *root;
    uint64_t count;
} ggx_names;

static inline void ggx_names_init(ggx_names *names, const ggx_host *host)
{
    names->host = host;
    names->root = NULL;
    names->count = 0;
}

/* Adds a copy of `name`; `kept` (may be NULL) is set to it, it lives as long as the instance. GGX_E_MALFORMED when it is there already,
 * with `what` ("tensor") in the message. */
static inline ggx_status ggx_names_add(ggx_names *names, ggx_str name, const char *what, ggx_str *kept,
                                       ggx_error *error)
{
    uint64_t hash = 0xcbf29ce484222325u ^ ((uint64_t)(uintptr_t)names * 0x9e3779b97f4a7c15u);
    for (uint64_t i = 0; i < name.size; i++) hash = (hash ^ (uint8_t)name.data[i]) * 0x100000001b3u;
    hash ^= hash >> 32;
    ggx_name **at = &names->root;
    for (; *at; hash = (hash << 2) | (hash >> 62)) {
        if ((*at)->text.size == name.size && (!name.size || !memcmp((*at)->text.data, name.data, (size_t)name.size)))
            return ggx_fail(error, GGX_E_MALFORMED, "the %s '%.*s' occurs twice; names must differ", what,
                            GGX_STR_ARGS(name));
        at = &(*at)->branch[hash >> 62];
    }
    ggx_name *node = NULL;
    if (name.size < UINT64_MAX - sizeof *node)
        node = (ggx_name *)names->host->alloc(names->host, sizeof *node + name.size);
    if (!node)
        return ggx_fail(error, GGX_E_NOMEM, "the names do not fit into this plugin's memory (%llu so far)",
                        (unsigned long long)names->count);
    char *copy = (char *)(node + 1);
    if (name.size) memcpy(copy, name.data, (size_t)name.size);
    node->text.data = copy;
    node->text.size = name.size;
    *at = node;
    names->count++;
    if (kept) *kept = node->text;
    return GGX_OK;
}

#endif
