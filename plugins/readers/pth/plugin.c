/* plugin.c - reader-pth: what torch.save and TorchScript write, read as data. The format: docs/formats/pth.md. */
#include "pth.h"

#include <ggx/plugin.h>
#include <ggx_sdk/box.h>
#include <ggx_sdk/checked.h>
#include <ggx_sdk/options.h>
#include <stdlib.h>

#define HEAD_WANT 512u
#define COOKIE_BITS 40 /* of the number within a file; that of the file lies above */

static int32_t probe_pth(const ggx_probe *probe) GGX_NOEXCEPT
{
    return pth_probe(probe);
}

/* ---- open ------------------------------------------------------------------------------------------------------------------ */

/* Each entry is read to its end, which checks its CRC: `check` is 1 for all, 0 for none, -1 for what is small. */
static ggx_status verify(pth_file *r, int check, ggx_error *error)
{
    if (!r->is_zip || !check) return GGX_OK;
    ggx_inflate *stream = r->host->alloc(r->host, sizeof *stream);
    return stream ? ggx_inflate_verify(stream, &r->zip, check > 0, error)
                  : ggx_fail(error, GGX_E_NOMEM, "no memory to check CRCs");
}

static int by_place(const void *left, const void *right)
{
    const pth_tensor *a = *(pth_tensor *const *)left, *b = *(pth_tensor *const *)right;
    if (a->storage != b->storage) return a->storage < b->storage ? -1 : 1;
    if (a->first != b->first) return a->first < b->first ? -1 : 1;
    return a < b ? -1 : a > b;
}

/* Tensors whose extents meet in one storage get one storage_id; `next` is the last that was given. */
static ggx_status find_aliases(pth_file *r, uint64_t *next, ggx_error *error)
{
    uint64_t end = 0;
    pth_tensor **list = r->host->alloc(r->host, r->tensor_count * sizeof *list);
    if (!list) return ggx_fail(error, GGX_E_NOMEM, "no memory for %llu tensors", (unsigned long long)r->tensor_count);
    uint64_t count = 0;
    for (uint64_t i = 0; i < r->tensor_count; i++)
        if (r->tensors[i].reach) list[count++] = &r->tensors[i]; /* an empty one shares nothing */
    if (count) qsort(list, (size_t)count, sizeof *list, by_place);
    for (uint64_t i = 0; i < count; i++) {
        pth_tensor *t = list[i], *before = i ? list[i - 1] : NULL;
        int meets = before && before->storage == t->storage && t->first < end;
        if (meets) t->alias = before->alias = before->alias ? before->alias : ++*next;
        if (!meets) end = 0;
        if (t->first + t->reach > end) end = t->first + t->reach;
    }
    return GGX_OK;
}

static ggx_status open_file(pth_file *file, int check, uint64_t *aliases, ggx_error *error)
{
    ggx_status status = pth_container_open(file, error);
    if (status == GGX_OK) status = verify(file, check, error);
    if (status == GGX_OK) status = pth_walk(file, NULL, error);
    return status == GGX_OK ? find_aliases(file, aliases, error) : status;
}

static ggx_status open_pth(void *self, const ggx_host *host, const ggx_source *source, const ggx_options *options,
                           ggx_error *error) GGX_NOEXCEPT
{
    pth_reader *r = self;
    const ggx_option_value *select = ggx_option_find(options, "pth.select"),
                           *check = ggx_option_find(options, "pth.verify"),
                           *inner = ggx_option_find(options, "pth.member");
    uint64_t aliases = 0;
    r->host = host;
    r->source = source;
    ggx_names_init(&r->keys, host);
    ggx_status status = pth_shards_find(r, error);
    if (status == GGX_OK && r->map.count && (select || inner))
        return ggx_fail(error, GGX_E_USAGE,
                        "pth.select and pth.member do not go with an index, whose names are those of all tensors");
    for (uint32_t i = 0; status == GGX_OK && i < r->file_count; i++) {
        pth_file *file = &r->files[i];
        file->host = host;
        file->source = source;
        if (select) file->select = select->text;
        if (inner) file->inner = inner->text;
        if (r->file_count > 1) file->keys = &r->keys;
        status = open_file(file, check ? check->number != 0 : -1, &aliases, error);
        host->progress(host, i + 1u, r->file_count);
    }
    if (status != GGX_OK) return status;
    if (select && select->text.size && !r->files[0].tensor_count)
        return ggx_fail(error, GGX_E_NOTFOUND, "pth.select: no tensor lies below '%.*s'; without it all are listed",
                        GGX_STR_ARGS(select->text));
    return pth_shards_check(r, error);
}

/* ---- index and read -------------------------------------------------------------------------------------------------------- */

static int is_raw(const pth_tensor *t)
{
    return !t->broadcast && (!t->entry || t->entry->method == GGX_ZIP_STORED);
}

static ggx_status push_tensor(const pth_file *file, const pth_tensor *from, uint64_t cookie, const ggx_sink *sink,
                              ggx_error *error)
{
    int raw = is_raw(from), big = raw ? from->big != 0 : ggx_host_is_big();
    ggx_tensor t;
    memset(&t, 0, sizeof t);
    t.struct_size = sizeof t;
    t.rank = from->rank;
    t.name = from->name;
    t.type = ggx_type_make(from->dtype->type, from->dtype->elems, from->dtype->bytes);
    t.byte_order = !big                                                 ? GGX_LITTLE_ENDIAN
                   : raw && from->dtype->unit * 2 == from->dtype->bytes ? GGX_BIG_ENDIAN_PAIRS
                                                                        : GGX_BIG_ENDIAN;
    t.access = raw ? GGX_ACCESS_RAW : GGX_ACCESS_SEQUENTIAL;
    t.flags = from->flags;
    t.member = file->member;
    t.offset = raw ? from->base + from->first : 0;
    t.nbytes = raw ? from->reach : 0;
    t.storage_id = from->alias;
    t.cookie = cookie;
    for (uint32_t i = 0; i < from->rank; i++) {
        t.shape[i] = from->shape[i];
        if (raw) t.stride[i] = from->stride[i];
        if (i + 1 == from->rank && !ggx_mul_u64(t.shape[i], from->dtype->elems, &t.shape[i]))
            return ggx_fail(error, GGX_E_MALFORMED, "the shape of tensor '%.*s' overflows", GGX_STR_ARGS(from->name));
        if (!raw) t.chunk[i] = i || from->rank == 1 || from->stride[0] ? t.shape[i] : t.shape[i] != 0;
    }
    return sink->tensor(sink, &t, error);
}

static ggx_status index_pth(void *self, const ggx_sink *sink, ggx_error *error) GGX_NOEXCEPT
{
    pth_reader *r = self;
    ggx_status status = GGX_OK;
    for (uint32_t i = 0; status == GGX_OK && i < r->file_count; i++) status = pth_walk(&r->files[i], sink, error);
    for (uint32_t i = 0; i < r->file_count; i++) {
        const pth_file *file = &r->files[i];
        for (uint64_t k = 0; status == GGX_OK && k < file->tensor_count; k++)
            if (!file->tensors[k].dropped)
                status = push_tensor(file, &file->tensors[k], (uint64_t)i << COOKIE_BITS | k, sink, error);
    }
    return status;
}

/* A storage's bytes where they lie unpacked. */
typedef struct plain {
    const ggx_source *source;
    uint64_t base;
    uint32_t member;
} plain;

static ggx_status read_plain(void *context, uint64_t offset, void *out, uint64_t size, ggx_error *error)
{
    const plain *p = context;
    return p->source->read_at(p->source, p->member, p->base + offset, out, size, error);
}

/* Every element of the box is the same one: it is read once, and copied. */
static ggx_status read_broadcast(ggx_box_source *s, void *out, uint64_t out_size, ggx_error *error)
{
    uint8_t elem[16];
    ggx_status status = out_size ? s->read(s->context, s->offset, elem, s->elem, error) : GGX_OK;
    if (status != GGX_OK) return status;
    ggx_box_swap(elem, s->elem, s->swap);
    for (uint64_t at = 0; at + s->elem <= out_size; at += s->elem) memcpy((uint8_t *)out + at, elem, s->elem);
    return GGX_OK;
}

static ggx_status read_pth(void *self, uint64_t cookie, const ggx_box *box, void *out, uint64_t out_size,
                           ggx_error *error) GGX_NOEXCEPT
{
    pth_reader *r = self;
    uint64_t number = cookie & (((uint64_t)1 << COOKIE_BITS) - 1);
    pth_file *file = cookie >> COOKIE_BITS < r->file_count ? &r->files[cookie >> COOKIE_BITS] : NULL;
    if (!file || number >= file->tensor_count) return ggx_fail(error, GGX_E_USAGE, "there is no such tensor");
    const pth_tensor *t = &file->tensors[number];
    plain bytes = {file->source, t->base, file->member};
    ggx_box_source source = {.read = read_plain,
                             .context = &bytes,
                             .offset = t->first,
                             .shape = t->shape,
                             .stride = t->stride,
                             .elem = t->dtype->bytes,
                             .swap = (t->big != 0) != ggx_host_is_big() ? t->dtype->unit : 0};
    if (t->entry && t->entry->method != GGX_ZIP_STORED) {
        ggx_inflate *stream = NULL;
        ggx_status status = ggx_inflate_pool_get(&file->pool, &file->zip, t->entry, &stream, error);
        if (status != GGX_OK) return status;
        source.read = ggx_inflate_box_read;
        source.context = stream;
    }
    ggx_box units = *box; /* of PyTorch's elements */
    if (t->rank) units.start[t->rank - 1] /= t->dtype->elems;
    if (t->rank) units.count[t->rank - 1] /= t->dtype->elems;
    return t->broadcast ? read_broadcast(&source, out, out_size, error) : ggx_box_gather(&source, &units, out, error);
}

static const ggx_option options[] = {
    {sizeof(ggx_option), GGX_OPTION_STRING, "pth.select",
     "only what lies below this name, as in pth.select=state_dict"},
    {sizeof(ggx_option), GGX_OPTION_STRING, "pth.member",
     "the checkpoint is this entry of the zip, as in pth.member=policy.pth"},
    {sizeof(ggx_option), GGX_OPTION_BOOL, "pth.verify",
     "read everything once before converting, to check all CRCs (on), or check none (off)"},
};

static const ggx_reader reader = {
    .struct_size = sizeof(ggx_reader),
    .instance_size = sizeof(pth_reader),
    .head_want = HEAD_WANT,
    .options = options,
    .option_count = 3,
    .probe = probe_pth,
    .open = open_pth,
    .index = index_pth,
    .read = read_pth,
};

static const ggx_provide provides[] = {{GGX_READER_ID, &reader}};
GGX_PLUGIN("reader-pth", "0.1.0", "MIT", provides);
