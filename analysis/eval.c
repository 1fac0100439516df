/* SPDX-License-Identifier: Apache-2.0
 * Reading, checking and printing the inputs and results of single functions.
 *
 * Answers for: the list of function tables, the text of values in and out, the ranges, and the
 * words of what is wrong.  Leaves out: the functions themselves (eval_*.c), the command line and
 * CSV files (cmd_eval.c, eval_csv.c). */
#include "analysis/eval.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const struct eval_table *const tables[] = {
    &eval_chain_table, &eval_queue_table,  &eval_token_table,     &eval_emission_table,
    &eval_trust_table, &eval_timing_table, &eval_consensus_table,
};
enum { TABLES = sizeof(tables) / sizeof(tables[0]), FUNCTIONS_MAX = 64, LIST_MAX = 1000000 };

/* Largest integer that every JSON reader keeps exactly. */
static const money_t json_exact = (money_t)1 << 53;

/* ---- the list of functions ----------------------------------------------------------------- */

size_t eval_count(void)
{
    size_t count = 0;
    for (size_t i = 0; i < TABLES; i++)
        count += tables[i]->count;
    return count;
}

const struct eval_function *eval_at(size_t index)
{
    for (size_t i = 0; i < TABLES; i++) {
        if (index < tables[i]->count) return &tables[i]->functions[index];
        index -= tables[i]->count;
    }
    return NULL;
}

const struct eval_function *eval_find(const char *name)
{
    for (size_t i = 0; i < eval_count(); i++)
        if (strcmp(eval_at(i)->name, name) == 0) return eval_at(i);
    return NULL;
}

const char *eval_nearest(const char *name)
{
    const char *names[FUNCTIONS_MAX];
    size_t count = 0;
    for (; count < eval_count() && count < FUNCTIONS_MAX; count++)
        names[count] = eval_at(count)->name;
    return diag_nearest(name, names, count);
}

size_t eval_input_count(const struct eval_function *function)
{
    size_t count = 0;
    while (count < EVAL_INPUTS && function->inputs[count].name)
        count++;
    return count;
}

size_t eval_output_count(const struct eval_function *function)
{
    size_t count = 0;
    while (count < EVAL_OUTPUTS && function->outputs[count].name)
        count++;
    return count;
}

long eval_input_find(const struct eval_function *function, const char *name, size_t length)
{
    for (size_t i = 0; i < eval_input_count(function); i++) {
        const char *known = function->inputs[i].name;
        if (strlen(known) == length && memcmp(known, name, length) == 0) return (long)i;
    }
    return -1;
}

const char *eval_input_nearest(const struct eval_function *function, const char *name)
{
    const char *names[EVAL_INPUTS];
    size_t count = eval_input_count(function);
    for (size_t i = 0; i < count; i++)
        names[i] = function->inputs[i].name;
    return diag_nearest(name, names, count);
}

/* ---- values -------------------------------------------------------------------------------- */

struct eval_value eval_real(double value)
{
    return (struct eval_value){.kind = EVAL_KIND_REAL, .real = value};
}

struct eval_value eval_exact(money_t amount, int decimals)
{
    return (struct eval_value){.kind = EVAL_KIND_EXACT, .amount = amount, .decimals = decimals};
}

struct eval_value eval_fixed(money_t amount, int decimals)
{
    return (struct eval_value){.kind = EVAL_KIND_FIXED, .amount = amount, .decimals = decimals};
}

struct eval_value eval_flag(bool value)
{
    return (struct eval_value){.kind = EVAL_KIND_FLAG, .flag = value};
}

struct eval_value eval_null(void)
{
    return (struct eval_value){.kind = EVAL_KIND_NULL};
}

struct eval_value eval_wholes(const int64_t *wholes, size_t count, size_t width)
{
    return (struct eval_value){
        .kind = EVAL_KIND_WHOLES, .wholes = wholes, .count = count, .width = width};
}

/* All the decimals, as the chains print them: 0.130000000000000000. */
static const char *fixed_text(const struct eval_value *value, struct arena *arena)
{
    char buffer[MONEY_TEXT];
    const char *text = money_print(buffer, value->amount, value->decimals);
    const char *point = strchr(text, '.');
    int given = point ? (int)strlen(point + 1) : 0;
    return arena_print(arena, "%s%s%.*s", text, point ? "" : ".", value->decimals - given,
                       "000000000000000000");
}

/* [1,-2], or [[1,-2],[3,4]] */
static const char *wholes_text(const struct eval_value *value, struct arena *arena)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) return "";
    fputc('[', out);
    for (size_t i = 0; i < value->count; i++) {
        bool first = value->width > 0 && i % value->width == 0;
        bool last = value->width > 0 && (i + 1) % value->width == 0;
        fprintf(out, "%s%s%lld%s", i > 0 ? "," : "", first ? "[" : "", (long long)value->wholes[i],
                last ? "]" : "");
    }
    fputc(']', out);
    fclose(out);
    const char *copy = arena_text(arena, text, size);
    free(text);
    return copy;
}

static const char *tree_text(const struct eval_value *value, struct arena *arena)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) return "";
    struct json *json = json_open();
    json_write(json, value->tree(json, value->data), out, true);
    json_close(json);
    fclose(out);
    const char *copy = arena_text(arena, text, size > 0 ? size - 1 : 0); /* without the newline */
    free(text);
    return copy;
}

const char *eval_value_text(const struct eval_value *value, struct arena *arena)
{
    char buffer[MONEY_TEXT];
    switch (value->kind) {
    case EVAL_KIND_NULL:
        return "";
    case EVAL_KIND_FLAG:
        return value->flag ? "true" : "false";
    case EVAL_KIND_REAL:
        return arena_print(arena, "%s", json_real_text(buffer, value->real));
    case EVAL_KIND_EXACT:
        return arena_print(arena, "%s", money_print(buffer, value->amount, value->decimals));
    case EVAL_KIND_FIXED:
        return fixed_text(value, arena);
    case EVAL_KIND_TEXT:
        return value->text;
    case EVAL_KIND_WHOLES:
        return wholes_text(value, arena);
    case EVAL_KIND_TREE:
        return tree_text(value, arena);
    case EVAL_KIND_REALS:
        break; /* an input only; a CSV row keeps the text it was given as */
    }
    return "";
}

static struct json_node *whole_json(struct json *json, int64_t value)
{
    char text[MONEY_TEXT];
    if (value <= json_exact && value >= -json_exact) return json_integer(json, value);
    return json_text(json, money_print(text, value, 0));
}

static struct json_node *wholes_json(struct json *json, const struct eval_value *value)
{
    struct json_node *array = json_array(json), *row = array;
    for (size_t i = 0; i < value->count; i++) {
        if (value->width > 0 && i % value->width == 0) {
            row = json_array(json);
            json_push(json, array, row);
        }
        json_push(json, row, whole_json(json, value->wholes[i]));
    }
    return array;
}

static struct json_node *exact_json(struct json *json, const struct eval_value *value)
{
    char buffer[MONEY_TEXT];
    money_print(buffer, value->amount, value->decimals);
    bool whole = !strchr(buffer, '.');
    money_t unit = 1;
    for (int i = 0; i < value->decimals; i++)
        unit *= 10;
    money_t integer = value->amount / unit;
    if (whole && integer <= json_exact && integer >= -json_exact)
        return json_integer(json, (int64_t)integer);
    return json_text(json, buffer);
}

static struct json_node *reals_json(struct json *json, const struct eval_value *value)
{
    struct json_node *array = json_array(json);
    for (size_t i = 0; i < value->count; i++)
        json_push(json, array, json_real(json, value->reals[i]));
    return array;
}

struct json_node *eval_value_json(struct json *json, const struct eval_value *value)
{
    struct arena scratch;
    struct json_node *node;
    switch (value->kind) {
    case EVAL_KIND_NULL:
        break;
    case EVAL_KIND_FLAG:
        return json_bool(json, value->flag);
    case EVAL_KIND_REAL:
        return json_real(json, value->real);
    case EVAL_KIND_EXACT:
        return exact_json(json, value);
    case EVAL_KIND_FIXED:
        arena_init(&scratch, "eval text", 0);
        node = json_text(json, fixed_text(value, &scratch));
        arena_free(&scratch);
        return node;
    case EVAL_KIND_TEXT:
        return json_text(json, value->text);
    case EVAL_KIND_REALS:
        return reals_json(json, value);
    case EVAL_KIND_WHOLES:
        return wholes_json(json, value);
    case EVAL_KIND_TREE:
        return value->tree(json, value->data);
    }
    return json_null(json);
}

/* ---- reading ------------------------------------------------------------------------------- */

/* strtod takes hexadecimal, inf, nan and leading blanks; an input is a plain decimal number. */
static bool scan_real(const char *text, size_t length, double *out)
{
    char copy[64];
    if (length == 0 || length >= sizeof copy) return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (strspn(copy, "0123456789+-.eE") != length) return false;
    char *end;
    errno = 0;
    *out = strtod(copy, &end);
    if (*out == 0) *out = 0; /* no minus sign */
    return *end == '\0' && end != copy && isfinite(*out);
}

static bool scan_whole(const char *text, size_t length, int64_t *out)
{
    money_t amount;
    if (!money_scan(text, length, 0, &amount) || amount > INT64_MAX || amount < INT64_MIN)
        return false;
    *out = (int64_t)amount;
    return true;
}

/* The elements of "[a, b, c]", as many as there are commas and one more; "[]" has none. */
static bool scan_list(enum eval_type type, const char *text, size_t length, struct arena *arena,
                      struct eval_value *out)
{
    if (length < 2 || text[0] != '[' || text[length - 1] != ']') return false;
    if (type == EVAL_WHOLES && length == 2) return true;
    size_t capacity = 1, from = 1;
    for (size_t i = 0; i < length; i++)
        capacity += text[i] == ',';
    if (capacity > LIST_MAX) return false;
    double *reals = arena_alloc(arena, capacity, sizeof *reals);
    int64_t *wholes = arena_alloc(arena, capacity, sizeof *wholes);
    out->reals = reals;
    out->wholes = wholes;
    for (size_t i = 1; i < length; i++) {
        if (text[i] != ',' && i != length - 1) continue;
        size_t start = from, end = i, at = out->count++;
        while (start < end && text[start] == ' ')
            start++;
        while (end > start && text[end - 1] == ' ')
            end--;
        bool good = type == EVAL_WHOLES ? scan_whole(text + start, end - start, &wholes[at])
                                        : scan_real(text + start, end - start, &reals[at]);
        if (!good) return false;
        from = i + 1;
    }
    return true;
}

static bool scan_name(const struct eval_input *input, const char *text, size_t length,
                      struct eval_value *out)
{
    for (int i = 0; input->names[i]; i++) {
        if (strlen(input->names[i]) != length || memcmp(input->names[i], text, length) != 0)
            continue;
        out->text = input->names[i];
        out->choice = i;
        return true;
    }
    return false;
}

/* Decimal places of an exact input. */
static int type_decimals(enum eval_type type)
{
    return type == EVAL_DECIMAL ? 18 : 0;
}

static bool scan(const struct eval_input *input, const char *text, size_t length,
                 struct arena *arena, struct eval_value *out)
{
    *out = eval_null();
    switch (input->type) {
    case EVAL_INTEGER:
    case EVAL_DECIMAL:
        out->kind = EVAL_KIND_EXACT;
        out->decimals = type_decimals(input->type);
        return money_scan(text, length, out->decimals, &out->amount);
    case EVAL_REAL:
        out->kind = EVAL_KIND_REAL;
        return scan_real(text, length, &out->real);
    case EVAL_NAME:
        out->kind = EVAL_KIND_TEXT;
        return scan_name(input, text, length, out);
    case EVAL_REALS:
        out->kind = EVAL_KIND_REALS;
        if (input->def && strcmp(input->def, "[]") == 0 && length == 2 &&
            memcmp(text, "[]", 2) == 0)
            return true;
        return scan_list(input->type, text, length, arena, out);
    case EVAL_WHOLES:
        out->kind = EVAL_KIND_WHOLES;
        return scan_list(input->type, text, length, arena, out);
    case EVAL_PATH:
        out->kind = EVAL_KIND_TEXT;
        out->text = arena_text(arena, text, length);
        return memchr(text, '\0', length) == NULL;
    }
    return false;
}

/* ---- ranges -------------------------------------------------------------------------------- */

/* An end of a range without its mark. */
static const char *bound(const char *text)
{
    return *text == '>' || *text == '<' ? text + 1 : text;
}

/* Sign of value - bound, the way the value is stored. */
static int compare(const struct eval_input *input, const struct eval_value *value, double element,
                   const char *text)
{
    if (value->kind == EVAL_KIND_EXACT) {
        money_t limit = 0;
        money_scan(text, strlen(text), type_decimals(input->type), &limit);
        return (value->amount > limit) - (value->amount < limit);
    }
    double limit = strtod(text, NULL);
    return (element > limit) - (element < limit);
}

static bool inside(const struct eval_input *input, const struct eval_value *value, double element)
{
    if (input->min) {
        int sign = compare(input, value, element, bound(input->min));
        if (sign < 0 || (sign == 0 && *input->min == '>')) return false;
    }
    if (input->max) {
        int sign = compare(input, value, element, bound(input->max));
        if (sign > 0 || (sign == 0 && *input->max == '<')) return false;
    }
    return true;
}

static bool in_range(const struct eval_input *input, const struct eval_value *value)
{
    if (value->kind == EVAL_KIND_TEXT || value->kind == EVAL_KIND_WHOLES) return true;
    if (value->kind != EVAL_KIND_REALS) return inside(input, value, value->real);
    for (size_t i = 0; i < value->count; i++)
        if (!inside(input, value, value->reals[i])) return false;
    return true;
}

static const char *names_text(const struct eval_input *input, struct arena *arena)
{
    const char *text = "one of ";
    for (int i = 0; input->names[i]; i++)
        text = arena_print(arena, "%s%s%s", text, i ? ", " : "", input->names[i]);
    return text;
}

const char *eval_range_text(const struct eval_input *input, struct arena *arena)
{
    if (input->type == EVAL_NAME) return names_text(input, arena);
    const char *min = input->min, *max = input->max;
    const char *low = min && *min == '>' ? "more than " : "at least ";
    const char *high = max && *max == '<' ? "less than " : "at most ";
    if (min && max && *min != '>' && *max != '<') return arena_print(arena, "%s to %s", min, max);
    if (min && max) return arena_print(arena, "%s%s and %s%s", low, bound(min), high, bound(max));
    if (min) return arena_print(arena, "%s%s", low, bound(min));
    if (max) return arena_print(arena, "%s%s", high, bound(max));
    return "any";
}

/* ---- one call ------------------------------------------------------------------------------ */

static const char *type_words(enum eval_type type)
{
    switch (type) {
    case EVAL_INTEGER:
        return "a whole number";
    case EVAL_DECIMAL:
        return "a decimal number with at most 18 places";
    case EVAL_REAL:
        return "a number";
    case EVAL_NAME:
        return "a known name";
    case EVAL_REALS:
        return "a list of numbers such as [1, 2.5, 3]";
    case EVAL_WHOLES:
        return "a list of whole numbers below 2^63 such as [1, -2, 3]";
    case EVAL_PATH:
        return "a path";
    }
    return "";
}

/* What was given, cut and made safe for a terminal. */
static const char *shown(const char *text, size_t length, struct arena *arena)
{
    char *copy = arena_text(arena, text, length > 80 ? 80 : length);
    for (char *c = copy; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7F) *c = '?';
    return copy;
}

static bool read_input(const struct eval_input *input, const struct eval_given *given,
                       struct eval_value *out, struct arena *arena, struct diag *diag)
{
    const char *text = given->text;
    size_t length = given->length;
    if (!text || length == 0) {
        text = input->def;
        length = text ? strlen(text) : 0;
    }
    if (!text) {
        diag_add(diag, given->where, input->name, "missing (%s; allowed: %s)", input->meaning,
                 eval_range_text(input, arena));
        return false;
    }
    if (!scan(input, text, length, arena, out)) {
        const char *digits = *text == '-' ? text + 1 : text;
        bool exact = input->type == EVAL_INTEGER && digits[0] != '\0';
        if (exact && strspn(digits, "0123456789") == length - (size_t)(digits - text)) {
            diag_add(diag, given->where, input->name, "%s does not fit 127 bits (allowed: %s)",
                     shown(text, length, arena), eval_range_text(input, arena));
            return false;
        }
        diag_add(diag, given->where, input->name, "%s is not %s (allowed: %s)",
                 shown(text, length, arena), type_words(input->type),
                 eval_range_text(input, arena));
        return false;
    }
    if (in_range(input, out)) return true;
    diag_add(diag, given->where, input->name, "%s is out of range (allowed: %s)",
             shown(text, length, arena), eval_range_text(input, arena));
    return false;
}

bool eval_evaluate(const struct eval_function *function, const struct eval_given *given,
                   struct eval_call *call, struct arena *arena, struct diag *diag)
{
    bool good = true;
    *call = (struct eval_call){.arena = arena, .diag = diag};
    size_t count = eval_input_count(function);
    for (size_t i = 0; i < count; i++)
        good &= read_input(&function->inputs[i], &given[i], &call->in[i], arena, diag);
    if (!good) return false;
    if (function->run(call)) return true;
    if (call->reason[0] == '\0') return false;
    struct diag_where where = given[0].where;
    for (size_t i = 0; i < count; i++)
        if (call->refused_key && strcmp(function->inputs[i].name, call->refused_key) == 0)
            where = given[i].where;
    diag_add(diag, where, call->refused_key, "%s", call->reason);
    return false;
}

bool eval_refuse(struct eval_call *call, const char *key, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(call->reason, sizeof call->reason, format, arguments);
    va_end(arguments);
    call->refused_key = key;
    return false;
}
