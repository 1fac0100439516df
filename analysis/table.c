/* SPDX-License-Identifier: Apache-2.0
 * Aligned text tables for a terminal.
 *
 * Answers for: widths, alignment and blocks.  What stands in the cells, units and digits are the
 * caller's.  Rows keep pointers only; everything lies in the caller's arena. */
#include "analysis/table.h"

#include <string.h>

enum { TABLE_GAP = 2 }; /* blanks between columns */

static const char TABLE_DASH[] = "\u2014";

struct table_line {
    const char *section;      /* or NULL: a row */
    const char *const *cells; /* of a row */
};

struct table {
    struct arena *arena;
    const char *align;
    size_t columns;
    size_t *width;
    struct table_line *lines;
    size_t count, capacity;
};

size_t table_columns(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}

struct table *table_create(struct arena *arena, const char *align)
{
    struct table *table = arena_alloc(arena, 1, sizeof *table);
    table->arena = arena;
    table->align = align;
    table->columns = strlen(align);
    table->width = arena_alloc(arena, table->columns, sizeof *table->width);
    return table;
}

static struct table_line *table_grow(struct table *table)
{
    if (table->count == table->capacity) {
        size_t capacity = table->capacity == 0 ? 32 : 2 * table->capacity;
        table->lines =
            arena_grow(table->arena, table->lines, table->capacity, capacity, sizeof *table->lines);
        table->capacity = capacity;
    }
    return &table->lines[table->count++];
}

void table_row(struct table *table, const char *const *cells)
{
    const char **copy = arena_alloc(table->arena, table->columns, sizeof *copy);
    for (size_t c = 0; c < table->columns; c++) {
        copy[c] = cells[c] == NULL ? TABLE_DASH : cells[c];
        size_t width = table_columns(copy[c]);
        if (width > table->width[c]) table->width[c] = width;
    }
    table_grow(table)->cells = copy;
}

void table_section(struct table *table, const char *text)
{
    table_grow(table)->section = text;
}

static void table_pad(FILE *out, size_t count)
{
    for (; count > 0; count--)
        fputc(' ', out);
}

/* Trailing blanks are never printed: they wrap on a narrow terminal and show up in diffs. */
static void table_cell(const struct table *table, const char *text, size_t column, size_t *pending,
                       FILE *out)
{
    size_t blanks = table->width[column] - table_columns(text);
    if (table->align[column] == 'r') *pending += blanks;
    if (*text != '\0') {
        table_pad(out, *pending);
        fputs(text, out);
        *pending = 0;
    }
    if (table->align[column] != 'r') *pending += blanks;
}

static void table_print_row(const struct table *table, const char *const *cells, size_t first,
                            size_t end, FILE *out)
{
    size_t pending = 0;
    table_cell(table, cells[0], 0, &pending, out);
    for (size_t c = first; c < end; c++) {
        pending += TABLE_GAP;
        table_cell(table, cells[c], c, &pending, out);
    }
    fputc('\n', out);
}

/* The first column that no longer fits beside column 0 and `first`. */
static size_t table_block_end(const struct table *table, size_t first)
{
    size_t width = table->width[0], end = first;
    while (end < table->columns) {
        width += TABLE_GAP + table->width[end];
        if (width > TABLE_WIDTH && end > first) break;
        end++;
    }
    return end;
}

static void table_print_columns(const struct table *table, size_t first, size_t end, FILE *out)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct table_line *line = &table->lines[i];
        if (line->section != NULL)
            fprintf(out, "%s\n", line->section);
        else
            table_print_row(table, line->cells, first, end, out);
    }
}

void table_print(const struct table *table, FILE *out)
{
    table_print_columns(table, 1, table->columns, out);
}

void table_print_blocks(const struct table *table, FILE *out)
{
    for (size_t first = 1, end; first < table->columns; first = end) {
        end = table_block_end(table, first);
        if (first > 1) fputc('\n', out);
        table_print_columns(table, first, end, out);
    }
}

void table_csv_field(FILE *out, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"') fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}
