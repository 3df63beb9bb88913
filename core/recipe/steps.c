/* steps.c - does a rule's operations to a view. */
#include "base/text.h"
#include "recipe/model.h"
#include <ggx_sdk/checked.h>
#include <ggx_sdk/error.h>

ggx_status ggx_apply_view_fail(ggx_apply *apply, const ggx_origin *origin, ggx_status status, const ggx_error *inner)
{
    if (status == GGX_E_USAGE)
        status = GGX_E_MALFORMED; /* the recipe was checked; now it does not fit the checkpoint */
    return ggx_origin_fail(origin, GGX_WHOLE, apply->error, status, "tensor '%.*s': %s", GGX_STR_ARGS(apply->current),
                           inner->text);
}

ggx_status ggx_steps_axis(ggx_eval *eval, const ggx_node *node, uint32_t rank, uint32_t *out)
{
    int64_t axis;
    ggx_status status = ggx_eval_int(eval, node, &axis);
    if (status != GGX_OK) return status;
    if (axis < -(int64_t)rank || axis >= (int64_t)rank)
        return GGX_NODE_FAIL(eval, node, "there is no axis %lld among %u", (long long)axis, rank);
    *out = (uint32_t)(axis < 0 ? axis + rank : axis);
    return GGX_OK;
}

static ggx_status permute(ggx_apply *apply, const ggx_step *step, ggx_view *view, ggx_error *inner)
{
    uint32_t order[GGX_MAX_RANK], seen = 0, rank = view->rank;
    if (step->kind == GGX_DO_PERMUTE) {
        ggx_value list;
        ggx_status status = ggx_eval_list(apply->eval, step->value, &list);
        if (status != GGX_OK) return status;
        if (list.count != rank)
            return GGX_NODE_FAIL(apply->eval, step->value, "tensor '%.*s' has %u axes, the order names %llu",
                                 GGX_STR_ARGS(apply->current), rank, (unsigned long long)list.count);
        for (uint32_t i = 0; i < rank; i++) {
            uint64_t axis;
            if (!ggx_value_position(&list.at.items[i], rank, &axis) || seen >> axis & 1u)
                return GGX_NODE_FAIL(apply->eval, step->value, "the order must name each of the %u axes once", rank);
            seen |= 1u << axis;
            order[i] = (uint32_t)axis;
        }
    } else {
        for (uint32_t i = 0; i < rank; i++) order[i] = step->kind == GGX_DO_REVERSE ? rank - 1 - i : i;
        if (step->kind == GGX_DO_TRANSPOSE && rank >= 2) {
            order[rank - 2] = rank - 1;
            order[rank - 1] = rank - 2;
        }
    }
    return ggx_view_permute(apply->arena, view, order, inner);
}

static ggx_status reshape(ggx_apply *apply, const ggx_step *step, ggx_view *view, ggx_error *inner)
{
    ggx_value list;
    uint64_t shape[GGX_MAX_RANK] = {0}, known = 1, elems;
    uint32_t open = GGX_MAX_RANK;
    ggx_status status = ggx_eval_list(apply->eval, step->value, &list);
    if (status != GGX_OK) return status;
    if (list.count > GGX_MAX_RANK) return GGX_NODE_FAIL(apply->eval, step->value, "more than %d axes", GGX_MAX_RANK);
    for (uint32_t i = 0; i < list.count; i++) {
        const ggx_value *size = &list.at.items[i];
        if (size->kind != GGX_VALUE_INT || size->integer < -1 || (size->integer == -1 && open != GGX_MAX_RANK))
            return GGX_NODE_FAIL(apply->eval, step->value, "a shape has lengths and at most one -1; axis %u is neither",
                                 i);
        if (size->integer == -1)
            open = i;
        else if (!ggx_mul_u64(known, shape[i] = (uint64_t)size->integer, &known))
            return GGX_NODE_FAIL(apply->eval, step->value, "the shape overflows");
    }
    if (open != GGX_MAX_RANK) {
        if (!ggx_product_u64(view->shape, view->rank, &elems) || !known || elems % known)
            return GGX_NODE_FAIL(apply->eval, step->value,
                                 "the %llu elements of tensor '%.*s' do not divide by %llu for the -1",
                                 (unsigned long long)elems, GGX_STR_ARGS(apply->current), (unsigned long long)known);
        shape[open] = elems / known;
    }
    return ggx_view_reshape(apply->arena, view, shape, (uint32_t)list.count, inner);
}

/* A bound of a slice: negative from the end, clamped never. */
static ggx_status bound(ggx_apply *apply, const ggx_node *node, uint64_t length, uint64_t *out)
{
    int64_t at;
    if (!node) return GGX_OK;
    ggx_status status = ggx_eval_int(apply->eval, node, &at);
    if (status != GGX_OK) return status;
    if (at < 0) at += (int64_t)length; /* lengths are below 2^58 */
    if (at < 0 || (uint64_t)at > length)
        return GGX_NODE_FAIL(apply->eval, node, "tensor '%.*s' has only %llu there", GGX_STR_ARGS(apply->current),
                             (unsigned long long)length);
    *out = (uint64_t)at;
    return GGX_OK;
}

static ggx_status split_bounds(ggx_apply *apply, const ggx_step *step, uint64_t length, uint64_t *start, uint64_t *stop)
{
    ggx_value take, sizes;
    uint64_t at, sum = 0;
    ggx_status status = ggx_eval_node(apply->eval, step->take, &take);
    if (status != GGX_OK) return status;
    if (step->start) {
        int64_t parts;
        status = ggx_eval_int(apply->eval, step->start, &parts);
        if (status != GGX_OK) return status;
        if (parts < 1 || length % (uint64_t)parts)
            return GGX_NODE_FAIL(apply->eval, step->start, "tensor '%.*s': %llu does not split into %lld equal parts",
                                 GGX_STR_ARGS(apply->current), (unsigned long long)length, (long long)parts);
        if (!ggx_value_position(&take, (uint64_t)parts, &at))
            return GGX_NODE_FAIL(apply->eval, step->take, "there is no such part");
        *start = length / (uint64_t)parts * at;
        *stop = *start + length / (uint64_t)parts;
        return GGX_OK;
    }
    status = ggx_eval_list(apply->eval, step->stop, &sizes);
    if (status != GGX_OK) return status;
    if (!ggx_value_position(&take, sizes.count, &at))
        return GGX_NODE_FAIL(apply->eval, step->take, "there is no such part");
    for (uint64_t i = 0; i < sizes.count; i++) {
        const ggx_value *size = &sizes.at.items[i];
        if (size->kind != GGX_VALUE_INT || size->integer < 0)
            return GGX_NODE_FAIL(apply->eval, step->stop, "the sizes of parts are integers from 0 up");
        if (i == at) *start = sum;
        if (!ggx_add_u64(sum, (uint64_t)size->integer, &sum)) sum = UINT64_MAX;
        if (i == at) *stop = sum;
    }
    if (sum != length)
        return GGX_NODE_FAIL(apply->eval, step->stop, "the parts add up to %llu, tensor '%.*s' has %llu",
                             (unsigned long long)sum, GGX_STR_ARGS(apply->current), (unsigned long long)length);
    return GGX_OK;
}

static ggx_status along(ggx_apply *apply, const ggx_step *step, ggx_view *view, ggx_error *inner)
{
    uint32_t axis = 0;
    ggx_status status = ggx_steps_axis(apply->eval, step->axis, view->rank, &axis);
    if (status != GGX_OK) return status;
    uint64_t start = 0, stop = view->shape[axis];
    if (step->kind == GGX_DO_REPEAT) {
        int64_t times;
        status = ggx_eval_int(apply->eval, step->start, &times);
        if (status == GGX_OK && (times < 1 || times > 1 << 20))
            return GGX_NODE_FAIL(apply->eval, step->start, "something repeats 1 to 1048576 times");
        return status == GGX_OK ? ggx_view_repeat(apply->arena, view, axis, (uint64_t)times, inner) : status;
    }
    if (step->kind == GGX_DO_SLICE) {
        status = bound(apply, step->start, view->shape[axis], &start);
        if (status == GGX_OK) status = bound(apply, step->stop, view->shape[axis], &stop);
    } else {
        status = split_bounds(apply, step, view->shape[axis], &start, &stop);
    }
    return status == GGX_OK ? ggx_view_slice(apply->arena, view, axis, start, stop, inner) : status;
}

static ggx_status axes(ggx_apply *apply, const ggx_step *step, ggx_view *view, ggx_error *inner)
{
    uint32_t axis = 0;
    if (!step->value) return ggx_view_squeeze(apply->arena, view, inner);
    ggx_status status = ggx_steps_axis(apply->eval, step->value, view->rank + (step->kind == GGX_DO_UNSQUEEZE), &axis);
    if (status != GGX_OK) return status;
    return step->kind == GGX_DO_SQUEEZE ? ggx_view_squeeze_axis(apply->arena, view, axis, inner)
                                        : ggx_view_unsqueeze(apply->arena, view, axis, inner);
}

/* Elements of a small type may keep it between operations, as where the framework computes in it; a sign changes nothing of that. */
static int rounds(const ggx_apply *apply, const ggx_step *step, const ggx_view *view)
{
    return apply->profile && apply->profile->rounding.size && step->kind != GGX_DO_CAST && step->kind != GGX_DO_NEG &&
           ggx_str_same(apply->profile->rounding, ggx_str_of(view->type.name));
}

/* The factors along an axis of the view, as floats. */
static ggx_status read_factors(ggx_apply *apply, const ggx_step *step, const ggx_view *view, ggx_op *op)
{
    ggx_value list;
    ggx_status status = ggx_steps_axis(apply->eval, step->axis, view->rank, &op->axis);
    if (status == GGX_OK) status = ggx_eval_list(apply->eval, step->value, &list);
    if (status != GGX_OK) return status;
    if (list.count != view->shape[op->axis])
        return GGX_NODE_FAIL(apply->eval, step->value, "tensor '%.*s' has %llu there, and these are %llu factors",
                             GGX_STR_ARGS(apply->current), (unsigned long long)view->shape[op->axis],
                             (unsigned long long)list.count);
    float *factors = ggx_arena_array(apply->arena, list.count, sizeof *factors);
    if (!factors) return ggx_fail(apply->error, GGX_E_NOMEM, "no memory for the recipe's result");
    for (uint64_t i = 0; i < list.count; i++) {
        const ggx_value *v = &list.at.items[i];
        if (v->kind != GGX_VALUE_INT && v->kind != GGX_VALUE_FLOAT)
            return GGX_NODE_FAIL(apply->eval, step->value, "factor %llu is no number but %s", (unsigned long long)i,
                                 ggx_value_kind(v));
        factors[i] = (float)(v->kind == GGX_VALUE_INT ? (double)v->integer : v->real);
    }
    op->factors = factors;
    return GGX_OK;
}

/* The whole tensor as it is here is measured, whatever is cut from it later. */
static ggx_status plan_measure(ggx_apply *apply, const ggx_step *step, const ggx_view *view, const ggx_op_list *ops,
                               ggx_op *op)
{
    ggx_error inner = {0};
    for (uint32_t i = 0; i < ops->count; i++)
        if (ops->op[i].measure)
            return ggx_origin_fail(&step->origin, GGX_WHOLE, apply->error, GGX_E_USAGE,
                                   "'%s' stands twice for one tensor; a tensor is measured once",
                                   ggx_step_words[step->kind]);
    op->measure = ggx_arena_alloc(apply->arena, sizeof *op->measure);
    if (!op->measure) return ggx_fail(apply->error, GGX_E_NOMEM, "no memory for the recipe's result");
    memset(op->measure, 0, sizeof *op->measure);
    ggx_status status = ggx_view_copy(apply->arena, view, &op->measure->over, &inner);
    return status == GGX_OK ? status : ggx_apply_view_fail(apply, &step->origin, status, &inner);
}

static ggx_status pointwise(ggx_apply *apply, const ggx_step *step, const ggx_view *view, ggx_op_list *ops)
{
    const uint32_t needed = rounds(apply, step, view) ? 2 : 1;
    static const uint32_t kinds[] = {GGX_OP_CAST, GGX_OP_ADD,     GGX_OP_MUL,  GGX_OP_NEG,
                                     GGX_OP_EXP,  GGX_OP_TERNARY, GGX_OP_SCALE};
    ggx_op op = {.kind = kinds[step->kind - GGX_DO_CAST]};
    if (!ops)
        return ggx_origin_fail(&step->origin, GGX_WHOLE, apply->error, GGX_E_USAGE,
                               "'%s' changes elements; here only views are possible, so put it in the rule's own 'do'",
                               ggx_step_words[step->kind]);
    if (ops->count + needed > GGX_MAX_OPS)
        return ggx_origin_fail(&step->origin, GGX_WHOLE, apply->error, GGX_E_USAGE,
                               "more than %d operations on one tensor", GGX_MAX_OPS);
    ggx_status status = GGX_OK;
    if (step->kind == GGX_DO_CAST) {
        status = ggx_eval_text(apply->eval, step->value, &op.type);
        if (status == GGX_OK) op.type = ggx_arena_str(apply->arena, op.type);
        if (status == GGX_OK && !op.type.data)
            return ggx_fail(apply->error, GGX_E_NOMEM, "no memory for the recipe's result");
    } else if (step->kind == GGX_DO_SCALE) {
        status = read_factors(apply, step, view, &op);
    } else if (step->value) {
        double value = 0;
        status = ggx_eval_real(apply->eval, step->value, &value);
        op.value = (float)value;
    }
    if (status == GGX_OK && step->kind == GGX_DO_TERNARY) status = plan_measure(apply, step, view, ops, &op);
    if (status != GGX_OK) return status;
    ops->op[ops->count++] = op;
    if (needed > 1) ops->op[ops->count++] = (ggx_op){.kind = GGX_OP_CAST, .type = apply->profile->rounding};
    return GGX_OK;
}

/* Behind factors along an axis the axes must stay. */
static ggx_status check_order(ggx_apply *apply, const ggx_step *step, const ggx_op_list *ops)
{
    for (uint32_t i = 0; ops && step->kind < GGX_DO_CAST && i < ops->count; i++)
        if (ops->op[i].kind == GGX_OP_SCALE)
            return ggx_origin_fail(&step->origin, GGX_WHOLE, apply->error, GGX_E_USAGE,
                                   "'%s' behind 'scale' would move what its factors belong to; put it before",
                                   ggx_step_words[step->kind]);
    return GGX_OK;
}

static ggx_status run_step(ggx_apply *apply, const ggx_step *step, ggx_view *view, ggx_op_list *ops)
{
    ggx_error inner = {0};
    ggx_status status = check_order(apply, step, ops);
    int truth;
    if (status != GGX_OK) return status;
    switch (step->kind) {
    case GGX_DO_TRANSPOSE:
    case GGX_DO_REVERSE:
    case GGX_DO_PERMUTE: status = permute(apply, step, view, &inner); break;
    case GGX_DO_RESHAPE: status = reshape(apply, step, view, &inner); break;
    case GGX_DO_SLICE:
    case GGX_DO_SPLIT:
    case GGX_DO_REPEAT: status = along(apply, step, view, &inner); break;
    case GGX_DO_SQUEEZE:
    case GGX_DO_UNSQUEEZE: status = axes(apply, step, view, &inner); break;
    case GGX_DO_IF:
        status = ggx_eval_bool(apply->eval, step->value, &truth);
        return status == GGX_OK && truth ? ggx_steps_run(apply, &step->body, view, ops) : status;
    default: return pointwise(apply, step, view, ops);
    }
    return status != GGX_OK && inner.status ? ggx_apply_view_fail(apply, &step->origin, status, &inner) : status;
}

ggx_status ggx_steps_run(ggx_apply *apply, const ggx_steps *steps, ggx_view *view, ggx_op_list *ops)
{
    ggx_status status = GGX_OK;
    for (const ggx_step *step = steps->first; step && status == GGX_OK; step = step->next)
        status = run_step(apply, step, view, ops);
    return status;
}
