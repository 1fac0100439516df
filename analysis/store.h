/* SPDX-License-Identifier: Apache-2.0
 * The results database (SQLite, WAL): store.c is the only file that knows its schema.
 *
 * One row of `runs` per `hacasim run`, with a small integer id that is never used again.  The same
 * command run twice makes two rows with equal hash: the hash names what was asked (scenario, seed,
 * replications, version), the id names the occasion.  Every finished replication is one
 * transaction, so a run that is killed keeps what it had finished.
 *
 * Where a run was done and how long it took stands in `execution` alone; rows of all other tables
 * are the same on any machine, and come in key order.
 *
 * Functions that read return texts and arrays in the arena given to store_open. */
#ifndef HACASIM_ANALYSIS_STORE_H
#define HACASIM_ANALYSIS_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "models/models.h"

#define STORE_DEFAULT "results/hacasim.db"

enum store_mode {
    STORE_READ,  /* must exist; nothing is written, not even beside it in a read-only folder */
    STORE_WRITE, /* made, with its folder, when missing; tried out before it is returned */
};

struct store;

enum status store_open(struct store **out, struct arena *arena, const char *path,
                       enum store_mode mode);
void store_close(struct store *store); /* NULL is allowed */

struct store_run {
    /* identity */
    int64_t id;
    const char *hash; /* 16 hex digits; 12 are shown */
    const char *name, *doc, *path, *design, *price_rule;
    const char *scenario;      /* canonical text */
    const char *scenario_hash; /* 16 hex digits */
    uint64_t seed;
    uint32_t reps, done;    /* replications asked for (while a rule adds them, the most); stored */
    const char *trace_hash; /* 16 hex digits; NULL unless all replications are there */
    const char *state;      /* running, done, interrupted, failed */
    int64_t parent;         /* the run it branched from; 0: none */
    int64_t parent_ns;      /* and at which simulated time */
    /* execution */
    const char *host, *started_utc, *version, *commit, *compiler;
    uint32_t threads;
    double wall_s, age_s; /* wall_s: NaN until the run has ended */
};

/* ---- writing ------------------------------------------------------------------------------- */

/* Store the fields of identity (and parent) but id, done, trace_hash and state, with `threads`; the
 * rest of execution is filled in here.  State `running`. */
enum status store_begin(struct store *store, const struct store_run *run,
                        const struct param_effective *effective, size_t effective_count,
                        int64_t *id);
/* Go on with a run that was interrupted: it is `running` here now.  STATUS_USER when a process of
 * this host still runs it. */
enum status store_resume(struct store *store, int64_t run, uint32_t threads);
/* One checkpoint: a timed one is kept for good, any other replaces the one before and goes when its
 * replication is finished. */
enum status store_checkpoint(struct store *store, int64_t run,
                             const struct models_checkpoint *checkpoint);
/* One finished replication, committed when this returns. */
enum status store_keep(struct store *store, int64_t run, const struct models_record *record);
enum status store_end(struct store *store, int64_t run, const char *state, const char *trace_hash,
                      double wall_s);

/* How a rule of `reps: {until: ...}` ended. */
struct store_stop {
    const char *metric;
    double half_width, level; /* asked for; half_width over the mean */
    uint32_t min, max, used;  /* replications */
    double mean, achieved;    /* half-width over the mean; NaN: there is none */
    const char *reason;       /* precise, max, zero, null */
};
/* Make `stop->used` the number of replications of the run: those that were computed ahead go, and
 * the rule is noted with how it ended.  Before store_end. */
enum status store_stop(struct store *store, int64_t run, const struct store_stop *stop);
/* A caveat of the run as a whole, after `earlier` others of that kind. */
enum status store_caveat(struct store *store, int64_t run, uint32_t earlier, const char *text);

/* The text that goes with a value which a double cannot hold exactly (an exact amount, an integer
 * beyond 2^53), else NULL.  `buffer` of MONEY_TEXT bytes. */
const char *store_exact_text(char *buffer, const struct models_value *value);

/* ---- reading ------------------------------------------------------------------------------- */

/* All runs, oldest first. */
enum status store_runs(struct store *store, struct store_run **out, size_t *count);

/* The run that `text` names: an id, a scenario's name or path (the newest), or a prefix of a hash
 * (at least 4 digits).  STATUS_USER, with a message, when there is none or the prefix fits several
 * hashes. */
enum status store_find(struct store *store, const char *text, struct store_run *out);

struct store_value {
    const char *name, *text; /* text: exact decimal, or NULL */
    uint32_t rep;
    double value; /* NaN: null */
};
/* Ordered by name, then replication. */
enum status store_values(struct store *store, int64_t run, struct store_value **out, size_t *count);

/* Mean of one metric over the replications that have it; NaN when none has. */
enum status store_mean(struct store *store, int64_t run, const char *metric, double *out);

/* A series (x: time in s) or a curve (x: quantity, y: share of samples <= x) of one replication. */
struct store_line {
    const char *name, *unit; /* unit: of a series' y, of a curve's x */
    double *x, *y;           /* NaN: no value */
    size_t count;
};
/* All of one replication, ordered by name. */
enum status store_series(struct store *store, int64_t run, uint32_t rep, struct store_line **out,
                         size_t *count);
enum status store_curves(struct store *store, int64_t run, uint32_t rep, struct store_line **out,
                         size_t *count);

/* The batch means of one replication, in order of metric; none from a database of before. */
enum status store_steady(struct store *store, int64_t run, uint32_t rep, struct models_steady **out,
                         size_t *count);
/* How the rule ended; *found is false for a run with a fixed number of replications. */
enum status store_stopped(struct store *store, int64_t run, struct store_stop *out, bool *found);

/* The distinct caveats: of the run, then of all replications in order of the first that has them.
 */
enum status store_caveats(struct store *store, int64_t run, const char ***out, size_t *count);

/* The effective scenario, in the order of the table. */
enum status store_effective(struct store *store, int64_t run, struct param_effective **out,
                            size_t *count);

/* The replications that are finished, in order. */
struct store_replication {
    uint32_t rep;
    uint64_t trace_hash;
};
enum status store_replications(struct store *store, int64_t run, struct store_replication **out,
                               size_t *count);

/* The checkpoints of a run, by replication and then time. */
struct store_moment {
    uint32_t rep;
    int64_t now_ns;
    bool timed;
    const char *version, *commit; /* of the program that wrote it */
};
enum status store_moments(struct store *store, int64_t run, struct store_moment **out,
                          size_t *count);
/* The state of one of them, in `arena`. */
enum status store_state(struct store *store, int64_t run, const struct store_moment *moment,
                        struct arena *arena, struct models_checkpoint *out);

/* ---- whole database ------------------------------------------------------------------------ */

/* Copy one run with all its rows to a new database at `path`, which must not exist. */
enum status store_copy(struct store *store, int64_t run, const char *path);

/* Called with the column names of a statement first, then with each row; cells may be NULL. */
typedef void (*store_row_fn)(void *context, size_t columns, const char *const *cells, bool names);
/* Run the statements of `sql`, which may only read (else STATUS_USER). */
enum status store_query(struct store *store, const char *sql, store_row_fn row, void *context);

#endif
