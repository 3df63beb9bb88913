/* packed-int/plugin.c - decoder-packed-int: integers of 2 to 8 bits in groups, as compressed-tensors' "pack-quantized" has them.
 *
 *   weight  i32 [out, ceil(in / n)]     n = 32 / bits values in a word, the first in its lowest bits
 *   scale       [out, groups]           groups = in / group-size
 *   zeros   i32 [ceil(out / n), groups] packed the same way along the other axis; without it every zero point is 2^(bits - 1)
 *   shape   i64 [2]                     out, in; the recipe gives them as options
 *
 * weight[o, i] = (q[o, i] - zero[o, g]) * scale[o, g] in f32, g = i / group-size. */
#include "../common/decoder.h"

typedef struct instance {
    uint32_t bits, per_word, scale, zeros, shaped, reserved; /* zeros, shaped: these inputs are there */
    uint64_t group;
} instance;

static uint64_t words_for(const instance *x, uint64_t values)
{
    return values / x->per_word + (values % x->per_word != 0);
}

static ggx_status check_shapes(instance *x, const ggx_packed *in, int64_t rows, int64_t cols, int64_t group,
                               ggx_error *error)
{
    if (!ggx_type_is(&in[0], "i32") || in[0].rank != 2 || in[0].shape[1] > UINT64_MAX / 32)
        return ggx_packed_refuse("weight", &in[0], "i32 of two axes", error);
    const uint64_t out = rows > 0 ? (uint64_t)rows : in[0].shape[0];
    const uint64_t inner = cols > 0 ? (uint64_t)cols : in[0].shape[1] * x->per_word;
    if (out != in[0].shape[0] || words_for(x, inner) != in[0].shape[1])
        return ggx_packed_refuse("weight", &in[0], "the words that its shape asks for", error);
    if (!x->scale || in[1].rank != 2 || in[1].shape[0] != out || !in[1].shape[1])
        return ggx_packed_refuse("scale", &in[1], "floats, a row for each of the weight's", error);
    x->group = group > 0 ? (uint64_t)group : inner / in[1].shape[1];
    if (!x->group || inner % x->group || inner / x->group != in[1].shape[1])
        return ggx_packed_refuse("scale", &in[1], "a column for each group of inputs", error);
    x->zeros = in[2].type.name[0] != 0;
    if (x->zeros && (!ggx_type_is(&in[2], "i32") || in[2].rank != 2 || in[2].shape[0] != words_for(x, out) ||
                     in[2].shape[1] != in[1].shape[1]))
        return ggx_packed_refuse("zeros", &in[2], "i32, packed along the rows, a column for each of scale's", error);
    return GGX_OK;
}

static ggx_status open_decoder(void *self, const ggx_packed *in, const ggx_options *options, ggx_packed *out,
                               ggx_error *error) GGX_NOEXCEPT
{
    instance *x = self;
    const int64_t bits = ggx_option_number(options, "packed-int.bits", 4);
    const int64_t rows = ggx_option_number(options, "packed-int.rows", 0),
                  cols = ggx_option_number(options, "packed-int.columns", 0);
    if (bits < 2 || bits > 8)
        return ggx_fail(error, GGX_E_UNSUPPORTED, "integers of %lld bits; 2 to 8 are unpacked", (long long)bits);
    x->bits = (uint32_t)bits;
    x->per_word = 32 / x->bits;
    x->scale = ggx_elem_of(&in[1]);
    x->shaped = in[3].type.name[0] != 0;
    if (x->shaped && (in[3].rank != 1 || in[3].shape[0] != 2))
        return ggx_packed_refuse("shape", &in[3], "two numbers", error);
    ggx_status status = check_shapes(x, in, rows, cols, ggx_option_number(options, "packed-int.group-size", 0), error);
    ggx_packed_make_type(out, "f32", 1, 4);
    out->rank = 2;
    out->shape[0] = in[0].shape[0];
    out->shape[1] = cols > 0 ? (uint64_t)cols : in[0].shape[1] * x->per_word;
    return status;
}

static void need(const void *self, const ggx_box *box, ggx_box *in) GGX_NOEXCEPT
{
    const instance *x = self;
    const uint64_t o = box->start[0], o_end = o + box->count[0], i = box->start[1], i_end = i + box->count[1];
    ggx_box_axis_set(&in[0], 0, o, o_end);
    ggx_box_axis_set(&in[0], 1, i / x->per_word, (i_end - 1) / x->per_word + 1);
    ggx_box_axis_set(&in[1], 0, o, o_end);
    ggx_box_axis_set(&in[1], 1, i / x->group, (i_end - 1) / x->group + 1);
    if (x->shaped) ggx_box_axis_set(&in[3], 0, 0, 1); /* the recipe has read it; some part is always asked for */
    if (!x->zeros) return;
    ggx_box_axis_set(&in[2], 0, o / x->per_word, (o_end - 1) / x->per_word + 1);
    ggx_box_axis_set(&in[2], 1, i / x->group, (i_end - 1) / x->group + 1);
}

static ggx_status decode(const void *self, const ggx_box *box, const ggx_box *in, const void *const *data, void *out,
                         uint64_t bytes, ggx_error *error) GGX_NOEXCEPT
{
    const instance *x = self;
    float *to = out;
    (void)bytes;
    (void)error;
    for (uint64_t r = 0; r < box->count[0]; r++) {
        const uint64_t o = box->start[0] + r;
        for (uint64_t c = 0; c < box->count[1]; c++) {
            const uint64_t i = box->start[1] + c, g = i / x->group - in[1].start[1];
            int32_t zero = 1 << (x->bits - 1);
            if (x->zeros)
                zero = ggx_word_value(data[2], (o / x->per_word - in[2].start[0]) * in[2].count[1] + g, o, x->bits);
            const int32_t q =
                ggx_word_value(data[0], r * in[0].count[1] + i / x->per_word - in[0].start[1], i, x->bits);
            *to++ = (float)(q - zero) * ggx_elem_get(x->scale, data[1], r * in[1].count[1] + g);
        }
    }
    return GGX_OK;
}

static const ggx_decoder_input inputs[] = {GGX_INPUT("weight", 0), GGX_INPUT("scale", 0),
                                           GGX_INPUT("zeros", GGX_INPUT_OPTIONAL),
                                           GGX_INPUT("shape", GGX_INPUT_OPTIONAL)};
static const ggx_option options[] = {
    GGX_OPTION_OF(GGX_OPTION_INT, "packed-int.bits", "bits of a weight: 2 to 8, default 4"),
    GGX_OPTION_OF(GGX_OPTION_INT, "packed-int.group-size", "inputs of a group; left out: from the scale's shape"),
    GGX_OPTION_OF(GGX_OPTION_INT, "packed-int.rows", "rows of the weight"),
    GGX_OPTION_OF(GGX_OPTION_INT, "packed-int.columns", "columns of the weight, where the last word is not full")};
static const ggx_decoder decoder = {sizeof decoder, sizeof(instance), 4,    4,     inputs,
                                    options,        open_decoder,     need, decode};
static const ggx_provide provides[] = {{GGX_DECODER_ID, &decoder}};

GGX_PLUGIN("decoder-packed-int", "0.1.0", "MIT", provides);
