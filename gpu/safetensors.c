/* SPDX-License-Identifier: Apache-2.0
 * The safetensors format: a reader of its JSON header that takes nothing else, and of its data. */
#include "gpu/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct scan {
    const char *path, *text, *at, *end;
    struct arena *arena;
};

static enum status wrong(const struct scan *s, const char *what)
{
    return status_fail(STATUS_USER, "%s: byte %td of the header: %s", s->path, s->at - s->text,
                       what);
}

static void skip_space(struct scan *s)
{
    while (s->at < s->end && strchr(" \t\r\n", *s->at) != NULL && *s->at != '\0')
        s->at++;
}

static bool take(struct scan *s, char c)
{
    skip_space(s);
    if (s->at == s->end || *s->at != c) return false;
    s->at++;
    return true;
}

static enum status expect(struct scan *s, char c)
{
    char what[] = "expected 'x'";
    what[10] = c;
    return take(s, c) ? STATUS_OK : wrong(s, what);
}

/* Names of tensors need no escapes; one in them would make two texts of one name. */
static enum status read_text(struct scan *s, const char **text)
{
    TRY(expect(s, '"'), "safetensors header");
    const char *from = s->at;
    for (; s->at < s->end && *s->at != '"'; s->at++) {
        if (*s->at == '\\') return wrong(s, "an escape in a text");
        if ((unsigned char)*s->at < 0x20) return wrong(s, "a control character in a text");
    }
    if (s->at == s->end) return wrong(s, "a text without its end");
    size_t length = (size_t)(s->at++ - from);
    if (json_utf8_prefix(from, length) != length) return wrong(s, "a text that is not UTF-8");
    *text = arena_text(s->arena, from, length);
    return STATUS_OK;
}

static enum status read_whole(struct scan *s, int64_t *value)
{
    skip_space(s);
    const char *from = s->at;
    for (*value = 0; s->at < s->end && *s->at >= '0' && *s->at <= '9'; s->at++)
        if (__builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, *s->at - '0', value))
            return wrong(s, "a number beyond 63 bits");
    if (s->at == from) return wrong(s, "expected a whole number");
    if (*from == '0' && s->at > from + 1) return wrong(s, "a number with a leading 0");
    return STATUS_OK;
}

static enum status read_wholes(struct scan *s, int64_t *values, int32_t most, int32_t *count)
{
    TRY(expect(s, '['), "safetensors header");
    *count = 0;
    if (take(s, ']')) return STATUS_OK;
    do {
        if (*count == most) return wrong(s, "too many numbers");
        TRY(read_whole(s, &values[(*count)++]), "safetensors header");
    } while (take(s, ','));
    return expect(s, ']');
}

/* ---- one tensor ----------------------------------------------------------------------------- */

static const struct dtype {
    const char *name;
    int bits;
    enum safetensors_dtype dtype;
} dtypes[] = {
    {"F32", 32, SAFETENSORS_F32},      {"BF16", 16, SAFETENSORS_BF16},
    {"F16", 16, SAFETENSORS_F16},      {"F64", 64, SAFETENSORS_OTHER},
    {"F8_E4M3", 8, SAFETENSORS_OTHER}, {"F8_E5M2", 8, SAFETENSORS_OTHER},
    {"I64", 64, SAFETENSORS_OTHER},    {"I32", 32, SAFETENSORS_OTHER},
    {"I16", 16, SAFETENSORS_OTHER},    {"I8", 8, SAFETENSORS_OTHER},
    {"U64", 64, SAFETENSORS_OTHER},    {"U32", 32, SAFETENSORS_OTHER},
    {"U16", 16, SAFETENSORS_OTHER},    {"U8", 8, SAFETENSORS_OTHER},
    {"BOOL", 8, SAFETENSORS_OTHER},
};

static const struct dtype *dtype_of(const char *name)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (strcmp(dtypes[i].name, name) == 0) return &dtypes[i];
    return NULL;
}

struct fields {
    bool dtype, shape, offsets;
};

static enum status read_field(struct scan *s, struct safetensors_entry *e, struct fields *have)
{
    const char *key = "";
    int64_t offsets[2];
    int32_t count = 0;
    TRY(read_text(s, &key), "safetensors header");
    TRY(expect(s, ':'), "safetensors header");
    bool *seen = strcmp(key, "dtype") == 0          ? &have->dtype
                 : strcmp(key, "shape") == 0        ? &have->shape
                 : strcmp(key, "data_offsets") == 0 ? &have->offsets
                                                    : NULL;
    if (seen == NULL) return wrong(s, "a key that is none of dtype, shape, data_offsets");
    if (*seen) return wrong(s, "a key given twice");
    *seen = true;
    if (seen == &have->dtype) return read_text(s, &e->dtype_name);
    if (seen == &have->shape) return read_wholes(s, e->shape, SAFETENSORS_AXES, &e->axes);
    TRY(read_wholes(s, offsets, 2, &count), "safetensors header");
    if (count != 2) return wrong(s, "data_offsets are two numbers");
    e->begin = (uint64_t)offsets[0];
    e->end = (uint64_t)offsets[1];
    return STATUS_OK;
}

const char *safetensors_text(const struct safetensors_entry *e, struct arena *arena)
{
    const char *text = arena_print(arena, "%s [", e->dtype_name);
    for (int32_t i = 0; i < e->axes; i++)
        text = arena_print(arena, "%s%s%" PRId64, text, i ? ", " : "", e->shape[i]);
    return arena_print(arena, "%s]", text);
}

static enum status check_entry(const struct scan *s, struct safetensors_entry *e,
                               uint64_t data_bytes)
{
    const struct dtype *dtype = dtype_of(e->dtype_name);
    if (dtype == NULL)
        return status_fail(STATUS_USER, "%s: tensor %s: unknown dtype %s", s->path, e->name,
                           e->dtype_name);
    e->dtype = dtype->dtype;
    int64_t bytes = dtype->bits / 8;
    bool fits = true;
    for (int32_t i = 0; i < e->axes; i++)
        fits = fits && !__builtin_mul_overflow(bytes, e->shape[i], &bytes);
    if (e->end < e->begin || !fits || e->end - e->begin != (uint64_t)bytes)
        return status_fail(
            STATUS_USER,
            "%s: tensor %s: %s does not take the %" PRIu64 " bytes from %" PRIu64 " to %" PRIu64,
            s->path, e->name, safetensors_text(e, s->arena), e->end - e->begin, e->begin, e->end);
    if (e->end > data_bytes)
        return status_fail(STATUS_USER,
                           "%s: tensor %s ends at byte %" PRIu64 " of the data, of which there are "
                           "%" PRIu64 ": the file is cut off",
                           s->path, e->name, e->end, data_bytes);
    return STATUS_OK;
}

static enum status read_entry(struct scan *s, struct safetensors_entry *e, uint64_t data_bytes)
{
    struct fields have = {0};
    TRY(expect(s, '{'), "safetensors header");
    if (!take(s, '}')) {
        do {
            TRY(read_field(s, e, &have), "tensor %s", e->name);
        } while (take(s, ','));
        TRY(expect(s, '}'), "tensor %s", e->name);
    }
    if (!have.dtype || !have.shape || !have.offsets)
        return status_fail(STATUS_USER, "%s: tensor %s has no %s", s->path, e->name,
                           !have.dtype   ? "dtype"
                           : !have.shape ? "shape"
                                         : "data_offsets");
    return check_entry(s, e, data_bytes);
}

static enum status skip_metadata(struct scan *s)
{
    const char *ignored;
    TRY(expect(s, '{'), "__metadata__");
    if (take(s, '}')) return STATUS_OK;
    do {
        TRY(read_text(s, &ignored), "__metadata__");
        TRY(expect(s, ':'), "__metadata__");
        TRY(read_text(s, &ignored), "__metadata__");
    } while (take(s, ','));
    return expect(s, '}');
}

/* ---- the header ----------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct safetensors_entry *)a)->name,
                  ((const struct safetensors_entry *)b)->name);
}

static int compare_places(const void *a, const void *b)
{
    const struct safetensors_entry *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

/* Every byte of the data belongs to one tensor; every name is there once. */
static enum status check_whole(struct safetensors *f, uint64_t data_bytes)
{
    uint64_t at = 0;
    qsort(f->entries, f->count, sizeof *f->entries, compare_places);
    for (uint32_t i = 0; i < f->count; at = f->entries[i++].end)
        if (f->entries[i].begin != at)
            return status_fail(STATUS_USER,
                               "%s: tensor %s begins at byte %" PRIu64 " of the data, but the one "
                               "before ends at %" PRIu64,
                               f->path, f->entries[i].name, f->entries[i].begin, at);
    if (at != data_bytes)
        return status_fail(STATUS_USER, "%s: %" PRIu64 " bytes behind the last tensor", f->path,
                           data_bytes - at);
    qsort(f->entries, f->count, sizeof *f->entries, compare_names);
    for (uint32_t i = 1; i < f->count; i++)
        if (compare_names(&f->entries[i - 1], &f->entries[i]) == 0)
            return status_fail(STATUS_USER, "%s: tensor %s is there twice", f->path,
                               f->entries[i].name);
    return STATUS_OK;
}

static enum status read_entries(struct scan *s, struct safetensors *f, uint64_t data_bytes)
{
    uint32_t capacity = 64;
    bool metadata = false;
    f->entries = arena_alloc(s->arena, capacity, sizeof *f->entries);
    if (take(s, '}')) return STATUS_OK;
    do {
        const char *name = "";
        TRY(read_text(s, &name), "%s", s->path);
        TRY(expect(s, ':'), "%s", s->path);
        if (strcmp(name, "__metadata__") == 0) {
            if (metadata) return wrong(s, "__metadata__ is there twice");
            metadata = true;
            TRY(skip_metadata(s), "%s", s->path);
            continue;
        }
        if (f->count == capacity) {
            f->entries =
                arena_grow(s->arena, f->entries, capacity, 2 * capacity, sizeof *f->entries);
            capacity *= 2;
        }
        struct safetensors_entry *e = &f->entries[f->count++];
        e->name = name;
        TRY(read_entry(s, e, data_bytes), "%s", s->path);
    } while (take(s, ','));
    return expect(s, '}');
}

enum status safetensors_parse(struct safetensors *f, const char *header, size_t length,
                              uint64_t data_bytes, struct arena *arena)
{
    struct scan s = {f->path, header, header, header + length, arena};
    f->count = 0;
    if (length == 0 || header[0] != '{') return wrong(&s, "expected '{'");
    s.at++;
    TRY(read_entries(&s, f, data_bytes), "weights");
    skip_space(&s);
    if (s.at != s.end) return wrong(&s, "something behind the last '}'");
    return check_whole(f, data_bytes);
}

/* ---- the file ------------------------------------------------------------------------------- */

static enum status read_bytes(const struct safetensors *f, uint64_t at, void *to, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t got = pread(f->fd, (char *)to + done, bytes - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0)
            return status_fail(STATUS_OPERATING, "cannot read %s: %s", f->path, strerror(errno));
        if (got == 0) return status_fail(STATUS_USER, "%s: the file is cut off", f->path);
        done += (size_t)got;
    }
    return STATUS_OK;
}

static enum status open_plain(struct safetensors *f, uint64_t *bytes)
{
    struct stat about;
    f->fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (f->fd < 0)
        return status_fail(errno == ENOENT || errno == ENOTDIR ? STATUS_USER : STATUS_OPERATING,
                           "cannot open %s: %s", f->path, strerror(errno));
    if (fstat(f->fd, &about) != 0 || !S_ISREG(about.st_mode))
        return status_fail(STATUS_USER, "%s is not a plain file", f->path);
    *bytes = (uint64_t)about.st_size;
    return STATUS_OK;
}

enum status safetensors_open(struct safetensors *f, const char *path, struct arena *arena)
{
    uint8_t word[8];
    uint64_t bytes = 0, header = 0;
    *f = (struct safetensors){.path = path, .fd = -1};
    TRY(open_plain(f, &bytes), "weights");
    if (bytes < sizeof word)
        return status_fail(STATUS_USER, "%s: %" PRIu64 " bytes are no safetensors file", path,
                           bytes);
    TRY(read_bytes(f, 0, word, sizeof word), "weights");
    for (int i = 7; i >= 0; i--)
        header = header << 8 | word[i];
    if (header > SAFETENSORS_HEADER_MAX || header > bytes - sizeof word)
        return status_fail(STATUS_USER,
                           "%s: its first bytes say that the header is %" PRIu64
                           " bytes long, and the file is %" PRIu64 ": not a safetensors file, or "
                           "cut off",
                           path, header, bytes);
    char *text = arena_alloc(arena, header + 1, 1);
    TRY(read_bytes(f, sizeof word, text, header), "weights");
    f->data_at = sizeof word + header;
    f->data_bytes = bytes - f->data_at;
    return safetensors_parse(f, text, header, f->data_bytes, arena);
}

void safetensors_close(struct safetensors *f)
{
    if (f->fd >= 0) close(f->fd);
    f->fd = -1;
}

struct safetensors_entry *safetensors_find(const struct safetensors *f, const char *name)
{
    struct safetensors_entry key = {.name = name};
    return bsearch(&key, f->entries, f->count, sizeof *f->entries, compare_names);
}

enum status safetensors_read(const struct safetensors *f, const struct safetensors_entry *e,
                             uint64_t at, void *to, size_t bytes)
{
    return read_bytes(f, f->data_at + e->begin + at, to, bytes);
}
