/* SPDX-License-Identifier: Apache-2.0
 * Record what a scenario asks of its event list:  record SCENARIO STREAM [KEY=VALUE]...
 * One replication is run with its own seed; `lab STREAM` replays it on every candidate. */
#define RECORD_ITSELF
#include "tests/lab/record.h"

#include "models/models.h"
#include "tests/lab/lab.h"

static FILE *out_file;
static uint32_t given;       /* cancellable events so far */
static uint32_t *given_of;   /* of a slot: which one has it now */
static uint32_t given_slots; /* room in given_of */

static void record_write(struct lab_record record)
{
    if (fwrite(&record, sizeof record, 1, out_file) != 1) lab_fail("cannot write the stream");
}

void record_schedule(struct event_list *list, int64_t time_ns, uint16_t kind, uint32_t entity,
                     uint32_t arg)
{
    record_write((struct lab_record){time_ns, entity, arg, 0, kind, LAB_SCHEDULE});
    event_schedule(list, time_ns, kind, entity, arg);
}

struct event_handle record_schedule_cancellable(struct event_list *list, int64_t time_ns,
                                                uint16_t kind, uint32_t entity, uint32_t arg)
{
    struct event_handle handle = event_schedule_cancellable(list, time_ns, kind, entity, arg);
    if (handle.slot >= given_slots) {
        given_slots = 2 * handle.slot + 64;
        given_of = realloc(given_of, given_slots * sizeof *given_of);
        if (!given_of) lab_fail("no memory");
    }
    given_of[handle.slot] = given++;
    record_write((struct lab_record){time_ns, entity, arg, 0, kind, LAB_SCHEDULE_CANCELLABLE});
    return handle;
}

bool record_cancel(struct event_list *list, struct event_handle handle)
{
    bool done = event_cancel(list, handle);
    if (done)
        record_write((struct lab_record){.cancellable = given_of[handle.slot], .op = LAB_CANCEL});
    return done;
}

bool record_next(struct event_list *list, int64_t until_ns, struct event *out)
{
    bool any = event_next(list, until_ns, out);
    if (any) record_write((struct lab_record){.op = LAB_NEXT});
    return any;
}

int main(int count, char **arguments)
{
    struct arena arena;
    struct diag diag;
    struct models_record record;
    if (count < 3) lab_fail("usage: record SCENARIO STREAM [KEY=VALUE]...");
    arena_init(&arena, "recorder", 0);
    diag_init(&diag, &arena);
    struct models_scenario *scenario = models_load(
        &arena, arguments[1], (const char *const *)arguments + 3, (size_t)count - 3, &diag);
    diag_print(&diag, stderr);
    if (!scenario) return 2;
    out_file = fopen(arguments[2], "wb");
    if (!out_file) lab_fail("cannot write the stream");
    enum status status = models_run(scenario, models_info(scenario).seed, 0, NULL, &arena, &record);
    if (status != STATUS_OK) status_print(stderr);
    if (fclose(out_file) != 0) lab_fail("cannot write the stream");
    models_close(scenario);
    arena_free(&arena);
    free(given_of);
    return status == STATUS_OK ? 0 : 3;
}
