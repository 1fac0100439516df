/* SPDX-License-Identifier: Apache-2.0
 * Delay of one message between two regions, and which regions are cut off.
 *
 * Answers for: the region table a scenario names, the delay formula of net.h, the outage state.
 * Leaves out: what happens to a message to a region that is down (the world drops, queues or
 * retries it) and the content of messages.  Nothing here reads a clock. */
#include "net/net.h"

#include <assert.h>
#include <string.h>

#include "net/aws13.h"

#define NET_FLOOR_RATIO 0.1 /* no message is faster than this share of its base delay */

static const struct param net_regions_rows[] = {
    {.key = "aws-13",
     .type = PARAM_FLAG,
     .meaning = "13 AWS regions, measured one-way delays (N_Virginia, Frankfurt, Tokyo, ...)",
     .source = "CometBFT QA latency emulation, aws-latencies.csv"},
};
static const struct param_table net_regions_table =
    PARAM_TABLE("net_regions", net_regions, net_regions_rows);

static const struct param net_rows[] = {
    PARAM_SUB(net_params, regions, PARAM_CHOICE, net_regions_table, "aws-13",
              "table of one-way delays between regions",
              "CometBFT QA latency emulation, aws-latencies.csv"),
    PARAM(net_params, intra_region, PARAM_DURATION, "0.5 ms", "0", "1 s",
          "one-way delay inside a region", "assumption"),
    PARAM(net_params, jitter, PARAM_RATIO, "5%", "0%", "100%",
          "relative standard deviation of a delay (normal)",
          "CometBFT QA latency emulation: 5% normal jitter"),
    PARAM(net_params, loss, PARAM_RATIO, "0%", "0%", "50%",
          "share of transmissions that are lost, each on its own", "assumption"),
    PARAM(net_params, retransmit, PARAM_DURATION, "200 ms", "0", "1 min",
          "what each loss adds to a delay", "Linux TCP_RTO_MIN (least retransmission timeout)"),
    PARAM(net_params, bandwidth, PARAM_BANDWIDTH, "1 Gbit/s", "1 kbit/s", "100 Tbit/s",
          "rate of one transfer", "assumption"),
};
const struct param_table net_table = PARAM_TABLE("net", net_params, net_rows);

void net_init(struct net *net, const struct net_params *params, struct arena *arena)
{
    uint32_t n = AWS13_REGIONS;
    int64_t *base_ns = arena_alloc(arena, (size_t)n * n, sizeof *base_ns);
    for (uint32_t from = 0; from < n; from++)
        for (uint32_t to = 0; to < n; to++)
            base_ns[from * n + to] =
                from == to ? params->intra_region : aws13_one_way_ms[from][to] * INT64_C(1000000);
    *net = (struct net){
        .region_count = n,
        .base_ns = base_ns,
        .jitter_ratio = params->jitter,
        .loss_ratio = params->loss,
        .ns_per_byte = 1e9 / params->bandwidth,
        .retransmit_ns = params->retransmit,
        .down = arena_alloc(arena, n, sizeof *net->down),
    };
}

uint32_t net_region_find(const char *name)
{
    for (uint32_t region = 0; region < AWS13_REGIONS; region++)
        if (strcmp(aws13_names[region], name) == 0) return region;
    return UINT32_MAX;
}

uint32_t net_region_count(void)
{
    return AWS13_REGIONS;
}

const char *net_region_name(uint32_t region)
{
    assert(region < AWS13_REGIONS);
    return aws13_names[region];
}

const char *const *net_region_names(void)
{
    return aws13_names;
}

int64_t net_base_ns(const struct net *net, uint32_t from, uint32_t to)
{
    assert(from < net->region_count && to < net->region_count);
    return net->base_ns[from * net->region_count + to];
}

/* How often a message is lost before it gets through: geometric, from one draw.  Given that u is
 * below p, u / p is uniform again, so each division decides the next transmission. */
static int64_t net_losses(double loss_ratio, double u)
{
    int64_t losses = 0;
    while (u < loss_ratio) {
        u /= loss_ratio;
        losses++;
    }
    return losses;
}

int64_t net_delay_ns(const struct net *net, uint32_t from, uint32_t to, uint64_t bytes,
                     struct rng_stream *stream)
{
    double factor = 1.0 + net->jitter_ratio * variate_normal_inverse(stream);
    int64_t losses = net_losses(net->loss_ratio, rng_unit(stream));
    if (factor < NET_FLOOR_RATIO) factor = NET_FLOOR_RATIO;
    double flight_ns = (double)net_base_ns(net, from, to) * factor;
    double transfer_ns = (double)bytes * net->ns_per_byte;
    return event_ns(flight_ns + transfer_ns + 0.5) + losses * net->retransmit_ns;
}

void net_region_set_down(struct net *net, uint32_t region, bool down)
{
    assert(region < net->region_count);
    assert(down || net->down[region] > 0);
    if (down)
        net->down[region]++;
    else
        net->down[region]--;
}

bool net_region_is_down(const struct net *net, uint32_t region)
{
    assert(region < net->region_count);
    return net->down[region] > 0;
}

void net_snap(struct net *net, struct snap *snap)
{
    SNAP_COVERS(struct net, 56);
    snap_begin(snap, "net");
    snap_same(snap, net->region_count, "regions");
    snap_u32s(snap, net->down, net->region_count);
    snap_end(snap);
}
