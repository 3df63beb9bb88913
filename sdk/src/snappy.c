/* Snappy: a length, then literals and copies of what has been unpacked before. */
#include <ggx_sdk/error.h>
#include <ggx_sdk/snappy.h>

#define LITERAL 0u
#define LONG_LITERAL 60u /* from here on, the length follows in one to four bytes */

static ggx_status broken(ggx_error *error, uint64_t at, const char *what)
{
    return ggx_fail_at(error, GGX_E_MALFORMED, GGX_NO_MEMBER, at, "the Snappy data %s; they are damaged", what);
}

ggx_status ggx_snappy_length(const void *data, uint64_t packed, uint64_t *length, uint64_t *head, ggx_error *error)
{
    const uint8_t *b = (const uint8_t *)data;
    uint64_t value = 0;
    for (uint64_t i = 0; i < 5 && i < packed; i++) {
        value |= (uint64_t)(b[i] & 127u) << (7 * i);
        if (b[i] & 128u) continue;
        if (value > UINT32_MAX || value / GGX_SNAPPY_RATIO > packed) break;
        *length = value;
        *head = i + 1;
        return GGX_OK;
    }
    return broken(error, 0, "claim a length that they cannot unpack to");
}

/* One element: its bytes to take from the input (literal) or from the output before (copy). */
typedef struct element {
    uint64_t length, back; /* back 0: a literal */
    uint32_t head;         /* bytes that the element's description takes */
} element;

/* Bytes of a description by its first byte's two low bits; a literal's length may take more. */
static const uint8_t head_bytes[] = {1, 2, 3, 5};

static int read_element(const uint8_t *b, uint64_t left, element *e)
{
    uint32_t kind = b[0] & 3u, code = b[0] >> 2;
    e->head = head_bytes[kind];
    if (kind == LITERAL && code >= LONG_LITERAL) e->head += code - LONG_LITERAL + 1;
    if (e->head > left) return 0;
    uint64_t number = 0;
    for (uint32_t i = 1; i < e->head; i++) number |= (uint64_t)b[i] << (8 * (i - 1));
    if (kind == LITERAL) {
        e->length = (code >= LONG_LITERAL ? number : code) + 1;
        e->back = 0;
        return 1;
    }
    if (kind == 1) { /* a short copy: 3 bits of length, 11 of distance */
        e->length = (code & 7u) + 4;
        e->back = number | (uint64_t)(code >> 3) << 8;
    } else {
        e->length = code + 1;
        e->back = number;
    }
    return e->back != 0;
}

/* Byte by byte where the copy overlaps itself: then it repeats what it has just written. */
static void copy_back(uint8_t *to, uint64_t back, uint64_t length)
{
    if (back >= length) {
        memcpy(to, to - back, (size_t)length);
        return;
    }
    for (uint64_t i = 0; i < length; i++) to[i] = (to - back)[i];
}

ggx_status ggx_snappy_unpack(const void *data, uint64_t packed, void *out, uint64_t size, ggx_error *error)
{
    const uint8_t *b = (const uint8_t *)data;
    uint8_t *to = (uint8_t *)out;
    uint64_t at = 0, done = 0, claimed = 0;
    ggx_status status = ggx_snappy_length(data, packed, &claimed, &at, error);
    if (status != GGX_OK) return status;
    if (claimed != size) return broken(error, 0, "claim another length than before");
    while (at < packed) {
        element e;
        if (!read_element(b + at, packed - at, &e))
            return broken(error, at, "have an element that is cut or copies nothing");
        if (e.length > size - done) return broken(error, at, "unpack to more bytes than they claim");
        if (!e.back) {
            if (e.length > packed - at - e.head) return broken(error, at, "end inside a literal");
            memcpy(to + done, b + at + e.head, (size_t)e.length);
            at += e.length;
        } else {
            if (e.back > done) return broken(error, at, "copy from before their beginning");
            copy_back(to + done, e.back, e.length);
        }
        at += e.head;
        done += e.length;
    }
    return done == size ? GGX_OK : broken(error, at, "unpack to fewer bytes than they claim");
}
