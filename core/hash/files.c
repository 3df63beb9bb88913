/* Threads take files or tensors from a counter. */
#include "hash/files.h"

#include "base/pool.h"
#include "base/text.h"
#include "execute/gather.h"
#include "source/open.h"
#include <ggx_sdk/error.h>
#include <stdatomic.h>
#include <stdlib.h>

#define CHUNK (128u << 10)     /* bytes read at a time: what fits the second-level cache */
#define PAGE 4096u             /* the kernel copies to whole pages fastest */
#define AHEAD 16u              /* chunks that a second thread may have read before they are hashed */
#define RUN_ELEMS (256u << 10) /* of a tensor at a time */
#define VIEW_MEMORY (64u << 20)

typedef struct shared {
    const ggx_checkpoint *checkpoint; /* NULL: files */
    ggx_hashed *items;
    uint64_t count, total;
    uint32_t kind;
    int32_t ahead; /* 1: there are threads left to read ahead of those that hash */
    const ggx_run *run;
    atomic_uint_fast64_t next, done;
    atomic_int failed;
    pthread_mutex_t sequential, lock; /* lock: over the two below, and progress */
    ggx_status status;
    ggx_error *error;
} shared;

static ggx_status tell(shared *s, uint64_t bytes, ggx_error *error)
{
    if (s->run && s->run->canceled && *s->run->canceled) return ggx_fail(error, GGX_E_CANCELED, "stopped");
    const uint64_t done = atomic_fetch_add(&s->done, bytes) + bytes;
    if (s->run && s->run->progress) s->run->progress(s->run->context, done, s->total);
    return GGX_OK;
}

static ggx_status size_of(const ggx_hashed *item, uint64_t *size, ggx_error *error)
{
    ggx_member member = {.struct_size = sizeof member};
    ggx_status status = item->source->member(item->source, item->member, &member, error);
    *size = member.size;
    return status;
}

static ggx_status read_chunk(const ggx_hashed *item, uint64_t at, uint64_t size, uint8_t *out, ggx_error *error)
{
    return item->source->read_at(item->source, item->member, at, out, size - at < CHUNK ? size - at : CHUNK, error);
}

static ggx_status hash_plainly(shared *s, const ggx_hashed *item, uint64_t size, ggx_hash *hash, uint8_t *buffer,
                               ggx_error *error)
{
    ggx_status status = GGX_OK;
    for (uint64_t at = 0; status == GGX_OK && at < size; at += CHUNK) {
        const uint64_t n = size - at < CHUNK ? size - at : CHUNK;
        status = read_chunk(item, at, size, buffer, error);
        if (status == GGX_OK) ggx_hash_update(hash, buffer, n);
        if (status == GGX_OK) status = tell(s, n, error);
    }
    return status;
}

/* Copying out of the page cache takes a quarter of the time that SHA-256 does, so another thread does it meanwhile. */
typedef struct piped {
    shared *s;
    const ggx_hashed *item;
    ggx_hash *hash;
    uint8_t *buffer;       /* AHEAD chunks */
    uint64_t size, chunks; /* of the file */
    uint64_t read, hashed; /* chunks; below the lock, as is what follows */
    int32_t reader_waits, hasher_waits;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    ggx_status status;
    ggx_error *error;
} piped;

/* Moves the counter on, or keeps the first error; 1 when there is more to do. */
static int settle(piped *p, uint64_t *counter, ggx_status status, const ggx_error *error)
{
    pthread_mutex_lock(&p->lock);
    if (status == GGX_OK) ++*counter;
    if (status != GGX_OK && p->status == GGX_OK) {
        p->status = status;
        if (p->error) *p->error = *error;
    }
    const int more = p->status == GGX_OK && *counter < p->chunks, half = p->read - p->hashed <= AHEAD / 2;
    /* waking another CPU costs more than a chunk does: the reader is woken for half of them at a time */
    if (p->status != GGX_OK || p->hasher_waits || (p->reader_waits && half)) pthread_cond_broadcast(&p->moved);
    pthread_mutex_unlock(&p->lock);
    return more;
}

static void read_ahead(piped *p)
{
    ggx_error error = {0};
    ggx_status status = GGX_OK;
    for (uint64_t i = 0;; i++) {
        pthread_mutex_lock(&p->lock);
        if (i - p->hashed == AHEAD) p->reader_waits = 1;
        while (p->status == GGX_OK && p->reader_waits && i - p->hashed > AHEAD / 2)
            pthread_cond_wait(&p->moved, &p->lock);
        p->reader_waits = 0;
        const int stopped = p->status != GGX_OK;
        pthread_mutex_unlock(&p->lock);
        if (!stopped) status = read_chunk(p->item, i * CHUNK, p->size, p->buffer + i % AHEAD * CHUNK, &error);
        if (stopped || !settle(p, &p->read, status, &error)) return;
    }
}

static void hash_behind(piped *p)
{
    ggx_error error = {0};
    ggx_status status = GGX_OK;
    for (uint64_t i = 0;; i++) {
        const uint64_t left = p->size - i * CHUNK, n = left < CHUNK ? left : CHUNK;
        pthread_mutex_lock(&p->lock);
        p->hasher_waits = p->read == i;
        while (p->status == GGX_OK && p->read == i) pthread_cond_wait(&p->moved, &p->lock);
        p->hasher_waits = 0;
        const int stopped = p->status != GGX_OK;
        pthread_mutex_unlock(&p->lock);
        if (!stopped) ggx_hash_update(p->hash, p->buffer + i % AHEAD * CHUNK, n);
        if (!stopped) status = tell(p->s, n, &error);
        if (stopped || !settle(p, &p->hashed, status, &error)) return;
    }
}

static void work_piped(void *context, uint32_t worker)
{
    worker ? hash_behind(context) : read_ahead(context);
}

/* Nothing was read when no thread can be started. */
static int hash_piped(shared *s, const ggx_hashed *item, uint64_t size, ggx_hash *hash, ggx_status *status,
                      ggx_error *error)
{
    piped p = {.s = s, .item = item, .hash = hash, .size = size, .chunks = (size + CHUNK - 1) / CHUNK, .error = error};
    p.buffer = aligned_alloc(PAGE, (size_t)AHEAD * CHUNK);
    if (!p.buffer) return 0;
    pthread_mutex_init(&p.lock, NULL);
    pthread_cond_init(&p.moved, NULL);
    const int started = ggx_pool_run(2, work_piped, &p) == GGX_OK;
    pthread_cond_destroy(&p.moved);
    pthread_mutex_destroy(&p.lock);
    free(p.buffer);
    *status = p.status;
    return started;
}

static ggx_status hash_file(shared *s, ggx_hashed *item, uint8_t *buffer, ggx_error *error)
{
    ggx_hash hash;
    uint64_t size;
    ggx_status status = size_of(item, &size, error);
    if (status != GGX_OK) return status;
    ggx_hash_begin(&hash, s->kind, size);
    if (!s->ahead || size < AHEAD * CHUNK || !hash_piped(s, item, size, &hash, &status, error))
        status = hash_plainly(s, item, size, &hash, buffer, error);
    item->bytes = size;
    if (status == GGX_OK) ggx_hash_end(&hash, item->digest);
    return status;
}

/* --- tensors --------------------------------------------------------------------------------------------------------------------- */

/* The box behind this one in C order: 0 when there is none. Boxes have trailing axes whole while they fit. */
static int next_box(const ggx_view *view, const uint64_t *step, ggx_box *box)
{
    uint32_t a = view->rank;
    for (;;) {
        if (!a) return 0;
        a--;
        box->start[a] += step[a];
        if (box->start[a] < view->shape[a]) break;
        box->start[a] = 0;
    }
    return 1;
}

static void choose_steps(const ggx_view *view, uint64_t *step)
{
    uint64_t inner = 1, block = view->type.block_elems ? view->type.block_elems : 1;
    for (uint32_t a = view->rank; a-- > 0;) {
        const uint64_t room = inner ? RUN_ELEMS / inner : 0;
        uint64_t most = view->shape[a] < room ? view->shape[a] : room;
        if (a + 1 == view->rank && most < view->shape[a] && most > block) most -= most % block;
        step[a] = most ? most : 1;
        inner *= step[a];
    }
}

static ggx_status hash_boxes(shared *s, ggx_hashed *item, const ggx_view *view, const ggx_gather *gather,
                             uint8_t *buffer, ggx_error *error)
{
    ggx_hash hash;
    ggx_box box = {.struct_size = sizeof box, .rank = view->rank};
    uint64_t step[GGX_MAX_RANK] = {0};
    const uint64_t size = s->checkpoint->tensors[item->tensor].nbytes;
    ggx_status status = GGX_OK;
    choose_steps(view, step);
    ggx_hash_begin(&hash, s->kind, size);
    do {
        uint64_t n = 1;
        for (uint32_t a = 0; a < box.rank; a++) {
            const uint64_t left = view->shape[a] - box.start[a];
            box.count[a] = left < step[a] ? left : step[a];
            n *= box.count[a];
        }
        if (!n) break;
        n = n / view->type.block_elems * view->type.block_bytes;
        status = ggx_gather_raw(gather, view, &box, buffer, error);
        if (status == GGX_OK) ggx_hash_update(&hash, buffer, n);
        if (status == GGX_OK) status = tell(s, n, error);
    } while (status == GGX_OK && next_box(view, step, &box));
    item->bytes = hash.size;
    if (status == GGX_OK) ggx_hash_end(&hash, item->digest);
    return status;
}

static ggx_status hash_tensor(shared *s, ggx_hashed *item, ggx_error *error)
{
    ggx_arena arena;
    ggx_view view;
    const ggx_type *type = &s->checkpoint->tensors[item->tensor].type;
    const uint64_t elems = RUN_ELEMS + 4ull * type->block_elems,
                   bytes = (elems / type->block_elems + 1) * type->block_bytes;
    ggx_arena_init(&arena, VIEW_MEMORY);
    ggx_gather gather = {.checkpoint = s->checkpoint,
                         .sequential = &s->sequential,
                         .stage_elems = elems,
                         .stage = malloc((size_t)bytes)};
    uint8_t *buffer = malloc((size_t)bytes);
    ggx_status status = gather.stage && buffer ? GGX_OK : ggx_fail(error, GGX_E_NOMEM, "no memory to read tensors");
    if (status == GGX_OK) status = ggx_view_tensor(&arena, s->checkpoint, item->tensor, &view, error);
    if (status == GGX_OK) status = hash_boxes(s, item, &view, &gather, buffer, error);
    free(gather.stage);
    free(buffer);
    ggx_arena_free(&arena);
    return status;
}

/* --- all of them ---------------------------------------------------------------------------------------------------------------- */

static void work(void *context, uint32_t index)
{
    shared *s = context;
    ggx_error error = {0};
    uint8_t *buffer = aligned_alloc(PAGE, CHUNK);
    (void)index;
    while (!atomic_load(&s->failed)) {
        const uint64_t i = atomic_fetch_add(&s->next, 1);
        if (i >= s->count) break;
        ggx_status status = !buffer         ? ggx_fail(&error, GGX_E_NOMEM, "no memory to read files")
                            : s->checkpoint ? hash_tensor(s, &s->items[i], &error)
                                            : hash_file(s, &s->items[i], buffer, &error);
        if (status == GGX_OK) continue;
        pthread_mutex_lock(&s->lock);
        if (s->status == GGX_OK && s->error) *s->error = error;
        if (s->status == GGX_OK) s->status = status;
        pthread_mutex_unlock(&s->lock);
        atomic_store(&s->failed, 1);
    }
    free(buffer);
}

static ggx_status hash_all(shared *s, uint32_t threads)
{
    pthread_mutex_init(&s->sequential, NULL);
    pthread_mutex_init(&s->lock, NULL);
    const uint32_t useful = threads < s->count ? threads : (uint32_t)s->count;
    s->ahead = threads / 2 >= useful;
    ggx_status status = s->count ? ggx_pool_run(useful ? useful : 1, work, s) : GGX_OK;
    pthread_mutex_destroy(&s->sequential);
    pthread_mutex_destroy(&s->lock);
    return status == GGX_OK ? s->status : ggx_fail(s->error, status, "no thread could be started");
}

ggx_status ggx_hash_files(ggx_hashed *files, uint64_t count, uint32_t kind, uint32_t threads, const ggx_run *run,
                          ggx_error *error)
{
    shared s = {.items = files, .count = count, .kind = kind, .run = run, .error = error};
    for (uint64_t i = 0; i < count; i++) {
        uint64_t size;
        ggx_status status = size_of(&files[i], &size, error);
        if (status != GGX_OK) return status;
        s.total += size;
    }
    return hash_all(&s, threads);
}

ggx_status ggx_hash_tensors(const ggx_checkpoint *checkpoint, ggx_hashed *tensors, uint64_t count, uint32_t kind,
                            uint32_t threads, const ggx_run *run, ggx_error *error)
{
    shared s = {.checkpoint = checkpoint, .items = tensors, .count = count, .kind = kind, .run = run, .error = error};
    for (uint64_t i = 0; i < count; i++) s.total += checkpoint->tensors[tensors[i].tensor].nbytes;
    return hash_all(&s, threads);
}

ggx_status ggx_read_whole(ggx_arena *arena, const char *path, uint64_t most, ggx_str *out, ggx_error *error)
{
    ggx_source *source;
    ggx_member member = {.struct_size = sizeof member};
    char *bytes = NULL;
    ggx_status status = ggx_source_open(path, &source, error);
    if (status != GGX_OK) return status;
    if (source->kind != GGX_SOURCE_FILE) status = ggx_fail(error, GGX_E_NOTFOUND, "there is no file %.150s", path);
    if (status == GGX_OK) status = source->member(source, 0, &member, error);
    if (status == GGX_OK && member.size > most)
        status = ggx_fail(error, GGX_E_UNSUPPORTED, "%.100s has %llu bytes; at most %llu are read here", path,
                          (unsigned long long)member.size, (unsigned long long)most);
    if (status == GGX_OK && !(bytes = ggx_arena_alloc(arena, member.size + 1)))
        status = ggx_fail(error, GGX_E_NOMEM, "no memory for %.150s", path);
    if (status == GGX_OK) status = source->read_at(source, 0, 0, bytes, member.size, error);
    if (status == GGX_OK) *out = (ggx_str){bytes, member.size};
    ggx_source_close(source);
    return status;
}
