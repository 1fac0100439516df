/* SPDX-License-Identifier: Apache-2.0
 * Parameter tables: each scenario key is declared once, beside the struct it fills.
 *
 * From the same table come reading, checking, `hacasim schema` and the effective scenario that is
 * stored with a run.  A table row is a key; nested keys are tables of their own.
 *
 *     struct fee_params { int64_t denominator; double min_share; struct dist delay; };
 *     static const struct param rows[] = {
 *         PARAM(fee_params, denominator, PARAM_COUNT, "8", "1", "1000000",
 *               "largest step of the base fee is 1/this", "geth params/protocol_params.go"),
 *         PARAM(fee_params, min_share, PARAM_RATIO, "50%", "0%", "100%", "...", "..."),
 *         PARAM_SUB(fee_params, delay, PARAM_CHOICE, param_dist_seconds, "2 s", "...", "..."),
 *     };
 *     const struct param_table feemarket_table = PARAM_TABLE("feemarket", fee_params, rows);
 *
 * Defaults and ranges are written as scenario text ("50 ms", "30%") and go through the same reader
 * as the user's text.  A default of NULL makes the key required.  A default without a source says
 * "assumption". */
#ifndef HACASIM_SIM_PARAM_H
#define HACASIM_SIM_PARAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/arena.h"
#include "sim/diag.h"
#include "sim/json.h"
#include "sim/money.h"

/* Type of a key, the C type at its offset, and what the text looks like. */
enum param_type {
    PARAM_BOOL,      /* bool      true | false */
    PARAM_COUNT,     /* int64_t   a whole number, digits only */
    PARAM_REAL,      /* double    plain number */
    PARAM_RATIO,     /* double    30% or 0.3 */
    PARAM_DURATION,  /* int64_t ns  50 ms, 2 h, 30 d (units ns us ms s min h d y); 0 needs none, as
                      *           for every quantity; y is the Julian year of 365.25 d */
    PARAM_SECONDS,   /* double s  same text as a duration */
    PARAM_BYTES,     /* uint64_t  512 B, 64 kB, 80 GiB (kB MB GB TB KiB MiB GiB TiB) */
    PARAM_RATE,      /* double /s 5.5/s, 3/min, 100/h, 2/d */
    PARAM_BANDWIDTH, /* double B/s  4.8 TB/s, 1 Gbit/s */
    PARAM_FLOPS,     /* double FLOP/s  989 TFLOP/s */
    PARAM_WATTS,     /* double W  700 W, 1.2 kW */
    PARAM_OPG,       /* money_t atto  0.1 OPG, 10000 OPG */
    PARAM_USD,       /* money_t nano  $0.50 */
    PARAM_DOLLARS,   /* double USD   same text as PARAM_USD */
    PARAM_USD_PER_H, /* double USD/h $2.50/h */
    PARAM_GAS_PRICE, /* int64_t wei (1e-18 coin) per gas  0.002 gwei, 7 wei */
    PARAM_NAME,      /* const char *  an identifier: letters, digits and _ - . : / + */
    PARAM_STRING,    /* const char *  any text */
    PARAM_PATH,      /* const char *  file; relative to the file that names it */
    PARAM_ENUM,      /* int       one of names[] */
    PARAM_FLAG,      /* (nothing) only inside a CHOICE: the bare word selects this variant */
    PARAM_GROUP,     /* struct    nested table `sub` at the offset */
    PARAM_CHOICE,    /* struct    exactly one key of `sub`; `sub`'s first member at the offset is
                      *           int kind = index of the chosen row.  A bare scalar is a FLAG
                      *           name or else the value of the row marked PARAM_BARE. */
    PARAM_LIST,      /* struct param_list of structs described by `sub`; range: number of items */
    PARAM_REALS,     /* struct param_list of double; elements typed by `element`; range: of each */
    PARAM_TEXTS,     /* struct param_list of struct param_text; range: number of items */
};

enum { PARAM_BARE = 1 }; /* flags */

struct param_list {
    void *items;
    uint32_t count;
};

struct param_text {
    const char *text;
    struct diag_where where;
};

struct param_table;

struct param {
    const char *key;
    enum param_type type;
    size_t offset;
    const char *def, *min, *max; /* scenario text; def NULL: required; "" for an empty list */
    const char *meaning, *source;
    const struct param_table *sub; /* GROUP, CHOICE, LIST */
    const char *const *names;      /* ENUM, NULL-terminated */
    enum param_type element;       /* REALS */
    unsigned flags;
    /* The key goes with one value of an ENUM key that stands before it in the table: where `when`
     * has the value `is`, the key may be given (a default of NULL: must); elsewhere it may not, and
     * its field is left as it was.  NULL: it always goes. */
    const char *when, *is;
};

struct param_table {
    const char *name; /* of the struct, for schema definitions */
    size_t size;      /* of the struct */
    const struct param *rows;
    size_t count;
    /* Optional check across the keys of one struct, called when each of them reads well: NULL, or
     * what is wrong with them together ("low is above high"). */
    const char *(*check)(const void *value);
    /* Of a list: each item is a choice of one key (the struct begins with int kind), as for
     * PARAM_CHOICE, and not a group. */
    bool one_of;
};

#define PARAM(owner, field, kind, deftext, mintext, maxtext, what, from)                           \
    {                                                                                              \
        .key = #field, .type = (kind), .offset = offsetof(struct owner, field), .def = (deftext),  \
        .min = (mintext), .max = (maxtext), .meaning = (what), .source = (from)                    \
    }
#define PARAM_SUB(owner, field, kind, table, deftext, what, from)                                  \
    {                                                                                              \
        .key = #field, .type = (kind), .offset = offsetof(struct owner, field), .def = (deftext),  \
        .meaning = (what), .source = (from), .sub = &(table)                                       \
    }
/* A row whose key is not the name of a field ("fixed" of struct dist is kept in `a`). */
#define PARAM_AS(owner, name, field, kind, deftext, mintext, maxtext, what, from)                  \
    {                                                                                              \
        .key = (name), .type = (kind), .offset = offsetof(struct owner, field), .def = (deftext),  \
        .min = (mintext), .max = (maxtext), .meaning = (what), .source = (from)                    \
    }
/* One of `choices`, a NULL-terminated array in the order of the enum. */
#define PARAM_NAMES(owner, field, choices, deftext, what, from)                                    \
    {                                                                                              \
        .key = #field, .type = PARAM_ENUM, .offset = offsetof(struct owner, field),                \
        .def = (deftext), .meaning = (what), .source = (from), .names = (choices)                  \
    }
/* A list of structs; the range is that of the number of items. */
#define PARAM_ITEMS(owner, field, table, deftext, mintext, maxtext, what, from)                    \
    {                                                                                              \
        .key = #field, .type = PARAM_LIST, .offset = offsetof(struct owner, field),                \
        .def = (deftext), .min = (mintext), .max = (maxtext), .meaning = (what), .source = (from), \
        .sub = &(table)                                                                            \
    }
/* A list of numbers of type `kind` held as doubles; the range is that of each item. */
#define PARAM_NUMBERS(owner, field, kind, deftext, mintext, maxtext, what, from)                   \
    {                                                                                              \
        .key = #field, .type = PARAM_REALS, .offset = offsetof(struct owner, field),               \
        .def = (deftext), .min = (mintext), .max = (maxtext), .meaning = (what), .source = (from), \
        .element = (kind)                                                                          \
    }
/* A word that selects a variant of a choice and has no value. */
#define PARAM_WORD(word, what)                                                                     \
    {                                                                                              \
        .key = (word), .type = PARAM_FLAG, .meaning = (what)                                       \
    }
#define PARAM_TABLE(label, owner, rowarray)                                                        \
    {                                                                                              \
        .name = (label), .size = sizeof(struct owner), .rows = (rowarray),                         \
        .count = sizeof(rowarray) / sizeof((rowarray)[0])                                          \
    }
#define PARAM_TABLE_CHECKED(label, owner, rowarray, function)                                      \
    {                                                                                              \
        .name = (label), .size = sizeof(struct owner), .rows = (rowarray),                         \
        .count = sizeof(rowarray) / sizeof((rowarray)[0]), .check = (function)                     \
    }

/* A distribution (struct dist) in seconds, in USD, or dimensionless:
 * `2 s` | {fixed: 2 s} | {uniform: {low: 1 s, high: 3 s}} | {exponential: {mean: 2 s}} |
 * {lognormal: {median: 2 s, sigma: 0.5}}. */
extern const struct param_table param_dist_seconds, param_dist_dollars, param_dist_real;

/* One number, quantity or bool, read as the user's text would be.  0 on success; else *why says
 * what was wrong in words ("has no unit; expected a time such as 50 ms"), which live until the next
 * call in the same thread.  `out` has the C type of `type`. */
int param_scan(enum param_type type, const char *text, size_t length, void *out, const char **why);
/* Print a value (not an ENUM) back as the shortest scenario text that reads to the same value. */
char *param_print(struct arena *arena, enum param_type type, const void *value);

/* ---- scenario text ------------------------------------------------------------------------ */

struct param_doc; /* scenario text after base: and --set, every node with its position */

/* Load `path` (and what `base:` names, at most 16 deep, cycles refused), apply `sets`
 * ("a.b[2].c=value", in order; a value that begins with a bracket, a brace or a quote is YAML, any
 * other is taken as it is; NULL is passed over, and the others keep their numbers).  Mappings merge
 * key by key, anything else is replaced whole; where a choice ends up with several keys, the one of
 * the last layer that gave any stands.  Findings go to `diag`; NULL when there is no document to
 * check at all (missing, unreadable, binary, not UTF-8, over 16 MiB, not a mapping at the top,
 * syntax error). */
struct param_doc *param_load(struct arena *arena, const char *path, const char *const *sets,
                             size_t set_count, struct diag *diag);
/* The same from memory (fuzzing, tests). */
struct param_doc *param_load_text(struct arena *arena, const char *name, const char *text,
                                  size_t length, const char *const *sets, size_t set_count,
                                  struct diag *diag);
void param_close(struct param_doc *doc);

/* Check the whole document against `table` and fill `out` (table->size bytes, zeroed by caller).
 * All findings go to `diag`. */
void param_read(struct param_doc *doc, const struct param_table *table, void *out,
                struct diag *diag);

/* Position of a key path ("nodes[2].model") for cross checks; of its nearest given ancestor when
 * the key itself was left to its default. */
struct diag_where param_where(struct param_doc *doc, const char *path);
/* Did everything at, above and below a key path read well, so that a cross check may rely on it?
 * A misspelt key counts against the key that it was probably meant to be, and where a base: file
 * is missing, whatever it might have given counts as broken.  What did not read well has its
 * default in the struct, or zero where there is none. */
bool param_good(const struct param_doc *doc, const char *path);
/* Did the user give this key, in a file or by an override? */
bool param_given(const struct param_doc *doc, const char *path);
/* Report a cross-check finding at a key path. */
void param_error(struct param_doc *doc, struct diag *diag, const char *path, const char *format,
                 ...) __attribute__((format(printf, 4, 5)));

/* The effective scenario: every key in table order with its value as text and where it came from
 * ("default", "file:line:column", "--set#1").  Valid until the arena goes. */
struct param_effective {
    const char *path, *value, *origin;
};
const struct param_effective *param_effective(struct param_doc *doc, size_t *count);
/* The scenario as given after base and overrides, as canonical YAML text (what a hash is made of:
 * comments, spacing and key order of the source do not matter).  Ask after param_read, which drops
 * the inherited variants of choices that were made anew. */
const char *param_canonical(struct param_doc *doc);

/* Schema of a table. */
enum param_schema { PARAM_SCHEMA_TEXT, PARAM_SCHEMA_MARKDOWN, PARAM_SCHEMA_JSON };
enum status param_schema_write(const struct param_table *table, enum param_schema form, FILE *out);

#endif
