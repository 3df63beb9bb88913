/* kernels/common/search.h - the searches of quants/common/search.h with a group of elements in each lane.
 *
 * x, weights: n lanes, element i of every group. What a search returns of a lane is what portable C gives for that group; the levels
 * are not stored but told by how to make them, since most callers round anew. Header-only, so that n and nmax are constants. */
#ifndef GGX_KERNELS_SEARCH_H
#define GGX_KERNELS_SEARCH_H

#include "../../quants/common/search.h"
#include "lanes.h"
#include <float.h>

#define GROUP_MAX 32 /* elements of the longest group */

/* What ggx_search_affine finds. levels: round(inverse * (x - base)), clamped. */
typedef struct affine_fit {
    lanes scale, min, inverse, base;
    mask bad; /* lanes in which rounding left the range where f_round and portable C agree */
} affine_fit;

/* What the trials share. */
typedef struct affine_lanes {
    const ggx_affine *how;
    int n;
    const lanes *x, *weights;
    lanes lowest, high, sum_w, sum_x;
} affine_lanes;

static inline lanes affine_error_lanes(const affine_lanes *in, const lanes *levels, lanes scale, lanes low)
{
    lanes error = f_zero();
    for (int i = 0; i < in->n; i++) {
        lanes d = f_sub(f_add(f_mul(scale, levels[i]), low), in->x[i]);
        d = in->how->absolute ? f_abs(d) : f_mul(d, d);
        error = f_add(error, f_mul(in->weights[i], d));
    }
    return error;
}

static inline lanes affine_level_lanes(const affine_lanes *in, lanes inverse, lanes low, lanes x)
{
    return f_clamp(f_round(f_mul(inverse, f_sub(x, low))), 0, (float)in->how->nmax);
}

/* Lanes where the rounding of levels is portable C's. The product rises or falls with x, so its ends tell. The upper one is near the
 * constant that `inverse` was made of unless the extent or `inverse` is infinite or NaN; of the latter the lower one tells. */
static inline mask affine_sound_lanes(const affine_lanes *in, lanes inverse, lanes low, lanes extent)
{
    return m_and(f_lt(extent, f_set(FLT_MAX)), f_roundable(f_mul(inverse, f_sub(in->lowest, low))));
}

/* Levels for one inverse scale over a base, and the line that fits them best; the mask tells where there is one. */
static inline mask fit_affine_lanes(const affine_lanes *in, lanes inverse, lanes low, lanes *levels, lanes *scale,
                                    lanes *new_low)
{
    lanes sum_l = f_zero(), sum_l2 = f_zero(), sum_xl = f_zero();
    for (int i = 0; i < in->n; i++) {
        lanes l = affine_level_lanes(in, inverse, low, in->x[i]), wl = f_mul(in->weights[i], l);
        levels[i] = l;
        sum_l = f_add(sum_l, wl);
        sum_l2 = f_add(sum_l2, f_mul(wl, l));
        sum_xl = f_add(sum_xl, f_mul(wl, in->x[i]));
    }
    lanes determinant = f_sub(f_mul(in->sum_w, sum_l2), f_mul(sum_l, sum_l));
    lanes slope = f_div(f_sub(f_mul(in->sum_w, sum_xl), f_mul(in->sum_x, sum_l)), determinant);
    lanes start = f_div(f_sub(f_mul(sum_l2, in->sum_x), f_mul(sum_l, sum_xl)), determinant);
    mask above = f_lt(f_zero(), start);
    *new_low = start;
    *scale = slope;
    if (m_bits(above)) { /* seldom */
        *new_low = f_pick(above, f_zero(), start);
        *scale = f_pick(above, f_div(sum_xl, sum_l2), slope);
    }
    return f_lt(f_zero(), determinant);
}

static inline void search_affine_lanes(const ggx_affine *how, int n, const lanes *x, const lanes *weights,
                                       affine_fit *fit)
{
    affine_lanes in = {how, n, x, weights, x[0], x[0], weights[0], f_mul(weights[0], x[0])};
    lanes levels[GROUP_MAX], nmax = f_set((float)how->nmax);
    mask whole = f_eq(x[0], x[0]); /* no NaN */
    for (int i = 1; i < n; i++) {
        in.lowest = f_min(x[i], in.lowest);
        in.high = f_max(x[i], in.high);
        in.sum_w = f_add(in.sum_w, weights[i]);
        in.sum_x = f_add(in.sum_x, f_mul(weights[i], x[i]));
        whole = m_and(whole, f_eq(x[i], x[i]));
    }
    lanes low = f_min(f_zero(), in.lowest);
    mask flat = f_le(in.high, low);
    lanes extent = f_sub(in.high, low), inverse = f_div(nmax, extent);
    lanes scale = f_div(f_set(1), inverse), best_inverse = inverse, base = low;
    mask sound = affine_sound_lanes(&in, inverse, low, extent);
    for (int i = 0; i < n; i++) levels[i] = affine_level_lanes(&in, inverse, low, x[i]);
    lanes best = affine_error_lanes(&in, levels, scale, low);
    for (int step = 0; step <= how->steps; step++) {
        lanes new_scale, new_low;
        extent = f_sub(in.high, low);
        inverse = f_div(f_set(how->first + how->step * (float)step + (float)how->nmax), extent);
        sound = m_and(sound, affine_sound_lanes(&in, inverse, low, extent));
        mask wins = fit_affine_lanes(&in, inverse, low, levels, &new_scale, &new_low);
        lanes error = affine_error_lanes(&in, levels, new_scale, new_low);
        wins = m_and(wins, f_lt(error, best));
        best = f_pick(wins, error, best);
        scale = f_pick(wins, new_scale, scale);
        best_inverse = f_pick(wins, inverse, best_inverse);
        base = f_pick(wins, low, base);
        low = f_pick(wins, new_low, low);
    }
    fit->scale = f_pick(flat, f_zero(), scale);
    fit->min = f_neg(low);
    fit->inverse = f_pick(flat, f_zero(), best_inverse);
    fit->base = base;
    fit->bad = m_not(m_and(m_or(sound, flat), whole));
}

/* What ggx_search_symmetric finds. levels: round(inverse * x), clamped, plus nmax; all 0 where `zero`. */
typedef struct symmetric_fit {
    lanes scale, inverse;
    mask zero, bad;
} symmetric_fit;

/* The value of largest magnitude, the first of equal ones; a NaN anywhere makes the lane bad. */
static inline lanes find_largest_lanes(int n, const lanes *x, lanes *magnitude, mask *bad)
{
    lanes largest = f_zero(), most = f_zero();
    mask whole = f_eq(most, most);
    for (int i = 0; i < n; i++) {
        lanes m = f_abs(x[i]);
        largest = f_pick(f_lt(most, m), x[i], largest);
        most = f_max(m, most);
        whole = m_and(whole, f_eq(x[i], x[i]));
    }
    *magnitude = most;
    *bad = m_not(whole);
    return largest;
}

#define SYMMETRIC_TRIALS 18 /* besides the first, whose largest element comes to nmax */

/* What the trials of a symmetric search share. `sides`: the elements with the sign of the largest turned to plus, so that levels are
 * those of a negative inverse scale; and twice with large ones made smaller as far as no trial of a stage sees (find_sides). */
typedef struct symmetric_lanes {
    int n, nmax;
    const lanes *weights;
    lanes wx[GROUP_MAX]; /* weights times x */
    lanes sides[3][GROUP_MAX];
} symmetric_lanes;

/* The first trial of each stage, and the last one's end: below nmax - 1/2 no level needs a clamp, below nmax + 1/2 only those above
 * do. */
static const int symmetric_stages[4] = {0, 3, 12, SYMMETRIC_TRIALS};

/* By how much each trial is below or beyond nmax. */
static const float symmetric_offsets[SYMMETRIC_TRIALS] = {
    0.1f * -9, 0.1f * -8, 0.1f * -7, 0.1f * -6, 0.1f * -5, 0.1f * -4, 0.1f * -3, 0.1f * -2, 0.1f * -1,
    0.1f * 1,  0.1f * 2,  0.1f * 3,  0.1f * 4,  0.1f * 5,  0.1f * 6,  0.1f * 7,  0.1f * 8,  0.1f * 9,
};

/* Elements so that no level needs a clamp: what would be rounded to a level above nmax - 1 by one trial of a stage, all trials round
 * to nmax - 1 or above. So it may be any value that all of them round to nmax - 1. Likewise below -nmax. The ratios are halfway
 * between the ends of what may be, a thousandth from either, so the rounding of a few operations does not matter. */
static inline void find_sides(symmetric_lanes *in, const lanes *x, lanes largest, lanes magnitude)
{
    const float nmax = (float)in->nmax;
    const lanes sign = f_sign(largest);
    for (int i = 0; i < in->n; i++) in->sides[0][i] = f_flip(x[i], sign);
    for (int stage = 1; stage < 3; stage++) {
        const float least = nmax + symmetric_offsets[symmetric_stages[stage]];
        const float most = nmax + symmetric_offsets[symmetric_stages[stage + 1] - 1];
        const float above = ((nmax - 1.5f) / least + (nmax - 0.5f) / most) / 2;
        const float below = ((nmax - 0.5f) / least + (nmax + 0.5f) / most) / 2;
        const lanes low = f_mul(magnitude, f_set(-above)), high = f_mul(magnitude, f_set(below));
        for (int i = 0; i < in->n; i++) {
            in->sides[stage][i] = f_max(in->sides[0][i], low);
            if (stage == 2) in->sides[stage][i] = f_min(in->sides[stage][i], high);
        }
    }
}

/* Of each trial, the two sums of which the best scale for its levels is the quotient; the first trial is the last here. */
typedef struct symmetric_sums {
    lanes inverse[SYMMETRIC_TRIALS + 1], xl[SYMMETRIC_TRIALS + 1], l2[SYMMETRIC_TRIALS + 1];
} symmetric_sums;

/* Those of three trials from number k on, in vector v of the lanes: three hide each other's waiting. */
static inline void sum_three(const symmetric_lanes *in, const lanes *x, int v, symmetric_sums *sums, int k)
{
    vec xl0 = v_set(0), l20 = xl0, xl1 = xl0, l21 = xl0, xl2 = xl0, l22 = xl0;
    const vec first = f_part(sums->inverse + k, v), second = f_part(sums->inverse + k + 1, v);
    const vec third = f_part(sums->inverse + k + 2, v);
    for (int i = 0; i < in->n; i++) {
        const vec y = f_part(x + i, v), wx = v_hold(f_part(in->wx + i, v)), w = v_hold(f_part(in->weights + i, v));
        const vec l0 = v_round(v_mul(first, y)), l1 = v_round(v_mul(second, y)), l2 = v_round(v_mul(third, y));
        xl0 = v_add(xl0, v_mul(wx, l0));
        xl1 = v_add(xl1, v_mul(wx, l1));
        xl2 = v_add(xl2, v_mul(wx, l2));
        l20 = v_add(l20, v_mul(v_mul(w, l0), l0));
        l21 = v_add(l21, v_mul(v_mul(w, l1), l1));
        l22 = v_add(l22, v_mul(v_mul(w, l2), l2));
    }
    f_put_part(sums->xl + k, v, xl0);
    f_put_part(sums->xl + k + 1, v, xl1);
    f_put_part(sums->xl + k + 2, v, xl2);
    f_put_part(sums->l2 + k, v, l20);
    f_put_part(sums->l2 + k + 1, v, l21);
    f_put_part(sums->l2 + k + 2, v, l22);
}

static inline void sum_first(const symmetric_lanes *in, symmetric_sums *sums)
{
    lanes xl = f_zero(), l2 = f_zero();
    for (int i = 0; i < in->n; i++) {
        const lanes l = f_round(f_mul(sums->inverse[SYMMETRIC_TRIALS], in->sides[1][i]));
        xl = f_add(xl, f_mul(in->wx[i], l));
        l2 = f_add(l2, f_mul(f_mul(in->weights[i], l), l));
    }
    sums->xl[SYMMETRIC_TRIALS] = xl;
    sums->l2[SYMMETRIC_TRIALS] = l2;
}

/* The best of all trials. What wins is picked without a branch: with so many lanes one wins most of the time. */
static inline void pick_symmetric(const symmetric_sums *sums, lanes *scale, lanes *inverse)
{
    const lanes first_xl = sums->xl[SYMMETRIC_TRIALS], first_l2 = sums->l2[SYMMETRIC_TRIALS];
    *inverse = sums->inverse[SYMMETRIC_TRIALS];
    *scale = f_pick(f_eq(first_l2, f_zero()), f_zero(), f_div(first_xl, first_l2));
    lanes best = f_mul(*scale, first_xl);
    for (int k = 0; k < SYMMETRIC_TRIALS; k++) {
        const lanes xl = sums->xl[k], l2 = sums->l2[k], own = f_div(xl, l2);
        mask wins = m_and(f_lt(f_zero(), l2), f_lt(f_mul(best, l2), f_mul(xl, xl)));
        *scale = f_pick(wins, own, *scale);
        best = f_pick(wins, f_mul(own, xl), best);
        *inverse = f_pick(wins, sums->inverse[k], *inverse);
    }
}

static inline void search_symmetric_lanes(int n, int nmax, const lanes *x, const lanes *weights, symmetric_fit *fit)
{
    symmetric_lanes in;
    symmetric_sums sums;
    lanes magnitude;
    lanes largest = find_largest_lanes(n, x, &magnitude, &fit->bad);
    fit->zero = f_lt(magnitude, f_set(GGX_GROUP_EPSILON));
    in.n = n;
    in.nmax = nmax;
    in.weights = weights;
    for (int k = 0; k < SYMMETRIC_TRIALS; k++)
        sums.inverse[k] = f_div(f_set(-((float)nmax + symmetric_offsets[k])), magnitude);
    sums.inverse[SYMMETRIC_TRIALS] = f_div(f_set((float)-nmax), magnitude);
    for (int i = 0; i < n; i++) in.wx[i] = f_mul(weights[i], x[i]);
    find_sides(&in, x, largest, magnitude);
    sum_first(&in, &sums);
    for (int stage = 0; stage < 3; stage++)
        for (int k = symmetric_stages[stage]; k < symmetric_stages[stage + 1]; k += 3)
            for (int v = 0; v < VECS; v++) sum_three(&in, in.sides[stage], v, &sums, k);
    pick_symmetric(&sums, &fit->scale, &fit->inverse);
    /* the inverse of largest magnitude */
    mask sound = f_roundable(f_mul(sums.inverse[SYMMETRIC_TRIALS - 1], magnitude));
    fit->inverse = f_flip(fit->inverse, f_sign(largest));
    fit->scale = f_pick(fit->zero, f_zero(), fit->scale);
    fit->bad = m_or(fit->bad, m_not(m_or(sound, fit->zero)));
}

/* ggx_search_positive's last step. */
static inline lanes improve_positive_lanes(int n, int nmax, const lanes *x, const lanes *weights, ilanes *levels,
                                           lanes sum_xl, lanes sum_l2)
{
    for (int round = 0; round < 5; round++) {
        uint32_t changed = 0;
        for (int i = 0; i < n; i++) {
            lanes w = weights[i], lf = f_from_i(levels[i]), wx = f_mul(w, x[i]);
            lanes xl = f_sub(sum_xl, f_mul(wx, lf)), l2 = f_sub(sum_l2, f_mul(f_mul(w, lf), lf));
            mask wins = m_and(f_lt(f_zero(), xl), f_lt(f_zero(), l2));
            ilanes l = i_min(f_round_i(f_div(f_mul(x[i], l2), xl)), i_set(nmax));
            wins = m_and(wins, m_not(i_eq(l, levels[i])));
            lf = f_from_i(l);
            xl = f_add(xl, f_mul(wx, lf));
            l2 = f_add(l2, f_mul(f_mul(w, lf), lf));
            wins = m_and(wins, f_lt(f_mul(f_mul(sum_xl, sum_xl), l2), f_mul(f_mul(xl, xl), sum_l2)));
            levels[i] = i_pick(wins, i_and(l, i_set(255)), levels[i]);
            sum_xl = f_pick(wins, xl, sum_xl);
            sum_l2 = f_pick(wins, l2, sum_l2);
            changed |= m_bits(wins);
        }
        if (!changed) break;
    }
    return f_pick(f_lt(f_zero(), sum_l2), f_div(sum_xl, sum_l2), f_zero());
}

/* Scale; levels as bytes in int32. */
static inline lanes search_positive_lanes(int n, int nmax, const lanes *x, const lanes *weights, ilanes *levels)
{
    lanes max = f_zero(), best = f_zero(), sum_xl = f_zero(), sum_l2 = f_zero();
    for (int i = 0; i < n; i++) max = f_max(max, x[i]);
    mask zero = f_lt(max, f_set(GGX_GROUP_EPSILON));
    lanes inverse = f_div(f_set((float)nmax), max), unit = f_div(f_set(1), inverse);
    for (int i = 0; i < n; i++) {
        lanes l = f_from_i(i_and(f_round_i(f_mul(inverse, x[i])), i_set(255)));
        lanes d = f_sub(x[i], f_mul(unit, l));
        best = f_add(best, f_mul(f_mul(weights[i], d), d));
    }
    for (int step = -4; step <= 4; step++) {
        if (step == 0) continue;
        lanes tried = f_div(f_set(0.1f * (float)step + (float)nmax), max), scale = f_div(f_set(1), tried);
        lanes error = f_zero();
        for (int i = 0; i < n; i++) {
            lanes l = f_from_i(i_min(f_round_i(f_mul(tried, x[i])), i_set(nmax)));
            lanes d = f_sub(x[i], f_mul(scale, l));
            error = f_add(error, f_mul(f_mul(weights[i], d), d));
        }
        mask wins = f_lt(error, best);
        best = f_pick(wins, error, best);
        inverse = f_pick(wins, tried, inverse);
    }
    for (int i = 0; i < n; i++) {
        ilanes l = i_min(f_round_i(f_mul(inverse, x[i])), i_set(nmax));
        lanes lf = f_from_i(l);
        levels[i] = i_and(l, i_set(255));
        sum_xl = f_add(sum_xl, f_mul(f_mul(weights[i], x[i]), lf));
        sum_l2 = f_add(sum_l2, f_mul(f_mul(weights[i], lf), lf));
    }
    lanes scale = improve_positive_lanes(n, nmax, x, weights, levels, sum_xl, sum_l2);
    for (int i = 0; i < n; i++) levels[i] = i_pick(zero, i_set(0), levels[i]);
    return f_pick(zero, f_zero(), scale);
}

#endif
