/* Both sides box by box; sums in double in the elements' order, so that the result is the same everywhere. */
#include "execute/compare.h"

#include "base/text.h"
#include "execute/gather.h"
#include "execute/measure.h"
#include "execute/operations.h"
#include <ggx_sdk/error.h>
#include <math.h>
#include <stdlib.h>

#define RUN_ELEMS (64u << 10)
#define VIEW_MEMORY (64u << 20)
#define OPS_MAX 64

typedef struct side {
    ggx_gather gather;
    const ggx_operand *operand;
    const ggx_kernels *decode; /* NULL: f32 */
    const ggx_kernels *casts[OPS_MAX];
    float *values;
    void *cast;
} side;

/* The first side, rounded through the type of the second. */
typedef struct rounding {
    const ggx_quant *quant; /* NULL: nothing to round */
    const ggx_kernels *kernels;
    float *values;
    void *blocks, *scratch;
    int32_t wanted;
} rounding;

typedef struct sums {
    double squares, a_squares, b_squares, product, own_squares;
} sums;

static void add(const float *a, const float *b, uint64_t n, sums *s, ggx_difference *d)
{
    d->elements += n;
    for (uint64_t i = 0; i < n; i++) {
        const double x = (double)a[i], y = (double)b[i], off = fabs(x - y);
        if (!isfinite(x) || !isfinite(y)) {
            d->odd++;
            d->lost += isfinite(x) != isfinite(y);
            continue;
        }
        if (off > d->largest) d->largest = off;
        s->squares += off * off;
        s->a_squares += x * x;
        s->b_squares += y * y;
        s->product += x * y;
    }
}

/* What rounding alone did to `a`, and where `b` is not that. */
static void add_own(const float *a, const float *rounded, const float *b, uint64_t n, sums *s, ggx_difference *d)
{
    for (uint64_t i = 0; i < n; i++) {
        const double off = fabs((double)a[i] - (double)rounded[i]);
        const int same = (isnan(b[i]) && isnan(rounded[i])) || !(b[i] < rounded[i] || b[i] > rounded[i]);
        if (!same || isnan(b[i]) != isnan(rounded[i])) d->changed++;
        if (!isfinite(off)) continue;
        if (off > d->own_largest) d->own_largest = off;
        s->own_squares += off * off;
    }
}

static void finish(const sums *s, ggx_difference *d)
{
    const double n = (double)(d->elements - d->odd);
    d->rmse = n > 0 ? sqrt(s->squares / n) : 0;
    d->own_rmse = n > 0 ? sqrt(s->own_squares / n) : 0;
    d->relative = s->a_squares > 0 ? sqrt(s->squares / s->a_squares) : 0;
    d->cosine = s->a_squares > 0 && s->b_squares > 0 ? s->product / (sqrt(s->a_squares) * sqrt(s->b_squares))
                                                     : (double)(s->a_squares == s->b_squares);
    if (d->lost || (d->odd && d->odd == d->elements)) d->rmse = d->relative = d->largest = d->cosine = NAN;
}

static ggx_status kernels_of(ggx_registry *registry, ggx_str type, const ggx_kernels **out, ggx_error *error)
{
    const ggx_quant *quant;
    if (ggx_str_same(type, GGX_LIT("f32"))) return GGX_OK;
    ggx_status status = ggx_registry_quant(registry, type, &quant, error);
    return status == GGX_OK ? ggx_registry_kernels(registry, quant, out, error) : status;
}

static ggx_status open_side(side *s, const ggx_operand *operand, pthread_mutex_t *lock, ggx_error *error)
{
    const ggx_checkpoint *c = operand->checkpoint;
    const ggx_type *type = &operand->view->type;
    ggx_status status = kernels_of(c->registry, ggx_str_of(type->name), &s->decode, error);
    if (status == GGX_OK && s->decode && !s->decode->dequantize)
        status = ggx_fail(error, GGX_E_NOTFOUND, "type %s can be written but not read", type->name);
    if (status == GGX_OK && operand->op_count > OPS_MAX)
        status = ggx_fail(error, GGX_E_UNSUPPORTED, "more than %d operations on one tensor", OPS_MAX);
    for (uint32_t i = 0; i < operand->op_count && status == GGX_OK; i++)
        if (operand->ops[i].kind == GGX_OP_CAST)
            status = kernels_of(c->registry, operand->ops[i].type, &s->casts[i], error);
    if (status != GGX_OK) return status;
    s->operand = operand;
    s->gather = (ggx_gather){.checkpoint = c, .sequential = lock, .stage_elems = RUN_ELEMS + 4ull * type->block_elems};
    s->gather.stage = malloc((size_t)(s->gather.stage_elems / type->block_elems + 1) * type->block_bytes);
    s->gather.decoded = malloc((size_t)s->gather.stage_elems * sizeof(float));
    s->values = malloc((RUN_ELEMS + 0ul) * sizeof(float));
    s->cast = operand->op_count ? malloc((RUN_ELEMS + 0ul) * GGX_CAST_BYTES) : NULL;
    return s->gather.stage && s->gather.decoded && s->values && (s->cast || !operand->op_count)
               ? GGX_OK
               : ggx_fail(error, GGX_E_NOMEM, "out of memory");
}

static void close_side(side *s)
{
    free(s->gather.stage);
    free(s->gather.decoded);
    free(s->values);
    free(s->cast);
}

static ggx_status open_rounding(rounding *r, ggx_registry *registry, const ggx_quant *quant, ggx_error *error)
{
    const ggx_type *type = &quant->type;
    r->quant = quant;
    ggx_status status = ggx_registry_kernels(registry, quant, &r->kernels, error);
    if (status == GGX_OK && (!r->kernels->quantize || !r->kernels->dequantize))
        status = ggx_fail(error, GGX_E_UNSUPPORTED, "type %s cannot be both read and written", type->name);
    if (status != GGX_OK) return status;
    const uint64_t scratch = quant->scratch ? quant->scratch(RUN_ELEMS) : 0;
    r->values = malloc((RUN_ELEMS + 0ul) * sizeof(float));
    r->blocks = malloc((size_t)(RUN_ELEMS / type->block_elems + 1) * type->block_bytes);
    const int taken = !scratch || posix_memalign(&r->scratch, 64, (size_t)(scratch + 63) / 64 * 64) == 0;
    return r->values && r->blocks && taken ? GGX_OK : ggx_fail(error, GGX_E_NOMEM, "out of memory");
}

static ggx_status read_box(side *s, const ggx_box *box, ggx_error *error)
{
    const ggx_operand *o = s->operand;
    ggx_status status = ggx_gather_f32(&s->gather, o->view, box, s->decode, s->values, error);
    if (status == GGX_OK) ggx_ops_apply(o->ops, s->casts, o->op_count, box, s->values, s->cast);
    return status;
}

/* What its operations must know of the whole tensor. */
static ggx_status measure_side(side *s, const ggx_run *run, ggx_error *error)
{
    const ggx_operand *o = s->operand;
    const ggx_measuring m = {&s->gather, s->decode, o->ops, s->casts, o->op_count, s->values, RUN_ELEMS, s->cast, run};
    ggx_status status = GGX_OK;
    for (uint32_t i = 0; i < o->op_count && status == GGX_OK; i++)
        if (o->ops[i].measure && o->ops[i].measure->state != GGX_MEASURE_KNOWN) status = ggx_measure_op(&m, i, error);
    return status;
}

static const float *round_values(rounding *r, const float *values, uint64_t n, uint64_t cols)
{
    if (!r->quant) return values;
    r->kernels->quantize(values, r->blocks, n / cols, cols, NULL, r->scratch);
    r->kernels->dequantize(r->blocks, r->values, n);
    return r->values;
}

/* Steps of boxes of at most RUN_ELEMS: trailing axes whole while they fit, the last one in whole blocks of both. */
static void choose_steps(const ggx_view *a, const ggx_view *b, uint64_t *step)
{
    const uint64_t blocks = (uint64_t)a->type.block_elems * b->type.block_elems;
    uint64_t inner = 1;
    for (uint32_t axis = a->rank; axis-- > 0;) {
        uint64_t room = RUN_ELEMS / inner, most = a->shape[axis] < room ? a->shape[axis] : room;
        if (axis + 1 == a->rank && most < a->shape[axis] && blocks > 1 && most > blocks) most -= most % blocks;
        step[axis] = most ? most : 1;
        inner *= step[axis];
    }
}

/* The next box behind this one, all of the same steps; 0 behind the last. */
static int next_box(const ggx_view *view, const uint64_t *step, ggx_box *box)
{
    for (uint32_t axis = box->rank; axis-- > 0;) {
        box->start[axis] += step[axis];
        if (box->start[axis] < view->shape[axis]) return 1;
        box->start[axis] = 0;
    }
    return 0;
}

/* How many elements the box has, cut where the view ends. */
static uint64_t cut_box(const ggx_view *view, const uint64_t *step, ggx_box *box)
{
    uint64_t n = 1;
    for (uint32_t axis = 0; axis < box->rank; axis++) {
        const uint64_t left = view->shape[axis] - box->start[axis];
        box->count[axis] = left < step[axis] ? left : step[axis];
        n *= box->count[axis];
    }
    return n;
}

static ggx_status walk(side *a, side *b, rounding *r, const ggx_run *run, sums *s, ggx_difference *d, ggx_error *error)
{
    const ggx_view *view = a->operand->view;
    ggx_box box = {.struct_size = sizeof box, .rank = view->rank};
    uint64_t step[GGX_MAX_RANK] = {0};
    choose_steps(view, b->operand->view, step);
    do {
        if (run && run->canceled && *run->canceled) return ggx_fail(error, GGX_E_CANCELED, "stopped");
        const uint64_t n = cut_box(view, step, &box);
        if (!n) return GGX_OK;
        ggx_status status = read_box(a, &box, error);
        if (status == GGX_OK) status = read_box(b, &box, error);
        if (status != GGX_OK) return status;
        add(a->values, b->values, n, s, d);
        if (r->wanted)
            add_own(a->values, round_values(r, a->values, n, box.rank ? box.count[box.rank - 1] : 1), b->values, n, s,
                    d);
    } while (next_box(view, step, &box));
    return GGX_OK;
}

ggx_status ggx_views_compare(const ggx_operand *a, const ggx_operand *b, const ggx_quant *through, int plain,
                             const ggx_run *run, ggx_difference *out, ggx_error *error)
{
    side sides[2] = {0};
    sums s = {0};
    rounding r = {.wanted = through || plain};
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    memset(out, 0, sizeof *out);
    ggx_status status = open_side(&sides[0], a, &lock, error);
    if (status == GGX_OK) status = open_side(&sides[1], b, &lock, error);
    if (status == GGX_OK && through) status = open_rounding(&r, b->checkpoint->registry, through, error);
    if (status == GGX_OK && (a->view->rank != b->view->rank ||
                             memcmp(a->view->shape, b->view->shape, a->view->rank * sizeof *a->view->shape) != 0))
        status = ggx_fail(error, GGX_E_UNSUPPORTED, "the two have other shapes");
    for (int i = 0; i < 2 && status == GGX_OK; i++) status = measure_side(&sides[i], run, error);
    if (status == GGX_OK) status = walk(&sides[0], &sides[1], &r, run, &s, out, error);
    if (status == GGX_OK) finish(&s, out);
    out->bits = 8.0 * b->view->type.block_bytes / b->view->type.block_elems;
    for (int i = 0; i < 2; i++) close_side(&sides[i]);
    free(r.values);
    free(r.blocks);
    free(r.scratch);
    return status;
}

/* The tensor without its leading axes of length 1. */
static ggx_status view_bare(ggx_arena *arena, const ggx_checkpoint *c, uint64_t tensor, ggx_view *view,
                            ggx_error *error)
{
    const ggx_tensor *t = &c->tensors[tensor];
    uint64_t shape[GGX_MAX_RANK] = {0};
    uint32_t ones = 0;
    ggx_status status = ggx_view_tensor(arena, c, tensor, view, error);
    while (ones + 1 < t->rank && t->shape[ones] == 1) ones++;
    for (uint32_t a = ones; a < t->rank; a++) shape[a - ones] = t->shape[a];
    return status == GGX_OK && ones ? ggx_view_reshape(arena, view, shape, t->rank - ones, error) : status;
}

ggx_status ggx_tensors_compare(const ggx_checkpoint *a, uint64_t tensor_a, const ggx_checkpoint *b, uint64_t tensor_b,
                               const ggx_run *run, ggx_difference *out, ggx_error *error)
{
    ggx_view x, y;
    ggx_arena arena;
    memset(out, 0, sizeof *out);
    ggx_arena_init(&arena, VIEW_MEMORY);
    ggx_status status = view_bare(&arena, a, tensor_a, &x, error);
    if (status == GGX_OK) status = view_bare(&arena, b, tensor_b, &y, error);
    if (status == GGX_OK && (x.rank != y.rank || memcmp(x.shape, y.shape, x.rank * sizeof *x.shape) != 0))
        status = ggx_fail(error, GGX_E_UNSUPPORTED, "tensor '%.*s' has another shape in the second file",
                          GGX_STR_ARGS(a->tensors[tensor_a].name));
    const ggx_operand left = {a, &x, NULL, 0}, right = {b, &y, NULL, 0};
    if (status == GGX_OK) status = ggx_views_compare(&left, &right, NULL, 0, run, out, error);
    ggx_arena_free(&arena);
    return status;
}

ggx_status ggx_views_equal(const ggx_operand *a, const ggx_operand *b, const ggx_run *run, int *equal, ggx_error *error)
{
    const ggx_view *view = a->view;
    const ggx_type *type = &view->type;
    const uint64_t bytes = (RUN_ELEMS / type->block_elems + 4ull) * type->block_bytes;
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    ggx_gather left = {.checkpoint = a->checkpoint, .sequential = &lock, .stage_elems = RUN_ELEMS}, right = left;
    uint64_t step[GGX_MAX_RANK] = {0};
    ggx_box box = {.struct_size = sizeof box, .rank = view->rank};
    right.checkpoint = b->checkpoint;
    left.stage = malloc((size_t)bytes);
    right.stage = malloc((size_t)bytes);
    uint8_t *x = malloc((size_t)bytes), *y = malloc((size_t)bytes);
    ggx_status status = left.stage && right.stage && x && y ? GGX_OK : ggx_fail(error, GGX_E_NOMEM, "out of memory");
    choose_steps(view, b->view, step);
    *equal = 1;
    do {
        if (status == GGX_OK && run && run->canceled && *run->canceled)
            status = ggx_fail(error, GGX_E_CANCELED, "stopped");
        const uint64_t n = cut_box(view, step, &box);
        if (!n) break;
        if (status == GGX_OK) status = ggx_gather_raw(&left, view, &box, x, error);
        if (status == GGX_OK) status = ggx_gather_raw(&right, b->view, &box, y, error);
        if (status == GGX_OK && memcmp(x, y, (size_t)(n / type->block_elems * type->block_bytes)) != 0) *equal = 0;
    } while (status == GGX_OK && *equal && next_box(view, step, &box));
    free(left.stage);
    free(right.stage);
    free(x);
    free(y);
    return status;
}
