/* SPDX-License-Identifier: Apache-2.0
 * Single functions of the models, by themselves: what `hacasim eval` answers.
 *
 * A function is a row of a table: inputs with type, default and range, results, and the code.  The
 * tables lie with their code (eval_chain.c, eval_queue.c, ...); the list of tables is in eval.c.
 * From the rows come reading, checking, `eval --list` and the messages, so a function is added in
 * one place.
 *
 * Numbers here go to a terminal or to a comparison with an outside number, never into a stored
 * result, so libm and GSL are allowed.  Amounts stay exact integers and decimals. */
#ifndef HACASIM_ANALYSIS_EVAL_H
#define HACASIM_ANALYSIS_EVAL_H

#include <stdbool.h>
#include <stddef.h>

#include "sim/sim.h"

enum { EVAL_INPUTS = 14, EVAL_OUTPUTS = 8 }; /* most of one function */

enum eval_type {
    EVAL_INTEGER, /* exact whole number below 2^127 */
    EVAL_DECIMAL, /* exact decimal, at most 18 places */
    EVAL_REAL,    /* double */
    EVAL_NAME,    /* one of names[] */
    EVAL_REALS,   /* [1, 2.5, 3]; empty where that is the default */
    EVAL_WHOLES,  /* [1, -2, 3], each an int64 */
    EVAL_PATH,    /* a file or folder; empty: none.  The first input may leave out its `name=` */
};

struct eval_input {
    const char *name;
    enum eval_type type;
    const char *def;          /* NULL: required */
    const char *min, *max;    /* of the value, or of each element; ">0" and "<1" exclude the end */
    const char *const *names; /* EVAL_NAME, NULL-terminated */
    const char *meaning;
};

enum eval_kind {
    EVAL_KIND_NULL, /* no such value */
    EVAL_KIND_FLAG,
    EVAL_KIND_REAL,
    EVAL_KIND_EXACT, /* amount x 10^-decimals, without trailing zeros */
    EVAL_KIND_FIXED, /* the same with every decimal printed */
    EVAL_KIND_TEXT,
    EVAL_KIND_REALS,
    EVAL_KIND_WHOLES,
    EVAL_KIND_TREE, /* any JSON; the only output of its function, which it then is as a whole */
};

struct eval_value {
    enum eval_kind kind;
    bool flag;
    double real;
    money_t amount;
    int decimals;
    int choice; /* EVAL_NAME: index into names[] */
    const char *text;
    const double *reals;
    const int64_t *wholes;
    size_t count; /* of elements */
    size_t width; /* of a row, where wholes are a list of lists; else 0 */
    const void *data;
    struct json_node *(*tree)(struct json *json, const void *data);
};

/* A list of whole numbers, or of rows of `width` of them each (0: no rows). */
struct eval_value eval_wholes(const int64_t *wholes, size_t count, size_t width);

struct eval_output {
    const char *name, *meaning;
};

/* One call under way.  `in` and `out` follow the order of the rows. */
struct eval_call {
    struct eval_value in[EVAL_INPUTS], out[EVAL_OUTPUTS];
    struct arena *arena;
    struct diag *diag;       /* for findings in files; then the function gives false alone */
    const char *refused_key; /* input that made the function refuse */
    char reason[240];
};

/* False after eval_refuse: the inputs are each in range but not together. */
typedef bool eval_fn(struct eval_call *call);

struct eval_function {
    const char *name, *meaning;
    eval_fn *run;
    struct eval_input inputs[EVAL_INPUTS];    /* ends with a row without name */
    struct eval_output outputs[EVAL_OUTPUTS]; /* likewise */
};

struct eval_table {
    const struct eval_function *functions;
    size_t count;
};
extern const struct eval_table eval_chain_table, eval_queue_table, eval_token_table,
    eval_emission_table, eval_trust_table, eval_timing_table, eval_consensus_table;

size_t eval_count(void);
const struct eval_function *eval_at(size_t index);
const struct eval_function *eval_find(const char *name);
const char *eval_nearest(const char *name); /* or NULL */
size_t eval_input_count(const struct eval_function *function);
size_t eval_output_count(const struct eval_function *function);
long eval_input_find(const struct eval_function *function, const char *name, size_t length);
const char *eval_input_nearest(const struct eval_function *function, const char *name);

/* The text given for one input; NULL or empty means the default. */
struct eval_given {
    const char *text;
    size_t length;
    struct diag_where where;
};

/* Read the inputs, check their ranges, run the function.  Everything wrong goes to `diag` with the
 * name of the input as key; true when nothing was. */
bool eval_evaluate(const struct eval_function *function, const struct eval_given *given,
                   struct eval_call *call, struct arena *arena, struct diag *diag);

/* For the functions. */
bool eval_refuse(struct eval_call *call, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
struct eval_value eval_real(double value);
struct eval_value eval_exact(money_t amount, int decimals);
struct eval_value eval_fixed(money_t amount, int decimals);
struct eval_value eval_flag(bool value);
struct eval_value eval_null(void);

/* "1 to 10", "more than 0", "one of a, b": the allowed values of an input. */
const char *eval_range_text(const struct eval_input *input, struct arena *arena);
/* Text of a value: as in a CSV cell (empty for null). */
const char *eval_value_text(const struct eval_value *value, struct arena *arena);
/* The same as JSON: integers beyond 2^53 and exact decimals as strings. */
struct json_node *eval_value_json(struct json *json, const struct eval_value *value);

#endif
