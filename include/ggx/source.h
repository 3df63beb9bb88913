/* ggx/source.h - where bytes come from.
 *
 * A source is a set of members: one file and the siblings a reader asked for, or all files of a directory, or a remote model.
 * Readers never open files or sockets; they see members through this table, so that the same reader works on all of these.
 * Since 0.1. */
#ifndef GGX_SOURCE_H
#define GGX_SOURCE_H

#include "base.h"

GGX_EXTERN_C_BEGIN

#define GGX_SOURCE_FILE 1 /* member 0 is the file that the user named */
#define GGX_SOURCE_DIRECTORY \
    2 /* the members are the directory's files, names relative to it with '/', sorted by bytes */
#define GGX_SOURCE_PREFIX \
    3 /* the user named the common beginning of several files; they are the members, sorted by bytes */

/* One member. `name` lives as long as the source. */
typedef struct ggx_member {
    uint32_t struct_size; /* bytes */
    uint32_t reserved;    /* 0 */
    uint64_t size;        /* bytes */
    ggx_str name;         /* relative to the source; of a single file, its base name */
} ggx_member;

typedef struct ggx_source {
    uint32_t struct_size; /* bytes */
    uint32_t kind;        /* GGX_SOURCE_* */
    void *context;        /* the host's own */

    /* [any] Number of members known now. It grows when `find` opens a sibling; indices never change. */
    uint32_t (*count)(const struct ggx_source *source) GGX_NOEXCEPT;

    /* [any] Describes member `index`. The caller sets out->struct_size. GGX_E_NOTFOUND beyond the last. */
    ggx_status (*member)(const struct ggx_source *source, uint32_t index, ggx_member *out,
                         ggx_error *error) GGX_NOEXCEPT;

    /* [any] Index of the member with that name; siblings of a single file or prefix (same directory, or one below it) are opened on
     * the way. Names are relative, with '/', without '..', '.' or empty parts, else GGX_E_MALFORMED. GGX_E_NOTFOUND is a normal
     * answer: try the next name. */
    ggx_status (*find)(const struct ggx_source *source, ggx_str name, uint32_t *index, ggx_error *error) GGX_NOEXCEPT;

    /* [any] Copies exactly `size` bytes at `offset` of a member to `out`, or fails; a range beyond the end is GGX_E_MALFORMED. */
    ggx_status (*read_at)(const struct ggx_source *source, uint32_t member, uint64_t offset, void *out, uint64_t size,
                          ggx_error *error) GGX_NOEXCEPT;

    /* [any] A pointer to the bytes, valid until the instance is closed. GGX_E_UNSUPPORTED is a normal answer: use read_at. */
    ggx_status (*map)(const struct ggx_source *source, uint32_t member, uint64_t offset, uint64_t size,
                      const void **out, ggx_error *error) GGX_NOEXCEPT;
} ggx_source;

GGX_EXTERN_C_END
#endif
