/* SPDX-License-Identifier: Apache-2.0
 * Loading one stored run.  The names of series, curves and metrics are those of the models; one
 * that a run does not have is simply not found, so that runs of other versions still load. */
#include "analysis/result.h"

#include <math.h>
#include <string.h>

static enum status load_parts(struct store *store, struct arena *arena, struct result *out)
{
    int64_t id = out->run.id;
    struct summary *summary;
    TRY(summary_load(store, arena, &out->run, &summary), "metrics");
    out->summary = summary;
    TRY(steady_load(store, arena, id, out->run.done, &out->steady), "steady state");
    TRY(store_series(store, id, 0, &out->series, &out->series_count), "series");
    TRY(store_curves(store, id, 0, &out->curves, &out->curve_count), "curves");
    TRY(store_caveats(store, id, &out->caveats, &out->caveat_count), "caveats");
    TRY(store_effective(store, id, &out->effective, &out->effective_count), "effective scenario");
    return STATUS_OK;
}

static double horizon_of(const struct result *result)
{
    const char *why;
    int64_t horizon_ns;
    for (size_t i = 0; i < result->effective_count; i++) {
        const struct param_effective *key = &result->effective[i];
        if (strcmp(key->path, "horizon") == 0 &&
            param_scan(PARAM_DURATION, key->value, strlen(key->value), &horizon_ns, &why) == 0)
            return (double)horizon_ns * 1e-9;
    }
    return (double)NAN;
}

enum status result_load(struct store *store, struct arena *arena, const char *name,
                        struct result *out)
{
    *out = (struct result){.summary = NULL};
    TRY(store_find(store, name, &out->run), "loading run %s", name);
    if (out->run.done == 0)
        return status_fail(STATUS_USER, "run %s has no finished replication (it is %s)", name,
                           out->run.state);
    TRY(load_parts(store, arena, out), "loading run %s", name);
    out->horizon_s = horizon_of(out);
    out->label = out->run.name;
    return STATUS_OK;
}

void result_distinguish(struct result *a, struct result *b, struct arena *arena)
{
    if (strcmp(a->run.name, b->run.name) != 0) return;
    a->label = arena_print(arena, "%s #%lld", a->run.name, (long long)a->run.id);
    b->label = arena_print(arena, "%s #%lld", b->run.name, (long long)b->run.id);
}

static const struct store_line *find(const struct store_line *lines, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(lines[i].name, name) == 0) return &lines[i];
    return NULL;
}

const struct store_line *result_series(const struct result *result, const char *name)
{
    return find(result->series, result->series_count, name);
}

const struct store_line *result_curve(const struct result *result, const char *name)
{
    return find(result->curves, result->curve_count, name);
}

double result_metric(const struct result *result, const char *name)
{
    const struct summary_row *row = summary_find(result->summary, name);
    return row && row->n > 0 ? row->mean : (double)NAN;
}

/* A name from a database must not lead out of the folder. */
const char *result_path(const struct result *result, struct arena *arena, const char *file)
{
    char *name = arena_text(arena, result->run.name, strlen(result->run.name));
    for (char *c = name; *c; c++)
        if (*c == '/' || (*c == '.' && c == name)) *c = '_';
    return arena_print(arena, "results/%s/%s", name, file);
}
