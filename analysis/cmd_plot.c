/* SPDX-License-Identifier: Apache-2.0
 * hacasim plot: one figure of a stored run as a file of its own.
 *
 * Answers for: the command line, the name and the kind of the file.  Leaves out: which figures
 * there are (figures.c) and how they look (figures_draw.c). */
#include <argp.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/analysis.h"
#include "analysis/figures.h"
#include "analysis/options.h"
#include "analysis/output.h"

enum { KEY_LIST = 256 };

struct plot_arguments {
    struct options_result result;
    const char *run, *figure;
    bool list;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct plot_arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->result;
        return 0;
    case KEY_LIST:
        arguments->list = true;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 1)
            argp_error(state, "too many arguments: '%s'", argument);
        else if (state->arg_num == 0)
            arguments->run = argument;
        else
            arguments->figure = argument;
        return 0;
    case ARGP_KEY_END:
        if (!arguments->list && !arguments->figure)
            argp_error(state, "expected RUN and FIGURE; --list names the figures");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option plot_options[] = {
    {.name = "list", .key = KEY_LIST, .doc = "the figures and what they show"},
    {.name = NULL},
};

static const struct argp_child children[] = {{.argp = &options_result_argp}, {.argp = NULL}};

static const struct argp plot_argp = {
    .options = plot_options,
    .parser = parse,
    .args_doc = "RUN FIGURE\n--list",
    .doc =
        "Draw one figure of a stored run with gnuplot.\v"
        "RUN is an id, a prefix of a hash or a scenario's name (the newest run of it).  FILE ends "
        "in .svg or .png (default: results/SCENARIO/FIGURE.svg).",
    .children = children,
};

static int list_figures(void)
{
    for (size_t i = 0; i < figures_count(); i++)
        printf("%-8s %s\n", figures_at(i)->name, figures_at(i)->title);
    return ANALYSIS_OK;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), size = strlen(end);
    return length > size && strcmp(text + length - size, end) == 0;
}

/* What the command line says before anything is read: the figure and the kind of file. */
static enum status check(const struct plot_arguments *arguments, struct figures_job *job)
{
    const char *near = figures_nearest(arguments->figure);
    job->figure = figures_find(arguments->figure);
    if (!job->figure && near)
        return status_fail(STATUS_USER, "no figure %s (did you mean %s?)", arguments->figure, near);
    if (!job->figure)
        return status_fail(STATUS_USER, "no figure %s (hacasim plot --list names them)",
                           arguments->figure);
    const char *output = arguments->result.output;
    if (!output || ends_with(output, ".svg")) return STATUS_OK;
    job->format = FIGURES_PNG;
    if (ends_with(output, ".png")) return STATUS_OK;
    return status_fail(STATUS_USER, "--output: %s ends neither in .svg nor in .png", output);
}

static enum status draw(const struct figures_job *job, const char *path, struct arena *arena)
{
    struct output output;
    char *picture = NULL;
    size_t size = 0;
    enum status code = figures_draw(job, arena, &picture, &size);
    if (code == STATUS_OK) code = output_open(&output, path);
    if (code == STATUS_OK) {
        fwrite(picture, 1, size, output.stream);
        code = output_close(&output, STATUS_OK);
    }
    free(picture);
    return code;
}

static enum status plot(const struct plot_arguments *arguments, struct arena *arena)
{
    struct result results[FIGURES_RUNS];
    struct figures_job job = {.titled = true};
    enum status code = check(arguments, &job);
    if (code != STATUS_OK) return code;
    const char *path = arguments->result.output;
    if (path) TRY(output_check(path), "nothing was drawn");
    TRY(options_load_results(&arguments->result, arena, arguments->run, results), "no picture");
    job.runs[0] = &results[0];
    job.runs[1] = arguments->result.against ? &results[1] : NULL;
    if (!path) {
        path = result_path(&results[0], arena, arena_print(arena, "%s.svg", job.figure->name));
        TRY(output_make_folders(path), "writing %s", path);
    }
    code = draw(&job, path, arena);
    if (code != STATUS_OK) return code;
    const char *notes = figures_notes(&job, arena);
    if (*notes) fprintf(stderr, "%s\n", notes);
    printf("%s\n", path);
    return STATUS_OK;
}

int cmd_plot(int argc, char **argv)
{
    struct arena arena;
    struct plot_arguments arguments = {.result = {.db = STORE_DEFAULT}};
    argp_parse(&plot_argp, argc, argv, 0, NULL, &arguments);
    if (arguments.list) return list_figures();
    arena_init(&arena, "plot", 0);
    int code = options_exit(plot(&arguments, &arena));
    arena_free(&arena);
    return code;
}
