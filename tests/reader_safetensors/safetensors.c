/* The safetensors reader: what it hands on, that each rule of the format is kept, and how shards and folders become one checkpoint. */
#include "reader_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct file {
    char data[8192];
    size_t size;
} file;

/* A header and `room` bytes of data: 0, 1, 2 … */
static file make(const char *header, size_t room)
{
    file f;
    memset(&f, 0, sizeof f);
    size_t n = strlen(header);
    assert_true(8 + n + room <= sizeof f.data);
    for (size_t i = 0; i < 8; i++) f.data[i] = (char)(n >> (8 * i));
    memcpy(f.data + 8, header, n);
    for (size_t i = 0; i < room; i++) f.data[8 + n + i] = (char)i;
    f.size = 8 + n + room;
    return f;
}

static ggx_status run(reader_harness *h, const file *f, ggx_error *error)
{
    reader_harness_init(h, GGX_SOURCE_FILE);
    reader_harness_add(h, "x.safetensors", f->data, f->size);
    ggx_status status = reader_harness_run(h, reader_harness_vtable(), error);
    if (h->violation[0]) fail_msg("contract: %s", h->violation);
    return status;
}

#define ANYWHERE UINT64_MAX

static void file_refused(const file *f, ggx_status want, uint64_t offset, const char *word)
{
    reader_harness h;
    ggx_error error;
    memset(&error, 0, sizeof error);
    ggx_status status = run(&h, f, &error);
    if (status != want || !strstr(error.text, word) || error.member != 0 ||
        (offset != ANYWHERE && error.offset != offset))
        fail_msg("%s: wanted %d, \"%s\" at %llu, got %d at %llu: %s", f->data + 8, want, word,
                 (unsigned long long)offset, status, (unsigned long long)error.offset, error.text);
    reader_harness_free(&h);
}

static void refuses(const char *header, size_t room, uint64_t offset, const char *word)
{
    file f = make(header, room);
    file_refused(&f, GGX_E_MALFORMED, offset, word);
}

static void accepts(const char *header, size_t room, uint64_t tensors)
{
    file f = make(header, room);
    reader_harness h;
    ggx_error error;
    if (run(&h, &f, &error) != GGX_OK) fail_msg("%s: %s", header, error.text);
    assert_int_equal(h.tensor_count, tensors);
    assert_true(h.score >= GGX_PROBE_MAGIC);
    reader_harness_free(&h);
}

#define TENSOR(name, dtype, shape, begin, end) \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" #begin "," #end "]}"

static void test_sample(void **state)
{
    (void)state;
    file f = make(
        "{\"__metadata__\":{\"format\":\"pt\",\"\\u00e9\":\"a\\nb\"}," TENSOR("late", "F32", "[2,1]", 8, 16) "," TENSOR(
            "early", "I64", "[]", 0, 8) "," TENSOR("empty", "BF16", "[0,7]", 16, 16) "," TENSOR("n\\\"\\u0061me", "U8",
                                                                                                "[3]", 16, 19) "}   ",
        19);
    reader_harness h;
    ggx_error error;
    if (run(&h, &f, &error) != GGX_OK) fail_msg("%s", error.text);
    assert_int_equal(h.score, GGX_PROBE_PROVEN);
    assert_int_equal(h.kv_count, 2);
    const ggx_str *value = reader_harness_kv(&h, "\xc3\xa9")->data;
    assert_int_equal(value->size, 3);
    assert_memory_equal(value->data, "a\nb", 3);
    assert_int_equal(h.tensor_count, 4);
    static const char *order[] = {"early", "late", "empty", "n\"ame"}; /* that of the data, not of the header */
    for (size_t i = 0; i < 4; i++) assert_string_equal(h.tensors[i].name.data, order[i]);
    assert_int_equal(h.tensors[0].rank, 0);
    assert_string_equal(h.tensors[0].type.name, "i64");
    assert_int_equal(h.tensors[1].shape[0], 2);
    assert_int_equal(h.tensors[1].shape[1], 1);
    assert_int_equal(h.tensors[1].nbytes, 8);
    assert_int_equal(((const uint8_t *)reader_harness_extent(&h, &h.tensors[1]))[0], 8);
    assert_int_equal(h.tensors[2].nbytes, 0);
    assert_int_equal(((const uint8_t *)reader_harness_extent(&h, &h.tensors[3]))[2], 18);
    reader_harness_free(&h);
}

static void test_every_dtype(void **state)
{
    (void)state;
    static const struct {
        const char *dtype, *type;
        size_t bytes; /* of twelve elements */
    } cases[] = {
        {"F64", "f64", 96},
        {"F32", "f32", 48},
        {"F16", "f16", 24},
        {"BF16", "bf16", 24},
        {"F8_E4M3", "f8_e4m3", 12},
        {"F8_E5M2", "f8_e5m2", 12},
        {"F8_E8M0", "f8_e8m0", 12},
        {"F8_E4M3FNUZ", "f8_e4m3fnuz", 12},
        {"F8_E5M2FNUZ", "f8_e5m2fnuz", 12},
        {"F6_E2M3", "f6_e2m3", 9},
        {"F6_E3M2", "f6_e3m2", 9},
        {"F4", "f4", 6},
        {"I64", "i64", 96},
        {"I32", "i32", 48},
        {"I16", "i16", 24},
        {"I8", "i8", 12},
        {"U64", "u64", 96},
        {"U32", "u32", 48},
        {"U16", "u16", 24},
        {"U8", "u8", 12},
        {"BOOL", "bool", 12},
        {"C64", "c64", 96},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char header[128];
        snprintf(header, sizeof header, "{\"t\":{\"dtype\":\"%s\",\"shape\":[3,4],\"data_offsets\":[0,%zu]}}",
                 cases[i].dtype, cases[i].bytes);
        file f = make(header, cases[i].bytes);
        reader_harness h;
        ggx_error error;
        if (run(&h, &f, &error) != GGX_OK) fail_msg("%s", error.text);
        assert_string_equal(h.tensors[0].type.name, cases[i].type);
        assert_int_equal(h.tensors[0].nbytes, cases[i].bytes);
        reader_harness_free(&h);
    }
    file f = make("{" TENSOR("t", "F7", "[1]", 0, 1) "}", 1);
    file_refused(&f, GGX_E_UNSUPPORTED, ANYWHERE, "F7");
    refuses("{" TENSOR("t", "F4", "[3]", 0, 2) "}", 2, ANYWHERE, "whole bytes");
    refuses("{" TENSOR("t", "F4", "[]", 0, 1) "}", 1, ANYWHERE, "whole bytes");
    f = make("{" TENSOR("t", "F4", "[2,3]", 0, 3) "}", 3);
    file_refused(&f, GGX_E_UNSUPPORTED, ANYWHERE, "do not end on a byte");
}

static void test_length_rules(void **state)
{
    (void)state;
    accepts("{}", 0, 0);
    accepts("{}      ", 0, 0);
    refuses("", 0, 8, "does not begin with '{'");
    refuses(" {}", 0, 8, "does not begin with '{'");
    refuses("[]", 0, 8, "does not begin with '{'");
    refuses("{}", 1, 11, "belongs to nothing");
    file f = make("{}", 0);
    f.data[0] = 3;
    file_refused(&f, GGX_E_MALFORMED, 0, "cut short");
    f.data[3] = 0x7f;
    file_refused(&f, GGX_E_MALFORMED, 0, "100000000");
    f.data[7] = (char)0xff;
    file_refused(&f, GGX_E_MALFORMED, 0, "100000000");
}

static void test_json_rules(void **state)
{
    (void)state;
    refuses("{", 0, 9, "JSON");
    refuses("{}x", 0, 10, "follows");
    refuses("{\"t\":[", 0, 14, "JSON");
    refuses("{\"t\":1}", 0, 13, "object");
    refuses("{\"t\":{}}", 0, 14, "no dtype");
    refuses("{\"t\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1, ANYWHERE, "no data_offsets");
    refuses("{\"t\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1, ANYWHERE, "no shape");
    refuses("{\"t\":{\"dtype\":5,\"shape\":[1],\"data_offsets\":[0,1]}}", 1, 8 + 14, "dtype must be");
    refuses("{\"t\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, ANYWHERE, "twice");
    refuses("{" TENSOR("t", "U8", "1", 0, 1) "}", 1, ANYWHERE, "shape must");
    refuses("{" TENSOR("t", "U8", "[-1]", 0, 1) "}", 1, ANYWHERE, "shape must");
    refuses("{" TENSOR("t", "U8", "[-0]", 0, 1) "}", 1, ANYWHERE, "shape must");
    refuses("{" TENSOR("t", "U8", "[1.0]", 0, 1) "}", 1, ANYWHERE, "shape must");
    refuses("{" TENSOR("t", "U8", "[\"1\"]", 0, 1) "}", 1, ANYWHERE, "shape must");
    refuses("{" TENSOR("t", "U8", "[1]", 0, 1.0) "}", 1, ANYWHERE, "data_offsets must");
    refuses("{" TENSOR("t", "U8", "[1]", -1, 0) "}", 1, ANYWHERE, "data_offsets must");
    refuses("{\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1,2]}}", 1, ANYWHERE, "data_offsets must");
    refuses("{\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}", 1, ANYWHERE, "data_offsets must");
    refuses("{\"__metadata__\":{\"a\":1}}", 0, ANYWHERE, "strings");
    refuses("{\"__metadata__\":{\"a\":{\"b\":\"c\"}}}", 0, ANYWHERE, "strings");
    refuses("{\"__metadata__\":\"a\"}", 0, ANYWHERE, "strings");
    refuses("{\"__metadata__\":{\"a\":\"1\",\"a\":\"1\"}}", 0, ANYWHERE, "twice");
    refuses("{\"__metadata__\":{},\"__metadata__\":{}}", 0, ANYWHERE, "twice");
    accepts("{\"__metadata__\":{\"\":\"1\",\"\\u0000\":\"2\"}}", 0, 0);
    file unnamed = make("{" TENSOR("", "U8", "[1]", 0, 1) "}", 1),
         nul = make("{" TENSOR("a\\u0000", "U8", "[1]", 0, 1) "}", 1);
    file_refused(&unnamed, GGX_E_UNSUPPORTED, ANYWHERE, "name");
    file_refused(&nul, GGX_E_UNSUPPORTED, ANYWHERE, "name");
    accepts("{\"__metadata__\":null}", 0, 0);
    accepts("{\"__metadata__\":{}}", 0, 0);
    accepts("{\"t\":{\"more\":[{\"x\":1}],\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, 1);
    file f = make("{" TENSOR("t", "U8", "[1,1,1,1,1,1,1,1,1]", 0, 1) "}", 1);
    file_refused(&f, GGX_E_UNSUPPORTED, ANYWHERE, "axes");
}

static void test_data_rules(void **state)
{
    (void)state;
    accepts("{" TENSOR("a", "U8", "[4]", 0, 4) "," TENSOR("b", "U8", "[4]", 4, 8) "}", 8, 2);
    accepts("{" TENSOR("e", "U8", "[0]", 0, 0) "," TENSOR("b", "U8", "[4]", 0, 4) "}", 4, 2);
    refuses("{" TENSOR("a", "U8", "[4]", 0, 4) "," TENSOR("a", "U8", "[4]", 4, 8) "}", 8, ANYWHERE, "'a' occurs twice");
    refuses("{" TENSOR("a", "U8", "[4]", 0, 4) "," TENSOR("\\u0061", "U8", "[4]", 4, 8) "}", 8, ANYWHERE,
            "'a' occurs twice");
    refuses("{" TENSOR("a", "U8", "[4]", 0, 4) "," TENSOR("b", "U8", "[4]", 3, 7) "}", 7, ANYWHERE, "overlaps");
    refuses("{" TENSOR("a", "U8", "[4]", 0, 4) "," TENSOR("b", "U8", "[4]", 0, 4) "}", 4, ANYWHERE, "overlaps");
    refuses("{" TENSOR("a", "U8", "[4]", 0, 4) "," TENSOR("b", "U8", "[3]", 5, 8) "}", 8, ANYWHERE, "holes");
    refuses("{" TENSOR("a", "U8", "[4]", 1, 5) "}", 5, ANYWHERE, "holes");
    refuses("{" TENSOR("a", "U8", "[4]", 0, 4) "}", 3, ANYWHERE, "cut short");
    refuses("{" TENSOR("a", "U8", "[4]", 0, 4) "}", 5, ANYWHERE, "belongs to nothing");
    refuses("{" TENSOR("a", "U8", "[4]", 0, 5) "}", 5, ANYWHERE, "needs 4 bytes");
    refuses("{" TENSOR("a", "F32", "[4]", 0, 4) "}", 4, ANYWHERE, "needs 16 bytes");
    refuses("{" TENSOR("a", "U8", "[4]", 4, 0) "}", 4, ANYWHERE, "needs 4 bytes");
    refuses("{" TENSOR("a", "U8", "[4294967296,4294967296]", 0, 0) "}", 0, ANYWHERE, "overflows");
    refuses("{" TENSOR("a", "F64", "[2305843009213693952]", 0, 0) "}", 0, ANYWHERE, "overflows");
    refuses("{" TENSOR("a", "U8", "[4294967296,4294967296,0]", 0, 0) "}", 0, ANYWHERE, "overflows");
    refuses("{" TENSOR("a", "U8", "[99999999999999999999]", 0, 0) "}", 0, ANYWHERE, "shape must");
}

static const char sample[] =
    "{\"__metadata__\":{\"k\":\"v\"}," TENSOR("b\\u0062", "F16", "[2,2]", 4, 12) "," TENSOR("a", "F32", "[]", 0, 4) "}";

static void test_truncation(void **state)
{
    (void)state;
    file f = make(sample, 12);
    accepts(sample, 12, 2);
    for (size_t n = 0; n < f.size; n++) {
        reader_harness h;
        ggx_error error;
        char *copy = malloc(n ? n : 1);
        memcpy(copy, f.data, n);
        reader_harness_init(&h, GGX_SOURCE_FILE);
        reader_harness_add(&h, "x.safetensors", copy, n);
        ggx_status status = reader_harness_run(&h, reader_harness_vtable(), &error);
        if (status != GGX_E_MALFORMED || h.violation[0]) fail_msg("%zu bytes: %d, %s", n, status, h.violation);
        reader_harness_free(&h);
        free(copy);
    }
}

static void test_byte_changes(void **state)
{
    (void)state;
    file f = make(sample, 12);
    uint32_t refused = 0, read = 0;
    for (size_t i = 0; i < f.size - 12; i++) {
        for (int b = 1; b < 256; b++) {
            reader_harness h;
            ggx_error error;
            f.data[i] = (char)(f.data[i] ^ b);
            ggx_status status = run(&h, &f, &error);
            if (status == GGX_OK) {
                read++;
                assert_true(h.tensor_count <= 2);
                for (uint64_t k = 0; k < h.tensor_count; k++) assert_non_null(reader_harness_extent(&h, &h.tensors[k]));
            } else if (status == GGX_E_MALFORMED || status == GGX_E_UNSUPPORTED) {
                refused++;
            } else {
                fail_msg("byte %zu ^ %d: %d, %s", i, b, status, error.text);
            }
            assert_true(h.memory_used < 1u << 20);
            reader_harness_free(&h);
            f.data[i] = (char)(f.data[i] ^ b);
        }
    }
    assert_true(refused > 20000 && read > 500);
}

static void test_memory_failures(void **state)
{
    (void)state;
    file f = make(sample, 12);
    for (uint64_t n = 1;; n++) {
        reader_harness h;
        ggx_error error;
        reader_harness_init(&h, GGX_SOURCE_FILE);
        h.fail_alloc = n;
        reader_harness_add(&h, "x.safetensors", f.data, f.size);
        ggx_status status = reader_harness_run(&h, reader_harness_vtable(), &error);
        if (h.violation[0]) fail_msg("%s", h.violation);
        reader_harness_free(&h);
        if (status == GGX_OK) {
            assert_true(n > 8);
            break;
        }
        assert_int_equal(status, GGX_E_NOMEM);
    }
}

/* ---- several files ----------------------------------------------------------------------------------------------------------- */

typedef struct named {
    const char *name;
    file f;
} named;

static file text_file(const char *text)
{
    file f;
    memset(&f, 0, sizeof f);
    f.size = strlen(text);
    memcpy(f.data, text, f.size);
    return f;
}

static ggx_status run_all(reader_harness *h, uint32_t kind, const named *files, size_t count, ggx_error *error)
{
    memset(error, 0, sizeof *error);
    reader_harness_init(h, kind);
    for (size_t i = 0; i < count; i++) reader_harness_add(h, files[i].name, files[i].f.data, files[i].f.size);
    ggx_status status = reader_harness_run(h, reader_harness_vtable(), error);
    if (h->violation[0]) fail_msg("contract: %s", h->violation);
    return status;
}

static void all_refused(uint32_t kind, const named *files, size_t count, ggx_status want, const char *word)
{
    reader_harness h;
    ggx_error error;
    ggx_status status = run_all(&h, kind, files, count, &error);
    if (status != want || !strstr(error.text, word))
        fail_msg("wanted %d, %s, got %d: %s", want, word, status, error.text);
    reader_harness_free(&h);
}

/* The names of the tensors, in order. */
static void all_read(uint32_t kind, const named *files, size_t count, const char *names, uint64_t warnings)
{
    reader_harness h;
    ggx_error error;
    char got[64] = "";
    if (run_all(&h, kind, files, count, &error) != GGX_OK) fail_msg("%s", error.text);
    for (uint64_t i = 0; i < h.tensor_count; i++) {
        got[i] = h.tensors[i].name.data[0];
        assert_non_null(reader_harness_extent(&h, &h.tensors[i]));
    }
    assert_string_equal(got, names);
    assert_int_equal(h.log_count, warnings);
    assert_true(h.score >= GGX_PROBE_MAGIC);
    reader_harness_free(&h);
}

#define INDEX(map) "{\"metadata\":{\"total_size\":4,\"deep\":[{}]},\n\"weight_map\":{" map "}}"

static void test_shards(void **state)
{
    (void)state;
    named files[] = {
        {"m.safetensors.index.json",
         text_file(INDEX("\"c\":\"s2.safetensors\",\"a\":\"s1.safetensors\",\"b\":\"s2.safetensors\""))},
        {"s1.safetensors", make("{\"__metadata__\":{\"k\":\"1\"}," TENSOR("a", "U8", "[1]", 0, 1) "}", 1)},
        {"s2.safetensors", make("{\"__metadata__\":{\"k\":\"2\",\"l\":\"3\"}," TENSOR(
                                    "b", "U8", "[1]", 1, 2) "," TENSOR("c", "U8", "[1]", 0, 1) "}",
                                2)},
    };
    all_read(GGX_SOURCE_FILE, files, 3, "acb", 0);
    all_read(GGX_SOURCE_DIRECTORY, files, 3, "acb", 0);
    reader_harness h;
    ggx_error error;
    assert_int_equal(run_all(&h, GGX_SOURCE_FILE, files, 3, &error), GGX_OK);
    assert_int_equal(h.kv_count, 2);
    assert_string_equal(((const ggx_str *)reader_harness_kv(&h, "k")->data)->data, "1");
    reader_harness_free(&h);

    all_refused(GGX_SOURCE_FILE, files, 2, GGX_E_NOTFOUND, "s2.safetensors");
    files[0].f = text_file(INDEX("\"a\":\"s1.safetensors\",\"b\":\"s2.safetensors\""));
    all_read(GGX_SOURCE_FILE, files, 3, "ab", 1); /* c is not in the map */
    files[0].f = text_file(INDEX("\"a\":\"s1.safetensors\",\"d\":\"s2.safetensors\""));
    all_refused(GGX_SOURCE_FILE, files, 3, GGX_E_MALFORMED, "'d'");
    files[0].f = text_file(INDEX("\"a\":\"s1.safetensors\",\"a\":\"s2.safetensors\""));
    all_refused(GGX_SOURCE_FILE, files, 3, GGX_E_MALFORMED, "'a' twice");
    files[0].f = text_file(INDEX("\"a\":\"../s1.safetensors\""));
    all_refused(GGX_SOURCE_FILE, files, 3, GGX_E_MALFORMED, "clean");
    files[0].f = text_file(INDEX("\"a\":1"));
    all_refused(GGX_SOURCE_FILE, files, 3, GGX_E_MALFORMED, "line 2");
    static const char *broken[] = {INDEX(""),
                                   "{}",
                                   "{\"weight_map\":[]}",
                                   "[]",
                                   "",
                                   "{\"weight_map\":{\"a\":\"s1.safetensors\"}",
                                   "{\"weight_map\":{\"a\":\"s1.safetensors\"},\"weight_map\":{}}"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        files[0].f = text_file(broken[i]);
        all_refused(GGX_SOURCE_FILE, files, 3, GGX_E_MALFORMED, "");
    }
}

static void test_index_truncation(void **state)
{
    (void)state;
    named files[] = {
        {"m.safetensors.index.json", text_file(INDEX("\"a\":\"s.safetensors\",\"b\":\"s.safetensors\""))},
        {"s.safetensors", make("{" TENSOR("a", "U8", "[1]", 0, 1) "," TENSOR("b", "U8", "[1]", 1, 2) "}", 2)}};
    all_read(GGX_SOURCE_FILE, files, 2, "ab", 0);
    while (files[0].f.size--) all_refused(GGX_SOURCE_FILE, files, 2, GGX_E_MALFORMED, "");
}

static void test_folders(void **state)
{
    (void)state;
    file a = make("{" TENSOR("a", "U8", "[1]", 0, 1) "}", 1), b = make("{" TENSOR("b", "U8", "[1]", 0, 1) "}", 1);
    file index = text_file(INDEX("\"a\":\"a.safetensors\""));
    named two[] = {{"a.safetensors", a}, {"b.safetensors", b}, {"readme.md", a}, {"sub/c.safetensors", a}};
    all_read(GGX_SOURCE_DIRECTORY, two, 4, "ab", 0);
    all_read(GGX_SOURCE_PREFIX, two, 3, "ab", 0);
    named twins[] = {{"a.safetensors", a}, {"b.safetensors", a}};
    all_refused(GGX_SOURCE_DIRECTORY, twins, 2, GGX_E_MALFORMED, "occurs twice");
    named main_file[] = {{"a.safetensors", a}, {"model.safetensors", b}};
    all_read(GGX_SOURCE_DIRECTORY, main_file, 2, "b", 0);
    named main_index[] = {{"a.safetensors", a},
                          {"model.safetensors", b},
                          {"model.safetensors.index.json", index},
                          {"other.safetensors.index.json", index}};
    all_read(GGX_SOURCE_DIRECTORY, main_index, 4, "a", 0);
    named two_indexes[] = {{"a.safetensors", a},
                           {"b.safetensors", b},
                           {"x.safetensors.index.json", index},
                           {"y.safetensors.index.json", index}};
    all_refused(GGX_SOURCE_DIRECTORY, two_indexes, 4, GGX_E_USAGE, "name the one");
    named nothing[] = {{"readme.md", a}, {"sub/c.safetensors", a}};
    all_refused(GGX_SOURCE_DIRECTORY, nothing, 2, GGX_E_NOTFOUND, "no .safetensors");
}

static void test_probe(void **state)
{
    (void)state;
    const ggx_reader *reader = reader_harness_vtable();
    uint64_t seed = 1;
    for (int i = 0; i < 20000; i++) {
        uint8_t noise[64];
        for (size_t k = 0; k < sizeof noise; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            noise[k] = (uint8_t)(seed >> 56);
        }
        reader_harness h;
        reader_harness_init(&h, i % 4 ? GGX_SOURCE_FILE : GGX_SOURCE_DIRECTORY);
        static const char *names[] = {"x.safetensors", "x.bin", "x.safetensors.index.json", "x.safetensors"};
        reader_harness_add(&h, names[i % 4], noise, sizeof noise);
        assert_true(reader_harness_probe(&h, reader) <= GGX_PROBE_NAME);
        reader_harness_free(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sample),       cmocka_unit_test(test_every_dtype),
        cmocka_unit_test(test_length_rules), cmocka_unit_test(test_json_rules),
        cmocka_unit_test(test_data_rules),   cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_byte_changes), cmocka_unit_test(test_memory_failures),
        cmocka_unit_test(test_shards),       cmocka_unit_test(test_index_truncation),
        cmocka_unit_test(test_folders),      cmocka_unit_test(test_probe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
