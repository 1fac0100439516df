/* SPDX-License-Identifier: Apache-2.0
 * The two models on SystemC.
 *
 * Methods, not threads: a thread pays for a change of stacks and has about 0.65 times the speed.
 * Each thing of hold is a method that sets its own next trigger; with an sc_event for each it is 4
 * % faster at 1,000 and slower from 100,000 on.  (An sc_event_queue would be faster, but all its
 * events belong to one process.)  Times are made from whole ticks, past the conversion of units. */
#include <deque>
#include <systemc>

#include "tests/bench/peers/peer.h"

static sc_core::sc_time after(double units)
{
    return sc_core::sc_time::from_value(static_cast<uint64_t>(units * PEER_TICKS));
}

static double now()
{
    return static_cast<double>(sc_core::sc_time_stamp().value()) / PEER_TICKS;
}

struct queue : sc_core::sc_module {
    peer_mm1 model;
    sc_core::sc_event arrival, departure;

    SC_HAS_PROCESS(queue);
    queue(const sc_core::sc_module_name &name, uint64_t customers)
        : sc_module(name), model("systemc", now, customers)
    {
        SC_METHOD(arrive);
        sensitive << arrival;
        dont_initialize();
        SC_METHOD(depart);
        sensitive << departure;
        dont_initialize();
        arrival.notify(after(peer_exponential()));
    }
    void serve()
    {
        departure.notify(after(PEER_LOAD * peer_exponential()));
    }
    void arrive()
    {
        if (model.arrive()) serve();
        if (model.more()) arrival.notify(after(peer_exponential()));
    }
    void depart()
    {
        if (model.depart()) serve();
    }
};

struct thing : sc_core::sc_module {
    peer_hold &model;
    bool started = false;

    SC_HAS_PROCESS(thing);
    thing(const sc_core::sc_module_name &name, peer_hold &shared) : sc_module(name), model(shared)
    {
        SC_METHOD(act);
    }
    void act() /* also called once at time 0 */
    {
        next_trigger(after(peer_exponential()));
        if (started) model.fire();
        started = true;
    }
};

static void mm1(uint64_t customers)
{
    queue q("queue", customers);
    sc_core::sc_start();
}

static void hold(uint64_t pending)
{
    peer_hold model("systemc", now, pending);
    std::deque<thing> things;
    for (uint64_t i = 0; i < pending; i++)
        things.emplace_back(sc_core::sc_gen_unique_name("thing"), model);
    sc_core::sc_start();
}

int sc_main(int argc, char **argv)
{
    return peer_main(argc, argv, mm1, hold);
}
