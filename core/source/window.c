/* window.c - what probes see of a source: its ends, and its siblings' names and beginnings. */
#include "source/ahead.h"
#include <ggx_sdk/error.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WINDOW_MAX 65536u
#define SIBLINGS_MAX 256u
#define SIBLING_HEAD 512u
#define MEMORY_CAP (64u << 20)

static ggx_status no_memory(ggx_error *error)
{
    return ggx_fail(error, GGX_E_NOMEM, "no memory to look at the source");
}

static ggx_status read_end(const ggx_source *source, ggx_arena *arena, uint64_t size, uint32_t want, int tail,
                           ggx_str *out, ggx_error *error)
{
    uint64_t n = want < WINDOW_MAX ? want : WINDOW_MAX;
    if (n > size) n = size;
    char *bytes = ggx_arena_alloc(arena, n);
    if (!bytes) return no_memory(error);
    out->data = bytes;
    out->size = n;
    return source->read_at(source, 0, tail ? size - n : 0, bytes, n, error);
}

/* The first bytes of a file below the root; empty when it cannot be read. */
static ggx_str read_sibling(int root, ggx_arena *arena, const char *name)
{
    ggx_str head = {NULL, 0};
    ggx_file_state state;
    ggx_error ignored;
    int fd = ggx_file_open_below(root, name);
    if (fd < 0) return head;
    char *bytes = ggx_arena_alloc(arena, SIBLING_HEAD);
    if (bytes && ggx_file_look(fd, NULL, name, &state, &ignored) == GGX_OK) {
        ssize_t n = pread(fd, bytes, SIBLING_HEAD, 0);
        head.data = bytes;
        head.size = n > 0 ? (uint64_t)n : 0;
    }
    close(fd);
    return head;
}

/* The same of the other files on a server. */
static ggx_status fill_remote(const ggx_files *files, ggx_arena *arena, ggx_probe *probe, ggx_error *error)
{
    ggx_sibling *siblings = ggx_arena_array(arena, SIBLINGS_MAX, sizeof *siblings);
    ggx_status status = siblings ? GGX_OK : no_memory(error);
    for (uint32_t i = files->source.kind == GGX_SOURCE_FILE; i < files->count && status == GGX_OK; i++) {
        if (probe->sibling_count == SIBLINGS_MAX) break;
        const uint64_t size = files->files[i]->state.size, n = size < SIBLING_HEAD ? size : SIBLING_HEAD;
        char *bytes = ggx_arena_alloc(arena, SIBLING_HEAD);
        if (!bytes) return no_memory(error);
        status = n ? ggx_remote_read(files->remote, i, 0, bytes, n, error) : GGX_OK; /* which does not count as read */
        siblings[probe->sibling_count++] = (ggx_sibling){files->files[i]->name, {bytes, n}};
    }
    probe->siblings = siblings;
    return status;
}

/* A directory's own files are known; those beside a file or prefix are listed for the purpose. */
static ggx_status fill_siblings(const ggx_files *files, ggx_arena *arena, ggx_probe *probe, ggx_error *error)
{
    ggx_listing listing = {0};
    int directory = files->source.kind == GGX_SOURCE_DIRECTORY;
    if (files->remote) return fill_remote(files, arena, probe, error);
    if (files->root < 0) return GGX_OK;
    if (!directory) {
        const char *shown = *files->root_path ? files->root_path : ".";
        ggx_error
            ignored; /* a directory that is too large or cannot be listed is no reason not to read one of its files */
        if (ggx_listing_make(arena, files->root, shown, (ggx_str){"", 0}, 1, &listing, &ignored) != GGX_OK)
            return GGX_OK;
    }
    uint32_t count = directory ? files->sorted : listing.count;
    ggx_sibling *siblings = ggx_arena_array(arena, SIBLINGS_MAX, sizeof *siblings);
    if (!siblings) return no_memory(error);
    for (uint32_t i = 0; i < count && probe->sibling_count < SIBLINGS_MAX; i++) {
        ggx_str name = directory ? files->files[i]->name : listing.files[i].name;
        if (files->source.kind == GGX_SOURCE_FILE && !strcmp(name.data, files->base)) continue;
        siblings[probe->sibling_count].name = name;
        siblings[probe->sibling_count++].head = read_sibling(files->root, arena, name.data);
    }
    probe->siblings = siblings;
    return GGX_OK;
}

ggx_status ggx_probe_window_open(const ggx_source *source, uint32_t head_want, uint32_t tail_want,
                                 ggx_probe_window *out, ggx_error *error)
{
    const ggx_files *files = source->context;
    ggx_probe *probe = &out->probe;
    memset(out, 0, sizeof *out);
    ggx_arena *arena = malloc(sizeof *arena);
    if (!arena) return no_memory(error);
    out->memory = arena;
    ggx_arena_init(arena, MEMORY_CAP);
    probe->struct_size = sizeof *probe;
    probe->kind = source->kind;
    probe->name = (ggx_str){files->base, strlen(files->base)};
    ggx_status status = GGX_OK;
    if (source->kind == GGX_SOURCE_FILE) {
        ggx_member member = {.struct_size = sizeof member};
        status = source->member(source, 0, &member, error);
        probe->size = member.size;
        if (status == GGX_OK) status = read_end(source, arena, member.size, head_want, 0, &probe->head, error);
        if (status == GGX_OK) status = read_end(source, arena, member.size, tail_want, 1, &probe->tail, error);
    }
    if (status == GGX_OK) status = fill_siblings(files, arena, probe, error);
    if (status != GGX_OK) ggx_probe_window_free(out);
    return status;
}

void ggx_probe_window_free(ggx_probe_window *window)
{
    if (window->memory) ggx_arena_free(window->memory);
    free(window->memory);
    memset(window, 0, sizeof *window);
}
