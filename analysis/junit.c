/* SPDX-License-Identifier: Apache-2.0
 * Outcomes of checks as JUnit XML.
 *
 * Answers for: well-formed XML whatever a scenario calls its things. */
#include "analysis/junit.h"

#include <inttypes.h>
#include <stdbool.h>

void junit_init(struct junit *junit, struct arena *arena)
{
    *junit = (struct junit){.arena = arena};
}

static void junit_add(struct junit *junit, struct junit_outcome outcome)
{
    if (junit->count == junit->capacity) {
        uint32_t capacity = junit->capacity == 0 ? 16 : 2 * junit->capacity;
        junit->items =
            arena_grow(junit->arena, junit->items, junit->capacity, capacity, sizeof *junit->items);
        junit->capacity = capacity;
    }
    junit->items[junit->count++] = outcome;
}

void junit_suite(struct junit *junit, const char *name)
{
    junit_add(junit, (struct junit_outcome){.suite = name});
}

void junit_case(struct junit *junit, const char *name, const char *failure, const char *detail)
{
    junit_add(junit, (struct junit_outcome){.name = name, .failure = failure, .detail = detail});
}

void junit_skip(struct junit *junit, const char *name, const char *why)
{
    junit_add(junit, (struct junit_outcome){.name = name, .skipped = why});
}

/* Length of the UTF-8 sequence at `text` if XML may hold that character, else 0. */
static int junit_sequence(const unsigned char *text)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (*text < 0x80) return *text >= 0x20 || *text == '\t' || *text == '\n' ? 1 : 0;
    int length = *text >= 0xF0 ? 4 : *text >= 0xE0 ? 3 : *text >= 0xC2 ? 2 : 0;
    uint32_t code = *text & (0xFFU >> (length + 1));
    for (int i = 1; i < length; i++) {
        if ((text[i] & 0xC0) != 0x80) return 0;
        code = (code << 6) | (text[i] & 0x3FU);
    }
    bool bad = length == 0 || code < smallest[length] || (code >= 0xD800 && code < 0xE000) ||
               code == 0xFFFE || code == 0xFFFF || code > 0x10FFFF;
    return bad ? 0 : length;
}

static void junit_text(FILE *out, const char *text)
{
    while (*text != '\0') {
        int length = junit_sequence((const unsigned char *)text);
        if (length == 0)
            fputs("\uFFFD", out);
        else if (*text == '&')
            fputs("&amp;", out);
        else if (*text == '<')
            fputs("&lt;", out);
        else if (*text == '>')
            fputs("&gt;", out);
        else if (*text == '"')
            fputs("&quot;", out);
        else
            fwrite(text, 1, (size_t)length, out);
        text += length == 0 ? 1 : length;
    }
}

static void junit_attribute(FILE *out, const char *name, const char *text)
{
    fprintf(out, " %s=\"", name);
    junit_text(out, text);
    fputc('"', out);
}

struct junit_counts {
    uint32_t cases, failures, skipped;
};

/* The cases from `first` to the next suite; where that begins. */
static uint32_t junit_count(const struct junit *junit, uint32_t first, struct junit_counts *counts)
{
    uint32_t end = first;
    *counts = (struct junit_counts){0};
    for (; end < junit->count && junit->items[end].suite == NULL; end++) {
        counts->cases++;
        counts->failures += junit->items[end].failure != NULL;
        counts->skipped += junit->items[end].skipped != NULL;
    }
    return end;
}

static void junit_write_case(const struct junit_outcome *item, const char *suite, FILE *out)
{
    fputs("    <testcase", out);
    junit_attribute(out, "classname", suite);
    junit_attribute(out, "name", item->name);
    if (item->skipped != NULL) {
        fputs("><skipped", out);
        junit_attribute(out, "message", item->skipped);
        fputs("/></testcase>\n", out);
        return;
    }
    if (item->failure == NULL) {
        fputs("/>\n", out);
        return;
    }
    fputs(">\n      <failure", out);
    junit_attribute(out, "message", item->failure);
    fputc('>', out);
    junit_text(out, item->detail);
    fputs("</failure>\n    </testcase>\n", out);
}

void junit_write(const struct junit *junit, FILE *out)
{
    struct junit_counts counts;
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"hacasim check\">\n", out);
    for (uint32_t i = 0; i < junit->count;) {
        const char *suite = junit->items[i].suite;
        uint32_t end = junit_count(junit, i + 1, &counts);
        fputs("  <testsuite", out);
        junit_attribute(out, "name", suite);
        fprintf(out,
                " tests=\"%" PRIu32 "\" failures=\"%" PRIu32 "\" errors=\"0\" skipped=\"%" PRIu32
                "\">\n",
                counts.cases, counts.failures, counts.skipped);
        for (i++; i < end; i++)
            junit_write_case(&junit->items[i], suite, out);
        fputs("  </testsuite>\n", out);
    }
    fputs("</testsuites>\n", out);
}
