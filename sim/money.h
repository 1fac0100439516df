/* SPDX-License-Identifier: Apache-2.0
 * Exact amounts: 128-bit counts of 1e-18 token (atto) or 1e-9 USD (nano), muldiv, decimal text.
 *
 * No double ever holds a balance.  A share or a price enters through money_muldiv with a named
 * rounding; the remainder of a split goes where the caller says. */
#ifndef HACASIM_SIM_MONEY_H
#define HACASIM_SIM_MONEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

__extension__ typedef __int128 money_t;
__extension__ typedef unsigned __int128 money_u128;

#define MONEY_ATTO ((money_t)1000000000000000000LL) /* per token */
#define MONEY_NANO ((money_t)1000000000LL)          /* per USD */
#define MONEY_MAX ((money_t)(((money_u128)1 << 127) - 1))

enum money_rounding { MONEY_FLOOR, MONEY_CEIL, MONEY_HALF_EVEN, MONEY_TRUNCATE };

/* a x b / c with a 256-bit product; c must not be 0.  An overflow of the quotient sets *overflow
 * and gives 0 (NULL: it aborts); *overflow is never cleared, so one flag serves a chain. */
money_t money_muldiv(money_t a, money_t b, money_t c, enum money_rounding rounding, bool *overflow);

/* Decimal text of `amount` x 10^-decimals, without trailing zeros ("0.1", "-3", "0"). Longest
 * result 42 characters; `buffer` of MONEY_TEXT bytes.  Returns buffer. */
enum { MONEY_TEXT = 48 };
char *money_print(char *buffer, money_t amount, int decimals);

/* Whole text must be a decimal number with at most `decimals` places that fits. */
bool money_scan(const char *text, size_t length, int decimals, money_t *out);

double money_real(money_t amount, int decimals); /* nearest double, for display and statistics */
money_t money_from_real(double value, int decimals); /* round half even; |value| must fit */

#endif
