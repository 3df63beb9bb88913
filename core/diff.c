/* The recipe is applied as for a conversion; what it makes is not written but compared. */
#include "diff.h"

#include <ggx_sdk/checked.h>
#include <ggx_sdk/error.h>
#include <stdlib.h>

/* How far blocks may be from what this program's own rounding to the same type gives: an importance matrix moves the error to where it
 * does not matter, an intermediate type adds a little. */
#define RMSE_ROOM 2.0
#define LARGEST_ROOM 8.0
#define RELATIVE_ROOM 0.75 /* of types that cannot be made without an importance matrix */

typedef struct differ {
    ggx_arena *arena;
    ggx_flow *source;
    const ggx_flow *file;
    const ggx_conversion *wanted;
    const ggx_run *run;
    ggx_diff *out;
    ggx_error *error;
} differ;

static ggx_status no_memory(const differ *d)
{
    return ggx_fail(d->error, GGX_E_NOMEM, "no memory for the comparison");
}

/* --- tensors ------------------------------------------------------------------------------------------------------------------ */

/* Where the recipe lets axes make one row, the file may have them so. */
static ggx_status fit_view(const differ *d, const ggx_recipe_tensor *t, const ggx_tensor *found, ggx_view *view)
{
    uint64_t elems, wanted;
    ggx_status status = ggx_view_copy(d->arena, &t->view, view, d->error);
    if (status != GGX_OK || !t->row_axes || found->rank >= view->rank ||
        !ggx_product_u64(found->shape, found->rank, &elems) || !ggx_product_u64(view->shape, view->rank, &wanted) ||
        elems != wanted)
        return status;
    return ggx_view_reshape(d->arena, view, found->shape, found->rank, d->error);
}

static uint32_t judge(const ggx_diff_tensor *t, const ggx_quant *quant, int own)
{
    const ggx_difference *f = &t->difference;
    const int rounds = !quant || (quant->flags & GGX_QUANT_FLOAT);
    if (f->lost) return GGX_DIFF_CHANGED;
    if (f->largest <= 0 && !f->odd) return GGX_DIFF_SAME;
    if (own && !f->changed) return GGX_DIFF_TYPE;
    if (rounds || f->odd) return GGX_DIFF_CHANGED;
    if (!own) return f->relative <= RELATIVE_ROOM ? GGX_DIFF_TYPE : GGX_DIFF_CHANGED;
    return f->rmse <= RMSE_ROOM * f->own_rmse && f->largest <= LARGEST_ROOM * f->own_largest ? GGX_DIFF_TYPE
                                                                                             : GGX_DIFF_CHANGED;
}

static ggx_status measure(const differ *d, const ggx_operand *a, const ggx_operand *b, ggx_diff_tensor *row)
{
    const ggx_quant *quant = NULL;
    const char *type = b->view->type.name;
    const int plain = !strcmp(type, "f32");
    int same = 0;
    if (!plain && ggx_registry_quant(d->file->registry, ggx_str_of(type), &quant, NULL) != GGX_OK) quant = NULL;
    if (!plain && !quant && !a->op_count && ggx_type_same(&a->view->type, &b->view->type)) {
        ggx_status status = ggx_views_equal(a, b, d->run, &same, d->error);
        row->state = same ? GGX_DIFF_SAME : GGX_DIFF_CHANGED;
        return status;
    }
    const ggx_kernels *kernels = NULL;
    const uint64_t cols = b->view->rank ? b->view->shape[b->view->rank - 1] : 1;
    const int own =
        plain || (quant && quant->imatrix != GGX_IMATRIX_NEEDS && cols % quant->type.block_elems == 0 &&
                  ggx_registry_kernels(d->file->registry, quant, &kernels, NULL) == GGX_OK && kernels->quantize);
    row->measured = 1;
    ggx_status status =
        ggx_views_compare(a, b, own && !plain ? quant : NULL, plain, d->run, &row->difference, d->error);
    if (status == GGX_OK) row->state = judge(row, quant, own);
    return status;
}

static ggx_status compare_tensor(const differ *d, const ggx_recipe_tensor *t, ggx_diff_tensor *row)
{
    const ggx_checkpoint *laid = ggx_flow_laid(d->source), *c = d->file->model;
    const uint64_t at = ggx_checkpoint_find(c, t->name);
    ggx_view wanted, found;
    row->name = t->name;
    row->type = "";
    row->wanted_rank = t->view.rank;
    row->wanted_shape = t->view.shape;
    row->sources = t->view.piece_count;
    if (t->view.piece_count && t->view.pieces[0].tensor != GGX_CONST_TENSOR)
        row->source = laid->tensors[t->view.pieces[0].tensor].name;
    row->state = GGX_DIFF_MISSING;
    if (at == UINT64_MAX) return GGX_OK;
    row->type = c->tensors[at].type.name;
    row->found_rank = c->tensors[at].rank;
    row->found_shape = c->tensors[at].shape;
    ggx_status status = fit_view(d, t, &c->tensors[at], &wanted);
    if (status == GGX_OK) status = ggx_view_tensor(d->arena, c, at, &found, d->error);
    if (status != GGX_OK) return status;
    row->state = GGX_DIFF_SHAPE;
    if (wanted.rank != found.rank || memcmp(wanted.shape, found.shape, found.rank * sizeof *found.shape) != 0)
        return GGX_OK;
    const ggx_operand left = {laid, &wanted, t->ops, t->op_count}, right = {c, &found, NULL, 0};
    return measure(d, &left, &right, row);
}

static int by_name(const void *a, const void *b)
{
    return ggx_str_order(*(const ggx_str *)a, *(const ggx_str *)b);
}

static int has_name(const ggx_str *sorted, uint64_t count, ggx_str name)
{
    return count && bsearch(&name, sorted, (size_t)count, sizeof name, by_name) != NULL;
}

static ggx_status compare_tensors(const differ *d)
{
    const ggx_recipe_result *result = &d->source->result;
    const ggx_checkpoint *c = d->file->model;
    ggx_diff *out = d->out;
    ggx_str *names = ggx_arena_array(d->arena, result->tensor_count + 1, sizeof *names);
    out->tensors = ggx_arena_array(d->arena, result->tensor_count + c->tensor_count + 1, sizeof *out->tensors);
    if (!names || !out->tensors) return no_memory(d);
    for (uint64_t i = 0; i < result->tensor_count; i++) {
        names[i] = result->tensors[i].name;
        ggx_status status = compare_tensor(d, &result->tensors[i], &out->tensors[out->tensor_count++]);
        if (status != GGX_OK) return status;
    }
    if (result->tensor_count) qsort(names, (size_t)result->tensor_count, sizeof *names, by_name);
    for (uint64_t k = 0; k < c->tensor_count; k++) {
        const ggx_tensor *t = &c->tensors[k];
        if (has_name(names, result->tensor_count, t->name) || (t->flags & GGX_TENSOR_AUXILIARY)) continue;
        out->tensors[out->tensor_count++] = (ggx_diff_tensor){.name = t->name,
                                                              .state = GGX_DIFF_EXTRA,
                                                              .type = t->type.name,
                                                              .found_rank = t->rank,
                                                              .found_shape = t->shape};
    }
    return GGX_OK;
}

/* --- key/values --------------------------------------------------------------------------------------------------------------- */

static uint64_t size_of(uint32_t type)
{
    switch (type) {
    case GGX_KV_U8:
    case GGX_KV_I8:
    case GGX_KV_BOOL: return 1;
    case GGX_KV_U16:
    case GGX_KV_I16: return 2;
    case GGX_KV_U64:
    case GGX_KV_I64:
    case GGX_KV_F64: return 8;
    default: return 4;
    }
}

static int same_kv(const ggx_kv *a, const ggx_kv *b)
{
    if (!a || !b) return a == b;
    if (a->type != b->type || a->count != b->count || a->elem_type != b->elem_type) return 0;
    if (a->elem_type != GGX_KV_STRING)
        return !a->count || !memcmp(a->data, b->data, (size_t)(a->count * size_of(a->elem_type)));
    const ggx_str *x = a->data, *y = b->data;
    for (uint64_t i = 0; i < a->count; i++)
        if (!ggx_str_same(x[i], y[i])) return 0;
    return 1;
}

static const ggx_kv *find_kv(const ggx_recipe_result *result, ggx_str key)
{
    for (uint64_t i = 0; i < result->kv_count; i++)
        if (ggx_str_same(result->kvs[i].key, key)) return &result->kvs[i];
    return NULL;
}

/* `other` is the header for another type, or NULL: what differs between the two is the type's to say. */
static ggx_status compare_keys(const differ *d, const ggx_recipe_result *other)
{
    const ggx_recipe_result *result = &d->source->result;
    const ggx_checkpoint *c = d->file->model;
    ggx_diff *out = d->out;
    out->keys = ggx_arena_array(d->arena, result->kv_count + c->kv_count + 1, sizeof *out->keys);
    if (!out->keys) return no_memory(d);
    for (uint64_t i = 0; i < result->kv_count; i++) {
        const ggx_kv *wanted = &result->kvs[i], *found = ggx_checkpoint_kv(c, wanted->key);
        const int by_type = other && !same_kv(wanted, find_kv(other, wanted->key));
        const uint32_t off = by_type ? GGX_DIFF_TYPE : found ? GGX_DIFF_CHANGED : GGX_DIFF_MISSING;
        out->keys[out->key_count++] =
            (ggx_diff_key){wanted->key, same_kv(wanted, found) ? GGX_DIFF_SAME : off, wanted, found};
    }
    for (uint64_t i = 0; i < c->kv_count; i++)
        if (!find_kv(result, c->kvs[i].key))
            out->keys[out->key_count++] = (ggx_diff_key){c->kvs[i].key, GGX_DIFF_EXTRA, NULL, &c->kvs[i]};
    return GGX_OK;
}

/* --- the whole ---------------------------------------------------------------------------------------------------------------- */

/* The type that most of the weights have for which --type would decide. */
static const char *guess_type(const differ *d, const ggx_recipe_result *result)
{
    const ggx_checkpoint *c = d->file->model;
    const char *types[64], *best = NULL;
    uint64_t counts[64] = {0}, most = 0;
    uint32_t known = 0;
    for (uint64_t i = 0; i < result->tensor_count; i++) {
        const uint64_t at = ggx_checkpoint_find(c, result->tensors[i].name);
        uint32_t k = 0;
        if (at == UINT64_MAX || !result->tensors[i].quantize || result->tensors[i].type.size) continue;
        while (k < known && strcmp(types[k], c->tensors[at].type.name)) k++;
        if (k == 64) continue;
        if (k == known) types[known++] = c->tensors[at].type.name;
        counts[k] += c->tensors[at].nbytes / c->tensors[at].type.block_bytes * c->tensors[at].type.block_elems;
        if (counts[k] > most) most = counts[k], best = types[k];
    }
    const ggx_quant *quant;
    const int plain = best && !strcmp(best, "f32");
    return best && (plain || ggx_registry_quant(c->registry, ggx_str_of(best), &quant, NULL) == GGX_OK) ? best : NULL;
}

/* Applies the recipe for one type; NULL: for none. */
static ggx_status apply(const differ *d, ggx_flow *flow, const char *type)
{
    ggx_conversion wanted = *d->wanted;
    wanted.writer = d->file->model->reader_name;
    wanted.type = type;
    return ggx_flow_apply(flow, &wanted, d->error);
}

/* Is there a writer of the format that the file is in? */
static ggx_status check_format(const differ *d)
{
    const char *format = d->file->model->reader_name;
    const void *vtable;
    if (ggx_registry_get(d->file->registry, GGX_WRITER_ID, ggx_str_of(format), &vtable, NULL, NULL) == GGX_OK)
        return GGX_OK;
    return ggx_fail(d->error, GGX_E_UNSUPPORTED,
                    "the second file is %s, which no writer makes, so no recipe made it; ggx quality compares by name",
                    format);
}

ggx_status ggx_models_diff(ggx_arena *arena, ggx_flow *source, const ggx_flow *file, const ggx_conversion *wanted,
                           const ggx_run *run, ggx_diff *out, ggx_error *error)
{
    differ d = {arena, source, file, wanted, run, out, error};
    ggx_flow other;
    memset(out, 0, sizeof *out);
    ggx_flow_share(&other, source);
    ggx_status status = check_format(&d);
    if (status == GGX_OK) status = apply(&d, &other, NULL);
    const char *type = wanted->type ? wanted->type : status == GGX_OK ? guess_type(&d, &other.result) : NULL;
    if (status == GGX_OK) status = apply(&d, source, type);
    if (status == GGX_OK && !wanted->type && type) { /* against a type that is surely another */
        ggx_flow_close(&other);
        ggx_flow_share(&other, source);
        status = apply(&d, &other, strcmp(type, "f32") ? "f32" : NULL);
    }
    if (status == GGX_OK) status = compare_keys(&d, wanted->type ? NULL : &other.result);
    ggx_flow_close(&other);
    if (status == GGX_OK) status = compare_tensors(&d);
    out->recipe = source->recipe;
    out->type = type ? type : "";
    for (uint64_t i = 0; i < out->tensor_count; i++) out->tensor_states[out->tensors[i].state]++;
    for (uint64_t i = 0; i < out->key_count; i++) out->key_states[out->keys[i].state]++;
    return status;
}

uint64_t ggx_diff_count(const ggx_diff *diff)
{
    uint64_t n = 0;
    for (uint32_t s = GGX_DIFF_CHANGED; s < GGX_DIFF_STATES; s++) n += diff->tensor_states[s] + diff->key_states[s];
    return n;
}
