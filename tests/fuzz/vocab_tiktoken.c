/* vocab-tiktoken on any bytes. */
#include "fuzz_vocab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const fuzz_file files[] = {{"other.tiktoken", 0, 0}, {"qwen.tiktoken", 1, 0}};
    return fuzz_vocab(files, sizeof files / sizeof *files, data, size);
}
