/* SPDX-License-Identifier: Apache-2.0
 * hacasim show: stored runs side by side.
 *
 * Answers for: that two runs are compared in the same rows and the same units, with what a reader
 * must know about each: its caveats, its price rule, and whether it is complete. */
#include <inttypes.h>
#include <string.h>

#include "analysis/analysis.h"
#include "analysis/options.h"
#include "analysis/steady.h"
#include "analysis/store.h"
#include "analysis/summary.h"
#include "analysis/table.h"

enum { KEY_ALL = 256, KEY_EFFECTIVE };

struct show {
    const char *db;
    bool all, effective;
    const char **names; /* of the runs, as typed */
    size_t count;
    struct arena *arena;
    struct store *store;
    struct store_run *runs;
};

static error_t show_parse(int key, char *argument, struct argp_state *state)
{
    struct show *show = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &show->db;
        show->names = arena_alloc(show->arena, (size_t)state->argc, sizeof *show->names);
        return 0;
    case KEY_ALL:
        show->all = true;
        return 0;
    case KEY_EFFECTIVE:
        show->effective = true;
        return 0;
    case ARGP_KEY_ARG:
        show->names[show->count++] = argument;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which run?");
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option show_options[] = {
    {.name = "all", .key = KEY_ALL, .doc = "every metric, not only the headline"},
    {.name = "effective",
     .key = KEY_EFFECTIVE,
     .doc = "the scenario as it was run: every key with where its value came from"},
    {.name = NULL},
};

static const struct argp_child show_children[] = {{.argp = &options_db_argp}, {.argp = NULL}};

static const struct argp show_argp = {
    .options = show_options,
    .parser = show_parse,
    .args_doc = "RUN...",
    .children = show_children,
    .doc = "Show stored runs side by side."
           "\vRUN is an id, a prefix of a hash, or a scenario's name (its newest run); `hacasim "
           "list` shows them."};

/* ---- results ------------------------------------------------------------------------------ */

static const char *show_size(struct arena *arena, const struct store_run *run)
{
    if (run->done < run->reps)
        return arena_print(arena, "%" PRIu32 " of %" PRIu32 " reps, %s", run->done, run->reps,
                           run->state);
    if (run->reps == 1) return arena_print(arena, "seed %" PRIu64, run->seed);
    return arena_print(arena, "seed %" PRIu64 ", mean of %" PRIu32, run->seed, run->reps);
}

static enum status show_columns(const struct show *show, struct summary_column *columns)
{
    for (size_t i = 0; i < show->count; i++) {
        const struct store_run *run = &show->runs[i];
        struct summary *summary;
        TRY(summary_load(show->store, show->arena, run, &summary), "showing %s", show->names[i]);
        columns[i] = (struct summary_column){
            .summary = summary,
            .title = {run->name,
                      arena_print(show->arena, "run %" PRId64 ", %s", run->id, run->design),
                      show_size(show->arena, run)},
            .price_rule = run->price_rule};
    }
    return STATUS_OK;
}

static enum status show_caveats(const struct show *show)
{
    for (size_t i = 0; i < show->count; i++) {
        const char **caveats;
        size_t count;
        TRY(store_caveats(show->store, show->runs[i].id, &caveats, &count), "showing %s",
            show->names[i]);
        if (count > 0 && show->count > 1)
            printf("\n%s (run %" PRId64 ")", show->runs[i].name, show->runs[i].id);
        summary_print_caveats(caveats, count, stdout);
    }
    return STATUS_OK;
}

/* Side by side there is no room: with several runs the batch means are in `export --json`. */
static enum status show_steady(const struct show *show)
{
    struct steady steady;
    if (show->count > 1) return STATUS_OK;
    TRY(steady_load(show->store, show->arena, show->runs[0].id, show->runs[0].done, &steady),
        "showing %s", show->names[0]);
    steady_print(&steady, show->arena, stdout);
    return STATUS_OK;
}

static void show_hashes(const struct show *show)
{
    putchar('\n');
    for (size_t i = 0; i < show->count; i++) {
        const struct store_run *run = &show->runs[i];
        printf("run %" PRId64 "  %.12s  %s  trace hash %s\n", run->id, run->hash, run->name,
               run->trace_hash == NULL ? "none (not complete)" : run->trace_hash);
        if (run->parent != 0)
            printf("  branch of run %" PRId64 " at %s\n", run->parent,
                   param_print(show->arena, PARAM_DURATION, &run->parent_ns));
    }
}

static enum status show_results(const struct show *show)
{
    struct summary_column *columns = arena_alloc(show->arena, show->count, sizeof *columns);
    enum status status = show_columns(show, columns);
    if (status != STATUS_OK) return status;
    summary_print(show->arena, columns, show->count, show->all, stdout);
    status = show_steady(show);
    if (status == STATUS_OK) status = show_caveats(show);
    if (status == STATUS_OK) show_hashes(show);
    return status;
}

/* ---- scenario ----------------------------------------------------------------------------- */

static enum status show_effective(const struct show *show)
{
    for (size_t i = 0; i < show->count; i++) {
        struct param_effective *effective;
        size_t count;
        struct table *table = table_create(show->arena, "lll");
        TRY(store_effective(show->store, show->runs[i].id, &effective, &count), "showing %s",
            show->names[i]);
        for (size_t k = 0; k < count; k++)
            table_row(table, (const char *const[]){effective[k].path, effective[k].value,
                                                   effective[k].origin});
        printf("%srun %" PRId64 "  %.12s  %s\n", i > 0 ? "\n" : "", show->runs[i].id,
               show->runs[i].hash, show->runs[i].name);
        table_print(table, stdout);
    }
    return STATUS_OK;
}

static enum status show_found(struct show *show)
{
    TRY(store_open(&show->store, show->arena, show->db, STORE_READ), "showing runs");
    show->runs = arena_alloc(show->arena, show->count, sizeof *show->runs);
    for (size_t i = 0; i < show->count; i++) {
        enum status status = store_find(show->store, show->names[i], &show->runs[i]);
        if (status != STATUS_OK) return status;
    }
    return show->effective ? show_effective(show) : show_results(show);
}

int cmd_show(int argc, char **argv)
{
    struct arena arena;
    struct show show = {.db = STORE_DEFAULT, .arena = &arena};
    arena_init(&arena, "command", 0);
    argp_parse(&show_argp, argc, argv, 0, NULL, &show);
    enum status status = show_found(&show);
    store_close(show.store);
    int code = options_exit(status);
    arena_free(&arena);
    return code;
}
