/* safetensors.h - the parts of the safetensors reader, shared among its files alone.
 *
 * A checkpoint is a list of files (shards.c finds them) whose headers are parsed in `open` (header.c) into one record a tensor;
 * `index` pushes the records. Parsing passes over a header twice: once to count, so that each list is allocated once. */
#ifndef GGX_READER_SAFETENSORS_H
#define GGX_READER_SAFETENSORS_H

#include <ggx/reader.h>
#include <ggx_sdk/json.h>
#include <ggx_sdk/names.h>
#include <ggx_sdk/weight_map.h>

#define ST_LENGTH_BYTES 8u
#define ST_MAX_HEADER 100000000u /* MAX_HEADER_SIZE of the safetensors crate */
#define ST_MAX_NAME 65535u       /* what a ggx_tensor or ggx_kv may be called */

typedef struct st_dtype {
    char dtype[12];
    char type[13]; /* ggx_type name */
    uint8_t block_elems, block_bytes;
} st_dtype;

typedef struct st_tensor {
    ggx_str name;
    const st_dtype *dtype;
    uint64_t begin, end; /* data_offsets */
    uint64_t place;      /* byte offset in the file of its entry, for messages and as the order among equals */
    uint64_t shape[GGX_MAX_RANK];
    uint32_t rank;
    uint32_t dropped; /* 1: the index assigns the name to another file */
} st_tensor;

/* One string of __metadata__. */
typedef struct st_note {
    ggx_str key, value;
} st_note;

typedef struct st_file {
    uint32_t member;
    uint32_t reserved;
    uint64_t size;      /* bytes of the member */
    uint64_t data;      /* byte offset of the data */
    st_tensor *tensors; /* in the order of their data */
    uint64_t tensor_count;
    st_note *notes; /* in the header's order */
    uint64_t note_count;
} st_file;

typedef struct st_reader {
    const ggx_host *host;
    const ggx_source *source;
    st_file *files;
    uint32_t file_count;
    uint32_t reserved;
    ggx_names tensors;  /* names over all files */
    ggx_weight_map map; /* count 0: there is no index */
} st_reader;

/* text.c: the text of a member from `offset` on: copied, so that it stays
 * the same in both passes whatever happens to the file. */
ggx_status st_text_load(st_reader *r, uint32_t member, uint64_t offset, uint64_t size, ggx_str *out, ggx_error *error);

/* text.c: a token's string with escapes resolved, in the host's memory or in the text itself. */
ggx_status st_string_keep(st_reader *r, const ggx_json_token *token, ggx_str *out, ggx_error *error);

/* text.c: ggx_json_next and ggx_json_skip, but offsets in errors are those in the member, where the text begins at `base`. */
ggx_status st_json_next(ggx_json_parser *p, ggx_json_token *token, uint32_t member, uint64_t base, ggx_error *error);
ggx_status st_json_skip(ggx_json_parser *p, ggx_json_token *token, uint32_t member, uint64_t base, ggx_error *error);

/* header.c: reads and checks the header of `file`, whose member is set. */
ggx_status st_header_read(st_reader *r, st_file *file, ggx_error *error);

/* shards.c: fills r->files with members (and r->map when there is an index). */
ggx_status st_shards_find(st_reader *r, ggx_error *error);

/* shards.c: after all headers are read: every name in one file only, and where the index says. */
ggx_status st_shards_check(st_reader *r, ggx_error *error);

/* shards.c: 1 when `name` ends in `end` and is longer. */
int st_name_ends(ggx_str name, const char *end);

#endif
