/* mixture_header.c - key/values of the output as a mixture and --override-kv want them. */
#include "base/text.h"
#include "plan/mixture_model.h"
#include <ggx_sdk/error.h>

ggx_status ggx_result_set_kv(ggx_arena *arena, ggx_recipe_result *result, const ggx_kv *kv, int last, ggx_error *error)
{
    uint64_t at = 0;
    while (at < result->kv_count && !ggx_str_same(result->kvs[at].key, kv->key)) at++;
    if (at < result->kv_count && !last) {
        result->kvs[at] = *kv;
        return GGX_OK;
    }
    ggx_kv *all = ggx_arena_array(arena, result->kv_count + 1, sizeof *all);
    if (!all) return ggx_fail(error, GGX_E_NOMEM, "no memory for the key/values");
    uint64_t n = 0;
    for (uint64_t i = 0; i < result->kv_count; i++)
        if (i != at) all[n++] = result->kvs[i];
    all[n++] = *kv;
    result->kvs = all;
    result->kv_count = n;
    return GGX_OK;
}

ggx_status ggx_mixture_fields(ggx_arena *arena, const ggx_mixture *mixture, ggx_eval *eval, const ggx_profile *profile,
                              int last, ggx_recipe_result *result, ggx_error *error)
{
    ggx_apply apply = {
        .eval = eval, .arena = arena, .recipe = &mixture->recipe, .env = eval->env, .profile = profile, .error = error};
    ggx_recipe_result fields = {0};
    ggx_status status = ggx_header_make(&apply, &fields);
    for (uint64_t i = 0; i < fields.kv_count && status == GGX_OK; i++)
        status = ggx_result_set_kv(arena, result, &fields.kvs[i], last, error);
    return status;
}

void ggx_mixture_drop_kvs(const ggx_json *globs, ggx_recipe_result *result)
{
    uint64_t kept = 0;
    for (uint64_t i = 0; i < result->kv_count; i++) {
        int dropped = 0;
        for (const ggx_json *at = globs ? globs->first : NULL; at && !dropped; at = at->next)
            dropped = ggx_str_glob(result->kvs[i].key, at->text);
        if (!dropped) result->kvs[kept++] = result->kvs[i];
    }
    result->kv_count = kept;
}
