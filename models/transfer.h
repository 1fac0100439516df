/* SPDX-License-Identifier: Apache-2.0
 * Moving KV between nodes: prefill/decode disaggregation.
 *
 * A prompt that was computed on a `role: prefill` node leaves it after its first token: the KV of
 * its tokens goes over a link to a node that decodes, chosen by the router when the KV is there
 * to be sent.  A node has one link each way.  A transfer has both ends to itself, so it waits
 * until the sender's and the receiver's links are free, in order of asking, and then takes
 *
 *     bytes / bandwidth + latency         bytes = prompt tokens x KV bytes per token of the model
 *
 * rounded to the nearest nanosecond.  Between regions the bandwidth is at most
 * transfer.between_regions and the one-way delay of the network is added.  The link is taken for
 * bytes / bandwidth; latency is the time on the way.
 *
 * What goes wrong: when the sender breaks down before the KV has arrived, it is lost and the
 * request fails.  When the receiver is down or refuses, the sender still has the KV and another
 * receiver is asked, `transfer.retries` times.  A user who leaves meanwhile lets the transfer end
 * for nothing. */
#ifndef HACASIM_MODELS_TRANSFER_H
#define HACASIM_MODELS_TRANSFER_H

#include <stdint.h>

#include "sim/sim.h"

struct transfer_params {
    double bandwidth, between_regions; /* bytes/s */
    int64_t latency;                   /* ns */
    int64_t retries;
};
extern const struct param_table transfer_table;

struct transfer_link { /* free again at, ns */
    int64_t out_ns, in_ns;
};

/* Every transfer that was started has arrived, was lost, or is under way. */
struct transfer {
    struct transfer_link *links; /* per node */
    uint64_t started, arrived, lost, moving;
    uint64_t idle; /* of the arrived: nobody waited for them any more */
    /* of requests that are counted, in and after the window */
    uint64_t sent, failed, resent;
    money_t bytes;
};

/* How long the link is taken. */
int64_t transfer_link_ns(double bytes, double bandwidth);

struct world;
struct serving_terms;
void transfer_open(struct world *w);
/* Is the first token on this node the end of its work for the request? */
bool transfer_leaves(const struct world *w, uint32_t node, uint32_t slot);
/* The prompt of `slot` was computed on `node`, and its first token sampled at `first_token_ns`. */
void transfer_begin(struct world *w, uint32_t slot, uint32_t node, int64_t first_token_ns);
/* Its KV has arrived, or would have. */
void transfer_arrive(struct world *w, uint32_t slot);
void transfer_snap(struct transfer *transfer, struct snap *snap, uint32_t nodes);

#endif
