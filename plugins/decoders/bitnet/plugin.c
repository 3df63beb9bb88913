/* bitnet/plugin.c - decoder-bitnet: ternary weights, four in a byte, as transformers packs BitNet's.
 *
 *   weight u8 [out / 4, ...]   bits 2k and 2k + 1 of row r are row r + k * out / 4 of the result: 0, 1, 2 (3 is not used) for -1, 0, 1
 *   scale  one float           the weight is divided by it */
#include "../common/decoder.h"

#define PER_BYTE 4u

typedef struct instance {
    uint32_t scale, rank, scale_rank, reserved;
    uint64_t rows; /* of the packed tensor */
} instance;

static ggx_status open_decoder(void *self, const ggx_packed *in, const ggx_options *options, ggx_packed *out,
                               ggx_error *error) GGX_NOEXCEPT
{
    instance *x = self;
    uint64_t scales = 1;
    (void)options;
    x->scale = ggx_elem_of(&in[1]);
    x->scale_rank = in[1].rank;
    x->rank = in[0].rank;
    for (uint32_t a = 0; a < in[1].rank; a++) scales = in[1].shape[a] == 1 ? scales : 0;
    if (!x->scale || !scales) return ggx_packed_refuse("scale", &in[1], "one float", error);
    if ((!ggx_type_is(&in[0], "u8") && !ggx_type_is(&in[0], "i8")) || !x->rank ||
        in[0].shape[0] > UINT64_MAX / PER_BYTE)
        return ggx_packed_refuse("weight", &in[0], "u8 of one axis or more", error);
    x->rows = in[0].shape[0];
    ggx_packed_make_type(out, "f32", 1, 4);
    out->rank = x->rank;
    memcpy(out->shape, in[0].shape, sizeof out->shape);
    out->shape[0] *= PER_BYTE;
    return GGX_OK;
}

/* A box that reaches over the end of a quarter needs rows from its end and its start: all that lie between are taken. */
static void need(const void *self, const ggx_box *box, ggx_box *in) GGX_NOEXCEPT
{
    const instance *x = self;
    const uint64_t first = box->start[0] % x->rows;
    const int across = box->count[0] > x->rows - first;
    memcpy(in[0].start, box->start, sizeof box->start);
    memcpy(in[0].count, box->count, sizeof box->count);
    ggx_box_axis_set(&in[0], 0, across ? 0 : first, across ? x->rows : first + box->count[0]);
    for (uint32_t a = 0; a < x->scale_rank; a++) ggx_box_axis_set(&in[1], a, 0, 1);
}

static ggx_status decode(const void *self, const ggx_box *box, const ggx_box *in, const void *const *data, void *out,
                         uint64_t bytes, ggx_error *error) GGX_NOEXCEPT
{
    const instance *x = self;
    const uint64_t width = bytes / sizeof(float) / box->count[0];
    const float scale = ggx_elem_get(x->scale, data[1], 0);
    float *to = out;
    (void)error;
    for (uint64_t r = 0; r < box->count[0]; r++) {
        const uint64_t row = box->start[0] + r;
        const uint8_t *from = (const uint8_t *)data[0] + (row % x->rows - in[0].start[0]) * width;
        const uint32_t shift = 2u * (uint32_t)(row / x->rows);
        for (uint64_t c = 0; c < width; c++) *to++ = ((float)(from[c] >> shift & 3) - 1) / scale;
    }
    return GGX_OK;
}

static const ggx_decoder_input inputs[] = {GGX_INPUT("weight", 0), GGX_INPUT("scale", 0)};
static const ggx_decoder decoder = {sizeof decoder, sizeof(instance), 2, 0, inputs, NULL, open_decoder, need, decode};
static const ggx_provide provides[] = {{GGX_DECODER_ID, &decoder}};

GGX_PLUGIN("decoder-bitnet", "0.1.0", "MIT", provides);
