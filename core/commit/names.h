/* core/commit/names.h - what lies beside an output while it is being made, and what this room shares among its files. */
#ifndef GGX_CORE_NAMES_H
#define GGX_CORE_NAMES_H

#include "commit/output.h"

/* Fills in path, partial and journal, and opens the directory. Errors: GGX_E_USAGE, GGX_E_NOTFOUND, GGX_E_DENIED. */
ggx_status ggx_output_names(ggx_output *output, const char *path, ggx_error *error);

/* Looks at the other journals of this output: a part may stand only beside parts of the same plan (GGX_E_USAGE); a whole run
 * refuses to run into parts at all. */
ggx_status ggx_output_other_journals(ggx_output *output, ggx_error *error);

/* fsync, rename, fsync of the directory. */
ggx_status ggx_output_rename(const char *partial, const char *path, int fd, int directory, ggx_error *error);

void ggx_output_close(ggx_output *output);

#endif
