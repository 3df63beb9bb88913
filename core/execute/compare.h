/* core/execute/compare.h - how far one tensor is from another, read once in bounded memory. */
#ifndef GGX_CORE_COMPARE_H
#define GGX_CORE_COMPARE_H

#include "recipe/recipe.h"

typedef struct ggx_difference {
    uint64_t elements;
    uint64_t odd;    /* elements that are no finite number on either side; not counted in what follows */
    uint64_t lost;   /* of those, finite on one side; if there are any, or nothing is finite, the next four are NaN */
    double rmse;     /* root of the mean squared difference */
    double relative; /* rmse over the root mean square of the first tensor; 0 when that is 0 */
    double largest;  /* difference */
    double cosine;   /* of the angle between both, as vectors; 1 when both are zero */
    double bits;     /* per weight, of the second */

    /* Of ggx_views_compare, when a type to round through is given: what the type alone does to the first. */
    double own_rmse, own_largest;
    uint64_t changed; /* elements of the second that are not the first's, rounded; NaNs are alike */
} ggx_difference;

/* One side: a view, and what is done to its elements. All is borrowed. */
typedef struct ggx_operand {
    const ggx_checkpoint *checkpoint;
    const ggx_view *view;
    const ggx_op *ops;
    uint32_t op_count;
} ggx_operand;

/* Compares two tensors of the same shape, leading axes of length 1 aside. Errors: GGX_E_UNSUPPORTED (other shape), GGX_E_NOTFOUND (no
 * plugin decodes a type), those of reading, GGX_E_CANCELED. */
ggx_status ggx_tensors_compare(const ggx_checkpoint *a, uint64_t tensor_a, const ggx_checkpoint *b, uint64_t tensor_b,
                               const ggx_run *run, ggx_difference *out, ggx_error *error);

/* The same of two views of equal shape. `through`: the type that the second is in, whose own error is measured beside (its rows must be
 * whole blocks, and it must not need an importance matrix), or NULL; `plain`: the second is f32, so rounding changes nothing. */
ggx_status ggx_views_compare(const ggx_operand *a, const ggx_operand *b, const ggx_quant *through, int plain,
                             const ggx_run *run, ggx_difference *out, ggx_error *error);

/* Have two views of equal shape and type the same bytes? No plugin is needed for the type. */
ggx_status ggx_views_equal(const ggx_operand *a, const ggx_operand *b, const ggx_run *run, int *equal,
                           ggx_error *error);

#endif
