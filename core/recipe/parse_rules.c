/* parse_rules.c - "tensors": the list of rules. */
#include "base/text.h"
#include "recipe/model.h"

/* Words that go with each kind of rule; `first` names the kind. */
static const char *const drop_words[] = {"drop", "when", "note", NULL};
static const char *const group_words[] = {"group", "note", NULL};
static const char *const output_words[] = {"to", "do", "type", "default", "label", "rows", "when", "at", "note", NULL};
static const char *const source_words[] = {"from", "do", "const", "shape", "note", NULL};
static const char *const join_words[] = {"over", "axis", "count", "sizes", "note", NULL};
static const char *const decode_words[] = {"plugin", "inputs", "with", "note", NULL};
static const char *const packed_words[] = {"plugin", "inputs", "with", "as", "when", "at", "keep", "note", NULL};
static const char *const const_rule_words[] = {"const",   "shape", "to",   "do", "into",   "for",  "when", "type",
                                               "default", "label", "rows", "at", "beside", "note", NULL};

static ggx_status missing(const ggx_recipe_parser *parser, const ggx_json *json, const char *word)
{
    return GGX_PARSER_FAIL(parser, json, "'%s' is missing", word);
}

static ggx_status parse_at(const ggx_recipe_parser *parser, const ggx_json *at, int32_t *last)
{
    if (!at) return GGX_OK;
    *last = at->kind == GGX_JSON_STRING && ggx_str_same(at->text, GGX_LIT("last"));
    if (*last || (at->kind == GGX_JSON_STRING && ggx_str_same(at->text, GGX_LIT("first")))) return GGX_OK;
    return GGX_PARSER_FAIL(parser, at, "'at' is \"first\" or \"last\"");
}

static ggx_status parse_output(const ggx_recipe_parser *parser, const ggx_json *json, ggx_rule_output *out,
                               int with_steps)
{
    out->origin = ggx_parser_origin(parser, json);
    const ggx_json *to = ggx_json_get(json, "to");
    if (!to) return missing(parser, json, "to");
    ggx_status status = ggx_parser_template(parser, to, &out->to);
    if (status == GGX_OK && with_steps) status = ggx_parse_steps(parser, ggx_json_get(json, "do"), &out->steps);
    if (status == GGX_OK && with_steps) status = ggx_parser_value(parser, ggx_json_get(json, "when"), &out->when);
    if (status == GGX_OK) status = ggx_parser_value(parser, ggx_json_get(json, "type"), &out->type);
    if (status == GGX_OK) status = ggx_parser_value(parser, ggx_json_get(json, "default"), &out->fallback);
    if (status == GGX_OK) status = ggx_parser_value(parser, ggx_json_get(json, "label"), &out->label);
    if (status == GGX_OK) status = ggx_parser_value(parser, ggx_json_get(json, "rows"), &out->rows);
    if (status == GGX_OK && with_steps) status = parse_at(parser, ggx_json_get(json, "at"), &out->last);
    if (status == GGX_OK && out->type && out->fallback)
        return GGX_PARSER_FAIL(parser, ggx_json_get(json, "default"),
                               "'type' fixes the type, so 'default' has no say; leave one out");
    return status;
}

static ggx_status parse_outputs(const ggx_recipe_parser *parser, const ggx_json *json, ggx_rule *rule)
{
    const ggx_json *into = ggx_json_get(json, "into");
    rule->output_count = into ? into->count : 1;
    rule->outputs = ggx_arena_array(parser->arena, rule->output_count, sizeof *rule->outputs);
    if (!rule->outputs) return ggx_parser_no_memory(parser);
    if (!into) return parse_output(parser, json, rule->outputs, 0);
    static const char *const instead[] = {"to", "type", "default", "label", "rows"};
    for (int i = 0; i < 5; i++)
        if (ggx_json_get(json, instead[i]))
            return GGX_PARSER_FAIL(parser, ggx_json_get(json, instead[i]), "with 'into', '%s' stands in its elements",
                                   instead[i]);
    ggx_status status = ggx_parser_kind(parser, into, GGX_JSON_ARRAY, "'into'");
    if (status == GGX_OK && !into->count)
        return GGX_PARSER_FAIL(parser, into, "'into' is empty; to leave tensors out, use 'drop'");
    uint32_t i = 0;
    for (const ggx_json *at = into->first; at && status == GGX_OK; at = at->next) {
        status = ggx_parser_words(parser, at, output_words, "into");
        if (status == GGX_OK) status = parse_output(parser, at, &rule->outputs[i++], 1);
    }
    return status;
}

static ggx_status parse_constant(const ggx_recipe_parser *parser, const ggx_json *json, ggx_rule_source *out)
{
    ggx_status status = ggx_parser_value(parser, ggx_json_get(json, "const"), &out->constant);
    return status == GGX_OK ? ggx_parser_value(parser, ggx_json_get(json, "shape"), &out->shape) : status;
}

static ggx_status parse_source(const ggx_recipe_parser *parser, const ggx_json *json, ggx_rule_source *out)
{
    out->origin = ggx_parser_origin(parser, json);
    if (json->kind != GGX_JSON_OBJECT) return ggx_parser_pattern(parser, json, &out->pattern);
    ggx_status status = ggx_parser_words(parser, json, source_words, "from");
    if (status != GGX_OK) return status;
    const ggx_json *from = ggx_json_get(json, "from");
    if (!from == !ggx_json_get(json, "const"))
        return GGX_PARSER_FAIL(parser, json, "an element of 'from' has either 'from' or 'const'");
    if (from && ggx_json_get(json, "shape"))
        return GGX_PARSER_FAIL(parser, ggx_json_get(json, "shape"), "'shape' here belongs to 'const'");
    status = from ? ggx_parser_pattern(parser, from, &out->pattern) : parse_constant(parser, json, out);
    return status == GGX_OK ? ggx_parse_steps(parser, ggx_json_get(json, "do"), &out->steps) : status;
}

/* The names of other tensors are made from a pattern, which a regular expression cannot do. */
static ggx_status refuse_regex(const ggx_recipe_parser *parser, const ggx_rule *rule)
{
    for (uint32_t i = 0; i < rule->source_count; i++) {
        const ggx_pattern *p = rule->sources[i].pattern;
        if (p && p->regex && (rule->source_count > 1 || rule->over.size || rule->domain_count))
            return ggx_origin_fail(&p->origin, GGX_WHOLE, parser->error, GGX_E_USAGE,
                                   "a regular expression takes tensors one by one: no lists, no 'over', no 'for'");
    }
    return GGX_OK;
}

/* All patterns of a rule have the same placeholders, so that the leader's match gives all names. */
static ggx_status check_sources(const ggx_recipe_parser *parser, ggx_rule *rule)
{
    rule->leader = 0;
    while (rule->leader < rule->source_count && !rule->sources[rule->leader].pattern) rule->leader++;
    if (rule->leader == rule->source_count) return GGX_PARSER_FAIL(parser, rule->origin.json, "'from' names no tensor");
    const ggx_pattern *leader = rule->sources[rule->leader].pattern;
    for (uint32_t i = rule->leader + 1; i < rule->source_count; i++) {
        const ggx_pattern *other = rule->sources[i].pattern;
        if (!other) continue;
        int same = other->slot_count == leader->slot_count;
        for (uint32_t s = 0; s < other->slot_count; s++)
            same &= ggx_pattern_slot(leader, other->names[s]) != UINT32_MAX;
        if (!same)
            return ggx_origin_fail(&other->origin, GGX_WHOLE, parser->error, GGX_E_USAGE,
                                   "this pattern must have the placeholders of the first, '%.*s'",
                                   (int)(leader->text.size < 80 ? leader->text.size : 80), leader->text.data);
    }
    return GGX_OK;
}

static ggx_status parse_sources(const ggx_recipe_parser *parser, const ggx_json *from, ggx_rule *rule)
{
    const ggx_json *first = from->kind == GGX_JSON_ARRAY ? from->first : from;
    rule->source_count = from->kind == GGX_JSON_ARRAY ? from->count : 1;
    rule->sources = ggx_arena_array(parser->arena, rule->source_count, sizeof *rule->sources);
    if (!rule->sources) return ggx_parser_no_memory(parser);
    uint32_t i = 0;
    ggx_status status = GGX_OK;
    for (const ggx_json *at = first; at && i < rule->source_count && status == GGX_OK; at = at->next)
        status = parse_source(parser, at, &rule->sources[i++]);
    return status == GGX_OK ? check_sources(parser, rule) : status;
}

static ggx_status parse_join(const ggx_recipe_parser *parser, const ggx_json *json, int listed, ggx_rule *rule)
{
    const ggx_json *concat = ggx_json_get(json, "concat"), *stack = ggx_json_get(json, "stack"),
                   *join = concat ? concat : stack;
    if (concat && stack) return GGX_PARSER_FAIL(parser, stack, "'concat' and 'stack' are alternatives");
    if (!join) return listed ? GGX_PARSER_FAIL(parser, json, "a list of tensors needs 'concat' or 'stack'") : GGX_OK;
    rule->join = concat ? GGX_JOIN_CONCAT : GGX_JOIN_STACK;
    if (join->kind != GGX_JSON_OBJECT) {
        if (!listed)
            return GGX_PARSER_FAIL(
                parser, join, "with one pattern, say which placeholder to join over: {\"over\": \"e\", \"axis\": 0}");
        return ggx_parser_value(parser, join, &rule->axis);
    }
    ggx_status status = ggx_parser_words(parser, join, join_words, concat ? "concat" : "stack");
    const ggx_json *over = ggx_json_get(join, "over");
    if (status == GGX_OK) status = ggx_parser_value(parser, ggx_json_get(join, "axis"), &rule->axis);
    if (status == GGX_OK) status = ggx_parser_value(parser, ggx_json_get(join, "count"), &rule->count);
    if (status == GGX_OK) status = ggx_parser_value(parser, ggx_json_get(join, "sizes"), &rule->sizes);
    if (status != GGX_OK) return status;
    if (rule->sizes && (!listed || !concat))
        return GGX_PARSER_FAIL(parser, ggx_json_get(join, "sizes"), "'sizes' goes with 'concat' of a list");
    if (listed) {
        if (over) return GGX_PARSER_FAIL(parser, over, "'over' goes with one pattern, not with a list");
        return rule->count ? GGX_PARSER_FAIL(parser, ggx_json_get(join, "count"), "'count' goes with 'over'") : GGX_OK;
    }
    if (!over) return missing(parser, join, "over");
    status = ggx_parser_kind(parser, over, GGX_JSON_STRING, "'over'");
    if (status != GGX_OK) return status;
    const ggx_pattern *pattern = rule->sources[0].pattern;
    uint32_t slot = ggx_pattern_slot(pattern, over->text);
    if (slot == UINT32_MAX || !pattern->integer[slot])
        return GGX_PARSER_FAIL(parser, over, "'%.*s' is not an integer placeholder of 'from'",
                               (int)(over->text.size < 40 ? over->text.size : 40), over->text.data);
    rule->over = over->text;
    return GGX_OK;
}

static ggx_status parse_domains(const ggx_recipe_parser *parser, const ggx_json *json, ggx_rule *rule)
{
    const ggx_json *object = ggx_json_get(json, "for");
    if (!object) return GGX_OK;
    ggx_status status = ggx_parser_kind(parser, object, GGX_JSON_OBJECT, "'for'");
    if (status != GGX_OK) return status;
    rule->domains = ggx_arena_array(parser->arena, object->count, sizeof *rule->domains);
    if (!rule->domains) return ggx_parser_no_memory(parser);
    if (object->count > GGX_MAX_PLACEHOLDERS)
        return GGX_PARSER_FAIL(parser, object, "'for' has at most %d names", GGX_MAX_PLACEHOLDERS);
    for (const ggx_json *at = object->first; at && status == GGX_OK; at = at->next) {
        status = ggx_parse_domain(parser, at, &rule->domains[rule->domain_count++]);
        if (status == GGX_OK && rule->kind == GGX_RULE_TAKE &&
            (ggx_pattern_slot(rule->sources[rule->leader].pattern, at->key) == UINT32_MAX ||
             ggx_str_same(at->key, rule->over)))
            return GGX_PARSER_FAIL(parser, at, "'%.*s' is not a placeholder that this rule is repeated for",
                                   (int)(at->key.size < 40 ? at->key.size : 40), at->key.data);
    }
    return status;
}

static ggx_status parse_common(const ggx_recipe_parser *parser, const ggx_json *json, ggx_rule *rule)
{
    ggx_status status = parse_domains(parser, json, rule);
    if (status == GGX_OK) status = ggx_parser_value(parser, ggx_json_get(json, "when"), &rule->when);
    if (status == GGX_OK) status = ggx_parse_steps(parser, ggx_json_get(json, "do"), &rule->steps);
    if (status == GGX_OK) status = parse_outputs(parser, json, rule);
    return status == GGX_OK ? parse_at(parser, ggx_json_get(json, "at"), &rule->last) : status;
}

static ggx_status parse_drop(const ggx_recipe_parser *parser, const ggx_json *json, const ggx_json *drop,
                             ggx_rule *rule)
{
    rule->kind = GGX_RULE_DROP;
    ggx_status status = ggx_parser_words(parser, json, drop_words, "a drop rule");
    if (status == GGX_OK) status = ggx_parser_value(parser, ggx_json_get(json, "when"), &rule->when);
    const ggx_json *at = drop->kind == GGX_JSON_ARRAY ? drop->first : drop;
    rule->source_count = drop->kind == GGX_JSON_ARRAY ? drop->count : 1;
    rule->sources = ggx_arena_array(parser->arena, rule->source_count, sizeof *rule->sources);
    if (!rule->sources) return ggx_parser_no_memory(parser);
    if (!rule->source_count) return GGX_PARSER_FAIL(parser, drop, "'drop' is empty");
    for (uint32_t i = 0; i < rule->source_count && status == GGX_OK; i++, at = at->next)
        status = ggx_parser_pattern(parser, at, &rule->sources[i].pattern);
    if (status == GGX_OK) rule->key = rule->sources[0].pattern->text;
    return status;
}

static ggx_status parse_const(const ggx_recipe_parser *parser, const ggx_json *json, ggx_rule *rule)
{
    rule->kind = GGX_RULE_CONST;
    rule->last = 1;
    rule->source_count = 1;
    rule->sources = ggx_arena_alloc(parser->arena, sizeof *rule->sources);
    if (!rule->sources) return ggx_parser_no_memory(parser);
    rule->sources->origin = rule->origin;
    ggx_status status = ggx_parser_words(parser, json, const_rule_words, "a rule with 'const'");
    const ggx_json *beside = ggx_json_get(json, "beside");
    if (status == GGX_OK) status = parse_constant(parser, json, rule->sources);
    if (status == GGX_OK) status = parse_common(parser, json, rule);
    if (status == GGX_OK && beside) status = ggx_parser_template(parser, beside, &rule->beside);
    const ggx_json *to = ggx_json_get(json, "to");
    if (!to) to = ggx_json_get(json, "into");
    if (status == GGX_OK && to && to->kind == GGX_JSON_ARRAY) to = ggx_json_get(to->first, "to");
    if (status == GGX_OK && to) rule->key = to->text;
    return status;
}

static ggx_status parse_decode(const ggx_recipe_parser *parser, const ggx_json *decode, const char *const *words,
                               ggx_rule *rule)
{
    ggx_status status = ggx_parser_words(parser, decode, words, "decode");
    const ggx_json *plugin = ggx_json_get(decode, "plugin"), *inputs = ggx_json_get(decode, "inputs");
    if (status == GGX_OK && (!plugin || !inputs)) return missing(parser, decode, plugin ? "inputs" : "plugin");
    if (status == GGX_OK) status = ggx_parser_kind(parser, plugin, GGX_JSON_STRING, "'plugin'");
    if (status == GGX_OK) status = ggx_parser_kind(parser, inputs, GGX_JSON_OBJECT, "'inputs'");
    if (status != GGX_OK) return status;
    rule->kind = GGX_RULE_DECODE;
    rule->decoder = plugin->text;
    rule->source_count = inputs->count;
    rule->sources = ggx_arena_array(parser->arena, inputs->count, sizeof *rule->sources);
    if (!rule->sources) return ggx_parser_no_memory(parser);
    uint32_t i = 0;
    for (const ggx_json *at = inputs->first; at && status == GGX_OK; at = at->next) {
        rule->sources[i].name = at->key;
        status = ggx_parser_pattern(parser, at, &rule->sources[i++].pattern);
    }
    if (status == GGX_OK)
        status = ggx_parse_named(parser, ggx_json_get(decode, "with"), &rule->with, &rule->with_count);
    return status == GGX_OK ? check_sources(parser, rule) : status;
}

static ggx_status parse_one_packed(const ggx_recipe_parser *parser, const ggx_json *json, ggx_rule *rule)
{
    rule->origin = ggx_parser_origin(parser, json);
    ggx_status status = ggx_parser_kind(parser, json, GGX_JSON_OBJECT, "an element of 'packed'");
    if (status == GGX_OK) status = parse_decode(parser, json, packed_words, rule);
    const ggx_json *as = ggx_json_get(json, "as");
    if (status == GGX_OK && !as) return missing(parser, json, "as");
    rule->output_count = 1;
    rule->outputs = ggx_arena_alloc(parser->arena, sizeof *rule->outputs);
    if (!rule->outputs) return ggx_parser_no_memory(parser);
    if (status == GGX_OK) status = ggx_parser_template(parser, as, &rule->outputs->to);
    if (status == GGX_OK) status = ggx_parser_value(parser, ggx_json_get(json, "when"), &rule->when);
    const ggx_json *at = ggx_json_get(json, "at"), *keep = ggx_json_get(json, "keep");
    if (status == GGX_OK && at && !(at->kind == GGX_JSON_STRING && ggx_str_same(at->text, GGX_LIT("first"))))
        return GGX_PARSER_FAIL(parser, at, "'at' here is \"first\"");
    if (status == GGX_OK && keep && keep->kind != GGX_JSON_TRUE && keep->kind != GGX_JSON_FALSE)
        return GGX_PARSER_FAIL(parser, keep, "'keep' is true or false");
    rule->early = at != NULL;
    rule->keep = keep && keep->kind == GGX_JSON_TRUE;
    return status == GGX_OK ? refuse_regex(parser, rule) : status;
}

ggx_status ggx_parse_packed(const ggx_recipe_parser *parser, const ggx_json *list, struct ggx_recipe *recipe)
{
    if (!list) return GGX_OK;
    ggx_status status = ggx_parser_kind(parser, list, GGX_JSON_ARRAY, "'packed'");
    if (status != GGX_OK) return status;
    recipe->packed = ggx_arena_array(parser->arena, list->count, sizeof *recipe->packed);
    if (!recipe->packed) return ggx_parser_no_memory(parser);
    for (const ggx_json *at = list->first; at && status == GGX_OK; at = at->next)
        status = parse_one_packed(parser, at, &recipe->packed[recipe->packed_count++]);
    return status;
}

static ggx_status parse_together(const ggx_recipe_parser *parser, const ggx_json *word, ggx_rule *rule)
{
    if (!word) return GGX_OK;
    for (uint32_t d = 0; d < rule->domain_count && word->kind == GGX_JSON_STRING; d++)
        if (ggx_str_same(rule->domains[d].name, word->text)) rule->together = d + 1;
    return rule->together ? GGX_OK : GGX_PARSER_FAIL(parser, word, "'together' is a name of the rule's 'for'");
}

static ggx_status parse_take(const ggx_recipe_parser *parser, const ggx_json *json, ggx_rule *rule)
{
    const ggx_json *from = ggx_json_get(json, "from"), *decode = ggx_json_get(json, "decode");
    ggx_status status = ggx_parser_words(parser, json, ggx_rule_words, "a rule");
    if (status != GGX_OK) return status;
    if (ggx_json_get(json, "beside"))
        return GGX_PARSER_FAIL(parser, ggx_json_get(json, "beside"), "'beside' belongs to 'const'");
    if (!from == !decode)
        return GGX_PARSER_FAIL(parser, json, "a rule has one of 'from', 'drop', 'const', 'decode' and 'group'");
    status = decode ? parse_decode(parser, decode, decode_words, rule) : parse_sources(parser, from, rule);
    if (status == GGX_OK && from) status = parse_join(parser, json, from->kind == GGX_JSON_ARRAY, rule);
    if (status == GGX_OK) status = parse_common(parser, json, rule);
    if (status == GGX_OK) status = parse_together(parser, ggx_json_get(json, "together"), rule);
    if (status == GGX_OK) status = ggx_parser_value(parser, ggx_json_get(json, "shape"), &rule->shape);
    if (status == GGX_OK) status = ggx_parser_value(parser, ggx_json_get(json, "optional"), &rule->optional);
    if (status == GGX_OK) status = refuse_regex(parser, rule);
    if (status == GGX_OK) rule->key = rule->sources[rule->leader].pattern->text;
    return status;
}

static ggx_status parse_rule(const ggx_recipe_parser *parser, const ggx_json *json, ggx_rule *rule)
{
    ggx_status status = ggx_parser_kind(parser, json, GGX_JSON_OBJECT, "a rule");
    if (status != GGX_OK) return status;
    rule->origin = ggx_parser_origin(parser, json);
    const ggx_json *drop = ggx_json_get(json, "drop");
    if (drop) return parse_drop(parser, json, drop, rule);
    return ggx_json_get(json, "const") ? parse_const(parser, json, rule) : parse_take(parser, json, rule);
}

ggx_status ggx_parse_rules(const ggx_recipe_parser *parser, const ggx_json *list, struct ggx_recipe *recipe)
{
    if (!list) return GGX_OK;
    ggx_status status = ggx_parser_kind(parser, list, GGX_JSON_ARRAY, "'tensors'");
    uint32_t total = 0;
    for (const ggx_json *at = status == GGX_OK ? list->first : NULL; at && status == GGX_OK; at = at->next) {
        const ggx_json *group = ggx_json_get(at, "group");
        if (group) status = ggx_parser_words(parser, at, group_words, "a group");
        if (group && status == GGX_OK) status = ggx_parser_kind(parser, group, GGX_JSON_ARRAY, "'group'");
        total += group ? group->count : 1;
    }
    if (status != GGX_OK) return status;
    recipe->rules = ggx_arena_array(parser->arena, total, sizeof *recipe->rules);
    if (!recipe->rules) return ggx_parser_no_memory(parser);
    for (const ggx_json *at = list->first; at; at = at->next, recipe->group_count++) {
        const ggx_json *group = ggx_json_get(at, "group"), *in = group ? group->first : at;
        for (; in; in = group ? in->next : NULL) {
            ggx_rule *rule = &recipe->rules[recipe->rule_count++];
            rule->group = recipe->group_count;
            status = parse_rule(parser, in, rule);
            if (status != GGX_OK) return status;
        }
    }
    return GGX_OK;
}
