/* Cutting output tensors into tiles that fit the memory budget.
 *
 * A tile is a box; a tensor's tiles are the cells of a grid. Where the source lies in the output's order, tiles are runs that fit the
 * second-level cache. Where it lies across (a transpose), a tile is as long on the axis that is contiguous in the source as
 * on the one that is contiguous in the output, so that both are touched in long runs. The grid depends on --memory alone, never on
 * the number of threads: so an interrupted run can be taken up with another number of them. */
#include "plan/plan.h"

#include "execute/decoded.h"
#include <ggx_sdk/checked.h>
#include <ggx_sdk/error.h>

#define RUN_ELEMS (256u << 10) /* of a tile whose source lies in order: 1 MiB of floats */
#define RUN_BYTES (4u << 20)   /* of a tile that is copied as it is */
#define SMALLEST_ELEMS 4096u   /* below this, tiles cost more than their work */
#define EDGE_ELEMS 1024u       /* first length of a tile along the output's rows */

static void widen(uint64_t *most, uint64_t value)
{
    if (value > *most) *most = value;
}

/* What one of the twins adds: their outputs are made one after the other in the same buffers. */
static void add_memory(const ggx_plan_tensor *t, uint64_t elems, ggx_tile_memory *m)
{
    const ggx_type *source = &t->view.type;
    if (t->mode == GGX_MODE_COPY) {
        widen(&m->out_bytes, elems / source->block_elems * source->block_bytes);
        return;
    }
    m->elems = elems;
    if (t->decode) m->decoded_bytes = m->stage_elems * sizeof(float);
    if (t->encode) {
        widen(&m->out_bytes, elems / t->type.block_elems * t->type.block_bytes);
        if (t->quant->scratch)
            widen(&m->scratch_bytes, t->quant->scratch(t->tile[t->view.rank ? t->view.rank - 1 : 0]));
    }
    for (uint32_t i = 0; i < t->op_count; i++)
        if (t->op_kernels[i]) m->cast_bytes = elems * 8;
}

void ggx_plan_tile_memory(const ggx_plan_tensor *t, ggx_tile_memory *m)
{
    uint64_t elems = 1;
    const ggx_type *source = &t->view.type;
    for (uint32_t a = 0; a < t->view.rank; a++) elems *= t->tile[a] ? t->tile[a] : 1;
    memset(m, 0, sizeof *m);
    m->stage_elems = elems + 4ull * source->block_elems;
    m->stage_bytes = m->stage_elems / source->block_elems * source->block_bytes;
    m->packed_bytes = t->packed ? GGX_DECODED_ROOM : 0;
    for (; t; t = t->twin) add_memory(t, elems, m);
}

uint64_t ggx_tile_memory_sum(const ggx_tile_memory *m)
{
    return m->elems * sizeof(float) + m->stage_bytes + m->decoded_bytes + m->out_bytes + m->cast_bytes +
           m->scratch_bytes + m->packed_bytes;
}

/* Of two lengths; none of them is 0, as no block is empty. */
static uint64_t common_multiple(uint64_t a, uint64_t b)
{
    uint64_t x = a ? a : 1, y = b;
    while (y) {
        const uint64_t rest = x % y;
        x = y;
        y = rest;
    }
    return a / x * b;
}

static int has_imatrix(const ggx_plan_tensor *t)
{
    for (; t; t = t->twin)
        if (t->imatrix) return 1;
    return 0;
}

/* The smallest length by which the last axis may be cut. */
static uint64_t column_step(const ggx_plan_tensor *t)
{
    const uint64_t cols = t->view.rank ? t->view.shape[t->view.rank - 1] : 1;
    uint64_t step = 1;
    for (; t; t = t->twin) {
        if (t->whole_rows) return cols;
        step = common_multiple(step, t->type.block_elems);
        if (t->mode == GGX_MODE_COPY) step = common_multiple(step, t->view.type.block_elems);
        if (step > cols) return cols;
    }
    return step;
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

/* At least 1. */
static uint64_t round_step(uint64_t wanted, uint64_t step, uint64_t length)
{
    uint64_t n = step ? wanted / step * step : 1;
    if (n < step) n = step;
    if (n > length) n = length;
    return n ? n : 1;
}

static void cut_one(ggx_plan_tensor *t, uint64_t elems)
{
    const uint32_t rank = t->view.rank;
    t->tile_count = 1;
    if (!rank) return;
    const uint64_t *shape = t->view.shape;
    const uint32_t last = rank - 1, nearest = source_axis(t);
    const int weighed = has_imatrix(t); /* weights belong to one slab */
    const uint32_t along = weighed && nearest + 1 < last ? last : nearest;
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
        if (weighed && a + 1 < last) break;
        t->tile[a] = round_step(room, 1, shape[a]);
        room /= t->tile[a];
        if (t->tile[a] < shape[a] && along == last) break;
    }
    for (uint32_t a = 0; a < rank; a++) t->tile_count *= (shape[a] + t->tile[a] - 1) / t->tile[a];
}

/* A grid of tiles of about `elems` elements each; twins have the same. */
static void cut(ggx_plan_tensor *t, uint64_t elems)
{
    cut_one(t, elems);
    for (ggx_plan_tensor *x = t->twin; x; x = x->twin) {
        memcpy(x->tile, t->tile, sizeof x->tile);
        x->tile_count = t->tile_count;
    }
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
        uint64_t most = t->mode == GGX_MODE_COPY && !t->twin
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

/* Walks the tensors of all plans but those that are reached as twins; NULL behind the last. */
static ggx_plan_tensor *next_tensor(ggx_plan **plans, uint32_t count, uint32_t *plan, uint64_t *at)
{
    for (; *plan < count; (*plan)++, *at = 0)
        while (*at < plans[*plan]->tensor_count) {
            ggx_plan_tensor *t = &plans[*plan]->tensors[(*at)++];
            if (!t->is_twin) return t;
        }
    return NULL;
}

/* Buffers that are large enough for the tiles of every tensor; gives their sum. */
static uint64_t merge_memory(ggx_plan **plans, uint32_t count, ggx_tile_memory *most)
{
    uint32_t plan = 0;
    uint64_t at = 0;
    memset(most, 0, sizeof *most);
    for (ggx_plan_tensor *t; (t = next_tensor(plans, count, &plan, &at));) {
        ggx_tile_memory m;
        ggx_plan_tile_memory(t, &m);
        widen(&most->elems, m.elems);
        widen(&most->stage_elems, m.stage_elems);
        widen(&most->stage_bytes, m.stage_bytes);
        widen(&most->decoded_bytes, m.decoded_bytes);
        widen(&most->out_bytes, m.out_bytes);
        widen(&most->cast_bytes, m.cast_bytes);
        widen(&most->scratch_bytes, m.scratch_bytes);
        widen(&most->packed_bytes, m.packed_bytes);
    }
    return ggx_tile_memory_sum(most);
}

/* Each plan numbers its own tiles. Gives the number of all that are different. */
static uint64_t number_tiles(ggx_plan **plans, uint32_t count)
{
    uint64_t different = 0;
    for (uint32_t k = 0; k < count; k++) {
        plans[k]->tile_count = 0;
        for (uint64_t i = 0; i < plans[k]->tensor_count; i++) {
            ggx_plan_tensor *t = &plans[k]->tensors[i];
            t->first_tile = plans[k]->tile_count;
            plans[k]->tile_count += t->tile_count;
            different += t->is_twin ? 0 : t->tile_count;
        }
    }
    return different;
}

ggx_status ggx_plan_tiles(ggx_plan **plans, uint32_t count, const ggx_plan_request *request, ggx_error *error)
{
    ggx_tile_memory worker;
    ggx_plan_tensor *t;
    uint32_t plan = 0;
    uint64_t at = 0, need_in_all, budget = request->memory / 4;
    while ((t = next_tensor(plans, count, &plan, &at))) cut(t, SMALLEST_ELEMS);
    const uint64_t minimum = merge_memory(plans, count, &worker);
    if (request->memory < minimum)
        return ggx_fail(error, GGX_E_USAGE,
                        "this conversion needs at least --memory %llu (bytes), and %llu were allowed",
                        (unsigned long long)minimum, (unsigned long long)request->memory);
    do { /* different tensors may be the largest in different buffers, so the sum can exceed what each was fitted to */
        for (plan = 0, at = 0; (t = next_tensor(plans, count, &plan, &at));) fit(t, budget);
        need_in_all = merge_memory(plans, count, &worker);
        budget -= budget / 4;
    } while (need_in_all > request->memory && budget > 4);
    const uint64_t tiles = number_tiles(plans, count);
    uint64_t workers = need_in_all ? request->memory / need_in_all : 1;
    if (workers > tiles) workers = tiles;
    if (workers > request->threads) workers = request->threads;
    for (uint32_t k = 0; k < count; k++) {
        plans[k]->minimum_memory = minimum;
        plans[k]->memory = request->memory;
        plans[k]->worker = worker;
        plans[k]->worker_memory = need_in_all;
        plans[k]->workers = workers ? (uint32_t)workers : 1;
    }
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
