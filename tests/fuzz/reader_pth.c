/* The PyTorch reader on any bytes, zip or stream; small tensors are read too. Bytes that begin with '{' are an index up to the first NUL,
 * and its shard s.bin behind it. */
#include "reader_harness.h"

#include <stdlib.h>
#include <string.h>

#define READ_MAX (1u << 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_tensor(reader_harness *h, const ggx_reader *reader, const ggx_tensor *t)
{
    ggx_error error;
    ggx_box box = {.struct_size = sizeof box, .rank = t->rank};
    uint64_t bytes = t->type.block_bytes;
    for (uint32_t i = 0; i < t->rank; i++) {
        box.count[i] = t->shape[i];
        if (t->shape[i] > READ_MAX) return;
        bytes *= t->shape[i];
        if (bytes > READ_MAX) return;
    }
    void *out = malloc(bytes ? bytes : 1); /* exactly the box: a sanitizer sees what goes beyond */
    if (out) (void)reader_harness_read(h, reader, t, &box, out, bytes, &error);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const ggx_reader *reader = reader_harness_vtable();
    reader_harness h;
    ggx_error error;
    reader_harness_init(&h, GGX_SOURCE_FILE);
    const uint8_t *end = size && data[0] == '{' ? memchr(data, 0, size) : NULL;
    reader_harness_add(&h, end ? "s.bin.index.json" : "x.pt", data, end ? (size_t)(end - data) : size);
    if (end) reader_harness_add(&h, "s.bin", end + 1, size - (size_t)(end - data) - 1);
    (void)reader_harness_probe(&h, reader);
    if (reader_harness_open(&h, reader, &error) == GGX_OK && reader_harness_index(&h, reader, &error) == GGX_OK)
        for (uint64_t i = 0; i < h.tensor_count && i < 16; i++)
            if (h.tensors[i].access != GGX_ACCESS_RAW) read_tensor(&h, reader, &h.tensors[i]);
    reader_harness_close(&h, reader);
    if (h.violation[0]) abort();
    reader_harness_free(&h);
    return 0;
}
