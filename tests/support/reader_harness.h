/* tests/support/reader_harness.h - the harness is the sdk's, since ggx-plugin-check drives readers with it too. */
#include "../../sdk/check/reader_harness.h"
