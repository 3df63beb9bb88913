/* iq/place.c - a group of magnitudes to the grid, in portable C. See signed.h. */
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
