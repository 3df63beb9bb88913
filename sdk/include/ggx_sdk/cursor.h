/* ggx_sdk/cursor.h - a bounded cursor over one member of a source: every read of a file's structure goes through it.
 *
 * Reads little- or big-endian integers and bytes at a position, never beyond `end`, a page at a time from source->read_at.
 * The first failure sticks: later reads give zeros and the same status, so a run of reads is checked once at its end. Header-only. */
#ifndef GGX_SDK_CURSOR_H
#define GGX_SDK_CURSOR_H

#include "error.h"
#include <ggx/source.h>

typedef struct ggx_cursor {
    const ggx_source *source;
    ggx_error *error; /* filled at the first failure */
    uint64_t at;      /* byte offset in the member of the next read */
    uint64_t end;     /* first byte that may not be read */
    uint64_t window;  /* offset of buffer[0] */
    uint32_t member;
    uint32_t filled; /* bytes in buffer */
    ggx_status status;
    int32_t big; /* 1: integers are big-endian */
    uint8_t buffer[4096];
} ggx_cursor;

static inline void ggx_cursor_init(ggx_cursor *c, const ggx_source *source, uint32_t member, uint64_t at, uint64_t end,
                                   ggx_error *error)
{
    c->source = source;
    c->error = error;
    c->at = at;
    c->end = end;
    c->window = 0;
    c->member = member;
    c->filled = 0;
    c->status = GGX_OK;
    c->big = 0;
}

/* Bytes left before `end`. */
static inline uint64_t ggx_cursor_left(const ggx_cursor *c)
{
    return c->at < c->end ? c->end - c->at : 0;
}

/* Copies `size` bytes and moves on. `what` names the field in the message ("tensor name"). */
static inline ggx_status ggx_cursor_bytes(ggx_cursor *c, void *out, uint64_t size, const char *what)
{
    if (c->status == GGX_OK && size > ggx_cursor_left(c))
        c->status = ggx_fail_at(c->error, GGX_E_MALFORMED, c->member, c->at,
                                "the file ends inside %s: %llu bytes wanted, %llu left; it is cut short or damaged",
                                what, (unsigned long long)size, (unsigned long long)ggx_cursor_left(c));
    if (c->status != GGX_OK) {
        memset(out, 0, (size_t)size);
        return c->status;
    }
    uint8_t *to = (uint8_t *)out;
    while (size) {
        if (c->filled && c->at >= c->window && c->at - c->window < c->filled) {
            uint64_t have = c->filled - (c->at - c->window), n = have < size ? have : size;
            memcpy(to, c->buffer + (c->at - c->window), (size_t)n);
            to += n;
            size -= n;
            c->at += n;
            continue;
        }
        if (size >= sizeof c->buffer) { /* long runs go straight to the caller */
            c->status = c->source->read_at(c->source, c->member, c->at, to, size, c->error);
            if (c->status != GGX_OK)
                memset(to, 0, (size_t)size);
            else
                c->at += size;
            return c->status;
        }
        uint64_t n = ggx_cursor_left(c);
        if (n > sizeof c->buffer) n = sizeof c->buffer;
        c->filled = 0;
        c->status = c->source->read_at(c->source, c->member, c->at, c->buffer, n, c->error);
        if (c->status != GGX_OK) {
            memset(to, 0, (size_t)size);
            return c->status;
        }
        c->window = c->at;
        c->filled = (uint32_t)n;
    }
    return GGX_OK;
}

static inline uint64_t ggx_cursor_uint(ggx_cursor *c, uint32_t bytes, const char *what)
{
    uint8_t b[8] = {0};
    uint64_t v = 0;
    if (ggx_cursor_bytes(c, b, bytes, what) != GGX_OK) return 0;
    for (uint32_t i = 0; i < bytes; i++) v |= (uint64_t)b[c->big ? bytes - 1 - i : i] << (8 * i);
    return v;
}

#define ggx_cursor_u8(c, what) ((uint8_t)ggx_cursor_uint((c), 1, (what)))
#define ggx_cursor_u16(c, what) ((uint16_t)ggx_cursor_uint((c), 2, (what)))
#define ggx_cursor_u32(c, what) ((uint32_t)ggx_cursor_uint((c), 4, (what)))
#define ggx_cursor_u64(c, what) (ggx_cursor_uint((c), 8, (what)))

/* Moves on by `size` bytes without reading them. */
static inline ggx_status ggx_cursor_skip(ggx_cursor *c, uint64_t size, const char *what)
{
    if (c->status != GGX_OK) return c->status;
    if (size > ggx_cursor_left(c))
        return c->status =
                   ggx_fail_at(c->error, GGX_E_MALFORMED, c->member, c->at,
                               "the file ends inside %s: %llu bytes wanted, %llu left; it is cut short or damaged",
                               what, (unsigned long long)size, (unsigned long long)ggx_cursor_left(c));
    c->at += size;
    return GGX_OK;
}

#endif
