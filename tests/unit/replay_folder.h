/* SPDX-License-Identifier: Apache-2.0
 * Run folders and profiles made by a test, small enough for answers to be worked out by hand. */
#ifndef HACASIM_TESTS_UNIT_REPLAY_FOLDER_H
#define HACASIM_TESTS_UNIT_REPLAY_FOLDER_H

#include <sys/stat.h>
#include <unistd.h>

#include "models/models.h"
#include "tests/unit/unit.h"

enum { FOLDER_PATH = 300 };
static char folder_root[FOLDER_PATH - 100];

static void folder_make(void)
{
    snprintf(folder_root, sizeof folder_root, "/tmp/hacasim_replay_XXXXXX");
    assert_non_null(mkdtemp(folder_root));
}

static const char *folder_file(const char *name)
{
    static char path[FOLDER_PATH];
    snprintf(path, sizeof path, "%s/%s", folder_root, name);
    return path;
}

/* Folders on the way are made. */
static void folder_write(const char *name, const char *text)
{
    char path[FOLDER_PATH];
    snprintf(path, sizeof path, "%s", folder_file(name));
    for (char *slash = strchr(path + strlen(folder_root) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

/* Nothing but what folder_write made is in there. */
static void folder_remove(void)
{
    char command[FOLDER_PATH + 20];
    snprintf(command, sizeof command, "rm -rf '%s'", folder_root);
    assert_int_equal(system(command), 0);
}

/* A profile all of whose steps take `once + head + layers x attention` us. */
static void folder_profile(const char *at, double once_us, double head_us, double attention_us)
{
    char text[2000], name[100];
    int size =
        snprintf(text, sizeof text, "layer,tokens,time_us\nembedding,1,%g\nembedding,4096,%g\n",
                 once_us, once_us);
    assert_true(size > 0 && (size_t)size < sizeof text);
    snprintf(name, sizeof name, "%s/dense.csv", at);
    folder_write(name, text);
    snprintf(text, sizeof text, "layer,sequences,time_us\nlm_head,1,%g\nlm_head,512,%g\n", head_us,
             head_us);
    snprintf(name, sizeof name, "%s/per_sequence.csv", at);
    folder_write(name, text);
    static const int chunks[] = {0, 1, 4096}, seqs[] = {0, 1, 256}, ends[] = {0, 16384};
    char *to = text + sprintf(text, "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n");
    for (int cell = 0; cell < 36; cell++) {
        int chunk = chunks[cell % 3], n = seqs[cell / 3 % 3];
        int history = ends[cell / 9 % 2], context = ends[cell / 18];
        if (chunk + n == 0 || (chunk == 0 && history > 0) || (n == 0 && context > 0)) continue;
        to += sprintf(to, "%d,%d,%d,%d,%g\n", chunk, history, n,
                      n > 0 && context == 0 ? 1 : context, attention_us);
    }
    snprintf(name, sizeof name, "%s/attention.csv", at);
    folder_write(name, text);
}

#endif
