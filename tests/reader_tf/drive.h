/* drive.h - what the tests of the TensorFlow reader share: samples of each format, and the reader's steps. */
#ifndef TESTS_READER_TF_DRIVE_H
#define TESTS_READER_TF_DRIVE_H

#include "build.h"
#include "reader_harness.h"

#define SHARD ".data-00000-of-00001"
#define F32 1
#define I32 3
#define STRING 7
#define HALF 19

extern reader_harness h;
extern ggx_error error;
extern const float values[6];
extern const uint64_t two_three[2];

/* All steps; fails the test at a breach of contract. */
ggx_status run(void);
/* Opens and indexes, and leaves the instance open for `read`; then close_all. */
void open_all(void);
void close_all(void);
void read_box(const char *name, const uint64_t *starts, const uint64_t *counts, void *out, uint64_t size);
/* All steps must end with that status and a message with that word; frees. */
void wants(ggx_status want, const char *word);

/* Starts with m.index, and its data when there are any. */
void start(const buf *index, const buf *data);
/* An index with five tensors and an object graph. */
buf sample(buf *data, int big, int snappy);
/* One table with row `row` of "v" (2 x 3) in it; -1: with both, as one slice. */
buf make_v1(int row, int snappy);
/* Constants in every form. */
buf make_graph(void);
void add_const(buf *graph, const char *name, buf *proto);
buf make_proto(uint32_t dtype, const uint64_t *shape, uint32_t rank);

/* The groups of tests; each gives the number of failures. */
int run_others(void);
int run_hostile(void);

#endif
