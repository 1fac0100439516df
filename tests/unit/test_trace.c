/* SPDX-License-Identifier: Apache-2.0
 * Tests of the trace reader: each published layout, each way to be wrong, and the real Azure hour
 * against its published statistics. */
#include <inttypes.h>
#include <math.h>
#include <time.h>
#include <unistd.h>

#include "models/trace.h"
#include "tests/unit/unit.h"

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, "test", 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static struct diag new_diag(void)
{
    struct diag diag;
    diag_init(&diag, &arena);
    return diag;
}

static FILE *memory(const char *text, size_t length)
{
    FILE *file = fmemopen((void *)(uintptr_t)text, length, "rb");
    assert_non_null(file);
    return file;
}

/* The findings in `text` as the user sees them. */
static char *findings(const char *text, size_t length)
{
    struct diag diag = new_diag();
    struct trace_summary sum;
    char *printed;
    size_t size;
    bool ok = trace_check_file(memory(text, length), "x.csv", NULL, &diag, &sum);
    FILE *out = open_memstream(&printed, &size);
    diag_print(&diag, out);
    fclose(out);
    assert_int_equal(ok, diag.count == 0);
    char *copy = arena_text(&arena, printed, size);
    free(printed);
    return copy;
}

/* ---- layouts ------------------------------------------------------------------------------- */

static void expect_rows(const char *path, const char *format, const struct trace_row *rows,
                        size_t count, uint64_t skipped)
{
    struct diag diag = new_diag();
    struct trace_summary sum;
    struct trace *trace;
    struct trace_row row;
    bool more;
    bool ok = trace_check(path, (struct diag_where){0}, "trace", NULL, &diag, &sum);
    if (!ok) diag_print(&diag, stdout);
    assert_true(ok);
    assert_string_equal(sum.format, format);
    assert_int_equal(sum.requests, count);
    assert_int_equal(sum.skipped, skipped);
    assert_int_equal(sum.duration_ns, rows[count - 1].time_ns);
    assert_int_equal(trace_open(path, &arena, &trace), STATUS_OK);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(trace_next(trace, &row, &more), STATUS_OK);
        assert_true(more);
        assert_int_equal(row.time_ns, rows[i].time_ns);
        assert_int_equal(row.prompt_tok, rows[i].prompt_tok);
        assert_int_equal(row.output_tok, rows[i].output_tok);
    }
    assert_int_equal(trace_next(trace, &row, &more), STATUS_OK);
    assert_false(more);
    trace_close(trace);
}

static void azure_2023_is_read(void **state)
{
    (void)state; /* CR LF, no final newline, 100-ns decimals, over midnight, equal times */
    static const struct trace_row rows[] = {{0, 374, 44, 0, 0},
                                            {1499999900, 396, 109, 0, 0},
                                            {1500000100, 12, 7, 0, 0},
                                            {1500000100, 4083, 1000, 0, 0}};
    expect_rows("tests/data/azure-2023.csv", "Azure", rows, 4, 0);
}

static void azure_2024_is_read(void **state)
{
    (void)state; /* with offsets from UTC, over a leap day, decimals of any number */
    static const struct trace_row rows[] = {{0, 2162, 5, 0, 0},
                                            {19860000, 2399, 6, 0, 0},
                                            {1009930000, 76, 15, 0, 0},
                                            {2259930000, 1, 1, 0, 0}};
    expect_rows("tests/data/azure-2024.csv", "Azure", rows, 4, 0);
}

static void burstgpt_is_read(void **state)
{
    (void)state; /* quotes; failed requests, the first row among them, are skipped */
    static const struct trace_row rows[] = {{0, 472, 18, 0, 0}, {139625000000, 417, 276, 0, 0}};
    expect_rows("tests/data/burstgpt.csv", "BurstGPT", rows, 2, 2);
    static const struct trace_row old[] = {{0, 472, 18, 0, 0}, {40000000000, 1087, 230, 0, 0}};
    expect_rows("tests/data/burstgpt-v1.1.csv", "BurstGPT v1.1", old, 2, 0);
}

static void own_format_is_read(void **state)
{
    (void)state; /* UTF-8 mark, epoch seconds, decimals below a nanosecond, an empty line */
    static const struct trace_row rows[] = {
        {0, 10, 20, 0, 0}, {1, 30, 40, 0, 0}, {3599750000000, 10000000, 1, 0, 0}};
    expect_rows("tests/data/own.csv", "own", rows, 3, 0);
}

/* Rows of a file in memory; gives how many. */
static uint32_t read_rows(const char *text, struct trace_row *rows, uint32_t most)
{
    struct trace *trace;
    uint32_t count = 0;
    bool more = true;
    assert_int_equal(trace_open_file(memory(text, strlen(text)), "x", &arena, &trace), STATUS_OK);
    while (count < most) {
        assert_int_equal(trace_next(trace, &rows[count], &more), STATUS_OK);
        if (!more) break;
        count++;
    }
    trace_close(trace);
    return count;
}

static void azure_lmm_is_read(void **state)
{
    (void)state; /* context tokens count text and images */
    struct trace_row rows[4];
    assert_int_equal(read_rows("TIMESTAMP,NumImages,ContextTokens,GeneratedTokens\n"
                               "2024-10-15 00:00:00.5,2,1700,30\n"
                               "2024-10-15 00:00:01.5,0,90,10\n",
                               rows, 4),
                     2);
    assert_int_equal(rows[0].images, 2);
    assert_int_equal(rows[0].prompt_tok, 1700);
    assert_int_equal(rows[0].output_tok, 30);
    assert_int_equal(rows[1].images, 0);
    assert_int_equal(rows[1].time_ns, 1000000000);
    assert_int_equal(rows[1].prompt_tok, 90);
}

/* Equal texts are one session, empty ones none. */
static void sessions_are_read(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log "
        "Type\n1,a,9,GPT-4,10,5,15,Conversation log\n2,b,9,GPT-4,10,5,15,Conversation log\n"
        "3,a,9,GPT-4,30,5,35,Conversation log\n4,,9,GPT-4,10,5,15,API log\n",
        "time_s,session,prompt_tok,output_tok\n1,a,10,5\n2,b,10,5\n3,a,30,5\n4,,10,5\n"};
    for (int i = 0; i < 2; i++) {
        struct trace_row rows[5];
        assert_int_equal(read_rows(texts[i], rows, 5), 4);
        assert_true(rows[0].session != 0);
        assert_true(rows[1].session != 0);
        assert_true(rows[0].session != rows[1].session);
        assert_true(rows[2].session == rows[0].session);
        assert_true(rows[3].session == 0);
    }
}

/* Prompt and all but the last token of the answer must fit; what is not replayed need not. */
static void requests_beyond_all_room_are_found(void **state)
{
    (void)state;
    static const char text[] = "time_s,prompt_tok,output_tok\n1,100,1\n2,90,12\n3,90,11\n"
                               "4,500,1\n";
    struct trace_room room = {.tokens = 100, .rows = UINT64_MAX, .where = "the largest node"};
    for (uint64_t rows = 1; rows <= 4; rows++) {
        struct trace_summary sum;
        struct diag diag;
        diag_init(&diag, &arena);
        room.rows = rows;
        bool ok = trace_check_file(memory(text, strlen(text)), "x.csv", &room, &diag, &sum);
        assert_int_equal(ok, rows == 1);
        /* The request that does not fit is not counted among those replayed. */
        assert_int_equal(diag.count, rows == 1 ? 0 : rows == 2 ? 1 : 2);
        if (rows == 1) continue;
        assert_int_equal(diag.items[0].where.line, 3);
        assert_non_null(strstr(diag.items[0].message, "90 + 12 tokens cannot fit"));
    }
}

/* Every day of two centuries against the C library. */
static void dates_agree_with_timegm(void **state)
{
    (void)state;
    static const char header[] = "TIMESTAMP,ContextTokens,GeneratedTokens\n";
    enum { DAYS = 83950 }; /* 1970-01-01 to 2199-11-06 */
    size_t size = sizeof header - 1;
    char *text = arena_alloc(&arena, DAYS + 4, 40);
    memcpy(text, header, size);
    for (time_t day = 0; day < DAYS; day++) {
        struct tm tm;
        time_t t = day * 86400 + day % 86400;
        gmtime_r(&t, &tm);
        size += strftime(text + size, 40, "%Y-%m-%d %H:%M:%S,3,4\n", &tm);
    }
    struct trace *trace;
    struct trace_row row;
    bool more;
    assert_int_equal(trace_open_file(memory(text, size), "x", &arena, &trace), STATUS_OK);
    for (int64_t day = 0; day < DAYS; day++) {
        assert_int_equal(trace_next(trace, &row, &more), STATUS_OK);
        assert_true(row.time_ns == (day * 86400 + day % 86400) * INT64_C(1000000000));
    }
    trace_close(trace);
}

/* ---- faults -------------------------------------------------------------------------------- */

#define AZURE "TIMESTAMP,ContextTokens,GeneratedTokens\n"
#define OWN "time_s,prompt_tok,output_tok\n"
#define T0 "2023-11-16 18:15:46.6805900"

static void faults_are_placed_and_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {AZURE "now,1,2\n", "x.csv:2:1: error: TIMESTAMP: \"now\" is not a time such as "
                            "2023-11-16 18:15:46.6805900\n"},
        {AZURE T0 ",12x,2\n", "x.csv:2:29: error: ContextTokens: \"12x\" is not a whole number\n"},
        {AZURE T0 ",1.5,2\n", "x.csv:2:29: error: ContextTokens: \"1.5\" is not a whole number\n"},
        {AZURE T0 ",1,-2\r\n", "x.csv:2:31: error: GeneratedTokens: \"-2\" is negative\n"},
        {AZURE T0 ",1,\n", "x.csv:2:31: error: GeneratedTokens: \"\" is not a whole number\n"},
        {AZURE T0 ",10000001,2\n",
         "x.csv:2:29: error: ContextTokens: \"10000001\" is more than 10000000 tokens\n"},
        {AZURE T0 ",1,99999999999999999999999999999999999999999999\n",
         "x.csv:2:31: error: GeneratedTokens: \"9999999999999999999999999999999999999999...\" is "
         "more than 10000000 tokens\n"},
        {AZURE T0 ",1\n", "x.csv:2:1: error: 2 fields (the header has 3)\n"},
        {AZURE T0 ",1,2,3\n", "x.csv:2:1: error: 4 fields (the header has 3)\n"},
        {AZURE "x\n", "x.csv:2:1: error: 1 field (the header has 3)\n"},
        {AZURE T0 ",1,2\n" T0 ",1,2\n2023-11-16 18:15:46.6805899,1,2\n" T0 ",1,2\n",
         "x.csv:4:1: error: TIMESTAMP: time goes backwards: 2023-11-16 18:15:46.6805899 comes "
         "after "
         "2023-11-16 18:15:46.6805900 (sort the file by time)\n"},
        {OWN "0,1,2\n1e3,1,2\n",
         "x.csv:3:1: error: time_s: \"1e3\" is not a time in seconds (0 to 9000000000)\n"},
        {OWN "-1,1,2\n",
         "x.csv:2:1: error: time_s: \"-1\" is not a time in seconds (0 to 9000000000)\n"},
        {OWN "9000000000,1,2\n",
         "x.csv:2:1: error: time_s: \"9000000000\" is not a time in seconds "
         "(0 to 9000000000)\n"},
        {OWN "1.,1,2\n",
         "x.csv:2:1: error: time_s: \"1.\" is not a time in seconds (0 to 9000000000)\n"},
        {OWN "0,1,\"2\n", "x.csv:2:5: error: a quote is not closed\n"},
        {OWN "0,\"x\",2\n", "x.csv:2:4: error: prompt_tok: \"x\" is not a whole number\n"},
        {OWN "0,\"1\"1,2\n", "x.csv:2:3: error: text after a closing quote\n"},
        {OWN "0,1,2\n0,0\x01\xff,2\n",
         "x.csv:3:3: error: prompt_tok: \"0?\?\" is not a whole number\n"},
        {OWN "nan,1,x\n0,inf,2\n",
         "x.csv:2:1: error: time_s: \"nan\" is not a time in seconds (0 to 9000000000)\n"
         "x.csv:3:3: error: prompt_tok: \"inf\" is not a whole number\n2 errors\n"},
        {OWN, "x.csv: error: has no request (0 failed ones)\n"},
        {OWN "0,1,0\n0,0,0\n", "x.csv: error: has no request (2 failed ones)\n"},
        {"", "x.csv: error: the file is empty\n"},
        {"\x1f\x8b\x08\n", "x.csv: error: is compressed (gzip): unpack it first\n"},
        {"time,tokens\n0,1\n",
         "x.csv:1:1: error: unknown header \"time,tokens\" (known: "
         "TIMESTAMP,ContextTokens,GeneratedTokens | "
         "TIMESTAMP,NumImages,ContextTokens,GeneratedTokens | Timestamp,Session ID,Elapsed time,"
         "Model,Request tokens,Response tokens,Total tokens,Log Type | Timestamp,Model,Request "
         "tokens,Response tokens,Total tokens,Log Type | time_s,prompt_tok,output_tok | "
         "time_s,session,prompt_tok,output_tok)\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(findings(cases[i].text, strlen(cases[i].text)), cases[i].expected);
}

static void impossible_dates_are_refused(void **state)
{
    (void)state;
    static const char *const times[] = {
        "2023-02-29 00:00:00",      "2100-02-29 00:00:00",       "2023-04-31 00:00:00",
        "2023-00-01 00:00:00",      "2023-13-01 00:00:00",       "1969-12-31 23:59:59",
        "2200-01-01 00:00:00",      "2023-01-01 24:00:00",       "2023-01-01 00:60:00",
        "2023-01-01 00:00:60",      "2023-01-01 00:00:0",        "2023-01-01T00:00:00",
        "2023/01/01 00:00:00",      "2023-01-01 00:00:00.",      "2023-01-01 00:00:00.1x",
        "2023-01-01 00:00:00+0100", "2023-01-01 00:00:00+24:00", "2023-01-01 00:00:00 ",
        "+023-01-01 00:00:00",      "2023-01-01 00:00:-1",       ""};
    char text[200];
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        snprintf(text, sizeof text, AZURE "%s,1,2\n", times[i]);
        assert_non_null(strstr(findings(text, strlen(text)), "x.csv:2:1: error: TIMESTAMP: "));
    }
    static const char fine[] = AZURE "2000-02-29 23:59:59,1,2\n2024-02-29 00:00:00Z,1,2\n";
    assert_string_equal(findings(fine, sizeof fine - 1), "");
}

static void bytes_that_are_no_text_are_refused(void **state)
{
    (void)state;
    static const char zero[] = OWN "0,1,2\n0,\0,2\n";
    assert_string_equal(findings(zero, sizeof zero - 1),
                        "x.csv:3:3: error: is not text (a zero byte)\n");
    char noise[5000];
    struct rng_stream s = rng_open(1, 2, 3, 4);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)rng_u64(&s);
    assert_non_null(strstr(findings(noise, sizeof noise), "x.csv"));
}

/* A line too long for the limit, also one longer than the buffer, is one finding; the next lines
 * are read. */
static void long_lines_are_reported_once(void **state)
{
    (void)state;
    enum { LONG = 300000 };
    char *text = arena_alloc(&arena, LONG + 100, 1);
    static const size_t lengths[] = {4097, 65536, LONG};
    for (size_t i = 0; i < 3; i++) {
        int head = sprintf(text, OWN "0,1,2\n");
        memset(text + head, 'y', lengths[i]);
        strcpy(text + head + lengths[i], "\n1,1,z\n");
        assert_string_equal(
            findings(text, strlen(text)),
            "x.csv:3:4097: error: the line is longer than 4096 bytes\n"
            "x.csv:4:5: error: output_tok: \"z\" is not a whole number\n2 errors\n");
    }
    int head = sprintf(text, OWN "0.");
    memset(text + head, '0', 4096 - 6);
    strcpy(text + head + 4096 - 6, ",1,2");
    assert_string_equal(findings(text, strlen(text)), ""); /* 4096 bytes are allowed */
    memset(text, 'y', LONG);
    assert_string_equal(findings(text, LONG),
                        "x.csv:1:4097: error: the line is longer than 4096 bytes\n");
}

static void findings_end_after_twenty(void **state)
{
    (void)state;
    char text[2000] = OWN;
    for (int i = 0; i < 50; i++)
        strcat(text, "0,1,x\n");
    struct diag diag = new_diag();
    struct trace_summary sum;
    assert_false(trace_check_file(memory(text, strlen(text)), "x.csv", NULL, &diag, &sum));
    assert_int_equal(diag.count, 21);
    assert_string_equal(diag.items[20].message, "and more; the rest was not checked");
    assert_int_equal(diag.items[20].where.line, 22);
}

static void a_missing_file_says_where_the_trace_is(void **state)
{
    (void)state;
    struct diag diag = new_diag();
    struct trace_summary sum;
    struct diag_where at = {.file = "s.yaml", .line = 3, .column = 7};
    assert_false(
        trace_check("tests/data/none.csv", at, "workload.arrivals.trace.file", NULL, &diag, &sum));
    assert_int_equal(diag.count, 1);
    assert_string_equal(diag.items[0].where.file, "s.yaml");
    assert_string_equal(diag.items[0].message,
                        "cannot open tests/data/none.csv (No such file or directory); the public "
                        "Azure trace is at github.com/Azure/AzurePublicDataset, "
                        "data/AzureLLMInferenceTrace_conv.csv");
    diag = new_diag();
    assert_false(trace_check("tests/data", at, NULL, NULL, &diag, &sum));
    assert_string_equal(diag.items[0].message, "cannot open tests/data (a directory, not a file)");
}

/* A file that changes between check and run fails the run with file, line and column. */
static void a_fault_during_the_run_is_an_operating_error(void **state)
{
    (void)state;
    static const char text[] = OWN "0,1,2\n5,1,x\n";
    struct trace *trace;
    struct trace_row row;
    bool more;
    char chain[500];
    assert_int_equal(trace_open_file(memory(text, sizeof text - 1), "x.csv", &arena, &trace),
                     STATUS_OK);
    assert_int_equal(trace_next(trace, &row, &more), STATUS_OK);
    assert_true(more);
    assert_int_equal(trace_next(trace, &row, &more), STATUS_OPERATING);
    assert_false(more);
    status_take(chain, sizeof chain);
    assert_non_null(strstr(chain, "x.csv:3:5: \"x\" is not a whole number"));
    trace_close(trace);
    assert_int_equal(trace_open("tests/data/none.csv", &arena, &trace), STATUS_OPERATING);
    assert_null(trace);
    status_take(chain, sizeof chain);
    trace_close(trace);
}

/* ---- size ---------------------------------------------------------------------------------- */

/* A long trace costs no more memory than a short one; the speed is printed. */
static void memory_does_not_grow_with_the_file(void **state)
{
    (void)state;
    enum { ROWS = 1000000 };
    FILE *file = tmpfile();
    assert_non_null(file);
    fputs(AZURE, file);
    for (int64_t i = 0; i < ROWS; i++) { /* one row in 3.6 ms */
        int64_t t = 36 * i;
        fprintf(file, "2023-11-16 18:%02d:%02d.%04d000,%d,%d\r\n", (int)(t / 600000 % 60),
                (int)(t / 10000 % 60), (int)(t % 10000), (int)(1 + i % 14050), (int)(7 + i % 994));
    }
    rewind(file);
    struct trace *trace;
    struct trace_row row;
    bool more = true;
    size_t before = arena.used_bytes, rows = 0;
    int64_t last_ns = 0;
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    assert_int_equal(trace_open_file(file, "x", &arena, &trace), STATUS_OK);
    for (; more; rows += more) {
        assert_int_equal(trace_next(trace, &row, &more), STATUS_OK);
        if (more) last_ns = row.time_ns;
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    trace_close(trace);
    assert_int_equal(rows, ROWS);
    assert_true(last_ns == (ROWS - 1) * INT64_C(3600000));
    assert_true(arena.used_bytes - before < 100000);
    double seconds =
        (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
    printf("measured: %.1f million trace rows per second\n", ROWS / seconds / 1e6);
}

/* ---- the real hour -------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Statistics of the conversation hour in docs/sources.md IN. */
static void the_azure_hour_has_its_published_statistics(void **state)
{
    (void)state;
    const char *data = getenv("HACASIM_DATA");
    char path[4096];
    snprintf(path, sizeof path, "%s/azure-conv-2023.csv", data && *data ? data : "../shared/data");
    if (access(path, R_OK) != 0) {
        printf("skipped: the_azure_hour_has_its_published_statistics: no %s\n", path);
        skip();
    }
    printf("used: %s\n", path);
    struct diag diag = new_diag();
    struct trace_summary sum;
    assert_true(trace_check(path, (struct diag_where){0}, NULL, NULL, &diag, &sum));
    assert_int_equal(sum.requests, 19366);
    assert_int_equal(sum.skipped, 0);
    assert_int_equal(sum.duration_ns / INT64_C(1000000000), 3501); /* 3,502 s rounded */
    assert_int_equal(lround((double)sum.duration_ns / 1e9), 3502);
    assert_int_equal(lround((double)sum.prompt_tok / 19366.0), 1155);
    assert_int_equal(lround((double)sum.output_tok / 19366.0), 211);
    assert_int_equal(sum.prompt_tok_max, 14050);
    assert_int_equal(sum.output_tok_max, 1000);
    double *prompt = arena_alloc(&arena, 19366, sizeof *prompt);
    double *output = arena_alloc(&arena, 19366, sizeof *output);
    double gap_sum = 0.0, gap_square = 0.0;
    int64_t before = 0;
    struct trace *trace;
    struct trace_row row;
    bool more;
    assert_int_equal(trace_open(path, &arena, &trace), STATUS_OK);
    for (size_t i = 0; i < 19366; i++) {
        assert_int_equal(trace_next(trace, &row, &more), STATUS_OK);
        prompt[i] = row.prompt_tok;
        output[i] = row.output_tok;
        double gap = (double)(row.time_ns - before) / 1e9;
        before = row.time_ns;
        gap_sum += gap;
        gap_square += gap * gap;
    }
    trace_close(trace);
    double n = 19365.0, mean = gap_sum / n;
    assert_true(fabs(sqrt(gap_square / n - mean * mean) / mean - 1.09) < 0.005);
    qsort(prompt, 19366, sizeof *prompt, compare);
    qsort(output, 19366, sizeof *output, compare);
    static const double q[] = {0, .01, .05, .10, .25, .50, .75, .90, .95, .99, .999, 1};
    static const double prompts[] = {2,    29,   181,  207,  396,  1020,
                                     1189, 2735, 4083, 4142, 6212, 14050};
    static const double outputs[] = {7, 16, 41, 54, 85, 129, 395, 424, 451, 601, 954, 1000};
    for (int i = 0; i < 12; i++) {
        size_t at = (size_t)(q[i] * 19366.0);
        assert_true(prompt[at < 19366 ? at : 19365] == prompts[i]);
        assert_true(output[at < 19366 ? at : 19365] == outputs[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(azure_2023_is_read),
        cmocka_unit_test(azure_2024_is_read),
        cmocka_unit_test(burstgpt_is_read),
        cmocka_unit_test(own_format_is_read),
        cmocka_unit_test(azure_lmm_is_read),
        cmocka_unit_test(sessions_are_read),
        cmocka_unit_test(requests_beyond_all_room_are_found),
        cmocka_unit_test(dates_agree_with_timegm),
        cmocka_unit_test(faults_are_placed_and_named),
        cmocka_unit_test(impossible_dates_are_refused),
        cmocka_unit_test(bytes_that_are_no_text_are_refused),
        cmocka_unit_test(long_lines_are_reported_once),
        cmocka_unit_test(findings_end_after_twenty),
        cmocka_unit_test(a_missing_file_says_where_the_trace_is),
        cmocka_unit_test(a_fault_during_the_run_is_an_operating_error),
        cmocka_unit_test(memory_does_not_grow_with_the_file),
        cmocka_unit_test(the_azure_hour_has_its_published_statistics),
    };
    return cmocka_run_group_tests_name("trace", tests, setup, teardown);
}
