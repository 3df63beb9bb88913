/* tests/unit/scratch.h - a directory for one test program, removed at its end. Header-only. */
#ifndef GGX_TESTS_UNIT_SCRATCH_H
#define GGX_TESTS_UNIT_SCRATCH_H

#include "unit.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch_directory[256];

/* Setup of a test group. */
static inline int scratch_begin(void **unused)
{
    (void)unused;
    const char *base = getenv("TMPDIR");
    snprintf(scratch_directory, sizeof scratch_directory, "%s/ggx-unit-XXXXXX", base ? base : "/tmp");
    return mkdtemp(scratch_directory) ? 0 : -1;
}

static inline void scratch_remove(int parent, const char *name)
{
    int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    DIR *stream = directory < 0 ? NULL : fdopendir(directory);
    if (!stream) {
        unlinkat(parent, name, 0);
        return;
    }
    for (struct dirent *entry; (entry = readdir(stream));)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) scratch_remove(dirfd(stream), entry->d_name);
    closedir(stream);
    unlinkat(parent, name, AT_REMOVEDIR);
}

/* Teardown of a test group. */
static inline int scratch_end(void **unused)
{
    (void)unused;
    scratch_remove(AT_FDCWD, scratch_directory);
    return 0;
}

/* The path of a name in the directory. Good until four more calls. */
static inline const char *scratch_path(const char *name)
{
    static char paths[4][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, PATH_MAX, "%s/%s", scratch_directory, name);
    return path;
}

static inline void scratch_mkdir(const char *name)
{
    if (mkdir(scratch_path(name), 0755)) fail_msg("cannot make %s", scratch_path(name));
}

static inline void scratch_write(const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(scratch_path(name), "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file)) fail_msg("cannot write %s", scratch_path(name));
}

#endif
