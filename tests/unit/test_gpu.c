/* SPDX-License-Identifier: Apache-2.0
 * The GPU gives the bits of the CPU, and the CPU backend gives those of the samplers.  Without a
 * device the comparison is skipped, with the reason. */
#include "gpu/gpu.h"
#include "sim/sim.h"
#include "tests/unit/unit.h"

/* 64,000 variates of each kind: some hundreds take the ziggurat's rare ways, tens its tails. */
enum { ENTITIES = 1000, PER_ENTITY = 64, TOTAL = ENTITIES * PER_ENTITY };
#define SIGMA 1.3

static const struct gpu_draws base = {.seed = 0x9e3779b97f4a7c15ULL,
                                      .replication = 3,
                                      .purpose = 17,
                                      .first_entity = 4242,
                                      .entities = ENTITIES,
                                      .per_entity = PER_ENTITY,
                                      .sigma = SIGMA};

static double expected(enum gpu_variate variate, struct rng_stream *s)
{
    switch (variate) {
    case GPU_BITS:
        return dmath_from_bits(rng_u64(s));
    case GPU_UNIFORM:
        return rng_unit(s);
    case GPU_EXPONENTIAL:
        return variate_exponential(s, 1.0);
    case GPU_NORMAL:
        return variate_normal(s);
    case GPU_LOGNORMAL:
        return variate_lognormal(s, 1.0, SIGMA);
    case GPU_EXPONENTIAL_INVERSE:
        return variate_exponential_inverse(s, 1.0);
    case GPU_NORMAL_INVERSE:
        return variate_normal_inverse(s);
    case GPU_LOGNORMAL_INVERSE:
        return variate_lognormal_inverse(s, 1.0, SIGMA);
    }
    fail();
    return 0.0;
}

static void test_cpu_equals_samplers(void **state)
{
    (void)state;
    double *out = malloc(TOTAL * sizeof *out);
    for (int v = GPU_BITS; v <= GPU_LOGNORMAL_INVERSE; v++) {
        struct gpu_draws draws = base;
        draws.variate = (enum gpu_variate)v;
        assert_int_equal(gpu_draw(GPU_CPU, &draws, out), STATUS_OK);
        for (uint32_t e = 0; e < ENTITIES; e++) {
            struct rng_stream s = rng_open(base.seed, 3, 17, 4242 + e);
            for (uint32_t i = 0; i < PER_ENTITY; i++) {
                double want = expected(draws.variate, &s);
                assert_memory_equal(&want, &out[e * PER_ENTITY + i], sizeof want);
            }
        }
    }
    free(out);
}

static void test_cuda_equals_cpu(void **state)
{
    (void)state;
    struct gpu_device device = gpu_probe();
    if (!device.present) {
        printf("skipped: %s\n", device.reason);
        skip();
    }
    printf("device: %s\n", device.name);
    double *cpu = malloc(TOTAL * sizeof *cpu), *cuda = malloc(TOTAL * sizeof *cuda);
    for (int v = GPU_BITS; v <= GPU_LOGNORMAL_INVERSE; v++) {
        struct gpu_draws draws = base;
        draws.variate = (enum gpu_variate)v;
        assert_int_equal(gpu_draw(GPU_CPU, &draws, cpu), STATUS_OK);
        assert_int_equal(gpu_draw(GPU_CUDA, &draws, cuda), STATUS_OK);
        assert_memory_equal(cpu, cuda, TOTAL * sizeof *cpu);
    }
    free(cpu);
    free(cuda);
}

static void test_no_device_says_why(void **state)
{
    (void)state;
    struct gpu_device device = gpu_probe();
    if (device.present) skip();
    assert_true(strlen(device.reason) > 0);
    double out[4];
    struct gpu_draws draws = base;
    draws.entities = 1;
    draws.per_entity = 4;
    assert_int_equal(gpu_draw(GPU_CUDA, &draws, out), STATUS_OPERATING);
    char text[512];
    status_take(text, sizeof text);
    assert_non_null(strstr(text, "CUDA"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cpu_equals_samplers),
        cmocka_unit_test(test_cuda_equals_cpu),
        cmocka_unit_test(test_no_device_says_why),
    };
    return cmocka_run_group_tests_name("gpu", tests, NULL, NULL);
}
