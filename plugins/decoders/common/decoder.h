/* common/decoder.h - what the decoders share: elements of the plain types as floats, shapes in messages, boxes.
 *
 * Header-only, as the quants' common files are. */
#ifndef GGX_DECODERS_DECODER_H
#define GGX_DECODERS_DECODER_H

#include "../../quants/common/half.h"
#include <ggx/draft/decode.h>
#include <ggx_sdk/error.h>
#include <ggx_sdk/options.h>

#define GGX_INPUT(name, flags)                 \
    {                                          \
        sizeof(ggx_decoder_input), flags, name \
    }
#define GGX_OPTION_OF(type, name, help)      \
    {                                        \
        sizeof(ggx_option), type, name, help \
    }

/* Types whose elements become floats. Kept small, so that an instance can hold it. */
enum {
    GGX_ELEM_NONE,
    GGX_ELEM_F32,
    GGX_ELEM_F16,
    GGX_ELEM_BF16,
    GGX_ELEM_E4M3,
    GGX_ELEM_E5M2,
    GGX_ELEM_E8M0,
    GGX_ELEM_I8
};

static inline int ggx_type_is(const ggx_packed *p, const char *name)
{
    return !strcmp(p->type.name, name);
}

static inline uint32_t ggx_elem_of(const ggx_packed *p)
{
    static const char *const names[] = {"", "f32", "f16", "bf16", "f8_e4m3", "f8_e5m2", "f8_e8m0", "i8"};
    for (uint32_t i = 1; i < sizeof names / sizeof *names; i++)
        if (ggx_type_is(p, names[i])) return i;
    return GGX_ELEM_NONE;
}

/* OCP OFP8: bias 7, no infinities, all ones below the sign is NaN. */
static inline float ggx_e4m3_decode(uint8_t v)
{
    const uint32_t sign = (uint32_t)(v & 0x80) << 24, exponent = v >> 3 & 15, mantissa = v & 7;
    uint32_t bits = (exponent + 120) << 23 | mantissa << 20;
    if (!exponent) bits = ggx_f32_bits((float)mantissa * 0x1.0p-9f);
    if ((v & 0x7f) == 0x7f) bits = 0x7fc00000u;
    return ggx_f32_make(sign | bits);
}

static inline float ggx_elem_get(uint32_t elem, const void *data, uint64_t i)
{
    const uint8_t *from = data;
    switch (elem) {
    case GGX_ELEM_F32: return ggx_f32_make(ggx_u32_get(from + 4 * i));
    case GGX_ELEM_F16: return ggx_f16_decode(ggx_u16_get(from + 2 * i));
    case GGX_ELEM_BF16: return ggx_bf16_decode(ggx_u16_get(from + 2 * i));
    case GGX_ELEM_E4M3: return ggx_e4m3_decode(from[i]);
    case GGX_ELEM_I8: return (float)(int8_t)from[i];
    case GGX_ELEM_E5M2: return ggx_f16_decode((uint16_t)(from[i] << 8));
    default:
        return from[i] == 255 ? ggx_f32_make(0x7fc00000u)
                              : ggx_f32_make(from[i] ? (uint32_t)from[i] << 23 : 0x00400000u);
    }
}

/* The value as the type holds it: what arithmetic in that type would have stored. */
static inline float ggx_elem_round(uint32_t elem, float x)
{
    if (elem == GGX_ELEM_F16) return ggx_f16_decode(ggx_f16_encode(x));
    if (elem == GGX_ELEM_BF16) return ggx_bf16_decode(ggx_bf16_encode(x));
    return x;
}

/* Value number k of a run of `bits` (a divisor of 32 or less) wide values, 32 / bits in a word, the first in its lowest bits; the word is
 * number `at`. */
static inline int32_t ggx_word_value(const void *words, uint64_t at, uint64_t k, uint32_t bits)
{
    const uint32_t word = ggx_u32_get((const uint8_t *)words + 4 * at);
    return (int32_t)(word >> (bits * (uint32_t)(k % (32 / bits))) & ((1u << bits) - 1));
}

/* Four bits: of two in a byte the first is the lower. */
static inline uint8_t ggx_nibble(const uint8_t *from, uint32_t element)
{
    return from[element / 2] >> (element % 2 * 4) & 15;
}

/* "i32 2x3x4" for messages. */
typedef struct ggx_shape_words {
    char text[96];
} ggx_shape_words;
static inline const char *ggx_packed_text(const ggx_packed *p, ggx_shape_words *out)
{
    int n = snprintf(out->text, sizeof out->text, "%.15s ", p->type.name);
    for (uint32_t a = 0; a < p->rank && n > 0 && n < 70; a++)
        n += snprintf(out->text + n, sizeof out->text - (size_t)n, "%s%llu", a ? "x" : "",
                      (unsigned long long)p->shape[a]);
    return out->text;
}

static inline ggx_status ggx_packed_refuse(const char *what, const ggx_packed *p, const char *wanted, ggx_error *error)
{
    ggx_shape_words words;
    return ggx_fail(error, GGX_E_MALFORMED, "its '%s' is %s, expected %s", what, ggx_packed_text(p, &words), wanted);
}

static inline void ggx_packed_make_type(ggx_packed *out, const char *name, uint32_t block_elems, uint32_t block_bytes)
{
    memset(&out->type, 0, sizeof out->type);
    for (uint32_t i = 0; name[i] && i + 1 < sizeof out->type.name; i++) out->type.name[i] = name[i];
    out->type.block_elems = block_elems;
    out->type.block_bytes = block_bytes;
}

static inline int64_t ggx_option_number(const ggx_options *options, const char *name, int64_t otherwise)
{
    const ggx_option_value *v = ggx_option_find(options, name);
    return v ? v->number : otherwise;
}

/* Sets one axis of a box. */
static inline void ggx_box_axis_set(ggx_box *box, uint32_t axis, uint64_t start, uint64_t stop)
{
    box->start[axis] = start;
    box->count[axis] = stop - start;
}

#endif
