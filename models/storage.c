/* SPDX-License-Identifier: Apache-2.0
 * Upload attempts. */
#include "models/storage.h"

#include "models/purpose.h"

static const struct param storage_rows[] = {
    PARAM_SUB(storage_params, upload, PARAM_CHOICE, param_dist_seconds,
              "{lognormal: {median: 1 s, sigma: 0.5}}", "time of one upload attempt",
              "assumption: no figure is published"),
    PARAM(storage_params, timeout, PARAM_DURATION, "30 s", "1 ms", "1 h",
          "an attempt that takes longer has failed",
          "OpenGradient/inference-facilitator all_networks_shared.ts"),
    PARAM(storage_params, tries, PARAM_COUNT, "5", "1", "100",
          "attempts before an upload is given up",
          "OpenGradient/inference-facilitator all_networks_shared.ts"),
    PARAM(storage_params, pause, PARAM_DURATION, "10 s", "0 s", "1 h", "pause between attempts",
          "OpenGradient/inference-facilitator all_networks_shared.ts"),
    PARAM(storage_params, failure, PARAM_RATIO, "0%", "0%", "100%",
          "share of attempts that fail for other reasons", "assumption"),
};
const struct param_table storage_table = PARAM_TABLE("storage", storage_params, storage_rows);

struct storage_attempt storage_try(const struct storage_params *params, uint64_t seed,
                                   uint32_t replication, uint32_t upload, uint32_t number)
{
    struct rng_stream s = rng_open(seed, replication, PURPOSE_STORAGE, upload);
    rng_seek(&s, 2 * number); /* one attempt uses at most two blocks of two draws */
    double duration_s = dist_draw(&params->upload, &s);
    rng_seek(&s, 2 * number + 1);
    bool unlucky = rng_unit(&s) < params->failure;
    int64_t limit = params->timeout;
    bool late = duration_s * 1e9 >= (double)limit;
    return (struct storage_attempt){.duration_ns = late ? limit : event_ns(duration_s * 1e9),
                                    .stored = !late && !unlucky};
}
