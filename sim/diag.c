/* SPDX-License-Identifier: Apache-2.0
 * Collecting, sorting and printing user errors, and guessing what a misspelt word meant.
 *
 * Answers for: one list of findings in the order a reader meets them (source, line, column, then
 * order of discovery), each once; the line format of a compiler; the spelling distance.
 * Leaves out: what is an error (sim/param and the models' cross checks) and the exit code (the
 * verbs: any finding means 2).
 *
 * Texts are copied into the arena of the list, so the caller's may go away. */
#include "sim/diag.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { DIAG_FIRST_CAPACITY = 16, DIAG_WORD_MAX = 64, DIAG_BEGUN_MIN = 3 };

void diag_init(struct diag *diag, struct arena *arena)
{
    *diag = (struct diag){.arena = arena};
}

static int diag_text_compare(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "");
}

static bool diag_same(const struct diag_item *item, struct diag_where where, const char *key,
                      const char *message)
{
    return item->where.order == where.order && item->where.line == where.line &&
           item->where.column == where.column &&
           diag_text_compare(item->where.file, where.file) == 0 &&
           diag_text_compare(item->key, key) == 0 && strcmp(item->message, message) == 0;
}

static struct diag_item *diag_append(struct diag *diag)
{
    if (diag->count == diag->capacity) {
        uint32_t capacity = diag->capacity ? 2 * diag->capacity : DIAG_FIRST_CAPACITY;
        diag->items =
            arena_grow(diag->arena, diag->items, diag->capacity, capacity, sizeof *diag->items);
        diag->capacity = capacity;
    }
    return &diag->items[diag->count++];
}

void diag_vadd(struct diag *diag, struct diag_where where, const char *key, const char *format,
               va_list arguments)
{
    if (diag->count == DIAG_LIMIT) {
        diag->dropped++;
        return;
    }
    const char *message = arena_vprint(diag->arena, format, arguments);
    for (uint32_t i = 0; i < diag->count; i++)
        if (diag_same(&diag->items[i], where, key, message)) return;
    if (key) key = arena_text(diag->arena, key, strlen(key));
    if (where.file) where.file = arena_text(diag->arena, where.file, strlen(where.file));
    *diag_append(diag) = (struct diag_item){.where = where, .key = key, .message = message};
}

void diag_add(struct diag *diag, struct diag_where where, const char *key, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    diag_vadd(diag, where, key, format, arguments);
    va_end(arguments);
}

/* ---- printing ------------------------------------------------------------------------------ */

/* By source, line, column; the address stands for the order of discovery, as all items of a list
 * lie in one array. */
static int diag_compare(const void *a, const void *b)
{
    const struct diag_item *x = *(const struct diag_item *const *)a;
    const struct diag_item *y = *(const struct diag_item *const *)b;
    if (x->where.order != y->where.order) return x->where.order < y->where.order ? -1 : 1;
    if (x->where.line != y->where.line) return x->where.line < y->where.line ? -1 : 1;
    if (x->where.column != y->where.column) return x->where.column < y->where.column ? -1 : 1;
    return x < y ? -1 : x > y;
}

const char *diag_place(struct arena *arena, struct diag_where where)
{
    if (!where.file) return "";
    if (where.line == 0) return where.file;
    return arena_print(arena, "%s:%u:%u", where.file, where.line, where.column);
}

static void diag_print_item(struct arena *arena, const struct diag_item *item, FILE *out)
{
    const char *place = diag_place(arena, item->where);
    fprintf(out, "%s%serror: ", place, place[0] ? ": " : "");
    if (item->key) fprintf(out, "%s: ", item->key);
    fprintf(out, "%s\n", item->message);
}

void diag_print(struct diag *diag, FILE *out)
{
    const struct diag_item **sorted =
        arena_alloc(diag->arena, diag->count + 1, sizeof(struct diag_item *));
    for (uint32_t i = 0; i < diag->count; i++)
        sorted[i] = &diag->items[i];
    qsort(sorted, diag->count, sizeof(struct diag_item *), diag_compare);
    for (uint32_t i = 0; i < diag->count; i++)
        diag_print_item(diag->arena, sorted[i], out);
    if (diag->dropped > 0)
        fprintf(out, "%u errors, and %u more that are not shown\n", diag->count, diag->dropped);
    else if (diag->count > 1)
        fprintf(out, "%u errors\n", diag->count);
}

/* ---- spelling ------------------------------------------------------------------------------ */

static size_t diag_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Damerau-Levenshtein distance in its restricted form (no letter is moved twice), three rows at a
 * time: two back, previous, current. */
static size_t diag_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[3][DIAG_WORD_MAX + 1];
    size_t *before = rows[0], *previous = rows[1], *current = rows[2];
    for (size_t j = 0; j <= b_length; j++)
        previous[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        current[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t change = previous[j - 1] + (a[i - 1] != b[j - 1]);
            current[j] = diag_min(change, 1 + diag_min(previous[j], current[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                current[j] = diag_min(current[j], before[j - 2] + 1);
        }
        size_t *oldest = before;
        before = previous;
        previous = current;
        current = oldest;
    }
    return previous[b_length];
}

/* The first candidate that `word` begins, up to a joint in it. */
static const char *diag_begun(const char *word, const char *const *candidates, size_t count)
{
    size_t length = strlen(word);
    for (size_t i = 0; i < count && length >= DIAG_BEGUN_MIN; i++)
        if (strncmp(candidates[i], word, length) == 0 && strchr("-_./", candidates[i][length]))
            return candidates[i];
    return NULL;
}

const char *diag_nearest(const char *word, const char *const *candidates, size_t count)
{
    size_t length = strlen(word);
    if (length > DIAG_WORD_MAX) return NULL;
    size_t limit = length / 3 > 1 ? length / 3 : 1;
    const char *nearest = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t candidate_length = strlen(candidates[i]);
        if (candidate_length > DIAG_WORD_MAX || candidate_length > length + limit) continue;
        size_t distance = diag_distance(word, length, candidates[i], candidate_length);
        if (distance > limit || distance >= candidate_length) continue;
        nearest = candidates[i];
        if (distance == 0) break;
        limit = distance - 1; /* only a nearer one may replace it */
    }
    if (nearest == NULL) nearest = diag_begun(word, candidates, count);
    return nearest;
}
