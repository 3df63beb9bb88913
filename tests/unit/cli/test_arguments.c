/* The command line: what is read, and what is refused with which words. */
#include "cli/options.h"
#include "unit.h"

static ggx_error error;

#define PARSE(arguments, verb, ...) \
    parse(arguments, verb, COUNT_OF(((const char *[]){__VA_ARGS__})), (const char *[]){__VA_ARGS__})

static ggx_status parse(ggx_arguments *arguments, uint32_t verb, size_t count, const char **words)
{
    char *copy[32];
    memcpy(copy, words, count * sizeof *copy);
    return ggx_arguments_parse(arguments, verb, (int)count, copy, &error);
}

static void all_forms_are_read(void **unused)
{
    (void)unused;
    ggx_arguments a;
    assert_int_equal(PARSE(&a, GGX_VERB_CONVERT, "in.weights", "-oout.bin", "--reader", "darknet", "--writer=ggml-q4",
                           "-O", "darknet.cfg=a=b.cfg", "-Odarknet.flag", "--tensor-type", "blk.*=x=q8_0", "--memory",
                           "1.5G", "--threads=3", "--part", "2/3", "-qv", "--plugin-path", "a:b", "--plugin-path", "c",
                           "--", "--pure"),
                     GGX_OK);
    assert_int_equal(a.operand_count, 2);
    assert_string_equal(a.operands[0], "in.weights");
    assert_string_equal(a.operands[1], "--pure");
    assert_null(a.operands[2]);
    assert_string_equal(a.output, "out.bin");
    assert_string_equal(a.reader, "darknet");
    assert_string_equal(a.writer, "ggml-q4");
    assert_int_equal(a.setting_count, 2);
    assert_string_equal(a.settings[0].name, "darknet.cfg");
    assert_string_equal(a.settings[0].value, "a=b.cfg");
    assert_string_equal(a.settings[1].name, "darknet.flag");
    assert_null(a.settings[1].value);
    assert_int_equal(a.override_count, 1);
    assert_true(ggx_str_same(a.overrides[0].pattern, GGX_LIT("blk.*=x")) &&
                ggx_str_same(a.overrides[0].type, GGX_LIT("q8_0")));
    assert_true(a.memory == 3u << 29 && a.threads == 3 && a.part == 2 && a.parts == 3);
    assert_true(a.quiet && a.verbose && !a.pure && !a.json);
    assert_int_equal(a.plugin_path_count, 2);
    assert_string_equal(a.plugin_path[1], "c");
    assert_null(a.plugin_path[2]);
    ggx_arguments_free(&a);
}

static void defaults_stand_when_nothing_is_given(void **unused)
{
    (void)unused;
    ggx_arguments a;
    assert_int_equal(PARSE(&a, GGX_VERB_CONVERT, "-"), GGX_OK);
    assert_true(a.memory == 64u << 20 && a.parts == 1 && !a.part && !a.threads && !a.output && !a.cpu_mask);
    assert_string_equal(a.operands[0], "-");
    ggx_arguments_free(&a);
}

static void mistakes_are_named(void **unused)
{
    (void)unused;
    static const struct {
        uint32_t verb;
        const char *words[2], *text;
    } cases[] = {
        {GGX_VERB_CONVERT, {"--ouptut", "x"}, "there is no option --ouptut; did you mean --output?"},
        {GGX_VERB_CONVERT, {"--no-such-option", "x"}, "there is no option --no-such-option; --help lists them"},
        {GGX_VERB_CONVERT, {"--stats", "x"}, "--stats is an option of other verbs; see ggx help"},
        {GGX_VERB_CONVERT, {"x", "--output"}, "--output needs a value"},
        {GGX_VERB_CONVERT, {"x", "-o"}, "-o needs a value"},
        {GGX_VERB_CONVERT, {"x", "-z"}, "there is no option -z; --help lists them"},
        {GGX_VERB_CONVERT, {"--pure=1", "x"}, "--pure takes no value"},
        {GGX_VERB_CONVERT, {"--output=", "x"}, "--output : expected a value that is not empty"},
        {GGX_VERB_CONVERT, {"--part", "3/3"}, "--part 3/3: expected I/N with I from 0 to N-1"},
        {GGX_VERB_CONVERT, {"--part", "1"}, "--part 1: expected I/N with I from 0 to N-1"},
        {GGX_VERB_CONVERT, {"--part", "-1/2"}, "--part -1/2: expected I/N with I from 0 to N-1"},
        {GGX_VERB_CONVERT, {"--threads", "0"}, "--threads 0: expected a number from 1 to 1024"},
        {GGX_VERB_CONVERT, {"--memory", "0"}, "--memory 0: expected a number of bytes, as 512K, 64M or 1.5G"},
        {GGX_VERB_CONVERT, {"--memory", "much"}, "--memory much: expected a number of bytes, as 512K, 64M or 1.5G"},
        {GGX_VERB_CONVERT, {"--tensor-type", "q4_0"}, "--tensor-type q4_0: expected GLOB=TYPE"},
        {GGX_VERB_CONVERT, {"-O", "=1"}, "-O =1: expected NAME=VALUE"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        ggx_arguments a;
        const char *words[2] = {cases[i].words[0], cases[i].words[1]};
        assert_int_equal(parse(&a, cases[i].verb, 2, words), GGX_E_USAGE);
        assert_string_equal(error.text, cases[i].text);
        ggx_arguments_free(&a);
    }
}

static void long_words_do_no_harm(void **unused)
{
    (void)unused;
    ggx_arguments a;
    char word[5000];
    memset(word, '-', sizeof word - 1);
    word[sizeof word - 1] = 0;
    assert_int_equal(PARSE(&a, GGX_VERB_CONVERT, word), GGX_E_USAGE);
    ggx_arguments_free(&a);
    memset(word, 'x', 4000);
    assert_int_equal(PARSE(&a, GGX_VERB_CONVERT, "-O", word), GGX_OK);
    ggx_arguments_free(&a);
}

static void every_option_is_in_some_help(void **unused)
{
    (void)unused;
    ggx_text text = {0};
    ggx_options_help(GGX_VERB_CONVERT, &text);
    assert_non_null(strstr(text.data, "  -o, --output FILE "));
    assert_non_null(strstr(text.data, "  -O NAME=VALUE "));
    assert_null(strstr(text.data, "--stats"));
    for (const char *line = text.data; *line; line = strchr(line, '\n') + 1)
        if (strcspn(line, "\n") > 100) fail_msg("a line of help is too long: %.100s", line);
    ggx_text_free(&text);
    ggx_options_help(GGX_VERB_INSPECT, &text);
    assert_non_null(strstr(text.data, "      --stats "));
    assert_null(strstr(text.data, "--output"));
    ggx_text_free(&text);
}

static void distances_count_single_edits(void **unused)
{
    (void)unused;
    assert_int_equal(ggx_edit_distance("output", "output"), 0);
    assert_int_equal(ggx_edit_distance("ouput", "output"), 1);
    assert_int_equal(ggx_edit_distance("kitten", "sitting"), 3);
    assert_int_equal(ggx_edit_distance("", "abc"), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_forms_are_read),           cmocka_unit_test(defaults_stand_when_nothing_is_given),
        cmocka_unit_test(mistakes_are_named),           cmocka_unit_test(long_words_do_no_harm),
        cmocka_unit_test(every_option_is_in_some_help), cmocka_unit_test(distances_count_single_edits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
