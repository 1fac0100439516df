/* SPDX-License-Identifier: Apache-2.0
 * Scripts: a YAML list of inputs for one validator.
 *
 * Answers for: the keys of the file, what makes no sense in it, and feeding the machine.
 * Leaves out: how entries print (script_print.c). */
#include "models/consensus/script.h"

#include <stdio.h>
#include <string.h>

/* ---- keys --------------------------------------------------------------------------------------
 */

static const char *const lock_rules[] = {"legacy", "arxiv", NULL};
static const char *const skips[] = {"quorum", "third", NULL};
static const char *const timers[] = {"propose", "prevote",   "precommit",
                                     "commit",  "new_round", NULL};
static const char *const types[] = {"prevote", "precommit", NULL};
static const char *const extensions[] = {"default", "none", "valid", "invalid", NULL};

static const enum machine_step timer_steps[] = {MACHINE_PROPOSE, MACHINE_PREVOTE_WAIT,
                                                MACHINE_PRECOMMIT_WAIT, MACHINE_NEW_HEIGHT,
                                                MACHINE_NEW_ROUND};

#define SOURCE "docs/consensus.md"
#define KEY(field, type, def, min, max, what)                                                      \
    PARAM(script_message, field, type, def, min, max, what, SOURCE)
#define HEIGHT KEY(height, PARAM_COUNT, "0", "0", "4294967295", "height; the current one if absent")
#define ROUND                                                                                      \
    KEY(round, PARAM_COUNT, "0", "0", "65535", "round; the current one of the validator if absent")
#define VALUE KEY(value, PARAM_NAME, NULL, NULL, NULL, "name of a block; nil: none")
#define TIME                                                                                       \
    KEY(time, PARAM_STRING, "", NULL, NULL, "its stamp; the clock of the validator if absent")
#define AT KEY(at, PARAM_STRING, "", NULL, NULL, "clock of the validator when it comes")
#define VOTER KEY(voter, PARAM_COUNT, "0", "0", "9999", "index of the validator that signed it")
#define PEER KEY(peer, PARAM_COUNT, "0", "0", "9999", "who sent it; the voter if absent")

static const struct param proposal_rows[] = {
    HEIGHT,
    ROUND,
    VALUE,
    TIME,
    AT,
    VOTER,
    KEY(pol_round, PARAM_COUNT, "-1", "-1", "65535", "round of the proof of lock; -1: none")};
static const struct param part_rows[] = {HEIGHT, ROUND, VALUE, TIME, AT};
static const struct param prevote_rows[] = {HEIGHT, ROUND, VALUE, TIME, AT, VOTER, PEER};
static const struct param precommit_rows[] = {
    HEIGHT,
    ROUND,
    VALUE,
    TIME,
    AT,
    VOTER,
    PEER,
    PARAM_NAMES(script_message, extension, extensions, "default",
                "vote extension; by default as the chain wants it", SOURCE)};
static const struct param timeout_rows[] = {
    HEIGHT, ROUND, AT, PARAM_NAMES(script_message, step, timers, NULL, "which timer", SOURCE)};
static const struct param block_rows[] = {HEIGHT, VALUE, TIME, AT};
static const struct param claim_rows[] = {
    HEIGHT, ROUND, VALUE,
    AT,     PEER,  PARAM_NAMES(script_message, type, types, NULL, "of which votes", SOURCE)};

struct script_member {
    int64_t voter;
    const char *power;
};
static const struct param member_rows[] = {
    PARAM(script_member, voter, PARAM_COUNT, NULL, "0", "9999", "index of a validator", SOURCE),
    PARAM(script_member, power, PARAM_STRING, NULL, NULL, NULL, "0 removes it", SOURCE)};
static const struct param_table member_table = PARAM_TABLE("member", script_member, member_rows);
static const struct param update_rows[] = {
    HEIGHT, PARAM_SUB(script_message, members, PARAM_LIST, member_table, NULL,
                      "what executing the block of this height changes", SOURCE)};

static const struct param_table proposal_table =
    PARAM_TABLE("proposal", script_message, proposal_rows);
static const struct param_table part_table = PARAM_TABLE("part", script_message, part_rows);
static const struct param_table prevote_table =
    PARAM_TABLE("prevote", script_message, prevote_rows);
static const struct param_table precommit_table =
    PARAM_TABLE("precommit", script_message, precommit_rows);
static const struct param_table timeout_table =
    PARAM_TABLE("timeout", script_message, timeout_rows);
static const struct param_table peer_block_table =
    PARAM_TABLE("peer_block", script_message, block_rows);
static const struct param_table claim_table = PARAM_TABLE("claim", script_message, claim_rows);
static const struct param_table update_table = PARAM_TABLE("update", script_message, update_rows);

#define STEP(name, what)                                                                           \
    {                                                                                              \
        .key = #name, .type = PARAM_GROUP, .offset = offsetof(struct script_step, message),        \
        .meaning = (what), .sub = &name##_table                                                    \
    }
static const struct param step_rows[] = {
    [SCRIPT_PROPOSAL] = STEP(proposal, "a proposal arrives, without its block"),
    [SCRIPT_PART] = STEP(part, "the whole block arrives"),
    [SCRIPT_PREVOTE] = STEP(prevote, "a prevote arrives"),
    [SCRIPT_PRECOMMIT] = STEP(precommit, "a precommit arrives"),
    [SCRIPT_TIMEOUT] = STEP(timeout, "the timer goes off"),
    [SCRIPT_PEER_BLOCK] = STEP(peer_block, "a decided block arrives by block sync"),
    [SCRIPT_CLAIM] = STEP(claim, "a peer says that it has seen a majority"),
    [SCRIPT_UPDATE] = STEP(update, "executing the block will change the validators")};
static const struct param_table step_table = {.name = "step",
                                              .size = sizeof(struct script_step),
                                              .rows = step_rows,
                                              .count = sizeof step_rows / sizeof step_rows[0],
                                              .one_of = true};

static const char *script_check(const void *value)
{
    const struct script_params *params = value;
    if (params->pbts && params->lock_rule == CONSENSUS_LEGACY)
        return "pbts goes with lock_rule: arxiv (no version of CometBFT has it with the other)";
    return NULL;
}

#define TOP(field, type, def, min, max, what)                                                      \
    PARAM(script_params, field, type, def, min, max, what, SOURCE)
#define WAIT(field, def, what) TOP(field, PARAM_DURATION, def, "0 s", "1 d", what)

static const struct param script_rows[] = {
    PARAM_AS(script_params, "consensus_script", version, PARAM_COUNT, "1", "1", "1",
             "version of this format", SOURCE),
    PARAM_NAMES(script_params, lock_rule, lock_rules, "legacy", "dialect", SOURCE),
    PARAM_NAMES(script_params, round_skip, skips, "quorum",
                "votes that take the validator to a later round", SOURCE),
    {.key = "validators",
     .type = PARAM_TEXTS,
     .offset = offsetof(struct script_params, validators),
     .min = "1",
     .max = "10000",
     .meaning = "power of each, in order of address",
     .source = SOURCE},
    TOP(self, PARAM_COUNT, "0", "0", "9999", "index of the validator that is driven"),
    TOP(height, PARAM_COUNT, "1", "1", "1000000", "height at which it starts"),
    TOP(time, PARAM_STRING, "0", NULL, NULL, "its clock at the start"),
    TOP(last_block_time, PARAM_STRING, "0", NULL, NULL, "of the block before, or of the genesis"),
    WAIT(timeout_propose, "3 s", "timeouts of round 0"),
    WAIT(timeout_propose_delta, "500 ms", "more in each round"),
    WAIT(timeout_prevote, "1 s", "timeouts of round 0"),
    WAIT(timeout_prevote_delta, "500 ms", "more in each round"),
    WAIT(timeout_precommit, "1 s", "timeouts of round 0"),
    WAIT(timeout_precommit_delta, "500 ms", "more in each round"),
    WAIT(timeout_commit, "1 s", "from the commit to the next height"),
    TOP(skip_timeout_commit, PARAM_BOOL, "false", NULL, NULL, "not when all precommits are in"),
    TOP(pbts, PARAM_BOOL, "false", NULL, NULL, "proposer-based timestamps"),
    WAIT(precision, "505 ms", "of PBTS"),
    WAIT(message_delay, "15 s", "of PBTS"),
    TOP(vote_extensions, PARAM_BOOL, "false", NULL, NULL, "precommits for a block carry one"),
    WAIT(execution, "0 s", "work of each decided block"),
    {.key = "refused",
     .type = PARAM_TEXTS,
     .offset = offsetof(struct script_params, refused),
     .def = "",
     .meaning = "blocks that the application refuses",
     .source = SOURCE},
    PARAM_SUB(script_params, steps, PARAM_LIST, step_table, NULL, "the inputs, in order", SOURCE),
};
const struct param_table script_table =
    PARAM_TABLE_CHECKED("consensus_script", script_params, script_rows, script_check);

/* ---- values and times --------------------------------------------------------------------------
 */

static struct script_value *script_find(const struct script *s, uint64_t id)
{
    for (uint32_t i = 0; i < s->value_count; i++)
        if (s->values[i].id == id) return &s->values[i];
    return NULL;
}

const char *script_name(const struct script *s, uint64_t value)
{
    const struct script_value *known = script_find(s, value);
    if (value == VOTES_NIL) return "nil";
    if (known) return known->name;
    return arena_print(s->arena, "own-%llu-%llu", (unsigned long long)(value >> 32),
                       (unsigned long long)(value >> 16 & 0xFFFF));
}

/* Names count from 1; what this validator proposes afresh is own-HEIGHT-ROUND. */
static uint64_t script_value_id(const struct script *s, const char *name)
{
    unsigned height, round;
    char end;
    if (sscanf(name, "own-%u-%u%c", &height, &round, &end) == 2 && height > 0 && round <= 65535)
        return machine_own_value(height, (int32_t)round, s->machine.self);
    for (uint32_t i = 0; i < s->value_count; i++)
        if (strcmp(s->values[i].name, name) == 0) return s->values[i].id;
    return s->value_count + 1;
}

static struct script_value *script_value(struct script *s, const char *name)
{
    uint64_t id = script_value_id(s, name);
    struct script_value *known = script_find(s, id);
    if (known) return known;
    if (s->value_count == s->value_capacity) {
        uint32_t capacity = s->value_capacity ? 2 * s->value_capacity : 16;
        s->values = arena_grow(s->arena, s->values, s->value_capacity, capacity, sizeof *s->values);
        s->value_capacity = capacity;
    }
    struct script_value *value = &s->values[s->value_count++];
    *value = (struct script_value){.id = id, .name = name};
    const struct param_text *refused = s->params.refused.items;
    for (uint32_t i = 0; i < s->params.refused.count; i++)
        value->refused |= strcmp(refused[i].text, name) == 0;
    return value;
}

static void script_error(struct script *s, const char *path, const char *key, const char *message)
{
    const char *whole = arena_print(s->arena, "%s%s%s", path, key[0] ? "." : "", key);
    param_error(s->doc, s->diag, whole, "%s", message);
}

/* A time with a unit, or a number of milliseconds.  False: neither. */
static bool script_time(struct script *s, const char *path, const char *key, const char *text,
                        int64_t *ns)
{
    const char *why;
    int64_t ms;
    if (param_scan(PARAM_DURATION, text, strlen(text), ns, &why) == 0) return true;
    if (param_scan(PARAM_COUNT, text, strlen(text), &ms, &why) == 0 && ms > -1000000000000 &&
        ms < 1000000000000) {
        *ns = ms * 1000000;
        return true;
    }
    script_error(s, path, key, "is not a time such as 1500 ms (a bare number counts milliseconds)");
    return false;
}

/* ---- one step ----------------------------------------------------------------------------------
 */

static const enum machine_kind kinds[] = {
    MACHINE_IN_PROPOSAL, MACHINE_IN_PART,  MACHINE_IN_PREVOTE, MACHINE_IN_PRECOMMIT,
    MACHINE_IN_TIMEOUT,  MACHINE_IN_BLOCK, MACHINE_IN_CLAIM,   MACHINE_IN_UPDATES};

static bool script_given(const struct script *s, const char *path, const char *key)
{
    return param_given(s->doc, arena_print(s->arena, "%s.%s", path, key));
}

static void script_who(struct script *s, const char *path, const struct script_step *step,
                       struct machine_input *in)
{
    const struct script_message *message = &step->message;
    uint32_t capacity = s->machine.members.capacity;
    bool signs = step->kind == SCRIPT_PREVOTE || step->kind == SCRIPT_PRECOMMIT;
    bool voter = script_given(s, path, "voter"), peer = script_given(s, path, "peer");
    in->voter = voter ? (uint32_t)message->voter : s->machine.turn.proposer;
    in->peer = peer ? (uint32_t)message->peer : in->voter;
    if (signs && !voter) script_error(s, path, "", "needs voter: the index of a validator");
    if (step->kind == SCRIPT_CLAIM && !peer) script_error(s, path, "", "needs peer: an index");
    if (in->voter >= capacity) script_error(s, path, "voter", "there is no such validator");
    if (peer && in->peer >= capacity) script_error(s, path, "peer", "there is no such validator");
}

static void script_what(struct script *s, const char *path, const struct script_step *step,
                        struct machine_input *in)
{
    const char *name = step->message.value;
    bool vote = step->kind == SCRIPT_PREVOTE || step->kind == SCRIPT_PRECOMMIT ||
                step->kind == SCRIPT_CLAIM;
    if (!name) return;
    if (strcmp(name, "nil") == 0) {
        in->value = VOTES_NIL;
        if (!vote) script_error(s, path, "value", "nil is no block; only votes may be for it");
        return;
    }
    struct script_value *value = script_value(s, name);
    in->value = value->id;
    if (vote) return;
    if (!value->timed || (step->kind != SCRIPT_PROPOSAL && script_given(s, path, "time")))
        value->time_ns = in->time_ns;
    value->timed = true;
    in->block = (struct machine_block){.value = value->id,
                                       .time_ns = value->time_ns,
                                       .execute_ns = s->rules.execute_ns,
                                       .valid = !value->refused};
}

/* The clock stands still but for `at`, a later stamp, and timeouts, which come when they are due.
 */
static void script_when(struct script *s, const char *path, const struct script_step *step,
                        struct machine_input *in)
{
    const struct script_message *message = &step->message;
    bool stamped = message->time && message->time[0] != '\0';
    int64_t at_ns = s->now_ns;
    in->time_ns = s->now_ns;
    if (stamped && !script_time(s, path, "time", message->time, &in->time_ns)) return;
    if (message->at && message->at[0] != '\0') {
        if (!script_time(s, path, "at", message->at, &at_ns)) return;
        if (at_ns < s->now_ns) script_error(s, path, "at", "lies before the step above");
    } else if (stamped && in->time_ns > at_ns) {
        at_ns = in->time_ns;
    }
    const struct machine_timer *timer = &s->machine.timer;
    if (step->kind == SCRIPT_TIMEOUT && timer->step == in->step && timer->round == in->round &&
        timer->height == in->height && s->due_ns > at_ns)
        at_ns = s->due_ns;
    s->now_ns = in->now_ns = at_ns;
    if (!stamped) in->time_ns = at_ns;
}

static void script_extension(const struct script *s, const struct script_step *step,
                             struct machine_input *in)
{
    static const enum machine_extension given[] = {MACHINE_EXTENSION_NONE, MACHINE_EXTENSION_NONE,
                                                   MACHINE_EXTENSION_GOOD, MACHINE_EXTENSION_BAD};
    in->extension = given[step->message.extension];
    if (step->kind == SCRIPT_PRECOMMIT && step->message.extension == 0 && s->rules.extensions &&
        in->value != VOTES_NIL)
        in->extension = MACHINE_EXTENSION_GOOD;
}

static bool script_power(struct script *s, const char *path, const char *text, int64_t *power)
{
    const char *why;
    if (param_scan(PARAM_COUNT, text, strlen(text), power, &why) == 0) return true;
    param_error(s->doc, s->diag, path, "%s %s", text, why);
    return false;
}

static void script_changes(struct script *s, const char *path, const struct script_step *step,
                           struct machine_input *in)
{
    const struct script_member *members = step->message.members.items;
    uint32_t count = step->message.members.count;
    struct valset_change *changes = arena_alloc(s->arena, count, sizeof *changes);
    for (uint32_t i = 0; i < count; i++) {
        const char *at = arena_print(s->arena, "%s.members[%u].power", path, i);
        changes[i].id = (uint32_t)members[i].voter;
        if (!script_power(s, at, members[i].power, &changes[i].power)) return;
    }
    struct valset next;
    valset_init(&next, s->arena, s->machine.members.capacity);
    valset_copy(&next, &s->machine.next);
    const char *why = valset_update(&next, changes, count);
    if (why) script_error(s, path, "", why);
    in->changes = changes;
    in->change_count = count;
}

static bool script_input(struct script *s, uint32_t index, const struct script_step *step,
                         struct machine_input *in)
{
    const struct script_message *message = &step->message;
    const char *path = arena_print(s->arena, "steps[%u].%s", index, step_rows[step->kind].key);
    *in = (struct machine_input){.kind = kinds[step->kind],
                                 .height = (uint64_t)message->height,
                                 .round = (int32_t)message->round,
                                 .pol_round = (int32_t)message->pol_round,
                                 .step = timer_steps[message->step],
                                 .vote_type = (enum votes_type)message->type};
    if (in->height == 0) in->height = s->machine.height;
    if (!script_given(s, path, "round")) in->round = s->machine.round;
    if (step->kind == SCRIPT_TIMEOUT && in->height == s->machine.height &&
        in->round > s->machine.round)
        script_error(s, path, "round", "is ahead of the validator, which has set no such timer");
    if (step->kind == SCRIPT_TIMEOUT && in->height > s->machine.height)
        script_error(s, path, "height", "is ahead of the validator, which has set no such timer");
    script_when(s, path, step, in);
    script_who(s, path, step, in);
    script_what(s, path, step, in);
    script_extension(s, step, in);
    if (step->kind == SCRIPT_UPDATE) script_changes(s, path, step, in);
    return s->diag->count == 0;
}

/* ---- running -----------------------------------------------------------------------------------
 */

static void script_gather(struct script *s)
{
    const struct machine *m = &s->machine;
    uint32_t need = s->output_count + m->output_count;
    if (need > s->output_capacity) {
        s->outputs =
            arena_grow(s->arena, s->outputs, s->output_capacity, 2 * need, sizeof *s->outputs);
        s->output_capacity = 2 * need;
    }
    for (uint32_t i = 0; i < m->output_count; i++) {
        if (m->outputs[i].kind == MACHINE_OUT_TIMER) s->due_ns = s->now_ns + m->outputs[i].wait_ns;
        s->outputs[s->output_count++] = m->outputs[i];
    }
}

/* Does a later step of this height bring what the validator proposes in this round? */
static bool script_brings(const struct script *s, uint32_t next, const struct machine_output *made)
{
    const struct script_step *steps = s->params.steps.items;
    for (uint32_t i = next; i < s->params.steps.count; i++) {
        const struct script_message *message = &steps[i].message;
        const char *path = arena_print(s->arena, "steps[%u].proposal", i);
        bool commit =
            steps[i].kind == SCRIPT_TIMEOUT && timer_steps[message->step] == MACHINE_NEW_HEIGHT;
        if (commit || steps[i].kind == SCRIPT_PEER_BLOCK) return false;
        if (steps[i].kind != SCRIPT_PROPOSAL) continue;
        if (message->height != 0 && (uint64_t)message->height != made->height) continue;
        if (script_given(s, path, "round") && message->round != made->round) continue;
        if (script_given(s, path, "voter") && message->voter != s->params.self) continue;
        return true;
    }
    return false;
}

/* A proposal that no step brings reaches its maker at once, with its block. */
static void script_deliver(struct script *s, uint32_t next)
{
    for (uint32_t i = 0; i < s->output_count; i++) {
        struct machine_output made = s->outputs[i];
        if (made.kind != MACHINE_OUT_PROPOSE || script_brings(s, next, &made)) continue;
        const struct script_value *known = script_find(s, made.value);
        struct machine_input in = {.kind = MACHINE_IN_PROPOSAL,
                                   .now_ns = s->now_ns,
                                   .height = made.height,
                                   .round = made.round,
                                   .pol_round = made.pol_round,
                                   .voter = s->machine.self,
                                   .peer = s->machine.self,
                                   .value = made.value,
                                   .time_ns = made.time_ns};
        in.block = (struct machine_block){.value = made.value,
                                          .time_ns = made.time_ns,
                                          .execute_ns = s->rules.execute_ns,
                                          .valid = !known || !known->refused};
        machine_take(&s->machine, &in);
        script_gather(s);
        in.kind = MACHINE_IN_PART;
        machine_take(&s->machine, &in);
        script_gather(s);
    }
}

/* What the call just made did, as the entry before step `next`. */
static void script_record(struct script *s, uint32_t next)
{
    const struct machine *m = &s->machine;
    s->output_count = 0;
    script_gather(s);
    script_deliver(s, next);
    struct machine_output *outputs = arena_alloc(s->arena, s->output_count, sizeof *outputs);
    if (s->output_count > 0) memcpy(outputs, s->outputs, s->output_count * sizeof *outputs);
    s->entries[s->entry_count++] = (struct script_entry){
        .outputs = outputs,
        .output_count = s->output_count,
        .height = m->height,
        .round = m->round,
        .step = m->step,
        .locked_round = m->locked_round,
        .valid_round = m->valid_round,
        .locked = m->locked_round < 0 ? NULL : script_name(s, m->locked.value),
        .valid = m->valid_round < 0 ? NULL : script_name(s, m->valid.value)};
}

static void script_rules(struct script *s)
{
    const struct script_params *p = &s->params;
    s->rules = (struct machine_params){.lock_rule = p->lock_rule,
                                       .skip = p->round_skip,
                                       .propose_ns = p->timeout_propose,
                                       .prevote_ns = p->timeout_prevote,
                                       .precommit_ns = p->timeout_precommit,
                                       .commit_ns = p->timeout_commit,
                                       .propose_delta_ns = p->timeout_propose_delta,
                                       .prevote_delta_ns = p->timeout_prevote_delta,
                                       .precommit_delta_ns = p->timeout_precommit_delta,
                                       .skip_timeout_commit = p->skip_timeout_commit,
                                       .pbts = p->pbts,
                                       .precision_ns = p->precision,
                                       .message_delay_ns = p->message_delay,
                                       .extensions = p->vote_extensions,
                                       .execute_ns = p->execution,
                                       .proposes_outside = true};
}

/* Validators there is room for: those of the start and whoever an update brings. */
static uint32_t script_capacity(const struct script *s)
{
    uint32_t capacity = s->params.validators.count;
    const struct script_step *steps = s->params.steps.items;
    for (uint32_t i = 0; i < s->params.steps.count; i++) {
        const struct script_member *members = steps[i].message.members.items;
        for (uint32_t k = 0; steps[i].kind == SCRIPT_UPDATE && k < steps[i].message.members.count;
             k++)
            if (members[k].voter >= capacity) capacity = (uint32_t)members[k].voter + 1;
    }
    return capacity;
}

static bool script_set(struct script *s, struct valset *set)
{
    const struct param_text *powers = s->params.validators.items;
    uint32_t count = s->params.validators.count;
    struct valset_change *members = arena_alloc(s->arena, count, sizeof *members);
    for (uint32_t i = 0; i < count; i++) {
        const char *path = arena_print(s->arena, "validators[%u]", i);
        members[i].id = i;
        if (!script_power(s, path, powers[i].text, &members[i].power)) return false;
        if (members[i].power > 0 && members[i].power <= PROPOSER_POWER_MAX) continue;
        param_error(s->doc, s->diag, path, "%s is out of range (allowed: 1 to %lld)",
                    powers[i].text, (long long)PROPOSER_POWER_MAX);
        return false;
    }
    valset_init(set, s->arena, script_capacity(s));
    const char *why = valset_create(set, members, count);
    if (why) param_error(s->doc, s->diag, "validators", "%s", why);
    if (!why && s->params.height > 1)
        for (int64_t h = 1; h < s->params.height; h++)
            valset_increment(set, 1);
    if (!why && s->params.self >= count)
        param_error(s->doc, s->diag, "self", "is no validator (allowed: 0 to %u)", count - 1);
    if (!why && s->rules.skip_timeout_commit &&
        valset_power(set, (uint32_t)s->params.self) > set->turn.total / 3 * 2)
        param_error(s->doc, s->diag, "skip_timeout_commit",
                    "a validator that decides alone would never wait for a step");
    return s->diag->count == 0;
}

static bool script_start(struct script *s)
{
    struct valset set;
    int64_t last_ns;
    script_rules(s);
    if (!script_set(s, &set)) return false;
    if (!script_time(s, "time", "", s->params.time, &s->now_ns)) return false;
    if (!script_time(s, "last_block_time", "", s->params.last_block_time, &last_ns)) return false;
    machine_init(&s->machine, s->arena, &s->rules, (uint32_t)s->params.self, set.capacity, &set,
                 (uint64_t)s->params.height);
    s->entries = arena_alloc(s->arena, s->params.steps.count + 1, sizeof *s->entries);
    machine_start(&s->machine, s->now_ns, last_ns);
    script_record(s, 0);
    return true;
}

static bool script_steps(struct script *s)
{
    const struct script_step *steps = s->params.steps.items;
    for (uint32_t i = 0; i < s->params.steps.count; i++) {
        struct machine_input in;
        if (!script_input(s, i, &steps[i], &in)) return false;
        machine_take(&s->machine, &in);
        script_record(s, i + 1);
    }
    return true;
}

const struct script *script_run(const char *path, struct arena *arena, struct diag *diag)
{
    struct script *s = arena_alloc(arena, 1, sizeof *s);
    s->arena = arena;
    s->diag = diag;
    s->doc = param_load(arena, path, NULL, 0, diag);
    if (!s->doc) return NULL;
    param_read(s->doc, &script_table, &s->params, diag);
    bool good = diag->count == 0 && script_start(s) && script_steps(s);
    param_close(s->doc);
    return good ? s : NULL;
}
