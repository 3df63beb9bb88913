/* core/fetch/partial.h - one file that comes to be: its lock, its bytes so far, their journal, and the name at the end.
 *
 * Beside PATH lie .NAME.ggx-part with the bytes, .NAME.ggx-have with the journal (segments.h), and .NAME.ggx-lock while a process is at
 * work. The journal is believed only when it is of this very file: the same published digest; without one, the same address, size, and
 * entity tag or date. */
#ifndef GGX_CORE_PARTIAL_H
#define GGX_CORE_PARTIAL_H

#include "fetch/hub.h"
#include "fetch/lock.h"
#include "fetch/segments.h"
#include "hash/hash.h"

typedef struct ggx_partial {
    const ggx_hub_file *file;
    const char *path;
    int32_t versioned; /* 1: the path names this version: a file of its size that lies there is it */
    char *partial, *journal, *directory;
    int fd, directory_fd;
    int32_t resumable; /* 1: something tells the file from another one */
    ggx_lock lock;
    ggx_segments segments;
    ggx_hash hash; /* of the published kind; SHA-256 where nothing is published */
    uint64_t hashed;
    uint8_t digest[GGX_HASH_MAX]; /* once it is whole */
} ggx_partial;

/* Tells whether to give up waiting; may also do what has to be done from time to time. */
typedef struct ggx_partial_wait {
    int (*stopped)(void *context);
    void *context;
    const ggx_run *run;
} ggx_partial_wait;

/* `segment`: bytes of one, for a file that begins anew. Sets `whole` to 1 when the file is there already, verified: then nothing is open. Waits while
 * another process is at work on it. Close it after an error, too. Errors: GGX_E_DENIED, GGX_E_NOSPACE, GGX_E_IO, GGX_E_CANCELED. */
ggx_status ggx_partial_open(ggx_partial *partial, uint64_t segment, const ggx_partial_wait *wait, int *whole,
                            ggx_error *error);
void ggx_partial_close(ggx_partial *partial);

/* Reads and hashes the next bytes, at most `most`, of those that have come without a gap. */
ggx_status ggx_partial_hash(ggx_partial *partial, void *block, uint64_t most, ggx_error *error);

/* As if nothing had come: the digest begins anew. */
void ggx_partial_rewind(ggx_partial *partial);

/* All is there and hashed: compares the digest and gives the file its name. GGX_E_INTEGRITY. */
ggx_status ggx_partial_finish(ggx_partial *partial, ggx_error *error);

/* Removes bytes and journal. */
void ggx_partial_discard(const ggx_partial *partial);

/* GGX_OK when the file at `path` has the size and the published digest, GGX_E_INTEGRITY when not. `digest` (or NULL) gets its own:
 * SHA-256 where nothing is published. */
ggx_status ggx_partial_check(const ggx_hub_file *file, const char *path, const ggx_run *run,
                             uint8_t digest[GGX_HASH_MAX], ggx_error *error);

#endif
