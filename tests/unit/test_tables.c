/* SPDX-License-Identifier: Apache-2.0
 * Reading timing tables, interpolating in them, and composing a step from them.
 *
 * Interpolation is held against functions whose values are known exactly: linear ones, squares, a
 * roofline's own ratio.  A step is held against the sum worked out by hand from the rows. */
#include <math.h>
#include <unistd.h>

#include "models/perf_tables.h"
#include "models/serving.h"
#include "tests/unit/unit.h"

static struct arena arena;
static struct diag diag;

static struct perf_tables_ask ask_a100(void)
{
    return (struct perf_tables_ask){
        .folder = "folder", .hardware = perf_hardware_find("a100-80g"), .tp = 1, .key = "tables"};
}

static const struct perf_tables *read_text(const char *text, size_t length)
{
    struct perf_tables_ask ask = ask_a100();
    diag_init(&diag, &arena);
    FILE *file = fmemopen((void *)(uintptr_t)text, length, "rb");
    assert_non_null(file);
    return perf_tables_read(file, "t.csv", &ask, &arena, &diag);
}

static const struct perf_tables *read_good(const char *text)
{
    const struct perf_tables *t = read_text(text, strlen(text));
    if (t == NULL) diag_print(&diag, stdout);
    assert_non_null(t);
    return t;
}

/* ---- reading -------------------------------------------------------------------------------- */

#define OWN "op,m,n,k,batch,seq,kv,heads,kv_heads,time_ns\n"

static void rows_in_any_order_are_merged(void **state)
{
    (void)state;
    const struct perf_tables *t =
        read_good("# source: measured\n# device: A card\n# driver: 550.1\n# date: 2026-01-02\n"
                  "# commit: abc\n"
                  "k,time_us,n,m,power\n"
                  "512,40,1024,8,1\n512,10,512,8,1\n\n512,30,512,8,1\n# a comment\n"
                  "512,12,512,8,1\n1024,20,512,8,1\n512,14,512,8,1\n");
    const struct perf_points *p = &t->ops[PERF_GEMM];
    assert_int_equal(t->rows, 6);
    assert_int_equal(p->count, 3);
    assert_int_equal(p->repeated, 1);
    assert_true(p->items[0].at[1] == 512 && p->items[0].at[2] == 512);
    assert_true(p->items[0].ns == 13e3); /* of 10, 12, 14 and 30 us */
    assert_true(p->items[0].spread_ns == 20e3);
    assert_int_equal(p->items[0].count, 4);
    assert_int_equal(p->items[0].line, 8);
    assert_int_equal(t->warning_count, 1);
    assert_string_equal(t->warnings[0],
                        "gemm: 1 keys came more than once and were merged to their median; the "
                        "widest spread is 153.8 % over 4 rows at m=8 n=512 k=512");
    assert_string_equal(perf_tables_text(t, &arena),
                        "measured, A card, driver 550.1, 2026-01-02, commit abc (folder: 1 files, "
                        "6 rows)");
}

/* Quotes, Windows lines, a byte order mark, another order and more columns change nothing. */
static void other_spellings_are_the_same(void **state)
{
    (void)state;
    static const char plain[] = "m,n,k,ms\n8,512,512,0.01\n16,512,1024,0.02\n";
    static const char *const others[] = {
        "m,n,k,ms\r\n8,512,512,0.01\r\n16,512,1024,0.02\r\n",
        "\"m\",\"n\",\"k\",\"ms\"\n\"8\",\"512\",\"512\",\"0.01\"\n16, 512 ,\" 1024\",0.02",
        "\xEF\xBB\xBFms,k,n,m\n0.02,1024,512,16\n0.01,512,512,8\n",
        "gpu,m,n,note,k,ms\nx,16,512,\"a, b\",1024,0.02\nx,8,512,\"\",512,0.01\n",
        "m,n,k,us\n16,512,1024,20\n8,512,512,10\n",
    };
    const struct perf_points *want = &read_good(plain)->ops[PERF_GEMM];
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const struct perf_points *p = &read_good(others[i])->ops[PERF_GEMM];
        assert_int_equal(p->count, want->count);
        for (uint32_t k = 0; k < p->count; k++) {
            assert_memory_equal(p->items[k].at, want->items[k].at, sizeof p->items[k].at);
            assert_true(fabs(p->items[k].ns / want->items[k].ns - 1.0) < 1e-15);
        }
    }
}

static void own_rows_are_told_by_their_op(void **state)
{
    (void)state;
    const struct perf_tables *t =
        read_good("# source: modelled\n" OWN "attn_decode,,,,4,,1000,32,8,20000\n"
                  "gemm,16,4096,4096,,,,,,30000\n"
                  "attn_prefill,,,,2,512,,32,8,90000\n");
    const int64_t decode[] = {8, 32, 4, 1000}, prefill[] = {8, 32, 2, 512};
    assert_true(t->modelled);
    assert_memory_equal(t->ops[PERF_DECODE].items[0].at, decode, sizeof decode);
    assert_memory_equal(t->ops[PERF_PREFILL].items[0].at, prefill, sizeof prefill);
    assert_true(t->ops[PERF_GEMM].items[0].ns == 30000.0);
}

static void published_attention_rows_are_told_apart(void **state)
{
    (void)state;
    const struct perf_tables *t = read_good("num_heads,num_kv_heads,batch_size,isl,step,ms\n"
                                            "32,8,4,512,0,0.5\n32,8,4,1,1023,0.1\n");
    assert_int_equal(t->ops[PERF_PREFILL].count, 1);
    assert_int_equal(t->ops[PERF_DECODE].items[0].at[3], 1024);
}

static void suspicious_rows_are_listed(void **state)
{
    (void)state;
    const struct perf_tables *t = read_good("m,n,k,us\n"
                                            "1,8192,512,20\n1,8192,1024,30\n1,8192,2048,10\n"
                                            "1,4096,512,20\n1,4096,2048,60\n");
    assert_int_equal(t->above_peak, 1);
    assert_int_equal(t->gaps, 1);
    assert_int_equal(t->warning_count, 2);
    assert_string_equal(t->warnings[0], "gemm: 1 gaps are interpolated over: m=1 n=4096 k=1024");
    assert_string_equal(t->warnings[1],
                        "gemm: 1 of 5 points imply more than the peak of a100-80g (a cache, or "
                        "another card): t.csv:4 (m=1 n=8192 k=2048): 1.65 x peak");
}

static void mistakes_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
        uint32_t line, column;
    } cases[] = {
        {"m,n,ms\n1,2,3\n", "column 'k' of a gemm table is missing", 1, 1},
        {"a,b,c\n1,2,3\n",
         "these are not the columns of a timing table (known: own, gemm, attention, moe, "
         "allreduce)",
         1, 1},
        {"m,n,k,seconds\n1,2,3,4\n",
         "no column of times: expected one of time_ns, time_us, time_ms, ns, us, ms", 1, 1},
        {"m,n,k,ms\n1,2,3,0\n", "\"0\" is not a positive time", 2, 7},
        {"m,n,k,ms\n1,2,3,-1\n", "\"-1\" is not a positive time", 2, 7},
        {"m,n,k,ms\n1,2,3,nan\n", "\"nan\" is not a number", 2, 7},
        {"m,n,k,ms\n1,2,3,1ms\n", "\"1ms\" is not a number", 2, 7},
        {"m,n,k,ms\n1,-2,3,1\n", "\"-2\" is outside 1 to 1073741824", 2, 3},
        {"m,n,k,ms\n1.5,2,3,1\n", "\"1.5\" is not a whole number", 2, 1},
        {"m,n,k,ms\n\n1,2,3\n", "3 cells (the header has 4)", 3, 1},
        {OWN "conv,1,1,1,,,,,,5\n", "is none of gemm, attn_prefill, attn_decode", 2, 1},
        {OWN "gemm,1,,1,,,,,,5\n", "\"\" is not a whole number", 2, 8},
        {"num_heads,num_kv_heads,batch_size,isl,step,ms\n1,1,1,2,3,1\n",
         "a row is either of prompts (step 0) or of decoding (isl 1)", 2, 9},
        {"# note\nm,n,ms\n1,2,3\n", "column 'k' of a gemm table is missing", 2, 1},
        {"m,n,k,ms,ms\n1,2,3,1,1\n", "a second column of this name", 1, 10},
        {"m,n,k,ms\n1,2,\"3,1\n", "3 cells (the header has 4)", 2, 1},
        {"# only\n", "is empty: a timing table begins with the names of its columns", 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_null(read_text(cases[i].text, strlen(cases[i].text)));
        assert_int_equal(diag.count, 1);
        assert_string_equal(diag.items[0].message, cases[i].message);
        assert_string_equal(diag.items[0].where.file, "t.csv");
        assert_int_equal(diag.items[0].where.line, cases[i].line);
        assert_int_equal(diag.items[0].where.column, cases[i].column);
    }
    assert_null(read_text("m,n,k,ms\n1,\0,3,4\n", 17));
    assert_string_equal(diag.items[0].message, "is not text (a zero byte)");
}

/* 4096^3 takes an A100 half a millisecond at best: as a microsecond or as a second it is wrong. */
static void another_unit_is_noticed(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "m,n,k,us\n4096,4096,4096,0.5\n",
        "m,n,k,ms\n4096,4096,4096,500\n",
        /* small products, which take 4 us whatever their size */
        "m,n,k,us\n1,512,512,0.0042\n8,512,512,0.0044\n",
        "m,n,k,ms\n1,512,512,4.2\n8,512,512,4.4\n",
        "num_gpus,backend,message_size,us\n2,vllm_graph,128,0.0048\n2,vllm_graph,4096,0.0053\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_null(read_text(texts[i], strlen(texts[i])));
        assert_non_null(strstr(diag.items[0].message, "is their unit right?"));
        assert_string_equal(diag.items[0].where.file, "t.csv");
        assert_int_equal(diag.items[0].where.line, 1);
    }
}

static void put_file(const char *folder, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void drop_file(const char *folder, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
}

/* A profile in another unit is taken at its word, with warnings for both of its tables. */
static void profiles_of_another_unit_are_warned_of(void **state)
{
    (void)state;
    char folder[] = "/tmp/hacasim_tables_XXXXXX";
    assert_non_null(mkdtemp(folder));
    put_file(folder, "dense.csv",
             "layer,tokens,time_ns\ngate_up_proj,1,250\ngate_up_proj,64,260\n");
    put_file(folder, "per_sequence.csv", "layer,sequences,time_us\nlm_head,1,1000\n");
    put_file(folder, "attention.csv",
             "prefill_chunk,kv_prefill,n_decode,kv_decode,time_ns\n0,0,1,16,9\n0,0,8,1024,50\n");
    struct perf_tables_ask ask = ask_a100();
    ask.folder = folder;
    ask.model = perf_model_find("llama3-8b");
    diag_init(&diag, &arena);
    const struct perf_tables *t = perf_tables_load(&ask, &arena, &diag);
    assert_non_null(t);
    uint32_t told = 0;
    for (uint32_t i = 0; i < t->warning_count; i++)
        told += strstr(t->warnings[i], "is their unit right?") != NULL;
    assert_int_equal(told, 2);
    drop_file(folder, "dense.csv");
    drop_file(folder, "per_sequence.csv");
    drop_file(folder, "attention.csv");
    rmdir(folder);
}

/* Of a grid of 4 x 3 x 3 a whole line is missing, which only the outer axes can tell. */
static void missing_lines_are_gaps(void **state)
{
    (void)state;
    char text[4096] = "m,n,k,ms\n";
    for (int m = 8; m <= 64; m *= 2)
        for (int n = 4096; n <= 16384; n *= 2)
            for (int k = 4096; k <= 16384; k *= 2)
                if (m != 16 || n != 8192)
                    sprintf(text + strlen(text), "%d,%d,%d,%.3f\n", m, n, k, 1e-9 * n * k + 0.01);
    const struct perf_tables *t = read_good(text);
    assert_int_equal(t->gaps, 3);
    assert_non_null(strstr(t->warnings[0], "3 gaps are interpolated over: m=16 n=8192 k=4096; "
                                           "m=16 n=8192 k=8192; m=16 n=8192 k=16384"));
    /* Shapes of layers are no grid, but for a k that another n has between two of this one's. */
    t = read_good("m,n,k,ms\n1,4096,4096,0.03\n1,6144,4096,0.04\n1,28672,4096,0.2\n"
                  "1,4096,14336,0.1\n1,5120,5120,0.04\n1,10240,5120,0.08\n");
    assert_int_equal(t->gaps, 1);
}

/* What came repeatedly came with equal times: the key that is told is one of them. */
static void repeats_are_told_by_their_own_key(void **state)
{
    (void)state;
    const struct perf_tables *t =
        read_good("m,n,k,ms\n1,4096,4096,0.03\n64,4096,4096,0.04\n64,4096,4096,0.04\n");
    assert_non_null(strstr(t->warnings[0], "0.0 % over 2 rows at m=64 n=4096 k=4096"));
    static const char guess[] = "# source: guess\n" OWN "gemm,1,512,512,,,,,,4000\n";
    assert_null(read_text(guess, strlen(guess)));
    assert_non_null(strstr(diag.items[0].message, "neither 'measured' nor 'modelled'"));
    t = read_good("m,n,k,ms\n");
    assert_non_null(strstr(t->warnings[0], "the table has no rows"));
}

/* One row a thousand times off among good ones is warned of by its place. */
static void single_slips_are_listed(void **state)
{
    (void)state;
    const struct perf_tables *t = read_good("m,n,k,ms\n64,4096,4096,0.03\n128,4096,4096,0.04\n"
                                            "256,4096,4096,45\n512,4096,4096,0.00009\n");
    assert_int_equal(t->slow, 1);
    assert_int_equal(t->above_peak, 1);
    assert_non_null(strstr(t->warnings[0], "t.csv:5 (m=512 n=4096 k=4096)"));
    assert_non_null(strstr(t->warnings[1], "t.csv:4 (m=256 n=4096 k=4096)"));
}

/* ---- interpolation -------------------------------------------------------------------------- */

static double roof_one(const void *context, const int64_t *at)
{
    (void)context;
    return (double)(at[0] + 10 * at[1]);
}

static void put(struct perf_points *p, int64_t x, int64_t y, double ns)
{
    int64_t at[PERF_AXES] = {x, y};
    perf_points_add(p, &arena, at, ns, 1);
}

static double ask_at(const struct perf_points *p, int64_t x, int64_t y, enum perf_reach reach)
{
    int64_t at[PERF_AXES] = {x, y};
    struct perf_answer a = perf_points_at(p, at, PERF_POINTS_NONE, roof_one, NULL);
    assert_int_equal(a.reach, reach);
    return a.ns;
}

static void linear_functions_are_met(void **state)
{
    (void)state;
    struct perf_points p = {.name = "f", .axes = 2, .squared = -1};
    for (int64_t x = 1; x <= 64; x *= 4)
        for (int64_t y = 1; y <= 64; y *= 4)
            if (x != 4 || y != 16) put(&p, x, y, 5.0 + 3.0 * (double)x + 7.0 * (double)y);
    perf_points_settle(&p);
    for (int64_t x = 1; x <= 64; x += 3)
        for (int64_t y = 1; y <= 64; y += 3)
            assert_true(fabs(ask_at(&p, x, y, PERF_INSIDE) -
                             (5.0 + 3.0 * (double)x + 7.0 * (double)y)) < 1e-9);
}

static void outside_the_roofline_leads(void **state)
{
    (void)state;
    struct perf_points p = {.name = "f", .axes = 2, .squared = -1};
    put(&p, 1, 1, 100.0);
    put(&p, 1, 4, 160.0);
    put(&p, 3, 1, 140.0);
    perf_points_settle(&p);
    assert_true(fabs(ask_at(&p, 1, 9, PERF_OUTSIDE) - 160.0 * 91.0 / 41.0) < 1e-9);
    assert_true(fabs(ask_at(&p, 9, 1, PERF_OUTSIDE) - 140.0 * 19.0 / 13.0) < 1e-9);
    /* x = 3 has no y above 1: from the row of 1 up to it, then along x. */
    assert_true(fabs(ask_at(&p, 3, 4, PERF_OUTSIDE) - 140.0 * 43.0 / 13.0) < 1e-9);
    assert_true(ask_at(&p, 2, 1, PERF_INSIDE) == 120.0);
    p.exact = 1;
    ask_at(&p, 2, 1, PERF_ABSENT);
}

static void squares_are_met_on_a_squared_axis(void **state)
{
    (void)state;
    struct perf_points p = {.name = "f", .axes = 2, .squared = 1};
    for (int64_t y = 2; y <= 2000; y *= 10)
        put(&p, 1, y, 3.0 * (double)(y + 5) * (double)(y + 5));
    perf_points_settle(&p);
    for (int64_t y = 2; y <= 2000; y += 111)
        assert_true(fabs(ask_at(&p, 1, y, PERF_INSIDE) / (3.0 * pow((double)y + 5.0, 2)) - 1.0) <
                    1e-12);
}

/* ---- a step --------------------------------------------------------------------------------- */

/* Llama-3-8B: per layer products of 6144, 4096, 28672 and 4096 columns, a head of 128,256; all rows
 * of one value each, so the sum is 32 x (1 + 2 + 3 + 4) + 5 + 32 x 20 (us) beside the roofline's
 * small kernels and engine. */
static void a_step_is_the_sum_of_its_kernels(void **state)
{
    (void)state;
    const struct perf_tables *t =
        read_good(OWN "gemm,8,6144,4096,,,,,,100000\ngemm,8,4096,4096,,,,,,200000\n"
                      "gemm,8,28672,4096,,,,,,300000\ngemm,8,4096,14336,,,,,,400000\n"
                      "gemm,8,128256,4096,,,,,,900000\nattn_decode,,,,8,,1000,32,8,20000\n");
    struct perf_terms terms = {.hardware = perf_hardware_find("a100-80g"),
                               .model = perf_model_find("llama3-8b"),
                               .tp = 1,
                               .pp = 1,
                               .ep = 1,
                               .tables = t};
    struct perf perf = perf_make(&terms, &arena);
    struct perf_batch b = {0};
    for (int i = 0; i < 8; i++)
        perf_batch_decode(&b, 1000);
    struct perf_line line = perf_step_line(&perf, &b);
    struct perf_parts parts = perf_roofline_parts(&perf, &b);
    double expected = 32.0 * (1e6 + 20000.0) + 900000.0 + parts.element_ns + parts.engine_ns;
    assert_false(line.outside);
    assert_true(fabs((double)line.first_ticks / PERF_TICKS - expected) < 1.0);
    b.decode_context_tok += 8;
    assert_true(perf_step_line(&perf, &b).outside);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_in_any_order_are_merged),
        cmocka_unit_test(other_spellings_are_the_same),
        cmocka_unit_test(own_rows_are_told_by_their_op),
        cmocka_unit_test(published_attention_rows_are_told_apart),
        cmocka_unit_test(suspicious_rows_are_listed),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(another_unit_is_noticed),
        cmocka_unit_test(profiles_of_another_unit_are_warned_of),
        cmocka_unit_test(single_slips_are_listed),
        cmocka_unit_test(missing_lines_are_gaps),
        cmocka_unit_test(repeats_are_told_by_their_own_key),
        cmocka_unit_test(linear_functions_are_met),
        cmocka_unit_test(outside_the_roofline_leads),
        cmocka_unit_test(squares_are_met_on_a_squared_axis),
        cmocka_unit_test(a_step_is_the_sum_of_its_kernels),
    };
    arena_init(&arena, "test", 0);
    int failed = cmocka_run_group_tests_name("tables", tests, NULL, NULL);
    arena_free(&arena);
    return failed;
}
