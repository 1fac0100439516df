/* SPDX-License-Identifier: Apache-2.0
 * The inference engine, what is the same on every backend: checks, blocks of KV memory, the plan of
 * a step, choosing tokens. */
#include "gpu/infer_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/sample.h"
#include "sim/sim.h"

const char *const infer_dtype_names[] = {"fp32", "bf16", "fp8", NULL};

/* ---- checks --------------------------------------------------------------------------------- */

enum { LAYERS_MAX = 1024, WIDTH_MAX = 1 << 20, HEADS_MAX = 1024, EXPERTS_MAX = 1024 };

static bool within(int32_t value, int32_t low, int32_t high)
{
    return value >= low && value <= high;
}

static bool in_lanes(int32_t value)
{
    return within(value, INFER_LANES, WIDTH_MAX) && value % INFER_LANES == 0;
}

static const char *unfit_experts(const struct infer_shape *s)
{
    if (s->experts == 0) return s->dense_layers == s->layers ? NULL : "every layer is dense";
    if (!within(s->experts, 2, EXPERTS_MAX)) return "experts must be 2 to 1,024";
    if (!within(s->active, 1, s->experts)) return "active experts must be 1 to all of them";
    if (!in_lanes(s->expert_ffn)) return "expert_ffn must be a multiple of 16, up to 1,048,576";
    return NULL;
}

const char *infer_unfit(const struct infer_shape *s)
{
    if (!within(s->layers, 1, LAYERS_MAX)) return "layers must be 1 to 1,024";
    if (!in_lanes(s->hidden)) return "hidden must be a multiple of 16, up to 1,048,576";
    if (!within(s->head_dim, INFER_LANES, 512) || s->head_dim % INFER_LANES != 0)
        return "head_dim must be a multiple of 16, up to 512";
    if (!within(s->kv_heads, 1, HEADS_MAX)) return "kv_heads must be 1 to 1,024";
    if (!within(s->heads, 1, HEADS_MAX) || s->heads % s->kv_heads != 0)
        return "heads must be a multiple of kv_heads, up to 1,024";
    if (!within(s->vocab, 2, 1 << 22)) return "vocab must be 2 to 4,194,304";
    if (!within(s->dense_layers, 0, s->layers)) return "dense_layers must be 0 to layers";
    if (s->dense_layers > 0 && !in_lanes(s->ffn))
        return "ffn must be a multiple of 16, up to 1,048,576";
    if (!(s->rope_theta >= 1.0 && s->rope_theta <= 1e12)) return "rope_theta must be 1 to 1e12";
    if (!(s->norm_eps > 0.0 && s->norm_eps <= 0.1)) return "norm_eps must be above 0, up to 0.1";
    return unfit_experts(s);
}

static const char *unfit_limits(const struct infer_terms *t)
{
    if (!within(t->block_tok, 1, 1 << 20)) return "block_tok must be 1 to 1,048,576";
    if (!within(t->blocks, 1, INT32_MAX / 2)) return "there must be a block of KV memory";
    if (!within(t->seqs_max, 1, 1 << 16)) return "seqs_max must be 1 to 65,536";
    if (!within(t->step_tok_max, 1, 1 << 20)) return "step_tok_max must be 1 to 1,048,576";
    if (!within(t->context_max, 1, 1 << 24)) return "context_max must be 1 to 16,777,216";
    if (!within(t->threads, 0, 4096)) return "threads must be 0 to 4,096";
    return NULL;
}

static enum status check_terms(const struct infer_terms *t)
{
    const char *why = infer_unfit(&t->shape);
    if (why == NULL) why = unfit_limits(t);
    if (why == NULL && t->backend == INFER_CPU && t->dtype == INFER_FP8)
        why = "fp8 weights need a CUDA device; the CPU has fp32 and bf16";
    if (why == NULL && t->backend == INFER_CUDA && t->dtype == INFER_FP32)
        why = "the CUDA backend has bf16 and fp8 weights; fp32 is computed on the CPU";
    return why == NULL ? STATUS_OK : status_fail(STATUS_USER, "%s", why);
}

/* ---- memory --------------------------------------------------------------------------------- */

static int32_t table_width_of(const struct infer_terms *t)
{
    return (t->context_max + t->block_tok - 1) / t->block_tok;
}

struct infer_memory infer_memory_of(const struct infer_terms *t)
{
    struct infer_memory memory = {0};
    struct weights_map map;
    struct arena arena;
    const struct infer_shape *s = &t->shape;
    arena_init(&arena, "weights map", 0);
    weights_map_init(&map, s, t->dtype, &arena);
    memory.weights = map.bytes;
    arena_free(&arena);
    uint64_t width = t->dtype == INFER_FP32 ? 4 : 2;
    memory.kv =
        2 * width * (uint64_t)s->layers * (uint64_t)t->blocks * (uint64_t)infer_block_elements(t);
    int64_t ffn = 3 * (int64_t)(s->dense_layers > 0 ? s->ffn : 0);
    int64_t experts = s->active * (2 * (int64_t)s->hidden + 3 * s->expert_ffn);
    int64_t row = 2 * s->hidden + infer_qkv(s) + s->heads * s->head_dim;
    row += s->experts > 0 && experts > ffn ? experts : ffn;
    memory.work = 4 * ((uint64_t)row * (uint64_t)t->step_tok_max +
                       (uint64_t)t->seqs_max * (uint64_t)(s->vocab + s->hidden) +
                       (uint64_t)t->context_max * (uint64_t)s->head_dim);
    return memory;
}

static void take_tables(struct infer *e)
{
    const struct infer_terms *t = &e->terms;
    struct infer_plan *p = &e->plan;
    size_t tokens = (size_t)t->step_tok_max, seqs = (size_t)t->seqs_max;
    e->table_width = table_width_of(t);
    int32_t **rows[] = {&p->token, &p->position, &p->seq, &p->block, &p->place};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        *rows[i] = arena_alloc(e->arena, tokens, sizeof(int32_t));
    p->table = arena_alloc(e->arena, seqs * (size_t)e->table_width, sizeof *p->table);
    p->sample_row = arena_alloc(e->arena, seqs, sizeof *p->sample_row);
    p->sample_seq = arena_alloc(e->arena, seqs, sizeof *p->sample_seq);
    e->held_tok = arena_alloc(e->arena, seqs, sizeof *e->held_tok);
    e->row_of_chunk = arena_alloc(e->arena, seqs, sizeof *e->row_of_chunk);
    e->in_step = arena_alloc(e->arena, seqs, sizeof *e->in_step);
    e->tables = arena_alloc(e->arena, seqs * (size_t)e->table_width, sizeof *e->tables);
    e->free_blocks = arena_alloc(e->arena, (size_t)t->blocks, sizeof *e->free_blocks);
    for (int32_t b = t->blocks; b > 0; b--) /* the first block is on top */
        e->free_blocks[e->free_count++] = b - 1;
}

static enum status choose_backend(struct infer *e)
{
    if (e->terms.backend == INFER_CPU) {
        e->functions = &infer_cpu_functions;
        return STATUS_OK;
    }
#ifdef HACASIM_CUBLASLT
    e->functions = &infer_cuda_functions;
    return STATUS_OK;
#else
    return status_fail(STATUS_OPERATING, "no CUDA backend: built without CUDA or cuBLASLt");
#endif
}

struct owned { /* begins with the engine, which is freed by its address */
    struct infer engine;
    struct arena arena;
};

enum status infer_open(struct infer **engine, const struct infer_terms *terms)
{
    *engine = NULL;
    TRY(check_terms(terms), "inference engine");
    struct owned *owned = calloc(1, sizeof *owned);
    if (owned == NULL) return status_fail(STATUS_OPERATING, "no memory for an engine");
    struct infer *e = &owned->engine;
    e->terms = *terms;
    e->arena = &owned->arena;
    enum status status = choose_backend(e);
    if (status == STATUS_OK) {
        arena_init(e->arena, "engine", 0);
        weights_map_init(&e->map, &terms->shape, terms->dtype, e->arena);
        take_tables(e);
        status = e->functions->open(e);
        if (status != STATUS_OK) infer_close(e);
    } else {
        free(owned);
    }
    if (status != STATUS_OK) return status_context(status, "inference engine");
    *engine = e;
    return STATUS_OK;
}

void infer_close(struct infer *e)
{
    if (e == NULL) return;
    e->functions->close(e);
    arena_free(e->arena);
    free(e);
}

/* ---- KV blocks ------------------------------------------------------------------------------ */

static int32_t blocks_for(const struct infer *e, int32_t tokens)
{
    return (tokens + e->terms.block_tok - 1) / e->terms.block_tok;
}

void infer_rewind(struct infer *e, int32_t slot, int32_t tokens)
{
    assert(slot >= 0 && slot < e->terms.seqs_max);
    assert(tokens >= 0 && tokens <= e->held_tok[slot]);
    int32_t *table = e->tables + (int64_t)slot * e->table_width;
    for (int32_t b = blocks_for(e, e->held_tok[slot]); b > blocks_for(e, tokens); b--)
        e->free_blocks[e->free_count++] = table[b - 1];
    e->held_tok[slot] = tokens;
}

void infer_release(struct infer *e, int32_t slot)
{
    infer_rewind(e, slot, 0);
}

int32_t infer_held_tok(const struct infer *e, int32_t slot)
{
    return e->held_tok[slot];
}

int32_t infer_free_blocks(const struct infer *e)
{
    return e->free_count;
}

static void extend(struct infer *e, int32_t slot, int32_t tokens)
{
    int32_t *table = e->tables + (int64_t)slot * e->table_width;
    int32_t held = e->held_tok[slot] + tokens;
    for (int32_t b = blocks_for(e, e->held_tok[slot]); b < blocks_for(e, held); b++)
        table[b] = e->free_blocks[--e->free_count];
    e->held_tok[slot] = held;
}

/* ---- a step --------------------------------------------------------------------------------- */

static enum status check_chunk(const struct infer *e, const struct infer_chunk *c, int32_t index)
{
    const struct infer_terms *t = &e->terms;
    if (c->slot < 0 || c->slot >= t->seqs_max)
        return status_fail(STATUS_USER, "chunk %d: there is no slot %d", index, (int)c->slot);
    if (e->in_step[c->slot])
        return status_fail(STATUS_USER, "chunk %d: slot %d is in this step twice", index,
                           (int)c->slot);
    if (c->count < 1 || c->count > t->context_max - e->held_tok[c->slot])
        return status_fail(STATUS_USER, "chunk %d: %d tokens after %d: a sequence has 1 to %d",
                           index, (int)c->count, (int)e->held_tok[c->slot], (int)t->context_max);
    if (!(c->temperature >= 0.0f && c->temperature <= 1e6f))
        return status_fail(STATUS_USER, "chunk %d: temperature must be 0 to 1e6", index);
    for (int32_t i = 0; i < c->count; i++)
        if (c->tokens[i] < 0 || c->tokens[i] >= t->shape.vocab)
            return status_fail(STATUS_USER, "chunk %d: token %d is not in the vocabulary of %d",
                               index, (int)c->tokens[i], (int)t->shape.vocab);
    return STATUS_OK;
}

static enum status check_room(const struct infer *e, int64_t tokens, int64_t blocks)
{
    if (tokens > e->terms.step_tok_max)
        return status_fail(STATUS_USER, "a step of %lld tokens; the engine was opened for %d",
                           (long long)tokens, (int)e->terms.step_tok_max);
    if (blocks > e->free_count)
        return status_fail(STATUS_USER, "KV memory is full: %lld blocks are needed, %d are free",
                           (long long)blocks, (int)e->free_count);
    return STATUS_OK;
}

static enum status check_step(struct infer *e, const struct infer_chunk *chunks, int32_t count)
{
    int64_t tokens = 0, blocks = 0;
    if (count < 1 || count > e->terms.seqs_max)
        return status_fail(STATUS_USER, "a step of %d sequences: 1 to %d are possible", (int)count,
                           (int)e->terms.seqs_max);
    memset(e->in_step, 0, (size_t)e->terms.seqs_max * sizeof *e->in_step);
    for (int32_t i = 0; i < count; i++) {
        TRY(check_chunk(e, &chunks[i], i), "engine step");
        int32_t held = e->held_tok[chunks[i].slot];
        e->in_step[chunks[i].slot] = true;
        tokens += chunks[i].count;
        blocks += blocks_for(e, held + chunks[i].count) - blocks_for(e, held);
    }
    return check_room(e, tokens, blocks);
}

static void plan_chunk(struct infer *e, const struct infer_chunk *c, int32_t seq)
{
    struct infer_plan *p = &e->plan;
    int32_t before = e->held_tok[c->slot], block_tok = e->terms.block_tok;
    extend(e, c->slot, c->count);
    const int32_t *table = e->tables + (int64_t)c->slot * e->table_width;
    memcpy(p->table + (int64_t)seq * e->table_width, table,
           (size_t)blocks_for(e, before + c->count) * sizeof *table);
    for (int32_t i = 0; i < c->count; i++, p->tokens++) {
        p->token[p->tokens] = c->tokens[i];
        p->position[p->tokens] = before + i;
        p->seq[p->tokens] = seq;
        p->block[p->tokens] = table[(before + i) / block_tok];
        p->place[p->tokens] = (before + i) % block_tok;
    }
    if (before + c->count > p->longest) p->longest = before + c->count;
    e->row_of_chunk[seq] = c->sample ? p->samples : -1;
    if (!c->sample) return;
    p->sample_seq[p->samples] = seq;
    p->sample_row[p->samples++] = p->tokens - 1;
}

enum status infer_step(struct infer *e, const struct infer_chunk *chunks, int32_t count,
                       struct infer_sampled *sampled)
{
    struct infer_plan *p = &e->plan;
    TRY(check_step(e, chunks, count), "engine step");
    p->tokens = p->samples = p->longest = 0;
    p->seqs = count;
    for (int32_t i = 0; i < count; i++) {
        plan_chunk(e, &chunks[i], i);
        sampled[i] = (struct infer_sampled){.token = -1};
    }
    return e->functions->step(e, chunks, sampled);
}

const float *infer_logits(struct infer *e, int32_t chunk)
{
    assert(chunk >= 0 && chunk < e->plan.seqs && e->row_of_chunk[chunk] >= 0);
    if (e->functions->logits(e) != STATUS_OK) return NULL;
    return e->logits + (int64_t)e->row_of_chunk[chunk] * e->terms.shape.vocab;
}

/* Sequences one after the other take every block's turn, so that neighbours are far apart. */
enum status infer_plan_probe(struct infer *e, const struct infer_probe *p)
{
    const struct infer_terms *t = &e->terms;
    struct infer_plan *plan = &e->plan;
    int32_t each = (p->context + t->block_tok - 1) / t->block_tok;
    if (p->batch < 1 || p->batch > t->seqs_max || p->chunk < 1 || p->chunk > p->context ||
        p->context > t->context_max || (int64_t)p->batch * p->chunk > t->step_tok_max ||
        (int64_t)p->batch * each > t->blocks)
        return status_fail(STATUS_USER, "attention of %d x %d tokens does not fit this engine",
                           (int)p->batch, (int)p->context);
    plan->tokens = plan->samples = 0;
    plan->seqs = p->batch;
    plan->longest = p->context;
    int32_t first = (int32_t)(e->probes % (uint64_t)t->blocks);
    e->probes += (uint64_t)each * (uint64_t)p->batch;
    for (int32_t s = 0; s < p->batch; s++) {
        int32_t *table = plan->table + (int64_t)s * e->table_width;
        for (int32_t b = 0; b < each; b++)
            table[b] = (int32_t)(((int64_t)first + b * p->batch + s) % t->blocks);
        for (int32_t i = 0; i < p->chunk; i++, plan->tokens++) {
            int32_t position = p->context - p->chunk + i;
            plan->seq[plan->tokens] = s;
            plan->position[plan->tokens] = position;
            plan->block[plan->tokens] = table[position / t->block_tok];
            plan->place[plan->tokens] = position % t->block_tok;
        }
    }
    return STATUS_OK;
}

enum status infer_time(struct infer *e, const struct infer_probe *probe, double *ns)
{
    return e->functions->time(e, probe, ns);
}

/* ---- choosing ------------------------------------------------------------------------------- */

int32_t infer_choose(const float *logits, int32_t vocab, const struct infer_chunk *c,
                     int32_t position)
{
    struct rng_stream s = sample_stream(c->seed, c->stream, position);
    int32_t best = 0;
    double highest = -INFINITY;
    for (int32_t i = 0; i < vocab; i++) {
        double score = logits[i];
        if (c->temperature > 0.0f) score = sample_score(&s, logits[i], c->temperature);
        if (score > highest) {
            highest = score;
            best = i;
        }
    }
    return best;
}

uint64_t infer_digest(const float *logits, int32_t vocab)
{
    return snap_sum(logits, (size_t)vocab * sizeof *logits);
}
