/* Sorted string tables and what they are made of: CRC-32C, Snappy, the fields of protocol buffers. */
#include "../reader_tf/build.h"
#include "reader_harness.h"

#include <ggx_sdk/crc32c.h>
#include <ggx_sdk/protobuf.h>
#include <ggx_sdk/snappy.h>
#include <ggx_sdk/sstable.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- CRC-32C ----------------------------------------------------------------------------------------------------------------- */

static uint32_t bitwise(uint32_t crc, const uint8_t *data, size_t size)
{
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

static void test_crc(void **state)
{
    (void)state;
    uint8_t data[300];
    /* RFC 3720, appendix B.4 */
    memset(data, 0, 32);
    assert_int_equal(ggx_crc32c(0, data, 32), 0x8a9136aau);
    memset(data, 0xff, 32);
    assert_int_equal(ggx_crc32c(0, data, 32), 0x62a8ab43u);
    for (size_t i = 0; i < 32; i++) data[i] = (uint8_t)i;
    assert_int_equal(ggx_crc32c(0, data, 32), 0x46dd794eu);
    assert_int_equal(ggx_crc32c(0, "123456789", 9), 0xe3069283u);
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i * 151 + i / 7);
    for (size_t n = 0; n < sizeof data; n++) {
        uint32_t whole = bitwise(0, data, n);
        assert_int_equal(ggx_crc32c(0, data, n), whole);
        assert_int_equal(ggx_crc32c(ggx_crc32c(0, data, n / 3), data + n / 3, n - n / 3), whole);
        assert_int_equal(ggx_crc32c_portable(0, data, n), whole);
        assert_int_equal(
            ggx_crc32c_before(ggx_crc32c(0, data, n / 3), n - n / 3) ^ ggx_crc32c(0, data + n / 3, n - n / 3), whole);
    }
    static uint8_t longer[60000];
    for (size_t i = 0; i < sizeof longer; i++) longer[i] = (uint8_t)(i * 7919 >> 5);
    for (size_t n = 24560; n < sizeof longer; n += 1 + n % 1777)
        assert_int_equal(ggx_crc32c(7, longer + n % 5, n - 5), ggx_crc32c_portable(7, longer + n % 5, n - 5));
    assert_int_equal(ggx_crc32c_unmask(ggx_crc32c_mask(0x12345678u)), 0x12345678u);
    assert_int_equal(ggx_crc32c_mask(0), 0xa282ead8u);
}

/* ---- Snappy ------------------------------------------------------------------------------------------------------------------ */

/* Copies of exactly the sizes given, so that a sanitizer sees a step beyond them. */
static ggx_status unpack(const void *packed, size_t size, uint8_t **out, uint64_t *length, ggx_error *error)
{
    uint8_t *in = malloc(size ? size : 1);
    uint64_t head = 0;
    assert_non_null(in);
    memcpy(in, packed, size);
    *out = NULL;
    ggx_status status = ggx_snappy_length(in, size, length, &head, error);
    if (status == GGX_OK) {
        *out = malloc(*length ? (size_t)*length : 1);
        assert_non_null(*out);
        status = ggx_snappy_unpack(in, size, *out, *length, error);
    }
    free(in);
    return status;
}

#define UNPACKS(packed, text) unpacks(packed, sizeof(packed) - 1, text)
#define REFUSES(packed, word) refuses(packed, sizeof(packed) - 1, word)

static void unpacks(const char *packed, size_t size, const char *text)
{
    ggx_error error;
    uint8_t *out;
    uint64_t length = 0;
    if (unpack(packed, size, &out, &length, &error) != GGX_OK) fail_msg("%s: %s", text, error.text);
    assert_int_equal(length, strlen(text));
    assert_memory_equal(out, text, (size_t)length);
    free(out);
}

static void refuses(const char *packed, size_t size, const char *word)
{
    ggx_error error;
    uint8_t *out;
    uint64_t length = 0;
    memset(&error, 0, sizeof error);
    if (unpack(packed, size, &out, &length, &error) != GGX_E_MALFORMED || !strstr(error.text, word))
        fail_msg("wanted \"%s\", got: %s", word, error.text);
    free(out);
}

static void test_snappy(void **state)
{
    (void)state;
    UNPACKS("\0", "");
    UNPACKS("\3\x08"
            "abc",
            "abc");
    UNPACKS("\3\xf0\2"
            "abc",
            "abc"); /* the literal's length in one byte more */
    UNPACKS("\3\xfc\2\0\0\0"
            "abc",
            "abc"); /* in four */
    UNPACKS("\x08\4"
            "ab"
            "\x09\2",
            "abababab"); /* a copy that overlaps itself, one byte of distance */
    UNPACKS("\x0a\4"
            "ab"
            "\x1e\2\0",
            "ababababab");
    UNPACKS("\x0a\4"
            "ab"
            "\x1f\2\0\0\0",
            "ababababab");
    UNPACKS("\6\x08"
            "abc"
            "\x0a\3\0",
            "abcabc");
    REFUSES("", "claim");
    REFUSES("\x80", "claim");
    REFUSES("\xff\xff\xff\xff\xff", "claim");
    REFUSES("\xff\xff\xff\xff\x0f\0", "claim"); /* 4 GiB out of six bytes */
    REFUSES("\3\x08"
            "ab",
            "literal");
    REFUSES("\2\x08"
            "abc",
            "more bytes");
    REFUSES("\4\x08"
            "abc",
            "fewer");
    REFUSES("\x08\4"
            "ab"
            "\x09\3",
            "before their beginning");
    REFUSES("\x08\4"
            "ab"
            "\x09\0",
            "copies nothing");
    REFUSES("\x08\4"
            "ab"
            "\x0a\2",
            "cut");
    REFUSES("\3\xfc\2\0", "cut");
    REFUSES("\3\xfc\xff\xff\xff\xff"
            "abc",
            "more bytes");
    REFUSES("\5\4"
            "ab"
            "\x09\2",
            "more bytes");
}

/* ---- protocol buffers -------------------------------------------------------------------------------------------------------- */

typedef struct message {
    ggx_memory memory;
    ggx_cursor c;
    ggx_pb m;
    ggx_error error;
} message;

static void begin(message *x, const void *data, size_t size)
{
    memset(&x->error, 0, sizeof x->error);
    ggx_memory_init(&x->memory, data, size, 1000, 3);
    ggx_cursor_init(&x->c, &x->memory.source, 3, 1000, 1000 + size, &x->error);
    ggx_pb_begin(&x->m, &x->c, 1000 + size);
}

static void test_protobuf(void **state)
{
    (void)state;
    static const char data[] = "\x08\x96\x01"
                               "\x12\3\x08\5\x10"
                               "\x1d\1\2\3\4"
                               "\x21\1\2\3\4\5\6\7\x88"
                               "\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\1";
    message x;
    ggx_pb inner;
    begin(&x, data, sizeof data - 1);
    assert_true(ggx_pb_next(&x.m) && ggx_pb_is(&x.m, 1, GGX_PB_VARINT));
    assert_int_equal(x.m.number, 150);
    assert_true(ggx_pb_next(&x.m) && ggx_pb_is(&x.m, 2, GGX_PB_LEN));
    assert_int_equal(x.m.number, 3);
    assert_int_equal(x.m.at, 1005);
    assert_true(ggx_pb_next(&x.m) && ggx_pb_is(&x.m, 3, GGX_PB_I32)); /* the message was not entered: skipped */
    assert_int_equal(x.m.number, 0x04030201);
    assert_true(ggx_pb_next(&x.m) && ggx_pb_is(&x.m, 4, GGX_PB_I64));
    assert_true(x.m.number == 0x8807060504030201u);
    assert_true(ggx_pb_next(&x.m) && ggx_pb_is(&x.m, 5, GGX_PB_VARINT));
    assert_true(x.m.number == UINT64_MAX);
    assert_false(ggx_pb_next(&x.m));
    assert_int_equal(x.c.status, GGX_OK);
    begin(&x, data + 3, 5); /* a message whose inner one ends in the middle of a field */
    assert_true(ggx_pb_next(&x.m));
    ggx_pb_enter(&inner, &x.m);
    assert_true(ggx_pb_next(&inner) && inner.number == 5);
    assert_false(ggx_pb_next(&inner));
    assert_int_equal(x.c.status, GGX_E_MALFORMED);
    assert_int_equal(x.error.member, 3);
    assert_int_equal(x.error.offset, 1005);
}

static void test_protobuf_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        size_t size;
        const char *word;
    } cases[] = {
        {"\x08", 1, "ends inside"},
        {"\x08\x80", 2, "ends inside"},
        {"\x00\x01", 2, "number 0"},
        {"\x0b\x0c", 2, "wire type 3"},
        {"\x0e", 1, "wire type 6"},
        {"\x0a\5abc", 5, "a length of 5"},
        {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 11, "a length of"},
        {"\x0d\1\2\3", 4, "no room"},
        {"\x09\1\2\3\4\5\6\7", 8, "no room"},
        {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\2", 11, "more than 64 bits"},
        {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 12, "more than 64 bits"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        message x;
        begin(&x, cases[i].data, cases[i].size);
        assert_false(ggx_pb_next(&x.m));
        if (x.c.status != GGX_E_MALFORMED || !strstr(x.error.text, cases[i].word))
            fail_msg("case %zu: wanted \"%s\", got: %s", i, cases[i].word, x.error.text);
    }
    message x;
    char out[2];
    begin(&x, "\x0a\3abc", 5);
    assert_true(ggx_pb_next(&x.m));
    assert_int_equal(ggx_pb_bytes(&x.m, out, sizeof out, "a word"), 0);
    assert_non_null(strstr(x.error.text, "a word has 3 bytes"));
}

/* ---- tables ------------------------------------------------------------------------------------------------------------------ */

/* Entries "key-000" … with values that repeat, in blocks of seven. */
static buf make_table(int count, int snappy)
{
    table t;
    table_begin(&t);
    t.per_block = 7;
    t.per_restart = 3;
    t.snappy = snappy;
    for (int i = 0; i < count; i++) {
        char key[32], value[64];
        snprintf(key, sizeof key, "key-%03d", i);
        snprintf(value, sizeof value, "value %d value %d", i, i);
        table_add(&t, key, strlen(key), value, strlen(value));
    }
    return table_end(&t);
}

static reader_harness h;

static ggx_status open_table(ggx_sstable *t, const buf *file, ggx_error *error)
{
    reader_harness_init(&h, GGX_SOURCE_DIRECTORY);
    reader_harness_add(&h, "t", file->data, file->size);
    memset(error, 0, sizeof *error);
    return ggx_sstable_open(t, &h.host, &h.source, 0, error);
}

/* Walks the table; its entries must be those of make_table. */
static ggx_status walk(ggx_sstable *t, int *count, ggx_error *error)
{
    *count = 0;
    for (ggx_sstable_rewind(t, error); ggx_sstable_next(t, error); ++*count) {
        char key[32], value[64], got[64];
        snprintf(key, sizeof key, "key-%03d", *count);
        snprintf(value, sizeof value, "value %d value %d", *count, *count);
        assert_int_equal(t->data->key_size, strlen(key));
        assert_memory_equal(t->data->key, key, strlen(key));
        assert_int_equal(t->data->value_size, strlen(value));
        t->data->c.at = t->data->value;
        assert_int_equal(ggx_cursor_bytes(&t->data->c, got, strlen(value), "a value"), GGX_OK);
        assert_memory_equal(got, value, strlen(value));
    }
    return t->status;
}

static void test_walk(void **state)
{
    (void)state;
    static const int counts[] = {1, 6, 7, 8, 100};
    for (int i = 0; i < 10; i++) {
        buf file = make_table(counts[i / 2], i % 2);
        ggx_sstable t;
        ggx_error error;
        int count;
        if (open_table(&t, &file, &error) != GGX_OK) fail_msg("%s", error.text);
        for (int twice = 0; twice < 2; twice++) {
            assert_int_equal(walk(&t, &count, &error), GGX_OK);
            assert_int_equal(count, counts[i / 2]);
        }
        assert_true(ggx_sstable_probe((ggx_str){(const char *)file.data + file.size - 48, 48}, file.size));
        reader_harness_free(&h);
        buf_free(&file);
    }
}

static void test_find(void **state)
{
    (void)state;
    for (int mode = 0; mode < 4; mode++) {
        buf file = make_table(50, mode & 1);
        ggx_sstable t;
        ggx_error error;
        ggx_sstable_place place;
        assert_int_equal(open_table(&t, &file, &error), GGX_OK);
        for (int i = 49; i >= 0; i--) {
            char key[32];
            snprintf(key, sizeof key, "key-%03d", i);
            assert_int_equal(ggx_sstable_find(&t, key, 7, &place, &error), GGX_OK);
            assert_int_equal(ggx_sstable_load(&t, place, mode >> 1, &error), GGX_OK);
            assert_int_equal(ggx_sstable_check(&t, place, &error), GGX_OK);
            assert_true(ggx_sstable_seek(&t, key, 7));
            assert_int_equal(t.data->value_size, i < 10 ? 15 : 17);
            assert_false(ggx_sstable_seek(&t, "key-0", 5));
            assert_false(ggx_sstable_seek(&t, "zzz", 3));
            assert_int_equal(t.data->c.status, GGX_OK);
        }
        assert_int_equal(ggx_sstable_find(&t, "zzz", 3, &place, &error), GGX_E_NOTFOUND);
        reader_harness_free(&h);
        buf_free(&file);
    }
}

/* Each bit of a table is guarded by a CRC, or is the footer's padding or its place of the meta index, which nothing needs. */
static void test_damage(void **state)
{
    (void)state;
    for (int snappy = 0; snappy < 2; snappy++) {
        buf file = make_table(20, snappy);
        for (size_t i = 0; i < file.size; i++) {
            ggx_sstable t;
            ggx_error error;
            int count = 0;
            file.data[i] ^= 0x41;
            ggx_status status = open_table(&t, &file, &error);
            if (status == GGX_OK) status = walk(&t, &count, &error);
            if (status == GGX_OK && i < file.size - 48) fail_msg("a flip of byte %zu passes", i);
            assert_true(status == GGX_OK || error.text[0]);
            file.data[i] ^= 0x41;
            reader_harness_free(&h);
        }
        for (size_t size = 0; size < file.size; size++) {
            buf cut = {malloc(size ? size : 1), size, size};
            memcpy(cut.data, file.data, size);
            ggx_sstable t;
            ggx_error error;
            int count = 0;
            ggx_status status = open_table(&t, &cut, &error);
            if (status == GGX_OK) status = walk(&t, &count, &error);
            assert_int_not_equal(status, GGX_OK);
            reader_harness_free(&h);
            buf_free(&cut);
        }
        buf_free(&file);
    }
}

/* A table of one block with these bytes, whose CRC is right; the index has the entries given. */
static buf table_of(const char *block, size_t size, const char *index, size_t index_size)
{
    buf file = {0}, body = {0}, handle = {0}, rest = {0};
    buf_add(&body, block, size);
    put_block(&file, &body, 0, &handle);
    buf_free(&body);
    if (index) {
        buf_add(&body, index, index_size);
    } else {
        buf_byte(&body, 0);
        buf_byte(&body, 1);
        buf_varint(&body, handle.size);
        buf_byte(&body, 'z');
        buf_add(&body, handle.data, handle.size);
        buf_u32(&body, 0);
        buf_u32(&body, 1);
    }
    put_block(&file, &body, 0, &rest);
    put_footer(&file, &rest);
    buf_free(&body);
    buf_free(&handle);
    buf_free(&rest);
    return file;
}

#define BLOCK(bytes) bytes, sizeof(bytes) - 1
#define END "\0\0\0\0\1\0\0\0"

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *block;
        size_t size;
        const char *index;
        size_t index_size;
        const char *word;
    } cases[] = {
        {BLOCK("\0\1\1ax" END), NULL, 0, NULL},
        {BLOCK(""), NULL, 0, "claims 0 restarts"},
        {BLOCK("\0\1\1ax\xff\xff\xff\xff"), NULL, 0, "restarts"},
        {BLOCK("\1\1\1ax" END), NULL, 0, "shares more"},
        {BLOCK("\0\1\1ax\2\1\1bx" END), NULL, 0, "shares more"},
        {BLOCK("\0\2\1abx\1\1\1bx" END), NULL, 0, "behind the one before"}, /* ab, ab */
        {BLOCK("\0\1\1bx\0\1\1ax" END), NULL, 0, "behind the one before"},
        {BLOCK("\0\1\2ax" END), NULL, 0, "beyond its block"},
        {BLOCK("\0\x7f\1ax" END), NULL, 0, "beyond its block"},
        {BLOCK("\0\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"
               "ax" END),
         NULL, 0, "beyond its block"},
        {BLOCK("\0\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"
               "ax" END),
         NULL, 0, "64 bits"},
        {BLOCK("\0" END), NULL, 0, "ends inside"},
        {BLOCK("\0\1\1ax" END), BLOCK("\0\1\2a\0\x0d\0\1\2b\0\x0d" END),
         "names a block at offset 0"}, /* twice the same */
        {BLOCK("\0\1\1ax" END), BLOCK("\0\1\3a\0\xff\x7f" END), "does not lie within"},
        {BLOCK("\0\1\1ax" END), BLOCK("\0\1\1a\0" END), "ends inside"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buf file = table_of(cases[i].block, cases[i].size, cases[i].index, cases[i].index_size);
        ggx_sstable t;
        ggx_error error;
        ggx_status status = open_table(&t, &file, &error);
        if (status == GGX_OK) {
            for (ggx_sstable_rewind(&t, &error); ggx_sstable_next(&t, &error);) {
            }
            status = t.status;
        }
        if (cases[i].word ? status != GGX_E_MALFORMED || !strstr(error.text, cases[i].word) : status != GGX_OK)
            fail_msg("case %zu: wanted \"%s\", got %d: %s", i, cases[i].word ? cases[i].word : "ok", status,
                     error.text);
        reader_harness_free(&h);
        buf_free(&file);
    }
}

/* A block that claims to unpack to 1 GiB must not make the reader ask for it. */
static void test_bomb(void **state)
{
    (void)state;
    static const uint8_t packed[] = {0x80, 0x80, 0x80, 0x80, 0x04, 0, 'x', 0xfe, 1, 0, 0xfe, 1, 0};
    buf file = {0}, handle = {0};
    ggx_sstable t;
    ggx_error error;
    buf_varint(&handle, 0);
    buf_varint(&handle, sizeof packed);
    buf_add(&file, packed, sizeof packed);
    buf_byte(&file, 1);
    buf_u32(&file, ggx_crc32c_mask(ggx_crc32c(0, file.data, file.size)));
    put_footer(&file, &handle);
    assert_int_equal(open_table(&t, &file, &error), GGX_E_MALFORMED);
    assert_non_null(strstr(error.text, "cannot unpack to"));
    assert_true(h.memory_used < 1 << 20);
    reader_harness_free(&h);
    buf_free(&file);
    buf_free(&handle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc),      cmocka_unit_test(test_snappy),
        cmocka_unit_test(test_protobuf), cmocka_unit_test(test_protobuf_refusals),
        cmocka_unit_test(test_walk),     cmocka_unit_test(test_find),
        cmocka_unit_test(test_damage),   cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_bomb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
