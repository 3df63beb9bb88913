/* ggx recipes: which there are, what is in one, whether one is sound, and what one does to a model. */
#include "base/json.h"
#include "checkpoint/decoded.h"
#include "cli/recipes_room.h"
#include "cli/report.h"
#include "cli/table.h"
#include <dirent.h>
#include <ggx_sdk/error.h>
#include <stdio.h>
#include <stdlib.h>

#define RECIPE_MEMORY (512ull << 20)

typedef ggx_recipes_room room;

static ggx_status no_memory(room *r)
{
    return ggx_fail(&r->error, GGX_E_NOMEM, "out of memory");
}

/* --- list --------------------------------------------------------------------------------------------------------------------- */

static int is_recipe(const struct dirent *entry)
{
    size_t size = strlen(entry->d_name);
    return entry->d_name[0] != '.' && size > 5 && !strcmp(entry->d_name + size - 5, ".json");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static ggx_str writers_of(room *r, const ggx_recipe *recipe)
{
    ggx_str all = {"", 0};
    const char *writer;
    for (uint32_t i = 0; all.data && (writer = ggx_recipe_writer(recipe, i)); i++)
        all = ggx_arena_format(&r->arena, "%s%s%s", all.data, i ? " " : "", writer);
    return all.size ? all : GGX_LIT("*");
}

static ggx_status list_one(room *r, const char *file, ggx_table *table, uint32_t *listed)
{
    ggx_recipe *recipe;
    ggx_str path = ggx_arena_format(&r->arena, "%s/%s", r->directory, file);
    if (!path.data) return no_memory(r);
    ggx_status status = ggx_recipe_load(&r->arena, path.data, r->directory, &recipe, &r->error);
    if (status != GGX_OK) return status;
    if (r->cli->arguments.json) {
        ggx_text_format(&r->out, "%s\n  {\"id\": ", (*listed)++ ? "," : "");
        ggx_text_json(&r->out, ggx_str_of(ggx_recipe_id(recipe)));
        ggx_text_format(&r->out, ", \"about\": ");
        ggx_text_json(&r->out, ggx_str_of(ggx_recipe_about(recipe)));
        ggx_text_format(&r->out, ", \"file\": ");
        ggx_text_json(&r->out, path);
        ggx_text_format(&r->out, ", \"writers\": [");
        const char *writer;
        for (uint32_t i = 0; (writer = ggx_recipe_writer(recipe, i)); i++) {
            if (i) ggx_text_format(&r->out, ", ");
            ggx_text_json(&r->out, ggx_str_of(writer));
        }
        ggx_text_format(&r->out, "]}");
        return GGX_OK;
    }
    const char **cells = ggx_table_add(table);
    if (!cells) return no_memory(r);
    cells[0] = ggx_recipe_id(recipe);
    cells[1] = writers_of(r, recipe).data;
    cells[2] = ggx_recipe_about(recipe);
    return GGX_OK;
}

static ggx_status list(room *r)
{
    struct dirent **entries = NULL;
    ggx_table table = {.arena = &r->arena, .columns = 3};
    uint32_t listed = 0;
    ggx_status status = GGX_OK;
    int n = scandir(r->directory, &entries, is_recipe, by_name);
    if (n < 0) return ggx_fail(&r->error, GGX_E_NOTFOUND, "there is no folder %.150s with recipes", r->directory);
    if (r->cli->arguments.json) ggx_text_format(&r->out, "{\"recipes\": [");
    for (int i = 0; i < n; i++) {
        if (status == GGX_OK) status = list_one(r, entries[i]->d_name, &table, &listed);
        free(entries[i]);
    }
    free(entries);
    if (r->cli->arguments.json)
        ggx_text_format(&r->out, "%s]}\n", listed ? "\n" : "");
    else
        ggx_table_print(&table, 0, &r->out);
    return status;
}

/* --- show and check ----------------------------------------------------------------------------------------------------------- */

static ggx_status find(room *r, const char *name, ggx_recipe **out)
{
    const ggx_recipe_env env = {.type_name = "", .version = GGX_VERSION};
    return ggx_recipe_choose(&r->arena, r->directory, name, &env, out, &r->error);
}

static ggx_status show(room *r, const char *name)
{
    ggx_recipe *recipe;
    char part[4096];
    ggx_status status = find(r, name, &recipe);
    if (status != GGX_OK) return status;
    FILE *file = fopen(ggx_recipe_path(recipe), "rb");
    if (!file) return ggx_fail(&r->error, GGX_E_IO, "%.200s cannot be read again", ggx_recipe_path(recipe));
    for (size_t n; (n = fread(part, 1, sizeof part, file)) > 0;) ggx_text_bytes(&r->out, part, n);
    fclose(file);
    return GGX_OK;
}

/* The line; before it the file's name where it is not the recipe's own. */
static ggx_str place_text(ggx_arena *arena, const ggx_recipe *recipe, const char *file, uint32_t line)
{
    const char *slash = file ? strrchr(file, '/') : NULL;
    if (!file || !recipe || !strcmp(file, ggx_recipe_path(recipe))) return ggx_arena_format(arena, "%u", line);
    return ggx_arena_format(arena, "%s:%u", slash ? slash + 1 : file, line);
}

/* All of the files, also behind one that is at fault. The last fault is left to the caller to report. */
/* Which rules run backwards; why the others do not. */
static void check_backwards(room *r, const ggx_recipe *recipe)
{
    uint32_t line, n = 0, back = 0;
    ggx_str key;
    const char *one_way, *file;
    while (ggx_recipe_rule(recipe, n, &file, &line, &key, &one_way)) n++, back += !one_way;
    ggx_text_format(&r->out, "    %u of %u rules run backwards\n", back, n);
    for (n = 0; ggx_recipe_rule(recipe, n, &file, &line, &key, &one_way); n++)
        if (one_way)
            ggx_text_format(&r->out, "    line %s: '%.*s': %s\n", place_text(&r->arena, recipe, file, line).data,
                            GGX_STR_ARGS(key), one_way);
}

static ggx_status check(room *r, const char *const *files)
{
    ggx_status worst = GGX_OK;
    for (; *files; files++) {
        ggx_recipe *recipe;
        ggx_error error;
        ggx_status status = ggx_recipe_load(&r->arena, *files, r->directory, &recipe, &error);
        if (status == GGX_OK) {
            ggx_text_format(&r->out, "%s: recipe %s is good\n", *files, ggx_recipe_id(recipe));
            check_backwards(r, recipe);
            continue;
        }
        if (worst != GGX_OK) ggx_report_error(&r->error, NULL);
        r->error = error;
        worst = status;
    }
    if (worst != GGX_OK && r->out.size) { /* what was good is said all the same */
        ggx_report_result(&r->out);
        r->out = (ggx_text){0};
    }
    return worst;
}

void ggx_recipes_name_file(room *r, const ggx_flow *flow)
{
    const char *path =
        flow->source && r->error.member != GGX_NO_MEMBER ? ggx_source_path(flow->source, r->error.member) : "";
    ggx_str text = *path ? ggx_arena_format(&r->arena, "%s: %s", path, r->error.text) : (ggx_str){NULL, 0};
    if (text.data) snprintf(r->error.text, sizeof r->error.text, "%s", text.data);
    r->error.member = GGX_NO_MEMBER;
}

/* --- explain ------------------------------------------------------------------------------------------------------------------ */

/* A source tensor in an output; sorted by tensor, then output. */
typedef struct link {
    uint64_t tensor, output;
} link;

static int by_tensor(const void *left, const void *right)
{
    const link *a = left, *b = right;
    if (a->tensor != b->tensor) return a->tensor < b->tensor ? -1 : 1;
    return (a->output > b->output) - (a->output < b->output);
}

/* All links, each once. */
static link *links_of(const ggx_recipe_result *result, uint64_t *count)
{
    uint64_t total = 0, kept = 0;
    for (uint64_t i = 0; i < result->tensor_count; i++) total += result->tensors[i].view.piece_count;
    link *links = malloc((size_t)(total ? total : 1) * sizeof *links);
    *count = 0;
    if (!links) return NULL;
    for (uint64_t i = 0; i < result->tensor_count; i++)
        for (uint32_t p = 0; p < result->tensors[i].view.piece_count; p++)
            links[(*count)++] = (link){result->tensors[i].view.pieces[p].tensor, i};
    if (*count) qsort(links, (size_t)*count, sizeof *links, by_tensor);
    for (uint64_t i = 0; i < *count; i++)
        if (!kept || by_tensor(&links[kept - 1], &links[i])) links[kept++] = links[i];
    *count = kept;
    return links;
}

static ggx_str shape_text(ggx_arena *arena, const uint64_t *shape, uint32_t rank)
{
    ggx_str text = {"", 0};
    for (uint32_t a = 0; a < rank && text.data; a++)
        text = ggx_arena_format(arena, a ? "%sx%llu" : "%s%llu", text.data, (unsigned long long)shape[a]);
    return rank ? text : GGX_LIT("scalar");
}

/* How the output comes from its sources, in a few words. */
static ggx_str how_text(ggx_arena *arena, const ggx_recipe_tensor *t)
{
    static const char *const names[] = {"", "cast", "add", "mul", "neg", "exp", "ternary", "scale"};
    uint64_t tensor, offset;
    ggx_str text = ggx_view_contiguous(&t->view, &tensor, &offset) ? GGX_LIT("in order")
                   : t->view.piece_count > 1 ? ggx_arena_format(arena, "%u pieces", t->view.piece_count)
                                             : GGX_LIT("rearranged");
    for (uint32_t i = 0; i < t->op_count && text.data; i++)
        text = ggx_arena_format(arena, "%s, %s", text.data, names[t->ops[i].kind]);
    return text;
}

static ggx_str type_text(ggx_arena *arena, const ggx_recipe_tensor *t)
{
    ggx_str fallback = t->default_type.size ? t->default_type : ggx_str_of(t->view.type.name);
    if (t->type.size) return t->type;
    return t->quantize ? ggx_arena_format(arena, "--type or %s", fallback.data) : fallback;
}

typedef struct explanation {
    room *room;
    const ggx_checkpoint *checkpoint;
    const ggx_recipe *recipe; /* may be NULL */
    const ggx_recipe_result *result;
    const char **files; /* for each source tensor: its rule's file */
    uint32_t *lines;    /* for each source tensor: its rule's line */
    uint8_t *fates;     /* for each source tensor: 0 left over, 1 used, 2 dropped */
    uint64_t left_over;
} explanation;

static const char *const fate_names[] = {"LEFT OVER", "used", "dropped"};

static void json_row(explanation *e, uint64_t i, const link *links, uint64_t count)
{
    ggx_text *out = &e->room->out;
    ggx_text_format(out, "%s\n  {\"name\": ", i ? "," : "");
    ggx_text_json(out, ggx_tensor_own_name(e->checkpoint, i));
    if (e->files[i]) {
        ggx_text_format(out, ", \"file\": ");
        ggx_text_json(out, ggx_str_of(e->files[i]));
    }
    ggx_text_format(out, ", \"line\": %u, \"fate\": \"%s\", \"outputs\": [", e->lines[i],
                    e->fates[i] ? fate_names[e->fates[i]] : "left over");
    for (uint64_t k = 0; k < count; k++) {
        const ggx_recipe_tensor *t = &e->result->tensors[links[k].output];
        ggx_text_format(out, "%s{\"name\": ", k ? ", " : "");
        ggx_text_json(out, t->name);
        ggx_text_format(out, ", \"shape\": [");
        for (uint32_t a = 0; a < t->view.rank; a++)
            ggx_text_format(out, "%s%llu", a ? ", " : "", (unsigned long long)t->view.shape[a]);
        ggx_text_format(out, "], \"type\": ");
        ggx_text_json(out, type_text(&e->room->arena, t));
        ggx_text_format(out, ", \"how\": ");
        ggx_text_json(out, how_text(&e->room->arena, t));
        ggx_text_format(out, "}");
    }
    ggx_text_format(out, "]}");
}

static ggx_status table_row(explanation *e, uint64_t i, const link *links, uint64_t count, ggx_table *table)
{
    ggx_arena *arena = &e->room->arena;
    const ggx_tensor *from = &e->checkpoint->tensors[i];
    for (uint64_t k = 0; k < (count ? count : 1); k++) {
        const char **cells = ggx_table_add(table);
        if (!cells) return no_memory(e->room);
        if (!k) {
            cells[0] = ggx_tensor_own_name(e->checkpoint, i).data;
            cells[1] = shape_text(arena, from->shape, from->rank).data;
            cells[2] = e->lines[i] ? place_text(arena, e->recipe, e->files[i], e->lines[i]).data : "";
        }
        if (!count) cells[3] = fate_names[e->fates[i]];
        if (!count) continue;
        const ggx_recipe_tensor *t = &e->result->tensors[links[k].output];
        cells[3] = t->name.data;
        cells[4] = shape_text(arena, t->view.shape, t->view.rank).data;
        cells[5] = type_text(arena, t).data;
        cells[6] = how_text(arena, t).data;
    }
    return GGX_OK;
}

/* Outputs that come from no tensor. */
static ggx_status constant_rows(explanation *e, const link *links, uint64_t count, ggx_table *table)
{
    for (uint64_t k = 0; k < count; k++) {
        if (links[k].tensor != GGX_CONST_TENSOR) continue;
        const ggx_recipe_tensor *t = &e->result->tensors[links[k].output];
        const char **cells = ggx_table_add(table);
        if (!cells) return no_memory(e->room);
        cells[0] = "(constant)";
        cells[2] = place_text(&e->room->arena, e->recipe, t->rule_file, t->rule_line).data;
        cells[3] = t->name.data;
        cells[4] = shape_text(&e->room->arena, t->view.shape, t->view.rank).data;
        cells[5] = type_text(&e->room->arena, t).data;
    }
    return GGX_OK;
}

static ggx_status print_rows(explanation *e)
{
    static const char *const head[] = {"TENSOR", "SHAPE", "LINE", "BECOMES", "SHAPE", "TYPE", "HOW"};
    const ggx_cli *cli = e->room->cli;
    ggx_table table = {.arena = &e->room->arena, .columns = 7, .numbers = 1u << 2};
    uint64_t count, at = 0;
    const char **cells = ggx_table_add(&table);
    link *links = links_of(e->result, &count);
    ggx_status status = cells && links ? GGX_OK : no_memory(e->room);
    if (cells) memcpy(cells, head, sizeof head);
    if (cli->arguments.json) ggx_text_format(&e->room->out, ", \"tensors\": [");
    for (uint64_t i = 0; i < e->checkpoint->tensor_count && status == GGX_OK; i++) {
        uint64_t first = at;
        while (at < count && links[at].tensor == i) at++;
        if (cli->arguments.json)
            json_row(e, i, links + first, at - first);
        else
            status = table_row(e, i, links + first, at - first, &table);
    }
    if (status == GGX_OK && !cli->arguments.json) status = constant_rows(e, links, count, &table);
    if (cli->arguments.json)
        ggx_text_format(&e->room->out, "]");
    else
        ggx_table_print(&table, 0, &e->room->out);
    free(links);
    return status;
}

/* What became of each source tensor. */
static ggx_status explain_result(room *r, const ggx_checkpoint *checkpoint, const ggx_recipe *recipe,
                                 const ggx_recipe_result *result)
{
    explanation e = {.room = r, .checkpoint = checkpoint, .recipe = recipe, .result = result};
    e.lines = ggx_arena_array(&r->arena, checkpoint->tensor_count, sizeof *e.lines);
    e.fates = ggx_arena_array(&r->arena, checkpoint->tensor_count, 1);
    e.files = ggx_arena_array(&r->arena, checkpoint->tensor_count, sizeof *e.files);
    if (!e.lines || !e.fates || !e.files) return no_memory(r);
    for (uint64_t i = 0; i < result->use_count; i++) {
        e.files[result->uses[i].tensor] = result->uses[i].rule_file;
        e.lines[result->uses[i].tensor] = result->uses[i].rule_line;
        e.fates[result->uses[i].tensor] = result->uses[i].dropped ? 2 : 1;
    }
    for (uint64_t i = 0; i < checkpoint->tensor_count; i++) {
        if (!e.fates[i] && checkpoint->tensors[i].flags & GGX_TENSOR_AUXILIARY) e.fates[i] = 2;
        e.left_over += !e.fates[i];
    }
    if (r->cli->arguments.json) {
        ggx_text_format(&r->out, "{\"recipe\": ");
        ggx_text_json(&r->out, ggx_str_of(recipe ? ggx_recipe_id(recipe) : "none"));
        ggx_text_format(&r->out, ", \"file\": ");
        ggx_text_json(&r->out, ggx_str_of(recipe ? ggx_recipe_path(recipe) : ""));
    }
    ggx_status status = print_rows(&e);
    if (r->cli->arguments.json)
        ggx_text_format(&r->out, ", \"outputs\": %llu, \"left_over\": %llu}\n",
                        (unsigned long long)result->tensor_count, (unsigned long long)e.left_over);
    else
        ggx_text_format(&r->out, "\nrecipe %s: %llu tensors become %llu, %llu left over\n",
                        recipe ? ggx_recipe_path(recipe) : "none", (unsigned long long)checkpoint->tensor_count,
                        (unsigned long long)result->tensor_count, (unsigned long long)e.left_over);
    return status;
}

/* The writer that was named, else the first that the recipe is for. */
static const char *writer_for(const room *r, const ggx_recipe *recipe)
{
    if (r->cli->arguments.writer) return r->cli->arguments.writer;
    const char *first = recipe ? ggx_recipe_writer(recipe, 0) : NULL;
    return first ? first : "";
}

static ggx_status explain_checkpoint(room *r, ggx_flow *flow, const char *name)
{
    const ggx_arguments *a = &r->cli->arguments;
    ggx_metadata_file metadata = {a->metadata, 0};
    ggx_recipe_env env = {.checkpoint = &flow->checkpoint,
                          .metadata = a->metadata ? &metadata : NULL,
                          .writer = a->writer ? a->writer : "",
                          .type_name = a->type ? a->type : "",
                          .version = GGX_VERSION,
                          .settings = a->settings,
                          .setting_count = a->setting_count,
                          .portion = a->portion,
                          .model_name = ggx_source_folder(flow->checkpoint.source)};
    ggx_recipe *recipe = NULL;
    ggx_recipe_result result = {0};
    ggx_status status = GGX_OK;
    if (a->type && strcmp(a->type, "f32")) {
        status = ggx_registry_quant(flow->registry, ggx_str_of(a->type), &env.type, &r->error);
        if (status == GGX_OK) env.type_name = env.type->type.name;
    }
    if (status == GGX_OK && !(name && !strcmp(name, "none")))
        status = ggx_recipe_choose(&r->arena, r->directory, name, &env, &recipe, &r->error);
    if (status != GGX_OK) return status;
    env.writer = writer_for(r, recipe);
    status = recipe ? ggx_recipe_apply(&r->arena, recipe, &env, &result, &r->error)
                    : ggx_recipe_identity(&r->arena, &env, &result, &r->error);
    ggx_error fault = r->error;
    if (status == GGX_OK || result.use_count) {
        ggx_status printed =
            explain_result(r, result.checkpoint ? result.checkpoint : &flow->checkpoint, recipe, &result);
        if (printed != GGX_OK) return printed;
    }
    r->error = fault;
    return status;
}

static ggx_status explain(room *r, const char *name, const char *model)
{
    ggx_arguments *a = &r->cli->arguments;
    const ggx_conversion wanted = {.input = model,
                                   .reader = a->reader,
                                   .recipe = name ? name : a->recipe,
                                   .settings = a->settings,
                                   .setting_count = a->setting_count};
    ggx_registry registry;
    ggx_flow flow = {0};
    ggx_status status = ggx_cli_registry(r->cli, &registry, &r->error);
    if (status == GGX_OK) status = ggx_flow_open(&flow, &registry, &wanted, &r->cli->run, &r->error);
    if (status == GGX_OK) status = explain_checkpoint(r, &flow, name ? name : a->recipe);
    if (status != GGX_OK && r->out.size) { /* the table, then the reason */
        ggx_report_result(&r->out);
        r->out = (ggx_text){0};
    }
    ggx_progress_close(&r->cli->progress);
    if (status != GGX_OK) ggx_recipes_name_file(r, &flow);
    ggx_flow_close(&flow);
    ggx_registry_close(&registry);
    return status;
}

/* --- the verb ----------------------------------------------------------------------------------------------------------------- */

static ggx_status act(room *r)
{
    const char *const *operands = r->cli->arguments.operands;
    const uint32_t n = r->cli->arguments.operand_count;
    const char *action = n ? operands[0] : "list";
    if (!strcmp(action, "list") && n <= 1) return list(r);
    if (!strcmp(action, "show") && n == 2) return show(r, operands[1]);
    if (!strcmp(action, "check") && n >= 2) return check(r, operands + 1);
    if (!strcmp(action, "explain") && n == 2) return explain(r, NULL, operands[1]);
    if (!strcmp(action, "explain") && n == 3) return explain(r, operands[1], operands[2]);
    if (!strcmp(action, "new") && n == 2) return ggx_recipes_new(r, operands[1]);
    return ggx_fail(&r->error, GGX_E_USAGE,
                    "ggx recipes takes: nothing or list; show RECIPE; check FILE…; explain [RECIPE] MODEL; new MODEL");
}

int ggx_verb_recipes(ggx_cli *cli)
{
    room r = {.cli = cli};
    ggx_arena_init(&r.arena, RECIPE_MEMORY);
    const char *data = ggx_data_directory(&r.arena);
    ggx_str directory = ggx_arena_format(&r.arena, "%s/recipes", data ? data : "");
    r.directory = directory.data;
    ggx_status status = data && directory.data ? act(&r) : no_memory(&r);
    int code = status == GGX_OK ? ggx_report_result(&r.out) : ggx_report_error(&r.error, NULL);
    if (status != GGX_OK) ggx_text_free(&r.out);
    ggx_arena_free(&r.arena);
    return code;
}
