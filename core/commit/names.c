/* Names beside an output, the walk over its journals, and the rename. */
#include "commit/names.h"
#include "commit/files.h"
#include "commit/journal.h"
#include "source/open.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ggx_sdk/error.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* "DIR/.NAME<suffix>" for "DIR/NAME". */
char *ggx_output_beside(const char *path, const char *suffix)
{
    const char *slash = strrchr(path, '/');
    size_t head = slash ? (size_t)(slash - path) + 1 : 0, size = strlen(path) + strlen(suffix) + 2;
    char *out = malloc(size);
    if (out) snprintf(out, size, "%.*s.%s%s", (int)head, path, path + head, suffix);
    return out;
}

char *ggx_output_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
}

/* Parts find each other's file by the plan's digest, so that bytes of another plan can never lie where this one leaves zeros. */
char *ggx_output_partial(const char *path, uint64_t parts, const uint64_t digest[2])
{
    char suffix[64];
    if (parts == 1) return ggx_output_beside(path, ".ggx-part");
    snprintf(suffix, sizeof suffix, ".ggx-part.%016llx", (unsigned long long)(digest[0] ^ digest[1]));
    return ggx_output_beside(path, suffix);
}

/* Replacing a file that is still being read would lose the original. */
static ggx_status refuse_input(const ggx_output *o, const struct stat *st, const char *path, ggx_error *error)
{
    const ggx_source *source = o->plan->checkpoint->source;
    for (uint32_t i = 0, n = o->replace ? 0 : source->count(source); i < n; i++) {
        uint64_t identity[3];
        if (ggx_source_identity(source, i, identity, NULL) == GGX_OK && identity[1] == (uint64_t)st->st_size &&
            identity[2] == (uint64_t)st->st_ino)
            return ggx_fail(error, GGX_E_USAGE, "-o %.100s is one of the files being read; choose another name", path);
    }
    for (size_t i = 0; i < sizeof o->kept / sizeof *o->kept; i++) {
        struct stat kept;
        if (o->kept[i] && stat(o->kept[i], &kept) == 0 && kept.st_ino == st->st_ino && kept.st_dev == st->st_dev)
            return ggx_fail(error, GGX_E_USAGE, "-o %.100s is one of the files being read; choose another name", path);
    }
    return GGX_OK;
}

/* "DIR/NAME-00001-of-00003.EXT" for "DIR/NAME.EXT", as split sets of every format are named. */
char *ggx_output_file_name(const char *path, uint32_t index, uint32_t count)
{
    if (count == 1) return strdup(path);
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path, *dot = strrchr(base, '.');
    const size_t size = strlen(path) + 32, stem = dot && dot > base ? (size_t)(dot - path) : strlen(path);
    char *out = malloc(size);
    if (out) snprintf(out, size, "%.*s-%05u-of-%05u%s", (int)stem, path, index + 1, count, path + stem);
    return out;
}

static ggx_status name_file(ggx_output *o, ggx_output_file *file, ggx_error *error)
{
    struct stat st;
    if (!file->path) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    const int there = stat(file->path, &st) == 0;
    if (there && !S_ISREG(st.st_mode))
        return ggx_fail(error, GGX_E_USAGE, "-o %.100s does not name a regular file", file->path);
    file->partial = ggx_output_partial(file->path, o->parts, o->plan->digest);
    if (!file->partial) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    return there ? refuse_input(o, &st, file->path, error) : GGX_OK;
}

static ggx_status name_files(ggx_output *o, ggx_error *error)
{
    const uint64_t *starts = o->plan->starts;
    ggx_status status = GGX_OK;
    o->files = calloc(o->plan->output_count, sizeof *o->files);
    if (!o->files) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    o->file_count = o->plan->output_count;
    for (uint32_t i = 0; i < o->file_count; i++) o->files[i].fd = -1;
    for (uint32_t i = 0; i < o->file_count && status == GGX_OK; i++) {
        o->files[i].start = starts[i];
        o->files[i].size = starts[i + 1] - starts[i];
        o->files[i].path = ggx_output_file_name(o->path, i, o->file_count);
        status = name_file(o, &o->files[i], error);
    }
    return status;
}

ggx_status ggx_output_names(ggx_output *o, const char *path, ggx_error *error)
{
    char suffix[64];
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    if (!*base || !strcmp(path, "-"))
        return ggx_fail(error, GGX_E_USAGE, "-o %.100s does not name a regular file", path);
    if (o->parts == 1)
        snprintf(suffix, sizeof suffix, ".ggx-journal");
    else
        snprintf(suffix, sizeof suffix, ".ggx-journal.%u-of-%u", o->part, o->parts);
    char *directory = ggx_output_directory(path);
    o->path = strdup(path);
    o->journal = ggx_output_beside(path, suffix);
    ggx_status status =
        directory && o->path && o->journal ? name_files(o, error) : ggx_fail(error, GGX_E_NOMEM, "out of memory");
    if (status == GGX_OK) {
        o->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (o->directory < 0) status = ggx_fail_errno(error, errno, "write into", directory);
    }
    free(directory);
    return status;
}

ggx_status ggx_output_journals(const char *path, const char *own,
                               ggx_status (*each)(void *context, int fd, const char *name, ggx_error *error),
                               void *context, ggx_error *error)
{
    char *directory = ggx_output_directory(path), *prefix = ggx_output_beside(path, ".ggx-journal");
    const char *slash = prefix ? strrchr(prefix, '/') : NULL, *base = slash ? slash + 1 : prefix;
    DIR *dir = directory && prefix ? opendir(directory) : NULL;
    ggx_status status =
        dir ? GGX_OK : ggx_fail_errno(error, directory ? errno : ENOMEM, "look into", directory ? directory : "");
    struct dirent *entry;
    while (status == GGX_OK && (entry = readdir(dir))) {
        size_t n = strlen(base);
        if (strncmp(entry->d_name, base, n) || (entry->d_name[n] && entry->d_name[n] != '.')) continue;
        if (own && ggx_str_ends(ggx_str_of(own), ggx_str_of(entry->d_name)))
            continue; /* closing it would give up its lock */
        int fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0) continue; /* gone meanwhile */
        struct stat st;
        if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) status = each(context, fd, entry->d_name, error);
        close(fd);
    }
    if (dir) closedir(dir);
    free(directory);
    free(prefix);
    return status;
}

void ggx_journal_ignore(void *context, uint64_t tile)
{
    (void)context;
    (void)tile;
}

static ggx_status check_other(void *context, int fd, const char *name, ggx_error *error)
{
    const ggx_output *o = context;
    ggx_journal_header found;
    uint64_t end;
    if (ggx_journal_read(fd, &found, ggx_journal_ignore, NULL, &end, NULL) != GGX_OK) return GGX_OK;
    int whole = found.parts == 1;
    if (whole && o->parts == 1) return GGX_OK; /* our own, or of an earlier run: open_journal decides */
    int same = found.digest[0] == o->plan->digest[0] && found.digest[1] == o->plan->digest[1];
    if (o->parts > 1 && !whole && same) return GGX_OK;
    return ggx_fail(error, GGX_E_USAGE, "%s of %.60s lies here (%.60s); use 'ggx finish', or remove it",
                    same ? "unfinished work" : "unfinished work by other settings", o->path, name);
}

ggx_status ggx_output_other_journals(ggx_output *o, ggx_error *error)
{
    return ggx_output_journals(o->path, o->journal_fd >= 0 ? o->journal : NULL, check_other, o, error);
}

ggx_status ggx_output_rename(const char *partial, const char *path, int fd, int directory, ggx_error *error)
{
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return ggx_fail(error, GGX_E_USAGE, "%.100s exists and is not a regular file; choose another -o", path);
    if (stat(path, &st) == 0) (void)fchmod(fd, st.st_mode & 0777); /* who could not read it before cannot now */
    if (fsync(fd) != 0) return ggx_fail_errno(error, errno, "sync", partial);
    if (rename(partial, path) != 0) return ggx_fail_errno(error, errno, "rename", partial);
    if (fsync(directory) != 0 && errno != EINVAL) return ggx_fail_errno(error, errno, "sync the directory of", path);
    return GGX_OK;
}
