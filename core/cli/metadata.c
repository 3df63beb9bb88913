/* metadata.c - key/values as text and as JSON. */
#include "cli/metadata.h"
#include <math.h>

#define SHOWN_ELEMENTS 8 /* of an array in the text form; JSON has them all */
#define SHOWN_BYTES 60   /* of a string in the text form */

static const char *const kv_names[] = {"u8",   "i8",  "u16",   "i16", "u32", "i32", "f32",
                                       "bool", "str", "array", "u64", "i64", "f64"};

static void format_float(double v, int digits, int json, ggx_text *out)
{
    if (json && !isfinite(v))
        ggx_text_format(out, "null"); /* JSON has no words for these */
    else
        ggx_text_format(out, "%.*g", digits, v);
}

static void format_element(const ggx_kv *kv, uint64_t i, int json, ggx_text *out)
{
    const void *d = kv->data;
    switch (kv->elem_type) {
    case GGX_KV_U8: ggx_text_format(out, "%u", ((const uint8_t *)d)[i]); break;
    case GGX_KV_I8: ggx_text_format(out, "%d", ((const int8_t *)d)[i]); break;
    case GGX_KV_U16: ggx_text_format(out, "%u", ((const uint16_t *)d)[i]); break;
    case GGX_KV_I16: ggx_text_format(out, "%d", ((const int16_t *)d)[i]); break;
    case GGX_KV_U32: ggx_text_format(out, "%u", ((const uint32_t *)d)[i]); break;
    case GGX_KV_I32: ggx_text_format(out, "%d", ((const int32_t *)d)[i]); break;
    case GGX_KV_U64: ggx_text_format(out, "%llu", (unsigned long long)((const uint64_t *)d)[i]); break;
    case GGX_KV_I64: ggx_text_format(out, "%lld", (long long)((const int64_t *)d)[i]); break;
    case GGX_KV_F32: format_float((double)((const float *)d)[i], 9, json, out); break;
    case GGX_KV_F64: format_float(((const double *)d)[i], 17, json, out); break;
    case GGX_KV_BOOL: ggx_text_format(out, ((const uint8_t *)d)[i] ? "true" : "false"); break;
    default: {
        ggx_str s = ((const ggx_str *)d)[i];
        if (!json && s.size > SHOWN_BYTES) {
            s.size = SHOWN_BYTES;
            ggx_text_json(out, s);
            ggx_text_format(out, "…");
        } else {
            ggx_text_json(out, s);
        }
    }
    }
}

void ggx_metadata_print(const ggx_kv *kv, int json, ggx_text *out)
{
    if (kv->type != GGX_KV_ARRAY) {
        format_element(kv, 0, json, out);
        return;
    }
    uint64_t shown = json || kv->count < SHOWN_ELEMENTS ? kv->count : SHOWN_ELEMENTS;
    ggx_text_format(out, "[");
    for (uint64_t i = 0; i < shown; i++) {
        if (i) ggx_text_format(out, ", ");
        format_element(kv, i, json, out);
    }
    if (shown < kv->count) ggx_text_format(out, ", … %llu in all", (unsigned long long)kv->count);
    ggx_text_format(out, "]");
}

const char *ggx_metadata_type(const ggx_kv *kv)
{
    return kv->elem_type < sizeof kv_names / sizeof kv_names[0] ? kv_names[kv->elem_type] : "?";
}
