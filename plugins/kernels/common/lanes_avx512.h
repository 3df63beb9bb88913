/* kernels/common/lanes_avx512.h - vectors of sixteen, AVX-512 F, BW, VL and DQ: one instruction or so a function, one function a line. See lanes.h. */
#ifndef GGX_KERNELS_LANES_AVX512_H
#define GGX_KERNELS_LANES_AVX512_H

#include <immintrin.h>

#define VEC 16
#define VECS 1

typedef __m512 vec;
typedef __m512i ivec;
typedef __mmask16 vmask;

/* clang-format off */
static inline vec v_set(float x) { return _mm512_set1_ps(x); }
static inline vec v_load(const float *from) { return _mm512_loadu_ps(from); }
static inline void v_store(float *to, vec x) { _mm512_storeu_ps(to, x); }
/* Keeps a vector in a register, where the compiler would load it again for each use. */
static inline vec v_hold(vec x) { __asm__("" : "+v"(x)); return x; }
static inline vec v_add(vec a, vec b) { return _mm512_add_ps(a, b); }
static inline vec v_sub(vec a, vec b) { return _mm512_sub_ps(a, b); }
static inline vec v_mul(vec a, vec b) { return _mm512_mul_ps(a, b); }
static inline vec v_div(vec a, vec b) { return _mm512_div_ps(a, b); }
static inline vec v_sqrt(vec x) { return _mm512_sqrt_ps(x); }
/* a < b ? a : b and a > b ? a : b */
static inline vec v_min(vec a, vec b) { return _mm512_min_ps(a, b); }
static inline vec v_max(vec a, vec b) { return _mm512_max_ps(a, b); }
static inline vec v_abs(vec x) { return _mm512_abs_ps(x); }
static inline vec v_neg(vec x) { return _mm512_xor_ps(_mm512_set1_ps(-0.0f), x); }
static inline vec v_sign(vec x) { return _mm512_and_ps(_mm512_set1_ps(-0.0f), x); }
static inline vec v_flip(vec x, vec sign) { return _mm512_xor_ps(x, sign); }
static inline vec v_round(vec x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline vec v_from_i(ivec v) { return _mm512_cvtepi32_ps(v); }
static inline ivec v_to_i(vec x) { return _mm512_cvttps_epi32(x); }
static inline ivec v_bits(vec x) { return _mm512_castps_si512(x); }
static inline vec v_from_bits(ivec v) { return _mm512_castsi512_ps(v); }

static inline vmask v_lt(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
static inline vmask v_le(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
static inline vmask v_eq(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
static inline vec v_pick(vmask m, vec yes, vec no) { return _mm512_mask_blend_ps(m, no, yes); }
static inline vec v_keep(vmask m, vec x) { return _mm512_maskz_mov_ps(m, x); }

static inline ivec iv_set(int32_t v) { return _mm512_set1_epi32(v); }
static inline void iv_store(int32_t *to, ivec v) { _mm512_storeu_si512(to, v); }
static inline ivec iv_add(ivec a, ivec b) { return _mm512_add_epi32(a, b); }
static inline ivec iv_sub(ivec a, ivec b) { return _mm512_sub_epi32(a, b); }
static inline ivec iv_and(ivec a, ivec b) { return _mm512_and_si512(a, b); }
static inline ivec iv_or(ivec a, ivec b) { return _mm512_or_si512(a, b); }
static inline ivec iv_min(ivec a, ivec b) { return _mm512_min_epi32(a, b); }
static inline ivec iv_max(ivec a, ivec b) { return _mm512_max_epi32(a, b); }
static inline ivec iv_shl(ivec v, int bits) { return _mm512_slli_epi32(v, (unsigned)bits); }
static inline ivec iv_pick(vmask m, ivec yes, ivec no) { return _mm512_mask_blend_epi32(m, no, yes); }
static inline vmask iv_eq(ivec a, ivec b) { return _mm512_cmpeq_epi32_mask(a, b); }

static inline vmask vm_none(void) { return 0; }
static inline vmask vm_and(vmask a, vmask b) { return _kand_mask16(a, b); }
static inline vmask vm_or(vmask a, vmask b) { return _kor_mask16(a, b); }
static inline vmask vm_not(vmask a) { return _knot_mask16(a); }
/* Bit k: element k. */
static inline uint32_t vm_bits(vmask m) { return m; }

/* Before a kernel returns: upper halves that are left in use slow down what comes after, and gcc 12 forgets it at times. */
static inline void v_leave(void) { _mm256_zeroupper(); }

/* clang-format on */

/* t[i] element k becomes t[k] element i. */
static inline void v_transpose(vec *t)
{
    vec a[16], b[16];
    for (int i = 0; i < 16; i += 2) {
        a[i] = _mm512_unpacklo_ps(t[i], t[i + 1]);
        a[i + 1] = _mm512_unpackhi_ps(t[i], t[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        b[i] = _mm512_shuffle_ps(a[i], a[i + 2], 0x44);
        b[i + 1] = _mm512_shuffle_ps(a[i], a[i + 2], 0xee);
        b[i + 2] = _mm512_shuffle_ps(a[i + 1], a[i + 3], 0x44);
        b[i + 3] = _mm512_shuffle_ps(a[i + 1], a[i + 3], 0xee);
    }
    for (int i = 0; i < 4; i++) { /* quarters of a register, from four rows of four */
        a[i] = _mm512_shuffle_f32x4(b[i], b[i + 4], 0x88);
        a[i + 4] = _mm512_shuffle_f32x4(b[i], b[i + 4], 0xdd);
        a[i + 8] = _mm512_shuffle_f32x4(b[i + 8], b[i + 12], 0x88);
        a[i + 12] = _mm512_shuffle_f32x4(b[i + 8], b[i + 12], 0xdd);
    }
    for (int i = 0; i < 8; i++) {
        t[i] = _mm512_shuffle_f32x4(a[i], a[i + 8], 0x88);
        t[i + 8] = _mm512_shuffle_f32x4(a[i], a[i + 8], 0xdd);
    }
}

/* Of eight values the one at each index 0 … 7. */
static inline vec v_look8(const float *values, ivec index)
{
    return _mm512_permutexvar_ps(index, _mm512_castps256_ps512(_mm256_loadu_ps(values)));
}

/* Of sixteen values the one at each index 0 … 15. */
static inline vec v_look16(const float *values, ivec index)
{
    return _mm512_permutexvar_ps(index, v_load(values));
}

#endif
