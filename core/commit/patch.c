/* The record: a header of 64 bytes (magic, length of the file, offset, size, digest of all that), the old bytes, the new ones. */
#include "commit/patch.h"
#include "base/bytes.h"

#include "commit/files.h"
#include "commit/names.h"
#include "hash/digest.h"
#include <errno.h>
#include <fcntl.h>
#include <ggx_sdk/error.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_BYTES 64u
static const char magic[8] = {'g', 'g', 'x', 'u', 'n', 'd', 'o', '1'};

typedef struct patch {
    const char *path;
    char *record, *folder; /* malloc'd */
    int fd, directory;     /* descriptors or -1 */
    uint64_t file_size, offset, size;
    uint8_t *bytes; /* the record: header, old, new; malloc'd */
} patch;

static void digest_record(const patch *p, uint8_t out[16])
{
    ggx_digest d = GGX_DIGEST_START;
    ggx_digest_bytes(&d, p->bytes, 32);
    ggx_digest_bytes(&d, p->bytes + HEADER_BYTES, 2 * p->size);
    ggx_le_put(out, d.a, 8);
    ggx_le_put(out + 8, d.b, 8);
}

static void close_patch(patch *p)
{
    if (p->fd >= 0) close(p->fd); /* and its lock goes */
    if (p->directory >= 0) close(p->directory);
    free(p->record);
    free(p->folder);
    free(p->bytes);
}

static ggx_status open_patch(patch *p, const char *path, ggx_error *error)
{
    *p = (patch){.path = path, .fd = -1, .directory = -1};
    p->record = ggx_output_beside(path, ".ggx-undo");
    p->folder = ggx_output_directory(path);
    if (!p->record || !p->folder) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    p->directory = open(p->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (p->directory < 0) return ggx_fail_errno(error, errno, "look into", p->folder);
    p->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (p->fd < 0) return ggx_fail_errno(error, errno, "change", path);
    if (flock(p->fd, LOCK_EX | LOCK_NB) != 0)
        return ggx_fail(error, GGX_E_USAGE, "%.150s is being changed by another process", path);
    return GGX_OK;
}

static ggx_status check_length(const patch *p, ggx_error *error)
{
    struct stat st;
    if (fstat(p->fd, &st) != 0) return ggx_fail_errno(error, errno, "look at", p->path);
    if ((uint64_t)st.st_size == p->file_size) return GGX_OK;
    return ggx_fail(error, GGX_E_INTEGRITY, "%.150s has %llu bytes, not %llu: it was changed meanwhile", p->path,
                    (unsigned long long)st.st_size, (unsigned long long)p->file_size);
}

static ggx_status write_and_sync(const patch *p, const uint8_t *bytes, ggx_error *error)
{
    ggx_status status = ggx_write_all(p->fd, p->offset, bytes, p->size, p->path, error);
    if (status == GGX_OK && fsync(p->fd) != 0) status = ggx_fail_errno(error, errno, "sync", p->path);
    return status;
}

static void drop_record(const patch *p)
{
    (void)unlink(p->record);
    (void)fsync(p->directory);
}

/* The record is whole on the disk, under its name, before the file is touched. */
static ggx_status keep_record(const patch *p, ggx_error *error)
{
    const uint64_t size = HEADER_BYTES + 2 * p->size;
    int fd = open(p->record, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return ggx_fail_errno(error, errno, "create", p->record);
    ggx_status status = ggx_write_all(fd, 0, p->bytes, size, p->record, error);
    if (status == GGX_OK && (fsync(fd) != 0 || (fsync(p->directory) != 0 && errno != EINVAL)))
        status = ggx_fail_errno(error, errno, "sync", p->record);
    close(fd);
    if (status != GGX_OK) (void)unlink(p->record);
    return status;
}

int ggx_patch_allowed(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1;
}

ggx_status ggx_patch_apply(const char *path, uint64_t file_size, uint64_t offset, const void *data, uint64_t size,
                           ggx_error *error)
{
    patch p;
    ggx_status status = open_patch(&p, path, error);
    p.file_size = file_size;
    p.offset = offset;
    p.size = size;
    if (status == GGX_OK) status = check_length(&p, error);
    if (status == GGX_OK && (size > file_size || offset > file_size - size || size > SIZE_MAX / 4))
        status = ggx_fail(error, GGX_E_USAGE, "%.150s has no such bytes", path);
    if (status == GGX_OK && !(p.bytes = calloc(1, (size_t)(HEADER_BYTES + 2 * size))))
        status = ggx_fail(error, GGX_E_NOMEM, "out of memory");
    if (status == GGX_OK && ggx_read_some(p.fd, offset, p.bytes + HEADER_BYTES, size) != (int64_t)size)
        status = ggx_fail_errno(error, errno, "read", path);
    if (status == GGX_OK) {
        uint8_t *fresh = p.bytes + HEADER_BYTES + size;
        memcpy(p.bytes, magic, sizeof magic);
        ggx_le_put(p.bytes + 8, file_size, 8);
        ggx_le_put(p.bytes + 16, offset, 8);
        ggx_le_put(p.bytes + 24, size, 8);
        memcpy(fresh, data, (size_t)size);
        digest_record(&p, p.bytes + 32);
        status = keep_record(&p, error);
        if (status == GGX_OK) {
            status = write_and_sync(&p, fresh, error);
            if (status != GGX_OK && write_and_sync(&p, p.bytes + HEADER_BYTES, NULL) != GGX_OK)
                status = ggx_fail(error, status,
                                  "%.100s could not be changed, nor put back; 'ggx edit' does that when "
                                  "the disk lets it",
                                  path);
            else
                drop_record(&p);
        }
    }
    close_patch(&p);
    return status;
}

/* The record's bytes; *whole is 0 when it was not finished: then the file had not been touched. */
static ggx_status read_record(patch *p, int fd, int *whole, ggx_error *error)
{
    struct stat st;
    uint8_t header[HEADER_BYTES], digest[16];
    *whole = 0;
    if (fstat(fd, &st) != 0) return ggx_fail_errno(error, errno, "look at", p->record);
    if (ggx_read_some(fd, 0, header, HEADER_BYTES) != HEADER_BYTES || memcmp(header, magic, sizeof magic))
        return GGX_OK;
    p->file_size = ggx_le_get(header + 8, 8);
    p->offset = ggx_le_get(header + 16, 8);
    p->size = ggx_le_get(header + 24, 8);
    if (p->size > (uint64_t)st.st_size || (uint64_t)st.st_size != HEADER_BYTES + 2 * p->size) return GGX_OK;
    p->bytes = malloc((size_t)(HEADER_BYTES + 2 * p->size));
    if (!p->bytes) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    if (ggx_read_some(fd, 0, p->bytes, HEADER_BYTES + 2 * p->size) != (int64_t)(HEADER_BYTES + 2 * p->size))
        return ggx_fail_errno(error, errno, "read", p->record);
    digest_record(p, digest);
    *whole = !memcmp(digest, p->bytes + 32, sizeof digest);
    return GGX_OK;
}

/* Every byte there is must be the old or the new one: otherwise the file is another than the record is of. */
static ggx_status put_back(patch *p, ggx_error *error)
{
    const uint8_t *old = p->bytes + HEADER_BYTES, *fresh = old + p->size;
    ggx_status status = check_length(p, error);
    if (status != GGX_OK) return status;
    uint8_t *now = malloc((size_t)(p->size ? p->size : 1));
    if (!now) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    int same = ggx_read_some(p->fd, p->offset, now, p->size) == (int64_t)p->size;
    for (uint64_t i = 0; i < p->size && same; i++) same = now[i] == old[i] || now[i] == fresh[i];
    free(now);
    if (!same)
        return ggx_fail(error, GGX_E_INTEGRITY, "%.100s is of a change to another file than %.100s; remove it",
                        p->record, p->path);
    return write_and_sync(p, old, error);
}

ggx_status ggx_patch_recover(const char *path, int *recovered, ggx_error *error)
{
    patch p = {.fd = -1, .directory = -1};
    int whole = 0;
    *recovered = 0;
    char *record = ggx_output_beside(path, ".ggx-undo");
    int fd = record ? open(record, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    free(record);
    if (fd < 0) return GGX_OK;
    ggx_status status = open_patch(&p, path, error);
    if (status == GGX_OK) status = read_record(&p, fd, &whole, error);
    if (status == GGX_OK && whole) status = put_back(&p, error);
    if (status == GGX_OK) drop_record(&p);
    *recovered = status == GGX_OK && whole;
    close(fd);
    close_patch(&p);
    return status;
}
