/* SPDX-License-Identifier: Apache-2.0
 * A value back to scenario text.
 *
 * Answers for: text that param_scan reads to the same value, in the unit that makes it shortest
 * (`50 ms`, not `0.05 s` or `50000000 ns`), since people read the effective scenario.
 * Leaves out: the names of an enumeration, which its row knows (param_read.c). */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "sim/param_internal.h"

enum { PARAM_PRINT_MAX = 80 };

/* `50 ms`, but `5.5/s` and `30%`. */
static void param_print_join(char *buffer, bool dollar, const char *number, const char *unit)
{
    bool negative = dollar && number[0] == '-';
    const char *gap = unit[0] == '\0' || unit[0] == '/' || unit[0] == '%' ? "" : " ";
    snprintf(buffer, PARAM_PRINT_MAX, "%s%s%s%s%s", negative ? "-" : "", dollar ? "$" : "",
             number + negative, gap, unit);
}

/* Whole multiples of a unit only: the shortest exact text of an integer count of 10^-exact. */
static bool param_print_whole(const struct param_form *form, const struct param_unit *unit,
                              money_t value, char *buffer)
{
    money_t worth = (money_t)unit->factor;
    for (int i = 0; i < form->exact + unit->exponent; i++)
        worth *= 10;
    if (value % worth != 0) return false;
    char number[MONEY_TEXT];
    param_print_join(buffer, form->dollar, money_print(number, value / worth, 0), unit->text);
    return true;
}

static bool param_print_double(enum param_type type, const struct param_unit *unit, double value,
                               char *buffer)
{
    const struct param_form *form = param_form(type);
    double worth = (double)unit->factor / unit->divisor, power = 1.0;
    for (int i = 0; i < unit->exponent || i < -unit->exponent; i++)
        power *= 10.0;
    double scaled = unit->exponent < 0 ? value * power / worth : value / power / worth;
    char number[JSON_REAL_TEXT];
    param_print_join(buffer, form->dollar, json_real_text(number, scaled), unit->text);
    double back;
    const char *why;
    return param_scan(type, buffer, strlen(buffer), &back, &why) == 0 && back == value;
}

static bool param_print_in(enum param_type type, const struct param_unit *unit, const void *value,
                           char *buffer)
{
    const struct param_form *form = param_form(type);
    switch (form->in_c) {
    case PARAM_AS_INT64:
        return param_print_whole(form, unit, *(const int64_t *)value, buffer);
    case PARAM_AS_UINT64:
        return param_print_whole(form, unit, (money_t) * (const uint64_t *)value, buffer);
    case PARAM_AS_DOUBLE:
        return param_print_double(type, unit, *(const double *)value, buffer);
    default:
        return false;
    }
}

/* The shortest of the texts in each unit, and of equally short ones that with the fewest digits.
 * In the base unit every value is exact, so there always is one.  A ratio is a percentage whenever
 * that is exact, to read alike everywhere. */
static char *param_print_shortest(struct arena *arena, enum param_type type, const void *value)
{
    const struct param_form *form = param_form(type);
    char best[PARAM_PRINT_MAX] = "", text[PARAM_PRINT_MAX];
    size_t best_unit = 0;
    for (size_t i = 0; i < form->unit_count; i++) {
        if (!param_print_in(type, &form->units[i], value, text)) continue;
        size_t unit = strlen(form->units[i].text), length = strlen(text);
        bool shorter = length < strlen(best) || (length == strlen(best) && unit > best_unit);
        if (type == PARAM_RATIO) shorter = strchr(best, 'e') != NULL;
        if (best[0] != '\0' && !shorter) continue;
        memcpy(best, text, sizeof best);
        best_unit = unit;
    }
    assert(best[0] != '\0');
    return arena_text(arena, best, strlen(best));
}

char *param_print(struct arena *arena, enum param_type type, const void *value)
{
    char number[MONEY_TEXT], text[PARAM_PRINT_MAX];
    switch (type) {
    case PARAM_BOOL:
        return arena_print(arena, "%s", *(const bool *)value ? "true" : "false");
    case PARAM_OPG:
        param_print_join(text, false, money_print(number, *(const money_t *)value, 18), "OPG");
        break;
    case PARAM_USD:
        param_print_join(text, true, money_print(number, *(const money_t *)value, 9), "");
        break;
    case PARAM_NAME:
    case PARAM_STRING:
    case PARAM_PATH:
        return arena_print(arena, "%s", *(const char *const *)value);
    default:
        return param_print_shortest(arena, type, value);
    }
    return arena_text(arena, text, strlen(text));
}
