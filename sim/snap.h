/* SPDX-License-Identifier: Apache-2.0
 * Archives of state: one function per module that either writes its fields or reads them back.
 *
 *     void ledger_snap(struct ledger *ledger, struct snap *snap)
 *     {
 *         SNAP_COVERS(struct ledger, 1680);
 *         snap_begin(snap, "ledger");
 *         snap_u64(snap, &ledger->entries);
 *         ...
 *         snap_end(snap);
 *     }
 *
 * The same lines do both directions, so a field cannot be written and forgotten on reading.  An
 * archive holds no pointers and no memory images: what points into a table is stored as an index,
 * what follows from the parameters is not stored at all, because the reader has opened the same
 * parameters before.  Sections carry name and length, so that a mismatch names its module; a
 * checksum covers the whole.
 *
 * Reading never trusts the bytes.  The first fault is kept as text, every later read gives zero,
 * and counts and indices are checked against the limit that the caller names before they are used.
 *
 * Left out: compression, and other byte orders than that of the machine (x86-64). */
#ifndef HACASIM_SIM_SNAP_H
#define HACASIM_SIM_SNAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/arena.h"
#include "sim/batch.h"
#include "sim/event.h"
#include "sim/hist.h"
#include "sim/level.h"
#include "sim/money.h"
#include "sim/rng.h"

enum { SNAP_FORMAT = 5 }; /* raise it when any snap function changes what it writes */

/* Stands in each snap function for each struct whose fields it lists: who adds a field is led here
 * by the compiler, stores the field or not, and writes the new size. */
#define SNAP_COVERS(type, bytes)                                                                   \
    _Static_assert(sizeof(type) == (bytes), #type " has changed: see to its snap function, then "  \
                                                  "to this size and to SNAP_FORMAT")

enum { SNAP_DEPTH = 4, SNAP_FAULT_TEXT = 200 };

struct snap {
    struct arena *arena; /* of the bytes written, and of what was read */
    bool reading;
    unsigned char *bytes;
    size_t length, capacity; /* length: written so far, or of the whole archive */
    size_t at;               /* reading: the next byte */
    struct {
        const char *name;
        size_t start, end; /* of its content; end: reading only */
    } section[SNAP_DEPTH];
    int depth;
    char fault[SNAP_FAULT_TEXT]; /* empty: none */
    bool refused;                /* the fault is not damage: it belongs to something else */
};

/* ---- archives ------------------------------------------------------------------------------ */

void snap_write(struct snap *snap, struct arena *arena);
/* Seal the archive: bytes and length are final. */
void snap_seal(struct snap *snap);

/* Open an archive for reading; `bytes` must stay.  False: it is damaged, cut off, or of another
 * format (snap_fault says which). */
bool snap_read(struct snap *snap, struct arena *arena, const void *bytes, size_t length);
/* False when there was any fault, or something is left over. */
bool snap_done(struct snap *snap);

static inline bool snap_sound(const struct snap *snap)
{
    return snap->fault[0] == '\0';
}
const char *snap_fault(const struct snap *snap); /* "section ledger: ..." */
/* The content cannot be right; only the first fault is kept. */
void snap_fail(struct snap *snap, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The content may be right, and does not belong here. */
void snap_refuse(struct snap *snap, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A checksum of bytes, as an archive carries its own: shows whether a file has changed. */
uint64_t snap_sum(const void *data, size_t length);

/* ---- sections ------------------------------------------------------------------------------ */

void snap_begin(struct snap *snap, const char *name);
void snap_end(struct snap *snap);

/* ---- values -------------------------------------------------------------------------------- */

void snap_bytes(struct snap *snap, void *value, size_t size);
void snap_u8(struct snap *snap, uint8_t *value);
void snap_u16(struct snap *snap, uint16_t *value);
void snap_u32(struct snap *snap, uint32_t *value);
void snap_u64(struct snap *snap, uint64_t *value);
void snap_i32(struct snap *snap, int32_t *value);
void snap_i64(struct snap *snap, int64_t *value);
void snap_real(struct snap *snap, double *value);
void snap_money(struct snap *snap, money_t *value);
void snap_flag(struct snap *snap, bool *value); /* any byte but 0 and 1 is a fault */

/* A value that must be below `limit`; with a fault it is 0. */
void snap_below_u8(struct snap *snap, uint8_t *value, uint32_t limit);
void snap_below(struct snap *snap, uint32_t *value, uint64_t limit);
/* The same, or UINT32_MAX for none. */
void snap_link(struct snap *snap, uint32_t *value, uint64_t limit);
/* The same with -1 for none. */
void snap_index(struct snap *snap, int32_t *value, uint64_t limit);
/* A number of elements, at most `most`. */
void snap_count(struct snap *snap, uint32_t *count, uint64_t most);
/* A number of elements that follow, each of at least one byte: bounded by what is left. */
void snap_length(struct snap *snap, uint32_t *count, uint64_t most);
/* A value that the reader knows already: a fault when it differs ("1000 users, here 900"). */
void snap_same(struct snap *snap, uint64_t value, const char *what);

/* Arrays of a known length. */
void snap_u32s(struct snap *snap, uint32_t *values, uint32_t count);
void snap_moneys(struct snap *snap, money_t *values, uint32_t count);
void snap_reals(struct snap *snap, double *values, uint32_t count);
/* Indices, each below `limit`. */
void snap_indices(struct snap *snap, uint32_t *values, uint32_t count, uint64_t limit);

/* ---- structs of sim/ ----------------------------------------------------------------------- */

void snap_handle(struct snap *snap, struct event_handle *handle);
void snap_stream(struct snap *snap, struct rng_stream *stream);
void snap_level(struct snap *snap, struct level *level);
void snap_hist(struct snap *snap, struct hist *hist);
void snap_batch(struct snap *snap, struct batch *batch);
/* Pending events, clock, hash and counters.  The limit of the list stays. */
void snap_events(struct snap *snap, struct event_list *list);

#endif
