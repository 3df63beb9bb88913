/* core/plan/needs.h - what running a planned output takes, from its plan alone.
 *
 * memory = weights + cache + compute. Weights: the bytes of all tensors. Cache: keys and values of the attention for every position of the
 * context, in 16 bits each. Compute: what an inference program keeps of one batch, an estimate. docs/fit.md has the formulas. */
#ifndef GGX_CORE_NEEDS_H
#define GGX_CORE_NEEDS_H

#include "plan/plan.h"

typedef struct ggx_needs {
    uint64_t weights; /* bytes */
    uint64_t cache;   /* bytes; 0 when nothing is cached, or it is not known */
    uint64_t compute; /* bytes; 0 when it is not known */
    uint64_t context; /* positions: those asked for, or as many as the model has */
    uint64_t layers;  /* 0: not known */
    int32_t known;    /* 1: the output's key/values say what the cache takes */
} ggx_needs;

void ggx_plan_needs(const ggx_plan *plan, uint64_t context, ggx_needs *out);

#endif
