/* core/fetch/lock.h - one process at a time works on a file, also where the system's locks do nothing (some network and user-space disks).
 *
 * The lock of DIR/NAME is the file DIR/.NAME.ggx-lock, which only one process can create. In it stand machine, process and a count that the owner moves
 * every few seconds. A lock is stale when its process is seen to be gone, or its count stood still for a minute by the clock of the process
 * that watches: no two clocks are compared. A stale one is renamed away before it is removed, and put back if it was not the one that was
 * watched. */
#ifndef GGX_CORE_LOCK_H
#define GGX_CORE_LOCK_H

#include <ggx/base.h>
#include <stdatomic.h>

#define GGX_LOCK_TEXT 256

typedef struct ggx_lock {
    char *path;
    int fd; /* -1: not held */
    uint64_t count;
    double beaten; /* seconds of the monotonic clock */
    /* of another one's, while waiting */
    char seen[GGX_LOCK_TEXT];
    double since;
    char owner[96]; /* "process N on HOST" */
} ggx_lock;

/* `path`: of the file that the lock is for. GGX_E_NOMEM. */
ggx_status ggx_lock_init(ggx_lock *lock, const char *path, ggx_error *error);
void ggx_lock_free(ggx_lock *lock); /* releases it, too */

/* 1: it is held now; 0: by another process, `owner` says by which: try again in a while with the same ggx_lock; -1: an error. */
int ggx_lock_try(ggx_lock *lock, ggx_error *error);

/* To be called now and then; moves the count when it is time. GGX_E_IO when another process has taken the lock over. */
ggx_status ggx_lock_beat(ggx_lock *lock, ggx_error *error);

void ggx_lock_release(ggx_lock *lock);

/* 1 unless the file at `path`, which is a lock, is seen to be stale at once. */
int ggx_lock_is_live(const char *path);

/* The folder of a whole repository: shared by the runs that fetch into it (they wait), alone for who removes from it (does not wait). The
 * descriptor that holds it, to be closed; -1: it is not there or the system has no such lock; -2: others have it. */
int ggx_lock_folder(const char *path, int shared);

#endif
