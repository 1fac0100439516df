/* SPDX-License-Identifier: Apache-2.0
 * Fuzzing of the JSON reader: any bytes are either refused with one finding, or read to a tree
 * whose numbers have text and whose members are as many as are counted. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sim/json_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void must(bool holds)
{
    if (!holds) abort();
}

static void walk(const struct json_value *value)
{
    uint32_t members = 0;
    int64_t whole;
    must(value->where.line >= 1 && value->where.column >= 1);
    if (value->kind == JSON_NUMBER) must(strlen(value->text) == value->length);
    json_read_whole(value, &whole);
    for (const struct json_value *m = value->first; m; m = m->next, members++) {
        must((m->key != NULL) == (value->kind == JSON_OBJECT));
        walk(m);
    }
    if (value->kind == JSON_ARRAY || value->kind == JSON_OBJECT) must(members == value->length);
    json_read_at(value, "a.b");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena arena;
    struct diag diag;
    struct diag_where where = {.file = "fuzz", .line = 1, .column = 1};
    arena_init(&arena, "fuzz", 0);
    diag_init(&diag, &arena);
    const struct json_value *value = json_read(&arena, where, (const char *)bytes, size, &diag);
    must((value == NULL) == (diag.count == 1));
    if (value != NULL) walk(value);
    arena_free(&arena);
    return 0;
}
