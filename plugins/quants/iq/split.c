/* iq/split.c - the searches of iq1_s and iq1_m in portable C. See iq1.h; the algorithm is that of ggml's ggml-quants.c (MIT). */
#include "../common/block.h"
#include "iq1.h"
#include <float.h>

void ggx_iq1_sort(const float *x, int n, uint8_t *order)
{
    for (int i = 0; i < n; i++) {
        int at = i;
        for (; at > 0 && x[order[at - 1]] > x[i]; at--) order[at] = order[at - 1];
        order[at] = (uint8_t)i;
    }
}

ggx_iq1_split ggx_iq1_split_s(const float *x, const float *weights, const uint8_t *order)
{
    float wx[SUB_S + 1] = {0}, w[SUB_S + 1] = {0}; /* sums of the elements below */
    ggx_iq1_split best = {0, -FLT_MAX, -1, -1, 0};
    for (int i = 0; i < SUB_S; i++) {
        wx[i + 1] = wx[i] + weights[order[i]] * x[order[i]];
        w[i + 1] = w[i] + weights[order[i]];
    }
    for (int a = 0; a <= SUB_S; a++)
        for (int b = a; b <= SUB_S; b++)
            for (int shift = 0; shift < 2; shift++) {
                const float *v = ggx_iq1_values[shift];
                float xq = wx[a] * v[0] + (wx[b] - wx[a]) * v[1] + (wx[SUB_S] - wx[b]) * v[2];
                float q2 = w[a] * v[0] * v[0] + (w[b] - w[a]) * v[1] * v[1] + (w[SUB_S] - w[b]) * v[2] * v[2];
                ggx_iq1_offer(&best, xq, q2, a, b, shift);
            }
    return best;
}

/* iq1_m's sums, of the elements of each half below: the values of neighbouring levels differ by one, so a split's sum is the total
 * times the highest value less what lies below its two borders. */
ggx_iq1_split ggx_iq1_split_m(const float *x, const float *weights, const uint8_t *order)
{
    float wx[2][SUB_M + 1] = {{0}}, w[2][SUB_M + 1] = {{0}}, step[2][2];
    ggx_iq1_split best = {0, -FLT_MAX, -1, -1, 0};
    for (int i = 0; i < SUB_M; i++) {
        int half = order[i] / (SUB_M / 2);
        wx[half][i + 1] = wx[half][i] + weights[order[i]] * x[order[i]];
        w[half][i + 1] = w[half][i] + weights[order[i]];
        wx[1 - half][i + 1] = wx[1 - half][i];
        w[1 - half][i + 1] = w[1 - half][i];
    }
    for (int shift = 0; shift < 2; shift++) {
        const float *v = ggx_iq1_values[shift];
        step[shift][0] = v[0] * v[0] - v[1] * v[1];
        step[shift][1] = v[1] * v[1] - v[2] * v[2];
    }
    for (int a = 0; a <= SUB_M; a++)
        for (int b = a; b <= SUB_M; b++) {
            float xq[2][2], q2[2][2]; /* of a half with a shift */
            for (int half = 0; half < 2; half++)
                for (int shift = 0; shift < 2; shift++) {
                    float top = ggx_iq1_values[shift][2];
                    xq[half][shift] = wx[half][SUB_M] * top - (wx[half][a] + wx[half][b]);
                    q2[half][shift] =
                        w[half][SUB_M] * top * top + w[half][a] * step[shift][0] + w[half][b] * step[shift][1];
                }
            for (int k = 0; k < 4; k++)
                ggx_iq1_offer(&best, xq[0][k / 2] + xq[1][k % 2], q2[0][k / 2] + q2[1][k % 2], a, b, k);
        }
    return best;
}

uint16_t ggx_iq1_place(ggx_lattice *lattice, const float *x, const float *weights, float scale, const float *values,
                       uint8_t *levels, int *off)
{
    const uint16_t *near;
    int32_t index = ggx_lattice_find(lattice, levels, &near);
    if (index >= 0) return (uint16_t)index;
    float least = FLT_MAX;
    index = near[1]; /* when all errors are infinite or NaN */
    *off = 1;
    for (int n = 1; n <= near[0]; n++) {
        const uint8_t *point = lattice->points[near[n]];
        float error = 0;
        for (int i = 0; i < 8; i++) {
            float d = scale * values[point[i]] - x[i];
            error += weights[i] * d * d;
        }
        if (error < least) {
            least = error;
            index = near[n];
        }
    }
    for (int i = 0; i < 8; i++) levels[i] = lattice->points[index][i];
    return (uint16_t)index;
}
