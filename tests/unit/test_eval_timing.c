/* SPDX-License-Identifier: Apache-2.0
 * Tests of `eval step-time` and `eval kernel-time`.
 *
 * Rooflines against tests/oracle/eval.py, which works from published peaks in exact fractions,
 * matrix by matrix.  Kernels agree to the nanosecond.  A step may differ by 1 ns (it is rounded
 * up) and by half a tick for each token of context (whose share of time is a whole number of
 * ticks).  Tables: made-up rows, with the values between and beyond them worked out by hand. */
#include "analysis/eval.h"
#include "tests/unit/unit.h"

static struct arena arena;

/* "function key=value key=value" */
static bool evaluate(const char *command, struct eval_call *call, struct diag *diag)
{
    struct eval_given given[EVAL_INPUTS] = {0};
    char *copy = arena_text(&arena, command, strlen(command)), *rest = NULL;
    const struct eval_function *function = eval_find(strtok_r(copy, " ", &rest));
    assert_non_null(function);
    for (char *word; (word = strtok_r(NULL, " ", &rest)) != NULL;) {
        char *equals = strchr(word, '=');
        long input = eval_input_find(function, word, (size_t)(equals - word));
        assert_true(input >= 0);
        given[input].text = equals + 1;
        given[input].length = strlen(equals + 1);
    }
    diag_init(diag, &arena);
    return eval_evaluate(function, given, call, &arena, diag);
}

static void check(const char *command, int64_t ns, int64_t within, const char *source)
{
    struct eval_call call;
    struct diag diag;
    if (!evaluate(command, &call, &diag)) {
        diag_print(&diag, stderr);
        fail_msg("%s", command);
    }
    int64_t miss = (int64_t)call.out[0].amount - ns;
    if (miss > within || miss < -within)
        fail_msg("%s: %lld ns, expected %lld", command, (long long)call.out[0].amount,
                 (long long)ns);
    assert_string_equal(call.out[1].text, source);
}

static void rooflines_of_kernels(void **state)
{
    (void)state;
#define A "kernel-time hardware=a100-80g "
#define H "kernel-time hardware=h200-sxm "
    check(A "op=gemm m=1 n=8192 k=8192", 92734, 0, "roofline");
    check(A "op=gemm m=100 n=6144 k=4096", 36182, 0, "roofline");
    check(A "op=gemm m=4096 n=28672 k=4096", 3585542, 0, "roofline");
    check(A "op=gemm m=100 n=6144 k=4096 dtype=fp8", 18798, 0, "roofline");
    check(A "op=attn_prefill batch=2 seq=3000 heads=32 kv_heads=8", 856937, 0, "roofline");
    check(A "op=attn_decode batch=64 kv=4096 heads=32 kv_heads=8", 682026, 0, "roofline");
    check(A "op=attn_decode batch=3 kv=500 heads=64 kv_heads=1", 14065, 0, "roofline");
    check(H "op=gemm m=1 n=8192 k=8192", 36801, 0, "roofline");
    check(H "op=gemm m=4096 n=28672 k=4096 dtype=fp8", 656947, 0, "roofline");
    check(H "op=attn_prefill batch=2 seq=3000 heads=32 kv_heads=8", 264189, 0, "roofline");
    check(H "op=attn_decode batch=64 kv=4096 heads=32 kv_heads=8", 279151, 0, "roofline");
}

static void rooflines_of_steps(void **state)
{
    (void)state;
    check("step-time hardware=a100-80g model=llama3-8b decode=[100,2000,3000]", 12384161, 4,
          "roofline");
    check("step-time hardware=h200-sxm model=llama3-8b decode=[100,2000,3000]", 5833122, 4,
          "roofline");
    check("step-time hardware=a100-80g model=llama3-70b tp=4 prefill=[1500] decode=[700]",
          245409619, 2, "roofline");
    check("step-time hardware=h200-sxm model=llama3-70b tp=4 prefill=[1500] decode=[700]",
          101963394, 2, "roofline");
}

/* A second stage adds one hop of a token's 16 kB (an eighth on each GPU), spread experts send a
 * token to two of them and back: both by hand, with the smallest exchange of 5.5 us. */
static void stages_and_expert_groups_pay_for_exchange(void **state)
{
    (void)state;
    struct eval_call one, two;
    struct diag diag;
    assert_true(
        evaluate("step-time hardware=a100-80g model=llama3-70b tp=4 decode=[10]", &one, &diag));
    assert_true(evaluate("step-time hardware=a100-80g model=llama3-70b tp=4 pp=2 decode=[10]", &two,
                         &diag));
    int64_t hop_ns = (int64_t)(two.out[0].amount - one.out[0].amount);
    assert_in_range(hop_ns, 5500 + 20, 5500 + 22); /* 4 kB at 195 GB/s */
    assert_true(evaluate(
        "step-time hardware=a100-80g model=mixtral-8x7b tp=2 expert_load=balanced decode=[10]",
        &one, &diag));
    assert_true(
        evaluate("step-time hardware=a100-80g model=mixtral-8x7b tp=2 ep=2 expert_load=balanced "
                 "decode=[10]",
                 &two, &diag));
    /* 32 layers: two all-to-alls of 2 x 8 kB x 1/2 / 2 instead of one all-reduce of 8 kB.  And the
     * token's two experts of 8 fall into one group with 3/7, so the slowest of two groups reads
     * 10/7 experts of 352 MB at 1,448 GB/s, where all GPUs read half of two before.  Within 4 %:
     * the law takes the median of normal groups. */
    double more_ns = (double)(two.out[0].amount - one.out[0].amount) - 32 * 5500;
    double reads = 1.0 + more_ns / (32 * 2.0 * 3.0 * 4096 * 14336 / (2039.0 * 0.71));
    assert_true(reads > 0.96 * 10.0 / 7.0 && reads < 1.04 * 10.0 / 7.0);
}

static double ns_of(const char *command)
{
    struct eval_call call;
    struct diag diag;
    assert_true(evaluate(command, &call, &diag));
    return (double)call.out[0].amount;
}

/* Qwen2.5-VL-7B: an image of 1,024 tokens has 4,096 patches.  By hand: 32 layers of 4 x 1280^2 +
 * 3 x 1280 x 3420 parameters on each patch, a merger of 5120 x 8704 on each token, attention of 4 x
 * 1280 FLOPs to 4,096 patches in 4 layers and to 64 in 28; at 86 % and 56 % of 312 TFLOP/s, and
 * 32.1 us of engine for each of 32 layers. */
static void images_take_their_encoder(void **state)
{
    (void)state;
#define VL "step-time hardware=a100-80g model=qwen2.5-vl-7b prefill=[1100]"
    double layers = 32.0 * (4.0 * 1280 * 1280 + 3.0 * 1280 * 3420), merger = 5120.0 * 8704;
    double flops = 2.0 * (layers * 4096 + merger * 1024);
    double pairs = 4096.0 * (4.0 * 4096 + 28.0 * 64);
    double ns = flops / (312e3 * 0.86) + pairs * 4.0 * 1280 / (312e3 * 0.56) + 32 * 32100.0;
    double more_ns = ns_of(VL " images=[1024]") - ns_of(VL);
    assert_true(more_ns > ns - 2.0 && more_ns < ns + 2.0);
    double two_ns = ns_of(VL " images=[512,512]") - ns_of(VL);
    assert_true(two_ns < more_ns); /* they do not attend to each other */
    struct eval_call call;
    struct diag diag;
    assert_false(evaluate(VL " images=[2000]", &call, &diag));
    assert_false(evaluate("step-time hardware=a100-80g model=llama3-8b prefill=[9] images=[8]",
                          &call, &diag));
}

/* Half the bytes of KV: 8 x 30,000 tokens of 131,072 B at 81 % of 2,039 GB/s. */
static void a_narrow_cache_reads_half(void **state)
{
    (void)state;
#define LONG                                                                                       \
    "step-time hardware=a100-80g model=llama3-8b "                                                 \
    "decode=[30000,30000,30000,30000,30000,30000,30000,30000]"
    double less_ns = ns_of(LONG) - ns_of(LONG " kv_dtype=fp8");
    double expected_ns = 8 * 30000 * 65536.0 / (2039 * 0.81);
    assert_true(less_ns > 0.9999 * expected_ns && less_ns < 1.0001 * expected_ns);
}

/* Up to 2^63 ns a kernel's time is right, and beyond it is refused, never wrapped around. */
static void times_beyond_63_bits_are_refused(void **state)
{
    (void)state;
    struct eval_call call;
    struct diag diag;
    /* 2e23 FLOP at 86 % of 312e12 */
    double kernel_ns = ns_of(A "op=gemm m=1000000000 n=1000000000 k=100000");
    assert_true(kernel_ns > 0.9999 * 2e32 / 268.32e12 && kernel_ns < 1.0001 * 2e32 / 268.32e12);
    assert_false(evaluate(A "op=gemm m=1000000000 n=1000000000 k=1000000000", &call, &diag));
    /* 32 layers x 32 heads x 128 x 4 FLOP per pair, 5e11 of them, at 56 %; the rest is 1 in 25 */
    double step_ns = ns_of("step-time hardware=a100-80g model=llama3-8b prefill=[1000000]");
    double pairs_ns = 524288.0 * 5e11 * 1e9 / (312e12 * 0.56);
    assert_true(step_ns > pairs_ns && step_ns < 1.05 * pairs_ns);
    assert_false(
        evaluate("step-time hardware=cpu-8core model=llama3-8b prefill=[10000000]", &call, &diag));
}

#define DEEPSEEK "step-time hardware=a100-80g model=deepseek-v3 dtype=fp8 tp=16 decode=[10]"
#define TABLES " tables=tests/data/tables"
static void tables_answer_between_their_rows(void **state)
{
    (void)state;
    /* 28 us at 1, 31 us at 64 tokens; k halfway between 4096 and 14336 */
    check(A "op=gemm m=22 n=4096 k=4096" TABLES, 29000, 0, "modelled");
    check(A "op=gemm m=1 n=4096 k=9216" TABLES, 54500, 0, "modelled");
    check(A "op=attn_decode batch=1 kv=2112 heads=32 kv_heads=8" TABLES, 15500, 0, "modelled");
    /* half the way of square roots between 15 and 210 us */
    check(A "op=attn_prefill batch=1 seq=1088 heads=32 kv_heads=8" TABLES, 84312, 0, "modelled");
    /* 730 us x roofline(8192) / roofline(4096) = 730 x 1332.151 / 682.026 */
    check(A "op=attn_decode batch=64 kv=8192 heads=32 kv_heads=8" TABLES, 1425856, 1,
          "extrapolated");
    /* Nothing of these tables applies: fp8 weights, latent attention. */
    struct eval_call call;
    struct diag diag;
    assert_true(evaluate(DEEPSEEK, &call, &diag));
    check(DEEPSEEK TABLES, (int64_t)call.out[0].amount, 0, "roofline");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rooflines_of_kernels),
        cmocka_unit_test(rooflines_of_steps),
        cmocka_unit_test(stages_and_expert_groups_pay_for_exchange),
        cmocka_unit_test(images_take_their_encoder),
        cmocka_unit_test(a_narrow_cache_reads_half),
        cmocka_unit_test(times_beyond_63_bits_are_refused),
        cmocka_unit_test(tables_answer_between_their_rows),
    };
    arena_init(&arena, "test", 0);
    int failed = cmocka_run_group_tests_name("eval timing", tests, NULL, NULL);
    arena_free(&arena);
    return failed;
}
