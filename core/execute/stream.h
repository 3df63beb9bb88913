/* core/execute/stream.h - does a plan while its source arrives: tiles are done as soon as the bytes they need are in the window.
 *
 * Each tile needs one range of the stream, from its first byte to its last. At most `window` bytes lie between the first byte that a tile
 * still needs and the last one that the next tile needs, or the plan cannot stream, which is known before anything is fetched. */
#ifndef GGX_CORE_EXECUTE_STREAM_H
#define GGX_CORE_EXECUTE_STREAM_H

#include "execute/execute.h"
#include "source/remote.h"

typedef struct ggx_need {
    uint64_t low, high; /* in the stream; both 0: none */
} ggx_need;

typedef struct ggx_streaming {
    ggx_arena arena;
    const ggx_plan *plan;
    ggx_stream_file *files; /* those that hold tensors or were read for the plan, in the source's order */
    uint32_t file_count;
    uint64_t total;    /* bytes of the stream */
    ggx_need *needs;   /* of each tile */
    uint64_t *asked;   /* of each source tensor that a reader gives: bytes that all tiles need of it */
    int32_t counting;  /* 1: these are being added up */
    uint64_t *by_high; /* tiles, by the end of what they need */
    uint64_t *lows;    /* lows[i]: the first byte that by_high[i] or a later one needs */
    uint64_t *cuts;    /* positions that no tile lies across */
    uint64_t cut_count;
    uint64_t window;    /* bytes that it takes at least */
    const char *widest; /* the tensor that takes them */
} ggx_streaming;

/* Settles in which order tiles can be done and what window that takes. GGX_E_UNSUPPORTED with the tensor and the reason where the source
 * cannot stream at all. Close it in any case. */
ggx_status ggx_streaming_open(ggx_streaming *s, const ggx_plan *plan, ggx_error *error);
void ggx_streaming_close(ggx_streaming *s);

/* Called between rounds, no tile being worked on: all tiles that need nothing from `position` on are done. */
typedef ggx_status ggx_streaming_mark(void *context, ggx_stream *stream, uint64_t position, ggx_error *error);

/* Does all wanted tiles in a window of that size, beginning at `from` (a cut) with the stored hashes `state`. `keeper` may be NULL. */
ggx_status ggx_streaming_run(ggx_streaming *s, const ggx_tile_sink *sink, uint64_t window, uint64_t from,
                             const uint8_t *state, const ggx_stream_keeper *keeper, ggx_streaming_mark *mark,
                             void *context, const ggx_run *run, ggx_error *error);

#endif
