/* SPDX-License-Identifier: Apache-2.0
 * The life of one request: its record, its states, the pool of records.
 *
 * A record lives from arrival until both its request state and its proof state are final; then
 * its slot is used again, so memory depends on what is in flight and not on what has finished. */
#ifndef HACASIM_MODELS_REQUEST_H
#define HACASIM_MODELS_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "models/session.h"
#include "models/token/token.h"
#include "sim/sim.h"

enum request_state {               /* every request is in exactly one; the last five are terminal */
                     REQUEST_SENT, /* on its way to the node, or to the chain under `replicated` */
                     REQUEST_SERVED, /* queued or being computed */
                     REQUEST_RETURN, /* last token on its way to the user */
                     REQUEST_COMPLETED,
                     REQUEST_REJECTED,
                     REQUEST_FAILED,
                     REQUEST_TIMED_OUT,
                     REQUEST_STATES
};

/* Why a request was rejected or failed. */
enum request_reason {
    REASON_NONE,
    REASON_NO_NODE,   /* none is active for its model */
    REASON_UNPRICED,  /* the price feed is too old */
    REASON_NO_RECORD, /* beyond limits.requests */
    REASON_CHAIN,     /* under `replicated`: no block or engine of the validators takes it */
    REASON_QUEUE_FULL,
    REASON_QUEUE_TIMEOUT,             /* it waited too long at its node */
    REASON_TOO_LONG,                  /* could not be held by the empty node */
    REASON_NO_ENCODER,                /* it has images, and the model of its node takes none */
    REASON_RATE_LIMITED,              /* by the API behind a proxy */
    REASON_FAILED,                    /* from here on failed */
    REASON_NODE_LOST = REASON_FAILED, /* its node went down under it */
    REASON_UNREACHABLE,
    REASON_API,       /* the API behind a proxy answered with an error */
    REASON_NO_ROOM,   /* the model that its node was swapped to cannot hold it */
    REASON_DISAGREED, /* replicas did */
    REQUEST_REASONS
};

enum request_proof {
    PROOF_NONE,     /* no answer yet */
    PROOF_PENDING,  /* can still be verified */
    PROOF_SETTLED,  /* recorded in a final block, unchecked, and never to be checked */
    PROOF_VERIFIED, /* checked in a final block */
    PROOF_REJECTED, /* checked and found false */
    PROOF_EXPIRED,  /* too old when it arrived */
    PROOF_LOST,     /* lost on the way */
};

struct request {
    /* identity */
    uint32_t id;            /* index of arrival: the key of its random streams */
    uint32_t user;          /* index in the population */
    uint32_t node;          /* that serves it; UINT32_MAX: none yet */
    uint32_t prefill_node;  /* that computed its prompt for another; UINT32_MAX: none */
    uint32_t source_breaks; /* how often that one had broken down when it sent the KV */
    uint16_t region;        /* of the user */
    uint16_t class;         /* index in users[] */
    uint16_t model;         /* index in models[] */
    /* parameters */
    uint32_t prompt_tok, output_tok;
    uint32_t session;    /* of the workload; UINT32_MAX: none */
    uint32_t prefix_tok; /* of the system prompt */
    struct session_images images;
    uint64_t stream, prefix; /* what it continues, and begins with; 0: nothing */
    int64_t value_nano;      /* at stake, nano-USD */
    /* state */
    uint8_t state, proof; /* enum request_state, request_proof */
    uint8_t holds;        /* scheduled events and queues that name this slot */
    uint8_t attempt;      /* 0, 1 after a retry */
    uint8_t resent;       /* times that its KV was sent to another node */
    bool counted;         /* arrived after the warm-up */
    bool cheated, acted, at_risk;
    bool refused;           /* by the engine of the validators, under `replicated` */
    bool moving;            /* its KV is on the way from prefill_node to node */
    int64_t arrived_ns;     /* sent by the user */
    int64_t sent_ns;        /* the same, of the attempt under way */
    int64_t handoff_ns;     /* first token on prefill_node */
    int64_t first_token_ns; /* at the user */
    int64_t served_ns;      /* last token computed */
    int64_t answered_ns;    /* last token at the user */
    int64_t ended_ns;       /* its proof came to its end */
    struct event_handle timeout;
    struct token_fee fee;
};

struct request_pool {
    struct request *items;
    uint32_t *free;
    uint32_t capacity, free_count, limit;
    uint64_t live_peak;
    struct arena *arena;
};

void request_pool_init(struct request_pool *pool, struct arena *arena, uint32_t limit);
/* Slot of a fresh record, or UINT32_MAX when `limit` requests are in flight. */
uint32_t request_take(struct request_pool *pool);
void request_give(struct request_pool *pool, uint32_t slot);

/* What the indices in a record are below. */
struct request_limits {
    uint32_t users, payees, classes, models, regions, sessions;
};
void request_pool_snap(struct request_pool *pool, struct snap *snap,
                       const struct request_limits *limits);

#endif
