/* SPDX-License-Identifier: Apache-2.0
 * Token designs: the table of plugs, the genesis of OPG, emission, the market tick, the check.
 *
 * To add a design: a file with its struct token_design, a kind, and a line in the tables below. */
#include "models/token/token.h"

#include <assert.h>

#define NS_PER_MONTH 2629800000000000LL /* a twelfth of 365.25 days */

static const struct token_design *const designs[TOKEN_KINDS] = {
    [TOKEN_AS_CODED] = &token_as_coded,
    [TOKEN_DUAL_CYCLE] = &token_dual_cycle,
};

static const char *const design_names[] = {"as_coded", "dual_cycle", NULL};
static const char *const lost_fee_names[] = {"hold", "refund", NULL};

static const struct param emission_rows[] = {
    PARAM(token_emission_params, amount, PARAM_OPG, "100000000 OPG", "0 OPG", "1000000000 OPG",
          "OPG released from the staking bucket to validators over the whole period",
          "10% of supply, white paper as quoted (docs/sources.md OG)"),
    PARAM(token_emission_params, period, PARAM_DURATION, "2922 d", "1 d", "100 y",
          "time over which it is released, linear, from the token generation event",
          "96 months, i.e. 0.396 OPG/s (docs/sources.md OG)"),
};
static const struct param_table emission_table =
    PARAM_TABLE("token_emission", token_emission_params, emission_rows);

static const struct param rows[] = {
    {.key = "design",
     .type = PARAM_ENUM,
     .offset = offsetof(struct token_params, design),
     .def = "as_coded",
     .names = design_names,
     .meaning = "who gets fees and gas, and what is burned: as_coded, the code of mid 2026; "
                "dual_cycle, fees wait in escrow for their proof and settlement burns",
     .source = "og-evm and tee-gateway code (docs/sources.md OG)"},
    PARAM(token_params, burn_share, PARAM_RATIO, "0%", "0%", "100%",
          "share of a fee that burns when its proof is settled (dual_cycle only)",
          "0 in code; the claimed burn has no number (docs/sources.md OG): sweep"),
    PARAM(token_params, burn_per_proof, PARAM_OPG, "0 OPG", "0 OPG", "1000000 OPG",
          "OPG that the node burns per settled proof on top, as far as it has them (dual_cycle)",
          "free parameter, default 0 (docs/sources.md OG)"),
    {.key = "lost_fee",
     .type = PARAM_ENUM,
     .offset = offsetof(struct token_params, lost_fee),
     .def = "hold",
     .names = lost_fee_names,
     .meaning = "fee of an answer whose proof is lost or expired (dual_cycle): hold it in escrow "
                "for ever, or refund it to the user",
     .source = "assumption: nobody has said"},
    PARAM(token_params, supply, PARAM_OPG, "1000000000 OPG", "1000 OPG", "1000000000000 OPG",
          "fixed supply of OPG", "ERC-20 on Base, MiCA white paper (docs/sources.md OG)"),
    PARAM(token_params, age, PARAM_DURATION, "0", "0", "100 y",
          "time since the token generation event at the start of the run; vesting and emission "
          "count from there",
          "assumption: the run starts at the event, float 190 M"),
    PARAM(token_params, operator_balance, PARAM_OPG, "100 OPG", "0 OPG", "1000000 OPG",
          "working capital of each node operator at the start", "assumption"),
    PARAM(token_params, relayer_balance, PARAM_OPG, "10000 OPG", "0 OPG", "100000000 OPG",
          "what the relayer holds for gas at the start: OPG under dual_cycle (bought back up to at "
          "every market tick), the chain's own coin under as_coded",
          "assumption: gas shall not be what stops settlement"),
    PARAM_SUB(token_params, emission, PARAM_GROUP, emission_table, "{}",
              "release of the staking bucket", "docs/sources.md OG"),
    PARAM_SUB(token_params, price, PARAM_GROUP, price_table, "{}", "what the price of OPG hangs on",
              "docs/sources.md EC"),
};
const struct param_table token_table = PARAM_TABLE("token", token_params, rows);

/* ---- supply, buckets and float ------------------------------------------------------------- */

/* Posts quoting the white paper (docs/sources.md OG); together 190 M OPG at the start, as reported,
 * and 9.1 M a month in the first year. */
const struct token_vesting token_vesting[TOKEN_BUCKETS] = {
    [TOKEN_ECOSYSTEM] = {"ecosystem bucket", 40, 1, 10, 0, 60},
    [TOKEN_FOUNDATION] = {"foundation bucket", 15, 1, 3, 0, 48},
    [TOKEN_CORE] = {"core contributors bucket", 15, 0, 1, 12, 36},
    [TOKEN_INVESTORS] = {"investors bucket", 10, 0, 1, 12, 36},
    [TOKEN_STAKING] = {"staking reward pool", 10, 0, 1, 0, 0},
    [TOKEN_LIQUIDITY] = {"liquidity bucket", 6, 1, 1, 0, 0},
    [TOKEN_AIRDROP] = {"airdrop bucket", 4, 1, 1, 0, 0},
};

/* A supply that does not divide by 100 leaves its remainder with the ecosystem. */
static money_t bucket_size(const struct token_params *params, enum token_bucket bucket)
{
    if (bucket != TOKEN_ECOSYSTEM)
        return params->supply * token_vesting[bucket].share_percent / 100;
    money_t rest = params->supply;
    for (int b = 0; b < TOKEN_BUCKETS; b++) {
        if (b != TOKEN_ECOSYSTEM) rest -= bucket_size(params, (enum token_bucket)b);
    }
    return rest;
}

static money_t linear(money_t amount, int64_t elapsed_ns, int64_t period_ns)
{
    if (elapsed_ns >= period_ns) return amount;
    return money_muldiv(amount, elapsed_ns, period_ns, MONEY_FLOOR, NULL);
}

money_t token_emitted(const struct token_params *params, int64_t age_ns)
{
    return linear(params->emission.amount, age_ns, params->emission.period);
}

money_t token_unlocked(const struct token_params *params, enum token_bucket bucket, int64_t age_ns)
{
    const struct token_vesting *v = &token_vesting[bucket];
    assert(age_ns >= 0);
    if (bucket == TOKEN_STAKING) return token_emitted(params, age_ns);
    money_t size = bucket_size(params, bucket);
    money_t start = size * v->start_num / v->start_den;
    int64_t elapsed_ns = age_ns - v->cliff_months * NS_PER_MONTH;
    if (elapsed_ns < 0) return start;
    return start + linear(size - start, elapsed_ns, v->linear_months * NS_PER_MONTH);
}

money_t token_float(const struct token_params *params)
{
    money_t sum = 0;
    for (int b = 0; b < TOKEN_BUCKETS; b++) {
        sum += token_unlocked(params, (enum token_bucket)b, params->age);
    }
    return sum;
}

/* ---- cross checks -------------------------------------------------------------------------- */

static bool problem_more(struct token_problem *problem, const char *key, money_t wanted,
                         const char *than, money_t there)
{
    char a[MONEY_TEXT], b[MONEY_TEXT];
    problem->key = key;
    snprintf(problem->text, sizeof problem->text, "%s OPG is more than %s, %s OPG",
             money_print(a, wanted, 18), than, money_print(b, there, 18));
    return true;
}

bool token_params_bad(const struct token_params *params, struct token_problem *problem)
{
    money_t pool = bucket_size(params, TOKEN_STAKING), free_opg = token_float(params);
    if (designs[params->design]->bad(params, problem)) return true;
    if (params->emission.amount > pool) {
        return problem_more(problem, "emission.amount", params->emission.amount,
                            "the staking bucket (10% of the supply)", pool);
    }
    if (price_has_pool(&params->price) && params->price.amm.reserve >= free_opg) {
        return problem_more(problem, "price.amm.reserve", params->price.amm.reserve,
                            "can come out of the float", free_opg);
    }
    return false;
}

static money_t sum_of(const money_t *amounts, uint32_t count)
{
    money_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum += amounts[i];
    }
    return sum;
}

static money_t relayer_opg(const struct token_params *params)
{
    return designs[params->design]->gas_asset == LEDGER_OPG ? params->relayer_balance : 0;
}

bool token_setup_bad(const struct token_params *params, const struct token_setup *setup,
                     struct token_problem *problem)
{
    money_t stakes =
        sum_of(setup->node_stake, setup->nodes) + sum_of(setup->validator_stake, setup->validators);
    money_t wallets = setup->wallet * setup->users + params->operator_balance * setup->nodes +
                      relayer_opg(params) + setup->insurance;
    money_t pool = price_has_pool(&params->price) ? params->price.amm.reserve : 0;
    money_t there = token_float(params);
    if (stakes + wallets + pool <= there) return false;
    char a[MONEY_TEXT], b[MONEY_TEXT], c[MONEY_TEXT], d[MONEY_TEXT];
    problem->key = "";
    snprintf(problem->text, sizeof problem->text,
             "stakes %s + wallets and funds %s + pool %s OPG are more than the float, %s OPG",
             money_print(a, stakes, 18), money_print(b, wallets, 18), money_print(c, pool, 18),
             money_print(d, there, 18));
    return true;
}

/* ---- genesis ------------------------------------------------------------------------------- */

static void open_accounts(struct token *token, const struct staking *staking)
{
    struct ledger *l = token->ledger;
    struct token_accounts *at = &token->at;
    const struct token_setup *s = &token->setup;
    at->buckets = l->count;
    for (int b = 0; b < TOKEN_BUCKETS; b++) {
        ledger_open(l, LEDGER_LOCKED, token_vesting[b].name, LEDGER_NOBODY);
    }
    at->market = ledger_open(l, LEDGER_HELD, "other holders", LEDGER_NOBODY);
    at->pool = price_has_pool(&token->params->price)
                   ? ledger_open(l, LEDGER_POOL, "market pool", LEDGER_NOBODY)
                   : at->market;
    at->escrow = ledger_open(l, LEDGER_POOL, "fee escrow", LEDGER_NOBODY);
    at->collector = ledger_open(l, LEDGER_POOL, "fee collector", LEDGER_NOBODY);
    at->relayer = ledger_open(l, LEDGER_HELD, "relayer", LEDGER_NOBODY);
    at->insurance = staking->fund_account;
    at->operators = ledger_open_many(l, LEDGER_HELD, "operator", s->nodes);
    at->node_stakes = ledger_open_many(l, LEDGER_STAKED, "stake of node", s->nodes);
    at->validators = ledger_open_many(l, LEDGER_HELD, "validator", s->validators);
    at->validator_stakes = ledger_open_many(l, LEDGER_STAKED, "stake of validator", s->validators);
    at->users = ledger_open_many(l, LEDGER_HELD, "user", s->users);
}

static bool create_supply(struct token *token)
{
    struct ledger *l = token->ledger;
    bool ok = true;
    l->cap[LEDGER_OPG] = token->params->supply;
    for (int b = 0; b < TOKEN_BUCKETS; b++) {
        enum token_bucket bucket = (enum token_bucket)b;
        money_t size = bucket_size(token->params, bucket);
        money_t out = token_unlocked(token->params, bucket, token->params->age);
        token->unlocked[b] = out;
        ok = ok && ledger_genesis(l, LEDGER_OPG, token->at.market, out) &&
             ledger_genesis(l, LEDGER_OPG, token->at.buckets + (uint32_t)b, size - out);
    }
    token->emitted = token->unlocked[TOKEN_STAKING];
    return ok;
}

static bool endow(struct token *token, uint32_t account, money_t amount, enum ledger_reason reason)
{
    return ledger_move(token->ledger, LEDGER_OPG, token->at.market, account, amount, reason);
}

static bool endow_stakers(struct token *token, struct staking *staking)
{
    const struct token_setup *s = &token->setup;
    const struct token_accounts *at = &token->at;
    bool ok = true;
    for (uint32_t i = 0; i < s->nodes; i++) {
        ok = ok && endow(token, at->node_stakes + i, s->node_stake[i], LEDGER_STAKE) &&
             endow(token, at->operators + i, token->params->operator_balance, LEDGER_ENDOW);
        staking_add(staking, at->node_stakes + i, at->operators + i);
    }
    for (uint32_t i = 0; i < s->validators; i++) {
        ok = ok && endow(token, at->validator_stakes + i, s->validator_stake[i], LEDGER_STAKE);
        staking_add(staking, at->validator_stakes + i, at->validators + i);
    }
    return ok;
}

static bool endow_rest(struct token *token)
{
    const struct token_setup *s = &token->setup;
    const struct token_accounts *at = &token->at;
    bool ok = endow(token, at->insurance, s->insurance, LEDGER_ENDOW) &&
              endow(token, at->relayer, relayer_opg(token->params), LEDGER_ENDOW);
    if (token->design->gas_asset == LEDGER_GAS) {
        ok = ok &&
             ledger_genesis(token->ledger, LEDGER_GAS, at->relayer, token->params->relayer_balance);
    }
    for (uint32_t i = 0; i < s->users; i++) {
        ok = ok && endow(token, at->users + i, s->wallet, LEDGER_ENDOW);
    }
    if (price_has_pool(&token->params->price)) {
        ok = ok && endow(token, at->pool, token->params->price.amm.reserve, LEDGER_ENDOW);
    }
    return ok;
}

static void session_settled(void *context, uint32_t user, uint32_t node, money_t spent)
{
    struct token *token = context;
    token->design->session(token, user, node, spent);
}

bool token_open(struct token *token, struct arena *arena, const struct token_params *params,
                const struct token_setup *setup, struct ledger *ledger, struct payment *payment,
                struct staking *staking, struct price *price)
{
    assert(staking->count == 0);
    *token = (struct token){
        .design = designs[params->design],
        .params = params,
        .ledger = ledger,
        .payment = payment,
        .price = price,
        .setup = *setup,
        .to_sell = arena_alloc(arena, (size_t)setup->nodes + setup->validators, sizeof(money_t)),
        .node_income =
            arena_alloc(arena, (size_t)setup->nodes + setup->validators, sizeof(money_t)),
    };
    open_accounts(token, staking);
    payment_on_settle(payment, session_settled, token);
    return create_supply(token) && endow_stakers(token, staking) && endow_rest(token) &&
           price_open(price, &params->price, ledger, token->at.pool, setup->seed,
                      setup->replication);
}

uint32_t token_user(const struct token *token, uint32_t user)
{
    assert(user < token->setup.users);
    return token->at.users + user;
}

uint32_t token_operator(const struct token *token, uint32_t node)
{
    uint32_t nodes = token->setup.nodes;
    return node < nodes ? token->at.operators + node : token_validator(token, node - nodes);
}

uint32_t token_validator(const struct token *token, uint32_t validator)
{
    assert(validator < token->setup.validators);
    return token->at.validators + validator;
}

/* ---- fees and gas -------------------------------------------------------------------------- */

void token_income(struct token *token, uint32_t node, money_t amount)
{
    token->to_nodes_opg += amount;
    token->node_income[node] += amount;
    token->to_sell[node] += amount;
}

void token_answered(struct token *token, struct token_fee *fee, uint32_t user, uint32_t node,
                    money_t amount, int64_t now_ns)
{
    if (fee->state != TOKEN_FEE_NONE) {
        ledger_breach(token->ledger, "fee of user %u at node %u charged twice", user, node);
        return;
    }
    *fee = (struct token_fee){.amount = amount, .user = user, .node = node};
    token->design->answered(token, fee, now_ns);
}

/* The end of a fee comes once. */
static bool close_fee(struct token *token, struct token_fee *fee)
{
    if (fee->state == TOKEN_FEE_NONE || fee->closed) {
        ledger_breach(token->ledger, "fee of user %u at node %u closed %s", fee->user, fee->node,
                      fee->closed ? "twice" : "before its answer");
        return false;
    }
    fee->closed = true;
    return true;
}

void token_settled(struct token *token, struct token_fee *fee)
{
    if (close_fee(token, fee)) token->design->settled(token, fee);
}

void token_rejected(struct token *token, struct token_fee *fee)
{
    if (close_fee(token, fee)) token->design->rejected(token, fee);
}

void token_lost(struct token *token, struct token_fee *fee)
{
    if (close_fee(token, fee)) token->design->lost(token, fee);
}

bool token_gas(struct token *token, uint32_t payer, uint32_t proposer, money_t base, money_t tip)
{
    if (ledger_balance(token->ledger, token->design->gas_asset, payer) < base + tip) {
        token->gas_refused++;
        return false;
    }
    token->design->gas(token, payer, proposer, base, tip);
    token->gas_paid += base + tip;
    return true;
}

/* ---- emission ------------------------------------------------------------------------------ */

/* Shares are rounded down; what that leaves over goes to the first validator. */
void token_block(struct token *token, const int64_t *power, int64_t now_ns)
{
    uint32_t pool = token->at.buckets + TOKEN_STAKING, n = token->setup.validators;
    money_t due = token_emitted(token->params, token->params->age + now_ns) - token->emitted;
    money_t all = 0, left = due;
    for (uint32_t i = 0; i < n; i++) {
        all += power[i];
    }
    if (all == 0 || due == 0) return;
    for (uint32_t i = 0; i < n; i++) {
        money_t part = money_muldiv(due, power[i], all, MONEY_FLOOR, NULL);
        ledger_move(token->ledger, LEDGER_OPG, pool, token_validator(token, i), part,
                    LEDGER_EMISSION);
        left -= part;
    }
    ledger_move(token->ledger, LEDGER_OPG, pool, token_validator(token, 0), left, LEDGER_EMISSION);
    token->emitted += due;
}

/* ---- market -------------------------------------------------------------------------------- */

static void unlock(struct token *token, int64_t now_ns)
{
    for (int b = 0; b < TOKEN_BUCKETS; b++) {
        if (b == TOKEN_STAKING) continue; /* leaves by emission */
        money_t out =
            token_unlocked(token->params, (enum token_bucket)b, token->params->age + now_ns);
        ledger_move(token->ledger, LEDGER_OPG, token->at.buckets + (uint32_t)b, token->at.market,
                    out - token->unlocked[b], LEDGER_UNLOCK);
        token->unlocked[b] = out;
    }
}

static void buy_back(struct token *token, uint32_t account, money_t target)
{
    money_t has = ledger_balance(token->ledger, LEDGER_OPG, account);
    if (has < target) price_buy(token->price, account, target - has);
}

static void sell_income(struct token *token, uint32_t node)
{
    uint32_t account = token_operator(token, node);
    money_t has = ledger_balance(token->ledger, LEDGER_OPG, account);
    money_t opg = ledger_share(token->to_sell[node], token->params->price.sell_share);
    if (opg > has) opg = has;
    if (opg > 0 && price_sell(token->price, account, opg) > 0) token->to_sell[node] = 0;
}

void token_market(struct token *token, int64_t now_ns)
{
    price_step(token->price, now_ns);
    unlock(token, now_ns);
    for (uint32_t u = 0; u < token->setup.users; u++) {
        buy_back(token, token_user(token, u), token->setup.wallet);
    }
    buy_back(token, token->at.relayer, relayer_opg(token->params));
    for (uint32_t i = 0; i < token->setup.nodes + token->setup.validators; i++) {
        sell_income(token, i);
    }
}

/* ---- the check, and supply ----------------------------------------------------------------- */

static bool same(const struct token *token, const char *what, money_t counted, money_t moved)
{
    char a[MONEY_TEXT], b[MONEY_TEXT];
    if (counted == moved) return true;
    ledger_breach(token->ledger, "fees: %s is %s OPG, the ledger says %s OPG", what,
                  money_print(a, counted, 18), money_print(b, moved, 18));
    return false;
}

bool token_check(const struct token *token)
{
    const money_t *moved = token->ledger->total[LEDGER_OPG];
    money_t escrow = ledger_balance(token->ledger, LEDGER_OPG, token->at.escrow);
    money_t accounted = token->to_nodes_opg + token->burned_opg + token->refunded_opg +
                        token->unpaid_opg + token->payment->dropped_opg +
                        token->payment->accrued_opg + escrow;
    return same(token, "paid to nodes", token->to_nodes_opg,
                moved[LEDGER_SESSION_PAYMENT] + moved[LEDGER_FEE_TO_NODE]) &&
           same(token, "burned", token->burned_opg, moved[LEDGER_SETTLEMENT_BURN]) &&
           same(token, "refunded", token->refunded_opg, moved[LEDGER_FEE_REFUND]) &&
           same(token, "escrow in less out",
                moved[LEDGER_FEE_ESCROW] - moved[LEDGER_FEE_TO_NODE] -
                    moved[LEDGER_SETTLEMENT_BURN] - moved[LEDGER_FEE_REFUND],
                escrow) &&
           same(token, "charged", token->charged_opg, accounted);
}

struct token_supply token_supply(const struct token *token)
{
    const struct ledger *l = token->ledger;
    struct token_supply s = {
        .total = ledger_total(l, LEDGER_OPG),
        .staked = ledger_class_total(l, LEDGER_OPG, LEDGER_STAKED),
        .locked = ledger_class_total(l, LEDGER_OPG, LEDGER_LOCKED),
        .burned = l->burned[LEDGER_OPG],
        .minted = l->minted[LEDGER_OPG],
    };
    s.circulating = s.total - s.staked - s.locked;
    return s;
}

/* ---- checkpoints --------------------------------------------------------------------------- */

void token_fee_snap(struct token_fee *fee, struct snap *snap, uint32_t users, uint32_t payees)
{
    SNAP_COVERS(struct token_fee, 32);
    snap_money(snap, &fee->amount);
    snap_below(snap, &fee->user, users);
    snap_below(snap, &fee->node, payees);
    snap_below_u8(snap, &fee->state, TOKEN_FEE_STRANDED + 1);
    snap_flag(snap, &fee->closed);
}

void token_snap(struct token *token, struct snap *snap)
{
    SNAP_COVERS(struct token, 448);
    uint32_t payees = token->setup.nodes + token->setup.validators;
    snap_begin(snap, "token");
    snap_same(snap, token->setup.users, "users");
    snap_same(snap, payees, "payees");
    snap_moneys(snap, token->unlocked, TOKEN_BUCKETS);
    snap_money(snap, &token->emitted);
    snap_moneys(snap, token->to_sell, payees);
    snap_moneys(snap, token->node_income, payees);
    money_t *const sums[] = {&token->charged_opg,  &token->to_nodes_opg, &token->burned_opg,
                             &token->refunded_opg, &token->unpaid_opg,   &token->stranded_opg,
                             &token->gas_paid};
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++)
        snap_money(snap, sums[i]);
    snap_u64(snap, &token->unpaid);
    snap_u64(snap, &token->gas_refused);
    snap_end(snap);
}
