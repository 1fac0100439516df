/* SPDX-License-Identifier: Apache-2.0
 * Blob storage: how long an upload takes, and whether it arrives.
 *
 * The real network puts batch trees and big proofs into a public store before the chain hears of
 * them.  One attempt takes a drawn time; it fails when that is longer than the time-out, or with
 * `failure`.  Attempts repeat after a pause, at most `tries` times.  Leaves out what the blob
 * contains and how long the store keeps it. */
#ifndef HACASIM_MODELS_STORAGE_H
#define HACASIM_MODELS_STORAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/sim.h"

struct storage_params {
    struct dist upload; /* s, one attempt */
    int64_t timeout;    /* ns */
    int64_t tries;
    int64_t pause;  /* ns between attempts */
    double failure; /* ratio of attempts that fail for other reasons */
};
extern const struct param_table storage_table;

struct storage_attempt {
    int64_t duration_ns;
    bool stored;
};

/* Attempt `number` (from 0) of upload `upload`; the same for every design under one seed. */
struct storage_attempt storage_try(const struct storage_params *params, uint64_t seed,
                                   uint32_t replication, uint32_t upload, uint32_t number);

#endif
