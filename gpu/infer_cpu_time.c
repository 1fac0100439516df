/* SPDX-License-Identifier: Apache-2.0
 * Single operations of the CPU backend on the clock.
 *
 * A weight of a product is a stretch of the model's weights, another one each time, so that a
 * stretch has left the caches when its turn comes again; keys and values are those of another layer
 * each time, and other blocks.  What the numbers are does not matter to the time. */
#include <string.h>
#include <time.h>

#include "gpu/infer_cpu.h"

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

/* Where a product of this model finds its tokens and puts its results; NULL: there is none such. */
static const float *input_of(const struct infer *e, int32_t k)
{
    const struct infer_shape *s = &e->terms.shape;
    const struct infer_device *d = e->device;
    if (k == s->hidden) return d->x;
    if (k == s->heads * s->head_dim) return d->attended;
    return s->dense_layers > 0 && k == s->ffn ? d->act : NULL;
}

static float *output_of(const struct infer *e, int32_t n)
{
    const struct infer_shape *s = &e->terms.shape;
    const struct infer_device *d = e->device;
    if (n == s->hidden) return d->added;
    if (n == infer_qkv(s)) return d->qkv;
    if (n == s->vocab) return e->logits;
    return s->dense_layers > 0 && n == 2 * s->ffn ? d->gate_up : NULL;
}

static enum status time_gemm(struct infer *e, const struct infer_probe *p, double *ns)
{
    const struct infer_terms *t = &e->terms;
    const float *x = input_of(e, p->k);
    float *y = output_of(e, p->n);
    int32_t most = p->n == t->shape.vocab ? t->seqs_max : t->step_tok_max;
    if (x == NULL || y == NULL || p->m < 1 || p->m > most)
        return status_fail(STATUS_USER, "this engine has no product of %d x %d x %d", (int)p->m,
                           (int)p->n, (int)p->k);
    uint64_t width = t->dtype == INFER_FP32 ? 4 : 2;
    uint64_t bytes = (uint64_t)p->n * (uint64_t)p->k * width, places = e->map.bytes / bytes;
    uint64_t place = places > 0 ? e->probes++ % places : 0;
    const char *weights = e->device->weights + place * bytes;
    double start = now_ns();
    product_run(&e->device->product, x, p->m, weights, p->n, p->k, y);
    *ns = now_ns() - start;
    return STATUS_OK;
}

static enum status time_attention(struct infer *e, const struct infer_probe *p, double *ns)
{
    TRY(infer_plan_probe(e, p), "timing");
    int32_t layer = (int32_t)(e->probes % (uint64_t)e->terms.shape.layers);
    double start = now_ns();
    infer_cpu_attend(e, layer);
    *ns = now_ns() - start;
    return STATUS_OK;
}

/* Tokens as different as drawn embeddings are, so that they spread over the experts. */
static enum status time_experts(struct infer *e, const struct infer_probe *p, double *ns)
{
    const struct infer_shape *s = &e->terms.shape;
    struct infer_device *d = e->device;
    int32_t sparse = s->layers - s->dense_layers;
    if (s->experts == 0 || p->m < 1 || p->m > e->terms.step_tok_max)
        return status_fail(STATUS_USER, "experts of %d tokens do not fit this engine", (int)p->m);
    int32_t layer = s->dense_layers + (int32_t)(e->probes % (uint64_t)sparse);
    for (int32_t r = 0; r < p->m; r++)
        infer_cpu_embed(e, (int32_t)((e->probes + (uint64_t)r) % (uint64_t)s->vocab),
                        d->normed + (int64_t)r * s->hidden);
    e->probes += (uint64_t)p->m;
    double start = now_ns();
    infer_cpu_experts(e, &e->map.layers[layer], p->m);
    *ns = now_ns() - start;
    return STATUS_OK;
}

enum status infer_cpu_time(struct infer *e, const struct infer_probe *p, double *ns)
{
    if (p->op == INFER_GEMM) return time_gemm(e, p, ns);
    if (p->op == INFER_ATTENTION) return time_attention(e, p, ns);
    return time_experts(e, p, ns);
}
