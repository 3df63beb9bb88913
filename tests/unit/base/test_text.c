/* Byte strings, globs, numbers, and text for output. */
#include "base/text.h"
#include "unit.h"

static void order_is_by_bytes(void **unused)
{
    (void)unused;
    assert_true(ggx_str_order(GGX_LIT("a"), GGX_LIT("b")) < 0);
    assert_true(ggx_str_order(GGX_LIT("ab"), GGX_LIT("a")) > 0);
    assert_true(ggx_str_order(GGX_LIT("\xff"), GGX_LIT("a")) > 0);
    assert_true(ggx_str_order((ggx_str){NULL, 0}, GGX_LIT("")) == 0);
    assert_true(ggx_str_begins(GGX_LIT("model.ckpt"), GGX_LIT("model")) &&
                !ggx_str_begins(GGX_LIT("m"), GGX_LIT("mo")));
    assert_true(ggx_str_ends(GGX_LIT("a.json"), GGX_LIT(".json")) && !ggx_str_ends(GGX_LIT("json"), GGX_LIT(".json")));
}

static void globs_match_whole_names(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *pattern;
        int match;
    } cases[] = {
        {"", "", 1},       {"", "*", 1},       {"a", "", 0},       {"a", "?", 1},
        {"abc", "a*c", 1}, {"abc", "a*b", 0},  {"abc", "*b*", 1},  {"blk.0.attn_v.weight", "blk.*.attn_v.*", 1},
        {"aab", "*ab", 1}, {"abab", "*ab", 1}, {"a*b", "a*b", 1},  {"[a]", "[a]", 1},
        {"a", "[a]", 0},   {"abc", "??", 0},   {"abc", "***c", 1}, {"abcd", "a?*d", 1},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (ggx_str_glob(ggx_str_of(cases[i].text), ggx_str_of(cases[i].pattern)) != cases[i].match)
            fail_msg("'%s' against '%s'", cases[i].text, cases[i].pattern);
    char text[20000], pattern[2000]; /* exponential matchers never come back from this */
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < sizeof pattern; i++) pattern[i] = i % 2 ? 'a' : '*';
    pattern[sizeof pattern - 1] = 'b';
    assert_false(ggx_str_glob((ggx_str){text, sizeof text}, (ggx_str){pattern, sizeof pattern}));
}

static void integers_are_whole_and_fit(void **unused)
{
    (void)unused;
    int64_t v = 5;
    assert_true(ggx_str_int(GGX_LIT("9223372036854775807"), &v) && v == INT64_MAX);
    assert_true(ggx_str_int(GGX_LIT("-9223372036854775808"), &v) && v == INT64_MIN);
    assert_true(ggx_str_int(GGX_LIT("0xFf"), &v) && v == 255);
    assert_true(ggx_str_int(GGX_LIT("-0"), &v) && v == 0);
    v = 5;
    static const char *const bad[] = {
        "", "-", "0x", "1 ", " 1", "+1", "1a", "9223372036854775808", "-9223372036854775809", "1.0"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (ggx_str_int(ggx_str_of(bad[i]), &v) || v != 5) fail_msg("'%s' was taken for %lld", bad[i], (long long)v);
}

static void bytes_take_suffixes(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        uint64_t value;
    } good[] = {{"0", 0},           {"1", 1},           {"64M", 64u << 20}, {"64MiB", 64u << 20}, {"64mb", 64u << 20},
                {"1.5G", 3u << 29}, {"2T", 1ull << 41}, {"10B", 10},        {"0.5k", 512},        {"4096", 4096}};
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        uint64_t v = 77;
        if (!ggx_str_bytes(ggx_str_of(good[i].text), &v) || v != good[i].value)
            fail_msg("'%s' is %llu", good[i].text, (unsigned long long)v);
    }
    static const char *const bad[] = {"",    "M",   "1X", "-1", "1.5", "1 M", "99999999999999999999", "99999999999T",
                                      "1iB", "1MM", "."};
    uint64_t v;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (ggx_str_bytes(ggx_str_of(bad[i]), &v)) fail_msg("'%s' was taken for %llu", bad[i], (unsigned long long)v);
}

static void json_strings_are_valid_for_any_bytes(void **unused)
{
    (void)unused;
    ggx_text text = {0};
    ggx_text_json(&text, (ggx_str){"a\"\\\n\x7f\0\xc3\xa9\xff\xed\xa0\x80\xf0\x9f\x98\x80\xc3", 17});
    assert_false(text.failed);
    assert_string_equal(text.data,
                        "\"a\\\"\\\\\\u000a\\u007f\\u0000\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                        "\xf0\x9f\x98\x80\xef\xbf\xbd\"");
    ggx_text_free(&text);
    assert_null(text.data);
}

static void shown_text_cannot_command_a_terminal(void **unused)
{
    (void)unused;
    ggx_text text = {0};
    ggx_text_shown(&text, GGX_LIT("a\x1b[31m\n\xc3\xa9\xff\x7f\xc2\x9b\xe2\x82"));
    assert_string_equal(text.data, "a\\x1b[31m\\x0a\xc3\xa9\\xff\\x7f\\xc2\\x9b\\xe2\\x82");
    ggx_text_free(&text);
}

static void text_grows(void **unused)
{
    (void)unused;
    ggx_text text = {0};
    for (int i = 0; i < 5000; i++) ggx_text_format(&text, "%d,", i % 10);
    ggx_text_bytes(&text, "end", 3);
    assert_int_equal(text.size, 10003);
    assert_int_equal(strlen(text.data), text.size);
    assert_string_equal(text.data + 9998, "9,end");
    ggx_text_bytes(&text, "x", UINT64_MAX - 5);
    assert_true(text.failed);
    assert_int_equal(text.size, 10003);
    ggx_text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_by_bytes),
        cmocka_unit_test(globs_match_whole_names),
        cmocka_unit_test(integers_are_whole_and_fit),
        cmocka_unit_test(bytes_take_suffixes),
        cmocka_unit_test(json_strings_are_valid_for_any_bytes),
        cmocka_unit_test(shown_text_cannot_command_a_terminal),
        cmocka_unit_test(text_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
