/* SPDX-License-Identifier: Apache-2.0
 * Files that a verb writes.
 *
 * Answers for: a full disk never looks like success.  Writing is buffered, so the error often comes
 * with the last flush or with close, and only there. */
#include "analysis/output.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static bool output_standard(const char *path)
{
    return strcmp(path, "-") == 0;
}

enum status output_open(const char *path, FILE **out)
{
    *out = output_standard(path) ? stdout : fopen(path, "w");
    if (*out != NULL) return STATUS_OK;
    return status_fail(STATUS_OPERATING, "cannot write %s: %s", path, strerror(errno));
}

enum status output_close(const char *path, FILE *out, enum status status)
{
    errno = 0;
    bool failed = ferror(out) || fflush(out) != 0;
    int cause = errno;
    if (!output_standard(path) && fclose(out) != 0 && !failed) {
        failed = true;
        cause = errno;
    }
    if (status != STATUS_OK || !failed) return status;
    return status_fail(STATUS_OPERATING, "cannot write %s: %s",
                       output_standard(path) ? "standard output" : path,
                       cause != 0 ? strerror(cause) : "an earlier write failed");
}
