/* core/fetch/range.h - HTTP, as far as reading ranges of remote files goes.
 *
 * The only file of ggx that knows libcurl is range.c. A file is known by its size and entity tag; an answer that is of another file is
 * GGX_E_INTEGRITY, never a splice. Where nothing tells versions apart (ggx_range_is_pinned) a connection that breaks is GGX_E_NETWORK at once. Redirects are followed between http and https only, and a token goes to the host it is for. */
#ifndef GGX_CORE_RANGE_H
#define GGX_CORE_RANGE_H

#include "base/arena.h"
#include "host/instance.h"
#include <string.h>

typedef struct ggx_range_client ggx_range_client; /* one connection at a time; not thread-safe */

typedef struct ggx_range_file {
    const char *url;
    uint64_t size;
    char etag[128];    /* "" when the server sends none */
    char modified[32]; /* Last-Modified as it was sent, which tells versions apart where there is no tag; "" for none */
    int32_t digested;  /* 1: a digest of it is known, which is compared at the end */
} ggx_range_file;

/* Does something tell whether ranges are of the same bytes: a digest, a date, or a tag that is not weak? */
static inline int ggx_range_is_pinned(const ggx_range_file *file)
{
    return file->digested || *file->modified || (*file->etag && strncmp(file->etag, "W/", 2) != 0);
}

/* How fast all connections together may be. */
typedef struct ggx_range_pace {
    pthread_mutex_t lock;
    uint64_t rate; /* bytes a second; 0: no limit */
    double free;   /* seconds of the monotonic clock: from when on the next bytes may come */
} ggx_range_pace;

/* `token` (or NULL) is sent as a bearer token. `timeout`: seconds without a byte after which a server counts as silent. */
ggx_status ggx_range_open(ggx_range_client **out, const char *token, uint32_t timeout, const ggx_run *run,
                          ggx_error *error);
void ggx_range_close(ggx_range_client *client);

/* Another connection for the same requests, for another thread. While `*halt` is 0 both go on; bytes are taken as `pace` allows. Either may be
 * NULL; both have to outlive the connection, or ggx_range_share(client, NULL, NULL). */
ggx_status ggx_range_clone(ggx_range_client **out, const ggx_range_client *client, ggx_error *error);
void ggx_range_share(ggx_range_client *client, const atomic_int *halt, ggx_range_pace *pace);

/* Asks for size and entity tag. GGX_E_NOTFOUND, GGX_E_DENIED, GGX_E_NETWORK; GGX_E_UNSUPPORTED when the server serves no ranges. */
ggx_status ggx_range_look(ggx_range_client *client, ggx_range_file *file, ggx_error *error);

/* Exactly `size` bytes, tried again when the connection breaks. */
ggx_status ggx_range_get(ggx_range_client *client, const ggx_range_file *file, uint64_t offset, void *out,
                         uint64_t size, ggx_error *error);

/* All bytes from `offset` to the end, in order, taken up where a broken connection left off. `take` may block, and ends the transfer by
 * returning an error. */
typedef ggx_status ggx_range_take(void *context, const void *data, uint64_t size, ggx_error *error);
ggx_status ggx_range_stream(ggx_range_client *client, const ggx_range_file *file, uint64_t offset, ggx_range_take *take,
                            void *context, ggx_error *error);

/* The same for the bytes [offset, end). A server that answers with the whole file is taken for it when `offset` is 0 and `whole` returns
 * 1: then all of the file comes. */
ggx_status ggx_range_part(ggx_range_client *client, const ggx_range_file *file, uint64_t offset, uint64_t end,
                          ggx_range_take *take, int (*whole)(void *context), void *context, ggx_error *error);

/* A small document, at most `most` bytes. */
ggx_status ggx_range_text(ggx_range_client *client, const char *url, uint64_t most, ggx_arena *arena, ggx_str *out,
                          ggx_error *error);

/* Where the list goes on that the last document was a page of (Link, rel="next"), or "". */
const char *ggx_range_next(const ggx_range_client *client);

#endif
