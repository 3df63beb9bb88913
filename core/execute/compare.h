/* core/execute/compare.h - how far one tensor is from another, read once in bounded memory. */
#ifndef GGX_CORE_COMPARE_H
#define GGX_CORE_COMPARE_H

#include "checkpoint/view.h"

typedef struct ggx_difference {
    uint64_t elements;
    uint64_t odd;    /* elements that are no finite number on either side; not counted in what follows */
    double rmse;     /* root of the mean squared difference */
    double relative; /* rmse over the root mean square of the first tensor; 0 when that is 0 */
    double largest;  /* difference */
    double cosine;   /* of the angle between both, as vectors; 1 when both are zero */
    double bits;     /* per weight, of the second */
} ggx_difference;

/* Compares two tensors of the same shape, leading axes of length 1 aside. Errors: GGX_E_UNSUPPORTED (other shape), GGX_E_NOTFOUND (no
 * plugin decodes a type), those of reading, GGX_E_CANCELED. */
ggx_status ggx_tensors_compare(const ggx_checkpoint *a, uint64_t tensor_a, const ggx_checkpoint *b, uint64_t tensor_b,
                               const ggx_run *run, ggx_difference *out, ggx_error *error);

#endif
