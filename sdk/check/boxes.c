/* sdk/check/boxes.c - boxes of tensors that only the reader can read: parts agree with the whole, in any order and from two threads. */
#include "session.h"

#include <ggx_sdk/checked.h>
#include <stdlib.h>

#define WHOLE_LIMIT (16u << 20) /* bytes; larger tensors are asked for in part only */
#define TENSORS 24
#define EDGE 64

/* A tensor seen in whole blocks: the last axis counts blocks. */
typedef struct grid {
    const ggx_tensor *tensor;
    uint64_t nbytes;
    uint8_t *bytes; /* the whole tensor */
} grid;

static uint64_t box_bytes(const ggx_tensor *t, const ggx_box *box)
{
    uint64_t elems = 0, bytes = 0;
    return ggx_product_u64(box->count, box->rank, &elems) && ggx_type_bytes(&t->type, elems, &bytes) ? bytes : 0;
}

static ggx_box whole_box(const ggx_tensor *t)
{
    ggx_box box = {.struct_size = sizeof box, .rank = t->rank};
    for (uint32_t i = 0; i < t->rank; i++) box.count[i] = t->shape[i];
    return box;
}

/* Reads a box into fresh memory with watched edges; NULL when the read failed (and was allowed to) or did harm. */
static uint8_t *read_box(check *c, session *s, const ggx_tensor *t, const ggx_box *box, int may_fail)
{
    if (!s->reader->read) {
        check_fail(c, "%.*s is not RAW, but read is NULL", (int)t->name.size, t->name.data);
        return NULL;
    }
    uint64_t n = box_bytes(t, box);
    uint8_t *room = malloc((size_t)n + 2 * EDGE);
    ggx_error error;
    if (!room) return NULL;
    memset(room, 0xA5, (size_t)n + 2 * EDGE);
    memset(&error, 0, sizeof error);
    ggx_status status = s->reader->read(s->h.self, t->cookie, box, room + EDGE, n, &error);
    const char *fault = status_fault(status, &error);
    if (*fault) check_fail(c, "read: status %d: %s", (int)status, fault);
    for (uint32_t i = 0; i < EDGE; i++)
        if (room[i] != 0xA5 || room[EDGE + n + i] != 0xA5) check_fail(c, "read wrote outside its box's bytes");
    if (status != GGX_OK) {
        if (!may_fail) check_fail(c, "read of %.*s failed: %s", (int)t->name.size, t->name.data, error.text);
        free(room);
        return NULL;
    }
    memmove(room, room + EDGE, (size_t)n);
    return room;
}

void read_some(check *c, session *s)
{
    uint32_t asked = 0;
    for (uint64_t i = 0; i < s->h.tensor_count && asked < 2; i++) {
        const ggx_tensor *t = &s->h.tensors[i];
        ggx_box box = whole_box(t);
        if (t->access == GGX_ACCESS_RAW) continue;
        for (uint32_t a = 0; a + 1 < t->rank && box_bytes(t, &box) > 65536; a++) box.count[a] = box.count[a] ? 1 : 0;
        uint64_t n = box_bytes(t, &box);
        if (!n || n > 1u << 20) continue;
        free(read_box(c, s, t, &box, 1));
        asked++;
    }
}

/* Compares a box's bytes with the same box cut out of the whole. */
static int same_as_whole(const grid *g, const ggx_box *box, const uint8_t *bytes)
{
    const ggx_tensor *t = g->tensor;
    uint64_t at[GGX_MAX_RANK] = {0}, n = box_bytes(t, box);
    if (!t->rank || !n) return !memcmp(bytes, g->bytes, (size_t)n);
    uint32_t last = t->rank - 1;
    uint64_t run = box->count[last] / t->type.block_elems * t->type.block_bytes;
    for (uint64_t done = 0; done < n; done += run) {
        uint64_t row = 0;
        for (uint32_t a = 0; a < last; a++) row = row * t->shape[a] + box->start[a] + at[a];
        uint64_t from = (row * t->shape[last] + box->start[last]) / t->type.block_elems * t->type.block_bytes;
        if (memcmp(bytes + done, g->bytes + from, (size_t)run)) return 0;
        for (uint32_t a = last; a-- > 0;) {
            if (++at[a] < box->count[a]) break;
            at[a] = 0;
        }
    }
    return 1;
}

static ggx_box random_box(const ggx_tensor *t, uint64_t *seed)
{
    ggx_box box = {.struct_size = sizeof box, .rank = t->rank};
    for (uint32_t a = 0; a < t->rank; a++) {
        uint64_t unit = a + 1 == t->rank ? t->type.block_elems : 1, n = t->shape[a] / unit;
        uint64_t first = n ? random_u64(seed) % n : 0;
        box.start[a] = first * unit;
        box.count[a] = (n ? 1 + random_u64(seed) % (n - first) : 0) * unit;
    }
    return box;
}

static void compare_box(check *c, session *s, const grid *g, const ggx_box *box)
{
    uint8_t *part = read_box(c, s, g->tensor, box, 0);
    if (part && !same_as_whole(g, box, part))
        check_fail(c, "%.*s: a box differs from the same part of the whole", (int)g->tensor->name.size,
                   g->tensor->name.data);
    free(part);
}

typedef struct asker {
    check c;
    session *s;
    const grid *g;
    uint64_t seed;
} asker;

static void *ask_boxes(void *context)
{
    asker *a = context;
    for (int i = 0; i < 12; i++) {
        ggx_box box = random_box(a->g->tensor, &a->seed);
        compare_box(&a->c, a->s, a->g, &box);
    }
    return NULL;
}

static void compare_from_threads(check *c, session *s, const grid *g, uint64_t seed)
{
    asker askers[2];
    pthread_t threads[2];
    memset(askers, 0, sizeof askers);
    for (uint32_t i = 0; i < 2; i++) {
        askers[i].s = s;
        askers[i].g = g;
        askers[i].seed = seed + i;
        if (pthread_create(&threads[i], NULL, ask_boxes, &askers[i]))
            ask_boxes(&askers[i]), threads[i] = pthread_self();
    }
    for (uint32_t i = 0; i < 2; i++) {
        if (!pthread_equal(threads[i], pthread_self())) pthread_join(threads[i], NULL);
        if (askers[i].c.failed) check_fail(c, "%s", askers[i].c.text);
    }
}

/* Thirds along the first axis, rising: the order that SEQUENTIAL tensors are promised. */
static void compare_in_order(check *c, session *s, const grid *g)
{
    const ggx_tensor *t = g->tensor;
    ggx_box box = whole_box(t);
    uint64_t unit = t->rank == 1 ? t->type.block_elems : 1;
    uint64_t rows = t->rank ? t->shape[0] / unit : 0, third = (rows + 2) / 3;
    for (uint64_t at = 0; at < rows; at += third) {
        box.start[0] = at * unit;
        box.count[0] = (rows - at < third ? rows - at : third) * unit;
        compare_box(c, s, g, &box);
    }
}

void check_boxes(check *c, const reader_subject *subject, const sample *from)
{
    session first, second;
    session_plan plan;
    uint64_t seed = 11;
    uint32_t tried = 0;
    memset(&plan, 0, sizeof plan);
    session_begin(&first, subject, from, &plan);
    session_begin(&second, subject, from, &plan);
    for (uint64_t i = 0;
         first.status == GGX_OK && second.status == GGX_OK && i < first.h.tensor_count && tried < TENSORS; i++) {
        const ggx_tensor *t = &first.h.tensors[i];
        ggx_box whole = whole_box(t);
        grid g = {t, box_bytes(t, &whole), NULL};
        if (t->access == GGX_ACCESS_RAW || i >= second.h.tensor_count || g.nbytes > WHOLE_LIMIT) continue;
        if (c->failed || !(g.bytes = read_box(c, &first, t, &whole, 0))) break;
        tried++;
        g.tensor = &second.h.tensors[i];
        compare_in_order(c, &second, &g);
        if (t->access == GGX_ACCESS_SEQUENTIAL) compare_in_order(c, &second, &g); /* a new pass */
        if (t->access == GGX_ACCESS_READER) compare_from_threads(c, &second, &g, random_u64(&seed));
        free(g.bytes);
    }
    check_note(c, "%u tensors", tried);
    session_end(&first, c);
    session_end(&second, c);
}
