/* SPDX-License-Identifier: Apache-2.0
 * Payment: what a request costs, the price feed it is converted at, and payment sessions.
 *
 * A quote is tokens x USD rate / OPG price, rounded up to one atto-OPG, at the price of a feed that
 * is refreshed at intervals and refuses requests when it is too old.
 *
 * Sessions are those of the code (x402 `upto` scheme, in the gateway's memory).  A user permits at
 * most `cap` per session at a node; after each answer its cost is added; a request whose cost would
 * pass the cap has been served already, is logged, not charged, and ends the session; a session
 * idle for `idle` is settled by one transfer.  A gateway that dies takes its unsettled sessions
 * along.  Whether fees go through sessions at all is decided by the token design, which also
 * says where the money goes when a session settles.
 *
 * Left out: the permit and its signature checks (they cost no simulated money), several prices
 * a model, and the client's timeouts and retries. */
#ifndef HACASIM_MODELS_PAYMENT_H
#define HACASIM_MODELS_PAYMENT_H

#include "sim/sim.h"

struct payment_params {
    money_t input, output;                /* nano USD per million tokens */
    money_t cap;                          /* atto OPG */
    int64_t idle;                         /* ns */
    int64_t sessions;                     /* most open at a time */
    money_t wallet;                       /* atto OPG */
    int64_t feed_refresh, feed_max_stale; /* ns */
};
extern const struct param_table payment_table;

enum { PAYMENT_NONE = UINT32_MAX }; /* no session */

struct payment_session {
    uint32_t user, node;
    money_t spent; /* atto OPG */
    int64_t used_ns;
    uint32_t older, newer; /* neighbours in order of last use */
    uint32_t chain;        /* next in the hash bucket, or in the list of free ones */
    uint32_t requests;
};

struct payment_feed {
    money_t price; /* nano USD per OPG */
    int64_t taken_ns;
    bool down, ever;
};

/* Called when a session settles; it is gone by then. */
typedef void (*payment_settle_fn)(void *context, uint32_t user, uint32_t node, money_t spent);

struct payment {
    const struct payment_params *params;
    payment_settle_fn settle;
    void *context;
    struct payment_feed feed;
    /* open sessions: records, hash by (user, node), list by last use */
    struct payment_session *sessions;
    uint32_t *buckets;
    uint32_t capacity, free, open, oldest, newest; /* capacity: a power of two, also of buckets */
    money_t accrued_opg;                           /* in open sessions */
    /* counters */
    uint64_t charged, uncharged, settled, evicted, dropped; /* requests x2, sessions x3 */
    money_t charged_opg, uncharged_opg, dropped_opg;
    struct arena *arena;
};

void payment_init(struct payment *payment, struct arena *arena,
                  const struct payment_params *params);
/* Where the money of settled sessions goes (the token design sets this). */
void payment_on_settle(struct payment *payment, payment_settle_fn settle, void *context);

/* ---- feed and quote ------------------------------------------------------------------------ */

/* Take the market price into the feed, unless it is down.  Call at 0 and every feed_refresh. */
void payment_feed_refresh(struct payment *payment, money_t price, int64_t now_ns);
void payment_feed_down(struct payment *payment, bool down);
/* The price requests are converted at; 0 when the feed is too old: requests are refused. */
money_t payment_feed_price(const struct payment *payment, int64_t now_ns);

/* Cost in 1e-15 USD (nano-USD per million tokens x tokens), exact. */
money_t payment_cost_femto(const struct payment *payment, uint64_t input_tok, uint64_t output_tok);
/* Cost in nano-USD, rounded up; for statistics. */
money_t payment_cost_usd(const struct payment *payment, uint64_t input_tok, uint64_t output_tok);
/* Cost in atto OPG at the feed's price, rounded up once.  False: feed too old. */
bool payment_quote(const struct payment *payment, uint64_t input_tok, uint64_t output_tok,
                   int64_t now_ns, money_t *fee);

/* ---- sessions ------------------------------------------------------------------------------ */

/* Add a served request's fee to the session of (user, node).  False: served and not charged.
 * Times must not go back. */
bool payment_charge(struct payment *payment, uint32_t user, uint32_t node, money_t fee,
                    int64_t now_ns);
/* When the next session falls idle, INT64_MAX for none; and settle all that have, oldest first. */
int64_t payment_next_ns(const struct payment *payment);
void payment_expire(struct payment *payment, int64_t now_ns);
/* Settle all open sessions, oldest first (end of a run). */
void payment_flush(struct payment *payment);
/* A gateway died: its open sessions are never paid. */
void payment_drop_node(struct payment *payment, uint32_t node);

void payment_snap(struct payment *payment, struct snap *snap, uint32_t users, uint32_t payees);

#endif
