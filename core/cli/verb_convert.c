/* ggx convert and ggx plan: the pipeline of core/flow.c with the user's arguments; and ggx finish. */
#include "base/pool.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "record.h"
#include "source/remote.h"
#include <ggx_sdk/error.h>
#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_SYNC (256u << 20) /* bytes between two entries in the journal: a second or so of a disk's time */

static ggx_conversion conversion_of(const ggx_arguments *a)
{
    return (ggx_conversion){.input = a->operands[0],
                            .called = a->called,
                            .output = a->output,
                            .reader = a->reader,
                            .writer = a->writer,
                            .recipe = a->recipe,
                            .recommended = a->recommended,
                            .type = a->type,
                            .base = a->base,
                            .portion = a->portion,
                            .compat = a->compat,
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
                            .metadata = a->metadata,
                            .kvs = a->kvs,
                            .kv_count = a->kv_count,
                            .settings = a->settings,
                            .setting_count = a->setting_count,
                            .memory = a->memory,
                            .sync_bytes = a->sync_bytes ? a->sync_bytes : DEFAULT_SYNC,
                            .threads = a->threads ? a->threads : ggx_pool_cpus(),
                            .header_only = a->vocab_only,
                            .shards = {a->split_bytes, a->split_tensors, a->keep_split},
                            .stream = a->stream,
                            .keep = a->keep,
                            .timeout = a->timeout,
                            .sha256 = a->sha256,
                            .entry = a->entry,
                            .part = a->part,
                            .parts = a->parts};
}

/* The model's outputs: one for each type that --type lists. */
typedef struct outputs {
    ggx_arena arena;
    uint32_t count;
    ggx_conversion wanted[GGX_FLOWS_MAX];
    ggx_flow flows[GGX_FLOWS_MAX];
} outputs;

/* "DIR/NAME-TYPE.EXT" for "DIR/NAME.EXT". */
static const char *name_output(ggx_arena *arena, const char *path, const char *type)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path, *dot = strrchr(base, '.');
    const int stem = (int)(dot && dot > base ? dot - path : (ptrdiff_t)strlen(path));
    return ggx_arena_format(arena, "%.*s-%s%s", stem, path, type, path + stem).data;
}

static ggx_status list_outputs(outputs *o, const ggx_arguments *a, ggx_error *error)
{
    const char *at = a->type;
    ggx_arena_init(&o->arena, 1u << 20);
    o->wanted[0] = conversion_of(a);
    o->count = 1;
    if (!at || !strchr(at, ',')) return GGX_OK;
    for (o->count = 0;; at++) {
        const size_t size = strcspn(at, ",");
        if (!size) return ggx_fail(error, GGX_E_USAGE, "--type %.100s: a name is missing in the list", a->type);
        if (o->count == GGX_FLOWS_MAX)
            return ggx_fail(error, GGX_E_USAGE, "--type: at most %u types at a time", GGX_FLOWS_MAX);
        ggx_conversion *w = &o->wanted[o->count];
        *w = conversion_of(a);
        w->type = ggx_arena_str(&o->arena, (ggx_str){at, size}).data;
        if (w->output && w->type) w->output = name_output(&o->arena, w->output, w->type);
        if (!w->type || (a->output && !w->output)) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
        for (uint32_t k = 0; k < o->count; k++)
            if (!strcmp(o->wanted[k].type, w->type))
                return ggx_fail(error, GGX_E_USAGE, "--type %.100s: %.40s is there twice", a->type, w->type);
        o->count++;
        at += size;
        if (!*at) return GGX_OK;
    }
}

static void close_outputs(outputs *o)
{
    for (uint32_t k = o->count; k-- > 0;) ggx_flow_close(&o->flows[k]);
    ggx_arena_free(&o->arena);
    free(o);
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

static void print_result(const ggx_cli *cli, const ggx_flow *flow, const char *output, ggx_text *out)
{
    const ggx_arguments *a = &cli->arguments;
    const ggx_plan *plan = &flow->plan;
    if (a->json) {
        ggx_text_format(out, "{\"output\": ");
        ggx_text_json(out, ggx_str_of(output));
        ggx_text_format(out,
                        ", \"files\": %u, \"bytes\": %llu, \"tensors\": %llu, \"tiles\": %llu, \"resumed_tiles\": "
                        "%llu, \"read_bytes\": %llu, "
                        "\"reader\": \"%s\", \"recipe\": ",
                        plan->output_count, (unsigned long long)plan->total_size,
                        (unsigned long long)plan->tensor_count, (unsigned long long)plan->tile_count,
                        (unsigned long long)flow->resumed,
                        (unsigned long long)ggx_source_bytes_read(flow->model->source), flow->model->reader_name);
        ggx_text_json(out, ggx_str_of(flow->recipe));
        ggx_text_format(out, ", \"writer\": \"%s\"}", flow->writer);
        return;
    }
    if (a->quiet) return;
    ggx_text_format(out, "%s: %llu tensor%s (", output, (unsigned long long)plan->tensor_count,
                    plan->tensor_count == 1 ? "" : "s");
    list_types(plan, out);
    if (plan->output_count > 1)
        ggx_text_format(out, ") in %u files (-00001-of-%05u", plan->output_count, plan->output_count);
    ggx_text_format(out, "), %llu bytes, by reader %s, recipe %s, writer %s\n", (unsigned long long)plan->total_size,
                    flow->model->reader_name, flow->recipe, flow->writer);
    if (flow->resumed)
        ggx_text_format(out, "%llu of %llu tiles had been done before\n", (unsigned long long)flow->resumed,
                        (unsigned long long)plan->tile_count);
    if (a->parts > 1)
        ggx_text_format(out, "part %u of %u is done; when all are: ggx finish %s\n", a->part, a->parts, output);
}

/* Of several outputs JSON is a list. */
static void print_results(const ggx_cli *cli, const outputs *o, ggx_text *out)
{
    const int32_t json = cli->arguments.json;
    for (uint32_t k = 0; k < o->count; k++) {
        if (json && o->count > 1) ggx_text_format(out, k ? ",\n " : "[");
        print_result(cli, &o->flows[k], o->wanted[k].output, out);
    }
    if (json) ggx_text_format(out, o->count > 1 ? "]\n" : "\n");
}

/* The same between the two halves of a manifest. */
static ggx_status execute_recorded(outputs *o, const ggx_arguments *a, ggx_error *error)
{
    ggx_record record;
    if (o->count > 1) return ggx_fail(error, GGX_E_USAGE, "--manifest is of one output; name one --type");
    ggx_status status = ggx_record_open(&record, a->manifest, o->flows, o->wanted, error);
    if (status == GGX_OK) status = ggx_flow_execute(o->flows, o->wanted, o->count, error);
    if (status == GGX_OK) status = ggx_record_write(&record, o->flows, error);
    ggx_record_close(&record);
    return status;
}

static ggx_status check_remote(const outputs *o, const ggx_arguments *a, ggx_error *error)
{
    const int remote = a->entry || ggx_source_is_remote_name(a->operands[0]);
    if (a->stream && !remote)
        return ggx_fail(error, GGX_E_USAGE, "--stream is for models on a server; %.100s is none", a->operands[0]);
    if (a->keep && !a->stream)
        return ggx_fail(error, GGX_E_USAGE, "--keep goes with --stream; without it, the model is in the cache anyway");
    if (a->sha256 && !a->stream)
        return ggx_fail(error, GGX_E_USAGE, "--sha256 is for models on a server; else see ggx verify");
    if (a->stream && (a->parts > 1 || o->count > 1 || a->manifest))
        return ggx_fail(error, GGX_E_USAGE,
                        "--stream reads the model once, for one output: no --part, --manifest or "
                        "list of types goes with it");
    return GGX_OK;
}

/* What arrives now takes its time: what will come of it is said before. */
static ggx_status print_stream_plan(const ggx_arguments *a, const outputs *o, ggx_error *error)
{
    ggx_text out = {0};
    if (a->quiet || a->json) return GGX_OK;
    ggx_plan_table(&o->flows->plan, ggx_output_disk_free(a->output), &out);
    ggx_flow_stream_report(o->flows, o->wanted, 0, &out);
    return ggx_report_result(&out) ? ggx_fail(error, GGX_E_IO, "the plan could not be printed") : GGX_OK;
}

static ggx_status convert_outputs(ggx_cli *cli, outputs *o, ggx_registry *registry, ggx_error *error)
{
    const ggx_arguments *a = &cli->arguments;
    ggx_status status = list_outputs(o, a, error);
    if (status == GGX_OK && !a->output)
        status = ggx_fail(error, GGX_E_USAGE, "name the file to make with -o FILE; see ggx convert --help");
    if (status == GGX_OK) status = check_remote(o, a, error);
    if (status == GGX_OK) status = ggx_flow_prepare(o->flows, registry, o->wanted, o->count, &cli->run, error);
    if (status != GGX_OK) return status;
    for (uint32_t k = 0; k < o->count; k++) warn_of_notes(&o->flows[k]);
    ggx_progress_label(&cli->progress, a->output);
    if (a->stream) {
        status = print_stream_plan(a, o, error);
        return status == GGX_OK ? ggx_flow_stream(o->flows, o->wanted, error) : status;
    }
    return a->manifest ? execute_recorded(o, a, error) : ggx_flow_execute(o->flows, o->wanted, o->count, error);
}

/* What cannot be planned from here is not known; the conversion itself will say why. */
uint64_t ggx_cli_output_bytes(void *context)
{
    ggx_cli *cli = context;
    outputs *o = calloc(1, sizeof *o);
    ggx_registry registry;
    ggx_error ignored = {0};
    const ggx_run run = {.canceled = cli->run.canceled};
    uint64_t bytes = 0;
    if (!o) return 0;
    ggx_status status = ggx_cli_registry(cli, &registry, &ignored);
    if (status == GGX_OK) status = list_outputs(o, &cli->arguments, &ignored);
    if (status == GGX_OK) status = ggx_flow_prepare(o->flows, &registry, o->wanted, o->count, &run, &ignored);
    for (uint32_t k = 0; k < o->count && status == GGX_OK; k++) bytes += o->flows[k].plan.total_size;
    close_outputs(o);
    ggx_registry_close(&registry);
    return bytes;
}

int ggx_verb_convert(ggx_cli *cli)
{
    outputs *o = calloc(1, sizeof *o);
    ggx_registry registry;
    ggx_text out = {0};
    ggx_error error = {0};
    if (!o) return (void)ggx_fail(&error, GGX_E_NOMEM, "out of memory"), ggx_report_error(&error, NULL);
    ggx_status status = ggx_cli_registry(cli, &registry, &error);
    if (status == GGX_OK) status = convert_outputs(cli, o, &registry, &error);
    ggx_progress_close(&cli->progress);
    if (status == GGX_OK) print_results(cli, o, &out);
    int code = status == GGX_OK ? ggx_report_result(&out) : ggx_report_error(&error, o->flows[0].source);
    close_outputs(o);
    ggx_registry_close(&registry);
    return code;
}

static void print_plans(const ggx_arguments *a, const outputs *o, ggx_text *out)
{
    const uint64_t room = a->output ? ggx_output_disk_free(a->output) : UINT64_MAX;
    for (uint32_t k = 0; k < o->count; k++) {
        if (a->json && o->count > 1) ggx_text_format(out, k ? ",\n" : "[");
        if (!a->json && o->count > 1) ggx_text_format(out, "%s--type %s\n\n", k ? "\n" : "", o->wanted[k].type);
        if (a->json) {
            ggx_text stream = {0};
            ggx_flow_stream_report(&o->flows[k], &o->wanted[k], 1, &stream);
            ggx_plan_json(&o->flows[k].plan, room, (ggx_str){stream.data, stream.failed ? 0 : stream.size}, out);
            ggx_text_free(&stream);
        } else {
            ggx_plan_table(&o->flows[k].plan, room, out);
            if (ggx_source_is_remote(o->flows[k].model->source))
                ggx_flow_stream_report(&o->flows[k], &o->wanted[k], 0, out);
        }
    }
    if (a->json && o->count > 1) ggx_text_format(out, "]\n");
}

int ggx_verb_plan(ggx_cli *cli)
{
    outputs *o = calloc(1, sizeof *o);
    ggx_registry registry;
    ggx_text out = {0};
    ggx_error error = {0};
    if (!o) return (void)ggx_fail(&error, GGX_E_NOMEM, "out of memory"), ggx_report_error(&error, NULL);
    ggx_status status = ggx_cli_registry(cli, &registry, &error);
    if (status == GGX_OK) status = list_outputs(o, &cli->arguments, &error);
    if (status == GGX_OK) status = ggx_flow_prepare(o->flows, &registry, o->wanted, o->count, &cli->run, &error);
    if (status == GGX_OK) print_plans(&cli->arguments, o, &out);
    int code = status == GGX_OK ? ggx_report_result(&out) : ggx_report_error(&error, o->flows[0].source);
    close_outputs(o);
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
