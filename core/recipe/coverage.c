/* coverage.c - nothing is lost in silence: every source tensor was consumed or dropped, every rule found what it needs. */
#include "base/text.h"
#include "recipe/model.h"
#include <ggx_sdk/error.h>
#include <stdio.h>

/* A rule's pattern takes tensors of such names, but its "for" does not go so far: the list that says so, and the pattern. */
static const ggx_node *beyond(ggx_apply *apply, ggx_str name, const ggx_pattern **pattern)
{
    const struct ggx_recipe *recipe = apply->recipe;
    ggx_match match = {0};
    ggx_local space[GGX_MAX_PLACEHOLDERS];
    for (uint32_t r = 0; r < recipe->rule_count; r++)
        for (uint32_t s = 0; s < recipe->rules[r].source_count && recipe->rules[r].domain_count; s++) {
            *pattern = recipe->rules[r].sources[s].pattern;
            if (!*pattern || !ggx_pattern_match(*pattern, name, &match, &apply->steps)) continue;
            for (uint32_t d = 0; d < recipe->rules[r].domain_count; d++) {
                ggx_value list;
                int within = 0;
                const ggx_local *local = ggx_match_bind(*pattern, &match, NULL, space);
                while (local && !ggx_str_same(local->name, recipe->rules[r].domains[d].name)) local = local->outer;
                if (!local || ggx_apply_domain(apply, r, d, &list) != GGX_OK) continue;
                for (uint64_t i = 0; i < list.count && !within; i++)
                    within = ggx_value_equal(&local->value, &list.at.items[i]);
                if (!within) return recipe->rules[r].domains[d].list;
            }
        }
    return NULL;
}

static ggx_status leftover(ggx_apply *apply, uint64_t tensor)
{
    const struct ggx_recipe *recipe = apply->recipe;
    ggx_str name = ggx_tensor_own_name(apply->env->checkpoint, tensor);
    const ggx_pattern *nearest = NULL, *taker = NULL;
    uint32_t least = UINT32_MAX;
    char source[GGX_SOURCE_BYTES] = "";
    const ggx_node *list = beyond(apply, ggx_recipe_bare(recipe, apply->env->checkpoint->tensors[tensor].name), &taker);
    if (list) ggx_node_source(apply->eval, list, GGX_SOURCE_WHOLE, source);
    if (*source) nearest = taker;
    for (uint32_t r = 0; r < recipe->rule_count && !*source; r++)
        for (uint32_t s = 0; s < recipe->rules[r].source_count; s++) {
            const ggx_pattern *pattern = recipe->rules[r].sources[s].pattern;
            uint32_t distance = pattern ? ggx_word_distance(pattern->text, name) : UINT32_MAX;
            if (distance >= least) continue;
            least = distance;
            nearest = pattern;
        }
    if (!nearest)
        return ggx_fail(apply->error, GGX_E_MALFORMED, "recipe %s has no rule for tensor '%.*s'", recipe->id,
                        GGX_STR_ARGS(name));
    return ggx_origin_fail(&nearest->origin, GGX_WHOLE, apply->error, GGX_E_MALFORMED,
                           "%srecipe %s has no rule for tensor '%.*s'; the nearest is this one, '%.*s'", source,
                           recipe->id, (int)(name.size < 70 ? name.size : 70), name.data,
                           (int)(nearest->text.size < 60 ? nearest->text.size : 60), nearest->text.data);
}

/* The tensor matched a rule that joins several, but not as the one that leads. */
static ggx_status stranded(ggx_apply *apply, uint64_t tensor, uint32_t index)
{
    const ggx_rule *rule = &apply->recipe->rules[index];
    ggx_str name = ggx_recipe_bare(apply->recipe, apply->env->checkpoint->tensors[tensor].name), leader = {NULL, 0};
    for (uint32_t s = 0; s < rule->source_count && !leader.data; s++) {
        ggx_match match = {0};
        char zero[] = "0";
        const ggx_pattern *pattern = rule->sources[s].pattern;
        if (!pattern || !ggx_pattern_match(pattern, name, &match, &apply->steps)) continue;
        ggx_match lead = {0};
        for (uint32_t i = 0; i < pattern->slot_count; i++)
            lead.slot[i] =
                rule->over.size && ggx_str_same(pattern->names[i], rule->over) ? (ggx_str){zero, 1} : match.slot[i];
        leader = ggx_pattern_fill(&apply->eval->arena, rule->sources[rule->leader].pattern, pattern, &lead);
    }
    char source[GGX_SOURCE_BYTES];
    ggx_node_source(apply->eval, rule->count, GGX_SOURCE_WHOLE, source);
    if (*source && leader.data)
        return ggx_origin_fail(&rule->origin, GGX_WHOLE, apply->error, GGX_E_MALFORMED,
                               "%stensor '%.*s' is beyond these, which recipe %s counts from '%.*s'", source,
                               (int)(name.size < 70 ? name.size : 70), name.data, apply->recipe->id,
                               (int)(leader.size < 70 ? leader.size : 70), leader.data);
    return ggx_origin_fail(
        &rule->origin, GGX_WHOLE, apply->error, GGX_E_MALFORMED,
        "tensor '%.*s' is not reached by this rule of recipe %s: it begins at '%.*s' and goes on without a gap",
        (int)(name.size < 70 ? name.size : 70), name.data, apply->recipe->id,
        (int)(leader.size < 70 ? leader.size : 70), leader.data ? leader.data : "");
}

/* Does no tensor's name begin as the pattern does, the slot's text included? Then not this tensor is missing, but the whole layer. */
static int none_begins(const ggx_apply *apply, const ggx_pattern *pattern, const ggx_match *match, uint32_t slot)
{
    const ggx_checkpoint *c = apply->env->checkpoint;
    char prefix[256];
    uint64_t used = 0;
    for (uint32_t p = 0, last = 0; p < pattern->part_count && !last; p++) {
        const ggx_part *part = &pattern->parts[p];
        ggx_str text = part->kind == GGX_PART_LITERAL ? part->text : match->slot[part->slot];
        last = part->kind != GGX_PART_LITERAL && part->slot == slot;
        if (text.size + used + 1 >= sizeof prefix) return 0;
        if (text.size) memcpy(prefix + used, text.data, (size_t)text.size);
        used += text.size;
        if (last && p + 1 < pattern->part_count && pattern->parts[p + 1].text.size)
            prefix[used++] = pattern->parts[p + 1].text.data[0];
    }
    for (uint64_t i = 0; i < c->tensor_count && used; i++)
        if (ggx_str_begins(ggx_recipe_bare(apply->recipe, c->tensors[i].name), (ggx_str){prefix, used})) return 0;
    return used != 0;
}

/* What says that there is such a layer, for messages. */
static void name_layer(const ggx_apply *apply, const ggx_rule *rule, const ggx_match *match,
                       char source[GGX_SOURCE_BYTES])
{
    const ggx_pattern *pattern = rule->sources[rule->leader].pattern;
    source[0] = 0;
    for (uint32_t d = 0; d < rule->domain_count && !*source; d++) {
        const uint32_t slot = ggx_pattern_slot(pattern, rule->domains[d].name);
        if (slot < pattern->slot_count && none_begins(apply, pattern, match, slot))
            ggx_node_source(apply->eval, rule->domains[d].list, GGX_SOURCE_WHOLE, source);
    }
}

/* The tensor is not there; one of nearly its name, which no rule takes, may be meant. */
static ggx_status absent(const ggx_apply *apply, const ggx_rule *rule, const ggx_match *match, ggx_str name)
{
    const ggx_checkpoint *c = apply->env->checkpoint;
    ggx_str near = {NULL, 0};
    char source[GGX_SOURCE_BYTES];
    name_layer(apply, rule, match, source);
    uint32_t least = 1 + (uint32_t)(name.size < 32 ? name.size : 32) / 4;
    for (uint64_t i = 0; i < c->tensor_count; i++) {
        const uint32_t distance = apply->claimed[i]
                                      ? UINT32_MAX
                                      : ggx_word_distance(ggx_recipe_bare(apply->recipe, c->tensors[i].name), name);
        if (distance > least || ggx_tensor_hidden(c, i)) continue;
        least = distance;
        near = ggx_tensor_own_name(c, i);
    }
    return ggx_origin_fail(&rule->origin, GGX_WHOLE, apply->error, GGX_E_MALFORMED,
                           "%sthe checkpoint has no tensor '%.*s', which recipe %s needs%s%.*s%s", source,
                           (int)(name.size < 90 ? name.size : 90), name.data, apply->recipe->id,
                           near.data ? "; it has '" : "", (int)(near.size < 90 ? near.size : 90),
                           near.data ? near.data : "", near.data ? "', which no rule takes" : "");
}

/* One combination of the values of "for": the tensor must be there when the rule's condition holds. */
static ggx_status demand(ggx_apply *apply, uint32_t index, const ggx_value *values)
{
    const ggx_rule *rule = &apply->recipe->rules[index];
    const ggx_pattern *pattern = rule->sources[rule->leader].pattern;
    ggx_match match = {0};
    ggx_local space[GGX_MAX_PLACEHOLDERS];
    char digits[GGX_MAX_PLACEHOLDERS][24];
    int wanted = 1;
    for (uint32_t s = 0; s < pattern->slot_count; s++) {
        match.slot[s] = (ggx_str){"0", 1}; /* of the placeholder that tensors are joined over */
        for (uint32_t d = 0; d < rule->domain_count; d++) {
            if (!ggx_str_same(rule->domains[d].name, pattern->names[s])) continue;
            match.slot[s] = values[d].text;
            if (values[d].kind == GGX_VALUE_INT)
                match.slot[s] = (ggx_str){
                    digits[s], (uint64_t)snprintf(digits[s], sizeof digits[s], "%lld", (long long)values[d].integer)};
        }
    }
    apply->eval->locals = ggx_match_bind(pattern, &match, NULL, space);
    ggx_status status = rule->when ? ggx_eval_bool(apply->eval, rule->when, &wanted) : GGX_OK;
    apply->eval->locals = NULL;
    if (status != GGX_OK || !wanted) return status;
    ggx_str name = ggx_pattern_fill(&apply->eval->arena, pattern, pattern, &match);
    if (!name.data) return ggx_fail(apply->error, GGX_E_NOMEM, "no memory to check the recipe's tensors");
    if (ggx_recipe_find(&apply->eval->arena, apply->recipe, apply->env->checkpoint, name) != UINT64_MAX)
        return rule->domain_count ? ggx_eval_work(apply->eval, rule->domains[0].list, 1) : GGX_OK;
    return absent(apply, rule, &match, name);
}

/* Walks all combinations, the last placeholder fastest. */
static ggx_status demand_all(ggx_apply *apply, uint32_t index)
{
    const ggx_rule *rule = &apply->recipe->rules[index];
    ggx_value lists[GGX_MAX_PLACEHOLDERS], values[GGX_MAX_PLACEHOLDERS];
    uint64_t at[GGX_MAX_PLACEHOLDERS] = {0};
    ggx_status status = GGX_OK;
    for (uint32_t d = 0; d < rule->domain_count && status == GGX_OK; d++) {
        status = ggx_apply_domain(apply, index, d, &lists[d]);
        if (status == GGX_OK && !lists[d].count) return GGX_OK;
    }
    while (status == GGX_OK) {
        for (uint32_t d = 0; d < rule->domain_count; d++) values[d] = lists[d].at.items[at[d]];
        status = rule->kind == GGX_RULE_CONST ? GGX_OK : demand(apply, index, values);
        uint32_t d = rule->domain_count;
        while (d && ++at[d - 1] == lists[d - 1].count) at[--d] = 0;
        if (!d) break;
    }
    return status;
}

ggx_status ggx_coverage_rule(ggx_apply *apply, uint32_t index)
{
    const ggx_rule *rule = &apply->recipe->rules[index];
    const ggx_pattern *pattern =
        rule->kind == GGX_RULE_TAKE || rule->kind == GGX_RULE_DECODE ? rule->sources[rule->leader].pattern : NULL;
    int optional = 0;
    if (!pattern) return GGX_OK;
    ggx_status status = rule->optional ? ggx_eval_bool(apply->eval, rule->optional, &optional) : GGX_OK;
    if (status != GGX_OK || optional) return status;
    if (rule->domain_count && rule->domain_count + (rule->over.size != 0) == pattern->slot_count)
        return demand_all(apply, index);
    if (apply->taken[index]) return GGX_OK;
    if (rule->when) /* one that can be computed without a match must find its tensor when it holds */
        return pattern->slot_count || pattern->regex ? GGX_OK : demand(apply, index, NULL);
    return ggx_origin_fail(&rule->origin, GGX_WHOLE, apply->error, GGX_E_MALFORMED,
                           "the checkpoint has no tensor '%.*s', which recipe %s needs", GGX_STR_ARGS(pattern->text),
                           apply->recipe->id);
}

ggx_status ggx_coverage_check(ggx_apply *apply)
{
    const ggx_checkpoint *c = apply->env->checkpoint;
    ggx_status status = GGX_OK;
    for (uint32_t r = 0; r < apply->recipe->rule_count && status == GGX_OK && !apply->env->partial; r++)
        status = ggx_coverage_rule(apply, r);
    for (uint64_t i = 0; i < c->tensor_count && status == GGX_OK; i++) {
        if (ggx_tensor_hidden(c, i)) continue;
        if (apply->used[i] || (!apply->claimed[i] && c->tensors[i].flags & GGX_TENSOR_AUXILIARY)) continue;
        status = apply->claimed[i] ? stranded(apply, i, apply->claimed[i] - 1) : leftover(apply, i);
    }
    return status;
}
