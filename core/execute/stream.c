/* Streaming. */
#include "execute/stream.h"

#include "base/pool.h"
#include "base/text.h"
#include "source/open.h"
#include <ggx_sdk/error.h>
#include <stdlib.h>

#define STREAM_MEMORY (1ull << 30)
#define CUT_STEP (1u << 20) /* bytes between two kept states of the hash, at least */

/* --- what tiles need ---------------------------------------------------------------------------------------------------------------- */

/* The largest and the smallest offset that the indices take on one axis. */
static uint64_t largest_of(const ggx_axis *axis, uint64_t first, uint64_t last, uint64_t *smallest)
{
    uint64_t low = 0, high = 0, inner = 1;
    first += axis->first;
    last += axis->first;
    for (uint32_t f = axis->factor_count; f-- > 0;) {
        const uint64_t stride = axis->factors[f].stride > 0 ? (uint64_t)axis->factors[f].stride : 0,
                       size = axis->factors[f].size ? axis->factors[f].size : 1, a = first / inner, b = last / inner;
        const int whole = f && a / size != b / size; /* the digit turns over: it takes all its values */
        low += whole ? 0 : (f ? a % size : a) * stride;
        high += whole ? (size - 1) * stride : (f ? b % size : b) * stride;
        inner *= size;
    }
    *smallest = low;
    return high;
}

/* Adds the range of one piece's part of the box. */
static void add_piece(const ggx_streaming *s, const ggx_piece *p, const ggx_box *box, ggx_need *need)
{
    uint64_t low = p->offset, high = p->offset;
    if (p->tensor == GGX_CONST_TENSOR) return;
    for (uint32_t a = 0; a < box->rank; a++) {
        const uint64_t begin = box->start[a] > p->start[a] ? box->start[a] : p->start[a],
                       box_end = box->start[a] + box->count[a], piece_end = p->start[a] + p->count[a],
                       end = box_end < piece_end ? box_end : piece_end;
        uint64_t smallest;
        if (begin >= end) return;
        high += largest_of(&p->axis[a], begin - p->start[a], end - 1 - p->start[a], &smallest);
        low += smallest;
    }
    const ggx_tensor *t = &s->plan->checkpoint->tensors[p->tensor];
    const uint64_t block = t->type.block_elems, size = t->type.block_bytes;
    uint64_t start = 0;
    for (uint32_t i = 0; i < s->file_count; i++)
        if (s->files[i].member == t->member) start = s->files[i].start;
    low = start + t->offset + low / block * size;
    high = start + t->offset + (high / block + 1) * size;
    if (t->access != GGX_ACCESS_RAW && s->counting) s->asked[p->tensor] += high - low;
    if (t->access != GGX_ACCESS_RAW && s->asked[p->tensor] != t->nbytes) {
        low = start + t->offset;
        high = low + t->nbytes;
    }
    if (!need->high || low < need->low) need->low = low;
    if (high > need->high) need->high = high;
}

static ggx_status list_files(ggx_streaming *s, ggx_error *error)
{
    const ggx_checkpoint *c = s->plan->checkpoint;
    const uint32_t count = c->source->count(c->source);
    s->files = ggx_arena_array(&s->arena, count + 1ull, sizeof *s->files);
    if (!s->files) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    for (uint32_t i = 0; i < count; i++) {
        ggx_member member = {.struct_size = sizeof member};
        int used = ggx_source_was_read(c->source, i);
        for (uint64_t t = 0; t < c->tensor_count && !used; t++) used = c->tensors[t].member == i;
        if (!used) continue;
        ggx_status status = c->source->member(c->source, i, &member, error);
        if (status != GGX_OK) return status;
        s->files[s->file_count++] = (ggx_stream_file){.member = i, .start = s->total, .size = member.size};
        s->total += member.size;
    }
    return GGX_OK;
}

static int is_in_place(const ggx_tensor *t)
{
    return t->access == GGX_ACCESS_RAW || (t->access == GGX_ACCESS_READER && t->flags & GGX_TENSOR_IN_PLACE);
}

/* Tensors whose bytes core does not read itself are refused, as their reader may go back and forth; but for those that lie in place. */
static ggx_status check_access(const ggx_streaming *s, const ggx_plan_tensor *t, ggx_error *error)
{
    for (uint32_t i = 0; i < t->op_count; i++)
        if (t->ops[i].measure)
            return ggx_fail(error, GGX_E_UNSUPPORTED,
                            "tensor '%.*s' must be measured before it is written: this model cannot stream; download "
                            "it",
                            GGX_STR_ARGS(t->name));
    for (uint32_t i = 0; i < t->view.piece_count; i++) {
        const uint64_t tensor = t->view.pieces[i].tensor;
        if (tensor == GGX_CONST_TENSOR || is_in_place(&s->plan->checkpoint->tensors[tensor])) continue;
        return ggx_fail(error, GGX_E_UNSUPPORTED,
                        "tensor '%.*s' is packed, so its reader wants to go back and forth: this model cannot stream; "
                        "download it",
                        GGX_STR_ARGS(s->plan->checkpoint->tensors[tensor].name));
    }
    return GGX_OK;
}

static void fill_needs(const ggx_streaming *s)
{
    memset(s->needs, 0, (size_t)s->plan->tile_count * sizeof *s->needs);
    for (uint64_t i = 0; i < s->plan->tensor_count; i++) {
        const ggx_plan_tensor *t = &s->plan->tensors[i];
        for (uint64_t k = 0; k < t->tile_count; k++) {
            ggx_box box;
            ggx_plan_tile(t, k, &box);
            for (uint32_t p = 0; p < t->view.piece_count; p++)
                add_piece(s, &t->view.pieces[p], &box, &s->needs[t->first_tile + k]);
        }
    }
}

/* Twice: a reader that checks a tensor as it reads it may read all of it again, unless each byte is asked for once. */
static ggx_status find_needs(ggx_streaming *s, ggx_error *error)
{
    s->needs = ggx_arena_array(&s->arena, s->plan->tile_count + 1, sizeof *s->needs);
    s->asked = ggx_arena_array(&s->arena, s->plan->checkpoint->tensor_count + 1, sizeof *s->asked);
    if (!s->needs || !s->asked)
        return ggx_fail(error, GGX_E_NOMEM, "no memory for the tiles; raise --memory, they grow with it");
    for (uint64_t i = 0; i < s->plan->tensor_count; i++) {
        ggx_status status = check_access(s, &s->plan->tensors[i], error);
        if (status != GGX_OK) return status;
    }
    s->counting = 1;
    fill_needs(s);
    s->counting = 0;
    fill_needs(s);
    return GGX_OK;
}

/* --- their order -------------------------------------------------------------------------------------------------------------------- */

typedef struct keyed {
    uint64_t key, tile;
} keyed;

static int by_key(const void *a, const void *b)
{
    const keyed *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return x->tile < y->tile ? -1 : x->tile > y->tile;
}

static const char *tensor_of(const ggx_plan *plan, uint64_t tile)
{
    for (uint64_t i = 0; i < plan->tensor_count; i++)
        if (tile - plan->tensors[i].first_tile < plan->tensors[i].tile_count) return plan->tensors[i].name.data;
    return "";
}

static void order_tiles(ggx_streaming *s, keyed *keys)
{
    const uint64_t n = s->plan->tile_count;
    uint64_t low = UINT64_MAX, end = 0, last = 0, widest = 0;
    for (uint64_t i = 0; i < n; i++) keys[i] = (keyed){s->needs[i].high, i};
    qsort(keys, (size_t)n, sizeof *keys, by_key);
    for (uint64_t i = n; i-- > 0;) {
        const ggx_need *need = &s->needs[keys[i].tile];
        s->by_high[i] = keys[i].tile;
        if (need->high && need->low < low) low = need->low;
        s->lows[i] = low;
        if (need->high && need->high - low > s->window) {
            s->window = need->high - low;
            widest = keys[i].tile;
        }
    }
    s->lows[n] = UINT64_MAX;
    if (n) s->widest = tensor_of(s->plan, widest);
    for (uint64_t i = 0; i < n; i++) keys[i] = (keyed){s->needs[i].low, i};
    qsort(keys, (size_t)n, sizeof *keys, by_key);
    for (uint64_t i = 0; i < n; i++) {
        const ggx_need *need = &s->needs[keys[i].tile];
        if (!need->high) continue;
        if (need->low >= end && need->low >= last + CUT_STEP) s->cuts[s->cut_count++] = last = need->low;
        if (need->high > end) end = need->high;
    }
}

ggx_status ggx_streaming_open(ggx_streaming *s, const ggx_plan *plan, ggx_error *error)
{
    memset(s, 0, sizeof *s);
    ggx_arena_init(&s->arena, STREAM_MEMORY);
    s->plan = plan;
    s->widest = "";
    ggx_status status = list_files(s, error);
    if (status == GGX_OK) status = find_needs(s, error);
    if (status != GGX_OK) return status;
    keyed *keys = ggx_arena_array(&s->arena, plan->tile_count + 1, sizeof *keys);
    s->by_high = ggx_arena_array(&s->arena, plan->tile_count + 1, sizeof *s->by_high);
    s->lows = ggx_arena_array(&s->arena, plan->tile_count + 1, sizeof *s->lows);
    s->cuts = ggx_arena_array(&s->arena, plan->tile_count + 1, sizeof *s->cuts);
    if (!keys || !s->by_high || !s->lows || !s->cuts) return ggx_fail(error, GGX_E_NOMEM, "no memory for the tiles");
    order_tiles(s, keys);
    return GGX_OK;
}

void ggx_streaming_close(ggx_streaming *s)
{
    ggx_arena_free(&s->arena);
}

/* --- the run ------------------------------------------------------------------------------------------------------------------------ */

typedef struct rounds {
    ggx_streaming *s;
    const ggx_tile_sink *sink;
    ggx_stream *stream;
    uint64_t window, end; /* end: tiles up to here are done in this round */
    uint64_t done;        /* that many of by_high were done */
    uint8_t *finished;    /* one byte a tile */
    ggx_streaming_mark *mark;
    void *context;
    const ggx_run *run;
    ggx_status status;
    ggx_error error;
} rounds;

static int wanted(void *context, uint64_t tile)
{
    const rounds *r = context;
    return !r->finished[tile] && r->s->needs[tile].high <= r->end && r->sink->wanted(r->sink->context, tile);
}

static ggx_status pass_write(void *context, uint64_t offset, const void *data, uint64_t size, ggx_error *error)
{
    const rounds *r = context;
    return r->sink->write(r->sink->context, offset, data, size, error);
}

static ggx_status pass_done(void *context, uint64_t tile, uint64_t bytes, ggx_error *error)
{
    const rounds *r = context;
    return r->sink->done(r->sink->context, tile, bytes, error);
}

/* Waits for the next tile's bytes, and for more of them while the window has room: a round should be worth its threads. */
static ggx_status wait_for_tiles(rounds *r, ggx_error *error)
{
    const ggx_streaming *s = r->s;
    const uint64_t next = s->needs[s->by_high[r->done]].high, low = s->lows[r->done];
    uint64_t until = (low == UINT64_MAX ? 0 : low) + r->window / 2;
    if (until < next) until = next;
    if (until > s->total) until = s->total;
    return ggx_stream_wait(r->stream, until, &r->end, error);
}

static ggx_status do_rounds(rounds *r, ggx_error *error)
{
    ggx_streaming *s = r->s;
    const uint64_t n = s->plan->tile_count;
    const ggx_tile_sink sink = {r, wanted, pass_write, pass_done};
    ggx_status status = GGX_OK;
    while (r->done < n && status == GGX_OK) {
        const uint64_t first = r->done;
        status = wait_for_tiles(r, error);
        if (status == GGX_OK) status = ggx_execute(&s->plan, &sink, 1, r->run, error);
        while (status == GGX_OK && r->done < n && s->needs[s->by_high[r->done]].high <= r->end)
            r->finished[s->by_high[r->done++]] = 1;
        if (status == GGX_OK && r->done == first)
            status = ggx_fail(error, GGX_E_NETWORK, "the stream ended before its last byte");
        const uint64_t position = s->lows[r->done] < r->end ? s->lows[r->done] : r->end;
        if (status == GGX_OK && r->mark) status = r->mark(r->context, r->stream, position, error);
        if (status == GGX_OK) ggx_stream_release(r->stream, position);
    }
    while (status == GGX_OK && r->end < s->total) { /* what no tensor needs is hashed all the same */
        ggx_stream_release(r->stream, r->end);
        const uint64_t until = r->end + r->window < s->total ? r->end + r->window : s->total;
        status = ggx_stream_wait(r->stream, until, &r->end, error);
    }
    return status;
}

static void prove_or_convert(void *context, uint32_t worker)
{
    rounds *r = context;
    if (worker == 0) {
        ggx_stream_prove(r->stream);
        return;
    }
    r->status = do_rounds(r, &r->error);
    if (r->status != GGX_OK) ggx_stream_stop(r->stream);
}

/* Two pools of two, as one of three may come with a thread less. */
static void work(void *context, uint32_t worker)
{
    rounds *r = context;
    if (worker == 0) {
        ggx_stream_pump(r->stream);
        return;
    }
    if (ggx_pool_run(2, prove_or_convert, r) == GGX_OK) return;
    r->status = ggx_fail(&r->error, GGX_E_NOMEM, "no thread could be started");
    ggx_stream_stop(r->stream);
}

/* Tiles before the place where the stream is taken up were done by an earlier run. */
static void skip_done(rounds *r, uint64_t from)
{
    const ggx_streaming *s = r->s;
    for (; from && r->done < s->plan->tile_count && s->needs[s->by_high[r->done]].high <= from; r->done++)
        r->finished[s->by_high[r->done]] = s->needs[s->by_high[r->done]].high != 0;
}

ggx_status ggx_streaming_run(ggx_streaming *s, const ggx_tile_sink *sink, uint64_t window, uint64_t from,
                             const uint8_t *state, const ggx_stream_keeper *keeper, ggx_streaming_mark *mark,
                             void *context, const ggx_run *run, ggx_error *error)
{
    const ggx_stream_request request = {.source = s->plan->checkpoint->source,
                                        .files = s->files,
                                        .file_count = s->file_count,
                                        .cuts = s->cuts,
                                        .cut_count = s->cut_count,
                                        .window = window,
                                        .from = from,
                                        .state = state,
                                        .keeper = keeper};
    rounds r = {.s = s, .sink = sink, .window = window, .end = from, .mark = mark, .context = context, .run = run};
    if (window < s->window)
        return ggx_fail(error, GGX_E_USAGE, "the stream's window is too small for '%.80s'", s->widest);
    r.finished = calloc((size_t)s->plan->tile_count + 1, 1);
    if (!r.finished) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    skip_done(&r, from);
    ggx_status status = ggx_stream_open(&r.stream, &request, error);
    if (status == GGX_OK) {
        status = ggx_pool_run(2, work, &r);
        if (status != GGX_OK) ggx_fail(error, status, "no thread could be started");
        if (status == GGX_OK && (status = ggx_stream_result(r.stream, error)) == GGX_E_CANCELED) status = GGX_OK;
        if (status == GGX_OK && (status = r.status) != GGX_OK && error) *error = r.error;
    }
    ggx_stream_close(r.stream);
    free(r.finished);
    return status;
}
