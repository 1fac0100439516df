/* SPDX-License-Identifier: Apache-2.0
 * Mergeable log-linear histograms.
 *
 * Answers for: the distribution of non-negative integers in bounded memory (57 KiB) and the stated
 * relative error, with exact count, sum, minimum and maximum.  All state is integer, so merging in
 * any order gives the same histogram.  Leaves out: negative values and units (the caller's).
 *
 * Cells: a value below 2^(HIST_SUB_BITS+1) is its own cell.  Above, the leading HIST_SUB_BITS+1
 * bits choose the cell, so each power of two has 2^HIST_SUB_BITS of them. */
#include "sim/hist.h"

#include <assert.h>
#include <math.h>

enum { HIST_EXACT = 1 << (HIST_SUB_BITS + 1) };

static uint32_t hist_cell(int64_t value)
{
    if (value < HIST_EXACT) return (uint32_t)value;
    int shift = 63 - HIST_SUB_BITS - __builtin_clzll((unsigned long long)value);
    return ((uint32_t)shift << HIST_SUB_BITS) + (uint32_t)(value >> shift);
}

static int64_t hist_width(uint32_t cell) /* how many integers fall into it */
{
    return cell < HIST_EXACT ? 1 : (int64_t)1 << ((cell >> HIST_SUB_BITS) - 1);
}

static int64_t hist_first(uint32_t cell) /* the smallest of them */
{
    if (cell < HIST_EXACT) return cell;
    uint32_t shift = (cell >> HIST_SUB_BITS) - 1;
    return (int64_t)(cell - (shift << HIST_SUB_BITS)) << shift;
}

double hist_cell_middle(uint32_t cell)
{
    return (double)hist_first(cell) + 0.5 * (double)(hist_width(cell) - 1);
}

void hist_init(struct hist *h, struct arena *arena)
{
    *h = (struct hist){.cells = arena_alloc(arena, HIST_CELLS, sizeof *h->cells)};
}

void hist_add(struct hist *h, int64_t value, uint64_t weight)
{
    assert(value >= 0 && "a histogram holds non-negative values");
    if (weight == 0) return;
    if (h->n == 0 || value < h->min) h->min = value;
    if (h->n == 0 || value > h->max) h->max = value;
    h->n++;
    h->weight += weight;
    h->sum += (money_t)value * (money_t)weight;
    h->cells[hist_cell(value)] += weight;
}

void hist_merge(struct hist *into, const struct hist *from)
{
    if (from->n == 0) return;
    if (into->n == 0 || from->min < into->min) into->min = from->min;
    if (into->n == 0 || from->max > into->max) into->max = from->max;
    into->n += from->n;
    into->weight += from->weight;
    into->sum += from->sum;
    for (uint32_t i = hist_cell(from->min), last = hist_cell(from->max); i <= last; i++)
        into->cells[i] += from->cells[i];
}

/* The rank is ceil(q x weight) with the product rounded to a double: 0.9 x 10 means the 9th value,
 * though the double 0.9 lies a little above nine tenths. */
double hist_quantile(const struct hist *h, double q)
{
    if (h->n == 0 || !(q >= 0.0 && q <= 1.0)) return (double)NAN;
    if (q == 0.0) return (double)h->min;
    if (q == 1.0) return (double)h->max;
    double product = q * (double)h->weight;
    uint64_t rank = product < 0x1p64 ? (uint64_t)product : h->weight;
    if ((double)rank < product) rank++;
    if (rank > h->weight) rank = h->weight;
    uint32_t cell = hist_cell(h->min);
    for (uint64_t below = h->cells[cell]; below < rank; below += h->cells[cell])
        cell++;
    double middle = hist_cell_middle(cell);
    if (middle < (double)h->min) return (double)h->min;
    return middle > (double)h->max ? (double)h->max : middle;
}

double hist_mean(const struct hist *h)
{
    return h->n == 0 ? (double)NAN : (double)h->sum / (double)h->weight;
}

/* Values in the cell of `value` count as if spread evenly over the part of it that lies between the
 * observed minimum and maximum. */
double hist_share_below(const struct hist *h, int64_t value)
{
    if (h->n == 0) return (double)NAN;
    if (value <= h->min) return 0.0;
    if (value > h->max) return 1.0;
    uint32_t cell = hist_cell(value);
    uint64_t below = 0;
    for (uint32_t i = hist_cell(h->min); i < cell; i++)
        below += h->cells[i];
    int64_t first = hist_first(cell), last = first + (hist_width(cell) - 1);
    if (first < h->min) first = h->min;
    if (last > h->max) last = h->max;
    double part = (double)(value - first) / ((double)(last - first) + 1.0);
    return ((double)below + part * (double)h->cells[cell]) / (double)h->weight;
}
