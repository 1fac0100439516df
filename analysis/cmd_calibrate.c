/* SPDX-License-Identifier: Apache-2.0
 * hacasim calibrate: what is measured on this machine, by a second word. */
#include <stdio.h>
#include <string.h>

#include "analysis/analysis.h"
#include "analysis/calibrate.h"
#include "sim/sim.h"

static const struct kind {
    const char *name, *does;
    int (*run)(int argc, char **argv);
} kinds[] = {
    {"inference", "time a model's operations on this CPU or GPU: timing tables",
     calibrate_inference},
};

enum { KINDS = sizeof kinds / sizeof *kinds };

static void print_help(FILE *out)
{
    fputs("Usage: hacasim calibrate WHAT [OPTION...]\nMeasure on this machine.\n\n", out);
    for (size_t i = 0; i < KINDS; i++)
        fprintf(out, "  %-11s %s\n", kinds[i].name, kinds[i].does);
    fputs("\nhacasim calibrate WHAT --help explains each.\n", out);
}

int cmd_calibrate(int argc, char **argv)
{
    const char *names[KINDS];
    char name[48];
    if (argc < 2) {
        print_help(stderr);
        return ANALYSIS_USER;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0) {
        print_help(stdout);
        return ANALYSIS_OK;
    }
    for (size_t i = 0; i < KINDS; i++) {
        names[i] = kinds[i].name;
        if (strcmp(argv[1], kinds[i].name) != 0) continue;
        snprintf(name, sizeof name, "hacasim calibrate %s", kinds[i].name);
        argv[1] = name;
        return kinds[i].run(argc - 1, argv + 1);
    }
    const char *near = diag_nearest(argv[1], names, KINDS);
    fprintf(stderr, "hacasim calibrate: '%s' is not among what can be measured", argv[1]);
    if (near != NULL) fprintf(stderr, "; did you mean '%s'?", near);
    fputs("\nTry `hacasim calibrate --help' for more information.\n", stderr);
    return ANALYSIS_USER;
}
