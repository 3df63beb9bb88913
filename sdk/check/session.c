/* sdk/check/session.c - the reader harness with faults injected: see session.h. */
#include "session.h"

#include <ggx_sdk/error.h>
#include <stdio.h>
#include <stdlib.h>

#define GUARD_VALUE 0xC5

static void *guarded_alloc(const ggx_host *host, uint64_t size) GGX_NOEXCEPT
{
    session *s = host->context;
    pthread_mutex_lock(&s->lock);
    uint64_t n = ++s->allocs;
    int refuse = (s->plan.fail_alloc && n == s->plan.fail_alloc) ||
                 (s->plan.fail_alloc_onward && n >= s->plan.fail_alloc_onward) || size > UINT64_MAX - GUARD_BYTES;
    reader_harness *h = &s->h;
    uint8_t *block = NULL;
    if (!refuse && size <= h->memory_cap - h->memory_used) {
        void **grown = realloc(h->blocks, (size_t)(h->block_count + 1) * sizeof *grown);
        if (grown) h->blocks = grown;
        block = grown ? calloc(1, (size_t)(size + GUARD_BYTES)) : NULL;
    }
    if (block) {
        h->blocks[h->block_count++] = block;
        h->memory_used += size;
        memset(block + size, GUARD_VALUE, GUARD_BYTES);
        if (s->guard_count < SESSION_GUARDS) s->guards[s->guard_count++].end = block + size;
    }
    pthread_mutex_unlock(&s->lock);
    return block;
}

static int32_t counted_canceled(const ggx_host *host) GGX_NOEXCEPT
{
    session *s = host->context;
    pthread_mutex_lock(&s->lock);
    int32_t stop = s->plan.cancel_after && ++s->h.questions >= s->plan.cancel_after;
    s->answers += (uint64_t)stop;
    pthread_mutex_unlock(&s->lock);
    return stop;
}

/* The member's bytes, or the failure that was planned. */
static ggx_status range(const ggx_source *source, uint32_t member, uint64_t offset, uint64_t size, const void **out,
                        ggx_error *error)
{
    session *s = source->context;
    pthread_mutex_lock(&s->lock);
    uint64_t n = ++s->reads;
    pthread_mutex_unlock(&s->lock);
    if (s->plan.fail_read && n == s->plan.fail_read)
        return ggx_fail_at(error, GGX_E_IO, member, offset, "reading failed, as the check planned");
    if (member >= s->h.opened_count) return ggx_fail(error, GGX_E_NOTFOUND, "there is no member %u", member);
    const reader_harness_member *m = &s->h.members[s->h.opened[member]];
    if (offset > m->size || size > m->size - offset)
        return ggx_fail_at(error, GGX_E_MALFORMED, member, offset, "%llu bytes are wanted beyond the end",
                           (unsigned long long)size);
    *out = (const char *)m->data + offset;
    return GGX_OK;
}

static ggx_status planned_read_at(const ggx_source *source, uint32_t member, uint64_t offset, void *out, uint64_t size,
                                  ggx_error *error) GGX_NOEXCEPT
{
    const void *from = NULL;
    ggx_status status = range(source, member, offset, size, &from, error);
    if (status == GGX_OK && size) memcpy(out, from, (size_t)size);
    return status;
}

static ggx_status planned_map(const ggx_source *source, uint32_t member, uint64_t offset, uint64_t size,
                              const void **out, ggx_error *error) GGX_NOEXCEPT
{
    session *s = source->context;
    if (!s->plan.map) return ggx_fail(error, GGX_E_UNSUPPORTED, "this source does not map");
    return range(source, member, offset, size, out, error);
}

static ggx_status refused_push(session *s, ggx_error *error)
{
    if (++s->pushes != s->plan.refuse_push) return GGX_OK;
    s->h.refused++;
    return ggx_fail(error, GGX_E_NOSPACE, "the sink refuses this push, as the check planned");
}

static ggx_status planned_tensor(const ggx_sink *sink, const ggx_tensor *tensor, ggx_error *error) GGX_NOEXCEPT
{
    session *s = sink->context;
    ggx_status status = refused_push(s, error);
    return status == GGX_OK ? s->plain_tensor(sink, tensor, error) : status;
}

static ggx_status planned_kv(const ggx_sink *sink, const ggx_kv *kv, ggx_error *error) GGX_NOEXCEPT
{
    session *s = sink->context;
    ggx_status status = refused_push(s, error);
    return status == GGX_OK ? s->plain_kv(sink, kv, error) : status;
}

static void add_members(session *s, const sample *from)
{
    uint32_t count = s->plan.only_first ? 1 : from->count;
    for (uint32_t i = 0; i < count; i++) {
        const sample_file *f = &from->files[i];
        int other = s->plan.data && i == s->plan.replaced;
        reader_harness_add(&s->h, f->name, other ? s->plan.data : f->data, other ? s->plan.size : f->size);
    }
}

void session_begin(session *s, const reader_subject *subject, const sample *from, const session_plan *plan)
{
    memset(s, 0, sizeof *s);
    s->plan = *plan;
    s->reader = subject->vtable;
    pthread_mutex_init(&s->lock, NULL);
    reader_harness *h = &s->h;
    reader_harness_init(h, from->kind);
    add_members(s, from);
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < h->opened_count; i++) bytes += h->members[h->opened[i]].size;
    h->memory_cap = (64u << 20) + 4 * bytes;
    if (h->memory_cap > 512u << 20) h->memory_cap = 512u << 20;
    h->host.alloc = guarded_alloc;
    h->host.canceled = counted_canceled;
    h->source.read_at = planned_read_at;
    h->source.map = planned_map;
    s->plain_tensor = h->sink.tensor;
    s->plain_kv = h->sink.kv;
    h->sink.tensor = planned_tensor;
    h->sink.kv = planned_kv;
    h->options.count = settings_values(subject->settings, subject->setting_count, s->reader->options,
                                       s->reader->option_count, &h->source, h->values, READER_HARNESS_OPTIONS);
    s->step = "open";
    s->status = reader_harness_open(h, s->reader, &s->error);
    if (s->status != GGX_OK) return;
    s->step = "index";
    s->status = reader_harness_index(h, s->reader, &s->error);
}

const char *session_fault(session *s)
{
    if (s->h.violation[0]) return s->h.violation;
    return status_fault(s->status, &s->error);
}

uint64_t session_digest(const session *s)
{
    uint64_t d = DIGEST_BEGIN;
    for (uint64_t i = 0; i < s->h.tensor_count; i++) {
        ggx_tensor t = s->h.tensors[i];
        d = digest_bytes(d, t.name.data, t.name.size);
        t.name.data = NULL;
        t.cookie = 0; /* the reader's own: may well be an address */
        uint64_t fields[] = {t.rank,   t.name.size, t.byte_order, t.access,    t.flags,
                             t.member, t.offset,    t.nbytes,     t.storage_id};
        d = digest_bytes(d, fields, sizeof fields);
        d = digest_bytes(d, &t.type, sizeof t.type);
        d = digest_bytes(d, t.shape, sizeof t.shape);
        d = digest_bytes(d, t.stride, sizeof t.stride);
        d = digest_bytes(d, t.chunk, sizeof t.chunk);
    }
    static const uint8_t sizes[13] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    for (uint64_t i = 0; i < s->h.kv_count; i++) {
        const ggx_kv *kv = &s->h.kvs[i];
        uint64_t fields[] = {kv->type, kv->elem_type, kv->count, kv->key.size};
        d = digest_bytes(d, fields, sizeof fields);
        d = digest_bytes(d, kv->key.data, kv->key.size);
        d = digest_bytes(d, kv->data, kv->count * sizes[kv->elem_type]);
        for (uint64_t e = 0; kv->elem_type == GGX_KV_STRING && e < kv->count; e++) {
            const ggx_str *text = (const ggx_str *)kv->data + e;
            d = digest_bytes(d, &text->size, sizeof text->size);
            d = digest_bytes(d, text->data, text->size);
        }
    }
    return d;
}

void session_end(session *s, check *c)
{
    reader_harness_close(&s->h, s->reader);
    for (uint32_t i = 0; i < s->guard_count; i++)
        for (uint32_t b = 0; b < GUARD_BYTES; b++)
            if (s->guards[i].end[b] != GUARD_VALUE)
                check_fail(c, "bytes behind an allocation of host->alloc were overwritten");
    reader_harness_free(&s->h);
    pthread_mutex_destroy(&s->lock);
}

ggx_status session_run(check *c, const reader_subject *subject, const sample *from, const session_plan *plan,
                       const char *where)
{
    session s;
    session_begin(&s, subject, from, plan);
    const char *fault = session_fault(&s);
    if (*fault) check_fail(c, "%s: %s: %s", where, s.step, fault);
    if (s.status == GGX_OK) read_some(c, &s);
    session_end(&s, c);
    return s.status;
}
