/* SPDX-License-Identifier: Apache-2.0
 * One inference node: continuous batching with paged KV memory, as vLLM V1 does it; other
 * schedulers are lines of a table (serving_policy.h), the prefix cache is in serving_cache.h.
 *
 * The engine works in steps.  At a step's start the scheduler gives tokens to the running requests
 * in order, each as many as it lacks and the step's token budget allows (one, once its prompt is
 * computed); who finds no KV block preempts the last running request, which loses its blocks and
 * will be recomputed.  If nobody was preempted, waiting requests are admitted first come first
 * served while budget, sequences and blocks for the whole prompt last.  A prompt may be spread
 * over several steps.  How long a step takes is asked of a `struct perf`.
 *
 * Time is the caller's: calls carry `now_ns`, which never decreases.  The caller wakes the node at
 * serving_next_ns and takes what has finished with serving_advance; every call first does what was
 * due by its time, so the order of calls at one instant with wake-ups does not matter.
 *
 *   submit   joins the first step that starts at or after its time (a step that starts at that
 *            very time is extended); a step later with async_scheduling, and where prompts have
 *            steps of their own a step that decodes is not extended
 *   cancel, swap   take effect at the end of the step that runs at their time
 *   fail     takes effect at once
 *
 * Decode steps between two points where the scheduler can decide anything are leapt over in closed
 * form, or by a loop where speculation leaves none (`fidelity: leap`); with `fidelity: step` each
 * is a wake-up of its own.  All times that come out are the same to the nanosecond;
 * tests/unit/test_serving.c holds both against a plain scheduler that takes every step and handles
 * every block. */
#ifndef HACASIM_MODELS_SERVING_H
#define HACASIM_MODELS_SERVING_H

#include <stdbool.h>
#include <stdint.h>

#include "models/perf.h"
#include "models/serving_gauge.h"
#include "models/serving_laws.h"
#include "models/serving_policy.h"
#include "sim/sim.h"

/* ---- parameters ----------------------------------------------------------------------------- */

enum serving_fidelity { SERVING_LEAP, SERVING_STEP };
enum serving_order { SERVING_FCFS, SERVING_PRIORITY, SERVING_SHORTEST };
enum serving_switch { SERVING_ON, SERVING_OFF }; /* of keys that are on unless somebody says no */

struct serving_speculative {
    int64_t tokens; /* drafted per sequence and step; 0: none */
    double acceptance, draft_cost;
};

struct serving_params {
    int policy, order; /* index of serving_policies, enum serving_order */
    int64_t max_num_seqs, max_num_batched_tokens, max_model_len;
    int chunked_prefill; /* enum serving_switch */
    int64_t long_prefill_token_threshold;
    int reserve_full_isl; /* enum serving_switch */
    bool prefix_caching, async_scheduling;
    double watermark;
    double gpu_memory_utilization;
    int64_t block_tokens;
    int64_t kv_blocks; /* 0: as many as memory allows */
    int64_t max_waiting;
    int fidelity; /* enum serving_fidelity */
    int64_t api;  /* ns; the caller delays serving_submit by it */
    struct serving_speculative speculative;
};
extern const struct param_table serving_table; /* checks the keys against each other too */

/* KV blocks of this node before vLLM sets one aside as its null block; below 2 the model does not
 * fit and `memory` (may be NULL) says why (perf_memory_text). */
int64_t serving_blocks(const struct serving_params *params, const struct perf *perf,
                       struct perf_memory *memory);

/* ---- a node --------------------------------------------------------------------------------- */

enum { SERVING_NONE = -1 }; /* no request */

struct serving_list { /* of requests, linked by index */
    int32_t head, tail;
    uint32_t count;
};

enum serving_state {
    SERVING_FREE,
    SERVING_COMING, /* came after the next step had been scheduled */
    SERVING_WAITING,
    SERVING_PREFILL,
    SERVING_DECODE,
    SERVING_STALLED, /* decodes, but the step's tokens have all gone to those before it */
    SERVING_LEAVING, /* has its last token, and its blocks until the next step has been scheduled */
};

struct serving_request {
    uint32_t tag;
    int32_t prev, next;
    uint8_t state; /* enum serving_state */
    bool cancelled;
    bool scheduled; /* while blocks are short: has its place in the step that begins */
    bool aside;     /* what it computes is not put into the prefix cache */
    bool looked;    /* at the images of the scheduled chunk */
    int32_t prompt_tok, output_tok, ready_tok;
    int32_t generated_tok; /* sampled before this admission */
    int32_t goal_tok;      /* to compute before it decodes, since its admission */
    int32_t computed_tok;  /* in KV; while decoding it follows from birth */
    int32_t slot_tok;      /* while speculating: tokens its blocks have been taken for */
    int32_t filed_tok;     /* and tokens known when it was last scheduled */
    int32_t verified;      /* steps it has been verified in, by its cursor */
    int32_t cursor;        /* birth, slot_tok, filed_tok are of this step (serving_spec.h) */
    int32_t ends, ends_next;
    int32_t scheduled_tok;  /* of a prompt, in the step that runs */
    uint32_t order;         /* of admission */
    uint32_t heap_index;    /* while decoding, and in a queue that is not first come first served */
    int64_t birth;          /* decode clock at which computed_tok would have been 0 */
    int64_t first_token_ns; /* -1: none yet */
    int64_t arrived_ns;
    int64_t rank;     /* in such a queue: lower is served first */
    uint64_t arrival; /* number of the submission */
    /* for the prefix cache */
    uint64_t draws;
    uint64_t stream, prefix;
    int32_t prefix_blocks, prefix_tok; /* whole blocks of it, and all of it */
    int32_t prefix_chain, own_chain;   /* SERVING_NONE: none */
    int32_t prefix_held, own_held;     /* block number at which what it holds there ends */
    /* images, alike and one after the other (serving_images.h) */
    int32_t images, image_tok, image_from_tok; /* tokens of each; of the first one's first */
    int32_t entered_tok;                       /* computed when it was admitted */
    int32_t encodes, encodes_not; /* images of the scheduled chunk: to encode; found in the cache */
};

/* What an encoder gave, from the least to the most recently used (serving_images.h). */
struct serving_image {
    uint64_t name;
    int32_t place, tok; /* which of its request */
};
struct serving_encoded {
    struct serving_image *images;
    uint32_t count, capacity;
    int64_t tok;
};

/* The free blocks, in the order in which they will be taken, as runs; and the chains of blocks that
 * a later request can find (serving_cache.h). */
struct serving_run {
    int32_t chain;        /* SERVING_NONE: nobody can find these */
    int32_t from, to;     /* numbers of blocks in the chain; taken from the high end */
    int32_t prev, next;   /* in the queue of free blocks */
    int32_t older, newer; /* of the same chain: older ones have higher numbers */
};

struct serving_chain {
    uint64_t stream, prefix;
    int32_t prefix_tok;
    int32_t bucket_next;
    int32_t base, cached;     /* it starts there; blocks [base, cached) can be found, while nobody
                               * adds to it */
    int32_t held;             /* of these, [base, held) are in use */
    uint32_t holders, at_end; /* requests that use some, and that use all of them */
    int32_t writer;           /* the request that adds blocks to it */
    int32_t oldest, newest;   /* free runs */
    bool named;               /* in the table; else known to one request only */
};

struct serving_cache {
    struct serving_run *runs;
    struct serving_chain *chains;
    int32_t *buckets;
    uint32_t run_capacity, run_used, chain_capacity, chain_used, bucket_count, named;
    int32_t run_free, chain_free; /* lists through next and bucket_next */
    int32_t head, tail;           /* of the queue */
};

struct serving_finish { /* heap entry: when a decoding request has all its tokens */
    int64_t clock;
    uint32_t order;
    int32_t request;
};

enum serving_outcome {
    SERVING_DONE,
    SERVING_LOST, /* the node failed, or its new model has no room for the request */
};

struct serving_done {
    uint32_t tag;
    enum serving_outcome outcome;
    int64_t first_token_ns; /* -1 when lost before it */
    int64_t done_ns;
};

enum serving_reject {
    SERVING_ACCEPTED,
    SERVING_QUEUE_FULL,
    SERVING_TOO_LONG,   /* could not be held by the empty node */
    SERVING_NO_ENCODER, /* it has images, and the model takes none */
};

struct serving_counters {
    int64_t busy_ns; /* time with a step running */
    uint64_t steps, prefill_tok, decode_tok;
    uint64_t outside_steps; /* whose time lay outside a timing table */
    uint64_t wasted_tok;    /* computed, then dropped: preemption, cancel, failure, swap */
    uint64_t accepted, completed, cancelled, lost, rejected_full, rejected_long, preemptions;
    uint64_t queried_tok, hit_tok; /* of admissions: looked up in the prefix cache, found there */
    uint64_t evicted_blocks;       /* that others could have found, taken for something else */
    uint64_t ready_tok;            /* whose KV came with a request and was used */
    uint64_t drafted_tok, accepted_tok; /* of speculation */
    uint64_t rejected_images;           /* of requests with images, by a model without encoder */
    uint64_t image_tok, image_hit_tok;  /* of images encoded; found in the encoder's cache */
    int64_t blocks_peak;
};

struct serving {
    /* what it runs on */
    const struct serving_params *params;
    const struct perf *perf, *next_perf; /* next: after serving_swap_perf, until the step ends */
    struct arena *arena;
    int64_t now_ns;

    /* requests */
    struct serving_request *requests;
    uint32_t request_capacity, request_used;
    int32_t request_free;                         /* list through next */
    struct serving_list coming, waiting, running; /* waiting: only a count where there is a heap */
    int32_t *ranked; /* the waiting, a heap, unless first come first served */
    uint32_t ranked_capacity;
    uint32_t admissions;
    uint64_t arrivals;
    struct serving_rules rules;

    /* decoding requests: all gain one token per step, so they share a clock */
    int64_t clock;                 /* steps of decoding so far, from an offset */
    int64_t computed_tok;          /* sum over them */
    struct serving_finish *finish; /* heap by (clock, order) */
    uint32_t decoding, finish_capacity;
    uint32_t *phase; /* by birth mod block_tokens: how many need a block at such clocks */
    int64_t first_birth, last_birth; /* of decoding requests: the longest and the shortest one */
    bool births_stale;               /* one of those two has left: look again when asked */

    /* KV blocks */
    int64_t blocks_total, blocks_free;
    struct serving_cache cache;
    struct serving_encoded encoded;

    /* the step that runs, and the equal ones planned after it */
    int64_t start_ns;    /* whole ns of its start */
    int64_t start_ticks; /* and the fraction, below PERF_TICKS */
    int64_t planned;     /* number of steps; 0: idle */
    int64_t end_ns;      /* of the last one, rounded up */
    struct perf_line line;
    struct perf_batch batch;   /* prompt part */
    int64_t budget;            /* tokens left in the step */
    int32_t prefill_head;      /* first running request whose prompt is being computed */
    bool preempted, open;      /* open: a request that comes at its very start may still join */
    bool decodes;              /* decoding requests get a token from it */
    uint32_t cancels;          /* running requests to drop when it ends */
    uint32_t leaving, stalled; /* running requests in that state */
    bool left;                 /* blocks came free after the step had been scheduled */
    int64_t seen_ns;           /* who came later was not there when the step was scheduled */
    struct serving_spec *spec; /* what speculation foresees; NULL without */

    /* finished, not yet taken */
    struct serving_done *done;
    uint32_t done_head, done_count, done_capacity;

    int64_t busy_since_ns;
    struct serving_counters counters;
    struct serving_laws laws;
    const struct serving_gauges *gauges; /* NULL: nobody reads; set after serving_init */
};

/* `params` and `perf` must outlive the node; memory comes from `arena` and grows with the number
 * of requests held at once.  The model must fit (serving_blocks). */
void serving_init(struct serving *s, const struct serving_params *params, const struct perf *perf,
                  struct arena *arena);

/* What is asked of the node.  Fields left at zero ask for nothing special. */
struct serving_terms {
    uint32_t tag;                   /* the caller's name for the request */
    int64_t prompt_tok, output_tok; /* at least 1 each */
    uint64_t stream; /* the token stream that the request continues, as the turns of a chat do; 0:
                      * one of its own */
    uint64_t prefix; /* what the first prefix_tok tokens of the prompt are, as a system prompt that
                      * many requests share; 0: nothing known */
    int64_t prefix_tok;
    int64_t priority;  /* lower is served first, where serving.order is `priority` */
    int64_t ready_tok; /* first tokens of the prompt whose KV comes with the request */
    bool handoff;      /* it ends with its first token, and its KV leaves */
    uint64_t draws;    /* what its speculation is drawn by, unlike in other worlds; 0: its tag */
    int64_t images;    /* in the prompt, one after the other */
    int64_t image_tok; /* of each; the prompt's tokens count them */
    int64_t image_from_tok; /* where the first one begins */
};

/* False: not taken, *why says why (may be NULL). */
bool serving_submit(struct serving *s, int64_t now_ns, const struct serving_terms *terms,
                    enum serving_reject *why);

/* True if the request was held: it will never be reported, and its tag is free. */
bool serving_cancel(struct serving *s, int64_t now_ns, uint32_t tag);

/* When to call serving_advance next; INT64_MAX: idle. */
int64_t serving_next_ns(const struct serving *s);

/* Take up to `max` finished requests with done_ns <= now, in the order they finished.  Call again
 * while it fills `out`. */
uint32_t serving_advance(struct serving *s, int64_t now_ns, struct serving_done *out, uint32_t max);

/* The node breaks down: all requests are lost (reported by the next serving_advance), running ones
 * first.  It can be used again at once. */
void serving_fail(struct serving *s, int64_t now_ns);

/* Another model (or engine) from the end of the running step on.  The KV cache is dropped and
 * running requests are recomputed; those the new model has no room for are lost. */
void serving_swap_perf(struct serving *s, int64_t now_ns, const struct perf *perf);

/* Is the request held and not admitted? */
bool serving_waits(struct serving *s, int64_t now_ns, uint32_t tag);

/* For each request that the node holds, when its first token was sampled (-1: not yet), to
 * first_ns[tag]. */
void serving_first_tokens(struct serving *s, int64_t now_ns, int64_t *first_ns);

/* Requests held at `now_ns`, for routing. */
uint32_t serving_load(struct serving *s, int64_t now_ns);

/* Counters up to the last step that has ended by `now_ns`; busy_ns up to now. */
struct serving_counters serving_count(struct serving *s, int64_t now_ns);

#endif
