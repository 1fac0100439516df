/* SPDX-License-Identifier: Apache-2.0
 * What becomes of an answer: it reaches its user, is acted on, and its proof comes to an end.
 *
 * Here the trust gap is measured, as the design page defines it.  `answered` is when the last
 * token reaches the user, `settled` when its record is in a final block, `verified` when its proof
 * was checked there; the gap runs from answered to verified.  A user who waits for finality has a
 * gap of 0 and pays in latency.  Value is at risk from acting on an answer until its proof ends,
 * as long as it can still be verified; what never can is counted apart. */
#include <assert.h>

#include "models/watch_internal.h"
#include "models/world.h"

enum { OUTCOME_ANSWER_BYTES = 200, OUTCOME_BYTES_PER_TOKEN = 4 };

static const struct scenario_act *outcome_acts(const struct world *w, const struct request *r)
{
    return &((const struct scenario_user *)w->params->users.items)[r->class].acts;
}

/* Tokens stream as they come; the signature over all of them leaves with the last. */
void outcome_served(struct world *w, uint32_t slot, int64_t first_token_ns, uint32_t from_region)
{
    struct request *r = world_request(w, slot);
    struct rng_stream s = world_stream(w, PURPOSE_DOWNLINK, r->id);
    uint64_t bytes = OUTCOME_ANSWER_BYTES + (uint64_t)OUTCOME_BYTES_PER_TOKEN * r->output_tok;
    int64_t delay = net_delay_ns(&w->net, from_region, r->region, bytes, &s);
    int64_t sign = w->design->sign_ns ? w->design->sign_ns(&w->params->verification) : 0;
    int64_t first_delay = delay;
    if (r->prefill_node != UINT32_MAX) { /* the first token came from there, with the same luck */
        struct rng_stream again = world_stream(w, PURPOSE_DOWNLINK, r->id);
        uint32_t region = w->nodes[r->prefill_node].region;
        first_delay = net_delay_ns(&w->net, region, r->region, bytes, &again);
    }
    r->served_ns = world_now(w);
    r->first_token_ns = first_token_ns + first_delay;
    if (r->first_token_ns > r->served_ns + delay) r->first_token_ns = r->served_ns + delay;
    r->proof = PROOF_PENDING;
    world_set_state(w, slot, REQUEST_RETURN);
    world_hold(w, slot);
    event_schedule(&w->events, world_now(w) + sign + delay, EV_ANSWER, slot, r->id);
}

static void outcome_measure_latency(struct world *w, const struct request *r)
{
    struct metrics *m = &w->metrics;
    if (!r->counted) return;
    m->prompt_tok += r->prompt_tok;
    m->output_tok += r->output_tok;
    if (r->node < w->node_count)
        w->nodes[r->node].life.answered_tok += (uint64_t)r->prompt_tok + r->output_tok;
    m->answers++;
    m->cheats += r->cheated;
    if (!w->design->verifies) m->cheats_undetected += r->cheated; /* and never will be */
    metrics_observe(m, HIST_TTFT, r->first_token_ns - r->arrived_ns);
    if (r->images.count > 0) metrics_observe(m, HIST_IMAGE_TTFT, r->first_token_ns - r->arrived_ns);
    struct slo_answer answer = {
        .ttft_ns = r->first_token_ns - r->arrived_ns,
        .rest_ns = w->design->on_chain ? 0 : r->answered_ns - r->first_token_ns,
        .e2e_ns = r->answered_ns - r->arrived_ns,
        .output_tok = r->output_tok,
    };
    slo_answered(&w->slo, r->class, &answer);
    if (r->output_tok > 1 && !w->design->on_chain) { /* an answer in a block comes whole */
        int64_t rest = r->answered_ns - r->first_token_ns;
        metrics_observe(m, HIST_TPOT, rest / (r->output_tok - 1));
    }
}

/* ---- acting --------------------------------------------------------------------------------- */

void outcome_act(struct world *w, uint32_t slot)
{
    struct request *r = world_request(w, slot);
    struct metrics *m = &w->metrics;
    if (r->proof == PROOF_REJECTED) return; /* the user knows by now */
    r->acted = true;
    bool pending = w->design->verifies && r->proof == PROOF_PENDING;
    bool never = r->proof != PROOF_VERIFIED && !pending;
    if (pending) {
        r->at_risk = true;
        metrics_risk(m, world_now(w), r->value_nano / 1000);
    }
    if (r->counted) {
        int64_t waited = world_now(w) - r->arrived_ns;
        metrics_observe(m, HIST_E2E, waited);
        if (never) m->unverified_nano += r->value_nano;
        if (r->cheated) m->exploited_nano += r->value_nano;
    }
}

static void outcome_schedule_act(struct world *w, uint32_t slot)
{
    struct request *r = world_request(w, slot);
    const struct scenario_act *acts = outcome_acts(w, r);
    if (acts->kind == SCENARIO_AT_ONCE) {
        outcome_act(w, slot);
    } else if (acts->kind == SCENARIO_AFTER) {
        world_hold(w, slot);
        event_schedule(&w->events, world_now(w) + acts->after, EV_ACT, slot, r->id);
    }
}

/* ---- the proof ends ------------------------------------------------------------------------- */

static void outcome_measure_gap(struct world *w, const struct request *r)
{
    struct metrics *m = &w->metrics;
    bool waits = outcome_acts(w, r)->kind == SCENARIO_ON_FINALITY;
    int64_t gap = r->ended_ns > r->answered_ns && !waits ? r->ended_ns - r->answered_ns : 0;
    bool in_block =
        r->proof == PROOF_VERIFIED || r->proof == PROOF_SETTLED || r->proof == PROOF_REJECTED;
    if (in_block) metrics_observe(m, HIST_GAP_SETTLED, gap);
    if (r->proof == PROOF_VERIFIED) {
        metrics_observe(m, HIST_GAP, gap);
        m->verified_tok += (uint64_t)r->prompt_tok + r->output_tok;
    }
    m->accepted += r->proof == PROOF_VERIFIED;
    m->refused += r->proof == PROOF_REJECTED;
    m->expired += r->proof == PROOF_EXPIRED;
    m->lost += r->proof == PROOF_LOST;
    m->cheats_detected += r->cheated && r->proof == PROOF_REJECTED;
    if (w->design->verifies) m->cheats_undetected += r->cheated && r->proof != PROOF_REJECTED;
}

static void outcome_fee(struct world *w, struct request *r)
{
    if (r->proof == PROOF_VERIFIED || r->proof == PROOF_SETTLED) {
        token_settled(&w->token, &r->fee);
    } else if (r->proof == PROOF_REJECTED) {
        money_t refund = r->fee.state == TOKEN_FEE_HELD ? r->fee.amount : 0;
        token_rejected(&w->token, &r->fee);
        if (r->fee.state == TOKEN_FEE_REFUNDED && r->counted) {
            w->metrics.refunds_nano += ledger_value_usd(refund, price_spot(&w->price), MONEY_FLOOR);
        }
    } else {
        token_lost(&w->token, &r->fee);
    }
}

/* A rejected proof costs its node stake and, by the price of now, repays the one who acted. */
static void outcome_slash(struct world *w, const struct request *r)
{
    struct metrics *m = &w->metrics;
    if (r->node >= w->node_count) return;
    struct staking_offence offence = {.staker = r->node,
                                      .victim = token_user(&w->token, r->user),
                                      .loss_usd = r->acted && r->cheated ? r->value_nano : 0,
                                      .price = price_spot(&w->price),
                                      .committed_ns = r->served_ns,
                                      .now_ns = world_now(w)};
    struct staking_verdict verdict = staking_slash(&w->staking, &offence);
    w->nodes[r->node].slashed_atto += verdict.slashed_opg;
    fleet_jail(w, r->node);
    if (!r->counted) return;
    money_t kept = verdict.slashed_opg - verdict.burned_opg;
    if (verdict.slashed_opg > 0 && !r->cheated) m->false_slashes++;
    m->slashed_atto += verdict.slashed_opg;
    m->slash_value_nano += ledger_value_usd(verdict.slashed_opg, offence.price, MONEY_FLOOR);
    m->slash_kept_nano += ledger_value_usd(kept, offence.price, MONEY_FLOOR);
    m->recovered_nano += verdict.recovered_usd + verdict.insured_usd;
    m->fund_paid_nano += verdict.insured_usd;
}

static void outcome_close(struct world *w, uint32_t slot)
{
    struct request *r = world_request(w, slot);
    struct metrics *m = &w->metrics;
    bool final = r->proof == PROOF_VERIFIED || r->proof == PROOF_SETTLED;
    if (r->counted) outcome_measure_gap(w, r);
    if (r->at_risk) {
        r->at_risk = false;
        metrics_risk(m, world_now(w), -(r->value_nano / 1000));
        if (r->counted && (r->proof == PROOF_EXPIRED || r->proof == PROOF_LOST)) {
            m->unverified_nano += r->value_nano;
        }
    }
    if (w->design->verifies) {
        m->open--;
        if (r->counted) m->never += r->proof == PROOF_EXPIRED || r->proof == PROOF_LOST;
    }
    outcome_fee(w, r);
    if (r->proof == PROOF_REJECTED) outcome_slash(w, r);
    if (final && outcome_acts(w, r)->kind == SCENARIO_ON_FINALITY) outcome_act(w, slot);
}

void outcome_proof(struct world *w, uint32_t slot, enum request_proof end)
{
    struct request *r = world_request(w, slot);
    assert(r->proof == PROOF_PENDING && "a proof ends once");
    r->proof = (uint8_t)end;
    r->ended_ns = world_now(w);
    event_fold(&w->events, ((uint64_t)r->id << 8) | end);
    if (w->watch) watch_proof(w, slot);
    if (r->state == REQUEST_COMPLETED) outcome_close(w, slot);
    /* else the proof was faster than the answer: outcome_answered closes it */
}

void outcome_answered(struct world *w, uint32_t slot)
{
    struct request *r = world_request(w, slot);
    struct metrics *m = &w->metrics;
    r->answered_ns = world_now(w);
    front_end(w, slot, REQUEST_COMPLETED);
    outcome_measure_latency(w, r);
    if (w->design->verifies)
        m->open++;
    else if (r->counted)
        m->never++;
    token_answered(&w->token, &r->fee, r->user, r->node, r->fee.amount, world_now(w));
    outcome_schedule_act(w, slot);
    if (r->proof != PROOF_PENDING) outcome_close(w, slot);
}
