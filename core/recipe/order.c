/* order.c - the order of the outputs, and that no two have the same name. */
#include "base/text.h"
#include "recipe/model.h"
#include <ggx_sdk/error.h>
#include <stdlib.h>

typedef struct entry {
    const ggx_made *made;
    const struct ggx_recipe *recipe;
} entry;

static int by_size(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int by_source(const void *left, const void *right)
{
    const ggx_made *a = ((const entry *)left)->made, *b = ((const entry *)right)->made;
    int order = by_size((uint64_t)a->late, (uint64_t)b->late);
    if (!order) order = by_size(a->position, b->position);
    if (!order && a->rule == b->rule) order = by_size(a->turn, b->turn);
    return order ? order : by_size(a->sequence, b->sequence);
}

/* Integers by value: canonical decimals, so the longer is the larger. */
static int by_slot(const ggx_pattern *pattern, uint32_t slot, ggx_str a, ggx_str b)
{
    if (pattern->integer[slot] && a.size != b.size) return by_size(a.size, b.size);
    return ggx_str_order(a, b);
}

static int by_recipe(const void *left, const void *right)
{
    const ggx_made *a = ((const entry *)left)->made, *b = ((const entry *)right)->made;
    const ggx_rule *rules = ((const entry *)left)->recipe->rules, *ra = &rules[a->rule], *rb = &rules[b->rule];
    int order = by_size((uint64_t)ra->outputs[a->into].last, (uint64_t)rb->outputs[b->into].last);
    if (!order) order = by_size(ra->group, rb->group);
    const ggx_pattern *pa = ra->sources ? ra->sources[ra->leader].pattern : NULL,
                      *pb = rb->sources ? rb->sources[rb->leader].pattern : NULL;
    uint32_t shared = pa && pb ? (pa->slot_count < pb->slot_count ? pa->slot_count : pb->slot_count) : 0;
    /* within a group, the placeholders that its rules have in common at their beginning */
    for (uint32_t i = 0; i < shared && !order && ggx_str_same(pa->names[i], pb->names[i]); i++) {
        if (ra->over.size && ggx_str_same(pa->names[i], ra->over)) continue;
        order = by_slot(pa, i, a->match.slot[i], b->match.slot[i]);
    }
    if (!order) order = by_size(a->rule, b->rule);
    return order ? order : by_size(a->sequence, b->sequence);
}

static int by_name(const void *left, const void *right)
{
    return ggx_str_order(((const entry *)left)->made->tensor.name, ((const entry *)right)->made->tensor.name);
}

typedef struct ranked {
    ggx_str name;
    uint64_t file, index; /* first tensor of the same file; its own place */
} ranked;

static int by_file_and_name(const void *left, const void *right)
{
    const ranked *a = left, *b = right;
    int order = by_size(a->file, b->file);
    return order ? order : ggx_str_order(a->name, b->name);
}

int32_t ggx_order_word(ggx_str word)
{
    static const char *const words[] = {"", "source", "recipe", "name", "source-name"};
    for (int32_t i = GGX_ORDER_SOURCE; i <= GGX_ORDER_SOURCE_NAME; i++)
        if (ggx_str_same(word, ggx_str_of(words[i]))) return i;
    return GGX_ORDER_NONE;
}

static ggx_status choose_order(ggx_apply *apply)
{
    const ggx_profile *profile = apply->profile;
    apply->order = profile ? profile->order : GGX_ORDER_NONE;
    if (!profile || !profile->ordered) return GGX_OK;
    ggx_value value;
    ggx_status status = ggx_eval_node(apply->eval, profile->ordered, &value);
    if (status != GGX_OK) return status;
    apply->order = value.kind == GGX_VALUE_STR ? ggx_order_word(value.text) : GGX_ORDER_NONE;
    return apply->order
               ? GGX_OK
               : GGX_NODE_FAIL(apply->eval, profile->ordered, "'order' is 'source', 'source-name', 'recipe' or 'name'");
}

ggx_status ggx_order_sources(ggx_apply *apply)
{
    const ggx_checkpoint *c = apply->env->checkpoint;
    const uint64_t n = c->tensor_count;
    ggx_status status = choose_order(apply);
    if (status != GGX_OK || apply->order != GGX_ORDER_SOURCE_NAME) return status;
    ranked *list = ggx_arena_array(&apply->eval->arena, n, sizeof *list);
    apply->ranks = ggx_arena_array(&apply->eval->arena, n, sizeof *apply->ranks);
    if (!list || !apply->ranks) return ggx_fail(apply->error, GGX_E_NOMEM, "no memory to order the source's tensors");
    const uint64_t own = c->base ? c->base->tensor_count : n;
    for (uint64_t i = 0; i < own; i++) { /* the tensors of a file come one after the other */
        int same = i && c->tensors[i].member == c->tensors[i - 1].member;
        list[i] = (ranked){ggx_tensor_own_name(c, i), same ? list[i - 1].file : i, i};
    }
    for (uint64_t i = own; i < n; i++) { /* unpacked ones behind all, file by file */
        const uint64_t *inputs = c->decoded[i]->inputs;
        uint32_t k = 0;
        while (k + 1 < GGX_DECODER_INPUTS && inputs[k] == UINT64_MAX) k++;
        list[i] = (ranked){c->tensors[i].name, own + (inputs[k] < own ? list[inputs[k]].file : own), i};
    }
    qsort(list, (size_t)n, sizeof *list, by_file_and_name);
    for (uint64_t i = 0; i < n; i++) apply->ranks[list[i].index] = i;
    return GGX_OK;
}

static ggx_status check_names(ggx_apply *apply, entry *entries)
{
    qsort(entries, (size_t)apply->made_count, sizeof *entries, by_name);
    for (uint64_t i = 1; i < apply->made_count; i++) {
        const ggx_made *a = entries[i - 1].made, *b = entries[i].made;
        if (!ggx_str_same(a->tensor.name, b->tensor.name)) continue;
        const ggx_made *later = a->sequence > b->sequence ? a : b, *earlier = later == a ? b : a;
        return ggx_origin_fail(&apply->recipe->rules[later->rule].outputs[later->into].origin, GGX_WHOLE, apply->error,
                               GGX_E_MALFORMED, "two outputs are named '%.*s'; the other is made by line %u",
                               GGX_STR_ARGS(b->tensor.name), earlier->tensor.rule_line);
    }
    return GGX_OK;
}

/* Are two outputs of a rule the same but for what is joined and what stands together? */
static int neighbours(const ggx_rule *rule, const ggx_made *a, const ggx_made *b)
{
    const ggx_pattern *p = rule->sources[rule->leader].pattern;
    if (a->rule != b->rule || a->into != b->into) return 0;
    for (uint32_t s = 0; s < p->slot_count; s++) {
        if (rule->over.size && ggx_str_same(p->names[s], rule->over)) continue;
        if (ggx_str_same(p->names[s], rule->domains[rule->together - 1].name)) continue;
        if (!ggx_str_same(a->match.slot[s], b->match.slot[s])) return 0;
    }
    return 1;
}

/* The place in the list of "for" of what stands together. */
static ggx_status find_turn(ggx_apply *apply, const ggx_rule *rule, ggx_made *made)
{
    const ggx_domain *domain = &rule->domains[rule->together - 1];
    const ggx_pattern *p = rule->sources[rule->leader].pattern;
    const ggx_str text = made->match.slot[ggx_pattern_slot(p, domain->name)];
    ggx_value list;
    ggx_status status = ggx_apply_domain(apply, made->rule, rule->together - 1, &list);
    for (uint64_t i = 0; status == GGX_OK && i < list.count && !made->turn; i++) {
        const ggx_value *item = &list.at.items[i];
        int64_t number = -1;
        int same = item->kind == GGX_VALUE_STR ? ggx_str_same(item->text, text)
                                               : ggx_str_int(text, &number) && number == item->integer;
        if (same) made->turn = i + 1;
    }
    return status;
}

/* Outputs that stand together do so at the last place that any of them has. */
static ggx_status gather(ggx_apply *apply)
{
    ggx_status status = GGX_OK;
    for (uint64_t i = 0; i < apply->made_count && status == GGX_OK; i++) {
        ggx_made *a = &apply->made[i];
        const ggx_rule *rule = &apply->recipe->rules[a->rule];
        if (!rule->together || !a->late) continue; /* what comes before all else has its companions behind it */
        status = find_turn(apply, rule, a);
        for (uint64_t k = 0; k < apply->made_count; k++)
            if (neighbours(rule, a, &apply->made[k]) && apply->made[k].position > a->position)
                a->position = apply->made[k].position;
        if (status == GGX_OK)
            status = ggx_eval_work(apply->eval, rule->domains[rule->together - 1].list, apply->made_count / 16);
    }
    return status;
}

ggx_status ggx_order_outputs(ggx_apply *apply, ggx_recipe_result *out)
{
    entry *entries = ggx_arena_array(apply->arena, apply->made_count, sizeof *entries);
    out->tensors = ggx_arena_array(apply->arena, apply->made_count, sizeof *out->tensors);
    if (!entries || !out->tensors)
        return ggx_fail(apply->error, GGX_E_NOMEM, "the recipe's outputs need too much memory");
    ggx_status status = gather(apply);
    if (status != GGX_OK) return status;
    for (uint64_t i = 0; i < apply->made_count; i++) entries[i] = (entry){&apply->made[i], apply->recipe};
    status = check_names(apply, entries);
    if (status != GGX_OK) return status;
    if (apply->order != GGX_ORDER_NAME) /* check_names has left them so */
        qsort(entries, (size_t)apply->made_count, sizeof *entries,
              apply->order == GGX_ORDER_RECIPE ? by_recipe : by_source);
    for (uint64_t i = 0; i < apply->made_count; i++) out->tensors[i] = entries[i].made->tensor;
    out->tensor_count = apply->made_count;
    return GGX_OK;
}
