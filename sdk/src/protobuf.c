/* The wire format of protocol buffers: varints and the heads of fields. */
#include <ggx_sdk/protobuf.h>

#define VARINT_BYTES 10
#define LAST_BYTE_MAX 1u /* the tenth byte has room for bit 63 alone */

uint64_t ggx_pb_varint(ggx_cursor *c, uint64_t end, const char *what)
{
    uint64_t value = 0, at = c->at;
    for (uint32_t i = 0; i < VARINT_BYTES && c->status == GGX_OK; i++) {
        if (c->at >= end)
            c->status = ggx_fail_at(c->error, GGX_E_MALFORMED, c->member, at,
                                    "the message ends inside %s; the file is cut short or damaged", what);
        uint8_t b = ggx_cursor_u8(c, what);
        if (c->status != GGX_OK) return 0;
        value |= (uint64_t)(b & 127u) << (7 * i);
        if (!(b & 128u) && (i + 1 < VARINT_BYTES || b <= LAST_BYTE_MAX)) return value;
    }
    if (c->status == GGX_OK)
        c->status = ggx_fail_at(c->error, GGX_E_MALFORMED, c->member, at,
                                "%s has more than 64 bits; the file is damaged", what);
    return 0;
}

void ggx_pb_begin(ggx_pb *m, ggx_cursor *c, uint64_t end)
{
    memset(m, 0, sizeof *m);
    m->c = c;
    m->end = end;
    m->next = c->at;
}

void ggx_pb_enter(ggx_pb *m, const ggx_pb *outer)
{
    outer->c->at = outer->at;
    ggx_pb_begin(m, outer->c, outer->at + outer->number);
}

static int fail(ggx_pb *m, uint64_t at, const char *what, uint64_t value)
{
    m->c->status =
        ggx_fail_at(m->c->error, GGX_E_MALFORMED, m->c->member, at,
                    "a field of a message has %s %llu; the file is damaged", what, (unsigned long long)value);
    return 0;
}

int ggx_pb_next(ggx_pb *m)
{
    if (m->c->status != GGX_OK || m->next >= m->end) return 0;
    uint64_t begin = m->next;
    m->c->at = begin;
    uint64_t tag = ggx_pb_varint(m->c, m->end, "a field's number");
    if (m->c->status != GGX_OK) return 0;
    if (tag >> 3 == 0 || tag >> 32) return fail(m, begin, "number", tag >> 3);
    m->field = (uint32_t)(tag >> 3);
    m->wire = (uint32_t)(tag & 7u);
    m->at = m->c->at;
    if (m->wire == GGX_PB_VARINT) {
        m->number = ggx_pb_varint(m->c, m->end, "a number");
        m->next = m->c->at;
    } else if (m->wire == GGX_PB_LEN) {
        m->number = ggx_pb_varint(m->c, m->end, "a field's length");
        m->at = m->c->at;
        if (m->c->status == GGX_OK && m->number > m->end - m->at) return fail(m, begin, "a length of", m->number);
        m->next = m->at + m->number;
    } else if (m->wire == GGX_PB_I32 || m->wire == GGX_PB_I64) {
        uint32_t bytes = m->wire == GGX_PB_I32 ? 4 : 8;
        if (bytes > m->end - m->at) return fail(m, begin, "no room for its bytes:", bytes);
        m->number = ggx_cursor_uint(m->c, bytes, "a number");
        m->next = m->at + bytes;
    } else {
        return fail(m, begin, "wire type", m->wire);
    }
    if (m->c->status == GGX_OK) m->c->at = m->wire == GGX_PB_LEN ? m->at : m->next;
    return m->c->status == GGX_OK;
}

uint64_t ggx_pb_bytes(ggx_pb *m, void *out, uint64_t room, const char *what)
{
    if (m->number > room) {
        if (m->c->status == GGX_OK)
            m->c->status = ggx_fail_at(m->c->error, GGX_E_MALFORMED, m->c->member, m->at,
                                       "%s has %llu bytes, and this reader takes at most %llu", what,
                                       (unsigned long long)m->number, (unsigned long long)room);
        return 0;
    }
    m->c->at = m->at;
    return ggx_cursor_bytes(m->c, out, m->number, what) == GGX_OK ? m->number : 0;
}
