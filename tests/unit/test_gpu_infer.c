/* SPDX-License-Identifier: Apache-2.0
 * The CUDA engine against the CPU's, which test_infer.c holds against double precision, and
 * against itself.  Without a device it is skipped, with the reason. */
#include "tests/unit/unit.h"

#include <math.h>

#include "gpu/gpu.h"

/* Widths as cuBLASLt wants them, fewer heads than a card has units, a context beyond one split. */
static const struct infer_shape dense = {.layers = 3,
                                         .hidden = 256,
                                         .heads = 6,
                                         .kv_heads = 2,
                                         .head_dim = 64,
                                         .vocab = 1024,
                                         .ffn = 512,
                                         .dense_layers = 3,
                                         .rope_theta = 10000.0,
                                         .norm_eps = 1e-5};
static const struct infer_shape sparse = {.layers = 2,
                                          .hidden = 256,
                                          .heads = 4,
                                          .kv_heads = 4,
                                          .head_dim = 128,
                                          .vocab = 512,
                                          .experts = 8,
                                          .active = 2,
                                          .expert_ffn = 256,
                                          .head_norm = true,
                                          .rope_theta = 500000.0,
                                          .norm_eps = 1e-6};

enum { PROMPT = 300, DECODE = 8, SEQS = 3 };

static struct infer_terms terms_of(const struct infer_shape *shape, enum infer_backend backend,
                                   enum infer_order order)
{
    return (struct infer_terms){.shape = *shape,
                                .backend = backend,
                                .dtype = INFER_BF16,
                                .order = order,
                                .seed = 42,
                                .block_tok = 16,
                                .blocks = 128,
                                .seqs_max = SEQS,
                                .step_tok_max = 3 * PROMPT,
                                .context_max = 512};
}

static bool no_device(void)
{
    struct gpu_device device = gpu_probe();
    if (device.present) printf("device: %s\n", device.name);
    if (!device.present) printf("skipped: %s\n", device.reason);
    return !device.present;
}

static struct infer *open_or_fail(const struct infer_terms *terms)
{
    struct infer *engine = NULL;
    if (infer_open(&engine, terms) != STATUS_OK) {
        status_print(stdout);
        fail();
    }
    return engine;
}

static void step_or_fail(struct infer *e, const struct infer_chunk *chunks, int32_t count,
                         struct infer_sampled *sampled)
{
    if (infer_step(e, chunks, count, sampled) == STATUS_OK) return;
    status_print(stdout);
    fail();
}

static void fill(int32_t *tokens, int32_t count, int32_t vocab, int32_t start)
{
    for (int32_t i = 0; i < count; i++)
        tokens[i] = (int32_t)(((int64_t)start + i * 7919LL) * 104729LL % vocab);
}

/* Logits after a prompt in chunks of `chunk`, then after DECODE given tokens. */
static void run(const struct infer_terms *terms, int32_t chunk, float *logits)
{
    struct infer *e = open_or_fail(terms);
    int32_t tokens[PROMPT + DECODE], vocab = terms->shape.vocab, at = 0;
    struct infer_sampled out;
    fill(tokens, PROMPT + DECODE, vocab, 17);
    for (int32_t i = 0; at < PROMPT + DECODE; at += chunk, i++) {
        if (at >= PROMPT) chunk = 1;
        if (at < PROMPT && at + chunk > PROMPT) chunk = PROMPT - at;
        struct infer_chunk c = {
            .count = chunk, .tokens = tokens + at, .sample = at + chunk >= PROMPT};
        step_or_fail(e, &c, 1, &out);
        if (!c.sample) continue;
        const float *row = infer_logits(e, 0);
        assert_non_null(row);
        memcpy(logits + (int64_t)(at + chunk - PROMPT) * vocab, row, sizeof *row * (size_t)vocab);
    }
    infer_close(e);
}

/* Activations are rounded to bf16 (2^-9) some 9 times a layer and once before the head; errors of
 * different elements are independent, so they add up as squares: sqrt(9 x 3 + 1) x 2^-9 = 1 % of a
 * logit's size at most if each rounding mattered fully, and the largest of 10^4 logits lies 4
 * deviations out. */
static void hold_against_cpu(const struct infer_shape *shape, enum infer_order order, int32_t chunk)
{
    size_t count = (size_t)(DECODE + 1) * (size_t)shape->vocab;
    float *cpu = malloc(count * sizeof *cpu), *cuda = malloc(count * sizeof *cuda);
    struct infer_terms a = terms_of(shape, INFER_CPU, INFER_INVARIANT);
    struct infer_terms b = terms_of(shape, INFER_CUDA, order);
    double squares = 0.0, worst = 0.0;
    run(&a, PROMPT, cpu);
    run(&b, chunk, cuda);
    for (size_t i = 0; i < count; i++) {
        squares += (double)cpu[i] * cpu[i];
        worst = fmax(worst, fabs((double)cpu[i] - cuda[i]));
    }
    double off = worst / sqrt(squares / (double)count);
    printf("%d experts, chunks of %d: off by %.3g of the logits' size\n", (int)shape->experts,
           (int)chunk, off);
    assert_true(off < 0.04);
    free(cpu);
    free(cuda);
}

static void test_cuda_near_cpu(void **state)
{
    (void)state;
    if (no_device()) skip();
    hold_against_cpu(&dense, INFER_FAST, PROMPT);
    hold_against_cpu(&dense, INFER_FAST, 113);
    hold_against_cpu(&dense, INFER_INVARIANT, PROMPT);
}

/* A token whose second and third expert are nearly tied may go another way, so experts are only
 * held to their own invariance. */
static void test_cuda_invariant(void **state)
{
    (void)state;
    if (no_device()) skip();
    const struct infer_shape *shapes[] = {&dense, &sparse};
    for (int s = 0; s < 2; s++) {
        size_t count = (size_t)(DECODE + 1) * (size_t)shapes[s]->vocab;
        float *whole = malloc(count * sizeof *whole), *parts = malloc(count * sizeof *parts);
        struct infer_terms terms = terms_of(shapes[s], INFER_CUDA, INFER_INVARIANT);
        run(&terms, PROMPT, whole);
        run(&terms, 61, parts);
        assert_memory_equal(whole, parts, count * sizeof *whole);
        terms.block_tok = 512;
        terms.blocks = SEQS;
        run(&terms, 61, parts);
        assert_memory_equal(whole, parts, count * sizeof *whole);
        free(whole);
        free(parts);
    }
}

/* Three sequences together and each alone: the same tokens, bit for bit the same logits; the second
 * and later steps of a batch go through its graph. */
static void test_cuda_batch_is_batches_of_one(void **state)
{
    (void)state;
    if (no_device()) skip();
    struct infer_terms terms = terms_of(&dense, INFER_CUDA, INFER_INVARIANT);
    int32_t prompts[SEQS][64], lengths[SEQS] = {64, 3, 20}, next[SEQS] = {0};
    float logits[SEQS][DECODE];
    int32_t chosen[SEQS][DECODE];
    struct infer *e = open_or_fail(&terms);
    struct infer_chunk c[SEQS];
    struct infer_sampled out[SEQS];
    for (int32_t s = 0; s < SEQS; s++) {
        fill(prompts[s], lengths[s], dense.vocab, 100 * s);
        c[s] = (struct infer_chunk){.slot = s,
                                    .count = lengths[s],
                                    .tokens = prompts[s],
                                    .sample = true,
                                    .temperature = 0.7f,
                                    .seed = 3,
                                    .stream = (uint32_t)s};
    }
    for (int32_t i = 0; i < DECODE; i++) {
        step_or_fail(e, c, SEQS, out);
        for (int32_t s = 0; s < SEQS; s++) {
            next[s] = chosen[s][i] = out[s].token;
            logits[s][i] = out[s].logit;
            c[s].count = 1;
            c[s].tokens = &next[s];
        }
    }
    for (int32_t s = 0; s < SEQS; s++) {
        infer_release(e, s);
        struct infer_chunk one = c[s];
        one.count = lengths[s];
        one.tokens = prompts[s];
        for (int32_t i = 0; i < DECODE; i++) {
            step_or_fail(e, &one, 1, out);
            assert_int_equal(out[0].token, chosen[s][i]);
            assert_memory_equal(&out[0].logit, &logits[s][i], sizeof(float));
            next[s] = out[0].token;
            one.count = 1;
            one.tokens = &next[s];
        }
    }
    infer_close(e);
}

static void test_no_device_says_why(void **state)
{
    (void)state;
    struct infer_terms terms = terms_of(&dense, INFER_CUDA, INFER_FAST);
    struct infer *e = NULL;
    char text[512];
    if (gpu_probe().present) skip();
    assert_int_equal(infer_open(&e, &terms), STATUS_OPERATING);
    assert_null(e);
    status_take(text, sizeof text);
    assert_non_null(strstr(text, "CUDA"));
    terms.dtype = INFER_FP32;
    assert_int_equal(infer_open(&e, &terms), STATUS_USER);
    status_take(text, sizeof text);
    assert_non_null(strstr(text, "fp32 is computed on the CPU"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cuda_near_cpu),
        cmocka_unit_test(test_cuda_invariant),
        cmocka_unit_test(test_cuda_batch_is_batches_of_one),
        cmocka_unit_test(test_no_device_says_why),
    };
    return cmocka_run_group_tests_name("gpu engine", tests, NULL, NULL);
}
