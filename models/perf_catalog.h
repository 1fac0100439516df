/* SPDX-License-Identifier: Apache-2.0
 * The tables of hardware and of model shapes; found by name through perf.h. */
#ifndef HACASIM_MODELS_PERF_CATALOG_H
#define HACASIM_MODELS_PERF_CATALOG_H

#include "models/perf.h"

extern const struct perf_hardware perf_catalog_hardware[PERF_HARDWARE];
extern const struct perf_model perf_catalog_models[PERF_MODELS];

#endif
