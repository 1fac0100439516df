/* SPDX-License-Identifier: Apache-2.0
 * The requests that users send: when, how long, and what is at stake.
 *
 * Arrivals are Poisson, Poisson with a daily cycle, or a replayed trace.  Both random processes
 * come from one unit-rate Poisson process: request i waits for a keyed exponential amount of
 * hazard, and the rate only decides how long it takes to gather that much (inversion, not
 * thinning: nothing is thrown away, so under another rate, cycle or surge the same requests come,
 * earlier or later).  Every other random quantity of request i has a stream of its own, keyed by
 * i.  So nothing else in a scenario can change the requests.
 *
 *     struct workload w;
 *     TRY(workload_open(&w, &params, seed, replication, arena), "workload");
 *     workload_surge(&w, from_ns, until_ns, 3.0);          for each surge of the scenario
 *     workload_next(&w, &arrival, &more);                  again and again
 *     workload_close(&w);
 *
 * An arrival may begin a session (models/session.h).  Its later turns are asked for by the world,
 * which knows when the answers came:
 *
 *     workload_answered(&w, session, ...)      there is another turn, in so many ns
 *     workload_turn(&w, session, now, &arrival)
 *     workload_leave(&w, session)              no answer came: the session is over
 *
 * Left out, for later: bursts with memory (MMPP). */
#ifndef HACASIM_MODELS_WORKLOAD_H
#define HACASIM_MODELS_WORKLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "models/session.h"
#include "models/trace.h"
#include "models/workload_images.h"
#include "sim/sim.h"

/* Purposes of random streams of the front door (workload, router): 0x100 to 0x1ff. The entity is
 * the index of the request. */
enum {
    WORKLOAD_STREAM_GAP = 0x100, /* hazard to gather before the request arrives */
    WORKLOAD_STREAM_PROMPT,
    WORKLOAD_STREAM_OUTPUT,
    WORKLOAD_STREAM_VALUE,
    WORKLOAD_STREAM_CLIENT,
    WORKLOAD_STREAM_IMAGES, /* whether; how many from block 1, their tokens from block 2 */
};

enum workload_arrivals_kind { WORKLOAD_POISSON, WORKLOAD_DIURNAL, WORKLOAD_TRACE };

struct workload_diurnal {
    double mean;          /* requests/s */
    double amplitude;     /* ratio: of the mean */
    int64_t period, peak; /* ns */
};
enum workload_turns { WORKLOAD_TURNS_WHOLE, WORKLOAD_TURNS_NEW };
enum workload_too_long { WORKLOAD_TOO_LONG_REFUSE, WORKLOAD_TOO_LONG_REJECT };
struct workload_trace {
    const char *file;
    double speed;  /* trace seconds per simulated second */
    int64_t limit; /* requests; 0: all */
    int turns;     /* enum workload_turns */
    int too_long;  /* enum workload_too_long */
};
struct workload_arrivals {
    int kind;       /* enum workload_arrivals_kind */
    double poisson; /* requests/s */
    struct workload_diurnal diurnal;
    struct workload_trace trace;
};

enum workload_lengths_kind {
    WORKLOAD_LENGTHS_AZURE_CONV_2023,
    WORKLOAD_LENGTHS_FIXED,
    WORKLOAD_LENGTHS_QUANTILES,
};

struct workload_fixed {
    int64_t prompt, output; /* tokens */
};
struct workload_knot { /* a share p of requests has at most this many tokens */
    double p;
    int64_t tokens;
};
struct workload_quantiles {
    struct param_list prompt, output; /* of struct workload_knot */
};
struct workload_lengths {
    int kind; /* enum workload_lengths_kind */
    struct workload_fixed fixed;
    struct workload_quantiles quantiles;
};

struct workload_params {
    struct workload_arrivals arrivals;
    struct workload_lengths lengths; /* not used when a trace is replayed */
    struct dist value;               /* USD */
    int64_t clients;
    struct session_params sessions;
    struct session_system_params system_prompts;
    struct workload_images images;
};
extern const struct param_table workload_table;

/* Cross checks of the keys under `prefix` ("workload"): knots in order, and the trace file, read
 * from end to end.  `room_tok`: prompt and answer that some node can hold, 0 when that is not
 * known; `room` says where.  `sees`: some model takes images.  Findings go to `diag`. */
void workload_check(const struct workload_params *params, struct param_doc *doc, const char *prefix,
                    int64_t room_tok, const char *room, bool sees, struct diag *diag);

/* Shares of quantiles, `stride` bytes apart, must begin at 0, rise and end at 1; `path` is that of
 * their list.  At least 2. */
void workload_check_shares(const double *p, size_t stride, uint32_t count, struct param_doc *doc,
                           const char *path, struct diag *diag);

struct workload_arrival {
    int64_t time_ns;
    uint32_t request; /* 0, 1, 2, ...; ids of later turns are set apart */
    uint32_t who;     /* index of arrival, the same for all turns of a session */
    uint32_t client;  /* below params->clients */
    uint32_t prompt_tok, output_tok;
    uint32_t session; /* index in sessions; UINT32_MAX: none */
    uint32_t prefix_tok, shared_tok;
    struct session_images images;
    uint64_t stream, prefix; /* names of what it continues and begins with (struct session_text) */
    money_t value_usd_nano;  /* what a wrong answer would cost its user */
};

struct workload_curve { /* quantile function of a length */
    const double *p, *tokens;
    uint32_t count;
};

struct workload_surge {
    int64_t from_ns, until_ns;
    double factor;
};

struct workload {
    /* parameters */
    const struct workload_params *params;
    uint64_t seed;
    uint32_t replication;
    struct workload_curve prompt, output;
    struct workload_surge *surges;
    uint32_t surge_count;
    struct arena *arena;
    /* state */
    uint32_t count; /* arrivals given out */
    uint32_t ids;   /* of requests, later turns included */
    struct sessions sessions;
    int64_t now_ns;    /* arrivals are known up to here */
    int64_t replay_ns; /* time in the trace that belongs to now_ns */
    struct trace *trace;
};

/* The trace file, if any, is opened here.  `params` must stay. */
enum status workload_open(struct workload *w, const struct workload_params *params, uint64_t seed,
                          uint32_t replication, struct arena *arena);

/* Multiply the arrival rate (of a trace: the speed of its replay) by `factor` >= 0 from one time
 * until another (INT64_MAX: for good).  Surges that overlap multiply.  All are to be given before
 * the first workload_next: a request that has been given out cannot move any more. */
void workload_surge(struct workload *w, int64_t from_ns, int64_t until_ns, double factor);

/* The next request in order of time; *more false when there is none (end of the trace or its
 * limit; a surge by 0 for good; 292 years). */
enum status workload_next(struct workload *w, struct workload_arrival *out, bool *more);

/* The turn of a session was answered.  True: the next comes in *think_ns; else it is over. */
bool workload_answered(struct workload *w, uint32_t session, uint32_t prompt_tok,
                       uint32_t output_tok, int64_t *think_ns);
/* That next turn, now; false: the conversation has become too long, and is over. */
bool workload_turn(struct workload *w, uint32_t session, int64_t now_ns,
                   struct workload_arrival *out);
void workload_leave(struct workload *w, uint32_t session);

/* Requests per second in the long run, without surges: what a chain that has run long has seen.
 * A trace is read through for it. */
double workload_mean_rate(const struct workload_params *params);

void workload_close(struct workload *w);

/* Where the stream of requests stands; of a trace, its place in the file, which must have the same
 * content as then. */
void workload_snap(struct workload *w, struct snap *snap);
void workload_arrival_snap(struct workload_arrival *arrival, struct snap *snap, uint32_t clients);

#endif
