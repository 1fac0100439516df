/* SPDX-License-Identifier: Apache-2.0
 * hacasim: the program.
 *
 * Answers for: which verb runs, and what is true for all of them: exit codes, closed or full
 * standard output, signals that a library must not die of.  What a verb does is in cmd_<verb>.c. */
#include <argp.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/analysis.h"
#include "analysis/output.h"
#include "analysis/version.h"
#include "sim/sim.h"

static const struct main_verb {
    const char *name;
    int (*run)(int argc, char **argv);
    bool simulates; /* and so takes --quiet; the others have nothing to be quiet about */
    const char *does;
} verbs[] = {
    {"run", cmd_run, true, "simulate a scenario, store the results, print a summary"},
    {"check", cmd_check, true, "check a scenario's invariants and expectations"},
    {"find", cmd_find, true, "find how much of something is enough"},
    {"list", cmd_list, false, "list the stored runs"},
    {"show", cmd_show, false, "show stored runs side by side"},
    {"report", cmd_report, false, "write a run as one self-contained HTML file"},
    {"plot", cmd_plot, false, "draw one figure of a run"},
    {"export", cmd_export, false, "write a run as CSV, JSON or SQLite"},
    {"sql", cmd_sql, false, "query the results database"},
    {"eval", cmd_eval, false, "evaluate one model function by itself"},
    {"calibrate", cmd_calibrate, false, "measure on this machine: timing tables"},
    {"schema", cmd_schema, false, "print every scenario key, its unit, default, range and source"},
};

enum { VERBS = sizeof verbs / sizeof *verbs };

static void main_help(FILE *out)
{
    fprintf(out,
            "%s\nSimulates networks that separate AI execution from verification.\n\n"
            "Usage: hacasim [--quiet] VERB [ARGUMENT...]\n\n",
            version_text);
    for (size_t i = 0; i < VERBS; i++)
        fprintf(out, "  %-9s %s\n", verbs[i].name, verbs[i].does);
    fputs("  help      explain a verb: hacasim help VERB, the same as hacasim VERB --help\n\n"
          "Exit codes: 0 done; 1 a check failed; 2 wrong scenario or command line; 3 a disk, "
          "database or\ndevice failed, or an invariant broke; 130 interrupted, what was finished "
          "is kept.\n",
          out);
}

static int main_usage(void)
{
    main_help(stderr);
    return ANALYSIS_USER;
}

static const struct main_verb *main_find(const char *name)
{
    for (size_t i = 0; i < VERBS; i++)
        if (strcmp(verbs[i].name, name) == 0) return &verbs[i];
    return NULL;
}

static int main_unknown(const char *name)
{
    const char *names[VERBS];
    for (size_t i = 0; i < VERBS; i++)
        names[i] = verbs[i].name;
    const char *near = diag_nearest(name, names, VERBS);
    fprintf(stderr, "hacasim: unknown verb '%s'", name);
    if (near != NULL) fprintf(stderr, "; did you mean '%s'?", near);
    fputs("\nTry `hacasim help' for more information.\n", stderr);
    return ANALYSIS_USER;
}

/* argp names the program by argv[0] in all its messages. */
static int main_verb(const struct main_verb *verb, int argc, char **argv)
{
    char name[32];
    snprintf(name, sizeof name, "hacasim %s", verb->name);
    argv[0] = name;
    return verb->run(argc, argv);
}

/* --quiet before the verb: one more place in front, which the verb's name takes. */
static int main_quiet(int argc, char **argv)
{
    static char quiet[] = "--quiet";
    const struct main_verb *verb = argc > 2 ? main_find(argv[2]) : NULL;
    if (verb == NULL) return argc > 2 ? main_unknown(argv[2]) : main_usage();
    if (!verb->simulates) return main_verb(verb, argc - 2, argv + 2);
    argv[2] = quiet;
    return main_verb(verb, argc - 1, argv + 1);
}

static int main_help_verb(int argc, char **argv)
{
    char help[] = "--help";
    if (argc < 2) {
        main_help(stdout);
        return ANALYSIS_OK;
    }
    const struct main_verb *verb = main_find(argv[1]);
    if (verb == NULL) return main_unknown(argv[1]);
    return main_verb(verb, 2, (char *[]){NULL, help, NULL});
}

static int main_dispatch(int argc, char **argv)
{
    if (argc < 2) return main_usage();
    const char *name = argv[1];
    if (strcmp(name, "--quiet") == 0) return main_quiet(argc, argv);
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return main_help_verb(argc - 1, argv + 1);
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        puts(version_text);
        return ANALYSIS_OK;
    }
    const struct main_verb *verb = main_find(name);
    return verb == NULL ? main_unknown(name) : main_verb(verb, argc - 1, argv + 1);
}

/* ---- process ------------------------------------------------------------------------------ */

/* Runs at exit, also when argp ends the program: output that got lost is a failure, but a reader
 * that has enough is none.  By now everything is stored and closed, so the program ends the way
 * that SIGPIPE would have ended it. */
static void main_close_output(int code, void *unused)
{
    (void)unused;
    bool whole = output_standard() == STATUS_OK;
    if (!whole && output_reader_left()) {
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
    if (whole || code == ANALYSIS_OPERATING) return;
    status_print(stderr);
    _exit(ANALYSIS_OPERATING);
}

/* A standard stream that the caller closed would lend its number to the next file opened, and
 * messages would end up in the database.  Opened the wrong way round, it fails as it should. */
static void main_fill_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) == -1) open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
    main_fill_streams();
    signal(SIGPIPE, SIG_IGN); /* results are kept before a reader that left ends the program */
    signal(SIGXFSZ, SIG_IGN); /* so is a limit on file sizes */
    on_exit(main_close_output, NULL);
    argp_err_exit_status = ANALYSIS_USER;
    return main_dispatch(argc, argv);
}
