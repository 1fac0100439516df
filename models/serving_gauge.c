/* SPDX-License-Identifier: Apache-2.0
 * Readings of a node's gauges (serving_gauge.h). */
#include "models/serving_gauge.h"

#include "models/serving.h"
#include "models/serving_step.h"
#include "sim/sim.h"

#define SECOND_NS INT64_C(1000000000)

static int64_t kv_share(const struct serving *s, int64_t at_ns)
{
    double used = (double)serving_step_blocks_used(s, at_ns);
    return (int64_t)(used / (double)s->blocks_total * 1e9 + 0.5);
}

void serving_gauge_read(const struct serving *s, int64_t from_ns, int64_t to_ns)
{
    const struct serving_gauges *g = s->gauges;
    int64_t low_ns = from_ns < g->start_ns - 1 ? g->start_ns - 1 : from_ns;
    int64_t high_ns = to_ns > g->end_ns ? g->end_ns : to_ns;
    int64_t first = low_ns < 0 ? 0 : low_ns / SECOND_NS + 1, last = high_ns / SECOND_NS;
    if (first > last) return;
    uint64_t count = (uint64_t)(last - first + 1);
    hist_add(g->waiting, serving_laws_waiting(s), count);
    hist_add(g->running, serving_laws_running(s), count);
    if (s->planned <= 1) {
        hist_add(g->kv, kv_share(s, to_ns), count);
        return;
    }
    for (int64_t at = first; at <= last; at++)
        hist_add(g->kv, kv_share(s, at * SECOND_NS), 1);
}
