/* core/host/cpu.h - CPU features by name, as manifests and --cpu write them. */
#ifndef GGX_CORE_HOST_CPU_H
#define GGX_CORE_HOST_CPU_H

#include "base/arena.h"

/* All names that ggx knows, on any machine; ended by NULL. */
extern const char *const ggx_cpu_names[];

/* 1 when this machine and its operating system have the feature; 0 also for unknown names. */
int ggx_cpu_has(const char *name);

/* The detected features that the mask leaves, as a list ended by NULL: a comma-separated list of names, "portable" for none, NULL for all.
 * Errors: GGX_E_USAGE (an unknown name), GGX_E_NOMEM. */
ggx_status ggx_cpu_select(ggx_arena *arena, const char *mask, const char *const **out, ggx_error *error);

/* The first of `needed` that is not among `available`, or NULL. Both end with NULL. */
const char *ggx_cpu_missing(const char *const *needed, const char *const *available);

#endif
