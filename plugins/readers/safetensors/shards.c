/* shards.c - which files make up the checkpoint: one, the shards that an index names, or all of a folder.
 *
 * As for transformers an index's map decides: a tensor that a shard holds beyond it is left out, with a warning. */
#include "safetensors.h"

#include <ggx_sdk/error.h>

#define MAIN_INDEX "model.safetensors.index.json"

static const char *const file_ends[] = {".safetensors"};
static const ggx_folder_names folder_names = {.index_end = ".safetensors.index.json",
                                              .main_index = MAIN_INDEX,
                                              .main_file = "model.safetensors",
                                              .file_ends = file_ends,
                                              .file_end_count = 1};

int st_name_ends(ggx_str name, const char *end)
{
    size_t n = strlen(end);
    return name.size > n && !memcmp(name.data + (name.size - n), end, n);
}

static ggx_status alloc_files(st_reader *r, uint32_t count, ggx_error *error)
{
    r->files = r->host->alloc(r->host, count * sizeof *r->files);
    r->file_count = count;
    return r->files ? GGX_OK : ggx_fail(error, GGX_E_NOMEM, "no memory for %u files", count);
}

static ggx_status read_index(st_reader *r, uint32_t member, ggx_error *error)
{
    ggx_status status = ggx_weight_map_read(&r->map, r->host, r->source, member, error);
    if (status == GGX_OK) status = alloc_files(r, r->map.file_count, error);
    for (uint32_t i = 0; status == GGX_OK && i < r->file_count; i++) r->files[i].member = r->map.files[i];
    return status;
}

static ggx_status take_all(st_reader *r, uint32_t count, ggx_error *error)
{
    ggx_status status = alloc_files(r, count, error);
    uint32_t n = 0;
    for (uint32_t i = 0; status == GGX_OK && n < count && i < r->source->count(r->source); i++) {
        ggx_member m;
        memset(&m, 0, sizeof m);
        m.struct_size = sizeof m;
        status = r->source->member(r->source, i, &m, error);
        if (status == GGX_OK && ggx_folder_is_file(&folder_names, m.name)) r->files[n++].member = i;
    }
    return status;
}

static ggx_status take_one(st_reader *r, uint32_t member, ggx_error *error)
{
    ggx_status status = alloc_files(r, 1, error);
    if (status == GGX_OK) r->files[0].member = member;
    return status;
}

static ggx_status find_in_folder(st_reader *r, ggx_error *error)
{
    ggx_folder f;
    ggx_status status = ggx_folder_look(r->source, &folder_names, &f, error);
    if (status != GGX_OK) return status;
    if (f.has_main_index || (f.index_count == 1 && !f.has_main_file)) return read_index(r, f.index, error);
    if (f.has_main_file || f.file_count == 1) return take_one(r, f.file, error);
    if (f.index_count > 1)
        return ggx_fail(error, GGX_E_USAGE,
                        "the folder holds %u indexes and none is " MAIN_INDEX "; name the one to read", f.index_count);
    if (!f.file_count) return ggx_fail(error, GGX_E_NOTFOUND, "the folder holds no .safetensors file at its top");
    return take_all(r, f.file_count, error);
}

ggx_status st_shards_find(st_reader *r, ggx_error *error)
{
    ggx_member m;
    memset(&m, 0, sizeof m);
    m.struct_size = sizeof m;
    if (r->source->kind != GGX_SOURCE_FILE) return find_in_folder(r, error);
    ggx_status status = r->source->member(r->source, 0, &m, error);
    if (status != GGX_OK) return status;
    return st_name_ends(m.name, ".json") ? read_index(r, 0, error) : take_one(r, 0, error);
}

/* ---- all together ---------------------------------------------------------------------------------------------------------- */

static ggx_status check_tensor(st_reader *r, uint32_t file, st_tensor *t, ggx_error *error)
{
    t->dropped = r->map.count && !ggx_weight_map_take(&r->map, t->name, file);
    if (t->dropped) return GGX_OK;
    ggx_status status = ggx_names_add(&r->tensors, t->name, "tensor", NULL, error);
    if (status == GGX_E_MALFORMED && error) {
        error->member = r->files[file].member;
        error->offset = t->place;
    }
    return status;
}

#define COMPARE_BYTES 65536u
#define LOOKS_MOST (1ull << 28) /* names that are compared to find the same one in another shard */

/* The tensor of that name that is kept, and its file; NULL when the index does not know it. */
static st_tensor *kept(const st_reader *r, ggx_str name, uint32_t *file)
{
    for (*file = 0; *file < r->file_count; ++*file)
        for (uint64_t k = 0; k < r->files[*file].tensor_count; k++) {
            st_tensor *t = &r->files[*file].tensors[k];
            if (!t->dropped && t->name.size == name.size && !memcmp(t->name.data, name.data, (size_t)name.size))
                return t;
        }
    return NULL;
}

/* *same is 1 when both have the same type, shape and bytes. */
static ggx_status same_values(const st_reader *r, uint32_t file, const st_tensor *a, uint32_t other, const st_tensor *b,
                              int *same, ggx_error *error)
{
    uint64_t size = a->end - a->begin;
    *same = 0;
    if (a->dtype != b->dtype || a->rank != b->rank || memcmp(a->shape, b->shape, a->rank * sizeof *a->shape) != 0 ||
        size != b->end - b->begin)
        return GGX_OK;
    char *space = r->host->alloc(r->host, 2 * COMPARE_BYTES);
    if (!space) return ggx_fail(error, GGX_E_NOMEM, "no memory to compare shards");
    for (uint64_t at = 0; at < size; at += COMPARE_BYTES) {
        uint64_t n = size - at < COMPARE_BYTES ? size - at : COMPARE_BYTES;
        const st_file *one = &r->files[file], *two = &r->files[other];
        ggx_status status = r->source->read_at(r->source, one->member, one->data + a->begin + at, space, n, error);
        if (status == GGX_OK)
            status =
                r->source->read_at(r->source, two->member, two->data + b->begin + at, space + COMPARE_BYTES, n, error);
        if (status != GGX_OK) return status;
        if (memcmp(space, space + COMPARE_BYTES, (size_t)n) != 0) return GGX_OK;
    }
    *same = 1;
    return GGX_OK;
}

/* A tensor that two shards hold must be the same in both: programs disagree on whose counts. The place is then that of the first. */
static ggx_status check_twice(st_reader *r, ggx_error *error)
{
    uint64_t looks = 0, total = 0;
    for (uint32_t i = 0; i < r->file_count; i++) total += r->files[i].tensor_count;
    for (uint32_t i = 0; i < r->file_count; i++) {
        for (uint64_t k = 0; k < r->files[i].tensor_count; k++) {
            st_tensor *t = &r->files[i].tensors[k], *other;
            uint32_t file;
            int same;
            if (!t->dropped) continue;
            looks += total;
            if (looks > LOOKS_MOST)
                return ggx_fail(error, GGX_E_MALFORMED, "too many tensors are not in the shard that the index says");
            if (!(other = kept(r, t->name, &file))) continue;
            ggx_status status = same_values(r, i, t, file, other, &same, error);
            if (status != GGX_OK) return status;
            if (!same)
                return ggx_fail_at(error, GGX_E_MALFORMED, r->files[i].member, t->place,
                                   "tensor '%.*s' is in two shards, with different values; take it out of the one that "
                                   "the index does not name",
                                   GGX_STR_ARGS(t->name));
            if (i < file) {
                t->dropped = 0;
                other->dropped = 1;
            }
        }
    }
    return GGX_OK;
}

ggx_status st_shards_check(st_reader *r, ggx_error *error)
{
    uint64_t dropped = 0;
    ggx_names_init(&r->tensors, r->host);
    for (uint32_t i = 0; i < r->file_count; i++) {
        for (uint64_t k = 0; k < r->files[i].tensor_count; k++) {
            ggx_status status = check_tensor(r, i, &r->files[i].tensors[k], error);
            if (status != GGX_OK) return status;
            dropped += r->files[i].tensors[k].dropped;
        }
    }
    ggx_status status = ggx_weight_map_check(&r->map, error);
    if (status == GGX_OK && dropped) status = check_twice(r, error);
    if (status == GGX_OK && dropped) {
        char text[128];
        snprintf(text, sizeof text, "%llu tensors of the shards are not where the index says, and left out",
                 (unsigned long long)dropped);
        r->host->log(r->host, GGX_LOG_WARNING, text);
    }
    return status;
}
