/* lookups.c - what expressions can see of the checkpoint, of the JSON files beside it, and of the conversion. */
#include "base/text.h"
#include "execute/decoded.h"
#include "recipe/model.h"
#include <ggx_sdk/error.h>

#define CONFIG_FILE "config.json" /* where a recipe names no other */

#define CALL(name)                                                                                             \
    static ggx_status call_##name(ggx_eval *eval, const ggx_node *node, const ggx_value *args, uint32_t count, \
                                  ggx_value *out)
#define UNUSED_CALL ((void)eval, (void)node, (void)args, (void)count, (void)out)

static ggx_status needs_string(ggx_eval *eval, const ggx_node *node, const ggx_value *given)
{
    return GGX_NODE_FAIL(eval, node, "%s() needs a string, not %s", node->function->name, ggx_value_kind(given));
}

ggx_str ggx_recipe_bare(const struct ggx_recipe *recipe, ggx_str name)
{
    for (const ggx_json *at = recipe->prefixes ? recipe->prefixes->first : NULL; at; at = at->next)
        if (ggx_str_begins(name, at->text)) return (ggx_str){name.data + at->text.size, name.size - at->text.size};
    return name;
}

uint64_t ggx_recipe_find(ggx_arena *arena, const struct ggx_recipe *recipe, const ggx_checkpoint *checkpoint,
                         ggx_str name)
{
    uint64_t found = ggx_checkpoint_find(checkpoint, name);
    const ggx_json *at = recipe && recipe->prefixes ? recipe->prefixes->first : NULL;
    for (; at && found == UINT64_MAX; at = at->next) {
        char *full = name.size < 65536 ? ggx_arena_alloc(arena, at->text.size + name.size) : NULL;
        if (!full) return UINT64_MAX;
        memcpy(full, at->text.data, (size_t)at->text.size);
        if (name.size) memcpy(full + at->text.size, name.data, (size_t)name.size);
        found = ggx_checkpoint_find(checkpoint, (ggx_str){full, at->text.size + name.size});
    }
    return found;
}

/* --- tensors -------------------------------------------------------------------------------------------------------------- */

static ggx_status find_tensor(ggx_eval *eval, const ggx_node *node, const ggx_value *name, const ggx_tensor **out)
{
    if (name->kind != GGX_VALUE_STR) return needs_string(eval, node, name);
    uint64_t i = ggx_recipe_find(&eval->arena, eval->recipe, eval->env->checkpoint, name->text);
    *out = i == UINT64_MAX ? NULL : &eval->env->checkpoint->tensors[i];
    return GGX_OK;
}

CALL(has)
{
    UNUSED_CALL;
    const ggx_tensor *tensor = NULL;
    ggx_status status = find_tensor(eval, node, args, &tensor);
    *out = ggx_value_bool(tensor != NULL);
    return status;
}

CALL(shape)
{
    UNUSED_CALL;
    const ggx_tensor *tensor = NULL;
    ggx_value *items;
    ggx_status status = find_tensor(eval, node, args, &tensor);
    if (status != GGX_OK || !tensor) return status;
    status = ggx_eval_items(eval, node, tensor->rank, &items);
    if (status != GGX_OK) return status;
    for (uint32_t i = 0; i < tensor->rank; i++) items[i] = ggx_value_int((int64_t)tensor->shape[i]);
    *out = (ggx_value){.kind = GGX_VALUE_LIST, .count = tensor->rank, .at.items = items};
    return GGX_OK;
}

CALL(dtype)
{
    UNUSED_CALL;
    const ggx_tensor *tensor = NULL;
    ggx_status status = find_tensor(eval, node, args, &tensor);
    if (status == GGX_OK && tensor) *out = ggx_value_text(ggx_str_of(tensor->type.name));
    return status;
}

CALL(tensors)
{
    UNUSED_CALL;
    const ggx_checkpoint *c = eval->env->checkpoint;
    if (args->kind != GGX_VALUE_STR) return needs_string(eval, node, args);
    uint64_t found = 0;
    ggx_status status = ggx_eval_work(eval, node, c->tensor_count);
    for (uint64_t i = 0; i < c->tensor_count && status == GGX_OK; i++)
        found += (uint64_t)ggx_str_glob(c->tensors[i].name, args->text);
    ggx_value *items;
    if (status == GGX_OK) status = ggx_eval_items(eval, node, found, &items);
    if (status != GGX_OK) return status;
    *out = (ggx_value){.kind = GGX_VALUE_LIST, .count = found, .at.items = items};
    for (uint64_t i = 0; i < c->tensor_count; i++)
        if (ggx_str_glob(c->tensors[i].name, args->text)) *items++ = ggx_value_text(c->tensors[i].name);
    return GGX_OK;
}

CALL(tied)
{
    UNUSED_CALL;
    const ggx_tensor *a = NULL, *b = NULL;
    ggx_status status = find_tensor(eval, node, &args[0], &a);
    if (status == GGX_OK) status = find_tensor(eval, node, &args[1], &b);
    if (status == GGX_OK)
        *out = ggx_value_bool(a && b && (a == b || (a->storage_id && a->storage_id == b->storage_id)));
    return status;
}

/* --- peek ----------------------------------------------------------------------------------------------------------------- */

/* Reads the block of a plain or block type that holds element k; its place within the block goes to *within. */
static ggx_status read_block(ggx_eval *eval, const ggx_node *node, uint64_t tensor, uint64_t k, uint8_t *out,
                             uint64_t *within)
{
    const ggx_checkpoint *c = eval->env->checkpoint;
    const ggx_tensor *t = &c->tensors[tensor];
    ggx_box box = {.struct_size = sizeof box, .rank = t->rank};
    uint64_t rest = k, storage = 0;
    ggx_error inner = {0};
    for (uint32_t i = t->rank; i-- > 0;) {
        box.start[i] = rest % t->shape[i];
        box.count[i] = 1;
        rest /= t->shape[i];
        storage += box.start[i] * (uint64_t)t->stride[i];
    }
    *within = storage % t->type.block_elems;
    if (t->type.block_elems > 1) {
        box.start[t->rank - 1] -= *within;
        box.count[t->rank - 1] = t->type.block_elems;
    }
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    const ggx_gather gather = {.checkpoint = c, .sequential = &lock};
    ggx_status status = ggx_decoded_at(c, tensor)
                            ? ggx_decoded_read(&gather, tensor, &box, out, t->type.block_bytes, &inner)
                        : t->access == GGX_ACCESS_RAW
                            ? ggx_checkpoint_read(c, tensor, storage / t->type.block_elems * t->type.block_bytes, out,
                                                  t->type.block_bytes, &inner)
                            : c->reader->read(c->instance.self, t->cookie, &box, out, t->type.block_bytes, &inner);
    if (status == GGX_OK) return GGX_OK;
    return ggx_origin_fail(node->origin, node->offset, eval->error, status, "peek: %s", inner.text);
}

static int little_endian(void)
{
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    return first;
}

/* The element as a value. i8 … u64 by their names' form; f32 is what ggx computes in; the rest by their plugins. */
static ggx_status decode(ggx_eval *eval, const ggx_node *node, const ggx_tensor *t, uint8_t *block, uint64_t within,
                         ggx_value *out)
{
    uint32_t bytes = t->type.block_bytes;
    int64_t bits = 0;
    if (t->type.block_elems == 1 && (t->byte_order == GGX_BIG_ENDIAN) == little_endian())
        for (uint32_t i = 0; i < bytes / 2; i++) {
            uint8_t swap = block[i];
            block[i] = block[bytes - 1 - i];
            block[bytes - 1 - i] = swap;
        }
    if (t->type.block_elems == 1 && bytes && bytes <= 8 && (t->type.name[0] == 'i' || t->type.name[0] == 'u') &&
        ggx_str_int(ggx_str_of(t->type.name + 1), &bits) && bits == 8 * (int64_t)bytes) {
        uint64_t value = 0;
        for (uint32_t i = 0; i < bytes; i++) value |= (uint64_t)block[little_endian() ? i : bytes - 1 - i] << 8 * i;
        if (t->type.name[0] == 'u' && value > INT64_MAX)
            return GGX_NODE_FAIL(eval, node, "peek: the element does not fit an int");
        if (t->type.name[0] == 'i' && bytes < 8 && value >> (bits - 1)) value |= ~0ull << bits;
        *out = ggx_value_int((int64_t)value);
        return GGX_OK;
    }
    if (!strcmp(t->type.name, "f32") && bytes == 4) {
        float value;
        memcpy(&value, block, sizeof value);
        *out = ggx_value_real((double)value);
        return GGX_OK;
    }
    const ggx_quant *quant = NULL;
    ggx_error inner = {0};
    ggx_status status = eval->env->checkpoint->registry ? ggx_registry_quant(eval->env->checkpoint->registry,
                                                                             ggx_str_of(t->type.name), &quant, &inner)
                                                        : GGX_E_NOTFOUND;
    if (status != GGX_OK || !quant->kernels->dequantize)
        return ggx_origin_fail(node->origin, node->offset, eval->error, GGX_E_UNSUPPORTED,
                               "peek: nothing here decodes type %.15s of tensor '%.*s'", t->type.name,
                               GGX_STR_ARGS(t->name));
    float *values = ggx_arena_array(&eval->arena, t->type.block_elems, sizeof *values);
    if (!values) return GGX_NODE_FAIL(eval, node, "no memory for a peek");
    quant->kernels->dequantize(block, values, t->type.block_elems);
    *out = ggx_value_real((double)values[within]);
    return GGX_OK;
}

CALL(peek)
{
    UNUSED_CALL;
    const ggx_checkpoint *c = eval->env->checkpoint;
    const ggx_tensor *t = NULL;
    ggx_status status = find_tensor(eval, node, args, &t);
    if (status != GGX_OK) return status;
    if (!t) return GGX_NODE_FAIL(eval, node, "there is no tensor '%.*s' to peek into", GGX_STR_ARGS(args->text));
    uint64_t elems = 1, k, within;
    for (uint32_t i = 0; i < t->rank; i++) elems *= t->shape[i]; /* the checkpoint has checked the product */
    if (!ggx_value_position(&args[1], elems, &k))
        return GGX_NODE_FAIL(eval, node, "peek: no such element among the %llu of '%.*s'", (unsigned long long)elems,
                             GGX_STR_ARGS(t->name));
    if (t->type.block_bytes > 65536)
        return GGX_NODE_FAIL(eval, node, "peek: a block of %u bytes; at most 65536 are read", t->type.block_bytes);
    uint8_t *block = ggx_arena_alloc(&eval->arena, t->type.block_bytes);
    if (!block) return GGX_NODE_FAIL(eval, node, "no memory for a peek");
    status = ggx_eval_work(eval, node, 100);
    if (status == GGX_OK) status = read_block(eval, node, (uint64_t)(t - c->tensors), k, block, &within);
    return status == GGX_OK ? decode(eval, node, t, block, within, out) : status;
}

/* --- key/values ----------------------------------------------------------------------------------------------------------- */

static ggx_status kv_element(ggx_eval *eval, const ggx_node *node, const ggx_kv *kv, uint64_t i, ggx_value *out)
{
#define ELEMENT(type) ((const type *)kv->data)[i]
    switch (kv->elem_type) {
    case GGX_KV_U8: *out = ggx_value_int(ELEMENT(uint8_t)); break;
    case GGX_KV_I8: *out = ggx_value_int(ELEMENT(int8_t)); break;
    case GGX_KV_U16: *out = ggx_value_int(ELEMENT(uint16_t)); break;
    case GGX_KV_I16: *out = ggx_value_int(ELEMENT(int16_t)); break;
    case GGX_KV_U32: *out = ggx_value_int(ELEMENT(uint32_t)); break;
    case GGX_KV_I32: *out = ggx_value_int(ELEMENT(int32_t)); break;
    case GGX_KV_I64: *out = ggx_value_int(ELEMENT(int64_t)); break;
    case GGX_KV_U64:
        if (ELEMENT(uint64_t) > INT64_MAX)
            return GGX_NODE_FAIL(eval, node, "key '%.*s' does not fit an int", GGX_STR_ARGS(kv->key));
        *out = ggx_value_int((int64_t)ELEMENT(uint64_t));
        break;
    case GGX_KV_F32: *out = ggx_value_real((double)ELEMENT(float)); break;
    case GGX_KV_F64: *out = ggx_value_real(ELEMENT(double)); break;
    case GGX_KV_BOOL: *out = ggx_value_bool(ELEMENT(uint8_t) != 0); break;
    default: *out = ggx_value_text(ELEMENT(ggx_str)); break;
    }
#undef ELEMENT
    return GGX_OK;
}

ggx_status ggx_kv_value(ggx_eval *eval, const ggx_node *node, const ggx_kv *kv, ggx_value *out)
{
    if (!kv) return GGX_OK;
    if (kv->type != GGX_KV_ARRAY) return kv_element(eval, node, kv, 0, out);
    ggx_value *items;
    ggx_status status = ggx_eval_items(eval, node, kv->count, &items);
    for (uint64_t i = 0; i < kv->count && status == GGX_OK; i++) status = kv_element(eval, node, kv, i, &items[i]);
    if (status == GGX_OK) *out = (ggx_value){.kind = GGX_VALUE_LIST, .count = kv->count, .at.items = items};
    return status;
}

CALL(kv)
{
    UNUSED_CALL;
    if (args->kind != GGX_VALUE_STR) return needs_string(eval, node, args);
    return ggx_kv_value(eval, node, ggx_checkpoint_kv(eval->env->checkpoint, args->text), out);
}

/* --- JSON files beside the model ------------------------------------------------------------------------------------------ */

ggx_status ggx_json_value(ggx_eval *eval, const ggx_node *node, const ggx_json *json, ggx_value *out)
{
    *out = (ggx_value){0};
    if (!json) return GGX_OK;
    switch (json->kind) {
    case GGX_JSON_OBJECT: *out = (ggx_value){.kind = GGX_VALUE_MAP, .at.map = json}; break;
    case GGX_JSON_STRING: *out = ggx_value_text(json->text); break;
    case GGX_JSON_INT: *out = ggx_value_int(json->integer); break;
    case GGX_JSON_REAL: *out = ggx_value_real(json->real); break;
    case GGX_JSON_TRUE:
    case GGX_JSON_FALSE: *out = ggx_value_bool(json->kind == GGX_JSON_TRUE); break;
    default: break;
    }
    out->json = json;
    if (json->kind != GGX_JSON_ARRAY) return GGX_OK;
    ggx_value *items;
    ggx_status status = ggx_eval_items(eval, node, json->count, &items);
    if (status != GGX_OK) return status;
    *out = (ggx_value){.kind = GGX_VALUE_LIST, .count = json->count, .at.items = items, .json = json};
    for (const ggx_json *at = json->first; at && status == GGX_OK; at = at->next)
        status = ggx_json_value(eval, node, at, items++);
    return status;
}

ggx_status ggx_eval_file(ggx_eval *eval, const ggx_node *node, ggx_str name, ggx_str *out)
{
    *out = (ggx_str){NULL, 0};
    const ggx_source *source = eval->env->checkpoint->source;
    ggx_member member = {.struct_size = sizeof member};
    ggx_error inner = {0};
    uint32_t index;
    ggx_status status = source ? source->find(source, name, &index, &inner) : GGX_E_NOTFOUND;
    if (status == GGX_E_NOTFOUND) return GGX_OK;
    if (status == GGX_OK) status = source->member(source, index, &member, &inner);
    if (status != GGX_OK) return ggx_origin_fail(node->origin, node->offset, eval->error, status, "%s", inner.text);
    if (member.size > GGX_EVAL_JSON)
        return GGX_NODE_FAIL(eval, node, "'%.*s' has %llu bytes; at most %llu are read", GGX_STR_ARGS(name),
                             (unsigned long long)member.size, GGX_EVAL_JSON);
    char *text = ggx_arena_alloc(&eval->arena, member.size + 1);
    if (!text) return GGX_NODE_FAIL(eval, node, "no memory for '%.*s'", GGX_STR_ARGS(name));
    status = source->read_at(source, index, 0, text, member.size, &inner);
    if (status != GGX_OK) return ggx_origin_fail(node->origin, node->offset, eval->error, status, "%s", inner.text);
    *out = (ggx_str){text, member.size};
    return GGX_OK;
}

static ggx_status read_json(ggx_eval *eval, const ggx_node *node, ggx_str name, ggx_json_file *file)
{
    ggx_str text, label = ggx_arena_str(&eval->arena, name);
    ggx_json *json;
    ggx_error inner = {0};
    if (!label.data) return GGX_NODE_FAIL(eval, node, "no memory for '%.*s'", GGX_STR_ARGS(name));
    ggx_status status = ggx_eval_file(eval, node, name, &text);
    if (status != GGX_OK || !text.data) return status;
    status = ggx_json_parse_lenient(&eval->arena, text, label.data, &json, &inner);
    if (status != GGX_OK) return ggx_origin_fail(node->origin, node->offset, eval->error, status, "%s", inner.text);
    file->json = json;
    return GGX_OK;
}

static ggx_status find_json(ggx_eval *eval, const ggx_node *node, ggx_str name, const ggx_json **out)
{
    for (ggx_json_file *file = eval->files; file; file = file->next)
        if (ggx_str_same(file->name, name)) {
            *out = file->json;
            return GGX_OK;
        }
    ggx_json_file *file = ggx_arena_alloc(&eval->arena, sizeof *file);
    if (!file || !(file->name = ggx_arena_str(&eval->arena, name)).data)
        return GGX_NODE_FAIL(eval, node, "no memory for a JSON file");
    ggx_status status = read_json(eval, node, name, file);
    if (status != GGX_OK) return status;
    file->next = eval->files;
    eval->files = file;
    *out = file->json;
    return GGX_OK;
}

/* The value at a path of keys and list positions joined by dots; '' is the whole. */
static ggx_status walk_json(ggx_eval *eval, const ggx_node *node, const ggx_json *json, ggx_str path, ggx_value *out)
{
    while (path.size && json) {
        ggx_str part = path;
        const char *dot = memchr(path.data, '.', (size_t)path.size);
        if (dot) part.size = (uint64_t)(dot - path.data);
        path.data += part.size + (dot ? 1 : 0);
        path.size -= part.size + (dot ? 1 : 0);
        int64_t position;
        ggx_status status = ggx_eval_work(eval, node, json->count);
        if (status != GGX_OK) return status;
        if (json->kind == GGX_JSON_ARRAY && ggx_str_int(part, &position)) {
            json = json->first;
            while (json && position-- > 0) json = json->next;
        } else {
            const ggx_json *map = json;
            json = ggx_json_get_str(json, part);
            if (!json) {
                *out = (ggx_value){.text = part, .json = map};
                return GGX_OK;
            }
        }
    }
    return ggx_json_value(eval, node, json, out);
}

CALL(exists)
{
    UNUSED_CALL;
    const ggx_source *source = eval->env->checkpoint->source;
    ggx_error inner = {0};
    uint32_t index;
    if (args->kind != GGX_VALUE_STR) return needs_string(eval, node, args);
    ggx_status status = source ? source->find(source, args->text, &index, &inner) : GGX_E_NOTFOUND;
    *out = ggx_value_bool(status == GGX_OK);
    if (status == GGX_OK || status == GGX_E_NOTFOUND) return GGX_OK;
    return ggx_origin_fail(node->origin, node->offset, eval->error, status, "%s", inner.text);
}

ggx_status ggx_recipe_config(const ggx_recipe_env *env, ggx_error *error)
{
    static const struct ggx_recipe none = {.id = "none"};
    const ggx_json place = {.line = 1, .column = 1};
    const ggx_origin origin = {CONFIG_FILE, {NULL, 0}, &place};
    const ggx_node node = {.origin = &origin, .offset = GGX_WHOLE};
    ggx_eval eval;
    ggx_str text;
    ggx_json *json;
    ggx_error inner = {0};
    ggx_status status = ggx_eval_open(&eval, &none, env, error);
    if (status != GGX_OK) return status;
    status = ggx_eval_file(&eval, &node, GGX_LIT(CONFIG_FILE), &text);
    if (status == GGX_OK && text.data) {
        status = ggx_json_parse_lenient(&eval.arena, text, CONFIG_FILE, &json, &inner);
        if (status == GGX_OK && json->kind != GGX_JSON_OBJECT)
            status = ggx_fail(&inner, GGX_E_MALFORMED, "%s is no object", CONFIG_FILE);
        if (status != GGX_OK)
            ggx_fail(error, status, "%s; no recipe is found without it, --recipe none keeps all names", inner.text);
    }
    ggx_eval_close(&eval);
    return status;
}

CALL(config)
{
    UNUSED_CALL;
    const ggx_json *json = NULL;
    const char *file = eval->recipe && eval->recipe->config ? eval->recipe->config : CONFIG_FILE;
    if (args->kind != GGX_VALUE_STR) return needs_string(eval, node, args);
    ggx_status status = find_json(eval, node, ggx_str_of(file), &json);
    if (status != GGX_OK) return status;
    if (!json)
        return ggx_origin_fail(node->origin, node->offset, eval->error, GGX_E_NOTFOUND,
                               "the recipe needs '%s' beside the model, which is not there", file);
    return walk_json(eval, node, json, args->text, out);
}

CALL(json)
{
    UNUSED_CALL;
    const ggx_json *json = NULL;
    if (args[0].kind != GGX_VALUE_STR) return needs_string(eval, node, &args[0]);
    if (args[1].kind != GGX_VALUE_STR) return needs_string(eval, node, &args[1]);
    ggx_status status = find_json(eval, node, args[0].text, &json);
    if (status == GGX_E_MALFORMED && count > 2) { /* a file that may as well not be there */
        *out = args[2];
        return GGX_OK;
    }
    return status == GGX_OK ? walk_json(eval, node, json, args[1].text, out) : status;
}

/* A map with the members of both; where both have a key, the second's value. Null counts as an empty map. */
CALL(overlay)
{
    UNUSED_CALL;
    for (uint32_t i = 0; i < 2; i++)
        if (args[i].kind != GGX_VALUE_MAP && args[i].kind != GGX_VALUE_NULL)
            return ggx_value_fail(eval, node, &args[i], "overlay() needs maps, not %s", ggx_value_kind(&args[i]));
    *out = args[1].kind == GGX_VALUE_NULL ? args[0] : args[1];
    if (args[0].kind == GGX_VALUE_NULL || args[1].kind == GGX_VALUE_NULL) return GGX_OK;
    const ggx_json *below = args[0].at.map, *above = args[1].at.map;
    ggx_status status = ggx_eval_work(eval, node, (1 + (uint64_t)below->count) * (1 + (uint64_t)above->count) / 16);
    ggx_json *both = NULL;
    if (status == GGX_OK) both = ggx_arena_array(&eval->arena, 1 + (uint64_t)below->count + above->count, sizeof *both);
    if (status == GGX_OK && !both) status = GGX_NODE_FAIL(eval, node, "no memory for the map");
    if (status != GGX_OK) return status;
    *both = (ggx_json){.kind = GGX_JSON_OBJECT, .line = above->line, .column = above->column};
    ggx_json *member = both;
    for (uint32_t i = 0; i < 2; i++)
        for (const ggx_json *at = i ? above->first : below->first; at; at = at->next) {
            const ggx_json *instead = i ? NULL : ggx_json_get_str(above, at->key);
            if (i && ggx_json_get_str(below, at->key)) continue;
            ggx_json *link = member++;
            *member = instead ? *instead : *at;
            member->next = NULL;
            if (link == both)
                both->first = member;
            else
                link->next = member;
            both->count++;
        }
    *out = (ggx_value){.kind = GGX_VALUE_MAP, .at.map = both};
    return GGX_OK;
}

/* --- names ---------------------------------------------------------------------------------------------------------------- */

const ggx_function ggx_lookup_functions[] = {
    {"config", 1, 1, call_config},   {"exists", 1, 1, call_exists}, {"dtype", 1, 1, call_dtype},
    {"has", 1, 1, call_has},         {"json", 2, 3, call_json},     {"kv", 1, 1, call_kv},
    {"overlay", 2, 2, call_overlay}, {"peek", 2, 2, call_peek},     {"shape", 1, 1, call_shape},
    {"tensors", 1, 1, call_tensors}, {"tied", 2, 2, call_tied},     {NULL, 0, 0, NULL},
};

static const ggx_function *const tables[] = {ggx_pure_functions,  ggx_lookup_functions, ggx_token_functions,
                                             ggx_vocab_functions, ggx_made_functions,   ggx_card_functions,
                                             ggx_near_functions,  ggx_adapter_functions};

const ggx_function *ggx_function_find(ggx_str name)
{
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const ggx_function *f = tables[t]; f->name; f++)
            if (ggx_str_is(name, f->name)) return f;
    return NULL;
}

const char *const *ggx_function_names(const char **space, uint32_t capacity)
{
    uint32_t n = 0;
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const ggx_function *f = tables[t]; f->name && n + 1 < capacity; f++) space[n++] = f->name;
    space[n] = NULL;
    return space;
}

const char *const ggx_builtin_names[] = {"reader",           "writer",     "type",    "quantized",  "file_type",
                                         "legacy_file_type", "version",    "via",     "block_size", "model_name",
                                         "compat",           "vocab_only", "portion", NULL};

static ggx_value text_or_null(const char *text)
{
    return text && *text ? ggx_value_text(ggx_str_of(text)) : (ggx_value){0};
}

static ggx_value code_or_null(int32_t code)
{
    return code == GGX_NO_CODE ? (ggx_value){0} : ggx_value_int(code);
}

/* A type that no plugin makes is f32, whose code is 0 in both numberings. */
int ggx_builtin_value(ggx_eval *eval, ggx_str name, ggx_value *out)
{
    const ggx_recipe_env *env = eval->env;
    int which = 0;
    while (ggx_builtin_names[which] && !ggx_str_is(name, ggx_builtin_names[which])) which++;
    switch (which) {
    case 0: *out = text_or_null(env->checkpoint->reader_name); return 1;
    case 1: *out = text_or_null(env->writer); return 1;
    case 2: *out = text_or_null(env->type_name); return 1;
    case 3: *out = ggx_value_bool(env->type && env->type->type.block_elems > 1); return 1;
    case 4: *out = code_or_null(env->type ? env->type->file_type : env->type_name[0] ? 0 : GGX_NO_CODE); return 1;
    case 5:
        *out = code_or_null(env->type ? env->type->legacy_file_type : env->type_name[0] ? 0 : GGX_NO_CODE);
        return 1;
    case 6: *out = text_or_null(env->version); return 1;
    case 7: *out = text_or_null(env->via); return 1;
    case 8: *out = ggx_value_int(env->type ? env->type->type.block_elems : 1); return 1;
    case 9: *out = text_or_null(env->model_name); return 1;
    case 10: *out = text_or_null(env->compat); return 1;
    case 11: *out = ggx_value_bool(env->header_only); return 1;
    case 12: *out = text_or_null(env->portion); return 1;
    default: return 0;
    }
}
