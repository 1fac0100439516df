/* SPDX-License-Identifier: Apache-2.0
 * What the programs for other simulators share: the two models, their random numbers, their clock
 * and the check of their answers, so that only the engine differs.
 *
 * mm1: an M/M/1 queue, interarrival times of mean 1, service times of mean 0.9, until all
 * customers have left: two events for each.
 * hold: N pending events, each of a thing of its own, which schedules the next an exponential time
 * of mean 1 later; a quarter as many events again go before, unmeasured.
 *
 * A program is called `PROGRAM mm1 CUSTOMERS` or `PROGRAM hold PENDING`.  Its model writes the
 * line `bench peer.PROGRAM.MODEL VALUE UNIT` and ends the process inside the last event: taking
 * down a million objects is no part of the measurement. */
#ifndef HACASIM_TESTS_BENCH_PEERS_PEER_H
#define HACASIM_TESTS_BENCH_PEERS_PEER_H

#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

/* Ticks of the integer clocks in one unit of time: as fine as nanoseconds in a second. */
constexpr double PEER_TICKS = 1e9;
constexpr double PEER_LOAD = 0.9;

/* SplitMix64: two multiplications a draw, so that no engine waits for its random numbers. */
inline uint64_t peer_bits()
{
    static uint64_t state = 1;
    uint64_t x = state += 0x9e3779b97f4a7c15U;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9U;
    x = (x ^ x >> 27) * 0x94d049bb133111ebU;
    return x ^ x >> 31;
}

inline double peer_unit()
{
    return static_cast<double>(peer_bits() >> 11) * 0x1p-53;
}

/* The ziggurat of Marsaglia and Tsang (2000) with 256 layers: layer i reaches to edge[i], and what
 * lies left of edge[i + 1] in it is under the curve for sure. */
class peer_ziggurat {
  public:
    double edge[257], height[257], scale[256];
    static constexpr double TAIL = 7.69711747013104972, AREA = 3.949659822581572e-3;

    peer_ziggurat()
    {
        edge[0] = AREA * std::exp(TAIL);
        edge[1] = TAIL;
        for (int i = 2; i < 256; i++)
            edge[i] = -std::log(std::exp(-edge[i - 1]) + AREA / edge[i - 1]);
        edge[256] = 0.0;
        for (int i = 0; i < 257; i++)
            height[i] = std::exp(-edge[i]);
        for (int i = 0; i < 256; i++)
            scale[i] = edge[i] * 0x1p-53;
    }
};

inline const peer_ziggurat peer_layers;

/* Exponential of mean 1. */
inline double peer_exponential()
{
    const peer_ziggurat &z = peer_layers;
    for (;;) {
        uint64_t u = peer_bits();
        unsigned i = u & 255;
        double x = static_cast<double>(u >> 11) * z.scale[i];
        if (x < z.edge[i + 1]) return x;
        if (i == 0) return z.TAIL + peer_exponential();
        double y = z.height[i] + (z.height[i + 1] - z.height[i]) * peer_unit();
        if (y < std::exp(-x)) return x;
    }
}

inline double peer_cpu_s()
{
    timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

inline void peer_expect(const char *what, double value, double theory, double half_width)
{
    if (std::fabs(value - theory) <= half_width) return;
    std::fprintf(stderr, "wrong answer: %s is %.7g, must be %.7g +- %.2g\n", what, value, theory,
                 half_width);
    _exit(1);
}

/* What is common to both models. */
class peer_model {
  public:
    peer_model(const char *engine_name, double (*clock)(), uint64_t n)
        : engine(engine_name), now(clock), size(n)
    {
    }

  protected:
    /* Means are held to four standard errors: a right engine fails once in 16,000 seeds, and the
     * seed is fixed. */
    static constexpr double ERRORS = 4.0;

    void begin()
    {
        began_s = peer_cpu_s();
    }
    [[noreturn]] void report(const char *name, double events) const
    {
        double took_s = peer_cpu_s() - began_s;
        std::printf("bench peer.%s.%s_events_per_s %.0f 1/s\n", engine, name, events / took_s);
        std::fflush(stdout);
        _exit(0);
    }
    const char *engine;
    double (*now)(); /* simulated time in units */
    uint64_t size;

  private:
    double began_s = 0.0;
};

class peer_mm1 : public peer_model {
  public:
    peer_mm1(const char *engine_name, double (*clock)(), uint64_t customers)
        : peer_model(engine_name, clock, customers)
    {
        begin();
    }
    /* True: the server was idle and starts. */
    bool arrive()
    {
        found += in_system;
        arrived++;
        return in_system++ == 0;
    }
    bool more() const
    {
        return arrived < size;
    }
    /* True: the server goes on with the next. */
    bool depart()
    {
        served++;
        if (--in_system > 0) return true;
        if (served == size) finish();
        return false;
    }

  private:
    /* Arrivals find rho / (1 - rho) on the mean, and the mean over n of them has the variance
     * rho (1 + rho)^2 / (1 - rho)^4 / n: the Poisson equation of the queue at arrivals is solved
     * by x (rho x + 2 + rho) / (2 (1 - rho)). */
    [[noreturn]] void finish() const
    {
        double n = static_cast<double>(size), idle = 1.0 - PEER_LOAD;
        double error = std::sqrt(PEER_LOAD / n) * (1.0 + PEER_LOAD) / (idle * idle);
        peer_expect("number of arrivals", static_cast<double>(arrived), n, 0.0);
        peer_expect("number found by an arrival", static_cast<double>(found) / n, PEER_LOAD / idle,
                    ERRORS * error);
        peer_expect("time at the end", now(), n, ERRORS * std::sqrt(n));
        report("mm1", static_cast<double>(arrived + served));
    }
    uint64_t arrived = 0, served = 0, in_system = 0, found = 0;
};

class peer_hold : public peer_model {
  public:
    using peer_model::peer_model;

    /* Counts an event; its successor has been scheduled. */
    void fire()
    {
        if (++fired == WARM) {
            begin();
            began = now();
        } else if (fired == WARM + EVENTS) {
            finish();
        }
    }

  private:
    static constexpr uint64_t EVENTS = 2000000, WARM = EVENTS / 4;

    /* The events are a Poisson process of rate N: the time that a given number of them takes,
     * times N, has that number as its mean and as its variance. */
    [[noreturn]] void finish() const
    {
        double events = static_cast<double>(EVENTS);
        peer_expect("time taken, times pending", (now() - began) * static_cast<double>(size),
                    events, ERRORS * std::sqrt(events));
        char name[32];
        bool millions = size % 1000000 == 0;
        std::snprintf(name, sizeof name, "hold_%u%c",
                      static_cast<unsigned>(size / (millions ? 1000000 : 1000)),
                      millions ? 'm' : 'k');
        report(name, events);
    }
    uint64_t fired = 0;
    double began = 0.0;
};

/* Run the model that the arguments name.  `mm1` and `hold` do not return if all is well. */
inline int peer_main(int argc, char **argv, void (*mm1)(uint64_t), void (*hold)(uint64_t))
{
    uint64_t n = argc == 3 ? std::strtoull(argv[2], nullptr, 10) : 0;
    if (n > 0 && std::strcmp(argv[1], "mm1") == 0) mm1(n);
    if (n > 0 && std::strcmp(argv[1], "hold") == 0) hold(n);
    std::fprintf(stderr,
                 n > 0 ? "wrong answer: the run ended early\n"
                       : "usage: %s mm1 CUSTOMERS | hold PENDING\n",
                 argv[0]);
    return 1;
}

#endif
