/* tests/support/writer_harness.h - drives a writer's vtable through the contract of ggx/writer.h, in memory.
 *
 *     writer_harness h;
 *     writer_harness_init(&h);
 *     h.writer = writer_harness_load("…/ggx-writer-gguf.so");
 *     writer_harness_option_string(&h, "gguf.layout", "ggml");
 *     status = writer_harness_open(&h, &error);
 *     status = writer_harness_kv(&h, &kv, &error);
 *     status = writer_harness_tensor(&h, &tensor, payload, &error);   // payload borrowed until finish
 *     status = writer_harness_finish(&h, &error);                     // layout, place, render twice, close
 *     ... h.file, h.size, h.violation ...
 *     writer_harness_free(&h);
 *
 * The harness plays the host: a capped arena whose blocks are mallocs of their own, ranges that may not meet, bytes nobody
 * wrote are zero. What only a faulty writer does (ranges that meet or lie outside, a second render that differs, an error without
 * text) is kept in `violation`. Nothing here aborts; the test decides. */
#ifndef WRITER_HARNESS_H
#define WRITER_HARNESS_H

#include <ggx/ggx.h>

#define WRITER_HARNESS_OPTIONS 16

typedef struct writer_harness_range {
    uint64_t offset, nbytes;
} writer_harness_range;

typedef struct writer_harness {
    /* Settings: change them between init and open. */
    const ggx_writer *writer;
    uint64_t memory_cap; /* bytes that the writer may allocate, its instance included; 256 MiB */
    uint64_t fail_alloc; /* the n-th allocation (from 1) gives NULL; 0: none does */
    uint64_t fail_emit;  /* the n-th emit (from 1) of the first render fails with GGX_E_NOSPACE; 0: none does */

    /* What came out. Valid until writer_harness_free. */
    uint8_t *file; /* the complete file */
    uint64_t size;
    ggx_place *places;
    uint64_t tensor_count;
    uint64_t alloc_count;
    char violation[240]; /* the first breach of contract, or "" */

    /* The harness's own. */
    ggx_option_value values[WRITER_HARNESS_OPTIONS];
    ggx_options options;
    ggx_host host;
    ggx_emit emit;
    const void **payloads;
    void *self;
    void **blocks;
    uint64_t block_count, memory_used, emit_count;
    writer_harness_range *ranges;
    uint64_t range_count, range_room;
} writer_harness;

void writer_harness_init(writer_harness *h);

/* The ggx.writer/1 vtable of a plugin file, or NULL. The file stays loaded. */
const ggx_writer *writer_harness_load(const char *path);

/* -O values; names and texts are borrowed. */
void writer_harness_option_int(writer_harness *h, const char *name, int64_t value);
void writer_harness_option_string(writer_harness *h, const char *name, const char *text);

/* The steps. */
ggx_status writer_harness_open(writer_harness *h, ggx_error *error);
ggx_status writer_harness_kv(writer_harness *h, const ggx_kv *kv, ggx_error *error);
ggx_status writer_harness_tensor(writer_harness *h, const ggx_out_tensor *tensor, const void *payload,
                                 ggx_error *error);
ggx_status writer_harness_finish(writer_harness *h, ggx_error *error);

/* Closes the writer when an open is pending, and frees everything. */
void writer_harness_free(writer_harness *h);

#endif
