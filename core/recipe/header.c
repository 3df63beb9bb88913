/* header.c - the output's header fields, or key/values. */
#include "base/text.h"
#include "recipe/model.h"
#include <ggx_sdk/error.h>
#include <math.h>

/* Ranges of the integer types, and bytes of one element in memory; in the order of GGX_KV_*. */
static const struct {
    const char *name;
    int64_t least;
    uint64_t most;
    uint32_t bytes;
} types[] = {
    {"u8", 0, UINT8_MAX, 1},
    {"i8", INT8_MIN, INT8_MAX, 1},
    {"u16", 0, UINT16_MAX, 2},
    {"i16", INT16_MIN, INT16_MAX, 2},
    {"u32", 0, UINT32_MAX, 4},
    {"i32", INT32_MIN, INT32_MAX, 4},
    {"f32", 0, 0, 4},
    {"bool", 0, 0, 1},
    {"str", 0, 0, sizeof(ggx_str)},
    {"array", 0, 0, 0},
    {"u64", 0, UINT64_MAX, 8},
    {"i64", INT64_MIN, INT64_MAX, 8},
    {"f64", 0, 0, 8},
};

static ggx_status wrong_kind(ggx_apply *apply, const ggx_field *field, ggx_str key, const ggx_value *value)
{
    return ggx_value_fail(apply->eval, field->value, value, "'%.*s' is of type %s, its value is %s", GGX_STR_ARGS(key),
                          types[field->type].name, ggx_value_kind(value));
}

static ggx_status put_integer(ggx_apply *apply, const ggx_field *field, ggx_str key, const ggx_value *value,
                              uint8_t *out)
{
    if (value->kind != GGX_VALUE_INT) return wrong_kind(apply, field, key, value);
    if (value->integer < types[field->type].least ||
        (value->integer > 0 && (uint64_t)value->integer > types[field->type].most))
        return ggx_value_fail(apply->eval, field->value, value, "'%.*s': %lld does not fit %s", GGX_STR_ARGS(key),
                              (long long)value->integer, types[field->type].name);
    switch (types[field->type].bytes) { /* the low bytes are the same for signed and unsigned types */
    case 1: memcpy(out, &(uint8_t){(uint8_t)value->integer}, 1); break;
    case 2: memcpy(out, &(uint16_t){(uint16_t)value->integer}, 2); break;
    case 4: memcpy(out, &(uint32_t){(uint32_t)value->integer}, 4); break;
    default: memcpy(out, &value->integer, 8); break;
    }
    return GGX_OK;
}

static ggx_status put(ggx_apply *apply, const ggx_field *field, ggx_str key, const ggx_value *value, uint8_t *out)
{
    double real = value->kind == GGX_VALUE_INT ? (double)value->integer : value->real;
    int number = value->kind == GGX_VALUE_INT || value->kind == GGX_VALUE_FLOAT;
    switch (field->type) {
    case GGX_KV_F32:
        memcpy(out, &(float){(float)real}, 4);
        return number ? GGX_OK : wrong_kind(apply, field, key, value);
    case GGX_KV_F64: memcpy(out, &real, 8); return number ? GGX_OK : wrong_kind(apply, field, key, value);
    case GGX_KV_BOOL:
        *out = value->truth != 0;
        return value->kind == GGX_VALUE_BOOL ? GGX_OK : wrong_kind(apply, field, key, value);
    case GGX_KV_STRING: {
        if (value->kind != GGX_VALUE_STR) return wrong_kind(apply, field, key, value);
        ggx_str kept = ggx_arena_str(apply->arena, value->text);
        if (!kept.data) return ggx_fail(apply->error, GGX_E_NOMEM, "no memory for the header");
        memcpy(out, &kept, sizeof kept);
        return GGX_OK;
    }
    default: return put_integer(apply, field, key, value, out);
    }
}

#define FIELDS_MOST 8192u /* each is compared with all before it */

typedef struct header {
    ggx_kv *kvs;
    uint64_t count, capacity;
} header;

static ggx_status add(ggx_apply *apply, header *h, const ggx_field *field, const ggx_kv *kv)
{
    for (uint64_t i = 0; i < h->count; i++)
        if (ggx_str_same(h->kvs[i].key, kv->key))
            return ggx_origin_fail(&field->origin, GGX_WHOLE, apply->error, GGX_E_MALFORMED,
                                   "the header has '%.*s' already", GGX_STR_ARGS(kv->key));
    if (h->count == h->capacity) {
        uint64_t wider = h->capacity ? 2 * h->capacity : 32;
        ggx_kv *fresh = wider <= FIELDS_MOST ? ggx_arena_array(apply->arena, wider, sizeof *fresh) : NULL;
        if (!fresh) return ggx_fail(apply->error, GGX_E_NOMEM, "the header has more than %u fields", FIELDS_MOST);
        if (h->count) memcpy(fresh, h->kvs, (size_t)(h->count * sizeof *fresh));
        h->kvs = fresh;
        h->capacity = wider;
    }
    h->kvs[h->count++] = *kv;
    return GGX_OK;
}

/* A string as an array of its bytes. */
static ggx_status add_bytes(ggx_apply *apply, header *h, const ggx_field *field, ggx_str key, ggx_str text)
{
    ggx_str kept = ggx_arena_str(apply->arena, key), data = ggx_arena_str(apply->arena, text);
    if (!kept.data || !data.data) return ggx_fail(apply->error, GGX_E_NOMEM, "no memory for the header");
    ggx_kv kv = {.struct_size = sizeof kv,
                 .type = GGX_KV_ARRAY,
                 .elem_type = GGX_KV_U8,
                 .key = kept,
                 .count = data.size,
                 .data = data.data};
    return add(apply, h, field, &kv);
}

static ggx_status add_value(ggx_apply *apply, header *h, const ggx_field *field, ggx_str key)
{
    ggx_value value;
    ggx_status status = ggx_eval_node(apply->eval, field->value, &value);
    if (status != GGX_OK) return status;
    if (value.kind == GGX_VALUE_NULL) {
        if (field->optional) return GGX_OK;
        return ggx_value_fail(apply->eval, field->value, &value,
                              "'%.*s' has no value (null); mark it \"optional\" if it may be left out",
                              GGX_STR_ARGS(key));
    }
    if (value.kind == GGX_VALUE_STR && field->type == GGX_KV_U8) return add_bytes(apply, h, field, key, value.text);
    int list = value.kind == GGX_VALUE_LIST;
    uint64_t count = list ? value.count : 1;
    uint8_t *data = ggx_arena_array(apply->arena, count, types[field->type].bytes);
    ggx_str kept = ggx_arena_str(apply->arena, key);
    if (!data || !kept.data) return ggx_fail(apply->error, GGX_E_NOMEM, "no memory for the header");
    for (uint64_t i = 0; i < count && status == GGX_OK; i++)
        status = put(apply, field, key, list ? &value.at.items[i] : &value, data + i * types[field->type].bytes);
    ggx_kv kv = {.struct_size = sizeof kv,
                 .type = list ? GGX_KV_ARRAY : field->type,
                 .elem_type = field->type,
                 .key = kept,
                 .count = count,
                 .data = data};
    return status == GGX_OK ? add(apply, h, field, &kv) : status;
}

/* One field with its locals bound; `copied` when it copies a key/value of the source. */
static ggx_status add_field(ggx_apply *apply, header *h, const ggx_field *field, const ggx_kv *copied)
{
    int wanted = 1;
    ggx_str key = {NULL, 0};
    ggx_status status = field->when ? ggx_eval_bool(apply->eval, field->when, &wanted) : GGX_OK;
    if (status != GGX_OK || !wanted) return status;
    status = ggx_eval_text(apply->eval, field->name, &key);
    if (status != GGX_OK || !copied) return status == GGX_OK ? add_value(apply, h, field, key) : status;
    ggx_kv kv = *copied; /* its data lives as long as the checkpoint, which outlives the result */
    kv.key = ggx_arena_str(apply->arena, key);
    return kv.key.data ? add(apply, h, field, &kv) : ggx_fail(apply->error, GGX_E_NOMEM, "no memory for the header");
}

static ggx_status add_fields(ggx_apply *apply, header *h, const ggx_field *field)
{
    const ggx_checkpoint *c = apply->env->checkpoint;
    ggx_local space[GGX_MAX_PLACEHOLDERS], local = {field->domain.name, {0}, NULL};
    ggx_status status = GGX_OK;
    if (field->copy) {
        for (uint64_t i = 0; i < c->kv_count && status == GGX_OK; i++) {
            ggx_match match = {0};
            if (!ggx_pattern_match(field->copy, c->kvs[i].key, &match, &apply->steps)) continue;
            apply->eval->locals = ggx_match_bind(field->copy, &match, NULL, space);
            status = add_field(apply, h, field, &c->kvs[i]);
        }
    } else if (field->domain.name.size) {
        ggx_value list;
        status = ggx_eval_list(apply->eval, field->domain.list, &list);
        for (uint64_t i = 0; status == GGX_OK && i < list.count; i++) {
            local.value = list.at.items[i];
            apply->eval->locals = &local;
            status = add_field(apply, h, field, NULL);
            apply->eval->locals = NULL;
        }
    } else {
        status = add_field(apply, h, field, NULL);
    }
    apply->eval->locals = NULL;
    return status;
}

/* A word of the profile whose value is a type's name or null. */
static ggx_status type_word(ggx_apply *apply, const ggx_node *node, const char *word, ggx_str *out)
{
    ggx_value value;
    if (!node) return GGX_OK;
    ggx_status status = ggx_eval_node(apply->eval, node, &value);
    if (status == GGX_OK && value.kind == GGX_VALUE_STR)
        *out = ggx_arena_str(apply->arena, value.text);
    else if (status == GGX_OK && value.kind != GGX_VALUE_NULL)
        status = GGX_NODE_FAIL(apply->eval, node, "'%s' is the name of a type or null", word);
    return status;
}

ggx_status ggx_header_make(ggx_apply *apply, ggx_recipe_result *out)
{
    header h = {0};
    ggx_status status = GGX_OK;
    for (uint32_t i = 0; apply->profile && i < apply->profile->field_count && status == GGX_OK; i++)
        status = add_fields(apply, &h, &apply->profile->fields[i]);
    if (status == GGX_OK && apply->profile) status = type_word(apply, apply->profile->via, "via", &out->via);
    if (status == GGX_OK && apply->profile)
        status = type_word(apply, apply->profile->fallback, "fallback", &out->fallback);
    out->kvs = h.kvs;
    out->kv_count = h.count;
    return status;
}
