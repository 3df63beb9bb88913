/* kernels/common/k_symmetric.c - q3_k and q6_k in lanes: a sub-block in each lane. */
#include "../../quants/k/symmetric.h"
#include "kernels.h"
#include "search.h"
#include "super.h"

/* LANES super-blocks on their way. */
typedef struct symmetric_chunk {
    super_chunk at;
    lanes x[SUPER_ELEMS];       /* group after group */
    lanes found[SUPER_ELEMS];   /* q3_k without an importance matrix: levels as they were found */
    lanes inverse[SUBS_MAX];    /* otherwise: of each group, how they were found */
    mask zero[SUBS_MAX];        /* of each group: sub-blocks without a level */
    sub_values scales, sums, d; /* d: scales as a reader will see them */
    uint8_t levels[LANES][SUPER];
    uint32_t bad; /* bit k: super-block k is for portable C */
} symmetric_chunk;

static void weigh_plain_lanes(const lanes *x, lanes *weights)
{
    for (int i = 0; i < SUB; i++) weights[i] = f_mul(x[i], x[i]);
}

/* Levels for the scales as stored; where a scale came to 0, as they were found. */
static void round_group(symmetric_chunk *c, int group, int nmax, const lanes *found)
{
    const lanes *x = c->x + group * SUB;
    lanes d = f_load(c->d.v + group * LANES);
    mask kept = f_eq(d, f_zero());
    ilanes levels[SUB];
    for (int i = 0; i < SUB; i++) levels[i] = i_add(i_clamp(f_round_i(f_div(x[i], d)), -nmax, nmax - 1), i_set(nmax));
    if (m_bits(kept))
        for (int i = 0; i < SUB; i++) {
            lanes l = found ? found[i] : f_mul(c->inverse[group], x[i]);
            ilanes old = i_add(i_clamp(f_round_i(l), -nmax, nmax - 1), i_set(nmax));
            old = i_pick(c->zero[group], i_set(0), old);
            levels[i] = i_pick(kept, old, levels[i]);
        }
    put_levels(&c->at, group, levels, c->levels[0], SUPER);
}

static void search_q6_group(symmetric_chunk *c, int group, const float *imatrix)
{
    lanes *x = c->x + group * SUB, weights[SUB];
    symmetric_fit fit;
    gather_group(&c->at, c->at.x, SUB, group, x);
    if (imatrix)
        gather_group(&c->at, c->at.imatrix, SUB, group, weights);
    else
        weigh_plain_lanes(x, weights);
    search_symmetric_lanes(SUB, 32, x, weights, &fit);
    f_store(c->scales.v + group * LANES, fit.scale);
    c->inverse[group] = fit.inverse;
    c->zero[group] = fit.zero;
    mark_supers(&c->at, group, fit.bad, &c->bad);
}

/* Codes of one super-block's scales; 0 when it is all zero. */
static int store_q6_scales(block_q6_k *to, const float *scales, float *stored)
{
    int at = find_largest(scales);
    if (at < 0 || fabsf(scales[at]) < GGX_GROUP_EPSILON) {
        memset(to, 0, sizeof *to);
        memset(stored, 0, SUPER / SUB * sizeof *stored);
        return 0;
    }
    float inverse = -128.0f / scales[at];
    ggx_scale_put(to->d, 1 / inverse);
    float d = ggx_scale_get(to->d);
    for (int s = 0; s < SUPER / SUB; s++) {
        to->scales[s] = (uint8_t)ggx_i32_min(ggx_i32_round(inverse * scales[s]), 127);
        stored[s] = d * (float)(int8_t)to->scales[s];
    }
    return 1;
}

void ggx_quantize_q6_k_lanes(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix,
                             void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    uint64_t total = rows * (cols / SUPER);
    block_q6_k *to = out;
    symmetric_chunk c;
    memset(&c, 0, sizeof c); /* lanes beyond the last super-block are computed too, and thrown away */
    c.at.sub = SUB;
    for (uint64_t b = 0; b < total; b += LANES, to += LANES) {
        open_chunk(&c.at, in, b, total, cols, imatrix);
        int groups = count_groups(&c.at), some[LANES] = {0};
        c.bad = 0;
        for (int g = 0; g < groups; g++) search_q6_group(&c, g, imatrix);
        for (int k = 0; k < c.at.count; k++)
            some[k] = store_q6_scales(to + k, c.scales.v + k * SUPER / SUB, c.d.v + k * SUPER / SUB);
        for (int g = 0; g < groups; g++) round_group(&c, g, 32, NULL);
        for (int k = 0; k < c.at.count; k++) {
            if (c.bad >> k & 1)
                ggx_quantize_q6_k(c.at.x[k], to + k, 1, SUPER, imatrix ? c.at.imatrix[k] : NULL, NULL);
            else if (some[k])
                pack_q6_levels(to + k, c.levels[k]);
        }
    }
    v_leave();
}

/* Moves single levels to where they fit the others' scale better, up to five rounds, an element weighing its square. */
static lanes improve_q3_lanes(const lanes *x, lanes *levels, lanes sum_xl, lanes sum_l2)
{
    lanes w[SUB], wx[SUB];
    for (int i = 0; i < SUB; i++) {
        w[i] = f_mul(x[i], x[i]);
        wx[i] = f_mul(w[i], x[i]);
    }
    for (int round = 0; round < 5; round++) {
        uint32_t changed = 0;
        for (int i = 0; i < SUB; i++) {
            lanes lf = levels[i];
            lanes xl = f_sub(sum_xl, f_mul(wx[i], lf)), l2 = f_sub(sum_l2, f_mul(f_mul(w[i], lf), lf));
            mask wins = f_lt(f_zero(), xl);
            lanes product = f_mul(x[i], l2);
            ilanes to = i_clamp(f_round_i(f_div(product, xl)), -4, 3);
            lanes l = f_from_i(to);
            wins = m_and(wins, m_not(f_eq(l, lf)));
            if (!m_bits(wins)) continue;
            xl = f_add(xl, f_mul(wx[i], l));
            l2 = f_add(l2, f_mul(f_mul(w[i], l), l));
            wins = m_and(wins, f_lt(f_zero(), l2));
            wins = m_and(wins, f_lt(f_mul(f_mul(sum_xl, sum_xl), l2), f_mul(f_mul(xl, xl), sum_l2)));
            levels[i] = f_pick(wins, l, lf);
            sum_xl = f_pick(wins, xl, sum_xl);
            sum_l2 = f_pick(wins, l2, sum_l2);
            changed |= m_bits(wins);
        }
        if (!changed) break;
    }
    return f_pick(f_lt(f_zero(), sum_l2), f_div(sum_xl, sum_l2), f_zero());
}

static void search_q3_plain_group(symmetric_chunk *c, int group)
{
    lanes *x = c->x + group * SUB, *levels = c->found + group * SUB, magnitude, sum_xl = f_zero(), sum_l2 = f_zero();
    mask bad;
    gather_group(&c->at, c->at.x, SUB, group, x);
    lanes largest = find_largest_lanes(SUB, x, &magnitude, &bad);
    lanes inverse = f_div(f_set(-4), largest);
    c->zero[group] = f_lt(magnitude, f_set(GGX_GROUP_EPSILON));
    bad = m_or(bad, m_and(m_not(c->zero[group]), m_not(f_roundable(f_mul(inverse, largest)))));
    for (int i = 0; i < SUB; i++) {
        lanes w = f_mul(x[i], x[i]), l = f_clamp(f_round(f_mul(inverse, x[i])), -4, 3);
        levels[i] = l;
        sum_xl = f_add(sum_xl, f_mul(f_mul(w, x[i]), l));
        sum_l2 = f_add(sum_l2, f_mul(f_mul(w, l), l));
    }
    lanes scale = improve_q3_lanes(x, levels, sum_xl, sum_l2);
    f_store(c->scales.v + group * LANES, f_pick(c->zero[group], f_zero(), scale));
    mark_supers(&c->at, group, bad, &c->bad);
}

static void search_q3_weighted_group(symmetric_chunk *c, int group, const float *powers)
{
    lanes *x = c->x + group * SUB, weights[SUB], sum = f_zero();
    float spread[LANES];
    symmetric_fit fit;
    gather_group(&c->at, c->at.x, SUB, group, x);
    gather_group(&c->at, c->at.imatrix, SUB, group, weights);
    for (int k = 0; k < LANES; k++) spread[k] = powers[(group * LANES + k) >> c->at.shift];
    lanes power = f_load(spread);
    for (int i = 0; i < SUB; i++) {
        weights[i] = f_mul(weights[i], f_sqrt(f_add(power, f_mul(x[i], x[i]))));
        sum = f_add(sum, weights[i]);
    }
    search_symmetric_lanes(SUB, 4, x, weights, &fit);
    f_store(c->scales.v + group * LANES, fit.scale);
    f_store(c->sums.v + group * LANES, sum);
    c->inverse[group] = fit.inverse;
    c->zero[group] = fit.zero;
    mark_supers(&c->at, group, fit.bad, &c->bad);
}

/* Codes 0 … 63 of each super-block's scales, and the scale of the codes. */
static lanes code_q3_plain(const lanes *scales, ilanes *codes)
{
    lanes largest = f_zero(), most = f_zero();
    for (int s = 0; s < SUPER / SUB; s++) {
        lanes m = f_abs(scales[s]);
        largest = f_pick(f_lt(most, m), scales[s], largest);
        most = f_max(m, most);
    }
    mask some = f_lt(f_zero(), most);
    lanes inverse = f_div(f_set(-32), largest);
    for (int s = 0; s < SUPER / SUB; s++) {
        /* the reference keeps the low byte */
        ilanes low = i_and(i_add(f_round_i(f_mul(inverse, scales[s])), i_set(128)), i_set(255));
        ilanes code = i_add(i_clamp(i_sub(low, i_set(128)), -32, 31), i_set(32));
        codes[s] = i_pick(some, code, i_set(0));
    }
    return f_pick(some, f_div(f_set(1), inverse), f_zero());
}

static lanes code_q3_weighted(const lanes *scales, const lanes *sums, ilanes *codes, mask *bad)
{
    symmetric_fit fit;
    search_symmetric_lanes(SUPER / SUB, 32, scales, sums, &fit);
    for (int s = 0; s < SUPER / SUB; s++) {
        ilanes code = i_add(i_clamp(f_round_i(f_mul(fit.inverse, scales[s])), -32, 31), i_set(32));
        codes[s] = i_pick(fit.zero, i_set(0), code);
    }
    *bad = fit.bad;
    return fit.scale;
}

static void store_q3_scales(symmetric_chunk *c, block_q3_k *to, int weighted)
{
    lanes scales[SUBS_MAX], sums[SUBS_MAX];
    ilanes coded[SUBS_MAX];
    int32_t codes[SUBS_MAX][LANES];
    float d[LANES];
    mask bad = m_none();
    turn_values(&c->at, &c->scales, scales);
    if (weighted) turn_values(&c->at, &c->sums, sums);
    f_store(d, weighted ? code_q3_weighted(scales, sums, coded, &bad) : code_q3_plain(scales, coded));
    c->bad |= m_bits(bad);
    for (int s = 0; s < SUBS_MAX; s++) i_store(codes[s], coded[s]);
    for (int k = 0; k < c->at.count; k++) {
        uint8_t bytes[SUBS_MAX];
        for (int s = 0; s < SUBS_MAX; s++) bytes[s] = (uint8_t)codes[s][k];
        ggx_scale_put(to[k].d, d[k]);
        pack_q3_scales(to[k].scales, bytes);
        float stored = ggx_scale_get(to[k].d);
        for (int s = 0; s < SUBS_MAX; s++) c->d.v[k * SUBS_MAX + s] = stored * (float)unpack_q3_scale(to[k].scales, s);
    }
}

void ggx_quantize_q3_k_lanes(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix,
                             void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    uint64_t total = rows * (cols / SUPER);
    block_q3_k *to = out;
    symmetric_chunk c;
    memset(&c, 0, sizeof c);
    c.at.sub = SUB;
    for (uint64_t b = 0; b < total; b += LANES, to += LANES) {
        float powers[LANES];
        open_chunk(&c.at, in, b, total, cols, imatrix);
        int groups = count_groups(&c.at);
        c.bad = 0;
        if (imatrix) f_store(powers, f_div(f_mul(f_set(2), sum_power(&c.at)), f_set(SUPER)));
        for (int g = 0; g < groups; g++)
            if (imatrix)
                search_q3_weighted_group(&c, g, powers);
            else
                search_q3_plain_group(&c, g);
        store_q3_scales(&c, to, imatrix != NULL);
        for (int g = 0; g < groups; g++) round_group(&c, g, 4, imatrix ? NULL : c.found + g * SUB);
        for (int k = 0; k < c.at.count; k++) {
            if (c.bad >> k & 1)
                ggx_quantize_q3_k(c.at.x[k], to + k, 1, SUPER, imatrix ? c.at.imatrix[k] : NULL, NULL);
            else
                pack_q3_levels(to + k, c.levels[k]);
        }
    }
    v_leave();
}
