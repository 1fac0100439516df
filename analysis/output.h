/* SPDX-License-Identifier: Apache-2.0
 * What the user asked to be written somewhere: to a file, to a device, or to standard output ("-").
 *
 *     struct output output;
 *     TRY(output_open(&output, path), ...);
 *     enum status status = write_it(output.stream);
 *     return output_close(&output, status);
 *
 * A plain file appears whole or not at all: the text goes to a temporary file beside the target,
 * which takes its name in the end; a reader never sees half a file, and a full disk leaves the old
 * one.  Folders are not made: a name that was mistyped is an error. */
#ifndef HACASIM_ANALYSIS_OUTPUT_H
#define HACASIM_ANALYSIS_OUTPUT_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#include "sim/sim.h"

struct output {
    FILE *stream;
    const char *path;
    bool standard, plain; /* plain: a file; else a device */
    char temporary[PATH_MAX];
};

/* Could `path` be written now?  Asked before a long simulation; writes nothing. */
enum status output_check(const char *path);
enum status output_open(struct output *output, const char *path);
/* `status` is what writing came to: a failure is passed on, and the file is not left behind.
 * STATUS_OK comes back when everything has reached its place. */
enum status output_close(struct output *output, enum status status);

/* Make the folders above a file, for a place that the program itself chose. */
enum status output_make_folders(const char *path);

/* Has everything that went to standard output got there? */
enum status output_standard(void);
/* Standard output failed because the reader of a pipe has left, as head does when it has enough. */
bool output_reader_left(void);

#endif
