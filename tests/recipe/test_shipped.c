/* Promise: every recipe that ggx ships parses; the JSON Schema and docs/recipes.md know the parser's words, all of them and no others;
 * darknet and yolov3-tiny do what their formats' pages say. */
#include "fake.h"
#include "recipe/model.h"
#include <dirent.h>

static char *read_whole(const char *path, ggx_str *out)
{
    FILE *file = fopen(path, "rb");
    char *data = calloc(1, 1 << 20);
    if (!file) fail_msg("cannot open %s", path);
    *out = (ggx_str){data, fread(data, 1, (1 << 20) - 1, file)};
    fclose(file);
    return data;
}

static void every_shipped_recipe_parses_and_is_named_as_its_file(void **state)
{
    (void)state;
    DIR *directory = opendir(RECIPES);
    int count = 0;
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));) {
        ggx_arena arena;
        ggx_recipe *recipe;
        ggx_error error;
        char path[4096];
        if (!strstr(entry->d_name, ".json")) continue;
        snprintf(path, sizeof path, "%s/%s", RECIPES, entry->d_name);
        ggx_arena_init(&arena, 64 << 20);
        if (ggx_recipe_load(&arena, path, RECIPES, &recipe, &error) != GGX_OK) fail_msg("%s", error.text);
        assert_int_equal(strlen(ggx_recipe_id(recipe)) + 5, strlen(entry->d_name));
        assert_memory_equal(entry->d_name, ggx_recipe_id(recipe), strlen(ggx_recipe_id(recipe)));
        assert_true(strlen(ggx_recipe_about(recipe)) > 0);
        ggx_arena_free(&arena);
        count++;
    }
    closedir(directory);
    assert_true(count >= 2);
}

/* The property names of a schema object are exactly the words. */
static void same_words(const ggx_json *schema, const char *const *words, const char *what)
{
    const ggx_json *properties = ggx_json_get(schema, "properties");
    uint32_t count = 0;
    for (; words[count]; count++)
        if (!ggx_json_get(properties, words[count])) fail_msg("the schema's %s lacks '%s'", what, words[count]);
    if (!properties || properties->count != count)
        fail_msg("the schema's %s has %u words, the parser %u", what, properties ? properties->count : 0, count);
}

static void the_schema_knows_the_words_of_the_parser(void **state)
{
    (void)state;
    ggx_arena arena;
    ggx_json *schema;
    ggx_error error;
    ggx_str text;
    char *data = read_whole(RECIPES "/schema/recipe.schema.json", &text);
    ggx_arena_init(&arena, 64 << 20);
    if (ggx_json_parse(&arena, text, "schema", &schema, &error) != GGX_OK) fail_msg("%s", error.text);
    const ggx_json *defs = ggx_json_get(schema, "$defs");
    same_words(schema, ggx_recipe_words, "recipe");
    same_words(ggx_json_get(defs, "rule"), ggx_rule_words, "rule");
    same_words(ggx_json_get(defs, "profile"), ggx_profile_words, "profile");
    same_words(ggx_json_get(defs, "field"), ggx_field_words, "field");
    const ggx_json *alone = ggx_json_get(defs, "step")->first->first, *with_value = alone->next,
                   *conditional = with_value->next;
    for (uint32_t i = 0; ggx_step_words[i]; i++) { /* alone, with a value, or "if" */
        int found = ggx_json_get(ggx_json_get(with_value, "properties"), ggx_step_words[i]) ||
                    ggx_json_get(ggx_json_get(conditional, "properties"), ggx_step_words[i]);
        for (const ggx_json *word = ggx_json_get(alone, "enum")->first; word; word = word->next)
            found |= !strcmp(word->text.data, ggx_step_words[i]);
        if (!found) fail_msg("the schema lacks operation '%s'", ggx_step_words[i]);
    }
    ggx_arena_free(&arena);
    free(data);
}

static void the_docs_name_every_word_function_and_name(void **state)
{
    (void)state;
    ggx_str text;
    char *data = read_whole(DOCS "/recipes.md", &text), quoted[64];
    const char *names[96];
    const char *const *lists[] = {ggx_recipe_words,
                                  ggx_rule_words,
                                  ggx_profile_words,
                                  ggx_step_words,
                                  ggx_field_words,
                                  ggx_builtin_names,
                                  ggx_function_names(names, 96)};
    for (size_t l = 0; l < COUNT_OF(lists); l++)
        for (uint32_t i = 0; lists[l][i]; i++) {
            const char *word = lists[l][i], *at = data;
            size_t size = strlen(word);
            if (*word == '$') continue;                                  /* $schema is JSON's, not the language's */
            for (at = strstr(at, word); at; at = strstr(at + 1, word)) { /* inside `…`, as a whole word */
                int begins = strchr("`\" (", at[-1]) != NULL, ends = strchr("`\" ():", at[size]) != NULL;
                if (begins && ends) break;
            }
            snprintf(quoted, sizeof quoted, "%s", word);
            if (!at) fail_msg("docs/recipes.md does not say what '%s' is", quoted);
        }
    free(data);
}

/* --- darknet ---------------------------------------------------------------------------------------------------------------- */

static const int yolo_layers[13] = {0, 2, 4, 6, 8, 10, 12, 13, 14, 15, 18, 21, 22};
static const int yolo_shapes[13][3] = {{16, 3, 3},    {32, 16, 3},    {64, 32, 3},    {128, 64, 3},  {256, 128, 3},
                                       {512, 256, 3}, {1024, 512, 3}, {256, 1024, 1}, {512, 256, 3}, {255, 512, 1},
                                       {128, 256, 1}, {256, 384, 3},  {255, 256, 1}};

/* The index of yolov3-tiny.weights as lines of a fake. Elements would not fit, so the tensors overlap: nothing reads them here. */
static char *yolo_lines(int spoil)
{
    char *lines = calloc(1, 1 << 16), *at = lines;
    at += sprintf(
        at, "@darknet.layers 24\n@darknet.width 416\n@darknet.height 416\n@darknet.channels 3\n@darknet.classes 80\n");
    for (int i = 0; i < 13; i++) {
        static const char *const vectors[] = {"biases", "scales", "rolling_mean", "rolling_variance"};
        const int *s = yolo_shapes[i];
        for (int v = 0; v < (s[0] == 255 ? 1 : 4); v++)
            at += sprintf(at, "l%d_%s f32 %d\n", yolo_layers[i], vectors[v], s[0]);
        at += sprintf(at, "l%d_weights f32 %dx%dx%dx%d\n", yolo_layers[i], s[0] + (spoil && i == 7), s[1], s[2], s[2]);
    }
    return lines;
}

static void choose(fake *f, const char *writer, const char *name, ggx_arena *arena, ggx_recipe **recipe)
{
    ggx_error error = {0};
    ggx_recipe_env env = fake_env(f, writer);
    f->checkpoint.reader_name = "darknet";
    if (ggx_recipe_choose(arena, RECIPES, name, &env, recipe, &error) != GGX_OK) fail_msg("%s", error.text);
}

static void yolov3_tiny_is_known_by_its_kernels_and_counted_by_convolutions(void **state)
{
    (void)state;
    ggx_arena arena;
    ggx_recipe *recipe;
    ggx_recipe_result result;
    ggx_error error;
    char *lines = yolo_lines(0), *spoiled = yolo_lines(1);
    fake *f = fake_make(lines), *other = fake_make(spoiled);
    ggx_arena_init(&arena, 256 << 20);
    choose(other, "gguf", NULL, &arena, &recipe);
    assert_string_equal(ggx_recipe_id(recipe), "darknet");
    choose(f, "ggml", NULL, &arena, &recipe);
    assert_string_equal(ggx_recipe_id(recipe), "darknet");
    choose(f, "gguf", NULL, &arena, &recipe);
    assert_string_equal(ggx_recipe_id(recipe), "yolov3-tiny");

    ggx_recipe_env env = fake_env(f, "gguf");
    if (ggx_recipe_apply(&arena, recipe, &env, &result, &error) != GGX_OK) fail_msg("%s", error.text);
    assert_int_equal(result.tensor_count, 59);
    assert_int_equal(result.kv_count, 1);
    for (uint64_t i = 0, convolution = 0; i < result.tensor_count; i++) { /* in the file's order */
        const ggx_recipe_tensor *t = &result.tensors[i];
        char name[64];
        snprintf(name, sizeof name, "l%d%s", (int)convolution, strchr(f->checkpoint.tensors[i].name.data, '_'));
        assert_true(ggx_str_same(t->name, ggx_str_of(name)));
        assert_int_equal(t->view.pieces[0].tensor, i);
        assert_int_equal(t->view.rank, 4);
        int kernel = strstr(name, "_weights") != NULL;
        assert_true(ggx_str_same(t->default_type, kernel ? GGX_LIT("f16") : GGX_LIT("f32")));
        assert_int_equal(t->quantize, kernel);
        assert_int_equal(t->view.shape[kernel ? 0 : 1], yolo_shapes[convolution][0]);
        assert_int_equal(t->view.shape[3], kernel ? yolo_shapes[convolution][2] : 1);
        convolution += (uint64_t)kernel;
    }
    fake_free(f);
    fake_free(other);
    free(lines);
    free(spoiled);
    ggx_arena_free(&arena);
}

static void a_darknet_header_has_five_numbers_and_the_type(void **state)
{
    (void)state;
    const ggx_quant q4 = {.struct_size = sizeof q4, .type = {"q4_0", 32, 18}, .file_type = 2, .legacy_file_type = 2};
    const int32_t wanted[2][5] = {{416, 416, 3, 80, 1}, {416, 416, 3, 80, 2002}};
    char *lines = yolo_lines(0);
    fake *f = fake_make(lines);
    for (int typed = 0; typed < 2; typed++) {
        ggx_arena arena;
        ggx_recipe *recipe;
        ggx_recipe_result result;
        ggx_error error;
        ggx_arena_init(&arena, 256 << 20);
        choose(f, "ggml", "darknet", &arena, &recipe);
        ggx_recipe_env env = fake_env(f, "ggml");
        if (typed) env.type = &q4, env.type_name = "q4_0";
        if (ggx_recipe_apply(&arena, recipe, &env, &result, &error) != GGX_OK) fail_msg("%s", error.text);
        assert_int_equal(result.kv_count, 5);
        for (int i = 0; i < 5; i++) {
            assert_int_equal(result.kvs[i].type, GGX_KV_I32);
            assert_int_equal(*(const int32_t *)result.kvs[i].data, wanted[typed][i]);
        }
        assert_int_equal(result.tensor_count, 59);
        assert_true(ggx_str_same(result.tensors[4].name, GGX_LIT("l0_weights")));
        assert_int_equal(result.tensors[4].row_axes, 1);
        ggx_arena_free(&arena);
    }
    fake_free(f);
    free(lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shipped_recipe_parses_and_is_named_as_its_file),
        cmocka_unit_test(the_schema_knows_the_words_of_the_parser),
        cmocka_unit_test(the_docs_name_every_word_function_and_name),
        cmocka_unit_test(yolov3_tiny_is_known_by_its_kernels_and_counted_by_convolutions),
        cmocka_unit_test(a_darknet_header_has_five_numbers_and_the_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
