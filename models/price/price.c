/* SPDX-License-Identifier: Apache-2.0
 * Price rules: the table of plugs, the trades, and what the price did.
 *
 * To add a rule: a file with its struct price_rule, a kind, and a line in the table below.
 *
 * Orders are filled one by one in the order they come; those of one tick come in index order,
 * buyers first.  A real market would interleave them; the difference is the spread that a
 * market maker's fee takes anyway. */
#include "models/price/price.h"

static const struct price_rule *const rules[PRICE_KINDS] = {
    [PRICE_FIXED] = &price_fixed,
    [PRICE_GBM] = &price_gbm,
    [PRICE_AMM] = &price_amm,
};

static const char *const rule_names[] = {"fixed", "gbm", "amm", NULL};

static const struct param gbm_rows[] = {
    PARAM(price_gbm_params, drift, PARAM_RATIO, "0%", "-10000%", "10000%",
          "expected growth of the price per year", "assumption: no trend"),
    PARAM(price_gbm_params, volatility, PARAM_RATIO, "100%", "0%", "2000%",
          "standard deviation of the log price per square root of a year",
          "assumption: a young token; sweep it"),
};
static const struct param_table gbm_table = PARAM_TABLE("price_gbm", price_gbm_params, gbm_rows);

static const struct param amm_rows[] = {
    PARAM(price_amm_params, reserve, PARAM_OPG, "10000000 OPG", "1 OPG", "1000000000 OPG",
          "OPG in the pool at the start; its dollars follow from the initial price",
          "assumption: a sixth of the 60 M OPG for liquidity (docs/sources.md OG)"),
    PARAM(price_amm_params, fee, PARAM_RATIO, "0.3%", "0%", "10%",
          "fee of a swap, kept by the pool; whole basis points", "Uniswap v2: 997/1000"),
    PARAM(price_amm_params, slippage, PARAM_RATIO, "10%", "0.1%", "1000%",
          "most that a buyer pays above the spot price; dearer orders stay unfilled", "assumption"),
};
static const struct param_table amm_table = PARAM_TABLE("price_amm", price_amm_params, amm_rows);

static const struct param rows[] = {
    {.key = "rule",
     .type = PARAM_ENUM,
     .offset = offsetof(struct price_params, rule),
     .def = "fixed",
     .names = rule_names,
     .meaning = "what the price hangs on: fixed; gbm, a random walk from outside; amm, a market "
                "maker moved by users who buy and operators who sell",
     .source = "assumption: compare at least two before believing a verdict"},
    PARAM(price_params, initial, PARAM_USD, "$0.16", "$0.000001", "$1000000",
          "price of one OPG at the start",
          "exchange posts of June 2026, $0.16 to $0.24 (docs/sources.md OG)"),
    PARAM(price_params, tick, PARAM_DURATION, "1 min", "1 s", "30 d",
          "time between two rounds of trading and steps of the price", "assumption"),
    PARAM(price_params, sell_share, PARAM_RATIO, "100%", "0%", "100%",
          "share of fee income that node operators sell at once to pay rent and power",
          "assumption: operators have dollar costs and hold nothing"),
    PARAM_SUB(price_params, gbm, PARAM_GROUP, gbm_table, "{}", "the random walk of rule gbm",
              "docs/sources.md EC"),
    PARAM_SUB(price_params, amm, PARAM_GROUP, amm_table, "{}", "the pool of rule amm",
              "docs/sources.md EC"),
};
const struct param_table price_table = PARAM_TABLE("price", price_params, rows);

const char *price_rule_name(const struct price_params *params)
{
    return rules[params->rule]->name;
}

bool price_has_pool(const struct price_params *params)
{
    return rules[params->rule]->pool;
}

/* ---- the price ----------------------------------------------------------------------------- */

static void observe(struct price *price)
{
    money_t now = price->rule->spot(price);
    if (now < 1) now = 1; /* a token worth less than a nano-dollar still divides */
    if (now > PRICE_MOST) now = PRICE_MOST;
    price->current = now;
    if (now < price->min) price->min = now;
    if (now > price->max) price->max = now;
    if (now > price->peak) price->peak = now;
    double fall = 1 - (double)now / (double)price->peak;
    if (fall > price->drawdown_ratio) price->drawdown_ratio = fall;
}

bool price_open(struct price *price, const struct price_params *params, struct ledger *ledger,
                uint32_t market, uint64_t seed, uint32_t replication)
{
    *price = (struct price){
        .rule = rules[params->rule],
        .params = params,
        .ledger = ledger,
        .market = market,
        .stream = rng_open(seed, replication, PRICE_RNG_PATH, 0),
        .level_usd = money_real(params->initial, 9),
        .fee_bps = (money_t)(params->amm.fee * 10000 + 0.5),
        .min = params->initial,
        .max = params->initial,
        .peak = params->initial,
    };
    if (price->rule->pool) {
        money_t opg = ledger_balance(ledger, LEDGER_OPG, market);
        money_t usd = ledger_value_usd(opg, params->initial, MONEY_HALF_EVEN);
        if (!ledger_genesis(ledger, LEDGER_USD, market, usd)) return false;
    }
    observe(price);
    return true;
}

void price_step(struct price *price, int64_t now_ns)
{
    int64_t elapsed_ns = now_ns - price->stepped_ns;
    if (elapsed_ns <= 0) return;
    price->stepped_ns = now_ns;
    price->rule->step(price, elapsed_ns);
    observe(price);
}

money_t price_spot(const struct price *price)
{
    return price->current;
}

money_t price_cost_at_spot(const struct price *price, money_t opg)
{
    return ledger_value_usd(opg, price->current, MONEY_CEIL);
}

money_t price_proceeds_at_spot(const struct price *price, money_t opg)
{
    return ledger_value_usd(opg, price->current, MONEY_FLOOR);
}

/* ---- trades -------------------------------------------------------------------------------- */

bool price_buy(struct price *price, uint32_t account, money_t opg)
{
    struct ledger *l = price->ledger;
    money_t usd =
        opg > ledger_balance(l, LEDGER_OPG, price->market) ? -1 : price->rule->cost(price, opg);
    if (usd < 0) {
        price->unfilled_opg += opg;
        return false;
    }
    if (!ledger_mint(l, LEDGER_USD, account, usd, LEDGER_USD_IN) ||
        !ledger_move(l, LEDGER_USD, account, price->market, usd, LEDGER_MARKET_BUY) ||
        !ledger_move(l, LEDGER_OPG, price->market, account, opg, LEDGER_MARKET_BUY)) {
        return false;
    }
    price->bought_opg += opg;
    price->trades++;
    observe(price);
    return true;
}

/* The crowd pays out of the dollars it took in and brings the rest from outside. */
static bool crowd_pays(struct price *price, money_t usd)
{
    money_t has = ledger_balance(price->ledger, LEDGER_USD, price->market);
    if (has >= usd) return true;
    return ledger_mint(price->ledger, LEDGER_USD, price->market, usd - has, LEDGER_USD_IN);
}

money_t price_sell(struct price *price, uint32_t account, money_t opg)
{
    struct ledger *l = price->ledger;
    money_t usd = price->rule->proceeds(price, opg);
    if (usd <= 0) return 0;
    if ((!price->rule->pool && !crowd_pays(price, usd)) ||
        !ledger_move(l, LEDGER_OPG, account, price->market, opg, LEDGER_MARKET_SELL) ||
        !ledger_move(l, LEDGER_USD, price->market, account, usd, LEDGER_MARKET_SELL)) {
        return 0;
    }
    price->sold_opg += opg;
    price->trades++;
    observe(price);
    return usd;
}

const char *price_describe(const struct price_params *params, struct arena *arena)
{
    const char *initial = param_print(arena, PARAM_USD, &params->initial);
    if (params->rule == PRICE_GBM) {
        return arena_print(arena, "gbm (initial %s, drift %s, volatility %s a year)", initial,
                           param_print(arena, PARAM_RATIO, &params->gbm.drift),
                           param_print(arena, PARAM_RATIO, &params->gbm.volatility));
    }
    if (params->rule == PRICE_AMM) {
        return arena_print(arena, "amm (initial %s, reserve %s, fee %s, operators sell %s)",
                           initial, param_print(arena, PARAM_OPG, &params->amm.reserve),
                           param_print(arena, PARAM_RATIO, &params->amm.fee),
                           param_print(arena, PARAM_RATIO, &params->sell_share));
    }
    return arena_print(arena, "fixed (%s)", initial);
}

/* ---- checkpoints --------------------------------------------------------------------------- */

void price_snap(struct price *price, struct snap *snap)
{
    SNAP_COVERS(struct price, 304);
    snap_begin(snap, "price");
    snap_i64(snap, &price->stepped_ns);
    snap_stream(snap, &price->stream);
    snap_real(snap, &price->level_usd);
    snap_real(snap, &price->drawdown_ratio);
    money_t *const sums[] = {&price->current,     &price->min,        &price->max,
                             &price->peak,        &price->bought_opg, &price->sold_opg,
                             &price->unfilled_opg};
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++)
        snap_money(snap, sums[i]);
    snap_u64(snap, &price->trades);
    if (price->current < 1 || price->current > PRICE_MOST) snap_fail(snap, "no price is that");
    snap_end(snap);
}
