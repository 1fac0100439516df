/* SPDX-License-Identifier: Apache-2.0
 * SQLite, as much of it as the store needs: the only file that includes sqlite3.h is db.c.
 *
 * A database is opened as one of a *kind* (application id, schema version, schema); another
 * program's file, a damaged one, a newer version, a read-only place are refused with a message.
 * An older version is read as it is and brought up to date when it is opened for writing.
 * Parameters are bound by letters: i int64_t, r double (NaN is null), t text (NULL is null), b a
 * pointer and a size_t. */
#ifndef HACASIM_ANALYSIS_DB_H
#define HACASIM_ANALYSIS_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/sim.h"

struct db;
struct db_rows; /* a query under way */

struct db_kind {
    int application;    /* PRAGMA application_id */
    int version;        /* PRAGMA user_version, the newest that is understood */
    const char *schema; /* statements, each IF NOT EXISTS: an older database gets what it lacks
                         * when it is opened for writing, so a version may only add tables */
};

enum status db_open(struct db **out, struct arena *arena, const char *path,
                    const struct db_kind *kind, bool write);
void db_close(struct db *db); /* NULL is allowed */
const char *db_path(const struct db *db);
int db_version(const struct db *db);     /* of the schema that the file has */
const char *db_uri(const struct db *db); /* what ATTACH takes to open the same file */

/* A transaction: what happened between is committed if `status` is STATUS_OK, else undone. */
enum status db_begin(struct db *db);
enum status db_settle(struct db *db, enum status status);

/* A statement without rows.  It stays prepared: `sql` must be a literal (found by address). */
enum status db_put(struct db *db, const char *sql, const char *types, ...);
int64_t db_last_id(const struct db *db);

/* A query:  TRY(db_ask(db, &rows, sql, "i", run), ...);
 *           while (db_next(rows)) ... db_int(rows, 0) ...
 *           TRY(db_end(rows), ...);                                                         */
enum status db_ask(struct db *db, struct db_rows **out, const char *sql, const char *types, ...);
bool db_next(struct db_rows *rows);
int64_t db_int(const struct db_rows *rows, int column);
double db_real(const struct db_rows *rows, int column);      /* NaN for null */
const char *db_text(const struct db_rows *rows, int column); /* copy in the arena; NULL for null */
/* Copy of a blob in `arena`; NULL and 0 bytes for null. */
const void *db_blob(const struct db_rows *rows, int column, struct arena *arena, size_t *bytes);
bool db_same(const struct db_rows *rows, int column, const char *text);
enum status db_end(struct db_rows *rows);

/* `items` of `count`, with room for one more. */
void *db_room(const struct db *db, void *items, size_t count, size_t size);

/* Run what a user typed; anything but reading is STATUS_USER.  For each statement `row` is called
 * with the column names first, then with each row; cells may be NULL. */
typedef void (*db_row_fn)(void *context, size_t columns, const char *const *cells, bool names);
enum status db_query(struct db *db, const char *sql, db_row_fn row, void *context);

#endif
