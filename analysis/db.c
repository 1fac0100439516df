/* SPDX-License-Identifier: Apache-2.0
 * SQLite, as much of it as the store needs.
 *
 * Answers for: that a database which cannot be used says so when it is opened, in words a user can
 * act on, and that nothing committed is ever lost to a failure.  Opening for writing checks the
 * mode bits, the kind and version of the file and, while it is small, each of its pages.
 *
 * Not safe against concurrent calls on one database: the pool calls from one thread at a time. */
#include "analysis/db.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    DB_BUSY_MS = 10000, /* a commit takes milliseconds; longer is somebody's open shell */
    DB_PREPARED = 40,   /* distinct statements of db_put */
};

/* Checking the pages reads the whole file: below this size that takes less than 0.1 s. */
static const int64_t DB_CHECKED_BYTES = 64 << 20;

struct db {
    struct arena *arena;
    const char *path; /* as the user gave it, for messages */
    const char *uri;  /* as SQLite opened it */
    sqlite3 *handle;
    int version;
    struct {
        const char *sql;
        sqlite3_stmt *statement;
    } prepared[DB_PREPARED];
};

struct db_rows {
    struct db *db;
    sqlite3_stmt *statement;
    enum status status;
};

/* ---- errors ------------------------------------------------------------------------------- */

static enum status db_damaged(const struct db *db, const char *how)
{
    return status_fail(STATUS_OPERATING,
                       "%s is damaged (%s); `sqlite3 %s .recover` may save what it holds", db->path,
                       how, db->path);
}

static enum status db_fail(const struct db *db)
{
    const char *what = sqlite3_errmsg(db->handle);
    int cause = sqlite3_system_errno(db->handle);
    switch (sqlite3_errcode(db->handle) & 0xFF) { /* without the extension */
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return status_fail(STATUS_OPERATING, "%s is locked: another program held it for %d s",
                           db->path, DB_BUSY_MS / 1000);
    case SQLITE_NOTADB:
        return status_fail(STATUS_OPERATING, "%s is not a results database (not SQLite)", db->path);
    case SQLITE_CORRUPT:
        return db_damaged(db, what);
    case SQLITE_FULL:
        return status_fail(STATUS_OPERATING, "no space left for %s", db->path);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        if (cause != 0)
            return status_fail(STATUS_OPERATING, "%s: %s (%s)", db->path, what, strerror(cause));
        if (sqlite3_extended_errcode(db->handle) == SQLITE_IOERR_WRITE)
            return status_fail(STATUS_OPERATING,
                               "%s: %s (disk full, or a quota or file size limit reached?)",
                               db->path, what);
        break;
    default:
        break;
    }
    return status_fail(STATUS_OPERATING, "%s: %s", db->path, what);
}

/* ---- statements --------------------------------------------------------------------------- */

static enum status db_exec(const struct db *db, const char *sql)
{
    return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? STATUS_OK : db_fail(db);
}

static enum status db_prepare(const struct db *db, const char *sql, sqlite3_stmt **out)
{
    int code = sqlite3_prepare_v2(db->handle, sql, -1, out, NULL);
    return code == SQLITE_OK ? STATUS_OK : db_fail(db);
}

/* Texts are not copied: a query's live in the caller's frame until it has been stepped through. */
static void db_bind(sqlite3_stmt *statement, const char *types, va_list *values)
{
    for (int i = 1; *types != '\0'; types++, i++) {
        switch (*types) {
        case 'i':
            sqlite3_bind_int64(statement, i, va_arg(*values, int64_t));
            break;
        case 'r':
            sqlite3_bind_double(statement, i, va_arg(*values, double));
            break;
        case 'b': {
            const void *bytes = va_arg(*values, const void *);
            sqlite3_bind_blob64(statement, i, bytes, va_arg(*values, size_t), SQLITE_STATIC);
            break;
        }
        default:
            sqlite3_bind_text(statement, i, va_arg(*values, const char *), -1, SQLITE_STATIC);
        }
    }
}

static enum status db_prepared(struct db *db, const char *sql, sqlite3_stmt **out)
{
    size_t i = 0;
    while (db->prepared[i].sql != NULL && db->prepared[i].sql != sql)
        i++;
    if (db->prepared[i].sql == NULL) {
        TRY(db_prepare(db, sql, &db->prepared[i].statement), "preparing a statement");
        db->prepared[i].sql = sql;
    }
    *out = db->prepared[i].statement;
    return STATUS_OK;
}

enum status db_put(struct db *db, const char *sql, const char *types, ...)
{
    sqlite3_stmt *statement = NULL;
    va_list values;
    enum status status = db_prepared(db, sql, &statement);
    if (status != STATUS_OK) return status;
    va_start(values, types);
    db_bind(statement, types, &values);
    va_end(values);
    if (sqlite3_step(statement) != SQLITE_DONE) status = db_fail(db);
    sqlite3_reset(statement);
    return status;
}

int64_t db_last_id(const struct db *db)
{
    return sqlite3_last_insert_rowid(db->handle);
}

enum status db_begin(struct db *db)
{
    return db_exec(db, "BEGIN IMMEDIATE");
}

enum status db_settle(struct db *db, enum status status)
{
    if (status == STATUS_OK) status = db_exec(db, "COMMIT");
    /* Some failures have undone it already; the first one is what the user must read. */
    if (status != STATUS_OK) sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

enum status db_ask(struct db *db, struct db_rows **out, const char *sql, const char *types, ...)
{
    struct db_rows *rows = arena_alloc(db->arena, 1, sizeof *rows);
    va_list values;
    rows->db = db;
    *out = rows;
    rows->status = db_prepare(db, sql, &rows->statement);
    if (rows->status != STATUS_OK) return rows->status;
    va_start(values, types);
    db_bind(rows->statement, types, &values);
    va_end(values);
    return STATUS_OK;
}

bool db_next(struct db_rows *rows)
{
    int code = sqlite3_step(rows->statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE) rows->status = db_fail(rows->db);
    return code == SQLITE_ROW;
}

int64_t db_int(const struct db_rows *rows, int column)
{
    return sqlite3_column_int64(rows->statement, column);
}

double db_real(const struct db_rows *rows, int column)
{
    if (sqlite3_column_type(rows->statement, column) == SQLITE_NULL) return NAN;
    return sqlite3_column_double(rows->statement, column);
}

const char *db_text(const struct db_rows *rows, int column)
{
    const char *text = (const char *)sqlite3_column_text(rows->statement, column);
    if (text == NULL) return NULL;
    return arena_text(rows->db->arena, text, (size_t)sqlite3_column_bytes(rows->statement, column));
}

const void *db_blob(const struct db_rows *rows, int column, struct arena *arena, size_t *bytes)
{
    const void *blob = sqlite3_column_blob(rows->statement, column);
    *bytes = (size_t)sqlite3_column_bytes(rows->statement, column);
    if (blob == NULL) return NULL;
    return memcpy(arena_alloc(arena, *bytes, 1), blob, *bytes);
}

bool db_same(const struct db_rows *rows, int column, const char *text)
{
    const char *here = (const char *)sqlite3_column_text(rows->statement, column);
    return here != NULL && text != NULL && strcmp(here, text) == 0;
}

enum status db_end(struct db_rows *rows)
{
    sqlite3_finalize(rows->statement);
    return rows->status;
}

void *db_room(const struct db *db, void *items, size_t count, size_t size)
{
    if (count != 0 && (count & (count - 1)) != 0) return items; /* capacity: a power of two */
    return arena_grow(db->arena, items, count, count == 0 ? 1 : 2 * count, size);
}

static enum status db_one_int(struct db *db, const char *sql, int64_t *out)
{
    struct db_rows *rows;
    enum status status = db_ask(db, &rows, sql, "");
    if (status != STATUS_OK) return status;
    *out = 0;
    while (db_next(rows))
        *out = db_int(rows, 0);
    return db_end(rows);
}

/* ---- opening ------------------------------------------------------------------------------ */

/* SQLite reads '?' and '#' of a file name as parts of a URI, so names are always given encoded. */
static const char *db_make_uri(struct arena *arena, const char *path, const char *query)
{
    char *encoded = arena_alloc(arena, 3 * strlen(path) + 1, 1), *to = encoded;
    for (; *path != '\0'; path++) {
        if (isalnum((unsigned char)*path) || strchr("/._-", *path) != NULL)
            *to++ = *path;
        else
            to += sprintf(to, "%%%02X", (unsigned)(unsigned char)*path);
    }
    return arena_print(arena, "file:%s%s%s", *encoded == '/' ? "//" : "", encoded, query);
}

/* Mode bits are asked besides access(): to root everything is writable, and still a file that was
 * made read-only was meant to stay as it is. */
static bool db_writable(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0) return false;
    return (info.st_mode & 0222) != 0 && access(path, W_OK) == 0;
}

static const char *db_folder(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) return ".";
    return slash == path ? "/" : arena_text(arena, path, (size_t)(slash - path));
}

static enum status db_read_only_folder(const char *folder)
{
    return status_fail(STATUS_OPERATING, "folder %s is read-only", folder);
}

static enum status db_make_folder(struct arena *arena, const char *folder)
{
    struct stat info;
    if (stat(folder, &info) == 0) return STATUS_OK; /* a plain file there fails on opening */
    const char *parent = db_folder(arena, folder);
    enum status status = db_make_folder(arena, parent);
    if (status != STATUS_OK) return status;
    if (!db_writable(parent)) return db_read_only_folder(parent);
    if (mkdir(folder, 0777) == 0 || errno == EEXIST) return STATUS_OK;
    return status_fail(STATUS_OPERATING, "cannot create folder %s: %s", folder, strerror(errno));
}

static enum status db_locate_for_write(struct db *db, const char *folder, bool exists)
{
    enum status status = db_make_folder(db->arena, folder);
    if (status != STATUS_OK) return status;
    if (exists && !db_writable(db->path))
        return status_fail(STATUS_OPERATING, "%s is read-only", db->path);
    return db_writable(folder) ? STATUS_OK : db_read_only_folder(folder);
}

/* Where a file may be written, it is opened so even for reading: only then can SQLite take up what
 * a killed writer left in the log, and clear its two helper files away.  Where it may not and there
 * is no log, `immutable` spares SQLite the helper files. */
static enum status db_locate(struct db *db, bool write)
{
    const char *folder = db_folder(db->arena, db->path);
    bool exists = access(db->path, F_OK) == 0;
    const char *query = exists ? "?mode=rw" : "?mode=rwc";
    if (write) {
        enum status status = db_locate_for_write(db, folder, exists);
        if (status != STATUS_OK) return status;
    } else if (!exists) {
        return status_fail(STATUS_OPERATING, "%s: %s (`hacasim run` makes it)", db->path,
                           strerror(errno));
    } else if (!db_writable(db->path) || !db_writable(folder)) {
        bool log = access(arena_print(db->arena, "%s-wal", db->path), F_OK) == 0;
        query = log ? "?mode=ro" : "?mode=ro&immutable=1";
    }
    db->uri = db_make_uri(db->arena, db->path, query);
    return STATUS_OK;
}

static enum status db_check_pages(struct db *db)
{
    struct db_rows *rows;
    struct stat info;
    const char *verdict = "ok";
    if (stat(db->path, &info) != 0 || info.st_size > DB_CHECKED_BYTES) return STATUS_OK;
    TRY(db_ask(db, &rows, "PRAGMA quick_check(1)", ""), "checking its pages");
    while (db_next(rows))
        verdict = db_text(rows, 0);
    TRY(db_end(rows), "checking its pages");
    if (strcmp(verdict, "ok") == 0) return STATUS_OK;
    const char *last = strrchr(verdict, '\n'); /* a line above says in which file */
    return db_damaged(db, last == NULL ? verdict : last + 1);
}

/* Nothing but our kind, and no newer than we know. */
static enum status db_check_kind(struct db *db, const struct db_kind *kind, bool *empty)
{
    int64_t application, version, tables;
    /* one snapshot: another program may be making the tables just now */
    enum status status = db_exec(db, "BEGIN");
    if (status == STATUS_OK) status = db_one_int(db, "SELECT count(*) FROM sqlite_master", &tables);
    if (status == STATUS_OK) status = db_one_int(db, "PRAGMA application_id", &application);
    if (status == STATUS_OK) status = db_one_int(db, "PRAGMA user_version", &version);
    if (status == STATUS_OK) status = db_exec(db, "COMMIT");
    if (status != STATUS_OK) return status;
    *empty = application == 0 && version == 0 && tables == 0;
    db->version = (int)version;
    if (!*empty && application != kind->application)
        return status_fail(STATUS_OPERATING, "%s is a database of another program", db->path);
    if (version > kind->version)
        return status_fail(STATUS_OPERATING,
                           "%s was written by a newer hacasim (its schema is version %" PRId64
                           ", this program knows up to %d)",
                           db->path, version, kind->version);
    return STATUS_OK;
}

/* Two programs may make one database at once; the second then finds everything made. */
static enum status db_create(struct db *db, const struct db_kind *kind)
{
    const char *marks =
        arena_print(db->arena, "PRAGMA application_id = %d; PRAGMA user_version = %d",
                    kind->application, kind->version);
    TRY(db_exec(db, "PRAGMA journal_mode = WAL"), "creating the tables");
    TRY(db_begin(db), "creating the tables");
    enum status status = db_exec(db, kind->schema);
    if (status == STATUS_OK) status = db_exec(db, marks);
    TRY(db_settle(db, status), "creating the tables");
    return STATUS_OK;
}

/* SQLite answers `busy` at once where two programs switch one new file to WAL; whoever loses waits
 * until the other is done and then finds everything made. */
static enum status db_create_or_wait(struct db *db, const struct db_kind *kind)
{
    enum { ATTEMPTS = 200 };
    const struct timespec pause = {.tv_nsec = 20000000};
    char dropped[512];
    enum status status = STATUS_OK;
    bool empty = true;
    for (int i = 0; i < ATTEMPTS && empty; i++) {
        status = db_create(db, kind);
        if (status == STATUS_OK || i + 1 == ATTEMPTS) return status;
        status_take(dropped, sizeof dropped);
        nanosleep(&pause, NULL);
        status = db_check_kind(db, kind, &empty);
        if (status != STATUS_OK) return status;
    }
    return status;
}

/* A database of an older version gets the tables that it lacks. */
static enum status db_raise(struct db *db, const struct db_kind *kind)
{
    int64_t version = 0;
    enum status status = db_check_pages(db);
    if (status == STATUS_OK) status = db_one_int(db, "PRAGMA user_version", &version);
    if (status != STATUS_OK || version == kind->version) return status;
    return db_create_or_wait(db, kind);
}

/* NORMAL: a commit survives the death of the program; one of the last may go with the power. */
static enum status db_prove(struct db *db, const struct db_kind *kind, bool write)
{
    bool empty = false;
    enum status status = db_check_kind(db, kind, &empty);
    if (status != STATUS_OK) return status;
    if (!write && empty) return status_fail(STATUS_OPERATING, "%s is empty", db->path);
    if (!write) return db_exec(db, "PRAGMA query_only = 1");
    status = empty ? db_create_or_wait(db, kind) : db_raise(db, kind);
    if (status == STATUS_OK) db->version = kind->version;
    return status == STATUS_OK ? db_exec(db, "PRAGMA synchronous = NORMAL") : status;
}

enum status db_open(struct db **out, struct arena *arena, const char *path,
                    const struct db_kind *kind, bool write)
{
    struct db *db = arena_alloc(arena, 1, sizeof *db);
    db->arena = arena;
    db->path = path;
    *out = NULL;
    enum status status = db_locate(db, write);
    if (status == STATUS_OK) {
        int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI;
        int code = sqlite3_open_v2(db->uri, &db->handle, flags, NULL);
        sqlite3_busy_timeout(db->handle, DB_BUSY_MS);
        status = code == SQLITE_OK ? db_prove(db, kind, write) : db_fail(db);
    }
    if (status == STATUS_OK)
        *out = db;
    else
        sqlite3_close(db->handle);
    return status;
}

void db_close(struct db *db)
{
    if (db == NULL) return;
    for (size_t i = 0; i < DB_PREPARED; i++)
        sqlite3_finalize(db->prepared[i].statement);
    sqlite3_close(db->handle);
}

const char *db_path(const struct db *db)
{
    return db->path;
}

int db_version(const struct db *db)
{
    return db->version;
}

const char *db_uri(const struct db *db)
{
    return db->uri;
}

/* ---- what a user typed -------------------------------------------------------------------- */

static int db_may_read(void *context, int action, const char *first, const char *second,
                       const char *database, const char *trigger)
{
    (void)context, (void)database, (void)trigger;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_FUNCTION:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_PRAGMA: /* asking, not setting */
        return second == NULL || strcmp(first, "table_info") == 0 ? SQLITE_OK : SQLITE_DENY;
    default:
        return SQLITE_DENY;
    }
}

static enum status db_typed_wrong(const struct db *db)
{
    if ((sqlite3_errcode(db->handle) & 0xFF) == SQLITE_AUTH)
        return status_fail(STATUS_USER, "a query may only read");
    return status_fail(STATUS_USER, "%s", sqlite3_errmsg(db->handle));
}

static void db_give(sqlite3_stmt *statement, const char **cells, db_row_fn row, void *context,
                    bool names)
{
    int columns = sqlite3_column_count(statement);
    for (int c = 0; c < columns; c++)
        cells[c] = names ? sqlite3_column_name(statement, c)
                         : (const char *)sqlite3_column_text(statement, c);
    row(context, (size_t)columns, cells, names);
}

static enum status db_query_one(struct db *db, sqlite3_stmt *statement, db_row_fn row,
                                void *context)
{
    size_t columns = (size_t)sqlite3_column_count(statement);
    const char **cells = arena_alloc(db->arena, columns, sizeof *cells);
    db_give(statement, cells, row, context, true);
    int code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW)
        db_give(statement, cells, row, context, false);
    if (code == SQLITE_ERROR || code == SQLITE_AUTH) return db_typed_wrong(db);
    return code == SQLITE_DONE ? STATUS_OK : db_fail(db);
}

enum status db_query(struct db *db, const char *sql, db_row_fn row, void *context)
{
    enum status status = STATUS_OK;
    sqlite3_set_authorizer(db->handle, db_may_read, NULL);
    while (status == STATUS_OK && *sql != '\0') {
        sqlite3_stmt *statement = NULL;
        if (sqlite3_prepare_v2(db->handle, sql, -1, &statement, &sql) != SQLITE_OK)
            status = db_typed_wrong(db);
        else if (statement != NULL) /* NULL: only blanks or a comment were left */
            status = db_query_one(db, statement, row, context);
        sqlite3_finalize(statement);
    }
    sqlite3_set_authorizer(db->handle, NULL, NULL);
    return status;
}
