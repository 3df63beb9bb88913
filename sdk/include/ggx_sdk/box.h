/* ggx_sdk/box.h - fills a box of a strided tensor from bytes that are best read forwards (an unpacked zip entry). Header-only.
 *
 * The box is walked in the order in which its elements lie in the bytes, not in the order of its axes, so that one box of a transposed or
 * Fortran-ordered tensor still reads forwards; runs that are whole in both are read straight to their place. */
#ifndef GGX_SDK_BOX_H
#define GGX_SDK_BOX_H

#include "error.h"
#include <ggx/tensor.h>

#define GGX_BOX_RUN 16384u

/* `size` bytes from `offset` on. */
typedef ggx_status (*ggx_box_read)(void *context, uint64_t offset, void *out, uint64_t size, ggx_error *error);

typedef struct ggx_box_source {
    ggx_box_read read;
    void *context;
    uint64_t offset;       /* bytes before the element with index 0 on every axis */
    const uint64_t *shape; /* `rank` of the box */
    const int64_t *stride; /* elements, >= 0; all 0: C order */
    uint32_t elem;         /* bytes of an element, at most 16 */
    uint32_t swap;         /* bytes of the unit whose order is turned, 0: none */
} ggx_box_source;

typedef struct ggx_box_axis {
    uint64_t count, from, to; /* steps in elements: in the bytes and in the box */
} ggx_box_axis;

static inline void ggx_box_swap(uint8_t *at, uint64_t size, uint32_t unit)
{
    for (; unit > 1 && size >= unit; at += unit, size -= unit) {
        for (uint32_t i = 0; i < unit / 2; i++) {
            uint8_t b = at[i];
            at[i] = at[unit - 1 - i];
            at[unit - 1 - i] = b;
        }
    }
}

/* 1 when this machine stores the high byte first: what ggx_box_source.swap is decided by. */
static inline int ggx_host_is_big(void)
{
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    return !first;
}

/* The axes with more than one element, sorted so that the widest step in the bytes is the outermost, and merged where two are one run in
 * bytes and box alike. Gives their number. */
static inline uint32_t ggx_box_axes(const ggx_box_source *s, const ggx_box *box, ggx_box_axis *axes, uint64_t *first)
{
    uint64_t dense[GGX_MAX_RANK], step = 1, to = 1;
    int c_order = 1;
    uint32_t n = 0, merged = 0;
    for (uint32_t i = box->rank; i-- > 0;) {
        dense[i] = step;
        step *= s->shape[i];
        if (s->stride[i]) c_order = 0;
    }
    *first = 0;
    for (uint32_t i = box->rank; i-- > 0;) {
        uint64_t from = c_order ? dense[i] : (uint64_t)s->stride[i];
        *first += box->start[i] * from;
        ggx_box_axis axis = {box->count[i], from, to};
        to *= box->count[i];
        if (axis.count < 2) continue;
        uint32_t at = n++;
        for (; at > 0 && axes[at - 1].from < axis.from; at--) axes[at] = axes[at - 1];
        axes[at] = axis;
    }
    for (uint32_t i = 0; i < n; i++) {
        ggx_box_axis *outer = merged ? &axes[merged - 1] : NULL;
        if (outer && outer->from == axes[i].from * axes[i].count && outer->to == axes[i].to * axes[i].count) {
            outer->count *= axes[i].count;
            outer->from = axes[i].from;
            outer->to = axes[i].to;
        } else {
            axes[merged++] = axes[i];
        }
    }
    return merged;
}

/* One run along the innermost axis. */
static inline ggx_status ggx_box_run(const ggx_box_source *s, const ggx_box_axis *axis, uint64_t from, uint8_t *out,
                                     ggx_error *error)
{
    uint8_t buffer[GGX_BOX_RUN];
    uint64_t at = s->offset + from * s->elem, whole = axis->from == 1 ? sizeof buffer / s->elem : 1;
    if (axis->from == 1 && axis->to == 1) {
        ggx_status status = s->read(s->context, at, out, axis->count * s->elem, error);
        ggx_box_swap(out, axis->count * s->elem, s->swap);
        return status;
    }
    for (uint64_t i = 0; i < axis->count;) {
        uint64_t n = axis->count - i < whole ? axis->count - i : whole;
        ggx_status status = s->read(s->context, at + i * axis->from * s->elem, buffer, n * s->elem, error);
        if (status != GGX_OK) return status;
        ggx_box_swap(buffer, n * s->elem, s->swap);
        for (uint64_t k = 0; k < n; k++) memcpy(out + (i + k) * axis->to * s->elem, buffer + k * s->elem, s->elem);
        i += n;
    }
    return GGX_OK;
}

/* Fills `out` with the box in C order. The box lies inside the shape, whose extent was checked against the bytes before. */
static inline ggx_status ggx_box_gather(const ggx_box_source *s, const ggx_box *box, void *out, ggx_error *error)
{
    ggx_box_axis axes[GGX_MAX_RANK + 1];
    uint64_t at[GGX_MAX_RANK + 1] = {0}, first = 0;
    for (uint32_t i = 0; i < box->rank; i++)
        if (!box->count[i]) return GGX_OK;
    uint32_t n = ggx_box_axes(s, box, axes, &first);
    const ggx_box_axis one = {1, 1, 1};
    if (!n || axes[n - 1].from > 1) axes[n++] = one;
    for (;;) {
        uint64_t from = first, to = 0;
        for (uint32_t i = 0; i + 1 < n; i++) {
            from += at[i] * axes[i].from;
            to += at[i] * axes[i].to;
        }
        ggx_status status = ggx_box_run(s, &axes[n - 1], from, (uint8_t *)out + to * s->elem, error);
        if (status != GGX_OK) return status;
        uint32_t i = n - 1;
        while (i > 0 && ++at[i - 1] == axes[i - 1].count) at[--i] = 0;
        if (!i) return GGX_OK;
    }
}

#endif
