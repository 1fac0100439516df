/* SPDX-License-Identifier: Apache-2.0
 * What the user asked to be written somewhere: to a file, to a device, or to standard output ("-").
 *
 *     struct output output;
 *     TRY(output_open(&output, path), ...);
 *     enum status status = write_it(output.stream);
 *     return output_close(&output, status);
 *
 * A plain file appears whole or not at all (outfile). */
#ifndef HACASIM_ANALYSIS_OUTPUT_H
#define HACASIM_ANALYSIS_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "analysis/outfile.h"
#include "sim/sim.h"

struct output {
    FILE *stream;
    const char *path;
    bool standard, plain; /* plain: a file; else a device */
    struct outfile file;  /* of a plain one */
};

enum status output_open(struct output *output, const char *path);
/* `status` is what writing came to: a failure is passed on, and the file is not left behind.
 * STATUS_OK comes back when everything has reached its place. */
enum status output_close(struct output *output, enum status status);

/* Has everything that went to standard output got there? */
enum status output_standard(void);

#endif
