/* Cutting output tensors into tiles that fit the memory budget.
 *
 * A tile is a box; a tensor's tiles are the cells of a grid. Where the source lies in the output's order, tiles are runs that fit the
 * second-level cache. Where it lies across (a transpose), a tile is as long on the axis that is contiguous in the source as
 * on the one that is contiguous in the output, so that both are touched in long runs. The grid depends on --memory alone, never on
 * the number of threads: so an interrupted run can be taken up with another number of them. */
#include "plan/plan.h"

#include <ggx_sdk/checked.h>
#include <ggx_sdk/error.h>

#define RUN_ELEMS (256u << 10) /* of a tile whose source lies in order: 1 MiB of floats */
#define RUN_BYTES (4u << 20)   /* of a tile that is copied as it is */
#define SMALLEST_ELEMS 4096u   /* below this, tiles cost more than their work */
#define EDGE_ELEMS 1024u       /* first length of a tile along the output's rows */

void ggx_plan_tile_memory(const ggx_plan_tensor *t, ggx_tile_memory *m)
{
    uint64_t elems = 1, cols = t->view.rank ? t->tile[t->view.rank - 1] : 1;
    const ggx_type *source = &t->view.type;
    for (uint32_t a = 0; a < t->view.rank; a++) elems *= t->tile[a] ? t->tile[a] : 1;
    memset(m, 0, sizeof *m);
    m->stage_elems = elems + 4ull * source->block_elems;
    m->stage_bytes = m->stage_elems / source->block_elems * source->block_bytes;
    if (t->mode == GGX_MODE_COPY) {
        m->out_bytes = elems / source->block_elems * source->block_bytes;
        return;
    }
    m->elems = elems;
    if (t->decode) m->decoded_bytes = m->stage_elems * sizeof(float);
    if (t->encode) {
        m->out_bytes = elems / t->type.block_elems * t->type.block_bytes;
        if (t->quant->scratch) m->scratch_bytes = t->quant->scratch(cols);
    }
    for (uint32_t i = 0; i < t->op_count; i++)
        if (t->op_kernels[i]) m->cast_bytes = elems * 8;
}

uint64_t ggx_tile_memory_sum(const ggx_tile_memory *m)
{
    return m->elems * sizeof(float) + m->stage_bytes + m->decoded_bytes + m->out_bytes + m->cast_bytes +
           m->scratch_bytes;
}

/* The smallest length by which the last axis may be cut. */
static uint64_t column_step(const ggx_plan_tensor *t)
{
    const uint64_t cols = t->view.rank ? t->view.shape[t->view.rank - 1] : 1;
    uint64_t step = t->type.block_elems;
    if (t->whole_rows) return cols;
    if (t->view.type.block_elems > step && t->mode == GGX_MODE_COPY) step = t->view.type.block_elems;
    return step > cols ? cols : step;
}

/* The output axis whose neighbours lie closest together in the source. */
static uint32_t source_axis(const ggx_plan_tensor *t)
{
    uint32_t best = t->view.rank - 1;
    int64_t nearest = INT64_MAX;
    if (!t->view.piece_count) return best;
    const ggx_piece *p = &t->view.pieces[0];
    for (uint32_t a = t->view.rank; a-- > 0;)
        for (uint32_t f = 0; f < p->axis[a].factor_count; f++) {
            int64_t s = p->axis[a].factors[f].stride;
            if (s > 0 && s < nearest && p->axis[a].factors[f].size > 1) {
                nearest = s;
                best = a;
            }
        }
    return best;
}

static uint64_t round_step(uint64_t wanted, uint64_t step, uint64_t length)
{
    uint64_t n = wanted / step * step;
    if (n < step) n = step;
    return n > length ? length : n;
}

/* A grid of tiles of about `elems` elements each. */
static void cut(ggx_plan_tensor *t, uint64_t elems)
{
    const uint32_t rank = t->view.rank;
    t->tile_count = 1;
    if (!rank) return;
    const uint64_t *shape = t->view.shape;
    const uint32_t last = rank - 1, nearest = source_axis(t);
    const uint32_t along = t->imatrix && nearest + 1 < last ? last : nearest; /* weights belong to one slab */
    const uint64_t step = column_step(t);
    for (uint32_t a = 0; a < rank; a++) {
        t->tile[a] = 1;
        if (!shape[a]) t->tile_count = 0;
    }
    if (!t->tile_count) return;
    uint64_t room;
    if (along == last) {
        t->tile[last] = round_step(elems, step, shape[last]);
        room = elems / t->tile[last];
    } else {
        t->tile[last] = round_step(EDGE_ELEMS < elems ? EDGE_ELEMS : elems, step, shape[last]);
        room = elems / t->tile[last];
        t->tile[along] = round_step(room, 1, shape[along]);
        t->tile[last] = round_step(elems / t->tile[along], step, shape[last]);
        room = elems / t->tile[along] / t->tile[last];
    }
    for (uint32_t a = last;
         a-- > 0 && room > 1;) { /* what is left goes to the other axes, innermost first, whole ones only */
        if (a == along) continue;
        if (t->imatrix && a + 1 < last) break;
        t->tile[a] = round_step(room, 1, shape[a]);
        room /= t->tile[a];
        if (t->tile[a] < shape[a] && along == last) break;
    }
    for (uint32_t a = 0; a < rank; a++) t->tile_count *= (shape[a] + t->tile[a] - 1) / t->tile[a];
}

static int in_order(const ggx_plan_tensor *t)
{
    return !t->view.rank || source_axis(t) == t->view.rank - 1;
}

static uint64_t need(const ggx_plan_tensor *t)
{
    ggx_tile_memory m;
    ggx_plan_tile_memory(t, &m);
    return ggx_tile_memory_sum(&m);
}

/* Cuts the tensor into the largest tiles whose buffers take at most `budget`. */
static void fit(ggx_plan_tensor *t, uint64_t budget)
{
    uint64_t elems = budget / 6;
    if (in_order(t)) {
        uint64_t most = t->mode == GGX_MODE_COPY
                            ? (uint64_t)RUN_BYTES / t->view.type.block_bytes * t->view.type.block_elems
                            : RUN_ELEMS;
        if (elems > most) elems = most;
    }
    if (elems < SMALLEST_ELEMS) elems = SMALLEST_ELEMS;
    cut(t, elems);
    while (need(t) > budget && elems > SMALLEST_ELEMS) {
        elems -= elems / 8;
        cut(t, elems < SMALLEST_ELEMS ? SMALLEST_ELEMS : elems);
    }
}

static void widen(uint64_t *most, uint64_t value)
{
    if (value > *most) *most = value;
}

/* Buffers that are large enough for the tiles of every tensor; gives their sum. */
static uint64_t merge_memory(ggx_plan *plan)
{
    ggx_tile_memory *most = &plan->worker;
    memset(most, 0, sizeof *most);
    for (uint64_t i = 0; i < plan->tensor_count; i++) {
        ggx_tile_memory m;
        ggx_plan_tile_memory(&plan->tensors[i], &m);
        widen(&most->elems, m.elems);
        widen(&most->stage_elems, m.stage_elems);
        widen(&most->stage_bytes, m.stage_bytes);
        widen(&most->decoded_bytes, m.decoded_bytes);
        widen(&most->out_bytes, m.out_bytes);
        widen(&most->cast_bytes, m.cast_bytes);
        widen(&most->scratch_bytes, m.scratch_bytes);
    }
    return ggx_tile_memory_sum(most);
}

ggx_status ggx_plan_tiles(ggx_plan *plan, const ggx_plan_request *request, ggx_error *error)
{
    for (uint64_t i = 0; i < plan->tensor_count; i++) cut(&plan->tensors[i], SMALLEST_ELEMS);
    plan->minimum_memory = merge_memory(plan);
    plan->memory = request->memory;
    if (plan->memory < plan->minimum_memory)
        return ggx_fail(error, GGX_E_USAGE,
                        "this conversion needs at least --memory %llu (bytes), and %llu were allowed",
                        (unsigned long long)plan->minimum_memory, (unsigned long long)plan->memory);
    uint64_t budget = plan->memory / 4;
    do { /* different tensors may be the largest in different buffers, so the sum can exceed what each was fitted to */
        for (uint64_t i = 0; i < plan->tensor_count; i++) fit(&plan->tensors[i], budget);
        plan->worker_memory = merge_memory(plan);
        budget -= budget / 4;
    } while (plan->worker_memory > plan->memory && budget > 4);
    for (uint64_t i = 0; i < plan->tensor_count; i++) {
        plan->tensors[i].first_tile = plan->tile_count;
        plan->tile_count += plan->tensors[i].tile_count;
    }
    uint64_t workers = plan->worker_memory ? plan->memory / plan->worker_memory : 1;
    if (workers > plan->tile_count) workers = plan->tile_count;
    if (workers > request->threads) workers = request->threads;
    plan->workers = workers ? (uint32_t)workers : 1;
    return GGX_OK;
}

void ggx_plan_tile(const ggx_plan_tensor *t, uint64_t tile, ggx_box *out)
{
    memset(out, 0, sizeof *out);
    out->struct_size = sizeof *out;
    out->rank = t->view.rank;
    for (uint32_t a = t->view.rank; a-- > 0;) {
        uint64_t cells = (t->view.shape[a] + t->tile[a] - 1) / t->tile[a];
        out->start[a] = tile % cells * t->tile[a];
        out->count[a] = t->view.shape[a] - out->start[a] < t->tile[a] ? t->view.shape[a] - out->start[a] : t->tile[a];
        tile /= cells;
    }
}
