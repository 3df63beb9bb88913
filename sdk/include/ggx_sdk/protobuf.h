/* ggx_sdk/protobuf.h - the fields of a protocol buffer message, one after the other, read where they lie through a cursor.
 *
 *     ggx_pb m, inner;
 *     ggx_pb_begin(&m, &cursor, cursor.end);
 *     while (ggx_pb_next(&m)) {
 *         if (ggx_pb_is(&m, 1, GGX_PB_VARINT)) count = m.number;
 *         if (ggx_pb_is(&m, 2, GGX_PB_LEN))
 *             for (ggx_pb_enter(&inner, &m); ggx_pb_next(&inner);) …
 *     }
 *     if (cursor.status != GGX_OK) return cursor.status;
 *
 * A field that the caller does not ask for is skipped without being read, whatever its length. Nothing is kept and nothing calls
 * itself: a message nests as deep as the caller enters. The encoding: protobuf.dev, "Encoding"; groups (wire types 3 and 4), which
 * proto3 does not have, are refused. */
#ifndef GGX_SDK_PROTOBUF_H
#define GGX_SDK_PROTOBUF_H

#include "cursor.h"

#define GGX_PB_VARINT 0u
#define GGX_PB_I64 1u
#define GGX_PB_LEN 2u
#define GGX_PB_I32 5u

typedef struct ggx_pb {
    ggx_cursor *c;
    uint64_t end;    /* of the message: byte offset in the cursor's member */
    uint64_t next;   /* where the next field begins */
    uint32_t field;  /* number of the current field */
    uint32_t wire;   /* GGX_PB_* */
    uint64_t number; /* VARINT, I64, I32: the value; LEN: the length */
    uint64_t at;     /* byte offset of the value; LEN: of the payload's first byte */
} ggx_pb;

/* A varint at the cursor, which must end before `end`; more than 64 bits fail. */
uint64_t ggx_pb_varint(ggx_cursor *c, uint64_t end, const char *what);

/* The message from where the cursor is up to `end`. */
void ggx_pb_begin(ggx_pb *m, ggx_cursor *c, uint64_t end);

/* The message that is the payload of `outer`'s current field, of type LEN. Going on with `outer` skips what is left of it. */
void ggx_pb_enter(ggx_pb *m, const ggx_pb *outer);

/* 1: `m` holds the next field, and the cursor stands at its value (LEN: at the payload). 0: the message is over, or has failed: see the
 * cursor's status. */
int ggx_pb_next(ggx_pb *m);

static inline int ggx_pb_is(const ggx_pb *m, uint32_t field, uint32_t wire)
{
    return m->field == field && m->wire == wire;
}

/* Copies the LEN payload of the current field, at most `room` bytes; a longer one fails. Gives its length. */
uint64_t ggx_pb_bytes(ggx_pb *m, void *out, uint64_t room, const char *what);

#endif
