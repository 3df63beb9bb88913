/* core/commit/patch.h - bytes of a finished file changed where they are.
 *
 * What they were and what they become is first kept beside the file, in `.NAME.ggx-undo`, and synced; then they are written and synced, and
 * the record is removed. A run that was killed in between is undone by ggx_patch_recover. */
#ifndef GGX_CORE_PATCH_H
#define GGX_CORE_PATCH_H

#include <ggx/base.h>

/* Changes `size` bytes at `offset`; the file keeps its length. Errors: GGX_E_USAGE (another process changes it), GGX_E_INTEGRITY (the file
 * is not what it was when its bytes were planned: other length), GGX_E_DENIED, GGX_E_NOSPACE, GGX_E_IO, GGX_E_NOMEM. */
ggx_status ggx_patch_apply(const char *path, uint64_t file_size, uint64_t offset, const void *data, uint64_t size,
                           ggx_error *error);

/* Puts back what a change that was cut off had begun; *recovered is 1 then. GGX_E_INTEGRITY when the record is not of this file. */
ggx_status ggx_patch_recover(const char *path, int *recovered, ggx_error *error);

/* May the file be changed where it is: a regular file with no other name, no link? Otherwise others would see the change, too. */
int ggx_patch_allowed(const char *path);

#endif
