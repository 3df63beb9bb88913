/* nvfp4/plugin.c - decoder-nvfp4: NVFP4 weights and block scales (ModelOpt, compressed-tensors), put together as ggml's nvfp4 blocks.
 *
 *   weight u8 [..., in / 2]           element 2k in the low nibble of byte k, 2k + 1 in the high one
 *   scale  f8_e4m3 [..., in / 16]     one for 16 elements, never negative
 *
 * A block of nvfp4 has 64 elements: four scales without their sign bits, then for each 16 elements 8 bytes, of which byte k has element
 * k in its low and k + 8 in its high nibble. The scale of the whole tensor (weight_scale_2) stays a tensor of its own. */
#include "../common/decoder.h"

#define RUN 16u
#define ELEMS 64u
#define BLOCK 36u

typedef struct instance {
    uint32_t rank, reserved;
} instance;

static ggx_status open_decoder(void *self, const ggx_packed *in, const ggx_options *options, ggx_packed *out,
                               ggx_error *error) GGX_NOEXCEPT
{
    instance *x = self;
    (void)options;
    x->rank = in[1].rank;
    const uint64_t runs = x->rank ? in[1].shape[x->rank - 1] : 0;
    if ((!ggx_type_is(&in[1], "f8_e4m3") && !ggx_type_is(&in[1], "u8")) || !x->rank || runs % (ELEMS / RUN) ||
        runs > UINT64_MAX / RUN)
        return ggx_packed_refuse("scale", &in[1], "f8_e4m3, rows of whole blocks of 4", error);
    int same = ggx_type_is(&in[0], "u8") && in[0].rank == x->rank && in[0].shape[x->rank - 1] == runs * RUN / 2;
    for (uint32_t a = 0; same && a + 1 < x->rank; a++) same = in[0].shape[a] == in[1].shape[a];
    if (!same) return ggx_packed_refuse("weight", &in[0], "u8, 8 bytes for each of the scales", error);
    ggx_packed_make_type(out, "nvfp4", ELEMS, BLOCK);
    out->rank = x->rank;
    memcpy(out->shape, in[1].shape, x->rank * sizeof *out->shape);
    out->shape[x->rank - 1] = runs * RUN;
    return GGX_OK;
}

static void need(const void *self, const ggx_box *box, ggx_box *in) GGX_NOEXCEPT
{
    const instance *x = self;
    const uint32_t last = x->rank - 1;
    for (uint32_t i = 0; i < 2; i++) {
        const uint64_t per = i ? RUN : 2;
        for (uint32_t a = 0; a < last; a++) ggx_box_axis_set(&in[i], a, box->start[a], box->start[a] + box->count[a]);
        ggx_box_axis_set(&in[i], last, box->start[last] / per, (box->start[last] + box->count[last]) / per);
    }
}

static ggx_status decode(const void *self, const ggx_box *box, const ggx_box *in, const void *const *data, void *out,
                         uint64_t bytes, ggx_error *error) GGX_NOEXCEPT
{
    const uint8_t *codes = data[0], *scales = data[1];
    uint8_t *to = out;
    (void)self, (void)box, (void)in, (void)error;
    for (uint64_t b = 0; b < bytes / BLOCK; b++) {
        for (uint32_t s = 0; s < ELEMS / RUN; s++) *to++ = *scales++ & 0x7f;
        for (uint32_t s = 0; s < ELEMS / RUN; s++, codes += RUN / 2)
            for (uint32_t k = 0; k < RUN / 2; k++)
                *to++ = (uint8_t)(ggx_nibble(codes, k) | ggx_nibble(codes, k + RUN / 2) << 4);
    }
    return GGX_OK;
}

static const ggx_decoder_input inputs[] = {GGX_INPUT("weight", 0), GGX_INPUT("scale", 0)};
static const ggx_decoder decoder = {sizeof decoder, sizeof(instance), 2, 0, inputs, NULL, open_decoder, need, decode};
static const ggx_provide provides[] = {{GGX_DECODER_ID, &decoder}};

GGX_PLUGIN("decoder-nvfp4", "0.1.0", "MIT", provides);
