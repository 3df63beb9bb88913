/* Statistics by runs of rows; mean and deviation by Welford's recurrence in double, so that order and size of the runs are fixed
 * and the result is the same everywhere. */
#include "execute/statistics.h"

#include "base/text.h"
#include "execute/gather.h"
#include <ggx_sdk/error.h>
#include <math.h>
#include <stdlib.h>

#define RUN_ELEMS (64u << 10)

typedef struct sums {
    uint64_t finite;
    double mean, squares;
} sums;

static void add(ggx_statistics *s, sums *sum, const float *v, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        double x = (double)v[i];
        s->elements++;
        if (isnan(v[i]))
            s->nan++;
        else if (isinf(v[i]))
            s->infinite++;
        else {
            double from_mean = x - sum->mean;
            if (v[i] == 0.0f) s->zeros++;
            if (!sum->finite || x < s->minimum) s->minimum = x;
            if (!sum->finite || x > s->maximum) s->maximum = x;
            sum->finite++;
            sum->mean += from_mean / (double)sum->finite;
            sum->squares += from_mean * (x - sum->mean);
        }
    }
}

/* The tensor box by box: trailing axes whole while they fit a run, so that a tensor in C order is read straight through. */
static ggx_status read_rows(const ggx_gather *g, const ggx_view *view, const ggx_kernels *decode, const ggx_run *run,
                            float *values, ggx_statistics *s, ggx_error *error)
{
    ggx_box box = {.struct_size = sizeof box, .rank = view->rank};
    uint64_t count = 1, inner = 1, block = view->type.block_elems ? view->type.block_elems : 1;
    sums sum = {0};
    for (uint32_t a = view->rank; a-- > 0;) { /* boxes of at most RUN_ELEMS: trailing axes whole while they fit */
        uint64_t room = RUN_ELEMS / inner, step = view->shape[a] < room ? view->shape[a] : room;
        if (step > block && a == view->rank - 1) step -= step % block;
        box.count[a] = step ? step : 1;
        inner *= box.count[a];
        if (!view->shape[a]) return GGX_OK;
    }
    uint64_t step[GGX_MAX_RANK];
    memcpy(step, box.count, sizeof step);
    for (;;) {
        if (run && run->canceled && *run->canceled) return ggx_fail(error, GGX_E_CANCELED, "stopped");
        count = 1;
        for (uint32_t a = 0; a < view->rank; a++) {
            uint64_t left = view->shape[a] - box.start[a];
            box.count[a] = left < step[a] ? left : step[a];
            count *= box.count[a];
        }
        ggx_status status = ggx_gather_f32(g, view, &box, decode, values, error);
        if (status != GGX_OK) return status;
        add(s, &sum, values, count);
        uint32_t a = view->rank;
        for (;;) {
            if (a == 0) {
                s->mean = sum.mean;
                s->deviation = sum.finite ? sqrt(sum.squares / (double)sum.finite) : 0;
                return GGX_OK;
            }
            a--;
            box.start[a] += step[a];
            if (box.start[a] < view->shape[a]) break;
            box.start[a] = 0;
        }
    }
}

static ggx_status find_decoder(const ggx_checkpoint *c, const ggx_type *type, const ggx_kernels **out, ggx_error *error)
{
    const ggx_quant *quant;
    *out = NULL;
    if (!strcmp(type->name, "f32")) return GGX_OK;
    ggx_status status = ggx_registry_quant(c->registry, ggx_str_of(type->name), &quant, error);
    if (status == GGX_OK) status = ggx_registry_kernels(c->registry, quant, out, error);
    if (status == GGX_OK && (!(*out)->dequantize || quant->type.block_elems != type->block_elems ||
                             quant->type.block_bytes != type->block_bytes))
        status = ggx_fail(error, GGX_E_NOTFOUND, "no plugin decodes type %s", type->name);
    return status;
}

ggx_status ggx_statistics_read(const ggx_checkpoint *c, uint64_t tensor, const ggx_run *run, ggx_statistics *out,
                               ggx_error *error)
{
    ggx_arena arena;
    ggx_view view;
    const ggx_kernels *decode;
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    memset(out, 0, sizeof *out);
    ggx_status status = find_decoder(c, &c->tensors[tensor].type, &decode, error);
    if (status != GGX_OK) return status;
    ggx_arena_init(&arena, 1 << 20);
    status = ggx_view_tensor(&arena, c, tensor, &view, error);
    const uint64_t elems = RUN_ELEMS + 4ull * c->tensors[tensor].type.block_elems;
    const ggx_type *type = &c->tensors[tensor].type;
    ggx_gather g = {c,
                    &lock,
                    malloc((size_t)(elems / type->block_elems * type->block_bytes)),
                    elems,
                    malloc((size_t)elems * sizeof(float)),
                    NULL};
    float *values = malloc((size_t)elems * sizeof *values);
    if (status == GGX_OK && (!g.stage || !g.decoded || !values)) status = ggx_fail(error, GGX_E_NOMEM, "out of memory");
    if (status == GGX_OK) status = read_rows(&g, &view, decode, run, values, out, error);
    free(g.stage);
    free(g.decoded);
    free(values);
    ggx_arena_free(&arena);
    return status;
}
