/* SPDX-License-Identifier: Apache-2.0
 * Internal header of analysis/: the verbs and the exit codes of the program.
 *
 * A verb is one file, cmd_<verb>.c, with one function.  It gets the arguments from the verb on
 * (argv[0] is "hacasim run", which argp prints in its messages), writes results to standard output
 * and everything else to standard error, and returns the exit code.  It need not flush standard
 * output: main does, and turns a failed write into exit 3.
 *
 * What verbs share: options.h (argp pieces, exit codes from statuses), store.h (the results
 * database, on top of db.h), summary.h (statistics over replications and how they are printed),
 * pool.h (replications on threads, with progress.h), expect.h (the language of `expect:` lines),
 * table.h (aligned text, CSV fields), output.h (what the user asked to be written), digest.h
 * (hashes that name things), version.h. */
#ifndef HACASIM_ANALYSIS_ANALYSIS_H
#define HACASIM_ANALYSIS_ANALYSIS_H

enum analysis_exit {
    ANALYSIS_OK = 0,
    ANALYSIS_FAILED = 1,        /* a check did not hold */
    ANALYSIS_USER = 2,          /* scenario or command line is wrong */
    ANALYSIS_OPERATING = 3,     /* disk, database, device; a breach during `run` */
    ANALYSIS_INTERRUPTED = 130, /* what was finished is kept */
};

int cmd_run(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_sql(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_find(int argc, char **argv);
int cmd_schema(int argc, char **argv);
int cmd_eval(int argc, char **argv);
int cmd_plot(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_calibrate(int argc, char **argv);

#endif
