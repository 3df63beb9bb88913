/* provenance.c - which file beside the model and which of its keys a value comes from, for messages. */
#include "base/text.h"
#include "recipe/value.h"
#include <ggx_sdk/error.h>
#include <stdarg.h>
#include <stdio.h>

#define PATH_BYTES 100

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
    return GGX_NODE_FAIL(eval, node, "%.*s, key %s: %s", GGX_STR_ARGS(file->name), path, text);
}
