/* core/fetch/download.h - files from a server to the disk: over several connections, across broken ones and killed runs.
 *
 * A file is cut into segments. Connections take runs of segments, of one file after the other; one more thread follows them and hashes
 * what has come without a gap, so that a file is verified when its last byte is there. The name is given only to bytes whose size and digest
 * are right (partial.h). A server that answers a range with the whole file gets one connection for it. */
#ifndef GGX_CORE_DOWNLOAD_H
#define GGX_CORE_DOWNLOAD_H

#include "fetch/hub.h"

#define GGX_DOWNLOAD_SEGMENT (16u << 20)
#define GGX_DOWNLOAD_CONNECTIONS 4u
#define GGX_DOWNLOAD_CONNECTIONS_MOST 32u

typedef struct ggx_download {
    const ggx_hub_file *file;
    const char *path; /* its directory exists; no other one of the list has it */
    int32_t
        versioned; /* 1: the path names this version: a file of its size that lies there is kept, published digest or not */
    int32_t done;       /* becomes 1 when it is there, verified */
    uint8_t sha256[32]; /* of its bytes; all zero when another digest was compared */
} ggx_download;

typedef struct ggx_download_options {
    uint32_t connections; /* at most; 0: GGX_DOWNLOAD_CONNECTIONS */
    uint64_t segment;     /* bytes; 0: GGX_DOWNLOAD_SEGMENT. A file that was begun keeps those that it has */
    uint64_t rate;        /* bytes a second over all connections; 0: no limit */
    const ggx_run *run;   /* progress counts the bytes of all files */
    /* Called for each file that is there, from any thread, one at a time. */
    ggx_status (*finished)(void *context, uint32_t index, ggx_error *error);
    void *context;
    /* Bytes that are needed besides, for a file at `more_path` (0: unknown); asked for only when something has to be fetched. Or NULL. */
    uint64_t (*more)(void *context);
    void *more_context;
    const char *more_path;
} ggx_download_options;

/* Fetches all files of the list, or ends with the first error; those that are `done` by then stay. A file that is there and has the
 * published digest is kept as it is; one that has not is replaced. One process at a time works on a path; others wait for it. Errors:
 * GGX_E_INTEGRITY (nothing of this file is kept), GGX_E_NOSPACE and GGX_E_NETWORK (what has come is kept), GGX_E_UNSUPPORTED, those of
 * ggx_range_part and ggx_partial_open. */
ggx_status ggx_download_all(ggx_range_client *client, ggx_download *list, uint32_t count,
                            const ggx_download_options *options, ggx_error *error);

#endif
