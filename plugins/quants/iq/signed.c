/* iq/signed.c - the search that iq2 and iq3 types share. See signed.h; the algorithm is that of ggml's ggml-quants.c (MIT). */
#include "signed.h"
#include "../common/block.h"
#include "../common/search.h"
#include <float.h>

typedef ggx_signed_work search;

static void split_signs(search *s, const float *x, uint8_t *signs)
{
    for (int k = 0; k < s->type->sub; k += 8) {
        uint32_t minus = 0, count = 0;
        for (int i = 0; i < 8; i++) {
            int positive = x[k + i] >= 0;
            s->x[k + i] = positive ? x[k + i] : -x[k + i];
            minus |= (positive ? 0u : 1u) << i;
            count += !positive;
        }
        if (s->type->parity && count % 2) {
            int cheapest = 0;
            float least = s->weights[k] * x[k] * x[k];
            for (int i = 1; i < 8; i++) {
                float cost = s->weights[k + i] * x[k + i] * x[k + i];
                if (cost < least) {
                    least = cost;
                    cheapest = i;
                }
            }
            s->x[k + cheapest] = -s->x[k + cheapest];
            minus ^= 1u << cheapest;
        }
        signs[k / 8] = (uint8_t)(s->type->parity ? minus & 127 : minus);
    }
}

void ggx_signed_sum(const ggx_signed_work *s, const uint8_t *levels, float *sum_xq, float *sum_q2)
{
    float xq = 0, q2 = 0;
    for (int i = 0; i < s->type->sub; i++) {
        float w = s->weights[i], q = (float)(2 * levels[i] + 1);
        xq += w * s->x[i] * q;
        q2 += w * q * q;
    }
    *sum_xq = xq;
    *sum_q2 = q2;
}

/* Groups once more to the grid, for the scale that won, and the scale for what came of it. */
static float refit(search *s, float scale, uint8_t *levels, const uint8_t *on_grid)
{
    int off = s->type->refit == GGX_REFIT_ALL;
    float sum_xq, sum_q2;
    for (int k = 0; k < s->groups; k++) off |= !on_grid[k];
    if (!off || !(scale > 0)) return scale;
    for (int k = 0; k < s->groups; k++)
        if (s->type->refit != GGX_REFIT_OFF || !on_grid[k]) ggx_signed_place(s, k, 1 / scale, scale, levels);
    ggx_signed_sum(s, levels, &sum_xq, &sum_q2);
    return sum_q2 > 0 ? sum_xq / sum_q2 : scale;
}

/* Indices of the groups. Off the grid only after NaN: then the first point. */
static void store_groups(search *s, uint8_t *levels, ggx_signed_sub *out)
{
    for (int k = 0; k < s->groups; k++) {
        const uint16_t *near;
        uint8_t *group = levels + k * s->dims;
        for (int i = 0; i < s->dims; i++)
            if (group[i] >= s->type->grid->levels) group[i] = 0;
        int32_t index = ggx_lattice_find(s->lattice, group, &near);
        out->index[k] = (uint16_t)(index < 0 ? 0 : index);
    }
}

void ggx_signed_search(const ggx_signed *type, ggx_lattice *lattice, const float *x, const float *weights,
                       ggx_signed_sub *out)
{
    search s = {type, lattice, weights, (int)type->grid->dims, type->sub / (int)type->grid->dims, {0}, {0}};
    uint8_t levels[32] = {0}, on_grid[8], signs[4] = {0};
    memset(out, 0, sizeof *out);
    out->zero = 1;
    for (int i = 0; i < type->sub; i++) s.roots[i] = sqrtf(weights[i]);
    split_signs(&s, x, signs);
    float max = s.x[0];
    for (int i = 1; i < type->sub; i++) max = max > s.x[i] ? max : s.x[i];
    if (max < type->epsilon) return;
    float scale = max / (float)(2 * type->grid->levels - 1), divisor = max;
    if (type->narrow) {
        scale = ggx_search_positive(type->sub, (int)type->grid->levels + 1, s.x, weights, levels);
        divisor = scale * (float)type->grid->levels;
        if (divisor <= 0) return;
    }
    memset(on_grid, type->refit != GGX_REFIT_ANY, sizeof on_grid);
    scale = ggx_signed_try(&s, scale, divisor, levels, on_grid);
    scale = refit(&s, scale, levels, on_grid);
    if (scale < 0) { /* the scale is stored without a sign */
        scale = -scale;
        for (int k = 0; k < type->sub / 8; k++) signs[k] = (uint8_t)(type->parity ? ~signs[k] & 127 : ~signs[k]);
    }
    out->zero = 0;
    out->scale = scale;
    memcpy(out->signs, signs, (size_t)(type->sub / 8));
    store_groups(&s, levels, out);
}
