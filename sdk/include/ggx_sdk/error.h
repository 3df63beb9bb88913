/* ggx_sdk/error.h - fills a ggx_error and returns its status, so that a refusal is one line. Header-only. */
#ifndef GGX_SDK_ERROR_H
#define GGX_SDK_ERROR_H

#include <ggx/base.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Fills `error` (which may be NULL) with a place and a formatted text, and returns `status`. The text is cut at 239 bytes; bytes
 * that a terminal would obey (below 0x20, and 0x7f) become '?', because names from files end up in it. */
static inline GGX_PRINTF(5, 6) ggx_status
    ggx_fail_at(ggx_error *error, ggx_status status, uint32_t member, uint64_t offset, const char *format, ...)
{
    if (error) {
        va_list args;
        va_start(args, format);
        error->status = status;
        error->member = member;
        error->offset = offset;
        if (vsnprintf(error->text, sizeof error->text, format, args) < 0) error->text[0] = 0;
        va_end(args);
        for (char *c = error->text; *c; c++)
            if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = '?';
    }
    return status;
}

/* clang's analyzer does not look into variadic functions: without this it follows paths on which a failure is GGX_OK. */
#ifdef __clang_analyzer__
#define ggx_fail_at(error, status, ...) (ggx_fail_at((error), (status), __VA_ARGS__), (status))
#endif

/* The same without a place. */
#define ggx_fail(error, status, ...) ggx_fail_at((error), (status), GGX_NO_MEMBER, GGX_NO_OFFSET, __VA_ARGS__)

/* Arguments for "%.*s" from a ggx_str, at most 100 bytes of it. */
#define GGX_STR_ARGS(s) (int)((s).size < 100 ? (s).size : 100), ((s).data ? (s).data : "")

#endif
