/* core/reference.h - the programs whose bytes conversions are meant to equal: data, one file each in the folder `references`. */
#ifndef GGX_CORE_REFERENCE_H
#define GGX_CORE_REFERENCE_H

#include "base/arena.h"

/* Finds the reference of that name, PROGRAM@VERSION or PROGRAM alone (then the default of that program); `directory` is the data folder. *out gets its full name, in the arena.
 * GGX_E_USAGE, with all that are known, when there is none. */
ggx_status ggx_reference_find(ggx_arena *arena, const char *directory, const char *name, const char **out,
                              ggx_error *error);

#endif
