/* core/edit.h - key/values of a finished file set, removed and renamed; tensors keep their bytes. */
#ifndef GGX_CORE_EDIT_H
#define GGX_CORE_EDIT_H

#include "flow.h"

enum { GGX_EDIT_SET, GGX_EDIT_UNSET, GGX_EDIT_RENAME };

/* One change, in the order given. Strings are borrowed. */
typedef struct ggx_edit {
    uint32_t kind;
    ggx_str key;
    ggx_str type;  /* SET: u8 … f64, bool, str, or one of these with [] behind it; empty: the key's own */
    ggx_str value; /* SET: as text, of an array as a JSON list; RENAME: the new key */
} ggx_edit;

typedef struct ggx_edited {
    int32_t in_place;  /* 1: the file was changed where it is; 0: written anew */
    int32_t recovered; /* 1: a change that had been cut off was undone first */
    uint64_t bytes;    /* that were written */
} ggx_edited;

/* Makes the changes in `path` (opened by `flow`, with this as its input), or, when `output` is not NULL, in a copy. In place when the
 * header keeps its length and nobody else knows the file by another name, else the whole file is written anew and takes the name at the end. Errors:
 * GGX_E_USAGE (values, types), GGX_E_NOTFOUND (keys), GGX_E_UNSUPPORTED (formats without key/values), those of
 * planning and writing. */
ggx_status ggx_edit_file(ggx_flow *flow, const ggx_conversion *wanted, const ggx_edit *edits, uint32_t count,
                         ggx_edited *out, ggx_error *error);

/* Opens the file for that: of a set of files the named one alone, as the reader does it with its option READER.alone. GGX_E_UNSUPPORTED when the reader has no such option; what the reader says of files that are not the
 * first of their set. */
ggx_status ggx_edit_open(ggx_flow *flow, ggx_registry *registry, ggx_conversion *wanted, const ggx_run *run,
                         ggx_error *error);

/* Before the file is opened: undoes a change that was cut off. */
ggx_status ggx_edit_recover(const char *path, ggx_edited *out, ggx_error *error);

/* A value of that type from text; *kv gets type, count and data, in the arena. GGX_E_USAGE when it is none. */
ggx_status ggx_kv_parse(ggx_arena *arena, ggx_str type, ggx_str value, ggx_kv *kv, ggx_error *error);

#endif
