/* SPDX-License-Identifier: Apache-2.0
 * The folder of a recorded run: what the engine stated about itself, and its requests.
 *
 * A setting is looked for where the engine resolved it, then where it was asked for, then in the
 * simulated cluster's file; null is the same as not there. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/replay_run.h"

enum { FILE_BYTES_MAX = 1 << 30, FINDINGS_MAX = 20, ORDER = 2000, TOKENS_MAX = 1 << 27 };

/* A longer wait between arrival and queued_ts than any step takes: the clocks do not agree. */
#define LOOK_MAX_S 5.0
/* A shorter one is no wait for the end of a step. */
#define LOOK_MIN_S 1e-3

struct reading {
    struct replay *r;
    struct arena *arena;
    struct diag *diag;
    const struct json_value *meta, *config, *instance; /* instance: the first of config.json */
    const char *meta_path, *config_path;
};

/* ---- files ---------------------------------------------------------------------------------- */

/* The file in the folder of the run; as published, the engine's files lie in vllm/ below the one
 * that holds config.json. */
static const char *path_of(const struct replay *r, const char *name, struct arena *arena)
{
    static const char *const places[] = {"", "vllm/", "../"};
    bool below = strcmp(name, "config.json") == 0;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *path = arena_print(arena, "%s/%s%s", r->params.run, places[i], name);
        FILE *file = i == 2 && !below ? NULL : fopen(path, "rb");
        if (file == NULL) continue;
        fclose(file);
        return path;
    }
    return arena_print(arena, "%s/%s", r->params.run, name);
}

static const char *read_file(const char *path, uint32_t order, size_t *length, struct arena *arena,
                             struct diag *diag)
{
    struct diag_where where = {.file = path, .order = order};
    FILE *file = fopen(path, "rb");
    size_t capacity = 1 << 16, got;
    char *text = arena_alloc(arena, capacity, 1);
    *length = 0;
    while (file != NULL && (got = fread(text + *length, 1, capacity - *length, file)) > 0) {
        *length += got;
        if (*length < capacity) continue;
        text = arena_grow(arena, text, capacity, 2 * capacity, 1);
        capacity *= 2;
        if (capacity > FILE_BYTES_MAX) break;
    }
    bool bad = file == NULL || ferror(file) != 0;
    if (bad) diag_add(diag, where, NULL, "cannot be read (%s)", strerror(errno));
    if (!bad && capacity > FILE_BYTES_MAX) diag_add(diag, where, NULL, "is larger than 1 GiB");
    if (file != NULL) fclose(file);
    return bad || capacity > FILE_BYTES_MAX ? NULL : text;
}

static const struct json_value *read_json(struct reading *x, const char *path, uint32_t order)
{
    size_t length;
    const char *text = read_file(path, order, &length, x->arena, x->diag);
    struct diag_where where = {.file = path, .order = order, .line = 1, .column = 1};
    const struct json_value *value =
        text ? json_read(x->arena, where, text, length, x->diag) : NULL;
    if (value != NULL && value->kind != JSON_OBJECT) {
        diag_add(x->diag, where, NULL, "holds no object");
        return NULL;
    }
    return value;
}

/* ---- settings ------------------------------------------------------------------------------- */

enum { PLACES = 4 };
struct setting {
    const char *name;
    const char *meta[PLACES]; /* paths, the first that is there counts */
    const char *instance;     /* key of an instance in config.json */
};

static const struct json_value *find(const struct reading *x, const struct setting *s)
{
    for (int i = 0; i < PLACES && s->meta[i] != NULL; i++) {
        const struct json_value *value = json_read_at(x->meta, s->meta[i]);
        if (value != NULL) return value;
    }
    return s->instance ? json_read_at(x->instance, s->instance) : NULL;
}

static void refuse(struct reading *x, const struct json_value *value, const char *name,
                   const char *what)
{
    diag_add(x->diag, value->where, name, "%s", what);
}

static int64_t whole(struct reading *x, const struct setting *s, int64_t low, int64_t high,
                     int64_t fallback)
{
    const struct json_value *value = find(x, s);
    int64_t out;
    if (value == NULL) return fallback;
    if (!json_read_whole(value, &out))
        refuse(x, value, s->name, "is not a whole number");
    else if (out < low || out > high)
        refuse(x, value, s->name,
               arena_print(x->arena, "%lld is out of range (allowed: %lld to %lld)", (long long)out,
                           (long long)low, (long long)high));
    else
        return out;
    return fallback;
}

static void note_assumed(struct reading *x, const struct setting *s, const char *fallback)
{
    if (find(x, s) == NULL)
        replay_note(x->r, arena_print(x->arena, "the run does not state %s: %s is assumed", s->name,
                                      fallback));
}

static bool yes(struct reading *x, const struct setting *s, bool fallback)
{
    const struct json_value *value = find(x, s);
    if (value == NULL) return fallback;
    if (value->kind == JSON_BOOL) return value->truth;
    refuse(x, value, s->name, "is neither true nor false");
    return fallback;
}

static const char *text(struct reading *x, const struct setting *s, const char *fallback)
{
    const struct json_value *value = find(x, s);
    if (value == NULL) return fallback;
    if (value->kind == JSON_TEXT) return value->text;
    refuse(x, value, s->name, "is not a text");
    return fallback;
}

#define RESOLVED(part, key) "resolved_config." part "." key
#define KWARGS(key) "engine_kwargs." key

static void read_limits(struct reading *x)
{
    static const struct setting
        seqs = {"max_num_seqs",
                {RESOLVED("scheduler_config", "max_num_seqs"), KWARGS("max_num_seqs")},
                NULL},
        batched = {"max_num_batched_tokens",
                   {RESOLVED("scheduler_config", "max_num_batched_tokens"),
                    KWARGS("max_num_batched_tokens")},
                   NULL},
        length = {"max_model_len",
                  {RESOLVED("model_config", "max_model_len"), KWARGS("max_model_len")},
                  NULL},
        chunk = {"long_prefill_token_threshold",
                 {RESOLVED("scheduler_config", "long_prefill_token_threshold"),
                  KWARGS("long_prefill_token_threshold")},
                 NULL},
        chunked = {"enable_chunked_prefill",
                   {RESOLVED("scheduler_config", "enable_chunked_prefill"),
                    RESOLVED("scheduler_config", "chunked_prefill_enabled"),
                    KWARGS("enable_chunked_prefill")},
                   NULL},
        reserve = {"scheduler_reserve_full_isl",
                   {RESOLVED("scheduler_config", "scheduler_reserve_full_isl"),
                    KWARGS("scheduler_reserve_full_isl")},
                   NULL},
        ahead = {"async_scheduling",
                 {RESOLVED("scheduler_config", "async_scheduling"), KWARGS("async_scheduling")},
                 NULL};
    struct replay_engine *e = &x->r->engine;
    note_assumed(x, &seqs, "256");
    note_assumed(x, &batched, "2048");
    e->max_num_seqs = whole(x, &seqs, 1, 65536, 256);
    e->max_num_batched_tokens = whole(x, &batched, 1, 1 << 20, 2048);
    e->max_model_len = whole(x, &length, 1, TOKENS_MAX, 0);
    e->long_prefill_token_threshold = whole(x, &chunk, 0, 1 << 20, 0);
    e->chunked_prefill = yes(x, &chunked, true);
    e->reserve_full_isl = yes(x, &reserve, true);
    e->async_scheduling = yes(x, &ahead, false);
}

/* Ranks of one group in config.json are instances with the same dp_group. */
static int64_t ranks_in_config(const struct reading *x)
{
    const struct json_value *group = json_read_at(x->instance, "dp_group");
    int64_t count = 0;
    if (group == NULL || group->kind != JSON_TEXT) return 1;
    const struct json_value *nodes = json_read_at(x->config, "nodes");
    for (const struct json_value *n = nodes->first; n; n = n->next) {
        const struct json_value *instances = json_read_at(n, "instances");
        for (const struct json_value *i = instances ? instances->first : NULL; i; i = i->next) {
            const struct json_value *own = json_read_at(i, "dp_group");
            count += own && own->kind == JSON_TEXT && strcmp(own->text, group->text) == 0;
        }
    }
    return count > 0 ? count : 1;
}

static void read_parallel(struct reading *x)
{
    static const struct setting tensor = {"tensor_parallel_size",
                                          {RESOLVED("parallel_config", "tensor_parallel_size"),
                                           KWARGS("tensor_parallel_size")},
                                          "tp_size"},
                                pipeline = {"pipeline_parallel_size",
                                            {RESOLVED("parallel_config", "pipeline_parallel_size"),
                                             KWARGS("pipeline_parallel_size")},
                                            "pp_size"},
                                data = {"data_parallel_size",
                                        {RESOLVED("parallel_config", "data_parallel_size"),
                                         KWARGS("data_parallel_size")},
                                        NULL},
                                expert = {"enable_expert_parallel",
                                          {RESOLVED("parallel_config", "enable_expert_parallel"),
                                           KWARGS("enable_expert_parallel")},
                                          NULL},
                                groups = {"ep_size", {NULL}, "ep_size"};
    struct replay_engine *e = &x->r->engine;
    e->tp = whole(x, &tensor, 1, 64, 1);
    e->pp = whole(x, &pipeline, 1, 512, 1);
    e->dp = whole(x, &data, 1, REPLAY_RANKS, ranks_in_config(x));
    e->spread = yes(x, &expert, whole(x, &groups, 1, 4096, 1) > 1);
}

/* With data-parallel ranks the engine states the sum of their blocks, and tokens of one rank. */
static void read_cache(struct reading *x)
{
    static const struct setting blocks = {"num_gpu_blocks",
                                          {"kv_cache.num_gpu_blocks",
                                           RESOLVED("cache_config", "num_gpu_blocks"),
                                           RESOLVED("cache_config", "num_gpu_blocks_override")},
                                          NULL},
                                size = {"block_size",
                                        {"kv_cache.block_size",
                                         RESOLVED("cache_config", "block_size"),
                                         KWARGS("block_size")},
                                        NULL},
                                tokens = {"kv_cache_size_tokens",
                                          {RESOLVED("cache_config", "kv_cache_size_tokens")},
                                          NULL},
                                all = {"num_kv_tokens", {"kv_cache.num_kv_tokens"}, NULL},
                                caching = {"enable_prefix_caching",
                                           {"kv_cache.enable_prefix_caching",
                                            RESOLVED("cache_config", "enable_prefix_caching"),
                                            KWARGS("enable_prefix_caching")},
                                           NULL};
    static const char memory[] = "kv_cache.gpu_memory_utilization";
    struct replay_engine *e = &x->r->engine;
    e->block_tok = whole(x, &size, 1, 1024, 16);
    e->kv_blocks = whole(x, &blocks, 2, 1000000000, 0);
    int64_t of_rank = whole(x, &tokens, 1, INT64_MAX, 0) / e->block_tok;
    if (e->dp > 1 && e->kv_blocks > 0)
        e->kv_blocks = of_rank > 0 ? of_rank : e->kv_blocks / e->dp;
    else if (e->kv_blocks == 0)
        e->kv_blocks = whole(x, &all, 1, INT64_MAX, 0) / e->block_tok / e->dp;
    e->prefix_caching = yes(x, &caching, true);
    const struct json_value *share = json_read_at(x->meta, memory);
    e->memory_utilization = 0.9;
    if (share == NULL) return;
    if (share->kind != JSON_NUMBER || !(share->number > 0.0 && share->number <= 1.0))
        refuse(x, share, "gpu_memory_utilization", "is no share between 0 and 1");
    else
        e->memory_utilization = share->number;
}

/* Captured sizes, unless the engine ran without graphs. */
static void read_graphs(struct reading *x)
{
    static const struct setting eager = {
        "enforce_eager",
        {RESOLVED("model_config", "enforce_eager"), KWARGS("enforce_eager")},
        NULL};
    struct replay_engine *e = &x->r->engine;
    const struct json_value *sizes =
        json_read_at(x->meta, RESOLVED("compilation_config", "cudagraph_capture_sizes"));
    const struct json_value *mode =
        json_read_at(x->meta, RESOLVED("compilation_config", "cudagraph_mode"));
    if (mode != NULL && mode->kind == JSON_ARRAY) mode = mode->first;
    bool none = mode != NULL && ((mode->kind == JSON_NUMBER && mode->number == 0.0) ||
                                 (mode->kind == JSON_TEXT && strcmp(mode->text, "NONE") == 0));
    if (sizes == NULL || sizes->kind != JSON_ARRAY || none || yes(x, &eager, false)) return;
    e->graph_tok = arena_alloc(x->arena, sizes->length + 1u, sizeof *e->graph_tok);
    for (const struct json_value *v = sizes->first; v; v = v->next) {
        int64_t size;
        if (!json_read_whole(v, &size) || size < 1 ||
            (e->graphs > 0 && size <= e->graph_tok[e->graphs - 1])) {
            refuse(x, v, "cudagraph_capture_sizes", "is no list of growing sizes");
            return;
        }
        e->graph_tok[e->graphs++] = size;
    }
}

/* GB/s and ns of one link, each way. */
static void read_link(struct reading *x)
{
    const struct json_value *bandwidth = json_read_at(x->config, "link_bw");
    const struct json_value *latency = json_read_at(x->config, "link_latency");
    struct replay_engine *e = &x->r->engine;
    if (bandwidth == NULL) return;
    if (bandwidth->kind != JSON_NUMBER || !(bandwidth->number > 0.0 && bandwidth->number < 1e6))
        refuse(x, bandwidth, "link_bw", "is no bandwidth in GB/s");
    else if (latency != NULL &&
             (latency->kind != JSON_NUMBER || !(latency->number >= 0.0 && latency->number < 1e9)))
        refuse(x, latency, "link_latency", "is no time in ns");
    else {
        e->link_bytes_per_s = bandwidth->number * 1e9;
        e->link_latency_ns = latency ? latency->number : 0.0;
    }
}

/* Of a card that the catalog may not know: bandwidth in GB/s, memory in bytes. */
static void read_card(struct reading *x)
{
    const struct json_value *bandwidth =
        x->instance ? json_read_at(x->instance, "npu_mem.mem_bw") : NULL;
    const struct json_value *bytes = json_read_at(x->meta, "hardware.device_total_memory_bytes");
    struct replay_engine *e = &x->r->engine;
    if (bandwidth && bandwidth->kind == JSON_NUMBER && bandwidth->number > 0.0 &&
        bandwidth->number < 1e6)
        e->bandwidth_bytes_per_s = bandwidth->number * 1e9;
    if (bytes && bytes->kind == JSON_NUMBER && bytes->number > 1e9 && bytes->number < 1e15)
        e->memory_bytes = bytes->number;
}

static void read_names(struct reading *x)
{
    static const struct setting
        model = {"model",
                 {"model", KWARGS("model"), RESOLVED("model_config", "model")},
                 "model_name"},
        hardware = {"hardware", {NULL}, "hardware"},
        device = {"device_name", {"hardware.device_name"}, NULL},
        version = {"vllm_version", {"vllm_version"}, NULL},
        dtype = {"dtype", {RESOLVED("model_config", "dtype"), KWARGS("dtype")}, NULL},
        quantization = {"quantization",
                        {RESOLVED("model_config", "quantization"), KWARGS("quantization")},
                        NULL};
    struct replay_engine *e = &x->r->engine;
    e->model = text(x, &model, NULL);
    e->device = text(x, &device, NULL);
    e->hardware = text(x, &hardware, e->device);
    e->version = text(x, &version, "of unknown version");
    bool fp8 = strstr(text(x, &dtype, ""), "fp8") != NULL ||
               strstr(text(x, &quantization, ""), "fp8") != NULL;
    e->dtype = fp8 ? PERF_FP8 : PERF_BF16;
}

/* What the engine did and the replay does not. */
static void note_rest(struct reading *x)
{
    static const struct setting policy = {
        "policy", {RESOLVED("scheduler_config", "policy"), KWARGS("scheduling_policy")}, NULL};
    const char *name = text(x, &policy, "fcfs");
    if (strcmp(name, "fcfs") != 0)
        replay_note(x->r, arena_print(x->arena,
                                      "the run was scheduled by policy %s; the file has no "
                                      "priorities, so it is replayed first come first served",
                                      name));
    if (json_read_at(x->meta, "resolved_config.speculative_config") != NULL)
        replay_note(x->r, "the run decoded speculatively; it is replayed without");
    if (x->r->engine.pp > 1)
        replay_note(x->r, "a pipeline carries one batch at a time here: latency is right, "
                          "throughput too low");
}

bool replay_read_engine(struct replay *r, struct arena *arena, struct diag *diag)
{
    struct reading x = {.r = r, .arena = arena, .diag = diag};
    uint32_t before = diag->count;
    x.meta_path = path_of(r, "meta.json", arena);
    x.config_path = path_of(r, "config.json", arena);
    x.meta = read_json(&x, x.meta_path, ORDER);
    x.config = read_json(&x, x.config_path, ORDER + 1);
    if (diag->count > before) return false;
    const struct json_value *nodes = json_read_at(x.config, "nodes");
    const struct json_value *list =
        nodes && nodes->kind == JSON_ARRAY ? json_read_at(nodes->first, "instances") : NULL;
    x.instance = list && list->kind == JSON_ARRAY ? list->first : NULL;
    read_names(&x);
    read_limits(&x);
    read_parallel(&x);
    read_cache(&x);
    read_graphs(&x);
    read_link(&x);
    read_card(&x);
    if (r->engine.model == NULL)
        diag_add(diag, x.meta->where, "model", "is not there: which model was served?");
    if (r->engine.hardware == NULL)
        diag_add(diag, x.config->where, "hardware", "is not there: on which card?");
    note_rest(&x);
    return diag->count == before;
}

/* ---- requests ------------------------------------------------------------------------------- */

struct row {
    struct replay_request request;
    double queued, first, last, arrival; /* s, NaN: null or not there */
};

struct rows {
    struct row *items;
    uint32_t count, capacity;
};

struct line {
    struct reading *x;
    const struct json_value *object;
    bool good, whole;
};

/* A time in s; NaN when it is null. */
static double time_of(struct line *l, const char *key, bool needed)
{
    const struct json_value *value = NULL;
    for (const struct json_value *m = l->object->first; m; m = m->next)
        if (strcmp(m->key, key) == 0) value = m;
    if (value == NULL && needed) {
        diag_add(l->x->diag, l->object->where, key, "is missing");
        l->good = false;
    }
    if (value == NULL || value->kind == JSON_NULL) {
        l->whole &= !needed;
        return NAN;
    }
    if (value->kind == JSON_NUMBER && fabs(value->number) < 1e15) return value->number;
    diag_add(l->x->diag, value->where, key, "is not a time in seconds");
    l->good = false;
    return NAN;
}

static int64_t tokens_of(struct line *l, const char *key, int64_t least)
{
    const struct json_value *value = json_read_at(l->object, key);
    int64_t tokens = 0;
    if (value == NULL)
        diag_add(l->x->diag, l->object->where, key, "is missing");
    else if (!json_read_whole(value, &tokens))
        diag_add(l->x->diag, value->where, key, "is not a whole number");
    else if (tokens < least || tokens > TOKENS_MAX)
        diag_add(l->x->diag, value->where, key, "%lld is out of range (allowed: %lld to %d)",
                 (long long)tokens, (long long)least, TOKENS_MAX);
    else
        return tokens;
    l->good = false;
    return 1;
}

static bool unordered(struct line *l, double earlier, double later, const char *key,
                      const char *what)
{
    const struct json_value *value = json_read_at(l->object, key);
    if (!(later < earlier)) return false;
    diag_add(l->x->diag, value ? value->where : l->object->where, key, "%s", what);
    l->good = false;
    return true;
}

/* Could the empty engine hold it?  One block is vLLM's null block. */
static void check_fits(struct line *l, const struct replay_request *q)
{
    const struct replay_engine *e = &l->x->r->engine;
    int64_t held = q->prompt_tok + q->output_tok - 1;
    int64_t blocks = (held + e->block_tok - 1) / e->block_tok;
    const char *why = NULL;
    if (blocks > e->kv_blocks - 1)
        why = arena_print(l->x->arena, "needs %lld KV blocks and the run has %lld",
                          (long long)blocks, (long long)e->kv_blocks - 1);
    else if (e->max_model_len > 0 && q->prompt_tok + q->output_tok > e->max_model_len)
        why = arena_print(l->x->arena, "has %lld tokens in all, above max_model_len %lld",
                          (long long)q->prompt_tok + q->output_tok, (long long)e->max_model_len);
    else if (!e->chunked_prefill && q->prompt_tok > e->max_num_batched_tokens)
        why = arena_print(l->x->arena,
                          "its prompt of %lld tokens is above max_num_batched_tokens %lld, and "
                          "chunked prefill is off",
                          (long long)q->prompt_tok, (long long)e->max_num_batched_tokens);
    if (why == NULL) return;
    diag_add(l->x->diag, l->object->where, NULL, "the request cannot fit: %s", why);
    l->good = false;
}

static void read_row(struct reading *x, const struct json_value *object, struct rows *rows)
{
    struct line l = {x, object, true, true};
    struct row row = {.queued = time_of(&l, "queued_ts", true),
                      .first = time_of(&l, "first_token_ts", true),
                      .last = time_of(&l, "last_token_ts", true),
                      .arrival = time_of(&l, "arrival_time", false)};
    row.request.prompt_tok = tokens_of(&l, "input_toks", 1);
    row.request.output_tok = tokens_of(&l, "output_toks", l.whole); /* an aborted one may have 0 */
    if (l.good && l.whole &&
        !unordered(&l, row.queued, row.first, "first_token_ts", "is before queued_ts"))
        unordered(&l, row.first, row.last, "last_token_ts", "is before first_token_ts");
    if (l.good) check_fits(&l, &row.request);
    if (!l.good) return;
    if (!l.whole) {
        x->r->left_out++;
        return;
    }
    if (rows->count == rows->capacity) {
        uint32_t more = rows->capacity ? 2 * rows->capacity : 512;
        rows->items = arena_grow(x->arena, rows->items, rows->capacity, more, sizeof row);
        rows->capacity = more;
    }
    rows->items[rows->count++] = row;
}

static void read_rows(struct reading *x, const char *path, const char *content, size_t length,
                      struct rows *rows)
{
    uint32_t before = x->diag->count;
    struct arena scratch; /* of one line */
    struct diag_where where = {.file = path, .order = ORDER + 2, .line = 0, .column = 1};
    arena_init(&scratch, "line", 0);
    for (const char *at = content, *end = content + length; at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t size = (size_t)((stop ? stop : end) - at);
        where.line++;
        if (strspn(at, " \t\r") < size) {
            const struct json_value *value = json_read(&scratch, where, at, size, x->diag);
            if (value != NULL && value->kind == JSON_OBJECT)
                read_row(x, value, rows);
            else if (value != NULL)
                diag_add(x->diag, where, NULL, "holds no object");
            arena_reset(&scratch);
        }
        if (x->diag->count >= before + FINDINGS_MAX) {
            diag_add(x->diag, where, NULL, "and more; reading stops here");
            break;
        }
        at += size + 1;
    }
    arena_free(&scratch);
    where.line = where.column = 0;
    if (rows->count == 0 && x->diag->count == before)
        diag_add(x->diag, where, NULL, "holds no request with all its times");
}

static int64_t ns_of(double s, double base)
{
    return (int64_t)floor((s - base) * 1e9 + 0.5);
}

/* Wall-clock arrivals are laid beside queued_ts so that the least wait is none.  True when they can
 * be used: each has one, and the waits look like those for the end of a step. */
static bool align(const struct rows *rows, double *offset)
{
    double least = INFINITY, most = -INFINITY;
    for (uint32_t i = 0; i < rows->count; i++) {
        double wait = rows->items[i].queued - rows->items[i].arrival;
        if (isnan(wait)) return false;
        least = fmin(least, wait);
        most = fmax(most, wait);
    }
    *offset = least;
    return most - least >= LOOK_MIN_S && most - least <= LOOK_MAX_S;
}

static int by_arrival(const void *a, const void *b)
{
    const struct replay_request *x = a, *y = b;
    if (x->arrival_ns != y->arrival_ns) return x->arrival_ns < y->arrival_ns ? -1 : 1;
    if (x->queued_ns != y->queued_ns) return x->queued_ns < y->queued_ns ? -1 : 1;
    if (x->prompt_tok != y->prompt_tok) return x->prompt_tok < y->prompt_tok ? -1 : 1;
    return (x->output_tok > y->output_tok) - (x->output_tok < y->output_tok);
}

static void settle(struct replay *r, struct rows *rows, struct arena *arena)
{
    double base = INFINITY, offset = 0.0;
    r->looks = r->params.arrivals == REPLAY_ARRIVED && align(rows, &offset);
    if (r->params.arrivals == REPLAY_ARRIVED && !r->looks)
        replay_note(r, "arrival_time cannot be laid beside queued_ts, which is used");
    for (uint32_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->items[i];
        base = fmin(base, r->looks ? row->arrival + offset : row->queued);
    }
    r->count = rows->count;
    r->requests = arena_alloc(arena, rows->count, sizeof *r->requests);
    for (uint32_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->items[i];
        struct replay_request *q = &r->requests[i];
        *q = row->request;
        q->queued_ns = ns_of(row->queued, base);
        q->first_ns = ns_of(row->first, base);
        q->last_ns = ns_of(row->last, base);
        q->arrival_ns = r->looks ? ns_of(row->arrival + offset, base) : q->queued_ns;
    }
    qsort(r->requests, r->count, sizeof *r->requests, by_arrival);
}

void replay_read_requests(struct replay *r, struct arena *arena, struct diag *diag)
{
    struct reading x = {.r = r, .arena = arena, .diag = diag};
    struct rows rows = {0};
    size_t length;
    uint32_t before = diag->count;
    const char *path = path_of(r, "requests.jsonl", arena);
    const char *content = read_file(path, ORDER + 2, &length, arena, diag);
    if (content != NULL) read_rows(&x, path, content, length, &rows);
    if (diag->count > before) return;
    settle(r, &rows, arena);
    if (r->left_out > 0)
        replay_note(r, arena_print(arena, "%u requests without all their times were left out",
                                   r->left_out));
}
