/* core/cli/progress.h - how far a run is, on stderr: a bar on a terminal, a line now and then elsewhere. Its functions have the
 * form that ggx_run wants, and may be called from several threads. */
#ifndef GGX_CORE_CLI_PROGRESS_H
#define GGX_CORE_CLI_PROGRESS_H

#include "host/instance.h"
#include <pthread.h>

typedef struct ggx_progress {
    pthread_mutex_t lock;
    int32_t terminal, colors, quiet, verbose;
    int32_t bytes; /* 1: the amounts are bytes */
    int32_t drawn; /* 1: a bar stands on the terminal's last line */
    char label[48];
    double begun, shown;     /* seconds: of this label, and of what was printed last */
    uint64_t first, printed; /* done at the label's first call; tenths at the last line */
} ggx_progress;

void ggx_progress_open(ggx_progress *progress, int32_t quiet, int32_t verbose);

/* Names what is being done; the amounts that follow are bytes. */
void ggx_progress_label(ggx_progress *progress, const char *label);

/* For ggx_run.progress and ggx_run.log, with the ggx_progress as context. Warnings and errors are always shown, INFO and DEBUG with
 * --verbose. */
void ggx_progress_update(void *context, uint64_t done, uint64_t total);
void ggx_progress_log(void *context, int32_t level, const char *text);

/* Takes the bar away, so that something else can be printed; may be called again. */
void ggx_progress_close(ggx_progress *progress);

#endif
