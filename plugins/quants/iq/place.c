/* iq/place.c - magnitudes to the grid, for one scale after the other, in portable C. See signed.h. */
#include "../common/block.h"
#include "signed.h"
#include <float.h>

int ggx_signed_place(const ggx_signed_work *s, int k, float inverse, float scale, uint8_t *levels)
{
    const uint16_t *near;
    const float *x = s->x + k * s->dims, *roots = s->roots + k * s->dims;
    int32_t highest = (int32_t)s->type->grid->levels - 1;
    levels += k * s->dims;
    for (int i = 0; i < s->dims; i++)
        levels[i] = (uint8_t)ggx_i32_clamp(ggx_i32_round(0.5f * (inverse * x[i] - 1)), 0, highest);
    if (ggx_lattice_find(s->lattice, levels, &near) >= 0) return 1;
    float least = FLT_MAX;
    const uint8_t *best = s->lattice->points[near[1]]; /* when all errors are infinite or NaN */
    for (int n = 1; n <= near[0]; n++) {
        const uint8_t *point = s->lattice->points[near[n]];
        float error = 0;
        for (int i = 0; i < s->dims; i++) {
            float d = scale * (float)(2 * point[i] + 1) - x[i];
            error += roots[i] * d * d;
        }
        if (error < least) {
            least = error;
            best = point;
        }
    }
    memcpy(levels, best, (size_t)s->dims);
    return 0;
}

float ggx_signed_try(const ggx_signed_work *s, float scale, float divisor, uint8_t *levels, uint8_t *on_grid)
{
    float best = 0, highest = (float)(2 * s->type->grid->levels - 1);
    for (int step = -s->type->reach; step <= s->type->reach; step++) {
        uint8_t tried[32] = {0}, on[8];
        float sum_xq, sum_q2, inverse = (highest + (float)step * s->type->step) / divisor;
        for (int k = 0; k < s->groups; k++) on[k] = (uint8_t)ggx_signed_place(s, k, inverse, 1 / inverse, tried);
        ggx_signed_sum(s, tried, &sum_xq, &sum_q2);
        if (sum_q2 > 0 && sum_xq * sum_xq > best * sum_q2) {
            scale = sum_xq / sum_q2;
            best = scale * sum_xq;
            memcpy(levels, tried, (size_t)s->type->sub);
            memcpy(on_grid, on, (size_t)s->groups);
        }
    }
    return scale;
}
