/* SPDX-License-Identifier: Apache-2.0
 * Reading tables of numbers. */
#include "models/perf_csv.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

enum { EXCERPT = 40 };

/* ---- findings ------------------------------------------------------------------------------- */

static void report(struct perf_csv *csv, uint32_t line, uint32_t column, const char *key,
                   const char *message)
{
    struct diag_where where = {
        .file = csv->path, .order = csv->order, .line = line, .column = column};
    csv->found++;
    if (csv->found > PERF_CSV_FINDINGS + 1) return;
    if (csv->found == PERF_CSV_FINDINGS + 1)
        diag_add(csv->diag, where, NULL, "and more");
    else
        diag_add(csv->diag, where, key, "%s", message);
}

static const char *cell_name(const struct perf_csv *csv, int column, char *name, size_t size)
{
    snprintf(name, size, "%.*s", (int)csv->names[column].length, csv->names[column].text);
    return name;
}

void perf_csv_fail(struct perf_csv *csv, int column, const char *format, ...)
{
    char message[400], name[EXCERPT + 1];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (column < 0)
        report(csv, csv->line, csv->line > 0, NULL, message);
    else
        report(csv, csv->line, csv->cells[column].column, cell_name(csv, column, name, sizeof name),
               message);
}

/* A printable copy of a cell, shortened. */
static const char *excerpt(const struct perf_csv_text *cell, char *text)
{
    size_t length = cell->length < EXCERPT ? cell->length : EXCERPT;
    for (size_t i = 0; i < length; i++)
        text[i] = cell->text[i] < ' ' || cell->text[i] > '~' ? '?' : cell->text[i];
    text[length] = '\0';
    return text;
}

/* ---- lines and cells ------------------------------------------------------------------------ */

static const char *slurp(FILE *file, struct arena *arena, size_t *length, bool *whole)
{
    size_t size = 1 << 16, used = 0;
    char *text = arena_alloc(arena, size, 1);
    for (size_t got; (got = fread(text + used, 1, size - used, file)) > 0;) {
        used += got;
        if (used < size) continue;
        if (size >= PERF_CSV_BYTES) break;
        text = arena_grow(arena, text, size, 2 * size, 1);
        size *= 2;
    }
    *whole = feof(file) && !ferror(file);
    *length = used;
    return text;
}

static struct perf_csv_text trimmed(const char *text, size_t length, uint32_t column)
{
    for (; length > 0 && (*text == ' ' || *text == '\t'); length--, column++)
        text++;
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t'))
        length--;
    return (struct perf_csv_text){text, length, column};
}

static bool next_line(struct perf_csv *csv, struct perf_csv_text *line)
{
    if (csv->at == csv->end) return false;
    const char *newline = memchr(csv->at, '\n', (size_t)(csv->end - csv->at));
    const char *stop = newline ? newline : csv->end;
    size_t length = (size_t)(stop - csv->at);
    if (length > 0 && csv->at[length - 1] == '\r') length--;
    csv->line++;
    *line = trimmed(csv->at, length, 1);
    csv->at = newline ? newline + 1 : csv->end;
    return true;
}

/* "# key: value" */
static void take_note(struct perf_csv *csv, struct perf_csv_text line, struct arena *arena)
{
    struct perf_csv_text body = trimmed(line.text + 1, line.length - 1, 1);
    const char *colon = memchr(body.text, ':', body.length);
    if (colon == NULL || csv->note_count == PERF_CSV_NOTES) return;
    size_t length = (size_t)(colon - body.text);
    struct perf_csv_text value = trimmed(colon + 1, body.length - length - 1, 1);
    csv->notes[csv->note_count][0] = arena_text(arena, body.text, length);
    csv->notes[csv->note_count++][1] = arena_text(arena, value.text, value.length);
}

/* Where the cell that begins at `at` ends: at a comma outside quotes, or at the end. */
static const char *cell_end(const char *at, const char *end)
{
    bool quoted = false;
    for (; at < end && (quoted || *at != ','); at++)
        if (*at == '"') quoted = !quoted;
    return at;
}

/* "4096" is 4096; a cell with one quote only stays as it is, and will not read as a number. */
static struct perf_csv_text unquoted(struct perf_csv_text cell)
{
    if (cell.length < 2 || cell.text[0] != '"' || cell.text[cell.length - 1] != '"') return cell;
    return trimmed(cell.text + 1, cell.length - 2, cell.column + 1);
}

/* The number of cells; those beyond PERF_CSV_COLUMNS are only counted. */
static uint32_t split(struct perf_csv_text line, struct perf_csv_text *cells)
{
    uint32_t count = 0;
    const char *at = line.text, *end = line.text + line.length;
    for (;; at++) {
        const char *start = at;
        at = cell_end(at, end);
        uint32_t column = line.column + (uint32_t)(start - line.text);
        if (count < PERF_CSV_COLUMNS)
            cells[count] = unquoted(trimmed(start, (size_t)(at - start), column));
        count++;
        if (at == end) return count;
    }
}

/* Two columns of one name: which of them is meant cannot be told. */
static bool distinct_names(struct perf_csv *csv)
{
    for (uint32_t i = 1; i < csv->columns; i++)
        for (uint32_t k = 0; k < i; k++) {
            const struct perf_csv_text *a = &csv->names[i], *b = &csv->names[k];
            if (a->length == 0 || a->length != b->length) continue;
            if (memcmp(a->text, b->text, a->length) != 0) continue;
            report(csv, csv->line, a->column, NULL, "a second column of this name");
            return false;
        }
    return true;
}

static bool read_header(struct perf_csv *csv, struct arena *arena)
{
    struct perf_csv_text line;
    while (next_line(csv, &line)) {
        if (line.length == 0) continue;
        if (line.text[0] == '#') {
            take_note(csv, line, arena);
            continue;
        }
        csv->columns = split(line, csv->names);
        if (csv->columns <= PERF_CSV_COLUMNS) return distinct_names(csv);
        perf_csv_fail(csv, -1, "%u columns are more than a timing table has", csv->columns);
        return false;
    }
    csv->line = 0;
    perf_csv_fail(csv, -1, "is empty: a timing table begins with the names of its columns");
    return false;
}

bool perf_csv_open(struct perf_csv *csv, FILE *file, const char *path, uint32_t order,
                   struct arena *arena, struct diag *diag)
{
    size_t length;
    bool whole;
    *csv = (struct perf_csv){.path = path, .diag = diag, .order = order};
    errno = 0;
    csv->at = slurp(file, arena, &length, &whole);
    csv->end = csv->at + length;
    csv->digest = snap_sum(csv->at, length);
    int error = errno;
    fclose(file);
    if (!whole) {
        perf_csv_fail(csv, -1, "cannot be read (%s)",
                      error ? strerror(error) : "it is larger than 256 MiB");
        return false;
    }
    if (length >= 3 && memcmp(csv->at, "\xEF\xBB\xBF", 3) == 0) csv->at += 3; /* byte order mark */
    if (memchr(csv->at, '\0', (size_t)(csv->end - csv->at)) != NULL) {
        perf_csv_fail(csv, -1, "is not text (a zero byte)");
        return false;
    }
    return read_header(csv, arena);
}

bool perf_csv_next(struct perf_csv *csv)
{
    struct perf_csv_text line;
    while (next_line(csv, &line)) {
        if (line.length == 0 || line.text[0] == '#') continue;
        uint32_t count = split(line, csv->cells);
        if (count == csv->columns) return true;
        perf_csv_fail(csv, -1, "%u cells (the header has %u)", count, csv->columns);
    }
    return false;
}

/* ---- columns and values --------------------------------------------------------------------- */

static bool same(const struct perf_csv_text *cell, const char *text)
{
    return cell->length == strlen(text) && memcmp(cell->text, text, cell->length) == 0;
}

int perf_csv_column(const struct perf_csv *csv, const char *name)
{
    for (uint32_t i = 0; i < csv->columns; i++)
        if (same(&csv->names[i], name)) return (int)i;
    return -1;
}

const char *perf_csv_note(const struct perf_csv *csv, const char *key)
{
    for (uint32_t i = 0; i < csv->note_count; i++)
        if (strcmp(csv->notes[i][0], key) == 0) return csv->notes[i][1];
    return NULL;
}

bool perf_csv_is(const struct perf_csv *csv, int column, const char *text)
{
    return same(&csv->cells[column], text);
}

bool perf_csv_whole(struct perf_csv *csv, int column, int64_t low, int64_t high, int64_t *value)
{
    const struct perf_csv_text *cell = &csv->cells[column];
    char text[EXCERPT + 1];
    const char *why;
    if (param_scan(PARAM_COUNT, cell->text, cell->length, value, &why) != 0) {
        perf_csv_fail(csv, column, "\"%s\" is not a whole number", excerpt(cell, text));
        return false;
    }
    if (*value >= low && *value <= high) return true;
    perf_csv_fail(csv, column, "\"%s\" is outside %lld to %lld", excerpt(cell, text),
                  (long long)low, (long long)high);
    return false;
}

bool perf_csv_real(struct perf_csv *csv, int column, double *value)
{
    const struct perf_csv_text *cell = &csv->cells[column];
    char text[EXCERPT + 1];
    const char *why;
    if (param_scan(PARAM_REAL, cell->text, cell->length, value, &why) == 0) return true;
    perf_csv_fail(csv, column, "\"%s\" is not a number", excerpt(cell, text));
    return false;
}

bool perf_csv_positive(struct perf_csv *csv, int column, double *value)
{
    char text[EXCERPT + 1];
    if (!perf_csv_real(csv, column, value)) return false;
    if (*value > 0.0 && *value < 1e13) return true;
    perf_csv_fail(csv, column, "\"%s\" is not a positive time", excerpt(&csv->cells[column], text));
    return false;
}
