/* SPDX-License-Identifier: Apache-2.0
 * hacasim report: one self-contained HTML file about a stored run.
 *
 * Answers for: the command line and the file, which appears whole or not at all.  Leaves out: what
 * stands in it (report.c). */
#include <argp.h>
#include <string.h>

#include "analysis/analysis.h"
#include "analysis/gnuplot.h"
#include "analysis/options.h"
#include "analysis/output.h"
#include "analysis/report.h"

struct report_arguments {
    struct options_result result;
    const char *run;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct report_arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->result;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->run) argp_error(state, "too many arguments: '%s'", argument);
        arguments->run = argument;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which run?");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{.argp = &options_result_argp}, {.argp = NULL}};

static const struct argp report_argp = {
    .parser = parse,
    .args_doc = "RUN",
    .doc = "Write a report about a stored run: one HTML file with pictures, tables, caveats and "
           "the commands that make it again.\v"
           "RUN is an id, a prefix of a hash or a scenario's name (the newest run of it).  FILE is "
           "results/SCENARIO/report.html unless given; - is standard output.",
    .children = children,
};

static enum status make(const struct report_arguments *arguments, struct arena *arena)
{
    struct result results[2];
    struct output output;
    const char *path = arguments->result.output;
    if (path) TRY(output_check(path), "nothing was written");
    TRY(options_load_results(&arguments->result, arena, arguments->run, results), "no report");
    struct report report = {.run = &results[0],
                            .against = arguments->result.against ? &results[1] : NULL,
                            .pictures = gnuplot_available()};
    if (!path) {
        path = result_path(&results[0], arena, "report.html");
        TRY(output_make_folders(path), "writing %s", path);
    }
    TRY(output_open(&output, path), "no report");
    report_write(&report, arena, output.stream);
    enum status code = output_close(&output, STATUS_OK);
    if (code != STATUS_OK) return code;
    if (!report.pictures)
        fputs("no gnuplot: the report has tables and no pictures (Debian: gnuplot-nox)\n", stderr);
    if (!output.standard) printf("%s\n", path);
    return STATUS_OK;
}

int cmd_report(int argc, char **argv)
{
    struct arena arena;
    struct report_arguments arguments = {.result = {.db = STORE_DEFAULT}};
    argp_parse(&report_argp, argc, argv, 0, NULL, &arguments);
    arena_init(&arena, "report", 0);
    int code = options_exit(make(&arguments, &arena));
    arena_free(&arena);
    return code;
}
