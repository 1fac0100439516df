/* SPDX-License-Identifier: Apache-2.0
 * The inference engine on the CPU against an independent double-precision transformer
 * (infer_plain.h), and against itself: what must not change a bit does not. */
#include "tests/unit/infer_plain.h"
#include "tests/unit/unit.h"

#include <inttypes.h>
#include <unistd.h>

#include "gpu/infer_cpu.h"

/* Awkward sizes: three query heads a KV head, a vocabulary and a context that no block divides. */
static const struct infer_shape dense = {.layers = 3,
                                         .hidden = 96,
                                         .heads = 6,
                                         .kv_heads = 2,
                                         .head_dim = 32,
                                         .vocab = 203,
                                         .ffn = 208,
                                         .dense_layers = 3,
                                         .rope_theta = 10000.0,
                                         .norm_eps = 1e-5};
static const struct infer_shape sparse = {.layers = 3,
                                          .hidden = 64,
                                          .heads = 4,
                                          .kv_heads = 4,
                                          .head_dim = 16,
                                          .vocab = 131,
                                          .ffn = 112,
                                          .dense_layers = 1,
                                          .experts = 7,
                                          .active = 3,
                                          .expert_ffn = 48,
                                          .head_norm = true,
                                          .tied = true,
                                          .rope_theta = 500000.0,
                                          .norm_eps = 1e-6};

#define PINNED 0xd31f71015ea1d5deULL
enum { PROMPT = 37, SEQS = 5, CONTEXT = 64 };

static char path[64];
static int kernel_set = -1; /* which of product_sets an engine is made to use; -1: its own choice */

static struct infer_terms terms_of(const struct infer_shape *shape, enum infer_dtype dtype,
                                   enum infer_order order)
{
    return (struct infer_terms){.shape = *shape,
                                .dtype = dtype,
                                .order = order,
                                .seed = 42,
                                .block_tok = 5,
                                .blocks = 80,
                                .seqs_max = SEQS,
                                .step_tok_max = 200,
                                .context_max = CONTEXT,
                                .threads = 2};
}

static struct infer *open_or_fail(const struct infer_terms *terms)
{
    struct infer *engine = NULL;
    if (infer_open(&engine, terms) != STATUS_OK) {
        status_print(stdout);
        fail();
    }
    if (kernel_set >= 0) engine->device->product.kernels = &product_sets[kernel_set];
    return engine;
}

static void step_or_fail(struct infer *engine, const struct infer_chunk *chunks, int32_t count,
                         struct infer_sampled *sampled)
{
    if (infer_step(engine, chunks, count, sampled) == STATUS_OK) return;
    status_print(stdout);
    fail();
}

static void fill_prompt(int32_t *tokens, int32_t count, int32_t vocab, uint64_t seed)
{
    for (int32_t i = 0; i < count; i++)
        tokens[i] = (int32_t)((plain_random(&seed) + 1.0) / 2.0 * vocab) % vocab;
}

/* ---- against the plain implementation ------------------------------------------------------- */

/* Largest difference of logits over their root mean square, at every position of a prompt that is
 * computed in chunks of 1, 2, 3, ... tokens. */
static double difference(struct infer *engine, const int32_t *tokens, const double *want)
{
    int32_t vocab = engine->terms.shape.vocab;
    double worst = 0.0, squares = 0.0;
    for (int32_t at = 0, chunk = 1; at < PROMPT; at += chunk++) {
        struct infer_chunk c = {.count = at + chunk > PROMPT ? PROMPT - at : chunk,
                                .tokens = tokens + at,
                                .sample = true};
        struct infer_sampled sampled;
        step_or_fail(engine, &c, 1, &sampled);
        const float *got = infer_logits(engine, 0);
        const double *row = want + (int64_t)(at + c.count - 1) * vocab;
        squares = 0.0;
        for (int32_t i = 0; i < vocab; i++)
            squares += row[i] * row[i];
        for (int32_t i = 0; i < vocab; i++)
            worst = fmax(worst, fabs((double)got[i] - row[i]) / sqrt(squares / vocab));
    }
    return worst;
}

/* Rounding: a layer has some 8 operations on each path to a logit, each a sum of at most
 * hidden / 16 + 4 roundings in a row (13 for a width of 208, counting the product), and norms keep
 * relative errors what they are.  3 layers x 8 x 17 x 2^-24 = 2.4e-5 if every rounding went the
 * same way.  Rounding of keys and values to bf16 is in both, but one that lies within 1e-6 of the
 * middle between two may go either way.  It moves by up to 2^-7, and the first tokens, which attend
 * to little else, by 2^-7 of one element among the heads x head_dim = 64 or, shared by three
 * heads, 192 / 3: 2^-7 / 8 = 1e-3 of the output of attention, which is less than the whole. */
static const double tolerance_fp32 = 2.4e-5, tolerance_bf16 = 1e-3;

static void hold_against_plain(const struct infer_shape *shape, enum infer_dtype dtype,
                               enum infer_order order, double tolerance)
{
    struct plain_model *plain = plain_make(shape, 7 + (uint64_t)dtype);
    struct infer_terms terms = terms_of(shape, dtype, order);
    int32_t tokens[PROMPT];
    double *want = malloc(sizeof(double) * (size_t)(PROMPT * shape->vocab));
    plain->kv_bf16 = dtype == INFER_BF16;
    fill_prompt(tokens, PROMPT, shape->vocab, 99);
    plain_forward(plain, tokens, PROMPT, want);
    plain_write(plain, path, order == INFER_FAST, NULL);
    terms.weights = path;
    struct infer *engine = open_or_fail(&terms);
    double off = difference(engine, tokens, want);
    printf("%d layers, %d experts, %s, %s: off by %.2g of the logits' size, allowed %.2g\n",
           (int)shape->layers, (int)shape->experts, infer_dtype_names[dtype],
           order == INFER_FAST ? "fast" : "invariant", off, tolerance);
    assert_true(off < tolerance);
    infer_close(engine);

    /* The comparison is sharp enough for a frequency that is wrong by little. */
    terms.shape.rope_theta *= dtype == INFER_BF16 ? 1.02 : 1.001;
    engine = open_or_fail(&terms);
    assert_true(difference(engine, tokens, want) > tolerance);
    infer_close(engine);
    plain_free(plain);
    free(want);
    unlink(path);
}

static void test_forward_dense(void **state)
{
    (void)state;
    hold_against_plain(&dense, INFER_FP32, INFER_INVARIANT, tolerance_fp32);
    hold_against_plain(&dense, INFER_FP32, INFER_FAST, tolerance_fp32);
    hold_against_plain(&dense, INFER_BF16, INFER_INVARIANT, tolerance_bf16);
    hold_against_plain(&dense, INFER_BF16, INFER_FAST, tolerance_bf16);
}

static void test_forward_experts(void **state)
{
    (void)state;
    hold_against_plain(&sparse, INFER_FP32, INFER_INVARIANT, tolerance_fp32);
    hold_against_plain(&sparse, INFER_FP32, INFER_FAST, tolerance_fp32);
    hold_against_plain(&sparse, INFER_BF16, INFER_INVARIANT, tolerance_bf16);
}

/* ---- bits that must not change -------------------------------------------------------------- */

struct answer {
    int32_t tokens[CONTEXT];
    uint64_t digests[CONTEXT];
    int32_t count;
};

/* One sequence by itself: the whole prompt, then token by token. */
static struct answer answer_alone(const struct infer_terms *terms, const int32_t *prompt,
                                  int32_t length, int32_t count, float temperature, uint32_t stream)
{
    struct infer *engine = open_or_fail(terms);
    struct answer a = {.count = count};
    struct infer_chunk c = {.count = length,
                            .tokens = prompt,
                            .sample = true,
                            .temperature = temperature,
                            .seed = 5,
                            .stream = stream};
    for (int32_t i = 0; i < count; i++) {
        struct infer_sampled out;
        step_or_fail(engine, &c, 1, &out);
        assert_memory_equal(&out.logit, &infer_logits(engine, 0)[out.token], sizeof out.logit);
        a.tokens[i] = out.token;
        a.digests[i] = out.digest;
        c.count = 1;
        c.tokens = &a.tokens[i];
    }
    infer_close(engine);
    return a;
}

static void assert_same(const struct answer *a, const struct answer *b)
{
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->tokens, b->tokens, (size_t)a->count * sizeof *a->tokens);
    assert_memory_equal(a->digests, b->digests, (size_t)a->count * sizeof *a->digests);
}

enum { ANSWER = 20 };

/* SEQS sequences of unequal prompts that join one after the other, prompts in unequal chunks beside
 * others that decode. */
static void answer_together(const struct infer_terms *terms, int32_t (*prompts)[CONTEXT],
                            const int32_t *lengths, float temperature, struct answer *answers)
{
    struct infer *engine = open_or_fail(terms);
    int32_t fed[SEQS] = {0};
    bool going = true;
    for (int32_t round = 0; going; round++) {
        struct infer_chunk chunks[SEQS];
        struct infer_sampled out[SEQS];
        int32_t who[SEQS], count = 0;
        going = false;
        for (int32_t i = 0; i < SEQS; i++) {
            int32_t s = (i + round) % SEQS; /* places in the batch change */
            struct answer *a = &answers[s];
            if (a->count == ANSWER) continue;
            going = true;
            if (round < 2 * s) continue;
            int32_t left = lengths[s] - fed[s], piece = 3 + (round + s) % 7;
            struct infer_chunk c = {.slot = s, .temperature = temperature, .seed = 5};
            c.stream = (uint32_t)s;
            c.count = left == 0 ? 1 : left < piece ? left : piece;
            c.tokens = left == 0 ? &a->tokens[a->count - 1] : prompts[s] + fed[s];
            c.sample = left == 0 || c.count == left;
            fed[s] += left == 0 ? 0 : c.count;
            who[count] = s;
            chunks[count++] = c;
        }
        if (count == 0) continue;
        step_or_fail(engine, chunks, count, out);
        for (int32_t i = 0; i < count; i++) {
            struct answer *a = &answers[who[i]];
            assert_int_equal(chunks[i].sample, out[i].token >= 0);
            if (!chunks[i].sample) continue;
            a->tokens[a->count] = out[i].token;
            a->digests[a->count++] = out[i].digest;
            if (a->count == ANSWER) infer_release(engine, who[i]);
        }
    }
    assert_int_equal(infer_free_blocks(engine), terms->blocks);
    infer_close(engine);
}

static void hold_invariant(const struct infer_shape *shape, enum infer_dtype dtype,
                           float temperature)
{
    struct infer_terms terms = terms_of(shape, dtype, INFER_INVARIANT);
    int32_t prompts[SEQS][CONTEXT], lengths[SEQS] = {1, 37, 16, 5, 23};
    struct answer together[SEQS] = {0}, alone[SEQS];
    for (int32_t s = 0; s < SEQS; s++)
        fill_prompt(prompts[s], lengths[s], shape->vocab, 1000 + (uint64_t)s);
    answer_together(&terms, prompts, lengths, temperature, together);
    for (int32_t s = 0; s < SEQS; s++) {
        alone[s] = answer_alone(&terms, prompts[s], lengths[s], ANSWER, temperature, (uint32_t)s);
        assert_same(&alone[s], &together[s]);
    }
    assert_memory_not_equal(alone[1].digests, alone[2].digests, sizeof(uint64_t) * ANSWER);

    /* one stretch of memory instead of blocks; other threads; scattered blocks */
    struct infer_terms other = terms;
    other.block_tok = CONTEXT;
    other.blocks = SEQS;
    struct answer again = answer_alone(&other, prompts[1], lengths[1], ANSWER, temperature, 1);
    assert_same(&again, &alone[1]);
    other = terms;
    other.block_tok = 1;
    other.blocks = 5 * CONTEXT;
    other.threads = 3;
    again = answer_alone(&other, prompts[1], lengths[1], ANSWER, temperature, 1);
    assert_same(&again, &alone[1]);
}

static void test_invariant(void **state)
{
    (void)state;
    hold_invariant(&dense, INFER_FP32, 0.0f);
    hold_invariant(&dense, INFER_BF16, 0.8f);
    hold_invariant(&sparse, INFER_FP32, 0.8f);
    hold_invariant(&sparse, INFER_BF16, 0.0f);
}

/* The digest is that of the first machine it was computed on (AVX-512, gcc 12).  Every x86-64 and
 * every compiler must find it again, with the portable inner loops too; it changes only with the
 * arithmetic, and then the digests of all recorded answers do. */
static void test_digest_is_pinned(void **state)
{
    (void)state;
    const struct infer_terms terms = terms_of(&sparse, INFER_BF16, INFER_INVARIANT);
    int32_t prompt[3] = {17, 0, 130};
    for (kernel_set = 0; kernel_set < 2 && kernel_set < product_sets_here(); kernel_set++) {
        struct answer a = answer_alone(&terms, prompt, 3, 4, 0.7f, 0);
        if (a.digests[3] != PINNED)
            printf("%s: %016" PRIx64 "\n", product_sets[kernel_set].name, a.digests[3]);
        assert_true(a.digests[3] == PINNED);
    }
    kernel_set = -1;
}

static void test_fast_has_no_digest(void **state)
{
    (void)state;
    const struct infer_terms terms = terms_of(&dense, INFER_FP32, INFER_FAST);
    int32_t prompt[2] = {3, 4};
    struct answer a = answer_alone(&terms, prompt, 2, 2, 0.0f, 0);
    assert_true(a.digests[0] == 0 && a.digests[1] == 0);
}

static void test_rewind_is_as_if_never(void **state)
{
    (void)state;
    struct infer_terms terms = terms_of(&dense, INFER_BF16, INFER_INVARIANT);
    struct infer *engine = open_or_fail(&terms);
    int32_t prompt[PROMPT], other[9];
    struct infer_sampled once, again, ignored;
    fill_prompt(prompt, PROMPT, dense.vocab, 3);
    fill_prompt(other, 9, dense.vocab, 4);
    struct infer_chunk whole = {.count = PROMPT, .tokens = prompt, .sample = true};
    step_or_fail(engine, &whole, 1, &once);
    infer_rewind(engine, 0, 21);
    struct infer_chunk wrong = {.count = 9, .tokens = other, .sample = true};
    step_or_fail(engine, &wrong, 1, &ignored);
    assert_true(ignored.digest != once.digest);
    infer_rewind(engine, 0, 21);
    assert_int_equal(infer_held_tok(engine, 0), 21);
    struct infer_chunk rest = {.count = PROMPT - 21, .tokens = prompt + 21, .sample = true};
    step_or_fail(engine, &rest, 1, &again);
    assert_memory_equal(&once, &again, sizeof once);
    infer_close(engine);
}

/* ---- sampling ------------------------------------------------------------------------------- */

/* Chi-square of 20,000 draws against the softmax of the same logits: tokens expected less than 10
 * times are taken together.  The bound is mean + 5 deviations of chi-square: 1 in 10^5 or so, and
 * the seed is fixed. */
static void test_sampling_follows_softmax(void **state)
{
    (void)state;
    enum { VOCAB = 50, DRAWS = 20000 };
    float logits[VOCAB];
    double weight[VOCAB], sum = 0.0, rest = 0.0, chi = 0.0;
    int seen[VOCAB] = {0}, classes = 0, rest_seen = 0;
    uint64_t random = 77;
    const struct infer_chunk base = {.temperature = 0.7f, .seed = 11, .stream = 3};
    for (int i = 0; i < VOCAB; i++) {
        logits[i] = (float)(3.0 * plain_random(&random));
        sum += weight[i] = exp(logits[i] / (double)0.7f);
    }
    for (int i = 0; i < DRAWS; i++)
        seen[infer_choose(logits, VOCAB, &base, i)]++;
    for (int i = 0; i < VOCAB; i++) {
        double expected = DRAWS * weight[i] / sum;
        if (expected < 10.0) {
            rest += expected;
            rest_seen += seen[i];
            continue;
        }
        chi += (seen[i] - expected) * (seen[i] - expected) / expected;
        classes++;
    }
    if (rest > 0.0) chi += (rest_seen - rest) * (rest_seen - rest) / rest;
    printf("chi-square %.1f of %d classes\n", chi, classes + 1);
    assert_true(chi < classes + 5.0 * sqrt(2.0 * classes));
}

static void test_greedy_takes_the_first_of_equals(void **state)
{
    (void)state;
    const float logits[] = {-2.0f, 1.5f, 0.0f, 1.5f};
    const struct infer_chunk greedy = {.temperature = 0.0f};
    assert_int_equal(infer_choose(logits, 4, &greedy, 0), 1);
}

/* ---- what is refused ------------------------------------------------------------------------ */

static void assert_refused(enum status status, enum status want, const char *text)
{
    char said[1024];
    status_take(said, sizeof said);
    if (strstr(said, text) == NULL) printf("'%s' is not in '%s'\n", text, said);
    assert_int_equal(status, want);
    assert_non_null(strstr(said, text));
}

static void test_steps_refused_change_nothing(void **state)
{
    (void)state;
    struct infer_terms terms = terms_of(&dense, INFER_FP32, INFER_INVARIANT);
    terms.blocks = 12;
    terms.step_tok_max = 60;
    struct infer *engine = open_or_fail(&terms);
    struct infer_sampled out[SEQS + 1];
    int32_t tokens[CONTEXT + 1] = {0}, bad[2] = {5, 203};
    struct infer_chunk c[SEQS + 1] = {{.slot = 2, .count = 31, .tokens = tokens}};
    step_or_fail(engine, c, 1, out);
    assert_int_equal(infer_free_blocks(engine), 5);
    c[0].count = CONTEXT - 30;
    assert_refused(infer_step(engine, c, 1, out), STATUS_USER, "34 tokens after 31");
    c[0].count = 30;
    c[1] = (struct infer_chunk){.slot = 0, .count = 31, .tokens = tokens};
    assert_refused(infer_step(engine, c, 2, out), STATUS_USER, "a step of 61 tokens");
    c[0].count = 5;
    assert_refused(infer_step(engine, c, 2, out), STATUS_USER, "8 blocks are needed, 5 are free");
    c[1].slot = 2;
    assert_refused(infer_step(engine, c, 2, out), STATUS_USER, "slot 2 is in this step twice");
    c[1].slot = SEQS;
    assert_refused(infer_step(engine, c, 2, out), STATUS_USER, "there is no slot 5");
    c[0] = (struct infer_chunk){.slot = 0, .count = 2, .tokens = bad};
    assert_refused(infer_step(engine, c, 1, out), STATUS_USER, "token 203 is not in the vocab");
    c[0] = (struct infer_chunk){.slot = 0, .count = 1, .tokens = tokens, .temperature = NAN};
    assert_refused(infer_step(engine, c, 1, out), STATUS_USER, "temperature");
    assert_refused(infer_step(engine, c, 0, out), STATUS_USER, "0 sequences");
    assert_int_equal(infer_free_blocks(engine), 5);
    assert_int_equal(infer_held_tok(engine, 2), 31);
    assert_int_equal(infer_held_tok(engine, 0), 0);
    infer_close(engine);
}

static void assert_terms_refused(const struct infer_terms *terms, enum status want,
                                 const char *text)
{
    struct infer *engine = NULL;
    assert_refused(infer_open(&engine, terms), want, text);
    assert_null(engine);
}

static void test_terms_refused(void **state)
{
    (void)state;
    struct infer_terms good = terms_of(&sparse, INFER_FP32, INFER_FAST), t = good;
    t.shape.heads = 5;
    assert_terms_refused(&t, STATUS_USER, "heads must be a multiple of kv_heads");
    t = good;
    t.shape.hidden = 72;
    assert_terms_refused(&t, STATUS_USER, "hidden must be a multiple of 16");
    t = good;
    t.shape.active = 8;
    assert_terms_refused(&t, STATUS_USER, "active experts");
    t = good;
    t.shape.experts = 0;
    assert_terms_refused(&t, STATUS_USER, "every layer is dense");
    t = good;
    t.shape.rope_theta = NAN;
    assert_terms_refused(&t, STATUS_USER, "rope_theta");
    t = good;
    t.dtype = INFER_FP8;
    assert_terms_refused(&t, STATUS_USER, "fp8 weights need a CUDA device");
    t = good;
    t.blocks = 0;
    assert_terms_refused(&t, STATUS_USER, "a block of KV memory");
    t = good; /* 16 TiB and more */
    t.shape.layers = 1000;
    t.shape.vocab = 1 << 22;
    t.shape.hidden = 1 << 20;
    assert_terms_refused(&t, STATUS_OPERATING, "too little memory");
    t = good;
    t.weights = "/nowhere/weights.safetensors";
    assert_terms_refused(&t, STATUS_USER, "cannot open /nowhere/weights.safetensors");
}

/* ---- drawn weights -------------------------------------------------------------------------- */

static void test_drawn_weights_do_not_hang_on_layers(void **state)
{
    (void)state;
    struct infer_terms terms = terms_of(&dense, INFER_FP32, INFER_FAST), half = terms;
    struct weights_map all, few;
    struct arena arena;
    half.shape.layers = half.shape.dense_layers = 2;
    half.dtype = INFER_BF16;
    arena_init(&arena, "test", 0);
    weights_map_init(&all, &terms.shape, terms.dtype, &arena);
    weights_map_init(&few, &half.shape, half.dtype, &arena);
    char *a = malloc(all.bytes), *b = malloc(few.bytes);
    weights_draw(&all, 9, 1, a);
    weights_draw(&few, 9, 2, b);
    const struct weights_matrix *m = &all.matrices[all.layers[1].qkv];
    const struct weights_matrix *n = &few.matrices[few.layers[1].qkv];
    double squares = 0.0;
    for (int64_t i = 0; i < m->rows * m->columns; i++) {
        uint32_t bits = (uint32_t)((const uint16_t *)(b + n->at))[vec_bf16_place(i)] << 16;
        float full, rounded;
        memcpy(&full, a + m->at + i * (int64_t)sizeof full, sizeof full);
        memcpy(&rounded, &bits, sizeof rounded);
        assert_true(rounded == (float)plain_bf16(full));
        squares += (double)full * full;
    }
    /* deviation 1 / sqrt(columns); 5 deviations of the mean square of a uniform */
    double count = (double)(m->rows * m->columns);
    assert_true(fabs(squares / count * m->columns - 1.0) < 5.0 * sqrt(0.8 / count));
    free(a);
    free(b);
    arena_free(&arena);
}

/* A deep model of drawn weights stays of one size. */
static void test_drawn_weights_stay_finite(void **state)
{
    (void)state;
    struct infer_terms terms = terms_of(&sparse, INFER_BF16, INFER_FAST);
    terms.shape.layers = 96;
    struct infer *engine = open_or_fail(&terms);
    int32_t prompt[PROMPT];
    struct infer_sampled out;
    fill_prompt(prompt, PROMPT, sparse.vocab, 8);
    struct infer_chunk c = {.count = PROMPT, .tokens = prompt, .sample = true};
    step_or_fail(engine, &c, 1, &out);
    double squares = 0.0;
    for (int32_t i = 0; i < sparse.vocab; i++)
        squares += (double)infer_logits(engine, 0)[i] * infer_logits(engine, 0)[i];
    double rms = sqrt(squares / sparse.vocab);
    printf("logits of %d drawn layers: root mean square %.3g\n", 96, rms);
    assert_true(rms > 0.1 && rms < 100.0);
    infer_close(engine);
}

int main(void)
{
    snprintf(path, sizeof path, "/tmp/test_infer.%d.safetensors", (int)getpid());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward_dense),
        cmocka_unit_test(test_forward_experts),
        cmocka_unit_test(test_invariant),
        cmocka_unit_test(test_digest_is_pinned),
        cmocka_unit_test(test_fast_has_no_digest),
        cmocka_unit_test(test_rewind_is_as_if_never),
        cmocka_unit_test(test_sampling_follows_softmax),
        cmocka_unit_test(test_greedy_takes_the_first_of_equals),
        cmocka_unit_test(test_steps_refused_change_nothing),
        cmocka_unit_test(test_terms_refused),
        cmocka_unit_test(test_drawn_weights_do_not_hang_on_layers),
        cmocka_unit_test(test_drawn_weights_stay_finite),
    };
    return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
