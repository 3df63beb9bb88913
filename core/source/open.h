/* core/source/open.h - opens what the user named as a ggx_source: a file, a directory, a checkpoint prefix, or bytes in memory.
 *
 * This room is the only one that opens input files. It serves ranges, knows siblings, and never writes. */
#ifndef GGX_CORE_SOURCE_OPEN_H
#define GGX_CORE_SOURCE_OPEN_H

#include <ggx/reader.h>

/* Opens `path`. A directory becomes GGX_SOURCE_DIRECTORY: all regular files below it, at most 4 levels and 65536 files; symbolic
 * links to regular files are followed, hidden files and directories left out. An existing file becomes GGX_SOURCE_FILE. Otherwise,
 * when there are files whose names go on with a dot ("model.ckpt" → model.ckpt.index …), it is a GGX_SOURCE_PREFIX. Errors:
 * GGX_E_NOTFOUND, GGX_E_DENIED, GGX_E_UNSUPPORTED (neither file nor directory, or too many files), GGX_E_NOMEM, GGX_E_IO. */
ggx_status ggx_source_open(const char *path, ggx_source **out, ggx_error *error);

/* A source of one member in memory; the bytes are borrowed until close. */
ggx_status ggx_source_open_memory(ggx_str name, ggx_str bytes, ggx_source **out, ggx_error *error);

/* Closes a source that one of the above opened. NULL is fine. */
void ggx_source_close(ggx_source *source);

/* Opens any file as a further member (an option of type FILE); `path` is taken as the user wrote it. */
ggx_status ggx_source_add_file(ggx_source *source, const char *path, uint32_t *index, ggx_error *error);

/* The path to show for a member in messages; "" for GGX_NO_MEMBER. Lives as long as the source. */
const char *ggx_source_path(const ggx_source *source, uint32_t member);

/* The model's name: what ggx_source_call gave; below a hub's cache (models--ORG--REPO/snapshots/COMMIT) and of a hub's model on a
 * server, REPO; else the base name of the folder that the user named, or that the file lies in; "" when there is none. Lives as long
 * as the source. */
const char *ggx_source_folder(const ggx_source *source);

/* Gives the model a name that its folder has not; "" for none. Borrowed until close. */
void ggx_source_call(ggx_source *source, const char *name);

/* From here on reads of a file that only stands for another (a git-lfs pointer) are GGX_E_UNSUPPORTED: for who wants what is in it. */
void ggx_source_refuse_pointers(ggx_source *source);
#define GGX_POINTER_MOST 1024u /* bytes of one, as git-lfs has it */

/* Bytes read through read_at since the source was opened, for reports and tests. */
uint64_t ggx_source_bytes_read(const ggx_source *source);

/* 1 when bytes of the member were read through read_at. */
int ggx_source_was_read(const ggx_source *source, uint32_t member);

/* Modification time (nanoseconds), size and inode of a member, as 24 bytes that tell a changed file from the same one. Looks at the
 * file again: GGX_E_INTEGRITY when it is not what it was when the source first saw it. */
ggx_status ggx_source_identity(const ggx_source *source, uint32_t member, uint64_t out[3], ggx_error *error);

/* Fills a probe window for the source. Memory comes from malloc inside `window`; free it with ggx_probe_window_free. */
typedef struct ggx_probe_window {
    ggx_probe probe;
    void *memory;
} ggx_probe_window;
ggx_status ggx_probe_window_open(const ggx_source *source, uint32_t head_want, uint32_t tail_want,
                                 ggx_probe_window *out, ggx_error *error);
void ggx_probe_window_free(ggx_probe_window *window);

#endif
