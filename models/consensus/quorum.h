/* SPDX-License-Identifier: Apache-2.0
 * The quorum level of consensus (internal to models/consensus/). */
#ifndef HACASIM_MODELS_CONSENSUS_QUORUM_H
#define HACASIM_MODELS_CONSENSUS_QUORUM_H

#include "models/consensus/consensus.h"

struct quorum *quorum_create(const struct consensus *consensus, struct arena *arena);
/* As consensus_decide, without going on to the next height. */
void quorum_decide(struct consensus *consensus, const struct consensus_input *input,
                   struct consensus_outcome *outcome);

/* As consensus_times. */
bool quorum_times(const struct consensus *consensus, uint32_t validator,
                  struct consensus_times *times);

/* Time at which the earliest of n messages together reach `need` weight, when each takes
 * `verify_ns` of one core after it came in; INT64_MAX when all of them do not.  `weight` counts
 * power in its upper 48 bits and messages in the lower 16.  Both arrays are scratch. */
int64_t quorum_order(int64_t *time_ns, uint64_t *weight, uint32_t n, int64_t need,
                     int64_t verify_ns);

#endif
