/* SPDX-License-Identifier: Apache-2.0
 * Names of models and cards: as runs, folders and files state them, and as the catalog has them. */
#ifndef HACASIM_MODELS_PERF_NAMES_H
#define HACASIM_MODELS_PERF_NAMES_H

#include "models/perf.h"

/* The catalog entry that a name means ("meta-llama/Llama-3.1-8B", "NVIDIA GeForce RTX 4090"), in
 * capitals or not; NULL: none. */
const struct perf_model *perf_names_model(const char *name);
const struct perf_hardware *perf_names_hardware(const char *name);

/* What the name of a file or folder says of whose it is. */
enum perf_names_said { PERF_NAMES_OTHER = -1, PERF_NAMES_NOTHING, PERF_NAMES_SAME };

/* "a100_sxm_gemm_bf16.csv": the same for a100-80g and a100-40g, other for h100-sxm.  A card that
 * is not in the catalog is never other than the one that a name says. */
enum perf_names_said perf_names_card(const char *text, const struct perf_hardware *hardware);
enum perf_names_said perf_names_is_model(const char *text, const struct perf_model *model);
enum perf_names_said perf_names_dtype(const char *text, enum perf_dtype dtype);

/* "unknown model 'x'; did you mean 'y'? (known: ...)" */
const char *perf_names_unknown(struct arena *arena, const char *what, const char *name,
                               const char *const *known, size_t count);

#endif
