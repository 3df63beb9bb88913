/* kernels/avx2/bytes.h - what the kernels written for AVX2 share: floats to bytes and back, extents. Header-only. */
#ifndef GGX_KERNELS_AVX2_BYTES_H
#define GGX_KERNELS_AVX2_BYTES_H

#include <immintrin.h>
#include <stdint.h>

/* Four vectors of int32 to 32 bytes in order, saturated to int8. */
static inline __m256i narrow(__m256i a, __m256i b, __m256i c, __m256i d)
{
    __m256i bytes = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
    return _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

/* As ggx_i32_round, then clamped to 0 … highest. */
static inline __m256i round_levels(__m256 x, int highest)
{
    __m256 sum = _mm256_add_ps(x, _mm256_set1_ps(12582912.0f));
    __m256i v = _mm256_and_si256(_mm256_castps_si256(sum), _mm256_set1_epi32(0x007fffff));
    v = _mm256_sub_epi32(v, _mm256_set1_epi32(0x00400000));
    return _mm256_min_epi32(_mm256_max_epi32(v, _mm256_setzero_si256()), _mm256_set1_epi32(highest));
}

/* roundf: halves go away from zero. Adding the largest float below one half is what rounds so, also just below a half. */
static inline __m256i round_away(__m256 t)
{
    __m256 sign = _mm256_and_ps(t, _mm256_set1_ps(-0.0f));
    return _mm256_cvttps_epi32(_mm256_add_ps(t, _mm256_or_ps(sign, _mm256_set1_ps(0x1.fffffep-2f))));
}

/* roundf(x * inverse) of 32 elements as int8. */
static inline __m256i round_bytes(const float *x, __m256 inverse)
{
    __m256i v[4];
    for (int i = 0; i < 4; i++) v[i] = round_away(_mm256_mul_ps(_mm256_loadu_ps(x + 8 * i), inverse));
    return narrow(v[0], v[1], v[2], v[3]);
}

static inline __m256i load_bytes(const void *from)
{
    return _mm256_loadu_si256((const __m256i *)from);
}

static inline void store_bytes(void *to, __m256i bytes)
{
    _mm256_storeu_si256((__m256i *)to, bytes);
}

/* The nibbles of 16 bytes: the low ones, then the high ones. */
static inline __m256i get_nibbles(const uint8_t *qs)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)qs);
    __m256i both = _mm256_set_m128i(_mm_srli_epi16(bytes, 4), bytes);
    return _mm256_and_si256(both, _mm256_set1_epi8(15));
}

/* 32 signed bytes as floats, times d, plus m. Adding -0 changes nothing. */
static inline void put_floats(float *out, __m256i bytes, float d, float m)
{
    __m128i halves[2] = {_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1)};
    for (int i = 0; i < 4; i++) {
        __m128i eight = i % 2 ? _mm_srli_si128(halves[i / 2], 8) : halves[i / 2];
        __m256 x = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(eight));
        x = _mm256_add_ps(_mm256_mul_ps(x, _mm256_set1_ps(d)), _mm256_set1_ps(m));
        _mm256_storeu_ps(out + 8 * i, x);
    }
}

/* The largest magnitude of n floats, n a multiple of 8: exact, for NaN above infinity as bits are. */
static inline uint32_t find_magnitude_bits(const float *x, int n)
{
    const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
    __m256i most = _mm256_setzero_si256();
    for (int i = 0; i < n; i += 8) most = _mm256_max_epi32(most, _mm256_and_si256(load_bytes(x + i), magnitude));
    __m128i half = _mm_max_epi32(_mm256_castsi256_si128(most), _mm256_extracti128_si256(most, 1));
    half = _mm_max_epi32(half, _mm_shuffle_epi32(half, 0x4e));
    half = _mm_max_epi32(half, _mm_shuffle_epi32(half, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(half);
}

/* Whether a block of this magnitude is plain: all zero, or finite, far from both ends of the range. */
static inline int is_plain(uint32_t magnitude_bits)
{
    return !magnitude_bits || (magnitude_bits >= 0x0d800000u && magnitude_bits < 0x7e800000u); /* 2^-100 … 2^126 */
}

#endif
