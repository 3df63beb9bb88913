/* core/source/ahead.h - what the files of remote sources share: the blocks that were fetched ahead. */
#ifndef GGX_CORE_AHEAD_H
#define GGX_CORE_AHEAD_H

#include "fetch/hub.h"
#include "source/members.h"
#include "source/remote.h"

#define GGX_AHEAD_BLOCK (64u << 10) /* bytes */
#define GGX_AHEAD_BLOCKS (1u << 13) /* 512 MiB of headers at most, as docs/security.md has it */

typedef struct ggx_ahead_block {
    uint32_t member;
    uint64_t index; /* its first byte, in blocks */
    uint64_t size;
    char *bytes; /* malloc'd */
} ggx_ahead_block;

typedef struct ggx_remote {
    ggx_hub hub;
    ggx_range_client *client;
    char *name; /* as the user wrote it; malloc'd */
    ggx_remote_options options;
    pthread_mutex_t lock;    /* over the client and the blocks */
    ggx_ahead_block *blocks; /* sorted by member and index */
    uint32_t block_count, block_capacity;
    ggx_stream *stream; /* NULL in the first phase */
} ggx_remote;

/* The first block of that member at or behind `index`; block_count when there is none. */
uint32_t ggx_ahead_find(const ggx_remote *remote, uint32_t member, uint64_t index);

/* Reads of the second phase. 0: the range is not in the window. */
int ggx_stream_read(ggx_stream *stream, uint32_t member, uint64_t offset, void *out, uint64_t size);

/* Reads of either phase, and what a source has to close. */
ggx_status ggx_remote_read(ggx_remote *remote, uint32_t member, uint64_t offset, void *out, uint64_t size,
                           ggx_error *error);
void ggx_remote_close(ggx_remote *remote);

#endif
