/* The plan for people and for programs. */
#include "plan/plan.h"

#include <stdio.h>

static const char *mode_name(uint32_t mode)
{
    return mode == GGX_MODE_COPY ? "copy" : "convert";
}

static void json_shape(ggx_text *out, const uint64_t *shape, uint32_t rank)
{
    ggx_text_format(out, "[");
    for (uint32_t a = 0; a < rank; a++) ggx_text_format(out, a ? ", %llu" : "%llu", (unsigned long long)shape[a]);
    ggx_text_format(out, "]");
}

/* The distinct source tensors of a view, in the order of its pieces. */
static void json_sources(const ggx_plan *plan, const ggx_view *view, ggx_text *out)
{
    uint64_t last = UINT64_MAX - 1;
    ggx_text_format(out, "[");
    for (uint32_t i = 0, n = 0; i < view->piece_count; i++) {
        if (view->pieces[i].tensor == last) continue;
        last = view->pieces[i].tensor;
        if (n++) ggx_text_format(out, ", ");
        ggx_text_json(out, last == GGX_CONST_TENSOR ? GGX_LIT("(constant)") : plan->checkpoint->tensors[last].name);
    }
    ggx_text_format(out, "]");
}

static void json_tensor(const ggx_plan *plan, const ggx_plan_tensor *t, ggx_text *out)
{
    ggx_text_format(out, "    {\"name\": ");
    ggx_text_json(out, t->name);
    ggx_text_format(out, ", \"mode\": \"%s\", \"from\": ", mode_name(t->mode));
    json_sources(plan, &t->view, out);
    ggx_text_format(out, ", \"from_type\": \"%s\", \"type\": \"%s\", \"shape\": ", t->view.type.name, t->type.name);
    json_shape(out, t->view.shape, t->view.rank);
    ggx_text_format(
        out,
        ", \"file\": %u, \"offset\": %llu, \"nbytes\": %llu, \"pieces\": %u, \"operations\": %u, \"tile\": ", t->output,
        (unsigned long long)t->place.offset, (unsigned long long)t->nbytes, t->view.piece_count, t->op_count);
    json_shape(out, t->tile, t->view.rank);
    ggx_text_format(out, ", \"tiles\": %llu", (unsigned long long)t->tile_count);
    if (t->rule_line) ggx_text_format(out, ", \"rule_line\": %u", t->rule_line);
    if (t->note) {
        ggx_text_format(out, ", \"note\": ");
        ggx_text_json(out, ggx_str_of(t->note));
    }
    ggx_text_format(out, "}");
}

void ggx_plan_json(const ggx_plan *plan, uint64_t disk_free, ggx_str stream, ggx_text *out)
{
    ggx_text_format(out, "{\n  \"reader\": \"%s\",\n  \"recipe\": ", plan->checkpoint->reader_name);
    ggx_text_json(out, ggx_str_of(plan->recipe));
    ggx_text_format(out, ",\n  \"writer\": \"%s\",\n  \"digest\": \"%016llx%016llx\",\n", plan->writer_name,
                    (unsigned long long)plan->digest[0], (unsigned long long)plan->digest[1]);
    ggx_text_format(out, "  \"files\": %u,\n", plan->output_count);
    ggx_text_format(out, "  \"output_bytes\": %llu,\n  \"tiles\": %llu,\n", (unsigned long long)plan->total_size,
                    (unsigned long long)plan->tile_count);
    ggx_text_format(out,
                    "  \"memory\": {\"budget\": %llu, \"minimum\": %llu, \"worker\": %llu, \"workers\": %u},\n"
                    "  \"disk\": {\"needed\": %llu, \"free\": ",
                    (unsigned long long)plan->memory, (unsigned long long)plan->minimum_memory,
                    (unsigned long long)plan->worker_memory, plan->workers, (unsigned long long)plan->total_size);
    if (disk_free == UINT64_MAX)
        ggx_text_format(out, "null},\n");
    else
        ggx_text_format(out, "%llu},\n", (unsigned long long)disk_free);
    if (stream.size) ggx_text_format(out, "  \"stream\": %.*s,\n", (int)stream.size, stream.data);
    ggx_text_format(out, "  \"tensors\": [\n");
    for (uint64_t i = 0; i < plan->tensor_count; i++) {
        json_tensor(plan, &plan->tensors[i], out);
        ggx_text_format(out, i + 1 < plan->tensor_count ? ",\n" : "\n");
    }
    ggx_text_format(out, "  ]\n}\n");
}

static void shape_cell(char *cell, size_t size, const ggx_view *view)
{
    size_t at = 0;
    cell[0] = 0;
    for (uint32_t a = 0; a < view->rank && at + 1 < size; a++)
        at += (size_t)snprintf(cell + at, size - at, a ? "x%llu" : "%llu", (unsigned long long)view->shape[a]);
    if (!view->rank) snprintf(cell, size, "scalar");
}

void ggx_plan_table(const ggx_plan *plan, uint64_t disk_free, ggx_text *out)
{
    int name_width = 8;
    for (uint64_t i = 0; i < plan->tensor_count; i++)
        if (plan->tensors[i].name.size > (uint64_t)name_width)
            name_width = (int)(plan->tensors[i].name.size < 60 ? plan->tensors[i].name.size : 60);
    ggx_text_format(out, "%-*s  %-18s  %-8s  %-8s  %-7s  %12s\n", name_width, "tensor", "shape", "from", "type", "mode",
                    "bytes");
    for (uint64_t i = 0; i < plan->tensor_count; i++) {
        const ggx_plan_tensor *t = &plan->tensors[i];
        char cell[8 * 21 + 1];
        shape_cell(cell, sizeof cell, &t->view);
        ggx_text_format(out, "%-*.*s  %-18s  %-8s  %-8s  %-7s  %12llu%s%s\n", name_width, (int)t->name.size,
                        t->name.data, cell, t->view.type.name, t->type.name, mode_name(t->mode),
                        (unsigned long long)t->nbytes, t->note ? "  " : "", t->note ? t->note : "");
    }
    ggx_text_format(out, "\nreader %s, recipe %s, writer %s: %llu tensors, %llu bytes in %llu tiles\n",
                    plan->checkpoint->reader_name, plan->recipe, plan->writer_name,
                    (unsigned long long)plan->tensor_count, (unsigned long long)plan->total_size,
                    (unsigned long long)plan->tile_count);
    ggx_text_format(out, "memory: %u thread%s of %llu bytes, budget %llu, minimum %llu\n", plan->workers,
                    plan->workers == 1 ? "" : "s", (unsigned long long)plan->worker_memory,
                    (unsigned long long)plan->memory, (unsigned long long)plan->minimum_memory);
    if (disk_free != UINT64_MAX) ggx_text_format(out, "disk: %llu bytes free\n", (unsigned long long)disk_free);
}
