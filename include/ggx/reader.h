/* ggx/reader.h - a reader opens one checkpoint format and says which tensors lie where.
 *
 * A reader is a table of five functions and some numbers. The host calls them in this order:
 *
 *     probe                               on any file, at any time: is this mine?
 *     open → index → read … read → close  on one instance
 *
 * `probe` sees a window of the file's beginning and end and answers with a score. `open` gets a source (the file's bytes) and
 * the user's options, and checks the header. `index` pushes every tensor and key/value into the host's sink. For a tensor whose
 * elements lie in the file as they are (GGX_ACCESS_RAW) that is all: the host reads, converts and transposes it itself. Only for
 * the others (compressed, say) the host calls `read` with a box. `close` ends the instance.
 *
 * The input is hostile. Check each number from the file before you use it; read through source->read_at, which never reads past
 * the end; take memory only from host->alloc, which is capped. The host checks again what you push into the sink.
 *
 * Errors: return the status and fill `error` with what is wrong, the member, the byte offset, and what to do (base.h).
 * A template with a test lies in sdk/template; `ggx-plugin-check FILE.so` drives a reader through this contract. Since 0.1. */
#ifndef GGX_READER_H
#define GGX_READER_H

#include "host.h"
#include "options.h"
#include "plugin.h"
#include "source.h"
#include "tensor.h"

GGX_EXTERN_C_BEGIN

#define GGX_READER_ID "ggx.reader/1"

/* A sibling of the probed file: its name and its first bytes. Lives for the call. */
typedef struct ggx_sibling {
    ggx_str name; /* relative, as in ggx_member */
    ggx_str head; /* its first bytes, at most 512; shorter when the file is; empty when it could not be read */
} ggx_sibling;

/* What a probe sees. Everything lives for the call. */
typedef struct ggx_probe {
    uint32_t struct_size; /* bytes */
    uint32_t kind;        /* GGX_SOURCE_FILE, _DIRECTORY or _PREFIX; of the latter two, head and tail are empty */
    ggx_str name;         /* base name of what the user gave */
    uint64_t size;        /* bytes of the file; 0 for a directory or prefix */
    ggx_str head;         /* the file's first bytes: at least head_want of them, or the whole file */
    ggx_str tail;         /* its last bytes: at least tail_want, or the whole file; may overlap head */
    const ggx_sibling *siblings; /* files in the same directory (or the directory's own), at most 256, sorted by name */
    uint32_t sibling_count;
    uint32_t reserved; /* 0 */
} ggx_probe;

/* Scores. The highest wins; a tie at the top is refused and the candidates are listed; below 25 nobody wins. */
#define GGX_PROBE_NO 0
#define GGX_PROBE_NAME 25      /* only the name speaks for it */
#define GGX_PROBE_STRUCTURE 50 /* the bytes could well be this: lengths add up */
#define GGX_PROBE_MAGIC 75     /* a magic number is there */
#define GGX_PROBE_PROVEN 100   /* magic and structure agree */

typedef struct ggx_reader {
    uint32_t struct_size;      /* bytes */
    uint32_t flags;            /* 0 */
    uint64_t instance_size;    /* bytes of zeroed memory that the host allocates and passes as `self` */
    uint32_t head_want;        /* bytes of the beginning that `probe` wants, <= 65536 */
    uint32_t tail_want;        /* bytes of the end that `probe` wants, <= 65536 */
    const ggx_option *options; /* what -O can set; NULL when option_count is 0 */
    uint32_t option_count;
    uint32_t reserved; /* 0 */

    /* [pure] Score 0..100. Random bytes must not score above 25. Reads nothing but `probe`, keeps nothing. */
    int32_t (*probe)(const ggx_probe *probe) GGX_NOEXCEPT;

    /* [instance] Prepares `self`. host, source and options stay valid until close and may be kept in `self`. Reads and checks the
     * header; cost must not grow with the size of the tensors. Errors: GGX_E_MALFORMED, GGX_E_UNSUPPORTED, GGX_E_NOTFOUND (a
     * sibling that is needed: say which option names it), or what source and host returned. */
    ggx_status (*open)(void *self, const ggx_host *host, const ggx_source *source, const ggx_options *options,
                       ggx_error *error) GGX_NOEXCEPT;

    /* [instance] Pushes all tensors and key/values, in the file's order. Called once after a good open. Errors as open. */
    ggx_status (*index)(void *self, const ggx_sink *sink, ggx_error *error) GGX_NOEXCEPT;

    /* [any] (SEQUENTIAL tensors: [instance]) Decodes the box of the tensor that was pushed with `cookie` to `out`: C order, packed,
     * host byte order, the tensor's own type; out_size is exactly the box's elements / block_elems * block_bytes. The box lies inside
     * the shape; on the last axis it begins and ends on block boundaries. May be NULL when all tensors are RAW. Errors as open,
     * and GGX_E_CANCELED. Scratch memory that lives for one call may come from malloc, and is freed before it returns. */
    ggx_status (*read)(void *self, uint64_t cookie, const ggx_box *box, void *out, uint64_t out_size,
                       ggx_error *error) GGX_NOEXCEPT;

    /* [instance] Called exactly once for every open, also when open failed; `self` may then be filled in part, or all zero.
     * Nothing to free: memory came from the host. May be NULL. */
    void (*close)(void *self) GGX_NOEXCEPT;
} ggx_reader;

GGX_EXTERN_C_END
#endif
