/* parse.c - a recipe's file: its top level, and the files that it extends. */
#include "base/text.h"
#include "recipe/model.h"
#include <errno.h>
#include <fcntl.h>
#include <ggx_sdk/error.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_LIMIT (4u << 20)
#define EXTENDS_DEPTH 12

static ggx_status text_of(const ggx_recipe_parser *parser, const ggx_json *object, const char *word, const char **out)
{
    const ggx_json *json = ggx_json_get(object, word);
    if (!json) return GGX_OK;
    ggx_status status = ggx_parser_kind(parser, json, GGX_JSON_STRING, word);
    if (status == GGX_OK) *out = json->text.data;
    return status;
}

static ggx_status parse_id(const ggx_recipe_parser *parser, const ggx_json *root, struct ggx_recipe *recipe)
{
    const ggx_json *id = ggx_json_get(root, "id");
    if (!id) return GGX_PARSER_FAIL(parser, root, "'id' is missing: the recipe's name");
    ggx_status status = text_of(parser, root, "id", &recipe->id);
    for (uint64_t i = 0; status == GGX_OK && (i == 0 || i < id->text.size); i++) {
        char c = id->text.size ? id->text.data[i] : 0;
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'))
            return GGX_PARSER_FAIL(parser, id, "an id has lower-case letters, digits, '.', '_' and '-'");
    }
    return status;
}

ggx_status ggx_parse_named(const ggx_recipe_parser *parser, const ggx_json *json, ggx_named_value **values,
                           uint32_t *count)
{
    if (!json) return GGX_OK;
    ggx_status status = ggx_parser_kind(parser, json, GGX_JSON_OBJECT, "a list of names and values");
    if (status != GGX_OK) return status;
    *values = ggx_arena_array(parser->arena, json->count, sizeof **values);
    if (!*values) return ggx_parser_no_memory(parser);
    for (const ggx_json *at = json->first; at && status == GGX_OK; at = at->next) {
        if (ggx_str_same(at->key, GGX_LIT("note"))) continue;
        ggx_named_value *value = &(*values)[(*count)++];
        ggx_json key = {.line = at->key_line, .column = at->key_column};
        value->name = at->key;
        value->origin = ggx_parser_origin(parser, at);
        for (uint64_t i = 0; i < at->key.size; i++) {
            char c = at->key.data[i];
            if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (i && c >= '0' && c <= '9')))
                return GGX_PARSER_FAIL(parser, &key,
                                       "a value's name has letters, digits and '_' and begins with no digit");
        }
        status = ggx_parser_value(parser, at, &value->node);
    }
    return status;
}

static ggx_status parse_backwards(const ggx_recipe_parser *parser, const ggx_json *json, struct ggx_recipe *recipe)
{
    static const char *const words[] = {"values", "header", "note", NULL};
    if (!json) return GGX_OK;
    recipe->forth_only = json->kind == GGX_JSON_FALSE;
    if (recipe->forth_only) return GGX_OK;
    ggx_status status = ggx_parser_words(parser, json, words, "backwards");
    if (status == GGX_OK)
        status = ggx_parse_named(parser, ggx_json_get(json, "values"), &recipe->turned_values, &recipe->turned_count);
    return status == GGX_OK ? ggx_parse_header(parser, ggx_json_get(json, "header"), &recipe->backwards) : status;
}

static ggx_status parse_require(const ggx_recipe_parser *parser, const ggx_json *json, struct ggx_recipe *recipe)
{
    static const char *const words[] = {"that", "else", "note", NULL};
    if (!json) return GGX_OK;
    ggx_status status = ggx_parser_kind(parser, json, GGX_JSON_ARRAY, "'require'");
    if (status != GGX_OK) return status;
    recipe->demands = ggx_arena_array(parser->arena, json->count, sizeof *recipe->demands);
    if (!recipe->demands) return ggx_parser_no_memory(parser);
    for (const ggx_json *at = json->first; at && status == GGX_OK; at = at->next) {
        ggx_demand *demand = &recipe->demands[recipe->demand_count++];
        const ggx_json *that = ggx_json_get(at, "that"), *otherwise = ggx_json_get(at, "else");
        status = ggx_parser_words(parser, at, words, "require");
        if (status == GGX_OK && (!that || !otherwise))
            return GGX_PARSER_FAIL(parser, at, "'%s' is missing", that ? "else" : "that");
        if (status == GGX_OK) status = ggx_parser_value(parser, that, &demand->that);
        if (status == GGX_OK) status = ggx_parser_template(parser, otherwise, &demand->otherwise);
    }
    return status;
}

static ggx_status parse_without(const ggx_recipe_parser *parser, const ggx_json *json, struct ggx_recipe *recipe)
{
    if (!json) return GGX_OK;
    ggx_status status = ggx_parser_kind(parser, json, GGX_JSON_ARRAY, "'without'");
    if (status != GGX_OK) return status;
    recipe->without = ggx_arena_array(parser->arena, json->count, sizeof *recipe->without);
    recipe->without_origin = ggx_arena_array(parser->arena, json->count, sizeof *recipe->without_origin);
    if (!recipe->without || !recipe->without_origin) return ggx_parser_no_memory(parser);
    for (const ggx_json *at = json->first; at && status == GGX_OK; at = at->next) {
        status = ggx_parser_kind(parser, at, GGX_JSON_STRING, "an element of 'without'");
        recipe->without_origin[recipe->without_count] = ggx_parser_origin(parser, at);
        recipe->without[recipe->without_count++] = at->text;
    }
    if (status == GGX_OK && !recipe->extends) return GGX_PARSER_FAIL(parser, json, "'without' goes with 'extends'");
    return status;
}

static ggx_status parse_prefixes(const ggx_recipe_parser *parser, const ggx_json *json, struct ggx_recipe *recipe)
{
    if (!json) return GGX_OK;
    ggx_status status = ggx_parser_kind(parser, json, GGX_JSON_ARRAY, "'prefixes'");
    for (const ggx_json *at = status == GGX_OK ? json->first : NULL; at && status == GGX_OK; at = at->next) {
        status = ggx_parser_kind(parser, at, GGX_JSON_STRING, "a prefix");
        if (status == GGX_OK && !at->text.size)
            return GGX_PARSER_FAIL(parser, at, "an empty prefix; names without any match anyway");
    }
    recipe->prefixes = json;
    return status;
}

static ggx_status parse_portion(const ggx_recipe_parser *parser, const ggx_json *json, struct ggx_recipe *recipe)
{
    if (!json) return GGX_OK;
    const int many = json->kind == GGX_JSON_ARRAY;
    ggx_status status = many ? GGX_OK : ggx_parser_kind(parser, json, GGX_JSON_STRING, "'portion'");
    for (const ggx_json *at = many ? json->first : NULL; at && status == GGX_OK; at = at->next)
        status = ggx_parser_kind(parser, at, GGX_JSON_STRING, "a portion");
    recipe->portion = json;
    return status;
}

static ggx_status parse_options(const ggx_recipe_parser *parser, const ggx_json *json, struct ggx_recipe *recipe)
{
    if (!json) return GGX_OK;
    ggx_status status = ggx_parser_kind(parser, json, GGX_JSON_OBJECT, "'options'");
    for (const ggx_json *at = status == GGX_OK ? json->first : NULL; at && status == GGX_OK; at = at->next)
        status = ggx_parser_kind(parser, at, GGX_JSON_STRING, "an option");
    recipe->options = json;
    return status;
}

static ggx_status parse_top(const ggx_recipe_parser *parser, const ggx_json *root, struct ggx_recipe *recipe)
{
    ggx_status status = ggx_parser_words(parser, root, ggx_recipe_words, "a recipe");
    if (status == GGX_OK) status = parse_id(parser, root, recipe);
    if (status == GGX_OK) status = text_of(parser, root, "about", &recipe->about);
    if (status == GGX_OK) status = text_of(parser, root, "extends", &recipe->extends);
    if (status == GGX_OK) status = text_of(parser, root, "config", &recipe->config);
    if (status == GGX_OK) status = ggx_parser_value(parser, ggx_json_get(root, "when"), &recipe->when);
    if (status == GGX_OK) status = parse_portion(parser, ggx_json_get(root, "portion"), recipe);
    const ggx_json *specificity = ggx_json_get(root, "specificity");
    if (status == GGX_OK && specificity) {
        if (specificity->kind != GGX_JSON_INT || specificity->integer < 1 || specificity->integer > 100)
            return GGX_PARSER_FAIL(parser, specificity, "'specificity' is an integer from 1 to 100");
        recipe->specificity = (int32_t)specificity->integer;
    }
    if (status == GGX_OK && recipe->extends)
        recipe->extends_origin = ggx_parser_origin(parser, ggx_json_get(root, "extends"));
    if (status == GGX_OK)
        status = ggx_parse_named(parser, ggx_json_get(root, "values"), &recipe->values, &recipe->value_count);
    if (status == GGX_OK) status = parse_backwards(parser, ggx_json_get(root, "backwards"), recipe);
    if (status == GGX_OK) status = parse_require(parser, ggx_json_get(root, "require"), recipe);
    if (status == GGX_OK) status = parse_prefixes(parser, ggx_json_get(root, "prefixes"), recipe);
    if (status == GGX_OK) status = parse_options(parser, ggx_json_get(root, "options"), recipe);
    if (status == GGX_OK) status = parse_without(parser, ggx_json_get(root, "without"), recipe);
    if (status == GGX_OK) status = ggx_parse_renames(parser, ggx_json_get(root, "renames"), recipe);
    if (status == GGX_OK) status = ggx_parse_adapter(parser, ggx_json_get(root, "adapter"), recipe);
    if (status == GGX_OK) status = ggx_parse_packed(parser, ggx_json_get(root, "packed"), recipe);
    if (status == GGX_OK) status = ggx_parse_rules(parser, ggx_json_get(root, "tensors"), recipe);
    return status == GGX_OK ? ggx_parse_outputs(parser, ggx_json_get(root, "outputs"), recipe) : status;
}

ggx_status ggx_recipe_text(ggx_arena *arena, const char *what, const char *path, ggx_str *out, ggx_error *error)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO would wait for a writer */
    if (fd >= 0 && fstat(fd, &st) == 0 && !S_ISREG(st.st_mode)) {
        close(fd);
        return ggx_fail(error, GGX_E_USAGE, "%s %s is not a regular file", what, path);
    }
    FILE *file = fd >= 0 ? fdopen(fd, "rb") : NULL;
    if (!file)
        return ggx_fail(error,
                        errno == ENOENT   ? GGX_E_NOTFOUND
                        : errno == EACCES ? GGX_E_DENIED
                                          : GGX_E_IO,
                        "%s %s: %s", what, path, strerror(errno));
    ggx_text text = {0};
    char part[4096];
    for (size_t n; (n = fread(part, 1, sizeof part, file)) > 0 && text.size <= FILE_LIMIT;)
        ggx_text_bytes(&text, part, n);
    int failed = ferror(file);
    fclose(file);
    *out = ggx_arena_str(arena, (ggx_str){text.data, text.size});
    int kept = !text.failed && out->data;
    ggx_text_free(&text);
    if (failed) return ggx_fail(error, GGX_E_IO, "%s %s cannot be read; is it a file?", what, path);
    if (!kept) return ggx_fail(error, GGX_E_NOMEM, "no memory for %s %s", what, path);
    if (out->size > FILE_LIMIT)
        return ggx_fail(error, GGX_E_USAGE, "%s %s has more than %u bytes", what, path, FILE_LIMIT);
    return GGX_OK;
}

/* Where bases are looked for: beside the recipe, in a folder, and among those that were parsed before. */
typedef struct library {
    const char *search;
    ggx_recipe_shelf *shelf; /* may be NULL */
} library;

static ggx_status parse_file(ggx_arena *arena, ggx_str document, const char *path, const library *from, int depth,
                             ggx_recipe **out, ggx_error *error);

static int take_from_shelf(const library *from, const char *path, ggx_recipe **out)
{
    const ggx_recipe_shelf *at = from->shelf;
    while (at && !(at->recipe && !strcmp(at->recipe->path, path))) at = at->next;
    if (at) *out = at->recipe;
    return at != NULL;
}

/* Recipes are not changed once they are parsed, so that several may extend the same. */
static ggx_status put_on_shelf(ggx_arena *arena, const library *from, ggx_recipe *recipe, ggx_error *error)
{
    ggx_recipe_shelf *link = from->shelf ? ggx_arena_alloc(arena, sizeof *link) : NULL;
    if (!from->shelf) return GGX_OK;
    if (!link) return ggx_fail(error, GGX_E_NOMEM, "no memory for recipe %s", recipe->path);
    *link = (ggx_recipe_shelf){recipe, from->shelf->next};
    from->shelf->next = link;
    return GGX_OK;
}

static ggx_status load_base(ggx_arena *arena, const struct ggx_recipe *recipe, const library *from, int depth,
                            ggx_recipe **base, ggx_error *error)
{
    const char *search = from->search;
    const char *slash = strrchr(recipe->path, '/');
    if (depth >= EXTENDS_DEPTH)
        return ggx_origin_fail(&recipe->extends_origin, GGX_WHOLE, error, GGX_E_USAGE,
                               "more than %d recipes extend each other; do they form a circle?", EXTENDS_DEPTH);
    if (strchr(recipe->extends, '/'))
        return ggx_origin_fail(&recipe->extends_origin, GGX_WHOLE, error, GGX_E_USAGE,
                               "'extends' takes an id, not a path");
    ggx_str path =
        slash ? ggx_arena_format(arena, "%.*s/%s.json", (int)(slash - recipe->path), recipe->path, recipe->extends)
              : ggx_arena_format(arena, "%s.json", recipe->extends);
    ggx_str text;
    if (path.data && take_from_shelf(from, path.data, base)) return GGX_OK;
    ggx_status status = path.data ? ggx_recipe_text(arena, "recipe", path.data, &text, error) : GGX_E_NOMEM;
    if (status == GGX_E_NOTFOUND && search) {
        path = ggx_arena_format(arena, "%s/%s.json", search, recipe->extends);
        if (path.data && take_from_shelf(from, path.data, base)) return GGX_OK;
        status = path.data ? ggx_recipe_text(arena, "recipe", path.data, &text, error) : GGX_E_NOMEM;
    }
    if (status == GGX_E_NOTFOUND)
        return ggx_origin_fail(&recipe->extends_origin, GGX_WHOLE, error, GGX_E_USAGE,
                               "there is no recipe '%s' beside this one%s", recipe->extends,
                               search ? " or among ggx's own" : "");
    if (status == GGX_OK) status = parse_file(arena, text, path.data, from, depth + 1, base, error);
    return status == GGX_OK ? put_on_shelf(arena, from, *base, error) : status;
}

/* `document` lies in the arena. */
static ggx_status parse_file(ggx_arena *arena, ggx_str document, const char *path, const library *from, int depth,
                             ggx_recipe **out, ggx_error *error)
{
    ggx_str file = ggx_arena_str(arena, ggx_str_of(path));
    struct ggx_recipe *recipe = ggx_arena_alloc(arena, sizeof *recipe);
    ggx_json *root;
    if (!file.data || !recipe) return ggx_fail(error, GGX_E_NOMEM, "no memory for recipe %s", path);
    ggx_recipe_parser parser = {arena, file.data, document, error};
    ggx_status status = ggx_json_parse(arena, document, file.data, &root, error);
    if (status == GGX_E_MALFORMED && error) error->status = GGX_E_USAGE; /* the recipe is at fault, not the model */
    if (status != GGX_OK) return status == GGX_E_MALFORMED ? GGX_E_USAGE : status;
    recipe->path = file.data;
    recipe->about = "";
    recipe->origin = ggx_parser_origin(&parser, root);
    status = parse_top(&parser, root, recipe);
    ggx_recipe *base = NULL;
    if (status == GGX_OK && recipe->extends) status = load_base(arena, recipe, from, depth, &base, error);
    if (status == GGX_OK && base) status = ggx_recipe_extend(arena, recipe, base, error);
    if (status == GGX_OK) *out = recipe;
    return status;
}

ggx_status ggx_recipe_check_all(ggx_arena *arena, const ggx_recipe *recipe, ggx_error *error)
{
    ggx_status status = ggx_recipe_check(recipe, error);
    if (status != GGX_OK || (!recipe->turned_count && !recipe->backwards.field_count)) return status;
    struct ggx_recipe turned = *recipe;
    status = ggx_recipe_turn(arena, &turned, error);
    return status == GGX_OK ? ggx_recipe_check(&turned, error) : status;
}

static ggx_status parse_checked(ggx_arena *arena, ggx_str document, const char *path, const char *search,
                                ggx_recipe **out, ggx_error *error)
{
    ggx_status status = parse_file(arena, document, path, &(library){search, NULL}, 0, out, error);
    return status == GGX_OK ? ggx_recipe_check_all(arena, *out, error) : status;
}

ggx_status ggx_recipe_load_shelved(ggx_arena *arena, const char *path, ggx_recipe_shelf *shelf, ggx_recipe **out,
                                   ggx_error *error)
{
    ggx_str text;
    const library from = {NULL, shelf};
    if (take_from_shelf(&from, path, out)) return GGX_OK;
    ggx_status status = ggx_recipe_text(arena, "recipe", path, &text, error);
    return status == GGX_OK ? parse_file(arena, text, path, &from, 0, out, error) : status;
}

ggx_status ggx_recipe_parse(ggx_arena *arena, ggx_str text, const char *path, const char *search, ggx_recipe **out,
                            ggx_error *error)
{
    ggx_str document = ggx_arena_str(arena, text);
    if (!document.data) return ggx_fail(error, GGX_E_NOMEM, "no memory for recipe %s", path);
    return parse_checked(arena, document, path, search, out, error);
}

ggx_status ggx_recipe_load(ggx_arena *arena, const char *path, const char *search, ggx_recipe **out, ggx_error *error)
{
    ggx_str text;
    ggx_status status = ggx_recipe_text(arena, "recipe", path, &text, error);
    return status == GGX_OK ? parse_checked(arena, text, path, search, out, error) : status;
}

int ggx_recipe_option(const ggx_recipe *recipe, uint32_t index, const char **name, const char **value)
{
    const ggx_json *at = recipe->options ? recipe->options->first : NULL;
    for (; at && index; at = at->next) index--;
    if (at) *name = at->key.data, *value = at->text.data;
    return at != NULL;
}

int ggx_recipe_rule(const ggx_recipe *recipe, uint32_t index, const char **file, uint32_t *line, ggx_str *key,
                    const char **one_way)
{
    uint32_t column;
    if (index >= recipe->rule_count) return 0;
    const ggx_rule *rule = &recipe->rules[index];
    ggx_origin_place(&rule->origin, GGX_WHOLE, line, &column);
    *file = rule->origin.file;
    *key = rule->key;
    *one_way = ggx_rule_one_way(rule);
    return 1;
}

const char *ggx_recipe_id(const ggx_recipe *recipe)
{
    return recipe->id;
}

const char *ggx_recipe_about(const ggx_recipe *recipe)
{
    return recipe->about;
}

const char *ggx_recipe_path(const ggx_recipe *recipe)
{
    return recipe->path;
}

const char *ggx_recipe_writer(const ggx_recipe *recipe, uint32_t index)
{
    return index < recipe->profile_count ? recipe->profiles[index].writer.data : NULL;
}
