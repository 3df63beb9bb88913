/* Drives the writer: key/values and tensors in, every offset out; and checks that what it answers can be true. */
#include "plan/plan.h"

#include <ggx_sdk/error.h>

#define WRITER_MEMORY (512ull << 20) /* cap for one writer instance: vocabularies and tensor names, copied */

static ggx_status open_writer(ggx_plan *plan, ggx_registry *registry, const ggx_plan_request *request,
                              const ggx_run *run, ggx_error *error)
{
    const void *vtable;
    ggx_status status = ggx_registry_get(registry, GGX_WRITER_ID, ggx_str_of(request->writer), &vtable, NULL, error);
    if (status != GGX_OK) return status;
    const ggx_writer *writer = vtable;
    ggx_instance *instance = &plan->writer_instance;
    status = ggx_instance_open(instance, run, WRITER_MEMORY, writer->instance_size, error);
    if (status != GGX_OK) return status;
    plan->writer = writer;
    plan->writer_name = request->writer;
    status = ggx_instance_options(instance, writer->options, writer->option_count, request->settings,
                                  request->setting_count, NULL, error);
    if (status != GGX_OK) return status;
    plan->writer_opened = 1;
    return writer->open(instance->self, &instance->host, &instance->options, error);
}

static ggx_status tell_writer(ggx_plan *plan, ggx_error *error)
{
    const ggx_writer *w = plan->writer;
    void *self = plan->writer_instance.self;
    ggx_status status = GGX_OK;
    for (uint64_t i = 0; i < plan->kv_count && status == GGX_OK; i++) status = w->kv(self, &plan->kvs[i], error);
    for (uint64_t i = 0; i < plan->tensor_count && status == GGX_OK; i++) {
        const ggx_plan_tensor *t = &plan->tensors[i];
        ggx_out_tensor out = {.struct_size = sizeof out,
                              .rank = t->view.rank,
                              .name = t->name,
                              .type = t->type,
                              .type_code = t->type_code,
                              .label = t->label,
                              .output = t->output,
                              .nbytes = t->nbytes};
        memcpy(out.shape, t->view.shape, sizeof out.shape);
        status = w->tensor(self, &out, error);
    }
    return status;
}

/* Where each file begins when they lie one after the other. */
static ggx_status take_layout(ggx_plan *plan, const ggx_layout *layout, ggx_error *error)
{
    const uint32_t wanted = plan->tensor_count ? plan->tensors[plan->tensor_count - 1].output + 1 : 1;
    if (layout->output_count != wanted || (!layout->sizes && wanted != 1))
        return ggx_fail(error, GGX_E_PLUGIN, "writer %s lays out %u files where %u were asked for", plan->writer_name,
                        layout->output_count, wanted);
    if (layout->total_size > INT64_MAX)
        return ggx_fail(error, GGX_E_PLUGIN, "writer %s lays out more bytes than a file can have", plan->writer_name);
    plan->total_size = layout->total_size;
    plan->output_count = wanted;
    plan->starts = ggx_arena_array(&plan->arena, wanted + 1ull, sizeof *plan->starts);
    if (!plan->starts) return ggx_fail(error, GGX_E_NOMEM, "no memory for the plan");
    plan->starts[0] = 0;
    for (uint32_t i = 0; i < wanted; i++) {
        const uint64_t size = layout->sizes ? layout->sizes[i] : layout->total_size;
        if (size > plan->total_size - plan->starts[i])
            return ggx_fail(error, GGX_E_PLUGIN, "writer %s: its files are longer than it says in all",
                            plan->writer_name);
        plan->starts[i + 1] = plan->starts[i] + size;
    }
    if (plan->starts[wanted] == plan->total_size) return GGX_OK;
    return ggx_fail(error, GGX_E_PLUGIN, "writer %s: its files are shorter than it says in all", plan->writer_name);
}

static ggx_status place_tensor(ggx_plan *plan, ggx_plan_tensor *t, uint64_t i, ggx_error *error)
{
    t->place.struct_size = sizeof t->place;
    ggx_status status = plan->writer->place(plan->writer_instance.self, i, &t->place, error);
    if (status != GGX_OK) return status;
    const uint64_t start = plan->starts[t->output], size = plan->starts[t->output + 1] - start;
    if (t->place.output != t->output || t->place.nbytes != t->nbytes || t->place.offset > size ||
        t->nbytes > size - t->place.offset)
        return ggx_fail(error, GGX_E_PLUGIN, "writer %s places tensor '%.*s' outside its file", plan->writer_name,
                        GGX_STR_ARGS(t->name));
    t->at = start + t->place.offset;
    return GGX_OK;
}

ggx_status ggx_plan_layout(ggx_plan *plan, ggx_registry *registry, const ggx_recipe_result *result,
                           const ggx_plan_request *request, const ggx_run *run, ggx_error *error)
{
    ggx_status status = open_writer(plan, registry, request, run, error);
    if (status != GGX_OK) return status;
    plan->kvs = result->kvs;
    plan->kv_count = result->kv_count;
    if (result->identity && (plan->writer->flags & GGX_WRITER_FIELDS)) {
        if (plan->kv_count && run && run->log)
            run->log(run->context, GGX_LOG_WARNING,
                     "the metadata is not written: only a recipe knows this format's header");
        plan->kv_count = 0;
    }
    status = ggx_plan_shards(plan, &request->shards, result->identity, error);
    if (status == GGX_OK) status = tell_writer(plan, error);
    ggx_layout layout = {.struct_size = sizeof layout};
    if (status == GGX_OK) status = plan->writer->layout(plan->writer_instance.self, &layout, error);
    if (status == GGX_OK) status = take_layout(plan, &layout, error);
    for (uint64_t i = 0; i < plan->tensor_count && status == GGX_OK; i++)
        status = place_tensor(plan, &plan->tensors[i], i, error);
    return status;
}
