/* provenance.c - which file beside the model and which of its keys a value comes from, for messages. */
#include "base/text.h"
#include "recipe/model.h"
#include <ggx_sdk/error.h>
#include <stdarg.h>
#include <stdio.h>

#define PATH_BYTES 100
#define TRACE_DEPTH 16

/* The same value, also of a map that overlay() made of copies. */
static int same(const ggx_json *a, const ggx_json *b)
{
    return a == b || (a->key.data && a->key.data == b->key.data && a->line == b->line && a->column == b->column);
}

/* Looks for the value in the tree; its path of keys and positions, joined by dots, goes to `path`. The parser bounds the depth. */
static int locate(const ggx_json *tree, const ggx_json *sought, char *path, size_t used)
{
    uint32_t position = 0;
    if (same(tree, sought)) return 1;
    for (const ggx_json *at = tree->first; at; at = at->next, position++) {
        const char *dot = used ? "." : "";
        int more = tree->kind == GGX_JSON_OBJECT
                       ? snprintf(path + used, PATH_BYTES - used, "%s%.*s", dot,
                                  (int)(at->key.size < PATH_BYTES ? at->key.size : PATH_BYTES), at->key.data)
                       : snprintf(path + used, PATH_BYTES - used, "%s%u", dot, position);
        size_t end = more < 0 ? used : used + (size_t)more;
        if (locate(at, sought, path, end < PATH_BYTES ? end : PATH_BYTES - 1)) return 1;
    }
    path[used] = 0;
    return 0;
}

static const ggx_json_file *file_of(const ggx_eval *eval, const ggx_json *sought, char *path)
{
    path[0] = 0;
    for (const ggx_json_file *file = eval->files; file; file = file->next)
        if (file->json && locate(file->json, sought, path, 0)) return file;
    return NULL;
}

/* A key that a map does not have: the map's own place, or that of any of its members. */
static const ggx_json_file *file_without(const ggx_eval *eval, const ggx_value *value, char *path)
{
    const ggx_json_file *file = file_of(eval, value->json, path);
    for (const ggx_json *at = value->json->first; at && !file; at = at->next) {
        char *dot;
        file = file_of(eval, at, path);
        if (file) *((dot = strrchr(path, '.')) ? dot : path) = 0;
    }
    size_t used = strlen(path);
    snprintf(path + used, PATH_BYTES - used, "%s%.*s (not there)", used ? "." : "",
             (int)(value->text.size < PATH_BYTES ? value->text.size : PATH_BYTES), value->text.data);
    return file;
}

#undef ggx_value_fail /* the analyzer's */
ggx_status ggx_value_fail(ggx_eval *eval, const ggx_node *node, const ggx_value *value, const char *format, ...)
{
    char text[sizeof((ggx_error *)0)->text], path[PATH_BYTES];
    const ggx_json_file *file = NULL;
    va_list args;
    va_start(args, format);
    if (vsnprintf(text, sizeof text, format, args) < 0) text[0] = 0;
    va_end(args);
    if (value->json)
        file = value->kind == GGX_VALUE_NULL && value->text.size ? file_without(eval, value, path)
                                                                 : file_of(eval, value->json, path);
    if (!file) return GGX_NODE_FAIL(eval, node, "%s", text);
    return GGX_NODE_FAIL(eval, node, "%.*s%s%s: %s", GGX_STR_ARGS(file->name), *path ? ", key " : "", path, text);
}

/* The key that the value stands under and what is there, for messages about something else: "config.json, key heads (4): ". A key that
 * the file lacks and the recipe has a default for: it says so. */
static int describe(const ggx_eval *eval, const ggx_node *node, const ggx_value *value, char *out)
{
    char path[PATH_BYTES], shown[32] = "";
    const ggx_json *json = value->json;
    if (!json || value->kind == GGX_VALUE_NULL || value->kind == GGX_VALUE_MAP) return 0;
    const ggx_json_file *file = file_of(eval, json, path);
    const char *other = eval->recipe && eval->recipe->config ? eval->recipe->config : "config.json";
    if (!file && (node->kind != GGX_NODE_MEMBER || !json->key.size || json->kind != GGX_JSON_INT)) return 0;
    if (json->kind == GGX_JSON_INT)
        snprintf(shown, sizeof shown, file ? " (%lld)" : " (not there, %lld is assumed)", (long long)json->integer);
    if (file)
        snprintf(out, GGX_SOURCE_BYTES, "%.*s, key %.80s%s: ", (int)(file->name.size < 40 ? file->name.size : 40),
                 file->name.data, path, shown);
    else
        snprintf(out, GGX_SOURCE_BYTES, "%.40s, key %.*s%s: ", other, (int)(json->key.size < 60 ? json->key.size : 60),
                 json->key.data, shown);
    return 1;
}

static int trace(ggx_eval *eval, const ggx_node *node, uint32_t depth, char *out);

/* A value of the recipe means the same everywhere: it does not see what a rule binds. */
static int trace_name(ggx_eval *eval, const ggx_node *node, uint32_t depth, char *out)
{
    const ggx_local *locals = eval->locals;
    int found = 0;
    for (const ggx_local *at = locals; at; at = at->outer)
        if (ggx_str_same(at->name, node->text)) return 0;
    eval->locals = NULL;
    for (uint32_t i = 0; i < eval->recipe->value_count && !found; i++)
        if (ggx_str_same(eval->recipe->values[i].name, node->text))
            found = trace(eval, eval->recipe->values[i].node, depth + 1, out);
    eval->locals = locals;
    return found;
}

/* The part of an "if" or a "??" that counts; NULL: the node is neither. */
static const ggx_node *taken_part(ggx_eval *eval, const ggx_node *node)
{
    ggx_value left;
    int truth;
    if (node->kind == GGX_NODE_IF && ggx_eval_bool(eval, node->args[0], &truth) == GGX_OK)
        return node->args[truth ? 1 : 2];
    if (node->kind == GGX_NODE_BINARY && node->operation == GGX_SIGN_ELSE &&
        ggx_eval_node(eval, node->args[0], &left) == GGX_OK)
        return node->args[left.kind == GGX_VALUE_NULL];
    return NULL;
}

/* The first part of the expression, as it is written, that stands in a file. */
static int trace(ggx_eval *eval, const ggx_node *node, uint32_t depth, char *out)
{
    ggx_value value;
    int found = 0;
    if (!node || depth > TRACE_DEPTH || ggx_eval_node(eval, node, &value) != GGX_OK) return 0;
    if (describe(eval, node, &value, out)) return 1;
    const ggx_node *part = taken_part(eval, node);
    if (part) return trace(eval, part, depth + 1, out);
    switch (node->kind) {
    case GGX_NODE_NAME: return trace_name(eval, node, depth, out);
    case GGX_NODE_EACH: return trace(eval, node->args[1], depth + 1, out);
    case GGX_NODE_BINARY:
    case GGX_NODE_UNARY:
    case GGX_NODE_CALL:
    case GGX_NODE_LIST:
    case GGX_NODE_INDEX:
        for (uint32_t i = 0; i < node->count && !found; i++) found = trace(eval, node->args[i], depth + 1, out);
        return found;
    default: return 0;
    }
}

void ggx_node_source(ggx_eval *eval, const ggx_node *node, uint64_t item, char out[GGX_SOURCE_BYTES])
{
    ggx_error ignored, *error = eval->error;
    const ggx_node *part;
    out[0] = 0;
    if (!node) return;
    eval->error = &ignored;
    while (item != GGX_SOURCE_WHOLE && (part = taken_part(eval, node))) node = part;
    if (item != GGX_SOURCE_WHOLE && node->kind == GGX_NODE_LIST && item < node->count) node = node->args[item];
    if (!trace(eval, node, 0, out)) out[0] = 0;
    eval->error = error;
}
