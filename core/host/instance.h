/* core/host/instance.h - the host services of one open plugin instance, and the options it is opened with. */
#ifndef GGX_CORE_HOST_INSTANCE_H
#define GGX_CORE_HOST_INSTANCE_H

#include "base/arena.h"
#include <ggx/host.h>
#include <ggx/options.h>
#include <ggx/source.h>
#include <pthread.h>
#include <stdatomic.h>

/* What the instance's calls reach: shared by all instances of a run. All may be NULL. */
typedef struct ggx_run {
    atomic_int *canceled; /* set by a signal handler, read by every worker */
    void (*log)(void *context, int32_t level, const char *text);
    void (*progress)(void *context, uint64_t done, uint64_t total);
    void *context;
} ggx_run;

typedef struct ggx_instance {
    ggx_host host;
    ggx_arena arena;
    pthread_mutex_t lock;
    const ggx_run *run;
    void *self; /* instance_size zeroed bytes, from the arena */
    ggx_options options;
} ggx_instance;

/* Prepares host services with a memory cap in bytes and allocates `self`. Errors: GGX_E_NOMEM. */
ggx_status ggx_instance_open(ggx_instance *instance, const ggx_run *run, uint64_t memory_cap, uint64_t instance_size,
                             ggx_error *error);
void ggx_instance_close(ggx_instance *instance);

/* One -O name=value as the user wrote it. `used` becomes 1 when a plugin of this run declares the name. */
typedef struct ggx_setting {
    const char *name, *value;
    int32_t used;
} ggx_setting;

/* Fills instance->options from the settings that `declared` names. FILE options are opened as members of `source` (NULL for writers:
 * then a FILE option is GGX_E_UNSUPPORTED). Errors: GGX_E_USAGE with the option's name, type and the value. */
ggx_status ggx_instance_options(ggx_instance *instance, const ggx_option *declared, uint32_t declared_count,
                                ggx_setting *settings, uint32_t setting_count, ggx_source *source, ggx_error *error);

/* The first setting that nobody used, for "unknown option -O x; there are: …", or NULL. */
const ggx_setting *ggx_settings_unused(const ggx_setting *settings, uint32_t count);

#endif
