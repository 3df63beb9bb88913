/* Several plans of one checkpoint, to be carried out together: what their outputs share is read, and decoded, once. */
#include "plan/plan.h"

#include "checkpoint/decoded.h"
#include <ggx_sdk/checked.h>
#include <ggx_sdk/error.h>

static int same_axis(const ggx_axis *a, const ggx_axis *b)
{
    if (a->first != b->first || a->factor_count != b->factor_count) return 0;
    for (uint32_t f = 0; f < a->factor_count; f++)
        if (a->factors[f].size != b->factors[f].size || a->factors[f].stride != b->factors[f].stride) return 0;
    return 1;
}

static int same_view(const ggx_view *a, const ggx_view *b)
{
    if (a->rank != b->rank || a->piece_count != b->piece_count || !ggx_type_same(&a->type, &b->type)) return 0;
    for (uint32_t x = 0; x < a->rank; x++)
        if (a->shape[x] != b->shape[x]) return 0;
    for (uint32_t i = 0; i < a->piece_count; i++) {
        const ggx_piece *p = &a->pieces[i], *q = &b->pieces[i];
        if (p->tensor == GGX_CONST_TENSOR || p->tensor != q->tensor || p->offset != q->offset) return 0;
        for (uint32_t x = 0; x < a->rank; x++)
            if (p->start[x] != q->start[x] || p->count[x] != q->count[x] || !same_axis(&p->axis[x], &q->axis[x]))
                return 0;
    }
    return 1;
}

/* Plans may have laid different tensors over one checkpoint. */
static int same_sources(const ggx_checkpoint *a, const ggx_checkpoint *b, const ggx_view *view)
{
    for (uint32_t i = 0; a != b && i < view->piece_count; i++) {
        const uint64_t at = view->pieces[i].tensor;
        const ggx_decoded *x = ggx_decoded_at(a, at), *y = ggx_decoded_at(b, at);
        if (!x != !y || (x && memcmp(x->digest, y->digest, sizeof x->digest) != 0)) return 0;
    }
    return 1;
}

/* The tensor of a plan that is made from the same elements; most often the plans have it at the same place. */
static ggx_plan_tensor *find_twin(ggx_plan *plan, const ggx_checkpoint *from, const ggx_plan_tensor *t, uint64_t likely)
{
    for (uint64_t n = 0; n < plan->tensor_count; n++) {
        ggx_plan_tensor *x = &plan->tensors[(likely + n) % plan->tensor_count];
        if (ggx_str_same(x->name, t->name)) {
            const int same =
                !x->is_twin && same_view(&x->view, &t->view) && same_sources(plan->checkpoint, from, &t->view);
            return same ? x : NULL;
        }
    }
    return NULL;
}

/* What can only be read once, from front to back, must be wanted alike by all. */
static ggx_status check_sequential(const ggx_plan *first, uint32_t count, ggx_error *error)
{
    for (uint64_t i = 0; i < first->tensor_count; i++) {
        const ggx_plan_tensor *t = &first->tensors[i];
        uint32_t n = 1;
        for (const ggx_plan_tensor *x = t->twin; x; x = x->twin) n += x->op_count == t->op_count;
        if (t->sequential && (n != count || t->op_count))
            return ggx_fail(error, GGX_E_UNSUPPORTED,
                            "tensor '%.*s' can be read once only, and the types need it differently; convert to one "
                            "type at a time",
                            GGX_STR_ARGS(t->name));
    }
    return GGX_OK;
}

ggx_status ggx_plan_join(ggx_plan **plans, uint32_t count, const ggx_plan_request *request, ggx_error *error)
{
    for (uint32_t k = 0; k < count; k++)
        for (uint64_t i = 0; i < plans[k]->tensor_count; i++) plans[k]->tensors[i].plan = k;
    for (uint32_t k = 0; k + 1 < count; k++)
        for (uint64_t i = 0; i < plans[k]->tensor_count; i++) {
            ggx_plan_tensor *last = &plans[k]->tensors[i];
            if (last->is_twin) continue;
            for (uint32_t other = k + 1; other < count; other++) {
                ggx_plan_tensor *twin = find_twin(plans[other], plans[k]->checkpoint, last, i);
                if (!twin) continue;
                twin->is_twin = 1;
                last->twin = twin;
                last = twin;
            }
        }
    ggx_status status = count > 1 ? check_sequential(plans[0], count, error) : GGX_OK;
    if (status == GGX_OK) status = ggx_plan_tiles(plans, count, request, error);
    for (uint32_t k = 0; k < count && status == GGX_OK; k++) status = ggx_plan_digest(plans[k], error);
    return status;
}
