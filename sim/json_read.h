/* SPDX-License-Identifier: Apache-2.0
 * JSON text to a tree, after RFC 8259 and nothing more: no comments, no trailing commas, no NaN.
 *
 * For what other programs have written (meta.json, lines of a .jsonl); scenario text is YAML and
 * read by param.h.  Positions are kept, so that a finding can name file, line and column.  Numbers
 * keep their text: a count beyond 2^53 stays whole.  Where a key comes twice the last one wins, as
 * in the programs that write such files. */
#ifndef HACASIM_SIM_JSON_READ_H
#define HACASIM_SIM_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/arena.h"
#include "sim/diag.h"

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_TEXT, JSON_ARRAY, JSON_OBJECT };

struct json_value {
    enum json_kind kind;
    bool truth;
    double number;
    const char *text; /* of a number as written, of a text without quotes and escapes, UTF-8 */
    uint32_t length;  /* of text, which may hold NUL; or number of members */
    struct diag_where where;
    const char *key;                /* in an object */
    const struct json_value *first; /* member */
    const struct json_value *next;  /* of the same array or object */
};

/* One value with nothing but blanks around it; NULL after a finding.  `where` is the place of the
 * first byte (line and column from 1). */
const struct json_value *json_read(struct arena *arena, struct diag_where where, const char *text,
                                   size_t length, struct diag *diag);

/* "a.b.c" from an object; NULL when it is not there or null. */
const struct json_value *json_read_at(const struct json_value *object, const char *path);
/* A number that is whole and fits; false for anything else. */
bool json_read_whole(const struct json_value *value, int64_t *out);

#endif
