/* The stream: one thread fetches, one hashes and compares; others read from the window. */
#include "base/text.h"
#include "source/ahead.h"
#include <ggx_sdk/error.h>
#include <stdlib.h>

#define PIECE (256u << 10) /* bytes that are hashed at a time: what fits the second-level cache */

typedef struct kept_state {
    uint64_t position;
    int32_t fresh; /* 1: of a file's first byte: no state is needed */
    uint8_t state[GGX_STREAM_STATE_BYTES];
} kept_state;

struct ggx_stream {
    ggx_remote *remote;
    ggx_stream_request request;
    ggx_range_client *client;
    ggx_hash
        hash[2]; /* what was published, and what the catalogue has beside it; the prover's own, like the next two */
    uint32_t hashes;
    uint64_t next_cut;
    char *window;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    uint64_t released, proven, end; /* readers have [released, end); [proven, end) is yet to be hashed */
    kept_state *kept;               /* rising */
    uint64_t kept_count, kept_capacity;
    int32_t stopped, ended; /* ended: the pump has */
    int32_t pump_waits, prover_waits;
    uint64_t reader_wants; /* who waits for bytes up to there; 0: nobody */
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
        for (uint32_t i = 0; i < s->hashes && !fresh; i++)
            ggx_hash_store(&s->hash[i], k->state + i * GGX_HASH_STATE_BYTES);
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
    if (s->pump_waits) pthread_cond_broadcast(&s->moved);
    pthread_mutex_unlock(&s->lock);
}

uint64_t ggx_stream_state(ggx_stream *s, uint64_t position, uint8_t state[GGX_STREAM_STATE_BYTES])
{
    uint64_t found = 0;
    memset(state, 0, GGX_STREAM_STATE_BYTES);
    pthread_mutex_lock(&s->lock);
    for (uint64_t i = s->kept_count; i-- > 0;) {
        if (s->kept[i].position > position) continue;
        found = s->kept[i].position;
        memcpy(state, s->kept[i].state, GGX_STREAM_STATE_BYTES);
        break;
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

/* --- arrival: one thread takes bytes from the network into the window ----------------------------------------------------------------- */

/* Bytes that nobody reads any more and that are hashed make room. */
static uint64_t begin_of(const ggx_stream *s)
{
    return s->released < s->proven ? s->released : s->proven;
}

/* Waits for room; gives how much there is. */
static uint64_t wait_for_room(ggx_stream *s)
{
    pthread_mutex_lock(&s->lock);
    while (!s->stopped && s->end - begin_of(s) == s->request.window) {
        s->pump_waits = 1;
        pthread_cond_broadcast(&s->moved); /* whoever waits for more than the window holds */
        pthread_cond_wait(&s->moved, &s->lock);
    }
    s->pump_waits = 0;
    const uint64_t room = s->stopped ? 0 : s->request.window - (s->end - begin_of(s));
    pthread_mutex_unlock(&s->lock);
    return room;
}

static ggx_status take(void *context, const void *data, uint64_t size, ggx_error *error)
{
    ggx_stream *s = context;
    const char *from = data;
    while (size) {
        uint64_t n = wait_for_room(s);
        if (!n) return ggx_fail(error, GGX_E_CANCELED, "stopped");
        if (n > size) n = size;
        ring_copy(s, s->end, (char *)(uintptr_t)from, n, 1);
        pthread_mutex_lock(&s->lock);
        s->end += n;
        /* waking another CPU costs as much as some of its work: only for something worth it */
        if ((s->prover_waits && s->end - s->proven >= PIECE) || (s->reader_wants && s->reader_wants <= s->end))
            pthread_cond_broadcast(&s->moved);
        pthread_mutex_unlock(&s->lock);
        from += n;
        size -= n;
    }
    return GGX_OK;
}

/* The first error is the one that counts; what others say then is only that they were stopped. */
static void end_thread(ggx_stream *s, int pump, ggx_status status, const ggx_error *error)
{
    pthread_mutex_lock(&s->lock);
    s->ended |= pump;
    if (status != GGX_OK && s->status == GGX_OK) {
        s->status = status;
        s->error = *error;
    }
    pthread_cond_broadcast(&s->moved);
    pthread_mutex_unlock(&s->lock);
}

void ggx_stream_pump(ggx_stream *s)
{
    ggx_status status = GGX_OK;
    ggx_error error = {0};
    for (uint32_t i = 0; i < s->request.file_count && status == GGX_OK; i++) {
        const ggx_stream_file *file = &s->request.files[i];
        const ggx_hub_file *known = &s->remote->hub.files[file->member];
        if (s->end < file->start + file->size)
            status = ggx_range_stream(s->client, &known->remote, s->end - file->start, take, s, &error);
    }
    end_thread(s, 1, status, &error);
}

/* --- proof: another thread hashes what has come, and compares it with what was seen before -------------------------------------------- */

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

/* Waits for bytes behind the proven ones; gives how many there are, at most PIECE and none across a cut or the ring's end. 0: there will be none. */
static uint64_t next_piece(ggx_stream *s, uint64_t file_end)
{
    const ggx_stream_request *q = &s->request;
    while (s->next_cut < q->cut_count && q->cuts[s->next_cut] <= s->proven) s->next_cut++;
    pthread_mutex_lock(&s->lock);
    s->prover_waits = 1;
    while (!s->stopped && !s->ended && s->end == s->proven) pthread_cond_wait(&s->moved, &s->lock);
    s->prover_waits = 0;
    uint64_t end = s->stopped ? s->proven : s->end;
    pthread_mutex_unlock(&s->lock);
    if (end > file_end) end = file_end;
    if (end > s->proven + PIECE) end = s->proven + PIECE;
    if (s->next_cut < q->cut_count && end > q->cuts[s->next_cut]) end = q->cuts[s->next_cut];
    const uint64_t round = s->proven - s->proven % q->window + q->window;
    return (end < round ? end : round) - s->proven;
}

static ggx_status prove_piece(ggx_stream *s, const ggx_stream_file *file, uint64_t size, ggx_error *error)
{
    const char *data = s->window + s->proven % s->request.window;
    const uint64_t offset = s->proven - file->start;
    const ggx_stream_keeper *keeper = s->request.keeper;
    ggx_status status = compare_ahead(s, file->member, offset, data, size, error);
    if (status != GGX_OK) return status;
    ggx_hash_update(&s->hash[0], data, size);
    if (s->hashes == 2) ggx_hash_update(&s->hash[1], data, size);
    if (keeper) status = keeper->write(keeper->context, offset, data, size, error);
    if (status != GGX_OK) return status;
    pthread_mutex_lock(&s->lock);
    s->proven += size;
    if (s->pump_waits) pthread_cond_broadcast(&s->moved);
    pthread_mutex_unlock(&s->lock);
    if (s->next_cut >= s->request.cut_count || s->request.cuts[s->next_cut] != s->proven) return GGX_OK;
    if (s->proven == file->start + file->size)
        return GGX_OK; /* nobody shall go on behind a digest that was not compared */
    return keep_state(s, s->proven, 0, error);
}

static ggx_status check_digest(ggx_stream *s, ggx_stream_file *file, ggx_error *error)
{
    const ggx_hub_file *known = &s->remote->hub.files[file->member];
    uint8_t digest[GGX_HASH_MAX];
    char text[GGX_HASH_TEXT];
    file->known = known->known;
    for (uint32_t i = 0; i < s->hashes; i++) {
        const uint32_t kind = s->hash[i].kind, size = ggx_hash_end(&s->hash[i], digest);
        if (kind == GGX_HASH_SHA256 && !i) memcpy(file->sha256, digest, size);
        if (!known->known || !memcmp(digest, i ? known->also_digest : known->digest, size)) continue;
        ggx_hash_text(digest, size, text);
        return ggx_fail_at(error, GGX_E_INTEGRITY, file->member, GGX_NO_OFFSET,
                           "what arrived is not what was published: its %s is %.16s…; nothing was written",
                           ggx_hash_name(kind), text);
    }
    return GGX_OK;
}

/* At its beginning, or where an earlier run left off. */
static ggx_status begin_file(ggx_stream *s, const ggx_stream_file *file, ggx_error *error)
{
    const ggx_hub_file *known = &s->remote->hub.files[file->member];
    const uint32_t kinds[2] = {known->known ? known->hash : GGX_HASH_SHA256, known->also_hash};
    const uint64_t skip = s->proven - file->start;
    s->hashes = known->also ? 2 : 1;
    for (uint32_t i = 0; i < s->hashes && i < 2; i++) {
        ggx_hash_begin(&s->hash[i], kinds[i], file->size);
        if (!skip) continue;
        if (!s->request.state || !ggx_hash_load(&s->hash[i], s->request.state + i * GGX_HASH_STATE_BYTES) ||
            s->hash[i].kind != kinds[i] || s->hash[i].size != skip)
            return ggx_fail(error, GGX_E_INTEGRITY, "the stored state of the stream is damaged; begin again");
    }
    const ggx_stream_keeper *keeper = s->request.keeper;
    ggx_status status = keep_state(s, s->proven, !skip, error);
    return status == GGX_OK && keeper ? keeper->begin(keeper->context, file->member, skip, error) : status;
}

static ggx_status prove_file(ggx_stream *s, ggx_stream_file *file, ggx_error *error)
{
    const uint64_t end = file->start + file->size;
    const ggx_stream_keeper *keeper = s->request.keeper;
    ggx_status status = begin_file(s, file, error);
    while (status == GGX_OK && s->proven < end) {
        const uint64_t n = next_piece(s, end);
        if (!n) return ggx_fail(error, GGX_E_CANCELED, "stopped"); /* why is the pump's to say */
        status = prove_piece(s, file, n, error);
    }
    if (status == GGX_OK) status = check_digest(s, file, error);
    return status == GGX_OK && keeper ? keeper->end(keeper->context, file->member, error) : status;
}

void ggx_stream_prove(ggx_stream *s)
{
    ggx_status status = GGX_OK;
    ggx_error error = {0};
    for (uint32_t i = 0; i < s->request.file_count && status == GGX_OK; i++) {
        ggx_stream_file *file = &s->request.files[i];
        if (s->proven < file->start + file->size || (file->size == 0 && s->proven == file->start))
            status = prove_file(s, file, &error);
    }
    end_thread(s, 0, status, &error);
    if (status != GGX_OK) ggx_stream_stop(s); /* nothing that comes now would be used */
}

/* --- the other side ----------------------------------------------------------------------------------------------------------------- */

ggx_status ggx_stream_wait(ggx_stream *s, uint64_t until, uint64_t *end, ggx_error *error)
{
    pthread_mutex_lock(&s->lock);
    s->reader_wants = until;
    while (s->end < until && !s->ended && !s->stopped) pthread_cond_wait(&s->moved, &s->lock);
    s->reader_wants = 0;
    *end = s->end;
    ggx_status status = s->end < until ? s->status : GGX_OK;
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
    s->released = s->proven = s->end = request->from;
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
