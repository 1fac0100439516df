/* SPDX-License-Identifier: Apache-2.0
 * What an engine shows to whoever scrapes it: requests waiting and running, share of its KV blocks
 * in use (vllm:num_requests_waiting, num_requests_running, kv_cache_usage_perc), read at each full
 * second of a window.  A reading at t sees what stood just before t.  It costs no event: a node
 * reads for all seconds that have passed whenever something is about to change, in the middle of a
 * leap from the leap's own closed form, so that both fidelities read the same. */
#ifndef HACASIM_MODELS_SERVING_GAUGE_H
#define HACASIM_MODELS_SERVING_GAUGE_H

#include <stdint.h>

struct hist;
struct serving;

struct serving_gauges {             /* shared by any number of nodes */
    int64_t start_ns, end_ns;       /* both ends are read */
    struct hist *waiting, *running; /* requests */
    struct hist *kv;                /* 1e-9 of the blocks */
};

/* Read at the full seconds in (from_ns, to_ns], the node being as it is. */
void serving_gauge_read(const struct serving *s, int64_t from_ns, int64_t to_ns);

#endif
