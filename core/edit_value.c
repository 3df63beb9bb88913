/* A key's value from what the user wrote. */
#include "edit.h"

#include "base/json.h"
#include <float.h>
#include <ggx_sdk/error.h>
#include <math.h>
#include <stdlib.h>

static const struct {
    const char *name;
    uint32_t type, size;
    int64_t least;
    uint64_t most; /* of integers */
} types[] = {{"u8", GGX_KV_U8, 1, 0, UINT8_MAX},
             {"i8", GGX_KV_I8, 1, INT8_MIN, INT8_MAX},
             {"u16", GGX_KV_U16, 2, 0, UINT16_MAX},
             {"i16", GGX_KV_I16, 2, INT16_MIN, INT16_MAX},
             {"u32", GGX_KV_U32, 4, 0, UINT32_MAX},
             {"i32", GGX_KV_I32, 4, INT32_MIN, INT32_MAX},
             {"u64", GGX_KV_U64, 8, 0, INT64_MAX}, /* what JSON and the recipe language can say, too */
             {"i64", GGX_KV_I64, 8, INT64_MIN, INT64_MAX},
             {"f32", GGX_KV_F32, 4, 0, 0},
             {"f64", GGX_KV_F64, 8, 0, 0},
             {"bool", GGX_KV_BOOL, 1, 0, 1},
             {"str", GGX_KV_STRING, sizeof(ggx_str), 0, 0}};
#define TYPES (sizeof types / sizeof types[0])

static ggx_status refuse(ggx_str type, ggx_str value, ggx_error *error)
{
    return ggx_fail(error, GGX_E_USAGE, "'%.*s' is no value of type %.*s", (int)(value.size < 80 ? value.size : 80),
                    value.data, GGX_STR_ARGS(type));
}

static void put_integer(void *to, uint32_t size, int64_t value)
{
    const uint8_t u8 = (uint8_t)value;
    const uint16_t u16 = (uint16_t)value;
    const uint32_t u32 = (uint32_t)value;
    const void *from = size == 1 ? (const void *)&u8 : size == 2 ? (const void *)&u16 : (const void *)&u32;
    memcpy(to, size == 8 ? (const void *)&value : from, size);
}

/* One element; of JSON it is a scalar, else the text itself. 0: it is none of that type. */
static int put_element(ggx_arena *arena, size_t t, const ggx_json *json, ggx_str text, void *to)
{
    int64_t integer = 0;
    double real = 0;
    char *end = NULL;
    const uint32_t type = types[t].type;
    if (type == GGX_KV_STRING) {
        const ggx_str kept = !json || json->kind == GGX_JSON_STRING ? ggx_arena_str(arena, json ? json->text : text)
                                                                    : (ggx_str){NULL, 0};
        *(ggx_str *)to = kept;
        return kept.data != NULL;
    }
    if (type == GGX_KV_BOOL) {
        const int yes = json ? json->kind == GGX_JSON_TRUE : ggx_str_same(text, GGX_LIT("true"));
        const int no = json ? json->kind == GGX_JSON_FALSE : ggx_str_same(text, GGX_LIT("false"));
        *(uint8_t *)to = (uint8_t)yes;
        return yes || no;
    }
    if (type == GGX_KV_F32 || type == GGX_KV_F64) {
        const int number = json && (json->kind == GGX_JSON_INT || json->kind == GGX_JSON_REAL);
        real = number ? json->real : !json && text.size ? strtod(text.data, &end) : 0;
        if (!(number || (end && end == text.data + text.size)) ||
            (type == GGX_KV_F32 && isfinite(real) && fabs(real) > (double)FLT_MAX))
            return 0;
        const float narrow = (float)real;
        memcpy(to, type == GGX_KV_F32 ? (const void *)&narrow : (const void *)&real, types[t].size);
        return 1;
    }
    if (json && json->kind == GGX_JSON_INT)
        integer = json->integer;
    else if (json || !ggx_str_int(text, &integer))
        return 0;
    if (integer < types[t].least || (integer > 0 && (uint64_t)integer > types[t].most)) return 0;
    put_integer(to, types[t].size, integer);
    return 1;
}

static ggx_status parse_array(ggx_arena *arena, size_t t, ggx_str type, ggx_str value, ggx_kv *kv, ggx_error *error)
{
    ggx_json *list;
    ggx_status status = ggx_json_parse(arena, value, "the list", &list, error);
    if (status != GGX_OK || list->kind != GGX_JSON_ARRAY)
        return ggx_fail(error, GGX_E_USAGE, "a value of type %.*s is a JSON list, as %s", GGX_STR_ARGS(type),
                        types[t].type == GGX_KV_STRING ? "[\"a\", \"b\"]"
                        : types[t].type == GGX_KV_BOOL ? "[true, false]"
                                                       : "[1, 2]");
    char *data = ggx_arena_array(arena, list->count + 1ull, types[t].size);
    if (!data) return ggx_fail(error, GGX_E_NOMEM, "no memory for the value");
    kv->type = GGX_KV_ARRAY;
    kv->elem_type = types[t].type;
    kv->data = data;
    for (const ggx_json *item = list->first; item; item = item->next, data += types[t].size, kv->count++)
        if (!put_element(arena, t, item, item->text, data)) return refuse(type, value, error);
    return GGX_OK;
}

ggx_status ggx_kv_parse(ggx_arena *arena, ggx_str type, ggx_str value, ggx_kv *kv, ggx_error *error)
{
    const int array = ggx_str_ends(type, GGX_LIT("[]"));
    const ggx_str name = {type.data, type.size - (array ? 2 : 0)};
    size_t t = 0;
    while (t < TYPES && !ggx_str_same(ggx_str_of(types[t].name), name)) t++;
    if (t == TYPES)
        return ggx_fail(error, GGX_E_USAGE,
                        "'%.*s' is no type; give u8 i8 u16 i16 u32 i32 u64 i64 f32 f64 bool str, or a list as i32[]",
                        (int)(type.size < 40 ? type.size : 40), type.data);
    *kv = (ggx_kv){.struct_size = sizeof *kv, .type = types[t].type, .elem_type = types[t].type, .key = kv->key};
    value = ggx_arena_str(arena, value); /* ended by a NUL */
    if (!value.data) return ggx_fail(error, GGX_E_NOMEM, "no memory for the value");
    if (types[t].type == GGX_KV_STRING && !ggx_str_utf8(value))
        return ggx_fail(error, GGX_E_USAGE, "the value is no text in UTF-8, which all strings of a model are");
    if (array) return parse_array(arena, t, type, value, kv, error);
    void *data = ggx_arena_alloc(arena, types[t].size);
    if (!data) return ggx_fail(error, GGX_E_NOMEM, "no memory for the value");
    kv->data = data;
    kv->count = 1;
    return put_element(arena, t, NULL, value, data) ? GGX_OK : refuse(type, value, error);
}
