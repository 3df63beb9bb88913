/* ggx/base.h - words that every other header uses: attributes, status codes, errors, byte strings.
 *
 * This header and its siblings are the whole of what a plugin needs. The rules that hold for all of them:
 *
 *  - Integers have fixed widths. There are no enums, bools, bit-fields or flexible arrays in records.
 *  - A record that crosses the line between host and plugin begins with `struct_size`. The side that fills the record sets it
 *    to the sizeof it was compiled with; the side that reads it asks GGX_HAS() before it touches a field that was added later.
 *  - Every function pointer's comment carries a thread tag:
 *      [pure]      may be called from any thread, at any time, also several times at once; keeps and changes nothing.
 *      [instance]  called for one instance by one thread at a time (not always the same one), between open and close.
 *      [any]       may be called from any thread, also several times at once, between open and close.
 *  - A pointer passed into a function is borrowed until that function returns, unless the comment says otherwise.
 *  - Functions that can fail return a ggx_status and fill the caller's ggx_error; nothing uses errno, nothing aborts.
 *
 * Since 0.1. */
#ifndef GGX_BASE_H
#define GGX_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define GGX_NOEXCEPT noexcept
#define GGX_EXTERN_C_BEGIN extern "C" {
#define GGX_EXTERN_C_END }
#define GGX_STATIC_ASSERT(cond, text) static_assert(cond, text)
#else
#define GGX_NOEXCEPT
#define GGX_EXTERN_C_BEGIN
#define GGX_EXTERN_C_END
#define GGX_STATIC_ASSERT(cond, text) _Static_assert(cond, text)
#endif

#if defined(__GNUC__) || defined(__clang__)
#define GGX_EXPORT __attribute__((visibility("default")))
#define GGX_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))
#define GGX_MUST_CHECK __attribute__((warn_unused_result))
#define GGX_UNUSED __attribute__((unused))
#define GGX_ALIGNED(n) __attribute__((aligned(n)))
#else
#define GGX_EXPORT
#define GGX_PRINTF(format_at, args_at)
#define GGX_MUST_CHECK
#define GGX_UNUSED
#define GGX_ALIGNED(n)
#endif

/* True when the record that `p` points at is long enough to hold field `f` whole. */
#define GGX_HAS(p, f) ((p)->struct_size >= GGX_FIELD_END(p, f))
#define GGX_FIELD_END(p, f) ((size_t)((const char *)(&(p)->f + 1) - (const char *)(p)))

GGX_EXTERN_C_BEGIN

/* What a call came to. 0 is success; the negative values are pinned for ever and, up to -10, are the exit codes of the
 * command line with the sign turned. */
typedef int32_t ggx_status;

#define GGX_OK 0
#define GGX_E_USAGE (-2)       /* the caller asked for something that makes no sense: an unknown option, a bad value */
#define GGX_E_NOTFOUND (-3)    /* a file, member, plugin, tensor or key that is not there */
#define GGX_E_DENIED (-4)      /* not allowed: permissions, a token, a gated model */
#define GGX_E_NETWORK (-5)     /* the network failed */
#define GGX_E_INTEGRITY (-6)   /* a digest, checksum or signature does not match */
#define GGX_E_MALFORMED (-7)   /* the input breaks its own format, or a limit that protects the reader */
#define GGX_E_UNSUPPORTED (-8) /* well-formed, but outside what this component does */
#define GGX_E_NOSPACE (-9)     /* no room on the disk */
#define GGX_E_PLUGIN (-10)     /* a plugin is missing, refused, or broke its contract */
#define GGX_E_CANCELED (-11)   /* the user stopped the run */
#define GGX_E_NOMEM (-12)      /* no memory, or the instance's memory cap is reached */
#define GGX_E_IO (-13)         /* reading or writing failed for another reason */

#define GGX_NO_MEMBER UINT32_MAX
#define GGX_NO_OFFSET UINT64_MAX

/* Where and why a call failed. Owned by the caller; filled only when the call fails. `text` is one English sentence or two,
 * UTF-8, no newline, NUL-terminated: what is wrong with which value, then what to do about it. The host adds the file name. */
typedef struct ggx_error {
    ggx_status status; /* the same value that the call returned */
    uint32_t member;   /* index of the source member at fault, or GGX_NO_MEMBER */
    uint64_t offset;   /* byte offset in that member, or GGX_NO_OFFSET */
    char text[240];
} ggx_error;
GGX_STATIC_ASSERT(sizeof(ggx_error) == 256, "ggx_error is 256 bytes for ever");

/* Bytes with a length. Not NUL-terminated, any byte may occur. `data` may be NULL when `size` is 0. */
typedef struct ggx_str {
    const char *data;
    uint64_t size; /* bytes */
} ggx_str;

GGX_EXTERN_C_END
#endif
