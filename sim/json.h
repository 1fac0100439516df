/* SPDX-License-Identifier: Apache-2.0
 * A JSON tree and its text.
 *
 * Numbers print with the fewest digits that read back to the same double; NaN and infinities are
 * written as null.  Integers beyond 2^53 and exact decimals go in as strings. */
#ifndef HACASIM_SIM_JSON_H
#define HACASIM_SIM_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/status.h"

struct json;      /* a document under construction */
struct json_node; /* a node in it */

struct json *json_open(void);
void json_close(struct json *json);
struct json_node *json_object(struct json *json);
struct json_node *json_array(struct json *json);
struct json_node *json_text(struct json *json, const char *text); /* escaped; bytes that are not
                                                                      UTF-8 become U+FFFD */
struct json_node *json_real(struct json *json, double value);
struct json_node *json_integer(struct json *json, int64_t value);
struct json_node *json_bool(struct json *json, bool value);
struct json_node *json_null(struct json *json);
/* Keys keep the order in which they were first set; setting one again replaces its value. */
void json_set(struct json *json, struct json_node *object, const char *key,
              struct json_node *value);
void json_push(struct json *json, struct json_node *array, struct json_node *value);
/* Set at a dotted path, making the objects on the way ("gap.s.p99").  A value on the way that is
 * not an object is a programmer error. */
void json_set_path(struct json *json, struct json_node *object, const char *path,
                   struct json_node *value);
/* Two spaces of indentation and a final newline; one line when `compact`. */
enum status json_write(struct json *json, struct json_node *root, FILE *out, bool compact);

/* Shortest text of a finite double that reads back the same, in any locale; buffer of 32 bytes. */
enum { JSON_REAL_TEXT = 32 };
char *json_real_text(char *buffer, double value);

/* Bytes before the first one that is not well-formed UTF-8; `length` when all of it is. */
size_t json_utf8_prefix(const char *text, size_t length);

#endif
