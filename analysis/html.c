/* SPDX-License-Identifier: Apache-2.0
 * Escaping.  Everything that comes from a scenario or a database goes through here. */
#include "analysis/html.h"

#include <assert.h>
#include <stdarg.h>

void html_text(FILE *out, const char *text)
{
    if (!text) text = HTML_DASH;
    for (; *text; text++) {
        switch (*text) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        case '\'':
            fputs("&#39;", out);
            break;
        default:
            if ((unsigned char)*text >= ' ' || *text == '\n' || *text == '\t') fputc(*text, out);
        }
    }
}

void html_print(FILE *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    for (; *format; format++) {
        if (*format != '%') {
            fputc(*format, out);
            continue;
        }
        switch (*++format) {
        case 's':
            html_text(out, va_arg(arguments, const char *));
            break;
        case 'u':
            fprintf(out, "%u", va_arg(arguments, unsigned));
            break;
        case 'd':
            fprintf(out, "%d", va_arg(arguments, int));
            break;
        case '%':
            fputc('%', out);
            break;
        default:
            assert(0 && "html_print knows %s, %u, %d and %%");
        }
    }
    va_end(arguments);
}
