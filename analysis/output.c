/* SPDX-License-Identifier: Apache-2.0
 * What the user asked to be written somewhere.
 *
 * Answers for: a full disk never looks like success.  Writing is buffered, so the error often comes
 * with the last flush or with close, and only there.  A device or a pipe is written in place: a
 * file that takes its name would take it from everybody else. */
#include "analysis/output.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static enum status output_failed(const char *path, int cause)
{
    return status_fail(STATUS_OPERATING, "cannot write %s: %s", path,
                       cause != 0 ? strerror(cause) : "an earlier write failed");
}

enum status output_standard(void)
{
    errno = 0;
    if (!ferror(stdout) && fflush(stdout) == 0) return STATUS_OK;
    return output_failed("standard output", errno);
}

static bool output_is_device(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && !S_ISREG(info.st_mode);
}

enum status output_open(struct output *output, const char *path)
{
    *output = (struct output){.path = path, .standard = strcmp(path, "-") == 0};
    output->plain = !output->standard && !output_is_device(path);
    if (output->plain) {
        enum status status = outfile_open(&output->file, path);
        output->stream = output->file.stream;
        return status;
    }
    output->stream = output->standard ? stdout : fopen(path, "w");
    return output->stream != NULL ? STATUS_OK : output_failed(path, errno);
}

static enum status output_close_device(struct output *output)
{
    errno = 0;
    bool failed = ferror(output->stream) || fflush(output->stream) != 0;
    int cause = errno;
    if (fclose(output->stream) != 0 || failed) return output_failed(output->path, cause);
    return STATUS_OK;
}

/* A writer that noticed a failure has said so; its word is better than a second one of ours. */
enum status output_close(struct output *output, enum status status)
{
    if (status != STATUS_OK) {
        if (output->plain)
            outfile_discard(&output->file);
        else if (!output->standard)
            fclose(output->stream);
        return status;
    }
    if (output->plain) return outfile_commit(&output->file);
    return output->standard ? output_standard() : output_close_device(output);
}
