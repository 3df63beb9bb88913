/* The Darknet reader on any bytes: a little-endian 16-bit length, that many bytes of cfg, and the rest is the .weights.
 *
 * The length's top bit allows partial files; the weights go on in zeros up to the size that the last four bytes of the input say (16 MiB at
 * most), so that a mutation of the cfg can still find its size. */
#include "reader_harness.h"

#include <stdlib.h>
#include <string.h>

#define WEIGHTS_MAX (1u << 24)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t word(const uint8_t *at, int bytes)
{
    uint32_t v = 0;
    for (int i = 0; i < bytes; i++) v |= (uint32_t)at[i] << (8 * i);
    return v;
}

static void run(const void *cfg, size_t cfg_size, const void *weights, size_t size, int partial)
{
    reader_harness h;
    ggx_error error;
    reader_harness_init(&h, GGX_SOURCE_FILE);
    reader_harness_add(&h, "n.weights", weights, size);
    reader_harness_add(&h, "n.cfg", cfg, cfg_size);
    if (partial) reader_harness_option_bool(&h, "darknet.allow-partial", 1);
    (void)reader_harness_run(&h, reader_harness_vtable(), &error);
    if (h.violation[0] || h.refused) abort(); /* a breach of the contract, or an extent outside the file */
    reader_harness_free(&h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 6) return 0;
    uint32_t head = word(data, 2), cfg_size = head & 0x7fff, total = word(data + size - 4, 4) % (WEIGHTS_MAX + 1);
    size_t left = size - 6;
    if (cfg_size > left) cfg_size = (uint32_t)left;
    left -= cfg_size;
    if (total < left) total = (uint32_t)left;
    char *cfg = malloc(cfg_size + 1u);
    char *weights = calloc(1, total + 1u);
    if (cfg && weights) {
        memcpy(cfg, data + 2, cfg_size);
        memcpy(weights, data + 2 + cfg_size, left);
        run(cfg, cfg_size, weights, total, (head >> 15) != 0);
    }
    free(cfg);
    free(weights);
    return 0;
}
