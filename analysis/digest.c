/* SPDX-License-Identifier: Apache-2.0
 * 64-bit hashes of texts and words.
 *
 * Answers for: the same text gives the same digits on every machine.  FNV-1a leaves the last bytes
 * weakly spread over the high digits, and it is the high digits that a user types as a prefix;
 * hence the finaliser of SplitMix64 in digest_end. */
#include "analysis/digest.h"

#include <inttypes.h>
#include <stdio.h>

static uint64_t digest_byte(uint64_t state, unsigned char byte)
{
    return (state ^ byte) * UINT64_C(0x100000001b3); /* FNV prime */
}

/* The NUL counts, so that ("ab", "c") and ("a", "bc") differ. */
uint64_t digest_text(uint64_t state, const char *text)
{
    do {
        state = digest_byte(state, (unsigned char)*text);
    } while (*text++ != '\0');
    return state;
}

uint64_t digest_word(uint64_t state, uint64_t word)
{
    for (int shift = 0; shift < 64; shift += 8)
        state = digest_byte(state, (uint8_t)(word >> shift));
    return state;
}

uint64_t digest_end(uint64_t state)
{
    state = (state ^ (state >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    state = (state ^ (state >> 27)) * UINT64_C(0x94d049bb133111eb);
    return state ^ (state >> 31);
}

char *digest_hex(char *buffer, uint64_t hash)
{
    snprintf(buffer, DIGEST_HEX, "%016" PRIx64, hash);
    return buffer;
}
