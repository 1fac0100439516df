/* SPDX-License-Identifier: Apache-2.0
 * The figures of a replayed run beside the real ones. */
#include "analysis/check_replay.h"

#include <inttypes.h>
#include <math.h>

#include "analysis/table.h"

static const char *seconds(struct arena *arena, double s)
{
    if (isnan(s)) return NULL;
    return s < 1.0 ? arena_print(arena, "%.3f ms", 1e3 * s) : arena_print(arena, "%.4f s", s);
}

static void add_row(struct table *table, struct arena *arena, enum replay_what what, int k,
                    const struct replay_result *result)
{
    static const char *const whats[] = {"TTFT", "TPOT", "end to end"};
    static const char *const statistics[] = {"mean", "P90", "P99"};
    double real = result->real_s[what][k], ours = result->ours_s[what][k];
    const char *error =
        real > 0.0 ? arena_print(arena, "%+.2f %%", 100.0 * (ours / real - 1.0)) : NULL;
    const char *cells[] = {arena_print(arena, "        %s, %s", whats[what], statistics[k]),
                           seconds(arena, real), seconds(arena, ours), error};
    table_row(table, cells);
}

void check_replay_print(const struct replay_about *about, const struct replay_result *result,
                        struct arena *arena, FILE *out)
{
    static const char *const header[] = {"", "real", "ours", "error"};
    struct table *table = table_create(arena, "lrrr");
    fprintf(out, "        run     %s: %s\n", about->run, about->requests);
    fprintf(out, "        engine  %s\n", about->engine);
    fprintf(out, "        times   %s\n", about->times);
    for (uint32_t i = 0; i < about->note_count; i++)
        fprintf(out, "        note    %s\n", about->notes[i]);
    table_row(table, header);
    for (int what = 0; what < REPLAY_WHATS; what++)
        for (int k = 0; k < REPLAY_STATISTICS; k++)
            add_row(table, arena, (enum replay_what)what, k, result);
    table_print(table, out);
    fprintf(out,
            "        %" PRIu64 " steps, %" PRIu64 " preemptions, %" PRIu64
            " steps extrapolated; whole run real %.2f s, ours %.2f s\n",
            result->steps, result->preemptions, result->extrapolated_steps,
            (double)result->real_ns * 1e-9, (double)result->ours_ns * 1e-9);
}

struct json_node *check_replay_json(struct json *json, const char *path,
                                    const struct replay_about *about,
                                    const struct replay_result *result)
{
    size_t count;
    const char *const *names = replay_metrics(&count);
    struct json_node *object = json_object(json), *metrics = json_object(json);
    struct json_node *notes = json_array(json);
    json_set(json, object, "scenario", json_text(json, path));
    json_set(json, object, "name", json_text(json, about->name));
    json_set(json, object, "run", json_text(json, about->run));
    json_set(json, object, "tables", json_text(json, about->tables));
    json_set(json, object, "requests", json_text(json, about->requests));
    json_set(json, object, "engine", json_text(json, about->engine));
    json_set(json, object, "times", json_text(json, about->times));
    for (uint32_t i = 0; i < about->note_count; i++)
        json_push(json, notes, json_text(json, about->notes[i]));
    json_set(json, object, "notes", notes);
    for (size_t i = 0; i < count; i++) {
        const struct models_value *v = &result->values[i];
        struct json_node *value = v->kind == MODELS_NULL      ? json_null(json)
                                  : v->kind == MODELS_INTEGER ? json_integer(json, v->integer)
                                                              : json_real(json, v->real);
        json_set_path(json, metrics, names[i], value);
    }
    json_set(json, object, "metrics", metrics);
    return object;
}
