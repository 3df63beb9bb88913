/* tests/support/reader_harness.c - the sdk's harness, compiled into a test together with a plugin's sources. */
#include "../../sdk/check/reader_harness.c"
