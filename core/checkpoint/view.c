/* The view operations. Invariants that every function keeps:
 *  - the pieces' boxes tile the view's shape; a view without elements has no pieces;
 *  - an axis of a piece maps index i to the digits of (i + first) in the mixed radix of its factors;
 *  - axes are folded: no factors of size 1, neighbours merged where one stride serves both, `first` moved into the offset where
 *    possible, so that an axis of length 1 has no factors and a "clean" axis has first 0 and factors of exactly its length. */
#include "checkpoint/view_parts.h"

#include "base/text.h"
#include <ggx_sdk/checked.h>
#include <ggx_sdk/error.h>

ggx_status ggx_view_no_memory(ggx_error *error)
{
    return ggx_fail(error, GGX_E_NOMEM, "a view needs more memory than the plan may use");
}

const char *ggx_shape_text(char *out, size_t size, const uint64_t *shape, uint32_t rank)
{
    size_t at = 0;
    out[0] = 0;
    for (uint32_t i = 0; i < rank && at + 1 < size; i++) {
        int n = snprintf(out + at, size - at, i ? "×%llu" : "%llu", (unsigned long long)shape[i]);
        at += n > 0 ? (size_t)n : 0;
    }
    if (!rank) snprintf(out, size, "scalar");
    return out;
}

/* --- folding ------------------------------------------------------------------------------------------------------------------ */

static uint64_t factors_product(const ggx_axis *axis)
{
    uint64_t n = 1;
    for (uint32_t i = 0; i < axis->factor_count; i++) n *= axis->factors[i].size;
    return n;
}

/* Brings one axis of a piece into the folded form. The factors are the axis's own (not shared). */
void ggx_piece_fold(ggx_piece *piece, uint32_t a)
{
    ggx_axis *axis = &piece->axis[a];
    uint64_t count = piece->count[a];
    uint32_t n = 0;
    for (uint32_t i = 0; i < axis->factor_count; i++) { /* drop ones, merge neighbours */
        ggx_factor f = axis->factors[i];
        if (f.size == 1) continue;
        if (n && axis->factors[n - 1].stride == f.stride * (int64_t)f.size) {
            axis->factors[n - 1].size *= f.size;
            axis->factors[n - 1].stride = f.stride;
        } else {
            axis->factors[n++] = f;
        }
    }
    axis->factor_count = n;
    while (axis->factor_count) { /* move what is constant over the piece into its offset */
        ggx_factor *outer = &axis->factors[0];
        uint64_t inner = factors_product(axis) / outer->size;
        uint64_t digit = axis->first / inner, last = (axis->first + count - 1) / inner;
        if (digit == last) { /* one digit only */
            piece->offset += digit * (uint64_t)outer->stride;
            axis->first -= digit * inner;
            axis->factor_count--;
            axis->factors++;
            continue;
        }
        piece->offset += digit * (uint64_t)outer->stride;
        axis->first -= digit * inner;
        outer->size = last - digit + 1;
        break;
    }
    if (!axis->factor_count) axis->first = 0;
}

int ggx_piece_clean(const ggx_piece *piece, uint32_t a)
{
    return !piece->axis[a].first && factors_product(&piece->axis[a]) == piece->count[a];
}

/* A copy of the piece with factor lists of its own. */
static ggx_status own_factors(ggx_arena *arena, ggx_piece *piece, uint32_t rank, ggx_error *error)
{
    for (uint32_t a = 0; a < rank; a++) {
        uint32_t n = piece->axis[a].factor_count;
        if (!n) continue;
        ggx_factor *factors = ggx_arena_array(arena, n, sizeof *factors);
        if (!factors) return ggx_view_no_memory(error);
        memcpy(factors, piece->axis[a].factors, n * sizeof *factors);
        piece->axis[a].factors = factors;
    }
    return GGX_OK;
}

/* --- making views -------------------------------------------------------------------------------------------------------------- */

static ggx_status one_piece(ggx_arena *arena, ggx_view *out, const int64_t *stride, ggx_error *error)
{
    out->pieces = NULL;
    out->piece_count = 0;
    for (uint32_t a = 0; a < out->rank; a++)
        if (!out->shape[a]) return GGX_OK;
    ggx_piece *piece = ggx_arena_alloc(arena, sizeof *piece);
    ggx_factor *factors = ggx_arena_array(arena, out->rank ? out->rank : 1, sizeof *factors);
    if (!piece || !factors) return ggx_view_no_memory(error);
    for (uint32_t a = 0; a < out->rank; a++) {
        factors[a] = (ggx_factor){out->shape[a], stride[a]};
        piece->count[a] = out->shape[a];
        piece->axis[a] = (ggx_axis){0, 1, 0, &factors[a]};
        ggx_piece_fold(piece, a);
    }
    out->pieces = piece;
    out->piece_count = 1;
    return GGX_OK;
}

ggx_status ggx_view_tensor(ggx_arena *arena, const ggx_checkpoint *checkpoint, uint64_t tensor, ggx_view *out,
                           ggx_error *error)
{
    const ggx_tensor *t = &checkpoint->tensors[tensor];
    memset(out, 0, sizeof *out);
    out->type = t->type;
    out->rank = t->rank;
    memcpy(out->shape, t->shape, sizeof out->shape);
    ggx_status status = one_piece(arena, out, t->stride, error);
    if (status == GGX_OK && out->piece_count) out->pieces[0].tensor = tensor;
    return status;
}

ggx_status ggx_view_const(ggx_arena *arena, const float *values, const uint64_t *shape, uint32_t rank, ggx_view *out,
                          ggx_error *error)
{
    int64_t stride[GGX_MAX_RANK];
    uint64_t run = 1;
    memset(out, 0, sizeof *out);
    if (rank > GGX_MAX_RANK || !ggx_product_u64(shape, rank, &run) || run > INT64_MAX / 32)
        return ggx_fail(error, GGX_E_USAGE, "a constant has an impossible shape");
    out->type = ggx_type_make("f32", 1, 4);
    out->rank = rank;
    run = 1;
    for (uint32_t a = rank; a-- > 0;) {
        out->shape[a] = shape[a];
        stride[a] = (int64_t)run;
        run *= shape[a] ? shape[a] : 1;
    }
    ggx_status status = one_piece(arena, out, stride, error);
    if (status == GGX_OK && out->piece_count) {
        out->pieces[0].tensor = GGX_CONST_TENSOR;
        out->pieces[0].values = values;
    }
    return status;
}

ggx_status ggx_view_copy(ggx_arena *arena, const ggx_view *view, ggx_view *out, ggx_error *error)
{
    *out = *view;
    out->pieces = ggx_arena_array(arena, view->piece_count ? view->piece_count : 1, sizeof *out->pieces);
    if (!out->pieces) return ggx_view_no_memory(error);
    for (uint32_t i = 0; i < view->piece_count; i++) {
        out->pieces[i] = view->pieces[i];
        ggx_status status = own_factors(arena, &out->pieces[i], view->rank, error);
        if (status != GGX_OK) return status;
    }
    return GGX_OK;
}

/* --- permute, squeeze, unsqueeze ------------------------------------------------------------------------------------------------ */

ggx_status ggx_view_permute(ggx_arena *arena, ggx_view *view, const uint32_t *order, ggx_error *error)
{
    uint32_t seen = 0;
    (void)arena;
    for (uint32_t a = 0; a < view->rank; a++) seen |= order[a] < view->rank ? 1u << order[a] : 0;
    if (seen != (1u << view->rank) - 1)
        return ggx_fail(error, GGX_E_USAGE, "permute: the order must name each of the %u axes once", view->rank);
    ggx_view from = *view;
    for (uint32_t a = 0; a < view->rank; a++) view->shape[a] = from.shape[order[a]];
    for (uint32_t i = 0; i < view->piece_count; i++) {
        ggx_piece old = view->pieces[i];
        for (uint32_t a = 0; a < view->rank; a++) {
            view->pieces[i].start[a] = old.start[order[a]];
            view->pieces[i].count[a] = old.count[order[a]];
            view->pieces[i].axis[a] = old.axis[order[a]];
        }
    }
    return GGX_OK;
}

static void remove_axis(ggx_view *view, uint32_t axis)
{
    const size_t tail = view->rank - axis - 1;
    memmove(&view->shape[axis], &view->shape[axis + 1], tail * sizeof view->shape[0]);
    view->shape[view->rank - 1] = 0;
    for (uint32_t i = 0; i < view->piece_count; i++) {
        ggx_piece *p = &view->pieces[i];
        memmove(&p->start[axis], &p->start[axis + 1], tail * sizeof p->start[0]);
        memmove(&p->count[axis], &p->count[axis + 1], tail * sizeof p->count[0]);
        memmove(&p->axis[axis], &p->axis[axis + 1], tail * sizeof p->axis[0]);
        p->start[view->rank - 1] = p->count[view->rank - 1] = 0;
        memset(&p->axis[view->rank - 1], 0, sizeof p->axis[0]);
    }
    view->rank--;
}

ggx_status ggx_view_squeeze_axis(ggx_arena *arena, ggx_view *view, uint32_t axis, ggx_error *error)
{
    (void)arena;
    if (axis >= view->rank || view->shape[axis] != 1)
        return ggx_fail(error, GGX_E_USAGE, "squeeze: axis %u does not have length 1", axis);
    remove_axis(view, axis);
    return GGX_OK;
}

ggx_status ggx_view_squeeze(ggx_arena *arena, ggx_view *view, ggx_error *error)
{
    (void)arena;
    (void)error;
    for (uint32_t a = view->rank; a-- > 0;)
        if (view->shape[a] == 1) remove_axis(view, a);
    return GGX_OK;
}

ggx_status ggx_view_unsqueeze(ggx_arena *arena, ggx_view *view, uint32_t axis, ggx_error *error)
{
    (void)arena;
    if (axis > view->rank || view->rank == GGX_MAX_RANK)
        return ggx_fail(error, GGX_E_USAGE, "unsqueeze: no axis can be put before axis %u of %u", axis, view->rank);
    const size_t tail = view->rank - axis;
    memmove(&view->shape[axis + 1], &view->shape[axis], tail * sizeof view->shape[0]);
    view->shape[axis] = 1;
    for (uint32_t i = 0; i < view->piece_count; i++) {
        ggx_piece *p = &view->pieces[i];
        memmove(&p->start[axis + 1], &p->start[axis], tail * sizeof p->start[0]);
        memmove(&p->count[axis + 1], &p->count[axis], tail * sizeof p->count[0]);
        memmove(&p->axis[axis + 1], &p->axis[axis], tail * sizeof p->axis[0]);
        p->start[axis] = 0;
        p->count[axis] = 1;
        memset(&p->axis[axis], 0, sizeof p->axis[0]);
    }
    view->rank++;
    return GGX_OK;
}

/* --- slice, repeat, concat, stack ------------------------------------------------------------------------------------------------ */

ggx_status ggx_view_slice(ggx_arena *arena, ggx_view *view, uint32_t axis, uint64_t start, uint64_t stop,
                          ggx_error *error)
{
    (void)arena;
    if (axis >= view->rank || start > stop || stop > view->shape[axis])
        return ggx_fail(error, GGX_E_USAGE, "slice: %llu to %llu is not a range of axis %u, which has %llu",
                        (unsigned long long)start, (unsigned long long)stop, axis,
                        (unsigned long long)(axis < view->rank ? view->shape[axis] : 0));
    uint32_t kept = 0;
    for (uint32_t i = 0; i < view->piece_count; i++) {
        ggx_piece p = view->pieces[i];
        uint64_t from = p.start[axis] > start ? p.start[axis] : start;
        uint64_t to = p.start[axis] + p.count[axis] < stop ? p.start[axis] + p.count[axis] : stop;
        if (from >= to) continue;
        p.axis[axis].first += from - p.start[axis];
        p.start[axis] = from - start;
        p.count[axis] = to - from;
        ggx_piece_fold(&p, axis);
        view->pieces[kept++] = p;
    }
    view->piece_count = kept;
    view->shape[axis] = stop - start;
    return GGX_OK;
}

static ggx_status join(ggx_arena *arena, const ggx_view *views, uint32_t count, uint32_t axis, ggx_view *out,
                       ggx_error *error)
{
    uint64_t total = 0, along = 0;
    for (uint32_t v = 0; v < count; v++) total += views[v].piece_count;
    ggx_piece *pieces = total <= GGX_MAX_PIECES ? ggx_arena_array(arena, total ? total : 1, sizeof *pieces) : NULL;
    if (!pieces) return ggx_fail(error, GGX_E_USAGE, "a view may have %d pieces, this one needs more", GGX_MAX_PIECES);
    *out = views[0];
    out->pieces = pieces;
    out->piece_count = 0;
    for (uint32_t v = 0; v < count; v++) {
        for (uint32_t i = 0; i < views[v].piece_count; i++) {
            ggx_piece *p = &pieces[out->piece_count++];
            *p = views[v].pieces[i];
            p->start[axis] += along;
            ggx_status status = own_factors(arena, p, out->rank, error);
            if (status != GGX_OK) return status;
        }
        if (!ggx_add_u64(along, views[v].shape[axis], &along))
            return ggx_fail(error, GGX_E_USAGE, "concat: axis %u becomes too long", axis);
    }
    out->shape[axis] = along;
    uint64_t elems;
    if (!ggx_product_u64(out->shape, out->rank, &elems) || elems > INT64_MAX / 32)
        return ggx_fail(error, GGX_E_USAGE, "the joined tensor is too large");
    return GGX_OK;
}

uint64_t ggx_piece_span(const ggx_piece *piece, uint32_t rank)
{
    uint64_t span = 1; /* it lies within the source, whose size is no overflow */
    for (uint32_t a = 0; a < rank; a++) {
        if (!piece->count[a]) return 0;
        for (uint32_t f = 0; f < piece->axis[a].factor_count; f++)
            span += (piece->axis[a].factors[f].size - 1) * (uint64_t)piece->axis[a].factors[f].stride;
    }
    return span;
}

static int is_zeros(const ggx_piece *p, uint32_t rank)
{
    const uint64_t span = ggx_piece_span(p, rank);
    for (uint64_t i = 0; i < span; i++) {
        uint32_t bits;
        memcpy(&bits, &p->values[p->offset + i], sizeof bits);
        if (bits) return 0;
    }
    return 1;
}

/* A constant of nothing but zeros, repeated or not, is one of any plain type. */
static int is_padding(const ggx_view *view, const ggx_type *type)
{
    if (type->block_elems != 1 || !view->piece_count) return 0;
    for (uint32_t i = 0; i < view->piece_count; i++)
        if (view->pieces[i].tensor != GGX_CONST_TENSOR || !is_zeros(&view->pieces[i], view->rank)) return 0;
    return 1;
}

ggx_status ggx_view_concat(ggx_arena *arena, const ggx_view *views, uint32_t count, uint32_t axis, ggx_view *out,
                           ggx_error *error)
{
    char a_text[96], b_text[96];
    uint32_t typed = 0; /* whose type is the whole's */
    while (typed + 1 < count && views[typed].piece_count && views[typed].pieces[0].tensor == GGX_CONST_TENSOR) typed++;
    if (!count || axis >= views[0].rank)
        return ggx_fail(error, GGX_E_USAGE, "concat: there is no axis %u to join along", axis);
    for (uint32_t v = 0; v < count; v++) {
        int same = views[v].rank == views[0].rank;
        for (uint32_t a = 0; same && a < views[0].rank; a++) same = a == axis || views[v].shape[a] == views[0].shape[a];
        if (!same)
            return ggx_fail(error, GGX_E_USAGE, "concat along axis %u: shapes %s and %s differ elsewhere", axis,
                            ggx_shape_text(a_text, sizeof a_text, views[0].shape, views[0].rank),
                            ggx_shape_text(b_text, sizeof b_text, views[v].shape, views[v].rank));
        if (!ggx_type_same(&views[v].type, &views[typed].type) && !is_padding(&views[v], &views[typed].type))
            return ggx_fail(error, GGX_E_USAGE, "concat: element types %s and %s differ", views[typed].type.name,
                            views[v].type.name);
    }
    const ggx_type type = views[typed].type;
    ggx_status status = join(arena, views, count, axis, out, error);
    out->type = type;
    return status;
}

ggx_status ggx_view_stack(ggx_arena *arena, const ggx_view *views, uint32_t count, uint32_t axis, ggx_view *out,
                          ggx_error *error)
{
    ggx_view *wide = ggx_arena_array(arena, count ? count : 1, sizeof *wide);
    if (!wide) return ggx_view_no_memory(error);
    for (uint32_t v = 0; v < count; v++) {
        ggx_status status = ggx_view_copy(arena, &views[v], &wide[v], error);
        if (status == GGX_OK) status = ggx_view_unsqueeze(arena, &wide[v], axis, error);
        if (status != GGX_OK) return status;
    }
    return ggx_view_concat(arena, wide, count, axis, out, error);
}

ggx_status ggx_view_repeat(ggx_arena *arena, ggx_view *view, uint32_t axis, uint64_t times, ggx_error *error)
{
    uint64_t longer;
    if (axis >= view->rank || !ggx_mul_u64(view->shape[axis], times, &longer))
        return ggx_fail(error, GGX_E_USAGE, "repeat: axis %u cannot be repeated %llu times", axis,
                        (unsigned long long)times);
    ggx_piece *p = view->pieces;
    if (times && view->piece_count == 1 && ggx_piece_clean(p, axis) && p->axis[axis].factor_count < GGX_MAX_FACTORS) {
        uint32_t n = p->axis[axis].factor_count;
        ggx_factor *factors = ggx_arena_array(arena, n + 1, sizeof *factors);
        uint64_t elems;
        view->shape[axis] = longer;
        if (!factors) return ggx_view_no_memory(error);
        if (!ggx_product_u64(view->shape, view->rank, &elems) || elems > INT64_MAX / 32)
            return ggx_fail(error, GGX_E_USAGE, "repeat: the tensor becomes too large");
        factors[0] = (ggx_factor){times, 0};
        if (n) memcpy(factors + 1, p->axis[axis].factors, n * sizeof *factors);
        p->axis[axis] = (ggx_axis){0, n + 1, 0, factors};
        p->count[axis] = longer;
        ggx_piece_fold(p, axis);
        return GGX_OK;
    }
    if (!times) return ggx_view_slice(arena, view, axis, 0, 0, error);
    if (times > GGX_MAX_PIECES)
        return ggx_fail(error, GGX_E_USAGE, "repeat: a view may have %d pieces", GGX_MAX_PIECES);
    ggx_view *copies = ggx_arena_array(arena, times, sizeof *copies);
    if (!copies) return ggx_view_no_memory(error);
    for (uint64_t i = 0; i < times; i++) copies[i] = *view;
    return join(arena, copies, (uint32_t)times, axis, view, error);
}

/* --- questions ------------------------------------------------------------------------------------------------------------------- */

int ggx_view_contiguous(const ggx_view *view, uint64_t *tensor, uint64_t *offset)
{
    int64_t run = 1;
    if (view->piece_count != 1) return 0;
    const ggx_piece *p = view->pieces;
    for (uint32_t a = view->rank; a-- > 0;) {
        const ggx_axis *axis = &p->axis[a];
        if (axis->factor_count > 1 || axis->first) return 0;
        if (axis->factor_count == 1 && axis->factors[0].stride != run) return 0;
        run *= (int64_t)view->shape[a];
    }
    *tensor = p->tensor;
    *offset = p->offset;
    return 1;
}
