/* common/half.h - the 16-bit floats: to f32 and back, and as little-endian bytes.
 *
 * Built from integer and single-precision operations that IEEE 754 defines, so the bytes are the same on every CPU; where a CPU has
 * instructions for this (F16C), they agree but for NaN, whose payload ggml drops. Header-only: kernels inline it. */
#ifndef GGX_QUANTS_HALF_H
#define GGX_QUANTS_HALF_H

#include <ggx/base.h>
#include <string.h>

static inline uint32_t ggx_f32_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float ggx_f32_make(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Blocks lie in the file little-endian, at any address. */
static inline void ggx_u16_put(uint8_t *to, uint16_t v)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = (uint16_t)(v >> 8 | v << 8);
#endif
    memcpy(to, &v, sizeof v);
}

static inline uint16_t ggx_u16_get(const uint8_t *from)
{
    uint16_t v;
    memcpy(&v, from, sizeof v);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = (uint16_t)(v >> 8 | v << 8);
#endif
    return v;
}

static inline void ggx_u32_put(uint8_t *to, uint32_t v)
{
    ggx_u16_put(to, (uint16_t)v);
    ggx_u16_put(to + 2, (uint16_t)(v >> 16));
}

static inline uint32_t ggx_u32_get(const uint8_t *from)
{
    return ggx_u16_get(from) | (uint32_t)ggx_u16_get(from + 2) << 16;
}

/* Round to nearest even; too large becomes infinity; any NaN becomes the quiet one without payload, of the same sign. The adds round
 * for us: the value is moved to where its last kept bit is the sum's last bit (the way of Maratyszcza's FP16 library, MIT). */
static inline uint16_t ggx_f16_encode(float x)
{
    uint32_t bits = ggx_f32_bits(x);
    uint32_t twice = bits + bits, sign = bits >> 16 & 0x8000u;
    uint32_t bias = twice & 0xff000000u;
    if (bias < 0x71000000u) bias = 0x71000000u; /* below f16's smallest normal number the last bit is fixed */
    float magnitude = ggx_f32_make(bits & 0x7fffffffu) * 0x1.0p+112f * 0x1.0p-110f;
    uint32_t sum = ggx_f32_bits(ggx_f32_make((bias >> 1) + 0x07800000u) + magnitude);
    uint32_t half = (sum >> 13 & 0x7c00u) + (sum & 0x0fffu);
    return (uint16_t)(sign | (twice > 0xff000000u ? 0x7e00u : half));
}

/* Exact. A signalling NaN becomes quiet, payloads stay. */
static inline float ggx_f16_decode(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    uint32_t sign = bits & 0x80000000u, twice = bits + bits;
    float normal = ggx_f32_make((twice >> 4) + 0x70000000u) * 0x1.0p-112f;
    float denormal = ggx_f32_make(twice >> 17 | 0x3f000000u) - 0.5f;
    return ggx_f32_make(sign | ggx_f32_bits(twice < 0x08000000u ? denormal : normal));
}

/* Round to nearest even; a NaN keeps its upper payload and becomes quiet. */
static inline uint16_t ggx_bf16_encode(float x)
{
    uint32_t bits = ggx_f32_bits(x);
    uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
    return (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? bits >> 16 | 64u : rounded);
}

static inline float ggx_bf16_decode(uint16_t half)
{
    return ggx_f32_make((uint32_t)half << 16);
}

#endif
