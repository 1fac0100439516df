/* SPDX-License-Identifier: Apache-2.0
 * Names of models and cards: as a run states them, and as the catalog has them. */
#include <ctype.h>
#include <string.h>

#include "models/perf_catalog.h"
#include "models/replay_run.h"

enum { PLAIN_BYTES = 128 };

/* Letters and digits in lower case, without the words that card names begin with. */
static void plain(const char *name, char *out)
{
    static const char *const words[] = {"nvidia", "geforce", "tesla"};
    size_t length = 0;
    for (; *name != '\0' && length < PLAIN_BYTES - 1; name++)
        if (isalnum((unsigned char)*name)) out[length++] = (char)tolower((unsigned char)*name);
    out[length] = '\0';
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t word = strlen(words[i]);
        if (strncmp(out, words[i], word) == 0) memmove(out, out + word, strlen(out) - word + 1);
    }
}

/* How far two plain names agree when one goes on where the other ends or adds its memory or form:
 * h10080gbhbm3 and h100sxm agree in h100.  0: they are different things. */
static size_t agreement(const char *a, const char *b)
{
    size_t same = 0;
    while (a[same] != '\0' && a[same] == b[same])
        same++;
    if (same < 3) return 0;
    if (a[same] == '\0' || b[same] == '\0') return same;
    bool inside = isdigit((unsigned char)a[same - 1]) && isdigit((unsigned char)a[same]) &&
                  isdigit((unsigned char)b[same]);
    bool named = isdigit((unsigned char)a[same - 1]) &&
                 (isalpha((unsigned char)a[same]) || isalpha((unsigned char)b[same]));
    return named && !inside ? same : 0;
}

const struct perf_hardware *replay_match_hardware(const char *name)
{
    char asked[PLAIN_BYTES], known[PLAIN_BYTES];
    const struct perf_hardware *best = perf_hardware_find(name);
    size_t most = 0;
    if (best != NULL) return best;
    plain(name, asked);
    for (size_t i = 0; i < PERF_HARDWARE; i++) {
        plain(perf_catalog_hardware[i].name, known);
        size_t same = agreement(asked, known);
        if (same > most) best = &perf_catalog_hardware[i];
        if (same > most) most = same;
    }
    return best;
}

/* The source of a catalog entry begins with the published name, of which a checkpoint may be a
 * variant (-Instruct, -2507) and which may lie in a folder of its own. */
const struct perf_model *replay_match_model(const char *name)
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
        if (strncmp(last ? last + 1 : name, own, own_length) != 0 || own_length <= most) continue;
        best = m;
        most = own_length;
    }
    return best;
}

const char *replay_match_unknown(struct arena *arena, const char *what, const char *name,
                                 const char *const *known, size_t count)
{
    const char *near = diag_nearest(name, known, count);
    const char *text = arena_print(arena, "unknown %s '%s'", what, name);
    if (near != NULL) text = arena_print(arena, "%s; did you mean '%s'?", text, near);
    for (size_t i = 0; i < count; i++)
        text = arena_print(arena, "%s%s%s", text, i ? ", " : " (known: ", known[i]);
    return arena_print(arena, "%s)", text);
}
