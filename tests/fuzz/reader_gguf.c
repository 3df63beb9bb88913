/* The GGUF reader on any bytes. First byte even: the rest is one file. Odd: a little-endian 16-bit length, that many bytes are the
 * first part of a split set, and the rest is the second. */
#include "reader_harness.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    reader_harness h;
    ggx_error error;
    if (size < 3) return 0;
    reader_harness_init(&h, GGX_SOURCE_FILE);
    if (data[0] & 1) {
        size_t n = data[1] | (size_t)data[2] << 8;
        if (n > size - 3) n = size - 3;
        reader_harness_add(&h, "m-00001-of-00002.gguf", data + 3, n);
        reader_harness_add(&h, "m-00002-of-00002.gguf", data + 3 + n, size - 3 - n);
    } else {
        reader_harness_add(&h, "m.gguf", data + 1, size - 1);
    }
    (void)reader_harness_run(&h, reader_harness_vtable(), &error);
    if (h.violation[0] || h.refused) abort(); /* a breach of the contract, or an extent outside the file */
    reader_harness_free(&h);
    return 0;
}
