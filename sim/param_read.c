/* SPDX-License-Identifier: Apache-2.0
 * Checking a scenario against its tables and filling the structs.
 *
 * Answers for: every finding about a key or a value, all of them in one pass; defaults; the list
 * of effective values with their origin.
 * Leaves out: what a single scalar means (param_scan.c) and checks across keys, which the models
 * make on the filled structs and report with param_error.
 *
 * A key that is not given is read from the text of its default by the same code as the user's, so
 * a table cannot hold a default that its own rules refuse without a finding in the first test. */
#include <assert.h>
#include <string.h>

#include "sim/param_internal.h"

enum { PARAM_NAMES_SHOWN = 12 };

/* Above all sources, so that a bad default, a mistake of ours, is reported last. */
static const struct param_source default_source = {.name = "default", .order = UINT32_MAX};

struct param_reader {
    struct param_doc *doc;
    struct arena *arena;
    struct diag *diag;
    char *path; /* key path of the value at hand */
    size_t length, capacity;
    struct diag_where given; /* innermost given mapping: where a missing key is reported */
    bool muted;              /* putting a default in the place of what did not read well */
};

static void param_read_row(struct param_reader *r, const struct param *row, struct param_node *node,
                           void *field);

/* ---- key paths ----------------------------------------------------------------------------- */

/* Append to the path; returns the length to go back to. */
static size_t param_enter(struct param_reader *r, const char *text)
{
    size_t old = r->length, added = strlen(text);
    if (old + added + 1 > r->capacity) {
        size_t capacity = 2 * (old + added + 1);
        r->path = arena_grow(r->arena, r->path, r->capacity, capacity, 1);
        r->capacity = capacity;
    }
    memcpy(r->path + old, text, added + 1);
    r->length += added;
    return old;
}

static size_t param_enter_key(struct param_reader *r, const char *key)
{
    size_t old = r->length;
    if (old > 0) param_enter(r, ".");
    param_enter(r, param_show(r->arena, key));
    return old;
}

static size_t param_enter_item(struct param_reader *r, uint32_t index)
{
    char text[16];
    snprintf(text, sizeof text, "[%u]", index);
    return param_enter(r, text);
}

static void param_leave(struct param_reader *r, size_t length)
{
    r->length = length;
    r->path[length] = '\0';
}

/* ---- findings ------------------------------------------------------------------------------ */

static void param_find(struct param_reader *r, struct diag_where where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void param_find(struct param_reader *r, struct diag_where where, const char *format, ...)
{
    if (r->muted) return;
    va_list arguments;
    va_start(arguments, format);
    diag_vadd(r->diag, where, r->length > 0 ? r->path : NULL, format, arguments);
    va_end(arguments);
    param_break(r->doc, r->path);
}

/* "a, b, c" of the rows, cut after a dozen; of a choice only the words, or only the others. */
enum param_rows { PARAM_ROWS_ALL, PARAM_ROWS_WORDS, PARAM_ROWS_KEYS };

static const char *param_row_names(struct arena *arena, const struct param_table *table,
                                   enum param_rows which)
{
    const char *names = "";
    unsigned count = 0;
    for (size_t i = 0; i < table->count; i++) {
        bool word = table->rows[i].type == PARAM_FLAG;
        if (which != PARAM_ROWS_ALL && word != (which == PARAM_ROWS_WORDS)) continue;
        if (count++ == PARAM_NAMES_SHOWN) return arena_print(arena, "%s, ...", names);
        names = arena_print(arena, "%s%s%s", names, count > 1 ? ", " : "", table->rows[i].key);
    }
    return names;
}

static const char *param_key_names(struct arena *arena, const struct param_table *table)
{
    return param_row_names(arena, table, PARAM_ROWS_ALL);
}

static const struct param *param_bare(const struct param_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].flags & PARAM_BARE) return &table->rows[i];
    return NULL;
}

/* "one of at_once, on_finality or a ratio such as 30% or a mapping with one of the keys ..." */
static const char *param_expected_choice(struct arena *arena, const struct param_table *sub)
{
    const char *words = param_row_names(arena, sub, PARAM_ROWS_WORDS);
    const char *keys = param_row_names(arena, sub, PARAM_ROWS_KEYS);
    const struct param *bare = param_bare(sub);
    const char *text = "";
    if (words[0]) text = arena_print(arena, "one of %s", words);
    if (bare)
        text =
            arena_print(arena, "%s%s%s", text, text[0] ? " or " : "", param_expected(arena, bare));
    if (keys[0])
        text = arena_print(arena, "%s%sa mapping with one of the keys %s", text,
                           text[0] ? " or " : "", keys);
    return text;
}

static size_t param_name_count(const struct param *row)
{
    size_t count = 0;
    while (row->names[count])
        count++;
    return count;
}

static const char *param_enum_names(struct arena *arena, const struct param *row)
{
    const char *names = "";
    for (size_t i = 0; row->names[i]; i++)
        names = arena_print(arena, "%s%s%s", names, i > 0 ? ", " : "", row->names[i]);
    return names;
}

const char *param_expected(struct arena *arena, const struct param *row)
{
    const struct param_form *form = param_form(row->type);
    switch (row->type) {
    case PARAM_ENUM:
        return arena_print(arena, "one of %s", param_enum_names(arena, row));
    case PARAM_CHOICE:
        return param_expected_choice(arena, row->sub);
    case PARAM_GROUP:
        return arena_print(arena, "a mapping with the keys %s", param_key_names(arena, row->sub));
    case PARAM_BOOL:
    case PARAM_COUNT:
    case PARAM_REAL:
    case PARAM_NAME:
    case PARAM_STRING:
    case PARAM_PATH:
    case PARAM_LIST:
    case PARAM_REALS:
    case PARAM_TEXTS:
        return form->noun;
    default:
        return arena_print(arena, "%s such as %s", form->noun, form->example);
    }
}

const char *param_range(struct arena *arena, const struct param *row)
{
    if (row->min && row->max && strcmp(row->min, row->max) == 0) return row->min;
    if (row->min && row->max) return arena_print(arena, "%s to %s", row->min, row->max);
    if (row->min) return arena_print(arena, "at least %s", row->min);
    if (row->max) return arena_print(arena, "at most %s", row->max);
    return NULL;
}

static const char *param_range_note(struct param_reader *r, const struct param *row)
{
    const char *range = param_range(r->arena, row);
    return range ? arena_print(r->arena, " (allowed: %s)", range) : "";
}

/* "; did you mean 'x'?" or nothing.  When the list of findings is full, nobody will read it. */
static const char *param_guess(struct param_reader *r, const char *word, const char *const *names,
                               size_t count)
{
    if (r->diag->count >= DIAG_LIMIT) return "";
    const char *nearest = diag_nearest(word, names, count);
    return nearest ? arena_print(r->arena, "; did you mean '%s'?", nearest) : "";
}

static const char *param_nearest_key(struct param_reader *r, const char *word,
                                     const struct param_table *table)
{
    if (r->diag->count >= DIAG_LIMIT) return NULL;
    const char **names = arena_alloc(r->arena, table->count + 1, sizeof *names);
    for (size_t i = 0; i < table->count; i++)
        names[i] = table->rows[i].key;
    return diag_nearest(word, names, table->count);
}

static const char *param_guess_key(struct param_reader *r, const char *word,
                                   const struct param_table *table)
{
    const char *nearest = param_nearest_key(r, word, table);
    return nearest ? arena_print(r->arena, "; did you mean '%s'?", nearest) : "";
}

/* The value has the wrong shape: nothing, or a list or mapping for a scalar, or the reverse. */
static void param_find_shape(struct param_reader *r, const struct param *row,
                             const struct param_node *node)
{
    const char *expected = param_expected(r->arena, row);
    if (param_node_is_null(node))
        param_find(r, node->where, "has no value (expected %s)", expected);
    else if (node->kind == PARAM_NODE_SCALAR)
        param_find(r, node->where, "%s is not %s", param_show(r->arena, node->text), expected);
    else
        param_find(r, node->where, "is %s, not %s", param_node_noun(node), expected);
}

static bool param_is_scalar(struct param_reader *r, const struct param *row,
                            const struct param_node *node)
{
    if (node->kind == PARAM_NODE_SCALAR && !param_node_is_null(node)) return true;
    param_find_shape(r, row, node);
    return false;
}

static bool param_is_kind(struct param_reader *r, const struct param *row,
                          const struct param_node *node, enum param_node_kind kind)
{
    if (node->kind == kind) return true;
    param_find_shape(r, row, node);
    return false;
}

/* ---- effective values ---------------------------------------------------------------------- */

static void param_note(struct param_reader *r, const struct param_node *node, const char *value)
{
    struct param_doc *doc = r->doc;
    if (doc->effective_count == doc->effective_capacity) {
        size_t capacity = doc->effective_capacity ? 2 * doc->effective_capacity : 64;
        doc->effective = arena_grow(r->arena, doc->effective, doc->effective_capacity, capacity,
                                    sizeof *doc->effective);
        doc->effective_capacity = capacity;
    }
    const char *origin = node->source->positions
                             ? arena_print(r->arena, "%s:%u:%u", node->where.file, node->where.line,
                                           node->where.column)
                             : node->source->name;
    doc->effective[doc->effective_count++] = (struct param_effective){
        .path = arena_text(r->arena, r->path, r->length), .value = value, .origin = origin};
}

const struct param_effective *param_effective(struct param_doc *doc, size_t *count)
{
    *count = doc->effective_count;
    return doc->effective;
}

/* ---- scalars ------------------------------------------------------------------------------- */

/* Any value of a number type. */
union param_value {
    bool yes;
    int64_t whole;
    uint64_t bytes;
    double real;
    money_t amount;
};

static bool param_in_range(const struct param *row, const void *value)
{
    union param_value limit;
    const char *why;
    if (row->min) {
        int bad = param_scan(row->type, row->min, strlen(row->min), &limit, &why);
        assert(!bad && "the least value in a table does not read");
        if (bad || param_compare(row->type, value, &limit) < 0) return false;
    }
    if (row->max) {
        int bad = param_scan(row->type, row->max, strlen(row->max), &limit, &why);
        assert(!bad && "the largest value in a table does not read");
        if (bad || param_compare(row->type, value, &limit) > 0) return false;
    }
    return true;
}

static void param_read_number(struct param_reader *r, const struct param *row,
                              struct param_node *node, void *field)
{
    if (!param_is_scalar(r, row, node)) return;
    union param_value value = {0};
    const char *why, *shown = param_show(r->arena, node->text);
    if (param_scan(row->type, node->text, node->length, &value, &why) != 0) {
        const char *joint = strncmp(why, "unit ", 5) == 0 ? ":" : "";
        param_find(r, node->where, "%s%s %s%s", shown, joint, why, param_range_note(r, row));
        return;
    }
    if (!param_in_range(row, &value)) {
        param_find(r, node->where, "%s is out of range%s", shown, param_range_note(r, row));
        return;
    }
    memcpy(field, &value, param_form(row->type)->size);
    param_note(r, node, param_print(r->arena, row->type, field));
}

/* Letters, digits and a few signs that need no quoting in YAML, paths, SQL or a shell. */
static bool param_is_name(const char *text)
{
    static const char *const signs = "_-.:/+";
    bool good = text[0] != '\0' && !strchr("-.:/+", text[0]);
    for (; *text && good; text++) {
        unsigned char c = (unsigned char)*text;
        good = c >= 0x80 || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
               strchr(signs, c);
    }
    return good;
}

static void param_read_text(struct param_reader *r, const struct param *row,
                            struct param_node *node, const char **field)
{
    if (!param_is_scalar(r, row, node)) return;
    if (row->type == PARAM_NAME && !param_is_name(node->text)) {
        param_find(r, node->where, "%s is not a name (letters, digits and _ - . : / + only)",
                   param_show(r->arena, node->text));
        return;
    }
    if (row->type == PARAM_PATH && node->text[0] == '\0') {
        param_find(r, node->where, "is empty (expected a file name)");
        return;
    }
    *field =
        row->type == PARAM_PATH ? param_resolve(r->arena, node->source, node->text) : node->text;
    param_note(r, node, *field);
}

static void param_read_enum(struct param_reader *r, const struct param *row,
                            struct param_node *node, int *field)
{
    if (!param_is_scalar(r, row, node)) return;
    for (int i = 0; row->names[i]; i++) {
        if (strcmp(row->names[i], node->text) != 0) continue;
        *field = i;
        param_note(r, node, row->names[i]);
        return;
    }
    param_find(r, node->where, "%s is not one of %s%s", param_show(r->arena, node->text),
               param_enum_names(r->arena, row),
               param_guess(r, node->text, row->names, param_name_count(row)));
}

/* ---- tables -------------------------------------------------------------------------------- */

struct param_node *param_default(struct arena *arena, const struct param *row, struct diag *diag)
{
    struct diag_where where = {.file = default_source.name, .order = default_source.order};
    bool list = row->type == PARAM_LIST || row->type == PARAM_REALS || row->type == PARAM_TEXTS;
    bool nested = list || row->type == PARAM_GROUP || row->type == PARAM_CHOICE;
    if (list && row->def[0] == '\0')
        return param_node_make(arena, PARAM_NODE_LIST, &default_source, where);
    if (nested && (row->def[0] == '{' || row->def[0] == '['))
        return param_parse(arena, &default_source, row->key, row->def, strlen(row->def), diag);
    struct param_node *node = param_node_make(arena, PARAM_NODE_SCALAR, &default_source, where);
    node->text = row->def;
    node->length = (uint32_t)strlen(row->def);
    return node;
}

static void param_read_absent(struct param_reader *r, const struct param *row, void *field)
{
    if (row->def) {
        struct param_node *node = param_default(r->arena, row, r->diag);
        if (node) param_read_row(r, row, node, field);
    } else if (!r->doc->partial) {
        param_find(r, r->given, "required key is missing (%s)", row->meaning);
    }
    if (r->doc->partial) param_break(r->doc, r->path);
}

/* The finding has been made; what goes on reading should meet sound values all the same. */
static void param_read_instead(struct param_reader *r, const struct param *row, void *field)
{
    bool muted = r->muted;
    r->muted = true;
    if (row->def) param_read_absent(r, row, field);
    r->muted = muted;
}

static const struct param *param_row(const struct param_table *table, const char *key)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->rows[i].key, key) == 0) return &table->rows[i];
    return NULL;
}

static void param_read_unknown(struct param_reader *r, const struct param_table *table,
                               const struct param_node *node)
{
    for (uint32_t i = 0; i < node->count; i++) {
        const struct param_pair *pair = &node->pairs[i];
        if (param_row(table, pair->key)) continue;
        const char *meant = param_nearest_key(r, pair->key, table), *guess;
        if (meant)
            guess = arena_print(r->arena, "; did you mean '%s'?", meant);
        else
            guess = arena_print(r->arena, " (allowed here: %s)", param_key_names(r->arena, table));
        size_t back = param_enter_key(r, pair->key);
        param_find(r, pair->where, "unknown key%s", guess);
        param_leave(r, back);
        if (!meant) continue;
        back = param_enter_key(r, meant);
        param_break(r->doc, r->path);
        param_leave(r, back);
    }
}

/* Does this row go with the others of its mapping?  Where the key that decides did not read, the
 * row is read if it is given, and not missed. */
enum param_fit { PARAM_FITS, PARAM_UNFIT, PARAM_UNDECIDED };

static enum param_fit param_fits(struct param_reader *r, const struct param_table *table,
                                 const struct param *row, const void *out)
{
    if (!row->when) return PARAM_FITS;
    const struct param *by = param_row(table, row->when);
    assert(by && by < row && by->type == PARAM_ENUM && "a key goes with an ENUM before it");
    size_t back = param_enter_key(r, by->key);
    bool good = param_good(r->doc, r->path);
    param_leave(r, back);
    if (!good) return PARAM_UNDECIDED;
    const char *is = by->names[*(const int *)((const char *)out + by->offset)];
    return strcmp(is, row->is) == 0 ? PARAM_FITS : PARAM_UNFIT;
}

/* One key of a mapping, given or not. */
static void param_read_key(struct param_reader *r, const struct param_table *table,
                           const struct param *row, struct param_node *node, void *out)
{
    struct param_pair *pair = param_node_find(node, row->key);
    enum param_fit fit = param_fits(r, table, row, out);
    void *field = (char *)out + row->offset;
    size_t back = param_enter_key(r, row->key);
    if (pair && fit == PARAM_UNFIT)
        param_find(r, pair->where, "has no effect here: it goes with %s: %s only", row->when,
                   row->is);
    else if (pair)
        param_read_row(r, row, pair->value, field);
    else if (fit == PARAM_FITS || (fit == PARAM_UNDECIDED && row->def))
        param_read_absent(r, row, field);
    param_leave(r, back);
}

/* A mapping by a table. */
static void param_read_table(struct param_reader *r, const struct param_table *table,
                             struct param_node *node, void *out)
{
    struct diag_where given = r->given;
    uint32_t findings = r->diag->count + r->diag->dropped;
    if (node->source != &default_source) r->given = node->where;
    for (size_t i = 0; i < table->count; i++)
        param_read_key(r, table, &table->rows[i], node, out);
    param_read_unknown(r, table, node);
    if (table->check && !r->doc->partial && findings == r->diag->count + r->diag->dropped) {
        const char *wrong = table->check(out);
        if (wrong) param_find(r, node->where, "%s", wrong);
    }
    r->given = given;
}

/* ---- choices ------------------------------------------------------------------------------- */

/* `sub`'s first member at `out` is the index of the chosen row. */
static void param_choose(const struct param_table *sub, const struct param *row, void *out)
{
    int kind = (int)(row - sub->rows);
    memcpy(out, &kind, sizeof kind);
}

/* A word that can only be meant as the name of a variant. */
static bool param_names_variant(struct param_reader *r, const struct param_table *sub,
                                const struct param_node *node, const struct param *bare)
{
    char first = (char)(node->text[0] | 0x20);
    if (!bare) return true;
    if (param_form(bare->type)->in_c >= PARAM_AS_TEXT || first < 'a' || first > 'z') return false;
    return param_row(sub, node->text) || param_guess_key(r, node->text, sub)[0] != '\0';
}

static void param_read_bare(struct param_reader *r, const struct param *row,
                            struct param_node *node, void *out)
{
    const struct param_table *sub = row->sub;
    const struct param *bare = param_bare(sub), *named = param_row(sub, node->text);
    if (named && named->type == PARAM_FLAG) {
        param_choose(sub, named, out);
        param_note(r, node, named->key);
    } else if (param_node_is_null(node)) {
        param_find_shape(r, row, node);
    } else if (!param_names_variant(r, sub, node, bare)) {
        param_choose(sub, bare, out);
        param_read_row(r, bare, node, (char *)out + bare->offset);
    } else if (named) {
        param_find(r, node->where, "%s needs a value: write {%s: ...}", named->key, named->key);
    } else {
        param_find(r, node->where, "%s is not one of %s%s", param_show(r->arena, node->text),
                   param_key_names(r->arena, sub), param_guess_key(r, node->text, sub));
    }
}

/* Where an upper layer chose another variant than the one below, its keys replace the others:
 * `{fixed: 2 s}` over an inherited `{lognormal: ...}`. */
static void param_keep_top_layer(struct param_node *node)
{
    uint32_t top = 0, kept = 0;
    for (uint32_t i = 0; i < node->count; i++)
        if (node->pairs[i].layer > top) top = node->pairs[i].layer;
    for (uint32_t i = 0; i < node->count; i++)
        if (node->pairs[i].layer == top) node->pairs[kept++] = node->pairs[i];
    node->count = kept;
}

static void param_read_variant(struct param_reader *r, const struct param *row,
                               struct param_node *node, void *out)
{
    param_keep_top_layer(node);
    if (node->count != 1) {
        param_find(r, node->where, "has %u keys, but exactly one of %s may stand here", node->count,
                   param_key_names(r->arena, row->sub));
        return;
    }
    struct param_pair *pair = &node->pairs[0];
    const struct param *chosen = param_row(row->sub, pair->key);
    if (!chosen) {
        param_read_unknown(r, row->sub, node);
        param_break(r->doc, r->path);
        param_read_instead(r, row, out);
        return;
    }
    size_t back = param_enter_key(r, pair->key);
    param_choose(row->sub, chosen, out);
    if (chosen->type == PARAM_FLAG)
        param_find(r, pair->where, "takes no value; write the word %s alone", chosen->key);
    else
        param_read_row(r, chosen, pair->value, (char *)out + chosen->offset);
    param_leave(r, back);
}

static void param_read_choice(struct param_reader *r, const struct param *row,
                              struct param_node *node, void *out)
{
    const struct param *bare = param_bare(row->sub);
    bool bare_list = bare && (bare->type == PARAM_REALS || bare->type == PARAM_TEXTS ||
                              bare->type == PARAM_LIST);
    if (node->kind == PARAM_NODE_MAPPING) {
        param_read_variant(r, row, node, out);
    } else if (node->kind == PARAM_NODE_LIST && bare_list) {
        param_choose(row->sub, bare, out);
        param_read_row(r, bare, node, (char *)out + bare->offset);
    } else if (node->kind == PARAM_NODE_LIST) {
        param_find_shape(r, row, node);
    } else {
        param_read_bare(r, row, node, out);
    }
}

/* ---- lists --------------------------------------------------------------------------------- */

/* An item of a list: what it is read by, and its size. */
static void param_item(const struct param *row, struct param *item, size_t *size)
{
    *item = (struct param){.key = row->key, .meaning = row->meaning};
    if (row->type == PARAM_LIST) {
        item->type = row->sub->one_of ? PARAM_CHOICE : PARAM_GROUP;
        item->sub = row->sub;
        *size = row->sub->size;
    } else if (row->type == PARAM_REALS) {
        item->type = row->element;
        item->min = row->min;
        item->max = row->max;
        *size = sizeof(double);
    } else {
        item->type = PARAM_STRING;
        *size = sizeof(struct param_text);
    }
}

/* The range of a row is that of the number of items, but for REALS, where it is each item's. */
static bool param_count_in_range(struct param_reader *r, const struct param *row,
                                 const struct param_node *node)
{
    struct param count = {.type = PARAM_COUNT, .min = row->min, .max = row->max};
    int64_t items = node->count;
    if (row->type == PARAM_REALS || param_in_range(&count, &items)) return true;
    param_find(r, node->where, "has %u item%s%s", node->count, node->count == 1 ? "" : "s",
               param_range_note(r, row));
    return false;
}

static void param_read_list(struct param_reader *r, const struct param *row,
                            struct param_node *node, struct param_list *list)
{
    if (!param_is_kind(r, row, node, PARAM_NODE_LIST)) return;
    if (!param_count_in_range(r, row, node)) return;
    struct param item;
    size_t size;
    param_item(row, &item, &size);
    list->count = node->count;
    list->items = arena_alloc(r->arena, node->count, size);
    if (node->count == 0) param_note(r, node, "[]");
    for (uint32_t i = 0; i < node->count; i++) {
        size_t back = param_enter_item(r, i);
        void *field = (char *)list->items + i * size;
        param_read_row(r, &item, node->items[i], field); /* a param_text begins with its text */
        if (row->type == PARAM_TEXTS) ((struct param_text *)field)->where = node->items[i]->where;
        param_leave(r, back);
    }
}

/* ---- dispatch ------------------------------------------------------------------------------ */

static void param_read_type(struct param_reader *r, const struct param *row,
                            struct param_node *node, void *field)
{
    switch (row->type) {
    case PARAM_GROUP:
        if (param_is_kind(r, row, node, PARAM_NODE_MAPPING))
            param_read_table(r, row->sub, node, field);
        break;
    case PARAM_CHOICE:
        param_read_choice(r, row, node, field);
        break;
    case PARAM_LIST:
    case PARAM_REALS:
    case PARAM_TEXTS:
        param_read_list(r, row, node, field);
        break;
    case PARAM_NAME:
    case PARAM_STRING:
    case PARAM_PATH:
        param_read_text(r, row, node, field);
        break;
    case PARAM_ENUM:
        param_read_enum(r, row, node, field);
        break;
    case PARAM_FLAG:
        assert(0 && "a flag stands outside a choice");
        break;
    default:
        param_read_number(r, row, node, field);
        break;
    }
}

static void param_read_row(struct param_reader *r, const struct param *row, struct param_node *node,
                           void *field)
{
    const struct param_doc *doc = r->doc;
    uint32_t broken = doc->broken_count;
    param_read_type(r, row, node, field);
    if (doc->broken_count > broken && strcmp(doc->broken[doc->broken_count - 1], r->path) == 0)
        param_read_instead(r, row, field);
}

/* Findings made while loading (a key given twice, an override that fits nowhere) break keys too. */
static void param_break_found(struct param_doc *doc, const struct diag *diag)
{
    for (uint32_t i = 0; i < diag->count; i++)
        if (diag->items[i].key) param_break(doc, diag->items[i].key);
    if (diag->dropped > 0) doc->all_broken = true;
}

void param_read(struct param_doc *doc, const struct param_table *table, void *out,
                struct diag *diag)
{
    struct param_reader r = {
        .doc = doc, .arena = doc->arena, .diag = diag, .given = doc->root->where};
    param_enter(&r, "");
    param_break_found(doc, diag);
    doc->effective_count = 0;
    param_read_table(&r, table, doc->root, out);
}
