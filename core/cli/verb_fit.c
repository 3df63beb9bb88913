/* ggx fit: what a model would take in every type and mixture, from its headers alone, and which of them fit the machine. Each row is a
 * plan like that of ggx plan, so its sizes are those that a conversion writes. */
#include "base/pool.h"
#include "cli/fit_variants.h"
#include "cli/mixtures.h"
#include "cli/report.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "flow.h"
#include "plan/needs.h"
#include "source/remote.h"
#include <ggx_sdk/error.h>
#include <stdlib.h>

#define DEFAULT_CONTEXT 4096u
#define SMALLEST_MEMORY (64u << 20)

typedef struct row {
    const char *type;              /* NULL: as the recipe leaves it */
    const char *why;               /* why it cannot be made, or NULL */
    ggx_error refusal;             /* the same, as the conversion would say it */
    const char *recipe, *writer;   /* that were chosen */
    uint64_t bytes, memory, exact; /* of the file; to run; tensors that are copied as they are */
    uint64_t changed;              /* tensors that get another type than asked for */
    uint64_t disk;                 /* while converting: the file, and the model where it has to be fetched first */
    ggx_needs needs;
    int32_t mixture;   /* 1: of a mixture's name that is no tensor type's */
    int32_t by_recipe; /* 1: a recipe was chosen for the writer, and it does not lead back */
    int32_t fits;      /* FITS_* */
} row;

#define FITS_NOT 0
#define FITS_STREAMED 1 /* only when the model is not fetched first */
#define FITS 2

typedef struct fitting {
    ggx_cli *cli;
    ggx_registry *registry;
    ggx_flow flow;
    ggx_conversion wanted;
    row *rows;
    uint32_t count;
    ggx_variant *variants;
    row *variant_rows; /* of each, as it is */
    uint32_t variant_count;
    const char *writer, *recipe; /* that were chosen */
    const char *made_of; /* the variant that the types are made of, when the folder as a whole is no model; or NULL */
    uint64_t context, disk, source_bytes;
    uint64_t download; /* bytes to be fetched; 0 of a model on this machine */
    ggx_error error;
} fitting;

/* --- planning --------------------------------------------------------------------------------------------------------------------- */

static ggx_status no_log(fitting *f, ggx_run *run)
{
    *run = f->cli->run;
    run->log = NULL; /* forty plans would say the same forty times */
    run->progress = NULL;
    return run->canceled && *run->canceled ? ggx_fail(&f->error, GGX_E_CANCELED, "stopped") : GGX_OK;
}

static void count_tensors(const ggx_plan *plan, row *out)
{
    for (uint64_t i = 0; i < plan->tensor_count; i++) {
        out->exact += plan->tensors[i].mode == GGX_MODE_COPY;
        out->changed += plan->tensors[i].note != NULL;
    }
}

/* A mixture that does nothing of its own here is no choice: one that only copies, or one whose type is for tensors that the model lacks, as experts. */
static const char *idle_mixture(const ggx_flow *flow)
{
    if (!flow->mixture) return NULL;
    const ggx_str type = ggx_mixture_type(flow->mixture);
    if (!type.size) return "it leaves all tensors as they are";
    if (ggx_str_same(type, ggx_str_of(flow->type))) return NULL; /* the type itself */
    for (uint64_t i = 0; i < flow->result.tensor_count; i++)
        if (ggx_str_same(flow->mixed.choices[i].type, type)) return NULL;
    return "the model has no tensors that its type is for";
}

static const char *keep(fitting *f, const char *text)
{
    const char *kept = ggx_arena_format(&f->registry->arena, "%s", text ? text : "").data;
    return kept ? kept : "";
}

/* Plans the model in that type. What cannot be made is a row with a reason, not an error. */
static ggx_status plan_row(fitting *f, const char *type, const char *writer, row *out)
{
    ggx_run run;
    ggx_error why = {0};
    ggx_conversion wanted = f->wanted;
    ggx_flow *flow = calloc(1, sizeof *flow);
    ggx_status status = no_log(f, &run);
    if (!flow) return ggx_fail(&f->error, GGX_E_NOMEM, "out of memory");
    wanted.type = type;
    if (writer) wanted.writer = writer;
    memset(out, 0, sizeof *out);
    out->type = type;
    ggx_flow_share(flow, &f->flow);
    flow->run = &run;
    if (status == GGX_OK && ggx_flow_plan(flow, &wanted, &why) != GGX_OK) {
        out->refusal = why;
        out->why = keep(f, why.text);
    } else if (status == GGX_OK) {
        out->bytes = flow->plan.total_size;
        count_tensors(&flow->plan, out);
        ggx_plan_needs(&flow->plan, f->context, &out->needs);
        out->memory = out->needs.weights + out->needs.cache + out->needs.compute;
        out->disk = out->bytes + f->download;
        out->why = type ? idle_mixture(flow) : NULL;
    }
    out->recipe = keep(f, flow->recipe);
    out->writer = keep(f, flow->writer);
    out->by_recipe = strcmp(flow->recipe, "none") != 0 && !flow->leads_back;
    ggx_flow_close(flow);
    free(flow);
    return status;
}

/* Nobody named a writer: the first whose header says what running takes; else the first that a recipe is for, even one that refuses the
 * model, as the conversion would; else the first that can write the model at all. */
static ggx_status choose_writer(fitting *f)
{
    const ggx_plugin_entry *entry;
    const ggx_offer *offer;
    const char *made = NULL, *refused = NULL, *first = NULL;
    row tried = {0};
    uint32_t at = 0;
    if (f->wanted.writer || f->wanted.output) return GGX_OK;
    while (!f->wanted.writer && ggx_registry_next(f->registry, GGX_WRITER_ID, &at, &entry, &offer)) {
        ggx_status status = plan_row(f, NULL, offer->name, &tried);
        if (status != GGX_OK) return status;
        const char **rank = !tried.by_recipe ? &first : tried.why ? &refused : &made;
        if (!*rank && (tried.by_recipe || !tried.why)) *rank = offer->name;
        if (!tried.why && tried.needs.layers) f->wanted.writer = offer->name;
    }
    if (!f->wanted.writer) f->wanted.writer = made ? made : refused ? refused : first;
    if (f->wanted.writer) return GGX_OK;
    return ggx_fail(&f->error, GGX_E_UNSUPPORTED, "no writer can write this model: %.180s",
                    tried.why ? tried.why : "there is none");
}

static int has_row(const fitting *f, const char *type)
{
    for (uint32_t i = 0; i < f->count; i++)
        if (f->rows[i].type && !strcmp(f->rows[i].type, type)) return 1;
    return 0;
}

static ggx_status add_row(fitting *f, const char *type)
{
    if (type && has_row(f, type)) return GGX_OK;
    return plan_row(f, type, NULL, &f->rows[f->count++]);
}

static ggx_status make_rows(fitting *f)
{
    const ggx_plugin_entry *entry;
    const ggx_offer *offer;
    ggx_mixture_list mixtures = {0};
    uint32_t at = 0, types = 2;
    ggx_status status = ggx_cli_mixtures(&f->registry->arena, &mixtures, &f->error);
    if (status != GGX_OK) return status;
    while (ggx_registry_next(f->registry, GGX_QUANT_ID, &at, &entry, &offer)) types++;
    f->rows = ggx_arena_array(&f->registry->arena, types + mixtures.count, sizeof *f->rows);
    if (!f->rows) return ggx_fail(&f->error, GGX_E_NOMEM, "out of memory");
    status = add_row(f, NULL);
    if (status == GGX_OK) status = add_row(f, "f32");
    for (at = 0; status == GGX_OK && ggx_registry_next(f->registry, GGX_QUANT_ID, &at, &entry, &offer);)
        status = add_row(f, offer->name);
    const uint32_t plain = f->count;
    f->writer = f->rows[0].writer;
    f->recipe = f->rows[0].recipe;
    for (uint32_t i = 0; i < mixtures.count && status == GGX_OK; i++) status = add_row(f, mixtures.names[i]);
    for (uint32_t i = plain; i < f->count; i++) f->rows[i].mixture = 1;
    for (uint32_t i = 0; i < f->count; i++)
        if (!f->rows[i].why) return status;
    if (status == GGX_OK) f->error = f->rows[0].refusal; /* what the conversion says */
    return status == GGX_OK ? f->error.status : status;
}

/* --- judging -------------------------------------------------------------------------------------------------------------------- */

/* Of the memory that is there; both kinds together hold a model whose layers are spread. */
static int in_memory(const ggx_arguments *a, const row *r)
{
    if (!a->ram && !a->vram) return 1;
    return r->memory <= a->ram || r->memory - a->ram <= a->vram;
}

static int by_size(const void *left, const void *right)
{
    const row *a = left, *b = right;
    if (!a->why != !b->why) return a->why ? 1 : -1;
    if (a->bytes != b->bytes) return a->bytes > b->bytes ? -1 : 1;
    if (a->exact != b->exact) return a->exact > b->exact ? -1 : 1;
    if (!a->type || !b->type) return !a->type ? -1 : 1;
    if (a->changed != b->changed) return a->changed < b->changed ? -1 : 1;
    if (a->mixture != b->mixture) return a->mixture - b->mixture;
    return strcmp(a->type, b->type);
}

static void judge(fitting *f)
{
    const ggx_arguments *a = &f->cli->arguments;
    for (uint32_t i = 0; i < f->count; i++) {
        row *r = &f->rows[i];
        r->fits = r->why || !in_memory(a, r) || r->bytes > f->disk ? FITS_NOT
                  : r->disk <= f->disk                             ? FITS
                                                                   : FITS_STREAMED;
    }
    for (uint32_t i = 0; i < f->variant_count; i++) {
        row *r = &f->variant_rows[i];
        r->disk = r->bytes = f->variants[i].download;
        r->fits = r->why || !r->memory || !in_memory(a, r) || r->disk > f->disk ? FITS_NOT : FITS;
    }
    qsort(f->rows, f->count, sizeof *f->rows, by_size);
}

/* The largest that fits is the most exact, but nothing gains by being larger than the model as it is. */
static const row *pick(const fitting *f)
{
    uint64_t plain = UINT64_MAX;
    for (uint32_t i = 0; i < f->count; i++)
        if (!f->rows[i].type && !f->rows[i].why) plain = f->rows[i].bytes;
    for (uint32_t i = 0; i < f->count; i++)
        if (f->rows[i].fits == FITS && f->rows[i].type && f->rows[i].bytes <= plain) return &f->rows[i];
    return NULL;
}

/* Of variants that are models by themselves, the largest that fits. */
static uint32_t pick_variant(const fitting *f)
{
    uint32_t best = f->variant_count;
    for (uint32_t i = 0; i < f->variant_count; i++)
        if (f->variants[i].each && f->variant_rows[i].fits &&
            (best == f->variant_count || f->variant_rows[i].needs.weights > f->variant_rows[best].needs.weights))
            best = i;
    return best;
}

/* How many layers the graphics card holds, as if all were equal. */
static uint64_t layers_on_card(const row *r, uint64_t vram)
{
    if (!r->memory || r->memory <= vram) return r->needs.layers;
    return (uint64_t)((double)vram / (double)r->memory * (double)r->needs.layers);
}

/* --- printing ------------------------------------------------------------------------------------------------------------------- */

static const char *size_text(ggx_arena *arena, uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    uint32_t unit = 0;
    while (value >= 1000 && unit < 4) {
        value /= 1024;
        unit++;
    }
    return ggx_arena_format(arena, unit ? "%.2f %s" : "%.0f %s", value, units[unit]).data;
}

/* What the folder holds as it is. */
static void print_variants(const fitting *f, ggx_text *out)
{
    const ggx_arguments *a = &f->cli->arguments;
    ggx_arena *arena = &f->registry->arena;
    static const char *const head[] = {"", "VARIANT", "FORM", "BYTES", "CACHE", "MEMORY", "FITS", "LAYERS ON CARD"};
    ggx_table table = {.arena = arena, .columns = a->vram ? 8u : 7u, .numbers = 0x38};
    const char **cells = ggx_table_add(&table);
    const uint32_t best = pick_variant(f);
    if (cells) memcpy(cells, head, table.columns * sizeof *cells);
    for (uint32_t i = 0; i < f->variant_count && cells && (cells = ggx_table_add(&table)); i++) {
        const row *r = &f->variant_rows[i];
        cells[0] = i == best && f->made_of ? "*" : "";
        cells[1] = f->variants[i].name;
        cells[2] = f->variants[i].form;
        cells[3] = ggx_arena_format(arena, "%llu", (unsigned long long)f->variants[i].download).data;
        cells[6] = r->why ? r->why : !r->memory ? "" : r->fits ? "yes" : "no";
        if (r->why || !r->memory) continue;
        cells[4] = r->needs.known ? size_text(arena, r->needs.cache) : "unknown";
        cells[5] = size_text(arena, r->memory);
        if (a->vram && r->needs.layers)
            cells[7] = ggx_arena_format(arena, "%llu of %llu", (unsigned long long)layers_on_card(r, a->vram),
                                        (unsigned long long)r->needs.layers)
                           .data;
    }
    ggx_table_print(&table, 0, out);
    ggx_text_format(out, "\n");
    if (f->made_of) ggx_text_format(out, "made of %s:\n", f->made_of);
}

static void print_table(const fitting *f, const row *best, ggx_text *out)
{
    const ggx_arguments *a = &f->cli->arguments;
    ggx_arena *arena = &f->registry->arena;
    static const char *const head[] = {"",      "TYPE",   "FILE", "BYTES",         "DISK",
                                       "CACHE", "MEMORY", "FITS", "LAYERS ON CARD"};
    ggx_table table = {.arena = arena, .columns = a->vram ? 9u : 8u, .numbers = 0x7c};
    const char **cells = ggx_table_add(&table);
    uint32_t refused = 0;
    if (f->variant_count > 1) print_variants(f, out);
    ggx_text_format(out, "writer %s, recipe %s\n\n", f->writer, f->recipe);
    if (cells) memcpy(cells, head, table.columns * sizeof *cells);
    for (uint32_t i = 0; i < f->count && cells; i++) {
        const row *r = &f->rows[i];
        refused += r->why != NULL;
        if (r->why && !a->verbose) continue;
        if (!(cells = ggx_table_add(&table))) break;
        cells[0] = r == best ? "*" : "";
        cells[1] = r->type ? r->type : "(as it is)";
        cells[7] = r->why ? r->why : r->fits == FITS ? "yes" : r->fits ? "with --stream" : "no";
        if (r->why) continue;
        cells[2] = size_text(arena, r->bytes);
        cells[3] = ggx_arena_format(arena, "%llu", (unsigned long long)r->bytes).data;
        cells[4] = size_text(arena, r->disk);
        cells[5] = r->needs.known ? size_text(arena, r->needs.cache) : "unknown";
        cells[6] = size_text(arena, r->memory);
        if (a->vram && r->needs.layers)
            cells[8] = ggx_arena_format(arena, "%llu of %llu", (unsigned long long)layers_on_card(r, a->vram),
                                        (unsigned long long)r->needs.layers)
                           .data;
    }
    ggx_table_print(&table, 0, out);
    ggx_text_format(out,
                    "\nmemory: weights, the cache of %llu positions, and what a program computes with (an estimate)\n",
                    (unsigned long long)(f->count ? f->rows[0].needs.context : f->context));
    if (f->download)
        ggx_text_format(out, "disk: the file, and the %llu bytes that are fetched; with --stream the file alone\n",
                        (unsigned long long)f->download);
    else
        ggx_text_format(out, "disk while converting: the file itself, beside the %llu bytes of the source\n",
                        (unsigned long long)f->source_bytes);
    if (refused && !a->verbose)
        ggx_text_format(out, "%u more cannot be made of this model as it is; --verbose says why\n", refused);
}

static void print_numbers(const fitting *f, const row *r, ggx_text *out)
{
    const ggx_arguments *a = &f->cli->arguments;
    if (r->why) {
        ggx_text_format(out, ", \"fits\": false, \"why\": ");
        ggx_text_json(out, ggx_str_of(r->why));
        ggx_text_format(out, "}");
        return;
    }
    ggx_text_format(out, ", \"bytes\": %llu, \"weights\": %llu, \"cache\": ", (unsigned long long)r->bytes,
                    (unsigned long long)r->needs.weights);
    ggx_text_format(out, r->needs.known ? "%llu" : "null", (unsigned long long)r->needs.cache);
    ggx_text_format(out, ", \"compute\": %llu, \"context\": %llu, \"memory\": %llu, \"disk\": %llu, ",
                    (unsigned long long)r->needs.compute, (unsigned long long)r->needs.context,
                    (unsigned long long)r->memory, (unsigned long long)r->disk);
    if (a->vram)
        ggx_text_format(out, "\"layers\": %llu, \"layers_on_card\": %llu, ", (unsigned long long)r->needs.layers,
                        (unsigned long long)layers_on_card(r, a->vram));
    ggx_text_format(out, r->fits == FITS_STREAMED ? "\"fits\": \"streamed\"}" : "\"fits\": %s}",
                    r->fits == FITS ? "true" : "false");
}

static void print_json(const fitting *f, const row *best, ggx_text *out)
{
    const uint32_t variant = f->made_of ? pick_variant(f) : f->variant_count;
    ggx_text_format(out, "{\"source_bytes\": %llu, \"download\": %llu, \"pick\": ", (unsigned long long)f->source_bytes,
                    (unsigned long long)f->download);
    ggx_text_format(out, best ? "\"%s\"" : "null", best ? best->type : "");
    ggx_text_format(out, ", \"writer\": \"%s\", \"recipe\": ", f->writer);
    ggx_text_json(out, ggx_str_of(f->recipe));
    ggx_text_format(out, ", \"made_of\": ");
    f->made_of ? ggx_text_json(out, ggx_str_of(f->made_of)) : ggx_text_format(out, "null");
    ggx_text_format(out, ", \"pick_variant\": ");
    variant < f->variant_count ? ggx_text_json(out, ggx_str_of(f->variants[variant].name))
                               : ggx_text_format(out, "null");
    ggx_text_format(out, ", \"variants\": [");
    for (uint32_t i = 0; i < f->variant_count; i++) {
        ggx_text_format(out, "%s\n  {\"name\": ", i ? "," : "");
        ggx_text_json(out, ggx_str_of(f->variants[i].name));
        ggx_text_format(out, ", \"form\": \"%s\", \"download\": %llu", f->variants[i].form,
                        (unsigned long long)f->variants[i].download);
        if (f->variants[i].each)
            print_numbers(f, &f->variant_rows[i], out);
        else
            ggx_text_format(out, "}");
    }
    ggx_text_format(out, "], \"types\": [");
    for (uint32_t i = 0; i < f->count; i++) {
        const row *r = &f->rows[i];
        ggx_text_format(out, "%s\n  {\"type\": ", i ? "," : "");
        ggx_text_format(out, r->type ? "\"%s\"" : "null", r->type ? r->type : "");
        print_numbers(f, r, out);
    }
    ggx_text_format(out, "\n]}\n");
}

static ggx_status print(fitting *f, ggx_text *out)
{
    const row *best = pick(f);
    const uint32_t variant = pick_variant(f);
    if (f->cli->arguments.pick && f->made_of && variant < f->variant_count) {
        ggx_text_format(out, "%s/%s\n", f->cli->arguments.operands[0], f->variants[variant].name);
    } else if (f->cli->arguments.pick) {
        if (!best) return ggx_fail(&f->error, GGX_E_NOTFOUND, "nothing fits; ggx fit without --pick lists the sizes");
        ggx_text_format(out, "%s\n", best->type);
    } else if (f->cli->arguments.json) {
        print_json(f, best, out);
    } else {
        print_table(f, best, out);
    }
    return GGX_OK;
}

static ggx_status open_model(fitting *f)
{
    const ggx_arguments *a = &f->cli->arguments;
    f->wanted = (ggx_conversion){.input = a->operands[0],
                                 .called = a->called,
                                 .reader = a->reader,
                                 .writer = a->writer,
                                 .recipe = a->recipe,
                                 .recommended = a->recommended,
                                 .entry = a->entry,
                                 .timeout = a->timeout,
                                 .requantize = a->requantize,
                                 .imatrix = a->imatrix,
                                 .settings = a->settings,
                                 .setting_count = a->setting_count,
                                 .memory = SMALLEST_MEMORY,
                                 .threads = 1};
    f->context = a->context ? a->context : DEFAULT_CONTEXT;
    f->disk = a->disk ? a->disk : ggx_output_disk_free("out");
    return ggx_flow_open(&f->flow, f->registry, &f->wanted, &f->cli->run, &f->error);
}

/* --- variants ------------------------------------------------------------------------------------------------------------------- */

static ggx_status list_variants(fitting *f)
{
    ggx_arena *arena = &f->registry->arena;
    const char *data = ggx_data_directory(arena);
    const char *rules = data ? ggx_arena_format(arena, "%s/models/files.json", data).data : NULL;
    if (!f->flow.source || f->wanted.entry) return GGX_OK;
    if (!rules) return ggx_fail(&f->error, GGX_E_NOMEM, "out of memory");
    ggx_status status = ggx_variants_list(f->flow.source, rules, arena, &f->variants, &f->variant_count, &f->error);
    f->variant_rows = ggx_arena_array(arena, f->variant_count + 1ull, sizeof *f->variant_rows);
    if (status == GGX_OK && !f->variant_rows) return ggx_fail(&f->error, GGX_E_NOMEM, "out of memory");
    if (status == GGX_OK) memset(f->variant_rows, 0, (f->variant_count + 1ull) * sizeof *f->variant_rows);
    return status;
}

static const char *path_of(const fitting *f, const ggx_variant *v)
{
    return ggx_arena_format(&f->registry->arena, "%s/%s", f->cli->arguments.operands[0], v->name).data;
}

/* Its header tells what running it takes. One that cannot be read is a line with the reason. */
static ggx_status weigh_variant(fitting *f, const ggx_variant *v, row *out)
{
    fitting *g = calloc(1, sizeof *g);
    ggx_status status = g ? GGX_OK : ggx_fail(&f->error, GGX_E_NOMEM, "out of memory");
    if (status != GGX_OK) return status;
    *g = (fitting){.cli = f->cli, .registry = f->registry, .wanted = f->wanted, .context = f->context};
    g->wanted.input = path_of(f, v);
    g->wanted.reader = NULL; /* what was said of the folder */
    g->wanted.setting_count = 0;
    g->wanted.recipe = "none";
    g->wanted.recommended = NULL;
    if (!g->wanted.input) status = ggx_fail(&g->error, GGX_E_NOMEM, "out of memory");
    if (status == GGX_OK) status = ggx_flow_open(&g->flow, g->registry, &g->wanted, &f->cli->run, &g->error);
    if (status == GGX_OK) status = choose_writer(g);
    if (status == GGX_OK) status = plan_row(g, NULL, NULL, out);
    if (status != GGX_OK) {
        const char *why = ggx_arena_format(&f->registry->arena, "%s", g->error.text).data;
        *out = (row){.why = why ? why : ""};
    } else if (out->why) {
        out->why = ggx_arena_format(&f->registry->arena, "%s", out->why).data;
    }
    const int ends = status == GGX_E_CANCELED || status == GGX_E_NOMEM || status == GGX_E_NETWORK;
    if (ends) f->error = g->error;
    ggx_flow_close(&g->flow);
    free(g);
    return ends ? status : GGX_OK;
}

/* The folder as a whole is no model: types are made of its largest one, which is the most exact. */
static ggx_status open_largest(fitting *f)
{
    const ggx_variant *largest = NULL;
    for (uint32_t i = 0; i < f->variant_count; i++)
        if (f->variants[i].each && !f->variant_rows[i].why && (!largest || f->variants[i].download > largest->download))
            largest = &f->variants[i];
    if (!largest) return f->error.status;
    f->made_of = largest->name;
    f->wanted.input = path_of(f, largest);
    if (!f->wanted.input) return ggx_fail(&f->error, GGX_E_NOMEM, "out of memory");
    f->download = largest->download;
    ggx_flow_close(&f->flow);
    return ggx_flow_open(&f->flow, f->registry, &f->wanted, &f->cli->run, &f->error);
}

/* What would have to be fetched: the form that is preferred; else what holds tensors or tells how to read them. */
static void count_download(fitting *f)
{
    const ggx_source *source = f->flow.source;
    for (uint64_t i = 0; i < f->flow.model->tensor_count; i++) f->source_bytes += f->flow.model->tensors[i].nbytes;
    if (!ggx_source_is_remote(source)) {
        f->download = 0;
        return;
    }
    if (f->variant_count && !f->made_of) f->download = f->variants[0].download;
    for (uint32_t i = 0; !f->variant_count && i < source->count(source); i++) {
        ggx_member member = {.struct_size = sizeof member};
        ggx_error ignored;
        int used = ggx_source_was_read(source, i) || f->wanted.entry;
        for (uint64_t t = 0; t < f->flow.model->tensor_count && !used; t++)
            used = f->flow.model->tensors[t].member == i;
        if (used && source->member(source, i, &member, &ignored) == GGX_OK) f->download += member.size;
    }
}

static ggx_status open_all(fitting *f)
{
    ggx_status opened = open_model(f);
    const ggx_error why = f->error;
    ggx_status status = opened == GGX_E_CANCELED || opened == GGX_E_NETWORK ? opened : list_variants(f);
    for (uint32_t i = 0; i < f->variant_count && status == GGX_OK && (f->variant_count > 1 || opened != GGX_OK); i++)
        if (f->variants[i].each) status = weigh_variant(f, &f->variants[i], &f->variant_rows[i]);
    if (status != GGX_OK) return status;
    if (opened != GGX_OK) f->error = why;
    if (opened != GGX_OK) status = open_largest(f);
    if (status == GGX_OK) count_download(f);
    return status;
}

int ggx_verb_fit(ggx_cli *cli)
{
    ggx_registry registry;
    fitting f = {.cli = cli, .registry = &registry};
    ggx_text out = {0};
    ggx_status status = ggx_cli_registry(cli, &registry, &f.error);
    if (status == GGX_OK) status = open_all(&f);
    if (status == GGX_OK) status = choose_writer(&f);
    if (status == GGX_OK) status = make_rows(&f);
    if (status == GGX_OK) judge(&f);
    if (status == GGX_OK) status = print(&f, &out);
    ggx_progress_close(&cli->progress);
    const int code = status == GGX_OK ? ggx_report_result(&out) : ggx_report_error(&f.error, f.flow.source);
    if (status != GGX_OK) ggx_text_free(&out);
    ggx_flow_close(&f.flow);
    ggx_registry_close(&registry);
    return code;
}
