/* ggx/writer.h - a writer lays out one output format; it never sees a file.
 *
 * The host tells it the key/values and the tensors, it answers where every payload goes and renders the bytes in between:
 *
 *     open → kv … kv → tensor … tensor → layout → place(0) … place(n-1) → render → close
 *
 * So every offset is known before the first byte is written, payloads are computed by many threads in any order, and the host
 * alone opens, syncs and renames files. A format whose sizes depend on the data cannot be written this way. Since 0.1. */
#ifndef GGX_WRITER_H
#define GGX_WRITER_H

#include "host.h"
#include "options.h"
#include "plugin.h"
#include "tensor.h"

GGX_EXTERN_C_BEGIN

#define GGX_WRITER_ID "ggx.writer/1"

/* Flag: key/values are header fields that stand in their order without keys, so only a recipe knows which there are. Without a recipe
 * the host gives none. */
#define GGX_WRITER_FIELDS 1u

/* Flag: tensors may be spread over several files (ggx_out_tensor.output). Without it the host asks for one file. */
#define GGX_WRITER_SPLITS 2u

/* A tensor to be written: what it will be, not its data. */
typedef struct ggx_out_tensor {
    uint32_t struct_size; /* bytes */
    uint32_t rank;        /* 0..GGX_MAX_RANK */
    ggx_str name;
    ggx_type type;                /* element type in the output */
    int32_t type_code;            /* ggml's number for the type, from the plugin that made it, or GGX_NO_CODE */
    uint32_t label;               /* 0, or 1 + ggml's number for the type that the file is to claim, true or not */
    uint64_t shape[GGX_MAX_RANK]; /* elements, slowest axis first; the last axis is whole blocks */
    uint64_t nbytes;              /* payload bytes: elements / block_elems * block_bytes */
    uint32_t output;   /* index of the file it goes to: 0, then never falling and at most one more than before */
    uint32_t reserved; /* 0 */
} ggx_out_tensor;

/* What the layout came to. */
typedef struct ggx_layout {
    uint32_t struct_size;  /* bytes */
    uint32_t output_count; /* files; >= 1 */
    uint64_t total_size;   /* bytes of all files together */
    const uint64_t *sizes; /* bytes of each file, the writer's until close; NULL when there is one file */
} ggx_layout;

/* Where something goes. */
typedef struct ggx_place {
    uint32_t struct_size; /* bytes */
    uint32_t output;      /* index of the file */
    uint64_t offset;      /* bytes from its beginning */
    uint64_t nbytes;      /* bytes */
} ggx_place;

/* Takes the bytes that are not payload. */
typedef struct ggx_emit {
    uint32_t struct_size; /* bytes */
    uint32_t reserved;    /* 0 */
    void *context;        /* the host's own */
    /* [instance] `size` bytes at `offset` of file `output`. Ranges must not meet each other or a payload. Bytes that are neither
     * emitted nor payload are zero. When it fails, return its status from `render` at once. */
    ggx_status (*bytes)(const struct ggx_emit *emit, uint32_t output, uint64_t offset, const void *data, uint64_t size,
                        ggx_error *error) GGX_NOEXCEPT;
} ggx_emit;

typedef struct ggx_writer {
    uint32_t struct_size;      /* bytes */
    uint32_t flags;            /* GGX_WRITER_* */
    uint64_t instance_size;    /* bytes of zeroed memory that the host allocates and passes as `self` */
    const ggx_option *options; /* what -O can set; NULL when option_count is 0 */
    uint32_t option_count;
    uint32_t reserved; /* 0 */

    /* [instance] Prepares `self`. host and options stay valid until close. Errors: GGX_E_USAGE, GGX_E_NOMEM. */
    ggx_status (*open)(void *self, const ggx_host *host, const ggx_options *options, ggx_error *error) GGX_NOEXCEPT;

    /* [instance] The next key/value, in output order; copy what you keep. A header without keys takes the values in order.
     * Errors: GGX_E_UNSUPPORTED (a type the format cannot hold), GGX_E_MALFORMED (a duplicate or over-long key), GGX_E_NOMEM. */
    ggx_status (*kv)(void *self, const ggx_kv *kv, ggx_error *error) GGX_NOEXCEPT;

    /* [instance] The next tensor, in output order; copy what you keep. Errors: GGX_E_UNSUPPORTED (type, rank, or length of the
     * name), GGX_E_MALFORMED (duplicate name), GGX_E_NOMEM. */
    ggx_status (*tensor)(void *self, const ggx_out_tensor *tensor, ggx_error *error) GGX_NOEXCEPT;

    /* [instance] All has been said: compute every offset. The host set out->struct_size. */
    ggx_status (*layout)(void *self, ggx_layout *out, ggx_error *error) GGX_NOEXCEPT;

    /* [any] Where the payload of tensor `i` (in the order of the tensor calls) goes. nbytes is the tensor's nbytes. */
    ggx_status (*place)(void *self, uint64_t i, ggx_place *out, ggx_error *error) GGX_NOEXCEPT;

    /* [instance] Emits all bytes that are not payload. May be called again: the same bytes each time. */
    ggx_status (*render)(void *self, const ggx_emit *emit, ggx_error *error) GGX_NOEXCEPT;

    /* [instance] Called exactly once for every open, also a failed one. May be NULL. */
    void (*close)(void *self) GGX_NOEXCEPT;
} ggx_writer;

GGX_EXTERN_C_END
#endif
