/* ggx_sdk/sstable.h - reads a sorted string table: keys and values in order, in blocks. LevelDB's format (doc/table_format.md), which
 * TensorFlow's checkpoints are written in.
 *
 *     ggx_sstable_open(&table, host, source, member, error);
 *     for (ggx_sstable_rewind(&table, error); ggx_sstable_next(&table, error);) {
 *         … table.key, table.key_size; the value is read through table.data.c from table.data.value on …
 *     }
 *     if (table.status != GGX_OK) return table.status;
 *
 * Every block's CRC is checked, keys must rise, and blocks must lie one behind the other, so that one walk costs no more than
 * the file has bytes. Memory is host->alloc's and is reused from block to block. */
#ifndef GGX_SDK_SSTABLE_H
#define GGX_SDK_SSTABLE_H

#include "cursor.h"
#include "memory.h"
#include <ggx/host.h>

#define GGX_SSTABLE_FOOTER 48u
#define GGX_SSTABLE_MAGIC 0xdb4775248b80fb57u
#define GGX_SSTABLE_TRAILER 5u  /* after each block: its packing, then the masked CRC-32C of block and packing */
#define GGX_SSTABLE_KEY 196608u /* longest key: three times the longest name */

/* Where a block lies. */
typedef struct ggx_sstable_place {
    uint64_t offset, size; /* bytes; without the trailer */
} ggx_sstable_place;

/* One block, and an entry of it. */
typedef struct ggx_sstable_block {
    ggx_sstable_place place;
    ggx_cursor c;     /* over the block's bytes: the file's own, or unpacked in memory */
    uint64_t next;    /* where the next entry begins, in the cursor's terms */
    uint64_t entries; /* where the first entry begins */
    uint64_t end;     /* behind the last entry */
    uint64_t restart_count;
    uint64_t value, value_size; /* the entry's value, in the cursor's terms */
    uint8_t *key, *spare;       /* the entry's key; the one before */
    uint64_t key_size, key_room;
    const ggx_host *host;
    ggx_memory memory;
    uint8_t *bytes, *packed;
    uint64_t bytes_room, packed_room;
    uint32_t has_key;       /* 1: `key` holds the key before */
    uint32_t snappy;        /* 1: the block was packed */
    int32_t ready, in_file; /* 1: `place` is loaded by ggx_sstable_load, and how */
} ggx_sstable_block;

typedef struct ggx_sstable {
    const ggx_host *host;
    const ggx_source *source;
    uint64_t size;   /* bytes of the member */
    uint64_t walked; /* first byte behind the blocks that the walk has read */
    ggx_sstable_place index_place;
    ggx_sstable_block *index; /* its values are the places of data blocks */
    ggx_sstable_block *data;
    uint32_t member;
    ggx_status status; /* of the walk */
} ggx_sstable;

/* 1 when the last bytes of a file of `size` bytes are the footer of such a table. `tail` holds 48 bytes or the whole file. */
int ggx_sstable_probe(ggx_str tail, uint64_t size);

/* Reads the footer and the index block. Errors: GGX_E_MALFORMED, GGX_E_INTEGRITY, GGX_E_UNSUPPORTED (another packing than Snappy). */
ggx_status ggx_sstable_open(ggx_sstable *t, const ggx_host *host, const ggx_source *source, uint32_t member,
                            ggx_error *error);

/* A walk over all entries; the entry is t->data's. `next` gives 0 at the end and at a failure, which t->status tells. */
void ggx_sstable_rewind(ggx_sstable *t, ggx_error *error);
int ggx_sstable_next(ggx_sstable *t, ggx_error *error);

/* Where the block lies that must hold `key`. GGX_E_NOTFOUND when all keys come before it. Moves the index, so ends a walk. */
ggx_status ggx_sstable_find(ggx_sstable *t, const void *key, uint64_t key_size, ggx_sstable_place *out,
                            ggx_error *error);

/* Loads a block to t->data. With `in_file`, one that is not packed stays in the file and its CRC is not checked, so that a
 * value of any length costs nothing. */
ggx_status ggx_sstable_load(ggx_sstable *t, ggx_sstable_place place, int in_file, ggx_error *error);

/* Checks the CRC of a block that ggx_sstable_load left in the file, in parts. */
ggx_status ggx_sstable_check(const ggx_sstable *t, ggx_sstable_place place, ggx_error *error);

/* The entry of the loaded block with that key: 1, or 0 when there is none or at a failure (t->data->c.status). */
int ggx_sstable_seek(ggx_sstable *t, const void *key, uint64_t key_size);

/* The next entry of a block; 0 at its end and at a failure (b->c.status). */
int ggx_sstable_block_next(ggx_sstable_block *b);

/* Turns the place of a failure inside an unpacked block, which is no place in the file, into that of the block. */
void ggx_sstable_blame(const ggx_sstable_block *b, ggx_error *error);

#endif
