/* adapter.c - low-rank adapters through the recipe of the model that they are for.
 *
 * A weight's change is B × A, of few columns and few rows. The base model's recipe sees it as the weight it is: one tensor, virtual, of the weight's
 * shape. What the recipe makes of that is a view, which says for each element of the output which row and column of the weight it is. A view
 * whose axes each run over rows alone or columns alone is again a product: the row axes over B, the column axis over A. So every
 * recipe that only renames, rearranges rows or columns, cuts, transposes or stacks serves for adapters, too. */
#include "base/text.h"
#include "recipe/model.h"
#include "source/open.h"
#include <ggx_sdk/checked.h>
#include <ggx_sdk/error.h>

/* What stands behind a virtual tensor: indices in the adapter's checkpoint. */
typedef struct factors {
    uint64_t a, b; /* a == UINT64_MAX: a plain tensor, which is b */
    int32_t
        turned; /* 1: the weight is (B × A) transposed: then `a` is B, read as its transpose, and `b` is A likewise */
} factors;

typedef struct adapting {
    ggx_arena *arena;
    const struct ggx_recipe *recipe, *family;
    const ggx_recipe_env *env;
    ggx_recipe_env inner;    /* what the family's recipe sees */
    ggx_checkpoint *virtual; /* the adapter's tensors, hidden, and behind them the virtual ones */
    factors *factors;        /* of those */
    ggx_recipe_result made;  /* by the family's recipe */
    ggx_eval *eval;          /* of the adapter's own recipe */
    ggx_recipe_result *out;
    ggx_error *error;
} adapting;

static ggx_status no_memory(const adapting *d)
{
    return ggx_fail(d->error, GGX_E_NOMEM, "no memory for the adapter's tensors");
}

/* --- virtual tensors ---------------------------------------------------------------------------------------------------------- */

static ggx_status put(adapting *d, ggx_str name, const uint64_t *shape, uint32_t rank, const ggx_tensor *like,
                      factors f)
{
    uint64_t at;
    ggx_tensor t = {.struct_size = sizeof t, .rank = rank, .name = name, .type = like->type, .member = like->member};
    memcpy(t.shape, shape, rank * sizeof *shape);
    ggx_status status = ggx_overlay_put(d->virtual, &t, NULL, &at, d->error);
    if (status == GGX_OK && at < d->env->checkpoint->tensor_count)
        return ggx_fail(d->error, GGX_E_MALFORMED, "tensor '%.*s' is both in the adapter and made of factors",
                        GGX_STR_ARGS(name));
    if (status == GGX_OK) d->factors[at - d->env->checkpoint->tensor_count] = f;
    return status;
}

/* Matches the bare name against the patterns of the pairs' first factors; the weight that it is of is put. */
static ggx_status put_pair(adapting *d, uint64_t tensor, int *taken)
{
    const ggx_checkpoint *c = d->env->checkpoint;
    const ggx_tensor *a = &c->tensors[tensor];
    const ggx_str bare = ggx_recipe_bare(d->recipe, a->name);
    uint64_t steps = 0;
    *taken = 0;
    for (uint32_t p = 0; p < d->recipe->adapter->pair_count; p++) {
        const ggx_adapter_pair *pair = &d->recipe->adapter->pairs[p];
        ggx_match match = {0};
        *taken = ggx_pattern_match(pair->b, bare, &match, &steps) != 0;
        if (*taken) return GGX_OK; /* with its other half */
        if (!ggx_pattern_match(pair->a, bare, &match, &steps)) continue;
        *taken = 1;
        const ggx_str other = ggx_pattern_fill(d->arena, pair->b, pair->a, &match),
                      name = ggx_pattern_fill(d->arena, pair->as, pair->a, &match);
        if (!other.data || !name.data) return no_memory(d);
        const uint64_t second = ggx_recipe_find(d->arena, d->recipe, c, other);
        if (second == UINT64_MAX)
            return ggx_fail(d->error, GGX_E_MALFORMED, "the adapter has '%.*s' but not '%.*s' (recipe %s)",
                            GGX_STR_ARGS(a->name), GGX_STR_ARGS(other), d->recipe->id);
        const ggx_tensor *b = &c->tensors[second];
        if (a->rank != 2 || b->rank != 2 || a->shape[0] != b->shape[1] || !a->shape[0])
            return ggx_fail(d->error, GGX_E_MALFORMED, "'%.*s' and '%.*s' are no factors of a matrix (recipe %s)",
                            GGX_STR_ARGS(a->name), GGX_STR_ARGS(other), d->recipe->id);
        const uint64_t shape[2] = {pair->turned ? a->shape[1] : b->shape[0], pair->turned ? b->shape[0] : a->shape[1]};
        const factors f = {pair->turned ? second : tensor, pair->turned ? tensor : second, pair->turned};
        return put(d, name, shape, 2, a, f);
    }
    return GGX_OK;
}

static int is_plain(const adapting *d, ggx_str bare)
{
    ggx_match match;
    uint64_t steps = 0;
    for (uint32_t i = 0; i < d->recipe->adapter->plain_count; i++)
        if (ggx_pattern_match(d->recipe->adapter->plain[i], bare, &match, &steps)) return 1;
    return 0;
}

static int is_dropped(const adapting *d, ggx_str bare)
{
    ggx_match match;
    uint64_t steps = 0;
    for (uint32_t r = 0; r < d->recipe->rule_count; r++)
        for (uint32_t s = 0; d->recipe->rules[r].kind == GGX_RULE_DROP && s < d->recipe->rules[r].source_count; s++)
            if (ggx_pattern_match(d->recipe->rules[r].sources[s].pattern, bare, &match, &steps)) return 1;
    return 0;
}

/* Plain tensors first, then the weights in the order in which a factor of them comes first. */
static ggx_status make_virtual(adapting *d)
{
    const ggx_checkpoint *c = d->env->checkpoint;
    ggx_status status = ggx_overlay_make(d->arena, c, c->tensor_count, &d->virtual, d->error);
    d->factors = ggx_arena_array(d->arena, c->tensor_count, sizeof *d->factors);
    if (status == GGX_OK && !d->factors) return no_memory(d);
    for (uint64_t i = 0; i < c->tensor_count && status == GGX_OK; i++) {
        const ggx_str bare = ggx_recipe_bare(d->recipe, c->tensors[i].name);
        d->virtual->hidden[i] = 1;
        if (is_plain(d, bare) && !is_dropped(d, bare)) {
            const ggx_str name = ggx_arena_str(d->arena, bare);
            if (!name.data) return no_memory(d);
            status = put(d, name, c->tensors[i].shape, c->tensors[i].rank, &c->tensors[i], (factors){UINT64_MAX, i, 0});
        }
    }
    for (uint64_t i = 0; i < c->tensor_count && status == GGX_OK; i++) {
        const ggx_str bare = ggx_recipe_bare(d->recipe, c->tensors[i].name);
        int taken = 0;
        if (is_plain(d, bare) || is_dropped(d, bare)) continue;
        status = put_pair(d, i, &taken);
        if (status == GGX_OK && !taken)
            return ggx_fail(d->error, GGX_E_MALFORMED, "tensor '%.*s' is no part of an adapter (recipe %s)",
                            GGX_STR_ARGS(c->tensors[i].name), d->recipe->id);
    }
    return status;
}

/* --- from a view of the weight to views of its factors -------------------------------------------------------------------------- */

enum { OVER_NOTHING, OVER_ROWS, OVER_COLUMNS };

/* What an axis of a piece runs over; `columns` is the weight's number of them. -1: over both. */
static int runs_over(const ggx_axis *axis, uint64_t columns)
{
    int over = OVER_NOTHING;
    uint64_t reach = 0;
    for (uint32_t f = 0; f < axis->factor_count; f++) {
        const uint64_t stride = (uint64_t)axis->factors[f].stride, size = axis->factors[f].size;
        if (axis->factors[f].stride <= 0 || size < 2) continue;
        const int is = stride >= columns ? OVER_ROWS : OVER_COLUMNS;
        if (over != OVER_NOTHING && over != is) return -1;
        if (is == OVER_ROWS && stride % columns) return -1;
        over = is;
        reach += (size - 1) * stride;
    }
    return over == OVER_COLUMNS && reach >= columns ? -1 : over;
}

static ggx_status cannot(const adapting *d, const ggx_recipe_tensor *t, const char *why)
{
    return ggx_fail(d->error, GGX_E_UNSUPPORTED, "'%.*s' cannot be made of an adapter: recipe %s %s",
                    (int)(t->name.size < 80 ? t->name.size : 80), t->name.data, d->family->id, why);
}

/* The axis over a factor whose rows (or columns) lie `step` elements apart, where the weight's lie `unit`. */
static int scale_axis(ggx_arena *arena, const ggx_axis *from, uint64_t unit, int64_t step, ggx_axis *to)
{
    *to = *from;
    if (!from->factor_count) return 1;
    to->factors = ggx_arena_array(arena, from->factor_count, sizeof *to->factors);
    for (uint32_t f = 0; to->factors && f < from->factor_count; f++)
        to->factors[f] = (ggx_factor){from->factors[f].size, from->factors[f].stride / (int64_t)unit * step};
    return to->factors != NULL;
}

static int plain_axis(ggx_arena *arena, uint64_t size, int64_t stride, ggx_axis *to)
{
    *to = (ggx_axis){0};
    if (size == 1) return 1;
    to->factors = ggx_arena_array(arena, 1, sizeof *to->factors);
    if (to->factors) to->factors[0] = (ggx_factor){size, stride};
    to->factor_count = 1;
    return to->factors != NULL;
}

/* A factor's lengths and strides as the product sees them: rows × columns, whichever way it lies. */
typedef struct lie {
    uint64_t rows, columns;
    int64_t down, along;
} lie;

static lie lie_of(const ggx_tensor *t, int32_t turned)
{
    return turned ? (lie){t->shape[1], t->shape[0], t->stride[1], t->stride[0]}
                  : (lie){t->shape[0], t->shape[1], t->stride[0], t->stride[1]};
}

typedef struct splitting {
    const adapting *d;
    const ggx_recipe_tensor *made;
    int turned;  /* 1: the rows run along the last axis: the weight was transposed */
    int shared;  /* 1: every piece has the same A, which is then written once */
    int flipped; /* 1: the factors of a pair that is turned: A's transpose comes out first, then B as it is */
    ggx_view a, b;
} splitting;

/* One piece of the weight's view as a piece of each factor's. The last two axes are theirs; those before them are rows of B, and stand
 * before A when each piece has its own. */
static ggx_status split_piece(splitting *s, uint32_t index)
{
    const adapting *d = s->d;
    const ggx_checkpoint *c = d->env->checkpoint;
    const ggx_view *view = &s->made->view;
    const ggx_piece *p = &view->pieces[index];
    const factors f = d->factors[p->tensor - c->tensor_count];
    const lie a = lie_of(&c->tensors[f.a], f.turned), b = lie_of(&c->tensors[f.b], f.turned);
    const uint64_t columns = a.columns, rank = a.rows;
    const uint32_t last = view->rank - 1, low = s->turned ? last : last - 1, high = s->turned ? last - 1 : last;
    ggx_piece pa = {.tensor = f.a, .offset = p->offset % columns * (uint64_t)a.along},
              pb = {.tensor = f.b, .offset = p->offset / columns * (uint64_t)b.down};
    int good = 1;
    for (uint32_t axis = 0; axis + 2 < view->rank; axis++) {
        pb.start[axis] = p->start[axis];
        pb.count[axis] = p->count[axis];
        good &= scale_axis(d->arena, &p->axis[axis], columns, b.down, &pb.axis[axis]);
        pa.start[axis] = s->shared ? 0 : p->start[axis];
        pa.count[axis] = s->shared ? 1 : p->count[axis];
    }
    /* B: rows × rank, A: rank × columns; of a transposed weight rank × rows and columns × rank */
    const uint32_t b_rank = s->turned ? last - 1 : last, b_rows = s->turned ? last : last - 1;
    const int a_turned = s->turned || s->flipped;
    const uint32_t a_rank = a_turned ? last : last - 1, a_columns = a_turned ? last - 1 : last;
    pb.start[b_rows] = p->start[low];
    pb.count[b_rows] = p->count[low];
    pa.start[a_columns] = p->start[high];
    pa.count[a_columns] = p->count[high];
    pb.count[b_rank] = pa.count[a_rank] = rank;
    good &= scale_axis(d->arena, &p->axis[low], columns, b.down, &pb.axis[b_rows]);
    good &= scale_axis(d->arena, &p->axis[high], 1, a.along, &pa.axis[a_columns]);
    good &= plain_axis(d->arena, rank, b.along, &pb.axis[b_rank]);
    good &= plain_axis(d->arena, rank, a.down, &pa.axis[a_rank]);
    if (!good) return no_memory(d);
    s->b.pieces[index] = pb;
    if (!s->shared || !index) s->a.pieces[index] = pa;
    s->a.shape[a_rank] = s->b.shape[b_rank] = rank;
    if (s->flipped) s->a.shape[a_columns] = view->shape[high];
    return GGX_OK;
}

/* Looks at all pieces: do they run over rows and columns as factors can, and do they share A? */
static ggx_status look(splitting *s)
{
    const adapting *d = s->d;
    const ggx_view *view = &s->made->view;
    const uint64_t first = d->env->checkpoint->tensor_count;
    const uint32_t last = view->rank - 1;
    s->shared = 1;
    for (uint32_t i = 0; i < view->piece_count; i++) {
        const ggx_piece *p = &view->pieces[i];
        if (p->tensor == GGX_CONST_TENSOR || p->tensor < first || d->factors[p->tensor - first].a == UINT64_MAX)
            return cannot(d, s->made, "joins it with something that is none");
        const factors f = d->factors[p->tensor - first], g = d->factors[view->pieces[0].tensor - first];
        const uint64_t columns = lie_of(&d->env->checkpoint->tensors[f.a], f.turned).columns;
        const int over = runs_over(&p->axis[last], columns), under = runs_over(&p->axis[last - 1], columns);
        if (over < 0 || under < 0) return cannot(d, s->made, "mixes rows and columns");
        const int turned = view->rank == 2 && (over == OVER_ROWS || under == OVER_COLUMNS);
        if (i && turned != s->turned) return cannot(d, s->made, "mixes rows and columns");
        s->turned = turned;
        s->flipped = f.turned;
        if (f.turned && (turned || view->rank != 2 || view->piece_count != 1))
            return cannot(d, s->made, "rearranges a weight whose factors stand for its transpose");
        if (!turned && (over == OVER_ROWS || under == OVER_COLUMNS))
            return cannot(d, s->made, "mixes rows and columns");
        for (uint32_t axis = 0; axis + 2 < view->rank; axis++)
            if (runs_over(&p->axis[axis], columns) == OVER_COLUMNS || runs_over(&p->axis[axis], columns) < 0)
                return cannot(d, s->made, "mixes rows and columns");
        if (f.a != g.a || p->offset % columns != view->pieces[0].offset % columns) s->shared = 0;
        const uint32_t high = turned ? last - 1 : last;
        if (p->count[high] != view->shape[high]) return cannot(d, s->made, "joins columns of several weights");
    }
    if (s->shared) return GGX_OK;
    for (uint32_t i = 0; i < view->piece_count;
         i++) /* each its own A: then each has its own place before the last two axes */
        if (view->rank < 3 || view->pieces[i].count[last - 1] != view->shape[last - 1])
            return cannot(d, s->made, "joins rows of several weights, whose factors are not the same");
    return GGX_OK;
}

static ggx_status split_view(splitting *s)
{
    const adapting *d = s->d;
    const ggx_view *view = &s->made->view;
    if (view->rank < 2) return cannot(d, s->made, "makes a vector of it");
    ggx_status status = look(s);
    if (status != GGX_OK) return status;
    s->a = s->b = *view;
    s->a.piece_count = s->shared ? 1 : view->piece_count;
    s->a.pieces = ggx_arena_array(d->arena, view->piece_count, sizeof *s->a.pieces);
    s->b.pieces = ggx_arena_array(d->arena, view->piece_count, sizeof *s->b.pieces);
    if (!s->a.pieces || !s->b.pieces) return no_memory(d);
    for (uint32_t axis = 0; s->shared && axis + 2 < view->rank; axis++) s->a.shape[axis] = 1;
    for (uint32_t i = 0; i < view->piece_count && status == GGX_OK; i++) status = split_piece(s, i);
    const ggx_checkpoint *c = d->env->checkpoint;
    s->a.type = c->tensors[s->a.pieces[0].tensor].type;
    s->b.type = c->tensors[s->b.pieces[0].tensor].type;
    return status;
}

/* --- outputs ------------------------------------------------------------------------------------------------------------------ */

static ggx_status add_factor(adapting *d, const ggx_recipe_tensor *made, const ggx_view *view, ggx_str suffix,
                             int scaled, ggx_str type)
{
    ggx_recipe_tensor *to = &d->out->tensors[d->out->tensor_count++];
    *to = *made;
    to->name = ggx_arena_format(d->arena, "%.*s%.*s", GGX_STR_ARGS(made->name), GGX_STR_ARGS(suffix));
    to->view = *view;
    to->type = (ggx_str){NULL, 0};
    to->default_type = type;
    to->quantize = 1;
    to->row_axes = 0;
    if (!scaled) to->op_count = 0;
    for (uint32_t i = 0; i < to->op_count; i++)
        if (to->ops[i].kind != GGX_OP_MUL && to->ops[i].kind != GGX_OP_NEG)
            return cannot(d, made, "computes with its elements");
    return to->name.data ? GGX_OK : no_memory(d);
}

/* A plain tensor: what the family's recipe made, of the adapter's own. */
static ggx_status add_plain(adapting *d, const ggx_recipe_tensor *made)
{
    const uint64_t first = d->env->checkpoint->tensor_count;
    ggx_recipe_tensor *to = &d->out->tensors[d->out->tensor_count++];
    *to = *made;
    for (uint32_t i = 0; i < made->view.piece_count; i++)
        if (made->view.pieces[i].tensor != GGX_CONST_TENSOR)
            made->view.pieces[i].tensor = d->factors[made->view.pieces[i].tensor - first].b;
    return GGX_OK;
}

static ggx_status add_outputs(adapting *d, ggx_str type)
{
    const uint64_t first = d->env->checkpoint->tensor_count;
    ggx_status status = GGX_OK;
    d->out->tensors = ggx_arena_array(d->arena, 2 * d->made.tensor_count + 1, sizeof *d->out->tensors);
    if (!d->out->tensors) return no_memory(d);
    for (uint64_t i = 0; i < d->made.tensor_count && status == GGX_OK; i++) {
        const ggx_recipe_tensor *t = &d->made.tensors[i];
        const uint64_t lead = t->view.piece_count ? t->view.pieces[0].tensor : GGX_CONST_TENSOR;
        splitting s = {.d = d, .made = t};
        if (lead != GGX_CONST_TENSOR && d->factors[lead - first].a == UINT64_MAX) {
            status = add_plain(d, t);
            continue;
        }
        status = split_view(&s);
        if (status == GGX_OK)
            status = add_factor(d, t, s.turned || s.flipped ? &s.b : &s.a, d->recipe->adapter->suffix[0], 0, type);
        if (status == GGX_OK)
            status = add_factor(d, t, s.turned || s.flipped ? &s.a : &s.b, d->recipe->adapter->suffix[1], 1, type);
    }
    return status;
}

static int is_needed(const adapting *d, ggx_str name)
{
    ggx_match match;
    uint64_t steps = 0;
    for (uint32_t i = 0; i < d->recipe->adapter->needed_count; i++)
        if (ggx_pattern_match(d->recipe->adapter->needed[i], name, &match, &steps)) return 1;
    return 0;
}

static ggx_status refuse_left(const adapting *d, ggx_str name)
{
    return ggx_fail(d->error, GGX_E_MALFORMED, "the adapter changes '%.*s', which recipe %s leaves out of the model",
                    GGX_STR_ARGS(name), d->family->id);
}

/* Changes of weights that are not in the model's file are left out of the adapter's, too: of a tower beside the text model, say. */
static ggx_status leave_out(adapting *d)
{
    uint64_t count = 0, all = d->made.use_count;
    ggx_str name = {NULL, 0}, said;
    for (uint64_t i = 0; i < all; i++) {
        if (!d->made.uses[i].dropped) continue;
        const ggx_str this = d->virtual->tensors[d->made.uses[i].tensor].name;
        const int needed = is_needed(d, this);
        if (!count++ || needed) name = this;
        if (needed) return refuse_left(d, name);
    }
    if (!count) return GGX_OK;
    if (count == all) return refuse_left(d, name);
    said = ggx_arena_format(d->arena, "the change of '%.*s'", GGX_STR_ARGS(name));
    if (count > 1)
        said = ggx_arena_format(d->arena, "the changes of %llu weights, '%.*s' the first of them",
                                (unsigned long long)count, GGX_STR_ARGS(name));
    said = ggx_arena_format(d->arena, "left out: %s; recipe %s leaves %s out of the model", said.data ? said.data : "",
                            d->family->id, count > 1 ? "them" : "it");
    d->out->lost = ggx_arena_array(d->arena, 1, sizeof *d->out->lost);
    if (!said.data || !d->out->lost) return no_memory(d);
    d->out->lost[d->out->lost_count++] = said.data;
    return GGX_OK;
}

/* Which of the adapter's tensors went where, by the lines of the family's recipe. */
static ggx_status add_uses(adapting *d)
{
    const uint64_t first = d->env->checkpoint->tensor_count;
    d->out->uses = ggx_arena_array(d->arena, 2 * d->made.use_count + 1, sizeof *d->out->uses);
    if (!d->out->uses) return no_memory(d);
    for (uint64_t i = 0; i < d->made.use_count; i++) {
        const ggx_recipe_use *use = &d->made.uses[i];
        const factors f = d->factors[use->tensor - first];
        const int32_t dropped = use->dropped;
        d->out->uses[d->out->use_count++] = (ggx_recipe_use){f.b, use->rule_line, dropped, NULL};
        if (f.a != UINT64_MAX) d->out->uses[d->out->use_count++] = (ggx_recipe_use){f.a, use->rule_line, dropped, NULL};
    }
    return GGX_OK;
}

/* --- the whole ---------------------------------------------------------------------------------------------------------------- */

static ggx_status open_base(adapting *d, ggx_source **source)
{
    ggx_value value = {0};
    const char *path = d->env->base;
    ggx_status status = GGX_OK;
    if (!path && d->recipe->adapter->base) status = ggx_eval_node(d->eval, d->recipe->adapter->base, &value);
    if (status != GGX_OK) return status;
    if (!path && value.kind == GGX_VALUE_STR) {
        ggx_str kept = ggx_arena_str(d->arena, value.text);
        if (!kept.data) return no_memory(d);
        path = kept.data;
    }
    if (!path)
        return ggx_fail(d->error, GGX_E_USAGE,
                        "an adapter is read with its base model; name its folder with --base DIR");
    ggx_error why = {0};
    status = ggx_source_open(path, source, &why);
    if (status == GGX_OK) ggx_source_refuse_pointers(*source);
    if (status == GGX_OK && (*source)->kind == GGX_SOURCE_DIRECTORY) return GGX_OK;
    return ggx_fail(d->error, status == GGX_OK ? GGX_E_USAGE : status,
                    "the base model %.120s is no folder here; name it with --base DIR", path);
}

/* The family's recipe, chosen and applied to the virtual tensors. */
static ggx_status apply_family(adapting *d, ggx_source *base)
{
    const char *slash = strrchr(d->recipe->path, '/');
    ggx_recipe *family = NULL;
    ggx_str directory = d->env->directory ? ggx_str_of(d->env->directory)
                        : slash
                            ? ggx_arena_str(d->arena, (ggx_str){d->recipe->path, (uint64_t)(slash - d->recipe->path)})
                            : GGX_LIT(".");
    if (!directory.data) return no_memory(d);
    d->virtual->source = base;
    d->inner = *d->env;
    d->inner.checkpoint = d->virtual;
    d->inner.model_name = ggx_source_folder(base);
    d->inner.partial = 1;
    ggx_status status = ggx_recipe_choose(d->arena, directory.data, NULL, &d->inner, &family, d->error);
    if (status != GGX_OK) return status;
    if (!family || family->adapter)
        return ggx_fail(d->error, GGX_E_UNSUPPORTED, "no recipe is for the base model; 'ggx recipes new' begins one");
    d->family = family;
    return ggx_recipe_apply(d->arena, family, &d->inner, &d->made, d->error);
}

static ggx_status adapt(adapting *d, const ggx_profile *profile)
{
    ggx_source *base = NULL;
    ggx_str type = GGX_LIT("f32");
    ggx_apply apply = {
        .eval = d->eval, .arena = d->arena, .recipe = d->recipe, .env = d->env, .profile = profile, .error = d->error};
    ggx_status status = make_virtual(d);
    if (status == GGX_OK) status = open_base(d, &base);
    if (status == GGX_OK) status = apply_family(d, base);
    if (status == GGX_OK && profile && profile->matrices) status = ggx_eval_text(d->eval, profile->matrices, &type);
    if (status == GGX_OK) type = ggx_arena_str(d->arena, type);
    if (status == GGX_OK) status = leave_out(d);
    if (status == GGX_OK) status = add_uses(d);
    if (status == GGX_OK) status = type.data ? add_outputs(d, type) : no_memory(d);
    d->out->checkpoint = d->env->checkpoint;
    d->eval->made = d->out;
    d->eval->family = d->family;
    d->eval->family_env = &d->inner;
    if (status == GGX_OK) status = ggx_header_make(&apply, d->out);
    ggx_source_close(base);
    return status;
}

ggx_status ggx_adapter_apply(ggx_arena *arena, const struct ggx_recipe *recipe, const ggx_profile *profile,
                             const ggx_recipe_env *env, ggx_recipe_result *out, ggx_error *error)
{
    ggx_eval eval;
    ggx_status status = ggx_eval_open(&eval, recipe, env, error);
    if (status != GGX_OK) return status;
    adapting d = {.arena = arena, .recipe = recipe, .env = env, .eval = &eval, .out = out, .error = error};
    status = adapt(&d, profile);
    ggx_eval_close(&eval);
    return status;
}

/* of_base(name): a value of the base model's recipe. */
static ggx_status call_of_base(ggx_eval *eval, const ggx_node *node, const ggx_value *args, uint32_t count,
                               ggx_value *out)
{
    ggx_str text = {NULL, 0};
    (void)count;
    if (args->kind != GGX_VALUE_STR)
        return GGX_NODE_FAIL(eval, node, "of_base() needs a string, not %s", ggx_value_kind(args));
    if (!eval->family) return GGX_NODE_FAIL(eval, node, "of_base() is for headers of adapters");
    ggx_str name = ggx_arena_str(&eval->arena, args->text);
    if (!name.data) return ggx_fail(eval->error, GGX_E_NOMEM, "no memory for a name");
    ggx_status status = ggx_recipe_value(&eval->arena, eval->family, eval->family_env, name.data, &text, eval->error);
    if (status == GGX_OK && text.data) *out = ggx_value_text(text);
    return status;
}

const ggx_function ggx_adapter_functions[] = {
    {"of_base", 1, 1, call_of_base},
    {NULL, 0, 0, NULL},
};
