/* SPDX-License-Identifier: Apache-2.0
 * Passage times of gossip, sampled. */
#include "models/consensus/spread.h"

#include <assert.h>
#include <string.h>

enum {
    SPREAD_SAMPLES = 256,  /* wanted per pair of places: two per cell */
    SPREAD_KEPT = 1024,    /* most per pair */
    SPREAD_SOURCES = 16,   /* per place and graph */
    SPREAD_GRAPHS_MIN = 4, /* so that one lucky graph does not decide */
    SPREAD_GRAPHS_MAX = 256,
    SPREAD_WORK = 30000000 /* connections relaxed at most, in all: about 0.2 s */
};

struct spread_edge {
    uint32_t to;
    int64_t delay_ns;
};

struct spread_run { /* scratch */
    const struct spread_graph *graph;
    const uint16_t *place; /* of each region */
    struct arena arena;
    struct rng_stream stream;
    /* connections by node, and by the pairs they come from */
    uint32_t *first; /* nodes + 1 */
    struct spread_edge *edges;
    uint32_t *pairs; /* two nodes each */
    uint32_t pair_count, pair_capacity, edge_capacity;
    /* Dijkstra */
    int64_t *passage_ns;
    uint32_t *hops, *heap, *where; /* where: place in the heap + 1; 0: not in it */
    uint32_t heap_count;
    /* samples of each pair of places */
    uint32_t *samples, *kept, *seen, *stride;
    uint32_t *members; /* voters of each place */
    uint64_t hop_sum, hop_count;
};

/* ---- the graph ------------------------------------------------------------------------------ */

static void spread_connect(struct spread_run *run, uint32_t a, uint32_t b)
{
    if (run->pair_count == run->pair_capacity) {
        uint32_t capacity = run->pair_capacity ? 2 * run->pair_capacity : 1024;
        run->pairs = arena_grow(&run->arena, run->pairs, 2 * (size_t)run->pair_capacity,
                                2 * (size_t)capacity, sizeof *run->pairs);
        run->pair_capacity = capacity;
    }
    run->pairs[2 * run->pair_count] = a;
    run->pairs[2 * run->pair_count + 1] = b;
    run->pair_count++;
}

/* Connect each pair with the probability that gives the mean number of peers.  The gaps between
 * connected pairs are geometric, so that the cost is that of the connections and not of the pairs
 * (Batagelj and Brandes 2005).  A ring keeps a sparse graph in one piece. */
static void spread_wire(struct spread_run *run)
{
    uint32_t nodes = run->graph->nodes;
    run->pair_count = 0;
    if (run->graph->peers + 1 >= nodes) {
        for (uint32_t a = 1; a < nodes; a++)
            for (uint32_t b = 0; b < a; b++)
                spread_connect(run, a, b);
        return;
    }
    double ring = nodes > 2 ? 2.0 : 1.0, share = (run->graph->peers - ring) / (nodes - 1.0);
    for (uint32_t a = 1; a < nodes; a++)
        spread_connect(run, a, a - 1);
    if (nodes > 2) spread_connect(run, 0, nodes - 1);
    if (share <= 0.0) return;
    double scale = 1.0 / dmath_log(1.0 - share);
    int64_t a = 1, b = -1;
    while (a < nodes) {
        double gap = dmath_log(rng_unit(&run->stream)) * scale;
        b += 1 + (gap < 1e15 ? (int64_t)gap : (int64_t)1e15);
        while (b >= a && a < nodes) {
            b -= a;
            a++;
        }
        if (a < nodes) spread_connect(run, (uint32_t)a, (uint32_t)b);
    }
}

static int64_t spread_hop_ns(struct spread_run *run, uint32_t from, uint32_t to)
{
    const struct spread_graph *g = run->graph;
    int64_t wait_ns = g->sleep_ns > 0 ? (int64_t)rng_below(&run->stream, (uint64_t)g->sleep_ns) : 0;
    if (g->flush_ns > 0) wait_ns = g->flush_ns * (wait_ns / g->flush_ns + 1);
    return wait_ns + g->verify_ns +
           net_delay_ns(g->net, g->region[from], g->region[to], g->message_bytes, &run->stream);
}

/* Sort the connections by node (counting sort) and draw the delay of each direction. */
static void spread_draw_edges(struct spread_run *run)
{
    uint32_t nodes = run->graph->nodes;
    if (2 * run->pair_count > run->edge_capacity) {
        run->edge_capacity = 2 * run->pair_capacity;
        run->edges = arena_alloc(&run->arena, run->edge_capacity, sizeof *run->edges);
    }
    for (uint32_t i = 0; i <= nodes; i++)
        run->first[i] = 0;
    for (uint32_t i = 0; i < 2 * run->pair_count; i++)
        run->first[run->pairs[i]]++;
    uint32_t sum = 0;
    for (uint32_t i = 0; i <= nodes; i++)
        run->first[i] = sum += run->first[i];
    for (uint32_t i = 0; i < 2 * run->pair_count; i++) {
        uint32_t from = run->pairs[i], to = run->pairs[i ^ 1];
        run->edges[--run->first[from]] = (struct spread_edge){to, spread_hop_ns(run, from, to)};
    }
}

/* ---- quickest paths ------------------------------------------------------------------------- */

static void spread_place(struct spread_run *run, uint32_t place, uint32_t node)
{
    run->heap[place] = node;
    run->where[node] = place + 1;
}

/* Node reached no later than before: put it where it belongs, towards the root. */
static void spread_rise(struct spread_run *run, uint32_t node)
{
    if (run->where[node] == 0) spread_place(run, run->heap_count++, node);
    uint32_t place = run->where[node] - 1;
    while (place > 0) {
        uint32_t above = run->heap[(place - 1) / 2];
        if (run->passage_ns[above] <= run->passage_ns[node]) break;
        spread_place(run, place, above);
        place = (place - 1) / 2;
    }
    spread_place(run, place, node);
}

static uint32_t spread_nearest(struct spread_run *run)
{
    uint32_t top = run->heap[0], last = run->heap[--run->heap_count], place = 0;
    run->where[top] = 0;
    if (run->heap_count == 0) return top;
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child >= run->heap_count) break;
        if (child + 1 < run->heap_count &&
            run->passage_ns[run->heap[child + 1]] < run->passage_ns[run->heap[child]])
            child++;
        if (run->passage_ns[last] <= run->passage_ns[run->heap[child]]) break;
        spread_place(run, place, run->heap[child]);
        place = child;
    }
    spread_place(run, place, last);
    return top;
}

static void spread_dijkstra(struct spread_run *run, uint32_t source)
{
    for (uint32_t i = 0; i < run->graph->nodes; i++)
        run->passage_ns[i] = INT64_MAX;
    run->passage_ns[source] = 0;
    run->hops[source] = 0;
    spread_rise(run, source);
    while (run->heap_count > 0) {
        uint32_t node = spread_nearest(run);
        const struct spread_edge *end = run->edges + run->first[node + 1];
        int64_t *passage_ns = run->passage_ns, here_ns = passage_ns[node];
        for (const struct spread_edge *e = run->edges + run->first[node]; e < end; e++) {
            int64_t at_ns = here_ns + e->delay_ns;
            if (at_ns >= passage_ns[e->to]) continue;
            passage_ns[e->to] = at_ns;
            run->hops[e->to] = run->hops[node] + 1;
            spread_rise(run, e->to);
        }
    }
}

/* ---- samples -------------------------------------------------------------------------------- */

static uint32_t spread_place_of(const struct spread_run *run, uint32_t voter)
{
    return run->place[run->graph->region[voter]];
}

static void spread_collect(struct spread_run *run, const struct spread *spread, uint32_t source)
{
    uint32_t from = spread_place_of(run, source) * spread->places;
    for (uint32_t v = 0; v < run->graph->voters; v++) {
        if (v == source) continue;
        uint32_t pair = from + spread_place_of(run, v);
        run->hop_sum += run->hops[v];
        run->hop_count++;
        if (run->seen[pair]++ % run->stride[pair] != 0 || run->kept[pair] == SPREAD_KEPT) continue;
        int64_t units = (run->passage_ns[v] + (1 << (SPREAD_SHIFT - 1))) >> SPREAD_SHIFT;
        run->samples[(size_t)pair * SPREAD_KEPT + run->kept[pair]++] =
            units < UINT32_MAX ? (uint32_t)units : UINT32_MAX;
    }
}

/* By bytes from the lowest up, through `spare`; a byte that all have in common costs one pass. */
static void spread_sort(uint32_t *samples, uint32_t *spare, uint32_t n)
{
    for (uint32_t shift = 0; shift < 32; shift += 8) {
        uint32_t end[256] = {0}, sum = 0;
        for (uint32_t i = 0; i < n; i++)
            end[samples[i] >> shift & 255]++;
        if (end[samples[0] >> shift & 255] == n) continue;
        for (uint32_t byte = 0; byte < 256; byte++)
            end[byte] = sum += end[byte];
        for (uint32_t i = n; i > 0; i--)
            spare[--end[samples[i - 1] >> shift & 255]] = samples[i - 1];
        memcpy(samples, spare, n * sizeof *samples);
    }
}

/* Cell i stands for its middle, the (i + 1/2) / SPREAD_CELLS quantile of the samples. */
static void spread_tabulate(struct spread_run *run, struct spread *spread)
{
    uint32_t spare[SPREAD_KEPT];
    for (uint32_t pair = 0; pair < spread->places * spread->places; pair++) {
        uint32_t *samples = run->samples + (size_t)pair * SPREAD_KEPT, n = run->kept[pair];
        if (n == 0) continue;
        spread_sort(samples, spare, n);
        for (uint32_t i = 0; i < SPREAD_CELLS; i++)
            spread->table[(size_t)pair * SPREAD_CELLS + i] =
                samples[(2 * i + 1) * n / (2 * SPREAD_CELLS)];
    }
}

/* Places are the regions of the voters in the order in which they first occur. */
static void spread_name_places(struct spread *spread, const struct spread_graph *graph,
                               struct arena *arena)
{
    spread->place = arena_alloc(arena, graph->net->region_count, sizeof *spread->place);
    spread->region = arena_alloc(arena, SPREAD_PLACES_MAX, sizeof *spread->region);
    for (uint32_t region = 0; region < graph->net->region_count; region++)
        spread->place[region] = SPREAD_NOWHERE;
    for (uint32_t v = 0; v < graph->voters; v++) {
        uint16_t region = graph->region[v];
        if (spread->place[region] != SPREAD_NOWHERE) continue;
        assert(spread->places < SPREAD_PLACES_MAX);
        spread->place[region] = (uint16_t)spread->places;
        spread->region[spread->places++] = region;
    }
}

struct spread_plan {
    uint32_t graphs, sources; /* sources: per place and graph */
};

/* Enough graphs that the pair of places with the fewest pairs of voters is sampled
 * SPREAD_SAMPLES times, within the limit of work. */
static struct spread_plan spread_plan(struct spread_run *run, const struct spread *spread)
{
    uint32_t least = UINT32_MAX;
    for (uint32_t a = 0; a < spread->places; a++) {
        uint32_t from = run->members[a] < SPREAD_SOURCES ? run->members[a] : SPREAD_SOURCES;
        for (uint32_t b = 0; b < spread->places; b++) {
            uint32_t pairs = from * (run->members[b] - (a == b));
            if (pairs > 0 && pairs < least) least = pairs;
        }
    }
    struct spread_plan plan = {SPREAD_SAMPLES / least, SPREAD_SOURCES};
    if (plan.graphs < SPREAD_GRAPHS_MIN) plan.graphs = SPREAD_GRAPHS_MIN;
    if (plan.graphs > SPREAD_GRAPHS_MAX) plan.graphs = SPREAD_GRAPHS_MAX;
    uint64_t peers = run->graph->peers < run->graph->nodes ? run->graph->peers : run->graph->nodes;
    uint64_t once = (uint64_t)plan.graphs * spread->places * run->graph->nodes * (peers + 2);
    while (plan.sources > 1 && plan.sources * once > SPREAD_WORK)
        plan.sources--;
    for (uint32_t pair = 0; pair < spread->places * spread->places; pair++) {
        uint64_t from = run->members[pair / spread->places];
        if (from > plan.sources) from = plan.sources;
        uint64_t expected = plan.graphs * from * run->members[pair % spread->places];
        run->stride[pair] = (uint32_t)(expected / SPREAD_KEPT) + 1;
    }
    return plan;
}

static void spread_run_open(struct spread_run *run, const struct spread *spread)
{
    uint32_t nodes = run->graph->nodes;
    size_t pairs = (size_t)spread->places * spread->places;
    arena_init(&run->arena, "gossip sampling", 0);
    run->first = arena_alloc(&run->arena, nodes + 1, sizeof *run->first);
    run->passage_ns = arena_alloc(&run->arena, nodes, sizeof *run->passage_ns);
    run->hops = arena_alloc(&run->arena, nodes, sizeof *run->hops);
    run->heap = arena_alloc(&run->arena, nodes, sizeof *run->heap);
    run->where = arena_alloc(&run->arena, nodes, sizeof *run->where);
    run->samples = arena_alloc(&run->arena, pairs * SPREAD_KEPT, sizeof *run->samples);
    run->kept = arena_alloc(&run->arena, pairs, sizeof *run->kept);
    run->seen = arena_alloc(&run->arena, pairs, sizeof *run->seen);
    run->stride = arena_alloc(&run->arena, pairs, sizeof *run->stride);
    run->members = arena_alloc(&run->arena, spread->places, sizeof *run->members);
    for (uint32_t v = 0; v < run->graph->voters; v++)
        run->members[spread_place_of(run, v)]++;
}

void spread_build(struct spread *spread, const struct spread_graph *graph, struct arena *arena)
{
    *spread = (struct spread){0};
    spread_name_places(spread, graph, arena);
    spread->table = arena_alloc(arena, (size_t)spread->places * spread->places * SPREAD_CELLS,
                                sizeof *spread->table);
    if (graph->voters < 2) return;
    struct spread_run run = {.graph = graph, .place = spread->place};
    spread_run_open(&run, spread);
    struct spread_plan plan = spread_plan(&run, spread);
    for (uint32_t g = 0; g < plan.graphs; g++) {
        run.stream = rng_open(graph->seed, graph->replication, graph->purpose, g);
        spread_wire(&run);
        spread_draw_edges(&run);
        uint32_t used[SPREAD_PLACES_MAX] = {0};
        for (uint32_t i = 0; i < graph->voters; i++) {
            /* Another start for each graph, so that all voters get their turn as sources. */
            uint32_t source = (i + g * plan.sources * spread->places) % graph->voters;
            if (used[spread_place_of(&run, source)]++ >= plan.sources) continue;
            spread_dijkstra(&run, source);
            spread_collect(&run, spread, source);
        }
    }
    spread_tabulate(&run, spread);
    spread->mean_hops = (double)run.hop_sum / (double)run.hop_count;
    arena_free(&run.arena);
}
