/* SPDX-License-Identifier: Apache-2.0
 * Names for things that must be recognised again: 64-bit hashes of texts and words.
 *
 * FNV-1a over bytes and a final avalanche.  It tells scenarios and runs apart; it resists nobody
 * who wants a collision, and nothing here needs that.
 *
 *     uint64_t hash = digest_word(digest_text(DIGEST_START, scenario), seed);
 *     printf("%s\n", digest_hex(buffer, digest_end(hash))); */
#ifndef HACASIM_ANALYSIS_DIGEST_H
#define HACASIM_ANALYSIS_DIGEST_H

#include <stdint.h>

#define DIGEST_START UINT64_C(0xcbf29ce484222325)
enum { DIGEST_HEX = 17 }; /* 16 digits and NUL */

uint64_t digest_text(uint64_t state, const char *text); /* with its final NUL */
uint64_t digest_word(uint64_t state, uint64_t word);
uint64_t digest_end(uint64_t state);
char *digest_hex(char *buffer, uint64_t hash); /* buffer of DIGEST_HEX bytes */

#endif
