/* YAML as model cards use it: scalars by PyYAML's rules, aliases and merges, and the bounds. */
#include "base/text.h"
#include "base/yaml.h"
#include "unit.h"
#include <math.h>

#if GGX_HAS_YAML
static ggx_arena arena;
static ggx_error error;

static int begin(void **unused)
{
    (void)unused;
    ggx_arena_init(&arena, 256u << 20);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    ggx_arena_free(&arena);
    return 0;
}

static ggx_status parse_text(ggx_str text, ggx_json **out)
{
    return ggx_yaml_parse(&arena, text, "card", 2, out, &error);
}

static ggx_json *parse(const char *text)
{
    ggx_json *root;
    ggx_status status = parse_text(ggx_str_of(text), &root);
    if (status != GGX_OK) print_error("%s\n", error.text);
    assert_int_equal(status, GGX_OK);
    return root;
}

static void refused(const char *text, const char *why)
{
    ggx_json *root;
    assert_int_equal(parse_text(ggx_str_of(text), &root), GGX_E_MALFORMED);
    if (!strstr(error.text, why)) fail_msg("'%s' is not in '%s'", why, error.text);
}

/* What yaml.safe_load of PyYAML 6.0.3 gives for each: S text, I integer, R real, T true, F false, N null. */
static void scalars_without_quotes_are_what_pyyaml_takes_them_for(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        char kind;
        double value;
    } scalars[] = {
        {"en", 'S', 0},
        {"no", 'F', 0},
        {"No", 'F', 0},
        {"nO", 'S', 0},
        {"yes", 'T', 0},
        {"y", 'S', 0},
        {"off", 'F', 0},
        {"ON", 'T', 0},
        {"~", 'N', 0},
        {"null", 'N', 0},
        {"nULL", 'S', 0},
        {"1", 'I', 1},
        {"-17", 'I', -17},
        {"+3", 'I', 3},
        {"007", 'I', 7},
        {"08", 'S', 0},
        {"0o17", 'S', 0},
        {"0x1F", 'I', 31},
        {"-0b101", 'I', -5},
        {"1_000", 'I', 1000},
        {"_1", 'S', 0},
        {"1e3", 'S', 0},
        {"1e+3", 'S', 0},
        {"1.e+3", 'R', 1000},
        {"1.5e3", 'S', 0},
        {"1.5E-1", 'R', 0.15},
        {"1.", 'R', 1},
        {".5", 'R', 0.5},
        {"-.5", 'S', 0},
        {"1_0.2_5", 'R', 10.25},
        {"12:30:45", 'I', 45045},
        {"1:60", 'S', 0},
        {"0:30", 'S', 0},
        {"1:30.5", 'R', 90.5},
        {"-1:30.5", 'R', -90.5},
        {".inf", 'R', INFINITY},
        {"2024-05-06", 'D', 0},
        {"1.0.0", 'S', 0},
        {"1.0", 'R', 1},
        {"apache-2.0", 'S', 0},
        {"0", 'I', 0},
        {"-0", 'I', 0},
        {"0x", 'S', 0},
        {"0b2", 'S', 0},
        {"2024-5-6", 'S', 0},
        {"2001-12-14t21:59:43.10-05:00", 'D', 0},
        {"2001-1-1 1:02:03 Z", 'D', 0},
        {"2001-1-1 1:02", 'S', 0},
        {"9007199254740993", 'R', 9007199254740992.0},
    };
    for (size_t i = 0; i < COUNT_OF(scalars); i++) {
        ggx_json node = {0};
        uint32_t kind = ggx_yaml_scalar(ggx_str_of(scalars[i].text), &node);
        static const char letters[] = "?D????SIRTFN";
        if (letters[kind] != scalars[i].kind) fail_msg("%s is %c", scalars[i].text, letters[kind]);
        if (kind == GGX_JSON_REAL && node.real != scalars[i].value) fail_msg("%s is %g", scalars[i].text, node.real);
        if (kind == GGX_JSON_INT && (double)node.integer != scalars[i].value)
            fail_msg("%s is another", scalars[i].text);
    }
    ggx_json node = {0};
    assert_int_equal(ggx_yaml_scalar(ggx_str_of(".NaN"), &node), GGX_JSON_REAL);
    assert_true(isnan(node.real));
}

static void values_have_their_places(void **unused)
{
    (void)unused;
    const ggx_json *root = parse("license: mit\ntags:\n- a\n- 'no'\n- {b: [1, ~]}\nlast: |\n  two\n  lines\n");
    assert_int_equal(root->kind, GGX_JSON_OBJECT);
    assert_int_equal(root->count, 3);
    assert_string_equal(ggx_json_string(root, "license", ""), "mit");
    const ggx_json *tags = ggx_json_get(root, "tags");
    assert_int_equal(tags->count, 3);
    assert_int_equal(tags->first->line, 4); /* the text begins in line 2 */
    assert_int_equal(tags->first->next->kind, GGX_JSON_STRING);
    assert_int_equal(ggx_json_get(tags->first->next->next, "b")->first->next->kind, GGX_JSON_NULL);
    assert_string_equal(ggx_json_string(root, "last", ""), "two\nlines\n");
    assert_null(parse(""));
    assert_null(parse("# nothing\n"));
}

static void aliases_and_merges_repeat_what_they_name(void **unused)
{
    (void)unused;
    const ggx_json *root = parse("a: &x {k: 1, l: 2}\nb: *x\nc:\n  <<: *x\n  k: 3\nd:\n  <<: [{k: 4}, *x]\n&n e: *n\n");
    assert_int_equal(ggx_json_get(ggx_json_get(root, "b"), "l")->integer, 2);
    assert_int_equal(ggx_json_get(ggx_json_get(root, "c"), "k")->integer, 3);
    assert_int_equal(ggx_json_get(ggx_json_get(root, "c"), "l")->integer, 2);
    assert_int_equal(ggx_json_get(ggx_json_get(root, "d"), "k")->integer, 4);
    assert_int_equal(ggx_json_get(root, "d")->count, 2);
    assert_string_equal(ggx_json_string(root, "e", ""), "e");
    refused("a: &x [*x]\n", "part of itself");
    refused("a: *y\n", "not there");
    refused("a: {<<: 1}\n", "'<<'");
}

static void of_a_key_that_is_there_twice_the_last_counts(void **unused)
{
    (void)unused;
    const ggx_json *root = parse("a: 1\nb: 2\na: [x]\n5: left out\nno: left out\n");
    assert_int_equal(root->count, 2);
    assert_int_equal(ggx_json_get(root, "a")->count, 1);
    assert_int_equal(ggx_json_get(root, "b")->integer, 2);
}

static void tags_are_those_of_the_core_alone(void **unused)
{
    (void)unused;
    const ggx_json *root = parse("a: !!str 1.0\nb: !!float 3\nc: ! 5\n");
    assert_string_equal(ggx_json_string(root, "a", ""), "1.0");
    assert_true(ggx_json_get(root, "b")->kind == GGX_JSON_REAL && ggx_json_get(root, "b")->real == 3);
    assert_int_equal(ggx_json_get(root, "c")->kind, GGX_JSON_INT);
    refused("a: !!int x\n", "tag");
    refused("a: !!python/object:os.system x\n", "tag");
    refused("a: !local [x]\n", "tag");
    refused("a: !!set {x}\n", "tag");
}

static void faults_are_named_with_their_line(void **unused)
{
    (void)unused;
    refused("a: b: c\n", "card: line 2: mapping values are not allowed");
    refused("a: 1\nb: [1\n", "line");
    refused("a: 1\n---\nb: 2\n", "more than one document");
    refused("[x]: y\n", "a key is a list");
    refused("a: \x01\n", "control characters");
    refused("a: \xff\n", "UTF-8");
}

/* Text made of `times` repetitions. */
static ggx_str repeat(const char *before, const char *part, uint32_t times, const char *after)
{
    ggx_text text = {0};
    ggx_text_bytes(&text, before, strlen(before));
    for (uint32_t i = 0; i < times; i++) ggx_text_bytes(&text, part, strlen(part));
    ggx_text_bytes(&text, after, strlen(after));
    ggx_str kept = ggx_arena_str(&arena, (ggx_str){text.data, text.size});
    ggx_text_free(&text);
    return kept;
}

static void what_is_too_much_is_refused(void **unused)
{
    (void)unused;
    ggx_json *root;
    assert_int_equal(parse_text(repeat("", "[", GGX_YAML_DEPTH, ""), &root), GGX_E_MALFORMED);
    assert_int_equal(parse_text(repeat("", "[", 100000, ""), &root), GGX_E_MALFORMED);
    assert_int_equal(parse_text(repeat("[", "1, ", GGX_YAML_NODES, "]"), &root), GGX_E_MALFORMED);
    assert_non_null(strstr(error.text, "more values"));
    assert_int_equal(parse_text(repeat("a: ", "x", GGX_YAML_BYTES, ""), &root), GGX_E_MALFORMED);
    refused(
        "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
        "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n",
        "more values");
    ggx_text text = {0};
    for (int i = 0; i < 8000; i++) ggx_text_format(&text, "k%d: 1\n", i);
    assert_int_equal(parse_text((ggx_str){text.data, text.size}, &root), GGX_E_MALFORMED);
    assert_non_null(strstr(error.text, "more keys"));
    ggx_text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(scalars_without_quotes_are_what_pyyaml_takes_them_for, begin, end),
        cmocka_unit_test_setup_teardown(values_have_their_places, begin, end),
        cmocka_unit_test_setup_teardown(aliases_and_merges_repeat_what_they_name, begin, end),
        cmocka_unit_test_setup_teardown(of_a_key_that_is_there_twice_the_last_counts, begin, end),
        cmocka_unit_test_setup_teardown(tags_are_those_of_the_core_alone, begin, end),
        cmocka_unit_test_setup_teardown(faults_are_named_with_their_line, begin, end),
        cmocka_unit_test_setup_teardown(what_is_too_much_is_refused, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    return 77; /* built without libyaml */
}

#endif
