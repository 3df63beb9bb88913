/* sdk/check/writer.c - a writer's contract: what it is told in many shapes, what it lays out, and that nothing meets anything. */
#include "check.h"

#include <ggx_sdk/checked.h>
#include <ggx_sdk/error.h>
#include <stdio.h>
#include <stdlib.h>

#define TENSORS 48
#define BLOCKS 4096
#define SPANS 8192
#define VALUES 16

/* Types that writers are offered, with ggml's numbers. A writer may refuse any of them. */
static const struct {
    const char *name;
    uint32_t elems, bytes;
    int32_t code;
} types[] = {{"f32", 1, 4, 0},    {"f16", 1, 2, 1},          {"bf16", 1, 2, 30},        {"q4_0", 32, 18, 2},
             {"q8_0", 32, 34, 8}, {"q4_k", 256, 144, 12},    {"i32", 1, 4, 26},         {"i8", 1, 1, 24},
             {"f64", 1, 8, 28},   {"u8", 1, 1, GGX_NO_CODE}, {"zz9", 7, 5, GGX_NO_CODE}};
#define TYPES (sizeof types / sizeof *types)

typedef struct span {
    uint32_t output, payload; /* payload: 1 + the tensor's index; 0: emitted */
    uint64_t from, to;
} span;

/* One instance and what it said. */
typedef struct writing {
    const writer_subject *subject;
    ggx_host host;
    ggx_options options;
    ggx_option_value values[VALUES];
    ggx_emit emit;
    void *blocks[BLOCKS];
    uint8_t *ends[BLOCKS];
    uint32_t block_count;
    uint64_t allocs, fail_alloc, emits, refuse_emit, digest;
    void *self;
    ggx_error error;
    ggx_layout layout;
    uint64_t told; /* tensors */
    span spans[SPANS];
    uint32_t span_count;
    char fault[200];
} writing;

static GGX_PRINTF(2, 3) void breach(writing *w, const char *format, ...)
{
    va_list args;
    if (w->fault[0]) return;
    va_start(args, format);
    vsnprintf(w->fault, sizeof w->fault, format, args);
    va_end(args);
}

static void *host_alloc(const ggx_host *host, uint64_t size) GGX_NOEXCEPT
{
    writing *w = host->context;
    if (++w->allocs == w->fail_alloc || w->block_count == BLOCKS || size > 64u << 20) return NULL;
    uint8_t *block = calloc(1, (size_t)size + 16);
    if (!block) return NULL;
    memset(block + size, 0xC5, 16);
    w->ends[w->block_count] = block + size;
    w->blocks[w->block_count++] = block;
    return block;
}

static int32_t host_canceled(const ggx_host *host) GGX_NOEXCEPT
{
    (void)host;
    return 0;
}

static void host_progress(const ggx_host *host, uint64_t done, uint64_t total) GGX_NOEXCEPT
{
    if (total && done > total) breach(host->context, "progress: done beyond total");
}

static void host_log(const ggx_host *host, int32_t level, const char *text) GGX_NOEXCEPT
{
    if (!text || strchr(text, '\n') || level < GGX_LOG_ERROR || level > GGX_LOG_DEBUG)
        breach(host->context, "log: no text, a newline in it, or an unknown level");
}

static const void *host_extension(const ggx_host *host, const char *id) GGX_NOEXCEPT
{
    (void)host, (void)id;
    return NULL;
}

static void add_span(writing *w, uint32_t output, uint64_t offset, uint64_t size, uint32_t payload)
{
    uint64_t end = 0;
    if (output >= w->layout.output_count)
        breach(w, "something goes to output %u of %u", output, w->layout.output_count);
    if (!ggx_add_u64(offset, size, &end) || end > w->layout.total_size)
        breach(w, "something ends at %llu, beyond total_size %llu", (unsigned long long)end,
               (unsigned long long)w->layout.total_size);
    if (size && w->span_count < SPANS) w->spans[w->span_count++] = (span){output, payload, offset, end};
}

static ggx_status take_bytes(const ggx_emit *emit, uint32_t output, uint64_t offset, const void *data, uint64_t size,
                             ggx_error *error) GGX_NOEXCEPT
{
    writing *w = emit->context;
    if (w->refuse_emit && w->emits >= w->refuse_emit) breach(w, "render went on after an emit was refused");
    if (++w->emits == w->refuse_emit) return ggx_fail(error, GGX_E_NOSPACE, "no room, as the check planned");
    if (size && !data) breach(w, "emit without data");
    uint64_t place[] = {output, offset, size};
    w->digest = digest_bytes(digest_bytes(w->digest, place, sizeof place), size ? data : "", size);
    add_span(w, output, offset, size, 0);
    return GGX_OK;
}

static ggx_status judged(writing *w, const char *step, ggx_status status)
{
    const char *fault = status_fault(status, &w->error);
    if (*fault) breach(w, "%s returned %d: %s", step, (int)status, fault);
    return status;
}

static ggx_status writing_open(writing *w, const writer_subject *subject, uint64_t fail_alloc)
{
    const ggx_writer *v = subject->vtable;
    memset(w, 0, sizeof *w);
    w->subject = subject;
    w->fail_alloc = fail_alloc;
    w->digest = DIGEST_BEGIN;
    w->host = (ggx_host){.struct_size = sizeof w->host,
                         .context = w,
                         .alloc = host_alloc,
                         .canceled = host_canceled,
                         .progress = host_progress,
                         .log = host_log,
                         .extension = host_extension};
    w->emit = (ggx_emit){sizeof w->emit, 0, w, take_bytes};
    w->options = (ggx_options){sizeof w->options, 0, w->values};
    w->options.count = settings_values(subject->settings, subject->setting_count, v->options, v->option_count, NULL,
                                       w->values, VALUES);
    w->self = calloc(1, (size_t)v->instance_size + 1);
    w->layout.struct_size = sizeof w->layout;
    return judged(w, "open", v->open(w->self, &w->host, &w->options, &w->error));
}

static void writing_close(writing *w, check *c)
{
    if (w->subject->vtable->close) w->subject->vtable->close(w->self);
    for (uint32_t i = 0; i < w->block_count; i++) {
        for (uint32_t b = 0; b < 16; b++)
            if (w->ends[i][b] != 0xC5) breach(w, "bytes behind an allocation of host->alloc were overwritten");
        free(w->blocks[i]);
    }
    free(w->self);
    if (w->fault[0]) check_fail(c, "%s", w->fault);
}

static ggx_out_tensor make_tensor(const char *name, size_t type, uint32_t rank, const uint64_t *shape)
{
    ggx_out_tensor t = {
        .struct_size = sizeof t, .rank = rank, .name = {name, strlen(name)}, .type_code = types[type].code};
    uint64_t elems = 1;
    t.type = ggx_type_make(types[type].name, types[type].elems, types[type].bytes);
    for (uint32_t i = 0; i < rank; i++) {
        t.shape[i] = shape[i] * (i + 1 == rank ? types[type].elems : 1);
        elems *= t.shape[i];
    }
    t.nbytes = elems / types[type].elems * types[type].bytes;
    return t;
}

static ggx_status tell_tensor(writing *w, const ggx_out_tensor *t)
{
    ggx_status status = judged(w, "tensor", w->subject->vtable->tensor(w->self, t, &w->error));
    w->told += status == GGX_OK;
    return status;
}

static ggx_status tell_kv(writing *w, const char *key, uint32_t type, uint32_t elem_type, uint64_t count,
                          const void *data)
{
    ggx_kv kv = {sizeof kv, type, elem_type, 0, {key, strlen(key)}, count, data};
    return judged(w, "kv", w->subject->vtable->kv(w->self, &kv, &w->error));
}

static ggx_status finish(writing *w)
{
    ggx_status status = judged(w, "layout", w->subject->vtable->layout(w->self, &w->layout, &w->error));
    if (status == GGX_OK && (!w->layout.output_count || w->layout.output_count > 65536))
        breach(w, "layout has %u outputs", w->layout.output_count);
    return status;
}

/* What this writer takes: found by offering each alone, in an instance of its own. */
typedef struct taste {
    uint8_t type[TYPES], kv[13], array[13];
    uint32_t max_rank;
} taste;

static const uint64_t ones[2] = {1, 1};
static const double numbers[13] = {0};

static ggx_status offer_kv(writing *w, uint32_t type, int array, const char *key)
{
    static const ggx_str words[2] = {{"one", 3}, {"\303\244", 2}};
    const void *data = type == GGX_KV_STRING                      ? (const void *)words
                       : type == GGX_KV_F32 || type == GGX_KV_F64 ? (const void *)numbers
                                                                  : (const void *)ones;
    return tell_kv(w, key, array ? GGX_KV_ARRAY : type, type, array ? 2 : 1, data);
}

static taste taste_of(const writer_subject *subject, check *c)
{
    static writing w;
    static const uint64_t shape[GGX_MAX_RANK] = {2, 2, 2, 2, 2, 2, 2, 2};
    taste t;
    memset(&t, 0, sizeof t);
    for (uint32_t i = 0; i < 2 * 13; i++) {
        uint32_t type = i / 2;
        if (type == GGX_KV_ARRAY) continue;
        if (writing_open(&w, subject, 0) == GGX_OK)
            *(i % 2 ? &t.array[type] : &t.kv[type]) = offer_kv(&w, type, i % 2, "general.some") == GGX_OK;
        else
            check_fail(c, "open: %s", w.error.text);
        writing_close(&w, c);
    }
    for (uint32_t i = 0; i < TYPES + GGX_MAX_RANK; i++) {
        ggx_out_tensor one =
            make_tensor("some.weight", i < TYPES ? i : 0, i < TYPES ? 2 : i - (uint32_t)TYPES + 1, shape);
        if (writing_open(&w, subject, 0) == GGX_OK && tell_tensor(&w, &one) == GGX_OK) {
            if (i < TYPES)
                t.type[i] = 1;
            else
                t.max_rank = one.rank;
        }
        writing_close(&w, c);
    }
    return t;
}

/* A model of `count` tensors from what the writer takes: every rank, sizes from 1 element up, an empty one never. */
static ggx_status tell_model(writing *w, const taste *t, uint32_t count)
{
    static char names[TENSORS][32];
    uint64_t seed = 6;
    ggx_status status = GGX_OK;
    char key[32];
    for (uint32_t type = 0; type < 13 && status == GGX_OK; type++)
        for (int array = 0; array < 2 && status == GGX_OK; array++) {
            if (!(array ? t->array : t->kv)[type]) continue;
            snprintf(key, sizeof key, "general.k%u%s", type, array ? "s" : "");
            status = offer_kv(w, type, array, key);
        }
    for (uint32_t i = 0; i < count && status == GGX_OK; i++) {
        uint64_t shape[GGX_MAX_RANK];
        uint32_t type = (uint32_t)(random_u64(&seed) % TYPES), rank = 1 + i % (t->max_rank ? t->max_rank : 1);
        while (!t->type[type]) type = (type + 1) % (uint32_t)TYPES;
        for (uint32_t a = 0; a < rank; a++) shape[a] = 1 + random_u64(&seed) % 5;
        snprintf(names[i], sizeof names[i], "blk.%u.weight", i);
        ggx_out_tensor one = make_tensor(names[i], type, rank, shape);
        status = tell_tensor(w, &one);
    }
    return status;
}

static int has_type(const taste *t)
{
    for (size_t i = 0; i < TYPES; i++)
        if (t->type[i]) return 1;
    return 0;
}

static int by_place(const void *a, const void *b)
{
    const span *x = a, *y = b;
    if (x->output != y->output) return x->output < y->output ? -1 : 1;
    return x->from < y->from ? -1 : x->from > y->from;
}

static void check_spans(writing *w)
{
    uint64_t total = 0;
    qsort(w->spans, w->span_count, sizeof *w->spans, by_place);
    for (uint32_t i = 0; i < w->span_count; i++) {
        const span *s = &w->spans[i], *next = i + 1 < w->span_count ? s + 1 : NULL;
        if (next && next->output == s->output && next->from < s->to)
            breach(w, "two ranges meet in output %u: %llu..%llu and %llu..%llu", s->output, (unsigned long long)s->from,
                   (unsigned long long)s->to, (unsigned long long)next->from, (unsigned long long)next->to);
        if (!next || next->output != s->output) total += s->to;
    }
    if (total > w->layout.total_size)
        breach(w, "the outputs end at %llu together, total_size is %llu", (unsigned long long)total,
               (unsigned long long)w->layout.total_size);
}

static uint64_t place_all(writing *w)
{
    uint64_t digest = DIGEST_BEGIN;
    for (uint64_t i = 0; i < w->told; i++) {
        ggx_place p = {.struct_size = sizeof p};
        if (judged(w, "place", w->subject->vtable->place(w->self, i, &p, &w->error)) != GGX_OK)
            breach(w, "place: %s", w->error.text);
        add_span(w, p.output, p.offset, p.nbytes, (uint32_t)i + 1);
        uint64_t fields[] = {p.output, p.offset, p.nbytes};
        digest = digest_bytes(digest, fields, sizeof fields);
    }
    ggx_place beyond = {.struct_size = sizeof beyond};
    if (judged(w, "place", w->subject->vtable->place(w->self, w->told, &beyond, &w->error)) == GGX_OK)
        breach(w, "place answers for a tensor that was never told");
    return digest;
}

static uint64_t render_once(writing *w)
{
    w->digest = DIGEST_BEGIN;
    w->emits = 0;
    if (judged(w, "render", w->subject->vtable->render(w->self, &w->emit, &w->error)) != GGX_OK && !w->refuse_emit)
        breach(w, "render: %s", w->error.text);
    return w->digest;
}

/* One whole conversion of `count` tensors; gives one number for all that the writer answered. */
static uint64_t write_model(check *c, const writer_subject *subject, const taste *t, uint32_t count)
{
    static writing w;
    uint64_t digest = 0;
    if (writing_open(&w, subject, 0) != GGX_OK || tell_model(&w, t, count) != GGX_OK || finish(&w) != GGX_OK) {
        breach(&w, "%u tensors of types that it takes are refused: %s", count, w.error.text);
    } else {
        uint64_t places = place_all(&w);
        uint64_t first = render_once(&w);
        uint32_t spans = w.span_count;
        if (render_once(&w) != first) breach(&w, "the second render emitted other bytes");
        w.span_count = spans; /* the second render's ranges are the first's */
        check_spans(&w);
        digest = digest_bytes(first, &places, sizeof places);
        digest = digest_bytes(digest, &w.layout.total_size, sizeof w.layout.total_size);
    }
    writing_close(&w, c);
    return digest;
}

static void lays_out_models(check *c, const void *context)
{
    const writer_subject *subject = context;
    static const uint32_t counts[] = {1, 2, 5, TENSORS};
    taste t = taste_of(subject, c);
    if (!has_type(&t)) check_fail(c, "it takes no tensor of any usual type");
    for (size_t i = 0; i < sizeof counts / sizeof *counts && !c->failed; i++) {
        uint64_t first = write_model(c, subject, &t, counts[i]), second = write_model(c, subject, &t, counts[i]);
        if (first != second) check_fail(c, "two instances laid out %u tensors differently", counts[i]);
    }
    check_note(c, "ranks to %u", t.max_rank);
}

static void survives_failed_allocations(check *c, const void *context)
{
    const writer_subject *subject = context;
    static writing w;
    taste t = taste_of(subject, c);
    uint64_t n = 1;
    for (int more = has_type(&t); more && !c->failed && n < 2000 && !check_late(c); n++) {
        int made = writing_open(&w, subject, n) == GGX_OK && tell_model(&w, &t, 12) == GGX_OK && finish(&w) == GGX_OK;
        if (made) render_once(&w);
        more = w.allocs >= n;
        writing_close(&w, c);
        if (!made && w.error.status != GGX_E_NOMEM)
            check_fail(c, "allocation %llu failed, the status was %d, expected -12", (unsigned long long)n,
                       (int)w.error.status);
    }
    check_note(c, "%llu allocations", (unsigned long long)n - 1);
}

static void hands_on_emit_failures(check *c, const void *context)
{
    const writer_subject *subject = context;
    static writing w;
    taste t = taste_of(subject, c);
    uint64_t n = 1;
    for (int more = has_type(&t); more && !c->failed && n < 500 && !check_late(c); n++) {
        more = 0;
        if (writing_open(&w, subject, 0) == GGX_OK && tell_model(&w, &t, 12) == GGX_OK && finish(&w) == GGX_OK) {
            w.refuse_emit = n;
            w.emits = 0;
            ggx_status status = judged(&w, "render", subject->vtable->render(w.self, &w.emit, &w.error));
            more = w.emits >= n;
            if (more && status != GGX_E_NOSPACE) breach(&w, "emit returned -9, render %d", (int)status);
        }
        writing_close(&w, c);
    }
    check_note(c, "%llu emits", (unsigned long long)n - 2);
}

static void refuses_nonsense(check *c, const void *context)
{
    const writer_subject *subject = context;
    static writing w;
    static const uint64_t shape[] = {2, 2}, huge[] = {1u << 30, 1u << 31};
    taste t = taste_of(subject, c);
    uint32_t type = 0;
    while (type + 1 < TYPES && !t.type[type]) type++;
    ggx_out_tensor small = make_tensor("twice", type, 2, shape), large = make_tensor("a", 0, 2, huge);
    if (writing_open(&w, subject, 0) == GGX_OK && tell_tensor(&w, &small) == GGX_OK &&
        tell_tensor(&w, &small) == GGX_OK && finish(&w) == GGX_OK)
        breach(&w, "two tensors of one name were laid out");
    writing_close(&w, c);
    if (t.type[0] && writing_open(&w, subject, 0) == GGX_OK) { /* 3 x 2^63 bytes: the sum does not fit 64 bits */
        int made = 1;
        static const char *const names[] = {"a", "b", "c"};
        for (uint32_t i = 0; i < 3 && made; i++) {
            large.name.data = names[i];
            made = tell_tensor(&w, &large) == GGX_OK;
        }
        if (made && finish(&w) == GGX_OK)
            breach(&w, "a layout of 3 * 2^63 bytes came to %llu", (unsigned long long)w.layout.total_size);
        writing_close(&w, c);
    }
}

static void survives_odd_names(check *c, const void *context)
{
    const writer_subject *subject = context;
    static writing w;
    static const uint64_t shape[] = {2, 2};
    static const uint32_t lengths[] = {1, 63, 64, 255, 256, 65535};
    taste t = taste_of(subject, c);
    uint32_t type = 0;
    char *name = malloc(65536);
    while (type + 1 < TYPES && !t.type[type]) type++;
    for (size_t i = 0; name && i < sizeof lengths / sizeof *lengths; i++) {
        memset(name, i % 2 ? '"' : 'n', lengths[i]);
        name[lengths[i]] = 0;
        ggx_out_tensor one = make_tensor(name, type, 2, shape);
        if (writing_open(&w, subject, 0) == GGX_OK) {
            offer_kv(&w, GGX_KV_I32, 0, name);
            if (tell_tensor(&w, &one) == GGX_OK && finish(&w) == GGX_OK) render_once(&w);
        }
        writing_close(&w, c);
    }
    free(name);
}

static void closes_after_failed_open(check *c, const void *context)
{
    const writer_subject *subject = context;
    static writing w;
    writing_open(&w, subject, 1);
    writing_close(&w, c);
    if (writing_open(&w, subject, 0) != GGX_OK) check_fail(c, "open: %s", w.error.text);
    writing_close(&w, c); /* nothing was told */
}

void check_writer(report *r, const writer_subject *subject)
{
    char scope[80];
    snprintf(scope, sizeof scope, "writer %s", subject->name);
    report_check(r, scope, "close follows a failed open, and an open alone", closes_after_failed_open, subject);
    report_check(r, scope, "ranges lie inside and never meet; render repeats itself", lays_out_models, subject);
    report_check(r, scope, "failed allocations end in -12", survives_failed_allocations, subject);
    report_check(r, scope, "render hands on a refused emit, and ends", hands_on_emit_failures, subject);
    report_check(r, scope, "a name told twice and sizes beyond 64 bits are refused", refuses_nonsense, subject);
    report_check(r, scope, "long and odd names do no harm", survives_odd_names, subject);
}
