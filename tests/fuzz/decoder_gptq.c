/* tests/fuzz/decoder_gptq.c - decoder-gptq with inputs, options and boxes of the fuzzer's choice; see fuzz_decoder.h. */
#include "fuzz_decoder.h"
