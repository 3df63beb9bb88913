/* kernels/avx2/blocks.c - q4_0, q4_1, q5_0, q5_1 and q8_0 without an importance matrix: eight blocks at a time. Their extents are found in
 * vectors of a block's elements and folded to a vector of one block an element, where the eight scales are made at once.
 *
 * Portable C takes eight blocks among which one has a NaN, an infinity, or magnitudes so small that a reciprocal may overflow. */
#include "../../quants/legacy/blocks.h"
#include "../../quants/legacy/legacy.h"
#include "../common/kernels.h"
#include "avx2.h"
#include "bytes.h"

#define AT_ONCE 8 /* blocks */

/* Element k of the result: the largest (smallest) element of v[k]. */
#define FOLD(name, op)                                                                                         \
    static inline __m256 name(const __m256 *v)                                                                 \
    {                                                                                                          \
        __m256 t[4];                                                                                           \
        for (int i = 0; i < 4; i++)                                                                            \
            t[i] = op(_mm256_unpacklo_ps(v[2 * i], v[2 * i + 1]), _mm256_unpackhi_ps(v[2 * i], v[2 * i + 1])); \
        __m256 a = op(_mm256_shuffle_ps(t[0], t[1], 0x44), _mm256_shuffle_ps(t[0], t[1], 0xee));               \
        __m256 b = op(_mm256_shuffle_ps(t[2], t[3], 0x44), _mm256_shuffle_ps(t[2], t[3], 0xee));               \
        return op(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));                     \
    }
FOLD(fold_max, _mm256_max_ps)
FOLD(fold_min, _mm256_min_ps)

/* Lowest and highest element of eight blocks. 0 when portable C has to take them. */
static inline int find_extents(const float *x, __m256 *low, __m256 *high)
{
    __m256 lows[AT_ONCE], highs[AT_ONCE], odd = _mm256_setzero_ps();
    for (int k = 0; k < AT_ONCE; k++, x += BLOCK) {
        __m256 a = _mm256_loadu_ps(x), b = _mm256_loadu_ps(x + 8);
        __m256 c = _mm256_loadu_ps(x + 16), d = _mm256_loadu_ps(x + 24);
        lows[k] = _mm256_min_ps(_mm256_min_ps(a, b), _mm256_min_ps(c, d));
        highs[k] = _mm256_max_ps(_mm256_max_ps(a, b), _mm256_max_ps(c, d));
        odd = _mm256_or_ps(odd, _mm256_or_ps(_mm256_cmp_ps(a, b, _CMP_UNORD_Q), _mm256_cmp_ps(c, d, _CMP_UNORD_Q)));
    }
    *low = fold_min(lows);
    *high = fold_max(highs);
    __m256 magnitude = _mm256_max_ps(*high, _mm256_sub_ps(_mm256_setzero_ps(), *low));
    __m256 small = _mm256_cmp_ps(magnitude, _mm256_set1_ps(0x1.0p-100f), _CMP_LT_OQ);
    small = _mm256_and_ps(small, _mm256_cmp_ps(magnitude, _mm256_setzero_ps(), _CMP_NEQ_OQ));
    __m256 large = _mm256_cmp_ps(magnitude, _mm256_set1_ps(0x1.0p+126f), _CMP_GT_OQ);
    return !_mm256_movemask_ps(_mm256_or_ps(odd, _mm256_or_ps(small, large)));
}

/* 1/d, and 0 for 0 */
static inline __m256 invert(__m256 d)
{
    __m256 some = _mm256_cmp_ps(d, _mm256_setzero_ps(), _CMP_NEQ_OQ);
    return _mm256_and_ps(some, _mm256_div_ps(_mm256_set1_ps(1), d));
}

static inline void put_halves(uint16_t *to, __m256 x)
{
    _mm_storeu_si128((__m128i *)(void *)to, _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

/* trunc((x - base) * inverse + half), at most `most`, as bytes */
static inline __m256i pick_levels(const float *x, __m256 base, __m256 inverse, __m256 half, int most)
{
    __m256i v[4];
    for (int i = 0; i < 4; i++) {
        __m256 t = _mm256_mul_ps(_mm256_sub_ps(_mm256_loadu_ps(x + 8 * i), base), inverse);
        v[i] = _mm256_cvttps_epi32(_mm256_add_ps(t, half));
    }
    return _mm256_min_epu8(narrow(v[0], v[1], v[2], v[3]), _mm256_set1_epi8((char)most));
}

static inline void put_nibbles(uint8_t *qs, __m256i levels)
{
    __m256i nibbles = _mm256_and_si256(levels, _mm256_set1_epi8(15));
    __m128i high = _mm_slli_epi16(_mm256_extracti128_si256(nibbles, 1), 4);
    _mm_storeu_si128((__m128i *)(void *)qs, _mm_or_si128(_mm256_castsi256_si128(nibbles), high));
}

static inline void put_fifth_bits(uint8_t *qh, __m256i levels)
{
    ggx_u32_put(qh, (uint32_t)_mm256_movemask_epi8(_mm256_slli_epi16(levels, 3)));
}

static float find_first(const float *x, float magnitude)
{
    while (fabsf(*x) != magnitude) x++;
    return *x;
}

/* Of eight blocks the element of largest magnitude, the first of equal ones. */
static inline __m256 find_largest(const float *x, __m256 low, __m256 high)
{
    __m256 opposite = _mm256_sub_ps(_mm256_setzero_ps(), low);
    __m256 largest = _mm256_blendv_ps(low, high, _mm256_cmp_ps(high, opposite, _CMP_GT_OQ));
    int tied = _mm256_movemask_ps(_mm256_cmp_ps(high, opposite, _CMP_EQ_OQ));
    if (tied) {
        float values[AT_ONCE];
        _mm256_storeu_ps(values, largest);
        for (int k = 0; k < AT_ONCE; k++)
            if (tied >> k & 1) values[k] = values[k] != 0 ? find_first(x + k * BLOCK, fabsf(values[k])) : 0;
        largest = _mm256_loadu_ps(values);
    }
    /* a block of zeros of any sign counts as 0 */
    return _mm256_and_ps(largest, _mm256_cmp_ps(largest, _mm256_setzero_ps(), _CMP_NEQ_OQ));
}

/* q4_0 and q5_0: eight blocks of `bytes`, fifth bits at `high_at` when there are any, nibbles at `low_at`. */
static inline int quantize_symmetric(const float *x, uint8_t *to, int nmax, int bytes, int high_at, int low_at)
{
    __m256 low, high;
    uint16_t scales[AT_ONCE];
    float inverses[AT_ONCE];
    if (!find_extents(x, &low, &high)) return 0;
    __m256 d = _mm256_div_ps(find_largest(x, low, high), _mm256_set1_ps((float)-nmax));
    put_halves(scales, d);
    _mm256_storeu_ps(inverses, invert(d));
    for (int k = 0; k < AT_ONCE; k++, to += bytes, x += BLOCK) {
        __m256i levels = pick_levels(x, _mm256_setzero_ps(), _mm256_broadcast_ss(&inverses[k]),
                                     _mm256_set1_ps((float)nmax + 0.5f), 2 * nmax - 1);
        ggx_u16_put(to, scales[k]);
        if (high_at) put_fifth_bits(to + high_at, levels);
        put_nibbles(to + low_at, levels);
    }
    return 1;
}

/* Where the lowest element is a zero, the sign of the first one. */
static inline void find_zeros(const float *x, __m256 *low, __m256 *high)
{
    int zeros = _mm256_movemask_ps(_mm256_cmp_ps(*low, _mm256_setzero_ps(), _CMP_EQ_OQ));
    if (!zeros) return;
    float lows[AT_ONCE], highs[AT_ONCE];
    _mm256_storeu_ps(lows, *low);
    _mm256_storeu_ps(highs, *high);
    for (int k = 0; k < AT_ONCE; k++) {
        if (!(zeros >> k & 1)) continue;
        lows[k] = find_first(x + k * BLOCK, 0);
        if (highs[k] == 0) highs[k] = lows[k];
    }
    *low = _mm256_loadu_ps(lows);
    *high = _mm256_loadu_ps(highs);
}

static inline int quantize_affine(const float *x, uint8_t *to, int nmax, int bytes, int high_at, int low_at)
{
    __m256 low, high;
    uint16_t scales[AT_ONCE], mins[AT_ONCE];
    float inverses[AT_ONCE], lows[AT_ONCE];
    if (!find_extents(x, &low, &high)) return 0;
    find_zeros(x, &low, &high);
    __m256 d = _mm256_div_ps(_mm256_sub_ps(high, low), _mm256_set1_ps((float)nmax));
    put_halves(scales, d);
    put_halves(mins, low);
    _mm256_storeu_ps(inverses, invert(d));
    _mm256_storeu_ps(lows, low);
    for (int k = 0; k < AT_ONCE; k++, to += bytes, x += BLOCK) {
        __m256i levels = pick_levels(x, _mm256_broadcast_ss(&lows[k]), _mm256_broadcast_ss(&inverses[k]),
                                     _mm256_set1_ps(0.5f), nmax);
        ggx_u16_put(to, scales[k]);
        ggx_u16_put(to + 2, mins[k]);
        if (high_at) put_fifth_bits(to + high_at, levels);
        put_nibbles(to + low_at, levels);
    }
    return 1;
}

static inline int quantize_q8(const float *x, uint8_t *to)
{
    __m256 low, high;
    uint16_t scales[AT_ONCE];
    float inverses[AT_ONCE];
    if (!find_extents(x, &low, &high)) return 0;
    __m256 magnitude = _mm256_max_ps(high, _mm256_sub_ps(_mm256_setzero_ps(), low));
    __m256 d = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), _mm256_div_ps(magnitude, _mm256_set1_ps(127)));
    put_halves(scales, d);
    _mm256_storeu_ps(inverses, invert(d));
    for (int k = 0; k < AT_ONCE; k++, to += sizeof(block_q8_0), x += BLOCK) {
        ggx_u16_put(to, scales[k]);
        store_bytes(to + 2, round_bytes(x, _mm256_broadcast_ss(&inverses[k])));
    }
    return 1;
}

/* A kernel from one for eight blocks: what that refuses, and what is left of eight, goes to portable C. */
#define QUANTIZE(type, eight, weighted)                                                                       \
    void ggx_quantize_##type##_avx2(const float *in, void *out, uint64_t rows, uint64_t cols,                 \
                                    const float *imatrix GGX_UNUSED, void *scratch GGX_UNUSED) GGX_NOEXCEPT   \
    {                                                                                                         \
        uint64_t left = rows * (cols / BLOCK);                                                                \
        uint8_t *to = out;                                                                                    \
        weighted;                                                                                             \
        for (; left >= AT_ONCE; left -= AT_ONCE, in += AT_ONCE * BLOCK, to += AT_ONCE * sizeof(block_##type)) \
            if (!eight) ggx_quantize_##type(in, to, 1, AT_ONCE *BLOCK, NULL, NULL);                           \
        if (left) ggx_quantize_##type(in, to, 1, left *BLOCK, NULL, NULL);                                    \
    }
#define WEIGHTED(type)                                                         \
    if (imatrix) {                                                             \
        ggx_quantize_##type##_weighted(in, out, rows, cols, imatrix, scratch); \
        return;                                                                \
    }
QUANTIZE(q4_0, quantize_symmetric(in, to, 8, sizeof(block_q4_0), 0, 2), WEIGHTED(q4_0))
QUANTIZE(q5_0, quantize_symmetric(in, to, 16, sizeof(block_q5_0), 2, 6), WEIGHTED(q5_0))
QUANTIZE(q4_1, quantize_affine(in, to, 15, sizeof(block_q4_1), 0, 4), WEIGHTED(q4_1))
QUANTIZE(q5_1, quantize_affine(in, to, 31, sizeof(block_q5_1), 4, 8), WEIGHTED(q5_1))
QUANTIZE(q8_0, quantize_q8(in, to), )
