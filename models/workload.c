/* SPDX-License-Identifier: Apache-2.0
 * Arrival times by inversion of the cumulative rate, lengths, values.
 *
 * Answers for: the parameters of `workload:`, their cross checks, and the stream of requests.
 * Leaves out: reading trace files (models/trace) and what becomes of a request (the world).
 *
 * The cumulative rate has three factors: the base process (constant, or a cosine over a day), the
 * surges (piecewise constant), and time.  Between two changes of the surge factor the inverse is
 * closed for a constant rate and a safeguarded Newton iteration for the cosine; it ends below half
 * a nanosecond, on the same bits everywhere, since the sine comes from sim/dmath. */
#include "models/workload.h"

#include <assert.h>

#define WORKLOAD_NS_PER_S 1e9
#define WORKLOAD_VALUE_MAX_USD 1e12 /* a tail beyond this is cut: more than any network carries */
#define WORKLOAD_CONV "Azure 2023 conversation trace: docs/sources.md IN"

/* ---- parameters ---------------------------------------------------------------------------- */

static const struct param workload_diurnal_rows[] = {
    PARAM(workload_diurnal, mean, PARAM_RATE, "5.53/s", "0.000001/s", "1000000/s",
          "requests per unit of time, mean of a period", WORKLOAD_CONV),
    PARAM(workload_diurnal, amplitude, PARAM_RATIO, "50%", "0%", "100%",
          "how far the rate swings around its mean", "assumption"),
    PARAM(workload_diurnal, period, PARAM_DURATION, "24 h", "1 s", "366 d", "length of the cycle",
          "assumption"),
    PARAM(workload_diurnal, peak, PARAM_DURATION, "14 h", "0", "366 d",
          "when the rate is highest, from the start", "assumption"),
};
static const struct param_table workload_diurnal_table =
    PARAM_TABLE("workload_diurnal", workload_diurnal, workload_diurnal_rows);

static const char *const workload_turns_names[] = {"whole", "new", NULL};
static const char *const workload_too_long_names[] = {"refuse", "reject", NULL};
static const struct param workload_trace_rows[] = {
    PARAM(workload_trace, file, PARAM_PATH, NULL, NULL, NULL,
          "CSV file of requests (Azure, BurstGPT or time_s,prompt_tok,output_tok)", NULL),
    PARAM(workload_trace, speed, PARAM_REAL, "1", "0.0001", "10000",
          "seconds of the trace per simulated second", "as recorded"),
    PARAM(workload_trace, limit, PARAM_COUNT, "0", "0", "4000000000",
          "requests to replay; 0: all of them", "as recorded"),
    PARAM_NAMES(workload_trace, turns, workload_turns_names, "whole",
                "where the trace names sessions: the prompt tokens of a turn count the whole "
                "conversation before it, or only what is new",
                "assumption"),
    PARAM_NAMES(workload_trace, too_long, workload_too_long_names, "refuse",
                "requests that no node can hold: refuse the trace, or let the engine reject them",
                "assumption"),
};
static const struct param_table workload_trace_table =
    PARAM_TABLE("workload_trace", workload_trace, workload_trace_rows);

static const struct param workload_arrivals_rows[] = {
    {.key = "poisson",
     .type = PARAM_RATE,
     .offset = offsetof(struct workload_arrivals, poisson),
     .min = "0.000001/s",
     .max = "1000000/s",
     .meaning = "requests come independently at a constant rate",
     .source = WORKLOAD_CONV,
     .flags = PARAM_BARE},
    PARAM_SUB(workload_arrivals, diurnal, PARAM_GROUP, workload_diurnal_table, NULL,
              "independently, at a rate that follows a daily cycle", NULL),
    PARAM_SUB(workload_arrivals, trace, PARAM_GROUP, workload_trace_table, NULL,
              "as recorded in a file", NULL),
};
static const struct param_table workload_arrivals_table =
    PARAM_TABLE("workload_arrivals", workload_arrivals, workload_arrivals_rows);

static const struct param workload_fixed_rows[] = {
    PARAM(workload_fixed, prompt, PARAM_COUNT, NULL, "1", "10000000", "tokens of each prompt",
          NULL),
    PARAM(workload_fixed, output, PARAM_COUNT, NULL, "1", "10000000", "tokens of each answer",
          NULL),
};
static const struct param_table workload_fixed_table =
    PARAM_TABLE("workload_fixed", workload_fixed, workload_fixed_rows);

static const struct param workload_knot_rows[] = {
    PARAM(workload_knot, p, PARAM_RATIO, NULL, "0%", "100%",
          "share of requests that are not longer", NULL),
    PARAM(workload_knot, tokens, PARAM_COUNT, NULL, "1", "10000000", "their length", NULL),
};
static const struct param_table workload_knot_table =
    PARAM_TABLE("workload_knot", workload_knot, workload_knot_rows);

#define WORKLOAD_KNOTS(field, what)                                                                \
    {                                                                                              \
        .key = #field, .type = PARAM_LIST, .offset = offsetof(struct workload_quantiles, field),   \
        .min = "2", .max = "1000", .meaning = (what), .sub = &workload_knot_table                  \
    }
static const struct param workload_quantiles_rows[] = {
    WORKLOAD_KNOTS(prompt, "quantiles of the prompt, from 0% to 100%, linear in between"),
    WORKLOAD_KNOTS(output, "quantiles of the answer, likewise"),
};
static const struct param_table workload_quantiles_table =
    PARAM_TABLE("workload_quantiles", workload_quantiles, workload_quantiles_rows);

static const struct param workload_lengths_rows[] = {
    {.key = "azure-conv-2023-quantiles",
     .type = PARAM_FLAG,
     .meaning = "12 quantiles of one hour of conversations, linear in between; means come out "
                "as 1,200 and 219 tokens, those of the hour were 1,155 and 211",
     .source = WORKLOAD_CONV},
    PARAM_SUB(workload_lengths, fixed, PARAM_GROUP, workload_fixed_table, NULL,
              "the same for all requests", NULL),
    PARAM_SUB(workload_lengths, quantiles, PARAM_GROUP, workload_quantiles_table, NULL,
              "drawn from quantiles, prompt and answer independently", NULL),
};
static const struct param_table workload_lengths_table =
    PARAM_TABLE("workload_lengths", workload_lengths, workload_lengths_rows);

static const struct param workload_rows[] = {
    PARAM_SUB(workload_params, arrivals, PARAM_CHOICE, workload_arrivals_table, "5.53/s",
              "when requests come", WORKLOAD_CONV),
    PARAM_SUB(
        workload_params, lengths, PARAM_CHOICE, workload_lengths_table, "azure-conv-2023-quantiles",
        "tokens of prompt and answer (of a trace: its own, this key is not used)", WORKLOAD_CONV),
    PARAM_SUB(workload_params, value, PARAM_CHOICE, param_dist_dollars,
              "{lognormal: {median: $0.5, sigma: 2}}",
              "value at stake in one answer: what acting on a wrong one costs", "assumption"),
    PARAM(workload_params, clients, PARAM_COUNT, "1000", "1", "100000000",
          "clients that send the requests, each equally often", "assumption"),
    PARAM_SUB(workload_params, sessions, PARAM_GROUP, session_table, "{}",
              "conversations, whose prompts grow from turn to turn", "see its keys"),
    PARAM_SUB(workload_params, system_prompts, PARAM_GROUP, session_system_table, "{}",
              "texts that many prompts begin with", "see its keys"),
    PARAM_SUB(workload_params, images, PARAM_GROUP, workload_images_table, "{}",
              "images in prompts, for models that take them", "see its keys"),
};
const struct param_table workload_table = PARAM_TABLE("workload", workload_params, workload_rows);

/* Quantiles of the conversation hour.  Prompt and answer are drawn independently: the correlation
 * of their logarithms is 0.09. */
static const double workload_conv_p[] = {0, .01, .05, .10, .25, .50, .75, .90, .95, .99, .999, 1};
static const double workload_conv_prompt[] = {2,    29,   181,  207,  396,  1020,
                                              1189, 2735, 4083, 4142, 6212, 14050};
static const double workload_conv_output[] = {7,   16,  41,  54,  85,  129,
                                              395, 424, 451, 601, 954, 1000};
enum { WORKLOAD_CONV_KNOTS = sizeof workload_conv_p / sizeof workload_conv_p[0] };

/* ---- cross checks -------------------------------------------------------------------------- */

static double workload_share(const double *p, size_t stride, uint32_t index)
{
    double share;
    memcpy(&share, (const char *)p + stride * index, sizeof share);
    return share;
}

void workload_check_shares(const double *p, size_t stride, uint32_t count, struct param_doc *doc,
                           const char *path, struct diag *diag)
{
    if (workload_share(p, stride, 0) > 0.0)
        param_error(doc, diag, arena_print(diag->arena, "%s[0].p", path),
                    "the first quantile must be at 0%%");
    if (workload_share(p, stride, count - 1) < 1.0)
        param_error(doc, diag, arena_print(diag->arena, "%s[%u].p", path, count - 1),
                    "the last quantile must be at 100%%");
    for (uint32_t i = 1; i < count; i++) {
        double before = workload_share(p, stride, i - 1);
        if (workload_share(p, stride, i) <= before)
            param_error(doc, diag, arena_print(diag->arena, "%s[%u].p", path, i),
                        "must be above the one before it (%g%%)", 100.0 * before);
    }
}

static void workload_check_knots(const struct param_list *list, struct param_doc *doc,
                                 const char *path, struct diag *diag)
{
    const struct workload_knot *knots = list->items;
    if (list->count < 2 || !param_good(doc, path)) return; /* has been reported */
    workload_check_shares(&knots->p, sizeof *knots, list->count, doc, path, diag);
    for (uint32_t i = 1; i < list->count; i++) {
        if (knots[i].tokens < knots[i - 1].tokens)
            param_error(doc, diag, arena_print(diag->arena, "%s[%u].tokens", path, i),
                        "must not be below the one before it (%lld)",
                        (long long)knots[i - 1].tokens);
    }
}

static void workload_check_trace(const struct workload_params *params, struct param_doc *doc,
                                 const char *prefix, struct trace_room room, bool sees,
                                 struct diag *diag)
{
    const struct workload_trace *trace = &params->arrivals.trace;
    struct trace_summary summary;
    const char *key = arena_print(diag->arena, "%s.arrivals.trace.file", prefix);
    if (!trace->file || !param_good(doc, key)) return; /* has been reported */
    if (trace->too_long == WORKLOAD_TOO_LONG_REJECT) room.tokens = 0;
    room.rows = trace->limit > 0 ? (uint64_t)trace->limit : UINT64_MAX;
    bool good = trace_check(trace->file, param_where(doc, key), key, &room, diag, &summary);
    if (good && summary.sessions && params->sessions.share > 0)
        param_error(doc, diag, arena_print(diag->arena, "%s.sessions.share", prefix),
                    "the trace has sessions of its own: their turns come when it says");
    if (good && summary.counts_images && params->images.share > 0)
        param_error(doc, diag, arena_print(diag->arena, "%s.images.share", prefix),
                    "the trace says itself which requests have images");
    if (good && summary.with_images > 0 && params->images.recorded && !sees)
        param_error(doc, diag, key,
                    "%llu of its requests have images, and no model takes any "
                    "(`images: {recorded: false}` reads their tokens as text)",
                    (unsigned long long)summary.with_images);
}

void workload_check(const struct workload_params *params, struct param_doc *doc, const char *prefix,
                    int64_t room_tok, const char *room, bool sees, struct diag *diag)
{
    const char *share = arena_print(diag->arena, "%s.images.share", prefix);
    if (params->images.share > 0 && !sees && param_good(doc, share))
        param_error(doc, diag, share, "no model of the nodes takes images");
    if (params->arrivals.kind == WORKLOAD_TRACE)
        workload_check_trace(params, doc, prefix,
                             (struct trace_room){.tokens = room_tok, .where = room}, sees, diag);
    if (params->lengths.kind != WORKLOAD_LENGTHS_QUANTILES) return;
    const struct workload_quantiles *quantiles = &params->lengths.quantiles;
    workload_check_knots(&quantiles->prompt, doc,
                         arena_print(diag->arena, "%s.lengths.quantiles.prompt", prefix), diag);
    workload_check_knots(&quantiles->output, doc,
                         arena_print(diag->arena, "%s.lengths.quantiles.output", prefix), diag);
}

/* ---- opening ------------------------------------------------------------------------------- */

static struct workload_curve workload_curve_of(const struct param_list *list, struct arena *arena)
{
    const struct workload_knot *knots = list->items;
    double *p = arena_alloc(arena, list->count, sizeof *p);
    double *tokens = arena_alloc(arena, list->count, sizeof *tokens);
    for (uint32_t i = 0; i < list->count; i++) {
        p[i] = knots[i].p;
        tokens[i] = (double)knots[i].tokens;
    }
    return (struct workload_curve){p, tokens, list->count};
}

enum status workload_open(struct workload *w, const struct workload_params *params, uint64_t seed,
                          uint32_t replication, struct arena *arena)
{
    const struct workload_lengths *lengths = &params->lengths;
    *w = (struct workload){
        .params = params, .seed = seed, .replication = replication, .arena = arena};
    if (lengths->kind == WORKLOAD_LENGTHS_AZURE_CONV_2023) {
        w->prompt =
            (struct workload_curve){workload_conv_p, workload_conv_prompt, WORKLOAD_CONV_KNOTS};
        w->output =
            (struct workload_curve){workload_conv_p, workload_conv_output, WORKLOAD_CONV_KNOTS};
    } else if (lengths->kind == WORKLOAD_LENGTHS_QUANTILES) {
        w->prompt = workload_curve_of(&lengths->quantiles.prompt, arena);
        w->output = workload_curve_of(&lengths->quantiles.output, arena);
    }
    sessions_init(&w->sessions, &params->sessions, &params->system_prompts, seed, replication,
                  arena);
    if (params->arrivals.kind == WORKLOAD_TRACE)
        TRY(trace_open(params->arrivals.trace.file, arena, &w->trace), "opening the workload");
    return STATUS_OK;
}

void workload_close(struct workload *w)
{
    trace_close(w->trace);
    w->trace = NULL;
}

void workload_surge(struct workload *w, int64_t from_ns, int64_t until_ns, double factor)
{
    assert(w->count == 0 && from_ns >= 0 && from_ns < until_ns && factor >= 0.0);
    w->surges =
        arena_grow(w->arena, w->surges, w->surge_count, w->surge_count + 1, sizeof *w->surges);
    w->surges[w->surge_count++] = (struct workload_surge){from_ns, until_ns, factor};
}

/* ---- when ---------------------------------------------------------------------------------- */

/* The product of the surges at `now`, and in *until the next time at which it may change. */
static double workload_factor(const struct workload *w, int64_t now_ns, int64_t *until_ns)
{
    double factor = 1.0;
    *until_ns = INT64_MAX;
    for (uint32_t i = 0; i < w->surge_count; i++) {
        const struct workload_surge *surge = &w->surges[i];
        if (surge->until_ns <= now_ns) continue;
        bool begun = surge->from_ns <= now_ns;
        int64_t change_ns = begun ? surge->until_ns : surge->from_ns;
        if (begun) factor *= surge->factor;
        if (change_ns < *until_ns) *until_ns = change_ns;
    }
    return factor;
}

/* now + a duration, false when that is beyond the end of time. */
static bool workload_after(int64_t now_ns, double duration_ns, int64_t *out)
{
    double ns = duration_ns + 0.5;
    if (!(ns < 0x1p62) || (int64_t)ns > INT64_MAX - now_ns) return false;
    *out = now_ns + event_ns(ns);
    return true;
}

/* The cosine of the daily cycle, seen from a start within it. */
struct workload_cycle {
    double mean_per_s, amplitude, period_s;
    double phase;   /* turns from the peak to the start */
    double swing_s; /* amplitude x period / 2 pi */
    double start_sine;
};

static struct workload_cycle workload_cycle_at(const struct workload_diurnal *d, int64_t now_ns)
{
    /* In integers, so that a phase is as exact in the tenth year as on the first day. */
    int64_t since_peak_ns = (now_ns % d->period - d->peak % d->period + d->period) % d->period;
    struct workload_cycle cycle = {
        .mean_per_s = d->mean,
        .amplitude = d->amplitude,
        .period_s = (double)d->period / WORKLOAD_NS_PER_S,
        .phase = (double)since_peak_ns / (double)d->period,
    };
    cycle.swing_s = cycle.amplitude * cycle.period_s * 0x1.45f306dc9c883p-3; /* 1 / (2 pi) */
    cycle.start_sine = dmath_sin_turns(cycle.phase);
    return cycle;
}

/* Expected requests in the `seconds` after the start, at most one period. */
static double workload_cycle_mass(const struct workload_cycle *c, double seconds)
{
    double sine = dmath_sin_turns(c->phase + seconds / c->period_s);
    return c->mean_per_s * (seconds + c->swing_s * (sine - c->start_sine));
}

/* The time in which `mass` requests are expected.  Whole periods are taken off first; the rest is
 * bracketed, and a Newton step that leaves the bracket is replaced by its middle (at the bottom of
 * a cycle with amplitude 100% the rate is 0 and a step would fly off). */
static double workload_cycle_invert(const struct workload_cycle *c, double mass)
{
    double per_period = c->mean_per_s * c->period_s;
    double periods = (double)(int64_t)(mass / per_period);
    double rest = mass - periods * per_period;
    double low = 0.0, high = c->period_s, t = rest / c->mean_per_s;
    for (int i = 0; i < 100 && high - low > 0.25e-9; i++) {
        double miss = workload_cycle_mass(c, t) - rest;
        if (miss > 0.0)
            high = t;
        else
            low = t;
        double turn = c->phase + t / c->period_s;
        double rate = c->mean_per_s * (1.0 + c->amplitude * dmath_cos_turns(turn));
        double step = miss / rate; /* infinite or NaN at rate 0: not inside */
        double next = t - step;
        if (!(next >= low && next <= high)) next = low + 0.5 * (high - low);
        double moved = next - t;
        t = next;
        if (moved < 0.25e-9 && moved > -0.25e-9) break;
    }
    return periods * c->period_s + t;
}

/* Expected requests between now and `until`, without surges. */
static double workload_mass(const struct workload *w, int64_t until_ns)
{
    const struct workload_arrivals *arrivals = &w->params->arrivals;
    int64_t span_ns = until_ns - w->now_ns;
    if (arrivals->kind == WORKLOAD_POISSON)
        return arrivals->poisson * ((double)span_ns / WORKLOAD_NS_PER_S);
    const struct workload_diurnal *d = &arrivals->diurnal;
    struct workload_cycle cycle = workload_cycle_at(d, w->now_ns);
    double rest_s = (double)(span_ns % d->period) / WORKLOAD_NS_PER_S;
    int64_t cycles = span_ns / d->period;
    return (double)cycles * cycle.mean_per_s * cycle.period_s + workload_cycle_mass(&cycle, rest_s);
}

/* Nanoseconds from now in which `mass` requests are expected, without surges. */
static double workload_invert(const struct workload *w, double mass)
{
    const struct workload_arrivals *arrivals = &w->params->arrivals;
    if (arrivals->kind == WORKLOAD_POISSON) return mass / arrivals->poisson * WORKLOAD_NS_PER_S;
    struct workload_cycle cycle = workload_cycle_at(&arrivals->diurnal, w->now_ns);
    return workload_cycle_invert(&cycle, mass) * WORKLOAD_NS_PER_S;
}

/* Move now to where `hazard` expected requests have been gathered; false when they never are. */
static bool workload_gather(struct workload *w, double hazard)
{
    for (;;) {
        int64_t until_ns;
        double factor = workload_factor(w, w->now_ns, &until_ns);
        bool last = until_ns == INT64_MAX;
        double here = last || factor == 0.0 ? 0.0 : factor * workload_mass(w, until_ns);
        if (factor > 0.0 && (last || hazard <= here))
            return workload_after(w->now_ns, workload_invert(w, hazard / factor), &w->now_ns);
        if (last) return false;
        hazard -= here;
        w->now_ns = until_ns;
    }
}

/* When the moment `replay_ns` of the trace comes.  The pair (now, replay) is only moved where the
 * speed changes: rounding does not add up, and at speed 1 times are those of the file. */
static bool workload_replay(struct workload *w, int64_t replay_ns, int64_t *time_ns)
{
    for (;;) {
        int64_t until_ns;
        double speed = w->params->arrivals.trace.speed * workload_factor(w, w->now_ns, &until_ns);
        double left_ns = replay_ns > w->replay_ns ? (double)(replay_ns - w->replay_ns) : 0.0;
        double span_ns = (double)(until_ns - w->now_ns);
        bool last = until_ns == INT64_MAX;
        if (speed > 0.0 && (last || left_ns <= speed * span_ns))
            return workload_after(w->now_ns, left_ns / speed, time_ns);
        if (last) return false;
        w->replay_ns += (int64_t)(speed * span_ns + 0.5);
        w->now_ns = until_ns;
    }
}

/* ---- what ---------------------------------------------------------------------------------- */

static struct rng_stream workload_stream(const struct workload *w, uint32_t purpose)
{
    return rng_open(w->seed, w->replication, purpose, w->count);
}

static uint32_t workload_length(struct rng_stream *stream, const struct workload_curve *curve)
{
    double tokens = variate_quantiles(rng_unit(stream), curve->p, curve->tokens, curve->count);
    return tokens < 1.0 ? 1 : (uint32_t)(tokens + 0.5);
}

static void workload_lengths(const struct workload *w, struct rng_stream *prompt,
                             struct rng_stream *output, struct workload_arrival *out)
{
    const struct workload_lengths *lengths = &w->params->lengths;
    if (lengths->kind == WORKLOAD_LENGTHS_FIXED) {
        out->prompt_tok = (uint32_t)lengths->fixed.prompt;
        out->output_tok = (uint32_t)lengths->fixed.output;
    } else {
        out->prompt_tok = workload_length(prompt, &w->prompt);
        out->output_tok = workload_length(output, &w->output);
    }
}

static money_t workload_value(const struct workload *w, struct rng_stream *stream)
{
    double usd = dist_draw(&w->params->value, stream);
    return money_from_real(usd < WORKLOAD_VALUE_MAX_USD ? usd : WORKLOAD_VALUE_MAX_USD, 9);
}

static void workload_put_text(struct workload_arrival *out, const struct session_text *text)
{
    out->prompt_tok = text->prompt_tok;
    out->stream = text->stream;
    out->prefix = text->prefix;
    out->prefix_tok = text->prefix_tok;
    out->shared_tok = text->shared_tok;
    out->images = text->images;
}

static void workload_put_images(const struct workload *w, uint32_t recorded,
                                struct session_text *text)
{
    struct rng_stream stream = workload_stream(w, WORKLOAD_STREAM_IMAGES);
    workload_images_put(&w->params->images, &stream, recorded, text);
}

static enum status workload_next_recorded(struct workload *w, struct workload_arrival *out,
                                          bool *more)
{
    struct trace_row row;
    int64_t limit = w->params->arrivals.trace.limit;
    *more = false;
    if (limit > 0 && w->count >= limit) return STATUS_OK;
    enum status status = trace_next(w->trace, &row, more);
    if (!*more) return status;
    *more = workload_replay(w, row.time_ns, &out->time_ns);
    out->output_tok = row.output_tok;
    bool whole = w->params->arrivals.trace.turns == WORKLOAD_TURNS_WHOLE;
    struct session_text text =
        row.session
            ? session_recorded(&w->sessions, row.session, whole, row.prompt_tok, row.output_tok)
            : session_open_text(&w->sessions, w->count, row.prompt_tok);
    if (row.session == 0)
        workload_put_images(w, trace_counts_images(w->trace) ? row.images : UINT32_MAX, &text);
    workload_put_text(out, &text);
    return STATUS_OK;
}

static bool workload_next_drawn(struct workload *w, struct workload_arrival *out)
{
    struct rng_stream gap = workload_stream(w, WORKLOAD_STREAM_GAP);
    struct rng_stream prompt = workload_stream(w, WORKLOAD_STREAM_PROMPT);
    struct rng_stream output = workload_stream(w, WORKLOAD_STREAM_OUTPUT);
    if (!workload_gather(w, variate_exponential_inverse(&gap, 1.0))) return false;
    out->time_ns = w->now_ns;
    workload_lengths(w, &prompt, &output, out);
    struct session_text text = session_open_text(&w->sessions, w->count, out->prompt_tok);
    workload_put_images(w, UINT32_MAX, &text);
    workload_put_text(out, &text);
    return true;
}

/* It may be the first turn of a session. */
static void workload_begin_session(struct workload *w, struct workload_arrival *out)
{
    uint32_t turns = session_length(&w->sessions, w->count);
    struct session_text text = {
        .prefix = out->prefix, .prefix_tok = out->prefix_tok, .images = out->images};
    if (turns > UINT32_MAX - w->ids) turns = 1;
    if (turns > 1)
        out->session =
            session_begin(&w->sessions, w->count, turns, out->request, out->client, &text);
    if (out->session != UINT32_MAX) out->stream = text.stream;
    w->ids += turns;
}

enum status workload_next(struct workload *w, struct workload_arrival *out, bool *more)
{
    *out = (struct workload_arrival){.request = w->ids, .who = w->count, .session = UINT32_MAX};
    *more = false;
    if (w->ids == UINT32_MAX) return STATUS_OK; /* keys of streams end here */
    if (w->trace)
        TRY(workload_next_recorded(w, out, more), "replaying request %u", w->count);
    else
        *more = workload_next_drawn(w, out);
    if (!*more) return STATUS_OK;
    struct rng_stream client = workload_stream(w, WORKLOAD_STREAM_CLIENT);
    struct rng_stream value = workload_stream(w, WORKLOAD_STREAM_VALUE);
    out->client = (uint32_t)rng_below(&client, (uint64_t)w->params->clients);
    out->value_usd_nano = workload_value(w, &value);
    workload_begin_session(w, out);
    w->count++;
    return STATUS_OK;
}

/* ---- later turns --------------------------------------------------------------------------- */

bool workload_answered(struct workload *w, uint32_t session, uint32_t prompt_tok,
                       uint32_t output_tok, int64_t *think_ns)
{
    if (session_answered(&w->sessions, session, prompt_tok, output_tok, think_ns)) return true;
    session_close(&w->sessions, session);
    return false;
}

bool workload_turn(struct workload *w, uint32_t session, int64_t now_ns,
                   struct workload_arrival *out)
{
    struct session *one = &w->sessions.items[session];
    struct session_text text;
    *out = (struct workload_arrival){.time_ns = now_ns,
                                     .request = one->next_id++,
                                     .who = one->first,
                                     .client = one->client,
                                     .session = session};
    one->turn++;
    struct rng_stream prompt = session_draw(&w->sessions, session, SESSION_DRAW_PROMPT);
    struct rng_stream output = session_draw(&w->sessions, session, SESSION_DRAW_OUTPUT);
    struct rng_stream value = session_draw(&w->sessions, session, SESSION_DRAW_VALUE);
    workload_lengths(w, &prompt, &output, out);
    out->value_usd_nano = workload_value(w, &value);
    if (session_turn(&w->sessions, session, out->prompt_tok, out->output_tok, &text)) {
        workload_put_text(out, &text);
        return true;
    }
    session_close(&w->sessions, session);
    return false;
}

void workload_leave(struct workload *w, uint32_t session)
{
    session_close(&w->sessions, session);
}

double workload_mean_rate(const struct workload_params *params)
{
    const struct workload_arrivals *arrivals = &params->arrivals;
    if (arrivals->kind == WORKLOAD_POISSON) return arrivals->poisson;
    if (arrivals->kind == WORKLOAD_DIURNAL) return arrivals->diurnal.mean;
    struct arena arena;
    struct diag diag;
    struct trace_summary summary = {0};
    arena_init(&arena, "trace summary", 0);
    diag_init(&diag, &arena);
    bool readable =
        trace_check(arrivals->trace.file, (struct diag_where){0}, NULL, NULL, &diag, &summary);
    arena_free(&arena);
    if (!readable || summary.duration_ns <= 0) return 0;
    return (double)summary.requests * arrivals->trace.speed /
           ((double)summary.duration_ns / WORKLOAD_NS_PER_S);
}

/* ---- checkpoints --------------------------------------------------------------------------- */

void workload_arrival_snap(struct workload_arrival *arrival, struct snap *snap, uint32_t clients)
{
    SNAP_COVERS(struct workload_arrival, 96);
    snap_i64(snap, &arrival->time_ns);
    snap_u32(snap, &arrival->request);
    snap_below(snap, &arrival->client, clients);
    snap_u32(snap, &arrival->prompt_tok);
    snap_u32(snap, &arrival->output_tok);
    snap_u32(snap, &arrival->who);
    snap_u32(snap, &arrival->session);
    snap_u32(snap, &arrival->prefix_tok);
    snap_u32(snap, &arrival->shared_tok);
    session_images_snap(&arrival->images, snap);
    snap_u64(snap, &arrival->stream);
    snap_u64(snap, &arrival->prefix);
    snap_money(snap, &arrival->value_usd_nano);
}

void workload_snap(struct workload *w, struct snap *snap)
{
    SNAP_COVERS(struct workload, 232);
    snap_begin(snap, "workload");
    snap_u32(snap, &w->count);
    snap_u32(snap, &w->ids);
    snap_i64(snap, &w->now_ns);
    snap_i64(snap, &w->replay_ns);
    snap_same(snap, w->trace != NULL, "traces");
    if (w->trace && snap_sound(snap)) trace_snap(w->trace, snap);
    if (w->now_ns < 0) snap_fail(snap, "arrivals are known up to a time before the start");
    snap_end(snap);
    sessions_snap(&w->sessions, snap, (uint32_t)w->params->clients);
}
