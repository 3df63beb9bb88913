/* object.c - object headers, versions 1 and 2, and the messages in them (IV.A.1). */
#include "h5.h"

#define FLAG_CREATION_ORDER 4u
#define FLAG_ATTRIBUTE_LIMITS 0x10u
#define FLAG_TIMES 0x20u

typedef struct block {
    struct block *next;
    uint64_t address, size;
} block;

typedef struct header {
    h5_file *f;
    h5_message_fn fn;
    void *context;
    block *first, *last; /* continuations that are still to be read */
    uint32_t version, flags;
} header;

static ggx_status add_block(header *h, ggx_cursor *c, ggx_error *error)
{
    block *b = h->f->host->alloc(h->f->host, sizeof *b);
    if (!b) return ggx_fail(error, GGX_E_NOMEM, "an object's header does not fit into this reader's memory");
    b->address = h5_address(h->f, c, "a continuation");
    b->size = h5_length(h->f, c, "a continuation");
    if (h->last)
        h->last->next = b;
    else
        h->first = b;
    h->last = b;
    return c->status;
}

/* Messages from the cursor to its end. */
static ggx_status walk_messages(header *h, ggx_cursor *c, uint32_t limit, ggx_error *error)
{
    uint32_t head = h->version == 1 ? 8 : h->flags & FLAG_CREATION_ORDER ? 6 : 4;
    for (; limit && ggx_cursor_left(c) >= head; limit--) {
        uint32_t type = h->version == 1 ? ggx_cursor_u16(c, "a message") : ggx_cursor_u8(c, "a message");
        uint64_t size = ggx_cursor_u16(c, "a message"), end = c->end;
        uint32_t flags = ggx_cursor_u8(c, "a message");
        ggx_cursor_skip(c, head - (h->version == 1 ? 5 : 4), "a message");
        if (c->status == GGX_OK && size > ggx_cursor_left(c))
            return h5_bad(c, error, "a message is longer than its header");
        uint64_t next = c->at + size;
        c->end = next;
        ggx_status status = type == H5_MSG_CONTINUATION ? add_block(h, c, error)
                            : type                      ? h->fn(h->context, type, flags, c, error)
                                                        : GGX_OK; /* 0 is padding */
        if (status != GGX_OK) return status;
        if (c->status != GGX_OK) return c->status;
        c->at = next;
        c->end = end;
    }
    return c->status;
}

static ggx_status start(header *h, ggx_cursor *c, uint32_t *limit, ggx_error *error)
{
    uint8_t first = ggx_cursor_u8(c, "an object header");
    if (c->status != GGX_OK) return c->status;
    uint64_t size;
    if (first == 1) {
        h->version = 1;
        ggx_cursor_skip(c, 1, "an object header");
        *limit = ggx_cursor_u16(c, "an object header");
        ggx_cursor_skip(c, 4, "an object header"); /* references */
        size = ggx_cursor_u32(c, "an object header");
        ggx_cursor_skip(c, 4, "an object header"); /* to a multiple of 8 */
    } else {
        c->at--;
        ggx_status status = h5_signature(c, "OHDR", error);
        if (status != GGX_OK) return status;
        if (ggx_cursor_u8(c, "an object header") != 2 && c->status == GGX_OK)
            return h5_cannot(c, error, "an object header has a version that this reader does not know");
        h->version = 2;
        h->flags = ggx_cursor_u8(c, "an object header");
        ggx_cursor_skip(c, (h->flags & FLAG_TIMES ? 16u : 0u) + (h->flags & FLAG_ATTRIBUTE_LIMITS ? 4u : 0u),
                        "an object header");
        size = ggx_cursor_uint(c, 1u << (h->flags & 3), "an object header");
        *limit = UINT32_MAX;
    }
    if (c->status != GGX_OK) return c->status;
    if (size > ggx_cursor_left(c)) return h5_bad(c, error, "an object header goes beyond the end of the file");
    c->end = c->at + size;
    return GGX_OK;
}

ggx_status h5_object_walk(h5_file *f, uint64_t address, h5_message_fn fn, void *context, ggx_error *error)
{
    header h = {.f = f, .fn = fn, .context = context};
    ggx_cursor c;
    uint32_t limit = 0;
    ggx_status status = h5_file_at(f, &c, address, H5_NONE, "an object header", error);
    if (status == GGX_OK) status = start(&h, &c, &limit, error);
    if (status == GGX_OK) status = walk_messages(&h, &c, limit, error);
    for (const block *b = h.first; b && status == GGX_OK; b = b->next) {
        status = h5_file_at(f, &c, b->address, b->size, "the continuation of an object header", error);
        if (status == GGX_OK && h.version == 2) {
            status = h5_signature(&c, "OCHK", error);
            if (status == GGX_OK && ggx_cursor_left(&c) < 4) return h5_bad(&c, error, "a continuation is too short");
            c.end -= 4; /* checksum */
        }
        if (status == GGX_OK) status = walk_messages(&h, &c, UINT32_MAX, error);
    }
    return status;
}
