/* core/execute/statistics.h - what the numbers of one tensor are like, read once in bounded memory. */
#ifndef GGX_CORE_STATISTICS_H
#define GGX_CORE_STATISTICS_H

#include "checkpoint/view.h"

typedef struct ggx_statistics {
    uint64_t elements, zeros, infinite, nan;
    double minimum, maximum, mean, deviation; /* of the finite elements; population deviation */
} ggx_statistics;

/* Reads the whole tensor as floats, elements in order. Errors: GGX_E_NOTFOUND when no plugin decodes its type; those of reading;
 * GGX_E_CANCELED. */
ggx_status ggx_statistics_read(const ggx_checkpoint *checkpoint, uint64_t tensor, const ggx_run *run,
                               ggx_statistics *out, ggx_error *error);

#endif
