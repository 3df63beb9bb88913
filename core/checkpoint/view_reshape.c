/* Reshape: axes are taken in groups of equal product; within a group the factor lists are joined and dealt out anew. */
#include "checkpoint/view_parts.h"

#include <ggx_sdk/checked.h>
#include <ggx_sdk/error.h>

/* A run of old axes and a run of new axes with the same product. */
typedef struct group {
    uint32_t old_begin, old_end, new_begin, new_end;
} group;

static uint64_t span(const uint64_t *shape, uint32_t begin, uint32_t end)
{
    uint64_t n = 1;
    for (uint32_t a = begin; a < end; a++) n *= shape[a];
    return n;
}

/* The piece's range [*first, *first + *count) of the group's flattened axes; 0 when it is no range. */
static int flatten_box(const ggx_piece *p, const uint64_t *shape, uint32_t begin, uint32_t end, uint64_t *first,
                       uint64_t *count)
{
    *first = 0;
    *count = 1;
    int partial = 0; /* a partial axis was met: all further ones must be whole */
    for (uint32_t a = begin; a < end; a++) {
        *first = *first * shape[a] + p->start[a];
        *count *= p->count[a];
        if (partial && p->count[a] != shape[a]) return 0;
        if (p->count[a] > 1) partial = 1;
    }
    return 1;
}

/* The box that the flat range is under the new axes; 0 when it is no box. */
static int unflatten_box(ggx_piece *p, const uint64_t *shape, uint32_t begin, uint32_t end, uint64_t first,
                         uint64_t count)
{
    for (uint32_t a = begin; a < end; a++) {
        uint64_t inner = span(shape, a + 1, end), digit = first / inner, last = (first + count - 1) / inner;
        p->start[a] = digit;
        p->count[a] = last - digit + 1;
        first -= digit * inner;
        if (p->count[a] > 1) { /* the inner axes must be whole */
            if (first || count % inner) return 0;
            for (uint32_t b = a + 1; b < end; b++) {
                p->start[b] = 0;
                p->count[b] = shape[b];
            }
            return 1;
        }
    }
    return 1;
}

/* Deals a list of factors (outermost first) out to the new axes begin..end of lengths p->count, innermost first. */
static int split_factors(ggx_arena *arena, ggx_piece *p, uint32_t begin, uint32_t end, ggx_factor *list, uint32_t count)
{
    for (uint32_t a = end; a-- > begin;) {
        ggx_factor taken[GGX_MAX_FACTORS];
        uint32_t n = 0;
        uint64_t want = p->count[a];
        while (want > 1) {
            if (!count || n == GGX_MAX_FACTORS) return 0;
            ggx_factor *f = &list[count - 1];
            if (want % f->size == 0) {
                taken[n++] = *f;
                want /= f->size;
                count--;
            } else if (f->size % want == 0) {
                taken[n++] = (ggx_factor){want, f->stride};
                *f = (ggx_factor){f->size / want, f->stride * (int64_t)want};
                want = 1;
            } else {
                return 0;
            }
        }
        ggx_factor *own = n ? ggx_arena_array(arena, n, sizeof *own) : NULL;
        if (n && !own) return 0;
        for (uint32_t i = 0; i < n; i++) own[i] = taken[n - 1 - i];
        p->axis[a] = (ggx_axis){0, n, 0, own};
        ggx_piece_fold(p, a);
    }
    return count == 0;
}

static int reshape_group(ggx_arena *arena, const ggx_piece *old, ggx_piece *out, const uint64_t *old_shape,
                         const uint64_t *shape, const group *g)
{
    uint64_t first, count;
    ggx_factor list[GGX_MAX_RANK * GGX_MAX_FACTORS];
    uint32_t n = 0;
    if (g->old_end - g->old_begin == 1 && g->new_end - g->new_begin == 1) { /* the axis itself, clean or not */
        out->start[g->new_begin] = old->start[g->old_begin];
        out->count[g->new_begin] = old->count[g->old_begin];
        out->axis[g->new_begin] = old->axis[g->old_begin];
        return 1;
    }
    if (!flatten_box(old, old_shape, g->old_begin, g->old_end, &first, &count)) return 0;
    if (!unflatten_box(out, shape, g->new_begin, g->new_end, first, count)) return 0;
    for (uint32_t a = g->old_begin; a < g->old_end; a++) {
        if (!ggx_piece_clean(old, a)) return 0;
        for (uint32_t i = 0; i < old->axis[a].factor_count; i++) {
            ggx_factor f = old->axis[a].factors[i];
            if (n && list[n - 1].stride == f.stride * (int64_t)f.size) { /* merged, it can be cut anywhere */
                list[n - 1].size *= f.size;
                list[n - 1].stride = f.stride;
            } else {
                list[n++] = f;
            }
        }
    }
    return split_factors(arena, out, g->new_begin, g->new_end, list, n);
}

static uint32_t group_axes(const uint64_t *old_shape, uint32_t old_rank, const uint64_t *shape, uint32_t rank,
                           group *groups)
{
    uint32_t n = 0, i = 0, j = 0;
    while (i < old_rank || j < rank) {
        group g = {i, i, j, j};
        uint64_t a = 1, b = 1;
        do { /* both runs grow until their products agree; ones at the ends join the last group */
            if (a <= b && i < old_rank)
                a *= old_shape[i++];
            else if (j < rank)
                b *= shape[j++];
            else
                a *= old_shape[i++];
        } while (a != b || (i < old_rank && old_shape[i] == 1 && j == rank) ||
                 (j < rank && shape[j] == 1 && i == old_rank));
        g.old_end = i;
        g.new_end = j;
        groups[n++] = g;
    }
    return n;
}

ggx_status ggx_view_reshape(ggx_arena *arena, ggx_view *view, const uint64_t *shape, uint32_t rank, ggx_error *error)
{
    char a_text[96], b_text[96];
    uint64_t have, want;
    group groups[2 * GGX_MAX_RANK];
    ggx_shape_text(a_text, sizeof a_text, view->shape, view->rank);
    if (rank > GGX_MAX_RANK) return ggx_fail(error, GGX_E_USAGE, "reshape: at most %d axes", GGX_MAX_RANK);
    ggx_shape_text(b_text, sizeof b_text, shape, rank);
    if (!ggx_product_u64(view->shape, view->rank, &have) || !ggx_product_u64(shape, rank, &want) || have != want)
        return ggx_fail(error, GGX_E_USAGE, "reshape: %s and %s do not have equally many elements", a_text, b_text);
    uint32_t n = have ? group_axes(view->shape, view->rank, shape, rank, groups) : 0;
    for (uint32_t i = 0; i < view->piece_count; i++) {
        const ggx_piece *old = &view->pieces[i];
        ggx_piece fresh = {.tensor = old->tensor, .values = old->values, .offset = old->offset};
        for (uint32_t g = 0; g < n; g++)
            if (!reshape_group(arena, old, &fresh, view->shape, shape, &groups[g]))
                return ggx_fail(
                    error, GGX_E_USAGE,
                    "reshape: %s cannot be read as %s without moving data; reshape before slicing or joining", a_text,
                    b_text);
        view->pieces[i] = fresh;
    }
    view->rank = rank;
    memset(view->shape, 0, sizeof view->shape);
    memcpy(view->shape, shape, rank * sizeof *shape);
    return GGX_OK;
}
