/* shards.c - which files make up the checkpoint: one, the shards that an index names, or what a model's folder holds; and the probe.
 *
 * transformers calls them pytorch_model.bin, pytorch_model-00001-of-00002.bin …, pytorch_model.bin.index.json. Other .bin files of a folder
 * (training_args.bin, optimizer.bin) are none of the model's. As for transformers an index's map decides: a tensor that a shard
 * holds beyond it is left out, with a warning. */
#include "pth.h"

#include <ggx_sdk/error.h>

#define INDEX_END ".bin.index.json"
#define MAIN_FILE "pytorch_model.bin"

static const char *const file_ends[] = {".pth", ".pt", ".th", ".ckpt", "_model.bin"}; /* adapter_model.bin is PEFT's */
static const ggx_folder_names folder_names = {.index_end = INDEX_END,
                                              .main_index = "pytorch_model.bin.index.json",
                                              .main_file = MAIN_FILE,
                                              .file_ends = file_ends,
                                              .file_end_count = sizeof file_ends / sizeof file_ends[0]};

static int ends_with(ggx_str s, const char *end)
{
    size_t n = strlen(end);
    return s.size > n && !memcmp(s.data + (s.size - n), end, n);
}

static int begins_with(ggx_str s, const char *start)
{
    size_t n = strlen(start);
    return s.size > n && !memcmp(s.data, start, n);
}

/* One of the parts that transformers saves, at the folder's top. */
static int is_part(ggx_str name)
{
    return begins_with(name, "pytorch_model-") && ends_with(name, ".bin") && !memchr(name.data, '/', (size_t)name.size);
}

static int contains(ggx_str text, const char *word)
{
    size_t n = strlen(word);
    for (uint64_t i = 0; text.size >= n && i <= text.size - n; i++)
        if (!memcmp(text.data + i, word, n)) return 1;
    return 0;
}

/* ---- probe ----------------------------------------------------------------------------------------------------------------- */

/* A zip whose first entry lies in a folder and has one of the names that torch.save begins with. */
static int32_t judge_zip(ggx_str head)
{
    static const char *const first[] = {"/data.pkl",        "/version", "/byteorder",
                                        "/.format_version", "/data/0",  "/constants.pkl"};
    ggx_str name = {head.data + 30, (uint64_t)(uint8_t)head.data[26] | (uint64_t)(uint8_t)head.data[27] << 8};
    if (name.size > head.size - 30) return GGX_PROBE_NO;
    for (size_t i = 0; i < sizeof first / sizeof first[0]; i++)
        if (ends_with(name, first[i])) return i ? GGX_PROBE_MAGIC : GGX_PROBE_PROVEN;
    return GGX_PROBE_NO;
}

static int32_t judge_index(ggx_str head)
{
    uint64_t at = 0;
    while (at < head.size && memchr(" \t\r\n", head.data[at], 4)) at++;
    if (at == head.size || head.data[at] != '{' || !contains(head, "\"weight_map\"")) return GGX_PROBE_NAME;
    return contains(head, ".bin\"") ? GGX_PROBE_PROVEN : GGX_PROBE_STRUCTURE;
}

static int32_t judge_file(ggx_str name, ggx_str head)
{
    int named = 0;
    if (ends_with(name, INDEX_END)) return judge_index(head);
    for (size_t i = 0; i < sizeof file_ends / sizeof file_ends[0]; i++) named |= ends_with(name, file_ends[i]);
    if (head.size >= 14 && !memcmp(head.data, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 14))
        return GGX_PROBE_PROVEN;
    if (pth_tar_is((const uint8_t *)head.data, head.size)) return GGX_PROBE_PROVEN;
    if (head.size < 31 || memcmp(head.data, "PK\3\4", 4) != 0) return named ? GGX_PROBE_NAME : GGX_PROBE_NO;
    int32_t score = judge_zip(head);
    return score ? score : named ? GGX_PROBE_STRUCTURE : GGX_PROBE_NO;
}

/* A hub's folder often holds a model in several formats. Where there is safetensors beside it, that is the one that transformers takes. */
static int32_t judge_folder(const ggx_probe *p)
{
    int32_t best = GGX_PROBE_NO;
    int others = 0;
    for (uint32_t i = 0; i < p->sibling_count; i++) {
        ggx_str name = p->siblings[i].name;
        if (memchr(name.data, '/', (size_t)name.size)) continue;
        others |= ends_with(name, ".safetensors") || ends_with(name, ".safetensors.index.json");
        int ours = ends_with(name, INDEX_END) || ggx_folder_is_file(&folder_names, name) || is_part(name);
        int32_t score = ours ? judge_file(name, p->siblings[i].head) : GGX_PROBE_NO;
        if (score > best) best = score;
    }
    return others && best > 40 ? 40 : best;
}

int32_t pth_probe(const ggx_probe *p)
{
    return p->kind == GGX_SOURCE_FILE ? judge_file(p->name, p->head) : judge_folder(p);
}

/* ---- files ----------------------------------------------------------------------------------------------------------------- */

static ggx_status alloc_files(pth_reader *r, uint32_t count, ggx_error *error)
{
    r->files = r->host->alloc(r->host, count * sizeof *r->files);
    r->file_count = count;
    return r->files ? GGX_OK : ggx_fail(error, GGX_E_NOMEM, "no memory for %u files", count);
}

static ggx_status read_index(pth_reader *r, uint32_t member, ggx_error *error)
{
    ggx_status status = ggx_weight_map_read(&r->map, r->host, r->source, member, error);
    if (status == GGX_OK) status = alloc_files(r, r->map.file_count, error);
    for (uint32_t i = 0; status == GGX_OK && i < r->file_count; i++) r->files[i].member = r->map.files[i];
    return status;
}

static ggx_status take_one(pth_reader *r, uint32_t member, ggx_error *error)
{
    ggx_status status = alloc_files(r, 1, error);
    if (status == GGX_OK) r->files[0].member = member;
    return status;
}

/* All parts by name, as the converter of llama.cpp takes them; there may be none. With files == NULL they are counted. */
static ggx_status take_parts(const pth_reader *r, pth_file *files, uint32_t capacity, uint32_t *count, ggx_error *error)
{
    *count = 0;
    for (uint32_t i = 0; i < r->source->count(r->source); i++) {
        ggx_member m;
        memset(&m, 0, sizeof m);
        m.struct_size = sizeof m;
        ggx_status status = r->source->member(r->source, i, &m, error);
        if (status != GGX_OK) return status;
        if (!is_part(m.name)) continue;
        if (files && *count < capacity) files[*count].member = i;
        ++*count;
    }
    return GGX_OK;
}

/* Several files without an index are put together only when their names say that they are a model's parts: others can be its optimizer, or
 * other models. */
static ggx_status find_in_folder(pth_reader *r, ggx_error *error)
{
    ggx_folder f;
    ggx_status status = ggx_folder_look(r->source, &folder_names, &f, error);
    if (status != GGX_OK) return status;
    if (f.has_main_index || (f.index_count == 1 && !f.has_main_file)) return read_index(r, f.index, error);
    if (f.has_main_file || (f.file_count == 1 && !f.index_count)) return take_one(r, f.file, error);
    uint32_t parts = 0;
    if (!f.index_count) status = take_parts(r, NULL, 0, &parts, error);
    if (status == GGX_OK && parts) status = alloc_files(r, parts, error);
    if (status != GGX_OK || parts) return status == GGX_OK ? take_parts(r, r->files, parts, &parts, error) : status;
    if (f.index_count + f.file_count)
        return ggx_fail(error, GGX_E_USAGE,
                        "the folder holds %u PyTorch files and %u indexes, none is " MAIN_FILE "; name the one to read",
                        f.file_count, f.index_count);
    return ggx_fail(error, GGX_E_NOTFOUND,
                    "the folder holds no " MAIN_FILE ", no index of one and no .pth file at its top; name the file");
}

ggx_status pth_shards_find(pth_reader *r, ggx_error *error)
{
    ggx_member m;
    memset(&m, 0, sizeof m);
    m.struct_size = sizeof m;
    if (r->source->kind != GGX_SOURCE_FILE) return find_in_folder(r, error);
    ggx_status status = r->source->member(r->source, 0, &m, error);
    if (status != GGX_OK) return status;
    return ends_with(m.name, ".json") ? read_index(r, 0, error) : take_one(r, 0, error);
}

/* ---- all together ---------------------------------------------------------------------------------------------------------- */

ggx_status pth_shards_check(pth_reader *r, ggx_error *error)
{
    ggx_names tensors;
    uint64_t dropped = 0;
    ggx_names_init(&tensors, r->host);
    for (uint32_t i = 0; r->map.count && i < r->file_count; i++) {
        for (uint64_t k = 0; k < r->files[i].tensor_count; k++) {
            pth_tensor *t = &r->files[i].tensors[k];
            t->dropped = !ggx_weight_map_take(&r->map, t->name, i);
            dropped += t->dropped;
            if (t->dropped) continue;
            ggx_status status = ggx_names_add(&tensors, t->name, "tensor", NULL, error);
            if (status != GGX_OK) return status;
        }
    }
    ggx_status status = ggx_weight_map_check(&r->map, error);
    if (status == GGX_OK && dropped) {
        char text[128];
        snprintf(text, sizeof text, "%llu tensors of the shards are not where the index says, and left out",
                 (unsigned long long)dropped);
        r->host->log(r->host, GGX_LOG_WARNING, text);
    }
    return status;
}
