/* SPDX-License-Identifier: Apache-2.0
 * How far a set of replications is.
 *
 * Answers for: one line that is true at any time.  The share done is simulated time reached over
 * simulated time wanted, all replications together; the rate is simulated over wall time; the time
 * left assumes that the rate stays.  A log gets a line every ten seconds, so that an hour's run
 * leaves hundreds of lines and not hundreds of thousands. */
#include "analysis/progress.h"

#include <math.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { BAR_CELLS = 24, LOG_EVERY_S = 10 };

static const double BAR_EVERY_S = 0.1; /* a terminal: smooth enough to the eye */

double progress_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void progress_open(struct progress *progress, struct arena *arena, const char *name, uint32_t reps,
                   bool quiet)
{
    *progress = (struct progress){.name = name,
                                  .quiet = quiet,
                                  .tty = isatty(STDERR_FILENO) == 1,
                                  .reps = reps,
                                  .now_ns = arena_alloc(arena, reps, sizeof *progress->now_ns),
                                  .start_s = progress_clock()};
}

static double progress_simulated_s(const struct progress *progress)
{
    double sum_ns = 0;
    for (uint32_t i = 0; i < progress->reps; i++)
        sum_ns += (double)progress->now_ns[i];
    return sum_ns * 1e-9;
}

static const char *progress_time_left(char *buffer, size_t size, double seconds)
{
    if (!isfinite(seconds)) return "? left";
    if (seconds < 90)
        snprintf(buffer, size, "%.0f s left", seconds);
    else if (seconds < 5400)
        snprintf(buffer, size, "%.0f min left", seconds / 60);
    else
        snprintf(buffer, size, "%.1f h left", seconds / 3600);
    return buffer;
}

static void progress_print(struct progress *progress, double now_s)
{
    double elapsed_s = now_s - progress->start_s, simulated_s = progress_simulated_s(progress);
    double wanted_s = (double)progress->end_ns * 1e-9 * progress->reps;
    double share = wanted_s > 0 ? fmin(simulated_s / wanted_s, 1) : 0;
    double rate = simulated_s / elapsed_s;
    char left[32], bar[BAR_CELLS + 1];
    for (int i = 0; i < BAR_CELLS; i++)
        bar[i] = i < (int)(share * BAR_CELLS) ? '#' : '-';
    bar[BAR_CELLS] = '\0';
    if (progress->tty)
        fprintf(stderr, "\r%s [%s] ", progress->name, bar);
    else
        fprintf(stderr, "%s: ", progress->name);
    fprintf(stderr, "%.0f %%, %u of %u replications, %.*f x real time, %s", 100 * share,
            progress->done, progress->reps, rate < 10, rate,
            progress_time_left(left, sizeof left, (wanted_s - simulated_s) / rate));
    fputs(progress->tty ? "\033[K" : "\n", stderr);
    progress->shown_s = now_s;
}

/* How far a rule is cannot be told, only how much was done for it. */
static void progress_print_ruled(struct progress *progress, double now_s)
{
    double rate = progress_simulated_s(progress) / (now_s - progress->start_s);
    fprintf(stderr, "%s%s: %u replications (at most %u), %.*f x real time%s",
            progress->tty ? "\r" : "", progress->name, progress->done, progress->reps, rate < 10,
            rate, progress->tty ? "\033[K" : "\n");
    progress->shown_s = now_s;
}

static void progress_tick(struct progress *progress)
{
    if (progress->quiet) return;
    double now_s = progress_clock();
    double since_s = now_s - (progress->shown_s > 0 ? progress->shown_s : progress->start_s);
    if (since_s < (progress->tty ? BAR_EVERY_S : LOG_EVERY_S)) return;
    if (progress->ruled)
        progress_print_ruled(progress, now_s);
    else
        progress_print(progress, now_s);
}

void progress_update(struct progress *progress, uint32_t replication, int64_t now_ns,
                     int64_t end_ns)
{
    progress->now_ns[replication] = now_ns;
    progress->end_ns = end_ns;
    progress_tick(progress);
}

void progress_done(struct progress *progress, uint32_t replication)
{
    progress->done++;
    progress->now_ns[replication] = progress->end_ns;
    progress_tick(progress);
}

void progress_close(struct progress *progress)
{
    if (progress->tty && progress->shown_s > 0) fputs("\r\033[K", stderr);
}
