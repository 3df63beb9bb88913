/* The reader of importance matrices on any bytes. */
#include "reader_harness.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    reader_harness h;
    ggx_error error;
    reader_harness_init(&h, GGX_SOURCE_FILE);
    reader_harness_add(&h, "m.dat", data, size);
    (void)reader_harness_run(&h, reader_harness_vtable(), &error);
    if (h.violation[0] || h.refused) abort(); /* a breach of the contract, or an extent outside the file */
    reader_harness_free(&h);
    return 0;
}
