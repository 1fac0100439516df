/* SPDX-License-Identifier: Apache-2.0
 * Cleaning up gnuplot's SVG, line by line: gnuplot writes one element per line.
 *
 * Answers for: what may not stand twice in a page (ids) or not inside one (prolog, titles that
 * browsers show as tooltips), and for the empty groups that make half of the text.  The colours
 * stay: the page's style sheet replaces black and the greys where it must. */
#include "analysis/svg.h"

#include <stdbool.h>
#include <string.h>

#include "analysis/html.h"

/* The next line, without its end; NULL at the end of the text. */
static char *take(const char **at, struct arena *arena)
{
    if (**at == '\0') return NULL;
    size_t length = strcspn(*at, "\n");
    char *line = arena_text(arena, *at, length);
    *at += length + ((*at)[length] == '\n');
    return line;
}

static bool starts(const char *line, const char *with)
{
    line += strspn(line, " \t");
    return strncmp(line, with, strlen(with)) == 0;
}

/* Cut from `from` up to and with `to`, when both are there. */
static void cut(char *line, const char *from, const char *to)
{
    char *start = strstr(line, from);
    char *end = start ? strstr(start + strlen(from), to) : NULL;
    if (end) memmove(start, end + strlen(to), strlen(end + strlen(to)) + 1);
}

/* gnuplot's own ids all begin with gp. */
static void write_line(const char *line, const char *name, FILE *out)
{
    for (const char *c = line; *c; c++) {
        bool id = strncmp(c, "'gp", 3) == 0 || strncmp(c, "'#gp", 4) == 0;
        fputc(*c, out);
        if (!id) continue;
        if (c[1] == '#') fputc(*++c, out);
        fprintf(out, "%s-", name);
    }
    fputc('\n', out);
}

/* Lines inside these elements are dropped with them. */
static bool dropped(const char *line, bool *inside_filter)
{
    if (starts(line, "<filter")) *inside_filter = true;
    if (!*inside_filter)
        return *line == '\0' || starts(line, "<title>") || starts(line, "<desc>") ||
               (starts(line, "<rect") && strstr(line, "fill=\"none\""));
    if (starts(line, "</filter>")) *inside_filter = false;
    return true;
}

void svg_inline(const char *svg, const char *name, const char *label, struct arena *arena,
                FILE *out)
{
    const char *at = strstr(svg, "<svg");
    bool inside_filter = false;
    char *line, *held = NULL; /* an opened group waits until it is known not to be empty */
    if (!at) return;
    fprintf(out, "<svg role=\"img\" aria-label=\"");
    html_text(out, label);
    fputs("\"\n", out);
    for (at += strcspn(at, "\n"); (line = take(&at, arena)) != NULL;) {
        if (dropped(line, &inside_filter)) continue;
        cut(line, "<title>", "</title>");
        cut(line, " id=\"", "\"");
        if (held && starts(line, "</g>")) {
            held = NULL;
            continue;
        }
        if (held) write_line(held, name, out);
        held = starts(line, "<g fill=") ? line : NULL;
        if (!held) write_line(line, name, out);
    }
    if (held) write_line(held, name, out);
}
