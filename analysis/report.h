/* SPDX-License-Identifier: Apache-2.0
 * The report of a run: one HTML file that needs nothing else.
 *
 * Style sheet and pictures are inside it; there is no script and nothing is fetched.  It reads in
 * light and dark surroundings and on paper.  With a second run it becomes a comparison: the
 * pictures carry both, and so do the tables. */
#ifndef HACASIM_ANALYSIS_REPORT_H
#define HACASIM_ANALYSIS_REPORT_H

#include <stdio.h>

#include "analysis/result.h"

struct report {
    const struct result *run;
    const struct result *against; /* or NULL */
    bool pictures;                /* false: no gnuplot; the report says so */
};

void report_write(const struct report *report, struct arena *arena, FILE *out);

extern const char report_style[]; /* the style sheet (report_style.c) */

#endif
