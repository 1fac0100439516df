/* SPDX-License-Identifier: Apache-2.0
 * hacasim eval: one model function by itself, for checking against outside numbers.
 *
 * Answers for: the command line, the JSON object, the file of --csv and the table of --list.
 * Leaves out: what the functions are (eval_*.c) and the reading of values (eval.c). */
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/analysis.h"
#include "analysis/eval.h"
#include "analysis/eval_csv.h"
#include "analysis/options.h"

enum { KEY_CSV = 256, KEY_LIST };

struct eval_arguments {
    const char *csv;
    bool list;
    char **words; /* FUNCTION key=value... */
    int word_count;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct eval_arguments *arguments = state->input;
    switch (key) {
    case KEY_CSV:
        arguments->csv = argument;
        return 0;
    case KEY_LIST:
        arguments->list = true;
        return 0;
    case ARGP_KEY_ARG:
        arguments->words[arguments->word_count++] = argument;
        return 0;
    case ARGP_KEY_END:
        if (!arguments->list && arguments->word_count == 0)
            argp_error(state, "which function? --list names them");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {.name = "csv",
     .key = KEY_CSV,
     .arg = "FILE",
     .doc = "one call per row: inputs as columns, results are appended to each row"},
    {.name = "list", .key = KEY_LIST, .doc = "the functions with their inputs and results"},
    {.name = NULL},
};

static const struct argp eval_argp = {
    .options = options,
    .parser = parse,
    .args_doc = "FUNCTION KEY=VALUE...\nFUNCTION FILE\n--list",
    .doc = "Evaluate one model function by itself and print one JSON object.\v"
           "Examples: hacasim eval queue-mmc servers=4 arrival_rate=3 service_rate=1\n"
           "          hacasim eval consensus-script script.yaml",
};

/* ---- list ---------------------------------------------------------------------------------- */

static void list_signature(const struct eval_function *function)
{
    printf("%s", function->name);
    for (size_t i = 0; i < eval_input_count(function); i++) {
        const struct eval_input *input = &function->inputs[i];
        if (input->def)
            printf(" [%s=%s]", input->name, input->def);
        else
            printf(" %s=", input->name);
    }
    printf("\n    %s\n", function->meaning);
}

static int list_functions(void)
{
    struct arena arena;
    arena_init(&arena, "eval list", 0);
    for (size_t f = 0; f < eval_count(); f++) {
        const struct eval_function *function = eval_at(f);
        list_signature(function);
        for (size_t i = 0; i < eval_input_count(function); i++)
            printf("      %-20s %s (%s)\n", function->inputs[i].name, function->inputs[i].meaning,
                   eval_range_text(&function->inputs[i], &arena));
        for (size_t i = 0; i < eval_output_count(function); i++)
            printf("   -> %-20s %s\n", function->outputs[i].name, function->outputs[i].meaning);
        putchar('\n');
    }
    arena_free(&arena);
    return ANALYSIS_OK;
}

/* ---- one call ------------------------------------------------------------------------------ */

/* Errors of the command line carry no file; `order` keeps them in the order of the words. */
static void bind_word(const struct eval_function *function, const char *word, uint32_t order,
                      struct eval_given *given, struct diag *diag)
{
    struct diag_where where = {.order = order};
    const char *equals = strchr(word, '=');
    if (!equals && function->inputs[0].type == EVAL_PATH) {
        if (given[0].text) diag_add(diag, where, function->inputs[0].name, "given twice");
        given[0] = (struct eval_given){word, strlen(word), where};
        return;
    }
    if (!equals) {
        diag_add(diag, where, word, "expected KEY=VALUE");
        return;
    }
    const char *name = arena_text(diag->arena, word, (size_t)(equals - word));
    long input = eval_input_find(function, word, (size_t)(equals - word));
    if (input < 0) {
        const char *near = eval_input_nearest(function, name);
        diag_add(diag, where, name,
                 near ? "unknown input of %s (did you mean %s?)" : "unknown input of %s",
                 function->name, near);
        return;
    }
    if (given[input].text) diag_add(diag, where, name, "given twice");
    given[input] = (struct eval_given){equals + 1, strlen(equals + 1), where};
}

static void print_call(const struct eval_function *function, const struct eval_call *call)
{
    struct json *json = json_open();
    struct json_node *root = json_object(json), *inputs = json_object(json);
    struct json_node *result = json_object(json);
    json_set(json, root, "function", json_text(json, function->name));
    for (size_t i = 0; i < eval_input_count(function); i++)
        json_set(json, inputs, function->inputs[i].name, eval_value_json(json, &call->in[i]));
    for (size_t i = 0; i < eval_output_count(function); i++)
        json_set(json, result, function->outputs[i].name, eval_value_json(json, &call->out[i]));
    if (call->out[0].kind == EVAL_KIND_TREE) result = eval_value_json(json, &call->out[0]);
    json_set(json, root, "inputs", inputs);
    json_set(json, root, "result", result);
    json_write(json, root, stdout, true);
    json_close(json);
}

/* ---- CSV ----------------------------------------------------------------------------------- */

static enum status read_file(const char *path, struct arena *arena, char **text, size_t *length)
{
    FILE *file = fopen(path, "rb");
    if (!file) return status_fail(STATUS_USER, "cannot open %s: %s", path, strerror(errno));
    size_t capacity = 1 << 16;
    *text = arena_alloc(arena, capacity, 1);
    *length = 0;
    for (size_t got; (got = fread(*text + *length, 1, capacity - *length, file)) > 0;) {
        *length += got;
        if (*length < capacity) continue;
        *text = arena_grow(arena, *text, capacity, 2 * capacity, 1);
        capacity *= 2;
    }
    int error = ferror(file) ? errno : 0;
    fclose(file);
    if (error) return status_fail(STATUS_OPERATING, "cannot read %s: %s", path, strerror(error));
    return STATUS_OK;
}

/* Rows go to memory first: a file with one bad cell prints no row at all. */
static int run_csv(const struct eval_function *function, const struct eval_given *given,
                   const char *path, struct arena *arena, struct diag *diag)
{
    char *text = NULL, *rows = NULL;
    size_t length = 0, size = 0;
    enum status code = read_file(path, arena, &text, &length);
    if (code != STATUS_OK) return options_exit(code);
    FILE *out = open_memstream(&rows, &size);
    if (!out) return options_exit(status_fail(STATUS_OPERATING, "no memory for the rows"));
    eval_csv_run(function, given, path, text, length, arena, diag, out);
    bool whole = fclose(out) == 0;
    if (whole && diag->count == 0) fwrite(rows, 1, size, stdout);
    free(rows);
    if (!whole) return options_exit(status_fail(STATUS_OPERATING, "no memory for the rows"));
    return diag->count == 0 ? ANALYSIS_OK : ANALYSIS_USER;
}

/* ---- the verb ------------------------------------------------------------------------------ */

static int run_function(const struct eval_function *function,
                        const struct eval_arguments *arguments, struct arena *arena,
                        struct diag *diag)
{
    struct eval_given given[EVAL_INPUTS] = {0};
    struct eval_call call;
    for (int i = 1; i < arguments->word_count; i++)
        bind_word(function, arguments->words[i], (uint32_t)i, given, diag);
    if (arguments->csv && diag->count == 0)
        return run_csv(function, given, arguments->csv, arena, diag);
    for (size_t i = 0; i < EVAL_INPUTS; i++) /* what is missing comes after what was given */
        if (!given[i].text) given[i].where.order = (uint32_t)arguments->word_count;
    if (!arguments->csv) eval_evaluate(function, given, &call, arena, diag);
    if (diag->count > 0) return ANALYSIS_USER;
    print_call(function, &call);
    return ANALYSIS_OK;
}

int cmd_eval(int argc, char **argv)
{
    struct arena arena;
    struct diag diag;
    arena_init(&arena, "eval", 0);
    diag_init(&diag, &arena);
    struct eval_arguments arguments = {.words =
                                           arena_alloc(&arena, (size_t)argc + 1, sizeof(char *))};
    argp_parse(&eval_argp, argc, argv, 0, NULL, &arguments);
    int code = ANALYSIS_USER;
    const struct eval_function *function =
        arguments.word_count > 0 ? eval_find(arguments.words[0]) : NULL;
    if (arguments.list)
        code = list_functions();
    else if (function)
        code = run_function(function, &arguments, &arena, &diag);
    else {
        const char *near = eval_nearest(arguments.words[0]);
        diag_add(&diag, (struct diag_where){.file = NULL}, arguments.words[0],
                 near ? "unknown function (did you mean %s?)"
                      : "unknown function (hacasim eval --list names them all)",
                 near);
    }
    diag_print(&diag, stderr);
    arena_free(&arena);
    return code;
}
