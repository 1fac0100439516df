/* SPDX-License-Identifier: Apache-2.0
 * Looking through folders for the profile of a card and a model, and for op tables. */
#include "models/perf_find.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "models/perf_names.h"

/* Folders below the one that is given, and folders in all, that are looked into. */
enum { DEPTH_MAX = 6, FOLDERS_MAX = 4096 };

static mode_t kind_of(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 ? about.st_mode & S_IFMT : 0;
}

bool perf_find_file(const char *path)
{
    return kind_of(path) == S_IFREG;
}

bool perf_find_folder(const char *path)
{
    return kind_of(path) == S_IFDIR;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names in a folder, sorted, without those that begin with a point. */
static uint32_t names_in(const char *folder, struct arena *arena, const char **names)
{
    uint32_t count = 0;
    DIR *dir = opendir(folder);
    if (dir == NULL) return 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL && count < PERF_FIND_NAMES;)
        if (entry->d_name[0] != '.')
            names[count++] = arena_text(arena, entry->d_name, strlen(entry->d_name));
    closedir(dir);
    qsort(names, count, sizeof *names, compare_names);
    return count;
}

/* ---- profiles ------------------------------------------------------------------------------- */

struct search {
    const struct perf_tables_ask *ask;
    const char *wanted; /* "tp2" */
    struct perf_find best;
    const char *lesser; /* one that is not the best */
    int points;         /* of the best; the higher, the surer that it is the one that is meant */
    uint32_t folders;
    struct arena *arena;
};

static const char *last_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is_degree(const char *name)
{
    return strncmp(name, "tp", 2) == 0 && name[2] != '\0' &&
           strspn(name + 2, "0123456789") == strlen(name + 2);
}

/* What the deepest of the folders in `path` that says something says. */
struct said {
    enum perf_names_said card, model, dtype;
    int exact; /* the run's own names that stand in it */
};

static void hear(struct said *said, const char *name, const struct perf_tables_ask *ask)
{
    enum perf_names_said card = perf_names_card(name, ask->hardware);
    enum perf_names_said model =
        ask->model ? perf_names_is_model(name, ask->model) : PERF_NAMES_NOTHING;
    enum perf_names_said dtype = perf_names_dtype(name, ask->dtype);
    if (ask->run_hardware && strcasecmp(name, ask->run_hardware) == 0) card = PERF_NAMES_SAME;
    if (ask->run_model && strcasecmp(name, last_of(ask->run_model)) == 0) {
        model = PERF_NAMES_SAME;
        said->exact++;
    }
    said->exact += strcmp(name, perf_dtype_names[ask->dtype]) == 0;
    if (card != PERF_NAMES_NOTHING) said->card = card;
    if (model != PERF_NAMES_NOTHING) said->model = model;
    if (dtype != PERF_NAMES_NOTHING) said->dtype = dtype;
}

static struct said hear_path(const char *path, const struct perf_tables_ask *ask,
                             struct arena *arena)
{
    struct said said = {.exact = 0};
    for (const char *at = path; *at != '\0';) {
        size_t length = strcspn(at, "/");
        if (length > 0) hear(&said, arena_text(arena, at, length), ask);
        at += length + strspn(at + length, "/");
    }
    return said;
}

/* Card before model before format before the very names. */
static void weigh(struct search *s, const char *folder)
{
    struct said said = hear_path(folder, s->ask, s->arena);
    int points = 64 * said.card + 16 * said.model + 4 * said.dtype + said.exact;
    if (s->best.profile != NULL && points <= s->points) {
        s->lesser = folder;
        if (points == s->points) s->best.other = folder;
        return;
    }
    s->points = points;
    s->lesser = s->best.profile;
    s->best =
        (struct perf_find){.profile = folder,
                           .sure = said.card == PERF_NAMES_SAME && said.model == PERF_NAMES_SAME &&
                                   said.dtype != PERF_NAMES_OTHER,
                           .card = said.card == PERF_NAMES_OTHER,
                           .model = said.model == PERF_NAMES_OTHER,
                           .dtype = said.dtype == PERF_NAMES_OTHER};
}

/* Profiles of the wanted degree at or below `folder`; one that is given itself counts whatever its
 * name. */
static void find_below(struct search *s, const char *folder, int depth)
{
    const char *names[PERF_FIND_NAMES], *last = last_of(folder);
    if (s->folders++ == FOLDERS_MAX) return;
    if (perf_find_file(arena_print(s->arena, "%s/dense.csv", folder))) {
        if (depth == 0 || !is_degree(last) || strcmp(last, s->wanted) == 0) weigh(s, folder);
        return;
    }
    if (depth == DEPTH_MAX) return;
    uint32_t count = names_in(folder, s->arena, names);
    for (uint32_t i = 0; i < count && s->folders < FOLDERS_MAX; i++) {
        const char *path = arena_print(s->arena, "%s/%s", folder, names[i]);
        if (perf_find_folder(path)) find_below(s, path, depth + 1);
    }
}

struct perf_find perf_find_profile(const struct perf_tables_ask *ask, struct arena *arena)
{
    struct search s = {
        .ask = ask, .wanted = arena_print(arena, "tp%d", (int)ask->tp), .arena = arena};
    const char *folder = ask->folder;
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/')
        length--;
    folder = arena_text(arena, folder, length);
    /* A tp<N> of another degree gives way to its neighbour. */
    if (is_degree(last_of(folder)) && strcmp(last_of(folder), s.wanted) != 0)
        folder = arena_print(arena, "%.*s%s", (int)(last_of(folder) - folder), folder, s.wanted);
    find_below(&s, folder, 0);
    /* Of several, none of which is of this card and this model, none is meant. */
    if (s.best.other == NULL && (s.best.card || s.best.model)) s.best.other = s.lesser;
    return s.best;
}

/* ---- op tables ------------------------------------------------------------------------------ */

static bool ends_in_csv(const char *name)
{
    size_t length = strlen(name);
    return length > 4 && strcmp(name + length - 4, ".csv") == 0;
}

void perf_find_ops(struct perf_find_ops *found, const struct perf_tables_ask *ask,
                   struct arena *arena)
{
    const char *names[PERF_FIND_NAMES];
    uint32_t count = names_in(ask->folder, arena, names);
    *found = (struct perf_find_ops){.others = ""};
    if (perf_find_file(arena_print(arena, "%s/dense.csv", ask->folder))) return;
    for (uint32_t i = 0; i < count; i++) {
        if (!ends_in_csv(names[i])) continue;
        if (perf_names_card(names[i], ask->hardware) != PERF_NAMES_OTHER)
            found->names[found->count++] = names[i];
        else
            found->others = arena_print(arena, "%s%s%s", found->others,
                                        found->other_count++ ? ", " : "", names[i]);
    }
}
