/* gguf.h - the parts of the GGUF reader, shared among its files alone.
 *
 * A file is walked twice from front to back by the same code: in `open` without a sink, which checks everything and sums up what the
 * second walk needs, and in `index` with the sink. So nothing is kept but the names of tensors and keys, and one buffer. */
#ifndef GGX_READER_GGUF_H
#define GGX_READER_GGUF_H

#include <ggx/reader.h>
#include <ggx_sdk/cursor.h>
#include <ggx_sdk/names.h>

#define GGUF_HEADER_BYTES 24u
#define GGUF_MAX_KEY 65535u       /* docs/gguf.md: keys have at most 2^16-1 bytes */
#define GGUF_MAX_NAME 63u         /* GGML_MAX_NAME with its NUL is 64 */
#define GGUF_MAX_DIMS 4u          /* GGML_MAX_DIMS */
#define GGUF_MAX_RUN (1ull << 30) /* GGUF_MAX_STRING_LENGTH and GGUF_MAX_ARRAY_ELEMENTS of ggml's gguf.cpp */
#define GGUF_DEFAULT_ALIGNMENT 32u

/* Key/values that the reader itself obeys. */
#define GGUF_HAS_ALIGNMENT 1u
#define GGUF_HAS_SPLIT_NO 2u
#define GGUF_HAS_SPLIT_COUNT 4u
#define GGUF_HAS_SPLIT_TENSORS 8u

/* One file of the set. */
typedef struct gguf_file {
    uint32_t member, version;
    int32_t big;   /* 1: integers and floats are big-endian */
    uint32_t has;  /* GGUF_HAS_* */
    uint64_t size; /* bytes of the member */
    uint64_t tensor_count, kv_count;
    uint64_t alignment, split_no, split_count, split_tensors;
    uint64_t infos;      /* byte offset of the first tensor's description */
    uint64_t data;       /* byte offset of the tensor data */
    uint64_t value_room; /* bytes that the largest value takes in memory */
} gguf_file;

typedef struct gguf_reader {
    const ggx_host *host;
    const ggx_source *source;
    gguf_file *files; /* in the order of the set */
    uint32_t file_count;
    uint32_t merged;     /* 1: several files as one, their split.* keys are not handed on */
    char *key;           /* GGUF_MAX_KEY bytes */
    uint64_t value_room; /* bytes of `value` */
    void *value;         /* room for the largest value */
    ggx_names tensors;   /* names of all files' tensors */
} gguf_reader;

/* file.c: reads the 24 bytes of the header into `file`, whose member is set. */
ggx_status gguf_file_start(gguf_reader *r, gguf_file *file, ggx_error *error);

/* file.c: walks key/values and tensors. Without a sink: checks and fills `file`. With it: pushes. */
ggx_status gguf_file_walk(gguf_reader *r, gguf_file *file, const ggx_sink *sink, int push_kvs, ggx_error *error);

/* kv.c: walks the key/values; the cursor ends at the first tensor's description. `sink` as above. */
ggx_status gguf_kvs_walk(gguf_reader *r, gguf_file *file, ggx_cursor *c, const ggx_sink *sink, ggx_error *error);

/* splits.c: opens the other files of the set that files[0], already walked, belongs to, and puts all in order. */
/* Is the file the first of its set? An error that names the first, otherwise. */
ggx_status gguf_splits_first(const gguf_reader *r, ggx_error *error);
ggx_status gguf_splits_open(gguf_reader *r, ggx_error *error);

#endif
