/* SPDX-License-Identifier: Apache-2.0
 * Steps timed one by one: a plug that makes up measured times stands for a device.
 *
 * What it gives is recorded, and replaying the recording must end in the same trace hash, from the
 * start and from a checkpoint in the middle. */
#include <unistd.h>

#include "models/models.h"
#include "tests/unit/unit.h"

#define WORLD                                                                                      \
    "hacasim: 1\nname: live\nhorizon: 3 min\ndrain: 1 min\n"                                       \
    "workload: {arrivals: {poisson: 2/s}}\n"                                                       \
    "nodes: [{name: n, count: 2, gpu: a100-80g, model: llama3-8b, timing: %s}]\n"                  \
    "validators: {count: 4}\nserving: {fidelity: %s}\n"

struct plug { /* as a device: no two measurements alike */
    uint64_t calls, fails_at, decode_steps;
    bool even; /* a function of the batch alone */
};

static bool measure(void *context, const struct models_step *step, int64_t *ns)
{
    struct plug *plug = context;
    if (++plug->calls == plug->fails_at) return false;
    plug->decode_steps += step->prefill_seqs == 0;
    assert_string_equal(step->class, "n");
    assert_string_equal(step->model, "llama3-8b");
    assert_true(step->sampled <= step->decode_seqs + step->prefill_seqs);
    *ns = 10000000 + 30 * step->decode_context_tok + 50000 * step->prefill_tok;
    if (!plug->even) *ns += (int64_t)(plug->calls * 2654435761u % 3000000);
    return true;
}

struct kept {
    void *state;
    struct models_checkpoint checkpoint;
};

static enum status keep(void *context, const struct models_checkpoint *checkpoint)
{
    struct kept *kept = context;
    if (kept->state != NULL) return STATUS_OK; /* the first */
    kept->state = malloc(checkpoint->bytes);
    memcpy(kept->state, checkpoint->state, checkpoint->bytes);
    kept->checkpoint = *checkpoint;
    kept->checkpoint.state = kept->state;
    return STATUS_OK;
}

static enum status run(const char *timing, const char *fidelity, struct models_options *options,
                       const char *record_to, uint64_t *hash)
{
    struct arena arena;
    struct diag diag;
    arena_init(&arena, "test", 0);
    diag_init(&diag, &arena);
    const char *text = arena_print(&arena, WORLD, timing, fidelity);
    struct models_scenario *s = models_load_text(&arena, "live.yaml", text, NULL, 0, &diag);
    if (s == NULL) diag_print(&diag, stdout);
    assert_non_null(s);
    struct models_record record = {.replication = 0};
    options->record_steps = record_to != NULL;
    enum status status = models_run(s, 1, 0, options, &arena, &record);
    *hash = record.trace_hash;
    assert_true((record.steps != NULL) == (record_to != NULL && status == STATUS_OK));
    if (record.steps != NULL) {
        FILE *out = fopen(record_to, "w");
        assert_non_null(out);
        models_steps_header(out);
        models_steps_write(record.steps, out);
        assert_int_equal(fclose(out), 0);
    }
    models_close(s);
    arena_free(&arena);
    return status;
}

static void a_recording_is_replayed_to_the_same_hash(void **state)
{
    (void)state;
    char path[] = "/tmp/hacasim_live_XXXXXX", timing[64];
    uint64_t live, replayed, resumed;
    struct plug plug = {0};
    struct models_live device = {&plug, measure};
    struct models_options options = {.live = &device};
    struct kept kept = {NULL, {0}};
    close(mkstemp(path));
    assert_int_equal(run("live", "leap", &options, path, &live), STATUS_OK);
    assert_true(plug.decode_steps > plug.calls / 2);
    snprintf(timing, sizeof timing, "{recorded: %s}", path);
    options = (struct models_options){
        .context = &kept, .checkpoint = keep, .checkpoint_every_ns = 60000000000};
    assert_int_equal(run(timing, "leap", &options, NULL, &replayed), STATUS_OK);
    assert_true(live == replayed);
    options = (struct models_options){.from = &kept.checkpoint};
    assert_int_equal(run(timing, "leap", &options, NULL, &resumed), STATUS_OK);
    assert_true(live == resumed);
    print_message("measured: %llu steps replayed to hash %016llx\n", (unsigned long long)plug.calls,
                  (unsigned long long)live);
    free(kept.state);
    unlink(path);
}

/* Leaping is off where each step is measured: both fidelities ask for the same steps. */
static void steps_are_forced(void **state)
{
    (void)state;
    uint64_t leap, step;
    struct plug one = {.even = true}, two = {.even = true};
    struct models_live first = {&one, measure}, second = {&two, measure};
    struct models_options options = {.live = &first};
    assert_int_equal(run("live", "leap", &options, NULL, &leap), STATUS_OK);
    options = (struct models_options){.live = &second};
    assert_int_equal(run("live", "step", &options, NULL, &step), STATUS_OK);
    assert_true(leap == step && one.calls == two.calls && one.calls > 10000);
}

static void shorten(const char *path, int lines)
{
    static char text[1 << 16];
    size_t used = 0;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    for (int i = 0; i < lines; i++) {
        assert_non_null(fgets(text + used, (int)(sizeof text - used), file));
        used += strlen(text + used);
    }
    fclose(file);
    assert_int_equal(truncate(path, (off_t)used), 0);
}

static void what_cannot_be_timed_is_told(void **state)
{
    (void)state;
    char path[] = "/tmp/hacasim_live_XXXXXX", timing[64];
    uint64_t hash;
    struct plug plug = {.fails_at = 100};
    struct models_live device = {&plug, measure};
    struct models_options options = {.live = &device};
    assert_int_equal(run("live", "leap", &options, NULL, &hash), STATUS_OPERATING);
    options = (struct models_options){.live = NULL};
    assert_int_equal(run("live", "leap", &options, NULL, &hash), STATUS_USER);
    /* A recording that ends too early. */
    close(mkstemp(path));
    assert_int_equal(run("roofline", "leap", &options, path, &hash), STATUS_OK);
    shorten(path, 50);
    snprintf(timing, sizeof timing, "{recorded: %s}", path);
    assert_int_equal(run(timing, "leap", &options, NULL, &hash), STATUS_OPERATING);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recording_is_replayed_to_the_same_hash),
        cmocka_unit_test(steps_are_forced),
        cmocka_unit_test(what_cannot_be_timed_is_told),
    };
    return cmocka_run_group_tests_name("live", tests, NULL, NULL);
}
