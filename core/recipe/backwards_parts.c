/* backwards_parts.c - parts that a rule cut out are put together again, and what a rule joined is cut. */
#include "base/text.h"
#include "recipe/backwards.h"
#include <ggx_sdk/checked.h>
#include <ggx_sdk/error.h>

static int is_cut(const ggx_step *step)
{
    return step && (step->kind == GGX_DO_SLICE || step->kind == GGX_DO_SPLIT);
}

int ggx_rule_cuts(const ggx_rule *rule)
{
    uint32_t n = 0;
    while (n < rule->output_count && is_cut(rule->outputs[n].steps.first)) n++;
    return rule->kind == GGX_RULE_TAKE && rule->join == GGX_JOIN_NONE && n > 1 && n == rule->output_count;
}

/* --- parts ------------------------------------------------------------------------------------------------------------------------ */

#define PARTS_MOST 64u

typedef struct part {
    const ggx_rule_output *output;
    uint64_t tensor;
    uint64_t start; /* along the axis that is cut */
    ggx_view view;  /* of the file's tensor, laid out as it was cut */
} part;

static int wanted(ggx_walk *w, const ggx_node *when)
{
    int truth = 1;
    return !when || (ggx_eval_bool(w->apply.eval, when, &truth) == GGX_OK && truth);
}

/* The outputs that are made, each with its tensor of the file; 0 when one is not there. */
static uint32_t find_parts(ggx_walk *w, const ggx_rule *rule, part *parts)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < rule->output_count; i++) {
        const ggx_rule_output *output = &rule->outputs[i];
        ggx_str name;
        if (!wanted(w, output->when)) continue;
        if (n == PARTS_MOST || ggx_eval_text(w->apply.eval, output->to, &name) != GGX_OK) return 0;
        uint64_t tensor = ggx_checkpoint_find(w->apply.env->checkpoint, name);
        if (tensor == UINT64_MAX || w->apply.used[tensor]) return 0;
        parts[n++] = (part){.output = output, .tensor = tensor};
    }
    return n;
}

/* The shape that the rule names, when it names all of it. */
static int named_shape(ggx_walk *w, const ggx_rule *rule, ggx_shape *out)
{
    ggx_value list;
    if (!rule->shape || ggx_eval_list(w->apply.eval, rule->shape, &list) != GGX_OK || list.count > GGX_MAX_RANK)
        return 0;
    out->rank = (uint32_t)list.count;
    for (uint64_t i = 0; i < list.count; i++) {
        if (list.at.items[i].kind != GGX_VALUE_INT || list.at.items[i].integer <= 0) return 0;
        out->shape[i] = (uint64_t)list.at.items[i].integer;
    }
    return 1;
}

/* The shape when parts in form number `form` lie side by side. */
static int summed_shape(ggx_walk *w, const part *parts, uint32_t n, uint32_t form, ggx_shape *out)
{
    ggx_shape forms[3];
    uint32_t axis = 0;
    for (uint32_t i = 0; i < n; i++) {
        const ggx_tensor *t = &w->apply.env->checkpoint->tensors[parts[i].tensor];
        ggx_back_forms(t->shape, t->rank, forms);
        if (!i) {
            *out = forms[form];
            if (ggx_steps_axis(w->apply.eval, parts[0].output->steps.first->axis, t->rank, &axis) != GGX_OK) return 0;
        } else if (forms[form].rank != out->rank ||
                   !ggx_add_u64(out->shape[axis], forms[form].shape[axis], &out->shape[axis])) {
            return 0;
        }
    }
    return 1;
}

static int same_ops(const ggx_op_list *a, const ggx_op_list *b)
{
    int same = a->count == b->count;
    for (uint32_t i = 0; same && i < a->count; i++)
        same = a->op[i].kind == b->op[i].kind && a->op[i].value == b->op[i].value;
    return same;
}

/* Lays one part out as it was cut from a tensor of the shape `whole`. */
static int undo_part(ggx_walk *w, const ggx_shape *whole, part *p, uint32_t *axis, ggx_op_list *ops)
{
    const ggx_tensor *t = &w->apply.env->checkpoint->tensors[p->tensor];
    ggx_step cut = *p->output->steps.first;
    const ggx_steps only = {&cut}, rest = {cut.next};
    const ggx_steps *const first[] = {&only}, *const then[] = {&rest,
                                                               w->apply.profile ? &w->apply.profile->layout : NULL};
    ggx_shape shape = {.rank = whole->rank};
    ggx_view view;
    ggx_digits d;
    ggx_error inner = {0};
    uint64_t stride = 1;
    cut.next = NULL;
    w->apply.current = t->name;
    if (ggx_back_try(w, whole, first, 1, &view, ops) != GGX_OK || view.piece_count != 1) return 0;
    if (ggx_steps_axis(w->apply.eval, cut.axis, whole->rank, axis) != GGX_OK) return 0;
    memcpy(shape.shape, view.shape, sizeof shape.shape);
    for (uint32_t i = *axis + 1; i < whole->rank; i++) stride *= whole->shape[i];
    p->start = view.pieces[0].axis[*axis].first + view.pieces[0].offset / stride;
    if (ggx_back_try(w, &shape, then, 2, &view, ops) != GGX_OK || view.rank != t->rank ||
        memcmp(view.shape, t->shape, t->rank * sizeof *t->shape) != 0 || !ggx_back_digits(&view, &d))
        return 0;
    return ggx_view_tensor(w->apply.arena, w->apply.env->checkpoint, p->tensor, &p->view, &inner) == GGX_OK &&
           ggx_back_undo(w, &p->view, &d, &shape) == GGX_OK;
}

/* Puts the parts in order: from the first index to the last, and nothing twice. */
static int arrange(const ggx_shape *whole, part *parts, uint32_t n, uint32_t axis)
{
    uint64_t at = 0;
    for (uint32_t k = 0; k < n; k++) {
        uint32_t i = k;
        while (i < n && (parts[i].start != at || !parts[i].view.shape[axis])) i++;
        if (i == n) return 0;
        const part swap = parts[k];
        parts[k] = parts[i];
        parts[i] = swap;
        at += parts[k].view.shape[axis];
    }
    return at == whole->shape[axis];
}

/* Side by side, and then what the rule did before it cut is turned around. */
static int put_side_by_side(ggx_walk *w, const part *parts, uint32_t n, uint32_t axis, const ggx_digits *d,
                            const ggx_shape *source, ggx_view *out)
{
    ggx_view views[PARTS_MOST];
    ggx_error inner = {0};
    for (uint32_t k = 0; k < n; k++)
        if (ggx_view_copy(w->apply.arena, &parts[k].view, &views[k], &inner) != GGX_OK) return 0;
    return ggx_view_concat(w->apply.arena, views, n, axis, out, &inner) == GGX_OK &&
           ggx_back_undo(w, out, d, source) == GGX_OK;
}

/* Where the rule only gave its source more axes before it cut: the parts take turns, so many rows of the source each. */
static int put_by_turns(ggx_walk *w, const ggx_shape *whole, part *parts, uint32_t n, uint32_t axis,
                        const ggx_digits *d, const ggx_shape *source, ggx_view *out)
{
    uint64_t turns = 1, inside = 1, row = 1;
    ggx_error inner = {0};
    for (uint32_t i = 0; i < d->count; i++)
        if (d->order[i] != i) return 0;
    for (uint32_t i = 0; i < whole->rank; i++) *(i < axis ? &turns : &inside) *= i == axis ? 1 : whole->shape[i];
    for (uint32_t i = 1; i < source->rank; i++) row *= source->shape[i];
    if (!turns || turns > GGX_MAX_PIECES / n || !source->rank || !row) return 0;
    ggx_view *views = ggx_arena_array(w->apply.arena, turns * n, sizeof *views);
    if (!views) return 0;
    for (uint32_t k = 0; k < n; k++) {
        const uint64_t run = parts[k].view.shape[axis] * inside, flat[] = {turns, run};
        ggx_shape rows = *source;
        if (run % row || ggx_view_reshape(w->apply.arena, &parts[k].view, flat, 2, &inner) != GGX_OK) return 0;
        rows.shape[0] = run / row;
        for (uint64_t t = 0; t < turns; t++) {
            ggx_view *view = &views[t * n + k];
            if (ggx_view_copy(w->apply.arena, &parts[k].view, view, &inner) != GGX_OK ||
                ggx_view_slice(w->apply.arena, view, 0, t, t + 1, &inner) != GGX_OK ||
                ggx_view_reshape(w->apply.arena, view, rows.shape, rows.rank, &inner) != GGX_OK)
                return 0;
        }
    }
    return ggx_view_concat(w->apply.arena, views, (uint32_t)(turns * n), 0, out, &inner) == GGX_OK;
}

/* For a source of that shape: 1 when all parts fit, and made->view is the source. */
static int join_parts(ggx_walk *w, const ggx_rule *rule, const ggx_shape *source, part *parts, uint32_t n,
                      ggx_recipe_tensor *made)
{
    const ggx_steps *const before[] = {&rule->sources[rule->leader].steps, &rule->steps};
    ggx_op_list ops, first = {0}, each;
    ggx_shape whole = {.rank = 0};
    ggx_view view;
    ggx_digits d;
    uint32_t axis = 0, other = 0;
    if (ggx_back_try(w, source, before, 2, &view, &ops) != GGX_OK || !ggx_back_digits(&view, &d)) return 0;
    whole.rank = view.rank;
    memcpy(whole.shape, view.shape, sizeof whole.shape);
    for (uint32_t i = 0; i < n; i++) {
        if (!undo_part(w, &whole, &parts[i], &other, &each)) return 0;
        if (i && (other != axis || !same_ops(&first, &each))) return 0;
        axis = other;
        first = each;
    }
    for (uint32_t i = 0; i < first.count; i++) {
        if (ops.count == GGX_MAX_OPS) return 0;
        ops.op[ops.count++] = first.op[i];
    }
    return arrange(&whole, parts, n, axis) &&
           (put_side_by_side(w, parts, n, axis, &d, source, &made->view) ||
            put_by_turns(w, &whole, parts, n, axis, &d, source, &made->view)) &&
           ggx_back_ops(w, &ops, made) == GGX_OK;
}

ggx_status ggx_back_parts(ggx_walk *w, const ggx_rule *rule, const ggx_match *match)
{
    const ggx_pattern *pattern = rule->sources[rule->leader].pattern;
    ggx_recipe_tensor made = {0};
    ggx_shape shape;
    part parts[PARTS_MOST];
    uint32_t n = wanted(w, rule->when) ? find_parts(w, rule, parts) : 0;
    made.name = ggx_pattern_fill(w->apply.arena, pattern, pattern, match);
    if (!made.name.data) return GGX_E_NOMEM;
    if (!n || ggx_back_taken(w, made.name)) return GGX_OK;
    int found = 0, named = named_shape(w, rule, &shape);
    if (named) found = join_parts(w, rule, &shape, parts, n, &made);
    for (uint32_t form = 0; !named && !found && form < 3; form++)
        found = summed_shape(w, parts, n, form, &shape) && join_parts(w, rule, &shape, parts, n, &made);
    if (!found) return GGX_OK;
    ggx_origin_place(&rule->origin, GGX_WHOLE, &made.rule_line, &made.rule_column);
    made.quantize = made.view.rank >= 2;
    if (made.view.type.block_elems > 1) made.default_type = GGX_LIT("f32");
    for (uint32_t i = 0; i < n; i++) w->apply.used[parts[i].tensor] = 1;
    return ggx_back_keep(w, &made);
}

/* --- what was joined -------------------------------------------------------------------------------------------------------------- */

/* Lengths of the joined tensors along the axis; *count of them. */
static int lengths(ggx_walk *w, const ggx_rule *rule, uint64_t total, uint64_t *out, uint32_t *count)
{
    int64_t counted = 0;
    ggx_value sizes;
    uint64_t sum = 0;
    if (rule->join == GGX_JOIN_STACK) {
        *count = rule->over.size ? (uint32_t)total : rule->source_count;
        if (total != *count) return 0;
        for (uint32_t i = 0; i < *count; i++) out[i] = 1;
        return 1;
    }
    if (rule->over.size) {
        if (!rule->count || ggx_eval_int(w->apply.eval, rule->count, &counted) != GGX_OK || counted < 1 ||
            counted > GGX_MAX_PIECES || total % (uint64_t)counted)
            return 0;
        *count = (uint32_t)counted;
        for (uint32_t i = 0; i < *count; i++) out[i] = total / (uint64_t)counted;
        return 1;
    }
    if (!rule->sizes || ggx_eval_list(w->apply.eval, rule->sizes, &sizes) != GGX_OK ||
        sizes.count != rule->source_count)
        return 0;
    *count = (uint32_t)sizes.count;
    for (uint32_t i = 0; i < *count; i++) {
        if (sizes.at.items[i].kind != GGX_VALUE_INT || sizes.at.items[i].integer < 0) return 0;
        out[i] = (uint64_t)sizes.at.items[i].integer;
        if (!ggx_add_u64(sum, out[i], &sum)) return 0;
    }
    return sum == total;
}

/* Undoes what was done to one tensor before it was joined. */
static int undo_source(ggx_walk *w, const ggx_rule_source *source, ggx_view *view)
{
    const ggx_steps *const steps[] = {&source->steps};
    ggx_shape forms[3];
    ggx_view tried;
    ggx_op_list ops;
    ggx_digits d;
    if (!source->steps.first) return 1;
    ggx_back_forms(view->shape, view->rank, forms);
    for (uint32_t k = 0; k < 3; k++) {
        if (ggx_back_try(w, &forms[k], steps, 1, &tried, &ops) != GGX_OK || ops.count || tried.rank != view->rank ||
            memcmp(tried.shape, view->shape, view->rank * sizeof *view->shape) != 0 || !ggx_back_digits(&tried, &d))
            continue;
        if (ggx_back_undo(w, view, &d, &forms[k]) == GGX_OK) return 1;
    }
    return 0;
}

ggx_status ggx_back_cut(ggx_walk *w, const ggx_rule *rule, const ggx_match *match, const ggx_recipe_tensor *made)
{
    const ggx_pattern *leader = rule->sources[rule->leader].pattern;
    const uint64_t kept = w->restored_count;
    uint32_t axis = 0, count = 0;
    uint64_t at = 0;
    ggx_error inner = {0};
    ggx_status status = rule->axis ? ggx_steps_axis(w->apply.eval, rule->axis, made->view.rank, &axis) : GGX_OK;
    uint64_t total = status == GGX_OK && made->view.rank ? made->view.shape[axis] : 0;
    uint64_t *sizes = total ? ggx_arena_array(w->apply.arena, GGX_MAX_PIECES, sizeof *sizes) : NULL;
    if (!sizes || total > UINT32_MAX || (rule->join == GGX_JOIN_STACK && total > GGX_MAX_PIECES) ||
        !lengths(w, rule, total, sizes, &count))
        return GGX_E_UNSUPPORTED;
    for (uint32_t e = 0; e < count && status == GGX_OK; at += sizes[e++]) {
        const ggx_rule_source *source = &rule->sources[rule->over.size ? 0 : e];
        ggx_recipe_tensor one = *made;
        ggx_match numbered = *match;
        if (!source->pattern) continue; /* a constant that stood beside them */
        if (rule->over.size) {
            ggx_str number = ggx_arena_format(w->apply.arena, "%u", e);
            if (!number.data) return GGX_E_NOMEM;
            numbered.slot[ggx_pattern_slot(leader, rule->over)] = number;
        }
        one.name = ggx_pattern_fill(w->apply.arena, source->pattern, leader, &numbered);
        if (!one.name.data) return GGX_E_NOMEM;
        status = ggx_view_copy(w->apply.arena, &made->view, &one.view, &inner);
        if (status == GGX_OK) status = ggx_view_slice(w->apply.arena, &one.view, axis, at, at + sizes[e], &inner);
        if (status == GGX_OK && rule->join == GGX_JOIN_STACK)
            status = ggx_view_squeeze_axis(w->apply.arena, &one.view, axis, &inner);
        if (status == GGX_OK && !undo_source(w, source, &one.view)) status = GGX_E_UNSUPPORTED;
        one.quantize = one.view.rank >= 2;
        if (status == GGX_OK && !ggx_back_taken(w, one.name)) status = ggx_back_keep(w, &one);
    }
    if (status != GGX_OK) w->restored_count = kept;
    return status == GGX_OK || status == GGX_E_NOMEM ? status : GGX_E_UNSUPPORTED;
}
