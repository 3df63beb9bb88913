/* mixture_parse.c - a mixture's file, laid over those that it extends. */
#include "base/text.h"
#include "plan/mixture_model.h"
#include "recipe/value.h"
#include <dirent.h>
#include <ggx_sdk/error.h>

#define EXTENDS_DEPTH 8

static const char *const words[] = {"id",      "about",  "note",   "extends", "when",   "type",
                                    "values",  "tensor", "keep",   "count",   "option", "choose",
                                    "imatrix", "header", "layout", "finite",  NULL};
static const char *const imatrix_words[] = {"types", "unless", "forgives", "header", "note", NULL};
static const char *const layout_words[] = {"name", "order", "trim", "without", "note", NULL};

static const char *text_of(const ggx_json *object, const char *word, const char *otherwise)
{
    return ggx_json_string(object, word, otherwise);
}

/* Adds or replaces named values; those of the base stand before them. */
static ggx_status lay_values(const ggx_recipe_parser *parser, const ggx_json *object, int of_tensor, ggx_mixture *m)
{
    struct ggx_recipe *r = &m->recipe;
    if (!object) return GGX_OK;
    ggx_status status = ggx_parser_kind(parser, object, GGX_JSON_OBJECT, of_tensor ? "'tensor'" : "'values'");
    if (status != GGX_OK) return status;
    ggx_named_value *all = ggx_arena_array(parser->arena, (uint64_t)r->value_count + object->count, sizeof *all);
    uint8_t *flags = ggx_arena_array(parser->arena, (uint64_t)r->value_count + object->count, 1);
    if (!all || !flags) return ggx_parser_no_memory(parser);
    if (r->value_count) {
        memcpy(all, r->values, r->value_count * sizeof *all);
        memcpy(flags, m->of_tensor, r->value_count);
    }
    r->values = all;
    m->of_tensor = flags;
    for (const ggx_json *at = object->first; at && status == GGX_OK; at = at->next) {
        uint32_t i = 0;
        if (ggx_str_same(at->key, GGX_LIT("note"))) continue;
        while (i < r->value_count && !ggx_str_same(all[i].name, at->key)) i++;
        if (i == r->value_count) r->value_count++;
        all[i].name = at->key;
        all[i].origin = ggx_parser_origin(parser, at);
        flags[i] = (uint8_t)of_tensor;
        status = ggx_parser_value(parser, at, &all[i].node);
    }
    return status;
}

/* Replaces the node where the file has the word. */
static ggx_status lay_node(const ggx_recipe_parser *parser, const ggx_json *object, const char *word, ggx_node **node)
{
    const ggx_json *json = ggx_json_get(object, word);
    return json ? ggx_parser_value(parser, json, node) : GGX_OK;
}

static ggx_status lay_imatrix(const ggx_recipe_parser *parser, const ggx_json *json, ggx_mixture *m)
{
    if (!json) return GGX_OK;
    ggx_status status = ggx_parser_words(parser, json, imatrix_words, "'imatrix'");
    if (status == GGX_OK) status = lay_node(parser, json, "types", &m->imatrix_types);
    if (status == GGX_OK) status = lay_node(parser, json, "unless", &m->imatrix_free);
    if (status == GGX_OK) status = lay_node(parser, json, "forgives", &m->imatrix_forgiven);
    const ggx_json *header = ggx_json_get(json, "header");
    return status == GGX_OK && header ? ggx_parse_header(parser, header, &m->imatrix_header) : status;
}

static ggx_status lay_layout(const ggx_recipe_parser *parser, const ggx_json *json, ggx_mixture *m)
{
    if (!json) return GGX_OK;
    ggx_status status = ggx_parser_words(parser, json, layout_words, "'layout'");
    if (status != GGX_OK) return status;
    const ggx_json *name = ggx_json_get(json, "name"), *order = ggx_json_get(json, "order"),
                   *trim = ggx_json_get(json, "trim");
    if (!name || name->kind != GGX_JSON_STRING || !name->text.size)
        return GGX_PARSER_FAIL(parser, json, "'layout' needs a 'name'");
    m->layout = name->text.data;
    m->trim = trim && trim->kind == GGX_JSON_TRUE;
    m->without = ggx_json_get(json, "without");
    if (m->without) status = ggx_parser_kind(parser, m->without, GGX_JSON_ARRAY, "'without'");
    for (const ggx_json *at = m->without && status == GGX_OK ? m->without->first : NULL; at; at = at->next)
        if (status == GGX_OK) status = ggx_parser_kind(parser, at, GGX_JSON_STRING, "a key of 'without'");
    if (status != GGX_OK || !order) return status;
    status = ggx_parser_kind(parser, order, GGX_JSON_ARRAY, "'order'");
    if (status == GGX_OK && order->count > GGX_MIXTURE_KEYS)
        return GGX_PARSER_FAIL(parser, order, "'order' has at most %d keys", GGX_MIXTURE_KEYS);
    m->order_count = 0;
    for (const ggx_json *at = order->first; at && status == GGX_OK; at = at->next)
        status = ggx_parser_value(parser, at, &m->order[m->order_count++]);
    return status;
}

static ggx_status lay_type(const ggx_recipe_parser *parser, const ggx_json *root, ggx_mixture *m)
{
    const ggx_json *type = ggx_json_get(root, "type");
    m->has_type = type != NULL;
    if (type && type->kind != GGX_JSON_NULL && type->kind != GGX_JSON_STRING)
        return GGX_PARSER_FAIL(parser, type, "'type' is the name of a tensor type or null");
    m->type = type;
    return GGX_OK;
}

static ggx_status lay_finite(const ggx_recipe_parser *parser, const ggx_json *json, ggx_mixture *m)
{
    if (!json) return GGX_OK;
    if (json->kind != GGX_JSON_TRUE && json->kind != GGX_JSON_FALSE)
        return GGX_PARSER_FAIL(parser, json, "'finite' is true or false");
    m->finite = json->kind == GGX_JSON_TRUE;
    return GGX_OK;
}

static ggx_status lay_file(const ggx_recipe_parser *parser, const ggx_json *root, ggx_mixture *m)
{
    ggx_status status = lay_values(parser, ggx_json_get(root, "values"), 0, m);
    if (status == GGX_OK) status = lay_values(parser, ggx_json_get(root, "tensor"), 1, m);
    if (status == GGX_OK) status = lay_node(parser, root, "when", &m->recipe.when);
    if (status == GGX_OK) status = lay_node(parser, root, "keep", &m->keep);
    if (status == GGX_OK) status = lay_node(parser, root, "count", &m->count);
    if (status == GGX_OK) status = lay_node(parser, root, "option", &m->option);
    if (status == GGX_OK) status = lay_node(parser, root, "choose", &m->choose);
    if (status == GGX_OK) status = lay_type(parser, root, m);
    if (status == GGX_OK) status = lay_imatrix(parser, ggx_json_get(root, "imatrix"), m);
    if (status == GGX_OK) status = lay_layout(parser, ggx_json_get(root, "layout"), m);
    if (status == GGX_OK) status = lay_finite(parser, ggx_json_get(root, "finite"), m);
    const ggx_json *header = ggx_json_get(root, "header");
    return status == GGX_OK && header ? ggx_parse_header(parser, header, &m->header) : status;
}

/* The file's words over what is in `m`; first those of the file that it extends. */
static ggx_status lay(ggx_arena *arena, const char *directory, const char *id, int depth, ggx_mixture *m,
                      ggx_error *error)
{
    ggx_str document, path = ggx_arena_format(arena, "%s/%s.json", directory, id);
    ggx_json *root;
    if (!path.data) return ggx_fail(error, GGX_E_NOMEM, "no memory for a mixture");
    ggx_status status = ggx_recipe_text(arena, "recipe", path.data, &document, error);
    if (status == GGX_OK) status = ggx_json_parse(arena, document, path.data, &root, error);
    if (status == GGX_E_MALFORMED && error) error->status = GGX_E_USAGE;
    if (status != GGX_OK) return status == GGX_E_MALFORMED ? GGX_E_USAGE : status;
    ggx_recipe_parser parser = {arena, path.data, document, error};
    status = ggx_parser_words(&parser, root, words, "a mixture");
    if (status != GGX_OK) return status;
    if (strcmp(text_of(root, "id", ""), id))
        return GGX_PARSER_FAIL(&parser, root, "'id' must be the file's name, %s", id);
    const char *base = text_of(root, "extends", NULL);
    const ggx_json *extends = ggx_json_get(root, "extends");
    if (extends && (!base || strchr(base, '/')))
        return GGX_PARSER_FAIL(&parser, extends, "'extends' takes the id of a mixture beside this one");
    if (base && depth >= EXTENDS_DEPTH)
        return GGX_PARSER_FAIL(&parser, extends, "more than %d mixtures extend each other; do they form a circle?",
                               EXTENDS_DEPTH);
    if (base) status = lay(arena, directory, base, depth + 1, m, error);
    if (status == GGX_E_NOTFOUND)
        return GGX_PARSER_FAIL(&parser, extends, "there is no mixture '%.60s' beside this one", base);
    if (status != GGX_OK) return status;
    m->recipe.id = text_of(root, "id", "");
    m->recipe.about = text_of(root, "about", "");
    m->recipe.path = path.data;
    m->recipe.origin = ggx_parser_origin(&parser, root);
    return lay_file(&parser, root, m);
}

static int is_id(ggx_str name)
{
    for (uint64_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-')) return 0;
    }
    return name.size > 0 && name.size < 64;
}

const char *ggx_mixture_nearest(ggx_arena *arena, const char *directory, ggx_str name, uint32_t *least)
{
    const char *near = NULL;
    DIR *entries = opendir(directory);
    for (const struct dirent *e = entries ? readdir(entries) : NULL; e; e = readdir(entries)) {
        ggx_str id = ggx_str_of(e->d_name);
        if (!ggx_str_ends(id, GGX_LIT(".json"))) continue;
        id.size -= 5;
        const uint32_t distance = ggx_word_distance(id, name);
        if (distance >= *least) continue;
        near = ggx_arena_str(arena, id).data;
        *least = distance;
    }
    if (entries) closedir(entries);
    return near;
}

ggx_status ggx_mixture_find(ggx_arena *arena, const char *directory, ggx_str name, ggx_mixture **out, ggx_error *error)
{
    *out = NULL;
    if (!is_id(name)) return GGX_OK;
    ggx_str id = ggx_arena_str(arena, name);
    ggx_mixture *m = ggx_arena_alloc(arena, sizeof *m);
    if (!id.data || !m) return ggx_fail(error, GGX_E_NOMEM, "no memory for a mixture");
    ggx_status status = lay(arena, directory, id.data, 0, m, error);
    if (status == GGX_E_NOTFOUND) return GGX_OK;
    if (status != GGX_OK) return status;
    if (!m->has_type) return GGX_OK; /* a base */
    *out = m;
    return GGX_OK;
}

ggx_str ggx_mixture_type(const ggx_mixture *mixture)
{
    return mixture->type->kind == GGX_JSON_STRING ? mixture->type->text : (ggx_str){NULL, 0};
}

const char *ggx_mixture_about(const ggx_mixture *mixture)
{
    return mixture->recipe.about;
}
