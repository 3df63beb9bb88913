/* The GGUF reader: what it hands on, and that each rule of the format is kept. Files are built here, byte by byte. */
#include "reader_harness.h"

#include <ggx_sdk/ggml_types.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- a file under construction ---------------------------------------------------------------------------------------------- */

typedef struct file {
    uint8_t data[16384];
    size_t size;
    int big;
    size_t infos, payload; /* where the tensor descriptions and the data begin */
} file;

static void put(file *f, const void *data, size_t size)
{
    assert_true(f->size + size <= sizeof f->data);
    memcpy(f->data + f->size, data, size);
    f->size += size;
}

static void put_uint(file *f, uint64_t value, size_t width)
{
    uint8_t b[8];
    for (size_t i = 0; i < width; i++) b[f->big ? width - 1 - i : i] = (uint8_t)(value >> (8 * i));
    put(f, b, width);
}

static void put_str(file *f, const char *text)
{
    put_uint(f, strlen(text), 8);
    put(f, text, strlen(text));
}

static void begin(file *f, int big, uint32_t version, uint64_t tensors, uint64_t kvs)
{
    memset(f, 0, sizeof *f);
    f->big = big;
    put(f, "GGUF", 4);
    put_uint(f, version, 4);
    put_uint(f, tensors, 8);
    put_uint(f, kvs, 8);
}

static void put_kv(file *f, const char *key, uint32_t type, uint64_t bits, size_t width)
{
    put_str(f, key);
    put_uint(f, type, 4);
    put_uint(f, bits, width);
}

static void put_array(file *f, const char *key, uint32_t elem, uint64_t count)
{
    put_str(f, key);
    put_uint(f, GGX_KV_ARRAY, 4);
    put_uint(f, elem, 4);
    put_uint(f, count, 8);
}

static void put_info(file *f, const char *name, uint32_t rank, const uint64_t *ne, uint32_t type, uint64_t offset)
{
    put_str(f, name);
    put_uint(f, rank, 4);
    for (uint32_t i = 0; i < rank; i++) put_uint(f, ne[i], 8);
    put_uint(f, type, 4);
    put_uint(f, offset, 8);
}

static void pad(file *f, size_t alignment)
{
    while (f->size % alignment) put(f, "", 1);
}

/* Every value type, and three tensors: f32 [2][3], q8_0 [2][32], i8 []. Ends with the last tensor's last byte. */
static void build_sample(file *f, int big, uint32_t alignment)
{
    begin(f, big, 3, big ? 2 : 3, 15);
    put_kv(f, "u8", GGX_KV_U8, 200, 1);
    put_kv(f, "i8", GGX_KV_I8, 0x80, 1);
    put_kv(f, "u16", GGX_KV_U16, 40000, 2);
    put_kv(f, "i16", GGX_KV_I16, 0x8001, 2);
    put_kv(f, "u32", GGX_KV_U32, 4000000000u, 4);
    put_kv(f, "i32", GGX_KV_I32, 0x80000001u, 4);
    put_kv(f, "f32", GGX_KV_F32, 0x40490fdbu, 4);
    put_kv(f, "bool", GGX_KV_BOOL, 1, 1);
    put_str(f, "string");
    put_uint(f, GGX_KV_STRING, 4);
    put_str(f, "hello");
    put_kv(f, "u64", GGX_KV_U64, 0x8000000000000003u, 8);
    put_kv(f, "i64", GGX_KV_I64, UINT64_MAX, 8);
    put_kv(f, "f64", GGX_KV_F64, 0x3ff8000000000000u, 8);
    put_array(f, "strings", GGX_KV_STRING, 3);
    put_str(f, "a");
    put_str(f, "");
    put_str(f, "ccc");
    put_array(f, "i16s", GGX_KV_I16, 2);
    put_uint(f, 0xfffe, 2);
    put_uint(f, 7, 2);
    put_kv(f, "general.alignment", GGX_KV_U32, alignment, 4);
    f->infos = f->size;
    uint64_t at = 0;
    put_info(f, "w", 2, (uint64_t[]){3, 2}, 0, at);
    at = (at + 24 + alignment - 1) / alignment * alignment;
    if (!big) {
        put_info(f, "q", 2, (uint64_t[]){32, 2}, 8, at);
        at = (at + 68 + alignment - 1) / alignment * alignment;
    }
    put_info(f, "s", 0, NULL, 24, at);
    pad(f, alignment);
    f->payload = f->size;
    for (uint32_t i = 0; i < 6; i++) put_uint(f, 0x3f800000u + i, 4);
    pad(f, alignment);
    for (uint32_t i = 0; !big && i < 68; i++) put_uint(f, i, 1);
    pad(f, alignment);
    put_uint(f, 42, 1);
}

/* ---- driving the reader ------------------------------------------------------------------------------------------------------ */

static ggx_status run(reader_harness *h, const file *f, ggx_error *error)
{
    reader_harness_init(h, GGX_SOURCE_FILE);
    reader_harness_add(h, "x.gguf", f->data, f->size);
    ggx_status status = reader_harness_run(h, reader_harness_vtable(), error);
    if (h->violation[0]) fail_msg("contract: %s", h->violation);
    return status;
}

static void refuses(const file *f, ggx_status want, uint64_t offset, const char *word)
{
    reader_harness h;
    ggx_error error;
    memset(&error, 0, sizeof error);
    ggx_status status = run(&h, f, &error);
    if (status != want || !strstr(error.text, word) || error.offset != offset)
        fail_msg("wanted %d, \"%s\" at %llu, got %d at %llu: %s", want, word, (unsigned long long)offset, status,
                 (unsigned long long)error.offset, error.text);
    reader_harness_free(&h);
}

static void accepts(const file *f)
{
    reader_harness h;
    ggx_error error;
    memset(&error, 0, sizeof error);
    if (run(&h, f, &error) != GGX_OK) fail_msg("%s", error.text);
    reader_harness_free(&h);
}

static void is_kv(const reader_harness *h, const char *key, uint32_t type, uint32_t elem, uint64_t count,
                  const void *data, size_t size)
{
    const ggx_kv *kv = reader_harness_kv(h, key);
    if (!kv) fail_msg("%s is missing", key);
    assert_int_equal(kv->type, type);
    assert_int_equal(kv->elem_type, elem);
    assert_int_equal(kv->count, count);
    if (size && memcmp(kv->data, data, size) != 0) fail_msg("%s has another value", key);
}

#define IS_SCALAR(h, key, kv_type, c_type, value)                         \
    do {                                                                  \
        c_type want_ = (value);                                           \
        is_kv((h), (key), (kv_type), (kv_type), 1, &want_, sizeof want_); \
    } while (0)

static void check_sample(int big, uint32_t alignment)
{
    file f;
    reader_harness h;
    ggx_error error;
    build_sample(&f, big, alignment);
    if (run(&h, &f, &error) != GGX_OK) fail_msg("%s", error.text);
    assert_int_equal(h.score, GGX_PROBE_PROVEN);
    assert_int_equal(h.kv_count, 15);
    IS_SCALAR(&h, "u8", GGX_KV_U8, uint8_t, 200);
    IS_SCALAR(&h, "i8", GGX_KV_I8, int8_t, -128);
    IS_SCALAR(&h, "u16", GGX_KV_U16, uint16_t, 40000);
    IS_SCALAR(&h, "i16", GGX_KV_I16, int16_t, -32767);
    IS_SCALAR(&h, "u32", GGX_KV_U32, uint32_t, 4000000000u);
    IS_SCALAR(&h, "i32", GGX_KV_I32, int32_t, -2147483647);
    IS_SCALAR(&h, "f32", GGX_KV_F32, float, 3.14159274f);
    IS_SCALAR(&h, "bool", GGX_KV_BOOL, uint8_t, 1);
    IS_SCALAR(&h, "u64", GGX_KV_U64, uint64_t, 0x8000000000000003u);
    IS_SCALAR(&h, "i64", GGX_KV_I64, int64_t, -1);
    IS_SCALAR(&h, "f64", GGX_KV_F64, double, 1.5);
    is_kv(&h, "i16s", GGX_KV_ARRAY, GGX_KV_I16, 2, (int16_t[]){-2, 7}, 4);
    is_kv(&h, "strings", GGX_KV_ARRAY, GGX_KV_STRING, 3, NULL, 0);
    const ggx_str *strings = reader_harness_kv(&h, "strings")->data;
    assert_int_equal(strings[0].size, 1);
    assert_int_equal(strings[1].size, 0);
    assert_int_equal(strings[2].size, 3);
    assert_memory_equal(strings[2].data, "ccc", 3);
    assert_string_equal(((const ggx_str *)reader_harness_kv(&h, "string")->data)->data, "hello");

    assert_int_equal(h.tensor_count, big ? 2 : 3);
    const ggx_tensor *w = reader_harness_tensor(&h, "w"), *q = reader_harness_tensor(&h, "q"),
                     *s = reader_harness_tensor(&h, "s");
    assert_int_equal(w->byte_order, big ? GGX_BIG_ENDIAN : GGX_LITTLE_ENDIAN);
    assert_int_equal(w->rank, 2);
    assert_int_equal(w->shape[0], 2); /* slowest first, the other way round than in the file */
    assert_int_equal(w->shape[1], 3);
    assert_int_equal(w->offset, f.payload);
    assert_int_equal(w->nbytes, 24);
    assert_int_equal(s->rank, 0);
    assert_int_equal(s->offset, f.size - 1);
    assert_string_equal(s->type.name, "i8");
    assert_int_equal(q != NULL, !big);
    if (q) assert_int_equal(q->nbytes, 68);
    if (q) assert_string_equal(q->type.name, "q8_0");
    reader_harness_free(&h);
}

static void test_values_and_tensors(void **state)
{
    (void)state;
    check_sample(0, 32);
    check_sample(0, 8);
    check_sample(0, 256);
    check_sample(0, 1);
    check_sample(1, 32);
}

/* One row of two blocks of every type that ggml has. */
static void test_every_type(void **state)
{
    (void)state;
    for (size_t i = 0; i < GGX_GGML_TYPE_COUNT; i++) {
        const ggx_ggml_type *row = &ggx_ggml_types[i];
        file f;
        reader_harness h;
        ggx_error error;
        begin(&f, 0, 2, 1, 0);
        put_info(&f, "t", 1, (uint64_t[]){2u * row->block_elems}, (uint32_t)row->code, 0);
        pad(&f, 32);
        for (uint32_t b = 0; b < 2u * row->block_bytes; b++) put(&f, "", 1);
        if (run(&h, &f, &error) != GGX_OK) fail_msg("%s", error.text);
        const ggx_tensor *t = reader_harness_tensor(&h, "t");
        assert_string_equal(t->type.name, row->name);
        assert_int_equal(t->nbytes, 2 * row->block_bytes);
        reader_harness_free(&h);
        if (row->block_elems == 1) continue;
        f.big = 1; /* the same in big-endian: whose blocks nobody knows how to turn */
        begin(&f, 1, 3, 1, 0);
        put_info(&f, "t", 1, (uint64_t[]){2u * row->block_elems}, (uint32_t)row->code, 0);
        refuses(&f, GGX_E_UNSUPPORTED, 24 + 9 + 12, "big-endian");
    }
}

static void test_header_rules(void **state)
{
    (void)state;
    file f;
    begin(&f, 0, 3, 0, 0);
    accepts(&f);
    begin(&f, 1, 3, 0, 0);
    accepts(&f);
    begin(&f, 0, 2, 0, 0);
    accepts(&f);
    begin(&f, 0, 1, 0, 0);
    refuses(&f, GGX_E_UNSUPPORTED, 4, "version 1");
    begin(&f, 1, 1, 0, 0);
    refuses(&f, GGX_E_UNSUPPORTED, 4, "version 1");
    begin(&f, 0, 4, 0, 0);
    refuses(&f, GGX_E_UNSUPPORTED, 4, "version 4");
    begin(&f, 0, 0, 0, 0);
    refuses(&f, GGX_E_MALFORMED, 4, "version 0");
    begin(&f, 0, 3, 0, 0);
    f.data[3] = 'f';
    refuses(&f, GGX_E_MALFORMED, 0, "does not begin with GGUF");
    static const uint64_t absurd[] = {1, 1000, 1ull << 32, 1ull << 60, UINT64_MAX};
    for (size_t i = 0; i < sizeof absurd / sizeof absurd[0]; i++) {
        begin(&f, 0, 3, absurd[i], 0);
        refuses(&f, GGX_E_MALFORMED, 8, "more than");
        begin(&f, 0, 3, 0, absurd[i]);
        refuses(&f, GGX_E_MALFORMED, 8, "more than");
    }
}

static void test_kv_rules(void **state)
{
    (void)state;
    file f;
    begin(&f, 0, 3, 0, 1);
    put_kv(&f, "", GGX_KV_U8, 1, 8);
    refuses(&f, GGX_E_MALFORMED, 24, "a key has 0 bytes");
    begin(&f, 0, 3, 0, 1);
    put_uint(&f, 65536, 8);
    put_uint(&f, 0, 8);
    refuses(&f, GGX_E_MALFORMED, 24, "65536 bytes");
    begin(&f, 0, 3, 0, 2);
    put_kv(&f, "k", GGX_KV_U8, 1, 1);
    put_kv(&f, "k", GGX_KV_U8, 1, 1);
    refuses(&f, GGX_E_MALFORMED, 24 + 14 + 13, "'k' occurs twice");
    begin(&f, 0, 3, 0, 1);
    put_kv(&f, "k", 13, 1, 8);
    refuses(&f, GGX_E_MALFORMED, 24 + 9, "type 13");
    begin(&f, 0, 3, 0, 1);
    put_array(&f, "k", GGX_KV_ARRAY, 1);
    refuses(&f, GGX_E_UNSUPPORTED, 24 + 9, "arrays inside an array");
    static const uint64_t absurd[] = {9, 1ull << 30, (1ull << 30) + 1, 1ull << 61, UINT64_MAX};
    for (size_t i = 0; i < sizeof absurd / sizeof absurd[0]; i++) {
        begin(&f, 0, 3, 0, 1);
        put_array(&f, "k", GGX_KV_U8, absurd[i]);
        put_uint(&f, 0, 8);
        refuses(&f, GGX_E_MALFORMED, 24 + 9, "elements");
        begin(&f, 0, 3, 0, 1);
        put_array(&f, "k", GGX_KV_STRING, absurd[i]);
        put_uint(&f, 0, 8);
        refuses(&f, GGX_E_MALFORMED, 24 + 9, "elements");
        begin(&f, 0, 3, 0, 1);
        put_str(&f, "k");
        put_uint(&f, GGX_KV_STRING, 4);
        put_uint(&f, absurd[i], 8);
        put_uint(&f, 0, 8);
        refuses(&f, GGX_E_MALFORMED, 24 + 13, "bytes");
    }
    begin(&f, 0, 3, 0, 1);
    put_kv(&f, "general.alignment", GGX_KV_U64, 32, 8);
    refuses(&f, GGX_E_MALFORMED, 24 + 29, "must have type 4");
    static const uint32_t crooked[] = {0, 3, 33, 0xffffffffu};
    for (size_t i = 0; i < sizeof crooked / sizeof crooked[0]; i++) {
        begin(&f, 0, 3, 0, 1);
        put_kv(&f, "general.alignment", GGX_KV_U32, crooked[i], 4);
        refuses(&f, GGX_E_MALFORMED, 24 + 29, "power of two");
    }
}

static void one_tensor(file *f, const char *name, uint32_t rank, const uint64_t *ne, uint32_t type, uint64_t offset)
{
    begin(f, 0, 3, 1, 0);
    put_info(f, name, rank, ne, type, offset);
    pad(f, 32);
    for (int i = 0; i < 64; i++) put(f, "", 1);
}

static void test_tensor_rules(void **state)
{
    (void)state;
    file f;
    char name[66];
    memset(name, 'n', sizeof name);
    name[64] = 0;
    one_tensor(&f, name, 1, (uint64_t[]){16}, 0, 0);
    refuses(&f, GGX_E_MALFORMED, 24, "64 bytes");
    name[63] = 0;
    one_tensor(&f, name, 1, (uint64_t[]){16}, 0, 0);
    accepts(&f);
    one_tensor(&f, "", 1, (uint64_t[]){16}, 0, 0);
    refuses(&f, GGX_E_MALFORMED, 24, "0 bytes");
    one_tensor(&f, "t", 1, (uint64_t[]){16}, 0, 0);
    f.data[24 + 8] = 0;
    refuses(&f, GGX_E_MALFORMED, 24, "NUL");
    one_tensor(&f, "t", 5, (uint64_t[]){1, 1, 1, 1, 1}, 0, 0);
    refuses(&f, GGX_E_MALFORMED, 24 + 9, "5 axes");
    one_tensor(&f, "t", 4, (uint64_t[]){2, 2, 2, 2}, 0, 0);
    accepts(&f);
    one_tensor(&f, "t", 1, (uint64_t[]){17}, 0, 0);
    refuses(&f, GGX_E_MALFORMED, f.size, "cut short");
    one_tensor(&f, "t", 2, (uint64_t[]){1ull << 32, 1ull << 32}, 0, 0);
    refuses(&f, GGX_E_MALFORMED, 24 + 9, "overflows");
    one_tensor(&f, "t", 2, (uint64_t[]){1ull << 62, 2}, 24, 0);
    refuses(&f, GGX_E_MALFORMED, 24 + 9, "overflows");
    one_tensor(&f, "t", 2, (uint64_t[]){1ull << 62, 1}, 0, 0);
    refuses(&f, GGX_E_MALFORMED, 24 + 9 + 4 + 16, "overflows");
    one_tensor(&f, "t", 3, (uint64_t[]){1ull << 40, 1ull << 40, 0}, 0, 0);
    refuses(&f, GGX_E_MALFORMED, 24 + 9, "overflows");
    one_tensor(&f, "t", 2, (uint64_t[]){5, 0}, 0, 0);
    accepts(&f);
    one_tensor(&f, "t", 1, (uint64_t[]){16}, 0, 32);
    refuses(&f, GGX_E_MALFORMED, 24 + 9 + 12 + 4, "offset 32");
    one_tensor(&f, "t", 1, (uint64_t[]){33}, 2, 0);
    refuses(&f, GGX_E_MALFORMED, 24 + 9 + 12, "blocks of 32");
    static const uint32_t withdrawn[] = {4, 5, 31, 32, 33, 36, 37, 38, 43, 0xffffffffu};
    for (size_t i = 0; i < sizeof withdrawn / sizeof withdrawn[0]; i++) {
        one_tensor(&f, "t", 1, (uint64_t[]){16}, withdrawn[i], 0);
        refuses(&f, GGX_E_UNSUPPORTED, 24 + 9 + 12, "ggml type");
    }
}

static void test_two_tensors(void **state)
{
    (void)state;
    file f;
    static const struct {
        const char *name;
        uint64_t offset;
        const char *word;
    } cases[] = {{"b", 32, NULL},
                 {"a", 32, "occurs twice"},
                 {"b", 0, "offset 0"},
                 {"b", 16, "offset 16"},
                 {"b", 64, "offset 64"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(&f, 0, 3, 2, 0);
        put_info(&f, "a", 1, (uint64_t[]){4}, 0, 0);
        size_t second = f.size;
        put_info(&f, cases[i].name, 1, (uint64_t[]){4}, 0, cases[i].offset);
        size_t end = f.size;
        pad(&f, 32);
        for (int k = 0; k < 128; k++) put(&f, "", 1);
        if (cases[i].word)
            refuses(&f, GGX_E_MALFORMED, cases[i].offset == 32 ? second : end - 8, cases[i].word);
        else
            accepts(&f);
    }
}

static void test_truncation(void **state)
{
    (void)state;
    for (int big = 0; big < 2; big++) {
        file f;
        build_sample(&f, big, 32);
        accepts(&f);
        for (size_t full = f.size; f.size-- > 0;) {
            reader_harness h;
            ggx_error error;
            uint8_t *copy = malloc(f.size ? f.size : 1);
            memcpy(copy, f.data, f.size);
            reader_harness_init(&h, GGX_SOURCE_FILE);
            reader_harness_add(&h, "x.gguf", copy, f.size);
            ggx_status status = reader_harness_run(&h, reader_harness_vtable(), &error);
            if (status != GGX_E_MALFORMED || h.violation[0])
                fail_msg("%zu of %zu bytes: %d, %s", f.size, full, status, h.violation);
            reader_harness_free(&h);
            free(copy);
        }
    }
}

static void test_byte_changes(void **state)
{
    (void)state;
    file f;
    uint32_t refused = 0, read = 0;
    build_sample(&f, 0, 32);
    for (size_t i = 0; i < f.payload; i++) {
        for (int b = 1; b < 256; b += i < f.infos ? 7 : 1) {
            reader_harness h;
            ggx_error error;
            f.data[i] ^= (uint8_t)b;
            ggx_status status = run(&h, &f, &error);
            if (status == GGX_OK)
                read++;
            else if (status == GGX_E_MALFORMED || status == GGX_E_UNSUPPORTED || status == GGX_E_NOTFOUND)
                refused++;
            else
                fail_msg("byte %zu ^ %d: %d, %s", i, b, status, error.text);
            assert_true(h.memory_used < 1u << 20);
            reader_harness_free(&h);
            f.data[i] ^= (uint8_t)b;
        }
    }
    assert_true(refused > 10000 && read > 1000);
}

static void test_memory_failures(void **state)
{
    (void)state;
    file f;
    build_sample(&f, 0, 32);
    for (uint64_t n = 1;; n++) {
        reader_harness h;
        ggx_error error;
        reader_harness_init(&h, GGX_SOURCE_FILE);
        h.fail_alloc = n;
        reader_harness_add(&h, "x.gguf", f.data, f.size);
        ggx_status status = reader_harness_run(&h, reader_harness_vtable(), &error);
        if (h.violation[0]) fail_msg("%s", h.violation);
        reader_harness_free(&h);
        if (status == GGX_OK) {
            assert_true(n > 10);
            break;
        }
        assert_int_equal(status, GGX_E_NOMEM);
    }
}

/* ---- split sets -------------------------------------------------------------------------------------------------------------- */

static void build_part(file *f, uint16_t no, uint16_t count, const char *tensor, int32_t total)
{
    begin(f, 0, 3, 1, no ? 3 : 4);
    if (!no) put_kv(f, "model", GGX_KV_U32, 7, 4);
    put_kv(f, "split.no", GGX_KV_U16, no, 2);
    put_kv(f, "split.count", GGX_KV_U16, count, 2);
    put_kv(f, "split.tensors.count", GGX_KV_I32, (uint32_t)total, 4);
    put_info(f, tensor, 1, (uint64_t[]){2}, 0, 0);
    pad(f, 32);
    put_uint(f, no, 8);
}

static ggx_status run_set(reader_harness *h, const file *parts, const char *const *names, size_t count,
                          ggx_error *error)
{
    reader_harness_init(h, GGX_SOURCE_FILE);
    for (size_t i = 0; i < count; i++) reader_harness_add(h, names[i], parts[i].data, parts[i].size);
    ggx_status status = reader_harness_run(h, reader_harness_vtable(), error);
    if (h->violation[0]) fail_msg("%s", h->violation);
    return status;
}

static void test_split_set(void **state)
{
    (void)state;
    static file parts[3];
    static const char *names[] = {"m-00002-of-00003.gguf", "m-00001-of-00003.gguf", "m-00003-of-00003.gguf"};
    reader_harness h;
    ggx_error error;
    build_part(&parts[0], 1, 3, "b", 3);
    build_part(&parts[1], 0, 3, "a", 3);
    build_part(&parts[2], 2, 3, "c", 3);
    if (run_set(&h, parts, names, 3, &error) != GGX_OK) fail_msg("%s", error.text);
    assert_int_equal(h.tensor_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(h.tensors[i].name.data[0], "abc"[i]);
        assert_int_equal(((const uint8_t *)reader_harness_extent(&h, &h.tensors[i]))[0], i);
    }
    assert_int_equal(h.kv_count, 1); /* the keys of the first part, but none of split.* */
    assert_non_null(reader_harness_kv(&h, "model"));
    reader_harness_free(&h);

    assert_int_equal(run_set(&h, parts, names, 2, &error), GGX_E_NOTFOUND);
    assert_non_null(strstr(error.text, "m-00003-of-00003.gguf"));
    reader_harness_free(&h);

    names[0] = "renamed.gguf";
    assert_int_equal(run_set(&h, parts, names, 3, &error), GGX_E_MALFORMED);
    assert_non_null(strstr(error.text, "-00002-of-00003.gguf"));
    reader_harness_free(&h);
    names[0] = "m-00002-of-00003.gguf";

    build_part(&parts[2], 2, 3, "a", 3);
    assert_int_equal(run_set(&h, parts, names, 3, &error), GGX_E_MALFORMED);
    assert_non_null(strstr(error.text, "occurs twice"));
    reader_harness_free(&h);

    build_part(&parts[2], 1, 3, "c", 3);
    assert_int_equal(run_set(&h, parts, names, 3, &error), GGX_E_MALFORMED);
    assert_non_null(strstr(error.text, "mixed up"));
    reader_harness_free(&h);

    build_part(&parts[1], 0, 3, "a", 4);
    build_part(&parts[2], 2, 3, "c", 3);
    assert_int_equal(run_set(&h, parts, names, 3, &error), GGX_E_MALFORMED);
    assert_non_null(strstr(error.text, "mixed up"));
    reader_harness_free(&h);
}

/* ---- probe ------------------------------------------------------------------------------------------------------------------- */

static void test_probe(void **state)
{
    (void)state;
    const ggx_reader *reader = reader_harness_vtable();
    uint8_t noise[64];
    uint64_t seed = 1;
    for (int i = 0; i < 20000; i++) {
        for (size_t k = 0; k < sizeof noise; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            noise[k] = (uint8_t)(seed >> 56);
        }
        reader_harness h;
        reader_harness_init(&h, GGX_SOURCE_FILE);
        reader_harness_add(&h, i % 2 ? "x.gguf" : "x.bin", noise, sizeof noise);
        assert_true(reader_harness_probe(&h, reader) <= GGX_PROBE_NAME);
        reader_harness_free(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_and_tensors),
        cmocka_unit_test(test_every_type),
        cmocka_unit_test(test_header_rules),
        cmocka_unit_test(test_kv_rules),
        cmocka_unit_test(test_tensor_rules),
        cmocka_unit_test(test_two_tensors),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_byte_changes),
        cmocka_unit_test(test_memory_failures),
        cmocka_unit_test(test_split_set),
        cmocka_unit_test(test_probe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
