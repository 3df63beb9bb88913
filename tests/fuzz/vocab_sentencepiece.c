/* vocab-sentencepiece on any bytes. */
#include "fuzz_vocab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const fuzz_file files[] = {
        {"added_tokens.json", 0, 0}, {"tokenizer.model", 1, 1}, {"tokenizer_config.json", 0, 0}};
    return fuzz_vocab(files, sizeof files / sizeof *files, data, size);
}
