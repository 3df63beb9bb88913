/* gptq/plugin.c - decoder-gptq: weights of 2, 4 or 8 bits in groups, as AutoGPTQ and GPTQModel store them.
 *
 *   qweight i32 [in / n, out]       n = 32 / bits values in a word, the first in its lowest bits
 *   qzeros  i32 [groups, out / n]   packed the same way along the other axis; the first format stores one less than the zero point
 *   scales      [groups, out]
 *   g_idx   i32 [in]                the group of each input; without it, `group-size` inputs each
 *
 * weight[o, i] = scales[g, o] * (q[i, o] - zero[g, o]) in f32, g = g_idx[i]. */
#include "../common/decoder.h"

typedef struct instance {
    uint32_t bits, per_word, scale, ordered; /* ordered: there is a g_idx */
    uint32_t one_less, reserved;
    uint64_t groups, group_size;
} instance;

static ggx_status check_shapes(instance *x, const ggx_packed *in, int64_t group_size, ggx_error *error)
{
    if (!ggx_type_is(&in[0], "i32") || in[0].rank != 2)
        return ggx_packed_refuse("qweight", &in[0], "i32 of two axes", error);
    if (!x->scale || in[2].rank != 2 || in[2].shape[1] != in[0].shape[1] || !in[2].shape[0])
        return ggx_packed_refuse("scales", &in[2], "floats, a column for each of qweight's", error);
    const uint64_t inputs = in[0].shape[0] * x->per_word, outputs = in[0].shape[1];
    x->groups = in[2].shape[0];
    if (!ggx_type_is(&in[1], "i32") || in[1].rank != 2 || in[1].shape[0] != x->groups ||
        in[1].shape[1] != outputs / x->per_word || outputs % x->per_word)
        return ggx_packed_refuse("qzeros", &in[1], "i32, a row for each of scales', packed along the other axis",
                                 error);
    x->ordered = in[3].type.name[0] != 0;
    if (x->ordered && (!ggx_type_is(&in[3], "i32") || in[3].rank != 1 || in[3].shape[0] != inputs))
        return ggx_packed_refuse("g_idx", &in[3], "i32, one for each input", error);
    x->group_size = group_size > 0 ? (uint64_t)group_size : inputs ? (inputs + x->groups - 1) / x->groups : 1;
    if (!x->ordered && inputs && (inputs - 1) / x->group_size >= x->groups)
        return ggx_fail(error, GGX_E_MALFORMED, "%llu inputs in groups of %llu need more than %llu rows of scales",
                        (unsigned long long)inputs, (unsigned long long)x->group_size, (unsigned long long)x->groups);
    return GGX_OK;
}

static ggx_status open_decoder(void *self, const ggx_packed *in, const ggx_options *options, ggx_packed *out,
                               ggx_error *error) GGX_NOEXCEPT
{
    instance *x = self;
    const int64_t bits = ggx_option_number(options, "gptq.bits", 4);
    const ggx_option_value *format = ggx_option_find(options, "gptq.format");
    const ggx_str name = format ? format->text : (ggx_str){"gptq", 4};
    if (bits != 2 && bits != 4 && bits != 8)
        return ggx_fail(error, GGX_E_UNSUPPORTED, "GPTQ with %lld bits; 2, 4 and 8 are unpacked", (long long)bits);
    x->bits = (uint32_t)bits;
    x->per_word = 32 / x->bits;
    x->scale = ggx_elem_of(&in[2]);
    x->one_less = name.size == 4 && !memcmp(name.data, "gptq", 4);
    if (!x->one_less && !(name.size == 7 && !memcmp(name.data, "gptq_v2", 7)))
        return ggx_fail(error, GGX_E_UNSUPPORTED, "GPTQ's format '%.*s'; gptq and gptq_v2 are unpacked",
                        GGX_STR_ARGS(name));
    if (in[0].rank == 2 && in[0].shape[0] > UINT64_MAX / 32)
        return ggx_packed_refuse("qweight", &in[0], "fewer rows", error);
    ggx_status status = check_shapes(x, in, ggx_option_number(options, "gptq.group-size", 0), error);
    ggx_packed_make_type(out, "f32", 1, 4);
    out->rank = 2;
    out->shape[0] = in[0].shape[1];
    out->shape[1] = in[0].shape[0] * x->per_word;
    return status;
}

static void need(const void *self, const ggx_box *box, ggx_box *in) GGX_NOEXCEPT
{
    const instance *x = self;
    const uint64_t o = box->start[0], o_end = o + box->count[0], i = box->start[1], i_end = i + box->count[1];
    const uint64_t g = x->ordered ? 0 : i / x->group_size,
                   g_end = x->ordered ? x->groups : (i_end - 1) / x->group_size + 1;
    ggx_box_axis_set(&in[0], 0, i / x->per_word, (i_end - 1) / x->per_word + 1);
    ggx_box_axis_set(&in[0], 1, o, o_end);
    ggx_box_axis_set(&in[1], 0, g, g_end);
    ggx_box_axis_set(&in[1], 1, o / x->per_word, (o_end - 1) / x->per_word + 1);
    ggx_box_axis_set(&in[2], 0, g, g_end);
    ggx_box_axis_set(&in[2], 1, o, o_end);
    if (x->ordered) ggx_box_axis_set(&in[3], 0, i, i_end);
}

static ggx_status decode(const void *self, const ggx_box *box, const ggx_box *in, const void *const *data, void *out,
                         uint64_t bytes, ggx_error *error) GGX_NOEXCEPT
{
    const instance *x = self;
    float *to = out;
    (void)bytes;
    for (uint64_t c = 0; c < box->count[1]; c++) {
        const uint64_t i = box->start[1] + c;
        uint64_t g = i / x->group_size;
        if (x->ordered) {
            const uint32_t given = ggx_u32_get((const uint8_t *)data[3] + 4 * c);
            g = given;
            if (g >= x->groups)
                return ggx_fail(error, GGX_E_MALFORMED, "g_idx[%llu] is %lld, and there are %llu groups",
                                (unsigned long long)i, (long long)(int32_t)given, (unsigned long long)x->groups);
        }
        const uint64_t row = g - in[1].start[0];
        for (uint64_t r = 0; r < box->count[0]; r++) {
            const uint64_t o = box->start[0] + r;
            const int32_t q =
                ggx_word_value(data[0], (i / x->per_word - in[0].start[0]) * in[0].count[1] + r, i, x->bits);
            const int32_t z =
                ggx_word_value(data[1], row * in[1].count[1] + o / x->per_word - in[1].start[1], o, x->bits);
            const float scale = ggx_elem_get(x->scale, data[2], row * in[2].count[1] + r);
            to[r * box->count[1] + c] = scale * (float)(q - z - (int32_t)x->one_less);
        }
    }
    return GGX_OK;
}

static const ggx_decoder_input inputs[] = {GGX_INPUT("qweight", 0), GGX_INPUT("qzeros", 0), GGX_INPUT("scales", 0),
                                           GGX_INPUT("g_idx", GGX_INPUT_OPTIONAL)};
static const ggx_option options[] = {
    GGX_OPTION_OF(GGX_OPTION_INT, "gptq.bits", "bits of a weight: 2, 4 (default) or 8"),
    GGX_OPTION_OF(GGX_OPTION_INT, "gptq.group-size", "inputs of a group, where there is no g_idx"),
    GGX_OPTION_OF(GGX_OPTION_STRING, "gptq.format", "gptq (default: zero points stored less one) or gptq_v2")};
static const ggx_decoder decoder = {sizeof decoder, sizeof(instance), 4,    3,     inputs,
                                    options,        open_decoder,     need, decode};
static const ggx_provide provides[] = {{GGX_DECODER_ID, &decoder}};

GGX_PLUGIN("decoder-gptq", "0.1.0", "MIT", provides);
