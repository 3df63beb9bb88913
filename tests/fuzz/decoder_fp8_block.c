/* tests/fuzz/decoder_fp8_block.c - decoder-fp8-block with inputs, options and boxes of the fuzzer's choice; see fuzz_decoder.h. */
#include "fuzz_decoder.h"
