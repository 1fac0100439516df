/* SPDX-License-Identifier: Apache-2.0
 * The tree of a scenario: nodes, key paths, canonical text.
 *
 * Answers for: building and searching the tree, the syntax of key paths ("nodes[2].region"), the
 * position a cross check reports at, what it may rely on, and the text that a hash of the scenario
 * is made of.
 * Leaves out: where trees come from (param_parse.c, param_load.c) and what keys mean
 * (param_read.c).
 *
 * All nodes lie in the arena of the caller.  Keys of a mapping are compared by hash first, which
 * keeps reading and merging fast for mappings up to PARAM_KEYS_MAX without an index. */
#include <stdlib.h>
#include <string.h>

#include "sim/param_internal.h"

struct param_node *param_node_make(struct arena *arena, enum param_node_kind kind,
                                   const struct param_source *source, struct diag_where where)
{
    struct param_node *node = arena_alloc(arena, 1, sizeof *node);
    node->kind = kind;
    node->text = "";
    node->source = source;
    node->where = where;
    return node;
}

void param_node_push(struct arena *arena, struct param_node *list, struct param_node *item)
{
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity ? 2 * list->capacity : 4;
        list->items =
            arena_grow(arena, list->items, list->capacity, capacity, sizeof(struct param_node *));
        list->capacity = capacity;
    }
    list->items[list->count++] = item;
}

static uint32_t param_key_hash(const char *key) /* FNV-1a */
{
    uint32_t hash = 2166136261U;
    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * 16777619U;
    return hash;
}

struct param_pair *param_node_find(const struct param_node *mapping, const char *key)
{
    uint32_t hash = param_key_hash(key);
    for (uint32_t i = 0; i < mapping->count; i++)
        if (mapping->pairs[i].hash == hash && strcmp(mapping->pairs[i].key, key) == 0)
            return &mapping->pairs[i];
    return NULL;
}

struct param_pair *param_node_add(struct arena *arena, struct param_node *mapping, const char *key,
                                  struct diag_where where, struct param_node *value)
{
    if (mapping->count == mapping->capacity) {
        uint32_t capacity = mapping->capacity ? 2 * mapping->capacity : 4;
        mapping->pairs =
            arena_grow(arena, mapping->pairs, mapping->capacity, capacity, sizeof *mapping->pairs);
        mapping->capacity = capacity;
    }
    struct param_pair *pair = &mapping->pairs[mapping->count++];
    *pair = (struct param_pair){.key = key,
                                .hash = param_key_hash(key),
                                .layer = value->source->layer,
                                .where = where,
                                .value = value};
    return pair;
}

void param_node_drop(struct param_node *mapping, struct param_pair *pair)
{
    size_t index = (size_t)(pair - mapping->pairs);
    mapping->count--;
    memmove(pair, pair + 1, (mapping->count - index) * sizeof *pair);
}

bool param_node_is_null(const struct param_node *node)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    if (node->kind != PARAM_NODE_SCALAR || !node->plain) return false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(node->text, words[i]) == 0) return true;
    return false;
}

const char *param_node_noun(const struct param_node *node)
{
    switch (node->kind) {
    case PARAM_NODE_LIST:
        return "a list";
    case PARAM_NODE_MAPPING:
        return "a mapping";
    default:
        return "a value";
    }
}

const char *param_show(struct arena *arena, const char *text)
{
    enum { SHOWN = 60 };
    size_t length = strlen(text), kept = length;
    if (length == 0) return "''";
    if (length > SHOWN)
        for (kept = SHOWN; kept > 0 && ((unsigned char)text[kept] & 0xC0) == 0x80;)
            kept--; /* not in the middle of a character */
    char *shown = arena_alloc(arena, kept + sizeof "...", 1);
    for (size_t i = 0; i < kept; i++)
        shown[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7F ? '?' : text[i];
    if (kept < length) memcpy(shown + kept, "...", sizeof "...");
    return shown;
}

/* ---- key paths ----------------------------------------------------------------------------- */

/* "[12]" at `text`: its length, 0 when malformed. */
static size_t param_path_index(const char *text, size_t length, uint32_t *index)
{
    size_t at = 1;
    uint32_t value = 0;
    for (; at < length && text[at] >= '0' && text[at] <= '9' && at < 9; at++)
        value = 10 * value + (uint32_t)(text[at] - '0');
    *index = value;
    return at > 1 && at < length && text[at] == ']' ? at + 1 : 0;
}

int param_path_split(struct arena *arena, const char *path, size_t length,
                     struct param_step steps[PARAM_SET_PARTS_MAX])
{
    int count = 0;
    for (size_t at = 0; at < length;) {
        if (count == PARAM_SET_PARTS_MAX) return -1;
        size_t taken = 0;
        if (path[at] == '[' && count > 0) {
            steps[count].key = NULL;
            taken = param_path_index(path + at, length - at, &steps[count].index);
        } else {
            if (count > 0 && path[at++] != '.') return -1;
            taken = at;
            while (taken < length && !strchr(".[]", path[taken]))
                taken++;
            taken -= at;
            steps[count].key = arena_text(arena, path + at, taken);
        }
        if (taken == 0) return -1;
        at += taken;
        count++;
    }
    return count > 0 ? count : -1;
}

/* The node at a key path, or where its path ends, its nearest ancestor (*whole false). */
static const struct param_node *param_node_at(const struct param_doc *doc, const char *path,
                                              bool *whole)
{
    struct param_step steps[PARAM_SET_PARTS_MAX] = {{0}};
    int count = param_path_split(doc->arena, path, strlen(path), steps);
    const struct param_node *node = doc->root;
    for (int i = 0; i < count; i++) {
        const struct param_node *next = NULL;
        if (steps[i].key && node->kind == PARAM_NODE_MAPPING) {
            struct param_pair *pair = param_node_find(node, steps[i].key);
            if (pair) next = pair->value;
        } else if (!steps[i].key && node->kind == PARAM_NODE_LIST && steps[i].index < node->count) {
            next = node->items[steps[i].index];
        }
        if (!next) return node;
        node = next;
    }
    *whole = count > 0;
    return node;
}

struct diag_where param_where(struct param_doc *doc, const char *path)
{
    bool whole;
    return param_node_at(doc, path, &whole)->where;
}

bool param_given(const struct param_doc *doc, const char *path)
{
    bool whole = false;
    param_node_at(doc, path, &whole);
    return whole;
}

void param_break(struct param_doc *doc, const char *path)
{
    if (doc->broken_count == DIAG_LIMIT) {
        doc->all_broken = true;
        return;
    }
    if (doc->broken_count == doc->broken_capacity) {
        uint32_t capacity = doc->broken_capacity ? 2 * doc->broken_capacity : 16;
        doc->broken = arena_grow(doc->arena, doc->broken, doc->broken_capacity, capacity,
                                 sizeof *doc->broken);
        doc->broken_capacity = capacity;
    }
    doc->broken[doc->broken_count++] = arena_text(doc->arena, path, strlen(path));
}

/* Is `path` the same as `top`, or a key or item below it? */
static bool param_path_under(const char *path, const char *top)
{
    size_t length = strlen(top);
    return strncmp(path, top, length) == 0 &&
           (length == 0 || path[length] == '\0' || path[length] == '.' || path[length] == '[');
}

bool param_good(const struct param_doc *doc, const char *path)
{
    for (uint32_t i = 0; i < doc->broken_count; i++)
        if (param_path_under(path, doc->broken[i]) || param_path_under(doc->broken[i], path))
            return false;
    return !doc->all_broken;
}

void param_error(struct param_doc *doc, struct diag *diag, const char *path, const char *format,
                 ...)
{
    va_list arguments;
    va_start(arguments, format);
    diag_vadd(diag, param_where(doc, path), path, format, arguments);
    va_end(arguments);
}

/* ---- canonical text ------------------------------------------------------------------------ */

/* Text under construction; doubled as it fills. */
struct param_text_out {
    struct arena *arena;
    char *text;
    size_t length, capacity;
};

static void param_out(struct param_text_out *out, const char *text, size_t length)
{
    if (out->length + length + 1 > out->capacity) {
        size_t capacity = 2 * (out->length + length + 1);
        out->text = arena_grow(out->arena, out->text, out->capacity, capacity, 1);
        out->capacity = capacity;
    }
    memcpy(out->text + out->length, text, length);
    out->length += length;
}

static void param_out_indent(struct param_text_out *out, unsigned depth)
{
    while (depth-- > 0)
        param_out(out, "  ", 2);
}

/* Letters, digits and what units and file names need can stand without quotes, unless the text
 * would then read as nothing.  Which texts get quotes is part of the canonical form. */
static bool param_out_is_plain(const char *text)
{
    static const char *const safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                    "_-+./%$";
    bool letter = text[0] != '\0' && text[0] != '-' && text[0] != '%';
    struct param_node probe = {.kind = PARAM_NODE_SCALAR, .plain = true, .text = text};
    size_t length = strlen(text);
    if (!letter || text[length - 1] == ' ' || param_node_is_null(&probe)) return false;
    for (; *text; text++)
        if (*text != ' ' && !strchr(safe, *text)) return false;
    return true;
}

static void param_out_scalar(struct param_text_out *out, const char *text)
{
    if (param_out_is_plain(text)) {
        param_out(out, text, strlen(text));
        return;
    }
    param_out(out, "\"", 1);
    for (; *text; text++) {
        char escape[8];
        unsigned char c = (unsigned char)*text;
        int length = c == '"' || c == '\\'   ? snprintf(escape, sizeof escape, "\\%c", c)
                     : c < 0x20 || c == 0x7F ? snprintf(escape, sizeof escape, "\\x%02X", c)
                                             : snprintf(escape, sizeof escape, "%c", c);
        param_out(out, escape, (size_t)length);
    }
    param_out(out, "\"", 1);
}

static int param_pair_compare(const void *a, const void *b)
{
    const struct param_pair *const *x = a, *const *y = b;
    return strcmp((*x)->key, (*y)->key);
}

static void param_out_node(struct param_text_out *out, const struct param_node *node,
                           unsigned depth);

/* What follows "key:" or "-": a scalar or an empty collection on the same line, else a block. */
static void param_out_value(struct param_text_out *out, const struct param_node *node,
                            unsigned depth)
{
    if (node->kind != PARAM_NODE_SCALAR && node->count > 0) {
        param_out(out, "\n", 1);
        param_out_node(out, node, depth + 1);
        return;
    }
    param_out(out, " ", 1);
    if (node->kind == PARAM_NODE_LIST)
        param_out(out, "[]", 2);
    else if (node->kind == PARAM_NODE_MAPPING)
        param_out(out, "{}", 2);
    else if (param_node_is_null(node))
        param_out(out, "null", 4);
    else
        param_out_scalar(out, node->text);
    param_out(out, "\n", 1);
}

static void param_out_node(struct param_text_out *out, const struct param_node *node,
                           unsigned depth)
{
    if (node->kind == PARAM_NODE_LIST) {
        for (uint32_t i = 0; i < node->count; i++) {
            param_out_indent(out, depth);
            param_out(out, "-", 1);
            param_out_value(out, node->items[i], depth);
        }
        return;
    }
    const struct param_pair **sorted =
        arena_alloc(out->arena, node->count + 1U, sizeof(struct param_pair *));
    for (uint32_t i = 0; i < node->count; i++)
        sorted[i] = &node->pairs[i];
    qsort(sorted, node->count, sizeof(struct param_pair *), param_pair_compare);
    for (uint32_t i = 0; i < node->count; i++) {
        param_out_indent(out, depth);
        param_out_scalar(out, sorted[i]->key);
        param_out(out, ":", 1);
        param_out_value(out, sorted[i]->value, depth);
    }
}

const char *param_canonical(struct param_doc *doc)
{
    static const char version[] = "# hacasim canonical scenario 1\n";
    struct param_text_out out = {.arena = doc->arena};
    param_out(&out, version, strlen(version));
    if (doc->root->count > 0)
        param_out_node(&out, doc->root, 0);
    else
        param_out(&out, "{}\n", 3);
    return out.text;
}
