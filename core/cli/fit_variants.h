/* core/cli/fit_variants.h - the models that a folder or repository holds: weights in several forms, or several files each a model. */
#ifndef GGX_CORE_CLI_FIT_VARIANTS_H
#define GGX_CORE_CLI_FIT_VARIANTS_H

#include "base/arena.h"
#include <ggx/reader.h>

typedef struct ggx_variant {
    const char *name;  /* of its first file; of a form whose files are one model, the form's name */
    const char *form;  /* as in plugins/models/files.json */
    uint64_t download; /* bytes of its files, and of the small ones beside them */
    int32_t each;      /* 1: the file is a model by itself */
} ggx_variant;

/* Those of a directory, in the order of the rules and of their names; none of anything else. `rules`: path of files.json. */
ggx_status ggx_variants_list(const ggx_source *source, const char *rules, ggx_arena *arena, ggx_variant **out,
                             uint32_t *count, ggx_error *error);

#endif
