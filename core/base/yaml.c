/* yaml.c - the tree over libyaml's events. */
#include "base/yaml.h"
#include "base/text.h"
#include <ggx_sdk/error.h>

#if GGX_HAS_YAML
#include <yaml.h>

#define COMPARISONS_MOST 16777216u /* of keys with keys: an object is a list */

typedef struct anchor {
    ggx_str name;
    const ggx_json *node;
    uint32_t size; /* nodes in it; 0: it is not read to its end */
    struct anchor *next;
} anchor;

typedef struct builder {
    ggx_arena *arena;
    yaml_parser_t *parser;
    const char *name;
    uint32_t line, nodes, depth, comparisons;
    anchor *anchors;
    ggx_error *error;
} builder;

static ggx_status no_memory(const builder *b)
{
    return ggx_fail(b->error, GGX_E_NOMEM, "%s does not fit into the memory that is set aside for it", b->name);
}

static ggx_status refuse(const builder *b, const yaml_mark_t *mark, const char *what)
{
    return ggx_fail(b->error, GGX_E_MALFORMED, "%s: line %llu: %s", b->name, (unsigned long long)mark->line + b->line,
                    what);
}

static ggx_status next_event(const builder *b, yaml_event_t *event)
{
    if (yaml_parser_parse(b->parser, event)) return GGX_OK;
    event->type = YAML_NO_EVENT;
    if (b->parser->error == YAML_MEMORY_ERROR) return no_memory(b);
    return refuse(b, &b->parser->problem_mark, b->parser->problem ? b->parser->problem : "this is not YAML");
}

static ggx_status count(builder *b, const yaml_event_t *event, uint32_t nodes)
{
    b->nodes = nodes < GGX_YAML_NODES - b->nodes ? b->nodes + nodes : GGX_YAML_NODES;
    return b->nodes < GGX_YAML_NODES ? GGX_OK : refuse(b, &event->start_mark, "more values than a model card needs");
}

static anchor *find_anchor(const builder *b, const yaml_char_t *name)
{
    anchor *at = b->anchors;
    while (at && !ggx_str_same(at->name, ggx_str_of((const char *)name))) at = at->next;
    return at;
}

/* Remembers what a later alias will name; a name that is there already is then the newer one's. */
static ggx_status add_anchor(builder *b, const yaml_char_t *name, const ggx_json *node, anchor **out)
{
    *out = NULL;
    if (!name) return GGX_OK;
    *out = ggx_arena_alloc(b->arena, sizeof **out);
    if (!*out || !((*out)->name = ggx_arena_str(b->arena, ggx_str_of((const char *)name))).data) return no_memory(b);
    (*out)->node = node;
    (*out)->next = b->anchors;
    b->anchors = *out;
    return GGX_OK;
}

/* The value of the other, and nothing of its place. */
static void take_value(ggx_json *node, const ggx_json *value)
{
    const ggx_json kept = *node;
    *node = *value;
    node->key = kept.key;
    node->key_line = kept.key_line;
    node->key_column = kept.key_column;
    node->next = kept.next;
}

/* --- scalars -------------------------------------------------------------------------------------------------------------- */

static int has_tag(const yaml_char_t *tag, const char *name)
{
    static const char begin[] = "tag:yaml.org,2002:";
    return !strncmp((const char *)tag, begin, sizeof begin - 1) && !strcmp((const char *)tag + sizeof begin - 1, name);
}

static ggx_status wrap_date(const builder *b, ggx_json *node)
{
    ggx_json *date = ggx_arena_alloc(b->arena, sizeof *date);
    if (!date) return no_memory(b);
    date->kind = GGX_JSON_STRING;
    date->key = ggx_str_of("date");
    date->text = node->text;
    node->first = date;
    node->count = 1;
    return GGX_OK;
}

static ggx_status read_scalar(builder *b, const yaml_event_t *event, ggx_json *node)
{
    static const struct {
        const char *tag;
        uint32_t first, last;
    } tags[] = {{"int", GGX_JSON_INT, GGX_JSON_INT},
                {"float", GGX_JSON_INT, GGX_JSON_REAL},
                {"bool", GGX_JSON_TRUE, GGX_JSON_FALSE},
                {"null", GGX_JSON_NULL, GGX_JSON_NULL}};
    const yaml_char_t *tag = event->data.scalar.tag;
    const ggx_str text = {(const char *)event->data.scalar.value, event->data.scalar.length};
    node->text = ggx_arena_str(b->arena, text);
    if (!node->text.data) return no_memory(b);
    node->kind = GGX_JSON_STRING;
    if (event->data.scalar.plain_implicit || (tag && !strcmp((const char *)tag, "!"))) { /* "!" as PyYAML sees it */
        node->kind = ggx_yaml_scalar(text, node);
    } else if (tag && !has_tag(tag, "str")) {
        size_t i = 0;
        while (i < 4 && !has_tag(tag, tags[i].tag)) i++;
        node->kind = i < 4 ? ggx_yaml_scalar(text, node) : 0;
        if (i == 4 || node->kind < tags[i].first || node->kind > tags[i].last)
            return refuse(b, &event->start_mark, "a value with a tag that does not fit it, or that is not known");
        if (i == 1) node->kind = GGX_JSON_REAL;
    }
    return node->kind == GGX_JSON_OBJECT ? wrap_date(b, node) : GGX_OK;
}

/* --- collections ---------------------------------------------------------------------------------------------------------- */

static ggx_status read_node(builder *b, const yaml_event_t *event, ggx_json *node);

/* Puts a member into the object: at the end, or in the place of the one of its name. */
static ggx_status put(builder *b, const yaml_mark_t *mark, ggx_json *object, ggx_json ***end, ggx_json *member)
{
    for (ggx_json *at = object->first; at; at = at->next) {
        if (++b->comparisons > COMPARISONS_MOST) return refuse(b, mark, "more keys than a model card needs");
        if (!ggx_str_same(at->key, member->key)) continue;
        take_value(at, member);
        return GGX_OK;
    }
    member->next = NULL;
    **end = member;
    *end = &member->next;
    object->count++;
    return GGX_OK;
}

/* Members of the object `from` behind those that are merged already. */
static ggx_status merge(builder *b, const yaml_mark_t *mark, const ggx_json *from, ggx_json *merged, ggx_json ***end)
{
    ggx_status status = from->kind == GGX_JSON_OBJECT ? GGX_OK : refuse(b, mark, "only objects can be merged by '<<'");
    for (const ggx_json *at = from->first; at && status == GGX_OK; at = at->next) {
        ggx_json *copy = ggx_arena_alloc(b->arena, sizeof *copy);
        if (!copy) return no_memory(b);
        *copy = *at;
        status = put(b, mark, merged, end, copy);
    }
    return status;
}

/* What "<<" names: an object, or a list of them, of which the first goes before the others. */
static ggx_status merge_all(builder *b, const yaml_mark_t *mark, const ggx_json *value, ggx_json *merged,
                            ggx_json ***end)
{
    if (value->kind != GGX_JSON_ARRAY) return merge(b, mark, value, merged, end);
    ggx_status status = GGX_OK;
    for (uint32_t left = value->count; left-- > 0 && status == GGX_OK;) {
        const ggx_json *at = value->first;
        for (uint32_t i = 0; i < left; i++) at = at->next;
        if (++b->comparisons > COMPARISONS_MOST || value->count > 64)
            return refuse(b, mark, "more objects to merge than a model card needs");
        status = merge(b, mark, at, merged, end);
    }
    return status;
}

/* A key and its value. `own` are the object's own members, `merged` those of "<<". */
static ggx_status read_member(builder *b, const yaml_event_t *key, ggx_json *own, ggx_json ***own_end, ggx_json *merged,
                              ggx_json ***merged_end)
{
    ggx_json *named = ggx_arena_alloc(b->arena, sizeof *named), *member = ggx_arena_alloc(b->arena, sizeof *member);
    yaml_event_t event;
    if (!named || !member) return no_memory(b);
    ggx_status status = read_node(b, key, named);
    if (status == GGX_OK && (key->type == YAML_SEQUENCE_START_EVENT || key->type == YAML_MAPPING_START_EVENT))
        status = refuse(b, &key->start_mark, "a key is a list or an object");
    if (status == GGX_OK) status = next_event(b, &event);
    if (status != GGX_OK) return status;
    status = read_node(b, &event, member);
    yaml_event_delete(&event);
    if (status != GGX_OK) return status;
    member->key = named->text;
    member->key_line = named->line;
    member->key_column = named->column;
    if (key->type == YAML_SCALAR_EVENT && key->data.scalar.plain_implicit &&
        ggx_str_same(named->text, ggx_str_of("<<")))
        return merge_all(b, &key->start_mark, member, merged, merged_end);
    return named->kind == GGX_JSON_STRING ? put(b, &key->start_mark, own, own_end, member) : GGX_OK;
}

static ggx_status read_object(builder *b, const yaml_mark_t *mark, ggx_json *node)
{
    ggx_json own = {0}, merged = {0}, **own_end = &own.first, **merged_end = &merged.first;
    ggx_status status = GGX_OK;
    for (int more = 1; more && status == GGX_OK;) {
        yaml_event_t event;
        status = next_event(b, &event);
        if (status != GGX_OK) break;
        more = event.type != YAML_MAPPING_END_EVENT;
        if (more) status = read_member(b, &event, &own, &own_end, &merged, &merged_end);
        yaml_event_delete(&event);
    }
    for (ggx_json *at = own.first, *next; at && status == GGX_OK; at = next) {
        next = at->next;
        status = put(b, mark, &merged, &merged_end, at);
    }
    node->kind = GGX_JSON_OBJECT;
    node->first = merged.first;
    node->count = merged.count;
    return status;
}

static ggx_status read_list(builder *b, ggx_json *node)
{
    ggx_json **link = &node->first;
    ggx_status status = GGX_OK;
    node->kind = GGX_JSON_ARRAY;
    for (int more = 1; more && status == GGX_OK;) {
        yaml_event_t event;
        status = next_event(b, &event);
        if (status != GGX_OK) break;
        more = event.type != YAML_SEQUENCE_END_EVENT;
        if (more) {
            *link = ggx_arena_alloc(b->arena, sizeof **link);
            status = *link ? read_node(b, &event, *link) : no_memory(b);
            if (*link) link = &(*link)->next;
            node->count++;
        }
        yaml_event_delete(&event);
    }
    return status;
}

static ggx_status read_alias(builder *b, const yaml_event_t *event, ggx_json *node)
{
    const anchor *at = find_anchor(b, event->data.alias.anchor);
    if (!at) return refuse(b, &event->start_mark, "an alias of something that is not there");
    if (!at->size) return refuse(b, &event->start_mark, "a value that is part of itself");
    take_value(node, at->node);
    return count(b, event, at->size);
}

/* The node that begins with the event. */
static ggx_status read_node(builder *b, const yaml_event_t *event, ggx_json *node)
{
    anchor *named = NULL;
    const uint32_t before = b->nodes;
    const yaml_char_t *tag = NULL;
    ggx_status status = count(b, event, 1);
    node->line = (uint32_t)event->start_mark.line + b->line;
    node->column = (uint32_t)event->start_mark.column + 1;
    if (status == GGX_OK && b->depth == GGX_YAML_DEPTH)
        status = refuse(b, &event->start_mark, "values inside values, deeper than a model card needs");
    if (status != GGX_OK) return status;
    b->depth++;
    switch (event->type) {
    case YAML_ALIAS_EVENT: status = read_alias(b, event, node); break;
    case YAML_SCALAR_EVENT:
        status = add_anchor(b, event->data.scalar.anchor, node, &named);
        if (status == GGX_OK) status = read_scalar(b, event, node);
        break;
    case YAML_SEQUENCE_START_EVENT:
        tag = event->data.sequence_start.tag;
        if (tag && strcmp((const char *)tag, "!") != 0 && !has_tag(tag, "seq"))
            status = refuse(b, &event->start_mark, "a list with a tag");
        if (status == GGX_OK) status = add_anchor(b, event->data.sequence_start.anchor, node, &named);
        if (status == GGX_OK) status = read_list(b, node);
        break;
    case YAML_MAPPING_START_EVENT:
        tag = event->data.mapping_start.tag;
        if (tag && strcmp((const char *)tag, "!") != 0 && !has_tag(tag, "map"))
            status = refuse(b, &event->start_mark, "an object with a tag");
        if (status == GGX_OK) status = add_anchor(b, event->data.mapping_start.anchor, node, &named);
        if (status == GGX_OK) status = read_object(b, &event->start_mark, node);
        break;
    default: status = refuse(b, &event->start_mark, "this is not YAML"); break;
    }
    if (named) named->size = b->nodes - before;
    b->depth--;
    return status;
}

/* The one document, or none. */
static ggx_status read_document(builder *b, ggx_json **out)
{
    static const yaml_event_type_t around[] = {YAML_STREAM_START_EVENT, YAML_DOCUMENT_START_EVENT, YAML_NO_EVENT,
                                               YAML_DOCUMENT_END_EVENT, YAML_STREAM_END_EVENT};
    ggx_status status = GGX_OK;
    for (size_t i = 0; i < sizeof around / sizeof *around && status == GGX_OK; i++) {
        yaml_event_t event;
        status = next_event(b, &event);
        if (status != GGX_OK) break;
        int ends = event.type == YAML_STREAM_END_EVENT;
        if (around[i] == YAML_NO_EVENT) {
            *out = ggx_arena_alloc(b->arena, sizeof **out);
            status = *out ? read_node(b, &event, *out) : no_memory(b);
        } else if (event.type != around[i] && !(ends && i == 1)) {
            status = refuse(b, &event.start_mark, "more than one document");
        }
        yaml_event_delete(&event);
        if (ends) break;
    }
    return status;
}

ggx_status ggx_yaml_parse(ggx_arena *arena, ggx_str text, const char *name, uint32_t line, ggx_json **out,
                          ggx_error *error)
{
    yaml_parser_t parser;
    builder b = {.arena = arena, .parser = &parser, .name = name, .line = line, .error = error};
    *out = NULL;
    if (text.size > GGX_YAML_BYTES)
        return ggx_fail(error, GGX_E_MALFORMED, "%s: %llu bytes of YAML; at most %u are read", name,
                        (unsigned long long)text.size, GGX_YAML_BYTES);
    if (!yaml_parser_initialize(&parser)) return no_memory(&b);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.data, (size_t)text.size);
    ggx_status status = read_document(&b, out);
    yaml_parser_delete(&parser);
    return status;
}

#else

ggx_status ggx_yaml_parse(ggx_arena *arena, ggx_str text, const char *name, uint32_t line, ggx_json **out,
                          ggx_error *error)
{
    (void)arena, (void)text, (void)line;
    *out = NULL;
    return ggx_fail(error, GGX_E_UNSUPPORTED, "%s begins with YAML, and this ggx was built without libyaml", name);
}

#endif
