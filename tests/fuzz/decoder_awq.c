/* tests/fuzz/decoder_awq.c - decoder-awq with inputs, options and boxes of the fuzzer's choice; see fuzz_decoder.h. */
#include "fuzz_decoder.h"
