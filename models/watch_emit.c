/* SPDX-License-Identifier: Apache-2.0
 * The file of a trace: records in the object form of the Trace Event Format, as they happen.
 *
 * After each WATCH_WHOLE_BYTES the file is made whole: its tail is written, and the next record
 * goes over it.  The stream's buffer holds that much, so nothing reaches the disk in between, and
 * the trace of a run that still goes on, or was killed, can be opened in a viewer. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "models/watch_internal.h"

enum { WATCH_EMIT_BRACES = 4 }; /* with comma and line end */

void watch_emit_open(struct watch_emit *emit, struct watch_file *file, const char *tail)
{
    *emit = (struct watch_emit){.file = file, .tail = tail};
    emit->seeks = fseek(file->stream, 0, SEEK_CUR) == 0;
    fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[", file->stream);
}

bool watch_emit_room(struct watch_emit *emit, uint32_t count)
{
    struct watch_file *file = emit->file;
    bool room = file->written + count <= file->limit;
    *(room ? &file->written : &file->left_out) += count;
    return room;
}

static void watch_emit_whole(struct watch_emit *emit)
{
    FILE *stream = emit->file->stream;
    emit->pending_bytes = 0;
    if (!emit->seeks) return;
    fputs(emit->tail, stream);
    if (fflush(stream) != 0) return; /* the owner of the stream sees the error */
    emit->end = ftell(stream);
    fseek(stream, -(long)strlen(emit->tail), SEEK_CUR);
}

void watch_emit_record(struct watch_emit *emit, const char *format, ...)
{
    FILE *stream = emit->file->stream;
    va_list arguments;
    fputs(emit->begun ? ",\n{" : "\n{", stream);
    emit->begun = true;
    va_start(arguments, format);
    emit->pending_bytes += vfprintf(stream, format, arguments) + WATCH_EMIT_BRACES;
    va_end(arguments);
    putc('}', stream);
    if (emit->pending_bytes > WATCH_WHOLE_BYTES) watch_emit_whole(emit);
}

/* Of an earlier tail that reached further, the rest is blanked. */
void watch_emit_close(struct watch_emit *emit, const char *tail)
{
    FILE *stream = emit->file->stream;
    fputs(tail, stream);
    for (long at = emit->seeks ? ftell(stream) : emit->end; at < emit->end; at++)
        putc('\n', stream);
}

const char *watch_emit_text(struct arena *arena, const char *text)
{
    char *out = arena_alloc(arena, 6 * strlen(text) + 1, 1), *to = out;
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20)
            to += sprintf(to, "\\u%04x", c);
        else if (c == '"' || c == '\\')
            to += sprintf(to, "\\%c", c);
        else
            *to++ = (char)c;
    }
    return out;
}
