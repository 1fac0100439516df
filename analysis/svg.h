/* SPDX-License-Identifier: Apache-2.0
 * A gnuplot SVG made fit to stand inside an HTML page. */
#ifndef HACASIM_ANALYSIS_SVG_H
#define HACASIM_ANALYSIS_SVG_H

#include <stdio.h>

#include "sim/sim.h"

/* Write `svg` as one element: no prolog, no tooltips, no empty groups, ids that begin with `name`
 * (a page has several pictures), and `label` for those who hear the page. */
void svg_inline(const char *svg, const char *name, const char *label, struct arena *arena,
                FILE *out);

#endif
