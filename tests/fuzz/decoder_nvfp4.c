/* tests/fuzz/decoder_nvfp4.c - decoder-nvfp4 with inputs, options and boxes of the fuzzer's choice; see fuzz_decoder.h. */
#include "fuzz_decoder.h"
