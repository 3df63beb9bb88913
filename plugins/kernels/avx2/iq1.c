/* kernels/avx2/iq1.c - the searches of iq1_s and iq1_m: eight splits at a time, and the near points eight at a time. See iq1.h. */
#include "../../quants/iq/iq1.h"
#include "../../quants/common/block.h"
#include "lattice.h"
#include "points.h"

#define ROOM(n) ((n) + 8) /* sums below each of n + 1 borders, and what is read beyond the last one */

static void sort_by_insertion(const float *x, int n, uint8_t *order)
{
    for (int i = 0; i < n; i++) {
        int at = i;
        for (; at > 0 && x[order[at - 1]] > x[i]; at--) order[at] = order[at - 1];
        order[at] = (uint8_t)i;
    }
}

static inline uint32_t compare_all(const float *x, int n, __m256 with, int less)
{
    uint32_t bits = 0;
    for (int v = 0; v < n / 8; v++) {
        __m256 part = _mm256_loadu_ps(x + 8 * v);
        __m256 yes = less ? _mm256_cmp_ps(part, with, _CMP_LT_OQ) : _mm256_cmp_ps(part, with, _CMP_EQ_OQ);
        bits |= (uint32_t)_mm256_movemask_ps(yes) << (8 * v);
    }
    return bits;
}

/* An element's place is how many are less, or equal and before it. */
static inline void sort_by_rank(const float *x, int n, uint8_t *order)
{
    for (int i = 0; i < n; i++) {
        __m256 here = _mm256_broadcast_ss(x + i);
        uint32_t before = compare_all(x, n, here, 0) & ((1u << i) - 1);
        order[__builtin_popcount(compare_all(x, n, here, 1) | before)] = (uint8_t)i;
    }
}

void ggx_iq1_sort(const float *x, int n, uint8_t *order)
{
    __m256 unordered = _mm256_setzero_ps();
    for (int i = 0; i < n; i += 8) {
        __m256 part = _mm256_loadu_ps(x + i);
        unordered = _mm256_or_ps(unordered, _mm256_cmp_ps(part, part, _CMP_UNORD_Q));
    }
    if (_mm256_movemask_ps(unordered))
        sort_by_insertion(x, n, order);
    else if (n == SUB_S)
        sort_by_rank(x, SUB_S, order);
    else
        sort_by_rank(x, SUB_M, order);
}

/* --- splits ----------------------------------------------------------------------------------------------------------------------- */

/* Beyond the last border no split is one. */
static void close_sums(float *sums, int n)
{
    for (int i = n + 1; i < ROOM(n); i++) sums[i] = ggx_f32_make(GGX_F32_NAN_BITS);
}

typedef struct sums_s {
    float wx[ROOM(SUB_S)], w[ROOM(SUB_S)];                /* of the elements below a border */
    float top_xq[2][ROOM(SUB_S)], top_q2[2][ROOM(SUB_S)]; /* what those above add, of each shift */
} sums_s;

static void make_sums_s(sums_s *s, const float *x, const float *weights, const uint8_t *order)
{
    s->wx[0] = s->w[0] = 0;
    for (int i = 0; i < SUB_S; i++) {
        s->wx[i + 1] = s->wx[i] + weights[order[i]] * x[order[i]];
        s->w[i + 1] = s->w[i] + weights[order[i]];
    }
    close_sums(s->wx, SUB_S);
    close_sums(s->w, SUB_S);
    for (int shift = 0; shift < 2; shift++)
        for (int b = 0; b < ROOM(SUB_S); b++) {
            float v = ggx_iq1_values[shift][2];
            s->top_xq[shift][b] = (s->wx[SUB_S] - s->wx[b]) * v;
            s->top_q2[shift][b] = (s->w[SUB_S] - s->w[b]) * v * v;
        }
}

/* Eight splits, second borders from b on, with each of the two shifts. */
static inline void split_s(const void *sums, int a, int b, __m256 *xq, __m256 *q2)
{
    const sums_s *s = sums;
    __m256 dx = _mm256_sub_ps(_mm256_loadu_ps(s->wx + b), _mm256_set1_ps(s->wx[a]));
    __m256 dw = _mm256_sub_ps(_mm256_loadu_ps(s->w + b), _mm256_set1_ps(s->w[a]));
    for (int shift = 0; shift < 2; shift++) {
        const float *v = ggx_iq1_values[shift];
        __m256 middle = _mm256_set1_ps(v[1]);
        __m256 q = _mm256_mul_ps(_mm256_mul_ps(dw, middle), middle);
        xq[shift] = _mm256_add_ps(_mm256_set1_ps(s->wx[a] * v[0]), _mm256_mul_ps(dx, middle));
        xq[shift] = _mm256_add_ps(xq[shift], _mm256_loadu_ps(s->top_xq[shift] + b));
        q2[shift] = _mm256_add_ps(_mm256_set1_ps(s->w[a] * v[0] * v[0]), q);
        q2[shift] = _mm256_add_ps(q2[shift], _mm256_loadu_ps(s->top_q2[shift] + b));
    }
}

/* Of the elements of each half below a border. */
typedef struct sums_m {
    float wx[2][ROOM(SUB_M)], w[2][ROOM(SUB_M)];
    float second[2][2][ROOM(SUB_M)]; /* of a half with a shift: what the second border adds to the sum of squares */
    float top[2][2], squares[2][2];  /* of a half with a shift: the totals times the highest value, and its square */
    float first[2];                  /* of a shift: what a weight below the first border adds */
} sums_m;

static void make_sums_m(sums_m *s, const float *x, const float *weights, const uint8_t *order)
{
    __m128 sums[SUB_M + 4], sum = _mm_setzero_ps(); /* wx of both halves, w of both */
    const __m128i halves = _mm_setr_epi32(0, 1, 0, 1);
    for (int i = 0; i <= SUB_M; i++) {
        sums[i] = sum;
        if (i == SUB_M) break;
        const int at = order[i];
        __m128 w = _mm_broadcast_ss(weights + at), wx = _mm_mul_ps(w, _mm_broadcast_ss(x + at));
        __m128 mine = _mm_castsi128_ps(_mm_cmpeq_epi32(halves, _mm_set1_epi32(at / (SUB_M / 2))));
        sum = _mm_add_ps(sum, _mm_and_ps(mine, _mm_shuffle_ps(wx, w, 0)));
    }
    sums[SUB_M + 1] = sums[SUB_M + 2] = sums[SUB_M + 3] = sum;
    for (int i = 0; i <= SUB_M; i += 4) {
        _MM_TRANSPOSE4_PS(sums[i], sums[i + 1], sums[i + 2], sums[i + 3]);
        _mm_storeu_ps(s->wx[0] + i, sums[i]);
        _mm_storeu_ps(s->wx[1] + i, sums[i + 1]);
        _mm_storeu_ps(s->w[0] + i, sums[i + 2]);
        _mm_storeu_ps(s->w[1] + i, sums[i + 3]);
    }
    for (int half = 0; half < 2; half++) {
        close_sums(s->wx[half], SUB_M);
        close_sums(s->w[half], SUB_M);
        for (int shift = 0; shift < 2; shift++) {
            const float *v = ggx_iq1_values[shift];
            float step = v[1] * v[1] - v[2] * v[2];
            s->first[shift] = v[0] * v[0] - v[1] * v[1];
            s->top[half][shift] = s->wx[half][SUB_M] * v[2];
            s->squares[half][shift] = s->w[half][SUB_M] * v[2] * v[2];
            for (int b = 0; b < ROOM(SUB_M); b++) s->second[half][shift][b] = s->w[half][b] * step;
        }
    }
}

/* Eight splits with each of the four shifts. */
static inline void split_m(const void *sums, int a, int b, __m256 *xq, __m256 *q2)
{
    const sums_m *s = sums;
    __m256 half_xq[2][2], half_q2[2][2];
    for (int half = 0; half < 2; half++) {
        __m256 below = _mm256_add_ps(_mm256_set1_ps(s->wx[half][a]), _mm256_loadu_ps(s->wx[half] + b));
        for (int shift = 0; shift < 2; shift++) {
            float first = s->squares[half][shift] + s->w[half][a] * s->first[shift];
            half_xq[half][shift] = _mm256_sub_ps(_mm256_set1_ps(s->top[half][shift]), below);
            half_q2[half][shift] = _mm256_add_ps(_mm256_set1_ps(first), _mm256_loadu_ps(s->second[half][shift] + b));
        }
    }
    for (int k = 0; k < 4; k++) {
        xq[k] = _mm256_add_ps(half_xq[0][k / 2], half_xq[1][k % 2]);
        q2[k] = _mm256_add_ps(half_q2[0][k / 2], half_q2[1][k % 2]);
    }
}

typedef void split_fn(const void *sums, int a, int b, __m256 *xq, __m256 *q2);

/* The search as it is defined: each split against the best before it. */
static inline ggx_iq1_split search_in_order(const void *sums, split_fn *sum, int n, int shifts)
{
    ggx_iq1_split best = {0, -FLT_MAX, -1, -1, 0};
    for (int a = 0; a <= n; a++)
        for (int b = a; b <= n; b += 8) {
            __m256 xq[4], q2[4];
            float each_xq[4][8] = {{0}}, each_q2[4][8] = {{0}};
            sum(sums, a, b, xq, q2);
            for (int k = 0; k < shifts; k++) {
                _mm256_storeu_ps(each_xq[k], xq[k]);
                _mm256_storeu_ps(each_q2[k], q2[k]);
            }
            for (int k = 0; k < 8 * shifts; k++)
                ggx_iq1_offer(&best, each_xq[k % shifts][k / shifts], each_q2[k % shifts][k / shifts], a,
                              b + k / shifts, k % shifts);
        }
    return best;
}

/* Who wins in the end is decided among the splits near the maximum alone, if there is a gap below them: whichever of them comes first
 * beats all others, whatever the rounding, and no other beats them. A score's rounding errors are below 1e-6 of it. */
#define NEAR (1 - 1e-5f)
#define NEARER (1 - 0.5e-5f)
#define FINALISTS 64

typedef struct contest {
    float bar;  /* no finalist's score is below; rises as splits are seen */
    float lost; /* the highest score for which there was no room */
    int count;
    struct finalist {
        float score, xq, q2;
        int first, second, shift;
    } list[FINALISTS]; /* not all stay above the bar */
} contest;

static void enter(contest *c, float xq, float q2, int first, int second, int shift)
{
    float score = xq * xq / q2;
    if (score * NEAR > c->bar) {
        c->bar = score * NEAR;
        int kept = 0;
        for (int i = 0; i < c->count; i++)
            if (c->list[i].score >= c->bar) c->list[kept++] = c->list[i];
        c->count = kept;
    }
    if (c->count < FINALISTS)
        c->list[c->count++] = (struct finalist){score, xq, q2, first, second, shift};
    else if (score > c->lost)
        c->lost = score;
}

/* The same sums in another order, with which a split costs a few operations: enough to see that it is far from the bar. Neighbouring values
 * differ by one, so xq is a total less wx[first] and wx[second]; q2 is a total and what lies below either border. The rounding differs: of
 * a split near the maximum by less than SLACK, since the one that parts the signs has an xq near the sum of magnitudes, and so any near
 * the maximum has a tenth of it. */
#define SLACK 1e-4f

typedef struct split_screen {
    float wx[ROOM(SUB_S)];
    float below[2][4][ROOM(
        SUB_S)]; /* of the first and the second border, for each shift: what lies below adds to q2, the total included */
    float total[4]; /* of xq */
} split_screen;

static inline void load_screen(const split_screen *s, int a, int b, __m256 *xq, __m256 *q2, int shifts)
{
    __m256 below = _mm256_add_ps(_mm256_set1_ps(s->wx[a]), _mm256_loadu_ps(s->wx + b));
    for (int k = 0; k < shifts; k++) {
        xq[k] = _mm256_sub_ps(_mm256_set1_ps(s->total[k]), below);
        q2[k] = _mm256_add_ps(_mm256_set1_ps(s->below[0][k][a]), _mm256_loadu_ps(s->below[1][k] + b));
    }
}

/* A score that some split has, from a few rows: near the maximum, so that few splits pass the bar. */
static inline float find_bar(const split_screen *s, int n, int shifts)
{
    __m256 most = _mm256_setzero_ps();
    for (int a = n / 4; a <= n * 3 / 8; a += n / 8)
        for (int b = a; b <= n; b += 8) {
            __m256 xq[4], q2[4];
            load_screen(s, a, b, xq, q2, shifts);
            for (int k = 0; k < shifts; k++)
                most = _mm256_max_ps(_mm256_div_ps(_mm256_mul_ps(xq[k], xq[k]), q2[k]), most);
        }
    float each[8], bar = 0;
    _mm256_storeu_ps(each, most);
    for (int i = 0; i < 8; i++) bar = each[i] > bar ? each[i] : bar;
    return bar * (1 - SLACK);
}

/* Those of eight splits that reach the bar, by the sums as they are defined. */
static inline void enter_passing(contest *c, const void *sums, split_fn *sum, int a, int b, int shifts)
{
    __m256 xq[4], q2[4], bar = _mm256_set1_ps(c->bar);
    sum(sums, a, b, xq, q2);
    for (int k = 0; k < shifts; k++) {
        float each_xq[8], each_q2[8];
        __m256 passes = _mm256_cmp_ps(_mm256_mul_ps(xq[k], xq[k]), _mm256_mul_ps(bar, q2[k]), _CMP_GE_OQ);
        uint32_t bits = (uint32_t)_mm256_movemask_ps(passes);
        if (!bits) continue;
        _mm256_storeu_ps(each_xq, xq[k]);
        _mm256_storeu_ps(each_q2, q2[k]);
        for (; bits; bits &= bits - 1) {
            int at = __builtin_ctz(bits);
            enter(c, each_xq[at], each_q2[at], a, b + at, k);
        }
    }
}

/* All splits that reach the bar as it rises. */
static inline void hold_contest(contest *c, const split_screen *s, const void *sums, split_fn *sum, int n, int shifts)
{
    for (int a = 0; a <= n; a++)
        for (int b = a; b <= n; b += 8) {
            __m256 xq[4], q2[4], bar = _mm256_set1_ps(c->bar * (1 - SLACK)), any = _mm256_setzero_ps();
            load_screen(s, a, b, xq, q2, shifts);
            for (int k = 0; k < shifts; k++) {
                __m256 square = _mm256_mul_ps(xq[k], xq[k]);
                any = _mm256_or_ps(any, _mm256_cmp_ps(square, _mm256_mul_ps(bar, q2[k]), _CMP_GE_OQ));
            }
            if (_mm256_movemask_ps(any)) enter_passing(c, sums, sum, a, b, shifts);
        }
}

static int comes_before(const struct finalist *f, const struct finalist *g)
{
    if (f->first != g->first) return f->first < g->first;
    return f->second != g->second ? f->second < g->second : f->shift < g->shift;
}

/* The finalists in the order of the search; 0 when there is no gap below them. */
static int settle(contest *c, ggx_iq1_split *best)
{
    int n = 0;
    for (int i = 0; i < c->count; i++) {
        const struct finalist f = c->list[i];
        int at = n;
        if (f.score < c->bar) continue;
        if (f.score < c->bar * (NEARER / NEAR)) return 0;
        for (; at > 0 && comes_before(&f, &c->list[at - 1]); at--) c->list[at] = c->list[at - 1];
        c->list[at] = f;
        n++;
    }
    for (int i = 0; i < n; i++) {
        const struct finalist *f = &c->list[i];
        ggx_iq1_offer(best, f->xq, f->q2, f->first, f->second, f->shift);
    }
    return 1;
}

static inline ggx_iq1_split search_splits(const split_screen *screen, const void *sums, split_fn *sum, int n,
                                          int shifts, float total)
{
    ggx_iq1_split best = {0, -FLT_MAX, -1, -1, 0};
    contest c;
    c.count = 0;
    c.lost = 0;
    c.bar = find_bar(screen, n, shifts);
    /* Far from both ends of the range, where rounding is relative. No sum of squares is less than a 64th of the weights. */
    int sound = total > 1e-18f && total < 1e18f && c.bar < 1e18f && c.bar > 1e-18f;
    if (sound) {
        hold_contest(&c, screen, sums, sum, n, shifts);
        sound = c.bar < 1e18f && c.lost < c.bar && c.count > 0;
    }
    if (!sound || !settle(&c, &best)) return search_in_order(sums, sum, n, shifts);
    return best;
}

/* The sum of the weights; NaN when one is negative or none. */
static float sum_weights(const float *weights, int n)
{
    float sum = 0;
    int sound = 1;
    for (int i = 0; i < n; i++) {
        sum += weights[i];
        sound &= weights[i] >= 0;
    }
    return sound ? sum : ggx_f32_make(GGX_F32_NAN_BITS);
}

ggx_iq1_split ggx_iq1_split_s(const float *x, const float *weights, const uint8_t *order)
{
    sums_s s;
    split_screen screen;
    make_sums_s(&s, x, weights, order);
    memcpy(screen.wx, s.wx, sizeof screen.wx);
    for (int shift = 0; shift < 2; shift++) {
        const float *v = ggx_iq1_values[shift];
        float first = v[0] * v[0] - v[1] * v[1], second = v[1] * v[1] - v[2] * v[2], all = s.w[SUB_S] * v[2] * v[2];
        screen.total[shift] = s.wx[SUB_S] * v[2];
        for (int b = 0; b < ROOM(SUB_S); b++) {
            screen.below[0][shift][b] = all + s.w[b] * first;
            screen.below[1][shift][b] = s.w[b] * second;
        }
    }
    return search_splits(&screen, &s, split_s, SUB_S, 2, sum_weights(weights, SUB_S));
}

ggx_iq1_split ggx_iq1_split_m(const float *x, const float *weights, const uint8_t *order)
{
    sums_m s;
    split_screen screen;
    make_sums_m(&s, x, weights, order);
    for (int b = 0; b < ROOM(SUB_M); b++) screen.wx[b] = s.wx[0][b] + s.wx[1][b];
    for (int k = 0; k < 4; k++) {
        const int up = k / 2, down = k % 2; /* the shifts of both halves */
        const float all = s.squares[0][up] + s.squares[1][down];
        screen.total[k] = s.top[0][up] + s.top[1][down];
        for (int b = 0; b < ROOM(SUB_M); b++) {
            screen.below[0][k][b] = all + (s.w[0][b] * s.first[up] + s.w[1][b] * s.first[down]);
            screen.below[1][k][b] = s.second[0][up][b] + s.second[1][down][b];
        }
    }
    return search_splits(&screen, &s, split_m, SUB_M, 4, sum_weights(weights, SUB_M));
}

/* --- groups ----------------------------------------------------------------------------------------------------------------------- */

static inline __m256i load_levels(const uint8_t *levels)
{
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)levels));
}

uint16_t ggx_iq1_place(ggx_lattice *scratch, const float *x, const float *weights, float scale, const float *values,
                       uint8_t *levels, int *off)
{
    const code_lattice *lattice = (const code_lattice *)(const void *)scratch;
    const uint16_t *near;
    int32_t entry = lattice->entries[number_group(load_levels(levels), 8)];
    if (entry >= 0) return (uint16_t)entry;
    *off = 1;
    if (entry == -1)
        (void)ggx_lattice_find(scratch, levels, &near);
    else
        near = lattice->lists + (-2 - entry);
    const __m256 stand_for = _mm256_setr_ps(values[0], values[1], values[2], 0, values[0], values[1], values[2], 0);
    __m256i taken = unpack_code(pick_point(near, x, weights, scale, stand_for, 8), 8);
    put_levels(levels, taken, 8);
    return (uint16_t)lattice->entries[number_group(taken, 8)];
}
