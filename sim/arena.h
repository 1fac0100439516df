/* SPDX-License-Identifier: Apache-2.0
 * Arenas: the only memory of a running world.
 *
 * Memory is taken in chunks and given back all at once.  Three lifetimes are in use: world (one
 * scenario), replication (one run of it), scratch.  Nothing else under sim/, net/ and models/
 * calls malloc.  Growing past the limit is an operating error that ends the program with exit 3
 * and says which arena was full (a simulator without memory has nothing useful left to do). */
#ifndef HACASIM_SIM_ARENA_H
#define HACASIM_SIM_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena_chunk;

struct arena {
    struct arena_chunk *head;
    const char *name;   /* for the message when it is full */
    size_t used_bytes;  /* handed out so far */
    size_t limit_bytes; /* 0: no limit of its own */
};

void arena_init(struct arena *arena, const char *name, size_t limit_bytes);

/* `count` objects of `size` bytes, zeroed, aligned to 16 bytes.  Never returns NULL,
 * and never the same address twice, even for nothing. */
void *arena_alloc(struct arena *arena, size_t count, size_t size);

/* A larger copy of an array that lies in the arena; the new part is zeroed.  The old block is
 * extended in place when it is the newest one. */
void *arena_grow(struct arena *arena, void *old, size_t old_count, size_t new_count, size_t size);

char *arena_text(struct arena *arena, const char *text, size_t length); /* copy, with final NUL */
char *arena_print(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
char *arena_vprint(struct arena *arena, const char *format, va_list arguments);

void arena_reset(struct arena *arena); /* forget all, keep one chunk */
void arena_free(struct arena *arena);  /* give all back to the system */

#endif
