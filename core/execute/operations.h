/* core/execute/operations.h - pointwise operations on f32 elements, as a recipe asks for them. */
#ifndef GGX_CORE_OPERATIONS_H
#define GGX_CORE_OPERATIONS_H

#include "recipe/recipe.h"

/* Bytes of `temporary` for each element: no type that a cast goes through is wider. */
#define GGX_CAST_BYTES 8u

/* [pure] Does the operations in order on the values of a box, packed in C order. kernels[i] are those of a CAST's type, NULL for f32
 * and for every other kind. What they measure must be known. */
void ggx_ops_apply(const ggx_op *ops, const ggx_kernels *const *kernels, uint32_t count, const ggx_box *box,
                   float *values, void *temporary);

#endif
