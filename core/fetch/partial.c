/* One file that comes to be. */
#include "fetch/partial.h"

#include "commit/files.h"
#include "commit/names.h"
#include <errno.h>
#include <fcntl.h>
#include <ggx_sdk/error.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BLOCK (256u << 10)
#define JOURNAL_FROM (1u << 20) /* smaller files begin anew */

static ggx_status no_memory(ggx_error *error)
{
    return ggx_fail(error, GGX_E_NOMEM, "out of memory");
}

/* The published digest identifies the bytes wherever they come from. Without one the address does that was asked for, with the tag and date
 * of this version. What follows '?' may name another file; signatures are in addresses of redirects, which are not asked for. */
static void identify(ggx_partial *p)
{
    const ggx_range_file *remote = &p->file->remote;
    uint8_t digest[GGX_HASH_MAX];
    ggx_hash hash;
    ggx_hash_begin(&hash, GGX_HASH_SHA256, 0);
    if (p->file->known) {
        ggx_hash_update(&hash, p->file->digest, sizeof p->file->digest);
    } else {
        const int weak = !strncmp(remote->etag, "W/", 2);
        ggx_hash_update(&hash, remote->etag, strlen(remote->etag) + 1);
        if (!*remote->etag || weak) ggx_hash_update(&hash, remote->modified, strlen(remote->modified) + 1);
        ggx_hash_update(&hash, remote->url, strcspn(remote->url, "#"));
    }
    ggx_hash_end(&hash, digest);
    memcpy(p->segments.identity, digest, sizeof p->segments.identity);
    p->resumable = p->file->known || ggx_range_is_pinned(remote);
}

/* --- hashing ---------------------------------------------------------------------------------------------------------------------- */

static void begin_hash(const ggx_hub_file *file, ggx_hash *hash)
{
    ggx_hash_begin(hash, file->known ? file->hash : GGX_HASH_SHA256, file->remote.size);
}

static ggx_status compare(const ggx_hub_file *file, ggx_hash *hash, uint8_t out[GGX_HASH_MAX], ggx_error *error)
{
    char have[GGX_HASH_TEXT], want[GGX_HASH_TEXT];
    const uint32_t size = ggx_hash_end(hash, out);
    if (!file->known || !memcmp(out, file->digest, size)) return GGX_OK;
    ggx_hash_text(out, size, have);
    ggx_hash_text(file->digest, size, want);
    return ggx_fail(error, GGX_E_INTEGRITY, "%.*s: its bytes are not what was published: %.64s instead of %.64s",
                    (int)(file->name.size < 90 ? file->name.size : 90), file->name.data, have, want);
}

static ggx_status hash_block(int fd, uint64_t at, void *block, uint64_t size, ggx_hash *hash, const char *path,
                             ggx_error *error)
{
    const int64_t n = ggx_read_some(fd, at, block, size);
    if (n != (int64_t)size) return ggx_fail_errno(error, n < 0 ? errno : EIO, "read", path);
    ggx_hash_update(hash, block, size);
    return GGX_OK;
}

static int is_canceled(const ggx_run *run)
{
    return run && run->canceled && *run->canceled;
}

/* An open file, from its beginning to its end. The owner of a lock shows meanwhile that it is there. */
static ggx_status hash_file(int fd, uint64_t size, ggx_hash *hash, const char *path, const ggx_run *run, ggx_lock *lock,
                            ggx_error *error)
{
    char *block = malloc(BLOCK);
    ggx_status status = block ? GGX_OK : no_memory(error);
    for (uint64_t at = 0; at < size && status == GGX_OK;) {
        const uint64_t n = size - at < BLOCK ? size - at : BLOCK;
        status = is_canceled(run) ? ggx_fail(error, GGX_E_CANCELED, "stopped")
                                  : hash_block(fd, at, block, n, hash, path, error);
        if (status == GGX_OK && lock) status = ggx_lock_beat(lock, error);
        at += n;
    }
    free(block);
    return status;
}

static ggx_status check(const ggx_hub_file *file, const char *path, const ggx_run *run, ggx_lock *lock,
                        uint8_t digest[GGX_HASH_MAX], ggx_error *error)
{
    struct stat st;
    ggx_hash hash;
    ggx_status status = GGX_OK;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return ggx_fail_errno(error, errno, "open", path);
    begin_hash(file, &hash);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != file->remote.size)
        status = ggx_fail(error, GGX_E_INTEGRITY, "%.150s is not of the published size", path);
    if (status == GGX_OK) status = hash_file(fd, file->remote.size, &hash, path, run, lock, error);
    if (status == GGX_OK) status = compare(file, &hash, digest, error);
    close(fd);
    return status;
}

ggx_status ggx_partial_check(const ggx_hub_file *file, const char *path, const ggx_run *run,
                             uint8_t digest[GGX_HASH_MAX], ggx_error *error)
{
    uint8_t ignored[GGX_HASH_MAX];
    return check(file, path, run, NULL, digest ? digest : ignored, error);
}

/* --- opening and closing ---------------------------------------------------------------------------------------------------------- */

/* Is it there already? A digest, or a name of its own, has to say so. */
static int is_whole(ggx_partial *p, const ggx_run *run, ggx_error *error)
{
    error->status = GGX_OK;
    if (!p->file->known && !p->versioned) return 0;
    return check(p->file, p->path, run, p->lock.fd >= 0 ? &p->lock : NULL, p->digest, error) == GGX_OK;
}

/* The system's lock besides the file: where it works it goes with the process at once, whatever became of the file. The file that was
 * locked must still have the name. 1: held, 0: by another process, -1: an error. */
static int lock_bytes(ggx_partial *p, ggx_error *error)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat ours, named;
    p->fd = open(p->partial, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
    if (p->fd < 0 && errno == ELOOP)
        return (void)ggx_fail(error, GGX_E_DENIED, "%.150s is a link; remove it", p->partial), -1;
    if (p->fd < 0) return (void)ggx_fail_errno(error, errno, "create", p->partial), -1;
    const int busy = fcntl(p->fd, F_SETLK, &lock) != 0 && (errno == EACCES || errno == EAGAIN);
    if (!busy && fstat(p->fd, &ours) == 0 && stat(p->partial, &named) == 0 && ours.st_ino == named.st_ino &&
        ours.st_dev == named.st_dev) {
        if (S_ISREG(ours.st_mode)) return 1;
        return (void)ggx_fail(error, GGX_E_DENIED, "%.150s is not a regular file", p->partial), -1;
    }
    close(p->fd);
    p->fd = -1;
    return 0;
}

static int try_lock(ggx_partial *p, ggx_error *error)
{
    int held = p->lock.fd >= 0 ? 1 : ggx_lock_try(&p->lock, error);
    if (held > 0) held = lock_bytes(p, error);
    if (held == 0 && p->lock.fd >= 0 && ggx_lock_beat(&p->lock, error) != GGX_OK) held = -1;
    return held;
}

static ggx_status lock_partial(ggx_partial *p, const ggx_partial_wait *wait, ggx_error *error)
{
    const struct timespec pause = {0, 100000000};
    char text[200];
    for (int said = 0;; said = 1) {
        const int held = try_lock(p, error);
        if (held > 0) return GGX_OK;
        if (held < 0) return error->status;
        if (wait->stopped(wait->context)) return ggx_fail(error, GGX_E_CANCELED, "stopped");
        snprintf(text, sizeof text, "%s fetches this file; waiting for it",
                 *p->lock.owner ? p->lock.owner : "another process");
        if (!said && wait->run && wait->run->log) wait->run->log(wait->run->context, GGX_LOG_INFO, text);
        nanosleep(&pause, NULL);
    }
}

/* What lies there goes on where its journal ends, or begins anew. */
static ggx_status take_up(ggx_partial *p, ggx_error *error)
{
    struct stat st;
    const int keeps = p->resumable && p->file->remote.size >= JOURNAL_FROM;
    if (fstat(p->fd, &st) != 0) return ggx_fail_errno(error, errno, "look at", p->partial);
    const int taken = keeps && ggx_segments_read(&p->segments, p->journal, (uint64_t)st.st_size);
    if (!taken) {
        ggx_segments_clear(&p->segments);
        (void)unlink(p->journal);
    }
    const uint64_t size = p->file->remote.size;
    if ((!taken && ftruncate(p->fd, 0) != 0) || ((uint64_t)st.st_size > size && ftruncate(p->fd, (off_t)size) != 0))
        return ggx_fail_errno(error, errno, "write", p->partial);
    return keeps ? ggx_segments_write(&p->segments, p->journal, error) : GGX_OK;
}

static ggx_status open_names(ggx_partial *p, ggx_error *error)
{
    p->partial = ggx_output_beside(p->path, ".ggx-part");
    p->journal = ggx_output_beside(p->path, ".ggx-have");
    p->directory = ggx_output_directory(p->path);
    if (!p->partial || !p->journal || !p->directory) return no_memory(error);
    p->directory_fd = open(p->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (p->directory_fd < 0) return ggx_fail_errno(error, errno, "open", p->directory);
    return GGX_OK;
}

ggx_status ggx_partial_open(ggx_partial *p, uint64_t segment, const ggx_partial_wait *wait, int *whole,
                            ggx_error *error)
{
    ggx_error why = {0};
    p->fd = p->directory_fd = p->lock.fd = p->segments.journal = -1;
    *whole = is_whole(p, wait->run, &why);
    if (why.status == GGX_E_CANCELED) return ggx_fail(error, GGX_E_CANCELED, "stopped");
    if (*whole) return GGX_OK;
    ggx_status status = ggx_segments_init(&p->segments, p->file->remote.size, segment, error);
    if (status == GGX_OK) identify(p);
    if (status == GGX_OK) status = ggx_lock_init(&p->lock, p->path, error);
    if (status == GGX_OK) status = open_names(p, error);
    if (status == GGX_OK) status = lock_partial(p, wait, error);
    if (status != GGX_OK) return status;
    *whole = is_whole(p, wait->run, &why); /* another process has made it meanwhile */
    if (why.status == GGX_E_CANCELED) return ggx_fail(error, GGX_E_CANCELED, "stopped");
    if (*whole) {
        ggx_partial_discard(p);
        ggx_partial_close(p);
        return GGX_OK;
    }
    begin_hash(p->file, &p->hash);
    return take_up(p, error);
}

void ggx_partial_close(ggx_partial *p)
{
    if (p->fd >= 0) close(p->fd);
    if (p->directory_fd >= 0) close(p->directory_fd);
    p->fd = p->directory_fd = -1;
    ggx_segments_free(&p->segments);
    ggx_lock_free(&p->lock);
    free(p->partial);
    free(p->journal);
    free(p->directory);
    p->partial = p->journal = p->directory = NULL;
}

void ggx_partial_discard(const ggx_partial *p)
{
    (void)unlink(p->journal);
    (void)unlink(p->partial);
}

/* --- as it goes on ------------------------------------------------------------------------------------------------------------------ */

ggx_status ggx_partial_hash(ggx_partial *p, void *block, uint64_t most, ggx_error *error)
{
    ggx_status status = hash_block(p->fd, p->hashed, block, most, &p->hash, p->partial, error);
    if (status == GGX_OK) p->hashed += most;
    return status;
}

void ggx_partial_rewind(ggx_partial *p)
{
    begin_hash(p->file, &p->hash);
    p->hashed = 0;
}

ggx_status ggx_partial_finish(ggx_partial *p, ggx_error *error)
{
    struct stat st;
    ggx_status status = compare(p->file, &p->hash, p->digest, error);
    if (status == GGX_OK && (fstat(p->fd, &st) != 0 || (uint64_t)st.st_size != p->file->remote.size))
        status = ggx_fail(error, GGX_E_INTEGRITY, "%.150s changed while it was written", p->partial);
    if (status == GGX_OK) status = ggx_output_rename(p->partial, p->path, p->fd, p->directory_fd, error);
    if (status == GGX_OK) (void)unlink(p->journal);
    return status;
}
