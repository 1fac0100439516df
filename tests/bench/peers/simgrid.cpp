/* SPDX-License-Identifier: Apache-2.0
 * The two models on SimGrid, with its timers: on M/M/1 they are several times as fast as actors,
 * each of which has a stack of its own.  One actor sleeps all the time, because a simulation
 * without actors ends. */
#include <deque>
#include <simgrid/kernel/Timer.hpp>
#include <simgrid/s4u.hpp>

#include "tests/bench/peers/peer.h"

static double now()
{
    return simgrid::s4u::Engine::get_clock();
}

template <class F> static void schedule(double units, F handler)
{
    simgrid::kernel::timer::Timer::set(now() + units, handler);
}

struct queue {
    peer_mm1 model;

    void serve()
    {
        schedule(PEER_LOAD * peer_exponential(), [this] { depart(); });
    }
    void arrive()
    {
        if (model.arrive()) serve();
        if (model.more()) schedule(peer_exponential(), [this] { arrive(); });
    }
    void depart()
    {
        if (model.depart()) serve();
    }
};

struct thing {
    peer_hold &model;

    void wait()
    {
        schedule(peer_exponential(), [this] { act(); });
    }
    void act()
    {
        wait();
        model.fire();
    }
};

static void run()
{
    auto *zone = simgrid::s4u::create_full_zone("zone");
    auto *host = zone->create_host("host", 1e9);
    zone->seal();
    simgrid::s4u::Actor::create("sleeper", host,
                                [] { simgrid::s4u::this_actor::sleep_until(1e12); });
    simgrid::s4u::Engine::get_instance()->run();
}

static void mm1(uint64_t customers)
{
    queue q = {peer_mm1("simgrid", now, customers)};
    schedule(peer_exponential(), [&q] { q.arrive(); });
    run();
}

static void hold(uint64_t pending)
{
    peer_hold model("simgrid", now, pending);
    std::deque<thing> things;
    for (uint64_t i = 0; i < pending; i++)
        things.push_back({model});
    for (thing &t : things)
        t.wait();
    run();
}

int main(int argc, char **argv)
{
    simgrid::s4u::Engine engine(&argc, argv);
    return peer_main(argc, argv, mm1, hold);
}
