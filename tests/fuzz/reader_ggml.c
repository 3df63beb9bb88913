/* The GGML reader on any bytes. The first byte is the length of ggml.header, which follows; the rest is the file. */
#include "reader_harness.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    reader_harness h;
    ggx_error error;
    char fields[256] = {0};
    if (!size || data[0] > size - 1) return 0;
    size_t length = data[0];
    memcpy(fields, data + 1, length);
    reader_harness_init(&h, GGX_SOURCE_FILE);
    reader_harness_add(&h, "m.bin", data + 1 + length, size - 1 - length);
    if (length) reader_harness_option_string(&h, "ggml.header", fields);
    (void)reader_harness_run(&h, reader_harness_vtable(), &error);
    if (h.violation[0] || h.refused) abort(); /* a breach of the contract, or an extent outside the file */
    reader_harness_free(&h);
    return 0;
}
