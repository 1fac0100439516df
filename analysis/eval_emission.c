/* SPDX-License-Identifier: Apache-2.0
 * Emission schedules of live networks, as published or as coded.
 *
 *     helium            HIP-20: 60 M HNT a year, halved every two years
 *     filecoin_simple   specs-actors reward_logic.go: 330 M FIL, half-life 6 years, Q.128 integers
 *     gonka             bitcoin_rewards.go: 285,000 coins of 1e9 units x exp(-0.000475 epoch)
 *     bittensor         subtensor block_emission.rs: halves by issuance, not by time
 *     render            RNP-006 and RNP-018: only the two years that were voted in full numbers */
#include "analysis/eval.h"

#include <math.h>

#include "analysis/wide.h"

static bool helium(struct eval_call *call, money_t year)
{
    money_t first = 60000000 * MONEY_ATTO;
    call->out[0] = eval_exact(first >> ((year - 1) / 2), 18);
    return true;
}

/* ---- Filecoin ------------------------------------------------------------------------------ */

/* Rational approximation of e^-x on [0, 5), coefficients of falling power, Q.128. */
static const char *const expneg_numerator[] = {
    "-648770010757830093818553637600",
    "67469480939593786226847644286976",
    "-3197587544499098424029388939001856",
    "89244641121992890118377641805348864",
    "-1579656163641440567800982336819953664",
    "17685496037279256458459817590917169152",
    "-115682590513835356866803355398940131328",
    "340282366920938463463374607431768211456",
    NULL,
};
static const char *const expneg_denominator[] = {
    "1225524182432722209606361",
    "114095592300906098243859450",
    "5665570424063336070530214243",
    "194450132448609991765137938448",
    "5068267641632683791026134915072",
    "104716890604972796896895427629056",
    "1748338658439454459487681798864896",
    "23704654329841312470660182937960448",
    "259380097567996910282699886670381056",
    "2250336698853390384720606936038375424",
    "14978272436876548034486263159246028800",
    "72144088983913131323343765784380833792",
    "224599776407103106596571252037123047424",
    "340282366920938463463374607431768211456",
    NULL,
};
enum { Q128 = 2 }; /* limbs of 64 bits */

static struct wide horner(const char *const *coefficients, struct wide x)
{
    struct wide sum = wide_text(coefficients[0]);
    for (int i = 1; coefficients[i]; i++)
        sum = wide_add(wide_shift_right(wide_multiply(sum, x), Q128), wide_text(coefficients[i]));
    return sum;
}

static struct wide expneg(struct wide x)
{
    return wide_divide(wide_shift_left(horner(expneg_numerator, x), Q128),
                       horner(expneg_denominator, x));
}

/* lambda = ln 2 / (6 x 1,051,200 epochs of 30 s) and e^lambda - 1, Q.128. */
static bool filecoin(struct eval_call *call, money_t epoch)
{
    struct wide lambda = wide_text("37396271439864487274534522888786");
    struct wide minted = wide_text("37396273494747879394193016954629");
    struct wide reward = wide_multiply(wide_text("330000000000000000000000000"), minted);
    struct wide age = wide_multiply(wide_integer((int64_t)epoch), lambda);
    reward = wide_shift_right(wide_multiply(reward, expneg(age)), Q128);
    call->out[0] = eval_exact(wide_money(wide_shift_right(reward, Q128)), 0);
    return true;
}

/* ---- the others ---------------------------------------------------------------------------- */

/* 64 bits of mantissa for a result below 2^49: the error is some 1e-5 unit before rounding down. */
static bool gonka(struct eval_call *call, money_t epoch)
{
    long double coins = 285e12L * expl(-0.000475L * (long double)epoch);
    call->out[0] = eval_exact((int64_t)floorl(coins), 0);
    return true;
}

/* One TAO (1e9 rao) a block, halved h times: h is the largest with 2^h <= 1 / (1 - issued / 21 M),
 * that is (21 M - issued) 2^h <= 21 M. */
static bool bittensor(struct eval_call *call, money_t rao)
{
    money_t supply = (money_t)21000000 * 1000000000, left = supply - rao;
    money_t emission = left > 0 ? 1000000000 : 0;
    while (emission > 0 && 2 * left <= supply) {
        left *= 2;
        emission /= 2;
    }
    call->out[0] = eval_exact(emission, 9);
    return true;
}

static bool render(struct eval_call *call, money_t year)
{
    call->out[0] = eval_exact(year == 1 ? 9126804 : 5905580, 0);
    return true;
}

static const char *const schedule_names[] = {"helium",    "filecoin_simple", "gonka",
                                             "bittensor", "render",          NULL};
static const struct schedule {
    bool (*run)(struct eval_call *call, money_t at);
    int64_t min, max;
    int decimals; /* of `at` */
    const char *unit;
} schedules[] = {
    {helium, 1, 50, 0, "year"},
    {filecoin, 0, 45000000, 0, "epoch"}, /* beyond, the approximation of e^-x ends */
    {gonka, 0, 1000000, 0, "epoch"},
    {bittensor, 0, INT64_MAX, 9, "TAO issued"},
    {render, 1, 2, 0, "year"},
};

static bool emission(struct eval_call *call)
{
    const struct schedule *schedule = &schedules[call->in[0].choice];
    money_t unit = MONEY_ATTO;
    for (int i = 0; i < schedule->decimals; i++)
        unit /= 10;
    money_t at = call->in[1].amount / unit;
    if (at * unit != call->in[1].amount)
        return eval_refuse(call, "at", "the %s of %s has at most %d decimal places", schedule->unit,
                           call->in[0].text, schedule->decimals);
    money_t whole = MONEY_ATTO / unit;
    if (at < schedule->min * whole || at / whole > schedule->max)
        return eval_refuse(call, "at", "is out of range for %s (allowed: %s %lld to %lld)",
                           call->in[0].text, schedule->unit, (long long)schedule->min,
                           (long long)schedule->max);
    return schedule->run(call, at);
}

static const struct eval_function functions[] = {
    {"emission",
     "What a network's schedule emits at a point",
     emission,
     {{"schedule", EVAL_NAME, NULL, NULL, NULL, schedule_names, "of which network"},
      {"at", EVAL_DECIMAL, NULL, "0", NULL, NULL,
       "helium, render: year from 1; filecoin_simple, gonka: epoch; bittensor: TAO issued"}},
     {{"emission",
       "HNT or RENDER in that year, attoFIL an epoch, gonka base units an epoch, TAO a block"}}},
};

const struct eval_table eval_emission_table = {functions, sizeof functions / sizeof functions[0]};
