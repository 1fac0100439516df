/* SPDX-License-Identifier: Apache-2.0
 * The engine of a recorded run in simulated time: ranks, what waits before them, and their steps.
 *
 * A cell is what steps together: one rank, or all ranks when their experts are shared.  Between two
 * steps it looks for new requests; an idle one looks at once.  Steps are taken one by one, because
 * each end is a time at which an engine looks. */
#include <assert.h>
#include <string.h>

#include "models/replay_run.h"
#include "models/serving_step.h"

enum { PUBLISH_NS = 100000000, WAITING_WEIGHT = 4 };

struct rank {
    struct serving serving;
    uint32_t *inbox; /* given to it and not yet seen */
    uint32_t inbox_count;
    int64_t waiting, running; /* as last published and counted on */
};

struct engine {
    const struct replay *r;
    struct rank *ranks;
    uint32_t count, per_cell; /* ranks; ranks of a cell */
    int64_t published;        /* number of the interval */
    struct replay_times *times;
    struct replay_result *result;
};

/* ---- ranks ---------------------------------------------------------------------------------- */

static void take(struct engine *e, struct rank *rank, int64_t now_ns)
{
    struct serving_done done[16];
    uint32_t got;
    while ((got = serving_advance(&rank->serving, now_ns, done, 16)) > 0)
        for (uint32_t i = 0; i < got; i++) {
            assert(done[i].outcome == SERVING_DONE);
            e->times[done[i].tag].first_ns = done[i].first_token_ns;
            e->times[done[i].tag].last_ns = done[i].done_ns;
        }
}

static void see(struct engine *e, struct rank *rank, int64_t now_ns)
{
    for (uint32_t i = 0; i < rank->inbox_count; i++) {
        uint32_t index = rank->inbox[i];
        const struct replay_request *q = &e->r->requests[index];
        struct serving_terms terms = {
            .tag = index, .prompt_tok = q->prompt_tok, .output_tok = q->output_tok};
        e->times[index].queued_ns = e->r->looks ? now_ns : q->arrival_ns;
        bool taken = serving_submit(&rank->serving, now_ns, &terms, NULL);
        assert(taken);
        (void)taken;
    }
    rank->inbox_count = 0;
}

/* The least loaded, the first of equals. */
static struct rank *choose(struct engine *e, int64_t now_ns)
{
    struct rank *best = &e->ranks[0];
    bool publish = now_ns / PUBLISH_NS != e->published;
    e->published = now_ns / PUBLISH_NS;
    for (uint32_t i = 0; i < e->count; i++) {
        struct rank *rank = &e->ranks[i];
        if (publish) {
            rank->waiting = (int64_t)rank->serving.waiting.count + rank->inbox_count;
            rank->running = rank->serving.running.count;
        }
        if (WAITING_WEIGHT * rank->waiting + rank->running <
            WAITING_WEIGHT * best->waiting + best->running)
            best = rank;
    }
    best->waiting++;
    return best;
}

/* ---- cells ---------------------------------------------------------------------------------- */

static int64_t cell_end(const struct engine *e, uint32_t cell)
{
    int64_t end_ns = INT64_MAX;
    for (uint32_t i = 0; i < e->per_cell; i++) {
        int64_t own_ns = serving_next_ns(&e->ranks[cell * e->per_cell + i].serving);
        if (own_ns < end_ns) end_ns = own_ns;
    }
    return end_ns;
}

/* The steps that have just begun end when the slowest rank is through. */
static void join(struct engine *e, struct rank *ranks, int64_t now_ns)
{
    struct perf_batch batches[REPLAY_RANKS];
    bool outside = false, any = false;
    for (uint32_t i = 0; i < e->per_cell; i++) {
        bool runs = serving_next_ns(&ranks[i].serving) != INT64_MAX;
        batches[i] = runs ? serving_step_batch(&ranks[i].serving) : (struct perf_batch){0};
        any |= runs;
    }
    if (!any) return;
    int64_t ticks = perf_profile_group_ticks(&e->r->perf, batches, e->per_cell, &outside);
    int64_t end_ns = now_ns + (ticks + PERF_TICKS - 1) / PERF_TICKS;
    e->result->extrapolated_steps += outside;
    for (uint32_t i = 0; i < e->per_cell; i++)
        if (serving_next_ns(&ranks[i].serving) != INT64_MAX)
            serving_step_until(&ranks[i].serving, end_ns);
}

/* A step has ended, or the cell is idle and somebody came: look, and step on. */
static void step(struct engine *e, uint32_t cell, int64_t now_ns)
{
    struct rank *ranks = &e->ranks[cell * e->per_cell];
    for (uint32_t i = 0; i < e->per_cell; i++)
        take(e, &ranks[i], now_ns);
    for (uint32_t i = 0; i < e->per_cell; i++)
        see(e, &ranks[i], now_ns);
    if (e->per_cell > 1) join(e, ranks, now_ns);
}

/* ---- the run -------------------------------------------------------------------------------- */

/* All that come at one time, then idle cells begin.  The index of the next to come. */
static uint32_t give(struct engine *e, uint32_t next)
{
    int64_t now_ns = e->r->requests[next].arrival_ns;
    for (; next < e->r->count && e->r->requests[next].arrival_ns == now_ns; next++) {
        struct rank *rank = choose(e, now_ns);
        rank->inbox[rank->inbox_count++] = next;
    }
    for (uint32_t cell = 0; cell < e->count / e->per_cell; cell++)
        if (cell_end(e, cell) == INT64_MAX) step(e, cell, now_ns);
    return next;
}

static void run(struct engine *e)
{
    for (uint32_t next = 0;;) {
        int64_t end_ns = INT64_MAX;
        uint32_t cell = 0;
        for (uint32_t c = 0; c < e->count / e->per_cell; c++) {
            int64_t own_ns = cell_end(e, c);
            if (own_ns >= end_ns) continue;
            end_ns = own_ns;
            cell = c;
        }
        if (next < e->r->count && e->r->requests[next].arrival_ns <= end_ns)
            next = give(e, next);
        else if (end_ns != INT64_MAX)
            step(e, cell, end_ns);
        else
            return;
    }
}

void replay_steps(const struct replay *r, struct arena *arena, struct replay_times *times,
                  struct replay_result *result)
{
    struct engine e = {.r = r,
                       .count = (uint32_t)r->engine.dp,
                       .per_cell = r->perf.engine.replicas > 1 ? (uint32_t)r->engine.dp : 1,
                       .published = -1,
                       .times = times,
                       .result = result};
    e.ranks = arena_alloc(arena, e.count, sizeof *e.ranks);
    for (uint32_t i = 0; i < e.count; i++) {
        serving_init(&e.ranks[i].serving, &r->serving, &r->perf, arena);
        e.ranks[i].inbox = arena_alloc(arena, r->count, sizeof *e.ranks[i].inbox);
    }
    run(&e);
    for (uint32_t i = 0; i < e.count; i++) {
        struct serving *s = &e.ranks[i].serving;
        struct serving_counters c = serving_count(s, s->now_ns);
        result->steps += c.steps;
        result->preemptions += c.preemptions;
        if (e.per_cell == 1) result->extrapolated_steps += c.outside_steps;
    }
}
