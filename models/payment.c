/* SPDX-License-Identifier: Apache-2.0
 * Payment: see payment.h for the model.
 *
 * Open sessions lie in three structures at once, over one array of records: a chained hash for
 * finding (user, node), a doubly linked list in order of last use, whose head is the next to
 * fall idle, and a list of free records.  Every operation is O(1); the array doubles up to the
 * scenario's limit, after which the oldest session is settled early and counted. */
#include "models/payment.h"

#include <assert.h>

static const struct param rows[] = {
    PARAM(
        payment_params, input, PARAM_USD, "$1.25", "$0", "$100000",
        "price of a million prompt tokens",
        "gpt-5, tee-gateway model_registry.py; that a llama3-70b costs the same is an assumption"),
    PARAM(
        payment_params, output, PARAM_USD, "$10", "$0", "$100000",
        "price of a million generated tokens",
        "gpt-5, tee-gateway model_registry.py; that a llama3-70b costs the same is an assumption"),
    PARAM(payment_params, cap, PARAM_OPG, "0.1 OPG", "0.000001 OPG", "1000000 OPG",
          "most that a user permits per session at a node", "tee-gateway definitions.py"),
    PARAM(payment_params, idle, PARAM_DURATION, "100 s", "1 s", "30 d",
          "a session idle for so long is settled", "tee-gateway __main__.py, session_idle_timeout"),
    PARAM(payment_params, sessions, PARAM_COUNT, "1000000", "1", "100000000",
          "most open sessions; beyond it the oldest is settled early", "assumption"),
    PARAM(payment_params, wallet, PARAM_OPG, "10 OPG", "0 OPG", "1000000 OPG",
          "OPG that a user holds at the start and buys back up to at every market tick",
          "assumption: a hundred session caps"),
    PARAM(payment_params, feed_refresh, PARAM_DURATION, "300 s", "1 s", "30 d",
          "time between two readings of the OPG price", "tee-gateway price_feed/config.py"),
    PARAM(payment_params, feed_max_stale, PARAM_DURATION, "4 h", "1 s", "1 y",
          "a reading older than this refuses requests", "tee-gateway price_feed/config.py"),
};
const struct param_table payment_table = PARAM_TABLE("payment", payment_params, rows);

void payment_init(struct payment *payment, struct arena *arena, const struct payment_params *params)
{
    *payment = (struct payment){
        .params = params,
        .arena = arena,
        .free = PAYMENT_NONE,
        .oldest = PAYMENT_NONE,
        .newest = PAYMENT_NONE,
    };
}

void payment_on_settle(struct payment *payment, payment_settle_fn settle, void *context)
{
    payment->settle = settle;
    payment->context = context;
}

/* ---- feed and quote ------------------------------------------------------------------------ */

void payment_feed_refresh(struct payment *payment, money_t price, int64_t now_ns)
{
    struct payment_feed *feed = &payment->feed;
    if (feed->down) return;
    feed->price = price;
    feed->taken_ns = now_ns;
    feed->ever = true;
}

void payment_feed_down(struct payment *payment, bool down)
{
    payment->feed.down = down;
}

money_t payment_feed_price(const struct payment *payment, int64_t now_ns)
{
    const struct payment_feed *feed = &payment->feed;
    bool fresh = feed->ever && now_ns - feed->taken_ns <= payment->params->feed_max_stale;
    return fresh ? feed->price : 0;
}

money_t payment_cost_femto(const struct payment *payment, uint64_t input_tok, uint64_t output_tok)
{
    return payment->params->input * (money_t)input_tok +
           payment->params->output * (money_t)output_tok;
}

money_t payment_cost_usd(const struct payment *payment, uint64_t input_tok, uint64_t output_tok)
{
    return (payment_cost_femto(payment, input_tok, output_tok) + 999999) / 1000000;
}

bool payment_quote(const struct payment *payment, uint64_t input_tok, uint64_t output_tok,
                   int64_t now_ns, money_t *fee)
{
    const money_t atto_per_femto_usd = MONEY_ATTO / 1000000; /* at one nano-USD per OPG */
    money_t price = payment_feed_price(payment, now_ns);
    if (price <= 0) return false;
    bool overflow = false;
    *fee = money_muldiv(payment_cost_femto(payment, input_tok, output_tok), atto_per_femto_usd,
                        price, MONEY_CEIL, &overflow);
    return !overflow;
}

/* ---- sessions: the structures -------------------------------------------------------------- */

static uint32_t *bucket_of(const struct payment *payment, uint32_t user, uint32_t node)
{
    uint64_t key = (uint64_t)user << 32 | node;
    key = (key ^ key >> 33) * 0xff51afd7ed558ccdULL; /* finaliser of MurmurHash3 */
    key = (key ^ key >> 33) * 0xc4ceb9fe1a85ec53ULL;
    return &payment->buckets[(key >> 32) & (payment->capacity - 1)];
}

/* Double the records, link the new ones as free (lowest index on top), and rehash. */
static void grow(struct payment *payment)
{
    uint32_t old = payment->capacity, capacity = old ? 2 * old : 64;
    payment->sessions = arena_grow(payment->arena, payment->sessions, old, capacity,
                                   sizeof(struct payment_session));
    payment->buckets = arena_alloc(payment->arena, capacity, sizeof(uint32_t));
    payment->capacity = capacity;
    for (uint32_t i = 0; i < capacity; i++) {
        payment->buckets[i] = PAYMENT_NONE;
    }
    for (uint32_t i = 0; i < old; i++) { /* all are open, else there were no need to grow */
        uint32_t *bucket = bucket_of(payment, payment->sessions[i].user, payment->sessions[i].node);
        payment->sessions[i].chain = *bucket;
        *bucket = i;
    }
    for (uint32_t i = capacity; i-- > old;) {
        payment->sessions[i].chain = payment->free;
        payment->free = i;
    }
}

static uint32_t find(const struct payment *payment, uint32_t user, uint32_t node)
{
    if (payment->capacity == 0) return PAYMENT_NONE;
    uint32_t i = *bucket_of(payment, user, node);
    while (i != PAYMENT_NONE &&
           (payment->sessions[i].user != user || payment->sessions[i].node != node)) {
        i = payment->sessions[i].chain;
    }
    return i;
}

static void unlink_use(struct payment *payment, uint32_t i)
{
    const struct payment_session *s = &payment->sessions[i];
    if (s->older == PAYMENT_NONE)
        payment->oldest = s->newer;
    else
        payment->sessions[s->older].newer = s->newer;
    if (s->newer == PAYMENT_NONE)
        payment->newest = s->older;
    else
        payment->sessions[s->newer].older = s->older;
}

static void link_newest(struct payment *payment, uint32_t i, int64_t now_ns)
{
    struct payment_session *s = &payment->sessions[i];
    assert(payment->newest == PAYMENT_NONE || payment->sessions[payment->newest].used_ns <= now_ns);
    s->used_ns = now_ns;
    s->older = payment->newest;
    s->newer = PAYMENT_NONE;
    if (payment->newest == PAYMENT_NONE)
        payment->oldest = i;
    else
        payment->sessions[payment->newest].newer = i;
    payment->newest = i;
}

/* Take session `i` out of all structures and return a copy of what it was. */
static struct payment_session remove_session(struct payment *payment, uint32_t i)
{
    struct payment_session *s = &payment->sessions[i], gone = *s;
    uint32_t *link = bucket_of(payment, s->user, s->node);
    while (*link != i) {
        link = &payment->sessions[*link].chain;
    }
    *link = s->chain;
    unlink_use(payment, i);
    s->chain = payment->free;
    payment->free = i;
    payment->open--;
    payment->accrued_opg -= gone.spent;
    return gone;
}

/* ---- sessions: the rules ------------------------------------------------------------------- */

static void settle(struct payment *payment, uint32_t i)
{
    struct payment_session gone = remove_session(payment, i);
    payment->settled++;
    if (payment->settle) payment->settle(payment->context, gone.user, gone.node, gone.spent);
}

static uint32_t open_session(struct payment *payment, uint32_t user, uint32_t node, int64_t now_ns)
{
    if (payment->open == (uint64_t)payment->params->sessions) {
        settle(payment, payment->oldest);
        payment->evicted++;
    }
    if (payment->free == PAYMENT_NONE) grow(payment);
    uint32_t i = payment->free, *bucket = bucket_of(payment, user, node);
    payment->free = payment->sessions[i].chain;
    payment->sessions[i] = (struct payment_session){.user = user, .node = node, .chain = *bucket};
    *bucket = i;
    link_newest(payment, i, now_ns);
    payment->open++;
    return i;
}

static void add(struct payment *payment, uint32_t i, money_t fee, int64_t now_ns)
{
    struct payment_session *s = &payment->sessions[i];
    s->spent += fee;
    s->requests++;
    payment->accrued_opg += fee;
    payment->charged_opg += fee;
    payment->charged++;
    unlink_use(payment, i);
    link_newest(payment, i, now_ns);
    if (s->spent == payment->params->cap) settle(payment, i);
}

bool payment_charge(struct payment *payment, uint32_t user, uint32_t node, money_t fee,
                    int64_t now_ns)
{
    assert(fee >= 0);
    payment_expire(payment, now_ns); /* so that the outcome never hangs on when the world called */
    uint32_t i = find(payment, user, node);
    money_t spent = i == PAYMENT_NONE ? 0 : payment->sessions[i].spent;
    if (fee > payment->params->cap - spent) {
        payment->uncharged++;
        payment->uncharged_opg += fee;
        if (i != PAYMENT_NONE) settle(payment, i);
        return false;
    }
    if (i == PAYMENT_NONE) i = open_session(payment, user, node, now_ns);
    add(payment, i, fee, now_ns);
    return true;
}

int64_t payment_next_ns(const struct payment *payment)
{
    if (payment->oldest == PAYMENT_NONE) return INT64_MAX;
    return payment->sessions[payment->oldest].used_ns + payment->params->idle;
}

void payment_expire(struct payment *payment, int64_t now_ns)
{
    while (payment_next_ns(payment) <= now_ns) {
        settle(payment, payment->oldest);
    }
}

void payment_flush(struct payment *payment)
{
    while (payment->oldest != PAYMENT_NONE) {
        settle(payment, payment->oldest);
    }
}

void payment_drop_node(struct payment *payment, uint32_t node)
{
    uint32_t next = PAYMENT_NONE;
    for (uint32_t i = payment->oldest; i != PAYMENT_NONE; i = next) {
        next = payment->sessions[i].newer;
        if (payment->sessions[i].node != node) continue;
        payment->dropped_opg += remove_session(payment, i).spent;
        payment->dropped++;
    }
}

/* ---- checkpoints --------------------------------------------------------------------------- */

static void snap_feed(struct payment_feed *feed, struct snap *snap)
{
    SNAP_COVERS(struct payment_feed, 32);
    snap_money(snap, &feed->price);
    snap_i64(snap, &feed->taken_ns);
    snap_flag(snap, &feed->down);
    snap_flag(snap, &feed->ever);
}

static void snap_sessions(struct payment *payment, struct snap *snap, uint32_t users,
                          uint32_t payees)
{
    SNAP_COVERS(struct payment_session, 64);
    uint32_t capacity = payment->capacity;
    for (uint32_t i = 0; i < capacity; i++) {
        struct payment_session *s = &payment->sessions[i];
        snap_below(snap, &s->user, users);
        snap_below(snap, &s->node, payees);
        snap_money(snap, &s->spent);
        snap_i64(snap, &s->used_ns);
        snap_link(snap, &s->older, capacity);
        snap_link(snap, &s->newer, capacity);
        snap_link(snap, &s->chain, capacity);
        snap_u32(snap, &s->requests);
        snap_link(snap, &payment->buckets[i], capacity);
    }
    snap_link(snap, &payment->free, capacity);
    snap_link(snap, &payment->oldest, capacity);
    snap_link(snap, &payment->newest, capacity);
    snap_count(snap, &payment->open, capacity);
}

void payment_snap(struct payment *payment, struct snap *snap, uint32_t users, uint32_t payees)
{
    SNAP_COVERS(struct payment, 240);
    snap_begin(snap, "payment");
    snap_feed(&payment->feed, snap);
    snap_length(snap, &payment->capacity, UINT32_MAX / 2);
    if ((payment->capacity & (payment->capacity - 1)) != 0) {
        snap_fail(snap, "%u sessions are not a power of two", payment->capacity);
        payment->capacity = 0;
    }
    if (snap->reading) {
        payment->sessions =
            arena_alloc(payment->arena, payment->capacity, sizeof *payment->sessions);
        payment->buckets = arena_alloc(payment->arena, payment->capacity, sizeof(uint32_t));
    }
    snap_sessions(payment, snap, users, payees);
    uint64_t *const counts[] = {&payment->charged, &payment->uncharged, &payment->settled,
                                &payment->evicted, &payment->dropped};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        snap_u64(snap, counts[i]);
    money_t *const sums[] = {&payment->accrued_opg, &payment->charged_opg, &payment->uncharged_opg,
                             &payment->dropped_opg};
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++)
        snap_money(snap, sums[i]);
    snap_end(snap);
}
