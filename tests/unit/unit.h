/* SPDX-License-Identifier: Apache-2.0
 * What every unit test includes: cmocka, which wants four headers before it, and the usual ones. */
#ifndef HACASIM_TESTS_UNIT_H
#define HACASIM_TESTS_UNIT_H

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#endif
