/* SPDX-License-Identifier: Apache-2.0
 * Looking up hardware and models, what follows from a shape, and memory for the KV cache.
 *
 * The time of a step itself is answered by the source of the `struct perf` (perf_roofline.c). */
#include "models/perf.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "models/perf_catalog.h"
#include "models/perf_log.h"
#include "models/perf_tables.h"

const char *const perf_dtype_names[] = {"bf16", "fp8", NULL};

const char *const perf_expert_load_names[] = {"as_measured", "balanced", "power_law_1.01",
                                              "power_law_1.2", NULL};

double perf_expert_skew(int load)
{
    static const double skews[] = {PERF_SKEW_MEASURED, 0.0, 1.01, 1.2};
    return skews[load];
}

/* They repeat the catalog's because the names of a PARAM_ENUM must be a constant; the unit test
 * holds the two together. */
const char *const perf_hardware_names[PERF_HARDWARE + 1] = {
    "a100-80g",  "h100-sxm", "h200-sxm",   "b200-sxm",   "l40s", "rtx4090",
    "cpu-8core", "a100-40g", "rtxpro6000", "cpu-server", NULL};
const char *const perf_model_names[PERF_MODELS + 1] = {
    "llama3-8b",     "llama3-70b",  "qwen3-32b",     "mixtral-8x7b",
    "qwen3-30b-a3b", "deepseek-v3", "qwen2.5-vl-7b", NULL};

const struct perf_hardware *perf_hardware_find(const char *name)
{
    for (size_t i = 0; i < PERF_HARDWARE; i++)
        if (strcmp(perf_catalog_hardware[i].name, name) == 0) return &perf_catalog_hardware[i];
    return NULL;
}

const struct perf_model *perf_model_find(const char *name)
{
    for (size_t i = 0; i < PERF_MODELS; i++)
        if (strcmp(perf_catalog_models[i].name, name) == 0) return &perf_catalog_models[i];
    return NULL;
}

/* Grouped-query: q and o of heads x head_dim, k and v of kv_heads x head_dim.  Latent attention:
 * low-rank q, one compressed KV vector and its expansion, o. */
static double attention_params(const struct perf_model *m)
{
    double heads = m->heads, hidden = m->hidden;
    if (m->kv_rank == 0) return hidden * m->head_dim * (2.0 * heads + 2.0 * m->kv_heads);
    double query = hidden * m->q_rank + (double)m->q_rank * heads * (m->nope_dim + m->rope_dim);
    double latent = hidden * (m->kv_rank + m->rope_dim) +
                    (double)m->kv_rank * heads * (m->nope_dim + m->value_dim);
    return query + latent + heads * m->value_dim * hidden;
}

struct perf_shape perf_shape_of(const struct perf_model *m)
{
    double layers = m->layers, hidden = m->hidden;
    double sparse = m->experts > 0 ? layers - m->dense_layers : 0.0;
    struct perf_shape s = {
        .attention = layers * attention_params(m),
        .dense_ffn = m->dense_layers * 3.0 * hidden * m->ffn,
        .router = sparse * hidden * m->experts,
        .expert = sparse * 3.0 * hidden * m->expert_ffn,
        .head = hidden * m->vocab,
    };
    double common = s.attention + s.dense_ffn + s.router;
    const struct perf_vision *v = &m->vision;
    s.vision = v->merger_params + v->layers * (4.0 * v->hidden + 3.0 * v->ffn) * v->hidden;
    s.total = common + s.expert * (m->experts + m->shared) + 2.0 * s.head + s.vision;
    s.active = common + s.expert * (m->active + m->shared) + s.head;
    double vectors = m->kv_rank > 0 ? m->kv_rank + m->rope_dim : 2.0 * m->kv_heads * m->head_dim;
    s.kv_bytes = 2.0 * layers * vectors;
    return s;
}

double perf_kv_token_bytes(const struct perf *perf)
{
    return perf_shape_of(perf->model).kv_bytes * (perf->kv_dtype == PERF_FP8 ? 0.5 : 1.0);
}

const char *perf_unfit(const struct perf_hardware *hardware, const struct perf_model *model,
                       int64_t tp)
{
    if (tp < 1) return "at least one GPU is needed";
    if (tp > 1 && hardware->link_bytes_per_s <= 0) return "this hardware cannot be combined";
    if (tp > 64) return "a tensor-parallel group has at most 64 GPUs";
    if (model->heads % tp != 0) return "the attention heads do not divide among that many GPUs";
    return NULL;
}

const char *perf_unfit_stages(const struct perf_hardware *hardware, const struct perf_model *model,
                              int64_t tp, int64_t pp, int64_t ep)
{
    if (pp < 1 || pp > model->layers) return "a pipeline has from one stage to one per layer";
    if (pp > 1 && hardware->link_bytes_per_s <= 0) return "this hardware cannot be combined";
    if (tp * pp > 512) return "a group has at most 512 GPUs";
    if (ep < 1 || tp % ep != 0) return "expert groups must divide the GPUs of a stage";
    if (ep > 1 && model->experts == 0) return "this model has no experts to spread";
    if (ep > 1 && model->experts % ep != 0)
        return "the experts do not divide among that many groups";
    return NULL;
}

struct perf perf_make(const struct perf_terms *t, struct arena *arena)
{
    assert(perf_unfit(t->hardware, t->model, t->tp) == NULL);
    assert(perf_unfit_stages(t->hardware, t->model, t->tp, t->pp, t->ep) == NULL);
    struct perf perf = {.hardware = t->hardware,
                        .model = t->model,
                        .dtype = t->dtype,
                        .tp = t->tp,
                        .pp = t->pp,
                        .ep = t->ep,
                        .kv_dtype = t->kv_dtype,
                        .expert_skew = t->expert_skew,
                        .tables = t->tables,
                        .engine = t->engine};
    perf_roofline_set(&perf, t->tee_step_ns, t->tee_share);
    if (t->tables != NULL && t->tables->profile)
        perf_profile_set(&perf, arena);
    else if (t->tables != NULL)
        perf_measured_set(&perf, arena);
    return perf;
}

struct perf perf_build(const struct perf_hardware *hardware, const struct perf_model *model,
                       enum perf_dtype dtype, int32_t tp, int64_t tee_step_ns, double tee_share)
{
    struct perf_terms terms = {.hardware = hardware,
                               .model = model,
                               .dtype = dtype,
                               .tp = tp,
                               .pp = 1,
                               .ep = 1,
                               .tee_step_ns = tee_step_ns,
                               .tee_share = tee_share};
    return perf_make(&terms, NULL);
}

int64_t perf_ticks(double ns)
{
    const double most_ns = (double)(PERF_TICKS_MOST / PERF_TICKS);
    return ns < most_ns ? (int64_t)(ns * PERF_TICKS + 0.5) : PERF_TICKS_MOST;
}

int64_t perf_ticks_times(int64_t count, int64_t ticks)
{
    int64_t product;
    bool over = __builtin_mul_overflow(count, ticks, &product);
    return over || product > PERF_TICKS_MOST ? PERF_TICKS_MOST : product;
}

static struct perf_line modelled_line(const struct perf *perf, const struct perf_batch *batch)
{
    if (perf->pp == 1) {
        struct perf_line line = perf->source->line(perf, batch);
        if (batch->image_tok > 0) line.first_ticks += perf_ticks(perf_vision_ns(perf, batch));
        return line;
    }
    struct perf_batch part = perf_pipeline_part(perf, batch);
    struct perf_line line = perf->source->line(perf, &part);
    double more_ns = perf_vision_ns(perf, &part) + perf_pipeline_wait_ns(perf, batch, &part);
    line.first_ticks += perf_ticks(more_ns);
    return line;
}

/* At least a nanosecond, so that a boundary is never before its step.  A line ends where its steps
 * get too long to leap over. */
static void bound(struct perf_line *line)
{
    const int64_t most = (int64_t)(PERF_STEP_MOST_NS * PERF_TICKS);
    const int64_t leap = (int64_t)(PERF_LEAP_MOST_NS * PERF_TICKS);
    if (line->first_ticks < PERF_TICKS) line->first_ticks = PERF_TICKS;
    if (line->first_ticks > most) line->first_ticks = most;
    int64_t left = leap - line->first_ticks, holds = INT64_MAX;
    if (left < 0)
        holds = 1;
    else if (line->growth_ticks > 0)
        holds = left / line->growth_ticks + 1;
    if (holds < line->holds) line->holds = holds;
}

struct perf_line perf_step_line(const struct perf *perf, const struct perf_batch *batch)
{
    struct perf_line line = modelled_line(perf, batch);
    bound(&line);
    return perf->log == NULL ? line : perf_log_line(perf, batch, &line);
}

int64_t perf_step_ns(const struct perf *perf, const struct perf_batch *batch)
{
    struct perf_line line = modelled_line(perf, batch);
    bool tables = perf->tables != NULL && batch->decode_seqs > 0;
    int64_t most = tables ? (int64_t)(PERF_LEAP_MOST_NS * PERF_TICKS) : PERF_TICKS_MOST;
    if (line.first_ticks >= most) return -1;
    return (line.first_ticks + PERF_TICKS - 1) / PERF_TICKS;
}

void perf_batch_prefill(struct perf_batch *batch, int64_t before_tok, int64_t chunk_tok,
                        int sampled)
{
    batch->prefill_seqs++;
    batch->prefill_tok += chunk_tok;
    batch->prefill_context_tok += before_tok + chunk_tok;
    batch->prefill_pairs += chunk_tok * before_tok + chunk_tok * (chunk_tok + 1) / 2;
    batch->sampled += sampled;
}

void perf_batch_decode(struct perf_batch *batch, int64_t context_tok)
{
    if (batch->decode_seqs == 0 || context_tok < batch->decode_min_tok)
        batch->decode_min_tok = context_tok;
    if (context_tok > batch->decode_max_tok) batch->decode_max_tok = context_tok;
    batch->decode_seqs++;
    batch->decode_context_tok += context_tok;
    batch->sampled++;
}

void perf_batch_image(struct perf_batch *batch, int64_t tok)
{
    batch->image_tok += tok;
    batch->image_tok_squares += tok * tok;
}

/* Grouped-query KV heads are divided among the GPUs until each has one; a latent is kept whole on
 * every GPU. */
static double kv_share(const struct perf *perf)
{
    const struct perf_model *m = perf->model;
    if (m->kv_rank > 0) return 1.0;
    int32_t parts = perf->tp < m->kv_heads ? perf->tp : m->kv_heads;
    return 1.0 / parts;
}

/* What vLLM finds occupied when it profiles a full batch: runtime and graphs (assumption 0.75 GB;
 * with it the KV cache of one real vLLM 0.19 run, 2,588 blocks on an RTX 4090, is met within 1 %),
 * activations of the widest layer, and float logits of every sequence. */
static double reserve_bytes(const struct perf *perf, int64_t batched_tok, int64_t seqs)
{
    const struct perf_model *m = perf->model;
    double wide = m->ffn > m->expert_ffn * m->active ? m->ffn : m->expert_ffn * m->active;
    double activations = 2.0 * (double)batched_tok * (4.0 * m->hidden + 3.0 * wide / perf->tp);
    double logits = 8.0 * (double)seqs * m->vocab / perf->tp;
    return 0.75e9 + activations + logits;
}

struct perf_memory perf_kv_blocks(const struct perf *perf, double utilization,
                                  int64_t max_batched_tok, int64_t max_seqs, int64_t block_tok)
{
    struct perf_shape shape = perf_shape_of(perf->model);
    double gpus = (double)perf->tp * perf->pp;
    struct perf_memory m = {
        .usable_bytes = perf->hardware->memory_bytes * utilization,
        .weights_bytes = ((shape.total - shape.vision) * (perf->dtype == PERF_FP8 ? 1.0 : 2.0) +
                          shape.vision * 2.0) /
                         gpus,
        .reserve_bytes = reserve_bytes(perf, max_batched_tok, max_seqs),
        .block_bytes = perf_kv_token_bytes(perf) * kv_share(perf) / perf->pp * (double)block_tok,
    };
    double left = m.usable_bytes - m.weights_bytes - m.reserve_bytes;
    m.blocks = left > 0.0 ? (int64_t)(left / m.block_bytes) : 0;
    return m;
}

char *perf_memory_text(char *text, size_t size, const struct perf *perf,
                       const struct perf_memory *memory)
{
    snprintf(text, size,
             "%s in %s on %d x %s: per GPU %.1f GB of weights and %.1f GB of work space in "
             "%.1f GB usable leave %lld KV blocks",
             perf->model->name, perf_dtype_names[perf->dtype], (int)(perf->tp * perf->pp),
             perf->hardware->name, memory->weights_bytes / 1e9, memory->reserve_bytes / 1e9,
             memory->usable_bytes / 1e9, (long long)memory->blocks);
    return text;
}
