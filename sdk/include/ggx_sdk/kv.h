/* ggx_sdk/kv.h - what writers ask about key/values: are they sound, how wide are their elements, what are their bytes. Header-only. */
#ifndef GGX_SDK_KV_H
#define GGX_SDK_KV_H

#include "bytes.h"
#include <ggx/tensor.h>

/* Bytes of one element in memory and on disk; 0 for strings, arrays and unknown types. */
static inline uint32_t ggx_kv_width(uint32_t type)
{
    static const uint8_t widths[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    return type < sizeof widths ? widths[type] : 0;
}

/* GGX_E_UNSUPPORTED or GGX_E_MALFORMED when a key/value breaks the rules of ggx/tensor.h. */
static inline ggx_status ggx_kv_check(const ggx_kv *kv, ggx_error *error)
{
    int array = kv->type == GGX_KV_ARRAY;
    uint32_t elem = array ? kv->elem_type : kv->type;
    if (!kv->key.size || kv->key.size > 65535 || memchr(kv->key.data, 0, (size_t)kv->key.size))
        return ggx_fail(error, GGX_E_MALFORMED, "a key of %llu bytes; keys have 1 to 65535 bytes and no NUL ('%.*s')",
                        (unsigned long long)kv->key.size, GGX_STR_ARGS(kv->key));
    if (!ggx_kv_width(elem) && elem != GGX_KV_STRING)
        return ggx_fail(error, GGX_E_UNSUPPORTED, "key '%.*s' has %stype %u; arrays do not nest", GGX_STR_ARGS(kv->key),
                        array ? "element " : "", elem);
    if ((!array && kv->count != 1) || (kv->count && !kv->data))
        return ggx_fail(error, GGX_E_MALFORMED, "key '%.*s' has type %u and %llu elements", GGX_STR_ARGS(kv->key),
                        kv->type, (unsigned long long)kv->count);
    for (uint64_t i = 0; elem == GGX_KV_BOOL && i < kv->count; i++)
        if (((const uint8_t *)kv->data)[i] > 1)
            return ggx_fail(error, GGX_E_MALFORMED, "key '%.*s': element %llu is %u, a bool is 0 or 1",
                            GGX_STR_ARGS(kv->key), (unsigned long long)i, ((const uint8_t *)kv->data)[i]);
    return GGX_OK;
}

/* Number `i` of a key/value whose elements are not strings: the bits, zero-extended. */
static inline uint64_t ggx_kv_bits(const ggx_kv *kv, uint64_t i)
{
    uint8_t v8 = 0;
    uint16_t v16 = 0;
    uint32_t v32 = 0;
    uint64_t v64 = 0;
    switch (ggx_kv_width(kv->type == GGX_KV_ARRAY ? kv->elem_type : kv->type)) {
    case 1: memcpy(&v8, (const uint8_t *)kv->data + i, 1); return v8;
    case 2: memcpy(&v16, (const uint8_t *)kv->data + 2 * i, 2); return v16;
    case 4: memcpy(&v32, (const uint8_t *)kv->data + 4 * i, 4); return v32;
    case 8: memcpy(&v64, (const uint8_t *)kv->data + 8 * i, 8); return v64;
    default: return 0;
    }
}

/* Adds the elements little-endian, each string after its length in `length_width` bytes. The key/value has passed ggx_kv_check. */
static inline void ggx_kv_put(ggx_bytes *out, const ggx_kv *kv, uint32_t length_width)
{
    uint32_t elem = kv->type == GGX_KV_ARRAY ? kv->elem_type : kv->type, width = ggx_kv_width(elem);
    const ggx_str *strings = (const ggx_str *)kv->data;
    for (uint64_t i = 0; i < kv->count && out->status == GGX_OK; i++) {
        if (elem == GGX_KV_STRING) {
            ggx_bytes_uint(out, strings[i].size, length_width);
            ggx_bytes_add(out, strings[i].data, strings[i].size);
        } else {
            ggx_bytes_uint(out, ggx_kv_bits(kv, i), width);
        }
    }
}

#endif
