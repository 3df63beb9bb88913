/* kernels/common/lanes_neon.h - vectors of four, NEON on AArch64: one instruction or so a function, one function a line. See lanes.h. */
#ifndef GGX_KERNELS_LANES_NEON_H
#define GGX_KERNELS_LANES_NEON_H

#include <arm_neon.h>

#define VEC 4
#define VECS 2

typedef float32x4_t vec;
typedef int32x4_t ivec;
typedef uint32x4_t vmask; /* all bits or none */

/* clang-format off */
static inline vec v_set(float x) { return vdupq_n_f32(x); }
static inline vec v_load(const float *from) { return vld1q_f32(from); }
static inline void v_store(float *to, vec x) { vst1q_f32(to, x); }
/* Keeps a vector in a register, where the compiler would load it again for each use. */
static inline vec v_hold(vec x) { __asm__("" : "+w"(x)); return x; }
static inline vec v_add(vec a, vec b) { return vaddq_f32(a, b); }
static inline vec v_sub(vec a, vec b) { return vsubq_f32(a, b); }
static inline vec v_mul(vec a, vec b) { return vmulq_f32(a, b); }
static inline vec v_div(vec a, vec b) { return vdivq_f32(a, b); }
static inline vec v_sqrt(vec x) { return vsqrtq_f32(x); }
/* a < b ? a : b and a > b ? a : b, which FMIN and FMAX are not for NaN and zeros */
static inline vec v_min(vec a, vec b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
static inline vec v_max(vec a, vec b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
static inline vec v_abs(vec x) { return vabsq_f32(x); }
static inline vec v_neg(vec x) { return vnegq_f32(x); }
static inline vec v_sign(vec x) { return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(x), vdupq_n_u32(0x80000000u))); }
static inline vec v_flip(vec x, vec sign) { return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(x), vreinterpretq_u32_f32(sign))); }
static inline vec v_round(vec x) { return vrndnq_f32(x); }
static inline vec v_from_i(ivec v) { return vcvtq_f32_s32(v); }
static inline ivec v_to_i(vec x) { return vcvtq_s32_f32(x); }
static inline ivec v_bits(vec x) { return vreinterpretq_s32_f32(x); }
static inline vec v_from_bits(ivec v) { return vreinterpretq_f32_s32(v); }

static inline vmask v_lt(vec a, vec b) { return vcltq_f32(a, b); }
static inline vmask v_le(vec a, vec b) { return vcleq_f32(a, b); }
static inline vmask v_eq(vec a, vec b) { return vceqq_f32(a, b); }
static inline vec v_pick(vmask m, vec yes, vec no) { return vbslq_f32(m, yes, no); }
static inline vec v_keep(vmask m, vec x) { return vreinterpretq_f32_u32(vandq_u32(m, vreinterpretq_u32_f32(x))); }

static inline ivec iv_set(int32_t v) { return vdupq_n_s32(v); }
static inline void iv_store(int32_t *to, ivec v) { vst1q_s32(to, v); }
static inline ivec iv_add(ivec a, ivec b) { return vaddq_s32(a, b); }
static inline ivec iv_sub(ivec a, ivec b) { return vsubq_s32(a, b); }
static inline ivec iv_and(ivec a, ivec b) { return vandq_s32(a, b); }
static inline ivec iv_or(ivec a, ivec b) { return vorrq_s32(a, b); }
static inline ivec iv_min(ivec a, ivec b) { return vminq_s32(a, b); }
static inline ivec iv_max(ivec a, ivec b) { return vmaxq_s32(a, b); }
static inline ivec iv_shl(ivec v, int bits) { return vshlq_s32(v, vdupq_n_s32(bits)); }
static inline ivec iv_pick(vmask m, ivec yes, ivec no) { return vbslq_s32(m, yes, no); }
static inline vmask iv_eq(ivec a, ivec b) { return vceqq_s32(a, b); }

static inline vmask vm_none(void) { return vdupq_n_u32(0); }
static inline vmask vm_and(vmask a, vmask b) { return vandq_u32(a, b); }
static inline vmask vm_or(vmask a, vmask b) { return vorrq_u32(a, b); }
static inline vmask vm_not(vmask a) { return vmvnq_u32(a); }
/* Bit k: element k. */
static inline uint32_t vm_bits(vmask m) { static const uint32_t bits[4] = {1, 2, 4, 8}; return vaddvq_u32(vandq_u32(m, vld1q_u32(bits))); }

static inline void v_leave(void) {}

/* clang-format on */

/* t[i] element k becomes t[k] element i. */
static inline void v_transpose(vec *t)
{
    float32x4x2_t a = vtrnq_f32(t[0], t[1]), b = vtrnq_f32(t[2], t[3]);
    t[0] = vcombine_f32(vget_low_f32(a.val[0]), vget_low_f32(b.val[0]));
    t[1] = vcombine_f32(vget_low_f32(a.val[1]), vget_low_f32(b.val[1]));
    t[2] = vcombine_f32(vget_high_f32(a.val[0]), vget_high_f32(b.val[0]));
    t[3] = vcombine_f32(vget_high_f32(a.val[1]), vget_high_f32(b.val[1]));
}

/* The places of an index's four bytes. */
static inline uint8x16_t v_places(ivec index)
{
    ivec places = vaddq_s32(vmulq_s32(index, vdupq_n_s32(0x04040404)), vdupq_n_s32(0x03020100));
    return vreinterpretq_u8_s32(places);
}

/* Of eight values the one at each index 0 … 7. */
static inline vec v_look8(const float *values, ivec index)
{
    uint8x16x2_t table = vld1q_u8_x2((const uint8_t *)values);
    return vreinterpretq_f32_u8(vqtbl2q_u8(table, v_places(index)));
}

/* Of sixteen values the one at each index 0 … 15. */
static inline vec v_look16(const float *values, ivec index)
{
    uint8x16x4_t table = vld1q_u8_x4((const uint8_t *)values);
    return vreinterpretq_f32_u8(vqtbl4q_u8(table, v_places(index)));
}

#endif
