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
    uint8_t moving[SUBS_MAX * LANES]; /* q3_k without an importance matrix: sub-blocks with a level to move */
    int movings;
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

/* Codes of the super-blocks' scales. Returns the super-blocks that are all zero as bits. */
static uint32_t store_q6_scales(symmetric_chunk *c, block_q6_k *to)
{
    lanes scales[SUBS_MAX], magnitude;
    mask bad;
    int32_t codes[SUBS_MAX][LANES];
    float d[LANES];
    turn_values(&c->at, &c->scales, scales);
    lanes inverse = f_div(f_set(-128), find_largest_lanes(SUBS_MAX, scales, &magnitude, &bad));
    uint32_t zero = m_bits(f_lt(magnitude, f_set(GGX_GROUP_EPSILON)));
    for (int s = 0; s < SUBS_MAX; s++) i_store(codes[s], i_min(f_round_i(f_mul(inverse, scales[s])), i_set(127)));
    f_store(d, f_div(f_set(1), inverse));
    for (int k = 0; k < c->at.count; k++) {
        float *stored = c->d.v + k * SUBS_MAX;
        if (zero >> k & 1) {
            memset(to + k, 0, sizeof *to);
            memset(stored, 0, SUBS_MAX * sizeof *stored);
            continue;
        }
        ggx_scale_put(to[k].d, d[k]);
        float as_read = ggx_scale_get(to[k].d);
        for (int s = 0; s < SUBS_MAX; s++) {
            to[k].scales[s] = (uint8_t)codes[s][k];
            stored[s] = as_read * (float)(int8_t)to[k].scales[s];
        }
    }
    return zero;
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
        int groups = count_groups(&c.at);
        c.bad = 0;
        for (int g = 0; g < groups; g++) search_q6_group(&c, g, imatrix);
        uint32_t zero = store_q6_scales(&c, to);
        for (int g = 0; g < groups; g++) round_group(&c, g, 32, NULL);
        for (int k = 0; k < c.at.count; k++) {
            if (c.bad >> k & 1)
                ggx_quantize_q6_k(c.at.x[k], to + k, 1, SUPER, imatrix ? c.at.imatrix[k] : NULL, NULL);
            else if (!(zero >> k & 1))
                pack_q6_levels(to + k, c.levels[k]);
        }
    }
    v_leave();
}

/* The start of q3_k's search without an importance matrix, an element weighing its square. */
typedef struct q3_start {
    lanes levels[SUB], xl, l2; /* levels of the first scale, and the sums whose quotient is the best one for these */
    mask zero, bad;
} q3_start;

static inline void start_q3_lanes(const lanes *x, q3_start *start)
{
    lanes magnitude;
    lanes largest = find_largest_lanes(SUB, x, &magnitude, &start->bad);
    lanes inverse = f_div(f_set(-4), largest);
    start->xl = start->l2 = f_zero();
    start->zero = f_lt(magnitude, f_set(GGX_GROUP_EPSILON));
    start->bad = m_or(start->bad, m_and(m_not(start->zero), m_not(f_roundable(f_mul(inverse, largest)))));
    for (int i = 0; i < SUB; i++) {
        lanes w = f_mul(x[i], x[i]), l = f_clamp(f_round(f_mul(inverse, x[i])), -4, 3);
        start->levels[i] = l;
        start->xl = f_add(start->xl, f_mul(f_mul(w, x[i]), l));
        start->l2 = f_add(start->l2, f_mul(f_mul(w, l), l));
    }
}

/* The element's level that fits the others' scale, where it is another than it has and there is such a scale; the others' sums. */
static inline mask move_q3_level(lanes x, lanes lf, lanes *xl, lanes *l2, lanes *to)
{
    lanes w = f_mul(x, x);
    *xl = f_sub(*xl, f_mul(f_mul(w, x), lf));
    *l2 = f_sub(*l2, f_mul(f_mul(w, lf), lf));
    *to = f_from_i(i_clamp(f_round_i(f_div(f_mul(x, *l2), *xl)), -4, 3));
    return m_and(f_lt(f_zero(), *xl), m_not(f_eq(*to, lf)));
}

static inline lanes scale_q3(lanes xl, lanes l2)
{
    return f_pick(f_lt(f_zero(), l2), f_div(xl, l2), f_zero());
}

/* Moves single levels to where they fit the others' scale better, up to five rounds. */
static lanes improve_q3_lanes(const lanes *x, lanes *levels, lanes sum_xl, lanes sum_l2)
{
    for (int round = 0; round < 5; round++) {
        uint32_t changed = 0;
        for (int i = 0; i < SUB; i++) {
            lanes lf = levels[i], xl = sum_xl, l2 = sum_l2, l;
            mask wins = move_q3_level(x[i], lf, &xl, &l2, &l);
            if (!m_bits(wins)) continue;
            lanes w = f_mul(x[i], x[i]);
            xl = f_add(xl, f_mul(f_mul(w, x[i]), l));
            l2 = f_add(l2, f_mul(f_mul(w, l), l));
            wins = m_and(wins, f_lt(f_zero(), l2));
            wins = m_and(wins, f_lt(f_mul(f_mul(sum_xl, sum_xl), l2), f_mul(f_mul(xl, xl), sum_l2)));
            levels[i] = f_pick(wins, l, lf);
            sum_xl = f_pick(wins, xl, sum_xl);
            sum_l2 = f_pick(wins, l2, sum_l2);
            changed |= m_bits(wins);
        }
        if (!changed) break;
    }
    return scale_q3(sum_xl, sum_l2);
}

/* Four of five sub-blocks have no level to move. As long as none has moved, the sums are those of the start, so all elements are looked
 * at side by side; the others are collected for improve_moving. */
static void search_q3_plain_group(symmetric_chunk *c, int group)
{
    const lanes *x = c->x + group * SUB;
    q3_start start;
    mask moves = m_none();
    gather_group(&c->at, c->at.x, SUB, group, c->x + group * SUB);
    start_q3_lanes(x, &start);
    for (int i = 0; i < SUB; i++) {
        lanes xl = start.xl, l2 = start.l2, l;
        c->found[group * SUB + i] = start.levels[i];
        moves = m_or(moves, move_q3_level(x[i], start.levels[i], &xl, &l2, &l));
    }
    c->zero[group] = start.zero;
    f_store(c->scales.v + group * LANES, f_pick(start.zero, f_zero(), scale_q3(start.xl, start.l2)));
    mark_supers(&c->at, group, start.bad, &c->bad);
    uint32_t bits = m_bits(m_and(moves, m_not(start.zero)));
    for (; bits; bits &= bits - 1) c->moving[c->movings++] = (uint8_t)(group * LANES + __builtin_ctz(bits));
}

/* The sub-blocks that have a level to move, LANES at a time. */
static void improve_moving(symmetric_chunk *c)
{
    for (int first = 0; first < c->movings; first += LANES) {
        const int count = c->movings - first < LANES ? c->movings - first : LANES;
        const float *runs[LANES];
        float levels[SUB][LANES], scales[LANES];
        lanes x[SUB];
        q3_start start;
        for (int k = 0; k < LANES; k++) {
            const int at = c->moving[first + (k < count ? k : count - 1)];
            runs[k] = c->at.x[at >> c->at.shift] + (at & (c->at.subs - 1)) * SUB;
        }
        lanes_gather(runs, SUB, x);
        start_q3_lanes(x, &start);
        f_store(scales, improve_q3_lanes(x, start.levels, start.xl, start.l2));
        for (int i = 0; i < SUB; i++) f_store(levels[i], start.levels[i]);
        for (int k = 0; k < count; k++) {
            const int at = c->moving[first + k];
            float *found = (float *)(void *)(c->found + at / LANES * SUB) + at % LANES;
            c->scales.v[at] = scales[k];
            for (int i = 0; i < SUB; i++) found[i * LANES] = levels[i][k];
        }
    }
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
        c.movings = 0;
        if (imatrix) f_store(powers, f_div(f_mul(f_set(2), sum_power(&c.at)), f_set(SUPER)));
        for (int g = 0; g < groups; g++)
            if (imatrix)
                search_q3_weighted_group(&c, g, powers);
            else
                search_q3_plain_group(&c, g);
        improve_moving(&c);
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
