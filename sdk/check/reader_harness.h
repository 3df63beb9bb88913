/* sdk/check/reader_harness.h - drives a reader's vtable through the contract of ggx/reader.h, in memory.
 *
 * A test (or fuzz target) compiles the plugin's sources into itself, gives the harness named members, and calls the steps of the
 * contract one by one, or all of them with reader_harness_run:
 *
 *     reader_harness h;
 *     reader_harness_init(&h, GGX_SOURCE_FILE);
 *     reader_harness_add(&h, "net.weights", bytes, size);       // the file that the user named
 *     reader_harness_add(&h, "net.cfg", cfg, cfg_size);         // a sibling: opened by source->find only
 *     ggx_status status = reader_harness_run(&h, reader_harness_vtable(), &error);
 *     ... h.tensors[i], h.kvs[i], h.score, h.violation ...
 *     reader_harness_free(&h);
 *
 * The harness plays the host: memory comes from a capped arena (each block its own malloc, so that a sanitizer sees every byte
 * beyond it), the sink copies and checks what is pushed as the host does, and what only a faulty reader does (a changing
 * probe, an error without text, a score beyond 100, a tensor pushed on after a refusal) is kept in `violation`.
 * Nothing here aborts; the test decides. */
#ifndef READER_HARNESS_H
#define READER_HARNESS_H

#include <ggx/ggx.h>

#define READER_HARNESS_MEMBERS 64
#define READER_HARNESS_OPTIONS 16

typedef struct reader_harness_member {
    const char *name; /* relative, borrowed */
    const void *data; /* borrowed until reader_harness_free */
    uint64_t size;
} reader_harness_member;

typedef struct reader_harness {
    /* Settings: change them between init and the first step. */
    uint64_t memory_cap;   /* bytes that the reader may allocate, its instance included; 64 MiB */
    uint64_t fail_alloc;   /* the n-th allocation (from 1) gives NULL; 0: none does */
    uint64_t cancel_after; /* canceled() says 1 from the n-th question on (from 1); 0: never */
    int32_t no_map;        /* 1: source->map answers UNSUPPORTED; init sets 1 */

    /* What came out. Valid until reader_harness_free. */
    int32_t score;       /* of the last probe */
    ggx_tensor *tensors; /* as pushed; names are copies */
    uint64_t tensor_count;
    ggx_kv *kvs; /* as pushed; keys, data and strings are copies */
    uint64_t kv_count;
    uint64_t memory_used; /* bytes allocated by the reader */
    uint64_t alloc_count; /* allocations asked for */
    uint64_t read_bytes;  /* bytes that went through read_at */
    uint64_t refused;     /* tensors and key/values that the sink refused */
    uint64_t log_count;   /* lines logged */
    char last_log[240];   /* the last of them */
    char violation[240];  /* the first breach of contract, or "" */

    /* The harness's own. */
    uint32_t kind, member_count, opened_count;
    reader_harness_member members[READER_HARNESS_MEMBERS];
    uint32_t opened[READER_HARNESS_MEMBERS]; /* source index → member */
    ggx_option_value values[READER_HARNESS_OPTIONS];
    ggx_options options;
    ggx_host host;
    ggx_source source;
    ggx_sink sink;
    void **blocks;
    uint64_t block_count, questions, pushed_capacity, kv_capacity;
    void *self;
    int32_t open_state; /* 0 not opened, 1 open called, 2 open succeeded */
} reader_harness;

/* `kind` is GGX_SOURCE_*. */
void reader_harness_init(reader_harness *h, uint32_t kind);

/* Adds a member; names and bytes are borrowed. FILE: the first is the named file, the others are siblings that `find` opens.
 * DIRECTORY and PREFIX: add them sorted by name; all are members from the beginning. Returns 0 when there are too many. */
int reader_harness_add(reader_harness *h, const char *name, const void *data, uint64_t size);

/* -O values. A FILE option opens `text` (a member's name) as the host would; returns 0 when no member has that name. */
int reader_harness_option_bool(reader_harness *h, const char *name, int on);
int reader_harness_option_int(reader_harness *h, const char *name, int64_t value);
int reader_harness_option_string(reader_harness *h, const char *name, const char *text);
int reader_harness_option_file(reader_harness *h, const char *name, const char *text);

/* The ggx.reader/1 vtable of the plugin whose sources are linked into this program, or NULL. */
const ggx_reader *reader_harness_vtable(void);

/* The steps. Each checks its part of the contract. probe is asked twice and must answer the same. */
int32_t reader_harness_probe(reader_harness *h, const ggx_reader *reader);
ggx_status reader_harness_open(reader_harness *h, const ggx_reader *reader, ggx_error *error);
ggx_status reader_harness_index(reader_harness *h, const ggx_reader *reader, ggx_error *error);
ggx_status reader_harness_read(reader_harness *h, const ggx_reader *reader, const ggx_tensor *tensor,
                               const ggx_box *box, void *out, uint64_t out_size, ggx_error *error);
void reader_harness_close(reader_harness *h, const ggx_reader *reader);

/* probe, open, index, close; the status of the first that failed. */
ggx_status reader_harness_run(reader_harness *h, const ggx_reader *reader, ggx_error *error);

/* What was pushed, by name; NULL when it was not. */
const ggx_tensor *reader_harness_tensor(const reader_harness *h, const char *name);
const ggx_kv *reader_harness_kv(const reader_harness *h, const char *key);

/* The extent of a RAW tensor: `nbytes` bytes inside its member; NULL for another access. */
const void *reader_harness_extent(const reader_harness *h, const ggx_tensor *tensor);

/* Frees everything, also after a failed step; calls nothing of the reader. */
void reader_harness_free(reader_harness *h);

#endif
