/* kernels/common/weighted.c - q4_0, q4_1, q5_0 and q5_1 with an importance matrix, a block in each lane. A row with a block that lanes
 * cannot take goes to portable C whole, since its blocks depend on all of it. */
#include "../../quants/legacy/blocks.h"
#include "../../quants/legacy/legacy.h"
#include "kernels.h"
#include "search.h"

typedef struct weighted_type {
    int32_t bytes, high_at, low_at; /* of a block: its size, where fifth bits (0: none) and nibbles are */
    ggx_quantize_fn *portable;
    /* Levels as bytes in lanes, scales, and minimums where there are any; lanes that portable C has to take. */
    mask (*search)(const lanes *x, const lanes *weights, ilanes *levels, lanes *scale, lanes *min);
    int32_t has_min;
} weighted_type;

static inline mask search_symmetric(int nmax, const lanes *x, const lanes *weights, ilanes *levels, lanes *scale)
{
    symmetric_fit fit;
    search_symmetric_lanes(BLOCK, nmax, x, weights, &fit);
    for (int i = 0; i < BLOCK; i++) {
        ilanes l = i_add(i_clamp(f_round_i(f_mul(fit.inverse, x[i])), -nmax, nmax - 1), i_set(nmax));
        levels[i] = i_pick(fit.zero, i_set(0), l);
    }
    *scale = fit.scale;
    return fit.bad;
}

static inline mask search_affine(const ggx_affine *how, const lanes *x, const lanes *weights, ilanes *levels,
                                 lanes *scale, lanes *min)
{
    affine_fit fit;
    search_affine_lanes(how, BLOCK, x, weights, &fit);
    for (int i = 0; i < BLOCK; i++)
        levels[i] = i_clamp(f_round_i(f_mul(fit.inverse, f_sub(x[i], fit.base))), 0, how->nmax);
    *scale = fit.scale;
    *min = f_neg(fit.min);
    return fit.bad;
}

/* Sums of squares of LANES rows, front to back. */
static void sum_rows(const float *in, uint64_t rows, uint64_t cols, float *powers)
{
    const float *runs[LANES];
    lanes sum = f_zero(), tile[VEC];
    for (uint64_t c = 0; c < cols; c += VEC) {
        for (uint64_t k = 0; k < LANES; k++) runs[k] = in + (k < rows ? k : rows - 1) * cols + c;
        lanes_gather(runs, VEC, tile);
        for (int k = 0; k < VEC; k++) sum = f_add(sum, f_mul(tile[k], tile[k]));
    }
    f_store(powers, f_div(sum, f_set((float)cols)));
}

static void put_blocks(const weighted_type *type, uint8_t *to, int count, const ilanes *levels, lanes scale, lanes min)
{
    int32_t tile[BLOCK][LANES];
    float scales[LANES], mins[LANES];
    f_store(scales, scale);
    f_store(mins, min);
    for (int i = 0; i < BLOCK; i++) i_store(tile[i], levels[i]);
    for (int k = 0; k < count; k++, to += type->bytes) {
        uint8_t bytes[BLOCK];
        for (int i = 0; i < BLOCK; i++) bytes[i] = (uint8_t)tile[i][k];
        ggx_scale_put(to, scales[k]);
        if (type->has_min) ggx_scale_put(to + 2, mins[k]);
        if (type->high_at) pack_fifth_bits(to + type->high_at, bytes);
        pack_nibbles(to + type->low_at, bytes);
    }
}

/* LANES blocks or fewer of a row. 0 when portable C has to take them. */
static int quantize_blocks(const weighted_type *type, const float *in, uint8_t *to, int count, const float *imatrix,
                           float power)
{
    const float *runs[LANES], *weigh[LANES];
    lanes x[BLOCK], weights[BLOCK], scale, min = f_zero();
    ilanes levels[BLOCK];
    for (int k = 0; k < LANES; k++) {
        runs[k] = in + (k < count ? k : count - 1) * BLOCK;
        weigh[k] = imatrix + (k < count ? k : count - 1) * BLOCK;
    }
    lanes_gather(runs, BLOCK, x);
    lanes_gather(weigh, BLOCK, weights);
    for (int i = 0; i < BLOCK; i++) weights[i] = f_mul(weights[i], f_sqrt(f_add(f_set(power), f_mul(x[i], x[i]))));
    if (m_bits(type->search(x, weights, levels, &scale, &min))) return 0;
    put_blocks(type, to, count, levels, scale, min);
    return 1;
}

static void quantize(const weighted_type *type, const float *in, uint8_t *to, uint64_t rows, uint64_t cols,
                     const float *imatrix)
{
    uint64_t blocks = cols / BLOCK;
    float powers[LANES];
    for (uint64_t r = 0; r < rows; r++, in += cols, to += blocks * (uint64_t)type->bytes) {
        int taken = 1;
        if (r % LANES == 0) sum_rows(in, rows - r, cols, powers);
        for (uint64_t b = 0; taken && b < blocks; b += LANES) {
            int count = blocks - b < LANES ? (int)(blocks - b) : LANES;
            taken = quantize_blocks(type, in + b * BLOCK, to + b * (uint64_t)type->bytes, count, imatrix + b * BLOCK,
                                    powers[r % LANES]);
        }
        if (!taken) type->portable(in, to, 1, cols, imatrix, NULL);
    }
}

#define SYMMETRIC(nmax)                                                                                     \
    static mask search_symmetric_##nmax(const lanes *x, const lanes *weights, ilanes *levels, lanes *scale, \
                                        lanes *min GGX_UNUSED)                                              \
    {                                                                                                       \
        return search_symmetric(nmax, x, weights, levels, scale);                                           \
    }
#define AFFINE(nmax)                                                                                                 \
    static mask search_affine_##nmax(const lanes *x, const lanes *weights, ilanes *levels, lanes *scale, lanes *min) \
    {                                                                                                                \
        static const ggx_affine how = {nmax, 36, -0.9f, 0.05f, 0};                                                   \
        return search_affine(&how, x, weights, levels, scale, min);                                                  \
    }
SYMMETRIC(8)
SYMMETRIC(16)
AFFINE(15)
AFFINE(31)

#define WEIGHTED(type, ...)                                                                          \
    void ggx_quantize_##type##_weighted(const float *in, void *out, uint64_t rows, uint64_t cols,    \
                                        const float *imatrix, void *scratch GGX_UNUSED) GGX_NOEXCEPT \
    {                                                                                                \
        static const weighted_type how = {sizeof(block_##type), __VA_ARGS__};                        \
        quantize(&how, in, out, rows, cols, imatrix);                                                \
    }
WEIGHTED(q4_0, 0, 2, ggx_quantize_q4_0, search_symmetric_8, 0)
WEIGHTED(q5_0, 2, 6, ggx_quantize_q5_0, search_symmetric_16, 0)
WEIGHTED(q4_1, 0, 4, ggx_quantize_q4_1, search_affine_15, 1)
WEIGHTED(q5_1, 4, 8, ggx_quantize_q5_1, search_affine_31, 1)
