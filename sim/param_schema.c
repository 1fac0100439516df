/* SPDX-License-Identifier: Apache-2.0
 * What a scenario may hold, from the same tables that read it: text and Markdown.
 *
 * Answers for: one line per key with type, default, allowed values, meaning and source, in
 * sections; a legend of the types.  Leaves out: JSON Schema (param_schema_json.c).
 *
 * A nested key is listed under its dotted path in the section of its top-level key.  A table that
 * several keys share (a distribution) gets a section of its own, and those keys name it. */
#include <string.h>

#include "sim/param_internal.h"

enum { PARAM_SECTIONS_MAX = 256, PARAM_COLUMNS = 4, PARAM_COLUMN_MAX = 44 };

struct param_line {
    const char *column[PARAM_COLUMNS]; /* key, type, default, allowed */
    const char *meaning, *source;
};

struct param_section {
    const char *title, *note;
    struct param_line *lines;
    size_t count, capacity;
};

struct param_schema_out {
    struct arena arena;
    struct param_section sections[PARAM_SECTIONS_MAX];
    size_t count;
    /* tables met, in how many rows, and whether those are choices */
    const struct param_table *tables[PARAM_SECTIONS_MAX];
    unsigned uses[PARAM_SECTIONS_MAX];
    bool choices[PARAM_SECTIONS_MAX];
    size_t table_count;
};

/* ---- collecting ---------------------------------------------------------------------------- */

static size_t param_table_index(struct param_schema_out *out, const struct param_table *table)
{
    size_t i = 0;
    while (i < out->table_count && out->tables[i] != table)
        i++;
    if (i == out->table_count && i < PARAM_SECTIONS_MAX) out->tables[out->table_count++] = table;
    return i;
}

static void param_count_uses(struct param_schema_out *out, const struct param_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct param_table *sub = table->rows[i].sub;
        size_t index = sub ? param_table_index(out, sub) : PARAM_SECTIONS_MAX;
        if (index == PARAM_SECTIONS_MAX) continue;
        out->choices[index] = table->rows[i].type == PARAM_CHOICE;
        if (out->uses[index]++ == 0) param_count_uses(out, sub);
    }
}

static bool param_is_shared(struct param_schema_out *out, const struct param_table *table)
{
    size_t index = param_table_index(out, table);
    return index < PARAM_SECTIONS_MAX && out->uses[index] > 1;
}

static struct param_section *param_section_add(struct param_schema_out *out, const char *title,
                                               const char *note)
{
    struct param_section *section = &out->sections[out->count];
    if (out->count < PARAM_SECTIONS_MAX - 1) out->count++;
    *section = (struct param_section){.title = title, .note = note};
    return section;
}

static const char *param_type_text(struct param_schema_out *out, const struct param *row)
{
    const char *label = param_form(row->type)->label;
    if (row->type == PARAM_REALS)
        return arena_print(&out->arena, "list of %s", param_form(row->element)->label);
    if (row->type == PARAM_TEXTS) return "list of text";
    if (row->type == PARAM_LIST) return arena_print(&out->arena, "list of %s", row->sub->name);
    if (row->sub && param_is_shared(out, row->sub)) return row->sub->name;
    return label;
}

static const char *param_allowed_text(struct param_schema_out *out, const struct param *row)
{
    const char *range = param_range(&out->arena, row), *names = "";
    if (row->type == PARAM_ENUM)
        for (size_t i = 0; row->names[i]; i++)
            names = arena_print(&out->arena, "%s%s%s", names, i > 0 ? ", " : "", row->names[i]);
    if (range && (row->type == PARAM_LIST || row->type == PARAM_TEXTS))
        return arena_print(&out->arena, "%s items", range);
    return range ? range : names;
}

static void param_line_add(struct param_schema_out *out, struct param_section *section,
                           const char *key, const struct param *row, bool variant)
{
    if (section->count == section->capacity) {
        size_t capacity = section->capacity ? 2 * section->capacity : 16;
        section->lines = arena_grow(&out->arena, section->lines, section->capacity, capacity,
                                    sizeof *section->lines);
        section->capacity = capacity;
    }
    const char *def = !row->def ? variant ? "" : "required" : row->def[0] ? row->def : "empty";
    const char *meaning = row->meaning ? row->meaning : "";
    if (row->flags & PARAM_BARE)
        meaning = arena_print(&out->arena, "%s; may stand without its key", meaning);
    if (row->when)
        meaning =
            arena_print(&out->arena, "%s; goes with %s: %s only", meaning, row->when, row->is);
    section->lines[section->count++] = (struct param_line){
        .column = {key, param_type_text(out, row), def, param_allowed_text(out, row)},
        .meaning = meaning,
        .source = row->source};
}

static void param_collect(struct param_schema_out *out, struct param_section *section,
                          const struct param_table *table, const char *prefix, bool variants)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct param *row = &table->rows[i];
        const char *dot = prefix[0] ? "." : "";
        const char *key = arena_print(&out->arena, "%s%s%s", prefix, dot, row->key);
        param_line_add(out, section, key, row, variants);
        if (!row->sub || param_is_shared(out, row->sub)) continue;
        if (row->type == PARAM_LIST) key = arena_print(&out->arena, "%s[]", key);
        param_collect(out, section, row->sub, key, row->type == PARAM_CHOICE);
    }
}

/* The top-level scalars, then one section per top-level key with keys of its own, then the shared
 * tables. */
static void param_collect_all(struct param_schema_out *out, const struct param_table *table)
{
    struct param_section *top = param_section_add(out, "top level", NULL);
    static const struct param base = {.key = "base",
                                      .type = PARAM_PATH,
                                      .def = "none",
                                      .meaning = "scenario file to inherit from; keys given here "
                                                 "win"};
    param_line_add(out, top, base.key, &base, false);
    for (size_t i = 0; i < table->count; i++) {
        const struct param *row = &table->rows[i];
        param_line_add(out, top, row->key, row, false);
        if (!row->sub || param_is_shared(out, row->sub)) continue;
        bool list = row->type == PARAM_LIST, choice = row->type == PARAM_CHOICE;
        const char *prefix = list ? arena_print(&out->arena, "%s[]", row->key) : row->key;
        const char *note = choice ? "exactly one of" : list ? "a list; each item has" : NULL;
        param_collect(out, param_section_add(out, row->key, note), row->sub, prefix, choice);
    }
    for (size_t i = 0; i < out->table_count; i++) {
        if (out->uses[i] < 2) continue;
        const char *note =
            out->choices[i] ? "used by several keys; exactly one of" : "used by several keys";
        param_collect(out, param_section_add(out, out->tables[i]->name, note), out->tables[i], "",
                      out->choices[i]);
    }
}

/* ---- legend -------------------------------------------------------------------------------- */

static const char *param_units_text(struct arena *arena, const struct param_form *form)
{
    const char *units = "";
    for (size_t i = 0; i < form->unit_count; i++)
        if (form->units[i].text[0])
            units = arena_print(arena, "%s%s%s", units, units[0] ? " " : "", form->units[i].text);
    return units;
}

static void param_write_legend(struct param_schema_out *out, bool markdown, FILE *file)
{
    static const enum param_type shown[] = {
        PARAM_COUNT,     PARAM_REAL,  PARAM_RATIO,  PARAM_DURATION, PARAM_BYTES, PARAM_RATE,
        PARAM_BANDWIDTH, PARAM_FLOPS, PARAM_WATTS,  PARAM_OPG,      PARAM_USD,   PARAM_USD_PER_H,
        PARAM_GAS_PRICE, PARAM_NAME,  PARAM_STRING, PARAM_PATH};
    fputs(markdown ? "## types\n\n| type | such as | units |\n|---|---|---|\n" : "types\n", file);
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        const struct param_form *form = param_form(shown[i]);
        const char *units = param_units_text(&out->arena, form);
        if (markdown)
            fprintf(file, "| %s | `%s` | %s |\n", form->label, form->example, units);
        else if (units[0])
            fprintf(file, "  %-14s such as %-12s units %s\n", form->label, form->example, units);
        else
            fprintf(file, "  %-14s such as %s\n", form->label, form->example);
    }
    fputs("\n", file);
}

/* ---- text ---------------------------------------------------------------------------------- */

static const char *const param_heads[PARAM_COLUMNS] = {"key", "type", "default", "allowed"};

/* Width of each column, longer texts stick out. */
static void param_widths(const struct param_section *section, size_t widths[PARAM_COLUMNS])
{
    for (size_t c = 0; c < PARAM_COLUMNS; c++) {
        widths[c] = strlen(param_heads[c]);
        for (size_t i = 0; i < section->count; i++) {
            size_t length = strlen(section->lines[i].column[c]);
            if (length > PARAM_COLUMN_MAX) length = PARAM_COLUMN_MAX;
            if (length > widths[c]) widths[c] = length;
        }
    }
}

static void param_write_text(const struct param_section *section, FILE *file)
{
    size_t widths[PARAM_COLUMNS];
    param_widths(section, widths);
    fprintf(file, "%s%s%s\n", section->title, section->note ? ": " : "",
            section->note ? section->note : "");
    fputs(" ", file);
    for (size_t c = 0; c < PARAM_COLUMNS; c++)
        fprintf(file, " %-*s", (int)widths[c] + 1, param_heads[c]);
    fputs(" meaning [source of the default]\n", file);
    for (size_t i = 0; i < section->count; i++) {
        const struct param_line *line = &section->lines[i];
        fputs(" ", file);
        for (size_t c = 0; c < PARAM_COLUMNS; c++)
            fprintf(file, " %-*s", (int)widths[c] + 1, line->column[c]);
        fprintf(file, " %s", line->meaning);
        if (line->source) fprintf(file, " [%s]", line->source);
        fputc('\n', file);
    }
    fputc('\n', file);
}

/* ---- Markdown ------------------------------------------------------------------------------ */

/* A bar would end the cell. */
static void param_write_cell(const char *text, FILE *file)
{
    for (; *text; text++) {
        if (*text == '|') fputc('\\', file);
        fputc(*text, file);
    }
    fputs(" | ", file);
}

static void param_write_markdown(const struct param_section *section, FILE *file)
{
    fprintf(file, "## %s\n\n", section->title);
    if (section->note) fprintf(file, "%s\n\n", section->note);
    fputs("| key | type | default | allowed | meaning | source |\n|---|---|---|---|---|---|\n",
          file);
    for (size_t i = 0; i < section->count; i++) {
        const struct param_line *line = &section->lines[i];
        fputs("| ", file);
        fprintf(file, "`%s` | ", line->column[0]);
        param_write_cell(line->column[1], file);
        param_write_cell(line->column[2], file);
        param_write_cell(line->column[3], file);
        param_write_cell(line->meaning, file);
        fprintf(file, "%s |\n", line->source ? line->source : "");
    }
    fputc('\n', file);
}

/* ---- the door ------------------------------------------------------------------------------ */

static void param_write_sections(const struct param_table *table, bool markdown, FILE *file)
{
    struct arena arena;
    arena_init(&arena, "schema", 0);
    struct param_schema_out *out = arena_alloc(&arena, 1, sizeof *out);
    out->arena = arena;
    param_count_uses(out, table);
    param_collect_all(out, table);
    fprintf(file, "%sKeys of a scenario (hacasim: 1)\n\n", markdown ? "# " : "");
    param_write_legend(out, markdown, file);
    for (size_t i = 0; i < out->count; i++) {
        if (markdown)
            param_write_markdown(&out->sections[i], file);
        else
            param_write_text(&out->sections[i], file);
    }
    arena = out->arena;
    arena_free(&arena);
}

enum status param_schema_write(const struct param_table *table, enum param_schema form, FILE *out)
{
    if (form == PARAM_SCHEMA_JSON) return param_schema_json(table, out);
    param_write_sections(table, form == PARAM_SCHEMA_MARKDOWN, out);
    if (fflush(out) != 0 || ferror(out))
        return status_fail(STATUS_OPERATING, "cannot write the schema: %m");
    return STATUS_OK;
}
