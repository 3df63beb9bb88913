/* Names of unfinished outputs and their journals; `ggx finish`. */
#include "commit/files.h"
#include "commit/journal.h"
#include "commit/names.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ggx_sdk/error.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* "DIR/.NAME<suffix>" for "DIR/NAME". */
static char *beside(const char *path, const char *suffix)
{
    const char *slash = strrchr(path, '/');
    size_t head = slash ? (size_t)(slash - path) + 1 : 0, size = strlen(path) + strlen(suffix) + 2;
    char *out = malloc(size);
    if (out) snprintf(out, size, "%.*s.%s%s", (int)head, path, path + head, suffix);
    return out;
}

static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
}

ggx_status ggx_output_names(ggx_output *o, const char *path, ggx_error *error)
{
    char suffix[64];
    struct stat st;
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    if (!*base || (stat(path, &st) == 0 && !S_ISREG(st.st_mode)))
        return ggx_fail(error, GGX_E_USAGE, "-o %.100s does not name a regular file", path);
    if (o->parts == 1)
        snprintf(suffix, sizeof suffix, ".ggx-journal");
    else
        snprintf(suffix, sizeof suffix, ".ggx-journal.%u-of-%u", o->part, o->parts);
    char *directory = directory_of(path);
    o->path = strdup(path);
    o->partial = beside(path, ".ggx-part");
    o->journal = beside(path, suffix);
    if (directory && o->path && o->partial && o->journal)
        o->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ggx_status status =
        o->directory >= 0 ? GGX_OK
                          : ggx_fail_errno(error, directory ? errno : ENOMEM, "write into", directory ? directory : "");
    free(directory);
    return status;
}

/* Calls `each` with a descriptor of every journal of the output; stops at the first error. */
static ggx_status each_journal(const char *path,
                               ggx_status (*each)(void *context, int fd, const char *name, ggx_error *error),
                               void *context, ggx_error *error)
{
    char *directory = directory_of(path), *prefix = beside(path, ".ggx-journal");
    const char *slash = prefix ? strrchr(prefix, '/') : NULL, *base = slash ? slash + 1 : prefix;
    DIR *dir = directory && prefix ? opendir(directory) : NULL;
    ggx_status status =
        dir ? GGX_OK : ggx_fail_errno(error, directory ? errno : ENOMEM, "look into", directory ? directory : "");
    struct dirent *entry;
    while (status == GGX_OK && (entry = readdir(dir))) {
        size_t n = strlen(base);
        if (strncmp(entry->d_name, base, n) || (entry->d_name[n] && entry->d_name[n] != '.')) continue;
        int fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0) continue; /* gone meanwhile */
        status = each(context, fd, entry->d_name, error);
        close(fd);
    }
    if (dir) closedir(dir);
    free(directory);
    free(prefix);
    return status;
}

static void ignore_tile(void *context, uint64_t tile)
{
    (void)context;
    (void)tile;
}

static ggx_status check_other(void *context, int fd, const char *name, ggx_error *error)
{
    const ggx_output *o = context;
    ggx_journal_header found;
    uint64_t end;
    if (ggx_journal_read(fd, &found, ignore_tile, NULL, &end, NULL) != GGX_OK) return GGX_OK;
    int whole = found.parts == 1;
    if (whole && o->parts == 1) return GGX_OK; /* our own, or of an earlier run: open_journal decides */
    int same = found.digest[0] == o->plan->digest[0] && found.digest[1] == o->plan->digest[1];
    if (o->parts > 1 && !whole && same) return GGX_OK;
    return ggx_fail(error, GGX_E_USAGE, "%s of %.60s lies here (%.60s); use 'ggx finish', or remove it",
                    same ? "unfinished work" : "unfinished work by other settings", o->path, name);
}

ggx_status ggx_output_other_journals(ggx_output *o, ggx_error *error)
{
    return each_journal(o->path, check_other, o, error);
}

/* --- finish ----------------------------------------------------------------------------------------------------------------------- */

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
    ggx_status status = ggx_journal_read(fd, &found, ignore_tile, NULL, &end, error);
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
    char *partial = beside(path, ".ggx-part"), *directory = directory_of(path);
    int fd = -1, dir = -1;
    *missing = 0;
    ggx_status status = partial && directory ? each_journal(path, take_journal, &g, error)
                                             : ggx_fail(error, GGX_E_NOMEM, "out of memory");
    if (status == GGX_OK && !g.journals)
        status = ggx_fail(error, GGX_E_NOTFOUND, "there is nothing to finish: no parts of %.100s lie here", path);
    if (status == GGX_OK && g.covered < g.header.tile_count) {
        *missing = g.header.tile_count - g.covered;
        status = ggx_fail(error, GGX_E_NOTFOUND,
                          "%llu of %llu tiles of %.100s are not done yet; run the missing parts first",
                          (unsigned long long)*missing, (unsigned long long)g.header.tile_count, path);
    }
    struct stat st;
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
    if (status == GGX_OK) status = each_journal(path, remove_journal, &dir, error);
    if (fd >= 0) close(fd);
    if (dir >= 0) close(dir);
    free(partial);
    free(directory);
    free(g.done);
    return status;
}
