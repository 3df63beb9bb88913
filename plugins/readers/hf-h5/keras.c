/* keras.c - the objects of a file by their paths, and the names that Keras gave to weights.
 *
 * Keras 2 keeps, on the root group or on model_weights, the attribute layer_names, and on the group of each layer weight_names: paths
 * below that group, which are the weights' own names (keras/src/legacy/saving/legacy_h5_format.py). Lists over 64 KiB are split into
 * layer_names0, layer_names1, … All other datasets, and those of Keras 3 and of other programs, are called by their path. */
#include "h5.h"

#include <ggx_sdk/names.h>
#include <stdlib.h>

typedef struct list {
    h5_entry *first, *last;
    uint64_t count;
} list;

typedef struct walk {
    h5_file *f;
    list all;
    uint64_t ancestors[H5_MAX_DEPTH];
} walk;

static ggx_status no_memory(ggx_error *error)
{
    return ggx_fail(error, GGX_E_NOMEM, "the names of the datasets do not fit into this reader's memory");
}

static void append(list *l, h5_entry *e)
{
    if (l->last)
        l->last->next = e;
    else
        l->first = e;
    l->last = e;
    l->count++;
}

/* "a/b" of two parts, or the second when the first is empty. */
static ggx_status join(h5_file *f, ggx_str a, ggx_str b, ggx_str *out, ggx_error *error)
{
    uint64_t size = a.size ? a.size + 1 + b.size : b.size;
    char *path = f->host->alloc(f->host, size);
    if (!path) return no_memory(error);
    if (size > 65535)
        return ggx_fail(error, GGX_E_UNSUPPORTED, "the path '%.*s/...' has more than 65535 bytes", GGX_STR_ARGS(a));
    if (a.size) {
        memcpy(path, a.data, (size_t)a.size);
        path[a.size] = '/';
    }
    if (b.size) memcpy(path + (size - b.size), b.data, (size_t)b.size);
    out->data = path;
    out->size = size;
    return GGX_OK;
}

typedef struct children {
    walk *w;
    ggx_str parent;
    list found;
} children;

static ggx_status take_child(void *context, ggx_str name, uint64_t address, ggx_error *error)
{
    children *c = context;
    h5_entry *e = c->w->f->host->alloc(c->w->f->host, sizeof *e);
    if (!e) return no_memory(error);
    e->address = address;
    append(&c->found, e);
    return join(c->w->f, c->parent, name, &e->path, error);
}

static ggx_status walk_group(walk *w, ggx_str path, uint64_t address, uint32_t depth, int *is_group, ggx_error *error)
{
    children c = {w, path, {NULL, NULL, 0}};
    ggx_status status = h5_group_walk(w->f, address, take_child, &c, is_group, error);
    if (status != GGX_OK || !*is_group) return status;
    w->ancestors[depth] = address;
    h5_entry *next;
    for (h5_entry *e = c.found.first; e; e = next) {
        int child_is_group = 0, circle = 0;
        next = e->next;
        e->next = NULL;
        append(&w->all, e);
        e->order = w->all.count;
        for (uint32_t i = 0; i <= depth; i++) circle |= w->ancestors[i] == e->address;
        if (circle || depth + 1 == H5_MAX_DEPTH)
            return ggx_fail(error, GGX_E_UNSUPPORTED, "the group '%.*s' %s", GGX_STR_ARGS(e->path),
                            circle ? "holds itself" : "lies more than 32 groups deep");
        status = walk_group(w, e->path, e->address, depth + 1, &child_is_group, error);
        if (status != GGX_OK) return status;
        e->is_group = child_is_group != 0;
    }
    return GGX_OK;
}

static int compare_str(ggx_str a, ggx_str b)
{
    uint64_t n = a.size < b.size ? a.size : b.size;
    int c = n ? memcmp(a.data, b.data, (size_t)n) : 0;
    return c ? c : a.size < b.size ? -1 : a.size > b.size;
}

static int by_path(const void *left, const void *right)
{
    return compare_str((*(h5_entry *const *)left)->path, (*(h5_entry *const *)right)->path);
}

static int by_order(const void *left, const void *right)
{
    uint64_t a = (*(h5_entry *const *)left)->order, b = (*(h5_entry *const *)right)->order;
    return a < b ? -1 : a > b;
}

typedef struct names {
    const ggx_str *list;
    uint64_t count;
    int found;
} names;

static ggx_status take_names(void *context, const ggx_kv *kv, ggx_error *error)
{
    names *n = context;
    n->found = 1;
    n->count = kv->count;
    n->list = kv->data;
    if (kv->elem_type == GGX_KV_STRING) return GGX_OK;
    if (!kv->count) return GGX_OK; /* a layer without weights: an empty list of floats */
    return ggx_fail(error, GGX_E_MALFORMED, "the attribute '%.*s' is no list of names", GGX_STR_ARGS(kv->key));
}

static ggx_status read_names(h5_file *f, uint64_t address, const char *key, uint32_t part, names *out, ggx_error *error)
{
    char text[40];
    int n = part ? snprintf(text, sizeof text, "%s%u", key, part - 1) : snprintf(text, sizeof text, "%s", key);
    memset(out, 0, sizeof *out);
    return h5_attributes_walk(f, address, (ggx_str){text, (uint64_t)n}, take_names, out, error);
}

typedef struct naming {
    h5_file *f;
    h5_entry **sorted;
    uint64_t count, order;
    ggx_names used;
} naming;

static h5_entry *find(const naming *n, ggx_str path)
{
    h5_entry key = {.path = path}, *at = &key;
    h5_entry **found = n->count ? bsearch(&at, n->sorted, (size_t)n->count, sizeof *n->sorted, by_path) : NULL;
    return found ? *found : NULL;
}

static ggx_status name_weight(naming *n, ggx_str group, ggx_str layer, ggx_str weight, ggx_error *error)
{
    ggx_str path, name = weight;
    ggx_status status = join(n->f, group, weight, &path, error);
    if (status != GGX_OK) return status;
    h5_entry *e = find(n, path);
    if (!e || e->is_group)
        return ggx_fail(error, GGX_E_MALFORMED,
                        "the layer '%.*s' lists the weight '%.*s', which is not there; the file is damaged",
                        GGX_STR_ARGS(layer), GGX_STR_ARGS(weight));
    if (e->name.size) return GGX_OK; /* listed twice */
    status = ggx_names_add(&n->used, name, "weight", NULL, error);
    if (status == GGX_E_MALFORMED) { /* two layers may call their weights alike */
        status = join(n->f, layer, weight, &name, error);
        if (status == GGX_OK) status = ggx_names_add(&n->used, name, "weight", NULL, error);
    }
    if (status != GGX_OK) return status;
    e->name = name;
    e->order = n->order++;
    return GGX_OK;
}

static ggx_status name_layer(naming *n, ggx_str root, ggx_str layer, ggx_error *error)
{
    ggx_str path;
    names weights;
    if (!layer.size) return ggx_fail(error, GGX_E_MALFORMED, "a layer has no name; the file is damaged");
    ggx_status status = join(n->f, root, layer, &path, error);
    if (status != GGX_OK) return status;
    h5_entry *e = find(n, path);
    if (!e || !e->is_group)
        return ggx_fail(error, GGX_E_MALFORMED, "the layer '%.*s' is listed and not there; the file is damaged",
                        GGX_STR_ARGS(layer));
    for (uint32_t part = 0;; part++) {
        status = read_names(n->f, e->address, "weight_names", part, &weights, error);
        if (status != GGX_OK) return status;
        for (uint64_t i = 0; i < weights.count; i++) {
            status = name_weight(n, path, layer, weights.list[i], error);
            if (status != GGX_OK) return status;
        }
        if (part == 0 ? weights.found : !weights.found) return GGX_OK;
    }
}

static ggx_status name_layers(naming *n, ggx_str root, uint64_t address, int *found, ggx_error *error)
{
    for (uint32_t part = 0;; part++) {
        names layers;
        ggx_status status = read_names(n->f, address, "layer_names", part, &layers, error);
        if (status != GGX_OK) return status;
        *found |= layers.found;
        for (uint64_t i = 0; i < layers.count; i++) {
            status = name_layer(n, root, layers.list[i], error);
            if (status != GGX_OK) return status;
        }
        if (part == 0 ? layers.found : !layers.found) return GGX_OK;
    }
}

static int begins_with(ggx_str s, const char *start)
{
    size_t n = strlen(start);
    return s.size > n && !memcmp(s.data, start, n);
}

ggx_status h5_entries_read(h5_file *f, h5_entry ***out, uint64_t *count, ggx_error *error)
{
    static const ggx_str none = {"", 0}, model = {"model_weights", 13};
    walk *w = f->host->alloc(f->host, sizeof *w);
    if (!w) return no_memory(error);
    w->f = f;
    int is_group = 0, found = 0;
    ggx_status status = walk_group(w, none, f->root, 0, &is_group, error);
    if (status != GGX_OK) return status;
    naming n = {.f = f, .count = w->all.count};
    ggx_names_init(&n.used, f->host);
    n.sorted = f->host->alloc(f->host, n.count * sizeof *n.sorted);
    if (!n.sorted) return no_memory(error);
    uint64_t i = 0;
    for (h5_entry *e = w->all.first; e; e = e->next) {
        n.sorted[i++] = e;
        e->order += n.count; /* behind all that Keras names */
        if (begins_with(e->path, "optimizer_weights/") || begins_with(e->path, "optimizer/"))
            e->flags = GGX_TENSOR_AUXILIARY;
    }
    if (n.count > 1) qsort(n.sorted, (size_t)n.count, sizeof *n.sorted, by_path);
    status = name_layers(&n, none, f->root, &found, error);
    h5_entry *group = find(&n, model);
    if (status == GGX_OK && !found && group && group->is_group)
        status = name_layers(&n, model, group->address, &found, error);
    if (n.count > 1) qsort(n.sorted, (size_t)n.count, sizeof *n.sorted, by_order);
    for (i = 0; i < n.count && status == GGX_OK; i++)
        if (!n.sorted[i]->is_group && !n.sorted[i]->name.size)
            status = ggx_names_add(&n.used, n.sorted[i]->path, "dataset", NULL, error);
    *out = n.sorted;
    *count = n.count;
    return status;
}
