/* SPDX-License-Identifier: Apache-2.0
 * Safety and liveness of the state machine in random swarms: agreement, validity and progress after
 * synchrony hold in each seed while less than a third of the power is byzantine; with more than a
 * third in league, a violation is found. */
#include "tests/unit/swarm.h"

#include "tests/unit/unit.h"

#define MS ((int64_t)1000000)
enum { EVENTS = 1 << 16, MESSAGES = 1 << 14, VALUES = 512, END_S = 120, TIMER = -1, TICK = -2 };

/* ---- the pump ----------------------------------------------------------------------------------
 */

struct arrival {
    int64_t at_ns;
    uint32_t order, to;
    int32_t message; /* or TIMER, TICK */
    struct machine_timer timer;
};

struct known {
    uint64_t id, height;
    bool valid;
};

struct swarm {
    const struct swarm_setup *setup;
    struct arena arena;
    struct machine_params params;
    struct machine machine[SWARM_MOST];
    struct arrival event[EVENTS];
    struct machine_input message[MESSAGES];
    struct known value[VALUES];
    int16_t
        aside[MESSAGES]; /* group that a message was kept from, until one who has it tells; -1 */
    int32_t inbox[SWARM_MOST][MESSAGES];
    uint32_t events, order, messages, values, inboxes[SWARM_MOST], group[SWARM_MOST];
    int32_t acted[SWARM_HEIGHTS + 2][2]; /* latest round of the byzantine, by height and half */
    uint64_t decided[SWARM_HEIGHTS + 2];
    int32_t commit[SWARM_MOST][SWARM_HEIGHTS + 2];  /* round in which each has decided */
    uint64_t fresh;                                 /* values of the byzantine */
    int64_t now_ns, gst_ns, entered_ns[SWARM_MOST]; /* when each began its height */
    uint64_t held_percent;
    struct rng_stream rng;
    struct swarm_result result;
};

static bool before(const struct arrival *a, const struct arrival *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void push(struct swarm *s, struct arrival event)
{
    assert_true(s->events < EVENTS);
    event.order = s->order++;
    uint32_t at = s->events++;
    for (; at > 0 && before(&event, &s->event[(at - 1) / 2]); at = (at - 1) / 2)
        s->event[at] = s->event[(at - 1) / 2];
    s->event[at] = event;
}

static struct arrival pop(struct swarm *s)
{
    struct arrival top = s->event[0], last = s->event[--s->events];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= s->events) break;
        if (child + 1 < s->events && before(&s->event[child + 1], &s->event[child])) child++;
        if (!before(&s->event[child], &last)) break;
        s->event[at] = s->event[child];
        at = child;
    }
    s->event[at] = last;
    return top;
}

/* Before GST a message is quick, or, as often as this run wants, held back until then: so some see
 * a majority that others miss, which is what locks are for. */
static int64_t arrival(struct swarm *s, uint32_t from, uint32_t to)
{
    bool far = s->group[from] != s->group[to] && !s->setup->byzantine[from];
    uint64_t held = s->held_percent * (far ? 2 : 1);
    if (s->setup->parted) held = far ? 100 : 0;
    int64_t soon = s->now_ns + (1 + (int64_t)rng_below(&s->rng, 40)) * MS;
    if (s->now_ns >= s->gst_ns || rng_below(&s->rng, 100) >= held) return soon;
    return s->gst_ns + (1 + (int64_t)rng_below(&s->rng, 40)) * MS;
}

/* To all honest validators of a group (-1: all) but the sender; blocks come back to their maker,
 * who may have to fetch them after he has moved on. */
static void post(struct swarm *s, uint32_t from, int group, const struct machine_input *input)
{
    if (s->messages == MESSAGES) return; /* the run ends as stuck */
    s->message[s->messages] = *input;
    s->aside[s->messages] = (int16_t)(group < 0 ? -1 : 1 - group);
    for (uint32_t to = 0; to < s->setup->validators; to++) {
        if (to == from && input->kind != MACHINE_IN_PART) continue;
        if (s->setup->byzantine[to]) continue;
        if (group >= 0 && s->group[to] != (uint32_t)group) continue;
        push(s, (struct arrival){
                    .at_ns = arrival(s, from, to), .to = to, .message = (int32_t)s->messages});
    }
    s->messages++;
}

/* Gossip: who has a message passes it on to those from whom its sender kept it. */
static void relay(struct swarm *s, uint32_t from, int32_t message)
{
    int group = s->aside[message];
    if (group < 0) return;
    s->aside[message] = -1;
    for (uint32_t to = 0; to < s->setup->validators; to++)
        if (!s->setup->byzantine[to] && s->group[to] == (uint32_t)group)
            push(s, (struct arrival){.at_ns = arrival(s, from, to), .to = to, .message = message});
}

static void add_value(struct swarm *s, uint64_t id, uint64_t height, bool valid)
{
    assert_true(s->values < VALUES);
    s->value[s->values++] = (struct known){id, height, valid};
}

static const struct known *find_value(const struct swarm *s, uint64_t id)
{
    for (uint32_t i = 0; i < s->values; i++)
        if (s->value[i].id == id) return &s->value[i];
    return NULL;
}

static void post_proposal(struct swarm *s, uint32_t from, int group, uint64_t height, int32_t round,
                          int32_t pol_round, uint64_t id)
{
    struct machine_input in = {.kind = MACHINE_IN_PROPOSAL,
                               .height = height,
                               .round = round,
                               .pol_round = pol_round,
                               .voter = from,
                               .peer = from,
                               .value = id};
    post(s, from, group, &in);
    in.kind = MACHINE_IN_PART;
    in.block = (struct machine_block){.value = id, .valid = find_value(s, id)->valid};
    post(s, from, group, &in);
}

static void post_vote(struct swarm *s, uint32_t from, int group, enum machine_kind kind,
                      uint64_t height, int32_t round, uint64_t id)
{
    post(s, from, group,
         &(struct machine_input){.kind = kind,
                                 .height = height,
                                 .round = round,
                                 .voter = from,
                                 .peer = from,
                                 .value = id,
                                 .time_ns = s->now_ns});
}

/* ---- the byzantine -----------------------------------------------------------------------------
 */

static uint64_t some_value(struct swarm *s, uint64_t height)
{
    uint64_t found = VOTES_NIL;
    uint32_t seen = 1;
    for (uint32_t i = 0; i < s->values; i++)
        if (s->value[i].height == height && rng_below(&s->rng, ++seen) == 0) found = s->value[i].id;
    return found;
}

static uint64_t make_value(struct swarm *s, uint64_t height)
{
    uint64_t id = ++s->fresh;
    add_value(s, id, height, s->setup->strategy != SWARM_RANDOM || rng_below(&s->rng, 4) > 0);
    return id;
}

static void vote_both(struct swarm *s, uint32_t who, int group, uint64_t height, int32_t round,
                      uint64_t prevote, uint64_t precommit)
{
    post_vote(s, who, group, MACHINE_IN_PREVOTE, height, round, prevote);
    post_vote(s, who, group, MACHINE_IN_PRECOMMIT, height, round, precommit);
}

/* The first two values of the height, one for each half; nil while there is none. */
static uint64_t value_for(const struct swarm *s, uint64_t height, uint32_t group)
{
    uint64_t found = VOTES_NIL;
    uint32_t seen = 0;
    for (uint32_t i = 0; i < s->values && seen <= group; i++)
        if (s->value[i].height == height && s->value[i].valid && seen++ <= group)
            found = s->value[i].id;
    return found;
}

static void act_random(struct swarm *s, uint32_t who, bool proposes, uint64_t height, int32_t round)
{
    for (int group = 0; proposes && group < 2; group++) {
        if (rng_below(&s->rng, 4) == 0) continue;
        int32_t pol = round > 0 && rng_below(&s->rng, 2) == 0
                          ? (int32_t)rng_below(&s->rng, (uint64_t)round)
                          : -1;
        uint64_t old = some_value(s, height);
        uint64_t id = pol >= 0 && old != VOTES_NIL ? old : make_value(s, height);
        post_proposal(s, who, rng_below(&s->rng, 3) == 0 ? -1 : group, height, round, pol, id);
    }
    for (uint32_t k = 0; k < 3; k++)
        vote_both(s, who, (int)rng_below(&s->rng, 3) - 1, height, round, some_value(s, height),
                  some_value(s, height));
}

/* What the honest proposer of the round in this half has just made, or else its value of old. */
static uint64_t target(struct swarm *s, const struct machine *m, uint32_t group)
{
    uint64_t own = machine_own_value(m->height, m->round, m->turn.proposer);
    return find_value(s, own) && s->group[m->turn.proposer] == group
               ? own
               : value_for(s, m->height, group);
}

static void act_in_league(struct swarm *s, uint32_t who, const struct machine *m, uint32_t group)
{
    bool amnesia = s->setup->strategy == SWARM_AMNESIA, proposes = m->turn.proposer == who;
    if (amnesia && (uint32_t)m->round % 2 != group) return;
    if (proposes) make_value(s, m->height);
    uint64_t id = target(s, m, group);
    if (proposes && id != VOTES_NIL) post_proposal(s, who, (int)group, m->height, m->round, -1, id);
    vote_both(s, who, amnesia ? -1 : (int)group, m->height, m->round, id, id);
}

/* When the first honest validator of a half enters a round; where one of them proposes, when that
 * one does. */
static void byzantine_act(struct swarm *s, uint32_t self)
{
    const struct machine *m = &s->machine[self];
    uint32_t group = s->group[self], proposer = m->turn.proposer;
    if (m->height > SWARM_HEIGHTS || m->step < MACHINE_NEW_ROUND) return;
    if (m->round <= s->acted[m->height][group]) return;
    if (proposer != self && !s->setup->byzantine[proposer] && s->group[proposer] == group) return;
    s->acted[m->height][group] = m->round;
    for (uint32_t who = 0; who < s->setup->validators; who++) {
        if (!s->setup->byzantine[who]) continue;
        if (s->setup->strategy == SWARM_RANDOM)
            act_random(s, who, proposer == who, m->height, m->round);
        else
            act_in_league(s, who, m, group);
    }
}

/* ---- the honest --------------------------------------------------------------------------------
 */

static void decide(struct swarm *s, uint32_t who, const struct machine_output *output)
{
    const struct known *value = find_value(s, output->value);
    if (!value || !value->valid || value->height != output->height) s->result.invalid = true;
    if ((uint32_t)output->round > s->result.rounds_max)
        s->result.rounds_max = (uint32_t)output->round;
    if (output->height > SWARM_HEIGHTS) return;
    uint64_t *decided = &s->decided[output->height];
    if (*decided != 0 && *decided != output->value) s->result.disagreed = true;
    *decided = output->value;
    s->commit[who][output->height] = output->round;
    s->entered_ns[who] = s->now_ns;
}

static void follow(struct swarm *s, uint32_t who, const struct machine_output *output)
{
    switch (output->kind) {
    case MACHINE_OUT_PROPOSE:
        if (!find_value(s, output->value)) add_value(s, output->value, output->height, true);
        post_proposal(s, who, -1, output->height, output->round, output->pol_round, output->value);
        return;
    case MACHINE_OUT_PREVOTE:
        post_vote(s, who, -1, MACHINE_IN_PREVOTE, output->height, output->round, output->value);
        return;
    case MACHINE_OUT_PRECOMMIT:
        post_vote(s, who, -1, MACHINE_IN_PRECOMMIT, output->height, output->round, output->value);
        return;
    case MACHINE_OUT_TIMER:
        push(s, (struct arrival){.at_ns = s->now_ns + output->wait_ns,
                                 .to = who,
                                 .message = TIMER,

                                 .timer = {output->height, output->round, output->step}});
        return;
    case MACHINE_OUT_DECIDE:
        decide(s, who, output);
        return;
    case MACHINE_OUT_EVIDENCE:
        s->result.evidence++;
        s->result.slandered |= !s->setup->byzantine[output->voter];
        return;
    case MACHINE_OUT_LOCK:
    case MACHINE_OUT_UNLOCK:
        return;
    }
}

static void feed(struct swarm *s, uint32_t who, struct machine_input in)
{
    struct machine *m = &s->machine[who];
    uint32_t count;
    struct machine_output outputs[64];
    in.now_ns = s->now_ns;
    machine_take(m, &in);
    count = m->output_count;
    assert_true(count <= 64);
    memcpy(outputs, m->outputs, count * sizeof *outputs);
    for (uint32_t i = 0; i < count; i++)
        follow(s, who, &outputs[i]);
    byzantine_act(s, who);
}

/* What makes another message welcome when it changes. */
static uint64_t place(const struct machine *m)
{
    return m->height << 48 | (uint64_t)(uint32_t)m->round << 8 | (uint64_t)m->step << 1 |
           m->proposal.given | m->parts.value << 32;
}

static void claim(struct swarm *s, uint32_t who, uint32_t peer, uint64_t height, int32_t round,
                  int type, uint64_t value)
{
    feed(s, who,
         (struct machine_input){.kind = MACHINE_IN_CLAIM,
                                .height = height,
                                .round = round,
                                .vote_type = (enum votes_type)type,
                                .peer = peer,
                                .value = value});
}

/* A peer that is heights ahead claims its commit and sends the votes of it. */
static void catch_up(struct swarm *s, uint32_t who, uint32_t peer, uint64_t height)
{
    int32_t round = s->commit[peer][height];
    claim(s, who, peer, height, round, VOTES_PRECOMMIT, s->decided[height]);
    for (uint32_t i = 0; i < s->messages && s->machine[who].height == height; i++) {
        struct machine_input in = s->message[i];
        if (in.kind != MACHINE_IN_PRECOMMIT || in.height != height || in.round != round) continue;
        if (in.value != s->decided[height]) continue;
        in.peer = peer;
        feed(s, who, in);
        claim(s, who, peer, height, round, VOTES_PRECOMMIT, s->decided[height]);
    }
}

/* Majorities that the others have seen, and the commits of those who are heights ahead. */
static void claims(struct swarm *s, uint32_t who)
{
    struct machine *m = &s->machine[who];
    uint64_t height = m->height;
    for (uint32_t peer = 0; peer < s->setup->validators; peer++) {
        const struct machine *other = &s->machine[peer];
        if (peer == who || s->setup->byzantine[peer] || m->height != height) continue;
        if (s->setup->parted && s->now_ns < s->gst_ns && s->group[peer] != s->group[who]) continue;
        if (other->height > height) catch_up(s, who, peer, height);
        if (other->height != height) continue;
        for (const struct votes_round *r = other->votes.rounds; r; r = r->next)
            for (int type = 0; type < 2; type++)
                if (r->set[type].majority != VOTES_NONE)
                    claim(s, who, peer, height, r->round, type, r->set[type].majority);
    }
}

/* Gossip brings a peer the votes of its round and of the next; later ones wait for it. */
static void offer(struct swarm *s, uint32_t who, const struct machine_input *in)
{
    const struct machine *m = &s->machine[who];
    if (in->height == m->height && in->round <= m->round + 1) feed(s, who, *in);
}

/* Everything received is offered again until nothing moves. */
static void settle(struct swarm *s, uint32_t who)
{
    struct machine *m = &s->machine[who];
    uint64_t was;
    do {
        was = place(m);
        claims(s, who);
        for (uint32_t i = 0; i < s->inboxes[who]; i++) {
            const struct machine_input *in = &s->message[s->inbox[who][i]];
            offer(s, who, in);
        }
    } while (place(m) != was && m->height <= SWARM_HEIGHTS);
}

/* Who stays behind for half a minute takes the block from a peer, as a node that starts again does.
 * The machine needs it, as CometBFT does, when it had the commit but not the block, and +2/3 votes
 * of a later round took it out of the commit step after the last precommit had come. */
static void sync_block(struct swarm *s, uint32_t who)
{
    uint64_t height = s->machine[who].height;
    if (s->now_ns < s->gst_ns || s->now_ns - s->entered_ns[who] < (int64_t)30000 * MS) return;
    if (height > SWARM_HEIGHTS || s->decided[height] == 0) return;
    s->result.synced = true;
    feed(s, who,
         (struct machine_input){.kind = MACHINE_IN_BLOCK,
                                .height = height,
                                .block = {.value = s->decided[height], .valid = true}});
}

static void happen(struct swarm *s, const struct arrival *event)
{
    struct machine *m = &s->machine[event->to];
    uint64_t was = place(m);
    s->now_ns = event->at_ns;
    if (event->message >= 0) relay(s, event->to, event->message);
    if (m->height > SWARM_HEIGHTS) return;
    if (event->message == TICK) {
        settle(s, event->to);
        sync_block(s, event->to);
        push(s, (struct arrival){.at_ns = s->now_ns + 500 * MS, .to = event->to, .message = TICK});
        return;
    }
    if (event->message == TIMER) {
        if (memcmp(&event->timer, &m->timer, sizeof m->timer) != 0) return;
        feed(s, event->to,
             (struct machine_input){.kind = MACHINE_IN_TIMEOUT,
                                    .height = event->timer.height,
                                    .round = event->timer.round,
                                    .step = event->timer.step});
        settle(s, event->to);
        return;
    }
    s->inbox[event->to][s->inboxes[event->to]++] = event->message;
    offer(s, event->to, &s->message[event->message]);
    if (place(m) != was) settle(s, event->to);
}

static bool all_done(const struct swarm *s)
{
    for (uint32_t i = 0; i < s->setup->validators; i++)
        if (!s->setup->byzantine[i] && s->machine[i].height <= SWARM_HEIGHTS) return false;
    return true;
}

static void begin(struct swarm *s)
{
    struct valset members;
    struct valset_change list[SWARM_MOST];
    uint32_t count = s->setup->validators;
    arena_init(&s->arena, "swarm", 0);
    s->rng = rng_open(s->setup->seed, 0, 2, 0);
    s->gst_ns = (int64_t)rng_below(&s->rng, 10000) * MS;
    if (s->setup->parted) s->gst_ns = 10000 * MS;
    s->held_percent = rng_below(&s->rng, 60);
    s->params = (struct machine_params){.lock_rule = s->setup->lock_rule,
                                        .skip = s->setup->skip,
                                        .propose_ns = 300 * MS,
                                        .prevote_ns = 100 * MS,
                                        .precommit_ns = 100 * MS,
                                        .commit_ns = 50 * MS,
                                        .propose_delta_ns = 50 * MS,
                                        .prevote_delta_ns = 50 * MS,
                                        .precommit_delta_ns = 50 * MS};
    valset_init(&members, &s->arena, count);
    for (uint32_t i = 0; i < count; i++) {
        list[i] = (struct valset_change){i, s->setup->power[i]};
        s->group[i] = (uint32_t)rng_below(&s->rng, 2);
    }
    assert_null(valset_create(&members, list, count));
    memset(s->acted, 0xFF, sizeof s->acted);
    for (uint32_t i = 0; i < count; i++)
        machine_init(&s->machine[i], &s->arena, &s->params, i, count, &members, 1);
    for (uint32_t i = 0; i < count; i++) {
        if (s->setup->byzantine[i]) continue;
        struct machine *m = &s->machine[i];
        machine_start(m, 0, 0);
        struct machine_output outputs[64];
        uint32_t made = m->output_count;
        memcpy(outputs, m->outputs, made * sizeof *outputs);
        for (uint32_t k = 0; k < made; k++)
            follow(s, i, &outputs[k]);
        push(s, (struct arrival){.at_ns = 500 * MS, .to = i, .message = TICK});
        byzantine_act(s, i);
    }
}

struct swarm_result swarm_run(const struct swarm_setup *setup)
{
    struct swarm *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->setup = setup;
    begin(s);
    while (s->events > 0 && !all_done(s) && s->now_ns < (int64_t)END_S * 1000 * MS &&
           s->messages < MESSAGES) {
        struct arrival event = pop(s);
        happen(s, &event);
        if (s->result.disagreed) break;
    }
    s->result.stuck = !s->result.disagreed && !all_done(s);
    struct swarm_result result = s->result;
    arena_free(&s->arena);
    free(s);
    return result;
}

/* ---- seeds -------------------------------------------------------------------------------------
 */

/* 4 to 7 validators of random powers; as many byzantine as stay below (or, `above`, as it takes to
 * pass) a third of the power. */
static struct swarm_setup draw(uint64_t seed, int lock_rule, enum swarm_strategy strategy,
                               bool above)
{
    struct swarm_setup setup = {.seed = seed, .lock_rule = lock_rule, .strategy = strategy};
    struct rng_stream s = rng_open(seed, 0, 1, 0);
    int64_t total = 0, bad = 0;
    setup.validators = 4 + (uint32_t)rng_below(&s, 4);
    setup.parted = above;
    setup.skip = rng_below(&s, 2) ? MACHINE_SKIP_THIRD : MACHINE_SKIP_QUORUM;
    for (uint32_t i = 0; i < setup.validators; i++)
        total += setup.power[i] = above ? 1 : 1 + (int64_t)rng_below(&s, 20);
    uint32_t first = (uint32_t)rng_below(&s, setup.validators);
    for (uint32_t k = 0; k < setup.validators; k++) {
        uint32_t i = (first + k) % setup.validators;
        bool fits = 3 * (bad + setup.power[i]) < total;
        if (above ? 2 * bad >= total : !fits) continue;
        setup.byzantine[i] = true;
        bad += setup.power[i];
    }
    return setup;
}

static uint32_t seeds(uint32_t few, uint32_t many)
{
    const char *mode = getenv("HACASIM_MODE");
    return mode && strcmp(mode, "long") == 0 ? many : few;
}

static void below_a_third(int lock_rule, enum swarm_strategy strategy)
{
    uint32_t count = seeds(150, 3000), evidence = 0, rounds = 0, synced = 0;
    for (uint64_t seed = 0; seed < count; seed++) {
        struct swarm_setup setup = draw(seed, lock_rule, strategy, false);
        struct swarm_result result = swarm_run(&setup);
        if (result.disagreed || result.invalid || result.stuck || result.slandered)
            fail_msg("seed %llu: disagreed %d, invalid %d, stuck %d, slandered %d",
                     (unsigned long long)seed, result.disagreed, result.invalid, result.stuck,
                     result.slandered);
        evidence += result.evidence > 0;
        rounds += result.rounds_max > 0;
        synced += result.synced;
    }
    printf("measured: %u seeds, double votes in %u, more than one round in %u, block sync in %u\n",
           count, evidence, rounds, synced);
    assert_true(synced <= count / 100);
    assert_true(rounds > count / 4); /* the byzantine do get in the way */
    if (strategy != SWARM_AMNESIA) assert_true(evidence > count / 4);
}

static void test_random(void **state)
{
    (void)state;
    below_a_third(CONSENSUS_ARXIV, SWARM_RANDOM);
    below_a_third(CONSENSUS_LEGACY, SWARM_RANDOM);
}

static void test_split(void **state)
{
    (void)state;
    below_a_third(CONSENSUS_ARXIV, SWARM_SPLIT);
    below_a_third(CONSENSUS_LEGACY, SWARM_SPLIT);
}

static void test_amnesia(void **state)
{
    (void)state;
    below_a_third(CONSENSUS_ARXIV, SWARM_AMNESIA);
    below_a_third(CONSENSUS_LEGACY, SWARM_AMNESIA);
}

/* Half of the power in league, and the honest in two halves that do not hear each other before GST:
 * agreement breaks. */
static void test_above_a_third(void **state)
{
    static const enum swarm_strategy strategies[] = {SWARM_SPLIT, SWARM_AMNESIA};
    (void)state;
    for (int rule = CONSENSUS_LEGACY; rule <= CONSENSUS_ARXIV; rule++) {
        for (int k = 0; k < 2; k++) {
            uint32_t found = 0, count = seeds(60, 400);
            for (uint64_t seed = 0; seed < count; seed++) {
                struct swarm_setup setup = draw(seed, rule, strategies[k], true);
                found += swarm_run(&setup).disagreed;
            }
            printf("measured: %s, %s: agreement broken in %u of %u seeds\n",
                   rule == CONSENSUS_LEGACY ? "legacy" : "arxiv",
                   k == 0 ? "equivocation" : "amnesia", found, count);
            assert_true(found > 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_amnesia),
        cmocka_unit_test(test_above_a_third),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
