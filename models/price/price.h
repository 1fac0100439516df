/* SPDX-License-Identifier: Apache-2.0
 * The price of OPG in USD: a socket for price rules, and the trades that go through it.
 *
 * A price is an exact count of nano-USD per OPG.  A rule says what the price is, how it moves by
 * itself when time passes, and what a trade costs or brings.  Under `fixed` and `gbm` the price is
 * given from outside and a crowd of other holders takes the other side of every trade; under
 * `amm` the price is the ratio of two reserves and every trade moves it.  A trade moves both legs
 * through the ledger: dollars come from outside when somebody buys, and stay on the account of the
 * seller when somebody sells.
 *
 * No verdict on the token should be read without the name of the rule it hangs on: that is what
 * the socket is for.  Left out until the economy is deepened: recorded paths, velocity, discounted
 * value, jumps, speculators and arbitrage. */
#ifndef HACASIM_MODELS_PRICE_PRICE_H
#define HACASIM_MODELS_PRICE_PRICE_H

#include "models/ledger.h"

enum price_kind { PRICE_FIXED, PRICE_GBM, PRICE_AMM, PRICE_KINDS };

/* No price is taken above this; keeps every value far inside 128 bits. */
#define PRICE_MOST (MONEY_NANO * 1000000000000000) /* 1e15 USD */

/* Purposes of the random streams of the economy, 0x400 to 0x4ff. */
enum price_purpose { PRICE_RNG_PATH = 0x400 };

struct price_gbm_params { /* per year of 365.25 days */
    double drift, volatility;
};

struct price_amm_params {
    money_t reserve; /* atto OPG; the dollar side follows from the initial price */
    double fee, slippage;
};

struct price_params {
    int rule;        /* enum price_kind */
    money_t initial; /* nano USD per OPG */
    int64_t tick;    /* ns */
    double sell_share;
    struct price_gbm_params gbm;
    struct price_amm_params amm;
};
extern const struct param_table price_table;

struct price;

struct price_rule { /* the socket */
    const char *name;
    bool pool; /* the market holds its own dollars (else the crowd brings them as needed) */
    money_t (*spot)(const struct price *price);
    void (*step)(struct price *price, int64_t elapsed_ns);   /* what the price does by itself */
    money_t (*cost)(const struct price *price, money_t opg); /* nano USD, or -1: not to be had */
    money_t (*proceeds)(const struct price *price, money_t opg); /* nano USD */
};
extern const struct price_rule price_fixed, price_gbm, price_amm;

struct price {
    const struct price_rule *rule;
    const struct price_params *params;
    struct ledger *ledger;
    uint32_t market;    /* account of the other side: the pool, or the crowd */
    int64_t stepped_ns; /* the time up to which the rule has moved the price */
    /* state of the rules */
    struct rng_stream stream; /* gbm: the path */
    double level_usd;         /* gbm: the price before rounding to nano-USD */
    money_t fee_bps;          /* amm */
    /* what happened */
    money_t current, min, max, peak; /* nano USD per OPG */
    double drawdown_ratio;           /* largest fall from a peak, as a share of the peak */
    money_t bought_opg, sold_opg, unfilled_opg;
    uint64_t trades;
};

/* `market` must hold its OPG already (the pool: its whole reserve); under amm the dollar reserve is
 * put there.  False: the ledger refused. */
bool price_open(struct price *price, const struct price_params *params, struct ledger *ledger,
                uint32_t market, uint64_t seed, uint32_t replication);
const char *price_rule_name(const struct price_params *params);
/* The rule with the parameters that its verdict hangs on, one line. */
const char *price_describe(const struct price_params *params, struct arena *arena);
/* Whether the rule wants an account of its own, filled with amm.reserve. */
bool price_has_pool(const struct price_params *params);

/* Let the rule move the price up to `now_ns`.  Call at every tick. */
void price_step(struct price *price, int64_t now_ns);
/* Current price, nano-USD per OPG; at least 1, at most PRICE_MOST. */
money_t price_spot(const struct price *price);
/* Buy exactly `opg`, paid with dollars from outside.  False: not to be had at any price (pool or
 * crowd too small); nothing moved, counted as unfilled. */
bool price_buy(struct price *price, uint32_t account, money_t opg);
/* Sell exactly `opg`; returns the dollars credited to the account.  0: nothing was sold (too little
 * to be worth a nano-dollar). */
money_t price_sell(struct price *price, uint32_t account, money_t opg);

/* Cost and proceeds of rules whose price does not move with the trade. */
money_t price_cost_at_spot(const struct price *price, money_t opg);
money_t price_proceeds_at_spot(const struct price *price, money_t opg);

/* Constant product with fee, integers rounded as in Uniswap v2 (fee_bps 30 there).
 * amm_out: most that comes out for `in`.  amm_in: least that must go in for `out`; -1 when the
 * reserve does not hold more than `out`.  Reserves must be positive. */
money_t amm_out(money_t in, money_t reserve_in, money_t reserve_out, money_t fee_bps);
money_t amm_in(money_t out, money_t reserve_in, money_t reserve_out, money_t fee_bps);

void price_snap(struct price *price, struct snap *snap);

#endif
