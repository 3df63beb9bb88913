/* kernels/common/lanes.h - a few floats side by side: LANES of them in a `lanes`, as many int32 in an `ilanes`, yes or no for each in a
 * `mask`.
 *
 * What lanes are for: the searches over one sub-block do not depend on the next, so each lane takes a sub-block and does to it what
 * portable C does, operation for operation in the same order. Each function here is one IEEE 754 operation, so the bytes stay those of
 * portable C. Nothing is fused, nothing is approximated, comparisons with NaN are false. A kernel written in these words is compiled
 * once for each instruction set, by the plugin that is for it.
 *
 * The searches are chains of additions that wait for each other. So lanes are two vectors (VECS) where one alone would leave the CPU
 * waiting. */
#ifndef GGX_KERNELS_LANES_H
#define GGX_KERNELS_LANES_H

#include <ggx/base.h>
#include <stdint.h>

#if defined(__AVX512F__)
#include "lanes_avx512.h"
#elif defined(__AVX2__)
#include "lanes_avx2.h"
#elif defined(__ARM_NEON)
#include "lanes_neon.h"
#else
#error "lanes.h: no instruction set that it knows"
#endif

#define LANES (VEC * VECS)
#define LANES_ALL ((uint32_t)((1ull << LANES) - 1))

/* clang-format off */
#if VECS == 2
typedef struct lanes {
    vec a, b;
} lanes;
typedef struct ilanes {
    ivec a, b;
} ilanes;
typedef struct mask {
    vmask a, b;
} mask;
#define ALL(f, x)  \
    {              \
        f(x), f(x) \
    }
#define EACH(f, x)     \
    {                  \
        f(x.a), f(x.b) \
    }
#define EACH2(f, x, y)           \
    {                            \
        f(x.a, y.a), f(x.b, y.b) \
    }
#define EACH3(f, x, y, z)                  \
    {                                      \
        f(x.a, y.a, z.a), f(x.b, y.b, z.b) \
    }
#else
typedef struct lanes {
    vec a;
} lanes;
typedef struct ilanes {
    ivec a;
} ilanes;
typedef struct mask {
    vmask a;
} mask;
#define ALL(f, x) \
    {             \
        f(x)      \
    }
#define EACH(f, x) \
    {              \
        f(x.a)     \
    }
#define EACH2(f, x, y) \
    {                  \
        f(x.a, y.a)    \
    }
#define EACH3(f, x, y, z) \
    {                     \
        f(x.a, y.a, z.a)  \
    }
#endif

static inline lanes f_set(float x) { return (lanes)ALL(v_set, x); }
static inline lanes f_add(lanes x, lanes y) { return (lanes)EACH2(v_add, x, y); }
static inline lanes f_sub(lanes x, lanes y) { return (lanes)EACH2(v_sub, x, y); }
static inline lanes f_mul(lanes x, lanes y) { return (lanes)EACH2(v_mul, x, y); }
static inline lanes f_div(lanes x, lanes y) { return (lanes)EACH2(v_div, x, y); }
static inline lanes f_sqrt(lanes x) { return (lanes)EACH(v_sqrt, x); }
/* x < y ? x : y and x > y ? x : y */
static inline lanes f_min(lanes x, lanes y) { return (lanes)EACH2(v_min, x, y); }
static inline lanes f_max(lanes x, lanes y) { return (lanes)EACH2(v_max, x, y); }
static inline lanes f_abs(lanes x) { return (lanes)EACH(v_abs, x); }
static inline lanes f_neg(lanes x) { return (lanes)EACH(v_neg, x); }
static inline lanes f_round(lanes x) { return (lanes)EACH(v_round, x); } /* to nearest even */
static inline lanes f_from_i(ilanes x) { return (lanes)EACH(v_from_i, x); }
static inline ilanes f_to_i(lanes x) { return (ilanes)EACH(v_to_i, x); } /* toward zero */
static inline ilanes f_bits(lanes x) { return (ilanes)EACH(v_bits, x); }
static inline lanes f_sign(lanes x) { return (lanes)EACH(v_sign, x); } /* the sign bit alone */
static inline lanes f_flip(lanes x, lanes sign) { return (lanes)EACH2(v_flip, x, sign); } /* x with a minus where there is a sign */

static inline mask f_lt(lanes x, lanes y) { return (mask)EACH2(v_lt, x, y); }
static inline mask f_le(lanes x, lanes y) { return (mask)EACH2(v_le, x, y); }
static inline mask f_eq(lanes x, lanes y) { return (mask)EACH2(v_eq, x, y); }
static inline lanes f_pick(mask m, lanes yes, lanes no) { return (lanes)EACH3(v_pick, m, yes, no); }
static inline lanes f_keep(mask m, lanes x) { return (lanes)EACH2(v_keep, m, x); } /* m ? x : 0 */

static inline ilanes i_set(int32_t x) { return (ilanes)ALL(iv_set, x); }
static inline ilanes i_add(ilanes x, ilanes y) { return (ilanes)EACH2(iv_add, x, y); }
static inline ilanes i_sub(ilanes x, ilanes y) { return (ilanes)EACH2(iv_sub, x, y); }
static inline ilanes i_and(ilanes x, ilanes y) { return (ilanes)EACH2(iv_and, x, y); }
static inline ilanes i_or(ilanes x, ilanes y) { return (ilanes)EACH2(iv_or, x, y); }
static inline ilanes i_min(ilanes x, ilanes y) { return (ilanes)EACH2(iv_min, x, y); }
static inline ilanes i_max(ilanes x, ilanes y) { return (ilanes)EACH2(iv_max, x, y); }
static inline mask i_eq(ilanes x, ilanes y) { return (mask)EACH2(iv_eq, x, y); }
static inline ilanes i_pick(mask m, ilanes yes, ilanes no) { return (ilanes)EACH3(iv_pick, m, yes, no); }

static inline mask m_and(mask x, mask y) { return (mask)EACH2(vm_and, x, y); }
static inline mask m_or(mask x, mask y) { return (mask)EACH2(vm_or, x, y); }
static inline mask m_not(mask x) { return (mask)EACH(vm_not, x); }

/* Vector v of the lanes. */
static inline vec f_part(const lanes *x, int v) { return v_load((const float *)(const void *)x + v * VEC); }
static inline void f_put_part(lanes *x, int v, vec part) { v_store((float *)(void *)x + v * VEC, part); }

#if VECS == 2
static inline lanes f_load(const float *from) { return (lanes){v_load(from), v_load(from + VEC)}; }
static inline void f_store(float *to, lanes x) { v_store(to, x.a); v_store(to + VEC, x.b); }
static inline void i_store(int32_t *to, ilanes x) { iv_store(to, x.a); iv_store(to + VEC, x.b); }
static inline ilanes i_shl(ilanes x, int bits) { return (ilanes){iv_shl(x.a, bits), iv_shl(x.b, bits)}; }
static inline mask m_none(void) { return (mask){vm_none(), vm_none()}; }
/* Bit k: lane k. */
static inline uint32_t m_bits(mask x) { return vm_bits(x.a) | vm_bits(x.b) << VEC; }
static inline lanes f_look8(const float *values, ilanes at) { return (lanes){v_look8(values, at.a), v_look8(values, at.b)}; }
static inline lanes f_look16(const float *values, ilanes at) { return (lanes){v_look16(values, at.a), v_look16(values, at.b)}; }
#else
static inline lanes f_load(const float *from) { return (lanes){v_load(from)}; }
static inline void f_store(float *to, lanes x) { v_store(to, x.a); }
static inline void i_store(int32_t *to, ilanes x) { iv_store(to, x.a); }
static inline ilanes i_shl(ilanes x, int bits) { return (ilanes){iv_shl(x.a, bits)}; }
static inline mask m_none(void) { return (mask){vm_none()}; }
/* Bit k: lane k. */
static inline uint32_t m_bits(mask x) { return vm_bits(x.a); }
static inline lanes f_look8(const float *values, ilanes at) { return (lanes){v_look8(values, at.a)}; }
static inline lanes f_look16(const float *values, ilanes at) { return (lanes){v_look16(values, at.a)}; }
#endif
/* clang-format on */

static inline lanes f_zero(void)
{
    return f_set(0);
}

/* To nearest even, as ggx_i32_round has it for every bit pattern. */
static inline ilanes f_round_i(lanes x)
{
    return i_sub(i_and(f_bits(f_add(x, f_set(12582912.0f))), i_set(0x007fffff)), i_set(0x00400000));
}

static inline ilanes i_clamp(ilanes v, int32_t low, int32_t high)
{
    return i_min(i_max(v, i_set(low)), i_set(high));
}

/* low <= x <= high for a whole number; a NaN becomes low. */
static inline lanes f_clamp(lanes x, float low, float high)
{
    return f_min(f_max(x, f_set(low)), f_set(high));
}

/* |x| below this is rounded alike by f_round and ggx_i32_round. */
#define LANES_ROUNDABLE 4194304.0f

static inline mask f_roundable(lanes x)
{
    return f_lt(f_abs(x), f_set(LANES_ROUNDABLE));
}

/* LANES runs of `n` floats (a multiple of VEC) become n lanes: to[i] holds element i of every run. */
static inline void lanes_gather(const float *const *runs, int n, lanes *to)
{
    vec tile[VEC];
    for (int i = 0; i < n; i += VEC) {
        for (int k = 0; k < VEC; k++) tile[k] = v_load(runs[k] + i);
        v_transpose(tile);
        for (int k = 0; k < VEC; k++) to[i + k].a = tile[k];
#if VECS == 2
        for (int k = 0; k < VEC; k++) tile[k] = v_load(runs[VEC + k] + i);
        v_transpose(tile);
        for (int k = 0; k < VEC; k++) to[i + k].b = tile[k];
#endif
    }
}

#endif
