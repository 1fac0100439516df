/* SPDX-License-Identifier: Apache-2.0
 * What this program is.
 *
 * Answers for: the texts that name a build.  The only file that reads the macros HACASIM_COMMIT,
 * HACASIM_MODEL, HACASIM_CUDA and HACASIM_MPI of the Makefile, so that a commit rebuilds one object
 * and not all.
 */
#include "analysis/version.h"

#ifndef HACASIM_VERSION
#define HACASIM_VERSION "0.1.0"
#endif
#ifndef HACASIM_COMMIT
#define HACASIM_COMMIT "unknown"
#endif
#ifndef HACASIM_MODEL
#define HACASIM_MODEL "unknown"
#endif

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

#ifdef HACASIM_CUDA
#define CUDA "yes"
#else
#define CUDA "no"
#endif

#ifdef HACASIM_MPI
#define MPI "yes"
#else
#define MPI "no"
#endif

const char version_number[] = HACASIM_VERSION;
const char version_commit[] = HACASIM_COMMIT;
const char version_model[] = HACASIM_VERSION "+" HACASIM_MODEL;
const char version_compiler[] = COMPILER;
const char version_text[] = "hacasim " HACASIM_VERSION " (commit " HACASIM_COMMIT ", " COMPILER
                            ", CUDA " CUDA ", MPI " MPI ")";
