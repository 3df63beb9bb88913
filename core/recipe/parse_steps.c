/* parse_steps.c - "do": the list of operations on a tensor. */
#include "base/text.h"
#include "recipe/model.h"

enum { ALONE = 1, WITH_VALUE = 2, WITH_OBJECT = 4 };

/* In the order of GGX_DO_*, which is that of ggx_step_words. */
static const struct {
    uint32_t forms;
    const char *words[5];
} forms[] = {
    [GGX_DO_TRANSPOSE] = {ALONE, {NULL}},
    [GGX_DO_REVERSE] = {ALONE, {NULL}},
    [GGX_DO_PERMUTE] = {WITH_VALUE, {NULL}},
    [GGX_DO_RESHAPE] = {WITH_VALUE, {NULL}},
    [GGX_DO_SLICE] = {WITH_OBJECT, {"axis", "start", "stop", NULL}},
    [GGX_DO_SPLIT] = {WITH_OBJECT, {"axis", "parts", "sizes", "take", NULL}},
    [GGX_DO_SQUEEZE] = {ALONE | WITH_VALUE, {NULL}},
    [GGX_DO_UNSQUEEZE] = {WITH_VALUE, {NULL}},
    [GGX_DO_REPEAT] = {WITH_OBJECT, {"axis", "times", NULL}},
    [GGX_DO_CAST] = {WITH_VALUE, {NULL}},
    [GGX_DO_ADD] = {WITH_VALUE, {NULL}},
    [GGX_DO_MUL] = {WITH_VALUE, {NULL}},
    [GGX_DO_NEG] = {ALONE, {NULL}},
    [GGX_DO_EXP] = {ALONE, {NULL}},
    [GGX_DO_TERNARY] = {WITH_VALUE, {NULL}},
    [GGX_DO_SCALE] = {WITH_OBJECT, {"axis", "by", NULL}},
    [GGX_DO_IF] = {WITH_VALUE, {NULL}},
};

static ggx_status need(const ggx_recipe_parser *parser, const ggx_json *object, const char *word, ggx_node **out)
{
    const ggx_json *json = ggx_json_get(object, word);
    if (!json) return GGX_PARSER_FAIL(parser, object, "'%s' is missing", word);
    return ggx_parser_value(parser, json, out);
}

static ggx_status parse_object(const ggx_recipe_parser *parser, const ggx_json *json, ggx_step *step)
{
    ggx_status status = ggx_parser_words(parser, json, forms[step->kind].words, ggx_step_words[step->kind]);
    if (status == GGX_OK) status = need(parser, json, "axis", &step->axis);
    if (status != GGX_OK) return status;
    if (step->kind == GGX_DO_REPEAT) return need(parser, json, "times", &step->start);
    if (step->kind == GGX_DO_SCALE) return need(parser, json, "by", &step->value);
    if (step->kind == GGX_DO_SLICE) {
        status = ggx_parser_value(parser, ggx_json_get(json, "start"), &step->start);
        return status == GGX_OK ? ggx_parser_value(parser, ggx_json_get(json, "stop"), &step->stop) : status;
    }
    const ggx_json *parts = ggx_json_get(json, "parts"), *sizes = ggx_json_get(json, "sizes");
    if (!parts == !sizes) return GGX_PARSER_FAIL(parser, json, "split needs either 'parts' or 'sizes'");
    status = need(parser, json, "take", &step->take);
    if (status == GGX_OK) status = ggx_parser_value(parser, parts, &step->start);
    return status == GGX_OK ? ggx_parser_value(parser, sizes, &step->stop) : status;
}

/* {"if": condition, "do": [...]} */
static ggx_status parse_if(const ggx_recipe_parser *parser, const ggx_json *json, ggx_step *step)
{
    static const char *const words[] = {"if", "do", "note", NULL};
    ggx_status status = ggx_parser_words(parser, json, words, "if");
    if (status == GGX_OK) status = ggx_parser_value(parser, ggx_json_get(json, "if"), &step->value);
    const ggx_json *body = ggx_json_get(json, "do");
    if (status == GGX_OK && !body) return GGX_PARSER_FAIL(parser, json, "'do' is missing");
    return status == GGX_OK ? ggx_parse_steps(parser, body, &step->body) : status;
}

static ggx_status parse_step(const ggx_recipe_parser *parser, const ggx_json *json, ggx_step *step)
{
    ggx_str word = json->kind == GGX_JSON_STRING ? json->text : (ggx_str){NULL, 0};
    const ggx_json *value = NULL;
    step->origin = ggx_parser_origin(parser, json);
    if (json->kind == GGX_JSON_OBJECT) {
        if (ggx_json_get(json, "if")) {
            step->kind = GGX_DO_IF;
            return parse_if(parser, json, step);
        }
        for (const ggx_json *at = json->first; at; at = at->next) {
            if (ggx_str_same(at->key, GGX_LIT("note"))) continue;
            if (value)
                return GGX_PARSER_FAIL(parser, json, "an operation is one word; '%.*s' and '%.*s' are two",
                                       (int)(word.size < 40 ? word.size : 40), word.data,
                                       (int)(at->key.size < 40 ? at->key.size : 40), at->key.data);
            word = at->key;
            value = at;
        }
    }
    if (!word.size) return GGX_PARSER_FAIL(parser, json, "an operation is a word, or an object with one word");
    while (step->kind < GGX_DO_IF && !ggx_str_is(word, ggx_step_words[step->kind])) step->kind++;
    if (step->kind == GGX_DO_IF) {
        const char *near = ggx_word_nearest(ggx_step_words, word);
        return GGX_PARSER_FAIL(parser, json, "there is no operation '%.*s'%s%s%s",
                               (int)(word.size < 60 ? word.size : 60), word.data, near ? "; did you mean '" : "",
                               near ? near : "", near ? "'?" : "");
    }
    uint32_t wanted = forms[step->kind].forms;
    if (!value && !(wanted & ALONE))
        return GGX_PARSER_FAIL(parser, json, "%s needs a value", ggx_step_words[step->kind]);
    if (value && wanted == ALONE)
        return GGX_PARSER_FAIL(parser, json, "%s stands alone, without a value", ggx_step_words[step->kind]);
    if (value && wanted & WITH_OBJECT) return parse_object(parser, value, step);
    return ggx_parser_value(parser, value, &step->value);
}

ggx_status ggx_parse_steps(const ggx_recipe_parser *parser, const ggx_json *list, ggx_steps *out)
{
    out->first = NULL;
    if (!list) return GGX_OK;
    ggx_status status = ggx_parser_kind(parser, list, GGX_JSON_ARRAY, "a list of operations");
    ggx_step **tail = &out->first;
    for (const ggx_json *at = status == GGX_OK ? list->first : NULL; at; at = at->next) {
        *tail = ggx_arena_alloc(parser->arena, sizeof **tail);
        if (!*tail) return ggx_parser_no_memory(parser);
        status = parse_step(parser, at, *tail);
        if (status != GGX_OK) return status;
        tail = &(*tail)->next;
    }
    return status;
}
