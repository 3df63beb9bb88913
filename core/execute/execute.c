/* Workers and their tiles. */
#include "execute/execute.h"

#include "base/pool.h"
#include "execute/finite.h"
#include "execute/gather.h"
#include "execute/measure.h"
#include "execute/operations.h"
#include <ggx_sdk/error.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

typedef struct shared {
    const ggx_plan *plan; /* the first: buffers are the same for all */
    const ggx_plan *const *plans;
    const ggx_tile_sink *sinks;
    const ggx_run *run;
    const ggx_plan_tensor **tensors; /* of all plans, without those that are twins */
    uint64_t *first_job;             /* of each of them; one job a tile, or one for all tiles of a sequential tensor */
    uint64_t tensor_count, job_count;
    atomic_uint_fast64_t next_job, next_measured;
    atomic_int failed;
    pthread_mutex_t sequential;
    pthread_mutex_t error_lock;
    ggx_status status;
    ggx_error *error;
} shared;

typedef struct worker {
    shared *s;
    ggx_gather gather;
    float *values;
    uint8_t *out, *cast, *scratch;
    const ggx_kernels *scratch_of; /* whose tables may be in `scratch` */
    ggx_error error;
} worker;

static void fail(shared *s, ggx_status status, const ggx_error *error)
{
    pthread_mutex_lock(&s->error_lock);
    if (s->status == GGX_OK) {
        s->status = status;
        if (s->error) *s->error = *error;
    }
    pthread_mutex_unlock(&s->error_lock);
    atomic_store(&s->failed, 1);
}

/* --- one tile ------------------------------------------------------------------------------------------------------------------ */

/* The weights of the tile's columns: those of its slab, from its first column on. */
static const float *imatrix_of(const ggx_plan_tensor *t, const ggx_box *box)
{
    if (!t->imatrix || !box->rank) return NULL;
    uint64_t slab = 0;
    for (uint32_t a = 0; a + 2 < box->rank; a++) slab = slab * t->view.shape[a] + box->start[a];
    return t->imatrix + slab * t->view.shape[box->rank - 1] + box->start[box->rank - 1];
}

static const ggx_tile_sink *sink_of(const worker *w, const ggx_plan_tensor *t)
{
    return &w->s->sinks[t->plan];
}

static int is_wanted(const worker *w, const ggx_plan_tensor *t, uint64_t tile)
{
    return sink_of(w, t)->wanted(sink_of(w, t)->context, t->first_tile + tile);
}

/* Writes the packed tile as the runs that it is in the output. */
static ggx_status write_tile(worker *w, const ggx_plan_tensor *t, const ggx_box *box, const uint8_t *bytes,
                             uint64_t *written)
{
    const ggx_tile_sink *sink = sink_of(w, t);
    const uint64_t block = t->type.block_elems, size = t->type.block_bytes;
    uint64_t stride[GGX_MAX_RANK], run = 1, step = 1, index[GGX_MAX_RANK] = {0}, at = 0;
    uint32_t outer = box->rank; /* axes before `outer` are walked, the others make one run */
    for (uint32_t a = box->rank; a-- > 0;) {
        stride[a] = step;
        step *= t->view.shape[a];
        at += box->start[a] * stride[a];
    }
    while (outer > 0) {
        outer--;
        run *= box->count[outer];
        if (box->count[outer] != t->view.shape[outer]) break;
    }
    *written = 0;
    for (;;) {
        ggx_status status = sink->write(sink->context, t->at + at / block * size, bytes, run / block * size, &w->error);
        if (status != GGX_OK) return status;
        bytes += run / block * size;
        *written += run / block * size;
        uint32_t a = outer;
        for (;;) {
            if (a == 0) return GGX_OK;
            a--;
            at += stride[a];
            if (++index[a] < box->count[a]) break;
            at -= box->count[a] * stride[a];
            index[a] = 0;
        }
    }
}

static ggx_status finish_tile(worker *w, const ggx_plan_tensor *t, uint64_t tile, const ggx_box *box, const void *bytes)
{
    const ggx_tile_sink *sink = sink_of(w, t);
    uint64_t written;
    ggx_status status = write_tile(w, t, box, bytes, &written);
    return status == GGX_OK ? sink->done(sink->context, t->first_tile + tile, written, &w->error) : status;
}

/* `at`: the first odd one of the tile's elements, in the box's order. */
static ggx_status refuse_element(worker *w, const ggx_plan_tensor *t, const ggx_box *box, uint64_t at, const char *what)
{
    uint64_t index[GGX_MAX_RANK] = {0}, element = 0;
    for (uint32_t a = box->rank; a-- > 0; at /= box->count[a]) index[a] = box->start[a] + at % box->count[a];
    for (uint32_t a = 0; a < box->rank; a++) element = element * t->view.shape[a] + index[a];
    return ggx_fail(&w->error, GGX_E_MALFORMED, "tensor '%.*s': element %llu %s %s; mend the model%s",
                    GGX_STR_ARGS(t->name), (unsigned long long)element, what, t->type.name,
                    t->encode ? ", or name another type with --tensor-type" : "");
}

/* Are the tile's numbers finite, as bytes of the source or of the output? */
static ggx_status check_bytes(worker *w, const ggx_plan_tensor *t, const ggx_box *box, const ggx_kernels *decode,
                              uint64_t elems, const char *what)
{
    const uint64_t at = ggx_find_odd(&t->type, decode, w->out, elems);
    return at == elems ? GGX_OK : refuse_element(w, t, box, at, what);
}

static uint64_t elements_of(const ggx_box *box)
{
    uint64_t elems = 1;
    for (uint32_t a = 0; a < box->rank; a++) elems *= box->count[a];
    return elems;
}

/* Of the twins those that take the bytes as they are. *raw is 1 when the bytes are in `out` then. */
static ggx_status copy_tile(worker *w, const ggx_plan_tensor *t, uint64_t tile, const ggx_box *box, int *raw)
{
    ggx_status status = GGX_OK;
    for (*raw = 0; t && status == GGX_OK; t = t->twin) {
        if (t->mode != GGX_MODE_COPY || !is_wanted(w, t, tile)) continue;
        if (!*raw) status = ggx_gather_raw(&w->gather, &t->view, box, w->out, &w->error);
        *raw = 1;
        if (status == GGX_OK && t->finite)
            status = check_bytes(w, t, box, t->decode, elements_of(box), "is no finite number, and stays as it is in");
        if (status == GGX_OK) status = finish_tile(w, t, tile, box, w->out);
    }
    return status;
}

static uint32_t float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static int same_ops(const ggx_plan_tensor *a, const ggx_plan_tensor *b)
{
    if (a->op_count != b->op_count) return 0;
    for (uint32_t i = 0; i < a->op_count; i++) {
        const ggx_op *x = &a->ops[i], *y = &b->ops[i];
        if (x->kind != y->kind || x->kind >= GGX_OP_TERNARY || float_bits(x->value) != float_bits(y->value) ||
            a->op_kernels[i] != b->op_kernels[i])
            return 0;
    }
    return 1;
}

/* The tile as floats, from `out` when the source's bytes are there, with the operations done. */
static ggx_status load_values(worker *w, const ggx_plan_tensor *t, const ggx_box *box, uint64_t elems, int raw)
{
    ggx_status status = GGX_OK;
    if (!raw)
        status = ggx_gather_f32(&w->gather, &t->view, box, t->decode, w->values, &w->error);
    else if (t->decode)
        t->decode->dequantize(w->out, w->values, elems);
    else
        memcpy(w->values, w->out, (size_t)elems * sizeof *w->values);
    if (status == GGX_OK) ggx_ops_apply(t->ops, t->op_kernels, t->op_count, box, w->values, w->cast);
    return status;
}

static void encode_tile(worker *w, const ggx_plan_tensor *t, const ggx_box *box, uint64_t elems, uint64_t cols)
{
    if (w->scratch && w->scratch_of != t->encode) memset(w->scratch, 0, GGX_SCRATCH_HEAD);
    w->scratch_of = t->encode;
    t->encode->quantize(w->values, w->out, cols ? elems / cols : 0, cols, imatrix_of(t, box), w->scratch);
}

/* Encodes what is to be finite before and after. */
static ggx_status encode_finite(worker *w, const ggx_plan_tensor *t, const ggx_box *box, uint64_t elems, uint64_t cols)
{
    static const ggx_type plain = {"f32", 1, sizeof(float)};
    const int large = ggx_has_magnitude(w->values, elems, GGX_BITS_LARGE);
    const uint64_t at = large ? ggx_find_odd(&plain, NULL, w->values, elems) : elems;
    if (at < elems) return refuse_element(w, t, box, at, "is no finite number, and cannot be");
    if (!t->encode) return GGX_OK;
    encode_tile(w, t, box, elems, cols);
    if (!large || !t->encode->dequantize) return GGX_OK;
    return check_bytes(w, t, box, t->encode, elems, "is too large, or in a block with a weight too large, for");
}

/* Of the twins those that are computed: read once, unless their operations differ. */
static ggx_status convert_tile(worker *w, const ggx_plan_tensor *t, uint64_t tile, const ggx_box *box, int raw)
{
    const ggx_plan_tensor *loaded = NULL;
    const uint64_t cols = box->rank ? box->count[box->rank - 1] : 1;
    const uint64_t elems = elements_of(box);
    ggx_status status = GGX_OK;
    for (; t && status == GGX_OK; t = t->twin) {
        const uint8_t *bytes = (const uint8_t *)w->values;
        if (t->mode == GGX_MODE_COPY || !is_wanted(w, t, tile)) continue;
        if (!loaded || !same_ops(loaded, t)) status = load_values(w, t, box, elems, raw);
        if (status != GGX_OK) return status;
        loaded = t;
        if (t->finite)
            status = encode_finite(w, t, box, elems, cols);
        else if (t->encode)
            encode_tile(w, t, box, elems, cols);
        if (t->encode) {
            bytes = w->out;
            raw = 0;
        }
        if (status == GGX_OK) status = finish_tile(w, t, tile, box, bytes);
    }
    return status;
}

static ggx_status do_tile(worker *w, const ggx_plan_tensor *t, uint64_t tile)
{
    ggx_box box;
    int wanted = 0, raw;
    for (const ggx_plan_tensor *x = t; x && !wanted; x = x->twin) wanted = is_wanted(w, x, tile);
    if (!wanted) return GGX_OK;
    if (w->s->run && w->s->run->canceled && *w->s->run->canceled) return ggx_fail(&w->error, GGX_E_CANCELED, "stopped");
    ggx_plan_tile(t, tile, &box);
    w->gather.checkpoint = w->s->plans[t->plan]->checkpoint; /* each plan may have laid its own tensors over it */
    ggx_status status = copy_tile(w, t, tile, &box, &raw);
    return status == GGX_OK ? convert_tile(w, t, tile, &box, raw) : status;
}

/* --- workers --------------------------------------------------------------------------------------------------------------------- */

/* 64-byte alignment: scratch is promised it, and vectors like it. */
static void *buffer(uint64_t size)
{
    void *p = NULL;
    return size && posix_memalign(&p, 64, (size_t)(size + 63) / 64 * 64) == 0 ? p : NULL;
}

static void free_worker(worker *w)
{
    free(w->gather.stage);
    free(w->gather.decoded);
    free(w->gather.packed);
    free(w->values);
    free(w->out);
    free(w->cast);
    free(w->scratch);
}

static int open_worker(worker *w, shared *s)
{
    const ggx_tile_memory *m = &s->plan->worker;
    memset(w, 0, sizeof *w);
    w->s = s;
    w->gather.checkpoint = s->plan->checkpoint;
    w->gather.sequential = &s->sequential;
    w->gather.stage = buffer(m->stage_bytes);
    w->gather.decoded = buffer(m->decoded_bytes);
    w->gather.packed = buffer(m->packed_bytes);
    w->values = buffer(m->elems * sizeof(float));
    w->out = buffer(m->out_bytes);
    w->cast = buffer(m->cast_bytes);
    w->scratch = buffer(m->scratch_bytes);
    if ((m->stage_bytes && !w->gather.stage) || (m->decoded_bytes && !w->gather.decoded) ||
        (m->packed_bytes && !w->gather.packed) || (m->elems && !w->values) || (m->out_bytes && !w->out) ||
        (m->cast_bytes && !w->cast) || (m->scratch_bytes && !w->scratch)) {
        free_worker(w);
        return 0;
    }
    return 1;
}

static void no_buffers(shared *s)
{
    ggx_error error;
    fail(s, GGX_E_NOMEM,
         (ggx_fail(&error, GGX_E_NOMEM, "no memory for a worker's buffers; lower --memory or --threads"), &error));
}

/* The tensor that a job belongs to: binary search in the first jobs. */
static uint64_t tensor_of_job(const shared *s, uint64_t job)
{
    uint64_t low = 0, high = s->tensor_count;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (s->first_job[middle] <= job)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* What a worker does: its share of `count` steps, the next that nobody has taken, until there is none or one failed. */
static void take_steps(shared *s, atomic_uint_fast64_t *next, uint64_t count, void (*step)(worker *w, uint64_t index))
{
    worker w;
    if (!open_worker(&w, s)) {
        no_buffers(s);
        return;
    }
    while (!atomic_load(&s->failed)) {
        const uint64_t index = atomic_fetch_add(next, 1);
        if (index >= count) break;
        step(&w, index);
    }
    free_worker(&w);
}

static void do_job(worker *w, uint64_t job)
{
    shared *s = w->s;
    const uint64_t tensor = tensor_of_job(s, job);
    const ggx_plan_tensor *t = s->tensors[tensor];
    uint64_t tile = t->sequential ? 0 : job - s->first_job[tensor], end = t->sequential ? t->tile_count : tile + 1;
    ggx_tile_memory m;
    ggx_plan_tile_memory(t, &m);
    w->gather.stage_elems = m.stage_elems;
    for (; tile < end && !atomic_load(&s->failed); tile++) {
        ggx_status status = do_tile(w, t, tile);
        if (status != GGX_OK) fail(s, status, &w->error);
    }
}

static void work(void *context, uint32_t index)
{
    shared *s = context;
    (void)index;
    take_steps(s, &s->next_job, s->job_count, do_job);
}

/* --- what must be known of whole tensors ------------------------------------------------------------------------------------------- */

static int claim(shared *s, ggx_measure *measure)
{
    pthread_mutex_lock(&s->error_lock);
    const int mine = measure->state == GGX_MEASURE_NONE;
    if (mine) measure->state = GGX_MEASURE_CLAIMED;
    pthread_mutex_unlock(&s->error_lock);
    return mine;
}

static int any_wanted(const worker *w, const ggx_plan_tensor *t)
{
    for (uint64_t tile = 0; tile < t->tile_count; tile++)
        if (is_wanted(w, t, tile)) return 1;
    return 0;
}

static ggx_status measure_tensor(worker *w, const ggx_plan_tensor *t, const ggx_tile_memory *memory)
{
    ggx_status status = GGX_OK;
    const ggx_measuring m = {&w->gather, t->decode,     t->ops,  t->op_kernels, t->op_count,
                             w->values,  memory->elems, w->cast, w->s->run};
    for (uint32_t i = 0; i < t->op_count && status == GGX_OK; i++) {
        if (!t->ops[i].measure || t->ops[i].measure->state == GGX_MEASURE_KNOWN || !any_wanted(w, t)) continue;
        if (claim(w->s, t->ops[i].measure)) status = ggx_measure_op(&m, i, &w->error);
    }
    return status;
}

static void measure_one(worker *w, uint64_t tensor)
{
    shared *s = w->s;
    ggx_tile_memory m;
    ggx_plan_tile_memory(s->tensors[tensor], &m);
    w->gather.stage_elems = m.stage_elems;
    for (const ggx_plan_tensor *t = s->tensors[tensor]; t; t = t->twin) {
        w->gather.checkpoint = s->plans[t->plan]->checkpoint;
        ggx_status status = measure_tensor(w, t, &m);
        if (status != GGX_OK) fail(s, status, &w->error);
    }
}

static void measure(void *context, uint32_t index)
{
    shared *s = context;
    (void)index;
    take_steps(s, &s->next_measured, s->tensor_count, measure_one);
}

static int must_measure(const shared *s)
{
    for (uint64_t i = 0; i < s->tensor_count; i++)
        for (const ggx_plan_tensor *t = s->tensors[i]; t; t = t->twin)
            for (uint32_t k = 0; k < t->op_count; k++)
                if (t->ops[k].measure && t->ops[k].measure->state != GGX_MEASURE_KNOWN) return 1;
    return 0;
}

static void list_jobs(shared *s, const ggx_plan *const *plans, uint32_t count)
{
    for (uint32_t k = 0; k < count; k++)
        for (uint64_t i = 0; i < plans[k]->tensor_count; i++) {
            const ggx_plan_tensor *t = &plans[k]->tensors[i];
            if (t->is_twin) continue;
            s->tensors[s->tensor_count] = t;
            s->first_job[s->tensor_count++] = s->job_count;
            s->job_count += t->sequential ? t->tile_count != 0 : t->tile_count;
        }
}

ggx_status ggx_execute(const ggx_plan *const *plans, const ggx_tile_sink *sinks, uint32_t count, const ggx_run *run,
                       ggx_error *error)
{
    shared s = {.plan = plans[0], .plans = plans, .sinks = sinks, .run = run, .error = error};
    uint64_t most = 1;
    for (uint32_t k = 0; k < count; k++) most += plans[k]->tensor_count;
    s.tensors = malloc((size_t)most * sizeof(const ggx_plan_tensor *));
    s.first_job = malloc((size_t)most * sizeof *s.first_job);
    ggx_status status = s.tensors && s.first_job ? GGX_OK : GGX_E_NOMEM;
    if (status == GGX_OK) {
        list_jobs(&s, plans, count);
        pthread_mutex_init(&s.sequential, NULL);
        pthread_mutex_init(&s.error_lock, NULL);
        if (must_measure(&s)) status = ggx_pool_run(s.plan->workers, measure, &s);
        if (status == GGX_OK && s.job_count && !atomic_load(&s.failed))
            status = ggx_pool_run(s.plan->workers, work, &s);
        pthread_mutex_destroy(&s.sequential);
        pthread_mutex_destroy(&s.error_lock);
    }
    free(s.tensors);
    free(s.first_job);
    if (status != GGX_OK) return ggx_fail(error, status, "no thread could be started");
    return s.status;
}
