/* SPDX-License-Identifier: Apache-2.0
 * Sampling, one source for host and device (internal to gpu/).
 *
 * A token is drawn by the Gumbel-max rule (Gumbel 1954; Maddison et al. 2014): the index with the
 * largest logit / T + g_i, where g_i = -log(-log(u_i)), has the probabilities softmax(logit / T).
 * u_i is keyed by (seed, stream, position, i), so no draw hangs on the batch, and an
 * implementation whose logits differ a little draws the same token unless two come very close. */
#ifndef HACASIM_GPU_SAMPLE_H
#define HACASIM_GPU_SAMPLE_H

#include "sim/dmath.h"
#include "sim/rng.h"

enum { SAMPLE_PURPOSE = 0x504d4153 };

/* Draws of the tokens of one position come in index order from this stream. */
RNG_FN struct rng_stream sample_stream(uint64_t seed, uint32_t stream, int32_t position)
{
    return rng_open(seed, (uint32_t)position, SAMPLE_PURPOSE, stream);
}

RNG_FN double sample_score(struct rng_stream *s, float logit, float temperature)
{
    return (double)logit / temperature - dmath_log(-dmath_log(rng_unit(s)));
}

#endif
