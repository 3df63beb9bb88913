/* kernels/avx2/unpack.c - blocks of 32 to floats. */
#include "../../quants/legacy/blocks.h"
#include "avx2.h"
#include <immintrin.h>

/* The nibbles of 16 bytes: the low ones, then the high ones. */
static inline __m256i get_nibbles(const uint8_t *qs)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)qs);
    __m256i both = _mm256_set_m128i(_mm_srli_epi16(bytes, 4), bytes);
    return _mm256_and_si256(both, _mm256_set1_epi8(15));
}

/* 16 in each byte whose bit is set. */
static inline __m256i get_fifth_bits(const uint8_t *qh)
{
    const __m256i spread = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i bits = _mm256_set1_epi64x((long long)0x8040201008040201u);
    __m256i bytes = _mm256_shuffle_epi8(_mm256_set1_epi32((int)ggx_u32_get(qh)), spread);
    __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bits), bits);
    return _mm256_and_si256(set, _mm256_set1_epi8(16));
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

#define DEQUANTIZE(type, bytes, m)                                                             \
    void ggx_dequantize_##type##_avx2(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT \
    {                                                                                          \
        const block_##type *from = in;                                                         \
        for (uint64_t b = 0; b < elems / BLOCK; b++, from++, out += BLOCK)                     \
            put_floats(out, bytes, _cvtsh_ss(ggx_u16_get(from->d)), m);                        \
    }
#define MINUS(n) _mm256_set1_epi8((char)(-(n)))
DEQUANTIZE(q4_0, _mm256_add_epi8(get_nibbles(from->qs), MINUS(8)), -0.0f)
DEQUANTIZE(q4_1, get_nibbles(from->qs), _cvtsh_ss(ggx_u16_get(from->m)))
DEQUANTIZE(q5_0, _mm256_add_epi8(_mm256_or_si256(get_nibbles(from->qs), get_fifth_bits(from->qh)), MINUS(16)), -0.0f)
DEQUANTIZE(q5_1, _mm256_or_si256(get_nibbles(from->qs), get_fifth_bits(from->qh)), _cvtsh_ss(ggx_u16_get(from->m)))
DEQUANTIZE(q8_0, _mm256_loadu_si256((const __m256i *)(const void *)from->qs), -0.0f)
