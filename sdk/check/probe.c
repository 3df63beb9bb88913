/* sdk/check/probe.c - a probe is pure: the same answer for the same window, from any thread, reading nothing beyond it; and
 * random bytes never look like anybody's format. */
#include "check.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOWS 256
#define SEEDS 4000

/* A window in guarded memory, read-only: a probe that writes to it, or reads beyond it, ends with a signal. */
typedef struct window {
    ggx_probe probe;
    guarded head, tail, siblings, parts[2 * SAMPLE_FILES];
    uint32_t part_count;
} window;

static ggx_str guard_bytes(window *w, const void *data, uint64_t size)
{
    guarded *g = &w->parts[w->part_count++];
    if (!guarded_make(g, data, size)) return --w->part_count, (ggx_str){"", 0};
    return (ggx_str){g->data, size};
}

static int window_open(window *w, const ggx_reader *reader, const sample *from, uint64_t size)
{
    ggx_sibling siblings[SAMPLE_FILES];
    memset(w, 0, sizeof *w);
    w->probe.struct_size = sizeof w->probe;
    w->probe.kind = from->kind;
    uint32_t first = from->kind == GGX_SOURCE_FILE ? 1 : 0;
    const char *data = from->files[0].data, *slash = strrchr(from->path, '/');
    uint64_t head = first ? (size < reader->head_want ? size : reader->head_want) : 0;
    uint64_t tail = first ? (size < reader->tail_want ? size : reader->tail_want) : 0;
    if (!guarded_make(&w->head, data, head)) return 0;
    if (!guarded_make(&w->tail, data ? data + (first ? size - tail : 0) : NULL, tail)) return guarded_free(&w->head), 0;
    for (uint32_t i = first; i < from->count; i++) {
        const sample_file *f = &from->files[i];
        siblings[w->probe.sibling_count].name = guard_bytes(w, f->name, strlen(f->name));
        siblings[w->probe.sibling_count++].head = guard_bytes(w, f->data, f->size < 512 ? f->size : 512);
    }
    if (!guarded_make(&w->siblings, siblings, w->probe.sibling_count * sizeof *siblings)) w->probe.sibling_count = 0;
    const char *name = first ? from->files[0].name : slash ? slash + 1 : from->path;
    w->probe.name = (ggx_str){name, strlen(name)};
    w->probe.size = first ? size : 0;
    w->probe.head = (ggx_str){w->head.data, head};
    w->probe.tail = (ggx_str){w->tail.data, tail};
    w->probe.siblings = w->siblings.data;
    return 1;
}

static void window_close(window *w)
{
    guarded_free(&w->head);
    guarded_free(&w->tail);
    if (w->siblings.base) guarded_free(&w->siblings);
    for (uint32_t i = 0; i < w->part_count; i++) guarded_free(&w->parts[i]);
}

/* The score, asked twice; the window's own record is watched too. */
static int32_t ask(check *c, const ggx_reader *reader, const window *w)
{
    ggx_probe before = w->probe;
    int32_t score = reader->probe(&w->probe), again = reader->probe(&w->probe);
    if (score < 0 || score > 100) check_fail(c, "score %d is outside 0..100", (int)score);
    if (score != again) check_fail(c, "the same window scored %d, then %d", (int)score, (int)again);
    if (memcmp(&before, &w->probe, sizeof before)) check_fail(c, "the probe changed its ggx_probe");
    return score;
}

typedef struct sample_subject {
    const reader_subject *reader;
    const sample *from;
} sample_subject;

static void recognises_sample(check *c, const void *context)
{
    const sample_subject *s = context;
    window w;
    if (!window_open(&w, s->reader->vtable, s->from, s->from->files[0].size)) {
        check_fail(c, "no memory");
        return;
    }
    int32_t score = ask(c, s->reader->vtable, &w);
    if (score < GGX_PROBE_NAME) check_fail(c, "score %d; below 25 nobody wins", (int)score);
    check_note(c, "score %d", (int)score);
    window_close(&w);
}

static void probes_cut_sample(check *c, const void *context)
{
    const sample_subject *s = context;
    uint64_t size = s->from->files[0].size, tried = 0;
    for (uint64_t n = 0; n <= size && n < 65536 && !check_late(c) && !c->failed; n += n < 4096 ? 1 : 61, tried++) {
        window w;
        if (!window_open(&w, s->reader->vtable, s->from, n)) {
            check_fail(c, "no memory");
            return;
        }
        ask(c, s->reader->vtable, &w);
        window_close(&w);
    }
    check_note(c, "%llu lengths", (unsigned long long)tried);
}

static sample random_sample(uint64_t *seed, const reader_subject *s, uint8_t *room, uint64_t size, char *name,
                            size_t capacity)
{
    sample from;
    const char *extension = s->offer && s->offer->extension_count ? s->offer->extensions[0] : "bin";
    memset(&from, 0, sizeof from);
    random_fill(seed, room, size);
    snprintf(name, capacity, "noise.%s", random_u64(seed) & 1 ? extension : "bin");
    from.path = name;
    from.kind = GGX_SOURCE_FILE;
    from.count = 1;
    from.files[0] = (sample_file){name, room, size};
    return from;
}

static void scores_random_bytes_low(check *c, const void *context)
{
    const reader_subject *s = context;
    uint64_t seed = 1, room_size = 2 * 65536, tried = 0;
    uint8_t *room = malloc((size_t)room_size);
    char name[64];
    for (; room && tried < SEEDS && !check_late(c) && !c->failed; tried++) {
        uint64_t size = random_u64(&seed) % (tried % 8 ? 2048 : room_size);
        sample from = random_sample(&seed, s, room, size, name, sizeof name);
        window w;
        if (!window_open(&w, s->vtable, &from, size)) break;
        int32_t score = ask(c, s->vtable, &w);
        if (score > 25)
            check_fail(c, "%llu random bytes named %s scored %d", (unsigned long long)size, name, (int)score);
        window_close(&w);
    }
    check_note(c, "%llu inputs", (unsigned long long)tried);
    free(room);
}

static void scores_empty_low(check *c, const void *context)
{
    const reader_subject *s = context;
    sample from = {.path = "empty", .kind = GGX_SOURCE_FILE, .count = 1};
    char name[] = "empty";
    from.files[0] = (sample_file){name, NULL, 0};
    for (uint32_t kind = GGX_SOURCE_FILE; kind <= GGX_SOURCE_PREFIX; kind++) {
        window w;
        from.kind = kind;
        from.count = kind == GGX_SOURCE_FILE;
        if (!window_open(&w, s->vtable, &from, 0)) {
            check_fail(c, "no memory");
            return;
        }
        int32_t score = ask(c, s->vtable, &w);
        if (score > 25) check_fail(c, "an empty source of kind %u scored %d", kind, (int)score);
        window_close(&w);
    }
}

typedef struct prober {
    const ggx_reader *reader;
    const window *windows;
    const int32_t *expected;
    uint32_t count, wrong;
} prober;

static void *probe_all(void *context)
{
    prober *p = context;
    for (uint32_t round = 0; round < 8; round++)
        for (uint32_t i = 0; i < p->count; i++)
            if (p->reader->probe(&p->windows[i].probe) != p->expected[i]) p->wrong++;
    return NULL;
}

/* The samples, and random windows of which every other begins as the first sample does. */
static uint32_t mixed_windows(const reader_subject *s, window *windows, uint8_t *room)
{
    static char names[WINDOWS][64];
    uint32_t count = 0;
    uint64_t seed = 2;
    for (uint32_t i = 0; i < s->sample_count && count < WINDOWS; i++)
        count += (uint32_t)window_open(&windows[count], s->vtable, &s->samples[i], s->samples[i].files[0].size);
    while (count < WINDOWS) {
        sample from = random_sample(&seed, s, room, 512, names[count], sizeof names[count]);
        const sample_file *first = s->sample_count ? &s->samples[0].files[0] : NULL;
        if (first && count % 2) memcpy(room, first->data, (size_t)(first->size < 64 ? first->size : 64));
        if (!window_open(&windows[count], s->vtable, &from, 512)) break;
        count++;
    }
    return count;
}

static void answers_two_threads_alike(check *c, const void *context)
{
    const reader_subject *s = context;
    static window windows[WINDOWS];
    static int32_t expected[WINDOWS];
    uint8_t room[512];
    uint32_t count = mixed_windows(s, windows, room);
    for (uint32_t i = 0; i < count; i++) expected[i] = ask(c, s->vtable, &windows[i]);
    prober probers[2] = {{s->vtable, windows, expected, count, 0}, {s->vtable, windows, expected, count, 0}};
    pthread_t other;
    if (pthread_create(&other, NULL, probe_all, &probers[1])) {
        check_fail(c, "no thread");
        return;
    }
    probe_all(&probers[0]);
    pthread_join(other, NULL);
    if (probers[0].wrong + probers[1].wrong)
        check_fail(c, "%u answers differ from those given alone", probers[0].wrong + probers[1].wrong);
    for (uint32_t i = 0; i < count; i++) window_close(&windows[i]);
    check_note(c, "%u windows", count);
}

void check_reader_probe(report *r, const char *scope, const reader_subject *subject)
{
    report_check(r, scope, "probe: an empty source scores at most 25", scores_empty_low, subject);
    report_check(r, scope, "probe: random bytes score at most 25", scores_random_bytes_low, subject);
    report_check(r, scope, "probe: two threads get the same answers", answers_two_threads_alike, subject);
    for (uint32_t i = 0; i < subject->sample_count; i++) {
        sample_subject s = {subject, &subject->samples[i]};
        report_check(r, scope, "probe: the sample is recognised", recognises_sample, &s);
        report_check(r, scope, "probe: the sample cut short does no harm", probes_cut_sample, &s);
    }
}
