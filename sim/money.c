/* SPDX-License-Identifier: Apache-2.0
 * Exact amounts: muldiv with a 256-bit product, decimal text, and the two ways to a double.
 *
 * Answers for: that no product of two 128-bit amounts is ever cut, that every rounding has a name,
 * and that text and amount are each other's exact image.  Leaves out: who owns what (the ledger)
 * and currencies (an amount does not know whether it counts atto-tokens or nano-dollars).
 *
 * Magnitudes are unsigned and signs travel apart, because -2^127 has no positive twin. */
#include "sim/money.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct money_wide { /* 256 bits */
    money_u128 hi, lo;
};

enum { MONEY_PLACES_MAX = 38 }; /* 10^38 < 2^127 */

static money_u128 money_magnitude(money_t amount)
{
    return amount < 0 ? -(money_u128)amount : (money_u128)amount;
}

static uint64_t money_high(money_u128 x)
{
    return (uint64_t)(x >> 64);
}

static uint64_t money_low(money_u128 x)
{
    return (uint64_t)x;
}

static money_u128 money_power10(int places)
{
    assert(places >= 0 && places <= MONEY_PLACES_MAX);
    money_u128 power = 1;
    while (places-- > 0)
        power *= 10;
    return power;
}

static struct money_wide money_multiply(money_u128 a, money_u128 b)
{
    money_u128 low = (money_u128)money_low(a) * money_low(b);
    money_u128 mid1 = (money_u128)money_high(a) * money_low(b) + money_high(low);
    money_u128 mid2 = (money_u128)money_low(a) * money_high(b) + money_low(mid1);
    struct money_wide product;
    product.hi = (money_u128)money_high(a) * money_high(b) + money_high(mid1) + money_high(mid2);
    product.lo = mid2 << 64 | money_low(low);
    return product;
}

static int money_leading_zeros(money_u128 x) /* x > 0 */
{
    uint64_t high = money_high(x);
    return high ? __builtin_clzll(high) : 64 + __builtin_clzll(money_low(x));
}

/* One 64-bit digit of the quotient (Knuth, volume 2, 4.3.1, algorithm D): (rest, digit) / c with
 * rest < c and the top bit of c set.  The estimate from the leading digit of c is at most two too
 * large, and not above 2^64 + 1, so that its products fit. */
static uint64_t money_digit(money_u128 *rest, uint64_t digit, money_u128 c)
{
    uint64_t lead = money_high(c);
    assert(lead >> 63 && *rest < c);
    money_u128 estimate = *rest / lead;
    money_u128 left = *rest - estimate * lead;
    while (left <= UINT64_MAX && estimate * money_low(c) > (left << 64 | digit)) {
        estimate--;
        left += lead;
    }
    *rest = (left << 64 | digit) - estimate * money_low(c);
    return money_low(estimate);
}

/* Quotient of 256 by 128 bits, product.hi < c. */
static money_u128 money_divide(struct money_wide product, money_u128 c, money_u128 *remainder)
{
    if (product.hi == 0) {
        *remainder = product.lo % c;
        return product.lo / c;
    }
    int shift = money_leading_zeros(c);
    if (shift > 0) {
        product.hi = product.hi << shift | product.lo >> (128 - shift);
        product.lo <<= shift;
        c <<= shift;
    }
    money_u128 rest = product.hi;
    money_u128 high = money_digit(&rest, money_high(product.lo), c);
    money_u128 low = money_digit(&rest, money_low(product.lo), c);
    *remainder = rest >> shift;
    return high << 64 | low;
}

/* Whether a truncated magnitude goes up by one.  `inexact`: something was cut off; `half`: the sign
 * of what was cut off minus one half. */
static bool money_round_up(enum money_rounding rounding, bool negative, bool odd, bool inexact,
                           int half)
{
    switch (rounding) {
    case MONEY_FLOOR:
        return inexact && negative;
    case MONEY_CEIL:
        return inexact && !negative;
    case MONEY_HALF_EVEN:
        return half > 0 || (half == 0 && odd);
    case MONEY_TRUNCATE:
        return false;
    }
    assert(false && "unknown rounding");
    return false;
}

/* The sign of 2 x part - whole, without overflow; part < whole. */
static int money_half(money_u128 part, money_u128 whole)
{
    money_u128 rest = whole - part;
    return part > rest ? 1 : part == rest ? 0 : -1;
}

static bool money_fits(money_u128 magnitude, bool negative)
{
    return magnitude <= (money_u128)MONEY_MAX + negative;
}

static money_t money_signed(money_u128 magnitude, bool negative)
{
    return (money_t)(negative ? -magnitude : magnitude);
}

static money_t money_overflow(bool *overflow, const char *what)
{
    if (!overflow) {
        fprintf(stderr, "money: %s does not fit 128 bits\n", what);
        abort();
    }
    *overflow = true;
    return 0;
}

money_t money_muldiv(money_t a, money_t b, money_t c, enum money_rounding rounding, bool *overflow)
{
    assert(c != 0 && "division of an amount by zero");
    /* Nearly all calls: two factors of 64 bits, none negative, rounded down as division does. */
    if (rounding == MONEY_FLOOR && c > 0 && (a | b) >> 64 == 0) {
        money_u128 plain =
            (money_u128)money_low((money_u128)a) * money_low((money_u128)b) / (money_u128)c;
        if (money_fits(plain, false)) return (money_t)plain;
    }
    bool negative = (a < 0) ^ (b < 0) ^ (c < 0);
    money_u128 divisor = money_magnitude(c), remainder;
    struct money_wide product = money_multiply(money_magnitude(a), money_magnitude(b));
    if (product.hi >= divisor) return money_overflow(overflow, "a quotient");
    money_u128 quotient = money_divide(product, divisor, &remainder);
    if (money_round_up(rounding, negative, quotient & 1, remainder != 0,
                       money_half(remainder, divisor))) {
        if (++quotient == 0) return money_overflow(overflow, "a quotient");
    }
    if (!money_fits(quotient, negative)) return money_overflow(overflow, "a quotient");
    return money_signed(quotient, negative);
}

char *money_print(char *buffer, money_t amount, int decimals)
{
    assert(decimals >= 0 && decimals <= MONEY_PLACES_MAX);
    money_u128 rest = money_magnitude(amount);
    int places = decimals;
    for (; places > 0 && rest % 10 == 0; places--)
        rest /= 10;
    char digits[MONEY_TEXT]; /* the last one first */
    int count = 0;
    for (; rest > 0 || count <= places; rest /= 10)
        digits[count++] = (char)('0' + (int)(rest % 10));
    char *out = buffer;
    if (amount < 0) *out++ = '-';
    while (count > 0) {
        if (count == places) *out++ = '.';
        *out++ = digits[--count];
    }
    *out = '\0';
    return buffer;
}

/* Append a digit; false when the magnitude would pass 2^127. */
static bool money_append(money_u128 *magnitude, uint32_t digit)
{
    const money_u128 limit = (money_u128)1 << 127;
    if (*magnitude > (limit - digit) / 10) return false;
    *magnitude = *magnitude * 10 + digit;
    return true;
}

/* The grammar is -?[0-9]+([.][0-9]+)? and nothing else: no plus sign, no exponent, no bare point,
 * no space.  What a user meant by such text is the business of sim/param. */
bool money_scan(const char *text, size_t length, int decimals, money_t *out)
{
    assert(decimals >= 0 && decimals <= MONEY_PLACES_MAX);
    bool negative = length > 0 && text[0] == '-';
    size_t first = negative, point = length;
    money_u128 magnitude = 0;
    for (size_t i = first; i < length; i++) {
        if (text[i] == '.' && point == length && i > first) {
            point = i;
            continue;
        }
        if (text[i] < '0' || text[i] > '9') return false;
        if (!money_append(&magnitude, (uint32_t)(text[i] - '0'))) return false;
    }
    size_t places = point == length ? 0 : length - point - 1;
    if (length == first || (point < length && places == 0) || places > (size_t)decimals)
        return false;
    for (; places < (size_t)decimals; places++)
        if (!money_append(&magnitude, 0)) return false;
    if (!money_fits(magnitude, negative)) return false;
    *out = money_signed(magnitude, negative);
    return true;
}

/* 2^power, |power| < 1000. */
static double money_power2(int power)
{
    uint64_t bits = (uint64_t)(1023 + power) << 52;
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* A quotient of at least 126 bits, whose last bit also stands for a remainder, rounds to 53 bits
 * as the exact quotient does. */
double money_real(money_t amount, int decimals)
{
    money_u128 magnitude = money_magnitude(amount), unit = money_power10(decimals), remainder;
    if (magnitude == 0) return 0.0;
    int up = money_leading_zeros(magnitude), unit_up = money_leading_zeros(unit);
    magnitude <<= up;
    unit <<= unit_up;
    struct money_wide shifted = {magnitude >> 1, magnitude << 127};
    money_u128 quotient = money_divide(shifted, unit, &remainder);
    quotient |= remainder != 0;
    double real = (double)quotient * money_power2(unit_up - up - 127);
    return amount < 0 ? -real : real;
}

static money_u128 money_mask(int bits) /* that many low bits set, 0 to 128 */
{
    assert(bits >= 0 && bits <= 128);
    return bits == 0 ? 0 : ~(money_u128)0 >> (128 - bits);
}

/* wide / 2^shift, ties to even, 0 < shift < 256. */
static money_t money_shift_down(struct money_wide wide, int shift, bool negative)
{
    int last = shift - 1; /* place of the first bit that is cut off: one half */
    money_u128 quotient, half, below;
    if (shift < 128) {
        if (wide.hi >> shift != 0) return money_overflow(NULL, "a real amount");
        quotient = wide.hi << (128 - shift) | wide.lo >> shift;
    } else {
        quotient = wide.hi >> (shift - 128);
    }
    if (last < 128) {
        half = wide.lo >> last & 1;
        below = wide.lo & money_mask(last);
    } else {
        half = wide.hi >> (last - 128) & 1;
        below = wide.lo | (wide.hi & money_mask(last - 128));
    }
    if (half && (below != 0 || (quotient & 1))) quotient++;
    if (!money_fits(quotient, negative)) return money_overflow(NULL, "a real amount");
    return money_signed(quotient, negative);
}

/* The double's 53-bit integer times 10^decimals is exact in 256 bits; only dropping the bits below
 * the point rounds. */
money_t money_from_real(double value, int decimals)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    bool negative = bits >> 63;
    int exponent = (int)(bits >> 52 & 0x7ff) - 1075;
    uint64_t mantissa = bits & (((uint64_t)1 << 52) - 1);
    if (exponent == -1075)
        exponent++; /* subnormal */
    else
        mantissa |= (uint64_t)1 << 52;
    struct money_wide product = money_multiply(mantissa, money_power10(decimals));
    if (mantissa == 0 || exponent <= -256) return 0;
    if (exponent > 74) return money_overflow(NULL, "a real amount");
    if (exponent >= 0) {
        money_t whole = money_signed((money_u128)mantissa << exponent, negative);
        return money_muldiv(whole, (money_t)money_power10(decimals), 1, MONEY_TRUNCATE, NULL);
    }
    return money_shift_down(product, -exponent, negative);
}
