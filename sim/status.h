/* SPDX-License-Identifier: Apache-2.0
 * Status codes and the context chain of operating errors (leaf header).
 *
 * A function that can fail for a reason outside the program (file, disk, database, device) returns
 * an enum status.  The place that first sees the failure calls status_fail; each level above adds
 * one line with TRY's context, so that the user reads a chain from cause to command.  The chain is
 * per thread.  User errors in scenario text do not travel this way: they are collected in a
 * struct diag.  Programmer errors assert. */
#ifndef HACASIM_SIM_STATUS_H
#define HACASIM_SIM_STATUS_H

#include <stdio.h>

enum status {
    STATUS_OK = 0,
    STATUS_USER,        /* scenario or command line is wrong: exit 2 */
    STATUS_OPERATING,   /* disk, database, device: exit 3 */
    STATUS_BREACH,      /* an invariant of the model broke during a run: exit 3 (1 under check) */
    STATUS_INTERRUPTED, /* Ctrl-C; what was finished is kept: exit 130 */
};

/* Start a new chain with a cause; returns `code` so that it can be returned in one line. */
enum status status_fail(enum status code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Add one line of context above the cause; returns `code`. */
enum status status_context(enum status code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Print the chain of this thread, outermost context first, and clear it. */
void status_print(FILE *out);

/* Copy the chain of this thread as one line (context: ...: cause) and clear it. */
void status_take(char *buffer, size_t size);

#define TRY(call, ...)                                                                             \
    do {                                                                                           \
        enum status try_status_ = (call);                                                          \
        if (try_status_ != STATUS_OK) return status_context(try_status_, __VA_ARGS__);             \
    } while (0)

#endif
