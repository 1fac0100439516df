/* SPDX-License-Identifier: Apache-2.0
 * Reading calls from CSV rows and appending their results.
 *
 * Answers for: the CSV grammar (RFC 4180: commas, quotes, doubled quotes, LF or CRLF), which column
 * feeds which input, and where in the file something was wrong.  A row is printed back as it was
 * written, so that labels and spacing of the source survive.  Leaves out: files and exit codes
 * (cmd_eval.c), values and ranges (eval.c). */
#include "analysis/eval_csv.h"

#include <string.h>

#include "analysis/table.h"

struct cell {
    const char *text; /* without quotes and outer blanks */
    size_t length;
    uint32_t column; /* of its first character, from 1 */
};

enum { CSV_COLUMNS = 64 }; /* of a file, those that only pass through included */

struct row {
    struct cell cells[CSV_COLUMNS];
    size_t count;    /* cells found, more than CSV_COLUMNS included */
    const char *raw; /* the line as written, without its end */
    size_t raw_length;
    uint32_t line;
};

struct reader {
    const char *at, *end, *line_start;
    uint32_t line;
    struct arena *arena;
    struct diag *diag;
    const char *name;
};

static struct diag_where place(const struct reader *reader, uint32_t line, uint32_t column)
{
    return (struct diag_where){.file = reader->name, .line = line, .column = column};
}

static struct cell trimmed(const char *text, size_t length, uint32_t column)
{
    while (length > 0 && (*text == ' ' || *text == '\t'))
        text++, length--, column++;
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t'))
        length--;
    return (struct cell){text, length, column};
}

static uint32_t column_at(const struct reader *reader)
{
    return (uint32_t)(reader->at - reader->line_start) + 1;
}

/* Characters from the opening quote to the closing one, or to the end of the file. */
static size_t quoted_length(const struct reader *reader)
{
    const char *c = reader->at + 1;
    while (c < reader->end && (*c != '"' || (c + 1 < reader->end && c[1] == '"')))
        c += *c == '"' ? 2 : 1;
    return (size_t)(c - reader->at);
}

/* At the opening quote.  A quoted cell may run over several lines. */
static bool read_quoted(struct reader *reader, struct cell *cell)
{
    uint32_t line = reader->line, column = column_at(reader);
    char *text = arena_alloc(reader->arena, quoted_length(reader) + 1, 1);
    size_t length = 0;
    for (reader->at++; reader->at < reader->end; reader->at++) {
        if (*reader->at == '"') {
            if (reader->at + 1 == reader->end || reader->at[1] != '"') break;
            reader->at++;
        }
        if (*reader->at == '\n') reader->line++, reader->line_start = reader->at + 1;
        text[length++] = *reader->at;
    }
    if (reader->at == reader->end) {
        diag_add(reader->diag, place(reader, line, column), NULL, "this quote is never closed");
        return false;
    }
    reader->at++;
    *cell = trimmed(text, length, column);
    cell->column = column;
    return true;
}

static bool at_cell_end(const struct reader *reader)
{
    return reader->at == reader->end || *reader->at == ',' || *reader->at == '\n' ||
           (*reader->at == '\r' && reader->at + 1 < reader->end && reader->at[1] == '\n');
}

static bool read_cell(struct reader *reader, struct cell *cell)
{
    const char *start = reader->at;
    if (reader->at < reader->end && *reader->at == '"') {
        if (!read_quoted(reader, cell)) return false;
        if (at_cell_end(reader)) return true;
        diag_add(reader->diag, place(reader, reader->line, column_at(reader)), NULL,
                 "text after the closing quote");
        return false;
    }
    uint32_t column = column_at(reader);
    while (!at_cell_end(reader))
        reader->at++;
    *cell = trimmed(start, (size_t)(reader->at - start), column);
    return true;
}

/* False at the end of the file and after a broken quote. */
static bool read_row(struct reader *reader, struct row *row)
{
    if (reader->at == reader->end) return false;
    *row = (struct row){.raw = reader->at, .line = reader->line};
    for (;;) {
        struct cell cell;
        if (!read_cell(reader, &cell)) return false;
        if (row->count < CSV_COLUMNS) row->cells[row->count] = cell;
        row->count++;
        if (reader->at == reader->end || *reader->at != ',') break;
        reader->at++;
    }
    row->raw_length = (size_t)(reader->at - row->raw);
    if (reader->at < reader->end && *reader->at == '\r') reader->at++;
    if (reader->at < reader->end) reader->at++;
    reader->line++;
    reader->line_start = reader->at;
    return true;
}

static bool blank(const struct row *row)
{
    return row->count == 1 && row->cells[0].length == 0;
}

/* ---- header -------------------------------------------------------------------------------- */

static void bind_column(const struct eval_function *function, const struct reader *reader,
                        const struct cell *cell, long *input, uint32_t line)
{
    const char *name = arena_text(reader->arena, cell->text, cell->length);
    *input = eval_input_find(function, cell->text, cell->length);
    if (*input >= 0) return;
    const char *near = eval_input_nearest(function, name);
    if (near == NULL) return; /* a column of the user's own: it passes through */
    diag_add(reader->diag, place(reader, line, cell->column), name,
             "unknown input of %s (did you mean %s?)", function->name, near);
}

/* Which input each column feeds. */
static void bind_header(const struct eval_function *function, const struct eval_given *given,
                        const struct reader *reader, const struct row *header, long *inputs)
{
    bool have[EVAL_INPUTS] = {false};
    if (header->count > CSV_COLUMNS)
        diag_add(reader->diag, place(reader, header->line, 1), NULL, "%zu columns, at most %d",
                 header->count, CSV_COLUMNS);
    for (size_t c = 0; c < header->count && c < CSV_COLUMNS; c++) {
        bind_column(function, reader, &header->cells[c], &inputs[c], header->line);
        if (inputs[c] < 0) continue;
        const char *name = function->inputs[inputs[c]].name;
        if (have[inputs[c]] || given[inputs[c]].text)
            diag_add(reader->diag, place(reader, header->line, header->cells[c].column), name,
                     "given twice");
        have[inputs[c]] = true;
    }
    for (size_t i = 0; i < eval_input_count(function); i++)
        if (!have[i] && !given[i].text && !function->inputs[i].def)
            diag_add(reader->diag, place(reader, header->line, 1), function->inputs[i].name,
                     "no such column, and it has no default");
}

static void write_header(const struct eval_function *function, const struct row *header, FILE *out)
{
    fwrite(header->raw, 1, header->raw_length, out);
    for (size_t i = 0; i < eval_output_count(function); i++)
        fprintf(out, ",%s", function->outputs[i].name);
    fputc('\n', out);
}

/* ---- rows ---------------------------------------------------------------------------------- */

static void run_row(const struct eval_function *function, const struct eval_given *given,
                    const struct reader *reader, const struct row *row, const long *inputs,
                    struct arena *scratch, FILE *out)
{
    struct eval_given bound[EVAL_INPUTS];
    struct eval_call call;
    for (size_t i = 0; i < EVAL_INPUTS; i++) {
        bound[i] = given[i];
        bound[i].where = place(reader, row->line, 1);
    }
    for (size_t c = 0; c < row->count; c++)
        if (inputs[c] >= 0)
            bound[inputs[c]] = (struct eval_given){row->cells[c].text, row->cells[c].length,
                                                   place(reader, row->line, row->cells[c].column)};
    if (!eval_evaluate(function, bound, &call, scratch, reader->diag)) return;
    fwrite(row->raw, 1, row->raw_length, out);
    for (size_t i = 0; i < eval_output_count(function); i++) {
        fputc(',', out);
        table_csv_field(out, eval_value_text(&call.out[i], scratch));
    }
    fputc('\n', out);
}

static void run_rows(const struct eval_function *function, const struct eval_given *given,
                     struct reader *reader, size_t columns, const long *inputs, FILE *out)
{
    struct arena scratch;
    struct row row;
    arena_init(&scratch, "eval row", 0);
    while (read_row(reader, &row)) {
        if (blank(&row)) continue;
        if (row.count != columns)
            diag_add(reader->diag, place(reader, row.line, 1), NULL,
                     "%zu cells, the header has %zu", row.count, columns);
        else
            run_row(function, given, reader, &row, inputs, &scratch, out);
        arena_reset(&scratch);
    }
    arena_free(&scratch);
}

void eval_csv_run(const struct eval_function *function, const struct eval_given *given,
                  const char *name, const char *text, size_t length, struct arena *arena,
                  struct diag *diag, FILE *out)
{
    static const char mark[] = "\xEF\xBB\xBF"; /* byte order mark of spreadsheets */
    struct reader reader = {text, text + length, text, 1, arena, diag, name};
    struct row header;
    long inputs[CSV_COLUMNS] = {0};
    if (memchr(text, '\0', length)) {
        diag_add(diag, place(&reader, 0, 0), NULL, "not a text file");
        return;
    }
    if (length >= 3 && memcmp(text, mark, 3) == 0) reader.at = reader.line_start = text + 3;
    if (!read_row(&reader, &header) || blank(&header)) {
        if (diag->count == 0)
            diag_add(diag, place(&reader, 1, 1), NULL, "expected a header of input names");
        return;
    }
    bind_header(function, given, &reader, &header, inputs);
    if (diag->count > 0) return;
    write_header(function, &header, out);
    run_rows(function, given, &reader, header.count, inputs, out);
}
