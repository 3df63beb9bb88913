/* core/checkpoint/view_parts.h - what the view operations share among their files. */
#ifndef GGX_CORE_VIEW_PARTS_H
#define GGX_CORE_VIEW_PARTS_H

#include "checkpoint/view.h"

ggx_status ggx_view_no_memory(ggx_error *error);

/* "2×3×4", or "scalar". */
const char *ggx_shape_text(char *out, size_t size, const uint64_t *shape, uint32_t rank);

/* Brings one axis of a piece into the folded form (see view.c). The factors are the axis's own, not shared. */
void ggx_piece_fold(ggx_piece *piece, uint32_t axis);

/* 1 when the axis's factors have exactly its length. */
int ggx_piece_clean(const ggx_piece *piece, uint32_t axis);

#endif
