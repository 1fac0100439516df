/* SPDX-License-Identifier: Apache-2.0
 * Base fee. */
#include "models/feemarket.h"

#include <assert.h>
#include <stddef.h>

#define FEEMARKET_SHARE 1000000000 /* parts a ratio is rounded to, so that 30% is exactly 0.3 */

static const char *const feemarket_starts[] = {"steady", "genesis", NULL};

static const struct param feemarket_rows[] = {
    PARAM(feemarket_params, initial_base_fee, PARAM_GAS_PRICE, "1 gwei", "0 wei", "1000000000 gwei",
          "base fee of the first block", "og-evm x/feemarket/types/params.go"),
    PARAM(feemarket_params, denominator, PARAM_COUNT, "8", "1", "1000000",
          "a full block moves the base fee by at most 1/this", "geth params/protocol_params.go"),
    PARAM(feemarket_params, elasticity, PARAM_COUNT, "2", "1", "1000000",
          "block gas limit over gas target", "geth params/protocol_params.go"),
    PARAM(feemarket_params, min_gas_price, PARAM_GAS_PRICE, "0 wei", "0 wei", "1000000000 gwei",
          "floor of the base fee", "og-evm x/feemarket/types/params.go"),
    PARAM(feemarket_params, min_gas_multiplier, PARAM_RATIO, "50%", "0%", "100%",
          "share of its gas limit that a transaction pays at least",
          "og-evm x/feemarket/types/params.go, x/vm/keeper/state_transition.go"),
    {.key = "start",
     .type = PARAM_ENUM,
     .offset = offsetof(struct feemarket_params, start),
     .def = "steady",
     .meaning = "steady: the chain has run long and the price has settled; "
                "genesis: it opens at initial_base_fee",
     .source = "assumption: at the genesis fee the relayer's cap of 0.002 gwei settles nothing",
     .names = feemarket_starts},
};
const struct param_table feemarket_table =
    PARAM_TABLE("feemarket", feemarket_params, feemarket_rows);

money_t feemarket_next(money_t parent_base_fee, uint64_t gas_used, uint64_t gas_limit,
                       uint64_t elasticity, uint64_t denominator, bool *overflow)
{
    assert(elasticity > 0 && denominator > 0 && parent_base_fee >= 0);
    uint64_t target = gas_limit / elasticity;
    if (target == 0 || gas_used == target) return parent_base_fee;
    uint64_t distance = gas_used > target ? gas_used - target : target - gas_used;
    money_t step = money_muldiv(parent_base_fee, distance, target, MONEY_FLOOR, overflow) /
                   (money_t)denominator;
    if (gas_used < target) return step < parent_base_fee ? parent_base_fee - step : 0;
    if (step < 1) step = 1;
    if (step <= MONEY_MAX - parent_base_fee) return parent_base_fee + step;
    assert(overflow && "the base fee leaves 127 bits");
    *overflow = true;
    return 0;
}

money_t feemarket_step(const struct feemarket_params *params, money_t base_fee,
                       uint64_t charged_gas, uint64_t gas_limit)
{
    money_t next = feemarket_next(base_fee, charged_gas, gas_limit, (uint64_t)params->elasticity,
                                  (uint64_t)params->denominator, NULL);
    return next > params->min_gas_price ? next : params->min_gas_price;
}

money_t feemarket_steady(const struct feemarket_params *params, uint64_t mean_gas,
                         uint64_t gas_limit, money_t fee_cap)
{
    if (mean_gas > gas_limit / (uint64_t)params->elasticity)
        return fee_cap > params->min_gas_price ? fee_cap : params->min_gas_price;
    money_t base_fee = params->initial_base_fee;
    for (uint32_t block = 0; block < FEEMARKET_STEADY_BLOCKS; block++) {
        uint64_t gas = base_fee <= fee_cap ? mean_gas : 0;
        money_t next = feemarket_step(params, base_fee, gas, gas_limit);
        if (next == base_fee) break;
        base_fee = next;
    }
    return base_fee;
}

money_t feemarket_open(const struct feemarket_params *params, uint64_t mean_gas, uint64_t gas_limit,
                       money_t fee_cap)
{
    if (params->start == FEEMARKET_GENESIS) return params->initial_base_fee;
    return feemarket_steady(params, mean_gas, gas_limit, fee_cap);
}

uint64_t feemarket_charged(const struct feemarket_params *params, uint64_t gas_limit,
                           uint64_t gas_used)
{
    money_t parts = (money_t)(params->min_gas_multiplier * FEEMARKET_SHARE + 0.5);
    uint64_t least = (uint64_t)((money_t)gas_limit * parts / FEEMARKET_SHARE);
    return gas_used > least ? gas_used : least;
}
