/* core/commit/names.h - what lies beside an output while it is being made, and what this room shares among its files. */
#ifndef GGX_CORE_NAMES_H
#define GGX_CORE_NAMES_H

#include "commit/output.h"

/* Fills in path, journal and the files' names, and opens the directory. Errors: GGX_E_USAGE, GGX_E_NOTFOUND, GGX_E_DENIED. */
ggx_status ggx_output_names(ggx_output *output, const char *path, ggx_error *error);

/* Looks at the other journals of this output: a part may stand only beside parts of the same plan (GGX_E_USAGE); a whole run
 * refuses to run into parts at all. */
ggx_status ggx_output_other_journals(ggx_output *output, ggx_error *error);

/* fsync, rename, fsync of the directory. */
ggx_status ggx_output_rename(const char *partial, const char *path, int fd, int directory, ggx_error *error);

/* "DIR/.NAME<suffix>" for "DIR/NAME", and "DIR/" or "."; malloc'd, NULL without memory. */
char *ggx_output_beside(const char *path, const char *suffix);
char *ggx_output_directory(const char *path);

/* The final name of file `index` of `count`: of one, the path itself; malloc'd, NULL without memory. */
char *ggx_output_file_name(const char *path, uint32_t index, uint32_t count);

/* The unfinished file of a plan done in so many parts; malloc'd, NULL without memory. */
char *ggx_output_partial(const char *path, uint64_t parts, const uint64_t digest[2]);

/* Calls `each` with a descriptor and the name of every journal of the output but `own` (a path, or NULL); stops at the first error. */
ggx_status ggx_output_journals(const char *path, const char *own,
                               ggx_status (*each)(void *context, int fd, const char *name, ggx_error *error),
                               void *context, ggx_error *error);

/* For ggx_journal_read when only the header is wanted. */
void ggx_journal_ignore(void *context, uint64_t tile);

void ggx_output_close(ggx_output *output);

#endif
