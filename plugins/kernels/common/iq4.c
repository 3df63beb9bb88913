/* kernels/common/iq4.c - iq4_nl and iq4_xs in lanes: a sub-block of 32 in each. Nothing here is for portable C to take: every operation
 * is defined alike for every float. */
#include "../../quants/common/block.h"
#include "kernels.h"
#include "search.h"
#include "super.h"

#define SUB 32
#define REACH 7 /* scales tried on either side of the first */

/* Of iq4_nl, 18 bytes: f16 scale, nibbles. Of iq4_xs, 136 bytes: f16 scale, upper and lower bits of the scales' codes, nibbles. */
#define NL_BYTES 18
#define NL_QS 2
#define XS_BYTES 136
#define XS_HIGH 2
#define XS_LOW 4
#define XS_QS 8

/* from ggml's ggml-common.h (MIT) */
static const float values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

/* Below the middle of two values the lower one is nearer; their distances are exact there. These are the middles that the second half
 * of the search asks: of values 4k+1 and 4k+2, then of 2k and 2k+1. The first ones are those of 7, 8 and of 3, 4 or 11, 12. */
static const float third[8] = {-93.5f, -28.5f, 19, 79}, fourth[8] = {-115.5f, -74, -42, -16, 7, 31.5f, 61, 101};

static ilanes append_bit(ilanes index, lanes x, lanes middle)
{
    ilanes twice = i_add(index, index);
    return i_pick(f_lt(x, middle), twice, i_or(twice, i_set(1)));
}

/* Index of the value nearest to x, the upper one of two equally near. NaN gives the last. */
static ilanes find_value(lanes x)
{
    mask low = f_lt(x, f_set(-4.5f));
    ilanes index = i_pick(low, i_set(0), i_set(1));
    index = append_bit(index, x, f_pick(low, f_set(-57), f_set(45.5f)));
    index = append_bit(index, x, f_look8(third, index));
    return append_bit(index, x, f_look8(fourth, index));
}

static void fit(const lanes *x, const lanes *weights, lanes inverse, lanes *sum_xq, lanes *sum_q2)
{
    lanes xq = f_zero(), q2 = f_zero();
    for (int i = 0; i < SUB; i++) {
        lanes q = f_look16(values, find_value(f_mul(inverse, x[i]))), wq = f_mul(weights[i], q);
        xq = f_add(xq, f_mul(wq, x[i]));
        q2 = f_add(q2, f_mul(wq, q));
    }
    *sum_xq = xq;
    *sum_q2 = q2;
}

/* 1/x, and 0 for 0 */
static lanes invert(lanes x)
{
    return f_pick(f_eq(x, f_zero()), f_zero(), f_div(f_set(1), x));
}

static lanes search_scale(const lanes *x, const lanes *weights)
{
    lanes magnitude, sum_xq, sum_q2;
    mask bad;
    lanes largest = find_largest_lanes(SUB, x, &magnitude, &bad);
    lanes d = f_div(f_neg(largest), f_set(values[0]));
    fit(x, weights, f_div(f_set(1), d), &sum_xq, &sum_q2);
    d = f_pick(f_lt(f_zero(), sum_q2), f_div(sum_xq, sum_q2), f_zero());
    lanes best = f_mul(d, sum_xq);
    for (int step = -REACH; step <= REACH; step++) {
        fit(x, weights, f_div(f_set((float)step + values[0]), largest), &sum_xq, &sum_q2);
        mask wins = m_and(f_lt(f_zero(), sum_q2), f_lt(f_mul(best, sum_q2), f_mul(sum_xq, sum_xq)));
        d = f_pick(wins, f_div(sum_xq, sum_q2), d);
        best = f_pick(wins, f_mul(d, sum_xq), best);
    }
    return f_pick(f_lt(magnitude, f_set(GGX_GROUP_EPSILON)), f_zero(), d);
}

/* Turns columns' weights to the elements'; `weights` holds nothing before when there is no importance matrix. */
static void weigh(const lanes *x, int weighted, lanes power, lanes *weights)
{
    for (int i = 0; i < SUB; i++) {
        lanes square = f_mul(x[i], x[i]);
        weights[i] = weighted ? f_mul(weights[i], f_sqrt(f_add(power, square))) : square;
    }
}

/* Nibbles of each lane's sub-block: four int32 of four bytes. */
static void find_nibbles(const lanes *x, lanes inverse, int32_t nibbles[SUB / 8][LANES])
{
    for (int i = 0; i < SUB / 8; i++) {
        ilanes four = i_set(0);
        for (int k = 0; k < 4; k++) {
            ilanes low = find_value(f_mul(inverse, x[4 * i + k]));
            ilanes high = find_value(f_mul(inverse, x[4 * i + k + SUB / 2]));
            four = i_or(four, i_shl(i_or(low, i_shl(high, 4)), 8 * k));
        }
        i_store(nibbles[i], four);
    }
}

static void put_nibbles(uint8_t *qs, int32_t nibbles[SUB / 8][LANES], int lane)
{
    for (int i = 0; i < SUB / 8; i++) ggx_u32_put(qs + 4 * i, (uint32_t)nibbles[i][lane]);
}

void ggx_quantize_iq4_nl_lanes(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix,
                               void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    uint64_t row = cols / SUB, total = rows * row;
    uint8_t *to = out;
    for (uint64_t b = 0; b < total; b += LANES) {
        const float *runs[LANES], *weigh_runs[LANES];
        lanes x[SUB], weights[SUB], power = f_zero();
        int32_t nibbles[SUB / 8][LANES];
        float scales[LANES];
        for (uint64_t k = 0; k < LANES; k++) {
            uint64_t at = b + k < total ? b + k : total - 1;
            runs[k] = in + at * SUB;
            weigh_runs[k] = imatrix ? imatrix + at % row * SUB : NULL;
        }
        lanes_gather(runs, SUB, x);
        if (imatrix) lanes_gather(weigh_runs, SUB, weights);
        for (int i = 0; i < SUB; i++) power = f_add(power, f_mul(x[i], x[i]));
        weigh(x, imatrix != NULL, f_mul(power, f_set(2.0f / SUB)), weights);
        lanes d = search_scale(x, weights);
        f_store(scales, d);
        find_nibbles(x, invert(d), nibbles);
        for (int k = 0; k < LANES && b + (uint64_t)k < total; k++, to += NL_BYTES) {
            ggx_scale_put(to, scales[k]);
            put_nibbles(to + NL_QS, nibbles, k);
        }
    }
    v_leave();
}

/* LANES super-blocks of iq4_xs on their way. */
typedef struct xs_chunk {
    super_chunk at;
    lanes x[SUPER_ELEMS]; /* group after group */
    sub_values scales, inverses;
    lanes power;
} xs_chunk;

static void search_group(xs_chunk *c, int group, int weighted)
{
    lanes *x = c->x + group * SUB, weights[SUB];
    float powers[LANES], spread[LANES];
    gather_group(&c->at, c->at.x, SUB, group, x);
    if (weighted) gather_group(&c->at, c->at.imatrix, SUB, group, weights);
    f_store(powers, c->power);
    for (int k = 0; k < LANES; k++) spread[k] = powers[(group * LANES + k) / (SUPER_ELEMS / SUB)];
    weigh(x, weighted, f_load(spread), weights);
    f_store(c->scales.v + group * LANES, search_scale(x, weights));
}

/* Codes of the scales, -32 … 31: the one of largest magnitude becomes -32. Levels are rounded for the scales as they were before the
 * f16 of d. */
static void store_scales(xs_chunk *c, uint8_t *to)
{
    lanes scales[SUBS_MAX], magnitude;
    mask bad;
    int32_t codes[SUPER_ELEMS / SUB][LANES];
    float inverses[SUPER_ELEMS / SUB][LANES], stored[LANES];
    turn_values(&c->at, &c->scales, scales);
    lanes d = f_div(f_neg(find_largest_lanes(SUPER_ELEMS / SUB, scales, &magnitude, &bad)), f_set(32)),
          inverse = invert(d);
    for (int s = 0; s < SUPER_ELEMS / SUB; s++) {
        ilanes code = i_clamp(f_round_i(f_mul(inverse, scales[s])), -32, 31);
        i_store(codes[s], code);
        f_store(inverses[s], invert(f_mul(d, f_from_i(code))));
    }
    f_store(stored, d);
    for (int k = 0; k < c->at.count; k++, to += XS_BYTES) {
        uint32_t high = 0, low = 0;
        for (int s = 0; s < SUPER_ELEMS / SUB; s++) {
            uint32_t code = (uint32_t)(codes[s][k] + 32);
            low |= (code & 15) << (4 * s);
            high |= code >> 4 << (2 * s);
            c->inverses.v[k * SUPER_ELEMS / SUB + s] = inverses[s][k];
        }
        ggx_scale_put(to, stored[k]);
        ggx_u16_put(to + XS_HIGH, (uint16_t)high);
        ggx_u32_put(to + XS_LOW, low);
    }
}

static void store_group(const xs_chunk *c, int group, uint8_t *to)
{
    int32_t nibbles[SUB / 8][LANES];
    find_nibbles(c->x + group * SUB, f_load(c->inverses.v + group * LANES), nibbles);
    for (int k = 0; k < LANES; k++) {
        int at = group * LANES + k, super = at / (SUPER_ELEMS / SUB), sub = at % (SUPER_ELEMS / SUB);
        if (super < c->at.count) put_nibbles(to + super * XS_BYTES + XS_QS + sub * SUB / 2, nibbles, k);
    }
}

void ggx_quantize_iq4_xs_lanes(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix,
                               void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    uint64_t total = rows * (cols / SUPER_ELEMS);
    uint8_t *to = out;
    xs_chunk c;
    memset(&c, 0, sizeof c); /* lanes beyond the last super-block are computed too, and thrown away */
    c.at.sub = SUB;
    for (uint64_t b = 0; b < total; b += LANES, to += LANES * XS_BYTES) {
        open_chunk(&c.at, in, b, total, cols, imatrix);
        int groups = count_groups(&c.at);
        c.power = f_mul(sum_power(&c.at), f_set(2.0f / SUPER_ELEMS));
        for (int g = 0; g < groups; g++) search_group(&c, g, imatrix != NULL);
        store_scales(&c, to);
        for (int g = 0; g < groups; g++) store_group(&c, g, to);
    }
    v_leave();
}
