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

ggx_status ggx_output_finish(const char *path, uint64_t *missing, ggx_error *error)
{
    gathering g = {0};
    char *partial = NULL, *directory = ggx_output_directory(path);
    int fd = -1, dir = -1;
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
    struct stat st;
    if (status == GGX_OK) partial = ggx_output_partial(path, g.header.parts, g.header.digest);
    if (status == GGX_OK && (!partial || !directory)) status = ggx_fail(error, GGX_E_NOMEM, "out of memory");
    if (status == GGX_OK) {
        fd = open(partial, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || dir < 0)
            status = ggx_fail_errno(error, errno, "open", partial);
        else if (fstat(fd, &st) != 0 || (uint64_t)st.st_size != g.header.file_size)
            status = ggx_fail(error, GGX_E_INTEGRITY,
                              "%.100s does not have the size its journals say; make the parts again", partial);
    }
    if (status == GGX_OK) status = ggx_output_rename(partial, path, fd, dir, error);
    if (status == GGX_OK) status = ggx_output_journals(path, NULL, remove_journal, &dir, error);
    if (fd >= 0) close(fd);
    if (dir >= 0) close(dir);
    free(partial);
    free(directory);
    free(g.done);
    return status;
}
