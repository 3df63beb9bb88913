/* ggx diff: what a file holds against what a recipe makes of the source. */
#include "cli/metadata.h"
#include "cli/report.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "diff.h"
#include <ggx_sdk/error.h>
#include <math.h>

#define DIFF_MEMORY (512u << 20)

static const char *const states[GGX_DIFF_STATES] = {"same", "type", "differs", "shape", "missing", "extra"};

static ggx_str shape_text(ggx_arena *arena, const uint64_t *shape, uint32_t rank)
{
    ggx_str text = {"", 0};
    for (uint32_t a = 0; a < rank && text.data; a++)
        text = ggx_arena_format(arena, a ? "%sx%llu" : "%s%llu", text.data, (unsigned long long)shape[a]);
    return shape && !rank ? GGX_LIT("scalar") : text;
}

/* --- JSON --------------------------------------------------------------------------------------------------------------------- */

static void json_shape(const char *name, const uint64_t *shape, uint32_t rank, ggx_text *out)
{
    if (!shape) return;
    ggx_text_format(out, ", \"%s\": [", name);
    for (uint32_t a = 0; a < rank; a++) ggx_text_format(out, "%s%llu", a ? ", " : "", (unsigned long long)shape[a]);
    ggx_text_format(out, "]");
}

/* JSON has no infinities; sums of finite floats may still become one. */
static void json_number(const char *key, double value, ggx_text *out)
{
    ggx_text_format(out, isfinite(value) ? ", \"%s\": %.9g" : ", \"%s\": null", key, value);
}

static void json_tensor(const ggx_diff_tensor *t, ggx_text *out)
{
    ggx_text_format(out, "{\"name\": ");
    ggx_text_json(out, t->name);
    ggx_text_format(out, ", \"source\": ");
    ggx_text_json(out, t->source);
    ggx_text_format(out, ", \"sources\": %u, \"state\": \"%s\", \"type\": \"%s\"", t->sources, states[t->state],
                    t->type);
    json_shape("wanted_shape", t->wanted_shape, t->wanted_rank, out);
    json_shape("shape", t->found_shape, t->found_rank, out);
    if (t->measured) {
        json_number("max_error", t->difference.largest, out);
        json_number("rmse", t->difference.rmse, out);
        json_number("cosine", t->difference.cosine, out);
        json_number("type_rmse", t->difference.own_rmse, out);
        ggx_text_format(out, ", \"changed\": %llu, \"not_finite\": %llu", (unsigned long long)t->difference.changed,
                        (unsigned long long)t->difference.odd);
    }
    ggx_text_format(out, "}");
}

static void json_key(const ggx_diff_key *k, ggx_text *out)
{
    ggx_text_format(out, "{\"key\": ");
    ggx_text_json(out, k->key);
    ggx_text_format(out, ", \"state\": \"%s\"", states[k->state]);
    if (k->state != GGX_DIFF_SAME && k->wanted) {
        ggx_text_format(out, ", \"wanted\": ");
        ggx_metadata_print(k->wanted, 1, out);
    }
    if (k->state != GGX_DIFF_SAME && k->found) {
        ggx_text_format(out, ", \"found\": ");
        ggx_metadata_print(k->found, 1, out);
    }
    ggx_text_format(out, "}");
}

static void print_json(const ggx_diff *d, ggx_text *out)
{
    ggx_text_format(out, "{\"recipe\": ");
    ggx_text_json(out, ggx_str_of(d->recipe));
    ggx_text_format(out, ", \"type\": ");
    ggx_text_json(out, ggx_str_of(d->type));
    ggx_text_format(out, ",\n \"tensors\": [");
    for (uint64_t i = 0; i < d->tensor_count; i++) {
        ggx_text_format(out, i ? ",\n  " : "\n  ");
        json_tensor(&d->tensors[i], out);
    }
    ggx_text_format(out, "],\n \"keys\": [");
    for (uint64_t i = 0; i < d->key_count; i++) {
        ggx_text_format(out, i ? ",\n  " : "\n  ");
        json_key(&d->keys[i], out);
    }
    ggx_text_format(out, "],\n \"differs\": %s}\n", ggx_diff_count(d) ? "true" : "false");
}

/* --- tables ------------------------------------------------------------------------------------------------------------------- */

static void print_tensors(const ggx_diff *d, int all, ggx_arena *arena, ggx_text *out)
{
    static const char *const head[] = {"TENSOR",    "SOURCE", "TYPE",   "STATE",     "SHAPE",
                                       "MAX ERROR", "RMSE",   "COSINE", "NOT FINITE"};
    ggx_table table = {.arena = arena, .columns = 9, .numbers = 0x1e0};
    const char **cells = ggx_table_add(&table);
    if (cells) memcpy(cells, head, sizeof head);
    for (uint64_t i = 0; i < d->tensor_count; i++) {
        const ggx_diff_tensor *t = &d->tensors[i];
        if ((!all && t->state <= GGX_DIFF_TYPE) || !(cells = ggx_table_add(&table))) continue;
        cells[0] = t->name.data;
        cells[1] = t->sources > 1   ? ggx_arena_format(arena, "%.*s + %u", GGX_STR_ARGS(t->source), t->sources - 1).data
                   : t->source.size ? t->source.data
                                    : "";
        cells[2] = t->type;
        cells[3] = states[t->state];
        ggx_str wanted = shape_text(arena, t->wanted_shape, t->wanted_rank),
                found = shape_text(arena, t->found_shape, t->found_rank);
        cells[4] = t->state == GGX_DIFF_SHAPE ? ggx_arena_format(arena, "%s, not %s", found.data, wanted.data).data
                   : t->found_shape           ? found.data
                                              : wanted.data;
        if (!t->measured) continue;
        cells[5] = ggx_arena_format(arena, "%.4g", t->difference.largest).data;
        cells[6] = ggx_arena_format(arena, "%.4g", t->difference.rmse).data;
        cells[7] = ggx_arena_format(arena, "%.6f", t->difference.cosine).data;
        cells[8] = ggx_arena_format(arena, "%llu", (unsigned long long)t->difference.odd).data;
    }
    if (table.first && table.first->next) ggx_table_print(&table, 0, out);
}

static const char *value_text(ggx_arena *arena, const ggx_kv *kv)
{
    ggx_text text = {0};
    if (!kv) return "-";
    ggx_text_format(&text, "%s%s ", ggx_metadata_type(kv), kv->type == GGX_KV_ARRAY ? "[]" : "");
    ggx_metadata_print(kv, 0, &text);
    ggx_str kept = ggx_arena_str(arena, (ggx_str){text.data, text.size});
    ggx_text_free(&text);
    return kept.data ? kept.data : "";
}

static void print_keys(const ggx_diff *d, ggx_arena *arena, ggx_text *out)
{
    static const char *const head[] = {"KEY", "STATE", "WANTED", "FOUND"};
    ggx_table table = {.arena = arena, .columns = 4};
    const char **cells = ggx_table_add(&table);
    if (cells) memcpy(cells, head, sizeof head);
    for (uint64_t i = 0; i < d->key_count; i++) {
        const ggx_diff_key *k = &d->keys[i];
        if (k->state == GGX_DIFF_SAME || !(cells = ggx_table_add(&table))) continue;
        cells[0] = k->key.data;
        cells[1] = states[k->state];
        cells[2] = value_text(arena, k->wanted);
        cells[3] = value_text(arena, k->found);
    }
    if (!table.first || !table.first->next) return;
    if (out->size) ggx_text_format(out, "\n");
    ggx_table_print(&table, 0, out);
}

static void print_sums(const char *what, const uint64_t *counts, ggx_text *out)
{
    uint64_t all = 0;
    for (uint32_t s = 0; s < GGX_DIFF_STATES; s++) all += counts[s];
    ggx_text_format(out, "%llu %s:", (unsigned long long)all, what);
    for (uint32_t s = 0, told = 0; s < GGX_DIFF_STATES; s++)
        if (counts[s]) ggx_text_format(out, "%s %llu %s", told++ ? "," : "", (unsigned long long)counts[s], states[s]);
    ggx_text_format(out, "\n");
}

static void print_text(const ggx_diff *d, const ggx_arguments *a, ggx_arena *arena, ggx_text *out)
{
    if (a->quiet) return;
    print_tensors(d, a->verbose, arena, out);
    print_keys(d, arena, out);
    if (out->size) ggx_text_format(out, "\n");
    ggx_text_format(out, "by recipe %s%s%s\n", d->recipe, *d->type ? ", type " : "", d->type);
    print_sums("tensors", d->tensor_states, out);
    print_sums("keys", d->key_states, out);
}

/* --- the verb ----------------------------------------------------------------------------------------------------------------- */

static ggx_status open_both(ggx_flow *flows, ggx_registry *registry, ggx_cli *cli, const ggx_conversion *wanted,
                            const ggx_source **at_fault, ggx_error *error)
{
    const ggx_conversion file = {.input = cli->arguments.operands[1]};
    ggx_status status = ggx_flow_open(&flows[0], registry, wanted, &cli->run, error);
    *at_fault = flows[0].source;
    if (status != GGX_OK) return status;
    status = ggx_flow_open(&flows[1], registry, &file, &cli->run, error);
    *at_fault = flows[1].source;
    return status;
}

int ggx_verb_diff(ggx_cli *cli)
{
    const ggx_arguments *a = &cli->arguments;
    const ggx_conversion wanted = {.input = a->operands[0],
                                   .called = a->called,
                                   .reader = a->reader,
                                   .recipe = a->recipe,
                                   .type = a->type,
                                   .base = a->base,
                                   .portion = a->portion,
                                   .compat = a->compat,
                                   .via = a->via,
                                   .metadata = a->metadata,
                                   .settings = a->settings,
                                   .setting_count = a->setting_count};
    ggx_registry registry;
    ggx_flow flows[2] = {0};
    ggx_arena arena;
    ggx_diff diff = {0};
    ggx_text out = {0};
    ggx_error error = {0};
    const ggx_source *at_fault = NULL;
    ggx_arena_init(&arena, DIFF_MEMORY);
    ggx_status status = ggx_cli_registry(cli, &registry, &error);
    if (status == GGX_OK) status = open_both(flows, &registry, cli, &wanted, &at_fault, &error);
    if (status == GGX_OK) status = ggx_models_diff(&arena, &flows[0], &flows[1], &wanted, &cli->run, &diff, &error);
    ggx_progress_close(&cli->progress);
    if (status == GGX_OK && a->json) print_json(&diff, &out);
    if (status == GGX_OK && !a->json) print_text(&diff, a, &arena, &out);
    int code = status == GGX_OK ? ggx_report_result(&out) : ggx_report_error(&error, at_fault);
    if (status == GGX_OK && !code && ggx_diff_count(&diff)) {
        ggx_fail(&error, GGX_E_INTEGRITY, "%.160s is not what recipe %s makes of %.160s: %llu difference%s",
                 a->operands[1], diff.recipe, a->operands[0], (unsigned long long)ggx_diff_count(&diff),
                 ggx_diff_count(&diff) == 1 ? "" : "s");
        code = ggx_report_error(&error, NULL);
    }
    ggx_flow_close(&flows[0]);
    ggx_flow_close(&flows[1]);
    ggx_arena_free(&arena);
    ggx_registry_close(&registry);
    return code;
}
