/* build.c - see build.h. Written from the formats' descriptions, not from the reader. */
#include "build.h"

#include <ggx_sdk/crc32c.h>
#include <stdlib.h>
#include <string.h>

void buf_add(buf *b, const void *data, size_t size)
{
    if (b->size + size > b->room) {
        b->room = (b->size + size) * 2;
        b->data = realloc(b->data, b->room);
        if (!b->data) abort();
    }
    if (size) memcpy(b->data + b->size, data, size);
    b->size += size;
}

void buf_byte(buf *b, unsigned byte)
{
    uint8_t one = (uint8_t)byte;
    buf_add(b, &one, 1);
}

void buf_varint(buf *b, uint64_t v)
{
    for (; v > 127; v >>= 7) buf_byte(b, (unsigned)(v & 127) | 128);
    buf_byte(b, (unsigned)v);
}

void buf_u32(buf *b, uint32_t v)
{
    for (int i = 0; i < 4; i++) buf_byte(b, v >> (8 * i) & 255);
}

void buf_free(buf *b)
{
    free(b->data);
    memset(b, 0, sizeof *b);
}

void pb_number(buf *b, uint32_t field, uint64_t v)
{
    buf_varint(b, (uint64_t)field << 3);
    buf_varint(b, v);
}

void pb_fixed32(buf *b, uint32_t field, uint32_t v)
{
    buf_varint(b, (uint64_t)field << 3 | 5);
    buf_u32(b, v);
}

void pb_bytes(buf *b, uint32_t field, const void *data, size_t size)
{
    buf_varint(b, (uint64_t)field << 3 | 2);
    buf_varint(b, size);
    buf_add(b, data, size);
}

void pb_text(buf *b, uint32_t field, const char *text)
{
    pb_bytes(b, field, text, strlen(text));
}

void pb_message(buf *b, uint32_t field, buf *message)
{
    pb_bytes(b, field, message->data, message->size);
    buf_free(message);
}

void pb_shape(buf *b, uint32_t field, const uint64_t *shape, uint32_t rank)
{
    buf dims = {0};
    for (uint32_t i = 0; i < rank; i++) {
        buf dim = {0};
        pb_number(&dim, 1, shape[i]);
        pb_message(&dims, 2, &dim);
    }
    pb_message(b, field, &dims);
}

void pb_slice(buf *b, uint32_t field, const int64_t *starts_and_counts, uint32_t rank)
{
    buf slice = {0};
    for (uint32_t i = 0; i < rank; i++) {
        buf extent = {0};
        if (starts_and_counts[2 * i]) pb_number(&extent, 1, (uint64_t)starts_and_counts[2 * i]);
        if (starts_and_counts[2 * i + 1] >= 0) pb_number(&extent, 2, (uint64_t)starts_and_counts[2 * i + 1]);
        pb_message(&slice, 1, &extent);
    }
    pb_message(b, field, &slice);
}

/* ---- Snappy ------------------------------------------------------------------------------------------------------------------ */

static void put_literal(buf *out, const uint8_t *data, size_t size)
{
    if (!size) return;
    if (size <= 60) {
        buf_byte(out, (unsigned)(size - 1) << 2);
    } else {
        buf_byte(out, 62u << 2);
        for (int i = 0; i < 3; i++) buf_byte(out, (size - 1) >> (8 * i) & 255);
    }
    buf_add(out, data, size);
}

/* Copies of what lies at most 64 bytes back, in all three forms in turn. */
static void pack(buf *out, const uint8_t *data, size_t size)
{
    size_t from = 0, at = 0;
    unsigned form = 0;
    buf_varint(out, size);
    while (at < size) {
        size_t best = 0, back = 0;
        for (size_t d = 1; d <= 64 && d <= at; d++) {
            size_t n = 0;
            while (at + n < size && n < 64 && data[at + n] == data[at + n - d]) n++;
            if (n <= best) continue;
            best = n;
            back = d;
        }
        if (best < 6) {
            at++;
            continue;
        }
        put_literal(out, data + from, at - from);
        form = (form + 1) % 3;
        if (form == 0 && best > 11) best = 11;
        if (form == 0) {
            buf_byte(out, 1u | (unsigned)(best - 4) << 2 | (unsigned)(back >> 8) << 5);
            buf_byte(out, back & 255);
        } else {
            buf_byte(out, 1u + form + ((unsigned)(best - 1) << 2));
            for (unsigned i = 0; i < 2 * form; i++) buf_byte(out, back >> (8 * i) & 255);
        }
        from = at += best;
    }
    put_literal(out, data + from, size - from);
}

/* ---- tables ------------------------------------------------------------------------------------------------------------------ */

void put_block(buf *file, const buf *block, int snappy, buf *handle)
{
    buf packed = {0};
    size_t begin = file->size;
    if (snappy) pack(&packed, block->data, block->size);
    const buf *body = snappy ? &packed : block;
    buf_varint(handle, begin);
    buf_varint(handle, body->size);
    buf_add(file, body->data, body->size);
    buf_byte(file, snappy ? 1 : 0);
    buf_u32(file, ggx_crc32c_mask(ggx_crc32c(0, file->data + begin, file->size - begin)));
    buf_free(&packed);
}

void put_footer(buf *file, const buf *index_handle)
{
    static const uint8_t magic[] = {0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb};
    size_t begin = file->size;
    buf_varint(file, 0); /* the meta index: nobody reads it */
    buf_varint(file, 0);
    buf_add(file, index_handle->data, index_handle->size);
    while (file->size - begin < 40) buf_byte(file, 0);
    buf_add(file, magic, sizeof magic);
}

void table_begin(table *t)
{
    memset(t, 0, sizeof *t);
    t->per_block = 4;
    t->per_restart = 2;
}

static void put_entry(buf *block, const void *key, size_t key_size, size_t shared, const void *value, size_t value_size)
{
    buf_varint(block, shared);
    buf_varint(block, key_size - shared);
    buf_varint(block, value_size);
    if (key_size > shared) buf_add(block, (const uint8_t *)key + shared, key_size - shared);
    buf_add(block, value, value_size);
}

static void put_restarts(buf *block, const uint32_t *restarts, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) buf_u32(block, restarts[i]);
    buf_u32(block, count);
}

static void flush(table *t)
{
    buf handle = {0};
    if (!t->in_block) return;
    put_restarts(&t->block, t->restarts, t->restart_count);
    put_block(&t->file, &t->block, t->snappy, &handle);
    put_entry(&t->index, t->key.data, t->key.size, 0, handle.data, handle.size);
    buf_free(&t->block);
    buf_free(&handle);
    t->in_block = t->restart_count = 0;
}

void table_add(table *t, const void *key, size_t key_size, const void *value, size_t value_size)
{
    size_t shared = 0;
    if (t->in_block == t->per_block) flush(t);
    if (t->in_block % t->per_restart == 0 && t->restart_count < 4096) {
        t->restarts[t->restart_count++] = (uint32_t)t->block.size;
    } else {
        while (shared < key_size && shared < t->key.size && ((const uint8_t *)key)[shared] == t->key.data[shared])
            shared++;
    }
    put_entry(&t->block, key, key_size, shared, value, value_size);
    t->key.size = 0;
    buf_add(&t->key, key, key_size);
    t->in_block++;
}

buf table_end(table *t)
{
    buf handle = {0}, file;
    flush(t);
    uint32_t restart = 0;
    put_restarts(&t->index, &restart, t->index.size ? 1 : 0);
    put_block(&t->file, &t->index, t->snappy, &handle);
    put_footer(&t->file, &handle);
    file = t->file;
    buf_free(&handle);
    buf_free(&t->index);
    buf_free(&t->key);
    buf_free(&t->block);
    return file;
}

void slice_key(buf *b, const char *name, const int64_t *starts_and_counts, uint32_t rank)
{
    buf_byte(b, 0);
    buf_add(b, name, strlen(name));
    buf_byte(b, 0);
    buf_byte(b, 1);
    buf_byte(b, rank ? 1 : 0);
    if (rank) buf_byte(b, rank);
    for (uint32_t i = 0; i < 2 * rank; i++)
        buf_byte(b, starts_and_counts[i] < 0 ? 0x7f : 0x80u | (unsigned)starts_and_counts[i]);
}

/* ---- V2 checkpoints ---------------------------------------------------------------------------------------------------------- */

void bundle_begin(bundle *b, uint32_t shards, int big)
{
    buf header = {0}, version = {0};
    memset(b, 0, sizeof *b);
    table_begin(&b->index);
    pb_number(&header, 1, shards);
    if (big) pb_number(&header, 2, 1);
    pb_number(&version, 1, 1);
    pb_message(&header, 3, &version);
    table_add(&b->index, "", 0, header.data, header.size);
    buf_free(&header);
}

void bundle_add(bundle *b, const char *name, uint32_t dtype, const uint64_t *shape, uint32_t rank, const void *data,
                size_t size)
{
    buf entry = {0};
    pb_number(&entry, 1, dtype);
    pb_shape(&entry, 2, shape, rank);
    if (b->data.size) pb_number(&entry, 4, b->data.size);
    pb_number(&entry, 5, size);
    pb_fixed32(&entry, 6, ggx_crc32c_mask(ggx_crc32c(0, data, size)));
    table_add(&b->index, name, strlen(name), entry.data, entry.size);
    buf_add(&b->data, data, size);
    buf_free(&entry);
}
