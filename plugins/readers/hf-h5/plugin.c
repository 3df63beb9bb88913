/* plugin.c - reader-hf-h5: HDF5 files as Keras, Hugging Face and others write them, and .keras archives that hold one.
 * Datasets that lie in the file as they are are RAW; chunked ones go through the decoder. The format: docs/formats/hf-h5.md. */
#include "h5.h"

#include <ggx/plugin.h>
#include <ggx_sdk/log.h>
#include <ggx_sdk/names.h>
#include <ggx_sdk/weight_map.h>
#include <ggx_sdk/zip.h>

#define HEAD_WANT 1088u /* superblocks at 0, 512 and 1024 */
#define TAIL_WANT 4096u
#define MAX_TEXT (64u << 20) /* of a .keras archive's JSON */

static const char weights_name[] = "model.weights.h5";

/* Of a folder one file is read: transformers' name, or the only one. Its index of shards is of PyTorch's kind, and refused. */
static const char *const file_ends[] = {".h5", ".hdf5"};
static const ggx_folder_names folder_names = {.index_end = ".h5.index.json",
                                              .main_index = "tf_model.h5.index.json",
                                              .main_file = "tf_model.h5",
                                              .file_ends = file_ends,
                                              .file_end_count = sizeof file_ends / sizeof file_ends[0]};

typedef struct h5_reader {
    h5_file file;
    h5_decoder decoder;
    h5_entry **entries;
    uint64_t entry_count;
    ggx_zip zip; /* a .keras archive; count 0: a bare HDF5 file */
} h5_reader;

static int holds(ggx_str s, const char *text)
{
    size_t n = strlen(text);
    for (uint64_t i = 0; i + n <= s.size; i++)
        if (!memcmp(s.data + i, text, n)) return 1;
    return 0;
}

static int32_t judge_head(ggx_str head)
{
    static const char signature[] = "\x89HDF\r\n\x1a\n";
    for (uint64_t at = 0; at + 16 <= head.size; at = at ? 2 * at : 512) {
        const uint8_t *block = (const uint8_t *)head.data + at;
        if (memcmp(block, signature, 8) != 0) continue;
        uint8_t sizes = block[8] < 2 ? block[13] : block[9];
        return block[8] <= 3 && (sizes == 2 || sizes == 4 || sizes == 8) ? GGX_PROBE_PROVEN : GGX_PROBE_MAGIC;
    }
    return GGX_PROBE_NO;
}

static int ends_with(ggx_str s, const char *end)
{
    size_t n = strlen(end);
    return s.size > n && !memcmp(s.data + (s.size - n), end, n);
}

/* A model's folder. Where the hub keeps the same model as safetensors or PyTorch's too, transformers takes those first. */
static int32_t judge_folder(const ggx_probe *p)
{
    static const char *const first[] = {".safetensors", ".safetensors.index.json", "pytorch_model.bin",
                                        ".bin.index.json"};
    int32_t best = GGX_PROBE_NO;
    int others = 0;
    for (uint32_t i = 0; i < p->sibling_count; i++) {
        ggx_str name = p->siblings[i].name;
        if (memchr(name.data, '/', (size_t)name.size)) continue;
        for (size_t k = 0; k < sizeof first / sizeof first[0]; k++)
            others |= ends_with(name, first[k]) ||
                      (name.size == strlen(first[k]) && !memcmp(name.data, first[k], (size_t)name.size));
        int32_t score = ggx_folder_is_file(&folder_names, name) ? judge_head(p->siblings[i].head) : GGX_PROBE_NO;
        if (score > best) best = score;
    }
    return others && best > 30 ? 30 : best;
}

static int32_t probe_h5(const ggx_probe *p) GGX_NOEXCEPT
{
    if (p->kind != GGX_SOURCE_FILE) return judge_folder(p);
    int32_t score = judge_head(p->head);
    if (score) return score;
    if (p->head.size >= 4 && !memcmp(p->head.data, "PK\3\4", 4) && holds(p->tail, weights_name))
        return GGX_PROBE_PROVEN;
    return GGX_PROBE_NO;
}

static ggx_status find_in_folder(h5_reader *r, ggx_error *error)
{
    ggx_folder f;
    ggx_status status = ggx_folder_look(r->file.source, &folder_names, &f, error);
    if (status != GGX_OK) return status;
    r->file.member = f.file;
    if (f.index_count && !f.has_main_file)
        return ggx_fail_at(error, GGX_E_UNSUPPORTED, f.index, 0,
                           "HDF5 files in shards are not put together; name one of them");
    if (f.has_main_file || f.file_count == 1) return GGX_OK;
    return ggx_fail(error, f.file_count ? GGX_E_USAGE : GGX_E_NOTFOUND,
                    "the folder holds %u HDF5 files at its top, none is tf_model.h5; name the one to read",
                    f.file_count);
}

/* The stored entry of a .keras archive, or the whole file. */
static ggx_status find_file(h5_reader *r, uint64_t size, uint64_t *begin, uint64_t *end, ggx_error *error)
{
    char magic[4] = {0};
    *begin = 0;
    *end = size;
    if (size < 4) return GGX_OK;
    ggx_status status = r->file.source->read_at(r->file.source, r->file.member, 0, magic, 4, error);
    if (status != GGX_OK || memcmp(magic, "PK\3\4", 4) != 0) return status;
    status = ggx_zip_open(&r->zip, r->file.host, r->file.source, r->file.member, 0, size, error);
    if (status != GGX_OK) return status;
    const ggx_zip_entry *e = ggx_zip_find(&r->zip, (ggx_str){weights_name, sizeof weights_name - 1});
    if (!e)
        return ggx_fail_at(error, GGX_E_MALFORMED, r->file.member, 0, "the archive holds no %s; it is no .keras file",
                           weights_name);
    if (e->method != GGX_ZIP_STORED)
        return ggx_fail_at(error, GGX_E_UNSUPPORTED, r->file.member, e->header,
                           "%s is packed in the archive; unzip it and name it instead", weights_name);
    *begin = e->data;
    *end = e->data + e->size;
    return GGX_OK;
}

static ggx_status open_h5(void *self, const ggx_host *host, const ggx_source *source, const ggx_options *options,
                          ggx_error *error) GGX_NOEXCEPT
{
    h5_reader *r = self;
    ggx_member member;
    uint64_t begin = 0, end = 0;
    (void)options;
    memset(&member, 0, sizeof member);
    member.struct_size = sizeof member;
    r->file.host = host;
    r->file.source = source;
    ggx_status status = source->kind == GGX_SOURCE_FILE ? GGX_OK : find_in_folder(r, error);
    if (status == GGX_OK) status = source->member(source, r->file.member, &member, error);
    if (status == GGX_OK) status = find_file(r, member.size, &begin, &end, error);
    if (status == GGX_OK) status = h5_file_open(&r->file, begin, end, error);
    if (status == GGX_OK) status = h5_entries_read(&r->file, &r->entries, &r->entry_count, error);
    return status;
}

typedef struct push {
    const ggx_sink *sink;
    ggx_names keys;
} push;

static ggx_status push_kv(void *context, const ggx_kv *kv, ggx_error *error)
{
    push *p = context;
    ggx_status status = ggx_names_add(&p->keys, kv->key, "attribute", NULL, error);
    return status == GGX_OK ? p->sink->kv(p->sink, kv, error) : status;
}

/* config.json and metadata.json of a .keras archive, as texts. */
static ggx_status push_texts(h5_reader *r, push *p, ggx_error *error)
{
    static const char *const names[] = {"config.json", "metadata.json"};
    for (size_t i = 0; i < 2 && r->zip.count; i++) {
        ggx_str key = {names[i], strlen(names[i])}, text = {NULL, 0};
        const ggx_zip_entry *e = ggx_zip_find(&r->zip, key);
        if (!e || e->method != GGX_ZIP_STORED || e->size > MAX_TEXT) continue;
        char *bytes = r->file.host->alloc(r->file.host, e->size);
        if (!bytes) return ggx_fail(error, GGX_E_NOMEM, "%s does not fit into this reader's memory", names[i]);
        ggx_status status = r->file.source->read_at(r->file.source, r->file.member, e->data, bytes, e->size, error);
        text.data = bytes;
        text.size = e->size;
        ggx_kv kv = {sizeof kv, GGX_KV_STRING, GGX_KV_STRING, 0, key, 1, &text};
        if (status == GGX_OK) status = push_kv(p, &kv, error);
        if (status != GGX_OK) return status;
    }
    return GGX_OK;
}

static ggx_status check_filters(const h5_file *f, const h5_dataset *d, ggx_str name, ggx_error *error)
{
    for (uint32_t i = 0; i < d->filter_count; i++)
        if ((d->filters[i] < H5_FILTER_DEFLATE || d->filters[i] > H5_FILTER_FLETCHER) &&
            !(d->filters[i] == H5_FILTER_SCALE && h5_scale_is_known(d)))
            return ggx_fail_at(
                error, GGX_E_UNSUPPORTED, f->member, f->base + d->object,
                "dataset '%.*s' is packed by filter %u; deflate, shuffle, fletcher32 and most of scale-offset are "
                "read, copy the "
                "file with h5repack",
                GGX_STR_ARGS(name), d->filters[i]);
    return GGX_OK;
}

/* A single chunk without filters that is as large as the dataset lies there as if it were contiguous. */
static int lies_whole(const h5_dataset *d)
{
    if (d->layout != H5_CHUNKED) return d->address != H5_NONE;
    for (uint32_t i = 0; i < d->space.rank; i++)
        if (d->chunk[i] != d->space.dims[i]) return 0;
    return !d->filter_count && d->chunk_count == 1;
}

static ggx_status read_chunks(h5_reader *r, h5_dataset *d, ggx_error *error)
{
    if (d->layout != H5_CHUNKED) return GGX_OK;
    ggx_status status = h5_chunks_read(&r->file, d, error);
    if (!d->filter_count || !d->chunk_count) return status;
    /* fletcher32 adds 4 bytes, and what cannot be packed grows a little */
    if (r->decoder.room < d->chunk_bytes + 64) r->decoder.room = d->chunk_bytes + 64;
    for (uint64_t i = 0; i < d->chunk_count; i++)
        if (r->decoder.room < d->chunks[i].size) r->decoder.room = d->chunks[i].size;
    return status;
}

static uint32_t host_order(void)
{
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    return first ? GGX_LITTLE_ENDIAN : GGX_BIG_ENDIAN;
}

static ggx_status push_tensor(h5_reader *r, const ggx_sink *sink, const h5_entry *e, h5_dataset *d, ggx_error *error)
{
    ggx_str name = e->name.size ? e->name : e->path;
    const h5_file *f = &r->file;
    ggx_tensor t;
    memset(&t, 0, sizeof t);
    t.struct_size = sizeof t;
    t.name = name;
    if (d->space.rank > GGX_MAX_RANK)
        return ggx_fail_at(error, GGX_E_UNSUPPORTED, f->member, f->base + d->object,
                           "dataset '%.*s' has %u dimensions; 8 are read", GGX_STR_ARGS(name), d->space.rank);
    ggx_status status = check_filters(f, d, name, error);
    if (status == GGX_OK) status = read_chunks(r, d, error);
    if (status != GGX_OK) return status;
    t.rank = d->space.rank;
    t.type = d->type.type;
    t.byte_order = !d->type.big ? GGX_LITTLE_ENDIAN : t.type.name[0] == 'c' ? GGX_BIG_ENDIAN_PAIRS : GGX_BIG_ENDIAN;
    t.flags = e->flags;
    t.member = f->member;
    t.storage_id = d->object + 1;
    t.cookie = (uint64_t)(uintptr_t)d;
    memcpy(t.shape, d->space.dims, t.rank * sizeof *t.shape);
    if (lies_whole(d)) {
        t.access = GGX_ACCESS_RAW;
        t.offset = f->base + (d->layout == H5_CHUNKED ? d->chunks[0].address : d->address);
        t.nbytes = d->layout == H5_CHUNKED ? d->chunk_bytes : d->size;
    } else {
        t.access = GGX_ACCESS_READER;
        t.byte_order = host_order();
        if (d->layout == H5_CHUNKED) memcpy(t.chunk, d->chunk, t.rank * sizeof *t.chunk);
    }
    return sink->tensor(sink, &t, error);
}

static ggx_status index_entry(h5_reader *r, const ggx_sink *sink, const h5_entry *e, ggx_error *error)
{
    h5_dataset *d = r->file.host->alloc(r->file.host, sizeof *d);
    if (!d) return ggx_fail(error, GGX_E_NOMEM, "the datasets do not fit into this reader's memory");
    ggx_status status = h5_dataset_read(&r->file, e->address, d, error);
    if (status != GGX_OK || !d->has_layout) return status; /* a committed type has no layout */
    if (d->type.kind == H5_ODD_NUMBER)
        return ggx_fail_at(error, GGX_E_UNSUPPORTED, r->file.member, r->file.base + d->object,
                           "dataset '%.*s' holds numbers of %u bytes in a layout that has no name here",
                           GGX_STR_ARGS(e->path), d->type.size);
    if (d->type.kind == H5_NUMBER && !d->space.null) return push_tensor(r, sink, e, d, error);
    ggx_log(r->file.host, GGX_LOG_WARNING, "dataset '%.*s' holds no numbers and is left out", GGX_STR_ARGS(e->path));
    return GGX_OK;
}

static ggx_status index_h5(void *self, const ggx_sink *sink, ggx_error *error) GGX_NOEXCEPT
{
    h5_reader *r = self;
    push p = {.sink = sink};
    ggx_names_init(&p.keys, r->file.host);
    ggx_status status = h5_attributes_walk(&r->file, r->file.root, (ggx_str){NULL, 0}, push_kv, &p, error);
    if (status == GGX_OK) status = push_texts(r, &p, error);
    for (uint64_t i = 0; i < r->entry_count && status == GGX_OK; i++)
        if (!r->entries[i]->is_group) status = index_entry(r, sink, r->entries[i], error);
    return status == GGX_OK ? h5_decoder_open(&r->file, &r->decoder, r->decoder.room, error) : status;
}

static void turn(uint8_t *data, uint64_t size, uint32_t unit)
{
    for (; size >= unit; data += unit, size -= unit)
        for (uint32_t i = 0; i < unit / 2; i++) {
            uint8_t byte = data[i];
            data[i] = data[unit - 1 - i];
            data[unit - 1 - i] = byte;
        }
}

static ggx_status read_h5(void *self, uint64_t cookie, const ggx_box *box, void *out, uint64_t out_size,
                          ggx_error *error) GGX_NOEXCEPT
{
    h5_reader *r = self;
    const h5_dataset *d = (const h5_dataset *)(uintptr_t)cookie;
    ggx_status status = h5_box_read(&r->file, &r->decoder, d, box, out, error);
    if (status == GGX_OK && d->type.big != host_order())
        turn(out, out_size, d->type.type.name[0] == 'c' ? d->type.size / 2 : d->type.size);
    return status;
}

static const ggx_reader reader = {
    .struct_size = sizeof(ggx_reader),
    .instance_size = sizeof(h5_reader),
    .head_want = HEAD_WANT,
    .tail_want = TAIL_WANT,
    .probe = probe_h5,
    .open = open_h5,
    .index = index_h5,
    .read = read_h5,
};

static const ggx_provide provides[] = {{GGX_READER_ID, &reader}};
GGX_PLUGIN("reader-hf-h5", "0.1.0", "MIT", provides);
