/* SPDX-License-Identifier: Apache-2.0
 * The context chain of operating errors.
 *
 * Answers for: the text of a failure on its way from the place that saw it to the user.  The chain
 * is per thread and of fixed size, because it is wanted most when there is no memory left.  Leaves
 * out: what to do about it (the caller), and user errors (sim/diag). */
#include "sim/status.h"

#include <stdarg.h>
#include <stdint.h>

enum { STATUS_LINES = 16, STATUS_LINE_BYTES = 512 };

static _Thread_local struct {
    char text[STATUS_LINES][STATUS_LINE_BYTES]; /* the cause first */
    uint32_t count;
} chain;

/* More levels than lines never happens in a sane call tree; the outermost ones are then lost, not
 * the cause. */
static void status_push(const char *format, va_list arguments)
{
    if (chain.count == STATUS_LINES) return;
    vsnprintf(chain.text[chain.count], STATUS_LINE_BYTES, format, arguments);
    chain.count++;
}

enum status status_fail(enum status code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    chain.count = 0;
    status_push(format, arguments);
    va_end(arguments);
    return code;
}

enum status status_context(enum status code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    status_push(format, arguments);
    va_end(arguments);
    return code;
}

void status_print(FILE *out)
{
    const char *lead = "error: ";
    while (chain.count > 0) {
        fprintf(out, "%s%s\n", lead, chain.text[--chain.count]);
        lead = "  because: ";
    }
}

void status_take(char *buffer, size_t size)
{
    size_t used = 0;
    if (size > 0) buffer[0] = '\0';
    while (chain.count > 0) {
        const char *line = chain.text[--chain.count];
        if (used >= size) continue;
        int length = snprintf(buffer + used, size - used, "%s%s", used > 0 ? ": " : "", line);
        used += (size_t)length;
    }
}
