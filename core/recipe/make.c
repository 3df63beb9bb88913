/* make.c - what one match of a rule makes: its sources joined, its operations done, its outputs named. */
#include "base/text.h"
#include "recipe/model.h"
#include <ggx_sdk/checked.h>
#include <ggx_sdk/error.h>
#include <stdio.h>

static ggx_status no_memory(ggx_apply *apply)
{
    return ggx_fail(apply->error, GGX_E_NOMEM, "the recipe's outputs need too much memory");
}

/* Doubling in the arena: the old arrays stay, which costs as much again. */
static ggx_status grow(ggx_apply *apply, void **array, uint64_t *capacity, uint64_t count, uint64_t size)
{
    if (count < *capacity) return GGX_OK;
    uint64_t wider = *capacity ? *capacity * 2 : 64;
    void *fresh = ggx_arena_array(apply->arena, wider, size);
    if (!fresh) return no_memory(apply);
    if (count) memcpy(fresh, *array, (size_t)(count * size));
    *array = fresh;
    *capacity = wider;
    return GGX_OK;
}

ggx_status ggx_apply_use_at(ggx_apply *apply, uint64_t tensor, const ggx_origin *origin, int dropped)
{
    void *uses = apply->uses;
    ggx_status status = grow(apply, &uses, &apply->use_capacity, apply->use_count, sizeof *apply->uses);
    apply->uses = uses;
    if (status != GGX_OK) return status;
    uint32_t line, column;
    ggx_origin_place(origin, GGX_WHOLE, &line, &column);
    apply->uses[apply->use_count++] = (ggx_recipe_use){tensor, line, dropped, origin->file};
    apply->used[tensor] = 1;
    return GGX_OK;
}

ggx_status ggx_apply_use(ggx_apply *apply, uint64_t tensor, uint32_t rule, int dropped)
{
    return ggx_apply_use_at(apply, tensor, &apply->recipe->rules[rule].origin, dropped);
}

const ggx_local *ggx_match_bind(const ggx_pattern *pattern, const ggx_match *match, const ggx_local *outer,
                                ggx_local *space)
{
    for (uint32_t i = 0; i < pattern->slot_count; i++) {
        space[i] = (ggx_local){pattern->names[i], ggx_value_text(match->slot[i]), outer};
        if (pattern->integer[i]) {
            int64_t integer = 0; /* the pattern took at most 18 digits */
            for (uint64_t d = 0; d < match->slot[i].size; d++) integer = integer * 10 + (match->slot[i].data[d] - '0');
            space[i].value = ggx_value_int(integer);
        }
        outer = &space[i];
    }
    return outer;
}

/* --- the joined source -------------------------------------------------------------------------------------------------------- */

typedef struct joint {
    ggx_view *views;
    uint64_t count, capacity;
    uint64_t first, last; /* tensor indices; first > last: none */
} joint;

static ggx_status add_view(ggx_apply *apply, joint *j, const ggx_view *view)
{
    void *views = j->views;
    ggx_status status = grow(apply, &views, &j->capacity, j->count, sizeof *j->views);
    j->views = views;
    if (status == GGX_OK) j->views[j->count++] = *view;
    return status;
}

static ggx_status add_tensor(ggx_apply *apply, joint *j, uint32_t rule, uint64_t tensor, const ggx_steps *steps)
{
    ggx_view view;
    ggx_error inner = {0};
    ggx_status status = ggx_view_tensor(apply->arena, apply->env->checkpoint, tensor, &view, &inner);
    if (status != GGX_OK) return ggx_apply_view_fail(apply, &apply->recipe->rules[rule].origin, status, &inner);
    const uint64_t place = apply->ranks ? apply->ranks[tensor] : tensor;
    if (place < j->first) j->first = place;
    if (place > j->last) j->last = place;
    status = ggx_apply_use(apply, tensor, rule, 0);
    if (status == GGX_OK) status = ggx_steps_run(apply, steps, &view, NULL);
    return status == GGX_OK ? add_view(apply, j, &view) : status;
}

/* `count` says how many are joined, or is NULL. */
static ggx_status missing(ggx_apply *apply, uint32_t rule, ggx_str name, const ggx_node *count)
{
    char source[GGX_SOURCE_BYTES];
    ggx_node_source(apply->eval, count, GGX_SOURCE_WHOLE, source);
    return ggx_origin_fail(
        &apply->recipe->rules[rule].origin, GGX_WHOLE, apply->error, GGX_E_MALFORMED,
        "%sthe checkpoint has no tensor '%.*s', which this rule of recipe %s needs together with '%.*s'", source,
        GGX_STR_ARGS(name), apply->recipe->id, GGX_STR_ARGS(apply->current));
}

/* All tensors that differ in the placeholder "over", from 0 up. */
static ggx_status join_over(ggx_apply *apply, joint *j, uint32_t index, const ggx_match *match)
{
    const ggx_rule *rule = &apply->recipe->rules[index];
    const ggx_pattern *pattern = rule->sources->pattern;
    uint32_t slot = ggx_pattern_slot(pattern, rule->over);
    int64_t count = -1;
    ggx_status status = rule->count ? ggx_eval_int(apply->eval, rule->count, &count) : GGX_OK;
    if (status == GGX_OK && rule->count && count < 1) {
        char source[GGX_SOURCE_BYTES];
        ggx_node_source(apply->eval, rule->count, GGX_SOURCE_WHOLE, source);
        return GGX_NODE_FAIL(apply->eval, rule->count, "%s%lld tensors cannot be joined", source, (long long)count);
    }
    for (int64_t e = 0; status == GGX_OK && (count < 0 || e < count); e++) {
        char digits[24];
        ggx_match one = *match;
        one.slot[slot] = (ggx_str){digits, (uint64_t)snprintf(digits, sizeof digits, "%lld", (long long)e)};
        ggx_str name = ggx_pattern_fill(&apply->eval->arena, pattern, pattern, &one);
        if (!name.data) return no_memory(apply);
        uint64_t tensor = ggx_recipe_find(&apply->eval->arena, apply->recipe, apply->env->checkpoint, name);
        if (tensor == UINT64_MAX) {
            if (count < 0) break;
            return missing(apply, index, name, rule->count);
        }
        status = add_tensor(apply, j, index, tensor, &rule->sources->steps);
    }
    return status;
}

/* Numbers of a constant in C order and its shape. */
static ggx_status constant(ggx_apply *apply, const ggx_rule_source *source, ggx_view *out)
{
    ggx_value value, list;
    uint64_t shape[GGX_MAX_RANK] = {0}, elems = 1;
    uint32_t rank = 0;
    ggx_error inner = {0};
    ggx_status status = ggx_eval_node(apply->eval, source->constant, &value);
    if (status == GGX_OK && source->shape) status = ggx_eval_list(apply->eval, source->shape, &list);
    if (status != GGX_OK) return status;
    uint64_t count = value.kind == GGX_VALUE_LIST ? value.count : 1;
    const ggx_value *items = value.kind == GGX_VALUE_LIST ? value.at.items : &value;
    if (source->shape) {
        if (list.count > GGX_MAX_RANK)
            return GGX_NODE_FAIL(apply->eval, source->shape, "more than %d axes", GGX_MAX_RANK);
        for (; rank < list.count; rank++) {
            if (list.at.items[rank].kind != GGX_VALUE_INT || list.at.items[rank].integer < 0)
                return GGX_NODE_FAIL(apply->eval, source->shape, "a shape has integers from 0 up");
            shape[rank] = (uint64_t)list.at.items[rank].integer;
        }
    } else if (value.kind == GGX_VALUE_LIST) {
        shape[rank++] = count;
    }
    if (!ggx_product_u64(shape, rank, &elems) || elems > GGX_EVAL_ITEMS)
        return GGX_NODE_FAIL(apply->eval, source->constant, "a constant has at most %u elements", GGX_EVAL_ITEMS);
    if (value.kind == GGX_VALUE_LIST && elems != count)
        return GGX_NODE_FAIL(apply->eval, source->constant, "%llu numbers do not fill a shape of %llu",
                             (unsigned long long)count, (unsigned long long)elems);
    float *values = ggx_arena_array(apply->arena, elems, sizeof *values);
    if (!values) return no_memory(apply);
    for (uint64_t i = 0; i < elems; i++) {
        const ggx_value *item = value.kind == GGX_VALUE_LIST ? &items[i] : items;
        if (item->kind != GGX_VALUE_INT && item->kind != GGX_VALUE_FLOAT)
            return GGX_NODE_FAIL(apply->eval, source->constant, "a constant is made of numbers, not of %s",
                                 ggx_value_kind(item));
        values[i] = item->kind == GGX_VALUE_INT ? (float)item->integer : (float)item->real;
    }
    status = ggx_eval_work(apply->eval, source->constant, elems);
    if (status == GGX_OK) status = ggx_view_const(apply->arena, values, shape, rank, out, &inner);
    return status != GGX_OK && inner.status ? ggx_apply_view_fail(apply, &source->origin, status, &inner) : status;
}

/* `led` is the tensor that the leader matched; the others are found by name. */
static ggx_status join_list(ggx_apply *apply, joint *j, uint32_t index, uint64_t led, const ggx_match *match)
{
    const ggx_rule *rule = &apply->recipe->rules[index];
    ggx_status status = GGX_OK;
    for (uint32_t i = 0; i < rule->source_count && status == GGX_OK; i++) {
        const ggx_rule_source *source = &rule->sources[i];
        if (source->pattern && i == rule->leader) {
            status = add_tensor(apply, j, index, led, &source->steps);
        } else if (source->pattern) {
            ggx_str name =
                ggx_pattern_fill(&apply->eval->arena, source->pattern, rule->sources[rule->leader].pattern, match);
            if (!name.data) return no_memory(apply);
            uint64_t tensor = ggx_recipe_find(&apply->eval->arena, apply->recipe, apply->env->checkpoint, name);
            status = tensor == UINT64_MAX ? missing(apply, index, name, NULL)
                                          : add_tensor(apply, j, index, tensor, &source->steps);
        } else {
            ggx_view view;
            status = constant(apply, source, &view);
            if (status == GGX_OK) status = ggx_steps_run(apply, &source->steps, &view, NULL);
            if (status == GGX_OK) status = add_view(apply, j, &view);
        }
    }
    return status;
}

/* The tensors have the lengths along the axis that the rule says. */
static ggx_status check_sizes(ggx_apply *apply, const ggx_rule *rule, const joint *j, uint32_t axis)
{
    ggx_value sizes;
    ggx_status status = ggx_eval_list(apply->eval, rule->sizes, &sizes);
    if (status != GGX_OK) return status;
    if (sizes.count != j->count)
        return GGX_NODE_FAIL(apply->eval, rule->sizes, "%llu sizes for %llu tensors", (unsigned long long)sizes.count,
                             (unsigned long long)j->count);
    for (uint64_t i = 0; i < j->count; i++)
        if (axis >= j->views[i].rank || sizes.at.items[i].kind != GGX_VALUE_INT ||
            (uint64_t)sizes.at.items[i].integer != j->views[i].shape[axis])
            return GGX_NODE_FAIL(
                apply->eval, rule->sizes,
                "tensor '%.*s': what is joined to it, part %llu, has another length than the rule says",
                GGX_STR_ARGS(apply->current), (unsigned long long)i);
    return GGX_OK;
}

static ggx_status join(ggx_apply *apply, joint *j, uint32_t index, ggx_view *out)
{
    const ggx_rule *rule = &apply->recipe->rules[index];
    uint32_t axis = 0;
    ggx_error inner = {0};
    ggx_status status = GGX_OK;
    if (!j->count)
        return ggx_origin_fail(&rule->origin, GGX_WHOLE, apply->error, GGX_E_USAGE,
                               "the rule has no tensor to begin with");
    *out = j->views[0];
    if (rule->join == GGX_JOIN_NONE) return GGX_OK;
    int stacked = rule->join == GGX_JOIN_STACK;
    if (rule->axis) status = ggx_steps_axis(apply->eval, rule->axis, out->rank + (stacked ? 1 : 0), &axis);
    if (status != GGX_OK) return status;
    if (j->count > GGX_MAX_PIECES)
        return ggx_origin_fail(&rule->origin, GGX_WHOLE, apply->error, GGX_E_UNSUPPORTED,
                               "%llu tensors to join; at most %d are possible", (unsigned long long)j->count,
                               GGX_MAX_PIECES);
    if (rule->sizes) status = check_sizes(apply, rule, j, axis);
    if (status != GGX_OK) return status;
    status = stacked ? ggx_view_stack(apply->arena, j->views, (uint32_t)j->count, axis, out, &inner)
                     : ggx_view_concat(apply->arena, j->views, (uint32_t)j->count, axis, out, &inner);
    return status != GGX_OK ? ggx_apply_view_fail(apply, &rule->origin, status, &inner) : status;
}

/* --- outputs ------------------------------------------------------------------------------------------------------------------ */

static ggx_status type_name(ggx_apply *apply, const ggx_node *node, ggx_str *out)
{
    if (!node) return GGX_OK;
    ggx_str name;
    ggx_status status = ggx_eval_text(apply->eval, node, &name);
    if (status != GGX_OK) return status;
    int good = name.size >= 1 && name.size < sizeof((ggx_type *)0)->name;
    for (uint64_t i = 0; good && i < name.size; i++)
        good = (name.data[i] >= 'a' && name.data[i] <= 'z') || (name.data[i] >= '0' && name.data[i] <= '9') ||
               name.data[i] == '_';
    if (!good) return GGX_NODE_FAIL(apply->eval, node, "'%.*s' cannot be the name of a type", GGX_STR_ARGS(name));
    *out = ggx_arena_str(apply->arena, name);
    return out->data ? GGX_OK : no_memory(apply);
}

/* A type that may be null: then *out stays empty. */
static ggx_status type_or_none(ggx_apply *apply, const ggx_node *node, ggx_str *out)
{
    ggx_value value = {0};
    ggx_status status = node ? ggx_eval_node(apply->eval, node, &value) : GGX_OK;
    return status == GGX_OK && value.kind != GGX_VALUE_NULL ? type_name(apply, node, out) : status;
}

/* Of the tensor that the view begins with. */
static uint8_t marks_of(const ggx_apply *apply, const ggx_view *view)
{
    return view->piece_count && view->pieces[0].tensor != GGX_CONST_TENSOR ? apply->marks[view->pieces[0].tensor] : 0;
}

/* The rule's words first, then the profile's. */
static ggx_status choose_types(ggx_apply *apply, const ggx_rule_output *output, ggx_recipe_tensor *t)
{
    const ggx_profile *profile = apply->profile;
    const int matrix = t->view.rank >= 2;
    ggx_status status = type_or_none(apply, output->type ? output->type : profile ? profile->type : NULL, &t->type);
    if (status == GGX_OK)
        status = type_or_none(apply, output->label ? output->label : profile ? profile->label : NULL, &t->label);
    if (status == GGX_OK && !t->type.size && marks_of(apply, &t->view) & GGX_MARK_KEEP) {
        t->type = ggx_arena_str(apply->arena, ggx_str_of(t->view.type.name));
        if (!t->type.data) return no_memory(apply);
    }
    if (status == GGX_OK) status = type_name(apply, output->fallback, &t->default_type);
    t->quantize = t->type.size ? 0 : output->fallback || matrix;
    if (status == GGX_OK && !t->type.size && !output->fallback && profile)
        status = type_name(apply, matrix ? profile->matrices : profile->vectors, &t->default_type);
    if (t->type.size) t->default_type = t->type;
    return status;
}

static ggx_status make_output(ggx_apply *apply, uint32_t index, uint32_t into, const ggx_view *view,
                              const ggx_op_list *ops, ggx_made *made)
{
    const ggx_rule *rule = &apply->recipe->rules[index];
    const ggx_rule_output *output = &rule->outputs[into];
    ggx_recipe_tensor *t = &made->tensor;
    ggx_op_list own = *ops;
    ggx_error inner = {0};
    ggx_str name;
    ggx_status status = ggx_view_copy(apply->arena, view, &t->view, &inner);
    if (status != GGX_OK) return ggx_apply_view_fail(apply, &rule->origin, status, &inner);
    status = ggx_eval_text(apply->eval, output->to, &name);
    if (status == GGX_OK && !name.size) return GGX_NODE_FAIL(apply->eval, output->to, "an output's name is empty");
    if (status == GGX_OK) status = ggx_steps_run(apply, &output->steps, &t->view, &own);
    if (status == GGX_OK && apply->profile) status = ggx_steps_run(apply, &apply->profile->layout, &t->view, NULL);
    if (status == GGX_OK) status = choose_types(apply, output, t);
    if (status == GGX_OK && output->rows)
        status = ggx_steps_axis(apply->eval, output->rows, t->view.rank ? t->view.rank : 1, &t->row_axes);
    for (uint32_t i = 0; status == GGX_OK && i < own.count; i++)
        if (own.op[i].kind == GGX_OP_SCALE && (output->rows || (apply->profile && apply->profile->layout.first)))
            return ggx_origin_fail(&output->origin, GGX_WHOLE, apply->error, GGX_E_USAGE,
                                   "'scale' belongs to an axis, and 'rows' or the profile's 'layout' would change it");
    if (status != GGX_OK) return status;
    t->name = ggx_arena_str(apply->arena, name);
    ggx_op *kept = ggx_arena_array(apply->arena, own.count, sizeof *kept);
    if (!kept || !t->name.data) return no_memory(apply);
    if (own.count) memcpy(kept, own.op, own.count * sizeof *kept);
    t->ops = kept;
    t->op_count = own.count;
    ggx_origin_place(&output->origin, GGX_WHOLE, &t->rule_line, &t->rule_column);
    t->rule_file = output->origin.file;
    return GGX_OK;
}

static ggx_status make_outputs(ggx_apply *apply, uint32_t index, ggx_view *view, uint64_t position,
                               const ggx_match *match)
{
    const ggx_rule *rule = &apply->recipe->rules[index];
    ggx_op_list ops = {.count = 0};
    ggx_status status = ggx_steps_run(apply, &rule->steps, view, &ops);
    for (uint32_t i = 0; i < rule->output_count && status == GGX_OK; i++) {
        int wanted = 1;
        if (rule->outputs[i].when) status = ggx_eval_bool(apply->eval, rule->outputs[i].when, &wanted);
        if (status != GGX_OK || !wanted) continue;
        void *all = apply->made;
        status = grow(apply, &all, &apply->made_capacity, apply->made_count, sizeof *apply->made);
        apply->made = all;
        if (status != GGX_OK) break;
        ggx_made *made = &apply->made[apply->made_count];
        *made =
            (ggx_made){.position = position, .rule = index, .into = i, .match = *match, .sequence = apply->made_count};
        made->late = !(marks_of(apply, view) & GGX_MARK_EARLY);
        if (rule->outputs[i].last) made->position = UINT64_MAX;
        status = make_output(apply, index, i, view, &ops, made);
        if (status == GGX_OK) apply->made_count++;
    }
    return status;
}

static ggx_status check_shape(ggx_apply *apply, const ggx_rule *rule, const ggx_tensor *t)
{
    ggx_value list;
    char wanted[160] = "", given[160] = "", source[GGX_SOURCE_BYTES];
    uint64_t wrong = GGX_SOURCE_WHOLE;
    size_t w = 0, g = 0;
    if (!rule->shape) return GGX_OK;
    ggx_status status = ggx_eval_list(apply->eval, rule->shape, &list);
    if (status != GGX_OK) return status;
    int same = list.count == t->rank;
    for (uint64_t i = 0; i < list.count; i++) {
        const ggx_value *v = &list.at.items[i];
        if (v->kind != GGX_VALUE_NULL && v->kind != GGX_VALUE_INT)
            return GGX_NODE_FAIL(apply->eval, rule->shape, "a shape has integers and nulls, not %s", ggx_value_kind(v));
        if (same && v->kind == GGX_VALUE_INT) same = v->integer >= 0 && (uint64_t)v->integer == t->shape[i];
        if (!same && wrong == GGX_SOURCE_WHOLE && list.count == t->rank) wrong = i;
        if (w < 120 && v->kind == GGX_VALUE_INT)
            w += (size_t)snprintf(wanted + w, 30, "%s%lld", i ? "," : "", (long long)v->integer);
        else if (w < 120)
            w += (size_t)snprintf(wanted + w, 30, "%s?", i ? "," : "");
    }
    if (same) return GGX_OK;
    for (uint32_t i = 0; i < t->rank && g < 120; i++)
        g += (size_t)snprintf(given + g, 30, "%s%llu", i ? "," : "", (unsigned long long)t->shape[i]);
    source[0] = 0;
    if (wrong != GGX_SOURCE_WHOLE) ggx_node_source(apply->eval, rule->shape, wrong, source);
    return GGX_NODE_FAIL(apply->eval, rule->shape, "%stensor '%.*s' has shape (%s), recipe %s needs (%s)", source,
                         GGX_STR_ARGS(t->name), given, apply->recipe->id, wanted);
}

ggx_status ggx_rule_make(ggx_apply *apply, uint32_t index, uint64_t tensor, const ggx_match *match)
{
    const ggx_rule *rule = &apply->recipe->rules[index];
    const ggx_tensor *t = &apply->env->checkpoint->tensors[tensor];
    ggx_local space[GGX_MAX_PLACEHOLDERS];
    joint j = {.first = UINT64_MAX};
    ggx_view view;
    apply->current = t->name;
    apply->taken[index]++;
    apply->eval->locals = ggx_match_bind(rule->sources[rule->leader].pattern, match, NULL, space);
    ggx_status status = GGX_OK;
    if (rule->kind == GGX_RULE_DECODE) status = ggx_decode_make(apply, rule, match, t->name, tensor);
    if (status == GGX_OK) status = check_shape(apply, rule, t);
    if (status == GGX_OK && rule->kind == GGX_RULE_DECODE)
        status = add_tensor(apply, &j, index, tensor, &rule->sources[rule->leader].steps);
    else if (status == GGX_OK)
        status = rule->over.size ? join_over(apply, &j, index, match) : join_list(apply, &j, index, tensor, match);
    if (status == GGX_OK) status = join(apply, &j, index, &view);
    if (status == GGX_OK) status = make_outputs(apply, index, &view, (rule->last ? j.last : j.first) + 1, match);
    apply->eval->locals = NULL;
    return status;
}

/* The output that begins with the source tensor that "beside" names. */
static ggx_status find_beside(ggx_apply *apply, const ggx_rule *rule, const ggx_made **out)
{
    ggx_str name;
    ggx_status status = ggx_eval_text(apply->eval, rule->beside, &name);
    if (status != GGX_OK) return status;
    const uint64_t tensor = ggx_recipe_find(&apply->eval->arena, apply->recipe, apply->env->checkpoint, name);
    status = ggx_eval_work(apply->eval, rule->beside, apply->made_count / 16);
    for (uint64_t i = 0; i < apply->made_count && status == GGX_OK; i++) {
        const ggx_view *view = &apply->made[i].tensor.view;
        *out = &apply->made[i];
        if (tensor != UINT64_MAX && view->piece_count && view->pieces[0].tensor == tensor) return GGX_OK;
    }
    return status == GGX_OK ? GGX_NODE_FAIL(apply->eval, rule->beside, "no output begins with a tensor '%.*s'",
                                            (int)(name.size < 80 ? name.size : 80), name.data)
                            : status;
}

ggx_status ggx_rule_make_const(ggx_apply *apply, uint32_t index, const ggx_local *locals)
{
    const ggx_rule *rule = &apply->recipe->rules[index];
    const ggx_made *neighbour = NULL;
    ggx_local beside = {GGX_LIT("beside"), {0}, locals};
    ggx_view view;
    ggx_match none = {0};
    int wanted = 1;
    apply->eval->locals = locals;
    apply->current = rule->key;
    apply->taken[index]++;
    ggx_status status = rule->beside ? find_beside(apply, rule, &neighbour) : GGX_OK;
    const ggx_made stand = neighbour ? *neighbour : (ggx_made){.late = 1}; /* the list moves when it grows */
    if (neighbour) {
        beside.value = ggx_value_text(stand.tensor.name);
        apply->eval->locals = &beside;
    }
    const uint64_t before = apply->made_count, place = neighbour ? stand.position : rule->last ? UINT64_MAX : 0;
    if (status == GGX_OK && rule->when) status = ggx_eval_bool(apply->eval, rule->when, &wanted);
    if (status == GGX_OK && wanted) status = constant(apply, rule->sources, &view);
    if (status == GGX_OK && wanted) status = make_outputs(apply, index, &view, place, &none);
    for (uint64_t i = before; i < apply->made_count; i++) apply->made[i].late = stand.late;
    apply->eval->locals = NULL;
    return status;
}
