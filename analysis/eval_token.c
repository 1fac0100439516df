/* SPDX-License-Identifier: Apache-2.0
 * Token economics in closed form: a swap, concentration of holdings, the gain of the cost loop,
 * the path of supply, and the unlocking of OPG.
 *
 * The swap is Uniswap v2's, in integers.  The loop gain is our own model (docs/sources.md EC), not
 * taken from the literature.  The unlock schedule follows what was published for OPG
 * (docs/sources.md OG), months counted from the token generation event of 2026-04-21. */
#include "analysis/eval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- swap ---------------------------------------------------------------------------------- */

enum { SWAP_BPS = 10000 };

/* floor(k in reserve_out / (10000 reserve_in + k in)), k = 10000 - fee.  Reserves are below 2^112
 * as in the contract, so every product here fits. */
static bool amm_swap(struct eval_call *call)
{
    const struct eval_value *in = call->in;
    money_t paid = in[0].amount * (SWAP_BPS - in[3].amount);
    money_t pool = in[1].amount * SWAP_BPS + paid;
    call->out[0] = eval_exact(money_muldiv(paid, in[2].amount, pool, MONEY_FLOOR, NULL), 0);
    return true;
}

/* ---- concentration ------------------------------------------------------------------------- */

static int descending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* Fewest holders, the largest first, with at least `percent` of the whole.  Decimals that are not
 * exact in binary must not push a share that is exactly reached over the limit. */
static money_t nakamoto(const double *values, size_t count, double total, double percent)
{
    double sum = 0, wanted = percent * total * (1 - 1e-12);
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
        if (100 * sum >= wanted) return (money_t)i + 1;
    }
    return (money_t)count;
}

struct shares {
    double gini, hhi, shannon_bits, theil_nats;
};

static struct shares measure(const double *values, size_t count, double total)
{
    double n = (double)count, mean = total / n;
    struct shares s = {.gini = 1};
    for (size_t i = 0; i < count; i++) {
        double share = values[i] / total, ratio = values[i] / mean;
        s.gini -= share * (1 + 2 * (double)i) / n; /* i richer holders came before */
        s.hhi += 1e4 * share * share;
        if (share > 0) s.shannon_bits -= share * log2(share);
        if (ratio > 0) s.theil_nats += ratio * log(ratio) / n;
    }
    return s;
}

static bool concentration(struct eval_call *call)
{
    size_t count = call->in[0].count;
    double total = 0;
    double *values = arena_alloc(call->arena, count, sizeof *values);
    memcpy(values, call->in[0].reals, count * sizeof *values);
    qsort(values, count, sizeof *values, descending);
    for (size_t i = 0; i < count; i++)
        total += values[i];
    if (!(total > 0)) return eval_refuse(call, "values", "at least one must be above 0");
    if (!isfinite(total)) return eval_refuse(call, "values", "their sum is too large");
    struct shares s = measure(values, count, total);
    call->out[0] = eval_real(fmax(s.gini, 0));
    call->out[1] = eval_real(s.hhi);
    call->out[2] = eval_real(s.shannon_bits);
    call->out[3] = eval_real(fmax(s.theil_nats, 0));
    call->out[4] = eval_exact(nakamoto(values, count, total, 33), 0);
    call->out[5] = eval_exact(nakamoto(values, count, total, 50), 0);
    call->out[6] = eval_exact(nakamoto(values, count, total, 66), 0);
    return true;
}

/* ---- loop gain ----------------------------------------------------------------------------- */

/* Node pay R = a q + b q p + m p; capacity follows R, volume q capacity^eta, price p q^epsilon. A
 * small shock comes back multiplied by eta (1 - m + (b + m) epsilon). */
static bool loop_gain(struct eval_call *call)
{
    const struct eval_value *in = call->in;
    double stable = in[0].real, token = in[1].real, mint = in[2].real;
    if (fabs(stable + token + mint - 1) > 1e-9)
        return eval_refuse(call, "stable_fee_share",
                           "stable_fee_share + token_fee_share + mint_share = %.17g, not 1",
                           stable + token + mint);
    double gain = in[3].real * (1 - mint + (token + mint) * in[4].real);
    call->out[0] = eval_real(gain);
    call->out[1] = eval_flag(gain < 1);
    return true;
}

/* ---- supply path --------------------------------------------------------------------------- */

enum { PATH_SUPPLY, PATH_STAKED, PATH_MINT, PATH_BURN, PATH_VELOCITY, PATH_USAGE, PATH_MONTHS };

/* S' = w - b v (S - K): a fixed mint, and a share of fees burned at the quantity price
 * p = y / (v (S - K)), where the dollars of usage cancel (docs/sources.md EC).  With c = S - K and
 * x = b v t: c = c0 e^-x + w t (1 - e^-x) / x. */
static bool supply_path(struct eval_call *call)
{
    const struct eval_value *in = call->in;
    double staked = in[PATH_STAKED].real, months = in[PATH_MONTHS].real;
    double free_opg = in[PATH_SUPPLY].real - staked, velocity = in[PATH_VELOCITY].real;
    if (free_opg <= 0) return eval_refuse(call, "staked_opg", "must be less than supply_opg");
    double x = in[PATH_BURN].real * velocity * months;
    double mean = x > 0 ? -expm1(-x) / x : 1;
    double left = free_opg * exp(-x) + in[PATH_MINT].real * months * mean;
    double price = in[PATH_USAGE].real / (velocity * left);
    call->out[0] = eval_real(staked + left);
    call->out[1] = isfinite(price) ? eval_real(price) : eval_null();
    return true;
}

/* ---- vesting ------------------------------------------------------------------------------- */

struct bucket {
    int64_t total_opg, start_opg; /* whole, and unlocked at the generation event */
    int64_t cliff_months, linear_months;
};

static const char *const bucket_names[] = {"ecosystem", "foundation", "contributors",
                                           "investors", "staking",    "liquidity",
                                           "airdrop",   "all",        NULL};
static const struct bucket buckets[] = {
    {400000000, 40000000, 0, 60}, /* 10 % at the event, then 60 months */
    {150000000, 50000000, 0, 48}, /* a third at the event: 190 M were reported to float */
    {150000000, 0, 12, 36},       {100000000, 0, 12, 36},     {100000000, 0, 0, 96},
    {60000000, 60000000, 0, 1},   {40000000, 40000000, 0, 1},
};
enum { BUCKETS = sizeof buckets / sizeof buckets[0] };

static money_t unlocked(const struct bucket *bucket, int64_t month)
{
    int64_t past = month - bucket->cliff_months;
    if (past < 0) past = 0;
    if (past > bucket->linear_months) past = bucket->linear_months;
    money_t later = (bucket->total_opg - bucket->start_opg) * MONEY_ATTO;
    return bucket->start_opg * MONEY_ATTO +
           money_muldiv(later, past, bucket->linear_months, MONEY_FLOOR, NULL);
}

static bool vesting(struct eval_call *call)
{
    int chosen = call->in[0].choice;
    int64_t month = (int64_t)call->in[1].amount;
    money_t sum = 0;
    for (int i = 0; i < BUCKETS; i++)
        if (i == chosen || chosen == BUCKETS) sum += unlocked(&buckets[i], month);
    call->out[0] = eval_exact(sum, 18);
    return true;
}

#define TOKEN_UINT112 "5192296858534827628530496329220095" /* 2^112 - 1 */

static const struct eval_function functions[] = {
    {"amm-swap",
     "Amount received from a constant-product pool (Uniswap v2)",
     amm_swap,
     {{"amount_in", EVAL_INTEGER, NULL, "0", TOKEN_UINT112, NULL, "paid in, base units"},
      {"reserve_in", EVAL_INTEGER, NULL, "1", TOKEN_UINT112, NULL, "of the asset paid in"},
      {"reserve_out", EVAL_INTEGER, NULL, "1", TOKEN_UINT112, NULL, "of the asset received"},
      {"fee_bps", EVAL_INTEGER, "30", "0", "9999", NULL, "fee on the input, 1/10000"}},
     {{"amount_out", "received, rounded down"}}},
    {"concentration",
     "How unequally holdings are spread",
     concentration,
     {{"values", EVAL_REALS, NULL, "0", NULL, NULL, "one holding each"}},
     {{"gini", "0 equal, towards 1 one holder"},
      {"hhi", "sum of squared percentages, to 10000"},
      {"shannon", "entropy of the shares, bits"},
      {"theil", "Theil's T, nats"},
      {"nakamoto33", "fewest holders with at least 33 %"},
      {"nakamoto50", "with at least 50 %"},
      {"nakamoto66", "with at least 66 %"}}},
    {"loop-gain",
     "Gain of the loop node pay - capacity - volume - price - node pay (model assumption)",
     loop_gain,
     {{"stable_fee_share", EVAL_REAL, NULL, "0", "1", NULL, "of node pay fixed in a stable unit"},
      {"token_fee_share", EVAL_REAL, NULL, "0", "1", NULL, "of node pay fixed in tokens"},
      {"mint_share", EVAL_REAL, NULL, "0", "1", NULL,
       "of node pay that is minted; all three sum to 1"},
      {"capacity_elasticity", EVAL_REAL, NULL, "0", NULL, NULL, "of volume to capacity"},
      {"price_elasticity", EVAL_REAL, NULL, "0", NULL, NULL, "of price to volume"}},
     {{"gain", "by which a small shock returns"}, {"stable", "gain below 1"}}},
    {"supply-path",
     "Supply and price under a fixed mint, a burned share of fees and the quantity price",
     supply_path,
     {{"supply_opg", EVAL_REAL, NULL, ">0", NULL, NULL, "at the start"},
      {"staked_opg", EVAL_REAL, NULL, "0", NULL, NULL, "out of circulation, constant"},
      {"mint_opg_per_month", EVAL_REAL, NULL, "0", NULL, NULL, "new OPG"},
      {"burn_share", EVAL_REAL, NULL, "0", "1", NULL, "of fees"},
      {"velocity_per_month", EVAL_REAL, NULL, ">0", NULL, NULL,
       "times a circulating OPG pays for usage"},
      {"usage_usd_per_month", EVAL_REAL, NULL, "0", NULL, NULL, "paid for usage"},
      {"months", EVAL_REAL, NULL, "0", NULL, NULL, "time that passes"}},
     {{"supply_opg", "at the end"},
      {"price_usd", "at the end, usage / (velocity x circulating); null when none circulates"}}},
    {"vesting",
     "OPG unlocked so many whole months after the token generation event",
     vesting,
     {{"bucket", EVAL_NAME, NULL, NULL, NULL, bucket_names, "part of the supply"},
      {"month", EVAL_INTEGER, NULL, "0", "1200", NULL, "months since the event"}},
     {{"unlocked_opg", "in all, rounded down to 1e-18 OPG"}}},
};

const struct eval_table eval_token_table = {functions, sizeof functions / sizeof functions[0]};
