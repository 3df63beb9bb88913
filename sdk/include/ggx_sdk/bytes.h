/* ggx_sdk/bytes.h - bytes that grow at their end, in parts from host->alloc: what a writer gathers before it can lay anything out.
 *
 * The first failure sticks: later additions do nothing, so a run of additions is checked once at its end. Header-only. */
#ifndef GGX_SDK_BYTES_H
#define GGX_SDK_BYTES_H

#include "error.h"
#include <ggx/host.h>
#include <ggx/writer.h>

#define GGX_BYTES_PART 16384

/* The bytes lie behind the record. */
typedef struct ggx_bytes_part {
    struct ggx_bytes_part *next;
    uint64_t used, room; /* bytes */
} ggx_bytes_part;

typedef struct ggx_bytes {
    const ggx_host *host;
    ggx_bytes_part *first, *last;
    uint64_t size;     /* bytes in all parts */
    ggx_status status; /* the first failure */
} ggx_bytes;

static inline void ggx_bytes_init(ggx_bytes *b, const ggx_host *host)
{
    memset(b, 0, sizeof *b);
    b->host = host;
}

static inline void ggx_bytes_add(ggx_bytes *b, const void *data, uint64_t size)
{
    const uint8_t *from = (const uint8_t *)data;
    while (size && b->status == GGX_OK) {
        ggx_bytes_part *part = b->last;
        if (!part || part->used == part->room) {
            uint64_t room = size > GGX_BYTES_PART ? size : GGX_BYTES_PART;
            part = room > UINT64_MAX - sizeof *part ? NULL
                                                    : (ggx_bytes_part *)b->host->alloc(b->host, sizeof *part + room);
            if (!part) {
                b->status = GGX_E_NOMEM;
                return;
            }
            part->room = room;
            if (b->last)
                b->last->next = part;
            else
                b->first = part;
            b->last = part;
        }
        uint64_t n = part->room - part->used < size ? part->room - part->used : size;
        memcpy((uint8_t *)(part + 1) + part->used, from, (size_t)n);
        part->used += n;
        b->size += n;
        from += n;
        size -= n;
    }
}

/* The lowest `width` bytes of `value`, little-endian. */
static inline void ggx_bytes_uint(ggx_bytes *b, uint64_t value, uint32_t width)
{
    uint8_t raw[8];
    for (uint32_t i = 0; i < 8; i++) raw[i] = (uint8_t)(value >> (8 * i));
    ggx_bytes_add(b, raw, width < 8 ? width : 8);
}

/* GGX_OK, or GGX_E_NOMEM with a text, when an addition failed. */
static inline ggx_status ggx_bytes_check(const ggx_bytes *b, ggx_error *error)
{
    if (b->status == GGX_OK) return GGX_OK;
    return ggx_fail(error, b->status, "the output's header does not fit into this writer's memory (%llu bytes so far)",
                    (unsigned long long)b->size);
}

/* Emits all parts one after the other from `offset` on. */
static inline ggx_status ggx_bytes_emit(const ggx_bytes *b, const ggx_emit *emit, uint32_t output, uint64_t offset,
                                        ggx_error *error)
{
    for (const ggx_bytes_part *part = b->first; part; part = part->next) {
        ggx_status status = emit->bytes(emit, output, offset, part + 1, part->used, error);
        if (status != GGX_OK) return status;
        offset += part->used;
    }
    return GGX_OK;
}

#endif
