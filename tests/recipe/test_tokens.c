/* Promise: lines, base64, byte_level and ranked read vocabularies as docs/recipes.md says, and refuse what is none. */
#include "fake.h"

static const char checkpoint[] = "w f32 1\n!v.json {\"b\": 1, \"a\": 0, \"c\": 2}\n";

static const char *const holds[] = {
    "base64('') == '' and base64('aGk=') == 'hi' and base64('aGkh') == 'hi!' and base64('aA==') == 'h'",
    "len(base64('/+8A')) == 3",
    "byte_level('Ġhi!') == ' hi!' and byte_level('<|endoftext|>') == '<|endoftext|>'",
    "byte_level('ĠġłŃ') == base64('IH+grQ==')",
    "byte_level('¡¬®ÿ') == base64('oayu/w==')",
    "byte_level('漢') == null and byte_level('\u0144') == null and byte_level('a b') == null",
    "ranked(json('v.json', ''), 0) == ['a', 'b', 'c'] and ranked(json('v.json', ''), 1) == ['b', 'c'] and "
    "ranked(null, 5) == []",
    "lines('none.txt') == null and lines('v.json')[0] == '{{\"b\": 1, \"a\": 0, \"c\": 2}}'",
};

static const struct {
    const char *expression, *error;
} refused[] = {
    {"base64('aGk') == ''", "base64 text comes in fours"},
    {"base64('a!k=') == ''", "'a!k=' is no base64"},
    {"base64('=aaa') == ''", "is no base64"},
    {"base64(1) == ''", "base64() needs a string, not int"},
    {"byte_level(null) == ''", "byte_level() needs a string"},
    {"ranked(json('v.json', ''), -1) == []", "not 3 integers without a gap"},
    {"ranked([1], 0) == []", "ranked() needs a map, not list"},
    {"lines(1) == []", "lines() needs a string"},
};

static ggx_status run(const char *expression, ggx_error *error)
{
    char recipe[1024], *at = recipe;
    ggx_arena arena;
    ggx_recipe_result result;
    at += sprintf(at, "{\"id\": \"r\", \"tensors\": [{\"from\": \"w\", \"to\": \"w\"}], \"require\": [{\"that\": \"= ");
    for (const char *c = expression; *c; c++) {
        if (*c == '"') *at++ = '\\';
        *at++ = *c;
    }
    strcpy(at, "\", \"else\": \"it does not hold\"}]}");
    ggx_arena_init(&arena, 64 << 20);
    fake *f = fake_make(checkpoint);
    ggx_status status = fake_apply(&arena, f, recipe, "out", &result, error);
    fake_free(f);
    ggx_arena_free(&arena);
    return status;
}

static void tokens_are_read_as_the_docs_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(holds); i++) {
        ggx_error error;
        if (run(holds[i], &error) != GGX_OK) fail_msg("%s: %s", holds[i], error.text);
    }
}

static void what_is_no_token_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        ggx_error error;
        if (run(refused[i].expression, &error) == GGX_OK) fail_msg("%s is accepted", refused[i].expression);
        if (!strstr(error.text, refused[i].error))
            fail_msg("%s: \"%s\" lacks \"%s\"", refused[i].expression, error.text, refused[i].error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_read_as_the_docs_say),
        cmocka_unit_test(what_is_no_token_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
