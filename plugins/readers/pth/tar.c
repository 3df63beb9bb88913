/* tar.c - what torch.save wrote before 0.1.10: a tar of the files
 *
 *   storages   pickles: their number n; n times (key, location, class), each with an int64 number of elements and the elements behind it;
 *              then a list of views, (key, key of a storage, first element, elements)
 *   tensors    pickles: their number n; n times (key, key of a storage, class), each with an int32 number of axes, 4 bytes, int64 shape
 *              and strides, and the int64 first element behind it
 *   pickle     the object, in which a tensor is the persistent id of its key, as decimal digits
 *
 * Keys were addresses in the memory of who saved. Other programs write the tar without `tensors` and the list of views: keys are texts, and the
 * object's tensors are calls of _rebuild_tensor_v2 with a storage's tuple, as in the stream, but not as a persistent id (burn's tests). Source: torch/serialization.py (_legacy_load, legacy_load); the tar itself: POSIX pax,
 * as Python's tarfile writes it. */
#include "pth.h"

#include <ggx_sdk/checked.h>
#include <ggx_sdk/cursor.h>
#include <stdlib.h>

#define BLOCK 512u
#define MAX_ENTRIES 4096u /* PyTorch wrote four */

static const char *const file_names[] = {"storages", "tensors", "pickle"};
enum { STORAGES, TENSORS, PICKLE, FILES };

typedef struct range {
    uint64_t begin, end; /* in the member; 0, 0: not there */
} range;

typedef struct stored {
    int64_t key;
    uint64_t offset, bytes;
    const pth_dtype *dtype;
} stored;

typedef struct pth_placed {
    int64_t key;
    pth_tensor t;
} placed;

typedef struct tar {
    pth_file *r;
    ggx_error *error;
    range files[FILES];
    stored *storages;
    uint64_t storage_count, storage_room, placed_room;
} tar;

static GGX_PRINTF(3, 4) ggx_status refuse(const tar *t, uint64_t at, const char *format, ...)
{
    char text[160];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return ggx_fail_at(t->error, GGX_E_MALFORMED, t->r->member, at, "PyTorch's old tar: %s", text);
}

/* ---- the tar --------------------------------------------------------------------------------------------------------------- */

/* Octal digits, or bytes in base 256 behind 0x80. */
static int number_of(const uint8_t *field, uint32_t size, uint64_t *out)
{
    *out = 0;
    if (field[0] == 0x80) {
        for (uint32_t i = 1; i < size; i++) {
            if (*out >> 55) return 0;
            *out = *out << 8 | field[i];
        }
        return 1;
    }
    uint32_t i = 0;
    while (i < size && field[i] == ' ') i++;
    for (; i < size && field[i] >= '0' && field[i] <= '7'; i++) *out = *out << 3 | (uint64_t)(field[i] - '0');
    return i == size || field[i] == 0 || field[i] == ' ';
}

static int checksum_agrees(const uint8_t *head)
{
    uint64_t sum = 0, stored_sum = 0;
    for (uint32_t i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? ' ' : head[i];
    return number_of(head + 148, 8, &stored_sum) && sum == stored_sum;
}

static int name_of(const uint8_t *head)
{
    for (int i = 0; i < FILES; i++) {
        size_t n = strlen(file_names[i]);
        if (!memcmp(head, file_names[i], n) && !head[n] && !head[345]) return i;
    }
    return FILES;
}

/* The first entry tells: sys_info comes first, or one of the three. */
int pth_tar_is(const uint8_t *head, uint64_t size)
{
    if (size < BLOCK || memcmp(head + 257, "ustar", 5) != 0) return 0;
    return name_of(head) < FILES || !memcmp(head, "sys_info", 9);
}

/* Finds the three files. Entries with headers of their own (pax: long names, sizes from 8 GiB on) are none that PyTorch wrote. */
static ggx_status find_files(tar *t)
{
    uint64_t at = 0;
    for (uint32_t n = 0; t->r->size - at >= BLOCK; n++) {
        uint8_t head[BLOCK];
        uint64_t size = 0, padded = 0;
        ggx_status status = t->r->source->read_at(t->r->source, t->r->member, at, head, BLOCK, t->error);
        if (status != GGX_OK) return status;
        if (!head[0]) break; /* zeros end the archive */
        if (n == MAX_ENTRIES) return refuse(t, at, "it has more than %u files", MAX_ENTRIES);
        if (!checksum_agrees(head) || !number_of(head + 124, 12, &size))
            return refuse(t, at, "a file's header is damaged");
        at += BLOCK;
        if (!ggx_add_u64(size, BLOCK - 1, &padded) || size > t->r->size - at)
            return refuse(t, at - BLOCK, "a file in it ends behind the tar; it is cut short");
        int which = name_of(head);
        if (which < FILES) {
            if (head[156] != '0' && head[156]) return refuse(t, at - BLOCK, "'%s' is no plain file", file_names[which]);
            if (t->files[which].begin) return refuse(t, at - BLOCK, "'%s' is there twice", file_names[which]);
            t->files[which] = (range){at, at + size};
        }
        padded = padded / BLOCK * BLOCK;
        at = padded > t->r->size - at ? t->r->size : at + padded;
    }
    for (int i = 0; i < FILES; i++)
        if (!t->files[i].begin && i != TENSORS)
            return refuse(t, GGX_NO_OFFSET, "it holds no file '%s'; it is cut short", file_names[i]);
    return GGX_OK;
}

/* ---- pickles and what lies between them ------------------------------------------------------------------------------------ */

static ggx_status read_source(void *context, uint64_t offset, void *out, uint64_t size, ggx_error *error)
{
    const pth_file *r = context;
    return r->source->read_at(r->source, r->member, offset, out, size, error);
}

static ggx_pickle pickles_of(const tar *t, int file)
{
    return (ggx_pickle){.host = t->r->host,
                        .context = t->r,
                        .read = read_source,
                        .role = pth_name_role,
                        .at = t->files[file].begin,
                        .end = t->files[file].end,
                        .member = t->r->member};
}

static ggx_status load_count(const tar *t, ggx_pickle *p, uint64_t *count)
{
    ggx_pickle_value *v = NULL;
    ggx_status status = ggx_pickle_load(p, &v, t->error);
    if (status != GGX_OK) return status;
    if (v->kind != GGX_PICKLE_INT || v->integer < 0) return refuse(t, p->at, "a count is none");
    *count = (uint64_t)v->integer;
    return GGX_OK;
}

/* A tuple that begins with a key. */
static ggx_status load_record(const tar *t, ggx_pickle *p, ggx_pickle_value **out)
{
    uint64_t at = p->at;
    ggx_status status = ggx_pickle_load(p, out, t->error);
    if (status != GGX_OK) return status;
    const ggx_pickle_value *v = *out;
    uint32_t key = t->files[TENSORS].begin ? GGX_PICKLE_INT : GGX_PICKLE_TEXT;
    if (v->kind != GGX_PICKLE_TUPLE || v->count != 3 || v->items[0]->kind != key)
        return refuse(t, at, "the record of a storage or tensor is broken");
    return GGX_OK;
}

/* A row more in a table of the host's memory. */
static void *one_more(const tar *t, void *rows, uint64_t count, uint64_t *room, size_t size)
{
    if (count < *room) return rows;
    uint64_t wider = *room ? *room * 2 : 64;
    void *made = t->r->host->alloc(t->r->host, wider * size);
    if (made && count) memcpy(made, rows, (size_t)count * size);
    if (made) *room = wider;
    return made;
}

static int by_key(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right; /* the first member of both */
    return (a > b) - (a < b);
}

static const stored *find_storage(const tar *t, const ggx_pickle_value *key)
{
    if (key->kind != GGX_PICKLE_INT || !t->storage_count) return NULL;
    return bsearch(&key->integer, t->storages, (size_t)t->storage_count, sizeof *t->storages, by_key);
}

/* Without `tensors`: the storages are looked up by their texts, as those of the stream. */
static ggx_status add_named(tar *t, ggx_str key, const stored *s)
{
    pth_file *r = t->r;
    pth_storage *rows = one_more(t, r->storages, r->storage_count, &t->storage_room, sizeof *rows);
    if (!rows)
        return ggx_fail(t->error, GGX_E_NOMEM, "no memory for %llu storages", (unsigned long long)r->storage_count);
    r->storages = rows;
    rows[r->storage_count++] = (pth_storage){key, s->offset, s->bytes / s->dtype->bytes, s->dtype};
    return GGX_OK;
}

static ggx_status add_storage(tar *t, const stored *s)
{
    stored *rows = one_more(t, t->storages, t->storage_count, &t->storage_room, sizeof *rows);
    if (!rows)
        return ggx_fail(t->error, GGX_E_NOMEM, "no memory for %llu storages", (unsigned long long)t->storage_count);
    t->storages = rows;
    rows[t->storage_count++] = *s;
    return GGX_OK;
}

static ggx_status sort_storages(tar *t)
{
    if (t->storage_count) qsort(t->storages, (size_t)t->storage_count, sizeof *t->storages, by_key);
    for (uint64_t i = 1; i < t->storage_count; i++)
        if (t->storages[i].key == t->storages[i - 1].key)
            return refuse(t, t->storages[i].offset, "two storages have the same key");
    return GGX_OK;
}

static ggx_status read_storage(tar *t, ggx_pickle *p)
{
    ggx_pickle_value *v = NULL;
    ggx_cursor c;
    uint64_t at = p->at;
    ggx_status status = load_record(t, p, &v);
    if (status != GGX_OK) return status;
    stored s = {.key = v->items[0]->kind == GGX_PICKLE_INT ? v->items[0]->integer : 0};
    if (v->items[2]->kind == GGX_PICKLE_GLOBAL) s.dtype = pth_dtype_of_storage(v->items[2]->text);
    if (!s.dtype) return refuse(t, at, "the class of a storage is not known");
    ggx_cursor_init(&c, t->r->source, t->r->member, p->at, p->end, t->error);
    uint64_t count = ggx_cursor_uint(&c, 8, "a storage's size");
    if (c.status != GGX_OK) return c.status;
    s.offset = c.at;
    if (!ggx_mul_u64(count, s.dtype->bytes, &s.bytes) || s.bytes > ggx_cursor_left(&c))
        return refuse(t, p->at, "a storage claims %llu elements, more than the file holds; it is cut short",
                      (unsigned long long)count);
    p->at = s.offset + s.bytes;
    return t->files[TENSORS].begin ? add_storage(t, &s) : add_named(t, v->items[0]->text, &s);
}

/* A storage that is a part of another: (key, key of the other, first element, elements). */
static ggx_status read_view(tar *t, const ggx_pickle_value *v, uint64_t roots, uint64_t at)
{
    uint64_t n[4] = {0};
    int good = v->kind == GGX_PICKLE_TUPLE && v->count == 4;
    for (uint32_t i = 0; good && i < 4; i++) {
        good = v->items[i]->kind == GGX_PICKLE_INT && (i < 2 || v->items[i]->integer >= 0);
        if (good) n[i] = (uint64_t)v->items[i]->integer;
    }
    const stored *root =
        good ? bsearch(&v->items[1]->integer, t->storages, (size_t)roots, sizeof *t->storages, by_key) : NULL;
    uint64_t first = 0, bytes = 0;
    if (!root || !ggx_mul_u64(n[2], root->dtype->bytes, &first) || !ggx_mul_u64(n[3], root->dtype->bytes, &bytes) ||
        first > root->bytes || bytes > root->bytes - first)
        return refuse(t, at, "a view of a storage is none");
    stored s = {v->items[0]->integer, root->offset + first, bytes, root->dtype};
    return add_storage(t, &s);
}

static ggx_status read_storages(tar *t)
{
    ggx_pickle p = pickles_of(t, STORAGES);
    ggx_pickle_value *views = NULL;
    uint64_t count = 0;
    ggx_status status = load_count(t, &p, &count);
    for (uint64_t i = 0; status == GGX_OK && i < count; i++) status = read_storage(t, &p);
    uint64_t at = p.at;
    if (status == GGX_OK && !t->files[TENSORS].begin) return pth_storages_sort(t->r, t->error);
    if (status == GGX_OK) status = sort_storages(t);
    if (status == GGX_OK) status = ggx_pickle_load(&p, &views, t->error);
    if (status != GGX_OK) return status;
    if (views->kind != GGX_PICKLE_LIST) return refuse(t, at, "the list of views is none");
    for (uint64_t i = 0; status == GGX_OK && i < views->count; i++) status = read_view(t, views->items[i], count, at);
    return status == GGX_OK ? sort_storages(t) : status;
}

/* What lies behind a tensor's record, and where its elements are. */
static ggx_status place_tensor(const tar *t, ggx_pickle *p, const stored *s, pth_tensor *out)
{
    uint64_t stride[GGX_MAX_RANK] = {0}, at = p->at;
    ggx_cursor c;
    ggx_cursor_init(&c, t->r->source, t->r->member, at, p->end, t->error);
    out->rank = (uint32_t)ggx_cursor_uint(&c, 4, "a tensor's number of axes");
    (void)ggx_cursor_skip(&c, 4, "a tensor's number of axes"); /* it was written as 64 bits */
    if (c.status == GGX_OK && out->rank > GGX_MAX_RANK)
        return ggx_fail_at(t->error, GGX_E_UNSUPPORTED, c.member, at, "a tensor has %u axes; 8 are read", out->rank);
    for (uint32_t i = 0; c.status == GGX_OK && i < out->rank; i++)
        out->shape[i] = ggx_cursor_uint(&c, 8, "a tensor's shape");
    for (uint32_t i = 0; c.status == GGX_OK && i < out->rank; i++)
        stride[i] = ggx_cursor_uint(&c, 8, "a tensor's strides");
    uint64_t first = ggx_cursor_uint(&c, 8, "a tensor's first element");
    if (c.status != GGX_OK) return c.status;
    p->at = c.at;
    out->dtype = s->dtype;
    const char *why = pth_tensor_lay(out, stride, first, s->bytes);
    if (why) return refuse(t, at, "of a tensor, %s", why);
    out->storage = 1; /* views are parts of storages, so bytes are compared by their place in the whole file */
    out->first += s->offset;
    return GGX_OK;
}

static ggx_status add_placed(tar *t, int64_t key, placed **row)
{
    placed *rows = one_more(t, t->r->placed, t->r->placed_count, &t->placed_room, sizeof *rows);
    if (!rows)
        return ggx_fail(t->error, GGX_E_NOMEM, "no memory for %llu tensors", (unsigned long long)t->r->placed_count);
    t->r->placed = rows;
    *row = &rows[t->r->placed_count++];
    memset(*row, 0, sizeof **row);
    (*row)->key = key;
    return GGX_OK;
}

static ggx_status read_tensor(tar *t, ggx_pickle *p)
{
    ggx_pickle_value *v = NULL;
    placed *row = NULL;
    uint64_t at = p->at;
    ggx_status status = load_record(t, p, &v);
    if (status == GGX_OK) status = add_placed(t, v->items[0]->integer, &row);
    if (status != GGX_OK) return status;
    const stored *s = find_storage(t, v->items[1]);
    return s ? place_tensor(t, p, s, &row->t) : refuse(t, at, "the storage of a tensor is not in the file");
}

/* Storages are listed, too, without a type: the object may refer to one, which is no tensor. */
static ggx_status read_tensors(tar *t)
{
    ggx_pickle p = pickles_of(t, TENSORS);
    placed *row = NULL;
    uint64_t count = 0;
    ggx_status status = load_count(t, &p, &count);
    for (uint64_t i = 0; status == GGX_OK && i < count; i++) status = read_tensor(t, &p);
    for (uint64_t i = 0; status == GGX_OK && i < t->storage_count; i++)
        status = add_placed(t, t->storages[i].key, &row);
    if (status != GGX_OK) return status;
    if (t->r->placed_count) qsort(t->r->placed, (size_t)t->r->placed_count, sizeof *t->r->placed, by_key);
    for (uint64_t i = 1; i < t->r->placed_count; i++)
        if (t->r->placed[i].key == t->r->placed[i - 1].key)
            return refuse(t, p.at, "two tensors or storages have the same key");
    return GGX_OK;
}

ggx_status pth_tar_open(pth_file *r, ggx_error *error)
{
    tar t = {.r = r, .error = error};
    pth_part *part = &r->parts[0];
    ggx_status status = find_files(&t);
    if (status == GGX_OK) status = read_storages(&t);
    if (status == GGX_OK && t.files[TENSORS].begin) status = read_tensors(&t);
    if (status != GGX_OK) return status;
    ggx_pickle p = pickles_of(&t, PICKLE);
    part->bytes = p.end - p.at;
    part->name = "";
    r->part_count = 1;
    return ggx_pickle_load(&p, &part->root, error);
}

int pth_tar_find(const pth_file *r, ggx_str id, pth_tensor *out)
{
    int64_t key = 0;
    if (!id.size || id.size > 18 || !r->placed_count) return 0;
    for (uint64_t i = 0; i < id.size; i++) {
        if (id.data[i] < '0' || id.data[i] > '9') return 0;
        key = key * 10 + (id.data[i] - '0');
    }
    const placed *found = bsearch(&key, r->placed, (size_t)r->placed_count, sizeof *r->placed, by_key);
    if (found) *out = found->t;
    return found != NULL;
}
