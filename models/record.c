/* SPDX-License-Identifier: Apache-2.0
 * From a world that has ended to the record of its replication: what needs the ledger, the fleet
 * and the chain together.  Caveats are in caveat.c. */
#include <math.h>

#include "models/caveat.h"
#include "models/scenario_own.h"
#include "models/world.h"

#define YEAR_S (365.25 * 86400.0)

/* ---- series ---------------------------------------------------------------------------------- */

static double record_rate(uint64_t now, uint64_t *before, double step_s)
{
    double rate = step_s > 0 ? (double)(now - *before) / step_s : (double)NAN;
    *before = now;
    return rate;
}

static double record_utilisation(struct world *w, double step_s)
{
    int64_t busy = fleet_busy_ns(w);
    double share =
        step_s > 0 ? (double)(busy - w->sampled_busy_ns) / 1e9 / (step_s * (double)w->node_count)
                   : (double)NAN;
    w->sampled_busy_ns = busy;
    return share;
}

/* `collapse:` asks for a fall that lasts; both falls are watched at the samples. */
static void record_collapse(struct world *w)
{
    if (world_now(w) >= registry_next_expiry_ns(&w->registry)) {
        registry_expire(&w->registry, world_now(w));
    }
    const struct scenario_collapse *c = &w->params->collapse;
    uint32_t up = 0;
    for (uint32_t i = 0; i < w->node_count; i++) {
        up += w->registry.nodes[i].active && w->nodes[i].down == 0;
    }
    double start_price = money_real(w->params->token.price.initial, 9);
    bool low[2] = {up < c->capacity_ratio * w->node_count,
                   money_real(price_spot(&w->price), 9) < c->price_ratio * start_price};
    int64_t *since[2] = {&w->capacity_low_ns, &w->price_low_ns};
    for (int i = 0; i < 2; i++) {
        if (!low[i])
            *since[i] = -1;
        else if (*since[i] < 0)
            *since[i] = world_now(w);
        if (low[i] && world_now(w) - *since[i] >= c->duration) w->collapsed = true;
    }
}

void record_sample(struct world *w)
{
    struct metrics *m = &w->metrics;
    double step_s = m->samples ? (double)world_now(w) / 1e9 - m->sample_time[m->samples - 1] : 0;
    struct token_supply supply = token_supply(&w->token);
    double row[SERIES_COUNT] = {
        [SERIES_RISK] = (double)m->risk.value / 1e6,
        [SERIES_OPEN] = (double)m->open,
        [SERIES_UNVERIFIED] = (double)m->unverified_nano / 1e9,
        [SERIES_EXPLOITED] = (double)m->exploited_nano / 1e9,
        [SERIES_ARRIVED] = record_rate(w->arrived, &w->sampled_arrived, step_s),
        [SERIES_COMPLETED] =
            record_rate(w->states[REQUEST_COMPLETED], &w->sampled_completed, step_s),
        [SERIES_UTILISATION] = record_utilisation(w, step_s),
        [SERIES_BASE_FEE] = money_real(w->base_fee, 0),
        [SERIES_MEMPOOL] = (double)w->mempool.waiting,
        [SERIES_BLOCK_INTERVAL] = m->blocks_total > 1 ? w->last_interval_s : (double)NAN,
        [SERIES_BURNED] = money_real(supply.burned, 18),
        [SERIES_EMITTED] = money_real(w->ledger.total[LEDGER_OPG][LEDGER_EMISSION], 18),
        [SERIES_CIRCULATING] = money_real(supply.circulating, 18),
        [SERIES_PRICE] = money_real(price_spot(&w->price), 9),
    };
    gauge_sample(w, row);
    metrics_sample(m, world_now(w), row);
    record_collapse(w);
}

/* ---- costs ----------------------------------------------------------------------------------- */

/* Rent is counted over the measured window, like the tokens it is set against. */
static double record_window_h(const struct world *w)
{
    return (double)(w->metrics.end_ns - w->metrics.start_ns) / 3600e9;
}

static double record_fleet_usd(const struct world *w)
{
    double sum = 0;
    for (uint32_t i = 0; i < w->node_count; i++) {
        sum += fleet_cost_rent_usd(w, i) + fleet_cost_api_usd(w, i);
    }
    return sum;
}

static double record_hosts_usd(const struct world *w)
{
    return w->params->costs.validator_rent * (double)w->consensus.count * record_window_h(w);
}

/* Rent of the validators' GPUs under `replicated`. */
static double record_replicas_usd(const struct world *w)
{
    const struct verification_replicated *p = &w->params->verification.replicated;
    return scenario_own_hardware(w->params->own, p->gpu)->rental_usd_per_h * (double)p->gpus *
           (double)w->consensus.count * record_window_h(w);
}

static double record_kwh(const struct world *w)
{
    double sum = 0;
    for (uint32_t i = 0; i < w->node_count; i++) {
        sum += fleet_cost_kwh(w, i);
    }
    return sum;
}

static double record_ratio(double part, double whole)
{
    return whole > 0 ? part / whole : (double)NAN;
}

static void record_costs(struct world *w, struct models_value *values)
{
    const struct metrics *m = &w->metrics;
    double fleet = record_fleet_usd(w), hosts = record_hosts_usd(w);
    bool on_chain = w->design->on_chain;
    double network = on_chain ? record_replicas_usd(w) + hosts : fleet + hosts;
    double other = on_chain ? fleet + hosts : fleet * (double)w->consensus.count + hosts;
    double mtok = (double)(m->prompt_tok + m->output_tok) * 1e-6;
    metrics_set_real(values, METRIC_network_usd, network);
    metrics_set_real(values, METRIC_usd_per_mtok, record_ratio(network, mtok));
    metrics_set_real(values, METRIC_usd_per_verified_mtok,
                     record_ratio(network, (double)m->verified_tok * 1e-6));
    metrics_set_real(values, METRIC_replicated_ratio,
                     on_chain ? record_ratio(network, other) : record_ratio(other, network));
    if (!on_chain) {
        metrics_set_real(values, METRIC_kwh_per_mtok, record_ratio(record_kwh(w), mtok));
    }
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static void record_nodes(struct world *w, struct models_value *values)
{
    double price = money_real(price_spot(&w->price), 9), window_h = record_window_h(w);
    double *profit = arena_alloc(w->arena, w->node_count, sizeof *profit);
    double *busy = arena_alloc(w->arena, w->node_count, sizeof *busy);
    const struct scenario_node *classes = w->params->nodes.items;
    int64_t gpus = 0;
    for (uint32_t i = 0; i < w->node_count; i++)
        gpus += classes[w->nodes[i].class].gpus;
    metrics_set_integer(values, METRIC_node_gpus, gpus);
    if (w->design->on_chain) return;
    for (uint32_t i = 0; i < w->node_count; i++) {
        const struct world_node *node = &w->nodes[i];
        double income = money_real(w->token.node_income[i] - node->income_before, 18) * price;
        double lost = money_real(node->slashed_atto + node->paid_atto, 18) * price;
        profit[i] = income - lost - fleet_cost_rent_usd(w, i) - fleet_cost_api_usd(w, i);
        busy[i] = (double)node->window_busy_ns / 3600e9 / window_h;
    }
    metrics_set_spread(values, METRIC_node_profit, profit, w->node_count);
    metrics_set_spread(values, METRIC_node_utilisation, busy, w->node_count);
}

struct record_work { /* GPU time and tokens of honest and of cheated serving */
    double honest_usd, cheat_usd;
    uint64_t honest_tok, cheat_tok;
};

static struct record_work record_class_work(struct world *w, uint16_t class)
{
    struct record_work work = {0};
    for (uint32_t i = 0; i < w->node_count; i++) {
        const struct world_node *n = &w->nodes[i];
        if (n->class != class) continue;
        double usd_per_ns = fleet_cost_rent_usd_per_h(w, i) / 3600e9;
        int64_t busy = fleet_engine_count(w, i).busy_ns;
        int64_t honest = n->adversary < 0 ? busy : n->honest_busy_ns;
        work.honest_usd += usd_per_ns * (double)honest;
        work.cheat_usd += usd_per_ns * (double)(busy - honest);
        work.honest_tok += n->honest_tok;
        work.cheat_tok += n->cheated_tok;
    }
    return work;
}

/* What cheating saved (the same tokens at the busy GPU cost of this class's honest serving, less
 * what the cheaters' own busy time cost) minus stake and fees lost.  Null without cheats, or
 * without honest serving to compare with. */
static double record_cheat_profit(struct world *w)
{
    double saved = 0;
    bool known = false;
    for (uint16_t c = 0; c < w->params->nodes.count; c++) {
        struct record_work work = record_class_work(w, c);
        if (work.cheat_tok == 0) continue;
        if (work.honest_tok == 0) return (double)NAN;
        known = true;
        saved +=
            work.honest_usd / (double)work.honest_tok * (double)work.cheat_tok - work.cheat_usd;
    }
    const struct metrics *m = &w->metrics;
    double lost = money_real(m->slash_value_nano + m->refunds_nano, 9);
    return known ? saved - lost : (double)NAN;
}

/* ---- economy --------------------------------------------------------------------------------- */

static money_t record_validator_stake(const struct world *w)
{
    money_t sum = 0;
    for (uint32_t v = 0; v < w->consensus.count; v++) {
        sum += ledger_balance(&w->ledger, LEDGER_OPG, w->token.at.validator_stakes + v);
    }
    return sum;
}

static void record_supply(struct world *w, struct models_value *values)
{
    struct token_supply s = token_supply(&w->token);
    money_t emitted = w->ledger.total[LEDGER_OPG][LEDGER_EMISSION];
    double years = record_window_h(w) * 3600 / YEAR_S;
    double issued = money_real(w->window_issued, 18), burned = money_real(w->window_burned, 18);
    double stake = money_real(record_validator_stake(w), 18);
    metrics_set_exact(values, METRIC_supply_total, s.total, 18);
    metrics_set_exact(values, METRIC_supply_circulating, s.circulating, 18);
    metrics_set_exact(values, METRIC_supply_staked, s.staked, 18);
    metrics_set_exact(values, METRIC_supply_burned, s.burned, 18);
    metrics_set_exact(values, METRIC_supply_minted, s.minted, 18);
    metrics_set_exact(values, METRIC_emitted, emitted, 18);
    metrics_set_real(values, METRIC_net_issuance,
                     record_ratio(issued - burned, years * money_real(s.circulating, 18)));
    metrics_set_real(values, METRIC_burn_ratio, record_ratio(burned, issued));
    metrics_set_real(values, METRIC_staking_apr, record_ratio(issued, years * stake));
    metrics_set_exact(values, METRIC_fees_paid, w->token.charged_opg - w->token.unpaid_opg, 18);
    metrics_set_exact(values, METRIC_fees_nodes, w->token.to_nodes_opg, 18);
}

static void record_price(struct world *w, struct models_value *values)
{
    const struct price *p = &w->price;
    const struct metrics *m = &w->metrics;
    double spot = money_real(price_spot(p), 9);
    metrics_set_exact(values, METRIC_price_final, price_spot(p), 9);
    metrics_set_exact(values, METRIC_price_min, p->min, 9);
    metrics_set_exact(values, METRIC_price_max, p->max, 9);
    metrics_set_real(values, METRIC_price_drawdown, p->drawdown_ratio);
    metrics_set_integer(values, METRIC_collapsed, w->collapsed);
    metrics_set_real(values, METRIC_security_budget,
                     money_real(record_validator_stake(w), 18) * spot / 3);
    double cover = money_real(m->slash_kept_nano, 9) +
                   money_real(w->params->staking.insurance.fund, 18) * spot;
    metrics_set_real(values, METRIC_gap_cover,
                     record_ratio(cover, money_real(m->exploited_nano, 9)));
}

/* ---- prefix caches and encoders
 * --------------------------------------------------------------------------- */

void record_window(struct world *w, bool closes)
{
    uint64_t queried = 0, hit = 0, encoded = 0;
    for (uint32_t i = 0; i < w->node_count; i++) {
        struct serving_counters c = fleet_engine_count(w, i);
        queried += c.queried_tok;
        hit += c.hit_tok;
        encoded += c.image_tok;
    }
    w->window_queried_tok = closes ? queried - w->window_queried_tok : queried;
    w->window_hit_tok = closes ? hit - w->window_hit_tok : hit;
    w->window_image_tok = closes ? encoded - w->window_image_tok : encoded;
}

/* ---- KV between nodes ------------------------------------------------------------------------ */

static void record_transfers(const struct world *w, struct models_value *values)
{
    const struct transfer *t = &w->transfer;
    metrics_set_integer(values, METRIC_transfers, (int64_t)t->sent);
    metrics_set_exact(values, METRIC_transfer_bytes, t->bytes, 0);
    metrics_set_integer(values, METRIC_transfer_resent, (int64_t)t->resent);
    metrics_set_integer(values, METRIC_transfer_failed, (int64_t)t->failed);
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* A user who has an answer, waits, and will act on it as things stand. */
static bool record_will_act(const struct request *r, const struct scenario_act *acts)
{
    if (r->acted || acts->kind == SCENARIO_AT_ONCE) return false;
    return acts->kind == SCENARIO_AFTER ? r->proof != PROOF_REJECTED : r->proof == PROOF_PENDING;
}

/* Answers whose record or proof is still pending are censored at their age; a user who waits has a
 * gap of 0 so far, and has waited since the request. */
static void record_pending(struct world *w)
{
    struct metrics *m = &w->metrics;
    const struct scenario_user *users = w->params->users.items;
    for (uint32_t slot = 0; slot < w->requests.capacity; slot++) {
        const struct request *r = world_request(w, slot);
        if (r->holds == 0 || r->state != REQUEST_COMPLETED || !r->counted) continue;
        if (record_will_act(r, &users[r->class].acts))
            hist_add(&m->hist[HIST_E2E_CENSORED], world_now(w) - r->arrived_ns, 1);
        if (r->proof != PROOF_PENDING) continue;
        bool waits = users[r->class].acts.kind == SCENARIO_ON_FINALITY;
        int64_t age = waits ? 0 : world_now(w) - r->answered_ns;
        hist_add(&m->hist[HIST_SETTLED_CENSORED], age, 1);
        if (w->design->verifies) hist_add(&m->hist[HIST_GAP_CENSORED], age, 1);
    }
}

/* When the first token of each request in flight came; -1: not yet. */
static int64_t *record_first_tokens(struct world *w)
{
    int64_t *first_ns = arena_alloc(w->arena, w->requests.capacity, sizeof *first_ns);
    for (uint32_t slot = 0; slot < w->requests.capacity; slot++) {
        const struct request *r = world_request(w, slot);
        first_ns[slot] = r->state == REQUEST_RETURN ? r->first_token_ns : -1;
    }
    for (uint32_t i = 0; i < w->node_count; i++)
        if (w->nodes[i].proxy)
            proxy_first_tokens(w->nodes[i].proxy, world_now(w), first_ns);
        else
            serving_first_tokens(&w->nodes[i].serving, world_now(w), first_ns);
    for (uint32_t slot = 0; slot < w->requests.capacity; slot++) {
        const struct request *r = world_request(w, slot);
        if (r->state == REQUEST_SERVED && r->prefill_node != UINT32_MAX)
            first_ns[slot] = r->handoff_ns;
    }
    return first_ns;
}

/* Requests under way at the end: late already, or still in time. */
static void record_under_way(struct world *w)
{
    const int64_t *first_ns = record_first_tokens(w);
    for (uint32_t slot = 0; slot < w->requests.capacity; slot++) {
        const struct request *r = world_request(w, slot);
        if (r->holds == 0 || r->state >= REQUEST_COMPLETED || !r->counted) continue;
        slo_pending(&w->slo, r->class, world_now(w) - r->arrived_ns,
                    first_ns[slot] < 0 ? -1 : first_ns[slot] - r->arrived_ns);
    }
}

void record_fill(struct world *w, struct models_record *record)
{
    const struct models_metrics *metrics = &w->scenario->metrics;
    struct models_value *values =
        arena_alloc(w->arena, models_metrics_count(metrics), sizeof *values);
    *record = (struct models_record){.replication = w->replication,
                                     .seed = w->seed,
                                     .trace_hash = w->events.hash,
                                     .metrics = metrics,
                                     .values = values};
    bool halted = w->halt_since_ns >= 0;
    chain_halt_ends(w);
    for (uint32_t i = 0; i < w->node_count; i++)
        fleet_life_note(w, i);
    record_pending(w);
    record_under_way(w);
    metrics_fill(&w->metrics, values);
    slo_fill(&w->slo, values);
    record_transfers(w, values);
    metrics_set_real(values, METRIC_prefix_hit,
                     record_ratio((double)w->window_hit_tok, (double)w->window_queried_tok));
    metrics_set_integer(values, METRIC_image_tok, (int64_t)w->window_image_tok);
    record_costs(w, values);
    fleet_cost_fill(w, values);
    record_nodes(w, values);
    gauge_fill(w, values);
    record_supply(w, values);
    record_price(w, values);
    metrics_set_real(values, METRIC_cheat_profit, record_cheat_profit(w));
    metrics_set_exact(values, METRIC_base_fee, w->base_fee, 0);
    metrics_set_integer(values, METRIC_mempool_peak, w->mempool.peak);
    metrics_set_integer(values, METRIC_mempool_dropped, (int64_t)w->mempool.full);
    metrics_set_exact(values, METRIC_residual, w->worst_residual, 0);
    metrics_set_integer(values, METRIC_entries, (int64_t)w->ledger.entries);
    metrics_set_integer(values, METRIC_events, (int64_t)w->events.fired);
    metrics_set_integer(values, METRIC_ties, (int64_t)w->events.ties);
    metrics_steady(&w->metrics, record);
    metrics_series(&w->metrics, record);
    metrics_curves(&w->metrics, record);
    caveat_list(w, record, halted);
}
