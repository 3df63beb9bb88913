/* The whole program in one file:
 *
 *     source ──► checkpoint ──► recipe ──► plan ──► execute ──► commit
 *     bytes by   names, types,  rename,    every    boxes:      fsync,
 *     range      shapes,        view,      output   read →      rename
 *                extents, KVs   compute    offset   convert →
 *                                          known    quantize →
 *                                                   pwrite
 *
 * Each step is a room of core with a header of its own; this file only says in which order they are passed. `ggx convert` is
 * ggx_flow_prepare, up to the plan, and ggx_flow_execute (cli/verb_convert.c warns and shows progress in between); where a model is
 * converted while it arrives, ggx_flow_stream (flow_stream.c) stands for the latter. Everything that can be refused is refused before
 * ggx_output_open creates the first file. */
#include "flow.h"

#include "base/text.h"
#include "fetch/catalog.h"
#include "recipe/value.h"
#include "reference.h"
#include "source/remote.h"
#include <ggx_sdk/error.h>

#define RECIPE_MEMORY (512ull << 20)

ggx_status ggx_flow_prepare(ggx_flow *flows, ggx_registry *registry, const ggx_conversion *wanted, uint32_t count,
                            const ggx_run *run, ggx_error *error)
{
    ggx_status status = ggx_flow_open(&flows[0], registry, &wanted[0], run, error);
    for (uint32_t k = 1; k < count; k++) ggx_flow_share(&flows[k], &flows[0]);
    for (uint32_t k = 0; k < count && status == GGX_OK; k++) status = ggx_flow_plan(&flows[k], &wanted[k], error);
    return status == GGX_OK && count > 1 ? ggx_flow_join(flows, wanted, count, error) : status;
}

/* What a recipe that is named says of how its files are read; the user's own word goes before it. */
static ggx_status recipe_settings(ggx_flow *flow, const ggx_conversion *wanted, ggx_setting **settings, uint32_t *known,
                                  ggx_error *error);

ggx_status ggx_flow_open(ggx_flow *flow, ggx_registry *registry, const ggx_conversion *wanted, const ggx_run *run,
                         ggx_error *error)
{
    memset(flow, 0, sizeof *flow);
    flow->registry = registry;
    flow->run = run;
    flow->recipe = "none";
    ggx_arena_init(&flow->arena, RECIPE_MEMORY);
    ggx_setting *settings = wanted->settings;
    uint32_t known = 0;
    const ggx_remote_options remote = {wanted->timeout, wanted->sha256, wanted->entry, run};
    ggx_status status = wanted->entry || ggx_source_is_remote_name(wanted->input)
                            ? ggx_source_open_remote(wanted->input, &remote, &flow->source, error)
                            : ggx_source_open(wanted->input, &flow->source, error);
    if (status == GGX_OK && wanted->called) ggx_source_call(flow->source, wanted->called);
    if (status == GGX_OK) status = recipe_settings(flow, wanted, &settings, &known, error);
    if (status == GGX_OK)
        status = ggx_checkpoint_open(&flow->checkpoint, registry, flow->source, wanted->reader, settings,
                                     known + wanted->setting_count, run, error);
    for (uint32_t i = 0; settings != wanted->settings && i < wanted->setting_count; i++)
        wanted->settings[i].used |= settings[known + i].used;
    flow->has_checkpoint = status == GGX_OK;
    flow->model = &flow->checkpoint;
    return status;
}

/* "NAME-TYPE" where no writer has that name; else the extension of the output says which writer. */
static ggx_status choose_writer(ggx_flow *flow, const ggx_conversion *wanted, ggx_error *error);

/* By name, by file, or the one that fits best; "none" keeps the checkpoint as it is. */
static ggx_status apply_recipe(ggx_flow *flow, const ggx_conversion *wanted, ggx_recipe_env *env, ggx_error *error);

/* A type that is a mixture decides tensor by tensor, and lays out the file. */
static ggx_status apply_mixture(ggx_flow *flow, const ggx_conversion *wanted, const ggx_recipe_env *env,
                                ggx_error *error);

ggx_status ggx_flow_apply(ggx_flow *flow, const ggx_conversion *wanted, ggx_error *error)
{
    ggx_recipe_env env = {.checkpoint = flow->model,
                          .type_name = "",
                          .via = wanted->via,
                          .base = wanted->base,
                          .portion = wanted->portion,
                          .version = GGX_VERSION,
                          .settings = wanted->settings,
                          .setting_count = wanted->setting_count,
                          .header_only = wanted->header_only,
                          .run = flow->run};
    ggx_metadata_file metadata = {wanted->metadata, 0};
    env.metadata = wanted->metadata ? &metadata : NULL;
    env.model_name = ggx_source_folder(flow->model->source);
    ggx_status status = choose_writer(flow, wanted, error);
    if (status == GGX_OK) status = apply_recipe(flow, wanted, &env, error);
    if (status == GGX_OK && wanted->metadata && !metadata.used)
        status =
            ggx_fail(error, GGX_E_USAGE, "recipe %s has no use for --metadata; --override-kv sets a key", flow->recipe);
    env.checkpoint = ggx_flow_laid(flow);
    return status == GGX_OK ? apply_mixture(flow, wanted, &env, error) : status;
}

const ggx_checkpoint *ggx_flow_laid(const ggx_flow *flow)
{
    return flow->result.checkpoint ? flow->result.checkpoint : flow->model;
}

ggx_status ggx_flow_plan(ggx_flow *flow, const ggx_conversion *wanted, ggx_error *error)
{
    ggx_status status = ggx_flow_apply(flow, wanted, error);
    return status == GGX_OK ? ggx_flow_lay_out(flow, wanted, error) : status;
}

ggx_status ggx_flow_lay_out(ggx_flow *flow, const ggx_conversion *wanted, ggx_error *error)
{
    ggx_plan_request request = {.overrides = wanted->overrides,
                                .override_count = wanted->override_count,
                                .pure = wanted->pure,
                                .memory = wanted->stream ? wanted->memory / 2
                                                         : wanted->memory, /* the other half: the stream's */
                                .threads = wanted->threads,
                                .shards = wanted->shards,
                                .settings = wanted->settings,
                                .setting_count = wanted->setting_count};
    request.mixture = flow->mixture ? &flow->mixed : NULL;
    request.imatrix = flow->has_imatrix ? &flow->imatrix : NULL;
    request.requantize = wanted->requantize;
    request.writer = flow->writer;
    request.type = flow->type;
    ggx_status status = ggx_plan_make(&flow->plan, flow->registry, ggx_flow_laid(flow), &flow->result, flow->recipe,
                                      &request, flow->run, error);
    flow->has_plan = status == GGX_OK;
    const ggx_setting *unused = status == GGX_OK ? ggx_settings_unused(wanted->settings, wanted->setting_count) : NULL;
    if (unused && !strncmp(unused->name, "*.", 2))
        status = ggx_fail(error, GGX_E_USAGE, "%s has no use here: no part of this conversion has an option '%s'",
                          !strcmp(unused->name, "*.pre") ? "--pre" : "--vocab-only", unused->name + 2);
    else if (unused)
        status =
            ggx_fail(error, GGX_E_USAGE, "neither reader %s nor writer %s has an option '%s'; see 'ggx plugins NAME'",
                     flow->model->reader_name, flow->writer, unused->name);
    return status;
}

void ggx_flow_share(ggx_flow *flow, const ggx_flow *opened)
{
    memset(flow, 0, sizeof *flow);
    flow->registry = opened->registry;
    flow->run = opened->run;
    flow->recipe = "none";
    flow->model = opened->model;
    ggx_arena_init(&flow->arena, RECIPE_MEMORY);
}

ggx_status ggx_flow_join(ggx_flow *flows, const ggx_conversion *wanted, uint32_t count, ggx_error *error)
{
    ggx_plan *plans[GGX_FLOWS_MAX];
    const ggx_plan_request request = {.memory = wanted->memory, .threads = wanted->threads};
    for (uint32_t k = 0; k < count; k++) plans[k] = &flows[k].plan;
    return ggx_plan_join(plans, count, &request, error);
}

ggx_status ggx_flow_execute(ggx_flow *flows, const ggx_conversion *wanted, uint32_t count, ggx_error *error)
{
    const ggx_plan *plans[GGX_FLOWS_MAX];
    ggx_tile_sink sinks[GGX_FLOWS_MAX];
    ggx_status status = GGX_OK;
    uint32_t opened = 0;
    for (; opened < count && status == GGX_OK; opened++) {
        ggx_flow *flow = &flows[opened];
        const ggx_conversion *w = &wanted[opened];
        ggx_output_request request = {
            w->output, w->part, w->parts ? w->parts : 1, w->sync_bytes, {w->imatrix, w->recipe, w->metadata, NULL},
            w->replace};
        plans[opened] = &flow->plan;
        flow->quiet_run = *flow->run;
        if (opened) flow->quiet_run.progress = NULL; /* they get on together: one tells */
        status = ggx_output_open(&flow->output, &request, &flow->plan, &flow->quiet_run, error);
        if (status != GGX_OK) break;
        flow->resumed = flow->output.resumed;
        sinks[opened] = ggx_output_sink(&flow->output);
    }
    if (status == GGX_OK) status = ggx_execute(plans, sinks, count, flows->run, error);
    for (uint32_t k = 0; k < opened; k++)
        if (status == GGX_OK)
            status = ggx_output_commit(&flows[k].output, error);
        else
            ggx_output_discard(&flows[k].output);
    return status;
}

void ggx_flow_close(ggx_flow *flow)
{
    if (flow->has_plan) ggx_plan_close(&flow->plan);
    if (flow->has_checkpoint) ggx_checkpoint_close(&flow->checkpoint);
    flow->has_plan = flow->has_checkpoint = 0;
    if (flow->has_imatrix) ggx_imatrix_close(&flow->imatrix);
    flow->has_imatrix = 0;
    ggx_arena_free(&flow->arena);
    ggx_source_close(flow->source);
    flow->source = NULL;
}

/* --- the two choices ------------------------------------------------------------------------------------------------------------ */

static ggx_status writer_by_extension(ggx_flow *flow, const char *output, ggx_error *error)
{
    const ggx_plugin_entry *entry;
    const ggx_offer *offer;
    uint32_t at = 0;
    const char *slash = output ? strrchr(output, '/') : NULL,
               *dot = output ? strrchr(slash ? slash : output, '.') : NULL;
    while (dot && ggx_registry_next(flow->registry, GGX_WRITER_ID, &at, &entry, &offer))
        for (uint32_t i = 0; offer->extensions[i]; i++)
            if (!strcmp(offer->extensions[i], dot + 1)) {
                flow->writer = offer->name;
                return GGX_OK;
            }
    if (!output) return ggx_fail(error, GGX_E_USAGE, "say what is to be made: -o FILE, or --writer NAME");
    entry = ggx_registry_refused(flow->registry, GGX_WRITER_ID, ggx_str_of(output));
    if (entry)
        return ggx_fail(error, GGX_E_PLUGIN, "%s, which writes such files, is not used: %.160s", entry->id, entry->why);
    return ggx_fail(error, GGX_E_USAGE,
                    "no writer goes by the extension of '%.100s'; name one with --writer, see ggx plugins", output);
}

static ggx_status choose_writer(ggx_flow *flow, const ggx_conversion *wanted, ggx_error *error)
{
    const void *vtable;
    flow->type = wanted->type;
    if (!wanted->writer) return writer_by_extension(flow, wanted->output, error);
    flow->writer = wanted->writer;
    const char *dash = strrchr(wanted->writer, '-');
    if (!dash ||
        ggx_registry_get(flow->registry, GGX_WRITER_ID, ggx_str_of(wanted->writer), &vtable, NULL, NULL) == GGX_OK)
        return GGX_OK;
    ggx_str name = ggx_arena_str(&flow->arena, (ggx_str){wanted->writer, (uint64_t)(dash - wanted->writer)});
    if (!name.data) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    if (wanted->type)
        return ggx_fail(error, GGX_E_USAGE, "--writer %s names a type and so does --type %s; leave one of them out",
                        wanted->writer, wanted->type);
    flow->writer = name.data;
    flow->type = dash + 1;
    return GGX_OK;
}

/* Is there a plugin for the type that most tensors of the mixture get? */
static int makes(ggx_flow *flow, const char *mixtures, const char *name)
{
    ggx_mixture *mixture = NULL;
    const ggx_quant *quant;
    if (ggx_mixture_find(&flow->arena, mixtures, ggx_str_of(name), &mixture, NULL) != GGX_OK || !mixture) return 0;
    const ggx_str type = ggx_mixture_type(mixture);
    return !type.size || ggx_str_is(type, "f32") || ggx_registry_quant(flow->registry, type, &quant, NULL) == GGX_OK;
}

/* The list of types alone would not name a mixture that was meant. */
static ggx_status refuse_type(ggx_flow *flow, const char *mixtures, const ggx_error *unknown, ggx_error *error)
{
    const ggx_plugin_entry *entry;
    const ggx_offer *offer;
    const ggx_str name = ggx_str_of(flow->type);
    uint32_t at = 0, least = name.size > 4 ? 3 : 2;
    const char *near = ggx_mixture_nearest(&flow->arena, mixtures, name, &least);
    int is_mixture = near != NULL;
    while (ggx_registry_next(flow->registry, GGX_QUANT_ID, &at, &entry, &offer)) {
        const uint32_t distance = ggx_word_distance(ggx_str_of(offer->name), name);
        if (distance < least) {
            near = offer->name;
            least = distance;
            is_mixture = 0;
        }
    }
    if (near && is_mixture && !makes(flow, mixtures, near)) near = NULL; /* in vain: its plugin is not here */
    if (unknown->status == GGX_E_NOTFOUND && near && least)
        return ggx_fail(error, GGX_E_NOTFOUND, "there is no type '%.80s'; did you mean %s? ggx types lists them all",
                        flow->type, near);
    if (error) *error = *unknown;
    return unknown->status;
}

/* A mixture of that name, a tensor type, or both: then the mixture is meant where it applies. */
static ggx_status choose_type(ggx_flow *flow, const char *data, ggx_recipe_env *env, ggx_error *error)
{
    ggx_error unknown = {0};
    if (!flow->type) return GGX_OK;
    ggx_status status = ggx_registry_quant(flow->registry, ggx_str_of(flow->type), &env->type, &unknown);
    if (status == GGX_OK) flow->type = env->type->type.name; /* an alias becomes the name */
    ggx_str directory = ggx_arena_format(&flow->arena, "%s/mixtures", data);
    if (!directory.data) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    ggx_status found = ggx_mixture_find(&flow->arena, directory.data, ggx_str_of(flow->type), &flow->mixture, error);
    if (found != GGX_OK) return found;
    const int plain = status == GGX_OK || !strcmp(flow->type, "f32"); /* no plugin makes what all passes through */
    if (plain) return GGX_OK;
    if (!flow->mixture) return refuse_type(flow, directory.data, &unknown, error);
    ggx_str base = ggx_mixture_type(flow->mixture);
    if (!base.size || ggx_registry_quant(flow->registry, base, &env->type, &unknown) == GGX_OK) return GGX_OK;
    return ggx_fail(error, unknown.status, "mixture %s needs the type %.*s: %s", flow->type, GGX_STR_ARGS(base),
                    unknown.text);
}

static void say_lost(ggx_flow *flow, const char *what)
{
    for (uint64_t i = 0; i < flow->result.lost_count && flow->run && flow->run->log; i++) {
        ggx_str line = ggx_arena_format(&flow->arena, "%s%s", what, flow->result.lost[i]);
        if (line.data) flow->run->log(flow->run->context, GGX_LOG_WARNING, line.data);
    }
}

/* From a file that the recipe made to the source's names; what is lost is said, a line each. */
static ggx_status apply_backwards(ggx_flow *flow, const ggx_recipe *recipe, const ggx_recipe_env *env, ggx_error *error)
{
    ggx_status status = ggx_recipe_backwards(&flow->arena, recipe, env, &flow->result, error);
    ggx_str name = ggx_arena_format(&flow->arena, "%s backwards", ggx_recipe_id(recipe));
    if (status == GGX_OK && !name.data) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    if (status != GGX_OK) return status;
    flow->recipe = name.data;
    say_lost(flow, "not restored: ");
    return GGX_OK;
}

static ggx_status recipe_settings(ggx_flow *flow, const ggx_conversion *wanted, ggx_setting **settings, uint32_t *known,
                                  ggx_error *error)
{
    ggx_recipe *recipe;
    ggx_setting given = {0};
    if (!wanted->recipe || !strcmp(wanted->recipe, "none")) return GGX_OK;
    const char *data = ggx_data_directory(&flow->arena);
    ggx_str directory = ggx_arena_format(&flow->arena, "%s/recipes", data ? data : "");
    if (!data || !directory.data) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    ggx_status status = ggx_recipe_choose(&flow->arena, directory.data, wanted->recipe, NULL, &recipe, error);
    if (status != GGX_OK) return status;
    while (ggx_recipe_option(recipe, *known, &given.name, &given.value)) ++*known;
    ggx_setting *all = ggx_arena_array(&flow->arena, *known + (uint64_t)wanted->setting_count, sizeof *all);
    if (!all) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    for (uint32_t i = 0; i < *known; i++) ggx_recipe_option(recipe, i, &all[i].name, &all[i].value);
    if (wanted->setting_count) memcpy(all + *known, wanted->settings, wanted->setting_count * sizeof *all);
    *settings = all;
    return GGX_OK;
}

/* What the catalogue says goes before guessing, where that recipe makes such files. */
static ggx_status try_recommended(ggx_flow *flow, const ggx_conversion *wanted, const char *directory, ggx_recipe **out,
                                  ggx_error *error)
{
    ggx_recipe *recipe;
    const char *writer;
    ggx_status status = ggx_recipe_choose(&flow->arena, directory, wanted->recommended, NULL, &recipe, error);
    if (status != GGX_OK) return status;
    if (!ggx_recipe_writer(recipe, 0)) *out = recipe; /* it is for all */
    for (uint32_t i = 0; (writer = ggx_recipe_writer(recipe, i)); i++)
        if (!strcmp(writer, flow->writer) || !strcmp(writer, "*")) *out = recipe;
    return GGX_OK;
}

static ggx_status apply_recipe(ggx_flow *flow, const ggx_conversion *wanted, ggx_recipe_env *env, ggx_error *error)
{
    ggx_recipe *recipe = NULL;
    const char *data = ggx_data_directory(&flow->arena);
    ggx_str directory = ggx_arena_format(&flow->arena, "%s/recipes", data ? data : "");
    if (!data || !directory.data) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    ggx_status status =
        wanted->compat ? ggx_reference_find(&flow->arena, data, wanted->compat, &env->compat, error) : GGX_OK;
    if (status == GGX_OK) status = choose_type(flow, data, env, error);
    if (status != GGX_OK) return status;
    env->writer = flow->writer;
    env->directory = directory.data;
    env->type_name = flow->type ? flow->type : "";
    if (!wanted->recipe && wanted->recommended) status = try_recommended(flow, wanted, directory.data, &recipe, error);
    if (status == GGX_OK && !recipe && (!wanted->recipe || strcmp(wanted->recipe, "none")))
        status = ggx_recipe_choose(&flow->arena, directory.data, wanted->recipe, env, &recipe, error);
    if (status != GGX_OK) return status;
    const int named = wanted->recipe != NULL;
    if (!recipe && !named && wanted->portion)
        return ggx_fail(error, GGX_E_UNSUPPORTED, "no recipe makes a file of this model's part '%s' for writer %s",
                        wanted->portion, flow->writer);
    if (recipe && wanted->portion && !ggx_recipe_makes(recipe, wanted->portion))
        return ggx_fail(error, GGX_E_USAGE,
                        "recipe %s makes no file of the model's part '%s'; leave out --recipe or --%s",
                        ggx_recipe_id(recipe), wanted->portion, wanted->portion);
    if (!recipe && !named) status = ggx_recipe_choose_back(&flow->arena, directory.data, env, &recipe, error);
    if (status == GGX_OK && !recipe && !named && strcmp(flow->model->reader_name, flow->writer))
        status = ggx_recipe_config(env, error);
    if (status != GGX_OK) return status;
    if (wanted->header_only && (!recipe || ggx_recipe_leads_back(recipe, env)))
        return ggx_fail(error, GGX_E_USAGE, "--vocab-only needs a recipe that makes the header; --recipe names one");
    if (!recipe) return ggx_recipe_identity(&flow->arena, env, &flow->result, error);
    flow->recipe = ggx_recipe_id(recipe);
    flow->leads_back = ggx_recipe_leads_back(recipe, env);
    if (flow->leads_back) return apply_backwards(flow, recipe, env, error);
    status = ggx_recipe_apply(&flow->arena, recipe, env, &flow->result, error);
    if (status == GGX_OK) say_lost(flow, "");
    return status;
}

/* Options that only a mixture knows what to do with. */
static ggx_status refuse_mixture_options(const ggx_flow *flow, const ggx_conversion *wanted, ggx_error *error)
{
    const char *option = wanted->output_type                                  ? "--output-tensor-type"
                         : wanted->embedding_type                             ? "--token-embedding-type"
                         : wanted->leave_output                               ? "--leave-output-tensor"
                         : wanted->layout && strcmp(wanted->layout, "source") ? "--layout"
                                                                              : NULL;
    if (!option) return GGX_OK;
    return ggx_fail(error, GGX_E_USAGE, "%s goes with a mixture, and --type %s is none for this model; see ggx types",
                    option, flow->type ? flow->type : "(not given)");
}

static ggx_status apply_mixture(ggx_flow *flow, const ggx_conversion *wanted, const ggx_recipe_env *env,
                                ggx_error *error)
{
    int applies = 0;
    ggx_status status = GGX_OK;
    if (wanted->via) flow->result.via = ggx_str_of(wanted->via);
    for (uint64_t i = 0; i < wanted->kv_count && status == GGX_OK; i++)
        status = ggx_result_set_kv(&flow->arena, &flow->result, &wanted->kvs[i], 0, error);
    if (status == GGX_OK && wanted->imatrix) {
        flow->has_imatrix = 1;
        status = ggx_imatrix_open(&flow->imatrix, flow->registry, wanted->imatrix, flow->run, error);
    }
    if (status == GGX_OK && flow->mixture)
        status = ggx_mixture_applies(flow->mixture, env, &flow->result, &applies, error);
    if (status != GGX_OK) return status;
    if (flow->mixture && !applies && strcmp(flow->type, env->type ? env->type->type.name : "f32"))
        return ggx_fail(error, GGX_E_USAGE,
                        "mixture %s (%.80s) is not for this model or this writer; name a tensor type, see ggx types",
                        flow->type, ggx_mixture_about(flow->mixture));
    if (!applies) {
        flow->mixture = NULL;
        return refuse_mixture_options(flow, wanted, error);
    }
    const ggx_mixture_request request = {.env = env,
                                         .output_type = wanted->output_type,
                                         .embedding_type = wanted->embedding_type,
                                         .leave_output = wanted->leave_output,
                                         .pure = wanted->pure,
                                         .overrides = wanted->overrides,
                                         .override_count = wanted->override_count,
                                         .kvs = wanted->kvs,
                                         .kv_count = wanted->kv_count,
                                         .imatrix = flow->has_imatrix ? &flow->imatrix : NULL,
                                         .keep_order = wanted->shards.keep,
                                         .layout = wanted->layout};
    return ggx_mixture_apply(&flow->arena, flow->mixture, &request, &flow->result, &flow->mixed, error);
}
