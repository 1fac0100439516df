/* SPDX-License-Identifier: Apache-2.0
 * A recorded run of a real engine, replayed through the scheduler and the kernel times of its card.
 *
 * A run is a folder, as casys-kaist/LLMServingSim's bench writes it around vLLM:
 *
 *   requests.jsonl   an object per line: request_id, input_toks, output_toks, and the times
 *                    arrival_time, queued_ts, scheduled_ts, first_token_ts, last_token_ts in s
 *   meta.json        model, engine_kwargs, kv_cache and resolved_config as the engine stated them
 *   config.json      hardware, link between GPUs, parallel degrees of the simulated cluster
 *
 * Arrivals, lengths, limits and the number of KV blocks come from there, times from a profile
 * folder (perf_tables.h); nothing is fitted.  Latencies count from queued_ts, on both sides:
 * TTFT = first - queued, TPOT = (last - first) / (output - 1), end to end = last - queued.
 *
 * A request is given to the simulated engine at its recorded queued_ts.  An engine stamps that when
 * it looks for new requests, between two steps, and ours may be within one; `arrivals:
 * arrival_time` gives it at its arrival, and our queued_ts is the end of the step that runs then.
 *
 * Data-parallel ranks get requests as vLLM's coordinator gives them: to the rank with the least
 * 4 x waiting + running, as last published (every 100 ms) and counted on since.  Ranks whose
 * experts are shared step together. */
#ifndef HACASIM_MODELS_REPLAY_H
#define HACASIM_MODELS_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/sim.h"

struct replay; /* a run that has been read and checked */
struct models_value;

enum replay_what { REPLAY_TTFT, REPLAY_TPOT, REPLAY_E2E, REPLAY_WHATS };
enum replay_statistic { REPLAY_MEAN, REPLAY_P90, REPLAY_P99, REPLAY_STATISTICS };
extern const char *const replay_what_names[REPLAY_WHATS];           /* "ttft" */
extern const char *const replay_statistic_names[REPLAY_STATISTICS]; /* "mean" */

/* What a replay can be asked about in `expect:` lines, NULL-terminated: ttft.mean.real_s,
 * ttft.mean.ours_s, ttft.mean.error_ratio, ..., replay.steps. */
const char *const *replay_metrics(size_t *count);

struct replay_result {
    double real_s[REPLAY_WHATS][REPLAY_STATISTICS]; /* NaN: no request has one */
    double ours_s[REPLAY_WHATS][REPLAY_STATISTICS];
    uint64_t steps, preemptions, extrapolated_steps;
    int64_t real_ns, ours_ns;    /* from the first request to the last token */
    struct models_value *values; /* of replay_metrics */
};

struct replay_about { /* for people */
    const char *name, *run, *tables;
    const char *requests, *engine, *times; /* one line each */
    const char *const *notes;              /* what is not as in the real run */
    uint32_t note_count;
};

/* The keys of a replay. */
const struct param_table *replay_keys(void);

/* Is this file a replay (its top level has the key `replay`) and no scenario? */
bool replay_is(struct arena *arena, const char *path);

/* Read the file, the run and the tables that it names.  NULL only when there is no document to
 * read.  With findings in `diag`, or where it names no run or no tables and *absent says what to
 * give, only its expectations can be asked for. */
struct replay *replay_load(struct arena *arena, const char *path, const char *const *sets,
                           size_t set_count, struct diag *diag, const char **absent);
/* `expect:` lines; one that did not read has text NULL. */
const struct param_text *replay_expects(const struct replay *replay, uint32_t *count);
struct replay_about replay_about(const struct replay *replay, struct arena *arena);
void replay_close(struct replay *replay);

/* The same twice gives the same to the last bit. */
struct replay_result replay_run(const struct replay *replay, struct arena *arena);

#endif
