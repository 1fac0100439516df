/* SPDX-License-Identifier: Apache-2.0
 * Files that appear whole or not at all.
 *
 *     struct outfile file;
 *     TRY(outfile_open(&file, path), ...);
 *     fprintf(file.stream, ...);
 *     TRY(outfile_commit(&file), ...);       or outfile_discard(&file)
 *
 * The text goes to a temporary file beside the target, which takes its name in the end; a reader
 * never sees half a file, and a full disk leaves the old one.  Missing folders are made. */
#ifndef HACASIM_ANALYSIS_OUTFILE_H
#define HACASIM_ANALYSIS_OUTFILE_H

#include <limits.h>
#include <stdio.h>

#include "sim/sim.h"

struct outfile {
    FILE *stream;
    char path[PATH_MAX], temporary[PATH_MAX];
};

enum status outfile_open(struct outfile *file, const char *path);
enum status outfile_commit(struct outfile *file);
void outfile_discard(struct outfile *file);

#endif
