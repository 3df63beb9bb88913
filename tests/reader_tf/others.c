/* The TensorFlow reader on V1 checkpoints and graphs, and how it finds what was meant. */
#include "drive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- V1 ---------------------------------------------------------------------------------------------------------------------- */

static void test_v1(void **state)
{
    (void)state;
    static const uint64_t zero[2] = {0, 0}, at[2] = {1, 1}, part[2] = {1, 2};
    float out[6];
    for (int mode = 0; mode < 4; mode++) {
        buf one = make_v1(mode & 1 ? 0 : -1, mode >> 1), two = make_v1(1, mode >> 1);
        reader_harness_init(&h, GGX_SOURCE_FILE);
        reader_harness_add(&h, mode & 1 ? "e-00000-of-00002" : "e", one.data, one.size);
        reader_harness_add(&h, "e-00001-of-00002", two.data, two.size);
        open_all();
        assert_int_equal(h.score, 100);
        assert_int_equal(h.tensor_count, 1);
        assert_int_equal(h.tensors[0].access, GGX_ACCESS_SEQUENTIAL);
        read_box("v", zero, two_three, out, sizeof out);
        assert_memory_equal(out, values, sizeof values);
        read_box("v", at, part, out, 8);
        assert_true(out[0] == 4 && out[1] == 5);
        read_box("v", zero, part, out, 8); /* a new pass */
        assert_true(out[0] == 0 && out[1] == 1);
        close_all();
        buf_free(&two);
        if (mode & 1) {
            reader_harness_init(&h, GGX_SOURCE_FILE);
            reader_harness_add(&h, "e-00000-of-00002", one.data, one.size);
            wants(GGX_E_NOTFOUND, "e-00001-of-00002 is not there");
            reader_harness_init(&h, GGX_SOURCE_FILE);
            reader_harness_add(&h, "e", one.data, one.size);
            wants(GGX_E_MALFORMED, "hold 3 of its 6");
        }
        buf_free(&one);
    }
}

/* ---- graphs ------------------------------------------------------------------------------------------------------------------ */

static void check_graph(void)
{
    static const uint64_t zero[2] = {0, 0}, row[2] = {1, 0}, part[2] = {1, 2};
    static const char *raw[] = {"content", "packed"};
    float out[6];
    int32_t axes[2];
    open_all();
    assert_true(h.score >= GGX_PROBE_MAGIC);
    assert_int_equal(h.tensor_count, 5);
    for (int i = 0; i < 2; i++)
        assert_memory_equal(reader_harness_extent(&h, reader_harness_tensor(&h, raw[i])), values, sizeof values);
    read_box("singles", zero, two_three, out, sizeof out);
    assert_true(out[0] == 0 && out[1] == 1 && out[2] == 2 && out[3] == 2 && out[5] == 2);
    read_box("singles", zero, part, out, 8);
    assert_true(out[0] == 0 && out[1] == 1);
    read_box("singles", row, part, out, 8);
    assert_true(out[0] == 2 && out[1] == 2);
    read_box("zeros", zero, two_three, out, sizeof out);
    assert_true(out[0] == 0 && out[5] == 0);
    read_box("axes", zero, two_three, axes, sizeof axes);
    assert_true(axes[0] == -7 && axes[1] == -7);
    assert_int_equal(reader_harness_tensor(&h, "axes")->flags, GGX_TENSOR_AUXILIARY);
    assert_int_equal(reader_harness_tensor(&h, "content")->flags, 0);
    close_all();
}

static void test_graph(void **state)
{
    (void)state;
    buf graph = make_graph(), meta = {0}, model = {0};
    reader_harness_init(&h, GGX_SOURCE_FILE);
    reader_harness_add(&h, "frozen.pb", graph.data, graph.size);
    check_graph();
    pb_bytes(&meta, 2, graph.data, graph.size);
    pb_number(&model, 1, 1);
    pb_message(&model, 2, &meta);
    reader_harness_init(&h, GGX_SOURCE_DIRECTORY); /* a SavedModel without variables */
    reader_harness_add(&h, "saved_model.pb", model.data, model.size);
    check_graph();
    buf_free(&model);
    buf proto = make_proto(F32, two_three, 2);
    pb_bytes(&proto, 4, values, 20);
    buf_free(&graph);
    add_const(&graph, "short", &proto);
    reader_harness_init(&h, GGX_SOURCE_FILE);
    reader_harness_add(&h, "frozen.pb", graph.data, graph.size);
    wants(GGX_E_MALFORMED, "holds 20 bytes, but its shape needs 24");
    buf_free(&graph);
    reader_harness_init(&h, GGX_SOURCE_FILE);
    reader_harness_add(&h, "frozen.pb", "", 0);
    wants(GGX_E_MALFORMED, "no node");
}

/* ---- finding ----------------------------------------------------------------------------------------------------------------- */

typedef struct given {
    uint32_t kind;
    ggx_status want;
    const char *names[4]; /* "…index" gets the index, "…-00001" the data, "checkpoint" the state, others "x" */
    const char *state;
    const char *word;
    int32_t least; /* score */
} given;

static void test_find(void **state)
{
    (void)state;
    static const char relative[] = "# c\nmodel_checkpoint_path: \"m\"\nall_model_checkpoint_paths: \"m\"\n";
    static const given cases[] = {
        {GGX_SOURCE_FILE, GGX_OK, {"m.index", "m" SHARD}, NULL, NULL, 100},
        {GGX_SOURCE_FILE, GGX_OK, {"m" SHARD, "m.index"}, NULL, NULL, 50},
        {GGX_SOURCE_FILE, GGX_OK, {"checkpoint", "m" SHARD, "m.index"}, relative, NULL, 25},
        {GGX_SOURCE_PREFIX, GGX_OK, {"m" SHARD, "m.index", "m.other.index"}, NULL, NULL, 75},
        {GGX_SOURCE_DIRECTORY, GGX_OK, {"m" SHARD, "m.index"}, NULL, NULL, 75},
        {GGX_SOURCE_DIRECTORY,
         GGX_OK,
         {"checkpoint", "m" SHARD, "m.index", "n.index"},
         "model_checkpoint_path: \"m\"\n",
         NULL,
         100},
        {GGX_SOURCE_DIRECTORY,
         GGX_OK,
         {"checkpoint", "m" SHARD, "m.index"},
         "model_checkpoint_path: '/of/another/machine/\\155'",
         NULL,
         100},
        {GGX_SOURCE_DIRECTORY,
         GGX_E_NOTFOUND,
         {"checkpoint", "m" SHARD, "m.index"},
         "model_checkpoint_path: \"k\"",
         "neither k.index",
         100},
        {GGX_SOURCE_DIRECTORY,
         GGX_E_MALFORMED,
         {"checkpoint", "m.index"},
         "model_checkpoint_path: \"../m\"",
         "..",
         100},
        {GGX_SOURCE_DIRECTORY,
         GGX_E_MALFORMED,
         {"checkpoint", "m.index"},
         "model_checkpoint_path: \"m",
         "no line",
         100},
        {GGX_SOURCE_DIRECTORY, GGX_E_MALFORMED, {"checkpoint", "m.index"}, "", "no line", 0},
        {GGX_SOURCE_DIRECTORY, GGX_OK, {"variables/variables" SHARD, "variables/variables.index"}, NULL, NULL, 0},
        {GGX_SOURCE_DIRECTORY,
         GGX_OK,
         {"saved_model.pb", "variables/variables" SHARD, "variables/variables.index"},
         NULL,
         NULL,
         0},
        {GGX_SOURCE_DIRECTORY, GGX_E_USAGE, {"m.index", "n.index"}, NULL, "2 checkpoints", 0},
        {GGX_SOURCE_DIRECTORY, GGX_E_NOTFOUND, {"readme"}, NULL, "neither checkpoint", 0},
        {GGX_SOURCE_PREFIX, GGX_E_NOTFOUND, {"m.txt"}, NULL, ".index", 0},
        {GGX_SOURCE_FILE, GGX_E_NOTFOUND, {"m.index"}, NULL, "m" SHARD " is not beside", 100},
    };
    buf data, index = sample(&data, 0, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const given *g = &cases[i];
        reader_harness_init(&h, g->kind);
        for (size_t k = 0; k < 4 && g->names[k]; k++) {
            const char *name = g->names[k];
            if (strstr(name, ".index"))
                reader_harness_add(&h, name, index.data, index.size);
            else if (strstr(name, SHARD))
                reader_harness_add(&h, name, data.data, data.size);
            else
                reader_harness_add(&h, name, g->state ? g->state : "x", g->state ? strlen(g->state) : 1);
        }
        ggx_status status = run();
        if (status != g->want || (g->word && !strstr(error.text, g->word)))
            fail_msg("case %zu: %d %s", i, status, error.text);
        if (status == GGX_OK && h.tensor_count != 5)
            fail_msg("case %zu: %llu tensors", i, (unsigned long long)h.tensor_count);
        if (h.score < g->least) fail_msg("case %zu: score %d", i, h.score);
        reader_harness_free(&h);
    }
    reader_harness_init(&h, GGX_SOURCE_FILE);
    reader_harness_add(&h, "unnamed", index.data, index.size);
    wants(GGX_E_USAGE, "does not end in .index");
    buf_free(&index);
    buf_free(&data);
}

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t flags;
    } cases[] = {
        {"bert/x/adam_m", 1},
        {"beta1_power_1", 1},
        {"model/h0/attn/c_attn/w", 0},
        {"optimizer/iter/.ATTRIBUTES/VARIABLE_VALUE", 1},
        {"save_counter/.ATTRIBUTES/VARIABLE_VALUE", 1},
        {"w/.OPTIMIZER_SLOT/opt/m/.ATTRIBUTES/VARIABLE_VALUE", 1},
        {"w/Adam", 1},
        {"w/Adam_", 0},
        {"w/Adam_12", 1},
        {"w/Adam_x", 0},
        {"w/Adamant", 0},
        {"w/ExponentialMovingAverage", 0},
        {"w_slot_vr", 1},
    };
    bundle b;
    bundle_begin(&b, 1, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) bundle_add(&b, cases[i].name, F32, NULL, 0, values, 4);
    buf index = table_end(&b.index);
    start(&index, &b.data);
    assert_int_equal(run(), GGX_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (h.tensors[i].flags != cases[i].flags) fail_msg("%s", cases[i].name);
    reader_harness_free(&h);
    buf_free(&index);
    buf_free(&b.data);
}

static void test_probe_is_honest(void **state)
{
    (void)state;
    uint32_t seed = 7;
    for (int i = 0; i < 3000; i++) {
        static const char *names[] = {"x", "x.pb", "x.index", "saved_model.pb", "checkpoint", "x.data-00000-of-00001"};
        uint8_t bytes[600];
        for (size_t k = 0; k < sizeof bytes; k++) bytes[k] = (uint8_t)((seed = seed * 1664525u + 1013904223u) >> 24);
        reader_harness_init(&h, GGX_SOURCE_FILE);
        reader_harness_add(&h, names[i % 6], bytes, sizeof bytes);
        assert_true(reader_harness_probe(&h, reader_harness_vtable()) <= GGX_PROBE_NAME);
        reader_harness_free(&h);
    }
}

int run_others(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_v1),    cmocka_unit_test(test_graph),           cmocka_unit_test(test_find),
        cmocka_unit_test(test_names), cmocka_unit_test(test_probe_is_honest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
