/* kernels/common/search.h - the searches of quants/common/search.h with a group of elements in each lane.
 *
 * x, weights: n lanes, element i of every group. What a search returns of a lane is what portable C gives for that group; the levels
 * are not stored but told by how to make them, since most callers round anew. Header-only, so that n and nmax are constants. */
#ifndef GGX_KERNELS_SEARCH_H
#define GGX_KERNELS_SEARCH_H

#include "../../quants/common/search.h"
#include "lanes.h"

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

/* Levels, and lanes where their rounding is not portable C's: the product rises or falls with x, so its ends tell. */
static inline lanes affine_level_lanes(const affine_lanes *in, lanes inverse, lanes low, lanes x)
{
    return f_clamp(f_round(f_mul(inverse, f_sub(x, low))), 0, (float)in->how->nmax);
}

static inline mask affine_bad_lanes(const affine_lanes *in, lanes inverse, lanes low)
{
    mask sound = f_roundable(f_mul(inverse, f_sub(in->lowest, low)));
    return m_not(m_and(sound, f_roundable(f_mul(inverse, f_sub(in->high, low)))));
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
    *new_low = f_pick(above, f_zero(), start);
    *scale = f_pick(above, f_div(sum_xl, sum_l2), slope);
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
    lanes inverse = f_div(nmax, f_sub(in.high, low));
    lanes scale = f_div(f_set(1), inverse), best_inverse = inverse, base = low;
    mask bad = affine_bad_lanes(&in, inverse, low);
    for (int i = 0; i < n; i++) levels[i] = affine_level_lanes(&in, inverse, low, x[i]);
    lanes best = affine_error_lanes(&in, levels, scale, low);
    for (int step = 0; step <= how->steps; step++) {
        lanes new_scale, new_low;
        inverse = f_div(f_set(how->first + how->step * (float)step + (float)how->nmax), f_sub(in.high, low));
        bad = m_or(bad, affine_bad_lanes(&in, inverse, low));
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
    fit->bad = m_or(m_and(bad, m_not(flat)), m_not(whole));
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

#define SYMMETRIC_TRIALS 18

/* What the trials of a symmetric search share. */
typedef struct symmetric_lanes {
    int n, nmax;
    const lanes *x, *weights;
    lanes wx[GROUP_MAX]; /* weights times x */
} symmetric_lanes;

/* The two sums of which the best scale for the levels at this inverse scale is the quotient. */
static inline void fit_symmetric_lanes(const symmetric_lanes *in, int clamp_low, int clamp_high, lanes inverse,
                                       lanes *sum_xl, lanes *sum_l2)
{
    lanes xl = f_zero(), l2 = f_zero(), low = f_set((float)-in->nmax), high = f_set((float)(in->nmax - 1));
    for (int i = 0; i < in->n; i++) {
        lanes l = f_round(f_mul(inverse, in->x[i]));
        if (clamp_high) l = f_min(l, high);
        if (clamp_low) l = f_max(l, low);
        xl = f_add(xl, f_mul(in->wx[i], l));
        l2 = f_add(l2, f_mul(f_mul(in->weights[i], l), l));
    }
    *sum_xl = xl;
    *sum_l2 = l2;
}

/* The search so far. */
typedef struct symmetric_best {
    lanes scale, score, inverse;
} symmetric_best;

/* The same of two trials, which hide each other's waiting. */
static inline void fit_two_symmetric_lanes(const symmetric_lanes *in, int clamp_low, int clamp_high,
                                           const lanes *inverses, lanes *sum_xl, lanes *sum_l2)
{
    lanes xl0 = f_zero(), l20 = f_zero(), xl1 = f_zero(), l21 = f_zero(), first = inverses[0], second = inverses[1];
    lanes low = f_set((float)-in->nmax), high = f_set((float)(in->nmax - 1));
    for (int i = 0; i < in->n; i++) {
        lanes x = in->x[i], wx = in->wx[i], w = in->weights[i];
        lanes l0 = f_round(f_mul(first, x)), l1 = f_round(f_mul(second, x));
        if (clamp_high) {
            l0 = f_min(l0, high);
            l1 = f_min(l1, high);
        }
        if (clamp_low) {
            l0 = f_max(l0, low);
            l1 = f_max(l1, low);
        }
        xl0 = f_add(xl0, f_mul(wx, l0));
        xl1 = f_add(xl1, f_mul(wx, l1));
        l20 = f_add(l20, f_mul(f_mul(w, l0), l0));
        l21 = f_add(l21, f_mul(f_mul(w, l1), l1));
    }
    sum_xl[0] = xl0;
    sum_xl[1] = xl1;
    sum_l2[0] = l20;
    sum_l2[1] = l21;
}

/* The trials; `clamp_high` is 0 when no lane has an element that could need it. What wins is picked without a branch: with so many
 * lanes one wins most of the time. */
static inline void try_all_symmetric_lanes(const symmetric_lanes *in, int clamp_high, const lanes *inverses,
                                           symmetric_best *best)
{
    for (int k = 0; k < SYMMETRIC_TRIALS; k += 2) {
        lanes xl[2], l2[2];
        /* The largest magnitude comes to nmax and the trial's offset: below nmax - 1/2 nothing goes over nmax - 1, and below
         * nmax + 1/2 nothing under -nmax. */
        if (k < 4)
            fit_two_symmetric_lanes(in, 0, 0, inverses + k, xl, l2);
        else if (k < 12)
            fit_two_symmetric_lanes(in, 0, clamp_high, inverses + k, xl, l2);
        else
            fit_two_symmetric_lanes(in, 1, clamp_high, inverses + k, xl, l2);
        for (int n = 0; n < 2; n++) {
            lanes scale = f_div(xl[n], l2[n]);
            mask wins = m_and(f_lt(f_zero(), l2[n]), f_lt(f_mul(best->score, l2[n]), f_mul(xl[n], xl[n])));
            best->scale = f_pick(wins, scale, best->scale);
            best->score = f_pick(wins, f_mul(scale, xl[n]), best->score);
            best->inverse = f_pick(wins, inverses[k + n], best->inverse);
        }
    }
}

static inline void search_symmetric_lanes(int n, int nmax, const lanes *x, const lanes *weights, symmetric_fit *fit)
{
    symmetric_lanes in;
    symmetric_best best;
    lanes inverses[SYMMETRIC_TRIALS], magnitude, sum_xl, sum_l2, opposite = f_zero();
    lanes largest = find_largest_lanes(n, x, &magnitude, &fit->bad);
    fit->zero = f_lt(magnitude, f_set(GGX_GROUP_EPSILON));
    in.n = n;
    in.nmax = nmax;
    in.x = x;
    in.weights = weights;
    lanes inverse = f_div(f_set((float)-nmax), largest);
    for (int i = 0; i < n; i++) {
        in.wx[i] = f_mul(weights[i], x[i]);
        opposite = f_max(f_mul(inverse, x[i]), opposite);
    }
    int k = 0;
    for (int step = -9; step <= 9; step++)
        if (step != 0) inverses[k++] = f_div(f_set(-((float)nmax + 0.1f * (float)step)), largest);
    /* inverses[17] is the one of largest magnitude */
    mask sound = m_and(f_roundable(f_mul(inverse, largest)), f_roundable(f_mul(inverses[17], largest)));
    lanes reach = f_mul(opposite, f_set(((float)nmax + 1) / (float)nmax));
    int clamp_high = m_bits(m_or(fit->zero, f_lt(reach, f_set((float)nmax - 0.51f)))) != LANES_ALL;
    fit_symmetric_lanes(&in, 0, 1, inverse, &sum_xl, &sum_l2);
    best.scale = f_pick(f_eq(sum_l2, f_zero()), f_zero(), f_div(sum_xl, sum_l2));
    best.score = f_mul(best.scale, sum_xl);
    best.inverse = inverse;
    if (clamp_high)
        try_all_symmetric_lanes(&in, 1, inverses, &best);
    else
        try_all_symmetric_lanes(&in, 0, inverses, &best);
    fit->inverse = best.inverse;
    fit->scale = f_pick(fit->zero, f_zero(), best.scale);
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
