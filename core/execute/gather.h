/* core/execute/gather.h - reads a box of a view: the meeting point of views and bytes.
 *
 * The elements of a box lie scattered in the source. They are read in the source's own order into a stage (runs that lie close
 * together in one read), decoded there all at once, and only then moved to their places in the box: so a transpose reads each
 * source byte about once, and no decoding is done by the element. */
#ifndef GGX_CORE_GATHER_H
#define GGX_CORE_GATHER_H

#include "checkpoint/view.h"
#include "execute/permute.h"
#include <ggx/draft/quant.h>
#include <pthread.h>

/* One worker's means. `stage` holds elements as they are in the source, `decoded` the same elements as floats (used only when
 * they are not f32 already). */
typedef struct ggx_gather {
    const ggx_checkpoint *checkpoint;
    pthread_mutex_t *sequential; /* held while a SEQUENTIAL tensor is read */
    uint8_t *stage;
    uint64_t stage_elems; /* capacity of stage and decoded, in elements; at least 4 blocks */
    float *decoded;       /* NULL: only raw boxes will be asked for */
    uint8_t *packed;      /* GGX_DECODED_ROOM bytes for packed tensors; NULL: taken when needed */
} ggx_gather;

/* The box as the source's own elements, packed in C order. For types with block_elems > 1 the view must keep blocks whole
 * (ggx_gather_keeps_blocks) and the box must consist of whole blocks. Errors: what reading returned. */
ggx_status ggx_gather_raw(const ggx_gather *gather, const ggx_view *view, const ggx_box *box, void *out,
                          ggx_error *error);

/* The box as floats, packed in C order; `decode` is the source type's dequantizer, NULL for f32. */
ggx_status ggx_gather_f32(const ggx_gather *gather, const ggx_view *view, const ggx_box *box, const ggx_kernels *decode,
                          float *out, ggx_error *error);

/* 1 when every block of the source stays a block of the view's rows, so that raw boxes exist. True for all plain types. */
int ggx_gather_keeps_blocks(const ggx_view *view);

#endif
