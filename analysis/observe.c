/* SPDX-License-Identifier: Apache-2.0
 * The options that look into a run, and their files. */
#include "analysis/observe.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "analysis/options.h"

enum { KEY_TRACE = 256, KEY_EVENTS, KEY_PROFILE, KEY_FILTER, KEY_REP, KEY_LIMIT };

enum { OBSERVE_CAUSE = 4096 };

/* ---- filter ------------------------------------------------------------------------------- */

static const char *const observe_terms[] = {"kind",      "track", "node", "request",
                                            "validator", "from",  "to"};
enum { TERM_KIND, TERM_TRACK, TERM_NODE, TERM_REQUEST, TERM_VALIDATOR, TERM_FROM, TERM_TO, TERMS };

static size_t observe_count(const char *const *names)
{
    size_t count = 0;
    while (names[count] != NULL)
        count++;
    return count;
}

static void observe_unknown(const struct argp_state *state, const char *what, const char *word,
                            const char *const *names, size_t count)
{
    const char *near = diag_nearest(word, names, count);
    const char *list = "";
    struct observe *observe = state->input;
    for (size_t i = 0; i < count; i++)
        list = arena_print(observe->arena, "%s %s", list, names[i]);
    if (near != NULL)
        argp_error(state, "--filter: there is no %s '%s'; did you mean '%s'?", what, word, near);
    else
        argp_error(state, "--filter: there is no %s '%s'; expected one of%s", what, word, list);
}

/* The bit of a name, whatever its case. */
static uint32_t observe_bit(const struct argp_state *state, const char *what, const char *word,
                            const char *const *names)
{
    size_t count = observe_count(names);
    char *lower = arena_text(((struct observe *)state->input)->arena, word, strlen(word));
    for (char *c = lower; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c - 'A' + 'a');
    for (size_t i = 0; i < count; i++)
        if (strcmp(lower, names[i]) == 0) return (uint32_t)1 << i;
    observe_unknown(state, what, lower, names, count);
    return 0;
}

/* N or A-B. */
static void observe_range(const struct argp_state *state, const char *term, char *word,
                          struct watch_set *set)
{
    struct observe *observe = state->input;
    const char *option = arena_print(observe->arena, "--filter %s", term);
    char *dash = strchr(word, '-');
    if (dash != NULL) *dash = '\0';
    uint32_t low = (uint32_t)options_count(state, option, word, 0, UINT32_MAX - 1);
    uint32_t high = low;
    if (dash != NULL) high = (uint32_t)options_count(state, option, dash + 1, 0, UINT32_MAX - 1);
    if (high < low)
        argp_error(state, "%s: %" PRIu32 "-%" PRIu32 " ends before it begins", option, low, high);
    else if (set->count == WATCH_RANGES)
        argp_error(state, "%s: more than %d numbers or ranges", option, WATCH_RANGES);
    else
        set->ranges[set->count++] = (struct watch_range){low, high};
}

static int64_t observe_time(const struct argp_state *state, const char *term, const char *word)
{
    int64_t value = 0;
    const char *why = NULL;
    if (param_scan(PARAM_DURATION, word, strlen(word), &value, &why) != 0)
        argp_error(state, "--filter %s: '%s' %s", term, word, why);
    else if (value < 0)
        argp_error(state, "--filter %s: '%s' is before the start", term, word);
    return value;
}

static void observe_value(const struct argp_state *state, int term, char *word)
{
    struct observe *observe = state->input;
    struct watch_filter *f = &observe->options.filter;
    switch (term) {
    case TERM_KIND:
        f->kinds |= observe_bit(state, "kind of event", word, watch_kind_names);
        break;
    case TERM_TRACK:
        f->tracks |= observe_bit(state, "track", word, watch_track_names);
        break;
    case TERM_NODE:
        observe_range(state, "node", word, &f->nodes);
        break;
    case TERM_REQUEST:
        observe_range(state, "request", word, &f->requests);
        break;
    case TERM_VALIDATOR:
        observe_range(state, "validator", word, &f->validators);
        break;
    case TERM_FROM:
        f->from_ns = observe_time(state, "from", word);
        break;
    default:
        f->to_ns = observe_time(state, "to", word);
        observe->to_given = true;
        break;
    }
}

static void observe_term(const struct argp_state *state, char *text)
{
    char *value = strchr(text, '='), *rest = NULL;
    if (value == NULL || value[1] == '\0') {
        argp_error(state, "--filter: '%s' is not TERM=VALUE, such as node=3 or from=10min", text);
        return;
    }
    *value++ = '\0';
    int term = 0;
    while (term < TERMS && strcmp(text, observe_terms[term]) != 0)
        term++;
    if (term == TERMS) observe_unknown(state, "term", text, observe_terms, TERMS);
    for (char *word = strtok_r(value, ",", &rest); word; word = strtok_r(NULL, ",", &rest))
        observe_value(state, term, word);
}

static void observe_filter(const struct argp_state *state, const char *text)
{
    struct observe *observe = state->input;
    char *copy = arena_text(observe->arena, text, strlen(text)), *rest = NULL;
    for (char *term = strtok_r(copy, " \t", &rest); term; term = strtok_r(NULL, " \t", &rest))
        observe_term(state, term);
}

/* ---- options ------------------------------------------------------------------------------ */

static const char *observe_name(const struct argp_state *state, const char *option, char *name)
{
    if (*name == '\0') argp_error(state, "%s: the file name is empty", option);
    return name;
}

/* What was not named is not narrowed. */
static void observe_complete(struct observe *observe)
{
    struct watch_filter *f = &observe->options.filter, all = watch_filter_all();
    observe->kinds_given = f->kinds != 0;
    observe->tracks_given = f->tracks != 0;
    if (!observe->kinds_given) f->kinds = all.kinds;
    if (!observe->tracks_given) f->tracks = all.tracks;
    if (!observe->to_given) f->to_ns = all.to_ns;
    if (observe->profile) observe->options.profile = &observe->sum;
}

static error_t observe_parse(int key, char *argument, struct argp_state *state)
{
    struct observe *observe = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        observe->limit = OBSERVE_LIMIT;
        return 0;
    case KEY_TRACE:
        observe->trace = observe_name(state, "--trace", argument);
        return 0;
    case KEY_EVENTS:
        observe->events = observe_name(state, "--events", argument);
        return 0;
    case KEY_PROFILE:
        observe->profile = true;
        return 0;
    case KEY_FILTER:
        observe->narrowing = "--filter";
        observe_filter(state, argument);
        return 0;
    case KEY_REP:
        observe->narrowing = "--trace-rep";
        observe->options.replication =
            (uint32_t)options_count(state, "--trace-rep", argument, 0, UINT32_MAX - 1);
        return 0;
    case KEY_LIMIT:
        observe->narrowing = "--trace-limit";
        observe->limit = (uint64_t)options_count(state, "--trace-limit", argument, 1, INT64_MAX);
        return 0;
    case ARGP_KEY_END:
        observe_complete(observe);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option observe_options[] = {
    {.doc = "Looking into a run:"},
    {.name = "trace",
     .key = KEY_TRACE,
     .arg = "FILE",
     .doc = "write a trace for ui.perfetto.dev or chrome://tracing"},
    {.name = "events",
     .key = KEY_EVENTS,
     .arg = "FILE",
     .doc = "write a readable log, one line per event; - for standard output"},
    {.name = "filter",
     .key = KEY_FILTER,
     .arg = "TERMS",
     .doc = "what goes into both, as in 'kind=answer,tx node=3,10-19 request=17 validator=0 "
            "track=nodes,blocks from=10min to=12min'; a line or span must pass every term "
            "(kind= is of the log, track= of the trace); may be repeated"},
    {.name = "trace-rep",
     .key = KEY_REP,
     .arg = "N",
     .doc = "of which replication (default: 0, the first)"},
    {.name = "trace-limit",
     .key = KEY_LIMIT,
     .arg = "N",
     .doc = "most records of a trace and lines of a log (default: 2000000, about 230 MB); what is "
            "beyond is counted and reported"},
    {.name = "profile",
     .key = KEY_PROFILE,
     .doc = "after the summary, print events and wall time by kind and the queues' levels to "
            "standard error"},
    {.name = NULL},
};

const struct argp observe_argp = {.options = observe_options, .parser = observe_parse};

/* ---- refusals ----------------------------------------------------------------------------- */

void observe_check(const struct argp_state *state, const struct observe *observe, const char *json)
{
    bool log_out = observe->events != NULL && strcmp(observe->events, "-") == 0;
    if (observe->trace != NULL && strcmp(observe->trace, "-") == 0)
        argp_error(state, "--trace: standard output has the summary; name a file");
    if (log_out && json != NULL && strcmp(json, "-") == 0)
        argp_error(state, "--events -: --json - must be alone on standard output; name a file");
    if (observe->trace != NULL && observe->events != NULL &&
        strcmp(observe->trace, observe->events) == 0)
        argp_error(state, "--trace and --events name the same file");
    if (observe->narrowing != NULL && observe->trace == NULL && observe->events == NULL)
        argp_error(state, "%s: there is neither --trace nor --events to narrow",
                   observe->narrowing);
    if (observe->kinds_given && observe->events == NULL)
        argp_error(state, "--filter: kind= is of the log; there is no --events");
    if (observe->tracks_given && observe->trace == NULL)
        argp_error(state, "--filter: track= is of the trace; there is no --trace");
    if (observe->options.filter.from_ns > observe->options.filter.to_ns)
        argp_error(state, "--filter: from is after to");
}

bool observe_refused(const struct observe *observe, const struct models_scenario *scenario,
                     uint32_t reps)
{
    const char *why = watch_refuse(scenario, &observe->options.filter, observe->arena);
    if (why != NULL)
        fprintf(stderr, "hacasim run: --filter: %s\n", why);
    else if (observe->options.replication >= reps)
        fprintf(stderr,
                "hacasim run: --trace-rep: %" PRIu32 " is out of range (allowed: 0 to %" PRIu32
                ", as the run has %" PRIu32 ")\n",
                observe->options.replication, reps - 1, reps);
    else
        return false;
    return true;
}

/* ---- files -------------------------------------------------------------------------------- */

static enum status observe_failed(const struct watch_file *file)
{
    return status_fail(STATUS_OPERATING, "cannot write %s: %s", file->path,
                       errno != 0 ? strerror(errno) : "an earlier write failed");
}

static enum status observe_open_file(const struct observe *observe, struct watch_file *file,
                                     const char *path)
{
    if (path == NULL) return STATUS_OK;
    *file = (struct watch_file){.path = path, .limit = observe->limit, .stream = stdout};
    if (strcmp(path, "-") == 0) return STATUS_OK;
    file->stream = fopen(path, "we");
    if (file->stream == NULL) return observe_failed(file);
    char *buffer = arena_alloc(observe->arena, WATCH_BUFFER_BYTES, 1);
    setvbuf(file->stream, buffer, _IOFBF, WATCH_BUFFER_BYTES);
    return STATUS_OK;
}

enum status observe_open(struct observe *observe)
{
    TRY(observe_open_file(observe, &observe->trace_file, observe->trace), "--trace");
    if (observe->trace != NULL) observe->options.trace = &observe->trace_file;
    TRY(observe_open_file(observe, &observe->events_file, observe->events), "--events");
    if (observe->events != NULL) observe->options.log = &observe->events_file;
    return STATUS_OK;
}

static enum status observe_close_file(struct watch_file *file)
{
    if (file->stream == NULL) return STATUS_OK;
    errno = 0;
    bool failed = ferror(file->stream) != 0 || fflush(file->stream) != 0;
    int cause = errno;
    if (file->stream != stdout && fclose(file->stream) != 0 && !failed) {
        failed = true;
        cause = errno;
    }
    errno = cause;
    file->stream = NULL;
    return failed ? observe_failed(file) : STATUS_OK;
}

static void observe_say(const struct watch_file *file, const char *what, bool quiet)
{
    if (file->path == NULL) return;
    if (!quiet)
        fprintf(stderr, "%" PRIu64 " %s in %s\n", file->written, what,
                strcmp(file->path, "-") == 0 ? "standard output" : file->path);
    if (file->left_out > 0)
        fprintf(stderr,
                "warning: %s: %" PRIu64 " more %s were left out beyond --trace-limit %" PRIu64
                "; --filter narrows\n",
                file->path, file->left_out, what, file->limit);
}

/* A run that was stopped early may never have come to the replication. */
static void observe_make_whole(const struct observe *observe)
{
    FILE *stream = observe->trace_file.stream;
    if (stream != NULL && ftell(stream) == 0)
        fprintf(stream,
                "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[],\"otherData\":{\"ended\":"
                "\"replication %" PRIu32 " was not run\"}}\n",
                observe->options.replication);
}

enum status observe_close(struct observe *observe, enum status status, bool quiet)
{
    char chain[OBSERVE_CAUSE];
    status_take(chain, sizeof chain);
    observe_make_whole(observe);
    enum status closed = observe_close_file(&observe->trace_file);
    enum status other = observe_close_file(&observe->events_file);
    if (closed == STATUS_OK) closed = other;
    if (closed == STATUS_OK || status != STATUS_OK) {
        observe_say(&observe->trace_file, "trace records", quiet);
        observe_say(&observe->events_file, "events", quiet);
    }
    if (status == STATUS_OK) return closed;
    return *chain != '\0' ? status_fail(status, "%s", chain) : status;
}

/* ---- profile ------------------------------------------------------------------------------ */

static double observe_share(double part, double whole)
{
    return whole > 0 ? 100.0 * part / whole : 0.0;
}

static void observe_print_kinds(const struct watch_profile *p, FILE *out)
{
    bool shown[WATCH_KINDS] = {false};
    int64_t wall_ns = 0;
    for (int k = 0; k < WATCH_KINDS; k++)
        wall_ns += p->wall_ns[k];
    fprintf(out, "  %-10s %12s %7s %10s %7s %9s\n", "kind", "events", "", "time", "", "per event");
    for (;;) { /* the dearest first */
        int best = -1;
        for (int k = 0; k < WATCH_KINDS; k++)
            if (p->count[k] > 0 && !shown[k] && (best < 0 || p->wall_ns[k] > p->wall_ns[best]))
                best = k;
        if (best < 0) break;
        shown[best] = true;
        fprintf(out, "  %-10s %12" PRIu64 " %5.1f %% %7.1f ms %5.1f %% %6.0f ns\n",
                watch_kind_names[best], p->count[best],
                observe_share((double)p->count[best], (double)p->fired),
                (double)p->wall_ns[best] * 1e-6,
                observe_share((double)p->wall_ns[best], (double)wall_ns),
                (double)p->wall_ns[best] / (double)p->count[best]);
    }
    fprintf(out, "  %-10s %12" PRIu64 "         %7.1f ms         %6.0f ns\n", "all", p->fired,
            (double)wall_ns * 1e-6, p->fired > 0 ? (double)wall_ns / (double)p->fired : 0.0);
}

void observe_print(const struct observe *observe, FILE *out)
{
    static const char *const levels[WATCH_LEVELS] = {
        "events pending", "requests in flight", "requests running, all nodes",
        "requests waiting, all nodes", "transactions in the mempool"};
    const struct watch_profile *p = &observe->sum;
    if (!observe->profile) return;
    fprintf(out,
            "\nprofile of %" PRIu64 " replication%s (wall times are of this machine, and in no "
            "result)\n",
            p->replications, p->replications == 1 ? "" : "s");
    observe_print_kinds(p, out);
    fprintf(out,
            "  event list: %" PRIu64 " scheduled, %" PRIu64 " delivered, %" PRIu64
            " cancelled, %" PRIu64 " at the time of the one before\n",
            p->scheduled, p->fired, p->cancelled, p->ties);
    fprintf(out, "  %-30s %10s %12s\n", "level", "peak", "mean");
    for (int i = 0; i < WATCH_LEVELS; i++)
        fprintf(out, "  %-30s %10" PRId64 " %12.2f\n", levels[i], p->peak[i],
                p->replications > 0 ? p->mean[i] / (double)p->replications : 0.0);
}
