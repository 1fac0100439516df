/* SPDX-License-Identifier: Apache-2.0
 * The two models on the binary heap of a textbook: time as a double, ties by sequence, no
 * cancellation, no hash.  No simulator, but the yardstick that needs nothing installed: how fast
 * this PC is, and how much of the work is the models' own. */
#include <vector>

#include "tests/bench/peers/peer.h"

struct entry {
    double time;
    uint32_t seq, what;
};

static std::vector<entry> heap;
static double clock_now;
static uint32_t next_seq;

static double now()
{
    return clock_now;
}

static bool before(const entry &a, const entry &b)
{
    return a.time < b.time || (a.time == b.time && a.seq < b.seq);
}

static void schedule(double units, uint32_t what)
{
    entry e = {clock_now + units, next_seq++, what};
    size_t i = heap.size();
    heap.push_back(e);
    for (; i > 0 && before(e, heap[(i - 1) / 2]); i = (i - 1) / 2)
        heap[i] = heap[(i - 1) / 2];
    heap[i] = e;
}

static entry next()
{
    entry top = heap[0], last = heap.back();
    heap.pop_back();
    size_t i = 0, child, end = heap.size();
    while ((child = 2 * i + 1) < end) {
        if (child + 1 < end && before(heap[child + 1], heap[child])) child++;
        if (before(last, heap[child])) break;
        heap[i] = heap[child];
        i = child;
    }
    if (end > 0) heap[i] = last;
    clock_now = top.time;
    return top;
}

static void mm1(uint64_t customers)
{
    enum { ARRIVE, DEPART };
    peer_mm1 model("heap", now, customers);
    schedule(peer_exponential(), ARRIVE);
    while (!heap.empty()) {
        bool serve;
        if (next().what == ARRIVE) {
            serve = model.arrive();
            if (model.more()) schedule(peer_exponential(), ARRIVE);
        } else {
            serve = model.depart();
        }
        if (serve) schedule(PEER_LOAD * peer_exponential(), DEPART);
    }
}

static void hold(uint64_t pending)
{
    peer_hold model("heap", now, pending);
    for (uint64_t i = 0; i < pending; i++)
        schedule(peer_exponential(), static_cast<uint32_t>(i));
    for (;;) {
        schedule(peer_exponential(), next().what);
        model.fire();
    }
}

int main(int argc, char **argv)
{
    return peer_main(argc, argv, mm1, hold);
}
