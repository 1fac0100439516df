/* SPDX-License-Identifier: Apache-2.0
 * A scenario's own models and hardware. */
#include "models/scenario_own.h"

#include <stdarg.h>
#include <string.h>

#define NOTHING "none"
#define SHAPE(field, most, what)                                                                   \
    {                                                                                              \
        .key = #field, .type = PARAM_COUNT,                                                        \
        .offset = offsetof(struct scenario_model, shape.field), .def = "0", .min = "0",            \
        .max = (most), .meaning = (what), .source = "0: as `like`, or as config.json leaves it"    \
    }

static const struct param model_rows[] = {
    PARAM(scenario_model, name, PARAM_NAME, NULL, NULL, NULL,
          "a model of the catalog, or a new name with a shape", NULL),
    PARAM(scenario_model, share, PARAM_RATIO, "100%", "0%", "100%",
          "share of the requests that ask for it", "assumption"),
    PARAM(scenario_model, like, PARAM_NAME, NOTHING, NULL, NULL,
          "model of the catalog from which a model of your own takes what it does not say", "none"),
    SHAPE(layers, "1000", "layers"),
    SHAPE(hidden, "1000000", "width of the residual stream"),
    SHAPE(heads, "10000", "query heads"),
    SHAPE(kv_heads, "10000", "KV heads; 0 without `like`: as many as heads"),
    SHAPE(head_dim, "10000", "elements of a head; 0 without `like`: hidden / heads"),
    SHAPE(vocab, "10000000", "entries of the vocabulary"),
    SHAPE(ffn, "10000000", "width of a dense feed-forward"),
    SHAPE(dense_layers, "1000", "layers with a dense feed-forward; without experts: all"),
    SHAPE(experts, "1024", "routed experts of a layer"),
    SHAPE(active, "1024", "of them for each token"),
    SHAPE(shared, "1024", "experts that every token takes"),
    SHAPE(expert_ffn, "10000000", "width of an expert"),
    SHAPE(q_rank, "1000000", "latent attention: rank of queries"),
    SHAPE(kv_rank, "1000000", "latent attention: rank of keys and values"),
    SHAPE(rope_dim, "10000", "latent attention: rotated elements of a head"),
    SHAPE(nope_dim, "10000", "latent attention: other elements of a key"),
    SHAPE(value_dim, "10000", "latent attention: elements of a value"),
};
const struct param_table scenario_model_table = PARAM_TABLE("model", scenario_model, model_rows);

#define AS_LIKE "0: that of `like`"
static const struct param hardware_rows[] = {
    PARAM(scenario_hardware, name, PARAM_NAME, NULL, NULL, NULL, "a new name", NULL),
    PARAM(scenario_hardware, like, PARAM_NAME, NULL, NULL, NULL,
          "hardware of the catalog from which what is not given is taken", NULL),
    PARAM(scenario_hardware, memory, PARAM_BYTES, "0 B", "0 B", "1000 TiB", "memory", AS_LIKE),
    PARAM(scenario_hardware, bandwidth, PARAM_BANDWIDTH, "0 B/s", "0 B/s", "1000 TB/s", "of memory",
          AS_LIKE),
    PARAM(scenario_hardware, bf16, PARAM_FLOPS, "0 FLOP/s", "0 FLOP/s", "1000000 TFLOP/s",
          "dense peak", AS_LIKE),
    PARAM(scenario_hardware, fp8, PARAM_FLOPS, "0 FLOP/s", "0 FLOP/s", "1000000 TFLOP/s",
          "dense peak; 0: as much above bf16 as that of `like`", AS_LIKE),
    PARAM(scenario_hardware, power, PARAM_WATTS, "0 W", "0 W", "1000000 W", "rated power", AS_LIKE),
    PARAM(scenario_hardware, link, PARAM_BANDWIDTH, "0 B/s", "0 B/s", "1000 TB/s",
          "to its peers, one direction", AS_LIKE),
    PARAM(scenario_hardware, rent, PARAM_USD_PER_H, "$0/h", "$0/h", "$10000/h", "rent", AS_LIKE),
    PARAM(scenario_hardware, weights_ratio, PARAM_RATIO, "0%", "0%", "100%",
          "share of bandwidth at which weights are read", AS_LIKE),
    PARAM(scenario_hardware, kv_ratio, PARAM_RATIO, "0%", "0%", "100%",
          "share of bandwidth at which KV is read", AS_LIKE),
    PARAM(scenario_hardware, compute_ratio, PARAM_RATIO, "0%", "0%", "100%",
          "share of peak that products reach", AS_LIKE),
    PARAM(scenario_hardware, attention_ratio, PARAM_RATIO, "0%", "0%", "100%",
          "share of peak that prefill attention reaches", AS_LIKE),
};
const struct param_table scenario_hardware_table =
    PARAM_TABLE("hardware", scenario_hardware, hardware_rows);

/* ---- names ---------------------------------------------------------------------------------- */

const struct perf_model *scenario_own_model(const struct scenario_own *own, const char *name)
{
    for (uint32_t i = 0; own && i < own->model_count; i++)
        if (strcmp(own->models[i].name, name) == 0) return &own->models[i];
    return perf_model_find(name);
}

const struct perf_hardware *scenario_own_hardware(const struct scenario_own *own, const char *name)
{
    for (uint32_t i = 0; own && i < own->hardware_count; i++)
        if (strcmp(own->hardware[i].name, name) == 0) return &own->hardware[i];
    return perf_hardware_find(name);
}

const char *const *scenario_own_model_names(const struct scenario_own *own, struct arena *arena,
                                            size_t *count)
{
    uint32_t more = own ? own->model_count : 0;
    const char **names = arena_alloc(arena, (size_t)PERF_MODELS + more, sizeof *names);
    for (uint32_t i = 0; i < PERF_MODELS; i++)
        names[i] = perf_model_names[i];
    for (uint32_t i = 0; i < more; i++)
        names[PERF_MODELS + i] = own->models[i].name;
    *count = (size_t)PERF_MODELS + more;
    return names;
}

const char *const *scenario_own_hardware_names(const struct scenario_own *own, struct arena *arena,
                                               size_t *count)
{
    uint32_t more = own ? own->hardware_count : 0;
    const char **names = arena_alloc(arena, (size_t)PERF_HARDWARE + more, sizeof *names);
    for (uint32_t i = 0; i < PERF_HARDWARE; i++)
        names[i] = perf_hardware_names[i];
    for (uint32_t i = 0; i < more; i++)
        names[PERF_HARDWARE + i] = own->hardware[i].name;
    *count = (size_t)PERF_HARDWARE + more;
    return names;
}

/* ---- checking ------------------------------------------------------------------------------- */

struct own_checker {
    struct param_doc *doc;
    struct arena *arena;
    struct diag *diag;
    const char *list;
    uint32_t index;
};

static const char *own_path(struct own_checker *c, const char *key)
{
    return arena_print(c->arena, "%s[%u]%s%s", c->list, c->index, key[0] ? "." : "", key);
}

static bool own_refuse(struct own_checker *c, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static bool own_refuse(struct own_checker *c, const char *key, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const char *text = arena_vprint(c->arena, format, arguments);
    va_end(arguments);
    param_error(c->doc, c->diag, own_path(c, key), "%s", text);
    return false;
}

static bool own_unknown(struct own_checker *c, const char *name, const char *const *known,
                        size_t count)
{
    const char *near = diag_nearest(name, known, count);
    return own_refuse(c, "like", "'%s' is not in the catalog%s%s%s", name,
                      near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

/* ---- models --------------------------------------------------------------------------------- */

static bool own_shaped(const struct scenario_model *m)
{
    static const struct scenario_shape nothing;
    return memcmp(&m->shape, &nothing, sizeof nothing) != 0 || strcmp(m->like, NOTHING) != 0;
}

/* What is given takes the place of what `model` has. */
static void own_overlay(struct perf_model *model, const struct scenario_shape *s)
{
    const struct {
        int64_t given;
        int32_t *place;
    } fields[] = {
        {s->layers, &model->layers},
        {s->hidden, &model->hidden},
        {s->heads, &model->heads},
        {s->kv_heads, &model->kv_heads},
        {s->head_dim, &model->head_dim},
        {s->vocab, &model->vocab},
        {s->ffn, &model->ffn},
        {s->dense_layers, &model->dense_layers},
        {s->experts, &model->experts},
        {s->active, &model->active},
        {s->shared, &model->shared},
        {s->expert_ffn, &model->expert_ffn},
        {s->q_rank, &model->q_rank},
        {s->kv_rank, &model->kv_rank},
        {s->rope_dim, &model->rope_dim},
        {s->nope_dim, &model->nope_dim},
        {s->value_dim, &model->value_dim},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (fields[i].given > 0) *fields[i].place = (int32_t)fields[i].given;
    if (model->experts == 0) model->dense_layers = model->layers;
    if (model->kv_heads == 0) model->kv_heads = model->heads;
    if (model->head_dim == 0 && model->heads > 0) model->head_dim = model->hidden / model->heads;
}

static bool own_needs(struct own_checker *c, const struct perf_model *m)
{
    const struct {
        const char *key;
        int32_t value;
        bool needed;
    } fields[] = {
        {"layers", m->layers, true},
        {"hidden", m->hidden, true},
        {"heads", m->heads, true},
        {"head_dim", m->head_dim, true},
        {"vocab", m->vocab, true},
        {"ffn", m->ffn, m->dense_layers > 0 || m->experts == 0},
        {"active", m->active, m->experts > 0},
        {"expert_ffn", m->expert_ffn, m->experts > 0},
        {"experts", m->experts, m->active > 0 || m->shared > 0 || m->expert_ffn > 0},
        {"q_rank", m->q_rank, m->kv_rank > 0},
        {"rope_dim", m->rope_dim, m->kv_rank > 0},
        {"nope_dim", m->nope_dim, m->kv_rank > 0},
        {"value_dim", m->value_dim, m->kv_rank > 0},
        {"kv_rank", m->kv_rank, m->q_rank > 0},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (fields[i].needed && fields[i].value == 0)
            return own_refuse(c, fields[i].key, "missing: the shape of '%s' needs it", m->name);
    return true;
}

static bool own_fits(struct own_checker *c, const struct perf_model *m)
{
    if (m->heads % m->kv_heads != 0)
        return own_refuse(c, "kv_heads", "%d KV heads do not divide %d heads", (int)m->kv_heads,
                          (int)m->heads);
    if (m->active > m->experts)
        return own_refuse(c, "active", "%d are more than the %d experts", (int)m->active,
                          (int)m->experts);
    if (m->dense_layers > m->layers)
        return own_refuse(c, "dense_layers", "%d are more than the %d layers", (int)m->dense_layers,
                          (int)m->layers);
    if (m->experts > 0 && m->dense_layers == m->layers)
        return own_refuse(c, "dense_layers", "all layers are dense: none has the %d experts",
                          (int)m->experts);
    return true;
}

static bool own_model(struct own_checker *c, const struct scenario_model *given,
                      struct perf_model *model)
{
    bool like = strcmp(given->like, NOTHING) != 0;
    const struct perf_model *base = like ? perf_model_find(given->like) : NULL;
    if (like && !base) return own_unknown(c, given->like, perf_model_names, PERF_MODELS);
    if (perf_model_find(given->name))
        return own_refuse(c, "name",
                          "'%s' is in the catalog: a shape of your own needs another "
                          "name",
                          given->name);
    *model = base ? *base : (struct perf_model){.name = NULL};
    model->name = given->name;
    model->published_params = 0.0;
    model->source = "the scenario";
    own_overlay(model, &given->shape);
    return own_needs(c, model) && own_fits(c, model);
}

bool scenario_own_refused(const struct scenario *s, const char *name)
{
    const struct scenario_model *models = s->models.items;
    const struct scenario_hardware *hardware = s->hardware.items;
    for (uint32_t i = 0; i < s->models.count; i++)
        if (models[i].name && strcmp(models[i].name, name) == 0 && own_shaped(&models[i]))
            return scenario_own_model(s->own, name) == NULL;
    for (uint32_t i = 0; i < s->hardware.count; i++)
        if (hardware[i].name && strcmp(hardware[i].name, name) == 0)
            return scenario_own_hardware(s->own, name) == NULL;
    return false;
}

/* ---- hardware ------------------------------------------------------------------------------- */

static double own_else(double given, double base)
{
    return given > 0.0 ? given : base;
}

static bool own_hardware(struct own_checker *c, const struct scenario_hardware *g,
                         struct perf_hardware *h)
{
    const struct perf_hardware *base = perf_hardware_find(g->like);
    if (!base) return own_unknown(c, g->like, perf_hardware_names, PERF_HARDWARE);
    if (perf_hardware_find(g->name))
        return own_refuse(c, "name",
                          "'%s' is in the catalog: hardware of your own needs another "
                          "name",
                          g->name);
    *h = *base;
    h->name = g->name;
    h->memory_bytes = own_else((double)g->memory, base->memory_bytes);
    h->bandwidth_bytes_per_s = own_else(g->bandwidth, base->bandwidth_bytes_per_s);
    h->bf16_flops = own_else(g->bf16, base->bf16_flops);
    h->fp8_flops = own_else(g->fp8, h->bf16_flops * (base->fp8_flops / base->bf16_flops));
    h->power_w = own_else(g->power, base->power_w);
    h->link_bytes_per_s = own_else(g->link, base->link_bytes_per_s);
    h->rental_usd_per_h = own_else(g->rent, base->rental_usd_per_h);
    h->weights_ratio = own_else(g->weights_ratio, base->weights_ratio);
    h->kv_ratio = own_else(g->kv_ratio, base->kv_ratio);
    h->compute_ratio = own_else(g->compute_ratio, base->compute_ratio);
    h->attention_ratio = own_else(g->attention_ratio, base->attention_ratio);
    h->spec_source = h->rental_source = "the scenario";
    h->ratio_source = arena_print(c->arena, "assumption: as %s where not given", g->like);
    return true;
}

/* ---- both ----------------------------------------------------------------------------------- */

static void own_models(struct own_checker *c, const struct scenario *s, struct scenario_own *own)
{
    const struct scenario_model *given = s->models.items;
    struct perf_model *models = arena_alloc(c->arena, s->models.count + 1u, sizeof *models);
    c->list = "models";
    for (c->index = 0; c->index < s->models.count; c->index++) {
        const struct scenario_model *m = &given[c->index];
        if (!param_good(c->doc, own_path(c, "")) || !own_shaped(m)) continue;
        if (own_model(c, m, &models[own->model_count])) own->model_count++;
    }
    own->models = models;
}

static void own_hardwares(struct own_checker *c, const struct scenario *s, struct scenario_own *own)
{
    const struct scenario_hardware *given = s->hardware.items;
    struct perf_hardware *list = arena_alloc(c->arena, s->hardware.count + 1u, sizeof *list);
    c->list = "hardware";
    own->hardware = list;
    for (c->index = 0; c->index < s->hardware.count; c->index++) {
        const struct scenario_hardware *h = &given[c->index];
        if (!param_good(c->doc, own_path(c, ""))) continue;
        bool known = scenario_own_hardware(own, h->name) != NULL && !perf_hardware_find(h->name);
        if (known)
            own_refuse(c, "name", "'%s' is the name of another of this list", h->name);
        else if (own_hardware(c, h, &list[own->hardware_count]))
            own->hardware_count++;
    }
}

void scenario_own_check(struct scenario *s, struct param_doc *doc, struct arena *arena,
                        struct diag *diag)
{
    struct own_checker c = {.doc = doc, .arena = arena, .diag = diag};
    struct scenario_own *own = arena_alloc(arena, 1, sizeof *own);
    own_models(&c, s, own);
    own_hardwares(&c, s, own);
    s->own = own;
}
