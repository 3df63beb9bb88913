/* objects.c - arrays inside an array of Python objects: a pickled dict (of dicts, of lists) of plain arrays, as np.save writes for
 * np.save(FILE, {"conv1": {"weights": array, …}}).
 *
 * The pickle is parsed as data and nothing in it is run: numpy's own four names are symbols, any other refuses the file. An array is
 * _reconstruct(ndarray, …) with the state (1, shape, dtype, is_fortran, elements). Source: numpy/_core/src/multiarray/methods.c
 * (array_reduce, array_setstate), descriptor.c (arraydescr_reduce). */
#include "npz.h"

#include <ggx_sdk/checked.h>
#include <ggx_sdk/error.h>
#include <ggx_sdk/log.h>
#include <ggx_sdk/pickle.h>

#define ROLE_ARRAY 16
#define ROLE_CLASS 17
#define ROLE_DTYPE 18
#define ROLE_SCALAR 19
#define MAX_PATH 4096u
#define MAX_DEPTH 64u

typedef struct walker {
    npz_reader *r;
    const npz_pickle *from;
    ggx_error *error;
    uint64_t steps; /* left: shared values could be met without end */
    uint64_t length, found, others;
    uint32_t depth;
    char path[MAX_PATH];
} walker;

static int64_t role_of(void *context, ggx_str module, ggx_str name)
{
    static const struct {
        const char *module, *name;
        int64_t role;
    } names[] = {
        {"numpy.core.multiarray", "_reconstruct", ROLE_ARRAY},
        {"numpy._core.multiarray", "_reconstruct", ROLE_ARRAY},
        {"numpy.core.multiarray", "scalar", ROLE_SCALAR},
        {"numpy._core.multiarray", "scalar", ROLE_SCALAR},
        {"numpy", "ndarray", ROLE_CLASS},
        {"numpy", "dtype", ROLE_DTYPE},
    };
    (void)context;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (module.size == strlen(names[i].module) && !memcmp(module.data, names[i].module, (size_t)module.size) &&
            name.size == strlen(names[i].name) && !memcmp(name.data, names[i].name, (size_t)name.size))
            return names[i].role;
    return GGX_PICKLE_ROLE_FORBIDDEN;
}

static ggx_status read_bytes(void *context, uint64_t offset, void *out, uint64_t size, ggx_error *error)
{
    const walker *w = context;
    return w->from->stream ? ggx_inflate_read(w->from->stream, offset, out, size, error)
                           : w->r->source->read_at(w->r->source, 0, offset, out, size, error);
}

static ggx_status refuse(const walker *w, const ggx_pickle_value *v, ggx_status status, const char *what)
{
    return ggx_fail_at(w->error, status, 0, w->from->stream ? w->from->base : v->offset,
                       "the Python objects at '%.*s' (byte %llu of the array): %s",
                       GGX_STR_ARGS(((ggx_str){w->path, w->length})), (unsigned long long)v->offset, what);
}

/* ---- arrays ---------------------------------------------------------------------------------------------------------------- */

static const ggx_pickle_value *item(const ggx_pickle_value *tuple, uint64_t i, uint32_t kind)
{
    return tuple && tuple->kind == GGX_PICKLE_TUPLE && i < tuple->count && tuple->items[i]->kind == kind
               ? tuple->items[i]
               : NULL;
}

/* dtype('f4', align, copy) with the state (3, '<', …). */
static int parse_dtype(const ggx_pickle_value *v, npy_array *out)
{
    if (!v || v->kind != GGX_PICKLE_CALL || v->items[0]->role != ROLE_DTYPE) return 0;
    const ggx_pickle_value *descr = item(v->items[1], 0, GGX_PICKLE_TEXT),
                           *order = item(v->items[2], 1, GGX_PICKLE_TEXT);
    if (!descr || !npy_dtype_find(descr->text, out)) return 0;
    out->byte_order = order && order->text.size && order->text.data[0] == '>' ? GGX_BIG_ENDIAN : GGX_LITTLE_ENDIAN;
    return 1;
}

static ggx_status add_array(walker *w, const ggx_pickle_value *v, npy_array *array, const ggx_pickle_value *bytes)
{
    uint64_t elems = 0;
    if (!bytes || !ggx_product_u64(array->shape, array->rank, &elems) || elems > INT64_MAX ||
        !ggx_type_bytes(&array->type, elems, &array->nbytes) || array->nbytes != bytes->text.size)
        return refuse(w, v, GGX_E_MALFORMED, "the array's elements are not as many as its shape says");
    ggx_str path = {w->path, w->length};
    npz_item made = {.name = path.size ? path : w->from->alone,
                     .memory = (const uint8_t *)bytes->text.data,
                     .array = *array,
                     .base = w->from->base};
    w->found++;
    return npz_item_add(w->r, &made, w->error);
}

static ggx_status walk(walker *w, ggx_pickle_value *v);

static ggx_status walk_under(walker *w, const char *word, uint64_t size, ggx_pickle_value *v)
{
    uint64_t length = w->length, dot = length ? 1 : 0;
    if (size + dot > sizeof w->path - length)
        return refuse(w, v, GGX_E_MALFORMED, "its name is longer than 4096 bytes");
    if (memchr(word, 0, (size_t)size)) return refuse(w, v, GGX_E_MALFORMED, "a name has a NUL in it");
    if (dot) w->path[length] = '.';
    memcpy(w->path + length + dot, word, (size_t)size);
    w->length += size + dot;
    ggx_status status = walk(w, v);
    w->length = length;
    return status;
}

static ggx_status walk_items(walker *w, ggx_pickle_value *const *items, uint64_t count)
{
    ggx_status status = GGX_OK;
    for (uint64_t i = 0; status == GGX_OK && i < count; i++) {
        char text[24];
        int n = snprintf(text, sizeof text, "%llu", (unsigned long long)i);
        status = walk_under(w, text, (uint64_t)n, items[i]);
    }
    return status;
}

/* Elements that are objects themselves: a list of them in C order, numbered; that of an array without axes takes no number. */
static ggx_status walk_elements(walker *w, const ggx_pickle_value *state, uint32_t rank)
{
    const ggx_pickle_value *list = item(state, 4, GGX_PICKLE_LIST);
    if (!list) return refuse(w, state, GGX_E_MALFORMED, "an array's elements are missing");
    return rank == 0 && list->count == 1 ? walk(w, list->items[0]) : walk_items(w, list->items, list->count);
}

static ggx_status walk_array(walker *w, const ggx_pickle_value *v)
{
    const ggx_pickle_value *state = v->items[2], *shape = item(state, 1, GGX_PICKLE_TUPLE),
                           *dtype = item(state, 2, GGX_PICKLE_CALL), *order = item(state, 3, GGX_PICKLE_BOOL);
    npy_array array;
    memset(&array, 0, sizeof array);
    if (!shape || !dtype || !order || state->count != 5)
        return refuse(w, v, GGX_E_MALFORMED, "the record of an array is broken");
    if (shape->count > GGX_MAX_RANK) return refuse(w, v, GGX_E_UNSUPPORTED, "an array of more than 8 axes");
    for (; array.rank < shape->count; array.rank++) {
        const ggx_pickle_value *axis = shape->items[array.rank];
        if (axis->kind != GGX_PICKLE_INT || axis->integer < 0)
            return refuse(w, v, GGX_E_MALFORMED, "an array's shape must hold whole numbers");
        array.shape[array.rank] = (uint64_t)axis->integer;
    }
    if (!parse_dtype(dtype, &array))
        return refuse(w, v, GGX_E_UNSUPPORTED, "an array's elements are no numbers that ggx knows; save plain arrays");
    if (array.kind == NPY_OBJECTS) return walk_elements(w, state, array.rank);
    if (array.kind == NPY_WORDS) {
        w->others++;
        return GGX_OK;
    }
    array.fortran = order->integer != 0;
    return add_array(w, v, &array, item(state, 4, GGX_PICKLE_TEXT));
}

static ggx_status walk_scalar(walker *w, const ggx_pickle_value *v)
{
    npy_array array;
    memset(&array, 0, sizeof array);
    if (!parse_dtype(item(v->items[1], 0, GGX_PICKLE_CALL), &array))
        return refuse(w, v, GGX_E_UNSUPPORTED, "a number of a type that ggx does not know; save plain arrays");
    if (array.kind != NPY_NUMBERS) {
        w->others++;
        return GGX_OK;
    }
    return add_array(w, v, &array, item(v->items[1], 1, GGX_PICKLE_TEXT));
}

static ggx_status walk_dict(walker *w, const ggx_pickle_value *v)
{
    ggx_status status = GGX_OK;
    for (uint64_t i = 0; status == GGX_OK && i + 1 < v->count; i += 2) {
        const ggx_pickle_value *key = v->items[i];
        char text[24];
        int n = snprintf(text, sizeof text, "%lld", key->kind == GGX_PICKLE_INT ? (long long)key->integer : 0);
        if (key->kind == GGX_PICKLE_TEXT)
            status = walk_under(w, key->text.data, key->text.size, v->items[i + 1]);
        else if (key->kind == GGX_PICKLE_INT)
            status = walk_under(w, text, (uint64_t)n, v->items[i + 1]);
        else
            status = refuse(w, v, GGX_E_UNSUPPORTED, "a dict's key is neither text nor a number");
    }
    return status;
}

static ggx_status walk(walker *w, ggx_pickle_value *v)
{
    ggx_status status = GGX_OK;
    if (w->depth == MAX_DEPTH) return refuse(w, v, GGX_E_MALFORMED, "values are nested deeper than 64");
    if (!w->steps--) return refuse(w, v, GGX_E_MALFORMED, "values repeat themselves without end");
    w->depth++;
    if (v->kind == GGX_PICKLE_DICT)
        status = walk_dict(w, v);
    else if (v->kind == GGX_PICKLE_LIST || v->kind == GGX_PICKLE_TUPLE)
        status = walk_items(w, v->items, v->count);
    else if (v->kind == GGX_PICKLE_CALL && v->items[0]->role == ROLE_ARRAY)
        status = walk_array(w, v);
    else if (v->kind == GGX_PICKLE_CALL && v->items[0]->role == ROLE_SCALAR)
        status = walk_scalar(w, v);
    else
        w->others++;
    w->depth--;
    return status;
}

/* ---- the pickle ------------------------------------------------------------------------------------------------------------ */

static ggx_status check_found(const walker *w)
{
    if (w->from->must_have_one && !w->found)
        return ggx_fail_at(w->error, GGX_E_UNSUPPORTED, 0, w->from->base,
                           "it holds Python objects and no array of numbers among them; save plain arrays");
    if (w->others)
        ggx_log(w->r->host, GGX_LOG_WARNING,
                "%llu values in the objects of '%.*s' are no arrays of numbers and left out",
                (unsigned long long)w->others, GGX_STR_ARGS(w->from->alone));
    return GGX_OK;
}

ggx_status npz_objects_read(npz_reader *r, const npz_pickle *from, ggx_error *error)
{
    walker w;
    ggx_pickle_value *root = NULL;
    memset(&w, 0, offsetof(walker, path));
    w.r = r;
    w.from = from;
    w.error = error;
    w.steps = 65536 + 8 * (from->end - from->begin);
    ggx_pickle p = {.host = r->host,
                    .context = &w,
                    .read = read_bytes,
                    .role = role_of,
                    .at = from->begin,
                    .end = from->end,
                    .base = from->base};
    ggx_status status = ggx_pickle_load(&p, &root, error);
    if (status == GGX_OK && from->stream)
        status = ggx_inflate_read(from->stream, from->end, NULL, 0, error); /* to its end, which checks the CRC */
    if (status != GGX_OK) return status;
    if (from->name.size > sizeof w.path / 2) return refuse(&w, root, GGX_E_MALFORMED, "the array's name is too long");
    memcpy(w.path, from->name.data, (size_t)from->name.size);
    w.length = from->name.size;
    status = walk(&w, root);
    return status == GGX_OK ? check_found(&w) : status;
}
