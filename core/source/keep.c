/* Copies of what streams. */
#include "source/keep.h"

#include "base/text.h"
#include "commit/files.h"
#include "commit/names.h"
#include "source/ahead.h"
#include <errno.h>
#include <fcntl.h>
#include <ggx_sdk/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEEP_MEMORY (64u << 20)

static const ggx_remote *remote_of(const ggx_keep *k)
{
    return ((const ggx_files *)k->source->context)->remote;
}

static ggx_status find_place(ggx_keep *k, uint32_t member, ggx_error *error)
{
    const ggx_remote *r = remote_of(k);
    ggx_status status = ggx_fetch_find_place(r->name, &r->hub, member, &k->arena, &k->place, error);
    if (status != GGX_OK) return status;
    char *partial = ggx_output_beside(k->place, ".ggx-keep.ggx-part");
    k->partial = partial ? ggx_arena_str(&k->arena, ggx_str_of(partial)).data : NULL;
    free(partial);
    return k->partial ? GGX_OK : ggx_fail(error, GGX_E_NOMEM, "out of memory");
}

/* -1: there is no such file. */
static int64_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) ? (int64_t)st.st_size : -1;
}

/* Of a file, what is still to be written. */
static ggx_status count_missing(ggx_keep *k, const ggx_stream_file *file, uint64_t *missing, ggx_error *error)
{
    ggx_status status = find_place(k, file->member, error);
    if (status != GGX_OK || size_of(k->place) == (int64_t)file->size) return status;
    const int64_t begun = size_of(k->partial);
    *missing += file->size - (begun > 0 && (uint64_t)begun < file->size ? (uint64_t)begun : 0);
    return GGX_OK;
}

ggx_status ggx_keep_open(ggx_keep *k, const ggx_source *source, const ggx_stream_file *files, uint32_t count,
                         const ggx_run *run, ggx_error *error)
{
    uint64_t missing = 0;
    ggx_status status = GGX_OK;
    memset(k, 0, sizeof *k);
    ggx_arena_init(&k->arena, KEEP_MEMORY);
    pthread_mutex_init(&k->lock, NULL);
    k->source = source;
    k->run = run;
    k->fd = -1;
    for (uint32_t i = 0; i < count && status == GGX_OK; i++) status = count_missing(k, &files[i], &missing, error);
    const uint64_t room = status == GGX_OK && count ? ggx_output_disk_free(k->place) : UINT64_MAX;
    if (status == GGX_OK && room < missing)
        status =
            ggx_fail(error, GGX_E_NOSPACE,
                     "--keep needs %llu bytes in the cache, and its disk has %llu; see ggx cache, or leave --keep out",
                     (unsigned long long)missing, (unsigned long long)room);
    return status;
}

int ggx_keep_reaches(ggx_keep *k, const ggx_stream_file *files, uint32_t count, uint64_t position)
{
    ggx_error ignored;
    int reaches = 1;
    for (uint32_t i = 0; i < count && reaches && files[i].start < position; i++) {
        const uint64_t size = files[i].size, begun = position - files[i].start;
        if (find_place(k, files[i].member, &ignored) != GGX_OK) return 0;
        reaches = size_of(k->place) == (int64_t)size || (begun < size && size_of(k->partial) >= (int64_t)begun);
    }
    return reaches;
}

static void warn(const ggx_keep *k, const char *text)
{
    ggx_text line = {0};
    ggx_text_format(&line, "--keep: %s: %s", k->place, text);
    if (k->run && k->run->log && !line.failed) k->run->log(k->run->context, GGX_LOG_WARNING, line.data);
    ggx_text_free(&line);
}

/* What lies there already is left alone: whoever uses it next compares its digest. */
static ggx_status begin(void *context, uint32_t member, uint64_t offset, ggx_error *error)
{
    ggx_keep *k = context;
    const uint64_t size = remote_of(k)->hub.files[member].remote.size;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    ggx_status status = find_place(k, member, error);
    if (status != GGX_OK || size_of(k->place) == (int64_t)size) return status;
    const int fd = open(k->partial, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0666);
    if (fd < 0) return ggx_fail_errno(error, errno, "create", k->partial);
    if (fcntl(fd, F_SETLK, &lock) != 0) {
        close(fd);
        warn(k, "another process writes it now, so this one does not");
        return GGX_OK;
    }
    if (ftruncate(fd, (off_t)offset) != 0) {
        status = ggx_fail_errno(error, errno, "write", k->partial);
        close(fd);
        return status;
    }
    pthread_mutex_lock(&k->lock);
    k->fd = fd;
    pthread_mutex_unlock(&k->lock);
    return GGX_OK;
}

static ggx_status write_piece(void *context, uint64_t offset, const void *data, uint64_t size, ggx_error *error)
{
    const ggx_keep *k = context;
    return k->fd < 0 ? GGX_OK : ggx_write_all(k->fd, offset, data, size, k->partial, error);
}

static void let_go(ggx_keep *k)
{
    pthread_mutex_lock(&k->lock);
    if (k->fd >= 0) close(k->fd);
    k->fd = -1;
    pthread_mutex_unlock(&k->lock);
}

static ggx_status end(void *context, uint32_t member, ggx_error *error)
{
    ggx_keep *k = context;
    const ggx_remote *r = remote_of(k);
    ggx_status status = GGX_OK;
    if (k->fd >= 0) {
        if (fsync(k->fd) != 0 || rename(k->partial, k->place) != 0)
            status = ggx_fail_errno(error, errno, "write", k->place);
        let_go(k);
    }
    return status == GGX_OK ? ggx_fetch_settle(r->name, &r->hub, member, &k->arena, error) : status;
}

ggx_stream_keeper ggx_keep_keeper(ggx_keep *k)
{
    return (ggx_stream_keeper){k, begin, write_piece, end};
}

ggx_status ggx_keep_sync(ggx_keep *k, ggx_error *error)
{
    ggx_status status = GGX_OK;
    pthread_mutex_lock(&k->lock);
    if (k->fd >= 0 && fdatasync(k->fd) != 0) status = ggx_fail_errno(error, errno, "write", k->partial);
    pthread_mutex_unlock(&k->lock);
    return status;
}

void ggx_keep_close(ggx_keep *k, int stays)
{
    if (k->fd >= 0 && !stays) (void)unlink(k->partial);
    let_go(k);
    pthread_mutex_destroy(&k->lock);
    ggx_arena_free(&k->arena);
}
