/* mixture.c - a mixture evaluated over the tensors that a recipe made.
 *
 * Two passes: the first computes for every tensor its place in the order and what it counts as; the second goes through that order
 * and decides, so that a rule can say "the first eighth of the layers". A tensor whose type an option names is not counted. */
#include "base/text.h"
#include "plan/mixture_model.h"
#include <ggx_sdk/error.h>
#include <stdlib.h>

#define COUNTERS 64

typedef struct item { /* a tensor on its way through */
    uint64_t at;      /* index in the result */
    ggx_value keys[GGX_MIXTURE_KEYS];
    uint32_t key_count;
    uint32_t counter; /* COUNTERS: none */
    int32_t keep;
} item;

typedef struct counter {
    ggx_str name;
    uint64_t total, seen;
} counter;

/* Names that expressions see: of the conversion, and of the tensor in hand. */
enum {
    OUTPUT_TYPE,
    EMBEDDING_TYPE,
    LEAVE_OUTPUT,
    HAS_IMATRIX,
    FILE_GIVEN,
    DATASET,
    ENTRIES,
    CHUNKS,
    BASE,
    BLOCK,
    USUAL,
    OF_ALL
};
enum { NAME, DIMS, SOURCE, NAMED, INDEX, NUMBER, OF_ONE };
static const char *const all_names[OF_ALL] = {"output_tensor_type",
                                              "token_embedding_type",
                                              "leave_output_tensor",
                                              "has_imatrix",
                                              "imatrix_file",
                                              "imatrix_dataset",
                                              "imatrix_entries",
                                              "imatrix_chunks",
                                              "base",
                                              "block",
                                              "usual"};
static const char *const one_names[OF_ONE] = {"name", "dims", "source", "named", "index", "number"};

typedef struct work {
    const ggx_mixture *mixture;
    const ggx_mixture_request *request;
    ggx_recipe_result *result;
    ggx_eval eval;
    ggx_local all[OF_ALL], one[OF_ONE];
    item *items;
    counter counters[COUNTERS];
    ggx_error *error;
} work;

static void chain(ggx_local *locals, const char *const *names, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        locals[i] = (ggx_local){ggx_str_of(names[i]), {0}, i + 1 < count ? &locals[i + 1] : NULL};
}

static void bind_all(work *w)
{
    const ggx_mixture_request *r = w->request;
    const ggx_imatrix *m = r->imatrix;
    chain(w->all, all_names, OF_ALL);
    if (r->output_type) w->all[OUTPUT_TYPE].value = ggx_value_text(ggx_str_of(r->output_type));
    if (r->embedding_type) w->all[EMBEDDING_TYPE].value = ggx_value_text(ggx_str_of(r->embedding_type));
    w->all[LEAVE_OUTPUT].value = ggx_value_bool(r->leave_output);
    w->all[HAS_IMATRIX].value = ggx_value_bool(m != NULL);
    ggx_str base = ggx_mixture_type(w->mixture);
    if (base.size) w->all[BASE].value = ggx_value_text(base);
    w->all[BLOCK].value = ggx_value_int(r->env->type ? r->env->type->type.block_elems : 1);
    if (m) {
        w->all[FILE_GIVEN].value = ggx_value_text(ggx_str_of(m->path));
        if (m->dataset.size) w->all[DATASET].value = ggx_value_text(m->dataset);
        w->all[ENTRIES].value = ggx_value_int((int64_t)m->entry_count);
        if (m->chunks > 0) w->all[CHUNKS].value = ggx_value_int(m->chunks);
    }
    chain(w->one, one_names, OF_ONE);
    w->eval.globals = w->all;
}

static const ggx_type_override *override_of(const ggx_mixture_request *r, ggx_str name)
{
    for (uint32_t i = 0; i < r->override_count; i++)
        if (ggx_str_glob(name, r->overrides[i].pattern)) return &r->overrides[i];
    return NULL;
}

/* Makes the tensor the one in hand: its names are bound, its values will be computed anew. The bound on steps holds for each. */
static ggx_status bind_one(work *w, uint64_t at)
{
    const ggx_recipe_tensor *t = &w->result->tensors[at];
    uint32_t first = 0, rank = t->view.rank;
    while (first + 1 < rank && t->view.shape[first] == 1) first++;
    ggx_value *dims = ggx_arena_array(&w->eval.arena, rank ? rank : 1, sizeof *dims);
    if (!dims) return ggx_fail(w->error, GGX_E_NOMEM, "no memory to evaluate the mixture");
    dims[0] = ggx_value_int(1);
    for (uint32_t a = first; a < rank; a++) dims[a - first] = ggx_value_int((int64_t)t->view.shape[a]);
    w->one[NAME].value = ggx_value_text(t->name);
    w->one[DIMS].value = (ggx_value){.kind = GGX_VALUE_LIST, .count = rank ? rank - first : 1, .at.items = dims};
    w->one[SOURCE].value = ggx_value_text(ggx_str_of(t->view.type.name));
    w->one[NAMED].value = ggx_value_bool(override_of(w->request, t->name) != NULL);
    w->one[INDEX].value = w->one[NUMBER].value = (ggx_value){0};
    w->eval.locals = w->eval.inner = w->one;
    w->eval.of_inner = w->mixture->of_tensor;
    w->eval.steps = 0;
    for (uint32_t i = 0; i < w->mixture->recipe.value_count; i++)
        if (w->mixture->of_tensor[i]) w->eval.value_state[i] = 0;
    return GGX_OK;
}

static ggx_status count_as(work *w, item *it)
{
    ggx_value value = {0};
    ggx_status status = w->mixture->count ? ggx_eval_node(&w->eval, w->mixture->count, &value) : GGX_OK;
    it->counter = COUNTERS;
    if (status != GGX_OK || value.kind == GGX_VALUE_NULL) return status;
    if (value.kind != GGX_VALUE_STR) return GGX_NODE_FAIL(&w->eval, w->mixture->count, "'count' is a string or null");
    uint32_t i = 0;
    while (i < COUNTERS && w->counters[i].name.size && !ggx_str_same(w->counters[i].name, value.text)) i++;
    if (i == COUNTERS) return GGX_NODE_FAIL(&w->eval, w->mixture->count, "more than %d things are counted", COUNTERS);
    w->counters[i].name = value.text;
    w->counters[i].total++;
    it->counter = i;
    return GGX_OK;
}

static ggx_status look_at(work *w, uint64_t at)
{
    item *it = &w->items[at];
    const ggx_mixture *m = w->mixture;
    it->at = at;
    it->key_count = m->order_count;
    ggx_status status = bind_one(w, at);
    if (status == GGX_OK) status = count_as(w, it);
    if (status == GGX_OK && m->keep) status = ggx_eval_bool(&w->eval, m->keep, &it->keep);
    for (uint32_t k = 0; k < it->key_count && status == GGX_OK; k++) {
        status = ggx_eval_node(&w->eval, m->order[k], &it->keys[k]);
        if (status == GGX_OK && it->keys[k].kind != GGX_VALUE_INT && it->keys[k].kind != GGX_VALUE_STR)
            status = GGX_NODE_FAIL(&w->eval, m->order[k], "a key of the order is an int or a string");
    }
    return status;
}

/* Integers before strings, should they meet. Equal keys: as the recipe has them. */
static int by_keys(const void *a, const void *b)
{
    const item *x = a, *y = b;
    for (uint32_t k = 0; k < x->key_count; k++) {
        const ggx_value *u = &x->keys[k], *v = &y->keys[k];
        if (u->kind != v->kind) return u->kind < v->kind ? -1 : 1;
        if (u->kind == GGX_VALUE_STR) {
            int order = ggx_str_order(u->text, v->text);
            if (order) return order;
        } else if (u->integer != v->integer) {
            return u->integer < v->integer ? -1 : 1;
        }
    }
    return (x->at > y->at) - (x->at < y->at);
}

static int by_place(const void *a, const void *b)
{
    const item *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

/* Binds the type that most tensors of the input have: of equally many the one that, in the layout's order, came to that number first. */
static ggx_status bind_usual(work *w)
{
    counter types[COUNTERS] = {{{NULL, 0}, 0, 0}};
    ggx_str usual = {NULL, 0};
    uint64_t most = 0;
    for (uint64_t i = 0; i < w->result->tensor_count; i++) {
        const ggx_str type = ggx_str_of(w->result->tensors[w->items[i].at].view.type.name);
        uint32_t k = 0;
        while (k < COUNTERS && types[k].name.size && !ggx_str_same(types[k].name, type)) k++;
        if (k == COUNTERS) continue;
        types[k].name = type;
        if (++types[k].total <= most) continue;
        most = types[k].total;
        usual = type;
    }
    if (!most) return GGX_OK;
    usual = ggx_arena_str(&w->eval.arena, usual); /* tensors change their places later */
    w->all[USUAL].value = ggx_value_text(usual);
    return usual.data ? GGX_OK : ggx_fail(w->error, GGX_E_NOMEM, "no memory to evaluate the mixture");
}

/* A type's name or null. */
static ggx_status type_from(work *w, const ggx_node *node, ggx_arena *arena, ggx_str *out)
{
    ggx_value value = {0};
    ggx_status status = node ? ggx_eval_node(&w->eval, node, &value) : GGX_OK;
    *out = (ggx_str){NULL, 0};
    if (status != GGX_OK || value.kind == GGX_VALUE_NULL) return status;
    if (value.kind != GGX_VALUE_STR) return GGX_NODE_FAIL(&w->eval, node, "a type's name is needed here, or null");
    *out = ggx_arena_str(arena, value.text);
    return out->data ? GGX_OK : ggx_fail(w->error, GGX_E_NOMEM, "no memory for the mixture's choices");
}

static ggx_status decide(work *w, const item *it, ggx_arena *arena, ggx_mixture_choice *out)
{
    const ggx_mixture *m = w->mixture;
    const ggx_type_override *named = override_of(w->request, w->result->tensors[it->at].name);
    ggx_status status = bind_one(w, it->at);
    if (status == GGX_OK && m->imatrix_free) status = ggx_eval_bool(&w->eval, m->imatrix_free, &out->imatrix_free);
    if (status == GGX_OK && m->imatrix_forgiven)
        status = ggx_eval_bool(&w->eval, m->imatrix_forgiven, &out->imatrix_forgiven);
    if (status != GGX_OK) return status;
    if (it->keep) {
        if (named)
            out->note = ggx_arena_format(arena, "stays as it is: mixture %s never changes it", m->recipe.id).data;
        return GGX_OK;
    }
    status = type_from(w, m->option, arena, &out->type);
    if (status != GGX_OK || out->type.size) return status;
    if (named) {
        out->type = named->type;
        return GGX_OK;
    }
    if (w->request->pure) {
        out->type = ggx_mixture_type(m);
        return GGX_OK;
    }
    if (it->counter < COUNTERS) {
        w->one[INDEX].value = ggx_value_int((int64_t)w->counters[it->counter].seen++);
        w->one[NUMBER].value = ggx_value_int((int64_t)w->counters[it->counter].total);
    }
    return type_from(w, m->choose, arena, &out->type);
}

/* Reorders tensors and choices, trims shapes. */
static ggx_status lay_out(work *w, ggx_arena *arena, ggx_mixture_choice *choices)
{
    ggx_recipe_result *r = w->result;
    ggx_recipe_tensor *tensors = ggx_arena_array(arena, r->tensor_count, sizeof *tensors);
    ggx_mixture_choice *sorted = ggx_arena_array(arena, r->tensor_count, sizeof *sorted);
    if (!tensors || !sorted) return ggx_fail(w->error, GGX_E_NOMEM, "no memory to order the tensors");
    for (uint64_t i = 0; i < r->tensor_count; i++) {
        tensors[i] = r->tensors[w->items[i].at];
        sorted[i] = choices[w->items[i].at];
        ggx_view *view = &tensors[i].view;
        uint32_t ones = 0;
        while (w->mixture->trim && ones + 1 < view->rank && view->shape[ones] == 1) ones++;
        if (!ones) continue;
        uint64_t shape[GGX_MAX_RANK] = {0};
        const uint32_t rank = view->rank - ones;
        memcpy(shape, view->shape + ones, rank * sizeof *shape);
        ggx_status status = ggx_view_reshape(arena, view, shape, rank, w->error);
        if (status != GGX_OK) return status;
    }
    if (r->tensor_count) {
        memcpy(choices, sorted, (size_t)(r->tensor_count * sizeof *sorted));
        memcpy(r->tensors, tensors, (size_t)(r->tensor_count * sizeof *tensors));
    }
    return GGX_OK;
}

static ggx_status set_header(work *w, ggx_arena *arena, int last)
{
    const ggx_mixture_request *q = w->request;
    const ggx_mixture *m = w->mixture;
    w->eval.locals = w->eval.inner = NULL;
    ggx_status status = ggx_mixture_fields(arena, m, &w->eval, &m->header, last, w->result, w->error);
    if (status == GGX_OK && last) ggx_mixture_drop_kvs(m->without, w->result);
    for (uint64_t i = 0; i < q->kv_count && status == GGX_OK; i++)
        status = ggx_result_set_kv(arena, w->result, &q->kvs[i], last, w->error);
    if (status == GGX_OK && q->imatrix)
        status = ggx_mixture_fields(arena, m, &w->eval, &m->imatrix_header, last, w->result, w->error);
    return status;
}

static ggx_status list_imatrix_types(work *w, ggx_arena *arena, ggx_mixture_result *out)
{
    ggx_value list;
    if (!w->mixture->imatrix_types) return GGX_OK;
    w->eval.locals = w->eval.inner = NULL;
    ggx_status status = ggx_eval_list(&w->eval, w->mixture->imatrix_types, &list);
    if (status != GGX_OK) return status;
    ggx_str *types = ggx_arena_array(arena, list.count, sizeof *types);
    for (uint64_t i = 0; types && i < list.count; i++) {
        if (list.at.items[i].kind != GGX_VALUE_STR)
            return GGX_NODE_FAIL(&w->eval, w->mixture->imatrix_types, "'types' is a list of types' names");
        types[i] = ggx_arena_str(arena, list.at.items[i].text);
        if (!types[i].data) types = NULL;
    }
    if (!types) return ggx_fail(w->error, GGX_E_NOMEM, "no memory for the mixture's choices");
    out->imatrix_types = types;
    out->imatrix_type_count = (uint32_t)list.count;
    return GGX_OK;
}

static ggx_status run(work *w, ggx_arena *arena, int laid_out, ggx_mixture_result *out)
{
    const uint64_t n = w->result->tensor_count;
    ggx_mixture_choice *choices = ggx_arena_array(arena, n, sizeof *choices);
    w->items = ggx_arena_array(&w->eval.arena, n, sizeof *w->items);
    if (!choices || !w->items) return ggx_fail(w->error, GGX_E_NOMEM, "no memory for the mixture's choices");
    out->choices = choices;
    out->finite = w->mixture->finite;
    bind_all(w);
    ggx_status status = list_imatrix_types(w, arena, out);
    for (uint64_t i = 0; i < n && status == GGX_OK; i++) status = look_at(w, i);
    if (status != GGX_OK) return status;
    if (n) qsort(w->items, (size_t)n, sizeof *w->items, by_keys);
    status = bind_usual(w);
    if (n && w->request->keep_order) qsort(w->items, (size_t)n, sizeof *w->items, by_place);
    for (uint64_t i = 0; i < n && status == GGX_OK; i++)
        status = decide(w, &w->items[i], arena, &choices[w->items[i].at]);
    if (status == GGX_OK && laid_out) status = lay_out(w, arena, choices);
    return status == GGX_OK ? set_header(w, arena, laid_out) : status;
}

ggx_status ggx_mixture_applies(const ggx_mixture *mixture, const ggx_recipe_env *env, const ggx_recipe_result *result,
                               int *applies, ggx_error *error)
{
    ggx_eval eval;
    *applies = 1;
    if (!mixture->recipe.when) return GGX_OK;
    ggx_status status = ggx_eval_open(&eval, &mixture->recipe, env, error);
    if (status != GGX_OK) return status;
    eval.made = result;
    status = ggx_eval_bool(&eval, mixture->recipe.when, applies);
    ggx_eval_close(&eval);
    return status;
}

ggx_status ggx_mixture_apply(ggx_arena *arena, const ggx_mixture *mixture, const ggx_mixture_request *request,
                             ggx_recipe_result *result, ggx_mixture_result *out, ggx_error *error)
{
    work w = {.mixture = mixture, .request = request, .result = result, .error = error};
    const char *layout = request->layout ? request->layout : mixture->layout ? mixture->layout : "source";
    const int laid_out = mixture->layout && !strcmp(layout, mixture->layout);
    memset(out, 0, sizeof *out);
    if (!laid_out && strcmp(layout, "source"))
        return ggx_fail(error, GGX_E_USAGE, "mixture %s has no layout '%.60s'; there are source%s%s",
                        mixture->recipe.id, layout, mixture->layout ? " and " : "",
                        mixture->layout ? mixture->layout : "");
    ggx_status status = ggx_eval_open(&w.eval, &mixture->recipe, request->env, error);
    if (status != GGX_OK) return status;
    w.eval.made = result;
    status = run(&w, arena, laid_out, out);
    ggx_eval_close(&w.eval);
    return status;
}
