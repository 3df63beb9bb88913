/* zip.c - the zip directory of ggx_sdk/zip.h: end record, central directory, local headers, and their agreement. */
#include <ggx_sdk/checked.h>
#include <ggx_sdk/cursor.h>
#include <ggx_sdk/zip.h>
#include <stdlib.h>

#define END_BYTES 22u
#define END64_BYTES 56u
#define LOCATOR_BYTES 20u
#define ENTRY_BYTES 46u
#define LOCAL_BYTES 30u
#define COMMENT_MAX 65535u

#define END_MAGIC 0x06054b50u
#define END64_MAGIC 0x06064b50u
#define LOCATOR_MAGIC 0x07064b50u
#define ENTRY_MAGIC 0x02014b50u
#define LOCAL_MAGIC 0x04034b50u

#define FLAG_ENCRYPTED 0x2041u /* bits 0, 6 and 13: encrypted, strongly, and with a hidden directory */
#define FLAG_DESCRIPTOR 0x8u   /* sizes and CRC follow the data; the local header may hold zeros */

/* What the end records say of the central directory. */
typedef struct summary {
    uint64_t count, size, offset; /* offset counts from the archive's beginning */
    uint64_t limit;               /* where the first end record begins: the directory must end there */
} summary;

static uint64_t le(const uint8_t *at, uint32_t bytes)
{
    uint64_t v = 0;
    for (uint32_t i = 0; i < bytes; i++) v |= (uint64_t)at[i] << (8 * i);
    return v;
}

static ggx_status refuse(const ggx_zip *zip, uint64_t at, ggx_error *error, const char *what)
{
    return ggx_fail_at(error, GGX_E_MALFORMED, zip->member, at, "zip archive: %s", what);
}

/* ---- end records ----------------------------------------------------------------------------------------------------------- */

/* The end record is the last place where its magic stands and its comment ends with the archive. */
static ggx_status find_end(const ggx_zip *zip, uint64_t *at, uint8_t record[END_BYTES], ggx_error *error)
{
    uint8_t block[4096 + END_BYTES];
    uint64_t size = zip->end - zip->begin, lowest;
    if (size < END_BYTES) return refuse(zip, zip->end, error, "it is too short for its end record; it is cut short");
    lowest = size - END_BYTES > COMMENT_MAX ? zip->end - END_BYTES - COMMENT_MAX : zip->begin;
    for (uint64_t top = zip->end - END_BYTES + 1; top > lowest;) {
        uint64_t from = top - lowest > 4096 ? top - 4096 : lowest, n = top - from + END_BYTES - 1;
        ggx_status status = zip->source->read_at(zip->source, zip->member, from, block, n, error);
        if (status != GGX_OK) return status;
        for (uint64_t i = top - from; i-- > 0;) {
            if (le(block + i, 4) != END_MAGIC || from + i + END_BYTES + le(block + i + 20, 2) != zip->end) continue;
            *at = from + i;
            memcpy(record, block + i, END_BYTES);
            return GGX_OK;
        }
        top = from;
    }
    return refuse(zip, zip->end, error, "it has no end record; it is cut short or something was appended");
}

/* A zip64 end record replaces those fields of the other that are at their limit, and must repeat the rest. */
static ggx_status read_end64(const ggx_zip *zip, uint64_t locator, summary *s, ggx_error *error)
{
    uint8_t b[END64_BYTES];
    ggx_status status = zip->source->read_at(zip->source, zip->member, locator, b, LOCATOR_BYTES, error);
    if (status != GGX_OK || le(b, 4) != LOCATOR_MAGIC) return status;
    uint64_t at = 0, size = 0;
    if (!ggx_add_u64(zip->begin, le(b + 8, 8), &at) || at > locator || locator - at < END64_BYTES || le(b + 4, 4) ||
        le(b + 16, 4) > 1)
        return refuse(zip, locator, error, "the zip64 locator points outside of the archive");
    status = zip->source->read_at(zip->source, zip->member, at, b, END64_BYTES, error);
    if (status != GGX_OK) return status;
    if (le(b, 4) != END64_MAGIC || !ggx_add_u64(le(b + 4, 8), 12, &size) || size != locator - at)
        return refuse(zip, at, error, "the zip64 end record is not where its locator says");
    if (le(b + 16, 4) || le(b + 20, 4) || le(b + 24, 8) != le(b + 32, 8))
        return ggx_fail_at(error, GGX_E_UNSUPPORTED, zip->member, at, "zip archives in several volumes are not read");
    if ((s->count != 0xffff && s->count != le(b + 32, 8)) || (s->size != UINT32_MAX && s->size != le(b + 40, 8)) ||
        (s->offset != UINT32_MAX && s->offset != le(b + 48, 8)))
        return refuse(zip, at, error, "its two end records contradict each other");
    s->count = le(b + 32, 8);
    s->size = le(b + 40, 8);
    s->offset = le(b + 48, 8);
    s->limit = at;
    return GGX_OK;
}

static ggx_status read_end(const ggx_zip *zip, summary *s, ggx_error *error)
{
    uint8_t b[END_BYTES];
    uint64_t at = 0, end = 0;
    ggx_status status = find_end(zip, &at, b, error);
    if (status != GGX_OK) return status;
    s->count = le(b + 10, 2);
    s->size = le(b + 12, 4);
    s->offset = le(b + 16, 4);
    s->limit = at;
    if (le(b + 4, 2) || le(b + 6, 2) || le(b + 8, 2) != s->count)
        return ggx_fail_at(error, GGX_E_UNSUPPORTED, zip->member, at, "zip archives in several volumes are not read");
    if (at - zip->begin >= LOCATOR_BYTES) status = read_end64(zip, at - LOCATOR_BYTES, s, error);
    if (status != GGX_OK) return status;
    if (!ggx_add_u64(s->offset, s->size, &end) || end != s->limit - zip->begin)
        return refuse(
            zip, at, error,
            "its directory does not end where the end record begins; something was cut, inserted or put in front");
    if (s->count > s->size / ENTRY_BYTES)
        return refuse(zip, at, error, "it claims more entries than its directory holds");
    return GGX_OK;
}

/* ---- entries --------------------------------------------------------------------------------------------------------------- */

/* The extra field 1 holds, in this order, the 64-bit values of those fields that are at their 32-bit limit. */
static int apply_zip64(const uint8_t *extra, uint64_t size, uint64_t *values[], uint32_t count)
{
    uint64_t at = 0;
    while (size - at >= 4) {
        uint64_t id = le(extra + at, 2), n = le(extra + at + 2, 2);
        at += 4;
        if (n > size - at)
            return 1; /* PyTorch and others pad with fields of their own; what does not parse says nothing */
        if (id == 1) {
            uint64_t used = 0;
            for (uint32_t i = 0; i < count; i++) {
                if (*values[i] != UINT32_MAX) continue;
                if (n - used < 8) return 0;
                *values[i] = le(extra + at + used, 8);
                used += 8;
            }
            return 1;
        }
        at += n;
    }
    return 1;
}

/* Extra fields have at most 65535 bytes: one buffer serves all entries. */
typedef struct scratch {
    uint8_t extra[65536];
    char name[65536];
} scratch;

static ggx_status read_entry(ggx_zip *zip, ggx_cursor *c, scratch *tmp, ggx_zip_entry *e, ggx_error *error)
{
    uint8_t b[ENTRY_BYTES];
    uint64_t at = c->at;
    if (ggx_cursor_bytes(c, b, sizeof b, "the zip directory") != GGX_OK) return c->status;
    if (le(b, 4) != ENTRY_MAGIC)
        return refuse(zip, at, error, "an entry of the directory does not begin with its magic");
    uint64_t name = le(b + 28, 2), extra = le(b + 30, 2), comment = le(b + 32, 2);
    e->flags = (uint16_t)le(b + 8, 2);
    e->method = (uint16_t)le(b + 10, 2);
    e->crc = (uint32_t)le(b + 16, 4);
    e->packed = le(b + 20, 4);
    e->size = le(b + 24, 4);
    e->header = le(b + 42, 4);
    char *text = zip->host->alloc(zip->host, name);
    if (!text)
        return ggx_fail_at(error, GGX_E_NOMEM, zip->member, at,
                           "the zip directory does not fit into this reader's memory");
    e->name.data = text;
    e->name.size = name;
    (void)ggx_cursor_bytes(c, text, name, "the zip directory");
    (void)ggx_cursor_bytes(c, tmp->extra, extra, "the zip directory");
    if (ggx_cursor_skip(c, comment, "the zip directory") != GGX_OK) return c->status;
    if (e->flags & FLAG_ENCRYPTED)
        return ggx_fail_at(error, GGX_E_UNSUPPORTED, zip->member, at,
                           "zip entry '%.*s' is encrypted; unpack the archive first", GGX_STR_ARGS(e->name));
    uint64_t *values[] = {&e->size, &e->packed, &e->header};
    if (!apply_zip64(tmp->extra, extra, values, 3))
        return refuse(zip, at, error, "an entry's 64-bit sizes are missing");
    if (le(b + 34, 2) && le(b + 34, 2) != 0xffff)
        return ggx_fail_at(error, GGX_E_UNSUPPORTED, zip->member, at, "zip archives in several volumes are not read");
    if (!ggx_add_u64(e->header, zip->begin, &e->header) || e->header > zip->directory ||
        zip->directory - e->header < LOCAL_BYTES)
        return refuse(zip, at, error, "an entry lies outside of the archive");
    return GGX_OK;
}

/* With a descriptor the local header may leave sizes and CRC at zero (or its sizes at the limit). */
static int local_agrees(const ggx_zip_entry *e, uint64_t crc, uint64_t packed, uint64_t size, int descriptor)
{
    if (descriptor && !crc && (packed == e->packed || !packed) && (size == e->size || !size)) return 1;
    return crc == e->crc && packed == e->packed && size == e->size;
}

static ggx_status check_local(ggx_zip *zip, scratch *tmp, ggx_zip_entry *e, ggx_error *error)
{
    uint8_t b[LOCAL_BYTES];
    ggx_cursor c;
    ggx_cursor_init(&c, zip->source, zip->member, e->header, zip->directory, error);
    (void)ggx_cursor_bytes(&c, b, sizeof b, "a zip entry's header");
    if (c.status == GGX_OK && le(b, 4) != LOCAL_MAGIC)
        return refuse(zip, e->header, error, "an entry's own header is not where the directory says");
    uint64_t name = le(b + 26, 2), extra = le(b + 28, 2), packed = le(b + 18, 4), size = le(b + 22, 4);
    (void)ggx_cursor_bytes(&c, tmp->name, name, "a zip entry's name");
    if (ggx_cursor_bytes(&c, tmp->extra, extra, "a zip entry's extra field") != GGX_OK) return c.status;
    uint64_t *values[] = {&size, &packed};
    int parsed = apply_zip64(tmp->extra, extra, values, 2);
    if (!parsed || name != e->name.size || memcmp(tmp->name, e->name.data, (size_t)name) != 0 ||
        le(b + 8, 2) != e->method || ((le(b + 6, 2) ^ e->flags) & (FLAG_ENCRYPTED | FLAG_DESCRIPTOR)) ||
        !local_agrees(e, le(b + 14, 4), packed, size, (e->flags & FLAG_DESCRIPTOR) != 0))
        return ggx_fail_at(
            error, GGX_E_MALFORMED, zip->member, e->header,
            "zip entry '%.*s': its own header says something else than the directory; the archive was tampered with",
            GGX_STR_ARGS(e->name));
    e->data = c.at;
    if (e->packed > zip->directory - e->data)
        return ggx_fail_at(error, GGX_E_MALFORMED, zip->member, e->header,
                           "zip entry '%.*s' ends behind the archive's data", GGX_STR_ARGS(e->name));
    if (e->method == GGX_ZIP_STORED && e->packed != e->size)
        return ggx_fail_at(error, GGX_E_MALFORMED, zip->member, e->header,
                           "zip entry '%.*s' is stored, but its two sizes differ", GGX_STR_ARGS(e->name));
    return GGX_OK;
}

static int by_place(const void *left, const void *right)
{
    const ggx_zip_entry *a = *(ggx_zip_entry *const *)left, *b = *(ggx_zip_entry *const *)right;
    return a->header < b->header ? -1 : a->header > b->header;
}

static int compare_names(ggx_str a, ggx_str b)
{
    uint64_t n = a.size < b.size ? a.size : b.size;
    int order = n ? memcmp(a.data, b.data, (size_t)n) : 0;
    return order ? order : a.size < b.size ? -1 : a.size > b.size;
}

static int by_name(const void *left, const void *right)
{
    return compare_names((*(ggx_zip_entry *const *)left)->name, (*(ggx_zip_entry *const *)right)->name);
}

static ggx_status check_together(ggx_zip *zip, ggx_error *error)
{
    ggx_zip_entry **list = zip->by_name;
    for (uint64_t i = 0; i < zip->count; i++) list[i] = &zip->entries[i];
    if (zip->count) qsort(list, (size_t)zip->count, sizeof *list, by_place);
    for (uint64_t i = 1; i < zip->count; i++)
        if (list[i]->header < list[i - 1]->data + list[i - 1]->packed)
            return ggx_fail_at(error, GGX_E_MALFORMED, zip->member, list[i]->header,
                               "zip entries '%.*s' and '%.*s' overlap", GGX_STR_ARGS(list[i - 1]->name),
                               GGX_STR_ARGS(list[i]->name));
    if (zip->count) qsort(list, (size_t)zip->count, sizeof *list, by_name);
    for (uint64_t i = 1; i < zip->count; i++)
        if (!compare_names(list[i]->name, list[i - 1]->name))
            return ggx_fail_at(error, GGX_E_MALFORMED, zip->member, list[i]->header, "zip entry '%.*s' occurs twice",
                               GGX_STR_ARGS(list[i]->name));
    return GGX_OK;
}

ggx_status ggx_zip_open(ggx_zip *zip, const ggx_host *host, const ggx_source *source, uint32_t member, uint64_t begin,
                        uint64_t end, ggx_error *error)
{
    summary s;
    ggx_cursor c;
    memset(zip, 0, sizeof *zip);
    zip->host = host;
    zip->source = source;
    zip->member = member;
    zip->begin = begin;
    zip->end = end;
    ggx_status status = read_end(zip, &s, error);
    if (status != GGX_OK) return status;
    zip->directory = zip->begin + s.offset;
    zip->count = s.count; /* at most a 46th of the directory's bytes */
    zip->entries = host->alloc(host, s.count * sizeof *zip->entries);
    zip->by_name = host->alloc(host, s.count * sizeof *zip->by_name);
    scratch *tmp = host->alloc(host, sizeof *tmp);
    if (!zip->entries || !zip->by_name || !tmp)
        return ggx_fail_at(error, GGX_E_NOMEM, member, zip->directory,
                           "a zip directory of %llu entries does not fit into this reader's memory",
                           (unsigned long long)s.count);
    ggx_cursor_init(&c, source, member, zip->directory, s.limit, error);
    for (uint64_t i = 0; i < zip->count; i++) {
        status = read_entry(zip, &c, tmp, &zip->entries[i], error);
        if (status == GGX_OK) status = check_local(zip, tmp, &zip->entries[i], error);
        if (status != GGX_OK) return status;
        if (i % 1024 == 1023 && host->canceled(host))
            return ggx_fail(error, GGX_E_CANCELED, "stopped while reading a zip directory");
    }
    if (c.at != s.limit) return refuse(zip, c.at, error, "its directory holds more than its entries");
    return check_together(zip, error);
}

const ggx_zip_entry *ggx_zip_find(const ggx_zip *zip, ggx_str name)
{
    uint64_t low = 0, high = zip->count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        int order = compare_names(name, zip->by_name[middle]->name);
        if (!order) return zip->by_name[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
