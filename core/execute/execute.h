/* core/execute/execute.h - does the plan: threads take tiles, read, convert, quantize and hand the bytes over to be written.
 *
 * Workers share nothing but a counter of jobs; each has its own buffers, which together stay within the plan's memory. Where the bytes
 * go and what is already done is the sink's to know (core/commit). */
#ifndef GGX_CORE_EXECUTE_H
#define GGX_CORE_EXECUTE_H

#include "plan/plan.h"

/* Where finished tiles go. All functions may be called from several threads at once. */
typedef struct ggx_tile_sink {
    void *context;
    /* `offset` is a plan's `at`: files one after the other, and no write goes from one into the next */
    int (*wanted)(void *context, uint64_t tile); /* 0: done already, or another part's */
    ggx_status (*write)(void *context, uint64_t offset, const void *data, uint64_t size, ggx_error *error);
    ggx_status (*done)(void *context, uint64_t tile, uint64_t bytes, ggx_error *error);
} ggx_tile_sink;

/* Runs all wanted tiles of a plan, or of several that were joined, sinks[k] taking those of plans[k]. The first error stops every worker and is returned; GGX_E_CANCELED when run->canceled was set. */
ggx_status ggx_execute(const ggx_plan *const *plans, const ggx_tile_sink *sinks, uint32_t count, const ggx_run *run,
                       ggx_error *error);

#endif
