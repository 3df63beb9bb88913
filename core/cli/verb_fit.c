/* ggx fit: what a model would take in every type and mixture, from its headers alone, and which of them fit the machine. Each row is a
 * plan like that of ggx plan, so its sizes are those that a conversion writes. */
#include "base/pool.h"
#include "cli/mixtures.h"
#include "cli/report.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "flow.h"
#include "plan/needs.h"
#include <ggx_sdk/error.h>
#include <stdlib.h>

#define DEFAULT_CONTEXT 4096u
#define SMALLEST_MEMORY (64u << 20)

typedef struct row {
    const char *type;              /* NULL: as the recipe leaves it */
    const char *why;               /* why it cannot be made, or NULL */
    uint64_t bytes, memory, exact; /* of the file; to run; tensors that are copied as they are */
    ggx_needs needs;
    int32_t fits;
} row;

typedef struct fitting {
    ggx_cli *cli;
    ggx_registry registry;
    ggx_flow flow;
    ggx_conversion wanted;
    row *rows;
    uint32_t count;
    uint64_t context, disk, source_bytes;
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

static uint64_t count_exact(const ggx_plan *plan)
{
    uint64_t n = 0;
    for (uint64_t i = 0; i < plan->tensor_count; i++) n += plan->tensors[i].mode == GGX_MODE_COPY;
    return n;
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
        ggx_str text = ggx_arena_format(&f->flow.arena, "%s", why.text);
        out->why = text.data ? text.data : "";
    } else if (status == GGX_OK) {
        out->bytes = flow->plan.total_size;
        out->exact = count_exact(&flow->plan);
        ggx_plan_needs(&flow->plan, f->context, &out->needs);
        out->memory = out->needs.weights + out->needs.cache;
    }
    ggx_flow_close(flow);
    free(flow);
    return status;
}

/* Nobody named a writer: the first whose header says what running takes, else the first that can write the model at all. */
static ggx_status choose_writer(fitting *f)
{
    const ggx_plugin_entry *entry;
    const ggx_offer *offer;
    const char *first = NULL;
    row tried = {0};
    uint32_t at = 0;
    if (f->wanted.writer || f->wanted.output) return GGX_OK;
    while (!f->wanted.writer && ggx_registry_next(&f->registry, GGX_WRITER_ID, &at, &entry, &offer)) {
        ggx_status status = plan_row(f, NULL, offer->name, &tried);
        if (status != GGX_OK) return status;
        if (!tried.why && !first) first = offer->name;
        if (!tried.why && tried.needs.layers) f->wanted.writer = offer->name;
    }
    if (!f->wanted.writer) f->wanted.writer = first;
    if (first) return GGX_OK;
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
    ggx_status status = ggx_cli_mixtures(&f->registry.arena, &mixtures, &f->error);
    if (status != GGX_OK) return status;
    while (ggx_registry_next(&f->registry, GGX_QUANT_ID, &at, &entry, &offer)) types++;
    f->rows = ggx_arena_array(&f->registry.arena, types + mixtures.count, sizeof *f->rows);
    if (!f->rows) return ggx_fail(&f->error, GGX_E_NOMEM, "out of memory");
    status = add_row(f, NULL);
    if (status == GGX_OK) status = add_row(f, "f32");
    for (at = 0; status == GGX_OK && ggx_registry_next(&f->registry, GGX_QUANT_ID, &at, &entry, &offer);)
        status = add_row(f, offer->name);
    for (uint32_t i = 0; i < mixtures.count && status == GGX_OK; i++) status = add_row(f, mixtures.names[i]);
    return status;
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
    return strcmp(a->type, b->type);
}

static void judge(fitting *f)
{
    const ggx_arguments *a = &f->cli->arguments;
    for (uint32_t i = 0; i < f->count; i++) {
        row *r = &f->rows[i];
        r->fits = !r->why && in_memory(a, r) && r->bytes <= f->disk;
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
        if (f->rows[i].fits && f->rows[i].type && f->rows[i].bytes <= plain) return &f->rows[i];
    return NULL;
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

static void print_table(const fitting *f, const row *best, ggx_text *out)
{
    const ggx_arguments *a = &f->cli->arguments;
    ggx_arena *arena = (ggx_arena *)&f->registry.arena;
    static const char *const head[] = {"", "TYPE", "FILE", "BYTES", "CACHE", "MEMORY", "FITS", "LAYERS ON CARD"};
    ggx_table table = {.arena = arena, .columns = a->vram ? 8u : 7u, .numbers = 0x3c};
    const char **cells = ggx_table_add(&table);
    uint32_t refused = 0;
    if (cells) memcpy(cells, head, table.columns * sizeof *cells);
    for (uint32_t i = 0; i < f->count && cells; i++) {
        const row *r = &f->rows[i];
        refused += r->why != NULL;
        if (r->why && !a->verbose) continue;
        if (!(cells = ggx_table_add(&table))) break;
        cells[0] = r == best ? "*" : "";
        cells[1] = r->type ? r->type : "(as it is)";
        cells[6] = r->why ? r->why : r->fits ? "yes" : "no";
        if (r->why) continue;
        cells[2] = size_text(arena, r->bytes);
        cells[3] = ggx_arena_format(arena, "%llu", (unsigned long long)r->bytes).data;
        cells[4] = r->needs.known ? size_text(arena, r->needs.cache) : "unknown";
        cells[5] = size_text(arena, r->memory);
        if (a->vram && r->needs.layers)
            cells[7] = ggx_arena_format(arena, "%llu of %llu", (unsigned long long)layers_on_card(r, a->vram),
                                        (unsigned long long)r->needs.layers)
                           .data;
    }
    ggx_table_print(&table, 0, out);
    ggx_text_format(out, "\nmemory: weights and the cache of %llu positions; the program's own buffers come on top\n",
                    (unsigned long long)(f->count ? f->rows[0].needs.context : f->context));
    ggx_text_format(out, "disk while converting: the file itself, beside the %llu bytes of the source\n",
                    (unsigned long long)f->source_bytes);
    if (refused && !a->verbose)
        ggx_text_format(out, "%u more cannot be made of this model as it is; --verbose says why\n", refused);
}

static void print_json(const fitting *f, const row *best, ggx_text *out)
{
    const ggx_arguments *a = &f->cli->arguments;
    ggx_text_format(out, "{\"source_bytes\": %llu, \"pick\": ", (unsigned long long)f->source_bytes);
    ggx_text_format(out, best ? "\"%s\", \"types\": [" : "null, \"types\": [", best ? best->type : "");
    for (uint32_t i = 0; i < f->count; i++) {
        const row *r = &f->rows[i];
        ggx_text_format(out, "%s\n  {\"type\": ", i ? "," : "");
        ggx_text_format(out, r->type ? "\"%s\"" : "null", r->type ? r->type : "");
        if (r->why) {
            ggx_text_format(out, ", \"fits\": false, \"why\": ");
            ggx_text_json(out, ggx_str_of(r->why));
            ggx_text_format(out, "}");
            continue;
        }
        ggx_text_format(out, ", \"bytes\": %llu, \"weights\": %llu, \"cache\": ", (unsigned long long)r->bytes,
                        (unsigned long long)r->needs.weights);
        ggx_text_format(out, r->needs.known ? "%llu" : "null", (unsigned long long)r->needs.cache);
        ggx_text_format(out, ", \"context\": %llu, \"memory\": %llu, \"disk\": %llu, ",
                        (unsigned long long)r->needs.context, (unsigned long long)r->memory,
                        (unsigned long long)r->bytes);
        if (a->vram)
            ggx_text_format(out, "\"layers\": %llu, \"layers_on_card\": %llu, ", (unsigned long long)r->needs.layers,
                            (unsigned long long)layers_on_card(r, a->vram));
        ggx_text_format(out, "\"fits\": %s}", r->fits ? "true" : "false");
    }
    ggx_text_format(out, "\n]}\n");
}

static ggx_status print(fitting *f, ggx_text *out)
{
    const row *best = pick(f);
    if (f->cli->arguments.pick) {
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
    ggx_status status = ggx_flow_open(&f->flow, &f->registry, &f->wanted, &f->cli->run, &f->error);
    for (uint64_t i = 0; status == GGX_OK && i < f->flow.model->tensor_count; i++)
        f->source_bytes += f->flow.model->tensors[i].nbytes;
    return status;
}

int ggx_verb_fit(ggx_cli *cli)
{
    fitting f = {.cli = cli};
    ggx_text out = {0};
    ggx_status status = ggx_cli_registry(cli, &f.registry, &f.error);
    if (status == GGX_OK) status = open_model(&f);
    if (status == GGX_OK) status = choose_writer(&f);
    if (status == GGX_OK) status = make_rows(&f);
    if (status == GGX_OK) judge(&f);
    if (status == GGX_OK) status = print(&f, &out);
    ggx_progress_close(&cli->progress);
    const int code = status == GGX_OK ? ggx_report_result(&out) : ggx_report_error(&f.error, f.flow.source);
    if (status != GGX_OK) ggx_text_free(&out);
    ggx_flow_close(&f.flow);
    ggx_registry_close(&f.registry);
    return code;
}
