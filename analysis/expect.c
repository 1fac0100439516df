/* SPDX-License-Identifier: Apache-2.0
 * The language of a scenario's `expect:` lines.
 *
 * Answers for: that a typing error in an expectation is found before the simulation, and that one
 * which fails says by how much.  A recursive-descent parser builds a small tree; judging walks it
 * once per replication.
 *
 * A quantity is a double and, where it can be, also an exact decimal, so that `ledger.residual ==
 * 0` sees a difference of 1e-18 and 0.1 + 0.2 == 0.3 holds. */
#include "analysis/expect.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    EXPECT_DEPTH = 64,    /* nested parentheses, and characters: the parser and the judge */
    EXPECT_LENGTH = 1000, /* recurse, so both have an end */
    EXPECT_DECIMALS = 18, /* of an exact constant, as of the smallest token unit */
};

enum expect_kind {
    EXPECT_CONSTANT,
    EXPECT_METRIC,
    EXPECT_ADD,
    EXPECT_SUBTRACT,
    EXPECT_MULTIPLY,
    EXPECT_DIVIDE,
    EXPECT_NEGATE,
};

enum expect_operator { OP_LT, OP_LE, OP_GT, OP_GE, OP_EQ, OP_NE, OP_IN, OP_COUNT };

static const char *const operator_text[OP_COUNT] = {"<", "<=", ">", ">=", "==", "!=", "in"};

struct expect_quantity {
    double real;
    bool exact; /* then it is amount x 10^-decimals, too */
    money_t amount;
    int decimals;
    const char *null; /* why there is no value, or NULL */
};

struct expect_node {
    enum expect_kind kind;
    struct expect_quantity constant;
    size_t metric;
    const struct expect_node *left, *right;
    const char *text; /* as written */
};

struct expect {
    enum expect_operator op;
    const struct expect_node *left, *right, *high; /* high: of `in` */
};

/* ---- parsing ------------------------------------------------------------------------------ */

struct expect_parser {
    struct arena *arena;
    struct diag *diag;
    const struct models_metrics *metrics;
    const struct param_text *line;
    const char *at;
    int depth;
    bool failed;              /* one finding a line is enough */
    const char *const *names; /* of the metrics, NULL: those of a world */
    size_t count;
};

static const struct expect_node *expect_sum(struct expect_parser *p);

__attribute__((format(printf, 2, 3))) static const struct expect_node *
expect_error(struct expect_parser *p, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (!p->failed)
        diag_add(p->diag, p->line->where, "expect", "'%s': %s", p->line->text,
                 arena_vprint(p->arena, format, arguments));
    va_end(arguments);
    p->failed = true;
    return NULL;
}

static void expect_blanks(struct expect_parser *p)
{
    while (isspace((unsigned char)*p->at))
        p->at++;
}

static bool expect_take(struct expect_parser *p, const char *token)
{
    expect_blanks(p);
    if (strncmp(p->at, token, strlen(token)) != 0) return false;
    p->at += strlen(token);
    return true;
}

/* What stands where something else was wanted, for a message. */
static const char *expect_here(struct expect_parser *p)
{
    expect_blanks(p);
    if (*p->at == '\0') return "the end";
    return arena_print(p->arena, "'%.20s'", p->at);
}

static struct expect_node *expect_node(struct expect_parser *p, enum expect_kind kind,
                                       const char *start)
{
    struct expect_node *node = arena_alloc(p->arena, 1, sizeof *node);
    const char *end = p->at;
    while (end > start && isspace((unsigned char)end[-1]))
        end--;
    node->kind = kind;
    node->text = arena_text(p->arena, start, (size_t)(end - start));
    return node;
}

static const struct expect_node *expect_number(struct expect_parser *p)
{
    const char *start = p->at;
    char *end;
    double real = strtod(start, &end);
    size_t length = (size_t)(end - start);
    if (!isfinite(real) || length == 0 || strspn(start, "0123456789.eE+-") < length)
        return expect_error(p, "%s is not a number", expect_here(p));
    p->at = end;
    bool percent = *end == '%';
    if (percent) p->at++;
    if (isalpha((unsigned char)*p->at) || *p->at == '_')
        return expect_error(p,
                            "%s: a number takes no unit but %%; the metric's name ends with its "
                            "unit",
                            expect_here(p));
    struct expect_node *node = expect_node(p, EXPECT_CONSTANT, start);
    struct expect_quantity *value = &node->constant;
    value->real = percent ? real / 100 : real;
    value->decimals = EXPECT_DECIMALS;
    value->exact = money_scan(start, length, EXPECT_DECIMALS - (percent ? 2 : 0), &value->amount);
    if (value->exact) value->real = money_real(value->amount, EXPECT_DECIMALS);
    return node;
}

static long expect_find(const struct expect_parser *p, const char *name)
{
    if (p->names == NULL) return models_metrics_find(p->metrics, name);
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->names[i], name) == 0) return (long)i;
    return -1;
}

static const struct expect_node *expect_unknown(struct expect_parser *p, const char *name)
{
    const char *near = NULL;
    if (p->names == NULL)
        near = models_metrics_nearest(p->metrics, name, p->arena);
    else
        near = diag_nearest(name, p->names, p->count);
    if (near == NULL) return expect_error(p, "there is no metric '%s'", name);
    return expect_error(p, "there is no metric '%s'; did you mean '%s'?", name, near);
}

static const struct expect_node *expect_metric(struct expect_parser *p)
{
    const char *start = p->at;
    while (isalnum((unsigned char)*p->at) || *p->at == '_' || *p->at == '.')
        p->at++;
    struct expect_node *node = expect_node(p, EXPECT_METRIC, start);
    long metric = expect_find(p, node->text);
    if (metric < 0) return expect_unknown(p, node->text);
    node->metric = (size_t)metric;
    return node;
}

static const struct expect_node *expect_factor(struct expect_parser *p)
{
    expect_blanks(p);
    const char *start = p->at;
    if (p->depth >= EXPECT_DEPTH) return expect_error(p, "nested more than %d deep", EXPECT_DEPTH);
    if (isalpha((unsigned char)*start)) return expect_metric(p);
    if (isdigit((unsigned char)*start) || *start == '.') return expect_number(p);
    const struct expect_node *inner = NULL;
    p->depth++;
    if (expect_take(p, "-")) {
        inner = expect_factor(p);
        if (inner != NULL) {
            struct expect_node *node = expect_node(p, EXPECT_NEGATE, start);
            node->left = inner;
            inner = node;
        }
    } else if (expect_take(p, "(")) {
        inner = expect_sum(p);
        if (inner != NULL && !expect_take(p, ")"))
            inner = expect_error(p, "')' is missing before %s", expect_here(p));
    } else {
        expect_error(p, "a metric or a number is missing before %s", expect_here(p));
    }
    p->depth--;
    return inner;
}

/* Both levels of binary operators: `signs` are the two of this level, `next` the tighter level. */
static const struct expect_node *
expect_chain(struct expect_parser *p, const char *signs, const enum expect_kind *kinds,
             const struct expect_node *(*next)(struct expect_parser *))
{
    expect_blanks(p);
    const char *start = p->at;
    const struct expect_node *left = next(p);
    if (left == NULL) return NULL;
    for (;;) {
        expect_blanks(p);
        const char *sign = *p->at == '\0' ? NULL : strchr(signs, *p->at);
        if (sign == NULL) return left;
        p->at++;
        const struct expect_node *right = next(p);
        if (right == NULL) return NULL;
        struct expect_node *node = expect_node(p, kinds[sign - signs], start);
        node->left = left;
        node->right = right;
        left = node;
    }
}

static const struct expect_node *expect_product(struct expect_parser *p)
{
    static const enum expect_kind kinds[] = {EXPECT_MULTIPLY, EXPECT_DIVIDE};
    return expect_chain(p, "*/", kinds, expect_factor);
}

static const struct expect_node *expect_sum(struct expect_parser *p)
{
    static const enum expect_kind kinds[] = {EXPECT_ADD, EXPECT_SUBTRACT};
    return expect_chain(p, "+-", kinds, expect_product);
}

/* Longer signs first: "<=" begins with "<". */
static bool expect_operator(struct expect_parser *p, enum expect_operator *op)
{
    static const enum expect_operator order[] = {OP_LE, OP_GE, OP_EQ, OP_NE, OP_LT, OP_GT, OP_IN};
    for (size_t i = 0; i < OP_COUNT; i++) {
        *op = order[i];
        if (expect_take(p, operator_text[*op])) return true;
    }
    expect_error(p, "one of < <= > >= == != in is missing before %s", expect_here(p));
    return false;
}

static bool expect_has_metric(const struct expect_node *node);
static int expect_compare(struct expect_quantity a, struct expect_quantity b);
static struct expect_quantity expect_value(const struct expect_node *node,
                                           const struct models_value *values, struct arena *arena);

/* No metric lies between two constants in the wrong order. */
static bool expect_is_empty(const struct expect *expect, struct arena *arena)
{
    if (expect_has_metric(expect->right) || expect_has_metric(expect->high)) return false;
    struct expect_quantity low = expect_value(expect->right, NULL, arena);
    struct expect_quantity high = expect_value(expect->high, NULL, arena);
    return !low.null && !high.null && expect_compare(low, high) > 0;
}

static bool expect_range(struct expect_parser *p, struct expect *expect)
{
    if (!expect_take(p, "[")) return expect_error(p, "'in' takes a range: [low, high]") != NULL;
    expect->right = expect_sum(p);
    if (expect->right != NULL && !expect_take(p, ","))
        return expect_error(p, "',' is missing before %s", expect_here(p)) != NULL;
    expect->high = expect->right == NULL ? NULL : expect_sum(p);
    if (expect->high != NULL && !expect_take(p, "]"))
        return expect_error(p, "']' is missing before %s", expect_here(p)) != NULL;
    if (expect->high != NULL && expect_is_empty(expect, p->arena))
        return expect_error(p, "nothing lies in [%s, %s]: the first bound is the lower one",
                            expect->right->text, expect->high->text) != NULL;
    return expect->high != NULL;
}

static struct expect *expect_parse_any(struct expect_parser *p)
{
    struct expect *expect = arena_alloc(p->arena, 1, sizeof *expect);
    if (strlen(p->line->text) > EXPECT_LENGTH) {
        diag_add(p->diag, p->line->where, "expect", "is longer than %d characters", EXPECT_LENGTH);
        return NULL;
    }
    expect->left = expect_sum(p);
    if (expect->left == NULL || !expect_operator(p, &expect->op)) return NULL;
    if (expect->op == OP_IN) {
        if (!expect_range(p, expect)) return NULL;
    } else {
        expect->right = expect_sum(p);
        if (expect->right == NULL) return NULL;
    }
    expect_blanks(p);
    if (*p->at != '\0') {
        expect_error(p, "%s is left over; a line holds one comparison", expect_here(p));
        return NULL;
    }
    return expect;
}

struct expect *expect_parse(struct arena *arena, const struct models_metrics *metrics,
                            const struct param_text *line, struct diag *diag)
{
    return expect_parse_any(&(struct expect_parser){
        .arena = arena, .diag = diag, .metrics = metrics, .line = line, .at = line->text});
}

struct expect *expect_parse_among(struct arena *arena, const struct param_text *line,
                                  struct diag *diag, const char *const *names, size_t count)
{
    return expect_parse_any(&(struct expect_parser){.arena = arena,
                                                    .diag = diag,
                                                    .line = line,
                                                    .at = line->text,
                                                    .names = names,
                                                    .count = count});
}

/* ---- arithmetic --------------------------------------------------------------------------- */

static struct expect_quantity expect_metric_value(const struct expect_node *node,
                                                  const struct models_value *values,
                                                  struct arena *arena)
{
    const struct models_value *value = &values[node->metric];
    struct expect_quantity out = {.real = value->real};
    if (value->kind == MODELS_NULL || isnan(value->real)) {
        out.null = arena_print(arena, "%s is null: there was nothing to measure", node->text);
    } else if (value->kind == MODELS_EXACT) {
        out.exact = true;
        out.amount = value->exact;
        out.decimals = value->decimals;
    } else if (value->kind == MODELS_INTEGER) {
        out.exact = true;
        out.amount = value->integer;
    }
    return out;
}

/* Bring both to the larger number of decimals; false when one does not fit. */
static bool expect_align(struct expect_quantity *a, struct expect_quantity *b)
{
    if (!a->exact || !b->exact) return false;
    while (a->decimals != b->decimals) {
        struct expect_quantity *coarse = a->decimals < b->decimals ? a : b;
        if (__builtin_mul_overflow(coarse->amount, (money_t)10, &coarse->amount)) return false;
        coarse->decimals++;
    }
    return true;
}

static struct expect_quantity expect_add(struct expect_quantity a, struct expect_quantity b,
                                         bool subtract)
{
    struct expect_quantity out = {.real = subtract ? a.real - b.real : a.real + b.real};
    if (!expect_align(&a, &b)) return out;
    out.exact = subtract ? !__builtin_sub_overflow(a.amount, b.amount, &out.amount)
                         : !__builtin_add_overflow(a.amount, b.amount, &out.amount);
    out.decimals = a.decimals;
    if (out.exact) out.real = money_real(out.amount, out.decimals);
    return out;
}

static struct expect_quantity expect_combine(const struct expect_node *node,
                                             struct expect_quantity a, struct expect_quantity b)
{
    static const struct expect_quantity zero = {.exact = true};
    switch (node->kind) {
    case EXPECT_ADD:
        return expect_add(a, b, false);
    case EXPECT_SUBTRACT:
        return expect_add(a, b, true);
    case EXPECT_NEGATE:
        return expect_add(zero, a, true);
    case EXPECT_MULTIPLY:
        return (struct expect_quantity){.real = a.real * b.real};
    default:
        break;
    }
    if (b.real == 0) return (struct expect_quantity){.null = "division by zero"};
    return (struct expect_quantity){.real = a.real / b.real};
}

static struct expect_quantity expect_value(const struct expect_node *node,
                                           const struct models_value *values, struct arena *arena)
{
    if (node->kind == EXPECT_CONSTANT) return node->constant;
    if (node->kind == EXPECT_METRIC) return expect_metric_value(node, values, arena);
    struct expect_quantity right = {.real = 0}, left = expect_value(node->left, values, arena);
    if (node->right != NULL) right = expect_value(node->right, values, arena);
    if (left.null != NULL) return left;
    return right.null != NULL ? right : expect_combine(node, left, right);
}

/* -1, 0, 1 as a is below, equal to or above b. */
static int expect_compare(struct expect_quantity a, struct expect_quantity b)
{
    if (expect_align(&a, &b)) return (a.amount > b.amount) - (a.amount < b.amount);
    return (a.real > b.real) - (a.real < b.real);
}

/* ---- judging ------------------------------------------------------------------------------ */

struct expect_verdict {
    bool holds;
    struct expect_quantity left, bound; /* bound: the side of the range that was missed */
};

static bool expect_relation(enum expect_operator op, int order)
{
    switch (op) {
    case OP_LT:
        return order < 0;
    case OP_LE:
        return order <= 0;
    case OP_GT:
        return order > 0;
    case OP_GE:
        return order >= 0;
    case OP_EQ:
        return order == 0;
    case OP_NE:
        return order != 0;
    case OP_IN:
    case OP_COUNT:
        break;
    }
    return false;
}

static struct expect_verdict expect_try(const struct expect *expect,
                                        const struct models_value *values, struct arena *arena)
{
    struct expect_verdict v = {.left = expect_value(expect->left, values, arena),
                               .bound = expect_value(expect->right, values, arena)};
    enum expect_operator op = expect->op;
    if (op == OP_IN) {
        struct expect_quantity high = expect_value(expect->high, values, arena);
        op = OP_GE;
        bool above = high.null == NULL && v.left.null == NULL && expect_compare(v.left, high) > 0;
        if (v.bound.null == NULL && (high.null != NULL || above)) {
            v.bound = high;
            op = OP_LE;
        }
    }
    if (v.left.null != NULL || v.bound.null != NULL) return v;
    v.holds = expect_relation(op, expect_compare(v.left, v.bound));
    return v;
}

/* How bad, to find the worst; a null is worse than any number. */
static double expect_distance(const struct expect_verdict *v)
{
    if (v->holds) return -1;
    if (v->left.null != NULL || v->bound.null != NULL) return INFINITY;
    return fabs(v->left.real - v->bound.real);
}

static const char *expect_print(struct arena *arena, struct expect_quantity value)
{
    char text[MONEY_TEXT];
    if (value.null != NULL) return "null";
    if (value.exact)
        return arena_print(arena, "%s", money_print(text, value.amount, value.decimals));
    return arena_print(arena, "%s", json_real_text(text, value.real));
}

static const char *expect_equation(struct arena *arena, const char *before,
                                   const struct expect_node *node,
                                   const struct models_value *values)
{
    return arena_print(arena, "%s%s%s = %s", before, *before == '\0' ? "" : ", ", node->text,
                       expect_print(arena, expect_value(node, values, arena)));
}

/* The metrics in a tree, appended to `text`. */
static const char *expect_leaves(const struct expect_node *node, const struct models_value *values,
                                 struct arena *arena, const char *text)
{
    if (node == NULL || node->kind == EXPECT_CONSTANT) return text;
    if (node->kind == EXPECT_METRIC) return expect_equation(arena, text, node, values);
    text = expect_leaves(node->left, values, arena, text);
    return expect_leaves(node->right, values, arena, text);
}

static bool expect_has_metric(const struct expect_node *node)
{
    if (node == NULL || node->kind == EXPECT_CONSTANT) return false;
    if (node->kind == EXPECT_METRIC) return true;
    return expect_has_metric(node->left) || expect_has_metric(node->right);
}

static void expect_explain(const struct expect *expect, const struct models_value *values,
                           struct arena *arena, struct expect_outcome *out)
{
    enum { SIDES = 3 };
    const struct expect_node *sides[SIDES] = {expect->left, expect->right, expect->high};
    const char *parts = "";
    out->actual = "";
    for (size_t i = 0; i < SIDES; i++) {
        const struct expect_node *side = sides[i];
        if (!expect_has_metric(side)) continue; /* a constant is as it was written */
        out->actual = expect_equation(arena, out->actual, side, values);
        if (side->kind != EXPECT_METRIC) parts = expect_leaves(side, values, arena, parts);
    }
    if (*parts != '\0') out->parts = parts;
}

static const char *expect_miss(const struct expect_verdict *v, struct arena *arena)
{
    if (v->left.null != NULL) return v->left.null;
    if (v->bound.null != NULL) return v->bound.null;
    struct expect_quantity by = expect_add(v->left, v->bound, true);
    if (by.real < 0) by = expect_add((struct expect_quantity){.exact = true}, by, true);
    if (by.real == 0) return "both sides are equal";
    const char *amount = by.exact ? expect_print(arena, by) : arena_print(arena, "%.4g", by.real);
    double base = fabs(v->bound.real);
    if (base == 0) return arena_print(arena, "misses by %s", amount);
    return arena_print(arena, "misses by %s (%.3g %%)", amount, 100 * by.real / base);
}

struct expect_outcome expect_judge(const struct expect *expect, struct arena *arena,
                                   const struct models_value *const *values, uint32_t reps)
{
    struct expect_outcome out = {.failures = 0};
    double worst = -1;
    for (uint32_t r = 0; r < reps; r++) {
        struct expect_verdict v = expect_try(expect, values[r], arena);
        double distance = expect_distance(&v);
        out.failures += !v.holds;
        if (r > 0 && distance <= worst) continue;
        worst = distance;
        out.worst = r;
        if (!v.holds) out.miss = expect_miss(&v, arena);
    }
    if (reps > 0) expect_explain(expect, values[out.worst], arena, &out);
    return out;
}

/* ---- slack -------------------------------------------------------------------------------- */

bool expect_strict(const struct expect *expect)
{
    return expect->op == OP_LT || expect->op == OP_GT || expect->op == OP_NE;
}

static double expect_room(enum expect_operator op, double left, double right, double high)
{
    switch (op) {
    case OP_LT:
    case OP_LE:
        return right - left;
    case OP_GT:
    case OP_GE:
        return left - right;
    case OP_EQ:
        return -fabs(left - right);
    case OP_NE:
        return fabs(left - right);
    case OP_IN:
    case OP_COUNT:
        break;
    }
    return fmin(left - right, high - left);
}

struct expect_slack expect_slack(const struct expect *expect, struct arena *arena,
                                 const struct models_value *values)
{
    struct expect_quantity high = {.real = 0}, left = expect_value(expect->left, values, arena);
    struct expect_quantity right = expect_value(expect->right, values, arena);
    if (expect->high != NULL) high = expect_value(expect->high, values, arena);
    struct expect_slack out = {.left = left.null == NULL ? left.real : (double)NAN,
                               .slack = (double)NAN};
    if (left.null == NULL && right.null == NULL && high.null == NULL)
        out.slack = expect_room(expect->op, left.real, right.real, high.real);
    return out;
}
