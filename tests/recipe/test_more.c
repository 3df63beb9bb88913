/* Promise: regular expressions, the order by names, "at" in "into", labels and types that may be null do what docs/recipes.md
 * says; a pattern that runs away is stopped; a literal rule whose condition holds needs its tensor. */
#include "fake.h"

#define RULES(rules) "{\"id\": \"r\",\n\"tensors\": [\n" rules "\n]}"
#define OUT(rules, profile) "{\"id\": \"r\", \"tensors\": [" rules "], \"outputs\": {\"out\": {" profile "}}}"
#define NAMED(renames, rules) "{\"id\": \"r\", \"renames\": [" renames "],\n\"tensors\": [\n" rules "\n]}"

static const struct {
    const char *checkpoint, *recipe, *outputs;
} good[] = {
    {"h.0.w f32 2\nh.10.b f32 2\nx f32 1\n",
     RULES(
         "{\"from\": \"re:h\\\\.(?<i>[0-9]+)\\\\.(?<part>w|b)\", \"to\": \"{part}{i + 1}\"}, {\"drop\": \"re:[xyz]\"}"),
     "w1:2 b11:2"},
    {"h.07.w f32 2\n", /* {i} and (?<i>) take the same numbers */
     RULES("{\"from\": \"re:h.(?<i>[0-9]+).w\", \"to\": \"{i}\", \"optional\": true}, {\"from\": \"{n...}\", \"to\": "
           "\"{n}\"}"),
     "h.07.w:2"},
    {"ab f32 1\nabc f32 1\n", /* the whole name, never a part of it */
     RULES("{\"from\": \"re:ab\", \"to\": \"x\"}, {\"from\": \"{n...}\", \"to\": \"{n}\"}"), "x:1 abc:1"},
    {"h.10 f32 1\nz f32 1\nh.9 f32 1\n",
     OUT("{\"from\": \"h.{i}\", \"to\": \"m/h{i}\"}, {\"from\": \"z\", \"to\": \"a\"}", "\"order\": \"name\""),
     "a:1 m/h10:1 m/h9:1"},
    {"0.0.w f32 1\n0.0.u f32 2\n0.1.w f32 1\nz f32 9\n0.1.u f32 2\n1.0.u f32 2\n1.0.w f32 1\n1.1.u f32 2\n1.1.w f32 "
     "1\n",
     RULES("{\"from\": \"z\", \"to\": \"z\"}, {\"from\": \"{i}.{e}.{part}\", \"for\": {\"part\": [\"w\", \"u\"]}, "
           "\"stack\": {\"over\": "
           "\"e\"}, \"at\": \"last\", \"together\": \"part\", \"to\": \"{part}{i}\"}"),
     "z:9 w0:2x1q*2 u0:2x2q*2 w1:2x1q*2 u1:2x2q*2"},
    {"b f32 2\na f32 1\n",
     OUT("{\"from\": \"{nn...}\", \"to\": \"{nn}\"}", "\"order\": \"= if has('a') then 'name' else 'source'\""),
     "a:1 b:2"},
    {"b f32 2\nc f32 1\n",
     OUT("{\"from\": \"{nn...}\", \"to\": \"{nn}\"}", "\"order\": \"= if has('a') then 'name' else 'source'\""),
     "b:2 c:1"},
    {"w f32 2\nb f32 1\n",
     OUT("{\"from\": \"w\", \"into\": [{\"to\": \"head\", \"at\": \"last\"}, {\"to\": \"w\"}]}, {\"from\": \"b\", "
         "\"to\": \"b\"}",
         "\"order\": \"recipe\""),
     "w:2 b:1 head:2"},
    {"w f32 2\nb f32 1\n",
     RULES("{\"from\": \"w\", \"into\": [{\"to\": \"head\", \"at\": \"last\"}, {\"to\": \"w\"}]}, {\"from\": \"b\", "
           "\"to\": \"b\"}"),
     "w:2 b:1 head:2"},
    {"w f32 2x2\nb f32 1\n",
     RULES("{\"from\": \"{nn}\", \"to\": \"{nn}\", \"type\": \"= if nn == 'b' then 'f16' else null\"}"),
     "w:2x2q b:1=f16"},
    {"m.1.w f32 1\nh.0.w f32 2\nx f32 3\n", /* by the first that matches; rules, has() and values see the new names */
     NAMED("{\"from\": \"m.{i}.{n...}\", \"to\": \"h.{i + 9}.{n}\", \"when\": \"= i > 0 and not has('h.10.w')\"}, "
           "{\"from\": \"m.{n...}\", \"to\": \"never\"}",
           "{\"from\": \"h.{i}.w\", \"to\": \"{i}\"}, {\"from\": \"x\", \"to\": \"x{if has('h.10.w') then '+' else "
           "''}\"}"),
     "10:1 0:2 x+:3"},
    {"b f32 1\na f32 2\n", /* the order by names is that of the file's own */
     "{\"id\": \"r\", \"renames\": [{\"from\": \"a\", \"to\": \"z\"}], \"tensors\": [{\"from\": \"{nn}\", \"to\": "
     "\"{nn}\"}], "
     "\"outputs\": {\"out\": {\"order\": \"source-name\"}}}",
     "z:2 b:1"},
    {"w f32 2x2\nb f32 1\n",
     OUT("{\"from\": \"w\", \"to\": \"w\"}, {\"from\": \"b\", \"to\": \"b\", \"type\": \"f32\"}", "\"type\": \"f16\""),
     "w:2x2=f16 b:1=f32"},
};

static const struct {
    const char *checkpoint, *recipe;
    ggx_status status;
    const char *error;
} bad[] = {
    {"", RULES("{\"from\": \"re:a(b\", \"to\": \"x\"}"), GGX_E_USAGE,
     "r.json:3:17: the regular expression is not one: missing closing parenthesis"},
    {"", RULES("{\"from\": \"re:(?<Up>a)\", \"to\": \"x\"}"), GGX_E_USAGE, "the group 'Up' needs a name of lower-case"},
    {"", RULES("{\"from\": [\"re:a\", \"b\"], \"concat\": 0, \"to\": \"x\"}"), GGX_E_USAGE, "one by one"},
    {"", RULES("{\"from\": \"re:(?<i>a)\", \"for\": {\"i\": [1]}, \"to\": \"x\"}"), GGX_E_USAGE, "no 'for'"},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab f32 1\n",
     RULES("{\"from\": \"re:(a|aa)+c|(a+)+\", \"to\": \"x\"}"), GGX_E_MALFORMED, "takes too many steps"},
    {"a f32 1\n", RULES("{\"from\": \"re:b\", \"to\": \"x\"}, {\"from\": \"a\", \"to\": \"a\"}"), GGX_E_MALFORMED,
     "no tensor 're:b', which recipe r needs"},
    {"a f32 1\n", RULES("{\"from\": \"b\", \"to\": \"b\", \"when\": \"= has('a')\"}, {\"from\": \"a\", \"to\": \"a\"}"),
     GGX_E_MALFORMED, "r.json:3:1: the checkpoint has no tensor 'b', which recipe r needs"},
    {"", OUT("", "\"order\": \"up\""), GGX_E_USAGE, "'order' is \"source\", \"source-name\", \"recipe\" or \"name\""},
    {"", RULES("{\"from\": \"a\", \"into\": [{\"to\": \"x\", \"at\": \"end\"}]}"), GGX_E_USAGE, "'at' is"},
    {"", RULES("{\"from\": \"{i}\", \"to\": \"{i}\", \"together\": \"i\"}"), GGX_E_USAGE, "'together' is a name of"},
    {"a f32 1\n", OUT("{\"from\": \"a\", \"to\": \"x\"}", "\"order\": \"= 'up'\""), GGX_E_MALFORMED,
     "'order' is 'source'"},
    {"a f32 1\n", OUT("{\"from\": \"a\", \"to\": \"x\"}", "\"fallback\": 3"), GGX_E_MALFORMED,
     "'fallback' is the name of a type or null"},
    {"a f32 1\nb f32 1\n", NAMED("{\"from\": \"a\", \"to\": \"b\"}", "{\"from\": \"{nn}\", \"to\": \"{nn}\"}"),
     GGX_E_MALFORMED, "tensors 'a' and 'b' would both be named 'b'"},
    {"old.w f32 1\n", NAMED("{\"from\": \"old.{nn}\", \"to\": \"new.{nn}\"}", "{\"drop\": \"x\"}"), GGX_E_MALFORMED,
     "no rule for tensor 'old.w'"},
    {"", NAMED("{\"from\": \"a\"}", ""), GGX_E_USAGE, "'to' is missing"},
    {"a f32 1\n", NAMED("{\"from\": \"{nm}\", \"to\": \"{nn}\"}", ""), GGX_E_USAGE, "'nn' is not known here"},
    {"", "{\"id\": \"r\", \"portion\": [1]}", GGX_E_USAGE, "a portion is a string, not an integer"},
    {"a f32 1\n", RULES("{\"from\": \"a\", \"to\": \"x\", \"label\": \"Q 4\"}"), GGX_E_MALFORMED,
     "cannot be the name of a type"},
};

static void further_words_do_what_the_docs_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        ggx_arena arena;
        ggx_recipe_result result;
        ggx_error error;
        char text[2048];
        if (!GGX_HAS_PCRE2 && strstr(good[i].recipe, "\"re:")) continue; /* refused there */
        ggx_arena_init(&arena, 64 << 20);
        fake *f = fake_make(good[i].checkpoint);
        if (fake_apply(&arena, f, good[i].recipe, "out", &result, &error) != GGX_OK)
            fail_msg("case %zu: %s", i, error.text);
        fake_describe(&result, text, sizeof text);
        if (strcmp(text, good[i].outputs)) fail_msg("case %zu: %s, not %s", i, text, good[i].outputs);
        fake_free(f);
        ggx_arena_free(&arena);
    }
}

static void their_refusals_say_where_and_why(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        ggx_arena arena;
        ggx_recipe_result result;
        ggx_error error;
        if (!GGX_HAS_PCRE2 && strstr(bad[i].recipe, "\"re:")) continue;
        ggx_arena_init(&arena, 64 << 20);
        fake *f = fake_make(bad[i].checkpoint);
        ggx_status status = fake_apply(&arena, f, bad[i].recipe, "out", &result, &error);
        if (status == GGX_OK) fail_msg("case %zu is accepted; it should say: %s", i, bad[i].error);
        if (!strstr(error.text, bad[i].error)) fail_msg("case %zu: \"%s\" lacks \"%s\"", i, error.text, bad[i].error);
        if (status != bad[i].status) fail_msg("case %zu: status %d, not %d", i, status, bad[i].status);
        fake_free(f);
        ggx_arena_free(&arena);
    }
}

static void a_label_is_kept_beside_the_type(void **state)
{
    (void)state;
    ggx_arena arena;
    ggx_recipe_result result;
    ggx_error error;
    ggx_arena_init(&arena, 64 << 20);
    fake *f = fake_make("a f32 2x2\nb f32 2x2\n");
    static const char recipe[] = OUT("{\"from\": \"a\", \"to\": \"a\", \"label\": \"f16\"}, {\"from\": \"b\", \"to\": "
                                     "\"b\", \"label\": null}",
                                     "\"matrices\": \"f32\"");
    if (fake_apply(&arena, f, recipe, "out", &result, &error) != GGX_OK) fail_msg("%s", error.text);
    assert_true(ggx_str_same(result.tensors[0].label, GGX_LIT("f16")));
    assert_true(ggx_str_same(result.tensors[0].default_type, GGX_LIT("f32")));
    assert_int_equal(result.tensors[1].label.size, 0);
    fake_free(f);
    ggx_arena_free(&arena);
}

static void a_recipe_says_what_parts_it_makes(void **state)
{
    (void)state;
    static const struct {
        const char *portion; /* of the recipe */
        int whole, head, other;
    } cases[] = {{"", 1, 0, 0},
                 {"\"portion\": \"head\",", 0, 1, 0},
                 {"\"portion\": [\"tail\", \"head\"],", 1, 1, 0},
                 {"\"portion\": \"*\",", 1, 1, 1}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[256];
        ggx_arena arena;
        ggx_recipe *recipe;
        ggx_error error;
        ggx_arena_init(&arena, 64 << 20);
        snprintf(text, sizeof text, "{\"id\": \"r\", %s \"tensors\": []}", cases[i].portion);
        if (ggx_recipe_parse(&arena, ggx_str_of(text), "r.json", NULL, &recipe, &error) != GGX_OK)
            fail_msg("case %zu: %s", i, error.text);
        assert_int_equal(ggx_recipe_makes(recipe, NULL), cases[i].whole);
        assert_int_equal(ggx_recipe_makes(recipe, "head"), cases[i].head);
        assert_int_equal(ggx_recipe_makes(recipe, "other"), cases[i].other);
        ggx_arena_free(&arena);
    }
}

static void expressions_see_what_part_is_wanted(void **state)
{
    (void)state;
    static const char text[] =
        "{\"id\": \"r\", \"portion\": [\"head\"], \"tensors\": [{\"from\": \"a\", \"to\": \"{portion ?? 'all'}\"}]}";
    ggx_arena arena;
    ggx_recipe *recipe;
    ggx_error error;
    ggx_arena_init(&arena, 64 << 20);
    fake *f = fake_make("a f32 1\n");
    for (int head = 0; head < 2; head++) {
        ggx_recipe_result result;
        ggx_recipe_env env = fake_env(f, "out");
        env.portion = head ? "head" : NULL;
        assert_int_equal(ggx_recipe_parse(&arena, ggx_str_of(text), "r.json", NULL, &recipe, &error), GGX_OK);
        assert_int_equal(ggx_recipe_apply(&arena, recipe, &env, &result, &error), GGX_OK);
        assert_true(ggx_str_same(result.tensors[0].name, ggx_str_of(head ? "head" : "all")));
    }
    fake_free(f);
    ggx_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(further_words_do_what_the_docs_say),  cmocka_unit_test(their_refusals_say_where_and_why),
        cmocka_unit_test(a_label_is_kept_beside_the_type),     cmocka_unit_test(a_recipe_says_what_parts_it_makes),
        cmocka_unit_test(expressions_see_what_part_is_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
