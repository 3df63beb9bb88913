/* common/search.c - the searches for a block's scale. See search.h. */
#include "search.h"
#include "block.h"

/* Levels for one scale, and the two sums of which the best scale for these levels is the quotient. */
static void fit_symmetric(int n, int nmax, float inverse, const float *x, const float *weights, uint8_t *levels,
                          float *sum_xl, float *sum_l2)
{
    float xl = 0, l2 = 0;
    for (int i = 0; i < n; i++) {
        int32_t l = ggx_i32_clamp(ggx_i32_round(inverse * x[i]), -nmax, nmax - 1);
        float w = weights ? weights[i] : x[i] * x[i], lf = (float)l;
        levels[i] = (uint8_t)(l + nmax);
        xl += w * x[i] * lf;
        l2 += w * lf * lf;
    }
    *sum_xl = xl;
    *sum_l2 = l2;
}

float ggx_search_symmetric(int n, int nmax, const float *x, const float *weights, uint8_t *levels)
{
    float largest = 0, magnitude = 0, sum_xl, sum_l2;
    for (int i = 0; i < n; i++) {
        float m = fabsf(x[i]);
        if (m > magnitude) {
            magnitude = m;
            largest = x[i];
        }
    }
    if (magnitude < GGX_GROUP_EPSILON) {
        memset(levels, 0, (size_t)n);
        return 0;
    }
    fit_symmetric(n, nmax, (float)-nmax / largest, x, weights, levels, &sum_xl, &sum_l2);
    float scale = sum_l2 != 0 ? sum_xl / sum_l2 : 0;
    float best = scale * sum_xl;
    for (int step = -9; step <= 9; step++) {
        uint8_t tried[32];
        if (step == 0) continue;
        fit_symmetric(n, nmax, -((float)nmax + 0.1f * (float)step) / largest, x, weights, tried, &sum_xl, &sum_l2);
        if (sum_l2 > 0 && sum_xl * sum_xl > best * sum_l2) {
            memcpy(levels, tried, (size_t)n);
            scale = sum_xl / sum_l2;
            best = scale * sum_xl;
        }
    }
    return scale;
}

/* What the trials of ggx_search_affine share. */
typedef struct affine_input {
    const ggx_affine *how;
    const float *x, *weights;
    int n;
    float sum_w, sum_x; /* of the weights, and of the weighted elements */
} affine_input;

static float affine_error(const affine_input *in, const uint8_t *levels, float scale, float min)
{
    float error = 0;
    for (int i = 0; i < in->n; i++) {
        float d = scale * (float)levels[i] + min - in->x[i];
        d = in->how->absolute ? fabsf(d) : d * d;
        error += in->weights[i] * d;
    }
    return error;
}

/* Levels for one inverse scale over a base, and the line that fits them best. 0 when there is none. */
static int fit_affine(const affine_input *in, float inverse, float base, uint8_t *levels, float *scale, float *min)
{
    float sum_l = 0, sum_l2 = 0, sum_xl = 0;
    for (int i = 0; i < in->n; i++) {
        int32_t l = ggx_i32_clamp(ggx_i32_round(inverse * (in->x[i] - base)), 0, in->how->nmax);
        float w = in->weights[i], lf = (float)l;
        levels[i] = (uint8_t)l;
        sum_l += w * lf;
        sum_l2 += w * lf * lf;
        sum_xl += w * lf * in->x[i];
    }
    float determinant = in->sum_w * sum_l2 - sum_l * sum_l;
    if (!(determinant > 0)) return 0;
    *scale = (in->sum_w * sum_xl - in->sum_x * sum_l) / determinant;
    *min = (sum_l2 * in->sum_x - sum_l * sum_xl) / determinant;
    if (*min > 0) {
        *min = 0;
        *scale = sum_xl / sum_l2;
    }
    return 1;
}

float ggx_search_affine(const ggx_affine *how, int n, const float *x, const float *weights, uint8_t *levels, float *min)
{
    affine_input in = {how, x, weights, n, weights[0], weights[0] * x[0]};
    float low = x[0], high = x[0], nmax = (float)how->nmax;
    for (int i = 1; i < n; i++) {
        if (x[i] < low) low = x[i];
        if (x[i] > high) high = x[i];
        in.sum_w += weights[i];
        in.sum_x += weights[i] * x[i];
    }
    if (low > 0) low = 0;
    *min = -low;
    if (high <= low) {
        memset(levels, 0, (size_t)n);
        return 0;
    }
    float inverse = nmax / (high - low), scale = 1 / inverse;
    for (int i = 0; i < n; i++) levels[i] = (uint8_t)ggx_i32_clamp(ggx_i32_round(inverse * (x[i] - low)), 0, how->nmax);
    float best = affine_error(&in, levels, scale, low);
    for (int step = 0; step <= how->steps; step++) {
        uint8_t tried[32];
        float new_scale, new_low;
        /* A winner's minimum replaces `low`, so it is the base and the extent of the trials after it. */
        inverse = (how->first + how->step * (float)step + nmax) / (high - low);
        if (!fit_affine(&in, inverse, low, tried, &new_scale, &new_low)) continue;
        float error = affine_error(&in, tried, new_scale, new_low);
        if (error < best) {
            memcpy(levels, tried, (size_t)n);
            best = error;
            scale = new_scale;
            low = new_low;
        }
    }
    *min = -low;
    return scale;
}

/* Moves single levels to where they fit the others' scale better, up to five rounds; the sums are those of the levels given. */
static float improve_levels(int n, int nmax, const float *x, const float *weights, uint8_t *levels, float sum_xl,
                            float sum_l2)
{
    for (int round = 0, changed = 1; round < 5 && changed; round++) {
        changed = 0;
        for (int i = 0; i < n; i++) {
            float w = weights[i], lf = (float)levels[i];
            float xl = sum_xl - w * x[i] * lf, l2 = sum_l2 - w * lf * lf;
            if (!(xl > 0 && l2 > 0)) continue;
            int32_t l = ggx_i32_min(ggx_i32_round(x[i] * l2 / xl), nmax);
            if (l == levels[i]) continue;
            lf = (float)l;
            xl += w * x[i] * lf;
            l2 += w * lf * lf;
            if (xl * xl * sum_l2 > sum_xl * sum_xl * l2) {
                levels[i] = (uint8_t)l;
                sum_xl = xl;
                sum_l2 = l2;
                changed = 1;
            }
        }
    }
    return sum_l2 > 0 ? sum_xl / sum_l2 : 0;
}

float ggx_search_positive(int n, int nmax, const float *x, const float *weights, uint8_t *levels)
{
    float max = 0;
    for (int i = 0; i < n; i++) max = max > x[i] ? max : x[i];
    if (max < GGX_GROUP_EPSILON) {
        memset(levels, 0, (size_t)n);
        return 0;
    }
    float inverse = (float)nmax / max, best = 0;
    for (int i = 0; i < n; i++) {
        /* stored in a byte before it is used, so a level beyond 255 wraps */
        float d = x[i] - 1 / inverse * (float)(uint8_t)ggx_i32_round(inverse * x[i]);
        best += weights[i] * d * d;
    }
    for (int step = -4; step <= 4; step++) {
        if (step == 0) continue;
        float tried = (0.1f * (float)step + (float)nmax) / max, scale = 1 / tried, error = 0;
        for (int i = 0; i < n; i++) {
            float d = x[i] - scale * (float)ggx_i32_min(ggx_i32_round(tried * x[i]), nmax);
            error += weights[i] * d * d;
        }
        if (error < best) {
            best = error;
            inverse = tried;
        }
    }
    float sum_xl = 0, sum_l2 = 0;
    for (int i = 0; i < n; i++) {
        int32_t l = ggx_i32_min(ggx_i32_round(inverse * x[i]), nmax);
        float w = weights[i], lf = (float)l;
        levels[i] = (uint8_t)l;
        sum_xl += w * x[i] * lf;
        sum_l2 += w * lf * lf;
    }
    return improve_levels(n, nmax, x, weights, levels, sum_xl, sum_l2);
}
