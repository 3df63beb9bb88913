/* rename.c - "renames": other names for source tensors, before anything else of the recipe sees them. */
#include "base/text.h"
#include "recipe/model.h"
#include <ggx_sdk/error.h>

ggx_status ggx_parse_renames(const ggx_recipe_parser *parser, const ggx_json *list, struct ggx_recipe *recipe)
{
    static const char *const words[] = {"from", "to", "when", "note", NULL};
    if (!list) return GGX_OK;
    ggx_status status = ggx_parser_kind(parser, list, GGX_JSON_ARRAY, "'renames'");
    if (status != GGX_OK) return status;
    recipe->renames = ggx_arena_array(parser->arena, list->count, sizeof *recipe->renames);
    if (!recipe->renames) return ggx_parser_no_memory(parser);
    for (const ggx_json *at = list->first; at && status == GGX_OK; at = at->next) {
        ggx_rename *rename = &recipe->renames[recipe->rename_count++];
        const ggx_json *from = ggx_json_get(at, "from"), *to = ggx_json_get(at, "to");
        status = ggx_parser_words(parser, at, words, "renames");
        if (status == GGX_OK && (!from || !to))
            return GGX_PARSER_FAIL(parser, at, "'%s' is missing", from ? "to" : "from");
        if (status == GGX_OK) status = ggx_parser_pattern(parser, from, &rename->from);
        if (status == GGX_OK) status = ggx_parser_template(parser, to, &rename->to);
        if (status == GGX_OK) status = ggx_parser_value(parser, ggx_json_get(at, "when"), &rename->when);
    }
    return status;
}

/* The name by the first that matches, or NULL data: it keeps its own. */
static ggx_status rename_one(ggx_eval *eval, ggx_str name, uint64_t *steps, ggx_str *out)
{
    ggx_local space[GGX_MAX_PLACEHOLDERS];
    ggx_match match = {0};
    for (uint32_t i = 0; i < eval->recipe->rename_count; i++) {
        const ggx_rename *rename = &eval->recipe->renames[i];
        int wanted = 1;
        if (!ggx_pattern_match(rename->from, name, &match, steps)) continue;
        eval->locals = ggx_match_bind(rename->from, &match, NULL, space);
        ggx_status status = rename->when ? ggx_eval_bool(eval, rename->when, &wanted) : GGX_OK;
        if (status == GGX_OK && wanted) status = ggx_eval_text(eval, rename->to, out);
        eval->locals = NULL;
        if (status != GGX_OK || wanted) return status;
    }
    return GGX_OK;
}

ggx_status ggx_rename_make(ggx_arena *arena, const struct ggx_recipe *recipe, ggx_recipe_env *env, ggx_error *error)
{
    const ggx_checkpoint *c = env->checkpoint;
    if (!recipe->rename_count || !c->tensor_count) return GGX_OK;
    ggx_eval eval; /* its values see the names as they are */
    ggx_str *names = ggx_arena_array(arena, c->tensor_count, sizeof *names);
    if (!names)
        return ggx_fail(error, GGX_E_NOMEM, "no memory for the names of %llu tensors",
                        (unsigned long long)c->tensor_count);
    ggx_status status = ggx_eval_open(&eval, recipe, env, error);
    if (status != GGX_OK) return status;
    uint64_t steps = 0, changed = 0;
    for (uint64_t i = 0; i < c->tensor_count && status == GGX_OK; i++) {
        ggx_str name = {NULL, 0};
        status = rename_one(&eval, c->tensors[i].name, &steps, &name);
        names[i] = name.data ? ggx_arena_str(arena, name) : c->tensors[i].name;
        changed += name.data != NULL;
        if (status == GGX_OK && !names[i].data) status = ggx_fail(error, GGX_E_NOMEM, "no memory for a tensor's name");
        if (status == GGX_OK && steps > 50ull * GGX_EVAL_STEPS)
            status =
                ggx_origin_fail(&recipe->renames->from->origin, GGX_WHOLE, error, GGX_E_MALFORMED,
                                "matching the names of %llu tensors takes too many steps; make the patterns plainer",
                                (unsigned long long)c->tensor_count);
    }
    ggx_eval_close(&eval);
    ggx_checkpoint *renamed = NULL;
    if (status == GGX_OK && changed) status = ggx_checkpoint_rename(arena, c, names, &renamed, error);
    if (renamed) env->checkpoint = renamed;
    return status;
}
