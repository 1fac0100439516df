/* SPDX-License-Identifier: Apache-2.0
 * Recorded request traces, read as a stream.
 *
 * A trace is a CSV file of requests in order of time.  Its header line tells its format:
 *
 *     TIMESTAMP,ContextTokens,GeneratedTokens                         Azure 2023 and 2024
 *     TIMESTAMP,NumImages,ContextTokens,GeneratedTokens               Azure LMM 2025 (images and
 * text) Timestamp,Session ID,Elapsed time,Model,Request tokens,...      BurstGPT from v1.2 on
 *     Timestamp,Model,Request tokens,Response tokens,...              BurstGPT up to v1.1
 *     time_s,prompt_tok,output_tok                                    own
 *     time_s,session,prompt_tok,output_tok                            own, with sessions
 *
 * Rows with the same text in the session column are turns of one conversation; an empty one stands
 * alone.  Context tokens of Azure LMM count text and images.
 *
 * Memory is one buffer of fixed size, whatever the length of the file.  A file is checked whole
 * before a run (trace_check), with findings as file:line:column; so reading it during the run can
 * fail only if somebody changed it in between, and that is an operating error.
 *
 * Times count from the first request, which is at 0.  Rows without a prompt or without an answer
 * are failed requests (BurstGPT records them): they are counted and skipped. */
#ifndef HACASIM_MODELS_TRACE_H
#define HACASIM_MODELS_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/sim.h"

enum {
    TRACE_LINE_BYTES = 4096,     /* longest line, with its CR */
    TRACE_TOKENS_MAX = 10000000, /* most tokens in a prompt or an answer */
    TRACE_FINDINGS_MAX = 20,     /* then one "and more" */
};

struct trace_row {
    int64_t time_ns; /* since the first request */
    uint32_t prompt_tok, output_tok;
    uint32_t images;  /* in the prompt, whose tokens count them */
    uint64_t session; /* the same for all rows of a session; 0: none */
};

/* What a run has room for. */
struct trace_room {
    int64_t tokens;    /* in the prompt and all but the last of the answer; 0: no bound is known */
    uint64_t rows;     /* requests that will be replayed; those behind them do not matter */
    const char *where; /* "the largest node, eu-a100": for the message */
};

struct trace_summary {
    const char *format;              /* "Azure", ... */
    uint64_t requests;               /* rows that a run replays */
    uint64_t skipped;                /* failed requests among the rows */
    uint64_t images, with_images;    /* in all prompts; requests that have some */
    bool counts_images;              /* the format has them */
    bool sessions;                   /* some rows belong to one */
    int64_t duration_ns;             /* first to last request */
    uint64_t prompt_tok, output_tok; /* sums */
    uint32_t prompt_tok_max, output_tok_max;
};

/* Read the whole file once.  True when a run can replay it; else findings are in `diag`, requests
 * that there is no room for among them (`room` may be NULL).  A file
 * that cannot be opened is reported at `named_at` and `key`, the place in the scenario that names
 * it (both may be empty), with where the public trace is published. */
bool trace_check(const char *path, struct diag_where named_at, const char *key,
                 const struct trace_room *room, struct diag *diag, struct trace_summary *out);
/* The same on an open file, which it closes (fuzzing, tests). */
bool trace_check_file(FILE *file, const char *path, const struct trace_room *room,
                      struct diag *diag, struct trace_summary *out);

struct trace; /* an open trace */

enum status trace_open(const char *path, struct arena *arena, struct trace **out);
enum status trace_open_file(FILE *file, const char *path, struct arena *arena, struct trace **out);
/* The next request, or *more false at the end. */
enum status trace_next(struct trace *trace, struct trace_row *row, bool *more);
/* Do its rows say how many images a prompt has? */
bool trace_counts_images(const struct trace *trace);
/* Failed requests among the rows read so far; 0 for NULL. */
uint64_t trace_skipped(const struct trace *trace);
void trace_close(struct trace *trace); /* NULL is harmless */

/* The place in the file.  Reading seeks there, after a look at whether the file still has the
 * content that it had when the archive was written. */
void trace_snap(struct trace *trace, struct snap *snap);

#endif
