/* SPDX-License-Identifier: Apache-2.0
 * Arenas: chunks from the system, handed out by advancing a mark.
 *
 * Answers for: zeroed, aligned blocks; growth in place of the newest block; one failure policy.
 * Leaves out: giving back a single block (nothing in a running world needs that).
 *
 * A chunk remembers how far it was ever written, so that memory fresh from the system, which is
 * zero already, is not touched a second time; only what a reset gave back is cleared again.  Under
 * AddressSanitizer everything not handed out is poisoned, which catches what plain malloc checking
 * would miss in an arena: use after reset and running past the end of the newest block. */
#include "sim/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "sim/status.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

enum { ARENA_ALIGN = 16 };
/* The first chunk is small, because many arenas stay small; doubling up to the largest keeps the
 * number of chunks logarithmic and the waste at the end of the last one bounded. */
#define ARENA_CHUNK_MIN ((size_t)16 << 10)
#define ARENA_CHUNK_MAX ((size_t)8 << 20)
#define ARENA_HUGE ((size_t)2 << 20)
#define ARENA_HUGE_FROM ((size_t)8 << 20)

struct arena_chunk {
    _Alignas(ARENA_ALIGN) struct arena_chunk *next; /* older */
    size_t capacity, used, dirty; /* bytes; dirty: how far it was ever handed out */
    char *newest;                 /* the block that may grow in place */
};

static char *arena_data(struct arena_chunk *chunk)
{
    return (char *)chunk + sizeof *chunk;
}

static _Noreturn void arena_full(const struct arena *arena, size_t wanted, const char *why)
{
    status_fail(STATUS_OPERATING, "memory of the %s is full: %zu bytes in use, %zu more wanted, %s",
                arena->name, arena->used_bytes, wanted, why);
    status_print(stderr);
    exit(3);
}

/* Count the bytes against the limit of the arena. */
static void arena_charge(struct arena *arena, size_t bytes)
{
    if (arena->limit_bytes != 0 && bytes > arena->limit_bytes - arena->used_bytes) {
        char why[64];
        snprintf(why, sizeof why, "its limit is %zu bytes", arena->limit_bytes);
        arena_full(arena, bytes, why);
    }
    arena->used_bytes += bytes;
}

/* count x size rounded up to the alignment; the program ends when that does not fit.  An empty
 * array has room too, so that no two have one address: arena_grow would take either for the newest.
 */
static size_t arena_bytes(const struct arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 2)
        arena_full(arena, SIZE_MAX, "more than an address space");
    if (bytes == 0) bytes = 1;
    return (bytes + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
}

/* A large chunk that nobody has touched yet may lie in large pages: random access to tens of
 * megabytes, as of a long event list, then misses the TLB far less.  A request, not a need. */
static void arena_ask_huge(void *chunk, size_t bytes)
{
    uintptr_t start = ((uintptr_t)chunk + ARENA_HUGE - 1) / ARENA_HUGE * ARENA_HUGE;
    uintptr_t end = ((uintptr_t)chunk + bytes) / ARENA_HUGE * ARENA_HUGE;
    if (bytes >= ARENA_HUGE_FROM && start < end) madvise((void *)start, end - start, MADV_HUGEPAGE);
}

static struct arena_chunk *arena_chunk_add(struct arena *arena, size_t need)
{
    size_t capacity = arena->head ? 2 * arena->head->capacity : ARENA_CHUNK_MIN;
    if (capacity > ARENA_CHUNK_MAX) capacity = ARENA_CHUNK_MAX;
    if (capacity < need) capacity = need;
    struct arena_chunk *chunk = calloc(1, sizeof *chunk + capacity);
    if (!chunk) arena_full(arena, need, "and the system has no more");
    arena_ask_huge(chunk, capacity);
    chunk->next = arena->head;
    chunk->capacity = capacity;
    ASAN_POISON_MEMORY_REGION(arena_data(chunk), capacity);
    arena->head = chunk;
    return chunk;
}

/* Advance the mark of the chunk over `bytes`, zeroing what an earlier life left there. */
static char *arena_take(struct arena_chunk *chunk, size_t bytes)
{
    char *start = arena_data(chunk) + chunk->used;
    ASAN_UNPOISON_MEMORY_REGION(start, bytes);
    if (chunk->used < chunk->dirty) {
        size_t stale = chunk->dirty - chunk->used;
        memset(start, 0, stale < bytes ? stale : bytes);
    }
    chunk->used += bytes;
    if (chunk->dirty < chunk->used) chunk->dirty = chunk->used;
    return start;
}

void arena_init(struct arena *arena, const char *name, size_t limit_bytes)
{
    *arena = (struct arena){.name = name, .limit_bytes = limit_bytes};
}

void *arena_alloc(struct arena *arena, size_t count, size_t size)
{
    size_t bytes = arena_bytes(arena, count, size);
    arena_charge(arena, bytes);
    struct arena_chunk *chunk = arena->head;
    if (!chunk || bytes > chunk->capacity - chunk->used) chunk = arena_chunk_add(arena, bytes);
    chunk->newest = arena_take(chunk, bytes);
    return chunk->newest;
}

void *arena_grow(struct arena *arena, void *old, size_t old_count, size_t new_count, size_t size)
{
    size_t old_bytes = arena_bytes(arena, old_count, size);
    size_t new_bytes = arena_bytes(arena, new_count, size);
    struct arena_chunk *chunk = arena->head;
    if (old && chunk && chunk->newest == old && new_bytes >= old_bytes &&
        new_bytes - old_bytes <= chunk->capacity - chunk->used) {
        arena_charge(arena, new_bytes - old_bytes);
        arena_take(chunk, new_bytes - old_bytes);
        return old;
    }
    void *new = arena_alloc(arena, new_count, size);
    if (old) memcpy(new, old, (old_count < new_count ? old_count : new_count) * size);
    return new;
}

char *arena_text(struct arena *arena, const char *text, size_t length)
{
    char *copy = arena_alloc(arena, length + 1, 1);
    if (length > 0) memcpy(copy, text, length);
    return copy;
}

char *arena_vprint(struct arena *arena, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length < 0) arena_full(arena, 0, "and a text could not be formatted");
    char *text = arena_alloc(arena, (size_t)length + 1, 1);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    return text;
}

char *arena_print(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = arena_vprint(arena, format, arguments);
    va_end(arguments);
    return text;
}

/* The newest chunk is kept: it is the largest but for oversized single blocks. */
void arena_reset(struct arena *arena)
{
    struct arena_chunk *kept = arena->head;
    if (kept) {
        arena->head = kept->next;
        arena_free(arena);
        kept->next = NULL;
        kept->used = 0;
        kept->newest = NULL;
        ASAN_POISON_MEMORY_REGION(arena_data(kept), kept->capacity);
    }
    arena->head = kept;
    arena->used_bytes = 0;
}

void arena_free(struct arena *arena)
{
    struct arena_chunk *chunk = arena->head;
    while (chunk) {
        struct arena_chunk *next = chunk->next;
        ASAN_UNPOISON_MEMORY_REGION(arena_data(chunk), chunk->capacity);
        free(chunk);
        chunk = next;
    }
    arena->head = NULL;
    arena->used_bytes = 0;
}
