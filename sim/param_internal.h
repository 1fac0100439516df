/* SPDX-License-Identifier: Apache-2.0
 * What the files sim/param_*.c share; nothing else includes this.
 *
 *     param_scan.c    one scalar text to a value, units        param_print.c   and back
 *     param_parse.c   YAML text to a tree (libfyaml)           param_load.c    base:, --set
 *     param_tree.c    lookup, key paths, canonical text        param_read.c    check and fill
 *     param_schema.c, param_schema_json.c, param_pattern.c     param_dist.c    distributions */
#ifndef HACASIM_SIM_PARAM_INTERNAL_H
#define HACASIM_SIM_PARAM_INTERNAL_H

#include "sim/param.h"

/* ---- forms of scalars (param_scan.c) ------------------------------------------------------- */

/* A unit is worth factor x 10^exponent / divisor of the base unit. */
struct param_unit {
    const char *text; /* "" : the bare number is allowed */
    uint64_t factor;
    int exponent;
    unsigned divisor;
};

enum param_class {
    PARAM_AS_BOOL,
    PARAM_AS_INT64,
    PARAM_AS_UINT64,
    PARAM_AS_DOUBLE,
    PARAM_AS_MONEY,
    PARAM_AS_TEXT,
    PARAM_AS_INT,
    PARAM_AS_STRUCT
};

struct param_form {
    const char *label;   /* "duration", for the schema */
    const char *noun;    /* "a time" */
    const char *example; /* "50 ms" */
    const char *step;    /* "1 ns", what 10^-exact is called */
    const struct param_unit *units;
    size_t unit_count;
    size_t size; /* of the C type; 0 for structs, which differ */
    enum param_class in_c;
    int exact;   /* values are whole multiples of 10^-exact of the base unit; -1: doubles */
    bool dollar; /* a $ stands before the number */
};

const struct param_form *param_form(enum param_type type);

/* -1, 0, 1 for two values of a number type. */
int param_compare(enum param_type type, const void *a, const void *b);

/* ---- the document -------------------------------------------------------------------------- */

enum {
    PARAM_FILE_BYTES_MAX = 16 << 20,
    PARAM_DEPTH_MAX = 64,      /* of lists and mappings in each other */
    PARAM_KEYS_MAX = 1000,     /* in one mapping */
    PARAM_NODES_MAX = 1000000, /* values in one file */
    PARAM_BASE_DEPTH_MAX = 16, /* files that base: may chain */
    PARAM_SET_PARTS_MAX = 32,  /* keys and indexes in the path of one --set */
    PARAM_SET_ORDER = 1000,    /* diag order of --set#1, above that of all files, is this + 1 */
};

/* Where text came from. */
struct param_source {
    const char *name; /* as diag prints it */
    uint32_t order;   /* order of loading, for diag */
    uint32_t layer;   /* which source wins: the higher */
    bool positions;   /* false for overrides and defaults, which have no lines */
};

enum param_node_kind { PARAM_NODE_SCALAR, PARAM_NODE_LIST, PARAM_NODE_MAPPING };

struct param_pair {
    const char *key;
    uint32_t hash;           /* of key */
    uint32_t layer;          /* of the source that gave it last */
    struct diag_where where; /* of the key */
    struct param_node *value;
};

struct param_node {
    enum param_node_kind kind;
    bool plain;       /* scalar without quotes */
    const char *text; /* scalar; holds no NUL */
    uint32_t length;  /* of text */
    uint32_t count, capacity;
    union {
        struct param_node **items; /* list */
        struct param_pair *pairs;  /* mapping */
    };
    struct diag_where where;
    const struct param_source *source;
};

struct param_doc {
    struct arena *arena;
    struct param_node *root;
    bool partial; /* a base file is missing: do not complain about missing keys as well */
    /* Key paths that did not read well, for param_good; too many of them: nothing is good. */
    const char **broken;
    uint32_t broken_count, broken_capacity;
    bool all_broken;
    struct param_effective *effective;
    size_t effective_count, effective_capacity;
};

/* ---- the tree (param_tree.c) --------------------------------------------------------------- */

struct param_node *param_node_make(struct arena *arena, enum param_node_kind kind,
                                   const struct param_source *source, struct diag_where where);
void param_node_push(struct arena *arena, struct param_node *list, struct param_node *item);
struct param_pair *param_node_find(const struct param_node *mapping, const char *key);
struct param_pair *param_node_add(struct arena *arena, struct param_node *mapping, const char *key,
                                  struct diag_where where, struct param_node *value);
void param_node_drop(struct param_node *mapping, struct param_pair *pair);
/* A plain scalar that says "nothing": empty, ~ or null. */
bool param_node_is_null(const struct param_node *node);
/* "a list", "a mapping", "a value" */
const char *param_node_noun(const struct param_node *node);

/* Text fit for a message: at most 60 bytes, control characters shown as '?'. */
const char *param_show(struct arena *arena, const char *text);

/* One step of a key path: a key, or an index when key is NULL. */
struct param_step {
    const char *key;
    uint32_t index;
};
/* Split "a.b[2].c" into at most PARAM_SET_PARTS_MAX steps; the count, or -1 when malformed. */
int param_path_split(struct arena *arena, const char *path, size_t length,
                     struct param_step steps[PARAM_SET_PARTS_MAX]);

/* Note that `path` did not read well; the text is copied. */
void param_break(struct param_doc *doc, const char *path);

/* ---- sources (param_load.c) ---------------------------------------------------------------- */

/* A file named in `source`: relative to its directory; an override's to the current one. */
const char *param_resolve(struct arena *arena, const struct param_source *source, const char *path);

/* ---- tables (param_read.c) ----------------------------------------------------------------- */

/* The default of a row as a tree. */
struct param_node *param_default(struct arena *arena, const struct param *row, struct diag *diag);
/* "a time such as 50 ms", "one of legacy, new" */
const char *param_expected(struct arena *arena, const struct param *row);
/* "1 to 10", "at least 1", "at most 10", or NULL when everything is allowed. */
const char *param_range(struct arena *arena, const struct param *row);

/* ---- schema (param_schema_json.c, param_pattern.c) ----------------------------------------- */

/* The texts that a row of a quantity takes, as a regular expression; may it be 0? */
const char *param_pattern(struct arena *arena, const struct param *row);
bool param_pattern_zero(const struct param *row);

enum status param_schema_json(const struct param_table *table, FILE *out);

/* ---- text to tree (param_parse.c) ---------------------------------------------------------- */

/* The tree of one YAML document, NULL after findings that leave none.  `key` names the --set path
 * in findings, or NULL.  An empty document is a null scalar. */
struct param_node *param_parse(struct arena *arena, const struct param_source *source,
                               const char *key, const char *text, size_t length, struct diag *diag);

#endif
