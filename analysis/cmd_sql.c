/* SPDX-License-Identifier: Apache-2.0
 * hacasim sql: ask the results database anything.
 *
 * Answers for: that asking never changes a result.  Without a query on the command line it is read
 * from standard input; at a terminal, the tables and their columns are shown instead. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "analysis/analysis.h"
#include "analysis/options.h"
#include "analysis/store.h"
#include "analysis/table.h"

enum { KEY_CSV = 256 };

static const char sql_schema[] = "SELECT sql AS \"tables\" FROM sqlite_master WHERE type = 'table'"
                                 " AND name NOT LIKE 'sqlite_%'";

struct sql {
    const char *db, *query;
    bool csv;
    struct arena *arena;
    struct table *table; /* of the statement under way */
};

static error_t sql_parse(int key, char *argument, struct argp_state *state)
{
    struct sql *sql = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &sql->db;
        return 0;
    case KEY_CSV:
        sql->csv = true;
        return 0;
    case ARGP_KEY_ARG:
        if (sql->query != NULL) argp_error(state, "one query at a time; quote it for the shell");
        sql->query = argument;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option sql_options[] = {
    {.name = "csv", .key = KEY_CSV, .doc = "print CSV, not aligned columns"},
    {.name = NULL},
};

static const struct argp_child sql_children[] = {{.argp = &options_db_argp}, {.argp = NULL}};

static const struct argp sql_argp = {
    .options = sql_options,
    .parser = sql_parse,
    .args_doc = "[QUERY]",
    .children = sql_children,
    .doc = "Query the results database; it can only be read."
           "\vWithout QUERY it is read from standard input; at a terminal the tables are shown. "
           "Example:\n\n  hacasim sql \"SELECT run, avg(value) FROM metrics WHERE name = "
           "'gap.s.p99' GROUP BY run\""};

static void sql_csv_row(size_t columns, const char *const *cells)
{
    for (size_t c = 0; c < columns; c++) {
        if (c > 0) putchar(',');
        table_csv_field(stdout, cells[c] == NULL ? "" : cells[c]);
    }
    putchar('\n');
}

static void sql_flush(struct sql *sql)
{
    if (sql->table != NULL) table_print(sql->table, stdout);
    sql->table = NULL;
}

/* SQLite's texts go with the next row: a table needs copies. */
static void sql_table_row(struct sql *sql, size_t columns, const char *const *cells, bool names)
{
    if (names) {
        char *align = arena_alloc(sql->arena, columns + 1, 1);
        memset(align, 'l', columns);
        if (sql->table != NULL) {
            sql_flush(sql);
            putchar('\n');
        }
        sql->table = columns == 0 ? NULL : table_create(sql->arena, align);
    }
    if (sql->table == NULL) return;
    const char **copy = arena_alloc(sql->arena, columns, sizeof *copy);
    for (size_t c = 0; c < columns; c++)
        copy[c] = cells[c] == NULL ? NULL : arena_text(sql->arena, cells[c], strlen(cells[c]));
    table_row(sql->table, copy);
}

static void sql_row(void *context, size_t columns, const char *const *cells, bool names)
{
    struct sql *sql = context;
    if (sql->csv)
        sql_csv_row(columns, cells);
    else
        sql_table_row(sql, columns, cells, names);
}

static enum status sql_read_input(struct sql *sql)
{
    size_t size = 4096, used = 0, got;
    char *text = arena_alloc(sql->arena, size, 1);
    while ((got = fread(text + used, 1, size - used - 1, stdin)) > 0) {
        used += got;
        if (size - used > 1) continue;
        text = arena_grow(sql->arena, text, size, 2 * size, 1);
        size *= 2;
    }
    if (ferror(stdin))
        return status_fail(STATUS_OPERATING, "cannot read standard input: %s", strerror(errno));
    sql->query = text;
    return STATUS_OK;
}

static enum status sql_ask(struct sql *sql, struct store *store)
{
    if (sql->query == NULL && isatty(STDIN_FILENO)) sql->query = sql_schema;
    if (sql->query == NULL) TRY(sql_read_input(sql), "reading the query");
    enum status status = store_query(store, sql->query, sql_row, sql);
    sql_flush(sql);
    return status;
}

int cmd_sql(int argc, char **argv)
{
    struct arena arena;
    struct store *store;
    struct sql sql = {.db = STORE_DEFAULT, .arena = &arena};
    arena_init(&arena, "command", 0);
    argp_parse(&sql_argp, argc, argv, 0, NULL, &sql);
    enum status status = store_open(&store, &arena, sql.db, STORE_READ);
    if (status == STATUS_OK) status = sql_ask(&sql, store);
    store_close(store);
    int code = options_exit(status);
    arena_free(&arena);
    return code;
}
