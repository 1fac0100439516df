/* SPDX-License-Identifier: Apache-2.0
 * hacasim list: what the results database holds.
 *
 * Answers for: one line per run, the newest last, next to the prompt. */
#include <inttypes.h>
#include <math.h>

#include "analysis/analysis.h"
#include "analysis/options.h"
#include "analysis/store.h"
#include "analysis/summary.h"
#include "analysis/table.h"

static const char list_metric[] = "gap.s.p99"; /* the one number shown with a run */

static error_t list_parse(int key, char *argument, struct argp_state *state)
{
    (void)argument;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = state->input;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "list takes no arguments");
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child list_children[] = {{.argp = &options_db_argp}, {.argp = NULL}};

static const struct argp list_argp = {
    .parser = list_parse,
    .children = list_children,
    .doc = "List the stored runs, the newest last."
           "\vA run is named by its id, by a prefix of its hash (4 digits or more), or by its "
           "scenario, which means the newest run of it.  State `interrupted`: stopped by Ctrl-C or "
           "killed; what it had finished is there, and `hacasim run --resume RUN` goes on with it. "
           " Column "
           "`from`: the run and the time that a branch began at."};

static const char *list_age(struct arena *arena, double seconds)
{
    if (isnan(seconds)) return "";
    if (seconds < 120) return arena_print(arena, "%.0f s", seconds);
    if (seconds < 7200) return arena_print(arena, "%.0f min", seconds / 60);
    if (seconds < 172800) return arena_print(arena, "%.0f h", seconds / 3600);
    return arena_print(arena, "%.0f d", seconds / 86400);
}

static enum status list_gap(struct store *store, struct arena *arena, const struct store_run *run,
                            const char **out)
{
    char text[SUMMARY_TEXT];
    double mean;
    TRY(store_mean(store, run->id, list_metric, &mean), "listing run %" PRId64, run->id);
    summary_format(text, summary_unit(list_metric), mean, mean);
    *out = isnan(mean) ? NULL : arena_print(arena, "%s", text);
    return STATUS_OK;
}

static enum status list_row(struct store *store, struct arena *arena, struct table *table,
                            const struct store_run *run)
{
    const char *gap = NULL;
    TRY(list_gap(store, arena, run, &gap), "listing");
    const char *reps = run->done == run->reps
                           ? arena_print(arena, "%" PRIu32, run->reps)
                           : arena_print(arena, "%" PRIu32 "/%" PRIu32, run->done, run->reps);
    const char *from = "";
    if (run->parent != 0)
        from = arena_print(arena, "%" PRId64 "@%s", run->parent,
                           param_print(arena, PARAM_DURATION, &run->parent_ns));
    table_row(table,
              (const char *const[]){arena_print(arena, "%" PRId64, run->id),
                                    arena_print(arena, "%.12s", run->hash), run->name, run->design,
                                    arena_print(arena, "%" PRIu64, run->seed), reps, run->state,
                                    gap, list_age(arena, run->age_s), from});
    return STATUS_OK;
}

static enum status list_runs(struct store *store, struct arena *arena)
{
    struct store_run *runs;
    size_t count;
    struct table *table = table_create(arena, "rlllrrlrrl");
    TRY(store_runs(store, &runs, &count), "listing");
    table_row(table, (const char *const[]){"id", "hash", "scenario", "design", "seed", "reps",
                                           "state", list_metric, "age", "from"});
    for (size_t i = 0; i < count; i++)
        TRY(list_row(store, arena, table, &runs[i]), "listing");
    table_print(table, stdout);
    return STATUS_OK;
}

int cmd_list(int argc, char **argv)
{
    struct arena arena;
    struct store *store;
    const char *db = STORE_DEFAULT;
    argp_parse(&list_argp, argc, argv, 0, NULL, &db);
    arena_init(&arena, "command", 0);
    enum status status = store_open(&store, &arena, db, STORE_READ);
    if (status == STATUS_OK) status = list_runs(store, &arena);
    store_close(store);
    int code = options_exit(status);
    arena_free(&arena);
    return code;
}
