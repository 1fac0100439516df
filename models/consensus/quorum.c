/* SPDX-License-Identifier: Apache-2.0
 * The quorum level: a height as three waves of messages, each seen by a few observers.
 *
 *   propose    the proposer prepares the block; it reaches validator v after a passage time drawn
 *              from the gossip tables (spread.h) and the transfer of its bytes
 *   prevote    v checks the block and prevotes for it, or prevotes nil at timeout_propose
 *   precommit  an observer that has seen +2/3 of the power prevote for the block precommits it;
 *              +2/3 for nil, or timeout_prevote after +2/3 of anything, give a precommit for nil
 *   commit     +2/3 precommits for the block; else timeout_precommit after +2/3 of anything ends
 *              the round, and the next validator in turn proposes
 *
 * Up to QUORUM_SMALL validators each observes for itself; in larger sets one validator of each
 * region, another one at each height, observes for its region.  The next proposer sees the commit.
 *
 * One Philox block per validator, round and height gives sixteen bytes: one picks the cell for the
 * proposal, one per observer that for the prevote, one that for the precommit.
 *
 * Leaves out: that validators of one region see a quorum a little apart; rounds that start at a
 * different time on each validator (all follow the next proposer); another block in a later round;
 * byzantine behaviour other than silence; queueing of large blocks on a node's uplink. */
#include "models/consensus/quorum.h"

#include <assert.h>
#include <string.h>

#include "models/consensus/spread.h"

#define QUORUM_NEVER INT64_MAX

enum {
    QUORUM_SMALL = 14,      /* validators; 14 observers fill a Philox block */
    QUORUM_BUCKET_BITS = 6, /* of an order statistic */
    QUORUM_BUCKETS = 1 << QUORUM_BUCKET_BITS,
    QUORUM_SORTED = 24,      /* messages that are sorted rather than counted */
    QUORUM_VOTE_BYTES = 1044 /* a 203 B packet, padded to one frame of SecretConnection */
};

/* Bytes of a block besides its transactions: header, and one CommitSig per validator
 * (protobuf sizes, docs/sources.md CB). */
enum { QUORUM_HEADER_BYTES = 404, QUORUM_COMMIT_BYTES = 94, QUORUM_COMMIT_SIG_BYTES = 106 };

/* MConnection's flow monitor meters in samples of this length and lets a whole sample's allowance
 * go at once (cometbft libs/flowrate); only what exceeds it waits. */
#define QUORUM_FLOW_SAMPLE_S 0.1

enum quorum_vote { QUORUM_BLOCK, QUORUM_NIL, QUORUM_ANY };

struct quorum_votes { /* by seat */
    int64_t *sent_ns;
    uint8_t *vote; /* QUORUM_BLOCK or QUORUM_NIL */
    uint32_t nils;
};

struct quorum_observer {
    uint32_t seat;   /* of the validator that observes */
    uint32_t column; /* of the draws */
};

struct quorum {
    /* constant */
    struct spread spread;
    bool each;                                /* every validator observes for itself */
    uint32_t columns;                         /* bytes drawn per validator, a multiple of 16 */
    int64_t vote_verify_ns, commit_verify_ns; /* on this hardware */
    /* live validators, in seats */
    uint64_t down; /* places that are cut off; one bit each */
    uint32_t seats;
    int64_t power;
    uint32_t *validator, *seat; /* of a seat; of a validator, or UINT32_MAX */
    uint16_t *place;
    uint32_t *row;    /* where the cells of messages from this seat's place begin */
    uint64_t *weight; /* power << 16 | 1 */
    /* observers */
    uint32_t observer_count;
    struct quorum_observer *observers;
    uint16_t *follows; /* observer of each seat */
    /* the height at hand */
    bool decided;
    uint8_t *draws;    /* [seat][columns] */
    int64_t *block_ns; /* when a seat has the block */
    uint8_t *locked;
    struct quorum_votes prevotes, precommits;
    struct proposer_set turn; /* of later rounds */
    /* scratch of an order statistic */
    int64_t *time_ns;
    uint64_t *carried;
};

/* ---- order statistics ----------------------------------------------------------------------- */

/* Sort by time and walk; `before` came in earlier and keeps the core busy until `busy_ns`. */
static int64_t quorum_walk(int64_t *time_ns, uint64_t *weight, uint32_t n, uint64_t before,
                           int64_t need, int64_t busy_ns, int64_t verify_ns)
{
    for (uint32_t i = 1; i < n; i++) {
        int64_t time = time_ns[i];
        uint64_t carried = weight[i];
        uint32_t at = i;
        for (; at > 0 && time_ns[at - 1] > time; at--) {
            time_ns[at] = time_ns[at - 1];
            weight[at] = weight[at - 1];
        }
        time_ns[at] = time;
        weight[at] = carried;
    }
    for (uint32_t i = 0; i < n; i++) {
        before += weight[i];
        busy_ns = (busy_ns > time_ns[i] ? busy_ns : time_ns[i]) + verify_ns;
        if ((int64_t)(before >> 16) >= need) return busy_ns;
    }
    return QUORUM_NEVER;
}

/* The least shift that brings a span, which is not 0, below the number of buckets. */
static uint32_t quorum_shift(int64_t span_ns)
{
    int bits = 64 - __builtin_clzll((unsigned long long)span_ns);
    return bits > QUORUM_BUCKET_BITS ? (uint32_t)(bits - QUORUM_BUCKET_BITS) : 0;
}

struct quorum_span {
    int64_t low_ns, high_ns;
};

static struct quorum_span quorum_span(const int64_t *time_ns, uint32_t n)
{
    struct quorum_span span = {INT64_MAX, INT64_MIN};
    for (uint32_t i = 0; i < n; i++) {
        span.low_ns = time_ns[i] < span.low_ns ? time_ns[i] : span.low_ns;
        span.high_ns = time_ns[i] > span.high_ns ? time_ns[i] : span.high_ns;
    }
    return span;
}

/* Count the messages into buckets of time, find the bucket in which the need is met, keep its
 * messages, and repeat until few are left.  In the buckets passed over the core is taken to get
 * its messages at their beginning.  All times lie in `span`. */
static int64_t quorum_select(int64_t *time_ns, uint64_t *weight, uint32_t n, int64_t need,
                             int64_t verify_ns, struct quorum_span span)
{
    uint64_t before = 0;
    int64_t busy_ns = INT64_MIN;
    while (n > QUORUM_SORTED && span.low_ns < span.high_ns) {
        uint64_t buckets[QUORUM_BUCKETS] = {0};
        uint32_t shift = quorum_shift(span.high_ns - span.low_ns), found = 0, kept = 0;
        for (uint32_t i = 0; i < n; i++)
            buckets[(time_ns[i] - span.low_ns) >> shift] += weight[i];
        while (found < QUORUM_BUCKETS && (int64_t)((before + buckets[found]) >> 16) < need) {
            int64_t start_ns = span.low_ns + ((int64_t)found << shift);
            busy_ns = (busy_ns > start_ns ? busy_ns : start_ns) +
                      (int64_t)(buckets[found] & 0xffff) * verify_ns;
            before += buckets[found++];
        }
        if (found == QUORUM_BUCKETS) return QUORUM_NEVER;
        for (uint32_t i = 0; i < n; i++) {
            int64_t bucket = (time_ns[i] - span.low_ns) >> shift;
            time_ns[kept] = time_ns[i];
            weight[kept] = weight[i];
            kept += bucket == found;
        }
        n = kept;
        span = quorum_span(time_ns, n);
    }
    return quorum_walk(time_ns, weight, n, before, need, busy_ns, verify_ns);
}

int64_t quorum_order(int64_t *time_ns, uint64_t *weight, uint32_t n, int64_t need,
                     int64_t verify_ns)
{
    return quorum_select(time_ns, weight, n, need, verify_ns, quorum_span(time_ns, n));
}

/* When each seat's vote reaches `seat`, into time_ns; its own needs no way. */
static struct quorum_span quorum_arrive(const struct quorum *q, const int64_t *sent_ns,
                                        uint32_t seat, uint32_t column)
{
    const uint32_t *cells = q->spread.table + q->place[seat] * SPREAD_CELLS, *row = q->row;
    const uint8_t *draw = q->draws + column;
    struct quorum_span span = {INT64_MAX, INT64_MIN};
    int64_t *time_ns = q->time_ns;
    for (uint32_t s = 0, seats = q->seats; s < seats; s++, draw += q->columns) {
        int64_t way_ns = (int64_t)cells[row[s] + (*draw >> 1)] << SPREAD_SHIFT;
        int64_t at_ns = sent_ns[s] + (s == seat ? 0 : way_ns);
        span.low_ns = at_ns < span.low_ns ? at_ns : span.low_ns;
        span.high_ns = at_ns > span.high_ns ? at_ns : span.high_ns;
        time_ns[s] = at_ns;
    }
    return span;
}

/* Time at which `seat` has seen +2/3 of the power in votes of one sort. */
static int64_t quorum_reach(const struct consensus *c, const struct quorum_votes *votes,
                            enum quorum_vote sort, uint32_t seat, uint32_t column)
{
    struct quorum *q = c->level;
    struct quorum_span span = quorum_arrive(q, votes->sent_ns, seat, column);
    uint32_t n = q->seats;
    memcpy(q->carried, q->weight, n * sizeof *q->carried);
    if (sort == QUORUM_NIL || (sort == QUORUM_BLOCK && votes->nils > 0)) {
        n = 0;
        for (uint32_t s = 0; s < q->seats; s++) {
            q->time_ns[n] = q->time_ns[s];
            q->carried[n] = q->weight[s];
            n += votes->vote[s] == sort;
        }
    }
    return quorum_select(q->time_ns, q->carried, n, c->quorum, q->vote_verify_ns, span);
}

/* ---- who is there --------------------------------------------------------------------------- */

/* Seat the live validators anew when a region went down or came back. */
static void quorum_seat(const struct consensus *c)
{
    struct quorum *q = c->level;
    uint64_t down = 0;
    for (uint32_t p = 0; p < q->spread.places; p++)
        down |= (uint64_t)net_region_is_down(c->net, q->spread.region[p]) << p;
    if (q->seats > 0 && down == q->down) return;
    q->down = down;
    q->seats = 0;
    q->power = 0;
    for (uint32_t v = 0; v < c->count; v++) {
        q->seat[v] = UINT32_MAX;
        if (!consensus_is_live(c, v)) continue;
        uint32_t seat = q->seats++;
        q->seat[v] = seat;
        q->validator[seat] = v;
        q->place[seat] = q->spread.place[c->validators[v].region];
        q->row[seat] = q->place[seat] * q->spread.places * SPREAD_CELLS;
        q->weight[seat] = (uint64_t)c->validators[v].power << 16 | 1;
        q->power += c->validators[v].power;
    }
}

/* Observers of this height: every validator, or one of each region in turn. */
static void quorum_observe(const struct consensus *c)
{
    struct quorum *q = c->level;
    uint32_t members[SPREAD_PLACES_MAX] = {0}, number[SPREAD_PLACES_MAX];
    q->observer_count = 0;
    if (q->each) {
        for (uint32_t s = 0; s < q->seats; s++) {
            q->observers[s] = (struct quorum_observer){.seat = s, .column = 1 + q->validator[s]};
            q->follows[s] = (uint16_t)s;
        }
        q->observer_count = q->seats;
        return;
    }
    for (uint32_t s = 0; s < q->seats; s++)
        members[q->place[s]]++;
    for (uint32_t p = 0; p < q->spread.places; p++) {
        number[p] = q->observer_count;
        if (members[p] == 0) continue;
        q->observers[q->observer_count++].column = 1 + p;
        members[p] = (uint32_t)(c->height % members[p]); /* whose turn it is */
    }
    for (uint32_t s = 0; s < q->seats; s++) {
        uint32_t observer = number[q->place[s]];
        q->follows[s] = (uint16_t)observer;
        if (members[q->place[s]]-- == 0) q->observers[observer].seat = s;
    }
}

/* Seat of the live validator that is next to propose: its commit sets the pace. */
static uint32_t quorum_watcher(const struct consensus *c)
{
    struct quorum *q = c->level;
    if (q->seat[c->next.proposer] != UINT32_MAX) return q->seat[c->next.proposer];
    proposer_copy(&q->turn, &c->next);
    while (q->seat[q->turn.proposer] == UINT32_MAX)
        proposer_increment(&q->turn, 1);
    return q->seat[q->turn.proposer];
}

static void quorum_draw(const struct consensus *c, uint32_t round)
{
    struct quorum *q = c->level;
    for (uint32_t s = 0; s < q->seats; s++) {
        uint64_t *words = (uint64_t *)(void *)(q->draws + (size_t)s * q->columns);
        for (uint32_t block = 0; block < q->columns / 16; block++) {
            struct rng_stream stream = rng_open(c->seed, c->replication, CONSENSUS_ROUND + round,
                                                block << 16 | q->validator[s]);
            rng_seek(&stream, (uint32_t)c->height);
            words[2 * block] = rng_u64(&stream);
            words[2 * block + 1] = rng_u64(&stream);
        }
    }
}

/* ---- the three waves ------------------------------------------------------------------------ */

struct quorum_round {
    const struct consensus_input *input;
    uint32_t number, proposer; /* proposer: validator */
    int64_t start_ns;
    int64_t proposal_ns; /* when it is made; QUORUM_NEVER: the proposer is silent */
    int64_t transfer_ns; /* of the block, beyond what a vote takes */
    int64_t check_ns;    /* of the block, wall time on each validator */
};

/* Parts travel on as they come in, so each further hop adds one part and not the block. */
static int64_t quorum_transfer_ns(const struct consensus *c, uint64_t payload_bytes)
{
    double bytes = (double)payload_bytes + QUORUM_HEADER_BYTES + QUORUM_COMMIT_BYTES +
                   (double)c->count * QUORUM_COMMIT_SIG_BYTES;
    double part = (double)c->params->block_part, hops = c->level->spread.mean_hops;
    double passed = bytes + (hops > 1.0 ? hops - 1.0 : 0.0) * (bytes < part ? bytes : part);
    double free = c->params->send_rate * QUORUM_FLOW_SAMPLE_S;
    double metered = bytes > free ? bytes - free : 0.0;
    return event_ns(passed * c->net->ns_per_byte + metered * 1e9 / c->params->send_rate + 0.5);
}

static int64_t quorum_check_ns(const struct consensus *c, const struct consensus_input *input)
{
    double spread = c->machine.cpu_factor / (double)c->machine.cores;
    return event_ns((double)input->check_ns * spread + 0.5) + input->extra_check_ns +
           (int64_t)c->count * c->level->commit_verify_ns;
}

/* A locked validator holds the block and, under the legacy rule, prevotes it without a proposal. */
static void quorum_prevote(const struct consensus *c, const struct quorum_round *r)
{
    struct quorum *q = c->level;
    int64_t late_ns =
        r->start_ns + c->params->timeout_propose + r->number * c->params->timeout_propose_delta;
    uint32_t from = r->proposal_ns == QUORUM_NEVER ? 0 : q->place[q->seat[r->proposer]];
    q->prevotes.nils = 0;
    for (uint32_t s = 0; s < q->seats; s++) {
        const uint32_t *cells = spread_cells(&q->spread, from, q->place[s]);
        int64_t way_ns = ((int64_t)cells[q->draws[(size_t)s * q->columns] >> 1] << SPREAD_SHIFT) +
                         r->transfer_ns;
        int64_t proposal_ns = QUORUM_NEVER;
        if (r->proposal_ns != QUORUM_NEVER)
            proposal_ns = r->proposal_ns + (q->validator[s] == r->proposer ? 0 : way_ns);
        bool timely = proposal_ns <= late_ns;
        bool block = timely || (q->locked[s] && c->params->lock_rule == CONSENSUS_LEGACY);
        if (!q->locked[s]) q->block_ns[s] = proposal_ns;
        q->prevotes.sent_ns[s] = timely ? proposal_ns + r->check_ns : late_ns;
        q->prevotes.vote[s] = block ? QUORUM_BLOCK : QUORUM_NIL;
        q->prevotes.nils += !block;
    }
}

struct quorum_polka {
    int64_t at_ns;         /* when those who follow may precommit */
    enum quorum_vote sort; /* +2/3 for it; QUORUM_ANY: for nothing until the timeout */
};

/* What one observer makes of the prevotes. */
static struct quorum_polka quorum_polka(const struct consensus *c, const struct quorum_round *r,
                                        const struct quorum_observer *o)
{
    const struct quorum_votes *votes = &c->level->prevotes;
    int64_t block_ns = quorum_reach(c, votes, QUORUM_BLOCK, o->seat, o->column);
    if (votes->nils == 0) return (struct quorum_polka){block_ns, QUORUM_BLOCK};
    int64_t any_ns = quorum_reach(c, votes, QUORUM_ANY, o->seat, o->column);
    int64_t late_ns =
        any_ns + c->params->timeout_prevote + r->number * c->params->timeout_prevote_delta;
    if (block_ns <= late_ns) return (struct quorum_polka){block_ns, QUORUM_BLOCK};
    int64_t nil_ns = quorum_reach(c, votes, QUORUM_NIL, o->seat, o->column);
    if (nil_ns <= late_ns) return (struct quorum_polka){nil_ns, QUORUM_NIL};
    return (struct quorum_polka){late_ns, QUORUM_ANY};
}

/* A polka for a block that has not come in gives a precommit for nil; one for nil unlocks under the
 * legacy rule. */
static void quorum_precommit(const struct consensus *c, const struct quorum_round *r)
{
    struct quorum *q = c->level;
    struct quorum_polka polkas[SPREAD_PLACES_MAX] = {0};
    for (uint32_t o = 0; o < q->observer_count; o++)
        polkas[o] = quorum_polka(c, r, &q->observers[o]);
    q->precommits.nils = 0;
    for (uint32_t s = 0; s < q->seats; s++) {
        struct quorum_polka polka = polkas[q->follows[s]];
        int64_t own_ns = q->prevotes.sent_ns[s];
        int64_t at_ns = polka.at_ns > own_ns ? polka.at_ns : own_ns;
        bool block = polka.sort == QUORUM_BLOCK && q->block_ns[s] <= at_ns;
        q->precommits.sent_ns[s] = at_ns;
        q->precommits.vote[s] = block ? QUORUM_BLOCK : QUORUM_NIL;
        q->precommits.nils += !block;
        if (block) q->locked[s] = true;
        if (polka.sort == QUORUM_NIL && c->params->lock_rule == CONSENSUS_LEGACY)
            q->locked[s] = false;
    }
}

/* ---- heights -------------------------------------------------------------------------------- */

/* Proposal to the prevote that completes a quorum, and to the last one, by their time stamps. */
static void quorum_prevote_delays(const struct consensus *c, const struct quorum_round *r,
                                  struct consensus_outcome *out)
{
    struct quorum *q = c->level;
    int64_t proposal_ns = r->proposal_ns == QUORUM_NEVER ? r->start_ns : r->proposal_ns;
    int64_t last_ns = 0;
    uint32_t n = 0;
    for (uint32_t s = 0; s < q->seats; s++) {
        if (q->prevotes.vote[s] != QUORUM_BLOCK) continue;
        int64_t sent_ns = q->prevotes.sent_ns[s];
        q->time_ns[n] = sent_ns;
        q->carried[n++] = q->weight[s];
        last_ns = sent_ns > last_ns ? sent_ns : last_ns;
    }
    out->full_prevote_delay_ns = n == c->count ? last_ns - proposal_ns : -1;
    out->quorum_prevote_delay_ns =
        quorum_order(q->time_ns, q->carried, n, c->quorum, 0) - proposal_ns;
}

static void quorum_run(const struct consensus *c, struct quorum_round *r)
{
    struct quorum *q = c->level;
    bool there = q->seat[r->proposer] != UINT32_MAX;
    r->proposal_ns = there ? r->start_ns + r->input->proposal_delay_ns : QUORUM_NEVER;
    quorum_draw(c, r->number);
    quorum_prevote(c, r);
    quorum_precommit(c, r);
}

/* Core time of a validator in a round: both votes of everyone there, and, when there was a
 * proposal, the block and its last commit. */
static int64_t quorum_cpu_ns(const struct consensus *c, const struct quorum_round *r)
{
    const struct quorum *q = c->level;
    int64_t votes_ns = 2 * (int64_t)q->seats * q->vote_verify_ns;
    if (r->proposal_ns == QUORUM_NEVER) return votes_ns;
    return votes_ns + (int64_t)c->count * q->commit_verify_ns +
           (int64_t)((double)r->input->check_ns * c->machine.cpu_factor + 0.5) +
           r->input->extra_check_ns;
}

static void quorum_begin(struct consensus *c, const struct consensus_input *input,
                         struct quorum_round *r, struct consensus_outcome *out)
{
    struct quorum *q = c->level;
    quorum_seat(c);
    memset(q->locked, 0, q->seats);
    *r = (struct quorum_round){.input = input,
                               .proposer = c->current.proposer,
                               .start_ns = input->start_ns,
                               .transfer_ns = quorum_transfer_ns(c, input->block_bytes),
                               .check_ns = quorum_check_ns(c, input)};
    *out = (struct consensus_outcome){.commit_ns = input->start_ns + c->params->timeout_propose,
                                      .proposer = r->proposer,
                                      .full_prevote_delay_ns = -1};
}

/* End of a round without a decision; the next validator in turn proposes. */
static void quorum_next_round(const struct consensus *c, struct quorum_round *r, uint32_t watcher)
{
    struct quorum *q = c->level;
    int64_t any_ns = quorum_reach(c, &q->precommits, QUORUM_ANY, watcher, q->columns - 1);
    r->start_ns =
        any_ns + c->params->timeout_precommit + r->number * c->params->timeout_precommit_delta;
    if (r->number == 0) proposer_copy(&q->turn, &c->current);
    proposer_increment(&q->turn, 1);
    r->proposer = q->turn.proposer;
    r->number++;
}

void quorum_decide(struct consensus *consensus, const struct consensus_input *input,
                   struct consensus_outcome *outcome)
{
    struct quorum *q = consensus->level;
    struct quorum_round r;
    q->decided = false;
    quorum_begin(consensus, input, &r, outcome);
    if (q->power < consensus->quorum) return;
    quorum_observe(consensus);
    uint32_t watcher = quorum_watcher(consensus);
    while (r.number < CONSENSUS_ROUNDS_MAX) {
        quorum_run(consensus, &r);
        outcome->validator_cpu_ns += quorum_cpu_ns(consensus, &r);
        outcome->round = r.number;
        outcome->proposer = r.proposer;
        int64_t commit_ns =
            quorum_reach(consensus, &q->precommits, QUORUM_BLOCK, watcher, q->columns - 1);
        if (commit_ns != QUORUM_NEVER) {
            int64_t block_ns = q->block_ns[watcher];
            outcome->decided = q->decided = true;
            outcome->commit_ns = commit_ns > block_ns ? commit_ns : block_ns;
            quorum_prevote_delays(consensus, &r, outcome);
            return;
        }
        quorum_next_round(consensus, &r, watcher);
    }
    outcome->commit_ns = r.start_ns;
}

bool quorum_times(const struct consensus *consensus, uint32_t validator,
                  struct consensus_times *times)
{
    const struct quorum *q = consensus->level;
    uint32_t seat = q->seat[validator];
    if (!q->decided || seat == UINT32_MAX) return false;
    *times = (struct consensus_times){.block_ns = q->block_ns[seat],
                                      .prevote_ns = q->prevotes.sent_ns[seat],
                                      .precommit_ns = q->precommits.sent_ns[seat],
                                      .prevote_nil = q->prevotes.vote[seat] == QUORUM_NIL,
                                      .precommit_nil = q->precommits.vote[seat] == QUORUM_NIL};
    return true;
}

/* ---- creation ------------------------------------------------------------------------------- */

/* Live validators first, then full nodes, which sit where the validators sit, in turn. */
static void quorum_build_spread(const struct consensus *c, struct quorum *q, struct arena *arena)
{
    uint32_t nodes = 0, voters = 0;
    assert(c->count > 0);
    uint16_t *region = arena_alloc(arena, c->count + (size_t)c->params->full_nodes, sizeof *region);
    for (uint32_t v = 0; v < c->count; v++)
        if (!c->validators[v].silent) region[nodes++] = c->validators[v].region;
    voters = nodes;
    for (uint32_t f = 0; f < c->params->full_nodes; f++)
        region[nodes++] = c->validators[f % c->count].region;
    bool mesh = c->params->topology == CONSENSUS_MESH;
    spread_build(&q->spread,
                 &(struct spread_graph){
                     .net = c->net,
                     .region = region,
                     .nodes = nodes,
                     .voters = voters,
                     .peers = mesh ? nodes : (uint32_t)c->params->peers,
                     .flush_ns = c->params->flush_throttle,
                     .sleep_ns = c->params->gossip_sleep,
                     .verify_ns = q->vote_verify_ns,
                     .message_bytes = QUORUM_VOTE_BYTES,
                     .seed = c->seed,
                     .replication = c->replication,
                     .purpose = CONSENSUS_SPREAD,
                 },
                 arena);
}

static int64_t quorum_scaled_ns(const struct consensus *c, int64_t reference_ns)
{
    return event_ns((double)reference_ns * c->machine.cpu_factor + 0.5);
}

static void quorum_open_votes(struct quorum_votes *votes, uint32_t count, struct arena *arena)
{
    votes->sent_ns = arena_alloc(arena, count, sizeof *votes->sent_ns);
    votes->vote = arena_alloc(arena, count, sizeof *votes->vote);
}

struct quorum *quorum_create(const struct consensus *c, struct arena *arena)
{
    struct quorum *q = arena_alloc(arena, 1, sizeof *q);
    uint32_t n = c->count;
    q->vote_verify_ns = quorum_scaled_ns(c, c->params->vote_verify);
    q->commit_verify_ns = quorum_scaled_ns(c, c->params->commit_verify);
    quorum_build_spread(c, q, arena);
    q->each = n <= QUORUM_SMALL;
    uint32_t observers = q->each ? n : q->spread.places;
    q->columns = (observers + 2 + 15) / 16 * 16;
    q->validator = arena_alloc(arena, n, sizeof *q->validator);
    q->seat = arena_alloc(arena, n, sizeof *q->seat);
    q->place = arena_alloc(arena, n, sizeof *q->place);
    q->row = arena_alloc(arena, n, sizeof *q->row);
    q->weight = arena_alloc(arena, n, sizeof *q->weight);
    q->observers = arena_alloc(arena, observers, sizeof *q->observers);
    q->follows = arena_alloc(arena, n, sizeof *q->follows);
    q->draws = arena_alloc(arena, n, q->columns);
    q->block_ns = arena_alloc(arena, n, sizeof *q->block_ns);
    q->locked = arena_alloc(arena, n, sizeof *q->locked);
    quorum_open_votes(&q->prevotes, n, arena);
    quorum_open_votes(&q->precommits, n, arena);
    proposer_load(&q->turn, arena, c->current.power, c->current.priority, n);
    q->time_ns = arena_alloc(arena, n, sizeof *q->time_ns);
    q->carried = arena_alloc(arena, n, sizeof *q->carried);
    return q;
}
