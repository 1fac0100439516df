/* SPDX-License-Identifier: Apache-2.0
 * Integers of 512 bits.  Schoolbook arithmetic: called a few dozen times per evaluation, so short
 * code is worth more than fast code. */
#include "analysis/wide.h"

#include <assert.h>

struct wide wide_integer(int64_t value)
{
    struct wide r;
    for (int i = 0; i < WIDE_LIMBS; i++)
        r.limb[i] = value < 0 ? UINT64_MAX : 0;
    r.limb[0] = (uint64_t)value;
    return r;
}

struct wide wide_add(struct wide a, struct wide b)
{
    money_u128 carry = 0;
    for (int i = 0; i < WIDE_LIMBS; i++) {
        carry += (money_u128)a.limb[i] + b.limb[i];
        a.limb[i] = (uint64_t)carry;
        carry >>= 64;
    }
    return a;
}

struct wide wide_multiply(struct wide a, struct wide b)
{
    struct wide r = wide_integer(0);
    for (int i = 0; i < WIDE_LIMBS; i++) {
        money_u128 carry = 0;
        for (int j = 0; i + j < WIDE_LIMBS; j++) {
            carry += (money_u128)a.limb[i] * b.limb[j] + r.limb[i + j];
            r.limb[i + j] = (uint64_t)carry;
            carry >>= 64;
        }
    }
    return r;
}

struct wide wide_text(const char *digits)
{
    struct wide r = wide_integer(0), ten = wide_integer(10);
    const char *c = *digits == '-' ? digits + 1 : digits;
    for (; *c; c++)
        r = wide_add(wide_multiply(r, ten), wide_integer(*c - '0'));
    return *digits == '-' ? wide_multiply(r, wide_integer(-1)) : r;
}

struct wide wide_shift_left(struct wide a, unsigned limbs)
{
    for (unsigned i = WIDE_LIMBS; i-- > 0;)
        a.limb[i] = i >= limbs ? a.limb[i - limbs] : 0;
    return a;
}

struct wide wide_shift_right(struct wide a, unsigned limbs)
{
    uint64_t fill = a.limb[WIDE_LIMBS - 1] >> 63 ? UINT64_MAX : 0;
    for (unsigned i = 0; i < WIDE_LIMBS; i++)
        a.limb[i] = i + limbs < WIDE_LIMBS ? a.limb[i + limbs] : fill;
    return a;
}

static int compare(const struct wide *a, const struct wide *b)
{
    for (int i = WIDE_LIMBS; i-- > 0;)
        if (a->limb[i] != b->limb[i]) return a->limb[i] < b->limb[i] ? -1 : 1;
    return 0;
}

struct wide wide_divide(struct wide a, struct wide b)
{
    struct wide quotient = wide_integer(0), rest = wide_integer(0);
    struct wide minus = wide_multiply(b, wide_integer(-1));
    for (int bit = WIDE_BITS; bit-- > 0;) {
        rest = wide_add(rest, rest);
        rest.limb[0] |= (a.limb[bit / 64] >> (bit % 64)) & 1;
        if (compare(&rest, &b) < 0) continue;
        rest = wide_add(rest, minus);
        quotient.limb[bit / 64] |= (uint64_t)1 << (bit % 64);
    }
    return quotient;
}

money_t wide_money(struct wide a)
{
    for (int i = 2; i < WIDE_LIMBS; i++)
        assert(a.limb[i] == (a.limb[1] >> 63 ? UINT64_MAX : 0));
    return (money_t)(((money_u128)a.limb[1] << 64) | a.limb[0]);
}
