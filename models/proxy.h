/* SPDX-License-Identifier: Apache-2.0
 * A node without a GPU: it forwards each request to an outside API and hands the answer on.
 *
 * What the API does inside is not modelled.  A call takes a time to its first token and a time for
 * each further one, both drawn by the caller from what was measured (proxy_latency_draw); some
 * calls fail.  The operator's contract bounds how many calls are open at once (`concurrency`: more
 * wait, first come first served) and how many may begin in a time (`rate`, `burst`: more are
 * refused, as by HTTP 429).  A refusal costs nothing and takes no time.
 *
 * Time is the caller's, as in serving.h: calls carry `now_ns`, which never decreases, and each
 * first does what was due by then. */
#ifndef HACASIM_MODELS_PROXY_H
#define HACASIM_MODELS_PROXY_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/sim.h"

/* ---- parameters ----------------------------------------------------------------------------- */

enum proxy_latency_kind { PROXY_DIST, PROXY_QUANTILES };
struct proxy_knot {
    double p;         /* ratio */
    double seconds_s; /* not exceeded by that share */
};
struct proxy_latency {
    int kind; /* enum proxy_latency_kind */
    struct dist dist;
    struct param_list quantiles; /* of struct proxy_knot */
};

struct proxy_params {
    struct proxy_latency first_token, token;
    int64_t concurrency;               /* calls */
    double rate;                       /* calls/s; 0: no limit */
    int64_t burst;                     /* calls */
    double failure;                    /* ratio */
    money_t input_price, output_price; /* nano-USD per 1e6 tokens */
    double host_rent;                  /* USD/h */
};
extern const struct param_table proxy_table;

/* What the keys at `path` ("nodes[1].proxy") say wrong together goes to `diag`. */
void proxy_check(const struct proxy_params *params, struct param_doc *doc, const char *path,
                 struct diag *diag);

/* One draw, ns. */
int64_t proxy_latency_draw(const struct proxy_latency *latency, struct rng_stream *stream);

/* What the API charges for a call, nano-USD, rounded up. */
money_t proxy_price(const struct proxy_params *params, uint64_t prompt_tok, uint64_t output_tok);

/* ---- a proxy -------------------------------------------------------------------------------- */

struct proxy_call {
    uint32_t tag;
    bool fails;                 /* after its first token would have come */
    int64_t first_ns, total_ns; /* from its begin to the first token and to the end */
};

struct proxy_open { /* heap entry */
    int64_t done_ns, first_token_ns;
    uint64_t order;
    uint32_t tag;
    bool fails;
};

enum proxy_verdict { PROXY_TAKEN, PROXY_QUEUE_FULL, PROXY_RATE_LIMITED };

enum proxy_outcome { PROXY_DONE, PROXY_FAILED, PROXY_LOST };

struct proxy_done {
    uint32_t tag;
    enum proxy_outcome outcome;
    int64_t first_token_ns; /* -1 where none came */
    int64_t done_ns;
};

struct proxy {
    const struct proxy_params *params;
    struct arena *arena;
    int64_t max_waiting;
    int64_t now_ns;
    int64_t allowed_ns; /* theoretical arrival time of the rate limit: the bucket is full then */
    uint64_t calls;     /* begun so far */

    struct proxy_open *open; /* heap by (done_ns, order) */
    uint32_t open_count, open_capacity;
    struct proxy_call *waiting; /* in order */
    uint32_t waiting_count, waiting_capacity;
    struct proxy_done *done; /* finished, not yet taken */
    uint32_t done_head, done_count, done_capacity;

    int64_t busy_ns, busy_since_ns; /* with at least one call open */
    uint64_t failed, lost, cancelled, refused;
};

void proxy_init(struct proxy *p, const struct proxy_params *params, int64_t max_waiting,
                struct arena *arena);

enum proxy_verdict proxy_submit(struct proxy *p, int64_t now_ns, const struct proxy_call *call);
/* False: it was not held, having just finished. */
bool proxy_cancel(struct proxy *p, int64_t now_ns, uint32_t tag);
/* The node breaks down: all are lost. */
void proxy_fail(struct proxy *p, int64_t now_ns);
/* Does the request wait for a call to begin? */
bool proxy_waits(struct proxy *p, int64_t now_ns, uint32_t tag);
/* For each open call whose first token has come: when, to first_ns[tag]. */
void proxy_first_tokens(struct proxy *p, int64_t now_ns, int64_t *first_ns);
/* When to call proxy_advance next; INT64_MAX: idle. */
int64_t proxy_next_ns(const struct proxy *p);
/* Take up to `max` that finished by `now_ns`, in that order.  Call again while it fills `out`. */
uint32_t proxy_advance(struct proxy *p, int64_t now_ns, struct proxy_done *out, uint32_t max);
/* Time with a call open, up to now. */
int64_t proxy_busy_ns(struct proxy *p, int64_t now_ns);

/* `tags`: what the tags are below. */
void proxy_snap(struct proxy *p, struct snap *snap, uint32_t tags);

#endif
