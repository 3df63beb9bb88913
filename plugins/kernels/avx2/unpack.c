/* kernels/avx2/unpack.c - blocks to floats. */
#include "../../quants/fp4/scales.h"
#include "../../quants/legacy/blocks.h"
#include "../../quants/low/blocks.h"
#include "avx2.h"
#include "bytes.h"

/* 16 in each byte whose bit is set. */
static inline __m256i get_fifth_bits(const uint8_t *qh)
{
    const __m256i spread = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i bits = _mm256_set1_epi64x((long long)0x8040201008040201u);
    __m256i bytes = _mm256_shuffle_epi8(_mm256_set1_epi32((int)ggx_u32_get(qh)), spread);
    __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bits), bits);
    return _mm256_and_si256(set, _mm256_set1_epi8(16));
}

/* The signed byte for each nibble. */
static inline __m256i look_up(const int8_t *values, __m256i nibbles)
{
    __m128i table = _mm_loadu_si128((const __m128i *)(const void *)values);
    return _mm256_shuffle_epi8(_mm256_set_m128i(table, table), nibbles);
}

#define DEQUANTIZE(type, bytes, m)                                                             \
    void ggx_dequantize_##type##_avx2(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT \
    {                                                                                          \
        const block_##type *from = in;                                                         \
        for (uint64_t b = 0; b < elems / BLOCK; b++, from++, out += BLOCK)                     \
            put_floats(out, bytes, ggx_scale_get(from->d), m);                                 \
    }
#define MINUS(n) _mm256_set1_epi8((char)(-(n)))
DEQUANTIZE(q4_0, _mm256_add_epi8(get_nibbles(from->qs), MINUS(8)), -0.0f)
DEQUANTIZE(q4_1, get_nibbles(from->qs), ggx_scale_get(from->m))
DEQUANTIZE(q5_0, _mm256_add_epi8(_mm256_or_si256(get_nibbles(from->qs), get_fifth_bits(from->qh)), MINUS(16)), -0.0f)
DEQUANTIZE(q5_1, _mm256_or_si256(get_nibbles(from->qs), get_fifth_bits(from->qh)), ggx_scale_get(from->m))
DEQUANTIZE(q8_0, _mm256_loadu_si256((const __m256i *)(const void *)from->qs), -0.0f)

/* from ggml's ggml-common.h (MIT) */
static const int8_t curve[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

void ggx_dequantize_iq4_nl_avx2(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const block_q4_0 *from = in; /* the same layout */
    for (uint64_t b = 0; b < elems / BLOCK; b++, from++, out += BLOCK)
        put_floats(out, look_up(curve, get_nibbles(from->qs)), ggx_scale_get(from->d), -0.0f);
}

/* 136 bytes for 256 elements: f16 scale, upper two and lower four bits of the codes of eight scales, nibbles. */
void ggx_dequantize_iq4_xs_avx2(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const uint8_t *from = in;
    for (uint64_t b = 0; b < elems / 256; b++, from += 136) {
        float d = ggx_scale_get(from);
        uint32_t high = ggx_u16_get(from + 2), low = ggx_u32_get(from + 4);
        for (int s = 0; s < 8; s++, out += BLOCK) {
            int32_t code = (int32_t)((low >> (4 * s) & 15) | (high >> (2 * s) & 3) << 4) - 32;
            put_floats(out, look_up(curve, get_nibbles(from + 8 + 16 * s)), d * (float)code, -0.0f);
        }
    }
}

void ggx_dequantize_mxfp4_avx2(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const block_mxfp4 *from = in;
    for (uint64_t b = 0; b < elems / BLOCK_MX; b++, from++, out += BLOCK_MX)
        put_floats(out, look_up(e2m1_values, get_nibbles(from->qs)), decode_e8m0_half(from->e), -0.0f);
}

void ggx_dequantize_nvfp4_avx2(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const block_nvfp4 *from = in;
    for (uint64_t b = 0; b < elems / BLOCK_NV; b++, from++, out += BLOCK_NV)
        for (int s = 0; s < BLOCK_NV / SUB_NV; s += 2) { /* low nibbles of two sub-blocks, then their high ones */
            __m256i values = look_up(e2m1_values, get_nibbles(from->qs + s * SUB_NV / 2));
            values = _mm256_permute4x64_epi64(values, 0xd8);
            float floats[2 * SUB_NV];
            put_floats(floats, values, 1, -0.0f);
            for (int i = 0; i < 2 * SUB_NV; i += 8) {
                __m256 d = _mm256_set1_ps(decode_e4m3_half(from->d[s + i / SUB_NV]));
                _mm256_storeu_ps(out + s * SUB_NV + i, _mm256_mul_ps(_mm256_loadu_ps(floats + i), d));
            }
        }
}

#define TERNARY 256

typedef struct block_tq2_0 {
    uint8_t qs[TERNARY / 4]; /* two bits an element, every 32nd in a byte */
    uint8_t d[2];            /* f16 scale */
} block_tq2_0;
GGX_STATIC_ASSERT(sizeof(block_tq2_0) == 66, "tq2_0: 66 bytes for 256 elements");

void ggx_dequantize_tq2_0_avx2(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const block_tq2_0 *from = in;
    for (uint64_t b = 0; b < elems / TERNARY; b++, from++)
        for (int half = 0; half < 2; half++) {
            __m256i bytes = load_bytes(from->qs + 32 * half);
            for (int k = 0; k < 4; k++, bytes = _mm256_srli_epi16(bytes, 2), out += 32) {
                __m256i levels = _mm256_and_si256(bytes, _mm256_set1_epi8(3));
                put_floats(out, _mm256_add_epi8(levels, MINUS(1)), ggx_scale_get(from->d), -0.0f);
            }
        }
}

void ggx_dequantize_q1_0_avx2(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const __m256i bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    const block_q1_0 *from = in;
    for (uint64_t b = 0; b < elems / BLOCK_Q1; b++, from++) {
        __m256 d = _mm256_set1_ps(ggx_scale_get(from->d));
        for (int i = 0; i < BLOCK_Q1 / 8; i++, out += 8) {
            __m256i clear = _mm256_andnot_si256(_mm256_set1_epi32(from->qs[i]), bits);
            __m256i minus = _mm256_slli_epi32(_mm256_cmpeq_epi32(clear, bits), 31);
            _mm256_storeu_ps(out, _mm256_xor_ps(d, _mm256_castsi256_ps(minus)));
        }
    }
}

void ggx_dequantize_q2_0_avx2(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const block_q2_0 *from = in;
    for (uint64_t b = 0; b < elems / BLOCK_Q2; b++, from++)
        for (int i = 0; i < BLOCK_Q2 / 4; i += 8, out += 32) {
            /* four elements of a byte to the low bits of four bytes */
            __m256i v = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(from->qs + i)));
            v = _mm256_or_si256(v, _mm256_slli_epi32(v, 6));
            v = _mm256_or_si256(v, _mm256_slli_epi32(v, 12));
            v = _mm256_and_si256(v, _mm256_set1_epi8(3));
            put_floats(out, _mm256_add_epi8(v, MINUS(1)), ggx_scale_get(from->d), -0.0f);
        }
}
