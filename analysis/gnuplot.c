/* SPDX-License-Identifier: Apache-2.0
 * The owner of the gnuplot process.
 *
 * A script with its data goes through a file in a folder of its own, so no pipe can fill up or
 * break, and gnuplot's complaints come back whole.  It runs without the user's gnuplot settings:
 * the same run gives the same picture on every machine with the same gnuplot. */
#include "analysis/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { FOLDERS = 1000 }; /* names tried: those of a killed program with the same id are taken */

static const char SCRIPT[] = "script", PICTURE[] = "picture", MESSAGES[] = "messages";

/* Start gnuplot with its output in `messages`; the exit code, or -1 when it could not start. */
static int run(const char *argument, const char *messages)
{
    posix_spawn_file_actions_t actions;
    char *const arguments[] = {"gnuplot", "-d", (char *)argument, NULL};
    int code = -1;
    pid_t child;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, messages, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    int error = posix_spawnp(&child, "gnuplot", &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) return -1;
    while (waitpid(child, &code, 0) < 0)
        if (errno != EINTR) return -1;
    return WIFEXITED(code) ? WEXITSTATUS(code) : 128;
}

bool gnuplot_available(void)
{
    static int known = -1;
    if (known < 0) known = run("--version", "/dev/null") == 0;
    return known == 1;
}

const char *gnuplot_quote(struct arena *arena, const char *text)
{
    char *quoted = arena_alloc(arena, 2 * strlen(text) + 3, 1), *to = quoted;
    *to++ = '\'';
    for (; *text; text++) {
        if (*text == '\'') *to++ = '\'';
        *to++ = (unsigned char)*text < ' ' || *text == 0x7F ? ' ' : *text;
    }
    *to = '\'';
    return quoted;
}

static void file_name(const struct gnuplot *plot, const char *file, char *out, size_t size)
{
    snprintf(out, size, "%s/%s", plot->folder, file);
}

/* A folder that nobody else has: mkdir refuses a name that is taken. */
static bool make_folder(struct gnuplot *plot)
{
    for (int attempt = 0; attempt < FOLDERS; attempt++) {
        snprintf(plot->folder, sizeof plot->folder, "/tmp/hacasim-%ld-%d", (long)getpid(), attempt);
        if (mkdir(plot->folder, 0700) == 0) return true;
        if (errno != EEXIST) return false;
    }
    return false;
}

enum status gnuplot_open(struct gnuplot *plot)
{
    char path[64];
    if (!make_folder(plot))
        return status_fail(STATUS_OPERATING, "cannot make a folder in /tmp: %s", strerror(errno));
    file_name(plot, SCRIPT, path, sizeof path);
    plot->script = fopen(path, "w");
    if (plot->script) {
        file_name(plot, PICTURE, path, sizeof path);
        fprintf(plot->script, "set encoding utf8\nset output '%s'\n", path);
        return STATUS_OK;
    }
    int error = errno;
    rmdir(plot->folder);
    return status_fail(STATUS_OPERATING, "cannot write %s: %s", path, strerror(error));
}

/* The whole file; NULL when it cannot be read. */
static char *read_whole(const char *path, size_t *size)
{
    FILE *in = fopen(path, "rb"), *out;
    char *text = NULL, block[4096];
    *size = 0;
    if (!in) return NULL;
    if ((out = open_memstream(&text, size)) != NULL) {
        for (size_t got; (got = fread(block, 1, sizeof block, in)) > 0;)
            fwrite(block, 1, got, out);
        if (fclose(out) != 0) {
            free(text);
            text = NULL;
        }
    }
    fclose(in);
    return text;
}

static enum status collect(const struct gnuplot *plot, int code, char **picture, size_t *size)
{
    char path[64];
    size_t length;
    file_name(plot, PICTURE, path, sizeof path);
    *picture = code == 0 ? read_whole(path, size) : NULL;
    if (*picture && *size > 0) return STATUS_OK;
    free(*picture);
    if (code < 0) return status_fail(STATUS_OPERATING, "gnuplot cannot be started");
    file_name(plot, MESSAGES, path, sizeof path);
    char *words = read_whole(path, &length);
    enum status failed = status_fail(STATUS_OPERATING, "gnuplot failed with code %d: %.300s", code,
                                     words ? words : "");
    free(words);
    return failed;
}

static void remove_folder(const struct gnuplot *plot)
{
    const char *const files[] = {SCRIPT, PICTURE, MESSAGES};
    char path[64];
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        file_name(plot, files[i], path, sizeof path);
        unlink(path);
    }
    rmdir(plot->folder);
}

enum status gnuplot_finish(struct gnuplot *plot, char **picture, size_t *size)
{
    char script[64], messages[64];
    file_name(plot, SCRIPT, script, sizeof script);
    file_name(plot, MESSAGES, messages, sizeof messages);
    bool written = ferror(plot->script) == 0;
    written = fclose(plot->script) == 0 && written;
    enum status code = STATUS_OK;
    if (written)
        code = collect(plot, run(script, messages), picture, size);
    else
        code = status_fail(STATUS_OPERATING, "cannot write %s: disk full?", script);
    remove_folder(plot);
    return code;
}
