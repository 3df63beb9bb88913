/* mxfp4/plugin.c - decoder-mxfp4: microscaling FP4 in two tensors, put together as ggml's mxfp4 blocks. Nothing is lost.
 *
 *   blocks u8 [..., groups, 16] or [..., 16 * groups]   32 codes, element 2k in the low nibble of byte k, 2k + 1 in the high one
 *   scales u8 or f8_e8m0 [..., groups]                  an E8M0 exponent each
 *
 * A block of mxfp4 has the exponent and 16 bytes, of which byte k has element k in its low and k + 16 in its high nibble. The codes mean
 * the same on both sides. gpt-oss has the first shape, compressed-tensors the second. */
#include "../common/decoder.h"

#define HALF 16u
#define ELEMS 32u

typedef struct instance {
    uint32_t rank, apart; /* axes of the result; apart: the groups are an axis of `blocks` */
} instance;

static ggx_status open_decoder(void *self, const ggx_packed *in, const ggx_options *options, ggx_packed *out,
                               ggx_error *error) GGX_NOEXCEPT
{
    instance *x = self;
    (void)options;
    x->rank = in[1].rank;
    x->apart = in[0].rank == in[1].rank + 1;
    if (!ggx_type_is(&in[1], "u8") && !ggx_type_is(&in[1], "f8_e8m0"))
        return ggx_packed_refuse("scales", &in[1], "u8 or f8_e8m0", error);
    if (!x->rank) return ggx_packed_refuse("scales", &in[1], "at least one axis", error);
    const uint64_t groups = in[1].shape[x->rank - 1];
    int same = (ggx_type_is(&in[0], "u8") || ggx_type_is(&in[0], "i8")) && (x->apart || in[0].rank == x->rank) &&
               groups <= UINT64_MAX / ELEMS;
    for (uint32_t a = 0; same && a + 1 < x->rank; a++) same = in[0].shape[a] == in[1].shape[a];
    if (same && x->apart) same = in[0].shape[x->rank - 1] == groups && in[0].shape[x->rank] == HALF;
    if (same && !x->apart) same = in[0].shape[x->rank - 1] == groups * HALF;
    if (!same) return ggx_packed_refuse("blocks", &in[0], "u8, 16 bytes for each of the scales", error);
    ggx_packed_make_type(out, "mxfp4", ELEMS, 1 + HALF);
    out->rank = x->rank;
    memcpy(out->shape, in[1].shape, x->rank * sizeof *out->shape);
    out->shape[x->rank - 1] = groups * ELEMS;
    return GGX_OK;
}

static void need(const void *self, const ggx_box *box, ggx_box *in) GGX_NOEXCEPT
{
    const instance *x = self;
    const uint32_t last = x->rank - 1;
    const uint64_t from = box->start[last] / ELEMS, to = from + box->count[last] / ELEMS;
    for (uint32_t a = 0; a < last; a++) {
        ggx_box_axis_set(&in[0], a, box->start[a], box->start[a] + box->count[a]);
        ggx_box_axis_set(&in[1], a, box->start[a], box->start[a] + box->count[a]);
    }
    ggx_box_axis_set(&in[1], last, from, to);
    if (x->apart) ggx_box_axis_set(&in[0], last + 1, 0, HALF);
    ggx_box_axis_set(&in[0], last, x->apart ? from : from * HALF, x->apart ? to : to * HALF);
}

static ggx_status decode(const void *self, const ggx_box *box, const ggx_box *in, const void *const *data, void *out,
                         uint64_t bytes, ggx_error *error) GGX_NOEXCEPT
{
    const uint8_t *codes = data[0], *scales = data[1];
    uint8_t *to = out;
    (void)self, (void)box, (void)in, (void)error;
    for (uint64_t b = 0; b < bytes / (1 + HALF); b++, codes += HALF) {
        *to++ = scales[b];
        for (uint32_t k = 0; k < HALF; k++) *to++ = (uint8_t)(ggx_nibble(codes, k) | ggx_nibble(codes, k + HALF) << 4);
    }
    return GGX_OK;
}

static const ggx_decoder_input inputs[] = {GGX_INPUT("blocks", 0), GGX_INPUT("scales", 0)};
static const ggx_decoder decoder = {sizeof decoder, sizeof(instance), 2, 0, inputs, NULL, open_decoder, need, decode};
static const ggx_provide provides[] = {{GGX_DECODER_ID, &decoder}};

GGX_PLUGIN("decoder-mxfp4", "0.1.0", "MIT", provides);
