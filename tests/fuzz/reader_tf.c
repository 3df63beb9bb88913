/* The TensorFlow reader on any bytes. The first byte's low bits say what they are:
 *   0 a graph   1 an index and its data   2 the entries of an index, and data   3 a V1 table   4 its entries
 *   5 a folder: the file `checkpoint`, entries of an index, data   6 a folder: saved_model.pb, entries of an index, data
 * Bit 3: tables made from entries are packed. Bit 7: CRCs of tensors are not checked. A part but the last begins with its length in two
 * bytes. Entries are (length, key, length, value), lengths of one byte (key) and two; the tables made of them have right CRCs, which
 * no fuzzer would find. */
#include "../reader_tf/build.h"
#include "reader_harness.h"

#include <stdlib.h>
#include <string.h>

#define FILES 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct part {
    const uint8_t *data;
    size_t size;
} part;

static size_t read_length(part *from, size_t bytes)
{
    size_t n = 0;
    for (size_t i = 0; i < bytes && from->size; i++, from->data++, from->size--) n |= (size_t)*from->data << (8 * i);
    return n < from->size ? n : from->size;
}

static part cut(part *from, size_t bytes)
{
    part p = {NULL, read_length(from, bytes)};
    p.data = from->data;
    from->data += p.size;
    from->size -= p.size;
    return p;
}

static buf make_table(part entries, int snappy)
{
    table t;
    table_begin(&t);
    t.snappy = snappy;
    while (entries.size) {
        part key = cut(&entries, 1), value = cut(&entries, 2);
        table_add(&t, key.data, key.size, value.data, value.size);
    }
    return table_end(&t);
}

static void read_boxes(reader_harness *h, const ggx_reader *reader)
{
    ggx_error error;
    for (uint64_t i = 0; i < h->tensor_count && i < 16; i++) {
        static uint8_t out[(1 << GGX_MAX_RANK) * 16];
        const ggx_tensor *t = &h->tensors[i];
        ggx_box box = {.struct_size = sizeof box, .rank = t->rank};
        uint64_t bytes = t->type.block_bytes;
        if (t->access == GGX_ACCESS_RAW) continue;
        for (uint32_t k = 0; k < t->rank; k++) {
            box.count[k] = t->shape[k] < 2 ? t->shape[k] : 2;
            box.start[k] = t->shape[k] < 64 ? t->shape[k] - box.count[k] : 7;
            bytes *= box.count[k];
        }
        (void)reader_harness_read(h, reader, t, &box, out, bytes, &error);
    }
}

static void run(reader_harness *h)
{
    const ggx_reader *reader = reader_harness_vtable();
    ggx_error error;
    (void)reader_harness_probe(h, reader);
    ggx_status status = reader_harness_open(h, reader, &error);
    if (status == GGX_OK) status = reader_harness_index(h, reader, &error);
    if (status == GGX_OK) read_boxes(h, reader);
    reader_harness_close(h, reader);
    if (h->violation[0] || h->refused) abort(); /* a breach of the contract, or an extent outside the file */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct {
        uint32_t kind, parts;
        const char *names[FILES];
        int32_t entries; /* the part that a table is made of */
    } modes[8] = {
        {GGX_SOURCE_FILE, 1, {"g.pb"}, -1},
        {GGX_SOURCE_FILE, 2, {"m.index", "m.data-00000-of-00001"}, -1},
        {GGX_SOURCE_FILE, 2, {"m.index", "m.data-00000-of-00001"}, 0},
        {GGX_SOURCE_FILE, 1, {"e"}, -1},
        {GGX_SOURCE_FILE, 1, {"e"}, 0},
        {GGX_SOURCE_DIRECTORY, 3, {"checkpoint", "m.index", "m.data-00000-of-00001"}, 1},
        {GGX_SOURCE_DIRECTORY,
         3,
         {"saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"},
         1},
        {GGX_SOURCE_FILE, 1, {"x"}, -1},
    };
    static reader_harness h;
    if (!size) return 0;
    part rest = {data + 1, size - 1};
    uint32_t mode = data[0] & 7u;
    buf made = {0};
    reader_harness_init(&h, modes[mode].kind);
    for (uint32_t i = 0; i < modes[mode].parts; i++) {
        part p = i + 1 < modes[mode].parts ? cut(&rest, 2) : rest;
        if ((int32_t)i == modes[mode].entries) {
            made = make_table(p, data[0] >> 3 & 1);
            p = (part){made.data, made.size};
        }
        reader_harness_add(&h, modes[mode].names[i], p.data, p.size);
    }
    if (data[0] & 128u) reader_harness_option_bool(&h, "tf.verify", 0);
    run(&h);
    reader_harness_free(&h);
    buf_free(&made);
    return 0;
}
