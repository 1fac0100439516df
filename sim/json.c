/* SPDX-License-Identifier: Apache-2.0
 * A JSON tree and its text.
 *
 * Answers for: a tree in an arena of its own, lookup of keys in constant time, quoting, escapes and
 * layout.  Leaves out: reading JSON (scenario text is read by sim/param, and JSON is YAML).
 *
 * Why not libfyaml's tree and emitter, which own scenario text otherwise: in 0.7.12 the emitter
 * drops spaces at both ends of a string, its event stream writes a key with an escape as
 * `? "key"`, which is not JSON, and fy_node_mapping_append compares a new key with all earlier ones
 * (30,000 keys took 157 s here).  What is left to write is a page of code. */
#include "sim/json.h"

#include <assert.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/arena.h"

enum json_kind { JSON_SCALAR, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_node {
    enum json_kind kind;
    const char *text;         /* scalar, string */
    struct json_node **items; /* array, object */
    const char **keys;        /* object */
    uint32_t *slots;          /* object: hash table of item index + 1, 0 empty */
    uint32_t count, capacity, slot_count;
};

struct json {
    struct arena arena;
};

/* The document lives in its own arena, first of all blocks. */
struct json *json_open(void)
{
    struct arena arena;
    arena_init(&arena, "JSON", 0);
    struct json *json = arena_alloc(&arena, 1, sizeof *json);
    json->arena = arena;
    return json;
}

void json_close(struct json *json)
{
    if (!json) return;
    struct arena arena = json->arena;
    arena_free(&arena);
}

/* ---- UTF-8 --------------------------------------------------------------------------------- */

/* Length of the well-formed sequence at `text`, 0 when there is none (RFC 3629: no overlong forms,
 * no surrogates, nothing above U+10FFFF). */
static size_t json_utf8_step(const unsigned char *text, size_t left)
{
    static const unsigned minimum[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = text[0];
    if (first < 0x80) return 1;
    size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || length > left) return 0;
    unsigned code = first & (0x7FU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xC0) != 0x80) return 0;
        code = code << 6 | (text[i] & 0x3FU);
    }
    bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    return code < minimum[length] || surrogate || code > 0x10FFFF ? 0 : length;
}

size_t json_utf8_prefix(const char *text, size_t length)
{
    size_t at = 0;
    while (at < length) {
        size_t step = json_utf8_step((const unsigned char *)text + at, length - at);
        if (step == 0) break;
        at += step;
    }
    return at;
}

/* A copy with every malformed byte replaced, as file names and foreign text may hold any. */
static const char *json_utf8_copy(struct arena *arena, const char *text)
{
    size_t length = strlen(text), good = json_utf8_prefix(text, length);
    if (good == length) return arena_text(arena, text, length);
    static const char replacement[3] = {'\xEF', '\xBF', '\xBD'};
    char *copy = arena_alloc(arena, 3 * length + 1, 1);
    size_t used = 0;
    for (size_t at = 0; at < length; at += good + 1) {
        good = json_utf8_prefix(text + at, length - at);
        memcpy(copy + used, text + at, good);
        used += good;
        if (at + good == length) break;
        memcpy(copy + used, replacement, sizeof replacement);
        used += sizeof replacement;
    }
    return copy;
}

/* ---- the tree ------------------------------------------------------------------------------ */

static struct json_node *json_make(struct json *json, enum json_kind kind, const char *text)
{
    struct json_node *node = arena_alloc(&json->arena, 1, sizeof *node);
    node->kind = kind;
    node->text = text;
    return node;
}

struct json_node *json_object(struct json *json)
{
    return json_make(json, JSON_OBJECT, NULL);
}

struct json_node *json_array(struct json *json)
{
    return json_make(json, JSON_ARRAY, NULL);
}

struct json_node *json_text(struct json *json, const char *text)
{
    return json_make(json, JSON_STRING, json_utf8_copy(&json->arena, text));
}

struct json_node *json_real(struct json *json, double value)
{
    if (!isfinite(value)) return json_null(json);
    char buffer[JSON_REAL_TEXT];
    json_real_text(buffer, value);
    return json_make(json, JSON_SCALAR, arena_text(&json->arena, buffer, strlen(buffer)));
}

struct json_node *json_integer(struct json *json, int64_t value)
{
    return json_make(json, JSON_SCALAR, arena_print(&json->arena, "%lld", (long long)value));
}

struct json_node *json_bool(struct json *json, bool value)
{
    return json_make(json, JSON_SCALAR, value ? "true" : "false");
}

struct json_node *json_null(struct json *json)
{
    return json_make(json, JSON_SCALAR, "null");
}

static void json_append(struct json *json, struct json_node *node, struct json_node *value)
{
    if (node->count == node->capacity) {
        uint32_t capacity = node->capacity ? 2 * node->capacity : 8, old = node->capacity;
        node->items =
            arena_grow(&json->arena, node->items, old, capacity, sizeof(struct json_node *));
        if (node->kind == JSON_OBJECT)
            node->keys = arena_grow(&json->arena, node->keys, old, capacity, sizeof *node->keys);
        node->capacity = capacity;
    }
    node->items[node->count++] = value;
}

void json_push(struct json *json, struct json_node *array, struct json_node *value)
{
    assert(array->kind == JSON_ARRAY);
    json_append(json, array, value);
}

/* ---- keys ---------------------------------------------------------------------------------- */

/* The slot where `key` is, or where it belongs (FNV-1a, linear probing). */
static uint32_t *json_slot(const struct json_node *object, const char *key, size_t length)
{
    uint32_t hash = 2166136261U;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)key[i]) * 16777619U;
    uint32_t mask = object->slot_count - 1, at = hash & mask;
    for (; object->slots[at] != 0; at = (at + 1) & mask) {
        const char *other = object->keys[object->slots[at] - 1];
        if (strncmp(other, key, length) == 0 && other[length] == '\0') break;
    }
    return &object->slots[at];
}

/* Keep the table at most half full. */
static void json_rehash(struct json *json, struct json_node *object)
{
    if (2 * (object->count + 1) <= object->slot_count) return;
    object->slot_count = object->slot_count ? 2 * object->slot_count : 8;
    object->slots = arena_alloc(&json->arena, object->slot_count, sizeof *object->slots);
    for (uint32_t i = 0; i < object->count; i++)
        *json_slot(object, object->keys[i], strlen(object->keys[i])) = i + 1;
}

static void json_set_key(struct json *json, struct json_node *object, const char *key,
                         size_t length, struct json_node *value)
{
    assert(object->kind == JSON_OBJECT);
    json_rehash(json, object);
    uint32_t *slot = json_slot(object, key, length);
    if (*slot != 0) {
        object->items[*slot - 1] = value;
        return;
    }
    json_append(json, object, value);
    const char *copy = arena_text(&json->arena, key, length);
    object->keys[object->count - 1] = json_utf8_copy(&json->arena, copy);
    *slot = object->count;
}

void json_set(struct json *json, struct json_node *object, const char *key, struct json_node *value)
{
    json_set_key(json, object, key, strlen(key), value);
}

void json_set_path(struct json *json, struct json_node *object, const char *path,
                   struct json_node *value)
{
    for (const char *dot; (dot = strchr(path, '.')); path = dot + 1) {
        assert(object->kind == JSON_OBJECT);
        json_rehash(json, object);
        uint32_t index = *json_slot(object, path, (size_t)(dot - path));
        struct json_node *inner = index ? object->items[index - 1] : json_object(json);
        if (!index) json_set_key(json, object, path, (size_t)(dot - path), inner);
        object = inner;
    }
    json_set(json, object, path, value);
}

/* ---- text ---------------------------------------------------------------------------------- */

char *json_real_text(char *buffer, double value)
{
    /* printf writes the decimal point of the locale of the thread: make that the C locale. */
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale_t old = uselocale(plain);
    /* Any decimal of up to 15 digits survives the way through a normal double, so %.15g, which
     * drops trailing zeros, finds it; a subnormal one holds fewer. */
    for (int digits = fabs(value) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
        snprintf(buffer, JSON_REAL_TEXT, "%.*g", digits, value);
        if (strtod(buffer, NULL) == value) break;
    }
    uselocale(old);
    freelocale(plain);
    return buffer;
}

static void json_write_string(const char *text, FILE *out)
{
    static const char letters[] = "btn?fr"; /* 8 to 13; 11 has no letter */
    fputc('"', out);
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        if (*at == '"' || *at == '\\')
            fprintf(out, "\\%c", *at);
        else if (*at >= 8 && *at <= 13 && *at != 11)
            fprintf(out, "\\%c", letters[*at - 8]);
        else if (*at < 0x20 || *at == 0x7F)
            fprintf(out, "\\u%04x", *at);
        else
            fputc(*at, out);
    }
    fputc('"', out);
}

/* Before an item: its line and indentation, or one space after a comma. */
static void json_write_break(FILE *out, bool compact, bool first, unsigned depth)
{
    if (!compact)
        fprintf(out, "\n%*s", (int)(2 * depth), "");
    else if (!first)
        fputc(' ', out);
}

static void json_write_node(const struct json_node *node, FILE *out, bool compact, unsigned depth)
{
    if (node->kind == JSON_SCALAR) {
        fputs(node->text, out);
        return;
    }
    if (node->kind == JSON_STRING) {
        json_write_string(node->text, out);
        return;
    }
    fputc(node->kind == JSON_OBJECT ? '{' : '[', out);
    for (uint32_t i = 0; i < node->count; i++) {
        if (i > 0) fputc(',', out);
        json_write_break(out, compact, i == 0, depth + 1);
        if (node->kind == JSON_OBJECT) {
            json_write_string(node->keys[i], out);
            fputs(": ", out);
        }
        json_write_node(node->items[i], out, compact, depth + 1);
    }
    if (node->count > 0) json_write_break(out, compact, true, depth);
    fputc(node->kind == JSON_OBJECT ? '}' : ']', out);
}

enum status json_write(struct json *json, struct json_node *root, FILE *out, bool compact)
{
    (void)json; /* owns `root` */
    json_write_node(root, out, compact, 0);
    fputc('\n', out);
    if (fflush(out) != 0 || ferror(out))
        return status_fail(STATUS_OPERATING, "cannot write JSON: %m");
    return STATUS_OK;
}
