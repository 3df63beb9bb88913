/* core/commit/files.h - writing files to the last byte, with errors that say what to do. */
#ifndef GGX_CORE_FILES_H
#define GGX_CORE_FILES_H

#include <ggx/base.h>

/* pwrite until all is written. `path` is for messages. Errors: GGX_E_NOSPACE, GGX_E_IO. */
ggx_status ggx_write_all(int fd, uint64_t offset, const void *data, uint64_t size, const char *path, ggx_error *error);

/* A whole small file in one go: written beside `path`, synced, then renamed over whatever has the name. Errors: as above,
 * GGX_E_DENIED, GGX_E_NOTFOUND, GGX_E_NOMEM. */
ggx_status ggx_write_file(const char *path, ggx_str text, ggx_error *error);

/* pread until `size` bytes or the end of the file; gives the number read, or -1. */
int64_t ggx_read_some(int fd, uint64_t offset, void *out, uint64_t size);

/* The error for errno after a failed call; `doing` is a verb ("create"). */
ggx_status ggx_fail_errno(ggx_error *error, int code, const char *doing, const char *path);
#ifdef __clang_analyzer__ /* as in ggx_sdk/error.h: that a failure is never GGX_OK */
#define ggx_fail_errno(error, code, doing, path) (ggx_fail_errno((error), (code), (doing), (path)), GGX_E_IO)
#endif

#endif
