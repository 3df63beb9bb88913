/* sdk/check/vocab.c - a vocabulary's contract, driven as a reader that has key/values and no tensors: the same damaged inputs, failed
 * allocations and reads, and refused pushes. */
#include "check.h"

#include <stdio.h>

static const ggx_vocab *driven; /* of this process: each check has one of its own */

typedef struct adapted {
    const ggx_host *host;
    const ggx_source *source;
    const ggx_options *options;
} adapted;

static int32_t probe(const ggx_probe *p)
{
    (void)p;
    return GGX_PROBE_NO;
}

static ggx_status open_vocab(void *self, const ggx_host *host, const ggx_source *source, const ggx_options *options,
                             ggx_error *error)
{
    (void)error;
    *(adapted *)self = (adapted){host, source, options};
    return GGX_OK;
}

static ggx_status index_vocab(void *self, const ggx_sink *sink, ggx_error *error)
{
    const adapted *a = self;
    return driven->read(a->host, a->source, a->options, sink, error);
}

void check_vocab(report *r, const reader_subject *subject, const ggx_vocab *vocab)
{
    ggx_reader reader = {.struct_size = sizeof reader,
                         .instance_size = sizeof(adapted),
                         .options = vocab->options,
                         .option_count = vocab->option_count,
                         .probe = probe,
                         .open = open_vocab,
                         .index = index_vocab};
    reader_subject s = *subject;
    char scope[80];
    driven = vocab;
    s.vtable = &reader;
    snprintf(scope, sizeof scope, "vocab %s", subject->name);
    for (uint32_t i = 0; i < s.sample_count; i++) check_reader_sample(r, scope, &s, &s.samples[i]);
    if (!s.sample_count) report_note(r, scope, "no --sample was given: what needs one was not checked");
}
