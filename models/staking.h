/* SPDX-License-Identifier: Apache-2.0
 * Staking: what a node or validator can lose, when, and who gets it.
 *
 * A staker is an index with a stake account and a wallet.  Stake that is withdrawn waits in a queue
 * for the unbonding time and can still be slashed there for offences older than the withdrawal,
 * as in cosmos-sdk (x/staking, x/slashing).  A slash takes a fraction of the stake bonded now and
 * of each such queue entry, each rounded down, so it never exceeds what is there; it is split
 * into a burned part, a part for the victim (up to his loss), and the rest for the insurance fund,
 * which then covers what it can of the loss still open.
 *
 * OpenGradient defines no slash for an invalid proof: trigger, fraction and split are the
 * scenario's.  Left out until the economy is deepened: delegators and commission, redelegation,
 * slashing on the power at infraction rather than now, liveness windows. */
#ifndef HACASIM_MODELS_STAKING_H
#define HACASIM_MODELS_STAKING_H

#include "models/ledger.h"

struct staking_insurance_params {
    money_t fund; /* atto OPG */
};

struct staking_params {
    double slash;      /* share of stake */
    double slash_burn; /* shares of what was slashed; the rest goes to the fund */
    double slash_victims;
    bool slash_jailed;
    int64_t jail, unbonding; /* ns */
    struct staking_insurance_params insurance;
};
extern const struct param_table staking_table;

/* Cross check: a message without the key it is about (slash_victims), or NULL. */
const char *staking_params_error(const struct staking_params *params);

/* Entries of one staker in the queue at a time (cosmos-sdk: max_entries). */
enum { STAKING_ENTRIES = 7 };

struct staking_staker {
    uint32_t stake, wallet; /* accounts */
    uint32_t entries;       /* in the queue */
    int64_t jailed_until_ns;
};

struct staking_entry { /* one withdrawal on its way */
    uint32_t staker;
    money_t amount;
    int64_t begun_ns;
};

struct staking {
    const struct staking_params *params;
    struct ledger *ledger;
    struct staking_staker *stakers;
    uint32_t count, capacity;
    /* the unbonding queue: a ring in order of begin, which is the order of release */
    struct staking_entry *queue;
    uint32_t head, waiting, queue_capacity;
    uint32_t unbonding_account, fund_account;
    /* counters, atto OPG and nano USD */
    uint64_t slashes, unbond_refused;
    money_t slashed_opg, burned_opg, paid_usd, insured_usd;
};

/* `capacity`: most stakers.  Opens two accounts: the unbonding queue and the insurance fund (which
 * the genesis of the token fills). */
void staking_init(struct staking *staking, struct arena *arena, const struct staking_params *params,
                  struct ledger *ledger, uint32_t capacity);
uint32_t staking_add(struct staking *staking, uint32_t stake_account, uint32_t wallet_account);

money_t staking_bonded(const struct staking *staking, uint32_t staker);
bool staking_jailed(const struct staking *staking, uint32_t staker, int64_t now_ns);

/* Bond from the wallet; false: more than the wallet holds, nothing happens. */
bool staking_bond(struct staking *staking, uint32_t staker, money_t amount);
/* Start to withdraw; false: more than is bonded, or too many withdrawals on their way. */
bool staking_unbond(struct staking *staking, uint32_t staker, money_t amount, int64_t now_ns);
/* When the next withdrawal is due, INT64_MAX for none; and pay all that are due. */
int64_t staking_next_ns(const struct staking *staking);
void staking_release(struct staking *staking, int64_t now_ns);

struct staking_offence {
    uint32_t staker;
    uint32_t victim;      /* account of the harmed user */
    money_t loss_usd;     /* his loss, nano USD; 0: nobody was harmed */
    money_t price;        /* nano USD per OPG, now */
    int64_t committed_ns; /* when the invalid answer was given */
    int64_t now_ns;       /* when it is final that it was invalid */
};
struct staking_verdict {
    money_t slashed_opg, burned_opg, victim_opg, fund_opg; /* first = sum of the other three */
    money_t insured_opg;                                   /* out of the fund, to the victim */
    money_t recovered_usd, insured_usd; /* the victim's: out of the slash, out of the fund */
};
/* Slash, jail, compensate. */
struct staking_verdict staking_slash(struct staking *staking,
                                     const struct staking_offence *offence);
/* The arithmetic of a slash alone: floor(fraction x tokens). */
money_t staking_cut(money_t tokens, double fraction);

void staking_snap(struct staking *staking, struct snap *snap);

#endif
