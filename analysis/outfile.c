/* SPDX-License-Identifier: Apache-2.0
 * Writing a file in one step, as seen by its readers. */
#include "analysis/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MODE = 0666, FOLDER_MODE = 0777 }; /* before the umask */

static enum status make_folders(const char *path)
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

enum status outfile_open(struct outfile *file, const char *path)
{
    *file = (struct outfile){.stream = NULL};
    if (*path == '\0') return status_fail(STATUS_USER, "the name of the output file is empty");
    int length = snprintf(file->temporary, PATH_MAX, "%s.%ld.new", path, (long)getpid());
    if (length >= PATH_MAX)
        return status_fail(STATUS_USER, "the name of the output file is too long");
    snprintf(file->path, PATH_MAX, "%s", path);
    TRY(make_folders(path), "writing %s", path);
    int descriptor = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
    if (descriptor >= 0) file->stream = fdopen(descriptor, "w");
    if (!file->stream)
        return status_fail(STATUS_OPERATING, "cannot write %s: %s", path, strerror(errno));
    return STATUS_OK;
}

enum status outfile_commit(struct outfile *file)
{
    errno = 0;
    int written = ferror(file->stream) == 0 && fflush(file->stream) == 0;
    int closed = fclose(file->stream) == 0;
    if (written && closed && rename(file->temporary, file->path) == 0) return STATUS_OK;
    int error = errno;
    unlink(file->temporary);
    return status_fail(STATUS_OPERATING, "cannot write %s: %s", file->path,
                       error ? strerror(error) : "the disk refused a part of it");
}

void outfile_discard(struct outfile *file)
{
    fclose(file->stream);
    unlink(file->temporary);
}
