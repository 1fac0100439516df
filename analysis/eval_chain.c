/* SPDX-License-Identifier: Apache-2.0
 * Rules of chains as their code has them: fee market, inflation, slashing, proposers.
 *
 * Exact integer and decimal arithmetic, so that each agrees to the last unit with the client it is
 * taken from: go-ethereum for EIP-1559, cosmos-sdk x/mint with its 18-digit decimals, and a
 * collateral slash in proportion over bonded and unbonding tokens (Gonka x/collateral). */
#include "analysis/eval.h"
#include "models/models.h"

static const money_t one = MONEY_ATTO; /* 1 as a decimal of 18 places */

/* ---- base fee ------------------------------------------------------------------------------ */

enum { FEE_PARENT, FEE_USED, FEE_LIMIT, FEE_ELASTICITY, FEE_DENOMINATOR };

static bool base_fee(struct eval_call *call)
{
    const struct eval_value *in = call->in;
    money_t used = in[FEE_USED].amount, limit = in[FEE_LIMIT].amount, next;
    char text[MONEY_TEXT];
    if (limit < in[FEE_ELASTICITY].amount)
        return eval_refuse(call, "parent_gas_limit", "must be at least elasticity = %s",
                           money_print(text, in[FEE_ELASTICITY].amount, 0));
    if (used > limit)
        return eval_refuse(call, "parent_gas_used", "is more than parent_gas_limit = %s",
                           money_print(text, limit, 0));
    if (!models_base_fee(in[FEE_PARENT].amount, (uint64_t)used, (uint64_t)limit,
                         (uint64_t)in[FEE_ELASTICITY].amount, (uint64_t)in[FEE_DENOMINATOR].amount,
                         &next))
        return eval_refuse(call, "parent_base_fee", "the next base fee does not fit 127 bits");
    call->out[0] = eval_exact(next, 0);
    return true;
}

/* ---- inflation ----------------------------------------------------------------------------- */

/* Quotient of two 18-digit decimals as LegacyDec.Quo makes it: 36 digits truncated, then rounded
 * half to even to 18. */
static money_t legacy_quotient(money_t a, money_t b)
{
    money_t long_quotient = money_muldiv(a, one * one, b, MONEY_TRUNCATE, NULL);
    return money_muldiv(long_quotient, 1, one, MONEY_HALF_EVEN, NULL);
}

static money_t legacy_product(money_t a, money_t b)
{
    return money_muldiv(a, b, one, MONEY_HALF_EVEN, NULL);
}

enum { MINT_INFLATION, MINT_BONDED, MINT_GOAL, MINT_MIN, MINT_MAX, MINT_CHANGE, MINT_BLOCKS };

/* x/mint NextInflationRate: the change per year is (1 - bonded / goal) x rate_change. */
static bool mint_inflation(struct eval_call *call)
{
    const struct eval_value *in = call->in;
    if (in[MINT_MIN].amount > in[MINT_MAX].amount)
        return eval_refuse(call, "min", "is more than max");
    money_t bonded = legacy_quotient(in[MINT_BONDED].amount, in[MINT_GOAL].amount);
    money_t per_year = legacy_product(one - bonded, in[MINT_CHANGE].amount);
    money_t next =
        in[MINT_INFLATION].amount + legacy_quotient(per_year, in[MINT_BLOCKS].amount * one);
    if (next > in[MINT_MAX].amount) next = in[MINT_MAX].amount;
    if (next < in[MINT_MIN].amount) next = in[MINT_MIN].amount;
    call->out[0] = eval_fixed(next, 18);
    return true;
}

/* ---- slash --------------------------------------------------------------------------------- */

/* Each part loses the same share, rounded down on its own as the two are kept apart. */
static bool slash(struct eval_call *call)
{
    money_t bonded = call->in[0].amount, share = call->in[1].amount;
    money_t leaving = call->in[2].amount;
    if (leaving > MONEY_MAX - bonded)
        return eval_refuse(call, "unbonding", "tokens and unbonding together exceed 2^127");
    money_t burned = money_muldiv(bonded, share, one, MONEY_FLOOR, NULL) +
                     money_muldiv(leaving, share, one, MONEY_FLOOR, NULL);
    call->out[0] = eval_exact(burned, 0);
    call->out[1] = eval_exact(bonded + leaving - burned, 0);
    return true;
}

/* ---- proposers ----------------------------------------------------------------------------- */

enum { PROPOSERS_CELLS = 10000000 };

static bool proposers(struct eval_call *call)
{
    const struct eval_value *powers = &call->in[0], *given = &call->in[1];
    size_t count = powers->count, rounds = (size_t)call->in[2].amount;
    if (given->count > 0 && given->count != count)
        return eval_refuse(call, "priorities", "has %zu numbers, and powers has %zu", given->count,
                           count);
    if (count * rounds > PROPOSERS_CELLS)
        return eval_refuse(call, "rounds", "times validators is above %d", PROPOSERS_CELLS);
    int64_t *who = arena_alloc(call->arena, rounds, sizeof *who);
    int64_t *after = arena_alloc(call->arena, rounds * count, sizeof *after);
    if (!models_proposers(call->arena, powers->wholes, given->count > 0 ? given->wholes : NULL,
                          (uint32_t)count, (uint32_t)rounds, who, after))
        return eval_refuse(call, "powers", "must each be above 0 and sum to at most 2^60 - 1");
    call->out[0] = eval_wholes(who, rounds, 0);
    call->out[1] = eval_wholes(after, rounds * count, count);
    return true;
}

static const struct eval_function functions[] = {
    {"proposers",
     "Who proposes: CometBFT's weighted round robin, one height a round",
     proposers,
     {{"powers", EVAL_WHOLES, NULL, NULL, NULL, NULL, "voting power of each, in order of address"},
      {"priorities", EVAL_WHOLES, "[]", NULL, NULL, NULL, "at the start; [] for 0 each"},
      {"rounds", EVAL_INTEGER, NULL, "1", "1000000", NULL, "increments of the priorities"}},
     {{"proposers", "index from 0 of the proposer of each round"},
      {"priorities", "after each round"}}},
    {"base-fee",
     "Base fee of the next block (EIP-1559)",
     base_fee,
     {{"parent_base_fee", EVAL_INTEGER, NULL, "0", NULL, NULL, "base fee of the parent block"},
      {"parent_gas_used", EVAL_INTEGER, NULL, "0", "18446744073709551615", NULL, "gas it used"},
      {"parent_gas_limit", EVAL_INTEGER, NULL, "1", "18446744073709551615", NULL, "its gas limit"},
      {"elasticity", EVAL_INTEGER, "2", "1", "1000000", NULL, "gas limit over gas target"},
      {"denominator", EVAL_INTEGER, "8", "1", "1000000000", NULL,
       "a full block raises the fee by (elasticity - 1) / denominator"}},
     {{"base_fee", "of the next block, in the unit of the parent's"}}},
    {"mint-inflation",
     "Inflation of the next block (cosmos-sdk x/mint, 18-digit decimals, half to even)",
     mint_inflation,
     {{"inflation", EVAL_DECIMAL, NULL, "0", "100", NULL, "of this block, a year"},
      {"bonded_ratio", EVAL_DECIMAL, NULL, "0", "1", NULL, "share of the supply that is staked"},
      {"goal", EVAL_DECIMAL, "0.67", "0.01", "1", NULL, "share at which inflation rests"},
      {"min", EVAL_DECIMAL, "0.07", "0", "100", NULL, "lowest inflation"},
      {"max", EVAL_DECIMAL, "0.20", "0", "100", NULL, "highest inflation"},
      {"rate_change", EVAL_DECIMAL, "0.13", "0", "1", NULL, "largest change a year"},
      {"blocks_per_year", EVAL_INTEGER, "6311520", "1", "1000000000000", NULL,
       "as the chain assumes"}},
     {{"inflation", "of the next block, a year, 18 decimals"}}},
    {"slash",
     "A slash in proportion over bonded and unbonding tokens, each rounded down",
     slash,
     {{"tokens", EVAL_INTEGER, NULL, "0", NULL, NULL, "bonded, in base units"},
      {"fraction", EVAL_DECIMAL, NULL, "0", "1", NULL, "slashed"},
      {"unbonding", EVAL_INTEGER, "0", "0", NULL, NULL,
       "leaving but still liable, besides tokens"}},
     {{"burned", "taken from both"}, {"remaining", "left of both"}}},
};

const struct eval_table eval_chain_table = {functions, sizeof functions / sizeof functions[0]};
