/* SPDX-License-Identifier: Apache-2.0
 * The tables of the ziggurat, once for the whole program. */
#include "sim/ziggurat.h"

#include "sim/ziggurat_rows.h"

const struct ziggurat ziggurat_exponentials = ZIGGURAT_TABLE(ZIGGURAT_EXPONENTIAL_ROWS);
const struct ziggurat ziggurat_normals = ZIGGURAT_TABLE(ZIGGURAT_NORMAL_ROWS);
