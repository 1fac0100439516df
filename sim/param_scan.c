/* SPDX-License-Identifier: Apache-2.0
 * One scalar of scenario text to a value: numbers, units, amounts.
 *
 * Answers for: what each type accepts, the table of units, and the words that say what was wrong.
 * Leaves out: ranges and key names (param_read.c), names, paths and enumerations, whose text needs
 * no conversion, and printing (param_print.c).
 *
 * A number is written as in JSON: no plus sign, no leading zero, a digit on both sides of the
 * point.  Types held as integers (durations, bytes, amounts) are converted digit by digit and
 * refuse what they cannot hold exactly, `0.1 ns` as well as `1e3 ms`; types held as doubles take
 * an exponent too.  A decimal prefix is appended to the digits as an exponent before strtod sees
 * them, so that 30% is the double nearest to 0.3 and not 30 x 0.01.  Nothing depends on the locale.
 *
 * A year is the Julian year of 365.25 days, as in the 6,311,520 five-second blocks a year of the
 * Cosmos SDK. */
#include <assert.h>
#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "sim/param_internal.h"

/* Longest number taken: the 17 digits and exponent of any double, and the 39 digits of a money_t
 * with a point and sign, fit with room to spare. */
enum { PARAM_NUMBER_MAX = 64 };

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define KIBI ((uint64_t)1 << 10)
#define MEBI ((uint64_t)1 << 20)
#define GIBI ((uint64_t)1 << 30)
#define TEBI ((uint64_t)1 << 40)

static const struct param_unit unit_none[] = {{"", 1, 0, 1}};
static const struct param_unit unit_ratio[] = {{"%", 1, -2, 1}, {"", 1, 0, 1}};
static const struct param_unit unit_time[] = {
    {"ns", 1, -9, 1},  {"us", 1, -6, 1},  {"ms", 1, -3, 1},   {"s", 1, 0, 1},
    {"min", 60, 0, 1}, {"h", 3600, 0, 1}, {"d", 86400, 0, 1}, {"y", 31557600, 0, 1},
};
static const struct param_unit unit_size[] = {
    {"B", 1, 0, 1},      {"kB", 1, 3, 1},     {"MB", 1, 6, 1},
    {"GB", 1, 9, 1},     {"TB", 1, 12, 1},    {"KiB", KIBI, 0, 1},
    {"MiB", MEBI, 0, 1}, {"GiB", GIBI, 0, 1}, {"TiB", TEBI, 0, 1},
};
static const struct param_unit unit_rate[] = {
    {"/s", 1, 0, 1},
    {"/min", 1, 0, 60},
    {"/h", 1, 0, 3600},
    {"/d", 1, 0, 86400},
};
static const struct param_unit unit_bandwidth[] = {
    {"B/s", 1, 0, 1},    {"kB/s", 1, 3, 1},    {"MB/s", 1, 6, 1},   {"GB/s", 1, 9, 1},
    {"TB/s", 1, 12, 1},  {"bit/s", 1, 0, 8},   {"kbit/s", 1, 3, 8}, {"Mbit/s", 1, 6, 8},
    {"Gbit/s", 1, 9, 8}, {"Tbit/s", 1, 12, 8},
};
static const struct param_unit unit_flops[] = {
    {"FLOP/s", 1, 0, 1},   {"MFLOP/s", 1, 6, 1},  {"GFLOP/s", 1, 9, 1},
    {"TFLOP/s", 1, 12, 1}, {"PFLOP/s", 1, 15, 1}, {"EFLOP/s", 1, 18, 1},
};
static const struct param_unit unit_watts[] = {{"W", 1, 0, 1}, {"kW", 1, 3, 1}, {"MW", 1, 6, 1}};
static const struct param_unit unit_opg[] = {{"OPG", 1, 0, 1}};
static const struct param_unit unit_gas_price[] = {{"wei", 1, 0, 1}, {"gwei", 1, 9, 1}};
static const struct param_unit unit_per_h[] = {{"/h", 1, 0, 1}};

#define UNITS(array) .units = (array), .unit_count = COUNT_OF(array)
#define SIZED(class, type) .in_c = (class), .size = sizeof(type)

static const struct param_form forms[] = {
    [PARAM_BOOL] = {"bool", "true or false", "true", SIZED(PARAM_AS_BOOL, bool), .exact = -1},
    [PARAM_COUNT] = {"count", "a whole number", "100", SIZED(PARAM_AS_INT64, int64_t),
                     UNITS(unit_none), .exact = 0},
    [PARAM_REAL] = {"number", "a number", "0.5", SIZED(PARAM_AS_DOUBLE, double), UNITS(unit_none),
                    .exact = -1},
    [PARAM_RATIO] = {"ratio", "a ratio", "30% or 0.3", SIZED(PARAM_AS_DOUBLE, double),
                     UNITS(unit_ratio), .exact = -1},
    [PARAM_DURATION] = {"duration", "a time", "50 ms", SIZED(PARAM_AS_INT64, int64_t),
                        UNITS(unit_time), .exact = 9, .step = "1 ns"},
    [PARAM_SECONDS] = {"duration", "a time", "50 ms", SIZED(PARAM_AS_DOUBLE, double),
                       UNITS(unit_time), .exact = -1},
    [PARAM_BYTES] = {"size", "a size", "80 GiB", SIZED(PARAM_AS_UINT64, uint64_t), UNITS(unit_size),
                     .exact = 0, .step = "1 B"},
    [PARAM_RATE] = {"rate", "a rate", "5.5/s", SIZED(PARAM_AS_DOUBLE, double), UNITS(unit_rate),
                    .exact = -1},
    [PARAM_BANDWIDTH] = {"bandwidth", "a bandwidth", "4.8 TB/s", SIZED(PARAM_AS_DOUBLE, double),
                         UNITS(unit_bandwidth), .exact = -1},
    [PARAM_FLOPS] = {"compute speed", "a compute speed", "989 TFLOP/s",
                     SIZED(PARAM_AS_DOUBLE, double), UNITS(unit_flops), .exact = -1},
    [PARAM_WATTS] = {"power", "a power", "700 W", SIZED(PARAM_AS_DOUBLE, double), UNITS(unit_watts),
                     .exact = -1},
    [PARAM_OPG] = {"OPG", "an amount of OPG", "0.1 OPG", SIZED(PARAM_AS_MONEY, money_t),
                   UNITS(unit_opg), .exact = 18, .step = "1e-18 OPG"},
    [PARAM_USD] = {"USD", "an amount of USD", "$0.50", SIZED(PARAM_AS_MONEY, money_t),
                   UNITS(unit_none), .exact = 9, .step = "$1e-9", .dollar = true},
    [PARAM_DOLLARS] = {"USD", "an amount of USD", "$0.50", SIZED(PARAM_AS_DOUBLE, double),
                       UNITS(unit_none), .exact = -1, .dollar = true},
    [PARAM_USD_PER_H] = {"USD per hour", "an hourly price", "$2.50/h",
                         SIZED(PARAM_AS_DOUBLE, double), UNITS(unit_per_h), .exact = -1,
                         .dollar = true},
    [PARAM_GAS_PRICE] = {"gas price", "a gas price", "0.002 gwei", SIZED(PARAM_AS_INT64, int64_t),
                         UNITS(unit_gas_price), .exact = 0, .step = "1 wei"},
    [PARAM_NAME] = {"name", "a name", "eu-a100", SIZED(PARAM_AS_TEXT, const char *), .exact = -1},
    [PARAM_STRING] = {"text", "a text", "any text", SIZED(PARAM_AS_TEXT, const char *),
                      .exact = -1},
    [PARAM_PATH] = {"path", "a file name", "trace.csv", SIZED(PARAM_AS_TEXT, const char *),
                    .exact = -1},
    [PARAM_ENUM] = {"choice", "one of its names", "", SIZED(PARAM_AS_INT, int), .exact = -1},
    [PARAM_FLAG] = {"word", "a word", "", .in_c = PARAM_AS_STRUCT, .exact = -1},
    [PARAM_GROUP] = {"group", "a mapping", "", .in_c = PARAM_AS_STRUCT, .exact = -1},
    [PARAM_CHOICE] = {"one of", "a mapping", "", .in_c = PARAM_AS_STRUCT, .exact = -1},
    [PARAM_LIST] = {"list", "a list", "", .in_c = PARAM_AS_STRUCT, .exact = -1},
    [PARAM_REALS] = {"list", "a list", "", .in_c = PARAM_AS_STRUCT, .exact = -1},
    [PARAM_TEXTS] = {"list", "a list", "", .in_c = PARAM_AS_STRUCT, .exact = -1},
};

const struct param_form *param_form(enum param_type type)
{
    assert((size_t)type < COUNT_OF(forms) && forms[type].label);
    return &forms[type];
}

/* ---- words --------------------------------------------------------------------------------- */

/* The text of *why lives until the next call in the same thread. */
static int param_refuse(const char **why, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int param_refuse(const char **why, const char *format, ...)
{
    static _Thread_local char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    *why = text;
    return -1;
}

static int param_refuse_number(const struct param_form *form, const char **why)
{
    if (form->units == unit_none && !form->dollar)
        return param_refuse(why, "is not %s", form->noun);
    return param_refuse(why, "is not %s such as %s", form->noun, form->example);
}

static int param_refuse_unit(const struct param_form *form, const char *unit, size_t length,
                             const char **why)
{
    if (length == 0)
        return param_refuse(why, "has no unit; expected %s such as %s", form->noun, form->example);
    if (form->units == unit_none || form->units == unit_ratio || form->dollar)
        return param_refuse_number(form, why);
    char expected[96];
    int used = 0;
    for (size_t i = 0; i < form->unit_count; i++)
        used +=
            snprintf(expected + used, sizeof expected - (size_t)used, " %s", form->units[i].text);
    assert((size_t)used < sizeof expected);
    return param_refuse(why, "unit '%.*s' is not %s; expected%s", (int)(length < 20 ? length : 20),
                        unit, form->noun, expected);
}

/* ---- numbers ------------------------------------------------------------------------------- */

/* A number as found in the text: sign, digits with point, exponent. */
struct param_number {
    bool negative;
    const char *digits; /* after the sign */
    size_t length;      /* of digits and point */
    bool has_exponent;
    long exponent;
};

static bool param_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t param_digit_run(const char *text, size_t length)
{
    size_t count = 0;
    while (count < length && param_is_digit(text[count]))
        count++;
    return count;
}

/* Length of a number without sign at the start of `text`, 0 when there is none. */
static size_t param_number_take(const char *text, size_t length, struct param_number *number)
{
    size_t at = param_digit_run(text, length);
    if (at == 0 || (at > 1 && text[0] == '0')) return 0;
    if (at < length && text[at] == '.') {
        size_t fraction = param_digit_run(text + at + 1, length - at - 1);
        if (fraction == 0) return 0;
        at += 1 + fraction;
    }
    number->digits = text;
    number->length = at;
    if (at == length || (text[at] != 'e' && text[at] != 'E')) return at;
    size_t sign = at + 1 < length && (text[at + 1] == '-' || text[at + 1] == '+');
    size_t run = param_digit_run(text + at + 1 + sign, length - at - 1 - sign);
    if (run == 0) return at; /* the e begins a unit or junk */
    number->has_exponent = true;
    /* Beyond 9 digits the value overflows or vanishes anyway. */
    for (size_t i = 0; i < run && number->exponent < 100000000; i++)
        number->exponent = 10 * number->exponent + (text[at + 1 + sign + i] - '0');
    if (text[at + 1] == '-') number->exponent = -number->exponent;
    return at + 1 + sign + run;
}

static bool param_number_is_zero(const struct param_number *number)
{
    for (size_t i = 0; i < number->length; i++)
        if (number->digits[i] != '0' && number->digits[i] != '.') return false;
    return true;
}

/* value x factor, kept to what a money_t holds. */
static bool param_multiply(money_u128 *value, uint64_t factor)
{
    return !__builtin_mul_overflow(*value, (money_u128)factor, value) &&
           *value <= (money_u128)MONEY_MAX;
}

/* |number| as a count of 10^-exact of the base unit. */
static int param_number_exact(const struct param_number *number, const struct param_form *form,
                              const struct param_unit *unit, money_u128 *out, const char **why)
{
    if (number->has_exponent)
        return param_refuse(why, "must be written in plain digits, without an exponent");
    money_u128 value = 0;
    int shift = form->exact + unit->exponent;
    bool fits = true, fraction = false;
    for (size_t i = 0; i < number->length && fits; i++) {
        char c = number->digits[i];
        fits = c == '.' || param_multiply(&value, 10);
        if (c != '.') value += (unsigned)(c - '0');
        shift -= fraction;
        fraction = fraction || c == '.';
    }
    fits = fits && param_multiply(&value, unit->factor);
    for (; shift > 0 && fits; shift--)
        fits = param_multiply(&value, 10);
    if (!fits) return param_refuse(why, "is too large or has too many digits");
    for (; shift < 0; shift++) {
        if (value % 10 != 0) return param_refuse(why, "is finer than %s", form->step);
        value /= 10;
    }
    *out = value;
    return 0;
}

static int param_number_double(const struct param_number *number, const struct param_unit *unit,
                               double *out, const char **why)
{
    char text[PARAM_NUMBER_MAX + 32];
    snprintf(text, sizeof text, "%s%.*se%ld", number->negative ? "-" : "", (int)number->length,
             number->digits, number->exponent + unit->exponent);
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    double value = strtod_l(text, NULL, plain) * (double)unit->factor / unit->divisor;
    freelocale(plain);
    if (value - value != 0.0) return param_refuse(why, "is too large");
    if (value == 0.0 && !param_number_is_zero(number))
        return param_refuse(why, "is too close to zero");
    *out = value;
    return 0;
}

static int param_number_store(const struct param_number *number, const struct param_form *form,
                              const struct param_unit *unit, void *out, const char **why)
{
    if (form->in_c == PARAM_AS_DOUBLE) return param_number_double(number, unit, out, why);
    money_u128 magnitude = 0;
    if (param_number_exact(number, form, unit, &magnitude, why) != 0) return -1;
    bool negative = number->negative && magnitude != 0;
    if (form->in_c == PARAM_AS_UINT64) {
        if (negative) return param_refuse(why, "is negative");
        if (magnitude > UINT64_MAX) return param_refuse(why, "is too large");
        *(uint64_t *)out = (uint64_t)magnitude;
        return 0;
    }
    money_t value = negative ? -(money_t)magnitude : (money_t)magnitude;
    if (form->in_c == PARAM_AS_MONEY) {
        *(money_t *)out = value;
        return 0;
    }
    if (value > INT64_MAX || value < -INT64_MAX) return param_refuse(why, "is too large");
    *(int64_t *)out = (int64_t)value;
    return 0;
}

/* ---- quantities ---------------------------------------------------------------------------- */

static const struct param_unit *param_unit_find(const struct param_form *form, const char *text,
                                                size_t length)
{
    for (size_t i = 0; i < form->unit_count; i++)
        if (strlen(form->units[i].text) == length && memcmp(form->units[i].text, text, length) == 0)
            return &form->units[i];
    return NULL;
}

/* [-] [$] number [spaces] [unit].  A zero needs neither dollar sign nor unit. */
static int param_scan_quantity(const struct param_form *form, const char *text, size_t length,
                               void *out, const char **why)
{
    struct param_number number = {.negative = length > 0 && text[0] == '-'};
    size_t at = number.negative;
    bool dollar = at < length && text[at] == '$';
    at += dollar;
    size_t taken = param_number_take(text + at, length - at, &number);
    if (taken == 0 || (dollar && !form->dollar)) return param_refuse_number(form, why);
    if (taken > PARAM_NUMBER_MAX) return param_refuse(why, "has too many digits");
    at += taken;
    while (at < length && text[at] == ' ')
        at++;
    bool bare_zero = at == length && !dollar && param_number_is_zero(&number);
    const struct param_unit *unit = param_unit_find(form, text + at, length - at);
    if (bare_zero) unit = &form->units[0];
    if (!unit || (form->dollar && !dollar && !bare_zero))
        return param_refuse_unit(form, text + at, length - at, why);
    return param_number_store(&number, form, unit, out, why);
}

static int param_scan_count(const struct param_form *form, const char *text, size_t length,
                            void *out, const char **why)
{
    size_t sign = length > 0 && text[0] == '-';
    if (param_digit_run(text + sign, length - sign) != length - sign)
        return param_refuse_number(form, why);
    return param_scan_quantity(form, text, length, out, why);
}

static int param_scan_bool(const char *text, size_t length, bool *out, const char **why)
{
    bool yes = length == 4 && memcmp(text, "true", 4) == 0;
    bool no = length == 5 && memcmp(text, "false", 5) == 0;
    if (!yes && !no) return param_refuse(why, "is not true or false");
    *out = yes;
    return 0;
}

int param_scan(enum param_type type, const char *text, size_t length, void *out, const char **why)
{
    const struct param_form *form = param_form(type);
    if (type == PARAM_BOOL) return param_scan_bool(text, length, out, why);
    if (type == PARAM_COUNT) return param_scan_count(form, text, length, out, why);
    assert(form->units && "this type has no scalar value to scan");
    return param_scan_quantity(form, text, length, out, why);
}

int param_compare(enum param_type type, const void *a, const void *b)
{
#define COMPARE(T) ((*(const T *)a > *(const T *)b) - (*(const T *)a < *(const T *)b))
    switch (param_form(type)->in_c) {
    case PARAM_AS_INT64:
        return COMPARE(int64_t);
    case PARAM_AS_UINT64:
        return COMPARE(uint64_t);
    case PARAM_AS_DOUBLE:
        return COMPARE(double);
    case PARAM_AS_MONEY:
        return COMPARE(money_t);
    default:
        assert(0 && "only numbers compare");
        return 0;
    }
#undef COMPARE
}
