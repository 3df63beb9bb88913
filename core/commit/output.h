/* core/commit/output.h - the output: it appears whole under its name, or not at all.
 *
 * Several files get names of their own, NAME-00001-of-00003.EXT for NAME.EXT, and share one journal; to everyone else they are one file.
 * Tiles are written into `.NAME.ggx-part` (parts share `.NAME.ggx-part.DIGEST`) beside the final name, in any order, by any number of threads and processes. After their
 * bytes are synced, tiles are noted in a journal, `.NAME.ggx-journal` (of part i of n: `.NAME.ggx-journal.i-of-n`), which begins with
 * the plan's digest: so a run that was killed is taken up by the next one, and several machines can work on one file. Last come
 * fsync, rename, and fsync of the directory. This room is the only one that writes files. */
#ifndef GGX_CORE_OUTPUT_H
#define GGX_CORE_OUTPUT_H

#include "execute/execute.h"
#include <pthread.h>

typedef struct ggx_output_request {
    const char *path;     /* final name */
    uint32_t part, parts; /* 0 of 1: the whole */
    uint64_t sync_bytes;  /* journal after this many bytes of tiles */
    const char *kept[4];  /* paths of other files in use, which the output must not replace; NULL: none */
    int32_t replace;      /* 1: it may replace the source that it is made from */
} ggx_output_request;

typedef struct ggx_output_file {
    char *path, *partial; /* malloc'd */
    int fd;               /* or -1 */
    uint64_t start, size; /* among all files one after the other */
} ggx_output_file;

typedef struct ggx_output {
    const ggx_plan *plan;
    const ggx_run *run;
    char *path, *journal;      /* as the user named it; malloc'd */
    int directory, journal_fd; /* descriptors or -1 */
    ggx_output_file *files;
    uint32_t file_count;
    uint32_t part, parts;
    const char *kept[4]; /* as in the request */
    int32_t replace;
    uint8_t *done;                 /* one bit a tile */
    uint64_t resumed;              /* tiles that an earlier run had done */
    uint64_t first_tile, end_tile; /* this part's */
    uint64_t sync_bytes;
    pthread_mutex_t lock; /* guards the four below */
    uint64_t *pending;    /* tiles written but not journalled */
    uint64_t pending_count, pending_bytes, finished_bytes;
    pthread_mutex_t journal_lock; /* one thread syncs and journals at a time */
    int32_t opened;
} ggx_output;

/* Creates or takes up the unfinished file, checks disk space, and writes the bytes that are not payload. Errors: GGX_E_NOSPACE,
 * GGX_E_DENIED, GGX_E_NOTFOUND, GGX_E_IO; GGX_E_USAGE when another ggx is at work on it, or unfinished parts of another plan lie there. */
ggx_status ggx_output_open(ggx_output *output, const ggx_output_request *request, const ggx_plan *plan,
                           const ggx_run *run, ggx_error *error);

/* What ggx_execute writes through. */
ggx_tile_sink ggx_output_sink(ggx_output *output);

/* Syncs and journals everything; a whole run (not a part) then gets its final name. Closes the output. */
ggx_status ggx_output_commit(ggx_output *output, ggx_error *error);

/* Gives up: removes the unfinished file and the journal (of a part: its journal only, others may be at work). Closes the output. */
void ggx_output_discard(ggx_output *output);

/* For a run that is to be gone on with after an error: syncs, journals and closes; the unfinished file and the journal stay. */
void ggx_output_keep(ggx_output *output);

/* Journals every tile that is done. No worker may be running. */
ggx_status ggx_output_flush(ggx_output *output, ggx_error *error);

/* Before any worker runs: whether an earlier run did the tile; to do it again all the same; and to do all again. */
int ggx_output_has(const ggx_output *output, uint64_t tile);
void ggx_output_redo(ggx_output *output, uint64_t tile);
ggx_status ggx_output_forget(ggx_output *output, ggx_error *error);

/* `ggx finish`: when the journals beside `path` cover every tile of one plan, gives the file its name. `missing` gets the number of
 * tiles not done when that is why it failed (GGX_E_NOTFOUND). */
ggx_status ggx_output_finish(const char *path, uint64_t *missing, ggx_error *error);

/* Bytes free for this user on the file system of `path`'s directory, or UINT64_MAX. */
uint64_t ggx_output_disk_free(const char *path);

#endif
