/* h5.h - the parts of the HDF5 reader, shared among its files alone.
 *
 * Layers, each in its own file: file.c (superblock, bounded reads), object.c (object headers and their messages), heap.c (where names and
 * large values lie), btree2.c, group.c (the children of a group), type.c (data types, data spaces), attribute.c, dataset.c (one dataset as a
 * tensor), chunk.c and chunk_array.c (where chunks lie), decode.c and scale.c (filters, boxes), keras.c (names), plugin.c.
 * Source of all layouts: "HDF5 File Format Specification Version 3.0", The HDF Group; its section is named where bytes are read.
 * Offsets ("addresses") count from the file's base; an address of all ones says that there is nothing. */
#ifndef GGX_READER_H5_H
#define GGX_READER_H5_H

#include <ggx/reader.h>
#include <ggx_sdk/checked.h>
#include <ggx_sdk/cursor.h>

#define H5_NONE UINT64_MAX
#define H5_MAX_DEPTH 32u  /* groups in groups */
#define H5_MAX_RANK 32u   /* H5S_MAX_RANK */
#define H5_MAX_FILTERS 8u /* of one dataset; three are known */
#define H5_MAX_FILL 16u   /* bytes of an element of the widest type, c128 */

typedef struct h5_file {
    const ggx_host *host;
    const ggx_source *source;
    uint32_t member;
    uint32_t offset_bytes, length_bytes; /* of an address and of a length in this file: 2, 4 or 8 */
    uint64_t base, end;                  /* in the member */
    uint64_t root;                       /* address of the root group's object header */
    uint64_t steps, max_steps;           /* structures visited, so that a file whose structures form a circle ends */
} h5_file;

/* file.c: finds the superblock in [begin, end) of the member. */
ggx_status h5_file_open(h5_file *f, uint64_t begin, uint64_t end, ggx_error *error);

/* file.c: a cursor over `size` bytes (or to the end of file: H5_NONE) from an address. Counts a step. When it fails, the cursor gives zeros. */
ggx_status h5_file_at(h5_file *f, ggx_cursor *c, uint64_t address, uint64_t size, const char *what, ggx_error *error);

/* file.c: the next address, or H5_NONE; the next length. */
uint64_t h5_address(const h5_file *f, ggx_cursor *c, const char *what);
uint64_t h5_length(const h5_file *f, ggx_cursor *c, const char *what);

/* file.c: four bytes that must be `signature`. */
ggx_status h5_signature(ggx_cursor *c, const char *signature, ggx_error *error);

/* file.c: refuses with the cursor's place. */
ggx_status h5_bad(const ggx_cursor *c, ggx_error *error, const char *text);
ggx_status h5_cannot(const ggx_cursor *c, ggx_error *error, const char *text);

/* Object header messages that are read (IV.A.2). */
#define H5_MSG_SPACE 0x1
#define H5_MSG_LINK_INFO 0x2
#define H5_MSG_TYPE 0x3
#define H5_MSG_OLD_FILL 0x4
#define H5_MSG_FILL 0x5
#define H5_MSG_LINK 0x6
#define H5_MSG_EXTERNAL 0x7
#define H5_MSG_LAYOUT 0x8
#define H5_MSG_FILTERS 0xb
#define H5_MSG_ATTRIBUTE 0xc
#define H5_MSG_CONTINUATION 0x10
#define H5_MSG_SYMBOLS 0x11
#define H5_MSG_ATTRIBUTE_INFO 0x15

#define H5_SHARED 2u /* message flag: the message is a reference to one elsewhere */

/* Called for each message; the cursor is bounded by the message. */
typedef ggx_status (*h5_message_fn)(void *context, uint32_t type, uint32_t flags, ggx_cursor *c, ggx_error *error);

/* object.c */
ggx_status h5_object_walk(h5_file *f, uint64_t address, h5_message_fn fn, void *context, ggx_error *error);

/* btree2.c: calls `fn` for each record of a version 2 B-tree, in order (III.A.2). */
typedef ggx_status (*h5_record_fn)(void *context, const uint8_t *record, uint32_t size, uint32_t type,
                                   ggx_error *error);
ggx_status h5_btree2_walk(h5_file *f, uint64_t address, h5_record_fn fn, void *context, ggx_error *error);

/* heap.c: local heaps hold the names of old groups (III.D), global heaps values of variable length (III.E), fractal heaps links and
 * attributes of new files (III.G). */
typedef struct h5_fractal {
    uint32_t id_bytes, offset_bytes, length_bytes, max_bits, width, root_rows;
    uint32_t checksummed;
    uint64_t address, start_size, max_direct, root, max_managed, huge; /* huge: tree of objects too large for blocks */
} h5_fractal;
ggx_status h5_local_name(h5_file *f, uint64_t heap, uint64_t offset, ggx_str *out, ggx_error *error);
ggx_status h5_global_find(h5_file *f, uint64_t collection, uint32_t index, uint64_t *address, uint64_t *size,
                          ggx_error *error);
ggx_status h5_fractal_open(h5_file *f, uint64_t address, h5_fractal *heap, ggx_error *error);
ggx_status h5_fractal_find(h5_file *f, const h5_fractal *heap, const uint8_t *id, uint32_t id_bytes, uint64_t *address,
                           uint64_t *size, ggx_error *error);

/* group.c: calls `fn` for each hard link of a group, with its name and the child's address. An object that is no group has none.
 * *is_group says which. */
typedef ggx_status (*h5_child_fn)(void *context, ggx_str name, uint64_t address, ggx_error *error);
ggx_status h5_group_walk(h5_file *f, uint64_t address, h5_child_fn fn, void *context, int *is_group, ggx_error *error);

/* type.c: what elements are. */
#define H5_OTHER 0  /* nothing that a tensor or key/value holds: references, compounds, opaque bytes */
#define H5_NUMBER 1 /* `type` says which */
#define H5_STRING 2
#define H5_VLEN_STRING 3
#define H5_ODD_NUMBER \
    4 /* a number of a width or layout without a name: a dataset of them is refused, not passed over */

typedef struct h5_type {
    uint32_t kind;
    uint32_t size; /* bytes of an element in the file */
    uint32_t big;  /* 1: big-endian */
    uint32_t pad;  /* strings: 0 ended by NUL, 1 filled with NULs, 2 with spaces */
    ggx_type type; /* numbers */
} h5_type;

typedef struct h5_space {
    uint32_t rank;
    uint32_t null;                                /* 1: no elements at all, not even a scalar */
    uint64_t dims[H5_MAX_RANK], max[H5_MAX_RANK]; /* max: H5_NONE is unlimited */
} h5_space;

ggx_status h5_type_read(h5_file *f, ggx_cursor *c, uint32_t flags, h5_type *out, ggx_error *error);
ggx_status h5_space_read(h5_file *f, ggx_cursor *c, h5_space *out, ggx_error *error);

/* attribute.c: one attribute's values, as a key/value with that name; memory is the host's. Those that no key/value can hold are skipped.
 * `only` (may be empty) restricts to one name. */
typedef ggx_status (*h5_attribute_fn)(void *context, const ggx_kv *kv, ggx_error *error);
ggx_status h5_attributes_walk(h5_file *f, uint64_t address, ggx_str only, h5_attribute_fn fn, void *context,
                              ggx_error *error);

/* dataset.c */
#define H5_COMPACT 0
#define H5_CONTIGUOUS 1
#define H5_CHUNKED 2

#define H5_FILTER_DEFLATE 1
#define H5_FILTER_SHUFFLE 2
#define H5_FILTER_FLETCHER 3
#define H5_FILTER_SCALE 6
#define H5_SCALE_VALUES 10u /* parameters of scale-offset that are kept: eight, and a fill value of up to 8 bytes */

/* How the chunks of a dataset are found: the index types of the layout message, version 4, and the B-tree of older ones. */
#define H5_INDEX_BTREE1 0
#define H5_INDEX_SINGLE 1
#define H5_INDEX_IMPLICIT 2
#define H5_INDEX_FIXED 3
#define H5_INDEX_EXTENSIBLE 4
#define H5_INDEX_BTREE2 5

typedef struct h5_chunk {
    uint64_t index; /* linear, in the grid of chunks */
    uint64_t address;
    uint32_t size; /* bytes in the file */
    uint32_t mask; /* bit i: filter i was not applied */
} h5_chunk;

typedef struct h5_dataset {
    uint64_t object; /* address of its header */
    h5_type type;
    h5_space space;
    uint32_t has_type, has_space, has_layout, layout;
    uint64_t address, size; /* of the data: contiguous and compact */
    uint8_t fill[H5_MAX_FILL];
    uint32_t filter_count;
    uint16_t filters[H5_MAX_FILTERS];
    uint32_t scale[H5_SCALE_VALUES]; /* of scale-offset */
    /* chunked */
    uint32_t chunk_rank;
    uint32_t index, whole_edges; /* whole_edges 1: chunks at the upper edges are not filtered */
    uint64_t chunk[H5_MAX_RANK], grid[H5_MAX_RANK];
    uint64_t chunk_bytes, single_size;
    uint32_t single_mask, single_filtered;
    h5_chunk *chunks; /* sorted by index */
    uint64_t chunk_count;
    struct h5_dataset *next;
} h5_dataset;

/* Reads a dataset's header, without its chunks. has_layout stays 0 when the object is no dataset. */
ggx_status h5_dataset_read(h5_file *f, uint64_t address, h5_dataset *out, ggx_error *error);

/* chunk.c: fills `chunks`. */
ggx_status h5_chunks_read(h5_file *f, h5_dataset *d, ggx_error *error);

/* chunk.c, for the indexes: takes one chunk; its place in the grid is given by scaled coordinates. Chunks outside the grid are left out. */
typedef struct h5_chunk_sink {
    h5_file *f;
    h5_dataset *d;
    uint64_t room;
} h5_chunk_sink;
ggx_status h5_chunk_take(h5_chunk_sink *sink, const uint64_t *scaled, uint64_t address, uint64_t size, uint32_t mask,
                         ggx_error *error);

/* chunk_array.c: fixed arrays (VII.C in the specification's appendix) and extensible arrays (VII.D). */
ggx_status h5_fixed_array_walk(h5_chunk_sink *sink, ggx_error *error);
ggx_status h5_extensible_array_walk(h5_chunk_sink *sink, ggx_error *error);

/* decode.c: reads boxes. Slots hold what one thread needs to unpack a chunk. */
#define H5_SLOTS 64u
typedef struct h5_slot h5_slot;
typedef struct h5_decoder {
    h5_slot *slots;
    uint64_t room; /* bytes of the largest chunk, packed or unpacked */
} h5_decoder;
ggx_status h5_decoder_open(h5_file *f, h5_decoder *decoder, uint64_t room, ggx_error *error);
ggx_status h5_box_read(h5_file *f, h5_decoder *decoder, const h5_dataset *d, const ggx_box *box, uint8_t *out,
                       ggx_error *error);

/* scale.c: the filter scale-offset. */
int h5_scale_is_known(const h5_dataset *d);
int h5_scale_unpack(const h5_dataset *d, const uint8_t *in, uint64_t size, uint8_t *out);

/* keras.c: the datasets of a file with the names that they get. */
typedef struct h5_entry {
    struct h5_entry *next;
    ggx_str path, name; /* `name` is empty as long as the path is it */
    uint64_t address;
    uint64_t order; /* of tensors: those that Keras names, as it lists them, then the others as they lie in the file */
    uint32_t is_group;
    uint32_t flags; /* GGX_TENSOR_* */
} h5_entry;
ggx_status h5_entries_read(h5_file *f, h5_entry ***out, uint64_t *count, ggx_error *error); /* sorted by `order` */

#endif
