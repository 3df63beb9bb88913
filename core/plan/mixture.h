/* core/plan/mixture.h - mixtures: which type each tensor of a model gets, as data.
 *
 * A mixture is a JSON file (docs/quantizing.md) of expressions in the recipes' language. It is evaluated over the tensors that a
 * recipe made, in the mixture's own order and with counters that core keeps, and says for each tensor its type, what the
 * header gains, and how the output is laid out. Core knows no mixture, no tensor and no type by name. */
#ifndef GGX_CORE_MIXTURE_H
#define GGX_CORE_MIXTURE_H

#include "plan/imatrix.h"
#include "plan/plan.h"

typedef struct ggx_mixture ggx_mixture; /* parsed; lives in its arena */

/* What the user asked for besides the mixture. */
typedef struct ggx_mixture_request {
    const ggx_recipe_env *env;
    const char *output_type;            /* --output-tensor-type, or NULL */
    const char *embedding_type;         /* --token-embedding-type, or NULL */
    int32_t leave_output;               /* --leave-output-tensor */
    int32_t pure;                       /* --pure */
    const ggx_type_override *overrides; /* --tensor-type, the first that matches wins */
    uint32_t override_count;
    const ggx_kv *kvs; /* --override-kv: already in the result's key/values; moved where the layout wants them */
    uint64_t kv_count;
    const ggx_imatrix *imatrix; /* or NULL */
    int32_t keep_order;         /* the result's order stays, and is the order in which is counted */
    const char *layout;         /* --layout: the mixture's layout's name, "source", or NULL for the mixture's */
} ggx_mixture_request;

/* What the mixture decided for one tensor of the result. */
struct ggx_mixture_choice {
    ggx_str type;         /* empty: it stays as it is */
    const char *note;     /* why not what was asked for, or NULL */
    int32_t imatrix_free; /* 1: it may go without an importance matrix, whatever its type */
    int32_t
        imatrix_forgiven; /* 1: an entry that has not as many weights as it needs counts as none, else it is refused */
};

/* The mixture of that name in the directory; *out NULL when there is none. Errors: GGX_E_USAGE for what is not of the language. */
ggx_status ggx_mixture_find(ggx_arena *arena, const char *directory, ggx_str name, ggx_mixture **out, ggx_error *error);

/* The name of a mixture in the directory that differs least from `name`, if by less than *least, which it then sets; else NULL. */
const char *ggx_mixture_nearest(ggx_arena *arena, const char *directory, ggx_str name, uint32_t *least);

/* The type most tensors get; empty: none. And what it is for, for messages. */
ggx_str ggx_mixture_type(const ggx_mixture *mixture);
const char *ggx_mixture_about(const ggx_mixture *mixture);

/* Is it for what the recipe made? */
ggx_status ggx_mixture_applies(const ggx_mixture *mixture, const ggx_recipe_env *env, const ggx_recipe_result *result,
                               int *applies, ggx_error *error);

/* Decides for every tensor: choices[i] is for result->tensors[i], whose order, and the key/values, are changed as the layout says.
 * `out` gets the choices and the types that need an importance matrix here. */
typedef struct ggx_mixture_result {
    const ggx_mixture_choice *choices;
    const ggx_str *imatrix_types; /* refused without an importance matrix, but for tensors that are imatrix_free */
    uint32_t imatrix_type_count;
    int32_t finite; /* 1: what is given a type here must decode to finite numbers, else the conversion ends */
} ggx_mixture_result;
ggx_status ggx_mixture_apply(ggx_arena *arena, const ggx_mixture *mixture, const ggx_mixture_request *request,
                             ggx_recipe_result *result, ggx_mixture_result *out, ggx_error *error);

/* Sets a key/value of the result in its place, or behind the others: when there was none, or with `last`. */
ggx_status ggx_result_set_kv(ggx_arena *arena, ggx_recipe_result *result, const ggx_kv *kv, int last, ggx_error *error);

#endif
