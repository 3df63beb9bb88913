/* pool.c - threads for the time of one call. */
#define _GNU_SOURCE /* sched_getaffinity */
#include "base/pool.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define STACK_BYTES (1u << 20) /* kernels keep their scratch elsewhere */

typedef struct worker {
    pthread_t thread;
    void (*work)(void *context, uint32_t worker);
    void *context;
    uint32_t index;
} worker;

static void *run_worker(void *argument)
{
    const worker *self = argument;
    self->work(self->context, self->index);
    return NULL;
}

/* Starts workers until one cannot be started; returns how many run. */
static uint32_t start_workers(worker *workers, uint32_t count, void (*work)(void *, uint32_t), void *context)
{
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes)) return 0;
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    uint32_t started = 0;
    for (; started < count; started++) {
        workers[started] = (worker){.work = work, .context = context, .index = started};
        if (pthread_create(&workers[started].thread, &attributes, run_worker, &workers[started])) break;
    }
    pthread_attr_destroy(&attributes);
    return started;
}

ggx_status ggx_pool_run(uint32_t threads, void (*work)(void *context, uint32_t worker), void *context)
{
    uint32_t others = threads > 1 ? threads - 1 : 0, started = 0;
    worker *workers = others ? calloc(others, sizeof *workers) : NULL;
    if (workers) {
        sigset_t all, before; /* threads inherit the mask: signals are the calling thread's business */
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, &before);
        started = start_workers(workers, others, work, context);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    ggx_status status = others && !started ? GGX_E_NOMEM : GGX_OK;
    if (status == GGX_OK) work(context, others);
    for (uint32_t i = 0; i < started; i++) pthread_join(workers[i].thread, NULL);
    free(workers);
    return status;
}

uint32_t ggx_pool_cpus(void)
{
    cpu_set_t set;
    if (!sched_getaffinity(0, sizeof set, &set)) return (uint32_t)CPU_COUNT(&set);
    long online = sysconf(_SC_NPROCESSORS_ONLN); /* more CPUs than a cpu_set_t holds */
    return online > 0 && online < 65536 ? (uint32_t)online : 1;
}
