/* tf.h - the parts of the TensorFlow reader, shared among its files alone.
 *
 * find.c decides what was given; bundle.c (V2 checkpoints), slices.c (V1 checkpoints) and graph.c (GraphDefs) each turn one kind of
 * file into a list of tensors; plugin.c pushes the list; boxes.c reads boxes of the tensors that do not lie in one piece; values.c gives the numbers
 * of a TensorProto. The formats: docs/formats/tf.md. */
#ifndef GGX_READER_TF_H
#define GGX_READER_TF_H

#include <ggx/reader.h>
#include <ggx_sdk/protobuf.h>
#include <ggx_sdk/sstable.h>
#include <stdatomic.h>

#define TF_MAX_NAME 65535u
#define TF_MAX_SHARDS 100000u     /* shard numbers have five digits */
#define TF_MAX_SLICES 4096u       /* of one partitioned variable */
#define TF_MAX_STRINGS (1u << 20) /* bytes of a string tensor that is handed on */
#define TF_BIG_SLOT 64u           /* bytes of ".data-00000-of-00001" and the like, and more */

/* How the typed fields of a TensorProto hold one unit. */
#define TF_PACK_VARINT 0u
#define TF_PACK_32 1u
#define TF_PACK_64 2u
#define TF_PACK_BYTES 3u

/* One DataType of TensorFlow's types.proto. A complex element is two units. */
typedef struct tf_dtype {
    const char *name; /* TensorFlow's, as in messages */
    const char *type; /* ggx's; NULL: no numbers (strings, handles), such tensors are left out */
    uint8_t bytes;    /* of one element */
    uint8_t units;    /* 1; complex 2 */
    uint8_t bits;     /* int4, int2: bits in use, whose sign must be spread; otherwise 0 */
    uint8_t field;    /* of TensorProto, that holds the values */
    uint8_t pack;     /* TF_PACK_* */
} tf_dtype;

/* What has been read of a piece, whose CRC is compared when that is all. */
typedef struct tf_check {
    atomic_uint_fast64_t covered; /* bytes */
    atomic_uint_fast32_t crc;     /* of them, each part moved to its place (ggx_crc32c_before) */
} tf_check;

/* A part of a tensor that lies somewhere by itself. */
typedef struct tf_piece {
    uint64_t start[GGX_MAX_RANK], count[GGX_MAX_RANK];
    uint64_t offset, size; /* V2: of the bytes; V1: of the table's block; graph: of the TensorProto */
    uint32_t member;       /* V2, graph: of the source; V1: number of the table */
    uint32_t crc;          /* V2: masked */
    tf_check *check;       /* V2: NULL when the CRC was compared at opening, or shall not be */
    uint32_t full;         /* V1: a bit for each axis that the slice names as a whole */
} tf_piece;

typedef struct tf_tensor {
    ggx_str name;
    const tf_dtype *dtype;
    uint64_t shape[GGX_MAX_RANK];
    tf_piece *pieces; /* rising by their starts; none for an empty tensor */
    uint64_t piece_count;
    uint64_t elems;
    uint32_t rank, access;
    uint32_t auxiliary;
} tf_tensor;

/* The numbers of one TensorProto, given in order. */
typedef struct tf_values {
    ggx_cursor c;
    ggx_pb m; /* the fields of the message */
    const tf_dtype *dtype;
    uint64_t begin, run, run_end; /* the message; where the values go on in the current field */
    uint64_t at;                  /* units given so far */
    uint64_t seen;                /* units that were there */
    uint64_t last[2];             /* the last two of them, that with an odd number in [1] */
    uint64_t content, content_size;
} tf_values;

#define TF_BUNDLE 1u
#define TF_SLICES 2u
#define TF_GRAPH 3u

typedef struct tf_reader {
    const ggx_host *host;
    const ggx_source *source;
    tf_tensor *tensors;
    uint64_t tensor_count;
    tf_piece *pieces;
    uint64_t piece_count;
    uint32_t format; /* TF_* */
    uint32_t main;   /* the member that lists the tensors */
    int32_t big;     /* 1: the data are big-endian */
    int32_t verify;  /* 1: all CRCs, 0: none, -1: those that cost little */
    uint64_t verify_left;
    ggx_str prefix; /* of a V2 checkpoint's shards */
    uint32_t *shards, shard_count;
    ggx_sstable *tables; /* of a V1 checkpoint */
    uint32_t table_count;
    uint64_t graph, graph_end; /* where the GraphDef lies in `main` */
    uint64_t left_out;         /* tensors without numbers */
    char first_left_out[80];
    tf_tensor *strings; /* V2: small string tensors, a piece each */
    uint64_t string_count;
    tf_piece objects;                 /* where the object graph lies; size 0: none */
    tf_values values;                 /* what the last sequential read left */
    uint64_t reading;                 /* 1 + number of the piece that `values` is of */
    uint8_t *key;                     /* of a V1 slice, being made */
    const ggx_sstable *checked_table; /* the block whose CRC was checked last */
    uint64_t checked;
} tf_reader;

/* ---- names.c: tables */
const tf_dtype *tf_dtype_find(uint64_t code);
int tf_name_auxiliary(ggx_str name);
int tf_name_ends(ggx_str name, const char *end);
int tf_name_is(ggx_str name, const char *text);
/* "-00001-of-00002" at the end of a name: its length, or 0. */
uint64_t tf_name_shard(ggx_str name, uint32_t *shard, uint32_t *count);
/* `name` with `end` behind it, in memory of the reader; data NULL when there is none. */
ggx_str tf_name_join(const tf_reader *r, ggx_str name, const char *end);

/* ---- find.c */
int32_t tf_find_probe(const ggx_probe *p);
/* Decides the format and sets main, prefix, tables or graph. */
ggx_status tf_find(tf_reader *r, ggx_error *error);

/* ---- shapes.c: messages that all formats share, and what they mean together */
/* TensorShapeProto; sets rank, shape and elems. */
ggx_status tf_shape_read(ggx_pb *m, tf_tensor *t);
/* TensorSliceProto, of a tensor whose shape is known. */
ggx_status tf_slice_read(ggx_pb *m, const tf_tensor *t, tf_piece *piece);
/* TensorSlice's key in a table: name and slice in LevelDB-like ordered code. `out` has room for tf_slice_key_room bytes. */
uint64_t tf_slice_key(ggx_str name, const tf_piece *piece, uint32_t rank, uint8_t *out);
uint64_t tf_slice_key_room(ggx_str name, uint32_t rank);
/* Elements of a piece; 0 for one with an empty axis. */
uint64_t tf_piece_elems(const tf_piece *piece, uint32_t rank);
/* Sorts a tensor's pieces; together they must be the whole, once. */
ggx_status tf_pieces_check(const tf_tensor *t, uint32_t member, uint64_t offset, ggx_error *error);
/* Notes a tensor that has no numbers. */
void tf_leave_out(tf_reader *r, ggx_str name);
/* Copies a name; refuses one that is too long. `what` as in messages. */
ggx_status tf_name_keep(tf_reader *r, ggx_pb *m, ggx_str *out, const char *what);
ggx_status tf_no_memory(uint64_t count, ggx_error *error);

/* ---- the formats: fill tensors and pieces */
ggx_status tf_bundle_read(tf_reader *r, ggx_error *error);
ggx_status tf_slices_read(tf_reader *r, ggx_error *error);
ggx_status tf_graph_read(tf_reader *r, ggx_error *error);
/* Puts the stream of a V1 piece at its TensorProto. */
ggx_status tf_slices_stream(tf_reader *r, const tf_tensor *t, const tf_piece *piece, ggx_error *error);

/* ---- objects.c: full names from the object graph, as key/values */
ggx_status tf_objects_push(tf_reader *r, const ggx_sink *sink, ggx_error *error);

/* ---- strings.c: a string tensor of a V2 checkpoint, as a key/value "tf.string.<name>" */
ggx_status tf_strings_push(tf_reader *r, const tf_tensor *t, const ggx_sink *sink, ggx_error *error);

/* ---- verify.c */
/* Whether `size` bytes more are to be checked; counts them. */
int tf_verify_wanted(tf_reader *r, uint64_t size);
/* Lets a V2 piece be checked as it is read. */
ggx_status tf_verify_later(tf_reader *r, tf_piece *piece, ggx_error *error);
/* Reads `size` bytes of a V2 piece from its byte `at` on, and counts them; compares the CRC when they were the last. */
ggx_status tf_verify_read(tf_reader *r, ggx_str name, const tf_piece *piece, uint64_t at, uint8_t *out, uint64_t size,
                          ggx_error *error);
/* Checks the CRC of a V2 piece. */
ggx_status tf_verify_piece(tf_reader *r, ggx_str name, const tf_piece *piece, ggx_error *error);

/* ---- values.c */
/* The TensorProto of `size` bytes at `offset`. `dtype` is what the caller expects. */
ggx_status tf_values_begin(tf_values *v, const ggx_source *source, uint32_t member, uint64_t offset, uint64_t size,
                           const tf_dtype *dtype, ggx_error *error);
/* The next `units`, in host byte order, to `out`, or nowhere when that is NULL. What is missing repeats the last, as in TensorFlow. */
ggx_status tf_values_take(tf_values *v, uint64_t units, uint8_t *out, ggx_error *error);
/* Where `bytes` little-endian bytes of values lie in one run; 0 when they do not. */
uint64_t tf_values_run(tf_values *v, uint64_t bytes);

/* ---- boxes.c */
ggx_status tf_box_read(tf_reader *r, uint64_t number, const ggx_box *box, uint8_t *out, ggx_error *error);
/* 1: this machine keeps the low byte first. */
int tf_host_little(void);
void tf_swap(uint8_t *bytes, uint64_t count, uint32_t unit);

#endif
