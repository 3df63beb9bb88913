/* vocab-wordpiece on any bytes. */
#include "fuzz_vocab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const fuzz_file files[] = {{"added_tokens.json", 0, 0}, {"config.json", 0, 0},
                                      {"merges.txt", 0, 0},        {"special_tokens_map.json", 0, 0},
                                      {"tokenizer.json", 1, 0},    {"tokenizer_config.json", 0, 0},
                                      {"vocab.txt", 0, 0}};
    return fuzz_vocab(files, sizeof files / sizeof *files, data, size);
}
