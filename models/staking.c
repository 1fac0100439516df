/* SPDX-License-Identifier: Apache-2.0
 * Staking, slashing and the insurance fund: see staking.h for the rules.
 *
 * The unbonding time is one for all, so the order of begin is the order of release and the queue is
 * a plain ring.  It cannot overflow: its capacity is the number of stakers times the entries each
 * may have. */
#include "models/staking.h"

#include <assert.h>

static const struct param insurance_rows[] = {
    PARAM(staking_insurance_params, fund, PARAM_OPG, "0 OPG", "0 OPG", "1000000000 OPG",
          "OPG in the insurance fund at the start, out of the float",
          "no fund in the code or the documents (docs/sources.md OG)"),
};
static const struct param_table insurance_table =
    PARAM_TABLE("staking_insurance", staking_insurance_params, insurance_rows);

static const struct param rows[] = {
    PARAM(staking_params, slash, PARAM_RATIO, "10%", "0%", "100%",
          "share of a node's stake that an invalid proof costs",
          "assumption: unspecified, sweep 1% to 100% (docs/sources.md OG)"),
    PARAM(staking_params, slash_burn, PARAM_RATIO, "50%", "0%", "100%",
          "share of a slash that is burned", "assumption: posts say slashed stake leaves supply"),
    PARAM(staking_params, slash_victims, PARAM_RATIO, "50%", "0%", "100%",
          "share of a slash that pays the harmed user, up to the loss; what is left of the slash "
          "goes to the insurance fund",
          "assumption"),
    PARAM(staking_params, slash_jailed, PARAM_BOOL, "true", NULL, NULL,
          "whether a further invalid proof is slashed while the node is jailed for an earlier one",
          "assumption: each proof is an offence of its own (cosmos-sdk: once per jail)"),
    PARAM(staking_params, jail, PARAM_DURATION, "600 s", "0", "100 y",
          "time for which a slashed node gets no requests",
          "cosmos-sdk x/slashing params.go, downtime jail"),
    PARAM(staking_params, unbonding, PARAM_DURATION, "21 d", "0", "10 y",
          "time between withdrawing stake and having it (no agent of this version withdraws)",
          "cosmos-sdk x/staking params.go"),
    PARAM_SUB(staking_params, insurance, PARAM_GROUP, insurance_table, "{}",
              "the fund that covers losses which the slash does not", "assumption"),
};
const struct param_table staking_table = PARAM_TABLE("staking", staking_params, rows);

const char *staking_params_error(const struct staking_params *params)
{
    if (params->slash_burn + params->slash_victims > 1 + 1e-9) {
        return "slash_burn and slash_victims add up to more than 100%";
    }
    return NULL;
}

void staking_init(struct staking *staking, struct arena *arena, const struct staking_params *params,
                  struct ledger *ledger, uint32_t capacity)
{
    *staking = (struct staking){
        .params = params,
        .ledger = ledger,
        .stakers = arena_alloc(arena, capacity, sizeof(struct staking_staker)),
        .capacity = capacity,
        .queue =
            arena_alloc(arena, (size_t)capacity * STAKING_ENTRIES, sizeof(struct staking_entry)),
        .queue_capacity = capacity * STAKING_ENTRIES,
        .unbonding_account = ledger_open(ledger, LEDGER_STAKED, "unbonding queue", LEDGER_NOBODY),
        .fund_account = ledger_open(ledger, LEDGER_POOL, "insurance fund", LEDGER_NOBODY),
    };
}

uint32_t staking_add(struct staking *staking, uint32_t stake_account, uint32_t wallet_account)
{
    assert(staking->count < staking->capacity);
    staking->stakers[staking->count] =
        (struct staking_staker){.stake = stake_account, .wallet = wallet_account};
    return staking->count++;
}

money_t staking_bonded(const struct staking *staking, uint32_t staker)
{
    assert(staker < staking->count);
    return ledger_balance(staking->ledger, LEDGER_OPG, staking->stakers[staker].stake);
}

bool staking_jailed(const struct staking *staking, uint32_t staker, int64_t now_ns)
{
    assert(staker < staking->count);
    return now_ns < staking->stakers[staker].jailed_until_ns;
}

/* ---- in and out ---------------------------------------------------------------------------- */

bool staking_bond(struct staking *staking, uint32_t staker, money_t amount)
{
    const struct staking_staker *s = &staking->stakers[staker];
    if (amount > ledger_balance(staking->ledger, LEDGER_OPG, s->wallet)) return false;
    return ledger_move(staking->ledger, LEDGER_OPG, s->wallet, s->stake, amount, LEDGER_STAKE);
}

static struct staking_entry *entry_at(struct staking *staking, uint32_t i)
{
    return &staking->queue[(staking->head + i) % staking->queue_capacity];
}

bool staking_unbond(struct staking *staking, uint32_t staker, money_t amount, int64_t now_ns)
{
    struct staking_staker *s = &staking->stakers[staker];
    if (amount > staking_bonded(staking, staker) || s->entries == STAKING_ENTRIES) {
        staking->unbond_refused++;
        return false;
    }
    if (!ledger_move(staking->ledger, LEDGER_OPG, s->stake, staking->unbonding_account, amount,
                     LEDGER_UNBOND)) {
        return false;
    }
    s->entries++;
    *entry_at(staking, staking->waiting++) =
        (struct staking_entry){.staker = staker, .amount = amount, .begun_ns = now_ns};
    return true;
}

int64_t staking_next_ns(const struct staking *staking)
{
    if (staking->waiting == 0) return INT64_MAX;
    return staking->queue[staking->head].begun_ns + staking->params->unbonding;
}

void staking_release(struct staking *staking, int64_t now_ns)
{
    while (staking_next_ns(staking) <= now_ns) {
        const struct staking_entry *e = entry_at(staking, 0);
        struct staking_staker *s = &staking->stakers[e->staker];
        ledger_move(staking->ledger, LEDGER_OPG, staking->unbonding_account, s->wallet, e->amount,
                    LEDGER_UNSTAKE);
        s->entries--;
        staking->head = (staking->head + 1) % staking->queue_capacity;
        staking->waiting--;
    }
}

/* ---- slashing ------------------------------------------------------------------------------ */

money_t staking_cut(money_t tokens, double fraction)
{
    return ledger_share(tokens, fraction);
}

/* Take the slashed part of withdrawals begun after the offence back onto the stake account. */
static money_t recall(struct staking *staking, const struct staking_offence *offence)
{
    money_t sum = 0;
    for (uint32_t i = 0; i < staking->waiting; i++) {
        struct staking_entry *e = entry_at(staking, i);
        if (e->staker != offence->staker || e->begun_ns < offence->committed_ns) continue;
        money_t cut = staking_cut(e->amount, staking->params->slash);
        e->amount -= cut;
        sum += cut;
    }
    ledger_move(staking->ledger, LEDGER_OPG, staking->unbonding_account,
                staking->stakers[offence->staker].stake, sum, LEDGER_SLASH_RECALL);
    return sum;
}

static money_t least(money_t a, money_t b)
{
    return a < b ? a : b;
}

/* Split what was slashed: burned, the victim up to `need`, and all the rest to the fund. */
static void split(struct staking *staking, const struct staking_offence *offence, money_t need,
                  struct staking_verdict *v)
{
    const struct staking_params *p = staking->params;
    uint32_t stake = staking->stakers[offence->staker].stake;
    money_t victims = least(ledger_share(v->slashed_opg, p->slash_victims),
                            v->slashed_opg - ledger_share(v->slashed_opg, p->slash_burn));
    v->burned_opg = ledger_share(v->slashed_opg, p->slash_burn);
    v->victim_opg = least(victims, need);
    v->fund_opg = v->slashed_opg - v->burned_opg - v->victim_opg;
    ledger_burn(staking->ledger, LEDGER_OPG, stake, v->burned_opg, LEDGER_SLASH_BURN);
    ledger_move(staking->ledger, LEDGER_OPG, stake, offence->victim, v->victim_opg,
                LEDGER_SLASH_TO_VICTIM);
    ledger_move(staking->ledger, LEDGER_OPG, stake, staking->fund_account, v->fund_opg,
                LEDGER_SLASH_TO_FUND);
}

static void punish(struct staking *staking, const struct staking_offence *offence, money_t need,
                   struct staking_verdict *v)
{
    struct staking_staker *s = &staking->stakers[offence->staker];
    if (staking_jailed(staking, offence->staker, offence->now_ns) &&
        !staking->params->slash_jailed) {
        return;
    }
    v->slashed_opg = staking_cut(staking_bonded(staking, offence->staker), staking->params->slash);
    v->slashed_opg += recall(staking, offence);
    split(staking, offence, need, v);
    s->jailed_until_ns = offence->now_ns + staking->params->jail;
    staking->slashes++;
    staking->slashed_opg += v->slashed_opg;
    staking->burned_opg += v->burned_opg;
}

struct staking_verdict staking_slash(struct staking *staking, const struct staking_offence *offence)
{
    assert(offence->price > 0 && offence->loss_usd >= 0 && offence->staker < staking->count);
    struct staking_verdict v = {0};
    money_t need = ledger_value_opg(offence->loss_usd, offence->price, MONEY_CEIL);
    punish(staking, offence, need, &v);
    money_t fund = ledger_balance(staking->ledger, LEDGER_OPG, staking->fund_account);
    v.insured_opg = least(fund, need - v.victim_opg);
    ledger_move(staking->ledger, LEDGER_OPG, staking->fund_account, offence->victim, v.insured_opg,
                LEDGER_COMPENSATION);
    /* `need` was rounded up, so its value may pass the loss by a fraction of a nano-dollar. */
    v.recovered_usd =
        least(ledger_value_usd(v.victim_opg, offence->price, MONEY_FLOOR), offence->loss_usd);
    v.insured_usd = least(ledger_value_usd(v.insured_opg, offence->price, MONEY_FLOOR),
                          offence->loss_usd - v.recovered_usd);
    staking->paid_usd += v.recovered_usd;
    staking->insured_usd += v.insured_usd;
    return v;
}

/* ---- checkpoints --------------------------------------------------------------------------- */

/* The ring is read back from its first place on: where it began does not matter. */
static void snap_queue(struct staking *staking, struct snap *snap)
{
    SNAP_COVERS(struct staking_entry, 48);
    snap_count(snap, &staking->waiting, staking->queue_capacity);
    if (snap->reading) staking->head = 0;
    for (uint32_t i = 0; i < staking->waiting; i++) {
        struct staking_entry *e = entry_at(staking, i);
        snap_below(snap, &e->staker, staking->count);
        snap_money(snap, &e->amount);
        snap_i64(snap, &e->begun_ns);
    }
}

void staking_snap(struct staking *staking, struct snap *snap)
{
    SNAP_COVERS(struct staking, 144);
    SNAP_COVERS(struct staking_staker, 24);
    snap_begin(snap, "staking");
    snap_same(snap, staking->count, "stakers");
    for (uint32_t i = 0; i < staking->count; i++) {
        snap_count(snap, &staking->stakers[i].entries, STAKING_ENTRIES);
        snap_i64(snap, &staking->stakers[i].jailed_until_ns);
    }
    snap_queue(staking, snap);
    snap_u64(snap, &staking->slashes);
    snap_u64(snap, &staking->unbond_refused);
    money_t *const sums[] = {&staking->slashed_opg, &staking->burned_opg, &staking->paid_usd,
                             &staking->insured_usd};
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++)
        snap_money(snap, sums[i]);
    snap_end(snap);
}
