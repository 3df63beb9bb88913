/* operations.c - one loop an operation. */
#include "execute/operations.h"

#include "base/math.h"

/* -1, 0 or 1 times the mean magnitude: divided by it through its inverse, as where such weights are trained; halves go to even, so
 * only what is beyond a half counts. A zero keeps its sign. */
static void ternary(const ggx_op *op, float *v, uint64_t n)
{
    const float mean = op->measure->mean < op->value ? op->value : op->measure->mean, inverse = 1.0f / mean;
    for (uint64_t i = 0; i < n; i++) {
        const float x = v[i] * inverse;
        v[i] = (x > 0.5f ? 1.0f : x < -0.5f ? -1.0f : x * 0.0f) / inverse;
    }
}

static void scale(const ggx_op *op, const ggx_box *box, float *v)
{
    uint64_t outer = 1, inner = 1;
    for (uint32_t a = 0; a < box->rank; a++) *(a < op->axis ? &outer : &inner) *= a == op->axis ? 1 : box->count[a];
    for (uint64_t o = 0; o < outer; o++)
        for (uint64_t k = 0; k < box->count[op->axis]; k++) {
            const float factor = op->factors[box->start[op->axis] + k];
            for (uint64_t i = 0; i < inner; i++) *v++ *= factor;
        }
}

static void apply(const ggx_op *op, const ggx_kernels *cast, const ggx_box *box, float *v, uint64_t n, void *temporary)
{
    switch (op->kind) {
    case GGX_OP_CAST:
        if (!cast) break; /* through f32: nothing to round */
        cast->quantize(v, temporary, 1, n, NULL, NULL);
        cast->dequantize(temporary, v, n);
        break;
    case GGX_OP_ADD:
        for (uint64_t i = 0; i < n; i++) v[i] += op->value;
        break;
    case GGX_OP_MUL:
        for (uint64_t i = 0; i < n; i++) v[i] *= op->value;
        break;
    case GGX_OP_NEG:
        for (uint64_t i = 0; i < n; i++) v[i] = -v[i];
        break;
    case GGX_OP_EXP:
        for (uint64_t i = 0; i < n; i++) v[i] = ggx_expf(v[i]);
        break;
    case GGX_OP_TERNARY: ternary(op, v, n); break;
    case GGX_OP_SCALE: scale(op, box, v); break;
    default: break;
    }
}

void ggx_ops_apply(const ggx_op *ops, const ggx_kernels *const *kernels, uint32_t count, const ggx_box *box,
                   float *values, void *temporary)
{
    uint64_t n = 1;
    for (uint32_t a = 0; a < box->rank; a++) n *= box->count[a];
    for (uint32_t i = 0; i < count; i++) apply(&ops[i], kernels[i], box, values, n, temporary);
}
