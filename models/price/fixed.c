/* SPDX-License-Identifier: Apache-2.0
 * Price rule `fixed`: the initial price for ever.
 *
 * The null hypothesis of every economic question: whatever still happens here does not come from
 * the market. */
#include "models/price/price.h"

static money_t spot(const struct price *price)
{
    return price->params->initial;
}

static void step(struct price *price, int64_t elapsed_ns)
{
    (void)price;
    (void)elapsed_ns;
}

const struct price_rule price_fixed = {
    .name = "fixed",
    .spot = spot,
    .step = step,
    .cost = price_cost_at_spot,
    .proceeds = price_proceeds_at_spot,
};
