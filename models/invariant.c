/* SPDX-License-Identifier: Apache-2.0
 * The invariants of a world, checked after each block in every build.
 *
 * Money: sum of accounts = genesis + minted - burned, no account below 0, burned never falls, each
 * fee has one destination (ledger_check, token_check).  Requests: each that arrived is in exactly
 * one state, and every record that is not finished is held by something. */
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
            (unsigned long long)t->started, (unsigned long long)(t->arrived + t->lost + t->moving));
    }
}

bool invariant_check(struct world *w)
{
    money_t residual = ledger_check(&w->ledger);
    if (residual > w->worst_residual) w->worst_residual = residual;
    token_check(&w->token);
    invariant_requests(w);
    invariant_proofs(w);
    invariant_transfers(w);
    return invariant_text(w) == NULL;
}
