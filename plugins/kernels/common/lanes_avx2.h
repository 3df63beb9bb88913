/* kernels/common/lanes_avx2.h - vectors of eight, AVX2: one instruction or so a function, one function a line. See lanes.h. */
#ifndef GGX_KERNELS_LANES_AVX2_H
#define GGX_KERNELS_LANES_AVX2_H

#include <immintrin.h>

#define VEC 8
#define VECS 2

typedef __m256 vec;
typedef __m256i ivec;
typedef __m256 vmask; /* all bits or none */

/* clang-format off */
static inline vec v_set(float x) { return _mm256_set1_ps(x); }
static inline vec v_load(const float *from) { return _mm256_loadu_ps(from); }
static inline void v_store(float *to, vec x) { _mm256_storeu_ps(to, x); }
/* Keeps a vector in a register, where the compiler would load it again for each use. */
static inline vec v_hold(vec x) { __asm__("" : "+x"(x)); return x; }
static inline vec v_add(vec a, vec b) { return _mm256_add_ps(a, b); }
static inline vec v_sub(vec a, vec b) { return _mm256_sub_ps(a, b); }
static inline vec v_mul(vec a, vec b) { return _mm256_mul_ps(a, b); }
static inline vec v_div(vec a, vec b) { return _mm256_div_ps(a, b); }
static inline vec v_sqrt(vec x) { return _mm256_sqrt_ps(x); }
/* a < b ? a : b and a > b ? a : b */
static inline vec v_min(vec a, vec b) { return _mm256_min_ps(a, b); }
static inline vec v_max(vec a, vec b) { return _mm256_max_ps(a, b); }
static inline vec v_abs(vec x) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x); }
static inline vec v_neg(vec x) { return _mm256_xor_ps(_mm256_set1_ps(-0.0f), x); }
static inline vec v_sign(vec x) { return _mm256_and_ps(_mm256_set1_ps(-0.0f), x); }
static inline vec v_flip(vec x, vec sign) { return _mm256_xor_ps(x, sign); }
static inline vec v_round(vec x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline vec v_from_i(ivec v) { return _mm256_cvtepi32_ps(v); }
static inline ivec v_to_i(vec x) { return _mm256_cvttps_epi32(x); }
static inline ivec v_bits(vec x) { return _mm256_castps_si256(x); }
static inline vec v_from_bits(ivec v) { return _mm256_castsi256_ps(v); }

static inline vmask v_lt(vec a, vec b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
static inline vmask v_le(vec a, vec b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
static inline vmask v_eq(vec a, vec b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
static inline vec v_pick(vmask m, vec yes, vec no) { return _mm256_blendv_ps(no, yes, m); }
static inline vec v_keep(vmask m, vec x) { return _mm256_and_ps(m, x); }

static inline ivec iv_set(int32_t v) { return _mm256_set1_epi32(v); }
static inline void iv_store(int32_t *to, ivec v) { _mm256_storeu_si256((__m256i *)(void *)to, v); }
static inline ivec iv_add(ivec a, ivec b) { return _mm256_add_epi32(a, b); }
static inline ivec iv_sub(ivec a, ivec b) { return _mm256_sub_epi32(a, b); }
static inline ivec iv_and(ivec a, ivec b) { return _mm256_and_si256(a, b); }
static inline ivec iv_or(ivec a, ivec b) { return _mm256_or_si256(a, b); }
static inline ivec iv_min(ivec a, ivec b) { return _mm256_min_epi32(a, b); }
static inline ivec iv_max(ivec a, ivec b) { return _mm256_max_epi32(a, b); }
static inline ivec iv_shl(ivec v, int bits) { return _mm256_slli_epi32(v, bits); }
static inline ivec iv_pick(vmask m, ivec yes, ivec no) { return v_bits(v_pick(m, v_from_bits(yes), v_from_bits(no))); }
static inline vmask iv_eq(ivec a, ivec b) { return v_from_bits(_mm256_cmpeq_epi32(a, b)); }

static inline vmask vm_none(void) { return _mm256_setzero_ps(); }
static inline vmask vm_and(vmask a, vmask b) { return _mm256_and_ps(a, b); }
static inline vmask vm_or(vmask a, vmask b) { return _mm256_or_ps(a, b); }
static inline vmask vm_not(vmask a) { return _mm256_xor_ps(a, v_from_bits(_mm256_set1_epi32(-1))); }
/* Bit k: element k. */
static inline uint32_t vm_bits(vmask m) { return (uint32_t)_mm256_movemask_ps(m); }

/* Before a kernel returns: upper halves that are left in use slow down what comes after, and gcc 12 forgets it at times. */
static inline void v_leave(void) { _mm256_zeroupper(); }

/* clang-format on */

/* t[i] element k becomes t[k] element i. */
static inline void v_transpose(vec *t)
{
    vec a[8], b[8];
    for (int i = 0; i < 8; i += 2) {
        a[i] = _mm256_unpacklo_ps(t[i], t[i + 1]);
        a[i + 1] = _mm256_unpackhi_ps(t[i], t[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        b[i] = _mm256_shuffle_ps(a[i], a[i + 2], 0x44);
        b[i + 1] = _mm256_shuffle_ps(a[i], a[i + 2], 0xee);
        b[i + 2] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0x44);
        b[i + 3] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0xee);
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x20);
        t[i + 4] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x31);
    }
}

/* Of eight values the one at each index 0 … 7. */
static inline vec v_look8(const float *values, ivec index)
{
    return _mm256_permutevar8x32_ps(v_load(values), index);
}

/* Of sixteen values the one at each index 0 … 15. */
static inline vec v_look16(const float *values, ivec index)
{
    vec low = _mm256_permutevar8x32_ps(v_load(values), index);
    vec high = _mm256_permutevar8x32_ps(v_load(values + 8), index);
    return v_pick(v_from_bits(_mm256_slli_epi32(index, 28)), high, low);
}

#endif
