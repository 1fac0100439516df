/* SPDX-License-Identifier: Apache-2.0
 * Tests of plots and reports: made from a small database, read back as text.
 *
 * Checked are the promises: one well-formed file without script or outside link, hostile names that
 * stay text in HTML and in gnuplot, words where there is nothing to draw, tables without gnuplot,
 * files that appear whole or not at all.  How a picture looks was looked at by people. */
#include <dirent.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analysis/analysis.h"
#include "analysis/figures.h"
#include "analysis/gnuplot.h"
#include "analysis/html.h"
#include "analysis/output.h"
#include "analysis/report.h"
#include "analysis/svg.h"
#include "tests/unit/unit.h"

enum { SAMPLES = 41, SHARES = 21 };

static struct arena arena;
static char folder[] = "/tmp/test_report-XXXXXX";
static const char *database;

/* ---- a database ---------------------------------------------------------------------------- */

static struct models_curve curve(const char *name, double scale)
{
    double *x = arena_alloc(&arena, SHARES, sizeof *x);
    double *share = arena_alloc(&arena, SHARES, sizeof *share);
    for (int i = 0; i < SHARES; i++) {
        share[i] = (double)i / (SHARES - 1);
        x[i] = i < 4 ? 0 : scale * (1 + i);
    }
    return (struct models_curve){
        .name = name, .unit = "s", .x = x, .share = share, .count = scale > 0 ? SHARES : 0};
}

static struct models_series series(const char *name, const char *unit, double scale)
{
    double *time = arena_alloc(&arena, SAMPLES, sizeof *time);
    double *value = arena_alloc(&arena, SAMPLES, sizeof *value);
    for (int i = 0; i < SAMPLES; i++) {
        time[i] = 90. * i;
        value[i] = i == 7 ? (double)NAN : scale * (2 + sin(i));
    }
    return (struct models_series){
        .name = name, .unit = unit, .time_s = time, .value = value, .count = SAMPLES};
}

static void set(struct models_value *values, const char *name, double value)
{
    long index = models_metric_find(name);
    assert_true(index >= 0);
    values[index] = (struct models_value){.kind = MODELS_REAL, .real = value};
}

/* `checked`: proofs are checked on chain; otherwise nothing is ever verified. */
static struct models_record *record(bool checked, uint32_t replication)
{
    static struct models_curve curves[3];
    static struct models_series lines[5];
    static const char *const caveats[] = {"step times are <modelled> & not measured"};
    struct models_record *made = arena_alloc(&arena, 1, sizeof *made);
    struct models_value *values = arena_alloc(&arena, models_metric_count(), sizeof *values);
    curves[0] = curve("gap.s", checked ? 0.4 : 0);
    curves[1] = curve("gap.settled_s", 0.4);
    curves[2] = curve("latency.ttft_s", 0.02);
    lines[0] = series("gap.value_at_risk_usd", "USD", checked ? 1e6 : 0);
    lines[1] = series("gap.unverified_value_usd", "USD", checked ? 0 : 3);
    lines[2] = series("requests.arrived_per_s", "1/s", 5);
    lines[3] = series("chain.base_fee_wei", "wei", 1e9);
    lines[4] = series("econ.price_usd", "USD", 0.16);
    if (checked) set(values, "gap.s.p50", 4.25 + replication);
    set(values, "gap.never_ratio", checked ? 0 : 1);
    set(values, "requests.arrived", 1000);
    set(values, "requests.completed", 990);
    set(values, "verify.accepted", checked ? 980 : 0);
    set(values, "cost.usd_per_mtok", 2.5);
    set(values, "cost.replicated_ratio", 87);
    *made = (struct models_record){.replication = replication,
                                   .seed = 7,
                                   .trace_hash = 0xabc,
                                   .values = values,
                                   .series = lines,
                                   .series_count = 5,
                                   .curves = curves,
                                   .curve_count = 3,
                                   .caveats = caveats,
                                   .caveat_count = 1};
    return made;
}

static void keep(struct store *store, const char *name, bool checked, uint32_t reps)
{
    static const struct param_effective effective[] = {
        {"name", "x", "scenarios/x.yaml:2:7"},
        {"token.burn_share", "40%", "--set#1"},
        {"consensus.timeout_commit", "1 s", "default"},
    };
    struct store_run run = {.name = name,
                            .hash = checked ? "1111222233334444" : "5555666677778888",
                            .doc = "</p><script>alert('x')</script>",
                            .path = "scenarios/x.yaml",
                            .design = checked ? "haca_tee" : "og_batch",
                            .price_rule = "fixed",
                            .scenario = "text",
                            .scenario_hash = "9999aaaabbbbcccc",
                            .seed = 7,
                            .reps = reps,
                            .threads = 1};
    int64_t id;
    assert_int_equal(store_begin(store, &run, effective, 3, &id), STATUS_OK);
    for (uint32_t r = 0; r < reps; r++)
        assert_int_equal(store_keep(store, id, record(checked, r)), STATUS_OK);
    assert_int_equal(store_end(store, id, "done", "00000000deadbeef", 1.5), STATUS_OK);
}

static int setup(void **state)
{
    struct store *store;
    (void)state;
    arena_init(&arena, "test", 0);
    if (!mkdtemp(folder) || chdir(folder) != 0) return -1;
    database = "runs.db";
    if (store_open(&store, &arena, database, STORE_WRITE) != STATUS_OK) return -1;
    keep(store, "plain", true, 1);
    keep(store, "twin", false, 1);
    keep(store, "several", true, 3);
    keep(store, "it's `touch hit` \"x\" <b>\n", true, 1);
    store_close(store);
    return 0;
}

static void remove_tree(const char *path)
{
    DIR *entries = opendir(path);
    if (!entries) {
        unlink(path);
        return;
    }
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        char *child = arena_print(&arena, "%s/%s", path, entry->d_name);
        remove_tree(child);
    }
    closedir(entries);
    rmdir(path);
}

static int teardown(void **state)
{
    (void)state;
    if (chdir("/") == 0) remove_tree(folder);
    arena_free(&arena);
    return 0;
}

static struct result load(const char *name)
{
    struct store *store;
    struct result result;
    assert_int_equal(store_open(&store, &arena, database, STORE_READ), STATUS_OK);
    assert_int_equal(result_load(store, &arena, name, &result), STATUS_OK);
    store_close(store);
    return result;
}

static const char *read_text(const char *path)
{
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    char *text = arena_alloc(&arena, 4 << 20, 1);
    size_t size = fread(text, 1, (4 << 20) - 1, in);
    fclose(in);
    text[size] = '\0';
    return text;
}

static bool contains(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

/* ---- a reader of HTML ---------------------------------------------------------------------- */

/* Every element that is opened is closed, in order; attributes are not looked at. */
static void check_nesting(const char *html)
{
    static const char *const empty[] = {"meta", "br"};
    char open[64][16];
    int depth = 0;
    for (const char *at = strchr(html, '<'); at; at = strchr(at + 1, '<')) {
        const char *end = strchr(at, '>');
        assert_non_null(end);
        bool closing = at[1] == '/';
        size_t length = strcspn(at + 1 + closing, " \n\t/>");
        if (at[1] == '!' || end[-1] == '/') continue;
        char name[16] = "";
        assert_true(length > 0 && length < sizeof name);
        memcpy(name, at + 1 + closing, length);
        bool is_empty = false;
        for (size_t i = 0; i < 2; i++)
            is_empty |= strcmp(name, empty[i]) == 0;
        if (is_empty) continue;
        if (!closing) {
            assert_true(depth < 64);
            strcpy(open[depth++], name);
            continue;
        }
        assert_true(depth > 0);
        assert_string_equal(open[--depth], name);
    }
    assert_int_equal(depth, 0);
}

/* No id stands twice. */
static void check_ids(const char *html)
{
    static const char *const marks[] = {" id=\"", " id='"};
    const char *ids[512];
    size_t lengths[512], count = 0;
    for (int m = 0; m < 2; m++) {
        for (const char *at = strstr(html, marks[m]); at; at = strstr(at + 1, marks[m])) {
            const char *id = at + strlen(marks[m]);
            size_t length = strcspn(id, m == 0 ? "\"" : "'");
            for (size_t i = 0; i < count; i++)
                assert_false(lengths[i] == length && memcmp(ids[i], id, length) == 0);
            assert_true(count < 512);
            ids[count] = id;
            lengths[count++] = length;
        }
    }
}

/* Links stay inside the page. */
static void check_links(const char *html)
{
    for (const char *at = strstr(html, "href"); at; at = strstr(at + 1, "href"))
        assert_memory_equal(at, "href='#", 7);
    assert_false(contains(html, "<script"));
    assert_false(contains(html, "src="));
    assert_false(contains(html, "url("));
}

static const char *report_of(const struct report *report)
{
    FILE *out = fopen("page.html", "w");
    assert_non_null(out);
    report_write(report, &arena, out);
    fclose(out);
    const char *html = read_text("page.html");
    check_nesting(html);
    check_ids(html);
    check_links(html);
    return html;
}

/* ---- tests --------------------------------------------------------------------------------- */

static void test_html(void **state)
{
    (void)state;
    FILE *out = fopen("escaped", "w");
    assert_non_null(out);
    html_print(out, "<p title=\"%s\">%u %d %%</p>", "a<b>&\"c\"'d'\x01", 3u, -4);
    html_text(out, NULL);
    fclose(out);
    assert_string_equal(read_text("escaped"),
                        "<p title=\"a&lt;b&gt;&amp;&quot;c&quot;&#39;d&#39;\">3 -4 %</p>"
                        "\xE2\x80\x94");
}

static void test_output(void **state)
{
    struct output output;
    (void)state;
    assert_int_equal(output_open(&output, "a/b/c.txt"), STATUS_OPERATING); /* no such folder */
    assert_int_equal(output_check("a/b/c.txt"), STATUS_OPERATING);
    assert_int_equal(access("a", F_OK), -1);
    assert_int_equal(output_make_folders("a/b/c.txt"), STATUS_OK);
    assert_int_equal(output_check("a/b/c.txt"), STATUS_OK);
    assert_int_equal(output_open(&output, "a/b/c.txt"), STATUS_OK);
    fputs("whole", output.stream);
    assert_int_equal(access("a/b/c.txt", F_OK), -1); /* not before it is complete */
    assert_int_equal(output_close(&output, STATUS_OK), STATUS_OK);
    assert_string_equal(read_text("a/b/c.txt"), "whole");
    assert_int_equal(output_open(&output, "a/b/c.txt"), STATUS_OK);
    fputs("other", output.stream);
    assert_int_equal(output_close(&output, STATUS_OPERATING), STATUS_OPERATING);
    assert_string_equal(read_text("a/b/c.txt"), "whole");
    assert_int_equal(access(output.temporary, F_OK), -1);
    assert_int_equal(output_check("a/b/c.txt/d"), STATUS_OPERATING);
    assert_int_equal(output_check("a/b"), STATUS_OPERATING);
    assert_int_equal(output_check("/proc/none/x"), STATUS_OPERATING);
    assert_int_equal(output_check(""), STATUS_USER);
    assert_int_equal(output_check("-"), STATUS_OK);
    assert_int_equal(output_check("/dev/full"), STATUS_OK);
    assert_int_equal(output_check("plain.txt"), STATUS_OK);
}

static void test_full_disk(void **state)
{
    struct output output;
    (void)state;
    assert_int_equal(output_open(&output, "full.txt"), STATUS_OK);
    output.stream = freopen("/dev/full", "w", output.stream);
    assert_non_null(output.stream);
    fputs("text", output.stream);
    assert_int_equal(output_close(&output, STATUS_OK), STATUS_OPERATING);
    assert_int_equal(access("full.txt", F_OK), -1);
    assert_int_equal(access(output.temporary, F_OK), -1);
}

static void test_svg(void **state)
{
    (void)state;
    FILE *out = fopen("inline.svg", "w");
    assert_non_null(out);
    svg_inline("<?xml version=\"1.0\"?>\n<svg \n viewBox=\"0 0 8 8\"\n>\n\n<title>t</title>\n"
               "<g id=\"gnuplot_canvas\">\n<filter id='textbox'>\n  <feFlood/>\n</filter>\n"
               "<circle id='gpDot' r='1'/>\n<g fill=\"none\" color=\"black\">\n</g>\n"
               "<g fill=\"none\" color=\"red\">\n\t<use xlink:href='#gpDot'/>\n</g>\n"
               "\t<g id=\"p_1\" ><title>p_1</title>\n\t</g>\n</g>\n</svg>\n",
               "gap", "A <gap>", &arena, out);
    fclose(out);
    assert_string_equal(read_text("inline.svg"),
                        "<svg role=\"img\" aria-label=\"A &lt;gap&gt;\"\n viewBox=\"0 0 8 8\"\n>\n"
                        "<g>\n<circle id='gap-gpDot' r='1'/>\n<g fill=\"none\" color=\"red\">\n"
                        "\t<use xlink:href='#gap-gpDot'/>\n</g>\n\t<g >\n\t</g>\n</g>\n</svg>\n");
}

static void test_quote(void **state)
{
    (void)state;
    assert_string_equal(gnuplot_quote(&arena, "it's\n`x` \"y\""), "'it''s `x` \"y\"'");
}

static void test_notes(void **state)
{
    struct result plain = load("plain"), twin = load("twin");
    struct figures_job gap = {.figure = figures_find("gap"), .runs = {&twin, NULL}};
    struct figures_job both = {.figure = figures_find("gap"), .runs = {&plain, &twin}};
    struct figures_job risk = {.figure = figures_find("risk"), .runs = {&plain, NULL}};
    struct figures_job burn = {.figure = figures_find("burn"), .runs = {&plain, NULL}};
    (void)state;
    assert_false(figures_empty(&gap));
    assert_string_equal(figures_notes(&gap, &arena),
                        "\xE2\x80\x9Cverified\xE2\x80\x9D has no values.");
    assert_string_equal(figures_notes(&both, &arena),
                        "\xE2\x80\x9Cverified\xE2\x80\x9D has no values in twin.");
    assert_string_equal(figures_notes(&risk, &arena),
                        "No value was exploited, and none is beyond verification.");
    assert_string_equal(figures_notes(&burn, &arena), "Nothing was burned or emitted.");
    plain.series_count = plain.curve_count = 0; /* as if from a version that stored none */
    assert_true(figures_empty(&risk));
    assert_null(figures_find("gaps"));
    assert_string_equal(figures_nearest("gaps"), "gap");
}

/* Every figure can be drawn, with two runs and with none of its data; then it says so in words. */
static void test_draw(void **state)
{
    struct result plain = load("plain"), twin = load("twin"), bare = plain;
    const struct result *const runs[][2] = {{&plain, &twin}, {&bare, NULL}};
    (void)state;
    if (!gnuplot_available()) skip();
    bare.series_count = bare.curve_count = 0;
    for (size_t f = 0; f < figures_count(); f++) {
        for (size_t r = 0; r < 2; r++) {
            struct figures_job job = {
                .figure = figures_at(f), .runs = {runs[r][0], runs[r][1]}, .titled = true};
            char *picture = NULL;
            size_t size = 0;
            assert_int_equal(figures_draw(&job, &arena, &picture, &size), STATUS_OK);
            assert_true(contains(picture, figures_at(f)->title));
            if (figures_empty(&job)) assert_true(contains(picture, job.figure->panels[0].absent));
            free(picture);
        }
    }
}

/* One sample, all values equal, all times zero: ranges that gnuplot would refuse. */
static void test_draw_degenerate(void **state)
{
    struct result plain = load("plain");
    double zero[] = {0, 0}, one[] = {1, 1}, share[] = {0, 1};
    struct store_line lines[] = {
        {.name = "requests.arrived_per_s", .unit = "1/s", .x = zero, .y = one, .count = 1},
        {.name = "econ.price_usd", .unit = "USD", .x = share, .y = one, .count = 2},
    };
    struct store_line curves[] = {
        {.name = "gap.s", .unit = "s", .x = zero, .y = share, .count = 2},
        {.name = "latency.ttft_s", .unit = "s", .x = one, .y = share, .count = 2},
    };
    const char *const names[] = {"gap", "latency", "life", "burn"};
    (void)state;
    if (!gnuplot_available()) skip();
    plain.series = lines;
    plain.series_count = 2;
    plain.curves = curves;
    plain.curve_count = 2;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct figures_job job = {.figure = figures_find(names[i]), .runs = {&plain, NULL}};
        char *picture = NULL;
        size_t size = 0;
        if (figures_draw(&job, &arena, &picture, &size) != STATUS_OK) {
            status_print(stderr);
            fail_msg("%s", names[i]);
        }
        free(picture);
    }
}

static void test_hostile_name(void **state)
{
    struct result hostile = load("4");
    struct figures_job job = {
        .figure = figures_find("gap"), .runs = {&hostile, NULL}, .titled = true};
    struct report report = {.run = &hostile, .pictures = false};
    (void)state;
    assert_string_equal(result_path(&hostile, &arena, "r.html") + 8,
                        "it's `touch hit` \"x\" <b>\n/r.html");
    const char *html = report_of(&report);
    assert_true(contains(html, "<h1>it&#39;s `touch hit` &quot;x&quot; &lt;b&gt;\n</h1>"));
    assert_true(contains(html, "&lt;/p&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"));
    if (!gnuplot_available()) return;
    char *picture = NULL;
    size_t size = 0;
    assert_int_equal(figures_draw(&job, &arena, &picture, &size), STATUS_OK);
    assert_true(contains(picture, "it's `touch hit` \"x\" &lt;b>"));
    free(picture);
    assert_int_equal(access("hit", F_OK), -1);
}

static void test_report(void **state)
{
    struct result plain = load("plain");
    struct report report = {.run = &plain, .pictures = gnuplot_available()};
    (void)state;
    const char *html = report_of(&report);
    assert_true(contains(html, "<title>plain: hacasim report</title>"));
    assert_true(contains(html, "<dt>Verification</dt><dd>haca_tee</dd>"));
    assert_true(contains(html, "<dt>Trace hash</dt><dd>00000000deadbeef</dd>"));
    assert_true(contains(html, "<dt>Price rule</dt><dd>fixed</dd>"));
    assert_true(contains(html, "<li>step times are &lt;modelled&gt; &amp; not measured</li>"));
    assert_true(contains(html, "<p class=\"big\">4.25 s</p>"));
    assert_true(contains(html, "<dt>never verifiable</dt><dd>0 %</dd>"));
    assert_true(contains(html, "<code>gap.s.p50</code>"));
    assert_true(contains(html, "width:98.00%"));
    assert_true(contains(html, "<td class=\"soft\">--set#1</td>"));
    assert_true(contains(html, "hacasim run scenarios/x.yaml --set token.burn_share=40% --seed 7"));
    assert_true(contains(html, "Nothing was burned or emitted."));
    if (report.pictures)
        assert_true(contains(html, "<svg role=\"img\" aria-label=\"The trust gap\""));
}

static void test_report_without_gnuplot(void **state)
{
    struct result plain = load("plain");
    struct report report = {.run = &plain, .pictures = false};
    (void)state;
    const char *html = report_of(&report);
    assert_false(contains(html, "<svg"));
    assert_true(contains(html, "gnuplot was not found"));
    assert_true(contains(html, "<code>gap.s.p50</code>"));
}

static void test_report_replications(void **state)
{
    struct result several = load("several");
    struct report report = {.run = &several, .pictures = false};
    (void)state;
    const char *html = report_of(&report);
    /* 4.25, 5.25, 6.25: mean 5.25; half width t(0.975, 2) / sqrt 3 = 4.302653 / 1.7320508 */
    assert_true(contains(html, "5.25 s \xC2\xB1 2.484 s"));
    assert_true(contains(html, "Means over 3 replications"));
    assert_true(contains(html, "--reps 3"));
}

static void test_report_against(void **state)
{
    struct result plain = load("plain"), twin = load("twin");
    struct report report = {.run = &plain, .against = &twin, .pictures = gnuplot_available()};
    (void)state;
    const char *html = report_of(&report);
    assert_true(contains(html, "<h1>plain against twin</h1>"));
    assert_true(contains(html, "<p class=\"big\">never</p>"));
    assert_true(contains(html, "Both runs have the same seed"));
    assert_true(contains(html, "<h2>Side by side</h2>"));
    assert_true(contains(html, "hacasim report plain --against twin"));
    /* the caveat that both have stands once */
    const char *first = strstr(html, "<li>step times");
    assert_non_null(first);
    assert_null(strstr(first + 1, "<li>"));
}

static int verb(int (*command)(int, char **), const char *arguments)
{
    char *argv[16], *rest = NULL;
    char *copy = arena_print(&arena, "%s", arguments);
    int argc = 0;
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        argv[argc++] = word;
    argv[argc] = NULL;
    int code = command(argc, argv);
    fflush(stdout);
    return code;
}

static void test_verbs(void **state)
{
    (void)state;
    assert_int_equal(verb(cmd_report, "report --db runs.db plain"), ANALYSIS_OK);
    check_nesting(read_text("results/plain/report.html"));
    assert_int_equal(verb(cmd_report, "report --db runs.db plain --against twin -o new/r.html"),
                     ANALYSIS_OPERATING);
    assert_int_equal(access("new", F_OK), -1);
    assert_int_equal(verb(cmd_report, "report --db runs.db plain --against twin -o r.html"),
                     ANALYSIS_OK);
    assert_true(contains(read_text("r.html"), "plain against twin"));
    assert_int_equal(verb(cmd_report, "report --db runs.db nobody"), ANALYSIS_USER);
    assert_int_equal(verb(cmd_report, "report --db none.db plain"), ANALYSIS_OPERATING);
    assert_int_equal(verb(cmd_report, "report --db runs.db plain -o /proc/none/r.html"),
                     ANALYSIS_OPERATING);
    assert_int_equal(verb(cmd_plot, "plot --list"), ANALYSIS_OK);
    assert_int_equal(verb(cmd_plot, "plot --db runs.db plain gaps"), ANALYSIS_USER);
    assert_int_equal(verb(cmd_plot, "plot --db runs.db plain gap -o x.pdf"), ANALYSIS_USER);
    if (!gnuplot_available()) return;
    assert_int_equal(verb(cmd_plot, "plot --db runs.db plain gap"), ANALYSIS_OK);
    assert_true(contains(read_text("results/plain/gap.svg"), "<svg"));
    assert_int_equal(verb(cmd_plot, "plot --db runs.db 1 cost --against 2 -o c.png"), ANALYSIS_OK);
    assert_memory_equal(read_text("c.png"), "\x89PNG", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_html),
        cmocka_unit_test(test_output),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_svg),
        cmocka_unit_test(test_quote),
        cmocka_unit_test(test_notes),
        cmocka_unit_test(test_draw),
        cmocka_unit_test(test_draw_degenerate),
        cmocka_unit_test(test_hostile_name),
        cmocka_unit_test(test_report),
        cmocka_unit_test(test_report_without_gnuplot),
        cmocka_unit_test(test_report_replications),
        cmocka_unit_test(test_report_against),
        cmocka_unit_test(test_verbs),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
