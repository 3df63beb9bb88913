/* core/checkpoint/view.h - views: tensors renamed, reshaped, transposed, cut and joined without touching their data.
 *
 * A view is a list of pieces that tile its shape. A piece is a box of the view, a source tensor, and for each axis of the view the
 * way from an index to the source: the index within the piece plus `first`, written in the mixed radix of the axis's factors
 * (outermost first), each digit times its factor's stride. Reshape splits and joins factor lists, permute reorders axes, slice
 * moves `first`, concat lists pieces, repeat is a factor with stride 0. So any box of any composition can be read directly from the
 * source (execute/gather.h), and a transpose of a concat of slices costs no pass over the data.
 *
 * Operations work in place on a ggx_view whose pieces live in an arena; on error the view must not be used further. Errors are
 * GGX_E_USAGE with the shapes in the text: the recipe that asked is at fault. */
#ifndef GGX_CORE_VIEW_H
#define GGX_CORE_VIEW_H

#include "checkpoint/checkpoint.h"

#define GGX_MAX_FACTORS 8           /* for one axis */
#define GGX_MAX_PIECES 65536        /* for one view */
#define GGX_CONST_TENSOR UINT64_MAX /* piece.tensor: the elements are piece.values */

typedef struct ggx_factor {
    uint64_t size;
    int64_t stride; /* elements of the source; 0 repeats */
} ggx_factor;

typedef struct ggx_axis {
    uint64_t first;        /* added to the index within the piece */
    uint32_t factor_count; /* 0: the axis has length 1 */
    uint32_t reserved;
    ggx_factor *factors; /* outermost first */
} ggx_axis;

typedef struct ggx_piece {
    uint64_t tensor;              /* index in the checkpoint, or GGX_CONST_TENSOR */
    const float *values;          /* GGX_CONST_TENSOR: the elements that offset and strides address */
    uint64_t offset;              /* elements from the source tensor's element 0 */
    uint64_t start[GGX_MAX_RANK]; /* the piece's box in the view */
    uint64_t count[GGX_MAX_RANK];
    ggx_axis axis[GGX_MAX_RANK];
} ggx_piece;

typedef struct ggx_view {
    ggx_type type; /* of the source elements; all pieces agree */
    uint32_t rank;
    uint64_t shape[GGX_MAX_RANK];
    ggx_piece *pieces;
    uint32_t piece_count;
} ggx_view;

/* The whole tensor as it is. */
ggx_status ggx_view_tensor(ggx_arena *arena, const ggx_checkpoint *checkpoint, uint64_t tensor, ggx_view *out,
                           ggx_error *error);

/* A constant f32 tensor; `values` (C order) must live as long as the view. */
ggx_status ggx_view_const(ggx_arena *arena, const float *values, const uint64_t *shape, uint32_t rank, ggx_view *out,
                          ggx_error *error);

/* How many elements of the source lie from the piece's offset to the last one that it may address. Repeated ones count once. */
uint64_t ggx_piece_span(const ggx_piece *piece, uint32_t rank);

/* A copy that can be changed without changing the original. */
ggx_status ggx_view_copy(ggx_arena *arena, const ggx_view *view, ggx_view *out, ggx_error *error);

/* Axis i of the result is axis order[i] of the view. */
ggx_status ggx_view_permute(ggx_arena *arena, ggx_view *view, const uint32_t *order, ggx_error *error);

/* The same elements in C order under another shape of the same product. Fails when a factor or a piece would have to be cut at
 * a place that strides cannot express. */
ggx_status ggx_view_reshape(ggx_arena *arena, ggx_view *view, const uint64_t *shape, uint32_t rank, ggx_error *error);

/* Indices [start, stop) of one axis. */
ggx_status ggx_view_slice(ggx_arena *arena, ggx_view *view, uint32_t axis, uint64_t start, uint64_t stop,
                          ggx_error *error);

/* Removes all axes of length 1 (a view of one element becomes rank 0), or one of them. */
ggx_status ggx_view_squeeze(ggx_arena *arena, ggx_view *view, ggx_error *error);
ggx_status ggx_view_squeeze_axis(ggx_arena *arena, ggx_view *view, uint32_t axis, ggx_error *error);

/* Inserts an axis of length 1 before `axis` (0..rank). */
ggx_status ggx_view_unsqueeze(ggx_arena *arena, ggx_view *view, uint32_t axis, ggx_error *error);

/* `times` copies, one behind the other along the axis. */
ggx_status ggx_view_repeat(ggx_arena *arena, ggx_view *view, uint32_t axis, uint64_t times, ggx_error *error);

/* Joins views of equal type and of equal shape but for `axis`. */
ggx_status ggx_view_concat(ggx_arena *arena, const ggx_view *views, uint32_t count, uint32_t axis, ggx_view *out,
                           ggx_error *error);

/* Joins views of equal type and shape along a new axis. */
ggx_status ggx_view_stack(ggx_arena *arena, const ggx_view *views, uint32_t count, uint32_t axis, ggx_view *out,
                          ggx_error *error);

/* 1 when the view is one run of the source's elements in their own order (then `tensor` and `offset` say where): such a view
 * can be copied without decoding. */
int ggx_view_contiguous(const ggx_view *view, uint64_t *tensor, uint64_t *offset);

#endif
