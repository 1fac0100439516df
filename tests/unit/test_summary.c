/* SPDX-License-Identifier: Apache-2.0
 * Tests of analysis/summary: statistics over replications, units and digits, tables, JSON. */
#include <math.h>
#include <unistd.h>

#include "analysis/summary.h"
#include "analysis/table.h"
#include "tests/unit/unit.h"

static struct arena arena;

static int open_arena(void **state)
{
    (void)state;
    arena_init(&arena, "test", 0);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

/* ---- helpers ------------------------------------------------------------------------------ */

static struct models_value *at(struct models_value *values, const char *metric)
{
    long index = models_metric_find(metric);
    if (index < 0) fail_msg("no metric %s", metric);
    return &values[index];
}

static struct models_value real(double x)
{
    return (struct models_value){.kind = MODELS_REAL, .real = x};
}

static struct models_value count(int64_t n)
{
    return (struct models_value){.kind = MODELS_INTEGER, .real = (double)n, .integer = n};
}

static struct models_value exact(money_t amount)
{
    return (struct models_value){
        .kind = MODELS_EXACT, .real = money_real(amount, 18), .exact = amount, .decimals = 18};
}

/* Three replications; the gap is null in the middle one. */
static const struct models_value *const *three(void)
{
    const struct models_value **list = arena_alloc(&arena, 3, sizeof(const struct models_value *));
    for (int r = 0; r < 3; r++) {
        struct models_value *v = arena_alloc(&arena, models_metric_count(), sizeof *v);
        if (r != 1) *at(v, "gap.s.p99") = real(r + 3); /* zeroed memory is null */
        *at(v, "latency.ttft_s.p50") = real(r + 1);
        *at(v, "requests.arrived") = count(1000 + r);
        *at(v, "econ.supply_opg.burned") = exact(r * MONEY_ATTO + 1);
        list[r] = v;
    }
    return list;
}

static const struct summary_row *row_of(const struct summary *summary, const char *metric)
{
    const struct summary_row *row = summary_find(summary, metric);
    assert_non_null(row);
    return row;
}

static char *printed(void (*print)(FILE *out, const void *what), const void *what)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    print(out, what);
    fclose(out);
    return text;
}

static void formatted(const char *expected, enum summary_unit unit, double value, double largest)
{
    char buffer[SUMMARY_TEXT];
    assert_string_equal(summary_format(buffer, unit, value, largest), expected);
}

/* Of the 95 % interval of 1, 2, 3: t(0.975, 2) / sqrt(3), and t with 2 degrees of freedom has a
 * closed form, (2p - 1) sqrt(2 / (4p (1 - p))). */
static double half_of_1_2_3(void)
{
    return 0.95 * sqrt(2 / (4 * 0.975 * 0.025)) / sqrt(3);
}

/* ---- statistics --------------------------------------------------------------------------- */

static void test_means_and_intervals(void **state)
{
    (void)state;
    struct summary *summary = summary_build(&arena, NULL, three(), 3);
    assert_int_equal(summary->reps, 3);
    assert_int_equal(summary->count, models_metric_count());
    const struct summary_row *row = row_of(summary, "latency.ttft_s.p50");
    assert_int_equal(row->n, 3);
    assert_float_equal(row->mean, 2, 0);
    assert_true(fabs(row->half_width - half_of_1_2_3()) < 1e-12);
    row = row_of(summary, "gap.s.p99"); /* 3 and 5: t(0.975, 1) x sqrt(2) / sqrt(2) */
    assert_int_equal(row->n, 2);
    assert_float_equal(row->mean, 4, 0);
    assert_true(fabs(row->half_width - 12.706204736174694) < 1e-11);
    row = row_of(summary, "gap.s.p50");
    assert_int_equal(row->n, 0);
    assert_true(isnan(row->mean) && isnan(row->half_width));
    assert_null(row_of(summary, "econ.supply_opg.burned")->text);
    assert_null(summary_find(summary, "no.such"));
}

static void test_one_replication_is_exact(void **state)
{
    (void)state;
    struct summary *summary = summary_build(&arena, NULL, three() + 2, 1);
    assert_string_equal(row_of(summary, "econ.supply_opg.burned")->text, "2.000000000000000001");
    assert_null(row_of(summary, "requests.arrived")->text);
    assert_float_equal(row_of(summary, "requests.arrived")->mean, 1002, 0);
    assert_true(isnan(row_of(summary, "requests.arrived")->half_width));
}

static void test_store_gives_the_same(void **state)
{
    (void)state;
    char folder[] = "/tmp/test_summary.XXXXXX";
    assert_non_null(mkdtemp(folder));
    const char *path = arena_print(&arena, "%s/x.db", folder);
    const struct models_value *const *values = three();
    struct summary *memory = summary_build(&arena, NULL, values, 3), *stored;
    struct store *store;
    struct store_run run = {.hash = "0123456789abcdef",
                            .name = "n",
                            .path = "p",
                            .scenario = "s",
                            .scenario_hash = "h",
                            .reps = 3};
    assert_int_equal(store_open(&store, &arena, path, STORE_WRITE), STATUS_OK);
    assert_int_equal(store_begin(store, &run, NULL, 0, &run.id), STATUS_OK);
    for (uint32_t r = 3; r-- > 0;) {
        struct models_record record = {
            .replication = r,
            .values = arena_alloc(&arena, models_metric_count(), sizeof *record.values)};
        memcpy(record.values, values[r], models_metric_count() * sizeof *record.values);
        assert_int_equal(store_keep(store, run.id, &record), STATUS_OK);
    }
    assert_int_equal(store_find(store, "n", &run), STATUS_OK);
    assert_int_equal(summary_load(store, &arena, &run, &stored), STATUS_OK);
    assert_int_equal(stored->count, memory->count);
    assert_int_equal(stored->reps, 3);
    for (size_t i = 0; i < memory->count; i++) {
        assert_string_equal(stored->rows[i].name, memory->rows[i].name);
        assert_string_equal(stored->rows[i].meaning, memory->rows[i].meaning);
        assert_int_equal(stored->rows[i].n, memory->rows[i].n);
        assert_memory_equal(&stored->rows[i].mean, &memory->rows[i].mean, sizeof(double));
        if (memory->rows[i].n > 1)
            assert_memory_equal(&stored->rows[i].half_width, &memory->rows[i].half_width,
                                sizeof(double));
    }
    store_close(store);
    unlink(path);
    rmdir(folder);
}

/* ---- digits ------------------------------------------------------------------------------- */

static void test_units(void **state)
{
    (void)state;
    assert_int_equal(summary_unit("gap.s.p99"), SUMMARY_SECONDS);
    assert_int_equal(summary_unit("chain.halted_s"), SUMMARY_SECONDS);
    assert_int_equal(summary_unit("gap.never_ratio"), SUMMARY_RATIO);
    assert_int_equal(summary_unit("econ.price_usd.drawdown_ratio"), SUMMARY_RATIO);
    assert_int_equal(summary_unit("econ.price_usd.final"), SUMMARY_USD);
    assert_int_equal(summary_unit("cost.usd_per_verified_mtok"), SUMMARY_USD);
    assert_int_equal(summary_unit("econ.supply_opg.total"), SUMMARY_OPG);
    assert_int_equal(summary_unit("econ.net_issuance_ratio_y"), SUMMARY_RATIO);
    assert_int_equal(summary_unit("chain.blocks"), SUMMARY_PLAIN);
    assert_int_equal(summary_unit("sim.events"), SUMMARY_PLAIN);
    assert_int_equal(summary_unit("cheat.false_slashes"), SUMMARY_PLAIN);
}

static void test_digits(void **state)
{
    (void)state;
    formatted("\u2014", SUMMARY_SECONDS, NAN, NAN);
    formatted("0 s", SUMMARY_SECONDS, 0, 0);
    formatted("8.532 s", SUMMARY_SECONDS, 8.5317, 8.5317);
    formatted("412 ms", SUMMARY_SECONDS, 0.412, 0.412);
    formatted("0.412 s", SUMMARY_SECONDS, 0.412, 8.5); /* beside a longer one */
    formatted("17.3 \u00b5s", SUMMARY_SECONDS, 17.3e-6, 17.3e-6);
    formatted("15 min", SUMMARY_SECONDS, 900, 900);
    formatted("3 h", SUMMARY_SECONDS, 10800, 10800);
    formatted("1,000 d", SUMMARY_SECONDS, 86400e3, 86400e3);
    formatted("30 %", SUMMARY_RATIO, 0.3, 0.3);
    formatted("99.97 %", SUMMARY_RATIO, 0.99973, 0.99973);
    formatted("412.7 \u00d7", SUMMARY_RATIO, 412.68, 412.68);
    formatted("$0", SUMMARY_USD, 0, 0);
    formatted("$0.0042", SUMMARY_USD, 0.0042, 0.0042);
    formatted("$0.1598", SUMMARY_USD, 0.159772, 0.159772);
    formatted("$2.50", SUMMARY_USD, 2.5, 2.5);
    formatted("-$999.99", SUMMARY_USD, -999.99, -999.99);
    formatted("$1,234,568", SUMMARY_USD, 1234567.89, 1234567.89);
    formatted("12,345 OPG", SUMMARY_OPG, 12345.4, 12345.4);
    formatted("7.25 OPG", SUMMARY_OPG, 7.25, 7.25);
    formatted("1,000,000,000", SUMMARY_PLAIN, 1e9, 1e9);
    formatted("-1,234", SUMMARY_PLAIN, -1234, -1234);
    formatted("3.142", SUMMARY_PLAIN, 3.14159, 3.14159);
    formatted("1e+18", SUMMARY_PLAIN, 1e18, 1e18);
    formatted("inf", SUMMARY_PLAIN, INFINITY, INFINITY);
}

/* ---- tables ------------------------------------------------------------------------------- */

static void print_three(FILE *out, const void *what)
{
    const struct summary_column *columns = what;
    summary_print(&arena, columns, 2, false, out);
}

static void test_side_by_side(void **state)
{
    (void)state;
    const struct models_value *const *values = three();
    struct summary_column columns[] = {
        {.summary = summary_build(&arena, NULL, values, 3),
         .title = {"many"},
         .price_rule = "fixed $2"},
        {.summary = summary_build(&arena, NULL, values + 1, 1),
         .title = {"one"},
         .price_rule = "amm"},
    };
    char *text = printed(print_three, columns);
    assert_non_null(strstr(text, "many    one\n"));
    assert_non_null(strstr(text, "Trust gap\n"));
    assert_non_null(strstr(text, "answered to verified, p99"));
    assert_non_null(strstr(text, "  4 s \u00b1 13 s      \u2014\n"));
    assert_non_null(strstr(text, "1,001 \u00b1 2.5  1,001\n"));
    assert_non_null(strstr(text, "  many: fixed $2\n  one: amm\n"));
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") == 0 || line[strcspn(line, "\n") - 1] != ' ');
    free(text);
}

static void print_wide(FILE *out, const void *what)
{
    (void)what;
    struct table *table = table_create(&arena, "lrrr");
    const char *wide = "0123456789012345678901234567890123456789";
    table_section(table, "section");
    table_row(table, (const char *const[]){"key", wide, wide, wide});
    table_row(table, (const char *const[]){"k\u00e9", "1", NULL, ""});
    table_print_blocks(table, out);
}

static void test_blocks(void **state)
{
    (void)state;
    char *text = printed(print_wide, NULL);
    assert_string_equal(
        text,
        "section\n"
        "key  0123456789012345678901234567890123456789  0123456789012345678901234567890123456789\n"
        "k\u00e9                                          1                                        "
        " "
        "\u2014\n"
        "\n"
        "section\n"
        "key  0123456789012345678901234567890123456789\n"
        "k\u00e9\n");
    free(text);
}

static void print_caveats(FILE *out, const void *what)
{
    const char *caveats[30];
    for (int i = 0; i < 30; i++)
        caveats[i] = what;
    summary_print_caveats(caveats, 30, out);
}

static void test_caveats_wrap(void **state)
{
    (void)state;
    char *text = printed(print_caveats,
                         "a long caveat that says what a reader must know before he uses any of "
                         "the numbers that stand above it");
    assert_non_null(strstr(text, "\nCaveats\n  - a long caveat"));
    assert_non_null(strstr(text, "stand\n    above it\n  - a long"));
    assert_non_null(strstr(text, "  and 10 more"));
    free(text);
}

static void print_csv(FILE *out, const void *what)
{
    table_csv_field(out, what);
}

static void test_csv_fields(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"", ""}, {"gap.s", "gap.s"}, {"a,b", "\"a,b\""}, {"say \"x\"\n", "\"say \"\"x\"\"\n\""}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char *text = printed(print_csv, pairs[i][0]);
        assert_string_equal(text, pairs[i][1]);
        free(text);
    }
}

/* ---- JSON --------------------------------------------------------------------------------- */

static char *written(const struct summary_object *object)
{
    char path[] = "/tmp/test_summary.XXXXXX", *text = NULL;
    size_t size = 0;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(summary_write_json(object, path), STATUS_OK);
    close(fd); /* the name now belongs to another file, written whole */
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_true(getdelim(&text, &size, '\0', file) > 0);
    fclose(file);
    unlink(path);
    return text;
}

static void test_json_of_one(void **state)
{
    (void)state;
    const char *caveats[] = {"mind the \"gap\""};
    struct summary_object object = {.scenario = "baseline",
                                    .trace_hash = "0123456789abcdef",
                                    .seed = 42,
                                    .reps = 1,
                                    .summary = summary_build(&arena, NULL, three() + 2, 1),
                                    .caveats = caveats,
                                    .caveat_count = 1};
    char *text = written(&object);
    assert_non_null(strstr(text, "\"scenario\": \"baseline\""));
    assert_non_null(strstr(text, "\"seed\": 42,"));
    assert_non_null(strstr(text, "\"trace_hash\": \"0123456789abcdef\""));
    assert_non_null(strstr(text, "\"burned\": \"2.000000000000000001\""));
    assert_non_null(strstr(text, "\"arrived\": 1002"));
    assert_non_null(strstr(text, "\"p99\": 5"));
    assert_non_null(strstr(text, "\"p50\": null"));
    assert_non_null(strstr(text, "mind the \\\"gap\\\""));
    free(text);
}

static void test_json_of_several(void **state)
{
    (void)state;
    struct summary_object object = {.scenario = "baseline",
                                    .seed = UINT64_MAX,
                                    .reps = 3,
                                    .summary = summary_build(&arena, NULL, three(), 3)};
    char *text = written(&object);
    assert_non_null(strstr(text, "\"seed\": \"18446744073709551615\""));
    assert_non_null(strstr(text, "\"trace_hash\": null"));
    assert_non_null(strstr(text, "\"caveats\": []"));
    const char *ttft = strstr(text, "\"ttft_s\"");
    assert_non_null(ttft);
    const char *p50 = strstr(ttft, "\"p50\"");
    assert_non_null(p50);
    double mean, lo, hi;
    int n;
    assert_int_equal(sscanf(p50, "\"p50\": { \"mean\": %lf, \"lo\": %lf, \"hi\": %lf, \"n\": %d",
                            &mean, &lo, &hi, &n),
                     4);
    assert_float_equal(mean, 2, 0);
    assert_true(fabs(hi - lo - 2 * half_of_1_2_3()) < 1e-12);
    assert_int_equal(n, 3);
    free(text);
}

static void test_json_on_a_full_disk(void **state)
{
    (void)state;
    char chain[500];
    struct summary_object object = {
        .scenario = "x", .reps = 3, .summary = summary_build(&arena, NULL, three(), 3)};
    assert_int_equal(summary_write_json(&object, "/dev/full"), STATUS_OPERATING);
    status_take(chain, sizeof chain);
    assert_non_null(strstr(chain, "No space left on device"));
    assert_int_equal(summary_write_json(&object, "/proc/nope/x"), STATUS_OPERATING);
    status_take(chain, sizeof chain);
    assert_non_null(strstr(chain, "cannot write /proc/nope/x: there is no folder /proc/nope"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_means_and_intervals),
        cmocka_unit_test(test_one_replication_is_exact),
        cmocka_unit_test(test_store_gives_the_same),
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_digits),
        cmocka_unit_test(test_side_by_side),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_caveats_wrap),
        cmocka_unit_test(test_csv_fields),
        cmocka_unit_test(test_json_of_one),
        cmocka_unit_test(test_json_of_several),
        cmocka_unit_test(test_json_on_a_full_disk),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
