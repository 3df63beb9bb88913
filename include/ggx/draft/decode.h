/* ggx/draft/decode.h - packed weights: several tensors that are one, and how a box of that one is made of boxes of theirs.
 *
 * A decoder says what tensor its inputs make, which parts of them a box of it needs, and makes the box: as f32, or as blocks of a tensor
 * type where that loses nothing. The host reads the inputs, so a decoder sees bytes, never files; it asks for small boxes and gives
 * large tensors, so memory stays bounded whatever the model. Since 0.1 (draft: the id changes with the layout). */
#ifndef GGX_DRAFT_DECODE_H
#define GGX_DRAFT_DECODE_H

#include "../options.h"
#include "../plugin.h"
#include "../tensor.h"

GGX_EXTERN_C_BEGIN

#define GGX_DECODER_ID "ggx.decoder.draft/1"
#define GGX_DECODER_INPUTS 8u /* most inputs of one decoder */

#define GGX_INPUT_OPTIONAL 1u /* the decoder can do without */

/* One input by its name. Tables of these are constant. */
typedef struct ggx_decoder_input {
    uint32_t struct_size; /* bytes */
    uint32_t flags;       /* GGX_INPUT_* */
    const char *name;     /* NUL-terminated, [a-z0-9_]: what a recipe calls it */
} ggx_decoder_input;

/* An input as it lies in the checkpoint, or the tensor that a decoder makes. */
typedef struct ggx_packed {
    uint32_t struct_size;         /* bytes */
    uint32_t rank;                /* 0..GGX_MAX_RANK */
    ggx_type type;                /* name empty: this optional input is not there */
    uint64_t shape[GGX_MAX_RANK]; /* elements; slowest axis first; 0 from `rank` on */
} ggx_packed;

/* One way of packing. Constant. `inputs` have as many entries as the table in every call, in its order. */
typedef struct ggx_decoder {
    uint32_t struct_size;   /* bytes */
    uint32_t instance_size; /* bytes of `self`, at most 4096; zeroed by the host, nothing to close */
    uint32_t input_count;   /* 1..GGX_DECODER_INPUTS; the first one must be there */
    uint32_t option_count;
    const ggx_decoder_input *inputs;
    const ggx_option *options; /* BOOL, INT and STRING; a recipe gives them under "with" */

    /* [instance] Once, first. Checks types, shapes and options, and says what the inputs make: `out` comes with its struct_size and
     * zeros. Rows of a type with blocks are whole blocks. Errors: GGX_E_MALFORMED (inputs that do not fit together), GGX_E_UNSUPPORTED. */
    ggx_status (*open)(void *self, const ggx_packed *inputs, const ggx_options *options, ggx_packed *out,
                       ggx_error *error) GGX_NOEXCEPT;

    /* [any] The boxes of the inputs that `box` of the result needs, each within its input's shape and not empty; those of inputs that
     * are not there are left alone. `box` consists of whole blocks, its counts are 1 or more. Smaller boxes need no larger ones. */
    void (*need)(const void *self, const ggx_box *box, ggx_box *inputs) GGX_NOEXCEPT;

    /* [any] Makes the box, `bytes` long, C order. data[i]: box inputs[i] of input i, packed in C order, little-endian, aligned for any type;
     * NULL: not there. Any bit pattern may occur in it: the result is then deterministic, or GGX_E_MALFORMED. */
    ggx_status (*decode)(const void *self, const ggx_box *box, const ggx_box *inputs, const void *const *data,
                         void *out, uint64_t bytes, ggx_error *error) GGX_NOEXCEPT;
} ggx_decoder;

GGX_EXTERN_C_END
#endif
