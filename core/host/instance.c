/* instance.c - the host services behind ggx_host. */
#include "host/instance.h"
#include <ggx_sdk/error.h>

static ggx_instance *instance_of(const ggx_host *host)
{
    return host->context;
}

static void *alloc(const ggx_host *host, uint64_t size)
{
    ggx_instance *instance = instance_of(host);
    pthread_mutex_lock(&instance->lock);
    void *memory = ggx_arena_alloc(&instance->arena, size);
    pthread_mutex_unlock(&instance->lock);
    return memory;
}

static int32_t canceled(const ggx_host *host)
{
    const ggx_run *run = instance_of(host)->run;
    return run && run->canceled && *run->canceled;
}

static void progress(const ggx_host *host, uint64_t done, uint64_t total)
{
    const ggx_run *run = instance_of(host)->run;
    if (run && run->progress) run->progress(run->context, done, total);
}

static void log_line(const ggx_host *host, int32_t level, const char *text)
{
    const ggx_run *run = instance_of(host)->run;
    if (run && run->log && text) run->log(run->context, level, text);
}

static const void *extension(const ggx_host *host, const char *id)
{
    (void)host;
    (void)id;
    return NULL; /* none yet */
}

ggx_status ggx_instance_open(ggx_instance *instance, const ggx_run *run, uint64_t memory_cap, uint64_t instance_size,
                             ggx_error *error)
{
    memset(instance, 0, sizeof *instance);
    ggx_arena_init(&instance->arena, memory_cap);
    if (pthread_mutex_init(&instance->lock, NULL)) return ggx_fail(error, GGX_E_NOMEM, "no memory for a lock");
    instance->run = run;
    instance->host = (ggx_host){.struct_size = sizeof(ggx_host),
                                .context = instance,
                                .alloc = alloc,
                                .canceled = canceled,
                                .progress = progress,
                                .log = log_line,
                                .extension = extension};
    instance->options.struct_size = sizeof instance->options;
    instance->self = ggx_arena_alloc(&instance->arena, instance_size);
    if (instance->self) return GGX_OK;
    ggx_instance_close(instance);
    return ggx_fail(error, GGX_E_NOMEM, "no memory for a plugin's instance of %llu bytes",
                    (unsigned long long)instance_size);
}

void ggx_instance_close(ggx_instance *instance)
{
    if (!instance->host.context) return; /* never opened, or closed */
    ggx_arena_free(&instance->arena);
    pthread_mutex_destroy(&instance->lock);
    memset(instance, 0, sizeof *instance);
}
