/* SPDX-License-Identifier: Apache-2.0
 * The pilot pass of `warmup: mser5`.
 *
 * Answers for: a cut that is a function of (scenario, seed, version): it is looked for once, on
 * replication 0, before any replication is measured, and holds for all of them.  The pilot stops
 * the clock at equal steps and reads levels; it schedules nothing, so the measured replication 0
 * repeats it event by event.
 *
 * Four series say whether the network has filled: requests on their way, answers waiting for
 * verification, transactions waiting for a block, and the busy share of the nodes.  MSER-5
 * (sim/mser) gives a cut for each, and the latest counts.  Scheduled incidents and daily cycles
 * are no transient that a cut could remove; where one of them stands out, the series does not
 * settle, and that becomes a caveat. */
#include "models/pilot.h"

#include "models/world.h"

const char *const pilot_names[PILOT_SERIES] = {
    [PILOT_IN_SYSTEM] = "requests in system",
    [PILOT_OPEN] = "answers waiting for verification",
    [PILOT_MEMPOOL] = "transactions in the mempool",
    [PILOT_BUSY] = "busy share of the nodes",
};

struct pilot_watch {
    struct world *w;
    double *points[PILOT_SERIES]; /* [PILOT_POINTS] */
    int64_t busy_ns;              /* of all nodes at the last point */
};

static void pilot_read(struct pilot_watch *watch, size_t point)
{
    const struct world *w = watch->w;
    uint64_t in_system = 0;
    for (int s = 0; s < REQUEST_COMPLETED; s++)
        in_system += w->states[s];
    int64_t busy_ns = fleet_busy_ns(w);
    watch->points[PILOT_IN_SYSTEM][point] = (double)in_system;
    watch->points[PILOT_OPEN][point] = (double)w->metrics.open;
    watch->points[PILOT_MEMPOOL][point] = (double)w->mempool.waiting;
    watch->points[PILOT_BUSY][point] = (double)(busy_ns - watch->busy_ns);
    watch->busy_ns = busy_ns;
}

static enum status pilot_watch(struct pilot_watch *watch, int64_t step_ns,
                               const struct models_options *options)
{
    for (size_t i = 0; i < PILOT_POINTS; i++) {
        int64_t until_ns = step_ns * ((int64_t)i + 1);
        enum status status = world_advance(watch->w, until_ns, options);
        if (status != STATUS_OK) return status;
        if (options->stop != NULL && *options->stop)
            return status_fail(STATUS_INTERRUPTED, "stopped in the pilot of the warm-up");
        pilot_read(watch, i);
    }
    return STATUS_OK;
}

static struct pilot pilot_judge(const struct pilot_watch *watch, int64_t step_ns)
{
    struct pilot pilot = {.cut_ns = 0};
    size_t latest = 0;
    for (int s = 0; s < PILOT_SERIES; s++) {
        struct mser found = mser_cut(watch->points[s], PILOT_POINTS);
        pilot.settled[s] = found.settled;
        if (found.cut <= latest) continue;
        latest = found.cut;
        pilot.latest = (enum pilot_series)s;
    }
    pilot.cut_ns = step_ns * (int64_t)latest;
    return pilot;
}

enum status pilot_run(const struct models_scenario *scenario, uint64_t seed,
                      const struct models_options *options, struct arena *arena,
                      struct pilot *pilot)
{
    struct models_scenario *whole = arena_alloc(arena, 1, sizeof *whole);
    struct pilot_watch watch = {.w = arena_alloc(arena, 1, sizeof *watch.w)};
    for (int s = 0; s < PILOT_SERIES; s++)
        watch.points[s] = arena_alloc(arena, PILOT_POINTS, sizeof(double));
    *whole = *scenario;
    whole->params.warmup = 0;
    int64_t step_ns = scenario->params.horizon / PILOT_POINTS;
    enum status status = world_open(watch.w, whole, seed, 0, arena);
    if (status == STATUS_OK) status = pilot_watch(&watch, step_ns, options);
    if (status == STATUS_OK) *pilot = pilot_judge(&watch, step_ns);
    world_close(watch.w);
    return status;
}
