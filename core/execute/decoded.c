/* Reading decoded tensors. The room of a worker holds the inputs' boxes, each aligned, and behind them a stage for gathering. */
#include "execute/decoded.h"

#include <ggx_sdk/checked.h>
#include <ggx_sdk/error.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN 64u
#define STAGE_BYTES (GGX_DECODED_ROOM / 4)
#define INPUT_BYTES (GGX_DECODED_ROOM - STAGE_BYTES)

typedef struct task {
    const ggx_gather *gather;
    const ggx_decoded *decoded;
    const ggx_tensor *tensor;
    uint8_t *room;
    ggx_error *error;
} task;

static ggx_status bad_need(const task *k, uint32_t input)
{
    return ggx_fail(k->error, GGX_E_PLUGIN, "decoder %s asked for a part of '%s' that is not there, for tensor '%.*s'",
                    k->decoded->name, k->decoded->decoder->inputs[input].name, GGX_STR_ARGS(k->tensor->name));
}

/* The inputs' boxes and their bytes in the room; *fits is 0 when they take more than there is. */
static ggx_status ask(const task *k, const ggx_box *box, ggx_box *needs, uint64_t *sizes, int *fits)
{
    const ggx_decoder *decoder = k->decoded->decoder;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < decoder->input_count; i++)
        needs[i] = (ggx_box){.struct_size = sizeof *needs, .rank = k->decoded->views[i].rank};
    decoder->need(k->decoded->self, box, needs);
    *fits = 1;
    for (uint32_t i = 0; i < decoder->input_count; i++) {
        const ggx_view *view = &k->decoded->views[i];
        uint64_t elems = 1;
        sizes[i] = 0;
        if (k->decoded->inputs[i] == UINT64_MAX) continue;
        if (needs[i].rank != view->rank) return bad_need(k, i);
        for (uint32_t a = 0; a < view->rank; a++)
            if (!needs[i].count[a] || needs[i].count[a] > view->shape[a] ||
                needs[i].start[a] > view->shape[a] - needs[i].count[a])
                return bad_need(k, i);
        if (!ggx_product_u64(needs[i].count, view->rank, &elems) || !ggx_type_bytes(&view->type, elems, &sizes[i]))
            return bad_need(k, i);
        sizes[i] = sizes[i] > INPUT_BYTES ? INPUT_BYTES + 1ull : (sizes[i] + ALIGN - 1) / ALIGN * ALIGN;
        sum += sizes[i];
    }
    *fits = sum <= INPUT_BYTES;
    return GGX_OK;
}

static ggx_status decode(const task *k, const ggx_box *box, const ggx_box *needs, const uint64_t *sizes, void *out,
                         uint64_t bytes)
{
    const ggx_decoded *d = k->decoded;
    const void *data[GGX_DECODER_INPUTS] = {NULL};
    ggx_status status = GGX_OK;
    uint8_t *at = k->room;
    for (uint32_t i = 0; i < d->decoder->input_count && status == GGX_OK; i++) {
        if (d->inputs[i] == UINT64_MAX) continue;
        const ggx_gather gather = {.checkpoint = k->gather->checkpoint->base,
                                   .sequential = k->gather->sequential,
                                   .stage = k->room + INPUT_BYTES,
                                   .stage_elems = STAGE_BYTES / d->views[i].type.block_bytes};
        status = ggx_gather_raw(&gather, &d->views[i], &needs[i], at, k->error);
        data[i] = at;
        at += sizes[i];
    }
    return status == GGX_OK ? d->decoder->decode(d->self, box, needs, data, out, bytes, k->error) : status;
}

/* The box, or its two halves along the outermost axis that has any: they lie one behind the other. */
static ggx_status read_box(const task *k, const ggx_box *box, uint8_t *out, uint64_t bytes)
{
    ggx_box needs[GGX_DECODER_INPUTS], half = *box;
    uint64_t sizes[GGX_DECODER_INPUTS] = {0};
    uint32_t a = 0;
    int fits;
    ggx_status status = ask(k, box, needs, sizes, &fits);
    if (status != GGX_OK || fits) return status == GGX_OK ? decode(k, box, needs, sizes, out, bytes) : status;
    const uint32_t last = box->rank ? box->rank - 1 : 0;
    while (a < box->rank && box->count[a] <= (a == last ? k->tensor->type.block_elems : 1)) a++;
    if (a >= box->rank)
        return ggx_fail(k->error, GGX_E_UNSUPPORTED,
                        "decoder %s needs more than %u bytes for one element of tensor '%.*s'", k->decoded->name,
                        INPUT_BYTES, GGX_STR_ARGS(k->tensor->name));
    const uint64_t step = a == last ? k->tensor->type.block_elems : 1;
    half.count[a] = box->count[a] / step / 2 * step;
    const uint64_t first = bytes / (box->count[a] / step) * (half.count[a] / step);
    status = read_box(k, &half, out, first);
    half.start[a] += half.count[a];
    half.count[a] = box->count[a] - half.count[a];
    return status == GGX_OK ? read_box(k, &half, out + first, bytes - first) : status;
}

ggx_status ggx_decoded_read(const ggx_gather *gather, uint64_t tensor, const ggx_box *box, void *out, uint64_t bytes,
                            ggx_error *error)
{
    const ggx_checkpoint *c = gather->checkpoint;
    void *own = NULL;
    if (!bytes) return GGX_OK;
    if (!gather->packed && posix_memalign(&own, ALIGN, GGX_DECODED_ROOM))
        return ggx_fail(error, GGX_E_NOMEM, "no memory to decode tensor '%.*s'", GGX_STR_ARGS(c->tensors[tensor].name));
    const task k = {gather, c->decoded[tensor], &c->tensors[tensor], gather->packed ? gather->packed : own, error};
    ggx_status status = read_box(&k, box, out, bytes);
    free(own);
    return status;
}
