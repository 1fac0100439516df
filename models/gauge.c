/* SPDX-License-Identifier: Apache-2.0
 * What an operator of vLLM finds at /metrics, of every node at once.
 *
 * Its gauges (serving_gauge.h) are read in every node at each second of the measured window, so
 * that a quantile is over nodes and time; the series hold the mean over the nodes.  Counters are
 * differences over the window (num_preemptions, iteration_tokens).  The residual of Little's law
 * stands beside them: a run in which it is not 0 has ended with a breach. */
#include <stdlib.h>

#include "models/world.h"

static double kv_share(const struct serving *s)
{
    if (s->blocks_total == 0) return 0;
    return 1 - (double)s->blocks_free / (double)s->blocks_total;
}

void gauge_sample(struct world *w, double row[SERIES_COUNT])
{
    double queued = 0, waiting = 0, running = 0, kv = 0, nodes = 0;
    for (uint32_t i = 0; i < w->node_count; i++) {
        struct serving *s = &w->nodes[i].serving;
        queued += fleet_engine_waiting(&w->nodes[i]);
        if (w->nodes[i].proxy) continue;
        nodes++;
        serving_count(
            s, world_now(w)); /* does what a leap has put off, so that its blocks are right */
        waiting += serving_laws_waiting(s);
        running += serving_laws_running(s);
        kv += kv_share(s);
    }
    row[SERIES_QUEUED] = queued;
    row[SERIES_WAITING] = waiting / nodes;
    row[SERIES_RUNNING] = running / nodes;
    row[SERIES_KV] = kv / nodes;
}

static struct gauge_work gauge_now(struct world *w)
{
    struct gauge_work work = {0};
    for (uint32_t i = 0; i < w->node_count; i++) {
        struct serving_counters c = fleet_engine_count(w, i);
        work.steps += c.steps;
        work.computed_tok += c.prefill_tok + c.decode_tok;
        work.held_tok += c.prefill_tok + c.decode_tok + c.hit_tok + c.ready_tok;
        work.wasted_tok += c.wasted_tok;
        work.preemptions += c.preemptions;
    }
    return work;
}

void gauge_open(struct world *w)
{
    struct metrics *m = &w->metrics;
    w->gauges = (struct serving_gauges){.start_ns = m->start_ns,
                                        .end_ns = m->end_ns,
                                        .waiting = &m->hist[HIST_WAITING],
                                        .running = &m->hist[HIST_RUNNING],
                                        .kv = &m->hist[HIST_KV]};
}

void gauge_attach(struct world *w, uint32_t node)
{
    struct serving *s = &w->nodes[node].serving;
    if (w->design->on_chain) return; /* validators run the model, and no engine */
    s->laws.since_ns = world_now(w);
    s->gauges = &w->gauges;
}

/* What nobody has touched since is read up to now. */
static void gauge_flush(struct world *w)
{
    for (uint32_t i = 0; i < w->node_count; i++)
        if (!w->nodes[i].proxy) serving_laws_pass(&w->nodes[i].serving, world_now(w));
}

void gauge_window(struct world *w, bool closes)
{
    struct gauge_work now = gauge_now(w), *work = &w->work;
    gauge_flush(w);
    if (!closes) {
        *work = now;
        return;
    }
    work->steps = now.steps - work->steps;
    work->computed_tok = now.computed_tok - work->computed_tok;
    work->held_tok = now.held_tok - work->held_tok;
    work->wasted_tok = now.wasted_tok - work->wasted_tok;
    work->preemptions = now.preemptions - work->preemptions;
}

static int64_t gauge_residual_ns(const struct world *w)
{
    int64_t worst = 0;
    for (uint32_t i = 0; i < w->node_count; i++) {
        if (w->nodes[i].proxy) continue;
        int64_t off = llabs(serving_laws_little_ns(&w->nodes[i].serving));
        if (off > worst) worst = off;
    }
    return worst;
}

void gauge_fill(struct world *w, struct models_value *values)
{
    const struct gauge_work *work = &w->work;
    metrics_set_integer(values, METRIC_serving_residual, gauge_residual_ns(w));
    if (w->design->on_chain) return;
    metrics_set_integer(values, METRIC_preemptions, (int64_t)work->preemptions);
    metrics_set_integer(values, METRIC_steps, (int64_t)work->steps);
    if (work->steps == 0) return;
    double computed = (double)work->computed_tok;
    metrics_set_real(values, METRIC_step_tokens, computed / (double)work->steps);
    metrics_set_real(values, METRIC_wasted, (double)work->wasted_tok / (double)work->held_tok);
}

void gauge_snap(struct world *w, struct snap *snap)
{
    SNAP_COVERS(struct gauge_work, 40);
    snap_u64(snap, &w->work.steps);
    snap_u64(snap, &w->work.computed_tok);
    snap_u64(snap, &w->work.held_tok);
    snap_u64(snap, &w->work.wasted_tok);
    snap_u64(snap, &w->work.preemptions);
}
