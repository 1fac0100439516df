/* SPDX-License-Identifier: Apache-2.0
 * All candidates with the two loads, as a table. */
#ifndef HACASIM_TESTS_LAB_CANDIDATES_H
#define HACASIM_TESTS_LAB_CANDIDATES_H

#include <time.h>

#include "tests/lab/calendar.h"
#include "tests/lab/flat.h"
#include "tests/lab/heap4.h"
#include "tests/lab/ladder.h"
#include "tests/lab/radix.h"
#include "tests/lab/ring.h"

enum { LAB_DRAWS = 1 << 16 };

struct lab_hold {
    const int64_t *before,
        *after; /* LAB_DRAWS increments; the second half of the run has `after` */
    uint32_t pending, steps, batches, warm; /* warm: batches not timed */
    double limit_s;                         /* stop after the batch that passes it */
};

struct lab_stream {
    const struct lab_record *records;
    size_t count;
    struct event_handle *handles; /* room for those given out */
};

struct lab_result {
    uint64_t hash;      /* of a replay; of a hold the one after its first batch */
    uint64_t last_hash; /* of a hold, at its end */
    uint64_t fired, ties;
    uint64_t steps;
    double total_s, ns; /* ns: of the best batch; replay: per delivered event */
};

/* Time of this thread: what other processes take does not count. */
static inline double lab_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

#define LAB_JOIN(a, b) a##b
#define LAB_NAME(a, b) LAB_JOIN(a, b)

#define LIST heap4
#include "tests/lab/dress.inc"
#include "tests/lab/drive.inc"
#undef LIST
#define LIST flat
#include "tests/lab/dress.inc"
#include "tests/lab/drive.inc"
#undef LIST
#define LIST calendar
#include "tests/lab/dress.inc"
#include "tests/lab/drive.inc"
#undef LIST
#define LIST radix
#include "tests/lab/dress.inc"
#include "tests/lab/drive.inc"
#undef LIST
#define LIST ring
#include "tests/lab/dress.inc"
#include "tests/lab/drive.inc"
#undef LIST
#define LIST ladder
#include "tests/lab/drive.inc"
#undef LIST

static const struct lab_candidate {
    const char *name;
    struct lab_result (*hold)(const struct lab_hold *hold, bool option);
    struct lab_result (*replay)(const struct lab_stream *stream, bool option);
    bool option;
    uint32_t pending_max; /* beyond this it is hopeless and not timed */
} lab_candidates[] = {
    {"ladder", ladder_hold, ladder_replay, false, UINT32_MAX}, /* the product: first */
    {"4-ary heap", heap4_hold, heap4_replay, false, UINT32_MAX},
    {"4-ary heap, replace", heap4_hold, heap4_replay, true, UINT32_MAX},
    {"ring over heap", ring_hold, ring_replay, false, UINT32_MAX},
    {"calendar", calendar_hold, calendar_replay, false, UINT32_MAX},
    {"radix heap", radix_hold, radix_replay, false, UINT32_MAX},
    {"sorted array", flat_hold, flat_replay, false, 1000},
};
enum { LAB_CANDIDATES = sizeof lab_candidates / sizeof lab_candidates[0] };

enum lab_increments { LAB_EXPONENTIAL, LAB_UNIFORM, LAB_SKEWED, LAB_NOW, LAB_INCREMENTS };

/* Mean 1 s but for LAB_NOW.  Skewed: 90 % short (mean 0.1 s), 10 % long.  Now: 90 % within 10 ns.
 */
static inline void lab_draw(int64_t *draws, enum lab_increments kind, double scale)
{
    struct rng_stream stream = rng_open(2, 0, 0, 0);
    for (int i = 0; i < LAB_DRAWS; i++) {
        bool rare = rng_below(&stream, 10) == 0;
        double ns = variate_exponential(&stream, 1e9);
        if (kind == LAB_UNIFORM) ns = variate_uniform(&stream, 0.0, 2e9);
        if (kind == LAB_SKEWED) ns *= rare ? 9.1 : 0.1;
        if (kind == LAB_NOW) ns = rare ? 10.0 * ns : variate_uniform(&stream, 0.0, 10.0);
        draws[i] = (int64_t)(ns * scale);
    }
}

#endif
