/* sdk/check/decoder.c - a decoder's contract: what it asks for is there, parts make the whole, and all of a box is written and no more.
 *
 * The manifest's "example" says which inputs it takes: {"weight": "u8 64x16", "with.bits": "4"}. Shapes and types near to those are
 * tried too: they may be refused, not mishandled. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EDGE 64
#define BOXES 200
#define SHAPES 4000
#define MOST_BYTES (1u << 22)

typedef struct setup {
    ggx_packed inputs[GGX_DECODER_INPUTS], out;
    ggx_option_value values[MANIFEST_WORDS];
    char names[MANIFEST_WORDS][80];
    ggx_options options;
    void *self;
    uint8_t *data[GGX_DECODER_INPUTS]; /* all of each input, random */
} setup;

static const ggx_type types[] = {{"f32", 1, 4}, {"f16", 1, 2}, {"bf16", 1, 2}, {"f8_e4m3", 1, 1}, {"f8_e8m0", 1, 1},
                                 {"i32", 1, 4}, {"u8", 1, 1},  {"i8", 1, 1},   {"i64", 1, 8}};

/* "i32 16x64" */
static int take_input(ggx_packed *to, const char *text)
{
    const char *shape = strchr(text, ' ');
    for (size_t i = 0; shape && i < sizeof types / sizeof *types; i++)
        if (strlen(types[i].name) == (size_t)(shape - text) && !strncmp(types[i].name, text, (size_t)(shape - text)))
            to->type = types[i];
    while (shape && *shape && to->rank < GGX_MAX_RANK) {
        char *end;
        to->shape[to->rank++] = strtoull(shape + 1, &end, 10);
        shape = end;
    }
    return to->type.name[0] && shape && !*shape;
}

static void take_option(setup *u, const ggx_decoder *d, const manifest_offer *o, const char *name, const char *text)
{
    char *full = u->names[u->options.count];
    snprintf(full, sizeof u->names[0], "%.32s.%.31s", o->name, name);
    for (uint32_t i = 0; i < d->option_count; i++)
        if (!strcmp(d->options[i].name, full))
            u->values[u->options.count++] = (ggx_option_value){sizeof *u->values,
                                                               d->options[i].type,
                                                               d->options[i].name,
                                                               strtoll(text, NULL, 0),
                                                               {text, strlen(text)}};
}

static int setup_open(setup *u, const decoder_subject *s)
{
    memset(u, 0, sizeof *u);
    u->options = (ggx_options){sizeof u->options, 0, u->values};
    u->self = calloc(1, s->vtable->instance_size + 1u);
    for (uint32_t i = 0; i < GGX_DECODER_INPUTS; i++) u->inputs[i].struct_size = sizeof u->inputs[i];
    for (uint32_t e = 0; e < s->offer->example_count; e++) {
        const char *name = s->offer->example[e].name, *value = s->offer->example[e].value;
        if (!strncmp(name, "with.", 5)) take_option(u, s->vtable, s->offer, name + 5, value);
        for (uint32_t i = 0; i < s->vtable->input_count; i++)
            if (!strcmp(s->vtable->inputs[i].name, name) && !take_input(&u->inputs[i], value)) return 0;
    }
    return u->self != NULL;
}

static void setup_close(setup *u)
{
    for (uint32_t i = 0; i < GGX_DECODER_INPUTS; i++) free(u->data[i]);
    free(u->self);
}

static uint64_t elements(const uint64_t *count, uint32_t rank)
{
    uint64_t n = 1;
    for (uint32_t a = 0; a < rank; a++) n *= count[a];
    return n;
}

/* 1: accepted, and the result is a tensor. */
static int opens(check *c, setup *u, const ggx_decoder *d)
{
    ggx_error error = {0};
    memset(u->self, 0, d->instance_size);
    u->out = (ggx_packed){.struct_size = sizeof u->out};
    ggx_status status = d->open(u->self, u->inputs, &u->options, &u->out, &error);
    const char *fault = status_fault(status, &error);
    if (*fault) check_fail(c, "open: %s", fault);
    if (status != GGX_OK) return 0;
    const ggx_type *type = &u->out.type;
    if (u->out.rank > GGX_MAX_RANK || !type->name[0] || type->name[15] || !type->block_elems || !type->block_bytes)
        check_fail(c, "open: the result has no sound rank or type");
    else if (u->out.rank && u->out.shape[u->out.rank - 1] % type->block_elems)
        check_fail(c, "open: the result's rows are not whole blocks");
    return !c->failed;
}

static int fill(setup *u, const ggx_decoder *d)
{
    uint64_t seed = 5;
    for (uint32_t i = 0; i < d->input_count; i++) {
        const ggx_packed *p = &u->inputs[i];
        if (!p->type.name[0]) continue;
        const uint64_t bytes = elements(p->shape, p->rank) * p->type.block_bytes;
        u->data[i] = bytes <= MOST_BYTES ? malloc((size_t)bytes + 1) : NULL;
        if (!u->data[i]) return 0;
        random_fill(&seed, u->data[i], bytes);
    }
    return 1;
}

/* The box of one input, packed, in guarded memory. */
static int cut(const setup *u, uint32_t i, const ggx_box *box, guarded *out)
{
    const ggx_packed *p = &u->inputs[i];
    const uint64_t size = p->type.block_bytes, n = elements(box->count, p->rank);
    uint8_t *packed = malloc((size_t)(n * size) + 1);
    uint64_t index[GGX_MAX_RANK] = {0};
    for (uint64_t k = 0; packed && k < n; k++) {
        uint64_t at = 0;
        for (uint32_t a = 0; a < p->rank; a++) at = at * p->shape[a] + box->start[a] + index[a];
        memcpy(packed + k * size, u->data[i] + at * size, (size_t)size);
        for (uint32_t a = p->rank; a-- > 0 && ++index[a] == box->count[a];) index[a] = 0;
    }
    int made = packed && guarded_make(out, packed, n * size);
    free(packed);
    return made;
}

/* Decodes one box from exactly what was asked for; the bytes lie behind EDGE. NULL: refused, or failed. */
static uint8_t *decode_box(check *c, const setup *u, const ggx_decoder *d, const ggx_box *box, ggx_status *status)
{
    ggx_box needs[GGX_DECODER_INPUTS];
    guarded inputs[GGX_DECODER_INPUTS];
    const void *data[GGX_DECODER_INPUTS] = {NULL};
    ggx_error error = {0};
    const uint64_t bytes = elements(box->count, box->rank) / u->out.type.block_elems * u->out.type.block_bytes;
    memset(needs, 0, sizeof needs);
    for (uint32_t i = 0; i < d->input_count; i++) {
        needs[i].struct_size = sizeof *needs;
        needs[i].rank = u->inputs[i].rank;
    }
    d->need(u->self, box, needs);
    for (uint32_t i = 0; i < d->input_count && !c->failed; i++) {
        if (!u->data[i]) continue;
        for (uint32_t a = 0; a < u->inputs[i].rank; a++)
            if (!needs[i].count[a] || needs[i].start[a] + needs[i].count[a] > u->inputs[i].shape[a])
                check_fail(c, "need: asks for what input %s does not have", d->inputs[i].name);
        if (!c->failed && cut(u, i, &needs[i], &inputs[i])) data[i] = inputs[i].data;
    }
    uint8_t *out = c->failed ? NULL : malloc((size_t)bytes + 2 * EDGE);
    *status = GGX_E_NOMEM;
    if (out) {
        memset(out, 0xA5, (size_t)bytes + 2 * EDGE);
        *status = d->decode(u->self, box, needs, data, out + EDGE, bytes, &error);
        const char *fault = status_fault(*status, &error);
        if (*fault) check_fail(c, "decode: %s", fault);
        for (uint32_t e = 0; e < EDGE; e++)
            if (out[e] != 0xA5 || out[EDGE + bytes + e] != 0xA5) check_fail(c, "decode: wrote outside its output");
    }
    for (uint32_t i = 0; i < d->input_count; i++)
        if (data[i]) guarded_free(&inputs[i]);
    return out;
}

static void draw_box(const setup *u, uint64_t *seed, ggx_box *box)
{
    *box = (ggx_box){.struct_size = sizeof *box, .rank = u->out.rank};
    for (uint32_t a = 0; a < u->out.rank; a++) {
        const uint64_t step = a + 1 == u->out.rank ? u->out.type.block_elems : 1, n = u->out.shape[a] / step;
        if (!n) continue; /* not for a result with elements */
        const uint64_t from = random_u64(seed) % n, left = n - from;
        const uint64_t count = 1 + random_u64(seed) % (left ? left : 1);
        box->start[a] = from * step;
        box->count[a] = count * step;
    }
}

/* A box decoded alone has the bytes that it has in the whole. */
static void parts_are_the_whole(check *c, const void *context)
{
    const decoder_subject *s = context;
    setup u;
    ggx_status status;
    uint64_t seed = 6;
    if (setup_open(&u, s) && opens(c, &u, s->vtable) && fill(&u, s->vtable)) {
        ggx_box all = {.struct_size = sizeof all, .rank = u.out.rank}, box;
        memcpy(all.count, u.out.shape, sizeof all.count);
        uint8_t *whole = decode_box(c, &u, s->vtable, &all, &status);
        if (status != GGX_OK) check_fail(c, "decode: the example with random bytes was refused");
        const uint64_t block = u.out.type.block_elems, size = u.out.type.block_bytes;
        for (uint32_t b = 0; b < BOXES && !c->failed; b++) {
            draw_box(&u, &seed, &box);
            uint8_t *part = decode_box(c, &u, s->vtable, &box, &status);
            uint64_t index[GGX_MAX_RANK] = {0}, n = elements(box.count, box.rank) / block;
            for (uint64_t k = 0; part && status == GGX_OK && k < n; k++) {
                uint64_t at = 0;
                for (uint32_t a = 0; a < box.rank; a++)
                    at = at * u.out.shape[a] + box.start[a] + index[a] * (a + 1 == box.rank ? block : 1);
                if (memcmp(part + EDGE + k * size, whole + EDGE + at / block * size, (size_t)size))
                    check_fail(c, "decode: a box has other bytes alone than in the whole");
                for (uint32_t a = box.rank; a-- > 0;) {
                    if (++index[a] < box.count[a] / (a + 1 == box.rank ? block : 1)) break;
                    index[a] = 0;
                }
            }
            free(part);
        }
        free(whole);
        check_note(c, "%d boxes", BOXES);
    } else if (!c->failed) {
        check_fail(c, "open: the manifest's example was refused");
    }
    setup_close(&u);
}

/* Inputs that hardly fit together: refused, or decoded from nothing but what was asked for. */
static void odd_inputs_do_no_harm(check *c, const void *context)
{
    static const uint64_t lengths[] = {0, 1, 2, 3, 4, 5, 8, 16, 17, 32, 64, UINT64_MAX / 32, UINT64_MAX};
    const decoder_subject *s = context;
    uint64_t seed = 7;
    uint32_t taken = 0;
    for (uint32_t k = 0; k < SHAPES && !c->failed && !check_late(c); k++) {
        setup u;
        int sound = setup_open(&u, s) && s->vtable->input_count;
        for (uint64_t change = random_u64(&seed) % 3; sound && change < 3; change++) {
            ggx_packed *p = &u.inputs[random_u64(&seed) % s->vtable->input_count];
            const uint64_t what = random_u64(&seed) % 4;
            if (what == 0) p->type = types[random_u64(&seed) % (sizeof types / sizeof *types)];
            if (what == 1) p->rank = (uint32_t)(random_u64(&seed) % 4);
            if (what > 1)
                p->shape[random_u64(&seed) % 3] = lengths[random_u64(&seed) % (sizeof lengths / sizeof *lengths)];
        }
        uint64_t small = 1;
        for (uint32_t i = 0; i < s->vtable->input_count; i++)
            for (uint32_t a = 0; a < u.inputs[i].rank; a++) small = small && u.inputs[i].shape[a] <= 200;
        ggx_status status = GGX_OK;
        if (sound && opens(c, &u, s->vtable) && small && elements(u.out.shape, u.out.rank) && fill(&u, s->vtable)) {
            ggx_box box;
            draw_box(&u, &seed, &box);
            free(decode_box(c, &u, s->vtable, &box, &status));
            taken++;
        }
        setup_close(&u);
    }
    check_note(c, "%u of %u were taken", taken, SHAPES);
}

void check_decoder(report *r, const decoder_subject *s)
{
    char scope[64];
    snprintf(scope, sizeof scope, "decoder %.32s", s->offer->name);
    if (!s->offer->example_count) {
        report_note(r, scope, "its manifest has no \"example\" of inputs: it was not driven");
        return;
    }
    report_check(r, scope, "parts are the whole", parts_are_the_whole, s);
    report_check(r, scope, "odd inputs do no harm", odd_inputs_do_no_harm, s);
}
