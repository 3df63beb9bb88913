/* core/execute/measure.h - what operations must know of a whole tensor before its first tile: read once, in bounded memory.
 *
 * The mean of magnitudes is summed as PyTorch sums f32 on one thread (eight lanes of four partial sums, carried upwards in four
 * levels), so that what is computed with it has PyTorch's bytes. With more threads PyTorch adds one sum for each of them, and the
 * last bit of its mean may be another from 32768 elements on. */
#ifndef GGX_CORE_MEASURE_H
#define GGX_CORE_MEASURE_H

#include "execute/gather.h"
#include "recipe/recipe.h"

/* One tensor's operations, and the buffers to read it with. All is borrowed. */
typedef struct ggx_measuring {
    const ggx_gather *gather;
    const ggx_kernels *decode; /* of the source type; NULL for f32 */
    const ggx_op *ops;
    const ggx_kernels *const *kernels; /* of each CAST, as for ggx_ops_apply */
    uint32_t op_count;
    float *values; /* `room` floats */
    uint64_t room; /* at least a block; the gather's stage is for that many */
    void *temporary;
    const ggx_run *run; /* may be NULL */
} ggx_measuring;

/* Measures for operation number `at`. Errors: those of reading, GGX_E_CANCELED. */
ggx_status ggx_measure_op(const ggx_measuring *m, uint32_t at, ggx_error *error);

#endif
