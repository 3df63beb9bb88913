/* The TensorFlow reader on V2 checkpoints: what it hands on, how slices become one tensor, and that each rule is kept. */
#include "drive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_bundle(void **state)
{
    (void)state;
    for (int mode = 0; mode < 4; mode++) {
        static const char *order[] = {"a/Adam_1", "empty", "global_step", "half", "w"};
        static const uint32_t flags[] = {1, 0, 1, 0, 0};
        buf data, index = sample(&data, mode & 1, mode >> 1);
        start(&index, &data);
        if (run() != GGX_OK) fail_msg("%s", error.text);
        assert_int_equal(h.score, 100);
        assert_int_equal(h.tensor_count, 5);
        for (size_t i = 0; i < 5; i++) {
            assert_string_equal(h.tensors[i].name.data, order[i]);
            assert_int_equal(h.tensors[i].flags, flags[i]);
            assert_int_equal(h.tensors[i].access, GGX_ACCESS_RAW);
            assert_int_equal(h.tensors[i].byte_order, mode & 1);
        }
        const ggx_tensor *w = reader_harness_tensor(&h, "w");
        assert_int_equal(w->rank, 2);
        assert_int_equal(w->shape[1], 3);
        assert_string_equal(w->type.name, "f32");
        assert_memory_equal(reader_harness_extent(&h, w), values, sizeof values);
        assert_int_equal(reader_harness_tensor(&h, "half")->rank, 0);
        assert_int_equal(reader_harness_tensor(&h, "empty")->nbytes, 0);
        assert_int_equal(h.kv_count, 1);
        const ggx_str *name = reader_harness_kv(&h, "tf.full_name.w")->data;
        assert_int_equal(name->size, 12);
        assert_memory_equal(name->data, "dense/kernel", 12);
        reader_harness_free(&h);
        buf_free(&index);
        buf_free(&data);
    }
}

static void test_every_type(void **state)
{
    (void)state;
    static const struct {
        uint32_t code, bytes;
        const char *type;
    } cases[] = {
        {1, 4, "f32"},          {2, 8, "f64"},      {3, 4, "i32"},          {4, 1, "u8"},
        {5, 2, "i16"},          {6, 1, "i8"},       {8, 8, "c64"},          {9, 8, "i64"},
        {10, 1, "bool"},        {11, 1, "i8"},      {12, 1, "u8"},          {13, 4, "i32"},
        {14, 2, "bf16"},        {15, 2, "i16"},     {16, 2, "u16"},         {17, 2, "u16"},
        {18, 16, "c128"},       {19, 2, "f16"},     {22, 4, "u32"},         {23, 8, "u64"},
        {24, 1, "f8_e5m2"},     {25, 1, "f8_e4m3"}, {26, 1, "f8_e4m3fnuz"}, {27, 1, "f8_e4m3b11fnuz"},
        {28, 1, "f8_e5m2fnuz"}, {29, 1, "i8"},      {30, 1, "u8"},          {31, 1, "i8"},
        {32, 1, "u8"},
    };
    static const uint8_t bytes[16] = {0x0f, 0x07};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static const uint64_t one[1] = {1};
        bundle b;
        bundle_begin(&b, 1, 0);
        bundle_add(&b, "t", cases[i].code, one, 1, bytes, cases[i].bytes);
        buf index = table_end(&b.index);
        start(&index, &b.data);
        open_all();
        assert_string_equal(h.tensors[0].type.name, cases[i].type);
        assert_int_equal(h.tensors[0].type.block_bytes, cases[i].bytes);
        if (h.tensors[0].access == GGX_ACCESS_READER) { /* int4, int2: 0x0f is -1, in both */
            static const uint64_t zero[1] = {0};
            int8_t out = 0;
            read_box("t", zero, one, &out, 1);
            assert_int_equal(out, -1);
        }
        close_all();
        buf_free(&index);
        buf_free(&b.data);
    }
}

/* An entry as its fields. */
typedef struct fields {
    uint64_t dtype, shard, offset, size;
    const uint64_t *shape;
    uint32_t rank;
} fields;

static void refuses_entry(const char *name, fields f, ggx_status want, const char *word)
{
    bundle b;
    buf entry = {0};
    bundle_begin(&b, 1, 0);
    buf_add(&b.data, values, sizeof values);
    pb_number(&entry, 1, f.dtype);
    pb_shape(&entry, 2, f.shape, f.rank);
    if (f.shard) pb_number(&entry, 3, f.shard);
    pb_number(&entry, 4, f.offset);
    pb_number(&entry, 5, f.size);
    table_add(&b.index, name, strlen(name), entry.data, entry.size);
    buf index = table_end(&b.index);
    start(&index, &b.data);
    reader_harness_option_bool(&h, "tf.verify", 0);
    wants(want, word);
    buf_free(&entry);
    buf_free(&index);
    buf_free(&b.data);
}

static void test_entries(void **state)
{
    (void)state;
    static const uint64_t negative[1] = {UINT64_MAX}, wide[2] = {1ull << 40, 1ull << 40},
                          many[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    refuses_entry("t", (fields){99, 0, 0, 24, two_three, 2}, GGX_E_UNSUPPORTED, "DataType 99");
    refuses_entry("t", (fields){33, 0, 0, 24, two_three, 2}, GGX_E_UNSUPPORTED, "DataType 33");
    refuses_entry("t", (fields){F32, 0, 0, 20, two_three, 2}, GGX_E_MALFORMED, "shape needs 24");
    refuses_entry("t", (fields){F32, 0, 1, 24, two_three, 2}, GGX_E_MALFORMED, "cut short");
    refuses_entry("t", (fields){F32, 0, UINT64_MAX, 24, two_three, 2}, GGX_E_MALFORMED, "cut short");
    refuses_entry("t", (fields){F32, 1, 0, 24, two_three, 2}, GGX_E_MALFORMED, "does not count: 1");
    refuses_entry("t", (fields){F32, UINT64_MAX, 0, 24, two_three, 2}, GGX_E_MALFORMED, "does not count");
    refuses_entry("t", (fields){F32, 0, 0, 24, negative, 1}, GGX_E_MALFORMED, "length -1");
    refuses_entry("t", (fields){F32, 0, 0, 24, wide, 2}, GGX_E_MALFORMED, "overflows");
    refuses_entry("t", (fields){F32, 0, 0, 24, many, 9}, GGX_E_UNSUPPORTED, "axes");
}

static void refuses_header(const buf *header, ggx_status want, const char *word)
{
    table t;
    table_begin(&t);
    table_add(&t, "", 0, header->data, header->size);
    buf index = table_end(&t);
    start(&index, NULL);
    wants(want, word);
    buf_free(&index);
}

static void test_headers(void **state)
{
    (void)state;
    buf header = {0}, version = {0};
    pb_number(&header, 1, 0);
    refuses_header(&header, GGX_E_MALFORMED, "data files: 0");
    pb_number(&header, 1, 1u << 20); /* the last of a field counts */
    refuses_header(&header, GGX_E_MALFORMED, "data files: 1048576");
    pb_number(&header, 1, 1);
    pb_number(&header, 2, 2);
    refuses_header(&header, GGX_E_MALFORMED, "byte order 2");
    pb_number(&header, 2, 0);
    pb_number(&version, 2, 2);
    pb_message(&header, 3, &version);
    refuses_header(&header, GGX_E_UNSUPPORTED, "version 2");
    buf_free(&header);
    table t;
    table_begin(&t);
    table_add(&t, "a", 1, "b", 1);
    buf index = table_end(&t);
    start(&index, NULL);
    wants(GGX_E_UNSUPPORTED, "no empty key");
    buf_free(&index);
}

static void test_verify(void **state)
{
    (void)state;
    buf data, index = sample(&data, 0, 0);
    data.data[data.size - 1] ^= 1; /* of "w" */
    start(&index, &data);
    wants(GGX_E_INTEGRITY, "CRC of tensor 'w'");
    start(&index, &data);
    reader_harness_option_bool(&h, "tf.verify", 1);
    wants(GGX_E_INTEGRITY, "CRC of tensor 'w'");
    start(&index, &data);
    reader_harness_option_bool(&h, "tf.verify", 0);
    assert_int_equal(run(), GGX_OK);
    reader_harness_free(&h);
    buf_free(&index);
    buf_free(&data);
    /* a big one is checked only when asked for */
    static const uint64_t shape[1] = {1u << 19};
    float *big = calloc(1u << 19, sizeof *big);
    bundle b;
    bundle_begin(&b, 1, 0);
    bundle_add(&b, "big", F32, shape, 1, big, sizeof *big << 19);
    index = table_end(&b.index);
    b.data.data[5] ^= 1;
    start(&index, &b.data);
    assert_int_equal(run(), GGX_OK);
    assert_true(h.read_bytes < 1 << 16);
    reader_harness_free(&h);
    start(&index, &b.data);
    reader_harness_option_bool(&h, "tf.verify", 1);
    wants(GGX_E_INTEGRITY, "CRC of tensor 'big'");
    free(big);
    buf_free(&index);
    buf_free(&b.data);
}

/* ---- partitioned variables --------------------------------------------------------------------------------------------------- */

static void add_part(bundle *b, const char *name, const int64_t *slice, uint64_t rows, uint64_t columns,
                     const float *part)
{
    buf key = {0};
    const uint64_t shape[2] = {rows, columns};
    slice_key(&key, name, slice, 2);
    buf entry = {0};
    pb_number(&entry, 1, F32);
    pb_shape(&entry, 2, shape, 2);
    pb_number(&entry, 4, b->data.size);
    pb_number(&entry, 5, rows * columns * 4);
    table_add(&b->index, key.data, key.size, entry.data, entry.size);
    buf_add(&b->data, part, (size_t)(rows * columns * 4));
    buf_free(&key);
    buf_free(&entry);
}

/* "v" of 2 x 3 in the slices given (two numbers an axis); the parts stored are [0:1, :] and [1:2, :]. */
static ggx_status open_parts(const int64_t (*slices)[4], size_t count, int close)
{
    static const int64_t rows[2][4] = {{0, 1, 0, -1}, {1, 1, 0, -1}};
    bundle b;
    buf entry = {0};
    bundle_begin(&b, 1, 0);
    for (int i = 0; i < 2; i++) add_part(&b, "v", rows[i], 1, 3, values + 3L * i);
    pb_number(&entry, 1, F32);
    pb_shape(&entry, 2, two_three, 2);
    for (size_t i = 0; i < count; i++) pb_slice(&entry, 7, slices[i], 2);
    table_add(&b.index, "v", 1, entry.data, entry.size);
    buf index = table_end(&b.index);
    start(&index, &b.data);
    reader_harness_option_bool(&h, "tf.verify", 0);
    ggx_status status = GGX_OK;
    if (close) {
        status = run();
        reader_harness_free(&h);
    } else {
        static const uint64_t zero[2] = {0, 0}, at[2] = {0, 1}, part[2] = {2, 2};
        float out[6];
        open_all();
        assert_int_equal(h.tensor_count, 1);
        assert_int_equal(h.tensors[0].access, GGX_ACCESS_READER);
        read_box("v", zero, two_three, out, sizeof out);
        assert_memory_equal(out, values, sizeof values);
        read_box("v", at, part, out, 16);
        assert_true(out[0] == 1 && out[1] == 2 && out[2] == 4 && out[3] == 5);
        close_all();
    }
    buf_free(&entry);
    buf_free(&index);
    buf_free(&b.data);
    return status;
}

static void test_slices(void **state)
{
    (void)state;
    static const int64_t good[2][4] = {{1, 1, 0, -1}, {0, 1, 0, -1}};   /* in any order */
    static const int64_t missing[2][4] = {{0, 1, 0, -1}, {1, 1, 0, 3}}; /* another key, though the same slice */
    static const int64_t twice[2][4] = {{0, 1, 0, -1}, {0, 1, 0, -1}};
    static const int64_t beyond[1][4] = {{1, 2, 0, -1}};
    open_parts(good, 2, 0);
    assert_int_equal(open_parts(good, 1, 1), GGX_E_MALFORMED);
    assert_non_null(strstr(error.text, "hold 3 of its 6 elements"));
    assert_int_equal(open_parts(missing, 2, 1), GGX_E_MALFORMED);
    assert_non_null(strstr(error.text, "does not hold"));
    assert_int_equal(open_parts(twice, 2, 1), GGX_E_MALFORMED);
    assert_non_null(strstr(error.text, "overlap"));
    assert_int_equal(open_parts(beyond, 1, 1), GGX_E_MALFORMED);
    assert_non_null(strstr(error.text, "beyond its axis"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bundle),  cmocka_unit_test(test_every_type), cmocka_unit_test(test_entries),
        cmocka_unit_test(test_headers), cmocka_unit_test(test_verify),     cmocka_unit_test(test_slices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) + run_others() + run_hostile();
}
