/* core/source/remote.h - a source whose files lie on a server, and the one verified pass over their bytes.
 *
 * Two phases. At first ranges are fetched as readers ask for them (headers, peeks) and kept. Then, for a conversion that streams, all
 * bytes of the files that matter arrive once, in order (ggx_stream): each is hashed and, where it was fetched before, compared with what
 * was seen then; reads are served from a window of the stream. Nothing touches the disk. */
#ifndef GGX_CORE_REMOTE_H
#define GGX_CORE_REMOTE_H

#include "hash/hash.h"
#include "host/instance.h"
#include "source/open.h"

#define GGX_REMOTE_TIMEOUT 30u /* seconds */

typedef struct ggx_remote_options {
    uint32_t timeout;   /* seconds; 0: GGX_REMOTE_TIMEOUT */
    const char *sha256; /* of a single file, in hexadecimal, or NULL */
    const struct ggx_catalog_entry
        *entry; /* of a catalogue, for which the name stands; or NULL. Borrowed until close */
    const ggx_run *run;
} ggx_remote_options;

/* 1 for a name of something remote (core/fetch/hub.h). */
int ggx_source_is_remote_name(const char *name);

/* Errors: those of ggx_hub_resolve. ggx_source_close closes it. */
ggx_status ggx_source_open_remote(const char *name, const ggx_remote_options *options, ggx_source **out,
                                  ggx_error *error);
int ggx_source_is_remote(const ggx_source *source);

/* --- the pass ---------------------------------------------------------------------------------------------------------------------- */

typedef struct ggx_stream ggx_stream;

typedef struct ggx_stream_file {
    uint32_t member;
    int32_t known;                /* 1: a digest was published or given, and the bytes had it */
    uint64_t start, size;         /* in the stream */
    uint8_t sha256[GGX_HASH_MAX]; /* out: of what arrived; all zero where only git's name was computed */
} ggx_stream_file;

#define GGX_STREAM_STATE_BYTES (2u * GGX_HASH_STATE_BYTES) /* a file may have two published digests */

/* Takes a copy of what passes, file after file, all on the proving thread. */
typedef struct ggx_stream_keeper {
    void *context;
    ggx_status (*begin)(void *context, uint32_t member, uint64_t offset, ggx_error *error);
    ggx_status (*write)(void *context, uint64_t offset, const void *data, uint64_t size, ggx_error *error);
    ggx_status (*end)(void *context, uint32_t member, ggx_error *error); /* its digest was right */
} ggx_stream_keeper;

typedef struct ggx_stream_request {
    const ggx_source *source;
    ggx_stream_file *files; /* in order; borrowed until close */
    uint32_t file_count;
    const uint64_t *cuts; /* rising positions at which the hash's state is kept; borrowed until close */
    uint64_t cut_count;
    uint64_t window;      /* bytes */
    uint64_t from;        /* 0, or a cut: where to begin … */
    const uint8_t *state; /* … with these stored hashes (GGX_STREAM_STATE_BYTES); NULL at a file's first byte */
    const ggx_stream_keeper *keeper; /* or NULL; borrowed until close */
} ggx_stream_request;

/* From here on reads are served from the window. One stream a source at a time. */
ggx_status ggx_stream_open(ggx_stream **out, const ggx_stream_request *request, ggx_error *error);

/* [one thread] Fetches everything; returns when all has arrived, or the stream failed or was stopped. */
void ggx_stream_pump(ggx_stream *stream);

/* [another thread, meanwhile] Hashes and compares it; returns when all of it was, or the stream failed or was stopped. */
void ggx_stream_prove(ggx_stream *stream);

/* Waits until bytes up to `until` are in the window, or nothing more will come; *end gets up to where they are. */
ggx_status ggx_stream_wait(ggx_stream *stream, uint64_t until, uint64_t *end, ggx_error *error);

/* Bytes before `position` will not be read again. */
void ggx_stream_release(ggx_stream *stream, uint64_t position);

/* The hash's state at the last cut at or before `position`; gives its place. 0 and a NULL-like state of zeros: the beginning of a file. */
uint64_t ggx_stream_state(ggx_stream *stream, uint64_t position, uint8_t state[GGX_STREAM_STATE_BYTES]);

/* Makes the pump return. */
void ggx_stream_stop(ggx_stream *stream);

/* After pump and prover returned: GGX_OK when every byte arrived and every digest was as published. */
ggx_status ggx_stream_result(ggx_stream *stream, ggx_error *error);
void ggx_stream_close(ggx_stream *stream);

/* SHA-256 over the ranges that were fetched ahead: the same for the same reads of the same bytes. */
void ggx_source_ahead_digest(const ggx_source *source, uint8_t out[32]);

#endif
