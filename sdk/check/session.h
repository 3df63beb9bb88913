/* sdk/check/session.h - one instance of a reader, driven in memory, with faults put in its way on demand. */
#ifndef GGX_SDK_CHECK_SESSION_H
#define GGX_SDK_CHECK_SESSION_H

#include "check.h"
#include "reader_harness.h"

#include <pthread.h>

#define SESSION_GUARDS 4096 /* allocations whose end is watched */
#define GUARD_BYTES 16

/* What is different from the plain sample. All zero: nothing is. */
typedef struct session_plan {
    const void *data; /* replaces the bytes of file `replaced` when not NULL */
    uint64_t size;
    uint32_t replaced;
    uint32_t only_first;        /* 1: the siblings are not there */
    uint64_t fail_alloc;        /* the n-th allocation (from 1) gives NULL */
    uint64_t fail_alloc_onward; /* and all after it */
    uint64_t fail_read;         /* the n-th read_at or map (from 1) gives GGX_E_IO */
    uint64_t cancel_after;      /* canceled() says 1 from the n-th question on */
    uint64_t refuse_push;       /* the sink refuses the n-th push (from 1) with GGX_E_NOSPACE */
    int32_t map;                /* 1: map works */
} session_plan;

typedef struct session {
    reader_harness h; /* first: the harness's callbacks know the session by it */
    session_plan plan;
    const ggx_reader *reader;
    ggx_status status; /* of open, or of index when open succeeded */
    const char *step;  /* the one that gave `status` */
    ggx_error error;
    uint64_t allocs, reads, pushes, answers; /* answers: times that canceled() said 1 */
    pthread_mutex_t lock;
    uint32_t guard_count;
    struct {
        uint8_t *end;
    } guards[SESSION_GUARDS];
    ggx_status (*plain_tensor)(const ggx_sink *, const ggx_tensor *, ggx_error *);
    ggx_status (*plain_kv)(const ggx_sink *, const ggx_kv *, ggx_error *);
} session;

/* Opens and indexes. The session is closed with session_end in any case. */
void session_begin(session *s, const reader_subject *subject, const sample *from, const session_plan *plan);

/* What the contract forbids and this session did; "" when nothing. */
const char *session_fault(session *s);

/* Everything that was pushed, as one number. */
uint64_t session_digest(const session *s);

/* Closes the instance, and frees what the host owns. Fails the check when a guard behind an allocation was overwritten. */
void session_end(session *s, check *c);

/* begin, fault, end in one: the common case of a damaged input. `where` is put before the fault ("cut at 17"). */
ggx_status session_run(check *c, const reader_subject *subject, const sample *from, const session_plan *plan,
                       const char *where);

/* boxes.c: reads tensors that only the reader can read, whole and in parts. */
void check_boxes(check *c, const reader_subject *subject, const sample *from);
/* Asks for the first elements of up to two such tensors of an open session; any status is right, harm is not. */
void read_some(check *c, session *s);

#endif
