/* One file, verified. */
#include "fetch/download.h"

#include "commit/files.h"
#include "commit/names.h"
#include "hash/hash.h"
#include <errno.h>
#include <fcntl.h>
#include <ggx_sdk/crc32c.h>
#include <ggx_sdk/error.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define MAGIC "GGXHAVE1"
#define BLOCK (256u << 10)
#define FREE_LEFT (1u << 20) /* for names and journals */

/* magic, size, identity (SHA-256 of what tells the file from others), position, CRC-32C */
#define JOURNAL_BYTES (8 + 8 + 32 + 8 + 4)

typedef struct download {
    const ggx_hub_file *file;
    const ggx_run *run;
    const char *path;
    char *partial, *journal, *directory;
    int fd, directory_fd;
    uint8_t identity[32];
    int32_t resumable;       /* 1: there is something that tells the file from another one */
    uint64_t position, safe; /* bytes so far; of them after fdatasync and in the journal */
    ggx_hash hash;           /* of the published kind; SHA-256 where nothing is published */
} download;

static void put(uint8_t *out, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) out[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get(const uint8_t *in, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) value |= (uint64_t)in[i] << (8 * i);
    return value;
}

static int stopped(const ggx_run *run)
{
    return run && run->canceled && *run->canceled;
}

/* --- the journal ------------------------------------------------------------------------------------------------------------------ */

/* The published digest identifies the bytes wherever they come from; without one, address, size and entity tag do. */
static void identify(download *d)
{
    uint8_t digest[GGX_HASH_MAX];
    ggx_hash hash;
    ggx_hash_begin(&hash, GGX_HASH_SHA256, 0);
    if (d->file->known) {
        ggx_hash_update(&hash, d->file->digest, sizeof d->file->digest);
    } else {
        ggx_hash_update(&hash, d->file->remote.etag, sizeof d->file->remote.etag);
        ggx_hash_update(&hash, d->file->remote.url, strlen(d->file->remote.url));
    }
    ggx_hash_end(&hash, digest);
    memcpy(d->identity, digest, 32);
    d->resumable = d->file->known || *d->file->remote.etag;
}

static ggx_status journal_write(download *d, ggx_error *error)
{
    uint8_t bytes[JOURNAL_BYTES];
    if (!d->resumable || d->safe == d->position) return GGX_OK;
    if (fdatasync(d->fd) != 0) return ggx_fail_errno(error, errno, "write", d->partial);
    memcpy(bytes, MAGIC, 8);
    put(bytes + 8, d->file->remote.size, 8);
    memcpy(bytes + 16, d->identity, 32);
    put(bytes + 48, d->position, 8);
    put(bytes + 56, ggx_crc32c(0, bytes, 56), 4);
    ggx_status status = ggx_write_file(d->journal, (ggx_str){(const char *)bytes, sizeof bytes}, error);
    if (status == GGX_OK) d->safe = d->position;
    return status;
}

/* How many bytes of the partial file are this file's; 0 when the journal is damaged, or of another file. */
static uint64_t journal_read(const download *d)
{
    uint8_t bytes[JOURNAL_BYTES + 1];
    struct stat st;
    const int fd = open(d->journal, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    const int64_t n = fd >= 0 ? ggx_read_some(fd, 0, bytes, sizeof bytes) : -1;
    if (fd >= 0) close(fd);
    if (!d->resumable || n != JOURNAL_BYTES || memcmp(bytes, MAGIC, 8) != 0 ||
        get(bytes + 56, 4) != ggx_crc32c(0, bytes, 56) || get(bytes + 8, 8) != d->file->remote.size ||
        memcmp(bytes + 16, d->identity, 32) != 0)
        return 0;
    const uint64_t position = get(bytes + 48, 8);
    if (fstat(d->fd, &st) != 0 || position > d->file->remote.size || (uint64_t)st.st_size < position) return 0;
    return position;
}

/* --- hashing ---------------------------------------------------------------------------------------------------------------------- */

static void begin_hash(const ggx_hub_file *file, ggx_hash *hash)
{
    ggx_hash_begin(hash, file->known ? file->hash : GGX_HASH_SHA256, file->remote.size);
}

/* The first `size` bytes of an open file. */
static ggx_status hash_file(int fd, uint64_t size, ggx_hash *hash, const char *path, const ggx_run *run,
                            ggx_error *error)
{
    char *block = malloc(BLOCK);
    ggx_status status = block ? GGX_OK : ggx_fail(error, GGX_E_NOMEM, "out of memory");
    for (uint64_t at = 0; at < size && status == GGX_OK;) {
        const uint64_t want = size - at < BLOCK ? size - at : BLOCK;
        const int64_t n = ggx_read_some(fd, at, block, want);
        if (n != (int64_t)want)
            status = ggx_fail_errno(error, n < 0 ? errno : EIO, "read", path);
        else if (stopped(run))
            status = ggx_fail(error, GGX_E_CANCELED, "stopped");
        else
            ggx_hash_update(hash, block, want);
        at += want;
    }
    free(block);
    return status;
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

ggx_status ggx_download_hash(const ggx_hub_file *file, const char *path, const ggx_run *run, uint8_t sha256[32],
                             ggx_error *error)
{
    struct stat st;
    ggx_hash hash;
    uint8_t digest[GGX_HASH_MAX] = {0};
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return ggx_fail_errno(error, errno, "open", path);
    ggx_status status = GGX_OK;
    begin_hash(file, &hash);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != file->remote.size)
        status = ggx_fail(error, GGX_E_INTEGRITY, "%.150s is not of the published size", path);
    if (status == GGX_OK) status = hash_file(fd, file->remote.size, &hash, path, run, error);
    if (status == GGX_OK) status = compare(file, &hash, digest, error);
    memcpy(sha256, digest, 32);
    close(fd);
    return status;
}

ggx_status ggx_download_check(const ggx_hub_file *file, const char *path, const ggx_run *run, ggx_error *error)
{
    uint8_t digest[32];
    return ggx_download_hash(file, path, run, digest, error);
}

/* --- opening and closing ---------------------------------------------------------------------------------------------------------- */

static ggx_status no_memory(ggx_error *error)
{
    return ggx_fail(error, GGX_E_NOMEM, "out of memory");
}

/* As in core/commit: the lock goes with the process, and the file that was locked must still have the name. fcntl's locks also hold on
 * network disks, which flock's may not. Gives 1 when it is held, 0 when another process has it, -1 after an error. */
static int try_lock(download *d, ggx_error *error)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat ours, named;
    d->fd = open(d->partial, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
    if (d->fd < 0) return (void)ggx_fail_errno(error, errno, "create", d->partial), -1;
    const int busy = fcntl(d->fd, F_SETLK, &lock) != 0 && (errno == EACCES || errno == EAGAIN);
    if (!busy && fstat(d->fd, &ours) == 0 && stat(d->partial, &named) == 0 && ours.st_ino == named.st_ino &&
        ours.st_dev == named.st_dev) {
        if (S_ISREG(ours.st_mode)) return 1;
        return (void)ggx_fail(error, GGX_E_DENIED, "%.150s is not a regular file", d->partial), -1;
    }
    close(d->fd);
    d->fd = -1;
    return 0;
}

static ggx_status lock_partial(download *d, ggx_error *error)
{
    const struct timespec pause = {0, 100000000};
    int said = 0;
    for (;;) {
        const int held = try_lock(d, error);
        if (held > 0) return GGX_OK;
        if (held < 0) return error ? error->status : GGX_E_IO;
        if (stopped(d->run)) return ggx_fail(error, GGX_E_CANCELED, "stopped");
        if (!said++ && d->run && d->run->log)
            d->run->log(d->run->context, GGX_LOG_INFO, "another process fetches this file; waiting for it");
        nanosleep(&pause, NULL);
    }
}

static ggx_status open_download(download *d, ggx_error *error)
{
    d->partial = ggx_output_beside(d->path, ".ggx-part");
    d->journal = ggx_output_beside(d->path, ".ggx-have");
    d->directory = ggx_output_directory(d->path);
    if (!d->partial || !d->journal || !d->directory) return no_memory(error);
    d->directory_fd = open(d->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->directory_fd < 0) return ggx_fail_errno(error, errno, "open", d->directory);
    return lock_partial(d, error);
}

static void close_download(download *d)
{
    if (d->fd >= 0) close(d->fd);
    if (d->directory_fd >= 0) close(d->directory_fd);
    free(d->partial);
    free(d->journal);
    free(d->directory);
}

static void discard(const download *d)
{
    (void)unlink(d->journal);
    (void)unlink(d->partial);
}

/* --- the transfer ----------------------------------------------------------------------------------------------------------------- */

static ggx_status check_room(const download *d, ggx_error *error)
{
    struct statvfs fs;
    const uint64_t need = d->file->remote.size - d->position;
    if (fstatvfs(d->fd, &fs) != 0) return GGX_OK;
    const uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (!need || (room >= FREE_LEFT && room - FREE_LEFT >= need)) return GGX_OK;
    return ggx_fail(error, GGX_E_NOSPACE,
                    "%.100s needs %llu more bytes, and %llu are free; free some space or choose another disk, then "
                    "run this again",
                    d->path, (unsigned long long)need, (unsigned long long)room);
}

static ggx_status take(void *context, const void *data, uint64_t size, ggx_error *error)
{
    download *d = context;
    ggx_status status = ggx_write_all(d->fd, d->position, data, size, d->path, error);
    if (status != GGX_OK) return status;
    ggx_hash_update(&d->hash, data, size);
    d->position += size;
    if (d->run && d->run->progress) d->run->progress(d->run->context, d->position, d->file->remote.size);
    return d->position - d->safe >= GGX_DOWNLOAD_SEGMENT ? journal_write(d, error) : GGX_OK;
}

/* What lies there already is hashed anew: the disk is not believed either. */
static ggx_status take_up(download *d, ggx_error *error)
{
    begin_hash(d->file, &d->hash);
    d->position = d->safe = journal_read(d);
    if (!d->position) (void)unlink(d->journal);
    if (ftruncate(d->fd, (off_t)d->position) != 0) return ggx_fail_errno(error, errno, "write", d->partial);
    return hash_file(d->fd, d->position, &d->hash, d->partial, d->run, error);
}

static ggx_status transfer(download *d, ggx_range_client *client, ggx_error *error)
{
    ggx_error ignored;
    ggx_status status = take_up(d, error);
    if (status == GGX_OK) status = check_room(d, error);
    if (status == GGX_OK) status = ggx_range_stream(client, &d->file->remote, d->position, take, d, error);
    if (status != GGX_OK && status != GGX_E_INTEGRITY) (void)journal_write(d, &ignored);
    return status;
}

/* The server cannot go on from the middle: once more from the first byte. */
static ggx_status begin_anew(download *d, ggx_range_client *client, ggx_error *error)
{
    (void)unlink(d->journal);
    return transfer(d, client, error);
}

static ggx_status finish(download *d, uint8_t sha256[32], ggx_error *error)
{
    uint8_t digest[GGX_HASH_MAX];
    struct stat st;
    ggx_status status = compare(d->file, &d->hash, digest, error);
    if (status == GGX_OK && (fstat(d->fd, &st) != 0 || (uint64_t)st.st_size != d->file->remote.size))
        status = ggx_fail(error, GGX_E_INTEGRITY, "%.150s changed while it was written", d->partial);
    if (status != GGX_OK) return status;
    if (!d->file->known || d->file->hash == GGX_HASH_SHA256) memcpy(sha256, digest, 32);
    status = ggx_output_rename(d->partial, d->path, d->fd, d->directory_fd, error);
    if (status == GGX_OK) (void)unlink(d->journal);
    return status;
}

ggx_status ggx_download(ggx_range_client *client, const ggx_hub_file *file, const char *path, const ggx_run *run,
                        uint8_t sha256[32], ggx_error *error)
{
    download d = {.file = file, .run = run, .path = path, .fd = -1, .directory_fd = -1};
    ggx_error why = {0};
    memset(sha256, 0, 32);
    if (file->known && ggx_download_check(file, path, run, &why) == GGX_OK) {
        if (file->hash == GGX_HASH_SHA256) memcpy(sha256, file->digest, 32);
        return GGX_OK;
    }
    if (why.status == GGX_E_CANCELED) return ggx_fail(error, GGX_E_CANCELED, "stopped");
    identify(&d);
    ggx_status status = open_download(&d, error);
    if (status == GGX_OK && file->known && ggx_download_check(file, path, run, &why) == GGX_OK) {
        discard(&d); /* another process has made it meanwhile */
        if (file->hash == GGX_HASH_SHA256) memcpy(sha256, file->digest, 32);
    } else if (status == GGX_OK) {
        status = transfer(&d, client, error);
        if (status == GGX_E_UNSUPPORTED && d.position) status = begin_anew(&d, client, error);
        if (status == GGX_OK) status = finish(&d, sha256, error);
        if (status == GGX_E_INTEGRITY) discard(&d);
    }
    close_download(&d);
    return status;
}
