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
#include "analysis/outfile.h"

enum { KEY_OUTPUT = 'o', KEY_LIST = 256, KEY_AGAINST };

struct plot_arguments {
    const char *db, *output, *against, *run, *figure;
    bool list;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct plot_arguments *arguments = state->input;
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
    {.name = "output",
     .key = KEY_OUTPUT,
     .arg = "FILE",
     .doc = "ends in .svg or .png (default: results/SCENARIO/FIGURE.svg)"},
    {.name = "against", .key = KEY_AGAINST, .arg = "RUN", .doc = "a second run, drawn dashed"},
    {.name = "list", .key = KEY_LIST, .doc = "the figures and what they show"},
    {.name = NULL},
};

static const struct argp_child children[] = {{&options_db_argp, 0, NULL, 0}, {NULL, 0, NULL, 0}};

static const struct argp plot_argp = {
    .options = plot_options,
    .parser = parse,
    .args_doc = "RUN FIGURE\n--list",
    .doc = "Draw one figure of a stored run with gnuplot.\v"
           "RUN is an id, a prefix of a hash or a scenario's name (the newest run of it).",
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
    if (!arguments->output || ends_with(arguments->output, ".svg")) return STATUS_OK;
    job->format = FIGURES_PNG;
    if (ends_with(arguments->output, ".png")) return STATUS_OK;
    return status_fail(STATUS_USER, "--output: %s ends neither in .svg nor in .png",
                       arguments->output);
}

static enum status load(const struct plot_arguments *arguments, struct arena *arena,
                        struct result *results, struct figures_job *job)
{
    struct store *store = NULL;
    enum status code = store_open(&store, arena, arguments->db, STORE_READ);
    if (code == STATUS_OK) code = result_load(store, arena, arguments->run, &results[0]);
    if (code == STATUS_OK && arguments->against)
        code = result_load(store, arena, arguments->against, &results[1]);
    store_close(store);
    if (code == STATUS_OK && arguments->against)
        result_distinguish(&results[0], &results[1], arena);
    job->runs[0] = &results[0];
    job->runs[1] = arguments->against ? &results[1] : NULL;
    return code;
}

static enum status draw(const struct figures_job *job, const char *path, struct arena *arena)
{
    struct outfile file;
    char *picture = NULL;
    size_t size = 0;
    enum status code = figures_draw(job, arena, &picture, &size);
    if (code == STATUS_OK) code = outfile_open(&file, path);
    if (code == STATUS_OK) {
        fwrite(picture, 1, size, file.stream);
        code = outfile_commit(&file);
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
    code = load(arguments, arena, results, &job);
    if (code != STATUS_OK) return code;
    const char *path = arguments->output;
    if (!path)
        path = result_path(&results[0], arena, arena_print(arena, "%s.svg", job.figure->name));
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
    struct plot_arguments arguments = {.db = STORE_DEFAULT};
    argp_parse(&plot_argp, argc, argv, 0, NULL, &arguments);
    if (arguments.list) return list_figures();
    arena_init(&arena, "plot", 0);
    int code = options_exit(plot(&arguments, &arena));
    arena_free(&arena);
    return code;
}
