/* sdk/check/sample.c - loads what --sample names into memory: a file with its neighbours, a directory, or files with a common
 * beginning. */
#include "check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SAMPLE_LIMIT (256u << 20)   /* bytes of the sample itself */
#define NEIGHBOUR_LIMIT (16u << 20) /* bytes of a file beside it; larger ones are left out */

static int read_file(const char *path, uint64_t limit, sample_file *out)
{
    struct stat st;
    if (stat(path, &st) || !S_ISREG(st.st_mode) || (uint64_t)st.st_size > limit) return 0;
    FILE *file = fopen(path, "rb");
    if (!file) return 0;
    out->size = (uint64_t)st.st_size;
    out->data = malloc(out->size ? (size_t)out->size : 1);
    int good = out->data && fread(out->data, 1, (size_t)out->size, file) == out->size;
    fclose(file);
    if (!good) free(out->data);
    return good;
}

static int add_file(sample *s, const char *directory, const char *name, uint64_t limit)
{
    char path[4096];
    sample_file *file = &s->files[s->count];
    if (s->count == SAMPLE_FILES || (size_t)snprintf(path, sizeof path, "%s/%s", directory, name) >= sizeof path)
        return 0;
    if (!read_file(path, limit, file)) return 0;
    file->name = strdup(name);
    if (!file->name) return free(file->data), 0;
    s->count++;
    return 1;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const sample_file *)a)->name, ((const sample_file *)b)->name);
}

/* Files of a directory whose names begin with `prefix`, but for `except`. */
static void add_directory(sample *s, const char *directory, const char *prefix, const char *except, uint64_t limit)
{
    uint32_t first = s->count;
    DIR *dir = opendir(directory);
    if (!dir) return;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (!strncmp(entry->d_name, prefix, strlen(prefix)) && (!except || strcmp(entry->d_name, except)))
            add_file(s, directory, entry->d_name, limit);
    closedir(dir);
    qsort(s->files + first, s->count - first, sizeof *s->files, by_name);
}

int sample_load(sample *s, const char *path)
{
    struct stat st;
    char directory[4096];
    memset(s, 0, sizeof *s);
    s->path = path;
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    if ((size_t)snprintf(directory, sizeof directory, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".") >=
        sizeof directory)
        return 0;
    if (slash == path) strcpy(directory, "/");
    int there = !stat(path, &st);
    if (there && S_ISREG(st.st_mode)) {
        s->kind = GGX_SOURCE_FILE;
        if (add_file(s, directory, base, SAMPLE_LIMIT)) add_directory(s, directory, "", base, NEIGHBOUR_LIMIT);
    } else if (there && S_ISDIR(st.st_mode)) {
        s->kind = GGX_SOURCE_DIRECTORY;
        add_directory(s, path, "", NULL, SAMPLE_LIMIT);
    } else if (!there && *base) {
        s->kind = GGX_SOURCE_PREFIX;
        add_directory(s, directory, base, NULL, SAMPLE_LIMIT);
    }
    if (!s->count)
        fprintf(stderr, "ggx-plugin-check: %s: no readable sample of at most %u MiB\n", path, SAMPLE_LIMIT >> 20);
    return s->count != 0;
}

void sample_free(sample *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        free(s->files[i].name);
        free(s->files[i].data);
    }
    s->count = 0;
}
