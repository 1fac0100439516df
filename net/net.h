/* SPDX-License-Identifier: Apache-2.0
 * The door of net/: what moves bytes between regions.
 *
 * One message takes
 *
 *     base(from, to) x max(1 + jitter x N(0,1), 0.1)  +  bytes / bandwidth  +  losses x retransmit
 *
 * base comes from a table of one-way delays; inside a region it is `intra_region`.  Jitter is a
 * relative standard deviation, as in the CometBFT QA testbed; the floor of a tenth of the base
 * keeps a far tail of the normal from running backwards.  Each transmission is lost with
 * probability `loss` independently, and each loss costs one `retransmit`.
 *
 * net is pure: it tells how long a message takes and which regions are cut off; the world decides
 * what to do about it.  It leaves out queueing in the network: a transfer has `bandwidth` to
 * itself, because the flows of inference (kilobytes) never fill a link between regions. */
#ifndef HACASIM_NET_NET_H
#define HACASIM_NET_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/sim.h"

enum net_regions_kind { NET_REGIONS_AWS_13 };
struct net_regions {
    int kind; /* enum net_regions_kind */
};

struct net_params {
    struct net_regions regions;
    int64_t intra_region; /* ns */
    double jitter;        /* ratio: relative standard deviation */
    double loss;          /* ratio: of transmissions */
    int64_t retransmit;   /* ns */
    double bandwidth;     /* bytes/s of one transfer */
};
extern const struct param_table net_table;

struct net {
    /* parameters */
    uint32_t region_count;
    const int64_t *base_ns; /* [from][to] */
    double jitter_ratio, loss_ratio, ns_per_byte;
    int64_t retransmit_ns;
    /* state */
    uint32_t *down; /* per region: outages that cover it now */
};

void net_init(struct net *net, const struct net_params *params, struct arena *arena);

/* The regions that a scenario can name. Exact names; UINT32_MAX for an unknown one. */
uint32_t net_region_find(const char *name);
uint32_t net_region_count(void);
const char *net_region_name(uint32_t region);
const char *const *net_region_names(void); /* NULL-terminated, for diag_nearest */

/* One-way delay of a message, jitter, transfer and losses included.  Draws exactly two numbers
 * from the stream whatever the parameters, so that two networks compared under one seed meet the
 * same luck. */
int64_t net_delay_ns(const struct net *net, uint32_t from, uint32_t to, uint64_t bytes,
                     struct rng_stream *stream);
/* One-way delay without jitter, transfer and losses. */
int64_t net_base_ns(const struct net *net, uint32_t from, uint32_t to);

/* Outages nest: a region is up again when each `true` has been followed by its `false`. */
void net_region_set_down(struct net *net, uint32_t region, bool down);
bool net_region_is_down(const struct net *net, uint32_t region);

void net_snap(struct net *net, struct snap *snap);

#endif
