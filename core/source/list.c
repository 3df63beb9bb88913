/* list.c - finds the regular files of a directory. Links to directories are never followed, so there are no loops. */
#include "base/text.h"
#include "source/members.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ggx_sdk/error.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct walk {
    ggx_arena *arena;
    const char *shown;
    ggx_str prefix;
    ggx_listing *out;
    ggx_error *error;
} walk;

static ggx_status no_memory(const walk *w)
{
    return ggx_fail(w->error, GGX_E_NOMEM, "no memory for the files of %s", w->shown);
}

static ggx_status append(const walk *w, ggx_str name, const ggx_file_state *state)
{
    ggx_listing *out = w->out;
    if (out->count == out->capacity) {
        uint32_t capacity = out->capacity ? out->capacity * 2 : 64;
        ggx_listed *files = ggx_arena_array(w->arena, capacity, sizeof *files);
        if (!files) return no_memory(w);
        if (out->count) memcpy(files, out->files, out->count * sizeof *files);
        out->files = files;
        out->capacity = capacity;
    }
    out->files[out->count++] = (ggx_listed){name, *state};
    return GGX_OK;
}

static ggx_status walk_directory(const walk *w, int directory, const char *below, uint32_t levels);

static ggx_status visit(const walk *w, int directory, const char *below, const char *entry, uint32_t levels)
{
    struct stat st;
    if (w->out->visited++ == GGX_MEMBERS)
        return ggx_fail(w->error, GGX_E_UNSUPPORTED, "%s holds more than %u files; name the one to convert", w->shown,
                        GGX_MEMBERS);
    if (fstatat(directory, entry, &st, AT_SYMLINK_NOFOLLOW)) return GGX_OK; /* removed meanwhile */
    ggx_str name = ggx_arena_format(w->arena, "%s%s%s", below, *below ? "/" : "", entry);
    if (!name.data) return no_memory(w);
    if (S_ISDIR(st.st_mode)) {
        if (levels < 2 || w->prefix.size || name.size > GGX_NAME_BYTES) return GGX_OK;
        int inner = openat(directory, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return inner < 0 ? GGX_OK : walk_directory(w, inner, name.data, levels - 1);
    }
    ggx_file_state state;
    ggx_error ignored;
    if (ggx_file_look(directory, entry, entry, &state, &ignored) != GGX_OK) return GGX_OK;
    return append(w, name, &state);
}

/* Takes the descriptor over. */
static ggx_status walk_directory(const walk *w, int directory, const char *below, uint32_t levels)
{
    DIR *stream = fdopendir(directory);
    if (!stream) {
        close(directory);
        return no_memory(w);
    }
    ggx_status status = GGX_OK;
    for (struct dirent *entry; status == GGX_OK && (entry = readdir(stream));) {
        if (entry->d_name[0] == '.' || !ggx_str_begins(ggx_str_of(entry->d_name), w->prefix)) continue;
        status = visit(w, dirfd(stream), below, entry->d_name, levels);
    }
    closedir(stream);
    return status;
}

static int name_order(const void *left, const void *right)
{
    return ggx_str_order(((const ggx_listed *)left)->name, ((const ggx_listed *)right)->name);
}

ggx_status ggx_listing_make(ggx_arena *arena, int root, const char *shown, ggx_str prefix, uint32_t levels,
                            ggx_listing *out, ggx_error *error)
{
    walk w = {arena, shown, prefix, out, error};
    memset(out, 0, sizeof *out);
    int directory = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* its own reading position */
    if (directory < 0)
        return ggx_fail(error, errno == EACCES ? GGX_E_DENIED : GGX_E_IO, "cannot list %s: %s", shown, strerror(errno));
    ggx_status status = walk_directory(&w, directory, "", levels);
    if (out->count) qsort(out->files, out->count, sizeof *out->files, name_order);
    return status;
}
