/* core/cli/mixtures.h - the mixtures of the data directory. */
#ifndef GGX_CORE_CLI_MIXTURES_H
#define GGX_CORE_CLI_MIXTURES_H

#include "plan/mixture.h"

typedef struct ggx_mixture_list {
    const char **names;
    ggx_mixture **mixtures;
    uint32_t count;
} ggx_mixture_list;

/* All that are no bases, by name. */
ggx_status ggx_cli_mixtures(ggx_arena *arena, ggx_mixture_list *out, ggx_error *error);

#endif
