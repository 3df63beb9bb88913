/* The arena's promises: zeroed, aligned, capped, freed at once. */
#include "base/arena.h"
#include "unit.h"

static void memory_is_zeroed_aligned_and_apart(void **unused)
{
    (void)unused;
    ggx_arena arena;
    ggx_arena_init(&arena, 1u << 30);
    unsigned char *pieces[500];
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        size_t size = i * 37 % 9000;
        pieces[i] = ggx_arena_alloc(&arena, size);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        for (size_t k = 0; k < size; k++) assert_int_equal(pieces[i][k], 0);
        memset(pieces[i], (int)(i % 255) + 1, size);
    }
    for (size_t i = 0; i < COUNT_OF(pieces); i++)
        for (size_t k = 0; k < i * 37 % 9000; k++) assert_int_equal(pieces[i][k], i % 255 + 1);
    ggx_arena_free(&arena);
}

static void the_cap_holds(void **unused)
{
    (void)unused;
    ggx_arena arena;
    ggx_arena_init(&arena, 100);
    assert_non_null(ggx_arena_alloc(&arena, 90));
    assert_null(ggx_arena_alloc(&arena, 20));
    assert_non_null(ggx_arena_alloc(&arena, 0));
    assert_null(ggx_arena_alloc(&arena, 1)); /* 96 + 16 handed out: full */
    assert_true(arena.used <= arena.cap);
    ggx_arena_free(&arena);
    assert_non_null(ggx_arena_alloc(&arena, 100)); /* a freed arena is an empty one */
    ggx_arena_free(&arena);
}

static void sizes_that_overflow_are_refused(void **unused)
{
    (void)unused;
    ggx_arena arena;
    ggx_arena_init(&arena, UINT64_MAX);
    assert_null(ggx_arena_alloc(&arena, UINT64_MAX));
    assert_null(ggx_arena_alloc(&arena, UINT64_MAX - 20));
    assert_null(ggx_arena_array(&arena, UINT64_MAX / 4, 8));
    assert_null(ggx_arena_str(&arena, (ggx_str){"x", UINT64_MAX}).data);
    assert_non_null(ggx_arena_array(&arena, 4, 8));
    ggx_arena_free(&arena);
}

static void strings_are_copied_and_terminated(void **unused)
{
    (void)unused;
    ggx_arena arena;
    ggx_arena_init(&arena, 1000);
    ggx_str copy = ggx_arena_str(&arena, (ggx_str){"a\0b!", 3}), empty = ggx_arena_str(&arena, (ggx_str){NULL, 0});
    assert_int_equal(copy.size, 3);
    assert_memory_equal(copy.data, "a\0b", 4);
    assert_string_equal(empty.data, "");
    ggx_str text = ggx_arena_format(&arena, "%s-%d", "q4", 7);
    assert_string_equal(text.data, "q4-7");
    assert_int_equal(text.size, 4);
    assert_null(ggx_arena_format(&arena, "%2000d", 1).data);
    ggx_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(the_cap_holds),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(strings_are_copied_and_terminated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
