/* core/base/pool.h - runs one function on several threads.
 *
 * All threads of ggx are started here, for the time of one call: there is no background thread and no queue. */
#ifndef GGX_CORE_POOL_H
#define GGX_CORE_POOL_H

#include <ggx/base.h>

/* Runs work(context, 0) … work(context, threads - 1) at the same time, the last one on the calling thread, and waits for all.
 * Signals are blocked in the threads it starts. Returns GGX_E_NOMEM when not one thread beside the caller's could be started;
 * fewer threads than asked for are fine: `work` takes its tiles from a shared counter. */
ggx_status ggx_pool_run(uint32_t threads, void (*work)(void *context, uint32_t worker), void *context);

/* Number of CPUs this process may run on. */
uint32_t ggx_pool_cpus(void);

#endif
