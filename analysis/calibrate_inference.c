/* SPDX-License-Identifier: Apache-2.0
 * hacasim calibrate inference: command line, the engine that is timed, the device's name. */
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/analysis.h"
#include "analysis/calibrate_inference.h"
#include "analysis/options.h"
#include "models/models.h"

enum {
    KEY_MODEL = 256,
    KEY_SHAPE,
    KEY_LAYERS,
    KEY_BACKEND,
    KEY_DTYPE,
    KEY_ORDER,
    KEY_TOKENS,
    KEY_BATCH,
    KEY_CONTEXT,
    KEY_KV,
    KEY_REPEATS,
    KEY_HELD_OUT,
    KEY_TARGET,
    KEY_SEED,
    KEY_THREADS,
    KEY_WEIGHTS,
    KEY_OUTPUT = 'o'
};

/* ---- the model ------------------------------------------------------------------------------ */

/* Neither changes a time. */
#define ROPE_THETA 500000.0
#define NORM_EPS 1e-5

static void take_catalog(const struct argp_state *state, struct calibrate_asked *a,
                         const char *name)
{
    struct models_shape m;
    if (!models_shape_find(name, &m)) {
        size_t count = 0;
        while (perf_model_names[count] != NULL)
            count++;
        const char *near = diag_nearest(name, perf_model_names, count);
        argp_error(state,
                   near ? "--model: unknown model '%s'; did you mean '%s'?"
                        : "--model: unknown model '%s' (hacasim schema lists them)",
                   name, near);
        return;
    }
    if (m.latent)
        argp_error(state, "--model: %s has latent attention, which the engine does not have", name);
    if (m.shared > 0)
        argp_error(state, "--model: %s has shared experts, which the engine does not have", name);
    a->model = name;
    a->all_layers = m.layers;
    a->terms.shape = (struct infer_shape){.layers = m.layers,
                                          .hidden = m.hidden,
                                          .heads = m.heads,
                                          .kv_heads = m.kv_heads,
                                          .head_dim = m.head_dim,
                                          .vocab = m.vocab,
                                          .ffn = m.ffn,
                                          .dense_layers = m.dense_layers,
                                          .experts = m.experts,
                                          .active = m.active,
                                          .expert_ffn = m.expert_ffn,
                                          .rope_theta = ROPE_THETA,
                                          .norm_eps = NORM_EPS};
}

/* "layers=2,hidden=256,..." */
static void take_shape(const struct argp_state *state, struct calibrate_asked *a, const char *text)
{
    struct infer_shape *s = &a->terms.shape;
    struct {
        const char *name;
        int32_t *value;
    } keys[] = {{"layers", &s->layers},
                {"hidden", &s->hidden},
                {"heads", &s->heads},
                {"kv_heads", &s->kv_heads},
                {"head_dim", &s->head_dim},
                {"vocab", &s->vocab},
                {"ffn", &s->ffn},
                {"dense_layers", &s->dense_layers},
                {"experts", &s->experts},
                {"active", &s->active},
                {"expert_ffn", &s->expert_ffn}};
    enum { KEYS = sizeof keys / sizeof *keys };
    *s = (struct infer_shape){.rope_theta = ROPE_THETA, .norm_eps = NORM_EPS, .dense_layers = -1};
    a->model = text;
    char *copy = strdup(text), *rest = copy;
    for (char *word; (word = strsep(&rest, ",")) != NULL;) {
        char *equals = strchr(word, '=');
        size_t i = 0;
        if (equals != NULL) *equals = '\0';
        while (i < KEYS && strcmp(keys[i].name, word) != 0)
            i++;
        if (i == KEYS || equals == NULL)
            argp_error(state,
                       "--shape: '%s' is not KEY=NUMBER with a KEY of layers, hidden, heads, "
                       "kv_heads, head_dim, vocab, ffn, dense_layers, experts, active, "
                       "expert_ffn",
                       word);
        else
            *keys[i].value = (int32_t)options_count(state, "--shape", equals + 1, 0, INT32_MAX / 4);
    }
    free(copy);
    if (s->dense_layers < 0) s->dense_layers = s->experts > 0 ? 0 : s->layers;
    a->all_layers = s->layers;
}

/* ---- command line --------------------------------------------------------------------------- */

struct arguments {
    struct calibrate_asked asked;
    const char *model, *shape;
    int32_t layers;
};

static int choice(const struct argp_state *state, const char *option, const char *text,
                  const char *const *names)
{
    size_t count = 0;
    const char *list = "";
    char all[256] = "";
    for (; names[count] != NULL; count++) {
        if (strcmp(names[count], text) == 0) return (int)count;
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", list, names[count]);
        list = ", ";
    }
    const char *near = diag_nearest(text, names, count);
    argp_error(state,
               near ? "%s: '%s' is not one of %s; did you mean '%s'?" : "%s: '%s' is not one of %s",
               option, text, all, near);
    return 0;
}

static double percent(const struct argp_state *state, const char *option, const char *text)
{
    double value = 0.0;
    const char *why = NULL;
    if (param_scan(PARAM_RATIO, text, strlen(text), &value, &why) != 0)
        argp_error(state, "%s: '%s' %s", option, text, why);
    else if (!(value > 0.0 && value <= 1.0))
        argp_error(state, "%s: '%s' is out of range (allowed: above 0 %% to 100 %%)", option, text);
    return value;
}

static void finish(const struct argp_state *state, struct arguments *arguments)
{
    struct calibrate_asked *a = &arguments->asked;
    if ((arguments->model == NULL) == (arguments->shape == NULL))
        argp_error(state, "exactly one of --model and --shape says what to time");
    if (a->folder == NULL) argp_error(state, "--output names the folder for the tables");
    if (arguments->model != NULL)
        take_catalog(state, a, arguments->model);
    else if (arguments->shape != NULL)
        take_shape(state, a, arguments->shape);
    struct infer_shape *s = &a->terms.shape;
    if (arguments->layers > a->all_layers)
        argp_error(state, "--layers: %d is out of range (allowed: 1 to %d)", arguments->layers,
                   a->all_layers);
    if (arguments->layers == 0) return;
    s->layers = arguments->layers;
    if (s->experts == 0 || s->dense_layers > s->layers) s->dense_layers = s->layers;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    static const char *const backends[] = {"cpu", "cuda", NULL};
    static const char *const orders[] = {"fast", "invariant", NULL};
    struct arguments *arguments = state->input;
    struct calibrate_asked *a = &arguments->asked;
    switch (key) {
    case KEY_MODEL:
        arguments->model = text;
        return 0;
    case KEY_SHAPE:
        arguments->shape = text;
        return 0;
    case KEY_LAYERS:
        arguments->layers = (int32_t)options_count(state, "--layers", text, 1, 1024);
        return 0;
    case KEY_BACKEND:
        a->terms.backend = (enum infer_backend)choice(state, "--backend", text, backends);
        return 0;
    case KEY_DTYPE:
        a->terms.dtype = (enum infer_dtype)choice(state, "--dtype", text, infer_dtype_names);
        return 0;
    case KEY_ORDER:
        a->terms.order = (enum infer_order)choice(state, "--order", text, orders);
        return 0;
    case KEY_TOKENS:
        a->tokens_max = options_count(state, "--tokens", text, 2, 65536);
        return 0;
    case KEY_BATCH:
        a->batch_max = options_count(state, "--batch", text, 1, 4096);
        return 0;
    case KEY_CONTEXT:
        a->context_max = options_count(state, "--context", text, 2, 1 << 20);
        return 0;
    case KEY_KV:
        a->kv_tok_max = options_count(state, "--kv-tokens", text, 16, 1 << 28);
        return 0;
    case KEY_REPEATS:
        a->repeats = (uint32_t)options_count(state, "--repeats", text, 3, CALIBRATE_REPEATS_MAX);
        return 0;
    case KEY_HELD_OUT:
        a->held_out = (uint32_t)options_count(state, "--held-out", text, 1, 1000);
        return 0;
    case KEY_TARGET:
        a->target = percent(state, "--target", text);
        return 0;
    case KEY_SEED:
        a->terms.seed = (uint64_t)options_count(state, "--seed", text, 0, INT64_MAX);
        return 0;
    case KEY_THREADS:
        a->terms.threads = (int32_t)options_count(state, "--threads", text, 1, 4096);
        return 0;
    case KEY_WEIGHTS:
        a->terms.weights = text;
        return 0;
    case KEY_OUTPUT:
        a->folder = text;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "calibrate inference takes no arguments");
        return EINVAL;
    case ARGP_KEY_END:
        finish(state, arguments);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option table[] = {
    {.name = "model", .key = KEY_MODEL, .arg = "NAME", .doc = "a model of the catalog"},
    {.name = "shape",
     .key = KEY_SHAPE,
     .arg = "KEY=N,...",
     .doc = "or a shape of your own: layers hidden heads kv_heads head_dim vocab ffn dense_layers "
            "experts active expert_ffn"},
    {.name = "layers",
     .key = KEY_LAYERS,
     .arg = "N",
     .doc = "hold only so many of the model's layers, where memory is short"},
    {.name = "backend", .key = KEY_BACKEND, .arg = "NAME", .doc = "cpu (default) or cuda"},
    {.name = "dtype",
     .key = KEY_DTYPE,
     .arg = "NAME",
     .doc = "of weights: bf16 (default), fp32 (cpu), fp8 (cuda)"},
    {.name = "order", .key = KEY_ORDER, .arg = "NAME", .doc = "fast (default) or invariant"},
    {.name = "weights",
     .key = KEY_WEIGHTS,
     .arg = "FILE",
     .doc = "a safetensors file (default: drawn)"},
    {.name = "tokens", .key = KEY_TOKENS, .arg = "N", .doc = "most tokens of a step (512)"},
    {.name = "batch", .key = KEY_BATCH, .arg = "N", .doc = "most sequences (32)"},
    {.name = "context", .key = KEY_CONTEXT, .arg = "N", .doc = "longest context (4096)"},
    {.name = "kv-tokens",
     .key = KEY_KV,
     .arg = "N",
     .doc = "most sequences x context at a time (32768)"},
    {.name = "repeats", .key = KEY_REPEATS, .arg = "N", .doc = "runs of each point (9)"},
    {.name = "held-out",
     .key = KEY_HELD_OUT,
     .arg = "N",
     .doc = "points of each operation kept to judge the table (12)"},
    {.name = "target",
     .key = KEY_TARGET,
     .arg = "RATIO",
     .doc = "error of interpolation above which points are added (3%)"},
    {.name = "seed", .key = KEY_SEED, .arg = "N", .doc = "of weights and held-out points (1)"},
    {.name = "threads", .key = KEY_THREADS, .arg = "N", .doc = "of the CPU (all)"},
    {.name = "output", .key = KEY_OUTPUT, .arg = "DIR", .doc = "folder for ops.csv and moe.csv"},
    {.name = NULL},
};

static const struct argp command = {
    .options = table,
    .parser = parse,
    .doc = "Time the operations of a model on this machine and write them as timing tables."
           "\vThe machine should have nothing else to do.  A scenario uses the folder as "
           "timing: {tables: DIR}.",
};

/* ---- the device ----------------------------------------------------------------------------- */

static const char *cpu_name(struct arena *arena)
{
    char line[256];
    const char *name = "x86-64 CPU";
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char *colon = strchr(line, ':');
        if (colon == NULL || strncmp(line, "model name", 10) != 0) continue;
        colon[1 + strcspn(colon + 1, "\n")] = '\0';
        name = arena_text(arena, colon + 2, strlen(colon + 2));
        break;
    }
    if (file != NULL) fclose(file);
    return arena_print(arena, "%s, %ld cores", name, sysconf(_SC_NPROCESSORS_ONLN));
}

static void name_device(const struct calibrate_asked *a, struct arena *arena,
                        struct calibrate_result *r)
{
    if (a->terms.backend == INFER_CPU) {
        r->device = cpu_name(arena);
        return;
    }
    struct gpu_device device = gpu_probe();
    r->device = arena_text(arena, device.name, strlen(device.name));
    r->driver = arena_print(arena, "CUDA %d.%d", device.driver / 1000, device.driver % 1000 / 10);
}

/* Room for the widest step; KV memory enough that the caches do not hold all of it. */
static void settle_limits(struct calibrate_asked *a)
{
    struct infer_terms *t = &a->terms;
    if (a->batch_max > a->tokens_max) a->batch_max = a->tokens_max;
    if (a->kv_tok_max < a->context_max) a->kv_tok_max = a->context_max;
    t->block_tok = 16;
    t->seqs_max = (int32_t)a->batch_max;
    t->step_tok_max = (int32_t)a->tokens_max;
    t->context_max = (int32_t)(a->context_max > a->tokens_max ? a->context_max : a->tokens_max);
    t->blocks = (int32_t)(a->kv_tok_max / t->block_tok + a->batch_max + a->tokens_max / 16 + 1);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (t->threads == 0) t->threads = cores > 0 ? (int32_t)cores : 1;
}

static enum status calibrate(struct calibrate_asked *a, struct arena *arena)
{
    struct calibrate_result result = {0};
    struct infer *engine;
    settle_limits(a);
    name_device(a, arena, &result);
    fprintf(stderr, "calibrate: making %d layers of %s\n", (int)a->terms.shape.layers, a->model);
    TRY(infer_open(&engine, &a->terms), "calibrate inference");
    enum status status = calibrate_sweep(a, engine, arena, &result);
    infer_close(engine);
    if (status != STATUS_OK) return status;
    TRY(calibrate_write(a, &result), "calibrate inference");
    calibrate_print(a, &result);
    printf("%s/ops.csv\n", a->folder);
    if (a->terms.shape.experts > 0) printf("%s/moe.csv\n", a->folder);
    return STATUS_OK;
}

int calibrate_inference(int argc, char **argv)
{
    struct arguments arguments = {.asked = {.terms = {.dtype = INFER_BF16, .seed = 1},
                                            .tokens_max = 512,
                                            .batch_max = 32,
                                            .context_max = 4096,
                                            .kv_tok_max = 32768,
                                            .repeats = 9,
                                            .held_out = 12,
                                            .target = 0.03}};
    struct arena arena;
    argp_parse(&command, argc, argv, 0, NULL, &arguments);
    arena_init(&arena, "calibration", 0);
    enum status status = calibrate(&arguments.asked, &arena);
    arena_free(&arena);
    return options_exit(status);
}
