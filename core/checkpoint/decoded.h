/* core/checkpoint/decoded.h - tensors that a decoder plugin makes of packed ones, standing among a checkpoint's own.
 *
 * An overlay is a checkpoint laid over another: the same reader, source and key/values, the same tensors, of which some are hidden and
 * others replaced or added by decoded ones. Views, plans and tiles see no difference; only reading does (execute/decoded.h). */
#ifndef GGX_CORE_DECODED_H
#define GGX_CORE_DECODED_H

#include "checkpoint/view.h"
#include <ggx/draft/decode.h>

typedef struct ggx_decoded {
    const ggx_decoder *decoder;
    const char *name; /* the decoder's */
    void *self;
    uint64_t inputs[GGX_DECODER_INPUTS]; /* indices in the base checkpoint; UINT64_MAX: not there */
    ggx_view views[GGX_DECODER_INPUTS];  /* of those */
    uint64_t digest[2];                  /* of the decoder's name, its options and the inputs */
} ggx_decoded;

/* Lays an overlay with room for `room` more tensors over `base`, which must live longer. Lives in the arena; nothing to close. */
ggx_status ggx_overlay_make(ggx_arena *arena, const ggx_checkpoint *base, uint64_t room, ggx_checkpoint **out,
                            ggx_error *error);

/* Puts a decoded tensor into the overlay: in the place of the one of that name, else behind all. Its type and shape are checked. */
ggx_status ggx_overlay_put(ggx_checkpoint *overlay, const ggx_tensor *tensor, const ggx_decoded *decoded,
                           uint64_t *index, ggx_error *error);

/* The decoded tensor at that index, or NULL when it is the reader's own. */
static inline const ggx_decoded *ggx_decoded_at(const ggx_checkpoint *c, uint64_t tensor)
{
    return c->decoded && tensor != GGX_CONST_TENSOR ? c->decoded[tensor] : NULL;
}

/* The name that the tensor has in its file; of a decoded one the name that it was put in by. */
static inline ggx_str ggx_tensor_own_name(const ggx_checkpoint *c, uint64_t tensor)
{
    while (c->base && tensor < c->base->tensor_count) c = c->base;
    return c->tensors[tensor].name;
}

/* 1: packed into others, so no tensor of its own any more. */
static inline int ggx_tensor_hidden(const ggx_checkpoint *c, uint64_t tensor)
{
    return c->hidden && c->hidden[tensor];
}

#endif
