/* SPDX-License-Identifier: Apache-2.0
 * Token design `dual_cycle`: the claim, in its simplest form that can be run.
 *
 * First cycle: the inference fee goes to the GPU node.  Second cycle: settling its proof burns.
 * The fee moves into escrow when the answer is there.  When the proof is settled the burned share
 * leaves supply (rounded down) and the node gets all the rest; a rejected proof refunds the user; a
 * lost one leaves the fee in escrow for ever, unless the scenario says that it is refunded.  A
 * fixed amount per settled proof can be burned on top, out of the node's pocket.  Gas is paid in
 * OPG: the base fee burns, the tip goes to the proposer, as in EIP-1559.
 *
 * Nothing of this is in the code of OpenGradient (docs/sources.md OG): the shares are hypotheses,
 * 0 by default. */
#include "models/token/token.h"

static void answered(struct token *token, struct token_fee *fee, int64_t now_ns)
{
    (void)now_ns;
    uint32_t payer = token_user(token, fee->user);
    token->charged_opg += fee->amount;
    if (ledger_balance(token->ledger, LEDGER_OPG, payer) < fee->amount) {
        token->unpaid_opg += fee->amount;
        token->unpaid++;
        fee->state = TOKEN_FEE_UNPAID;
        return;
    }
    ledger_move(token->ledger, LEDGER_OPG, payer, token->at.escrow, fee->amount, LEDGER_FEE_ESCROW);
    fee->state = TOKEN_FEE_HELD;
}

/* Fees go one by one; no session is ever opened. */
static void session(struct token *token, uint32_t user, uint32_t node, money_t spent)
{
    (void)spent;
    ledger_breach(token->ledger, "dual_cycle has no sessions: user %u, node %u", user, node);
}

/* What the node owes per proof, as far as it has it. */
static void burn_proof(struct token *token, uint32_t node)
{
    uint32_t operator= token_operator(token, node);
    money_t has = ledger_balance(token->ledger, LEDGER_OPG, operator);
    money_t due = token->params->burn_per_proof;
    money_t burned = due < has ? due : has;
    ledger_burn(token->ledger, LEDGER_OPG, operator, burned, LEDGER_PROOF_BURN);
    token->node_income[node] -= burned;
    token->to_sell[node] -= burned < token->to_sell[node] ? burned : token->to_sell[node];
}

static void settled(struct token *token, struct token_fee *fee)
{
    if (fee->state == TOKEN_FEE_HELD) {
        money_t burned = ledger_share(fee->amount, token->params->burn_share);
        ledger_burn(token->ledger, LEDGER_OPG, token->at.escrow, burned, LEDGER_SETTLEMENT_BURN);
        ledger_move(token->ledger, LEDGER_OPG, token->at.escrow, token_operator(token, fee->node),
                    fee->amount - burned, LEDGER_FEE_TO_NODE);
        token_income(token, fee->node, fee->amount - burned);
        token->burned_opg += burned;
        fee->state = TOKEN_FEE_PAID;
    }
    burn_proof(token, fee->node);
}

static void refund(struct token *token, struct token_fee *fee)
{
    if (fee->state != TOKEN_FEE_HELD) return;
    ledger_move(token->ledger, LEDGER_OPG, token->at.escrow, token_user(token, fee->user),
                fee->amount, LEDGER_FEE_REFUND);
    token->refunded_opg += fee->amount;
    fee->state = TOKEN_FEE_REFUNDED;
}

static void lost(struct token *token, struct token_fee *fee)
{
    if (token->params->lost_fee == TOKEN_LOST_REFUND) {
        refund(token, fee);
    } else if (fee->state == TOKEN_FEE_HELD) {
        token->stranded_opg += fee->amount;
        fee->state = TOKEN_FEE_STRANDED;
    }
}

static void gas(struct token *token, uint32_t payer, uint32_t proposer, money_t base, money_t tip)
{
    ledger_burn(token->ledger, LEDGER_OPG, payer, base, LEDGER_GAS_BURN);
    ledger_move(token->ledger, LEDGER_OPG, payer, token_validator(token, proposer), tip,
                LEDGER_GAS_TIP);
}

static bool bad(const struct token_params *params, struct token_problem *problem)
{
    (void)params;
    (void)problem;
    return false;
}

const struct token_design token_dual_cycle = {
    .name = "dual_cycle",
    .gas_asset = LEDGER_OPG,
    .answered = answered,
    .session = session,
    .settled = settled,
    .rejected = refund,
    .lost = lost,
    .gas = gas,
    .bad = bad,
};
