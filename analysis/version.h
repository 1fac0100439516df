/* SPDX-License-Identifier: Apache-2.0
 * What this program is: version, commit, compiler, what it was built with.
 *
 * The version is part of every run's hash; the commit and the compiler are not (they stand in the
 * `execution` table), because equal versions must give equal results on any build. */
#ifndef HACASIM_ANALYSIS_VERSION_H
#define HACASIM_ANALYSIS_VERSION_H

extern const char version_number[];   /* "0.1.0" */
extern const char version_commit[];   /* as git describes it, "unknown" without git */
extern const char version_compiler[]; /* "gcc 12.2.0" */
extern const char version_text[];     /* the line of --version */

#endif
