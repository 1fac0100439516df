/* SPDX-License-Identifier: Apache-2.0
 * The 13 x 13 latency table that net.c reads (internal to net/). */
#ifndef HACASIM_NET_AWS13_H
#define HACASIM_NET_AWS13_H

#include <stdint.h>

enum { AWS13_REGIONS = 13 };

extern const char *const aws13_names[AWS13_REGIONS + 1];              /* NULL-terminated */
extern const uint16_t aws13_one_way_ms[AWS13_REGIONS][AWS13_REGIONS]; /* [from][to] */

#endif
