/* build.h - writes what TensorFlow writes, for tests and the fuzz target: messages, tables, checkpoints. */
#ifndef TESTS_READER_TF_BUILD_H
#define TESTS_READER_TF_BUILD_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that grow. Memory that is not there ends the program. */
typedef struct buf {
    uint8_t *data;
    size_t size, room;
} buf;

void buf_add(buf *b, const void *data, size_t size);
void buf_byte(buf *b, unsigned byte);
void buf_varint(buf *b, uint64_t v);
void buf_u32(buf *b, uint32_t v);
void buf_free(buf *b);

/* Fields of a message. `message` is emptied. */
void pb_number(buf *b, uint32_t field, uint64_t v);
void pb_fixed32(buf *b, uint32_t field, uint32_t v);
void pb_bytes(buf *b, uint32_t field, const void *data, size_t size);
void pb_text(buf *b, uint32_t field, const char *text);
void pb_message(buf *b, uint32_t field, buf *message);
/* TensorShapeProto, and TensorSliceProto where a count of -1 is the whole axis. */
void pb_shape(buf *b, uint32_t field, const uint64_t *shape, uint32_t rank);
void pb_slice(buf *b, uint32_t field, const int64_t *starts_and_counts, uint32_t rank);

/* A table. Keys must be added in order (or, to be refused, not). */
typedef struct table {
    buf file, block, index, key;
    uint32_t restarts[4096], restart_count, in_block;
    uint32_t per_block, per_restart; /* entries; set them after table_begin */
    int snappy;                      /* 1: blocks are packed */
} table;

void table_begin(table *t);
void table_add(table *t, const void *key, size_t key_size, const void *value, size_t value_size);
/* The whole file; the table is emptied. */
buf table_end(table *t);

/* Appends a block with its trailer to a file and its place to `handle`. */
void put_block(buf *file, const buf *block, int snappy, buf *handle);
void put_footer(buf *file, const buf *index_handle);

/* The key of a slice in ordered code; starts and counts below 64, a count of -1 the whole axis. */
void slice_key(buf *b, const char *name, const int64_t *starts_and_counts, uint32_t rank);

/* A V2 checkpoint in the making: its data are one shard. Names must rise. */
typedef struct bundle {
    table index;
    buf data;
} bundle;

void bundle_begin(bundle *b, uint32_t shards, int big);
/* An entry whose bytes are added to the data. The CRC is that of the bytes. */
void bundle_add(bundle *b, const char *name, uint32_t dtype, const uint64_t *shape, uint32_t rank, const void *data,
                size_t size);

#endif
