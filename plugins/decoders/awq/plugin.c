/* awq/plugin.c - decoder-awq: weights of 4 bits in groups, as AutoAWQ's GEMM kernels store them.
 *
 *   qweight i32 [in, out / 8]       eight neighbouring outputs in a word
 *   qzeros  i32 [groups, out / 8]   packed alike
 *   scales      [groups, out]       f16 (or bf16)
 *
 * Nibble n of a word is output 0 2 4 6 1 3 5 7 [n]: the order in which the kernels want them. weight[o, i] =
 * (q[i, o] - zero[g, o]) * scales[g, o], g = i / (in / groups), rounded to the scales' type, as the framework's own unpacking does. */
#include "../common/decoder.h"

#define PER_WORD 8u

typedef struct instance {
    uint32_t scale, reserved;
    uint64_t group_size;
} instance;

static ggx_status open_decoder(void *self, const ggx_packed *in, const ggx_options *options, ggx_packed *out,
                               ggx_error *error) GGX_NOEXCEPT
{
    instance *x = self;
    const int64_t bits = ggx_option_number(options, "awq.bits", 4);
    const ggx_option_value *version = ggx_option_find(options, "awq.version");
    if (bits != 4) return ggx_fail(error, GGX_E_UNSUPPORTED, "AWQ with %lld bits; 4 are unpacked", (long long)bits);
    if (version && !(version->text.size == 4 && !memcmp(version->text.data, "gemm", 4)))
        return ggx_fail(error, GGX_E_UNSUPPORTED, "AWQ's version '%.*s'; gemm is unpacked",
                        GGX_STR_ARGS(version->text));
    x->scale = ggx_elem_of(&in[2]);
    if (!ggx_type_is(&in[0], "i32") || in[0].rank != 2 || in[0].shape[1] > UINT64_MAX / PER_WORD || !in[0].shape[0])
        return ggx_packed_refuse("qweight", &in[0], "i32 of two axes", error);
    const uint64_t inputs = in[0].shape[0], outputs = in[0].shape[1] * PER_WORD;
    if (!x->scale || in[2].rank != 2 || in[2].shape[1] != outputs || !in[2].shape[0] || inputs % in[2].shape[0])
        return ggx_packed_refuse("scales", &in[2], "floats, a column for each output, and rows that divide the inputs",
                                 error);
    if (!ggx_type_is(&in[1], "i32") || in[1].rank != 2 || in[1].shape[0] != in[2].shape[0] ||
        in[1].shape[1] != in[0].shape[1])
        return ggx_packed_refuse("qzeros", &in[1], "i32 with scales' rows and qweight's columns", error);
    x->group_size = inputs / in[2].shape[0];
    ggx_packed_make_type(out, "f32", 1, 4);
    out->rank = 2;
    out->shape[0] = outputs;
    out->shape[1] = inputs;
    return GGX_OK;
}

static void need(const void *self, const ggx_box *box, ggx_box *in) GGX_NOEXCEPT
{
    const instance *x = self;
    const uint64_t o = box->start[0], o_end = o + box->count[0], i = box->start[1], i_end = i + box->count[1];
    const uint64_t g = i / x->group_size, g_end = (i_end - 1) / x->group_size + 1;
    ggx_box_axis_set(&in[0], 0, i, i_end);
    ggx_box_axis_set(&in[0], 1, o / PER_WORD, (o_end - 1) / PER_WORD + 1);
    ggx_box_axis_set(&in[1], 0, g, g_end);
    ggx_box_axis_set(&in[1], 1, o / PER_WORD, (o_end - 1) / PER_WORD + 1);
    ggx_box_axis_set(&in[2], 0, g, g_end);
    ggx_box_axis_set(&in[2], 1, o, o_end);
}

static int32_t unpack(const void *words, uint64_t at, uint64_t output)
{
    static const uint8_t nibble[PER_WORD] = {0, 4, 1, 5, 2, 6, 3, 7}; /* of each output */
    return (int32_t)(ggx_u32_get((const uint8_t *)words + 4 * at) >> (4u * nibble[output % PER_WORD]) & 15u);
}

static ggx_status decode(const void *self, const ggx_box *box, const ggx_box *in, const void *const *data, void *out,
                         uint64_t bytes, ggx_error *error) GGX_NOEXCEPT
{
    const instance *x = self;
    float *to = out;
    (void)bytes, (void)error;
    for (uint64_t c = 0; c < box->count[1]; c++) {
        const uint64_t i = box->start[1] + c, row = i / x->group_size - in[1].start[0];
        for (uint64_t r = 0; r < box->count[0]; r++) {
            const uint64_t o = box->start[0] + r, word = o / PER_WORD - in[0].start[1];
            const int32_t q = unpack(data[0], c * in[0].count[1] + word, o);
            const int32_t z = unpack(data[1], row * in[1].count[1] + word, o);
            const float scale = ggx_elem_get(x->scale, data[2], row * in[2].count[1] + r);
            to[r * box->count[1] + c] = ggx_elem_round(x->scale, (float)(q - z) * scale);
        }
    }
    return GGX_OK;
}

static const ggx_decoder_input inputs[] = {GGX_INPUT("qweight", 0), GGX_INPUT("qzeros", 0), GGX_INPUT("scales", 0)};
static const ggx_option options[] = {GGX_OPTION_OF(GGX_OPTION_INT, "awq.bits", "bits of a weight: 4"),
                                     GGX_OPTION_OF(GGX_OPTION_STRING, "awq.version", "packing: gemm")};
static const ggx_decoder decoder = {sizeof decoder, sizeof(instance), 3,    2,     inputs,
                                    options,        open_decoder,     need, decode};
static const ggx_provide provides[] = {{GGX_DECODER_ID, &decoder}};

GGX_PLUGIN("decoder-awq", "0.1.0", "MIT", provides);
