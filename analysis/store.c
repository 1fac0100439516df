/* SPDX-License-Identifier: Apache-2.0
 * The results database.
 *
 * Answers for: the schema, what is written when, and how a run is named.  Keys are (run, ...) in
 * tables without row ids, so a run's rows lie together and in key order however its threads
 * finished.  `metrics` is keyed by name before replication, because it is read by metric; series
 * and curves by replication, because they are read and written that way.
 *
 * Leaves out: SQLite itself (db), statistics (summary), what a metric means (models). */
#include "analysis/store.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "analysis/db.h"
#include "analysis/digest.h"
#include "analysis/version.h"

enum {
    STORE_APPLICATION = 0x48414341, /* "HACA" */
    STORE_VERSION = 2,              /* raise it with the schema */
    STORE_PREFIX = 4,               /* digits of the shortest prefix of a hash */
};

static const char store_schema[] =
    "CREATE TABLE IF NOT EXISTS runs(\n"
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,\n"
    "  hash TEXT NOT NULL,  -- of scenario, seed, reps and version\n"
    "  name TEXT NOT NULL, doc TEXT, path TEXT NOT NULL, design TEXT, price_rule TEXT,\n"
    "  scenario TEXT NOT NULL,  -- canonical text, after base and overrides\n"
    "  scenario_hash TEXT NOT NULL, seed INTEGER NOT NULL, reps INTEGER NOT NULL,\n"
    "  trace_hash TEXT,  -- of all replications; null until they are there\n"
    "  state TEXT NOT NULL);  -- running, done, interrupted, failed\n"
    "CREATE INDEX IF NOT EXISTS runs_name ON runs(name);\n"
    "CREATE INDEX IF NOT EXISTS runs_hash ON runs(hash);\n"
    "CREATE TABLE IF NOT EXISTS execution(  -- all that differs between machines\n"
    "  run INTEGER PRIMARY KEY REFERENCES runs(id), host TEXT, process TEXT, threads INTEGER,\n"
    "  started_utc TEXT, wall_s REAL, version TEXT, git_commit TEXT, compiler TEXT);\n"
    "CREATE TABLE IF NOT EXISTS effective(  -- every key, with where its value came from\n"
    "  run INTEGER REFERENCES runs(id), ordinal INTEGER, key TEXT, value TEXT, origin TEXT,\n"
    "  PRIMARY KEY(run, ordinal)) WITHOUT ROWID;\n"
    "CREATE TABLE IF NOT EXISTS replications(\n"
    "  run INTEGER REFERENCES runs(id), rep INTEGER, seed INTEGER, trace_hash TEXT,\n"
    "  PRIMARY KEY(run, rep)) WITHOUT ROWID;\n"
    "CREATE TABLE IF NOT EXISTS metrics(\n"
    "  run INTEGER REFERENCES runs(id), rep INTEGER, name TEXT, value REAL,\n"
    "  text TEXT,  -- exact decimal, where a real would round\n"
    "  PRIMARY KEY(run, name, rep)) WITHOUT ROWID;\n"
    "CREATE TABLE IF NOT EXISTS series(\n"
    "  run INTEGER REFERENCES runs(id), rep INTEGER, name TEXT, i INTEGER, t_s REAL, value REAL,\n"
    "  PRIMARY KEY(run, rep, name, i)) WITHOUT ROWID;\n"
    "CREATE TABLE IF NOT EXISTS curves(  -- share of samples <= x\n"
    "  run INTEGER REFERENCES runs(id), rep INTEGER, name TEXT, i INTEGER, x REAL, share REAL,\n"
    "  PRIMARY KEY(run, rep, name, i)) WITHOUT ROWID;\n"
    "CREATE TABLE IF NOT EXISTS units(  -- of series and curves\n"
    "  run INTEGER REFERENCES runs(id), name TEXT, unit TEXT,\n"
    "  PRIMARY KEY(run, name)) WITHOUT ROWID;\n"
    "CREATE TABLE IF NOT EXISTS caveats(  -- rep -1: of the run as a whole\n"
    "  run INTEGER REFERENCES runs(id), rep INTEGER, i INTEGER, text TEXT,\n"
    "  PRIMARY KEY(run, rep, i)) WITHOUT ROWID;\n"
    "CREATE TABLE IF NOT EXISTS steady(  -- batch means of one replication\n"
    "  run INTEGER REFERENCES runs(id), rep INTEGER, name TEXT, mean REAL,\n"
    "  half_width REAL,  -- of the 95 % interval; null where the run is too short\n"
    "  batches INTEGER, batch_size INTEGER, lag1 REAL,\n"
    "  PRIMARY KEY(run, rep, name)) WITHOUT ROWID;\n"
    "CREATE TABLE IF NOT EXISTS stops(  -- how `reps: {until: ...}` ended\n"
    "  run INTEGER PRIMARY KEY REFERENCES runs(id), metric TEXT, half_width REAL, level REAL,\n"
    "  min INTEGER, max INTEGER, used INTEGER, mean REAL, achieved REAL, reason TEXT);\n"
    "CREATE TABLE IF NOT EXISTS branches(  -- runs whose past is a checkpoint of another\n"
    "  run INTEGER PRIMARY KEY REFERENCES runs(id), parent INTEGER, t_ns INTEGER);\n"
    "CREATE TABLE IF NOT EXISTS checkpoints(  -- timed 0: the newest of a replication under way\n"
    "  run INTEGER REFERENCES runs(id), rep INTEGER, t_ns INTEGER, timed INTEGER,\n"
    "  version TEXT, git_commit TEXT, state BLOB, PRIMARY KEY(run, rep, t_ns, timed));\n";

/* From which version on a file has `steady` and all tables after it. */
enum { STORE_NEWER = 2, STORE_NEWER_TABLES = 4 };

struct store {
    struct arena *arena;
    struct db *db;
};

enum status store_open(struct store **out, struct arena *arena, const char *path,
                       enum store_mode mode)
{
    static const struct db_kind kind = {
        .application = STORE_APPLICATION, .version = STORE_VERSION, .schema = store_schema};
    struct store *store = arena_alloc(arena, 1, sizeof *store);
    store->arena = arena;
    *out = NULL;
    enum status status = db_open(&store->db, arena, path, &kind, mode == STORE_WRITE);
    if (status == STATUS_OK)
        *out = store;
    else
        status_context(status, "cannot open the results database");
    return status;
}

void store_close(struct store *store)
{
    if (store != NULL) db_close(store->db);
}

/* ---- who is running ----------------------------------------------------------------------- */

enum { STORE_PROCESS = 128, STORE_HOST = 256 };

/* "boot pid start": names one process for all time.  Empty when it is gone or is a corpse. */
static char *store_process(char *buffer, pid_t pid)
{
    char boot[64] = "", stat[1024] = "", path[64], state = 'Z';
    unsigned long long start = 0;
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");
    if (file != NULL && fscanf(file, "%63s", boot) != 1) boot[0] = '\0';
    if (file != NULL) fclose(file);
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    file = fopen(path, "r");
    if (file != NULL && fgets(stat, sizeof stat, file) == NULL) stat[0] = '\0';
    if (file != NULL) fclose(file);
    const char *rest = strrchr(stat, ')'); /* the name before it may hold anything */
    if (rest != NULL)                      /* field 3 is the state, field 22 the start */
        sscanf(rest + 1,
               " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s"
               " %*s %llu",
               &state, &start);
    buffer[0] = '\0';
    if (state != 'Z') snprintf(buffer, STORE_PROCESS, "%s %d %llu", boot, (int)pid, start);
    return buffer;
}

static char *store_host(char *buffer)
{
    if (gethostname(buffer, STORE_HOST) != 0) buffer[0] = '\0';
    buffer[STORE_HOST - 1] = '\0';
    return buffer;
}

/* A run that was killed could not write that it ended.  On another host nothing is known. */
static bool store_vanished(const char *host, const char *process)
{
    char here[STORE_HOST], now[STORE_PROCESS];
    int pid = 0;
    if (host == NULL || process == NULL || strcmp(store_host(here), host) != 0) return false;
    if (sscanf(process, "%*s %d", &pid) != 1) return false;
    return strcmp(store_process(now, (pid_t)pid), process) != 0;
}

/* ---- writing ------------------------------------------------------------------------------ */

static enum status store_put_execution(struct store *store, int64_t id, uint32_t threads)
{
    char host[STORE_HOST], process[STORE_PROCESS], started[32];
    time_t now = time(NULL);
    struct tm utc;
    strftime(started, sizeof started, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    return db_put(store->db,
                  "INSERT INTO execution(run, host, process, threads, started_utc, version,"
                  " git_commit, compiler) VALUES(?,?,?,?,?,?,?,?)",
                  "ittitttt", id, store_host(host), store_process(process, getpid()),
                  (int64_t)threads, started, version_number, version_commit, version_compiler);
}

static enum status store_put_run(struct store *store, const struct store_run *run,
                                 const struct param_effective *effective, size_t count, int64_t *id)
{
    TRY(db_put(store->db,
               "INSERT INTO runs(hash, name, doc, path, design, price_rule, scenario,"
               " scenario_hash, seed, reps, state) VALUES(?,?,?,?,?,?,?,?,?,?,'running')",
               "ttttttttii", run->hash, run->name, run->doc, run->path, run->design,
               run->price_rule, run->scenario, run->scenario_hash, (int64_t)run->seed,
               (int64_t)run->reps),
        "table runs");
    *id = db_last_id(store->db);
    TRY(store_put_execution(store, *id, run->threads), "table execution");
    if (run->parent != 0)
        TRY(db_put(store->db, "INSERT INTO branches VALUES(?,?,?)", "iii", *id, run->parent,
                   run->parent_ns),
            "table branches");
    for (size_t i = 0; i < count; i++)
        TRY(db_put(store->db, "INSERT INTO effective VALUES(?,?,?,?,?)", "iittt", *id, (int64_t)i,
                   effective[i].path, effective[i].value, effective[i].origin),
            "table effective");
    return STATUS_OK;
}

enum status store_begin(struct store *store, const struct store_run *run,
                        const struct param_effective *effective, size_t effective_count,
                        int64_t *id)
{
    TRY(db_begin(store->db), "storing the run");
    enum status status =
        db_settle(store->db, store_put_run(store, run, effective, effective_count, id));
    if (status != STATUS_OK) *id = 0; /* it was rolled back */
    return status == STATUS_OK ? STATUS_OK : status_context(status, "storing the run");
}

/* A real column holds integers up to 2^53 and nothing exact besides: the others carry a text. */
const char *store_exact_text(char *buffer, const struct models_value *value)
{
    const int64_t limit = INT64_C(1) << 53;
    bool large =
        value->kind == MODELS_INTEGER && (value->integer > limit || value->integer < -limit);
    return value->kind == MODELS_EXACT || large ? models_value_text(buffer, value) : NULL;
}

static enum status store_put_metrics(struct store *store, int64_t run,
                                     const struct models_record *record)
{
    char text[MONEY_TEXT];
    for (size_t m = 0; m < models_metrics_count(record->metrics); m++) {
        const struct models_value *value = &record->values[m];
        TRY(db_put(store->db, "INSERT INTO metrics VALUES(?,?,?,?,?)", "iitrt", run,
                   (int64_t)record->replication, models_metrics_at(record->metrics, m)->name,
                   value->kind == MODELS_NULL ? NAN : value->real, store_exact_text(text, value)),
            "table metrics");
    }
    return STATUS_OK;
}

static enum status store_put_unit(struct store *store, int64_t run, const char *name,
                                  const char *unit)
{
    return db_put(store->db, "INSERT OR IGNORE INTO units VALUES(?,?,?)", "itt", run, name, unit);
}

static enum status store_put_series(struct store *store, int64_t run, uint32_t rep,
                                    const struct models_series *series)
{
    TRY(store_put_unit(store, run, series->name, series->unit), "table units");
    for (uint32_t i = 0; i < series->count; i++)
        TRY(db_put(store->db, "INSERT INTO series VALUES(?,?,?,?,?,?)", "iitirr", run, (int64_t)rep,
                   series->name, (int64_t)i, series->time_s[i], series->value[i]),
            "table series");
    return STATUS_OK;
}

static enum status store_put_curve(struct store *store, int64_t run, uint32_t rep,
                                   const struct models_curve *curve)
{
    TRY(store_put_unit(store, run, curve->name, curve->unit), "table units");
    for (uint32_t i = 0; i < curve->count; i++)
        TRY(db_put(store->db, "INSERT INTO curves VALUES(?,?,?,?,?,?)", "iitirr", run, (int64_t)rep,
                   curve->name, (int64_t)i, curve->x[i], curve->share[i]),
            "table curves");
    return STATUS_OK;
}

static enum status store_put_steady(struct store *store, int64_t run, uint32_t rep,
                                    const struct models_steady *row)
{
    return db_put(store->db, "INSERT INTO steady VALUES(?,?,?,?,?,?,?,?)", "iitrriir", run,
                  (int64_t)rep, row->metric, row->mean, row->half_width, (int64_t)row->batches,
                  (int64_t)row->batch_size, row->lag1);
}

static enum status store_put_caveat(struct store *store, int64_t run, int64_t rep, uint32_t i,
                                    const char *text)
{
    return db_put(store->db, "INSERT OR REPLACE INTO caveats VALUES(?,?,?,?)", "iiit", run, rep,
                  (int64_t)i, text);
}

static enum status store_put_record(struct store *store, int64_t run,
                                    const struct models_record *record)
{
    char hash[DIGEST_HEX];
    uint32_t rep = record->replication;
    TRY(db_put(store->db, "INSERT INTO replications VALUES(?,?,?,?)", "iiit", run, (int64_t)rep,
               (int64_t)record->seed, digest_hex(hash, record->trace_hash)),
        "table replications");
    TRY(store_put_metrics(store, run, record), "replication %" PRIu32, rep);
    for (uint32_t i = 0; i < record->series_count; i++)
        TRY(store_put_series(store, run, rep, &record->series[i]), "%s", record->series[i].name);
    for (uint32_t i = 0; i < record->curve_count; i++)
        TRY(store_put_curve(store, run, rep, &record->curves[i]), "%s", record->curves[i].name);
    for (uint32_t i = 0; i < record->steady_count; i++)
        TRY(store_put_steady(store, run, rep, &record->steady[i]), "table steady");
    for (uint32_t i = 0; i < record->caveat_count; i++)
        TRY(store_put_caveat(store, run, rep, i, record->caveats[i]), "table caveats");
    return STATUS_OK;
}

static enum status store_drop_untimed(struct store *store, int64_t run, uint32_t rep)
{
    return db_put(store->db, "DELETE FROM checkpoints WHERE run = ? AND rep = ? AND timed = 0",
                  "ii", run, (int64_t)rep);
}

static enum status store_put_checkpoint(struct store *store, int64_t run,
                                        const struct models_checkpoint *c)
{
    if (!c->timed) TRY(store_drop_untimed(store, run, c->replication), "table checkpoints");
    TRY(db_put(store->db, "INSERT OR REPLACE INTO checkpoints VALUES(?,?,?,?,?,?,?)", "iiiittb",
               run, (int64_t)c->replication, c->now_ns, (int64_t)c->timed, version_number,
               version_commit, c->state, c->bytes),
        "table checkpoints");
    return STATUS_OK;
}

enum status store_checkpoint(struct store *store, int64_t run,
                             const struct models_checkpoint *checkpoint)
{
    enum status status = db_begin(store->db);
    if (status == STATUS_OK)
        status = db_settle(store->db, store_put_checkpoint(store, run, checkpoint));
    if (status == STATUS_OK) return STATUS_OK;
    return status_context(status, "cannot store a checkpoint of replication %" PRIu32,
                          checkpoint->replication);
}

enum status store_keep(struct store *store, int64_t run, const struct models_record *record)
{
    enum status status = db_begin(store->db);
    if (status == STATUS_OK) {
        status = store_put_record(store, run, record);
        if (status == STATUS_OK) status = store_drop_untimed(store, run, record->replication);
        status = db_settle(store->db, status);
    }
    if (status == STATUS_OK) return STATUS_OK;
    return status_context(status, "cannot store replication %" PRIu32 " of run %" PRId64,
                          record->replication, run);
}

static enum status store_put_stop(struct store *store, int64_t run, const struct store_stop *stop)
{
    static const char *const beyond[] = {
        "DELETE FROM replications WHERE run = ? AND rep >= ?",
        "DELETE FROM metrics WHERE run = ? AND rep >= ?",
        "DELETE FROM series WHERE run = ? AND rep >= ?",
        "DELETE FROM curves WHERE run = ? AND rep >= ?",
        "DELETE FROM caveats WHERE run = ? AND rep >= ?",
        "DELETE FROM steady WHERE run = ? AND rep >= ?",
        "DELETE FROM checkpoints WHERE run = ? AND rep >= ?",
        "UPDATE runs SET reps = ?2 WHERE id = ?1",
    };
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++)
        TRY(db_put(store->db, beyond[i], "ii", run, (int64_t)stop->used), "replications ahead");
    return db_put(store->db, "INSERT OR REPLACE INTO stops VALUES(?,?,?,?,?,?,?,?,?,?)",
                  "itrriiirrt", run, stop->metric, stop->half_width, stop->level,
                  (int64_t)stop->min, (int64_t)stop->max, (int64_t)stop->used, stop->mean,
                  stop->achieved, stop->reason);
}

enum status store_stop(struct store *store, int64_t run, const struct store_stop *stop)
{
    enum status status = db_begin(store->db);
    if (status == STATUS_OK) status = db_settle(store->db, store_put_stop(store, run, stop));
    if (status == STATUS_OK) return STATUS_OK;
    return status_context(status, "cannot note where run %" PRId64 " stopped", run);
}

enum status store_caveat(struct store *store, int64_t run, uint32_t earlier, const char *text)
{
    TRY(store_put_caveat(store, run, -1, earlier, text), "cannot store a caveat of run %" PRId64,
        run);
    return STATUS_OK;
}

enum status store_end(struct store *store, int64_t run, const char *state, const char *trace_hash,
                      double wall_s)
{
    enum status status = db_begin(store->db);
    if (status == STATUS_OK) {
        status = db_put(store->db, "UPDATE runs SET state = ?, trace_hash = ? WHERE id = ?", "tti",
                        state, trace_hash, run);
        if (status == STATUS_OK)
            status = db_put(store->db,
                            "UPDATE execution SET wall_s = coalesce(wall_s, 0) + ? WHERE run = ?",
                            "ri", wall_s, run);
        status = db_settle(store->db, status);
    }
    if (status == STATUS_OK) return STATUS_OK;
    return status_context(status, "cannot mark run %" PRId64 " as %s", run, state);
}

/* ---- runs --------------------------------------------------------------------------------- */

#define STORE_RUN_COLUMNS                                                                          \
    "SELECT r.id, r.hash, r.name, r.doc, r.path, r.design, r.price_rule, r.scenario,"              \
    " r.scenario_hash, r.seed, r.reps, r.trace_hash, r.state,"                                     \
    " (SELECT count(*) FROM replications p WHERE p.run = r.id), e.host, e.process, e.threads,"     \
    " e.started_utc, e.wall_s, e.version, e.git_commit, e.compiler,"                               \
    " strftime('%s', 'now') - strftime('%s', e.started_utc)"                                       \
    " FROM runs r JOIN execution e ON e.run = r.id "

static void store_read_run(const struct db_rows *row, struct store_run *out)
{
    *out = (struct store_run){.id = db_int(row, 0),
                              .hash = db_text(row, 1),
                              .name = db_text(row, 2),
                              .doc = db_text(row, 3),
                              .path = db_text(row, 4),
                              .design = db_text(row, 5),
                              .price_rule = db_text(row, 6),
                              .scenario = db_text(row, 7),
                              .scenario_hash = db_text(row, 8),
                              .seed = (uint64_t)db_int(row, 9),
                              .reps = (uint32_t)db_int(row, 10),
                              .trace_hash = db_text(row, 11),
                              .state = db_text(row, 12),
                              .done = (uint32_t)db_int(row, 13),
                              .host = db_text(row, 14),
                              .threads = (uint32_t)db_int(row, 16),
                              .started_utc = db_text(row, 17),
                              .wall_s = db_real(row, 18),
                              .version = db_text(row, 19),
                              .commit = db_text(row, 20),
                              .compiler = db_text(row, 21),
                              .age_s = db_real(row, 22)};
    if (strcmp(out->state, "running") == 0 && store_vanished(out->host, db_text(row, 15)))
        out->state = "interrupted";
}

/* A file of an older version has no branches. */
static enum status store_read_parents(struct store *store, struct store_run *runs, size_t count)
{
    struct db_rows *row;
    if (db_version(store->db) < STORE_NEWER) return STATUS_OK;
    TRY(db_ask(store->db, &row, "SELECT run, parent, t_ns FROM branches", ""), "table branches");
    while (db_next(row)) {
        for (size_t i = 0; i < count; i++) {
            if (runs[i].id != db_int(row, 0)) continue;
            runs[i].parent = db_int(row, 1);
            runs[i].parent_ns = db_int(row, 2);
        }
    }
    return db_end(row);
}

/* The runs of a query that begins with STORE_RUN_COLUMNS and has at most one parameter. */
static enum status store_select_runs(struct store *store, const char *sql, const char *text,
                                     struct store_run **out, size_t *count)
{
    struct db_rows *row;
    *out = NULL;
    *count = 0;
    TRY(db_ask(store->db, &row, sql, text == NULL ? "" : "t", text), "reading the list of runs");
    while (db_next(row)) {
        *out = db_room(store->db, *out, *count, sizeof **out);
        store_read_run(row, &(*out)[(*count)++]);
    }
    TRY(db_end(row), "reading the list of runs");
    TRY(store_read_parents(store, *out, *count), "reading the list of runs");
    return STATUS_OK;
}

enum status store_runs(struct store *store, struct store_run **out, size_t *count)
{
    return store_select_runs(store, STORE_RUN_COLUMNS "ORDER BY r.id", NULL, out, count);
}

/* The newest run whose hash begins with `text`, which must be one hash. */
static enum status store_find_prefix(struct store *store, const char *text, struct store_run *out,
                                     bool *found)
{
    struct store_run *runs;
    size_t count;
    if (strlen(text) < STORE_PREFIX || text[strspn(text, "0123456789abcdef")] != '\0')
        return STATUS_OK;
    enum status status =
        store_select_runs(store, STORE_RUN_COLUMNS "WHERE r.hash GLOB ?1 || '*' ORDER BY r.id DESC",
                          text, &runs, &count);
    for (size_t i = 1; status == STATUS_OK && i < count; i++)
        if (strcmp(runs[i].hash, runs[0].hash) != 0)
            return status_fail(STATUS_USER, "'%s' begins several hashes: %.12s and %.12s", text,
                               runs[0].hash, runs[i].hash);
    *found = status == STATUS_OK && count > 0;
    if (*found) *out = runs[0];
    return status;
}

static enum status store_no_run(struct store *store, const char *text)
{
    struct store_run *runs;
    size_t count;
    enum status status = store_runs(store, &runs, &count);
    if (status != STATUS_OK) return status;
    const char **names = arena_alloc(store->arena, count, sizeof *names);
    for (size_t i = 0; i < count; i++)
        names[i] = runs[i].name;
    const char *near = diag_nearest(text, names, count);
    if (near != NULL)
        return status_fail(STATUS_USER, "no run '%s' in %s; did you mean '%s'?", text,
                           db_path(store->db), near);
    return status_fail(STATUS_USER, "no run '%s' in %s (`hacasim list` shows what is there)", text,
                       db_path(store->db));
}

/* Tried in order: a number is an id before it is the beginning of a hash. */
enum status store_find(struct store *store, const char *text, struct store_run *out)
{
    static const char *const queries[] = {
        STORE_RUN_COLUMNS "WHERE CAST(r.id AS TEXT) = ?1",
        STORE_RUN_COLUMNS "WHERE r.name = ?1 OR r.path = ?1 ORDER BY r.id DESC LIMIT 1",
    };
    bool found = false;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof queries / sizeof *queries && status == STATUS_OK; i++) {
        struct store_run *runs;
        size_t count;
        status = store_select_runs(store, queries[i], text, &runs, &count);
        if (status != STATUS_OK || count == 0) continue;
        *out = runs[0];
        return STATUS_OK;
    }
    if (status == STATUS_OK) status = store_find_prefix(store, text, out, &found);
    return status != STATUS_OK || found ? status : store_no_run(store, text);
}

/* ---- going on with a run ------------------------------------------------------------------ */

/* Inside the transaction that takes it over, so that of two programs one gets it. */
static enum status store_claim(struct store *store, int64_t run, uint32_t threads)
{
    char host[STORE_HOST], process[STORE_PROCESS];
    struct store_run now = {.state = ""};
    TRY(store_find(store, arena_print(store->arena, "%" PRId64, run), &now), "run %" PRId64, run);
    if (strcmp(now.state, "running") == 0 && now.host && strcmp(store_host(host), now.host) == 0)
        return status_fail(STATUS_USER, "run %" PRId64 " is being run by another process here",
                           run);
    TRY(db_put(store->db, "UPDATE runs SET state = 'running' WHERE id = ?", "i", run),
        "table runs");
    return db_put(store->db,
                  "UPDATE execution SET host = ?, process = ?, threads = ? WHERE run = ?", "ttii",
                  store_host(host), store_process(process, getpid()), (int64_t)threads, run);
}

enum status store_resume(struct store *store, int64_t run, uint32_t threads)
{
    TRY(db_begin(store->db), "going on with run %" PRId64, run);
    TRY(db_settle(store->db, store_claim(store, run, threads)), "going on with run %" PRId64, run);
    return STATUS_OK;
}

enum status store_replications(struct store *store, int64_t run, struct store_replication **out,
                               size_t *count)
{
    struct db_rows *row;
    *out = NULL;
    *count = 0;
    TRY(db_ask(store->db, &row,
               "SELECT rep, trace_hash FROM replications WHERE run = ? ORDER BY rep", "i", run),
        "reading run %" PRId64, run);
    while (db_next(row)) {
        const char *hash = db_text(row, 1);
        *out = db_room(store->db, *out, *count, sizeof **out);
        (*out)[(*count)++] =
            (struct store_replication){.rep = (uint32_t)db_int(row, 0),
                                       .trace_hash = hash == NULL ? 0 : strtoull(hash, NULL, 16)};
    }
    return db_end(row);
}

enum status store_moments(struct store *store, int64_t run, struct store_moment **out,
                          size_t *count)
{
    struct db_rows *row;
    *out = NULL;
    *count = 0;
    if (db_version(store->db) < STORE_NEWER) return STATUS_OK;
    TRY(db_ask(store->db, &row,
               "SELECT rep, t_ns, timed, version, git_commit FROM checkpoints WHERE run = ?"
               " ORDER BY rep, t_ns, timed",
               "i", run),
        "reading checkpoints of run %" PRId64, run);
    while (db_next(row)) {
        *out = db_room(store->db, *out, *count, sizeof **out);
        (*out)[(*count)++] = (struct store_moment){.rep = (uint32_t)db_int(row, 0),
                                                   .now_ns = db_int(row, 1),
                                                   .timed = db_int(row, 2) != 0,
                                                   .version = db_text(row, 3),
                                                   .commit = db_text(row, 4)};
    }
    return db_end(row);
}

enum status store_state(struct store *store, int64_t run, const struct store_moment *moment,
                        struct arena *arena, struct models_checkpoint *out)
{
    struct db_rows *row;
    *out = (struct models_checkpoint){
        .replication = moment->rep, .now_ns = moment->now_ns, .timed = moment->timed};
    TRY(db_ask(store->db, &row,
               "SELECT state FROM checkpoints WHERE run = ? AND rep = ? AND t_ns = ? AND timed = ?",
               "iiii", run, (int64_t)moment->rep, moment->now_ns, (int64_t)moment->timed),
        "reading a checkpoint of run %" PRId64, run);
    while (db_next(row))
        out->state = db_blob(row, 0, arena, &out->bytes);
    TRY(db_end(row), "reading a checkpoint of run %" PRId64, run);
    if (out->state != NULL) return STATUS_OK;
    return status_fail(STATUS_OPERATING, "a checkpoint of run %" PRId64 " is gone", run);
}

/* ---- rows of a run ------------------------------------------------------------------------ */

enum status store_values(struct store *store, int64_t run, struct store_value **out, size_t *count)
{
    struct db_rows *row;
    *out = NULL;
    *count = 0;
    TRY(db_ask(store->db, &row,
               "SELECT name, rep, value, text FROM metrics WHERE run = ? ORDER BY name, rep", "i",
               run),
        "reading metrics of run %" PRId64, run);
    while (db_next(row)) {
        *out = db_room(store->db, *out, *count, sizeof **out);
        (*out)[(*count)++] = (struct store_value){.name = db_text(row, 0),
                                                  .rep = (uint32_t)db_int(row, 1),
                                                  .value = db_real(row, 2),
                                                  .text = db_text(row, 3)};
    }
    TRY(db_end(row), "reading metrics of run %" PRId64, run);
    return STATUS_OK;
}

enum status store_mean(struct store *store, int64_t run, const char *metric, double *out)
{
    struct db_rows *row;
    *out = NAN;
    TRY(db_ask(store->db, &row, "SELECT avg(value) FROM metrics WHERE run = ? AND name = ?", "it",
               run, metric),
        "reading %s of run %" PRId64, metric, run);
    while (db_next(row))
        *out = db_real(row, 0);
    TRY(db_end(row), "reading %s of run %" PRId64, metric, run);
    return STATUS_OK;
}

/* Rows (name, unit, x, y) ordered by name, cut into lines where the name changes. */
static enum status store_lines(struct store *store, const char *sql, int64_t run, uint32_t rep,
                               struct store_line **out, size_t *count)
{
    struct db_rows *row;
    struct store_line *line = NULL;
    *out = NULL;
    *count = 0;
    TRY(db_ask(store->db, &row, sql, "ii", run, (int64_t)rep), "reading run %" PRId64, run);
    while (db_next(row)) {
        if (line == NULL || !db_same(row, 0, line->name)) {
            *out = db_room(store->db, *out, *count, sizeof **out);
            line = &(*out)[(*count)++];
            *line = (struct store_line){.name = db_text(row, 0), .unit = db_text(row, 1)};
        }
        line->x = db_room(store->db, line->x, line->count, sizeof *line->x);
        line->y = db_room(store->db, line->y, line->count, sizeof *line->y);
        line->x[line->count] = db_real(row, 2);
        line->y[line->count++] = db_real(row, 3);
    }
    TRY(db_end(row), "reading run %" PRId64, run);
    return STATUS_OK;
}

enum status store_series(struct store *store, int64_t run, uint32_t rep, struct store_line **out,
                         size_t *count)
{
    return store_lines(store,
                       "SELECT name, unit, t_s, value FROM series LEFT JOIN units USING(run, name)"
                       " WHERE run = ? AND rep = ? ORDER BY name, i",
                       run, rep, out, count);
}

enum status store_curves(struct store *store, int64_t run, uint32_t rep, struct store_line **out,
                         size_t *count)
{
    return store_lines(store,
                       "SELECT name, unit, x, share FROM curves LEFT JOIN units USING(run, name)"
                       " WHERE run = ? AND rep = ? ORDER BY name, i",
                       run, rep, out, count);
}

enum status store_steady(struct store *store, int64_t run, uint32_t rep, struct models_steady **out,
                         size_t *count)
{
    struct db_rows *row;
    *out = NULL;
    *count = 0;
    if (db_version(store->db) < STORE_NEWER) return STATUS_OK;
    TRY(db_ask(store->db, &row,
               "SELECT name, mean, half_width, batches, batch_size, lag1 FROM steady"
               " WHERE run = ? AND rep = ? ORDER BY name",
               "ii", run, (int64_t)rep),
        "reading batch means of run %" PRId64, run);
    while (db_next(row)) {
        *out = db_room(store->db, *out, *count, sizeof **out);
        (*out)[(*count)++] = (struct models_steady){.metric = db_text(row, 0),
                                                    .mean = db_real(row, 1),
                                                    .half_width = db_real(row, 2),
                                                    .batches = (uint32_t)db_int(row, 3),
                                                    .batch_size = (uint64_t)db_int(row, 4),
                                                    .lag1 = db_real(row, 5)};
    }
    TRY(db_end(row), "reading batch means of run %" PRId64, run);
    return STATUS_OK;
}

enum status store_stopped(struct store *store, int64_t run, struct store_stop *out, bool *found)
{
    struct db_rows *row;
    *found = false;
    if (db_version(store->db) < STORE_NEWER) return STATUS_OK;
    TRY(db_ask(store->db, &row,
               "SELECT metric, half_width, level, min, max, used, mean, achieved, reason"
               " FROM stops WHERE run = ?",
               "i", run),
        "reading how run %" PRId64 " stopped", run);
    for (; db_next(row); *found = true)
        *out = (struct store_stop){.metric = db_text(row, 0),
                                   .half_width = db_real(row, 1),
                                   .level = db_real(row, 2),
                                   .min = (uint32_t)db_int(row, 3),
                                   .max = (uint32_t)db_int(row, 4),
                                   .used = (uint32_t)db_int(row, 5),
                                   .mean = db_real(row, 6),
                                   .achieved = db_real(row, 7),
                                   .reason = db_text(row, 8)};
    TRY(db_end(row), "reading how run %" PRId64 " stopped", run);
    return STATUS_OK;
}

enum status store_caveats(struct store *store, int64_t run, const char ***out, size_t *count)
{
    struct db_rows *row;
    *out = NULL;
    *count = 0;
    TRY(db_ask(store->db, &row,
               "SELECT text FROM (SELECT text, row_number() OVER (ORDER BY rep, i) AS place"
               " FROM caveats WHERE run = ?) GROUP BY text ORDER BY min(place)",
               "i", run),
        "reading caveats of run %" PRId64, run);
    while (db_next(row)) {
        *out = db_room(store->db, *out, *count, sizeof **out);
        (*out)[(*count)++] = db_text(row, 0);
    }
    TRY(db_end(row), "reading caveats of run %" PRId64, run);
    return STATUS_OK;
}

enum status store_effective(struct store *store, int64_t run, struct param_effective **out,
                            size_t *count)
{
    struct db_rows *row;
    *out = NULL;
    *count = 0;
    TRY(db_ask(store->db, &row,
               "SELECT key, value, origin FROM effective WHERE run = ? ORDER BY ordinal", "i", run),
        "reading the scenario of run %" PRId64, run);
    while (db_next(row)) {
        *out = db_room(store->db, *out, *count, sizeof **out);
        (*out)[(*count)++] = (struct param_effective){
            .path = db_text(row, 0), .value = db_text(row, 1), .origin = db_text(row, 2)};
    }
    TRY(db_end(row), "reading the scenario of run %" PRId64, run);
    return STATUS_OK;
}

/* ---- whole database ----------------------------------------------------------------------- */

static enum status store_copy_rows(struct db *to, const char *from_uri, int from_version,
                                   int64_t run)
{
    static const char *const copies[] = {
        "INSERT INTO runs SELECT * FROM source.runs WHERE id = ?",
        "INSERT INTO execution SELECT * FROM source.execution WHERE run = ?",
        "INSERT INTO effective SELECT * FROM source.effective WHERE run = ?",
        "INSERT INTO replications SELECT * FROM source.replications WHERE run = ?",
        "INSERT INTO metrics SELECT * FROM source.metrics WHERE run = ?",
        "INSERT INTO series SELECT * FROM source.series WHERE run = ?",
        "INSERT INTO curves SELECT * FROM source.curves WHERE run = ?",
        "INSERT INTO units SELECT * FROM source.units WHERE run = ?",
        "INSERT INTO caveats SELECT * FROM source.caveats WHERE run = ?",
        "INSERT INTO steady SELECT * FROM source.steady WHERE run = ?",
        "INSERT INTO stops SELECT * FROM source.stops WHERE run = ?",
        "INSERT INTO branches SELECT * FROM source.branches WHERE run = ?",
        "INSERT INTO checkpoints SELECT * FROM source.checkpoints WHERE run = ?",
    };
    size_t count = sizeof copies / sizeof copies[0];
    if (from_version < STORE_NEWER) count -= STORE_NEWER_TABLES;
    TRY(db_put(to, "ATTACH ? AS source", "t", from_uri), "opening the source");
    TRY(db_begin(to), "copying");
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        status = db_put(to, copies[i], "i", run);
    TRY(db_settle(to, status), "copying");
    return STATUS_OK;
}

enum status store_copy(struct store *store, int64_t run, const char *path)
{
    struct store *copy;
    if (access(path, F_OK) == 0)
        return status_fail(STATUS_USER, "%s exists; name a file that does not", path);
    TRY(store_open(&copy, store->arena, path, STORE_WRITE), "exporting to %s", path);
    enum status status = store_copy_rows(copy->db, db_uri(store->db), db_version(store->db), run);
    store_close(copy);
    if (status == STATUS_OK) return STATUS_OK;
    unlink(path); /* ours, and not whole */
    return status_context(status, "exporting run %" PRId64 " to %s", run, path);
}

enum status store_query(struct store *store, const char *sql, store_row_fn row, void *context)
{
    return db_query(store->db, sql, row, context);
}
