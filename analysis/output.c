/* SPDX-License-Identifier: Apache-2.0
 * What the user asked to be written somewhere.
 *
 * Answers for: a full disk never looks like success, and a file is written in one step as seen by
 * its readers.  Writing is buffered, so the error often comes with the last flush or with close,
 * and only there.  A device or a pipe is written in place: a file that takes its name would take it
 * from everybody else. */
#include "analysis/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MODE = 0666, FOLDER_MODE = 0777 }; /* before the umask */

static enum status output_failed(const char *path, int cause)
{
    return status_fail(STATUS_OPERATING, "cannot write %s: %s", path,
                       cause != 0 ? strerror(cause) : "an earlier write failed");
}

/* ---- standard output ----------------------------------------------------------------------- */

enum status output_standard(void)
{
    errno = 0;
    if (!ferror(stdout) && fflush(stdout) == 0) return STATUS_OK;
    return output_failed("standard output", errno);
}

bool output_reader_left(void)
{
    struct pollfd end = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return ferror(stdout) && poll(&end, 1, 0) == 1 && (end.revents & POLLERR) != 0;
}

/* ---- before writing ------------------------------------------------------------------------ */

static bool output_is_device(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

/* The folder of `path` in `folder`: "." where it names none. */
static const char *output_folder(const char *path, char folder[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    if (!slash) return ".";
    snprintf(folder, PATH_MAX, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    return folder;
}

enum status output_check(const char *path)
{
    char buffer[PATH_MAX];
    struct stat info;
    if (strcmp(path, "-") == 0) return STATUS_OK;
    if (*path == '\0') return status_fail(STATUS_USER, "the name of the output file is empty");
    if (strlen(path) + sizeof ".4294967295.new" > PATH_MAX)
        return status_fail(STATUS_USER, "the name of the output file is too long");
    bool device = output_is_device(path);
    const char *folder = device ? path : output_folder(path, buffer);
    if (!device && stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return output_failed(path, EISDIR);
    if (!device && stat(folder, &info) == 0 && !S_ISDIR(info.st_mode))
        return output_failed(path, ENOTDIR);
    if (faccessat(AT_FDCWD, folder, device ? W_OK : W_OK | X_OK, AT_EACCESS) == 0) return STATUS_OK;
    if (errno == ENOENT)
        return status_fail(STATUS_OPERATING, "cannot write %s: there is no folder %s", path,
                           folder);
    return output_failed(path, errno);
}

enum status output_make_folders(const char *path)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(folder, FOLDER_MODE) != 0 && errno != EEXIST)
            return status_fail(STATUS_OPERATING, "cannot make folder %s: %s", folder,
                               strerror(errno));
        *slash = '/';
    }
    return STATUS_OK;
}

/* ---- writing ------------------------------------------------------------------------------- */

static FILE *output_open_plain(struct output *output)
{
    snprintf(output->temporary, sizeof output->temporary, "%s.%ld.new", output->path,
             (long)getpid());
    int descriptor = open(output->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
    return descriptor >= 0 ? fdopen(descriptor, "w") : NULL;
}

enum status output_open(struct output *output, const char *path)
{
    *output = (struct output){.path = path, .standard = strcmp(path, "-") == 0};
    output->plain = !output->standard && !output_is_device(path);
    enum status status = output_check(path);
    if (status != STATUS_OK) return status;
    if (output->plain)
        output->stream = output_open_plain(output);
    else
        output->stream = output->standard ? stdout : fopen(path, "w");
    return output->stream != NULL ? STATUS_OK : output_failed(path, errno);
}

static enum status output_commit(struct output *output)
{
    errno = 0;
    bool written = ferror(output->stream) == 0 && fflush(output->stream) == 0;
    int cause = errno;
    bool closed = fclose(output->stream) == 0;
    if (written && !closed) cause = errno;
    if (!output->plain) return written && closed ? STATUS_OK : output_failed(output->path, cause);
    if (written && closed && rename(output->temporary, output->path) == 0) return STATUS_OK;
    if (written && closed) cause = errno;
    unlink(output->temporary);
    return output_failed(output->path, cause);
}

/* A writer that noticed a failure has said so; its word is better than a second one of ours. */
enum status output_close(struct output *output, enum status status)
{
    if (status == STATUS_OK) return output->standard ? output_standard() : output_commit(output);
    if (!output->standard) fclose(output->stream);
    if (output->plain) unlink(output->temporary);
    return status;
}
