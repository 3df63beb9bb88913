/* bundle.c - a V2 checkpoint: PREFIX.index, a table from names to BundleEntryProto, and data shards with the bytes
 * (tensorflow/core/util/tensor_bundle/tensor_bundle.{h,cc}, protobuf/tensor_bundle.proto). */
#include "tf.h"

#include <ggx_sdk/checked.h>
#include <stdlib.h>

#define TF_STRING 7u
#define OBJECTS "_CHECKPOINTABLE_OBJECT_GRAPH"

/* BundleEntryProto: 1 dtype, 2 shape, 3 shard_id, 4 offset, 5 size, 6 crc32c, 7 slices. */
typedef struct entry {
    tf_tensor t; /* dtype and shape */
    uint64_t code, shard, offset, size, slices;
    uint32_t crc;
} entry;

/* The entry of one slice, whose key begins with a zero byte. */
typedef struct part {
    ggx_str key;
    entry e;
    uint32_t used;
} part;

/* The walk: first counting, then filling. */
typedef struct walk {
    tf_reader *r;
    ggx_sstable table;
    part *parts;
    uint64_t part_count;
    uint64_t tensors, strings, pieces; /* counted or filled so far */
    ggx_error *error;
} walk;

static ggx_str key_of(const walk *w)
{
    return (ggx_str){(const char *)w->table.data->key, w->table.data->key_size};
}

static ggx_status refuse(const walk *w, ggx_status status, const char *what, uint64_t number)
{
    ggx_fail_at(w->error, status, w->r->main, w->table.data->value, "'%.*s' %s %llu", GGX_STR_ARGS(key_of(w)), what,
                (unsigned long long)number);
    ggx_sstable_blame(w->table.data, w->error);
    return status;
}

static ggx_status read_entry(walk *w, entry *e)
{
    ggx_sstable_block *b = w->table.data;
    ggx_pb m, inner;
    memset(e, 0, sizeof *e);
    e->t.elems = 1; /* no shape is a scalar's */
    b->c.at = b->value;
    for (ggx_pb_begin(&m, &b->c, b->value + b->value_size); ggx_pb_next(&m);) {
        if (m.wire == GGX_PB_VARINT) {
            uint64_t *const numbers[] = {NULL, &e->code, NULL, &e->shard, &e->offset, &e->size};
            if (m.field < sizeof numbers / sizeof numbers[0] && numbers[m.field]) *numbers[m.field] = m.number;
        }
        if (ggx_pb_is(&m, 6, GGX_PB_I32)) e->crc = (uint32_t)m.number;
        if (ggx_pb_is(&m, 7, GGX_PB_LEN)) e->slices++;
        if (!ggx_pb_is(&m, 2, GGX_PB_LEN)) continue;
        ggx_pb_enter(&inner, &m);
        if (tf_shape_read(&inner, &e->t) != GGX_OK) break;
    }
    if (b->c.status != GGX_OK) {
        ggx_sstable_blame(b, w->error);
        return b->c.status;
    }
    e->t.dtype = tf_dtype_find(e->code);
    if (!e->t.dtype)
        return refuse(w, GGX_E_UNSUPPORTED, "has an element type that this reader does not know: DataType", e->code);
    if (e->shard >= w->r->shard_count)
        return refuse(w, GGX_E_MALFORMED, "lies in a data file that the header does not count:", e->shard);
    return GGX_OK;
}

/* BundleHeaderProto: 1 num_shards, 2 endianness (1 big), 3 version {2 min_consumer}. */
static ggx_status read_header(walk *w)
{
    ggx_sstable_block *b = w->table.data;
    uint64_t shards = 0, order = 0, consumer = 0;
    ggx_pb m, version;
    b->c.at = b->value;
    for (ggx_pb_begin(&m, &b->c, b->value + b->value_size); ggx_pb_next(&m);) {
        if (ggx_pb_is(&m, 1, GGX_PB_VARINT)) shards = m.number;
        if (ggx_pb_is(&m, 2, GGX_PB_VARINT)) order = m.number;
        if (!ggx_pb_is(&m, 3, GGX_PB_LEN)) continue;
        for (ggx_pb_enter(&version, &m); ggx_pb_next(&version);)
            if (ggx_pb_is(&version, 2, GGX_PB_VARINT)) consumer = version.number;
    }
    if (b->c.status != GGX_OK) return b->c.status;
    /* kTensorBundleVersion is 1, and has been since there are bundles. */
    if (consumer > 1) return refuse(w, GGX_E_UNSUPPORTED, "is the header, and asks for a reader of version", consumer);
    if (!shards || shards > TF_MAX_SHARDS)
        return refuse(w, GGX_E_MALFORMED, "is the header, and counts data files:", shards);
    if (order > 1) return refuse(w, GGX_E_MALFORMED, "is the header, and has the byte order", order);
    w->r->big = order == 1;
    w->r->shard_count = (uint32_t)shards;
    w->r->shards = w->r->host->alloc(w->r->host, shards * sizeof *w->r->shards);
    if (!w->r->shards)
        return ggx_fail(w->error, GGX_E_NOMEM, "no memory for %llu data files", (unsigned long long)shards);
    for (uint64_t i = 0; i < shards; i++) w->r->shards[i] = GGX_NO_MEMBER;
    return GGX_OK;
}

static int is_part(ggx_str key)
{
    return key.size && key.data && !key.data[0];
}

static ggx_status count_entries(walk *w)
{
    ggx_sstable_rewind(&w->table, w->error);
    if (!ggx_sstable_next(&w->table, w->error) || key_of(w).size)
        return w->table.status != GGX_OK
                   ? w->table.status
                   : ggx_fail_at(w->error, GGX_E_MALFORMED, w->r->main, 0, "the index has no header");
    ggx_status status = read_header(w);
    while (status == GGX_OK && ggx_sstable_next(&w->table, w->error)) {
        entry e;
        status = read_entry(w, &e);
        if (is_part(key_of(w)))
            w->part_count++;
        else
            w->tensors++;
        w->strings += e.code == TF_STRING;
        w->pieces += e.slices ? e.slices : 1;
    }
    return status == GGX_OK ? w->table.status : status;
}

/* ---- filling ------------------------------------------------------------------------------------------------------------------- */

/* The shard's member, opened when first needed. */
static ggx_status open_shard(tf_reader *r, uint64_t shard, uint32_t *member, ggx_error *error)
{
    char end[TF_BIG_SLOT];
    ggx_status status = GGX_OK;
    if (r->shards[shard] == GGX_NO_MEMBER) {
        snprintf(end, sizeof end, ".data-%05u-of-%05u", (unsigned)shard, r->shard_count);
        ggx_str name = tf_name_join(r, r->prefix, end);
        if (!name.data) return ggx_fail(error, GGX_E_NOMEM, "no memory for a file's name");
        status = r->source->find(r->source, name, &r->shards[shard], error);
        if (status == GGX_E_NOTFOUND)
            return ggx_fail_at(error, status, r->main, GGX_NO_OFFSET,
                               "%.*s is not beside the index; all data files are needed", GGX_STR_ARGS(name));
    }
    *member = r->shards[shard];
    return status;
}

/* The place of an entry's bytes, as long as its type and shape want them, inside its shard. */
static ggx_status place_entry(walk *w, ggx_str name, const entry *e, tf_piece *piece)
{
    ggx_member m;
    uint64_t bytes = 0;
    memset(&m, 0, sizeof m);
    m.struct_size = sizeof m;
    piece->offset = e->offset;
    piece->size = e->size;
    piece->crc = e->crc;
    if (e->t.dtype->type && (!ggx_mul_u64(e->t.elems, e->t.dtype->bytes, &bytes) || bytes != e->size))
        return ggx_fail_at(w->error, GGX_E_MALFORMED, w->r->main, GGX_NO_OFFSET,
                           "tensor '%.*s' has %llu bytes, but its shape needs %llu; the index is damaged",
                           GGX_STR_ARGS(name), (unsigned long long)e->size, (unsigned long long)bytes);
    if (!e->size) return GGX_OK;
    ggx_status status = open_shard(w->r, e->shard, &piece->member, w->error);
    if (status == GGX_OK) status = w->r->source->member(w->r->source, piece->member, &m, w->error);
    if (status == GGX_OK && (e->offset > m.size || e->size > m.size - e->offset))
        return ggx_fail_at(
            w->error, GGX_E_MALFORMED, piece->member, m.size,
            "tensor '%.*s' ends at byte %llu + %llu, but the file at %llu; it is cut short, fetch it again",
            GGX_STR_ARGS(name), (unsigned long long)e->offset, (unsigned long long)e->size, (unsigned long long)m.size);
    return status;
}

static int by_key(const void *left, const void *right)
{
    const part *a = left, *b = right;
    uint64_t n = a->key.size < b->key.size ? a->key.size : b->key.size;
    int order = memcmp(a->key.data, b->key.data, (size_t)n);
    return order ? order : (a->key.size > b->key.size) - (a->key.size < b->key.size);
}

static ggx_status add_part(walk *w, const entry *e, uint64_t *filled)
{
    ggx_str key = tf_name_join(w->r, key_of(w), "");
    if (!key.data) return tf_no_memory(w->tensors, w->error);
    w->parts[*filled].key = key;
    w->parts[(*filled)++].e = *e;
    return GGX_OK;
}

/* One slice of the tensor: its own entry is found by the key that name and slice make. */
static ggx_status add_slice(walk *w, const tf_tensor *t, tf_piece *piece)
{
    part wanted;
    uint64_t room = tf_slice_key_room(t->name, t->rank);
    uint8_t *key = w->r->host->alloc(w->r->host, room);
    if (!key) return tf_no_memory(w->tensors, w->error);
    wanted.key = (ggx_str){(const char *)key, tf_slice_key(t->name, piece, t->rank, key)};
    part *found = bsearch(&wanted, w->parts, (size_t)w->part_count, sizeof *w->parts, by_key);
    if (!found)
        return ggx_fail_at(
            w->error, GGX_E_MALFORMED, w->r->main, GGX_NO_OFFSET,
            "the index names a slice of tensor '%.*s' that it does not hold; the checkpoint is not complete",
            GGX_STR_ARGS(t->name));
    found->used = 1;
    if (found->e.slices || found->e.t.dtype != t->dtype || found->e.t.elems != tf_piece_elems(piece, t->rank))
        return ggx_fail_at(w->error, GGX_E_MALFORMED, w->r->main, GGX_NO_OFFSET,
                           "a slice of tensor '%.*s' has another type or size than the tensor says",
                           GGX_STR_ARGS(t->name));
    return place_entry(w, t->name, &found->e, piece);
}

static ggx_status add_slices(walk *w, tf_tensor *t)
{
    ggx_sstable_block *b = w->table.data;
    ggx_pb m, inner;
    b->c.at = b->value;
    for (ggx_pb_begin(&m, &b->c, b->value + b->value_size); ggx_pb_next(&m);) {
        if (!ggx_pb_is(&m, 7, GGX_PB_LEN)) continue;
        tf_piece *piece = &t->pieces[t->piece_count];
        ggx_pb_enter(&inner, &m);
        ggx_status status = tf_slice_read(&inner, t, piece);
        if (status == GGX_OK) status = add_slice(w, t, piece);
        if (status != GGX_OK) return status;
        t->piece_count++;
    }
    return tf_pieces_check(t, w->r->main, GGX_NO_OFFSET, w->error);
}

static ggx_status add_tensor(walk *w, const entry *e)
{
    tf_tensor *t = &w->r->tensors[w->r->tensor_count];
    ggx_status status = GGX_OK;
    ggx_str key = key_of(w);
    *t = e->t;
    t->pieces = &w->r->pieces[w->r->piece_count];
    if (key.size > TF_MAX_NAME) return refuse(w, GGX_E_UNSUPPORTED, "has a name longer than 65535 bytes:", key.size);
    if (!e->t.dtype->type && tf_name_is(key, OBJECTS) && !e->slices) return place_entry(w, key, e, &w->r->objects);
    if (!e->t.dtype->type && (e->code != TF_STRING || e->slices || e->size > TF_MAX_STRINGS)) {
        tf_leave_out(w->r, key);
        return GGX_OK;
    }
    t->name = tf_name_join(w->r, key, "");
    if (!t->name.data) return tf_no_memory(w->tensors, w->error);
    if (!e->t.dtype->type) {
        status = place_entry(w, t->name, e, t->pieces);
        w->r->piece_count++;
        t->piece_count = 1;
        w->r->strings[w->r->string_count++] = *t;
        return status;
    }
    if (e->slices) {
        status = add_slices(w, t);
    } else {
        t->piece_count = 1;
        memcpy(t->pieces->count, t->shape, sizeof t->shape);
        status = place_entry(w, t->name, e, t->pieces);
    }
    t->access = t->piece_count == 1 && !t->dtype->bits ? GGX_ACCESS_RAW : GGX_ACCESS_READER;
    w->r->piece_count += t->piece_count;
    w->r->tensor_count++;
    return status;
}

static ggx_status fill(walk *w)
{
    tf_reader *r = w->r;
    uint64_t filled = 0, unused = 0;
    r->tensors = r->host->alloc(r->host, w->tensors * sizeof *r->tensors); /* counts are below the file's bytes */
    r->pieces = r->host->alloc(r->host, w->pieces * sizeof *r->pieces);
    r->strings = r->host->alloc(r->host, w->strings * sizeof *r->strings);
    w->parts = r->host->alloc(r->host, w->part_count * sizeof *w->parts);
    if (!r->tensors || !r->pieces || !r->strings || !w->parts) return tf_no_memory(w->tensors, w->error);
    ggx_sstable_rewind(&w->table, w->error);
    (void)ggx_sstable_next(&w->table, w->error); /* the header */
    while (ggx_sstable_next(&w->table, w->error)) {
        entry e;
        ggx_status status = read_entry(w, &e);
        if (status == GGX_OK) status = is_part(key_of(w)) ? add_part(w, &e, &filled) : add_tensor(w, &e);
        if (status != GGX_OK) return status;
    }
    for (uint64_t i = 0; i < filled; i++) unused += !w->parts[i].used;
    if (unused) {
        char text[96];
        snprintf(text, sizeof text, "%llu slices belong to no tensor of the index, and are left out",
                 (unsigned long long)unused);
        r->host->log(r->host, GGX_LOG_WARNING, text);
    }
    return w->table.status;
}

/* Now, as it is read, or never. */
static ggx_status verify(tf_reader *r, tf_tensor *t, tf_piece *piece, ggx_error *error)
{
    if (!piece->size) return GGX_OK;
    if (tf_verify_wanted(r, piece->size)) return tf_verify_piece(r, t->name, piece, error);
    if (!r->verify) return GGX_OK;
    t->access = GGX_ACCESS_READER;
    return tf_verify_later(r, piece, error);
}

ggx_status tf_bundle_read(tf_reader *r, ggx_error *error)
{
    walk w;
    memset(&w, 0, sizeof w);
    w.r = r;
    w.error = error;
    ggx_status status = ggx_sstable_open(&w.table, r->host, r->source, r->main, error);
    if (status == GGX_OK) status = count_entries(&w);
    if (status == GGX_OK) status = fill(&w);
    for (uint64_t i = 0; status == GGX_OK && i < r->tensor_count; i++)
        for (uint64_t k = 0; status == GGX_OK && k < r->tensors[i].piece_count; k++)
            status = verify(r, &r->tensors[i], &r->tensors[i].pieces[k], error);
    return status;
}
