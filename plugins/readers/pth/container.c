/* container.c - the two files that torch.save writes, and has written since 0.1.10; tar.c knows the one before.
 *
 * Since PyTorch 1.6 a zip: NAME/data.pkl, NAME/data/KEY for every storage, NAME/byteorder; TorchScript adds NAME/constants.pkl and
 * NAME/constants/KEY. Before that a stream: three pickles (magic, protocol, system), the pickle of the object, one with the storages' keys, then
 * for every key its number of elements (int64) and its data. Source: torch/serialization.py (_load, _legacy_load). */
#include "pth.h"

#include <ggx_sdk/checked.h>
#include <ggx_sdk/error.h>
#include <stdlib.h>

static const uint8_t legacy_magic[10] = {0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
#define LEGACY_PROTOCOL 1001

/* ---- pickles --------------------------------------------------------------------------------------------------------------- */

static ggx_status read_source(void *context, uint64_t offset, void *out, uint64_t size, ggx_error *error)
{
    const pth_file *r = context;
    return r->source->read_at(r->source, r->member, offset, out, size, error);
}

static ggx_status read_entry(void *context, uint64_t offset, void *out, uint64_t size, ggx_error *error)
{
    return ggx_inflate_read(context, offset, out, size, error);
}

static ggx_status load_entry(pth_file *r, const ggx_zip_entry *entry, ggx_pickle_value **out, ggx_error *error)
{
    ggx_inflate *stream = NULL;
    ggx_status status = ggx_inflate_pool_get(&r->pool, &r->zip, entry, &stream, error);
    if (status != GGX_OK) return status;
    ggx_pickle p = {.host = r->host,
                    .context = stream,
                    .read = read_entry,
                    .role = pth_name_role,
                    .end = entry->size,
                    .member = r->member,
                    .base = entry->data};
    status = ggx_pickle_load(&p, out, error);
    if (status == GGX_OK)
        status = ggx_inflate_read(stream, entry->size, NULL, 0, error); /* to its end, which checks the CRC */
    return status;
}

/* ---- zip ------------------------------------------------------------------------------------------------------------------- */

static const ggx_zip_entry *find_in(const pth_file *r, ggx_str folder, const char *name)
{
    char text[1024];
    size_t n = strlen(name);
    if (folder.size + n >= sizeof text) return NULL;
    memcpy(text, folder.data, (size_t)folder.size);
    memcpy(text + folder.size, name, n);
    return ggx_zip_find(&r->zip, (ggx_str){text, folder.size + n});
}

/* "NAME/" of the entry NAME/data.pkl; PyTorch takes the first entry's folder for NAME, and there is one only. */
static ggx_status find_folder(const pth_file *r, ggx_str *folder, ggx_error *error)
{
    static const char name[] = "/data.pkl";
    uint64_t found = 0;
    for (uint64_t i = 0; i < r->zip.count; i++) {
        ggx_str s = r->zip.entries[i].name;
        if (s.size < sizeof name || memcmp(s.data + (s.size - sizeof name + 1), name, sizeof name - 1) != 0) continue;
        if (memchr(s.data, '/', (size_t)(s.size - sizeof name + 1))) continue;
        folder->data = s.data;
        folder->size = s.size - sizeof name + 2;
        found++;
    }
    if (found == 1) return GGX_OK;
    if (found)
        return ggx_fail_at(error, GGX_E_UNSUPPORTED, r->member, r->zip.directory,
                           "the zip holds %llu checkpoints; unpack it and name one", (unsigned long long)found);
    return ggx_fail_at(
        error, GGX_E_UNSUPPORTED, r->member, r->zip.directory,
        "the zip holds no NAME/data.pkl and is no PyTorch checkpoint; if one lies in it, name it with -O pth.member=");
}

static ggx_status read_byte_order(pth_file *r, ggx_str folder, ggx_error *error)
{
    char text[8] = "";
    ggx_inflate *stream = NULL;
    const ggx_zip_entry *entry = find_in(r, folder, "byteorder");
    if (!entry) return GGX_OK;
    if (entry->size >= sizeof text)
        return ggx_fail_at(error, GGX_E_MALFORMED, r->member, entry->data,
                           "the entry byteorder is neither little nor big");
    ggx_status status = ggx_inflate_pool_get(&r->pool, &r->zip, entry, &stream, error);
    if (status == GGX_OK) status = ggx_inflate_read(stream, 0, text, entry->size, error);
    if (status != GGX_OK) return status;
    r->big = !strcmp(text, "big");
    if (!r->big && strcmp(text, "little") != 0)
        return ggx_fail_at(error, GGX_E_MALFORMED, r->member, entry->data,
                           "the entry byteorder is neither little nor big");
    return GGX_OK;
}

static ggx_status add_part(pth_file *r, ggx_str folder, const char *pickle, const char *storages, const char *name,
                           ggx_error *error)
{
    const ggx_zip_entry *entry = find_in(r, folder, pickle);
    size_t n = strlen(storages);
    if (!entry) return GGX_OK;
    pth_part *part = &r->parts[r->part_count++];
    char *text = r->host->alloc(r->host, folder.size + n);
    if (!text) return ggx_fail(error, GGX_E_NOMEM, "no memory for a name");
    memcpy(text, folder.data, (size_t)folder.size);
    memcpy(text + folder.size, storages, n);
    part->storages.data = text;
    part->storages.size = folder.size + n;
    part->name = name;
    part->bytes = entry->size;
    return load_entry(r, entry, &part->root, error);
}

/* -O pth.member: the checkpoint is itself an entry of a zip, as stable-baselines3 saves its policies; stored, so that it is there whole. */
static ggx_status open_inner_zip(pth_file *r, ggx_error *error)
{
    const ggx_zip_entry *entry = ggx_zip_find(&r->zip, r->inner);
    if (!entry)
        return ggx_fail(error, GGX_E_NOTFOUND, "pth.member: the zip has no entry '%.*s'", GGX_STR_ARGS(r->inner));
    if (entry->method != GGX_ZIP_STORED)
        return ggx_fail_at(error, GGX_E_UNSUPPORTED, r->member, entry->header,
                           "zip entry '%.*s' is packed inside the zip; unpack it", GGX_STR_ARGS(entry->name));
    return ggx_zip_open(&r->zip, r->host, r->source, r->member, entry->data, entry->data + entry->size, error);
}

static ggx_status open_zip(pth_file *r, ggx_error *error)
{
    ggx_str folder;
    ggx_status status = ggx_zip_open(&r->zip, r->host, r->source, r->member, 0, r->size, error);
    if (status == GGX_OK && r->inner.size) status = open_inner_zip(r, error);
    if (status == GGX_OK) status = find_folder(r, &folder, error);
    if (status == GGX_OK) status = read_byte_order(r, folder, error);
    if (status == GGX_OK) status = add_part(r, folder, "data.pkl", "data/", "", error);
    if (status == GGX_OK) status = add_part(r, folder, "constants.pkl", "constants/", "constants", error);
    return status;
}

/* ---- the older stream ------------------------------------------------------------------------------------------------------ */

static ggx_status bad_stream(const ggx_pickle *p, ggx_error *error, const char *what)
{
    return ggx_fail_at(error, GGX_E_MALFORMED, p->member, p->at, "this is no PyTorch stream: %s", what);
}

static int by_key(const void *left, const void *right)
{
    const pth_storage *a = left, *b = right;
    uint64_t n = a->key.size < b->key.size ? a->key.size : b->key.size;
    int order = n ? memcmp(a->key.data, b->key.data, (size_t)n) : 0;
    return order ? order : a->key.size < b->key.size ? -1 : a->key.size > b->key.size;
}

const pth_storage *pth_storage_find(const pth_file *r, ggx_str key)
{
    pth_storage wanted = {.key = key};
    if (!r->storage_count) return NULL;
    return bsearch(&wanted, r->storages, (size_t)r->storage_count, sizeof *r->storages, by_key);
}

ggx_status pth_storages_sort(pth_file *r, ggx_error *error)
{
    if (r->storage_count) qsort(r->storages, (size_t)r->storage_count, sizeof *r->storages, by_key);
    for (uint64_t i = 1; i < r->storage_count; i++)
        if (!by_key(&r->storages[i - 1], &r->storages[i]))
            return ggx_fail_at(error, GGX_E_MALFORMED, r->member, GGX_NO_OFFSET, "storage '%.*s' is listed twice",
                               GGX_STR_ARGS(r->storages[i].key));
    return GGX_OK;
}

/* The list of keys says nothing of types, but the size of a storage's data depends on its type. So the object's pickle is searched for
 * persistent ids, ('storage', class, key, location, count, view), before the data are placed. */
static ggx_status note_types(pth_file *r, ggx_pickle_value *v, uint32_t depth, uint64_t *steps, ggx_error *error)
{
    if (!v || v->kind < GGX_PICKLE_TUPLE || v->kind == GGX_PICKLE_GLOBAL) return GGX_OK;
    if (depth > PTH_MAX_DEPTH || !(*steps)--)
        return ggx_fail_at(error, GGX_E_MALFORMED, r->member, v->offset,
                           "the pickle's values are nested too deep or repeat themselves too often");
    if (v->kind == GGX_PICKLE_PERSID) {
        const ggx_pickle_value *id = v->items[0];
        if (id->kind != GGX_PICKLE_TUPLE || id->count < 5 || id->items[1]->kind != GGX_PICKLE_GLOBAL ||
            id->items[2]->kind != GGX_PICKLE_TEXT)
            return GGX_OK; /* tensor.c says what is wrong with it, if a tensor needs it */
        pth_storage *s = (pth_storage *)(uintptr_t)pth_storage_find(r, id->items[2]->text);
        const pth_dtype *dtype = pth_dtype_of_storage(id->items[1]->text);
        if (s && s->dtype && s->dtype != dtype)
            return ggx_fail_at(error, GGX_E_MALFORMED, r->member, v->offset, "storage '%.*s' has two types",
                               GGX_STR_ARGS(s->key));
        if (s) s->dtype = dtype;
        return GGX_OK;
    }
    for (uint64_t i = 0; i < v->count; i++) {
        ggx_status status = note_types(r, v->items[i], depth + 1, steps, error);
        if (status != GGX_OK) return status;
    }
    return GGX_OK;
}

static ggx_status list_storages(pth_file *r, const ggx_pickle_value *keys, const ggx_pickle *p, ggx_error *error)
{
    if (keys->kind != GGX_PICKLE_LIST) return bad_stream(p, error, "the storages' keys are no list");
    r->storages = r->host->alloc(r->host, keys->count * sizeof *r->storages);
    if (!r->storages)
        return ggx_fail(error, GGX_E_NOMEM, "no memory for %llu storages", (unsigned long long)keys->count);
    for (uint64_t i = 0; i < keys->count; i++) {
        if (keys->items[i]->kind != GGX_PICKLE_TEXT) return bad_stream(p, error, "a storage's key is no text");
        r->storages[i].key = keys->items[i]->text;
    }
    r->storage_count = keys->count;
    return pth_storages_sort(r, error);
}

/* The data, in the order of the list: counts and payloads, always little-endian, up to the end of the file. */
static ggx_status place_storages(pth_file *r, const ggx_pickle_value *keys, uint64_t at, ggx_error *error)
{
    for (uint64_t i = 0; i < keys->count; i++) {
        pth_storage *s = (pth_storage *)(uintptr_t)pth_storage_find(r, keys->items[i]->text);
        uint8_t b[8];
        uint64_t bytes = 0;
        if (!s->dtype)
            return ggx_fail_at(error, GGX_E_MALFORMED, r->member, at,
                               "storage '%.*s' is listed, but nothing says its type", GGX_STR_ARGS(s->key));
        if (r->size - at < sizeof b)
            return ggx_fail_at(error, GGX_E_MALFORMED, r->member, r->size,
                               "the file ends before storage '%.*s'; it is cut short", GGX_STR_ARGS(s->key));
        ggx_status status = r->source->read_at(r->source, r->member, at, b, sizeof b, error);
        if (status != GGX_OK) return status;
        for (uint32_t k = 0; k < 8; k++) s->count |= (uint64_t)b[k] << (8 * k);
        s->offset = at + sizeof b;
        if (!ggx_mul_u64(s->count, s->dtype->bytes, &bytes) || bytes > r->size - s->offset)
            return ggx_fail_at(error, GGX_E_MALFORMED, r->member, at,
                               "storage '%.*s' claims %llu elements, more than the file holds; it is cut short",
                               GGX_STR_ARGS(s->key), (unsigned long long)s->count);
        at = s->offset + bytes;
    }
    if (at < r->size) r->host->log(r->host, GGX_LOG_WARNING, "bytes behind the last storage are not read");
    return GGX_OK;
}

static ggx_status open_stream(pth_file *r, ggx_error *error)
{
    ggx_pickle p = {
        .host = r->host, .context = r, .read = read_source, .role = pth_name_role, .end = r->size, .member = r->member};
    ggx_pickle_value *v[5] = {NULL};
    uint64_t begin = 0;
    for (uint32_t i = 0; i < 5; i++) {
        if (i == 3) begin = p.at;
        ggx_status status = ggx_pickle_load(&p, &v[i], error);
        if (status != GGX_OK) return status;
        if (i == 0 && (v[0]->kind != GGX_PICKLE_LONG || v[0]->text.size != sizeof legacy_magic ||
                       memcmp(v[0]->text.data, legacy_magic, sizeof legacy_magic) != 0))
            return bad_stream(&p, error, "its magic number is another; a plain pickle is no checkpoint");
        if (i == 1 && (v[1]->kind != GGX_PICKLE_INT || v[1]->integer != LEGACY_PROTOCOL))
            return bad_stream(&p, error, "its protocol is not 1001");
        if (i == 2 && v[2]->kind != GGX_PICKLE_DICT) return bad_stream(&p, error, "its system information is no dict");
        if (i == 3) r->parts[0].bytes = p.at - begin;
    }
    r->parts[0].root = v[3];
    r->parts[0].name = "";
    r->part_count = 1;
    uint64_t steps = 65536 + 8 * r->parts[0].bytes;
    ggx_status status = list_storages(r, v[4], &p, error);
    if (status == GGX_OK) status = note_types(r, v[3], 0, &steps, error);
    return status == GGX_OK ? place_storages(r, v[4], p.at, error) : status;
}

ggx_status pth_container_open(pth_file *r, ggx_error *error)
{
    uint8_t magic[512] = {0};
    ggx_member m;
    memset(&m, 0, sizeof m);
    m.struct_size = sizeof m;
    ggx_status status = r->source->member(r->source, r->member, &m, error);
    r->size = m.size;
    if (status == GGX_OK)
        status =
            r->source->read_at(r->source, r->member, 0, magic, m.size < sizeof magic ? m.size : sizeof magic, error);
    if (status != GGX_OK) return status;
    r->is_zip = !memcmp(magic, "PK\3\4", 4);
    r->is_tar = pth_tar_is(magic, m.size) != 0;
    return r->is_zip ? open_zip(r, error) : r->is_tar ? pth_tar_open(r, error) : open_stream(r, error);
}
