/* Connections, and the keeper that follows them. */
#include "fetch/download.h"

#include "base/pool.h"
#include "commit/files.h"
#include "fetch/partial.h"
#include "fetch/room.h"
#include <ggx_sdk/error.h>
#include <stdlib.h>
#include <time.h>

#define BLOCK (256u << 10) /* hashed at a time */
#define STRETCH (8u << 20) /* hashed between two looks at everything else */
#define NOTE (1u << 20)    /* bytes of a connection after which the journal is told: a killed run loses at most these */
#define SYNC (256u << 20)  /* bytes of a file after which they are made to outlive the machine, too */
#define RUN_MOST 16u       /* segments of one request */
#define ENOUGH (400u << 20) /* bytes a second: with so many, no further connection is of use */
#define RAMP 0.05           /* seconds after which each further connection may begin */
#define PATIENCE 0.2        /* seconds that a thread waits for news */

enum { UNOPENED, OPENING, OPEN, FINISHING, DONE };

typedef struct job {
    ggx_download *item;
    ggx_partial partial;
    int32_t state;
    int32_t serial;    /* 1: one connection, from the first byte to the last */
    int32_t hashing;   /* 1: the keeper is at it */
    uint32_t users;    /* connections at work on it */
    uint32_t restarts; /* of the one connection */
    uint64_t unsynced;
} job;

typedef struct engine {
    const ggx_download_options *options;
    uint64_t segment;
    job *jobs;
    uint32_t count;
    ggx_range_client *clients[GGX_DOWNLOAD_CONNECTIONS_MOST];
    uint32_t connections, active, kept; /* active: of them at work; kept: 1 when the keeper ran */
    pthread_mutex_t lock;               /* of all that follows, and of jobs and their segments */
    pthread_cond_t news;
    atomic_int halt;
    ggx_status status; /* the first error */
    ggx_error error;
    job *guilty;
    ggx_range_pace pace;
    uint64_t done, total, received; /* received: from the network */
} engine;

/* What a connection is at: the bytes [at, end) of a job. */
typedef struct claim {
    engine *e;
    job *j;
    uint64_t at, end;
    uint32_t first, count; /* segments */
    int32_t serial;        /* 1: it has all of the file */
    int32_t dropped;       /* 1: another one has all of the file by now */
} claim;

/* --- what all threads share: called with the lock held ------------------------------------------------------------------------------ */

static void fail(engine *e, job *j, ggx_status status, const ggx_error *error)
{
    if (e->status == GGX_OK) {
        e->status = status;
        e->error = *error;
        e->guilty = j;
    }
    e->halt = 1;
    pthread_cond_broadcast(&e->news);
}

static void wait_for_news(engine *e, double seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)(seconds * 1e9);
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&e->news, &e->lock, &until);
}

static int is_canceled(const engine *e)
{
    const ggx_run *run = e->options->run;
    return run && run->canceled && *run->canceled;
}

/* The file is there. */
static void settle(engine *e, job *j)
{
    ggx_error error = {0};
    ggx_status status = GGX_OK;
    const ggx_hub_file *file = j->item->file;
    if (!file->known || file->hash == GGX_HASH_SHA256) memcpy(j->item->sha256, j->partial.digest, 32);
    ggx_partial_close(&j->partial);
    j->state = DONE;
    j->item->done = 1;
    if (e->options->finished) status = e->options->finished(e->options->context, (uint32_t)(j - e->jobs), &error);
    if (status != GGX_OK) fail(e, NULL, status, &error);
    pthread_cond_broadcast(&e->news);
}

static void show_progress(const engine *e, uint64_t done)
{
    const ggx_run *run = e->options->run;
    if (run && run->progress) run->progress(run->context, done < e->total ? done : e->total, e->total);
}

/* --- claims: called with the lock held ---------------------------------------------------------------------------------------------- */

static int is_missing(const ggx_segments *s, uint32_t i)
{
    return !s->list[i].taken && s->list[i].written < ggx_segment_size(s, i);
}

static int is_full(const ggx_segments *s)
{
    return ggx_segments_written(s) == s->size;
}

/* Long runs while much is left, so that requests are few; short ones towards the end, so that all connections end together. */
static int claim_segments(engine *e, job *j, claim *c)
{
    const ggx_segments *s = &j->partial.segments;
    uint32_t left = 0, first = s->count, most;
    for (uint32_t i = s->count; i-- > 0;)
        if (is_missing(s, i)) {
            first = i;
            left++;
        }
    if (!left) return 0;
    most = e->connections == 1 ? left : left / (2 * e->connections);
    if (e->connections > 1 && most > RUN_MOST) most = RUN_MOST;
    *c = (claim){.e = e, .j = j, .first = first, .count = 1};
    while (c->count < most && first + c->count < s->count && is_missing(s, first + c->count) &&
           !s->list[first + c->count].written)
        c->count++;
    for (uint32_t i = first; i < first + c->count; i++) s->list[i].taken = 1;
    c->at = first * s->bytes + s->list[first].written;
    c->end = (first + c->count) * s->bytes;
    if (c->end > s->size) c->end = s->size;
    return 1;
}

static int claim_all(engine *e, job *j, claim *c)
{
    ggx_segments *s = &j->partial.segments;
    if (j->users || j->hashing || is_full(s)) return 0;
    const uint64_t had = ggx_segments_written(s);
    e->done -= had < e->done ? had : e->done;
    ggx_segments_clear(s);
    ggx_partial_rewind(&j->partial);
    *c = (claim){.e = e, .j = j, .end = s->size, .serial = 1};
    return 1;
}

/* 1: `c` is the next piece of work; 2: c->j is to be opened; 0: nothing at the moment; -1: nothing any more. */
static int next_work(engine *e, claim *c)
{
    int pending = 0;
    for (uint32_t i = 0; i < e->count; i++) {
        job *j = &e->jobs[i];
        if (j->state == UNOPENED) {
            j->state = OPENING;
            c->j = j;
            return 2;
        }
        if (j->state == OPEN && (j->serial ? claim_all(e, j, c) : claim_segments(e, j, c))) {
            j->users++;
            return 1;
        }
        pending |= j->state == OPENING || (j->state == OPEN && !is_full(&j->partial.segments));
    }
    return pending ? 0 : -1;
}

/* Some bytes have come. What a slower connection had already is not taken back. Sets `news` when there is something for the keeper: waking it for
 * each of curl's small pieces would cost more than hashing them. */
static ggx_status advance(claim *c, uint64_t size, int *news, ggx_error *error)
{
    job *j = c->j;
    ggx_segments *s = &j->partial.segments;
    ggx_status status = GGX_OK;
    j->unsynced += size;
    c->e->done += size;
    c->e->received += size;
    while (size && status == GGX_OK) {
        const uint32_t i = (uint32_t)(c->at / s->bytes), have = (uint32_t)(c->at % s->bytes);
        const uint32_t left = ggx_segment_size(s, i) - have, n = size < left ? (uint32_t)size : left;
        ggx_segment *segment = &s->list[i];
        if (segment->written < have + n) segment->written = have + n;
        if (n == left || segment->written - segment->noted >= NOTE) {
            status = ggx_segments_note(s, i, j->partial.journal, error);
            *news = 1;
        }
        c->at += n;
        size -= n;
    }
    return status;
}

/* --- connections --------------------------------------------------------------------------------------------------------------------- */

/* Bytes that a connection writes though another one has all of the file by now are the same bytes at the same place. */
static ggx_status take(void *context, const void *data, uint64_t size, ggx_error *error)
{
    claim *c = context;
    engine *e = c->e;
    int news = 0;
    ggx_status status = ggx_write_all(c->j->partial.fd, c->at, data, size, c->j->partial.path, error);
    if (status != GGX_OK) return status;
    pthread_mutex_lock(&e->lock);
    c->dropped = c->j->serial && !c->serial;
    status = c->dropped ? ggx_fail(error, GGX_E_CANCELED, "another connection has this file")
                        : advance(c, size, &news, error);
    const uint64_t done = e->done;
    if (news) pthread_cond_broadcast(&e->news);
    pthread_mutex_unlock(&e->lock);
    show_progress(e, done);
    return status;
}

/* The server sends all of the file, whatever it is asked for: then let it. */
static int take_whole(void *context)
{
    claim *c = context;
    pthread_mutex_lock(&c->e->lock);
    const int ours = !c->j->serial;
    if (ours) {
        c->j->serial = c->serial = 1;
        c->end = c->j->partial.segments.size;
    }
    pthread_mutex_unlock(&c->e->lock);
    return ours;
}

/* A range was answered with the whole file: from now on one connection, which may begin anew once. So may one that broke where nothing tells
 * versions of the file apart. */
static int may_restart(claim *c, ggx_status status)
{
    const ggx_range_file *remote = &c->j->item->file->remote;
    if (status == GGX_E_NETWORK && (!c->serial || !c->at || ggx_range_is_pinned(remote))) return 0;
    if (status != GGX_E_NETWORK && status != GGX_E_UNSUPPORTED) return 0;
    if (!c->serial) return c->j->serial = 1;
    return c->j->restarts++ == 0;
}

/* Another connection may have more luck with these segments, but not a third one. */
static int may_retire(claim *c)
{
    ggx_segments *s = &c->j->partial.segments;
    const uint64_t at = c->at / s->bytes;
    if (c->serial || c->e->active < 2 || at >= s->count || s->list[at].failed) return 0;
    s->list[at].failed = 1;
    return 1;
}

/* With the lock held. Gives 0 when the connection is to end. */
static int release(claim *c, ggx_status status, const ggx_error *error)
{
    engine *e = c->e;
    job *j = c->j;
    int go_on = 1;
    j->users--;
    for (uint32_t i = c->first; i < c->first + c->count; i++) j->partial.segments.list[i].taken = 0;
    if (status == GGX_E_NETWORK && !e->halt && may_retire(c))
        go_on = 0;
    else if (status != GGX_OK && !c->dropped && !may_restart(c, status))
        fail(e, j, status, error);
    pthread_cond_broadcast(&e->news);
    return go_on;
}

static int is_stopped(void *context)
{
    const engine *e = context;
    return e->halt || is_canceled(e);
}

static void open_job(engine *e, job *j)
{
    const ggx_partial_wait wait = {is_stopped, e, e->options->run};
    const ggx_run *run = e->options->run;
    ggx_error error = {0};
    char text[300];
    int whole = 0;
    j->partial.file = j->item->file;
    j->partial.path = j->item->path;
    j->partial.versioned = j->item->versioned;
    snprintf(text, sizeof text, "fetching %.200s, %llu bytes", j->item->file->name.data,
             (unsigned long long)j->item->file->remote.size);
    if (run && run->log) run->log(run->context, GGX_LOG_INFO, text);
    ggx_status status = ggx_partial_open(&j->partial, e->segment, &wait, &whole, &error);
    pthread_mutex_lock(&e->lock);
    j->serial = !j->partial.resumable;
    j->state = OPEN;
    if (status != GGX_OK)
        fail(e, j, status, &error);
    else if (whole)
        settle(e, j);
    e->done += whole ? j->item->file->remote.size : status == GGX_OK ? ggx_segments_written(&j->partial.segments) : 0;
    const uint64_t done = e->done;
    pthread_cond_broadcast(&e->news);
    pthread_mutex_unlock(&e->lock);
    show_progress(e, done);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int is_over(const engine *e)
{
    for (uint32_t i = 0; i < e->count; i++)
        if (e->jobs[i].state < OPEN || (e->jobs[i].state == OPEN && !is_full(&e->jobs[i].partial.segments))) return 0;
    return 1;
}

/* Waits until a further connection is of use, if ever: where few fill the line, or the machine, more only get into each other's way. */
static void await_turn(engine *e, uint32_t index)
{
    double looked = now(), due = looked + RAMP * index;
    uint64_t had = e->received;
    while (index && !e->halt && !is_over(e)) {
        const double time = now();
        if (time >= due) {
            if ((double)(e->received - had) < (time - looked) * ENOUGH) return;
            looked = time;
            had = e->received;
            due = time + RAMP;
        }
        wait_for_news(e, RAMP);
    }
}

static void connect_and_fetch(engine *e, uint32_t index)
{
    claim c;
    int work, go_on = 1;
    pthread_mutex_lock(&e->lock);
    await_turn(e, index);
    e->active++;
    while (go_on && !e->halt && (work = next_work(e, &c)) >= 0) {
        ggx_error error = {0};
        if (work == 0) {
            wait_for_news(e, PATIENCE);
            continue;
        }
        pthread_mutex_unlock(&e->lock);
        ggx_status status = GGX_OK;
        if (work == 2)
            open_job(e, c.j);
        else
            status =
                ggx_range_part(e->clients[index], &c.j->item->file->remote, c.at, c.end, take, take_whole, &c, &error);
        pthread_mutex_lock(&e->lock);
        if (work == 1) go_on = release(&c, status, &error);
    }
    e->active--;
    pthread_cond_broadcast(&e->news);
    pthread_mutex_unlock(&e->lock);
}

/* --- the keeper: called with the lock held, which it gives up while it works --------------------------------------------------------- */

static void hash_more(engine *e, job *j, uint64_t front, void *block)
{
    ggx_error error = {0};
    ggx_status status = GGX_OK;
    ggx_partial *p = &j->partial;
    const uint64_t end = front - p->hashed < STRETCH ? front : p->hashed + STRETCH;
    j->hashing = 1;
    pthread_mutex_unlock(&e->lock);
    while (p->hashed < end && status == GGX_OK && !e->halt)
        status = ggx_partial_hash(p, block, end - p->hashed < BLOCK ? end - p->hashed : BLOCK, &error);
    pthread_mutex_lock(&e->lock);
    j->hashing = 0;
    if (status != GGX_OK) fail(e, j, status, &error);
}

static void finish(engine *e, job *j)
{
    ggx_error error = {0};
    j->state = FINISHING;
    pthread_mutex_unlock(&e->lock);
    ggx_status status = ggx_partial_finish(&j->partial, &error);
    pthread_mutex_lock(&e->lock);
    if (status == GGX_OK)
        settle(e, j);
    else
        fail(e, j, status, &error);
}

static void sync_job(engine *e, job *j)
{
    ggx_error error = {0};
    j->unsynced = 0;
    j->hashing = 1; /* nobody begins it anew meanwhile */
    pthread_mutex_unlock(&e->lock);
    ggx_status status = ggx_segments_sync(&j->partial.segments, j->partial.fd, &e->lock, j->partial.path, &error);
    pthread_mutex_lock(&e->lock);
    j->hashing = 0;
    if (status != GGX_OK) fail(e, j, status, &error);
}

/* One piece of the keeper's work; 0: there is none at the moment, -1: none any more. */
static int keep_once(engine *e, void *block)
{
    ggx_error error = {0};
    uint32_t done = 0;
    for (uint32_t i = 0; i < e->count; i++) {
        job *j = &e->jobs[i];
        done += j->state == DONE;
        if (j->state != OPEN) continue;
        ggx_status status = ggx_lock_beat(&j->partial.lock, &error);
        if (status != GGX_OK) return fail(e, j, status, &error), -1;
        const uint64_t front = ggx_segments_front(&j->partial.segments, j->partial.hashed);
        if (j->unsynced >= SYNC) return sync_job(e, j), 1;
        if (front > j->partial.hashed) return hash_more(e, j, front, block), 1;
        if (j->partial.hashed == j->partial.segments.size && !j->users) return finish(e, j), 1;
    }
    return done == e->count ? -1 : 0;
}

static void keep(engine *e)
{
    ggx_error error = {0};
    char *block = malloc(BLOCK);
    int work = 0;
    pthread_mutex_lock(&e->lock);
    e->kept = 1;
    if (!block) fail(e, NULL, ggx_fail(&error, GGX_E_NOMEM, "out of memory"), &error);
    while (!e->halt && work >= 0) {
        if (is_canceled(e)) fail(e, NULL, ggx_fail(&error, GGX_E_CANCELED, "stopped"), &error);
        work = e->halt ? -1 : keep_once(e, block);
        if (!work) wait_for_news(e, PATIENCE);
    }
    pthread_mutex_unlock(&e->lock);
    free(block);
}

static void work(void *context, uint32_t worker)
{
    engine *e = context;
    if (worker == 0)
        keep(e);
    else
        connect_and_fetch(e, worker - 1);
}

/* --- all of it --------------------------------------------------------------------------------------------------------------------------- */

/* As many as there is work for. */
static ggx_status open_connections(engine *e, ggx_range_client *client, ggx_error *error)
{
    uint32_t most = e->options->connections ? e->options->connections : GGX_DOWNLOAD_CONNECTIONS;
    uint64_t pieces = 0;
    if (most > GGX_DOWNLOAD_CONNECTIONS_MOST) most = GGX_DOWNLOAD_CONNECTIONS_MOST;
    for (uint32_t i = 0; i < e->count; i++) {
        const uint64_t size = e->jobs[i].item->file->remote.size;
        e->total += size;
        pieces += size / e->segment + (size % e->segment != 0 || !size);
    }
    if (most > pieces) most = (uint32_t)pieces;
    ggx_status status = GGX_OK;
    e->clients[0] = client;
    for (e->connections = 1; e->connections < most && status == GGX_OK; e->connections += status == GGX_OK)
        status = ggx_range_clone(&e->clients[e->connections], client, error);
    for (uint32_t i = 0; i < e->connections; i++) ggx_range_share(e->clients[i], &e->halt, &e->pace);
    return status;
}

static void close_all(engine *e)
{
    ggx_error ignored;
    for (uint32_t i = 0; i < e->count; i++) {
        job *j = &e->jobs[i];
        if (j->state == UNOPENED || j->state == DONE) continue;
        if (j == e->guilty && e->status == GGX_E_INTEGRITY)
            ggx_partial_discard(&j->partial);
        else if (j->partial.fd >= 0)
            (void)ggx_segments_sync(&j->partial.segments, j->partial.fd, &e->lock, j->partial.path, &ignored);
        ggx_partial_close(&j->partial);
    }
    ggx_range_share(e->clients[0], NULL, NULL);
    for (uint32_t i = 1; i < e->connections; i++) ggx_range_close(e->clients[i]);
    pthread_mutex_destroy(&e->pace.lock);
    pthread_mutex_destroy(&e->lock);
    pthread_cond_destroy(&e->news);
    free(e->jobs);
}

/* Waits are by the clock that nobody sets. */
static void init_news(pthread_cond_t *news)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(news, &attributes);
    pthread_condattr_destroy(&attributes);
}

ggx_status ggx_download_all(ggx_range_client *client, ggx_download *list, uint32_t count,
                            const ggx_download_options *options, ggx_error *error)
{
    engine e = {
        .options = options, .count = count, .segment = options->segment ? options->segment : GGX_DOWNLOAD_SEGMENT};
    if (!count) return GGX_OK;
    e.jobs = calloc(count, sizeof *e.jobs);
    if (!e.jobs) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    for (uint32_t i = 0; i < count; i++) e.jobs[i].item = &list[i];
    pthread_mutex_init(&e.lock, NULL);
    pthread_mutex_init(&e.pace.lock, NULL);
    init_news(&e.news);
    e.pace.rate = options->rate;
    ggx_status status = open_connections(&e, client, error);
    if (status == GGX_OK) status = ggx_download_room(list, count, options, error);
    if (status == GGX_OK) {
        if (ggx_pool_run(e.connections + 1, work, &e) != GGX_OK) work(&e, 1); /* not one more thread */
        if (!e.kept && e.status == GGX_OK) work(&e, 0);
        status = e.status;
        if (status != GGX_OK && error) *error = e.error;
    }
    close_all(&e);
    return status;
}
