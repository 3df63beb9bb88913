/* tests/fuzz/decoder_mxfp4.c - decoder-mxfp4 with inputs, options and boxes of the fuzzer's choice; see fuzz_decoder.h. */
#include "fuzz_decoder.h"
