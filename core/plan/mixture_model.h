/* core/plan/mixture_model.h - a parsed mixture. Private to mixture*.c. */
#ifndef GGX_CORE_MIXTURE_MODEL_H
#define GGX_CORE_MIXTURE_MODEL_H

#include "plan/mixture.h"
#include "recipe/model.h"

#define GGX_MIXTURE_KEYS 4 /* of the order */

struct ggx_mixture {
    struct ggx_recipe recipe; /* id, about, path, extends, when; values of the model, then those of the tensor */
    uint8_t *of_tensor;       /* for each value: 1 when it is computed anew for each tensor */
    int32_t has_type;         /* 0: a base that others extend */
    const ggx_json *type;     /* the type most tensors get; JSON null: none */
    ggx_node *keep, *count, *option, *choose;
    ggx_node *imatrix_types, *imatrix_free, *imatrix_forgiven;
    ggx_profile header, imatrix_header; /* only their fields are used */
    const char *layout;
    ggx_node *order[GGX_MIXTURE_KEYS];
    uint32_t order_count;
    int32_t finite;          /* as in ggx_mixture_result */
    int32_t trim;            /* leading axes of length 1 are dropped */
    const ggx_json *without; /* list of globs: keys that are dropped, or NULL */
};

/* mixture_header.c: sets the profile's fields; with `last` behind the other key/values. */
ggx_status ggx_mixture_fields(ggx_arena *arena, const ggx_mixture *mixture, ggx_eval *eval, const ggx_profile *profile,
                              int last, ggx_recipe_result *result, ggx_error *error);
/* Removes the key/values that one of the globs matches. */
void ggx_mixture_drop_kvs(const ggx_json *globs, ggx_recipe_result *result);

#endif
