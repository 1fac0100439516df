/* SPDX-License-Identifier: Apache-2.0
 * The ledger: the only place where value exists, double entry, exact.
 *
 * An account is an index made at setup; it holds one balance per asset.  Three operations change
 * balances: move (account to account), mint and burn, each with one reason; genesis is the mint
 * that happens before time.  An operation that is negative or would overdraw an account is a
 * breach: it moves nothing and the first breach is kept as text, for the world to turn into
 * STATUS_BREACH with block and seed.  ledger_check proves from the balances themselves, not from
 * running sums, that per asset
 *
 *     sum of accounts = genesis + minted - burned <= cap,  no account < 0,  burned never falls.
 *
 * OPG has a fixed supply: nothing ever mints it (emission and vesting are moves out of locked
 * accounts).  GAS is the native coin of the OpenGradient chain, which today is not OPG.  USD comes
 * in from outside the model by minting it and leaves by burning it.
 *
 * Who owns which account, and why value moves, is the business of token/, staking and price/. */
#ifndef HACASIM_MODELS_LEDGER_H
#define HACASIM_MODELS_LEDGER_H

#include "sim/sim.h"

enum ledger_asset {
    LEDGER_OPG, /* 18 decimals */
    LEDGER_GAS, /* 18 decimals */
    LEDGER_USD, /* 9 decimals */
    LEDGER_ASSETS
};

/* What a holder of an account can do with it; supply figures are sums over classes. */
enum ledger_class {
    LEDGER_HELD,   /* free: users, operators, the crowd of other holders */
    LEDGER_LOCKED, /* not yet vested, not yet emitted */
    LEDGER_STAKED, /* bonded or unbonding */
    LEDGER_POOL,   /* in a contract: market reserves, escrow, insurance fund, fee collector */
    LEDGER_CLASSES
};

enum ledger_reason {
    LEDGER_GENESIS,
    LEDGER_ENDOW,            /* out of the float, to its owners at the start of the run */
    LEDGER_SESSION_PAYMENT,  /* user to node, a settled payment session */
    LEDGER_FEE_ESCROW,       /* user to escrow, when the answer is there */
    LEDGER_FEE_TO_NODE,      /* escrow to node, when the proof is settled */
    LEDGER_FEE_REFUND,       /* escrow to user */
    LEDGER_SETTLEMENT_BURN,  /* burned share of a settled fee */
    LEDGER_PROOF_BURN,       /* fixed burn per settled proof, paid by the node */
    LEDGER_GAS_BURN,         /* base fee part of gas */
    LEDGER_GAS_TIP,          /* rest of gas, to the proposer */
    LEDGER_GAS_TO_COLLECTOR, /* all of gas, to the fee collector */
    LEDGER_EMISSION,         /* reward pool to validators */
    LEDGER_UNLOCK,           /* vesting bucket to the crowd */
    LEDGER_STAKE,            /* wallet to stake */
    LEDGER_UNBOND,           /* stake to the unbonding queue */
    LEDGER_UNSTAKE,          /* unbonding queue to wallet */
    LEDGER_SLASH_RECALL,     /* unbonding queue back to stake, to be slashed */
    LEDGER_SLASH_BURN,
    LEDGER_SLASH_TO_VICTIM,
    LEDGER_SLASH_TO_FUND,
    LEDGER_COMPENSATION, /* insurance fund to victim */
    LEDGER_MARKET_BUY,   /* both legs: USD to the market, OPG to the buyer */
    LEDGER_MARKET_SELL,  /* both legs: OPG to the market, USD to the seller */
    LEDGER_USD_IN,       /* dollars from outside */
    LEDGER_USD_OUT,      /* dollars to outside */
    LEDGER_RENT,         /* dollars of operators to landlords and power companies */
    LEDGER_REASONS
};

enum { LEDGER_NOBODY = -1, LEDGER_BREACH_TEXT = 256 };

struct ledger_entry { /* what a journal sees */
    enum ledger_asset asset;
    enum ledger_reason reason;
    int64_t from, to; /* accounts; LEDGER_NOBODY for the far side of genesis, mint and burn */
    money_t amount;
};
typedef void (*ledger_journal_fn)(void *context, const struct ledger_entry *entry);

struct ledger_account {
    const char *name; /* "user"; not copied */
    int64_t index;    /* of its kind; LEDGER_NOBODY: there is only one */
    enum ledger_class class;
};

struct ledger {
    /* accounts */
    struct ledger_account *accounts;
    money_t *balance[LEDGER_ASSETS]; /* by account */
    uint32_t count, capacity;
    /* totals */
    money_t genesis[LEDGER_ASSETS], minted[LEDGER_ASSETS], burned[LEDGER_ASSETS];
    money_t cap[LEDGER_ASSETS];           /* most that may exist; MONEY_MAX: no cap */
    money_t burned_before[LEDGER_ASSETS]; /* at the last check */
    money_t total[LEDGER_ASSETS][LEDGER_REASONS];
    uint64_t entries, refused;
    /* the first breach, empty while there is none */
    char breach[LEDGER_BREACH_TEXT];
    /* optional */
    ledger_journal_fn journal;
    void *journal_context;
    struct arena *arena;
};

void ledger_init(struct ledger *ledger, struct arena *arena);
uint32_t ledger_open(struct ledger *ledger, enum ledger_class class, const char *name,
                     int64_t index);
/* `count` accounts of one kind, indices 0.. in a row; returns the first. */
uint32_t ledger_open_many(struct ledger *ledger, enum ledger_class class, const char *name,
                          uint32_t count);

/* True when done.  False: a breach, nothing moved.  A zero amount is done and leaves no entry. */
bool ledger_genesis(struct ledger *ledger, enum ledger_asset asset, uint32_t to, money_t amount);
bool ledger_mint(struct ledger *ledger, enum ledger_asset asset, uint32_t to, money_t amount,
                 enum ledger_reason reason);
bool ledger_burn(struct ledger *ledger, enum ledger_asset asset, uint32_t from, money_t amount,
                 enum ledger_reason reason);
bool ledger_move(struct ledger *ledger, enum ledger_asset asset, uint32_t from, uint32_t to,
                 money_t amount, enum ledger_reason reason);

money_t ledger_balance(const struct ledger *ledger, enum ledger_asset asset, uint32_t account);
/* What should exist: genesis + minted - burned. */
money_t ledger_supply(const struct ledger *ledger, enum ledger_asset asset);
/* What does exist: sums over accounts, of one class or of all. */
money_t ledger_class_total(const struct ledger *ledger, enum ledger_asset asset,
                           enum ledger_class class);
money_t ledger_total(const struct ledger *ledger, enum ledger_asset asset);

/* Check all of the invariants above; a broken one is recorded as breach.  Returns the sum over
 * assets of |accounts - supply| in base units: 0 in a sound ledger. */
money_t ledger_check(struct ledger *ledger);
/* Keep a breach found elsewhere (a fee paid twice); only the first is kept. */
void ledger_breach(struct ledger *ledger, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool ledger_sound(const struct ledger *ledger); /* no breach so far */

/* floor(amount x share).  A share of the scenario is taken to the nearest 1e-9, so that 30% is
 * exactly three tenths. */
money_t ledger_share(money_t amount, double share);
/* Value of `opg` at `price` nano-USD per OPG, and the OPG worth `usd` (price > 0; more than fits
 * 128 bits, under a price next to nothing, is MONEY_MAX). */
money_t ledger_value_usd(money_t opg, money_t price, enum money_rounding rounding);
money_t ledger_value_opg(money_t usd, money_t price, enum money_rounding rounding);

const char *ledger_asset_name(enum ledger_asset asset);
const char *ledger_reason_name(enum ledger_reason reason);
int ledger_decimals(enum ledger_asset asset);

/* Balances and totals; the accounts themselves are opened again before it reads. */
void ledger_snap(struct ledger *ledger, struct snap *snap);

#endif
