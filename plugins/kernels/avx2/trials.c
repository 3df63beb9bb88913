/* kernels/avx2/trials.c - for iq2 and iq3: all scales that a sub-block tries, a trial in each lane.
 *
 * From one trial to the next most groups round to the same levels, so a run of trials looks through one list of near points together. What
 * an element adds to a point's error depends on its level there and on the trial alone: these terms are made once for all trials, and a
 * point's error is a sum of rows of them. */
#include "../../quants/common/block.h"
#include "../../quants/iq/signed.h"
#include "bytes.h"
#include "lattice.h"
#include <float.h>

#define TRIALS 32
#define ROOM (TRIALS + 8) /* runs are read and written eight trials at a time */
#define GROUPS 8
#define ROW_SHIFT 8 /* log2 of the bytes from one row of terms to the next */
#define ROW ((1 << ROW_SHIFT) / (int)sizeof(float))
#define ON_GRID 0x80000000u /* beside a code */

GGX_STATIC_ASSERT(ROW >= ROOM, "a row of terms has room for all trials");

typedef struct trials {
    float inverse[TRIALS], scale[TRIALS];
    uint32_t codes[GROUPS][ROOM]; /* of the grid point that each group takes in each trial */
    float terms[32 * ROW];        /* of the group in hand: row (element << bits | level) */
    int32_t numbers[1 + ROOM];    /* of its levels in each trial, from index 1 on; and their codes */
    uint32_t nearest[ROOM];
} trials;

/* Levels of the group in all trials, and the terms of every level there is. */
static inline void prepare_group(const ggx_signed_work *s, trials *t, int k, int dims, int vecs)
{
    const int bits = dims == 8 ? 2 : 3, levels = dims == 8 ? 3 : 8;
    for (int v = 0; v < vecs; v++) {
        __m256 inverse = _mm256_loadu_ps(t->inverse + 8 * v), scale = _mm256_loadu_ps(t->scale + 8 * v);
        __m256i number = _mm256_setzero_si256(), code = _mm256_setzero_si256();
        for (int i = 0; i < dims; i++) {
            __m256 x = _mm256_broadcast_ss(&s->x[k * dims + i]), root = _mm256_broadcast_ss(&s->roots[k * dims + i]);
            __m256 exact = _mm256_sub_ps(_mm256_mul_ps(inverse, x), _mm256_set1_ps(1));
            __m256i level = round_levels(_mm256_mul_ps(_mm256_set1_ps(0.5f), exact), levels - 1);
            __m256i more =
                dims == 8 ? _mm256_add_epi32(number, _mm256_slli_epi32(number, 1)) : _mm256_slli_epi32(number, 3);
            number = _mm256_add_epi32(more, level);
            code = _mm256_or_si256(code, _mm256_slli_epi32(level, i * bits));
            float *row = t->terms + ((i << bits) * ROW + 8 * v);
            for (int l = 0; l < levels; l++, row += ROW) {
                __m256 d = _mm256_sub_ps(_mm256_mul_ps(scale, _mm256_set1_ps((float)(2 * l + 1))), x);
                _mm256_storeu_ps(row, _mm256_mul_ps(_mm256_mul_ps(root, d), d));
            }
        }
        store_bytes(t->numbers + 1 + 8 * v, number);
        store_bytes(t->nearest + 8 * v, code);
    }
}

/* Bit j: the levels in trial j are others than in the one before it. */
static inline uint32_t find_runs(const trials *t, int count, int vecs)
{
    uint32_t same = 0;
    for (int v = 0; v < vecs; v++) {
        __m256i equal = _mm256_cmpeq_epi32(load_bytes(t->numbers + 1 + 8 * v), load_bytes(t->numbers + 8 * v));
        same |= (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(equal)) << (8 * v);
    }
    return (~same | 1) & (uint32_t)((1ull << count) - 1);
}

/* Eight trials' terms of element i of a point. */
static inline __m256 get_terms(const float *terms, uint32_t code, int i, int bits)
{
    const int up = ROW_SHIFT - i * bits;
    const uint32_t mask = bits == 2 ? 3u << ROW_SHIFT : 7u << ROW_SHIFT;
    uint32_t at = (up >= 0 ? code << (up & 31) : code >> (-up & 31)) & mask;
    return _mm256_loadu_ps((const float *)(const void *)((const char *)terms + at) + (i << bits) * ROW);
}

/* Of the near points the one that errs least in each of eight trials, the first of equal ones; the first of all when none errs finitely. */
static inline __m256i pick_points(const float *terms, const uint16_t *near, int dims)
{
    const int bits = dims == 8 ? 2 : 3;
    __m256 least = _mm256_set1_ps(FLT_MAX);
    __m256i best = _mm256_set1_epi32(near[1]);
    for (int n = 1; n <= near[0]; n++) {
        uint32_t code = near[n];
        __m256 error = get_terms(terms, code, 0, bits);
        for (int i = 1; i < dims; i++) error = _mm256_add_ps(error, get_terms(terms, code, i, bits));
        __m256 wins = _mm256_cmp_ps(error, least, _CMP_LT_OQ);
        best = _mm256_blendv_epi8(best, _mm256_set1_epi32((int32_t)code), _mm256_castps_si256(wins));
        least = _mm256_min_ps(error, least);
    }
    return best;
}

static inline void try_group(const ggx_signed_work *s, trials *t, int k, int count, int dims, int vecs)
{
    const code_lattice *lattice = (const code_lattice *)(const void *)s->lattice;
    uint32_t *codes = t->codes[k];
    prepare_group(s, t, k, dims, vecs);
    for (uint32_t starts = find_runs(t, count, vecs); starts;) {
        int at = __builtin_ctz(starts);
        starts &= starts - 1;
        int end = starts ? __builtin_ctz(starts) : count;
        int32_t entry = lattice->entries[t->numbers[1 + at]];
        const uint16_t *near = NULL;
        if (entry == -1) {
            uint8_t levels[8];
            for (int i = 0; i < dims; i++)
                levels[i] = (uint8_t)(t->nearest[at] >> (i * (dims == 8 ? 2 : 3)) & (dims == 8 ? 3 : 7));
            (void)ggx_lattice_find(s->lattice, levels, &near);
        } else if (entry < 0) {
            near = lattice->lists + (-2 - entry);
        }
        __m256i code = _mm256_set1_epi32((int32_t)(t->nearest[at] | ON_GRID));
        for (; at < end; at += 8) store_bytes(codes + at, near ? pick_points(t->terms + at, near, dims) : code);
    }
}

/* ggx_signed_sum of every trial. */
static inline void sum_trials(const ggx_signed_work *s, const trials *t, int dims, int vecs, float *sum_xq,
                              float *sum_q2)
{
    const __m256 odd = dims == 8 ? _mm256_setr_ps(1, 3, 5, 7, 1, 3, 5, 7) : _mm256_setr_ps(1, 3, 5, 7, 9, 11, 13, 15);
    __m256 xq[TRIALS / 8], q2[TRIALS / 8];
    for (int v = 0; v < vecs; v++) xq[v] = q2[v] = _mm256_setzero_ps();
    for (int k = 0; k < s->groups; k++)
        for (int i = 0; i < dims; i++) {
            __m256 w = _mm256_broadcast_ss(&s->weights[k * dims + i]);
            __m256 wx = _mm256_mul_ps(w, _mm256_broadcast_ss(&s->x[k * dims + i]));
            for (int v = 0; v < vecs; v++) {
                __m256i code = load_bytes(t->codes[k] + 8 * v);
                __m256 q = _mm256_permutevar8x32_ps(odd, _mm256_srli_epi32(code, i * (dims == 8 ? 2 : 3)));
                xq[v] = _mm256_add_ps(xq[v], _mm256_mul_ps(wx, q));
                q2[v] = _mm256_add_ps(q2[v], _mm256_mul_ps(_mm256_mul_ps(w, q), q));
            }
        }
    for (int v = 0; v < vecs; v++) {
        _mm256_storeu_ps(sum_xq + 8 * v, xq[v]);
        _mm256_storeu_ps(sum_q2 + 8 * v, q2[v]);
    }
}

static inline void try_all(const ggx_signed_work *s, trials *t, int count, int dims, int vecs, float *sum_xq,
                           float *sum_q2)
{
    for (int k = 0; k < s->groups; k++) try_group(s, t, k, count, dims, vecs);
    sum_trials(s, t, dims, vecs, sum_xq, sum_q2);
}

/* What the winner did. */
static void take_trial(const ggx_signed_work *s, const trials *t, int trial, uint8_t *levels, uint8_t *on_grid)
{
    const int bits = s->dims == 8 ? 2 : 3;
    for (int k = 0; k < s->groups; k++) {
        uint32_t code = t->codes[k][trial];
        on_grid[k] = (code & ON_GRID) != 0;
        for (int i = 0; i < s->dims; i++) *levels++ = (uint8_t)(code >> (i * bits) & ((1u << bits) - 1));
    }
}

float ggx_signed_try(const ggx_signed_work *s, float scale, float divisor, uint8_t *levels, uint8_t *on_grid)
{
    trials t;
    const int reach = s->type->reach, count = 2 * reach + 1, vecs = (count + 7) / 8;
    float best = 0, highest = (float)(2 * s->type->grid->levels - 1), sum_xq[TRIALS], sum_q2[TRIALS];
    for (int k = 0; k < TRIALS; k++) {
        int step = k < count ? k - reach : reach;
        t.inverse[k] = (highest + (float)step * s->type->step) / divisor;
        t.scale[k] = 1 / t.inverse[k];
    }
    t.numbers[0] = -1;
    if (s->dims == 4 && vecs == 4)
        try_all(s, &t, count, 4, 4, sum_xq, sum_q2);
    else if (s->dims == 4)
        try_all(s, &t, count, 4, 3, sum_xq, sum_q2);
    else if (vecs == 3)
        try_all(s, &t, count, 8, 3, sum_xq, sum_q2);
    else
        try_all(s, &t, count, 8, 2, sum_xq, sum_q2);
    int winner = -1;
    for (int k = 0; k < count; k++)
        if (sum_q2[k] > 0 && sum_xq[k] * sum_xq[k] > best * sum_q2[k]) {
            scale = sum_xq[k] / sum_q2[k];
            best = scale * sum_xq[k];
            winner = k;
        }
    if (winner >= 0) take_trial(s, &t, winner, levels, on_grid);
    return scale;
}
