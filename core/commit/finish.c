/* `ggx finish`: parts that cover a whole plan become the output. */
#include "commit/files.h"
#include "commit/journal.h"
#include "commit/names.h"
#include <errno.h>
#include <fcntl.h>
#include <ggx_sdk/error.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct gathering {
    ggx_journal_header header;
    uint8_t *done;
    uint64_t covered;
    int journals;
} gathering;

static void cover(void *context, uint64_t tile)
{
    gathering *g = context;
    if (!(g->done[tile / 8] >> (tile % 8) & 1)) g->covered++;
    g->done[tile / 8] = (uint8_t)(g->done[tile / 8] | 1u << (tile % 8));
}

static ggx_status take_journal(void *context, int fd, const char *name, ggx_error *error)
{
    gathering *g = context;
    ggx_journal_header found;
    uint64_t end;
    ggx_status status = ggx_journal_read(fd, &found, ggx_journal_ignore, NULL, &end, error);
    if (status != GGX_OK) return ggx_fail(error, GGX_E_MALFORMED, "%.100s is not a journal of ggx; remove it", name);
    if (!g->journals++) {
        g->header = found;
        g->done = found.tile_count < UINT64_MAX / 2 ? calloc((size_t)(found.tile_count / 8 + 1), 1) : NULL;
        if (!g->done) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    }
    if (memcmp(found.digest, g->header.digest, sizeof found.digest) || found.tile_count != g->header.tile_count)
        return ggx_fail(error, GGX_E_USAGE,
                        "the parts were made by different settings or from different inputs (%.100s); make them again",
                        name);
    return ggx_journal_read(fd, &found, cover, g, &end, error);
}

static ggx_status remove_journal(void *context, int fd, const char *name, ggx_error *error)
{
    (void)fd;
    (void)error;
    (void)unlinkat(*(const int *)context, name, 0);
    return GGX_OK;
}

/* One of the files being finished. */
typedef struct finished {
    char *path, *partial;
    int fd;
} finished;

static void close_files(finished *files, uint32_t count)
{
    for (uint32_t i = 0; files && i < count; i++) {
        if (files[i].fd >= 0) close(files[i].fd);
        free(files[i].path);
        free(files[i].partial);
    }
    free(files);
}

/* Opens the unfinished files; together they have the size that the journals say. */
static ggx_status open_files(const gathering *g, const char *path, finished *files, uint32_t count, ggx_error *error)
{
    uint64_t size = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct stat st;
        files[i].path = ggx_output_file_name(path, i, count);
        files[i].partial = files[i].path ? ggx_output_partial(files[i].path, g->header.parts, g->header.digest) : NULL;
        if (!files[i].partial) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
        files[i].fd = open(files[i].partial, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (files[i].fd < 0 && errno == ENOENT)
            return ggx_fail(error, GGX_E_NOTFOUND,
                            "%.100s, which the parts were written into, is gone; run the parts again, they begin anew",
                            files[i].partial);
        if (files[i].fd < 0 || fstat(files[i].fd, &st) != 0)
            return ggx_fail_errno(error, errno, "open", files[i].partial);
        size += (uint64_t)st.st_size;
    }
    if (size == g->header.file_size) return GGX_OK;
    return ggx_fail(error, GGX_E_INTEGRITY, "%.100s does not have the size its journals say; make the parts again",
                    files[0].partial);
}

static ggx_status finish_files(const gathering *g, const char *path, int directory, ggx_error *error)
{
    const uint32_t count = g->header.files ? (uint32_t)g->header.files : 1;
    finished *files = calloc(count, sizeof *files);
    if (!files) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    for (uint32_t i = 0; i < count; i++) files[i].fd = -1;
    ggx_status status = open_files(g, path, files, count, error);
    for (uint32_t i = count; i-- > 0 && status == GGX_OK;)
        status = ggx_output_rename(files[i].partial, files[i].path, files[i].fd, directory, error);
    close_files(files, count);
    return status;
}

ggx_status ggx_output_finish(const char *path, uint64_t *missing, ggx_error *error)
{
    gathering g = {0};
    char *directory = ggx_output_directory(path);
    int dir = -1;
    *missing = 0;
    ggx_status status = ggx_output_journals(path, NULL, take_journal, &g, error);
    if (status == GGX_OK && !g.journals)
        status = ggx_fail(error, GGX_E_NOTFOUND, "there is nothing to finish: no parts of %.100s lie here", path);
    if (status == GGX_OK && g.covered < g.header.tile_count) {
        *missing = g.header.tile_count - g.covered;
        status = ggx_fail(error, GGX_E_NOTFOUND,
                          "%llu of %llu tiles of %.100s are not done yet; run the missing parts first",
                          (unsigned long long)*missing, (unsigned long long)g.header.tile_count, path);
    }
    if (status == GGX_OK && !directory) status = ggx_fail(error, GGX_E_NOMEM, "out of memory");
    if (status == GGX_OK) {
        dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0) status = ggx_fail_errno(error, errno, "open", directory);
    }
    if (status == GGX_OK) status = finish_files(&g, path, dir, error);
    if (status == GGX_OK) status = ggx_output_journals(path, NULL, remove_journal, &dir, error);
    if (dir >= 0) close(dir);
    free(directory);
    free(g.done);
    return status;
}
