/* The JSON tree: values, positions, duplicate keys, the arena's cap. */
#include "base/json.h"
#include "base/text.h"
#include "unit.h"

static ggx_arena arena;
static ggx_error error;

static ggx_status parse(const char *text, ggx_json **out)
{
    *out = NULL;
    return ggx_json_parse(&arena, ggx_str_of(text), "a.json", out, &error);
}

static int begin(void **unused)
{
    (void)unused;
    ggx_arena_init(&arena, 1u << 20);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    ggx_arena_free(&arena);
    return 0;
}

static void values_and_positions_are_kept(void **unused)
{
    (void)unused;
    ggx_json *root;
    assert_int_equal(parse("{\"a\": [1, -2.5, \"x\\ny\", true, null],\n  \"b\\u0041\": {\"c\": false}}", &root),
                     GGX_OK);
    assert_int_equal(root->kind, GGX_JSON_OBJECT);
    assert_int_equal(root->count, 2);
    const ggx_json *list = ggx_json_get(root, "a");
    assert_int_equal(list->count, 5);
    const ggx_json *at = list->first;
    assert_true(at->kind == GGX_JSON_INT && at->integer == 1 && at->real == 1 && !strcmp(at->text.data, "1"));
    at = at->next;
    assert_true(at->kind == GGX_JSON_REAL && at->real == -2.5 && !strcmp(at->text.data, "-2.5"));
    at = at->next;
    assert_string_equal(at->text.data, "x\ny");
    assert_true(at->line == 1 && at->column == 17);
    assert_int_equal(at->next->kind, GGX_JSON_TRUE);
    assert_int_equal(at->next->next->kind, GGX_JSON_NULL);
    const ggx_json *inner = ggx_json_get(root, "bA");
    assert_true(inner->key_line == 2 && inner->key_column == 3 && inner->line == 2 && inner->column == 14);
    assert_int_equal(ggx_json_get(inner, "c")->kind, GGX_JSON_FALSE);
    assert_null(ggx_json_get(list, "a"));
    assert_null(ggx_json_get(NULL, "a"));
    assert_null(ggx_json_get(root, "b"));
    assert_string_equal(ggx_json_string(root, "a", "fallback"), "fallback");
    assert_int_equal(parse(" 7 ", &root), GGX_OK);
    assert_int_equal(root->integer, 7);
}

static void duplicate_keys_are_refused_where_they_stand(void **unused)
{
    (void)unused;
    ggx_json *root;
    assert_int_equal(parse("{\"x\": {\"k\": 1, \"j\": 2,\n\"\\u006b\": 3}}", &root), GGX_E_MALFORMED);
    assert_string_equal(error.text, "a.json: line 2, column 1: the key 'k' is there twice (first in line 1)");
    assert_int_equal(parse("{\"x\": {\"k\": 1}, \"k\": {\"x\": 2}}", &root), GGX_OK);
}

static void faults_name_the_file_and_the_place(void **unused)
{
    (void)unused;
    static const char *const bad[] = {"", "{", "[1,]", "{\"a\" 1}", "[1] 2", "nul", "\"\\x\"", "{\"a\":1,}"};
    ggx_json *root;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        memset(&error, 0, sizeof error);
        assert_int_equal(parse(bad[i], &root), GGX_E_MALFORMED);
        if (strncmp(error.text, "a.json: JSON, line 1, column ", 29)) fail_msg("'%s': %s", bad[i], error.text);
    }
}

static void depth_is_bounded(void **unused)
{
    (void)unused;
    ggx_json *root;
    char text[2 * 65 + 1] = {0};
    for (size_t depth = 64; depth <= 65; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        assert_int_equal(parse(text, &root), depth == 64 ? GGX_OK : GGX_E_MALFORMED);
    }
}

static void memory_is_capped(void **unused)
{
    (void)unused;
    ggx_arena small;
    ggx_arena_init(&small, 4096);
    char text[4001] = "[";
    for (size_t i = 1; i + 2 < sizeof text; i += 2) memcpy(text + i, "1,", 2);
    text[3999] = ']';
    text[3998] = '1';
    ggx_json *root;
    assert_int_equal(ggx_json_parse(&small, ggx_str_of(text), "big.json", &root, &error), GGX_E_NOMEM);
    assert_non_null(strstr(error.text, "big.json"));
    ggx_arena_free(&small);
}

static void a_vocabulary_parses_in_no_time(void **unused)
{
    (void)unused;
    ggx_arena large;
    ggx_text text = {0};
    ggx_arena_init(&large, 1u << 28);
    for (int i = 0; i < 100000; i++) ggx_text_format(&text, "%s\"token%d\":%d", i ? "," : "{", i, i);
    ggx_text_bytes(&text, "}", 1);
    ggx_json *root;
    assert_int_equal(ggx_json_parse(&large, (ggx_str){text.data, text.size}, "vocab.json", &root, &error), GGX_OK);
    assert_int_equal(root->count, 100000);
    assert_int_equal(ggx_json_get(root, "token99999")->integer, 99999);
    ggx_text_free(&text);
    ggx_arena_free(&large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_and_positions_are_kept, begin, end),
        cmocka_unit_test_setup_teardown(duplicate_keys_are_refused_where_they_stand, begin, end),
        cmocka_unit_test_setup_teardown(faults_name_the_file_and_the_place, begin, end),
        cmocka_unit_test_setup_teardown(depth_is_bounded, begin, end),
        cmocka_unit_test(memory_is_capped),
        cmocka_unit_test(a_vocabulary_parses_in_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
