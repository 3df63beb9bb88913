/* ggx/host.h - what the host does for one open plugin instance.
 *
 * The host owns every thread and every byte of memory that outlives a call: plugins neither start threads nor free anything.
 * Since 0.1. */
#ifndef GGX_HOST_H
#define GGX_HOST_H

#include "base.h"

GGX_EXTERN_C_BEGIN

#define GGX_LOG_ERROR 0
#define GGX_LOG_WARNING 1
#define GGX_LOG_INFO 2
#define GGX_LOG_DEBUG 3

/* Services for one instance. Handed to `open`, valid until `close` returns. */
typedef struct ggx_host {
    uint32_t struct_size; /* bytes */
    uint32_t reserved;    /* 0 */
    void *context;        /* the host's own; pass nothing else where a function asks for the host */

    /* [any] Zeroed memory of `size` bytes, aligned for any type, that lives until the instance is closed; it is never freed by the
     * plugin. NULL when the instance's memory cap would be passed: return GGX_E_NOMEM then. size 0 gives a valid pointer. */
    void *(*alloc)(const struct ggx_host *host, uint64_t size)GGX_NOEXCEPT;

    /* [any] 1 when the user asked to stop: return GGX_E_CANCELED soon. Cheap; ask it in every loop over input. */
    int32_t (*canceled)(const struct ggx_host *host) GGX_NOEXCEPT;

    /* [any] How far a long `open` or `index` has come, in units of the plugin's choice. `total` 0 means unknown. */
    void (*progress)(const struct ggx_host *host, uint64_t done, uint64_t total) GGX_NOEXCEPT;

    /* [any] One line for the user, without newline; `text` is NUL-terminated UTF-8. `level` is GGX_LOG_*. Never log secrets. */
    void (*log)(const struct ggx_host *host, int32_t level, const char *text) GGX_NOEXCEPT;

    /* [any] A vtable that this host offers under the id, or NULL. NULL is a normal answer. `id` is NUL-terminated. */
    const void *(*extension)(const struct ggx_host *host, const char *id)GGX_NOEXCEPT;
} ggx_host;

GGX_EXTERN_C_END
#endif
