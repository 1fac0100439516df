/* SPDX-License-Identifier: Apache-2.0
 * Going on with a stored run: the same run where it was interrupted, or a branch of it.
 *
 *     struct resume resume = {.arena = arena, .db = path};
 *     resume_plan(&resume, "12@30min", sets, count)   finds the run, loads its scenario, and says
 *                                                     where each replication begins; writes nothing
 *     resume_attach(&resume, store, id)               from here on checkpoints go to run `id`
 *     job.checkpoints = &resume.checkpoints
 *
 * A fresh run uses resume_attach alone. */
#ifndef HACASIM_ANALYSIS_RESUME_H
#define HACASIM_ANALYSIS_RESUME_H

#include "analysis/pool.h"
#include "analysis/store.h"

/* Wall time between two checkpoints of a replication.  A death costs at most this much work. */
enum { RESUME_WALL_S = 60 };

struct resume_start { /* where a replication begins */
    int64_t run;      /* 0: at the start */
    struct store_moment moment;
    const struct models_scenario *past; /* NULL: its own scenario */
};

struct resume {
    /* given */
    struct arena *arena;
    const char *db;
    int64_t every_ns; /* --checkpoint-every; 0: not given */
    /* planned */
    struct store_run run;             /* that is resumed, or branched from */
    bool branch, complete;            /* complete: nothing is left to do */
    bool ruled;                       /* a stop rule decides how many replications there are */
    int64_t cut_ns;                   /* end of the warm-up where MSER-5 chose it */
    int64_t until_ns;                 /* checkpoints later than this are not used */
    int64_t branch_ns;                /* when the branch begins */
    struct models_scenario *scenario; /* to go on under */
    struct models_scenario *past;     /* of the run branched from; NULL where there is none */
    struct resume_start *starts;      /* [replication] */
    bool *finished;
    uint64_t *trace_hash;
    struct models_value *watched; /* [replication] of the rule's metric; NULL without a rule */
    /* attached */
    struct store *store;
    int64_t id;
    struct pool_checkpoints checkpoints;
};

/* STATUS_USER, with findings or a chain, when it cannot be. */
enum status resume_plan(struct resume *resume, const char *text, const char *const *sets,
                        size_t set_count);
void resume_attach(struct resume *resume, struct store *store, int64_t id);
void resume_close(struct resume *resume);

/* One line on standard error: from where it goes on. */
void resume_say(const struct resume *resume);

#endif
