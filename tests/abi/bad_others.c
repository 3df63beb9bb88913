/* tests/abi/bad_others.c - a writer and a tensor type with one fault, chosen by -DFAULT=…, for ggx-plugin-check to find. */
#include <ggx/draft/quant.h>
#include <ggx/writer.h>
#include <ggx_sdk/error.h>

enum {
    NOTHING,
    RANGES_MEET,
    RENDER_CHANGES,
    NAMES_TWICE,
    TOTAL_TOO_SMALL,
    OUT_OVERRUN,
    SCRATCH_READ,
    SCRATCH_KEPT,
    ROWS_KNOWN,
    WEIGHTS_LIE,
    DEAF
};

#define IS(fault) (FAULT == (fault))
#define TENSORS 64

typedef struct bad {
    uint64_t at[TENSORS], nbytes[TENSORS], total;
    uint32_t count, renders;
    char names[TENSORS][32];
} bad;

static ggx_status bad_open(void *self, const ggx_host *host, const ggx_options *options, ggx_error *error) GGX_NOEXCEPT
{
    (void)self, (void)options;
    return host->alloc(host, 1) ? GGX_OK : ggx_fail(error, GGX_E_NOMEM, "no memory for one byte");
}

static ggx_status bad_kv(void *self, const ggx_kv *kv, ggx_error *error) GGX_NOEXCEPT
{
    (void)self, (void)kv;
    return ggx_fail(error, GGX_E_UNSUPPORTED, "this format has no key/values");
}

static ggx_status bad_tensor(void *self, const ggx_out_tensor *t, ggx_error *error) GGX_NOEXCEPT
{
    bad *b = self;
    if (b->count == TENSORS || t->name.size >= sizeof b->names[0] || t->nbytes > 1u << 30)
        return ggx_fail(error, GGX_E_UNSUPPORTED, "too many tensors, too long a name, or too large a tensor");
    for (uint32_t i = 0; i < b->count && !IS(NAMES_TWICE); i++)
        if (strlen(b->names[i]) == t->name.size && !memcmp(b->names[i], t->name.data, (size_t)t->name.size))
            return ggx_fail(error, GGX_E_MALFORMED, "the name occurs twice");
    memcpy(b->names[b->count], t->name.data, (size_t)t->name.size);
    b->at[b->count] = 4 + b->total - (IS(RANGES_MEET) && b->count ? 1 : 0);
    b->nbytes[b->count++] = t->nbytes;
    b->total += t->nbytes;
    return GGX_OK;
}

static ggx_status bad_layout(void *self, ggx_layout *out, ggx_error *error) GGX_NOEXCEPT
{
    (void)error;
    out->output_count = 1;
    out->total_size = ((bad *)self)->total + (IS(TOTAL_TOO_SMALL) ? 0 : 4);
    return GGX_OK;
}

static ggx_status bad_place(void *self, uint64_t i, ggx_place *out, ggx_error *error) GGX_NOEXCEPT
{
    bad *b = self;
    if (i >= b->count) return ggx_fail(error, GGX_E_NOTFOUND, "there is no such tensor");
    out->output = 0;
    out->offset = b->at[i];
    out->nbytes = b->nbytes[i];
    return GGX_OK;
}

static ggx_status bad_render(void *self, const ggx_emit *emit, ggx_error *error) GGX_NOEXCEPT
{
    bad *b = self;
    uint32_t word = IS(RENDER_CHANGES) ? b->renders++ : 7;
    ggx_status status = emit->bytes(emit, 0, 0, &word, 4, error);
    return IS(DEAF) ? GGX_OK : status;
}

static const ggx_writer writer = {.struct_size = sizeof writer,
                                  .instance_size = sizeof(bad),
                                  .open = bad_open,
                                  .kv = bad_kv,
                                  .tensor = bad_tensor,
                                  .layout = bad_layout,
                                  .place = bad_place,
                                  .render = bad_render};

/* b8: blocks of 8 floats, kept as they are. */
static void bad_quantize(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix,
                         void *scratch) GGX_NOEXCEPT
{
    uint64_t n = rows * cols * 4;
    uint8_t *to = out;
    memcpy(to, in, (size_t)n);
    if (IS(OUT_OVERRUN)) to[n] = 1;
    if (IS(SCRATCH_READ)) to[0] ^= ((const uint8_t *)scratch)[GGX_SCRATCH_HEAD];
    if (IS(SCRATCH_KEPT)) to[0] ^= *(const uint8_t *)scratch;
    if (IS(ROWS_KNOWN) && rows > 1) to[n - 1] ^= 1;
    if (IS(WEIGHTS_LIE) && imatrix) to[0] ^= 1;
    *(uint8_t *)scratch = 1;
}

static void bad_dequantize(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    memcpy(out, in, (size_t)elems * 4);
}

static uint64_t bad_scratch(uint64_t cols) GGX_NOEXCEPT
{
    return cols ? 2 * GGX_SCRATCH_HEAD : 0;
}

static const ggx_kernels kernels = {
    .struct_size = sizeof kernels, .type = "b8", .quantize = bad_quantize, .dequantize = bad_dequantize};
static const ggx_quant quant = {.struct_size = sizeof quant,
                                .type = {"b8", 8, 32},
                                .type_code = GGX_NO_CODE,
                                .file_type = GGX_NO_CODE,
                                .legacy_file_type = GGX_NO_CODE,
                                .kernels = &kernels,
                                .scratch = bad_scratch};

static const ggx_provide provides[] = {{GGX_WRITER_ID, &writer}, {GGX_QUANT_ID, &quant}};
GGX_PLUGIN("writer-bad", "1.0.0", "MIT", provides);
