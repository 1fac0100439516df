/* SPDX-License-Identifier: Apache-2.0
 * Random bits for a test battery, without end, on standard output.
 *
 *     feed ORDER SEED        one of  single  entities  purposes  replications  seeds
 *
 * `single` is one stream.  The others take one draw from each of 1024 neighbouring streams in
 * turn, which differ in that part of the key alone: what a simulation sees when many entities draw
 * beside each other, and where a keyed generator would betray that its keys are related.  Draws
 * are written as they lie in memory, low word first.  Ends when nobody reads any more. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/rng.h"

enum { STREAMS = 1024, WORDS = 8192, PURPOSE = 0x7e57 };

static struct rng_stream streams[STREAMS];
static uint64_t words[WORDS];

/* How many streams there are in turn; 0: no such order. */
static uint32_t open_streams(const char *order, uint64_t seed)
{
    uint32_t count = strcmp(order, "single") == 0 ? 1 : STREAMS;
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(order, "seeds") == 0)
            streams[i] = rng_open(seed + i, 0, PURPOSE, 0);
        else if (strcmp(order, "replications") == 0)
            streams[i] = rng_open(seed, i, PURPOSE, 0);
        else if (strcmp(order, "purposes") == 0)
            streams[i] = rng_open(seed, 0, PURPOSE + i, 0);
        else if (strcmp(order, "entities") == 0 || count == 1)
            streams[i] = rng_open(seed, 0, PURPOSE, i);
        else
            return 0;
    }
    return count;
}

int main(int argc, char **argv)
{
    uint32_t count = argc == 3 ? open_streams(argv[1], strtoull(argv[2], NULL, 0)) : 0;
    if (count == 0) {
        fprintf(stderr, "usage: feed single|entities|purposes|replications|seeds SEED\n");
        return 2;
    }
    uint32_t turn = 0;
    do {
        for (uint32_t i = 0; i < WORDS; i++) {
            words[i] = rng_u64(&streams[turn]);
            turn = turn + 1 == count ? 0 : turn + 1;
        }
    } while (fwrite(words, sizeof *words, WORDS, stdout) == WORDS);
    return 0;
}
