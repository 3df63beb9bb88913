/* core/source/members.h - what the files of this room share: a source as a list of members, of which a few are open. */
#ifndef GGX_CORE_SOURCE_MEMBERS_H
#define GGX_CORE_SOURCE_MEMBERS_H

#include "base/arena.h"
#include "source/open.h"
#include <pthread.h>
#include <stdatomic.h>

#define GGX_OPEN_FILES 64u  /* descriptors kept open for one source */
#define GGX_MEMBERS 65536u  /* members of one source */
#define GGX_NAME_BYTES 4096 /* longest relative name */

/* What tells a file from another, or from itself after a change. */
typedef struct ggx_file_state {
    uint64_t size, mtime, inode, device; /* mtime: nanoseconds */
} ggx_file_state;

typedef struct ggx_file {
    ggx_str name;     /* relative to the root; NUL-terminated */
    const char *path; /* to open it when it is not below the root, and to show */
    ggx_file_state state;
    const char *bytes;    /* of a member in memory, else NULL */
    int32_t below;        /* 1: opened as `name` below the root */
    int32_t slot;         /* index in `open`, or -1 */
    _Atomic int32_t read; /* 1: somebody read of it */
} ggx_file;

typedef struct ggx_files {
    ggx_source source;
    pthread_mutex_t lock; /* over everything below but bytes_read */
    ggx_arena arena;
    const char *root_path; /* of the directory that names are relative to: "dir/", "/", or "" for the current one */
    const char *base;      /* base name of what the user gave */
    const char *called;    /* the model's name, where the folder's is none: of a hub, a catalogue; or NULL */
    int root;              /* that directory, open, or -1 */
    ggx_file **files;      /* the pointers move, the files do not */
    uint32_t count, capacity;
    uint32_t sorted; /* of a directory or prefix: the first ones, which are sorted by name */
    struct {
        int fd;
        uint32_t pins;
        ggx_file *file; /* NULL: a free slot */
        uint64_t used;  /* a clock, for the oldest */
    } open[GGX_OPEN_FILES];
    uint64_t clock;
    int32_t refuses_pointers;  /* ggx_source_refuse_pointers */
    struct ggx_remote *remote; /* of files on a server (ahead.h), or NULL */
    _Atomic uint64_t bytes_read;
} ggx_files;

/* An empty source of that kind. */
ggx_status ggx_files_make(uint32_t kind, ggx_files **out, ggx_error *error);

/* Fills the table of functions; read.c. */
void ggx_files_set_calls(ggx_files *files);

/* The state of a regular file, following links; name NULL: of the descriptor itself. Errors: GGX_E_NOTFOUND, _DENIED, _UNSUPPORTED (not regular), _IO, with
 * `shown` in the text. */
ggx_status ggx_file_look(int at, const char *name, const char *shown, ggx_file_state *out, ggx_error *error);

/* Opens the name below the root without passing a link to a directory on the way, or -1 with errno. */
int ggx_file_open_below(int root, const char *name);

/* Adds a member; call with the lock held or before anyone else knows the source. Errors: GGX_E_NOMEM, GGX_E_UNSUPPORTED (too many). */
ggx_status ggx_files_add(ggx_files *files, const ggx_file *file, uint32_t *index, ggx_error *error);

typedef struct ggx_listed {
    ggx_str name; /* relative to the root, in the arena, NUL-terminated */
    ggx_file_state state;
} ggx_listed;

typedef struct ggx_listing {
    ggx_listed *files; /* sorted by name */
    uint32_t count, capacity;
    uint32_t visited; /* entries looked at */
} ggx_listing;

/* Lists the regular files below `root` whose names begin with `prefix`, down to `levels` directories; hidden ones are left out.
 * Errors: GGX_E_NOMEM, GGX_E_UNSUPPORTED (too many), GGX_E_DENIED, GGX_E_IO. */
ggx_status ggx_listing_make(ggx_arena *arena, int root, const char *shown, ggx_str prefix, uint32_t levels,
                            ggx_listing *out, ggx_error *error);

#endif
