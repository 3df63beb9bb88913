/* identity.c - `--recipe none`: names, shapes, types and key/values as they are. */
#include "recipe/recipe.h"
#include <ggx_sdk/error.h>

ggx_status ggx_recipe_identity(ggx_arena *arena, const ggx_recipe_env *env, ggx_recipe_result *out, ggx_error *error)
{
    const ggx_checkpoint *c = env->checkpoint;
    memset(out, 0, sizeof *out);
    out->tensors = ggx_arena_array(arena, c->tensor_count, sizeof *out->tensors);
    out->kvs = ggx_arena_array(arena, c->kv_count, sizeof *out->kvs);
    out->uses = ggx_arena_array(arena, c->tensor_count, sizeof *out->uses);
    if (!out->tensors || !out->kvs || !out->uses)
        return ggx_fail(error, GGX_E_NOMEM, "no memory for %llu tensors", (unsigned long long)c->tensor_count);
    for (uint64_t i = 0; i < c->tensor_count; i++) {
        const ggx_tensor *from = &c->tensors[i];
        int auxiliary = (from->flags & GGX_TENSOR_AUXILIARY) != 0;
        out->uses[out->use_count++] = (ggx_recipe_use){i, 0, auxiliary, NULL};
        if (auxiliary) continue;
        ggx_recipe_tensor *to = &out->tensors[out->tensor_count++];
        ggx_status status = ggx_view_tensor(arena, c, i, &to->view, error);
        if (status != GGX_OK) return status;
        to->name = from->name;
        to->quantize = from->rank >= 2;
    }
    if (c->kv_count) memcpy(out->kvs, c->kvs, (size_t)(c->kv_count * sizeof *out->kvs));
    out->kv_count = c->kv_count;
    out->identity = 1;
    return GGX_OK;
}
