/* SPDX-License-Identifier: Apache-2.0
 * Mixture of experts on the CPU: routes, products grouped by expert, and their sum.
 *
 * The router's logits choose the `active` largest, the lower index among equals; their softmax is
 * the shares.  Tokens are gathered by expert, so that each expert's weights are read once, and each
 * token adds up its experts in the order of its own choice, whoever else is in the batch. */
#include <math.h>
#include <string.h>

#include "gpu/infer_cpu.h"

/* The largest of those not yet taken. */
static int32_t next_expert(const float *logits, int32_t experts, const int32_t *taken,
                           int32_t taken_count)
{
    int32_t best = -1;
    for (int32_t x = 0; x < experts; x++) {
        bool before = false;
        for (int32_t i = 0; i < taken_count; i++)
            before = before || taken[i] == x;
        if (!before && (best < 0 || logits[x] > logits[best])) best = x;
    }
    return best;
}

static void route_row(const struct infer *e, int32_t row)
{
    struct infer_device *d = e->device;
    int32_t experts = e->terms.shape.experts, active = e->terms.shape.active;
    const float *logits = d->router + (int64_t)row * experts;
    int32_t *chosen = d->route_expert + (int64_t)row * active;
    float *share = d->route_share + (int64_t)row * active;
    double sum = 0.0, weight[active];
    for (int32_t i = 0; i < active; i++) {
        chosen[i] = next_expert(logits, experts, chosen, i);
        weight[i] = dmath_exp((double)logits[chosen[i]] - (double)logits[chosen[0]]);
        sum += weight[i];
    }
    for (int32_t i = 0; i < active; i++)
        share[i] = (float)(weight[i] / sum);
}

/* Places of routes: by expert, in an expert by token. */
static void sort_routes(const struct infer *e, int32_t rows)
{
    struct infer_device *d = e->device;
    int32_t experts = e->terms.shape.experts, at = 0;
    int64_t routes = (int64_t)rows * e->terms.shape.active;
    memset(d->route_first, 0, ((size_t)experts + 1) * sizeof *d->route_first);
    for (int64_t r = 0; r < routes; r++)
        d->route_first[d->route_expert[r] + 1]++;
    for (int32_t x = 0; x < experts; x++) { /* for now: where the next route of x goes */
        int32_t count = d->route_first[x + 1];
        d->route_first[x + 1] = at;
        at += count;
    }
    for (int64_t r = 0; r < routes; r++)
        d->route_place[r] = d->route_first[d->route_expert[r] + 1]++;
}

static void gather_row(const struct infer *e, int32_t row)
{
    struct infer_device *d = e->device;
    int32_t hidden = e->terms.shape.hidden, active = e->terms.shape.active;
    for (int64_t r = (int64_t)row * active; r < (int64_t)(row + 1) * active; r++)
        memcpy(d->routed_in + (int64_t)d->route_place[r] * hidden,
               d->normed + (int64_t)row * hidden, (size_t)hidden * sizeof(float));
}

static void scatter_row(const struct infer *e, int32_t row)
{
    struct infer_device *d = e->device;
    int32_t hidden = e->terms.shape.hidden, active = e->terms.shape.active;
    float *out = d->added + (int64_t)row * hidden;
    memset(out, 0, (size_t)hidden * sizeof *out);
    for (int64_t r = (int64_t)row * active; r < (int64_t)(row + 1) * active; r++) {
        const float *in = d->routed_out + (int64_t)d->route_place[r] * hidden;
        float share = d->route_share[r];
        for (int32_t i = 0; i < hidden; i++)
            out[i] += share * in[i];
    }
}

/* One expert's weights as a matrix of the model holds them. */
static const char *expert_weights(const struct infer *e, int32_t index, int32_t expert)
{
    const struct weights_matrix *m = &e->map.matrices[index];
    uint64_t bytes = weights_bytes_of(m) / (uint64_t)e->terms.shape.experts;
    return e->device->weights + m->at + bytes * (uint64_t)expert;
}

static void grouped(const struct infer *e, const struct weights_layer *w)
{
    struct infer_device *d = e->device;
    const struct infer_shape *s = &e->terms.shape;
    for (int32_t x = 0; x < s->experts; x++) {
        int64_t first = d->route_first[x];
        int32_t count = d->route_first[x + 1] - d->route_first[x], width = s->expert_ffn;
        if (count == 0) continue;
        product_run(&d->product, d->routed_in + first * s->hidden, count,
                    expert_weights(e, w->expert_gate_up, x), 2 * width, s->hidden, d->gate_up);
#pragma omp parallel for num_threads(d->threads) schedule(static) if (count > 1)
        for (int64_t r = 0; r < count; r++)
            d->product.kernels->swiglu(d->gate_up + r * 2 * width,
                                       d->gate_up + r * 2 * width + width, width,
                                       d->act + r * width);
        product_run(&d->product, d->act, count, expert_weights(e, w->expert_down, x), s->hidden,
                    width, d->routed_out + first * s->hidden);
    }
}

void infer_cpu_experts(const struct infer *e, const struct weights_layer *w, int32_t rows)
{
    struct infer_device *d = e->device;
    const struct infer_shape *s = &e->terms.shape;
    product_run(&d->product, d->normed, rows, d->weights + e->map.matrices[w->router].at,
                s->experts, s->hidden, d->router);
#pragma omp parallel for num_threads(d->threads) schedule(static)
    for (int32_t row = 0; row < rows; row++)
        route_row(e, row);
    sort_routes(e, rows);
#pragma omp parallel for num_threads(d->threads) schedule(static)
    for (int32_t row = 0; row < rows; row++)
        gather_row(e, row);
    grouped(e, w);
#pragma omp parallel for num_threads(d->threads) schedule(static)
    for (int32_t row = 0; row < rows; row++)
        scatter_row(e, row);
}
