/* ggx recipes new: the nearest recipe, extended by what it lacks.
 *
 * A recipe that stands for models which no other takes says by its values what the new one is to be called (new_id), when it applies (new_when),
 * and which `architecture` it has where the nearest one has such a value (new_architecture); `word` is what conditions of others are compared
 * with, `kin` the id of the recipe that goes before its equals. */
#include "cli/recipes_room.h"
#include "commit/files.h"
#include "source/open.h"
#include <ggx_sdk/error.h>
#include <unistd.h>

#define SHOWN_MISSING 8u

/* A pattern that names of one kind share: whole numbers between dots become placeholders. */
typedef struct kind {
    struct kind *next;
    ggx_str pattern;
    const ggx_tensor *first;
    uint64_t count;
} kind;

typedef struct beginning {
    ggx_recipes_room *room;
    const ggx_checkpoint *checkpoint;
    ggx_recipe_near near;
    ggx_str id, when, word, kin;
    ggx_str architecture, theirs; /* data NULL: the nearest one has no such value */
    kind *kinds, **last;
} beginning;

static ggx_status no_memory(beginning *b)
{
    return ggx_fail(&b->room->error, GGX_E_NOMEM, "out of memory");
}

static int is_number(ggx_str part)
{
    int64_t ignored;
    const int leading = part.size > 1 && part.data[0] == '0';
    return part.size && part.size <= 18 && part.data[0] >= '0' && part.data[0] <= '9' && !leading &&
           ggx_str_int(part, &ignored);
}

/* The name as a pattern, at most eight numbers of it as {i} {j} … */
static ggx_str pattern_of(ggx_arena *arena, ggx_str name)
{
    static const char letters[] = "ijklmnop";
    ggx_text text = {0};
    uint32_t numbers = 0;
    for (uint64_t at = 0; at <= name.size;) {
        uint64_t end = at;
        while (end < name.size && name.data[end] != '.') end++;
        const ggx_str part = {name.data + at, end - at};
        if (is_number(part) && numbers < sizeof letters - 1)
            ggx_text_format(&text, "{%c}", letters[numbers++]);
        else
            for (uint64_t i = 0; i < part.size; i++) /* braces are doubled */
                ggx_text_bytes(&text,
                               part.data[i] == '{'   ? "{{"
                               : part.data[i] == '}' ? "}}"
                                                     : part.data + i,
                               part.data[i] == '{' || part.data[i] == '}' ? 2 : 1);
        if (end < name.size) ggx_text_bytes(&text, ".", 1);
        at = end + 1;
    }
    ggx_str kept = text.failed ? (ggx_str){NULL, 0} : ggx_arena_str(arena, (ggx_str){text.data, text.size});
    ggx_text_free(&text);
    return kept;
}

static ggx_status list_left_over(beginning *b)
{
    const ggx_checkpoint *c = b->checkpoint;
    b->last = &b->kinds;
    for (uint64_t i = 0; i < c->tensor_count; i++) {
        if ((b->near.is_taken && b->near.is_taken[i]) || (c->tensors[i].flags & GGX_TENSOR_AUXILIARY)) continue;
        const ggx_str pattern = pattern_of(&b->room->arena, c->tensors[i].name);
        if (!pattern.data) return no_memory(b);
        kind *k = b->kinds;
        while (k && !ggx_str_same(k->pattern, pattern)) k = k->next;
        if (!k) {
            k = ggx_arena_alloc(&b->room->arena, sizeof *k);
            if (!k) return no_memory(b);
            *k = (kind){.pattern = pattern, .first = &c->tensors[i]};
            *b->last = k;
            b->last = &k->next;
        }
        k->count++;
    }
    return GGX_OK;
}

static void member(ggx_text *out, const char *name, ggx_str value)
{
    ggx_text_format(out, "  \"%s\": ", name);
    ggx_text_json(out, value);
    ggx_text_format(out, ",\n");
}

static void put_rule(const kind *k, ggx_text *out)
{
    ggx_text note = {0};
    ggx_text_format(&note, "left over: %llu, the first is", (unsigned long long)k->count);
    for (uint32_t a = 0; a < k->first->rank; a++)
        ggx_text_format(&note, "%c%llu", a ? 'x' : ' ', (unsigned long long)k->first->shape[a]);
    ggx_text_format(
        &note,
        "%s of %s. Say what it becomes; now it keeps its name. Where such names are only spelled otherwise than the "
        "recipe's, 'renames' says so, and the recipe's own rules take them",
        k->first->rank ? "" : " a scalar", k->first->type.name);
    ggx_text_format(out, "    {\"from\": ");
    ggx_text_json(out, k->pattern);
    ggx_text_format(out, ", \"to\": ");
    ggx_text_json(out, k->pattern);
    ggx_text_format(out, ",\n     \"note\": ");
    ggx_text_json(out, (ggx_str){note.data, note.size});
    ggx_text_format(out, "}%s\n", k->next ? "," : "");
    ggx_text_free(&note);
}

/* What the nearest family calls itself is not to be inherited in silence. */
static void put_values(const beginning *b, ggx_text *out)
{
    ggx_text note = {0};
    ggx_text_format(
        &note,
        "Programs that read the file choose the model's code by this name. The nearest recipe, %s, says '%.*s': "
        "say so too if this model is computed in the same way",
        ggx_recipe_id(b->near.recipe), GGX_STR_ARGS(b->theirs));
    ggx_text_format(out, "  \"values\": {\n    \"note\": ");
    ggx_text_json(out, (ggx_str){note.data, note.size});
    ggx_text_format(out, ",\n    \"architecture\": ");
    ggx_text_json(out, b->architecture);
    ggx_text_format(out, "\n  },\n");
    ggx_text_free(&note);
}

static void put_recipe(const beginning *b, const char *writer, ggx_text *out)
{
    const ggx_recipe_near *n = &b->near;
    ggx_text note = {0};
    ggx_text_format(&note,
                    "Begun by ggx recipes new: %s takes %llu of %llu tensors. Check every value that it computes",
                    n->recipe ? ggx_recipe_id(n->recipe) : "no recipe", (unsigned long long)n->taken,
                    (unsigned long long)n->tensors);
    for (uint32_t i = 0; i < n->missing_count && i < SHOWN_MISSING; i++)
        ggx_text_format(&note, "%s%.*s",
                        i ? ", " : "; what it needs and this model has not: ", GGX_STR_ARGS(n->missing[i]));
    ggx_text_format(&note, ".");
    ggx_text_format(out, "{\n");
    member(out, "id", b->id);
    ggx_text_format(out, "  \"about\": ");
    ggx_text about = {0};
    ggx_text_format(&about, "%.*s: a first recipe, to be checked", GGX_STR_ARGS(b->word));
    ggx_text_json(out, (ggx_str){about.data, about.size});
    ggx_text_format(out, ",\n");
    member(out, "note", (ggx_str){note.data, note.size});
    if (n->recipe) member(out, "extends", ggx_str_of(ggx_recipe_id(n->recipe)));
    member(out, "when", b->when);
    if (b->architecture.data && b->theirs.data) put_values(b, out);
    for (uint32_t i = 0; i < n->missing_count; i++) {
        ggx_text_format(out, i ? ", " : "  \"without\": [");
        ggx_text_json(out, n->missing[i]);
    }
    if (n->missing_count) ggx_text_format(out, "],\n");
    ggx_text_format(out, "  \"tensors\": [%s", b->kinds ? "\n" : "");
    for (const kind *k = b->kinds; k; k = k->next) put_rule(k, out);
    ggx_text_format(out, b->kinds ? "  ]" : "]");
    if (!n->recipe) ggx_text_format(out, ",\n  \"outputs\": {\"%s\": {}}", writer);
    ggx_text_format(out, "\n}\n");
    ggx_text_free(&about);
    ggx_text_free(&note);
}

/* The recipe that stands for such models gives the names. */
static ggx_status ask(beginning *b, const ggx_recipe *stand_in, const ggx_recipe_env *env)
{
    ggx_recipes_room *r = b->room;
    ggx_status status = ggx_recipe_value(&r->arena, stand_in, env, "new_id", &b->id, &r->error);
    if (status == GGX_OK) status = ggx_recipe_value(&r->arena, stand_in, env, "new_when", &b->when, &r->error);
    if (status == GGX_OK) status = ggx_recipe_value(&r->arena, stand_in, env, "word", &b->word, &r->error);
    if (status == GGX_OK) status = ggx_recipe_value(&r->arena, stand_in, env, "kin", &b->kin, &r->error);
    if (status == GGX_OK)
        status = ggx_recipe_value(&r->arena, stand_in, env, "new_architecture", &b->architecture, &r->error);
    if (status == GGX_OK && (!b->id.data || !b->when.data || !b->word.data))
        return ggx_fail(&r->error, GGX_E_USAGE, "recipe %s is for this model already; 'ggx recipes show %s' shows it",
                        ggx_recipe_id(stand_in), ggx_recipe_id(stand_in));
    return status;
}

static ggx_status begin(beginning *b, ggx_flow *flow)
{
    ggx_recipes_room *r = b->room;
    const ggx_arguments *a = &r->cli->arguments;
    ggx_recipe *stand_in = NULL, *made;
    ggx_error ignored = {0};
    ggx_recipe_env env = {.checkpoint = &flow->checkpoint,
                          .writer = a->writer ? a->writer : "",
                          .type_name = "",
                          .version = GGX_VERSION,
                          .settings = a->settings,
                          .setting_count = a->setting_count,
                          .model_name = ggx_source_folder(flow->checkpoint.source)};
    ggx_status status = ggx_recipe_choose(&r->arena, r->directory, NULL, &env, &stand_in, &r->error);
    if (status != GGX_OK) return status;
    if (!stand_in)
        return ggx_fail(&r->error, GGX_E_UNSUPPORTED,
                        "recipes are begun for Hugging Face folders alone, whose config.json names an architecture; "
                        "write this one by docs/recipes.md");
    if (!a->writer) { /* conditions may ask for the writer */
        env.writer = ggx_recipe_writer(stand_in, 0);
        status = ggx_recipe_choose(&r->arena, r->directory, NULL, &env, &stand_in, &r->error);
        if (status != GGX_OK || !stand_in) return status;
    }
    status = ask(b, stand_in, &env);
    if (status == GGX_OK)
        status = ggx_recipe_nearest(&r->arena, r->directory, &env, b->word, b->kin, ggx_recipe_id(stand_in), &b->near,
                                    &r->error);
    if (status == GGX_OK && b->near.recipe && b->architecture.data &&
        ggx_recipe_value(&r->arena, b->near.recipe, &env, "architecture", &b->theirs, &ignored) != GGX_OK)
        b->theirs = GGX_LIT("?"); /* it is computed from what this model has not */
    if (status == GGX_OK) status = list_left_over(b);
    if (status != GGX_OK) return status;
    put_recipe(b, env.writer ? env.writer : "*", &r->out);
    if (r->out.failed) return no_memory(b);
    return ggx_recipe_parse(&r->arena, (ggx_str){r->out.data, r->out.size}, "the new recipe", r->directory, &made,
                            &r->error); /* names in the model may be such that no recipe can have them */
}

static ggx_status keep(ggx_recipes_room *r, const char *file)
{
    if (access(file, F_OK) == 0)
        return ggx_fail(&r->error, GGX_E_USAGE, "%.150s is there already; choose another name with -o", file);
    ggx_status status = ggx_write_file(file, (ggx_str){r->out.data, r->out.size}, &r->error);
    ggx_text_free(&r->out);
    if (status == GGX_OK && !r->cli->arguments.quiet)
        ggx_text_format(&r->out, "%s: check it, then convert with --recipe %s\n", file, file);
    return status;
}

ggx_status ggx_recipes_new(ggx_recipes_room *r, const char *model)
{
    const ggx_arguments *a = &r->cli->arguments;
    const ggx_conversion wanted = {
        .input = model, .reader = a->reader, .settings = a->settings, .setting_count = a->setting_count};
    beginning b = {.room = r};
    ggx_registry registry;
    ggx_flow flow = {0};
    ggx_status status = ggx_cli_registry(r->cli, &registry, &r->error);
    if (status == GGX_OK) status = ggx_flow_open(&flow, &registry, &wanted, &r->cli->run, &r->error);
    b.checkpoint = &flow.checkpoint;
    if (status == GGX_OK) status = begin(&b, &flow);
    ggx_progress_close(&r->cli->progress);
    if (status != GGX_OK) ggx_recipes_name_file(r, &flow);
    ggx_flow_close(&flow);
    ggx_registry_close(&registry);
    if (status != GGX_OK) ggx_text_free(&r->out);
    return status == GGX_OK && a->output ? keep(r, a->output) : status;
}
