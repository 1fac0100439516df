/* SPDX-License-Identifier: Apache-2.0
 * Tests of the registry (rules of TEERegistry.sol, active lists) and of the routing policies. */
#include <math.h>

#include "models/router.h"
#include "tests/unit/unit.h"

#define S INT64_C(1000000000)
#define NONE UINT32_MAX

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, "test", 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static const struct registry_params as_coded = {
    .heartbeat_interval = 900 * S, .heartbeat_back_date = 300 * S, .heartbeat_max_age = 1800 * S};

/* `count` nodes of model 0, registered at time 0. */
static struct registry nodes(uint32_t count)
{
    struct registry reg;
    registry_init(&reg, &as_coded, 2, &arena);
    for (uint32_t i = 0; i < count; i++) {
        struct registry_terms terms = {.capacity = 1, .measurement = i % 2};
        assert_int_equal(registry_add(&reg, &terms), i);
        assert_true(registry_register(&reg, i, 0));
    }
    return reg;
}

static uint32_t active_count(const struct registry *reg)
{
    return registry_actives(reg, 0)->count;
}

/* ---- registry ------------------------------------------------------------------------------ */

static void a_heartbeat_keeps_a_node_active(void **state)
{
    (void)state;
    struct registry reg = nodes(2);
    assert_int_equal(registry_next_expiry_ns(&reg), 1800 * S + 1);
    assert_true(registry_heartbeat(&reg, 0, 600 * S, 900 * S));
    assert_int_equal(registry_expire(&reg, 1800 * S), 0); /* exactly max_age old: fresh */
    assert_int_equal(active_count(&reg), 2);
    assert_int_equal(registry_expire(&reg, 1800 * S + 1), 1);
    assert_int_equal(active_count(&reg), 1);
    assert_int_equal(registry_actives(&reg, 0)->nodes[0], 0);
    /* The age counts from the block of the heartbeat (900 s), not from its signed time. */
    assert_int_equal(registry_next_expiry_ns(&reg), 2700 * S + 1);
    assert_int_equal(registry_expire(&reg, 2700 * S + 1), 1);
    assert_int_equal(active_count(&reg), 0);
    assert_int_equal(registry_next_expiry_ns(&reg), INT64_MAX);
    /* A late heartbeat brings it back without an enable. */
    assert_true(registry_heartbeat(&reg, 0, 3000 * S, 3000 * S));
    assert_int_equal(active_count(&reg), 1);
}

/* Every 900 s with one beat missed: the node stays, by a hair, as the contract comments intend. */
static void one_missed_heartbeat_is_tolerated_two_are_not(void **state)
{
    (void)state;
    struct registry reg = nodes(1);
    assert_true(registry_heartbeat(&reg, 0, 600 * S, 900 * S));
    registry_expire(&reg, 2700 * S); /* the beat of 1800 s was missed */
    assert_int_equal(active_count(&reg), 1);
    assert_true(registry_heartbeat(&reg, 0, 2400 * S, 2700 * S));
    registry_expire(&reg, 4600 * S); /* those of 3600 s and 4500 s */
    assert_int_equal(active_count(&reg), 0);
}

static void heartbeats_outside_the_window_revert(void **state)
{
    (void)state;
    struct registry reg = nodes(1);
    assert_false(registry_heartbeat(&reg, 0, 1000 * S + 1, 1000 * S)); /* from the future */
    assert_true(registry_heartbeat(&reg, 0, 1000 * S, 1000 * S));
    assert_false(registry_heartbeat(&reg, 0, 199 * S, 2000 * S)); /* 1801 s old */
    assert_true(registry_heartbeat(&reg, 0, 200 * S, 2000 * S));
    registry_disable(&reg, 0);
    assert_false(registry_heartbeat(&reg, 0, 2000 * S, 2000 * S));
    struct registry_terms terms = {.capacity = 1};
    uint32_t stranger = registry_add(&reg, &terms);
    assert_false(registry_heartbeat(&reg, stranger, 2000 * S, 2000 * S));
    assert_false(registry_enable(&reg, stranger, 2000 * S));
}

static void disabling_and_enabling(void **state)
{
    (void)state;
    struct registry reg = nodes(3);
    registry_disable(&reg, 1);
    registry_disable(&reg, 1);
    assert_int_equal(active_count(&reg), 2);
    assert_int_equal(registry_actives(&reg, 0)->nodes[1], 2);
    assert_true(registry_enable(&reg, 1, 100 * S));
    assert_int_equal(active_count(&reg), 3);
    registry_disable(&reg, 1);
    assert_true(registry_enable(&reg, 1, 1801 * S)); /* enabled, but its heartbeat is too old */
    assert_false(reg.nodes[1].active);
    assert_true(registry_heartbeat(&reg, 1, 1801 * S, 1801 * S));
    assert_true(reg.nodes[1].active);
}

static void revoking_disables_all_that_run_it(void **state)
{
    (void)state;
    struct registry reg = nodes(6); /* measurements 0 1 0 1 0 1 */
    struct registry_terms terms = {.capacity = 1, .measurement = 1};
    uint32_t late = registry_add(&reg, &terms);
    registry_revoke(&reg, 1);
    assert_int_equal(active_count(&reg), 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(registry_actives(&reg, 0)->nodes[i], 2 * i);
    assert_false(registry_enable(&reg, 1, S));
    assert_false(registry_heartbeat(&reg, 1, S, S));
    assert_false(registry_register(&reg, late, S));
    registry_approve(&reg, 1); /* approving again enables nobody */
    assert_int_equal(active_count(&reg), 3);
    assert_true(registry_enable(&reg, 1, S));
    assert_true(registry_register(&reg, late, S));
    assert_int_equal(active_count(&reg), 5);
}

/* Random histories: the list always is the sorted set of nodes that the rules call active. */
static void lists_are_sorted_sets_whatever_the_history(void **state)
{
    (void)state;
    enum { NODES = 60, STEPS = 20000 };
    struct registry reg;
    registry_init(&reg, &as_coded, 2, &arena);
    struct rng_stream s = rng_open(77, 0, 1, 2);
    for (uint32_t i = 0; i < NODES; i++) {
        struct registry_terms terms = {.capacity = 1, .model = i % 2, .measurement = i % 5};
        registry_add(&reg, &terms);
        if (i % 3) registry_register(&reg, i, 0);
    }
    int64_t now = 0;
    for (int step = 0; step < STEPS; step++) {
        uint32_t node = (uint32_t)rng_below(&s, NODES);
        now += (int64_t)rng_below(&s, 20 * S);
        registry_expire(&reg, now);
        switch (rng_below(&s, 40)) {
        case 0:
            registry_disable(&reg, node);
            break;
        case 1:
            registry_revoke(&reg, node % 5);
            break;
        case 2:
            registry_approve(&reg, node % 5);
            break;
        case 3:
            if (!reg.nodes[node].registered) registry_register(&reg, node, now);
            break;
        default:
            if (step % 2)
                registry_enable(&reg, node, now);
            else
                registry_heartbeat(&reg, node, now - (int64_t)rng_below(&s, 1900 * S), now);
        }
        assert_true(registry_next_expiry_ns(&reg) > now);
        uint32_t at[2] = {0, 0};
        for (uint32_t i = 0; i < NODES; i++) {
            const struct registry_node *n = &reg.nodes[i];
            bool active = n->registered && n->enabled && n->approved &&
                          now - n->last_heartbeat_ns <= 1800 * S;
            assert_int_equal(n->active, active);
            if (active) {
                const struct registry_list *list = registry_actives(&reg, i % 2);
                assert_true(at[i % 2] < list->count);
                assert_int_equal(list->nodes[at[i % 2]++], i);
            }
        }
        for (uint32_t m = 0; m < 2; m++)
            assert_int_equal(registry_actives(&reg, m)->count, at[m]);
    }
}

/* ---- router -------------------------------------------------------------------------------- */

static struct router open_router(enum router_policy policy)
{
    struct router router;
    struct router_params params = {.policy = (int)policy, .refresh = 300 * S};
    router_init(&router, &params, 5, 0, 100, &arena);
    return router;
}

static struct net world(void)
{
    struct net net;
    struct net_params params = {.intra_region = S / 2000, .bandwidth = 1e9};
    net_init(&net, &params, &arena);
    return net;
}

static uint32_t pick(struct router *router, const struct registry *reg, uint32_t request)
{
    struct net net = world();
    struct router_query query = {.request = request, .prompt_tok = 1000, .output_tok = 200};
    return router_pick(router, reg, &net, &query);
}

static void nobody_active_gives_none(void **state)
{
    (void)state;
    struct registry reg;
    registry_init(&reg, &as_coded, 2, &arena);
    for (int policy = ROUTER_RANDOM; policy <= ROUTER_STICKY; policy++) {
        struct router router = open_router((enum router_policy)policy);
        assert_int_equal(pick(&router, &reg, 0), NONE);
    }
}

static void models_are_kept_apart(void **state)
{
    (void)state;
    struct registry reg = nodes(3);
    struct net net = world();
    struct registry_terms terms = {.capacity = 1, .model = 1};
    uint32_t other = registry_add(&reg, &terms);
    registry_register(&reg, other, 0);
    for (int policy = ROUTER_RANDOM; policy <= ROUTER_STICKY; policy++) {
        struct router router = open_router((enum router_policy)policy);
        for (uint32_t i = 0; i < 50; i++) {
            struct router_query query = {.model = i % 2, .request = i, .client = 3};
            uint32_t node = router_pick(&router, &reg, &net, &query);
            assert_true(i % 2 ? node == other : node < 3);
        }
    }
}

static void random_is_uniform(void **state)
{
    (void)state;
    struct registry reg = nodes(20);
    struct router router = open_router(ROUTER_RANDOM);
    double count[20] = {0}, chi = 0.0;
    for (uint32_t i = 0; i < 40000; i++)
        count[pick(&router, &reg, i)]++;
    for (int i = 0; i < 20; i++)
        chi += (count[i] - 2000.0) * (count[i] - 2000.0) / 2000.0;
    assert_true(chi < 43.8 && chi > 5.4); /* 0.1 % points, 19 degrees */
    assert_int_equal(pick(&router, &reg, 123), pick(&router, &reg, 123)); /* keyed by request */
}

static void a_retry_draws_again(void **state)
{
    (void)state;
    struct registry reg = nodes(20);
    struct net net = world();
    struct router router = open_router(ROUTER_RANDOM);
    int same = 0;
    for (uint32_t i = 0; i < 4000; i++) {
        struct router_query query = {.request = i};
        uint32_t first = router_pick(&router, &reg, &net, &query);
        query.attempt = 1;
        same += first == router_pick(&router, &reg, &net, &query);
    }
    assert_true(fabs(same - 200.0) < 4.0 * sqrt(190.0)); /* independent: one in twenty */
}

static void least_loaded_counts_requests_per_capacity(void **state)
{
    (void)state;
    struct registry reg = nodes(3);
    struct router router = open_router(ROUTER_LEAST_LOADED);
    assert_int_equal(pick(&router, &reg, 0), 0);
    registry_begin(&reg, 0);
    assert_int_equal(pick(&router, &reg, 0), 1);
    registry_begin(&reg, 1);
    registry_begin(&reg, 2);
    registry_begin(&reg, 2);
    assert_int_equal(pick(&router, &reg, 0), 0); /* 1 1 2 */
    reg.nodes[2].terms.capacity = 3;
    assert_int_equal(pick(&router, &reg, 0), 2); /* 1 1 2/3 */
    registry_begin(&reg, 2);
    assert_int_equal(pick(&router, &reg, 0), 0); /* 1 1 1 */
    registry_end(&reg, 1);
    assert_int_equal(pick(&router, &reg, 0), 1);
}

static void cheapest_prices_this_request(void **state)
{
    (void)state;
    struct registry reg = nodes(3);
    struct net net = world();
    struct router router = open_router(ROUTER_CHEAPEST);
    static const int64_t in[] = {2000000000, 1250000000, 1250000000};
    static const int64_t out[] = {8000000000, 10000000000, 10000000000};
    for (int i = 0; i < 3; i++) {
        reg.nodes[i].terms.price_in_usd = in[i];
        reg.nodes[i].terms.price_out_usd = out[i];
    }
    struct router_query query = {.prompt_tok = 1000, .output_tok = 1000};
    assert_int_equal(router_pick(&router, &reg, &net, &query), 0); /* $0.010 against 0.01125 */
    query.output_tok = 100;
    assert_int_equal(router_pick(&router, &reg, &net, &query), 1); /* $0.0028 against 0.00225 */
    registry_begin(&reg, 1);
    assert_int_equal(router_pick(&router, &reg, &net, &query), 2);
}

static void nearest_goes_by_the_clients_region(void **state)
{
    (void)state;
    struct registry reg = nodes(3);
    struct net net = world();
    struct router router = open_router(ROUTER_NEAREST);
    reg.nodes[0].terms.region = net_region_find("Tokyo");
    reg.nodes[1].terms.region = net_region_find("Frankfurt");
    reg.nodes[2].terms.region = net_region_find("Frankfurt");
    struct router_query query = {.client_region = net_region_find("London")};
    assert_int_equal(router_pick(&router, &reg, &net, &query), 1);
    registry_begin(&reg, 1);
    assert_int_equal(router_pick(&router, &reg, &net, &query), 2);
    query.client_region = net_region_find("Seoul");
    assert_int_equal(router_pick(&router, &reg, &net, &query), 0);
}

static void stake_weighted_is_proportional(void **state)
{
    (void)state;
    struct registry reg = nodes(4);
    struct router router = open_router(ROUTER_STAKE_WEIGHTED);
    static const int stake[] = {0, 100, 300, 600};
    double count[4] = {0};
    for (uint32_t i = 0; i < 400; i++)
        count[pick(&router, &reg, i)]++; /* nobody has stake */
    for (int i = 0; i < 4; i++)
        assert_true(fabs(count[i] - 100.0) < 4.0 * sqrt(75.0));
    memset(count, 0, sizeof count);
    /* A thousand million OPG in all: the product with the draw needs 256 bits. */
    for (int i = 0; i < 4; i++)
        reg.nodes[i].terms.stake_opg = (money_t)stake[i] * 1000000 * MONEY_ATTO;
    for (uint32_t i = 0; i < 20000; i++)
        count[pick(&router, &reg, i)]++;
    assert_true(count[0] == 0.0);
    for (int i = 1; i < 4; i++) {
        double p = stake[i] / 1000.0;
        assert_true(fabs(count[i] / 20000.0 - p) < 4.0 * sqrt(p * (1.0 - p) / 20000.0));
    }
}

/* The client stays with its node, does not notice between two looks that it is gone, and moves at
 * the next; a failed request makes it draw at once. */
static void sticky_follows_the_sdk(void **state)
{
    (void)state;
    struct registry reg = nodes(20);
    struct net net = world();
    struct router router = open_router(ROUTER_STICKY);
    struct router_query query = {.client = 7, .now_ns = 100 * S};
    uint32_t node = router_pick(&router, &reg, &net, &query);
    for (query.request = 1; query.request < 50; query.request++) {
        query.now_ns += 40 * S;
        registry_expire(&reg, query.now_ns);
        for (uint32_t i = 0; i < 20; i++)
            assert_true(registry_heartbeat(&reg, i, query.now_ns, query.now_ns));
        assert_int_equal(router_pick(&router, &reg, &net, &query), node);
    }
    query.now_ns = 2210 * S; /* looks are at 400, 700, ..., 2200, 2500 */
    assert_int_equal(router_pick(&router, &reg, &net, &query), node);
    registry_disable(&reg, node);
    query.now_ns = 2499 * S;
    assert_int_equal(router_pick(&router, &reg, &net, &query), node);
    query.now_ns = 2500 * S;
    uint32_t moved = router_pick(&router, &reg, &net, &query);
    assert_true(moved != node && moved != NONE);
    registry_disable(&reg, moved);
    query.attempt = 1;
    query.now_ns = 2501 * S;
    uint32_t again = router_pick(&router, &reg, &net, &query);
    assert_true(again != moved && again != node && again != NONE);
    /* With nothing active a look changes nothing, but a failed request finds none. */
    for (uint32_t i = 0; i < 20; i++)
        registry_disable(&reg, i);
    query.attempt = 0;
    query.now_ns = 3500 * S;
    assert_int_equal(router_pick(&router, &reg, &net, &query), again);
    query.attempt = 1;
    assert_int_equal(router_pick(&router, &reg, &net, &query), NONE);
}

static void clients_spread_over_the_nodes(void **state)
{
    (void)state;
    struct registry reg = nodes(4);
    struct net net = world();
    struct router router = open_router(ROUTER_STICKY);
    double count[4] = {0};
    for (uint32_t client = 0; client < 100; client++) {
        struct router_query query = {.client = client, .request = client};
        count[router_pick(&router, &reg, &net, &query)]++;
    }
    for (int i = 0; i < 4; i++)
        assert_true(fabs(count[i] - 25.0) < 4.0 * sqrt(18.75));
}

/* A node class that nobody routes to changes no other draw: same request, same node. */
static void another_model_changes_no_draw(void **state)
{
    (void)state;
    struct registry a = nodes(10), b = nodes(10);
    struct registry_terms terms = {.capacity = 1, .model = 1};
    for (int i = 0; i < 5; i++)
        registry_register(&b, registry_add(&b, &terms), 0);
    struct router router = open_router(ROUTER_RANDOM);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(pick(&router, &a, i), pick(&router, &b, i));
}

/* What shares a name goes to one node; names spread; a node that leaves moves only what was its
 * own, and back again when it returns. */
static void prefixes_stay_together(void **state)
{
    (void)state;
    enum { NAMES = 400, NODES = 8 };
    struct registry reg = nodes(NODES);
    struct net net = world();
    struct router router = open_router(ROUTER_PREFIX);
    uint32_t home[NAMES], count[NODES] = {0};
    for (uint32_t i = 0; i < NAMES; i++) {
        struct router_query query = {.request = i, .shares = i + 1};
        home[i] = router_pick(&router, &reg, &net, &query);
        count[home[i]]++;
        query.request += 1000;
        assert_int_equal(router_pick(&router, &reg, &net, &query), home[i]);
    }
    for (int n = 0; n < NODES; n++) /* 50 each, standard deviation 6.6 */
        assert_true(count[n] > 50 - 5 * 6.6 && count[n] < 50 + 5 * 6.6);
    registry_disable(&reg, 3);
    for (uint32_t i = 0; i < NAMES; i++) {
        struct router_query query = {.request = i, .shares = i + 1};
        uint32_t node = router_pick(&router, &reg, &net, &query);
        if (home[i] == 3)
            assert_int_equal(node, 4); /* the next on the ring */
        else
            assert_int_equal(node, home[i]);
    }
    registry_enable(&reg, 3, 0);
    for (uint32_t i = 0; i < NAMES; i++) {
        struct router_query query = {.request = i, .shares = i + 1};
        assert_int_equal(router_pick(&router, &reg, &net, &query), home[i]);
    }
}

/* One name alone: its node takes as many as the bound allows, then the next one does.  With
 * nothing shared the least loaded is taken. */
static void a_popular_prefix_spreads(void **state)
{
    (void)state;
    struct registry reg = nodes(4);
    struct net net = world();
    struct router router = open_router(ROUTER_PREFIX);
    uint32_t first = 0, capacity = reg.nodes[0].terms.capacity;
    router.params.excess = 0.5;
    for (uint32_t i = 0; i < 100; i++) {
        struct router_query query = {.request = i, .shares = 77};
        uint32_t node = router_pick(&router, &reg, &net, &query);
        if (i == 0) first = node;
        /* its part of i + 1 requests, and half of its capacity */
        assert_true(reg.nodes[node].in_flight < (i + 1) / 4.0 + 0.5 * capacity);
        registry_begin(&reg, node);
    }
    for (uint32_t n = 0; n < 4; n++)
        assert_true(reg.nodes[n].in_flight <= reg.nodes[first].in_flight);
    assert_true(reg.nodes[first].in_flight < 100);
    struct router_query query = {.request = 1};
    uint32_t node = router_pick(&router, &reg, &net, &query);
    for (uint32_t n = 0; n < 4; n++)
        assert_true(reg.nodes[node].in_flight <= reg.nodes[n].in_flight);
}

/* Requests go to all but the decode nodes, what was begun goes on at all but the prefill nodes. */
static void roles_part_the_nodes(void **state)
{
    (void)state;
    struct registry reg = nodes(0);
    struct net net = world();
    static const enum registry_role roles[] = {REGISTRY_PREFILL, REGISTRY_DECODE, REGISTRY_BOTH};
    for (uint32_t i = 0; i < 9; i++) {
        struct registry_terms terms = {.capacity = 1, .role = roles[i % 3]};
        registry_register(&reg, registry_add(&reg, &terms), 0);
    }
    assert_int_equal(registry_actives(&reg, 0)->count, 6);
    assert_int_equal(registry_decoders(&reg, 0)->count, 6);
    static const enum router_policy policies[] = {ROUTER_RANDOM, ROUTER_LEAST_LOADED, ROUTER_STICKY,
                                                  ROUTER_PREFIX};
    for (size_t p = 0; p < sizeof policies / sizeof *policies; p++) {
        struct router router = open_router(policies[p]);
        for (uint32_t i = 0; i < 100; i++) {
            struct router_query query = {.request = i, .client = i % 7, .shares = i % 5};
            uint32_t a = router_pick(&router, &reg, &net, &query);
            query.decode = true;
            uint32_t b = router_pick(&router, &reg, &net, &query);
            assert_true(reg.nodes[a].terms.role != REGISTRY_DECODE);
            assert_true(reg.nodes[b].terms.role != REGISTRY_PREFILL);
        }
    }
    registry_disable(&reg, 1);
    registry_disable(&reg, 2);
    assert_int_equal(registry_actives(&reg, 0)->count, 5);
    assert_int_equal(registry_decoders(&reg, 0)->count, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefixes_stay_together),
        cmocka_unit_test(a_popular_prefix_spreads),
        cmocka_unit_test(roles_part_the_nodes),
        cmocka_unit_test(a_heartbeat_keeps_a_node_active),
        cmocka_unit_test(one_missed_heartbeat_is_tolerated_two_are_not),
        cmocka_unit_test(heartbeats_outside_the_window_revert),
        cmocka_unit_test(disabling_and_enabling),
        cmocka_unit_test(revoking_disables_all_that_run_it),
        cmocka_unit_test(lists_are_sorted_sets_whatever_the_history),
        cmocka_unit_test(nobody_active_gives_none),
        cmocka_unit_test(models_are_kept_apart),
        cmocka_unit_test(random_is_uniform),
        cmocka_unit_test(a_retry_draws_again),
        cmocka_unit_test(least_loaded_counts_requests_per_capacity),
        cmocka_unit_test(cheapest_prices_this_request),
        cmocka_unit_test(nearest_goes_by_the_clients_region),
        cmocka_unit_test(stake_weighted_is_proportional),
        cmocka_unit_test(sticky_follows_the_sdk),
        cmocka_unit_test(clients_spread_over_the_nodes),
        cmocka_unit_test(another_model_changes_no_draw),
    };
    return cmocka_run_group_tests_name("router", tests, setup, teardown);
}
