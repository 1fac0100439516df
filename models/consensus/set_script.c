/* SPDX-License-Identifier: Apache-2.0
 * A list of updates and increments of a validator set, by hand. */
#include <stdlib.h>
#include <string.h>

#include "models/consensus/script.h"

struct set_member {
    const char *id, *power, *priority;
};

enum { SET_UPDATE, SET_INCREMENT };
struct set_step {
    int kind;
    int64_t increment;
    struct param_list update;
};

struct set_params {
    struct param_list validators, steps;
};

struct set_entry {
    const char *error; /* NULL: the members below */
    uint32_t count, proposer;
    const uint32_t *id;
    const int64_t *power, *priority;
};

struct set_script {
    struct set_params params;
    const char **names; /* of all validators, in order of their bytes: the order of addresses */
    uint32_t name_count;
    struct valset set;
    struct set_entry *entries;
    struct param_doc *doc;
    struct arena *arena;
    struct diag *diag;
};

/* ---- keys --------------------------------------------------------------------------------------
 */

#define SOURCE "docs/consensus.md"
enum { SET_INCREMENTS = 1000000 };

static const struct param member_rows[] = {
    PARAM(set_member, id, PARAM_NAME, NULL, NULL, NULL, "its address, compared byte by byte",
          SOURCE),
    PARAM(set_member, power, PARAM_STRING, NULL, NULL, NULL, "voting power", SOURCE),
    PARAM(set_member, priority, PARAM_STRING, "", NULL, NULL,
          "where any is given, the set is taken as it is; else it is created", SOURCE)};
static const struct param_table member_table = PARAM_TABLE("validator", set_member, member_rows);

static const struct param change_rows[] = {
    PARAM(set_member, id, PARAM_NAME, NULL, NULL, NULL, "its address", SOURCE),
    PARAM(set_member, power, PARAM_STRING, NULL, NULL, NULL, "0 removes it", SOURCE)};
static const struct param_table change_table = PARAM_TABLE("change", set_member, change_rows);

static const struct param step_rows[] = {
    [SET_UPDATE] =
        PARAM_SUB(set_step, update, PARAM_LIST, change_table, NULL, "changes, all or none", SOURCE),
    [SET_INCREMENT] = PARAM(set_step, increment, PARAM_COUNT, NULL, "1", "1000000",
                            "one call of IncrementProposerPriority", SOURCE)};
static const struct param_table step_table = {.name = "step",
                                              .size = sizeof(struct set_step),
                                              .rows = step_rows,
                                              .count = sizeof step_rows / sizeof step_rows[0],
                                              .one_of = true};

static const struct param set_rows[] = {
    {.key = "validators",
     .type = PARAM_LIST,
     .offset = offsetof(struct set_params, validators),
     .min = "1",
     .max = "10000",
     .meaning = "members at the start",
     .source = SOURCE,
     .sub = &member_table},
    PARAM_SUB(set_params, steps, PARAM_LIST, step_table, NULL, "what happens, in order", SOURCE)};
static const struct param_table set_table = PARAM_TABLE("validator_set", set_params, set_rows);

/* ---- names -------------------------------------------------------------------------------------
 */

static int set_by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void set_names(struct set_script *s)
{
    const struct set_step *steps = s->params.steps.items;
    uint32_t most = s->params.validators.count, count = 0, kept = 0;
    for (uint32_t i = 0; i < s->params.steps.count; i++)
        most += steps[i].kind == SET_UPDATE ? steps[i].update.count : 0;
    s->names = arena_alloc(s->arena, most, sizeof *s->names);
    const struct set_member *members = s->params.validators.items;
    for (uint32_t i = 0; i < s->params.validators.count; i++)
        s->names[count++] = members[i].id;
    for (uint32_t i = 0; i < s->params.steps.count; i++) {
        const struct set_member *changes = steps[i].update.items;
        for (uint32_t k = 0; steps[i].kind == SET_UPDATE && k < steps[i].update.count; k++)
            s->names[count++] = changes[k].id;
    }
    qsort(s->names, count, sizeof *s->names, set_by_bytes);
    for (uint32_t i = 0; i < count; i++)
        if (kept == 0 || strcmp(s->names[kept - 1], s->names[i]) != 0)
            s->names[kept++] = s->names[i];
    s->name_count = kept;
}

static uint32_t set_id(const struct set_script *s, const char *name)
{
    const char **at = bsearch(&name, s->names, s->name_count, sizeof *s->names, set_by_bytes);
    return (uint32_t)(at - s->names);
}

/* ---- reading -----------------------------------------------------------------------------------
 */

static bool set_number(struct set_script *s, const char *path, const char *text, int64_t *out)
{
    const char *why;
    if (param_scan(PARAM_COUNT, text, strlen(text), out, &why) == 0) return true;
    param_error(s->doc, s->diag, path, "%s %s", text, why);
    return false;
}

static struct valset_change *set_changes(struct set_script *s, const char *path,
                                         const struct param_list *list)
{
    const struct set_member *members = list->items;
    struct valset_change *changes = arena_alloc(s->arena, list->count, sizeof *changes);
    for (uint32_t i = 0; i < list->count; i++) {
        const char *at = arena_print(s->arena, "%s[%u].power", path, i);
        changes[i].id = set_id(s, members[i].id);
        if (!set_number(s, at, members[i].power, &changes[i].power)) return NULL;
    }
    return changes;
}

static bool set_priorities(struct set_script *s, int64_t *priorities, bool *given)
{
    const struct set_member *members = s->params.validators.items;
    for (uint32_t i = 0; i < s->params.validators.count; i++) {
        const char *at = arena_print(s->arena, "validators[%u].priority", i);
        priorities[i] = 0;
        if (members[i].priority[0] == '\0') continue;
        *given = true;
        if (!set_number(s, at, members[i].priority, &priorities[i])) return false;
    }
    return true;
}

/* The finding belongs to the member that is to blame, where one is. */
static bool set_members_fit(struct set_script *s, const struct valset_change *members)
{
    int64_t total = 0;
    bool *seen = arena_alloc(s->arena, s->name_count, sizeof *seen);
    for (uint32_t i = 0; i < s->params.validators.count; i++) {
        const char *path = arena_print(s->arena, "validators[%u].power", i);
        const char *id = arena_print(s->arena, "validators[%u].id", i);
        if (members[i].power <= 0 || members[i].power > PROPOSER_POWER_MAX - total)
            param_error(s->doc, s->diag, path, "must be above 0, and the sum of all at most %lld",
                        (long long)PROPOSER_POWER_MAX);
        else
            total += members[i].power;
        if (seen[members[i].id]) param_error(s->doc, s->diag, id, "is in the set already");
        seen[members[i].id] = true;
    }
    return s->diag->count == 0;
}

static bool set_start(struct set_script *s)
{
    uint32_t count = s->params.validators.count;
    bool given = false;
    set_names(s);
    const struct valset_change *members = set_changes(s, "validators", &s->params.validators);
    int64_t *priorities = arena_alloc(s->arena, count, sizeof *priorities);
    if (!members || !set_priorities(s, priorities, &given)) return false;
    if (!set_members_fit(s, members)) return false;
    valset_init(&s->set, s->arena, s->name_count);
    const char *why = given ? valset_load(&s->set, members, priorities, count)
                            : valset_create(&s->set, members, count);
    if (why) param_error(s->doc, s->diag, "validators", "%s", why);
    return why == NULL;
}

/* ---- running -----------------------------------------------------------------------------------
 */

static void set_record(struct set_script *s, struct set_entry *entry)
{
    uint32_t count = s->set.turn.count;
    uint32_t *order = arena_alloc(s->arena, count, sizeof *order);
    uint32_t *id = arena_alloc(s->arena, count, sizeof *id);
    int64_t *power = arena_alloc(s->arena, count, sizeof *power);
    int64_t *priority = arena_alloc(s->arena, count, sizeof *priority);
    valset_order(&s->set, order);
    for (uint32_t i = 0; i < count; i++) {
        id[i] = s->set.id[order[i]];
        power[i] = s->set.power[order[i]];
        priority[i] = s->set.turn.priority[order[i]];
    }
    *entry = (struct set_entry){.count = count,
                                .proposer = s->set.proposer,
                                .id = id,
                                .power = power,
                                .priority = priority};
}

static bool set_steps(struct set_script *s)
{
    const struct set_step *steps = s->params.steps.items;
    s->entries = arena_alloc(s->arena, s->params.steps.count, sizeof *s->entries);
    for (uint32_t i = 0; i < s->params.steps.count; i++) {
        const char *path = arena_print(s->arena, "steps[%u].update", i), *why = NULL;
        if (steps[i].kind == SET_INCREMENT) {
            valset_increment(&s->set, (uint32_t)steps[i].increment);
        } else {
            const struct valset_change *changes = set_changes(s, path, &steps[i].update);
            if (!changes) return false;
            why = valset_update(&s->set, changes, steps[i].update.count);
        }
        if (why)
            s->entries[i].error = why;
        else
            set_record(s, &s->entries[i]);
    }
    return true;
}

const struct set_script *set_script_run(const char *path, struct arena *arena, struct diag *diag)
{
    struct set_script *s = arena_alloc(arena, 1, sizeof *s);
    s->arena = arena;
    s->diag = diag;
    s->doc = param_load(arena, path, NULL, 0, diag);
    if (!s->doc) return NULL;
    param_read(s->doc, &set_table, &s->params, diag);
    bool good = diag->count == 0 && set_start(s) && set_steps(s);
    param_close(s->doc);
    return good ? s : NULL;
}

/* ---- printing ----------------------------------------------------------------------------------
 */

/* Priorities and powers pass 2^53, where many readers lose digits: such go as text. */
static struct json_node *set_whole(struct json *json, struct arena *arena, int64_t value)
{
    const int64_t exact = (int64_t)1 << 53;
    if (value <= exact && value >= -exact) return json_integer(json, value);
    return json_text(json, arena_print(arena, "%lld", (long long)value));
}

static struct json_node *set_entry_json(struct json *json, const struct set_script *s, uint32_t i)
{
    const struct set_entry *entry = &s->entries[i];
    struct json_node *node = json_object(json), *members = json_array(json);
    json_set(json, node, "step", json_integer(json, i));
    if (entry->error) {
        json_set(json, node, "error", json_text(json, entry->error));
        return node;
    }
    for (uint32_t k = 0; k < entry->count; k++) {
        struct json_node *member = json_object(json);
        json_set(json, member, "id", json_text(json, s->names[entry->id[k]]));
        json_set(json, member, "power", set_whole(json, s->arena, entry->power[k]));
        json_set(json, member, "priority", set_whole(json, s->arena, entry->priority[k]));
        json_push(json, members, member);
    }
    json_set(json, node, "members", members);
    json_set(json, node, "proposer", json_text(json, s->names[entry->proposer]));
    return node;
}

struct json_node *set_script_json(struct json *json, const void *script)
{
    const struct set_script *s = script;
    struct json_node *list = json_array(json);
    for (uint32_t i = 0; i < s->params.steps.count; i++)
        json_push(json, list, set_entry_json(json, s, i));
    return list;
}
