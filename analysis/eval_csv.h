/* SPDX-License-Identifier: Apache-2.0
 * One function over the rows of a CSV file: `hacasim eval FUNCTION --csv FILE`. */
#ifndef HACASIM_ANALYSIS_EVAL_CSV_H
#define HACASIM_ANALYSIS_EVAL_CSV_H

#include <stdio.h>

#include "analysis/eval.h"

/* Evaluate `text` (a header of input names, then one call per row) and write the rows with their
 * results appended to `out`.  Inputs without a column come from `given`, as the command line gave
 * them.  Everything wrong goes to `diag` as NAME:LINE:COLUMN; `out` is then worth nothing. */
void eval_csv_run(const struct eval_function *function, const struct eval_given *given,
                  const char *name, const char *text, size_t length, struct arena *arena,
                  struct diag *diag, FILE *out);

#endif
