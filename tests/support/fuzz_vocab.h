/* tests/support/fuzz_vocab.h - drives a vocabulary plugin with files that the fuzzer filled.
 *
 * Bytes: the first two say how many of the others are the tokenizer's own file; what is left is every other file. */
#ifndef GGX_FUZZ_VOCAB_H
#define GGX_FUZZ_VOCAB_H

#include "reader_harness.h"

#include <ggx/draft/vocab.h>
#include <stdlib.h>

extern const ggx_plugin ggx_plugin_1;
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file of the folder, in the order of their names. */
typedef struct fuzz_file {
    const char *name;
    int own, always; /* the tokenizer's own; there even when it has no bytes */
} fuzz_file;

static int fuzz_vocab(const fuzz_file *files, size_t count, const uint8_t *data, size_t size)
{
    const ggx_vocab *vocab = ggx_plugin_1.provides[0].vtable;
    reader_harness h;
    ggx_error error = {0};
    if (size < 2) return 0;
    size_t own = (size_t)(data[0] | data[1] << 8);
    if (own > size - 2) own = size - 2;
    reader_harness_init(&h, GGX_SOURCE_DIRECTORY);
    for (size_t i = 0; i < count; i++)
        if (!files[i].own)
            reader_harness_add(&h, files[i].name, data + 2 + own, size - 2 - own);
        else if (own || files[i].always)
            reader_harness_add(&h, files[i].name, data + 2, own);
    ggx_status status = vocab->read(&h.host, &h.source, &h.options, &h.sink, &error);
    if (h.violation[0] || (status != GGX_OK && !error.text[0])) abort();
    reader_harness_free(&h);
    return 0;
}

#endif
