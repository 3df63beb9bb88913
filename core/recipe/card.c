/* card.c - what people say of a model: the head of its card, and the user's own file of key/values.
 *
 * The head of a text file stands between two lines of "---" and is YAML. What is read of it follows the reference (docs/recipes.md names it): any
 * of Python's ends of lines ends a line, "- no" is the language Norwegian and no boolean, and tabs are two spaces. */
#include "base/text.h"
#include "base/yaml.h"
#include "recipe/model.h"
#include <ggx_sdk/error.h>

/* Bytes of the end of a line that begins here, 0: there is none. As Python's str.splitlines. */
static uint64_t line_end(const char *at, uint64_t left)
{
    const unsigned char *c = (const unsigned char *)at;
    if (c[0] == '\r') return left > 1 && c[1] == '\n' ? 2 : 1;
    if ((c[0] >= '\n' && c[0] <= '\f') || (c[0] >= 0x1c && c[0] <= 0x1e)) return 1;
    if (left > 1 && c[0] == 0xc2 && c[1] == 0x85) return 2;
    if (left > 2 && c[0] == 0xe2 && c[1] == 0x80 && (c[2] == 0xa8 || c[2] == 0xa9)) return 3;
    return 0;
}

static ggx_str next_line(ggx_str *rest)
{
    ggx_str line = {rest->data, 0};
    uint64_t end = 0;
    while (line.size < rest->size && !(end = line_end(rest->data + line.size, rest->size - line.size))) line.size++;
    rest->data += line.size + end;
    rest->size -= line.size + end;
    return line;
}

/* The lines up to the next "---", or all. */
static ggx_str find_head(ggx_str text)
{
    ggx_str rest = text, head = {text.data, 0};
    while (rest.size) {
        if (ggx_str_same(next_line(&rest), ggx_str_of("---"))) break;
        head.size = text.size - rest.size;
    }
    return head;
}

/* The lines, each ended by "\n", with what the reference changes in them. `out` has room for three bytes for each of `text`'s. */
static ggx_str copy_head(ggx_str text, char *out)
{
    ggx_str head = {out, 0};
    while (text.size) {
        const ggx_str line = next_line(&text);
        const int norwegian = ggx_str_ends(line, ggx_str_of("- no"));
        for (uint64_t i = 0; i < line.size - (norwegian ? 2 : 0); i++) {
            if (line.data[i] == '\t') out[head.size++] = ' ';
            out[head.size++] = (char)(line.data[i] == '\t' ? ' ' : line.data[i]);
        }
        if (norwegian) {
            memcpy(out + head.size, "\"no\"", 4);
            head.size += 4;
        }
        out[head.size++] = '\n';
    }
    return head;
}

/* The head as a map; null when the file is not there, or has no head that is a map. */
static ggx_status call_front_matter(ggx_eval *eval, const ggx_node *node, const ggx_value *args, uint32_t count,
                                    ggx_value *out)
{
    (void)count;
    ggx_str text, label;
    char *room;
    ggx_json *tree = NULL;
    ggx_error inner = {0};
    if (args->kind != GGX_VALUE_STR)
        return GGX_NODE_FAIL(eval, node, "%s() needs a string, not %s", node->function->name, ggx_value_kind(args));
    ggx_status status = ggx_eval_file(eval, node, args->text, &text);
    if (status != GGX_OK || !text.size || !ggx_str_same(next_line(&text), ggx_str_of("---"))) return status;
    text = find_head(text);
    if (text.size > GGX_YAML_BYTES)
        return GGX_NODE_FAIL(eval, node, "%.*s: a head of %llu bytes; at most %u are read", GGX_STR_ARGS(args->text),
                             (unsigned long long)text.size, GGX_YAML_BYTES);
    label = ggx_arena_str(&eval->arena, args->text);
    room = ggx_arena_alloc(&eval->arena, 3 * text.size + 3);
    if (!label.data || !room) return GGX_NODE_FAIL(eval, node, "no memory for '%.*s'", GGX_STR_ARGS(args->text));
    status = ggx_yaml_parse(&eval->arena, copy_head(text, room), label.data, 2, &tree, &inner);
    if (status != GGX_OK) return ggx_origin_fail(node->origin, node->offset, eval->error, status, "%s", inner.text);
    return tree && tree->kind == GGX_JSON_OBJECT ? ggx_json_value(eval, node, tree, out) : GGX_OK;
}

/* metadata(key, fallback): what the user's file says of the key, also null; else the fallback. */
static ggx_status call_metadata(ggx_eval *eval, const ggx_node *node, const ggx_value *args, uint32_t count,
                                ggx_value *out)
{
    (void)count;
    static const char cached[] = "--metadata";
    ggx_metadata_file *file = eval->env->metadata;
    if (args[0].kind != GGX_VALUE_STR)
        return GGX_NODE_FAIL(eval, node, "%s() needs a string, not %s", node->function->name, ggx_value_kind(&args[0]));
    *out = args[1];
    if (!file) return GGX_OK;
    file->used = 1;
    ggx_json_file *read = eval->files;
    while (read && read->name.data != cached) read = read->next;
    if (!read) {
        ggx_str text;
        ggx_json *json;
        ggx_status status = ggx_recipe_text(&eval->arena, "metadata", file->path, &text, eval->error);
        if (status == GGX_OK) status = ggx_json_parse(&eval->arena, text, file->path, &json, eval->error);
        if (status == GGX_OK && json->kind != GGX_JSON_OBJECT)
            status = ggx_fail(eval->error, GGX_E_MALFORMED, "%s is no object of key/values", file->path);
        if (status != GGX_OK) return status;
        read = ggx_arena_alloc(&eval->arena, sizeof *read);
        if (!read) return GGX_NODE_FAIL(eval, node, "no memory for '%s'", file->path);
        *read = (ggx_json_file){ggx_str_of(cached), json, eval->files};
        eval->files = read;
    }
    const ggx_json *given = ggx_json_get_str(read->json, args[0].text);
    return given ? ggx_json_value(eval, node, given, out) : GGX_OK;
}

const ggx_function ggx_card_functions[] = {
    {"front_matter", 1, 1, call_front_matter},
    {"metadata", 2, 2, call_metadata},
    {NULL, 0, 0, NULL},
};
