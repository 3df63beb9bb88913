/* kernels/avx2/small.c - mxfp4, nvfp4, tq1_0, tq2_0, q1_0 and q2_0. Blocks with a NaN, an infinity or magnitudes near the ends of the
 * range are for portable C. */
#include "../../quants/fp4/fp4.h"
#include "../../quants/fp4/scales.h"
#include "../../quants/low/blocks.h"
#include "../../quants/low/low.h"
#include "../../quants/ternary/blocks.h"
#include "../../quants/ternary/ternary.h"
#include "../common/lanes.h"
#include "avx2.h"
#include "bytes.h"

/* Codes of eight floats under a scale of half a unit: the first of equally near values is the lesser magnitude, so a magnitude moves on
 * to the next value where it is beyond the middle of the two. The middles are exact, and so are the distances near them. */
static inline __m256i pick_e2m1(const float *from, float scale)
{
    static const float middles[7] = {0.5f, 1.5f, 2.5f, 3.5f, 5, 7, 10};
    __m256 x = _mm256_loadu_ps(from), magnitude = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x);
    __m256i code = _mm256_setzero_si256();
    for (int i = 0; i < 7; i++) {
        __m256 beyond = _mm256_cmp_ps(magnitude, _mm256_set1_ps(middles[i] * scale), _CMP_GT_OQ);
        code = _mm256_sub_epi32(code, _mm256_castps_si256(beyond));
    }
    __m256i some = _mm256_cmpgt_epi32(code, _mm256_setzero_si256()); /* there is no negative zero */
    __m256i sign = _mm256_and_si256(_mm256_srli_epi32(_mm256_castps_si256(x), 28), _mm256_set1_epi32(8));
    return _mm256_or_si256(code, _mm256_and_si256(some, sign));
}

/* 32 codes: element i and i + half of each run of 2 * half share a byte. */
static inline void put_pairs(uint8_t *qs, __m256i codes, int half)
{
    __m128i first = _mm256_castsi256_si128(codes), second = _mm256_extracti128_si256(codes, 1);
    if (half == 8) { /* two runs of 16 */
        __m128i low = _mm_unpacklo_epi64(first, second);
        second = _mm_unpackhi_epi64(first, second);
        first = low;
    }
    _mm_storeu_si128((__m128i *)(void *)qs, _mm_or_si128(first, _mm_slli_epi16(second, 4)));
}

void ggx_quantize_mxfp4_avx2(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix GGX_UNUSED,
                             void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    block_mxfp4 *to = out;
    for (uint64_t b = 0; b < rows * (cols / BLOCK_MX); b++, in += BLOCK_MX, to++) {
        uint32_t magnitude = find_magnitude_bits(in, BLOCK_MX);
        if (!is_plain(magnitude)) {
            ggx_quantize_mxfp4(in, to, 1, BLOCK_MX, NULL, NULL);
            continue;
        }
        to->e = encode_e8m0(ggx_f32_make(magnitude));
        float scale = decode_e8m0_half(to->e);
        put_pairs(to->qs,
                  narrow(pick_e2m1(in, scale), pick_e2m1(in + 8, scale), pick_e2m1(in + 16, scale),
                         pick_e2m1(in + 24, scale)),
                  16);
    }
}

void ggx_quantize_nvfp4_avx2(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix GGX_UNUSED,
                             void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    block_nvfp4 *to = out;
    for (uint64_t b = 0; b < rows * (cols / BLOCK_NV); b++, in += BLOCK_NV, to++) {
        uint32_t magnitudes[4];
        int plain = 1;
        for (int s = 0; s < 4; s++) {
            magnitudes[s] = find_magnitude_bits(in + s * SUB_NV, SUB_NV);
            /* beyond the largest scale, distances from a far element round to the same */
            plain &= is_plain(magnitudes[s]) && ggx_f32_make(magnitudes[s]) <= 6 * 448;
        }
        if (!plain) {
            ggx_quantize_nvfp4(in, to, 1, BLOCK_NV, NULL, NULL);
            continue;
        }
        for (int s = 0; s < 4; s += 2) {
            __m256i codes[4];
            for (int i = 0; i < 4; i++) {
                const float *x = in + s * SUB_NV + 8 * i;
                if (i % 2 == 0) to->d[s + i / 2] = encode_e4m3(ggx_f32_make(magnitudes[s + i / 2]) / 6);
                float scale = decode_e4m3_half(to->d[s + i / 2]);
                codes[i] = scale != 0 ? pick_e2m1(x, scale) : _mm256_setzero_si256();
            }
            put_pairs(to->qs + s * SUB_NV / 2, narrow(codes[0], codes[1], codes[2], codes[3]), 8);
        }
    }
}

/* Scale of a block of 256, and its levels 0, 1, 2. 0 when portable C has to take it. */
static inline int pick_ternary(const float *x, uint8_t *d, uint8_t *levels)
{
    uint32_t magnitude = find_magnitude_bits(x, BLOCK);
    if (!is_plain(magnitude)) return 0;
    float scale = ggx_f32_make(magnitude);
    __m256 inverse = _mm256_set1_ps(magnitude ? 1.0f / scale : 0.0f);
    for (int i = 0; i < BLOCK; i += 32)
        store_bytes(levels + i, _mm256_add_epi8(round_bytes(x + i, inverse), _mm256_set1_epi8(1)));
    ggx_scale_put(d, scale);
    return 1;
}

/* pack_digits for sixteen bytes at once, of `stride` levels. */
static inline void pack_digits_16(const uint8_t *levels, int stride, uint8_t *to)
{
    __m256i value = _mm256_setzero_si256();
    for (int n = 0; n < 5; n++) {
        __m128i level = _mm_loadu_si128((const __m128i *)(const void *)(levels + n * stride));
        value = _mm256_add_epi16(_mm256_mullo_epi16(value, _mm256_set1_epi16(3)), _mm256_cvtepu8_epi16(level));
    }
    /* (256 v + 242) / 243 = v + (13 v + 242) / 243, and 270 / 2^16 stands for 1/243 as far as 13 * 242 + 242 */
    __m256i rest = _mm256_add_epi16(_mm256_mullo_epi16(value, _mm256_set1_epi16(13)), _mm256_set1_epi16(242));
    value = _mm256_add_epi16(value, _mm256_mulhi_epu16(rest, _mm256_set1_epi16(270)));
    __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(value), _mm256_extracti128_si256(value, 1));
    _mm_storeu_si128((__m128i *)(void *)to, bytes);
}

void ggx_quantize_tq1_0_avx2(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix GGX_UNUSED,
                             void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    block_tq1_0 *to = out;
    for (uint64_t b = 0; b < rows * (cols / BLOCK); b++, in += BLOCK, to++) {
        uint8_t levels[BLOCK];
        if (!pick_ternary(in, to->d, levels)) {
            ggx_quantize_tq1_0(in, to, 1, BLOCK, NULL, NULL);
            continue;
        }
        pack_digits_16(levels, 32, to->qs);
        pack_digits_16(levels + 16, 32, to->qs + 16);
        pack_digits_16(levels + 160, 16, to->qs + 32);
        for (int i = 0; i < 4; i++) to->qh[i] = pack_digits(levels + 240 + i, 4, 4);
    }
}

void ggx_quantize_tq2_0_avx2(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix GGX_UNUSED,
                             void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    block_tq2_0 *to = out;
    for (uint64_t b = 0; b < rows * (cols / BLOCK); b++, in += BLOCK, to++) {
        uint8_t levels[BLOCK];
        if (!pick_ternary(in, to->d, levels)) {
            ggx_quantize_tq2_0(in, to, 1, BLOCK, NULL, NULL);
            continue;
        }
        for (int half = 0; half < 2; half++) {
            const uint8_t *l = levels + 128 * half;
            __m256i low = _mm256_or_si256(load_bytes(l), _mm256_slli_epi16(load_bytes(l + 32), 2));
            __m256i high = _mm256_or_si256(load_bytes(l + 64), _mm256_slli_epi16(load_bytes(l + 96), 2));
            store_bytes(to->qs + 32 * half, _mm256_or_si256(low, _mm256_slli_epi16(high, 4)));
        }
    }
}

/* Sums of the magnitudes of LANES blocks of q1_0 or fewer, front to back. */
static inline void sum_magnitudes(const float *in, uint64_t count, float *sums)
{
    const float *runs[LANES];
    lanes sum = f_zero(), tile[VEC];
    for (int i = 0; i < BLOCK_Q1; i += VEC) {
        for (uint64_t k = 0; k < LANES; k++) runs[k] = in + (k < count ? k : count - 1) * BLOCK_Q1 + i;
        lanes_gather(runs, VEC, tile);
        for (int k = 0; k < VEC; k++) sum = f_add(sum, f_abs(tile[k]));
    }
    f_store(sums, f_div(sum, f_set(BLOCK_Q1)));
}

void ggx_quantize_q1_0_avx2(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix GGX_UNUSED,
                            void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    block_q1_0 *to = out;
    uint64_t total = rows * (cols / BLOCK_Q1);
    for (uint64_t b = 0; b < total; b += LANES) {
        float means[LANES];
        uint64_t count = total - b < LANES ? total - b : LANES;
        sum_magnitudes(in, count, means);
        for (uint64_t k = 0; k < count; k++, to++, in += BLOCK_Q1) {
            ggx_scale_put(to->d, means[k]);
            for (int i = 0; i < BLOCK_Q1 / 8; i++) {
                __m256 positive = _mm256_cmp_ps(_mm256_loadu_ps(in + 8 * i), _mm256_setzero_ps(), _CMP_GE_OQ);
                to->qs[i] = (uint8_t)_mm256_movemask_ps(positive);
            }
        }
    }
}

void ggx_quantize_q2_0_avx2(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix GGX_UNUSED,
                            void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    block_q2_0 *to = out;
    for (uint64_t b = 0; b < rows * (cols / BLOCK_Q2); b++, in += BLOCK_Q2, to++) {
        uint32_t magnitude = find_magnitude_bits(in, BLOCK_Q2);
        if (!is_plain(magnitude)) {
            ggx_quantize_q2_0(in, to, 1, BLOCK_Q2, NULL, NULL);
            continue;
        }
        __m256 inverse = _mm256_set1_ps(magnitude ? 1.0f / ggx_f32_make(magnitude) : 0.0f);
        __m256i fours[2];
        ggx_scale_put(to->d, ggx_f32_make(magnitude));
        for (int i = 0; i < 2; i++) { /* four levels of two bits to a byte, in the low byte of an int32 */
            __m256i levels = _mm256_add_epi8(round_bytes(in + 32 * i, inverse), _mm256_set1_epi8(1));
            __m256i pairs = _mm256_maddubs_epi16(levels, _mm256_set1_epi16(0x0401));
            fours[i] = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00100001));
        }
        __m256i words = _mm256_permute4x64_epi64(_mm256_packus_epi32(fours[0], fours[1]), 0xd8);
        __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
        _mm_storeu_si128((__m128i *)(void *)to->qs, bytes);
    }
}
