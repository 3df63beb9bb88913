/* ggx convert and ggx plan: the pipeline of core/flow.c with the user's arguments; and ggx finish. */
#include "base/pool.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "flow.h"
#include <ggx_sdk/error.h>
#include <stdio.h>

#define DEFAULT_SYNC (256u << 20) /* bytes between two entries in the journal: a second or so of a disk's time */

static ggx_conversion conversion_of(const ggx_arguments *a)
{
    return (ggx_conversion){.input = a->operands[0],
                            .output = a->output,
                            .reader = a->reader,
                            .writer = a->writer,
                            .recipe = a->recipe,
                            .type = a->type,
                            .overrides = a->overrides,
                            .override_count = a->override_count,
                            .pure = a->pure,
                            .output_type = a->output_type,
                            .embedding_type = a->embedding_type,
                            .leave_output = a->leave_output,
                            .requantize = a->requantize,
                            .imatrix = a->imatrix,
                            .via = a->via,
                            .layout = a->layout,
                            .kvs = a->kvs,
                            .kv_count = a->kv_count,
                            .settings = a->settings,
                            .setting_count = a->setting_count,
                            .memory = a->memory,
                            .sync_bytes = a->sync_bytes ? a->sync_bytes : DEFAULT_SYNC,
                            .threads = a->threads ? a->threads : ggx_pool_cpus(),
                            .shards = {a->split_bytes, a->split_tensors, a->keep_split},
                            .part = a->part,
                            .parts = a->parts};
}

static uint64_t count_notes(const ggx_plan *plan, const ggx_plan_tensor **first)
{
    uint64_t n = 0;
    for (uint64_t i = plan->tensor_count; i-- > 0;)
        if (plan->tensors[i].note) {
            *first = &plan->tensors[i];
            n++;
        }
    return n;
}

/* Tensors of each type, in the order in which the types first occur. */
static void list_types(const ggx_plan *plan, ggx_text *out)
{
    for (uint64_t i = 0, listed = 0; i < plan->tensor_count; i++) {
        uint64_t before = 0, n = 0;
        for (uint64_t k = 0; k < plan->tensor_count; k++) {
            int same = !strcmp(plan->tensors[k].type.name, plan->tensors[i].type.name);
            before += same && k < i;
            n += (uint64_t)same;
            if (before) break;
        }
        if (before) continue;
        ggx_text_format(out, "%s%llu %s", listed++ ? ", " : "", (unsigned long long)n, plan->tensors[i].type.name);
    }
}

static void warn_of_notes(const ggx_flow *flow)
{
    char line[512];
    const ggx_plan_tensor *first = NULL;
    uint64_t n = count_notes(&flow->plan, &first);
    if (!n) return;
    snprintf(line, sizeof line,
             "%llu tensor%s another type than asked for, the first being '%.100s': %s; ggx plan lists them",
             (unsigned long long)n, n == 1 ? " gets" : "s get", first->name.data, first->note);
    flow->run->log(flow->run->context, GGX_LOG_WARNING, line);
}

static void print_result(const ggx_cli *cli, const ggx_flow *flow, ggx_text *out)
{
    const ggx_arguments *a = &cli->arguments;
    const ggx_plan *plan = &flow->plan;
    if (a->json) {
        ggx_text_format(out, "{\"output\": ");
        ggx_text_json(out, ggx_str_of(a->output));
        ggx_text_format(out,
                        ", \"files\": %u, \"bytes\": %llu, \"tensors\": %llu, \"tiles\": %llu, \"resumed_tiles\": "
                        "%llu, \"read_bytes\": %llu, "
                        "\"reader\": \"%s\", \"recipe\": ",
                        plan->output_count, (unsigned long long)plan->total_size,
                        (unsigned long long)plan->tensor_count, (unsigned long long)plan->tile_count,
                        (unsigned long long)flow->resumed, (unsigned long long)ggx_source_bytes_read(flow->source),
                        flow->checkpoint.reader_name);
        ggx_text_json(out, ggx_str_of(flow->recipe));
        ggx_text_format(out, ", \"writer\": \"%s\"}\n", flow->writer);
        return;
    }
    if (a->quiet) return;
    ggx_text_format(out, "%s: %llu tensor%s (", a->output, (unsigned long long)plan->tensor_count,
                    plan->tensor_count == 1 ? "" : "s");
    list_types(plan, out);
    if (plan->output_count > 1)
        ggx_text_format(out, ") in %u files (-00001-of-%05u", plan->output_count, plan->output_count);
    ggx_text_format(out, "), %llu bytes, by reader %s, recipe %s, writer %s\n", (unsigned long long)plan->total_size,
                    flow->checkpoint.reader_name, flow->recipe, flow->writer);
    if (flow->resumed)
        ggx_text_format(out, "%llu of %llu tiles had been done before\n", (unsigned long long)flow->resumed,
                        (unsigned long long)plan->tile_count);
    if (a->parts > 1)
        ggx_text_format(out, "part %u of %u is done; when all are: ggx finish %s\n", a->part, a->parts, a->output);
}

int ggx_verb_convert(ggx_cli *cli)
{
    const ggx_arguments *a = &cli->arguments;
    ggx_conversion wanted = conversion_of(a);
    ggx_registry registry;
    ggx_flow flow = {0};
    ggx_text out = {0};
    ggx_error error = {0};
    ggx_status status = ggx_cli_registry(cli, &registry, &error);
    if (status == GGX_OK && !a->output)
        status = ggx_fail(&error, GGX_E_USAGE, "name the file to make with -o FILE; see ggx convert --help");
    if (status == GGX_OK) status = ggx_flow_open(&flow, &registry, &wanted, &cli->run, &error);
    if (status == GGX_OK) status = ggx_flow_plan(&flow, &wanted, &error);
    if (status == GGX_OK) {
        warn_of_notes(&flow);
        ggx_progress_label(&cli->progress, a->output);
        status = ggx_flow_execute(&flow, &wanted, &error);
    }
    ggx_progress_close(&cli->progress);
    if (status == GGX_OK) print_result(cli, &flow, &out);
    int code = status == GGX_OK ? ggx_report_result(&out) : ggx_report_error(&error, flow.source);
    ggx_flow_close(&flow);
    ggx_registry_close(&registry);
    return code;
}

int ggx_verb_plan(ggx_cli *cli)
{
    const ggx_arguments *a = &cli->arguments;
    ggx_conversion wanted = conversion_of(a);
    ggx_registry registry;
    ggx_flow flow = {0};
    ggx_text out = {0};
    ggx_error error = {0};
    ggx_status status = ggx_cli_registry(cli, &registry, &error);
    if (status == GGX_OK) status = ggx_flow_open(&flow, &registry, &wanted, &cli->run, &error);
    if (status == GGX_OK) status = ggx_flow_plan(&flow, &wanted, &error);
    if (status == GGX_OK) {
        uint64_t room = a->output ? ggx_output_disk_free(a->output) : UINT64_MAX;
        if (a->json)
            ggx_plan_json(&flow.plan, room, &out);
        else
            ggx_plan_table(&flow.plan, room, &out);
    }
    int code = status == GGX_OK ? ggx_report_result(&out) : ggx_report_error(&error, flow.source);
    ggx_flow_close(&flow);
    ggx_registry_close(&registry);
    return code;
}

int ggx_verb_finish(ggx_cli *cli)
{
    uint64_t missing;
    ggx_text out = {0};
    ggx_error error = {0};
    const char *path = cli->arguments.operands[0];
    if (ggx_output_finish(path, &missing, &error) != GGX_OK) return ggx_report_error(&error, NULL);
    if (cli->arguments.json) {
        ggx_text_format(&out, "{\"output\": ");
        ggx_text_json(&out, ggx_str_of(path));
        ggx_text_format(&out, "}\n");
    } else if (!cli->arguments.quiet) {
        ggx_text_format(&out, "%s: all parts are there\n", path);
    }
    return ggx_report_result(&out);
}
