/* The HDF5 reader on any bytes: one file; whatever it pushes is read, up to a megabyte a tensor. */
#include "reader_harness.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_tensor(reader_harness *h, const ggx_reader *reader, const ggx_tensor *t, uint8_t *out)
{
    ggx_box box = {.struct_size = sizeof box, .rank = t->rank};
    ggx_error error;
    uint64_t bytes = t->type.block_bytes;
    for (uint32_t i = t->rank; i-- > 0;) { /* a corner when the whole is too large */
        uint64_t most = ((uint64_t)1 << 20) / bytes;
        box.count[i] = t->shape[i] < most ? t->shape[i] : most;
        bytes *= box.count[i];
        if (!bytes) return;
    }
    (void)reader_harness_read(h, reader, t, &box, out, bytes, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[1 << 20];
    reader_harness h;
    ggx_error error;
    const ggx_reader *reader = reader_harness_vtable();
    reader_harness_init(&h, GGX_SOURCE_FILE);
    reader_harness_add(&h, "m.h5", data, size);
    (void)reader_harness_probe(&h, reader);
    if (reader_harness_open(&h, reader, &error) == GGX_OK && reader_harness_index(&h, reader, &error) == GGX_OK)
        for (uint64_t i = 0; i < h.tensor_count; i++)
            if (h.tensors[i].access != GGX_ACCESS_RAW) read_tensor(&h, reader, &h.tensors[i], out);
    reader_harness_close(&h, reader);
    if (h.violation[0] || h.refused) abort(); /* a breach of the contract, or an extent outside the file */
    reader_harness_free(&h);
    return 0;
}
