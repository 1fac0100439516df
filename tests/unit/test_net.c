/* SPDX-License-Identifier: Apache-2.0
 * Tests of the network: the region table against its source, and the delay formula against its
 * moments. */
#include <math.h>

#include "net/net.h"
#include "tests/unit/unit.h"

#define MS INT64_C(1000000)

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

/* No jitter, no loss, 1 byte per ns: a delay is then exact. */
static struct net_params plain(void)
{
    return (struct net_params){.intra_region = MS / 2, .retransmit = 200 * MS, .bandwidth = 1e9};
}

static struct net open_net(struct net_params params)
{
    struct net net;
    net_init(&net, &params, &arena);
    return net;
}

static void regions_are_found_by_their_exact_names(void **state)
{
    (void)state;
    assert_int_equal(net_region_count(), 13);
    for (uint32_t i = 0; i < net_region_count(); i++) {
        assert_int_equal(net_region_find(net_region_name(i)), i);
        assert_ptr_equal(net_region_names()[i], net_region_name(i));
    }
    assert_null(net_region_names()[13]);
    assert_int_equal(net_region_find("N. Virginia"), UINT32_MAX);
    assert_int_equal(net_region_find("frankfurt"), UINT32_MAX);
    assert_int_equal(net_region_find(""), UINT32_MAX);
    assert_string_equal(diag_nearest("Frankfort", net_region_names(), net_region_count()),
                        "Frankfurt");
}

/* Light in fibre covers 200 km a millisecond; distances are great circles. */
static void delays_are_physical(void **state)
{
    (void)state;
    struct net net = open_net(plain());
    static const struct {
        const char *from, *to;
        double km;
    } pairs[] = {{"London", "Frankfurt", 640},       {"N_Virginia", "Frankfurt", 6500},
                 {"Tokyo", "Seoul", 1160},           {"S_Paulo", "Sydney", 13300},
                 {"N_California", "Oregon", 900},    {"Mumbai", "Singapore", 3900},
                 {"Singapore", "N_Virginia", 15500}, {"Ireland", "London", 460}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        int64_t ns =
            net_base_ns(&net, net_region_find(pairs[i].from), net_region_find(pairs[i].to));
        assert_true((double)ns / 1e6 > pairs[i].km / 200.0);
        assert_true((double)ns / 1e6 < 4.0 * pairs[i].km / 200.0);
    }
}

static void the_table_is_nearly_symmetric(void **state)
{
    (void)state;
    struct net net = open_net(plain());
    int different = 0;
    for (uint32_t i = 0; i < 13; i++) {
        assert_int_equal(net_base_ns(&net, i, i), MS / 2);
        for (uint32_t j = 0; j < i; j++) {
            int64_t skew = net_base_ns(&net, i, j) - net_base_ns(&net, j, i);
            assert_true(llabs(skew) <= 3 * MS);
            different += skew != 0;
        }
    }
    assert_int_equal(different, 5); /* as published, see net/aws13.c */
}

static void the_table_equals_the_published_file(void **state)
{
    (void)state;
    struct net net = open_net(plain());
    const char *data = getenv("HACASIM_DATA");
    char path[4096], line[512];
    snprintf(path, sizeof path, "%s/aws-latencies.csv", data && *data ? data : "../shared/data");
    FILE *file = fopen(path, "r");
    if (!file) {
        printf("skipped: the_table_equals_the_published_file: no %s\n", path);
        skip();
    }
    printf("used: %s\n", path);
    uint32_t cells = 0;
    for (uint32_t row = 0; fgets(line, sizeof line, file); row++) {
        char *rest = line, *name = strtok_r(rest, ",\r\n", &rest), *cell;
        if (row > 0) assert_string_equal(name, net_region_name(row - 1));
        for (uint32_t column = 0; (cell = strtok_r(NULL, ",\r\n", &rest)); column++) {
            if (row == 0) {
                assert_string_equal(cell, net_region_name(column));
            } else if (column != row - 1) {
                assert_int_equal(net_base_ns(&net, row - 1, column), atoi(cell) * MS);
                cells++;
            }
        }
    }
    fclose(file);
    assert_int_equal(cells, 13 * 12);
}

static void a_delay_is_flight_and_transfer(void **state)
{
    (void)state;
    struct net net = open_net(plain());
    struct rng_stream s = rng_open(7, 0, 1, 2);
    assert_int_equal(net_delay_ns(&net, 0, 6, 0, &s), 44 * MS);
    assert_int_equal(net_delay_ns(&net, 0, 6, 2385, &s), 44 * MS + 2385);
    assert_int_equal(net_delay_ns(&net, 3, 3, 10, &s), MS / 2 + 10);
    struct net_params slow = plain();
    slow.bandwidth = 125e6; /* 1 Gbit/s: 8 ns per byte */
    net = open_net(slow);
    assert_int_equal(net_delay_ns(&net, 0, 6, 1000000, &s), 44 * MS + 8 * MS);
}

/* Five per cent of 44 ms, normal: mean and deviation within four standard errors, and the share
 * beyond one, two and three deviations (tables of the normal distribution). */
static void jitter_is_normal(void **state)
{
    (void)state;
    enum { N = 200000 };
    struct net_params params = plain();
    params.jitter = 0.05;
    struct net net = open_net(params);
    struct rng_stream s = rng_open(11, 0, 1, 2);
    double sum = 0.0, square = 0.0, beyond[4] = {0};
    for (int i = 0; i < N; i++) {
        double z = ((double)net_delay_ns(&net, 0, 6, 0, &s) / 44e6 - 1.0) / 0.05;
        sum += z;
        square += z * z;
        for (int k = 1; k <= 3; k++)
            beyond[k] += z > k;
    }
    static const double share[] = {0, 0.1586553, 0.0227501, 0.0013499};
    assert_true(fabs(sum / N) < 4.0 / sqrt(N));
    assert_true(fabs(square / N - 1.0) < 4.0 * sqrt(2.0 / N));
    for (int k = 1; k <= 3; k++)
        assert_true(fabs(beyond[k] / N - share[k]) < 4.0 * sqrt(share[k] / N));
}

static void jitter_never_goes_below_a_tenth(void **state)
{
    (void)state;
    struct net_params params = plain();
    params.jitter = 1.0;
    struct net net = open_net(params);
    struct rng_stream s = rng_open(11, 0, 1, 2);
    int floored = 0;
    for (int i = 0; i < 20000; i++) {
        int64_t ns = net_delay_ns(&net, 0, 6, 0, &s);
        assert_true(ns >= 44 * MS / 10);
        floored += ns == 44 * MS / 10;
    }
    /* N(0,1) < -0.9 in 18.4 % */
    assert_true(fabs(floored / 20000.0 - 0.18406) < 4.0 * sqrt(0.184 * 0.816 / 20000.0));
}

/* Losses before success are geometric: P(k) = (1 - p) p^k. */
static void losses_are_geometric(void **state)
{
    (void)state;
    enum { N = 200000 };
    struct net_params params = plain();
    params.loss = 0.3;
    struct net net = open_net(params);
    struct rng_stream s = rng_open(5, 0, 1, 2);
    double count[6] = {0};
    for (int i = 0; i < N; i++) {
        int64_t extra = net_delay_ns(&net, 0, 6, 0, &s) - 44 * MS;
        assert_int_equal(extra % (200 * MS), 0);
        int64_t k = extra / (200 * MS);
        count[k < 5 ? k : 5]++;
    }
    for (int k = 0; k < 5; k++) {
        double p = 0.7 * pow(0.3, k);
        assert_true(fabs(count[k] / N - p) < 4.0 * sqrt(p * (1.0 - p) / N));
    }
}

/* The stream advances equally under all parameters: the next draw is the same. */
static void parameters_do_not_shift_the_stream(void **state)
{
    (void)state;
    struct net_params lossy = plain();
    lossy.loss = 0.5;
    lossy.jitter = 0.2;
    struct net a = open_net(plain()), b = open_net(lossy);
    struct rng_stream s = rng_open(5, 0, 1, 2), t = s;
    for (int i = 0; i < 100; i++) {
        net_delay_ns(&a, 0, 1, 10, &s);
        net_delay_ns(&b, 4, 8, 10, &t);
    }
    assert_int_equal(rng_u64(&s), rng_u64(&t));
}

static void outages_nest(void **state)
{
    (void)state;
    struct net net = open_net(plain());
    assert_false(net_region_is_down(&net, 6));
    net_region_set_down(&net, 6, true);
    net_region_set_down(&net, 6, true);
    assert_true(net_region_is_down(&net, 6));
    assert_false(net_region_is_down(&net, 5));
    net_region_set_down(&net, 6, false);
    assert_true(net_region_is_down(&net, 6));
    net_region_set_down(&net, 6, false);
    assert_false(net_region_is_down(&net, 6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regions_are_found_by_their_exact_names),
        cmocka_unit_test(delays_are_physical),
        cmocka_unit_test(the_table_is_nearly_symmetric),
        cmocka_unit_test(the_table_equals_the_published_file),
        cmocka_unit_test(a_delay_is_flight_and_transfer),
        cmocka_unit_test(jitter_is_normal),
        cmocka_unit_test(jitter_never_goes_below_a_tenth),
        cmocka_unit_test(losses_are_geometric),
        cmocka_unit_test(parameters_do_not_shift_the_stream),
        cmocka_unit_test(outages_nest),
    };
    return cmocka_run_group_tests_name("net", tests, setup, teardown);
}
