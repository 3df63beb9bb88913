/* sdk/check/quant.c - a tensor type's contract: block sizes, pure kernels that write all of their output and nothing else, and rows
 * that do not know each other. */
#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EDGE 64
#define MAX_ROWS 3
#define FILLS 10

/* One quantization: aligned scratch, watched edges around everything. */
typedef struct bench {
    uint64_t rows, cols, out_bytes, scratch_bytes;
    float *in, *copy, *imatrix;
    uint8_t *out, *other; /* each with EDGE bytes around */
    uint8_t *scratch, *scratch_base;
} bench;

static const ggx_type *type_of(const quant_subject *s)
{
    return &s->quant->type;
}

static int bench_open(bench *b, const quant_subject *s, uint64_t rows, uint64_t cols)
{
    const ggx_type *type = type_of(s);
    memset(b, 0, sizeof *b);
    b->rows = rows;
    b->cols = cols;
    b->out_bytes = rows * (cols / type->block_elems) * type->block_bytes;
    b->scratch_bytes = s->quant->scratch ? s->quant->scratch(cols) : 0;
    if (b->scratch_bytes > 64u << 20) return 0;
    size_t n = (size_t)(rows * cols);
    b->in = malloc(n * sizeof *b->in);
    b->copy = malloc(n * sizeof *b->copy);
    b->imatrix = malloc((size_t)cols * sizeof *b->imatrix);
    b->out = malloc((size_t)b->out_bytes + 2 * EDGE);
    b->other = malloc((size_t)b->out_bytes + 2 * EDGE);
    b->scratch_base = malloc((size_t)b->scratch_bytes + 64 + 2 * EDGE);
    if (!b->in || !b->copy || !b->imatrix || !b->out || !b->other || !b->scratch_base) return 0;
    uintptr_t at = (uintptr_t)b->scratch_base + EDGE;
    b->scratch = b->scratch_base + EDGE + (63 - (at + 63) % 64);
    for (uint64_t i = 0; i < cols; i++) b->imatrix[i] = 1.0f + (float)(i % 7);
    return 1;
}

static void bench_close(bench *b)
{
    free(b->in);
    free(b->copy);
    free(b->imatrix);
    free(b->out);
    free(b->other);
    free(b->scratch_base);
}

static float normal(uint64_t *seed)
{
    double sum = -6;
    for (int i = 0; i < 12; i++) sum += (double)(random_u64(seed) >> 11) * 0x1p-53;
    return (float)sum;
}

static const char *fill(bench *b, uint32_t kind, uint64_t *seed)
{
    static const char *const names[FILLS] = {
        "normal", "zeros",      "one constant",       "large",      "denormal", "spiky",
        "NaN",    "infinities", "NaN and infinities", "random bits"};
    for (uint64_t i = 0; i < b->rows * b->cols; i++) {
        float v = normal(seed);
        uint32_t bits = (uint32_t)random_u64(seed), odd = bits % 5;
        switch (kind) {
        case 1: v = 0; break;
        case 2: v = -0.75f; break;
        case 3: v *= 3e37f; break;
        case 4: v *= 1e-41f; break;
        case 5: v *= bits % 32 ? 1e-3f : 1e4f; break;
        case 6: v = odd ? v : NAN; break;
        case 7: v = odd ? v : bits & 0x80000000u ? INFINITY : -INFINITY; break;
        case 8: v = odd == 0 ? NAN : odd == 1 ? INFINITY : v; break;
        case 9: memcpy(&v, &bits, sizeof v); break;
        default: break;
        }
        b->in[i] = v;
    }
    memcpy(b->copy, b->in, (size_t)(b->rows * b->cols) * sizeof *b->in);
    return names[kind];
}

static int edges_whole(const uint8_t *room, uint64_t size, uint8_t value)
{
    for (uint32_t i = 0; i < EDGE; i++)
        if (room[i] != value || room[EDGE + size + i] != value) return 0;
    return 1;
}

/* Quantizes into `room`, beforehand filled with `value`, with scratch full of the same behind its head. */
static void quantize(check *c, const quant_subject *s, bench *b, uint8_t *room, uint8_t value, const float *imatrix,
                     const char *what)
{
    memset(room, value, (size_t)b->out_bytes + 2 * EDGE);
    memset(b->scratch - EDGE, value, (size_t)b->scratch_bytes + 2 * EDGE);
    memset(b->scratch, 0, b->scratch_bytes < GGX_SCRATCH_HEAD ? (size_t)b->scratch_bytes : GGX_SCRATCH_HEAD);
    s->kernels->quantize(b->in, room + EDGE, b->rows, b->cols, imatrix, b->scratch_bytes ? b->scratch : NULL);
    if (!edges_whole(room, b->out_bytes, value)) check_fail(c, "%s: quantize wrote outside its output", what);
    if (!edges_whole(b->scratch - EDGE, b->scratch_bytes, value))
        check_fail(c, "%s: quantize wrote outside its scratch", what);
    if (memcmp(b->in, b->copy, (size_t)(b->rows * b->cols) * sizeof *b->in))
        check_fail(c, "%s: quantize changed its input", what);
}

static const float *weights_for(const quant_subject *s, const bench *b)
{
    return s->quant->imatrix == GGX_IMATRIX_NEEDS ? b->imatrix : NULL;
}

typedef void (*bench_body)(check *c, const quant_subject *s, bench *b, const char *what);

/* Runs a body over row lengths, row counts and fills. */
static void on_benches(check *c, const quant_subject *s, bench_body body)
{
    static const uint64_t blocks[] = {1, 2, 3, 8};
    uint64_t seed = 8, tried = 0;
    for (uint32_t i = 0; i < 4; i++)
        for (uint64_t rows = 1; rows <= MAX_ROWS; rows += 2)
            for (uint32_t kind = 0; kind < FILLS && !c->failed; kind++, tried++) {
                bench b;
                uint64_t unit = type_of(s)->block_elems;
                uint64_t cols = (unit == 1 ? 11 : 1) * unit * blocks[i];
                char what[96];
                if (bench_open(&b, s, rows, cols)) {
                    const char *name = fill(&b, kind, &seed);
                    snprintf(what, sizeof what, "%llu x %llu, %s", (unsigned long long)rows, (unsigned long long)cols,
                             name);
                    body(c, s, &b, what);
                } else {
                    check_fail(c, "%llu columns: no memory, or scratch beyond 64 MiB", (unsigned long long)cols);
                }
                bench_close(&b);
            }
    check_note(c, "%llu inputs", (unsigned long long)tried);
}

static void quantize_twice(check *c, const quant_subject *s, bench *b, const char *what)
{
    quantize(c, s, b, b->out, 0xA5, weights_for(s, b), what);
    quantize(c, s, b, b->other, 0x5A, weights_for(s, b), what);
    if (memcmp(b->out + EDGE, b->other + EDGE, (size_t)b->out_bytes))
        check_fail(c, "%s: the bytes depend on what lay in output or scratch before, or not all were written", what);
    if (!b->scratch_bytes || c->failed) return;
    s->kernels->quantize(b->in, b->other + EDGE, b->rows, b->cols, weights_for(s, b), b->scratch);
    if (memcmp(b->out + EDGE, b->other + EDGE, (size_t)b->out_bytes))
        check_fail(c, "%s: the bytes depend on what the last call left in scratch", what);
}

static void quantize_alone(check *c, const quant_subject *s, bench *b, const char *what)
{
    uint64_t row_bytes = b->out_bytes / b->rows;
    quantize(c, s, b, b->out, 0xA5, weights_for(s, b), what);
    for (uint64_t r = 0; r < b->rows; r++) {
        bench one = *b;
        one.rows = 1;
        one.in = b->in + r * b->cols;
        one.copy = b->copy + r * b->cols;
        one.out_bytes = row_bytes;
        quantize(c, s, &one, b->other, 0xA5, weights_for(s, b), what);
        if (memcmp(b->out + EDGE + r * row_bytes, b->other + EDGE, (size_t)row_bytes))
            check_fail(c, "%s: row %llu alone differs from the same row among others", what, (unsigned long long)r);
    }
}

static void quantize_blocks(check *c, const quant_subject *s, bench *b, const char *what)
{
    const ggx_type *type = type_of(s);
    if (s->quant->flags & GGX_QUANT_WHOLE_ROW || s->quant->imatrix == GGX_IMATRIX_NEEDS) return;
    quantize(c, s, b, b->out, 0xA5, NULL, what);
    for (uint64_t at = 0; at < b->cols && b->rows == 1; at += type->block_elems) {
        bench one = *b;
        one.cols = type->block_elems;
        one.in = b->in + at;
        one.copy = b->copy + at;
        one.out_bytes = type->block_bytes;
        one.scratch_bytes = s->quant->scratch ? s->quant->scratch(one.cols) : 0;
        quantize(c, s, &one, b->other, 0xA5, NULL, what);
        if (memcmp(b->out + EDGE + at / type->block_elems * type->block_bytes, b->other + EDGE, type->block_bytes))
            check_fail(c, "%s: a block depends on its row, and the flag WHOLE_ROW is not set", what);
    }
}

static void quantize_weighted(check *c, const quant_subject *s, bench *b, const char *what)
{
    quantize(c, s, b, b->out, 0xA5, b->imatrix, what);
    quantize(c, s, b, b->other, 0x5A, s->quant->imatrix == GGX_IMATRIX_NONE ? NULL : b->imatrix, what);
    if (memcmp(b->out + EDGE, b->other + EDGE, (size_t)b->out_bytes))
        check_fail(c, "%s: %s", what,
                   s->quant->imatrix == GGX_IMATRIX_NONE
                       ? "the importance matrix changes the bytes, and is declared ignored"
                       : "not the same bytes twice with an importance matrix");
}

/* Blocks of any bits, from an odd address, whole and block by block. */
static void dequantize_random(check *c, const quant_subject *s, bench *b, const char *what)
{
    const ggx_type *type = type_of(s);
    uint64_t seed = 9, elems = b->rows * b->cols;
    uint8_t *odd = b->out + EDGE + 1 - 2; /* one byte before an aligned place */
    float *whole = b->in, *part = b->copy;
    random_fill(&seed, odd, b->out_bytes);
    memcpy(b->other, odd, (size_t)b->out_bytes);
    memset(whole, 0xA5, (size_t)elems * sizeof *whole);
    memset(part, 0x5A, (size_t)elems * sizeof *part);
    s->kernels->dequantize(odd, whole, elems);
    for (uint64_t at = 0; at < elems; at += type->block_elems)
        s->kernels->dequantize(b->other + at / type->block_elems * type->block_bytes, part + at, type->block_elems);
    if (memcmp(whole, part, (size_t)elems * sizeof *whole))
        check_fail(c, "%s: blocks dequantized one by one differ from all at once, or not all elements were written",
                   what);
    if (memcmp(b->other, odd, (size_t)b->out_bytes)) check_fail(c, "%s: dequantize changed its input", what);
}

static void check_dequantize_edges(check *c, const quant_subject *s)
{
    const ggx_type *type = type_of(s);
    uint64_t elems = 3u * type->block_elems, bytes = elems * sizeof(float), seed = 10;
    uint8_t *room = malloc((size_t)bytes + 2 * EDGE), *in = malloc(3u * type->block_bytes);
    if (room && in) {
        random_fill(&seed, in, 3u * type->block_bytes);
        memset(room, 0xA5, (size_t)bytes + 2 * EDGE);
        s->kernels->dequantize(in, (float *)(void *)(room + EDGE), elems);
        if (!edges_whole(room, bytes, 0xA5)) check_fail(c, "dequantize wrote outside its output");
    }
    free(room);
    free(in);
}

/* There and back, a normal row must stay recognisable; what is not declared lossy must stay what it is to 8 bits. */
static void comes_back(check *c, const void *context)
{
    const quant_subject *s = context;
    bench b;
    uint64_t seed = 12;
    double error = 0, power = 0;
    if (bench_open(&b, s, 1, (uint64_t)type_of(s)->block_elems * 64)) {
        fill(&b, 0, &seed);
        quantize(c, s, &b, b.out, 0xA5, weights_for(s, &b), "normal");
        s->kernels->dequantize(b.out + EDGE, b.copy, b.cols);
        for (uint64_t i = 0; i < b.cols; i++) {
            double d = (double)b.in[i] - (double)b.copy[i];
            error += d * d;
            power += (double)b.in[i] * (double)b.in[i];
        }
        double relative = sqrt(error / power), most = s->quant->flags & GGX_QUANT_LOSSY ? 0.9 : 1.0 / 256;
        if (!(relative <= most))
            check_fail(c, "the relative error of a normal row is %g, at most %g was expected", relative, most);
        check_note(c, "relative error %.2g", relative);
    }
    bench_close(&b);
}

#define BENCH_CHECK(name, body)                     \
    static void name(check *c, const void *context) \
    {                                               \
        on_benches(c, context, body);               \
    }
BENCH_CHECK(repeats_itself, quantize_twice)
BENCH_CHECK(knows_no_other_row, quantize_alone)
BENCH_CHECK(knows_no_other_block, quantize_blocks)
BENCH_CHECK(obeys_its_weights, quantize_weighted)

/* Kernels of another plugin: the definition's bytes, and its floats. */
static void quantize_as_defined(check *c, const quant_subject *s, bench *b, const char *what)
{
    quant_subject defined = {s->quant, s->quant->kernels};
    const float *weights[] = {weights_for(s, b), b->imatrix};
    for (int i = 0; i < 2; i++) {
        quantize(c, &defined, b, b->out, 0xA5, weights[i], what);
        quantize(c, s, b, b->other, 0xA5, weights[i], what);
        if (memcmp(b->out + EDGE, b->other + EDGE, (size_t)b->out_bytes))
            check_fail(c, "%s%s: other bytes than the definition gives", what, i ? ", weighted" : "");
    }
}

static void dequantize_as_defined(check *c, const quant_subject *s, bench *b, const char *what)
{
    uint64_t seed = 13, elems = b->rows * b->cols;
    random_fill(&seed, b->out, b->out_bytes);
    s->quant->kernels->dequantize(b->out, b->in, elems);
    s->kernels->dequantize(b->out, b->copy, elems);
    if (memcmp(b->in, b->copy, (size_t)elems * sizeof *b->in))
        check_fail(c, "%s: other floats than the definition gives", what);
}

BENCH_CHECK(quantizes_as_defined, quantize_as_defined)
BENCH_CHECK(dequantizes_as_defined, dequantize_as_defined)

static void reads_any_bits(check *c, const void *context)
{
    on_benches(c, context, dequantize_random);
    check_dequantize_edges(c, context);
}

void check_quant(report *r, const quant_subject *s)
{
    char scope[80];
    snprintf(scope, sizeof scope, "type %.15s", s->kernels->type);
    if (s->kernels->quantize) {
        report_check(r, scope, "quantize: the same bytes twice, inside its output", repeats_itself, s);
        report_check(r, scope, "quantize: rows do not know each other", knows_no_other_row, s);
        report_check(r, scope, "quantize: blocks know their row only when declared", knows_no_other_block, s);
        report_check(r, scope, "quantize: the importance matrix does what is declared", obeys_its_weights, s);
    }
    if (s->kernels->dequantize)
        report_check(r, scope, "dequantize: any bits, any address, whole or in parts", reads_any_bits, s);
    if (s->kernels->quantize && s->kernels->dequantize)
        report_check(r, scope, "a normal row comes back", comes_back, s);
    if (s->kernels == s->quant->kernels) return;
    if (s->kernels->quantize && s->quant->kernels->quantize)
        report_check(r, scope, "quantize: the definition's bytes", quantizes_as_defined, s);
    if (s->kernels->dequantize && s->quant->kernels->dequantize)
        report_check(r, scope, "dequantize: the definition's floats", dequantizes_as_defined, s);
}
