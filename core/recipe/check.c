/* check.c - what can be known of a recipe without a checkpoint: every name means something, and no value needs itself. */
#include "base/text.h"
#include "recipe/model.h"
#include <ggx_sdk/error.h>
#include <stdlib.h>

#define TREE_DEPTH 1024u /* so that evaluation, which recurses as this does, stays within the stack */
#define MOST_NAMES 256

typedef struct checker {
    const struct ggx_recipe *recipe;
    ggx_error *error;
    uint8_t *state; /* of each value: 0 not seen, 1 being checked, 2 good */
    uint32_t depth;
} checker;

static ggx_status check_node(checker *c, const ggx_node *node, const ggx_local *scope);

static ggx_status unknown_name(const checker *c, const ggx_node *node, const ggx_local *scope)
{
    const char *names[MOST_NAMES];
    char words[MOST_NAMES][64];
    uint32_t n = 0;
    for (uint32_t i = 0; ggx_builtin_names[i]; i++) names[n++] = ggx_builtin_names[i];
    for (uint32_t i = 0; i < c->recipe->value_count + 64u && n + 1 < MOST_NAMES; i++) {
        ggx_str name = {NULL, 0};
        if (i < c->recipe->value_count)
            name = c->recipe->values[i].name;
        else if (scope) {
            name = scope->name;
            scope = scope->outer;
        }
        if (!name.size || name.size >= sizeof words[0]) continue;
        memcpy(words[n], name.data, (size_t)name.size);
        words[n][name.size] = 0;
        names[n] = words[n];
        n++;
    }
    names[n] = NULL;
    const char *near = ggx_word_nearest(names, node->text);
    return ggx_origin_fail(node->origin, node->offset, c->error, GGX_E_USAGE, "'%.*s' is not known here%s%s%s",
                           (int)(node->text.size < 60 ? node->text.size : 60), node->text.data,
                           near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static ggx_status check_value(checker *c, uint32_t index, const ggx_node *from)
{
    if (c->state[index] == 2) return GGX_OK;
    if (c->state[index] == 1)
        return ggx_origin_fail(from->origin, from->offset, c->error, GGX_E_USAGE, "the value '%.*s' needs itself",
                               GGX_STR_ARGS(c->recipe->values[index].name));
    c->state[index] = 1;
    ggx_status status = check_node(c, c->recipe->values[index].node, NULL);
    c->state[index] = 2;
    return status;
}

static ggx_status check_name(checker *c, const ggx_node *node, const ggx_local *scope)
{
    for (const ggx_local *local = scope; local; local = local->outer)
        if (ggx_str_same(local->name, node->text)) return GGX_OK;
    for (uint32_t i = 0; i < c->recipe->value_count; i++)
        if (ggx_str_same(c->recipe->values[i].name, node->text)) return check_value(c, i, node);
    for (uint32_t i = 0; ggx_builtin_names[i]; i++)
        if (ggx_str_is(node->text, ggx_builtin_names[i])) return GGX_OK;
    return unknown_name(c, node, scope);
}

static ggx_status check_node(checker *c, const ggx_node *node, const ggx_local *scope)
{
    if (!node) return GGX_OK;
    if (c->depth >= TREE_DEPTH)
        return ggx_origin_fail(node->origin, node->offset, c->error, GGX_E_USAGE,
                               "more than %u levels of nesting; give parts of it names in 'values'", TREE_DEPTH);
    ggx_status status = node->kind == GGX_NODE_NAME ? check_name(c, node, scope) : GGX_OK;
    ggx_local bound = {node->text, {0}, scope};
    c->depth++;
    for (uint32_t i = 0; i < node->count && status == GGX_OK;
         i++) /* the list of a comprehension does not see its variable */
        status = check_node(c, node->args[i], node->kind == GGX_NODE_EACH && i != 1 ? &bound : scope);
    c->depth--;
    return status;
}

static ggx_status check_nodes(checker *c, const ggx_node *const *nodes, uint32_t count, const ggx_local *scope)
{
    ggx_status status = GGX_OK;
    for (uint32_t i = 0; i < count && status == GGX_OK; i++) status = check_node(c, nodes[i], scope);
    return status;
}

static ggx_status check_steps(checker *c, const ggx_steps *steps, const ggx_local *scope)
{
    ggx_status status = GGX_OK;
    for (const ggx_step *step = steps->first; step && status == GGX_OK; step = step->next) {
        status = check_nodes(c, (const ggx_node *const[]){step->value, step->axis, step->start, step->stop, step->take},
                             5, scope);
        if (status == GGX_OK) status = check_steps(c, &step->body, scope);
    }
    return status;
}

static ggx_status check_rule(checker *c, const ggx_rule *rule)
{
    ggx_local space[2 * GGX_MAX_PLACEHOLDERS];
    const ggx_local *scope = NULL, *dropped;
    uint32_t n = 0;
    ggx_status status = GGX_OK;
    for (uint32_t i = 0; i < rule->domain_count && status == GGX_OK; i++)
        status = check_node(c, rule->domains[i].list, NULL);
    if (rule->kind == GGX_RULE_CONST)
        for (uint32_t i = 0; i < rule->domain_count; i++) {
            space[n] = (ggx_local){rule->domains[i].name, {0}, scope};
            scope = &space[n++];
        }
    if (rule->beside) {
        if (status == GGX_OK) status = check_node(c, rule->beside, scope);
        space[n] = (ggx_local){GGX_LIT("beside"), {0}, scope};
        scope = &space[n++];
    }
    const ggx_pattern *leader = rule->kind == GGX_RULE_DROP ? NULL : rule->sources[rule->leader].pattern;
    if (leader) {
        scope = ggx_match_bind(leader, &(ggx_match){0}, NULL, space);
    }
    if (rule->kind == GGX_RULE_DROP)
        for (uint32_t i = 0; i < rule->source_count && status == GGX_OK; i++) {
            dropped = ggx_match_bind(rule->sources[i].pattern, &(ggx_match){0}, NULL, space);
            status = check_node(c, rule->when, dropped);
        }
    else if (status == GGX_OK)
        status = check_nodes(c, (const ggx_node *const[]){rule->axis, rule->count, rule->when, rule->shape}, 4, scope);
    if (status == GGX_OK) status = check_node(c, rule->optional, NULL); /* asked when nothing matched */
    for (uint32_t i = 0; i < rule->with_count && status == GGX_OK; i++)
        status = check_node(c, rule->with[i].node, scope);
    if (status == GGX_OK) status = check_steps(c, &rule->steps, scope);
    for (uint32_t i = 0; i < rule->source_count && status == GGX_OK; i++) {
        status = check_nodes(c, (const ggx_node *const[]){rule->sources[i].constant, rule->sources[i].shape}, 2, scope);
        if (status == GGX_OK) status = check_steps(c, &rule->sources[i].steps, scope);
    }
    for (uint32_t i = 0; i < rule->output_count && status == GGX_OK; i++) {
        const ggx_rule_output *o = &rule->outputs[i];
        status = check_nodes(c, (const ggx_node *const[]){o->to, o->type, o->fallback, o->label, o->rows, o->when}, 6,
                             scope);
        if (status == GGX_OK) status = check_steps(c, &o->steps, scope);
    }
    return status;
}

static ggx_status check_field(checker *c, const ggx_field *field)
{
    ggx_local space[GGX_MAX_PLACEHOLDERS], domain = {field->domain.name, {0}, NULL};
    const ggx_local *scope = field->domain.name.size ? &domain : NULL;
    ggx_status status = check_node(c, field->domain.list, NULL);
    if (field->copy) scope = ggx_match_bind(field->copy, &(ggx_match){0}, NULL, space);
    return status == GGX_OK
               ? check_nodes(c, (const ggx_node *const[]){field->name, field->value, field->when}, 3, scope)
               : status;
}

static ggx_status check_profile(checker *c, const ggx_profile *profile)
{
    const ggx_node *const nodes[] = {profile->via,   profile->vectors,  profile->matrices, profile->type,
                                     profile->label, profile->fallback, profile->ordered};
    ggx_status status = check_nodes(c, nodes, 7, NULL);
    if (status == GGX_OK) status = check_steps(c, &profile->layout, NULL);
    for (uint32_t i = 0; i < profile->field_count && status == GGX_OK; i++)
        status = check_field(c, &profile->fields[i]);
    return status;
}

ggx_status ggx_recipe_check(const struct ggx_recipe *recipe, ggx_error *error)
{
    checker c = {recipe, error, calloc(recipe->value_count + 1u, 1), 0};
    if (!c.state) return ggx_fail(error, GGX_E_NOMEM, "no memory to check the recipe");
    ggx_status status = check_node(&c, recipe->when, NULL);
    if (status == GGX_OK && recipe->adapter) status = check_node(&c, recipe->adapter->base, NULL);
    for (uint32_t i = 0; i < recipe->value_count && status == GGX_OK; i++)
        status = check_value(&c, i, recipe->values[i].node);
    for (uint32_t i = 0; i < recipe->demand_count && status == GGX_OK; i++)
        status =
            check_nodes(&c, (const ggx_node *const[]){recipe->demands[i].that, recipe->demands[i].otherwise}, 2, NULL);
    for (uint32_t i = 0; i < recipe->rename_count && status == GGX_OK; i++) {
        ggx_local space[GGX_MAX_PLACEHOLDERS];
        const ggx_local *scope = ggx_match_bind(recipe->renames[i].from, &(ggx_match){0}, NULL, space);
        status = check_nodes(&c, (const ggx_node *const[]){recipe->renames[i].to, recipe->renames[i].when}, 2, scope);
    }
    for (uint32_t i = 0; i < recipe->packed_count && status == GGX_OK; i++) status = check_rule(&c, &recipe->packed[i]);
    for (uint32_t i = 0; i < recipe->rule_count && status == GGX_OK; i++) status = check_rule(&c, &recipe->rules[i]);
    for (uint32_t i = 0; i < recipe->profile_count && status == GGX_OK; i++)
        status = check_profile(&c, &recipe->profiles[i]);
    if (status == GGX_OK) status = check_profile(&c, &recipe->backwards);
    free(c.state);
    return status;
}
