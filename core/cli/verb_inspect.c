/* ggx inspect: what is in a checkpoint, through any reader: key/values, tensors, and the statistics of a tensor. */
#include "cli/metadata.h"
#include "cli/report.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "execute/statistics.h"
#include "flow.h"
#include <ggx_sdk/error.h>
#include <math.h>
#include <stdio.h>

static const char *const access_names[] = {"raw", "reader", "sequential"};

/* --- one tensor ---------------------------------------------------------------------------------------------------------------- */

typedef struct inspection {
    const ggx_cli *cli;
    const ggx_checkpoint *checkpoint;
    ggx_text *out;
    ggx_error *error;
} inspection;

static ggx_str shape_text(ggx_arena *arena, const ggx_tensor *t)
{
    ggx_str text = {"", 0};
    for (uint32_t a = 0; a < t->rank && text.data; a++)
        text = ggx_arena_format(arena, a ? "%sx%llu" : "%s%llu", text.data, (unsigned long long)t->shape[a]);
    return t->rank ? text : GGX_LIT("scalar");
}

static int is_c_order(const ggx_tensor *t)
{
    int64_t run = 1;
    for (uint32_t a = t->rank; a-- > 0;) {
        if (t->shape[a] > 1 && t->stride[a] != run) return 0;
        run *= (int64_t)t->shape[a];
    }
    return 1;
}

static void json_list(ggx_text *out, const char *key, const uint64_t *values, uint32_t n)
{
    ggx_text_format(out, ", \"%s\": [", key);
    for (uint32_t i = 0; i < n; i++) ggx_text_format(out, i ? ", %llu" : "%llu", (unsigned long long)values[i]);
    ggx_text_format(out, "]");
}

static void json_statistics(const ggx_statistics *s, ggx_text *out)
{
    ggx_text_format(out, ", \"statistics\": {\"elements\": %llu, \"zeros\": %llu, \"infinite\": %llu, \"nan\": %llu",
                    (unsigned long long)s->elements, (unsigned long long)s->zeros, (unsigned long long)s->infinite,
                    (unsigned long long)s->nan);
    ggx_text_format(out, ", \"minimum\": %.9g, \"maximum\": %.9g, \"mean\": %.17g, \"deviation\": %.17g}", s->minimum,
                    s->maximum, s->mean, s->deviation);
}

static ggx_status json_tensor(const inspection *in, uint64_t i)
{
    const ggx_tensor *t = &in->checkpoint->tensors[i];
    ggx_text *out = in->out;
    ggx_text_format(out, "    {\"name\": ");
    ggx_text_json(out, t->name);
    ggx_text_format(out, ", \"type\": \"%s\"", t->type.name);
    json_list(out, "shape", t->shape, t->rank);
    ggx_text_format(out, ", \"access\": \"%s\"", access_names[t->access]);
    if (t->access == GGX_ACCESS_RAW)
        ggx_text_format(out, ", \"member\": %u, \"offset\": %llu", t->member, (unsigned long long)t->offset);
    ggx_text_format(out, ", \"nbytes\": %llu", (unsigned long long)t->nbytes);
    if (!is_c_order(t)) json_list(out, "stride", (const uint64_t *)t->stride, t->rank); /* strides are never negative */
    if (t->byte_order != GGX_LITTLE_ENDIAN) ggx_text_format(out, ", \"byte_order\": \"big\"");
    if (t->storage_id) ggx_text_format(out, ", \"storage\": %llu", (unsigned long long)t->storage_id);
    if (t->flags & GGX_TENSOR_AUXILIARY) ggx_text_format(out, ", \"auxiliary\": true");
    if (in->cli->arguments.stats) {
        ggx_statistics s;
        ggx_status status = ggx_statistics_read(in->checkpoint, i, &in->cli->run, &s, in->error);
        if (status != GGX_OK) return status;
        json_statistics(&s, out);
    }
    ggx_text_format(out, "}");
    return GGX_OK;
}

/* --- readers ------------------------------------------------------------------------------------------------------------------- */

#define SCORES 32

/* What every reader that knows something of the source thinks of it, best first. */
static ggx_status json_scores(const inspection *in)
{
    const ggx_checkpoint *c = in->checkpoint;
    ggx_probe_result results[SCORES];
    in->error->text[0] = 0;
    uint32_t n = ggx_checkpoint_probe(c->registry, c->source, results, SCORES, in->error);
    if (!n && in->error->text[0]) return in->error->status;
    ggx_text_format(in->out, ",\n  \"probe\": {");
    for (uint32_t i = 0; i < n; i++)
        ggx_text_format(in->out, "%s\"%s\": %d", i ? ", " : "", results[i].reader, results[i].score);
    ggx_text_format(in->out, "}");
    return GGX_OK;
}

/* --- the whole ------------------------------------------------------------------------------------------------------------------ */

static int shown(const inspection *in, uint64_t i)
{
    const char *glob = in->cli->arguments.tensor;
    return !glob || ggx_str_glob(in->checkpoint->tensors[i].name, ggx_str_of(glob));
}

static ggx_status print_json(const inspection *in)
{
    const ggx_checkpoint *c = in->checkpoint;
    ggx_text *out = in->out;
    ggx_text_format(out, "{\n  \"reader\": \"%s\"", c->reader_name);
    ggx_status scored = json_scores(in);
    if (scored != GGX_OK) return scored;
    ggx_text_format(out, ",\n  \"members\": [");
    for (uint32_t i = 0, n = c->source->count(c->source); i < n; i++) {
        ggx_member member = {.struct_size = sizeof member};
        ggx_status status = c->source->member(c->source, i, &member, in->error);
        if (status != GGX_OK) return status;
        if (i) ggx_text_format(out, ", ");
        ggx_text_json(out, member.name);
    }
    ggx_text_format(out, "],\n  \"metadata\": {");
    for (uint64_t i = 0; i < c->kv_count; i++) {
        ggx_text_format(out, i ? ",\n    " : "\n    ");
        ggx_text_json(out, c->kvs[i].key);
        ggx_text_format(out, ": {\"type\": \"%s%s\", \"value\": ", ggx_metadata_type(&c->kvs[i]),
                        c->kvs[i].type == GGX_KV_ARRAY ? "[]" : "");
        ggx_metadata_print(&c->kvs[i], 1, out);
        ggx_text_format(out, "}");
    }
    ggx_text_format(out, c->kv_count ? "\n  },\n  \"tensors\": [" : "},\n  \"tensors\": [");
    uint64_t listed = 0;
    for (uint64_t i = 0; i < c->tensor_count; i++) {
        if (!shown(in, i)) continue;
        ggx_text_format(out, listed++ ? ",\n" : "\n");
        ggx_status status = json_tensor(in, i);
        if (status != GGX_OK) return status;
    }
    ggx_text_format(out, listed ? "\n  ]\n}\n" : "]\n}\n");
    return GGX_OK;
}

static ggx_status add_statistics(const inspection *in, uint64_t i, ggx_arena *arena, const char **cells)
{
    ggx_statistics s;
    ggx_status status = ggx_statistics_read(in->checkpoint, i, &in->cli->run, &s, in->error);
    if (status != GGX_OK) return status;
    cells[0] = ggx_arena_format(arena, "%.6g", s.minimum).data;
    cells[1] = ggx_arena_format(arena, "%.6g", s.maximum).data;
    cells[2] = ggx_arena_format(arena, "%.6g", s.mean).data;
    cells[3] = ggx_arena_format(arena, "%.6g", s.deviation).data;
    cells[4] = ggx_arena_format(arena, "%llu zero, %llu inf, %llu nan", (unsigned long long)s.zeros,
                                (unsigned long long)s.infinite, (unsigned long long)s.nan)
                   .data;
    return GGX_OK;
}

static void print_metadata(const inspection *in, ggx_arena *arena)
{
    const ggx_checkpoint *c = in->checkpoint;
    ggx_table table = {.arena = arena, .columns = 3};
    ggx_text value = {0};
    for (uint64_t i = 0; i < c->kv_count; i++) {
        const char **cells = ggx_table_add(&table);
        if (!cells) break;
        value.size = 0;
        ggx_metadata_print(&c->kvs[i], 0, &value);
        cells[0] = c->kvs[i].key.data;
        cells[1] =
            ggx_arena_format(arena, "%s%s", ggx_metadata_type(&c->kvs[i]), c->kvs[i].type == GGX_KV_ARRAY ? "[]" : "")
                .data;
        cells[2] = value.failed ? "" : ggx_arena_str(arena, (ggx_str){value.data, value.size}).data;
    }
    ggx_text_free(&value);
    ggx_table_print(&table, 0, in->out);
    if (c->kv_count) ggx_text_format(in->out, "\n");
}

static ggx_status print_text(const inspection *in, ggx_arena *arena)
{
    const ggx_checkpoint *c = in->checkpoint;
    static const char *const head[] = {"TENSOR",  "TYPE",    "SHAPE", "OFFSET",    "BYTES",
                                       "MINIMUM", "MAXIMUM", "MEAN",  "DEVIATION", "ODD"};
    const int stats = in->cli->arguments.stats;
    ggx_table table = {.arena = arena, .columns = stats ? 10 : 5, .numbers = 0x1f8};
    uint64_t bytes = 0, count = 0;
    if (!in->cli->arguments.tensor) print_metadata(in, arena);
    const char **cells = ggx_table_add(&table);
    if (cells) memcpy(cells, head, table.columns * sizeof *cells);
    for (uint64_t i = 0; i < c->tensor_count && cells; i++) {
        const ggx_tensor *t = &c->tensors[i];
        if (!shown(in, i)) continue;
        cells = ggx_table_add(&table);
        if (!cells) break;
        count++;
        bytes += t->nbytes;
        cells[0] = t->name.data;
        cells[1] = t->type.name;
        cells[2] = shape_text(arena, t).data;
        cells[3] = t->access == GGX_ACCESS_RAW ? ggx_arena_format(arena, "%llu", (unsigned long long)t->offset).data
                                               : access_names[t->access];
        cells[4] = ggx_arena_format(arena, "%llu", (unsigned long long)t->nbytes).data;
        ggx_status status = stats ? add_statistics(in, i, arena, cells + 5) : GGX_OK;
        if (status != GGX_OK) return status;
    }
    if (!cells) return ggx_fail(in->error, GGX_E_NOMEM, "no memory for the listing");
    ggx_table_print(&table, 0, in->out);
    ggx_text_format(in->out, "\nreader %s: %llu tensors, %llu bytes\n", c->reader_name, (unsigned long long)count,
                    (unsigned long long)bytes);
    return GGX_OK;
}

int ggx_verb_inspect(ggx_cli *cli)
{
    const ggx_arguments *a = &cli->arguments;
    const ggx_conversion wanted = {.input = a->operands[0],
                                   .called = a->called,
                                   .entry = a->entry,
                                   .timeout = a->timeout,
                                   .reader = a->reader,
                                   .recipe = a->recipe, /* which may say how the file is read */
                                   .settings = a->settings,
                                   .setting_count = a->setting_count};
    ggx_registry registry;
    ggx_flow flow = {0};
    ggx_text out = {0};
    ggx_error error = {0};
    ggx_status status = ggx_cli_registry(cli, &registry, &error);
    if (status == GGX_OK) status = ggx_flow_open(&flow, &registry, &wanted, &cli->run, &error);
    const ggx_setting *unused = status == GGX_OK ? ggx_settings_unused(a->settings, a->setting_count) : NULL;
    if (unused)
        status = ggx_fail(&error, GGX_E_USAGE, "reader %s has no option '%.80s'; see ggx plugins %s",
                          flow.checkpoint.reader_name, unused->name, flow.checkpoint.reader_name);
    const inspection in = {cli, &flow.checkpoint, &out, &error};
    if (status == GGX_OK && a->tensor) {
        uint64_t matches = 0;
        for (uint64_t i = 0; i < flow.checkpoint.tensor_count; i++) matches += (uint64_t)shown(&in, i);
        if (!matches)
            status = ggx_fail(&error, GGX_E_NOTFOUND, "no tensor is named '%.100s'; ggx inspect lists them", a->tensor);
    }
    if (status == GGX_OK) status = a->json ? print_json(&in) : print_text(&in, &flow.arena);
    ggx_progress_close(&cli->progress);
    int code = status == GGX_OK ? ggx_report_result(&out) : ggx_report_error(&error, flow.source);
    if (status != GGX_OK) ggx_text_free(&out);
    ggx_flow_close(&flow);
    ggx_registry_close(&registry);
    return code;
}
