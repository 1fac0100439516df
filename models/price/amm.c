/* SPDX-License-Identifier: Apache-2.0
 * Price rule `amm`: a constant-product pool whose reserves are a ledger account.
 *
 * The price is the ratio of the reserves.  Users who buy OPG and operators who sell it move it:
 * after dollars J have come into a pool with Y of them, it stands at (1 + J/Y)^2 of what it was.
 * Nobody else trades, so a price under this rule is what the network's own flows do to it, given
 * the depth of the pool; depth is the parameter such a verdict hangs on.
 *
 * Integers and rounding are those of Uniswap v2 (UniswapV2Library.sol), with the fee in basis
 * points; both functions round against the trader, so the product of the reserves never falls. */
#include "models/price/price.h"

#include <assert.h>

enum { BPS = 10000 };

money_t amm_out(money_t in, money_t reserve_in, money_t reserve_out, money_t fee_bps)
{
    assert(in >= 0 && reserve_in > 0 && reserve_out > 0 && fee_bps >= 0 && fee_bps < BPS);
    money_t kept = in * (BPS - fee_bps);
    return money_muldiv(kept, reserve_out, reserve_in * BPS + kept, MONEY_FLOOR, NULL);
}

money_t amm_in(money_t out, money_t reserve_in, money_t reserve_out, money_t fee_bps)
{
    assert(out >= 0 && reserve_in > 0 && reserve_out > 0 && fee_bps >= 0 && fee_bps < BPS);
    if (out >= reserve_out) return -1;
    bool overflow = false; /* the last units of a reserve cost more than there is money */
    money_t in = money_muldiv(reserve_in * BPS, out, (reserve_out - out) * (BPS - fee_bps),
                              MONEY_FLOOR, &overflow);
    return overflow ? -1 : in + 1;
}

static money_t reserve(const struct price *price, enum ledger_asset asset)
{
    return ledger_balance(price->ledger, asset, price->market);
}

static money_t spot(const struct price *price)
{
    bool overflow = false;
    money_t ratio = money_muldiv(reserve(price, LEDGER_USD), MONEY_ATTO, reserve(price, LEDGER_OPG),
                                 MONEY_HALF_EVEN, &overflow);
    return overflow ? PRICE_MOST : ratio;
}

static void step(struct price *price, int64_t elapsed_ns)
{
    (void)price; /* only trades move a pool */
    (void)elapsed_ns;
}

/* A buyer who would empty the pool finds a price that he does not pay. */
static money_t cost(const struct price *price, money_t opg)
{
    money_t usd =
        amm_in(opg, reserve(price, LEDGER_USD), reserve(price, LEDGER_OPG), price->fee_bps);
    money_t fair = ledger_value_usd(opg, price->current, MONEY_CEIL);
    money_t most = fair + money_from_real(price->params->amm.slippage * money_real(fair, 9), 9) + 1;
    return usd > most ? -1 : usd;
}

static money_t proceeds(const struct price *price, money_t opg)
{
    return amm_out(opg, reserve(price, LEDGER_OPG), reserve(price, LEDGER_USD), price->fee_bps);
}

const struct price_rule price_amm = {
    .name = "amm",
    .pool = true,
    .spot = spot,
    .step = step,
    .cost = cost,
    .proceeds = proceeds,
};
