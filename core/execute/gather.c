/* Reading boxes of views; see gather.h for the idea.
 *
 * box → pieces → "leaves": nests of loops with constant strides (an axis with several factors may need a few leaves for a range
 * that does not begin or end on an outer digit) → stage → decode → permute. */
#include "execute/gather.h"

#include "execute/decoded.h"
#include <ggx_sdk/checked.h>
#include <ggx_sdk/error.h>
#include <string.h>

typedef struct job {
    const ggx_gather *g;
    const ggx_view *view;
    const ggx_piece *piece;
    const ggx_kernels *decode;
    ggx_error *error;
    uint8_t *out;
    int raw;       /* keep the source's elements */
    uint32_t unit; /* bytes of one unit of the output: raw: an element or block; else 4 */
    uint64_t box_stride[GGX_MAX_RANK];
} job;

/* --- linear reads ------------------------------------------------------------------------------------------------------------- */

static void swap_bytes(uint8_t *data, uint64_t count, uint32_t size)
{
    for (uint64_t i = 0; i < count; i++, data += size)
        for (uint32_t a = 0, b = size - 1; a < b; a++, b--) {
            uint8_t t = data[a];
            data[a] = data[b];
            data[b] = t;
        }
}

/* One box from the reader; sequential tensors by one thread at a time. */
static ggx_status ask_reader(const job *j, const ggx_tensor *t, const ggx_box *box, void *out, uint64_t bytes)
{
    const ggx_checkpoint *c = j->g->checkpoint;
    if (ggx_decoded_at(c, j->piece->tensor)) return ggx_decoded_read(j->g, j->piece->tensor, box, out, bytes, j->error);
    if (t->access == GGX_ACCESS_SEQUENTIAL) pthread_mutex_lock(j->g->sequential);
    ggx_status status = c->reader->read(c->instance.self, t->cookie, box, out, bytes, j->error);
    if (t->access == GGX_ACCESS_SEQUENTIAL) pthread_mutex_unlock(j->g->sequential);
    return status;
}

/* Elements [at, at + count) in C order through the reader, as the fewest boxes whose elements are consecutive. */
static ggx_status read_boxes(const job *j, const ggx_tensor *t, ggx_box *box, uint32_t axis, uint64_t at,
                             uint64_t count, uint8_t **out)
{
    uint64_t inner = 1;
    for (uint32_t a = axis + 1; a < t->rank; a++) inner *= t->shape[a];
    ggx_status status = GGX_OK;
    if (at % inner) {
        uint64_t n = inner - at % inner < count ? inner - at % inner : count;
        box->start[axis] = at / inner;
        box->count[axis] = 1;
        status = read_boxes(j, t, box, axis + 1, at % inner, n, out);
        at += n;
        count -= n;
    }
    if (status == GGX_OK && count >= inner) {
        uint64_t n = count / inner, bytes = n * inner / t->type.block_elems * t->type.block_bytes;
        if (t->rank) {
            box->start[axis] = at / inner;
            box->count[axis] = n;
        }
        for (uint32_t a = axis + 1; a < t->rank; a++) {
            box->start[a] = 0;
            box->count[a] = t->shape[a];
        }
        status = ask_reader(j, t, box, *out, bytes);
        *out += bytes;
        at += n * inner;
        count -= n * inner;
    }
    if (status == GGX_OK && count) {
        box->start[axis] = at / inner;
        box->count[axis] = 1;
        status = read_boxes(j, t, box, axis + 1, 0, count, out);
    }
    return status;
}

/* Elements [at, at + count) of the piece's source in storage order; whole blocks. */
static ggx_status read_linear(const job *j, uint64_t at, uint64_t count, uint8_t *out)
{
    if (j->piece->tensor == GGX_CONST_TENSOR) {
        if (ggx_type_same(&j->view->type, &(ggx_type){.name = "f32", .block_elems = 1, .block_bytes = 4}))
            memcpy(out, j->piece->values + at, (size_t)(count * sizeof(float)));
        else /* zeros, which all plain types write alike */
            memset(out, 0, (size_t)(count * j->view->type.block_bytes));
        return GGX_OK;
    }
    const ggx_checkpoint *c = j->g->checkpoint;
    const ggx_tensor *t = &c->tensors[j->piece->tensor];
    const uint64_t block = t->type.block_elems, size = t->type.block_bytes;
    ggx_status status;
    if (t->access == GGX_ACCESS_RAW) {
        status = ggx_checkpoint_read(c, j->piece->tensor, at / block * size, out, count / block * size, j->error);
    } else {
        ggx_box box = {.struct_size = sizeof box, .rank = t->rank};
        uint8_t *end = out;
        status = read_boxes(j, t, &box, 0, at, count, &end);
    }
    const uint32_t numbers = t->byte_order == GGX_BIG_ENDIAN_PAIRS ? 2 : 1;
    if (status == GGX_OK && t->byte_order != GGX_LITTLE_ENDIAN)
        swap_bytes(out, count * numbers, (uint32_t)size / numbers);
    return status;
}

/* --- leaves ------------------------------------------------------------------------------------------------------------------- */

/* Sorts by source stride, largest first, zero strides at the end; joins neighbours that are one run on both sides. */
static uint32_t order_loops(ggx_loop *loops, uint32_t n)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (loops[i].count == 1) continue;
        ggx_loop l = loops[i];
        uint32_t at = kept++;
        while (at > 0 && (loops[at - 1].from < l.from && l.from != 0)) {
            loops[at] = loops[at - 1];
            at--;
        }
        loops[at] = l;
    }
    n = kept;
    kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        ggx_loop *last = kept ? &loops[kept - 1] : NULL;
        if (last && last->from == loops[i].from * (int64_t)loops[i].count &&
            last->to == loops[i].to * (int64_t)loops[i].count) {
            *last = (ggx_loop){last->count * loops[i].count, loops[i].from, loops[i].to};
        } else {
            loops[kept++] = loops[i];
        }
    }
    return kept;
}

/* How a leaf is staged: loops[inner..) lie in one covering run of `cover` elements, loops[0..inner) are separate runs. */
typedef struct staging {
    uint32_t inner, used; /* used: loops with a source stride */
    uint64_t lead;        /* elements before the first wanted one in the first block */
    uint64_t cover, total;
} staging;

static staging plan_staging(const ggx_loop *loops, uint32_t n, uint64_t at, uint64_t block, uint64_t capacity)
{
    staging s = {0};
    while (s.used < n && loops[s.used].from) s.used++;
    s.inner = s.used;
    s.lead = at % block;
    uint32_t forced = 0; /* loops from here on may begin inside a block, so they belong to the covering run */
    while (forced < s.used && (uint64_t)loops[forced].from % block == 0) forced++;
    uint64_t span = 1, useful = 1, runs = 1;
    while (s.inner > 0) {
        const ggx_loop *l = &loops[s.inner - 1];
        uint64_t wider = span + (l->count - 1) * (uint64_t)l->from;
        if (s.inner <= forced && (wider > 2 * useful * l->count || wider > capacity)) break;
        span = wider;
        useful *= l->count;
        s.inner--;
    }
    for (uint32_t i = 0; i < s.inner; i++) runs = runs > capacity ? runs : runs * loops[i].count;
    s.cover = (s.lead + span + block - 1) / block * block;
    s.total = s.cover > capacity || runs > capacity ? UINT64_MAX : s.cover * runs;
    return s;
}

static ggx_status fill_stage(const job *j, const ggx_loop *loops, const staging *s, uint64_t at, uint8_t *stage)
{
    const uint64_t block = j->view->type.block_elems, bytes = s->cover / block * j->view->type.block_bytes;
    uint64_t index[GGX_MAX_LOOPS] = {0};
    at -= s->lead;
    for (;;) {
        ggx_status status = read_linear(j, at, s->cover, stage);
        if (status != GGX_OK) return status;
        stage += bytes;
        uint32_t l = s->inner;
        for (;;) {
            if (l == 0) return GGX_OK;
            l--;
            at += (uint64_t)loops[l].from;
            if (++index[l] < loops[l].count) break;
            at -= loops[l].count * (uint64_t)loops[l].from;
            index[l] = 0;
        }
    }
}

/* One dense run, wanted as it lies: no stage is needed, or only for decoding. */
static ggx_status leaf_run(const job *j, uint64_t at, uint64_t count, uint64_t to)
{
    const uint64_t block = j->view->type.block_elems;
    if (j->raw) return read_linear(j, at, count, j->out + to / block * j->unit);
    if (!j->decode) return read_linear(j, at, count, j->out + to * sizeof(float));
    const uint64_t step = j->g->stage_elems / block * block;
    for (uint64_t done = 0; done < count; done += step) {
        uint64_t n = count - done < step ? count - done : step;
        ggx_status status = read_linear(j, at + done, n, j->g->stage);
        if (status != GGX_OK) return status;
        j->decode->dequantize(j->g->stage, (float *)(void *)j->out + to + done, n);
    }
    return GGX_OK;
}

static ggx_status leaf(const job *j, ggx_loop *loops, uint32_t n, uint64_t at, uint64_t to);

/* Too large for the stage: the outermost loop is done in two halves. */
static ggx_status leaf_halves(const job *j, const ggx_loop *loops, uint32_t n, uint64_t at, uint64_t to)
{
    ggx_loop half[GGX_MAX_LOOPS];
    memcpy(half, loops, n * sizeof *half);
    half[0].count = loops[0].count / 2;
    ggx_status status = leaf(j, half, n, at, to);
    if (status != GGX_OK) return status;
    memcpy(half, loops, n * sizeof *half);
    uint64_t first = loops[0].count / 2;
    half[0].count -= first;
    return leaf(j, half, n, at + first * (uint64_t)loops[0].from, to + first * (uint64_t)loops[0].to);
}

/* A nest of loops over a reader's tensor as one box of it: so a compressed chunk is unpacked once for a tile, not once for each run.
 * Rewrites the strides to those within the box. 0: the loops are no box. */
static int box_of_loops(const ggx_tensor *t, ggx_loop *loops, uint32_t *n, uint64_t at, ggx_box *box)
{
    uint64_t stride[GGX_MAX_RANK], run = 1, step[GGX_MAX_LOOPS] = {0};
    uint32_t axis[GGX_MAX_LOOPS] = {0};
    *box = (ggx_box){.struct_size = sizeof *box, .rank = t->rank};
    for (uint32_t a = t->rank; a-- > 0;) {
        stride[a] = run;
        run *= t->shape[a];
    }
    for (uint32_t a = 0; a < t->rank; a++) {
        box->start[a] = at / stride[a];
        box->count[a] = 1;
        at %= stride[a];
    }
    for (uint32_t i = 0; i < *n; i++) {
        const uint64_t from = (uint64_t)loops[i].from;
        uint32_t a = 0;
        if (!from) continue;
        while (a < t->rank && (from % stride[a] || from / stride[a] >= t->shape[a])) a++;
        if (a == t->rank) return 0;
        axis[i] = a;
        step[i] = from / stride[a];
        const uint64_t last = box->start[a] + box->count[a] - 1;
        if (loops[i].count - 1 >
            (t->shape[a] - 1 - last) / step[i]) { /* it runs over the axis's end: perhaps it is two axes */
            if (step[i] != 1 || last || loops[i].count % t->shape[a] || *n == GGX_MAX_LOOPS) return 0;
            loops[(*n)++] = (ggx_loop){loops[i].count / t->shape[a], loops[i].from * (int64_t)t->shape[a],
                                       loops[i].to * (int64_t)t->shape[a]};
            loops[i].count = t->shape[a];
        }
        box->count[a] += step[i] * (loops[i].count - 1);
    }
    run = 1;
    for (uint32_t a = t->rank; a-- > 0;) {
        stride[a] = run;
        run *= box->count[a];
    }
    for (uint32_t i = 0; i < *n; i++)
        if (loops[i].from) loops[i].from = (int64_t)(step[i] * stride[axis[i]]);
    return 1;
}

static ggx_status leaf_box(const job *j, const ggx_tensor *t, const ggx_box *box, ggx_loop *loops, uint32_t n,
                           uint64_t elems, uint64_t to)
{
    ggx_status status = ask_reader(j, t, box, j->g->stage, elems * t->type.block_bytes);
    if (status != GGX_OK) return status;
    const uint8_t *from = j->g->stage;
    if (!j->raw && j->decode) {
        j->decode->dequantize(j->g->stage, j->g->decoded, elems);
        from = (const uint8_t *)j->g->decoded;
    }
    ggx_permute(j->out + to * j->unit, from, j->unit, loops, n);
    return GGX_OK;
}

static ggx_status leaf_runs(const job *j, ggx_loop *loops, uint32_t n, uint64_t at, uint64_t to);

static ggx_status leaf(const job *j, ggx_loop *loops, uint32_t n, uint64_t at, uint64_t to)
{
    const uint64_t block = j->view->type.block_elems;
    n = order_loops(loops, n);
    if (n == 0 && block == 1) return leaf_run(j, at, 1, to);
    if (n == 1 && loops[0].from == 1 && loops[0].to == 1 && at % block == 0 && loops[0].count % block == 0)
        return leaf_run(j, at, loops[0].count, to);
    const ggx_tensor *t = j->piece->tensor == GGX_CONST_TENSOR ? NULL : &j->g->checkpoint->tensors[j->piece->tensor];
    if (t && t->access != GGX_ACCESS_RAW && block == 1) {
        ggx_loop within[GGX_MAX_LOOPS];
        ggx_box box;
        uint32_t count = n;
        uint64_t elems;
        memcpy(within, loops, n * sizeof *within);
        if (box_of_loops(t, within, &count, at, &box)) {
            int fits = ggx_product_u64(box.count, box.rank, &elems) && elems <= j->g->stage_elems;
            if (fits) return leaf_box(j, t, &box, within, count, elems, to);
            if (loops[0].from) return leaf_halves(j, loops, n, at, to);
        }
    }
    return leaf_runs(j, loops, n, at, to);
}

static ggx_status leaf_runs(const job *j, ggx_loop *loops, uint32_t n, uint64_t at, uint64_t to)
{
    const uint64_t block = j->view->type.block_elems;
    staging s = plan_staging(loops, n, at, block, j->g->stage_elems);
    if (s.total > j->g->stage_elems) {
        if (n && loops[0].from) return leaf_halves(j, loops, n, at, to);
        return ggx_fail(j->error, GGX_E_USAGE,
                        "the memory budget is too small to read one run of this tensor; raise --memory");
    }
    ggx_status status = fill_stage(j, loops, &s, at, j->g->stage);
    if (status != GGX_OK) return status;
    const uint8_t *from = j->g->stage;
    uint32_t unit = j->unit;
    uint64_t lead = s.lead, divide = j->raw ? block : 1;
    if (!j->raw && j->decode) {
        j->decode->dequantize(j->g->stage, j->g->decoded, s.total);
        from = (const uint8_t *)j->g->decoded;
    }
    uint64_t run = s.cover;
    for (uint32_t i = s.inner; i-- > 0;) { /* separate runs lie packed in the stage */
        loops[i].from = (int64_t)run;
        run *= loops[i].count;
    }
    for (uint32_t i = 0; divide > 1 && i < n; i++) { /* raw blocks: count in blocks */
        if (loops[i].from == 1)
            loops[i] = (ggx_loop){loops[i].count / divide, 1, 1};
        else
            loops[i] = (ggx_loop){loops[i].count, loops[i].from / (int64_t)divide, loops[i].to / (int64_t)divide};
    }
    ggx_permute(j->out + to / divide * unit, from + lead / divide * unit, unit, loops, n);
    return GGX_OK;
}

/* --- from a box to leaves -------------------------------------------------------------------------------------------------------- */

typedef struct nest {
    ggx_loop loops[GGX_MAX_LOOPS];
    uint32_t count;
    uint64_t at, to;
    uint64_t first[GGX_MAX_RANK]; /* of the range of each axis, within the piece */
    uint64_t length[GGX_MAX_RANK];
} nest;

static ggx_status walk_axis(const job *j, const nest *given, uint32_t axis);

/* The range [first, first + length) of one axis from factor `k` on. */
static ggx_status walk_digits(const job *j, const nest *given, uint32_t axis, uint32_t k, uint64_t first,
                              uint64_t length)
{
    const ggx_axis *a = &j->piece->axis[axis];
    nest n = *given;
    if (k == a->factor_count) return walk_axis(j, &n, axis + 1);
    uint64_t inner = 1;
    for (uint32_t i = k + 1; i < a->factor_count; i++) inner *= a->factors[i].size;
    const uint64_t stride = (uint64_t)a->factors[k].stride, to = j->box_stride[axis];
    if (first % inner == 0 && length % inner == 0) { /* whole digits: plain loops from here on */
        n.at += first / inner * stride;
        n.loops[n.count++] = (ggx_loop){length / inner, (int64_t)stride, (int64_t)(to * inner)};
        for (uint32_t i = k + 1; i < a->factor_count; i++) {
            inner /= a->factors[i].size;
            n.loops[n.count++] = (ggx_loop){a->factors[i].size, a->factors[i].stride, (int64_t)(to * inner)};
        }
        return walk_axis(j, &n, axis + 1);
    }
    while (length) { /* a partial digit, then whole ones, then perhaps a partial one */
        uint64_t part = first % inner ? inner - first % inner : length >= inner ? length - length % inner : length;
        if (part > length) part = length;
        ggx_status status;
        if (first % inner || part < inner) {
            nest one = n;
            one.at += first / inner * stride;
            status = walk_digits(j, &one, axis, k + 1, first % inner, part);
        } else {
            status = walk_digits(j, &n, axis, k, first, part);
        }
        if (status != GGX_OK) return status;
        first += part;
        length -= part;
        n.to += part * to;
    }
    return GGX_OK;
}

static ggx_status walk_axis(const job *j, const nest *given, uint32_t axis)
{
    if (axis == j->view->rank) {
        nest n = *given;
        return leaf(j, n.loops, n.count, n.at, n.to);
    }
    return walk_digits(j, given, axis, 0, j->piece->axis[axis].first + given->first[axis], given->length[axis]);
}

static ggx_status gather(job *j, const ggx_box *box)
{
    uint64_t run = 1;
    for (uint32_t a = j->view->rank; a-- > 0;) {
        j->box_stride[a] = run;
        run *= box->count[a];
    }
    if (!run) return GGX_OK;
    for (uint32_t i = 0; i < j->view->piece_count; i++) {
        const ggx_piece *p = &j->view->pieces[i];
        nest n;
        n.count = 0;
        n.at = p->offset;
        n.to = 0;
        int meets = 1;
        for (uint32_t a = 0; a < j->view->rank; a++) {
            uint64_t from = box->start[a] > p->start[a] ? box->start[a] : p->start[a];
            uint64_t end = box->start[a] + box->count[a], piece_end = p->start[a] + p->count[a];
            if (piece_end < end) end = piece_end;
            if (from >= end) {
                meets = 0;
                break;
            }
            n.first[a] = from - p->start[a];
            n.length[a] = end - from;
            n.to += (from - box->start[a]) * j->box_stride[a];
        }
        if (!meets) continue;
        j->piece = p;
        ggx_status status = walk_axis(j, &n, 0);
        if (status != GGX_OK) return status;
    }
    return GGX_OK;
}

ggx_status ggx_gather_raw(const ggx_gather *g, const ggx_view *view, const ggx_box *box, void *out, ggx_error *error)
{
    job j = {.g = g, .view = view, .error = error, .out = out, .raw = 1, .unit = view->type.block_bytes};
    return gather(&j, box);
}

ggx_status ggx_gather_f32(const ggx_gather *g, const ggx_view *view, const ggx_box *box, const ggx_kernels *decode,
                          float *out, ggx_error *error)
{
    job j = {.g = g, .view = view, .decode = decode, .error = error, .out = (uint8_t *)out, .unit = sizeof(float)};
    return gather(&j, box);
}

int ggx_gather_keeps_blocks(const ggx_view *view)
{
    const uint64_t block = view->type.block_elems;
    if (block == 1) return 1;
    for (uint32_t i = 0; i < view->piece_count; i++) {
        const ggx_piece *p = &view->pieces[i];
        if (!view->rank || p->offset % block) return 0;
        for (uint32_t a = 0; a < view->rank; a++) {
            const ggx_axis *axis = &p->axis[a];
            const int row = a == view->rank - 1;
            if (axis->first % block || (row && (p->start[a] % block || p->count[a] % block))) return 0;
            for (uint32_t f = 0; f < axis->factor_count; f++) {
                const int run = row && f == axis->factor_count - 1;
                if (run ? axis->factors[f].stride != 1 || axis->factors[f].size % block
                        : (uint64_t)axis->factors[f].stride % block != 0)
                    return 0;
            }
            if (row && !axis->factor_count) return 0;
        }
    }
    return 1;
}
