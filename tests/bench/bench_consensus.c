/* SPDX-License-Identifier: Apache-2.0
 * Blocks per second of the quorum level: 100 validators in the 13 regions, seen by one observer. */
#include <stdio.h>
#include <time.h>

#include "models/consensus/consensus.h"

enum { BLOCKS = 200000 };

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static const struct consensus_params params = {
    .timeout_propose = 3000000000,
    .timeout_prevote = 1000000000,
    .timeout_precommit = 1000000000,
    .timeout_commit = 1000000000,
    .peers = 50,
    .flush_throttle = 10000000,
    .gossip_sleep = 100000000,
    .send_rate = 5.12e6,
    .block_part = 65536,
    .vote_verify = 46600,
    .commit_verify = 10000,
};

int main(void)
{
    struct arena arena;
    struct net net;
    struct consensus consensus;
    struct net_params net_params = {
        .intra_region = 500000, .jitter = 0.05, .retransmit = 200000000, .bandwidth = 125e6};
    struct validators_params validators = {.count = 100, .power = {CONSENSUS_ZIPF, 0.8, {0}}};
    arena_init(&arena, "bench", 0);
    net_init(&net, &net_params, &arena);
    double began_s = now_s();
    consensus_init(&consensus, &params, &validators, &net, 1, 0, &arena);
    double ready_s = now_s();
    struct consensus_input input = {.block_bytes = 20000, .check_ns = 5000000};
    struct consensus_outcome outcome;
    for (int i = 0; i < BLOCKS; i++) {
        consensus_decide(&consensus, &input, &outcome);
        input.start_ns = consensus_next_start_ns(&consensus, outcome.commit_ns, 0);
    }
    double took_s = now_s() - ready_s;
    printf("bench consensus.quorum_blocks_per_s %.0f blocks/s\n", BLOCKS / took_s);
    printf("bench consensus.init_ms %.1f ms\n", 1e3 * (ready_s - began_s));
    arena_free(&arena);
    return consensus.height == BLOCKS + 1 ? 0 : 1;
}
