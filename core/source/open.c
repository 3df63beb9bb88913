/* open.c - makes a source of what the user named. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "base/text.h"
#include "source/ahead.h"
#include "source/members.h"
#include <errno.h>
#include <fcntl.h>
#include <ggx_sdk/error.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES_CAP (64u << 20) /* bytes for names and paths */
#define LEVELS 4              /* of directories */

static ggx_status no_memory(ggx_error *error)
{
    return ggx_fail(error, GGX_E_NOMEM, "no memory for the names of the source's files");
}

ggx_status ggx_files_make(uint32_t kind, ggx_files **out, ggx_error *error)
{
    ggx_files *files = calloc(1, sizeof *files);
    if (!files) return no_memory(error);
    if (pthread_mutex_init(&files->lock, NULL)) {
        free(files);
        return no_memory(error);
    }
    files->source.kind = kind;
    files->root = -1;
    files->root_path = files->base = "";
    ggx_arena_init(&files->arena, NAMES_CAP);
    ggx_files_set_calls(files);
    *out = files;
    return GGX_OK;
}

ggx_status ggx_files_add(ggx_files *files, const ggx_file *file, uint32_t *index, ggx_error *error)
{
    if (files->count == GGX_MEMBERS)
        return ggx_fail(error, GGX_E_UNSUPPORTED, "the source has more than %u files", GGX_MEMBERS);
    if (files->count == files->capacity) {
        uint32_t capacity = files->capacity ? files->capacity * 2 : 16;
        ggx_file **grown = realloc(files->files, capacity * sizeof *grown);
        if (!grown) return no_memory(error);
        files->files = grown;
        files->capacity = capacity;
    }
    ggx_file *kept = ggx_arena_alloc(&files->arena, sizeof *kept);
    if (!kept) return no_memory(error);
    *kept = *file;
    files->files[files->count] = kept;
    *index = files->count++;
    return GGX_OK;
}

/* Takes the path apart into the root, which is a directory's own path or the one that a file lies in, and the base name. */
static ggx_status set_root(ggx_files *files, const char *path, ggx_error *error)
{
    int directory = files->source.kind == GGX_SOURCE_DIRECTORY;
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/') size--;
    const char *all = ggx_arena_str(&files->arena, (ggx_str){path, size}).data;
    if (!all) return no_memory(error);
    const char *slash = strrchr(all, '/');
    files->base = slash && slash[1] ? slash + 1 : all;
    uint64_t root_size = directory ? size : slash ? (uint64_t)(slash - all) : 0;
    if (root_size || slash) /* a slash behind all but the root directory, which is one */
        files->root_path =
            ggx_arena_format(&files->arena, "%.*s%s", (int)root_size, all, directory && !strcmp(all, "/") ? "" : "/")
                .data;
    if (!files->root_path) return no_memory(error);
    files->root = open(*files->root_path ? files->root_path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (files->root < 0 && directory)
        return ggx_fail(error, errno == EACCES ? GGX_E_DENIED : GGX_E_IO, "cannot open the directory %s: %s", path,
                        strerror(errno));
    return GGX_OK; /* beside a file in a directory that cannot be listed, no siblings are found */
}

static ggx_status add_listed(ggx_files *files, ggx_str prefix, uint32_t levels, ggx_error *error)
{
    ggx_listing listing;
    const char *shown = *files->root_path ? files->root_path : ".";
    ggx_status status = ggx_listing_make(&files->arena, files->root, shown, prefix, levels, &listing, error);
    for (uint32_t i = 0; status == GGX_OK && i < listing.count; i++) {
        const ggx_listed *listed = &listing.files[i];
        ggx_file file = {.name = listed->name, .state = listed->state, .below = 1, .slot = -1};
        file.path = ggx_arena_format(&files->arena, "%s%s", files->root_path, listed->name.data).data;
        uint32_t index;
        status = file.path ? ggx_files_add(files, &file, &index, error) : no_memory(error);
    }
    files->sorted = files->count;
    return status;
}

static ggx_status open_directory(ggx_files *files, const char *path, ggx_error *error)
{
    ggx_status status = set_root(files, path, error);
    return status == GGX_OK ? add_listed(files, GGX_LIT(""), LEVELS, error) : status;
}

static ggx_status open_prefix(ggx_files *files, const char *path, ggx_error *error)
{
    ggx_status status = set_root(files, path, error);
    if (status != GGX_OK) return status;
    ggx_str prefix = ggx_arena_format(&files->arena, "%s.", files->base);
    if (!prefix.data) return no_memory(error);
    if (files->root >= 0) status = add_listed(files, prefix, 1, error);
    if (status != GGX_OK || files->count) return status;
    return ggx_fail(error, GGX_E_NOTFOUND, "there is no file or directory %s, and none that begins with %s.", path,
                    path);
}

ggx_status ggx_source_add_file(ggx_source *source, const char *path, uint32_t *index, ggx_error *error)
{
    ggx_files *files = source->context;
    const char *slash = strrchr(path, '/');
    ggx_file file = {.slot = -1};
    ggx_status status = ggx_file_look(AT_FDCWD, path, path, &file.state, error);
    if (status != GGX_OK) return status;
    if (access(path, R_OK)) return ggx_fail(error, GGX_E_DENIED, "cannot read %s: %s", path, strerror(errno));
    pthread_mutex_lock(&files->lock);
    file.path = ggx_arena_str(&files->arena, ggx_str_of(path)).data;
    if (file.path) file.name = ggx_str_of(file.path + (slash ? slash + 1 - path : 0));
    status = file.path ? ggx_files_add(files, &file, index, error) : no_memory(error);
    pthread_mutex_unlock(&files->lock);
    return status;
}

ggx_status ggx_source_open(const char *path, ggx_source **out, ggx_error *error)
{
    struct stat st;
    ggx_files *files = NULL;
    *out = NULL;
    int found = *path && !stat(path, &st);
    if (!found && errno != ENOENT && errno != ENOTDIR)
        return ggx_fail(error, errno == EACCES ? GGX_E_DENIED : GGX_E_IO, "cannot open %s: %s", path, strerror(errno));
    uint32_t kind = !found ? GGX_SOURCE_PREFIX : S_ISDIR(st.st_mode) ? GGX_SOURCE_DIRECTORY : GGX_SOURCE_FILE, index;
    ggx_status status = ggx_files_make(kind, &files, error);
    if (status != GGX_OK) return status;
    if (kind == GGX_SOURCE_DIRECTORY) status = open_directory(files, path, error);
    if (kind == GGX_SOURCE_PREFIX) status = open_prefix(files, path, error);
    if (kind == GGX_SOURCE_FILE) {
        status = set_root(files, path, error);
        if (status == GGX_OK) status = ggx_source_add_file(&files->source, path, &index, error);
    }
    if (status == GGX_OK)
        *out = &files->source;
    else
        ggx_source_close(&files->source);
    return status;
}

ggx_status ggx_source_open_memory(ggx_str name, ggx_str bytes, ggx_source **out, ggx_error *error)
{
    ggx_files *files = NULL;
    *out = NULL;
    ggx_status status = ggx_files_make(GGX_SOURCE_FILE, &files, error);
    if (status != GGX_OK) return status;
    ggx_file file = {.slot = -1, .bytes = bytes.data ? bytes.data : "", .state = {.size = bytes.size}};
    file.name = ggx_arena_str(&files->arena, name);
    file.path = files->base = file.name.data;
    uint32_t index;
    status = file.path ? ggx_files_add(files, &file, &index, error) : no_memory(error);
    if (status == GGX_OK)
        *out = &files->source;
    else
        ggx_source_close(&files->source);
    return status;
}

void ggx_source_close(ggx_source *source)
{
    if (!source) return;
    ggx_files *files = source->context;
    for (uint32_t i = 0; i < GGX_OPEN_FILES; i++)
        if (files->open[i].file) close(files->open[i].fd);
    if (files->root >= 0) close(files->root);
    ggx_remote_close(files->remote);
    ggx_arena_free(&files->arena);
    pthread_mutex_destroy(&files->lock);
    free(files->files);
    free(files);
}

const char *ggx_source_path(const ggx_source *source, uint32_t member)
{
    ggx_files *files = source->context;
    pthread_mutex_lock(&files->lock);
    const char *path = member < files->count ? files->files[member]->path : "";
    pthread_mutex_unlock(&files->lock);
    return path;
}

void ggx_source_call(ggx_source *source, const char *name)
{
    ggx_files *files = source->context;
    files->called = name;
}

/* The part of the path that ends before `end`; *start gets where it begins. */
static ggx_str last_part(const char *path, uint64_t end, uint64_t *start)
{
    *start = end;
    while (*start && path[*start - 1] != '/') --*start;
    return (ggx_str){path + *start, end - *start};
}

/* .../models--ORG--REPO/snapshots/COMMIT[/...] is what a hub's cache calls REPO; empty for another path. */
static ggx_str repository_of(ggx_str path)
{
    uint64_t start, end = path.size;
    while (end && !ggx_str_same(last_part(path.data, end, &start), GGX_LIT("snapshots"))) end = start ? start - 1 : 0;
    if (!end || !start || end == path.size) return GGX_LIT("");
    const ggx_str whole = last_part(path.data, start - 1, &end), mark = GGX_LIT("models--");
    if (whole.size <= mark.size || memcmp(whole.data, mark.data, mark.size) != 0) return GGX_LIT("");
    ggx_str name = {whole.data + mark.size, whole.size - mark.size};
    for (uint64_t i = 0; i + 2 < name.size; i++)
        if (name.data[i] == '-' && name.data[i + 1] == '-') return (ggx_str){name.data + i + 2, name.size - i - 2};
    return name;
}

const char *ggx_source_folder(const ggx_source *source)
{
    ggx_files *files = source->context;
    ggx_str path = ggx_str_of(files->root_path);
    uint64_t start;
    if (files->called || files->root == -1) return files->called ? files->called : "";
    while (path.size > 1 && path.data[path.size - 1] == '/') path.size--;
    ggx_str name = last_part(path.data, path.size, &start);
    const int silent = !name.size || ggx_str_same(name, GGX_LIT(".")) || ggx_str_same(name, GGX_LIT(".."));
    char *real = silent || *path.data != '/' ? realpath(silent && path.size ? files->root_path : ".", NULL) : NULL;
    pthread_mutex_lock(&files->lock);
    if (real) path = silent ? ggx_str_of(real) : ggx_arena_format(&files->arena, "%s/%.*s", real, GGX_STR_ARGS(path));
    ggx_str repository = path.data ? repository_of(path) : GGX_LIT("");
    if (repository.size)
        name = repository;
    else if (silent)
        name = real ? last_part(path.data, path.size, &start) : GGX_LIT("");
    const ggx_str kept = ggx_arena_str(&files->arena, name);
    pthread_mutex_unlock(&files->lock);
    free(real);
    return kept.data ? kept.data : "";
}

uint64_t ggx_source_bytes_read(const ggx_source *source)
{
    ggx_files *files = source->context;
    return atomic_load_explicit(&files->bytes_read, memory_order_relaxed);
}

int ggx_source_was_read(const ggx_source *source, uint32_t member)
{
    ggx_files *files = source->context;
    pthread_mutex_lock(&files->lock);
    const ggx_file *file = member < files->count ? files->files[member] : NULL;
    pthread_mutex_unlock(&files->lock);
    return file && atomic_load_explicit(&file->read, memory_order_relaxed);
}
