/* drive.c - see drive.h. */
#include "drive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

reader_harness h;
ggx_error error;
const float values[6] = {0, 1, 2, 3, 4, 5};
const uint64_t two_three[2] = {2, 3};

ggx_status run(void)
{
    memset(&error, 0, sizeof error);
    ggx_status status = reader_harness_run(&h, reader_harness_vtable(), &error);
    if (h.violation[0]) fail_msg("contract: %s", h.violation);
    return status;
}

void open_all(void)
{
    memset(&error, 0, sizeof error);
    reader_harness_probe(&h, reader_harness_vtable());
    if (reader_harness_open(&h, reader_harness_vtable(), &error) != GGX_OK ||
        reader_harness_index(&h, reader_harness_vtable(), &error) != GGX_OK)
        fail_msg("%s", error.text);
    if (h.violation[0]) fail_msg("contract: %s", h.violation);
}

void wants(ggx_status want, const char *word)
{
    ggx_status status = run();
    if (status != want || !strstr(error.text, word))
        fail_msg("wanted %d, \"%s\", got %d: %s", want, word, status, error.text);
    reader_harness_free(&h);
}

void start(const buf *index, const buf *data)
{
    reader_harness_init(&h, GGX_SOURCE_FILE);
    reader_harness_add(&h, "m.index", index->data, index->size);
    if (data) reader_harness_add(&h, "m" SHARD, data->data, data->size);
}

void read_box(const char *name, const uint64_t *starts, const uint64_t *counts, void *out, uint64_t size)
{
    const ggx_tensor *t = reader_harness_tensor(&h, name);
    assert_non_null(t);
    ggx_box box = {.struct_size = sizeof box, .rank = t->rank};
    for (uint32_t i = 0; i < t->rank; i++) {
        box.start[i] = starts[i];
        box.count[i] = counts[i];
    }
    if (reader_harness_read(&h, reader_harness_vtable(), t, &box, out, size, &error) != GGX_OK)
        fail_msg("%s", error.text);
}

void close_all(void)
{
    reader_harness_close(&h, reader_harness_vtable());
    if (h.violation[0]) fail_msg("contract: %s", h.violation);
    reader_harness_free(&h);
}

static void add_objects(bundle *b)
{
    buf graph = {0}, node = {0}, attribute = {0}, text = {0};
    pb_text(&attribute, 1, "VARIABLE_VALUE");
    pb_text(&attribute, 2, "dense/kernel");
    pb_text(&attribute, 3, "w");
    pb_message(&node, 2, &attribute);
    pb_message(&graph, 1, &node);
    pb_message(&graph, 1, &node); /* an empty one */
    buf_varint(&text, graph.size);
    buf_u32(&text, 0);
    buf_add(&text, graph.data, graph.size);
    bundle_add(b, "_CHECKPOINTABLE_OBJECT_GRAPH", STRING, NULL, 0, text.data, text.size);
    buf_free(&graph);
    buf_free(&text);
}

buf sample(buf *data, int big, int snappy)
{
    static const uint64_t empty[2] = {3, 0};
    static const uint16_t one = 0x3c00;
    bundle b;
    bundle_begin(&b, 1, big);
    b.index.snappy = snappy;
    add_objects(&b);
    bundle_add(&b, "a/Adam_1", F32, two_three, 2, values, sizeof values);
    bundle_add(&b, "empty", F32, empty, 2, NULL, 0);
    bundle_add(&b, "global_step", I32, NULL, 0, values, 4);
    bundle_add(&b, "half", HALF, NULL, 0, &one, 2);
    bundle_add(&b, "w", F32, two_three, 2, values, sizeof values);
    *data = b.data;
    return table_end(&b.index);
}

buf make_v1(int row, int snappy)
{
    table t;
    buf value = {0}, meta = {0}, tensor = {0}, slice = {0}, proto = {0}, key = {0};
    const int64_t where[4] = {row < 0 ? 0 : row, row < 0 ? -1 : 1, 0, -1};
    table_begin(&t);
    t.snappy = snappy;
    pb_text(&tensor, 1, "v");
    pb_shape(&tensor, 2, two_three, 2);
    pb_number(&tensor, 3, F32);
    pb_slice(&tensor, 4, where, 2);
    pb_message(&meta, 1, &tensor);
    pb_message(&value, 1, &meta);
    table_add(&t, "", 0, value.data, value.size);
    buf_free(&value);
    pb_number(&proto, 1, F32);
    pb_bytes(&proto, 5, values + (row > 0 ? 3 : 0), row < 0 ? 24 : 12);
    pb_text(&slice, 1, "v");
    pb_slice(&slice, 2, where, 2);
    pb_message(&slice, 3, &proto);
    pb_message(&value, 2, &slice);
    slice_key(&key, "v", where, 2);
    table_add(&t, key.data, key.size, value.data, value.size);
    buf_free(&value);
    buf_free(&key);
    return table_end(&t);
}

void add_const(buf *graph, const char *name, buf *proto)
{
    buf node = {0}, attr = {0}, value = {0};
    pb_text(&node, 1, name);
    pb_text(&node, 2, "Const");
    pb_text(&attr, 1, "value");
    pb_message(&value, 8, proto);
    pb_message(&attr, 2, &value);
    pb_message(&node, 5, &attr);
    pb_message(graph, 1, &node);
}

buf make_proto(uint32_t dtype, const uint64_t *shape, uint32_t rank)
{
    buf proto = {0};
    pb_number(&proto, 1, dtype);
    pb_shape(&proto, 2, shape, rank);
    return proto;
}

buf make_graph(void)
{
    buf graph = {0}, node = {0};
    pb_text(&node, 1, "input");
    pb_text(&node, 2, "Placeholder");
    pb_message(&graph, 1, &node);
    buf proto = make_proto(F32, two_three, 2);
    pb_bytes(&proto, 4, values, sizeof values);
    add_const(&graph, "content", &proto);
    proto = make_proto(F32, two_three, 2);
    pb_bytes(&proto, 5, values, sizeof values);
    add_const(&graph, "packed", &proto);
    proto = make_proto(F32, two_three, 2);
    for (int i = 0; i < 3; i++) { /* one by one, and the last for the rest */
        uint32_t bits;
        memcpy(&bits, values + i, 4);
        pb_fixed32(&proto, 5, bits);
    }
    add_const(&graph, "singles", &proto);
    proto = make_proto(I32, two_three, 1);
    pb_number(&proto, 7, (uint64_t)-7);
    add_const(&graph, "axes", &proto);
    proto = make_proto(F32, two_three, 2);
    add_const(&graph, "zeros", &proto);
    proto = make_proto(STRING, NULL, 0);
    pb_text(&proto, 8, "text");
    add_const(&graph, "text", &proto);
    return graph;
}
