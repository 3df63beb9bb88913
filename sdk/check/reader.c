/* sdk/check/reader.c - a reader's contract: open, index and close on sound, damaged and hostile input. */
#include "session.h"

#include <ggx_sdk/error.h>
#include <stdio.h>
#include <stdlib.h>

#define EVERY 65536 /* lengths and positions up to here are all tried */
#define BEYOND 512  /* and so many of those beyond */
#define MAP_LIMIT (1u << 20)

typedef struct sample_subject {
    const reader_subject *reader;
    const sample *from;
} sample_subject;

static const session_plan plain;

static void opens_sample(check *c, const void *context)
{
    const sample_subject *s = context;
    session one;
    session_begin(&one, s->reader, s->from, &plain);
    const char *fault = session_fault(&one);
    if (one.status != GGX_OK) check_fail(c, "%s: %s", one.step, one.error.text);
    if (*fault) check_fail(c, "%s: %s", one.step, fault);
    if (one.h.refused) check_fail(c, "the sink refused what index pushed");
    check_note(c, "%llu tensors, %llu key/values", (unsigned long long)one.h.tensor_count,
               (unsigned long long)one.h.kv_count);
    session_end(&one, c);
}

/* Two instances at once, the second on a source that maps. */
static void repeats_itself(check *c, const void *context)
{
    const sample_subject *s = context;
    session one, two;
    session_plan mapped = plain;
    mapped.map = 1;
    session_begin(&one, s->reader, s->from, &plain);
    session_begin(&two, s->reader, s->from, &mapped);
    if (one.status != two.status)
        check_fail(c, "the first instance returned %d, the second %d", (int)one.status, (int)two.status);
    if (session_digest(&one) != session_digest(&two))
        check_fail(c, "two instances pushed different things for one input");
    session_end(&one, c);
    session_end(&two, c);
}

static void hands_on_refusals(check *c, const void *context)
{
    const sample_subject *s = context;
    session_plan plan = plain;
    for (plan.refuse_push = 1; plan.refuse_push <= 64 && !c->failed; plan.refuse_push++) {
        session one;
        session_begin(&one, s->reader, s->from, &plan);
        int reached = one.pushes >= plan.refuse_push;
        if (reached && one.status != GGX_E_NOSPACE)
            check_fail(c, "the sink refused push %llu with -9, index returned %d", (unsigned long long)plan.refuse_push,
                       (int)one.status);
        if (reached && one.pushes != plan.refuse_push)
            check_fail(c, "index pushed on after push %llu was refused", (unsigned long long)plan.refuse_push);
        session_end(&one, c);
        if (!reached) break;
    }
    check_note(c, "%llu pushes", (unsigned long long)plan.refuse_push - 1);
}

/* What a clean run uses: how many faults there are to place, and the result that an unharmed one gives. */
typedef struct clean {
    uint64_t allocs, reads, questions, digest;
} clean;

static clean clean_run(check *c, const sample_subject *s)
{
    session one;
    session_plan plan = plain;
    plan.cancel_after = UINT64_MAX; /* so that questions are counted */
    session_begin(&one, s->reader, s->from, &plan);
    clean found = {one.allocs, one.reads, one.h.questions, session_digest(&one)};
    session_end(&one, c);
    return found;
}

/* One run with a fault in it. It must fail with `expected`, or go round the fault and give the whole result. */
static void run_with_fault(check *c, const sample_subject *s, const session_plan *plan, const clean *usual,
                           ggx_status expected, const char *what, uint64_t n)
{
    session one;
    session_begin(&one, s->reader, s->from, plan);
    const char *fault = session_fault(&one);
    if (*fault) check_fail(c, "%s %llu: %s: %s", what, (unsigned long long)n, one.step, fault);
    if (one.status == GGX_OK && session_digest(&one) != usual->digest)
        check_fail(c, "%s %llu: success, but with another result", what, (unsigned long long)n);
    if (one.status != GGX_OK && one.status != expected)
        check_fail(c, "%s %llu: %s returned %d, expected %d", what, (unsigned long long)n, one.step, (int)one.status,
                   (int)expected);
    session_end(&one, c);
}

static void survives_failed_allocations(check *c, const void *context)
{
    const sample_subject *s = context;
    clean usual = clean_run(c, s);
    uint64_t n = 1;
    for (; n <= usual.allocs && n <= 4096 && !c->failed && !check_late(c); n++) {
        session_plan once = plain, onward = plain;
        once.fail_alloc = onward.fail_alloc_onward = n;
        run_with_fault(c, s, &once, &usual, GGX_E_NOMEM, "failed allocation", n);
        run_with_fault(c, s, &onward, &usual, GGX_E_NOMEM, "failed allocations from", n);
    }
    check_note(c, "%llu of %llu allocations", (unsigned long long)n - 1, (unsigned long long)usual.allocs);
}

static void hands_on_read_failures(check *c, const void *context)
{
    const sample_subject *s = context;
    clean usual = clean_run(c, s);
    uint64_t n = 1;
    for (; n <= usual.reads && n <= 4096 && !c->failed && !check_late(c); n++) {
        session_plan plan = plain;
        plan.fail_read = n;
        run_with_fault(c, s, &plan, &usual, GGX_E_IO, "failed read", n);
    }
    check_note(c, "%llu of %llu reads", (unsigned long long)n - 1, (unsigned long long)usual.reads);
}

static void stops_when_canceled(check *c, const void *context)
{
    const sample_subject *s = context;
    clean usual = clean_run(c, s);
    for (uint64_t n = 1; n <= usual.questions && n <= 256 && !c->failed && !check_late(c); n++) {
        session one;
        session_plan plan = plain;
        plan.cancel_after = n;
        session_begin(&one, s->reader, s->from, &plan);
        if (one.answers && one.status != GGX_E_CANCELED)
            check_fail(c, "question %llu was answered with 1, %s returned %d, expected -11", (unsigned long long)n,
                       one.step, (int)one.status);
        session_end(&one, c);
    }
    check_note(c, "asked %llu times", (unsigned long long)usual.questions);
}

/* The files of a sample that the reader opens: 0, and the siblings it asked for. */
static uint32_t opened_files(check *c, const sample_subject *s, uint32_t *out)
{
    session one;
    session_begin(&one, s->reader, s->from, &plain);
    uint32_t n = one.h.opened_count;
    if (n > 8) n = 8;
    memcpy(out, one.h.opened, n * sizeof *out);
    session_end(&one, c);
    return n;
}

/* Lengths and positions: all up to EVERY, then in steps; in large steps once the check is late. */
static uint64_t step_after(const check *c, uint64_t at, uint64_t size)
{
    uint64_t step = at < EVERY ? 1 : 1 + (size - EVERY) / BEYOND;
    return check_late(c) && step < 1 + size / 64 ? 1 + size / 64 : step;
}

static void cut_file(check *c, const sample_subject *s, uint32_t file, uint64_t *tried)
{
    const sample_file *f = &s->from->files[file];
    char where[160];
    for (uint64_t n = 0; n < f->size && !c->failed; n += step_after(c, n, f->size), ++*tried) {
        session_plan plan = plain;
        guarded copy;
        plan.replaced = file;
        plan.data = f->data;
        plan.size = n;
        plan.map = f->size <= MAP_LIMIT && *tried % 8 == 0 && guarded_make(&copy, f->data, n);
        if (plan.map) plan.data = copy.data;
        snprintf(where, sizeof where, "%.60s cut at %llu", f->name, (unsigned long long)n);
        session_run(c, s->reader, s->from, &plan, where);
        if (plan.map) guarded_free(&copy);
    }
}

static void survives_cuts(check *c, const void *context)
{
    const sample_subject *s = context;
    uint32_t files[8], count = opened_files(c, s, files);
    uint64_t tried = 0;
    for (uint32_t i = 0; i < count; i++) cut_file(c, s, files[i], &tried);
    check_note(c, "%llu lengths", (unsigned long long)tried);
}

static void flip_file(check *c, const sample_subject *s, uint32_t file, uint64_t *tried)
{
    const sample_file *f = &s->from->files[file];
    uint8_t *copy = malloc((size_t)f->size + 1);
    uint64_t seed = 3;
    char where[160];
    if (!copy) return;
    memcpy(copy, f->data, (size_t)f->size);
    for (uint64_t at = 0; at < f->size && !c->failed; at += step_after(c, at, f->size), ++*tried) {
        session_plan plan = plain;
        uint8_t was = copy[at];
        copy[at] = (uint8_t)(was ^ (1 + random_u64(&seed) % 255));
        plan.replaced = file;
        plan.data = copy;
        plan.size = f->size;
        snprintf(where, sizeof where, "%.60s with byte %llu changed", f->name, (unsigned long long)at);
        session_run(c, s->reader, s->from, &plan, where);
        copy[at] = was;
    }
    free(copy);
}

static void survives_changed_bytes(check *c, const void *context)
{
    const sample_subject *s = context;
    uint32_t files[8], count = opened_files(c, s, files);
    uint64_t tried = 0;
    for (uint32_t i = 0; i < count; i++) flip_file(c, s, files[i], &tried);
    check_note(c, "%llu positions", (unsigned long long)tried);
}

/* The sample with a run of 1 to 64 bytes overwritten by noise, or by the values that arithmetic trips over. */
static void survives_noise(check *c, const void *context)
{
    const sample_subject *s = context;
    const sample_file *f = &s->from->files[0];
    uint8_t *copy = malloc((size_t)f->size + 1);
    uint64_t seed = 4, tried = 0, span = f->size < EVERY ? f->size : EVERY;
    char where[160];
    if (!copy) {
        check_fail(c, "no memory");
        return;
    }
    memcpy(copy, f->data, (size_t)f->size);
    for (; span && tried < s->reader->noise && !c->failed && !check_late(c); tried++) {
        session_plan plan = plain;
        uint64_t at = random_u64(&seed) % span, n = 1 + random_u64(&seed) % 64, kind = random_u64(&seed) % 4;
        if (n > f->size - at) n = f->size - at;
        if (kind < 2)
            random_fill(&seed, copy + at, n);
        else
            memset(copy + at, kind == 2 ? 0xff : 0x00, (size_t)n);
        if (kind == 2 && n >= 8) copy[at + 7] = 0x7f;
        plan.data = copy;
        plan.size = f->size;
        snprintf(where, sizeof where, "%llu bytes of noise at %llu", (unsigned long long)n, (unsigned long long)at);
        session_run(c, s->reader, s->from, &plan, where);
        memcpy(copy + at, (const uint8_t *)f->data + at, (size_t)n);
    }
    free(copy);
    check_note(c, "%llu inputs", (unsigned long long)tried);
}

static void survives_missing_siblings(check *c, const void *context)
{
    const sample_subject *s = context;
    session_plan plan = plain;
    plan.only_first = 1;
    ggx_status status = session_run(c, s->reader, s->from, &plan, "alone");
    check_note(c, "status %d", (int)status);
}

static void boxes_agree(check *c, const void *context)
{
    const sample_subject *s = context;
    check_boxes(c, s->reader, s->from);
}

void check_reader_sample(report *r, const char *scope, const reader_subject *subject, const sample *from)
{
    static const struct {
        const char *name;
        check_body body;
    } checks[] = {{"two instances give the same", repeats_itself},
                  {"index hands on the sink's refusal, and ends", hands_on_refusals},
                  {"failed allocations end in -12", survives_failed_allocations},
                  {"failed reads end in -13", hands_on_read_failures},
                  {"a canceled run ends in -11", stops_when_canceled},
                  {"without its siblings the sample does no harm", survives_missing_siblings},
                  {"the sample cut short does no harm", survives_cuts},
                  {"changed bytes do no harm", survives_changed_bytes},
                  {"noise in the sample does no harm", survives_noise},
                  {"boxes agree with the whole", boxes_agree}};
    sample_subject s = {subject, from};
    char note[256];
    snprintf(note, sizeof note, "sample %.200s", from->path);
    report_note(r, scope, note);
    if (!report_check(r, scope, "the sample opens, every extent inside its file", opens_sample, &s)) return;
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        report_check(r, scope, checks[i].name, checks[i].body, &s);
}

static void survives_random_files(check *c, const void *context)
{
    const reader_subject *s = context;
    uint64_t seed = 5, tried = 0;
    uint8_t room[4096];
    char name[64];
    for (; tried < 2000 && !c->failed && !check_late(c); tried++) {
        sample from = {.kind = GGX_SOURCE_FILE, .count = 1, .path = name};
        uint64_t size = random_u64(&seed) % sizeof room;
        random_fill(&seed, room, size);
        snprintf(name, sizeof name, "noise.%s",
                 s->offer && s->offer->extension_count ? s->offer->extensions[0] : "bin");
        from.files[0] = (sample_file){name, room, size};
        session_run(c, s, &from, &plain, "random bytes");
    }
    check_note(c, "%llu inputs", (unsigned long long)tried);
}

/* Nothing is a checkpoint: an empty file or directory may hold no tensors, or be refused; it must not do harm. */
static void survives_empty_sources(check *c, const void *context)
{
    const reader_subject *s = context;
    char name[] = "empty";
    for (uint32_t kind = GGX_SOURCE_FILE; kind <= GGX_SOURCE_PREFIX; kind++) {
        sample from = {.kind = kind, .count = kind == GGX_SOURCE_FILE, .path = name};
        from.files[0] = (sample_file){name, name, 0};
        session_run(c, s, &from, &plain, "an empty source");
    }
}

static void closes_after_failed_open(check *c, const void *context)
{
    const reader_subject *s = context;
    char name[] = "empty";
    sample from = {.kind = GGX_SOURCE_FILE, .count = 1, .path = name};
    from.files[0] = (sample_file){name, name, 0};
    for (uint32_t i = 0; i < 3; i++) {
        session one;
        session_plan plan = plain;
        plan.fail_alloc_onward = i == 1;
        plan.fail_read = i == 2;
        session_begin(&one, s, &from, &plan);
        session_end(&one, c);
    }
}

void check_reader(report *r, const reader_subject *subject)
{
    char scope[80];
    snprintf(scope, sizeof scope, "reader %s", subject->name);
    check_reader_probe(r, scope, subject);
    report_check(r, scope, "close follows a failed open", closes_after_failed_open, subject);
    report_check(r, scope, "an empty source does no harm", survives_empty_sources, subject);
    report_check(r, scope, "random bytes do no harm", survives_random_files, subject);
    for (uint32_t i = 0; i < subject->sample_count; i++) check_reader_sample(r, scope, subject, &subject->samples[i]);
    if (!subject->sample_count) report_note(r, scope, "no --sample was given: what needs one was not checked");
}
