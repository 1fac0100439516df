/* SPDX-License-Identifier: Apache-2.0
 * The last events, when a run breaks.
 *
 * Each world keeps its last events in a ring (world.h).  A failed assertion and abort raise SIGABRT
 * in the thread that failed, a bad access SIGSEGV in the thread that made it; so the handler finds
 * the right world in a variable of its thread.  It formats into an array on its own stack, without
 * locale, stdio or memory from anywhere, and hands it to write(2) at once.  Then it puts back what
 * the signal did before and raises it again, so that the process dies of it as it would have, with
 * its core dump and exit code. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "models/watch_internal.h"

enum { WATCH_CRASH_TEXT = 8192, WATCH_CRASH_STACK = 65536 };

static _Thread_local struct {
    const struct world *world;
    const char *replay;
    bool replay_whole;
} watch_crash_here;

struct watch_crash_text {
    size_t used;
    char bytes[WATCH_CRASH_TEXT];
};

/* ---- text without stdio ---------------------------------------------------------------------- */

static void watch_crash_put(struct watch_crash_text *text, const char *words)
{
    while (*words && text->used < WATCH_CRASH_TEXT)
        text->bytes[text->used++] = *words++;
}

/* At least `width` digits, with zeros in front. */
static void watch_crash_number(struct watch_crash_text *text, uint64_t value, int width)
{
    char digits[24];
    int at = sizeof digits - 1;
    digits[at] = '\0';
    for (; value > 0 || width > 0; width--) {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    }
    watch_crash_put(text, digits + at);
}

static void watch_crash_seconds(struct watch_crash_text *text, int64_t time_ns)
{
    uint64_t ns = time_ns < 0 ? 0 : (uint64_t)time_ns;
    watch_crash_number(text, ns / 1000000000, 1);
    watch_crash_put(text, ".");
    watch_crash_number(text, ns % 1000000000, 9);
    watch_crash_put(text, " s");
}

/* ---- events ---------------------------------------------------------------------------------- */

static const struct {
    const char *entity, *arg; /* what the numbers of an event are; NULL: nothing */
} watch_crash_words[EV_KINDS] = {
    [EV_ARRIVAL] = {NULL, "request"},     [EV_DELIVER] = {"slot", "request"},
    [EV_SERVE] = {"node", NULL},          [EV_ANSWER] = {"slot", "request"},
    [EV_ACT] = {"slot", "request"},       [EV_TIMEOUT] = {"slot", "request"},
    [EV_NOTICE] = {"slot", "request"},    [EV_POST] = {"slot", "request"},
    [EV_TX] = {"transaction", "of kind"}, [EV_HEARTBEAT] = {"node", NULL},
    [EV_LOST] = {"slot", "request"},      [EV_RELEASE] = {"node", NULL},
    [EV_COMMIT] = {"proposer", "round"},  [EV_INCIDENT] = {"scheduled event", "phase"},
    [EV_ADVERSARY] = {"adversary", NULL}, [EV_WINDOW] = {NULL, "phase"},
    [EV_HANDOFF] = {"slot", "request"},   [EV_TURN] = {"session", "request"},
};

static void watch_crash_event(struct watch_crash_text *text, const struct event *e)
{
    const char *name = e->kind < WATCH_KINDS ? watch_kind_names[e->kind] : "unknown";
    watch_crash_put(text, "  ");
    watch_crash_seconds(text, e->time_ns);
    watch_crash_put(text, "  #");
    watch_crash_number(text, e->seq, 1);
    watch_crash_put(text, "  ");
    watch_crash_put(text, name);
    if (e->kind < EV_KINDS && watch_crash_words[e->kind].arg) {
        watch_crash_put(text, ", ");
        watch_crash_put(text, watch_crash_words[e->kind].arg);
        watch_crash_put(text, " ");
        watch_crash_number(text, e->arg, 1);
    }
    if (e->kind < EV_KINDS && watch_crash_words[e->kind].entity) {
        watch_crash_put(text, ", ");
        watch_crash_put(text, watch_crash_words[e->kind].entity);
        watch_crash_put(text, " ");
        watch_crash_number(text, e->entity, 1);
    }
    watch_crash_put(text, "\n");
}

static void watch_crash_world(struct watch_crash_text *text, const struct world *w)
{
    uint64_t taken = w->last_count, count = taken < WORLD_LAST ? taken : WORLD_LAST;
    watch_crash_put(text, " at ");
    watch_crash_seconds(text, world_now(w));
    watch_crash_put(text, " of simulated time, seed ");
    watch_crash_number(text, w->seed, 1);
    watch_crash_put(text, ", replication ");
    watch_crash_number(text, w->replication, 1);
    watch_crash_put(text, ", in event ");
    watch_crash_number(text, taken, 1);
    watch_crash_put(text, "\nthe last events, the newest last (time, number, kind):\n");
    for (uint64_t i = taken - count; i < taken; i++)
        watch_crash_event(text, &w->last[i % WORLD_LAST]);
    if (!watch_crash_here.replay) return;
    watch_crash_put(text, "it runs again with: ");
    watch_crash_put(text, watch_crash_here.replay);
    if (!watch_crash_here.replay_whole) {
        watch_crash_put(text, " --reps ");
        watch_crash_number(text, (uint64_t)w->replication + 1, 1);
    }
    watch_crash_put(text, "\n");
}

void watch_crash_report(const char *why)
{
    struct watch_crash_text text;
    text.used = 0;
    watch_crash_put(&text, "\nhacasim: ");
    watch_crash_put(&text, why);
    if (watch_crash_here.world)
        watch_crash_world(&text, watch_crash_here.world);
    else
        watch_crash_put(&text, "; this thread was running no world\n");
    ssize_t written = write(STDERR_FILENO, text.bytes, text.used);
    (void)written; /* nobody left to tell */
}

/* ---- signals --------------------------------------------------------------------------------- */

static struct sigaction watch_crash_before[NSIG]; /* what the signals did before */

/* A sanitizer that caught the signal before gets it after. */
static void watch_crash_on_signal(int number)
{
    const char *why = "died of a signal";
    if (number == SIGABRT) why = "aborted";
    if (number == SIGSEGV || number == SIGBUS) why = "made a bad memory access";
    if (number == SIGFPE || number == SIGILL) why = "made an impossible computation";
    watch_crash_report(why);
    sigaction(number, &watch_crash_before[number], NULL);
    raise(number);
}

void watch_crash_catch(void)
{
    static const int numbers[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    struct sigaction action = {.sa_handler = watch_crash_on_signal, .sa_flags = SA_ONSTACK}, before;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        sigaction(numbers[i], &action, &before);
        if (before.sa_handler == watch_crash_on_signal) continue; /* called twice */
        watch_crash_before[numbers[i]] = before;
    }
}

/* A stack that overflowed cannot carry the handler. */
static void watch_crash_stack(void)
{
    static _Thread_local char bytes[WATCH_CRASH_STACK];
    stack_t old, mine = {.ss_sp = bytes, .ss_size = sizeof bytes};
    if (sigaltstack(NULL, &old) == 0 && (old.ss_flags & SS_DISABLE)) sigaltstack(&mine, NULL);
}

void watch_crash_enter(const struct world *w, const struct watch_options *options)
{
    watch_crash_here.world = w;
    watch_crash_here.replay = options ? options->replay : NULL;
    watch_crash_here.replay_whole = options && options->replay_whole;
    if (w) watch_crash_stack();
}
