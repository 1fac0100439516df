/* SPDX-License-Identifier: Apache-2.0
 * Files that a verb writes because the user named them; "-" is standard output. */
#ifndef HACASIM_ANALYSIS_OUTPUT_H
#define HACASIM_ANALYSIS_OUTPUT_H

#include <stdio.h>

#include "sim/sim.h"

enum status output_open(const char *path, FILE **out);
/* Everything is on the disk, or it is an operating error.  `status` is what writing came to; a
 * failure there is passed on. */
enum status output_close(const char *path, FILE *out, enum status status);

#endif
