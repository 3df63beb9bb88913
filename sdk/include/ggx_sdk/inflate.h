/* ggx_sdk/inflate.h - reads a zip entry's unpacked bytes in order, stored or deflated, without holding it whole. Header-only; the plugin
 * links zlib.
 *
 * A stream goes forward; asked for bytes behind it, it begins again. When its last byte has been read in one go from the first, its
 * CRC is checked (unless the archive has none). All memory is host->alloc's and is taken once per stream. */
#ifndef GGX_SDK_INFLATE_H
#define GGX_SDK_INFLATE_H

#include "error.h"
#include "zip.h"
#include <zlib.h>

#define GGX_INFLATE_BUFFER 32768u
/* Deflate's longest match is 258 bytes for at least two bits: no entry unpacks to more than 1032 times its size. */
#define GGX_INFLATE_RATIO 1032u

typedef struct ggx_inflate {
    const ggx_zip *zip;
    const ggx_zip_entry *entry; /* NULL: none yet */
    uint64_t in, out;           /* packed bytes fetched and unpacked bytes given so far */
    uint32_t crc;
    uint32_t ready; /* 1: `z` was set up */
    z_stream z;
    uint8_t input[GGX_INFLATE_BUFFER], waste[GGX_INFLATE_BUFFER];
} ggx_inflate;

static inline voidpf ggx_inflate_alloc(voidpf host, uInt items, uInt size)
{
    return ((const ggx_host *)host)->alloc((const ggx_host *)host, (uint64_t)items * size);
}

static inline void ggx_inflate_keep(voidpf host, voidpf memory)
{
    (void)host; /* the host frees it with the instance */
    (void)memory;
}

/* Puts the stream at the first byte of an entry. `s` was zeroed before its first use. */
static inline ggx_status ggx_inflate_start(ggx_inflate *s, const ggx_zip *zip, const ggx_zip_entry *entry,
                                           ggx_error *error)
{
    if (entry->method != GGX_ZIP_STORED && entry->method != GGX_ZIP_DEFLATED)
        return ggx_fail_at(error, GGX_E_UNSUPPORTED, zip->member, entry->header,
                           "zip entry '%.*s' is packed by method %u; only deflate is read, repack the archive",
                           GGX_STR_ARGS(entry->name), entry->method);
    if (entry->size / GGX_INFLATE_RATIO > entry->packed)
        return ggx_fail_at(error, GGX_E_MALFORMED, zip->member, entry->header,
                           "zip entry '%.*s' claims to unpack %llu bytes to %llu, more than deflate can",
                           GGX_STR_ARGS(entry->name), (unsigned long long)entry->packed,
                           (unsigned long long)entry->size);
    s->zip = zip;
    s->entry = entry;
    s->in = s->out = 0;
    s->crc = 0;
    if (!s->ready) {
        memset(&s->z, 0, sizeof s->z);
        s->z.zalloc = ggx_inflate_alloc;
        s->z.zfree = ggx_inflate_keep;
        s->z.opaque = (voidpf)(uintptr_t)zip->host;
        if (inflateInit2(&s->z, -15) != Z_OK) return ggx_fail(error, GGX_E_NOMEM, "no memory to unpack a zip entry");
        s->ready = 1;
    }
    s->z.avail_in = 0;
    if (inflateReset(&s->z) != Z_OK) return ggx_fail(error, GGX_E_NOMEM, "zlib cannot begin again");
    return GGX_OK;
}

static inline ggx_status ggx_inflate_broken(const ggx_inflate *s, ggx_error *error, const char *what)
{
    return ggx_fail_at(error, GGX_E_MALFORMED, s->zip->member, s->entry->data + s->in, "zip entry '%.*s' %s",
                       GGX_STR_ARGS(s->entry->name), what);
}

/* Up to `size` bytes of a deflated entry; *got is 0 only at its end. */
static inline ggx_status ggx_inflate_step(ggx_inflate *s, void *out, uint64_t size, uint64_t *got, ggx_error *error)
{
    s->z.next_out = (Bytef *)out;
    s->z.avail_out = (uInt)(size < 1u << 30 ? size : 1u << 30);
    uInt wanted = s->z.avail_out;
    while (s->z.avail_out == wanted) {
        uint64_t left = s->entry->packed - s->in;
        if (!s->z.avail_in && left) {
            uint64_t n = left < sizeof s->input ? left : sizeof s->input;
            ggx_status status =
                s->zip->source->read_at(s->zip->source, s->zip->member, s->entry->data + s->in, s->input, n, error);
            if (status != GGX_OK) return status;
            s->in += n;
            s->z.next_in = s->input;
            s->z.avail_in = (uInt)n;
        }
        int code = inflate(&s->z, Z_NO_FLUSH);
        if (code == Z_STREAM_END) break;
        if (code == Z_MEM_ERROR) return ggx_fail(error, GGX_E_NOMEM, "no memory to unpack a zip entry");
        if (code == Z_BUF_ERROR && !s->z.avail_in && s->in == s->entry->packed)
            return ggx_inflate_broken(s, error, "ends inside its packed data; it is damaged");
        if (code != Z_OK && code != Z_BUF_ERROR) return ggx_inflate_broken(s, error, "does not unpack; it is damaged");
    }
    *got = wanted - s->z.avail_out;
    return GGX_OK;
}

/* After the last byte: nothing more must unpack, and the CRC must be right. */
static inline ggx_status ggx_inflate_finish(ggx_inflate *s, ggx_error *error)
{
    uint64_t more = 0;
    ggx_status status = GGX_OK;
    if (s->entry->method == GGX_ZIP_DEFLATED) status = ggx_inflate_step(s, s->waste, 1, &more, error);
    if (status != GGX_OK) return status;
    if (more) return ggx_inflate_broken(s, error, "unpacks to more bytes than the directory says; it is damaged");
    if (s->entry->crc && s->crc != s->entry->crc)
        return ggx_fail_at(
            error, GGX_E_INTEGRITY, s->zip->member, s->entry->data,
            "the CRC of zip entry '%.*s' is %08x, and should be %08x; the file is damaged, fetch it again",
            GGX_STR_ARGS(s->entry->name), s->crc, s->entry->crc);
    return GGX_OK;
}

/* The next `size` bytes, no more than are left of the entry. */
static inline ggx_status ggx_inflate_next(ggx_inflate *s, void *out, uint64_t size, ggx_error *error)
{
    uint8_t *to = (uint8_t *)out;
    while (size) {
        uint64_t got = size;
        ggx_status status;
        if (s->entry->method == GGX_ZIP_STORED)
            status = s->zip->source->read_at(s->zip->source, s->zip->member, s->entry->data + s->out, to, got, error);
        else
            status = ggx_inflate_step(s, to, size, &got, error);
        if (status != GGX_OK) return status;
        if (!got) return ggx_inflate_broken(s, error, "unpacks to fewer bytes than the directory says; it is damaged");
        for (uint64_t i = 0; i < got;) {
            uint64_t n = got - i < 1u << 30 ? got - i : 1u << 30;
            s->crc = (uint32_t)crc32(s->crc, to + i, (uInt)n);
            i += n;
        }
        to += got;
        size -= got;
        s->out += got;
        if (s->zip->host->canceled(s->zip->host)) return ggx_fail(error, GGX_E_CANCELED, "stopped while unpacking");
    }
    return s->out == s->entry->size ? ggx_inflate_finish(s, error) : GGX_OK;
}

/* `size` bytes from `offset` of the entry on; cheap when that is where the last read ended. */
static inline ggx_status ggx_inflate_read(ggx_inflate *s, uint64_t offset, void *out, uint64_t size, ggx_error *error)
{
    if (offset > s->entry->size || size > s->entry->size - offset)
        return ggx_fail_at(error, GGX_E_MALFORMED, s->zip->member, s->entry->header,
                           "zip entry '%.*s' has %llu bytes, and %llu from %llu on are needed",
                           GGX_STR_ARGS(s->entry->name), (unsigned long long)s->entry->size, (unsigned long long)size,
                           (unsigned long long)offset);
    if (offset < s->out) {
        ggx_status status = ggx_inflate_start(s, s->zip, s->entry, error);
        if (status != GGX_OK) return status;
    }
    while (s->out < offset) {
        uint64_t n = offset - s->out < sizeof s->waste ? offset - s->out : sizeof s->waste;
        ggx_status status = ggx_inflate_next(s, s->waste, n, error);
        if (status != GGX_OK) return status;
    }
    return size ? ggx_inflate_next(s, out, size, error) : GGX_OK;
}

/* Reads entries to their ends, which checks their CRCs: `all`, or those that are stored, whose bytes the host will read itself, and have at most
 * 1 MiB, 32 MiB in all. So opening does not cost what reading costs, and damage in a small file is seen unasked. */
#define GGX_INFLATE_SMALL (1u << 20)
#define GGX_INFLATE_SUM (32u << 20)

static inline ggx_status ggx_inflate_verify(ggx_inflate *s, const ggx_zip *zip, int all, ggx_error *error)
{
    uint64_t left = GGX_INFLATE_SUM;
    for (uint64_t i = 0; i < zip->count; i++) {
        const ggx_zip_entry *entry = &zip->entries[i];
        int small = entry->method == GGX_ZIP_STORED && entry->size <= GGX_INFLATE_SMALL && entry->size <= left;
        if (!all && !small) continue;
        if (!all) left -= entry->size;
        ggx_status status = ggx_inflate_start(s, zip, entry, error);
        if (status == GGX_OK) status = ggx_inflate_read(s, entry->size, NULL, 0, error);
        if (status != GGX_OK) return status;
        if (all) zip->host->progress(zip->host, i + 1, zip->count);
    }
    return GGX_OK;
}

/* Several streams, so that a few entries can be read side by side without beginning again. Zeroed before its first use. */
#define GGX_INFLATE_STREAMS 4u

typedef struct ggx_inflate_pool {
    ggx_inflate *streams[GGX_INFLATE_STREAMS];
    uint64_t used[GGX_INFLATE_STREAMS], clock;
} ggx_inflate_pool;

/* The entry's stream where it stands, or the one longest unused, begun anew for this entry. */
static inline ggx_status ggx_inflate_pool_get(ggx_inflate_pool *pool, const ggx_zip *zip, const ggx_zip_entry *entry,
                                              ggx_inflate **out, ggx_error *error)
{
    uint32_t oldest = 0;
    for (uint32_t i = 0; i < GGX_INFLATE_STREAMS; i++) {
        if (pool->streams[i] && pool->streams[i]->entry == entry) {
            pool->used[i] = ++pool->clock;
            *out = pool->streams[i];
            return GGX_OK;
        }
        if (pool->used[i] < pool->used[oldest]) oldest = i;
    }
    if (!pool->streams[oldest])
        pool->streams[oldest] = (ggx_inflate *)zip->host->alloc(zip->host, sizeof *pool->streams[oldest]);
    if (!pool->streams[oldest]) return ggx_fail(error, GGX_E_NOMEM, "no memory to unpack a zip entry");
    pool->used[oldest] = ++pool->clock;
    *out = pool->streams[oldest];
    return ggx_inflate_start(*out, zip, entry, error);
}

/* ggx_inflate_read as a ggx_box_read: the context is the stream. */
static inline ggx_status ggx_inflate_box_read(void *stream, uint64_t offset, void *out, uint64_t size, ggx_error *error)
{
    return ggx_inflate_read((ggx_inflate *)stream, offset, out, size, error);
}

#endif
