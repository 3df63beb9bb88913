/* The writers' contract, in memory: layouts that hold, the same bytes at every render, refusals that name their reason, and no
 * crash wherever memory or the disk ends. */
#include "writer_harness.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct subject {
    const char *name;
    const char *path;
} subject;

static const subject subjects[] = {{"gguf", WRITER_GGUF}, {"ggml", WRITER_GGML}, {"safetensors", WRITER_SAFETENSORS}};
#define SUBJECTS (sizeof subjects / sizeof subjects[0])
enum { GGUF, GGML, SAFETENSORS };

static const uint8_t zeros[4096];

static ggx_str str(const char *text)
{
    ggx_str s = {text, strlen(text)};
    return s;
}

static ggx_out_tensor make(const char *name, const char *type, uint32_t elems, uint32_t bytes, uint32_t rank, ...)
{
    ggx_out_tensor t = {.struct_size = sizeof t, .rank = rank, .name = str(name), .type_code = GGX_NO_CODE};
    uint64_t total = 1;
    va_list axes;
    strncpy(t.type.name, type, sizeof t.type.name - 1);
    t.type.block_elems = elems;
    t.type.block_bytes = bytes;
    va_start(axes, rank);
    for (uint32_t i = 0; i < rank; i++) {
        uint64_t axis = va_arg(axes, unsigned int);
        if (i < GGX_MAX_RANK) t.shape[i] = axis;
        total *= axis;
    }
    va_end(axes);
    t.nbytes = total / elems * bytes;
    return t;
}

static ggx_kv text_kv(const char *key, const ggx_str *value)
{
    ggx_kv kv = {sizeof kv, GGX_KV_STRING, GGX_KV_STRING, 0, str(key), 1, value};
    return kv;
}

static void begin(writer_harness *h, size_t which)
{
    ggx_error error;
    writer_harness_init(h);
    h->writer = writer_harness_load(subjects[which].path);
    assert_non_null(h->writer);
    assert_int_equal(writer_harness_open(h, &error), GGX_OK);
}

static void end(writer_harness *h)
{
    assert_string_equal(h->violation, "");
    writer_harness_free(h);
}

/* A model of `count` tensors of many shapes; the status of the first step that failed. */
static ggx_status run(writer_harness *h, size_t which, unsigned count, ggx_error *error)
{
    static const char *const types[] = {"f32", "f16", "i8", "f64"};
    static const uint32_t widths[] = {4, 2, 1, 8};
    ggx_str value = str("a \"value\" \\ with \x01 and \xc3\xa9");
    ggx_kv kv = text_kv("general.architecture", &value);
    h->writer = writer_harness_load(subjects[which].path);
    assert_non_null(h->writer);
    ggx_status status = writer_harness_open(h, error);
    if (status == GGX_OK) status = writer_harness_kv(h, &kv, error);
    for (unsigned i = 0; i < count && status == GGX_OK; i++) {
        char name[32];
        snprintf(name, sizeof name, "tensor.%u", i);
        ggx_out_tensor t = make(name, types[i % 4], 1, widths[i % 4], i % 5, 1 + i % 3, 1 + i % 4, 1 + i % 7, 3u);
        status = writer_harness_tensor(h, &t, zeros, error);
    }
    return status == GGX_OK ? writer_harness_finish(h, error) : status;
}

static void layouts_hold_for_any_number_of_tensors(void **state)
{
    static const unsigned counts[] = {0, 1, 2, 17, 3000};
    (void)state;
    for (size_t which = 0; which < SUBJECTS; which++)
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            writer_harness h;
            ggx_error error;
            writer_harness_init(&h);
            assert_int_equal(run(&h, which, counts[i], &error), GGX_OK);
            assert_int_equal(h.tensor_count, counts[i]);
            assert_true(h.size > 4);
            end(&h);
        }
}

static void payloads_lie_where_place_says(void **state)
{
    static const uint8_t marks[3][5] = {{1, 2, 3, 4, 5}, {6, 7, 8}, {9}};
    static const uint32_t sizes[] = {5, 3, 1};
    (void)state;
    for (size_t which = 0; which < SUBJECTS; which++) {
        writer_harness h;
        ggx_error error;
        begin(&h, which);
        for (unsigned i = 0; i < 3; i++) {
            ggx_out_tensor t = make((const char *[]){"c", "b", "a"}[i], "i8", 1, 1, 1, sizes[i]);
            assert_int_equal(writer_harness_tensor(&h, &t, marks[i], &error), GGX_OK);
        }
        assert_int_equal(writer_harness_finish(&h, &error), GGX_OK);
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(h.places[i].nbytes, sizes[i]);
            assert_memory_equal(h.file + h.places[i].offset, marks[i], sizes[i]);
            if (which == GGUF) assert_int_equal(h.places[i].offset % 32, 0);
        }
        if (which == GGUF) assert_int_equal(h.size % 32, 0); /* padded after the last tensor, too */
        if (which == GGML) assert_int_equal(h.size, h.places[2].offset + 1);
        if (which == SAFETENSORS) assert_true(h.places[2].offset < h.places[0].offset); /* by name */
        end(&h);
    }
}

static void refuse(size_t which, const ggx_out_tensor *t, ggx_status wanted, const char *part)
{
    writer_harness h;
    ggx_error error;
    begin(&h, which);
    ggx_status status = writer_harness_tensor(&h, t, zeros, &error);
    if (status != wanted || !strstr(error.text, part))
        fail_msg("%s: status %d, text '%s'; wanted %d, '%s'", subjects[which].name, (int)status, error.text,
                 (int)wanted, part);
    end(&h);
}

static void what_a_format_cannot_hold_is_refused_by_name(void **state)
{
    char name[70];
    (void)state;
    memset(name, 'n', 64);
    name[64] = 0;
    ggx_out_tensor longer = make(name, "f32", 1, 4, 1, 3u);
    refuse(GGUF, &longer, GGX_E_UNSUPPORTED, "64 bytes");
    ggx_out_tensor five = make("five", "f32", 1, 4, 5, 1u, 1u, 1u, 1u, 2u);
    refuse(GGUF, &five, GGX_E_UNSUPPORTED, "'five' has 5 dimensions");
    refuse(GGML, &five, GGX_E_UNSUPPORTED, "'five' has 5 dimensions");
    ggx_out_tensor odd = make("odd", "u16", 1, 2, 1, 3u);
    refuse(GGUF, &odd, GGX_E_UNSUPPORTED, "u16");
    refuse(GGML, &odd, GGX_E_UNSUPPORTED, "u16");
    ggx_out_tensor block = make("block", "q4_0", 32, 18, 1, 64u);
    refuse(SAFETENSORS, &block, GGX_E_UNSUPPORTED, "q4_0");
    ggx_out_tensor wide = make("wide", "i8", 1, 1, 2, 0x80000000u, 0u); /* empty, so that no memory is at stake */
    refuse(GGML, &wide, GGX_E_UNSUPPORTED, "2147483648");
    ggx_out_tensor bytes = make("\xff\xfe", "f32", 1, 4, 1, 1u);
    refuse(SAFETENSORS, &bytes, GGX_E_UNSUPPORTED, "UTF-8");
    ggx_out_tensor reserved = make("__metadata__", "f32", 1, 4, 1, 1u);
    refuse(SAFETENSORS, &reserved, GGX_E_UNSUPPORTED, "__metadata__");
    for (size_t which = 0; which < SUBJECTS; which++) {
        ggx_out_tensor empty = make("", "f32", 1, 4, 1, 1u);
        refuse(which, &empty, GGX_E_UNSUPPORTED, "0 bytes");
        ggx_out_tensor lie = make("lie", "f32", 1, 4, 1, 3u);
        lie.nbytes = 13;
        refuse(which, &lie, GGX_E_MALFORMED, "'lie': 13 bytes");
        ggx_out_tensor huge = make("huge", "f32", 1, 4, 3, 0xffffffffu, 0xffffffffu, 0xffffffffu);
        refuse(which, &huge, GGX_E_MALFORMED, "'huge'");
        ggx_out_tensor ragged = make("ragged", "q4_0", 32, 18, 2, 32u, 31u);
        ragged.nbytes = 31 * 18; /* whole blocks in all, but not in each row */
        refuse(which, &ragged, GGX_E_MALFORMED, "'ragged'");
    }
}

static void longest_names_are_taken(void **state)
{
    char name[64];
    (void)state;
    memset(name, 'n', 63);
    name[63] = 0;
    for (size_t which = 0; which < SUBJECTS; which++) {
        writer_harness h;
        ggx_error error;
        ggx_out_tensor t = make(name, "f32", 1, 4, 4, 1u, 2u, 3u, 4u);
        begin(&h, which);
        assert_int_equal(writer_harness_tensor(&h, &t, zeros, &error), GGX_OK);
        assert_int_equal(writer_harness_finish(&h, &error), GGX_OK);
        end(&h);
    }
}

static void a_type_number_of_another_block_is_refused(void **state)
{
    (void)state;
    ggx_out_tensor t = make("t", "q4_0", 32, 18, 1, 64u);
    t.type_code = 8; /* q8_0: 34 bytes */
    refuse(GGUF, &t, GGX_E_UNSUPPORTED, "34");
    refuse(GGML, &t, GGX_E_UNSUPPORTED, "34");
    t.type_code = -7;
    refuse(GGUF, &t, GGX_E_UNSUPPORTED, "no number");
    for (size_t which = GGUF; which <= GGML; which++) { /* a third party's type, which no table knows */
        writer_harness h;
        ggx_error error;
        ggx_out_tensor own = make("t", "mine_3", 16, 7, 1, 32u);
        own.type_code = 1003;
        begin(&h, which);
        assert_int_equal(writer_harness_tensor(&h, &own, zeros, &error), GGX_OK);
        assert_int_equal(writer_harness_finish(&h, &error), GGX_OK);
        end(&h);
    }
}

static void duplicates_are_refused_among_many(void **state)
{
    (void)state;
    for (size_t which = 0; which < SUBJECTS; which++) {
        writer_harness h;
        ggx_error error;
        char name[32];
        begin(&h, which);
        for (unsigned i = 0; i < 2000; i++) {
            snprintf(name, sizeof name, "t%u", i);
            ggx_out_tensor t = make(name, "f32", 1, 4, 1, 1u);
            assert_int_equal(writer_harness_tensor(&h, &t, zeros, &error), GGX_OK);
        }
        for (unsigned i = 0; i < 2000; i += 333) {
            snprintf(name, sizeof name, "t%u", i);
            ggx_out_tensor t = make(name, "f32", 1, 4, 1, 1u);
            assert_int_equal(writer_harness_tensor(&h, &t, zeros, &error), GGX_E_MALFORMED);
            assert_non_null(strstr(error.text, name));
        }
        ggx_str value = str("x");
        ggx_kv kv = text_kv("k", &value);
        assert_int_equal(writer_harness_kv(&h, &kv, &error), GGX_OK);
        /* a .bin has no keys: the same one twice is two values */
        assert_int_equal(writer_harness_kv(&h, &kv, &error), which == GGML ? GGX_OK : GGX_E_MALFORMED);
        end(&h);
    }
}

static void unsound_key_values_are_refused(void **state)
{
    static const uint8_t two[] = {1, 2};
    static const uint32_t word = 48;
    ggx_str bytes = {"\xc0\x80", 2};
    const struct {
        size_t which;
        ggx_kv kv;
        ggx_status status;
    } cases[] = {
        {GGUF, {sizeof(ggx_kv), GGX_KV_ARRAY, GGX_KV_ARRAY, 0, {"k", 1}, 1, two}, GGX_E_UNSUPPORTED},
        {GGML, {sizeof(ggx_kv), 13, 13, 0, {"k", 1}, 1, two}, GGX_E_UNSUPPORTED},
        {GGUF, {sizeof(ggx_kv), GGX_KV_U8, GGX_KV_U8, 0, {"k", 1}, 2, two}, GGX_E_MALFORMED},
        {GGUF, {sizeof(ggx_kv), GGX_KV_U8, GGX_KV_U8, 0, {"k", 1}, 1, NULL}, GGX_E_MALFORMED},
        {GGUF, {sizeof(ggx_kv), GGX_KV_ARRAY, GGX_KV_BOOL, 0, {"k", 1}, 2, two}, GGX_E_MALFORMED},
        {GGUF, {sizeof(ggx_kv), GGX_KV_U8, GGX_KV_U8, 0, {"", 0}, 1, two}, GGX_E_MALFORMED},
        {GGUF, {sizeof(ggx_kv), GGX_KV_U8, GGX_KV_U8, 0, {"a\0b", 3}, 1, two}, GGX_E_MALFORMED},
        {GGUF, {sizeof(ggx_kv), GGX_KV_U32, GGX_KV_U32, 0, {"general.alignment", 17}, 1, &word}, GGX_E_USAGE},
        {GGUF, {sizeof(ggx_kv), GGX_KV_I32, GGX_KV_I32, 0, {"general.alignment", 17}, 1, &word}, GGX_E_UNSUPPORTED},
        {SAFETENSORS, {sizeof(ggx_kv), GGX_KV_ARRAY, GGX_KV_STRING, 0, {"k", 1}, 1, &bytes}, GGX_E_UNSUPPORTED},
        {SAFETENSORS, {sizeof(ggx_kv), GGX_KV_STRING, GGX_KV_STRING, 0, {"k", 1}, 1, &bytes}, GGX_E_UNSUPPORTED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        writer_harness h;
        ggx_error error;
        begin(&h, cases[i].which);
        if (writer_harness_kv(&h, &cases[i].kv, &error) != cases[i].status)
            fail_msg("case %zu: status %d '%s'", i, (int)error.status, error.text);
        end(&h);
    }
}

static void bad_options_are_refused(void **state)
{
    static const int64_t alignments[] = {0, -8, 4, 24, 33, (int64_t)1 << 32, INT64_MIN};
    ggx_error error;
    writer_harness h;
    (void)state;
    for (size_t i = 0; i < sizeof alignments / sizeof alignments[0]; i++) {
        writer_harness_init(&h);
        h.writer = writer_harness_load(WRITER_GGUF);
        writer_harness_option_int(&h, "gguf.alignment", alignments[i]);
        assert_int_equal(writer_harness_open(&h, &error), GGX_E_USAGE);
        end(&h);
    }
    writer_harness_init(&h);
    h.writer = writer_harness_load(WRITER_GGUF);
    writer_harness_option_string(&h, "gguf.layout", "gguf");
    assert_int_equal(writer_harness_open(&h, &error), GGX_E_USAGE);
    end(&h);
    writer_harness_init(&h);
    h.writer = writer_harness_load(WRITER_GGML);
    writer_harness_option_int(&h, "ggml.magic", (int64_t)1 << 32);
    assert_int_equal(writer_harness_open(&h, &error), GGX_E_USAGE);
    end(&h);
}

static void the_option_wins_over_the_alignment_key(void **state)
{
    static const uint32_t key_value = 64;
    writer_harness h;
    ggx_error error;
    ggx_kv kv = {sizeof kv, GGX_KV_U32, GGX_KV_U32, 0, {"general.alignment", 17}, 1, &key_value};
    ggx_out_tensor t = make("t", "f32", 1, 4, 1, 1u);
    (void)state;
    writer_harness_init(&h);
    h.writer = writer_harness_load(WRITER_GGUF);
    writer_harness_option_int(&h, "gguf.alignment", 256);
    assert_int_equal(writer_harness_open(&h, &error), GGX_OK);
    assert_int_equal(writer_harness_kv(&h, &kv, &error), GGX_OK);
    assert_int_equal(writer_harness_tensor(&h, &t, zeros, &error), GGX_OK);
    assert_int_equal(writer_harness_finish(&h, &error), GGX_OK);
    assert_int_equal(h.size, 512);
    assert_int_equal(h.places[0].offset, 256);
    assert_memory_equal(h.file + 24 + 8 + 17 + 4, "\0\1\0", 4); /* the key's value, little-endian: 256 */
    end(&h);
}

static void the_end_of_memory_or_disk_is_an_error_and_nothing_else(void **state)
{
    (void)state;
    for (size_t which = 0; which < SUBJECTS; which++) {
        writer_harness h;
        ggx_error error;
        writer_harness_init(&h);
        assert_int_equal(run(&h, which, 9, &error), GGX_OK);
        uint64_t allocations = h.alloc_count, emits = h.emit_count / 2;
        end(&h);
        assert_true(allocations > 9 && emits >= 2);
        for (uint64_t i = 1; i <= allocations; i++) {
            writer_harness_init(&h);
            h.fail_alloc = i;
            assert_int_equal(run(&h, which, 9, &error), GGX_E_NOMEM);
            end(&h);
        }
        for (uint64_t i = 1; i <= emits; i++) {
            writer_harness_init(&h);
            h.fail_emit = i;
            assert_int_equal(run(&h, which, 9, &error), GGX_E_NOSPACE);
            end(&h);
        }
    }
}

static void steps_out_of_order_are_refused(void **state)
{
    (void)state;
    for (size_t which = 0; which < SUBJECTS; which++) {
        writer_harness h;
        ggx_error error;
        ggx_str value = str("x");
        ggx_kv kv = text_kv("late", &value);
        ggx_out_tensor t = make("late", "f32", 1, 4, 1, 1u);
        ggx_place place = {.struct_size = sizeof place};
        begin(&h, which);
        assert_int_equal(h.writer->place(h.self, 0, &place, &error), GGX_E_USAGE);
        assert_int_equal(h.writer->render(h.self, &h.emit, &error), GGX_E_USAGE);
        assert_int_equal(writer_harness_finish(&h, &error), GGX_OK);
        assert_int_equal(writer_harness_kv(&h, &kv, &error), GGX_E_USAGE);
        assert_int_equal(writer_harness_tensor(&h, &t, zeros, &error), GGX_E_USAGE);
        end(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layouts_hold_for_any_number_of_tensors),
        cmocka_unit_test(payloads_lie_where_place_says),
        cmocka_unit_test(what_a_format_cannot_hold_is_refused_by_name),
        cmocka_unit_test(longest_names_are_taken),
        cmocka_unit_test(a_type_number_of_another_block_is_refused),
        cmocka_unit_test(duplicates_are_refused_among_many),
        cmocka_unit_test(unsound_key_values_are_refused),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(the_option_wins_over_the_alignment_key),
        cmocka_unit_test(the_end_of_memory_or_disk_is_an_error_and_nothing_else),
        cmocka_unit_test(steps_out_of_order_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
