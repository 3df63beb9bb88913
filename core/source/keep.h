/* core/source/keep.h - a copy of a model that streams, in the cache, as fetching it would have left it there.
 *
 * Beside the place that a file gets lies .NAME.ggx-keep.ggx-part until its digest was right. */
#ifndef GGX_CORE_SOURCE_KEEP_H
#define GGX_CORE_SOURCE_KEEP_H

#include "fetch/fetch.h"
#include "source/remote.h"

typedef struct ggx_keep {
    ggx_arena arena;
    const ggx_source *source; /* borrowed */
    const ggx_run *run;
    pthread_mutex_t lock; /* over fd */
    int fd;               /* of the partial file, or -1: this file is not written */
    const char *place;    /* of the file under way, … */
    const char *partial;  /* … and what it is until it is whole */
} ggx_keep;

/* GGX_E_NOSPACE when the cache's disk has less room than is needed for what is not there yet. Close it in any case. */
ggx_status ggx_keep_open(ggx_keep *keep, const ggx_source *source, const ggx_stream_file *files, uint32_t count,
                         const ggx_run *run, ggx_error *error);

/* 1 when the copies of earlier runs reach up to that position of the stream. */
int ggx_keep_reaches(ggx_keep *keep, const ggx_stream_file *files, uint32_t count, uint64_t position);

/* What the stream calls. */
ggx_stream_keeper ggx_keep_keeper(ggx_keep *keep);

/* What was written so far is safe after this. [any thread] */
ggx_status ggx_keep_sync(ggx_keep *keep, ggx_error *error);

/* An unfinished copy stays for a run that goes on, or is removed. */
void ggx_keep_close(ggx_keep *keep, int stays);

#endif
