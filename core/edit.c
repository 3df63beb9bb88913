/* The file is planned anew, as a conversion to its own format without a recipe. When every tensor comes to lie where it lies, the header alone is
 * written into the file; else the conversion is carried out and takes the file's name at its end. */
#include "edit.h"

#include "commit/patch.h"
#include <ggx_sdk/error.h>
#include <stdio.h>
#include <stdlib.h>

#define HEADER_MAX (1ull << 30)

static const char *const type_names[] = {"u8",   "i8",  "u16", "i16", "u32", "i32", "f32",
                                         "bool", "str", "",    "u64", "i64", "f64"};

/* --- the changes -------------------------------------------------------------------------------------------------------------- */

static const char *const needed[] = {"general.architecture", NULL};

static ggx_kv *find(ggx_recipe_result *result, ggx_str key)
{
    for (uint64_t i = 0; i < result->kv_count; i++)
        if (ggx_str_same(result->kvs[i].key, key)) return &result->kvs[i];
    return NULL;
}

static ggx_status no_key(const ggx_edit *edit, ggx_error *error)
{
    return ggx_fail(error, GGX_E_NOTFOUND, "there is no key '%.*s' in the file; ggx inspect lists them",
                    GGX_STR_ARGS(edit->key));
}

static ggx_status set_key(ggx_flow *flow, const ggx_edit *edit, ggx_error *error)
{
    const ggx_kv *old = find(&flow->result, edit->key);
    ggx_str type = edit->type;
    ggx_kv kv = {.struct_size = sizeof kv, .key = edit->key};
    if (!type.size && !old)
        return ggx_fail(error, GGX_E_USAGE, "key '%.*s' is new; say its type, as --set %.*s=str:…",
                        GGX_STR_ARGS(edit->key), GGX_STR_ARGS(edit->key));
    if (!type.size)
        type =
            ggx_arena_format(&flow->arena, "%s%s", type_names[old->elem_type], old->type == GGX_KV_ARRAY ? "[]" : "");
    if (!type.data) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    ggx_error why = {0};
    ggx_status status = ggx_kv_parse(&flow->arena, type, edit->value, &kv, &why);
    if (status != GGX_OK)
        return ggx_fail(error, status, "--set %.*s: %.180s", (int)(edit->key.size < 60 ? edit->key.size : 60),
                        edit->key.data, why.text);
    return ggx_result_set_kv(&flow->arena, &flow->result, &kv, 0, error);
}

static ggx_status change(ggx_flow *flow, const ggx_edit *edit, ggx_error *error)
{
    ggx_recipe_result *result = &flow->result;
    ggx_kv *old = find(result, edit->key);
    if (edit->kind == GGX_EDIT_SET) return set_key(flow, edit, error);
    if (!old) return no_key(edit, error);
    if (edit->kind == GGX_EDIT_UNSET || edit->kind == GGX_EDIT_RENAME)
        for (const char *const *key = needed; *key; key++)
            if (ggx_str_same(edit->key, ggx_str_of(*key)))
                return ggx_fail(error, GGX_E_USAGE,
                                "programs do not load a file without %s; --set gives it another value", *key);
    if (edit->kind == GGX_EDIT_UNSET) {
        const uint64_t at = (uint64_t)(old - result->kvs);
        memmove(old, old + 1, (size_t)(result->kv_count - at - 1) * sizeof *old);
        result->kv_count--;
        return GGX_OK;
    }
    if (!edit->value.size || find(result, edit->value))
        return ggx_fail(error, GGX_E_USAGE, "--rename %.*s: %s", GGX_STR_ARGS(edit->key),
                        edit->value.size ? "a key of the new name is there already" : "the new name is empty");
    old->key = edit->value;
    return GGX_OK;
}

/* --- in place ----------------------------------------------------------------------------------------------------------------- */

/* All bytes before the first payload, as the writer renders them. */
typedef struct head {
    uint8_t *bytes;
    uint64_t size;
    int32_t outside; /* 1: the writer renders something behind them */
} head;

static ggx_status take(const ggx_emit *emit, uint32_t output, uint64_t offset, const void *data, uint64_t size,
                       ggx_error *error)
{
    head *h = emit->context;
    (void)error;
    if (output || offset > h->size || size > h->size - offset)
        h->outside = 1;
    else if (size)
        memcpy(h->bytes + offset, data, (size_t)size);
    return GGX_OK;
}

/* Does every tensor lie where it would come to lie? *first gets where the first payload begins. */
static int keeps_places(const ggx_flow *flow, uint64_t *first)
{
    const ggx_plan *plan = &flow->plan;
    const ggx_checkpoint *c = flow->model;
    ggx_member member = {.struct_size = sizeof member};
    if (plan->output_count != 1 || plan->tensor_count != c->tensor_count ||
        c->source->member(c->source, 0, &member, NULL) != GGX_OK || member.size != plan->total_size)
        return 0;
    *first = plan->total_size;
    for (uint64_t i = 0; i < plan->tensor_count; i++) {
        const ggx_plan_tensor *t = &plan->tensors[i];
        uint64_t source, offset;
        if (t->mode != GGX_MODE_COPY || !ggx_view_contiguous(&t->view, &source, &offset)) return 0;
        const ggx_tensor *from = &c->tensors[source];
        if (offset || from->access != GGX_ACCESS_RAW || from->member || from->byte_order != GGX_LITTLE_ENDIAN ||
            from->offset != t->place.offset || from->nbytes != t->nbytes)
            return 0;
        if (t->nbytes && t->place.offset < *first) *first = t->place.offset;
    }
    return *first <= HEADER_MAX;
}

/* Writes what differs in the header; *done is 0 when that is not possible. */
static ggx_status edit_in_place(ggx_flow *flow, const char *path, ggx_edited *out, int *done, ggx_error *error)
{
    const ggx_checkpoint *c = flow->model;
    head h = {0};
    uint64_t low = 0, high;
    *done = 0;
    if (!ggx_patch_allowed(path) || !keeps_places(flow, &h.size)) return GGX_OK;
    h.bytes = calloc(1, (size_t)(h.size ? h.size : 1));
    uint8_t *old = malloc((size_t)(h.size ? h.size : 1));
    const ggx_emit emit = {sizeof emit, 0, &h, take};
    ggx_status status = h.bytes && old ? GGX_OK : ggx_fail(error, GGX_E_NOMEM, "no memory for the header");
    if (status == GGX_OK) status = flow->plan.writer->render(flow->plan.writer_instance.self, &emit, error);
    if (status == GGX_OK && !h.outside) status = c->source->read_at(c->source, 0, 0, old, h.size, error);
    if (status == GGX_OK && !h.outside) status = ggx_plan_source_check(&flow->plan, error);
    if (status == GGX_OK && !h.outside) {
        high = h.size;
        while (low < high && old[low] == h.bytes[low]) low++;
        while (high > low && old[high - 1] == h.bytes[high - 1]) high--;
        if (low < high) status = ggx_patch_apply(path, flow->plan.total_size, low, h.bytes + low, high - low, error);
        *done = status == GGX_OK;
        out->in_place = *done;
        out->bytes = high - low;
    }
    free(h.bytes);
    free(old);
    return status;
}

/* --- sets of files ------------------------------------------------------------------------------------------------------------ */

static int is_set(const ggx_checkpoint *c)
{
    for (uint64_t i = 0; i < c->tensor_count; i++)
        if (c->tensors[i].access == GGX_ACCESS_RAW && c->tensors[i].member) return c->source->kind == GGX_SOURCE_FILE;
    return 0;
}

ggx_status ggx_edit_open(ggx_flow *flow, ggx_registry *registry, ggx_conversion *wanted, const ggx_run *run,
                         ggx_error *error)
{
    char name[64];
    ggx_setting *alone;
    ggx_status status = ggx_flow_open(flow, registry, wanted, run, error);
    if (status != GGX_OK || !is_set(flow->model)) return status;
    snprintf(name, sizeof name, "%.48s.alone", flow->model->reader_name);
    ggx_flow_close(flow);
    memset(flow, 0, sizeof *flow);
    wanted->settings = alone = &(ggx_setting){.name = name, .value = "true"};
    wanted->setting_count = 1;
    status = ggx_flow_open(flow, registry, wanted, run, error);
    wanted->settings = NULL;
    wanted->setting_count = 0;
    if (status == GGX_OK && !alone->used)
        return ggx_fail(error, GGX_E_UNSUPPORTED,
                        "the model is a set of several files, which ggx edit cannot change; make one file of it first");
    return status;
}

/* --- the whole ---------------------------------------------------------------------------------------------------------------- */

static ggx_status check_file(const ggx_flow *flow, ggx_error *error)
{
    const ggx_checkpoint *c = flow->model;
    if (c->source->kind != GGX_SOURCE_FILE)
        return ggx_fail(error, GGX_E_USAGE, "ggx edit changes a file; name one, not a folder");
    if (flow->plan.writer->flags & GGX_WRITER_FIELDS)
        return ggx_fail(error, GGX_E_UNSUPPORTED, "files of format %s have no keys to change", c->reader_name);
    return GGX_OK;
}

static ggx_status plan_edits(ggx_flow *flow, const ggx_conversion *wanted, const ggx_edit *edits, uint32_t count,
                             ggx_error *error)
{
    ggx_conversion same = *wanted;
    const void *vtable;
    same.writer = flow->model->reader_name;
    same.recipe = "none";
    if (ggx_registry_get(flow->registry, GGX_WRITER_ID, ggx_str_of(same.writer), &vtable, NULL, NULL) != GGX_OK)
        return ggx_fail(error, GGX_E_UNSUPPORTED, "no writer makes files of format %s, so they cannot be changed",
                        same.writer);
    ggx_status status = ggx_flow_apply(flow, &same, error);
    for (uint32_t i = 0; i < count && status == GGX_OK; i++) status = change(flow, &edits[i], error);
    return status == GGX_OK ? ggx_flow_lay_out(flow, &same, error) : status;
}

ggx_status ggx_edit_recover(const char *path, ggx_edited *out, ggx_error *error)
{
    memset(out, 0, sizeof *out);
    return ggx_patch_recover(path, &out->recovered, error);
}

ggx_status ggx_edit_file(ggx_flow *flow, const ggx_conversion *wanted, const ggx_edit *edits, uint32_t count,
                         ggx_edited *out, ggx_error *error)
{
    ggx_conversion anew = *wanted;
    int done = 0;
    ggx_status status = plan_edits(flow, wanted, edits, count, error);
    if (status == GGX_OK) status = check_file(flow, error);
    if (status == GGX_OK && !wanted->output) status = edit_in_place(flow, wanted->input, out, &done, error);
    if (status != GGX_OK || done) return status;
    anew.replace = !wanted->output;
    if (!wanted->output) anew.output = wanted->input;
    out->bytes = flow->plan.total_size;
    return ggx_flow_execute(flow, &anew, 1, error);
}
