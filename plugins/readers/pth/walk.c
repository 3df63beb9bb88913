/* walk.c - goes through a pickle's values, naming what it meets by the keys on the way: state_dict.layer1.0.weight.
 *
 * Dicts and lists pass their keys on. Of an nn.Module only _parameters, _buffers and _modules count, and add nothing to names, so that they
 * come out as its state_dict would name them; of a TorchScript object all attributes. Scalars and lists of them that lie in dicts become
 * key/values. What an optimizer keeps (a dict with "state" and "param_groups") is marked auxiliary. */
#include "pth.h"

#include <ggx_sdk/error.h>

typedef struct walker {
    pth_file *r;
    const pth_part *part;
    const ggx_sink *sink;
    ggx_error *error;
    ggx_names names;
    uint64_t steps; /* left: shared values could be met without end */
    uint64_t length;
    uint64_t unnamed; /* values whose keys are no names */
    uint32_t depth;
    uint32_t flags;  /* GGX_TENSOR_* of what is met */
    uint32_t silent; /* > 0: scalars are attributes of an object, or an optimizer's, and not handed on */
    char path[PTH_MAX_PATH];
} walker;

static ggx_status walk(walker *w, ggx_pickle_value *v);

static ggx_str path_of(const walker *w)
{
    return (ggx_str){w->path, w->length};
}

static ggx_status refuse(const walker *w, const ggx_pickle_value *v, const char *what)
{
    return ggx_fail_at(w->error, GGX_E_MALFORMED, w->r->member, GGX_NO_OFFSET,
                       "at '%.*s' (byte %llu of the pickle): %s", GGX_STR_ARGS(path_of(w)),
                       (unsigned long long)v->offset, what);
}

/* ---- names ----------------------------------------------------------------------------------------------------------------- */

/* The name below pth.select; empty when the path is not below it. */
static ggx_str selected(const walker *w)
{
    static const ggx_str alone = {"tensor", 6};
    ggx_str s = w->r->select, path = path_of(w);
    if (!path.size) return alone;
    if (!s.size || (path.size == s.size && !memcmp(path.data, s.data, (size_t)s.size))) return path;
    if (path.size <= s.size + 1 || memcmp(path.data, s.data, (size_t)s.size) != 0 || path.data[s.size] != '.')
        return (ggx_str){"", 0};
    return (ggx_str){path.data + s.size + 1, path.size - s.size - 1};
}

/* Walks a value with a word more in its name. */
static ggx_status walk_under(walker *w, const char *word, uint64_t size, ggx_pickle_value *v)
{
    uint64_t length = w->length, dot = length ? 1 : 0;
    if (size + dot > sizeof w->path - length) return refuse(w, v, "its name is longer than 4096 bytes");
    if (dot) w->path[length] = '.';
    memcpy(w->path + length + dot, word, (size_t)size);
    w->length += size + dot;
    ggx_status status = walk(w, v);
    w->length = length;
    return status;
}

static ggx_status walk_numbered(walker *w, int64_t number, ggx_pickle_value *v)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%lld", (long long)number);
    return walk_under(w, text, (uint64_t)n, v);
}

/* ---- what is met ----------------------------------------------------------------------------------------------------------- */

static ggx_status add_tensor(walker *w, const ggx_pickle_value *v, pth_tensor *t)
{
    pth_file *r = w->r;
    ggx_str name = selected(w);
    if (w->sink || !name.size) return GGX_OK;
    if (memchr(name.data, 0, (size_t)name.size)) return refuse(w, v, "a name has a NUL in it");
    ggx_status status = ggx_names_add(&w->names, name, "tensor", &t->name, w->error);
    if (status != GGX_OK) return status;
    if (r->tensor_count == r->tensor_room) {
        uint64_t room = r->tensor_room ? r->tensor_room * 2 : 64;
        pth_tensor *wider = r->host->alloc(r->host, room * sizeof *wider);
        if (!wider)
            return ggx_fail(w->error, GGX_E_NOMEM, "no memory for more than %llu tensors",
                            (unsigned long long)r->tensor_count);
        if (r->tensor_count) memcpy(wider, r->tensors, (size_t)(r->tensor_count * sizeof *wider));
        r->tensors = wider;
        r->tensor_room = room;
    }
    t->flags = w->flags;
    r->tensors[r->tensor_count++] = *t;
    return GGX_OK;
}

/* The key/value type of a scalar; GGX_KV_ARRAY when it is none. */
static uint32_t scalar_type(const ggx_pickle_value *v)
{
    switch (v->kind) {
    case GGX_PICKLE_BOOL: return GGX_KV_BOOL;
    case GGX_PICKLE_INT: return GGX_KV_I64;
    case GGX_PICKLE_REAL: return GGX_KV_F64;
    case GGX_PICKLE_TEXT: return GGX_KV_STRING;
    default: return GGX_KV_ARRAY;
    }
}

static void store_scalar(const ggx_pickle_value *v, void *data, uint64_t i)
{
    switch (v->kind) {
    case GGX_PICKLE_BOOL: ((uint8_t *)data)[i] = v->integer != 0; break;
    case GGX_PICKLE_INT: ((int64_t *)data)[i] = v->integer; break;
    case GGX_PICKLE_REAL: ((double *)data)[i] = v->real; break;
    default: ((ggx_str *)data)[i] = v->text; break;
    }
}

/* `count` scalars of one type as a key/value; `array` says whether it is a list. */
static ggx_status push_kv(walker *w, ggx_pickle_value *const *items, uint64_t count, int array)
{
    ggx_kv kv;
    memset(&kv, 0, sizeof kv);
    kv.key = selected(w);
    if (!w->sink || w->silent || !kv.key.size || !w->length || memchr(kv.key.data, 0, (size_t)kv.key.size))
        return GGX_OK;
    void *data = w->r->host->alloc(w->r->host, count * sizeof(ggx_str));
    if (!data) return ggx_fail(w->error, GGX_E_NOMEM, "no memory for a list of %llu values", (unsigned long long)count);
    for (uint64_t i = 0; i < count; i++) store_scalar(items[i], data, i);
    ggx_names *keys = w->r->keys ? w->r->keys : &w->names;
    ggx_status status = ggx_names_add(keys, kv.key, "key", NULL, w->error);
    if (status == GGX_E_MALFORMED && w->r->keys) return GGX_OK; /* shards repeat what is no tensor: the first counts */
    if (status != GGX_OK) return status;
    kv.struct_size = sizeof kv;
    kv.elem_type = scalar_type(items[0]);
    kv.type = array ? GGX_KV_ARRAY : kv.elem_type;
    kv.count = count;
    kv.data = data;
    return w->sink->kv(w->sink, &kv, w->error);
}

/* ---- containers ------------------------------------------------------------------------------------------------------------ */

static int is_optimizer(const ggx_pickle_value *dict)
{
    const ggx_pickle_value *state = ggx_pickle_get(dict, "state"), *groups = ggx_pickle_get(dict, "param_groups");
    return state && groups && state->kind == GGX_PICKLE_DICT && groups->kind == GGX_PICKLE_LIST;
}

static ggx_status walk_dict(walker *w, ggx_pickle_value *v)
{
    ggx_status status = GGX_OK;
    uint32_t flags = w->flags;
    int optimizer = is_optimizer(v);
    if (optimizer) w->flags |= GGX_TENSOR_AUXILIARY;
    w->silent += optimizer != 0;
    for (uint64_t i = 0; status == GGX_OK && i + 1 < v->count; i += 2) {
        const ggx_pickle_value *key = v->items[i];
        if (key->kind == GGX_PICKLE_TEXT)
            status = walk_under(w, key->text.data, key->text.size, v->items[i + 1]);
        else if (key->kind == GGX_PICKLE_INT || key->kind == GGX_PICKLE_BOOL)
            status = walk_numbered(w, key->integer, v->items[i + 1]);
        else if (v->items[i + 1]->kind >= GGX_PICKLE_TUPLE)
            w->unnamed++; /* tuples and others as keys name nothing; torch's own dicts have none */
    }
    w->silent -= optimizer != 0;
    w->flags = flags;
    return status;
}

static ggx_status walk_list(walker *w, ggx_pickle_value *v)
{
    uint64_t same = 0;
    while (same < v->count && scalar_type(v->items[same]) != GGX_KV_ARRAY && v->items[same]->kind == v->items[0]->kind)
        same++;
    if (v->count && same == v->count) return push_kv(w, v->items, v->count, 1);
    ggx_status status = GGX_OK;
    for (uint64_t i = 0; status == GGX_OK && i < v->count; i++) status = walk_numbered(w, (int64_t)i, v->items[i]);
    return status;
}

/* The state of an object: a dict of attributes, or a pair of that and of slots. */
static ggx_status walk_object(walker *w, ggx_pickle_value *state)
{
    static const char *const parts[] = {"_parameters", "_buffers", "_modules"};
    ggx_status status = GGX_OK;
    if (state && state->kind == GGX_PICKLE_TUPLE && state->count) state = state->items[0];
    if (!state || state->kind != GGX_PICKLE_DICT) return GGX_OK;
    w->silent++;
    if (ggx_pickle_get(state, "_parameters")) {
        for (size_t i = 0; status == GGX_OK && i < sizeof parts / sizeof parts[0]; i++) {
            ggx_pickle_value *part = ggx_pickle_get(state, parts[i]);
            if (part && part->kind == GGX_PICKLE_DICT) status = walk_dict(w, part);
        }
    } else {
        status = walk_dict(w, state);
    }
    w->silent--;
    return status;
}

static ggx_status walk_call(walker *w, ggx_pickle_value *v)
{
    ggx_pickle_value *args = v->items[1];
    switch (v->items[0]->role) {
    case PTH_ROLE_OBJECT: return walk_object(w, v->items[2]);
    case PTH_ROLE_FIRST:
    case PTH_ROLE_SIZE: return args->count ? walk(w, args->items[0]) : GGX_OK;
    default: return GGX_OK;
    }
}

static ggx_status walk(walker *w, ggx_pickle_value *v)
{
    pth_tensor t;
    int found = 0;
    if (w->depth == PTH_MAX_DEPTH) return refuse(w, v, "values are nested deeper than 200");
    if (!w->steps--) return refuse(w, v, "values repeat themselves without end");
    if (w->steps % 65536 == 0 && w->r->host->canceled(w->r->host))
        return ggx_fail(w->error, GGX_E_CANCELED, "stopped while listing tensors");
    memset(&t, 0, sizeof t);
    ggx_status status = pth_tensor_resolve(w->r, w->part, v, path_of(w), &t, &found, w->error);
    if (status != GGX_OK && w->error && w->error->member == GGX_NO_MEMBER) w->error->member = w->r->member;
    if (status != GGX_OK) return status;
    if (found) return add_tensor(w, v, &t);
    w->depth++;
    if (v->kind == GGX_PICKLE_DICT)
        status = walk_dict(w, v);
    else if (v->kind == GGX_PICKLE_LIST || v->kind == GGX_PICKLE_TUPLE)
        status = walk_list(w, v);
    else if (v->kind == GGX_PICKLE_CALL)
        status = walk_call(w, v);
    else if (scalar_type(v) != GGX_KV_ARRAY)
        status = push_kv(w, &v, 1, 0);
    w->depth--;
    return status;
}

ggx_status pth_walk(pth_file *r, const ggx_sink *sink, ggx_error *error)
{
    walker w;
    memset(&w, 0, offsetof(walker, path));
    w.r = r;
    w.sink = sink;
    w.error = error;
    ggx_names_init(&w.names, r->host);
    for (uint32_t i = 0; i < r->part_count; i++) {
        w.part = &r->parts[i];
        w.steps = 65536 + 8 * w.part->bytes;
        w.length = strlen(w.part->name);
        memcpy(w.path, w.part->name, (size_t)w.length);
        w.silent = i > 0;
        ggx_status status = walk(&w, w.part->root);
        if (status != GGX_OK) return status;
    }
    if (w.unnamed && !sink)
        r->host->log(r->host, GGX_LOG_WARNING,
                     "what lies in a dict under a key that is no text or whole number is left out");
    return GGX_OK;
}
