/* SPDX-License-Identifier: Apache-2.0
 * The price of gas: EIP-1559's base fee as geth computes it and cosmos/evm uses it.
 *
 * With target T = limit / elasticity and gas u used by the parent block, the next base fee is
 *
 *     b + max(1, floor(floor(b (u - T) / T) / denominator))   if u > T
 *     b -        floor(floor(b (T - u) / T) / denominator)    if u < T
 *
 * in whole atto (wei) per gas: 1 can rise to 2, and a fee of 7 or less never falls.  cosmos/evm
 * adds a floor (min_gas_price) and charges each transaction at least a share of its gas limit;
 * the charged gas is also what moves the price.  Leaves out who receives the fee (ledger). */
#ifndef HACASIM_MODELS_FEEMARKET_H
#define HACASIM_MODELS_FEEMARKET_H

#include <stdint.h>

#include "sim/sim.h"

enum feemarket_start { FEEMARKET_STEADY, FEEMARKET_GENESIS };

struct feemarket_params {
    int64_t initial_base_fee; /* atto per gas */
    int64_t denominator, elasticity;
    int64_t min_gas_price;     /* atto per gas */
    double min_gas_multiplier; /* ratio of the gas limit */
    int start;                 /* enum feemarket_start */
};
extern const struct param_table feemarket_table;

/* Base fee of the first block of a run: initial_base_fee (`start: genesis`), or where
 * feemarket_steady ends. */
money_t feemarket_open(const struct feemarket_params *params, uint64_t mean_gas, uint64_t gas_limit,
                       money_t fee_cap);
/* A block that charged this much gas was decided: the base fee of the next one. */
money_t feemarket_step(const struct feemarket_params *params, money_t base_fee,
                       uint64_t charged_gas, uint64_t gas_limit);

/* Gas a transaction pays for: max(used, floor(limit x min_gas_multiplier)). */
uint64_t feemarket_charged(const struct feemarket_params *params, uint64_t gas_limit,
                           uint64_t gas_used);

/* The rule above, without a floor.  Unchanged when the target is 0.  A result beyond 127 bits sets
 * *overflow (NULL: asserts). */
money_t feemarket_next(money_t parent_base_fee, uint64_t gas_used, uint64_t gas_limit,
                       uint64_t elasticity, uint64_t denominator, bool *overflow);

/* Base fee after a long run in which every block charges `mean_gas` as long as the base fee is at
 * most `fee_cap`, and nothing above it: the rule is iterated from initial_base_fee until it stops
 * moving, at most FEEMARKET_STEADY_BLOCKS times.  Demand above the target drives the price to the
 * cap, which is then the answer. */
enum { FEEMARKET_STEADY_BLOCKS = 500000 };
money_t feemarket_steady(const struct feemarket_params *params, uint64_t mean_gas,
                         uint64_t gas_limit, money_t fee_cap);

#endif
