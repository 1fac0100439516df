/* SPDX-License-Identifier: Apache-2.0
 * The CUDA backend of the engine: device memory, the plan's way to the device, the forward pass.
 *
 * A step of one token a sequence is captured once for its number of sequences and its bucket of
 * contexts, and launched as a graph afterwards: what changes from step to step is in the plan,
 * which lies at the same place each time.  Sizes of products are chosen when they first occur. */
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "gpu/infer_cuda.cuh"
#include "sim/dmath.h"

/* ---- errors and memory ---------------------------------------------------------------------- */

static enum status checked(cudaError_t error, const char *what)
{
    if (error == cudaSuccess) return STATUS_OK;
    return status_fail(STATUS_OPERATING, "CUDA: %s: %s", what, cudaGetErrorString(error));
}

template <typename T> static void take(struct infer_device *d, T **to, int64_t count)
{
    void *at = nullptr;
    if (d->error != cudaSuccess) return;
    d->error = cudaMalloc(&at, static_cast<size_t>(count < 1 ? 1 : count) * sizeof(T));
    if (d->error == cudaSuccess) d->owned[d->owned_count++] = at;
    *to = static_cast<T *>(at);
}

template <typename T> static void take_pinned(struct infer_device *d, T **to, int64_t count)
{
    void *at = nullptr;
    if (d->error != cudaSuccess) return;
    d->error = cudaMallocHost(&at, static_cast<size_t>(count < 1 ? 1 : count) * sizeof(T));
    if (d->error == cudaSuccess) d->pinned[d->pinned_count++] = at;
    *to = static_cast<T *>(at);
}

static enum status check_shape(const struct infer_terms *t)
{
    const struct infer_shape *s = &t->shape;
    const char *why = nullptr;
    if (s->head_dim > CUDA_HEAD_MAX) why = "the CUDA backend has heads of up to 256 elements";
    if (s->heads / s->kv_heads > CUDA_GROUP_MAX)
        why = "the CUDA backend has up to 16 query heads for one KV head";
    if (t->dtype == INFER_FP8 && s->experts > 0)
        why = "the CUDA backend has no fp8 experts; bf16 has";
    if (t->dtype == INFER_FP8 && t->weights != nullptr)
        why = "fp8 weights are drawn; a file is computed in bf16";
    return why == nullptr ? STATUS_OK : status_fail(STATUS_USER, "%s", why);
}

static enum status check_device(const struct infer_terms *t)
{
    const double gib = 1024.0 * 1024.0 * 1024.0;
    int count = 0;
    cudaError_t error = cudaGetDeviceCount(&count);
    if (error != cudaSuccess || count == 0)
        return status_fail(STATUS_OPERATING, "no CUDA device: %s",
                           error != cudaSuccess ? cudaGetErrorString(error) : "none visible");
    cudaDeviceProp properties;
    size_t free_bytes = 0, all_bytes = 0;
    TRY(checked(cudaGetDeviceProperties(&properties, 0), "device"), "CUDA backend");
    if (t->dtype == INFER_FP8 && properties.major * 10 + properties.minor < 89)
        return status_fail(STATUS_OPERATING, "%s has no fp8 units", properties.name);
    TRY(checked(cudaMemGetInfo(&free_bytes, &all_bytes), "memory"), "CUDA backend");
    struct infer_memory m = infer_memory_of(t);
    double need = static_cast<double>(m.weights + m.kv + m.work);
    if (need <= static_cast<double>(free_bytes)) return STATUS_OK;
    return status_fail(STATUS_OPERATING,
                       "too little memory on %s: weights %.2f GiB, KV %.2f GiB and work %.2f GiB "
                       "are needed, %.2f GiB are free; hold fewer layers or smaller weights",
                       properties.name, static_cast<double>(m.weights) / gib,
                       static_cast<double>(m.kv) / gib, static_cast<double>(m.work) / gib,
                       static_cast<double>(free_bytes) / gib);
}

/* Products under INFER_INVARIANT write whole pieces, so rows are as many. */
static int64_t padded(int64_t rows)
{
    return (rows + CUDA_PIECE - 1) / CUDA_PIECE * CUDA_PIECE;
}

static void take_activations(struct infer *e)
{
    struct infer_device *d = e->device;
    const struct infer_terms *t = &e->terms;
    const struct infer_shape *s = &t->shape;
    int64_t rows = padded(t->step_tok_max), ffn = s->dense_layers > 0 ? s->ffn : 0;
    int64_t heads = static_cast<int64_t>(s->heads) * s->head_dim;
    d->routes_max =
        s->experts == 0 ? 0 : experts_cuda_routes(t->step_tok_max, s->active, s->experts);
    int64_t gated = std::max(rows * ffn, static_cast<int64_t>(d->routes_max) * s->expert_ffn);
    take(d, &d->x, rows * s->hidden);
    take(d, &d->normed, rows * s->hidden);
    take(d, &d->added, rows * s->hidden);
    take(d, &d->qkv, rows * infer_qkv(s));
    take(d, &d->attended, rows * heads);
    take(d, &d->gate_up, 2 * gated);
    take(d, &d->act, gated);
    if (t->dtype == INFER_FP8)
        take(d, reinterpret_cast<char **>(&d->narrow),
             rows * std::max(ffn, std::max<int64_t>(s->hidden, heads)));
    take(d, &d->last, padded(t->seqs_max) * s->hidden);
    take(d, &d->logits, padded(t->seqs_max) * s->vocab);
    take(d, &d->router, rows * s->experts);
    take(d, &d->routed_in, static_cast<int64_t>(d->routes_max) * s->hidden);
    take(d, &d->routed_out, static_cast<int64_t>(d->routes_max) * s->hidden);
    take(d, &d->route_expert, rows * s->active);
    take(d, &d->route_place, rows * s->active);
    take(d, &d->route_share, rows * s->active);
    take(d, &d->route_first, s->experts + 1);
}

static void take_plan(struct infer *e)
{
    struct infer_device *d = e->device;
    const struct infer_terms *t = &e->terms;
    int64_t rows = t->step_tok_max, seqs = t->seqs_max, table = seqs * e->table_width;
    take(d, &d->rows, rows);
    take(d, &d->tiles, rows);
    take(d, &d->singles, rows);
    take(d, &d->samples, seqs);
    take(d, &d->table, table);
    take(d, &d->chosen, seqs);
    take_pinned(d, &d->rows_staged, rows);
    take_pinned(d, &d->tiles_staged, rows);
    take_pinned(d, &d->singles_staged, rows);
    take_pinned(d, &d->samples_staged, seqs);
    take_pinned(d, &d->table_staged, table);
    take_pinned(d, &d->chosen_staged, seqs);
    take_pinned(d, &e->logits, seqs * t->shape.vocab);
    d->splits_max = (t->context_max + CUDA_SPLIT - 1) / CUDA_SPLIT;
    d->partial_rows = std::max(t->seqs_max, 32); /* prompts row by row go in pieces */
    take(d, &d->partial,
         static_cast<int64_t>(d->partial_rows) * t->shape.heads * d->splits_max *
             (t->shape.head_dim + 2));
}

/* ---- weights -------------------------------------------------------------------------------- */

static enum status upload_file(struct infer *e)
{
    char *host = static_cast<char *>(malloc(e->map.bytes));
    if (host == nullptr) return status_fail(STATUS_OPERATING, "no memory to read the weights into");
    enum status status = weights_read(&e->map, &e->terms.shape, e->terms.weights, false, host);
    if (status == STATUS_OK)
        status = checked(cudaMemcpy(e->device->weights, host, e->map.bytes, cudaMemcpyHostToDevice),
                         "weights");
    free(host);
    return status;
}

static enum status fill_weights(struct infer *e)
{
    struct infer_device *d = e->device;
    if (e->terms.weights != nullptr) return upload_file(e);
    for (int32_t i = 0; i < e->map.count; i++) {
        const struct weights_matrix *m = &e->map.matrices[i];
        float scale = m->amplitude / 448.0f;
        token_cuda_draw(d->stream, m, e->terms.seed, d->weights + m->at);
        TRY(checked(cudaMemcpy(&d->scales[i], &scale, sizeof scale, cudaMemcpyHostToDevice),
                    "scales"),
            "weights");
    }
    return checked(cudaStreamSynchronize(d->stream), "drawing weights");
}

static enum status fill_rope(struct infer *e)
{
    struct infer_device *d = e->device;
    int32_t half = e->terms.shape.head_dim / 2;
    size_t count = static_cast<size_t>(e->terms.context_max) * static_cast<size_t>(half);
    float *host = static_cast<float *>(malloc(2 * count * sizeof(float)));
    if (host == nullptr) return status_fail(STATUS_OPERATING, "no memory for angles");
    for (int32_t i = 0; i < half; i++) {
        double turns = infer_turns(&e->terms.shape, i);
        for (int64_t p = 0; p < e->terms.context_max; p++) {
            host[p * half + i] =
                static_cast<float>(dmath_cos_turns(static_cast<double>(p) * turns));
            host[count + static_cast<size_t>(p * half + i)] =
                static_cast<float>(dmath_sin_turns(static_cast<double>(p) * turns));
        }
    }
    size_t bytes = count * sizeof(float);
    cudaError_t error = cudaMemcpy(d->cosine, host, bytes, cudaMemcpyHostToDevice);
    if (error == cudaSuccess)
        error = cudaMemcpy(d->sine, host + count, bytes, cudaMemcpyHostToDevice);
    free(host);
    return checked(error, "angles");
}

/* ---- open and close ------------------------------------------------------------------------- */

static struct cuda_shape shape_of(const struct infer *e)
{
    const struct infer_shape *s = &e->terms.shape;
    struct cuda_shape c = {};
    c.hidden = s->hidden;
    c.heads = s->heads;
    c.kv_heads = s->kv_heads;
    c.head_dim = s->head_dim;
    c.vocab = s->vocab;
    c.block_tok = e->terms.block_tok;
    c.blocks = e->terms.blocks;
    c.table_width = e->table_width;
    c.experts = s->experts;
    c.active = s->active;
    c.norm_eps = static_cast<float>(s->norm_eps);
    return c;
}

static enum status take_all(struct infer *e)
{
    struct infer_device *d = e->device;
    const struct infer_terms *t = &e->terms;
    int64_t kv = static_cast<int64_t>(t->shape.layers) * t->blocks * infer_block_elements(t);
    size_t graphs = static_cast<size_t>(t->seqs_max + 1) * CUDA_BUCKETS;
    d->shape = shape_of(e);
    take(d, &d->weights, static_cast<int64_t>(e->map.bytes));
    take(d, &d->scales, e->map.count);
    take(d, &d->keys, kv);
    take(d, &d->values, kv);
    take(d, &d->cosine, static_cast<int64_t>(t->context_max) * t->shape.head_dim / 2);
    take(d, &d->sine, static_cast<int64_t>(t->context_max) * t->shape.head_dim / 2);
    take_activations(e);
    take_plan(e);
    d->graphs = static_cast<cudaGraphExec_t *>(calloc(graphs, sizeof(cudaGraphExec_t)));
    if (d->graphs == nullptr) return status_fail(STATUS_OPERATING, "no memory for graphs");
    return checked(d->error, "memory");
}

static enum status cuda_open(struct infer *e)
{
    TRY(check_shape(&e->terms), "CUDA backend");
    TRY(check_device(&e->terms), "CUDA backend");
    e->device = static_cast<struct infer_device *>(calloc(1, sizeof(struct infer_device)));
    if (e->device == nullptr) return status_fail(STATUS_OPERATING, "no memory for a device");
    struct infer_device *d = e->device;
    TRY(checked(cudaStreamCreateWithFlags(&d->stream, cudaStreamNonBlocking), "stream"),
        "CUDA backend");
    TRY(checked(cudaEventCreate(&d->started), "event"), "CUDA backend");
    TRY(checked(cudaEventCreate(&d->ended), "event"), "CUDA backend");
    TRY(product_cuda_open(&d->products, d->stream), "CUDA backend");
    TRY(take_all(e), "CUDA backend");
    TRY(fill_rope(e), "CUDA backend");
    return fill_weights(e);
}

static void cuda_close(struct infer *e)
{
    struct infer_device *d = e->device;
    if (d == nullptr) return;
    if (d->stream != nullptr) cudaStreamSynchronize(d->stream);
    for (int32_t i = 0; d->graphs != nullptr && i < (e->terms.seqs_max + 1) * CUDA_BUCKETS; i++)
        if (d->graphs[i] != nullptr) cudaGraphExecDestroy(d->graphs[i]);
    free(d->graphs);
    product_cuda_close(d->products);
    for (int32_t i = 0; i < d->owned_count; i++)
        cudaFree(d->owned[i]);
    for (int32_t i = 0; i < d->pinned_count; i++)
        cudaFreeHost(d->pinned[i]);
    if (d->started != nullptr) cudaEventDestroy(d->started);
    if (d->ended != nullptr) cudaEventDestroy(d->ended);
    if (d->stream != nullptr) cudaStreamDestroy(d->stream);
    free(d);
}

/* ---- the plan to the device ----------------------------------------------------------------- */

/* Prompts in tiles; single tokens, and under INFER_INVARIANT all, one by one. */
static void stage_attention(struct infer *e)
{
    struct infer_device *d = e->device;
    const struct infer_plan *p = &e->plan;
    d->tile_count = d->single_count = 0;
    for (int32_t row = 0, end; row < p->tokens; row = end) {
        for (end = row + 1; end < p->tokens && p->seq[end] == p->seq[row];)
            end++;
        bool single = end - row == 1 || e->terms.order == INFER_INVARIANT;
        for (int32_t i = row; single && i < end; i++)
            d->singles_staged[d->single_count++] = i;
        for (int32_t i = row; !single && i < end; i += CUDA_TILE)
            d->tiles_staged[d->tile_count++] = {i, std::min<int32_t>(CUDA_TILE, end - i)};
    }
}

static void stage_samples(struct infer *e, const struct infer_chunk *chunks)
{
    struct infer_device *d = e->device;
    const struct infer_plan *p = &e->plan;
    for (int32_t i = 0; i < p->samples; i++) {
        const struct infer_chunk *c = &chunks[p->sample_seq[i]];
        struct cuda_sample *s = &d->samples_staged[i];
        s->row = p->sample_row[i];
        s->position = p->position[s->row] + 1;
        s->stream = c->stream;
        s->temperature = c->temperature;
        s->seed = c->seed;
    }
}

template <typename T>
static enum status copy(struct infer_device *d, T *to, const T *from, int64_t count)
{
    if (count == 0) return STATUS_OK;
    return checked(cudaMemcpyAsync(to, from, static_cast<size_t>(count) * sizeof(T),
                                   cudaMemcpyHostToDevice, d->stream),
                   "plan");
}

static enum status stage(struct infer *e, const struct infer_chunk *chunks)
{
    struct infer_device *d = e->device;
    const struct infer_plan *p = &e->plan;
    int64_t table = static_cast<int64_t>(p->seqs) * e->table_width;
    for (int32_t i = 0; i < p->tokens; i++)
        d->rows_staged[i] = {p->token[i], p->position[i], p->seq[i], p->block[i], p->place[i]};
    memcpy(d->table_staged, p->table, static_cast<size_t>(table) * sizeof(int32_t));
    stage_attention(e);
    stage_samples(e, chunks);
    TRY(copy(d, d->rows, d->rows_staged, p->tokens), "CUDA step");
    TRY(copy(d, d->table, d->table_staged, table), "CUDA step");
    TRY(copy(d, d->tiles, d->tiles_staged, d->tile_count), "CUDA step");
    TRY(copy(d, d->singles, d->singles_staged, d->single_count), "CUDA step");
    return copy(d, d->samples, d->samples_staged, p->samples);
}

/* ---- the pass ------------------------------------------------------------------------------- */

struct pass {
    struct infer *e;
    int32_t splits; /* of the longest context, or of its bucket */
};

static char *matrix(const struct infer *e, int32_t index)
{
    return e->device->weights + e->map.matrices[index].at;
}

/* Under INFER_INVARIANT always the same call, of CUDA_PIECE tokens: what a token gets does not
 * hang on how many there are. */
static enum status multiply(const struct infer *e, const bf16 *x, int32_t m, int32_t index, void *y,
                            bool wide)
{
    struct infer_device *d = e->device;
    const struct weights_matrix *w = &e->map.matrices[index];
    bool fp8 = w->dtype == INFER_FP8;
    int32_t piece = e->terms.order == INFER_INVARIANT ? CUDA_PIECE : m;
    const char *in = reinterpret_cast<const char *>(x);
    int64_t in_bytes = static_cast<int64_t>(w->columns) * (fp8 ? 1 : 2);
    int64_t out_bytes = w->rows * (wide ? 4 : 2);
    if (fp8) {
        token_cuda_narrow(d->stream, x, static_cast<int64_t>(m) * w->columns, d->narrow);
        in = static_cast<const char *>(d->narrow);
    }
    for (int64_t first = 0; first < m; first += piece) {
        struct product_cuda_call call = {};
        call.x = in + first * in_bytes;
        call.weights = matrix(e, index);
        call.y = static_cast<char *>(y) + first * out_bytes;
        call.m = piece;
        call.n = static_cast<int32_t>(w->rows);
        call.k = w->columns;
        call.fp8 = fp8;
        call.wide = wide;
        call.scale = &d->scales[index];
        TRY(product_cuda_run(d->products, &call), "product");
    }
    return STATUS_OK;
}

static struct cuda_attention attention_of(const struct infer *e, int32_t layer)
{
    const struct infer_device *d = e->device;
    const struct weights_layer *w = &e->map.layers[layer];
    int64_t kv = static_cast<int64_t>(layer) * e->terms.blocks * infer_block_elements(&e->terms);
    struct cuda_attention a = {};
    a.shape = d->shape;
    a.rows = d->rows;
    a.table = d->table;
    a.qkv = d->qkv;
    a.keys = d->keys + kv;
    a.values = d->values + kv;
    a.out = d->attended;
    a.cosine = d->cosine;
    a.sine = d->sine;
    a.partial = d->partial;
    if (w->norm_query >= 0) {
        a.norm_query = reinterpret_cast<const float *>(matrix(e, w->norm_query));
        a.norm_key = reinterpret_cast<const float *>(matrix(e, w->norm_key));
    }
    return a;
}

static void attend(const struct pass *pass, int32_t layer)
{
    struct infer_device *d = pass->e->device;
    struct cuda_attention a = attention_of(pass->e, layer);
    attention_cuda_singles(d->stream, &a, d->singles, d->single_count, pass->splits,
                           d->partial_rows);
    attention_cuda_tiles(d->stream, &a, d->tiles, d->tile_count);
}

static void experts(const struct infer *e, const struct weights_layer *w, int32_t rows)
{
    struct infer_device *d = e->device;
    struct cuda_experts x = {};
    x.shape = d->shape;
    x.rows = rows;
    x.width = e->terms.shape.expert_ffn;
    x.normed = d->normed;
    x.router = d->router;
    x.gate_up_weights = reinterpret_cast<const bf16 *>(matrix(e, w->expert_gate_up));
    x.down_weights = reinterpret_cast<const bf16 *>(matrix(e, w->expert_down));
    x.routed_in = d->routed_in;
    x.routed_out = d->routed_out;
    x.gate_up = d->gate_up;
    x.act = d->act;
    x.added = d->added;
    x.route_expert = d->route_expert;
    x.route_place = d->route_place;
    x.route_first = d->route_first;
    x.route_share = d->route_share;
    experts_cuda_run(d->stream, &x);
}

static enum status feed_forward(const struct infer *e, const struct weights_layer *w)
{
    struct infer_device *d = e->device;
    int32_t rows = e->plan.tokens;
    if (w->router >= 0) {
        TRY(multiply(e, d->normed, rows, w->router, d->router, false), "router");
        experts(e, w, rows);
        return STATUS_OK;
    }
    TRY(multiply(e, d->normed, rows, w->gate_up, d->gate_up, false), "gate and up");
    token_cuda_swiglu(d->stream, d->gate_up, rows, e->terms.shape.ffn, d->act);
    return multiply(e, d->act, rows, w->down, d->added, false);
}

/* What the layer before added comes in with the norm; nullptr: there was none. */
static void norm(const struct infer *e, int32_t index, const bf16 *added)
{
    struct infer_device *d = e->device;
    token_cuda_norm(d->stream, d->x, added, reinterpret_cast<const float *>(matrix(e, index)),
                    nullptr, e->plan.tokens, d->shape.hidden, d->shape.norm_eps, d->normed);
}

static enum status layer(const struct pass *pass, int32_t index)
{
    struct infer *e = pass->e;
    struct infer_device *d = e->device;
    const struct weights_layer *w = &e->map.layers[index];
    struct cuda_attention a = attention_of(e, index);
    norm(e, w->norm_attention, index > 0 ? d->added : nullptr);
    TRY(multiply(e, d->normed, e->plan.tokens, w->qkv, d->qkv, false), "layer %d", (int)index);
    attention_cuda_place(d->stream, &a, e->plan.tokens);
    attend(pass, index);
    TRY(multiply(e, d->attended, e->plan.tokens, w->out, d->added, false), "layer %d", (int)index);
    norm(e, w->norm_ffn, d->added);
    TRY(feed_forward(e, w), "layer %d", (int)index);
    return STATUS_OK;
}

static enum status run_pass(const struct pass *pass)
{
    struct infer *e = pass->e;
    struct infer_device *d = e->device;
    const struct infer_plan *p = &e->plan;
    token_cuda_embed(d->stream, d->rows, p->tokens,
                     reinterpret_cast<const bf16 *>(matrix(e, e->map.embed)), d->shape.hidden,
                     d->x);
    for (int32_t i = 0; i < e->terms.shape.layers; i++)
        TRY(layer(pass, i), "CUDA step");
    if (p->samples > 0) {
        const float *weights = reinterpret_cast<const float *>(matrix(e, e->map.norm_last));
        token_cuda_norm(d->stream, d->x, d->added, weights, d->samples, p->samples, d->shape.hidden,
                        d->shape.norm_eps, d->last);
        TRY(multiply(e, d->last, p->samples, e->map.head, d->logits, true), "head");
        sample_cuda_choose(d->stream, d->logits, d->shape.vocab, d->samples, p->samples, d->chosen);
    }
    return checked(cudaGetLastError(), "launch");
}

/* ---- a step --------------------------------------------------------------------------------- */

/* A graph for one number of sequences that all decode, and contexts up to 2^bucket splits. */
static enum status run_graph(struct infer *e, int32_t bucket)
{
    struct infer_device *d = e->device;
    struct pass pass = {e, std::min<int32_t>(1 << bucket, d->splits_max)};
    cudaGraphExec_t *exec = &d->graphs[e->plan.seqs * CUDA_BUCKETS + bucket];
    if (*exec == nullptr) {
        cudaGraph_t graph = nullptr;
        TRY(run_pass(&pass), "CUDA step"); /* chooses products, which a capture must not */
        TRY(checked(cudaStreamBeginCapture(d->stream, cudaStreamCaptureModeThreadLocal), "capture"),
            "CUDA step");
        enum status status = run_pass(&pass);
        cudaError_t ended = cudaStreamEndCapture(d->stream, &graph);
        if (status != STATUS_OK) return status;
        TRY(checked(ended, "capture"), "CUDA step");
        cudaError_t made = cudaGraphInstantiate(exec, graph, 0);
        cudaGraphDestroy(graph);
        return checked(made, "graph"); /* the step itself has been run */
    }
    return checked(cudaGraphLaunch(*exec, d->stream), "graph");
}

static int32_t splits_of(int32_t context)
{
    return (context + CUDA_SPLIT - 1) / CUDA_SPLIT;
}

static enum status run(struct infer *e)
{
    const struct infer_plan *p = &e->plan;
    int32_t splits = splits_of(p->longest), bucket = 0;
    while (1 << bucket < splits)
        bucket++;
    if (p->tokens == p->seqs && p->samples == p->seqs && bucket < CUDA_BUCKETS)
        return run_graph(e, bucket);
    struct pass pass = {e, splits};
    return run_pass(&pass);
}

static enum status cuda_step(struct infer *e, const struct infer_chunk *chunks,
                             struct infer_sampled *sampled)
{
    struct infer_device *d = e->device;
    const struct infer_plan *p = &e->plan;
    size_t samples = static_cast<size_t>(p->samples);
    TRY(stage(e, chunks), "CUDA step");
    TRY(run(e), "CUDA step");
    if (samples > 0)
        TRY(checked(cudaMemcpyAsync(d->chosen_staged, d->chosen, samples * sizeof *d->chosen,
                                    cudaMemcpyDeviceToHost, d->stream),
                    "tokens"),
            "CUDA step");
    TRY(checked(cudaStreamSynchronize(d->stream), "step"), "CUDA step");
    for (int32_t i = 0; i < p->samples; i++) {
        struct infer_sampled *s = &sampled[p->sample_seq[i]];
        s->token = d->chosen_staged[i].token;
        s->logit = d->chosen_staged[i].logit;
    }
    return STATUS_OK;
}

static enum status cuda_logits(struct infer *e)
{
    struct infer_device *d = e->device;
    size_t count = static_cast<size_t>(e->plan.samples) * static_cast<size_t>(d->shape.vocab);
    return checked(cudaMemcpy(e->logits, d->logits, count * sizeof(float), cudaMemcpyDeviceToHost),
                   "logits");
}

/* ---- single operations ---------------------------------------------------------------------- */

static enum status time_gemm(struct infer *e, const struct infer_probe *p)
{
    int32_t matches = 0, chosen = -1;
    for (int32_t i = 0; i < e->map.count; i++) {
        const struct weights_matrix *m = &e->map.matrices[i];
        matches += m->rows == p->n && m->columns == p->k && m->kind >= WEIGHTS_QKV;
        matches += i == e->map.head && m->rows == p->n && m->columns == p->k;
    }
    int32_t most = p->n == e->terms.shape.vocab ? e->terms.seqs_max : e->terms.step_tok_max;
    if (matches == 0 || p->m < 1 || p->m > most)
        return status_fail(STATUS_USER, "this engine has no product of %d x %d x %d", (int)p->m,
                           (int)p->n, (int)p->k);
    int32_t wanted = static_cast<int32_t>(e->probes++ % static_cast<uint64_t>(matches));
    for (int32_t i = 0; i < e->map.count && chosen < 0; i++) {
        const struct weights_matrix *m = &e->map.matrices[i];
        bool fits =
            m->rows == p->n && m->columns == p->k && (m->kind >= WEIGHTS_QKV || i == e->map.head);
        if (fits && wanted-- == 0) chosen = i;
    }
    struct infer_device *d = e->device;
    const struct infer_shape *s = &e->terms.shape;
    bool head = chosen == e->map.head;
    const bf16 *x = p->k == s->hidden                ? d->normed
                    : p->k == s->heads * s->head_dim ? d->attended
                                                     : d->act;
    void *y = head                   ? static_cast<void *>(d->logits)
              : p->n == s->hidden    ? static_cast<void *>(d->added)
              : p->n == infer_qkv(s) ? static_cast<void *>(d->qkv)
                                     : static_cast<void *>(d->gate_up);
    return multiply(e, head ? d->last : x, p->m, chosen, y, head);
}

static enum status time_op(struct infer *e, const struct infer_probe *p)
{
    struct infer_device *d = e->device;
    if (p->op == INFER_GEMM) return time_gemm(e, p);
    const struct infer_shape *s = &e->terms.shape;
    int32_t sparse = s->layers - s->dense_layers;
    if (p->op == INFER_EXPERTS) {
        int32_t index =
            s->dense_layers + static_cast<int32_t>(e->probes++ % static_cast<uint64_t>(sparse));
        const struct weights_layer *w = &e->map.layers[index];
        TRY(multiply(e, d->normed, p->m, w->router, d->router, false), "experts");
        experts(e, w, p->m);
        return checked(cudaGetLastError(), "launch");
    }
    struct pass pass = {e, splits_of(p->context)};
    attend(&pass, static_cast<int32_t>(e->probes % static_cast<uint64_t>(s->layers)));
    return checked(cudaGetLastError(), "launch");
}

/* What an operation finds on the device before its clock starts. */
static enum status prepare(struct infer *e, const struct infer_probe *p)
{
    struct infer_device *d = e->device;
    const struct infer_shape *s = &e->terms.shape;
    if (p->op == INFER_ATTENTION) {
        TRY(infer_plan_probe(e, p), "timing");
        return stage(e, nullptr);
    }
    if (p->op != INFER_EXPERTS) return STATUS_OK;
    if (s->experts == 0 || p->m < 1 || p->m > e->terms.step_tok_max)
        return status_fail(STATUS_USER, "experts of %d tokens do not fit this engine", (int)p->m);
    for (int32_t i = 0; i < p->m; i++)
        d->rows_staged[i] = {static_cast<int32_t>((e->probes + static_cast<uint64_t>(i)) %
                                                  static_cast<uint64_t>(s->vocab)),
                             0, 0, 0, 0};
    TRY(copy(d, d->rows, d->rows_staged, p->m), "timing");
    token_cuda_embed(d->stream, d->rows, p->m,
                     reinterpret_cast<const bf16 *>(matrix(e, e->map.embed)), s->hidden, d->x);
    int32_t ffn_norm = e->map.layers[s->dense_layers].norm_ffn;
    token_cuda_norm(d->stream, d->x, nullptr, reinterpret_cast<const float *>(matrix(e, ffn_norm)),
                    nullptr, p->m, s->hidden, d->shape.norm_eps, d->normed);
    return STATUS_OK;
}

static enum status cuda_time(struct infer *e, const struct infer_probe *p, double *ns)
{
    struct infer_device *d = e->device;
    float ms = 0.0f;
    TRY(prepare(e, p), "timing");
    TRY(checked(cudaStreamSynchronize(d->stream), "before"), "timing");
    TRY(checked(cudaEventRecord(d->started, d->stream), "clock"), "timing");
    TRY(time_op(e, p), "timing");
    TRY(checked(cudaEventRecord(d->ended, d->stream), "clock"), "timing");
    TRY(checked(cudaEventSynchronize(d->ended), "clock"), "timing");
    TRY(checked(cudaEventElapsedTime(&ms, d->started, d->ended), "clock"), "timing");
    *ns = 1e6 * static_cast<double>(ms);
    return STATUS_OK;
}

extern "C" {
extern const struct infer_functions infer_cuda_functions;
const struct infer_functions infer_cuda_functions = {"cuda",    cuda_open,   cuda_close,
                                                     cuda_step, cuda_logits, cuda_time};
}
