/* SPDX-License-Identifier: Apache-2.0
 * What a validator makes of one message, timeout or block. */
#include "models/consensus/machine_internal.h"

#include <assert.h>
#include <string.h>

/* ---- proposals and blocks ----------------------------------------------------------------------
 */

/* The first proposal of the round by its proposer counts; a second one is not even noticed. */
static void machine_take_proposal(struct machine *m, const struct machine_input *in)
{
    if (m->proposal.given || in->height != m->height || in->round != m->round) return;
    if (in->pol_round < -1 || in->pol_round >= in->round) return;
    if (in->voter != m->turn.proposer || in->parts > MACHINE_PARTS_MAX) return;
    m->proposal = (struct machine_proposal){.given = true,
                                            .value = in->value,
                                            .pol_round = in->pol_round,
                                            .time_ns = in->time_ns,
                                            .received_ns = in->now_ns};
    /* Parts of a block that has a majority already are not given up for it. */
    if (m->parts.value == VOTES_NONE) machine_expect(m, in->value, in->parts);
}

static bool machine_add_part(struct machine *m, const struct machine_input *in)
{
    struct machine_parts *parts = &m->parts;
    uint32_t total = in->parts ? in->parts : 1;
    if (in->height != m->height || parts->value == VOTES_NONE) return false;
    if (in->value != parts->value || total > MACHINE_PARTS_MAX || in->part >= total) return false;
    uint64_t bit = (uint64_t)1 << (in->part % 64);
    if (parts->got >= total || (parts->have[in->part / 64] & bit) != 0) return false;
    parts->have[in->part / 64] |= bit;
    parts->total = total;
    parts->got++;
    return true;
}

static void machine_set_valid(struct machine *m, int32_t round)
{
    m->valid = m->block;
    m->valid_round = round;
}

static void machine_take_part(struct machine *m, const struct machine_input *in)
{
    if (!machine_add_part(m, in) || m->parts.got < m->parts.total) return;
    m->block = in->block;
    m->block.value = in->value;
    uint64_t majority = votes_majority(&m->votes, m->round, VOTES_PREVOTE);
    if (majority == in->value && m->valid_round < m->round) machine_set_valid(m, m->round);
    if (m->step <= MACHINE_PROPOSE && machine_complete(m)) {
        machine_enter_prevote(m, m->round);
        if (majority != VOTES_NONE) machine_enter_precommit(m, m->round);
    } else if (m->step == MACHINE_COMMIT) {
        machine_try_finish(m);
    }
}

/* ---- votes -------------------------------------------------------------------------------------
 */

static void machine_report(struct machine *m, const struct machine_input *in, enum votes_type type,
                           uint64_t other)
{
    if (in->voter == m->self) return; /* it would be its own confession */
    struct machine_output *output = machine_emit(m, MACHINE_OUT_EVIDENCE);
    output->height = in->height;
    output->round = in->round;
    output->vote_type = type;
    output->voter = in->voter;
    output->value = in->value;
    output->other = other;
    output->time_ns = in->time_ns;
}

static struct votes_vote machine_as_vote(const struct machine_input *in)
{
    return (struct votes_vote){.type =
                                   in->kind == MACHINE_IN_PREVOTE ? VOTES_PREVOTE : VOTES_PRECOMMIT,
                               .round = in->round,
                               .voter = in->voter,
                               .peer = in->peer,
                               .value = in->value,
                               .time_ns = in->time_ns};
}

/* A precommit for the height before: it still enters that commit while this height has not begun.
 */
static void machine_take_late(struct machine *m, const struct machine_input *in)
{
    int64_t power = valset_power(&m->last, in->voter);
    if (m->step != MACHINE_NEW_HEIGHT || !m->last_commit || power == 0) return;
    if (in->round != m->last_commit->round) return;
    struct votes_vote vote = machine_as_vote(in);
    struct votes_set *set = &m->last_commit->set[VOTES_PRECOMMIT];
    uint64_t other;
    enum votes_result result = votes_add_late(&m->votes, set, power, &vote, &other);
    if (result == VOTES_CONFLICT || result == VOTES_CONFLICT_ADDED)
        machine_report(m, in, VOTES_PRECOMMIT, other);
    if (result == VOTES_ADDED && m->params->skip_timeout_commit && set->power == m->last.turn.total)
        machine_enter_round(m, 0);
}

static bool machine_extension_fits(const struct machine *m, const struct machine_input *in)
{
    bool needed =
        m->params->extensions && in->kind == MACHINE_IN_PRECOMMIT && in->value != VOTES_NIL;
    return in->extension == (needed ? MACHINE_EXTENSION_GOOD : MACHINE_EXTENSION_NONE);
}

/* A majority of prevotes may unlock (legacy) and makes its block the valid one. */
static void machine_on_polka(struct machine *m, int32_t round, uint64_t value)
{
    bool legacy = m->params->lock_rule == CONSENSUS_LEGACY;
    if (legacy && m->locked.value != VOTES_NONE && m->locked.value != value &&
        m->locked_round < round && round <= m->round)
        machine_unlock(m);
    if (value == VOTES_NIL || m->valid_round >= round || round != m->round) return;
    if (m->block.value == value)
        machine_set_valid(m, round);
    else
        m->block = machine_no_block;
    machine_fetch(m, value);
}

static void machine_on_prevote(struct machine *m, int32_t round)
{
    uint64_t majority = votes_majority(&m->votes, round, VOTES_PREVOTE);
    if (majority != VOTES_NONE) machine_on_polka(m, round, majority);
    bool any = votes_any(&m->votes, round, VOTES_PREVOTE);
    if (m->round < round && any) {
        machine_enter_round(m, round);
    } else if (m->round == round && m->step >= MACHINE_PREVOTE) {
        if (majority == VOTES_NIL || (majority != VOTES_NONE && machine_complete(m)))
            machine_enter_precommit(m, round);
        else if (any)
            machine_enter_prevote_wait(m, round);
    } else if (m->proposal.given && m->proposal.pol_round == round && machine_complete(m)) {
        machine_enter_prevote(m, m->round);
    }
}

static void machine_on_precommit(struct machine *m, int32_t round)
{
    uint64_t majority = votes_majority(&m->votes, round, VOTES_PRECOMMIT);
    if (majority == VOTES_NONE) {
        if (m->round > round || !votes_any(&m->votes, round, VOTES_PRECOMMIT)) return;
        machine_enter_round(m, round);
        machine_enter_precommit_wait(m, round);
        return;
    }
    bool all = votes_all(&m->votes, round, VOTES_PRECOMMIT);
    machine_enter_round(m, round);
    machine_enter_precommit(m, round);
    if (majority == VOTES_NIL) {
        machine_enter_precommit_wait(m, round);
        return;
    }
    machine_enter_commit(m, round);
    if (m->params->skip_timeout_commit && all) machine_enter_round(m, 0);
}

static void machine_take_vote(struct machine *m, const struct machine_input *in)
{
    struct votes_vote vote = machine_as_vote(in);
    uint64_t other;
    if (in->height + 1 == m->height && vote.type == VOTES_PRECOMMIT) machine_take_late(m, in);
    if (in->height != m->height || valset_power(&m->members, in->voter) == 0) return;
    if (!machine_extension_fits(m, in)) return;
    enum votes_result result = votes_add(&m->votes, &vote, &other);
    bool added = result == VOTES_ADDED || result == VOTES_CONFLICT_ADDED;
    if (result == VOTES_CONFLICT || result == VOTES_CONFLICT_ADDED)
        machine_report(m, in, vote.type, other);
    if (added && vote.type == VOTES_PREVOTE) machine_on_prevote(m, in->round);
    if (added && vote.type == VOTES_PRECOMMIT) machine_on_precommit(m, in->round);
    if (added && m->params->skip == MACHINE_SKIP_THIRD && in->height == m->height &&
        in->round > m->round && m->step < MACHINE_COMMIT && votes_third(&m->votes, in->round))
        machine_enter_round(m, in->round);
}

/* ---- the rest ----------------------------------------------------------------------------------
 */

static void machine_take_timeout(struct machine *m, const struct machine_input *in)
{
    if (in->height != m->height || in->round < m->round) return;
    if (in->round == m->round && in->step < m->step) return;
    if (in->step == MACHINE_NEW_HEIGHT) {
        machine_enter_round(m, 0);
    } else if (in->step == MACHINE_NEW_ROUND) {
        machine_enter_propose(m, in->round);
    } else if (in->step == MACHINE_PROPOSE) {
        machine_enter_prevote(m, in->round);
    } else if (in->step == MACHINE_PREVOTE_WAIT) {
        machine_enter_precommit(m, in->round);
    } else if (in->step == MACHINE_PRECOMMIT_WAIT) {
        machine_enter_precommit(m, in->round);
        machine_enter_round(m, in->round + 1);
    }
}

static void machine_take_updates(struct machine *m, const struct machine_input *in)
{
    assert(in->change_count <= m->members.capacity);
    if (in->height != m->height) return;
    memcpy(m->changes, in->changes, in->change_count * sizeof *m->changes);
    m->change_count = in->change_count;
}

static void machine_dispatch(struct machine *m, const struct machine_input *in)
{
    switch (in->kind) {
    case MACHINE_IN_PROPOSAL:
        machine_take_proposal(m, in);
        return;
    case MACHINE_IN_PART:
        machine_take_part(m, in);
        return;
    case MACHINE_IN_PREVOTE:
    case MACHINE_IN_PRECOMMIT:
        machine_take_vote(m, in);
        return;
    case MACHINE_IN_CLAIM:
        if (in->height == m->height)
            votes_claim(&m->votes, in->round, in->vote_type, in->peer, in->value);
        return;
    case MACHINE_IN_TIMEOUT:
        machine_take_timeout(m, in);
        return;
    case MACHINE_IN_BLOCK:
        if (in->height == m->height) machine_adopt(m, &in->block);
        return;
    case MACHINE_IN_UPDATES:
        machine_take_updates(m, in);
        return;
    }
}

void machine_hear_self(struct machine *m)
{
    while (m->own_count > 0) {
        struct machine_input own = m->own[m->own_first];
        m->own_first = (m->own_first + 1) % MACHINE_OWN;
        m->own_count--;
        machine_dispatch(m, &own);
    }
}

void machine_take(struct machine *m, const struct machine_input *input)
{
    m->output_count = 0;
    if (input->now_ns > m->now_ns) m->now_ns = input->now_ns;
    machine_dispatch(m, input);
    machine_hear_self(m);
}
