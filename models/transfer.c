/* SPDX-License-Identifier: Apache-2.0
 * From the node that computed a prompt to the one that decodes. */
#include "models/transfer.h"

#include <assert.h>

#include "models/world.h"

#define TRANSFER_NS_PER_S 1e9

static const struct param transfer_rows[] = {
    PARAM(transfer_params, bandwidth, PARAM_BANDWIDTH, "400 Gbit/s", "1 MB/s", "100 TB/s",
          "of a node's link, each way", "one NDR InfiniBand port"),
    PARAM(transfer_params, between_regions, PARAM_BANDWIDTH, "10 Gbit/s", "1 MB/s", "100 TB/s",
          "most between two regions", "assumption"),
    PARAM(transfer_params, latency, PARAM_DURATION, "10 us", "0", "10 s",
          "on the way, besides the network's delay between regions",
          "aiconfigurator systems/*.yaml: 10 us point to point"),
    PARAM(transfer_params, retries, PARAM_COUNT, "1", "0", "100",
          "other nodes asked when the one that was to decode is down or refuses", "assumption"),
};
const struct param_table transfer_table = PARAM_TABLE("transfer", transfer_params, transfer_rows);

int64_t transfer_link_ns(double bytes, double bandwidth)
{
    return event_ns(bytes / bandwidth * TRANSFER_NS_PER_S);
}

void transfer_open(struct world *w)
{
    w->transfer.links = arena_alloc(w->arena, w->node_count, sizeof *w->transfer.links);
}

static const struct scenario_node *transfer_class(const struct world *w, uint32_t node)
{
    return (const struct scenario_node *)w->params->nodes.items + w->nodes[node].class;
}

bool transfer_leaves(const struct world *w, uint32_t node, uint32_t slot)
{
    const struct request *r = &w->requests.items[slot];
    return transfer_class(w, node)->role == REGISTRY_PREFILL && r->output_tok > 1;
}

static int64_t transfer_later(int64_t a_ns, int64_t b_ns)
{
    return a_ns > b_ns ? a_ns : b_ns;
}

/* When the KV of `r` is at r->node; both links are taken for it. */
static int64_t transfer_plan(struct world *w, struct request *r)
{
    const struct transfer_params *p = &w->params->transfer;
    const struct world_node *from = &w->nodes[r->prefill_node], *to = &w->nodes[r->node];
    double bytes = perf_kv_token_bytes(from->perf) * r->prompt_tok;
    bool away = from->region != to->region;
    double bandwidth = p->bandwidth;
    if (away && p->between_regions < bandwidth) bandwidth = p->between_regions;
    int64_t *out_ns = &w->transfer.links[r->prefill_node].out_ns;
    int64_t *in_ns = &w->transfer.links[r->node].in_ns;
    int64_t start_ns = transfer_later(world_now(w), transfer_later(*out_ns, *in_ns));
    *out_ns = *in_ns = start_ns + transfer_link_ns(bytes, bandwidth);
    if (r->counted) {
        w->transfer.sent++;
        w->transfer.bytes += money_from_real(bytes, 0);
        hist_add(&w->metrics.hist[HIST_TRANSFER_WAIT], start_ns - world_now(w), 1);
    }
    int64_t way_ns = away ? net_base_ns(&w->net, from->region, to->region) : 0;
    return *out_ns + p->latency + way_ns;
}

/* While a swap goes from node to node the two may run different models; an API takes no KV. */
static bool transfer_fits(const struct world *w, uint32_t from, uint32_t to)
{
    const struct perf *a = w->engines[w->nodes[from].engine].perf,
                      *b = w->engines[w->nodes[to].engine].perf;
    return a && b && a->model == b->model && a->kv_dtype == b->kv_dtype;
}

/* Choose who decodes, and send the KV there; false: nobody can. */
static bool transfer_send(struct world *w, uint32_t slot)
{
    struct request *r = world_request(w, slot);
    struct router_query query = {.model = r->model,
                                 .client_region = w->nodes[r->prefill_node].region,
                                 .client = r->user,
                                 .request = r->id,
                                 .attempt = r->resent,
                                 .prompt_tok = r->prompt_tok,
                                 .output_tok = r->output_tok,
                                 .decode = true,
                                 .now_ns = world_now(w)};
    uint32_t node = router_pick(&w->router, &w->registry, &w->net, &query);
    if (node == UINT32_MAX || !transfer_fits(w, r->prefill_node, node)) return false;
    r->node = node;
    registry_begin(&w->registry, node);
    int64_t at_ns = transfer_plan(w, r);
    r->moving = true;
    r->source_breaks = w->nodes[r->prefill_node].breaks;
    w->transfer.started++;
    w->transfer.moving++;
    world_hold(w, slot);
    event_schedule(&w->events, at_ns, EV_HANDOFF, slot, r->id);
    return true;
}

void transfer_begin(struct world *w, uint32_t slot, uint32_t node, int64_t first_token_ns)
{
    struct request *r = world_request(w, slot);
    r->prefill_node = node;
    r->handoff_ns = first_token_ns;
    if (!transfer_send(w, slot)) front_refuse(w, slot, REASON_NO_NODE);
}

/* The receiver is down or full.  The sender still has the KV. */
static void transfer_resend(struct world *w, uint32_t slot, enum request_reason otherwise)
{
    struct request *r = world_request(w, slot);
    registry_end(&w->registry, r->node);
    if (r->resent < w->params->transfer.retries) {
        r->resent++;
        if (r->counted) w->transfer.resent++;
        if (transfer_send(w, slot)) return;
    }
    front_refuse(w, slot, otherwise);
}

static void transfer_gone(struct world *w, uint32_t slot, bool lost)
{
    struct request *r = world_request(w, slot);
    registry_end(&w->registry, r->node);
    if (lost && r->state == REQUEST_SERVED) front_lost(w, slot);
}

static void transfer_receive(struct world *w, uint32_t slot)
{
    struct request *r = world_request(w, slot);
    bool lost = r->source_breaks != w->nodes[r->prefill_node].breaks;
    bool awaited = r->state == REQUEST_SERVED;
    r->moving = false;
    w->transfer.moving--;
    *(lost ? &w->transfer.lost : &w->transfer.arrived) += 1;
    w->transfer.idle += !lost && !awaited;
    if (lost && r->counted) w->transfer.failed++;
    if (lost || !awaited) {
        transfer_gone(w, slot, lost);
        return;
    }
    enum request_reason why = REASON_UNREACHABLE;
    if (fleet_receives(w, r->node) && transfer_fits(w, r->prefill_node, r->node))
        why = fleet_submit(w, slot);
    if (why != REASON_NONE) {
        transfer_resend(w, slot, why);
    } else if (r->counted) {
        hist_add(&w->metrics.hist[HIST_TRANSFER], world_now(w) - r->handoff_ns, 1);
    }
}

void transfer_arrive(struct world *w, uint32_t slot)
{
    uint32_t node = world_request(w, slot)->node;
    transfer_receive(w, slot);
    fleet_life_idle(w, node);
}

void transfer_snap(struct transfer *transfer, struct snap *snap, uint32_t nodes)
{
    SNAP_COVERS(struct transfer, 96);
    SNAP_COVERS(struct transfer_link, 16);
    uint64_t *const counts[] = {&transfer->started, &transfer->arrived, &transfer->lost,
                                &transfer->moving,  &transfer->idle,    &transfer->sent,
                                &transfer->failed,  &transfer->resent};
    snap_begin(snap, "transfer");
    for (uint32_t i = 0; i < nodes; i++) {
        snap_i64(snap, &transfer->links[i].out_ns);
        snap_i64(snap, &transfer->links[i].in_ns);
    }
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        snap_u64(snap, counts[i]);
    snap_money(snap, &transfer->bytes);
    snap_end(snap);
}
