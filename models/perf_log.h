/* SPDX-License-Identifier: Apache-2.0
 * Steps that are timed one by one: measured live, recorded, and replayed.
 *
 * A `struct perf` with a log is asked for each single step: its lines hold for one step, so that a
 * node steps however its fidelity is set.  The time of a step comes from
 *   - a recording that is replayed: the next of its steps, which must compute the same batch;
 *   - a live source, a function that runs or measures the batch, such as a GPU would;
 *   - else the source of the perf itself.
 * Whatever it was can be recorded, in whole ticks, so that a replay ends in the same trace hash.
 *
 * One log belongs to one engine (a struct perf of a world, by its index) in one replication.  Steps
 * are asked for in order of simulated time; a step that another request joins at its very start is
 * asked for again, larger, and both askings are kept.
 *
 * A recording is a CSV file:
 *     # hacasim: recorded steps
 *     replication,engine,decode_seqs,decode_context_tok,prefill_seqs,prefill_tok,
 *     prefill_context_tok,prefill_pairs,sampled,image_tok,ticks           (one line)
 * with ticks of 1/1024 ns, in the order of each engine. */
#ifndef HACASIM_MODELS_PERF_LOG_H
#define HACASIM_MODELS_PERF_LOG_H

#include "models/models.h"
#include "models/perf.h"
#include "sim/sim.h"

enum { PERF_LOG_VALUES = 8 }; /* of a batch, in the order of the columns */

struct perf_log_row {
    uint32_t replication, engine;
    int64_t values[PERF_LOG_VALUES], ticks;
};

struct perf_recording {
    const char *path;
    struct perf_log_row *rows;
    uint64_t count, capacity;
    uint64_t digest; /* of the file */
};

struct perf_log {
    uint32_t replication, engine;
    struct arena *arena;
    const struct perf_recording *replay; /* NULL: none */
    uint64_t next;                       /* row from which to look on */
    const struct models_live *live;      /* NULL: none */
    const char *class;                   /* told to the live source */
    bool keeping;
    struct perf_recording kept;
    uint64_t asked;    /* steps so far */
    const char *fault; /* NULL, or why the times are not what was wanted; the roofline stood in */
};

/* Source names of a perf with such a log; both answer as the roofline without one. */
extern const struct perf_source perf_live_source, perf_recorded_source;

/* For perf_step_line: `line` is what the perf's own source says. */
struct perf_line perf_log_line(const struct perf *perf, const struct perf_batch *batch,
                               const struct perf_line *line);

/* NULL after findings. */
const struct perf_recording *perf_log_read(FILE *file, const char *path, struct arena *arena,
                                           struct diag *diag);
/* Header and rows as text of a file; the header alone without rows. */
void perf_log_write_header(FILE *out);
void perf_log_write(const struct perf_recording *recording, FILE *out);

#endif
