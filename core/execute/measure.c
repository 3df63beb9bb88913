/* measure.c - the mean of magnitudes of a tensor. */
#include "execute/measure.h"

#include "execute/operations.h"
#include <ggx_sdk/error.h>
#include <math.h>

#define LANES 8u  /* of a vector */
#define CHAINS 4u /* vectors that are summed side by side */
#define LEVELS 4u
#define ROW (LANES * CHAINS)

/* Elements come in order, in pieces of any length; `lanes` is 1 for what is shorter than a vector. */
typedef struct cascade {
    uint64_t rows, done; /* rows of lanes * CHAINS elements: how many there are, and how many were added */
    uint32_t lanes, power;
    uint32_t held; /* elements of `row` */
    float sum[LEVELS][ROW], row[ROW];
} cascade;

static void start(cascade *c, uint64_t n)
{
    *c = (cascade){.lanes = n < LANES ? 1 : LANES};
    uint32_t bits = 0;
    c->rows = n / (c->lanes * CHAINS);
    while (bits < 63 && 1ull << bits < c->rows) bits++;
    c->power = bits / LEVELS > 4 ? bits / LEVELS : 4;
}

/* A full row; after so many of them sums are carried one level up. The last rows, too few for a carry, stay below. */
static void add_row(cascade *c, const float *row)
{
    const uint64_t step = 1ull << c->power;
    const uint32_t width = c->lanes * CHAINS;
    for (uint32_t k = 0; k < width; k++) c->sum[0][k] += fabsf(row[k]);
    if (++c->done % step) return;
    for (uint32_t level = 1; level < LEVELS; level++) {
        for (uint32_t k = 0; k < width; k++) {
            c->sum[level][k] += c->sum[level - 1][k];
            c->sum[level - 1][k] = 0;
        }
        if (c->done >> level * c->power & (step - 1)) break;
    }
}

static void add(cascade *c, const float *values, uint64_t n)
{
    const uint32_t width = c->lanes * CHAINS;
    while (n) {
        if (!c->held && n >= width && c->done < c->rows) {
            add_row(c, values);
            values += width;
            n -= width;
            continue;
        }
        c->row[c->held++] = fabsf(*values++);
        n--;
        if (c->held < width || c->done == c->rows) continue;
        add_row(c, c->row);
        c->held = 0;
    }
}

static float finish(cascade *c)
{
    float *sum = c->sum[0], total = 0;
    const uint32_t lanes = c->lanes, vectors = c->held / lanes;
    for (uint32_t level = 1; level < LEVELS; level++)
        for (uint32_t k = 0; k < lanes * CHAINS; k++) sum[k] += c->sum[level][k];
    for (uint32_t v = 0; v < vectors; v++)
        for (uint32_t k = 0; k < lanes; k++) sum[k] += c->row[v * lanes + k];
    for (uint32_t chain = 1; chain < CHAINS; chain++)
        for (uint32_t k = 0; k < lanes; k++) sum[k] += sum[chain * lanes + k];
    for (uint32_t k = vectors * lanes; k < c->held; k++) total += c->row[k];
    for (uint32_t k = 0; k < lanes; k++) total += sum[k];
    return total;
}

/* Steps of boxes that follow each other in C order: trailing axes whole while they fit, one cut, the others one by one. */
static void choose_steps(const ggx_view *view, uint64_t room, uint64_t *step)
{
    const uint64_t block = view->type.block_elems;
    int cut = 0;
    for (uint32_t a = view->rank; a-- > 0;) {
        step[a] = cut ? 1 : view->shape[a] < room ? view->shape[a] : room;
        if (step[a] < view->shape[a]) {
            if (a + 1 == view->rank && step[a] > block) step[a] -= step[a] % block;
            cut = 1;
        }
        if (!step[a]) step[a] = 1;
        room /= step[a];
    }
}

static int next_box(const ggx_view *view, const uint64_t *step, ggx_box *box)
{
    for (uint32_t a = box->rank; a-- > 0;) {
        box->start[a] += step[a];
        if (box->start[a] < view->shape[a]) return 1;
        box->start[a] = 0;
    }
    return 0;
}

ggx_status ggx_measure_op(const ggx_measuring *m, uint32_t at, ggx_error *error)
{
    ggx_measure *to = m->ops[at].measure;
    const ggx_view *view = &to->over;
    ggx_box box = {.struct_size = sizeof box, .rank = view->rank};
    uint64_t step[GGX_MAX_RANK] = {0}, elems = 1;
    cascade c;
    for (uint32_t a = 0; a < view->rank; a++) elems *= view->shape[a]; /* the checkpoint has checked the product */
    start(&c, elems);
    choose_steps(view, m->room, step);
    while (elems) {
        uint64_t n = 1;
        if (m->run && m->run->canceled && *m->run->canceled) return ggx_fail(error, GGX_E_CANCELED, "stopped");
        for (uint32_t a = 0; a < view->rank; a++) {
            const uint64_t left = view->shape[a] - box.start[a];
            n *= box.count[a] = left < step[a] ? left : step[a];
        }
        ggx_status status = ggx_gather_f32(m->gather, view, &box, m->decode, m->values, error);
        if (status != GGX_OK) return status;
        ggx_ops_apply(m->ops, m->kernels, at, &box, m->values, m->temporary);
        add(&c, m->values, n);
        if (!next_box(view, step, &box)) break;
    }
    to->mean = finish(&c) / (float)elems;
    to->state = GGX_MEASURE_KNOWN;
    return GGX_OK;
}
