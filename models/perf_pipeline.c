/* SPDX-License-Identifier: Apache-2.0
 * A pipeline with several batches in flight.
 *
 * With pp stages the running sequences are divided into m = min(pp, sequences) parts that follow
 * one another through the stages, as vLLM keeps pp batches in flight.  A step of the scheduler is
 * one round: each part passes all stages once, and enters again when its tokens are sampled.  A
 * part alone takes the sum of its stage times, its latency.  With m parts in flight a part comes
 * out every slowest-stage time, so a round takes the longer of the latency of a part and m slowest
 * stages:
 *
 *     round = max(sum of stages, m x slowest stage)
 *
 * Full pipelines of equal stages so do pp parts in the time in which one part passes: throughput
 * grows pp-fold in what is computed, while each part still reads all weights.
 *
 * Stages hold ceil(layers / pp) layers at most, and the last one the head too.  What the slowest
 * stage adds is worked out by the roofline without decode context, whose cost is taken as evenly
 * divided; so it is the same in every step of the same sequences, and a round is a line as exact
 * as the source's: a part's context, floor(total x part / sequences), grows by its own number of
 * sequences in each step. */
#include "models/perf.h"

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t parts_of(const struct perf *perf, const struct perf_batch *b)
{
    int64_t seqs = b->decode_seqs + b->prefill_seqs;
    return seqs < 1 ? 1 : lesser(perf->pp, seqs);
}

static int64_t share(int64_t whole, int64_t parts)
{
    return (whole + parts - 1) / parts;
}

struct perf_batch perf_pipeline_part(const struct perf *perf, const struct perf_batch *b)
{
    int64_t m = parts_of(perf, b);
    struct perf_batch part = *b;
    part.decode_seqs = share(b->decode_seqs, m);
    if (b->decode_seqs > 0)
        part.decode_context_tok = b->decode_context_tok * part.decode_seqs / b->decode_seqs;
    part.prefill_seqs = share(b->prefill_seqs, m);
    part.prefill_tok = share(b->prefill_tok, m);
    part.prefill_context_tok = share(b->prefill_context_tok, m);
    part.prefill_pairs = share(b->prefill_pairs, m);
    part.sampled = share(b->sampled, m);
    part.image_tok = share(b->image_tok, m);
    part.image_tok_squares = share(b->image_tok_squares, m);
    return part;
}

double perf_pipeline_wait_ns(const struct perf *perf, const struct perf_batch *b,
                             const struct perf_batch *part)
{
    int64_t m = parts_of(perf, b);
    struct perf_batch flat = *part;
    flat.decode_context_tok = 0;
    struct perf_parts p = perf_roofline_parts(perf, &flat);
    double sum_ns = perf_roofline_sum_ns(perf, &p);
    double layers = perf->model->layers, most = (double)share(perf->model->layers, perf->pp);
    double slowest_ns = (sum_ns - p.head_ns) * most / layers + p.head_ns;
    double round_ns = (double)m * slowest_ns;
    return m > 1 && round_ns > sum_ns ? round_ns - sum_ns : 0.0;
}
