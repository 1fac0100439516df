/* SPDX-License-Identifier: Apache-2.0
 * Token designs: who gets the money, when, and what is burned.
 *
 * The socket is a table of functions.  A design decides what happens to an inference fee when the
 * answer is there, when its proof is settled, rejected or lost; in which coin gas is paid and where
 * it goes; and what a block emits.  `as_coded` is the code of mid 2026: sessions, 100% of the fee
 * to the node, gas in the chain's own coin, no burn.  `dual_cycle` is the claim: the fee waits in
 * escrow for its proof, a share of it burns at settlement, gas is paid in OPG and its base
 * fee burns.
 *
 * This file also holds what all designs share: the genesis of OPG (supply, buckets, vesting,
 * float), the accounts of everybody, the emission of the staking pool, and the market tick in which
 * users buy back what they spent and operators sell what they earned.
 *
 * The life of a fee, as the caller drives it: token_answered once; then exactly one of
 * token_settled, token_rejected, token_lost, or none of them by the end of the run.  token_check
 * proves after each block that what was charged = to nodes + burned + refunded + unpaid + dropped
 * + in open sessions + in escrow, from the ledger's own totals, and a fee that is closed twice is
 * a breach at once.
 *
 * Left out until the economy is deepened: native inflation of the gas coin and its distribution
 * from the fee collector, delegators, treasury and buyback, the other four designs. */
#ifndef HACASIM_MODELS_TOKEN_TOKEN_H
#define HACASIM_MODELS_TOKEN_TOKEN_H

#include "models/ledger.h"
#include "models/payment.h"
#include "models/price/price.h"
#include "models/staking.h"

enum token_kind { TOKEN_AS_CODED, TOKEN_DUAL_CYCLE, TOKEN_KINDS };
enum token_lost_fee { TOKEN_LOST_HOLD, TOKEN_LOST_REFUND };

struct token_emission_params {
    money_t amount; /* atto OPG */
    int64_t period; /* ns */
};

struct token_params {
    int design; /* enum token_kind */
    double burn_share;
    money_t burn_per_proof;                    /* atto OPG */
    int lost_fee;                              /* enum token_lost_fee */
    money_t supply;                            /* atto OPG */
    int64_t age;                               /* ns */
    money_t operator_balance, relayer_balance; /* atto OPG; relayer: of the gas asset */
    struct token_emission_params emission;
    struct price_params price;
};
extern const struct param_table token_table;

/* ---- genesis ------------------------------------------------------------------------------- */

enum token_bucket {
    TOKEN_ECOSYSTEM,
    TOKEN_FOUNDATION,
    TOKEN_CORE,
    TOKEN_INVESTORS,
    TOKEN_STAKING, /* the emission pool: leaves by token_emitted, not by vesting */
    TOKEN_LIQUIDITY,
    TOKEN_AIRDROP,
    TOKEN_BUCKETS
};

struct token_vesting { /* shares as fractions, times in months of a twelfth of 365.25 days */
    const char *name;
    int share_percent;
    int start_num, start_den; /* unlocked at the token generation event */
    int cliff_months, linear_months;
};
extern const struct token_vesting token_vesting[TOKEN_BUCKETS];

/* Unlocked of a bucket, and emitted to validators, at an age since the token generation event. */
money_t token_unlocked(const struct token_params *params, enum token_bucket bucket, int64_t age_ns);
money_t token_emitted(const struct token_params *params, int64_t age_ns);
/* Tokens that are free at the start of the run: all stakes, wallets and pools come out of these. */
money_t token_float(const struct token_params *params);

struct token_setup {
    uint32_t users, nodes, validators;
    const money_t *node_stake, *validator_stake; /* atto OPG each */
    money_t wallet;                              /* of each user */
    money_t insurance;                           /* fund at the start */
    uint64_t seed;
    uint32_t replication;
};

struct token_problem { /* a cross check that failed */
    const char *key;   /* below the table's own key: "burn_share"; "" for the whole */
    char text[200];
};
/* True when there is a problem.  The second one needs the size of the world. */
bool token_params_bad(const struct token_params *params, struct token_problem *problem);
bool token_setup_bad(const struct token_params *params, const struct token_setup *setup,
                     struct token_problem *problem);

/* ---- fees ---------------------------------------------------------------------------------- */

enum token_fee_state {
    TOKEN_FEE_NONE,
    TOKEN_FEE_SESSION,   /* in a session, to be paid when that settles */
    TOKEN_FEE_UNCHARGED, /* would have passed the cap: served free of charge */
    TOKEN_FEE_UNPAID,    /* the user's wallet was short */
    TOKEN_FEE_HELD,      /* in escrow */
    TOKEN_FEE_PAID,      /* to the node, less what was burned */
    TOKEN_FEE_REFUNDED,
    TOKEN_FEE_STRANDED, /* in escrow for ever */
};

struct token_fee {       /* lies in the request; zeroed at its start */
    money_t amount;      /* atto OPG */
    uint32_t user, node; /* indices, not accounts; node: who is paid, see token_answered */
    uint8_t state;       /* enum token_fee_state */
    bool closed;         /* settled, rejected or lost */
};

/* ---- the socket ---------------------------------------------------------------------------- */

struct token;

struct token_design {
    const char *name;
    enum ledger_asset gas_asset;
    void (*answered)(struct token *token, struct token_fee *fee, int64_t now_ns);
    void (*session)(struct token *token, uint32_t user, uint32_t node, money_t spent);
    void (*settled)(struct token *token, struct token_fee *fee);
    void (*rejected)(struct token *token, struct token_fee *fee);
    void (*lost)(struct token *token, struct token_fee *fee);
    void (*gas)(struct token *token, uint32_t payer, uint32_t proposer, money_t base, money_t tip);
    bool (*bad)(const struct token_params *params, struct token_problem *problem);
};
extern const struct token_design token_as_coded, token_dual_cycle;

struct token_accounts { /* first account of each kind; item i of a kind is first + i */
    uint32_t buckets, market, escrow, collector, relayer; /* market: the crowd of other holders */
    uint32_t pool;      /* of the market maker; the crowd when the price rule has none */
    uint32_t insurance; /* opened by staking */
    uint32_t users, operators, validators, node_stakes, validator_stakes;
};

struct token {
    const struct token_design *design;
    const struct token_params *params;
    struct ledger *ledger;
    struct payment *payment;
    struct price *price;
    struct token_setup setup;
    struct token_accounts at;
    /* state */
    money_t unlocked[TOKEN_BUCKETS]; /* so far */
    money_t emitted;                 /* so far; by vesting, whatever the pool held */
    money_t *to_sell;                /* by payee: fee income not sold yet */
    /* counters, atto OPG */
    money_t *node_income; /* by payee: fees received, less what it burned per proof */
    money_t charged_opg, to_nodes_opg, burned_opg, refunded_opg, unpaid_opg, stranded_opg;
    money_t gas_paid; /* of the gas asset */
    uint64_t unpaid, gas_refused;
};

/* Open all accounts, put the supply in place, open the price and tie payment to the design.  All
 * structs are the caller's; ledger, payment and staking are initialised and staking has no
 * stakers yet: nodes become stakers 0.., validators follow.  False: the ledger refused (its breach
 * says what), which token_setup_bad would have foretold. */
bool token_open(struct token *token, struct arena *arena, const struct token_params *params,
                const struct token_setup *setup, struct ledger *ledger, struct payment *payment,
                struct staking *staking, struct price *price);

/* ---- what the world calls ------------------------------------------------------------------ */

/* The last token of the answer has reached the user.  `fee` must be zeroed.  `node` is the payee,
 * in the numbering of stakers: node i is i, validator j is nodes + j (under `replicated` nobody
 * but a validator can be paid). */
void token_answered(struct token *token, struct token_fee *fee, uint32_t user, uint32_t node,
                    money_t amount, int64_t now_ns);
/* Its record is in a final block and, where the design of verification checks proofs, accepted;
 * or it was found invalid; or it can never settle any more. */
void token_settled(struct token *token, struct token_fee *fee);
void token_rejected(struct token *token, struct token_fee *fee);
void token_lost(struct token *token, struct token_fee *fee);

/* Gas of one transaction: `base` is base fee x gas, `tip` the rest.  `payer` is an account (as
 * coded always at.relayer), `proposer` an index of a validator.  False: the payer cannot, nothing
 * moved, counted; such a transaction is not included. */
bool token_gas(struct token *token, uint32_t payer, uint32_t proposer, money_t base, money_t tip);
/* A block at `now_ns`: emission to validators by power (`power` of each, setup.validators long). */
void token_block(struct token *token, const int64_t *power, int64_t now_ns);
/* The market tick, every price.tick: price moves, vesting unlocks, users (and under dual_cycle the
 * relayer) buy back up to their wallets, operators sell. */
void token_market(struct token *token, int64_t now_ns);

/* Each fee has exactly one destination; a difference is recorded as breach of the ledger. */
bool token_check(const struct token *token);

struct token_supply { /* atto OPG; total = circulating + staked + locked */
    money_t total, circulating, staked, locked, burned, minted;
};
struct token_supply token_supply(const struct token *token);

/* ---- for the plugs ------------------------------------------------------------------------- */

/* Credit a node with income that has just been moved to its operator. */
void token_income(struct token *token, uint32_t node, money_t amount);
uint32_t token_user(const struct token *token, uint32_t user);           /* account */
uint32_t token_operator(const struct token *token, uint32_t node);       /* account of a payee */
uint32_t token_validator(const struct token *token, uint32_t validator); /* account */

void token_fee_snap(struct token_fee *fee, struct snap *snap, uint32_t users, uint32_t payees);
void token_snap(struct token *token, struct snap *snap);

#endif
