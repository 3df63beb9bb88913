/* vocab-bpe on any bytes: the first two say how many of the others are tokenizer.json, which is not there when that is 0; what is
 * left is every other file. */
#include "reader_harness.h"

#include <ggx/draft/vocab.h>
#include <stdlib.h>

extern const ggx_plugin ggx_plugin_1;
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const ggx_vocab *vocab = ggx_plugin_1.provides[0].vtable;
    reader_harness h;
    ggx_error error = {0};
    if (size < 2) return 0;
    size_t model = (size_t)(data[0] | data[1] << 8);
    if (model > size - 2) model = size - 2;
    reader_harness_init(&h, GGX_SOURCE_DIRECTORY);
    reader_harness_add(&h, "added_tokens.json", data + 2 + model, size - 2 - model);
    reader_harness_add(&h, "config.json", data + 2 + model, size - 2 - model);
    reader_harness_add(&h, "merges.txt", data + 2 + model, size - 2 - model);
    reader_harness_add(&h, "special_tokens_map.json", data + 2 + model, size - 2 - model);
    if (model) reader_harness_add(&h, "tokenizer.json", data + 2, model);
    reader_harness_add(&h, "tokenizer_config.json", data + 2 + model, size - 2 - model);
    reader_harness_add(&h, "vocab.json", data + 2 + model, size - 2 - model);
    ggx_status status = vocab->read(&h.host, &h.source, &h.options, &h.sink, &error);
    if (h.violation[0] || (status != GGX_OK && !error.text[0])) abort();
    reader_harness_free(&h);
    return 0;
}
