/* SPDX-License-Identifier: Apache-2.0
 * What the files models/replay*.c share; nothing else includes this.
 *
 *     replay.c        the file of a replay, what it names, what is said about it
 *     replay_read.c   the folder of a run
 *     replay_steps.c  the engine in simulated time
 *     replay_stats.c  latencies and their names */
#ifndef HACASIM_MODELS_REPLAY_RUN_H
#define HACASIM_MODELS_REPLAY_RUN_H

#include "models/perf_kernel.h"
#include "models/replay.h"
#include "models/serving.h"

enum { REPLAY_RANKS = 64, REPLAY_GRAPHS = 512, REPLAY_NOTES = 16, REPLAY_REQUESTS = 10000000 };

struct replay_request { /* times in ns since the first request was queued */
    int64_t prompt_tok, output_tok;
    int64_t queued_ns, first_ns, last_ns;
    int64_t arrival_ns; /* when it is given to the simulated engine */
};

struct replay_times { /* ours, of one request */
    int64_t queued_ns, first_ns, last_ns;
};

/* What the engine stated about itself. */
struct replay_engine {
    const char *version, *model, *hardware, *device;
    enum perf_dtype dtype;
    int64_t tp, pp, dp;
    bool spread;                  /* experts whole on different GPUs, across ranks */
    int64_t kv_blocks, block_tok; /* blocks of one rank */
    int64_t max_num_seqs, max_num_batched_tokens, max_model_len, long_prefill_token_threshold;
    bool prefix_caching, async_scheduling, chunked_prefill, reserve_full_isl;
    double memory_utilization;
    int64_t *graph_tok;
    uint32_t graphs;
    double link_bytes_per_s, link_latency_ns;   /* 0: not stated */
    double bandwidth_bytes_per_s, memory_bytes; /* of the card; 0: not stated */
};

enum replay_arrivals { REPLAY_QUEUED, REPLAY_ARRIVED };

struct replay_params {
    int replay;   /* the only kind there is: vllm_run */
    int arrivals; /* enum replay_arrivals */
    const char *name, *doc, *run, *tables, *hardware, *model;
    struct param_list expect;
};

struct replay {
    struct replay_params params;
    struct param_doc *doc;
    struct replay_engine engine;
    struct replay_request *requests; /* in order of arrival */
    uint32_t count, left_out;
    bool looks; /* the engine's queued_ts are the ends of steps, so that ours are too */
    struct perf_hardware hardware;
    const struct perf_model *model;
    struct perf perf;
    const struct perf_tables *tables;
    struct serving_params serving;
    const char *notes[REPLAY_NOTES];
    uint32_t note_count;
};

void replay_note(struct replay *r, const char *note);

/* Findings go to `diag`; false when there are any. */
bool replay_read_engine(struct replay *r, struct arena *arena, struct diag *diag);
void replay_read_requests(struct replay *r, struct arena *arena, struct diag *diag);

/* Ours for each request, in their order. */
void replay_steps(const struct replay *r, struct arena *arena, struct replay_times *times,
                  struct replay_result *result);

void replay_statistics(const struct replay *r, const struct replay_times *times,
                       struct arena *arena, struct replay_result *result);

#endif
