/* SPDX-License-Identifier: Apache-2.0
 * How a figure looks: the gnuplot script of a job.
 *
 * One column of panels.  A panel has its quantity and unit as a heading above the axis, so that no
 * text is turned; lines in the Okabe-Ito colours, which stay apart for colour-blind eyes; the
 * second run of a comparison is dashed in the same colours.  Nothing is drawn that is not data,
 * axis or name.
 *
 * Black and the two greys below are the only colours of text and axes: the style sheet of a report
 * replaces them in a dark page. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/figures.h"
#include "analysis/gnuplot.h"
#include "analysis/table.h"

enum { /* layout in points of the picture */
       WIDTH = 880,
       EDGE = 12, /* where titles and headings start */
       LEFT = 78,
       RIGHT = 24,
       TITLE = 62,   /* title and subtitle of a figure */
       LETTER = 7,   /* width of one, generously, where names must fit beside dots */
       HEADING = 34, /* above a panel */
       KEY_ROW = 20, /* of a key above its panel */
       KEY_END = 6,  /* between key and panel */
       BELOW = 60,   /* under the last panel: numbers and name of the axis */
       NUMBERS = 32, /* numbers alone */
       SHARES = 260,
       SERIES = 140,
       DOT_ROW = 30,
       WORDS = 90,
       TICS = 5, /* at most, on a vertical axis */
};

#define AXIS "#888888"
#define GRID "#d5d5d5"
#define SOFT "#666666"
static const char *const colours[FIGURES_LINES] = {"#0072B2", "#D55E00", "#009E73"};

struct span {
    double low, high;
};

struct canvas {
    const struct figures_job *job;
    FILE *script;
    struct arena *arena;
    int height, top;    /* of the picture; where the next panel starts */
    struct span time_s; /* of all series */
    double time_unit_s;
    const char *time_unit;
    bool horizon_named;
    bool title_due; /* set with the first panel, as each panel resets all labels */
};

/* ---- numbers ------------------------------------------------------------------------------- */

static double scale_of(const struct figures_panel *panel)
{
    return panel->scale != 0 ? panel->scale : 1;
}

static void widen(struct span *span, double value)
{
    if (!isfinite(value)) return;
    if (!(span->low <= value)) span->low = value;
    if (!(span->high >= value)) span->high = value;
}

static const struct span nothing = {(double)NAN, (double)NAN};

static struct span span_of(const struct figures_traces *traces, bool of_x, bool positive)
{
    struct span span = nothing;
    for (size_t t = 0; t < traces->count; t++) {
        const struct store_line *line = traces->items[t].data;
        for (size_t i = 0; i < line->count; i++) {
            double value = of_x ? line->x[i] : line->y[i];
            if (!positive || value > 0) widen(&span, value);
        }
    }
    return span;
}

/* Simulated time in the unit in which it is read. */
static void choose_time(struct canvas *canvas)
{
    static const struct {
        double up_to_s, unit_s;
        const char *name;
    } units[] = {
        {300, 1, "s"}, {3 * 3600, 60, "min"}, {4 * 86400, 3600, "h"}, {INFINITY, 86400, "d"}};
    size_t i = 0;
    while (canvas->time_s.high > units[i].up_to_s)
        i++;
    canvas->time_unit_s = units[i].unit_s;
    canvas->time_unit = units[i].name;
}

/* Words for large amounts: gnuplot would print 2.5e+06. */
static const char *amount_words(double high, double *divisor)
{
    *divisor = high >= 1e9 ? 1e9 : high >= 1e6 ? 1e6 : high >= 1e5 ? 1e3 : 1;
    if (*divisor == 1) return "";
    return *divisor == 1e9 ? "billion " : *divisor == 1e6 ? "million " : "thousand ";
}

/* ---- pieces of a picture ------------------------------------------------------------------- */

/* Lines are those of one replication, dots are means over all. */
static const char *run_words(const struct canvas *canvas, const struct result *result)
{
    const struct store_run *run = &result->run;
    bool mean = canvas->job->figure->panels[0].kind == FIGURES_DOTS;
    const char *which = "";
    if (run->done > 1)
        which =
            arena_print(canvas->arena, mean ? ", mean of %u" : ", replication 1 of %u", run->done);
    return arena_print(canvas->arena, "%.40s (%s, seed %llu%s)", result->label, run->design,
                       (unsigned long long)run->seed, which);
}

static void draw_title(struct canvas *canvas)
{
    const struct figures_job *job = canvas->job;
    struct arena *arena = canvas->arena;
    const char *subtitle = run_words(canvas, job->runs[0]);
    bool dots = job->figure->panels[0].kind == FIGURES_DOTS;
    if (job->runs[1])
        subtitle = arena_print(arena, "%s; %s: %s", subtitle, dots ? "hollow" : "dashed",
                               run_words(canvas, job->runs[1]));
    subtitle = arena_print(arena, "%s; hacasim %s", subtitle, job->runs[0]->run.version);
    fprintf(canvas->script,
            "set label 100 %s at screen %.6f,%.6f left font 'sans-serif:Bold,17' noenhanced\n"
            "set label 101 %s at screen %.6f,%.6f left tc rgb '" SOFT "' noenhanced\n",
            gnuplot_quote(arena, job->figure->title), (double)EDGE / WIDTH,
            1 - 22. / canvas->height, gnuplot_quote(arena, subtitle), (double)EDGE / WIDTH,
            1 - 44. / canvas->height);
}

/* Place the next panel: `height` points under a heading and `above` more. */
static void place(struct canvas *canvas, int height, int above, int left)
{
    double full = canvas->height;
    int top = canvas->top + HEADING + above;
    canvas->top = top + height;
    fprintf(canvas->script,
            "reset\nset lmargin at screen %.6f\nset rmargin at screen %.6f\n"
            "set tmargin at screen %.6f\nset bmargin at screen %.6f\n",
            (double)left / WIDTH, 1 - (double)RIGHT / WIDTH, 1 - top / full,
            1 - canvas->top / full);
    if (canvas->title_due) draw_title(canvas);
    canvas->title_due = false;
    fputs("set border 3 lc rgb '" AXIS "'\nset tics nomirror out scale 0.5 tc rgb '" SOFT "'\n"
          "set grid ytics lt 1 lw 0.6 lc rgb '" GRID "'\nunset key\n",
          canvas->script);
}

/* To be called before the panel is placed, which moves `top`. */
static double heading_y(const struct canvas *canvas)
{
    return 1 - (canvas->top + HEADING - 12.) / canvas->height;
}

static void heading(struct canvas *canvas, double y, const char *title, const char *unit)
{
    const char *text = *unit ? arena_print(canvas->arena, "%s [%s]", title, unit) : title;
    fprintf(canvas->script, "set label 1 %s at screen %.6f,%.6f left noenhanced\n",
            gnuplot_quote(canvas->arena, text), (double)EDGE / WIDTH, y);
}

/* What the line is; in a comparison, whose; in a panel with one line, whose alone. */
static const char *line_label(const struct canvas *canvas, const struct figures_panel *panel,
                              const struct figures_trace *trace)
{
    const char *label = trace->line->label;
    if (!canvas->job->runs[1]) return label;
    if (!panel->lines[1].name) return trace->result->label;
    return arena_print(canvas->arena, "%s, %.24s", label, trace->result->label);
}

static const char *dash(const struct figures_trace *trace)
{
    return trace->run == 0 ? "" : " dt (8,6)";
}

/* The key stands between heading and panel, one row a line. */
static int key_height(size_t traces)
{
    return KEY_ROW * (int)traces + KEY_END;
}

static void key_rows(struct canvas *canvas, double heading)
{
    fprintf(canvas->script,
            "set key at screen 0.006,%.6f left top vertical maxcols 1 Left reverse samplen 2.2 "
            "spacing %.2f noenhanced\n",
            heading - 14. / canvas->height,
            canvas->job->format == FIGURES_SVG ? 1.0 : 1.2); /* gnuplot counts lines differently */
}

/* ---- shares -------------------------------------------------------------------------------- */

/* Round times for a logarithmic axis; the finer ones are for a range of less than two decades. */
static const struct time_tic {
    double at_s;
    const char *label;
    bool fine;
} time_tics[] = {
    {1e-4, "0.1 ms", false}, {2e-4, "0.2 ms", true}, {5e-4, "0.5 ms", true}, {1e-3, "1 ms", false},
    {2e-3, "2 ms", true},    {5e-3, "5 ms", true},   {0.01, "10 ms", false}, {0.02, "20 ms", true},
    {0.05, "50 ms", true},   {0.1, "0.1 s", false},  {0.2, "0.2 s", true},   {0.5, "0.5 s", true},
    {1, "1 s", false},       {2, "2 s", true},       {5, "5 s", true},       {10, "10 s", false},
    {20, "20 s", true},      {30, "30 s", true},     {60, "1 min", false},   {120, "2 min", true},
    {300, "5 min", true},    {600, "10 min", false}, {1800, "30 min", true}, {3600, "1 h", false},
    {7200, "2 h", true},     {18000, "5 h", true},   {36000, "10 h", false}, {86400, "1 d", true},
    {864000, "10 d", false},
};
enum { TIME_TICS = sizeof time_tics / sizeof time_tics[0] };

/* Both ends, for a range so short that no round time lies in it. */
static void end_tics(struct canvas *canvas, struct span x)
{
    char low[SUMMARY_TEXT], high[SUMMARY_TEXT];
    summary_format(low, SUMMARY_SECONDS, x.low, x.low);
    summary_format(high, SUMMARY_SECONDS, x.high, x.high);
    fprintf(canvas->script, "set xtics ('%s' %.9g,'%s' %.9g)\n", low, x.low, high, x.high);
}

static void write_time_tics(struct canvas *canvas, struct span x)
{
    bool narrow = x.high < 100 * x.low;
    const char *list = "";
    int count = 0;
    for (int i = 0; i < TIME_TICS; i++) {
        const struct time_tic *tic = &time_tics[i];
        if (tic->at_s < x.low || tic->at_s > x.high || (tic->fine && !narrow)) continue;
        list = arena_print(canvas->arena, "%s%s'%s' %.9g", list, count++ ? "," : "", tic->label,
                           tic->at_s);
    }
    if (count < 2)
        end_tics(canvas, x);
    else
        fprintf(canvas->script, "set xtics (%s)\n", list);
}

/* A time of 0 has no place on a logarithmic axis: the curve starts on the left edge with the share
 * of those samples. */
static void share_data(struct canvas *canvas, const struct figures_trace *trace, size_t index,
                       struct span x)
{
    const struct store_line *line = trace->data;
    fprintf(canvas->script, "$d%zu << EOD\n", index);
    for (size_t i = 0; i < line->count; i++) {
        bool zero_again = i + 1 < line->count && line->x[i + 1] <= 0;
        if (isfinite(line->x[i]) && !zero_again)
            fprintf(canvas->script, "%.9g %.9g\n", fmax(line->x[i], x.low), line->y[i]);
    }
    fprintf(canvas->script, "%.9g %.9g\nEOD\n", x.high, line->y[line->count - 1]);
}

static const char *share_label(struct canvas *canvas, const struct figures_panel *panel,
                               const struct figures_trace *trace)
{
    char p50[SUMMARY_TEXT], p99[SUMMARY_TEXT];
    const char *name = trace->line->name;
    double median = result_metric(trace->result, arena_print(canvas->arena, "%s.p50", name));
    double tail = result_metric(trace->result, arena_print(canvas->arena, "%s.p99", name));
    return arena_print(canvas->arena, "%s: p50 %s, p99 %s", line_label(canvas, panel, trace),
                       summary_format(p50, SUMMARY_SECONDS, median, median),
                       summary_format(p99, SUMMARY_SECONDS, tail, tail));
}

/* Without any time above 0 the axis still needs a range. */
static struct span share_range(const struct figures_traces *traces)
{
    struct span x = span_of(traces, true, true);
    if (!(x.low > 0)) x = (struct span){0.01, 10};
    return (struct span){x.low / 1.2, x.high * 1.2};
}

static void draw_shares(struct canvas *canvas, const struct figures_panel *panel,
                        const struct figures_traces *traces)
{
    struct span x = share_range(traces);
    double y = heading_y(canvas);
    place(canvas, SHARES, key_height(traces->count), LEFT);
    heading(canvas, y, panel->title, "");
    key_rows(canvas, y);
    for (size_t t = 0; t < traces->count; t++)
        share_data(canvas, &traces->items[t], t, x);
    write_time_tics(canvas, x);
    fprintf(canvas->script,
            "set logscale x\nset xrange [%.9g:%.9g]\nset yrange [0:1.01]\n"
            "set ytics ('0' 0,'25 %%%%' 0.25,'50 %%%%' 0.5,'75 %%%%' 0.75,'100 %%%%' 1)\n"
            "set xlabel '%s' offset 0,0.4 tc rgb '" SOFT "'\nplot ",
            x.low, x.high, panel->unit);
    for (size_t t = 0; t < traces->count; t++) {
        const struct figures_trace *trace = &traces->items[t];
        fprintf(canvas->script, "%s$d%zu using 1:2 with lines lw %.1f lc rgb '%s'%s title %s",
                t ? ", " : "", t, panel->coincide && trace->colour == 0 ? 4.5 : 2.2,
                colours[trace->colour], dash(trace),
                gnuplot_quote(canvas->arena, share_label(canvas, panel, trace)));
    }
    fputc('\n', canvas->script);
}

/* ---- series -------------------------------------------------------------------------------- */

static void series_data(struct canvas *canvas, const struct figures_trace *trace, size_t index,
                        double scale)
{
    const struct store_line *line = trace->data;
    fprintf(canvas->script, "$d%zu << EOD\n", index);
    for (size_t i = 0; i < line->count; i++) {
        if (isfinite(line->y[i]))
            fprintf(canvas->script, "%.9g %.9g\n", line->x[i] / canvas->time_unit_s,
                    line->y[i] * scale);
        else
            fputc('\n', canvas->script); /* a break in the line */
    }
    fputs("EOD\n", canvas->script);
}

/* A range with room above, from 0 unless the panel is about small movements. */
static struct span axis_range(const struct figures_panel *panel, struct span y, double scale)
{
    struct span range = {y.low * scale, y.high * scale};
    double room = 0.08 * (range.high - range.low);
    if (!panel->steady && range.low >= 0)
        range.low = 0;
    else
        range.low -= room > 0 ? room : 0.02 * fabs(range.low);
    range.high += room > 0 ? room : 0.02 * fabs(range.high);
    return range;
}

/* A round step that gives at most TICS numbers. */
static double round_step(double length)
{
    double step = pow(10, floor(log10(length / TICS)));
    static const double factors[] = {1, 2, 5, 10};
    for (int i = 0; i < 4; i++)
        if (length / (step * factors[i]) <= TICS) return step * factors[i];
    return step * 10;
}

static void series_axes(struct canvas *canvas, const struct figures_panel *panel, struct span y,
                        double scale, bool last)
{
    bool decades = panel->decades && y.low > 0 && y.high > 100 * y.low;
    struct span range = axis_range(panel, y, scale);
    if (decades) range = (struct span){y.low * scale / 1.5, y.high * scale * 1.5};
    if (decades)
        fputs("set logscale y\n", canvas->script);
    else
        fprintf(canvas->script, "set ytics %.9g\n", round_step(range.high - range.low));
    fprintf(canvas->script, "set xrange [%.9g:%.9g]\nset yrange [%.9g:%.9g]\nset format y '%%g'\n",
            canvas->time_s.low / canvas->time_unit_s, canvas->time_s.high / canvas->time_unit_s,
            range.low, range.high);
    if (last)
        fprintf(canvas->script, "set xlabel 'simulated time [%s]' offset 0,0.4 tc rgb '" SOFT "'\n",
                canvas->time_unit);
    else
        fputs("set format x ''\n", canvas->script);
}

/* A mark where arrivals end; what comes after is the drain.  Its name stands in the first panel. */
static void mark_horizon(struct canvas *canvas)
{
    double at = canvas->job->runs[0]->horizon_s;
    if (!(at > canvas->time_s.low && at < canvas->time_s.high)) return;
    at /= canvas->time_unit_s;
    fprintf(
        canvas->script,
        "set arrow 1 from first %.9g,graph 0 to first %.9g,graph 1 nohead lw 1 dt 2 lc rgb '" AXIS
        "' back\n",
        at, at);
    if (canvas->horizon_named) return;
    canvas->horizon_named = true;
    fprintf(canvas->script,
            "set label 2 'arrivals end' at first %.9g,graph 0.9 left offset character 0.6,0 tc rgb "
            "'" SOFT "'\n",
            at);
}

static void series_lines(struct canvas *canvas, const struct figures_panel *panel,
                         const struct figures_traces *traces)
{
    if (!canvas->job->runs[1] && panel->lines[1].name)
        fputs(
            "set key at graph 1,1.03 right bottom horizontal Left reverse samplen 1.8 noenhanced\n",
            canvas->script);
    fputs("plot ", canvas->script);
    for (size_t t = 0; t < traces->count; t++) {
        const struct figures_trace *trace = &traces->items[t];
        const char *colour = colours[trace->colour];
        if (panel->filled && trace->colour == 0 && trace->run == 0)
            fprintf(canvas->script,
                    "$d%zu using 1:2 with filledcurves y1=0 fc rgb '%s' fs solid 0.18 noborder "
                    "notitle, ",
                    t, colour);
        fprintf(canvas->script, "$d%zu using 1:2 with lines lw 1.8 lc rgb '%s'%s title %s%s", t,
                colour, dash(trace), gnuplot_quote(canvas->arena, line_label(canvas, panel, trace)),
                t + 1 < traces->count ? ", " : "\n");
    }
}

static void draw_series(struct canvas *canvas, const struct figures_panel *panel,
                        const struct figures_traces *traces, bool last)
{
    struct span y = span_of(traces, false, false);
    double divisor, scale = scale_of(panel);
    const char *words = amount_words(y.high * scale, &divisor);
    scale /= divisor;
    double top = heading_y(canvas);
    bool compared = canvas->job->runs[1] != NULL;
    place(canvas, SERIES, compared ? key_height(traces->count) : 0, LEFT);
    if (compared) key_rows(canvas, top);
    heading(canvas, top, panel->title, arena_print(canvas->arena, "%s%s", words, panel->unit));
    for (size_t t = 0; t < traces->count; t++)
        series_data(canvas, &traces->items[t], t, scale);
    series_axes(canvas, panel, y, scale, last);
    mark_horizon(canvas);
    series_lines(canvas, panel, traces);
}

/* ---- dots ---------------------------------------------------------------------------------- */

static double row_of(const struct figures_traces *traces, size_t t)
{
    return (double)(traces->count - t); /* the first on top */
}

/* The name stands left of its row, the value beside its dot. */
static void dot_row(struct canvas *canvas, const struct figures_panel *panel,
                    const struct figures_traces *traces, size_t t)
{
    char value[SUMMARY_TEXT];
    const struct figures_trace *trace = &traces->items[t];
    double half = isfinite(trace->half_width) ? fmin(trace->half_width, 0.999 * trace->value) : 0;
    summary_format(value, SUMMARY_USD, trace->value, trace->value);
    fprintf(canvas->script,
            "$d%zu << EOD\n%.9g %g %.9g\nEOD\n"
            "set label %zu %s at graph 0,first %g right offset character -1.5,0 noenhanced\n"
            "set label %zu %s at %.9g,%g left offset character 1.5,0 noenhanced\n",
            t, trace->value, row_of(traces, t), half, 2 * t + 2,
            gnuplot_quote(canvas->arena, line_label(canvas, panel, trace)), row_of(traces, t),
            2 * t + 3, gnuplot_quote(canvas->arena, value), trace->value, row_of(traces, t));
}

static void draw_dots(struct canvas *canvas, const struct figures_panel *panel,
                      const struct figures_traces *traces)
{
    struct span x = nothing;
    double y = heading_y(canvas);
    size_t longest = 0;
    for (size_t t = 0; t < traces->count; t++) {
        const struct figures_trace *trace = &traces->items[t];
        size_t length = table_columns(line_label(canvas, panel, trace));
        longest = length > longest ? length : longest;
        widen(&x, trace->value);
    }
    place(canvas, DOT_ROW * (int)traces->count, 0, EDGE + LETTER * (int)(longest + 2));
    heading(canvas, y, panel->title, "");
    for (size_t t = 0; t < traces->count; t++)
        dot_row(canvas, panel, traces, t);
    fprintf(canvas->script,
            "set border 1 lc rgb '" AXIS "'\nunset ytics\nset logscale x\nset grid xtics lt 1 lw "
            "0.6 lc rgb '" GRID "'\nset xrange [%.9g:%.9g]\nset yrange [0.4:%g]\n"
            "set format x '%s'\nset errorbars 0\nplot ",
            x.low / 2, x.high * 4, (double)traces->count + 0.6, panel->unit);
    for (size_t t = 0; t < traces->count; t++)
        fprintf(canvas->script, "$d%zu using 1:2%s pt %d ps 0.9 lw 1.6 lc rgb '%s' notitle%s", t,
                traces->items[t].half_width > 0 ? ":3 with xerrorbars" : " with points",
                traces->items[t].run == 0 ? 7 : 6, colours[traces->items[t].colour],
                t + 1 < traces->count ? ", " : "\n");
}

/* ---- the whole ----------------------------------------------------------------------------- */

static int panel_height(const struct figures_job *job, const struct figures_panel *panel,
                        size_t traces)
{
    switch (panel->kind) {
    case FIGURES_SHARES:
        return HEADING + SHARES + key_height(traces);
    case FIGURES_SERIES:
        return HEADING + SERIES + (job->runs[1] ? key_height(traces) : 0);
    case FIGURES_DOTS:
        return HEADING + DOT_ROW * (int)traces;
    }
    return 0;
}

/* Height of the picture and span of time, which all its panels share. */
static int measure(struct canvas *canvas)
{
    int drawn = 0;
    canvas->height = canvas->job->titled ? TITLE : 0;
    canvas->time_s = nothing;
    for (int p = 0; p < FIGURES_PANELS && canvas->job->figure->panels[p].title; p++) {
        const struct figures_panel *panel = &canvas->job->figure->panels[p];
        struct figures_traces traces = figures_collect(canvas->job, panel);
        if (traces.count == 0) continue;
        drawn++;
        canvas->height += panel_height(canvas->job, panel, traces.count);
        if (panel->kind != FIGURES_SERIES) continue;
        struct span x = span_of(&traces, true, false);
        widen(&canvas->time_s, x.low);
        widen(&canvas->time_s, x.high);
    }
    if (!(canvas->time_s.high > canvas->time_s.low)) canvas->time_s.high = canvas->time_s.low + 1;
    bool named = canvas->job->figure->panels[0].kind != FIGURES_DOTS;
    canvas->height += drawn == 0 ? WORDS : named ? BELOW : NUMBERS;
    return drawn;
}

static void draw_terminal(struct canvas *canvas)
{
    if (canvas->job->format == FIGURES_PNG) /* twice the size, for screens with fine pixels */
        fprintf(canvas->script,
                "set terminal pngcairo size %d,%d fontscale 2 linewidth 2 pointscale 2 "
                "font 'sans-serif,10' background rgb 'white' noenhanced\n",
                2 * WIDTH, 2 * canvas->height);
    else
        fprintf(canvas->script,
                "set terminal svg size %d,%d dynamic font 'sans-serif,13' noenhanced%s\n", WIDTH,
                canvas->height, canvas->job->titled ? " background rgb 'white'" : "");
}

/* A picture that says in words why there is nothing to see. */
static void draw_words(struct canvas *canvas)
{
    const char *words = figures_notes(canvas->job, canvas->arena);
    if (canvas->title_due) draw_title(canvas);
    fprintf(canvas->script,
            "unset border\nunset tics\nunset key\nset xrange [0:1]\nset yrange [0:1]\n"
            "set label 1 %s at screen %.6f,%.6f left noenhanced\nplot NaN notitle\n",
            gnuplot_quote(canvas->arena, words), (double)EDGE / WIDTH, 0.3);
}

static void draw_panels(struct canvas *canvas, int drawn)
{
    const struct figures_figure *figure = canvas->job->figure;
    for (int p = 0; p < FIGURES_PANELS && figure->panels[p].title; p++) {
        const struct figures_panel *panel = &figure->panels[p];
        struct figures_traces traces = figures_collect(canvas->job, panel);
        if (traces.count == 0) continue;
        drawn--;
        if (panel->kind == FIGURES_SHARES)
            draw_shares(canvas, panel, &traces);
        else if (panel->kind == FIGURES_DOTS)
            draw_dots(canvas, panel, &traces);
        else
            draw_series(canvas, panel, &traces, drawn == 0);
    }
}

enum status figures_draw(const struct figures_job *job, struct arena *arena, char **picture,
                         size_t *size)
{
    struct gnuplot plot;
    if (!gnuplot_available())
        return status_fail(STATUS_OPERATING, "gnuplot is not installed (Debian: gnuplot-nox)");
    TRY(gnuplot_open(&plot), "drawing %s", job->figure->name);
    struct canvas canvas = {.job = job, .script = plot.script, .arena = arena};
    int drawn = measure(&canvas);
    choose_time(&canvas);
    canvas.top = job->titled ? TITLE : 0;
    canvas.title_due = job->titled;
    draw_terminal(&canvas);
    fputs("set multiplot\n", plot.script);
    if (drawn > 0)
        draw_panels(&canvas, drawn);
    else
        draw_words(&canvas);
    fputs("unset multiplot\n", plot.script);
    TRY(gnuplot_finish(&plot, picture, size), "drawing %s", job->figure->name);
    return STATUS_OK;
}
