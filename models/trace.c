/* SPDX-License-Identifier: Apache-2.0
 * Recorded request traces: lines from a fixed buffer, fields, numbers, order of time.
 *
 * Answers for: telling the format by the header, reading one request after another at millions of
 * rows a second, and saying exactly where and what is wrong in a file that is none of the known
 * formats, damaged, or not sorted.  Leaves out: what the requests mean (models/workload).
 *
 * Reading is in three layers: trace_line gives lines, trace_split gives fields, trace_step gives
 * requests.  Each reports through one struct trace_fault; trace_check turns faults into findings
 * and goes on to the next row, trace_next turns the first into an operating error.  Numbers and
 * dates are read by hand: strtod and strptime know locales, accept too much and are slow. */
#include "models/trace.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TRACE_BUFFER_BYTES = 1 << 16,
    TRACE_FIELDS_MAX = 8,
    TRACE_EXCERPT_BYTES = 40, /* most of a bad field that a message quotes */
    TRACE_SECONDS_MAX_DIGITS = 10,
};
#define TRACE_SECONDS_MAX INT64_C(9000000000) /* int64 ns end at 9.22e9 s */
#define TRACE_NS INT64_C(1000000000)
#define TRACE_PUBLISHED                                                                            \
    "the public Azure trace is at github.com/Azure/AzurePublicDataset, "                           \
    "data/AzureLLMInferenceTrace_conv.csv"

struct trace_format {
    const char *name, *header;
    uint8_t fields, time, prompt, output; /* how many, and which of them, from 0 */
    bool dated;                           /* date and time of day; else seconds */
    uint8_t session, images;              /* field + 1; 0: none */
};

static const struct trace_format trace_formats[] = {
    {"Azure", "TIMESTAMP,ContextTokens,GeneratedTokens", 3, 0, 1, 2, true, 0, 0},
    {"Azure LMM", "TIMESTAMP,NumImages,ContextTokens,GeneratedTokens", 4, 0, 2, 3, true, 0, 2},
    {"BurstGPT",
     "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type",
     8, 0, 4, 5, false, 2, 0},
    {"BurstGPT v1.1", "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type", 6, 0,
     2, 3, false, 0, 0},
    {"own", "time_s,prompt_tok,output_tok", 3, 0, 1, 2, false, 0, 0},
    {"own, with sessions", "time_s,session,prompt_tok,output_tok", 4, 0, 2, 3, false, 2, 0},
};
enum { TRACE_FORMATS = sizeof trace_formats / sizeof trace_formats[0] };

enum trace_result {
    TRACE_ROW,
    TRACE_SKIPPED, /* a failed request */
    TRACE_END,
    TRACE_BAD,    /* this row is wrong; the next can be read */
    TRACE_BROKEN, /* nothing more can be read */
};

struct trace_text {
    const char *text;
    size_t length;
    uint32_t column; /* from 1 */
};

struct trace_fault {
    uint64_t line; /* 0: the whole file */
    uint32_t column;
    char key[32]; /* column of the table, or "" */
    char message[512];
};

struct trace {
    FILE *file;
    const char *path;
    const struct trace_format *format;
    /* buffer */
    char *buffer;
    size_t begin, end;
    bool ended; /* nothing is left in the file behind the buffer */
    /* the whole file, as it was when it was opened by its name */
    uint64_t bytes, digest;
    /* position */
    uint64_t line;
    /* state */
    bool started, timed;                 /* first_ns is known, last_ns is known */
    int64_t first_ns, last_ns;           /* as in the file: of the first request, of the last row */
    char last_text[TRACE_EXCERPT_BYTES]; /* the time of the last row, for the message */
    size_t last_length;
    char day_text[10]; /* the date that day_ns belongs to */
    int64_t day_ns;
    uint64_t skipped; /* failed requests passed over by trace_next */
    struct trace_fault fault;
};

/* ---- faults -------------------------------------------------------------------------------- */

static enum trace_result trace_fail(struct trace *trace, enum trace_result result, uint64_t line,
                                    uint32_t column, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
static enum trace_result trace_fail(struct trace *trace, enum trace_result result, uint64_t line,
                                    uint32_t column, const char *format, ...)
{
    struct trace_fault *fault = &trace->fault;
    fault->line = line;
    fault->column = column;
    fault->key[0] = '\0';
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault->message, sizeof fault->message, format, arguments);
    va_end(arguments);
    return result;
}

/* A printable copy of a field, shortened. */
static char *trace_excerpt(char excerpt[TRACE_EXCERPT_BYTES + 4], struct trace_text field)
{
    bool fits = field.length <= TRACE_EXCERPT_BYTES;
    int length = fits ? (int)field.length : TRACE_EXCERPT_BYTES;
    snprintf(excerpt, TRACE_EXCERPT_BYTES + 4, "%.*s%s", length, field.text, fits ? "" : "...");
    for (char *c = excerpt; *c != '\0'; c++)
        if (*c < ' ' || *c > '~') *c = '?';
    return excerpt;
}

/* The name of column `index` of the trace's table, for messages. */
static void trace_name_column(const struct trace *trace, uint32_t index, char *name, size_t size)
{
    const char *start = trace->format->header;
    for (; index > 0; index--)
        start = strchr(start, ',') + 1;
    snprintf(name, size, "%.*s", (int)strcspn(start, ","), start);
}

/* A bad value in column `index`; `what` completes the sentence: "12x" ... */
static enum trace_result trace_bad(struct trace *trace, struct trace_text field, uint32_t index,
                                   const char *what)
{
    char excerpt[TRACE_EXCERPT_BYTES + 4];
    trace_fail(trace, TRACE_BAD, trace->line, field.column, "\"%s\" %s",
               trace_excerpt(excerpt, field), what);
    trace_name_column(trace, index, trace->fault.key, sizeof trace->fault.key);
    return TRACE_BAD;
}

/* ---- lines --------------------------------------------------------------------------------- */

/* Move what is left to the front of the buffer and read more behind it. */
static enum trace_result trace_fill(struct trace *trace)
{
    size_t left = trace->end - trace->begin;
    memmove(trace->buffer, trace->buffer + trace->begin, left);
    trace->begin = 0;
    errno = 0;
    size_t got = fread(trace->buffer + left, 1, TRACE_BUFFER_BYTES - left, trace->file);
    trace->end = left + got;
    if (got > 0) return TRACE_ROW;
    trace->ended = true;
    if (!ferror(trace->file)) return TRACE_ROW;
    return trace_fail(trace, TRACE_BROKEN, 0, 0, "cannot be read (%s)", strerror(errno));
}

/* Drop the rest of a line that is too long, so that the next one can be read. */
static enum trace_result trace_drop_line(struct trace *trace)
{
    trace->line++;
    for (;;) {
        char *start = trace->buffer + trace->begin;
        char *newline = memchr(start, '\n', trace->end - trace->begin);
        trace->begin = newline ? (size_t)(newline + 1 - trace->buffer) : trace->end;
        if (newline || trace->ended) break;
        if (trace_fill(trace) == TRACE_BROKEN) return TRACE_BROKEN;
    }
    return trace_fail(trace, TRACE_BAD, trace->line, TRACE_LINE_BYTES + 1,
                      "the line is longer than %d bytes", TRACE_LINE_BYTES);
}

/* The next line without its end (LF or CR LF; none needed at the end of the file). */
static enum trace_result trace_line(struct trace *trace, struct trace_text *line)
{
    *line = (struct trace_text){"", 0, 1};
    for (;;) {
        char *start = trace->buffer + trace->begin;
        size_t have = trace->end - trace->begin;
        char *newline = memchr(start, '\n', have);
        size_t length = newline ? (size_t)(newline - start) : have;
        if (length > TRACE_LINE_BYTES) return trace_drop_line(trace);
        if (newline || (trace->ended && have > 0)) {
            trace->line++;
            trace->begin += length + (newline ? 1 : 0);
            if (length > 0 && start[length - 1] == '\r') length--;
            *line = (struct trace_text){start, length, 1};
            char *zero = memchr(start, '\0', length);
            if (!zero) return TRACE_ROW;
            return trace_fail(trace, TRACE_BROKEN, trace->line, (uint32_t)(zero - start) + 1,
                              "is not text (a zero byte)");
        }
        if (trace->ended) return TRACE_END;
        if (trace_fill(trace) == TRACE_BROKEN) return TRACE_BROKEN;
    }
}

/* ---- fields -------------------------------------------------------------------------------- */

/* The end of a quoted field, past its closing quote; NULL when there is none. */
static const char *trace_quote_end(const char *at, const char *end)
{
    for (at++; at < end; at++) {
        if (*at != '"') continue;
        if (at + 1 < end && at[1] == '"')
            at++; /* a quote inside */
        else
            return at + 1;
    }
    return NULL;
}

/* Cut a line at its commas.  Gives the number of fields, of which the first TRACE_FIELDS_MAX are
 * stored (without their quotes), or 0 after a fault. */
static uint32_t trace_split(struct trace *trace, struct trace_text line, struct trace_text *fields)
{
    const char *at = line.text, *end = line.text + line.length;
    for (uint32_t count = 0;; at++) {
        const char *start = at;
        bool quoted = at < end && *at == '"';
        if (quoted)
            at = trace_quote_end(at, end);
        else
            while (at < end && *at != ',')
                at++;
        uint32_t column = (uint32_t)(start - line.text) + 1;
        if (!at || (at < end && *at != ',')) {
            trace_fail(trace, TRACE_BAD, trace->line, column,
                       at ? "text after a closing quote" : "a quote is not closed");
            return 0;
        }
        if (count < TRACE_FIELDS_MAX)
            fields[count] = (struct trace_text){start + quoted, (size_t)(at - start) - 2 * quoted,
                                                column + quoted};
        count++;
        if (at == end) return count;
    }
}

/* ---- numbers ------------------------------------------------------------------------------- */

/* `count` digits at `text`, or -1. */
static int64_t trace_digits(const char *text, uint32_t count)
{
    int64_t value = 0;
    for (uint32_t i = 0; i < count; i++) {
        unsigned digit = (unsigned char)text[i] - (unsigned)'0';
        if (digit > 9) return -1;
        value = 10 * value + digit;
    }
    return value;
}

static enum trace_result trace_tokens(struct trace *trace, struct trace_text field, uint32_t index,
                                      uint32_t *tokens)
{
    uint64_t value = 0;
    bool whole = field.length > 0;
    if (whole && field.text[0] == '-') return trace_bad(trace, field, index, "is negative");
    for (size_t i = 0; i < field.length; i++) {
        unsigned digit = (unsigned char)field.text[i] - (unsigned)'0';
        if (digit > 9) whole = false;
        if (value <= TRACE_TOKENS_MAX) value = 10 * value + digit;
    }
    if (!whole) return trace_bad(trace, field, index, "is not a whole number");
    if (value > TRACE_TOKENS_MAX)
        return trace_bad(trace, field, index, "is more than 10000000 tokens");
    *tokens = (uint32_t)value;
    return TRACE_ROW;
}

/* The decimals at *at as nanoseconds (further ones are cut off: no clock has them); *at moves past
 * them.  -1 when a point has no digit behind it. */
static int64_t trace_fraction_ns(const char **at, const char *end)
{
    int64_t ns = 0, unit = TRACE_NS;
    if (*at == end || **at != '.') return 0;
    const char *digit = *at + 1;
    for (; digit < end && *digit >= '0' && *digit <= '9'; digit++) {
        unit /= 10;
        ns += unit * (*digit - '0');
    }
    bool none = digit == *at + 1;
    *at = digit;
    return none ? -1 : ns;
}

/* Days from 1970-01-01 of a date of the Gregorian calendar: years are counted from March, so that
 * the leap day is the last of them. */
static int64_t trace_days(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t from_march = (month + 9) % 12;
    int64_t days_to_month = (153 * from_march + 2) / 5;
    return 365 * y + y / 4 - y / 100 + y / 400 + days_to_month + day - 1 - 719468;
}

static bool trace_date(const char *text, int64_t *ns)
{
    static const uint8_t month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t year = trace_digits(text, 4), month = trace_digits(text + 5, 2);
    int64_t day = trace_digits(text + 8, 2);
    if (text[4] != '-' || text[7] != '-' || year < 1970 || year > 2199) return false;
    if (month < 1 || month > 12 || day < 1 || day > month_days[month - 1]) return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (month == 2 && day == 29 && !leap) return false;
    *ns = trace_days(year, month, day) * 86400 * TRACE_NS;
    return true;
}

/* The offset from UTC at the end of a time: nothing, Z, +hh:mm or -hh:mm. */
static bool trace_offset(const char *at, const char *end, int64_t *ns)
{
    *ns = 0;
    if (at == end || (end - at == 1 && *at == 'Z')) return true;
    if (end - at != 6 || (*at != '+' && *at != '-') || at[3] != ':') return false;
    int64_t hours = trace_digits(at + 1, 2), minutes = trace_digits(at + 4, 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return false;
    *ns = (hours * 60 + minutes) * 60 * TRACE_NS * (*at == '-' ? -1 : 1);
    return true;
}

/* 2023-11-16 18:15:46.6805900, 2024-05-10 00:00:00.009930+00:00.  Rows of one day share its date,
 * which is worked out once. */
static bool trace_time_dated(struct trace *trace, struct trace_text field, int64_t *ns)
{
    const char *text = field.text, *end = text + field.length, *at = text + 19;
    if (field.length < 19 || text[10] != ' ' || text[13] != ':' || text[16] != ':') return false;
    if (memcmp(text, trace->day_text, sizeof trace->day_text) != 0) {
        if (!trace_date(text, &trace->day_ns)) return false;
        memcpy(trace->day_text, text, sizeof trace->day_text);
    }
    int64_t hour = trace_digits(text + 11, 2), minute = trace_digits(text + 14, 2);
    int64_t second = trace_digits(text + 17, 2), offset_ns;
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
        return false;
    int64_t fraction_ns = trace_fraction_ns(&at, end);
    if (fraction_ns < 0 || !trace_offset(at, end, &offset_ns)) return false;
    *ns = trace->day_ns + ((hour * 60 + minute) * 60 + second) * TRACE_NS + fraction_ns - offset_ns;
    return true;
}

/* 1700158546, 0.25 */
static bool trace_time_seconds(struct trace_text field, int64_t *ns)
{
    const char *end = field.text + field.length, *at = field.text;
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    uint32_t digits = (uint32_t)(at - field.text);
    if (digits == 0 || digits > TRACE_SECONDS_MAX_DIGITS) return false;
    int64_t seconds = trace_digits(field.text, digits), fraction_ns = trace_fraction_ns(&at, end);
    if (fraction_ns < 0 || at != end || seconds >= TRACE_SECONDS_MAX) return false;
    *ns = seconds * TRACE_NS + fraction_ns;
    return true;
}

static enum trace_result trace_time(struct trace *trace, struct trace_text field, int64_t *ns)
{
    const struct trace_format *format = trace->format;
    if (format->dated ? trace_time_dated(trace, field, ns) : trace_time_seconds(field, ns))
        return TRACE_ROW;
    return trace_bad(trace, field, format->time,
                     format->dated ? "is not a time such as 2023-11-16 18:15:46.6805900"
                                   : "is not a time in seconds (0 to 9000000000)");
}

/* ---- requests ------------------------------------------------------------------------------ */

/* Rows must be in order of time.  A row that steps back is reported once; the next is compared
 * with it. */
static enum trace_result trace_order(struct trace *trace, struct trace_text field, int64_t ns)
{
    enum trace_result result = TRACE_ROW;
    if (trace->timed && ns < trace->last_ns) {
        char before[TRACE_EXCERPT_BYTES + 4], after[TRACE_EXCERPT_BYTES + 4];
        struct trace_text last = {trace->last_text, trace->last_length, 1};
        result = trace_fail(trace, TRACE_BAD, trace->line, field.column,
                            "time goes backwards: %s comes after %s (sort the file by time)",
                            trace_excerpt(after, field), trace_excerpt(before, last));
        trace_name_column(trace, trace->format->time, trace->fault.key, sizeof trace->fault.key);
    }
    trace->timed = true;
    trace->last_ns = ns;
    trace->last_length = field.length < TRACE_EXCERPT_BYTES ? field.length : TRACE_EXCERPT_BYTES;
    memcpy(trace->last_text, field.text, trace->last_length);
    return result;
}

/* A name of the session that is the same for the same text; FNV-1a, and never 0. */
static uint64_t trace_session(struct trace_text field)
{
    uint64_t name = UINT64_C(0xcbf29ce484222325);
    if (field.length == 0) return 0;
    for (size_t i = 0; i < field.length; i++)
        name = (name ^ (unsigned char)field.text[i]) * UINT64_C(0x100000001b3);
    return name ? name : 1;
}

/* What only some formats have. */
static enum trace_result trace_extras(struct trace *trace, const struct trace_text *fields,
                                      struct trace_row *row)
{
    const struct trace_format *format = trace->format;
    if (format->session > 0) row->session = trace_session(fields[format->session - 1]);
    if (format->images == 0) return TRACE_ROW;
    uint32_t index = format->images - 1U;
    return trace_tokens(trace, fields[index], index, &row->images);
}

/* The next row of the file. */
static enum trace_result trace_step(struct trace *trace, struct trace_row *row)
{
    const struct trace_format *format = trace->format;
    struct trace_text line, fields[TRACE_FIELDS_MAX];
    enum trace_result result;
    int64_t ns = 0;
    *row = (struct trace_row){0};
    do {
        if ((result = trace_line(trace, &line)) != TRACE_ROW) return result;
    } while (line.length == 0);
    uint32_t count = trace_split(trace, line, fields);
    if (count == 0) return TRACE_BAD;
    if (count != format->fields)
        return trace_fail(trace, TRACE_BAD, trace->line, 1, "%u field%s (the header has %u)", count,
                          count == 1 ? "" : "s", (unsigned)format->fields);
    struct trace_text time = fields[format->time], prompt = fields[format->prompt];
    struct trace_text output = fields[format->output];
    if ((result = trace_time(trace, time, &ns)) != TRACE_ROW) return result;
    if ((result = trace_tokens(trace, prompt, format->prompt, &row->prompt_tok)) != TRACE_ROW ||
        (result = trace_tokens(trace, output, format->output, &row->output_tok)) != TRACE_ROW ||
        (result = trace_extras(trace, fields, row)) != TRACE_ROW ||
        (result = trace_order(trace, time, ns)) != TRACE_ROW)
        return result;
    if (row->prompt_tok == 0 || row->output_tok == 0) return TRACE_SKIPPED;
    if (!trace->started) trace->first_ns = ns;
    trace->started = true;
    row->time_ns = ns - trace->first_ns;
    return TRACE_ROW;
}

/* ---- opening ------------------------------------------------------------------------------- */

static enum trace_result trace_unknown_header(struct trace *trace, struct trace_text header)
{
    char excerpt[TRACE_EXCERPT_BYTES + 4], known[400];
    size_t used = 0;
    for (uint32_t i = 0; i < TRACE_FORMATS; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? " | " : "",
                                 trace_formats[i].header);
    assert(used < sizeof known);
    return trace_fail(trace, TRACE_BROKEN, 1, 1, "unknown header \"%s\" (known: %s)",
                      trace_excerpt(excerpt, header), known);
}

/* Read the header and choose the format by it. */
static enum trace_result trace_header(struct trace *trace)
{
    struct trace_text header;
    enum trace_result result = trace_line(trace, &header);
    if (result == TRACE_END) return trace_fail(trace, TRACE_BROKEN, 0, 0, "the file is empty");
    if (trace->end >= 2 && memcmp(trace->buffer, "\x1f\x8b", 2) == 0)
        return trace_fail(trace, TRACE_BROKEN, 0, 0, "is compressed (gzip): unpack it first");
    if (result == TRACE_BAD) return TRACE_BROKEN; /* longer than any header */
    if (result != TRACE_ROW) return result;
    if (header.length >= 3 && memcmp(header.text, "\xef\xbb\xbf", 3) == 0) { /* UTF-8 mark */
        header.text += 3;
        header.length -= 3;
    }
    for (uint32_t i = 0; i < TRACE_FORMATS; i++) {
        const char *known = trace_formats[i].header;
        if (strlen(known) != header.length || memcmp(known, header.text, header.length) != 0)
            continue;
        trace->format = &trace_formats[i];
        return TRACE_ROW;
    }
    return trace_unknown_header(trace, header);
}

static struct trace *trace_create(FILE *file, const char *path, struct arena *arena)
{
    struct trace *trace = arena_alloc(arena, 1, sizeof *trace);
    trace->file = file;
    trace->path = path;
    trace->buffer = arena_alloc(arena, TRACE_BUFFER_BYTES, 1);
    setvbuf(file, NULL, _IONBF, 0); /* the buffer here is the only one */
    return trace;
}

static enum status trace_status(const struct trace *trace)
{
    const struct trace_fault *fault = &trace->fault;
    return status_fail(STATUS_OPERATING, "%s:%llu:%u: %s (was the file changed after its check?)",
                       trace->path, (unsigned long long)fault->line, fault->column, fault->message);
}

/* Read the file once to know it again, and go back to its start. */
static void trace_digest(struct trace *trace)
{
    uint64_t digest = UINT64_C(0xcbf29ce484222325);
    size_t got;
    while ((got = fread(trace->buffer, 1, TRACE_BUFFER_BYTES, trace->file)) > 0) {
        memset(trace->buffer + got, 0, (8 - got % 8) % 8); /* the buffer is a multiple of 8 */
        for (size_t at = 0; at < got; at += 8) {
            uint64_t word;
            memcpy(&word, trace->buffer + at, sizeof word);
            digest = (digest ^ word) * UINT64_C(0xbf58476d1ce4e5b9);
            digest ^= digest >> 29;
        }
        trace->bytes += got;
    }
    trace->digest = digest;
    rewind(trace->file);
}

enum status trace_open_file(FILE *file, const char *path, struct arena *arena, struct trace **out)
{
    struct trace *trace = trace_create(file, path, arena);
    *out = trace;
    return trace_header(trace) == TRACE_ROW ? STATUS_OK : trace_status(trace);
}

/* A trace is read several times, from its beginning and to its end: not a pipe, not a device.
 * Opening a pipe must not wait for its writer. */
static FILE *trace_open_plain(const char *path, const char **why)
{
    struct stat info;
    int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    *why = NULL;
    if (descriptor >= 0 && fstat(descriptor, &info) == 0 && !S_ISREG(info.st_mode))
        *why = S_ISDIR(info.st_mode) ? "a directory, not a file"
                                     : "a pipe or a device; a trace is read more than once and "
                                       "must be a plain file";
    FILE *file = descriptor < 0 || *why ? NULL : fdopen(descriptor, "rb");
    if (file) return file;
    if (!*why) *why = strerror(errno);
    if (descriptor >= 0) close(descriptor);
    return NULL;
}

enum status trace_open(const char *path, struct arena *arena, struct trace **out)
{
    const char *why;
    *out = NULL;
    FILE *file = trace_open_plain(path, &why);
    if (!file) return status_fail(STATUS_OPERATING, "cannot open %s: %s", path, why);
    struct trace *trace = trace_create(file, path, arena);
    *out = trace;
    trace_digest(trace);
    return trace_header(trace) == TRACE_ROW ? STATUS_OK : trace_status(trace);
}

bool trace_counts_images(const struct trace *trace)
{
    return trace->format != NULL && trace->format->images > 0;
}

uint64_t trace_skipped(const struct trace *trace)
{
    return trace ? trace->skipped : 0;
}

enum status trace_next(struct trace *trace, struct trace_row *row, bool *more)
{
    enum trace_result result;
    do {
        result = trace_step(trace, row);
        trace->skipped += result == TRACE_SKIPPED;
    } while (result == TRACE_SKIPPED);
    *more = result == TRACE_ROW;
    return result == TRACE_ROW || result == TRACE_END ? STATUS_OK : trace_status(trace);
}

void trace_close(struct trace *trace)
{
    if (trace) fclose(trace->file);
}

/* ---- checkpoints --------------------------------------------------------------------------- */

static void trace_seek(struct trace *trace, uint64_t offset, struct snap *snap)
{
    trace->begin = trace->end = 0;
    trace->ended = false;
    if (snap_sound(snap) && fseeko(trace->file, (off_t)offset, SEEK_SET) != 0)
        snap_fail(snap, "cannot seek in %s: %s", trace->path, strerror(errno));
}

/* The cached day is worked out again by the next row. */
void trace_snap(struct trace *trace, struct snap *snap)
{
    SNAP_COVERS(struct trace, 744);
    uint64_t bytes = trace->bytes, digest = trace->digest;
    uint64_t offset =
        snap->reading ? 0 : (uint64_t)ftello(trace->file) - (uint64_t)(trace->end - trace->begin);
    uint32_t last_length = (uint32_t)trace->last_length;
    snap_u64(snap, &bytes);
    snap_u64(snap, &digest);
    if (bytes != trace->bytes || digest != trace->digest)
        snap_refuse(snap, "the trace file %s has changed since", trace->path);
    snap_u64(snap, &offset);
    snap_u64(snap, &trace->line);
    snap_u64(snap, &trace->skipped);
    snap_flag(snap, &trace->started);
    snap_flag(snap, &trace->timed);
    snap_i64(snap, &trace->first_ns);
    snap_i64(snap, &trace->last_ns);
    snap_count(snap, &last_length, sizeof trace->last_text);
    snap_bytes(snap, trace->last_text, last_length);
    trace->last_length = last_length;
    if (offset > trace->bytes) snap_fail(snap, "beyond the end of %s", trace->path);
    if (snap->reading) trace_seek(trace, offset, snap);
}

/* ---- checking ------------------------------------------------------------------------------ */

/* Placed behind the findings of the scenario's own files. */
static struct diag_where trace_where(const struct trace *trace, uint64_t line, uint32_t column)
{
    return (struct diag_where){.file = trace->path,
                               .order = UINT32_MAX,
                               .line = line < UINT32_MAX ? (uint32_t)line : UINT32_MAX,
                               .column = column};
}

static void trace_report(struct trace *trace, struct diag *diag, uint32_t findings)
{
    const struct trace_fault *fault = &trace->fault;
    const char *key = NULL;
    if (fault->key[0]) key = arena_text(diag->arena, fault->key, strlen(fault->key));
    if (findings < TRACE_FINDINGS_MAX)
        diag_add(diag, trace_where(trace, fault->line, fault->column), key, "%s", fault->message);
    else
        diag_add(diag, trace_where(trace, fault->line, 0), NULL,
                 "and more; the rest was not checked");
}

static void trace_count(struct trace_summary *sum, const struct trace_row *row)
{
    sum->requests++;
    sum->duration_ns = row->time_ns;
    sum->prompt_tok += row->prompt_tok;
    sum->output_tok += row->output_tok;
    sum->images += row->images;
    sum->with_images += row->images > 0;
    sum->sessions |= row->session != 0;
    if (row->prompt_tok > sum->prompt_tok_max) sum->prompt_tok_max = row->prompt_tok;
    if (row->output_tok > sum->output_tok_max) sum->output_tok_max = row->output_tok;
}

/* A request that no node can hold would be rejected for certain. */
static enum trace_result trace_fits(struct trace *trace, const struct trace_room *room,
                                    const struct trace_summary *sum, const struct trace_row *row)
{
    int64_t tokens = (int64_t)row->prompt_tok + row->output_tok - 1;
    if (!room || room->tokens == 0 || sum->requests >= room->rows || tokens <= room->tokens)
        return TRACE_ROW;
    return trace_fail(trace, TRACE_BAD, trace->line, 1,
                      "%u + %u tokens cannot fit: %s has KV for %lld (`too_long: reject` lets the "
                      "engine reject such requests)",
                      row->prompt_tok, row->output_tok, room->where, (long long)room->tokens);
}

bool trace_check_file(FILE *file, const char *path, const struct trace_room *room,
                      struct diag *diag, struct trace_summary *out)
{
    struct trace *trace = trace_create(file, path, diag->arena);
    struct trace_row row;
    uint32_t findings = 0;
    *out = (struct trace_summary){0};
    enum trace_result result = trace_header(trace);
    if (result == TRACE_BROKEN)
        trace_report(trace, diag, findings++);
    else
        out->format = trace->format->name;
    out->counts_images = trace_counts_images(trace);
    while (result < TRACE_BROKEN && result != TRACE_END && findings <= TRACE_FINDINGS_MAX) {
        result = trace_step(trace, &row);
        if (result == TRACE_ROW) result = trace_fits(trace, room, out, &row);
        if (result == TRACE_ROW) trace_count(out, &row);
        if (result == TRACE_SKIPPED) out->skipped++;
        if (result >= TRACE_BAD) trace_report(trace, diag, findings++);
    }
    if (findings == 0 && out->requests == 0) {
        diag_add(diag, trace_where(trace, 0, 0), NULL, "has no request (%llu failed ones)",
                 (unsigned long long)out->skipped);
        findings++;
    }
    trace_close(trace);
    return findings == 0;
}

bool trace_check(const char *path, struct diag_where named_at, const char *key,
                 const struct trace_room *room, struct diag *diag, struct trace_summary *out)
{
    const char *why;
    FILE *file = trace_open_plain(path, &why);
    if (file) return trace_check_file(file, path, room, diag, out);
    const char *published = access(path, F_OK) == 0 ? "" : "; " TRACE_PUBLISHED;
    *out = (struct trace_summary){0};
    diag_add(diag, named_at, key, "cannot open %s (%s)%s", path, why, published);
    return false;
}
