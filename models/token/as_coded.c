/* SPDX-License-Identifier: Apache-2.0
 * Token design `as_coded`: OpenGradient as its code stood in mid 2026.
 *
 * Sources: tee-gateway definitions.py and __main__.py (sessions, 100% to the operator's pay_to
 * address), og-evm x/vm/keeper/fees.go (gas to the fee collector, never burned).
 *
 * Fees go through payment sessions on Base and never learn what became of the proof: a rejected or
 * lost one changes nothing.  Gas is the native coin of the OpenGradient chain, not OPG.  Nothing
 * is burned.  Left out: how x/distribution hands the collector's coins on. */
#include "models/token/token.h"

static void answered(struct token *token, struct token_fee *fee, int64_t now_ns)
{
    /* First the counters: a session that this very charge fills up settles inside the call. */
    token->charged_opg += fee->amount;
    if (payment_charge(token->payment, fee->user, fee->node, fee->amount, now_ns)) {
        fee->state = TOKEN_FEE_SESSION;
    } else {
        token->charged_opg -= fee->amount;
        fee->state = TOKEN_FEE_UNCHARGED;
    }
}

/* One transfer per session; it reverts as a whole when the wallet is short. */
static void session(struct token *token, uint32_t user, uint32_t node, money_t spent)
{
    uint32_t payer = token_user(token, user);
    if (ledger_balance(token->ledger, LEDGER_OPG, payer) < spent) {
        token->unpaid_opg += spent;
        token->unpaid++;
        return;
    }
    ledger_move(token->ledger, LEDGER_OPG, payer, token_operator(token, node), spent,
                LEDGER_SESSION_PAYMENT);
    token_income(token, node, spent);
}

static void unmoved(struct token *token, struct token_fee *fee)
{
    (void)token;
    (void)fee;
}

static void gas(struct token *token, uint32_t payer, uint32_t proposer, money_t base, money_t tip)
{
    (void)proposer;
    ledger_move(token->ledger, LEDGER_GAS, payer, token->at.collector, base + tip,
                LEDGER_GAS_TO_COLLECTOR);
}

static bool bad(const struct token_params *params, struct token_problem *problem)
{
    bool share = params->burn_share > 0, proof = params->burn_per_proof > 0;
    if (!share && !proof) return false;
    problem->key = share ? "burn_share" : "burn_per_proof";
    snprintf(problem->text, sizeof problem->text,
             "must be 0 under token.design as_coded: the code burns nothing (dual_cycle does); "
             "set %s%s%s as well",
             share ? "token.burn_share=0%" : "", share && proof ? " and " : "",
             proof ? "token.burn_per_proof=0" : "");
    return true;
}

const struct token_design token_as_coded = {
    .name = "as_coded",
    .gas_asset = LEDGER_GAS,
    .answered = answered,
    .session = session,
    .settled = unmoved,
    .rejected = unmoved,
    .lost = unmoved,
    .gas = gas,
    .bad = bad,
};
