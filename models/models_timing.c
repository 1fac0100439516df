/* SPDX-License-Identifier: Apache-2.0
 * Step and kernel times by names, for those who only know the door of models/. */
#include "models/models.h"
#include "models/perf_tables.h"

const char *const models_timing_source_names[] = {"measured", "modelled", "roofline",
                                                  "extrapolated", NULL};

const struct perf_tables *models_timing_tables(const char *folder, const struct models_timing *use,
                                               struct arena *arena, struct diag *diag)
{
    struct perf_tables_ask ask = {.folder = folder,
                                  .hardware = perf_hardware_find(use->hardware),
                                  .model = use->model ? perf_model_find(use->model) : NULL,
                                  .dtype = (enum perf_dtype)use->dtype,
                                  .tp = (int32_t)use->tp,
                                  .key = "tables"};
    return perf_tables_load(&ask, arena, diag);
}

const char *models_timing_warning(const struct perf_tables *tables, uint32_t index)
{
    return index < tables->warning_count ? tables->warnings[index] : NULL;
}

const char *models_timing_unfit(const struct models_timing *t, const char **key)
{
    const struct perf_hardware *hardware = perf_hardware_find(t->hardware);
    const struct perf_model *model = perf_model_find(t->model);
    *key = "tp";
    const char *why = perf_unfit(hardware, model, t->tp);
    if (why != NULL) return why;
    why = perf_unfit_stages(hardware, model, t->tp, t->pp, t->ep);
    *key = perf_unfit_stages(hardware, model, t->tp, t->pp, 1) ? "pp" : "ep";
    return why;
}

static enum models_timing_source source_of(const struct perf_tables *tables, bool outside)
{
    if (outside) return MODELS_TIMING_EXTRAPOLATED;
    return tables->modelled ? MODELS_TIMING_MODELLED : MODELS_TIMING_MEASURED;
}

bool models_timing_sees(const struct models_timing *t)
{
    return perf_model_find(t->model)->vision.layers > 0;
}

enum models_timing_source models_timing_step(const struct models_timing *t,
                                             const struct models_timing_batch *asked,
                                             struct arena *arena, int64_t *ns)
{
    struct perf_terms terms = {.hardware = perf_hardware_find(t->hardware),
                               .model = perf_model_find(t->model),
                               .dtype = (enum perf_dtype)t->dtype,
                               .kv_dtype = (enum perf_dtype)t->kv_dtype,
                               .expert_skew = perf_expert_skew(t->expert_load),
                               .tp = (int32_t)t->tp,
                               .pp = (int32_t)t->pp,
                               .ep = (int32_t)t->ep,
                               .tables = t->tables};
    struct perf perf = perf_make(&terms, arena);
    struct perf_batch batch = {0};
    for (size_t i = 0; i < asked->prefills; i++)
        perf_batch_prefill(&batch, 0, asked->prefill[i], 1);
    for (size_t i = 0; i < asked->decodes; i++)
        perf_batch_decode(&batch, asked->decode[i]);
    for (size_t i = 0; i < asked->image_count; i++)
        perf_batch_image(&batch, asked->images[i]);
    struct perf_line line = perf_step_line(&perf, &batch);
    *ns = perf_step_ns(&perf, &batch);
    bool used = t->tables && (t->tables->profile || t->tables->ops[PERF_GEMM].count > 0);
    return used ? source_of(t->tables, line.outside) : MODELS_TIMING_ROOFLINE;
}

enum models_timing_source models_timing_kernel(const struct models_timing *t, int op,
                                               const int64_t *at, int64_t *ns)
{
    static const enum perf_op ops[] = {PERF_GEMM, PERF_PREFILL, PERF_DECODE};
    struct perf_roof roof = {perf_hardware_find(t->hardware), (enum perf_dtype)t->dtype, ops[op], 0,
                             0};
    struct perf_answer answer = {0.0, PERF_ABSENT};
    if (t->tables)
        answer = perf_points_at(&t->tables->ops[ops[op]], at, PERF_POINTS_NONE, perf_kernel_roof_ns,
                                &roof);
    bool absent = answer.reach == PERF_ABSENT;
    double time_ns = absent ? perf_kernel_roof_ns(&roof, at) : answer.ns;
    *ns = time_ns < 0x1p63 ? (int64_t)(time_ns + 0.5) : -1;
    return absent ? MODELS_TIMING_ROOFLINE : source_of(t->tables, answer.reach == PERF_OUTSIDE);
}
