/* core/fetch/hub.h - names of remote models, and the files that they stand for.
 *
 *     hf://ORG/REPO[@REVISION][/PATH]    a repository of the hub at $HF_ENDPOINT, pinned to the commit that it is at now
 *     https://… http://…                 one file
 */
#ifndef GGX_CORE_HUB_H
#define GGX_CORE_HUB_H

#include "fetch/range.h"

typedef struct ggx_hub_file {
    ggx_str name; /* relative, with '/'; checked: no '..', not absolute */
    ggx_range_file remote;
    int32_t known; /* 1: a digest is published */
    uint32_t hash; /* GGX_HASH_SHA256 or GGX_HASH_GIT */
    uint8_t digest[32];
} ggx_hub_file;

typedef struct ggx_hub {
    ggx_hub_file *files; /* of a path in a repository: that file first, then those beside it */
    uint32_t count;
    int32_t directory; /* 1: the whole repository was named */
    const char *name;  /* base name to show */
    const char *pin;   /* the commit, or "" */
} ggx_hub;

/* 1 when the text is such a name. */
int ggx_hub_is_name(const char *text);

/* What it stands for. Errors: GGX_E_USAGE, GGX_E_NOTFOUND, GGX_E_DENIED, GGX_E_NETWORK, GGX_E_MALFORMED. */
ggx_status ggx_hub_resolve(ggx_hub *hub, ggx_range_client *client, const char *name, ggx_arena *arena,
                           ggx_error *error);

/* The token of the environment for that name, or NULL: tokens go to the hub only. */
const char *ggx_hub_token(const char *name);

#endif
