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
                              .nbytes = t->nbytes};
        memcpy(out.shape, t->view.shape, sizeof out.shape);
        status = w->tensor(self, &out, error);
    }
    return status;
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
    status = tell_writer(plan, error);
    ggx_layout layout = {.struct_size = sizeof layout};
    if (status == GGX_OK) status = plan->writer->layout(plan->writer_instance.self, &layout, error);
    if (status != GGX_OK) return status;
    if (layout.output_count != 1)
        return ggx_fail(error, GGX_E_UNSUPPORTED, "writer %s wants %u files; this version writes one",
                        plan->writer_name, layout.output_count);
    if (layout.total_size > INT64_MAX)
        return ggx_fail(error, GGX_E_PLUGIN, "writer %s lays out more bytes than a file can have", plan->writer_name);
    plan->total_size = layout.total_size;
    for (uint64_t i = 0; i < plan->tensor_count; i++) {
        ggx_plan_tensor *t = &plan->tensors[i];
        t->place.struct_size = sizeof t->place;
        status = plan->writer->place(plan->writer_instance.self, i, &t->place, error);
        if (status != GGX_OK) return status;
        if (t->place.output || t->place.nbytes != t->nbytes || t->place.offset > plan->total_size ||
            t->nbytes > plan->total_size - t->place.offset)
            return ggx_fail(error, GGX_E_PLUGIN, "writer %s places tensor '%.*s' outside its file", plan->writer_name,
                            GGX_STR_ARGS(t->name));
    }
    return GGX_OK;
}
