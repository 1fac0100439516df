/* SPDX-License-Identifier: Apache-2.0
 * How far timing tables and rooflines are from measurements, on the A100 tables.
 *
 * Leave-one-out: each key is left out whole (its repeated rows were merged to their median first)
 * and predicted from the others.  Interior keys have a neighbour on both sides of every axis; the
 * others are edges, printed apart and not judged.  The bounds are those that an interpolation of
 * the same kind of tables reports of itself (aiconfigurator perf_interp_design.md: GEMM 4.87 %,
 * context attention 2.0 %, generation attention 1.1 %), a little above them.  What each axis by
 * itself gives is printed too: it is what a step pays whose size lies between those of the table.
 *
 * Then the roofline against every row, by operation and size: not judged, since its efficiencies
 * come from the same tables; scenarios/validation/roofline_a100.md shows what this prints, and
 * the test fails when it does not. */
#include <math.h>

#include "models/perf_tables.h"
#include "tests/unit/page.h"

static struct arena arena;
static const struct perf_tables *tables; /* NULL: not there */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(double *errors, uint32_t count, double share)
{
    qsort(errors, count, sizeof *errors, compare);
    return count > 0 ? errors[(uint32_t)(share * count)] : 0.0;
}

static struct perf_roof roof_of(enum perf_op op)
{
    return (struct perf_roof){perf_hardware_find("a100-80g"), PERF_BF16, op, 0, 0};
}

/* The nearest point that differs from `of` on `axis` alone, in one direction; -1: there is none. */
static int32_t neighbour(const struct perf_points *p, uint32_t of, uint32_t axis, int direction)
{
    int32_t best = -1;
    for (uint32_t i = 0; i < p->count; i++) {
        int64_t away = (p->items[i].at[axis] - p->items[of].at[axis]) * direction;
        bool same = away > 0;
        for (uint32_t a = 0; a < p->axes && same; a++)
            same = a == axis || p->items[i].at[a] == p->items[of].at[a];
        if (!same) continue;
        if (best < 0 || (p->items[best].at[axis] - p->items[i].at[axis]) * direction > 0)
            best = (int32_t)i;
    }
    return best;
}

/* Along one axis alone, or the interpolator's answer (axis -1). */
static double left_out(const struct perf_points *p, uint32_t i, int axis, enum perf_op op)
{
    struct perf_roof roof = roof_of(op);
    const struct perf_point *x = &p->items[i];
    if (axis < 0) return perf_points_at(p, x->at, (int32_t)i, perf_kernel_roof_ns, &roof).ns;
    const struct perf_point *low = &p->items[neighbour(p, i, (uint32_t)axis, -1)];
    const struct perf_point *high = &p->items[neighbour(p, i, (uint32_t)axis, 1)];
    double part = (double)(x->at[axis] - low->at[axis]) / (double)(high->at[axis] - low->at[axis]);
    if (axis != p->squared) return low->ns + part * (high->ns - low->ns);
    double root = sqrt(low->ns) + part * (sqrt(high->ns) - sqrt(low->ns));
    return root * root;
}

/* On the axes whose bits are set. */
static bool interior(const struct perf_points *p, uint32_t i, uint32_t axes)
{
    for (uint32_t a = 0; a < p->axes; a++)
        if (axes >> a & 1)
            if (neighbour(p, i, a, -1) < 0 || neighbour(p, i, a, 1) < 0) return false;
    return true;
}

static void check(enum perf_op op, uint32_t axes, double bound)
{
    if (tables == NULL) {
        skip();
        return;
    }
    const struct perf_points *p = &tables->ops[op];
    double *inside = arena_alloc(&arena, p->count, sizeof *inside),
           *edge = arena_alloc(&arena, p->count, sizeof *edge);
    double *single[PERF_AXES] = {NULL};
    uint32_t insides = 0, edges = 0;
    for (uint32_t a = 0; a < PERF_AXES; a++)
        single[a] = arena_alloc(&arena, p->count, sizeof **single);
    for (uint32_t i = 0; i < p->count; i++) {
        double error = fabs(left_out(p, i, -1, op) / p->items[i].ns - 1.0);
        if (!interior(p, i, axes)) {
            edge[edges++] = error;
            continue;
        }
        for (uint32_t a = 0; a < p->axes; a++)
            if (axes >> a & 1)
                single[a][insides] = fabs(left_out(p, i, (int)a, op) / p->items[i].ns - 1.0);
        inside[insides++] = error;
    }
    double median = quantile(inside, insides, 0.5);
    print_message("measured: leave-one-out %s: interior %u keys median %.2f %% p90 %.2f %%; edge "
                  "%u keys median %.2f %% p90 %.2f %%\n",
                  p->name, insides, 100.0 * median, 100.0 * quantile(inside, insides, 0.9), edges,
                  100.0 * quantile(edge, edges, 0.5), 100.0 * quantile(edge, edges, 0.9));
    for (uint32_t a = 0; a < p->axes; a++) {
        if (axes >> a & 1)
            print_message("    along %s alone: median %.2f %% p90 %.2f %%\n", p->axis_names[a],
                          100.0 * quantile(single[a], insides, 0.5),
                          100.0 * quantile(single[a], insides, 0.9));
    }
    assert_true(insides > 1000);
    assert_true(median <= bound);
}

static void gemm(void **state)
{
    (void)state;
    check(PERF_GEMM, 7, 0.05);
}

/* Heads, batch and length; KV heads come in a few kinds only. */
static void prefill_attention(void **state)
{
    (void)state;
    check(PERF_PREFILL, 14, 0.025);
}

static void decode_attention(void **state)
{
    (void)state;
    check(PERF_DECODE, 14, 0.025);
}

/* ---- the roofline --------------------------------------------------------------------------- */

static void roofline_rows(struct page *page, enum perf_op op, uint32_t axis, const int64_t *edges,
                          uint32_t count)
{
    const struct perf_points *p = &tables->ops[op];
    struct perf_roof roof = roof_of(op);
    double *error = arena_alloc(&arena, p->count, sizeof *error),
           *size = arena_alloc(&arena, p->count, sizeof *size);
    for (uint32_t e = 0; e < count; e++) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < p->count; i++) {
            int64_t x = p->items[i].at[axis];
            if (x > edges[e] || (e > 0 && x <= edges[e - 1])) continue;
            error[n] = perf_kernel_roof_ns(&roof, p->items[i].at) / p->items[i].ns - 1.0;
            size[n] = fabs(error[n]);
            n++;
        }
        page_line(page, "| %s | %s up to %lld | %u | %+.1f | %.1f | %.1f |", p->name,
                  p->axis_names[axis], (long long)edges[e], n, 100.0 * quantile(error, n, 0.5),
                  100.0 * quantile(size, n, 0.5), 100.0 * quantile(size, n, 0.9));
    }
}

static void roofline_by_size(void **state)
{
    (void)state;
    static const int64_t tokens[] = {16, 64, 256, 1024, 8192};
    static const int64_t lengths[] = {128, 512, 2048, 16384};
    static const int64_t contexts[] = {128, 1024, 8192, 131072};
    static const int64_t batches[] = {64, 1024, 65536};
    static const int64_t elements[] = {65536, 4194304, 536870912};
    if (tables == NULL) {
        skip();
        return;
    }
    struct page *page = arena_alloc(&arena, 1, sizeof *page);
    page_line(page, "| operation | size | keys | median error, %% | median size of it | p90 |");
    page_line(page, "|---|---|---|---|---|---|");
    roofline_rows(page, PERF_GEMM, 0, tokens, 5);
    roofline_rows(page, PERF_PREFILL, 3, lengths, 4);
    roofline_rows(page, PERF_DECODE, 3, contexts, 4);
    roofline_rows(page, PERF_MOE, 7, batches, 3);
    roofline_rows(page, PERF_ALLREDUCE, 1, elements, 3);
    page_check(page, "scenarios/validation/roofline_a100.md");
}

static void load(void)
{
    const char *data = getenv("HACASIM_DATA");
    char folder[512];
    struct diag diag;
    snprintf(folder, sizeof folder, "%s/gpu_tables", data ? data : "");
    arena_init(&arena, "test", 0);
    diag_init(&diag, &arena);
    struct perf_tables_ask ask = {
        .folder = folder, .hardware = perf_hardware_find("a100-80g"), .dtype = PERF_BF16, .tp = 1};
    FILE *probe =
        data ? fopen(arena_print(&arena, "%s/a100_sxm_gemm_bf16.csv", folder), "rb") : NULL;
    if (probe == NULL) {
        print_message("skipped: no %s/a100_sxm_gemm_bf16.csv (make test DATA=DIR)\n", folder);
        return;
    }
    fclose(probe);
    tables = perf_tables_load(&ask, &arena, &diag);
    if (tables == NULL) diag_print(&diag, stdout);
    assert_non_null(tables);
    print_message("used: %s\n", perf_tables_text(tables, &arena));
    for (uint32_t i = 0; i < tables->warning_count; i++)
        print_message("warning: %s\n", tables->warnings[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gemm),
        cmocka_unit_test(prefill_attention),
        cmocka_unit_test(decode_attention),
        cmocka_unit_test(roofline_by_size),
    };
    load();
    int failed = cmocka_run_group_tests_name("tables error", tests, NULL, NULL);
    arena_free(&arena);
    return failed;
}
