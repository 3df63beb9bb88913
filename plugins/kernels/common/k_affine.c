/* kernels/common/k_affine.c - q2_k, q4_k and q5_k in lanes. First a sub-block in each lane, for their scales and minimums; then a
 * super-block in each lane, for the codes of these; then sub-blocks again, for the levels. */
#include "../../quants/k/affine.h"
#include "kernels.h"
#include "search.h"
#include "super.h"

typedef struct affine_kernel {
    const affine_type *type;
    uint64_t bytes;
    ggx_quantize_fn *portable;
    void (*store_scales)(uint8_t *to, affine_block *block);
    void (*store_levels)(uint8_t *to, const uint8_t *levels);
    void (*search_plain)(const lanes *x, const lanes *weights, affine_fit *fit);
    void (*search_weighted)(const lanes *x, const lanes *weights, affine_fit *fit);
} affine_kernel;

/* LANES super-blocks on their way. */
typedef struct affine_chunk {
    super_chunk at;
    lanes x[SUPER_ELEMS];                    /* group after group */
    lanes inverse[SUBS_MAX], base[SUBS_MAX]; /* of each group: levels as they were found */
    sub_values scales, mins, sums, d, m;     /* d, m: as a reader will see them */
    lanes power;
    affine_block blocks[LANES];
    uint32_t bad; /* bit k: super-block k is for portable C */
} affine_chunk;

static void weigh_plain_lanes(int n, int absolute, const lanes *x, lanes *weights)
{
    lanes sum = f_zero(), level = f_zero();
    if (!absolute) {
        for (int i = 0; i < n; i++) sum = f_add(sum, f_mul(x[i], x[i]));
        level = f_sqrt(f_div(sum, f_set((float)n)));
    }
    for (int i = 0; i < n; i++) weights[i] = f_add(level, f_abs(x[i]));
}

/* Turns the columns' weights into the elements'; returns their sums. */
static lanes weigh_lanes(int n, lanes power, const lanes *x, lanes *weights)
{
    lanes sum = f_zero();
    for (int i = 0; i < n; i++) {
        weights[i] = f_mul(weights[i], f_sqrt(f_add(power, f_mul(x[i], x[i]))));
        sum = f_add(sum, weights[i]);
    }
    return sum;
}

/* The super-block's power in the lanes of its sub-blocks. */
static lanes spread_power(const affine_chunk *c, int group)
{
    float powers[LANES], spread[LANES];
    f_store(powers, c->power);
    for (int k = 0; k < LANES; k++) spread[k] = powers[(group * LANES + k) >> c->at.shift];
    return f_load(spread);
}

static void search_group(const affine_kernel *kernel, affine_chunk *c, int group, int weighted)
{
    int n = c->at.sub;
    lanes *x = c->x + group * n, weights[GROUP_MAX];
    affine_fit fit;
    gather_group(&c->at, c->at.x, n, group, x);
    if (weighted) {
        gather_group(&c->at, c->at.imatrix, n, group, weights);
        f_store(c->sums.v + group * LANES, weigh_lanes(n, spread_power(c, group), x, weights));
        kernel->search_weighted(x, weights, &fit);
    } else {
        weigh_plain_lanes(n, kernel->type->plain.absolute, x, weights);
        kernel->search_plain(x, weights, &fit);
    }
    f_store(c->scales.v + group * LANES, fit.scale);
    f_store(c->mins.v + group * LANES, fit.min);
    c->inverse[group] = fit.inverse;
    c->base[group] = fit.base;
    mark_supers(&c->at, group, fit.bad, &c->bad);
}

/* Codes as the largest value's share of `max`. Returns the scale of the codes. */
static lanes code_plain_lanes(const lanes *values, int n, int max, ilanes *codes)
{
    lanes largest = f_zero();
    for (int i = 0; i < n; i++) largest = f_max(values[i], largest);
    lanes inverse = f_keep(f_lt(f_zero(), largest), f_div(f_set((float)max), largest));
    for (int i = 0; i < n; i++) codes[i] = i_min(i_and(f_round_i(f_mul(inverse, values[i])), i_set(255)), i_set(max));
    return f_div(largest, f_set((float)max));
}

static void code_values(const affine_kernel *kernel, const affine_chunk *c, const sub_values *from, const lanes *sums,
                        int32_t codes[SUBS_MAX][LANES], float *d)
{
    lanes values[SUBS_MAX];
    ilanes coded[SUBS_MAX];
    int n = c->at.subs, max = kernel->type->scale_max;
    turn_values(&c->at, from, values);
    lanes scale = sums ? search_positive_lanes(n, max, values, sums, coded) : code_plain_lanes(values, n, max, coded);
    for (int s = 0; s < n; s++) i_store(codes[s], coded[s]);
    f_store(d, scale);
}

/* Scales and minimums coded and stored; what a reader will find, in d and m. */
static void store_scales(const affine_kernel *kernel, affine_chunk *c, uint8_t *out, int weighted)
{
    int32_t scales[SUBS_MAX][LANES] = {{0}}, mins[SUBS_MAX][LANES] = {{0}};
    float d[LANES] = {0}, dmin[LANES] = {0};
    lanes sums[SUBS_MAX];
    if (weighted) turn_values(&c->at, &c->sums, sums);
    code_values(kernel, c, &c->scales, weighted ? sums : NULL, scales, d);
    code_values(kernel, c, &c->mins, weighted ? sums : NULL, mins, dmin);
    for (int k = 0; k < c->at.count; k++) {
        affine_block *block = &c->blocks[k];
        block->d = d[k];
        block->dmin = dmin[k];
        for (int s = 0; s < c->at.subs; s++) {
            block->scales[s] = (uint8_t)scales[s][k];
            block->mins[s] = (uint8_t)mins[s][k];
        }
        kernel->store_scales(out + (uint64_t)k * kernel->bytes, block);
        for (int s = 0; s < c->at.subs; s++) {
            c->d.v[k * c->at.subs + s] = block->d * (float)block->scales[s];
            c->m.v[k * c->at.subs + s] = block->dmin * (float)block->mins[s];
        }
    }
}

/* Levels for the scales as stored; where a scale came to 0, the levels as they were found. */
static void round_group(const affine_kernel *kernel, affine_chunk *c, int group)
{
    int n = c->at.sub, nmax = kernel->type->plain.nmax;
    const lanes *x = c->x + group * n;
    lanes d = f_load(c->d.v + group * LANES), m = f_load(c->m.v + group * LANES);
    mask zero = f_eq(d, f_zero());
    ilanes levels[GROUP_MAX];
    for (int i = 0; i < n; i++) levels[i] = i_clamp(f_round_i(f_div(f_add(x[i], m), d)), 0, nmax);
    if (m_bits(zero))
        for (int i = 0; i < n; i++) {
            lanes found = f_mul(c->inverse[group], f_sub(x[i], c->base[group]));
            levels[i] = i_pick(zero, i_clamp(f_round_i(found), 0, nmax), levels[i]);
        }
    put_levels(&c->at, group, levels, c->blocks[0].levels, sizeof c->blocks[0]);
}

static void quantize_chunk(const affine_kernel *kernel, affine_chunk *c, uint8_t *out, int weighted)
{
    int groups = count_groups(&c->at);
    c->bad = 0;
    if (weighted) {
        lanes power = f_mul(f_set(kernel->type->power_factor), sum_power(&c->at));
        c->power = f_div(power, f_set(SUPER_ELEMS));
    }
    for (int g = 0; g < groups; g++) search_group(kernel, c, g, weighted);
    store_scales(kernel, c, out, weighted);
    for (int g = 0; g < groups; g++) round_group(kernel, c, g);
    for (int k = 0; k < c->at.count; k++) {
        uint8_t *to = out + (uint64_t)k * kernel->bytes;
        if (c->bad >> k & 1)
            kernel->portable(c->at.x[k], to, 1, SUPER_ELEMS, weighted ? c->at.imatrix[k] : NULL, NULL);
        else
            kernel->store_levels(to, c->blocks[k].levels);
    }
}

static void quantize(const affine_kernel *kernel, const float *in, uint8_t *out, uint64_t rows, uint64_t cols,
                     const float *imatrix)
{
    uint64_t total = rows * (cols / SUPER_ELEMS);
    affine_chunk chunk;
    memset(&chunk, 0, sizeof chunk); /* lanes beyond the last super-block are computed too, and thrown away */
    chunk.at.sub = kernel->type->sub;
    for (uint64_t b = 0; b < total; b += LANES) {
        open_chunk(&chunk.at, in, b, total, cols, imatrix);
        quantize_chunk(kernel, &chunk, out + b * kernel->bytes, imatrix != NULL);
    }
    v_leave();
}

/* One kernel for each type, with the constants of its searches known to the compiler. */
#define AFFINE_KERNEL(name, elems)                                                                                   \
    static void store_scales_##name##_at(uint8_t *to, affine_block *block)                                           \
    {                                                                                                                \
        store_scales_##name((block_##name *)(void *)to, block);                                                      \
    }                                                                                                                \
    static void store_levels_##name##_at(uint8_t *to, const uint8_t *levels)                                         \
    {                                                                                                                \
        store_levels_##name((block_##name *)(void *)to, levels);                                                     \
    }                                                                                                                \
    static void search_##name##_plain(const lanes *x, const lanes *weights, affine_fit *fit)                         \
    {                                                                                                                \
        search_affine_lanes(&name.plain, elems, x, weights, fit);                                                    \
    }                                                                                                                \
    static void search_##name##_weighted(const lanes *x, const lanes *weights, affine_fit *fit)                      \
    {                                                                                                                \
        search_affine_lanes(&name.weighted, elems, x, weights, fit);                                                 \
    }                                                                                                                \
    void ggx_quantize_##name##_lanes(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix, \
                                     void *scratch GGX_UNUSED) GGX_NOEXCEPT                                          \
    {                                                                                                                \
        static const affine_kernel kernel = {&name,                                                                  \
                                             sizeof(block_##name),                                                   \
                                             ggx_quantize_##name,                                                    \
                                             store_scales_##name##_at,                                               \
                                             store_levels_##name##_at,                                               \
                                             search_##name##_plain,                                                  \
                                             search_##name##_weighted};                                              \
        quantize(&kernel, in, out, rows, cols, imatrix);                                                             \
    }

AFFINE_KERNEL(q2_k, 16)
AFFINE_KERNEL(q4_k, 32)
AFFINE_KERNEL(q5_k, 32)
