/* SPDX-License-Identifier: Apache-2.0
 * The file of a replay: what it names, what is found there, and what is said about it. */
#include "models/replay.h"

#include <string.h>
#include <sys/stat.h>

#include "models/perf_catalog.h"
#include "models/perf_names.h"
#include "models/perf_tables.h"
#include "models/replay_run.h"

/* ---- the file ------------------------------------------------------------------------------- */

static const char *const kinds[] = {"vllm_run", NULL};
static const char *const arrivals[] = {"queued_ts", "arrival_time", NULL};
#define NOT_GIVEN "none"

static const struct param rows[] = {
    {.key = "replay",
     .type = PARAM_ENUM,
     .offset = offsetof(struct replay_params, replay),
     .meaning = "kind of recorded run",
     .names = kinds},
    PARAM(replay_params, name, PARAM_NAME, NULL, NULL, NULL, "name of the replay", NULL),
    PARAM(replay_params, doc, PARAM_STRING, NOT_GIVEN, NULL, NULL, "what it asks", "none"),
    PARAM(replay_params, run, PARAM_PATH, NOT_GIVEN, NULL, NULL,
          "folder with requests.jsonl, meta.json and config.json", "none"),
    PARAM(replay_params, tables, PARAM_PATH, NOT_GIVEN, NULL, NULL,
          "folder of the card's profile: the one with tp<N>, tp<N> itself, or one above them",
          "none"),
    PARAM(
        replay_params, hardware, PARAM_NAME, NOT_GIVEN, NULL, NULL,
        "the card, by its name in the catalog, where the run's own name for it is not known there",
        "the run"),
    PARAM(replay_params, model, PARAM_NAME, NOT_GIVEN, NULL, NULL,
          "the model, by its name in the catalog, where the run's own name is not known there",
          "the run"),
    {.key = "arrivals",
     .type = PARAM_ENUM,
     .offset = offsetof(struct replay_params, arrivals),
     .def = "queued_ts",
     .meaning =
         "when requests are given to the engine, and what latencies count from: the recorded "
         "queued_ts, or arrival_time and our own end of the step that runs then",
     .source = "docs/decisions/0013-replayed-runs.md",
     .names = arrivals},
    {.key = "expect",
     .type = PARAM_TEXTS,
     .offset = offsetof(struct replay_params, expect),
     .def = "",
     .meaning = "conditions on the replay's figures",
     .source = "none"},
};
static const struct param_table replay_table = PARAM_TABLE("replay", replay_params, rows);

const struct param_table *replay_keys(void)
{
    return &replay_table;
}

bool replay_is(struct arena *arena, const char *path)
{
    struct diag unread;
    diag_init(&unread, arena);
    struct param_doc *doc = param_load(arena, path, NULL, 0, &unread);
    bool is = doc != NULL && param_given(doc, "replay");
    if (doc != NULL) param_close(doc);
    return is;
}

void replay_note(struct replay *r, const char *note)
{
    if (r->note_count < REPLAY_NOTES) r->notes[r->note_count++] = note;
}

/* ---- what the run was made with ---------------------------------------------------------------
 */

static const char *chosen(const char *given, const char *stated)
{
    return strcmp(given, NOT_GIVEN) != 0 ? given : stated;
}

/* A card that the catalog does not know: its own memory and bandwidth, and for what lies outside
 * its tables the efficiencies of the card that comes nearest in bandwidth. */
static bool unknown_card(struct replay *r, struct arena *arena)
{
    const struct replay_engine *e = &r->engine;
    const struct perf_hardware *nearest = NULL;
    double least = 0.0;
    if (strcmp(r->params.hardware, NOT_GIVEN) != 0 || e->bandwidth_bytes_per_s <= 0.0) return false;
    for (size_t i = 0; i < PERF_HARDWARE; i++) {
        const struct perf_hardware *h = &perf_catalog_hardware[i];
        double ratio = h->bandwidth_bytes_per_s / e->bandwidth_bytes_per_s;
        double far = ratio > 1.0 ? ratio : 1.0 / ratio;
        if (h->link_bytes_per_s <= 0.0 || (nearest != NULL && far >= least)) continue;
        nearest = h;
        least = far;
    }
    r->hardware = *nearest;
    r->hardware.bandwidth_bytes_per_s = e->bandwidth_bytes_per_s;
    if (e->memory_bytes > 0.0) r->hardware.memory_bytes = e->memory_bytes;
    replay_note(r, arena_print(arena,
                               "%s is not in the catalog; what its tables lack is worked out with "
                               "its %.4g GB/s and the efficiencies of %s (--set hardware=NAME "
                               "chooses another)",
                               e->hardware, e->bandwidth_bytes_per_s / 1e9, nearest->name));
    return true;
}

static bool match(struct replay *r, struct arena *arena, struct diag *diag)
{
    const char *model = chosen(r->params.model, r->engine.model);
    const char *hardware = chosen(r->params.hardware, r->engine.hardware);
    const struct perf_hardware *h = perf_names_hardware(hardware);
    struct diag_where where = param_where(r->doc, "run");
    r->model = perf_names_model(model);
    if (h == NULL && r->engine.device != NULL && hardware == r->engine.hardware)
        h = perf_names_hardware(r->engine.device);
    if (r->model == NULL)
        diag_add(diag, where, "model", "%s; --set model=NAME names one",
                 perf_names_unknown(arena, "model", model, perf_model_names, PERF_MODELS));
    bool card = h != NULL || unknown_card(r, arena);
    if (!card)
        diag_add(
            diag, where, "hardware", "%s; --set hardware=NAME names one",
            perf_names_unknown(arena, "hardware", hardware, perf_hardware_names, PERF_HARDWARE));
    if (!card || r->model == NULL) return false;
    if (h != NULL) r->hardware = *h;
    if (r->engine.link_bytes_per_s > 0.0)
        r->hardware.link_bytes_per_s = r->engine.link_bytes_per_s / PERF_LINK_RATIO;
    return true;
}

/* ---- its tables -------------------------------------------------------------------------------
 */

static bool is_folder(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

static void note_other_card(struct replay *r, struct arena *arena)
{
    const char *device = r->tables->device;
    const struct perf_hardware *of = device ? perf_names_hardware(device) : NULL;
    if (of != NULL && strcmp(of->name, r->hardware.name) != 0)
        replay_note(r, arena_print(arena, "the profile is of %s, and the run was made on %s",
                                   device, r->engine.hardware));
}

static bool load_tables(struct replay *r, struct arena *arena, struct diag *diag)
{
    struct perf_tables_ask ask = {.folder = r->params.tables,
                                  .hardware = &r->hardware,
                                  .model = r->model,
                                  .dtype = r->engine.dtype,
                                  .tp = (int32_t)r->engine.tp,
                                  .run_hardware = r->engine.hardware,
                                  .run_model = r->engine.model,
                                  .profile = true,
                                  .where = param_where(r->doc, "tables"),
                                  .key = "tables"};
    r->tables = perf_tables_load(&ask, arena, diag);
    if (r->tables == NULL) return false;
    if (!r->tables->profile)
        diag_add(diag, ask.where, ask.key,
                 "%s holds op tables; a replay needs the profile of its model", ask.folder);
    for (uint32_t i = 0; i < r->tables->warning_count; i++)
        replay_note(r, r->tables->warnings[i]);
    note_other_card(r, arena);
    return r->tables->profile;
}

/* ---- the engine -------------------------------------------------------------------------------
 */

static const char *misfit(const struct replay *r)
{
    const struct replay_engine *e = &r->engine;
    const char *why = perf_unfit(&r->hardware, r->model, e->tp);
    if (why == NULL) why = perf_unfit_stages(&r->hardware, r->model, e->tp, e->pp, 1);
    return why;
}

static bool make_engine(struct replay *r, struct arena *arena, struct diag *diag)
{
    const struct replay_engine *e = &r->engine;
    const char *why = misfit(r);
    struct diag_where where = param_where(r->doc, "run");
    if (why != NULL) {
        diag_add(diag, where, "run", "%s on %s: %s", r->model->name, r->hardware.name, why);
        return false;
    }
    bool together = e->dp > 1 && r->model->experts > 0;
    struct perf_terms terms = {.hardware = &r->hardware,
                               .model = r->model,
                               .dtype = e->dtype,
                               .tp = (int32_t)e->tp,
                               .pp = (int32_t)e->pp,
                               .ep = 1,
                               .tables = r->tables,
                               .engine = {e->graph_tok, e->graphs, e->link_bytes_per_s,
                                          e->link_latency_ns, together ? (int32_t)e->dp : 1}};
    r->perf = perf_make(&terms, arena);
    r->serving =
        (struct serving_params){.policy = SERVING_VLLM_V1,
                                .max_num_seqs = e->max_num_seqs,
                                .max_num_batched_tokens = e->max_num_batched_tokens,
                                .max_model_len = e->max_model_len,
                                .chunked_prefill = e->chunked_prefill ? SERVING_ON : SERVING_OFF,
                                .long_prefill_token_threshold = e->long_prefill_token_threshold,
                                .reserve_full_isl = e->reserve_full_isl ? SERVING_ON : SERVING_OFF,
                                .prefix_caching = e->prefix_caching,
                                .async_scheduling = e->async_scheduling,
                                .gpu_memory_utilization = e->memory_utilization,
                                .block_tokens = e->block_tok,
                                .kv_blocks = e->kv_blocks,
                                .max_waiting = REPLAY_REQUESTS,
                                .fidelity = SERVING_STEP};
    if (e->max_num_batched_tokens < e->max_num_seqs) {
        diag_add(diag, where, "run", "max_num_batched_tokens is below max_num_seqs");
        return false;
    }
    if (e->kv_blocks == 0)
        replay_note(r, "the run does not say how many KV blocks it had: worked out from memory");
    struct perf_memory memory;
    r->engine.kv_blocks = r->serving.kv_blocks = serving_blocks(&r->serving, &r->perf, &memory);
    if (r->engine.kv_blocks >= 2) return true;
    char text[256];
    diag_add(diag, where, "run", "states no KV blocks, and the model does not fit: %s",
             perf_memory_text(text, sizeof text, &r->perf, &memory));
    return false;
}

/* ---- loading ----------------------------------------------------------------------------------
 */

static const char *absent_reason(struct replay *r)
{
    bool run = param_given(r->doc, "run"), tables = param_given(r->doc, "tables");
    if (run && tables) return NULL;
    if (run) return "no tables are named: --set tables=DIR, the folder of the card's profile";
    return tables ? "no run is named: --set run=DIR, with requests.jsonl, meta.json and config.json"
                  : "no run is named: --set run=DIR --set tables=DIR";
}

static void fill(struct replay *r, struct arena *arena, struct diag *diag)
{
    if (!is_folder(r->params.run))
        diag_add(diag, param_where(r->doc, "run"), "run", "there is no folder %s", r->params.run);
    else if (replay_read_engine(r, arena, diag) && match(r, arena, diag) &&
             load_tables(r, arena, diag) && make_engine(r, arena, diag))
        replay_read_requests(r, arena, diag);
}

struct replay *replay_load(struct arena *arena, const char *path, const char *const *sets,
                           size_t set_count, struct diag *diag, const char **absent)
{
    struct replay *r = arena_alloc(arena, 1, sizeof *r);
    uint32_t before = diag->count;
    *absent = NULL;
    r->doc = param_load(arena, path, sets, set_count, diag);
    if (r->doc == NULL) return NULL;
    param_read(r->doc, &replay_table, &r->params, diag);
    if (diag->count == before) *absent = absent_reason(r);
    if (diag->count == before && *absent == NULL) fill(r, arena, diag);
    return r;
}

const struct param_text *replay_expects(const struct replay *replay, uint32_t *count)
{
    *count = replay->params.expect.count;
    return replay->params.expect.items;
}

void replay_close(struct replay *replay)
{
    param_close(replay->doc);
}

/* ---- what is said about it ----------------------------------------------------------------------
 */

static const char *engine_text(const struct replay *r, struct arena *arena)
{
    const struct replay_engine *e = &r->engine;
    const char *text =
        arena_print(arena, "vLLM %s, %s (%s) %s on %s (%s)", e->version, e->model, r->model->name,
                    perf_dtype_names[e->dtype], e->hardware, r->hardware.name);
    if (e->tp > 1) text = arena_print(arena, "%s, tp %lld", text, (long long)e->tp);
    if (e->pp > 1) text = arena_print(arena, "%s, pp %lld", text, (long long)e->pp);
    if (e->dp > 1)
        text = arena_print(arena, "%s, dp %lld%s", text, (long long)e->dp,
                           r->perf.engine.replicas > 1 ? " in lock step over shared experts" : "");
    text = arena_print(arena, "%s; %lld KV blocks of %lld%s, %lld sequences and %lld tokens a step",
                       text, (long long)e->kv_blocks, (long long)e->block_tok,
                       e->dp > 1 ? " a rank" : "", (long long)e->max_num_seqs,
                       (long long)e->max_num_batched_tokens);
    if (e->prefix_caching) text = arena_print(arena, "%s, prefix cache", text);
    if (e->async_scheduling) text = arena_print(arena, "%s, scheduled one step ahead", text);
    if (e->graphs > 0)
        text = arena_print(arena, "%s, padded to graphs up to %lld tokens", text,
                           (long long)e->graph_tok[e->graphs - 1]);
    return text;
}

static const char *requests_text(const struct replay *r, struct arena *arena)
{
    long long prompt = 0, output = 0;
    for (uint32_t i = 0; i < r->count; i++) {
        prompt += r->requests[i].prompt_tok;
        output += r->requests[i].output_tok;
    }
    return arena_print(arena, "%u requests, %lld prompt and %lld output tokens; given at %s",
                       r->count, prompt, output,
                       r->looks ? "arrival_time, queued at the end of a step" : "queued_ts");
}

struct replay_about replay_about(const struct replay *r, struct arena *arena)
{
    return (struct replay_about){.name = r->params.name,
                                 .run = r->params.run,
                                 .tables = r->tables->folder,
                                 .requests = requests_text(r, arena),
                                 .engine = engine_text(r, arena),
                                 .times = perf_tables_text(r->tables, arena),
                                 .notes = r->notes,
                                 .note_count = r->note_count};
}

struct replay_result replay_run(const struct replay *r, struct arena *arena)
{
    struct replay_result result = {0};
    struct replay_times *times = arena_alloc(arena, r->count, sizeof *times);
    replay_steps(r, arena, times, &result);
    replay_statistics(r, times, arena, &result);
    return result;
}
