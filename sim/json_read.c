/* SPDX-License-Identifier: Apache-2.0
 * A recursive-descent reader of JSON, one function per rule of the grammar. */
#include "sim/json_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/json.h"

enum { JSON_DEPTH_MAX = 64, JSON_NUMBER_MAX = 400 };

struct json_reader {
    struct arena *arena;
    struct diag *diag;
    const char *at, *end, *line_begin;
    struct diag_where begin; /* of the text */
    uint32_t line;
    int depth;
};

static struct diag_where json_place(const struct json_reader *r, const char *at)
{
    struct diag_where where = r->begin;
    where.line = r->line;
    where.column = (uint32_t)(at - r->line_begin) + (r->line == r->begin.line ? where.column : 1);
    return where;
}

/* Always NULL, so that a rule can return it. */
static struct json_value *json_fail(struct json_reader *r, const char *what)
{
    const char *here = "the end of the text";
    if (r->at < r->end) {
        unsigned char byte = (unsigned char)*r->at;
        here = byte < ' ' || byte > '~' ? arena_print(r->arena, "byte 0x%02X", byte)
                                        : arena_print(r->arena, "'%c'", byte);
    }
    diag_add(r->diag, json_place(r, r->at), NULL, "not JSON: %s before %s", what, here);
    return NULL;
}

static void json_blanks(struct json_reader *r)
{
    for (; r->at < r->end; r->at++) {
        if (*r->at == '\n') {
            r->line++;
            r->line_begin = r->at + 1;
        } else if (*r->at != ' ' && *r->at != '\t' && *r->at != '\r') {
            return;
        }
    }
}

static bool json_take(struct json_reader *r, char wanted)
{
    json_blanks(r);
    if (r->at == r->end || *r->at != wanted) return false;
    r->at++;
    return true;
}

static struct json_value *json_make(struct json_reader *r, enum json_kind kind)
{
    struct json_value *value = arena_alloc(r->arena, 1, sizeof *value);
    value->kind = kind;
    value->where = json_place(r, r->at);
    return value;
}

/* ---- texts -------------------------------------------------------------------------------- */

static int json_hex(struct json_reader *r)
{
    int value = 0;
    if (r->end - r->at < 4) return -1;
    for (int i = 0; i < 4; i++, r->at++) {
        static const char digits[] = "0123456789abcdef0123456789ABCDEF";
        const char *digit = *r->at ? strchr(digits, *r->at) : NULL;
        if (!digit) return -1;
        value = 16 * value + (int)((digit - digits) % 16);
    }
    return value;
}

static char *json_utf8(char *to, uint32_t code)
{
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xC0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        *to++ = (char)(0xE0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3F));
        *to++ = (char)(0x80 | (code & 0x3F));
    } else {
        *to++ = (char)(0xF0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3F));
        *to++ = (char)(0x80 | (code >> 6 & 0x3F));
        *to++ = (char)(0x80 | (code & 0x3F));
    }
    return to;
}

/* Behind "\u": a code point, or a pair of surrogates; a lone one becomes U+FFFD. */
static char *json_unicode(struct json_reader *r, char *to)
{
    int high = json_hex(r), low;
    if (high < 0) return NULL;
    if (high < 0xD800 || high > 0xDFFF) return json_utf8(to, (uint32_t)high);
    const char *back = r->at;
    if (high < 0xDC00 && r->end - r->at >= 6 && r->at[0] == '\\' && r->at[1] == 'u') {
        r->at += 2;
        low = json_hex(r);
        if (low >= 0xDC00 && low <= 0xDFFF)
            return json_utf8(to, 0x10000u + ((uint32_t)(high - 0xD800) << 10) +
                                     (uint32_t)(low - 0xDC00));
        r->at = back;
    }
    return json_utf8(to, 0xFFFD);
}

static char *json_escape(struct json_reader *r, char *to)
{
    static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    if (r->at == r->end) return NULL;
    if (*r->at == 'u') {
        r->at++;
        return json_unicode(r, to);
    }
    const char *found = *r->at ? strchr(names, *r->at) : NULL;
    if (!found) return NULL;
    r->at++;
    *to++ = bytes[found - names];
    return to;
}

/* Behind the opening quote.  What comes out is never longer than what went in. */
static const char *json_string(struct json_reader *r, uint32_t *length)
{
    const char *close = r->at;
    while (close < r->end && *close != '"')
        close += *close == '\\' ? 2 : 1;
    if (close >= r->end) {
        r->at = r->end;
        json_fail(r, "a closing quote is missing");
        return NULL;
    }
    char *text = arena_alloc(r->arena, (size_t)(close - r->at) + 1, 1), *to = text;
    while (to && r->at < close) {
        if ((unsigned char)*r->at < ' ') {
            json_fail(r, "a text must not hold a control character");
            return NULL;
        }
        if (*r->at != '\\') {
            *to++ = *r->at++;
            continue;
        }
        r->at++;
        to = json_escape(r, to);
    }
    if (!to) {
        json_fail(r, "an escape is none of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u and four digits");
        return NULL;
    }
    r->at = close + 1;
    *length = (uint32_t)(to - text);
    return text;
}

static struct json_value *json_text_value(struct json_reader *r)
{
    struct json_value *value = json_make(r, JSON_TEXT);
    r->at++;
    value->text = json_string(r, &value->length);
    return value->text ? value : NULL;
}

/* ---- numbers and words ---------------------------------------------------------------------- */

static bool json_digits(struct json_reader *r)
{
    const char *begin = r->at;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
        r->at++;
    return r->at > begin;
}

static struct json_value *json_number_value(struct json_reader *r)
{
    struct json_value *value = json_make(r, JSON_NUMBER);
    const char *begin = r->at;
    r->at += *r->at == '-';
    bool zero = r->at < r->end && *r->at == '0';
    const char *digits = r->at;
    if (!json_digits(r)) return json_fail(r, "a digit is missing");
    if (zero && r->at > digits + 1) return json_fail(r, "a number begins with 0");
    if (r->at < r->end && *r->at == '.') {
        r->at++;
        if (!json_digits(r)) return json_fail(r, "a digit is missing");
    }
    if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
        r->at++;
        if (r->at < r->end && (*r->at == '+' || *r->at == '-')) r->at++;
        if (!json_digits(r)) return json_fail(r, "a digit is missing");
    }
    if (r->at - begin > JSON_NUMBER_MAX) return json_fail(r, "a number is too long");
    value->length = (uint32_t)(r->at - begin);
    value->text = arena_text(r->arena, begin, value->length);
    value->number = strtod(value->text, NULL);
    return value;
}

static struct json_value *json_word(struct json_reader *r)
{
    static const struct {
        const char *text;
        enum json_kind kind;
        bool truth;
    } words[] = {
        {"null", JSON_NULL, false}, {"true", JSON_BOOL, true}, {"false", JSON_BOOL, false}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t length = strlen(words[i].text);
        if ((size_t)(r->end - r->at) < length || memcmp(r->at, words[i].text, length) != 0)
            continue;
        struct json_value *value = json_make(r, words[i].kind);
        value->truth = words[i].truth;
        r->at += length;
        return value;
    }
    return json_fail(r, "a value is missing");
}

/* ---- arrays and objects -----------------------------------------------------------------------
 */

static struct json_value *json_any(struct json_reader *r);

static const char *json_key(struct json_reader *r)
{
    uint32_t length;
    if (!json_take(r, '"')) {
        json_fail(r, "a key in quotes is missing");
        return NULL;
    }
    const char *key = json_string(r, &length);
    if (key && !json_take(r, ':')) {
        json_fail(r, "':' is missing");
        return NULL;
    }
    return key;
}

static struct json_value *json_members(struct json_reader *r, enum json_kind kind)
{
    const char close = kind == JSON_ARRAY ? ']' : '}';
    struct json_value *value = json_make(r, kind);
    const struct json_value **tail = &value->first;
    r->at++;
    if (json_take(r, close)) return value;
    if (++r->depth > JSON_DEPTH_MAX) return json_fail(r, "nested more than 64 deep");
    do {
        const char *key = kind == JSON_OBJECT ? json_key(r) : NULL;
        if (kind == JSON_OBJECT && !key) return NULL;
        struct json_value *member = json_any(r);
        if (!member) return NULL;
        member->key = key;
        *tail = member;
        tail = &member->next;
        value->length++;
    } while (json_take(r, ','));
    r->depth--;
    if (!json_take(r, close))
        return json_fail(r, kind == JSON_ARRAY ? "',' or ']' is missing" : "',' or '}' is missing");
    return value;
}

static struct json_value *json_any(struct json_reader *r)
{
    json_blanks(r);
    if (r->at == r->end) return json_fail(r, "a value is missing");
    switch (*r->at) {
    case '{':
        return json_members(r, JSON_OBJECT);
    case '[':
        return json_members(r, JSON_ARRAY);
    case '"':
        return json_text_value(r);
    default:
        return *r->at == '-' || (*r->at >= '0' && *r->at <= '9') ? json_number_value(r)
                                                                 : json_word(r);
    }
}

const struct json_value *json_read(struct arena *arena, struct diag_where where, const char *text,
                                   size_t length, struct diag *diag)
{
    struct json_reader r = {.arena = arena,
                            .diag = diag,
                            .at = text,
                            .end = text + length,
                            .line_begin = text,
                            .begin = where,
                            .line = where.line};
    size_t good = json_utf8_prefix(text, length);
    if (good < length) {
        r.at = text + good;
        return json_fail(&r, "there is something that is not UTF-8");
    }
    struct json_value *value = json_any(&r);
    json_blanks(&r);
    if (value && r.at < r.end) return json_fail(&r, "there is a second value");
    return value;
}

/* ---- looking up ----------------------------------------------------------------------------- */

const struct json_value *json_read_at(const struct json_value *object, const char *path)
{
    while (object && *path) {
        size_t length = strcspn(path, ".");
        const struct json_value *found = NULL;
        if (object->kind != JSON_OBJECT) return NULL;
        for (const struct json_value *m = object->first; m; m = m->next)
            if (strlen(m->key) == length && memcmp(m->key, path, length) == 0) found = m;
        object = found;
        path += length + (path[length] == '.');
    }
    return object && object->kind != JSON_NULL ? object : NULL;
}

bool json_read_whole(const struct json_value *value, int64_t *out)
{
    if (!value || value->kind != JSON_NUMBER) return false;
    if (strpbrk(value->text, ".eE") == NULL) {
        errno = 0;
        *out = strtoll(value->text, NULL, 10);
        return errno == 0;
    }
    if (!(value->number > -9e15 && value->number < 9e15)) return false;
    *out = (int64_t)value->number;
    return (double)*out == value->number;
}
