/* SPDX-License-Identifier: Apache-2.0
 * The invariants of a world, checked after each block in every build.
 *
 * Money: sum of accounts = genesis + minted - burned, no account below 0, burned never falls, each
 * fee has one destination (ledger_check, token_check).  Requests: each that arrived is in exactly
 * one state, and every record that is not finished is held by something.  Serving: the laws of
 * serving_laws.h, compared at each event of a node; after each block one node in turn, and at the
 * end of the run every one, has its requests walked over. */
#include "models/world.h"

#include <stdarg.h>

static void invariant_breach(struct world *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void invariant_breach(struct world *w, const char *format, ...)
{
    if (w->breach[0]) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(w->breach, sizeof w->breach, format, arguments);
    va_end(arguments);
}

const char *invariant_text(const struct world *w)
{
    if (w->breach[0]) return w->breach;
    return ledger_sound(&w->ledger) ? NULL : w->ledger.breach;
}

static void invariant_requests(struct world *w)
{
    uint64_t sum = 0, open = 0;
    for (int s = 0; s < REQUEST_STATES; s++) {
        sum += w->states[s];
        if (s < REQUEST_COMPLETED) open += w->states[s];
    }
    uint64_t live = w->requests.capacity - w->requests.free_count;
    if (sum != w->arrived) {
        invariant_breach(w, "requests: %llu arrived, %llu are in some state",
                         (unsigned long long)w->arrived, (unsigned long long)sum);
    }
    if (open > live) {
        invariant_breach(w, "requests: %llu are not finished, %llu records are in use",
                         (unsigned long long)open, (unsigned long long)live);
    }
}

static void invariant_proofs(struct world *w)
{
    const struct metrics *m = &w->metrics;
    if (m->open < 0) {
        invariant_breach(w, "proofs: %lld answers are pending", (long long)m->open);
    }
    if (m->risk.value < 0) {
        invariant_breach(w, "value at risk: %lld nano-USD", (long long)m->risk.value);
    }
    if (m->recovered_nano > m->exploited_nano) {
        invariant_breach(w, "recovered more than was exploited");
    }
}

static void invariant_transfers(struct world *w)
{
    const struct transfer *t = &w->transfer;
    if (t->started != t->arrived + t->lost + t->moving) {
        invariant_breach(
            w, "KV transfers: %llu were started, %llu have arrived, are lost or moving",
            (unsigned long long)t->started, (unsigned long long)t->arrived + t->lost + t->moving);
    }
}

static void invariant_serving(struct world *w, uint32_t node,
                              const char *law(const struct serving *, char *, size_t))
{
    char text[160];
    if (w->nodes[node].proxy) return; /* it has no engine */
    if (law(&w->nodes[node].serving, text, sizeof text))
        invariant_breach(w, "serving: node %u: %s", node, text);
}

void invariant_node(struct world *w, uint32_t node)
{
    invariant_serving(w, node, serving_laws_check);
}

bool invariant_final(struct world *w)
{
    for (uint32_t node = 0; node < w->node_count; node++) {
        invariant_serving(w, node, serving_laws_audit);
    }
    return invariant_check(w);
}

bool invariant_check(struct world *w)
{
    if (w->node_count > 0)
        invariant_serving(w, (uint32_t)(w->block.height % w->node_count), serving_laws_audit);
    money_t residual = ledger_check(&w->ledger);
    if (residual > w->worst_residual) w->worst_residual = residual;
    token_check(&w->token);
    invariant_requests(w);
    invariant_proofs(w);
    invariant_transfers(w);
    return invariant_text(w) == NULL;
}
