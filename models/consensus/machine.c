/* SPDX-License-Identifier: Apache-2.0
 * The steps of the consensus state machine. */
#include "models/consensus/machine_internal.h"

#include <assert.h>
#include <string.h>

#define MACHINE_DELAY_MAX_NS ((int64_t)24 * 3600 * 1000000000) /* MaxMessageDelay */
#define MACHINE_IOTA_NS 1000000 /* least distance of a vote's stamp from its block's */

/* ---- parameters --------------------------------------------------------------------------------
 */

uint64_t machine_own_value(uint64_t height, int32_t round, uint32_t self)
{
    return height << 32 | ((uint64_t)round & 0xFFFF) << 16 | (self & 0xFFFF);
}

int64_t machine_timeout_ns(const struct machine_params *params, enum machine_step step,
                           int32_t round)
{
    switch (step) {
    case MACHINE_PROPOSE:
        return params->propose_ns + round * params->propose_delta_ns;
    case MACHINE_PREVOTE_WAIT:
        return params->prevote_ns + round * params->prevote_delta_ns;
    case MACHINE_PRECOMMIT_WAIT:
        return params->precommit_ns + round * params->precommit_delta_ns;
    default:
        return params->commit_ns;
    }
}

int64_t machine_message_delay_ns(const struct machine_params *params, int32_t round)
{
    double delay_ns = (double)params->message_delay_ns;
    for (int32_t r = 0; r < round && delay_ns < (double)MACHINE_DELAY_MAX_NS; r++)
        delay_ns *= 1.1;
    if (delay_ns >= (double)MACHINE_DELAY_MAX_NS) return MACHINE_DELAY_MAX_NS;
    return (int64_t)delay_ns;
}

bool machine_timely(const struct machine_params *params, int32_t round, int64_t stamp_ns,
                    int64_t received_ns)
{
    int64_t latest = stamp_ns + machine_message_delay_ns(params, round) + params->precision_ns;
    return received_ns >= stamp_ns - params->precision_ns && received_ns <= latest;
}

/* ---- outputs -----------------------------------------------------------------------------------
 */

struct machine_output *machine_emit(struct machine *m, enum machine_output_kind kind)
{
    if (m->output_count == m->output_capacity) {
        uint32_t capacity = 2 * m->output_capacity;
        m->outputs =
            arena_grow(m->arena, m->outputs, m->output_capacity, capacity, sizeof *m->outputs);
        m->output_capacity = capacity;
    }
    struct machine_output *output = &m->outputs[m->output_count++];
    *output = (struct machine_output){
        .kind = kind, .height = m->height, .round = m->round, .pol_round = -1};
    return output;
}

/* A request for an earlier or the same (height, round, step) is ignored, as by the ticker. */
static void machine_schedule(struct machine *m, enum machine_step step, int32_t round,
                             int64_t wait_ns)
{
    const struct machine_timer *set = &m->timer;
    if (m->height < set->height) return;
    if (m->height == set->height && round < set->round) return;
    if (m->height == set->height && round == set->round && set->step > 0 && step <= set->step)
        return;
    m->timer = (struct machine_timer){m->height, round, step};
    struct machine_output *output = machine_emit(m, MACHINE_OUT_TIMER);
    output->round = round;
    output->step = step;
    output->wait_ns = wait_ns > 0 ? wait_ns : 0;
}

static struct machine_input *machine_tell_self(struct machine *m, enum machine_kind kind)
{
    assert(m->own_count < MACHINE_OWN);
    struct machine_input *own = &m->own[(m->own_first + m->own_count++) % MACHINE_OWN];
    *own = (struct machine_input){.kind = kind,
                                  .now_ns = m->now_ns,
                                  .height = m->height,
                                  .round = m->round,
                                  .pol_round = -1,
                                  .voter = m->self,
                                  .peer = m->self};
    return own;
}

/* BFT time: a stamp lies after the time of the block that is voted for. */
static int64_t machine_vote_time(const struct machine *m)
{
    int64_t least = m->now_ns;
    if (m->params->pbts) return m->now_ns;
    if (m->locked.value != VOTES_NONE)
        least = m->locked.time_ns + MACHINE_IOTA_NS;
    else if (m->block.value != VOTES_NONE)
        least = m->block.time_ns + MACHINE_IOTA_NS;
    return m->now_ns > least ? m->now_ns : least;
}

static void machine_vote(struct machine *m, enum votes_type type, uint64_t value)
{
    bool prevote = type == VOTES_PREVOTE;
    if (valset_power(&m->members, m->self) == 0) return;
    struct machine_output *output =
        machine_emit(m, prevote ? MACHINE_OUT_PREVOTE : MACHINE_OUT_PRECOMMIT);
    output->value = value;
    output->time_ns = machine_vote_time(m);
    struct machine_input *own =
        machine_tell_self(m, prevote ? MACHINE_IN_PREVOTE : MACHINE_IN_PRECOMMIT);
    own->value = value;
    own->time_ns = output->time_ns;
    if (!prevote && value != VOTES_NIL && m->params->extensions)
        own->extension = MACHINE_EXTENSION_GOOD;
}

/* ---- what is known -----------------------------------------------------------------------------
 */

static bool machine_is(const struct machine_block *block, uint64_t value)
{
    return block->value != VOTES_NONE && block->value == value;
}

const struct machine_block machine_no_block = {.value = VOTES_NONE};

bool machine_complete(const struct machine *m)
{
    if (!m->proposal.given || m->block.value == VOTES_NONE) return false;
    if (m->proposal.pol_round < 0) return true;
    return votes_majority(&m->votes, m->proposal.pol_round, VOTES_PREVOTE) != VOTES_NONE;
}

void machine_expect(struct machine *m, uint64_t value, uint32_t total)
{
    memset(&m->parts, 0, sizeof m->parts);
    m->parts.value = value;
    m->parts.total = total;
}

/* A majority is for a block that is not here: take in its parts instead. */
void machine_fetch(struct machine *m, uint64_t value)
{
    if (m->parts.value == value) return;
    m->block = machine_no_block;
    machine_expect(m, value, 0);
}

void machine_unlock(struct machine *m)
{
    if (m->locked.value != VOTES_NONE) machine_emit(m, MACHINE_OUT_UNLOCK)->value = m->locked.value;
    m->locked = machine_no_block;
    m->locked_round = -1;
}

/* ---- propose -----------------------------------------------------------------------------------
 */

/* The stamp of a new block: with BFT time the median of the last commit's; the first block has the
 * time of the genesis. */
static int64_t machine_block_time(const struct machine *m)
{
    if (m->params->pbts) return m->now_ns;
    if (m->first) return m->last_block_ns;
    int64_t median_ns = -1;
    if (m->last_commit)
        median_ns = votes_median_ns(&m->last_commit->set[VOTES_PRECOMMIT], &m->last, m->last_value);
    int64_t least = m->last_block_ns + MACHINE_IOTA_NS;
    return median_ns > least ? median_ns : least;
}

static void machine_make_proposal(struct machine *m)
{
    struct machine_block block = m->valid;
    if (block.value == VOTES_NONE)
        block = (struct machine_block){.value = machine_own_value(m->height, m->round, m->self),
                                       .time_ns = machine_block_time(m),
                                       .execute_ns = m->params->execute_ns,
                                       .valid = true};
    struct machine_output *output = machine_emit(m, MACHINE_OUT_PROPOSE);
    output->value = block.value;
    output->pol_round = m->valid_round;
    output->time_ns = block.time_ns;
    if (m->params->proposes_outside) return;
    struct machine_input *proposal = machine_tell_self(m, MACHINE_IN_PROPOSAL);
    proposal->value = block.value;
    proposal->pol_round = m->valid_round;
    proposal->time_ns = block.time_ns;
    struct machine_input *part = machine_tell_self(m, MACHINE_IN_PART);
    part->value = block.value;
    part->block = block;
}

void machine_enter_propose(struct machine *m, int32_t round)
{
    if (round < m->round || (round == m->round && m->step >= MACHINE_PROPOSE)) return;
    bool mine = m->turn.proposer == m->self;
    if (m->params->pbts && mine && m->last_block_ns > m->now_ns) {
        machine_schedule(m, MACHINE_NEW_ROUND, round, m->last_block_ns - m->now_ns);
        return;
    }
    machine_schedule(m, MACHINE_PROPOSE, round,
                     machine_timeout_ns(m->params, MACHINE_PROPOSE, round));
    if (mine && valset_power(&m->members, m->self) > 0) machine_make_proposal(m);
    m->round = round;
    m->step = MACHINE_PROPOSE;
    if (machine_complete(m)) machine_enter_prevote(m, m->round);
}

void machine_enter_round(struct machine *m, int32_t round)
{
    if (round < m->round || (round == m->round && m->step != MACHINE_NEW_HEIGHT)) return;
    if (round > m->round) valset_increment(&m->turn, (uint32_t)(round - m->round));
    m->round = round;
    m->step = MACHINE_NEW_ROUND;
    if (round != 0) { /* of round 0 a proposal may have come before its time */
        m->proposal.given = false;
        m->block = machine_no_block;
        machine_expect(m, VOTES_NONE, 0);
    }
    votes_open(&m->votes, round);
    m->waited_precommit = false;
    machine_enter_propose(m, round);
}

/* ---- prevote -----------------------------------------------------------------------------------
 */

static uint64_t machine_choose_legacy(const struct machine *m)
{
    if (m->locked.value != VOTES_NONE) return m->locked.value;
    if (m->block.value == VOTES_NONE || !m->block.valid) return VOTES_NIL;
    return m->block.value;
}

/* A proposal with a proof of lock: arXiv lines 28 to 33.  Two majorities in the locked round need
 * more than a third of double signers; the proposal is followed then, as CometBFT does. */
static uint64_t machine_choose_proven(const struct machine *m)
{
    int32_t proof = m->proposal.pol_round;
    uint64_t value = m->block.value;
    if (proof >= m->round || votes_majority(&m->votes, proof, VOTES_PREVOTE) != value)
        return VOTES_NIL;
    return m->locked_round <= proof || machine_is(&m->locked, value) ? value : VOTES_NIL;
}

static uint64_t machine_choose_arxiv(const struct machine *m)
{
    const struct machine_proposal *proposal = &m->proposal;
    uint64_t value = m->block.value;
    if (value == VOTES_NONE || !proposal->given) return VOTES_NIL;
    if (m->params->pbts && proposal->time_ns != m->block.time_ns) return VOTES_NIL;
    if (proposal->pol_round >= 0) return machine_choose_proven(m);
    if (m->locked_round >= 0) return machine_is(&m->locked, value) ? value : VOTES_NIL;
    if (m->params->pbts &&
        !machine_timely(m->params, m->round, proposal->time_ns, proposal->received_ns))
        return VOTES_NIL;
    if (machine_is(&m->valid, value)) return value;
    return m->block.valid ? value : VOTES_NIL;
}

void machine_enter_prevote(struct machine *m, int32_t round)
{
    if (round < m->round || (round == m->round && m->step >= MACHINE_PREVOTE)) return;
    m->round = round;
    machine_vote(m, VOTES_PREVOTE,
                 m->params->lock_rule == CONSENSUS_LEGACY ? machine_choose_legacy(m)
                                                          : machine_choose_arxiv(m));
    m->step = MACHINE_PREVOTE;
}

void machine_enter_prevote_wait(struct machine *m, int32_t round)
{
    if (round < m->round || (round == m->round && m->step >= MACHINE_PREVOTE_WAIT)) return;
    machine_schedule(m, MACHINE_PREVOTE_WAIT, round,
                     machine_timeout_ns(m->params, MACHINE_PREVOTE_WAIT, round));
    m->round = round;
    m->step = MACHINE_PREVOTE_WAIT;
}

/* ---- precommit ---------------------------------------------------------------------------------
 */

static void machine_lock(struct machine *m, const struct machine_block *block)
{
    m->locked = *block;
    m->locked_round = m->round;
    machine_emit(m, MACHINE_OUT_LOCK)->value = block->value;
}

/* What to precommit when the prevotes of this round have a majority for `value`. */
static uint64_t machine_choose_precommit(struct machine *m, uint64_t value)
{
    bool legacy = m->params->lock_rule == CONSENSUS_LEGACY;
    if (value == VOTES_NONE) return VOTES_NIL;
    if (value == VOTES_NIL) {
        if (legacy) machine_unlock(m);
        return VOTES_NIL;
    }
    if (machine_is(&m->locked, value)) {
        struct machine_block again = m->locked;
        machine_lock(m, &again);
        return value;
    }
    if (machine_is(&m->block, value)) {
        machine_lock(m, &m->block);
        return value;
    }
    if (legacy) machine_unlock(m);
    machine_fetch(m, value);
    return VOTES_NIL;
}

void machine_enter_precommit(struct machine *m, int32_t round)
{
    if (round < m->round || (round == m->round && m->step >= MACHINE_PRECOMMIT)) return;
    m->round = round;
    uint64_t majority = votes_majority(&m->votes, round, VOTES_PREVOTE);
    machine_vote(m, VOTES_PRECOMMIT, machine_choose_precommit(m, majority));
    m->step = MACHINE_PRECOMMIT;
}

void machine_enter_precommit_wait(struct machine *m, int32_t round)
{
    if (round < m->round || (round == m->round && m->waited_precommit)) return;
    machine_schedule(m, MACHINE_PRECOMMIT_WAIT, round,
                     machine_timeout_ns(m->params, MACHINE_PRECOMMIT_WAIT, round));
    m->waited_precommit = true;
}

/* ---- commit ------------------------------------------------------------------------------------
 */

/* The validators of the next height were fixed one block ago; what this block changes holds from
 * the height after that (state/execution.go, updateState). */
static void machine_rotate(struct machine *m)
{
    valset_copy(&m->last, &m->members);
    valset_copy(&m->members, &m->next);
    valset_copy(&m->turn, &m->next);
    valset_update(&m->next, m->changes, m->change_count);
    valset_increment(&m->next, 1);
    m->change_count = 0;
}

static void machine_next_height(struct machine *m, const struct machine_block *block)
{
    machine_rotate(m);
    m->last_block_ns = block->time_ns;
    m->last_value = block->value;
    m->first = false;
    m->height++;
    m->round = 0;
    m->step = MACHINE_NEW_HEIGHT;
    m->start_ns = m->commit_ns + m->params->commit_ns;
    m->proposal.given = false;
    m->block = m->locked = m->valid = machine_no_block;
    m->locked_round = m->valid_round = m->commit_round = -1;
    machine_expect(m, VOTES_NONE, 0);
    m->waited_precommit = false;
    votes_reset(&m->votes, &m->members);
}

/* Executing the block runs inside timeout_commit. */
static void machine_finish(struct machine *m, int32_t round)
{
    struct machine_block block = m->block;
    struct machine_output *output = machine_emit(m, MACHINE_OUT_DECIDE);
    output->round = round;
    output->value = block.value;
    output->time_ns = block.time_ns;
    machine_next_height(m, &block);
    int64_t wait_ns = m->start_ns - m->now_ns;
    if (wait_ns < block.execute_ns) wait_ns = block.execute_ns;
    machine_schedule(m, MACHINE_NEW_HEIGHT, 0, wait_ns);
}

void machine_try_finish(struct machine *m)
{
    uint64_t value = votes_majority(&m->votes, m->commit_round, VOTES_PRECOMMIT);
    if (!machine_is(&m->block, value)) return;
    votes_give_back(&m->votes, m->last_commit);
    int32_t round = m->commit_round;
    m->last_commit = votes_keep(&m->votes, round);
    machine_finish(m, round);
}

void machine_enter_commit(struct machine *m, int32_t round)
{
    if (m->step >= MACHINE_COMMIT) return;
    uint64_t value = votes_majority(&m->votes, round, VOTES_PRECOMMIT);
    if (machine_is(&m->locked, value)) {
        m->block = m->locked;
        machine_expect(m, value, 0);
        m->parts.got = MACHINE_PARTS_MAX; /* all of it */
    }
    if (!machine_is(&m->block, value)) machine_fetch(m, value);
    m->step = MACHINE_COMMIT;
    m->commit_round = round;
    m->commit_ns = m->now_ns;
    machine_try_finish(m);
}

/* A block from block sync is decided as it comes; its commit is not seen vote by vote. */
void machine_adopt(struct machine *m, const struct machine_block *block)
{
    votes_give_back(&m->votes, m->last_commit);
    m->last_commit = NULL;
    m->commit_ns = m->now_ns;
    m->block = *block;
    machine_finish(m, m->round);
}

/* ---- life --------------------------------------------------------------------------------------
 */

void machine_init(struct machine *m, struct arena *arena, const struct machine_params *params,
                  uint32_t self, uint32_t capacity, const struct valset *members, uint64_t height)
{
    assert(members->turn.count > 0 && self < capacity);
    *m = (struct machine){.params = params,
                          .self = self,
                          .height = height,
                          .step = MACHINE_NEW_HEIGHT,
                          .commit_round = -1,
                          .locked_round = -1,
                          .valid_round = -1,
                          .first = true,
                          .block = machine_no_block,
                          .locked = machine_no_block,
                          .valid = machine_no_block,
                          .output_capacity = 16,
                          .arena = arena};
    struct valset *sets[] = {&m->members, &m->turn, &m->next, &m->last};
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        valset_init(sets[i], arena, capacity);
        valset_copy(sets[i], members);
    }
    valset_increment(&m->next, 1);
    m->changes = arena_alloc(arena, capacity, sizeof *m->changes);
    m->outputs = arena_alloc(arena, m->output_capacity, sizeof *m->outputs);
    votes_init(&m->votes, arena, capacity);
    votes_reset(&m->votes, &m->members);
    machine_expect(m, VOTES_NONE, 0);
}

void machine_start(struct machine *m, int64_t now_ns, int64_t last_block_ns)
{
    m->now_ns = now_ns;
    m->start_ns = now_ns;
    m->last_block_ns = last_block_ns;
    m->output_count = 0;
    machine_enter_round(m, 0);
    machine_hear_self(m);
}
