/* shapes.c - shapes and slices: the messages that all of TensorFlow's formats share, and whether slices make up a whole. */
#include "tf.h"

#include <ggx_sdk/checked.h>
#include <stdlib.h>

ggx_status tf_no_memory(uint64_t count, ggx_error *error)
{
    return ggx_fail(error, GGX_E_NOMEM, "%llu tensors do not fit into this reader's memory", (unsigned long long)count);
}

static ggx_status refuse(ggx_pb *m, ggx_status status, const char *what, uint64_t number)
{
    if (m->c->status != GGX_OK) return m->c->status;
    return m->c->status =
               ggx_fail_at(m->c->error, status, m->c->member, m->at, "a tensor's %s %lld", what, (long long)number);
}

/* TensorShapeProto: 2 dim {1 size}, 3 unknown_rank. */
ggx_status tf_shape_read(ggx_pb *m, tf_tensor *t)
{
    ggx_pb dim;
    t->rank = 0;
    while (ggx_pb_next(m)) {
        if (ggx_pb_is(m, 3, GGX_PB_VARINT) && m->number) return refuse(m, GGX_E_MALFORMED, "shape is unknown:", 0);
        if (!ggx_pb_is(m, 2, GGX_PB_LEN)) continue;
        if (t->rank == GGX_MAX_RANK) return refuse(m, GGX_E_UNSUPPORTED, "axes are more than", GGX_MAX_RANK);
        uint64_t *axis = &t->shape[t->rank++];
        *axis = 0;
        for (ggx_pb_enter(&dim, m); ggx_pb_next(&dim);)
            if (ggx_pb_is(&dim, 1, GGX_PB_VARINT)) *axis = dim.number;
        if (*axis > INT64_MAX) return refuse(m, GGX_E_MALFORMED, "axis has the length", *axis);
    }
    if (m->c->status != GGX_OK) return m->c->status;
    if (!ggx_product_u64(t->shape, t->rank, &t->elems) || t->elems > INT64_MAX / 32)
        return refuse(m, GGX_E_MALFORMED, "shape overflows; its axes are", t->rank);
    return GGX_OK;
}

/* TensorSliceProto: 1 extent {1 start, 2 length}; without a length, the whole axis. */
ggx_status tf_slice_read(ggx_pb *m, const tf_tensor *t, tf_piece *piece)
{
    ggx_pb extent;
    uint32_t axis = 0;
    piece->full = 0;
    while (ggx_pb_next(m)) {
        if (!ggx_pb_is(m, 1, GGX_PB_LEN)) continue;
        if (axis == t->rank)
            return refuse(m, GGX_E_MALFORMED, "slice has more axes than its shape, which has", t->rank);
        uint64_t start = 0, length = 0;
        int full = 1;
        for (ggx_pb_enter(&extent, m); ggx_pb_next(&extent);) {
            if (ggx_pb_is(&extent, 1, GGX_PB_VARINT)) start = extent.number;
            if (!ggx_pb_is(&extent, 2, GGX_PB_VARINT)) continue;
            length = extent.number;
            full = 0;
        }
        if (full) length = t->shape[axis];
        if (start > t->shape[axis] || length > t->shape[axis] - start)
            return refuse(m, GGX_E_MALFORMED, "slice goes beyond its axis of length", t->shape[axis]);
        if (full) piece->full |= 1u << axis;
        piece->start[axis] = start;
        piece->count[axis++] = length;
    }
    if (m->c->status == GGX_OK && axis != t->rank)
        return refuse(m, GGX_E_MALFORMED, "slice has fewer axes than its shape:", axis);
    return m->c->status;
}

/* ---- keys of slices: tensorflow/core/lib/strings/ordered_code.cc and util/saved_tensor_slice_util.cc --------------------------- */

/* How many bytes, then the bytes from the highest on, without leading zeros. */
static uint8_t *put_uint(uint8_t *out, uint64_t v)
{
    uint32_t n = 0;
    while (n < 8 && v >> (8 * n)) n++;
    *out++ = (uint8_t)n;
    while (n--) *out++ = (uint8_t)(v >> (8 * n));
    return out;
}

/* Signed numbers, here never negative but for -1: as many leading ones as bytes, behind a flipped sign bit. */
static uint8_t *put_int(uint8_t *out, int64_t v)
{
    static const uint8_t heads[] = {0x80, 0xc0, 0xe0, 0xf0, 0xf8, 0xfc, 0xfe, 0xff, 0xff, 0xff};
    uint32_t n = 1;
    if (v < 0) { /* -64..-1 take one byte; only -1, "the whole axis", occurs */
        *out++ = (uint8_t)(heads[0] ^ (uint8_t)v);
        return out;
    }
    while (n < 10 && (uint64_t)v >> (7 * n - 1)) n++;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t shift = 8 * (n - 1 - i);
        out[i] = (uint8_t)(shift < 64 ? (uint64_t)v >> shift : 0);
    }
    out[0] |= heads[n - 1];
    if (n == 9) out[1] |= 0x80;
    if (n == 10) out[1] |= 0xc0;
    return out + n;
}

uint64_t tf_slice_key_room(ggx_str name, uint32_t rank)
{
    return 2 * name.size + 16 + 20ull * rank;
}

uint64_t tf_slice_key(ggx_str name, const tf_piece *piece, uint32_t rank, uint8_t *out)
{
    uint8_t *at = put_uint(out, 0);
    for (uint64_t i = 0; i < name.size; i++) {
        uint8_t b = (uint8_t)name.data[i];
        *at++ = b;
        if (b == 0 || b == 0xff) *at++ = b ? 0 : 0xff;
    }
    *at++ = 0;
    *at++ = 1;
    at = put_uint(at, rank);
    for (uint32_t i = 0; i < rank; i++) {
        int full = piece->full >> i & 1u;
        at = put_int(at, (int64_t)piece->start[i]);
        at = put_int(at, full ? -1 : (int64_t)piece->count[i]);
    }
    return (uint64_t)(at - out);
}

/* ---- pieces ------------------------------------------------------------------------------------------------------------------ */

uint64_t tf_piece_elems(const tf_piece *piece, uint32_t rank)
{
    uint64_t n = 1;
    for (uint32_t i = 0; i < rank; i++) n *= piece->count[i]; /* inside a shape whose product was checked */
    return n;
}

static int by_start(const void *left, const void *right)
{
    const tf_piece *a = left, *b = right;
    for (uint32_t i = 0; i < GGX_MAX_RANK; i++)
        if (a->start[i] != b->start[i]) return a->start[i] < b->start[i] ? -1 : 1;
    return 0;
}

static int overlap(const tf_piece *a, const tf_piece *b, uint32_t rank)
{
    for (uint32_t i = 0; i < rank; i++)
        if (a->start[i] + a->count[i] <= b->start[i] || b->start[i] + b->count[i] <= a->start[i]) return 0;
    return 1;
}

ggx_status tf_pieces_check(const tf_tensor *t, uint32_t member, uint64_t offset, ggx_error *error)
{
    uint64_t elems = 0;
    if (t->piece_count > TF_MAX_SLICES)
        return ggx_fail_at(error, GGX_E_UNSUPPORTED, member, offset,
                           "tensor '%.*s' has %llu slices; this reader puts together at most %u", GGX_STR_ARGS(t->name),
                           (unsigned long long)t->piece_count, TF_MAX_SLICES);
    qsort(t->pieces, (size_t)t->piece_count, sizeof *t->pieces, by_start);
    for (uint64_t i = 0; i < t->piece_count; i++) {
        elems += tf_piece_elems(&t->pieces[i], t->rank);
        /* sorted by the first axis first: the pieces that reach into this one are mostly just before it */
        for (uint64_t k = i; k-- > 0;)
            if (overlap(&t->pieces[k], &t->pieces[i], t->rank) && tf_piece_elems(&t->pieces[k], t->rank))
                return ggx_fail_at(error, GGX_E_MALFORMED, member, offset, "two slices of tensor '%.*s' overlap",
                                   GGX_STR_ARGS(t->name));
    }
    if (elems == t->elems) return GGX_OK;
    return ggx_fail_at(error, GGX_E_MALFORMED, member, offset,
                       "the slices of tensor '%.*s' hold %llu of its %llu elements; the checkpoint is not complete",
                       GGX_STR_ARGS(t->name), (unsigned long long)elems, (unsigned long long)t->elems);
}

/* ---- names ------------------------------------------------------------------------------------------------------------------- */

void tf_leave_out(tf_reader *r, ggx_str name)
{
    if (r->left_out++) return;
    snprintf(r->first_left_out, sizeof r->first_left_out, "%.*s", GGX_STR_ARGS(name));
    for (char *c = r->first_left_out; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = '?';
}

ggx_status tf_name_keep(tf_reader *r, ggx_pb *m, ggx_str *out, const char *what)
{
    if (m->number > TF_MAX_NAME) return refuse(m, GGX_E_UNSUPPORTED, "name is longer than 65535 bytes:", m->number);
    char *copy = r->host->alloc(r->host, m->number);
    if (!copy)
        return m->c->status = ggx_fail_at(m->c->error, GGX_E_NOMEM, m->c->member, m->at,
                                          "the names do not fit into this reader's memory");
    out->size = ggx_pb_bytes(m, copy, m->number, what);
    out->data = copy;
    return m->c->status;
}
