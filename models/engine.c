/* SPDX-License-Identifier: Apache-2.0
 * Logs of engines. */
#include "models/engine.h"

#include "models/perf_log.h"

struct models_steps {
    struct perf_recording *parts; /* engine by engine */
    uint32_t count;
};

static uint32_t engine_count(const struct world *w)
{
    return w->params->nodes.count * (1 + w->params->adversaries.count);
}

static const struct scenario_node *engine_class(const struct world *w, uint32_t engine)
{
    const struct scenario_node *classes = w->params->nodes.items;
    return &classes[engine % w->params->nodes.count];
}

/* What a cheater runs instead has no recording and no device of its own: the same source. */
static struct perf_log *engine_log(struct world *w, uint32_t engine,
                                   const struct models_options *options)
{
    const struct scenario_node *class = engine_class(w, engine);
    bool live = class->timing.kind == SCENARIO_LIVE, keeping = options && options->record_steps;
    if (!live && !keeping && class->recording == NULL) return NULL;
    struct perf_log *log = arena_alloc(w->arena, 1, sizeof *log);
    *log = (struct perf_log){.replication = w->replication,
                             .engine = engine,
                             .arena = w->arena,
                             .class = class->name,
                             .replay = class->recording,
                             .live = live && options ? options->live : NULL,
                             .keeping = keeping};
    return log;
}

static enum status engine_check_live(const struct world *w, const struct models_options *options)
{
    const struct scenario_node *classes = w->params->nodes.items;
    bool measured = options && options->live && options->live->measure;
    for (uint32_t i = 0; i < w->params->nodes.count; i++)
        if (classes[i].timing.kind == SCENARIO_LIVE && !measured)
            return status_fail(STATUS_USER,
                               "nodes[%u].timing: live needs a device that measures steps, and "
                               "there is none here; `recorded: FILE` replays what one has measured",
                               i);
    return STATUS_OK;
}

enum status engine_attach(struct world *w, const struct models_options *options)
{
    enum status status = engine_check_live(w, options);
    if (status != STATUS_OK) return status;
    for (uint32_t e = 0; e < engine_count(w); e++) {
        struct perf *perf = &w->perfs[e];
        perf->log = engine_log(w, e, options);
        if (perf->log && perf->log->live) perf->source = &perf_live_source;
        if (perf->log && perf->log->replay) perf->source = &perf_recorded_source;
    }
    return STATUS_OK;
}

enum status engine_status(const struct world *w)
{
    for (uint32_t e = 0; e < engine_count(w); e++) {
        const struct perf_log *log = w->perfs[e].log;
        if (log && log->fault)
            return status_fail(STATUS_OPERATING, "replication %u, %s", w->replication, log->fault);
    }
    return STATUS_OK;
}

struct models_steps *engine_steps(const struct world *w)
{
    struct models_steps *steps = arena_alloc(w->arena, 1, sizeof *steps);
    steps->parts = arena_alloc(w->arena, engine_count(w), sizeof *steps->parts);
    for (uint32_t e = 0; e < engine_count(w); e++)
        if (w->perfs[e].log && w->perfs[e].log->keeping)
            steps->parts[steps->count++] = w->perfs[e].log->kept;
    return steps;
}

void engine_snap(struct world *w, struct snap *snap)
{
    SNAP_COVERS(struct perf_log, 112);
    snap_begin(snap, "engines");
    for (uint32_t e = 0; e < engine_count(w); e++) {
        struct perf_log *log = w->perfs[e].log;
        uint64_t none = 0, length = log && log->replay ? log->replay->digest : 0, here = length;
        snap_u64(snap, &length);
        if (length != here) snap_refuse(snap, "the recorded steps of engine %u have changed", e);
        snap_u64(snap, log ? &log->asked : &none);
        snap_u64(snap, log ? &log->next : &none);
    }
    snap_end(snap);
}

void models_steps_header(FILE *out)
{
    perf_log_write_header(out);
}

void models_steps_write(const struct models_steps *steps, FILE *out)
{
    for (uint32_t i = 0; i < steps->count; i++)
        perf_log_write(&steps->parts[i], out);
}
