/* operations.c - one loop an operation. */
#include "execute/operations.h"

#include "base/math.h"

static void apply(const ggx_op *op, const ggx_kernels *cast, float *v, uint64_t n, void *temporary)
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
    default: break;
    }
}

void ggx_ops_apply(const ggx_op *ops, const ggx_kernels *const *kernels, uint32_t count, float *values, uint64_t n,
                   void *temporary)
{
    for (uint32_t i = 0; i < count; i++) apply(&ops[i], kernels[i], values, n, temporary);
}
