/* SPDX-License-Identifier: Apache-2.0
 * Outcomes of checks as JUnit XML, the form that continuous integration reads.
 *
 * Texts may hold anything: what XML cannot carry is replaced by U+FFFD. */
#ifndef HACASIM_ANALYSIS_JUNIT_H
#define HACASIM_ANALYSIS_JUNIT_H

#include <stdint.h>
#include <stdio.h>

#include "sim/sim.h"

struct junit_outcome {
    const char *suite; /* first of a suite: its name; then the rest is empty */
    const char *name, *failure, *detail;
    const char *skipped; /* why it was not checked, or NULL */
};

struct junit {
    struct arena *arena;
    struct junit_outcome *items;
    uint32_t count, capacity;
};

/* Texts must live as long as the struct. */
void junit_init(struct junit *junit, struct arena *arena);
void junit_suite(struct junit *junit, const char *name);
/* `failure` NULL: it passed. */
void junit_case(struct junit *junit, const char *name, const char *failure, const char *detail);
void junit_skip(struct junit *junit, const char *name, const char *why);
void junit_write(const struct junit *junit, FILE *out);

#endif
