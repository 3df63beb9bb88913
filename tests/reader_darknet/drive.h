/* Drives the Darknet reader in memory: a .weights of zeros, its cfg beside it. */
#ifndef TESTS_READER_DARKNET_DRIVE_H
#define TESTS_READER_DARKNET_DRIVE_H

#include "reader_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct weights {
    uint8_t *data;
    size_t size;
} weights;

static inline weights make_weights(int32_t major, int32_t minor, int32_t revision, size_t header, size_t floats)
{
    weights w = {calloc(1, header + floats * 4 + 8), header + floats * 4};
    const int32_t words[4] = {major, minor, revision, 1000};
    assert_non_null(w.data);
    memcpy(w.data, words, sizeof words);
    return w;
}

typedef struct run {
    reader_harness h;
    ggx_error error;
    ggx_status status;
} run;

static inline void start(run *r, const void *data, size_t size, const char *cfg, size_t cfg_size)
{
    memset(r, 0, sizeof *r);
    reader_harness_init(&r->h, GGX_SOURCE_FILE);
    assert_true(reader_harness_add(&r->h, "n.weights", data, size));
    if (cfg) assert_true(reader_harness_add(&r->h, "n.cfg", cfg, cfg_size));
}

static inline void finish(run *r)
{
    r->status = reader_harness_run(&r->h, reader_harness_vtable(), &r->error);
    assert_string_equal(r->h.violation, "");
    assert_int_equal(r->h.refused, 0);
}

/* Runs a cfg on as many floats behind a 0.2.5 header. */
static inline void run_cfg(run *r, weights *w, const char *cfg, size_t floats)
{
    *w = make_weights(0, 2, 5, 20, floats);
    start(r, w->data, w->size, cfg, strlen(cfg));
    finish(r);
}

static inline void end(run *r, weights *w)
{
    reader_harness_free(&r->h);
    free(w->data);
}

#endif
