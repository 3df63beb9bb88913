/* core/fetch/segments.h - which bytes of a file have come: a list of segments in memory, and its journal on the disk.
 *
 * The journal is written in place, a slot for each segment, after the bytes that it speaks of: so it is right whenever the process is
 * killed. When the machine itself stops, bytes and journal may reach the disk in another order; then only what was synced before counts. Whether it
 * has stopped since is told by the system's boot id. */
#ifndef GGX_CORE_SEGMENTS_H
#define GGX_CORE_SEGMENTS_H

#include <ggx/base.h>
#include <pthread.h>

#define GGX_SEGMENTS_MOST 65536u
#define GGX_SEGMENT_LONGEST (1u << 30)

typedef struct ggx_segment {
    uint32_t written; /* bytes from the segment's beginning on */
    uint32_t noted;   /* of these, in the journal */
    uint32_t synced;  /* of these, sure to outlive the machine */
    int32_t taken;    /* 1: a connection is at work on it */
    int32_t failed;   /* 1: a connection gave it up */
} ggx_segment;

/* Functions are not thread-safe but for what they say. */
typedef struct ggx_segments {
    uint64_t size, bytes; /* of the file, of a segment */
    uint32_t count;
    ggx_segment *list;
    int journal; /* -1: none is kept */
    uint8_t identity[32];
} ggx_segments;

/* Of a file of `size` bytes, none of which has come. `bytes`: wanted for a segment; more when there would be too many. GGX_E_NOMEM. */
ggx_status ggx_segments_init(ggx_segments *segments, uint64_t size, uint64_t bytes, ggx_error *error);
void ggx_segments_free(ggx_segments *segments);

/* Takes over what the journal at `path` says, when it is one of this identity and size; then its segments are as long as they were. `there`:
 * bytes of the partial file; what lies behind was lost. Gives 0 for a journal that is damaged or of another file. */
int ggx_segments_read(ggx_segments *segments, const char *path, uint64_t there);

/* Writes the journal anew and keeps it open. */
ggx_status ggx_segments_write(ggx_segments *segments, const char *path, ggx_error *error);

/* Puts into the journal how far this segment is. Without a journal: nothing. */
ggx_status ggx_segments_note(ggx_segments *segments, uint32_t index, const char *path, ggx_error *error);

/* Syncs the file, then the journal. The lock is held around what is read and changed here, not while the disk works. */
ggx_status ggx_segments_sync(ggx_segments *segments, int fd, pthread_mutex_t *lock, const char *path, ggx_error *error);

/* How many bytes have come; of these, from the beginning on without a gap, as far as `from` is known to. */
uint64_t ggx_segments_written(const ggx_segments *segments);
uint64_t ggx_segments_front(const ggx_segments *segments, uint64_t from);

/* The number of bytes of this segment: the last one is shorter. */
uint32_t ggx_segment_size(const ggx_segments *segments, uint32_t index);

/* None has come. */
void ggx_segments_clear(ggx_segments *segments);

#endif
