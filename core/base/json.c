/* json.c - the tree over the pull parser. */
#include "base/json.h"
#include "base/text.h"
#include <ggx_sdk/error.h>
#include <stdlib.h>

typedef struct builder {
    ggx_arena *arena;
    ggx_json_parser *parser;
    ggx_error *error;
    const char *name;
} builder;

static ggx_status no_memory(const builder *b)
{
    return ggx_fail(b->error, GGX_E_NOMEM, "%s does not fit into the memory that is set aside for it", b->name);
}

/* The parser's error with the file's name before it. */
static ggx_status next_token(const builder *b, ggx_json_token *token)
{
    ggx_error inner;
    ggx_status status = ggx_json_next(b->parser, token, &inner);
    if (status == GGX_OK) return GGX_OK;
    return ggx_fail_at(b->error, status, GGX_NO_MEMBER, inner.offset, "%s: %s", b->name, inner.text);
}

static ggx_status copy_text(const builder *b, const ggx_json_token *token, ggx_str *out)
{
    if (!token->escaped) {
        *out = ggx_arena_str(b->arena, token->text);
        return out->data ? GGX_OK : no_memory(b);
    }
    char *data = ggx_arena_alloc(b->arena, token->text.size + 1);
    if (!data) return no_memory(b);
    out->data = data;
    out->size = ggx_json_unescape(token, data);
    data[out->size] = 0;
    return GGX_OK;
}

static int key_order(const void *left, const void *right)
{
    const ggx_json *a = *(const ggx_json *const *)left, *b = *(const ggx_json *const *)right;
    int order = ggx_str_order(a->key, b->key);
    if (order) return order;
    if (a->key_line != b->key_line) return a->key_line < b->key_line ? -1 : 1;
    return (a->key_column > b->key_column) - (a->key_column < b->key_column);
}

/* The earlier of two members of one key gets the later one's value and the later one goes. */
static void take_later(ggx_json *object, ggx_json *earlier, ggx_json *later)
{
    ggx_json **link = &earlier->next;
    while (*link != later) link = &(*link)->next;
    *link = later->next;
    object->count--;
    later->key = earlier->key;
    later->key_line = earlier->key_line;
    later->key_column = earlier->key_column;
    later->next = earlier->next;
    *earlier = *later;
}

/* Sorted, because a vocabulary is an object of a hundred thousand members. */
static ggx_status check_keys(const builder *b, ggx_json *object)
{
    if (object->count < 2) return GGX_OK;
    ggx_json **members = malloc(object->count * sizeof *members);
    if (!members) return no_memory(b);
    size_t n = 0;
    for (ggx_json *at = object->first; at; at = at->next) members[n++] = at;
    qsort(members, n, sizeof *members, key_order);
    ggx_status status = GGX_OK;
    for (size_t i = n - 1; b->parser->lenient && i > 0; i--)
        if (ggx_str_same(members[i - 1]->key, members[i]->key)) take_later(object, members[i - 1], members[i]);
    for (size_t i = 1; !b->parser->lenient && i < n && status == GGX_OK; i++)
        if (ggx_str_same(members[i - 1]->key, members[i]->key))
            status = ggx_fail(b->error, GGX_E_MALFORMED,
                              "%s: line %u, column %u: the key '%.*s' is there twice (first in line %u)", b->name,
                              members[i]->key_line, members[i]->key_column, GGX_STR_ARGS(members[i]->key),
                              members[i - 1]->key_line);
    free(members);
    return status;
}

static ggx_status read_value(const builder *b, const ggx_json_token *token, ggx_json *node);

/* The members or elements up to the end of the object or array. */
static ggx_status read_inside(const builder *b, ggx_json *node)
{
    ggx_json **link = &node->first;
    for (;;) {
        ggx_json_token token = {0};
        ggx_status status = next_token(b, &token);
        if (status == GGX_OK && token.kind == GGX_JSON_OBJECT_END) return check_keys(b, node);
        if (status != GGX_OK || token.kind == GGX_JSON_ARRAY_END) return status;
        ggx_json *inner = ggx_arena_alloc(b->arena, sizeof *inner);
        if (!inner) return no_memory(b);
        if (token.kind == GGX_JSON_KEY) {
            inner->key_line = token.line;
            inner->key_column = token.column;
            status = copy_text(b, &token, &inner->key);
            if (status == GGX_OK) status = next_token(b, &token);
        }
        if (status == GGX_OK) status = read_value(b, &token, inner);
        if (status != GGX_OK) return status;
        *link = inner;
        link = &inner->next;
        node->count++;
    }
}

/* The value that begins with `token`. The parser bounds how deep this goes. */
static ggx_status read_value(const builder *b, const ggx_json_token *token, ggx_json *node)
{
    node->kind = token->kind;
    node->line = token->line;
    node->column = token->column;
    node->integer = token->integer;
    node->real = token->real;
    if (token->kind == GGX_JSON_OBJECT || token->kind == GGX_JSON_ARRAY) return read_inside(b, node);
    int has_text = token->kind == GGX_JSON_STRING || token->kind == GGX_JSON_INT || token->kind == GGX_JSON_REAL;
    return has_text ? copy_text(b, token, &node->text) : GGX_OK;
}

static ggx_status parse(ggx_arena *arena, ggx_str text, uint32_t lenient, const char *name, ggx_json **out,
                        ggx_error *error)
{
    ggx_json_parser parser;
    const builder b = {arena, &parser, error, name};
    ggx_json_token token = {0};
    ggx_json_init(&parser, text);
    parser.lenient = lenient;
    ggx_status status = next_token(&b, &token);
    if (status != GGX_OK) return status;
    ggx_json *root = ggx_arena_alloc(arena, sizeof *root);
    if (!root) return no_memory(&b);
    status = read_value(&b, &token, root);
    if (status == GGX_OK) status = next_token(&b, &token); /* the end */
    if (status == GGX_OK) *out = root;
    return status;
}

ggx_status ggx_json_parse(ggx_arena *arena, ggx_str text, const char *name, ggx_json **out, ggx_error *error)
{
    return parse(arena, text, 0, name, out, error);
}

ggx_status ggx_json_parse_lenient(ggx_arena *arena, ggx_str text, const char *name, ggx_json **out, ggx_error *error)
{
    return parse(arena, text, 1, name, out, error);
}

const ggx_json *ggx_json_get_str(const ggx_json *object, ggx_str key)
{
    if (!object || object->kind != GGX_JSON_OBJECT) return NULL;
    for (const ggx_json *at = object->first; at; at = at->next)
        if (ggx_str_same(at->key, key)) return at;
    return NULL;
}

const ggx_json *ggx_json_get(const ggx_json *object, const char *key)
{
    return ggx_json_get_str(object, ggx_str_of(key));
}

const char *ggx_json_string(const ggx_json *object, const char *key, const char *fallback)
{
    const ggx_json *value = ggx_json_get(object, key);
    return value && value->kind == GGX_JSON_STRING ? value->text.data : fallback;
}
