/* words.c - the words of the language, and JSON values taken with their places: literals, expressions, templates, patterns. */
#include "base/text.h"
#include "recipe/model.h"

const char *const ggx_recipe_words[] = {"id",      "about",    "extends",   "when",    "specificity", "config",
                                        "values",  "require",  "tensors",   "without", "outputs",     "note",
                                        "$schema", "prefixes", "backwards", "options", "packed",      "adapter",
                                        "portion", "renames",  NULL};
const char *const ggx_rule_words[] = {"from",  "to",       "do",     "into",    "concat",   "stack", "for",   "when",
                                      "shape", "optional", "type",   "default", "rows",     "at",    "label", "drop",
                                      "group", "const",    "decode", "beside",  "together", "note",  NULL};
const char *const ggx_step_words[] = {"transpose", "reverse",   "permute", "reshape", "slice", "split",
                                      "squeeze",   "unsqueeze", "repeat",  "cast",    "add",   "mul",
                                      "neg",       "exp",       "ternary", "scale",   "if",    NULL};
const char *const ggx_profile_words[] = {"header",   "order", "layout", "via",      "vectors", "sequence", "rounding",
                                         "matrices", "type",  "label",  "fallback", "note",    NULL};
const char *const ggx_field_words[] = {"u8",  "i8",  "u16", "i16",  "u32",  "i32",      "f32", "bool", "str",
                                       "u64", "i64", "f64", "copy", "when", "optional", "for", "note", NULL};

ggx_origin ggx_parser_origin(const ggx_recipe_parser *parser, const ggx_json *json)
{
    return (ggx_origin){parser->file, parser->document, json};
}

ggx_status ggx_parser_no_memory(const ggx_recipe_parser *parser)
{
    return ggx_origin_fail((&(ggx_origin){parser->file, parser->document, &(ggx_json){.line = 1, .column = 1}}),
                           GGX_WHOLE, parser->error, GGX_E_NOMEM, "the recipe needs too much memory");
}

static const char *kind_name(uint32_t kind)
{
    switch (kind) {
    case GGX_JSON_OBJECT: return "an object";
    case GGX_JSON_ARRAY: return "a list";
    case GGX_JSON_STRING: return "a string";
    case GGX_JSON_INT: return "an integer";
    case GGX_JSON_REAL: return "a number";
    case GGX_JSON_NULL: return "null";
    default: return "true or false";
    }
}

ggx_status ggx_parser_kind(const ggx_recipe_parser *parser, const ggx_json *json, uint32_t kind, const char *what)
{
    if (json->kind == kind) return GGX_OK;
    return GGX_PARSER_FAIL(parser, json, "%s is %s, not %s", what, kind_name(kind), kind_name(json->kind));
}

ggx_status ggx_parser_words(const ggx_recipe_parser *parser, const ggx_json *object, const char *const *words,
                            const char *what)
{
    ggx_status status = ggx_parser_kind(parser, object, GGX_JSON_OBJECT, what);
    if (status != GGX_OK) return status;
    for (const ggx_json *at = object->first; at; at = at->next) {
        uint32_t i = 0;
        while (words[i] && !ggx_str_is(at->key, words[i])) i++;
        if (words[i]) continue;
        const char *near = ggx_word_nearest(words, at->key);
        ggx_json key = {.line = at->key_line, .column = at->key_column};
        return GGX_PARSER_FAIL(parser, &key, "'%.*s' is not a word of %s%s%s%s",
                               (int)(at->key.size < 60 ? at->key.size : 60), at->key.data, what,
                               near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    return GGX_OK;
}

static ggx_origin *keep_origin(const ggx_recipe_parser *parser, const ggx_json *json)
{
    ggx_origin *origin = ggx_arena_alloc(parser->arena, sizeof *origin);
    if (origin) *origin = ggx_parser_origin(parser, json);
    return origin;
}

/* The tree's depth is bounded by the JSON parser. */
ggx_status ggx_parser_value(const ggx_recipe_parser *parser, const ggx_json *json, ggx_node **out)
{
    *out = NULL;
    if (!json) return GGX_OK;
    const ggx_origin *origin = keep_origin(parser, json);
    if (!origin) return ggx_parser_no_memory(parser);
    if (json->kind == GGX_JSON_STRING && json->text.size && json->text.data[0] == '=')
        return ggx_expression_parse(parser->arena, origin, 1, out, parser->error);
    ggx_node *node = ggx_arena_alloc(parser->arena, sizeof *node);
    if (!node) return ggx_parser_no_memory(parser);
    *out = node;
    node->origin = origin;
    node->offset = GGX_WHOLE;
    switch (json->kind) {
    case GGX_JSON_STRING: node->literal = ggx_value_text(json->text); return GGX_OK;
    case GGX_JSON_INT: node->literal = ggx_value_int(json->integer); return GGX_OK;
    case GGX_JSON_REAL: node->literal = ggx_value_real(json->real); return GGX_OK;
    case GGX_JSON_TRUE:
    case GGX_JSON_FALSE: node->literal = ggx_value_bool(json->kind == GGX_JSON_TRUE); return GGX_OK;
    case GGX_JSON_NULL: return GGX_OK;
    case GGX_JSON_OBJECT: node->literal = (ggx_value){.kind = GGX_VALUE_MAP, .at.map = json}; return GGX_OK;
    default: break; /* a list */
    }
    node->kind = GGX_NODE_LIST;
    node->args = ggx_arena_array(parser->arena, json->count, sizeof *node->args);
    if (!node->args) return ggx_parser_no_memory(parser);
    for (const ggx_json *at = json->first; at; at = at->next) {
        ggx_status status = ggx_parser_value(parser, at, &node->args[node->count]);
        if (status != GGX_OK) return status;
        node->count++;
    }
    return GGX_OK;
}

ggx_status ggx_parser_template(const ggx_recipe_parser *parser, const ggx_json *json, ggx_node **out)
{
    ggx_status status = ggx_parser_kind(parser, json, GGX_JSON_STRING, "a name or message");
    if (status != GGX_OK) return status;
    const ggx_origin *origin = keep_origin(parser, json);
    return origin ? ggx_template_parse(parser->arena, origin, out, parser->error) : ggx_parser_no_memory(parser);
}

ggx_status ggx_parser_pattern(const ggx_recipe_parser *parser, const ggx_json *json, ggx_pattern **out)
{
    ggx_status status = ggx_parser_kind(parser, json, GGX_JSON_STRING, "a pattern");
    if (status != GGX_OK) return status;
    ggx_origin origin = ggx_parser_origin(parser, json);
    return ggx_pattern_parse(parser->arena, &origin, out, parser->error);
}

ggx_status ggx_parse_domain(const ggx_recipe_parser *parser, const ggx_json *member, ggx_domain *out)
{
    out->name = member->key;
    if (!out->name.size || !(out->name.data[0] >= 'a' && out->name.data[0] <= 'z'))
        return GGX_PARSER_FAIL(parser, member, "'for' gives values to a placeholder; its name has lower-case letters");
    return ggx_parser_value(parser, member, &out->list);
}
