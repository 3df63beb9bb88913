/* reader-ggml in memory: the language of ggml.header, refusals with their place, and input cut or changed anywhere. */
#include "reader_harness.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* magic; i32 3; u16 7; str "ab"; f32[2]; records: "w" f16 (2,3), "s" f32 scalar, "q" q8_0 (1,32) */
static uint8_t file[256];
static uint64_t file_size, records_at;

static void put(const void *data, size_t size)
{
    memcpy(file + file_size, data, size);
    file_size += size;
}

static void put_i32(int32_t value)
{
    for (int i = 0; i < 4; i++) file[file_size++] = (uint8_t)((uint32_t)value >> (8 * i));
}

static void put_record(const char *name, int32_t type, uint32_t rank, const int32_t *ne, size_t nbytes)
{
    put_i32((int32_t)rank);
    put_i32((int32_t)strlen(name));
    put_i32(type);
    for (uint32_t i = 0; i < rank; i++) put_i32(ne[i]);
    put(name, strlen(name));
    for (size_t i = 0; i < nbytes; i++) file[file_size++] = (uint8_t)(i + 1);
}

static int make_file(void **state)
{
    (void)state;
    file_size = 0;
    put_i32(0x67676d6c);
    put_i32(3);
    put("\7\0", 2);
    put_i32(2);
    put("ab", 2);
    put("\0\0\xc0\x3f\0\0\0\xc0", 8);
    records_at = file_size;
    put_record("w", 1, 2, (const int32_t[]){3, 2}, 12);
    put_record("s", 0, 0, NULL, 4);
    put_record("q", 8, 2, (const int32_t[]){32, 1}, 34);
    return 0;
}

#define FIELDS "a,b:u16,c:str,d:f32*2"

static ggx_status run(reader_harness *h, const char *fields, const void *data, uint64_t size, ggx_error *error)
{
    reader_harness_init(h, GGX_SOURCE_FILE);
    reader_harness_add(h, "model.bin", data, size);
    if (fields) reader_harness_option_string(h, "ggml.header", fields);
    return reader_harness_run(h, reader_harness_vtable(), error);
}

static void end(reader_harness *h)
{
    assert_string_equal(h->violation, "");
    reader_harness_free(h);
}

static void values_and_tensors_come_out_as_they_lie(void **state)
{
    reader_harness h;
    ggx_error error;
    (void)state;
    assert_int_equal(run(&h, FIELDS, file, file_size, &error), GGX_OK);
    assert_int_equal(h.score, GGX_PROBE_MAGIC);
    assert_int_equal(h.kv_count, 4);
    assert_int_equal(*(const int32_t *)reader_harness_kv(&h, "a")->data, 3);
    assert_int_equal(*(const uint16_t *)reader_harness_kv(&h, "b")->data, 7);
    const ggx_kv *d = reader_harness_kv(&h, "d");
    assert_int_equal(d->type, GGX_KV_ARRAY);
    assert_int_equal(d->count, 2);
    assert_true(((const float *)d->data)[0] == 1.5f && ((const float *)d->data)[1] == -2.0f);
    assert_int_equal(h.tensor_count, 3);
    const ggx_tensor *w = reader_harness_tensor(&h, "w");
    assert_int_equal(w->rank, 2);
    assert_int_equal(w->shape[0], 2);
    assert_int_equal(w->shape[1], 3);
    assert_string_equal(w->type.name, "f16");
    assert_memory_equal(reader_harness_extent(&h, w), "\1\2\3\4\5\6\7\10\11\12\13\14", 12);
    assert_int_equal(reader_harness_tensor(&h, "s")->rank, 0);
    assert_string_equal(reader_harness_tensor(&h, "q")->type.name, "q8_0");
    end(&h);
}

static void counts_are_numbers_or_fields_before(void **state)
{
    static const char *const same[] = {FIELDS,
                                       "20",
                                       "a,16",
                                       "6,s:str,8",
                                       "6,l:u32,t:u8*l,d:f32*2",
                                       "b1:u8*a*2,12,2",
                                       "a:i32*1,b:u8*2,n:i32,c:u8*n,d:i64*1"};
    reader_harness h;
    ggx_error error;
    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        ggx_status status = run(&h, same[i], file, file_size, &error);
        if (i == 5) /* `a` is not before it */
            assert_int_equal(status, GGX_E_USAGE);
        else if (status != GGX_OK || h.tensor_count != 3)
            fail_msg("%s: %d %s", same[i], (int)status, error.text);
        end(&h);
    }
}

static void what_is_no_field_is_refused(void **state)
{
    static const char *const bad[] = {"",          ",",         "a,",      "a,,b",         ":i32", "a:",  "a:i33",
                                      "a:i32*",    "a:i32**2",  "a:i32*x", "a:i32*2*",     "a,a",  "a b", "7a",
                                      "a:str:i32", "a,b:i32*c", "7:i32",   "a:f32,b:u8*a", "-4",   "a*3", "a:i32*-1"};
    reader_harness h;
    ggx_error error;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (run(&h, bad[i], file, file_size, &error) != GGX_E_USAGE) fail_msg("'%s': %s", bad[i], error.text);
        end(&h);
    }
    assert_int_equal(run(&h, NULL, file, file_size, &error), GGX_E_USAGE);
    assert_non_null(strstr(error.text, "ggml.header"));
    end(&h);
}

static void counts_beyond_the_file_are_refused(void **state)
{
    static const char *const bad[] = {"9999999", "a:f64*99999999999999999999", "a:u8*4294967296*4294967296",
                                      "2,n:i32,s:str*n", "4,t:str"};
    reader_harness h;
    ggx_error error;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ggx_status status = run(&h, bad[i], file, file_size, &error);
        if (i == 1 ? status != GGX_E_USAGE : status != GGX_E_MALFORMED)
            fail_msg("%s: %d %s", bad[i], (int)status, error.text);
        assert_true(h.memory_used < 1u << 20);
        end(&h);
    }
}

static void a_cut_file_is_refused_at_every_length(void **state)
{
    reader_harness h;
    ggx_error error;
    (void)state;
    for (uint64_t size = 0; size < file_size; size++) {
        ggx_status status = run(&h, FIELDS, file, size, &error);
        /* the file has no count: a cut between two records cannot be seen */
        int between = size == records_at || size == records_at + 33 || size == records_at + 50;
        assert_int_equal(status, between ? GGX_OK : GGX_E_MALFORMED);
        end(&h);
    }
}

static void any_changed_byte_ends_in_order(void **state)
{
    reader_harness h;
    ggx_error error;
    uint8_t copy[sizeof file];
    (void)state;
    for (uint64_t at = 0; at < file_size; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            memcpy(copy, file, sizeof copy);
            copy[at] = (uint8_t)(copy[at] ^ 1u << bit);
            ggx_status status = run(&h, FIELDS, copy, file_size, &error);
            assert_true(status == GGX_OK || status == GGX_E_MALFORMED || status == GGX_E_UNSUPPORTED);
            end(&h);
        }
}

static void refusals_name_the_place(void **state)
{
    static const struct {
        uint64_t at; /* in the first record */
        uint8_t value;
        ggx_status status;
        const char *part;
    } changes[] = {{0, 5, GGX_E_MALFORMED, "5 dimensions"}, {4, 0, GGX_E_MALFORMED, "0 bytes"},
                   {8, 4, GGX_E_MALFORMED, "type 4"},       {15, 0x80, GGX_E_MALFORMED, "negative"},
                   {20, 0, GGX_E_MALFORMED, "NUL"},         {20, 's', GGX_E_MALFORMED, "twice"}};
    reader_harness h;
    ggx_error error;
    uint8_t copy[sizeof file];
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        memcpy(copy, file, sizeof copy);
        copy[records_at + changes[i].at] = changes[i].value;
        ggx_status status = run(&h, FIELDS, copy, file_size, &error);
        if (status != changes[i].status || !strstr(error.text, changes[i].part))
            fail_msg("change %zu: %d %s", i, (int)status, error.text);
        end(&h);
    }
}

static void old_blocks_are_refused(void **state)
{
    reader_harness h;
    ggx_error error;
    uint8_t copy[sizeof file];
    (void)state;
    memcpy(copy, file, sizeof copy);
    assert_int_equal(run(&h, "ftype,16", copy, file_size, &error), GGX_E_UNSUPPORTED);
    assert_non_null(strstr(error.text, "version 0"));
    end(&h);
    copy[4] = 0xd7; /* 2007 */
    copy[5] = 0x07;
    assert_int_equal(run(&h, "ftype,16", copy, file_size, &error), GGX_OK);
    end(&h);
}

static void the_end_of_memory_is_an_error(void **state)
{
    reader_harness h;
    ggx_error error;
    (void)state;
    assert_int_equal(run(&h, FIELDS, file, file_size, &error), GGX_OK);
    uint64_t allocations = h.alloc_count;
    end(&h);
    for (uint64_t i = 1; i <= allocations; i++) {
        reader_harness_init(&h, GGX_SOURCE_FILE);
        h.fail_alloc = i;
        reader_harness_add(&h, "model.bin", file, file_size);
        reader_harness_option_string(&h, "ggml.header", FIELDS);
        assert_int_equal(reader_harness_run(&h, reader_harness_vtable(), &error), GGX_E_NOMEM);
        end(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_tensors_come_out_as_they_lie),
        cmocka_unit_test(counts_are_numbers_or_fields_before),
        cmocka_unit_test(what_is_no_field_is_refused),
        cmocka_unit_test(counts_beyond_the_file_are_refused),
        cmocka_unit_test(a_cut_file_is_refused_at_every_length),
        cmocka_unit_test(any_changed_byte_ends_in_order),
        cmocka_unit_test(refusals_name_the_place),
        cmocka_unit_test(old_blocks_are_refused),
        cmocka_unit_test(the_end_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, make_file, NULL);
}
