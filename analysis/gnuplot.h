/* SPDX-License-Identifier: Apache-2.0
 * gnuplot as an external process: a script in, a picture out. */
#ifndef HACASIM_ANALYSIS_GNUPLOT_H
#define HACASIM_ANALYSIS_GNUPLOT_H

#include <stdbool.h>
#include <stdio.h>

#include "sim/sim.h"

/* Whether a gnuplot can be started (asked once per program run). */
bool gnuplot_available(void);

/* A text as a gnuplot string.  Between single quotes nothing is substituted or executed; a quote is
 * doubled and control characters become blanks. */
const char *gnuplot_quote(struct arena *arena, const char *text);

struct gnuplot {
    FILE *script;    /* to be written by the caller */
    char folder[48]; /* of its own, removed in the end */
};

enum status gnuplot_open(struct gnuplot *plot);
/* Run the script; the picture is what it wrote to the file 'picture' of its folder.  The text of
 * the picture comes back, to be freed with free(). */
enum status gnuplot_finish(struct gnuplot *plot, char **picture, size_t *size);

#endif
