/* SPDX-License-Identifier: Apache-2.0
 * Step time: how long one engine step takes on given hardware with a given model.
 *
 * A step computes a batch: one token for each decoding sequence and chunks of prompts.  Its time
 * comes from a `struct perf_source`, a table of functions: the roofline (perf_roofline.c), op
 * tables (perf_measured.c) or a profile of one model (perf_profile.c).  A recording or a live
 * device stands behind it through a log of single steps (perf_log.h).
 *
 * Time is counted in ticks of 1/1024 ns and is an integer function of the batch.  A source answers
 * with a line: the ticks of this step, and by how much each further step grows when the same
 * sequences decode on and nothing else happens.  So the sum over a run of decode steps has an
 * exact closed form, and leaping over them ends at the same nanosecond as taking them one by one.
 *
 * Hardware, model shapes and the figures they rest on are tables in perf_catalog.c. */
#ifndef HACASIM_MODELS_PERF_H
#define HACASIM_MODELS_PERF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "models/perf_experts.h"

struct arena;
struct perf_tables;
struct perf_log;

/* ---- catalog -------------------------------------------------------------------------------- */

/* One accelerator (or one PC).  The ratios say what share of a peak the engine's kernels reach. */
struct perf_hardware {
    const char *name;
    double memory_bytes, bandwidth_bytes_per_s;
    double bf16_flops, fp8_flops; /* dense FLOP/s; fp8 without units of its own: the bf16 figure */
    double power_w;
    double link_bytes_per_s; /* to its peers, one direction; 0: cannot be combined */
    double rental_usd_per_h;
    double weights_ratio, kv_ratio;             /* of memory bandwidth: GEMM weights, decode KV */
    double compute_ratio, attention_ratio;      /* of peak FLOP/s: GEMM, prefill attention */
    double attention_ns, attention_sequence_ns; /* per layer: smallest kernel, per sequence */
    double allreduce_ns;                        /* smallest all-reduce */
    double layer_ns, sequence_ns, step_ns;      /* engine overhead per layer, sequence, step */
    const char *spec_source, *rental_source, *ratio_source;
};

/* An image encoder: layers of attention and a gated feed-forward over patches, of which `merge`
 * make one token of the language model.  `full_layers` attend to the whole image, the others to
 * windows of `window` patches. */
struct perf_vision { /* layers 0: none */
    int32_t layers, hidden, ffn, full_layers, window, merge;
    double merger_params;
};

struct perf_model {
    const char *name;
    int32_t layers, hidden, heads, kv_heads, head_dim, vocab;
    int32_t ffn, dense_layers; /* width of a dense feed-forward, and how many layers have one */
    int32_t experts, active, shared, expert_ffn; /* mixture of experts; 0 experts: none */
    /* multi-head latent attention; kv_rank 0: grouped-query attention */
    int32_t q_rank, kv_rank, rope_dim, nope_dim, value_dim;
    struct perf_vision vision;
    double published_params; /* what the model card says; the test compares */
    const char *source;
};

enum perf_dtype {
    PERF_BF16,
    PERF_FP8
}; /* of weights and GEMMs, or of the KV cache; activations
    * and an image encoder stay bf16 */

/* How unevenly the tokens of a step load the experts (perf_experts.h).  As measured: the most
 * uneven load that a table has; without one, balanced, which models are trained towards. */
enum perf_expert_load { PERF_LOAD_MEASURED, PERF_LOAD_BALANCED, PERF_LOAD_101, PERF_LOAD_120 };
#define PERF_SKEW_MEASURED (-1.0)
double
perf_expert_skew(int load); /* of an enum perf_expert_load: exponent, or PERF_SKEW_MEASURED */
extern const char *const perf_expert_load_names[];

/* Ended with NULL, so that they can serve as names of a PARAM_ENUM and for suggestions; the index
 * is that of the catalog. */
enum { PERF_HARDWARE = 10, PERF_MODELS = 7 };
extern const char *const perf_dtype_names[];
extern const char *const perf_hardware_names[PERF_HARDWARE + 1];
extern const char *const perf_model_names[PERF_MODELS + 1];
const struct perf_hardware *perf_hardware_find(const char *name); /* NULL: unknown */
const struct perf_model *perf_model_find(const char *name);

/* What follows from a model's shape; parameters are counts, untied embeddings. */
struct perf_shape {
    double attention, dense_ffn, router; /* parameters in all layers */
    double expert;                       /* parameters of one expert in all its layers */
    double head;                         /* of the output projection (as many in the embedding) */
    double vision;                       /* of an image encoder */
    double total, active;                /* parameters: stored, used for one token */
    double kv_bytes;                     /* of one token in all layers, bf16 */
};
struct perf_shape perf_shape_of(const struct perf_model *model);
struct perf;
/* Bytes of KV of one token in all layers and on all GPUs, in the format of the cache. */
double perf_kv_token_bytes(const struct perf *perf);

/* ---- step time ------------------------------------------------------------------------------ */

enum { PERF_TICKS = 1024 }; /* per ns */

/* Longest step of a run, ns; a longer one ends by then.  That is far beyond what engines live
 * through: scenarios in which a prompt's chunk takes longer are refused. */
#define PERF_STEP_MOST_NS 2e12
/* Steps below this leap: the ticks of 65536 of them fit 63 bits. */
#define PERF_LEAP_MOST_NS 1e11

/* What one step computes. */
struct perf_batch {
    int64_t decode_seqs;                    /* sequences that compute one token */
    int64_t decode_context_tok;             /* sum of tokens they attend to, the new one included */
    int64_t decode_min_tok, decode_max_tok; /* of one of them; asked for by sources with `spread`,
                                             * else 0: as if all were equal */
    int64_t prefill_seqs;
    int64_t prefill_tok;         /* sum of chunks */
    int64_t prefill_context_tok; /* sum of tokens in KV after the chunk */
    int64_t prefill_pairs;       /* sum of chunk x before + chunk x (chunk + 1) / 2 */
    int64_t sampled;             /* sequences that get a token out of this step */
    int64_t image_tok;           /* tokens of images that are encoded in this step */
    int64_t image_tok_squares;   /* sum over images of their tokens squared */
};

/* Step i (from 0) of a run of equal decode steps takes first + i x growth, for i < holds. */
struct perf_line {
    int64_t first_ticks, growth_ticks, holds;
    bool outside; /* a table was left: these steps are extrapolated */
};

/* Where the time of a step goes, in ns (for explanation, and for tests against kernel tables). */
struct perf_parts {
    double linear_ns, head_ns, attention_ns, element_ns, allreduce_ns, engine_ns, tee_ns;
};

/* Coefficients of the roofline, per GPU of a tensor-parallel group. */
struct perf_roofline {
    double dense_memory_ns, dense_token_ns;   /* all but experts: read once | computed per token */
    double expert_memory_ns, expert_token_ns; /* one expert, all layers, on the GPUs of its group:
                                               * read | computed per token that takes it */
    double shared_memory_ns, shared_token_ns; /* shared experts, on all GPUs */
    double head_memory_ns, head_token_ns;
    double attention_ns, attention_sequence_ns, context_ns; /* decode: per kernel, seq, token */
    double pair_ns, prefill_context_ns;
    double element_token_ns;
    double allreduce_ns, allreduce_token_ns, alltoall_token_ns, stage_token_ns;
    double engine_ns, engine_sequence_ns;
    double vision_memory_ns, vision_token_ns, vision_pair_ns; /* per image token; per token pair */
    double tee_step_ns, tee_share;
    int64_t context_ticks; /* what one more token of decode context adds, toll included */
    struct perf_experts_curve experts;
};

/* What an engine run states about itself, where a profile is to be composed as that engine ran. */
struct perf_engine {
    /* Sizes that a step's tokens are padded to (captured CUDA graphs), ascending; larger steps are
     * not padded. */
    const int64_t *graph_tok;
    uint32_t graphs;
    double link_bytes_per_s, link_latency_ns; /* between its GPUs; 0: the catalog's */
    int32_t replicas; /* attention ranks that share the experts and step together; 0 is 1 */
};

struct perf;

struct perf_source {
    const char *name; /* "roofline", "tables", "profile", "live" or "recorded" */
    bool spread;      /* its times hang on the smallest and the largest context too */
    struct perf_line (*line)(const struct perf *perf, const struct perf_batch *batch);
};

struct perf {
    const struct perf_source *source;
    const struct perf_hardware *hardware;
    const struct perf_model *model;
    enum perf_dtype dtype, kv_dtype;
    int32_t tp; /* GPUs that share each layer */
    int32_t pp; /* pipeline stages, each of tp GPUs */
    int32_t ep; /* groups among which the tp GPUs spread whole experts; each is cut tp / ep ways */
    double expert_skew; /* exponent; 0: balanced; PERF_SKEW_MEASURED */
    struct perf_roofline roofline;
    const struct perf_tables *tables; /* NULL under the roofline */
    const void *data;                 /* of a source other than the roofline */
    struct perf_engine engine;        /* heeded by profiles */
    struct perf_log *log;             /* steps timed one by one (perf_log.h); NULL: they are not */
};

extern const struct perf_source perf_roofline_source;

/* NULL, or why this group cannot run this model (for the scenario's key `gpus`). */
const char *perf_unfit(const struct perf_hardware *hardware, const struct perf_model *model,
                       int64_t tp);
/* The same of stages and expert groups (keys `pipeline` and `expert_groups`). */
const char *perf_unfit_stages(const struct perf_hardware *hardware, const struct perf_model *model,
                              int64_t tp, int64_t pp, int64_t ep);

struct perf_terms {
    const struct perf_hardware *hardware;
    const struct perf_model *model;
    enum perf_dtype dtype, kv_dtype;
    int32_t tp, pp, ep;  /* have passed perf_unfit and perf_unfit_stages */
    double expert_skew;  /* exponent; 0: balanced; PERF_SKEW_MEASURED */
    int64_t tee_step_ns; /* toll of confidential computing, 0 without */
    double tee_share;
    const struct perf_tables *tables; /* NULL: the roofline */
    struct perf_engine engine;
};
/* `arena` keeps what is worked out from tables; unused (may be NULL) without them. */
struct perf perf_make(const struct perf_terms *terms, struct arena *arena);

/* One stage under the roofline. */
struct perf perf_build(const struct perf_hardware *hardware, const struct perf_model *model,
                       enum perf_dtype dtype, int32_t tp, int64_t tee_step_ns, double tee_share);

/* Rounded; 2^60, 13 days, for more (and for what is no number), so that sums of a few fit. */
#define PERF_TICKS_MOST ((int64_t)1 << 60)
int64_t perf_ticks(double ns);
int64_t perf_ticks_times(int64_t count, int64_t ticks); /* their product, at most 2^60 */

/* The time of one step of the engine: what the source answers, and the image encoder.  In a
 * pipeline a step is a round in which every sequence gets its turn (perf_pipeline.c). */
struct perf_line perf_step_line(const struct perf *perf, const struct perf_batch *batch);
/* Rounded up; also of steps that are longer than those of a run.  -1: longer than is worked out,
 * which is 13 days, and 100 s for decode attention out of tables. */
int64_t perf_step_ns(const struct perf *perf, const struct perf_batch *batch);

/* The roofline (perf_roofline.c): coefficients from hardware, model, dtype and tp, and the parts
 * of its answer. */
void perf_roofline_set(struct perf *perf, int64_t tee_step_ns, double tee_share);
struct perf_parts perf_roofline_parts(const struct perf *perf, const struct perf_batch *batch);
/* Those that no table has: elements, exchange, engine; the others 0. */
struct perf_parts perf_roofline_rest(const struct perf *perf, const struct perf_batch *batch);
/* Single parts, for sources that take the others from a table; ns of all layers. */
double perf_roofline_experts_ns(const struct perf *perf, int64_t tokens);
double perf_roofline_prefill_ns(const struct perf *perf, const struct perf_batch *batch);
double perf_roofline_decode_ns(const struct perf *perf, const struct perf_batch *batch);
/* Sum of parts, the toll worked out anew. */
double perf_roofline_sum_ns(const struct perf *perf, struct perf_parts *parts);

/* Tables as a source (perf_measured.c: op tables; perf_profile.c: profiles). */
extern const struct perf_source perf_measured_source, perf_profile_source;
void perf_measured_set(struct perf *perf, struct arena *arena);
void perf_profile_set(struct perf *perf, struct arena *arena);
/* Ticks of a step that perf->engine.replicas ranks take together, each with a batch of its own (or
 * an empty one, which computes one token for show): every layer waits for the slowest, and experts
 * compute for all; within captured graphs all are padded to the largest batch. */
int64_t perf_profile_group_ticks(const struct perf *perf, const struct perf_batch *batches,
                                 uint32_t count, bool *outside);

/* The image encoder, ns (perf_vision.c). */
void perf_vision_set(struct perf *perf);
double perf_vision_ns(const struct perf *perf, const struct perf_batch *batch);

/* Of a batch on its way through pp stages: the largest of the parts into which it is divided, and
 * what the slowest stage holds the others up, in ns (perf_pipeline.c). */
struct perf_batch perf_pipeline_part(const struct perf *perf, const struct perf_batch *batch);
double perf_pipeline_wait_ns(const struct perf *perf, const struct perf_batch *batch,
                             const struct perf_batch *part);

/* The parts of a batch made of given sequences, for callers that have no scheduler (eval). */
void perf_batch_prefill(struct perf_batch *batch, int64_t before_tok, int64_t chunk_tok,
                        int sampled);
void perf_batch_decode(struct perf_batch *batch, int64_t context_tok);
void perf_batch_image(struct perf_batch *batch, int64_t tok); /* its tokens are in a prompt too */

/* ---- memory --------------------------------------------------------------------------------- */

struct perf_memory { /* bytes are per GPU */
    int64_t blocks;  /* 0 or less: the model does not fit */
    double usable_bytes, weights_bytes, reserve_bytes, block_bytes;
};
struct perf_memory perf_kv_blocks(const struct perf *perf, double utilization,
                                  int64_t max_batched_tok, int64_t max_seqs, int64_t block_tok);
/* One line saying what needs how much; returns `text`. */
char *perf_memory_text(char *text, size_t size, const struct perf *perf,
                       const struct perf_memory *memory);

#endif
