/* SPDX-License-Identifier: Apache-2.0
 * Words of names, and what they have in common with those of the catalog. */
#include "models/perf_names.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "models/perf_catalog.h"
#include "sim/sim.h"

enum { WORD_BYTES = 32, WORDS = 12 };

struct words {
    char word[WORDS][WORD_BYTES];
    int count;
};

/* Runs of letters and digits in lower case, without those that say nothing. */
static struct words words_of(const char *name)
{
    static const char *const empty[] = {"nvidia", "geforce", "tesla"};
    struct words w = {.count = 0};
    while (*name != '\0' && w.count < WORDS) {
        char *to = w.word[w.count];
        size_t length = 0;
        for (; isalnum((unsigned char)*name); name++)
            if (length < WORD_BYTES - 1) to[length++] = (char)tolower((unsigned char)*name);
        to[length] = '\0';
        bool said = length > 0;
        for (size_t i = 0; i < sizeof empty / sizeof *empty; i++)
            said = said && strcmp(to, empty[i]) != 0;
        w.count += said;
        while (*name != '\0' && !isalnum((unsigned char)*name))
            name++;
    }
    return w;
}

/* The first `count` words as one. */
static void joined(const struct words *w, int count, char *out)
{
    *out = '\0';
    for (int i = 0; i < count; i++)
        strcat(out, w->word[i]);
}

/* "NVIDIA RTX PRO 6000 Blackwell" and "rtxpro6000" begin alike, and so do "NVIDIA A100-SXM4-80GB",
 * "a100-80g" and "a100-40g", of which the first agrees in one more word.  0: other things. */
static int agreement(const struct words *asked, const struct words *known)
{
    char left[WORDS * WORD_BYTES], right[WORDS * WORD_BYTES];
    int alike = 0;
    for (int i = 1; i <= asked->count && alike == 0; i++)
        for (int k = 1; k <= known->count && alike == 0; k++) {
            joined(asked, i, left);
            joined(known, k, right);
            if (strcmp(left, right) == 0) alike = k;
        }
    if (alike == 0) return 0;
    int points = 1;
    for (int k = alike; k < known->count; k++)
        for (int i = 1; i < asked->count; i++)
            points += strncmp(asked->word[i], known->word[k], strlen(known->word[k])) == 0;
    return points;
}

const struct perf_hardware *perf_names_hardware(const char *name)
{
    const struct perf_hardware *best = perf_hardware_find(name);
    int most = 0;
    if (best != NULL) return best;
    struct words asked = words_of(name);
    for (size_t i = 0; i < PERF_HARDWARE; i++) {
        struct words known = words_of(perf_catalog_hardware[i].name);
        int points = agreement(&asked, &known);
        if (points <= most) continue;
        best = &perf_catalog_hardware[i];
        most = points;
    }
    return best;
}

/* The source of a catalog entry begins with the published name, of which a checkpoint may be a
 * variant (-Instruct, -2507) and which may lie in a folder of its own. */
const struct perf_model *perf_names_model(const char *name)
{
    const struct perf_model *best = perf_model_find(name);
    size_t most = 0;
    if (best != NULL) return best;
    for (size_t i = 0; i < PERF_MODELS; i++) {
        const struct perf_model *m = &perf_catalog_models[i];
        size_t length = strcspn(m->source, " ");
        const char *slash = memchr(m->source, '/', length), *own = slash ? slash + 1 : m->source;
        size_t own_length = length - (size_t)(own - m->source);
        const char *last = strrchr(name, '/');
        if (strncasecmp(last ? last + 1 : name, own, own_length) != 0 || own_length <= most)
            continue;
        best = m;
        most = own_length;
    }
    return best;
}

/* ---- whose a file or folder is -------------------------------------------------------------- */

/* The words of `w` from the one at `from`. */
static struct words rest_of(const struct words *w, int from)
{
    struct words rest = {.count = w->count - from};
    memcpy(rest.word, w->word[from], (size_t)rest.count * WORD_BYTES);
    return rest;
}

enum perf_names_said perf_names_card(const char *text, const struct perf_hardware *hardware)
{
    struct words said = words_of(text);
    bool known = perf_hardware_find(hardware->name) != NULL;
    for (int from = 0; from < said.count; from++) {
        struct words rest = rest_of(&said, from), own = words_of(hardware->name);
        int ours = agreement(&rest, &own), most = 0;
        for (size_t i = 0; i < PERF_HARDWARE; i++) {
            struct words other = words_of(perf_catalog_hardware[i].name);
            int points = agreement(&rest, &other);
            if (points > most) most = points;
        }
        if (ours > 0 && ours >= most) return PERF_NAMES_SAME;
        if (most > 0 && known) return PERF_NAMES_OTHER;
    }
    return PERF_NAMES_NOTHING;
}

enum perf_names_said perf_names_is_model(const char *text, const struct perf_model *model)
{
    const struct perf_model *said = perf_names_model(text);
    if (said != NULL && strcmp(said->name, model->name) == 0) return PERF_NAMES_SAME;
    if (strcasecmp(text, model->name) == 0) return PERF_NAMES_SAME;
    return said != NULL ? PERF_NAMES_OTHER : PERF_NAMES_NOTHING;
}

enum perf_names_said perf_names_dtype(const char *text, enum perf_dtype dtype)
{
    struct words said = words_of(text);
    for (int w = 0; w < said.count; w++)
        for (int i = 0; perf_dtype_names[i] != NULL; i++)
            if (strcmp(said.word[w], perf_dtype_names[i]) == 0)
                return i == (int)dtype ? PERF_NAMES_SAME : PERF_NAMES_OTHER;
    return PERF_NAMES_NOTHING;
}

const char *perf_names_unknown(struct arena *arena, const char *what, const char *name,
                               const char *const *known, size_t count)
{
    const char *slash = strrchr(name, '/');
    char *lower = arena_print(arena, "%s", slash ? slash + 1 : name);
    for (char *at = lower; *at != '\0'; at++)
        *at = (char)tolower((unsigned char)*at);
    const char *near = diag_nearest(lower, known, count);
    const char *text = arena_print(arena, "unknown %s '%s'", what, name);
    if (near != NULL) text = arena_print(arena, "%s; did you mean '%s'?", text, near);
    for (size_t i = 0; i < count; i++)
        text = arena_print(arena, "%s%s%s", text, i ? ", " : " (known: ", known[i]);
    return arena_print(arena, "%s)", text);
}
