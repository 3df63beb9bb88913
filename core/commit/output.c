/* The unfinished file, its journal, and the moment at which it gets its name. */
#include "commit/output.h"

#include "commit/files.h"
#include "commit/journal.h"
#include "commit/names.h"
#include <errno.h>
#include <fcntl.h>
#include <ggx_sdk/error.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int bit(const uint8_t *bits, uint64_t i)
{
    return bits[i / 8] >> (i % 8) & 1;
}

static void set_bit(uint8_t *bits, uint64_t i)
{
    bits[i / 8] = (uint8_t)(bits[i / 8] | 1u << (i % 8));
}

static ggx_journal_header header_of(const ggx_output *o)
{
    return (ggx_journal_header){.digest = {o->plan->digest[0], o->plan->digest[1]},
                                .file_size = o->plan->total_size,
                                .tile_count = o->plan->tile_count,
                                .part = o->part,
                                .parts = o->parts,
                                .files = o->file_count};
}

/* --- opening --------------------------------------------------------------------------------------------------------------------- */

static void take_up(void *context, uint64_t tile)
{
    ggx_output *o = context;
    if (!bit(o->done, tile)) o->resumed++;
    set_bit(o->done, tile);
}

/* Opens the journal and locks it: one process at a time works on a part, and the lock goes with the process, however it ends. The
 * file that was locked must still be the one under that name: another process may have removed it between the two calls. */
static ggx_status lock_journal(ggx_output *o, ggx_error *error)
{
    for (;;) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        struct stat held, named;
        o->journal_fd = open(o->journal, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
        if (o->journal_fd < 0) return ggx_fail_errno(error, errno, "create", o->journal);
        if (fstat(o->journal_fd, &held) != 0 || !S_ISREG(held.st_mode))
            return ggx_fail(error, GGX_E_USAGE, "%.100s is not a regular file; remove it", o->journal);
        if (fcntl(o->journal_fd, F_SETLK, &lock) != 0 && (errno == EACCES || errno == EAGAIN))
            return ggx_fail(error, GGX_E_USAGE, "another ggx is writing %.100s; wait for it, or choose another -o",
                            o->path);
        if (lstat(o->journal, &named) == 0 && named.st_ino == held.st_ino && named.st_dev == held.st_dev) return GGX_OK;
        close(o->journal_fd);
    }
}

/* Are the unfinished files of the sizes that they were made with? */
static int files_are_there(const ggx_output *o)
{
    struct stat st;
    for (uint32_t i = 0; i < o->file_count; i++)
        if (stat(o->files[i].partial, &st) != 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != o->files[i].size)
            return 0;
    return 1;
}

static ggx_status void_journal(void *context, int fd, const char *name, ggx_error *error)
{
    const ggx_output *o = context;
    ggx_journal_header found;
    uint64_t end;
    if (ggx_journal_read(fd, &found, ggx_journal_ignore, NULL, &end, NULL) != GGX_OK || end == GGX_JOURNAL_HEADER ||
        memcmp(found.digest, o->plan->digest, sizeof found.digest))
        return GGX_OK;
    return unlinkat(o->directory, name, 0) == 0 || errno == ENOENT ? GGX_OK
                                                                   : ggx_fail_errno(error, errno, "remove", name);
}

/* Parts whose unfinished file is gone or damaged vouch for bytes that are no longer there: their journals go, and so does what is
 * left of the file, so that a part still at work on it notices. Whoever has journalled a tile has seen every file whole. */
static ggx_status void_other_parts(ggx_output *o, ggx_error *error)
{
    struct stat st;
    for (uint32_t i = 0; i < o->file_count; i++)
        if (lstat(o->files[i].partial, &st) == 0 &&
            (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != o->files[i].size) && unlink(o->files[i].partial) != 0 &&
            errno != ENOENT)
            return ggx_fail_errno(error, errno, "remove", o->files[i].partial);
    return ggx_output_journals(o->path, o->journal, void_journal, o, error);
}

/* Takes up the journal when it belongs to this plan and the unfinished file is there; else begins a fresh one. */
static ggx_status open_journal(ggx_output *o, ggx_error *error)
{
    uint8_t packed[GGX_JOURNAL_HEADER];
    ggx_journal_header mine = header_of(o), found;
    uint64_t end;
    const int there = files_are_there(o);
    ggx_status status = ggx_journal_read(o->journal_fd, &found, take_up, o, &end, NULL);
    if (status == GGX_OK && !memcmp(&found, &mine, sizeof mine) && there)
        return ftruncate(o->journal_fd, (off_t)end) == 0 ? GGX_OK : ggx_fail_errno(error, errno, "write", o->journal);
    memset(o->done, 0, (size_t)(o->plan->tile_count / 8 + 1));
    o->resumed = 0;
    if (ftruncate(o->journal_fd, 0) != 0) return ggx_fail_errno(error, errno, "write", o->journal);
    for (uint32_t i = 0; o->parts == 1 && i < o->file_count; i++)
        if (unlink(o->files[i].partial) != 0 && errno != ENOENT)
            return ggx_fail_errno(error, errno, "remove", o->files[i].partial);
    if (o->parts > 1 && !there) {
        status = void_other_parts(o, error);
        if (status != GGX_OK) return status;
    }
    ggx_journal_pack_header(&mine, packed);
    return ggx_write_all(o->journal_fd, 0, packed, sizeof packed, o->journal, error);
}

static ggx_status check_space(const ggx_output *o, ggx_error *error)
{
    struct stat st = {0};
    struct statvfs fs;
    if (fstatvfs(o->directory, &fs) != 0 || !fs.f_frsize) return GGX_OK; /* unknown: writing will tell */
    uint64_t have = 0, room = (uint64_t)fs.f_bavail * fs.f_frsize;
    for (uint32_t i = 0; i < o->file_count; i++)
        have += lstat(o->files[i].partial, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
    uint64_t need = o->plan->total_size > have ? o->plan->total_size - have : 0;
    if (need <= room) return GGX_OK;
    return ggx_fail(error, GGX_E_NOSPACE,
                    "the output needs %llu more bytes and the disk has %llu free; choose another disk with -o",
                    (unsigned long long)need, (unsigned long long)room);
}

/* A file that parts share gets its name when it has its size: one of another size is damaged, never just begun. */
static ggx_status make_shared(const ggx_output *o, const ggx_output_file *file, ggx_error *error)
{
    const size_t room = strlen(file->partial) + 32;
    char *fresh = malloc(room);
    if (!fresh) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    snprintf(fresh, room, "%s.%u-%ld", file->partial, o->part, (long)getpid());
    (void)unlink(fresh);
    int fd = open(fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    ggx_status status = fd < 0 ? ggx_fail_errno(error, errno, "create", fresh) : GGX_OK;
    if (status == GGX_OK && ftruncate(fd, (off_t)file->size) != 0)
        status = ggx_fail_errno(error, errno, "write", fresh);
    if (status == GGX_OK && link(fresh, file->partial) != 0 && errno != EEXIST)
        status = ggx_fail_errno(error, errno, "create", file->partial);
    if (fd >= 0) close(fd);
    (void)unlink(fresh);
    free(fresh);
    return status;
}

static ggx_status open_partials(ggx_output *o, ggx_error *error)
{
    const int shared = o->parts > 1;
    ggx_status status = GGX_OK;
    for (uint32_t i = 0; i < o->file_count && status == GGX_OK; i++) {
        ggx_output_file *file = &o->files[i];
        if (shared && access(file->partial, F_OK) != 0) status = make_shared(o, file, error);
        if (status != GGX_OK) return status;
        file->fd = open(file->partial, O_RDWR | (shared ? 0 : O_CREAT) | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (file->fd < 0) return ggx_fail_errno(error, errno, "create", file->partial);
        if (!shared && ftruncate(file->fd, (off_t)file->size) != 0)
            status = ggx_fail_errno(error, errno, "write", file->partial);
    }
    return status;
}

/* The files that are being written are still those under their names, and of their sizes: else somebody else has been at them. */
static ggx_status check_files(const ggx_output *o, ggx_error *error)
{
    struct stat held, named;
    for (uint32_t i = 0; i < o->file_count; i++) {
        const ggx_output_file *file = &o->files[i];
        if (fstat(file->fd, &held) == 0 && lstat(file->partial, &named) == 0 && held.st_ino == named.st_ino &&
            held.st_dev == named.st_dev && (uint64_t)held.st_size == file->size)
            continue;
        return ggx_fail(error, GGX_E_INTEGRITY, "somebody else has removed or changed %.100s; run this again",
                        file->partial);
    }
    return GGX_OK;
}

static ggx_status write_emitted(const ggx_emit *emit, uint32_t output, uint64_t offset, const void *data, uint64_t size,
                                ggx_error *error)
{
    const ggx_output *o = emit->context;
    const ggx_output_file *file = output < o->file_count ? &o->files[output] : NULL;
    if (!file || offset > file->size || size > file->size - offset)
        return ggx_fail(error, GGX_E_PLUGIN, "writer %s renders outside its file", o->plan->writer_name);
    return ggx_write_all(file->fd, offset, data, size, file->partial, error);
}

ggx_status ggx_output_open(ggx_output *o, const ggx_output_request *request, const ggx_plan *plan, const ggx_run *run,
                           ggx_error *error)
{
    memset(o, 0, sizeof *o);
    o->plan = plan;
    o->run = run;
    o->directory = o->journal_fd = -1;
    o->part = request->part;
    o->parts = request->parts;
    o->sync_bytes = request->sync_bytes;
    memcpy(o->kept, request->kept, sizeof o->kept);
    o->replace = request->replace;
    o->first_tile = plan->tile_count / o->parts * o->part + plan->tile_count % o->parts * o->part / o->parts;
    o->end_tile = plan->tile_count / o->parts * (o->part + 1) + plan->tile_count % o->parts * (o->part + 1) / o->parts;
    pthread_mutex_init(&o->lock, NULL);
    pthread_mutex_init(&o->journal_lock, NULL);
    o->opened = 1;
    ggx_status status = ggx_output_names(o, request->path, error);
    if (status == GGX_OK) status = check_space(o, error);
    if (status == GGX_OK) {
        o->done = calloc((size_t)(plan->tile_count / 8 + 1), 1);
        o->pending = malloc((size_t)(plan->tile_count + 1) * sizeof *o->pending);
        if (!o->done || !o->pending)
            status = ggx_fail(error, GGX_E_NOMEM, "no memory for %llu tiles; raise --memory, they grow with it",
                              (unsigned long long)plan->tile_count);
    }
    if (status == GGX_OK) status = ggx_output_other_journals(o, error);
    if (status == GGX_OK) status = lock_journal(o, error);
    if (status != GGX_OK) { /* nothing of ours lies there yet */
        ggx_output_close(o);
        return status;
    }
    status = open_journal(o, error);
    /* Again, now that our own can be seen: of two that began at once, at least one sees the other. */
    if (status == GGX_OK) status = ggx_output_other_journals(o, error);
    if (status == GGX_OK) status = open_partials(o, error);
    ggx_emit emit = {sizeof emit, 0, o, write_emitted};
    if (status == GGX_OK) status = plan->writer->render(plan->writer_instance.self, &emit, error);
    if (status != GGX_OK) ggx_output_discard(o);
    return status;
}

/* --- tiles ----------------------------------------------------------------------------------------------------------------------- */

static int tile_wanted(void *context, uint64_t tile)
{
    const ggx_output *o = context;
    return tile >= o->first_tile && tile < o->end_tile &&
           !bit(o->done, tile); /* done changes only while no worker runs */
}

/* The file that an offset lies in: binary search. */
static const ggx_output_file *file_at(const ggx_output *o, uint64_t offset)
{
    uint32_t low = 0, high = o->file_count;
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (o->files[middle].start <= offset)
            low = middle;
        else
            high = middle;
    }
    return &o->files[low];
}

static ggx_status write_bytes(void *context, uint64_t offset, const void *data, uint64_t size, ggx_error *error)
{
    const ggx_output_file *file = file_at(context, offset);
    return ggx_write_all(file->fd, offset - file->start, data, size, file->partial, error);
}

static ggx_status sync_files(const ggx_output *o, ggx_error *error)
{
    for (uint32_t i = 0; i < o->file_count; i++)
        if (fdatasync(o->files[i].fd) != 0) return ggx_fail_errno(error, errno, "sync", o->files[i].partial);
    return GGX_OK;
}

/* Journals what was pending when it was called: first the tiles' bytes are synced, then their records are written. */
static ggx_status flush(ggx_output *o, ggx_error *error)
{
    ggx_journal_header header = header_of(o);
    ggx_status status = GGX_OK;
    pthread_mutex_lock(&o->journal_lock);
    pthread_mutex_lock(&o->lock);
    uint64_t count = o->pending_count;
    uint64_t *tiles = count ? malloc((size_t)count * sizeof *tiles) : NULL;
    if (tiles) {
        memcpy(tiles, o->pending, (size_t)count * sizeof *tiles);
        o->pending_count = 0;
        o->pending_bytes = 0;
    }
    pthread_mutex_unlock(&o->lock);
    if (count && !tiles) status = ggx_fail(error, GGX_E_NOMEM, "out of memory");
    if (tiles) status = sync_files(o, error);
    if (tiles && status == GGX_OK) status = check_files(o, error);
    if (tiles && status == GGX_OK) status = ggx_journal_append(o->journal_fd, &header, tiles, count, error);
    if (tiles && status == GGX_OK && fdatasync(o->journal_fd) != 0)
        status = ggx_fail_errno(error, errno, "sync", o->journal);
    pthread_mutex_unlock(&o->journal_lock);
    free(tiles);
    return status;
}

static ggx_status tile_done(void *context, uint64_t tile, uint64_t bytes, ggx_error *error)
{
    ggx_output *o = context;
    pthread_mutex_lock(&o->lock);
    o->pending[o->pending_count++] = tile;
    o->pending_bytes += bytes;
    o->finished_bytes += bytes;
    uint64_t finished = o->finished_bytes;
    int full = o->pending_bytes >= o->sync_bytes;
    if (full) o->pending_bytes = 0; /* this thread flushes; the others go on */
    pthread_mutex_unlock(&o->lock);
    if (o->run && o->run->progress) o->run->progress(o->run->context, finished, o->plan->total_size);
    return full ? flush(o, error) : GGX_OK;
}

ggx_tile_sink ggx_output_sink(ggx_output *o)
{
    return (ggx_tile_sink){o, tile_wanted, write_bytes, tile_done};
}

/* --- the end ---------------------------------------------------------------------------------------------------------------------- */

void ggx_output_close(ggx_output *o)
{
    if (!o->opened) return;
    for (uint32_t i = 0; i < o->file_count; i++) {
        if (o->files[i].fd >= 0) close(o->files[i].fd);
        free(o->files[i].path);
        free(o->files[i].partial);
    }
    if (o->journal_fd >= 0) close(o->journal_fd);
    if (o->directory >= 0) close(o->directory);
    o->directory = o->journal_fd = -1;
    pthread_mutex_destroy(&o->lock);
    pthread_mutex_destroy(&o->journal_lock);
    free(o->path);
    free(o->files);
    free(o->journal);
    free(o->done);
    free(o->pending);
    o->path = o->journal = NULL;
    o->files = NULL;
    o->file_count = 0;
    o->done = NULL;
    o->pending = NULL;
    o->opened = 0;
}

ggx_status ggx_output_commit(ggx_output *o, ggx_error *error)
{
    ggx_status status = ggx_plan_source_check(o->plan, error);
    if (status == GGX_OK && o->parts == 1) { /* no journal needed any more: one sync, then the name */
        status = check_files(o, error);
        if (status == GGX_OK)
            status = sync_files(o, error); /* so that little can go wrong between the first name and the last */
        for (uint32_t i = o->file_count; i-- > 0 && status == GGX_OK;)
            status = ggx_output_rename(o->files[i].partial, o->files[i].path, o->files[i].fd, o->directory, error);
        if (status == GGX_OK) {
            (void)unlink(o->journal);
            (void)fsync(o->directory);
        }
    } else if (status == GGX_OK) {
        status = flush(o, error);
        if (status == GGX_OK && fsync(o->directory) != 0)
            status = ggx_fail_errno(error, errno, "sync the directory of", o->path);
    }
    if (status == GGX_OK)
        ggx_output_close(o);
    else
        ggx_output_discard(o);
    return status;
}

void ggx_output_discard(ggx_output *o)
{
    if (!o->opened) return;
    for (uint32_t i = 0; o->parts == 1 && i < o->file_count; i++)
        if (o->files[i].partial) (void)unlink(o->files[i].partial);
    if (o->journal) (void)unlink(o->journal);
    ggx_output_close(o);
}

void ggx_output_keep(ggx_output *o)
{
    ggx_error ignored; /* what is not in the journal is done again */
    if (!o->opened) return;
    (void)flush(o, &ignored);
    ggx_output_close(o);
}

ggx_status ggx_output_flush(ggx_output *o, ggx_error *error)
{
    return flush(o, error);
}

int ggx_output_has(const ggx_output *o, uint64_t tile)
{
    return bit(o->done, tile);
}

void ggx_output_redo(ggx_output *o, uint64_t tile)
{
    if (!bit(o->done, tile)) return;
    o->done[tile / 8] = (uint8_t)(o->done[tile / 8] & ~(1u << (tile % 8)));
    o->resumed--;
}

ggx_status ggx_output_forget(ggx_output *o, ggx_error *error)
{
    memset(o->done, 0, (size_t)(o->plan->tile_count / 8 + 1));
    o->resumed = 0;
    if (ftruncate(o->journal_fd, GGX_JOURNAL_HEADER) == 0) return GGX_OK;
    return ggx_fail_errno(error, errno, "write", o->journal);
}

uint64_t ggx_output_disk_free(const char *path)
{
    struct statvfs fs;
    const char *slash = strrchr(path, '/');
    char *directory = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    uint64_t room = directory && statvfs(directory, &fs) == 0 ? (uint64_t)fs.f_bavail * fs.f_frsize : UINT64_MAX;
    free(directory);
    return room;
}
