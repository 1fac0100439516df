/* SPDX-License-Identifier: Apache-2.0
 * hacasim export: one stored run for other programs.
 *
 * Answers for: numbers that lose nothing.  CSV is the long form (a line per replication and
 * metric), JSON the object that `run --json` writes, SQLite a database with this run alone. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "analysis/analysis.h"
#include "analysis/options.h"
#include "analysis/output.h"
#include "analysis/steady.h"
#include "analysis/store.h"
#include "analysis/summary.h"
#include "analysis/table.h"

enum { KEY_CSV = 256, KEY_JSON, KEY_SQLITE };

struct export
{
    const char *db, *name, *path;
    int form; /* KEY_CSV, KEY_JSON, KEY_SQLITE; 0: none given yet */
    struct arena *arena;
    struct store *store;
    struct store_run run;
};

static error_t export_parse(int key, char *argument, struct argp_state *state)
{
    struct export *export = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &export->db;
        return 0;
    case KEY_CSV:
    case KEY_JSON:
    case KEY_SQLITE:
        if (export->form != 0) argp_error(state, "one of --csv, --json, --sqlite at a time");
        if (key == KEY_SQLITE && strcmp(argument, "-") == 0)
            argp_error(state, "--sqlite needs the name of a file");
        export->form = key;
        export->path = argument;
        return 0;
    case ARGP_KEY_ARG:
        if (export->name != NULL) argp_error(state, "one run at a time");
        export->name = argument;
        return 0;
    case ARGP_KEY_END:
        if (export->name == NULL) argp_error(state, "which run?");
        if (export->form == 0) argp_error(state, "one of --csv, --json, --sqlite is missing");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option export_options[] = {
    {.name = "csv",
     .key = KEY_CSV,
     .arg = "FILE",
     .doc = "lines run,rep,metric,value,text; - for standard output"},
    {.name = "json",
     .key = KEY_JSON,
     .arg = "FILE",
     .doc = "the object of `run --json`; - for standard output"},
    {.name = "sqlite",
     .key = KEY_SQLITE,
     .arg = "FILE",
     .doc = "a new database with this run alone, series and curves included"},
    {.name = NULL},
};

static const struct argp_child export_children[] = {{.argp = &options_db_argp}, {.argp = NULL}};

static const struct argp export_argp = {
    .options = export_options,
    .parser = export_parse,
    .args_doc = "RUN",
    .children = export_children,
    .doc = "Write one stored run to a file."
           "\vIn CSV, `text` is the exact decimal of an amount of money, which `value` rounds to a "
           "double; a null statistic leaves both empty."};

static enum status export_csv_to(const struct export *export, FILE *out)
{
    struct store_value *values;
    size_t count;
    char number[32];
    TRY(store_values(export->store, export->run.id, &values, &count), "exporting");
    fputs("run,rep,metric,value,text\n", out);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "%" PRId64 ",%" PRIu32 ",", export->run.id, values[i].rep);
        table_csv_field(out, values[i].name);
        fprintf(out, ",%s,", isnan(values[i].value) ? "" : json_real_text(number, values[i].value));
        table_csv_field(out, values[i].text == NULL ? "" : values[i].text);
        fputc('\n', out);
    }
    return STATUS_OK;
}

static enum status export_csv(const struct export *export)
{
    struct output output;
    TRY(output_open(&output, export->path), "exporting");
    return output_close(&output, export_csv_to(export, output.stream));
}

static enum status export_json(const struct export *export)
{
    const struct store_run *run = &export->run;
    struct summary *summary;
    struct steady steady;
    const char **caveats;
    size_t count;
    TRY(steady_load(export->store, export->arena, run->id, run->done, &steady), "exporting");
    TRY(summary_load(export->store, export->arena, run, &summary), "exporting");
    TRY(store_caveats(export->store, run->id, &caveats, &count), "exporting");
    struct summary_object object = {.scenario = run->name,
                                    .trace_hash = run->trace_hash,
                                    .seed = run->seed,
                                    .reps = run->done,
                                    .parent = run->parent,
                                    .parent_ns = run->parent_ns,
                                    .summary = summary,
                                    .caveats = caveats,
                                    .caveat_count = count,
                                    .steady = &steady};
    return summary_write_json(&object, export->path);
}

static enum status export_found(struct export *export)
{
    TRY(store_open(&export->store, export->arena, export->db, STORE_READ), "exporting");
    enum status status = store_find(export->store, export->name, &export->run);
    if (status != STATUS_OK) return status;
    if (export->form == KEY_CSV) return export_csv(export);
    if (export->form == KEY_JSON) return export_json(export);
    return store_copy(export->store, export->run.id, export->path);
}

int cmd_export(int argc, char **argv)
{
    struct arena arena;
    struct export export = {.db = STORE_DEFAULT, .arena = &arena};
    arena_init(&arena, "command", 0);
    argp_parse(&export_argp, argc, argv, 0, NULL, &export);
    enum status status = export_found(&export);
    store_close(export.store);
    int code = options_exit(status);
    arena_free(&arena);
    return code;
}
