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
    assert_true(
        evaluate("step-time hardware=a100-80g model=mixtral-8x7b tp=2 decode=[10]", &one, &diag));
    assert_true(evaluate("step-time hardware=a100-80g model=mixtral-8x7b tp=2 ep=2 decode=[10]",
                         &two, &diag));
    /* 32 layers: two all-to-alls of 2 x 8 kB x 1/2 / 2 instead of one all-reduce of 8 kB. */
    int64_t more_ns = (int64_t)(two.out[0].amount - one.out[0].amount);
    assert_in_range(more_ns, 32 * 5500 - 1, 32 * 5500 + 1);
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
        cmocka_unit_test(tables_answer_between_their_rows),
    };
    arena_init(&arena, "test", 0);
    int failed = cmocka_run_group_tests_name("eval timing", tests, NULL, NULL);
    arena_free(&arena);
    return failed;
}
