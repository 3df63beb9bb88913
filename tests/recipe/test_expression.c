/* Promise: an expression has the value that docs/recipes.md gives it, or the error it names, at its place. */
#include "fake.h"
#include "recipe/model.h"

static const char checkpoint[] =
    "w f32 2x3\nh.0.w f32 4x5\nh.1.w f32 4x5\n@n 12\n@eps 0.5\n@name 'tiny'\n"
    "!config.json {\"n\": 7, \"rope\": {\"factor\": 8.0, \"type\": \"yarn\"}, \"list\": [1, [2, 3]], \"none\": null}\n";

/* The value as the language would write it. */
static void print(const ggx_value *v, char *out, size_t size)
{
    size_t n = 0;
    switch (v->kind) {
    case GGX_VALUE_NULL: snprintf(out, size, "null"); break;
    case GGX_VALUE_BOOL: snprintf(out, size, "%s", v->truth ? "true" : "false"); break;
    case GGX_VALUE_INT: snprintf(out, size, "%lld", (long long)v->integer); break;
    case GGX_VALUE_FLOAT: snprintf(out, size, "%.17gf", v->real); break;
    case GGX_VALUE_STR: snprintf(out, size, "'%.*s'", (int)v->text.size, v->text.data); break;
    case GGX_VALUE_MAP: snprintf(out, size, "map"); break;
    default:
        n = (size_t)snprintf(out, size, "[");
        for (uint64_t i = 0; i < v->count && n + 40 < size; i++) {
            if (i) n += (size_t)snprintf(out + n, size - n, ", ");
            print(&v->at.items[i], out + n, size - n);
            n += strlen(out + n);
        }
        snprintf(out + n, size - n, "]");
    }
}

static const struct {
    const char *expression, *value;
} values[] = {
    {"1 + 2 * 3", "7"},
    {"(1 + 2) * 3", "9"},
    {"2 - 3 - 4", "-5"},
    {"-2 * -3", "6"},
    {"- -2", "2"},
    {"7 // 2", "3"},
    {"-7 // 2", "-4"},
    {"-7 % 3", "2"},
    {"7 % -3", "-2"},
    {"12 / 4", "3"},
    {"float(7) / 2", "3.5f"},
    {"7.0 // 2", "3f"},
    {"-7.5 % 2", "0.5f"},
    {"1.5e3", "1500f"},
    {"9223372036854775807", "9223372036854775807"},
    {"-9223372036854775807 - 1", "-9223372036854775808"},
    {"3037000499 * 3037000499", "9223372030926249001"},
    {"1 == 1.0", "true"},
    {"9007199254740993 == 9007199254740992.0", "false"},
    {"9223372036854775807 < 9223372036854775808.0", "true"},
    {"[1, [2]] == [1.0, [2]]", "true"},
    {"[1] == [1, 2]", "false"},
    {"'a' < 'ab' and 'b' > 'ab'", "true"},
    {"'c' > 'a' and 'c' >= 'a' and not 'a' > 'c'", "true"}, /* two apart: what memcmp says need not be 1 */
    {"1 < 2 or error('not reached')", "true"},
    {"false and error('not reached')", "false"},
    {"not 1 == 2", "true"},
    {"not not true", "true"},
    {"true or false and false", "true"},
    {"null ?? 3", "3"},
    {"2 ?? error('not reached')", "2"},
    {"null ?? null ?? 4", "4"},
    {"if 1 < 2 then 'y' else error('no')", "'y'"},
    {"if false then 1 else if true then 2 else 3", "2"},
    {"1 + (if true then 2 else 3)", "3"},
    {"0..3", "[0, 1, 2]"},
    {"3..0", "[]"},
    {"1..1 + 3", "[1, 2, 3]"},
    {"2 in 0..3", "true"},
    {"'x' in ['a', 'b']", "false"},
    {"[i * i for i in 0..4]", "[0, 1, 4, 9]"},
    {"[i for i in 0..9 if i % 3 == 1]", "[1, 4, 7]"},
    {"[[i + j for j in 0..2] for i in 0..2]", "[[0, 1], [1, 2]]"},
    {"[]", "[]"},
    {"[1, 2] + [3]", "[1, 2, 3]"},
    {"'a' + 'b'", "'ab'"},
    {"'l{1 + 1}_{'x'}'", "'l2_x'"},
    {"'it''s {{braces}}'", "'it's {braces}'"},
    {"''", "''"},
    {"match 3 {1: 'a', 3: 'b', else: 'c'}", "'b'"},
    {"match 9 {1: 'a', else: 'c'}", "'c'"},
    {"match 'x' {'x': 1}", "1"},
    {"[4, 5, 6][1]", "5"},
    {"[4, 5, 6][-1]", "6"},
    {"[4, 5, 6][1:]", "[5, 6]"},
    {"[4, 5, 6][:-1]", "[4, 5]"},
    {"'hello'[1:3]", "'el'"},
    {"'hello'[-1]", "'o'"},
    {"null[3].x", "null"},
    {"len('abc') + len([1, 2]) + len(config(''))", "9"},
    {"str(12) + str(1.5) + str(0.1) + str(true)", "'121.50.1true'"},
    {"int(3.9) + int(-3.9) + int('12') + int(true)", "13"},
    {"f32(0.1)", "0.10000000149011612f"},
    {"[kind(x) for x in [null, true, 1, 1.0, 'a', [], config('rope')]]",
     "['null', 'bool', 'int', 'float', 'string', 'list', 'map']"},
    {"abs(-3) + abs(3)", "6"},
    {"abs(-1.5)", "1.5f"},
    {"min(3, 1, 2) + max([3, 1, 2])", "4"},
    {"min('b', 'a')", "'a'"},
    {"floor(-1.5) + ceil(1.2) + round(2.5) + round(-2.5)", "0"},
    {"floor(7)", "7"},
    {"sqrt(16)", "4f"},
    {"pow(2, 10)", "1024f"},
    {"exp(0) + log(1)", "1f"},
    {"sum([1, 2, 3.5])", "6.5f"},
    {"sum([])", "0"},
    {"sort([3, 1, 2])", "[1, 2, 3]"},
    {"sort(['b', 'a'])", "['a', 'b']"},
    {"reverse([1, 2, 3])", "[3, 2, 1]"},
    {"unique([1, 2, 1.0, 2])", "[1, 2]"},
    {"flat([[1], [], [2, 3]])", "[1, 2, 3]"},
    {"[leading_int('7.w'), leading_int(' +2x'), leading_int('-5.'), leading_int('007')]", "[7, 2, -5, 7]"},
    {"[leading_int(''), leading_int('x'), leading_int('-'), leading_int('+ 1'), leading_int('--1')]",
     "[null, null, null, null, null]"},
    {"[leading_int('99999999999'), leading_int('2147483648'), leading_int('99999999999999999999')]",
     "[1215752191, -2147483648, -1]"},
    {"[leading_int('-9223372036854775808'), leading_int('-99999999999999999999')]", "[0, 0]"},
    {"index([4, 5], 5)", "1"},
    {"index([4, 5], 6)", "null"},
    {"split('a.b..c', '.')", "['a', 'b', '', 'c']"},
    {"join(['a', 'b'], '-')", "'a-b'"},
    {"replace('a.b.c', '.', '::')", "'a::b::c'"},
    {"only('tool-use 2é.x', 'abcdefghijklmnopqrstuvwxyz0123456789', '_')", "'tool_use_2__x'"},
    {"only('a-b', 'ab', '')", "'ab'"},
    {"split('aß€', '')", "['a', 'ß', '€']"},
    {"split('', '')", "[]"},
    {"nearest('gpt2', ['falcon', 'gpt-2', 'gpt-4o', 'gpt3'], 2)", "['gpt-2', 'gpt3']"},
    {"nearest('a', ['b', 'c'], 9)", "['b', 'c']"},
    {"title('über-modell Straße ßeta 8L v1.2 ﬁn\xc2\xa0"
     "éa 模型chat ŉa ǆ-Éa')",
     "'Über Modell Straße Sseta 8L v1.2 Fin Éa 模型Chat ʼNa ǅ Éa'"},
    {"lower('AbZ[') + upper('abz{{')", "'abz[ABZ{'"},
    {"starts('abc', 'ab') and ends('abc', 'bc') and like('abc', 'a*c')", "true"},
    {"has('w') and not has('x')", "true"},
    {"shape('w')", "[2, 3]"},
    {"shape('x')", "null"},
    {"dtype('w') + (dtype('x') ?? '!')", "'f32!'"},
    {"tensors('h.*.w')", "['h.0.w', 'h.1.w']"},
    {"tied('w', 'w') and not tied('w', 'h.0.w') and not tied('x', 'x')", "true"},
    {"peek('h.0.w', 7)", "4103f"},
    {"peek('w', -1)", "5f"},
    {"kv('n') + 1", "13"},
    {"kv('eps')", "0.5f"},
    {"kv('name')", "'tiny'"},
    {"kv('nothing')", "null"},
    {"config('n')", "7"},
    {"config('rope.factor')", "8f"},
    {"config('rope').type", "'yarn'"},
    {"config('rope')['type']", "'yarn'"},
    {"'factor' in config('rope')", "true"},
    {"config('list.1.0')", "2"},
    {"config('list')[1]", "[2, 3]"},
    {"config('none') ?? config('rope.none') ?? 'x'", "'x'"},
    {"keys(config('rope'))", "['factor', 'type']"},
    {"json('other.json', 'a')", "null"},
    {"json('config.json', 'n')", "7"},
    {"[reader, writer, type, version]", "['fake', 'out', null, '1.2.3']"},
    {"[quantized, file_type, legacy_file_type]", "[false, null, null]"},
    {"base + 1", "41"},
};

static ggx_status evaluate(ggx_arena *arena, const fake *f, const char *expression, char *out, size_t size,
                           ggx_error *error)
{
    char *recipe = malloc(strlen(expression) * 2 + 200), *to;
    ggx_recipe *parsed;
    ggx_eval eval;
    ggx_value value;
    ggx_recipe_env env = fake_env(f, "out");
    to = recipe + sprintf(recipe, "{\"id\": \"t\", \"values\": {\"base\": 40, \"x\":\n\"= ");
    for (const char *at = expression; *at; at++) *to++ = *at;
    strcpy(to, "\"}}");
    memset(error, 0, sizeof *error);
    ggx_status status = ggx_recipe_parse(arena, ggx_str_of(recipe), "e", NULL, &parsed, error);
    free(recipe);
    if (status != GGX_OK) return status;
    assert_int_equal(ggx_eval_open(&eval, parsed, &env, error), GGX_OK);
    status = ggx_eval_node(&eval, parsed->values[1].node, &value);
    if (status == GGX_OK) print(&value, out, size);
    assert_true(eval.steps <= GGX_EVAL_STEPS + GGX_EVAL_STEPS);
    ggx_eval_close(&eval);
    return status;
}

static void expressions_have_the_values_that_the_docs_give_them(void **state)
{
    (void)state;
    fake *f = fake_make(checkpoint);
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        ggx_arena arena;
        ggx_error error;
        char text[512];
        ggx_arena_init(&arena, 64 << 20);
        if (evaluate(&arena, f, values[i].expression, text, sizeof text, &error) != GGX_OK)
            fail_msg("%s: %s", values[i].expression, error.text);
        if (strcmp(text, values[i].value)) fail_msg("%s is %s, not %s", values[i].expression, text, values[i].value);
        ggx_arena_free(&arena);
    }
    fake_free(f);
}

/* The expression stands in line 2 and begins, behind `"= `, in column 4. */
static const struct {
    const char *expression, *error;
} errors[] = {
    {"1 / 0", "e:2:6: 1 is divided by zero"},
    {"1 // 0", "e:2:6: 1 is divided by zero"},
    {"1 % 0", "e:2:6: 1 is divided by zero"},
    {"1.0 / 0", "e:2:8: a number is divided by zero"},
    {"7 / 2", "e:2:6: 7 / 2 is not whole"},
    {"9223372036854775807 + 1", "e:2:24: the result does not fit 64 bits"},
    {"3037000500 * 3037000500", "e:2:15: the result does not fit 64 bits"},
    {"(-9223372036854775807 - 1) / -1", "e:2:31: the result does not fit 64 bits"},
    {"9223372036854775808", "e:2:4: the integer does not fit 64 bits"},
    {"1e999", "e:2:4: the number is too large"},
    {"0..1000000000", "e:2:5: a list of 1000000000 elements; at most 1048576"},
    {"[[i * j for j in 0..5000] for i in 0..5000]", "more than 10000000 steps"},
    {"[1][1]", "e:2:7: index 1 is outside of 1 elements"},
    {"[1]['a']", "list cannot be indexed with string"},
    {"'a' + 1", "e:2:8: string + int has no meaning"},
    {"null + 1", "e:2:9: null + int has no meaning"},
    {"1 < 'a'", "int and string cannot be ordered"},
    {"if 1 then 2 else 3", "e:2:7: true or false is needed here, this is int"},
    {"1 and true", "true or false is needed here"},
    {"match 5 {1: 2}", "e:2:4: 'match' has nothing for 5"},
    {"config('rope.type') + 1", "e:2:24: config.json, key rope.type: string + int has no meaning"},
    {"1 - config('rope').type", "config.json, key rope.type: int - string has no meaning"},
    {"config('rope').size * 2", "config.json, key rope.size (not there): null * int has no meaning"},
    {"config('none') < 2", "config.json, key none: null and int cannot be ordered"},
    {"1 + config('list')[1][0] / 0", "config.json, key list.1.0: 2 is divided by zero"},
    {"(config('n') + 1) / 3", "config.json, key n: 8 / 3 is not whole"},
    {"overlay(json('config.json', 'rope'), config(''))['type'] * 2",
     "config.json, key rope.type: string * int has no meaning"},
    {"overlay(json('config.json', 'rope'), config(''))['x'] * 2", "(not there): null * int has no meaning"},
    {"[x for x in config('n')]", "config.json, key n: a list is needed here, this is int"},
    {"match config('rope.type') {'linear': 1}", "config.json, key rope.type: 'match' has nothing for string 'yarn'"},
    {"only('a', 'b', 'cc')", "only() puts one byte or none instead of another"},
    {"nearest('a', [1], 1)", "nearest() needs a list of strings, not int"},
    {"len(3)", "e:2:4: len() needs a string, list or map, not int"},
    {"int('1x')", "'1x' is not an integer"},
    {"int(1e30)", "does not fit an int"},
    {"'{[1]}'", "e:2:6: list cannot be put into text"},
    {"lenn(3)", "e:2:4: there is no function 'lenn'; did you mean 'len'?"},
    {"len()", "e:2:4: len() takes 1 to 1 arguments, not 0"},
    {"bsae", "e:2:4: 'bsae' is not known here; did you mean 'base'?"},
    {"[i for i in i]", "e:2:16: 'i' is not known here"},
    {"x", "e:2:4: the value 'x' needs itself"},
    {"1 +", "e:2:7: the expression ends where a value is missing"},
    {"1 2", "e:2:6: the expression should end here"},
    {"(1", "e:2:6: the expression ends where a ')' is missing"},
    {"[1 2]", "e:2:7: ']' is missing here"},
    {"'abc", "e:2:4: the text that begins here has no closing quote"},
    {"'a{1'", "e:2:6: the '{' here has no '}'"},
    {"'a}'", "e:2:6: a lone '}'"},
    {"1 < 2 < 3", "e:2:10: comparisons and ranges are not chained"},
    {"if true 1", "e:2:12: 'then' is missing here"},
    {"[x for 3 in y]", "a name is missing behind 'for'"},
    {"1 = 2", "e:2:6: the expression should end here"},
    {"12ab", "a number and a word run into each other"},
    {"$", "e:2:4: a value is missing before '$'"},
    {"'\\u00e9\\n' + $", "e:2:17: a value is missing before '$'"},
    {"peek('w', 6)", "no such element among the 6 of 'w'"},
    {"peek('x', 0)", "there is no tensor 'x'"},
    {"error('so it is')", "so it is"},
    {"has(1)", "has() needs a string, not int"},
    {"min([])", "min() of an empty list"},
    {"sort([1, 'a'])", "sort() needs"},
    {"split('a', 3)", "split() needs strings, not int"},
    {"config(1)", "config() needs a string"},
};

static void expressions_fail_at_their_place_and_with_a_reason(void **state)
{
    (void)state;
    fake *f = fake_make(checkpoint);
    for (size_t i = 0; i < COUNT_OF(errors); i++) {
        ggx_arena arena;
        ggx_error error;
        char text[512];
        ggx_arena_init(&arena, 64 << 20);
        if (evaluate(&arena, f, errors[i].expression, text, sizeof text, &error) == GGX_OK)
            fail_msg("%s is %s", errors[i].expression, text);
        if (!strstr(error.text, errors[i].error))
            fail_msg("%s: \"%s\" lacks \"%s\"", errors[i].expression, error.text, errors[i].error);
        ggx_arena_free(&arena);
    }
    fake_free(f);
}

/* Expressions that grow without end in one direction: refused or computed, in bounded time and stack. */
static void expressions_are_bounded_in_depth_and_length(void **state)
{
    (void)state;
    static const struct {
        const char *before, *repeated, *middle, *after;
        int times, good;
    } shapes[] = {
        {"", "(", "1", ")", 60, 1},
        {"", "(", "1", ")", 70, 0},
        {"", "-", "1", "", 60, 1},
        {"", "-", "1", "", 5000, 0},
        {"", "not ", "true", "", 70, 0},
        {"", "[", "1", "]", 70, 0},
        {"0", " + 1", "", "", 900, 1},
        {"0", " + 1", "", "", 5000, 0},
        {"null", ".a", "", "", 900, 1},
        {"null", ".a", "", "", 9000, 0},
        {"", "if true then ", "1", " else 2", 70, 0},
    };
    fake *f = fake_make(checkpoint);
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        ggx_arena arena;
        ggx_error error;
        char *text = calloc(1, 200000), out[64];
        strcat(text, shapes[i].before);
        char *end = text + strlen(text);
        for (int k = 0; k < shapes[i].times; k++) end += sprintf(end, "%s", shapes[i].repeated);
        end += sprintf(end, "%s", shapes[i].middle);
        for (int k = 0; k < shapes[i].times; k++) end += sprintf(end, "%s", shapes[i].after);
        ggx_arena_init(&arena, 256 << 20);
        ggx_status status = evaluate(&arena, f, text, out, sizeof out, &error);
        if ((status == GGX_OK) != shapes[i].good)
            fail_msg("shape %zu: %s", i, status == GGX_OK ? "accepted" : error.text);
        ggx_arena_free(&arena);
        free(text);
    }
    fake_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_have_the_values_that_the_docs_give_them),
        cmocka_unit_test(expressions_fail_at_their_place_and_with_a_reason),
        cmocka_unit_test(expressions_are_bounded_in_depth_and_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
