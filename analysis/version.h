/* SPDX-License-Identifier: Apache-2.0
 * What this program is: version, commit, compiler, what it was built with.
 *
 * The version of the model is part of every run's hash: the number and a digest of the sources that
 * can change a result (sim/, net/, models/), so that two builds with one number and different code
 * never share a hash.  The commit and the compiler are not (they stand in the `execution` table),
 * because equal sources must give equal results on any build. */
#ifndef HACASIM_ANALYSIS_VERSION_H
#define HACASIM_ANALYSIS_VERSION_H

extern const char version_number[];   /* "0.1.0" */
extern const char version_model[];    /* "0.1.0+4f1c09a2b7de", number and digest of the sources */
extern const char version_commit[];   /* as git describes it, "unknown" without git */
extern const char version_compiler[]; /* "gcc 12.2.0" */
extern const char version_text[];     /* the line of --version */

#endif
