/* The manifest of a conversion; its fields are described in docs/verify.md. */
#include "record.h"

#include "commit/files.h"
#include "commit/names.h"
#include "hash/files.h"
#include "source/open.h"
#include <errno.h>
#include <ggx_sdk/error.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECORD_MEMORY (256ull << 20)

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* --- inputs ----------------------------------------------------------------------------------------------------------------------- */

/* One byte a member: 1 for those that hold a tensor, or were read to make the plan. */
static ggx_status mark_used(const ggx_checkpoint *c, uint8_t *used, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) used[i] = ggx_source_was_read(c->source, i) != 0;
    for (uint64_t i = 0; i < c->tensor_count; i++)
        if (c->tensors[i].member < count) used[c->tensors[i].member] = 1;
    return GGX_OK;
}

static ggx_status list_inputs(ggx_record *r, const ggx_flow *flow, ggx_hashed **out, ggx_source *imatrix,
                              ggx_error *error)
{
    const ggx_source *source = flow->model->source;
    const uint32_t count = source->count(source);
    uint8_t *used = ggx_arena_alloc(&r->arena, count + 1ull);
    ggx_hashed *hashed = ggx_arena_array(&r->arena, count + 1ull, sizeof *hashed);
    r->inputs = ggx_arena_array(&r->arena, count + 1ull, sizeof *r->inputs);
    if (!used || !hashed || !r->inputs) return ggx_fail(error, GGX_E_NOMEM, "no memory for the manifest");
    mark_used(flow->model, used, count);
    for (uint32_t i = 0; i < count; i++) {
        ggx_member member = {.struct_size = sizeof member};
        if (!used[i]) continue;
        ggx_status status = source->member(source, i, &member, error);
        if (status != GGX_OK) return status;
        hashed[r->input_count] = (ggx_hashed){.source = source, .member = i};
        r->inputs[r->input_count++].name = member.name;
    }
    if (imatrix) {
        hashed[r->input_count] = (ggx_hashed){.source = imatrix};
        r->inputs[r->input_count++].name = ggx_arena_str(&r->arena, ggx_str_of(base_of(r->wanted->imatrix)));
    }
    *out = hashed;
    return GGX_OK;
}

static ggx_status hash_inputs(ggx_record *r, const ggx_flow *flow, ggx_error *error)
{
    ggx_source *imatrix = NULL;
    ggx_hashed *hashed = NULL;
    ggx_status status = r->wanted->imatrix ? ggx_source_open(r->wanted->imatrix, &imatrix, error) : GGX_OK;
    if (status == GGX_OK) status = list_inputs(r, flow, &hashed, imatrix, error);
    if (status == GGX_OK)
        status = ggx_hash_files(hashed, r->input_count, GGX_HASH_SHA256, r->wanted->threads, flow->run, error);
    for (uint64_t i = 0; status == GGX_OK && i < r->input_count; i++) {
        r->inputs[i].bytes = hashed[i].bytes;
        memcpy(r->inputs[i].digest, hashed[i].digest, sizeof r->inputs[i].digest);
    }
    ggx_source_close(imatrix);
    return status;
}

static ggx_status compare_with(ggx_record *r, ggx_error *error)
{
    ggx_manifest known;
    ggx_str text;
    ggx_status status = ggx_read_whole(&r->arena, r->path, GGX_MANIFEST_BYTES, &text, error);
    if (status == GGX_OK) status = ggx_manifest_parse(&r->arena, text, r->path, &known, error);
    if (status == GGX_OK && known.list)
        status =
            ggx_fail(error, GGX_E_USAGE,
                     "%.120s is a list of digests, which would be lost; check it with ggx verify, and name another "
                     "file for the manifest",
                     r->path);
    for (uint64_t i = 0; status == GGX_OK && i < r->input_count; i++) {
        const ggx_manifest_file *input = &r->inputs[i],
                                *file = ggx_manifest_find(known.inputs, known.input_count, input->name);
        status = file ? ggx_manifest_compare(file, input->bytes, input->digest, error)
                      : ggx_fail(error, GGX_E_INTEGRITY,
                                 "input %.*s is not in the manifest %.60s; remove the manifest to begin a new one",
                                 GGX_STR_ARGS(input->name), r->path);
    }
    return status;
}

/* A conversion of an hour must not end at a folder that is not there. */
static ggx_status check_folder(const char *path, ggx_error *error)
{
    char *directory = ggx_output_directory(path);
    struct stat st;
    ggx_status status = GGX_OK;
    if (!directory)
        status = ggx_fail(error, GGX_E_NOMEM, "out of memory");
    else if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        status = ggx_fail(error, GGX_E_USAGE, "--manifest %.150s is a folder; name a file", path);
    else if (stat(directory, &st) != 0)
        status = ggx_fail_errno(error, errno, "write the manifest into", directory);
    else if (!S_ISDIR(st.st_mode))
        status = ggx_fail(error, GGX_E_USAGE, "--manifest %.150s: %.60s is no folder", path, directory);
    else if (access(directory, W_OK | X_OK) != 0)
        status = ggx_fail_errno(error, errno, "write the manifest into", directory);
    free(directory);
    return status;
}

/* The manifest takes no other file's place. */
static ggx_status check_path(const ggx_record *r, ggx_error *error)
{
    char *output = ggx_output_file_name(r->wanted->output, 0, 1);
    const int same = output && !strcmp(output, r->path);
    free(output);
    if (r->wanted->parts > 1)
        return ggx_fail(error, GGX_E_USAGE, "--manifest needs the whole output, and --part makes a piece of it");
    if (same) return ggx_fail(error, GGX_E_USAGE, "-o and --manifest name the same file");
    return GGX_OK;
}

ggx_status ggx_record_open(ggx_record *r, const char *path, const ggx_flow *flow, const ggx_conversion *wanted,
                           ggx_error *error)
{
    memset(r, 0, sizeof *r);
    r->path = path;
    r->wanted = wanted;
    ggx_arena_init(&r->arena, RECORD_MEMORY);
    ggx_status status = check_path(r, error);
    if (status == GGX_OK) status = check_folder(path, error);
    if (status == GGX_OK) status = hash_inputs(r, flow, error);
    if (status == GGX_OK && access(path, F_OK) == 0) status = compare_with(r, error);
    return status;
}

/* --- what came out ---------------------------------------------------------------------------------------------------------------- */

static ggx_status hash_output(ggx_record *r, const ggx_flow *flow, uint32_t index, ggx_error *error)
{
    ggx_source *source = NULL;
    ggx_manifest_file *file = &r->outputs[index];
    char *path = ggx_output_file_name(r->wanted->output, index, flow->plan.output_count);
    ggx_status status =
        path ? ggx_source_open(path, &source, error) : ggx_fail(error, GGX_E_NOMEM, "no memory for the manifest");
    ggx_hashed hashed = {.source = source};
    if (status == GGX_OK) status = ggx_hash_files(&hashed, 1, GGX_HASH_SHA256, 1, flow->run, error);
    if (status == GGX_OK) {
        file->name = ggx_arena_str(&r->arena, ggx_str_of(base_of(path)));
        file->bytes = hashed.bytes;
        memcpy(file->digest, hashed.digest, sizeof file->digest);
        if (!file->name.data) status = ggx_fail(error, GGX_E_NOMEM, "no memory for the manifest");
    }
    ggx_source_close(source);
    free(path);
    return status;
}

/* How many tensors each type has, in the order in which types first occur. */
static void count_types(const ggx_plan *plan, ggx_text *out)
{
    uint64_t listed = 0;
    for (uint64_t i = 0; i < plan->tensor_count; i++) {
        uint64_t before = 0, n = 0;
        for (uint64_t k = 0; k < plan->tensor_count; k++) {
            const int same = !strcmp(plan->tensors[k].type.name, plan->tensors[i].type.name);
            before += same && k < i;
            n += (uint64_t)same;
        }
        if (!before)
            ggx_text_format(out, "%s\"%s\": %llu", listed++ ? ", " : "", plan->tensors[i].type.name,
                            (unsigned long long)n);
    }
}

static void render(const ggx_record *r, const ggx_flow *flow, ggx_text *out)
{
    ggx_text_format(out, "{\n \"ggx_manifest\": 1,\n \"ggx\": \"%s\",\n \"inputs\": ", GGX_VERSION);
    ggx_manifest_json(r->inputs, r->input_count, out);
    ggx_text_format(out, ",\n \"reader\": \"%s\",\n \"recipe\": ", flow->model->reader_name);
    ggx_text_json(out, ggx_str_of(flow->recipe));
    ggx_text_format(out, ",\n \"writer\": \"%s\",\n \"type\": ", flow->writer);
    if (flow->type)
        ggx_text_json(out, ggx_str_of(flow->type));
    else
        ggx_text_format(out, "null");
    ggx_text_format(out, ",\n \"types\": {");
    count_types(&flow->plan, out);
    ggx_text_format(out, "},\n \"tensors\": %llu,\n \"outputs\": ", (unsigned long long)flow->plan.tensor_count);
    ggx_manifest_json(r->outputs, r->output_count, out);
    ggx_text_format(out, "\n}\n");
}

ggx_status ggx_record_write(ggx_record *r, const ggx_flow *flow, ggx_error *error)
{
    ggx_text text = {0};
    ggx_status status = GGX_OK;
    r->outputs = ggx_arena_array(&r->arena, flow->plan.output_count, sizeof *r->outputs);
    if (!r->outputs) return ggx_fail(error, GGX_E_NOMEM, "no memory for the manifest");
    r->output_count = flow->plan.output_count;
    for (uint32_t i = 0; i < flow->plan.output_count && status == GGX_OK; i++) status = hash_output(r, flow, i, error);
    if (status == GGX_OK) render(r, flow, &text);
    if (status == GGX_OK && text.failed) status = ggx_fail(error, GGX_E_NOMEM, "no memory for the manifest");
    if (status == GGX_OK) status = ggx_write_file(r->path, (ggx_str){text.data, text.size}, error);
    ggx_text_free(&text);
    return status;
}

void ggx_record_close(ggx_record *r)
{
    ggx_arena_free(&r->arena);
}
