/* ggx quality: how far the tensors of one model are from those of the same name in another. */
#include "cli/quality.h"
#include "cli/report.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "commit/files.h"
#include "flow.h"
#include <ggx_sdk/error.h>
#include <math.h>
#include <sys/stat.h>

#define TABLE_MEMORY (256u << 20)

static ggx_status open_model(ggx_flow *model, ggx_registry *registry, const char *path, const ggx_cli *cli,
                             ggx_error *error)
{
    const ggx_arguments *a = &cli->arguments;
    const ggx_conversion wanted = {
        .input = path, .recipe = a->recipe, .settings = a->settings, .setting_count = a->setting_count};
    return ggx_flow_open(model, registry, &wanted, &cli->run, error);
}

/* Compares what has the same name in both; whole numbers (i8 … u64) are no weights and are left out. */
static ggx_status compare_all(const ggx_flow *m, ggx_arena *arena, const ggx_run *run, ggx_quality *q, ggx_error *error)
{
    const ggx_checkpoint *a = &m[0].checkpoint, *b = &m[1].checkpoint;
    q->rows = ggx_arena_array(arena, a->tensor_count, sizeof *q->rows);
    if (!q->rows) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    for (uint64_t i = 0; i < a->tensor_count; i++) {
        const char *type = a->tensors[i].type.name;
        const uint64_t k = ggx_checkpoint_find(b, a->tensors[i].name);
        if (k == UINT64_MAX) q->only_first++;
        if (k == UINT64_MAX ||
            ((type[0] == 'i' || type[0] == 'u') && type[1] >= '0' && type[1] <= '9' && !strchr(type, '_')))
            continue;
        ggx_quality_row *row = &q->rows[q->count];
        ggx_status status = ggx_tensors_compare(a, i, b, k, run, &row->difference, error);
        if (status != GGX_OK) return status;
        row->name = a->tensors[i].name;
        row->from = type;
        row->type = b->tensors[k].type.name;
        q->bits += row->difference.bits * (double)row->difference.elements;
        q->elements += row->difference.elements;
        q->count++;
    }
    for (uint64_t i = 0; i < b->tensor_count; i++)
        q->only_second += ggx_checkpoint_find(a, b->tensors[i].name) == UINT64_MAX;
    if (!q->count)
        return ggx_fail(error, GGX_E_NOTFOUND,
                        "the two models have no tensor's name in common; 'ggx diff SOURCE FILE' compares "
                        "a file with the model that it was made of");
    return GGX_OK;
}

/* JSON has no infinities; sums of finite floats may still become one. */
static void json_number(const char *key, double value, ggx_text *out)
{
    ggx_text_format(out, isfinite(value) ? ", \"%s\": %.9g" : ", \"%s\": null", key, value);
}

static void print_json(const ggx_quality *q, ggx_text *out)
{
    ggx_text_format(out, "{\"tensors\": [");
    for (uint64_t i = 0; i < q->count; i++) {
        const ggx_quality_row *row = &q->rows[i];
        ggx_text_format(out, "%s\n  {\"name\": ", i ? "," : "");
        ggx_text_json(out, row->name);
        ggx_text_format(out, ", \"from\": \"%s\", \"type\": \"%s\", \"elements\": %llu, \"not_finite\": %llu",
                        row->from, row->type, (unsigned long long)row->difference.elements,
                        (unsigned long long)row->difference.odd);
        json_number("rmse", row->difference.rmse, out);
        json_number("relative_rmse", row->difference.relative, out);
        json_number("max_error", row->difference.largest, out);
        json_number("cosine", row->difference.cosine, out);
        json_number("bits_per_weight", row->difference.bits, out);
        ggx_text_format(out, "}");
    }
    ggx_text_format(out, "],\n \"only_in_first\": %llu, \"only_in_second\": %llu", (unsigned long long)q->only_first,
                    (unsigned long long)q->only_second);
    json_number("bits_per_weight", q->elements ? q->bits / (double)q->elements : 0, out);
    ggx_text_format(out, "}\n");
}

static void print_table(const ggx_quality *q, ggx_arena *arena, ggx_text *out)
{
    ggx_table table = {.arena = arena, .columns = 9, .numbers = 0x1f8};
    static const char *const head[] = {"TENSOR",   "FROM",      "TYPE",   "BITS",      "RMSE",
                                       "RELATIVE", "MAX ERROR", "COSINE", "NOT FINITE"};
    const char **cells = ggx_table_add(&table);
    if (cells) memcpy(cells, head, sizeof head);
    for (uint64_t i = 0; i < q->count && (cells = ggx_table_add(&table)); i++) {
        const ggx_quality_row *row = &q->rows[i];
        cells[0] = row->name.data;
        cells[1] = row->from;
        cells[2] = row->type;
        cells[3] = ggx_arena_format(arena, "%g", row->difference.bits).data;
        cells[4] = ggx_arena_format(arena, "%.4g", row->difference.rmse).data;
        cells[5] = ggx_arena_format(arena, "%.4g", row->difference.relative).data;
        cells[6] = ggx_arena_format(arena, "%.4g", row->difference.largest).data;
        cells[7] = ggx_arena_format(arena, "%.6f", row->difference.cosine).data;
        cells[8] = ggx_arena_format(arena, "%llu", (unsigned long long)row->difference.odd).data;
    }
    ggx_table_print(&table, 0, out);
    ggx_text_format(out, "\n%llu tensors, %.3f bits per weight; %llu only in the first, %llu only in the second\n",
                    (unsigned long long)q->count, q->elements ? q->bits / (double)q->elements : 0,
                    (unsigned long long)q->only_first, (unsigned long long)q->only_second);
}

/* Does the page's name belong to one of the models? */
static int is_input(const ggx_arguments *a)
{
    struct stat page, model;
    if (!a->html || stat(a->html, &page) != 0) return 0;
    for (int i = 0; i < 2; i++)
        if (stat(a->operands[i], &model) == 0 && model.st_ino == page.st_ino && model.st_dev == page.st_dev) return 1;
    return 0;
}

static ggx_status write_page(const ggx_arguments *a, const ggx_quality *q, ggx_error *error)
{
    ggx_text page = {0};
    ggx_quality_html(q, a->operands[0], a->operands[1], &page);
    ggx_status status = page.failed ? ggx_fail(error, GGX_E_NOMEM, "no memory for the page")
                                    : ggx_write_file(a->html, (ggx_str){page.data, page.size}, error);
    ggx_text_free(&page);
    return status;
}

int ggx_verb_quality(ggx_cli *cli)
{
    const ggx_arguments *a = &cli->arguments;
    ggx_registry registry;
    ggx_flow models[2] = {0};
    ggx_arena arena;
    ggx_quality quality = {0};
    ggx_text out = {0};
    ggx_error error = {0};
    const ggx_source *at_fault = NULL;
    ggx_arena_init(&arena, TABLE_MEMORY);
    ggx_status status = ggx_cli_registry(cli, &registry, &error);
    if (status == GGX_OK && is_input(a))
        status = ggx_fail(&error, GGX_E_USAGE, "--html %.160s is one of the models; choose another name", a->html);
    for (int i = 0; i < 2 && status == GGX_OK; i++) {
        status = open_model(&models[i], &registry, a->operands[i], cli, &error);
        if (status != GGX_OK) at_fault = models[i].source;
    }
    const ggx_setting *unused = status == GGX_OK ? ggx_settings_unused(a->settings, a->setting_count) : NULL;
    if (unused)
        status = ggx_fail(&error, GGX_E_USAGE, "readers %s and %s have no option '%.80s'",
                          models[0].checkpoint.reader_name, models[1].checkpoint.reader_name, unused->name);
    if (status == GGX_OK) status = compare_all(models, &arena, &cli->run, &quality, &error);
    if (status == GGX_OK && a->html) status = write_page(a, &quality, &error);
    if (status == GGX_OK && a->json)
        print_json(&quality, &out);
    else if (status == GGX_OK)
        print_table(&quality, &arena, &out);
    int code = status == GGX_OK ? ggx_report_result(&out) : ggx_report_error(&error, at_fault);
    ggx_flow_close(&models[0]);
    ggx_flow_close(&models[1]);
    ggx_arena_free(&arena);
    ggx_registry_close(&registry);
    return code;
}
