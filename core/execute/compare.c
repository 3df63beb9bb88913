/* Both tensors box by box; sums in double in the elements' order, so that the result is the same everywhere. */
#include "execute/compare.h"

#include "base/text.h"
#include "execute/gather.h"
#include <ggx_sdk/error.h>
#include <math.h>
#include <stdlib.h>

#define RUN_ELEMS (64u << 10)
#define VIEW_MEMORY (64u << 20)

typedef struct side {
    ggx_gather gather;
    ggx_view view;
    const ggx_kernels *decode; /* NULL: f32 */
    float *values;
} side;

typedef struct sums {
    double squares, a_squares, b_squares, product;
} sums;

static void add(const float *a, const float *b, uint64_t n, sums *s, ggx_difference *d)
{
    d->elements += n;
    for (uint64_t i = 0; i < n; i++) {
        const double x = (double)a[i], y = (double)b[i], off = fabs(x - y);
        if (!isfinite(x) || !isfinite(y)) {
            d->odd++;
            continue;
        }
        if (off > d->largest) d->largest = off;
        s->squares += off * off;
        s->a_squares += x * x;
        s->b_squares += y * y;
        s->product += x * y;
    }
}

static void finish(const sums *s, ggx_difference *d)
{
    const double n = (double)(d->elements - d->odd);
    d->rmse = n > 0 ? sqrt(s->squares / n) : 0;
    d->relative = s->a_squares > 0 ? sqrt(s->squares / s->a_squares) : 0;
    d->cosine = s->a_squares > 0 && s->b_squares > 0 ? s->product / (sqrt(s->a_squares) * sqrt(s->b_squares))
                                                     : (double)(s->a_squares == s->b_squares);
}

static ggx_status open_side(side *s, ggx_arena *arena, const ggx_checkpoint *c, uint64_t tensor, pthread_mutex_t *lock,
                            ggx_error *error)
{
    const ggx_tensor *t = &c->tensors[tensor];
    const ggx_quant *quant;
    uint64_t shape[GGX_MAX_RANK] = {0};
    uint32_t ones = 0;
    ggx_status status = ggx_view_tensor(arena, c, tensor, &s->view, error);
    while (ones + 1 < t->rank && t->shape[ones] == 1) ones++;
    for (uint32_t a = ones; a < t->rank; a++) shape[a - ones] = t->shape[a];
    if (status == GGX_OK && ones) status = ggx_view_reshape(arena, &s->view, shape, t->rank - ones, error);
    if (status == GGX_OK && strcmp(t->type.name, "f32")) {
        status = ggx_registry_quant(c->registry, ggx_str_of(t->type.name), &quant, error);
        if (status == GGX_OK) status = ggx_registry_kernels(c->registry, quant, &s->decode, error);
        if (status == GGX_OK && !s->decode->dequantize)
            status = ggx_fail(error, GGX_E_NOTFOUND, "type %s can be written but not read", t->type.name);
    }
    if (status != GGX_OK) return status;
    s->gather =
        (ggx_gather){.checkpoint = c, .sequential = lock, .stage_elems = RUN_ELEMS + 4ull * t->type.block_elems};
    s->gather.stage = malloc((size_t)(s->gather.stage_elems / t->type.block_elems + 1) * t->type.block_bytes);
    s->gather.decoded = malloc((size_t)s->gather.stage_elems * sizeof(float));
    s->values = malloc((RUN_ELEMS + 0ul) * sizeof(float));
    return s->gather.stage && s->gather.decoded && s->values ? GGX_OK : ggx_fail(error, GGX_E_NOMEM, "out of memory");
}

static void close_side(side *s)
{
    free(s->gather.stage);
    free(s->gather.decoded);
    free(s->values);
}

static ggx_status read_box(side *s, const ggx_box *box, ggx_error *error)
{
    return ggx_gather_f32(&s->gather, &s->view, box, s->decode, s->values, error);
}

/* Steps of boxes of at most RUN_ELEMS: trailing axes whole while they fit, the last one in whole blocks of both. */
static void choose_steps(const side *a, const side *b, uint64_t *step)
{
    const uint64_t blocks = (uint64_t)a->view.type.block_elems * b->view.type.block_elems;
    uint64_t inner = 1;
    for (uint32_t axis = a->view.rank; axis-- > 0;) {
        uint64_t room = RUN_ELEMS / inner, most = a->view.shape[axis] < room ? a->view.shape[axis] : room;
        if (axis + 1 == a->view.rank && most < a->view.shape[axis] && blocks > 1 && most > blocks)
            most -= most % blocks;
        step[axis] = most ? most : 1;
        inner *= step[axis];
    }
}

static ggx_status walk(side *a, side *b, const ggx_run *run, sums *s, ggx_difference *d, ggx_error *error)
{
    ggx_box box = {.struct_size = sizeof box, .rank = a->view.rank};
    uint64_t step[GGX_MAX_RANK] = {0};
    choose_steps(a, b, step);
    for (;;) {
        uint64_t n = 1;
        if (run && run->canceled && *run->canceled) return ggx_fail(error, GGX_E_CANCELED, "stopped");
        for (uint32_t axis = 0; axis < box.rank; axis++) {
            const uint64_t left = a->view.shape[axis] - box.start[axis];
            box.count[axis] = left < step[axis] ? left : step[axis];
            n *= box.count[axis];
        }
        ggx_status status = n ? read_box(a, &box, error) : GGX_OK;
        if (status == GGX_OK && n) status = read_box(b, &box, error);
        if (status != GGX_OK) return status;
        add(a->values, b->values, n, s, d);
        uint32_t axis = box.rank;
        for (;;) {
            if (!axis) return GGX_OK;
            axis--;
            box.start[axis] += step[axis];
            if (box.start[axis] < a->view.shape[axis]) break;
            box.start[axis] = 0;
        }
    }
}

ggx_status ggx_tensors_compare(const ggx_checkpoint *a, uint64_t tensor_a, const ggx_checkpoint *b, uint64_t tensor_b,
                               const ggx_run *run, ggx_difference *out, ggx_error *error)
{
    side sides[2] = {0};
    sums s = {0};
    ggx_arena arena;
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    memset(out, 0, sizeof *out);
    ggx_arena_init(&arena, VIEW_MEMORY);
    ggx_status status = open_side(&sides[0], &arena, a, tensor_a, &lock, error);
    if (status == GGX_OK) status = open_side(&sides[1], &arena, b, tensor_b, &lock, error);
    const ggx_view *x = &sides[0].view, *y = &sides[1].view;
    if (status == GGX_OK && (x->rank != y->rank || memcmp(x->shape, y->shape, x->rank * sizeof *x->shape) != 0))
        status = ggx_fail(error, GGX_E_UNSUPPORTED, "tensor '%.*s' has another shape in the second file",
                          GGX_STR_ARGS(a->tensors[tensor_a].name));
    if (status == GGX_OK) status = walk(&sides[0], &sides[1], run, &s, out, error);
    if (status == GGX_OK) finish(&s, out);
    const ggx_type *type = &b->tensors[tensor_b].type;
    out->bits = 8.0 * type->block_bytes / type->block_elems;
    close_side(&sides[0]);
    close_side(&sides[1]);
    ggx_arena_free(&arena);
    return status;
}
