/* fills.c - inputs for kernels, from seeds. See fills.h. */
#include "fills.h"
#include <math.h>
#include <string.h>

#define RUN 256u /* fills that change from place to place do so every RUN elements: the longest block */

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static float make(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* In [0, 1). */
static float unit(uint64_t *state)
{
    return (float)(next(state) >> 40) * 0x1.0p-24f;
}

/* Nearly normal, deviation 1: four 16-bit uniforms. */
static float bell(uint64_t *state)
{
    uint64_t r = next(state);
    int32_t sum =
        (int32_t)(r & 0xffff) + (int32_t)(r >> 16 & 0xffff) + (int32_t)(r >> 32 & 0xffff) + (int32_t)(r >> 48);
    return (float)(sum - 131070) * 0x1.bb67aep-16f;
}

/* Either sign, random mantissa, exponent field from `low` to below `high`. */
static float spread(uint64_t *state, uint32_t low, uint32_t high)
{
    uint64_t r = next(state);
    uint32_t exponent = low + (uint32_t)(r >> 32) % (high - low);
    return make(((uint32_t)r & 0x807fffffu) | exponent << 23);
}

static void fill_normal(uint64_t *s, float *out, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) out[i] = bell(s) * 0.02f;
}

static void fill_uniform(uint64_t *s, float *out, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) out[i] = unit(s) * 2 - 1;
}

static void fill_positive(uint64_t *s, float *out, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) out[i] = (unit(s) + 0.25f) * (i / RUN % 2 ? 1.0f : -1.0f);
}

static void fill_heavy(uint64_t *s, float *out, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) out[i] = bell(s) * 0.05f / (unit(s) + 0x1.0p-12f);
}

static void fill_constant(uint64_t *s, float *out, uint64_t n)
{
    static const float values[] = {0,         1,     -1,     0.02f,   -3.5f,      1e-3f,     65504.0f,
                                   -6.1e-05f, -0.0f, 1e-15f, -7e-16f, 1.2345678f, -1.0f / 3, 1e-20f};
    float value = 0;
    for (uint64_t i = 0; i < n; i++) {
        if (i % RUN == 0) value = values[next(s) % (sizeof values / sizeof values[0])];
        out[i] = value;
    }
}

static void fill_spiky(uint64_t *s, float *out, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) out[i] = 0;
    for (uint64_t i = 0; i < n; i += RUN / 4)
        if (next(s) % 4) {
            uint64_t at = i + next(s) % (RUN / 4);
            float value = bell(s) * 2;
            if (at < n) out[at] = value;
        }
}

/* From f32's denormals up to 2^-100, and runs around f16's denormals. */
static void fill_denormal(uint64_t *s, float *out, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) out[i] = i / RUN % 2 ? spread(s, 97, 117) : spread(s, 0, 27);
    for (uint64_t i = 0; i < n; i += 97) out[i] = -0.0f;
}

/* Up to the largest float: sums, differences and squares overflow. */
static void fill_huge(uint64_t *s, float *out, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) out[i] = i / RUN % 2 ? spread(s, 140, 160) : spread(s, 230, 255);
}

/* Small multiples of half a step, some one bit beside it: every rounding is a tie or just not one. */
static void fill_tie(uint64_t *s, float *out, uint64_t n)
{
    float step = 1;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t r = next(s);
        if (i % 32 == 0) step = r >> 60 & 1 ? make(0x3f800000u - ((uint32_t)(r >> 56 & 15) << 23)) : 0.1f;
        uint32_t bits;
        out[i] = (float)((int32_t)(r % 63) - 31) * 0.5f * step;
        memcpy(&bits, &out[i], sizeof bits);
        if (r >> 32 & 1 && out[i] != 0) out[i] = make(r >> 33 & 1 ? bits + 1 : bits - 1);
    }
}

/* Powers of two and their neighbours below. */
static void fill_power(uint64_t *s, float *out, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        uint64_t r = next(s);
        uint32_t exponent = i / 32 % 2 ? 100 + (uint32_t)(i / 64 % 50) : 1 + (uint32_t)(i / 64 % 252);
        exponent -= exponent > 4 && r % 4 ? (uint32_t)(r >> 8) % 4 : 0;
        out[i] =
            make(((uint32_t)(r >> 63) << 31 | exponent << 23) - (uint32_t)(r >> 16) % 64 * (uint32_t)(r >> 60 & 1));
    }
}

static void fill_infinite(uint64_t *s, float *out, uint64_t n)
{
    fill_normal(s, out, n);
    for (uint64_t i = 0; i < n; i += RUN)
        for (uint64_t k = next(s) % 4; k; k--) {
            uint64_t at = i + next(s) % RUN, sign = next(s) & 1;
            if (at < n) out[at] = sign ? -INFINITY : INFINITY;
        }
}

/* Quiet, signalling, of both signs, with payloads, and infinities among them. */
static void fill_nan(uint64_t *s, float *out, uint64_t n)
{
    static const uint32_t values[] = {0x7fc00000u, 0xffc00000u, 0x7f800001u, 0x7fdabcdeu, 0xff80ffffu, 0x7f800000u};
    fill_normal(s, out, n);
    for (uint64_t i = 0; i < n; i += RUN)
        for (uint64_t k = next(s) % 4; k; k--) {
            uint64_t at = i + next(s) % RUN;
            uint32_t bits = values[next(s) % (sizeof values / sizeof values[0])];
            if (at < n) memcpy(&out[at], &bits, sizeof bits);
        }
}

static void fill_bits(uint64_t *s, float *out, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        uint32_t bits = (uint32_t)next(s);
        memcpy(&out[i], &bits, sizeof bits);
    }
}

static const struct fill {
    const char *name;
    int finite;
    void (*make)(uint64_t *state, float *out, uint64_t n);
} fills[] = {
    {"normal", 1, fill_normal},     {"uniform", 1, fill_uniform},   {"positive", 1, fill_positive},
    {"heavy", 1, fill_heavy},       {"constant", 1, fill_constant}, {"spiky", 1, fill_spiky},
    {"denormal", 1, fill_denormal}, {"huge", 1, fill_huge},         {"tie", 1, fill_tie},
    {"power", 1, fill_power},       {"infinite", 0, fill_infinite}, {"nan", 0, fill_nan},
    {"bits", 0, fill_bits},
};
#define FILL_COUNT (sizeof fills / sizeof fills[0])

const char *fill_name(uint32_t index)
{
    return index < FILL_COUNT ? fills[index].name : NULL;
}

int fill_is_finite(uint32_t index)
{
    return fills[index].finite;
}

void fill_floats(uint32_t index, uint64_t seed, float *out, uint64_t n)
{
    uint64_t state = seed * 1000003u + index;
    fills[index].make(&state, out, n);
}

void fill_imatrix(uint32_t kind, uint64_t seed, float *out, uint64_t n)
{
    uint64_t state = seed * 1000003u + 500u + kind;
    for (uint64_t i = 0; i < n; i++) {
        float u = unit(&state);
        out[i] = u * u * u + 1e-3f;
        if (kind == 2 && (next(&state) % 8 == 0 || i / RUN % 5 == 3)) out[i] = 0;
    }
}

void fill_bytes(uint64_t seed, uint8_t *out, uint64_t n)
{
    uint64_t state = seed;
    for (uint64_t i = 0; i < n; i++) out[i] = (uint8_t)(next(&state) >> 32);
}

uint64_t digest_bytes(const uint8_t *bytes, uint64_t n)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (uint64_t i = 0; i < n; i++) h = (h ^ bytes[i]) * 0x100000001b3u;
    return h;
}

uint64_t digest_floats(const float *floats, uint64_t n)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (uint64_t i = 0; i < n; i++) {
        uint32_t bits = 0x7fc00000u;
        if (floats[i] == floats[i]) memcpy(&bits, &floats[i], sizeof bits);
        for (uint32_t k = 0; k < 32; k += 8) h = (h ^ (bits >> k & 0xff)) * 0x100000001b3u;
    }
    return h;
}

int has_nonfinite(const float *x, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return 1;
    return 0;
}

uint64_t count_differences(const uint8_t *a, const uint8_t *b, uint64_t groups, uint64_t group_bytes, const float *in,
                           uint64_t group_elems, uint64_t *nonfinite)
{
    uint64_t different = 0;
    *nonfinite = 0;
    for (uint64_t i = 0; i < groups; i++) {
        if (!memcmp(a + i * group_bytes, b + i * group_bytes, (size_t)group_bytes)) continue;
        if (in && has_nonfinite(in + i * group_elems, group_elems))
            ++*nonfinite;
        else
            different++;
    }
    return different;
}

uint64_t count_float_differences(const float *a, const float *b, uint64_t n, int nan_same)
{
    uint64_t different = 0;
    for (uint64_t i = 0; i < n; i++)
        different += memcmp(&a[i], &b[i], sizeof a[i]) != 0 && !(nan_same && a[i] != a[i] && b[i] != b[i]);
    return different;
}

int guard_is_whole(const uint8_t *bytes, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        if (bytes[i] != FILL_GUARD) return 0;
    return 1;
}
