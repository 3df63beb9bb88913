/* tests/unit/unit.h - what every unit test includes: cmocka with the headers it wants before it. */
#ifndef GGX_TESTS_UNIT_H
#define GGX_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
