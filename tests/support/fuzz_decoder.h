/* tests/support/fuzz_decoder.h - drives a decoder with inputs, options and a box that the fuzzer chose.
 *
 * Bytes: for each input its type (index below; past the end: not there), its rank modulo 5, and so many lengths; for each option a signed
 * byte; then for each axis of the result a start and a count; what is left fills the inputs, over and over. Each input lies in memory of
 * exactly the size that was asked for. Broken promises of decode.h abort. */
#ifndef GGX_FUZZ_DECODER_H
#define GGX_FUZZ_DECODER_H

#include <ggx/draft/decode.h>
#include <stdlib.h>
#include <string.h>

extern const ggx_plugin ggx_plugin_1;
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MOST_BYTES (1u << 20)

typedef struct fuzz_bytes {
    const uint8_t *at, *end;
} fuzz_bytes;

static uint8_t fuzz_next(fuzz_bytes *b)
{
    return b->at < b->end ? *b->at++ : 0;
}

static uint64_t fuzz_elems(const uint64_t *count, uint32_t rank)
{
    uint64_t n = 1;
    for (uint32_t a = 0; a < rank; a++) n *= count[a]; /* at most four bytes' worth */
    return n;
}

static void fuzz_inputs(fuzz_bytes *b, const ggx_decoder *d, ggx_packed *inputs)
{
    static const ggx_type types[] = {{"f32", 1, 4},     {"f16", 1, 2},     {"bf16", 1, 2}, {"f8_e4m3", 1, 1},
                                     {"f8_e5m2", 1, 1}, {"f8_e8m0", 1, 1}, {"i32", 1, 4},  {"u8", 1, 1},
                                     {"i8", 1, 1},      {"i64", 1, 8}};
    for (uint32_t i = 0; i < d->input_count; i++) {
        const uint8_t type = fuzz_next(b);
        const int needed = !(d->inputs[i].flags & GGX_INPUT_OPTIONAL);
        inputs[i] = (ggx_packed){.struct_size = sizeof *inputs};
        if (type >= sizeof types / sizeof *types && !needed) continue;
        inputs[i].type = types[type % (sizeof types / sizeof *types)];
        inputs[i].rank = fuzz_next(b) % 5;
        for (uint32_t a = 0; a < inputs[i].rank; a++) inputs[i].shape[a] = fuzz_next(b);
    }
}

static uint32_t fuzz_options(fuzz_bytes *b, const ggx_decoder *d, ggx_option_value *values)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < d->option_count && i < 16; i++) {
        const int8_t v = (int8_t)fuzz_next(b);
        const ggx_str text = v & 1 ? (ggx_str){"gptq_v2", 7} : (ggx_str){"gemm", 4};
        if (v) values[n++] = (ggx_option_value){sizeof *values, d->options[i].type, d->options[i].name, v, text};
    }
    return n;
}

static void fuzz_box(const ggx_decoder *d, void *self, fuzz_bytes b, const ggx_packed *inputs, const ggx_packed *out,
                     const ggx_box *box)
{
    ggx_box needs[GGX_DECODER_INPUTS];
    void *data[GGX_DECODER_INPUTS] = {NULL};
    const uint64_t bytes = fuzz_elems(box->count, box->rank) / out->type.block_elems * out->type.block_bytes;
    int small = bytes <= MOST_BYTES;
    memset(needs, 0, sizeof needs);
    for (uint32_t i = 0; i < d->input_count; i++)
        needs[i] = (ggx_box){.struct_size = sizeof *needs, .rank = inputs[i].rank};
    d->need(self, box, needs);
    for (uint32_t i = 0; i < d->input_count && small; i++) {
        if (!inputs[i].type.name[0]) continue;
        for (uint32_t a = 0; a < inputs[i].rank; a++)
            if (!needs[i].count[a] || needs[i].start[a] + needs[i].count[a] > inputs[i].shape[a]) abort();
        const uint64_t size = fuzz_elems(needs[i].count, inputs[i].rank) * inputs[i].type.block_bytes;
        small = size <= MOST_BYTES;
        data[i] = small ? malloc((size_t)size) : NULL;
        for (uint64_t k = 0, left = (uint64_t)(b.end - b.at); data[i] && k < size; k++)
            ((uint8_t *)data[i])[k] = left ? b.at[k % left] : 0;
    }
    uint8_t *to = small ? malloc((size_t)bytes) : NULL;
    ggx_error error = {0};
    if (to && d->decode(self, box, needs, (const void *const *)data, to, bytes, &error) > 0) abort();
    free(to);
    for (uint32_t i = 0; i < GGX_DECODER_INPUTS; i++) free(data[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const ggx_decoder *d = ggx_plugin_1.provides[0].vtable;
    fuzz_bytes b = {data, data + size};
    ggx_packed inputs[GGX_DECODER_INPUTS], out = {.struct_size = sizeof out};
    ggx_option_value values[16];
    ggx_error error = {0};
    fuzz_inputs(&b, d, inputs);
    const ggx_options options = {sizeof options, fuzz_options(&b, d, values), values};
    void *self = calloc(1, d->instance_size + 1u);
    if (self && d->open(self, inputs, &options, &out, &error) == GGX_OK && fuzz_elems(out.shape, out.rank)) {
        ggx_box box = {.struct_size = sizeof box, .rank = out.rank};
        for (uint32_t a = 0; a < out.rank; a++) {
            const uint64_t step = a + 1 == out.rank ? out.type.block_elems : 1, n = out.shape[a] / step;
            const uint64_t from = fuzz_next(&b) % n, count = 1 + fuzz_next(&b) % (n - from);
            box.start[a] = from * step;
            box.count[a] = count * step;
        }
        fuzz_box(d, self, b, inputs, &out, &box);
    }
    free(self);
    return 0;
}

#endif
