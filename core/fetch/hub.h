/* core/fetch/hub.h - names of remote models, and the files that they stand for.
 *
 *     hf://ORG/REPO[@REVISION][/PATH]    a repository of the hub at $HF_ENDPOINT, pinned to the commit that it is at now
 *     https://…                          one file; http:// only from this machine's own loopback
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
    int32_t also; /* 1: another one, that of a catalogue, is compared beside it */
    uint32_t also_hash;
    uint8_t also_digest[32];
} ggx_hub_file;

typedef struct ggx_hub {
    ggx_hub_file *files; /* of a path in a repository: that file first, then those beside it */
    uint32_t count;
    int32_t directory;    /* 1: the whole repository was named */
    int32_t together;     /* 1: all files are wanted, though the first is the one that is meant */
    const char *name;     /* base name to show */
    const char *pin;      /* the commit, or "" */
    uint32_t passed_over; /* files with names that are not taken: hidden ones, odd characters */
} ggx_hub;

typedef struct ggx_hub_reference {
    ggx_str repository, revision, path; /* parts of "ORG/REPO", "main", "" or "a/b.bin": all checked */
} ggx_hub_reference;

/* Takes hf://ORG/REPO[@REVISION][/PATH] apart; '/' in a revision is written %2F. GGX_E_USAGE. */
ggx_status ggx_hub_parse(const char *name, ggx_hub_reference *out, ggx_arena *arena, ggx_error *error);

/* Letters, digits, '-', '_', '.' and '+', but none that begins with a dot; and a path of such names. */
int ggx_hub_is_plain(ggx_str part);
int ggx_hub_is_plain_path(ggx_str path);

/* 1 when the text is such a name. */
int ggx_hub_is_name(const char *text);

/* What it stands for. Errors: GGX_E_USAGE, GGX_E_NOTFOUND, GGX_E_DENIED, GGX_E_NETWORK, GGX_E_MALFORMED. */
ggx_status ggx_hub_resolve(ggx_hub *hub, ggx_range_client *client, const char *name, ggx_arena *arena,
                           ggx_error *error);

/* Sorts the files by name. */
void ggx_hub_sort(ggx_hub *hub);

/* The token for that name, or NULL: tokens go to the hub only. $HF_TOKEN, else the file at $HF_TOKEN_PATH, $HF_HOME/token or
 * ~/.cache/huggingface/token. */
#define GGX_HUB_TOKEN_MAX 512
const char *ggx_hub_token(const char *name, char room[GGX_HUB_TOKEN_MAX]);

/* $HF_HOME, else $XDG_CACHE_HOME/huggingface or ~/.cache/huggingface, with `below` behind it. NULL without a home or memory. */
const char *ggx_hub_home(ggx_arena *arena, const char *below);

#endif
