/* parse_outputs.c - "outputs": what each writer's file looks like. */
#include "base/text.h"
#include "recipe/model.h"

/* The field words that are types stand in the order of GGX_KV_*, except that arrays have no word. */
static uint32_t field_type(ggx_str word)
{
    static const uint32_t types[] = {GGX_KV_U8,  GGX_KV_I8,   GGX_KV_U16,    GGX_KV_I16, GGX_KV_U32, GGX_KV_I32,
                                     GGX_KV_F32, GGX_KV_BOOL, GGX_KV_STRING, GGX_KV_U64, GGX_KV_I64, GGX_KV_F64};
    for (uint32_t i = 0; i < sizeof types / sizeof *types; i++)
        if (ggx_str_is(word, ggx_field_words[i])) return types[i];
    return UINT32_MAX;
}

static ggx_status parse_field(const ggx_recipe_parser *parser, const ggx_json *json, ggx_field *field)
{
    ggx_status status = ggx_parser_words(parser, json, ggx_field_words, "a header field");
    if (status != GGX_OK) return status;
    /* the name is a template: give the key the look of a string value */
    ggx_json *key = ggx_arena_alloc(parser->arena, sizeof *key);
    if (!key) return ggx_parser_no_memory(parser);
    *key = (ggx_json){.kind = GGX_JSON_STRING, .line = json->key_line, .column = json->key_column, .text = json->key};
    field->origin = ggx_parser_origin(parser, json);
    field->key = json->key;
    field->type = UINT32_MAX;
    status = ggx_parser_template(parser, key, &field->name);
    for (const ggx_json *at = json->first; at && status == GGX_OK; at = at->next) {
        uint32_t type = field_type(at->key);
        int copy = ggx_str_same(at->key, GGX_LIT("copy"));
        if (type == UINT32_MAX && !copy) continue;
        if (field->value || field->copy) return GGX_PARSER_FAIL(parser, at, "a header field has one value");
        field->type = type;
        status = copy ? ggx_parser_pattern(parser, at, &field->copy) : ggx_parser_value(parser, at, &field->value);
    }
    if (status == GGX_OK && !field->value && !field->copy)
        return GGX_PARSER_FAIL(parser, json,
                               "a header field needs a type with its value, such as {\"u32\": 1}, or 'copy'");
    if (status == GGX_OK) status = ggx_parser_value(parser, ggx_json_get(json, "when"), &field->when);
    const ggx_json *optional = ggx_json_get(json, "optional"), *domain = ggx_json_get(json, "for");
    if (status == GGX_OK && optional) {
        if (optional->kind != GGX_JSON_TRUE && optional->kind != GGX_JSON_FALSE)
            return GGX_PARSER_FAIL(parser, optional, "'optional' is true or false");
        field->optional = optional->kind == GGX_JSON_TRUE;
    }
    if (status != GGX_OK || !domain) return status;
    if (field->copy) return GGX_PARSER_FAIL(parser, domain, "'for' and 'copy' are alternatives");
    if (domain->kind != GGX_JSON_OBJECT || domain->count != 1)
        return GGX_PARSER_FAIL(parser, domain, "'for' here is {name: list}");
    return ggx_parse_domain(parser, domain->first, &field->domain);
}

ggx_status ggx_parse_header(const ggx_recipe_parser *parser, const ggx_json *json, ggx_profile *profile)
{
    if (!json) return GGX_OK;
    ggx_status status = ggx_parser_kind(parser, json, GGX_JSON_OBJECT, "'header'");
    if (status != GGX_OK) return status;
    profile->fields = ggx_arena_array(parser->arena, json->count, sizeof *profile->fields);
    if (!profile->fields) return ggx_parser_no_memory(parser);
    for (const ggx_json *at = json->first; at && status == GGX_OK; at = at->next)
        if (!ggx_str_same(at->key, GGX_LIT("note")))
            status = parse_field(parser, at, &profile->fields[profile->field_count++]);
    return status;
}

static ggx_status parse_sequence(const ggx_recipe_parser *parser, const ggx_json *json, ggx_profile *profile)
{
    if (!json) return GGX_OK;
    ggx_status status = ggx_parser_kind(parser, json, GGX_JSON_ARRAY, "'sequence'");
    for (const ggx_json *run = status == GGX_OK ? json->first : NULL; run && status == GGX_OK; run = run->next) {
        status = ggx_parser_kind(parser, run, GGX_JSON_ARRAY, "an entry of 'sequence'");
        for (const ggx_json *at = status == GGX_OK ? run->first : NULL; at && status == GGX_OK; at = at->next)
            status = ggx_parser_kind(parser, at, GGX_JSON_STRING, "a field's name in 'sequence'");
    }
    profile->sequence = json;
    return status;
}

static ggx_status parse_profile(const ggx_recipe_parser *parser, const ggx_json *json, ggx_profile *profile)
{
    ggx_status status = ggx_parser_words(parser, json, ggx_profile_words, "an output");
    if (status != GGX_OK) return status;
    profile->origin = ggx_parser_origin(parser, json);
    profile->writer = json->key;
    const ggx_json *order = ggx_json_get(json, "order"), *layout = ggx_json_get(json, "layout");
    const int computed = order && order->kind == GGX_JSON_STRING && order->text.size && order->text.data[0] == '=';
    if (computed) {
        status = ggx_parser_value(parser, order, &profile->ordered);
        if (status != GGX_OK) return status;
    } else if (order) {
        profile->order = order->kind == GGX_JSON_STRING ? ggx_order_word(order->text) : GGX_ORDER_NONE;
        if (!profile->order)
            return GGX_PARSER_FAIL(parser, order, "'order' is \"source\", \"source-name\", \"recipe\" or \"name\"");
    }
    profile->has_layout = layout != NULL;
    status = ggx_parse_steps(parser, layout, &profile->layout);
    const ggx_json *rounding = ggx_json_get(json, "rounding");
    if (status == GGX_OK && rounding)
        status = ggx_parser_kind(parser, rounding, GGX_JSON_STRING, "'rounding', the name of a type,");
    if (status == GGX_OK && rounding) profile->rounding = rounding->text;
    if (status == GGX_OK) status = parse_sequence(parser, ggx_json_get(json, "sequence"), profile);
    if (status == GGX_OK) status = ggx_parser_value(parser, ggx_json_get(json, "via"), &profile->via);
    if (status == GGX_OK) status = ggx_parser_value(parser, ggx_json_get(json, "vectors"), &profile->vectors);
    if (status == GGX_OK) status = ggx_parser_value(parser, ggx_json_get(json, "matrices"), &profile->matrices);
    if (status == GGX_OK) status = ggx_parser_value(parser, ggx_json_get(json, "type"), &profile->type);
    if (status == GGX_OK) status = ggx_parser_value(parser, ggx_json_get(json, "label"), &profile->label);
    if (status == GGX_OK) status = ggx_parser_value(parser, ggx_json_get(json, "fallback"), &profile->fallback);
    return status == GGX_OK ? ggx_parse_header(parser, ggx_json_get(json, "header"), profile) : status;
}

ggx_status ggx_parse_outputs(const ggx_recipe_parser *parser, const ggx_json *object, struct ggx_recipe *recipe)
{
    if (!object) return GGX_OK;
    ggx_status status = ggx_parser_kind(parser, object, GGX_JSON_OBJECT, "'outputs'");
    if (status != GGX_OK) return status;
    recipe->profiles = ggx_arena_array(parser->arena, object->count, sizeof *recipe->profiles);
    if (!recipe->profiles) return ggx_parser_no_memory(parser);
    for (const ggx_json *at = object->first; at && status == GGX_OK; at = at->next)
        if (!ggx_str_same(at->key, GGX_LIT("note")))
            status = parse_profile(parser, at, &recipe->profiles[recipe->profile_count++]);
    return status;
}
