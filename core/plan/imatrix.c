/* imatrix.c - reads an importance matrix through the reader that knows its file. */
#include "plan/imatrix.h"

#include "base/text.h"
#include "execute/gather.h"
#include "source/open.h"
#include <ggx_sdk/checked.h>
#include <ggx_sdk/error.h>
#include <math.h>
#include <stdlib.h>

#define MEMORY (1ull << 30)
#define STAGE_ELEMS 4096u

static const ggx_str sums_end = {".in_sum2", 8}, counts_end = {".counts", 7};

/* All elements of an f32 tensor. */
static ggx_status read_floats(ggx_arena *arena, const ggx_checkpoint *c, uint64_t tensor, float **out, uint64_t *count,
                              ggx_error *error)
{
    const ggx_tensor *t = &c->tensors[tensor];
    ggx_box box = {.struct_size = sizeof box, .rank = t->rank};
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    float stage[STAGE_ELEMS];
    ggx_gather gather = {.checkpoint = c, .sequential = &lock, .stage = (uint8_t *)stage, .stage_elems = STAGE_ELEMS};
    ggx_view view;
    memcpy(box.count, t->shape, sizeof box.count);
    if (strcmp(t->type.name, "f32") || !ggx_product_u64(t->shape, t->rank, count) || !*count)
        return ggx_fail(error, GGX_E_MALFORMED, "tensor '%.*s' of the importance matrix is not f32, or empty",
                        GGX_STR_ARGS(t->name));
    *out = ggx_arena_array(arena, *count, sizeof **out);
    if (!*out) return ggx_fail(error, GGX_E_NOMEM, "no memory for the importance matrix");
    ggx_status status = ggx_view_tensor(arena, c, tensor, &view, error);
    return status == GGX_OK ? ggx_gather_f32(&gather, &view, &box, NULL, *out, error) : status;
}

/* Divides the sums of each slab by its count; a slab that nothing went through weighs all its columns alike. */
static ggx_status divide(float *values, uint64_t count, const float *counts, uint64_t slabs, ggx_str name,
                         ggx_error *error)
{
    if (count % slabs)
        return ggx_fail(error, GGX_E_MALFORMED, "the importance matrix has %llu sums and %llu counts for tensor '%.*s'",
                        (unsigned long long)count, (unsigned long long)slabs, GGX_STR_ARGS(name));
    const uint64_t cols = count / slabs;
    for (uint64_t s = 0; s < slabs; s++) {
        if (!(fabsf(counts[s]) < 1e9f))
            return ggx_fail(error, GGX_E_MALFORMED,
                            "the importance matrix has a count that is no number for tensor '%.*s'",
                            GGX_STR_ARGS(name));
        const float by = (float)lroundf(counts[s]);
        for (uint64_t i = 0; i < cols; i++) values[s * cols + i] = by > 0 ? values[s * cols + i] / by : 1.0f;
    }
    return GGX_OK;
}

static ggx_status read_entry(ggx_imatrix *m, const ggx_checkpoint *c, uint64_t tensor, ggx_error *error)
{
    const ggx_str whole = c->tensors[tensor].name;
    ggx_imatrix_entry *entry = &m->entries[m->entry_count++];
    float *values = NULL, *counts = NULL;
    uint64_t slabs;
    entry->name = ggx_arena_str(&m->arena, (ggx_str){whole.data, whole.size - sums_end.size});
    ggx_str name = ggx_arena_format(&m->arena, "%.*s%s", GGX_STR_ARGS(entry->name), counts_end.data);
    if (!entry->name.data || !name.data) return ggx_fail(error, GGX_E_NOMEM, "no memory for the importance matrix");
    ggx_status status = read_floats(&m->arena, c, tensor, &values, &entry->count, error);
    uint64_t at = ggx_checkpoint_find(c, name);
    if (status == GGX_OK && at == UINT64_MAX)
        status = ggx_fail(error, GGX_E_MALFORMED,
                          "the importance matrix has sums for tensor '%.*s', but not how many they are of (%s)",
                          GGX_STR_ARGS(entry->name), counts_end.data);
    if (status == GGX_OK) status = read_floats(&m->arena, c, at, &counts, &slabs, error);
    if (status == GGX_OK) status = divide(values, entry->count, counts, slabs, entry->name, error);
    for (uint64_t i = 0; i < entry->count && status == GGX_OK; i++)
        if (!isfinite(values[i]))
            status =
                ggx_fail(error, GGX_E_MALFORMED,
                         "the importance matrix has a weight that is no finite number: element %llu for tensor '%.*s'",
                         (unsigned long long)i, GGX_STR_ARGS(entry->name));
    entry->values = values;
    return status;
}

/* Counts without sums: the file lost something on its way. */
static ggx_status refuse_lone_counts(ggx_imatrix *m, const ggx_checkpoint *c, ggx_str counts, ggx_error *error)
{
    const ggx_str name = {counts.data, counts.size - counts_end.size},
                  sums = ggx_arena_format(&m->arena, "%.*s%s", GGX_STR_ARGS(name), sums_end.data);
    if (!sums.data) return ggx_fail(error, GGX_E_NOMEM, "no memory for the importance matrix");
    if (ggx_checkpoint_find(c, sums) != UINT64_MAX) return GGX_OK;
    return ggx_fail(error, GGX_E_MALFORMED, "the importance matrix has counts for tensor '%.*s', but no sums (%s)",
                    GGX_STR_ARGS(name), sums_end.data);
}

static int by_name(const void *a, const void *b)
{
    return ggx_str_order(((const ggx_imatrix_entry *)a)->name, ((const ggx_imatrix_entry *)b)->name);
}

/* Which text, and how much of it: written into outputs by mixtures. A file without these keys was not made by a program that
 * measures, and its tensors only happen to have such names. */
static ggx_status read_origin(ggx_imatrix *m, const ggx_checkpoint *c, ggx_error *error)
{
    const ggx_kv *text = ggx_checkpoint_kv(c, GGX_LIT("imatrix.datasets")),
                 *chunks = ggx_checkpoint_kv(c, GGX_LIT("imatrix.chunk_count"));
    if (!text || !chunks || !ggx_checkpoint_kv(c, GGX_LIT("imatrix.chunk_size")))
        return ggx_fail(error, GGX_E_MALFORMED, "this is no importance matrix: it has no key imatrix.%s",
                        !text     ? "datasets"
                        : !chunks ? "chunk_count"
                                  : "chunk_size");
    if (text && text->elem_type == GGX_KV_STRING && text->count) {
        m->dataset = ggx_arena_str(&m->arena, ((const ggx_str *)text->data)[0]);
        if (!m->dataset.data) return ggx_fail(error, GGX_E_NOMEM, "no memory for the importance matrix");
    }
    const uint32_t count = chunks->type == GGX_KV_U32 ? ((const uint32_t *)chunks->data)[0] : 0;
    m->chunks = count <= INT32_MAX ? (int64_t)count : 0;
    return GGX_OK;
}

static ggx_status read_all(ggx_imatrix *m, const ggx_checkpoint *c, ggx_error *error)
{
    m->entries = ggx_arena_array(&m->arena, c->tensor_count, sizeof *m->entries);
    if (!m->entries) return ggx_fail(error, GGX_E_NOMEM, "no memory for the importance matrix");
    ggx_status status = GGX_OK;
    for (uint64_t i = 0; i < c->tensor_count && status == GGX_OK; i++) {
        if (ggx_str_ends(c->tensors[i].name, sums_end)) status = read_entry(m, c, i, error);
        if (ggx_str_ends(c->tensors[i].name, counts_end)) status = refuse_lone_counts(m, c, c->tensors[i].name, error);
    }
    if (status == GGX_OK && !m->entry_count)
        status =
            ggx_fail(error, GGX_E_MALFORMED, "this is no importance matrix: it has no tensor NAME%s", sums_end.data);
    if (status == GGX_OK) status = read_origin(m, c, error);
    if (status != GGX_OK) return status;
    qsort(m->entries, (size_t)m->entry_count, sizeof *m->entries, by_name);
    return GGX_OK;
}

/* Whoever reads the error has the model's files in mind, and the member's number would be taken for one of those. */
static ggx_status name_file(const char *path, ggx_status status, ggx_error *error)
{
    const size_t size = strlen(path), shown = size < 90 ? size : 90;
    if (!error || status == GGX_OK) return status;
    const ggx_error cause = *error;
    if (strstr(cause.text, path + (size - shown))) {
        error->member = GGX_NO_MEMBER;
        return status;
    }
    if (cause.offset != GGX_NO_OFFSET && cause.offset)
        return ggx_fail(error, status, "importance matrix %s: %.110s (at byte %llu)", path + (size - shown), cause.text,
                        (unsigned long long)cause.offset);
    return ggx_fail(error, status, "importance matrix %s: %s", path + (size - shown), cause.text);
}

ggx_status ggx_imatrix_open(ggx_imatrix *imatrix, ggx_registry *registry, const char *path, const ggx_run *run,
                            ggx_error *error)
{
    ggx_source *source = NULL;
    ggx_checkpoint checkpoint;
    memset(imatrix, 0, sizeof *imatrix);
    ggx_arena_init(&imatrix->arena, MEMORY);
    imatrix->path = path;
    ggx_status status = ggx_source_open(path, &source, error);
    if (status != GGX_OK) return name_file(path, status, error);
    status = ggx_checkpoint_open(&checkpoint, registry, source, NULL, NULL, 0, run, error);
    if (status == GGX_OK) {
        status = read_all(imatrix, &checkpoint, error);
        ggx_checkpoint_close(&checkpoint);
    }
    ggx_source_close(source);
    return name_file(path, status, error);
}

void ggx_imatrix_close(ggx_imatrix *imatrix)
{
    ggx_arena_free(&imatrix->arena);
    imatrix->entry_count = 0;
}

const ggx_imatrix_entry *ggx_imatrix_find(const ggx_imatrix *imatrix, ggx_str name)
{
    const ggx_imatrix_entry key = {.name = name};
    return imatrix->entry_count
               ? bsearch(&key, imatrix->entries, (size_t)imatrix->entry_count, sizeof *imatrix->entries, by_name)
               : NULL;
}
