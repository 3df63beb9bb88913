/* The TensorFlow reader on damaged and hostile files: each must be read or refused, within bounds, without a breach of contract. */
#include "drive.h"

#include <ggx_sdk/crc32c.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A file of the checkpoint under test, and what lies beside it. */
typedef struct victim {
    const char *name;
    const buf *file;
    const char *sibling;
    const buf *data;
} victim;

/* Everything that a host would ask for. */
static ggx_status read_all(const victim *v, const uint8_t *bytes, size_t size)
{
    const ggx_reader *reader = reader_harness_vtable();
    reader_harness_init(&h, GGX_SOURCE_FILE);
    reader_harness_add(&h, v->name, bytes, size);
    if (v->data) reader_harness_add(&h, v->sibling, v->data->data, v->data->size);
    memset(&error, 0, sizeof error);
    (void)reader_harness_probe(&h, reader);
    ggx_status status = reader_harness_open(&h, reader, &error);
    if (status == GGX_OK) status = reader_harness_index(&h, reader, &error);
    for (uint64_t i = 0; status == GGX_OK && i < h.tensor_count; i++) {
        const ggx_tensor *t = &h.tensors[i];
        ggx_box box = {.struct_size = sizeof box, .rank = t->rank};
        uint64_t elems = 1;
        for (uint32_t k = 0; k < t->rank; k++) {
            box.count[k] = t->shape[k] < 4 ? t->shape[k] : 4;
            elems *= box.count[k];
        }
        uint8_t *out = malloc((size_t)(elems * t->type.block_bytes) + 1);
        assert_non_null(out);
        if (t->access != GGX_ACCESS_RAW)
            status = reader_harness_read(&h, reader, t, &box, out, elems * t->type.block_bytes, &error);
        free(out);
    }
    if (h.open_state) reader_harness_close(&h, reader);
    if (h.violation[0]) fail_msg("contract: %s", h.violation);
    if (h.refused) fail_msg("a tensor that the host refuses: %s", error.text);
    if (status != GGX_OK && !error.text[0]) fail_msg("a refusal without a word");
    return status;
}

/* Cut at every length: refused. Every byte flipped in three ways: read or refused. */
static void torment(const victim *v, int cut_refused)
{
    static const uint8_t flips[] = {0x01, 0x80, 0xff};
    uint8_t *copy = malloc(v->file->size);
    assert_non_null(copy);
    memcpy(copy, v->file->data, v->file->size);
    assert_int_equal(read_all(v, copy, v->file->size), GGX_OK);
    reader_harness_free(&h);
    for (size_t size = 0; size < v->file->size; size++) {
        uint8_t *cut = malloc(size ? size : 1); /* exactly as long: a sanitizer sees a step beyond */
        assert_non_null(cut);
        memcpy(cut, copy, size);
        ggx_status status = read_all(v, cut, size);
        if (status == GGX_OK && cut_refused) fail_msg("%s passes when cut to %zu bytes", v->name, size);
        reader_harness_free(&h);
        free(cut);
    }
    for (size_t i = 0; i < v->file->size; i++)
        for (size_t k = 0; k < sizeof flips; k++) {
            copy[i] ^= flips[k];
            (void)read_all(v, copy, v->file->size);
            reader_harness_free(&h);
            copy[i] ^= flips[k];
        }
    free(copy);
}

static void test_torment(void **state)
{
    (void)state;
    for (int snappy = 0; snappy < 2; snappy++) {
        buf data, index = sample(&data, 0, snappy), v1 = make_v1(-1, snappy);
        torment(&(victim){"m.index", &index, "m" SHARD, &data}, 1);
        torment(&(victim){"e", &v1, NULL, NULL}, 1);
        buf_free(&index);
        buf_free(&data);
        buf_free(&v1);
    }
    buf graph = make_graph();
    torment(&(victim){"g.pb", &graph, NULL, NULL}, 0); /* cut between two nodes, it is another graph */
    buf_free(&graph);
}

/* Behind a CRC that is right: every byte of the table's blocks changed, and the block's CRC made anew. */
static void test_entries_changed(void **state)
{
    (void)state;
    buf data, index = sample(&data, 0, 0);
    victim v = {"m.index", &index, "m" SHARD, &data};
    uint64_t refused = 0, read = 0;
    buf_byte(&index, 0); /* so that the bytes may be restored from a copy of the same size */
    index.size--;
    for (size_t begin = 0, end = 0; end + 5 + 48 <= index.size; begin = end + 5) {
        for (end = begin; end + 5 + 48 <= index.size; end++) { /* a block ends where the masked CRC fits */
            uint32_t stored = 0;
            for (int i = 0; i < 4; i++) stored |= (uint32_t)index.data[end + 1 + (size_t)i] << (8 * i);
            if (end > begin && stored == ggx_crc32c_mask(ggx_crc32c(0, index.data + begin, end + 1 - begin))) break;
        }
        if (end + 5 + 48 > index.size) break;
        for (size_t i = begin; i <= end; i++)
            for (unsigned flip = 1; flip < 256; flip = flip * 2 + 1) {
                uint8_t kept[4];
                index.data[i] ^= (uint8_t)flip;
                uint32_t crc = ggx_crc32c_mask(ggx_crc32c(0, index.data + begin, end + 1 - begin));
                memcpy(kept, index.data + end + 1, 4);
                for (int k = 0; k < 4; k++) index.data[end + 1 + (size_t)k] = (uint8_t)(crc >> (8 * k));
                if (read_all(&v, index.data, index.size) == GGX_OK)
                    read++;
                else
                    refused++;
                reader_harness_free(&h);
                memcpy(index.data + end + 1, kept, 4);
                index.data[i] ^= (uint8_t)flip;
            }
    }
    assert_true(refused > 1000 && read > 100);
    buf_free(&index);
    buf_free(&data);
}

static void test_no_memory(void **state)
{
    (void)state;
    buf data, index = sample(&data, 0, 1);
    for (uint64_t fail = 1; fail < 40; fail++) {
        reader_harness_init(&h, GGX_SOURCE_FILE);
        reader_harness_add(&h, "m.index", index.data, index.size);
        reader_harness_add(&h, "m" SHARD, data.data, data.size);
        h.fail_alloc = fail;
        ggx_status status = run();
        if (status == GGX_OK) assert_true(h.alloc_count < fail);
        reader_harness_free(&h);
    }
    buf_free(&index);
    buf_free(&data);
}

/* Messages that nest for ever, and counts of slices without end: time and memory stay with the file's size. */
static void test_bombs(void **state)
{
    (void)state;
    buf deep = {0}, graph = {0};
    for (int i = 0; i < 2000; i++) {
        buf outer = {0};
        pb_bytes(&outer, 1, deep.data, deep.size);
        buf_free(&deep);
        deep = outer;
    }
    pb_message(&graph, 1, &deep);
    read_all(&(victim){"g.pb", NULL, NULL, NULL}, graph.data, graph.size);
    reader_harness_free(&h);
    buf_free(&graph);

    static const int64_t whole[4] = {0, -1, 0, -1};
    buf entry = {0};
    bundle b;
    bundle_begin(&b, 1, 0);
    pb_number(&entry, 1, F32);
    pb_shape(&entry, 2, two_three, 2);
    for (int i = 0; i < 20000; i++) pb_slice(&entry, 7, whole, 2);
    table_add(&b.index, "v", 1, entry.data, entry.size);
    buf index = table_end(&b.index);
    assert_int_not_equal(read_all(&(victim){"m.index", NULL, NULL, NULL}, index.data, index.size), GGX_OK);
    assert_true(h.memory_used < (8u << 20));
    reader_harness_free(&h);
    buf_free(&entry);
    buf_free(&index);

    static const uint64_t endless[2] = {1ull << 28, 1ull << 28}; /* a splat of 2^56 elements in fifty bytes */
    buf proto = make_proto(F32, endless, 2);
    pb_fixed32(&proto, 5, 0x3f800000);
    add_const(&graph, "splat", &proto);
    assert_int_equal(read_all(&(victim){"g.pb", NULL, NULL, NULL}, graph.data, graph.size), GGX_OK);
    assert_true(h.memory_used < (1u << 20));
    reader_harness_free(&h);
    buf_free(&graph);
}

int run_hostile(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_torment),
        cmocka_unit_test(test_entries_changed),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_bombs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
