/* SPDX-License-Identifier: Apache-2.0
 * The result of a consensus script as JSON. */
#include <stdio.h>

#include "models/consensus/script.h"

static const char *script_timer_name(enum machine_step step)
{
    switch (step) {
    case MACHINE_PROPOSE:
        return "propose";
    case MACHINE_PREVOTE_WAIT:
        return "prevote";
    case MACHINE_PRECOMMIT_WAIT:
        return "precommit";
    case MACHINE_NEW_ROUND:
        return "new_round";
    default:
        return "commit";
    }
}

static const char *script_output(const struct script *s, const struct machine_output *output)
{
    char ms[JSON_REAL_TEXT];
    const char *name = script_name(s, output->value);
    switch (output->kind) {
    case MACHINE_OUT_PROPOSE:
        return "propose";
    case MACHINE_OUT_PREVOTE:
        return arena_print(s->arena, "prevote %s", name);
    case MACHINE_OUT_PRECOMMIT:
        return arena_print(s->arena, "precommit %s", name);
    case MACHINE_OUT_TIMER:
        json_real_text(ms, (double)output->wait_ns / 1e6);
        return arena_print(s->arena, "timer %s %d %s", script_timer_name(output->step),
                           output->round, ms);
    case MACHINE_OUT_LOCK:
        return "lock";
    case MACHINE_OUT_UNLOCK:
        return "unlock";
    case MACHINE_OUT_DECIDE:
        return arena_print(s->arena, "decide %s", name);
    case MACHINE_OUT_EVIDENCE:
        return "evidence";
    }
    return "";
}

static struct json_node *script_held(struct json *json, int32_t round, const char *value)
{
    struct json_node *node = json_object(json);
    json_set(json, node, "round", json_integer(json, round));
    json_set(json, node, "value", value ? json_text(json, value) : json_null(json));
    return node;
}

/* What the words of the outputs leave out: the proposal made, the two votes of each evidence. */
static void script_details(struct json *json, struct json_node *node, const struct script *s,
                           const struct script_entry *entry)
{
    struct json_node *evidence = NULL;
    for (uint32_t i = 0; i < entry->output_count; i++) {
        const struct machine_output *output = &entry->outputs[i];
        struct json_node *detail = json_object(json);
        bool proposes = output->kind == MACHINE_OUT_PROPOSE;
        if (!proposes && output->kind != MACHINE_OUT_EVIDENCE) continue;
        json_set(json, detail, "value", json_text(json, script_name(s, output->value)));
        if (proposes) {
            json_set(json, detail, "pol_round", json_integer(json, output->pol_round));
            json_set(json, detail, "time_ns", json_integer(json, output->time_ns));
            json_set(json, node, "proposed", detail);
            continue;
        }
        if (!evidence) evidence = json_array(json);
        json_set(json, detail, "other", json_text(json, script_name(s, output->other)));
        json_set(json, detail, "voter", json_integer(json, output->voter));
        json_set(json, detail, "height", json_integer(json, (int64_t)output->height));
        json_set(json, detail, "round", json_integer(json, output->round));
        json_set(json, detail, "type",
                 json_text(json, output->vote_type == VOTES_PREVOTE ? "prevote" : "precommit"));
        json_push(json, evidence, detail);
    }
    if (evidence) json_set(json, node, "evidence", evidence);
}

static const char *const phases[] = {"",          "new_height",     "new_round",
                                     "propose",   "prevote",        "prevote_wait",
                                     "precommit", "precommit_wait", "commit"};

static struct json_node *script_entry_json(struct json *json, const struct script *s,
                                           uint32_t index)
{
    const struct script_entry *entry = &s->entries[index];
    struct json_node *node = json_object(json), *outputs = json_array(json);
    for (uint32_t i = 0; i < entry->output_count; i++)
        json_push(json, outputs, json_text(json, script_output(s, &entry->outputs[i])));
    json_set(json, node, "step", json_integer(json, index));
    json_set(json, node, "outputs", outputs);
    json_set(json, node, "round", json_integer(json, entry->round));
    json_set(json, node, "locked", script_held(json, entry->locked_round, entry->locked));
    json_set(json, node, "valid", script_held(json, entry->valid_round, entry->valid));
    json_set(json, node, "height", json_integer(json, (int64_t)entry->height));
    json_set(json, node, "phase", json_text(json, phases[entry->step]));
    script_details(json, node, s, entry);
    return node;
}

struct json_node *script_json(struct json *json, const void *script)
{
    const struct script *s = script;
    struct json_node *list = json_array(json);
    for (uint32_t i = 0; i < s->entry_count; i++)
        json_push(json, list, script_entry_json(json, s, i));
    return list;
}
