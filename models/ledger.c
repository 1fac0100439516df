/* SPDX-License-Identifier: Apache-2.0
 * The ledger: see ledger.h for the model.
 *
 * Balances lie in one array per asset, so that the check after each block is a sum over
 * contiguous memory: about a nanosecond an account. */
#include "models/ledger.h"

#include <assert.h>

static const struct {
    const char *name;
    int decimals;
} assets[LEDGER_ASSETS] = {
    [LEDGER_OPG] = {"OPG", 18},
    [LEDGER_GAS] = {"GAS", 18},
    [LEDGER_USD] = {"USD", 9},
};

static const char *const reasons[LEDGER_REASONS] = {
    [LEDGER_GENESIS] = "genesis",
    [LEDGER_ENDOW] = "endow",
    [LEDGER_SESSION_PAYMENT] = "session_payment",
    [LEDGER_FEE_ESCROW] = "fee_escrow",
    [LEDGER_FEE_TO_NODE] = "fee_to_node",
    [LEDGER_FEE_REFUND] = "fee_refund",
    [LEDGER_SETTLEMENT_BURN] = "settlement_burn",
    [LEDGER_PROOF_BURN] = "proof_burn",
    [LEDGER_GAS_BURN] = "gas_burn",
    [LEDGER_GAS_TIP] = "gas_tip",
    [LEDGER_GAS_TO_COLLECTOR] = "gas_to_collector",
    [LEDGER_EMISSION] = "emission",
    [LEDGER_UNLOCK] = "unlock",
    [LEDGER_STAKE] = "stake",
    [LEDGER_UNBOND] = "unbond",
    [LEDGER_UNSTAKE] = "unstake",
    [LEDGER_SLASH_RECALL] = "slash_recall",
    [LEDGER_SLASH_BURN] = "slash_burn",
    [LEDGER_SLASH_TO_VICTIM] = "slash_to_victim",
    [LEDGER_SLASH_TO_FUND] = "slash_to_fund",
    [LEDGER_COMPENSATION] = "compensation",
    [LEDGER_MARKET_BUY] = "market_buy",
    [LEDGER_MARKET_SELL] = "market_sell",
    [LEDGER_USD_IN] = "usd_in",
    [LEDGER_USD_OUT] = "usd_out",
    [LEDGER_RENT] = "rent",
};

const char *ledger_asset_name(enum ledger_asset asset)
{
    return assets[asset].name;
}

const char *ledger_reason_name(enum ledger_reason reason)
{
    return reasons[reason];
}

int ledger_decimals(enum ledger_asset asset)
{
    return assets[asset].decimals;
}

void ledger_init(struct ledger *ledger, struct arena *arena)
{
    *ledger = (struct ledger){.arena = arena};
    for (int a = 0; a < LEDGER_ASSETS; a++)
        ledger->cap[a] = MONEY_MAX;
}

/* ---- accounts ------------------------------------------------------------------------------ */

static void grow(struct ledger *ledger, uint32_t needed)
{
    uint32_t old = ledger->capacity, capacity = old ? old : 64;
    while (capacity < needed)
        capacity *= 2;
    if (capacity == old) return;
    ledger->accounts =
        arena_grow(ledger->arena, ledger->accounts, old, capacity, sizeof(struct ledger_account));
    for (int a = 0; a < LEDGER_ASSETS; a++) {
        ledger->balance[a] =
            arena_grow(ledger->arena, ledger->balance[a], old, capacity, sizeof(money_t));
    }
    ledger->capacity = capacity;
}

uint32_t ledger_open(struct ledger *ledger, enum ledger_class class, const char *name,
                     int64_t index)
{
    grow(ledger, ledger->count + 1);
    ledger->accounts[ledger->count] =
        (struct ledger_account){.name = name, .index = index, .class = class};
    return ledger->count++;
}

uint32_t ledger_open_many(struct ledger *ledger, enum ledger_class class, const char *name,
                          uint32_t count)
{
    uint32_t first = ledger->count;
    grow(ledger, first + count);
    for (uint32_t i = 0; i < count; i++)
        ledger_open(ledger, class, name, i);
    return first;
}

/* ---- breaches ------------------------------------------------------------------------------ */

bool ledger_sound(const struct ledger *ledger)
{
    return ledger->breach[0] == '\0';
}

void ledger_breach(struct ledger *ledger, const char *format, ...)
{
    if (!ledger_sound(ledger)) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(ledger->breach, sizeof ledger->breach, format, arguments);
    va_end(arguments);
}

enum { NAME_TEXT = 64 };

static const char *name_of(const struct ledger *ledger, int64_t account, char *buffer)
{
    if (account == LEDGER_NOBODY) return "nobody";
    const struct ledger_account *a = &ledger->accounts[account];
    if (a->index == LEDGER_NOBODY) return a->name;
    snprintf(buffer, NAME_TEXT, "%s %lld", a->name, (long long)a->index);
    return buffer;
}

/* ---- operations ---------------------------------------------------------------------------- */

/* Keep apart what hardly ever happens: its texts would cost every entry a large frame. */
__attribute__((cold, noinline)) static bool refuse(struct ledger *ledger,
                                                   const struct ledger_entry *e)
{
    char name[NAME_TEXT], asked[MONEY_TEXT], held[MONEY_TEXT];
    int decimals = assets[e->asset].decimals;
    ledger->refused++;
    if (e->amount < 0) {
        ledger_breach(ledger, "negative amount: %s from %s, %s %s", reasons[e->reason],
                      name_of(ledger, e->from, name), money_print(asked, e->amount, decimals),
                      assets[e->asset].name);
        return false;
    }
    ledger_breach(ledger, "overdrawn: %s from %s, %s %s of %s held", reasons[e->reason],
                  name_of(ledger, e->from, name), money_print(asked, e->amount, decimals),
                  assets[e->asset].name,
                  money_print(held, ledger->balance[e->asset][e->from], decimals));
    return false;
}

/* The far side of a mint has no balance to look at; everybody else must own what they give. */
static bool enter(struct ledger *ledger, const struct ledger_entry *e)
{
    assert(e->from < (int64_t)ledger->count && e->to < (int64_t)ledger->count);
    if (e->amount < 0) return refuse(ledger, e);
    if (e->from != LEDGER_NOBODY && ledger->balance[e->asset][e->from] < e->amount)
        return refuse(ledger, e);
    if (e->amount == 0) return true;
    if (e->from != LEDGER_NOBODY) ledger->balance[e->asset][e->from] -= e->amount;
    if (e->to != LEDGER_NOBODY) ledger->balance[e->asset][e->to] += e->amount;
    ledger->total[e->asset][e->reason] += e->amount;
    ledger->entries++;
    if (ledger->journal) ledger->journal(ledger->journal_context, e);
    return true;
}

bool ledger_genesis(struct ledger *ledger, enum ledger_asset asset, uint32_t to, money_t amount)
{
    bool done =
        enter(ledger, &(struct ledger_entry){asset, LEDGER_GENESIS, LEDGER_NOBODY, to, amount});
    if (done) ledger->genesis[asset] += amount;
    return done;
}

bool ledger_mint(struct ledger *ledger, enum ledger_asset asset, uint32_t to, money_t amount,
                 enum ledger_reason reason)
{
    bool done = enter(ledger, &(struct ledger_entry){asset, reason, LEDGER_NOBODY, to, amount});
    if (done) ledger->minted[asset] += amount;
    return done;
}

bool ledger_burn(struct ledger *ledger, enum ledger_asset asset, uint32_t from, money_t amount,
                 enum ledger_reason reason)
{
    bool done = enter(ledger, &(struct ledger_entry){asset, reason, from, LEDGER_NOBODY, amount});
    if (done) ledger->burned[asset] += amount;
    return done;
}

bool ledger_move(struct ledger *ledger, enum ledger_asset asset, uint32_t from, uint32_t to,
                 money_t amount, enum ledger_reason reason)
{
    return enter(ledger, &(struct ledger_entry){asset, reason, from, to, amount});
}

/* ---- sums ---------------------------------------------------------------------------------- */

money_t ledger_balance(const struct ledger *ledger, enum ledger_asset asset, uint32_t account)
{
    assert(account < ledger->count);
    return ledger->balance[asset][account];
}

money_t ledger_supply(const struct ledger *ledger, enum ledger_asset asset)
{
    return ledger->genesis[asset] + ledger->minted[asset] - ledger->burned[asset];
}

money_t ledger_class_total(const struct ledger *ledger, enum ledger_asset asset,
                           enum ledger_class class)
{
    money_t sum = 0;
    for (uint32_t i = 0; i < ledger->count; i++) {
        if (ledger->accounts[i].class == class) sum += ledger->balance[asset][i];
    }
    return sum;
}

money_t ledger_total(const struct ledger *ledger, enum ledger_asset asset)
{
    money_t sum = 0;
    for (uint32_t i = 0; i < ledger->count; i++)
        sum += ledger->balance[asset][i];
    return sum;
}

/* ---- the invariants ------------------------------------------------------------------------ */

static void report_negative(struct ledger *ledger, enum ledger_asset asset)
{
    char name[NAME_TEXT], held[MONEY_TEXT];
    for (uint32_t i = 0; i < ledger->count; i++) {
        if (ledger->balance[asset][i] >= 0) continue;
        ledger_breach(ledger, "negative account: %s holds %s %s", name_of(ledger, i, name),
                      money_print(held, ledger->balance[asset][i], assets[asset].decimals),
                      assets[asset].name);
        return;
    }
}

static void check_burned(struct ledger *ledger, enum ledger_asset asset)
{
    if (ledger->burned[asset] < ledger->burned_before[asset]) {
        char now[MONEY_TEXT], before[MONEY_TEXT];
        int decimals = assets[asset].decimals;
        ledger_breach(ledger, "burned fell: %s %s after %s",
                      money_print(now, ledger->burned[asset], decimals), assets[asset].name,
                      money_print(before, ledger->burned_before[asset], decimals));
    }
    ledger->burned_before[asset] = ledger->burned[asset];
}

static money_t check_asset(struct ledger *ledger, enum ledger_asset asset)
{
    char have[MONEY_TEXT], want[MONEY_TEXT];
    const money_t *balance = ledger->balance[asset];
    money_t sum = 0, signs = 0; /* one or of all balances: negative when any of them is */
    for (uint32_t i = 0; i < ledger->count; i++) {
        sum += balance[i];
        signs |= balance[i];
    }
    if (signs < 0) report_negative(ledger, asset);
    check_burned(ledger, asset);
    money_t supply = ledger_supply(ledger, asset);
    if (sum != supply) {
        ledger_breach(ledger, "accounts hold %s %s, genesis + minted - burned is %s",
                      money_print(have, sum, assets[asset].decimals), assets[asset].name,
                      money_print(want, supply, assets[asset].decimals));
    } else if (supply > ledger->cap[asset]) {
        ledger_breach(ledger, "supply above its cap: %s %s of at most %s",
                      money_print(have, supply, assets[asset].decimals), assets[asset].name,
                      money_print(want, ledger->cap[asset], assets[asset].decimals));
    }
    return sum > supply ? sum - supply : supply - sum;
}

money_t ledger_check(struct ledger *ledger)
{
    money_t residual = 0;
    for (int a = 0; a < LEDGER_ASSETS; a++) {
        residual += check_asset(ledger, (enum ledger_asset)a);
    }
    return residual;
}

/* ---- shares and values --------------------------------------------------------------------- */

money_t ledger_share(money_t amount, double share)
{
    const money_t unit = 1000000000;
    assert(share >= 0 && share <= 1);
    return money_muldiv(amount, (money_t)(share * 1e9 + 0.5), unit, MONEY_FLOOR, NULL);
}

money_t ledger_value_usd(money_t opg, money_t price, enum money_rounding rounding)
{
    return money_muldiv(opg, price, MONEY_ATTO, rounding, NULL);
}

money_t ledger_value_opg(money_t usd, money_t price, enum money_rounding rounding)
{
    bool overflow = false;
    money_t opg = money_muldiv(usd, MONEY_ATTO, price, rounding, &overflow);
    return overflow ? MONEY_MAX : opg;
}

/* ---- checkpoints --------------------------------------------------------------------------- */

void ledger_snap(struct ledger *ledger, struct snap *snap)
{
    SNAP_COVERS(struct ledger, 1840);
    snap_begin(snap, "ledger");
    snap_same(snap, ledger->count, "accounts");
    for (int a = 0; a < LEDGER_ASSETS; a++) {
        snap_moneys(snap, ledger->balance[a], ledger->count);
        snap_moneys(snap, ledger->total[a], LEDGER_REASONS);
    }
    snap_moneys(snap, ledger->genesis, LEDGER_ASSETS);
    snap_moneys(snap, ledger->minted, LEDGER_ASSETS);
    snap_moneys(snap, ledger->burned, LEDGER_ASSETS);
    snap_moneys(snap, ledger->burned_before, LEDGER_ASSETS);
    snap_u64(snap, &ledger->entries);
    snap_u64(snap, &ledger->refused);
    snap_end(snap);
}
