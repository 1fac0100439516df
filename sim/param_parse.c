/* SPDX-License-Identifier: Apache-2.0
 * YAML text to a tree with positions: the one place that knows libfyaml.
 *
 * Answers for: turning the parser's events into nodes; syntax errors in our own form; duplicate
 * keys; the limits on depth, keys and values; refusing what a scenario does not need.
 * Leaves out: files, base: and --set (param_load.c) and the meaning of keys (param_read.c).
 *
 * Events and not libfyaml's own document tree, because that recurses (a hundred thousand brackets
 * end on the stack), compares every key with all others, and loses the position of an empty value.
 * Anchors, aliases, merge keys and tags are refused: base: does what they are good for, and a
 * billion laughs need an alias.  libfyaml prints nothing itself: its messages are collected. */
#include <assert.h>
#include <libfyaml.h>
#include <string.h>

#include "sim/param_internal.h"

/* A list or mapping that is still open. */
struct param_frame {
    struct param_node *node;
    const char *key; /* mapping: read, its value is still to come */
    struct diag_where key_where;
    bool duplicate; /* the value to come is dropped */
};

struct param_parser {
    struct arena *arena;
    const struct param_source *source;
    const char *prefix; /* path of the --set, or NULL */
    struct diag *diag;
    const char *input;
    size_t input_length;
    struct fy_parser *events;
    struct fy_diag *messages;
    struct param_frame frames[PARAM_DEPTH_MAX];
    unsigned depth, documents, nodes;
    struct param_node *root;
    bool failed; /* something makes the tree unusable; reading on finds more of it */
    bool stop;   /* reading on makes no sense */
};

/* Key path of the innermost open value, for messages. */
static const char *param_parse_path(const struct param_parser *p)
{
    const char *path = p->prefix ? p->prefix : "";
    for (unsigned i = 0; i < p->depth; i++) {
        const struct param_frame *frame = &p->frames[i];
        if (frame->node->kind == PARAM_NODE_LIST)
            /* An open item is in its list already, a scalar to come is not. */
            path = arena_print(p->arena, "%s[%u]", path, frame->node->count - (i + 1 < p->depth));
        else if (frame->key)
            path = arena_print(p->arena, "%s%s%s", path, path[0] ? "." : "",
                               param_show(p->arena, frame->key));
    }
    return path[0] ? path : NULL;
}

static struct diag_where param_parse_where(const struct param_parser *p, const struct fy_mark *mark)
{
    struct diag_where where = {.file = p->source->name, .order = p->source->order};
    if (!p->source->positions) return where;
    if (mark) {
        where.line = (uint32_t)mark->line + 1;
        where.column = (uint32_t)mark->column + 1;
    } else if (p->depth > 0) {
        /* An empty value has no mark of its own: its key, or the list it is in. */
        const struct param_frame *frame = &p->frames[p->depth - 1];
        return frame->key ? frame->key_where : frame->node->where;
    }
    return where;
}

static void param_parse_refuse(struct param_parser *p, struct diag_where where, const char *what)
{
    diag_add(p->diag, where, param_parse_path(p), "%s", what);
    p->failed = true;
}

/* ---- building ------------------------------------------------------------------------------ */

/* Text in single quotes on one line, from the source itself: libfyaml 0.7.12 reads two doubled
 * quotes in a row as three quotes.  NULL for anything else (over several lines its reading stays).
 */
static const char *param_parse_single(const struct param_parser *p, struct fy_token *token,
                                      uint32_t *length)
{
    size_t begin = fy_token_start_mark(token)->input_pos, size = 0;
    size_t end = fy_token_end_mark(token)->input_pos;
    if (begin == 0 || begin > end || end >= p->input_length || p->input[begin - 1] != '\'' ||
        p->input[end] != '\'' || memchr(p->input + begin, '\n', end - begin) ||
        memchr(p->input + begin, '\r', end - begin))
        return NULL;
    char *text = arena_alloc(p->arena, end - begin + 1, 1);
    for (size_t at = begin; at < end; at++) {
        text[size++] = p->input[at];
        at += p->input[at] == '\''; /* the second of a pair */
    }
    *length = (uint32_t)size;
    return text;
}

/* The text of a scalar, gathered chunk by chunk: fy_token_get_text works out the length of a text
 * with many single quotes wrongly, and then gives no text and leaks. */
static const char *param_parse_text(struct param_parser *p, struct fy_token *token,
                                    struct diag_where where, uint32_t *length)
{
    size_t size = 0, capacity = 1;
    char *text = arena_alloc(p->arena, capacity, 1);
    struct fy_token_iter *iterator = token ? fy_token_iter_create(token) : NULL;
    const struct fy_iter_chunk *chunk = NULL;
    int error = 0;
    while (iterator && (chunk = fy_token_iter_chunk_next(iterator, chunk, &error))) {
        if (size + chunk->len + 1 > capacity) {
            size_t wanted = size == 0 ? chunk->len + 1 : 2 * (size + chunk->len);
            text = arena_grow(p->arena, text, capacity, wanted, 1);
            capacity = wanted;
        }
        memcpy(text + size, chunk->str, chunk->len);
        size += chunk->len;
    }
    if (iterator) fy_token_iter_destroy(iterator);
    if (error) param_parse_refuse(p, where, "cannot be read");
    if (memchr(text, '\0', size)) param_parse_refuse(p, where, "holds a NUL character");
    *length = (uint32_t)size;
    return text;
}

/* The key of a mapping has been read. */
static void param_parse_key(struct param_parser *p, struct param_frame *frame, const char *key,
                            struct diag_where where)
{
    frame->key = key;
    frame->key_where = where;
    const struct param_pair *first = param_node_find(frame->node, key);
    frame->duplicate = first != NULL;
    if (first && where.line > 0)
        diag_add(p->diag, where, param_parse_path(p), "duplicate key, first given on line %u",
                 first->where.line);
    else if (first)
        diag_add(p->diag, where, param_parse_path(p), "duplicate key");
    if (strcmp(key, "<<") == 0)
        param_parse_refuse(p, where, "merge keys are not supported; use base: to inherit");
}

/* Put a finished scalar or a just opened collection where it belongs. */
static void param_parse_place(struct param_parser *p, struct param_node *node)
{
    if (++p->nodes > PARAM_NODES_MAX) {
        param_parse_refuse(p, node->where, "more than 1000000 values in one file");
        p->stop = true;
    }
    if (p->depth == 0) {
        p->root = node;
        return;
    }
    struct param_frame *frame = &p->frames[p->depth - 1];
    if (frame->node->kind == PARAM_NODE_LIST) {
        param_node_push(p->arena, frame->node, node);
        return;
    }
    if (!frame->duplicate)
        param_node_add(p->arena, frame->node, frame->key, frame->key_where, node);
    if (frame->node->count > PARAM_KEYS_MAX) {
        param_parse_refuse(p, node->where, "more than 1000 keys in one mapping");
        p->stop = true;
    }
}

/* After a value: its key is used up. */
static void param_parse_done(struct param_parser *p)
{
    if (p->depth > 0) p->frames[p->depth - 1].key = NULL;
}

static bool param_parse_expects_key(const struct param_parser *p)
{
    const struct param_frame *frame = p->depth > 0 ? &p->frames[p->depth - 1] : NULL;
    return frame && frame->node->kind == PARAM_NODE_MAPPING && !frame->key;
}

static void param_parse_scalar(struct param_parser *p, struct fy_token *token,
                               const struct fy_mark *mark)
{
    struct diag_where where = param_parse_where(p, mark);
    enum fy_scalar_style style = token ? fy_token_scalar_style(token) : FYSS_PLAIN;
    bool quoted = style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
    where.column -= quoted && where.column > 1; /* the mark is behind the quote */
    uint32_t length;
    const char *text = style == FYSS_SINGLE_QUOTED ? param_parse_single(p, token, &length) : NULL;
    if (!text) text = param_parse_text(p, token, where, &length);
    if (param_parse_expects_key(p)) {
        param_parse_key(p, &p->frames[p->depth - 1], text, where);
        return;
    }
    struct param_node *node = param_node_make(p->arena, PARAM_NODE_SCALAR, p->source, where);
    node->text = text;
    node->length = length;
    node->plain = style == FYSS_PLAIN;
    param_parse_place(p, node);
    param_parse_done(p);
}

static void param_parse_open(struct param_parser *p, enum param_node_kind kind,
                             const struct fy_mark *mark)
{
    struct diag_where where = param_parse_where(p, mark);
    if (p->depth == PARAM_DEPTH_MAX) { /* its key path would fill a screen */
        diag_add(p->diag, where, p->prefix, "lists and mappings are nested more than 64 deep");
        p->failed = p->stop = true;
        return;
    }
    if (param_parse_expects_key(p)) {
        param_parse_refuse(p, where, "a key must be a plain word, not a list or a mapping");
        p->stop = true;
        return;
    }
    struct param_node *node = param_node_make(p->arena, kind, p->source, where);
    param_parse_place(p, node);
    p->frames[p->depth++] = (struct param_frame){.node = node};
}

/* ---- events -------------------------------------------------------------------------------- */

static void param_parse_document(struct param_parser *p, const struct fy_mark *mark)
{
    if (++p->documents < 2) return;
    param_parse_refuse(p, param_parse_where(p, mark),
                       "a second document begins here; a scenario is one document");
    p->stop = true;
}

static void param_parse_decoration(struct param_parser *p, struct fy_event *event)
{
    struct fy_token *anchor = fy_event_get_anchor_token(event);
    struct fy_token *tag = fy_event_get_tag_token(event);
    if (anchor)
        param_parse_refuse(p, param_parse_where(p, fy_token_start_mark(anchor)),
                           "anchors (&) are not supported; use base: to inherit");
    if (tag)
        param_parse_refuse(p, param_parse_where(p, fy_token_start_mark(tag)),
                           "tags (!) are not supported");
}

static void param_parse_event(struct param_parser *p, struct fy_event *event)
{
    const struct fy_mark *mark = fy_event_start_mark(event);
    param_parse_decoration(p, event);
    switch (event->type) {
    case FYET_DOCUMENT_START:
        param_parse_document(p, mark);
        break;
    case FYET_SCALAR:
        param_parse_scalar(p, event->scalar.value, mark);
        break;
    case FYET_MAPPING_START:
        param_parse_open(p, PARAM_NODE_MAPPING, mark);
        break;
    case FYET_SEQUENCE_START:
        param_parse_open(p, PARAM_NODE_LIST, mark);
        break;
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
        assert(p->depth > 0);
        p->depth--;
        param_parse_done(p);
        break;
    case FYET_ALIAS:
        param_parse_refuse(p, param_parse_where(p, mark),
                           "aliases (*) are not supported; use base: to inherit");
        param_parse_scalar(p, NULL, mark);
        break;
    default:
        break;
    }
}

/* libfyaml blames the line before the one that is indented too far. */
static const char *param_parse_hint(const char *message)
{
    return strstr(message, "multiline plain key") ? " (is the next line indented too far?)" : "";
}

/* The first message of libfyaml: later ones follow from it. */
static void param_parse_syntax(struct param_parser *p)
{
    void *iterator = NULL;
    const struct fy_diag_error *error;
    do {
        error = fy_diag_errors_iterate(p->messages, &iterator);
    } while (error && error->type != FYET_ERROR);
    struct diag_where where = param_parse_where(p, NULL);
    const char *message = error && error->msg ? error->msg : "not YAML";
    p->failed = true;
    if (!p->source->positions) {
        diag_add(p->diag, where, p->prefix, "syntax error in %s: %s",
                 param_show(p->arena, p->input), message);
        return;
    }
    if (error && error->line > 0) {
        where.line = (uint32_t)error->line;
        where.column = error->column > 0 ? (uint32_t)error->column : 1;
    }
    diag_add(p->diag, where, NULL, "syntax error: %s%s", message, param_parse_hint(message));
}

static void param_parse_run(struct param_parser *p)
{
    struct fy_event *event;
    if (fy_parser_set_string(p->events, p->input, p->input_length) != 0) p->stop = p->failed = true;
    while (!p->stop && (event = fy_parser_parse(p->events))) {
        param_parse_event(p, event);
        fy_parser_event_free(p->events, event);
    }
    if (!p->stop && fy_parser_get_stream_error(p->events)) param_parse_syntax(p);
}

struct param_node *param_parse(struct arena *arena, const struct param_source *source,
                               const char *key, const char *text, size_t length, struct diag *diag)
{
    struct fy_diag_cfg quiet;
    fy_diag_cfg_default(&quiet);
    quiet.fp = NULL;
    struct fy_diag *messages = fy_diag_create(&quiet);
    fy_diag_set_collect_errors(messages, true);
    struct fy_parse_cfg config = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG, .diag = messages};
    struct param_parser p = {.arena = arena,
                             .source = source,
                             .prefix = key,
                             .diag = diag,
                             .input = text,
                             .input_length = length,
                             .messages = messages,
                             .events = fy_parser_create(&config)};
    param_parse_run(&p);
    fy_parser_destroy(p.events);
    fy_diag_destroy(messages);
    if (p.failed) return NULL;
    if (!p.root) {
        struct diag_where where = {.file = source->name, .order = source->order};
        p.root = param_node_make(arena, PARAM_NODE_SCALAR, source, where);
        p.root->plain = true;
    }
    return p.root;
}
