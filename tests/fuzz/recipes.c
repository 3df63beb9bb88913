/* tests/fuzz/recipes.c - any bytes as a recipe: parsed, matched, applied to a small checkpoint and run backwards on it. What comes out must be sound: names
 * there are, views within their tensors' ranks, fields of known types. The first byte chooses between a recipe and a bare expression. */
#define FAKE_FAIL(...) abort()
#include "../recipe/fake.h"

static const char lines[] =
    "wte f32 8x4\nh.0.w f32 2x6\nh.1.w f32 2x6\nh.0.b f32 6\nh.1.b f32 6\ne.0.k f32 2x3x3x3\ne.1.k f32 2x3x3x3\n"
    "step aux-f32 -\n@n.layers 2\n@n.eps 0.5\n@n.name 'tiny'\n!config.json {\"n\": 7, \"rope\": {\"factor\": 8.0}, "
    "\"list\": [1, [2, 3]]}\n";

static void demand(int holds)
{
    if (!holds) abort();
}

static void check(const ggx_recipe_result *r)
{
    for (uint64_t i = 0; i < r->tensor_count; i++) {
        const ggx_recipe_tensor *t = &r->tensors[i];
        demand(t->name.size > 0 && t->view.rank <= GGX_MAX_RANK && (t->row_axes == 0 || t->row_axes < t->view.rank));
        for (uint32_t p = 0; p < t->view.piece_count; p++)
            for (uint32_t a = 0; a < t->view.rank; a++)
                demand(t->view.pieces[p].count[a] <= t->view.shape[a] - t->view.pieces[p].start[a]);
    }
    for (uint64_t i = 0; i < r->kv_count; i++)
        demand(r->kvs[i].type <= GGX_KV_F64 && (r->kvs[i].data || !r->kvs[i].count));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static fake *f;
    static const char before[] = "{\"id\": \"r\", \"values\": {\"v\": \"= ",
                      after[] = "\"}, \"tensors\": [{\"drop\": \"{all...}\"}], \"outputs\": {\"*\": {\"header\": "
                                "{\"v\": {\"str\": \"= str(v)\"}}}}}";
    ggx_arena arena;
    ggx_error error;
    ggx_recipe *recipe;
    ggx_recipe_result result;
    int32_t score;
    if (!f) f = fake_make(lines);
    if (size > 65536) return 0;
    char *text = malloc(size + sizeof before + sizeof after);
    size_t used = 0;
    if (!text) return 0;
    if (size && data[0] == '=') { /* an expression, escaped as JSON wants it by leaving out what it forbids */
        memcpy(text, before, used = sizeof before - 1);
        for (size_t i = 1; i < size; i++)
            if (data[i] >= 0x20 && data[i] < 0x7f && data[i] != '"' && data[i] != '\\') text[used++] = (char)data[i];
        memcpy(text + used, after, sizeof after - 1);
        used += sizeof after - 1;
    } else if (size) {
        memcpy(text, data, used = size);
    }
    ggx_arena_init(&arena, 128 << 20);
    ggx_recipe_env env = fake_env(f, "out");
    if (ggx_recipe_parse(&arena, (ggx_str){text, used}, "fuzz.json", NULL, &recipe, &error) == GGX_OK) {
        demand(ggx_recipe_match(recipe, &env, &score, &error) != GGX_OK || (score >= 0 && score <= 100));
        if (ggx_recipe_apply(&arena, recipe, &env, &result, &error) == GGX_OK)
            check(&result);
        else
            demand(error.status != GGX_OK && error.text[0]);
        if (ggx_recipe_backwards(&arena, recipe, &env, &result, &error) == GGX_OK) check(&result);
    } else {
        demand(error.status != GGX_OK && error.text[0]);
    }
    ggx_arena_free(&arena);
    free(text);
    return 0;
}
