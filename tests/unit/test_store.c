/* SPDX-License-Identifier: Apache-2.0
 * Tests of analysis/store: what goes in comes out, and what cannot be used says so. */
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "analysis/store.h"
#include "tests/unit/unit.h"

/* Each test has a folder of its own. */
static struct arena arena;
static char folder[64];

static int open_folder(void **state)
{
    (void)state;
    arena_init(&arena, "test", 0);
    snprintf(folder, sizeof folder, "/tmp/test_store.XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    (void)state;
    char *command = arena_print(&arena, "chmod -R u+w %s && rm -r %s", folder, folder);
    int code = system(command);
    arena_free(&arena);
    return code;
}

/* ---- helpers ------------------------------------------------------------------------------ */

static const char *in_folder(const char *name)
{
    return arena_print(&arena, "%s/%s", folder, name);
}

static struct store *opened(const char *path, enum store_mode mode)
{
    struct store *store;
    enum status status = store_open(&store, &arena, path, mode);
    if (status != STATUS_OK) status_print(stderr);
    assert_int_equal(status, STATUS_OK);
    return store;
}

static void failed_with(enum status status, enum status expected, const char *words)
{
    char chain[2000];
    assert_int_equal(status, expected);
    status_take(chain, sizeof chain);
    if (strstr(chain, words) == NULL) fail_msg("expected \"%s\" in \"%s\"", words, chain);
}

static void refused(const char *path, enum store_mode mode, const char *words)
{
    struct store *store;
    failed_with(store_open(&store, &arena, path, mode), STATUS_OPERATING, words);
    assert_null(store);
}

static void write_at(const char *path, off_t offset, const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0666);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, size, offset), size);
    close(fd);
}

static const struct param_effective effective[] = {{"name", "baseline", "x.yaml:1:7"},
                                                   {"nodes[0].count", "12", "--set#1"},
                                                   {"horizon", "1 h", "default"}};

static int64_t begun(struct store *store, const char *name, const char *hash, uint32_t reps)
{
    int64_t id;
    struct store_run run = {.hash = hash,
                            .name = name,
                            .doc = "a \"test\", with\nlines",
                            .path = arena_print(&arena, "scenarios/%s.yaml", name),
                            .design = "haca_tee",
                            .price_rule = "amm",
                            .scenario = "name: baseline\n",
                            .scenario_hash = "fedcba9876543210",
                            .seed = UINT64_MAX - 1,
                            .reps = reps,
                            .threads = 2};
    assert_int_equal(store_begin(store, &run, effective, 3, &id), STATUS_OK);
    return id;
}

static void set(struct models_value *values, const char *metric, struct models_value value)
{
    long index = models_metric_find(metric);
    if (index < 0) fail_msg("no metric %s", metric);
    values[index] = value;
}

/* A record that depends on its index; `points` of each series and curve. */
static struct models_record record_of(uint32_t rep, uint32_t points)
{
    struct models_value *values = arena_alloc(&arena, models_metric_count(), sizeof *values);
    struct models_series *series = arena_alloc(&arena, 2, sizeof *series);
    struct models_curve *curve = arena_alloc(&arena, 1, sizeof *curve);
    struct models_steady *steady = arena_alloc(&arena, 1, sizeof *steady);
    double *x = arena_alloc(&arena, points, sizeof *x), *y = arena_alloc(&arena, points, sizeof *y);
    const char **caveats = arena_alloc(&arena, 2, sizeof *caveats);
    for (uint32_t i = 0; i < points; i++) {
        x[i] = 7.5 * i;
        y[i] = i % 3 == 1 ? NAN : rep + 0.1 * i;
    }
    series[0] = (struct models_series){"gap.open", "answers", x, y, points};
    series[1] = (struct models_series){"econ.price", "usd", x, y, points};
    curve[0] = (struct models_curve){"gap.s", "s", x, y, points};
    set(values, "gap.s.p99",
        (struct models_value){.kind = MODELS_REAL, .real = 1.0 / (3 + (double)rep)});
    set(values, "requests.arrived",
        (struct models_value){.kind = MODELS_INTEGER, .real = 0x1p60, .integer = (1LL << 60) + 1});
    set(values, "requests.completed",
        (struct models_value){.kind = MODELS_INTEGER, .real = 77, .integer = 77});
    set(values, "ledger.residual",
        (struct models_value){.kind = MODELS_EXACT, .real = -1e-18, .exact = -1, .decimals = 18});
    caveats[0] = "second in order";
    caveats[1] = arena_print(&arena, "rep %u is 'odd'", rep);
    if (rep == 0) caveats[0] = "modelled, not measured";
    steady[0] = (struct models_steady){.metric = "gap.s.mean",
                                       .mean = 0.5 + rep,
                                       .half_width = NAN,
                                       .lag1 = 0.25,
                                       .batches = 32,
                                       .batch_size = 1u << 20};
    return (struct models_record){.replication = rep,
                                  .seed = UINT64_MAX - 1,
                                  .trace_hash = 0xabc + rep,
                                  .values = values,
                                  .series = series,
                                  .series_count = 2,
                                  .curves = curve,
                                  .curve_count = 1,
                                  .steady = steady,
                                  .steady_count = 1,
                                  .caveats = caveats,
                                  .caveat_count = 2};
}

static void kept(struct store *store, int64_t run, uint32_t rep)
{
    struct models_record record = record_of(rep, 4);
    assert_int_equal(store_keep(store, run, &record), STATUS_OK);
}

static const struct store_value *value_of(const struct store_value *values, size_t count,
                                          const char *name, uint32_t rep)
{
    for (size_t i = 0; i < count; i++)
        if (values[i].rep == rep && strcmp(values[i].name, name) == 0) return &values[i];
    fail_msg("no value %s of replication %u", name, rep);
    return NULL;
}

/* ---- in and out --------------------------------------------------------------------------- */

static void test_run_comes_back(void **state)
{
    (void)state;
    struct store *store = opened(in_folder("new/deep/x.db"), STORE_WRITE);
    struct store_run run;
    int64_t id = begun(store, "baseline", "0123456789abcdef", 2);
    assert_int_equal(store_find(store, "baseline", &run), STATUS_OK);
    assert_int_equal(run.id, id);
    assert_string_equal(run.state, "running"); /* this process is alive */
    assert_true(isnan(run.wall_s));
    assert_null(run.trace_hash);
    kept(store, id, 1);
    kept(store, id, 0);
    assert_int_equal(store_end(store, id, "done", "00000000000000ff", 1.25), STATUS_OK);
    store_close(store);
    store = opened(in_folder("new/deep/x.db"), STORE_READ);
    assert_int_equal(store_find(store, "1", &run), STATUS_OK);
    assert_string_equal(run.hash, "0123456789abcdef");
    assert_string_equal(run.doc, "a \"test\", with\nlines");
    assert_string_equal(run.path, "scenarios/baseline.yaml");
    assert_true(run.seed == UINT64_MAX - 1);
    assert_int_equal(run.reps, 2);
    assert_int_equal(run.done, 2);
    assert_int_equal(run.threads, 2);
    assert_string_equal(run.state, "done");
    assert_string_equal(run.trace_hash, "00000000000000ff");
    assert_float_equal(run.wall_s, 1.25, 0);
    assert_true(run.age_s >= 0 && run.age_s < 60);
    store_close(store);
    assert_int_not_equal(access(in_folder("new/deep/x.db-wal"), F_OK), 0);
}

static void test_values_are_exact(void **state)
{
    (void)state;
    struct store *store = opened(in_folder("x.db"), STORE_WRITE);
    int64_t id = begun(store, "baseline", "0123456789abcdef", 2);
    struct store_value *values;
    size_t count;
    double mean;
    kept(store, id, 1);
    kept(store, id, 0);
    assert_int_equal(store_values(store, id, &values, &count), STATUS_OK);
    assert_int_equal(count, 2 * models_metric_count());
    for (size_t i = 1; i < count; i++) {
        int order = strcmp(values[i - 1].name, values[i].name);
        assert_true(order < 0 || (order == 0 && values[i - 1].rep < values[i].rep));
    }
    const struct store_value *v = value_of(values, count, "gap.s.p99", 1);
    assert_true(v->value == 0.25);
    assert_null(v->text);
    assert_true(value_of(values, count, "gap.s.p99", 0)->value == 1.0 / 3);
    assert_string_equal(value_of(values, count, "requests.arrived", 0)->text,
                        "1152921504606846977");
    assert_null(value_of(values, count, "requests.completed", 0)->text);
    assert_string_equal(value_of(values, count, "ledger.residual", 0)->text,
                        "-0.000000000000000001");
    assert_true(isnan(value_of(values, count, "gap.s.p50", 0)->value));
    assert_int_equal(store_mean(store, id, "gap.s.p99", &mean), STATUS_OK);
    assert_true(fabs(mean - (0.25 + 1.0 / 3) / 2) < 1e-15);
    assert_int_equal(store_mean(store, id, "gap.s.p50", &mean), STATUS_OK);
    assert_true(isnan(mean));
    store_close(store);
}

static void test_lines_and_texts(void **state)
{
    (void)state;
    struct store *store = opened(in_folder("x.db"), STORE_WRITE);
    int64_t id = begun(store, "baseline", "0123456789abcdef", 2);
    struct store_line *lines;
    struct param_effective *keys;
    const char **caveats;
    size_t count;
    kept(store, id, 1);
    kept(store, id, 0);
    assert_int_equal(store_series(store, id, 1, &lines, &count), STATUS_OK);
    assert_int_equal(count, 2);
    assert_string_equal(lines[0].name, "econ.price");
    assert_string_equal(lines[0].unit, "usd");
    assert_string_equal(lines[1].name, "gap.open");
    assert_int_equal(lines[1].count, 4);
    assert_true(lines[1].x[3] == 22.5 && lines[1].y[2] == 1.2 && isnan(lines[1].y[1]));
    assert_int_equal(store_curves(store, id, 0, &lines, &count), STATUS_OK);
    assert_int_equal(count, 1);
    assert_string_equal(lines[0].unit, "s");
    assert_int_equal(store_series(store, id, 7, &lines, &count), STATUS_OK);
    assert_int_equal(count, 0);
    assert_int_equal(store_caveats(store, id, &caveats, &count), STATUS_OK);
    assert_int_equal(count, 4);
    assert_string_equal(caveats[0], "modelled, not measured");
    assert_string_equal(caveats[1], "rep 0 is 'odd'");
    assert_string_equal(caveats[3], "rep 1 is 'odd'");
    assert_int_equal(store_effective(store, id, &keys, &count), STATUS_OK);
    assert_int_equal(count, 3);
    assert_string_equal(keys[1].path, "nodes[0].count");
    assert_string_equal(keys[1].origin, "--set#1");
    store_close(store);
}

static void test_a_rule_drops_what_is_beyond(void **state)
{
    (void)state;
    struct store *store = opened(in_folder("x.db"), STORE_WRITE);
    struct store_stop stop = {.metric = "gap.s.p99",
                              .half_width = 0.05,
                              .level = 0.95,
                              .min = 2,
                              .max = 9,
                              .used = 2,
                              .mean = 1.25,
                              .achieved = NAN,
                              .reason = "precise"};
    struct store_run run;
    struct store_value *values;
    struct models_steady *steady;
    const char **caveats;
    size_t count;
    bool found;
    int64_t id = begun(store, "ruled", "0123456789abcdef", 9), other;
    for (uint32_t r = 0; r < 4; r++)
        kept(store, id, r);
    other = begun(store, "other", "1123456789abcdef", 4);
    for (uint32_t r = 0; r < 4; r++)
        kept(store, other, r);
    assert_int_equal(store_stop(store, id, &stop), STATUS_OK);
    assert_int_equal(store_caveat(store, id, 0, "of the run"), STATUS_OK);
    assert_int_equal(store_find(store, "ruled", &run), STATUS_OK);
    assert_true(run.reps == 2 && run.done == 2);
    assert_int_equal(store_values(store, id, &values, &count), STATUS_OK);
    assert_int_equal(count, 2 * models_metric_count());
    assert_int_equal(store_steady(store, id, 1, &steady, &count), STATUS_OK);
    assert_int_equal(count, 1);
    assert_string_equal(steady[0].metric, "gap.s.mean");
    assert_true(steady[0].mean == 1.5 && isnan(steady[0].half_width) && steady[0].lag1 == 0.25);
    assert_true(steady[0].batches == 32 && steady[0].batch_size == 1u << 20);
    assert_int_equal(store_steady(store, id, 2, &steady, &count), STATUS_OK);
    assert_int_equal(count, 0);
    assert_int_equal(store_stopped(store, id, &stop, &found), STATUS_OK);
    assert_true(found && stop.used == 2 && stop.max == 9 && stop.mean == 1.25);
    assert_true(isnan(stop.achieved) && strcmp(stop.reason, "precise") == 0);
    assert_int_equal(store_caveats(store, id, &caveats, &count), STATUS_OK);
    assert_string_equal(caveats[0], "of the run");
    assert_int_equal(count, 1 + 4);
    assert_int_equal(store_stopped(store, other, &stop, &found), STATUS_OK);
    assert_false(found);
    assert_int_equal(store_find(store, "other", &run), STATUS_OK);
    assert_true(run.reps == 4 && run.done == 4); /* nothing of another run went */
    store_close(store);
}

static void test_run_is_found(void **state)
{
    (void)state;
    struct store *store = opened(in_folder("x.db"), STORE_WRITE);
    struct store_run run;
    begun(store, "baseline", "12340000aaaa0000", 1);
    begun(store, "baseline", "12340000aaaa0000", 1);
    begun(store, "1234", "123400bbbbbb0000", 1);
    begun(store, "twin", "feed00bbbbbb0000", 1);
    assert_int_equal(store_find(store, "1", &run), STATUS_OK);
    assert_int_equal(run.id, 1);
    assert_int_equal(store_find(store, "baseline", &run), STATUS_OK);
    assert_int_equal(run.id, 2); /* the newest */
    assert_int_equal(store_find(store, "scenarios/twin.yaml", &run), STATUS_OK);
    assert_int_equal(run.id, 4);
    assert_int_equal(store_find(store, "12340000aaaa", &run), STATUS_OK);
    assert_int_equal(run.id, 2);
    assert_int_equal(store_find(store, "feed", &run), STATUS_OK);
    assert_int_equal(run.id, 4);
    assert_int_equal(store_find(store, "1234", &run), STATUS_OK);
    assert_int_equal(run.id, 3); /* a name is a name, though it might begin a hash */
    failed_with(store_find(store, "12340", &run), STATUS_USER, "begins several hashes");
    failed_with(store_find(store, "fee", &run), STATUS_USER, "no run 'fee'");
    failed_with(store_find(store, "99", &run), STATUS_USER, "no run '99'");
    failed_with(store_find(store, "basline", &run), STATUS_USER, "did you mean 'baseline'?");
    failed_with(store_find(store, "", &run), STATUS_USER, "no run ''");
    failed_with(store_find(store, "' OR 1 --", &run), STATUS_USER, "no run");
    failed_with(store_find(store, "feed*", &run), STATUS_USER, "no run");
    store_close(store);
}

static void test_empty_list(void **state)
{
    (void)state;
    struct store *store = opened(in_folder("x.db"), STORE_WRITE);
    struct store_run *runs;
    size_t count = 9;
    assert_int_equal(store_runs(store, &runs, &count), STATUS_OK);
    assert_int_equal(count, 0);
    store_close(store);
}

/* ---- order, queries, copies --------------------------------------------------------------- */

static void append_row(void *context, size_t columns, const char *const *cells, bool names)
{
    const char **text = context;
    for (size_t c = 0; c < columns && !names; c++)
        *text = arena_print(&arena, "%s%s%s", *text, cells[c] == NULL ? "null" : cells[c],
                            c + 1 < columns ? "|" : "\n");
}

static const char *dumped(struct store *store, const char *sql)
{
    const char *text = "";
    assert_int_equal(store_query(store, sql, append_row, &text), STATUS_OK);
    return text;
}

/* Everything but `execution`, in the order in which the rows lie. */
static const char all_rows[] =
    "SELECT * FROM runs; SELECT * FROM effective; SELECT * FROM replications; SELECT * FROM metrics"
    " WHERE name < 'd'; SELECT * FROM series; SELECT * FROM curves; SELECT * FROM units;"
    " SELECT * FROM caveats";

static const char *stored_in_order(const char *name, const uint32_t *order)
{
    struct store *store = opened(in_folder(name), STORE_WRITE);
    int64_t id = begun(store, "baseline", "0123456789abcdef", 3);
    for (int i = 0; i < 3; i++)
        kept(store, id, order[i]);
    assert_int_equal(store_end(store, id, "done", "ff", 2), STATUS_OK);
    const char *text = dumped(store, all_rows);
    store_close(store);
    return text;
}

static void test_order_of_finishing_does_not_show(void **state)
{
    (void)state;
    const char *one = stored_in_order("a.db", (const uint32_t[]){0, 1, 2});
    const char *two = stored_in_order("b.db", (const uint32_t[]){2, 0, 1});
    assert_true(strlen(one) > 1000);
    assert_string_equal(one, two);
}

static void test_query_only_reads(void **state)
{
    (void)state;
    static const char *const writes[] = {"DELETE FROM runs",
                                         "DROP TABLE metrics",
                                         "ATTACH 'z.db' AS z",
                                         "VACUUM",
                                         "PRAGMA user_version = 7",
                                         "CREATE TABLE t(a)",
                                         "SELECT 1; INSERT INTO runs(id) VALUES(9)"};
    const char *text = "";
    struct store *store = opened(in_folder("x.db"), STORE_WRITE);
    begun(store, "baseline", "0123456789abcdef", 1);
    for (size_t i = 0; i < sizeof writes / sizeof *writes; i++)
        failed_with(store_query(store, writes[i], append_row, &text), STATUS_USER, "may only read");
    failed_with(store_query(store, "SELEC 1", append_row, &text), STATUS_USER, "syntax error");
    failed_with(store_query(store, "SELECT * FROM nope", append_row, &text), STATUS_USER,
                "no such table: nope");
    assert_string_equal(dumped(store, "SELECT count(*), NULL FROM runs; -- done\n"), "1|null\n");
    kept(store, 1, 0); /* the fence is gone again */
    store_close(store);
}

static void test_copy_holds_one_run(void **state)
{
    (void)state;
    struct store *store = opened(in_folder("odd name?#%.db"), STORE_WRITE);
    int64_t other = begun(store, "other", "ffff456789abcdef", 1);
    int64_t id = begun(store, "baseline", "0123456789abcdef", 2);
    kept(store, other, 0);
    kept(store, id, 0);
    kept(store, id, 1);
    assert_int_equal(store_copy(store, id, in_folder("copy.db")), STATUS_OK);
    failed_with(store_copy(store, id, in_folder("copy.db")), STATUS_USER, "exists");
    failed_with(store_copy(store, id, "/proc/nope/copy.db"), STATUS_OPERATING, "exporting");
    struct store *copy = opened(in_folder("copy.db"), STORE_READ);
    const char *mine = "SELECT * FROM metrics WHERE run = 2; SELECT * FROM series WHERE run = 2";
    assert_string_equal(dumped(copy, mine), dumped(store, mine));
    assert_string_equal(dumped(copy, "SELECT count(*), min(run) FROM metrics GROUP BY run"),
                        arena_print(&arena, "%zu|2\n", 2 * models_metric_count()));
    store_close(copy);
    store_close(store);
}

/* ---- what cannot be used ------------------------------------------------------------------ */

static void make_one(const char *path)
{
    struct store *store = opened(path, STORE_WRITE);
    int64_t id = begun(store, "baseline", "0123456789abcdef", 20);
    for (uint32_t r = 0; r < 20; r++)
        kept(store, id, r);
    store_close(store);
}

static void test_not_a_database(void **state)
{
    (void)state;
    const char *path = in_folder("x.db");
    refused(path, STORE_READ, "No such file or directory (`hacasim run` makes it)");
    write_at(path, 0, "name: baseline\n", 15);
    refused(path, STORE_READ, "is not a results database");
    refused(path, STORE_WRITE, "is not a results database");
    refused(folder, STORE_WRITE, "");
    assert_int_equal(truncate(path, 0), 0);
    refused(path, STORE_READ, "is empty");
    store_close(opened(path, STORE_WRITE)); /* an empty file is as good as none */
}

static void test_other_kind_or_version(void **state)
{
    (void)state;
    const char *path = in_folder("x.db");
    make_one(path);
    write_at(path, 60, "\0\0\0c", 4); /* user_version in the header of the file: 99 */
    refused(path, STORE_READ, "was written by a newer hacasim (its schema is version 99");
    refused(path, STORE_WRITE, "was written by a newer hacasim");
    write_at(path, 60, "\0\0\0\1", 4);
    store_close(opened(path, STORE_READ));
    write_at(path, 68, "GPKG", 4); /* application_id */
    refused(path, STORE_WRITE, "is a database of another program");
}

static void test_damaged(void **state)
{
    (void)state;
    const char *path = in_folder("x.db");
    struct stat info;
    char junk[4096];
    make_one(path);
    assert_int_equal(stat(path, &info), 0);
    memset(junk, 0xA5, sizeof junk);
    write_at(path, info.st_size / 4096 / 2 * 4096, junk, sizeof junk);
    refused(path, STORE_WRITE, "is damaged");
    store_close(opened(path, STORE_READ)); /* what is whole can still be read */
    assert_int_equal(truncate(path, info.st_size / 2), 0);
    refused(path, STORE_WRITE, "is damaged");
}

static void test_read_only(void **state)
{
    (void)state;
    const char *path = in_folder("x.db");
    struct store_run run;
    make_one(path);
    assert_int_equal(chmod(path, 0444), 0);
    refused(path, STORE_WRITE, "x.db is read-only");
    struct store *store = opened(path, STORE_READ);
    assert_int_equal(store_find(store, "baseline", &run), STATUS_OK);
    store_close(store);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(chmod(folder, 0555), 0);
    refused(path, STORE_WRITE, "is read-only");
    refused(in_folder("y.db"), STORE_WRITE, "is read-only");
    refused(in_folder("sub/y.db"), STORE_WRITE, "is read-only");
    store = opened(path, STORE_READ);
    assert_int_equal(store_find(store, "baseline", &run), STATUS_OK);
    store_close(store);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_int_not_equal(access(in_folder("x.db-shm"), F_OK), 0);
}

/* Run `act` in a child of its own; its exit code, or minus the signal. */
static int in_child(void (*act)(const char *path), const char *path)
{
    int code;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        act(path);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &code, 0), child);
    return WIFSIGNALED(code) ? -WTERMSIG(code) : WEXITSTATUS(code);
}

static void be_killed(const char *path)
{
    struct store *store;
    if (store_open(&store, &arena, path, STORE_WRITE) != STATUS_OK) _exit(1);
    int64_t id = begun(store, "killed", "dead456789abcdef", 9);
    for (uint32_t r = 0; r < 3; r++)
        kept(store, id, r);
    raise(SIGKILL);
}

static void test_killed_run_keeps_what_it_had(void **state)
{
    (void)state;
    struct store_run run;
    const char *path = in_folder("x.db");
    assert_int_equal(in_child(be_killed, path), -SIGKILL);
    struct store *store = opened(path, STORE_READ);
    assert_int_equal(store_find(store, "killed", &run), STATUS_OK);
    assert_string_equal(run.state, "interrupted");
    assert_int_equal(run.done, 3);
    store_close(store);
}

/* A limit on the size of files stands in for a full disk: both fail in the middle of a write. */
static void fill_up(const char *path)
{
    struct store *store;
    struct rlimit limit = {.rlim_cur = 400000, .rlim_max = 400000};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    if (store_open(&store, &arena, path, STORE_WRITE) != STATUS_OK) _exit(1);
    int64_t id = begun(store, "full", "f111456789abcdef", 9);
    for (uint32_t r = 0; r < 9; r++) {
        struct models_record record = record_of(r, 800);
        enum status status = store_keep(store, id, &record);
        if (status == STATUS_OK) continue;
        store_close(store);
        _exit(status == STATUS_OPERATING && r > 0 ? 42 : 1);
    }
}

static void test_full_disk_keeps_what_was_stored(void **state)
{
    (void)state;
    struct store_run run;
    struct store_line *lines;
    size_t count;
    const char *path = in_folder("x.db");
    assert_int_equal(in_child(fill_up, path), 42);
    struct store *store = opened(path, STORE_WRITE); /* pages are checked, too */
    assert_int_equal(store_find(store, "full", &run), STATUS_OK);
    assert_in_range(run.done, 1, 8);
    assert_int_equal(store_series(store, run.id, 0, &lines, &count), STATUS_OK);
    assert_int_equal(lines[0].count, 800);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, open_folder, remove_folder)
        IN_FOLDER(test_run_comes_back),
        IN_FOLDER(test_values_are_exact),
        IN_FOLDER(test_lines_and_texts),
        IN_FOLDER(test_a_rule_drops_what_is_beyond),
        IN_FOLDER(test_run_is_found),
        IN_FOLDER(test_empty_list),
        IN_FOLDER(test_order_of_finishing_does_not_show),
        IN_FOLDER(test_query_only_reads),
        IN_FOLDER(test_copy_holds_one_run),
        IN_FOLDER(test_not_a_database),
        IN_FOLDER(test_other_kind_or_version),
        IN_FOLDER(test_damaged),
        IN_FOLDER(test_read_only),
        IN_FOLDER(test_killed_run_keeps_what_it_had),
        IN_FOLDER(test_full_disk_keeps_what_was_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
