/* SPDX-License-Identifier: Apache-2.0
 * Scheduled events of a scenario: outages of a region, of the facilitator, of the price feed,
 * surges of demand, and swaps of what a node class runs.  Outages nest: two that overlap end with
 * the later one. */
#include "models/world.h"

static const struct scenario_event *incident_of(const struct world *w, uint32_t index)
{
    return (const struct scenario_event *)w->params->events.items + index;
}

void incident_open(struct world *w)
{
    for (uint32_t i = 0; i < w->params->events.count; i++) {
        const struct scenario_event *e = incident_of(w, i);
        event_schedule(&w->events, e->at, EV_INCIDENT, i, 0);
        if (e->duration > 0) event_schedule(&w->events, e->at + e->duration, EV_INCIDENT, i, 1);
    }
}

/* A region goes dark: its nodes lose what they serve, its validators fall silent. */
static void incident_region(struct world *w, const struct scenario_event *e, bool down)
{
    uint32_t region = net_region_find(e->region);
    net_region_set_down(&w->net, region, down);
    for (uint32_t i = 0; i < w->node_count; i++) {
        if (w->nodes[i].region == region) fleet_set_down(w, i, down);
    }
    if (region == w->facilitator_region) relay_set_down(w, down);
}

static void incident_feed(struct world *w, bool down)
{
    w->feed_down = down ? w->feed_down + 1 : w->feed_down - 1;
    payment_feed_down(&w->payment, w->feed_down > 0);
}

/* A node class gets another engine, or its own again: one node after the other. */
static void incident_swap(struct world *w, uint32_t index, bool back)
{
    const struct scenario_swap *swap = &incident_of(w, index)->swap;
    uint32_t engine = back ? swap->class : w->params->nodes.count + index;
    int64_t after = 0;
    for (uint32_t i = 0; i < w->node_count; i++) {
        if (w->nodes[i].class != swap->class) continue;
        event_schedule(&w->events, world_now(w) + after, EV_LIFE, i, FLEET_SWAPS | engine << 8);
        after += swap->stagger;
    }
}

void incident_fire(struct world *w, uint32_t index, bool end)
{
    const struct scenario_event *e = incident_of(w, index);
    switch ((enum scenario_event_kind)e->what) {
    case EVENT_OUTAGE:
        incident_region(w, e, !end);
        break;
    case EVENT_FACILITATOR_OUTAGE:
        relay_set_down(w, !end);
        break;
    case EVENT_FEED_OUTAGE:
        incident_feed(w, !end);
        break;
    case EVENT_SWAP:
        incident_swap(w, index, end);
        break;
    case EVENT_SURGE:
        break; /* front_open told the workload */
    }
}
