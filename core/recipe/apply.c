/* apply.c - a recipe applied to a checkpoint: which rule takes which tensor, then what they make of it. */
#include "base/text.h"
#include "recipe/model.h"
#include <ggx_sdk/error.h>
#include <stdlib.h>

static const ggx_profile *find_profile(const struct ggx_recipe *recipe, const char *writer)
{
    const ggx_profile *other = NULL;
    for (uint32_t i = 0; i < recipe->profile_count; i++) {
        if (ggx_str_same(recipe->profiles[i].writer, ggx_str_of(writer ? writer : ""))) return &recipe->profiles[i];
        if (ggx_str_same(recipe->profiles[i].writer, GGX_LIT("*"))) other = &recipe->profiles[i];
    }
    return other;
}

int ggx_recipe_makes(const ggx_recipe *recipe, const char *portion)
{
    const ggx_json *makes = recipe->portion;
    if (!makes) return !portion;
    if (makes->kind == GGX_JSON_STRING)
        return ggx_str_same(makes->text, GGX_LIT("*")) || (portion && ggx_str_same(makes->text, ggx_str_of(portion)));
    for (const ggx_json *at = makes->first; at && portion; at = at->next)
        if (ggx_str_same(at->text, ggx_str_of(portion))) return 1;
    return !portion;
}

int ggx_recipe_is_for(const ggx_recipe *recipe, const char *writer)
{
    return !recipe->profile_count || !writer || !*writer || find_profile(recipe, writer) != NULL;
}

ggx_status ggx_apply_domain(ggx_apply *apply, uint32_t rule, uint32_t domain, ggx_value *out)
{
    ggx_value *kept = &apply->domains[(uint64_t)rule * GGX_MAX_PLACEHOLDERS + domain];
    const ggx_node *node = apply->recipe->rules[rule].domains[domain].list;
    if (kept->kind != GGX_VALUE_LIST) {
        const ggx_local *locals = apply->eval->locals;
        apply->eval->locals = NULL;
        ggx_status status = ggx_eval_list(apply->eval, node, kept);
        apply->eval->locals = locals;
        for (uint64_t i = 0; status == GGX_OK && i < kept->count; i++) {
            const ggx_value *item = &kept->at.items[i];
            if (item->kind != GGX_VALUE_STR && (item->kind != GGX_VALUE_INT || item->integer < 0))
                status = GGX_NODE_FAIL(apply->eval, node, "'for' gives a placeholder strings or integers from 0 up");
        }
        if (status != GGX_OK) return status;
    }
    *out = *kept;
    return GGX_OK;
}

ggx_status ggx_apply_within(ggx_apply *apply, uint32_t index, int *within)
{
    const ggx_rule *rule = &apply->recipe->rules[index];
    *within = 1;
    for (uint32_t d = 0; d < rule->domain_count && *within; d++) {
        ggx_value list;
        const ggx_local *local = apply->eval->locals;
        ggx_status status = ggx_apply_domain(apply, index, d, &list);
        if (status != GGX_OK) return status;
        while (local && !ggx_str_same(local->name, rule->domains[d].name)) local = local->outer;
        *within = 0;
        for (uint64_t i = 0; local && i < list.count && !*within; i++)
            *within = ggx_value_equal(&local->value, &list.at.items[i]);
        status = ggx_eval_work(apply->eval, rule->domains[d].list, list.count / 16);
        if (status != GGX_OK) return status;
    }
    return GGX_OK;
}

ggx_status ggx_apply_wants(ggx_apply *apply, uint32_t index, ggx_str name, int *wanted)
{
    const ggx_rule *rule = &apply->recipe->rules[index];
    ggx_local space[GGX_MAX_PLACEHOLDERS];
    ggx_match match = {0};
    ggx_status status = GGX_OK;
    *wanted = 0;
    if (rule->kind == GGX_RULE_CONST) return GGX_OK;
    for (uint32_t s = 0; s < rule->source_count && status == GGX_OK && !*wanted; s++) {
        const ggx_pattern *pattern = rule->sources[s].pattern;
        if (!pattern || !ggx_pattern_match(pattern, name, &match, &apply->steps)) continue;
        apply->eval->locals = ggx_match_bind(pattern, &match, NULL, space);
        status = ggx_apply_within(apply, index, wanted);
        if (status == GGX_OK && *wanted && rule->when) status = ggx_eval_bool(apply->eval, rule->when, wanted);
        apply->eval->locals = NULL;
    }
    return status;
}

static ggx_status claim_all(ggx_apply *apply)
{
    const ggx_checkpoint *c = apply->env->checkpoint;
    ggx_status status = GGX_OK;
    for (uint64_t i = 0; i < c->tensor_count && status == GGX_OK; i++)
        for (uint32_t r = 0; r < apply->recipe->rule_count && status == GGX_OK; r++) {
            int wanted;
            if (ggx_tensor_hidden(c, i)) break;
            status = ggx_apply_wants(apply, r, ggx_recipe_bare(apply->recipe, c->tensors[i].name), &wanted);
            if (status == GGX_OK && apply->steps > 50ull * GGX_EVAL_STEPS)
                return ggx_origin_fail(
                    &apply->recipe->rules[r].origin, GGX_WHOLE, apply->error, GGX_E_MALFORMED,
                    "matching the names of %llu tensors takes too many steps; make the patterns plainer",
                    (unsigned long long)c->tensor_count);
            if (status == GGX_OK && wanted) {
                apply->claimed[i] = r + 1;
                break;
            }
        }
    return status;
}

static ggx_status make_claimed(ggx_apply *apply, uint64_t tensor)
{
    uint32_t index = apply->claimed[tensor] - 1;
    const ggx_rule *rule = &apply->recipe->rules[index];
    ggx_match match = {0};
    if (rule->kind == GGX_RULE_DROP) return ggx_apply_use(apply, tensor, index, 1);
    const ggx_pattern *leader = rule->sources[rule->leader].pattern;
    ggx_str name = ggx_recipe_bare(apply->recipe, apply->env->checkpoint->tensors[tensor].name);
    if (!ggx_pattern_match(leader, name, &match, &apply->steps)) return GGX_OK;
    if (rule->over.size && !ggx_str_same(match.slot[ggx_pattern_slot(leader, rule->over)], GGX_LIT("0"))) return GGX_OK;
    return ggx_rule_make(apply, index, tensor, &match);
}

/* A constant for each combination of its "for". */
static ggx_status make_constants(ggx_apply *apply, uint32_t index, uint32_t domain, const ggx_local *locals)
{
    const ggx_rule *rule = &apply->recipe->rules[index];
    if (domain == rule->domain_count) return ggx_rule_make_const(apply, index, locals);
    ggx_value list;
    ggx_status status = ggx_apply_domain(apply, index, domain, &list);
    for (uint64_t i = 0; status == GGX_OK && i < list.count; i++) {
        ggx_local local = {rule->domains[domain].name, list.at.items[i], locals};
        status = ggx_eval_work(apply->eval, rule->domains[domain].list, 1);
        if (status == GGX_OK) status = make_constants(apply, index, domain + 1, &local);
    }
    return status;
}

/* The recipe's own words first: its place is for who looks after it. */
static ggx_status refuse(const ggx_apply *apply, const ggx_demand *demand, ggx_str text)
{
    const ggx_origin *origin = demand->that->origin;
    const char *slash = strrchr(origin->file, '/');
    uint32_t line, column;
    ggx_origin_place(origin, demand->that->offset, &line, &column);
    return ggx_fail(apply->error, GGX_E_MALFORMED, "%.*s (recipe %s, line %u of %s)",
                    (int)(text.size < 190 ? text.size : 190), text.data, apply->recipe->id, line,
                    slash ? slash + 1 : origin->file);
}

static ggx_status check_demands(ggx_apply *apply)
{
    for (uint32_t i = 0; i < apply->recipe->demand_count; i++) {
        const ggx_demand *demand = &apply->recipe->demands[i];
        int holds;
        ggx_str text;
        ggx_status status = ggx_eval_bool(apply->eval, demand->that, &holds);
        if (status == GGX_OK && !holds) status = ggx_eval_text(apply->eval, demand->otherwise, &text);
        if (status != GGX_OK) return status;
        if (!holds) return refuse(apply, demand, text);
    }
    return GGX_OK;
}

static ggx_status run(ggx_apply *apply, ggx_recipe_result *out)
{
    const int partial = apply->env->partial;
    /* what a whole model needs, files of its tokenizer for one, part of it may do without; a recipe without rules only refuses */
    ggx_status status = partial && apply->recipe->rule_count ? GGX_OK : check_demands(apply);
    if (apply->env->header_only) {
        out->checkpoint = apply->env->checkpoint;
        if (status == GGX_OK)
            status = ggx_order_outputs(apply, out); /* of none, but it says how they would be laid out */
        apply->eval->made = out;
        return status == GGX_OK ? ggx_header_make(apply, out) : status;
    }
    if (status == GGX_OK && !partial) status = ggx_packed_make(apply);
    if (status == GGX_OK && !partial) status = ggx_order_sources(apply);
    if (status == GGX_OK) status = claim_all(apply);
    for (uint64_t i = 0; i < apply->env->checkpoint->tensor_count && status == GGX_OK; i++)
        if (apply->claimed[i]) status = make_claimed(apply, i);
    for (uint32_t r = 0; r < apply->recipe->rule_count && status == GGX_OK && !partial; r++)
        if (apply->recipe->rules[r].kind == GGX_RULE_CONST) status = make_constants(apply, r, 0, NULL);
    out->checkpoint = apply->env->checkpoint;
    out->uses = apply->uses;
    out->use_count = apply->use_count;
    if (status != GGX_OK) return status;
    ggx_status covered = ggx_coverage_check(apply);
    if (covered != GGX_OK) apply->error = apply->eval->error = NULL; /* the first fault is the one to tell */
    status = ggx_order_outputs(apply, out);
    if (covered != GGX_OK) return covered;
    apply->eval->made = out;
    return status == GGX_OK && !partial ? ggx_header_make(apply, out) : status;
}

ggx_status ggx_recipe_apply(ggx_arena *arena, const ggx_recipe *recipe, const ggx_recipe_env *env,
                            ggx_recipe_result *out, ggx_error *error)
{
    ggx_eval eval;
    memset(out, 0, sizeof *out);
    ggx_apply apply = {.eval = &eval, .arena = arena, .recipe = recipe, .env = env, .error = error};
    apply.profile = find_profile(recipe, env->writer);
    if (recipe->profile_count && !apply.profile)
        return ggx_origin_fail(&recipe->origin, GGX_WHOLE, error, GGX_E_UNSUPPORTED,
                               "recipe %s has no output for writer %s; see its 'outputs', or use --recipe none",
                               recipe->id, env->writer ? env->writer : "(none)");
    if (recipe->adapter) return ggx_adapter_apply(arena, recipe, apply.profile, env, out, error);
    ggx_recipe_env laid = *env;
    ggx_status made = ggx_rename_make(arena, recipe, &laid, error);
    if (made == GGX_OK && ggx_recipe_decodes(recipe) && !env->partial) {
        const uint64_t room = recipe->packed_count ? env->checkpoint->tensor_count : 0;
        made = ggx_overlay_make(arena, laid.checkpoint, room, &apply.overlay, error);
        if (apply.overlay) laid.checkpoint = apply.overlay;
    }
    if (made != GGX_OK) return made;
    apply.env = &laid;
    ggx_status status = ggx_eval_open(&eval, recipe, apply.env, error);
    if (status != GGX_OK) return status;
    const uint64_t most = env->checkpoint->tensor_count + (apply.overlay ? env->checkpoint->tensor_count : 0);
    apply.claimed = ggx_arena_array(&eval.arena, most, sizeof *apply.claimed);
    apply.used = ggx_arena_array(&eval.arena, most, 1);
    apply.marks = ggx_arena_array(&eval.arena, most, 1);
    apply.taken = ggx_arena_array(&eval.arena, recipe->rule_count, sizeof *apply.taken);
    apply.domains = ggx_arena_array(&eval.arena, recipe->rule_count, GGX_MAX_PLACEHOLDERS * sizeof *apply.domains);
    status = apply.claimed && apply.used && apply.marks && apply.taken && apply.domains
                 ? run(&apply, out)
                 : ggx_fail(error, GGX_E_NOMEM, "no memory to apply the recipe");
    ggx_eval_close(&eval);
    return status;
}

ggx_status ggx_recipe_match(const ggx_recipe *recipe, const ggx_recipe_env *env, int32_t *score, ggx_error *error)
{
    ggx_eval eval;
    ggx_error ignored = {0};
    int applies = 0;
    *score = 0;
    if (!recipe->when || !ggx_recipe_is_for(recipe, env->writer)) return GGX_OK;
    if (!ggx_recipe_makes(recipe, env->portion)) return GGX_OK;
    ggx_status status = ggx_eval_open(&eval, recipe, env, error);
    if (status != GGX_OK) return status;
    eval.error = &ignored; /* a condition that cannot be computed for this checkpoint does not hold */
    status = ggx_eval_bool(&eval, recipe->when, &applies);
    ggx_eval_close(&eval);
    if (status == GGX_E_NOMEM) return ggx_fail(error, status, "%s", ignored.text);
    if (status == GGX_OK && applies) *score = recipe->specificity ? recipe->specificity : 50;
    return GGX_OK;
}
