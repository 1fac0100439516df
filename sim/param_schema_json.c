/* SPDX-License-Identifier: Apache-2.0
 * What a scenario may hold, as a JSON Schema (draft 07) for editors.
 *
 * Answers for: completion and checking of scenario files while they are typed: keys, which of them
 * go together, units and ranges (of quantities with a unit as patterns, param_pattern.c), names,
 * lengths of lists, defaults, meanings.
 * Leaves out: cross checks.  Draft 07, as later drafts are not yet read by the YAML plugins
 * of common editors; tables are written out at each use, as draft 07 ignores what stands beside a
 * $ref.
 *
 * A scenario with base: may leave out required keys, so those outside of lists and choices, which
 * are not merged item by item, are asked for under `if` there is no base. */
#include <assert.h>
#include <string.h>

#include "sim/param_internal.h"

struct param_json {
    struct arena arena;
    struct json *json;
};

static struct json_node *param_json_table(struct param_json *s, const struct param_table *table,
                                          bool required);
static struct json_node *param_json_row(struct param_json *s, const struct param *row,
                                        bool required);

static void param_json_set(struct param_json *s, struct json_node *object, const char *key,
                           const char *text)
{
    json_set(s->json, object, key, json_text(s->json, text));
}

/* ---- scalars ------------------------------------------------------------------------------- */

/* minimum or maximum of a type that YAML itself reads as a number. */
static void param_json_limit(struct param_json *s, struct json_node *node, const char *key,
                             const struct param *row, const char *text)
{
    int64_t whole;
    double real;
    const char *why;
    if (!text) return;
    if (row->type == PARAM_COUNT && param_scan(row->type, text, strlen(text), &whole, &why) == 0)
        json_set(s->json, node, key, json_integer(s->json, whole));
    else if (row->type != PARAM_COUNT &&
             param_scan(row->type, text, strlen(text), &real, &why) == 0)
        json_set(s->json, node, key, json_real(s->json, real));
}

static void param_json_types(struct param_json *s, struct json_node *node, const char *first,
                             const char *second)
{
    struct json_node *types = json_array(s->json);
    json_push(s->json, types, json_text(s->json, first));
    json_push(s->json, types, json_text(s->json, second));
    json_set(s->json, node, "type", types);
}

/* A number with unit is a string to YAML, a bare zero is not. */
static void param_json_quantity(struct param_json *s, struct json_node *node,
                                const struct param *row)
{
    bool ratio = row->type == PARAM_RATIO;
    param_json_set(s, node, "pattern", param_pattern(&s->arena, row));
    if (!ratio && !param_pattern_zero(row)) {
        param_json_set(s, node, "type", "string");
        return;
    }
    param_json_types(s, node, "string", ratio ? "number" : "integer");
    param_json_limit(s, node, "minimum", row, ratio ? row->min : NULL);
    param_json_limit(s, node, "maximum", row, ratio ? row->max : NULL);
    if (ratio) return;
    json_set(s->json, node, "minimum", json_integer(s->json, 0));
    json_set(s->json, node, "maximum", json_integer(s->json, 0));
}

static void param_json_enum(struct param_json *s, struct json_node *node, const char *const *names)
{
    assert(names && "an ENUM row needs its names");
    struct json_node *list = json_array(s->json);
    for (; *names; names++)
        json_push(s->json, list, json_text(s->json, *names));
    json_set(s->json, node, "enum", list);
}

static void param_json_scalar(struct param_json *s, struct json_node *node, const struct param *row)
{
    switch (row->type) {
    case PARAM_BOOL:
        param_json_set(s, node, "type", "boolean");
        break;
    case PARAM_COUNT:
    case PARAM_REAL:
        param_json_set(s, node, "type", row->type == PARAM_COUNT ? "integer" : "number");
        param_json_limit(s, node, "minimum", row, row->min);
        param_json_limit(s, node, "maximum", row, row->max);
        break;
    case PARAM_NAME:
        param_json_types(s, node, "string", "number");
        param_json_set(s, node, "pattern",
                       "^[A-Za-z0-9_\\u0080-\\uffff][-A-Za-z0-9_.:/+\\u0080-"
                       "\\uffff]*$");
        break;
    case PARAM_STRING:
        param_json_types(s, node, "string", "number");
        break;
    case PARAM_PATH:
        param_json_set(s, node, "type", "string");
        json_set(s->json, node, "minLength", json_integer(s->json, 1));
        break;
    case PARAM_ENUM:
        param_json_enum(s, node, row->names);
        break;
    default:
        param_json_quantity(s, node, row);
        break;
    }
}

/* ---- nested -------------------------------------------------------------------------------- */

static struct json_node *param_json_words(struct param_json *s, const struct param_table *table)
{
    struct json_node *words = NULL;
    for (size_t i = 0; i < table->count; i++) {
        if (table->rows[i].type != PARAM_FLAG) continue;
        if (!words) words = json_array(s->json);
        json_push(s->json, words, json_text(s->json, table->rows[i].key));
    }
    return words;
}

static struct json_node *param_json_wrap(struct param_json *s, const char *key,
                                         struct json_node *value)
{
    struct json_node *object = json_object(s->json);
    json_set(s->json, object, key, value);
    return object;
}

/* The variants with a key: an object with exactly one property. */
static struct json_node *param_json_variants(struct param_json *s, const struct param_table *table)
{
    struct json_node *properties = json_object(s->json), *node = json_object(s->json);
    bool any = false;
    for (size_t i = 0; i < table->count; i++) {
        const struct param *row = &table->rows[i];
        if (row->type == PARAM_FLAG) continue;
        json_set(s->json, properties, row->key, param_json_row(s, row, true));
        any = true;
    }
    if (!any) return NULL;
    param_json_set(s, node, "type", "object");
    json_set(s->json, node, "properties", properties);
    json_set(s->json, node, "additionalProperties", json_bool(s->json, false));
    json_set(s->json, node, "minProperties", json_integer(s->json, 1));
    json_set(s->json, node, "maxProperties", json_integer(s->json, 1));
    return node;
}

static void param_json_choice(struct param_json *s, struct json_node *node,
                              const struct param_table *table)
{
    struct json_node *branches = json_array(s->json);
    struct json_node *words = param_json_words(s, table);
    struct json_node *variants = param_json_variants(s, table);
    if (words) json_push(s->json, branches, param_json_wrap(s, "enum", words));
    for (size_t i = 0; i < table->count; i++) {
        if (!(table->rows[i].flags & PARAM_BARE)) continue;
        struct json_node *bare = param_json_row(s, &table->rows[i], true);
        if (words) json_set(s->json, bare, "not", param_json_wrap(s, "enum", words));
        json_push(s->json, branches, bare);
    }
    if (variants) json_push(s->json, branches, variants);
    json_set(s->json, node, "oneOf", branches);
}

static void param_json_count_limit(struct param_json *s, struct json_node *node, const char *key,
                                   const char *text)
{
    struct param count = {.type = PARAM_COUNT};
    param_json_limit(s, node, key, &count, text);
}

static void param_json_list(struct param_json *s, struct json_node *node, const struct param *row)
{
    struct json_node *item = json_object(s->json);
    struct param number = {.type = row->element, .min = row->min, .max = row->max};
    if (row->type == PARAM_LIST)
        item = param_json_table(s, row->sub, true);
    else if (row->type == PARAM_REALS)
        param_json_scalar(s, item, &number);
    else
        param_json_set(s, item, "type", "string");
    param_json_set(s, node, "type", "array");
    json_set(s->json, node, "items", item);
    if (row->type == PARAM_REALS) return;
    param_json_count_limit(s, node, "minItems", row->min);
    param_json_count_limit(s, node, "maxItems", row->max);
}

/* ---- defaults ------------------------------------------------------------------------------ */

static struct json_node *param_json_value(struct param_json *s, const struct param_node *node)
{
    struct json_node *value;
    double real;
    const char *why;
    switch (node->kind) {
    case PARAM_NODE_LIST:
        value = json_array(s->json);
        for (uint32_t i = 0; i < node->count; i++)
            json_push(s->json, value, param_json_value(s, node->items[i]));
        return value;
    case PARAM_NODE_MAPPING:
        value = json_object(s->json);
        for (uint32_t i = 0; i < node->count; i++)
            json_set(s->json, value, node->pairs[i].key, param_json_value(s, node->pairs[i].value));
        return value;
    default:
        break;
    }
    if (strcmp(node->text, "true") == 0 || strcmp(node->text, "false") == 0)
        return json_bool(s->json, node->text[0] == 't');
    if (param_scan(PARAM_REAL, node->text, node->length, &real, &why) == 0)
        return json_real(s->json, real);
    return json_text(s->json, node->text);
}

static void param_json_describe(struct param_json *s, struct json_node *node,
                                const struct param *row)
{
    const char *text = row->meaning ? row->meaning : "";
    const char *range = param_range(&s->arena, row);
    if (range) text = arena_print(&s->arena, "%s (allowed: %s)", text, range);
    if (row->source) text = arena_print(&s->arena, "%s. Default from: %s", text, row->source);
    param_json_set(s, node, "description", text);
    if (!row->def) return;
    struct diag ignored; /* reading an empty scenario reports bad defaults */
    diag_init(&ignored, &s->arena);
    struct param_node *value = param_default(&s->arena, row, &ignored);
    if (value) json_set(s->json, node, "default", param_json_value(s, value));
}

/* ---- tables -------------------------------------------------------------------------------- */

static struct json_node *param_json_row(struct param_json *s, const struct param *row,
                                        bool required)
{
    struct json_node *node = json_object(s->json);
    switch (row->type) {
    case PARAM_GROUP:
        node = param_json_table(s, row->sub, required);
        break;
    case PARAM_CHOICE:
        param_json_choice(s, node, row->sub);
        break;
    case PARAM_LIST:
    case PARAM_REALS:
    case PARAM_TEXTS:
        param_json_list(s, node, row);
        break;
    default:
        param_json_scalar(s, node, row);
        break;
    }
    param_json_describe(s, node, row);
    return node;
}

static struct json_node *param_json_required(struct param_json *s, const struct param_table *table)
{
    struct json_node *keys = NULL;
    for (size_t i = 0; i < table->count; i++) {
        if (table->rows[i].def || table->rows[i].when) continue;
        if (!keys) keys = json_array(s->json);
        json_push(s->json, keys, json_text(s->json, table->rows[i].key));
    }
    return keys;
}

static struct json_node *param_json_key_list(struct param_json *s, const char *key)
{
    struct json_node *keys = json_array(s->json);
    json_push(s->json, keys, json_text(s->json, key));
    return keys;
}

/* A key that goes with one value of another: if that is given, then (it is required), else it must
 * not be there. */
static struct json_node *param_json_when(struct param_json *s, const struct param *row)
{
    struct json_node *node = json_object(s->json), *is = json_object(s->json);
    struct json_node *value = json_object(s->json);
    param_json_set(s, value, "const", row->is);
    json_set(s->json, is, "properties", param_json_wrap(s, row->when, value));
    json_set(s->json, node, "if", is);
    if (!row->def)
        json_set(s->json, node, "then",
                 param_json_wrap(s, "required", param_json_key_list(s, row->key)));
    json_set(s->json, node, "else",
             param_json_wrap(s, "not",
                             param_json_wrap(s, "required", param_json_key_list(s, row->key))));
    return node;
}

static void param_json_whens(struct param_json *s, struct json_node *node,
                             const struct param_table *table)
{
    struct json_node *all = NULL;
    for (size_t i = 0; i < table->count; i++) {
        if (!table->rows[i].when) continue;
        if (!all) all = json_array(s->json);
        json_push(s->json, all, param_json_when(s, &table->rows[i]));
    }
    if (all) json_set(s->json, node, "allOf", all);
}

static struct json_node *param_json_table(struct param_json *s, const struct param_table *table,
                                          bool required)
{
    struct json_node *node = json_object(s->json), *properties = json_object(s->json);
    param_json_set(s, node, "type", "object");
    for (size_t i = 0; i < table->count; i++)
        json_set(s->json, properties, table->rows[i].key,
                 param_json_row(s, &table->rows[i], required));
    json_set(s->json, node, "properties", properties);
    json_set(s->json, node, "additionalProperties", json_bool(s->json, false));
    struct json_node *keys = required ? param_json_required(s, table) : NULL;
    if (keys) json_set(s->json, node, "required", keys);
    param_json_whens(s, node, table);
    return node;
}

/* What a scenario without base: must have, down through its groups; NULL for nothing. */
static struct json_node *param_json_demands(struct param_json *s, const struct param_table *table)
{
    struct json_node *keys = param_json_required(s, table), *inner = NULL;
    for (size_t i = 0; i < table->count; i++) {
        const struct param *row = &table->rows[i];
        struct json_node *of_group =
            row->type == PARAM_GROUP ? param_json_demands(s, row->sub) : NULL;
        if (!of_group) continue;
        if (!inner) inner = json_object(s->json);
        json_set(s->json, inner, row->key, of_group);
    }
    if (!keys && !inner) return NULL;
    struct json_node *node = json_object(s->json);
    if (keys) json_set(s->json, node, "required", keys);
    if (inner) json_set(s->json, node, "properties", inner);
    return node;
}

static void param_json_base(struct param_json *s, struct json_node *root,
                            const struct param_table *table)
{
    struct json_node *demands = param_json_demands(s, table);
    if (!demands) return;
    struct json_node *has_base = param_json_wrap(s, "required", param_json_key_list(s, "base"));
    json_set(s->json, root, "if", param_json_wrap(s, "not", has_base));
    json_set(s->json, root, "then", demands);
}

enum status param_schema_json(const struct param_table *table, FILE *out)
{
    struct param_json s = {.json = json_open()};
    arena_init(&s.arena, "schema", 0);
    struct json_node *root = json_object(s.json);
    param_json_set(&s, root, "$schema", "http://json-schema.org/draft-07/schema#");
    param_json_set(&s, root, "title", "hacasim scenario");
    param_json_set(&s, root, "type", "object");
    struct json_node *properties = json_object(s.json), *base = json_object(s.json);
    param_json_set(&s, base, "type", "string");
    param_json_set(&s, base, "description", "scenario file to inherit from; keys given here win");
    json_set(s.json, properties, "base", base);
    for (size_t i = 0; i < table->count; i++)
        json_set(s.json, properties, table->rows[i].key,
                 param_json_row(&s, &table->rows[i], false));
    json_set(s.json, root, "properties", properties);
    json_set(s.json, root, "additionalProperties", json_bool(s.json, false));
    param_json_base(&s, root, table);
    enum status status = json_write(s.json, root, out, false);
    json_close(s.json);
    arena_free(&s.arena);
    return status;
}
