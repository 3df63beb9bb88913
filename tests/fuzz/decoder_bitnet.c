/* tests/fuzz/decoder_bitnet.c - decoder-bitnet with inputs, options and boxes of the fuzzer's choice; see fuzz_decoder.h. */
#include "fuzz_decoder.h"
