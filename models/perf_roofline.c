/* SPDX-License-Identifier: Apache-2.0
 * The roofline: step time modelled from peaks, shapes and stated efficiencies.
 *
 * A step is a few groups of kernels, one after another.  Each takes the longer of its memory and
 * its compute time, per GPU of the tensor-parallel group:
 *   dense     weights of attention, dense feed-forward and router, read once per step
 *   experts   weights of the distinct experts that the step's tokens reach, and the work of the
 *             fullest group of GPUs under an uneven load (perf_experts.h); shared experts apart
 *   head      the output projection, for sequences that sample a token
 *   attention decode reads the KV of every sequence (or, with a latent, computes on it); a prompt
 *             chunk computes on pairs of tokens; plus the smallest kernel time per layer
 *   element   norms, activation, residuals: memory traffic proportional to tokens
 *   allreduce two per layer when GPUs share it; all-to-all where experts are spread; the hop from
 *             stage to stage
 *   engine    per layer, per sequence and per step (host side and small kernels)
 *   tee       a fixed toll per step and a share of the rest
 * Only decode attention depends on context while sequences decode on, and linearly, so a run of
 * decode steps is one line.
 *
 * Left out: tile and wave quantisation of GEMMs, decode-length skew. */
#include "models/perf.h"

#include "models/perf_kernel.h"

#define ALLREDUCES_PER_LAYER 2.0

static double larger(double a, double b)
{
    return a > b ? a : b;
}

double perf_roofline_experts_ns(const struct perf *perf, int64_t tokens)
{
    const struct perf_model *m = perf->model;
    const struct perf_roofline *r = &perf->roofline;
    if (m->experts == 0) return 0.0;
    double shared_ns = larger(r->shared_memory_ns, (double)tokens * r->shared_token_ns);
    if (perf->ep > 1 || perf->expert_skew > 0.0)
        return shared_ns + perf_experts_at(&r->experts, tokens);
    double touched = perf_kernel_distinct(m->experts, m->active, tokens);
    double computed_ns = (double)tokens * m->active * r->expert_token_ns;
    return shared_ns + larger(touched * r->expert_memory_ns, computed_ns);
}

double perf_roofline_prefill_ns(const struct perf *perf, const struct perf_batch *b)
{
    const struct perf_roofline *r = &perf->roofline;
    return larger((double)b->prefill_pairs * r->pair_ns,
                  (double)b->prefill_context_tok * r->prefill_context_ns);
}

double perf_roofline_decode_ns(const struct perf *perf, const struct perf_batch *b)
{
    const struct perf_roofline *r = &perf->roofline;
    return perf->model->layers *
               (r->attention_ns + (double)b->decode_seqs * r->attention_sequence_ns) +
           (double)b->decode_context_tok * r->context_ns;
}

/* Two all-reduces per layer; where experts are spread, a layer that has them sends each token to
 * its experts and back instead of the second one. */
static double exchange_ns(const struct perf *perf, double tokens)
{
    const struct perf_roofline *r = &perf->roofline;
    double ns = 0.0, layers = perf->model->layers;
    double spread = perf->ep > 1 ? layers - perf->model->dense_layers : 0.0;
    if (perf->tp > 1)
        ns = (ALLREDUCES_PER_LAYER * layers - spread) *
             (r->allreduce_ns + tokens * r->allreduce_token_ns);
    ns += 2.0 * spread * (r->allreduce_ns + tokens * r->alltoall_token_ns);
    return ns + (perf->pp - 1.0) * (r->allreduce_ns + tokens * r->stage_token_ns);
}

double perf_roofline_sum_ns(const struct perf *perf, struct perf_parts *p)
{
    const struct perf_roofline *r = &perf->roofline;
    p->tee_ns = r->tee_step_ns + r->tee_share * (p->linear_ns + p->head_ns + p->attention_ns +
                                                 p->element_ns + p->allreduce_ns);
    return p->linear_ns + p->head_ns + p->attention_ns + p->element_ns + p->allreduce_ns +
           p->engine_ns + p->tee_ns;
}

struct perf_parts perf_roofline_rest(const struct perf *perf, const struct perf_batch *b)
{
    const struct perf_roofline *r = &perf->roofline;
    double tokens = (double)(b->prefill_tok + b->decode_seqs);
    return (struct perf_parts){.element_ns = tokens * r->element_token_ns,
                               .allreduce_ns = exchange_ns(perf, tokens),
                               .engine_ns =
                                   r->engine_ns + (double)(b->decode_seqs + b->prefill_seqs) *
                                                      r->engine_sequence_ns};
}

struct perf_parts perf_roofline_parts(const struct perf *perf, const struct perf_batch *b)
{
    const struct perf_roofline *r = &perf->roofline;
    double tokens = (double)(b->prefill_tok + b->decode_seqs);
    struct perf_parts p = perf_roofline_rest(perf, b);
    p.linear_ns = larger(r->dense_memory_ns, tokens * r->dense_token_ns);
    p.linear_ns += perf_roofline_experts_ns(perf, b->prefill_tok + b->decode_seqs);
    if (b->sampled > 0)
        p.head_ns = larger(r->head_memory_ns, (double)b->sampled * r->head_token_ns);
    p.attention_ns = perf_roofline_decode_ns(perf, b) + perf_roofline_prefill_ns(perf, b);
    perf_roofline_sum_ns(perf, &p);
    return p;
}

/* Decode context enters as an integer slope, so that the line is exact: the step after next is
 * this one plus its growth to the tick. */
static struct perf_line roofline_line(const struct perf *perf, const struct perf_batch *batch)
{
    const struct perf_roofline *r = &perf->roofline;
    struct perf_batch flat = *batch;
    flat.decode_context_tok = 0;
    struct perf_parts p = perf_roofline_parts(perf, &flat);
    double ns = perf_roofline_sum_ns(perf, &p);
    return (struct perf_line){
        .first_ticks =
            perf_ticks(ns) + perf_ticks_times(batch->decode_context_tok, r->context_ticks),
        .growth_ticks = perf_ticks_times(batch->decode_seqs, r->context_ticks),
        .holds = INT64_MAX,
    };
}

const struct perf_source perf_roofline_source = {.name = "roofline", .line = roofline_line};

/* FLOPs of one query token against one token of context, all heads and layers. Prefill with a
 * latent expands it to full heads; decode works on the latent itself. */
static double pair_flops(const struct perf_model *m, int decode)
{
    double per_head = 4.0 * m->head_dim;
    if (m->kv_rank > 0 && decode) per_head = 2.0 * (2.0 * m->kv_rank + m->rope_dim);
    if (m->kv_rank > 0 && !decode) per_head = 2.0 * (m->nope_dim + m->rope_dim + m->value_dim);
    return per_head * m->heads * m->layers;
}

/* GEMM groups: time to read the weights once, and time to use them for one token. */
static void set_linear(struct perf *perf, double ns_per_byte, double ns_per_flop)
{
    const struct perf_model *m = perf->model;
    struct perf_shape s = perf_shape_of(m);
    struct perf_roofline *r = &perf->roofline;
    double tp = perf->tp, bytes = perf->dtype == PERF_FP8 ? 1.0 : 2.0;
    double dense = s.attention + s.dense_ffn + s.router;
    r->dense_memory_ns = dense * bytes / tp * ns_per_byte;
    r->dense_token_ns = 2.0 * dense / tp * ns_per_flop;
    r->expert_memory_ns = s.expert * bytes * perf->ep / tp * ns_per_byte;
    r->expert_token_ns = 2.0 * s.expert * perf->ep / tp * ns_per_flop;
    r->shared_memory_ns = s.expert * m->shared * bytes / tp * ns_per_byte;
    r->shared_token_ns = 2.0 * s.expert * m->shared / tp * ns_per_flop;
    r->head_memory_ns = s.head * bytes / tp * ns_per_byte;
    r->head_token_ns = 2.0 * s.head / tp * ns_per_flop;
}

static void set_attention(struct perf *perf, double ns_per_byte, double ns_per_flop)
{
    const struct perf_hardware *h = perf->hardware;
    const struct perf_model *m = perf->model;
    struct perf_roofline *r = &perf->roofline;
    int32_t kv_parts = perf->tp < m->kv_heads ? perf->tp : m->kv_heads;
    double kv_bytes = perf_shape_of(m).kv_bytes / (m->kv_rank > 0 ? 1 : kv_parts);
    if (perf->kv_dtype == PERF_FP8) kv_bytes /= 2.0;
    r->prefill_context_ns = kv_bytes * ns_per_byte;
    r->context_ns = larger(kv_bytes * ns_per_byte, pair_flops(m, 1) / perf->tp * ns_per_flop);
    r->pair_ns = pair_flops(m, 0) / perf->tp * ns_per_flop;
    r->attention_ns = h->attention_ns;
    r->attention_sequence_ns = h->attention_sequence_ns;
}

/* Per token and layer: two norms with residual (8 vectors of hidden) on every GPU, and the
 * activation (3 of the feed-forward width) divided among them; bf16. */
static double element_bytes(const struct perf *perf)
{
    const struct perf_model *m = perf->model;
    double sparse = m->experts > 0 ? m->layers - m->dense_layers : 0;
    double wide =
        (double)m->dense_layers * m->ffn + sparse * (m->active + m->shared) * (double)m->expert_ffn;
    return 2.0 * (8.0 * m->hidden * m->layers + 3.0 * wide / perf->tp);
}

/* Ring cost: each GPU sends 2 (tp - 1) / tp of the message. */
static double allreduce_token_ns(const struct perf *perf)
{
    if (perf->tp == 1) return 0.0;
    double share = 2.0 * (perf->tp - 1) / perf->tp;
    double bytes = 2.0 * perf->model->hidden * share;
    return bytes * 1e9 / (perf->hardware->link_bytes_per_s * PERF_LINK_RATIO);
}

/* Each of the tp GPUs holds its share of the tokens and sends each to the experts of other groups.
 */
static double alltoall_token_ns(const struct perf *perf)
{
    if (perf->ep == 1) return 0.0;
    double away = (double)(perf->ep - 1) / perf->ep;
    double bytes = 2.0 * perf->model->hidden * perf->model->active * away / perf->tp;
    return bytes * 1e9 / (perf->hardware->link_bytes_per_s * PERF_LINK_RATIO);
}

/* A stage hands each token's hidden state on, its tp GPUs each a share. */
static double stage_token_ns(const struct perf *perf)
{
    if (perf->pp == 1) return 0.0;
    double bytes = 2.0 * perf->model->hidden / perf->tp;
    return bytes * 1e9 / (perf->hardware->link_bytes_per_s * PERF_LINK_RATIO);
}

/* Only where a step cannot be answered in closed form. */
static void set_experts(struct perf *perf)
{
    const struct perf_model *m = perf->model;
    struct perf_roofline *r = &perf->roofline;
    struct perf_routing routing = {m->experts, m->active, perf->ep, perf->expert_skew};
    if (m->experts == 0 || (perf->ep == 1 && perf->expert_skew <= 0.0)) return;
    perf_experts_curve(&routing, r->expert_memory_ns, r->expert_token_ns, &r->experts);
}

void perf_roofline_set(struct perf *perf, int64_t tee_step_ns, double tee_share)
{
    const struct perf_hardware *hardware = perf->hardware;
    struct perf_roofline *r = &perf->roofline;
    double flops = perf->dtype == PERF_FP8 ? hardware->fp8_flops : hardware->bf16_flops;
    double byte_ns = 1e9 / hardware->bandwidth_bytes_per_s;
    set_linear(perf, byte_ns / hardware->weights_ratio, 1e9 / (flops * hardware->compute_ratio));
    set_attention(perf, byte_ns / hardware->kv_ratio,
                  1e9 / (hardware->bf16_flops * hardware->attention_ratio));
    set_experts(perf);
    perf_vision_set(perf);
    r->element_token_ns = element_bytes(perf) * byte_ns / hardware->weights_ratio;
    r->allreduce_ns = hardware->allreduce_ns;
    r->allreduce_token_ns = allreduce_token_ns(perf);
    r->alltoall_token_ns = alltoall_token_ns(perf);
    r->stage_token_ns = stage_token_ns(perf);
    r->engine_ns = hardware->step_ns + hardware->layer_ns * perf->model->layers;
    r->engine_sequence_ns = hardware->sequence_ns;
    r->tee_step_ns = (double)tee_step_ns;
    r->tee_share = tee_share;
    r->context_ticks = perf_ticks(r->context_ns * (1.0 + tee_share));
    perf->source = &perf_roofline_source;
}
