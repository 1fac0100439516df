/* SPDX-License-Identifier: Apache-2.0
 * Aligned text tables for a terminal.
 *
 * Columns are as wide as their widest cell, counted in characters and not in bytes. */
#ifndef HACASIM_ANALYSIS_TABLE_H
#define HACASIM_ANALYSIS_TABLE_H

#include <stddef.h>
#include <stdio.h>

#include "sim/sim.h"

enum { TABLE_WIDTH = 100 };

struct table;

/* `align` has one letter per column: l left, r right. */
struct table *table_create(struct arena *arena, const char *align);
/* A row of as many texts; NULL prints as a dash.  The texts must outlive the table. */
void table_row(struct table *table, const char *const *cells);
/* A line of its own above the next rows. */
void table_section(struct table *table, const char *text);
void table_print(const struct table *table, FILE *out);
/* Where the columns do not fit into TABLE_WIDTH, in blocks that each repeat the first one. */
void table_print_blocks(const struct table *table, FILE *out);

/* Characters of a UTF-8 text, as a terminal counts columns. */
size_t table_columns(const char *text);

/* One field of a CSV line after RFC 4180: quoted where it must be. */
void table_csv_field(FILE *out, const char *text);

#endif
