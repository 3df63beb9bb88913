/* plugin.c - reader-npz: numpy's .npy (one array) and .npz (a zip of them). Arrays that are stored are RAW, deflated ones are unpacked as
 * their boxes are asked for, those in pickles kept in memory. The format: docs/formats/npz.md. */
#include "npz.h"

#include <ggx/plugin.h>
#include <ggx_sdk/box.h>
#include <ggx_sdk/checked.h>
#include <ggx_sdk/log.h>
#include <ggx_sdk/options.h>

static int ends_with(ggx_str s, const char *end)
{
    size_t n = strlen(end);
    return s.size >= n && !memcmp(s.data + (s.size - n), end, n);
}

static int32_t probe_npz(const ggx_probe *p) GGX_NOEXCEPT
{
    if (p->kind != GGX_SOURCE_FILE) return GGX_PROBE_NO;
    if (p->head.size >= 10 && !memcmp(p->head.data, "\x93NUMPY", 6)) return GGX_PROBE_PROVEN;
    int named = ends_with(p->name, ".npz") || ends_with(p->name, ".npy");
    if (p->head.size < 31 || memcmp(p->head.data, "PK\3\4", 4) != 0) return named ? GGX_PROBE_NAME : GGX_PROBE_NO;
    ggx_str first = {p->head.data + 30, 0};
    first.size = (uint64_t)(uint8_t)p->head.data[26] | (uint64_t)(uint8_t)p->head.data[27] << 8;
    if (first.size > p->head.size - 30) first.size = 0;
    if (first.size > 4 && ends_with(first, ".npy")) return GGX_PROBE_PROVEN;
    return named ? GGX_PROBE_STRUCTURE : GGX_PROBE_NO;
}

/* ---- open ------------------------------------------------------------------------------------------------------------------ */

ggx_status npz_item_add(npz_reader *r, const npz_item *item, ggx_error *error)
{
    if (r->item_count == r->item_room) {
        uint64_t room = r->item_room ? r->item_room * 2 : 16;
        npz_item *wider = r->host->alloc(r->host, room * sizeof *wider);
        if (!wider)
            return ggx_fail(error, GGX_E_NOMEM, "no memory for more than %llu arrays",
                            (unsigned long long)r->item_count);
        if (r->item_count) memcpy(wider, r->items, (size_t)(r->item_count * sizeof *wider));
        r->items = wider;
        r->item_room = room;
    }
    r->items[r->item_count] = *item;
    ggx_status status = ggx_names_add(&r->names, item->name, "array", &r->items[r->item_count].name, error);
    r->item_count += status == GGX_OK;
    return status;
}

static ggx_status check_size(const npz_item *it, uint32_t member, uint64_t size, const ggx_host *host, ggx_error *error)
{
    uint64_t need = 0;
    if (!ggx_add_u64(it->array.data, it->array.nbytes, &need) || need > size)
        return ggx_fail_at(error, GGX_E_MALFORMED, member, it->base,
                           "array '%.*s' needs %llu bytes, %llu are there; it is cut short", GGX_STR_ARGS(it->name),
                           (unsigned long long)need, (unsigned long long)size);
    if (need < size)
        ggx_log(host, GGX_LOG_WARNING, "%llu bytes behind array '%.*s' are not read", (unsigned long long)(size - need),
                GGX_STR_ARGS(it->name));
    return GGX_OK;
}

static ggx_status open_npy(npz_reader *r, const ggx_member *m, ggx_error *error)
{
    uint8_t prefix[NPY_PREFIX_BYTES];
    uint64_t have = m->size < sizeof prefix ? m->size : sizeof prefix, size = 0;
    npz_item made = {.name = m->name};
    ggx_status status = have ? r->source->read_at(r->source, 0, 0, prefix, have, error) : GGX_OK;
    if (status == GGX_OK) status = npy_header_size(prefix, have, 0, 0, &size, error);
    if (status != GGX_OK) return status;
    if (size > m->size)
        return ggx_fail_at(error, GGX_E_MALFORMED, 0, m->size, "the file ends inside the .npy header; it is cut short");
    char *text = r->host->alloc(r->host, size);
    if (!text) return ggx_fail(error, GGX_E_NOMEM, "no memory for the .npy header");
    if (ends_with(m->name, ".npy") && m->name.size > 4) made.name.size -= 4;
    status = r->source->read_at(r->source, 0, 0, text, size, error);
    if (status == GGX_OK) status = npy_header_parse((ggx_str){text, size}, 0, 0, &made.array, error);
    if (status != GGX_OK) return status;
    npz_pickle pickle = {
        .name = {"", 0}, .alone = made.name, .begin = made.array.data, .end = m->size, .must_have_one = 1};
    if (made.array.kind == NPY_OBJECTS) return npz_objects_read(r, &pickle, error);
    if (made.array.kind == NPY_WORDS)
        return ggx_fail_at(error, GGX_E_UNSUPPORTED, 0, 0, "it holds text, dates or times, and no numbers");
    status = check_size(&made, 0, m->size, r->host, error);
    return status == GGX_OK ? npz_item_add(r, &made, error) : status;
}

static void say_left_out(const npz_reader *r, ggx_str name, const char *what)
{
    ggx_log(r->host, GGX_LOG_WARNING, "zip entry '%.*s' %s", GGX_STR_ARGS(name), what);
}

static ggx_status add_entry(npz_reader *r, ggx_inflate *stream, const npz_item *made, ggx_error *error)
{
    npz_pickle pickle = {.name = made->name,
                         .alone = made->name,
                         .stream = stream,
                         .begin = made->array.data,
                         .end = made->entry->size,
                         .base = made->base};
    if (made->array.kind != NPY_NUMBERS) r->others++;
    if (made->array.kind == NPY_OBJECTS) return npz_objects_read(r, &pickle, error);
    if (made->array.kind == NPY_WORDS) {
        say_left_out(r, made->name, "holds text, dates or times, and is left out");
        return GGX_OK;
    }
    ggx_status status = check_size(made, 0, made->entry->size, r->host, error);
    return status == GGX_OK ? npz_item_add(r, made, error) : status;
}

/* One entry of the archive: NAME.npy is array NAME. Others are no arrays; numpy hands them out as bytes. */
static ggx_status open_entry(npz_reader *r, ggx_inflate *stream, char *text, const ggx_zip_entry *entry,
                             ggx_error *error)
{
    npz_item made = {.name = entry->name, .entry = entry, .base = entry->data}, *it = &made;
    uint64_t have = entry->size < NPY_PREFIX_BYTES ? entry->size : NPY_PREFIX_BYTES, size = 0;
    if (entry->name.size <= 4 || !ends_with(entry->name, ".npy")) {
        say_left_out(r, entry->name, "is no array and not read");
        return GGX_OK;
    }
    it->name.size -= 4;
    ggx_status status = ggx_inflate_start(stream, &r->zip, entry, error);
    if (status == GGX_OK) status = ggx_inflate_read(stream, 0, text, have, error);
    if (status == GGX_OK) status = npy_header_size((uint8_t *)text, have, 0, entry->data, &size, error);
    if (status != GGX_OK) return status;
    if (size > entry->size)
        return ggx_fail_at(error, GGX_E_MALFORMED, 0, entry->data, "array '%.*s' ends inside its header",
                           GGX_STR_ARGS(it->name));
    status = ggx_inflate_read(stream, have, text + have, size > have ? size - have : 0, error);
    if (status == GGX_OK) status = npy_header_parse((ggx_str){text, size}, 0, entry->data, &it->array, error);
    return status == GGX_OK ? add_entry(r, stream, it, error) : status;
}

static ggx_status open_archive(npz_reader *r, uint64_t size, const ggx_options *options, ggx_error *error)
{
    const ggx_option_value *check = ggx_option_find(options, "npz.verify");
    ggx_status status = ggx_zip_open(&r->zip, r->host, r->source, 0, 0, size, error);
    if (status != GGX_OK) return status;
    ggx_inflate *stream = r->host->alloc(r->host, sizeof *stream);
    char *text = r->host->alloc(r->host, NPY_MAX_HEADER + NPY_PREFIX_BYTES);
    if (!stream || !text) return ggx_fail(error, GGX_E_NOMEM, "no memory for the archive's arrays");
    if (!check || check->number) status = ggx_inflate_verify(stream, &r->zip, check != NULL, error);
    for (uint64_t i = 0; status == GGX_OK && i < r->zip.count; i++)
        status = open_entry(r, stream, text, &r->zip.entries[i], error);
    if (status == GGX_OK && r->others && !r->item_count)
        return ggx_fail(error, GGX_E_UNSUPPORTED, "the archive holds objects, text or dates, and no array of numbers");
    return status;
}

static ggx_status open_npz(void *self, const ggx_host *host, const ggx_source *source, const ggx_options *options,
                           ggx_error *error) GGX_NOEXCEPT
{
    npz_reader *r = self;
    uint8_t magic[4] = {0};
    ggx_member m;
    memset(&m, 0, sizeof m);
    m.struct_size = sizeof m;
    r->host = host;
    r->source = source;
    ggx_names_init(&r->names, host);
    if (source->kind != GGX_SOURCE_FILE)
        return ggx_fail(error, GGX_E_UNSUPPORTED, "a folder is no .npz; name the file in it");
    ggx_status status = source->member(source, 0, &m, error);
    if (status == GGX_OK && m.size >= sizeof magic) status = source->read_at(source, 0, 0, magic, sizeof magic, error);
    if (status != GGX_OK) return status;
    return !memcmp(magic, "\x93NUM", 4) ? open_npy(r, &m, error) : open_archive(r, m.size, options, error);
}

/* ---- index and read -------------------------------------------------------------------------------------------------------- */

static void strides_of(const npy_array *a, int64_t *stride)
{
    uint64_t step = 1;
    for (uint32_t i = 0; a->fortran && a->rank > 1 && a->nbytes && i < a->rank; i++) {
        stride[i] = (int64_t)step;
        step *= a->shape[i];
    }
}

static ggx_status index_npz(void *self, const ggx_sink *sink, ggx_error *error) GGX_NOEXCEPT
{
    npz_reader *r = self;
    for (uint64_t i = 0; i < r->item_count; i++) {
        const npz_item *it = &r->items[i];
        int packed = it->memory || (it->entry && it->entry->method != GGX_ZIP_STORED);
        ggx_tensor t;
        memset(&t, 0, sizeof t);
        t.struct_size = sizeof t;
        t.rank = it->array.rank;
        t.name = it->name;
        t.type = it->array.type;
        t.byte_order = packed ? (ggx_host_is_big() ? GGX_BIG_ENDIAN : GGX_LITTLE_ENDIAN) : it->array.byte_order;
        if (!packed && t.byte_order == GGX_BIG_ENDIAN && it->array.swap * 2 == t.type.block_bytes)
            t.byte_order = GGX_BIG_ENDIAN_PAIRS;
        t.access = it->memory ? GGX_ACCESS_READER : packed ? GGX_ACCESS_SEQUENTIAL : GGX_ACCESS_RAW;
        t.cookie = i;
        t.offset = packed ? 0 : it->base + it->array.data;
        t.nbytes = packed ? 0 : it->array.nbytes;
        /* Whole rows read a deflated array forwards; one in Fortran order only as a whole. */
        for (uint32_t k = 0; k < t.rank; k++) {
            t.shape[k] = it->array.shape[k];
            if (packed && !it->memory) t.chunk[k] = k || it->array.fortran || t.rank == 1 ? t.shape[k] : 1;
        }
        if (!packed) strides_of(&it->array, t.stride);
        ggx_status status = sink->tensor(sink, &t, error);
        if (status != GGX_OK) return status;
    }
    return GGX_OK;
}

static ggx_status read_memory(void *context, uint64_t offset, void *out, uint64_t size, ggx_error *error)
{
    const npz_item *it = context;
    if (offset > it->array.nbytes || size > it->array.nbytes - offset)
        return ggx_fail(error, GGX_E_MALFORMED, "array '%.*s' is read beyond its end", GGX_STR_ARGS(it->name));
    if (size) memcpy(out, it->memory + offset, (size_t)size);
    return GGX_OK;
}

static ggx_status read_npz(void *self, uint64_t cookie, const ggx_box *box, void *out, uint64_t out_size,
                           ggx_error *error) GGX_NOEXCEPT
{
    npz_reader *r = self;
    (void)out_size;
    if (cookie >= r->item_count || !(r->items[cookie].entry || r->items[cookie].memory))
        return ggx_fail(error, GGX_E_USAGE, "there is no such array to unpack");
    npz_item *it = &r->items[cookie];
    ggx_inflate *stream = NULL;
    int64_t stride[GGX_MAX_RANK] = {0};
    ggx_status status = it->memory ? GGX_OK : ggx_inflate_pool_get(&r->pool, &r->zip, it->entry, &stream, error);
    if (status != GGX_OK) return status;
    strides_of(&it->array, stride);
    ggx_box_source source = {.read = ggx_inflate_box_read,
                             .context = stream,
                             .offset = it->array.data,
                             .shape = it->array.shape,
                             .stride = stride,
                             .elem = it->array.type.block_bytes,
                             .swap =
                                 (it->array.byte_order == GGX_BIG_ENDIAN) != ggx_host_is_big() ? it->array.swap : 0};
    if (it->memory) {
        source.read = read_memory;
        source.context = it;
    }
    return ggx_box_gather(&source, box, out, error);
}

static const ggx_option options[] = {
    {sizeof(ggx_option), GGX_OPTION_BOOL, "npz.verify",
     "unpack everything once before reading, to check all CRCs (on), or check none (off)"},
};

static const ggx_reader reader = {
    .struct_size = sizeof(ggx_reader),
    .instance_size = sizeof(npz_reader),
    .head_want = 128,
    .options = options,
    .option_count = 1,
    .probe = probe_npz,
    .open = open_npz,
    .index = index_npz,
    .read = read_npz,
};

static const ggx_provide provides[] = {{GGX_READER_ID, &reader}};
GGX_PLUGIN("reader-npz", "0.1.0", "MIT", provides);
