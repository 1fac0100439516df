/* SPDX-License-Identifier: Apache-2.0
 * Price rule `gbm`: geometric Brownian motion from outside.
 *
 * Over a step of t years the price is multiplied by
 *
 *     exp((drift - volatility^2 / 2) t + volatility sqrt(t) z),   z standard normal,
 *
 * the exact law for any step, so the tick changes the resolution of the path and not its law.  One
 * draw a step, from a stream of its own: two designs compared under one seed and one tick live
 * through the same prices. */
#include "models/price/price.h"

#include <math.h>

#define NS_PER_YEAR 31557600e9 /* 365.25 days */
#define LEVEL_MOST_USD 1e15    /* PRICE_MOST */

static money_t spot(const struct price *price)
{
    return money_from_real(price->level_usd, 9);
}

static void step(struct price *price, int64_t elapsed_ns)
{
    const struct price_gbm_params *p = &price->params->gbm;
    double years = (double)elapsed_ns / NS_PER_YEAR;
    double z = variate_normal_inverse(&price->stream);
    double growth =
        (p->drift - 0.5 * p->volatility * p->volatility) * years + p->volatility * sqrt(years) * z;
    price->level_usd *= dmath_exp(growth);
    if (price->level_usd > LEVEL_MOST_USD) price->level_usd = LEVEL_MOST_USD;
}

const struct price_rule price_gbm = {
    .name = "gbm",
    .spot = spot,
    .step = step,
    .cost = price_cost_at_spot,
    .proceeds = price_proceeds_at_spot,
};
