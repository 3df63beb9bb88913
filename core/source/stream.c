/* The stream: one thread fetches, hashes and compares; others read from the window. */
#include "base/text.h"
#include "source/ahead.h"
#include <ggx_sdk/error.h>
#include <stdlib.h>

typedef struct kept_state {
    uint64_t position;
    int32_t fresh; /* 1: of a file's first byte: no state is needed */
    uint8_t state[GGX_HASH_STATE_BYTES];
} kept_state;

struct ggx_stream {
    ggx_remote *remote;
    ggx_stream_request request;
    ggx_range_client *client;
    ggx_hash hash; /* the pump's own, like the next three */
    uint32_t file;
    uint64_t next_cut;
    char *window;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    uint64_t released, end, total; /* the window is [released, end) */
    kept_state *kept;              /* rising */
    uint64_t kept_count, kept_capacity;
    int32_t stopped, ended;
    ggx_status status;
    ggx_error error;
};

/* --- the window --------------------------------------------------------------------------------------------------------------------- */

/* Copies between the ring and flat memory. */
static void ring_copy(ggx_stream *s, uint64_t position, char *flat, uint64_t size, int store)
{
    const uint64_t at = position % s->request.window,
                   first = s->request.window - at < size ? s->request.window - at : size;
    char *a = s->window + at;
    if (store) {
        memcpy(a, flat, (size_t)first);
        memcpy(s->window, flat + first, (size_t)(size - first));
    } else {
        memcpy(flat, a, (size_t)first);
        memcpy(flat + first, s->window, (size_t)(size - first));
    }
}

int ggx_stream_read(ggx_stream *s, uint32_t member, uint64_t offset, void *out, uint64_t size)
{
    const ggx_stream_file *file = NULL;
    for (uint32_t i = 0; i < s->request.file_count && !file; i++)
        if (s->request.files[i].member == member) file = &s->request.files[i];
    if (!file) return 0;
    const uint64_t from = file->start + offset;
    pthread_mutex_lock(&s->lock);
    const int inside = from >= s->released && from + size <= s->end;
    pthread_mutex_unlock(&s->lock);
    if (inside) ring_copy(s, from, out, size, 0); /* who reads has not released it yet */
    return inside;
}

static ggx_status keep_state(ggx_stream *s, uint64_t position, int fresh, ggx_error *error)
{
    ggx_status status = GGX_OK;
    pthread_mutex_lock(&s->lock);
    if (s->kept_count == s->kept_capacity) {
        const uint64_t capacity = s->kept_capacity ? 2 * s->kept_capacity : 64;
        kept_state *grown = realloc(s->kept, (size_t)capacity * sizeof *grown);
        if (grown) {
            s->kept = grown;
            s->kept_capacity = capacity;
        } else {
            status = ggx_fail(error, GGX_E_NOMEM, "out of memory");
        }
    }
    if (status == GGX_OK) {
        kept_state *k = &s->kept[s->kept_count++];
        memset(k, 0, sizeof *k);
        k->position = position;
        k->fresh = fresh;
        if (!fresh) ggx_hash_store(&s->hash, k->state);
    }
    pthread_mutex_unlock(&s->lock);
    return status;
}

void ggx_stream_release(ggx_stream *s, uint64_t position)
{
    uint64_t drop = 0;
    pthread_mutex_lock(&s->lock);
    if (position > s->released) s->released = position;
    while (drop + 1 < s->kept_count && s->kept[drop + 1].position <= s->released) drop++;
    if (drop) {
        s->kept_count -= drop;
        memmove(s->kept, s->kept + drop, (size_t)s->kept_count * sizeof *s->kept);
    }
    pthread_cond_broadcast(&s->moved);
    pthread_mutex_unlock(&s->lock);
}

uint64_t ggx_stream_state(ggx_stream *s, uint64_t position, uint8_t state[GGX_HASH_STATE_BYTES])
{
    uint64_t found = 0;
    memset(state, 0, GGX_HASH_STATE_BYTES);
    pthread_mutex_lock(&s->lock);
    for (uint64_t i = s->kept_count; i-- > 0;) {
        if (s->kept[i].position > position) continue;
        found = s->kept[i].position;
        memcpy(state, s->kept[i].state, GGX_HASH_STATE_BYTES);
        break;
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

/* --- arrival ------------------------------------------------------------------------------------------------------------------------ */

/* What was fetched ahead must be what arrives now. */
static ggx_status compare_ahead(const ggx_stream *s, uint32_t member, uint64_t offset, const char *data, uint64_t size,
                                ggx_error *error)
{
    const ggx_remote *r = s->remote;
    for (uint32_t i = ggx_ahead_find(r, member, offset / GGX_AHEAD_BLOCK); i < r->block_count; i++) {
        const ggx_ahead_block *b = &r->blocks[i];
        const uint64_t begin = b->index * GGX_AHEAD_BLOCK, end = begin + b->size;
        if (b->member != member || begin >= offset + size) break;
        const uint64_t from = begin > offset ? begin : offset, to = end < offset + size ? end : offset + size;
        if (from < to && memcmp(b->bytes + (from - begin), data + (from - offset), (size_t)(to - from)) != 0)
            return ggx_fail_at(error, GGX_E_INTEGRITY, member, from,
                               "the server sends other bytes than when the header was read; nothing was written");
    }
    return GGX_OK;
}

/* Waits for room; gives how much there is. */
static uint64_t wait_for_room(ggx_stream *s)
{
    pthread_mutex_lock(&s->lock);
    while (!s->stopped && s->end - s->released == s->request.window) pthread_cond_wait(&s->moved, &s->lock);
    const uint64_t room = s->stopped ? 0 : s->request.window - (s->end - s->released);
    pthread_mutex_unlock(&s->lock);
    return room;
}

static ggx_status take_piece(ggx_stream *s, const char *data, uint64_t size, ggx_error *error)
{
    const ggx_stream_file *file = &s->request.files[s->file];
    const uint64_t offset = s->end - file->start;
    ggx_status status = compare_ahead(s, file->member, offset, data, size, error);
    if (status != GGX_OK) return status;
    ggx_hash_update(&s->hash, data, size);
    ring_copy(s, s->end, (char *)(uintptr_t)data, size, 1);
    pthread_mutex_lock(&s->lock);
    s->end += size;
    pthread_cond_broadcast(&s->moved);
    pthread_mutex_unlock(&s->lock);
    if (s->next_cut >= s->request.cut_count || s->request.cuts[s->next_cut] != s->end) return GGX_OK;
    s->next_cut++;
    return s->hash.kind == GGX_HASH_SHA256 ? keep_state(s, s->end, 0, error) : GGX_OK;
}

static ggx_status take(void *context, const void *data, uint64_t size, ggx_error *error)
{
    ggx_stream *s = context;
    const char *from = data;
    while (size) {
        uint64_t n = wait_for_room(s);
        if (!n) return ggx_fail(error, GGX_E_CANCELED, "stopped");
        if (n > size) n = size;
        while (s->next_cut < s->request.cut_count && s->request.cuts[s->next_cut] <= s->end) s->next_cut++;
        if (s->next_cut < s->request.cut_count && s->request.cuts[s->next_cut] - s->end < n)
            n = s->request.cuts[s->next_cut] - s->end;
        ggx_status status = take_piece(s, from, n, error);
        if (status != GGX_OK) return status;
        from += n;
        size -= n;
    }
    return GGX_OK;
}

static ggx_status check_digest(ggx_stream *s, ggx_error *error)
{
    ggx_stream_file *file = &s->request.files[s->file];
    const ggx_hub_file *known = &s->remote->hub.files[file->member];
    uint8_t digest[GGX_HASH_MAX];
    char text[GGX_HASH_TEXT];
    const uint32_t kind = s->hash.kind, size = ggx_hash_end(&s->hash, digest);
    if (kind == GGX_HASH_SHA256) memcpy(file->sha256, digest, size);
    file->known = known->known;
    if (!known->known || !memcmp(digest, known->digest, size)) return GGX_OK;
    ggx_hash_text(digest, size, text);
    return ggx_fail_at(error, GGX_E_INTEGRITY, file->member, GGX_NO_OFFSET,
                       "what arrived is not what was published: its %s is %.16s…; nothing was written",
                       ggx_hash_name(kind), text);
}

static ggx_status pump_file(ggx_stream *s, ggx_error *error)
{
    const ggx_stream_file *file = &s->request.files[s->file];
    const ggx_hub_file *known = &s->remote->hub.files[file->member];
    const uint64_t skip = s->end - file->start;
    if (!skip || !s->request.state || !ggx_hash_load(&s->hash, s->request.state)) {
        if (skip) return ggx_fail(error, GGX_E_INTEGRITY, "the stored state of the stream is damaged; begin again");
        ggx_hash_begin(&s->hash, known->known ? known->hash : GGX_HASH_SHA256, file->size);
    }
    ggx_status status = skip ? keep_state(s, s->end, 0, error) : keep_state(s, s->end, 1, error);
    if (status == GGX_OK) status = ggx_range_stream(s->client, &known->remote, skip, take, s, error);
    return status == GGX_OK ? check_digest(s, error) : status;
}

void ggx_stream_pump(ggx_stream *s)
{
    ggx_status status = GGX_OK;
    ggx_error error = {0};
    for (; s->file < s->request.file_count && status == GGX_OK; s->file++) {
        const ggx_stream_file *file = &s->request.files[s->file];
        if (s->end < file->start + file->size || (file->size == 0 && s->end == file->start))
            status = pump_file(s, &error);
    }
    pthread_mutex_lock(&s->lock);
    s->ended = 1;
    s->status = status;
    s->error = error;
    pthread_cond_broadcast(&s->moved);
    pthread_mutex_unlock(&s->lock);
}

/* --- the other side ----------------------------------------------------------------------------------------------------------------- */

ggx_status ggx_stream_wait(ggx_stream *s, uint64_t until, uint64_t *end, ggx_error *error)
{
    pthread_mutex_lock(&s->lock);
    while (s->end < until && !s->ended) pthread_cond_wait(&s->moved, &s->lock);
    *end = s->end;
    const ggx_status status = s->end < until ? s->status : GGX_OK;
    if (status != GGX_OK && error) *error = s->error;
    pthread_mutex_unlock(&s->lock);
    return status;
}

void ggx_stream_stop(ggx_stream *s)
{
    pthread_mutex_lock(&s->lock);
    s->stopped = 1;
    pthread_cond_broadcast(&s->moved);
    pthread_mutex_unlock(&s->lock);
}

ggx_status ggx_stream_result(ggx_stream *s, ggx_error *error)
{
    if (s->status != GGX_OK && error) *error = s->error;
    return s->status;
}

ggx_status ggx_stream_open(ggx_stream **out, const ggx_stream_request *request, ggx_error *error)
{
    char token[GGX_HUB_TOKEN_MAX];
    ggx_files *files = request->source->context;
    ggx_stream *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s || !(s->window = malloc((size_t)request->window))) {
        free(s);
        return ggx_fail(error, GGX_E_NOMEM, "no memory for the stream; lower --memory");
    }
    s->remote = files->remote;
    s->request = *request;
    s->released = s->end = request->from;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->moved, NULL);
    const ggx_remote *r = files->remote;
    ggx_status status =
        ggx_range_open(&s->client, ggx_hub_token(r->name, token), r->options.timeout, r->options.run, error);
    if (status != GGX_OK) {
        ggx_stream_close(s);
        return status;
    }
    files->remote->stream = s;
    *out = s;
    return GGX_OK;
}

void ggx_stream_close(ggx_stream *s)
{
    if (!s) return;
    if (s->remote->stream == s) s->remote->stream = NULL;
    ggx_range_close(s->client);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->moved);
    free(s->window);
    free(s->kept);
    free(s);
}
