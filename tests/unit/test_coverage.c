/* SPDX-License-Identifier: Apache-2.0
 * Coverage of the 95 % interval over replications: of 1,000 experiments with a known mean, between
 * 93 % and 97 % must contain it (two standard errors of the count are 1.4 %).  An experiment is 20
 * replications, each the mean of 200 exponential draws of mean 1: skewed, but nearly normal, so
 * Student's interval is exact to well below the band.  `make test-long` runs 20,000 and a band of
 * 94.5 % to 95.5 %. */
#include "sim/sim.h"
#include "tests/unit/unit.h"

enum { REPS = 20, DRAWS = 200 };

static double replication(uint32_t experiment, uint32_t rep)
{
    struct rng_stream s = rng_open(2024, rep, 1, experiment);
    struct tally t = {0};
    for (int i = 0; i < DRAWS; i++) {
        tally_add(&t, variate_exponential(&s, 1.0));
    }
    return t.mean;
}

static void test_coverage(void **state)
{
    (void)state;
    const char *mode = getenv("HACASIM_MODE");
    bool long_run = mode && strcmp(mode, "long") == 0;
    uint32_t experiments = long_run ? 20000 : 1000, covered = 0;
    for (uint32_t e = 0; e < experiments; e++) {
        double values[REPS], mean;
        for (uint32_t r = 0; r < REPS; r++) {
            values[r] = replication(e, r);
        }
        double half = interval_half_width(values, REPS, 0.95, &mean);
        covered += mean - half <= 1 && 1 <= mean + half;
    }
    double share = (double)covered / experiments;
    printf("measured: %.2f %% of %u intervals cover\n", share * 100, experiments);
    assert_true(share > (long_run ? 0.945 : 0.93) && share < (long_run ? 0.955 : 0.97));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_coverage)};
    return cmocka_run_group_tests_name("coverage", tests, NULL, NULL);
}
