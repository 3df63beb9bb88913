/* slices.c - a V1 checkpoint: one or more tables from (name, slice) to SavedTensorSlices (tensorflow/core/util/saved_tensor_slice.proto,
 * tensor_slice_{reader,writer}.cc). The value of the empty key tells which slices a table holds. */
#include "tf.h"

#include <stdlib.h>

/* One slice of one tensor, as a table's first value lists it. */
typedef struct row {
    tf_tensor t; /* name, type, shape */
    tf_piece piece;
} row;

typedef struct listing {
    tf_reader *r;
    row *rows;
    uint64_t count;
    ggx_error *error;
} listing;

/* SavedSliceMeta: 1 name, 2 shape, 3 type, 4 slice. Without rows to fill, counts the slices. */
static ggx_status read_tensor(listing *l, ggx_pb *m, uint32_t table, int fill)
{
    tf_tensor t;
    ggx_pb inner;
    uint64_t code = 0, begin = m->next;
    memset(&t, 0, sizeof t);
    t.elems = 1;
    while (ggx_pb_next(m)) {
        if (ggx_pb_is(m, 4, GGX_PB_LEN) && !fill) l->count++;
        if (ggx_pb_is(m, 3, GGX_PB_VARINT)) code = m->number;
        if (ggx_pb_is(m, 1, GGX_PB_LEN) && fill && tf_name_keep(l->r, m, &t.name, "a tensor's name") != GGX_OK) break;
        if (!ggx_pb_is(m, 2, GGX_PB_LEN)) continue;
        ggx_pb_enter(&inner, m);
        if (tf_shape_read(&inner, &t) != GGX_OK) break;
    }
    if (m->c->status != GGX_OK || !fill) return m->c->status;
    t.dtype = tf_dtype_find(code);
    if (!t.dtype)
        return m->c->status =
                   ggx_fail_at(m->c->error, GGX_E_UNSUPPORTED, m->c->member, begin,
                               "tensor '%.*s' has an element type that this reader does not know: DataType %llu",
                               GGX_STR_ARGS(t.name), (unsigned long long)code);
    m->c->at = begin;
    for (ggx_pb_begin(m, m->c, m->end); ggx_pb_next(m);) {
        if (!ggx_pb_is(m, 4, GGX_PB_LEN)) continue;
        row *out = &l->rows[l->count++];
        ggx_pb_enter(&inner, m);
        if (tf_slice_read(&inner, &t, &out->piece) != GGX_OK) break;
        out->t = t;
        out->piece.member = table;
    }
    return m->c->status;
}

/* SavedTensorSlices {1 SavedTensorSliceMeta {1 tensor}}. */
static ggx_status read_table(listing *l, uint32_t table, int fill)
{
    ggx_sstable *t = &l->r->tables[table];
    ggx_sstable_block *b = t->data;
    ggx_sstable_place place;
    ggx_pb value, meta, tensor;
    ggx_status status = ggx_sstable_find(t, "", 0, &place, l->error);
    if (status == GGX_OK && !fill && tf_verify_wanted(l->r, place.size)) status = ggx_sstable_check(t, place, l->error);
    if (status == GGX_OK) status = ggx_sstable_load(t, place, 1, l->error);
    if (status != GGX_OK) return status;
    if (!ggx_sstable_seek(t, "", 0))
        return b->c.status != GGX_OK ? b->c.status
                                     : ggx_fail_at(l->error, GGX_E_MALFORMED, t->member, place.offset,
                                                   "the table does not begin with a list of its tensors");
    b->c.at = b->value;
    for (ggx_pb_begin(&value, &b->c, b->value + b->value_size); ggx_pb_next(&value);) {
        if (!ggx_pb_is(&value, 1, GGX_PB_LEN)) continue;
        for (ggx_pb_enter(&meta, &value); ggx_pb_next(&meta);) {
            if (!ggx_pb_is(&meta, 1, GGX_PB_LEN)) continue;
            ggx_pb_enter(&tensor, &meta);
            if (read_tensor(l, &tensor, table, fill) != GGX_OK) break;
        }
    }
    ggx_sstable_blame(b, b->c.status != GGX_OK ? l->error : NULL);
    return b->c.status;
}

static int by_name(const void *left, const void *right)
{
    const row *a = left, *b = right;
    uint64_t n = a->t.name.size < b->t.name.size ? a->t.name.size : b->t.name.size;
    int order = n ? memcmp(a->t.name.data, b->t.name.data, (size_t)n) : 0;
    return order ? order : (a->t.name.size > b->t.name.size) - (a->t.name.size < b->t.name.size);
}

/* Where each slice's block is; whether it is whole when it is small, or when the user wants to know. */
static ggx_status place_slices(tf_reader *r, const tf_tensor *t, ggx_error *error)
{
    for (uint64_t i = 0; i < t->piece_count; i++) {
        tf_piece *piece = &t->pieces[i];
        ggx_sstable *table = &r->tables[piece->member];
        ggx_sstable_place place;
        uint64_t size = tf_slice_key(t->name, piece, t->rank, r->key);
        ggx_status status = ggx_sstable_find(table, r->key, size, &place, error);
        if (status == GGX_E_NOTFOUND)
            return ggx_fail_at(error, GGX_E_MALFORMED, table->member, GGX_NO_OFFSET,
                               "the checkpoint lists a slice of tensor '%.*s' that it does not hold",
                               GGX_STR_ARGS(t->name));
        if (status != GGX_OK) return status;
        piece->offset = place.offset;
        piece->size = place.size;
        int again = r->checked_table == table && r->checked == place.offset; /* many slices share a block */
        if (!again && !tf_verify_wanted(r, place.size)) continue;
        if (!again) status = ggx_sstable_check(table, place, error);
        if (status == GGX_OK) status = tf_slices_stream(r, t, piece, error);
        if (status != GGX_OK) return status;
        r->checked_table = table;
        r->checked = place.offset;
    }
    return GGX_OK;
}

/* Rows of one name make one tensor. */
static ggx_status add_tensor(listing *l, uint64_t first, uint64_t behind)
{
    tf_reader *r = l->r;
    tf_tensor *t = &r->tensors[r->tensor_count];
    *t = l->rows[first].t;
    t->pieces = &r->pieces[r->piece_count];
    t->piece_count = behind - first;
    t->access = GGX_ACCESS_SEQUENTIAL;
    for (uint64_t i = first; i < behind; i++) {
        const tf_tensor *other = &l->rows[i].t;
        if (other->dtype != t->dtype || other->rank != t->rank || memcmp(other->shape, t->shape, sizeof t->shape) != 0)
            return ggx_fail_at(l->error, GGX_E_MALFORMED, r->main, GGX_NO_OFFSET,
                               "the parts of the checkpoint give tensor '%.*s' different shapes or types",
                               GGX_STR_ARGS(t->name));
        t->pieces[i - first] = l->rows[i].piece;
    }
    if (!t->dtype->type) {
        tf_leave_out(r, t->name);
        return GGX_OK;
    }
    r->tensor_count++;
    r->piece_count += t->piece_count;
    ggx_status status = tf_pieces_check(t, r->main, GGX_NO_OFFSET, l->error);
    return status == GGX_OK ? place_slices(r, t, l->error) : status;
}

static ggx_status add_tensors(listing *l)
{
    tf_reader *r = l->r;
    uint64_t longest = 0, first = 0;
    qsort(l->rows, (size_t)l->count, sizeof *l->rows, by_name);
    for (uint64_t i = 0; i < l->count; i++) {
        uint64_t room = tf_slice_key_room(l->rows[i].t.name, l->rows[i].t.rank);
        if (room > longest) longest = room;
    }
    r->tensors = r->host->alloc(r->host, l->count * sizeof *r->tensors);
    r->pieces = r->host->alloc(r->host, l->count * sizeof *r->pieces);
    r->key = r->host->alloc(r->host, longest);
    if (!r->tensors || !r->pieces || !r->key) return tf_no_memory(l->count, l->error);
    for (uint64_t i = 1; i <= l->count; i++) {
        if (i < l->count && !by_name(&l->rows[i], &l->rows[first])) continue;
        ggx_status status = add_tensor(l, first, i);
        if (status != GGX_OK) return status;
        first = i;
    }
    return GGX_OK;
}

ggx_status tf_slices_read(tf_reader *r, ggx_error *error)
{
    listing l = {.r = r, .error = error};
    ggx_status status = GGX_OK;
    for (int fill = 0; status == GGX_OK && fill < 2; fill++) {
        if (fill) l.rows = r->host->alloc(r->host, l.count * sizeof *l.rows); /* the count is below the file's bytes */
        if (fill && !l.rows) return tf_no_memory(l.count, error);
        l.count = 0;
        for (uint32_t i = 0; status == GGX_OK && i < r->table_count; i++) status = read_table(&l, i, fill);
    }
    return status == GGX_OK ? add_tensors(&l) : status;
}

/* ---- reading ------------------------------------------------------------------------------------------------------------------- */

/* SavedTensorSlices {2 SavedSlice {3 TensorProto}}: the proto's place in the block that the table has loaded. */
ggx_status tf_slices_stream(tf_reader *r, const tf_tensor *t, const tf_piece *piece, ggx_error *error)
{
    ggx_sstable *table = &r->tables[piece->member];
    ggx_sstable_block *b = table->data;
    ggx_pb value, slice;
    uint64_t at = 0, size = 0, key = tf_slice_key(t->name, piece, t->rank, r->key);
    r->reading = 0; /* the values that were being read lay in this table's block */
    ggx_status status = ggx_sstable_load(table, (ggx_sstable_place){piece->offset, piece->size}, 1, error);
    if (status != GGX_OK) return status;
    if (!ggx_sstable_seek(table, r->key, key))
        return b->c.status != GGX_OK
                   ? b->c.status
                   : ggx_fail_at(error, GGX_E_MALFORMED, table->member, piece->offset,
                                 "the block here does not hold the slice of tensor '%.*s' that it should",
                                 GGX_STR_ARGS(t->name));
    b->c.at = b->value;
    for (ggx_pb_begin(&value, &b->c, b->value + b->value_size); ggx_pb_next(&value);) {
        if (!ggx_pb_is(&value, 2, GGX_PB_LEN)) continue;
        for (ggx_pb_enter(&slice, &value); ggx_pb_next(&slice);) {
            if (!ggx_pb_is(&slice, 3, GGX_PB_LEN)) continue;
            at = slice.at;
            size = slice.number;
        }
    }
    if (b->c.status == GGX_OK)
        status = tf_values_begin(&r->values, b->c.source, table->member, at, size, t->dtype, error);
    else
        status = b->c.status;
    if (status != GGX_OK) ggx_sstable_blame(b, error);
    return status;
}
