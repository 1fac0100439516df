/* SPDX-License-Identifier: Apache-2.0
 * Archives of state.
 *
 * Answers for: that what was written is read back to the bit, and that any other bytes are refused
 * with a text and without harm.  Leaves out: which fields matter (the modules).
 *
 *     "HACASNAP", format u32, 0 u32, length u64, checksum u64, then sections
 *     section: name length u8, name, content length u64, content */
#include "sim/snap.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SNAP_MAGIC "HACASNAP"
enum { SNAP_HEADER = 32, SNAP_AT_LENGTH = 16, SNAP_AT_SUM = 24, SNAP_ROOM_MIN = 1 << 12 };
enum { SNAP_SLOTS_MIN = 1024 }; /* of cancellable events, besides four for each pending one */

/* ---- faults -------------------------------------------------------------------------------- */

void snap_fail(struct snap *snap, const char *format, ...)
{
    if (!snap_sound(snap)) return;
    const char *name = snap->depth > 0 ? snap->section[snap->depth - 1].name : NULL;
    int used = name ? snprintf(snap->fault, sizeof snap->fault, "section %s: ", name) : 0;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(snap->fault + used, sizeof snap->fault - (size_t)used, format, arguments);
    va_end(arguments);
}

void snap_refuse(struct snap *snap, const char *format, ...)
{
    if (!snap_sound(snap)) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(snap->fault, sizeof snap->fault, format, arguments);
    va_end(arguments);
    snap->refused = true;
}

const char *snap_fault(const struct snap *snap)
{
    return snap->fault;
}

/* ---- bytes --------------------------------------------------------------------------------- */

static size_t snap_left(const struct snap *snap)
{
    size_t end = snap->depth > 0 ? snap->section[snap->depth - 1].end : snap->length;
    return end - snap->at;
}

static void snap_append(struct snap *snap, const void *value, size_t size)
{
    if (size > snap->capacity - snap->length) {
        size_t capacity = 2 * snap->capacity;
        while (size > capacity - snap->length)
            capacity *= 2;
        snap->bytes = arena_grow(snap->arena, snap->bytes, snap->capacity, capacity, 1);
        snap->capacity = capacity;
    }
    memcpy(snap->bytes + snap->length, value, size);
    snap->length += size;
}

void snap_bytes(struct snap *snap, void *value, size_t size)
{
    if (size == 0) return; /* an array of nothing may have no address */
    assert(value != NULL);
    if (!snap->reading) {
        snap_append(snap, value, size);
        return;
    }
    if (snap_sound(snap) && size > snap_left(snap))
        snap_fail(snap, "ends %zu bytes early", size - snap_left(snap));
    if (!snap_sound(snap)) {
        memset(value, 0, size);
        return;
    }
    memcpy(value, snap->bytes + snap->at, size);
    snap->at += size;
}

/* ---- values -------------------------------------------------------------------------------- */

void snap_u8(struct snap *snap, uint8_t *value)
{
    snap_bytes(snap, value, sizeof *value);
}

void snap_u16(struct snap *snap, uint16_t *value)
{
    snap_bytes(snap, value, sizeof *value);
}

void snap_u32(struct snap *snap, uint32_t *value)
{
    snap_bytes(snap, value, sizeof *value);
}

void snap_u64(struct snap *snap, uint64_t *value)
{
    snap_bytes(snap, value, sizeof *value);
}

void snap_i32(struct snap *snap, int32_t *value)
{
    snap_bytes(snap, value, sizeof *value);
}

void snap_i64(struct snap *snap, int64_t *value)
{
    snap_bytes(snap, value, sizeof *value);
}

void snap_real(struct snap *snap, double *value)
{
    snap_bytes(snap, value, sizeof *value);
}

void snap_money(struct snap *snap, money_t *value)
{
    snap_bytes(snap, value, sizeof *value);
}

void snap_flag(struct snap *snap, bool *value)
{
    uint8_t byte = snap->reading ? 0 : *value;
    snap_u8(snap, &byte);
    if (byte > 1) snap_fail(snap, "%u is not a yes or no", byte);
    *value = byte == 1;
}

void snap_below(struct snap *snap, uint32_t *value, uint64_t limit)
{
    snap_u32(snap, value);
    if (*value < limit) return;
    snap_fail(snap, "%" PRIu32 " is not below %" PRIu64, *value, limit);
    if (snap->reading) *value = 0;
}

void snap_below_u8(struct snap *snap, uint8_t *value, uint32_t limit)
{
    uint32_t wide = *value;
    snap_below(snap, &wide, limit < UINT8_MAX ? limit : UINT8_MAX + 1U);
    *value = (uint8_t)wide;
}

void snap_link(struct snap *snap, uint32_t *value, uint64_t limit)
{
    snap_u32(snap, value);
    if (*value == UINT32_MAX || *value < limit) return;
    snap_fail(snap, "link to %" PRIu32 " of %" PRIu64, *value, limit);
    if (snap->reading) *value = UINT32_MAX;
}

void snap_index(struct snap *snap, int32_t *value, uint64_t limit)
{
    uint32_t link = (uint32_t)*value;
    snap_link(snap, &link, limit < INT32_MAX ? limit : INT32_MAX);
    *value = (int32_t)link;
}

void snap_count(struct snap *snap, uint32_t *count, uint64_t most)
{
    snap_below(snap, count, most + 1);
}

void snap_length(struct snap *snap, uint32_t *count, uint64_t most)
{
    snap_count(snap, count, most);
    if (!snap->reading || *count <= snap_left(snap)) return;
    snap_fail(snap, "%" PRIu32 " elements in %zu bytes", *count, snap_left(snap));
    *count = 0;
}

void snap_same(struct snap *snap, uint64_t value, const char *what)
{
    uint64_t stored = value;
    snap_u64(snap, &stored);
    if (stored != value)
        snap_refuse(snap, "it has %" PRIu64 " %s, the scenario %" PRIu64, stored, what, value);
}

void snap_u32s(struct snap *snap, uint32_t *values, uint32_t count)
{
    snap_bytes(snap, values, count * sizeof *values);
}

void snap_moneys(struct snap *snap, money_t *values, uint32_t count)
{
    snap_bytes(snap, values, count * sizeof *values);
}

void snap_reals(struct snap *snap, double *values, uint32_t count)
{
    snap_bytes(snap, values, count * sizeof *values);
}

void snap_indices(struct snap *snap, uint32_t *values, uint32_t count, uint64_t limit)
{
    for (uint32_t i = 0; i < count; i++)
        snap_below(snap, &values[i], limit);
}

/* ---- archives ------------------------------------------------------------------------------ */

/* Eight bytes at a time; a multiply and a rotation spread each over the whole word, so that any
 * single change, exchange or cut shows. */
uint64_t snap_sum(const void *data, size_t length)
{
    const unsigned char *bytes = data;
    uint64_t sum = UINT64_C(0x9e3779b97f4a7c15) ^ length;
    for (; length >= 8; bytes += 8, length -= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        sum = (sum ^ word) * UINT64_C(0xbf58476d1ce4e5b9);
        sum ^= sum >> 29;
    }
    for (; length > 0; bytes++, length--)
        sum = (sum ^ *bytes) * UINT64_C(0x94d049bb133111eb);
    return sum ^ sum >> 32;
}

void snap_write(struct snap *snap, struct arena *arena)
{
    unsigned char header[SNAP_HEADER] = SNAP_MAGIC;
    uint32_t format = SNAP_FORMAT;
    *snap = (struct snap){.arena = arena, .capacity = SNAP_ROOM_MIN};
    snap->bytes = arena_alloc(arena, snap->capacity, 1);
    memcpy(header + 8, &format, sizeof format);
    snap_append(snap, header, sizeof header);
}

void snap_seal(struct snap *snap)
{
    assert(!snap->reading && snap->depth == 0);
    uint64_t length = snap->length;
    memcpy(snap->bytes + SNAP_AT_LENGTH, &length, sizeof length);
    uint64_t sum = snap_sum(snap->bytes + SNAP_HEADER, snap->length - SNAP_HEADER);
    memcpy(snap->bytes + SNAP_AT_SUM, &sum, sizeof sum);
}

bool snap_read(struct snap *snap, struct arena *arena, const void *bytes, size_t length)
{
    const unsigned char *at = bytes;
    uint32_t format;
    uint64_t whole, sum;
    *snap = (struct snap){.arena = arena, .reading = true, .at = SNAP_HEADER, .length = length};
    snap->bytes = (unsigned char *)(uintptr_t)bytes; /* never written to when reading */
    if (length < SNAP_HEADER || memcmp(at, SNAP_MAGIC, 8) != 0) {
        snap_fail(snap, "not a checkpoint");
        return false;
    }
    memcpy(&format, at + 8, sizeof format);
    memcpy(&whole, at + SNAP_AT_LENGTH, sizeof whole);
    memcpy(&sum, at + SNAP_AT_SUM, sizeof sum);
    if (format != SNAP_FORMAT)
        snap_fail(snap, "its format is %" PRIu32 ", this program reads %d", format, SNAP_FORMAT);
    else if (whole != length)
        snap_fail(snap, "it has %zu bytes, not %" PRIu64, length, whole);
    else if (sum != snap_sum(at + SNAP_HEADER, length - SNAP_HEADER))
        snap_fail(snap, "it is damaged: its checksum does not fit");
    return snap_sound(snap);
}

bool snap_done(struct snap *snap)
{
    if (snap_sound(snap) && snap->at != snap->length)
        snap_fail(snap, "%zu bytes are left over", snap->length - snap->at);
    return snap_sound(snap);
}

/* ---- sections ------------------------------------------------------------------------------ */

static void snap_begin_read(struct snap *snap, const char *name, size_t *end)
{
    char found[UINT8_MAX + 1] = "";
    uint8_t length = 0;
    uint64_t content = 0;
    snap_u8(snap, &length);
    snap_bytes(snap, found, length);
    snap_u64(snap, &content);
    *end = snap->at;
    if (strlen(found) != length || strcmp(found, name) != 0)
        snap_fail(snap, "section %s is wanted, '%.40s' stands there", name,
                  strlen(found) == length ? found : "?");
    else if (content > snap_left(snap))
        snap_fail(snap, "section %s is cut off", name);
    else
        *end = snap->at + content;
}

void snap_begin(struct snap *snap, const char *name)
{
    assert(snap->depth < SNAP_DEPTH);
    size_t end = 0;
    if (snap->reading) {
        snap_begin_read(snap, name, &end);
    } else {
        uint8_t length = (uint8_t)strlen(name);
        uint64_t content = 0; /* snap_end knows it */
        snap_append(snap, &length, sizeof length);
        snap_append(snap, name, length);
        snap_append(snap, &content, sizeof content);
    }
    snap->section[snap->depth].name = name;
    snap->section[snap->depth].start = snap->reading ? snap->at : snap->length;
    snap->section[snap->depth++].end = end;
}

void snap_end(struct snap *snap)
{
    assert(snap->depth > 0);
    size_t start = snap->section[snap->depth - 1].start;
    if (!snap->reading) {
        uint64_t content = snap->length - start;
        memcpy(snap->bytes + start - sizeof content, &content, sizeof content);
    } else if (snap_sound(snap) && snap_left(snap) > 0) {
        snap_fail(snap, "%zu bytes are left over", snap_left(snap));
    }
    snap->depth--;
}

/* ---- structs of sim/ ----------------------------------------------------------------------- */

void snap_handle(struct snap *snap, struct event_handle *handle)
{
    SNAP_COVERS(struct event_handle, 16);
    snap_u64(snap, &handle->seq);
    snap_u32(snap, &handle->slot);
}

/* Words that were handed out, or never made, are put to zero, in a live stream too: the archive
 * then hangs on nothing but the draws. */
void snap_stream(struct snap *snap, struct rng_stream *stream)
{
    SNAP_COVERS(struct rng_stream, 96);
    snap_u32s(snap, stream->key.v, 2);
    snap_u32s(snap, stream->counter.v, 4);
    snap_count(snap, &stream->next, RNG_WORDS);
    snap_u32(snap, &stream->stage);
    memset(stream->word, 0, stream->next * sizeof *stream->word);
    for (uint32_t i = stream->next; i < RNG_WORDS; i++)
        snap_u64(snap, &stream->word[i]);
}

void snap_level(struct snap *snap, struct level *level)
{
    SNAP_COVERS(struct level, 48);
    snap_i64(snap, &level->value);
    snap_i64(snap, &level->peak);
    snap_i64(snap, &level->since_ns);
    snap_i64(snap, &level->start_ns);
    snap_money(snap, &level->integral);
}

/* Only the cells in use: few of thousands are. */
static void snap_cells(struct snap *snap, uint64_t *cells)
{
    uint32_t used = 0, cell = 0;
    for (uint32_t i = 0; i < HIST_CELLS && !snap->reading; i++)
        used += cells[i] != 0;
    snap_count(snap, &used, HIST_CELLS);
    if (snap->reading) memset(cells, 0, HIST_CELLS * sizeof *cells);
    for (uint32_t i = 0; i < used; i++, cell++) {
        while (!snap->reading && cells[cell] == 0)
            cell++;
        snap_below(snap, &cell, HIST_CELLS);
        snap_u64(snap, &cells[cell]);
    }
}

/* Quantiles walk the cells between the extremes, so these must bound the cells that are filled:
 * the sum of the cells is the weight. */
void snap_hist(struct snap *snap, struct hist *hist)
{
    SNAP_COVERS(struct hist, 64);
    snap_u64(snap, &hist->n);
    snap_u64(snap, &hist->weight);
    snap_i64(snap, &hist->min);
    snap_i64(snap, &hist->max);
    snap_money(snap, &hist->sum);
    snap_cells(snap, hist->cells);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < HIST_CELLS && snap->reading; i++)
        sum += hist->cells[i];
    if (!snap->reading) return;
    if (sum != hist->weight || hist->min < 0 || hist->max < hist->min)
        snap_fail(snap, "a distribution does not add up");
}

void snap_batch(struct snap *snap, struct batch *batch)
{
    SNAP_COVERS(struct batch, 2096);
    snap_u64(snap, &batch->n);
    snap_u64(snap, &batch->size);
    snap_u64(snap, &batch->filled);
    snap_count(snap, &batch->count, BATCH_MOST - 1);
    snap_real(snap, &batch->sum);
    snap_real(snap, &batch->open_sum);
    snap_reals(snap, batch->sums, batch->count);
    bool whole = batch->n == batch->size * batch->count + batch->filled;
    bool open = batch->n == 0 ? batch->size == 0 : batch->filled < batch->size;
    if (snap->reading && (!whole || !open || (batch->size & (batch->size - 1)) != 0))
        snap_fail(snap, "batches do not add up");
}

static void snap_event(struct snap *snap, struct event *e)
{
    SNAP_COVERS(struct event, 32);
    snap_i64(snap, &e->time_ns);
    snap_u64(snap, &e->seq);
    snap_u32(snap, &e->entity);
    snap_u32(snap, &e->arg);
    snap_u32(snap, &e->slot);
    snap_u16(snap, &e->kind);
}

/* In order, none in the past, no two at one place, places not far above the most events there ever
 * were: import relies on it. */
static void snap_check_events(struct snap *snap, const struct event_list_image *image)
{
    const uint64_t places = SNAP_SLOTS_MIN + 4 * image->peak;
    if (image->peak > image->limit) snap_fail(snap, "more events than the limit allows");
    if (!snap_sound(snap)) return;
    bool *taken = arena_alloc(snap->arena, places + 1, sizeof *taken);
    taken[0] = true; /* nobody's */
    for (uint32_t i = 0; i < image->count && snap_sound(snap); i++) {
        const struct event *e = &image->events[i], *before = i > 0 ? e - 1 : e;
        bool after = i == 0 || e->time_ns > before->time_ns ||
                     (e->time_ns == before->time_ns && e->seq > before->seq);
        bool placed = e->slot <= places && !taken[e->slot];
        if (!after || !placed || e->time_ns < image->now_ns || e->seq >= image->next_seq)
            snap_fail(snap, "event %" PRIu32 " is out of order", i);
        else
            taken[e->slot] = true;
    }
}

void snap_events(struct snap *snap, struct event_list *list)
{
    SNAP_COVERS(struct event_list_image, 80);
    const bool reading = snap->reading;
    struct event_list_image image = {.limit = list->limit};
    snap_begin(snap, "events");
    if (!reading) event_list_export(list, snap->arena, &image);
    snap_i64(snap, &image.now_ns);
    snap_i64(snap, &image.last_ns);
    snap_u64(snap, &image.next_seq);
    snap_u64(snap, &image.hash);
    snap_u64(snap, &image.fired);
    snap_u64(snap, &image.ties);
    snap_u64(snap, &image.cancelled_total);
    snap_u64(snap, &image.peak);
    snap_length(snap, &image.count, list->limit);
    if (reading) image.events = arena_alloc(snap->arena, image.count, sizeof *image.events);
    for (uint32_t i = 0; i < image.count; i++)
        snap_event(snap, &image.events[i]);
    if (reading) {
        for (uint32_t i = 0; i < image.count; i++)
            image.events[i].alive = 1; /* only pending ones are stored */
        snap_check_events(snap, &image);
        if (snap_sound(snap)) event_list_import(list, list->arena, &image);
    }
    snap_end(snap);
}
