/* SPDX-License-Identifier: Apache-2.0
 * How long a small message takes to spread by gossip (internal to models/consensus/).
 *
 * CometBFT sends votes and proposals along a graph of peers.  A node that learns something
 * announces it (HasVote, NewRoundStep) to all peers at once; that starts the flush timer of each
 * connection, and the announcement leaves when it fires, flush_throttle later.  The thing itself is
 * picked up by the per-peer gossip loop, which wakes every gossip_sleep, and leaves with the next
 * flush.  So a hop costs
 *
 *     flush x (floor(U(0, sleep) / flush) + 1)  +  verification  +  delay of the network
 *
 * and a message reaches a node by the quickest path: first-passage percolation on the graph.
 * spread_build solves that on sampled graphs (Dijkstra) once, and keeps the quantiles of the
 * passage time for each pair of regions; a block then costs one table look-up per message.
 *
 * Leaves out: that messages of one moment share a connection's timer and loop phase (each draws
 * its own), HasVote saving a duplicate, and processor time of duplicates. */
#ifndef HACASIM_MODELS_CONSENSUS_SPREAD_H
#define HACASIM_MODELS_CONSENSUS_SPREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "net/net.h"
#include "sim/sim.h"

enum {
    SPREAD_CELLS = 128, /* of equal probability, each stood for by its middle */
    SPREAD_SHIFT = 10,  /* a table counts units of 1024 ns, so that a shift gives ns */
    SPREAD_PLACES_MAX = 64,
    SPREAD_NOWHERE = UINT16_MAX,
    SPREAD_MESH_MAX = 1000 /* nodes: a full mesh has their square of connections */
};

struct spread_graph { /* what is sampled */
    const struct net *net;
    const uint16_t *region; /* of each node; the first `voters` are those whose times matter */
    uint32_t nodes, voters;
    uint32_t peers; /* mean number; nodes - 1 or more is a full mesh */
    int64_t flush_ns, sleep_ns;
    int64_t verify_ns;      /* before a node passes a message on */
    uint64_t message_bytes; /* on the wire */
    uint64_t seed;
    uint32_t replication, purpose;
};

struct spread {
    uint32_t places;  /* distinct regions of the voters */
    uint16_t *place;  /* of each region of net; SPREAD_NOWHERE where no voter is */
    uint16_t *region; /* of each place */
    uint32_t *table;  /* [from place][to place][SPREAD_CELLS], increasing, in units */
    double mean_hops; /* of the quickest paths between voters */
};

/* Same place to same place with a single voter there has no pairs: its cells are 0. */
void spread_build(struct spread *spread, const struct spread_graph *graph, struct arena *arena);

static inline const uint32_t *spread_cells(const struct spread *spread, uint32_t from, uint32_t to)
{
    return spread->table + ((size_t)from * spread->places + to) * SPREAD_CELLS;
}

#endif
