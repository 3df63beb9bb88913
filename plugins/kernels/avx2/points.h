/* kernels/avx2/points.h - groups of levels as numbers, and the search among near points eight at a time. Header-only.
 *
 * What an element adds to a point's error depends on its level there alone, so the few terms there can be are made once, and each point
 * looks its own up. */
#ifndef GGX_KERNELS_AVX2_POINTS_H
#define GGX_KERNELS_AVX2_POINTS_H

#include "bytes.h"
#include <float.h>

/* The number of the group among all groups of levels, as the lattice counts them. */
static inline uint32_t number_group(__m256i levels, int dims)
{
    const __m128i threes = _mm_setr_epi16(2187, 729, 243, 81, 27, 9, 3, 1);
    const __m128i eights = _mm_setr_epi16(512, 64, 8, 1, 0, 0, 0, 0);
    __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(levels), _mm256_extracti128_si256(levels, 1));
    __m128i sum = _mm_madd_epi16(words, dims == 8 ? threes : eights);
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
    return (uint32_t)_mm_cvtsi128_si32(_mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1)));
}

/* Place in the list of the least of the errors kept in eight columns, the first of equal ones. */
static inline int find_least(__m256 errors, __m256i places)
{
    __m256 least = _mm256_min_ps(errors, _mm256_permute2f128_ps(errors, errors, 1));
    least = _mm256_min_ps(least, _mm256_permute_ps(least, 0x4e));
    least = _mm256_min_ps(least, _mm256_permute_ps(least, 0xb1));
    __m256i equal = _mm256_castps_si256(_mm256_cmp_ps(errors, least, _CMP_EQ_OQ));
    places = _mm256_blendv_epi8(_mm256_set1_epi32(INT32_MAX), places, equal);
    __m128i first = _mm_min_epi32(_mm256_castsi256_si128(places), _mm256_extracti128_si256(places, 1));
    first = _mm_min_epi32(first, _mm_shuffle_epi32(first, 0x4e));
    return _mm_cvtsi128_si32(_mm_min_epi32(first, _mm_shuffle_epi32(first, 0xb1)));
}

/* The code of the near point that errs least; `values` are what the levels stand for. `dims` and the bits of a level are constants
 * here: 8 and 2, or 4 and 3. A level's index into its eight terms is the low three bits, so with two bits the terms are there twice. */
static inline uint16_t pick_point(const uint16_t *near, const float *x, const float *weights, float scale,
                                  __m256 values, int dims)
{
    const int bits = dims == 8 ? 2 : 3;
    __m256 terms[8], scaled = _mm256_mul_ps(_mm256_set1_ps(scale), values), least = _mm256_set1_ps(FLT_MAX);
    __m256i places = _mm256_setzero_si256(), here = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    for (int i = 0; i < dims; i++) {
        __m256 d = _mm256_sub_ps(scaled, _mm256_broadcast_ss(&x[i]));
        terms[i] = _mm256_mul_ps(_mm256_mul_ps(_mm256_broadcast_ss(&weights[i]), d), d);
    }
    int count = near[0];
    for (int n = 0; n < count; n += 8, here = _mm256_add_epi32(here, _mm256_set1_epi32(8))) {
        __m256i codes = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)(near + 1 + n)));
        __m256 error = _mm256_setzero_ps();
        for (int i = 0; i < dims; i++)
            error = _mm256_add_ps(error, _mm256_permutevar8x32_ps(terms[i], _mm256_srli_epi32(codes, i * bits)));
        __m256 wins = _mm256_cmp_ps(error, least, _CMP_LT_OQ);
        wins = _mm256_and_ps(wins, _mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32(count), here)));
        least = _mm256_blendv_ps(least, error, wins);
        places = _mm256_blendv_epi8(places, here, _mm256_castps_si256(wins));
    }
    return near[1 + find_least(least, places)];
}

static inline __m256i unpack_code(uint16_t code, int dims)
{
    const __m256i shifts =
        dims == 8 ? _mm256_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14) : _mm256_setr_epi32(0, 3, 6, 9, 12, 12, 12, 12);
    return _mm256_and_si256(_mm256_srlv_epi32(_mm256_set1_epi32(code), shifts), _mm256_set1_epi32(dims == 8 ? 3 : 7));
}

static inline void put_levels(uint8_t *to, __m256i levels, int dims)
{
    __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(levels), _mm256_extracti128_si256(levels, 1));
    __m128i bytes = _mm_packus_epi16(words, words);
    if (dims == 8)
        _mm_storel_epi64((__m128i *)(void *)to, bytes);
    else
        _mm_storeu_si32(to, bytes);
}

#endif
