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
#include "analysis/outfile.h"
#include "analysis/report.h"

enum { KEY_OUTPUT = 'o', KEY_AGAINST = 256 };

struct report_arguments {
    const char *db, *output, *against, *run;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct report_arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->db;
        return 0;
    case KEY_OUTPUT:
        arguments->output = argument;
        return 0;
    case KEY_AGAINST:
        arguments->against = argument;
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

static const struct argp_option report_options[] = {
    {.name = "output",
     .key = KEY_OUTPUT,
     .arg = "FILE",
     .doc = "default: results/SCENARIO/report.html"},
    {.name = "against",
     .key = KEY_AGAINST,
     .arg = "RUN",
     .doc = "a second run, shown beside the first in pictures and tables"},
    {.name = NULL},
};

static const struct argp_child children[] = {{&options_db_argp, 0, NULL, 0}, {NULL, 0, NULL, 0}};

static const struct argp report_argp = {
    .options = report_options,
    .parser = parse,
    .args_doc = "RUN",
    .doc = "Write a report about a stored run: one HTML file with pictures, tables, caveats and "
           "the commands that make it again.\v"
           "RUN is an id, a prefix of a hash or a scenario's name (the newest run of it).",
    .children = children,
};

static enum status load(const struct report_arguments *arguments, struct arena *arena,
                        struct result *run, struct result *against)
{
    struct store *store = NULL;
    enum status code = store_open(&store, arena, arguments->db, STORE_READ);
    if (code == STATUS_OK) code = result_load(store, arena, arguments->run, run);
    if (code == STATUS_OK && arguments->against)
        code = result_load(store, arena, arguments->against, against);
    store_close(store);
    if (code == STATUS_OK && arguments->against) result_distinguish(run, against, arena);
    return code;
}

static enum status make(const struct report_arguments *arguments, struct arena *arena)
{
    struct result run, against;
    struct outfile file;
    enum status code = load(arguments, arena, &run, &against);
    if (code != STATUS_OK) return code;
    struct report report = {.run = &run,
                            .against = arguments->against ? &against : NULL,
                            .pictures = gnuplot_available()};
    const char *path =
        arguments->output ? arguments->output : result_path(&run, arena, "report.html");
    code = outfile_open(&file, path);
    if (code != STATUS_OK) return code;
    report_write(&report, arena, file.stream);
    code = outfile_commit(&file);
    if (code != STATUS_OK) return code;
    if (!report.pictures)
        fputs("no gnuplot: the report has tables and no pictures (Debian: gnuplot-nox)\n", stderr);
    printf("%s\n", path);
    return STATUS_OK;
}

int cmd_report(int argc, char **argv)
{
    struct arena arena;
    struct report_arguments arguments = {.db = STORE_DEFAULT};
    argp_parse(&report_argp, argc, argv, 0, NULL, &arguments);
    arena_init(&arena, "report", 0);
    int code = options_exit(make(&arguments, &arena));
    arena_free(&arena);
    return code;
}
