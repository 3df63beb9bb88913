/* kernels/avx2/floats.c - f16 and bf16. F16C does what portable C does but for NaN, which it gives a payload. */
#include "../../quants/common/half.h"
#include "../../quants/float8/float8.h"
#include "avx2.h"
#include <immintrin.h>

static inline __m128i encode_halves(const float *from)
{
    return _mm256_cvtps_ph(_mm256_loadu_ps(from), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

static void encode_f16(const float *in, uint8_t *to, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) ggx_u16_put(to + 2 * i, ggx_f16_encode(in[i]));
}

void ggx_quantize_f16_avx2(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix GGX_UNUSED,
                           void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    uint8_t *to = out;
    uint64_t n = rows * cols, i = 0;
    for (; i + 32 <= n; i += 32) {
        const float *x = in + i;
        __m256 odd = _mm256_or_ps(_mm256_cmp_ps(_mm256_loadu_ps(x), _mm256_loadu_ps(x + 8), _CMP_UNORD_Q),
                                  _mm256_cmp_ps(_mm256_loadu_ps(x + 16), _mm256_loadu_ps(x + 24), _CMP_UNORD_Q));
        if (_mm256_movemask_ps(odd)) {
            encode_f16(x, to + 2 * i, 32);
            continue;
        }
        __m256i first = _mm256_set_m128i(encode_halves(x + 8), encode_halves(x));
        __m256i second = _mm256_set_m128i(encode_halves(x + 24), encode_halves(x + 16));
        _mm256_storeu_si256((__m256i *)(void *)(to + 2 * i), first);
        _mm256_storeu_si256((__m256i *)(void *)(to + 2 * i + 32), second);
    }
    encode_f16(in + i, to + 2 * i, n - i);
}

void ggx_dequantize_f16_avx2(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const uint8_t *from = in;
    uint64_t i = 0;
    for (; i + 8 <= elems; i += 8)
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(from + 2 * i))));
    for (; i < elems; i++) out[i] = ggx_f16_decode(ggx_u16_get(from + 2 * i));
}

/* Eight in the lower halves of int32. */
static inline __m256i encode_bf16(const float *from)
{
    __m256 x = _mm256_loadu_ps(from);
    __m256i bits = _mm256_castps_si256(x), upper = _mm256_srli_epi32(bits, 16);
    __m256i last = _mm256_and_si256(upper, _mm256_set1_epi32(1));
    __m256i sum = _mm256_add_epi32(bits, _mm256_add_epi32(last, _mm256_set1_epi32(0x7fff)));
    __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    return _mm256_blendv_epi8(_mm256_srli_epi32(sum, 16), _mm256_or_si256(upper, _mm256_set1_epi32(64)), nan);
}

void ggx_quantize_bf16_avx2(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix GGX_UNUSED,
                            void *scratch GGX_UNUSED) GGX_NOEXCEPT
{
    uint8_t *to = out;
    uint64_t n = rows * cols, i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256i both = _mm256_packus_epi32(encode_bf16(in + i), encode_bf16(in + i + 8));
        _mm256_storeu_si256((__m256i *)(void *)(to + 2 * i), _mm256_permute4x64_epi64(both, 0xd8));
    }
    for (; i < n; i++) ggx_u16_put(to + 2 * i, ggx_bf16_encode(in[i]));
}

void ggx_dequantize_bf16_avx2(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const uint8_t *from = in;
    uint64_t i = 0;
    for (; i + 8 <= elems; i += 8) {
        __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)(from + 2 * i)));
        _mm256_storeu_ps(out + i, _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16)));
    }
    for (; i < elems; i++) out[i] = ggx_bf16_decode(ggx_u16_get(from + 2 * i));
}

static inline __m256i load_eight(const uint8_t *from)
{
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)from));
}

/* Moved to where an f16 has its exponent, the value is 2^-8 of it, also where it is subnormal. */
void ggx_dequantize_f8_e4m3_avx2(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const uint8_t *from = in;
    uint64_t i = 0;
    for (; i + 8 <= elems; i += 8) {
        __m128i code = _mm_cvtepu8_epi16(_mm_loadl_epi64((const __m128i *)(const void *)(from + i)));
        __m128i magnitude = _mm_and_si128(code, _mm_set1_epi16(0x7f)),
                sign = _mm_andnot_si128(_mm_set1_epi16(0x7f), code);
        __m128i half = _mm_or_si128(_mm_slli_epi16(magnitude, 7), _mm_slli_epi16(sign, 8));
        __m128i nan = _mm_cmpeq_epi16(magnitude, _mm_set1_epi16(0x7f));
        half = _mm_or_si128(half, _mm_and_si128(nan, _mm_set1_epi16(0x7e00)));
        half = _mm_andnot_si128(_mm_and_si128(nan, _mm_set1_epi16(0x1ff)), half); /* the plainest NaN */
        _mm256_storeu_ps(out + i, _mm256_mul_ps(_mm256_cvtph_ps(half), _mm256_set1_ps(256)));
    }
    for (; i < elems; i++) out[i] = ggx_f8_e4m3_decode(from[i]);
}

void ggx_dequantize_f8_e5m2_avx2(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const uint8_t *from = in;
    uint64_t i = 0;
    for (; i + 8 <= elems; i += 8) {
        __m128i code = _mm_cvtepu8_epi16(_mm_loadl_epi64((const __m128i *)(const void *)(from + i)));
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_slli_epi16(code, 8)));
    }
    for (; i < elems; i++) out[i] = ggx_f8_e5m2_decode(from[i]);
}

void ggx_dequantize_f8_e8m0_avx2(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const __m256i least = _mm256_set1_epi32(0x00400000), nan = _mm256_set1_epi32(0x7fc00000);
    const uint8_t *from = in;
    uint64_t i = 0;
    for (; i + 8 <= elems; i += 8) {
        __m256i code = load_eight(from + i), bits = _mm256_slli_epi32(code, 23);
        bits = _mm256_blendv_epi8(bits, least, _mm256_cmpeq_epi32(code, _mm256_setzero_si256()));
        bits = _mm256_blendv_epi8(bits, nan, _mm256_cmpeq_epi32(code, _mm256_set1_epi32(255)));
        _mm256_storeu_ps(out + i, _mm256_castsi256_ps(bits));
    }
    for (; i < elems; i++) out[i] = ggx_f8_e8m0_decode(from[i]);
}
