/* Complete writes and readable errors. */
#include "commit/files.h"

#include "commit/names.h"
#include <errno.h>
#include <fcntl.h>
#include <ggx_sdk/error.h>
#include <stdlib.h>
#include <unistd.h>

#define ONE_WRITE (64u << 20) /* so that a cancelled run is noticed, and no call is longer than the kernel takes */

#undef ggx_fail_errno
ggx_status ggx_fail_errno(ggx_error *error, int code, const char *doing, const char *path)
{
    char text[96];
    if (strerror_r(code, text, sizeof text) != 0) snprintf(text, sizeof text, "error %d", code);
    switch (code) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: /* more than this disk, or this process, may have in a file */
        return ggx_fail(error, GGX_E_NOSPACE, "cannot %s %.100s: %s; free some space or choose another disk with -o",
                        doing, path, text);
    case EACCES:
    case EPERM:
    case EROFS: return ggx_fail(error, GGX_E_DENIED, "cannot %s %.100s: %s", doing, path, text);
    case ENOENT: return ggx_fail(error, GGX_E_NOTFOUND, "cannot %s %.100s: %s", doing, path, text);
    default: return ggx_fail(error, GGX_E_IO, "cannot %s %.100s: %s", doing, path, text);
    }
}

ggx_status ggx_write_all(int fd, uint64_t offset, const void *data, uint64_t size, const char *path, ggx_error *error)
{
    const char *from = data;
    while (size) {
        ssize_t n = pwrite(fd, from, size < ONE_WRITE ? (size_t)size : ONE_WRITE, (off_t)offset);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return ggx_fail_errno(error, n < 0 ? errno : EIO, "write", path);
        from += n;
        offset += (uint64_t)n;
        size -= (uint64_t)n;
    }
    return GGX_OK;
}

int64_t ggx_read_some(int fd, uint64_t offset, void *out, uint64_t size)
{
    char *to = out;
    uint64_t have = 0;
    while (have < size) {
        ssize_t n = pread(fd, to + have, (size_t)(size - have), (off_t)(offset + have));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        if (n == 0) break;
        have += (uint64_t)n;
    }
    return (int64_t)have;
}

static ggx_status write_beside(const char *partial, const char *path, int directory, ggx_str text, ggx_error *error)
{
    (void)unlink(partial); /* left by a run that was killed, or a link: then the link goes, not what it points to */
    int fd = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0) return ggx_fail_errno(error, errno, "create", path);
    ggx_status status = ggx_write_all(fd, 0, text.data, text.size, path, error);
    if (status == GGX_OK) status = ggx_output_rename(partial, path, fd, directory, error);
    if (status != GGX_OK) (void)unlink(partial);
    close(fd);
    return status;
}

ggx_status ggx_write_file(const char *path, ggx_str text, ggx_error *error)
{
    char *partial = ggx_output_beside(path, ".ggx-new"), *directory = ggx_output_directory(path);
    int fd = directory ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    ggx_status status = GGX_OK;
    if (!partial || !directory)
        status = ggx_fail(error, GGX_E_NOMEM, "no memory to write %.100s", path);
    else if (fd < 0)
        status = ggx_fail_errno(error, errno, "write", path);
    if (status == GGX_OK) status = write_beside(partial, path, fd, text, error);
    if (fd >= 0) close(fd);
    free(partial);
    free(directory);
    return status;
}
