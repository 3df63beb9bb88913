/* fp8-block/plugin.c - decoder-fp8-block: weight x scale, the scale of one tensor, one channel, or one block of rows x columns.
 *
 * As the checkpoints of DeepSeek-V3 and others with "quant_method": "fp8" have it: weight f8_e4m3 [..., out, in] and weight_scale_inv f32
 * [..., ceil(out / rows), ceil(in / columns)], multiplied in f32. Without a block size a scale has as many axes as the weight or
 * fewer, each of the weight's length or 1, and missing ones at the end. */
#include "../common/decoder.h"

typedef struct instance {
    uint32_t weight, scale, rank, scale_rank;
    uint64_t block[GGX_MAX_RANK]; /* elements of the weight for one of the scale's; 0: one for all of the axis */
} instance;

static ggx_status open_decoder(void *self, const ggx_packed *in, const ggx_options *options, ggx_packed *out,
                               ggx_error *error) GGX_NOEXCEPT
{
    instance *x = self;
    const int64_t rows = ggx_option_number(options, "fp8-block.rows", 0),
                  cols = ggx_option_number(options, "fp8-block.columns", 0);
    x->weight = ggx_elem_of(&in[0]);
    x->scale = ggx_elem_of(&in[1]);
    if (!x->weight) return ggx_packed_refuse("weight", &in[0], "f8_e4m3, i8 or another float", error);
    if (!x->scale) return ggx_packed_refuse("scale", &in[1], "floats", error);
    if (rows < 0 || cols < 0 || !rows != !cols)
        return ggx_fail(error, GGX_E_MALFORMED, "a block of %lld x %lld elements; both are 1 or more, or left out",
                        (long long)rows, (long long)cols);
    if (in[1].rank > in[0].rank || (rows && in[1].rank < 2))
        return ggx_packed_refuse(
            "scale", &in[1],
            rows ? "as many axes as the weight has, and two at least" : "no more axes than the weight has", error);
    x->rank = in[0].rank;
    x->scale_rank = in[1].rank;
    for (uint32_t a = 0; a < in[1].rank; a++) {
        const uint64_t have = in[1].shape[a], need = in[0].shape[a];
        const uint32_t behind = in[1].rank - 1 - a;
        const uint64_t block = !rows || behind > 1 ? 1 : (uint64_t)(behind ? rows : cols);
        x->block[a] = have == 1 && block == 1 && need != 1 ? 0 : block;
        if (x->block[a] && have < need / block + (need % block != 0))
            return ggx_packed_refuse("scale", &in[1], "a scale for each block of the weight", error);
    }
    ggx_packed_make_type(out, "f32", 1, 4);
    out->rank = in[0].rank;
    memcpy(out->shape, in[0].shape, sizeof out->shape);
    return GGX_OK;
}

static void need(const void *self, const ggx_box *box, ggx_box *in) GGX_NOEXCEPT
{
    const instance *x = self;
    memcpy(in[0].start, box->start, sizeof box->start);
    memcpy(in[0].count, box->count, sizeof box->count);
    for (uint32_t a = 0; a < x->scale_rank; a++)
        if (x->block[a])
            ggx_box_axis_set(&in[1], a, box->start[a] / x->block[a],
                             (box->start[a] + box->count[a] - 1) / x->block[a] + 1);
        else
            ggx_box_axis_set(&in[1], a, 0, 1);
}

/* Where in the scale's box the index lies along an axis. */
static uint64_t place(const instance *x, const ggx_box *scale, uint32_t axis, uint64_t index)
{
    return axis < x->scale_rank && x->block[axis] ? index / x->block[axis] - scale->start[axis] : 0;
}

static ggx_status decode(const void *self, const ggx_box *box, const ggx_box *in, const void *const *data, void *out,
                         uint64_t bytes, ggx_error *error) GGX_NOEXCEPT
{
    const instance *x = self;
    float *to = out;
    uint64_t index[GGX_MAX_RANK] = {0};
    const uint32_t last = x->rank ? x->rank - 1 : 0;
    const uint64_t cols = x->rank ? box->count[last] : 1, rows = bytes / sizeof *to / cols;
    (void)error;
    for (uint64_t r = 0; r < rows; r++) {
        uint64_t base = 0;
        for (uint32_t a = 0; a < last; a++)
            base = base * (a < x->scale_rank ? in[1].count[a] : 1) + place(x, &in[1], a, box->start[a] + index[a]);
        if (last < x->scale_rank) base *= in[1].count[last];
        for (uint64_t c = 0; c < cols; c++, to++) {
            const uint64_t s = base + (x->rank ? place(x, &in[1], last, box->start[last] + c) : 0);
            *to = ggx_elem_get(x->weight, data[0], r * cols + c) * ggx_elem_get(x->scale, data[1], s);
        }
        for (uint32_t a = last; a-- > 0 && ++index[a] == box->count[a];) index[a] = 0;
    }
    return GGX_OK;
}

static const ggx_decoder_input inputs[] = {GGX_INPUT("weight", 0), GGX_INPUT("scale", 0)};
static const ggx_option options[] = {
    GGX_OPTION_OF(GGX_OPTION_INT, "fp8-block.rows",
                  "rows of the weight that share a scale; left out: see the scale's shape"),
    GGX_OPTION_OF(GGX_OPTION_INT, "fp8-block.columns", "columns of the weight that share a scale")};
static const ggx_decoder decoder = {sizeof decoder, sizeof(instance), 2,    2,     inputs,
                                    options,        open_decoder,     need, decode};
static const ggx_provide provides[] = {{GGX_DECODER_ID, &decoder}};

GGX_PLUGIN("decoder-fp8-block", "0.1.0", "MIT", provides);
