/* The type policy: which element type each output tensor gets, and by which kernels.
 *
 * A mixture decides for all tensors (mixture.c). Without one, in falling order: --tensor-type, the rule's own type, --type where the rule lets it apply, the rule's default, the source's type. A
 * type whose blocks do not divide the rows gives way: first the row is widened where the rule allows it, then the type's
 * fallbacks are tried in order, then the source's type or f32 stands. Each such step is noted in the plan. A type without a list of
 * fallbacks is refused. */
#include "plan/mixture.h"

#include "checkpoint/decoded.h"
#include "execute/gather.h"

#include <ggx_sdk/checked.h>
#include <ggx_sdk/error.h>

typedef struct choice {
    ggx_registry *registry;
    const ggx_plan_request *request;
    const ggx_mixture_choice *mixed; /* what the mixture says of the tensor, or NULL */
    const ggx_recipe_tensor *from;
    ggx_plan_tensor *to;
    ggx_arena *arena;
    ggx_error *error;
    ggx_str fallback; /* the recipe's instead of the type's own */
    int explicitly;   /* the type was named for this very tensor */
} choice;

static const ggx_str pivot = {"f32", 3};

static ggx_str wanted_type(const ggx_recipe_tensor *t, const ggx_mixture_choice *mixed, const ggx_plan_request *request,
                           int *explicitly)
{
    *explicitly = 1;
    if (mixed) return mixed->type.size ? mixed->type : t->type.size ? t->type : t->default_type;
    for (uint32_t i = 0; i < request->override_count; i++)
        if (ggx_str_glob(t->name, request->overrides[i].pattern)) return request->overrides[i].type;
    if (request->pure && request->type && t->view.rank >= 2) {
        *explicitly = 0;
        return ggx_str_of(request->type);
    }
    if (t->type.size) return t->type;
    *explicitly = 0;
    if (t->quantize && request->type) return ggx_str_of(request->type);
    if (t->default_type.size) return t->default_type;
    return (ggx_str){NULL, 0};
}

static uint64_t row_length(const ggx_view *view)
{
    return view->rank ? view->shape[view->rank - 1] : 1;
}

/* Elements of all axes from `keep` on. */
static uint64_t widened_length(const ggx_view *view, uint32_t keep)
{
    uint64_t row = 1;
    for (uint32_t a = keep; a < view->rank; a++) row *= view->shape[a];
    return row;
}

/* Axes from row_axes on become one row, when that makes the blocks fit. */
static ggx_status widen_rows(choice *c, uint32_t block, int *fits)
{
    ggx_view *view = &c->to->view;
    uint32_t keep = c->from->row_axes;
    *fits = row_length(view) % block == 0;
    if (*fits || !keep || keep >= view->rank) return GGX_OK;
    uint64_t shape[GGX_MAX_RANK] = {0}, row = widened_length(view, keep);
    if (row % block) return GGX_OK;
    memcpy(shape, view->shape, keep * sizeof *shape);
    shape[keep] = row;
    ggx_view wide;
    ggx_status status = ggx_view_copy(c->arena, view, &wide, c->error);
    if (status != GGX_OK) return status;
    if (ggx_view_reshape(c->arena, &wide, shape, keep + 1, NULL) != GGX_OK) return GGX_OK;
    *view = wide;
    *fits = 1;
    return GGX_OK;
}

static const char *note_fallback(choice *c, const char *wanted, const char *got)
{
    return ggx_arena_format(c->arena, "%s instead of %s: rows of %llu are not whole blocks", got, wanted,
                            (unsigned long long)(c->from->row_axes && c->from->row_axes < c->to->view.rank
                                                     ? widened_length(&c->to->view, c->from->row_axes)
                                                     : row_length(&c->to->view)))
        .data;
}

static ggx_status refuse_rows(choice *c, const ggx_quant *quant)
{
    return ggx_fail(c->error, GGX_E_USAGE,
                    "tensor '%.*s' has rows of %llu elements, not whole blocks of %u as %s needs, and no other type "
                    "stands in for it; choose "
                    "one with --tensor-type",
                    GGX_STR_ARGS(c->to->name), (unsigned long long)row_length(&c->to->view), quant->type.block_elems,
                    quant->type.name);
}

/* Does the recipe's type stand in for the wanted one? */
static int own_fallback(const choice *c)
{
    return c->fallback.size && !c->mixed && !c->explicitly;
}

/* What is tried after `tries` types whose blocks do not fit; NULL: nothing but f32. */
static const char *next_type(const choice *c, const ggx_quant *first, uint32_t tries)
{
    if (own_fallback(c)) return tries ? NULL : c->fallback.data;
    return first->fallback ? first->fallback[tries] : NULL;
}

/* Finds the quantizer for the wanted type or the first of its fallbacks that fits the rows; NULL for f32. */
static ggx_status choose_quant(choice *c, ggx_str wanted, const ggx_quant **out)
{
    const ggx_quant *first = NULL;
    *out = NULL;
    if (ggx_str_same(wanted, pivot)) return GGX_OK;
    ggx_status status = ggx_registry_quant(c->registry, wanted, &first, c->error);
    if (status != GGX_OK) return status;
    const ggx_quant *quant = first;
    for (uint32_t i = 0;; i++) {
        int fits;
        status = widen_rows(c, quant->type.block_elems, &fits);
        if (status != GGX_OK) return status;
        if (fits) break;
        if (!first->fallback && !own_fallback(c)) return refuse_rows(c, first);
        const char *next = next_type(c, first, i);
        if (!next || ggx_str_same(ggx_str_of(next), pivot)) {
            c->to->note = note_fallback(c, first->type.name, "f32");
            return GGX_OK;
        }
        status = ggx_registry_quant(c->registry, ggx_str_of(next), &quant, c->error);
        if (status != GGX_OK) return status;
    }
    if (quant != first) c->to->note = note_fallback(c, first->type.name, quant->type.name);
    *out = quant;
    return GGX_OK;
}

/* The kernels that read the source: none for f32. *readable is 0 when no plugin decodes the type. */
static ggx_status choose_decoder(choice *c, int *readable)
{
    const ggx_quant *source;
    *readable = 1;
    if (ggx_str_same(ggx_str_of(c->to->view.type.name), pivot)) return GGX_OK;
    ggx_status status = ggx_registry_quant(c->registry, ggx_str_of(c->to->view.type.name), &source, c->error);
    if (status == GGX_OK && ggx_type_same(&source->type, &c->to->view.type))
        status = ggx_registry_kernels(c->registry, source, &c->to->decode, c->error);
    else if (status == GGX_OK)
        status =
            ggx_fail(c->error, GGX_E_PLUGIN, "tensor '%.*s': the reader's %s has other blocks than the quant plugin's",
                     GGX_STR_ARGS(c->to->name), source->type.name);
    if (status == GGX_E_NOTFOUND) {
        *readable = 0;
        return GGX_OK;
    }
    if (status == GGX_OK && !c->to->decode->dequantize) *readable = 0;
    return status;
}

/* The type cannot do without an importance matrix: by itself, or because the mixture says so. */
static int wants_imatrix(const choice *c, const ggx_quant *quant)
{
    const ggx_mixture_result *mixture = c->request->mixture;
    if (!quant) return 0;
    if (quant->imatrix == GGX_IMATRIX_NEEDS) return 1;
    if (!mixture || c->mixed->imatrix_free) return 0;
    for (uint32_t i = 0; i < mixture->imatrix_type_count; i++)
        if (ggx_str_same(mixture->imatrix_types[i], ggx_str_of(quant->type.name))) return 1;
    return 0;
}

/* The tensor's weights, if there are any and its type heeds them. One row of weights for each slab of the last two axes. */
static ggx_status choose_imatrix(choice *c, const ggx_quant *quant)
{
    ggx_plan_tensor *to = c->to;
    const ggx_imatrix *imatrix = c->request->imatrix;
    const ggx_imatrix_entry *entry = imatrix ? ggx_imatrix_find(imatrix, to->name) : NULL;
    uint64_t wanted = row_length(&to->view);
    for (uint32_t a = 0; a + 2 < to->view.rank; a++) wanted *= to->view.shape[a];
    if (!entry && wants_imatrix(c, quant))
        return ggx_fail(c->error, GGX_E_USAGE,
                        "tensor '%.*s' would be %s, which needs an importance matrix, and %.80s%s",
                        GGX_STR_ARGS(to->name), quant->type.name, imatrix ? imatrix->path : "none was given",
                        imatrix ? " has none for it; choose another type with --tensor-type"
                                : "; give one with --imatrix, or choose another --type");
    if (entry && entry->count == wanted) {
        if (quant && quant->imatrix != GGX_IMATRIX_NONE) to->imatrix = entry->values;
        return GGX_OK;
    }
    if (!entry || (c->mixed && c->mixed->imatrix_forgiven && !wants_imatrix(c, quant))) return GGX_OK;
    return ggx_fail(
        c->error, GGX_E_MALFORMED,
        "importance matrix %.80s has %llu weights for tensor '%.*s', which needs %llu; is it of this model?",
        imatrix->path, (unsigned long long)entry->count, GGX_STR_ARGS(to->name), (unsigned long long)wanted);
}

static ggx_status choose_encoder(choice *c, const ggx_quant *quant)
{
    ggx_plan_tensor *to = c->to;
    to->quant = quant;
    to->type = quant ? quant->type : ggx_type_make("f32", 1, 4);
    to->type_code = quant ? quant->type_code : GGX_NO_CODE;
    ggx_status status = choose_imatrix(c, quant);
    if (status != GGX_OK || !quant) return status;
    status = ggx_registry_kernels(c->registry, quant, &to->encode, c->error);
    if (status == GGX_OK && !to->encode->quantize)
        return ggx_fail(c->error, GGX_E_UNSUPPORTED, "type %s can be read but not written; choose another --type",
                        quant->type.name);
    return status;
}

/* Rounding through an intermediate type happens element by element: blocks are not allowed there. */
static ggx_status choose_casts(choice *c, ggx_str via)
{
    ggx_plan_tensor *to = c->to;
    uint32_t extra = via.size && to->quant && !(to->quant->flags & GGX_QUANT_FLOAT);
    uint32_t n = c->from->op_count + extra;
    if (!n) return GGX_OK;
    ggx_op *ops = ggx_arena_array(c->arena, n, sizeof *ops);
    to->op_kernels = ggx_arena_array(c->arena, n, sizeof *to->op_kernels);
    if (!ops || !to->op_kernels) return ggx_fail(c->error, GGX_E_NOMEM, "out of memory");
    if (c->from->op_count) memcpy(ops, c->from->ops, c->from->op_count * sizeof *ops);
    if (extra) ops[n - 1] = (ggx_op){.kind = GGX_OP_CAST, .type = via};
    to->ops = ops;
    to->op_count = n;
    for (uint32_t i = 0; i < n; i++) {
        const ggx_quant *quant;
        if (ops[i].kind != GGX_OP_CAST || ggx_str_same(ops[i].type, pivot)) continue;
        ggx_status status = ggx_registry_quant(c->registry, ops[i].type, &quant, c->error);
        if (status == GGX_OK) status = ggx_registry_kernels(c->registry, quant, &to->op_kernels[i], c->error);
        if (status != GGX_OK) return status;
        if (quant->type.block_elems != 1 || quant->type.block_bytes > 8)
            return ggx_fail(c->error, GGX_E_USAGE,
                            "tensor '%.*s' cannot be cast through %s: only plain types round by the element",
                            GGX_STR_ARGS(to->name), quant->type.name);
    }
    return GGX_OK;
}

static ggx_status copy_as_is(choice *c)
{
    ggx_plan_tensor *to = c->to;
    const ggx_quant *quant;
    const int finite = to->finite;
    to->mode = GGX_MODE_COPY;
    to->type = to->view.type;
    to->type_code = GGX_NO_CODE;
    to->decode = NULL;
    to->finite = to->finite && ggx_str_same(ggx_str_of(to->type.name), pivot);
    if (ggx_registry_quant(c->registry, ggx_str_of(to->type.name), &quant, NULL) != GGX_OK) return GGX_OK;
    to->type_code = quant->type_code;
    if (!finite || !(quant->flags & GGX_QUANT_FLOAT)) return GGX_OK;
    to->finite = 1; /* blocks are copied unseen */
    return ggx_registry_kernels(c->registry, quant, &to->decode, c->error);
}

/* What one lossy type has thrown away another cannot keep: to be asked for. */
static ggx_status refuse_requantizing(choice *c, const ggx_quant *quant)
{
    const ggx_quant *source;
    if (c->request->requantize || !quant || !(quant->flags & GGX_QUANT_LOSSY) || !c->to->decode) return GGX_OK;
    ggx_status status = ggx_registry_quant(c->registry, ggx_str_of(c->to->view.type.name), &source, c->error);
    if (status != GGX_OK || !(source->flags & GGX_QUANT_LOSSY) || ggx_type_same(&source->type, &quant->type))
        return status;
    return ggx_fail(c->error, GGX_E_USAGE,
                    "tensor '%.*s' is %s already, and %s of that loses more than %s of the original; start from the "
                    "original, or say --allow-requantize",
                    GGX_STR_ARGS(c->to->name), source->type.name, quant->type.name, quant->type.name);
}

static ggx_status choose_type(choice *c, ggx_str wanted, ggx_str via)
{
    ggx_plan_tensor *to = c->to;
    const ggx_str source = ggx_str_of(to->view.type.name);
    const int same = (!wanted.size || ggx_str_same(wanted, source)) && !c->from->op_count;
    if (same && ggx_gather_keeps_blocks(&to->view)) return copy_as_is(c);
    const ggx_quant *quant = NULL;
    int readable;
    ggx_status status = choose_decoder(c, &readable);
    if (status != GGX_OK) return status;
    if (!readable) {
        if (!c->explicitly && !c->from->op_count && to->view.type.block_elems == 1) {
            to->note = ggx_arena_format(c->arena, "kept as %s: no plugin converts it", to->view.type.name).data;
            return copy_as_is(c);
        }
        return ggx_fail(c->error, GGX_E_NOTFOUND,
                        "tensor '%.*s' is %s, and no plugin converts that type; see 'ggx types'",
                        GGX_STR_ARGS(to->name), to->view.type.name);
    }
    status = choose_quant(c, wanted.size ? wanted : source, &quant);
    if (status == GGX_OK) status = refuse_requantizing(c, quant);
    if (status == GGX_OK) status = choose_encoder(c, quant);
    if (status == GGX_OK) status = choose_casts(c, via);
    if (status != GGX_OK) return status;
    to->mode = GGX_MODE_CONVERT;
    to->whole_rows =
        quant && (quant->flags & GGX_QUANT_WHOLE_ROW) && (quant->imatrix == GGX_IMATRIX_NONE || to->imatrix);
    if (!to->op_count && ggx_type_same(&to->type, &to->view.type) && ggx_gather_keeps_blocks(&to->view))
        return copy_as_is(c);
    return GGX_OK;
}

/* What the file is to say of the tensor, whatever the truth is. */
static ggx_status choose_label(choice *c)
{
    const ggx_quant *quant = NULL;
    const ggx_str label = c->from->label;
    const int plain = ggx_str_same(label, pivot);
    ggx_status status = label.size && !plain ? ggx_registry_quant(c->registry, label, &quant, c->error) : GGX_OK;
    if (status != GGX_OK || !label.size) return status;
    if (quant && quant->type_code == GGX_NO_CODE)
        return ggx_fail(c->error, GGX_E_USAGE, "tensor '%.*s' cannot be labelled %s, which has no number",
                        GGX_STR_ARGS(c->to->name), quant->type.name);
    c->to->label = quant ? 1 + (uint32_t)quant->type_code : 1;
    return GGX_OK;
}

/* A pattern that no name matches is a slip of the pen: better said than obeyed. */
static ggx_status check_overrides(const ggx_recipe_result *result, const ggx_plan_request *request, ggx_error *error)
{
    for (uint32_t i = 0; i < request->override_count; i++) {
        uint64_t matches = 0;
        for (uint64_t k = 0; k < result->tensor_count && !matches; k++)
            matches += (uint64_t)ggx_str_glob(result->tensors[k].name, request->overrides[i].pattern);
        if (!matches)
            return ggx_fail(error, GGX_E_USAGE, "--tensor-type: no output tensor is named '%.*s'; ggx plan lists them",
                            GGX_STR_ARGS(request->overrides[i].pattern));
    }
    return GGX_OK;
}

ggx_status ggx_plan_types(ggx_plan *plan, ggx_registry *registry, const ggx_recipe_result *result,
                          const ggx_plan_request *request, ggx_error *error)
{
    ggx_status checked = check_overrides(result, request, error);
    if (checked != GGX_OK) return checked;
    plan->tensors =
        ggx_arena_array(&plan->arena, result->tensor_count ? result->tensor_count : 1, sizeof *plan->tensors);
    if (!plan->tensors) return ggx_fail(error, GGX_E_NOMEM, "the plan needs too much memory");
    plan->tensor_count = result->tensor_count;
    for (uint64_t i = 0; i < plan->tensor_count; i++) {
        choice c = {.registry = registry,
                    .request = request,
                    .mixed = request->mixture ? &request->mixture->choices[i] : NULL,
                    .from = &result->tensors[i],
                    .to = &plan->tensors[i],
                    .arena = &plan->arena,
                    .fallback = result->fallback,
                    .error = error};
        c.to->name = c.from->name;
        c.to->view = c.from->view;
        c.to->rule_line = c.from->rule_line;
        if (c.mixed) c.to->note = c.mixed->note;
        c.to->finite = c.mixed && request->mixture->finite;
        ggx_status status = choose_type(&c, wanted_type(c.from, c.mixed, request, &c.explicitly), result->via);
        if (status == GGX_OK) status = choose_label(&c);
        if (status != GGX_OK) return status;
        uint64_t elems;
        if (!ggx_product_u64(c.to->view.shape, c.to->view.rank, &elems) ||
            !ggx_type_bytes(&c.to->type, elems, &c.to->nbytes))
            return ggx_fail(error, GGX_E_UNSUPPORTED, "tensor '%.*s' is not whole blocks of %s",
                            GGX_STR_ARGS(c.to->name), c.to->type.name);
        for (uint32_t p = 0; p < c.to->view.piece_count; p++) {
            uint64_t source = c.to->view.pieces[p].tensor;
            if (source != GGX_CONST_TENSOR && plan->checkpoint->tensors[source].access == GGX_ACCESS_SEQUENTIAL)
                c.to->sequential = 1;
            if (ggx_decoded_at(plan->checkpoint, source)) c.to->packed = 1;
        }
        for (uint32_t k = 0; k < c.to->op_count; k++)
            if (c.to->sequential && c.to->ops[k].measure)
                return ggx_fail(error, GGX_E_UNSUPPORTED,
                                "tensor '%.*s' can be read once only, and all of it must be measured first; save the "
                                "model in another format",
                                GGX_STR_ARGS(c.to->name));
    }
    return GGX_OK;
}
