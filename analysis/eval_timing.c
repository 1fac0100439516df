/* SPDX-License-Identifier: Apache-2.0
 * Time of an engine step and of a single kernel: the timing source of the serving model, by itself.
 *
 * Without tables the roofline answers.  Tables are read once and kept while calls name the same
 * ones, so that a CSV of thousands of rows reads its folder once. */
#include <stdio.h>
#include <string.h>

#include "analysis/eval.h"
#include "models/models.h"

enum { MOST_SEQUENCES = 65536 };

/* ---- tables --------------------------------------------------------------------------------- */

static struct {
    struct arena arena;
    const char *folder;
    struct models_timing use;
} kept;

static bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static void warn(const struct perf_tables *tables)
{
    const char *text;
    for (uint32_t i = 0; tables && (text = models_timing_warning(tables, i)) != NULL; i++)
        fprintf(stderr, "warning: %s: %s\n", kept.folder, text);
}

static bool load(struct eval_call *call, const char *folder, struct models_timing *t)
{
    if (folder[0] == '\0') return true;
    bool known = same(kept.folder, folder) && same(kept.use.hardware, t->hardware) &&
                 kept.use.dtype == t->dtype && kept.use.tp == t->tp && kept.use.model == t->model;
    if (!known) {
        arena_free(&kept.arena);
        arena_init(&kept.arena, "timing tables", 0);
        kept.folder = arena_text(&kept.arena, folder, strlen(folder));
        kept.use = *t;
        kept.use.tables = models_timing_tables(kept.folder, t, &kept.arena, call->diag);
        if (!kept.use.tables) kept.folder = NULL;
        warn(kept.use.tables);
    }
    t->tables = kept.use.tables;
    return t->tables != NULL;
}

static bool answer(struct eval_call *call, int64_t ns, enum models_timing_source source)
{
    call->out[0] = eval_exact(ns, 0);
    call->out[1] =
        (struct eval_value){.kind = EVAL_KIND_TEXT, .text = models_timing_source_names[source]};
    return true;
}

/* ---- steps ---------------------------------------------------------------------------------- */

enum {
    STEP_HARDWARE,
    STEP_MODEL,
    STEP_DTYPE,
    STEP_TP,
    STEP_PP,
    STEP_EP,
    STEP_PREFILL,
    STEP_DECODE,
    STEP_IMAGES,
    STEP_KV_DTYPE,
    STEP_EXPERT_LOAD,
    STEP_TABLES
};

static bool whole_tokens(struct eval_call *call, int input, const char *key, int64_t **tokens)
{
    const struct eval_value *in = &call->in[input];
    *tokens = arena_alloc(call->arena, in->count + 1, sizeof **tokens);
    if (in->count > MOST_SEQUENCES)
        return eval_refuse(call, key, "%zu sequences are more than %d", in->count, MOST_SEQUENCES);
    for (size_t i = 0; i < in->count; i++) {
        (*tokens)[i] = (int64_t)in->reals[i];
        if ((double)(*tokens)[i] != in->reals[i])
            return eval_refuse(call, key, "%.17g is not a whole number of tokens", in->reals[i]);
    }
    return true;
}

/* Their tokens stand in the prompts, which count all tokens. */
static bool images_fit(struct eval_call *call, const struct models_timing *t,
                       const struct models_timing_batch *b)
{
    int64_t prompts = 0, images = 0;
    for (size_t i = 0; i < b->prefills; i++)
        prompts += b->prefill[i];
    for (size_t i = 0; i < b->image_count; i++)
        images += b->images[i];
    if (images > 0 && !models_timing_sees(t))
        return eval_refuse(call, "images", "%s takes no images", t->model);
    if (images > prompts)
        return eval_refuse(call, "images", "%lld tokens of images are more than the prompts have",
                           (long long)images);
    return true;
}

static bool read_batch(struct eval_call *call, struct models_timing_batch *b)
{
    const struct eval_value *in = call->in;
    int64_t *prefill, *decode, *images;
    if (!whole_tokens(call, STEP_PREFILL, "prefill", &prefill) ||
        !whole_tokens(call, STEP_DECODE, "decode", &decode) ||
        !whole_tokens(call, STEP_IMAGES, "images", &images))
        return false;
    *b = (struct models_timing_batch){prefill,
                                      decode,
                                      images,
                                      in[STEP_PREFILL].count,
                                      in[STEP_DECODE].count,
                                      in[STEP_IMAGES].count};
    if (b->prefills + b->decodes > 0) return true;
    return eval_refuse(call, "prefill", "a step computes at least one sequence");
}

static bool step_time(struct eval_call *call)
{
    const struct eval_value *in = call->in;
    struct models_timing t = {.hardware = in[STEP_HARDWARE].text,
                              .model = in[STEP_MODEL].text,
                              .dtype = in[STEP_DTYPE].choice,
                              .kv_dtype = in[STEP_KV_DTYPE].choice,
                              .expert_load = in[STEP_EXPERT_LOAD].choice,
                              .tp = (int64_t)in[STEP_TP].amount,
                              .pp = (int64_t)in[STEP_PP].amount,
                              .ep = (int64_t)in[STEP_EP].amount};
    struct models_timing_batch batch;
    int64_t ns;
    const char *key, *why = models_timing_unfit(&t, &key);
    if (why) return eval_refuse(call, key, "%s", why);
    if (!read_batch(call, &batch) || !images_fit(call, &t, &batch)) return false;
    if (!load(call, in[STEP_TABLES].text, &t)) return false;
    enum models_timing_source source = models_timing_step(&t, &batch, call->arena, &ns);
    if (ns < 0)
        return eval_refuse(call, batch.prefills > 0 ? "prefill" : "decode",
                           "the step takes longer than can be told: %s",
                           t.tables && batch.decodes > 0
                               ? "100 s, for a step with decode attention out of tables"
                               : "13 days");
    return answer(call, ns, source);
}

/* ---- kernels -------------------------------------------------------------------------------- */

static const char *const kernels[] = {"gemm", "attn_prefill", "attn_decode", NULL};
enum {
    KERNEL_HARDWARE,
    KERNEL_OP,
    KERNEL_DTYPE,
    KERNEL_M,
    KERNEL_N,
    KERNEL_K,
    KERNEL_BATCH,
    KERNEL_SEQ,
    KERNEL_KV,
    KERNEL_HEADS,
    KERNEL_KV_HEADS,
    KERNEL_TABLES
};

static bool kernel_time(struct eval_call *call)
{
    static const struct {
        int input;
        const char *key;
    } axes[][4] = {
        {{KERNEL_M, "m"}, {KERNEL_N, "n"}, {KERNEL_K, "k"}, {0, NULL}},
        {{KERNEL_KV_HEADS, "kv_heads"},
         {KERNEL_HEADS, "heads"},
         {KERNEL_BATCH, "batch"},
         {KERNEL_SEQ, "seq"}},
        {{KERNEL_KV_HEADS, "kv_heads"},
         {KERNEL_HEADS, "heads"},
         {KERNEL_BATCH, "batch"},
         {KERNEL_KV, "kv"}},
    };
    const struct eval_value *in = call->in;
    int64_t at[8] = {0}, ns;
    int op = in[KERNEL_OP].choice;
    struct models_timing t = {
        .hardware = in[KERNEL_HARDWARE].text, .dtype = in[KERNEL_DTYPE].choice, .tp = 1};
    for (int i = 0; i < 4 && axes[op][i].key; i++) {
        at[i] = (int64_t)in[axes[op][i].input].amount;
        if (at[i] == 0)
            return eval_refuse(call, axes[op][i].key, "missing: %s needs it, at least 1",
                               kernels[op]);
    }
    if (op > 0 && at[0] > 0 && at[1] % at[0] != 0)
        return eval_refuse(call, "kv_heads", "%lld does not divide %lld heads", (long long)at[0],
                           (long long)at[1]);
    if (!load(call, in[KERNEL_TABLES].text, &t)) return false;
    enum models_timing_source source = models_timing_kernel(&t, op, at, &ns);
    if (ns < 0)
        return eval_refuse(call, axes[op][0].key, "%s of this size takes longer than 2^63 ns",
                           kernels[op]);
    return answer(call, ns, source);
}

#define AXIS(name, what)                                                                           \
    {                                                                                              \
        name, EVAL_INTEGER, "0", "0", "1000000000", NULL, what                                     \
    }
#define TIME                                                                                       \
    {                                                                                              \
        {"ns", "time"},                                                                            \
        {                                                                                          \
            "source", "measured, modelled (a table that was not measured), roofline, or "          \
                      "extrapolated (outside the table)"                                           \
        }                                                                                          \
    }

static const struct eval_function functions[] = {
    {"step-time",
     "Time of one engine step: whole prompts, and one token for each decoding sequence",
     step_time,
     {{"hardware", EVAL_NAME, NULL, NULL, NULL, perf_hardware_names, "of the catalog"},
      {"model", EVAL_NAME, NULL, NULL, NULL, perf_model_names, "of the catalog"},
      {"dtype", EVAL_NAME, "bf16", NULL, NULL, perf_dtype_names, "number format of the weights"},
      {"tp", EVAL_INTEGER, "1", "1", "64", NULL, "GPUs that share each layer"},
      {"pp", EVAL_INTEGER, "1", "1", "64", NULL, "stages of a pipeline, each of tp GPUs"},
      {"ep", EVAL_INTEGER, "1", "1", "64", NULL,
       "groups of those GPUs that hold different experts"},
      {"prefill", EVAL_REALS, "[]", "1", "10000000", NULL, "tokens of each prompt"},
      {"decode", EVAL_REALS, "[]", "1", "10000000", NULL,
       "tokens that each decoding sequence attends to, the new one included"},
      {"images", EVAL_REALS, "[]", "1", "1000000", NULL,
       "tokens of each image to be encoded; they stand in the prompts, which count them too"},
      {"kv_dtype", EVAL_NAME, "bf16", NULL, NULL, perf_dtype_names,
       "number format of the KV cache"},
      {"expert_load", EVAL_NAME, "as_measured", NULL, NULL, perf_expert_load_names,
       "how unevenly experts are loaded; as_measured: the most uneven load in the tables, "
       "balanced without any"},
      {"tables", EVAL_PATH, "", NULL, NULL, NULL,
       "file or folder of timing tables; none: roofline"}},
     TIME},
    {"kernel-time",
     "Time of one kernel: a matrix product, or attention with heads of 128 elements",
     kernel_time,
     {{"hardware", EVAL_NAME, NULL, NULL, NULL, perf_hardware_names, "of the catalog"},
      {"op", EVAL_NAME, NULL, NULL, NULL, kernels, "which"},
      {"dtype", EVAL_NAME, "bf16", NULL, NULL, perf_dtype_names, "number format of the weights"},
      AXIS("m", "gemm: tokens"),
      AXIS("n", "gemm: columns of the weight"),
      AXIS("k", "gemm: rows of the weight"),
      AXIS("batch", "attention: sequences"),
      AXIS("seq", "attn_prefill: tokens of each prompt"),
      AXIS("kv", "attn_decode: tokens that each attends to"),
      AXIS("heads", "attention: query heads"),
      AXIS("kv_heads", "attention: KV heads"),
      {"tables", EVAL_PATH, "", NULL, NULL, NULL,
       "file or folder of timing tables; none: roofline"}},
     TIME},
};

const struct eval_table eval_timing_table = {functions, sizeof functions / sizeof functions[0]};
