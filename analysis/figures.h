/* SPDX-License-Identifier: Apache-2.0
 * The pictures of a run: which there are, what they show of given runs, and drawing them.
 *
 * A figure is a row of a table (figures.c): panels, and in each panel lines, named as the models
 * name their series, curves and metrics.  A line that a run does not have, or that stays at zero,
 * is left out, and the notes of the figure say so; a figure without any line is empty and is
 * written as words. */
#ifndef HACASIM_ANALYSIS_FIGURES_H
#define HACASIM_ANALYSIS_FIGURES_H

#include <stdbool.h>
#include <stddef.h>

#include "analysis/result.h"

enum { FIGURES_PANELS = 3, FIGURES_LINES = 3, FIGURES_RUNS = 2 };

enum figures_kind {
    FIGURES_SHARES, /* curves: share of samples over a logarithmic time */
    FIGURES_SERIES, /* series over simulated time */
    FIGURES_DOTS,   /* metrics as points on one logarithmic axis */
};

struct figures_line {
    const char *name, *label;
    const char *factor; /* FIGURES_DOTS: another metric that it is multiplied with, or NULL */
};

struct figures_panel {
    enum figures_kind kind;
    const char *title;
    const char *unit; /* series: of the values; shares: name of the axis; dots: its numbers */
    double scale;     /* from the stored unit to `unit`; 0 means 1 */
    bool filled;      /* area under the first line */
    bool steady;      /* the axis need not start at 0 */
    bool decades;     /* logarithmic when the values span two decades */
    bool coincide;    /* the first line is wider, as the others may lie on it */
    struct figures_line lines[FIGURES_LINES];
    const char *absent; /* words for a panel without lines */
};

struct figures_figure {
    const char *name, *title, *caption; /* caption: what to read in it */
    struct figures_panel panels[FIGURES_PANELS];
};

size_t figures_count(void);
const struct figures_figure *figures_at(size_t index);
const struct figures_figure *figures_find(const char *name);
const char *figures_nearest(const char *name); /* or NULL */

struct figures_job {
    const struct figures_figure *figure;
    const struct result *runs[FIGURES_RUNS]; /* the second, for comparison, may be NULL */
    enum { FIGURES_SVG, FIGURES_PNG } format;
    bool titled; /* title and run in the picture itself, as in a file that travels alone */
};

/* What one panel has to draw of the runs. */
struct figures_trace {
    const struct figures_line *line;
    const struct result *result;
    const struct store_line *data; /* NULL for dots */
    double value, half_width;      /* dots */
    int colour;                    /* index of the line in its panel */
    int run;                       /* index of the run */
};
struct figures_traces {
    struct figures_trace items[FIGURES_LINES * FIGURES_RUNS];
    size_t count;
};
struct figures_traces figures_collect(const struct figures_job *job,
                                      const struct figures_panel *panel);

bool figures_empty(const struct figures_job *job);
/* Words about what is left out; "" when nothing is. */
const char *figures_notes(const struct figures_job *job, struct arena *arena);

/* The picture, to be freed with free(); STATUS_OPERATING without gnuplot. */
enum status figures_draw(const struct figures_job *job, struct arena *arena, char **picture,
                         size_t *size);

#endif
