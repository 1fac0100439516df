/* SPDX-License-Identifier: Apache-2.0
 * The language of a scenario's `expect:` lines.
 *
 *     expectation = sum OP sum | sum in [sum, sum]        OP: < <= > >= == !=
 *     sum         = product { + product | - product }
 *     product     = factor { * factor | / factor }
 *     factor      = number | number% | metric | ( sum ) | - factor
 *
 *     gap.s.p99 < 30
 *     gap.never_ratio in [0%, 1%]
 *     cost.usd_per_verified_mtok <= 1.5 * cost.usd_per_mtok
 *     ledger.residual == 0
 *
 * An expectation holds when it holds in every replication.  A null metric fails it, and so does a
 * division by zero.  Sums, differences and comparisons of exact amounts, counts and decimal
 * constants are exact; everything else is done in doubles. */
#ifndef HACASIM_ANALYSIS_EXPECT_H
#define HACASIM_ANALYSIS_EXPECT_H

#include <stdbool.h>
#include <stdint.h>

#include "models/models.h"

struct expect;

/* Check one line before anything is simulated; it may name the common metrics and those of the
 * scenario.  Findings go to `diag` at the line's position, and NULL comes back. */
struct expect *expect_parse(struct arena *arena, const struct models_metrics *metrics,
                            const struct param_text *line, struct diag *diag);
/* The same with other metrics than a world's; their values are then given to expect_judge. */
struct expect *expect_parse_among(struct arena *arena, const struct param_text *line,
                                  struct diag *diag, const char *const *names, size_t count);

struct expect_outcome {
    uint32_t failures;  /* replications in which it does not hold; 0: it holds */
    uint32_t worst;     /* index of the one that misses by most; when it holds, of the first */
    const char *actual; /* "gap.s.p99 = 34.2": the sides that are no constants, there */
    const char *parts;  /* the metrics that a compound side is made of; NULL: none is */
    const char *miss;   /* "misses by 4.2 (14 %)"; NULL when it holds */
};
/* `values`: for each of `reps` replications all values of its record. */
struct expect_outcome expect_judge(const struct expect *expect, struct arena *arena,
                                   const struct models_value *const *values, uint32_t reps);

/* How far one replication is from missing the expectation. */
struct expect_slack {
    double left;  /* value of its left side; NaN: null */
    double slack; /* above 0: it holds by this much; below 0: it misses by this much; NaN: null */
};
struct expect_slack expect_slack(const struct expect *expect, struct arena *arena,
                                 const struct models_value *values);
/* Does a slack of exactly 0 miss it (< > !=)? */
bool expect_strict(const struct expect *expect);

#endif
