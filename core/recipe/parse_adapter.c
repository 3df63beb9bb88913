/* parse_adapter.c - "adapter": which tensors are the factors of which weights. */
#include "recipe/model.h"
#include <ggx_sdk/error.h>

static const char *const adapter_words[] = {"base", "pairs", "plain", "needed", "suffixes", "note", NULL};
static const char *const pair_words[] = {"a", "b", "as", "turned", "note", NULL};

static ggx_status parse_pair(const ggx_recipe_parser *parser, const ggx_json *json, ggx_adapter_pair *pair)
{
    const ggx_json *turned = ggx_json_get(json, "turned"), *a = ggx_json_get(json, "a"), *b = ggx_json_get(json, "b"),
                   *as = ggx_json_get(json, "as");
    ggx_status status = ggx_parser_kind(parser, json, GGX_JSON_OBJECT, "a pair");
    if (status == GGX_OK) status = ggx_parser_words(parser, json, pair_words, "a pair");
    if (status == GGX_OK && (!a || !b || !as)) return GGX_PARSER_FAIL(parser, json, "a pair has 'a', 'b' and 'as'");
    if (status == GGX_OK && turned && turned->kind != GGX_JSON_TRUE && turned->kind != GGX_JSON_FALSE)
        return GGX_PARSER_FAIL(parser, turned, "'turned' is true or false");
    pair->turned = turned && turned->kind == GGX_JSON_TRUE;
    if (status == GGX_OK) status = ggx_parser_pattern(parser, a, &pair->a);
    if (status == GGX_OK) status = ggx_parser_pattern(parser, b, &pair->b);
    return status == GGX_OK ? ggx_parser_pattern(parser, as, &pair->as) : status;
}

static ggx_status parse_lists(const ggx_recipe_parser *parser, const ggx_json *json, ggx_adapter *adapter)
{
    const ggx_json *pairs = ggx_json_get(json, "pairs"), *plain = ggx_json_get(json, "plain"),
                   *needed = ggx_json_get(json, "needed");
    ggx_status status = pairs ? ggx_parser_kind(parser, pairs, GGX_JSON_ARRAY, "a list of pairs")
                              : GGX_PARSER_FAIL(parser, json, "'adapter' needs 'pairs'");
    if (status == GGX_OK && plain) status = ggx_parser_kind(parser, plain, GGX_JSON_ARRAY, "a list of patterns");
    if (status == GGX_OK && needed) status = ggx_parser_kind(parser, needed, GGX_JSON_ARRAY, "a list of patterns");
    if (status != GGX_OK) return status;
    adapter->pairs = ggx_arena_array(parser->arena, pairs->count, sizeof *adapter->pairs);
    adapter->plain = ggx_arena_array(parser->arena, plain ? plain->count : 0, sizeof(ggx_pattern *));
    adapter->needed = ggx_arena_array(parser->arena, needed ? needed->count : 0, sizeof(ggx_pattern *));
    if (!adapter->pairs || !adapter->plain || !adapter->needed) return ggx_parser_no_memory(parser);
    for (const ggx_json *at = pairs->first; at && status == GGX_OK; at = at->next)
        status = parse_pair(parser, at, &adapter->pairs[adapter->pair_count++]);
    for (const ggx_json *at = plain ? plain->first : NULL; at && status == GGX_OK; at = at->next)
        status = ggx_parser_pattern(parser, at, &adapter->plain[adapter->plain_count++]);
    for (const ggx_json *at = needed ? needed->first : NULL; at && status == GGX_OK; at = at->next)
        status = ggx_parser_pattern(parser, at, &adapter->needed[adapter->needed_count++]);
    return status;
}

ggx_status ggx_parse_adapter(const ggx_recipe_parser *parser, const ggx_json *json, struct ggx_recipe *recipe)
{
    if (!json) return GGX_OK;
    const ggx_json *suffixes = ggx_json_get(json, "suffixes");
    ggx_adapter *adapter = ggx_arena_alloc(parser->arena, sizeof *adapter);
    if (!adapter) return ggx_parser_no_memory(parser);
    ggx_status status = ggx_parser_kind(parser, json, GGX_JSON_OBJECT, "an adapter");
    if (status == GGX_OK) status = ggx_parser_words(parser, json, adapter_words, "an adapter");
    if (status != GGX_OK) return status;
    if (!suffixes || suffixes->kind != GGX_JSON_ARRAY || suffixes->count != 2 ||
        suffixes->first->kind != GGX_JSON_STRING || suffixes->first->next->kind != GGX_JSON_STRING)
        return GGX_PARSER_FAIL(parser, suffixes ? suffixes : json,
                               "'suffixes' are two texts, for the outputs of a and of b");
    adapter->suffix[0] = suffixes->first->text;
    adapter->suffix[1] = suffixes->first->next->text;
    adapter->origin = ggx_parser_origin(parser, json);
    status = ggx_parser_value(parser, ggx_json_get(json, "base"), &adapter->base);
    if (status == GGX_OK) status = parse_lists(parser, json, adapter);
    recipe->adapter = adapter;
    return status;
}
