/* SPDX-License-Identifier: Apache-2.0
 * The mempool's rules one by one, and a long random life beside a twin that sorts everything. */
#include "models/mempool.h"
#include "sim/sim.h"
#include "tests/unit/unit.h"

enum { ROOM = 256 };
#define HOUR INT64_C(3600000000000)

static struct arena arena;
static struct mempool_params params;
static struct mempool pool;

static void open_pool(int64_t size, int priority, int fit)
{
    arena_free(&arena);
    arena_init(&arena, "test", 0);
    params = (struct mempool_params){size, priority, fit, 3 * HOUR};
    mempool_init(&pool, &params, &arena);
}

static uint32_t add(uint32_t sender, uint64_t gas, int64_t cap, int64_t tip)
{
    struct mempool_tx tx = {.sender = sender,
                            .gas_limit = gas,
                            .bytes = 300,
                            .fee_cap = cap,
                            .tip = tip,
                            .reference = (uint32_t)pool.added};
    uint32_t handle;
    assert_true(mempool_add(&pool, &tx, &handle));
    return handle;
}

static uint32_t pack(int64_t base_fee, uint32_t *handles)
{
    struct mempool_block block = {base_fee, 10000000, 22020096, HOUR};
    return mempool_pack(&pool, &block, handles, ROOM);
}

/* The facilitator asks for 9 M of the 10 M in a block: one settlement per block. */
static void test_one_settlement_per_block(void **state)
{
    uint32_t handles[ROOM];
    (void)state;
    open_pool(5000, MEMPOOL_FIFO, MEMPOOL_SKIP);
    for (int i = 0; i < 3; i++)
        add(0, 9000000, 2000000, 0);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(pack(7, handles), 1);
        assert_int_equal(mempool_get(&pool, handles[0])->reference, i);
        mempool_remove(&pool, handles[0]);
    }
    assert_int_equal(pack(7, handles), 0);
    /* With honest limits it would be about a hundred. */
    for (uint32_t i = 0; i < 200; i++)
        add(i, 97000, 2000000, 0);
    assert_int_equal(pack(7, handles), 103);
}

static void test_passed_over_or_stopped(void **state)
{
    uint32_t handles[ROOM];
    (void)state;
    for (int fit = MEMPOOL_SKIP; fit <= MEMPOOL_STOP; fit++) {
        open_pool(5000, MEMPOOL_FIFO, fit);
        add(0, 9000000, 10, 0);
        add(1, 9000000, 10, 0);
        add(2, 500000, 10, 0);
        assert_int_equal(pack(7, handles), fit == MEMPOOL_SKIP ? 2 : 1);
        assert_int_equal(pool.waiting, fit == MEMPOOL_SKIP ? 1 : 2);
    }
}

static void test_bytes_and_capacity(void **state)
{
    uint32_t handles[ROOM];
    struct mempool_block block = {0, 10000000, 700, HOUR};
    (void)state;
    open_pool(5000, MEMPOOL_FIFO, MEMPOOL_SKIP);
    for (uint32_t i = 0; i < 5; i++)
        add(i, 21000, 10, 0);
    assert_int_equal(mempool_pack(&pool, &block, handles, ROOM), 2);
    block.max_bytes = 1000000;
    assert_int_equal(mempool_pack(&pool, &block, handles, 1), 1);
    assert_int_equal(mempool_pack(&pool, &block, handles, ROOM), 2);
}

static void test_fee_cap_and_nonces(void **state)
{
    uint32_t handles[ROOM];
    (void)state;
    open_pool(5000, MEMPOOL_FIFO, MEMPOOL_SKIP);
    add(0, 21000, 5, 0);   /* too cheap */
    add(0, 21000, 100, 0); /* behind it: has to wait */
    add(1, 21000, 6, 0);
    assert_int_equal(pack(6, handles), 1);
    assert_int_equal(mempool_get(&pool, handles[0])->sender, 1);
    assert_int_equal(pack(5, handles), 2);
    assert_int_equal(mempool_get(&pool, handles[0])->fee_cap, 5);
}

static void test_not_ready(void **state)
{
    uint32_t handles[ROOM], handle;
    struct mempool_tx tx = {.gas_limit = 21000, .fee_cap = 9, .ready_ns = HOUR + 1};
    (void)state;
    open_pool(5000, MEMPOOL_FIFO, MEMPOOL_SKIP);
    assert_true(mempool_add(&pool, &tx, &handle));
    assert_int_equal(pack(1, handles), 0);
    struct mempool_block later = {1, 10000000, 10000, HOUR + 1};
    assert_int_equal(mempool_pack(&pool, &later, handles, ROOM), 1);
}

static void test_tip_order(void **state)
{
    uint32_t handles[ROOM];
    static const uint32_t want[] = {4, 1, 3, 0, 2};
    (void)state;
    open_pool(5000, MEMPOOL_TIP, MEMPOOL_SKIP);
    add(0, 21000, 100, 1);  /* 0: tips of one sender keep their order: 1 then 90 */
    add(1, 21000, 100, 5);  /* 1 */
    add(0, 21000, 100, 90); /* 2 */
    add(2, 21000, 100, 5);  /* 3: same tip as 1, later */
    add(3, 21000, 100, 7);  /* 4 */
    assert_int_equal(pack(1, handles), 5);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(mempool_get(&pool, handles[i])->reference, want[i]);
}

static void test_full(void **state)
{
    struct mempool_tx tx = {.gas_limit = 21000};
    uint32_t handles[ROOM], handle;
    (void)state;
    open_pool(2, MEMPOOL_FIFO, MEMPOOL_SKIP);
    add(0, 21000, 10, 0);
    add(0, 21000, 10, 0);
    assert_false(mempool_add(&pool, &tx, &handle));
    assert_int_equal(pool.full, 1);
    assert_int_equal(pack(1, handles), 2);
    assert_false(mempool_add(&pool, &tx, &handle)); /* a block in progress still takes room */
    mempool_remove(&pool, handles[0]);
    assert_true(mempool_add(&pool, &tx, &handle));
    assert_int_equal(pool.full, 2);
    assert_int_equal(pool.peak, 2);
}

static void test_requeue_keeps_order(void **state)
{
    uint32_t handles[ROOM];
    static const uint32_t back[] = {2, 0, 3, 1}; /* in any order */
    (void)state;
    open_pool(5000, MEMPOOL_FIFO, MEMPOOL_SKIP);
    for (uint32_t i = 0; i < 4; i++)
        add(i % 2, 21000, 10, 0);
    assert_int_equal(pack(1, handles), 4);
    add(0, 21000, 10, 0);
    for (uint32_t i = 0; i < 4; i++)
        mempool_requeue(&pool, handles[back[i]]);
    assert_int_equal(pack(1, handles), 5);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(mempool_get(&pool, handles[i])->reference, i);
}

static void test_expiry(void **state)
{
    struct mempool_tx tx = {.gas_limit = 21000, .fee_cap = 9, .sender = 3}, gone;
    uint32_t handles[ROOM], handle;
    (void)state;
    open_pool(5000, MEMPOOL_FIFO, MEMPOOL_SKIP);
    for (uint32_t i = 0; i < 4; i++) {
        tx.arrived_ns = i * HOUR;
        tx.reference = i;
        assert_true(mempool_add(&pool, &tx, &handle));
    }
    struct mempool_block block = {1, 21000, 10000, 3 * HOUR};
    assert_int_equal(mempool_pack(&pool, &block, handles, ROOM), 1); /* reference 0 is in a block */
    assert_false(mempool_expire(&pool, 4 * HOUR, &gone));
    assert_true(mempool_expire(&pool, 4 * HOUR + 1, &gone));
    assert_int_equal(gone.reference, 1);
    assert_false(mempool_expire(&pool, 4 * HOUR + 1, &gone));
    assert_true(mempool_expire(&pool, 9 * HOUR, &gone));
    assert_true(mempool_expire(&pool, 9 * HOUR, &gone));
    assert_false(mempool_expire(&pool, 9 * HOUR, &gone));
    assert_int_equal(pool.expired, 3);
    assert_int_equal(pool.count, 1);
    mempool_requeue(&pool, handles[0]);
    assert_true(mempool_expire(&pool, 9 * HOUR, &gone));
    assert_int_equal(gone.reference, 0);
    assert_int_equal(pool.count, 0);
}

/* ---- the twin: an array, sorted anew for each block ----------------------------------------- */

enum { TWIN_ROOM = 4096, TWIN_GONE = 0, TWIN_WAITING, TWIN_PACKED };
struct twin {
    struct mempool_tx tx;
    uint32_t handle;
    int state;
};
static struct twin twins[TWIN_ROOM];
static uint32_t twin_count;

/* Next to go in: the first waiting transaction of a sender not given up, best by the rule. */
static struct twin *twin_best(const bool *given_up)
{
    struct twin *best = NULL;
    bool seen[16] = {0};
    for (uint32_t i = 0; i < twin_count; i++) {
        struct twin *t = &twins[i];
        if (t->state != TWIN_WAITING || given_up[t->tx.sender] || seen[t->tx.sender]) continue;
        seen[t->tx.sender] = true;
        if (best == NULL || (params.priority == MEMPOOL_TIP && t->tx.tip > best->tx.tip)) best = t;
    }
    return best;
}

static void twin_pack(const struct mempool_block *block, const uint32_t *handles, uint32_t n)
{
    bool given_up[16] = {0};
    uint64_t gas = block->max_gas, bytes = block->max_bytes;
    uint32_t taken = 0;
    for (struct twin *t; (t = twin_best(given_up)) != NULL;) {
        bool payable = t->tx.fee_cap >= block->base_fee && t->tx.ready_ns <= block->now_ns;
        bool fits = t->tx.gas_limit <= gas && t->tx.bytes <= bytes;
        if (payable && !fits && params.fit == MEMPOOL_STOP) break;
        given_up[t->tx.sender] = !payable || !fits;
        if (given_up[t->tx.sender]) continue;
        gas -= t->tx.gas_limit;
        bytes -= t->tx.bytes;
        t->state = TWIN_PACKED;
        assert_true(taken < n);
        assert_int_equal(handles[taken++], t->handle);
    }
    assert_int_equal(taken, n);
}

static void twin_add(struct rng_stream *s, int64_t now_ns)
{
    struct mempool_tx tx = {.sender = (uint32_t)rng_below(s, 16),
                            .gas_limit = 21000 + rng_below(s, 3) * 3000000,
                            .bytes = 100 + rng_below(s, 1000),
                            .fee_cap = (int64_t)rng_below(s, 10),
                            .tip = (int64_t)rng_below(s, 4),
                            .arrived_ns = now_ns,
                            .ready_ns = now_ns + (int64_t)rng_below(s, 3)};
    uint32_t handle;
    if (!mempool_add(&pool, &tx, &handle)) return;
    twins[twin_count++] = (struct twin){tx, handle, TWIN_WAITING};
}

/* End a block: each of its transactions goes for good, or all go back. */
static void twin_settle(struct rng_stream *s)
{
    bool decided = rng_below(s, 4) > 0;
    for (uint32_t i = twin_count; i-- > 0;) {
        if (twins[i].state != TWIN_PACKED) continue;
        if (decided)
            mempool_remove(&pool, twins[i].handle);
        else
            mempool_requeue(&pool, twins[i].handle);
        twins[i].state = decided ? TWIN_GONE : TWIN_WAITING;
    }
}

static void twin_withdraw(struct rng_stream *s)
{
    uint32_t i = (uint32_t)rng_below(s, twin_count);
    if (twins[i].state != TWIN_WAITING) return;
    mempool_remove(&pool, twins[i].handle);
    twins[i].state = TWIN_GONE;
}

static void test_twin(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        struct rng_stream s = rng_open(2385, 0, 1, (uint32_t)kind);
        uint32_t handles[ROOM];
        open_pool(100, kind % 2, kind / 2);
        twin_count = 0;
        for (int64_t now_ns = 0; now_ns < 600 && twin_count < TWIN_ROOM - 8; now_ns++) {
            for (uint64_t n = rng_below(&s, 8); n > 0; n--)
                twin_add(&s, now_ns);
            if (twin_count > 0 && rng_below(&s, 5) == 0) twin_withdraw(&s);
            struct mempool_block block = {(int64_t)rng_below(&s, 8), 10000000, 5000, now_ns};
            uint32_t n = mempool_pack(&pool, &block, handles, ROOM);
            twin_pack(&block, handles, n);
            twin_settle(&s);
        }
        assert_true(pool.full > 0);
        assert_true(pool.requeued > 0);
        uint32_t left = 0;
        for (uint32_t i = 0; i < twin_count; i++)
            left += twins[i].state == TWIN_WAITING;
        assert_int_equal(pool.count, left);
        assert_int_equal(pool.waiting, left);
    }
}

static void test_defaults(void **state)
{
    struct mempool_params read = {0};
    struct diag diag;
    (void)state;
    diag_init(&diag, &arena);
    struct param_doc *doc = param_load_text(&arena, "t", "{}", 2, NULL, 0, &diag);
    param_read(doc, &mempool_table, &read, &diag);
    assert_int_equal(diag.count, 0);
    assert_int_equal(read.size, 5000);
    assert_int_equal(read.priority, MEMPOOL_FIFO);
    assert_int_equal(read.fit, MEMPOOL_SKIP);
    assert_int_equal(read.lifetime, 3 * HOUR);
    param_close(doc);
}

static int finish(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_settlement_per_block),
        cmocka_unit_test(test_passed_over_or_stopped),
        cmocka_unit_test(test_bytes_and_capacity),
        cmocka_unit_test(test_fee_cap_and_nonces),
        cmocka_unit_test(test_not_ready),
        cmocka_unit_test(test_tip_order),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_requeue_keeps_order),
        cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_twin),
        cmocka_unit_test(test_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, finish);
}
