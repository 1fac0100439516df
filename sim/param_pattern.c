/* SPDX-License-Identifier: Apache-2.0
 * The allowed texts of a quantity as a regular expression, for JSON Schema.
 *
 * Answers for: the grammar of param_scan.c with the units of a type, and the range of a key as far
 * as a regular expression can hold it: JSON Schema compares numbers, but a quantity with a unit is
 * text.  For each unit the whole part of the number is held between the whole parts of the least
 * and the largest value in that unit; where the least value is not 0, zero is refused in every
 * unit.  What is let through and yet out of range differs from the limit in its decimals only, or
 * has an exponent, which nobody types; the program itself is exact.
 *
 * Only what POSIX extended expressions and ECMAScript share is used. */
#include <string.h>

#include "sim/param_internal.h"

#define DECIMALS "(\\.[0-9]+)?"
#define WHOLE "(0|[1-9][0-9]*)"
#define EXPONENT "[eE][-+]?[0-9]+"

enum { PATTERN_DIGITS = 18, PATTERN_TEXT = 24 };
static const long double pattern_largest = 1e17L; /* above it a limit is left out */

struct pattern {
    struct arena *arena;
    const char *text; /* alternatives so far */
};

static void pattern_add(struct pattern *p, const char *alternative)
{
    p->text = arena_print(p->arena, "%s%s%s", p->text, p->text[0] ? "|" : "", alternative);
}

/* PREFIX[low-high][0-9]{rest} */
static void pattern_digits(struct pattern *p, const char *prefix, size_t length, char low,
                           char high, size_t rest)
{
    const char *tail = rest > 0 ? arena_print(p->arena, "[0-9]{%zu}", rest) : "";
    const char *digit = low == high ? arena_print(p->arena, "%c", low)
                                    : arena_print(p->arena, "[%c-%c]", low, high);
    if (low <= high)
        pattern_add(p, arena_print(p->arena, "%.*s%s%s", (int)length, prefix, digit, tail));
}

/* Whole numbers from `low` to `high`, which have as many digits: what begins like `low` and goes
 * on above it, what lies between in the first digit that differs, what begins like `high`. */
static void pattern_same_length(struct pattern *p, uint64_t low, uint64_t high)
{
    char from[PATTERN_TEXT], to[PATTERN_TEXT];
    size_t length = (size_t)snprintf(from, sizeof from, "%llu", (unsigned long long)low), i = 0;
    snprintf(to, sizeof to, "%llu", (unsigned long long)high);
    while (i + 1 < length && from[i] == to[i])
        i++;
    bool whole_low = strspn(from + i + 1, "0") == length - i - 1;
    bool whole_high = strspn(to + i + 1, "9") == length - i - 1;
    if (from[i] == to[i]) whole_low = whole_high = true; /* the last digit */
    pattern_digits(p, from, i, (char)(from[i] + !whole_low), (char)(to[i] - !whole_high),
                   length - i - 1);
    for (size_t j = i + 1; j < length; j++) {
        bool last = j + 1 == length;
        if (!whole_low) pattern_digits(p, from, j, (char)(from[j] + !last), '9', length - j - 1);
        if (!whole_high) pattern_digits(p, to, j, '0', (char)(to[j] - !last), length - j - 1);
    }
}

static uint64_t pattern_power(int digits)
{
    uint64_t power = 1;
    while (digits-- > 0)
        power *= 10;
    return power;
}

static int pattern_length(uint64_t value)
{
    int digits = 1;
    while (digits < PATTERN_DIGITS && value >= pattern_power(digits))
        digits++;
    return digits;
}

/* Whole numbers from low >= 1 to high; high 0: without end. */
static void pattern_range(struct pattern *p, uint64_t low, uint64_t high)
{
    int first = pattern_length(low), last = high > 0 ? pattern_length(high) : PATTERN_DIGITS + 1;
    if (first == last) {
        pattern_same_length(p, low, high);
        return;
    }
    pattern_same_length(p, low, pattern_power(first) - 1);
    if (high == 0) {
        pattern_add(p, arena_print(p->arena, "[1-9][0-9]{%d,}", first));
        return;
    }
    if (last - first > 1)
        pattern_add(p, arena_print(p->arena, "[1-9][0-9]{%d,%d}", first, last - 2));
    pattern_same_length(p, pattern_power(last - 1), high);
}

/* ---- limits -------------------------------------------------------------------------------- */

/* A limit of a row in its base unit (s, B, OPG, USD ...). */
static long double pattern_limit(const struct param *row, const char *text)
{
    const struct param_form *form = param_form(row->type);
    union {
        int64_t whole;
        uint64_t bytes;
        double real;
        money_t amount;
    } value = {0};
    const char *why;
    if (param_scan(row->type, text, strlen(text), &value, &why) != 0) return 0;
    long double number = form->in_c == PARAM_AS_DOUBLE   ? (long double)value.real
                         : form->in_c == PARAM_AS_MONEY  ? (long double)value.amount
                         : form->in_c == PARAM_AS_UINT64 ? (long double)value.bytes
                                                         : (long double)value.whole;
    for (int i = 0; i < form->exact; i++)
        number /= 10;
    return number;
}

static long double pattern_unit(const struct param_unit *unit)
{
    long double size = (long double)unit->factor / unit->divisor;
    for (int i = unit->exponent; i > 0; i--)
        size *= 10;
    for (int i = unit->exponent; i < 0; i++)
        size /= 10;
    return size;
}

/* The whole part; what misses the next whole number by rounding alone has reached it. */
static uint64_t pattern_floor(long double value, bool *exact)
{
    long double near = value * (value < 1e12L ? 1e-15L : 1e-18L); /* of doubles, of long doubles */
    uint64_t whole = (uint64_t)(value + near);
    *exact = value - (long double)whole <= near;
    return whole;
}

/* Numbers from `low` to `high` (either below 0: no limit) without sign. */
static const char *pattern_number(struct arena *arena, long double low, long double high)
{
    struct pattern p = {.arena = arena, .text = ""};
    bool exact = false, ignored;
    if (low >= pattern_largest) return arena_print(arena, WHOLE DECIMALS);
    uint64_t from = low > 0 ? pattern_floor(low, &ignored) : 0;
    bool ends = high >= 0 && high < pattern_largest;
    uint64_t to = ends ? pattern_floor(high, &exact) : 0;
    const char *limit = exact ? arena_print(arena, "%llu(\\.0+)?", (unsigned long long)to) : "";
    const char *zero = from > 0 || (exact && to == 0) ? ""
                       : low > 0                      ? "0\\.[0-9]*[1-9][0-9]*"
                                                      : "0" DECIMALS;
    if (from == 0) from = 1;
    if (exact && to > 0) to--;
    if (!ends || to >= from) pattern_range(&p, from, ends ? to : 0);
    struct pattern all = {.arena = arena, .text = ""};
    if (zero[0]) pattern_add(&all, zero);
    if (p.text[0]) pattern_add(&all, arena_print(arena, "(%s)" DECIMALS, p.text));
    if (limit[0]) pattern_add(&all, limit);
    return all.text;
}

/* ---- the whole ----------------------------------------------------------------------------- */

bool param_pattern_zero(const struct param *row)
{
    return (!row->min || pattern_limit(row, row->min) <= 0) &&
           (!row->max || pattern_limit(row, row->max) >= 0);
}

static const char *pattern_units(struct arena *arena, const struct param_form *form)
{
    const char *units = "";
    for (size_t i = 0; i < form->unit_count; i++)
        units = arena_print(arena, "%s%s%s", units, i > 0 ? "|" : "", form->units[i].text);
    return units;
}

const char *param_pattern(struct arena *arena, const struct param *row)
{
    const struct param_form *form = param_form(row->type);
    struct pattern p = {.arena = arena, .text = ""};
    const char *units = pattern_units(arena, form), *dollar = form->dollar ? "\\$" : "";
    long double low = row->min ? pattern_limit(row, row->min) : -1;
    long double high = row->max ? pattern_limit(row, row->max) : -1;
    if (param_pattern_zero(row)) pattern_add(&p, "0");
    if (low < 0) pattern_add(&p, arena_print(arena, "-%s" WHOLE DECIMALS " *(%s)", dollar, units));
    for (size_t i = 0; i < form->unit_count; i++) {
        long double unit = pattern_unit(&form->units[i]);
        const char *number = pattern_number(arena, low / unit, high / unit);
        const char *text = form->units[i].text, *blanks = text[0] ? " *" : "";
        pattern_add(&p, arena_print(arena, "%s(%s)%s%s", dollar, number, blanks, text));
    }
    if (form->exact < 0)
        pattern_add(&p, arena_print(arena, "%s%s" WHOLE DECIMALS EXPONENT " *(%s)",
                                    low < 0 ? "-?" : "", dollar, units));
    return arena_print(arena, "^(%s)$", p.text);
}
